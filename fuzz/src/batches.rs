//! Does it matter how rows reach an engine? Rows are presented in reused batches of any size, in one reused row,
//! as JSON, and with native code from the cache. The decision on a row must be the same each time.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use opus_govern::witnesses::{Outcome, outcome, outcomes};
use opus_ir::memory::Columns;
use opus_ir::testing::{Seed, Source};
use opus_ir::{Column, End, Kind, Program, Schema, date};
use opus_runtime::admission::{Admission, Unit};
use opus_runtime::artifact::SourceText;
use opus_runtime::cache::CacheDir;
use opus_runtime::{Artifact, Batch, Cache, Engine, Options, Origin, Policy};

use crate::rows::Row;

/// Batch sizes around what engines process at once: 16 rows, a group of 64, a block of 1,024.
const SMALL: [usize; 9] = [0, 1, 2, 15, 16, 17, 63, 64, 65];
const LARGE: [usize; 5] = [127, 1_023, 1_024, 1_025, 2_049];
/// One policy in this many runs code from the cache.
const CACHED: usize = 8;

/// Checks that rows are decided as `expected`, the result by row, however they are presented.
///
/// # Errors
/// A description of the presentation that gave another result.
pub fn check(program: &Program, rows: &[Row], expected: &[Outcome], seed: u64) -> Result<(), String> {
    let mut source = Seed(seed);
    let built = |program| Artifact::build(program, NO_SOURCE).map_err(|error| error.to_string());
    let bytes = built(without_spans(program.clone()))?.bytes().to_vec();
    let open = |engine, cache| {
        let options = Options { engine, cache, level: None };
        Policy::from_bytes_with(&bytes, &options).map_err(|error| error.to_string())
    };
    let given = Given { rows, expected };
    let vm = open(Engine::Vm, Cache::Off)?;
    given.by_json(&vm, &mut source)?;
    given.by_batch(&vm, &mut source)?;
    if source.one_in(CACHED) {
        let folder = Folder::new();
        let cache = || Cache::In(CacheDir::new(&folder.0));
        let rival = built(rival(without_spans(program.clone())))?;
        let options = Options { engine: Engine::Native, cache: cache(), level: None };
        Policy::from_artifact(rival, &options).map_err(|error| error.to_string())?.prepare();
        from(&open(Engine::Native, cache())?, Origin::Stored)?;
        let again = open(Engine::Native, cache())?;
        from(&again, Origin::Cached)?;
        given.by_row(&again)?;
        given.by_batch(&again, &mut source)
    } else {
        let native = open(Engine::Native, Cache::Off)?;
        given.by_row(&native)?;
        given.by_batch(&native, &mut source)
    }
}

/// Checks the origin of native code, if there is any.
fn from(policy: &Policy, expected: Origin) -> Result<(), String> {
    let origins = [policy.origin(), policy.columns_origin()];
    match origins {
        [None, None] => Ok(()),
        _ if origins == [Some(expected); 2] => Ok(()),
        _ => Err(format!("code comes from {origins:?} instead of {expected:?}")),
    }
}

/// Only programs are decided here; their source does not matter.
const NO_SOURCE: SourceText = SourceText { text: "", compiler: "" };

fn without_spans(mut program: Program) -> Program {
    program.rules.iter_mut().for_each(|rule| rule.span = (0, 0));
    program.requires.iter_mut().for_each(|require| require.span = (0, 0));
    program
}

/// Another policy whose code must not be mistaken for the first one's: each decision names the rule before the
/// right one.
fn rival(mut program: Program) -> Program {
    let count = program.rules.len() as u32;
    for block in program.versions.iter_mut().flat_map(|version| version.decide.blocks.values_mut()) {
        if let End::Decide { rule, .. } = &mut block.end {
            *rule = (*rule + count - 1) % count;
        }
    }
    program.name += ".rival";
    program
}

/// Rows and their expected decisions.
struct Given<'a> {
    rows: &'a [Row],
    expected: &'a [Outcome],
}

