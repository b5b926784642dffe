//! Which runs are there, and which are done? Each is appended to a file when it ends, so that an experiment that was killed
//! goes on where it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Failure;
use crate::claims::{Claims, act};
use crate::domain::Domain;
use crate::lock::{Lock, hash};
use crate::record::Record;
use crate::scenario::{Scenario, Tier};
use crate::system::{State, System, Task};

/// How often each scenario is repeated.
pub const RUNS: u32 = 15;
/// The file of records in the folder of results.
pub const RECORDS: &str = "runs.jsonl";
/// The file that says what the records are of.
pub const SETTING: &str = "setting.json";

/// What a folder of records is of. It stays as it is when the runs go on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Setting {
    /// The body hash of the lock.
    pub lock: String,
    /// The repeats of each scenario.
    pub runs: u32,
    /// By system, how it ran, and why not.
    pub systems: BTreeMap<String, (State, Option<String>)>,
    /// The machine and its programs.
    pub environment: Environment,
}

/// What a run can depend on besides what is locked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Environment {
    /// The operating system.
    pub os: String,
    /// The kind of processor.
    pub arch: String,
    /// The version of Opus.
    pub opus: String,
    /// The version of CPython, if it is there.
    pub python: Option<String>,
    /// What executes Opus policies.
    pub engine: String,
    /// The models, endpoints and protocols.
    pub model: Option<String>,
}

impl Environment {
    /// This machine's.
    pub fn here(python: Option<&str>, engine: &str, model: Option<String>) -> Environment {
        Environment {
            os: std::env::consts::OS.into(),
            arch: std::env::consts::ARCH.into(),
            opus: env!("CARGO_PKG_VERSION").into(),
            python: python.map(str::to_owned),
            engine: engine.to_owned(),
            model,
        }
    }

    /// Its hash.
    pub fn fingerprint(&self) -> String {
        hash(serde_json::to_string(self).expect("an environment is JSON").as_bytes())
    }
}

/// The scenarios of the published experiment, or those beyond it.
pub fn scenarios(domains: &[Domain], beyond: bool) -> Vec<(&Domain, &Scenario)> {
    let all =
        domains.iter().flat_map(|domain| domain.scenarios.iter().map(move |scenario| (domain, scenario)));
    let mut chosen: Vec<_> =
        all.filter(|(_, scenario)| (scenario.tier == Tier::Temporal) == beyond).collect();
    chosen.sort_by_key(|(_, scenario)| scenario.tier);
    chosen
}

/// The folder of results.
pub struct Results {
    folder: PathBuf,
    file: Mutex<File>,
    /// What is done already.
    done: BTreeMap<(String, String, u32), Record>,
}

impl Results {
    /// Opens a folder of results, or makes one. The end of a record that was being written when its process was killed is
    /// removed.
    ///
    /// # Errors
    /// Where the folder holds results of another setting, or cannot be read or written.
    pub fn open(folder: &Path, setting: &Setting) -> Result<Results, Failure> {
        fs::create_dir_all(folder).map_err(|error| Failure::io(folder, "created", &error))?;
        let path = folder.join(RECORDS);
        let failed = |error: std::io::Error| Failure::io(&path, "written", &error);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.map_err(|error| Failure::io(&path, "opened", &error))?;
        file.try_lock().map_err(|_| {
            Failure::new(format!("another `o02` is using `{}`", folder.display()))
                .help("wait until it ends, or name another folder with `--out DIR`")
        })?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let setting_path = folder.join(SETTING);
        let text = format!("{}\n", serde_json::to_string_pretty(setting).expect("a setting is JSON"));
        match fs::read_to_string(&setting_path) {
            Ok(found) if found == text => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && bytes.is_empty() => {
                whole(&setting_path, &text)?;
            }
            Ok(_) | Err(_) => {
                return Err(Failure::new(format!(
                    "`{}` holds the results of another setting",
                    folder.display()
                ))
                .help("name another folder with `--out DIR`, or remove this one"));
            }
        }
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        file.set_len(whole as u64).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        let done = parse(&bytes[..whole], &path)?;
        let done = done.into_iter().map(|record| (record.key(), record)).collect();
        Ok(Results { folder: folder.to_owned(), file: Mutex::new(file), done })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn add(&self, record: &Record) -> Result<(), Failure> {
        let line = format!("{}\n", serde_json::to_string(record).expect("a record is JSON"));
        let mut file = self.file.lock().expect("no thread panics while it writes");
        file.write_all(line.as_bytes())
            .map_err(|error| Failure::io(&self.folder.join(RECORDS), "written", &error))
    }
}

/// The records of a folder.
///
/// # Errors
/// Where they cannot be read, or a run is there twice.
pub fn read(folder: &Path) -> Result<(Setting, Vec<Record>), Failure> {
    let path = folder.join(SETTING);
    let text = fs::read_to_string(&path)
        .map_err(|error| Failure::io(&path, "read", &error).help("run the experiment first: `o02 run`"))?;
    let setting = serde_json::from_str(&text)
        .map_err(|error| Failure::new(format!("`{}`: {error}", path.display())))?;
    let path = folder.join(RECORDS);
    let bytes = fs::read(&path).map_err(|error| Failure::io(&path, "read", &error))?;
    Ok((setting, parse(&bytes, &path)?))
}

/// The lines of a file of records, each valid by itself and there once.
fn parse(bytes: &[u8], path: &Path) -> Result<Vec<Record>, Failure> {
    let wrong = |line: usize, what: String| {
        Failure::new(format!("`{}`, line {line}: {what}", path.display()))
            .help("the file was changed: remove its folder and run the experiment again")
    };
    let text = std::str::from_utf8(bytes).map_err(|_| wrong(1, "invalid UTF-8".into()))?;
    let mut seen = BTreeSet::new();
    let mut records = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let record: Record = serde_json::from_str(text).map_err(|error| wrong(line, error.to_string()))?;
        if !seen.insert(record.key()) {
            return Err(wrong(line, "the run appears twice".into()));
        }
        records.push(record);
    }
    Ok(records)
}

