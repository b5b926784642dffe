//! What was read? The hash of the bytes that rows were read from, not of what is at the same path later.
//!
//! A text is hashed as it goes by. A file that is read at positions is hashed through the handle that it is read
//! through. Whether it was written to meanwhile is a matter of [`super::unchanged`].

use std::io::{self, Read};
use std::sync::{Arc, Mutex};

use super::positioned::Positioned;
use crate::error::DataError;

/// The length and the hash of some bytes.
///
/// ```
/// use opus_data::Digest;
/// assert_eq!(Digest::of(b"opus").bytes, 4);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digest {
    /// How many bytes there are.
    pub bytes: u64,
    /// The BLAKE3 hash of them.
    pub blake3: opus_runtime::Hash,
}

impl Digest {
    /// The digest of bytes in memory.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest { bytes: bytes.len() as u64, blake3: opus_runtime::Hash::of(bytes) }
    }
}

/// The digest of bytes that go by.
#[derive(Clone, Default)]
pub struct Digesting {
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Digesting {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// The digest of what has been read so far.
    pub fn digest(&self) -> Digest {
        let blake3 = opus_runtime::Hash::from_bytes(*self.hasher.finalize().as_bytes());
        Digest { bytes: self.bytes, blake3 }
    }
}

/// The hash of an input that is being read.
pub enum Hash {
    /// The hash of what has been read so far.
    Passing(Arc<Mutex<Digesting>>),
    /// Of a file that is read at positions.
    Whole(Digest),
}

impl Hash {
    /// The hash of a text, and a reader of the same text that keeps it.
    pub fn passing(reader: Box<dyn Read + Send>) -> (Box<dyn Read + Send>, Hash) {
        let hasher = Arc::new(Mutex::new(Digesting::default()));
        (Box::new(Passing { reader, hasher: hasher.clone() }), Hash::Passing(hasher))
    }

    /// The hash of a file that is read at positions.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn whole(file: &str, positioned: &Positioned) -> Result<Hash, DataError> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(positioned.reader()).map_err(|error| DataError::unreadable(file, &error))?;
        let blake3 = opus_runtime::Hash::from_bytes(*hasher.finalize().as_bytes());
        Ok(Hash::Whole(Digest { bytes: hasher.count(), blake3 }))
    }

    /// The digest, when all was read.
    pub fn digest(&self) -> Digest {
        match self {
            Hash::Passing(hasher) => hasher.lock().expect("no thread panics with the lock").digest(),
            Hash::Whole(digest) => *digest,
        }
    }
}

/// A reader that hashes what it reads.
struct Passing {
    reader: Box<dyn Read + Send>,
    hasher: Arc<Mutex<Digesting>>,
}

impl Read for Passing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.hasher.lock().expect("no thread panics with the lock").update(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_hashed_as_it_goes_by() {
        let text = b"0123456789".repeat(1000);
        let (mut reader, hash) = Hash::passing(Box::new(io::Cursor::new(text.clone())));
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert_eq!(read, text);
        let digest = hash.digest();
        assert_eq!(
            (digest.bytes, digest.blake3.to_string()),
            (10_000, blake3::hash(&text).to_hex().to_string())
        );
    }
}
