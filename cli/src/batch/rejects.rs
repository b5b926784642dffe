//! Where do refused rows go? To a file of their own, one line for each fault, with what is wrong in words.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use arrow_schema::ArrowError;
use opus_runtime::admission::Reason;

use super::no_clash;
use super::work::some_rows;
use crate::failure::Failure;
use crate::files::write::{Content, Data, Encoder, Layout, Spec, Table, Writer, create};
use crate::files::{CHUNK_ROWS, Kept, Located, RowFault};

/// The columns of texts.
const TEXTS: [&str; 4] = ["field", "value", "code", "message"];

/// Rows that were refused, of one chunk.
#[derive(Default)]
pub struct RejectedRows {
    /// The number of the row, and why.
    faults: Vec<(i64, Reason)>,
    /// The columns to keep, a row for each fault.
    kept: Vec<ArrayRef>,
}

impl RejectedRows {
    /// The faults of a chunk whose first row has this number.
    ///
    /// # Errors
    /// Where a kept column cannot be copied.
    pub fn new(first_row: u64, faults: Vec<RowFault>, kept: &[ArrayRef]) -> Result<RejectedRows, ArrowError> {
        let kept = some_rows(kept, faults.iter().map(|(row, _)| *row).collect())?;
        let number = |(row, reason)| (first_row as i64 + row as i64, reason);
        Ok(RejectedRows { faults: faults.into_iter().map(number).collect(), kept })
    }
}

/// The file of refused rows. Lines are gathered, so that a few of them do not make a row group.
pub struct Rejects {
    encoder: Encoder,
    writer: Writer,
    waiting: Vec<RejectedRows>,
    lines: usize,
}

impl Rejects {
    /// Begins the file.
    ///
    /// # Errors
    /// Where it cannot be written, or a kept column has the name of another.
    pub fn create(
        located: &Located,
        kept: &[Kept],
        metadata: &[(String, String)],
    ) -> Result<Rejects, Failure> {
        let mut columns = vec![Spec { name: "row".into(), content: Content::Long, optional: false }];
        columns.extend(TEXTS.iter().map(|name| Spec::text(name)));
        columns.extend(kept.iter().map(Spec::kept));
        no_clash(&columns, "the rejects")?;
        let (encoder, writer) = create(located, &Arc::new(Layout { columns, metadata: metadata.to_vec() }))?;
        Ok(Rejects { encoder, writer, waiting: Vec::new(), lines: 0 })
    }

    /// Adds the refused rows of the next chunk.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn add(&mut self, rows: RejectedRows) -> Result<(), Failure> {
        if rows.faults.is_empty() {
            return Ok(());
        }
        self.lines += rows.faults.len();
        self.waiting.push(rows);
        if self.lines < CHUNK_ROWS { Ok(()) } else { self.flush() }
    }

    /// Completes the file.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.flush()?;
        self.writer.finish()
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let waiting = std::mem::take(&mut self.waiting);
        self.lines = 0;
        let Some(first) = waiting.first() else { return Ok(()) };
        let faults = || waiting.iter().flat_map(|rows| &rows.faults);
        let texts = |text: fn(&Reason) -> &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(faults().map(|(_, reason)| text(reason))))
        };
        let mut columns = vec![Data::Longs(Cow::Owned(faults().map(|(row, _)| *row).collect()))];
        columns.push(Data::Array(texts(|reason| &reason.name)));
        columns.push(Data::Array(texts(|reason| &reason.value)));
        columns.push(Data::Array(texts(|reason| reason.fault.code())));
        columns.push(Data::Array(texts(|reason| &reason.message)));
        for index in 0..first.kept.len() {
            let parts: Vec<_> = waiting.iter().map(|rows| rows.kept[index].as_ref()).collect();
            let whole = arrow_select::concat::concat(&parts);
            let failed = |error: ArrowError| Failure::io(format!("kept columns cannot be copied: {error}"));
            columns.push(Data::Array(whole.map_err(failed)?));
        }
        let encoded = self.encoder.encode(&Table { rows: faults().count(), columns })?;
        self.writer.append(encoded)
    }
}
