//! Which change of a policy changed a decision? For every row whose result differs, the smallest sets of edits that
//! give the new result.
//!
//! The hybrid `A+S` is the first policy with the edits `S` on. `S` is a **cause** for a row whose result differs if
//! `A+S` gives the result of the second policy, and no smaller closed set within `S` does. The answers are exact: they
//! are what running every closed set on every row would give.
//!
//! In reading order: sets of edits ([`switches`]), the merged policy element by element ([`merged`]), where edits act
//! ([`sites`]), the facts that differ ([`world`]), how a run reports what it reads ([`probes`]), how rows get facts
//! ([`holes`]), the policies that are run ([`hybrids`]), the search ([`search`]), and the groups of rows with the same causes ([`groups`]).
//!
//! Absent: where rows are read from and written to.

pub mod groups;
mod holes;
mod hybrids;
mod merged;
mod probes;
mod search;
mod sites;
mod switches;
mod world;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Mutex;

use opus_ir::Program;
use opus_runtime::admission::Place;
use opus_runtime::batch::Spare;
use opus_runtime::{Batch, Options, Policy, Snapshot};

use crate::diff::{ApplyError, Edit, Script, diff};
use crate::facts::bound;
use crate::impact::Plan;
use crate::joint::{Joint, JointError, Projection};
use crate::source::{OpenError, of_structure};
use crate::structure::Structure;
pub use hybrids::Rows;
use hybrids::{Hybrids, Read, lock};
use merged::Merged;
use search::{Answer, search};
use switches::Switches;
use world::{Taken, World};

/// The most members of a cause of which every closed subset is compiled to tell whether the cause is coarse.
const SUBSETS_OF_MAX: usize = 12;

/// Two policies, and the edits that lead from one to the other.
///
/// ```
/// use opus_govern::attribute::{Attribution, Rows};
/// use opus_govern::structure::Structure;
/// use opus_ir::memory::Columns;
/// use opus_runtime::Options;
///
/// let policy = |limit: u8, fee: u8| {
///     let source = format!(
///         "policy shop {{ input {{ age : int in 0..120 }}  output {{ fee : int in 0..99 }}
///          rules first {{ rule A when age < {limit} => 0  otherwise B => {fee} }} }}");
///     Structure::of_source(&source).unwrap()
/// };
/// let attribution = Attribution::new(&policy(18, 5), &policy(21, 6), [None; 2], &Options::default())?;
/// let schema = attribution.joint().schema();
/// let mut wide = Columns::new(&schema.input_columns(), 3);
/// wide.set_rows(3);
/// [17, 20, 40].iter().enumerate().for_each(|(row, age)| wide.set(0, row, Some(*age)));
///
/// let found = attribution.rows(Rows { wide: &wide, faults: &[] });
/// assert_eq!(found.changed, [1, 2]);
/// let causes: Vec<String> = found.of_row.iter().map(|at| found.causes[*at as usize].written.clone()).collect();
/// assert_eq!(causes, ["E1", "E2"]);
/// # Ok::<(), opus_govern::attribute::AttributeError>(())
/// ```
pub struct Attribution {
    script: Script,
    hybrids: Hybrids,
    joint: Joint,
    a: Side,
    b: Side,
    plan: Plan,
    /// By cause and days, whether a closed set within it is untestable.
    coarse: Mutex<HashMap<(Switches, Days), bool>>,
    /// The causes that have too many closed sets within them.
    not_divided: Mutex<BTreeSet<Switches>>,
}

/// One of the two policies.
struct Side {
    policy: Policy,
    projection: Projection,
    /// The wide field that its effective date comes from.
    effective: Option<usize>,
    spare: Spare<Batch>,
}

/// For either policy, whether it admits its effective date, and a day on which the same facts hold. Rows for which
/// they are equal have the same untestable sets.
type Days = [Option<(bool, i32)>; 2];

/// How much was tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Effort {
    /// The sets of edits that were tried.
    pub sets: u64,
    /// The policies that were compiled for them: one for all sets that differ in facts alone.
    pub hybrids: u64,
    /// How many times facts were filled in.
    pub bindings: u64,
    /// How many times a policy decided rows.
    pub runs: u64,
}

