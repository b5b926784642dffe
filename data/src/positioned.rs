//! How do several threads read one file at once? Each says where: there is no common position to fight over.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use parquet::file::reader::{ChunkReader, Length};

use super::endpoint::{Endpoint, open};
use super::unchanged::Unchanged;
use crate::error::DataError;

/// A file that is read at positions. Clones are the same file.
#[derive(Clone)]
pub struct Positioned {
    file: Arc<File>,
    length: u64,
    /// The file as it was opened, where it is not a copy.
    unchanged: Option<Unchanged>,
    /// Removes the copy of what has no positions when the last reader is done.
    _copy: Option<Arc<Removed>>,
}

/// A file that is removed in the end.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        // there is no one left to report a failure to
        let _ = std::fs::remove_file(&self.0);
    }
}

/// How much is read ahead if the length is not known.
const AHEAD_BYTES: usize = 1 << 13;

impl Positioned {
    /// Opens a file. Standard input and pipes have no positions: they are copied to a file in the system's
    /// temporary folder.
    ///
    /// # Errors
    /// Where it cannot be read or copied.
    pub fn open(endpoint: &Endpoint) -> Result<Positioned, DataError> {
        let unreadable = |error: io::Error| DataError::unreadable(&endpoint.to_string(), &error);
        match endpoint {
            Endpoint::File(path) | Endpoint::Copy { path, .. } => {
                let file = Arc::new(open(path)?);
                let Some(unchanged) = Unchanged::of(file.clone()).map_err(unreadable)? else {
                    return Positioned::copy_of(&mut &*file).map_err(unreadable);
                };
                Ok(Positioned { file, length: unchanged.length(), unchanged: Some(unchanged), _copy: None })
            }
            Endpoint::Standard => Positioned::copy_of(&mut io::stdin().lock()).map_err(unreadable),
        }
    }

    fn copy_of(reader: &mut dyn Read) -> io::Result<Positioned> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("opus-copy-{}-{number}", std::process::id()));
        let mut file = File::options().read(true).write(true).create_new(true).open(&path)?;
        let copy = Some(Arc::new(Removed(path)));
        let length = io::copy(reader, &mut file)?;
        Ok(Positioned { file: Arc::new(file), length, unchanged: None, _copy: copy })
    }

    /// The file as it was opened; `None` where it is a copy, which nobody else writes to.
    pub fn unchanged(&self) -> Option<Unchanged> {
        self.unchanged.clone()
    }

    /// How long the file is.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Reads from the beginning.
    pub fn reader(&self) -> PositionedReader {
        PositionedReader { file: self.clone(), at: 0, ahead: Bytes::new() }
    }

    #[cfg(unix)]
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&*self.file, buffer, at)
    }

    #[cfg(windows)]
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&*self.file, buffer, at)
    }

    /// Reads as much as there is, up to `length`.
    pub fn bytes_at(&self, at: u64, length: usize) -> io::Result<Bytes> {
        let length = (self.length.saturating_sub(at)).min(length as u64) as usize;
        let mut bytes = vec![0; length];
        let filled = self.fill(&mut bytes, at)?;
        bytes.truncate(filled);
        Ok(bytes.into())
    }

    /// Reads as much as there is, up to the length of the buffer; answers how much that is.
    pub fn fill(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_at(&mut buffer[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

impl Length for Positioned {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Positioned {
    type T = PositionedReader;

    fn get_read(&self, start: u64) -> parquet::errors::Result<PositionedReader> {
        Ok(PositionedReader { file: self.clone(), at: start, ahead: Bytes::new() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let bytes = self.bytes_at(start, length)?;
        if bytes.len() < length {
            let message = format!("the file ends {} bytes early", length - bytes.len());
            return Err(parquet::errors::ParquetError::EOF(message));
        }
        Ok(bytes)
    }
}

/// A reader with a position of its own.
pub struct PositionedReader {
    file: Positioned,
    at: u64,
    /// What was read ahead of `at`.
    ahead: Bytes,
}

impl PositionedReader {
    /// How many bytes come before the next one to read.
    pub fn position(&self) -> u64 {
        self.at
    }
}

impl Read for PositionedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() {
            if buffer.len() >= AHEAD_BYTES {
                let left = self.file.length.saturating_sub(self.at).min(buffer.len() as u64) as usize;
                let count = self.file.read_at(&mut buffer[..left], self.at)?;
                self.at += count as u64;
                return Ok(count);
            }
            self.ahead = self.file.bytes_at(self.at, AHEAD_BYTES)?;
        }
        let count = buffer.len().min(self.ahead.len());
        buffer[..count].copy_from_slice(&self.ahead.split_to(count));
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for PositionedReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, offset) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::End(offset) => (self.file.length, offset),
            SeekFrom::Current(offset) => (self.at, offset),
        };
        let outside = || io::Error::new(io::ErrorKind::InvalidInput, "the position is before the file");
        self.at = base.checked_add_signed(offset).ok_or_else(outside)?;
        self.ahead = Bytes::new();
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_positions_is_copied_and_the_copy_vanishes() {
        let copy = Positioned::copy_of(&mut &b"0123456789"[..]).unwrap();
        let path = copy._copy.as_ref().map(|removed| removed.0.clone()).unwrap();
        assert_eq!(copy.length(), 10);
        assert_eq!(&copy.get_bytes(3, 4).unwrap()[..], b"3456");
        assert!(copy.get_bytes(8, 4).unwrap_err().to_string().contains("ends 2 bytes early"));
        let (mut text, mut reader) = (String::new(), copy.reader());
        reader.seek(SeekFrom::End(-3)).unwrap();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "789");
        assert!(path.exists());
        drop((copy, reader));
        assert!(!path.exists());
    }
}
