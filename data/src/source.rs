//! How are rows read from several files of any format, in order and within bounds of memory?
//!
//! A [`Source`] is one file; a [`Reader`] goes through all of them and numbers the rows.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Read};
use std::sync::Arc;

use super::arrow::ArrowSource;
use super::chunk::{Body, Chunk, Kept};
use super::csv::CsvSource;
use super::format::Format;
use super::hash::Hash;
use super::intake::Intake;
use super::json_lines::JsonLinesSource;
use super::parquet::ParquetSource;
use super::place::{Located, Place, open};
use super::positioned::Positioned;
use super::unchanged::Unchanged;
use crate::error::DataError;

/// A file that rows are read from.
pub trait Source: Send {
    /// The next rows, at most [`super::CHUNK_ROWS`], and of Parquet twice as many; `None` where there are no more.
    ///
    /// # Errors
    /// Where the file cannot be read.
    fn next(&mut self) -> Result<Option<(usize, Body)>, DataError>;

    /// The columns to keep, in the order in which they were asked for.
    fn kept(&self) -> &[Kept];

    /// The columns that nobody asked for, where the file names its columns.
    fn ignored(&self) -> &[String];

    /// About how many bytes of the file were read.
    fn bytes(&self) -> u64;
}

/// A file that is being read.
struct Opened {
    source: Box<dyn Source>,
    /// The hash of what is read, where hashes are wanted.
    hash: Option<Hash>,
    /// The file as it was opened, where it is a regular one.
    unchanged: Option<Unchanged>,
}

/// Opens a file of any format; with its hash, where that is wanted.
fn open_source(located: &Located, intake: &Intake, hashed: bool) -> Result<Opened, DataError> {
    let file = name_of(&located.place);
    match located.format {
        Format::Parquet | Format::Arrow => {
            let positioned = Positioned::open(&located.place)?;
            let hash = if hashed { Some(Hash::whole(&file, &positioned)?) } else { None };
            let source: Box<dyn Source> = match located.format {
                Format::Parquet => Box::new(ParquetSource::open(&file, positioned.clone(), intake)?),
                _ => Box::new(ArrowSource::open(&file, positioned.clone(), intake)?),
            };
            Ok(Opened { source, hash, unchanged: positioned.unchanged() })
        }
        Format::Csv | Format::JsonLines => {
            let (text, unchanged) = text(&located.place)?;
            let (text, hash) = if hashed {
                let (text, hash) = Hash::passing(text);
                (text, Some(hash))
            } else {
                (text, None)
            };
            let source: Box<dyn Source> = match located.format {
                Format::Csv => Box::new(CsvSource::open(&file, text, intake)?),
                _ => Box::new(JsonLinesSource::open(&file, text, intake)),
            };
            Ok(Opened { source, hash, unchanged })
        }
    }
}

/// What an input is called in messages.
fn name_of(place: &Place) -> String {
    match place {
        Place::Standard => "standard input".to_owned(),
        Place::File(path) => path.display().to_string(),
    }
}

fn text(place: &Place) -> Result<(Box<dyn Read + Send>, Option<Unchanged>), DataError> {
    match place {
        Place::Standard => Ok((Box::new(io::stdin()), None)),
        Place::File(path) => {
            let file = Arc::new(open(path)?);
            let unchanged = Unchanged::of(file.clone())
                .map_err(|error| DataError::unreadable(&name_of(place), &error))?;
            Ok((Box::new(file), unchanged))
        }
    }
}

/// All files, one after another.
pub struct Reader<'a> {
    intake: &'a Intake,
    waiting: VecDeque<Located>,
    now: Opened,
    /// Where it is.
    place: Place,
    kept: Vec<Kept>,
    ignored: BTreeSet<String>,
    next_row: u64,
    /// The bytes of the files before this one.
    bytes_before: u64,
    bytes_total: Option<u64>,
    /// The files that were read to their end, with their hashes.
    hashes: Vec<(String, String)>,
}

