//! How are the rows of files counted, without writing decisions? Chunks are read, admitted and decided as in a batch, and only
//! counts are kept: of rules by version, and of the values of outputs that are enums.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, mpsc};

use opus_runtime::{Batch, Decide};

use super::units::{Percentages, Units, percentages};
use super::{CHUNKS_AHEAD, Counts, InOrder, Progress, Report, processed};
use crate::error::DataError;
use crate::{Chunk, Filled, Ignored, Intake, Located, Names, Reader, Seen};

/// What is to be counted.
pub struct Sweep {
    /// What is wanted of the inputs; the outputs of the schema are those of the engine.
    pub intake: Intake,
    /// What the decisions are called.
    pub names: Names,
    /// Where rows come from.
    pub inputs: Vec<Located>,
}

/// A chunk that is done.
struct Done {
    file: Arc<str>,
    counts: Counts,
    ignored: BTreeSet<String>,
    seen: Option<Seen>,
    percentages: Vec<Percentages>,
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
        pool.install(|| self.run_here(engine, progress))
    }

    fn run_here(
        &self,
        engine: &dyn Decide,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Report, DataError> {
        let mut reader = Reader::open(self.inputs.clone(), &self.intake)?;
        let idle = Mutex::new(Vec::new());
        let mut counts = Counts::new(&self.intake.schema, &self.names);
        let mut ignored = Ignored::default();
        let mut units = Units::new(&self.intake);
        let mut seen: Option<Seen> = None;
        let mut add = |done: Result<Done, DataError>, fraction: Option<f64>| {
            let done = done?;
            units.meet(&done.percentages)?;
            counts.add(&done.counts);
            ignored.add(&done.file, done.ignored);
            if let Some(new) = done.seen {
                seen.get_or_insert_default().add(new);
            }
            progress(Progress { rows: counts.rows, fraction });
            Ok(())
        };
        rayon::in_place_scope_fifo(|scope| {
            let (sender, receiver) = mpsc::channel::<(u64, Result<Done, DataError>)>();
            let mut order = InOrder::default();
            let ahead_max = rayon::current_num_threads() + CHUNKS_AHEAD;
            let mut started = 0u64;
            while let Some(chunk) = reader.next_chunk()? {
                let (sender, idle) = (sender.clone(), &idle);
                let number = started;
                started += 1;
                scope.spawn_fifo(move |_| {
                    let _ = sender.send((number, processed(|| self.process(engine, idle, chunk))));
                });
                while order.next + (ahead_max as u64) <= started {
                    order.take(&receiver, &mut |done| add(done, reader.progress()))?;
                }
            }
            while order.next < started {
                order.take(&receiver, &mut |done| add(done, reader.progress()))?;
            }
            Ok::<(), DataError>(())
        })?;
        ignored.extend(reader.ignored());
        seen.as_ref().map_or(Ok(()), |seen| seen.check(&self.intake))?;
        Ok(Report { counts, ignored, hashes: Vec::new() })
    }

    fn process(
        &self,
        engine: &dyn Decide,
        idle: &Mutex<Vec<Batch>>,
        chunk: Chunk,
    ) -> Result<Done, DataError> {
        let free = idle.lock().expect("no thread panics with the lock").pop();
        let rows = chunk.rows;
        let mut batch =
            free.filter(|batch: &Batch| batch.capacity_rows() >= rows).unwrap_or_else(|| engine.batch(rows));
        let (file, first_row) = (chunk.file.clone(), chunk.first_row);
        batch.clear();
        let (columns, faults) = batch.filling();
        let Filled { ignored, seen, .. } = chunk.fill(&self.intake, columns, faults)?;
        let percentages = percentages(&self.intake, first_row, columns, faults);
        engine.decide(&mut batch);
        let mut counts = Counts::new(&self.intake.schema, &self.names);
        counts.rows = rows as u64;
        counts.count_decisions(batch.outputs(), batch.rules(), batch.versions());
        counts.count_faults(batch.refused().iter().map(|(_, reason)| reason));
        idle.lock().expect("no thread panics with the lock").push(batch);
        Ok(Done { file, counts, ignored, seen, percentages })
    }
}
