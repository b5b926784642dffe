//! What was read? The hash of the very bytes that rows were read from, not of what lies at the same path by then.
//!
//! A text is hashed as it goes by. A file that is read at positions is hashed through the handle that it is read
//! through. Whether it was written to meanwhile is a matter of [`super::unchanged`].

use std::io::{self, Read};
use std::sync::{Arc, Mutex};

use super::positioned::Positioned;
use crate::error::DataError;

/// The hash of an input that is being read.
pub enum Hash {
    /// Of what has gone by.
    Passing(Arc<Mutex<blake3::Hasher>>),
    /// Of a file that is read at positions.
    Whole(blake3::Hash),
}

impl Hash {
    /// The hash of a text, and a reader of the same text that keeps it.
    pub fn passing(reader: Box<dyn Read + Send>) -> (Box<dyn Read + Send>, Hash) {
        let hasher = Arc::new(Mutex::new(blake3::Hasher::new()));
        (Box::new(Passing { reader, hasher: hasher.clone() }), Hash::Passing(hasher))
    }

    /// The hash of a file that is read at positions.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn whole(file: &str, positioned: &Positioned) -> Result<Hash, DataError> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(positioned.reader()).map_err(|error| DataError::unreadable(file, &error))?;
        Ok(Hash::Whole(hasher.finalize()))
    }

    /// The digits, when all was read.
    pub fn digits(&self) -> String {
        let hash = match self {
            Hash::Passing(hasher) => hasher.lock().expect("no thread panics with the lock").finalize(),
            Hash::Whole(hash) => *hash,
        };
        hash.to_hex().to_string()
    }
}

/// A reader that hashes what it reads.
struct Passing {
    reader: Box<dyn Read + Send>,
    hasher: Arc<Mutex<blake3::Hasher>>,
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
        assert_eq!(hash.digits(), blake3::hash(&text).to_hex().as_str());
    }
}
