//! Are causes what running every set of edits gives? A pair of policies is generated, and for every row that changes the
//! causes are compared with those found by brute force: each closed set of edits is written as a source, compiled by itself
//! and run on every row as JSON.
//!
//! Three of four pairs fill one form in two ways. Its blanks are chosen so that edits meet: rules that hide each other, values
//! that only rules of one policy use, tables with other rows, fields with other ranges. The others are generated
//! policies in which numbers, operators and the order of rules change.
//!
//! Some of the forms take facts, one or both of the pair, from two snapshots that differ in a few facts. Brute force looks
//! up the fact of each key on the row's day and binds the policy to those facts alone.

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::Unstructured;
use opus_frontend::codes::Demand;
use opus_frontend::{VERSION, compile_for};
use opus_govern::attribute::{AttributeError, Attribution, Rows};
use opus_govern::diff::{EditId, Script};
use opus_govern::structure::{Dates, Element, FROM_SNAPSHOT, Key, Part, Sequence, Structure};
use opus_ir::memory::Columns;
use opus_ir::testing::{Seed, Source};
use opus_runtime::admission::Shown;
use opus_runtime::artifact::SourceText;
use opus_runtime::snapshot::{Fact, declared, keys, least};
use opus_runtime::{Artifact, Cache, Engine, Options, Policy, Snapshot};

use crate::{policy, seeds};

/// The most edits of a pair.
const EDITS_MAX: usize = 6;
/// How many pairs of snapshots are tried for a pair of policies.
const SNAPSHOTS_MAX: usize = 12;
/// The most edits of a pair with facts.
const EDITS_WITH_FACTS_MAX: usize = 8;

/// What was compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Compared {
    /// Rows that changed.
    pub changed: u64,
    /// Of them, rows with several causes or a cause of several edits.
    pub intricate: u64,
    /// Sets of edits that do not compile.
    pub untestable: u64,
    /// Edits that need others.
    pub needing: u64,
    /// Rules or rows that moved.
    pub moved: u64,
    /// Facts that differ and that a policy takes.
    pub facts: u64,
}

/// Generates a pair from a seed and compares the causes of its rows. `None` if the seed gives no pair: the policies are
/// equal, or differ in more edits.
///
/// # Errors
/// If a row has other causes, with the policies and the row.
pub fn check(seed: u64, rows: usize) -> Result<Option<Compared>, String> {
    let mut source = Seed(seed.wrapping_mul(0xd134_2543_de82_ef95));
    let takes_facts = seed.is_multiple_of(4);
    let pair =
        if seed.is_multiple_of(2) { filled(takes_facts, &mut source) } else { generated(seed, &mut source) };
    let Some((mut a, mut b)) = pair else { return Ok(None) };
    let wrong = |wrong: String, a: &Structure, b: &Structure| {
        format!("{wrong}\n{}\nand\n{}", a.to_source(), b.to_source())
    };
    if !takes_facts {
        return compare(&a, &b, None, rows, &mut source).map_err(|found| wrong(found, &a, &b));
    }
    // of a pair in three, parameters move to the snapshot or back
    let moves = source.below(6);
    for (_, policy) in [&mut a, &mut b].into_iter().enumerate().filter(|(side, _)| moves != *side) {
        left_to_a_snapshot(policy);
    }
    // the snapshots of some pairs do not fit, or differ in too much
    for _ in 0..SNAPSHOTS_MAX {
        let facts = facts_of([&a, &b], &mut source);
        let compared = compare(&a, &b, Some(&facts), rows, &mut source);
        if let Some(compared) = compared.map_err(|found| wrong(found, &a, &b))? {
            return Ok(Some(compared));
        }
    }
    Ok(None)
}

/// The snapshots before and after a change; there need not be one before it.
type Snapshots = (Option<Snapshot>, Snapshot);

