//! How does Opus answer? Cases are decided by the compiled policy, in this process. A change is accounted for by the
//! commands that a user would run: `diff`, `impact`, `attribute`, `batch --record` and `replay`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use opus_data::snapshot as facts;
use opus_govern::diff::{Change as Edited, Script};
use opus_govern::reference::ReferenceEngine;
use opus_govern::source;
use opus_govern::structure::{Key, Part, Structure};
use opus_govern::witnesses::outcomes;
use opus_runtime::record::Outcome as Recorded;
use opus_runtime::{Cache, Decide, Engine, Options, Policy, Refusal, Row, Snapshot};
use opus_store::{Publication, Store, Time, publish};
use serde_json::{Map, Value, json};

use crate::Failure;
use crate::claims::{Change, Changed, Claims};
use crate::command::Opus;
use crate::domain::Domain;
use crate::system::{Case, Outcome, Replay, State, System, Task, Texts};

/// What executes the compiled policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Variant {
    /// Machine code.
    #[default]
    Native,
    /// The stack machine.
    Vm,
    /// The reference evaluator.
    Reference,
}

impl Variant {
    /// The name that people read and write.
    pub fn name(self) -> &'static str {
        match self {
            Variant::Native => "native",
            Variant::Vm => "vm",
            Variant::Reference => "reference",
        }
    }
}

/// Opus.
pub struct OpusSystem {
    variant: Variant,
    command: Opus,
    /// A folder for what commands read and write.
    folder: PathBuf,
    /// Compiled policies, by their source and the snapshot that they are bound to.
    ready: Mutex<BTreeMap<Executed, Arc<Ready>>>,
    /// The stores of domains with facts, once they are made.
    stores: Mutex<BTreeMap<String, PathBuf>>,
    calls: AtomicU64,
}

/// The source of a policy and the hash of the snapshot that it is bound to.
type Executed = (String, Option<String>);

/// A policy that may run.
struct Ready {
    policy: Policy,
    reference: Option<ReferenceEngine>,
}

/// The name of the facts in a store.
const FACTS: &str = "facts";
/// The field of a case that says which state of the facts counts.
const KNOWN_AT: &str = "known_at";

impl OpusSystem {
    /// Opus with an engine, its commands, and a folder for their files.
    pub fn new(variant: Variant, command: Opus, folder: PathBuf) -> OpusSystem {
        let (ready, stores) = (Mutex::default(), Mutex::default());
        OpusSystem { variant, command, folder, ready, stores, calls: AtomicU64::new(0) }
    }

    /// A compiled policy, ready to decide.
    fn ready(&self, source: &str, snapshot: Option<&Snapshot>) -> Result<Arc<Ready>, String> {
        let key = (source.to_owned(), snapshot.map(|snapshot| snapshot.hash().to_string()));
        let mut all = self.ready.lock().expect("no thread panics while it holds the policies");
        if let Some(ready) = all.get(&key) {
            return Ok(ready.clone());
        }
        let structure =
            Structure::of_source(source).map_err(|found| format!("the policy has {} errors", found.len()))?;
        let mut opened = source::of_structure(&structure).map_err(|_| "the policy does not compile")?;
        let engine = if self.variant == Variant::Native { Engine::Native } else { Engine::Vm };
        let options = Options { engine, cache: Cache::Off, ..Options::default() };
        let tree = match self.variant {
            Variant::Reference => Some(opened.tree().map_err(|_| "the policy has no source")?.clone()),
            Variant::Native | Variant::Vm => None,
        };
        let policy = opus_govern::facts::bound(opened.artifact, snapshot, &options)?;
        let reference = tree.map(|tree| ReferenceEngine::new(tree, policy.clone(), snapshot.cloned()));
        let ready = Arc::new(Ready { policy, reference });
        all.insert(key, ready.clone());
        Ok(ready)
    }

