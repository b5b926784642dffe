//! How are files of rows decided? A pipeline: one thread reads chunks in order, all threads admit, decide and
//! encode them, and what they make is written in order again.
//!
//! [`Scan`] is the loop, which serves other work on portfolios too; [`Batch`] decides and writes.
//!
//! The bytes of the outputs depend on the inputs, the policy and the options alone: where chunks end follows from
//! the inputs, and every chunk is encoded on its own. Memory is bounded, because only so many chunks are on their
//! way at a time.

mod counts;
mod rejects;
mod scan;
#[cfg(test)]
mod tests;
pub mod units;
mod work;

use opus_runtime::Decide;

pub use counts::{Counts, FaultCount};
pub use scan::{Noted, Scan, Scanned};

use crate::arrays::Decisions;
use crate::error::DataError;
use crate::write::{Writer, create};
use crate::{Endpoint, Ignored, Intake, Located, Names, Whole, apart};
use rejects::Rejects;
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
    /// Whether the inputs are hashed.
    pub hashed: bool,
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
    pub hashes: Vec<(String, String)>,
}

/// The outputs: whole, and without their names.
pub struct Outputs {
    rejects: Option<Whole>,
    decisions: Whole,
}

impl Outputs {
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
        self.check_places()?;
        pool.install(|| self.run_here(pool, engine, progress))
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
    ) -> Result<(Report, Outputs), DataError> {
        let scan = Scan::open(self.inputs.clone(), &self.intake, self.hashed)?;
        let kept = scan.kept();
        let decisions = Decisions::new(&self.intake.schema, &self.names, kept, &self.metadata)?;
        let (encoder, writer) = create(&self.output, decisions.layout())?;
        let rejects = match &self.rejects {
            Some(located) => Some(Rejects::create(located, self.inputs.len() > 1, kept, &self.metadata)?),
            None => None,
        };
        let worker = Worker::new(&self.intake, &self.names, engine, decisions, encoder, rejects.is_some());
        let counts = Counts::new(&self.intake.schema, &self.names);
        let mut end = Ending { writer, rejects, counts };
        let scanned =
            scan.run(pool, &|chunk| worker.process(chunk), &mut |done| end.write(done), progress)?;
        end.finish(scanned)
    }
}

/// What is written, in order.
struct Ending {
    writer: Box<dyn Writer>,
    rejects: Option<Rejects>,
    counts: Counts,
}

impl Ending {
    fn write(&mut self, done: Done) -> Result<(), DataError> {
        self.counts.add(&done.counts);
        if let Some(rows) = done.rows {
            self.writer.append(rows)?;
        }
        match &mut self.rejects {
            Some(rejects) => rejects.add(done.rejects),
            None => Ok(()),
        }
    }

    fn finish(self, scanned: Scanned) -> Result<(Report, Outputs), DataError> {
        let Scanned { ignored, hashes, .. } = scanned;
        let rejects = self.rejects.map(Rejects::finish).transpose()?;
        let outputs = Outputs { rejects, decisions: self.writer.finish()? };
        Ok((Report { counts: self.counts, ignored, hashes }, outputs))
    }
}
