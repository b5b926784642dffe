//! Is a function what it claims to be? The check that every loader makes, without trusting the compiler.
//!
//! Each claim is derived again from claims that an execution has met before it: a value's interval by its op's
//! transfer function from the intervals of its operands, a parameter's from the arguments on every edge, a
//! refinement's from the branch that dominates it. By induction over any execution all claims then hold, in
//! whatever order they were checked. Nothing here recurses, and the work is near-linear in the function
//! whatever it holds; what an attacker could inflate has a limit that is a constant of the format.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use cranelift_entity::{EntityRef, PrimaryMap, SecondaryMap};

use crate::dominators::Dominators;
use crate::facts::{self, Facts};
use crate::func::{Block, BlockData, Def, End, Entries, Func, Inst, Table, Target, Value};
use crate::interval::Interval;
use crate::ops::{Class, Imm, Op};
use crate::proof::{self, Node, Poly, Proofs, Scope, Side, Work, required};

/// How many table entries the transfer functions of one function may look at together.
pub const ENTRIES_READ_MAX: usize = 1 << 26;

/// A function whose every claim has been derived again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    func: Func,
    certificate: Certificate,
}

/// What holds for every input of a verified function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// How many instructions there are, ends of blocks not counted.
    pub instructions: u64,
    /// The largest absolute value that any value can have.
    pub largest_magnitude: i128,
    /// The instructions and ends of blocks on the longest path: no decision executes more.
    pub steps_max: u64,
}

/// Where something is wrong, and what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invalid {
    /// Where.
    pub place: Location,
    /// What, in lower case and without a full stop.
    pub message: String,
}

/// A place in a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Location {
    /// The function as a whole.
    Func,
    /// The input field with this index.
    Field(usize),
    /// The output with this index.
    Result(usize),
    /// A table.
    Table(Table),
    /// A block, its parameters or its end.
    Block(Block),
    /// A value.
    Value(Value),
}

impl Verified {
    /// What holds for every input.
    pub fn certificate(&self) -> Certificate {
        self.certificate
    }

    /// The function, to be changed; what was proved is forgotten.
    pub fn into_inner(self) -> Func {
        self.func
    }
}

impl Borrow<Func> for Verified {
    fn borrow(&self) -> &Func {
        &self.func
    }
}

impl Deref for Verified {
    type Target = Func;

