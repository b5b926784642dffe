//! What does the ledger say about a publication, and what identifies it? An entry, and its leaf.
//!
//! The leaf is BLAKE3 of the canonical form: the 16 bytes `opus entry 1`, padded with zeros, and then
//!
//! | field | bytes |
//! | --- | --- |
//! | number | 8 |
//! | name, kind | each a text |
//! | object | 32 |
//! | publisher | 1 (1 present, 0 absent), then a text if present |
//! | time, in microseconds since 1970 | 8 |
//! | 1 if the publisher claimed the time, 0 if the store assigned it | 1 |
//! | what it replaces | 1 (1 present, 0 absent), 32 (zeros if absent) |
//! | number of signatures | 4 |
//! | for each, the id of the key, and the signature as it was given | 8, a text |
//!
//! Numbers are little-endian; a text is its length in bytes, as 4 bytes, and the bytes.

use opus_runtime::Hash;

use crate::kind::Kind;
use crate::minisign::Signature;
use crate::name::Name;
use crate::statement::Statement;
use crate::time::Time;

const FORM: &[u8; 16] = b"opus entry 1\0\0\0\0";

/// An entry of the ledger: one publication.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its place in the ledger, from 1.
    pub number: u64,
    /// The name that the object was published under.
    pub name: Name,
    /// What the object is.
    pub kind: Kind,
    /// The hash of the object.
    pub object: Hash,
    /// Who published it, as they said; nothing proves it.
    pub publisher: Option<String>,
    /// When it was published.
    pub time: Time,
    /// Whether the publisher claimed that time; otherwise the store assigned it.
    pub is_claimed: bool,
    /// The object that the name stood for before; `None` for the first.
    pub replaces: Option<Hash>,
    /// Signatures of the [statement](Entry::statement).
    pub signatures: Vec<Signature>,
}

impl Entry {
    /// What signatures of this publication have to sign.
    pub fn statement(&self) -> Statement {
        Statement { name: self.name.clone(), object: self.object, replaces: self.replaces }
    }

    /// The hash of everything that the entry says.
    pub fn leaf(&self) -> Hash {
        let mut bytes = FORM.to_vec();
        bytes.extend_from_slice(&self.number.to_le_bytes());
        put_text(&mut bytes, self.name.as_str());
        put_text(&mut bytes, self.kind.name());
        bytes.extend_from_slice(self.object.as_bytes());
        bytes.push(self.publisher.is_some() as u8);
        self.publisher.iter().for_each(|publisher| put_text(&mut bytes, publisher));
        bytes.extend_from_slice(&self.time.microseconds().to_le_bytes());
        bytes.push(self.is_claimed as u8);
        bytes.push(self.replaces.is_some() as u8);
        bytes.extend_from_slice(&self.replaces.map_or([0; 32], |hash| *hash.as_bytes()));
        bytes.extend_from_slice(&(self.signatures.len() as u32).to_le_bytes());
        for signature in &self.signatures {
            bytes.extend_from_slice(signature.key().as_bytes());
            put_text(&mut bytes, signature.text());
        }
        Hash::of(&bytes)
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            number: 2,
            name: "ab".parse().unwrap(),
            kind: Kind::Artifact,
            object: Hash::from_bytes([7; 32]),
            publisher: Some("Ann".to_owned()),
            time: Time::from_microseconds(1_000_000).unwrap(),
            is_claimed: true,
            replaces: None,
            signatures: Vec::new(),
        }
    }

    /// The table in the header, written out by hand.
    #[test]
    fn the_leaf_is_of_the_bytes_that_the_table_lists() {
        let mut bytes = b"opus entry 1\0\0\0\0".to_vec();
        bytes.extend_from_slice(&[2, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(b"\x02\0\0\0ab\x08\0\0\0artifact");
        bytes.extend_from_slice(&[7; 32]);
        bytes.extend_from_slice(b"\x01\x03\0\0\0Ann");
        bytes.extend_from_slice(&[0x40, 0x42, 0x0F, 0, 0, 0, 0, 0, 1]);
        bytes.extend_from_slice(&[0; 33]);
        bytes.extend_from_slice(&[0; 4]);
        assert_eq!(entry().leaf(), Hash::of(&bytes));
    }

    #[test]
    fn every_field_counts() {
        let base = entry();
        let others = [
            Entry { number: 3, ..base.clone() },
            Entry { name: "abc".parse().unwrap(), ..base.clone() },
            Entry { kind: Kind::Record, ..base.clone() },
            Entry { object: Hash::from_bytes([8; 32]), ..base.clone() },
            Entry { publisher: None, ..base.clone() },
            Entry { publisher: Some(String::new()), ..base.clone() },
            Entry { time: Time::from_microseconds(1_000_001).unwrap(), ..base.clone() },
            Entry { is_claimed: false, ..base.clone() },
            Entry { replaces: Some(Hash::from_bytes([0; 32])), ..base.clone() },
        ];
        assert!(others.iter().all(|other| other.leaf() != base.leaf()));
    }
}
