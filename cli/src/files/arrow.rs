//! What does an Arrow IPC file hold? Record batches, as a file with a footer or as a stream.

use std::io::{BufReader, Read};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::ArrowError;

use super::chunk::{Body, CHUNK_ROWS, Kept};
use super::guard::{Damaged, guarded};
use super::intake::Intake;
use super::positioned::{Positioned, PositionedReader};
use super::source::Source;
use super::typed::TypedColumns;
use crate::failure::Failure;

/// What a file with a footer begins with.
const MAGIC: &[u8] = b"ARROW1";

/// An Arrow IPC file.
pub struct ArrowSource {
    file: String,
    batches: Batches,
    columns: TypedColumns,
    /// The batch that is being handed out, and how many of its rows were.
    batch: Option<(RecordBatch, usize)>,
    length_bytes: u64,
    batches_total: usize,
    batches_read: usize,
}

enum Batches {
    File(FileReader<BufReader<PositionedReader>>),
    Stream(StreamReader<BufReader<PositionedReader>>),
}

impl ArrowSource {
    /// Opens a file.
    ///
    /// # Errors
    /// Where it is no Arrow IPC file, or has not the columns that are wanted.
    pub fn open(file: &str, positioned: Positioned, intake: &Intake) -> Result<ArrowSource, Failure> {
        let wrong = |error: ArrowError| unreadable(file, &error);
        let panicked = |damaged: Damaged| unreadable(file, &damaged);
        let mut magic = Vec::new();
        let begins = positioned.reader().take(MAGIC.len() as u64).read_to_end(&mut magic);
        begins.map_err(|error| Failure::io(format!("{file}: cannot be read: {error}")))?;
        let reader = || BufReader::new(positioned.reader());
        let (columns, batches, batches_total) = if magic == MAGIC {
            let all = guarded(|| FileReader::try_new(reader(), None)).map_err(panicked)?.map_err(wrong)?;
            let mut columns = TypedColumns::new(file, &all.schema(), intake)?;
            let wanted = Some(columns.project());
            let some = guarded(|| FileReader::try_new(reader(), wanted)).map_err(panicked)?.map_err(wrong)?;
            (columns, Batches::File(some), all.num_batches())
        } else {
            let all = guarded(|| StreamReader::try_new(reader(), None)).map_err(panicked)?.map_err(wrong)?;
            let mut columns = TypedColumns::new(file, &all.schema(), intake)?;
            let wanted = Some(columns.project());
            let some =
                guarded(|| StreamReader::try_new(reader(), wanted)).map_err(panicked)?.map_err(wrong)?;
            (columns, Batches::Stream(some), 0)
        };
        let length_bytes = positioned.length();
        Ok(ArrowSource {
            file: file.to_owned(),
            batches,
            columns,
            batch: None,
            length_bytes,
            batches_total,
            batches_read: 0,
        })
    }
}

fn unreadable(file: &str, error: &dyn std::error::Error) -> Failure {
    Failure::io(format!("{file}: is no whole Arrow IPC file: {error}"))
}

impl Source for ArrowSource {
    fn next(&mut self) -> Result<Option<(usize, Body)>, Failure> {
        loop {
            if let Some((batch, given)) =
                self.batch.as_mut().filter(|(batch, given)| *given < batch.num_rows())
            {
                let rows = (batch.num_rows() - *given).min(CHUNK_ROWS);
                let slice = |columns: &[usize]| -> Vec<ArrayRef> {
                    columns.iter().map(|column| batch.column(*column).slice(*given, rows)).collect()
                };
                let body =
                    Body::Columns { fields: slice(&self.columns.fields), kept: slice(&self.columns.kept) };
                *given += rows;
                return Ok(Some((rows, body)));
            }
            let next = guarded(|| match &mut self.batches {
                Batches::File(reader) => reader.next(),
                Batches::Stream(reader) => reader.next(),
            });
            let next = next.map_err(|damaged| unreadable(&self.file, &damaged))?;
            match next.transpose().map_err(|error| unreadable(&self.file, &error))? {
                Some(batch) => {
                    self.batches_read += 1;
                    self.batch = Some((batch, 0));
                }
                None => return Ok(None),
            }
        }
    }

    fn kept(&self) -> &[Kept] {
        &self.columns.kept_types
    }

    fn ignored(&self) -> &[String] {
        &self.columns.ignored
    }

    fn bytes(&self) -> u64 {
        (self.length_bytes as u128 * self.batches_read as u128 / self.batches_total.max(1) as u128) as u64
    }
}