    /// Decides one case by a source.
    fn decide(&self, domain: &Domain, source: &str, input: &Map<String, Value>) -> Result<Outcome, Failure> {
        let snapshot = match self.snapshot(domain, input)? {
            Facts::NotNeeded => None,
            Facts::Known(snapshot) => Some(snapshot),
            // before the first publication nothing is in force on any day
            Facts::NothingKnown => {
                return Ok(Outcome::of(json!({"refused": domain.date_field()}).to_string()));
            }
        };
        let ready = self.ready(source, snapshot.as_ref()).map_err(Failure::new)?;
        let text = Value::Object(input.clone()).to_string();
        let refused = |refusal: &Refusal| json!({"refused": &*refusal.reasons()[0].name}).to_string();
        let row = match ready.policy.read_json(&text) {
            Ok(row) => row,
            Err(refusal) => return Ok(Outcome::of(refused(&refusal))),
        };
        Ok(Outcome::of(match &ready.reference {
            None => match ready.policy.decide(&row) {
                Ok(decision) => outputs(&decision.record().outcome),
                Err(refusal) => refused(&refusal),
            },
            Some(reference) => match ready.policy.decide(&row) {
                // admission is the same before every engine
                Err(refusal) => refused(&refusal),
                Ok(_) => outputs(&by_reference(reference, &ready.policy, &row)),
            },
        }))
    }

    /// The state of the facts that counts for a case, out of a store in which every state was published at its time.
    fn snapshot(&self, domain: &Domain, input: &Map<String, Value>) -> Result<Facts, Failure> {
        let Some(table) = &domain.facts else { return Ok(Facts::NotNeeded) };
        let folder = self.store(domain, table)?;
        let known_at = input.get(KNOWN_AT).and_then(Value::as_str).unwrap_or_default();
        let known_at: Time =
            known_at.parse().map_err(|_| Failure::new(format!("`{known_at}` is not an instant")))?;
        let failed = |error: opus_store::StoreError| Failure::new(error.message);
        let store = Store::open(&folder).map_err(failed)?;
        let name = FACTS.parse().expect("it is a name");
        let first = store.entries_of(&name).map_err(failed)?.first().map(|entry| entry.time);
        if first.is_none_or(|first| known_at < first) {
            return Ok(Facts::NothingKnown);
        }
        let selected = store.select(&name, Some(known_at), None, known_at).map_err(failed)?;
        let bytes = store.object(selected.entry.kind, selected.entry.object).map_err(failed)?;
        Snapshot::from_bytes(&bytes)
            .map(Facts::Known)
            .map_err(|error| Failure::new(format!("the facts of {} are damaged: {error}", domain.name)))
    }

    /// The store of a domain's facts.
    fn store(&self, domain: &Domain, table: &str) -> Result<PathBuf, Failure> {
        let mut stores = self.stores.lock().expect("no thread panics while it makes a store");
        if let Some(folder) = stores.get(&domain.name) {
            return Ok(folder.clone());
        }
        let folder = self.folder(&format!("{}-store", domain.name))?;
        let states =
            states(table).map_err(|why| Failure::new(format!("the facts of {}: {why}", domain.name)))?;
        for (time, state) in states {
            let wrong = |why: String| Failure::new(format!("the facts of {} at {time}: {why}", domain.name));
            let snapshot = facts::parse_csv(&state).map_err(|error| wrong(error.message))?;
            let time: Time = time.parse().map_err(|_| wrong("not an instant".into()))?;
            let name = FACTS.parse().expect("it is a name");
            let publication =
                Publication { claimed: Some(time), ..Publication::new(name, snapshot.to_bytes()) };
            publish(&folder, &publication, now()).map_err(|error| wrong(error.message))?;
        }
        stores.insert(domain.name.clone(), folder.clone());
        Ok(folder)
    }

    /// A new folder for the files of one call.
    fn folder(&self, name: &str) -> Result<PathBuf, Failure> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.join(format!("{name}-{number}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(|error| Failure::io(&folder, "created", &error))?;
        Ok(folder)
    }

    /// Accounts for a change, by the commands.
    fn govern(&self, domain: &Domain, from: u32, to: u32, population: &[Case]) -> Result<Claims, Failure> {
        let folder = self.folder(&format!("{}-govern", domain.name))?;
        write(&folder.join("policy.opus"), &domain.policy)?;
        write(&folder.join("population.jsonl"), &lines(population))?;
        let (a, b) = (format!("policy.opus@{from}"), format!("policy.opus@{to}"));
        self.command.run(&folder, &["diff", &a, &b, "-o", "script.json"])?;
        let impact =
            self.command.run(&folder, &["impact", &a, &b, "population.jsonl", "--format", "json"])?;
        let to_changed = ["--keep", "scenario", "-o", "changed.jsonl"];
        let attribute = [&["attribute", &a, &b, "population.jsonl"][..], &to_changed].concat();
        self.command.run(&folder, &attribute)?;
        let script: Script = parse(&read(&folder.join("script.json"))?)?;
        let impact: Value = parse(&String::from_utf8_lossy(&impact.stdout))?;
        let changed = read(&folder.join("changed.jsonl"))?;
        let rows: Vec<Map<String, Value>> = changed.lines().map(parse).collect::<Result<_, _>>()?;
        if impact["changed"].as_u64() != Some(rows.len() as u64) {
            return Err(Failure::new("`opus impact` and `opus attribute` do not find the same rows changed"));
        }
        let _ = fs::remove_dir_all(&folder);
        let outputs = ["decision", &domain.shape.amount, "reason_code"];
        Ok(Claims {
            changes: script.deciding().flat_map(changes).collect(),
            changed: rows.iter().map(|row| changed_row(row, &outputs)).collect(),
            narrative: script.deciding().map(|edit| edit.to_string()).collect::<Vec<_>>().join("; "),
        })
    }
}

/// What is known of the facts.
enum Facts {
    NotNeeded,
    NothingKnown,
    Known(Snapshot),
}

impl System for OpusSystem {
    fn name(&self) -> &'static str {
        "opus"
    }

