//! How are rows read from several files of any format, in order and within bounds of memory?
//!
//! A [`Source`] is one file; a [`Reader`] goes through all of them and numbers the rows.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::chunk::{Body, Chunk, Kept};
use super::endpoint::{Endpoint, Located};
use super::format::Format;
use super::given::Given;
use super::hash::{Digest, Hash};
use super::ignored::Ignored;
use super::intake::Intake;
use super::packing::Packing;
use super::positioned::Positioned;
use super::signature;
use super::unchanged::Unchanged;
use crate::error::DataError;

/// How many rows, and the rows.
pub type Rows = (usize, Box<dyn Body>);

/// A file that rows are read from.
pub trait Source: Send {
    /// The next rows, at most [`super::CHUNK_ROWS`], and of Parquet twice as many; `None` where there are no more.
    ///
    /// # Errors
    /// Where the file cannot be read.
    fn next(&mut self) -> Result<Option<Rows>, DataError>;

    /// The columns to keep, in the order in which they were asked for; `None` where a folder gives the value and the file
    /// has no such column.
    fn kept(&self) -> &[Option<Kept>];

    /// The columns that are ignored, if the file names its columns.
    fn ignored(&self) -> &[String];

    /// About how many bytes of the file were read.
    fn bytes(&self) -> u64;
}

/// A file that is being read.
pub struct Opened {
    source: Box<dyn Source>,
    /// The hash of what is read, if hashes are requested.
    hash: Option<Hash>,
    /// The file as it was opened, where it is a regular one.
    unchanged: Option<Unchanged>,
    /// How many bytes were read of a text, which may be packed.
    read: Option<Arc<AtomicU64>>,
}

/// What a format is asked to open.
pub struct Request<'a> {
    /// What the file is called in messages.
    pub file: String,
    /// Where it is.
    pub endpoint: &'a Endpoint,
    /// The format that it should be in.
    pub format: Format,
    /// What is wanted of it.
    pub intake: &'a Intake,
    /// What it need not hold.
    pub given: &'a Given,
    /// Whether to hash what is read.
    pub hashed: bool,
}

impl Request<'_> {
    /// Opens a file that is read at positions.
    ///
    /// # Errors
    /// Where it cannot be read, or `open` fails.
    pub fn positioned(
        &self,
        open: impl FnOnce(Positioned) -> Result<Box<dyn Source>, DataError>,
    ) -> Result<Opened, DataError> {
        let positioned = Positioned::open(self.endpoint)?;
        if positioned.length() == 0 {
            return Err(DataError::input(format!("{}: the file is empty", self.file)));
        }
        let first = positioned.bytes_at(0, signature::FIRST_BYTES.min(positioned.length() as usize));
        let first = first.map_err(|error| DataError::unreadable(&self.file, &error))?;
        signature::check(&self.file, self.format, &first)?;
        let hash = if self.hashed { Some(Hash::whole(&self.file, &positioned)?) } else { None };
        let unchanged = positioned.unchanged();
        Ok(Opened { source: open(positioned)?, hash, unchanged, read: None })
    }

    /// Opens a file that is read from its beginning to its end, unpacked where it is packed.
    ///
    /// # Errors
    /// Where it cannot be read, or `open` fails.
    pub fn text(
        &self,
        open: impl FnOnce(Box<dyn Read + Send>) -> Result<Box<dyn Source>, DataError>,
    ) -> Result<Opened, DataError> {
        let unreadable = |error: io::Error| DataError::unreadable(&self.file, &error);
        let (text, unchanged): (Box<dyn Read + Send>, _) = match self.endpoint {
            Endpoint::Standard => (Box::new(io::stdin()), None),
            Endpoint::File(path) | Endpoint::Copy { path, .. } => {
                let file = Arc::new(super::endpoint::open(path)?);
                let unchanged = Unchanged::of(file.clone()).map_err(unreadable)?;
                (Box::new(file), unchanged)
            }
        };
        let (text, hash) = match self.hashed {
            true => {
                let (text, hash) = Hash::passing(text);
                (text, Some(hash))
            }
            false => (text, None),
        };
        let read = Arc::new(AtomicU64::new(0));
        let damaged = |error: io::Error| Packing::unreadable(&self.file, &error);
        let mut text = Packing::unpack(Box::new(Counting { text, read: read.clone() })).map_err(damaged)?;
        let mut first = Vec::new();
        text.by_ref().take(signature::FIRST_BYTES as u64).read_to_end(&mut first).map_err(damaged)?;
        signature::check(&self.file, self.format, &first)?;
        let text = Box::new(io::Cursor::new(first).chain(text));
        Ok(Opened { source: open(text)?, hash, unchanged, read: Some(read) })
    }
}

/// A reader that counts the bytes that are read.
struct Counting {
    text: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.text.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl Opened {
    /// About how many bytes of the file were read.
    fn bytes(&self) -> u64 {
        self.read.as_ref().map_or_else(|| self.source.bytes(), |read| read.load(Ordering::Relaxed))
    }
}

/// Opens a file of any format; with its hash, where that is wanted.
fn open_source(located: &Located, intake: &Intake, hashed: bool) -> Result<(Opened, Arc<Given>), DataError> {
    let given = Arc::new(Given::new(Some(&located.endpoint), intake)?);
    let file = name_of(&located.endpoint);
    let request =
        Request { file, endpoint: &located.endpoint, format: located.format, intake, given: &given, hashed };
    let opened = (located.format.row().open)(&request)?;
    Ok((opened, given))
}

/// What an input is called in messages.
pub fn name_of(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Standard => "standard input".to_owned(),
        named => named.to_string(),
    }
}

