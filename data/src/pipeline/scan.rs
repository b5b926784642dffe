//! How do all threads work on the rows of files, in order and within bounds of memory? One thread reads chunks, all threads
//! work on them, and what they make is handed over in the order of the rows. The work on a chunk is whatever the caller
//! wants: to decide its rows, or to decide them twice and compare.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc;

use opus_ir::memory::Columns;

use super::Progress;
use super::units::{Percentages, Units, percentages};
use crate::error::DataError;
use crate::seen::{Census, Seen, Unmatched};
use crate::{Chunk, ColumnData, Digest, Filled, Ignored, Intake, Kept, Located, Reader, RowFault};

/// So many chunks are on their way at a time, and one more for every thread.
const CHUNKS_AHEAD: usize = 2;

/// Files that are about to be read.
///
/// ```
/// use opus_data::pipeline::Scan;
/// use opus_data::{Intake, inputs};
/// use opus_ir::memory::Columns;
///
/// let policy = opus_runtime::example::policy();
/// let path = std::env::temp_dir().join(format!("opus-scan-{}.csv", std::process::id()));
/// std::fs::write(&path, "submitted_on,age,score,income,requested,work\n2025-02-01,40,,90000,900.50,retired\n")?;
/// let intake = Intake::by_name(policy.schema());
/// let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
/// let mut oldest = None;
/// Scan::open(inputs(&[path.clone()], None)?, &intake, false)?.run(
///     &pool,
///     &|chunk| {
///         let mut columns = Columns::new(&intake.schema.input_columns(), chunk.rows);
///         let (_, noted) = chunk.read(&intake, &mut columns, &mut Vec::new())?;
///         Ok(((0..columns.rows()).filter_map(|row| columns.get(1, row)).max(), noted))
///     },
///     &mut |age| {
///         oldest = oldest.max(age);
///         Ok(())
///     },
///     &|_| {},
/// )?;
/// assert_eq!(oldest, Some(40));
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Scan<'a> {
    reader: Reader<'a>,
    intake: &'a Intake,
    needs_names: bool,
}

/// What a chunk says beside its rows. Whoever works on a chunk passes it on.
pub struct Noted {
    file: Arc<str>,
    rows: u64,
    ignored: BTreeSet<String>,
    not_filled: BTreeSet<String>,
    seen: Option<Seen>,
    percentages: Vec<Percentages>,
}

/// What was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scanned {
    /// How many rows.
    pub rows: u64,
    /// The columns that were ignored.
    pub ignored: Ignored,
    /// What objects lack, and the names that may be misspelled.
    pub unmatched: Unmatched,
    /// The columns that an input has, although the mapping has a value for inputs that lack them.
    pub not_filled: Ignored,
    /// The inputs with the hash of what was read from each, if hashes were requested.
    pub hashes: Vec<(String, Digest)>,
}

impl Chunk {
    /// Reads the fields of all rows into columns, as [`Chunk::fill`]. Answers the columns to keep.
    ///
    /// # Errors
    /// As [`Chunk::fill`].
    pub fn read(
        self,
        intake: &Intake,
        columns: &mut Columns,
        faults: &mut Vec<RowFault>,
    ) -> Result<(Vec<ColumnData>, Noted), DataError> {
        let (file, first_row, rows) = (self.file.clone(), self.first_row, self.rows as u64);
        let Filled { kept, ignored, seen, not_filled } = self.fill(intake, columns, faults)?;
        let percentages = percentages(intake, first_row, columns, faults);
        Ok((kept, Noted { file, rows, ignored, not_filled, seen, percentages }))
    }
}