    fn title(&self) -> &'static str {
        match self.variant {
            Variant::Native => "Opus",
            Variant::Vm => "Opus (VM)",
            Variant::Reference => "Opus (reference evaluator)",
        }
    }

    fn state(&self) -> (State, Option<String>) {
        (State::Live, None)
    }

    fn uses(&self, domain: &Domain) -> Vec<String> {
        let facts = domain.facts.is_some().then(|| format!("{}/facts", domain.name));
        let own = ["policy", "answer"].map(|what| format!("{}/{what}", domain.name));
        own.into_iter().chain(facts).collect()
    }

    fn answer(&self, domain: &Domain, task: &Task<'_>, _: u32) -> Result<Outcome, Failure> {
        match task {
            Task::Decide { input, version: None } => self.decide(domain, &domain.policy, input),
            Task::Decide { input, version: Some(version) } => {
                let texts = self.texts(domain, *version)?;
                self.decide(domain, &texts[0].1, input)
            }
            Task::Govern { from, to, population } => {
                let claims = self.govern(domain, *from, *to, population)?;
                Ok(Outcome::of(serde_json::to_string(&claims).expect("claims are JSON")))
            }
        }
    }

    fn texts(&self, domain: &Domain, version: u32) -> Result<Texts, Failure> {
        let structure = Structure::of_source(&domain.policy)
            .map_err(|_| Failure::new(format!("the policy of {} cannot be read", domain.name)))?;
        let at = structure.at_version(version);
        let at = at.ok_or_else(|| Failure::new(format!("{} has no version {version}", domain.name)))?;
        Ok(vec![(format!("policy.opus@{version}"), at.to_source())])
    }

    fn read(&self, texts: &Texts, place: &str) -> Option<String> {
        let (key, part) = element(place)?;
        Some(Structure::of_source(&texts[0].1).ok()?.elements.get(&key)?.get(&part)?.clone())
    }

    fn write(&self, texts: &Texts, place: &str, literal: &str) -> Option<Texts> {
        let (key, part) = element(place)?;
        let mut structure = Structure::of_source(&texts[0].1).ok()?;
        *structure.elements.get_mut(&key)?.get_mut(&part)? = literal.to_owned();
        Some(vec![(texts[0].0.clone(), structure.to_source())])
    }

    fn execute(
        &self,
        domain: &Domain,
        texts: &Texts,
        _: u32,
        population: &[Case],
        _: u32,
        _: u32,
    ) -> Result<Vec<Outcome>, Failure> {
        population.iter().map(|(_, input)| self.decide(domain, &texts[0].1, input)).collect()
    }

    fn replays(&self, domain: &Domain, population: &[Case], _: u32) -> Result<Replay, Failure> {
        let folder = self.folder(&format!("{}-replay", domain.name))?;
        write(&folder.join("policy.opus"), &domain.policy)?;
        write(&folder.join("population.jsonl"), &lines(population))?;
        let batch =
            ["batch", "policy.opus", "population.jsonl", "-o", "decisions.jsonl", "--record", "record"];
        self.command.run(&folder, &batch)?;
        let replayed = self.command.run(&folder, &["replay", "record", "--format", "json"])?;
        let replayed: Value = parse(&String::from_utf8_lossy(&replayed.stdout))?;
        let _ = fs::remove_dir_all(&folder);
        let identical = replayed["identical"] == true && replayed["decided_again"] == population.len();
        Ok(Replay { identical, ..Replay::default() })
    }
}

