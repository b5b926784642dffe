//! What identifies an artifact, an input, a decision, a refusal and a record? BLAKE3 over a canonical form of each.
//!
//! A canonical form starts with 16 bytes that name what it is of, padded with zeros. Numbers are little-endian; a
//! text is its length in bytes, as 4 bytes, and the bytes. All forms depend on values alone: not on an engine, on
//! the memory layout of rows, or on a file format. `spec/vectors/canonical.json` has examples of each.
//!
//! | of | starts with | then |
//! | --- | --- | --- |
//! | an input | `opus input 1` | for each field in order of declaration: 1 byte (1 present, 0 missing), and the integer in 16 bytes (0 if missing) |
//! | a decision | `opus decision 1` | the version's number in 4 bytes, the rule's id as a text, each output's integer in 16 bytes |
//! | a refusal | `opus refusal 1` | the number of reasons in 4 bytes; for each, the name of the field or `require` as a text (empty for the whole row), and the fault's code as a text |
//! | a record | `opus record 1` | the hash of the artifact in 32 bytes; of the snapshot and of the input, each 1 byte (1 present, 0 absent) and 32 bytes (zeros if absent); 1 byte (1 decided, 0 refused), and the hash of the decision or refusal |
//! | a row of a record | `opus row 1` | its salt in 32 bytes, its number in 8; the hash of the input, 1 byte (1 present, 0 absent) and 32 bytes (zeros if absent); 1 byte (1 decided, 0 refused), and the hash of the decision or refusal |
//!
//! A refusal's values and messages are not part of it: they depend on the file format and on the wording. The hash of a
//! row of a record is its [leaf](crate::record::leaf).

use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A BLAKE3 hash, written as 64 hexadecimal digits.
///
/// ```
/// use opus_runtime::Hash;
/// let hash = Hash::of(b"opus");
/// assert_eq!(hash.to_string().len(), 64);
/// assert_eq!(hash.to_string().parse(), Ok(hash));
/// assert_eq!(Hash::from_bytes(*hash.as_bytes()), hash);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

/// What keeps the hashes of different things apart.
const INPUT: &[u8; 16] = b"opus input 1\0\0\0\0";
const DECISION: &[u8; 16] = b"opus decision 1\0";
const REFUSAL: &[u8; 16] = b"opus refusal 1\0\0";
const RECORD: &[u8; 16] = b"opus record 1\0\0\0";
const ROW: &[u8; 16] = b"opus row 1\0\0\0\0\0\0";

/// Takes canonical bytes, in pieces: a vector that keeps them, or a hasher.
pub(crate) trait Canonical {
    fn put(&mut self, bytes: &[u8]);

    fn put_text(&mut self, text: &str) {
        self.put(&(text.len() as u32).to_le_bytes());
        self.put(text.as_bytes());
    }

    fn put_optional(&mut self, hash: Option<Hash>) {
        self.put(&[hash.is_some() as u8]);
        self.put(&hash.map_or([0; 32], |hash| hash.0));
    }
}

impl Canonical for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Canonical for blake3::Hasher {
    fn put(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}

/// Puts the canonical form of an admitted input row.
pub(crate) fn put_input(to: &mut impl Canonical, values: impl IntoIterator<Item = Option<i128>>) {
    to.put(INPUT);
    for value in values {
        let mut cell = [0; 17];
        cell[0] = value.is_some() as u8;
        cell[1..].copy_from_slice(&value.unwrap_or(0).to_le_bytes());
        to.put(&cell);
    }
}

pub(crate) fn put_decision(to: &mut impl Canonical, version: u32, rule: &str, outputs: impl IntoIterator<Item = i128>) {
    to.put(DECISION);
    to.put(&version.to_le_bytes());
    to.put_text(rule);
    outputs.into_iter().for_each(|output| to.put(&output.to_le_bytes()));
}

pub(crate) fn put_refusal<'a>(to: &mut impl Canonical, reasons: impl ExactSizeIterator<Item = (&'a str, &'a str)>) {
    to.put(REFUSAL);
    to.put(&(reasons.len() as u32).to_le_bytes());
    for (name, code) in reasons {
        to.put_text(name);
        to.put_text(code);
    }
}

/// Puts the canonical form of a row of a record.
pub(crate) fn put_row(
    to: &mut impl Canonical,
    salt: Hash,
    row: u64,
    input: Option<Hash>,
    is_decided: bool,
    outcome: Hash,
) {
    to.put(ROW);
    to.put(&salt.0);
    to.put(&row.to_le_bytes());
    to.put_optional(input);
    to.put(&[is_decided as u8]);
    to.put(&outcome.0);
}

/// The canonical form of an admitted input row: by field, the integer.
///
/// ```
/// use opus_runtime::hash::{Hash, canonical_input};
/// let values = [Some(40), None];
/// assert_eq!(Hash::of(&canonical_input(values)), Hash::of_input(values));
/// ```
pub fn canonical_input(values: impl IntoIterator<Item = Option<i128>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_input(&mut bytes, values);
    bytes
}

