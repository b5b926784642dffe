//! Do the systems hold beyond hand-picked cases? Rows of the three files, with decisions from an independent evaluation of
//! the prose.
//!
//! Opus decides every row of a file by `opus batch`. Every system, Opus among them, is asked a seeded sample of the rows, one
//! by one, in the same way as scenarios.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Instant;

use opus_data::{Intake, each_row, inputs};
use opus_runtime::admission::Shown;
use opus_runtime::{Cache, Kind, Options, Policy, Row};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Failure;
use crate::answer::{Answer, Class};
use crate::command::Opus;
use crate::domain::{Domain, Rows};
use crate::system::{Case, Outcome, State, System, Task};

/// What systems did with rows.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowScores {
    /// The rows of each sample.
    pub sample: u32,
    /// What the sample depends on.
    pub seed: u64,
    /// By domain, what `opus batch` did with all rows.
    pub files: BTreeMap<String, FileScore>,
    /// By system and domain, what it did with the sample.
    pub systems: BTreeMap<String, BTreeMap<String, SampleScore>>,
}

/// A file as a whole.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileScore {
    /// Its rows.
    pub rows: u32,
    /// Those decided as expected.
    pub right: u32,
    /// How long `opus batch` took, from start to end of its process, in microseconds.
    pub wall_us: u64,
}

/// A sample.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleScore {
    /// How the system ran.
    pub state: String,
    /// Rows asked.
    pub rows: u32,
    /// Rows decided as expected.
    pub right: u32,
    /// The others, by class.
    pub classes: BTreeMap<String, u32>,
    /// The median time of a decision, in microseconds.
    pub latency_us_median: u64,
    /// Tokens sent.
    pub tokens_in: u64,
    /// Tokens received.
    pub tokens_out: u64,
}

/// Asks all systems.
///
/// # Errors
/// Where a file cannot be read, or a system cannot go on.
pub fn run(
    domains: &[Domain],
    systems: &[&dyn System],
    opus: &Opus,
    folder: &Path,
    (sample, seed): (u32, u64),
    tick: &(dyn Fn(&str) + Sync),
) -> Result<RowScores, Failure> {
    let mut scores = RowScores { sample, seed, ..RowScores::default() };
    fs::create_dir_all(folder).map_err(|error| Failure::io(folder, "created", &error))?;
    for domain in domains {
        let Some(rows) = &domain.rows else { continue };
        tick(&format!("{}: all rows, by opus batch", domain.name));
        let expected = expected(domain, rows)?;
        let (file, ids) = whole(domain, rows, &expected, opus, folder)?;
        scores.files.insert(domain.name.clone(), file);
        let chosen = sampled(&domain.name, ids.len() as u64, sample, seed);
        let cases = cases(domain, rows, &ids, &chosen)?;
        for system in systems.iter().filter(|system| system.state().0 != State::NotRun) {
            tick(&format!("{}: {} rows, by {}", domain.name, cases.len(), system.title()));
            let score = asked(domain, *system, &cases, &expected)?;
            scores.systems.entry(system.name().into()).or_default().insert(domain.name.clone(), score);
        }
    }
    Ok(scores)
}

/// The expected decisions by id.
fn expected(domain: &Domain, rows: &Rows) -> Result<BTreeMap<String, Answer>, Failure> {
    let text =
        fs::read_to_string(&rows.expected).map_err(|error| Failure::io(&rows.expected, "read", &error))?;
    let table = table(domain, &text, &rows.id);
    table
        .map_err(|why| Failure::new(format!("`{}`: {why}", rows.expected.display())))
        .map(|lines| lines.into_iter().collect())
}

/// The lines of a CSV file without quotes: the id and the answer of each.
fn table(domain: &Domain, text: &str, id: &str) -> Result<Vec<(String, Answer)>, String> {
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().ok_or("it is empty")?.split(',').collect();
    let at = |name: &str| {
        head.iter().position(|column| *column == name).ok_or_else(|| format!("it has no column `{name}`"))
    };
    let (id, names) = (at(id)?, ["decision", &domain.shape.amount, "reason_code"]);
    let columns = [at(names[0])?, at(names[1])?, at(names[2])?];
    let line = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let cell = |column: usize| cells.get(column).copied().unwrap_or_default().to_owned();
        let object: Map<String, Value> =
            names.iter().zip(columns).map(|(name, at)| (name.to_string(), Value::String(cell(at)))).collect();
        let answer = domain.shape.read(&object).ok_or_else(|| format!("`{line}` is not an answer"))?;
        Ok((cell(id), answer))
    };
    lines.map(line).collect()
}

