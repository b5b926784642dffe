//! How do several threads read one file at once? Each says where: there is no common position to fight over.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use parquet::file::reader::{ChunkReader, Length};

use super::place::{Place, open};
use crate::failure::Failure;

/// A file that is read at positions. Clones are the same file.
#[derive(Clone)]
pub struct Positioned {
    file: Arc<File>,
    length: u64,
    /// Removes the copy of standard input when the last reader is done.
    _copy: Option<Arc<Removed>>,
}

/// A file that is removed in the end.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        // there is nobody left to tell that it could not be removed
        let _ = std::fs::remove_file(&self.0);
    }
}

/// How much is read ahead where the length of what is wanted is not known.
const AHEAD_BYTES: usize = 1 << 13;

impl Positioned {
    /// Opens a file. Standard input has no positions: it is copied to a file in the system's temporary folder.
    ///
    /// # Errors
    /// Where it cannot be read or copied.
    pub fn open(place: &Place) -> Result<Positioned, Failure> {
        let unreadable = |error: io::Error| Failure::io(format!("{place}: cannot be read: {error}"));
        match place {
            Place::File(path) => {
                let file = open(path)?;
                let length = file.metadata().map_err(unreadable)?.len();
                Ok(Positioned { file: Arc::new(file), length, _copy: None })
            }
            Place::Standard => {
                let path = std::env::temp_dir().join(format!("opus-stdin-{}", std::process::id()));
                let mut options = File::options();
                let mut file =
                    options.read(true).write(true).create_new(true).open(&path).map_err(unreadable)?;
                let copy = Some(Arc::new(Removed(path)));
                let length = io::copy(&mut io::stdin().lock(), &mut file).map_err(unreadable)?;
                Ok(Positioned { file: Arc::new(file), length, _copy: copy })
            }
        }
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
    fn bytes_at(&self, at: u64, length: usize) -> io::Result<Bytes> {
        let length = (self.length.saturating_sub(at)).min(length as u64) as usize;
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match self.read_at(&mut bytes[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes.into())
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

impl Read for PositionedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() {
            self.ahead = self.file.bytes_at(self.at, AHEAD_BYTES.max(buffer.len()))?;
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