/// Compares the causes of generated rows.
///
/// # Errors
/// As [`check`].
pub fn compare(
    a: &Structure,
    b: &Structure,
    facts: Option<&Snapshots>,
    rows: usize,
    source: &mut Seed,
) -> Result<Option<Compared>, String> {
    let options = options();
    let snapshots = facts.map_or([None; 2], |(before, after)| [before.as_ref(), Some(after)]);
    let attribution = match Attribution::new(a, b, snapshots, &options) {
        Ok(attribution) => attribution,
        // the snapshots of some pairs do not fit
        Err(AttributeError::Joint(_) | AttributeError::Facts(_)) => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let script = attribution.script();
    let changed = facts.map(|facts| Changed::new(facts, a, b));
    let differing = changed.as_ref().map_or(0, |changed| changed.differing.len());
    let count = script.deciding().count() + differing;
    if facts.is_some() && differing == 0 {
        return Ok(None);
    }
    if count == 0 || count > if differing == 0 { EDITS_MAX } else { EDITS_WITH_FACTS_MAX } {
        return Ok(None);
    }
    let schema = attribution.joint().schema().clone();
    let names: BTreeSet<&String> = schema.inputs.iter().map(|field| &field.name).collect();
    if names.len() < schema.inputs.len() {
        return Ok(None); // a field of two kinds: no JSON object has both
    }
    let wide = wide(&schema, rows, source);
    let found = attribution.rows(Rows { wide: &wide, faults: &[] });
    let texts: Vec<String> = (0..rows).map(|row| json(&schema, &wide, row)).collect();
    let brute = Brute::new(script, a, changed.as_ref(), &schema, &wide, &texts)?;
    let mut compared = Compared {
        untestable: brute.sets.values().filter(|results| results.iter().any(Option::is_none)).count() as u64,
        needing: script.deciding().filter(|edit| !edit.needs.is_empty()).count() as u64,
        moved: script.deciding().filter(|edit| edit.says.contains(" moved: ")).count() as u64,
        facts: differing as u64,
        ..Compared::default()
    };
    for (row, text) in texts.iter().enumerate() {
        let expected = brute.causes(row);
        let at = found.changed.binary_search(&(row as u32)).ok();
        let given = at.map(|at| found.causes_of(at));
        let given = given.map(|given| {
            [&given.written, &given.necessary, &given.but_for, &given.coarse].map(|text| in_order(text))
        });
        let wanted = expected.as_ref().map(|expected| expected.clone().map(|text| in_order(&text)));
        if given != wanted {
            let edits: Vec<String> = attribution.edits().map(ToString::to_string).collect();
            let facts = facts.map_or(String::new(), |(before, after)| {
                let before = before.as_ref().map_or(&[][..], Snapshot::facts);
                format!("{before:#?}\nand then\n{:#?}\n", after.facts())
            });
            return Err(format!(
                "{facts}{text}\nhas the causes {wanted:?}, but found were {given:?}\n{edits:#?}"
            ));
        }
        if let Some([causes, ..]) = expected {
            compared.changed += 1;
            compared.intricate += u64::from(causes.contains(['|', '+']));
        }
    }
    Ok(Some(compared))
}

/// Alternatives in the order of their names.
fn in_order(text: &str) -> Vec<String> {
    let mut alternatives: Vec<String> = text.split(" | ").map(str::to_owned).collect();
    alternatives.sort();
    alternatives
}

/// Random rows of the joint schema.
fn wide(schema: &opus_ir::Schema, rows: usize, source: &mut Seed) -> Columns {
    let mut columns = Columns::new(&schema.input_columns(), rows);
    columns.set_rows(rows);
    for (field, of) in schema.inputs.iter().enumerate() {
        for row in 0..rows {
            let value = match &of.domain.set {
                Some(set) => *source.pick(set).expect("a list of values has some"),
                None => source.within(of.domain.range),
            };
            let is_missing = of.optional && source.one_in(4);
            columns.set(field, row, (!is_missing).then_some(value));
        }
    }
    columns
}

fn json(schema: &opus_ir::Schema, columns: &Columns, row: usize) -> String {
    let fields = schema.inputs.iter().enumerate().filter_map(|(at, field)| {
        let value = Shown::new(schema, field.kind, columns.get(at, row)?).to_json();
        Some(format!("{:?}: {value}", field.name))
    });
    format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
}

/// The results of every closed set.
struct Brute {
    /// The edits that decide.
    edits: Vec<EditId>,
    needs: BTreeMap<EditId, BTreeSet<EditId>>,
    /// By closed set, the result of each row; `None` if it does not compile or the facts of the row's day do not fit.
    sets: BTreeMap<BTreeSet<EditId>, Vec<Option<String>>>,
}

impl Brute {
    fn new(
        script: &Script,
        a: &Structure,
        facts: Option<&Changed>,
        schema: &opus_ir::Schema,
        wide: &Columns,
        rows: &[String],
    ) -> Result<Brute, String> {
        let of_policies: BTreeSet<EditId> = script.deciding().map(|edit| edit.id).collect();
        // the edits of facts come after those of the policies, by key and day
        let differing = facts.map_or(&[][..], |facts| &facts.differing);
        let last = of_policies.len() as u32;
        let of_facts: Vec<EditId> =
            (1..).take(differing.len()).map(|at| EditId { decides: true, number: last + at }).collect();
        let edits: Vec<EditId> = of_policies.iter().chain(&of_facts).copied().collect();
        let closed_of_policies = |set: &BTreeSet<EditId>| {
            script.closed(set).into_iter().filter(|id| id.decides).collect::<BTreeSet<EditId>>()
        };
        let hybrid = |set: &BTreeSet<EditId>| script.hybrid(a, set).map_err(|error| error.to_string());
        // facts of a name that only the second policy takes need the edits without which it does not
        let mut needs_of_name: BTreeMap<&str, BTreeSet<EditId>> = BTreeMap::new();
        for key in differing.iter().map(|differing| differing.key()) {
            let name = declared(key);
            let mut needs = BTreeSet::new();
            if !takes(&hybrid(&BTreeSet::new())?, name) {
                for id in &of_policies {
                    let is_left = |other: &&EditId| !closed_of_policies(&[**other].into()).contains(id);
                    let rest = of_policies.iter().filter(is_left).copied().collect();
                    if !takes(&hybrid(&rest)?, name) {
                        needs.insert(*id);
                    }
                }
            }
            needs_of_name.insert(name, closed_of_policies(&needs));
        }
        let closed = |set: &BTreeSet<EditId>| {
            let rest: BTreeSet<EditId> = set.intersection(&of_policies).copied().collect();
            let mut closed = closed_of_policies(&rest);
            for (id, differing) in of_facts.iter().zip(differing).filter(|(id, _)| set.contains(id)) {
                closed.insert(*id);
                closed.extend(&needs_of_name[declared(differing.key())]);
            }
            closed
        };
        let needs = edits.iter().map(|id| (*id, closed(&BTreeSet::from([*id])))).collect();
        let mut all = Vec::new();
        for mask in 0..1usize << edits.len() {
            let set: BTreeSet<EditId> =
                edits.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, id)| *id).collect();
            if closed(&set) == set {
                all.push(set);
            }
        }
        let of_policies_in = |set: &BTreeSet<EditId>| set.intersection(&of_policies).copied().collect();
        let mut compiled: BTreeMap<BTreeSet<EditId>, Option<Hybrid>> = BTreeMap::new();
        for edits in all.iter().map(of_policies_in).collect::<BTreeSet<BTreeSet<EditId>>>() {
            let source = without_tests(hybrid(&edits)?);
            compiled.insert(edits, Hybrid::new(&source));
        }
        // the outputs that both have, of one kind
        let ends = [BTreeSet::new(), of_policies.clone()].map(|set| compiled[&set].as_ref());
        let [Some(first), Some(last)] =
            ends.map(|end| end.map(|hybrid| hybrid.artifact().program().schema.clone()))
        else {
            return Err("one of the two does not compile".to_owned());
        };
        let kind = |schema: &opus_ir::Schema, name: &str| {
            let kind = schema.outputs.iter().find(|output| output.name == name)?.kind;
            Some(match kind {
                opus_ir::Kind::Enum(_) => "enum".to_owned(),
                opus_ir::Kind::Int | opus_ir::Kind::Decimal(_) => "number".to_owned(),
                opus_ir::Kind::Percent(_) => "percent".to_owned(),
                other => format!("{other:?}"),
            })
        };
        let names = last.outputs.iter().map(|output| output.name.clone());
        let compared: Vec<String> = names.filter(|name| kind(&first, name) == kind(&last, name)).collect();
        let mut sets = BTreeMap::new();
        for set in all {
            let hybrid = compiled.get_mut(&of_policies_in(&set)).expect("it was compiled");
            let snapshot = facts.map(|facts| facts.chosen(|at| set.contains(&of_facts[at])));
            let mut result = |(row, text): (usize, &String)| {
                let policy = hybrid.as_mut()?.on_day_of(snapshot.as_ref(), schema, wide, row)?;
                Some(result(policy, &compared, text))
            };
            let results = rows.iter().enumerate().map(&mut result).collect();
            sets.insert(set, results);
        }
        Ok(Brute { edits, needs, sets })
    }

    /// Causes, necessary and but-for edits and coarse causes of a row, by their definitions; `None` if it does not change.
    fn causes(&self, row: usize) -> Option<[String; 4]> {
        let all: BTreeSet<EditId> = self.edits.iter().copied().collect();
        let result = |set: &BTreeSet<EditId>| self.sets[set][row].as_ref();
        let wanted = result(&all);
        if result(&BTreeSet::new()) == wanted {
            return None;
        }
        let gives = |set: &BTreeSet<EditId>| result(set) == wanted;
        let within = |set: &BTreeSet<EditId>| {
            let set = set.clone();
            self.sets.keys().filter(move |other| **other != set && other.is_subset(&set))
        };
        let causes: Vec<&BTreeSet<EditId>> =
            self.sets.keys().filter(|set| gives(set) && !within(set).any(gives)).collect();
        let necessary = self.edits.iter().filter(|id| causes.iter().all(|cause| cause.contains(id)));
        let but_for = self.edits.iter().filter(|id| {
            let rest = all.iter().filter(|other| !self.needs[other].contains(id)).copied().collect();
            result(&rest).is_some_and(|result| Some(result) != wanted)
        });
        let is_coarse = |cause: &&&BTreeSet<EditId>| within(cause).any(|set| result(set).is_none());
        let listed = |ids: &mut dyn Iterator<Item = &EditId>| {
            ids.map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        let written = |causes: &mut dyn Iterator<Item = &&BTreeSet<EditId>>| {
            causes.map(|cause| self.written(cause)).collect::<Vec<_>>().join(" | ")
        };
        Some([
            written(&mut causes.iter()),
            listed(&mut necessary.into_iter()),
            listed(&mut but_for.into_iter()),
            written(&mut causes.iter().filter(is_coarse)),
        ])
    }

    fn written(&self, cause: &BTreeSet<EditId>) -> String {
        let is_needed = |id: &EditId| {
            cause
                .iter()
                .any(|other| other != id && self.needs[other].contains(id) && !self.needs[id].contains(other))
        };
        let kept: Vec<String> = cause.iter().filter(|id| !is_needed(id)).map(ToString::to_string).collect();
        kept.join("+")
    }
}

