//! What may not change between the design of the experiment and its report? Everything that is listed here, each entry by
//! its hash, and all entries by one: the body hash.
//!
//! Seven gates check it before the first run and after the last.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Failure;
use crate::domain::Domain;
use crate::matrix::{self, RUNS, Setting};
use crate::model::evidence::{Evidence, Exchange};
use crate::record::Record;
use crate::scenario::{Scenario, Tier};
use crate::score::thresholds;
use crate::system::State;
use crate::systems::NAMES;

/// The version of the file's form.
const FORMAT: u32 = 1;
/// The lock in the folder of the experiment.
pub const FILE: &str = "lock.json";

/// The sources that are built into this program: path within the crate, and text.
macro_rules! built_in {
    ($($path:literal),* $(,)?) => { &[$(($path, include_str!(concat!("../", $path)))),*] };
}

/// The sources of the five systems and of what they stand on.
const ADAPTERS: &[(&str, &str)] = built_in![
    "src/command.rs",
    "src/domain.rs",
    "src/matrix.rs",
    "src/model/config.rs",
    "src/model/estimate.rs",
    "src/model/evidence.rs",
    "src/model/mod.rs",
    "src/model/protocol.rs",
    "src/model/transport.rs",
    "src/record.rs",
    "src/scenario.rs",
    "src/schema.rs",
    "src/scripted.rs",
    "src/system.rs",
    "src/systems/agent.rs",
    "src/systems/mod.rs",
    "src/systems/opus.rs",
    "src/systems/prompted.rs",
    "src/systems/python.rs",
    "src/systems/raw.rs",
    "src/systems/structured.rs",
];

/// The sources of what judges answers and shows figures, with the published ones and the forms of records and results.
const SCORERS: &[(&str, &str)] = built_in![
    "../spec/results.schema.json",
    "../spec/run.schema.json",
    "published.json",
    "src/answer.rs",
    "src/claims.rs",
    "src/controls.rs",
    "src/lock.rs",
    "src/quantity.rs",
    "src/report/content.rs",
    "src/report/design.rs",
    "src/report/figures.rs",
    "src/report/html.rs",
    "src/report/markdown.rs",
    "src/report/mod.rs",
    "src/report/page.rs",
    "src/report/properties.rs",
    "src/report/published.rs",
    "src/report/runs.rs",
    "src/rows.rs",
    "src/score/mod.rs",
    "src/temporal.rs",
];

/// What is listed together, and is checked by one gate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Scenarios and prose.
    Scenarios,
    /// Policies, programs, prompts, schemas and the sources of the systems.
    Adapters,
    /// Rows and their expected decisions.
    Datasets,
    /// The sources of the scorers, and thresholds.
    Scorers,
    /// Which runs there are.
    Matrix,
}

/// The lock: every entry by group and name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    format: u32,
    /// Hashes (BLAKE3, 64 hexadecimal digits) by group and name.
    pub entries: BTreeMap<Group, BTreeMap<String, String>>,
    /// The hash over all entries.
    pub body: String,
}

/// A check that stops the experiment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// The lock itself is whole: the body hash is that of its entries.
    ManifestHashes,
    /// No name is missing or added.
    LockedRegistry,
    /// Scenarios and prose are as locked.
    ScenarioFreeze,
    /// Systems, policies, programs, prompts and schemas are as locked.
    AdapterFreeze,
    /// Rows and expected decisions are as locked.
    DatasetFreeze,
    /// Scorers, thresholds and the matrix are as locked.
    ScoringFreeze,
    /// After the runs everything is as it was, and every record names the hashes that are locked.
    MutationDetection,
}

impl Gate {
    /// All gates, in the order in which they are tried.
    pub const ALL: [Gate; 7] = [
        Gate::ManifestHashes,
        Gate::LockedRegistry,
        Gate::ScenarioFreeze,
        Gate::AdapterFreeze,
        Gate::DatasetFreeze,
        Gate::ScoringFreeze,
        Gate::MutationDetection,
    ];

