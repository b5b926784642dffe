//! Where do refused rows go? To a file of their own, one line for each fault, with what is wrong in words.

use std::borrow::Cow;
use std::iter::repeat_n;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, StringArray, UInt32Array};
use arrow_schema::ArrowError;
use arrow_select::concat::concat;
use arrow_select::take::take;
use opus_runtime::admission::Reason;

use super::work::some_rows;
use crate::error::DataError;
use crate::write::{Content, Data, Encoder, Layout, Spec, Table, Writer, begin};
use crate::{CHUNK_ROWS, Kept, Located, RowFault, Whole};

/// The number of a row within its file. The first releases did not write it.
pub(crate) const FILE_ROW: &str = "file_row";

/// What is wrong with a row, in words.
pub(crate) const MESSAGE: &str = "message";

/// The columns of texts.
const TEXTS: [&str; 4] = ["field", "value", "code", MESSAGE];

/// So many bytes of kept columns are gathered before they are written: a row with many faults tells its kept values
/// with each of them.
const KEPT_BYTES_MAX: usize = 32 << 20;

/// Rows that were refused, of one chunk.
#[derive(Default)]
pub struct RejectedRows {
    /// The file of the chunk.
    file: Arc<str>,
    /// The number of the row and why, in the order of the rows.
    faults: Vec<(i64, Reason)>,
    /// How many rows the files before this one have.
    rows_before: i64,
    /// For each fault, the place of its row in the columns to keep.
    places: Vec<u32>,
    /// The columns to keep, each row once however many faults it has.
    kept: Vec<ArrayRef>,
    /// About how many bytes a row of them has.
    row_bytes: usize,
}

impl RejectedRows {
    /// The faults of a chunk whose first row has this number, and this one within its file.
    ///
    /// # Errors
    /// Where a kept column cannot be copied.
    pub fn new(
        file: Arc<str>,
        (first_row, row_of_file): (u64, u64),
        faults: &[RowFault],
        kept: &[ArrayRef],
    ) -> Result<RejectedRows, ArrowError> {
        let mut rows: Vec<u32> = faults.iter().map(|(row, _)| *row).collect();
        rows.dedup();
        let place = |(row, _): &RowFault| rows.partition_point(|other| other < row) as u32;
        let places = faults.iter().map(place).collect();
        let number = |(row, reason): &RowFault| (first_row as i64 + i64::from(*row), reason.clone());
        let faults = faults.iter().map(number).collect();
        let bytes =
            |array: &ArrayRef| array.to_data().get_slice_memory_size().unwrap_or(0) / array.len().max(1);
        let row_bytes = kept.iter().map(bytes).sum();
        let rows_before = (first_row - row_of_file) as i64;
        Ok(RejectedRows { file, faults, rows_before, places, kept: some_rows(kept, rows)?, row_bytes })
    }
}

/// The file of refused rows. Lines are gathered, so that a few of them do not make a row group.
pub struct Rejects {
    encoder: Box<dyn Encoder>,
    writer: Box<dyn Writer>,
    /// Whether the file of each row is named.
    names_files: bool,
    waiting: Vec<(Range<usize>, Arc<RejectedRows>)>,
    lines: usize,
    kept_bytes: usize,
}

impl Rejects {
    /// Begins the file; with the file of each row, where there are several inputs. `hashed` if its bytes are hashed.
    ///
    /// # Errors
    /// Where it cannot be written, or a kept column has the name of another.
    pub fn create(
        located: &Located,
        names_files: bool,
        kept: &[Kept],
        metadata: &[(String, String)],
        hashed: bool,
    ) -> Result<Rejects, DataError> {
        let mut columns = columns(names_files);
        columns.extend(kept.iter().map(Spec::kept));
        let layout = Layout::new(columns, metadata, "the rejects")?;
        let (encoder, writer) = begin(located, &Arc::new(layout), hashed)?;
        Ok(Rejects { encoder, writer, names_files, waiting: Vec::new(), lines: 0, kept_bytes: 0 })
    }