/// The hybrid without tests and cases, which may name fields that it does not have.
fn without_tests(mut structure: Structure) -> String {
    let is_kept = |key: &Key| !matches!(key, Key::Case(_) | Key::Test(_));
    structure.elements.retain(|key, _| is_kept(key));
    structure.sequences.values_mut().for_each(|keys| keys.retain(is_kept));
    structure.to_source()
}

/// The keys that some pairs leave to a snapshot.
const OPEN: [&str; 2] = ["floor", "step"];

/// The policy with two of its parameters left to a snapshot.
fn left_to_a_snapshot(structure: &mut Structure) {
    for name in OPEN {
        if !structure.elements.contains_key(&Key::Param(name.to_owned())) {
            continue;
        }
        structure.elements.retain(|key, _| !matches!(key, Key::ParamValue(of, _) if of == name));
        let value = Key::ParamValue(name.to_owned(), Dates::default());
        let element = Element::from([(Part::Value, FROM_SNAPSHOT.to_owned())]);
        structure.elements.insert(value.clone(), element);
        structure.sequences.insert(Sequence::ParamValues(name.to_owned()), vec![value]);
    }
}

/// Whether a policy takes a name from a snapshot.
fn takes(policy: &Structure, name: &str) -> bool {
    policy.elements.iter().any(|(key, element)| match key {
        Key::Set(of) => of == name,
        Key::Param(of) | Key::ParamValue(of, _) | Key::Table(of) => {
            of == name && element.get(&Part::Value).is_some_and(|text| text == FROM_SNAPSHOT)
        }
        _ => false,
    })
}

