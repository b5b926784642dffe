//! Crafted artifacts: all hashes match, but a part of the artifact is not what its program or its meaning gives.

use std::fs;

use opus_runtime::artifact::seal;

use super::folder::Folder;

/// Replaces bytes in an artifact by as many others and corrects the content hash.
fn replace(artifact: &[u8], old: &str, new: &str) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let mut bytes = artifact.to_vec();
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(old.as_bytes())).collect();
    assert!(!places.is_empty(), "`{old}` is in the artifact");
    places.into_iter().for_each(|at| bytes[at..at + new.len()].copy_from_slice(new.as_bytes()));
    seal(&mut bytes);
    bytes
}

const POLICY: &str = "policy p { input { score : int in 0..9 }  output { passes : bool }
  rules first { rule A when score > 5 => true  otherwise B => false } }";

#[test]
fn another_source_is_neither_shown_nor_used() {
    let folder = Folder::new("crafted-source");
    fs::write(folder.path("p.opus"), POLICY).unwrap();
    folder.opus("build p.opus -o p.opusc").ends(0);
    let shown = folder.opus("inspect p.opusc --source").ends(0);
    assert!(shown.text().contains("score > 5"), "{shown}");
    let whole = folder.bytes("p.opusc");
    let crafted = replace(&whole, "score > 5", "score > 6");
    fs::write(folder.path("crafted.opusc"), &crafted).unwrap();
    fs::write(folder.path("input.json"), r#"{"score": 6}"#).unwrap();
    for line in [
        "inspect crafted.opusc --source",
        "run crafted.opusc --input input.json --trace",
        "test crafted.opusc",
    ] {
        let ended = folder.opus(line);
        assert!(ended.code != 0 && !ended.text().contains("score > 6"), "{ended}");
        assert!(ended.err.contains("is not what the artifact was compiled from"), "{ended}");
    }
    // the policy itself is sound
    folder.opus("run crafted.opusc --input input.json").ends(0);

    // by its own account another version wrote it
    let version = opus_frontend::VERSION;
    let other = replace(&crafted, version, &"9".repeat(version.len()));
    fs::write(folder.path("other.opusc"), &other).unwrap();
    let shown = folder.opus("inspect other.opusc --source").ends(0);
    assert!(shown.err.contains("not compared") && shown.text().contains("score > 6"), "{shown}");
    let shown = folder.opus("inspect other.opusc --source --format json").ends(0);
    assert!(shown.text().contains("not compared"), "{shown}");
    let ended = folder.opus("run other.opusc --input input.json --trace");
    assert!(ended.code != 0 && ended.err.contains("another meaning"), "{ended}");
    // what still means the same is compared, whichever version wrote it
    let same = replace(&whole, version, &"9".repeat(version.len()));
    fs::write(folder.path("same.opusc"), &same).unwrap();
    let shown = folder.opus("inspect same.opusc --source").ends(0);
    assert!(!shown.err.contains("not compared"), "{shown}");
}

#[test]
fn another_bytecode_is_refused_with_and_without_a_cache() {
    let folder = Folder::new("crafted-bytecode");
    fs::write(folder.path("p.opus"), POLICY).unwrap();
    folder.opus("build p.opus -o p.opusc").ends(0);
    let whole = folder.bytes("p.opusc");
    let meaning_bytes = u64::from_le_bytes(whole[112..120].try_into().unwrap()) as usize;
    let detail = (opus_runtime::artifact::HEADER_BYTES + meaning_bytes).next_multiple_of(16);
    let mut refused = 0;
    for at in (detail..whole.len()).step_by(5) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        seal(&mut bytes);
        if opus_runtime::Artifact::from_bytes(&bytes).is_ok() {
            continue;
        }
        refused += 1;
        // two openings with the cache of the artifact that is whole
        if refused % 20 == 1 {
            fs::write(folder.path("crafted.opusc"), &bytes).unwrap();
            for _ in 0..2 {
                let ended = folder.opus("inspect crafted.opusc");
                assert!(ended.code != 0 && !ended.err.contains("0x"), "byte {at}: {ended}");
            }
        }
    }
    assert!(refused > 20, "{refused}");
}

#[test]
fn temporary_files_of_killed_builds_are_swept() {
    let folder = Folder::new("swept");
    folder.opus("build credit.opus").ends(0);
    let temporary = folder.cache().join("0123456789abcdef.tmp");
    fs::write(&temporary, "half an entry").unwrap();
    folder.opus("build credit.opus").ends(0);
    assert!(!temporary.exists());
}
