//! Does everything still match? Each object must match its name and each entry its hash, and numbers and times must be
//! in order. With a checkpoint that was kept elsewhere, so must the beginning of the ledger.
//!
//! By itself, this detects accidents and partial changes. With a checkpoint it detects that something was changed,
//! removed or reordered among the entries that the checkpoint covers, even by someone who can rewrite the whole store.
//! It never proves that a time or a publisher's name is true, that nothing was left unpublished, or that a recorded
//! decision was acted on.

use std::collections::BTreeSet;

use opus_runtime::Hash;

use crate::checkpoint::Checkpoint;
use crate::entry::Entry;
use crate::error::StoreError;
use crate::kind::Kind;
use crate::ledger;
use crate::name::Name;
use crate::objects;
use crate::store::Store;

/// The result of a verification.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// How many entries were found.
    pub entries: u64,
    /// How many objects they name.
    pub objects: usize,
    /// Objects that no entry names: a publication was interrupted.
    pub unnamed: Vec<Hash>,
    /// The size and root of the ledger, if all entries fit.
    pub now: Option<Checkpoint>,
    /// Everything that does not fit.
    pub faults: Vec<String>,
}

impl Store {
    /// Verifies the store, and that it begins with what a checkpoint covers.
    ///
    /// # Errors
    /// If there are no entries to look at: the database cannot be read.
    pub fn verify(&self, checkpoint: Option<&Checkpoint>) -> Result<Verified, StoreError> {
        let path = self.folder.join(ledger::FILE);
        let mut faults: Vec<String> = match self.ledger.faults() {
            Ok(faults) => faults.into_iter().map(|fault| format!("{}: {fault}", ledger::FILE)).collect(),
            Err(error) => vec![ledger::damaged(&path, &error).message],
        };
        let found = self.ledger.read().map_err(|error| ledger::damaged(&path, &error))?;
        let mut entries: Vec<Entry> = Vec::new();
        for (expected, found) in (1i64..).zip(&found) {
            if found.number != expected {
                faults.push(format!(
                    "entry {expected} is missing: there is entry {} in its place",
                    found.number
                ));
            }
            match &found.entry {
                Ok(entry) => entries.push(entry.clone()),
                Err(why) => faults.push(format!("entry {}: {why}", found.number)),
            }
        }
        let is_sound = faults.is_empty();
        faults.extend(order(&entries));
        let named: BTreeSet<(Kind, Hash)> = entries.iter().map(|entry| (entry.kind, entry.object)).collect();
        for (kind, object) in &named {
            if let Err(error) = objects::read(&self.folder, *kind, *object) {
                let by: Vec<String> = entries
                    .iter()
                    .filter(|entry| entry.object == *object)
                    .map(|entry| entry.number.to_string())
                    .collect();
                faults.push(format!("{} (published by entry {})", error.message, by.join(", ")));
            }
        }
        let stored = objects::list(&self.folder)?;
        // a publication makes the tables first, then the object, then the entry
        if self.ledger.is_blank() && !stored.is_empty() {
            faults.push(format!(
                "the ledger is empty, but the store has {}: its entries were removed",
                if stored.len() == 1 { "an object".to_owned() } else { format!("{} objects", stored.len()) }
            ));
        }
        let is_named = |object: &Hash| named.iter().any(|(_, named)| named == object);
        let now = is_sound.then(|| Checkpoint::of(&entries));
        faults.extend(checkpoint.and_then(|checkpoint| beginning(&entries, is_sound, checkpoint)));
        Ok(Verified {
            entries: found.len() as u64,
            objects: named.len(),
            unnamed: stored.into_iter().filter(|object| !is_named(object)).collect(),
            now,
            faults,
        })
    }
}

/// What is wrong with the order of times, and with what entries say that they replace.
fn order(entries: &[Entry]) -> Vec<String> {
    let mut faults = Vec::new();
    for pair in entries.windows(2).filter(|pair| pair[0].time > pair[1].time) {
        faults.push(format!(
            "entry {} has the time {}, before that of entry {}",
            pair[1].number, pair[1].time, pair[0].number
        ));
    }
    let mut published: BTreeSet<(&Name, Hash)> = BTreeSet::new();
    for entry in entries {
        let Entry { number, name, object, replaces, .. } = entry;
        match replaces {
            Some(replaces) if replaces == object => {
                faults.push(format!("entry {number} replaces its own object"))
            }
            Some(replaces) if !published.contains(&(name, *replaces)) => faults.push(format!(
                "entry {number} replaces the object {replaces}, which was not published as `{name}` before"
            )),
            _ => {}
        }
        published.insert((name, *object));
    }
    faults
}

/// Why the ledger does not begin with what a checkpoint covers.
fn beginning(entries: &[Entry], is_sound: bool, checkpoint: &Checkpoint) -> Option<String> {
    let (size, has) = (checkpoint.size, entries.len() as u64);
    if !is_sound {
        return Some(
            "the checkpoint proves nothing about a ledger whose entries do not match their hashes".to_owned(),
        );
    }
    if size > has {
        return Some(format!(
            "the checkpoint covers {size} entries, and the ledger has {has}: entries were removed"
        ));
    }
    let begins = Checkpoint::of(&entries[..size as usize]) == *checkpoint;
    let why = || {
        format!("the first {size} entries are not those that the checkpoint covers: the ledger was rewritten")
    };
    (!begins).then(why)
}
