//! What does a machine remember between openings, and when is it believed? Two things are kept: native code, and
//! notes that an artifact was verified.
//!
//! The cache is not a promise. Whatever is wrong with an entry, it is ignored, the work is done again and the entry is
//! written again. The cache causes no errors.
//!
//! An entry is named by what it depends on ([`Key`]). A keyed BLAKE3 hash, with 32 random bytes that were made on this
//! machine and that only this user can read, authenticates its name, its length and the hash of its contents. So an
//! entry that somebody else wrote, changed, or copied from another machine or another name is never believed. Whoever
//! can write to the directory can remove entries or bring back old ones, which remain true: an entry depends on
//! nothing but what its name says.
//!
//! An entry is read into memory and checked there. What happens to the file afterwards has no effect.
//!
//! ```text
//! key                         32 random bytes, mode 0600, made once
//! <64 hex digits>.native      native code, named by the hash of its key
//! <64 hex digits>.verified    the note that an artifact was verified, named in the same way
//! <16 hex digits>.tmp         an entry that is being written
//! ```
//!
//! | offset | bytes | content of an entry |
//! | --- | --- | --- |
//! | 0 | 8 | the magic number `opuskept` |
//! | 8 | 32 | the hash of its key |
//! | 40 | 8 | the length of the contents, little-endian |
//! | 48 | 32 | BLAKE3 of the contents |
//! | 80 | 32 | keyed BLAKE3 of everything before |
//! | 112 | | the contents |
//!
//! An entry is written to a temporary file, which is locked meanwhile, and renamed, so that processes that build at
//! once do not disturb each other. Temporary files of killed processes are removed by the next process that stores
//! an entry. Entries are never removed: the directory may be emptied at any time.

#[cfg(target_os = "linux")]
mod machine;

use std::path::{Path, PathBuf};

use crate::hash::Hash;

/// Where native code and notes are kept.
///
/// ```
/// use opus_runtime::{Cache, CacheDir};
/// assert_eq!(Cache::In(CacheDir::new("/var/cache/opus")).directory(), Some(CacheDir::new("/var/cache/opus")));
/// assert_eq!(Cache::Off.directory(), None);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Cache {
    /// In the directory that [`CacheDir::of_environment`] finds.
    #[default]
    OfEnvironment,
    /// In this directory.
    In(CacheDir),
    /// Nowhere: artifacts are verified and code is compiled each time.
    Off,
}

impl Cache {
    /// The directory, if there is one.
    pub fn directory(&self) -> Option<CacheDir> {
        match self {
            Cache::OfEnvironment => CacheDir::of_environment(),
            Cache::In(directory) => Some(directory.clone()),
            Cache::Off => None,
        }
    }
}

/// A directory for the cache. It need not exist or be writable.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CacheDir(PathBuf);

impl CacheDir {
    /// This directory.
    pub fn new(path: impl Into<PathBuf>) -> CacheDir {
        CacheDir(path.into())
    }

    /// The directory that the environment names: `OPUS_CACHE_DIR`, else `opus` in `XDG_CACHE_HOME`, else
    /// `.cache/opus` in `HOME`.
    pub fn of_environment() -> Option<CacheDir> {
        CacheDir::of_variables(|name| {
            std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
        })
    }

    /// The same for any environment. A relative path in `XDG_CACHE_HOME` is ignored, as its specification demands.
    ///
    /// ```
    /// use opus_runtime::cache::CacheDir;
    /// let home = |name: &str| (name == "HOME").then(|| "/home/ada".into());
    /// assert_eq!(CacheDir::of_variables(home), Some(CacheDir::new("/home/ada/.cache/opus")));
    /// ```
    pub fn of_variables(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<CacheDir> {
        let own = variable("OPUS_CACHE_DIR");
        let shared =
            || variable("XDG_CACHE_HOME").filter(|path| path.is_absolute()).map(|path| path.join("opus"));
        let home = || variable("HOME").map(|path| path.join(".cache").join("opus"));
        own.or_else(shared).or_else(home).map(CacheDir)
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// What an entry holds, and what it depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Key<'a> {
    /// Native code.
    Native {
        /// The meaning hash of the policy.
        meaning: Hash,
        /// The version of the native compiler, with everything that changes its code.
        compiler: &'a str,
        /// The machine, with the features that the code relies on.
        target: &'a str,
        /// Which part of the policy's code it is.
        part: &'a str,
    },
    /// The note that an artifact was verified. The entry has no contents.
    Verified {
        /// The content hash of the artifact.
        content: Hash,
        /// The version of the verifier, with everything that changes what it accepts.
        verifier: &'a str,
    },
}

impl Key<'_> {
    /// The hash that names the entry. The texts are kept apart by their lengths.
    fn hash(&self) -> Hash {
        let (kind, subject, texts): (_, _, &[&str]) = match self {
            Key::Native { meaning, compiler, target, part } => {
                ("opus native code 2", meaning, &[compiler, target, part])
            }
            Key::Verified { content, verifier } => ("opus verified 1", content, &[verifier]),
        };
        let mut bytes = format!("{kind}\0").into_bytes();
        bytes.extend_from_slice(subject.as_bytes());
        for text in texts {
            bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        Hash::of(&bytes)
    }

    fn file_name(&self) -> String {
        let extension = match self {
            Key::Native { .. } => "native",
            Key::Verified { .. } => "verified",
        };
        format!("{}.{extension}", self.hash())
    }
}

/// Why an entry cannot be loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Miss {
    /// No entry.
    Absent,
    /// The entry is damaged, or was not written by this user on this machine.
    Refused,
    /// No directory, or no key that only this user can read.
    Unavailable,
}

/// Bytes that this user stored on this machine, unchanged. Only the cache makes them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Authentic(Vec<u8>);

impl std::ops::Deref for Authentic {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl CacheDir {
    /// The contents of an entry.
    ///
    /// # Errors
    /// Why it cannot be loaded. Do the work again, and [`CacheDir::store`] the result.
    pub(crate) fn load(&self, key: &Key) -> Result<Authentic, Miss> {
        #[cfg(target_os = "linux")]
        return machine::load(&self.0, &key.file_name(), key.hash()).map(Authentic);
        #[cfg(not(target_os = "linux"))]
        {
            let _ = key;
            Err(Miss::Unavailable)
        }
    }

    /// Keeps an entry for later. Returns whether that worked; if not, the work is done again next time.
    pub(crate) fn store(&self, key: &Key, contents: &[u8]) -> bool {
        #[cfg(target_os = "linux")]
        return machine::store(&self.0, &key.file_name(), key.hash(), contents).is_ok();
        #[cfg(not(target_os = "linux"))]
        {
            let _ = (key, contents);
            false
        }
    }

    /// Removes the temporary files of processes that were killed while they stored an entry. Storing an entry does
    /// that too.
    pub fn sweep(&self) {
        #[cfg(target_os = "linux")]
        machine::sweep(&self.0);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
