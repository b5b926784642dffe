//! How are files of rows decided? A pipeline: one thread reads chunks in order, all threads admit, decide and
//! encode them, and what they make is written in order again.
//!
//! The bytes of the outputs depend on the inputs, the policy and the options alone: where chunks end follows from
//! the inputs, and every chunk is encoded on its own. Memory is bounded, because only so many chunks are on their
//! way at a time.

mod counts;
pub(crate) mod rejects;
#[cfg(test)]
mod tests;
pub mod units;
mod work;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use opus_runtime::record::Salts;
use opus_runtime::{Decide, Hash};

pub use counts::{Counts, FaultCount};

use crate::arrays::Decisions;
use crate::error::DataError;
use crate::write::{Writer, begin};
use crate::{Chunk, Digest, Endpoint, Ignored, Intake, Located, Names, Reader, Seen, Whole, apart};
use rejects::Rejects;
use units::Units;
use work::{Done, Worker};

/// What is to be done.
///
/// ```
/// use opus_data::pipeline::Batch;
/// use opus_data::{Intake, Names, inputs, output};
///
/// let policy = opus_runtime::example::policy();
/// let folder = std::env::temp_dir().join(format!("opus-batch-{}", std::process::id()));
/// std::fs::create_dir_all(&folder)?;
/// let rows = "submitted_on,age,score,income,requested,work\n2025-02-01,40,800,90000,900,retired\n2025-02-01,5,,1,1,x\n";
/// std::fs::write(folder.join("rows.csv"), rows)?;
/// let batch = Batch {
///     intake: Intake::by_name(policy.schema()),
///     names: Names::of(policy.artifact().program()),
///     inputs: inputs(&[folder.join("rows.csv")], None)?,
///     output: output(&folder.join("decisions.csv"), None)?,
///     rejects: Some(output(&folder.join("rejects.csv"), None)?),
///     metadata: Vec::new(),
///     hashed: false,
/// };
/// let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
/// let (report, outputs) = batch.run(&pool, &policy, &|_| {})?;
/// outputs.name()?;
/// assert_eq!((report.counts.decided, report.counts.rejected()), (1, 1));
/// let decisions = std::fs::read_to_string(folder.join("decisions.csv"))?;
/// assert_eq!(decisions, "row,decision,amount,rule,version\n1,approve,900.00,R4,2\n");
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Batch {
    /// What is wanted of the inputs.
    pub intake: Intake,
    /// What the decisions are called.
    pub names: Names,
    /// Where rows come from.
    pub inputs: Vec<Located>,
    /// Where decisions go.
    pub output: Located,
    /// Where rows go that are refused.
    pub rejects: Option<Located>,
    /// What formats that can hold it say of the output.
    pub metadata: Vec<(String, String)>,
    /// Whether inputs and outputs are hashed.
    pub hashed: bool,
}

/// Where the leaves of the rows go, where they are wanted.
pub struct Leaves<'a> {
    /// The salts of the rows.
    pub salts: &'a Salts,
    /// Takes the leaves of the next rows, in order.
    pub take: &'a mut (dyn FnMut(&[Hash]) -> Result<(), DataError> + Send),
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Progress {
    /// How many rows were decided or refused.
    pub rows: u64,
    /// How much of the inputs was read, from 0 to 1, where that is known.
    pub fraction: Option<f64>,
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// How many of what.
    pub counts: Counts,
    /// The columns that nobody asked for.
    pub ignored: Ignored,
    /// The inputs with the hash of what was read of each, where that was asked for.
    pub hashes: Vec<(String, Digest)>,
}

/// The outputs: whole, and without their names.
pub struct Outputs {
    rejects: Option<Whole>,
    decisions: Whole,
}

impl Outputs {
    /// The decisions.
    pub fn decisions(&self) -> &Whole {
        &self.decisions
    }

    /// The rejects, where they are written.
    pub fn rejects(&self) -> Option<&Whole> {
        self.rejects.as_ref()
    }

    /// Gives them their names. The rejects come first: decisions never stand without the rows that they leave out.
    ///
    /// # Errors
    /// Where one cannot be named.
    pub fn name(self) -> Result<(), DataError> {
        match self.rejects {
            Some(rejects) => rejects.name_before(self.decisions),
            None => self.decisions.name(),
        }
    }
}

/// So many chunks are on their way at a time, and one more for every thread.
const CHUNKS_AHEAD: usize = 2;