impl<'a> Scan<'a> {
    /// Opens the first file; `hashed` where what is read is to be hashed.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open(files: Vec<Located>, intake: &'a Intake, hashed: bool) -> Result<Scan<'a>, DataError> {
        Ok(Scan { reader: Reader::new(files, intake, hashed)?, intake, needs_names: false })
    }

    /// The same, but JSON objects of which none in the first chunk names a field that may not be missing are an error,
    /// as a missing column is.
    #[must_use]
    pub fn needing_names(mut self) -> Scan<'a> {
        self.needs_names = true;
        self
    }

    /// The columns to keep.
    pub fn kept(&self) -> &[Kept] {
        self.reader.kept()
    }

    /// Has the threads of `pool` work on all chunks, and hands over what they make in the order of the rows.
    ///
    /// # Errors
    /// Where an input cannot be read, or the work or the handing over fails.
    pub fn run<T: Send>(
        self,
        pool: &rayon::ThreadPool,
        work: &(dyn Fn(Chunk) -> Result<(T, Noted), DataError> + Sync),
        hand_over: &mut (dyn FnMut(T) -> Result<(), DataError> + Send),
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Scanned, DataError> {
        pool.install(|| self.run_here(work, hand_over, progress))
    }

    /// The same, on a thread of the pool.
    fn run_here<T: Send>(
        self,
        work: &(dyn Fn(Chunk) -> Result<(T, Noted), DataError> + Sync),
        hand_over: &mut (dyn FnMut(T) -> Result<(), DataError> + Send),
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Scanned, DataError> {
        let Scan { mut reader, intake, needs_names } = self;
        let mut account = Account::new(intake, needs_names);
        let mut end = |done: Result<(T, Noted), DataError>, fraction: Option<f64>| {
            let (done, noted) = done?;
            account.note(noted)?;
            hand_over(done)?;
            progress(Progress { rows: account.rows, fraction });
            Ok(())
        };
        rayon::in_place_scope_fifo(|scope| {
            let (sender, receiver) = mpsc::channel();
            let mut order = InOrder { next: 0, early: BTreeMap::new() };
            let ahead_max = rayon::current_num_threads() + CHUNKS_AHEAD;
            let mut started = 0u64;
            while let Some(chunk) = reader.next_chunk()? {
                let sender = sender.clone();
                let number = started;
                started += 1;
                scope.spawn_fifo(move |_| {
                    // the receiver is gone if writing has failed
                    let _ = sender.send((number, worked(work, chunk)));
                });
                while order.next + (ahead_max as u64) <= started {
                    end(order.take(&receiver), reader.progress())?;
                }
            }
            while order.next < started {
                end(order.take(&receiver), reader.progress())?;
            }
            Ok::<(), DataError>(())
        })?;
        account.ignored.extend(reader.ignored());
        let Account { rows, ignored, not_filled, census, .. } = account;
        let unmatched = census.end()?;
        Ok(Scanned { rows, ignored, unmatched, not_filled, hashes: reader.into_hashes() })
    }
}

/// What became of a chunk. A defect in the program ends the command; without an answer the others would wait for ever.
fn worked<T>(
    work: &(dyn Fn(Chunk) -> Result<(T, Noted), DataError> + Sync),
    chunk: Chunk,
) -> Result<(T, Noted), DataError> {
    catch_unwind(AssertUnwindSafe(|| work(chunk))).unwrap_or_else(|_| {
        Err(DataError::defect("deciding stopped where it never should")
            .remedy("this is a defect in opus: please report it"))
    })
}

/// What threads send: the number of a chunk, and what became of it.
type Sent<T> = (u64, Result<(T, Noted), DataError>);

/// Puts what threads have done back in order.
struct InOrder<T> {
    next: u64,
    early: BTreeMap<u64, Result<(T, Noted), DataError>>,
}

impl<T> InOrder<T> {
    /// Waits for the next in order, working meanwhile.
    fn take(&mut self, receiver: &mpsc::Receiver<Sent<T>>) -> Result<(T, Noted), DataError> {
        loop {
            if let Some(done) = self.early.remove(&self.next) {
                self.next += 1;
                return done;
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

/// What is known of the rows so far, chunk by chunk in order.
struct Account<'a> {
    intake: &'a Intake,
    rows: u64,
    units: Units<'a>,
    ignored: Ignored,
    not_filled: Ignored,
    census: Census<'a>,
    needs_names: bool,
}

impl<'a> Account<'a> {
    fn new(intake: &'a Intake, needs_names: bool) -> Account<'a> {
        let units = Units::new(intake);
        Account {
            intake,
            rows: 0,
            units,
            ignored: Ignored::default(),
            not_filled: Ignored::default(),
            census: Census::new(intake),
            needs_names,
        }
    }

    fn note(&mut self, noted: Noted) -> Result<(), DataError> {
        self.units.meet(&noted.file, &noted.percentages)?;
        self.rows += noted.rows;
        self.ignored.add(&noted.file, noted.ignored);
        self.not_filled.add(&noted.file, noted.not_filled);
        if let Some(seen) = noted.seen.as_ref().filter(|_| self.needs_names && !self.census.has_objects()) {
            seen.check_needed(self.intake, &noted.file)?;
        }
        self.census.add(&noted.file, noted.seen)
    }
}