impl Given<'_> {
    /// One batch, cleared and refilled several times. Each time the rows start at another position and wrap
    /// around.
    fn by_batch(&self, policy: &Policy, source: &mut Seed) -> Result<(), String> {
        let mut sizes: Vec<usize> = (0..5).map(|_| SMALL[source.below(SMALL.len())]).collect();
        sizes.insert(source.below(sizes.len()), LARGE[source.below(LARGE.len())]);
        let mut batch = policy.batch(sizes[0]);
        for size in sizes.into_iter().filter(|size| *size == 0 || !self.rows.is_empty()) {
            let first = source.below(self.rows.len().max(1));
            // sometimes the same row throughout, so that one version decides all of them
            let step = if source.one_in(3) { 0 } else { 1 };
            let chosen: Vec<usize> = (0..size).map(|at| (first + step * at) % self.rows.len()).collect();
            batch.clear();
            make_room(&mut batch, size);
            self.fill(policy, &mut batch, &chosen, source);
            batch.decide();
            let told = format!("{} columns, {size} rows", policy.engine());
            let outcomes = outcomes(&batch, size);
            let mut pairs = outcomes.iter().zip(&chosen).enumerate();
            pairs.try_for_each(|(at, (found, row))| self.same(*row, found, || format!("{told}, at {at}")))?;
        }
        Ok(())
    }

    fn fill(&self, policy: &Policy, batch: &mut Batch, chosen: &[usize], source: &mut Seed) {
        let schema = policy.schema();
        batch.inputs_mut().set_rows(chosen.len());
        for (at, row) in chosen.iter().enumerate() {
            for (index, value) in self.rows[*row].iter().enumerate() {
                match Admission::new(schema, index, Unit::Written).admit_counted(*value) {
                    Ok(value) => batch.inputs_mut().set(index, at, value),
                    Err(reason) => {
                        // a cell of a refused row may hold anything
                        batch.inputs_mut().set(index, at, Some(source.next() as i128));
                        batch.refuse(at, reason);
                    }
                }
            }
        }
    }

    /// One row, filled again for each decision.
    fn by_row(&self, policy: &Policy) -> Result<(), String> {
        let mut row = policy.row();
        for (index, given) in self.rows.iter().enumerate() {
            let mut admitted = true;
            for (field, value) in given.iter().enumerate() {
                admitted &= match value {
                    Some(value) => row.set_counted(field, *value).is_ok(),
                    None => row.set_missing(field).is_ok(),
                };
            }
            if admitted {
                self.same(index, &outcome(policy.decide(&row)), || {
                    format!("{} row, used again", policy.engine())
                })?;
            } else if policy.decide(&row).is_ok() {
                return Err(format!("a row is decided although a field was refused: {given:?}"));
            }
        }
        Ok(())
    }

    /// The same rows as JSON. Other ways of writing numbers are covered by the tests of admission.
    fn by_json(&self, policy: &Policy, source: &mut Seed) -> Result<(), String> {
        for (index, given) in self.rows.iter().enumerate() {
            let Some(text) = json(policy.schema(), given, source.one_in(2)) else { continue };
            let decided = policy.decide_json(&text);
            if let Ok(decision) = &decided {
                let mut row = policy.row();
                let set =
                    |(field, value): (usize, &Option<i128>)| value.map(|value| row.set_counted(field, value));
                given
                    .iter()
                    .enumerate()
                    .filter_map(set)
                    .collect::<Result<(), _>>()
                    .map_err(|reason| reason.message)?;
                let typed = policy.decide(&row).map_err(|refusal| refusal.to_string())?;
                if typed.hash() != decision.hash() || typed.to_json() != decision.to_json() {
                    return Err(format!("the decision as JSON is another than that by row: {text}"));
                }
            }
            self.same(index, &outcome(decided), || format!("as JSON {text}"))?;
        }
        Ok(())
    }

    fn same(&self, row: usize, found: &Outcome, way: impl Fn() -> String) -> Result<(), String> {
        let expected = &self.expected[row];
        if found == expected {
            return Ok(());
        }
        Err(format!("{}: {found:?} instead of {expected:?} for {:?}", way(), self.rows[row]))
    }
}

/// Makes room for this many rows if there is none, in columns that the caller allocates.
fn make_room(batch: &mut Batch, rows: usize) {
    let inputs = batch.inputs_mut();
    if inputs.capacity_rows() < rows {
        let shape: Vec<Column> = (0..inputs.len()).map(|index| inputs.column(index)).collect();
        *inputs = Columns::new(&shape, rows);
    }
}

/// A row as a JSON object, as a person would write its values; `None` if a value cannot be written.
fn json(schema: &Schema, row: &Row, nulls: bool) -> Option<String> {
    let mut members = Vec::new();
    for (field, value) in schema.inputs.iter().zip(row) {
        match value {
            Some(value) => {
                members.push(format!("{:?}: {}", field.name, written(schema, field.kind, *value)?))
            }
            None if nulls => members.push(format!("{:?}: null", field.name)),
            None => {}
        }
    }
    Some(format!("{{{}}}", members.join(", ")))
}

fn written(schema: &Schema, kind: Kind, value: i128) -> Option<String> {
    let decimals = schema.decimals(kind) as usize;
    let number = || {
        let (one, sign) = (10u128.pow(decimals as u32), if value < 0 { "-" } else { "" });
        let (whole, part) = (value.unsigned_abs() / one, value.unsigned_abs() % one);
        if decimals == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part:0decimals$}") }
    };
    Some(match kind {
        Kind::Bool => (value == 1).to_string(),
        Kind::Enum(index) => {
            let values = &schema.enums[index as usize].values;
            format!("{:?}", values.get(usize::try_from(value).ok()?)?.name)
        }
        Kind::Date if !(date::DAY_MIN..=date::DAY_MAX).contains(&value) => return None,
        Kind::Date => format!("\"{}\"", date::civil(value)),
        Kind::Percent(_) => format!("\"{}%\"", number()),
        Kind::Int | Kind::Decimal(_) | Kind::Money | Kind::Days => number(),
    })
}

/// A folder that is removed on drop.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Folder(std::env::temp_dir().join(format!("opus-fuzz-{}-{number}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // a leftover in the folder for temporary files is harmless
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
