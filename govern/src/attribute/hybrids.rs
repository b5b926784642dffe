//! How is a set of edits run? Its hybrid is compiled once, with probes, and decides columns on the virtual machine, so
//! no machine code is generated for each hybrid.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use opus_frontend::diagnostic::Diagnostic;
use opus_ir::memory::Columns;
use opus_runtime::admission::{Place, Reason};
use opus_runtime::{Artifact, Batch, Cache, Engine, Options, Policy};

use super::merged::Merged;
use super::probes::{Answers, Cause, Probed, probed};
use super::search::SETS_MAX;
use super::sites::Sites;
use super::switches::Switches;
use super::world::World;
use crate::diff::words;
use crate::facts::bound;
use crate::joint::{Joint, Projection};
use crate::results::Comparison;
use crate::source::{OpenError, of_structure};

/// How often probes that do not compile are left out before all of them are.
const ROUNDS_MAX: usize = 6;
/// Where facts differ, so many hybrids are kept.
const BOUND_MAX: usize = 64;

/// The hybrids of two policies.
pub struct Hybrids {
    pub merged: Merged,
    pub sites: Sites,
    joint: Joint,
    /// The second policy.
    b: Policy,
    /// The snapshots for what policies take from one.
    pub world: World,
    /// The outputs that are compared.
    compared: Vec<String>,
    known: Mutex<HashMap<Switches, Arc<OnceLock<Tested>>>>,
    /// By edits of the policies, what the compiler makes of them; kept where sets differ in facts too.
    compiled: Mutex<HashMap<Switches, Arc<OnceLock<Compiled>>>>,
    /// The sets that were tried, with why they are untestable where they are.
    tried: Mutex<BTreeMap<Switches, Option<String>>>,
    /// How many times a hybrid decided rows.
    runs: AtomicU64,
    /// The most sets that are tried for a row.
    pub sets_max: usize,
}

/// The artifact of a hybrid, with its probes; why it does not compile where it does not.
type Compiled = Result<(Artifact, Probed), String>;

/// A set of edits, tried.
pub enum Tested {
    /// Its hybrid runs.
    Runs(Box<Hybrid>),
    /// Its hybrid does not compile, and why.
    Untestable(String),
}

/// A policy between two.
pub struct Hybrid {
    policy: Policy,
    projection: Projection,
    comparison: Comparison,
    /// The index of the first probe among the outputs.
    first_probe: usize,
    probes: usize,
    requires: Vec<Answers>,
    rules: Vec<Answers>,
    decides: Vec<(usize, Vec<Answers>)>,
    /// Batches that no thread uses at the moment.
    idle: Mutex<Vec<Batch>>,
}

/// What a run of a hybrid over some rows found.
pub struct Ran {
    /// By row, the index of its class.
    pub classes: Vec<u32>,
    /// By class, whether the result is that of the second policy, and which edits the run read.
    pub found: Vec<(bool, Switches)>,
}

/// Rows as they were read.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// The columns of the joint schema.
    pub wide: &'a Columns,
    /// What is wrong with them, in the order of rows.
    pub faults: &'a [(u32, Reason)],
}

impl Hybrids {
    pub fn new(merged: Merged, joint: Joint, b: Policy, world: World, compared: Vec<String>) -> Hybrids {
        let sites = Sites::new(&merged);
        Hybrids {
            merged,
            sites,
            joint,
            b,
            world,
            compared,
            known: Mutex::default(),
            compiled: Mutex::default(),
            tried: Mutex::default(),
            runs: AtomicU64::new(0),
            sets_max: SETS_MAX,
        }
    }

    /// The hybrid of a closed set.
    pub fn get(&self, on: &Switches) -> Arc<OnceLock<Tested>> {
        let cell = {
            let mut known = lock(&self.known);
            if known.len() >= BOUND_MAX && !self.world.is_settled() {
                // a hybrid with many facts is large, and soon bound again
                known.clear();
            }
            known.entry(on.clone()).or_default().clone()
        };
        // not under the lock: others are compiled meanwhile
        let tested = cell.get_or_init(|| self.test(on));
        let why = if let Tested::Untestable(why) = tested { Some(why.clone()) } else { None };
        lock(&self.tried).entry(on.clone()).or_insert(why);
        cell
    }

    /// The sets that were tried, with why they are untestable where they are.
    pub fn tried(&self) -> BTreeMap<Switches, Option<String>> {
        lock(&self.tried).clone()
    }