/// Decides a whole file by `opus batch`. Also returns the ids of its rows, in order.
fn whole(
    domain: &Domain,
    rows: &Rows,
    expected: &BTreeMap<String, Answer>,
    opus: &Opus,
    folder: &Path,
) -> Result<(FileScore, Vec<String>), Failure> {
    let folder = folder.canonicalize().map_err(|error| Failure::io(folder, "read", &error))?;
    let path = |path: &Path| -> Result<String, Failure> {
        let path = path.canonicalize().map_err(|error| Failure::io(path, "read", &error))?;
        Ok(path.display().to_string())
    };
    let (policy, file) = (path(&domain.files["policy"])?, path(&rows.file)?);
    let output = format!("{}.csv", domain.name);
    let started = Instant::now();
    opus.run(&folder, &["batch", &policy, &file, "-o", &output, "--keep", &rows.id])?;
    let wall_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let text =
        fs::read_to_string(folder.join(&output)).map_err(|error| Failure::io(&folder, "read", &error))?;
    let decided = table(domain, &text, &rows.id).map_err(Failure::new)?;
    let right = decided.iter().filter(|(id, answer)| expected.get(id) == Some(answer)).count();
    let count = |length: usize| u32::try_from(length).expect("files are small");
    let score = FileScore { rows: count(decided.len()), right: count(right), wall_us };
    Ok((score, decided.into_iter().map(|(id, _)| id).collect()))
}

/// The numbers of sampled rows, from 0, each once.
fn sampled(domain: &str, rows: u64, sample: u32, seed: u64) -> BTreeSet<u64> {
    let mut chosen = BTreeSet::new();
    for number in 0u64.. {
        if chosen.len() as u64 >= u64::from(sample).min(rows) {
            break;
        }
        let hash = blake3::hash(format!("{domain} {seed} {number}").as_bytes());
        let word = u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes"));
        chosen.insert(word % rows);
    }
    chosen
}

/// The sampled rows as JSON, each field written as in the scenarios.
fn cases(domain: &Domain, rows: &Rows, ids: &[String], chosen: &BTreeSet<u64>) -> Result<Vec<Case>, Failure> {
    let failed = |error: opus_data::DataError| Failure::new(error.message);
    let opened = opus_govern::source::open(domain.policy.clone().into_bytes(), &Cache::Off);
    let (opened, _) =
        opened.map_err(|_| Failure::new(format!("the policy of {} does not compile", domain.name)))?;
    let policy = Policy::from_artifact(opened.artifact, &Options { cache: Cache::Off, ..Options::default() });
    let policy = policy.map_err(|error| Failure::new(error.to_string()))?;
    let intake = Intake::by_name(policy.schema());
    let files = inputs(std::slice::from_ref(&rows.file), None).map_err(failed)?;
    let mut cases = Vec::new();
    each_row(
        files,
        &intake,
        &policy,
        &|number| chosen.contains(&(number - 1)),
        &|_| (),
        &mut |number, row| {
            let id = usize::try_from(number - 1).ok().and_then(|number| ids.get(number));
            // a row that admission refuses has no expected decision
            cases.extend(id.zip(row.ok()).map(|(id, row)| (id.clone(), json(&policy, &row))));
            Ok(())
        },
    )
    .map_err(failed)?;
    Ok(cases)
}

/// A row as the scenarios write it: dates, amounts and words are texts.
fn json(policy: &Policy, row: &Row) -> Map<String, Value> {
    let schema = policy.schema();
    let field = |(index, field): (usize, &opus_runtime::Field)| {
        let value = match (row.get(index), field.kind) {
            (None, _) => Value::Null,
            (Some(value), Kind::Bool) => Value::Bool(value != 0),
            (Some(value), Kind::Int) => i64::try_from(value).map_or(Value::Null, Value::from),
            (Some(value), kind) => Value::String(Shown::new(schema, kind, value).to_string()),
        };
        (field.name.clone(), value)
    };
    schema.inputs.iter().enumerate().map(field).collect()
}

/// Asks one system all sampled rows of a domain.
fn asked(
    domain: &Domain,
    system: &dyn System,
    cases: &[Case],
    expected: &BTreeMap<String, Answer>,
) -> Result<SampleScore, Failure> {
    let ask = |(_, input): &Case| -> Result<(Outcome, u64), Failure> {
        let started = Instant::now();
        let outcome = system.answer(domain, &Task::Decide { input, version: None }, 0)?;
        Ok((outcome, u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)))
    };
    let answers: Vec<(Outcome, u64)> = cases.par_iter().map(ask).collect::<Result<_, _>>()?;
    let mut score = SampleScore { state: system.state().0.to_string(), ..SampleScore::default() };
    let mut latencies = Vec::new();
    for ((id, _), (outcome, latency_us)) in cases.iter().zip(&answers) {
        let right = expected.get(id);
        let right = right
            .ok_or_else(|| Failure::new(format!("{}: row {id} has no expected decision", domain.name)))?;
        let found = domain.shape.find(&outcome.text).filter(|_| outcome.error.is_none());
        score.rows += 1;
        match domain.shape.judge(found.as_ref(), right) {
            None => score.right += 1,
            Some(class) => *score.classes.entry(Class::name(class).into()).or_default() += 1,
        }
        score.tokens_in += outcome.tokens_in;
        score.tokens_out += outcome.tokens_out;
        latencies.push(*latency_us);
    }
    latencies.sort_unstable();
    score.latency_us_median = latencies.get(latencies.len() / 2).copied().unwrap_or(0);
    Ok(score)
}