/// Why the changes between two policies cannot be attributed.
#[derive(Debug)]
pub enum AttributeError {
    /// The script does not fit the first policy.
    Script(ApplyError),
    /// One of the policies does not compile.
    Open(OpenError),
    /// They cannot read the same rows.
    Joint(JointError),
    /// The snapshot does not fit one of them, or there is none.
    Facts(String),
}

/// The rows of some rows that have another result, and why.
pub struct Attributed<'a> {
    of: &'a Attribution,
    /// The rows with another result, ascending.
    pub changed: Vec<u32>,
    /// By changed row, the index of its causes.
    pub of_row: Vec<u32>,
    /// The causes that rows have.
    pub causes: Vec<Causes>,
    /// What the two policies say, until both batches are used again.
    decided: Option<[Batch; 2]>,
}

/// Why a row has another result. The texts are what is written for it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Causes {
    /// The causes, separated by ` | `, each as the edits that no other of it needs, joined by `+`: `E1 | E2+E3`.
    pub written: String,
    /// The edits that are in every cause, separated by spaces; empty if the search was given up.
    pub necessary: String,
    /// The edits that change the result if they are taken back from the second policy.
    pub but_for: String,
    /// The causes of which a closed subset is untestable, written like causes.
    pub coarse: String,
    /// Whether the search was given up; the causes are those found by then.
    pub is_unfinished: bool,
}

/// A set of edits whose hybrid does not compile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Untestable {
    /// The edits, as in causes.
    pub edits: String,
    /// What the compiler says first.
    pub why: String,
}

impl Attribution {
    /// Prepares two policies; `facts` are the snapshots, before and after, for what they take from one.
    ///
    /// # Errors
    /// If one of them does not compile, or they cannot read the same rows.
    pub fn new(
        a: &Structure,
        b: &Structure,
        facts: [Option<&Snapshot>; 2],
        options: &Options,
    ) -> Result<Attribution, AttributeError> {
        let script = diff(a, b);
        let mut merged = Merged::new(a, &script).map_err(AttributeError::Script)?;
        let open = |structure: &Structure, facts: Option<&Snapshot>| {
            let opened = of_structure(structure).map_err(AttributeError::Open)?;
            bound(opened.artifact, facts, options).map_err(AttributeError::Facts)
        };
        let (a, b) = (open(&merged.structure(&Switches::default()), facts[0])?, open(b, facts[1])?);
        let taken = Taken::new(&merged, a.artifact().program(), b.artifact().program());
        let world = World::new(facts[0], facts[1], &merged, last_numbers(&script), &taken);
        let edits = world.edits.iter().map(|edit| edit.id).zip(world.needs.iter().cloned());
        merged.add_facts(edits, &world.names);
        let joint = Joint::new(a.schema(), b.schema()).map_err(AttributeError::Joint)?;
        let plan = Plan::new(a.artifact().program(), b.artifact().program());
        let compared = plan.comparison.outputs.iter().map(|output| output.name.clone()).collect();
        let side = |policy: &Policy| {
            let projection = joint.projection(policy.schema()).map_err(AttributeError::Joint)?;
            let effective = policy.schema().effective.map(|field| projection.wide(field as usize));
            Ok(Side { policy: policy.clone(), projection, effective, spare: Spare::default() })
        };
        let (of_a, of_b) = (side(&a)?, side(&b)?);
        let hybrids = Hybrids::new(merged, joint.clone(), b, world, compared);
        let (coarse, not_divided) = (Mutex::default(), Mutex::default());
        Ok(Attribution { script, hybrids, joint, a: of_a, b: of_b, plan, coarse, not_divided })
    }

    /// The same, but a search is given up after so many sets for a row; by default, 4,096.
    #[must_use]
    pub fn with_sets_max(mut self, sets_max: usize) -> Attribution {
        self.hybrids.sets_max = sets_max;
        self
    }