    /// The name that people read.
    pub fn name(self) -> &'static str {
        match self {
            Gate::ManifestHashes => "manifest hashes",
            Gate::LockedRegistry => "locked registry",
            Gate::ScenarioFreeze => "scenario freeze",
            Gate::AdapterFreeze => "adapter freeze",
            Gate::DatasetFreeze => "dataset freeze",
            Gate::ScoringFreeze => "scoring freeze",
            Gate::MutationDetection => "mutation detection",
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Group {
    fn gate(self) -> Gate {
        match self {
            Group::Scenarios => Gate::ScenarioFreeze,
            Group::Adapters => Gate::AdapterFreeze,
            Group::Datasets => Gate::DatasetFreeze,
            Group::Scorers | Group::Matrix => Gate::ScoringFreeze,
        }
    }

    /// The group of a file of a domain.
    fn of(what: &str) -> Group {
        match what {
            "prose" | "scenarios" | "temporal" => Group::Scenarios,
            "rows" | "rows.expected" => Group::Datasets,
            _ => Group::Adapters,
        }
    }
}

/// What records are compared with.
pub struct Ran<'a> {
    /// The scenarios of the runs.
    pub scenarios: Vec<(&'a Domain, &'a Scenario)>,
    /// The names of the locked entries that a system uses in a domain.
    pub uses: &'a dyn Fn(&str, &Domain) -> Vec<String>,
    /// The folder of evidence.
    pub evidence: &'a Path,
}

/// What is wrong with the evidence of a record: each exchange is there, whole, and of this run.
fn fault_of_evidence(record: &Record, folder: &Path) -> Option<String> {
    record.exchanges().find_map(|(_, digest)| {
        let is_hash = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bytes = if is_hash { fs::read(folder.join(Evidence::object(digest))).ok() } else { None };
        let whole = bytes.filter(|bytes| hash(bytes) == *digest);
        let exchange = whole.and_then(|bytes| serde_json::from_slice::<Exchange>(&bytes).ok());
        match exchange {
            None => Some(format!("has evidence {} that is missing or changed", digest.escape_debug())),
            Some(exchange) if exchange.run != record.run => {
                Some("has the evidence of another run".to_owned())
            }
            Some(_) => None,
        }
    })
}

/// The hash of bytes, as the lock has it.
pub fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

impl Lock {
    /// The lock of what there is now. `root` is the folder of the experiment; the texts in it that are also built into this
    /// program are taken from there, so that neither can change alone.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub fn now(domains: &[Domain], root: &Path) -> Result<Lock, Failure> {
        let mut entries: BTreeMap<Group, BTreeMap<String, String>> = BTreeMap::new();
        let mut insert = |group: Group, name: String, bytes: &[u8]| {
            entries.entry(group).or_default().insert(name, hash(bytes));
        };
        for domain in domains {
            for (what, path) in &domain.files {
                insert(Group::of(what), format!("{}/{what}", domain.name), &read(path)?);
            }
        }
        let prompts = &crate::systems::prompted::files()[..];
        for (group, texts) in
            [(Group::Adapters, ADAPTERS), (Group::Scorers, SCORERS), (Group::Adapters, prompts)]
        {
            for (path, text) in texts {
                insert(group, format!("built in/{path}"), text.as_bytes());
                let file = root.join(path);
                if file.is_file() {
                    insert(group, (*path).to_owned(), &read(&file)?);
                }
            }
        }
        for folder in ["prompts", "schemas"] {
            for path in files(&root.join(folder))? {
                let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
                insert(Group::Adapters, name, &read(&path)?);
            }
        }
        insert(Group::Scorers, "thresholds".into(), thresholds().to_string().as_bytes());
        insert(Group::Matrix, "matrix".into(), all_runs(domains).to_string().as_bytes());
        let body = body(&entries);
        Ok(Lock { format: FORMAT, entries, body })
    }