/// Writes a file that is complete or absent.
pub fn whole(path: &Path, text: &str) -> Result<(), Failure> {
    let beside = path.with_extension("part");
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| Failure::io(path, "written", &error))
}

/// One run that is to be made.
pub struct Cell<'a> {
    /// Of which domain.
    pub domain: &'a Domain,
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The system.
    pub system: &'a dyn System,
    /// The repeat.
    pub run: u32,
}

/// Makes every run that is not done, on the threads of the pool that calls this. `tick` is told how many are
/// done.
///
/// # Errors
/// Where the experiment cannot go on. What was done until then is kept.
pub fn run(
    results: &Results,
    cells: &[Cell<'_>],
    lock: &Lock,
    environment: &str,
    tick: &(dyn Fn(usize) + Sync),
) -> Result<(), Failure> {
    let done = |cell: &Cell<'_>| {
        results.done.contains_key(&(cell.system.name().to_owned(), cell.scenario.id.clone(), cell.run))
    };
    let open: Vec<&Cell<'_>> = cells.iter().filter(|cell| !done(cell)).collect();
    let finished = AtomicUsize::new(cells.len() - open.len());
    tick(cells.len() - open.len());
    open.par_iter().try_for_each(|cell| {
        results.add(&one(cell, lock, environment)?)?;
        tick(finished.fetch_add(1, Ordering::Relaxed) + 1);
        Ok(())
    })
}

/// The canonical answer in a text, if it can be understood.
pub fn answer(domain: &Domain, scenario: &Scenario, text: &str) -> Option<Value> {
    match scenario.tier {
        Tier::Governance => Claims::find(text).map(|claims| claims.canonical(&domain.shape)),
        Tier::Decision | Tier::Binding | Tier::Temporal => {
            domain.shape.find(text).map(|found| domain.shape.canonical(&found))
        }
    }
}

/// Makes one run.
fn one(cell: &Cell<'_>, lock: &Lock, environment: &str) -> Result<Record, Failure> {
    let Cell { domain, scenario, system, run } = cell;
    let population = domain.population(scenario);
    let task = match scenario.versions() {
        Some((from, to)) if scenario.tier == Tier::Governance => {
            Task::Govern { from, to, population: &population }
        }
        _ => Task::Decide { input: &scenario.input, version: None },
    };
    let started = Instant::now();
    let outcome = system.answer(domain, &task, *run)?;
    let latency_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let answer = answer(domain, scenario, &outcome.text).filter(|_| outcome.error.is_none());
    let (mut acted, mut replayed) = (None, None);
    if let Task::Govern { from, .. } = task {
        if let Some(claims) = Claims::find(&outcome.text).filter(|_| answer.is_some()) {
            acted = Some(act(*system, domain, from, &population, &claims, *run)?);
        }
        replayed = Some(system.replays(domain, &population, *run)?);
    }
    let bytes = answer.as_ref().map_or_else(|| outcome.text.clone(), Value::to_string);
    let used = system.uses(domain).into_iter();
    let used = used.filter_map(|name| Some((name.clone(), lock.entry(&name)?.to_owned()))).collect();
    Ok(Record {
        system: system.name().into(),
        state: system.state().0,
        scenario: scenario.id.clone(),
        run: *run,
        answer,
        output_hash: hash(bytes.as_bytes()),
        attempts: outcome.attempts,
        retries: outcome.retries,
        error: outcome.error,
        latency_us,
        models: outcome.models,
        tokens: (outcome.tokens_in, outcome.tokens_out),
        evidence: outcome.evidence,
        environment: environment.into(),
        lock: lock.body.clone(),
        used,
        acted,
        replayed,
        text: outcome.text,
    })
}