/// By key, what its facts can say. The last value of each is seldom one that fits.
const FACTS: &[(&str, &[&str])] = &[
    ("floor", &["9", "10", "14", "21"]),
    ("step", &["4", "5", "6", "11"]),
    ("limit", &["5", "10", "15", "25"]),
    ("tariff[low, false]", &["3", "8", "12", "25"]),
    ("tariff[low, true]", &["3", "8", "12", "25"]),
    ("tariff[mid, false]", &["3", "8", "12", "25"]),
    ("tariff[mid, true]", &["3", "8", "12", "25"]),
    ("tariff[high, false]", &["3", "8", "12", "25"]),
    ("tariff[high, true]", &["3", "8", "12", "25"]),
    ("tariff[top, false]", &["3", "8", "12", "25"]),
    ("tariff[top, true]", &["3", "8", "12", "25"]),
    ("graded", &["{}", "{low}", "{low, mid}", "{top}"]),
];

/// The first days of facts.
const DAYS: [&str; 7] =
    ["2023-06-01", "2024-03-01", "2024-05-01", "2024-09-01", "2025-02-01", "2025-03-01", "2025-08-01"];

type Said = BTreeMap<(&'static str, i32), Option<&'static str>>;

/// Facts of every key, and the same with a few others, mostly of keys that a policy takes; some leave days without one.
fn facts_of(policies: [&Structure; 2], source: &mut Seed) -> Snapshots {
    let day = |at: usize| opus_ir::date::parse(DAYS[at]).expect("a day");
    let value = |values: &[&'static str], source: &mut Seed| {
        let most = if source.one_in(10) { 4 } else { 3 };
        values[source.below(most)]
    };
    let mut before = Said::new();
    for (key, values) in FACTS {
        for at in 0..DAYS.len() {
            if at == 0 || source.one_in(6) {
                before.insert((key, day(at)), Some(values[source.below(3)]));
            }
        }
    }
    let mut after = before.clone();
    // many facts of one key, or one fact of each of a few
    let is_taken = |(key, _): &&(&str, _)| policies.iter().any(|policy| takes(policy, declared(key)));
    let taken: Vec<&(&str, &[&str])> = FACTS.iter().filter(is_taken).collect();
    let only = source.pick(&taken).filter(|_| source.one_in(3)).copied();
    for _ in 0..1 + source.below(7) {
        let any = if source.one_in(8) { None } else { source.pick(&taken).copied() };
        let &(key, values) = only.or(any).unwrap_or_else(|| &FACTS[source.below(FACTS.len())]);
        let place = (key, day(source.below(DAYS.len())));
        if source.one_in(6) {
            after.remove(&place);
        } else {
            let ends = place.1 != day(0) && source.one_in(12);
            let value = value(values, source);
            after.insert(place, (!ends).then_some(value));
        }
    }
    let before = match source.one_in(6) {
        // there was no snapshot, or one with few keys
        true if source.one_in(2) => None,
        true => {
            let kept = FACTS[source.below(FACTS.len())].0;
            before.retain(|(key, _), _| *key == kept);
            after.retain(|(key, _), _| *key == kept || declared(key) != "tariff");
            Some(before)
        }
        false => Some(before),
    };
    if before.is_none() {
        after.retain(|(key, _), _| declared(key) != "tariff");
    }
    (before.map(snapshot), snapshot(after))
}

fn snapshot(said: Said) -> Snapshot {
    let fact = |((key, valid_from), value): ((&str, i32), Option<&str>)| Fact {
        key: key.to_owned(),
        valid_from,
        value: value.map(|value| value.parse().expect("a value")),
        cite: None,
        notes: vec![],
    };
    Snapshot::new(said.into_iter().map(fact).collect()).expect("one fact for each key and day")
}

/// A fact that differs between two snapshots, as each has it.
struct Differing([Option<Fact>; 2]);

impl Differing {
    fn key(&self) -> &str {
        let [before, after] = &self.0;
        &after.as_ref().or(before.as_ref()).expect("one of the snapshots has it").key
    }
}

/// What differs between two snapshots.
struct Changed {
    /// The facts that do not differ, or that neither policy takes, as they are after the change.
    others: Vec<Fact>,
    /// The facts that differ and that a policy takes, by key and day.
    differing: Vec<Differing>,
}

impl Changed {
    fn new((before, after): &Snapshots, a: &Structure, b: &Structure) -> Changed {
        let mut all: BTreeMap<(&str, i32), [Option<Fact>; 2]> = BTreeMap::new();
        let before = before.as_ref().map_or(&[][..], Snapshot::facts);
        for (side, facts) in [before, after.facts()].into_iter().enumerate() {
            for fact in facts {
                all.entry((&fact.key, fact.valid_from)).or_default()[side] = Some(fact.clone());
            }
        }
        let compiled = [a, b].map(|policy| compile_for(&without_tests(policy.clone()), Demand::Total).0);
        let programs = compiled.iter().flatten().map(|compiled| &compiled.program);
        let taken: BTreeSet<String> = programs
            .flat_map(|program| program.holes.iter().flat_map(|hole| keys(hole, &program.schema)))
            .collect();
        let mut changed = Changed { others: Vec::new(), differing: Vec::new() };
        for ((key, _), [before, after]) in all {
            if before != after && taken.contains(key) {
                changed.differing.push(Differing([before, after]));
            } else {
                changed.others.extend(after);
            }
        }
        changed
    }

    /// The facts with some of those that differ as they are after the change.
    fn chosen(&self, is_on: impl Fn(usize) -> bool) -> Snapshot {
        let differing = self.differing.iter().enumerate();
        let chosen = differing.filter_map(|(at, Differing(sides))| sides[usize::from(is_on(at))].clone());
        Snapshot::new(self.others.iter().cloned().chain(chosen).collect())
            .expect("one fact for each key and day")
    }
}

/// A hybrid, compiled by itself.
enum Hybrid {
    /// It takes no facts.
    Closed(Box<Policy>),
    /// It takes facts: by the facts of a day, bound to them; `None` if they do not fit.
    Open(Box<Artifact>, BTreeMap<String, Option<Policy>>),
}

impl Hybrid {
    fn new(source: &str) -> Option<Hybrid> {
        let compiled = compile_for(source, Demand::Total).0?;
        let artifact =
            Artifact::build(compiled.program, SourceText { text: source, compiler: VERSION }).ok()?;
        if artifact.program().holes.is_empty() {
            return Some(Hybrid::Closed(Box::new(Policy::from_artifact(artifact, &options()).ok()?)));
        }
        Some(Hybrid::Open(Box::new(artifact), BTreeMap::new()))
    }

    fn artifact(&self) -> &Artifact {
        match self {
            Hybrid::Closed(policy) => policy.artifact(),
            Hybrid::Open(artifact, _) => artifact,
        }
    }

    /// The policy with the facts of a row's day; `None` if they do not fit.
    fn on_day_of(
        &mut self,
        facts: Option<&Snapshot>,
        schema: &opus_ir::Schema,
        wide: &Columns,
        row: usize,
    ) -> Option<&Policy> {
        let (artifact, known) = match self {
            Hybrid::Closed(policy) => return Some(policy),
            Hybrid::Open(artifact, known) => (artifact, known),
        };
        let program = artifact.program();
        let effective = &program.schema.inputs[program.schema.effective.expect("forms have one") as usize];
        let field = schema.inputs.iter().position(|field| field.name == effective.name)?;
        let day = wide.get(field, row).filter(|day| effective.domain.contains(*day));
        let facts = match day {
            // a row without a day is refused, whatever the facts are
            None => least(program).facts().to_vec(),
            Some(day) => {
                let on_day = |fact: &Fact| Fact { valid_from: opus_ir::date::DAY_MIN as i32, ..fact.clone() };
                facts?.as_of(day as i32).map(on_day).collect()
            }
        };
        let name = format!("{facts:?}");
        if !known.contains_key(&name) {
            let facts = Snapshot::new(facts).expect("one fact for each key");
            let artifact =
                Artifact::from_bytes_with(artifact.bytes(), &Cache::Off).expect("it was just built");
            known.insert(name.clone(), Policy::bind(artifact, &facts, &options()).ok());
        }
        known[&name].as_ref()
    }
}

fn options() -> Options {
    Options { engine: Engine::Vm, cache: Cache::Off, ..Options::default() }
}

/// What a policy says of a row: its outputs, or its refusal.
fn result(policy: &Policy, compared: &[String], row: &str) -> String {
    match policy.decide_json(row) {
        Ok(decision) => {
            let outputs = compared
                .iter()
                .map(|name| decision.output(name.as_str()).expect("every hybrid has it").to_string());
            outputs.collect::<Vec<_>>().join(", ")
        }
        Err(refusal) => {
            let reasons = refusal.reasons().iter();
            let mut named: Vec<String> =
                reasons.map(|reason| format!("{} {}", reason.name, reason.fault.code())).collect();
            named.sort();
            format!("refused: {}", named.join(", "))
        }
    }
}

// a form that is filled in twice

/// By blank, what can be written there.
const BLANKS: &[(&str, &[&str])] = &[
    ("VERSION", &["", "", "version 2 from 2025-01-01", "version 2 from 2025-07-01"]),
    ("GRADES", &["low, mid, high", "low, mid, high", "low, mid, high, top"]),
    ("AGES", &["0..30", "0..30", "5..30", "0..25"]),
    ("SCORES", &["0..20 optional", "0..20 optional", "0..20"]),
    ("EXTRA", &["", "", "z : int in 0..9", "z : int in 0..9 optional"]),
    ("OUTPUT", &["", "", "flag : bool default false"]),
    ("REASONS", &["W, X, Y, Z", "W, X, Y, Z", "W, X, Y, Z, U"]),
    ("AMOUNT", &["0", "0", "7"]),
    (
        "FLOOR",
        &[
            "= 10",
            "= 10",
            "= 12",
            "{ from 2024-01-01 = 10  from 2025-01-01 = 14 }",
            "{ from 2024-01-01 = 9  from 2025-01-01 = 9 }",
        ],
    ),
    ("STEP", &["5", "5", "6", "11"]),
    ("BASE", &["a + step", "a + step", "a + 5", "a + 2 * step"]),
    (
        "SHARE",
        &[
            "| 0..9 => 1 ; | 10..30 => 2 ;",
            "| 0..9 => 1 ; | 10..30 => 2 ;",
            "| 0..9 => 1 ; | 10..19 => 2 ; | 20..30 => 3 ;",
            "| 0..14 => 1 ; | 15..30 => 2 ;",
            "| 0..9 => 4 ; | 10..30 => 2 ;",
            "| 0..9 => 4 ; | 10..30 => 1 ;",
        ],
    ),
    (
        "LEVEL",
        &[
            "| low | any => 1 ; | any | true => 2 ; | any | any => 3 ;",
            "| low | any => 1 ; | any | true => 2 ; | any | any => 3 ;",
            "| any | true => 2 ; | low | any => 1 ; | any | any => 3 ;",
            "| mid | any => 5 ; | low | any => 1 ; | any | any => 3 ;",
            "| low | any => 1 ; | any | true => 4 ; | any | any => 4 ;",
        ],
    ),
    ("REQUIRE", &["", "", "require Q1 : a != 3", "require Q1 : a != 4", "require Q1 : a > floor - 9"]),
    ("R0", &["", "", "rule R0 when c => d = W", "rule R0 when c and a < 20 => d = X"]),
    (
        "RS",
        &[
            "rule RS when s is missing => d = Z, amount = 3",
            "rule RS when s is missing => d = Z, amount = 3",
            "",
        ],
    ),
    (
        "R1",
        &[
            "rule R1 when a > floor => d = X",
            "rule R1 when a > floor => d = X",
            "rule R1 when a > 20 => d = X",
            "rule R1 when a > floor + step => d = W",
            "",
        ],
    ),
    ("LET", &["", "", "let sum = s + base"]),
    (
        "R2",
        &[
            "rule R2 when b => d = Y, amount = base",
            "rule R2 when b => d = Y, amount = base",
            "rule R2 when b => d = W, amount = base",
            "rule R2 when b and s > 5 => d = Y, amount = share",
        ],
    ),
    (
        "R3",
        &[
            "rule R3 when share > 1 => d = X, amount = share",
            "rule R3 when share > 2 => d = X, amount = share",
            "rule R3 when share > 1 => d = X, amount = level",
        ],
    ),
    (
        "R4",
        &[
            "",
            "",
            "rule R4 when g == high => d = UU",
            "rule R4 when g == mid => d = Z",
            "rule R4 when g == mid and s > base => d = Z",
        ],
    ),
    ("LAST", &["Z, amount = base", "Z, amount = base", "Z, amount = level", "W, amount = 8"]),
];

/// Blanks that only together make a policy which compiles, or of which one needs the other.
const TOGETHER: &[&[(&str, &str)]] = &[
    &[("SCORES", "0..20"), ("RS", "")],
    &[("SCORES", "0..20 optional"), ("RS", "rule RS when s is missing => d = Z, amount = 3")],
    &[("REASONS", "W, X, Y, Z, U"), ("R4", "rule R4 when g == high => d = UU")],
    &[("REASONS", "W, X, Y, Z"), ("R4", "")],
    &[("VERSION", "version 2 from 2025-01-01"), ("FLOOR", "{ from 2024-01-01 = 10  from 2025-01-01 = 14 }")],
    &[("LET", "let sum = s + base"), ("R2", "rule R2 when b and sum > 12 => d = Y, amount = sum")],
    &[("EXTRA", "z : int in 0..9"), ("R0", "rule R0 when z > 4 => d = W")],
];

/// The rules of which the order is a blank too.
const RULES: [&str; 7] = ["R0", "RS", "RF", "R1", "R2", "R3", "R4"];

/// What a form takes from a snapshot, and a rule that uses it.
const TAKEN: &[(&str, &str)] = &[
    ("", ""),
    ("", ""),
    ("param limit : int in 0..20 from snapshot", "rule RF when a > limit => d = W"),
    ("param limit : int in 0..20 from snapshot", "rule RF when a > limit + step => d = W, amount = limit"),
    ("param limit : int in 5..20 from snapshot", "rule RF when b => d = X, amount = limit + a"),
    ("param limit : int in 0..20 = 7", "rule RF when a > limit => d = W"),
    (
        "table tariff(of : Grade, on : bool) -> int in 0..20 from snapshot",
        "rule RF when tariff(g, b) > 7 => d = Y, amount = tariff(g, c)",
    ),
    (
        "table tariff(of : Grade, on : bool) -> int in 0..20 from snapshot",
        "rule RF when c => d = Y, amount = tariff(g, b)",
    ),
    (
        "table tariff(of : Grade, on : bool) -> int in 0..20 from snapshot",
        "rule RF when tariff(g, b) > tariff(g, c) => d = Y, amount = a",
    ),
    (
        "table tariff(of : Grade, on : bool) -> int in 0..20 from snapshot  let fee = tariff(g, b) + step",
        "rule RF when fee > 10 => d = Y, amount = fee",
    ),
    (
        "param limit : int in 0..20 from snapshot  let over = a > limit
         table tariff(of : Grade, on : bool) -> int in 0..20 from snapshot",
        "rule RF when b => d = Y, amount = tariff(g, over)",
    ),
    ("set graded of Grade from snapshot", "rule RF when g in graded => d = X"),
    ("set graded of Grade from snapshot", "rule RF when g in graded and a > floor => d = X, amount = step"),
];

type Blanks = BTreeMap<&'static str, &'static str>;

fn form(blanks: &Blanks, order: &[&str]) -> String {
    let of = |name: &str| blanks.get(name).copied().unwrap_or_default();
    let unknown = if of("REASONS").contains('U') { "U" } else { "X" };
    let rules: Vec<String> = order
        .iter()
        .map(|rule| {
            let text = of(rule).replace("UU", unknown);
            if *rule == "R2" { format!("{}\n{text}", of("LET")) } else { text }
        })
        .collect();
    format!(
        "policy form.pair {{
           effective on day
           version 1 from 2024-01-01
           {version}
           enum Grade {{ {grades} }}
           enum Reason {{ {reasons} }}
           input {{ day : date in 2024-01-01..2025-12-31  a : int in {ages}  b : bool  c : bool  g : Grade
                    s : int in {scores}  {extra} }}
           output {{ d : Reason  amount : int in 0..200 default {amount}  {output} }}
           param floor : int in 0..20 {floor}
           param step : int in 0..20 = {step}
           {taken}
           let base = {base}
           table share(a) unique -> int in 0..9 {{ {share} }}
           table level(g, b) first -> int in 0..9 {{ {level} }}
           {require}
           rules first {{
             {rules}
             otherwise RZ => d = {last}
           }}
         }}",
        version = of("VERSION"),
        grades = of("GRADES"),
        reasons = of("REASONS"),
        ages = of("AGES"),
        scores = of("SCORES"),
        extra = of("EXTRA"),
        output = of("OUTPUT"),
        amount = of("AMOUNT"),
        floor = of("FLOOR"),
        step = of("STEP"),
        taken = of("TAKEN"),
        base = of("BASE"),
        share = of("SHARE"),
        level = of("LEVEL"),
        require = of("REQUIRE"),
        last = of("LAST"),
        rules = rules.join("\n"),
    )
}

