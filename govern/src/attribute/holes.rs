//! How does each row get the facts that its own set of edits finds on its own day?
//!
//! A hybrid that takes facts is compiled once, with holes. Binding fills a hole in with all the facts that rows need,
//! as its periods, and an input of the hole selects the period of a row, as the effective date does in a policy. So rows of
//! many days and sets are decided together, and what was bound once serves all rows that need no other facts.
//!
//! A copy that a probe uses is a hole too. It has what another set of edits would find. If there are several such facts,
//! the rows are run again for each.
//!
//! A row looks up few entries of a table. Which ones is an output more for each place where the program looks one up.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use opus_ir::dominators::Dominators;
use opus_ir::memory::Columns;
use opus_ir::{
    Block, Def, Domain, End, Field, Filling, Func, Hole, Inst, Interval, Kind, Op, Program, Schema, Shape,
    Type, Value, ValueData, Verified, Version, bind_by, date,
};
use opus_runtime::artifact::SourceText;
use opus_runtime::batch::Spare;
use opus_runtime::snapshot::{entries, keys};
use opus_runtime::{Artifact, Batch, Cache, Engine, Options, Policy};

use super::merged::Merged;
use super::probes::{CopyOf, Held};
use super::switches::Switches;
use super::world::{Day, NotOne, World};

/// The most other facts of a name that are probed on a day.
const OTHERS_MAX: usize = 16;
/// The most integers that are bound although no row of the run needs them.
const KEPT_MAX: usize = 1 << 17;
/// The most integers that rows of one run may need.
pub const NEEDED_MAX: usize = 1 << 20;
/// The values of the inputs that select facts.
const SELECTED: Interval = Interval { lo: 0, hi: u16::MAX as i128 };
/// The most periods of a hole.
const PERIODS_MAX: usize = u16::MAX as usize;
/// No entry was looked up.
const NOT_MET: i128 = -1;
/// Some entry may have been looked up.
const UNKNOWN: i128 = -2;

/// What a hybrid takes from a snapshot.
pub struct Holes {
    /// The hybrid, with an input for each hole, and an output for each place where a table of facts is looked up.
    program: Program,
    source: String,
    compiler: String,
    holes: Vec<HoleOf>,
    /// By output behind those of the hybrid, the hole whose entry it is.
    places: Vec<usize>,
    /// The holes whose entries requires look up, which no output tells.
    pub admitting: BTreeSet<String>,
}

struct HoleOf {
    /// The name that the policies declare.
    name: String,
    copy: Option<CopyOf>,
    /// The switch of its facts, if some differ.
    switch: Option<usize>,
    /// By key, its line and what the facts of it are to the hole.
    keys: Vec<KeyOf>,
    /// Facts for rows that are refused whatever they are.
    least: Vec<i128>,
}

struct KeyOf {
    key: String,
    line: Option<usize>,
    /// By entry of the line and side; `None` where there is no fact.
    typed: Vec<[Option<Typed>; 2]>,
}

/// What a fact is to a hole: its integers, or what is wrong.
type Typed = Result<Vec<i128>, String>;

/// The facts for a row: by run, by hole, its integers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Facts {
    pub runs: Vec<Vec<Vec<i128>>>,
    pub held: Held,
}

/// A fact that does not fit.
pub struct Misfit {
    /// In words.
    pub why: String,
    /// The name that it is a fact of.
    pub name: String,
    /// The edits of facts that make it so.
    pub read: Switches,
}

/// A hybrid with facts.
pub struct Bound {
    pub policy: Policy,
    /// By hole, its periods.
    periods: Vec<HashMap<Vec<i128>, u32>>,
    /// Batches that no thread uses.
    pub spare: Spare<Batch>,
}

/// By hole, the integers that rows need.
pub type Needed = Vec<HashSet<Vec<i128>>>;

