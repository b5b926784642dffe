//! What is a snapshot as a file, and when is it accepted?
//!
//! | offset | bytes | content |
//! | --- | --- | --- |
//! | 0 | 8 | the magic number: `opus`, then bytes that any conversion of text would damage |
//! | 8 | 4 | the number of the format, little-endian |
//! | 12 | 4 | zero |
//! | 16 | 32 | the hash: BLAKE3 of everything after it |
//! | 48 | | the canonical form |
//!
//! The canonical form is the 16 bytes `opus snapshot 1` with a zero, the number of facts in 4 bytes, and then each
//! fact, by key and first day: the key as a text, the day in 4 bytes, the value, the citation, the number of notes in 4
//! bytes, and of each note, by name, its name and text. A text is its length in 4 bytes and its bytes in UTF-8. The
//! value and the citation are each a byte, 1 if present and 0 if not, followed by a text if present. Numbers are
//! little-endian.
//!
//! A file is checked in this order: the header, the hash, and then every fact, whose bytes must be exactly as this
//! module would write them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{Fact, FactValue, NOTES_MAX, Snapshot, SnapshotError, TEXT_BYTES_MAX};
use crate::hash::{Canonical, Hash};

/// The first eight bytes.
pub const MAGIC: [u8; 8] = *b"opus\xF6\r\n\0";
/// The number of the format that this crate reads and writes.
pub const FORMAT: u32 = 1;
/// Larger files are refused before they are read.
pub const SNAPSHOT_BYTES_MAX: u64 = 1 << 28;

const NAME: &[u8; 16] = b"opus snapshot 1\0";
const HEADER_BYTES: usize = 48;
const HASH: usize = 16;

/// The hash of a canonical form.
pub(super) fn hash(canonical: &[u8]) -> Hash {
    Hash::of(canonical)
}

impl Snapshot {
    /// The canonical form, whose hash names the snapshot.
    pub fn canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.put(NAME);
        bytes.put(&(self.facts().len() as u32).to_le_bytes());
        let put_optional = |bytes: &mut Vec<u8>, text: Option<&str>| {
            bytes.put(&[text.is_some() as u8]);
            text.into_iter().for_each(|text| bytes.put_text(text));
        };
        for Fact { key, valid_from, value, cite, notes } in self.facts() {
            bytes.put_text(key);
            bytes.put(&valid_from.to_le_bytes());
            put_optional(&mut bytes, value.as_ref().map(ToString::to_string).as_deref());
            put_optional(&mut bytes, cite.as_deref());
            bytes.put(&(notes.len() as u32).to_le_bytes());
            for (name, text) in notes {
                bytes.put_text(name);
                bytes.put_text(text);
            }
        }
        bytes
    }

    /// The snapshot as a file holds it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let canonical = self.canonical();
        let mut bytes = Vec::with_capacity(HEADER_BYTES + canonical.len());
        bytes.put(&MAGIC);
        bytes.put(&FORMAT.to_le_bytes());
        bytes.put(&[0; 4]);
        bytes.put(hash(&canonical).as_bytes());
        bytes.put(&canonical);
        bytes
    }

    /// Reads a snapshot from a file.
    ///
    /// # Errors
    /// Where the file cannot be read, or does not hold a snapshot.
    pub fn open(path: impl AsRef<Path>) -> Result<Snapshot, SnapshotError> {
        let path = path.as_ref();
        let unreadable = |error| SnapshotError::Read { path: path.to_owned(), error };
        let mut file = File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        (&mut file).take(HEADER_BYTES as u64).read_to_end(&mut bytes).map_err(unreadable)?;
        if !bytes.starts_with(&MAGIC) {
            return Err(SnapshotError::NotASnapshot);
        }
        file.take(SNAPSHOT_BYTES_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
        Snapshot::from_bytes(&bytes)
    }

    /// Reads a snapshot from bytes.
    ///
    /// # Errors
    /// Where the bytes are not a snapshot.
    pub fn from_bytes(bytes: &[u8]) -> Result<Snapshot, SnapshotError> {
        if bytes.len() as u64 > SNAPSHOT_BYTES_MAX {
            return Err(SnapshotError::TooLarge);
        }
        if !bytes.starts_with(&MAGIC) {
            return Err(SnapshotError::NotASnapshot);
        }
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(SnapshotError::Damaged)?;
        let found = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
        if found != FORMAT {
            return Err(SnapshotError::Format { found });
        }
        let canonical = &bytes[HEADER_BYTES..];
        if header[12..HASH] != [0; 4] || header[HASH..] != *hash(canonical).as_bytes() {
            return Err(SnapshotError::Damaged);
        }
        let snapshot = Snapshot::new(Reader { rest: canonical }.facts()?)?;
        // one snapshot has one form, whatever a file says
        if snapshot.canonical() != canonical {
            return Err(malformed("it is not in canonical form"));
        }
        Ok(snapshot)
    }
}

fn malformed(message: &str) -> SnapshotError {
    SnapshotError::Malformed { message: message.to_owned() }
}

/// The bytes that have not been read yet.
struct Reader<'a> {
    rest: &'a [u8],
}

type Reads<T> = Result<T, SnapshotError>;

impl<'a> Reader<'a> {
    fn facts(mut self) -> Reads<Vec<Fact>> {
        if self.take(NAME.len())? != NAME {
            return Err(malformed("it does not begin with its name"));
        }
        let count = self.number()?;
        // a fact takes more bytes than this, so that no room is set aside for facts that are not there
        let mut facts = Vec::with_capacity((count as usize).min(self.rest.len() / 8));
        for _ in 0..count {
            facts.push(self.fact()?);
        }
        if self.rest.is_empty() { Ok(facts) } else { Err(malformed("there are bytes after the last fact")) }
    }

    fn fact(&mut self) -> Reads<Fact> {
        let key = self.text()?.to_owned();
        let day = self.take(4)?;
        let valid_from = i32::from_le_bytes([day[0], day[1], day[2], day[3]]);
        let value = self.optional()?.map(|text| text.parse::<FactValue>());
        let value = value.transpose().map_err(|error| malformed(&error.to_string()))?;
        let cite = self.optional()?.map(str::to_owned);
        let count = self.number()?;
        if count as usize > NOTES_MAX {
            return Err(malformed("a fact has too many notes"));
        }
        let note = |_| Ok((self.text()?.to_owned(), self.text()?.to_owned()));
        let notes = (0..count).map(note).collect::<Reads<Vec<(String, String)>>>()?;
        Ok(Fact { key, valid_from, value, cite, notes })
    }

    fn optional(&mut self) -> Reads<Option<&'a str>> {
        match self.take(1)? {
            [0] => Ok(None),
            [1] => self.text().map(Some),
            _ => Err(malformed("a text is neither there nor missing")),
        }
    }

    fn text(&mut self) -> Reads<&'a str> {
        let length = self.number()? as usize;
        if length > TEXT_BYTES_MAX {
            return Err(malformed("a text is too long"));
        }
        std::str::from_utf8(self.take(length)?).map_err(|_| malformed("a text is not UTF-8"))
    }

    fn number(&mut self) -> Reads<u32> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn take(&mut self, length: usize) -> Reads<&'a [u8]> {
        let (taken, rest) =
            self.rest.split_at_checked(length).ok_or_else(|| malformed("the end is missing"))?;
        self.rest = rest;
        Ok(taken)
    }
}