    /// The edits of the policies.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// The schema that rows are read with.
    pub fn joint(&self) -> &Joint {
        &self.joint
    }

    /// The first policy, with the names of the second.
    pub fn a(&self) -> &Policy {
        &self.a.policy
    }

    /// The second policy.
    pub fn b(&self) -> &Policy {
        &self.b.policy
    }

    /// How results are compared and counted.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How much was tried.
    pub fn effort(&self) -> Effort {
        let [hybrids, bindings, runs] = self.hybrids.effort();
        Effort { sets: self.hybrids.tried().len() as u64, hybrids, bindings, runs }
    }

    /// The sets that were tried and do not compile, or with facts that do not fit on the day of some row.
    pub fn untestable(&self) -> Vec<Untestable> {
        let tried = self.hybrids.tried();
        let mut sets: Vec<(&Switches, &String)> =
            tried.iter().filter_map(|(on, why)| Some((on, why.as_ref()?))).collect();
        sets.sort_by_key(|(on, _)| (on.len(), *on));
        sets.into_iter().map(|(on, why)| Untestable { edits: self.written(on), why: why.clone() }).collect()
    }

    /// How many causes have too many members for every closed subset to be compiled.
    pub fn not_divided(&self) -> usize {
        lock(&self.not_divided).len()
    }

