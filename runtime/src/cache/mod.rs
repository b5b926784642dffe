//! Where is code kept that was compiled before, and when may it run again?
//!
//! Native code is a cache, not a promise: whatever is wrong with an entry, it is ignored, the code is compiled
//! again and the entry written anew. No error comes from here.
//!
//! An entry is named by what its code depends on ([`Key`]) and authenticated by a keyed BLAKE3 over all of it, with
//! 32 random bytes that were made on this machine and that only this user can read. So code that somebody else
//! wrote, copied here or changed is never run. An entry is read into memory, verified there, and run from there:
//! what happens to the file in between or afterwards does not matter.
//!
//! ```text
//! key                       32 random bytes, mode 0600, made once
//! <64 hex digits>.native    one entry, named by the hash of its key
//! ```
//!
//! An entry holds a magic of 8 bytes, the hash of its key, the length of the code in 8 bytes, the authentication
//! of 32 bytes, and the code. It is written beside its place and renamed, so that processes that build at once
//! do not disturb each other. Entries are never removed here: the directory may be emptied at any time.

#[cfg(target_os = "linux")]
mod machine;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::hash::Hash;

/// Where compiled code is kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Cache {
    /// Where [`CacheDir::of_environment`] says.
    #[default]
    OfEnvironment,
    /// In this directory.
    In(CacheDir),
    /// Nowhere: code is compiled each time.
    Off,
}

impl Cache {
    /// The directory, where there is one.
    pub fn directory(&self) -> Option<CacheDir> {
        match self {
            Cache::OfEnvironment => CacheDir::of_environment(),
            Cache::In(directory) => Some(directory.clone()),
            Cache::Off => None,
        }
    }
}

/// A directory of compiled code. It need not exist, and need not be writable.
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

    /// The same for any environment. As the specification of `XDG_CACHE_HOME` has it, a relative path is ignored.
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

/// What compiled code depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key<'a> {
    /// The meaning hash of the policy.
    pub meaning: Hash,
    /// The version of the compiler, with whatever changes its code.
    pub compiler: &'a str,
    /// The machine, with the features that the code relies on.
    pub target: &'a str,
    /// Which part of the policy's code it is.
    pub part: &'a str,
}

impl Key<'_> {
    /// The hash that names the entry. Parts are kept apart by their lengths.
    pub fn hash(&self) -> Hash {
        let mut bytes = b"opus native code 1\0".to_vec();
        bytes.extend_from_slice(self.meaning.as_bytes());
        for text in [self.compiler, self.target, self.part] {
            bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        Hash::of(&bytes)
    }
}

/// Why there is no code in the cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Miss {
    /// There is no entry.
    Absent,
    /// There is an entry, which is damaged, or was not written by this user on this machine.
    Refused,
    /// There is no directory, or no key that only this user can read.
    Unavailable,
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Miss::Absent => "there is no entry",
            Miss::Refused => "the entry is damaged, or was not written by this user on this machine",
            Miss::Unavailable => "the cache directory cannot be used",
        })
    }
}

/// Bytes that this user stored on this machine, unchanged. Only the cache makes them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authentic(Vec<u8>);

impl std::ops::Deref for Authentic {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl CacheDir {
    /// The code of an entry.
    ///
    /// # Errors
    /// Why there is none: compile it, and [`CacheDir::store`] it.
    pub fn load(&self, key: &Key) -> Result<Authentic, Miss> {
        #[cfg(target_os = "linux")]
        return machine::load(&self.0, key.hash()).map(Authentic);
        #[cfg(not(target_os = "linux"))]
        {
            let _ = key;
            Err(Miss::Unavailable)
        }
    }

    /// Keeps code for later. Whether that worked makes no difference but in time.
    pub fn store(&self, key: &Key, code: &[u8]) -> bool {
        #[cfg(target_os = "linux")]
        return machine::store(&self.0, key.hash(), code).is_ok();
        #[cfg(not(target_os = "linux"))]
        {
            let _ = (key, code);
            false
        }
    }

    /// The file that an entry is in, whether it exists or not.
    pub fn entry_path(&self, key: &Key) -> PathBuf {
        self.0.join(format!("{}.native", key.hash()))
    }
}
