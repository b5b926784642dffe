//! What identifies an artifact, an input and a decision? BLAKE3 over a canonical form of each.
//!
//! The canonical form of an input row is, for each field in the order of declaration, one byte (1 where it is
//! present) and the admitted integer in 16 little-endian bytes (0 where it is missing). That of a decision is
//! the version's number and the length of the rule's id, four bytes each, the id, then every output in 16 bytes.
//! Neither depends on how engines lay rows out, on the source's file format, or on anything but the values.

use std::fmt;

/// A BLAKE3 hash, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

/// What keeps the hashes of different things apart.
const INPUT: &[u8; 16] = b"opus input 1\0\0\0\0";
const DECISION: &[u8; 16] = b"opus decision 1\0";

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

    /// The hash of an admitted input row: by input index, the integer of each field.
    ///
    /// ```
    /// use opus_runtime::hash::Hash;
    /// assert_ne!(Hash::of_input([Some(0)]), Hash::of_input([None]));
    /// ```
    pub fn of_input(values: impl IntoIterator<Item = Option<i128>>) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(INPUT);
        for value in values {
            let mut cell = [0; 17];
            cell[0] = value.is_some() as u8;
            cell[1..].copy_from_slice(&value.unwrap_or(0).to_le_bytes());
            hasher.update(&cell);
        }
        Hash(*hasher.finalize().as_bytes())
    }

    /// The hash of a decision: the number of the version, the id of the rule, and the integer of each output.
    pub fn of_decision(version: u32, rule: &str, outputs: impl IntoIterator<Item = i128>) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(DECISION).update(&version.to_le_bytes());
        hasher.update(&(rule.len() as u32).to_le_bytes()).update(rule.as_bytes());
        for output in outputs {
            hasher.update(&output.to_le_bytes());
        }
        Hash(*hasher.finalize().as_bytes())
    }

    /// The hash with these 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Hash {
        Hash(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits =
            |byte: &u8| [byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[digit as usize] as char);
        let mut text = [0; 64];
        let places = text.iter_mut().zip(self.0.iter().flat_map(digits));
        places.for_each(|(place, digit)| *place = digit as u8);
        f.write_str(std::str::from_utf8(&text).expect("digits are text"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
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
    }
}