impl Holes {
    /// The holes of a compiled hybrid; `copies` are the probes among them.
    pub fn new(
        artifact: &Artifact,
        copies: &BTreeMap<String, CopyOf>,
        merged: &Merged,
        world: &World,
    ) -> Holes {
        let verified = artifact.verified_program();
        let schema = &verified.schema;
        let of = |hole: &Hole| {
            let copy = copies.get(&hole.name).cloned();
            let name = copy.as_ref().map_or(&hole.name, |copy| &copy.name).clone();
            let key = |key: String| {
                // a copy of a table has the keys of the table
                let key = format!("{name}{}", &key[hole.name.len()..]);
                let line = world.line(&key);
                let typed = |line: usize| {
                    let typed = |says: &Option<Option<opus_runtime::snapshot::FactValue>>| {
                        let ended = || Err("has no value".to_owned());
                        says.as_ref().map(|says| {
                            says.as_ref().map_or_else(ended, |value| entries(hole, schema, value))
                        })
                    };
                    let entries = world.lines(line).entries.iter();
                    entries.map(|entry| entry.says.each_ref().map(typed)).collect()
                };
                KeyOf { typed: line.map_or_else(Vec::new, typed), key, line }
            };
            let keys = keys(hole, schema).into_iter().map(key).collect();
            HoleOf { switch: merged.facts.get(&name).copied(), copy, keys, least: least(hole, schema), name }
        };
        let holes: Vec<HoleOf> = verified.holes.iter().map(of).collect();
        let is_traced = |hole: &usize| {
            matches!(verified.holes[*hole].shape, Shape::Table { .. }) && holes[*hole].switch.is_some()
        };
        let traced: Vec<usize> = (0..holes.len()).filter(is_traced).collect();
        let (program, places) = instrumented(verified, &traced);
        let admits = |func: &Verified| {
            let open = |(_, at): (_, &opus_ir::Entries)| at.open().map(|open| open.hole as usize);
            func.tables.iter().filter_map(open).collect::<Vec<_>>()
        };
        let admitting = verified.versions.iter().flat_map(|version| admits(&version.admit));
        Holes {
            admitting: admitting.map(|hole| holes[hole].name.clone()).collect(),
            program,
            source: artifact.unchecked_source().to_owned(),
            compiler: artifact.compiler().to_owned(),
            places,
            holes,
        }
    }

    /// Whether a name is taken from a snapshot.
    pub fn takes(&self, name: &str) -> bool {
        self.holes.iter().any(|hole| hole.copy.is_none() && hole.name == name)
    }

    /// Why the facts that a set finds on a day do not fit, if they do not.
    pub fn misfit(&self, world: &World, on: &Switches, day: Day) -> Option<Misfit> {
        let own = self.holes.iter().filter(|hole| hole.copy.is_none());
        let keys = own.flat_map(|hole| hole.keys.iter().map(move |key| (hole, key)));
        let misfit = |(hole, key): (&HoleOf, &KeyOf)| {
            let (found, read) = key.found(world, on, day);
            let why = found.err()?;
            let on_day = day.filter(|day| *day != i32::MIN);
            let on_day = on_day.map_or(String::new(), |day| format!(" from {}", date::civil(day.into())));
            Some(Misfit { why: format!("`{}`{on_day}: {why}", key.key), name: hole.name.clone(), read })
        };
        keys.into_iter().find_map(misfit)
    }

    /// The facts for a row on a day for which a set finds facts that fit.
    pub fn facts(&self, world: &World, on: &Switches, day: Day) -> Facts {
        let choices: Vec<Vec<Choices>> = self.holes.iter().map(|hole| hole.choices(world, on, day)).collect();
        let (mut runs, mut held) = (1, Held::default());
        for (hole, choices) in self.holes.iter().zip(&choices).filter(|(hole, _)| hole.copy.is_some()) {
            let (Some(switch), Some(most)) = (hole.switch, choices.iter().map(|of| of.others.len()).max())
            else {
                continue;
            };
            match most {
                0 | 1 => {}
                2..=OTHERS_MAX => {
                    runs = runs.max(most);
                    held.where_several.insert(switch);
                }
                _ => held.always.insert(switch),
            }
        }
        let run = |run| self.holes.iter().zip(&choices).map(|(hole, of)| hole.chosen(of, run)).collect();
        Facts { runs: (0..runs).map(run).collect(), held }
    }

    /// Nothing is needed yet.
    pub fn nothing(&self) -> Needed {
        vec![HashSet::new(); self.holes.len()]
    }

    /// Adds the facts of a row to those that are needed, and returns how many integers that adds.
    pub fn need(&self, facts: &Facts, needed: &mut Needed) -> usize {
        let mut added = 0;
        for run in &facts.runs {
            for (needed, entries) in needed.iter_mut().zip(run) {
                if !needed.contains(entries) {
                    added += entries.len();
                    needed.insert(entries.clone());
                }
            }
        }
        added
    }

    /// Facts for rows that are refused whatever they are.
    pub fn least(&self) -> Facts {
        let least = self.holes.iter().map(|hole| hole.least.clone()).collect();
        Facts { runs: vec![least], held: Held::default() }
    }

    /// The hybrid as it was compiled, if it takes no facts.
    ///
    /// # Errors
    /// If it cannot be run.
    pub fn without_facts(&self, artifact: Artifact) -> Option<Result<Bound, String>> {
        let bound = |policy| Bound { policy, periods: Vec::new(), spare: Spare::default() };
        self.holes.is_empty().then(|| policy(artifact).map(bound))
    }