/// The canonical form of a decision.
///
/// ```
/// use opus_runtime::hash::{Hash, canonical_decision};
/// assert_eq!(Hash::of(&canonical_decision(2, "R4", [0, 900_000])), Hash::of_decision(2, "R4", [0, 900_000]));
/// ```
pub fn canonical_decision(version: u32, rule: &str, outputs: impl IntoIterator<Item = i128>) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_decision(&mut bytes, version, rule, outputs);
    bytes
}

/// The canonical form of a refusal: by reason, the name of the field or `require`, and the code of the fault.
///
/// ```
/// use opus_runtime::hash::{Hash, canonical_refusal};
/// let reasons = [("age", "out-of-range")];
/// assert_eq!(Hash::of(&canonical_refusal(reasons.into_iter())), Hash::of_refusal(reasons.into_iter()));
/// ```
pub fn canonical_refusal<'a>(reasons: impl ExactSizeIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_refusal(&mut bytes, reasons);
    bytes
}

/// The canonical form of a record.
pub(crate) fn canonical_record(
    artifact: Hash,
    snapshot: Option<Hash>,
    input: Option<Hash>,
    is_decided: bool,
    outcome: Hash,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.put(RECORD);
    bytes.put(&artifact.0);
    bytes.put_optional(snapshot);
    bytes.put_optional(input);
    bytes.put(&[is_decided as u8]);
    bytes.put(&outcome.0);
    bytes
}

impl Hash {
    /// The hash of bytes.
    ///
    /// ```
    /// use opus_runtime::hash::Hash;
    /// assert!(Hash::of(b"").to_string().starts_with("af1349b9"));
    /// ```
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(*blake3::hash(bytes).as_bytes())
    }

    fn of_pieces(put: impl FnOnce(&mut blake3::Hasher)) -> Hash {
        let mut hasher = blake3::Hasher::new();
        put(&mut hasher);
        Hash(*hasher.finalize().as_bytes())
    }

    /// The hash of an admitted input row: by field, the integer.
    ///
    /// ```
    /// use opus_runtime::hash::Hash;
    /// assert_ne!(Hash::of_input([Some(0)]), Hash::of_input([None]));
    /// ```
    pub fn of_input(values: impl IntoIterator<Item = Option<i128>>) -> Hash {
        Hash::of_pieces(|hasher| put_input(hasher, values))
    }

    /// The hash of a decision: the number of the version, the id of the rule, and the integer of each output.
    ///
    /// ```
    /// use opus_runtime::hash::Hash;
    /// assert_ne!(Hash::of_decision(1, "R1", [5]), Hash::of_decision(2, "R1", [5]));
    /// ```
    pub fn of_decision(version: u32, rule: &str, outputs: impl IntoIterator<Item = i128>) -> Hash {
        Hash::of_pieces(|hasher| put_decision(hasher, version, rule, outputs))
    }

    /// The hash of a refusal: by reason, the name of the field or `require`, and the code of the fault.
    ///
    /// ```
    /// use opus_runtime::hash::Hash;
    /// let of = |name| Hash::of_refusal([(name, "missing")].into_iter());
    /// assert_ne!(of("age"), of("income"));
    /// ```
    pub fn of_refusal<'a>(reasons: impl ExactSizeIterator<Item = (&'a str, &'a str)>) -> Hash {
        Hash::of_pieces(|hasher| put_refusal(hasher, reasons))
    }

    /// The hash with these 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Hash {
        Hash(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Appends the 64 digits to a text.
    pub(crate) fn push_to(&self, text: &mut String) {
        text.push_str(std::str::from_utf8(&self.digits()).expect("digits are text"));
    }

    fn digits(&self) -> [u8; 64] {
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[digit as usize]));
        }
        text
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.digits()).expect("digits are text"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// A text that is not a hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotAHash;

impl fmt::Display for NotAHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hash has 64 hexadecimal digits")
    }
}

impl std::error::Error for NotAHash {}

impl FromStr for Hash {
    type Err = NotAHash;

    /// ```
    /// use opus_runtime::Hash;
    /// let hash = Hash::of(b"opus");
    /// assert_eq!(hash.to_string().parse(), Ok(hash));
    /// assert!("af13".parse::<Hash>().is_err());
    /// ```
    fn from_str(text: &str) -> Result<Hash, NotAHash> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(NotAHash);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| (pair[at] as char).to_digit(16).ok_or(NotAHash);
            *byte = (digit(0)? << 4 | digit(1)?) as u8;
        }
        Ok(Hash(bytes))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts() {
        let base = Hash::of_decision(1, "R2", [3, 4]);
        let others = [
            Hash::of_decision(2, "R2", [3, 4]),
            Hash::of_decision(1, "R3", [3, 4]),
            Hash::of_decision(1, "R2", [4, 3]),
            Hash::of_decision(1, "R2", [3]),
        ];
        assert!(others.iter().all(|other| *other != base));
        assert_ne!(Hash::of_input([Some(1), None]), Hash::of_input([None, Some(1)]));
        let refusal = |reasons: &[(&'static str, &'static str)]| Hash::of_refusal(reasons.iter().copied());
        assert_ne!(refusal(&[("ab", "c")]), refusal(&[("a", "bc")]));
        assert_ne!(refusal(&[("a", "b")]), refusal(&[("a", "b"), ("a", "b")]));
    }
}