/// Fills the form, and fills some of its blanks anew.
fn filled(takes_facts: bool, source: &mut Seed) -> Option<(Structure, Structure)> {
    let compiles = |text: &str| {
        compile_for(text, Demand::Total).0?;
        Structure::of_source(text).ok()
    };
    let pick = |source: &mut Seed, options: &'static [&'static str]| {
        *source.pick(options).expect("a blank has options")
    };
    for _ in 0..20 {
        let mut blanks: Blanks =
            BLANKS.iter().map(|(name, options)| (*name, pick(source, options))).collect();
        let take = |source: &mut Seed| {
            let (taken, rule) = source.pick(TAKEN).expect("there are some");
            [("TAKEN", *taken), ("RF", *rule)]
        };
        if takes_facts {
            blanks.extend(take(source));
        }
        let mut order = RULES.to_vec();
        if source.one_in(2) {
            blanks.extend(source.pick(TOGETHER).expect("there are some").iter().copied());
        }
        let Some(a) = compiles(&form(&blanks, &order)) else { continue };
        let first = (blanks.clone(), order.clone());
        for _ in 0..20 {
            // the fewer edits there are, the more facts can differ
            if takes_facts {
                (blanks, order) = first.clone();
            }
            for _ in 0..if takes_facts { source.below(3) } else { 1 + source.below(5) } {
                let (name, options) = source.pick(BLANKS).expect("there are blanks");
                blanks.insert(name, pick(source, options));
            }
            if !takes_facts && source.one_in(2) {
                blanks.extend(source.pick(TOGETHER).expect("there are some").iter().copied());
            }
            if takes_facts && source.one_in(2) {
                blanks.extend(take(source));
            }
            if source.one_in(3) {
                let (from, to) = (source.below(order.len()), source.below(order.len()));
                let rule = order.remove(from);
                order.insert(to, rule);
            }
            if let Some(b) = compiles(&form(&blanks, &order))
                && (takes_facts || a.hash() != b.hash())
            {
                return Some((a, b));
            }
        }
    }
    None
}