/// All files, one after another.
///
/// ```
/// use opus_data::{Intake, Reader, inputs};
/// use opus_ir::memory::Columns;
///
/// let policy = opus_runtime::example::policy();
/// let path = std::env::temp_dir().join(format!("opus-reader-{}.csv", std::process::id()));
/// std::fs::write(&path, "submitted_on,age,score,income,requested,work\n2025-02-01,40,,90000,900.50,retired\n")?;
///
/// let intake = Intake::by_name(policy.schema());
/// let mut reader = Reader::open(inputs(&[path.clone()], None)?, &intake)?;
/// while let Some(chunk) = reader.next_chunk()? {
///     let mut columns = Columns::new(&intake.schema.input_columns(), chunk.rows);
///     let mut faults = Vec::new();
///     chunk.fill(&intake, &mut columns, &mut faults)?;
///     assert!(faults.is_empty());
///     // the age, the missing score, and the amount in cents
///     assert_eq!((columns.get(1, 0), columns.get(2, 0), columns.get(4, 0)), (Some(40), None, Some(90_050)));
/// }
/// assert!(reader.ignored().names().next().is_none());
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reader<'a> {
    intake: &'a Intake,
    waiting: VecDeque<Located>,
    now: Opened,
    /// What it need not hold.
    given: Arc<Given>,
    /// Where it is.
    endpoint: Endpoint,
    /// What it is called.
    file: Arc<str>,
    kept: Vec<Kept>,
    ignored: Ignored,
    next_row: u64,
    /// How many rows the files before this one have.
    rows_before: u64,
    /// The bytes of the files before this one.
    bytes_before: u64,
    bytes_total: Option<u64>,
    /// The files that were read to their end, with their hashes.
    hashes: Vec<(String, Digest)>,
}

impl<'a> Reader<'a> {
    /// Opens the first file.
    ///
    /// # Errors
    /// Where there is none, it cannot be read, or has not the columns that are wanted.
    pub fn open(files: Vec<Located>, intake: &'a Intake) -> Result<Reader<'a>, DataError> {
        Reader::new(files, intake, false)
    }

    /// The same; `hashed` says whether to hash what is read.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn new(files: Vec<Located>, intake: &'a Intake, hashed: bool) -> Result<Reader<'a>, DataError> {
        let bytes_total = files.iter().map(length_of).sum();
        let mut waiting: VecDeque<Located> = files.into();
        let first = waiting.pop_front().ok_or_else(|| DataError::request("there is no input"))?;
        let (now, given) = open_source(&first, intake, hashed)?;
        let file: Arc<str> = name_of(&first.endpoint).into();
        let mut ignored = Ignored::default();
        ignored.add(&file, now.source.ignored().iter().cloned());
        Ok(Reader {
            intake,
            waiting,
            file,
            endpoint: first.endpoint,
            kept: given.with_kept_types(intake, now.source.kept()),
            given,
            ignored,
            now,
            next_row: 1,
            rows_before: 0,
            bytes_before: 0,
            bytes_total,
            hashes: Vec::new(),
        })
    }

    /// The columns to keep.
    pub fn kept(&self) -> &[Kept] {
        &self.kept
    }

    /// The columns that are ignored, of the files that were opened so far and have a header.
    pub fn ignored(&self) -> &Ignored {
        &self.ignored
    }

    /// The files with the hashes of what was read, after all of it was.
    pub fn into_hashes(self) -> Vec<(String, Digest)> {
        self.hashes
    }

    /// How much of all files was read, from 0 to 1; `None` where their length is not known.
    pub fn progress(&self) -> Option<f64> {
        let total = self.bytes_total.filter(|total| *total > 0)?;
        Some(((self.bytes_before + self.now.bytes()) as f64 / total as f64).min(1.0))
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
                let chunk = Chunk {
                    file: self.file.clone(),
                    first_row: self.next_row,
                    row_of_file: self.next_row - self.rows_before,
                    rows,
                    body,
                    given: self.given.clone(),
                };
                self.next_row += rows as u64;
                return Ok(Some(chunk));
            }
            if let Some(unchanged) = self.now.unchanged.take() {
                unchanged.check(&name_of(&self.endpoint))?;
            }
            if let Some(hash) = self.now.hash.take() {
                self.hashes.push((self.endpoint.to_string(), hash.digest()));
            }
            match self.waiting.pop_front() {
                Some(next) => self.turn_to(&next)?,
                None => return Ok(None),
            }
        }
    }

    fn turn_to(&mut self, next: &Located) -> Result<(), DataError> {
        self.bytes_before += self.now.bytes();
        self.rows_before = self.next_row - 1;
        let hashed = !self.hashes.is_empty();
        (self.now, self.given) = open_source(next, self.intake, hashed)?;
        let first = std::mem::replace(&mut self.endpoint, next.endpoint.clone());
        self.file = name_of(&next.endpoint).into();
        let here = self.given.with_kept_types(self.intake, self.now.source.kept());
        for (kept, here) in self.kept.iter().zip(&here) {
            if kept != here {
                let type_of =
                    |kept: &Kept| if kept.is_json { "JSON".into() } else { kept.data_type.to_string() };
                let (here, there) = (type_of(here), type_of(kept));
                let (file, first) = (name_of(&self.endpoint), name_of(&first));
                let message = format!(
                    "{file}: column `{}` is of the type {here} here and {there} in {first}",
                    kept.name
                );
                return Err(
                    DataError::input(message).remedy("a column that is kept has one type in all files")
                );
            }
        }
        self.ignored.add(&self.file, self.now.source.ignored().iter().cloned());
        Ok(())
    }
}

/// How long a file is; `None` where that is not known.
fn length_of(file: &Located) -> Option<u64> {
    file.endpoint.path()?.metadata().ok().filter(|data| data.is_file()).map(|data| data.len())
}