/// The outputs of a decision as an answer.
fn outputs(outcome: &Recorded) -> String {
    match outcome {
        Recorded::Decided { outputs, .. } => {
            let text = |(name, value): &(String, opus_runtime::record::Value)| {
                (name.clone(), Value::String(value.to_string()))
            };
            Value::Object(outputs.0.iter().map(text).collect()).to_string()
        }
        Recorded::Refused { reasons, .. } => {
            json!({"refused": reasons.first().map(|reason| &reason.field)}).to_string()
        }
    }
}

/// What the reference evaluator decides about an admitted row.
fn by_reference(reference: &ReferenceEngine, policy: &Policy, row: &Row) -> Recorded {
    let mut batch = reference.batch(1);
    batch.inputs_mut().set_rows(1);
    for index in 0..policy.schema().inputs.len() {
        batch.inputs_mut().set(index, 0, row.get(index));
    }
    reference.decide(&mut batch);
    let verdict = outcomes(&batch, 1).remove(0).expect("an admitted row is decided");
    Recorded::decided(policy.artifact().program(), &verdict, None)
}

/// The changes that an edit makes, each with its place: the key of an element and the part of it, as JSON.
fn changes(edit: &opus_govern::diff::Edit) -> Vec<Change> {
    let place = |key: &Key, part: &Part| json!([key, part]).to_string();
    let change = |changed: &Edited| match changed {
        Edited::Part { key, part, before: Some(before), after: Some(after) } => Some(Change {
            id: edit.id.to_string(),
            place: place(key, part),
            from: before.clone(),
            to: after.clone(),
        }),
        _ => None,
    };
    edit.changes.iter().filter_map(change).collect()
}

/// The element and part that a place names.
fn element(place: &str) -> Option<(Key, Part)> {
    serde_json::from_str(place).ok()
}

/// A row of `opus attribute` as a claim. Of several causes, the first is claimed.
fn changed_row(row: &Map<String, Value>, outputs: &[&str]) -> Changed {
    let side = |side: &str| -> Value {
        let value = |name: &&str| (name.to_string(), row.get(&format!("{name}_{side}")).cloned());
        let some = outputs.iter().map(value).map(|(name, value)| (name, value.unwrap_or_default()));
        Value::Object(some.collect())
    };
    let word = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
    let cause = word("causes").split(" | ").next().unwrap_or_default();
    Changed {
        scenario: word("scenario").to_owned(),
        before: side("before"),
        after: side("after"),
        changes: cause.split('+').filter(|id| !id.is_empty()).map(str::to_owned).collect(),
    }
}

/// Every state of a table of facts with the time at which it came about: rows recorded until then, of which a later one
/// replaces an earlier one of the same key and first day.
fn states(table: &str) -> Result<Vec<(String, String)>, String> {
    let mut lines = table.lines();
    let head = lines.next().ok_or("the table is empty")?;
    let head = head.strip_prefix("recorded_at,").ok_or("the first column is not `recorded_at`")?;
    let mut facts: BTreeMap<String, String> = BTreeMap::new();
    let mut states: Vec<(String, String)> = Vec::new();
    for line in lines {
        let (time, fact) = line.split_once(',').ok_or_else(|| format!("`{line}` has one column"))?;
        let (last, _) = fact.rsplit_once(',').ok_or_else(|| format!("`{line}` has too few columns"))?;
        facts.insert(last.to_owned(), fact.to_owned());
        let rows: Vec<&str> = facts.values().map(String::as_str).collect();
        let state = format!("{head}\n{}\n", rows.join("\n"));
        match states.last_mut().filter(|(before, _)| before == time) {
            Some((_, last)) => *last = state,
            None => states.push((time.to_owned(), state)),
        }
    }
    Ok(states)
}

/// Cases as JSON lines, each with its name.
fn lines(population: &[Case]) -> String {
    let line = |(name, input): &Case| {
        let mut row = Map::from_iter([("scenario".to_owned(), json!(name))]);
        row.extend(input.clone());
        format!("{}\n", Value::Object(row))
    };
    population.iter().map(line).collect()
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| Failure::io(path, "written", &error))
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::io(path, "read", &error))
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text)
        .map_err(|error| Failure::new(format!("an answer of `opus` cannot be read: {error}")))
}

/// The time of this machine's clock.
fn now() -> Time {
    Time::from_microseconds(jiff::Timestamp::now().as_microsecond()).expect("a clock shows an instant")
}