    /// How many times a hybrid decided rows.
    pub fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    fn test(&self, on: &Switches) -> Tested {
        let facts = self.world.of(on);
        if self.world.is_settled() {
            return match self.compile(on) {
                Ok((artifact, probed)) => self.bound(artifact, probed, &facts),
                Err(why) => Tested::Untestable(why),
            };
        }
        let edits = on.without(&facts);
        let cell = lock(&self.compiled).entry(edits.clone()).or_default().clone();
        match cell.get_or_init(|| self.compile(&edits)) {
            Ok((artifact, probed)) => {
                let again = Artifact::from_bytes_with(artifact.bytes(), &Cache::Off);
                self.bound(again.expect("it was built just now"), probed.clone(), &facts)
            }
            Err(why) => Tested::Untestable(why.clone()),
        }
    }

    fn compile(&self, on: &Switches) -> Compiled {
        let mut left_out = BTreeSet::new();
        for _ in 0..ROUNDS_MAX {
            let mut probed = probed(&self.merged, &self.sites, &self.compared, on, &left_out);
            match of_structure(&probed.structure) {
                Ok(opened) => {
                    probed.structure.elements.clear();
                    return Ok((opened.artifact, probed));
                }
                Err(OpenError::NotCompiled { source, diagnostics }) => {
                    let blamed = blamed(&probed, &source, &diagnostics);
                    let before = left_out.len();
                    left_out.extend(blamed);
                    if left_out.len() == before {
                        break;
                    }
                }
                Err(_) => break,
            }
        }
        let structure = self.merged.structure(on);
        match of_structure(&structure) {
            Ok(opened) => {
                let (requires, rules) = (self.unknown(&self.sites.requires), self.unknown(&self.sites.rules));
                let (names, outputs) = (BTreeMap::new(), Vec::new());
                let decides = self.unknown_outputs(on);
                Ok((opened.artifact, Probed { structure, names, outputs, requires, rules, decides }))
            }
            Err(OpenError::NotCompiled { diagnostics, .. }) => Err(first_error(&diagnostics)),
            Err(error) => Err(error.to_string()),
        }
    }

    fn unknown(&self, sites: &[super::sites::Site]) -> Vec<Answers> {
        sites.iter().map(|site| Answers::unknown(site.place, site.touched.clone())).collect()
    }

    fn unknown_outputs(&self, on: &Switches) -> Vec<(usize, Vec<Answers>)> {
        use crate::structure::{Key, Sequence};
        let entries = self.merged.entries(&Sequence::Rules).into_iter().enumerate();
        let rules = entries.filter(|(_, entry)| {
            matches!(entry.key, Key::Rule(..)) && self.merged.is_placed(&Sequence::Rules, entry, on)
        });
        let of = |(place, entry): (usize, crate::diff::Entry)| {
            let touched = |output: &String| self.sites.touching_output(&self.merged, &entry.key, output);
            let answers = |touched: Switches| Answers::unknown(place, touched);
            (place, self.compared.iter().map(touched).map(answers).collect())
        };
        rules.map(of).collect()
    }

    /// A compiled hybrid with the facts of a set.
    fn bound(&self, artifact: Artifact, probed: Probed, facts: &Switches) -> Tested {
        let options = Options { engine: Engine::Vm, cache: Cache::Off, ..Options::default() };
        match bound(artifact, self.world.with(facts).as_ref(), &options) {
            Ok(policy) => self.runs_with(policy, probed),
            Err(why) => Tested::Untestable(why),
        }
    }

    fn runs_with(&self, policy: Policy, probed: Probed) -> Tested {
        let projection = match self.joint.projection(policy.schema()) {
            Ok(projection) => projection,
            Err(error) => return Tested::Untestable(error.to_string()),
        };
        let compared: Vec<&str> = self.compared.iter().map(String::as_str).collect();
        let comparison = Comparison::new(policy.schema(), self.b.schema()).of(&compared);
        let probes = probed.outputs.len();
        let Probed { requires, rules, decides, .. } = probed;
        assert_eq!(
            decides.len(),
            policy.artifact().program().rules.len(),
            "rules are in the order of the source"
        );
        let first_probe = policy.schema().outputs.len() - probes;
        let idle = Mutex::default();
        Tested::Runs(Box::new(Hybrid {
            policy,
            projection,
            comparison,
            first_probe,
            probes,
            requires,
            rules,
            decides,
            idle,
        }))
    }

    /// Runs a hybrid over rows, which are ascending. `b` is the batch of the second policy over all of them. Where the
    /// result is that of the second policy, reads are found only if they are wanted.
    pub fn run(&self, hybrid: &Hybrid, of: Rows<'_>, rows: &[u32], b: &Batch, wants_all_reads: bool) -> Ran {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let mut batch = hybrid.batch(rows.len());
        hybrid.projection.admit(of.wide, of.faults, rows, &mut batch);
        batch.decide();
        let mut equal = vec![true; rows.len()];
        for row in hybrid.comparison.changed(&batch, b, Some(rows)) {
            equal[row as usize] = false;
        }
        let ran = hybrid.classes(&batch, &equal, wants_all_reads);
        lock(&hybrid.idle).push(batch);
        ran
    }
}

