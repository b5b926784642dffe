//! What the tests of the store publish, and where.
#![allow(dead_code)] // each test file uses some of it

use std::fs;
use std::path::{Path, PathBuf};

use opus_runtime::record::sealed;
use opus_store::minisign::SecretKey;
use opus_store::{Entry, Name, Publication, Signed, Store, Time, Trust, publish};

/// A folder that goes when its test has passed.
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    pub fn new(name: &str) -> Folder {
        let root = std::env::temp_dir().join(format!("opus-store-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).expect("a folder");
        Folder { root }
    }

    /// The store in it.
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}

pub fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// So many seconds after noon.
pub fn at(seconds: i64) -> Time {
    let noon: Time = "2026-02-01T12:00:00Z".parse().expect("a time");
    Time::from_microseconds(noon.microseconds() + seconds * 1_000_000).expect("a time")
}

/// An object: the manifest of a record.
pub fn object(number: u32) -> Vec<u8> {
    sealed::seal(&serde_json::json!({ "manifest": 1, "number": number })).into_bytes()
}

pub fn key(number: u8) -> SecretKey {
    SecretKey::from_seed([number; 8], [number; 32])
}

/// Publishes an object so many seconds after noon.
pub fn put(store: &Path, as_name: &str, bytes: Vec<u8>, seconds: i64) -> Entry {
    publish(store, &Publication::new(name(as_name), bytes), at(seconds)).expect("it is published")
}

/// Publishes an object with signatures of what it says.
pub fn put_signed(store: &Path, as_name: &str, bytes: Vec<u8>, keys: &[&SecretKey], seconds: i64) -> Entry {
    let signed = keys.iter().map(|key| signed(store, as_name, &bytes, key)).collect();
    let publication = Publication { signed, ..Publication::new(name(as_name), bytes) };
    publish(store, &publication, at(seconds)).expect("it is published")
}

/// The statement that publishing would make now, signed.
pub fn signed(store: &Path, as_name: &str, bytes: &[u8], key: &SecretKey) -> Signed {
    signed_by(store, as_name, bytes, key, None)
}

/// The statement that publishing would make now with a trust file, signed.
pub fn signed_by(
    store: &Path,
    as_name: &str,
    bytes: &[u8],
    key: &SecretKey,
    trust: Option<&Trust>,
) -> Signed {
    let (_, object) = opus_store::kind::identify(bytes).expect("an object");
    let name = name(as_name);
    let statement = match Store::open(store) {
        Ok(store) => store.statement(&name, object, trust, at(100)).expect("a ledger"),
        Err(_) => opus_store::Statement { name, object, replaces: None },
    };
    let signature = key.sign(statement.to_string().as_bytes(), "a test");
    Signed { statement, signature }
}