impl Batch {
    /// Decides all rows on the threads of `pool`.
    ///
    /// # Errors
    /// Where an input cannot be read, or an output cannot be written; there is no output then.
    pub fn run(
        &self,
        pool: &rayon::ThreadPool,
        engine: &dyn Decide,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<(Report, Outputs), DataError> {
        self.run_with(pool, engine, progress, None)
    }

    /// The same; where they are wanted, each row has its [leaf](opus_runtime::record::leaf) computed with its decision.
    ///
    /// # Errors
    /// As [`Batch::run`], and where the leaves are not taken.
    pub fn run_with(
        &self,
        pool: &rayon::ThreadPool,
        engine: &dyn Decide,
        progress: &(dyn Fn(Progress) + Sync),
        leaves: Option<Leaves>,
    ) -> Result<(Report, Outputs), DataError> {
        self.check_places()?;
        pool.install(|| self.run_here(engine, progress, leaves))
    }

    fn check_places(&self) -> Result<(), DataError> {
        let inputs: Vec<&Endpoint> = self.inputs.iter().map(|input| &input.endpoint).collect();
        let outputs = [Some(&self.output), self.rejects.as_ref()].into_iter().flatten();
        apart(&inputs, &outputs.map(|output| &output.endpoint).collect::<Vec<_>>())
    }

    /// The same, on a thread of the pool.
    fn run_here(
        &self,
        engine: &dyn Decide,
        progress: &(dyn Fn(Progress) + Sync),
        leaves: Option<Leaves>,
    ) -> Result<(Report, Outputs), DataError> {
        let mut reader = Reader::new(self.inputs.clone(), &self.intake, self.hashed)?;
        let decisions = Decisions::new(&self.intake.schema, &self.names, reader.kept(), &self.metadata)?;
        let (encoder, writer) = begin(&self.output, decisions.layout(), self.hashed)?;
        let rejects = match &self.rejects {
            Some(located) => {
                let names_files = self.inputs.len() > 1;
                Some(Rejects::create(located, names_files, reader.kept(), &self.metadata, self.hashed)?)
            }
            None => None,
        };
        let (salts, take) = match leaves {
            Some(Leaves { salts, take }) => (Some(salts), Some(take)),
            None => (None, None),
        };
        let tells_rejects = rejects.is_some();
        let worker =
            Worker::new(&self.intake, &self.names, engine, decisions, encoder, tells_rejects, salts);
        let counts = Counts::new(&self.intake.schema, &self.names);
        let units = Units::new(&self.intake);
        let mut end =
            Ending { writer, rejects, counts, units, ignored: Ignored::default(), seen: None, progress, take };
        rayon::in_place_scope_fifo(|scope| {
            let (sender, receiver) = mpsc::channel::<(u64, Result<Done, DataError>)>();
            let mut order = InOrder::default();
            let ahead_max = rayon::current_num_threads() + CHUNKS_AHEAD;
            let mut started = 0u64;
            while let Some(chunk) = reader.next_chunk()? {
                let (sender, worker) = (sender.clone(), &worker);
                let number = started;
                started += 1;
                scope.spawn_fifo(move |_| {
                    // nobody listens any more where writing has failed
                    let _ = sender.send((number, processed(worker, chunk)));
                });
                while order.next + (ahead_max as u64) <= started {
                    order.take(&receiver, &mut |done| end.write(done?, reader.progress()))?;
                }
            }
            while order.next < started {
                order.take(&receiver, &mut |done| end.write(done?, reader.progress()))?;
            }
            Ok::<(), DataError>(())
        })?;
        end.ignored.extend(reader.ignored());
        end.seen.as_ref().map_or(Ok(()), |seen| seen.check(&self.intake))?;
        end.finish(reader.into_hashes())
    }
}

/// What became of a chunk. A defect in the program ends the command; without an answer the others would wait for ever.
fn processed(worker: &Worker, chunk: Chunk) -> Result<Done, DataError> {
    catch_unwind(AssertUnwindSafe(|| worker.process(chunk))).unwrap_or_else(|_| {
        Err(DataError::defect("deciding stopped where it never should")
            .remedy("this is a defect in opus: please report it"))
    })
}

/// Puts what threads have done back in order.
#[derive(Default)]
struct InOrder {
    next: u64,
    early: BTreeMap<u64, Result<Done, DataError>>,
}

impl InOrder {
    /// Waits for the next in order, working meanwhile, and hands it over.
    fn take(
        &mut self,
        receiver: &mpsc::Receiver<(u64, Result<Done, DataError>)>,
        hand_over: &mut dyn FnMut(Result<Done, DataError>) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        loop {
            if let Some(done) = self.early.remove(&self.next) {
                self.next += 1;
                return hand_over(done);
            }
            if let Ok((number, done)) = receiver.try_recv() {
                self.early.insert(number, done);
            } else if rayon::yield_now() != Some(rayon::Yield::Executed) {
                // everything is being worked on: another thread will send
                let (number, done) = receiver.recv().expect("a sender lives as long as the loop that reads");
                self.early.insert(number, done);
            }
        }
    }
}

/// What is written, in order.
struct Ending<'a, 'l> {
    writer: Box<dyn Writer>,
    rejects: Option<Rejects>,
    counts: Counts,
    units: Units<'a>,
    ignored: Ignored,
    /// Which fields the rows name; `None` where no file names values row by row.
    seen: Option<Seen>,
    progress: &'a (dyn Fn(Progress) + Sync),
    /// Takes the leaves of rows, where they are wanted.
    take: Option<&'l mut (dyn FnMut(&[Hash]) -> Result<(), DataError> + Send)>,
}

impl Ending<'_, '_> {
    fn write(&mut self, done: Done, fraction: Option<f64>) -> Result<(), DataError> {
        self.units.meet(&done.percentages)?;
        self.counts.add(&done.counts);
        self.ignored.add(&done.file, done.ignored);
        if let Some(seen) = done.seen {
            self.seen.get_or_insert_default().add(seen);
        }
        if let Some(take) = &mut self.take {
            take(&done.leaves)?;
        }
        if let Some(rows) = done.rows {
            self.writer.append(rows)?;
        }
        if let Some(rejects) = &mut self.rejects {
            rejects.add(done.rejects)?;
        }
        (self.progress)(Progress { rows: self.counts.rows, fraction });
        Ok(())
    }

    fn finish(self, hashes: Vec<(String, Digest)>) -> Result<(Report, Outputs), DataError> {
        let rejects = self.rejects.map(Rejects::finish).transpose()?;
        let outputs = Outputs { rejects, decisions: self.writer.finish()? };
        Ok((Report { counts: self.counts, ignored: self.ignored, hashes }, outputs))
    }
}
