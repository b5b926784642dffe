//! What does an Arrow IPC file hold? Record batches, as a file with a footer or as a stream.

use std::io::{BufReader, Read};

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::ArrowError;

use super::blocks::Blocks;
use super::claims::{Claim, check_file, check_stream};
use crate::chunk::{CHUNK_ROWS, ColumnData, Columnar, Kept};
use crate::error::DataError;
use crate::given::Given;
use crate::guard::{Damaged, guarded};
use crate::intake::Intake;
use crate::member::Member;
use crate::positioned::{Positioned, PositionedReader};
use crate::source::{Opened, Request, Rows, Source};
use crate::typed::TypedColumns;

/// What a file with a footer begins with.
const MAGIC: &[u8] = b"ARROW1";

/// What a stream ends with, where messages begin with the first half of it: since 2019.
const STREAM_END: [u8; 8] = [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];

/// Opens an Arrow IPC file.
///
/// # Errors
/// Where it is no Arrow IPC file, or has not the columns that are wanted.
pub fn open(of: &Request<'_>) -> Result<Opened, DataError> {
    of.positioned(|file| Ok(Box::new(ArrowSource::open(&of.file, file, of.intake, of.given)?)))
}

/// An Arrow IPC file.
struct ArrowSource {
    file: String,
    positioned: Positioned,
    batches: Batches,
    columns: TypedColumns,
    /// The batch that is being handed out, and how many of its rows were.
    batch: Option<(RecordBatch, usize)>,
}

enum Batches {
    File(Blocks),
    Stream(StreamReader<BufReader<PositionedReader>>),
}

impl Batches {
    fn next(&mut self) -> Option<Result<RecordBatch, ArrowError>> {
        match self {
            Batches::File(blocks) => blocks.next(),
            Batches::Stream(reader) => reader.next(),
        }
    }
}

impl ArrowSource {
    fn open(
        file: &str,
        positioned: Positioned,
        intake: &Intake,
        given: &Given,
    ) -> Result<ArrowSource, DataError> {
        let wrong = |error: ArrowError| unreadable(file, &error);
        let panicked = |damaged: Damaged| unreadable(file, &damaged);
        let mut magic = Vec::new();
        let begins = positioned.reader().take(MAGIC.len() as u64).read_to_end(&mut magic);
        begins.map_err(|error| DataError::unreadable(file, &error))?;
        let is_file = magic == MAGIC;
        let checked = guarded(|| match is_file {
            true => check_file(&positioned).map(Some),
            false => check_stream(&positioned).map(|()| None),
        });
        let footer = checked.map_err(panicked)?.map_err(|claim| match claim {
            Claim::Wrong(wrong) => {
                DataError::input(format!("{file}: not a complete Arrow IPC file: {wrong}")).remedy(AGAIN)
            }
            Claim::Unreadable(error) => DataError::unreadable(file, &error),
        })?;
        let reader = || BufReader::new(positioned.reader());
        let (columns, batches) = if let Some(footer) = footer {
            let all = guarded(|| FileReader::try_new(reader(), None)).map_err(panicked)?.map_err(wrong)?;
            let mut columns = TypedColumns::new(file, &all.schema(), intake, given)?;
            let wanted = columns.project();
            let some = guarded(|| Blocks::open(&positioned, &footer, all.schema(), wanted));
            (columns, Batches::File(some.map_err(panicked)?.map_err(wrong)?))
        } else {
            let all = guarded(|| StreamReader::try_new(reader(), None)).map_err(panicked)?.map_err(wrong)?;
            let mut columns = TypedColumns::new(file, &all.schema(), intake, given)?;
            let wanted = Some(columns.project());
            let some =
                guarded(|| StreamReader::try_new(reader(), wanted)).map_err(panicked)?.map_err(wrong)?;
            (columns, Batches::Stream(some))
        };
        let file = file.to_owned();
        Ok(ArrowSource { file, positioned, batches, columns, batch: None })
    }

    /// Checks that a stream was not cut off between two batches, and that nothing follows it.
    fn check_end(&self) -> Result<(), DataError> {
        let Batches::Stream(reader) = &self.batches else { return Ok(()) };
        let at = read_of(reader.get_ref());
        let cannot = |error| DataError::unreadable(&self.file, &error);
        let first = self.positioned.bytes_at(0, 4).map_err(cannot)?;
        let last = self.positioned.bytes_at(at.saturating_sub(8), 8).map_err(cannot)?;
        if first[..] == STREAM_END[..4] && last[..] != STREAM_END {
            return Err(DataError::input(format!("{}: the stream has no end: it was cut off", self.file))
                .remedy("let whatever writes the stream close it"));
        }
        if at < self.positioned.length() {
            return Err(DataError::input(format!(
                "{}: there are bytes after the end of the stream",
                self.file
            ))
            .remedy("write every stream to a file of its own"));
        }
        Ok(())
    }
}

/// How much was read through a buffer.
fn read_of(reader: &BufReader<PositionedReader>) -> u64 {
    reader.get_ref().position() - reader.buffer().len() as u64
}

/// What to do about a damaged file.
const AGAIN: &str = "write the file again, or copy it again from where it was written";

fn unreadable(file: &str, error: &dyn std::error::Error) -> DataError {
    let text = error.to_string();
    // what kind of error it is to the library
    let words = text.split_once(" error: ").map_or(text.as_str(), |(_, words)| words);
    let message = format!(
        "{file}: not a complete Arrow IPC file: its bytes make no sense to the Arrow reader ({words})"
    );
    DataError::input(message).remedy(AGAIN)
}

impl Source for ArrowSource {
    fn next(&mut self) -> Result<Option<Rows>, DataError> {
        loop {
            if let Some((batch, given)) =
                self.batch.as_mut().filter(|(batch, given)| *given < batch.num_rows())
            {
                let rows = (batch.num_rows() - *given).min(CHUNK_ROWS);
                let slice = |column: usize| batch.column(column).slice(*given, rows);
                let values = |member: &Member| member.of(slice(member.column)).map(ColumnData::from);
                let fields = self.columns.fields.iter();
                let fields = fields.map(|(index, member)| Ok((*index, values(member)?)));
                let fields = fields.collect::<Result<_, DataError>>()?;
                let kept = self.columns.kept.iter();
                let kept = kept.map(|column| column.map(|column| slice(column).into())).collect();
                let body = Columnar { fields, kept, intake: self.columns.intake.clone() };
                *given += rows;
                return Ok(Some((rows, Box::new(body))));
            }
            // its memory may be used again
            self.batch = None;
            let next = guarded(|| self.batches.next());
            let next = next.map_err(|damaged| unreadable(&self.file, &damaged))?;
            match next.transpose().map_err(|error| unreadable(&self.file, &error))? {
                Some(batch) => self.batch = Some((batch, 0)),
                None => return self.check_end().map(|()| None),
            }
        }
    }

    fn kept(&self) -> &[Option<Kept>] {
        &self.columns.kept_types
    }

    fn ignored(&self) -> &[String] {
        &self.columns.ignored
    }

    fn bytes(&self) -> u64 {
        match &self.batches {
            Batches::File(blocks) => {
                let (read, all) = blocks.progress();
                (self.positioned.length() as u128 * read as u128 / all.max(1) as u128) as u64
            }
            Batches::Stream(reader) => read_of(reader.get_ref()),
        }
    }
}
