//! Native code that was compiled before: the second start loads it, and whatever is wrong with it is compiled away.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::fs;
use std::path::{Path, PathBuf};

use opus_runtime::{Cache, CacheDir, Level, Options, Origin, Policy, example};

/// A directory that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("opus-native-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(directory: &Path) -> Policy {
    let options = Options { cache: Cache::In(CacheDir::new(directory)), ..Options::default() };
    Policy::from_bytes_with(example::artifact().bytes(), &options).unwrap()
}

const GOOD: &str = r#"{"submitted_on": "2025-02-01", "age": 40, "score": 720, "income": 90000, "requested": 9000, "work": "retired"}"#;

fn decides(policy: &Policy) {
    assert_eq!(policy.decide_json(GOOD).unwrap().rule().id, "R4");
    let mut batch = policy.batch(1);
    let row = policy.read_json(GOOD).unwrap();
    batch.inputs_mut().set_rows(1);
    (0..6).for_each(|field| batch.inputs_mut().set(field, 0, row.get(field)));
    batch.decide();
    assert_eq!(batch.rules(), [3]);
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "native")).collect()
}

#[test]
fn the_second_start_loads_what_the_first_compiled() {
    let scratch = Scratch::new("second");
    let first = open(&scratch.0);
    assert_eq!(first.origin(), Some(Origin::Stored), "{:?}", first.fallback());
    assert_eq!(first.prepare().columns_origin(), Some(Origin::Stored));
    decides(&first);
    let second = open(&scratch.0);
    assert_eq!(second.origin(), Some(Origin::Cached));
    assert_eq!(second.prepare().columns_origin(), Some(Origin::Cached));
    decides(&second);
    assert_eq!(entries(&scratch.0).len(), 2);
}

#[test]
fn damaged_entries_are_compiled_again() {
    let scratch = Scratch::new("damaged");
    open(&scratch.0).prepare();
    for entry in entries(&scratch.0) {
        let mut bytes = fs::read(&entry).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&entry, bytes).unwrap();
    }
    let policy = open(&scratch.0);
    assert_eq!(policy.origin(), Some(Origin::Stored));
    assert_eq!(policy.prepare().columns_origin(), Some(Origin::Stored));
    decides(&policy);
    assert_eq!(open(&scratch.0).origin(), Some(Origin::Cached));
}

#[test]
fn entries_under_another_key_are_compiled_again() {
    let (scratch, other) = (Scratch::new("key"), Scratch::new("other"));
    open(&scratch.0);
    open(&other.0);
    fs::copy(other.0.join("key"), scratch.0.join("key")).unwrap();
    assert_eq!(open(&scratch.0).origin(), Some(Origin::Stored));
    assert_eq!(open(&scratch.0).origin(), Some(Origin::Cached));
}

#[test]
fn every_level_has_its_own_entry_and_decides_alike() {
    let scratch = Scratch::new("level");
    let here: Vec<Level> = Level::ALL.into_iter().filter(|level| level.is_available()).collect();
    for level in &here {
        let cache = Cache::In(CacheDir::new(&scratch.0));
        let options = Options { cache, level: Some(*level), ..Options::default() };
        let policy = Policy::from_bytes_with(example::artifact().bytes(), &options).unwrap();
        assert_eq!(policy.origin(), Some(Origin::Stored));
        decides(&policy);
    }
    assert_eq!(entries(&scratch.0).len(), 2 * here.len());
}

#[test]
fn without_a_usable_directory_code_is_compiled() {
    let scratch = Scratch::new("unusable");
    fs::write(&scratch.0, b"").unwrap();
    for _ in 0..2 {
        let policy = open(&scratch.0.join("cache"));
        assert_eq!(policy.origin(), Some(Origin::Compiled));
        decides(&policy);
    }
    fs::remove_file(&scratch.0).unwrap();
}

#[test]
fn many_may_open_at_once() {
    let scratch = Scratch::new("many");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let policy = open(&scratch.0);
                    assert!(policy.fallback().is_none());
                    decides(&policy);
                }
            });
        }
    });
    assert_eq!(open(&scratch.0).origin(), Some(Origin::Cached));
    assert_eq!(entries(&scratch.0).len(), 2);
}
