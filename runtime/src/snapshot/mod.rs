//! Which facts does a policy use that are not written in it? A snapshot contains all facts known at one moment.
//!
//! In reading order: a fact and the snapshot that holds it (here), what a fact can say ([`value`]), the file (`file`),
//! what differs between two snapshots ([`compare()`]), and how facts are put into a policy ([`bind`](mod@bind)).
//!
//! A snapshot does not depend on a policy: a value is a text in one canonical form until a policy gives it a type.

pub mod bind;
mod compare;
mod error;
mod file;
pub mod value;

use opus_ir::date;

pub use bind::{BindError, FactFault, bind, entries, keys, least, never_in_force, said, unused};
pub use compare::{Difference, compare};
pub use error::SnapshotError;
pub use file::{FORMAT, MAGIC, SNAPSHOT_BYTES_MAX};
pub use value::{FactValue, Written};

use crate::hash::Hash;

/// The most facts of a snapshot.
pub const FACTS_MAX: usize = 1 << 20;
/// The longest key, value, citation or note, in bytes.
pub const TEXT_BYTES_MAX: usize = 1 << 16;
/// The most notes of one fact.
pub const NOTES_MAX: usize = 64;

/// A fact: what holds for a key from a day on, until the next fact with that key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// The name that the policy declares: `score_floor`.
    pub key: String,
    /// The first day on which it holds, as a day number.
    pub valid_from: i32,
    /// What it says; `None` if from that day on nothing holds for the key.
    pub value: Option<FactValue>,
    /// Where it is written down.
    pub cite: Option<String>,
    /// Other columns, by name. They select nothing.
    pub notes: Vec<(String, String)>,
}

/// Every fact that was known at one moment. It is never changed: a correction is another snapshot.
///
/// ```
/// use opus_runtime::snapshot::{Fact, Snapshot};
/// let fact = |valid_from, value: &str| Fact {
///     key: "score_floor".to_string(),
///     valid_from,
///     value: Some(value.parse().unwrap()),
///     cite: None,
///     notes: vec![],
/// };
/// let snapshot = Snapshot::new(vec![fact(20_000, "700"), fact(0, "680")])?;
/// assert_eq!(snapshot.facts()[0].valid_from, 0);
/// assert_eq!(snapshot.on("score_floor", 19_999).unwrap().value.as_ref().unwrap().to_string(), "680");
///
/// let read = Snapshot::from_bytes(&snapshot.to_bytes())?;
/// assert_eq!(read.hash(), snapshot.hash());
///
/// let twice = Snapshot::new(vec![fact(0, "680"), fact(0, "690")]).unwrap_err();
/// assert_eq!(twice.to_string(), "`score_floor` has two facts that are valid from 1970-01-01: remove one of them");
/// # Ok::<(), opus_runtime::snapshot::SnapshotError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// By key, and of one key by the first day.
    facts: Vec<Fact>,
    hash: Hash,
}

impl Snapshot {
    /// The snapshot of these facts, in any order.
    ///
    /// # Errors
    /// Where two facts have one key and day, a key is not one, or there is more than a snapshot can hold.
    pub fn new(mut facts: Vec<Fact>) -> Result<Snapshot, SnapshotError> {
        facts.sort_by(|a, b| (&a.key, a.valid_from).cmp(&(&b.key, b.valid_from)));
        check(&facts)?;
        let mut snapshot = Snapshot { facts, hash: Hash::of(&[]) };
        snapshot.hash = file::hash(&snapshot.canonical());
        Ok(snapshot)
    }

    /// All facts, by key and first day.
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// The facts with a key, by first day.
    pub fn of(&self, key: &str) -> &[Fact] {
        let first = self.facts.partition_point(|fact| fact.key.as_str() < key);
        let count = self.facts[first..].partition_point(|fact| fact.key == key);
        &self.facts[first..first + count]
    }