    /// The hybrid with these facts. `kept` is what was bound before.
    ///
    /// # Errors
    /// If it is too large.
    pub fn bind(&self, needed: &Needed, kept: Option<&Bound>) -> Result<Bound, String> {
        let kept_size: usize = kept.map_or(0, |kept| size(kept.periods.iter().flat_map(HashMap::keys)));
        let kept = kept.filter(|_| kept_size <= KEPT_MAX);
        let periods = |(hole, needed): (usize, &HashSet<Vec<i128>>)| {
            let mut periods: HashMap<Vec<i128>, u32> =
                kept.map(|kept| kept.periods[hole].clone()).unwrap_or_default();
            if periods.len() + needed.len() > PERIODS_MAX {
                periods.clear();
            }
            let mut new: Vec<&Vec<i128>> =
                needed.iter().filter(|entries| !periods.contains_key(*entries)).collect();
            new.sort_unstable();
            for entries in new {
                let next = periods.len() as u32;
                periods.insert(entries.clone(), next);
            }
            periods
        };
        let periods: Vec<HashMap<Vec<i128>, u32>> = needed.iter().enumerate().map(periods).collect();
        let filling = |periods: &HashMap<Vec<i128>, u32>| {
            let mut in_order: Vec<(u32, &Vec<i128>)> =
                periods.iter().map(|(entries, at)| (*at, entries)).collect();
            in_order.sort_unstable();
            let starts = (1..in_order.len() as i32).collect();
            Filling { starts, periods: in_order.into_iter().map(|(_, entries)| entries.clone()).collect() }
        };
        let fillings: Vec<Filling> = periods.iter().map(filling).collect();
        let first = self.selector(0) as u32;
        let filled = |func: &Func| {
            let mut func = bind_by(func, |hole| first + hole, &fillings);
            opus_frontend::prove::optimize(&mut func);
            func
        };
        let version = |version: &Version| Version {
            admit: filled(&version.admit),
            decide: filled(&version.decide),
            ..version.clone()
        };
        let program = Program {
            holes: Vec::new(),
            versions: self.program.versions.iter().map(version).collect(),
            ..self.program.clone()
        };
        let source = SourceText { text: &self.source, compiler: &self.compiler };
        let artifact = Artifact::build(program, source).map_err(|error| error.to_string())?;
        Ok(Bound { policy: policy(artifact)?, periods, spare: Spare::default() })
    }

    /// The input that selects the facts of a hole.
    fn selector(&self, hole: usize) -> usize {
        self.program.schema.inputs.len() - self.holes.len() + hole
    }

    /// Selects the facts of rows; `wanted` says, by row, which, and `facts` what those are by hole.
    pub fn select<'a>(
        &self,
        bound: &Bound,
        wanted: &[usize],
        facts: &impl Fn(usize) -> &'a [Vec<i128>],
        inputs: &mut Columns,
    ) {
        for (hole, periods) in bound.periods.iter().enumerate() {
            // many rows want the same
            let mut known: BTreeMap<usize, u32> = BTreeMap::new();
            for (row, wants) in wanted.iter().enumerate() {
                let period = *known.entry(*wants).or_insert_with(|| periods[&facts(*wants)[hole]]);
                inputs.set(self.selector(hole), row, Some(period.into()));
            }
        }
    }

    /// Whether rows tell what they look up.
    pub fn tells_entries(&self) -> bool {
        !self.places.is_empty()
    }

    /// What a decided row looked up, by place.
    pub fn looked_up<'a>(&'a self, outputs: &'a Columns, row: usize) -> impl Iterator<Item = i32> + 'a {
        let first = self.program.schema.outputs.len() - self.places.len();
        (0..self.places.len()).map(move |place| {
            let entry = outputs.get(first + place, row).expect("an output is never missing");
            entry.clamp(UNKNOWN, i32::MAX.into()) as i32
        })
    }

    /// The lines of the facts of a name that a row looked up in any run; `None` if they are not known.
    pub fn lines_met(&self, name: &str, looked_up: &[i32]) -> Option<BTreeSet<usize>> {
        let mut lines = BTreeSet::new();
        let places = self.places.iter().cycle().zip(looked_up);
        for (hole, entry) in places.filter(|(hole, _)| self.holes[**hole].name == name) {
            let keys = &self.holes[*hole].keys;
            match i128::from(*entry) {
                NOT_MET => {}
                UNKNOWN => return None,
                entry => lines.extend(keys[entry.clamp(0, keys.len() as i128 - 1) as usize].line),
            }
        }
        let is_traced = self.holes.iter().any(|hole| hole.name == name && hole.keys.len() > 1);
        is_traced.then_some(lines)
    }
}

