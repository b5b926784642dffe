//! What does a thread do with a chunk? Admit, decide, encode, count.

use arrow_array::{ArrayRef, UInt32Array};
use arrow_schema::ArrowError;
use opus_runtime::batch::Spare;
use opus_runtime::record::Salts;
use opus_runtime::tree::{self, Part};
use opus_runtime::{Batch, Decide, Hash};

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
    spare: Spare<Batch>,
    encoder: Box<dyn Encoder>,
    /// Nothing counted yet.
    nothing: Counts,
    decisions: Decisions,
    /// Whether anyone wants to see what was refused.
    tells_rejects: bool,
    /// The salts of the rows' leaves, where leaves are wanted.
    salts: Option<&'a Salts>,
}

/// A chunk that is done.
pub struct Done {
    /// The decisions; `None` where there are none.
    pub rows: Option<Encoded>,
    /// The rows that were refused.
    pub rejects: RejectedRows,
    /// How many of what.
    pub counts: Counts,
    /// The leaves of all rows, and the part of the tree that they are; where they are wanted.
    pub leaves: Option<(Vec<Hash>, Part)>,
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
        salts: Option<&'a Salts>,
    ) -> Worker<'a> {
        Worker {
            intake,
            engine,
            spare: Spare::default(),
            encoder,
            nothing: Counts::new(&intake.schema, names),
            decisions,
            tells_rejects,
            salts,
        }
    }

    /// Decides a chunk and encodes its decisions.
    ///
    /// # Errors
    /// Where the decisions cannot be encoded.
    pub fn process(&self, chunk: Chunk) -> Result<(Done, Noted), DataError> {
        let rows = chunk.rows;
        let mut batch = self.spare.take(|batch| batch.capacity_rows() >= rows, || self.engine.batch(rows));
        let done = self.process_in(&mut batch, chunk);
        self.spare.give_back(batch);
        done
    }

    fn process_in(&self, batch: &mut Batch, chunk: Chunk) -> Result<(Done, Noted), DataError> {
        let (file, first_row, count) = (chunk.file.clone(), chunk.first_row, chunk.rows);
        let row_of_file = chunk.row_of_file;
        batch.clear();
        let (columns, faults) = batch.filling();
        let (kept, noted) = chunk.read(self.intake, columns, faults)?;
        let hashed = self.salts.map(|salts| (salts, batch.input_hashes()));
        self.engine.decide(batch);
        let leaves = hashed.map(|(salts, inputs)| {
            let leaves = batch.leaves(&inputs, salts, first_row);
            let part = Part::new(first_row - 1, leaves.iter().map(|leaf| tree::entry(leaf.as_bytes())));
            (leaves, part)
        });
        let mut counts = self.nothing.clone();
        counts.rows = count as u64;
        counts.count_decisions(batch.outputs(), batch.rules(), batch.versions());
        counts.count_faults(first_row, batch.refused());
        let failed = |error: ArrowError| DataError::defect(format!("kept columns cannot be copied: {error}"));
        let rejects = match batch.refused().is_empty() || !self.tells_rejects {
            true => RejectedRows::default(),
            false => {
                let kept = ColumnData::arrays(&kept)?;
                RejectedRows::new(file, (first_row, row_of_file), batch.refused(), &kept).map_err(failed)?
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
        Ok((Done { rows, rejects, counts, leaves }, noted))
    }
}

/// Some rows of some columns.
pub fn some_rows(columns: &[ArrayRef], rows: Vec<u32>) -> Result<Vec<ArrayRef>, ArrowError> {
    let rows = UInt32Array::from(rows);
    columns.iter().map(|column| arrow_select::take::take(column, &rows, None)).collect()
}
