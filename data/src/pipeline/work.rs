//! What does a thread do with a chunk? Admit, decide, encode, count.

use std::borrow::Cow;
use std::collections::BTreeSet;

use arrow_array::{ArrayRef, UInt32Array};
use arrow_schema::ArrowError;
use opus_runtime::admission::Reason;

use super::counts::Counts;
use super::rejects::RejectedRows;
use super::units::{Percentages, percentages};
use super::{Decided, Engine, Names};
use crate::error::DataError;
use crate::write::{Data, Encoded, Encoder, Table};
use crate::{Chunk, Intake, RowFault};

/// What every thread knows.
pub struct Worker<'a> {
    intake: &'a Intake,
    engine: &'a dyn Engine,
    encoder: Encoder,
    /// Nothing counted yet.
    nothing: Counts,
    /// By rule index, the code of its id.
    rule_codes: Vec<u16>,
    /// Whether anyone wants to see what was refused.
    tells_rejects: bool,
}

/// A chunk that is done.
pub struct Done {
    /// The decisions; `None` where there are none.
    pub rows: Option<Encoded>,
    /// The rows that were refused.
    pub rejects: RejectedRows,
    /// How many of what.
    pub counts: Counts,
    /// Names that nobody asked for.
    pub ignored: BTreeSet<String>,
    /// The percentages among the texts of the chunk.
    pub percentages: Vec<Percentages>,
}

impl<'a> Worker<'a> {
    /// A worker.
    pub fn new(
        intake: &'a Intake,
        names: &Names,
        engine: &'a dyn Engine,
        encoder: Encoder,
        tells_rejects: bool,
    ) -> Worker<'a> {
        let (_, rule_codes) = names.rule_codes();
        Worker {
            intake,
            engine,
            encoder,
            nothing: Counts::new(&intake.schema, names),
            rule_codes,
            tells_rejects,
        }
    }

    /// Does all that is to be done with a chunk.
    ///
    /// # Errors
    /// Where the decisions cannot be encoded.
    pub fn process(&self, chunk: Chunk) -> Result<Done, DataError> {
        let admitted = chunk.admit(self.intake);
        let percentages = percentages(self.intake, &admitted);
        let decided = self.engine.decide(admitted.columns);
        let (rows, faults) = merge(admitted.rows, admitted.admitted, admitted.faults, &decided);
        let mut counts = self.nothing.clone();
        counts.rows = admitted.rows as u64;
        counts.count_decisions(&decided.outputs, &decided.rules, &decided.versions);
        counts.count_faults(faults.iter().map(|(_, reason)| reason));
        let failed = |error: ArrowError| DataError::defect(format!("kept columns cannot be copied: {error}"));
        let rejects = match faults.is_empty() || !self.tells_rejects {
            true => RejectedRows::default(),
            false => RejectedRows::new(admitted.first_row, faults, &admitted.kept).map_err(failed)?,
        };
        let kept = match &rows {
            None => admitted.kept,
            Some(rows) => some_rows(&admitted.kept, rows.clone()).map_err(failed)?,
        };
        let rows = self.encode(admitted.first_row, rows, kept, decided)?;
        Ok(Done { rows, rejects, counts, ignored: admitted.ignored, percentages })
    }

    fn encode(
        &self,
        first_row: u64,
        rows: Option<Vec<u32>>,
        kept: Vec<ArrayRef>,
        decided: Decided,
    ) -> Result<Option<Encoded>, DataError> {
        let count = decided.rules.len();
        if count == 0 {
            return Ok(None);
        }
        let first = first_row as i64;
        let numbers: Vec<i64> = match rows {
            None => (first..first + count as i64).collect(),
            Some(rows) => rows.into_iter().map(|row| first + row as i64).collect(),
        };
        let rules = decided.rules.iter().map(|rule| self.rule_codes[*rule as usize]).collect();
        let mut columns = vec![Data::Longs(Cow::Owned(numbers))];
        columns
            .extend((0..self.intake.schema.outputs.len()).map(|index| Data::Column(&decided.outputs, index)));
        columns.push(Data::Codes(Cow::Owned(rules)));
        columns.push(Data::Codes(Cow::Borrowed(&decided.versions)));
        columns.extend(kept.into_iter().map(Data::Array));
        self.encoder.encode(&Table { rows: count, columns }).map(Some)
    }
}

/// Some rows of some columns.
pub fn some_rows(columns: &[ArrayRef], rows: Vec<u32>) -> Result<Vec<ArrayRef>, ArrowError> {
    let rows = UInt32Array::from(rows);
    columns.iter().map(|column| arrow_select::take::take(column, &rows, None)).collect()
}

/// Which rows of the chunk were decided, where they are not all; and all faults by row.
fn merge(
    rows: usize,
    admitted: Option<Vec<u32>>,
    mut faults: Vec<RowFault>,
    decided: &Decided,
) -> (Option<Vec<u32>>, Vec<(u32, Reason)>) {
    if decided.refused.is_empty() {
        return (admitted, faults);
    }
    let admitted = admitted.unwrap_or_else(|| (0..rows as u32).collect());
    let mut refused = decided.refused.iter().map(|(position, _)| *position).peekable();
    let mut left = Vec::with_capacity(decided.rules.len());
    for (position, row) in admitted.iter().enumerate() {
        let is_refused = refused.peek() == Some(&(position as u32));
        while refused.peek() == Some(&(position as u32)) {
            refused.next();
        }
        if !is_refused {
            left.push(*row);
        }
    }
    faults.extend(
        decided.refused.iter().map(|(position, reason)| (admitted[*position as usize], reason.clone())),
    );
    faults.sort_by_key(|(row, _)| *row);
    (Some(left), faults)
}