    fn deref(&self) -> &Func {
        &self.func
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Func => write!(f, "the function"),
            Location::Field(index) => write!(f, "field {index}"),
            Location::Result(index) => write!(f, "output {index}"),
            Location::Table(table) => write!(f, "{table}"),
            Location::Block(block) => write!(f, "{block}"),
            Location::Value(value) => write!(f, "{value}"),
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for Invalid {}

/// Checks every claim of a function.
///
/// ```
/// use opus_ir::{Builder, End, Interval, verify};
/// let mut builder = Builder::new(vec![], vec![Interval::new(0, 9)]);
/// let seven = builder.constant(7);
/// builder.end(End::Decide { rule: 0, outputs: vec![seven] });
/// let mut func = builder.finish();
/// assert_eq!(verify(func.clone()).unwrap().certificate().steps_max, 2);
///
/// func.results[0] = Interval::new(0, 5);
/// assert!(verify(func).unwrap_err().to_string().contains("output 0"));
/// ```
///
/// # Errors
/// The first claim that does not hold.
pub fn verify(func: Func) -> Result<Verified, Invalid> {
    let certificate = check(&func, Trust::Proofs)?;
    Ok(Verified { func, certificate })
}

/// As [`verify`], but `bound` is believed: what passes have made of a function has no proofs any more. For tests.
///
/// # Errors
/// As [`verify`].
#[cfg(any(test, feature = "testing"))]
pub fn believe(func: Func) -> Result<Verified, Invalid> {
    let certificate = check(&func, Trust::Claims)?;
    Ok(Verified { func, certificate })
}

/// Whether proofs are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trust {
    /// A claim that no transfer function gives has a proof.
    Proofs,
    /// `bound` is believed: between two passes there are no proofs, and after the last they are searched again.
    Claims,
}

/// The check itself, for callers that keep the function.
pub(crate) fn check(func: &Func, trust: Trust) -> Checked<Certificate> {
    check_declarations(func)?;
    check_targets(func)?;
    let dominators =
        Dominators::of(func).map_err(|block| invalid(Location::Block(block), "nothing goes here"))?;
    let places = check_places(func)?;
    let origins = facts::origins(func);
    let facts = Facts::with_origins(func, &origins);
    let mut checker = Checker {
        func,
        facts,
        dominators: &dominators,
        places: &places,
        established: Established::new(func, facts),
        ascending: SecondaryMap::new(),
        entries_left: ENTRIES_READ_MAX,
        work: Work::default(),
        trust,
        output_is_truth: None,
    };
    for value in func.proofs.keys() {
        let exists = func.values.is_valid(*value);
        ensure(exists, Location::Func, || format!("there is a proof about {value}, which does not exist"))?;
    }
    for block in dominators.preorder() {
        checker.check_block(*block)?;
    }
    Ok(certify(func))
}

type Checked<T> = Result<T, Invalid>;

fn invalid(place: Location, message: impl Into<String>) -> Invalid {
    Invalid { place, message: message.into() }
}

/// Refuses unless `holds`.
fn ensure(holds: bool, place: Location, message: impl FnOnce() -> String) -> Checked<()> {
    if holds { Ok(()) } else { Err(invalid(place, message())) }
}

fn check_declarations(func: &Func) -> Checked<()> {
    let sane = |range: Interval, place| {
        ensure(range.lo <= range.hi, place, || format!("the interval {range} is empty"))
    };
    for (i, field) in func.fields.iter().enumerate() {
        sane(field.range, Location::Field(i))?;
        let fits = !field.is_bool || Interval::BOOL.contains_all(field.range);
        ensure(fits, Location::Field(i), || format!("a truth value has the interval {}", field.range))?;
    }
    for (i, range) in func.results.iter().enumerate() {
        sane(*range, Location::Result(i))?;
    }
    for (table, entries) in func.tables.iter() {
        let Some(open) = entries.open() else { continue };
        sane(open.range, Location::Table(table))?;
        ensure(open.count > 0, Location::Table(table), || "a hole without entries".into())?;
    }
    for (value, data) in func.values.iter() {
        sane(data.range, Location::Value(value))?;
        let fits = data.ty.range().contains_all(data.range);
        ensure(fits, Location::Value(value), || format!("the interval {} is no {}", data.range, data.ty))?;
    }
    let entry = func.blocks.values().next();
    let entered_with = entry.ok_or_else(|| invalid(Location::Func, "there is no block"))?.params.len();
    ensure(entered_with == 0, Location::Block(Block::new(0)), || "the entry has parameters".into())
}

fn check_targets(func: &Func) -> Checked<()> {
    for (block, data) in func.blocks.iter() {
        let place = Location::Block(block);
        for target in data.end.targets() {
            let known = func.blocks.is_valid(target.block);
            ensure(known, place, || format!("there is no {}", target.block))?;
            let later = target.block > block;
            ensure(later, place, || {
                format!("it goes back to {}: blocks only go to later ones", target.block)
            })?;
        }
        if let End::Branch(_, then, otherwise) = &data.end {
            let differ = then.block != otherwise.block;
            ensure(differ, place, || format!("both sides of the branch go to {}", then.block))?;
        }
    }
    Ok(())
}

/// Where a value is defined: the block, and the rank there (parameters come before instructions).
#[derive(Clone, Copy)]
struct Definition {
    block: Block,
    rank: u32,
}

/// Where every value is defined: exactly once.
fn check_places(func: &Func) -> Checked<PrimaryMap<Value, Definition>> {
    let mut places: PrimaryMap<Value, Option<Definition>> = func.values.values().map(|_| None).collect();
    for (block, data) in func.blocks.iter() {
        let params = data.params.iter().map(|value| (*value, true));
        let body = data.body.iter().map(|value| (*value, false));
        for (rank, (value, is_param)) in params.chain(body).enumerate() {
            let known = func.values.get(value);
            let known =
                known.ok_or_else(|| invalid(Location::Block(block), format!("there is no {value}")))?;
            let expected =
                if is_param { known.def == Def::Param(block) } else { matches!(known.def, Def::Inst(_)) };
            ensure(expected, Location::Value(value), || format!("its definition is not the one in {block}"))?;
            let twice = places[value].replace(Definition { block, rank: rank as u32 }).is_some();
            ensure(!twice, Location::Value(value), || "it is defined twice".into())?;
        }
    }
    let missing = |value| invalid(Location::Value(value), "it is defined in no block");
    places.iter().map(|(value, place)| place.ok_or_else(|| missing(value))).collect()
}

/// The parts of conditions that are known in the block that is being checked and in those that dominate it.
struct Established {
    /// Whether some refinement names the condition: others are not worth remembering.
    asked: SecondaryMap<Value, bool>,
    /// How many enclosing branches establish that a condition has failed, and that it holds.
    count: SecondaryMap<Value, [u32; 2]>,
    /// What to take back when the blocks that a block dominates have been checked.
    scopes: Vec<(Block, Vec<(Value, bool)>)>,
}

impl Established {
    fn new(func: &Func, facts: Facts) -> Established {
        let mut asked = SecondaryMap::new();
        let refinements = func.values.values().filter_map(|data| match &data.def {
            Def::Inst(inst) if inst.op == Op::Refine => inst.args().get(1),
            _ => None,
        });
        let nodes = func.proofs.values().flat_map(Proofs::iter).flat_map(|proof| &proof.nodes);
        let known = nodes
            .filter_map(|node| if let Node::Known(condition, _) = node { Some(condition) } else { None });
        for condition in refinements.chain(known).filter(|condition| func.values.is_valid(**condition)) {
            asked[facts.origin(*condition)] = true;
        }
        Established { asked, count: SecondaryMap::new(), scopes: Vec::new() }
    }

