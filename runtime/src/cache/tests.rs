//! Whatever is stored is loaded, and nothing else.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use super::{CacheDir, Key, Miss};
use crate::hash::Hash;

/// A directory that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("opus-cache-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Scratch(path)
    }

    fn cache(&self) -> CacheDir {
        CacheDir::new(self.0.join("cache"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl CacheDir {
    fn entry_path(&self, key: &Key) -> PathBuf {
        self.path().join(key.file_name())
    }
}

fn key(part: &str) -> Key<'_> {
    Key::Native { meaning: Hash::of(b"policy"), compiler: "1.0", target: "x86-64 avx2", part }
}

fn note(verifier: &str) -> Key<'_> {
    Key::Verified { content: Hash::of(b"artifact"), verifier }
}

#[test]
fn what_is_stored_is_loaded() {
    let scratch = Scratch::new("stored");
    let cache = scratch.cache();
    assert_eq!(cache.load(&key("rows")), Err(Miss::Absent));
    assert!(cache.store(&key("rows"), b"code"));
    assert_eq!(cache.load(&key("rows")).unwrap()[..], *b"code");
    assert!(cache.store(&key("rows"), b"newer code"));
    assert_eq!(cache.load(&key("rows")).unwrap()[..], *b"newer code");
    assert_eq!(cache.load(&key("columns")), Err(Miss::Absent));
}

#[test]
fn every_part_of_the_key_counts() {
    let meaning = Hash::of(b"policy");
    let native = |meaning, compiler, target, part| Key::Native { meaning, compiler, target, part };
    let other = Hash::of(b"other");
    let keys = [
        key("rows"),
        key("columns"),
        native(other, "1.0", "x86-64 avx2", "rows"),
        native(meaning, "1.1", "x86-64 avx2", "rows"),
        native(meaning, "1.0", "x86-64 sse4.1", "rows"),
        native(meaning, "1.0x", "86-64 avx2", "rows"),
        note("1.0"),
        note("1.1"),
        Key::Verified { content: other, verifier: "1.0" },
        Key::Verified { content: meaning, verifier: "1.0" },
    ];
    let names: std::collections::BTreeSet<String> = keys.iter().map(Key::file_name).collect();
    assert_eq!(names.len(), keys.len());
    let hashes: std::collections::BTreeSet<Hash> = keys.iter().map(Key::hash).collect();
    assert_eq!(hashes.len(), keys.len());
}

#[test]
fn every_damaged_byte_is_noticed_and_healed() {
    let scratch = Scratch::new("damaged");
    let cache = scratch.cache();
    cache.store(&key("rows"), b"some code");
    let path = cache.entry_path(&key("rows"));
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&path, &damaged).unwrap();
        assert_eq!(cache.load(&key("rows")), Err(Miss::Refused), "byte {at}");
    }
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(cache.load(&key("rows")), Err(Miss::Refused), "{length} bytes");
    }
    assert!(cache.store(&key("rows"), b"some code"));
    assert_eq!(cache.load(&key("rows")).unwrap()[..], *b"some code");
}

#[test]
fn entries_of_others_are_refused() {
    let (mine, other) = (Scratch::new("mine"), Scratch::new("other"));
    let (mine, other) = (mine.cache(), other.cache());
    mine.store(&key("rows"), b"mine");
    other.store(&key("rows"), b"other");
    // made on another machine
    fs::copy(other.entry_path(&key("rows")), mine.entry_path(&key("rows"))).unwrap();
    assert_eq!(mine.load(&key("rows")), Err(Miss::Refused));
    // made for something else
    mine.store(&key("columns"), b"columns");
    fs::copy(mine.entry_path(&key("columns")), mine.entry_path(&key("rows"))).unwrap();
    assert_eq!(mine.load(&key("rows")), Err(Miss::Refused));
    // a note of another version
    mine.store(&note("1.0"), b"");
    fs::copy(mine.entry_path(&note("1.0")), mine.entry_path(&note("1.1"))).unwrap();
    assert!(mine.load(&note("1.0")).is_ok());
    assert_eq!(mine.load(&note("1.1")), Err(Miss::Refused));
}

