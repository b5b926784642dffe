//! What does a thread do with a chunk? Admit, decide, encode, count.

use std::sync::Mutex;

use arrow_array::{ArrayRef, UInt32Array};
use arrow_schema::ArrowError;
use opus_runtime::{Batch, Decide};

use super::counts::Counts;
use super::rejects::RejectedRows;
use super::scan::Noted;
use crate::Names;
use crate::arrays::Decisions;
use crate::error::DataError;
use crate::write::{Encoded, Encoder};
use crate::{Chunk, ColumnData, Intake};

/// What every thread knows.
pub struct Worker<'a> {
    intake: &'a Intake,
    engine: &'a dyn Decide,
    /// Batches that no thread uses at the moment.
    idle: Mutex<Vec<Batch>>,
    encoder: Box<dyn Encoder>,
    /// Nothing counted yet.
    nothing: Counts,
    decisions: Decisions,
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
}

impl<'a> Worker<'a> {
    /// A worker.
    pub fn new(
        intake: &'a Intake,
        names: &Names,
        engine: &'a dyn Decide,
        decisions: Decisions,
        encoder: Box<dyn Encoder>,
        tells_rejects: bool,
    ) -> Worker<'a> {
        Worker {
            intake,
            engine,
            idle: Mutex::default(),
            encoder,
            nothing: Counts::new(&intake.schema, names),
            decisions,
            tells_rejects,
        }
    }

    /// Decides a chunk and encodes its decisions.
    ///
    /// # Errors
    /// Where the decisions cannot be encoded.
    pub fn process(&self, chunk: Chunk) -> Result<(Done, Noted), DataError> {
        let mut batch = self.batch(chunk.rows);
        let done = self.process_in(&mut batch, chunk);
        self.idle.lock().expect("no thread panics with the lock").push(batch);
        done
    }

    /// A batch that no other thread uses.
    fn batch(&self, rows: usize) -> Batch {
        let idle = self.idle.lock().expect("no thread panics with the lock").pop();
        idle.filter(|batch| batch.capacity_rows() >= rows).unwrap_or_else(|| self.engine.batch(rows))
    }

    fn process_in(&self, batch: &mut Batch, chunk: Chunk) -> Result<(Done, Noted), DataError> {
        let (file, first_row, count) = (chunk.file.clone(), chunk.first_row, chunk.rows);
        batch.clear();
        let (columns, faults) = batch.filling();
        let (kept, noted) = chunk.read(self.intake, columns, faults)?;
        self.engine.decide(batch);
        let mut counts = self.nothing.clone();
        counts.rows = count as u64;
        counts.count_decisions(batch.outputs(), batch.rules(), batch.versions());
        counts.count_faults(batch.refused().iter().map(|(_, reason)| reason));
        let failed = |error: ArrowError| DataError::defect(format!("kept columns cannot be copied: {error}"));
        let rejects = match batch.refused().is_empty() || !self.tells_rejects {
            true => RejectedRows::default(),
            false => {
                let kept = ColumnData::arrays(&kept)?;
                RejectedRows::new(file, first_row, batch.refused(), &kept).map_err(failed)?
            }
        };
        let kept = match batch.rows().len() == count {
            true if self.encoder.copies_pages() => kept,
            true => ColumnData::arrays(&kept)?.into_iter().map(ColumnData::from).collect(),
            false => {
                let some = some_rows(&ColumnData::arrays(&kept)?, batch.rows().to_vec()).map_err(failed)?;
                some.into_iter().map(ColumnData::from).collect()
            }
        };
        let rows = match batch.rows().is_empty() {
            true => None,
            false => Some(self.encoder.encode(&self.decisions.table(batch, first_row, kept))?),
        };
        Ok((Done { rows, rejects, counts }, noted))
    }
}

/// Some rows of some columns.
pub fn some_rows(columns: &[ArrayRef], rows: Vec<u32>) -> Result<Vec<ArrayRef>, ArrowError> {
    let rows = UInt32Array::from(rows);
    columns.iter().map(|column| arrow_select::take::take(column, &rows, None)).collect()
}