impl HoleOf {
    /// By key, what the hole can have.
    fn choices(&self, world: &World, on: &Switches, day: Day) -> Vec<Choices<'_>> {
        let of_key = |key| {
            let found = KeyOf::found(key, world, on, day).0.ok();
            let others = if self.copy.is_some() { key.others(world, found, day) } else { Vec::new() };
            Choices { found, others }
        };
        self.keys.iter().map(of_key).collect()
    }

    /// The integers that the hole has in a run.
    fn chosen(&self, choices: &[Choices], run: usize) -> Vec<i128> {
        let takes_others = self.copy.as_ref().is_some_and(|copy| copy.takes_others);
        let per_key = self.least.len() / self.keys.len();
        let of_key = |(choices, least): (&Choices, &[i128])| {
            let other = choices.others.get(run % choices.others.len().max(1)).copied();
            let chosen = if takes_others { other.or(choices.found) } else { choices.found.or(other) };
            chosen.map_or_else(|| least.to_vec(), Vec::clone)
        };
        choices.iter().zip(self.least.chunks(per_key)).flat_map(of_key).collect()
    }
}

/// What a hole can have for a key.
struct Choices<'a> {
    /// What the set finds, if it fits.
    found: Option<&'a Vec<i128>>,
    /// What other sets can find, if it fits and is something else.
    others: Vec<&'a Vec<i128>>,
}

impl KeyOf {
    /// What a set finds, or what is wrong, and the edits that were read for it.
    fn found(&self, world: &World, on: &Switches, day: Day) -> (Result<&Vec<i128>, String>, Switches) {
        let Some(line) = self.line else {
            return (Err("is not in the snapshot".to_owned()), Switches::default());
        };
        let walk = world.lines(line).walk(day, on);
        let found = match walk.found {
            Ok((at, side)) => {
                let typed = self.typed[at][side].as_ref().expect("the walk found a fact");
                typed.as_ref().map_err(Clone::clone)
            }
            Err(NotOne::Missing) => Err("there is no fact".to_owned()),
            Err(NotOne::Several) => {
                Err("there are several facts, and no `effective on` selects one".to_owned())
            }
        };
        (found, walk.read)
    }

    /// What other sets can find, if it fits and is something else.
    fn others(&self, world: &World, found: Option<&Vec<i128>>, day: Day) -> Vec<&Vec<i128>> {
        let Some(line) = self.line else { return Vec::new() };
        let mut others: Vec<&Vec<i128>> = Vec::new();
        for (at, side) in world.lines(line).possible(day) {
            if let Some(Ok(entries)) = &self.typed[at][side]
                && Some(entries) != found
                && !others.contains(&entries)
            {
                others.push(entries);
                if others.len() > OTHERS_MAX {
                    break;
                }
            }
        }
        others
    }
}

impl Bound {
    /// Whether rows find the facts that they need.
    pub fn has(&self, needed: &Needed) -> bool {
        let has = |(needed, periods): (&HashSet<Vec<i128>>, &HashMap<Vec<i128>, u32>)| {
            needed.iter().all(|entries| periods.contains_key(entries))
        };
        needed.iter().zip(&self.periods).all(has)
    }
}

/// How many integers there are.
fn size<'a>(all: impl Iterator<Item = &'a Vec<i128>>) -> usize {
    all.map(Vec::len).sum()
}

fn policy(artifact: Artifact) -> Result<Policy, String> {
    let options = Options { engine: Engine::Vm, cache: Cache::Off, ..Options::default() };
    Policy::from_artifact(artifact, &options).map_err(|error| error.to_string())
}

/// The least integers that a hole may have.
fn least(hole: &Hole, schema: &Schema) -> Vec<i128> {
    let entry = match &hole.shape {
        Shape::Value { domain, .. } | Shape::Table { domain, .. } => domain.range.lo,
        Shape::Set(_) => 0,
    };
    let open = hole.open(0, schema).expect("the program was verified");
    vec![entry; open.count as usize]
}

/// A place where a function looks up a table of facts.
struct Place {
    block: Block,
    hole: usize,
    index: Value,
}

