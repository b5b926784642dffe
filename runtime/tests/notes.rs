//! An artifact is verified whole on its first opening on a machine. A note in the cache lets later openings skip that,
//! for exactly the bytes that passed.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::path::PathBuf;

use common::Folder;
use opus_ir::testing::verifications;
use opus_runtime::artifact::{HEADER_BYTES, seal};
use opus_runtime::{Artifact, ArtifactError, Cache, Engine, Options, Policy, example};

/// Opens bytes with a cache, and counts how many programs are verified for it.
fn opened(bytes: &[u8], folder: &Folder) -> (Result<Artifact, ArtifactError>, u64) {
    let before = verifications();
    let artifact = Artifact::from_bytes_with(bytes, &folder.cache());
    (artifact, verifications() - before)
}

fn notes(folder: &Folder) -> Vec<PathBuf> {
    let files = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "verified")).collect()
}

/// An artifact whose bytecode is not what its program compiles to, with a content hash that matches.
fn crafted(whole: &[u8]) -> Vec<u8> {
    let refused = |at: usize| {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 1;
        seal(&mut bytes);
        let error = Artifact::from_bytes(&bytes).err();
        matches!(error, Some(ArtifactError::Bytecode { .. })).then_some(bytes)
    };
    (HEADER_BYTES..whole.len()).rev().find_map(refused).expect("some byte is bytecode")
}

#[test]
fn building_and_opening_verify_once() {
    let folder = Folder::new("once");
    let before = verifications();
    let artifact = example::artifact();
    assert_eq!(verifications() - before, 1);
    let options = Options { cache: folder.cache(), ..Options::default() };
    let policy = Policy::from_artifact(artifact, &options).unwrap();
    policy.prepare();
    assert_eq!(verifications() - before, 1, "the program that was built is used as it is");
    let bytes = policy.artifact().bytes();
    assert_eq!(opened(bytes, &folder).1, 1, "the first opening");
    for engine in Engine::ALL {
        let before = verifications();
        let options = Options { engine, ..options.clone() };
        let again = Policy::from_bytes_with(bytes, &options).unwrap();
        again.prepare();
        assert_eq!(verifications(), before, "{engine}");
        assert_eq!(again.artifact().verified_program(), policy.artifact().verified_program());
    }
}

#[test]
fn without_a_cache_every_opening_verifies() {
    let before = verifications();
    let bytes = example::artifact().bytes().to_vec();
    (0..3).for_each(|_| drop(Artifact::from_bytes_with(&bytes, &Cache::Off).unwrap()));
    assert_eq!(verifications() - before, 4);
}

#[test]
fn a_note_vouches_for_one_content_hash() {
    let folder = Folder::new("one");
    let artifact = example::artifact();
    let whole = artifact.bytes();
    let bad = crafted(whole);
    opened(whole, &folder).0.unwrap();
    assert!(matches!(opened(&bad, &folder).0, Err(ArtifactError::Bytecode { .. })));
    let mut damaged = whole.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    assert!(matches!(opened(&damaged, &folder).0, Err(ArtifactError::Content)));
    // a refused artifact leaves no note
    assert_eq!(notes(&folder).len(), 1);
    assert!(opened(&bad, &folder).0.is_err());

    // the note under the name of another one: that of a comment's difference, which is sound
    let source = opus_runtime::artifact::SourceText { compiler: "another", ..example::SOURCE };
    let other = Artifact::build(example::program(), source).unwrap();
    let [note] = &notes(&folder)[..] else { panic!("one note") };
    let contents = fs::read(note).unwrap();
    opened(other.bytes(), &folder).0.unwrap();
    let others = notes(&folder).into_iter().find(|path| path != note).unwrap();
    fs::write(&others, contents).unwrap();
    assert_eq!(opened(other.bytes(), &folder).1, 1, "the note says another name");
}

#[test]
fn damaged_and_foreign_notes_are_not_believed() {
    let (folder, elsewhere) = (Folder::new("mine"), Folder::new("elsewhere"));
    let artifact = example::artifact();
    let whole = artifact.bytes();
    opened(whole, &elsewhere).0.unwrap();
    let [foreign] = &notes(&elsewhere)[..] else { panic!("one note") };
    opened(whole, &folder).0.unwrap();
    let [note] = &notes(&folder)[..] else { panic!("one note") };
    assert_eq!(foreign.file_name(), note.file_name(), "names depend on no machine");
    let own = fs::read(note).unwrap();

    fs::copy(foreign, note).unwrap();
    assert_eq!(opened(whole, &folder).1, 1, "another machine's key");
    for at in 0..own.len() {
        let mut damaged = own.clone();
        damaged[at] ^= 1;
        fs::write(note, &damaged).unwrap();
        assert_eq!(opened(whole, &folder).1, 1, "byte {at}");
        assert_eq!(fs::read(note).unwrap(), own, "it is written again");
    }
    fs::write(note, b"").unwrap();
    assert_eq!(opened(whole, &folder).1, 1);
    assert_eq!(opened(whole, &folder).1, 0);
    fs::remove_file(folder.path().join("key")).unwrap();
    assert_eq!(opened(whole, &folder).1, 1, "without its key");
    assert_eq!(opened(whole, &folder).1, 0);
}
