//! How is a set of edits run? The policy that its edits of policies make is compiled once, with probes, and decides columns
//! on the virtual machine, so no machine code is generated for each hybrid. Its facts are filled in for all rows at once,
//! for each those of its own set and day ([`super::holes`]).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use opus_frontend::diagnostic::Diagnostic;
use opus_ir::memory::Columns;
use opus_runtime::admission::{Place, Reason};
use opus_runtime::{Artifact, Batch, Policy};

use super::holes::{Bound, Facts, Holes, NEEDED_MAX, Needed};
use super::merged::Merged;
use super::probes::{Answers, Cause, Held, Probed, probed};
use super::search::SETS_MAX;
use super::sites::Sites;
use super::switches::Switches;
use super::world::{Day, World};
use crate::diff::words;
use crate::joint::{Joint, Projection};
use crate::results::Comparison;
use crate::source::{OpenError, of_hybrid};
use crate::structure::Key;

/// How often probes that do not compile are left out before all of them are.
const ROUNDS_MAX: usize = 6;
/// The most different facts of a hole in one run.
const PERIODS_MAX: usize = 1 << 14;

/// The hybrids of two policies.
pub struct Hybrids {
    pub merged: Merged,
    pub sites: Sites,
    joint: Joint,
    /// The second policy.
    b: Policy,
    /// The facts that policies take.
    pub world: World,
    /// The edits that change enums, of which facts name the values.
    enums: Switches,
    /// The outputs that are compared.
    compared: Vec<String>,
    /// By edits of the policies.
    known: Mutex<HashMap<Switches, Arc<OnceLock<Tested>>>>,
    /// The sets that were tried, with why they are untestable where they are.
    tried: Mutex<BTreeMap<Switches, Option<String>>>,
    bindings: AtomicU64,
    runs: AtomicU64,
    /// The most sets that are tried for a row.
    pub sets_max: usize,
}

/// The artifact of a hybrid, with its probes; why it does not compile where it does not.
type Compiled = Result<(Artifact, Probed), String>;

/// Edits of policies, tried.
pub enum Tested {
    /// Their hybrid runs, if facts fit.
    Runs(Box<Hybrid>),
    /// Their hybrid does not compile, and why.
    Untestable(String),
}

/// A policy between two.
pub struct Hybrid {
    projection: Projection,
    comparison: Comparison,
    /// The wide field that the effective date comes from, and the days that are admitted.
    effective: Option<(usize, opus_ir::Domain)>,
    /// The index of the first probe among the outputs.
    first_probe: usize,
    probes: usize,
    requires: Vec<Answers>,
    rules: Vec<Answers>,
    decides: Vec<(usize, Vec<Answers>)>,
    holes: Holes,
    /// The hybrid with the facts that rows have needed so far.
    bound: Mutex<Option<Arc<Bound>>>,
}

/// What a set of edits does to a row.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// Whether the result is that of the second policy, and which edits the run read.
    Ran(bool, Switches),
    /// The set is untestable for the row, whatever the edits are that it does not read.
    Untestable(Switches),
}

/// What a run over some rows found.
pub struct Ran {
    /// By row, the index of its outcome.
    pub of_row: Vec<u32>,
    /// The outcomes.
    pub outcomes: Vec<Outcome>,
}

/// Rows as they were read.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// The columns of the joint schema.
    pub wide: &'a Columns,
    /// What is wrong with them, in the order of rows.
    pub faults: &'a [(u32, Reason)],
}

/// Rows, with those whose dates mean nothing.
pub struct Read<'a> {
    pub rows: Rows<'a>,
    /// Wide fields and rows whose cells mean nothing; the field is `None` for all fields.
    unreadable: HashSet<(Option<u32>, u32)>,
}

impl<'a> Read<'a> {
    pub fn new(rows: Rows<'a>) -> Read<'a> {
        let place = |(row, reason): &(u32, Reason)| match reason.place {
            Place::Field(field) => (Some(field), *row),
            Place::Row | Place::Require(_) => (None, *row),
        };
        Read { rows, unreadable: rows.faults.iter().map(place).collect() }
    }

    /// The cell of a wide field; `None` if it is missing or means nothing.
    pub fn cell(&self, field: usize, row: u32) -> Option<i128> {
        let means_nothing = [Some(field as u32), None].iter().any(|at| self.unreadable.contains(&(*at, row)));
        if means_nothing { None } else { self.rows.wide.get(field, row as usize) }
    }
}

/// What a row found in one run.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Class {
    equal: bool,
    read: Switches,
    /// What was read by requires: of a table, all entries.
    by_requires: Switches,
}