    /// The lock in a file.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read(path: &Path) -> Result<Lock, Failure> {
        let text = fs::read_to_string(path).map_err(|error| Failure::io(path, "read", &error))?;
        serde_json::from_str(&text).map_err(|error| {
            Failure::new(format!("{}: `{}` is not a lock: {error}", Gate::ManifestHashes, path.display()))
                .help("`o02 lock` writes it anew")
        })
    }

    /// The file that [`Lock::read`] reads.
    pub fn to_text(&self) -> String {
        format!("{}\n", serde_json::to_string_pretty(self).expect("a lock is JSON"))
    }

    /// The hash of an entry.
    pub fn entry(&self, name: &str) -> Option<&str> {
        self.entries.values().find_map(|group| group.get(name)).map(String::as_str)
    }

    /// What the gates find when `self` was committed and `now` is found: each gate but the last with what is wrong.
    pub fn compare(&self, now: &Lock) -> Vec<(Gate, Option<String>)> {
        let mut found: BTreeMap<Gate, String> = BTreeMap::new();
        if body(&self.entries) != self.body || self.format != FORMAT {
            found.insert(Gate::ManifestHashes, "the body hash is not that of the entries".into());
        }
        for (group, theirs) in &now.entries {
            let ours = self.entries.get(group).cloned().unwrap_or_default();
            for name in theirs.keys().filter(|name| !ours.contains_key(*name)) {
                found.entry(Gate::LockedRegistry).or_insert(format!("`{name}` is not locked"));
            }
            for (name, hash) in &ours {
                match theirs.get(name) {
                    None => {
                        found
                            .entry(Gate::LockedRegistry)
                            .or_insert(format!("`{name}` is locked and missing"));
                    }
                    Some(found_hash) if found_hash != hash => {
                        found.entry(group.gate()).or_insert(format!("`{name}` is not what is locked"));
                    }
                    Some(_) => {}
                }
            }
        }
        for (group, ours) in self.entries.iter().filter(|(group, _)| !now.entries.contains_key(group)) {
            let name = ours.keys().next().map_or("", |name| name);
            found.entry(Gate::LockedRegistry).or_insert(format!("{group:?}: `{name}` is locked and missing"));
        }
        let gates = Gate::ALL.into_iter().filter(|gate| *gate != Gate::MutationDetection);
        gates.map(|gate| (gate, found.remove(&gate))).collect()
    }

    /// What is wrong with records, if anything is: they are not the runs of their setting, each once; they are of another
    /// lock, state or environment, or used other entries than `uses` says; their answer is not that of their text; or their
    /// evidence is not what was sent and received.
    pub fn fault_of_records(&self, setting: &Setting, records: &[Record], ran: &Ran<'_>) -> Option<String> {
        if setting.lock != self.body {
            return Some("the runs were made under another lock".into());
        }
        let runs = 0..setting.runs;
        let live = setting.systems.iter().filter(|(_, (state, _))| *state != State::NotRun);
        let mut missing: BTreeSet<(&str, &str, u32)> = live
            .flat_map(|(system, _)| ran.scenarios.iter().map(move |(_, scenario)| (&**system, &*scenario.id)))
            .flat_map(|(system, scenario)| runs.clone().map(move |run| (system, scenario, run)))
            .collect();
        let environment = setting.environment.fingerprint();
        for record in records {
            let (system, scenario, run) = (&*record.system, &*record.scenario, record.run);
            let fault = match () {
                () if !missing.remove(&(system, scenario, run)) => {
                    Some("is not one of the runs, or is there twice".to_owned())
                }
                () if Some(record.state) != setting.systems.get(system).map(|(state, _)| *state) => {
                    Some("is not in the state of its system".to_owned())
                }
                () if record.lock != self.body => Some("was made under another lock".to_owned()),
                () if record.environment != environment => Some("was made in another environment".to_owned()),
                () => self.fault_of_output(record, ran).or_else(|| fault_of_evidence(record, ran.evidence)),
            };
            if let Some(fault) = fault {
                return Some(format!("run {run} of {scenario} by {system} {fault}"));
            }
        }
        let (system, scenario, run) = missing.first()?;
        Some(format!("run {run} of {scenario} by {system} is missing"))
    }

    fn fault_of_output(&self, record: &Record, ran: &Ran<'_>) -> Option<String> {
        let (domain, scenario) = ran.scenarios.iter().find(|(_, scenario)| scenario.id == record.scenario)?;
        let used: BTreeMap<String, String> = (ran.uses)(&record.system, domain)
            .into_iter()
            .filter_map(|name| Some((name.clone(), self.entry(&name)?.to_owned())))
            .collect();
        if used != record.used {
            let differs = |name: &&String| used.get(*name) != record.used.get(*name);
            let name = used.keys().chain(record.used.keys()).find(differs).map_or("", |name| name);
            return Some(format!("used another `{name}`"));
        }
        let answer = matrix::answer(domain, scenario, &record.text).filter(|_| record.error.is_none());
        let bytes = answer.as_ref().map_or_else(|| record.text.clone(), ToString::to_string);
        match answer == record.answer && record.output_hash == hash(bytes.as_bytes()) {
            true => None,
            false => Some("has another output than its text or its hash".to_owned()),
        }
    }

    /// That everything is as locked.
    ///
    /// # Errors
    /// Which gate is closed, and why.
    pub fn check(&self, now: &Lock) -> Result<(), Failure> {
        match self.compare(now).into_iter().find_map(|(gate, fault)| Some((gate, fault?))) {
            None => Ok(()),
            Some((gate, fault)) => Err(Failure::new(format!("{gate}: {fault}")).help(
                "bring back what was locked; or, for an experiment of your own, lock it with `o02 lock`",
            )),
        }
    }
}

fn read(path: &PathBuf) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::io(path, "read", &error))
}

/// All files in a folder and the folders in it, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| Failure::io(folder, "read", &error))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let inside = |path: PathBuf| if path.is_dir() { files(&path) } else { Ok(vec![path]) };
    Ok(paths.into_iter().map(inside).collect::<Result<Vec<_>, _>>()?.concat())
}

/// The hash over all entries.
fn body(entries: &BTreeMap<Group, BTreeMap<String, String>>) -> String {
    hash(serde_json::to_string(&(FORMAT, entries)).expect("entries are JSON").as_bytes())
}

/// Which runs there are: systems, scenarios, repeats.
fn all_runs(domains: &[Domain]) -> serde_json::Value {
    let scenarios = domains.iter().flat_map(|domain| &domain.scenarios);
    let ids = |temporal: bool| -> Vec<&str> {
        let fits = scenarios.clone().filter(|scenario| (scenario.tier == Tier::Temporal) == temporal);
        fits.map(|scenario| &*scenario.id).collect()
    };
    json!({ "systems": NAMES, "runs": RUNS, "scenarios": ids(false), "beyond": ids(true) })
}