// generated policies

/// A generated policy, and one in which numbers, operators and places of rules are others.
fn generated(seed: u64, source: &mut Seed) -> Option<(Structure, Structure)> {
    let bytes = seeds::bytes(seed, policy::BYTES);
    let text = policy::policy(&mut Unstructured::new(&bytes)).ok()?;
    let total = |structure: &Structure| compile_for(&structure.to_source(), Demand::Total).0.is_some();
    let a = Structure::of_source(&text).ok().filter(total)?;
    let mut b = a.clone();
    let wanted = 1 + source.below(EDITS_MAX);
    let mut made = 0;
    for _ in 0..8 * EDITS_MAX {
        let mut changed = b.clone();
        match source.below(6) {
            0 => shifted(&mut changed, source),
            _ => rewritten(&mut changed, source),
        }
        if let Ok(read) = Structure::of_source(&changed.to_source())
            && read.hash() != b.hash()
            && total(&read)
        {
            b = read;
            made += 1;
        }
        if made == wanted {
            break;
        }
    }
    (a.hash() != b.hash()).then_some((a, b))
}

fn shifted(out: &mut Structure, source: &mut Seed) {
    let Some(rules) = out.sequences.get_mut(&Sequence::Rules) else { return };
    if rules.len() > 2 {
        let count = rules.len() - 1;
        let rule = rules.remove(source.below(count));
        rules.insert(source.below(count), rule);
    }
}

