//! Are causes what running every set of edits gives? A pair of policies is generated, and for every row that changes the
//! causes are compared with those found by brute force: each closed set of edits is written as a source, compiled by itself
//! and run on every row as JSON.
//!
//! Half of the pairs fill one form in two ways. Its blanks are chosen so that edits meet: rules that hide each other, values
//! that only rules of one policy use, tables with other rows, fields with other ranges. The others are generated
//! policies in which numbers, operators and the order of rules change.

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
use opus_runtime::snapshot::Fact;
use opus_runtime::{Artifact, Cache, Engine, Options, Policy, Snapshot};

use crate::{policy, seeds};

/// The most edits of a pair.
const EDITS_MAX: usize = 6;

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
}

/// Generates a pair from a seed and compares the causes of its rows. `None` if the seed gives no pair: the policies are
/// equal, or differ in more edits.
///
/// # Errors
/// If a row has other causes, with the policies and the row.
pub fn check(seed: u64, rows: usize) -> Result<Option<Compared>, String> {
    let mut source = Seed(seed.wrapping_mul(0xd134_2543_de82_ef95));
    let pair = if seed.is_multiple_of(2) { filled(&mut source) } else { generated(seed, &mut source) };
    let Some((mut a, mut b)) = pair else { return Ok(None) };
    let mut facts = None;
    if seed.is_multiple_of(6) {
        [&mut a, &mut b].into_iter().for_each(left_to_a_snapshot);
        facts = Some([facts_of(&mut source), facts_of(&mut source)]);
    }
    compare(&a, &b, facts.as_ref(), rows, &mut source)
        .map_err(|wrong| format!("{wrong}\n{}\nand\n{}", a.to_source(), b.to_source()))
}