/// Values that are kept once and known by their number.
struct Numbered<T> {
    all: Vec<T>,
    known: HashMap<T, u32>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Numbered<T> {
        Numbered { all: Vec::new(), known: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Numbered<T> {
    fn of(&mut self, value: T) -> u32 {
        if let Some(known) = self.known.get(&value) {
            return *known;
        }
        let next = self.all.len() as u32;
        self.all.push(value.clone());
        self.known.insert(value, next);
        next
    }
}

/// What a row needs: the facts of its set and day.
struct Wanted {
    /// The index of the set.
    set: usize,
    /// `None` if the row is refused whatever the facts are.
    day: Option<Day>,
    facts: Facts,
    /// The index of what is held.
    held: usize,
}

impl Hybrids {
    pub fn new(merged: Merged, joint: Joint, b: Policy, world: World, compared: Vec<String>) -> Hybrids {
        let sites = Sites::new(&merged);
        let of_enum = |key: &&Key| matches!(key, Key::Enum(_) | Key::EnumValue(..));
        let enums = merged.changed_keys().filter(of_enum).flat_map(|key| merged.changes(key));
        let enums = enums.map(|(edit, _)| *edit).collect();
        Hybrids {
            merged,
            sites,
            joint,
            b,
            world,
            enums,
            compared,
            known: Mutex::default(),
            tried: Mutex::default(),
            bindings: AtomicU64::new(0),
            runs: AtomicU64::new(0),
            sets_max: SETS_MAX,
        }
    }

    /// The hybrid of edits of policies.
    fn get(&self, edits: &Switches) -> Arc<OnceLock<Tested>> {
        let cell = lock(&self.known).entry(edits.clone()).or_default().clone();
        // not under the lock: others are compiled meanwhile
        cell.get_or_init(|| match self.compile(edits) {
            Ok((artifact, probed)) => self.runs_with(artifact, probed),
            Err(why) => Tested::Untestable(why),
        });
        cell
    }

    /// The edits of policies among a set.
    pub fn of_policies(&self, on: &Switches) -> Switches {
        on.without(&self.world.of(on))
    }

    /// The sets that were tried, with why they are untestable where they are.
    pub fn tried(&self) -> BTreeMap<Switches, Option<String>> {
        lock(&self.tried).clone()
    }

    fn note(&self, set: &Switches, why: Option<&str>) {
        let mut tried = lock(&self.tried);
        let known = tried.entry(set.clone()).or_default();
        // of several reasons the first, whichever row was first to find one
        if let Some(why) = why
            && known.as_ref().is_none_or(|known| why < known.as_str())
        {
            *known = Some(why.to_owned());
        }
    }

    /// How many hybrids were compiled, how many times facts were filled in, and how many times a hybrid decided rows.
    pub fn effort(&self) -> [u64; 3] {
        let hybrids = lock(&self.known).len() as u64;
        [hybrids, self.bindings.load(Ordering::Relaxed), self.runs.load(Ordering::Relaxed)]
    }

    /// Whether a set is testable for a row.
    pub fn is_testable(&self, set: &Switches, read: &Read<'_>, row: u32) -> bool {
        let tested = self.get(&self.of_policies(set));
        let why = match tested.get().expect("it was tested") {
            Tested::Untestable(why) => Some(why.clone()),
            Tested::Runs(hybrid) => {
                let day = hybrid.day(&self.world, read, row);
                let misfit = day.and_then(|day| hybrid.holes.misfit(&self.world, set, day));
                misfit.map(|misfit| misfit.why)
            }
        };
        self.note(set, why.as_deref());
        why.is_none()
    }

    fn compile(&self, on: &Switches) -> Compiled {
        let mut left_out = BTreeSet::new();
        for _ in 0..ROUNDS_MAX {
            let mut probed = probed(&self.merged, &self.sites, &self.compared, on, &left_out);
            match of_hybrid(&probed.structure) {
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
        match of_hybrid(&structure) {
            Ok(opened) => {
                let (requires, rules) = (self.unknown(&self.sites.requires), self.unknown(&self.sites.rules));
                let (names, outputs) = (BTreeMap::new(), Vec::new());
                let (decides, copies) = (self.unknown_outputs(on), BTreeMap::new());
                let probed = Probed { structure, names, outputs, requires, rules, decides, copies };
                Ok((opened.artifact, probed))
            }
            Err(OpenError::NotCompiled { diagnostics, .. }) => Err(first_error(&diagnostics)),
            Err(error) => Err(error.to_string()),
        }
    }

    fn unknown(&self, sites: &[super::sites::Site]) -> Vec<Answers> {
        sites.iter().map(|site| Answers::unknown(site.place, site.touched.clone())).collect()
    }

    fn unknown_outputs(&self, on: &Switches) -> Vec<(usize, Vec<Answers>)> {
        use crate::structure::Sequence;
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

    fn runs_with(&self, artifact: Artifact, probed: Probed) -> Tested {
        let schema = &artifact.program().schema;
        let projection = match self.joint.projection(schema) {
            Ok(projection) => projection,
            Err(error) => return Tested::Untestable(error.to_string()),
        };
        let compared: Vec<&str> = self.compared.iter().map(String::as_str).collect();
        let comparison = Comparison::new(schema, self.b.schema()).of(&compared);
        let probes = probed.outputs.len();
        let Probed { requires, rules, decides, copies, .. } = probed;
        assert_eq!(decides.len(), artifact.program().rules.len(), "rules are in the order of the source");
        let effective = schema.effective.map(|field| {
            let field = field as usize;
            (projection.wide(field), schema.inputs[field].domain.clone())
        });
        let first_probe = schema.outputs.len() - probes;
        let holes = Holes::new(&artifact, &copies, &self.merged, &self.world);
        let bound = match holes.without_facts(artifact).transpose() {
            Ok(bound) => Mutex::new(bound.map(Arc::new)),
            Err(error) => return Tested::Untestable(error),
        };
        Tested::Runs(Box::new(Hybrid {
            effective,
            first_probe,
            probes,
            projection,
            comparison,
            requires,
            rules,
            decides,
            holes,
            bound,
        }))
    }

    /// Runs sets that have the same edits of policies over rows, which are ascending, each with the index of its set. `b` is
    /// the batch of the second policy over all of them. Where the result is that of the second policy, reads are found
    /// only if they are wanted.
    pub fn run(
        &self,
        sets: &[&Switches],
        of: &Read<'_>,
        rows: &[(u32, usize)],
        b: &Batch,
        wants_all_reads: bool,
    ) -> Ran {
        sets.iter().for_each(|set| self.note(set, None));
        let tested = self.get(&self.of_policies(sets[0]));
        let hybrid = match tested.get().expect("it was tested") {
            Tested::Runs(hybrid) => hybrid,
            Tested::Untestable(why) => return self.untestable(sets, rows, why),
        };
        let mut found = Found { of_row: vec![0; rows.len()], ..Found::default() };
        let mut wanted: Vec<Wanted> = Vec::new();
        // by set and day; many rows share few
        let mut known: Vec<BTreeMap<Option<Day>, Result<usize, u32>>> = vec![BTreeMap::new(); sets.len()];
        let mut helds: Vec<Held> = Vec::new();
        // rows that one binding serves
        let (mut part, mut needed, mut needed_size) = (Vec::new(), hybrid.holes.nothing(), 0);
        // by what is wanted, whether it is counted among what the part needs
        let mut is_needed: Vec<bool> = Vec::new();
        for (at, (row, set)) in rows.iter().enumerate() {
            let day = hybrid.day(&self.world, of, *row);
            let wants = known[*set].entry(day).or_insert_with(|| {
                let misfit = day.and_then(|day| hybrid.holes.misfit(&self.world, sets[*set], day));
                if let Some(misfit) = misfit {
                    self.note(sets[*set], Some(&misfit.why));
                    let declared = self.merged.touching_name(&misfit.name).cloned().unwrap_or_default();
                    let declared = declared.with(&self.enums).with(&self.sites.always);
                    let read = misfit.read.with(&declared.meet(&self.merged.of_policies()));
                    return Err(found.outcomes.of(Outcome::Untestable(read)));
                }
                let facts = match day {
                    Some(day) => hybrid.holes.facts(&self.world, sets[*set], day),
                    None => hybrid.holes.least(),
                };
                let held = helds.iter().position(|held| *held == facts.held).unwrap_or_else(|| {
                    helds.push(facts.held.clone());
                    helds.len() - 1
                });
                wanted.push(Wanted { set: *set, day, facts, held });
                is_needed.push(false);
                Ok(wanted.len() - 1)
            });
            match wants {
                Err(outcome) => found.of_row[at] = *outcome,
                Ok(wants) => {
                    part.push((at, *wants));
                    if !std::mem::replace(&mut is_needed[*wants], true) {
                        needed_size += hybrid.holes.need(&wanted[*wants].facts, &mut needed);
                    }
                    if needed_size > NEEDED_MAX || needed.iter().any(|needed| needed.len() > PERIODS_MAX) {
                        let job = Job { sets, of, rows, b, wants_all_reads, wanted: &wanted, helds: &helds };
                        self.run_part(hybrid, &job, &std::mem::take(&mut part), &needed, &mut found);
                        (needed, needed_size) = (hybrid.holes.nothing(), 0);
                        is_needed.fill(false);
                    }
                }
            }
        }
        if !part.is_empty() {
            let job = Job { sets, of, rows, b, wants_all_reads, wanted: &wanted, helds: &helds };
            self.run_part(hybrid, &job, &part, &needed, &mut found);
        }
        Ran { of_row: found.of_row, outcomes: found.outcomes.all }
    }

    /// What does not compile does not compile with any facts.
    fn untestable(&self, sets: &[&Switches], rows: &[(u32, usize)], why: &str) -> Ran {
        sets.iter().for_each(|set| self.note(set, Some(why)));
        Ran { of_row: vec![0; rows.len()], outcomes: vec![Outcome::Untestable(self.merged.of_policies())] }
    }

    /// Runs rows that one binding serves.
    fn run_part(
        &self,
        hybrid: &Hybrid,
        job: &Job<'_, '_>,
        part: &[(usize, usize)],
        needed: &Needed,
        found: &mut Found,
    ) {
        let bound = match self.bound(hybrid, needed) {
            Ok(bound) => bound,
            Err(why) => {
                job.sets.iter().for_each(|set| self.note(set, Some(&why)));
                let outcome = found.outcomes.of(Outcome::Untestable(Switches::first(self.merged.count())));
                part.iter().for_each(|(at, _)| found.of_row[*at] = outcome);
                return;
            }
        };
        let mut classes: Numbered<Class> = Numbered::default();
        let mut of_row = vec![0; part.len()];
        let mut looked_up = LookedUp::new(part.len());
        let runs = part.iter().map(|(_, wants)| job.wanted[*wants].facts.runs.len()).max().unwrap_or(0);
        for run in 0..runs {
            let again = |at: &usize| {
                let wants = job.wanted[part[*at].1].facts.runs.len() > run;
                wants && (run == 0 || job.wants_all_reads || !classes.all[of_row[*at] as usize].equal)
            };
            let again: Vec<usize> = (0..part.len()).filter(again).collect();
            if !again.is_empty() {
                self.run_once(
                    hybrid,
                    &bound,
                    job,
                    (part, &again, run),
                    &mut classes,
                    (&mut of_row, &mut looked_up),
                );
            }
        }
        let mut known: BTreeMap<(usize, u32, u32), u32> = BTreeMap::new();
        for ((row, wants), (class, met)) in part.iter().zip(of_row.iter().zip(&looked_up.of_row)) {
            found.of_row[*row] = *known.entry((*wants, *class, *met)).or_insert_with(|| {
                let (class, met) = (&classes.all[*class as usize], &looked_up.all.all[*met as usize]);
                let wants = &job.wanted[*wants];
                let read = self.read(hybrid, class, job.sets[wants.set], wants.day, met);
                found.outcomes.of(Outcome::Ran(class.equal, read))
            });
        }
    }

    /// Runs some rows of a part with one choice of the facts that probes take.
    fn run_once(
        &self,
        hybrid: &Hybrid,
        bound: &Bound,
        job: &Job<'_, '_>,
        (part, again, run): (&[(usize, usize)], &[usize], usize),
        classes: &mut Numbered<Class>,
        (of_row, looked_up): (&mut [u32], &mut LookedUp),
    ) {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let numbers: Vec<u32> = again.iter().map(|at| job.rows[part[*at].0].0).collect();
        let mut batch = bound.spare.take(
            |batch| batch.capacity_rows() >= numbers.len(),
            || bound.policy.batch(numbers.len().next_power_of_two()),
        );
        hybrid.projection.admit(job.of.rows.wide, job.of.rows.faults, &numbers, &mut batch);
        let wanted: Vec<usize> = again.iter().map(|at| part[*at].1).collect();
        let facts = |wants: usize| job.wanted[wants].facts.runs[run].as_slice();
        hybrid.holes.select(bound, &wanted, &facts, batch.inputs_mut());
        batch.decide();
        let mut equal = vec![true; numbers.len()];
        for row in hybrid.comparison.changed(&batch, job.b, Some(&numbers)) {
            equal[row as usize] = false;
        }
        let held: Vec<usize> = wanted.iter().map(|wants| job.wanted[*wants].held).collect();
        let of_run = hybrid.classes(&batch, &equal, job, &held, classes);
        for (at, class) in again.iter().zip(of_run) {
            of_row[*at] = match run {
                0 => class,
                _ => {
                    let [known, new] = [of_row[*at], class].map(|class| &classes.all[class as usize]);
                    let read = known.read.with(&new.read);
                    let by_requires = known.by_requires.with(&new.by_requires);
                    classes.of(Class { equal: known.equal, read, by_requires })
                }
            };
        }
        // with other facts a probe can look up other entries
        if hybrid.holes.tells_entries() {
            for (decided, row) in batch.rows().iter().enumerate() {
                let entries = hybrid.holes.looked_up(batch.outputs(), decided);
                looked_up.add(again[*row as usize], entries);
            }
        }
        bound.spare.give_back(batch);
    }

    /// The edits that a row reads, with those of the facts that it takes.
    fn read(
        &self,
        hybrid: &Hybrid,
        class: &Class,
        set: &Switches,
        day: Option<Day>,
        looked_up: &[i32],
    ) -> Switches {
        let mut read = class.read.meet(&self.merged.of_policies());
        let Some(day) = day else { return read };
        for (name, switch) in self.merged.facts.iter().filter(|(_, switch)| class.read.contains(**switch)) {
            if !hybrid.holes.takes(name) {
                // until an edit makes it take facts, it does not matter which
                read.add(&self.merged.declaring(name));
                continue;
            }
            let is_by_requires = class.by_requires.contains(*switch) && hybrid.holes.admitting.contains(name);
            let met = if is_by_requires { None } else { hybrid.holes.lines_met(name, looked_up) };
            let lines: Vec<usize> = match met {
                Some(lines) => lines.into_iter().collect(),
                None => self.world.lines_of(name).collect(),
            };
            lines.into_iter().for_each(|line| read.add(&self.world.lines(line).walk(day, set).read));
        }
        read
    }

    /// A hybrid with facts that rows need.
    fn bound(&self, hybrid: &Hybrid, needed: &Needed) -> Result<Arc<Bound>, String> {
        let kept = lock(&hybrid.bound).clone();
        if let Some(kept) = kept.as_ref().filter(|kept| kept.has(needed)) {
            return Ok(kept.clone());
        }
        let bound = Arc::new(hybrid.holes.bind(needed, kept.as_deref())?);
        self.bindings.fetch_add(1, Ordering::Relaxed);
        *lock(&hybrid.bound) = Some(bound.clone());
        Ok(bound)
    }
}

/// The entries that rows looked up, as numbers.
struct LookedUp {
    all: Numbered<Vec<i32>>,
    of_row: Vec<u32>,
}

impl LookedUp {
    /// Rows that have looked up nothing.
    fn new(rows: usize) -> LookedUp {
        let mut all = Numbered::default();
        let nothing = all.of(Vec::new());
        LookedUp { all, of_row: vec![nothing; rows] }
    }

    fn add(&mut self, row: usize, entries: impl Iterator<Item = i32>) {
        let known = &self.all.all[self.of_row[row] as usize];
        self.of_row[row] = self.all.of(known.iter().copied().chain(entries).collect());
    }
}

/// What all parts of a run share.
struct Job<'a, 'b> {
    sets: &'a [&'a Switches],
    of: &'a Read<'b>,
    rows: &'a [(u32, usize)],
    b: &'a Batch,
    wants_all_reads: bool,
    wanted: &'a [Wanted],
    helds: &'a [Held],
}

/// The outcomes of rows.
#[derive(Default)]
struct Found {
    of_row: Vec<u32>,
    outcomes: Numbered<Outcome>,
}

impl Hybrid {
    /// The day on which facts are looked up for a row; `None` if it is refused whatever they are.
    fn day(&self, world: &World, read: &Read<'_>, row: u32) -> Option<Day> {
        let Some((field, domain)) = &self.effective else { return Some(None) };
        let day = read.cell(*field, row).filter(|day| domain.contains(*day))?;
        Some(Some(world.like(i32::try_from(day).expect("days are small"))))
    }

    /// The classes of the rows of a batch, as one run finds them. `held` are the indices of what is held, by row.
    fn classes(
        &self,
        batch: &Batch,
        equal: &[bool],
        job: &Job<'_, '_>,
        held: &[usize],
        classes: &mut Numbered<Class>,
    ) -> Vec<u32> {
        let nothing = Class { equal: true, read: Switches::default(), by_requires: Switches::default() };
        let mut of_row = vec![classes.of(nothing.clone()); equal.len()];
        let wants = |row: u32| job.wants_all_reads || !equal[row as usize];
        for refusal in batch.refused().chunk_by(|(a, _), (b, _)| a == b) {
            let row = refusal[0].0;
            if !wants(row) {
                continue;
            }
            let by_require = refusal.iter().any(|(_, reason)| matches!(reason.place, Place::Require(_)));
            let read = if by_require { self.read_by_requires() } else { Switches::default() };
            let class = Class { equal: equal[row as usize], by_requires: read.clone(), read };
            of_row[row as usize] = classes.of(class);
        }
        let words = self.probes.div_ceil(64);
        let bits = self.bits(batch, words);
        let mut decided: BTreeMap<(bool, u16, usize, &[u64]), u32> = BTreeMap::new();
        for ((at, row), rule) in batch.rows().iter().enumerate().zip(batch.rules()) {
            let row = *row as usize;
            if !wants(row as u32) {
                continue;
            }
            let key = (equal[row], *rule, held[row], &bits[at * words..][..words]);
            of_row[row] = *decided.entry(key).or_insert_with(|| {
                let (equal, rule, held, bits) = key;
                let [by_requires, by_rules] = self.read_by_decision(rule as usize, bits, &job.helds[held]);
                let read = by_requires.with(&by_rules);
                classes.of(Class { equal, read, by_requires })
            });
        }
        of_row
    }

    /// What probes say: for each decided row so many words, in which bit `n % 64` of word `n / 64` is probe `n`.
    fn bits(&self, batch: &Batch, words: usize) -> Vec<u64> {
        let mut bits = vec![0; batch.rows().len() * words];
        for probe in 0..self.probes {
            let values = batch.outputs().values::<u8>(self.first_probe + probe);
            let of_probe = bits.iter_mut().skip(probe / 64).step_by(words);
            of_probe.zip(values).for_each(|(word, value)| *word |= u64::from(*value != 0) << (probe % 64));
        }
        bits
    }

    /// What a run reads that a `require` refused.
    fn read_by_requires(&self) -> Switches {
        let of = |answers: &Answers| answers.always.with(&answers.edits.iter().copied().collect());
        self.requires.iter().map(of).fold(Switches::default(), |all, read| all.with(&read))
    }

    /// What a run reads that a rule decided: in requires, and in rules.
    fn read_by_decision(&self, rule: usize, bits: &[u64], held: &Held) -> [Switches; 2] {
        let probe = |number: usize| bits[number / 64] >> (number % 64) & 1 == 1;
        let (place, outputs) = &self.decides[rule];
        let [mut by_requires, mut by_rules] = [Switches::default(), Switches::default()];
        self.requires.iter().for_each(|answers| by_requires.add(&answers.read(true, probe, held)));
        // rules behind the one that decided are not read
        for answers in self.rules.iter().filter(|answers| answers.place <= *place) {
            by_rules.add(&answers.read(answers.place == *place, probe, held));
        }
        outputs.iter().for_each(|answers| by_rules.add(&answers.read(true, probe, held)));
        [by_requires, by_rules]
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