    /// Which of the rows have another result, and why.
    pub fn rows(&self, rows: Rows<'_>) -> Attributed<'_> {
        let all: Vec<u32> = (0..rows.wide.rows() as u32).collect();
        let [a, b] = [&self.a, &self.b].map(|side| side.decided(rows, &all));
        let changed = self.plan.comparison.changed(&a, &b, None);
        let mut of_row = vec![0; changed.len()];
        let mut places = vec![0; all.len()];
        (0..).zip(&changed).for_each(|(at, row)| places[*row as usize] = at);
        let read = Read::new(rows);
        let mut known: BTreeMap<(Answer, Vec<bool>), u32> = BTreeMap::new();
        for (rows, answer) in search(&self.hybrids, &read, &b, self.by_admission(&a, &b, &changed)) {
            for (rows, coarse) in self.by_coarse(&read, rows, &answer) {
                let next = known.len() as u32;
                let index = *known.entry((answer.clone(), coarse)).or_insert(next);
                rows.into_iter().for_each(|row| of_row[places[row as usize]] = index);
            }
        }
        let mut causes: Vec<(u32, (Answer, Vec<bool>))> =
            known.into_iter().map(|(answer, index)| (index, answer)).collect();
        causes.sort_unstable_by_key(|(index, _)| *index);
        let causes = causes.iter().map(|(_, (answer, coarse))| self.causes(answer, coarse)).collect();
        Attributed { of: self, changed, of_row, causes, decided: Some([a, b]) }
    }

    /// The rows by which of their causes are coarse.
    fn by_coarse(&self, read: &Read<'_>, rows: Vec<u32>, answer: &Answer) -> Vec<(Vec<u32>, Vec<bool>)> {
        let mut parts: BTreeMap<Days, Vec<u32>> = BTreeMap::new();
        for row in rows {
            parts.entry(self.days(read, row)).or_default().push(row);
        }
        let coarse = |(days, rows): (Days, Vec<u32>)| {
            let coarse = answer.causes.iter().map(|cause| self.is_coarse(cause, days, read, rows[0]));
            (coarse.collect(), rows)
        };
        let mut found: BTreeMap<Vec<bool>, Vec<u32>> = BTreeMap::new();
        for (coarse, rows) in parts.into_iter().map(coarse) {
            found.entry(coarse).or_default().extend(rows);
        }
        found.into_iter().map(|(coarse, rows)| (rows, coarse)).collect()
    }

    fn days(&self, read: &Read<'_>, row: u32) -> Days {
        [&self.a, &self.b].map(|side| {
            let schema = side.policy.schema();
            let day = read.cell(side.effective?, row)?;
            let is_admitted = schema.inputs[schema.effective? as usize].domain.contains(day);
            Some((is_admitted, self.hybrids.world.like(i32::try_from(day).ok()?)))
        })
    }

    /// The rows by the edits that act through the admission of fields which the two policies admit differently. A field is
    /// admitted by itself, so no set of edits makes another difference there.
    fn by_admission(&self, a: &Batch, b: &Batch, changed: &[u32]) -> Vec<(Vec<u32>, Switches)> {
        let sites = &self.hybrids.sites;
        let mut faults: BTreeMap<u32, BTreeMap<(&str, &str), u8>> = BTreeMap::new();
        for (bit, batch) in [(1, a), (2, b)] {
            for (row, reason) in batch.refused() {
                if matches!(reason.place, Place::Field(_)) {
                    *faults
                        .entry(*row)
                        .or_default()
                        .entry((&reason.name, reason.fault.code()))
                        .or_default() |= bit;
                }
            }
        }
        let mut parts: BTreeMap<Cow<'_, Switches>, Vec<u32>> = BTreeMap::new();
        for row in changed {
            let mut read = Cow::Borrowed(&sites.always);
            let differing = faults.get(row).into_iter().flatten().filter(|(_, sides)| **sides != 3);
            for ((field, _), _) in differing {
                sites.fields.get(*field).into_iter().for_each(|edits| read.to_mut().add(edits));
            }
            parts.entry(read).or_default().push(*row);
        }
        parts.into_iter().map(|(read, rows)| (rows, read.into_owned())).collect()
    }

    fn causes(&self, answer: &Answer, is_coarse: &[bool]) -> Causes {
        let Answer { causes, but_for, is_unfinished } = answer;
        let necessary = match (causes.split_first(), is_unfinished) {
            (Some((first, rest)), false) => rest.iter().fold(first.clone(), |all, cause| all.meet(cause)),
            _ => Switches::default(),
        };
        let coarse = causes.iter().zip(is_coarse).filter(|(_, is_coarse)| **is_coarse);
        let coarse: Vec<String> = coarse.map(|(cause, _)| self.written(cause)).collect();
        let written: Vec<String> = causes.iter().map(|cause| self.written(cause)).collect();
        Causes {
            written: written.join(" | "),
            necessary: self.listed(&necessary, " "),
            but_for: self.listed(but_for, " "),
            coarse: coarse.join(" | "),
            is_unfinished: *is_unfinished,
        }
    }

    /// Whether a closed proper subset of a cause is untestable for rows with these days, of which one is given.
    fn is_coarse(&self, cause: &Switches, days: Days, read: &Read<'_>, row: u32) -> bool {
        let members: Vec<usize> = cause.iter().collect();
        if members.len() > SUBSETS_OF_MAX {
            lock(&self.not_divided).insert(cause.clone());
            return false;
        }
        if let Some(known) = lock(&self.coarse).get(&(cause.clone(), days)) {
            return *known;
        }
        let subset = |mask: usize| {
            (0..members.len())
                .filter(|bit| mask >> bit & 1 == 1)
                .map(|bit| members[bit])
                .collect::<Switches>()
        };
        let mut proper = (0..(1 << members.len()) - 1).map(subset);
        let hybrids = &self.hybrids;
        let found =
            proper.any(|set| hybrids.merged.closed(&set) == set && !hybrids.is_testable(&set, read, row));
        lock(&self.coarse).insert((cause.clone(), days), found);
        found
    }

    /// A set as the edits that no other of it needs: `E2+E3`.
    fn written(&self, set: &Switches) -> String {
        let merged = &self.hybrids.merged;
        let is_needed = |edit: usize| merged.needed_by[edit].without(&Switches::from_iter([edit])).meets(set);
        // edits that need each other are both written
        let is_mutual = |edit: usize| {
            merged.needs[edit].iter().any(|need| need != edit && merged.needs[need].contains(edit))
        };
        let written: Switches = set.iter().filter(|edit| !is_needed(*edit) || is_mutual(*edit)).collect();
        match written.is_empty() {
            true => "none".to_owned(),
            false => self.listed(&written, "+"),
        }
    }

    fn listed(&self, set: &Switches, between: &str) -> String {
        let names: Vec<String> = set.iter().map(|edit| self.hybrids.merged.ids[edit].to_string()).collect();
        names.join(between)
    }

    /// All edits: those of the policies, and then the facts that differ between the snapshots.
    pub fn edits(&self) -> impl Iterator<Item = &Edit> {
        let world = &self.hybrids.world;
        self.script.edits.iter().chain(&world.edits).chain(&world.texts)
    }
}

/// The facts that differ between two snapshots, as edits that follow those of a script: first what can change a decision,
/// and then citations and notes.
///
/// ```
/// use opus_govern::attribute::edits_of_facts;
/// use opus_govern::diff::diff;
/// use opus_govern::structure::Structure;
/// use opus_runtime::Snapshot;
/// use opus_runtime::snapshot::Fact;
/// let source = "policy shop { input { age : int in 0..120 }  output { child : bool }
///               param limit : int in 0..99 from snapshot
///               rules first { rule A when age < limit => true  otherwise B => false } }";
/// let policy = Structure::of_source(source).unwrap();
/// let snapshot = |value: &str| {
///     let (key, value) = ("limit".to_string(), value.parse().ok());
///     Snapshot::new(vec![Fact { key, valid_from: 20_000, value, cite: None, notes: vec![] }]).unwrap()
/// };
/// let script = diff(&policy, &policy);
/// let edits = edits_of_facts(&script, [&policy, &policy], [Some(&snapshot("18")), Some(&snapshot("21"))]);
/// assert_eq!(edits[0].to_string(), "E1  fact limit from 2024-10-04: 18 becomes 21");
/// ```
pub fn edits_of_facts(
    script: &Script,
    [a, b]: [&Structure; 2],
    [before, after]: [Option<&Snapshot>; 2],
) -> Vec<Edit> {
    let Ok(merged) = Merged::new(a, script) else { return Vec::new() };
    // what a policy that does not compile takes is not known
    let program = |structure| match of_structure(structure) {
        Ok(opened) => opened.artifact.program().clone(),
        Err(_) => Program::default(),
    };
    let taken = Taken::new(&merged, &program(a), &program(b));
    let World { edits, texts, .. } = World::new(before, after, &merged, last_numbers(script), &taken);
    edits.into_iter().chain(texts).collect()
}

/// The number of the last edit that decides, and of the last that does not.
fn last_numbers(script: &Script) -> [u32; 2] {
    [true, false].map(|decides| {
        let ids = script.edits.iter().map(|edit| edit.id).filter(|id| id.decides == decides);
        ids.map(|id| id.number).max().unwrap_or(0)
    })
}

impl Side {
    fn decided(&self, of: Rows<'_>, rows: &[u32]) -> Batch {
        let fits = |batch: &Batch| batch.capacity_rows() >= rows.len();
        let mut batch = self.spare.take(fits, || self.policy.batch(rows.len()));
        self.projection.admit(of.wide, of.faults, rows, &mut batch);
        batch.decide();
        batch
    }
}

impl Attributed<'_> {
    /// The decisions and refusals of both policies.
    pub fn batches(&self) -> [&Batch; 2] {
        let [a, b] = self.decided.as_ref().expect("they are there until the end");
        [a, b]
    }

    /// The causes of a changed row, by its place among them.
    pub fn causes_of(&self, at: usize) -> &Causes {
        &self.causes[self.of_row[at] as usize]
    }
}

impl Drop for Attributed<'_> {
    /// The batches are used again.
    fn drop(&mut self) {
        let batches = self.decided.take().into_iter().flatten();
        for (side, batch) in [&self.of.a, &self.of.b].into_iter().zip(batches) {
            side.spare.give_back(batch);
        }
    }
}

impl fmt::Display for AttributeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AttributeError::Script(error) => error.fmt(f),
            AttributeError::Open(error) => error.fmt(f),
            AttributeError::Joint(error) => error.fmt(f),
            AttributeError::Facts(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for AttributeError {}