    /// Enters a block, in the preorder of `dominators`.
    fn enter(&mut self, block: Block, dominators: &Dominators, facts: Facts) {
        while let Some((above, parts)) = self.scopes.pop() {
            if dominators.dominates(above, block) {
                self.scopes.push((above, parts));
                break;
            }
            parts.iter().for_each(|(part, holds)| self.count[*part][*holds as usize] -= 1);
        }
        let Some((condition, holds)) = dominators.entered_by(block) else { return };
        let mut parts = facts.parts(condition, holds);
        parts.retain(|(part, _)| self.asked[*part]);
        parts.iter().for_each(|(part, holds)| self.count[*part][*holds as usize] += 1);
        self.scopes.push((block, parts));
    }

    fn holds(&self, condition: Value, polarity: bool) -> bool {
        self.count[condition][polarity as usize] > 0
    }
}

struct Checker<'a> {
    func: &'a Func,
    facts: Facts<'a>,
    dominators: &'a Dominators,
    places: &'a PrimaryMap<Value, Definition>,
    established: Established,
    ascending: SecondaryMap<Table, bool>,
    entries_left: usize,
    /// What is left for proofs.
    work: Work,
    trust: Trust,
    output_is_truth: Option<Vec<bool>>,
}

impl Checker<'_> {
    fn check_block(&mut self, block: Block) -> Checked<()> {
        let func = self.func;
        let data = &func.blocks[block];
        self.established.enter(block, self.dominators, self.facts);
        for value in &data.body {
            let Def::Inst(inst) = &func.values[*value].def else {
                unreachable!("the definitions of values in a body are instructions: that was checked before")
            };
            let at = Definition { block, rank: self.places[*value].rank };
            self.check_inst(*value, inst, at)?;
        }
        self.check_end(block, data)
    }

    fn check_inst(&mut self, value: Value, inst: &Inst, at: Definition) -> Checked<()> {
        let place = Location::Value(value);
        for arg in inst.args() {
            self.check_use(*arg, at, place)?;
        }
        check_classes(self.func, value, inst)?;
        let is_known = inst.op.row().imm.is_valid(inst.imm, self.func);
        ensure(is_known, place, || format!("`{}` has no immediate {}", inst.op.row().mnemonic, inst.imm))?;
        self.check_result_class(value, inst)?;
        if inst.op.row().imm == Imm::Table {
            self.check_table(value, inst)?;
        }
        match inst.op {
            Op::Refine => self.check_refinement(value, inst, at),
            _ => self.check_claim(value, inst, at, Interval::FULL),
        }
    }

    /// A use is dominated by the definition.
    fn check_use(&self, used: Value, at: Definition, place: Location) -> Checked<()> {
        let defined = self.places.get(used);
        let defined = defined.ok_or_else(|| invalid(place, format!("there is no {used}")))?;
        let before = if defined.block == at.block {
            defined.rank < at.rank
        } else {
            self.dominators.dominates(defined.block, at.block)
        };
        ensure(before, place, || format!("{used} is not defined on every path to here"))
    }

    fn check_result_class(&self, value: Value, inst: &Inst) -> Checked<()> {
        let is_truth = self.func.values[value].ty.is_bool();
        let expected = self.func.gives_truth(inst).unwrap_or(is_truth);
        ensure(is_truth == expected, Location::Value(value), || {
            format!("`{}` gives {}", inst.op.row().mnemonic, named(expected))
        })
    }

    fn check_claim(
        &mut self,
        value: Value,
        inst: &Inst,
        at: Definition,
        established: Interval,
    ) -> Checked<()> {
        let (place, mnemonic) = (Location::Value(value), inst.op.row().mnemonic);
        let claimed = self.func.values[value].range;
        let given = self.func.transfer_where(inst, established);
        let no_more = || match given {
            Ok(derived) => format!("it claims {claimed}, but `{mnemonic}` gives {derived}"),
            Err(why) => format!("`{mnemonic}` is not proved: {why}"),
        };
        let derived = match given {
            Ok(derived) => derived,
            Err(why) if inst.op.may_be_proved(why) => Interval::FULL,
            Err(_) => return Err(invalid(place, no_more())),
        };
        let is_trusted = self.trust == Trust::Claims && (inst.op == Op::Bound || given.is_err());
        if is_trusted || (given.is_ok() && claimed.contains_all(derived)) {
            return Ok(());
        }
        // a result that could leave 128 bits needs a proof of both ends
        let is_within = claimed.lo > i128::MIN && claimed.hi < i128::MAX;
        let proofs = self.func.proofs.get(&value).filter(|_| given.is_ok() || is_within);
        let proofs = proofs.ok_or_else(|| invalid(place, no_more()))?;
        let atom = Poly::of(self.facts.origin(value));
        let low = (claimed.lo > derived.lo).then(|| (&proofs.low, atom.at_least(claimed.lo)));
        let high = (claimed.hi < derived.hi).then(|| (&proofs.high, atom.at_most(claimed.hi)));
        for (proof, goal) in low.into_iter().chain(high) {
            let (Some(proof), Some(goal)) = (proof, goal) else { return Err(invalid(place, no_more())) };
            let mut work = self.work;
            let is_own_used = !required(Side::OwnClaim);
            let about = (value, if is_own_used { claimed } else { derived });
            let mut scope = Scope::new(self.func, self.facts, Some(about));
            let is_own = |used: Value| used == value && (!inst.op.is_claim() || is_own_used);
            let is_defined = |used: Value| match required(Side::Usable) {
                true => self.check_use(used, at, place).is_ok(),
                false => self.func.values.is_valid(used),
            };
            let usable = |used: Value| is_own(used) || is_defined(used);
            let passed =
                |condition: Value, holds: bool| self.established.holds(self.facts.origin(condition), holds);
            let checked = proof::check(proof, &goal, &mut scope, &mut work, &usable, &passed);
            checked.map_err(|gap| {
                invalid(place, format!("{}; its proof does not show more: {gap}", no_more()))
            })?;
            self.work = work;
        }
        Ok(())
    }

    fn check_refinement(&mut self, value: Value, inst: &Inst, at: Definition) -> Checked<()> {
        let [refined, condition] = inst.operands();
        let polarity = inst.imm != 0;
        let known = self.established.holds(self.facts.origin(condition), polarity);
        ensure(known, Location::Value(value), || {
            let side = if polarity { "holds" } else { "has failed" };
            format!("that {condition} {side} is not established here by a branch on it")
        })?;
        // a contradiction, which no row reaches, narrows nothing
        let narrowed = self.facts.narrowed(refined, condition, polarity);
        self.check_claim(value, inst, at, narrowed.unwrap_or(Interval::FULL))
    }

    fn check_table(&mut self, value: Value, inst: &Inst) -> Checked<()> {
        let (name, table) = (Table::new(inst.imm as usize), self.func.table(inst));
        if inst.op == Op::Bucket && !self.ascending[name] {
            let ascending = table.is_sorted_by(|a, b| a < b);
            ensure(ascending, Location::Table(name), || {
                "its entries do not ascend, as `bucket` needs them to".into()
            })?;
            self.ascending[name] = true;
        }
        if inst.op == Op::Lookup {
            let index = self.func.values[inst.args()[0]].range;
            let count = self.func.entries(inst).map_or(0, Entries::count);
            let last = count.saturating_sub(1) as i128;
            let read = (index.hi.clamp(0, last) - index.lo.clamp(0, last)) as usize;
            let left = self.entries_left.checked_sub(read);
            let message = "tables are looked up so often that checking them would take too long";
            self.entries_left = left.ok_or_else(|| invalid(Location::Value(value), message))?;
        }
        Ok(())
    }

    fn check_end(&mut self, block: Block, data: &BlockData) -> Checked<()> {
        let at = Definition { block, rank: u32::MAX };
        for used in data.end.uses() {
            self.check_use(used, at, Location::Block(block))?;
        }
        if let End::Branch(condition, ..) = &data.end {
            let is_truth = self.func.values[*condition].ty.is_bool();
            ensure(is_truth, Location::Block(block), || {
                format!("it branches on {condition}, which is an integer")
            })?;
        }
        if let End::Decide { outputs, .. } = &data.end {
            self.check_outputs(block, outputs)?;
        }
        data.end.targets().try_for_each(|target| self.check_edge(block, target))
    }

    fn check_edge(&self, block: Block, target: &Target) -> Checked<()> {
        let (place, params) = (Location::Block(block), &self.func.blocks[target.block].params);
        ensure(params.len() == target.args.len(), place, || {
            format!(
                "{} is entered with {} values, and takes {}",
                target.block,
                target.args.len(),
                params.len()
            )
        })?;
        for (param, arg) in params.iter().zip(&target.args) {
            let (takes, given) = (&self.func.values[*param], &self.func.values[*arg]);
            let alike = takes.ty.is_bool() == given.ty.is_bool();
            ensure(alike, place, || format!("{param} is {}, {arg} is not", named(takes.ty.is_bool())))?;
            ensure(takes.range.contains_all(given.range), place, || {
                format!("{param} claims {}, but {arg} has {}", takes.range, given.range)
            })?;
        }
        Ok(())
    }

    fn check_outputs(&mut self, block: Block, outputs: &[Value]) -> Checked<()> {
        let (place, results) = (Location::Block(block), &self.func.results);
        ensure(outputs.len() == results.len(), place, || {
            format!("it decides {} outputs of {}", outputs.len(), results.len())
        })?;
        for (i, (output, result)) in outputs.iter().zip(results).enumerate() {
            let range = self.func.values[*output].range;
            ensure(result.contains_all(range), place, || {
                format!("output {i} keeps {result}, but {output} has {range}")
            })?;
        }
        let truths: Vec<bool> = outputs.iter().map(|output| self.func.values[*output].ty.is_bool()).collect();
        let agreed = self.output_is_truth.get_or_insert_with(|| truths.clone());
        ensure(*agreed == truths, place, || "an output is a truth value here and an integer elsewhere".into())
    }
}