    /// The fact with a key that holds on a day, if there is one. It may be one that ends another.
    pub fn on(&self, key: &str, day: i32) -> Option<&Fact> {
        let facts = self.of(key);
        facts[..facts.partition_point(|fact| fact.valid_from <= day)].last()
    }

    /// The facts that hold on a day.
    pub fn as_of(&self, day: i32) -> impl Iterator<Item = &Fact> {
        self.keys().filter_map(move |key| self.on(key, day)).filter(|fact| fact.value.is_some())
    }

    /// The keys, each once, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.facts.chunk_by(|a, b| a.key == b.key).map(|facts| facts[0].key.as_str())
    }

    /// The hash of the canonical form, which names the snapshot.
    pub fn hash(&self) -> Hash {
        self.hash
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot({}, {} facts)", self.hash, self.facts.len())
    }
}

/// Checks facts that are in order.
fn check(facts: &[Fact]) -> Result<(), SnapshotError> {
    if facts.len() > FACTS_MAX {
        return Err(SnapshotError::TooMany { what: "facts", found: facts.len(), limit: FACTS_MAX });
    }
    for fact in facts {
        let too_long = |text: &str| text.len() > TEXT_BYTES_MAX;
        if !is_key(&fact.key) {
            return Err(SnapshotError::Key { key: fact.key.chars().take(80).collect() });
        }
        if date::parse(date::civil(fact.valid_from.into()).to_string()) != Some(fact.valid_from) {
            return Err(SnapshotError::Day { key: fact.key.clone() });
        }
        if fact.notes.len() > NOTES_MAX {
            return Err(SnapshotError::TooMany { what: "notes", found: fact.notes.len(), limit: NOTES_MAX });
        }
        if !fact.notes.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(SnapshotError::Notes { key: fact.key.clone() });
        }
        let notes = fact.notes.iter().flat_map(|(name, text)| [name.as_str(), text]);
        let value = fact.value.as_ref().map(ToString::to_string);
        if notes.chain(fact.cite.as_deref()).chain(value.as_deref()).any(too_long) {
            return Err(SnapshotError::TooLong { key: fact.key.clone() });
        }
    }
    match facts
        .windows(2)
        .find(|pair| (&pair[0].key, pair[0].valid_from) == (&pair[1].key, pair[1].valid_from))
    {
        Some(pair) => {
            Err(SnapshotError::Duplicate { key: pair[0].key.clone(), valid_from: pair[0].valid_from })
        }
        None => Ok(()),
    }
}

/// Whether a text is a key in its canonical form: a name, as in policies, or an entry of a look-up table, such as
/// `rate[EU, 12]`.
pub fn is_key(text: &str) -> bool {
    if text.len() > TEXT_BYTES_MAX {
        return false;
    }
    let Some((table, rest)) = text.split_once('[') else { return is_name(text) };
    let Some(cells) = rest.strip_suffix(']') else { return false };
    is_name(table) && cells.split(", ").all(|cell| is_name(cell) || is_whole(cell))
}

/// A key in its canonical form, if the text is one but for blanks: `rate[ EU,12 ]` is `rate[EU, 12]`.
pub fn key(text: &str) -> Option<String> {
    let text = text.trim();
    let canonical = match text.split_once('[') {
        None => text.to_owned(),
        Some((table, rest)) => {
            let cells: Vec<&str> = rest.strip_suffix(']')?.split(',').map(str::trim).collect();
            format!("{}[{}]", table.trim_end(), cells.join(", "))
        }
    };
    is_key(&canonical).then_some(canonical)
}

/// The name that a policy declares: `rate` of `rate[EU, 12]`.
pub fn declared(key: &str) -> &str {
    key.split_once('[').map_or(key, |(name, _)| name)
}

/// Whether a text is a name, as in policies.
pub fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether a text is a whole number in its shortest form.
fn is_whole(text: &str) -> bool {
    text.parse::<i128>().is_ok_and(|number| number.to_string() == text)
}