    /// Adds the refused rows of the next chunk.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn add(&mut self, rows: RejectedRows) -> Result<(), DataError> {
        let rows = Arc::new(rows);
        let mut next = 0;
        while next < rows.faults.len() {
            let room = (KEPT_BYTES_MAX - self.kept_bytes).checked_div(rows.row_bytes).unwrap_or(CHUNK_ROWS);
            // one line at least, however long it is
            let lines = room.min(CHUNK_ROWS - self.lines).max(1).min(rows.faults.len() - next);
            self.waiting.push((next..next + lines, rows.clone()));
            next += lines;
            self.lines += lines;
            self.kept_bytes += lines * rows.row_bytes;
            if self.lines == CHUNK_ROWS || self.kept_bytes + rows.row_bytes > KEPT_BYTES_MAX {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Completes the file, which has no name yet.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(mut self) -> Result<Whole, DataError> {
        self.flush()?;
        self.writer.finish()
    }

    fn flush(&mut self) -> Result<(), DataError> {
        let waiting = std::mem::take(&mut self.waiting);
        (self.lines, self.kept_bytes) = (0, 0);
        let Some((_, first)) = waiting.first() else { return Ok(()) };
        let faults = || waiting.iter().flat_map(|(lines, rows)| &rows.faults[lines.clone()]);
        let texts = |text: fn(&Reason) -> &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(faults().map(|(_, reason)| text(reason))))
        };
        let mut columns = vec![Data::Longs(Cow::Owned(faults().map(|(row, _)| *row).collect()))];
        if self.names_files {
            let files = waiting.iter().flat_map(|(lines, rows)| repeat_n(&*rows.file, lines.len()));
            columns.push(Data::Array(Arc::new(StringArray::from_iter_values(files))));
            let of_file = |(lines, rows): &(Range<usize>, Arc<RejectedRows>)| {
                let numbers = rows.faults[lines.clone()].iter().map(|(row, _)| *row - rows.rows_before);
                numbers.collect::<Vec<i64>>()
            };
            columns.push(Data::Longs(Cow::Owned(waiting.iter().flat_map(of_file).collect())));
        }
        columns.push(Data::Array(texts(|reason| &reason.name)));
        columns.push(Data::Array(texts(|reason| &reason.value)));
        columns.push(Data::Array(texts(|reason| reason.fault.code())));
        columns.push(Data::Array(texts(|reason| &reason.message)));
        let kept = (0..first.kept.len()).map(|column| kept(&waiting, column).map(Data::Array));
        let failed = |error: ArrowError| DataError::defect(format!("kept columns cannot be copied: {error}"));
        columns.extend(kept.collect::<Result<Vec<_>, _>>().map_err(failed)?);
        let encoded = self.encoder.encode(&Table { rows: faults().count(), columns })?;
        self.writer.append(encoded)
    }
}

/// The columns of the file, before the kept ones.
pub(crate) fn columns(names_files: bool) -> Vec<Spec> {
    let mut columns = vec![Spec { name: "row".into(), content: Content::Long, optional: false }];
    if names_files {
        columns.push(Spec::text("file"));
        columns.push(Spec { name: FILE_ROW.into(), content: Content::Long, optional: false });
    }
    columns.extend(TEXTS.iter().map(|name| Spec::text(name)));
    columns
}

/// A kept column, a row for each fault.
fn kept(waiting: &[(Range<usize>, Arc<RejectedRows>)], column: usize) -> Result<ArrayRef, ArrowError> {
    let part = |(lines, rows): &(Range<usize>, Arc<RejectedRows>)| {
        let places = UInt32Array::from(rows.places[lines.clone()].to_vec());
        take(&rows.kept[column], &places, None)
    };
    let parts = waiting.iter().map(part).collect::<Result<Vec<_>, _>>()?;
    concat(&parts.iter().map(ArrayRef::as_ref).collect::<Vec<_>>())
}