#[test]
fn a_length_that_no_key_vouches_for_is_not_read() {
    let scratch = Scratch::new("sparse");
    let cache = scratch.cache();
    cache.store(&key("rows"), b"some code");
    let path = cache.entry_path(&key("rows"));
    let whole = fs::read(&path).unwrap();
    // longer by a terabyte, first by the file alone, then by its own account too
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(1 << 40).unwrap();
    assert_eq!(cache.load(&key("rows")), Err(Miss::Refused));
    let mut head = whole[..112].to_vec();
    head[40..48].copy_from_slice(&((1_u64 << 40) - 112).to_le_bytes());
    fs::write(&path, &head).unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(cache.load(&key("rows")), Err(Miss::Refused));
    // nothing at all
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(cache.load(&key("rows")), Err(Miss::Refused));
    assert!(cache.store(&key("rows"), b"some code"));
    assert_eq!(cache.load(&key("rows")).unwrap()[..], *b"some code");
}

#[test]
fn temporary_files_of_killed_processes_are_swept() {
    let scratch = Scratch::new("swept");
    let cache = scratch.cache();
    fs::create_dir(cache.path()).unwrap();
    let file = |name: &str| cache.path().join(name);
    let (killed, alive, foreign) = ("0123456789abcdef.tmp", "fedcba9876543210.tmp", "notes.tmp");
    [killed, alive, foreign].into_iter().for_each(|name| fs::write(file(name), b"half an ent").unwrap());
    let writer = fs::File::open(file(alive)).unwrap();
    writer.lock().unwrap();
    assert!(cache.store(&key("rows"), b"code"));
    assert!(!file(killed).exists(), "its process is gone");
    assert!(file(alive).exists(), "its process still writes");
    assert!(file(foreign).exists(), "no process of ours wrote it");
    drop(writer);
    cache.sweep();
    assert!(!file(alive).exists());
}

#[test]
fn only_a_private_key_counts() {
    let scratch = Scratch::new("key");
    let cache = scratch.cache();
    cache.store(&key("rows"), b"code");
    let path = cache.path().join("key");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&path).unwrap().len(), 32);

    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(cache.load(&key("rows")), Err(Miss::Unavailable));
    // a key that others may have read is replaced, and what it vouched for is not believed
    assert!(cache.store(&key("columns"), b"columns"));
    assert_eq!(cache.load(&key("columns")).unwrap()[..], *b"columns");
    assert_eq!(cache.load(&key("rows")), Err(Miss::Refused));

    let elsewhere = scratch.0.join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    assert_eq!(cache.load(&key("columns")), Err(Miss::Unavailable));
}

#[test]
fn a_directory_that_cannot_be_used_is_no_error() {
    let scratch = Scratch::new("unusable");
    let file = scratch.0.join("file");
    fs::write(&file, b"").unwrap();
    let cache = CacheDir::new(file.join("cache"));
    assert!(!cache.store(&key("rows"), b"code"));
    assert_eq!(cache.load(&key("rows")), Err(Miss::Unavailable));
    let nowhere = CacheDir::new(scratch.0.join("nowhere"));
    assert_eq!(nowhere.load(&key("rows")), Err(Miss::Absent));
}

#[test]
fn many_may_build_at_once() {
    let scratch = Scratch::new("many");
    let cache = scratch.cache();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let cache = &cache;
            scope.spawn(move || {
                for round in 0..50 {
                    let part = ["rows", "columns"][(thread + round) % 2];
                    let _ = cache.load(&key(part));
                    assert!(cache.store(&key(part), part.as_bytes()));
                    assert_eq!(cache.load(&key(part)).unwrap()[..], *part.as_bytes());
                }
            });
        }
    });
    let left: Vec<_> = fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "a key and two entries: {left:?}");
}
