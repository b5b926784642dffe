//! Is native code a cache and no promise? Whatever is wrong with an entry, it is ignored and made anew.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::fs;
use std::path::{Path, PathBuf};

use crate::folder::{Ended, Folder};

/// The entries of a cache.
fn entries(cache: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(cache).expect("a cache").map(|entry| entry.expect("an entry").path());
    let mut entries: Vec<PathBuf> =
        all.filter(|path| path.extension().is_some_and(|extension| extension == "native")).collect();
    entries.sort();
    entries
}

const KEPT: &str = "native code    compiled, and kept in ";
const FOUND: &str = "native code    was in ";

fn build(folder: &Folder, words: &str) {
    let ended = folder.opus("build credit.opus").ends(0);
    assert!(ended.text().contains(words), "`{words}` is missing\n{ended}");
}

/// Changes the bytes of every entry.
fn change(cache: &Path, change: impl Fn(&mut Vec<u8>)) {
    for entry in entries(cache) {
        let mut bytes = fs::read(&entry).expect("an entry");
        change(&mut bytes);
        fs::write(&entry, bytes).expect("an entry");
    }
}

/// What may befall a cache, and whether what is compiled anew can be kept.
type Misfortune = (&'static str, fn(&Path), bool);

const MISFORTUNES: &[Misfortune] = &[
    ("a byte of the code is another", |cache| change(cache, |bytes| *bytes.last_mut().unwrap() ^= 1), true),
    ("a byte of the authentication is another", |cache| change(cache, |bytes| bytes[50] ^= 1), true),
    ("half is missing", |cache| change(cache, |bytes| bytes.truncate(bytes.len() / 2)), true),
    ("all is missing", |cache| change(cache, Vec::clear), true),
    ("there is more", |cache| change(cache, |bytes| bytes.push(0)), true),
    ("it is something else", |cache| change(cache, |bytes| *bytes = b"policy p {}".repeat(50)), true),
    ("entries have changed places", swap_entries, true),
    ("they were made on another machine", |cache| fs::write(cache.join("key"), [7; 32]).unwrap(), true),
    ("the key is damaged", |cache| fs::write(cache.join("key"), [7; 5]).unwrap(), true),
    ("the key is lost", |cache| fs::remove_file(cache.join("key")).unwrap(), true),
    ("all is lost", |cache| fs::remove_dir_all(cache).unwrap(), true),
    ("entries are links", link_entries, true),
    ("entries are folders", entries_to_folders, false),
    (
        "the cache is a file",
        |cache| {
            fs::remove_dir_all(cache).unwrap();
            fs::write(cache, "").unwrap()
        },
        false,
    ),
];

fn swap_entries(cache: &Path) {
    let entries = entries(cache);
    let between = cache.join("between");
    fs::rename(&entries[0], &between).unwrap();
    fs::rename(&entries[1], &entries[0]).unwrap();
    fs::rename(&between, &entries[1]).unwrap();
}

fn link_entries(cache: &Path) {
    for entry in entries(cache) {
        let elsewhere = entry.with_extension("elsewhere");
        fs::rename(&entry, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &entry).unwrap();
    }
}

fn entries_to_folders(cache: &Path) {
    for entry in entries(cache) {
        fs::remove_file(&entry).unwrap();
        fs::create_dir(&entry).unwrap();
    }
}

#[test]
fn whatever_is_wrong_with_an_entry_it_is_ignored_and_made_anew() {
    let folder = Folder::new("misfortunes");
    folder.opus("batch credit.opus good.csv -o wanted.csv --engine reference").ends(0);
    let befallen = |befall: fn(&Path)| {
        let _ = fs::remove_file(folder.cache()).or_else(|_| fs::remove_dir_all(folder.cache()));
        build(&folder, KEPT);
        build(&folder, FOUND);
        befall(&folder.cache());
    };
    for (name, befall, can_be_kept) in MISFORTUNES {
        befallen(*befall);
        folder.opus("batch credit.opus good.csv -o out.csv").ends(0);
        assert_eq!(folder.text("out.csv"), folder.text("wanted.csv"), "{name}");
        befallen(*befall);
        let first = folder.opus("build credit.opus").ends(0);
        let words = if *can_be_kept { KEPT } else { "cannot be kept in " };
        assert!(first.text().contains(words), "{name}\n{first}");
        if *can_be_kept {
            build(&folder, FOUND);
        }
    }
}

#[test]
fn without_a_place_for_a_cache_everything_works() {
    let folder = Folder::new("no-cache");
    let command = |line: &str| {
        let mut command = folder.command(line);
        for name in ["OPUS_CACHE_DIR", "XDG_CACHE_HOME", "HOME"] {
            command.env_remove(name);
        }
        Ended::of(line, command.output().expect("opus runs")).ends(0)
    };
    let built = command("build credit.opus");
    assert!(built.text().contains("set OPUS_CACHE_DIR, XDG_CACHE_HOME or HOME"), "{built}");
    command("batch credit.opusc good.csv -o out.csv");
}

#[test]
fn several_may_build_at_once() {
    let folder = Folder::new("at-once");
    let line = "build credit.opus -o shared.opusc";
    let children: Vec<_> = (0..6).map(|_| folder.command(line).spawn().expect("opus runs")).collect();
    for child in children {
        Ended::of(line, child.wait_with_output().expect("opus ends")).ends(0);
    }
    build(&folder, FOUND);
    assert_eq!(folder.bytes("shared.opusc"), folder.bytes("credit.opusc"));
    let left: Vec<String> = folder.names().into_iter().filter(|name| name.starts_with('.')).collect();
    assert_eq!(left, [""; 0]);
    assert_eq!(fs::read_dir(folder.cache()).expect("a cache").count(), 4, "two entries, a note and a key");
}

#[test]
fn the_same_source_is_the_same_artifact_wherever_it_is_built() {
    let folder = Folder::new("same");
    fs::create_dir_all(folder.path("other/deeper")).expect("a folder");
    for policy in ["credit", "refund", "insurance"] {
        folder.opus(&format!("build {policy}.opus")).ends(0);
        folder.write("other/deeper/copy.opus", folder.bytes(&format!("{policy}.opus")));
        folder.opus("build other/deeper/copy.opus").ends(0);
        let artifact = folder.bytes(&format!("{policy}.opusc"));
        assert!(artifact == folder.bytes("other/deeper/copy.opusc"), "{policy}: in another folder");
        folder.opus(&format!("build {policy}.opusc -o again.opusc")).ends(0);
        assert!(artifact == folder.bytes("again.opusc"), "{policy}: of the artifact itself");
    }
}
