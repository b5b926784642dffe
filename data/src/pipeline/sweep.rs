//! How are the rows of files counted, without writing decisions? Chunks are read, admitted and decided as in a batch, and only
//! counts are kept: of rules by version, and of the values of outputs that are enums.

use opus_runtime::batch::Spare;
use opus_runtime::{Batch, Decide};

use super::{Counts, Noted, Progress, Report, Scan, Scanned};
use crate::error::DataError;
use crate::{Chunk, Intake, Located, Names};

/// What to count.
pub struct Sweep {
    /// What is wanted of the inputs; the outputs of the schema are those of the engine.
    pub intake: Intake,
    /// What the decisions are called.
    pub names: Names,
    /// Where rows come from.
    pub inputs: Vec<Located>,
}

impl Sweep {
    /// Decides all rows on the threads of `pool`, and counts.
    ///
    /// # Errors
    /// Where an input cannot be read.
    pub fn run(
        &self,
        pool: &rayon::ThreadPool,
        engine: &dyn Decide,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Report, DataError> {
        let spare = Spare::default();
        let mut counts = Counts::new(&self.intake.schema, &self.names);
        let scanned = Scan::open(self.inputs.clone(), &self.intake, false)?.run(
            pool,
            &|chunk| self.process(engine, &spare, chunk),
            &mut |done| {
                counts.add(&done);
                Ok(())
            },
            progress,
        )?;
        let Scanned { ignored, unmatched, not_filled, hashes, .. } = scanned;
        Ok(Report { counts, ignored, unmatched, not_filled, hashes })
    }

    fn process(
        &self,
        engine: &dyn Decide,
        spare: &Spare<Batch>,
        chunk: Chunk,
    ) -> Result<(Counts, Noted), DataError> {
        let (first_row, rows) = (chunk.first_row, chunk.rows);
        let mut batch = spare.take(|batch| batch.capacity_rows() >= rows, || engine.batch(rows));
        batch.clear();
        let (columns, faults) = batch.filling();
        let (_, noted) = chunk.read(&self.intake, columns, faults)?;
        engine.decide(&mut batch);
        let mut counts = Counts::new(&self.intake.schema, &self.names);
        counts.rows = rows as u64;
        counts.count_decisions(batch.outputs(), batch.rules(), batch.versions());
        counts.count_faults(first_row, batch.refused());
        spare.give_back(batch);
        Ok((counts, noted))
    }
}
