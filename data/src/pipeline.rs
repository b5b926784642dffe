//! How are files of rows decided? A pipeline: one thread reads chunks in order, all threads admit, decide and
//! encode them, and what they make is written in order again.
//!
//! [`Scan`] is the loop, which serves other work on portfolios too; [`Batch`] decides and writes.
//!
//! The bytes of the outputs depend on the inputs, the policy and the options alone: where chunks end follows from
//! the inputs, and every chunk is encoded on its own. Memory is bounded, because only so many chunks are on their
//! way at a time.

mod counts;
pub(crate) mod rejects;
mod scan;
pub mod sweep;
#[cfg(test)]
mod tests;
pub mod units;
mod work;

use opus_runtime::record::Salts;
use opus_runtime::tree::Part;
use opus_runtime::{Decide, Hash};

pub use counts::{Counts, FaultCount};
pub use scan::{Noted, Scan, Scanned};

use crate::arrays::Decisions;
use crate::error::DataError;
use crate::seen::Unmatched;
use crate::write::{Writer, begin};
use crate::{Digest, Endpoint, Ignored, Intake, Located, Names, Whole, apart};
use rejects::Rejects;
use work::{Done, Worker};

/// A batch to run.
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
    /// Metadata of the output, in formats that can hold it.
    pub metadata: Vec<(String, String)>,
    /// Whether inputs and outputs are hashed.
    pub hashed: bool,
}

/// What takes leaves.
pub type TakeLeaves<'a> = dyn FnMut(&[Hash], &Part) -> Result<(), DataError> + Send + 'a;

/// Where the leaves of the rows go, where they are wanted.
pub struct Leaves<'a> {
    /// The salts of the rows.
    pub salts: &'a Salts,
    /// Takes the leaves of the next rows, in order, and the part of the tree that they are.
    pub take: &'a mut TakeLeaves<'a>,
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
    /// The columns that were ignored.
    pub ignored: Ignored,
    /// What objects lack, and the names that may be misspelled.
    pub unmatched: Unmatched,
    /// The columns that an input has, although the mapping has a value for inputs that lack them.
    pub not_filled: Ignored,
    /// The inputs with the hash of what was read from each, if hashes were requested.
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
        pool.install(|| self.run_here(pool, engine, progress, leaves))
    }

    fn check_places(&self) -> Result<(), DataError> {
        let inputs: Vec<&Endpoint> = self.inputs.iter().map(|input| &input.endpoint).collect();
        let outputs = [Some(&self.output), self.rejects.as_ref()].into_iter().flatten();
        apart(&inputs, &outputs.map(|output| &output.endpoint).collect::<Vec<_>>())
    }

    /// The same, on a thread of the pool.
    fn run_here(
        &self,
        pool: &rayon::ThreadPool,
        engine: &dyn Decide,
        progress: &(dyn Fn(Progress) + Sync),
        leaves: Option<Leaves>,
    ) -> Result<(Report, Outputs), DataError> {
        let scan = Scan::open(self.inputs.clone(), &self.intake, self.hashed)?;
        let kept = scan.kept();
        let decisions = Decisions::new(&self.intake.schema, &self.names, kept, &self.metadata)?;
        let (encoder, writer) = begin(&self.output, decisions.layout(), self.hashed)?;
        let rejects = match &self.rejects {
            Some(located) => {
                let names_files = self.inputs.len() > 1;
                Some(Rejects::create(located, names_files, kept, &self.metadata, self.hashed)?)
            }
            None => None,
        };
        let (salts, take) = match leaves {
            Some(Leaves { salts, take }) => (Some(salts), Some(take)),
            None => (None, None),
        };
        let tells_rejects = rejects.is_some();
        let worker = Worker::new(&self.intake, &self.names, engine, decisions, encoder, tells_rejects, salts);
        let counts = Counts::new(&self.intake.schema, &self.names);
        let mut end = Ending { writer, rejects, counts, take };
        let scanned =
            scan.run(pool, &|chunk| worker.process(chunk), &mut |done| end.write(done), progress)?;
        end.finish(scanned)
    }
}

/// What is written, in order.
struct Ending<'l> {
    writer: Box<dyn Writer>,
    rejects: Option<Rejects>,
    counts: Counts,
    /// Takes the leaves of rows, where they are wanted.
    take: Option<&'l mut TakeLeaves<'l>>,
}

impl Ending<'_> {
    fn write(&mut self, done: Done) -> Result<(), DataError> {
        self.counts.add(&done.counts);
        if let (Some(take), Some((leaves, part))) = (&mut self.take, &done.leaves) {
            take(leaves, part)?;
        }
        if let Some(rows) = done.rows {
            self.writer.append(rows)?;
        }
        match &mut self.rejects {
            Some(rejects) => rejects.add(done.rejects),
            None => Ok(()),
        }
    }

    fn finish(self, scanned: Scanned) -> Result<(Report, Outputs), DataError> {
        let Scanned { ignored, unmatched, not_filled, hashes, .. } = scanned;
        let rejects = self.rejects.map(Rejects::finish).transpose()?;
        let outputs = Outputs { rejects, decisions: self.writer.finish()? };
        Ok((Report { counts: self.counts, ignored, unmatched, not_filled, hashes }, outputs))
    }
}