impl<'a> Reader<'a> {
    /// Opens the first file.
    ///
    /// # Errors
    /// Where there is none, it cannot be read, or has not the columns that are wanted.
    pub fn open(files: Vec<Located>, intake: &'a Intake) -> Result<Reader<'a>, DataError> {
        Reader::new(files, intake, false)
    }

    /// The same; `hashed` where what is read is to be hashed.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn new(files: Vec<Located>, intake: &'a Intake, hashed: bool) -> Result<Reader<'a>, DataError> {
        let bytes_total = files.iter().map(length_of).sum();
        let mut waiting: VecDeque<Located> = files.into();
        let first = waiting.pop_front().ok_or_else(|| DataError::request("there is no input"))?;
        let now = open_source(&first, intake, hashed)?;
        Ok(Reader {
            intake,
            waiting,
            place: first.place,
            kept: now.source.kept().to_vec(),
            ignored: now.source.ignored().iter().cloned().collect(),
            now,
            next_row: 1,
            bytes_before: 0,
            bytes_total,
            hashes: Vec::new(),
        })
    }

    /// The columns to keep.
    pub fn kept(&self) -> &[Kept] {
        &self.kept
    }

    /// The columns that nobody asked for, of the files that were opened so far.
    pub fn ignored(&self) -> &BTreeSet<String> {
        &self.ignored
    }

    /// The files with the hashes of what was read, when all was.
    pub fn into_hashes(self) -> Vec<(String, String)> {
        self.hashes
    }

    /// How much of all files was read, from 0 to 1; `None` where their length is not known.
    pub fn progress(&self) -> Option<f64> {
        let total = self.bytes_total.filter(|total| *total > 0)?;
        Some(((self.bytes_before + self.now.source.bytes()) as f64 / total as f64).min(1.0))
    }

    /// The next rows; `None` where there are no more.
    ///
    /// # Errors
    /// Where a file cannot be read, is written to meanwhile, or its columns are not those of the first file.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, DataError> {
        loop {
            if let Some((rows, body)) = self.now.source.next()? {
                if rows == 0 {
                    continue;
                }
                let chunk = Chunk { first_row: self.next_row, rows, body };
                self.next_row += rows as u64;
                return Ok(Some(chunk));
            }
            if let Some(unchanged) = self.now.unchanged.take() {
                unchanged.check(&name_of(&self.place))?;
            }
            if let Some(hash) = self.now.hash.take() {
                self.hashes.push((self.place.to_string(), hash.digits()));
            }
            match self.waiting.pop_front() {
                Some(next) => self.turn_to(&next)?,
                None => return Ok(None),
            }
        }
    }

    fn turn_to(&mut self, next: &Located) -> Result<(), DataError> {
        self.bytes_before += self.now.source.bytes();
        let hashed = !self.hashes.is_empty();
        self.now = open_source(next, self.intake, hashed)?;
        let first = std::mem::replace(&mut self.place, next.place.clone());
        for (kept, here) in self.kept.iter().zip(self.now.source.kept()) {
            if kept != here {
                let type_of =
                    |kept: &Kept| if kept.is_json { "JSON".into() } else { kept.data_type.to_string() };
                let (here, there) = (type_of(here), type_of(kept));
                let (file, first) = (name_of(&self.place), name_of(&first));
                let message = format!(
                    "{file}: column `{}` is of the type {here} here and {there} in {first}",
                    kept.name
                );
                return Err(
                    DataError::input(message).remedy("a column that is kept has one type in all files")
                );
            }
        }
        self.ignored.extend(self.now.source.ignored().iter().cloned());
        Ok(())
    }
}

/// How long a file is; `None` where that is not known.
fn length_of(file: &Located) -> Option<u64> {
    match &file.place {
        Place::Standard => None,
        Place::File(path) => path.metadata().ok().filter(|data| data.is_file()).map(|data| data.len()),
    }
}