/// Compares the causes of generated rows.
///
/// # Errors
/// As [`check`].
pub fn compare(
    a: &Structure,
    b: &Structure,
    facts: Option<&[Snapshot; 2]>,
    rows: usize,
    source: &mut Seed,
) -> Result<Option<Compared>, String> {
    let options = Options { engine: Engine::Vm, cache: Cache::Off, ..Options::default() };
    let attribution =
        match Attribution::new(a, b, facts.map_or([None; 2], |[a, b]| [Some(a), Some(b)]), &options) {
            Ok(attribution) => attribution,
            // the snapshots of some pairs do not fit
            Err(AttributeError::Joint(_) | AttributeError::Facts(_)) => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
    let script = attribution.script();
    let differing = facts.map_or(Vec::new(), |[a, b]| differing(a, b));
    let count = script.deciding().count() + differing.len();
    if count == 0 || count > EDITS_MAX {
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
    let brute = Brute::new(script, a, facts.map(|[before, _]| (before, &differing[..])), &texts)?;
    let mut compared = Compared {
        untestable: brute.sets.values().filter(|results| results.is_none()).count() as u64,
        needing: script.deciding().filter(|edit| !edit.needs.is_empty()).count() as u64,
        moved: script.deciding().filter(|edit| edit.says.contains(" moved: ")).count() as u64,
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
            return Err(format!("{text}\nhas the causes {wanted:?}, but found were {given:?}\n{edits:#?}"));
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
    /// By closed set, the result of each row; `None` if it does not compile.
    sets: BTreeMap<BTreeSet<EditId>, Option<Vec<String>>>,
}

impl Brute {
    /// `facts` are those before the change, and how each that differs is after it.
    fn new(
        script: &Script,
        a: &Structure,
        facts: Option<(&Snapshot, &[Differing])>,
        rows: &[String],
    ) -> Result<Brute, String> {
        let mut edits: Vec<EditId> = script.deciding().map(|edit| edit.id).collect();
        // the edits of facts come after those of the policies, by key and day
        let differing = facts.map_or(&[][..], |(_, differing)| differing);
        let last = edits.len() as u32;
        let of_facts: Vec<EditId> =
            (1..).take(differing.len()).map(|at| EditId { decides: true, number: last + at }).collect();
        edits.extend(&of_facts);
        let decides =
            |set: BTreeSet<EditId>| set.into_iter().filter(|id| id.decides).collect::<BTreeSet<_>>();
        let closed = |set: &BTreeSet<EditId>| {
            let is_fact = |id: &&EditId| of_facts.contains(id);
            let rest = set.iter().filter(|id| !is_fact(id)).copied().collect();
            let mut closed = decides(script.closed(&rest));
            closed.extend(set.iter().filter(is_fact));
            closed
        };
        let needs = edits.iter().map(|id| (*id, closed(&BTreeSet::from([*id])))).collect();
        let mut sources = BTreeMap::new();
        for mask in 0..1usize << edits.len() {
            let set: BTreeSet<EditId> =
                edits.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, id)| *id).collect();
            if closed(&set) == set {
                let of_policy = set.iter().filter(|id| !of_facts.contains(id)).copied().collect();
                let hybrid = script.hybrid(a, &of_policy).map_err(|error| error.to_string())?;
                sources.insert(set, without_tests(hybrid));
            }
        }
        let policies: BTreeMap<_, Option<Policy>> = sources
            .into_iter()
            .map(|(set, source)| {
                let is_on = |at: usize| set.contains(&of_facts[at]);
                let facts = facts.map(|(before, differing)| chosen(before, differing, is_on));
                let policy = compiled(&source, facts.as_ref());
                (set, policy)
            })
            .collect();
        // the outputs that both have, of one kind
        let ends = [BTreeSet::new(), edits.iter().copied().collect()].map(|set| policies[&set].clone());
        let [Some(first), Some(last)] = ends else {
            return Err("one of the two does not compile".to_owned());
        };
        let kind = |policy: &Policy, name: &str| {
            let schema = policy.schema();
            let kind = schema.outputs.iter().find(|output| output.name == name)?.kind;
            Some(match kind {
                opus_ir::Kind::Enum(_) => "enum".to_owned(),
                opus_ir::Kind::Int | opus_ir::Kind::Decimal(_) => "number".to_owned(),
                opus_ir::Kind::Percent(_) => "percent".to_owned(),
                other => format!("{other:?}"),
            })
        };
        let names = last.schema().outputs.iter().map(|output| output.name.clone());
        let compared: Vec<String> = names.filter(|name| kind(&first, name) == kind(&last, name)).collect();
        let results = |policy: &Policy| rows.iter().map(|row| result(policy, &compared, row)).collect();
        let sets = policies.iter().map(|(set, policy)| (set.clone(), policy.as_ref().map(results))).collect();
        Ok(Brute { edits, needs, sets })
    }

    /// Causes, necessary and but-for edits and coarse causes of a row, by their definitions; `None` if it does not change.
    fn causes(&self, row: usize) -> Option<[String; 4]> {
        let all: BTreeSet<EditId> = self.edits.iter().copied().collect();
        let result = |set: &BTreeSet<EditId>| self.sets[set].as_ref().map(|results| &results[row]);
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
        let is_coarse = |cause: &&&BTreeSet<EditId>| within(cause).any(|set| self.sets[set].is_none());
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

/// A few facts, so that two snapshots differ in a few; some leave days without one.
fn facts_of(source: &mut Seed) -> Snapshot {
    let mut facts = Vec::new();
    for (key, values) in [(OPEN[0], ["9", "10", "14", "21"]), (OPEN[1], ["4", "5", "6", "11"])] {
        for (index, day) in ["2023-06-01", "2024-05-01", "2025-02-01"].into_iter().enumerate() {
            let is_there = if index == 0 { !source.one_in(8) } else { source.one_in(3) };
            if !is_there {
                continue;
            }
            // a value outside the declared range, seldom
            let most = if source.one_in(10) { 4 } else { 3 };
            let value = source.below(most);
            let ends = index > 0 && source.one_in(12);
            facts.push(Fact {
                key: key.to_owned(),
                valid_from: opus_ir::date::parse(day).expect("a day"),
                value: (!ends).then(|| values[value].parse().expect("a number")),
                cite: None,
                notes: Vec::new(),
            });
        }
    }
    Snapshot::new(facts).expect("one fact for each key and day")
}

/// A fact that differs between two snapshots, as each has it.
type Differing = [Option<Fact>; 2];

/// The facts that differ, by key and day.
fn differing(a: &Snapshot, b: &Snapshot) -> Vec<Differing> {
    let mut all: BTreeMap<(&str, i32), Differing> = BTreeMap::new();
    for (side, snapshot) in [a, b].into_iter().enumerate() {
        for fact in snapshot.facts() {
            all.entry((&fact.key, fact.valid_from)).or_default()[side] = Some(fact.clone());
        }
    }
    all.into_values().filter(|[a, b]| a != b).collect()
}

/// The facts before a change, with some of those that differ as they are after it.
fn chosen(before: &Snapshot, differing: &[Differing], is_on: impl Fn(usize) -> bool) -> Snapshot {
    let mut facts: BTreeMap<(String, i32), Fact> =
        before.facts().iter().map(|fact| ((fact.key.clone(), fact.valid_from), fact.clone())).collect();
    for (_, [before, after]) in differing.iter().enumerate().filter(|(at, _)| is_on(*at)) {
        let Some(fact) = after.as_ref().or(before.as_ref()) else { continue };
        let place = (fact.key.clone(), fact.valid_from);
        match after {
            Some(fact) => drop(facts.insert(place, fact.clone())),
            None => drop(facts.remove(&place)),
        }
    }
    Snapshot::new(facts.into_values().collect()).expect("one fact for each key and day")
}

fn compiled(source: &str, facts: Option<&Snapshot>) -> Option<Policy> {
    let compiled = compile_for(source, Demand::Total).0?;
    let artifact = Artifact::build(compiled.program, SourceText { text: source, compiler: VERSION }).ok()?;
    let options = Options { engine: Engine::Vm, cache: Cache::Off, ..Options::default() };
    match facts.filter(|_| !artifact.program().holes.is_empty()) {
        Some(facts) => Policy::bind(artifact, facts, &options).ok(),
        None => Policy::from_artifact(artifact, &options).ok(),
    }
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
const RULES: [&str; 6] = ["R0", "RS", "R1", "R2", "R3", "R4"];

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
        base = of("BASE"),
        share = of("SHARE"),
        level = of("LEVEL"),
        require = of("REQUIRE"),
        last = of("LAST"),
        rules = rules.join("\n"),
    )
}

/// Fills the form, and fills some of its blanks anew.
fn filled(source: &mut Seed) -> Option<(Structure, Structure)> {
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
        let mut order = RULES.to_vec();
        if source.one_in(2) {
            blanks.extend(source.pick(TOGETHER).expect("there are some").iter().copied());
        }
        let Some(a) = compiles(&form(&blanks, &order)) else { continue };
        for _ in 0..20 {
            for _ in 0..1 + source.below(5) {
                let (name, options) = source.pick(BLANKS).expect("there are blanks");
                blanks.insert(name, pick(source, options));
            }
            if source.one_in(2) {
                blanks.extend(source.pick(TOGETHER).expect("there are some").iter().copied());
            }
            if source.one_in(3) {
                let (from, to) = (source.below(order.len()), source.below(order.len()));
                let rule = order.remove(from);
                order.insert(to, rule);
            }
            if let Some(b) = compiles(&form(&blanks, &order))
                && a.hash() != b.hash()
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