/// Whether an instruction has the operands that its row asks for. They exist.
pub(crate) fn check_classes(func: &Func, value: Value, inst: &Inst) -> Checked<()> {
    let (place, row, args) = (Location::Value(value), inst.op.row(), inst.args());
    ensure(args.len() == row.params.len(), place, || {
        format!("`{}` takes {} operands, not {}", row.mnemonic, row.params.len(), args.len())
    })?;
    let truth = |arg: &Value| func.values[*arg].ty.is_bool();
    let mut any = None;
    for ((name, class), arg) in row.params.iter().zip(args) {
        let expected = match class {
            Class::Int | Class::Small => false,
            Class::Bool => true,
            Class::Any => *any.get_or_insert(truth(arg)),
        };
        ensure(truth(arg) == expected, place, || {
            format!("the operand `{name}` of `{}` is {}, {arg} is not", row.mnemonic, named(expected))
        })?;
    }
    Ok(())
}

fn named(is_truth: bool) -> &'static str {
    if is_truth { "a truth value" } else { "an integer" }
}

fn certify(func: &Func) -> Certificate {
    let mut steps_from: SecondaryMap<Block, u64> = SecondaryMap::with_capacity(func.blocks.len());
    for (block, data) in func.blocks.iter().rev() {
        let onwards = data.end.targets().map(|target| steps_from[target.block]).max().unwrap_or(0);
        steps_from[block] = onwards + data.body.len() as u64 + 1;
    }
    let magnitudes = func.values.values().map(|data| data.range.magnitude());
    Certificate {
        instructions: func.blocks.values().map(|data| data.body.len() as u64).sum(),
        largest_magnitude: magnitudes.max().unwrap_or(0),
        steps_max: steps_from[Block::new(0)],
    }
}