impl Hybrid {
    fn batch(&self, rows: usize) -> Batch {
        let kept = lock(&self.idle).pop().filter(|batch| batch.capacity_rows() >= rows);
        kept.unwrap_or_else(|| self.policy.batch(rows.next_power_of_two()))
    }

    fn classes(&self, batch: &Batch, equal: &[bool], wants_all_reads: bool) -> Ran {
        let mut classes = vec![0; equal.len()];
        let mut found = vec![(true, Switches::default())];
        let wants = |row: u32| wants_all_reads || !equal[row as usize];
        let mut refused: HashMap<(bool, bool), u32> = HashMap::new();
        for refusal in batch.refused().chunk_by(|(a, _), (b, _)| a == b) {
            let row = refusal[0].0;
            if !wants(row) {
                continue;
            }
            let by_require = refusal.iter().any(|(_, reason)| matches!(reason.place, Place::Require(_)));
            let equal = equal[row as usize];
            classes[row as usize] = *refused.entry((equal, by_require)).or_insert_with(|| {
                let read = if by_require { self.read_by_requires() } else { Switches::default() };
                found.push((equal, read));
                found.len() as u32 - 1
            });
        }
        let probes: Vec<&[u8]> =
            (0..self.probes).map(|probe| batch.outputs().values::<u8>(self.first_probe + probe)).collect();
        let mut decided: HashMap<(bool, u16, Vec<u64>), u32> = HashMap::new();
        let mut bits = vec![0u64; self.probes.div_ceil(64)];
        for (at, row) in batch.rows().iter().enumerate().filter(|(_, row)| wants(**row)) {
            bits.fill(0);
            for (probe, values) in probes.iter().enumerate() {
                bits[probe / 64] |= u64::from(values[at] != 0) << (probe % 64);
            }
            let (equal, rule) = (equal[*row as usize], batch.rules()[at]);
            let key = (equal, rule, std::mem::take(&mut bits));
            classes[*row as usize] = match decided.get(&key) {
                Some(class) => {
                    bits = key.2;
                    *class
                }
                None => {
                    let read = self.read_by_decision(rule as usize, &key.2);
                    bits = key.2.clone();
                    found.push((equal, read));
                    decided.insert(key, found.len() as u32 - 1);
                    found.len() as u32 - 1
                }
            };
        }
        Ran { classes, found }
    }

    /// What a run reads that a `require` refused.
    fn read_by_requires(&self) -> Switches {
        let of = |answers: &Answers| answers.always.with(&answers.edits.iter().copied().collect());
        self.requires.iter().map(of).fold(Switches::default(), |all, read| all.with(&read))
    }

    /// What a run reads that a rule decided.
    fn read_by_decision(&self, rule: usize, bits: &[u64]) -> Switches {
        let probe = |number: usize| bits[number / 64] >> (number % 64) & 1 == 1;
        let (place, outputs) = &self.decides[rule];
        let mut read = Switches::default();
        self.requires.iter().for_each(|answers| read.add(&answers.read(true, probe)));
        // rules behind the one that decided are not read
        for answers in self.rules.iter().filter(|answers| answers.place <= *place) {
            read.add(&answers.read(answers.place == *place, probe));
        }
        outputs.iter().for_each(|answers| read.add(&answers.read(true, probe)));
        read
    }
}

/// What was written for probes and does not compile.
fn blamed(probed: &Probed, source: &str, diagnostics: &[Diagnostic]) -> Vec<Cause> {
    let mut blamed = Vec::new();
    for error in diagnostics.iter().filter(|said| said.is_error()) {
        let span = error.primary.span;
        let (start, end) = (span.start as usize, (span.end as usize).min(source.len()));
        let (mut at, mut last, mut previous) = (0, None, "");
        for (between, word) in words(source) {
            at += between.len() + word.len();
            if at - word.len() >= end {
                break;
            }
            if let Some(cause) = probed.names.get(word) {
                let is_defined = matches!(previous, "let" | "param" | "table" | "grid")
                    || source[at..].trim_start().starts_with('=');
                if is_defined {
                    last = Some(cause);
                }
                if at > start {
                    blamed.push(cause.clone());
                }
            }
            previous = word;
        }
        blamed.extend(last.cloned());
    }
    blamed
}

/// The first error, in a line.
fn first_error(diagnostics: &[Diagnostic]) -> String {
    let first = diagnostics.iter().find(|said| said.is_error());
    first.map_or_else(|| "it does not compile".to_owned(), |error| error.message.clone())
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // what is kept here is whole between two statements
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