/// A program with an input for each hole, and an output for each place where one of some holes is looked up; by output,
/// the hole.
fn instrumented(program: &Program<Verified>, traced: &[usize]) -> (Program, Vec<usize>) {
    let mut schema = program.schema.clone();
    let input = |hole: usize| Field {
        name: format!("facts {hole}"),
        kind: Kind::Int,
        domain: Domain::all(SELECTED),
        optional: false,
    };
    schema.inputs.extend((0..program.holes.len()).map(input));
    let found: Vec<Vec<Place>> =
        program.versions.iter().map(|version| places(&version.decide, traced)).collect();
    let count = |hole: usize| {
        let of_version = |places: &Vec<Place>| places.iter().filter(|place| place.hole == hole).count();
        found.iter().map(of_version).max().unwrap_or(0)
    };
    let outputs: Vec<(usize, usize)> =
        traced.iter().flat_map(|hole| (0..count(*hole)).map(|number| (*hole, number))).collect();
    // an index is of any size: the engines bring it into the table
    let index = |(version, place): (&Version<Verified>, &Place)| version.decide.values[place.index].range;
    let indices = program.versions.iter().zip(&found);
    let indices = indices.flat_map(|(version, places)| places.iter().map(move |place| (version, place)));
    let range = indices.map(index).fold(Interval::new(UNKNOWN, NOT_MET), Interval::hull);
    schema.outputs.extend((0..outputs.len()).map(|number| Field {
        name: format!("entry {number}"),
        kind: Kind::Int,
        domain: Domain::all(range),
        optional: false,
    }));
    let fields = schema.field_ranges();
    let version = |(version, places): (&Version<Verified>, &Vec<Place>)| {
        let mut admit: Func = (*version.admit).clone();
        let mut decide: Func = (*version.decide).clone();
        admit.fields.clone_from(&fields);
        decide.fields.clone_from(&fields);
        tell(&mut decide, places, &outputs, range);
        Version {
            number: version.number,
            from: version.from,
            until: version.until,
            cite: version.cite.clone(),
            requires: version.requires.clone(),
            admit,
            decide,
        }
    };
    let instrumented = Program {
        name: program.name.clone(),
        schema,
        rules: program.rules.clone(),
        requires: program.requires.clone(),
        holes: program.holes.clone(),
        versions: program.versions.iter().zip(&found).map(version).collect(),
    };
    (instrumented, outputs.into_iter().map(|(hole, _)| hole).collect())
}

fn places(func: &Func, traced: &[usize]) -> Vec<Place> {
    let mut places = Vec::new();
    for (block, data) in func.blocks.iter() {
        for value in &data.body {
            let Some(inst) = func.inst(*value).filter(|inst| inst.op == Op::Lookup) else { continue };
            let open = func.entries(inst).and_then(opus_ir::Entries::open);
            if let Some(hole) = open.map(|open| open.hole as usize).filter(|hole| traced.contains(hole)) {
                places.push(Place { block, hole, index: inst.args()[0] });
            }
        }
    }
    places
}

/// Gives every decision the entries that were looked up on the way to it.
fn tell(func: &mut Func, places: &[Place], outputs: &[(usize, usize)], range: Interval) {
    func.results.extend(outputs.iter().map(|_| range));
    if outputs.is_empty() {
        return;
    }
    let dominators = Dominators::of(func).expect("every block of a verified function is entered");
    let mut before: BTreeMap<Block, BTreeSet<Block>> = BTreeMap::new();
    for (block, data) in func.blocks.iter() {
        let mut behind = before.get(&block).cloned().unwrap_or_default();
        behind.insert(block);
        for target in data.end.targets() {
            before.entry(target.block).or_default().extend(&behind);
        }
    }
    let blocks: Vec<Block> = func.blocks.keys().collect();
    for block in blocks {
        if !matches!(func.blocks[block].end, End::Decide { .. }) {
            continue;
        }
        let mut told = Vec::new();
        for (hole, number) in outputs {
            let place = places.iter().filter(|place| place.hole == *hole).nth(*number);
            let is_before = |place: &Place| {
                place.block == block || before.get(&block).is_some_and(|blocks| blocks.contains(&place.block))
            };
            told.push(match place {
                Some(place)
                    if dominators.dominates(place.block, block) && !func.values[place.index].ty.is_bool() =>
                {
                    place.index
                }
                Some(place) if is_before(place) => constant(func, block, UNKNOWN),
                _ => constant(func, block, NOT_MET),
            });
        }
        if let End::Decide { outputs, .. } = &mut func.blocks[block].end {
            outputs.extend(told);
        }
    }
}

fn constant(func: &mut Func, block: Block, x: i128) -> Value {
    let range = Interval::point(x);
    let def = Def::Inst(Inst::new(Op::Const, &[], x));
    let value = func.values.push(ValueData { ty: Type::I64, range, def });
    func.blocks[block].body.push(value);
    value
}