/// A number or an operator in an expression becomes another.
fn rewritten(out: &mut Structure, source: &mut Seed) {
    let mut places = Vec::new();
    for (key, element) in &out.elements {
        for part in element.keys() {
            if matches!(part, Part::Value | Part::Condition | Part::Output(_) | Part::Range) {
                places.push((key.clone(), part.clone()));
            }
        }
    }
    let Some((key, part)) = source.pick(&places) else { return };
    let text =
        out.elements.get_mut(key).and_then(|element| element.get_mut(part)).expect("it is one of them");
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let at = source.below(words.len());
    let word = &mut words[at];
    let digits: String = word.chars().filter(char::is_ascii_digit).collect();
    *word = match word.as_str() {
        "<" => "<=".to_owned(),
        "<=" => "<".to_owned(),
        ">" => ">=".to_owned(),
        ">=" => ">".to_owned(),
        "and" => "or".to_owned(),
        "or" => "and".to_owned(),
        "+" => "-".to_owned(),
        "true" => "false".to_owned(),
        "false" => "true".to_owned(),
        _ => match digits.parse::<u64>() {
            Ok(number) if !word.contains(['_', '.', '-']) && word.contains(&digits) => {
                let other = [number + 1, number.saturating_sub(1), number / 2, number * 2][source.below(4)];
                word.replacen(&digits, &other.to_string(), 1)
            }
            _ => return,
        },
    };
    *text = words.join(" ");
}
