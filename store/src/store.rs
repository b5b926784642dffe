//! What is a store? A folder with objects and a ledger. This module reads it.

use std::path::{Path, PathBuf};

use opus_runtime::Hash;

use crate::checkpoint::Checkpoint;
use crate::entry::Entry;
use crate::error::StoreError;
use crate::kind::Kind;
use crate::ledger::{self, Found, Ledger};
use crate::name::Name;
use crate::objects;

/// A store that is open for reading. Others may publish meanwhile; each question is answered from the ledger as it is then.
pub struct Store {
    pub(crate) folder: PathBuf,
    pub(crate) ledger: Ledger,
}

impl Store {
    /// Opens the store in a folder.
    ///
    /// # Errors
    /// If there is none, or its ledger is not one that this version reads.
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        if !folder.join(ledger::FILE).exists() {
            return Err(StoreError::absent(format!("there is no store at `{}`", folder.display()))
                .help("`opus publish FILE --name NAME` makes one; `--store DIR` names another place"));
        }
        Ok(Store { folder: folder.to_owned(), ledger: Ledger::open(folder)? })
    }

    /// All entries, in their order.
    ///
    /// # Errors
    /// If the ledger cannot be read, or an entry does not fit its hash.
    pub fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        let path = self.folder.join(ledger::FILE);
        let found = self.ledger.read().map_err(|error| ledger::damaged(&path, &error))?;
        found.into_iter().map(|found| sound(found, &path)).collect()
    }

    /// The entries of a name, in their order; none if the name is unknown.
    ///
    /// # Errors
    /// As [`Store::entries`].
    pub fn entries_of(&self, name: &Name) -> Result<Vec<Entry>, StoreError> {
        let mut entries = self.entries()?;
        entries.retain(|entry| entry.name == *name);
        Ok(entries)
    }

    /// The size and root of the ledger.
    ///
    /// # Errors
    /// As [`Store::entries`].
    pub fn checkpoint(&self) -> Result<Checkpoint, StoreError> {
        Ok(Checkpoint::of(&self.entries()?))
    }

    /// The bytes of an object, which fit its hash.
    ///
    /// # Errors
    /// If it is not there, or damaged.
    pub fn object(&self, kind: Kind, object: Hash) -> Result<Vec<u8>, StoreError> {
        objects::read(&self.folder, kind, object)
    }
}

/// An entry, or the error that it is damaged.
pub(crate) fn sound(found: Found, ledger: &Path) -> Result<Entry, StoreError> {
    let Found { number, entry } = found;
    entry.map_err(|why| {
        StoreError::file(format!("`{}`: entry {number}: {why}", ledger.display()))
            .help("`opus store verify` lists everything that does not match")
    })
}
