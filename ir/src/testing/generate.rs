//! Any valid function: every op, every type, unstructured acyclic graphs, parameters, tables, refinements.
//!
//! Blocks are built in order. What is visible in a block are the values of the blocks that dominate it; what may
//! be refined follows from the branches among them. An instruction that has no proved interval is left out. Some
//! values have narrower claims with proofs.

mod lies;
mod proved;

use super::Source;
use crate::date::{DAY_MAX, DAY_MIN, MonthEnd};
use crate::dominators::Tree;
use crate::facts::Facts;
use crate::func::{Block, Builder, Def, End, FieldRange, Func, Table, Target, Value};
use crate::interval::Interval;
use crate::ops::{Class, Imm, Op, Unproved};
use crate::rounding::Rounding;
use crate::types::Type;

const BLOCKS_MAX: usize = 14;
const INSTRUCTIONS_MAX: usize = 9;

/// A valid function.
pub fn func(source: &mut impl Source) -> Func {
    written(source, false)
}

/// A function with a claim that is wrong on some rows. Its proof shows nothing, for one reason alone.
pub(super) fn with_lie(source: &mut impl Source) -> Func {
    written(source, true)
}

fn written(source: &mut impl Source, has_lie: bool) -> Func {
    let fields = (0..1 + source.below(6)).map(|_| field(source)).collect();
    let results: Vec<(bool, Interval)> = (0..source.below(4)).map(|_| result(source)).collect();
    let mut builder = Builder::new(fields, results.iter().map(|(_, range)| *range).collect());
    (0..source.below(4)).for_each(|_| table(source, &mut builder));
    let count = 1 + source.below(BLOCKS_MAX);
    let blocks: Vec<Block> =
        (0..count).map(|i| if i == 0 { builder.current() } else { builder.block() }).collect();
    for block in &blocks[1..] {
        (0..source.below(3)).for_each(|_| param(source, &mut builder, *block));
    }
    let writer = Writer {
        source,
        builder,
        results,
        tree: Tree::new(count),
        own: vec![Vec::new(); count],
        entered_by: vec![Vec::new(); count],
        blocks,
        has_lie,
    };
    writer.write()
}

/// An admitted row of a function: values by field, and which of them are present.
pub fn row(func: &Func, source: &mut impl Source) -> (Vec<i128>, Vec<bool>) {
    let present = func.fields.iter().map(|field| !field.optional || !source.one_in(3)).collect();
    let values = func.fields.iter().map(|field| source.within(field.range)).collect();
    (values, present)
}

/// Ranges such as policies have, and some that only an attacker would.
fn range(source: &mut impl Source) -> Interval {
    const RANGES: &[Interval] = &[
        Interval::new(0, 3),
        Interval::new(-3, 5),
        Interval::new(0, 100),
        Interval::new(300, 850),
        Interval::new(0, 1_000_000_000),
        Interval::new(12_000, 22_000),
        Interval::new(-40_000_000_000, 40_000_000_000),
        Interval::new(1, 1),
        Interval::new(i32::MIN as i128, i32::MAX as i128),
        Interval::new(i64::MIN as i128, i64::MAX as i128),
        Interval::new(-1_000_000_000_000_000_000_000_000, 5),
        Interval::FULL,
        Interval::new(DAY_MIN, DAY_MAX),
    ];
    // the first ones more often
    let among = 1 + source.below(RANGES.len());
    RANGES[source.below(among)]
}

fn field(source: &mut impl Source) -> FieldRange {
    let (is_bool, optional) = (source.one_in(4), source.one_in(3));
    let range = if is_bool { Interval::BOOL } else { range(source) };
    FieldRange { is_bool, optional, range }
}

fn result(source: &mut impl Source) -> (bool, Interval) {
    let is_truth = source.one_in(4);
    (is_truth, if is_truth { Interval::BOOL } else { range(source) })
}

fn table(source: &mut impl Source, builder: &mut Builder) {
    let range = range(source);
    let mut entries: Vec<i128> = (0..source.below(7)).map(|_| source.within(range)).collect();
    if !source.one_in(3) {
        entries.sort_unstable();
        entries.dedup();
    }
    builder.table(entries);
}

fn param(source: &mut impl Source, builder: &mut Builder, block: Block) {
    if source.one_in(3) {
        builder.param(block, Type::Bool, Interval::BOOL);
    } else {
        let range = range(source);
        builder.param(block, Type::narrowest(range), range);
    }
}

struct Writer<'a, S> {
    source: &'a mut S,
    builder: Builder,
    results: Vec<(bool, Interval)>,
    blocks: Vec<Block>,
    tree: Tree,
    /// The values that each block defines.
    own: Vec<Vec<Value>>,
    /// The sides of branches, or `None` for jumps, by which each block is entered.
    entered_by: Vec<Vec<Option<(Value, bool)>>>,
    /// Whether the first block, which every row comes to, has a wrong claim.
    has_lie: bool,
}

impl<S: Source> Writer<'_, S> {
    fn write(mut self) -> Func {
        for i in 0..self.blocks.len() {
            self.tree.settle(i);
            self.builder.switch_to(self.blocks[i]);
            self.own[i] = self.builder.func().blocks[self.blocks[i]].params.clone();
            for _ in 0..self.source.below(INSTRUCTIONS_MAX) {
                self.instruction(i);
            }
            if i == 0 && self.has_lie {
                const TRIES: usize = 4;
                (0..TRIES).find_map(|_| self.lie(i));
            }
            self.end(i);
        }
        let mut func = self.builder.finish();
        vary_types(self.source, &mut func);
        func
    }

    /// The blocks that dominate the block with this number, itself first.
    fn above(&self, block: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(block), |block| self.tree.parent(*block))
    }

    fn is_truth(&self, value: Value) -> bool {
        self.builder.func().values[value].ty.is_bool()
    }

    fn visible(&self, block: usize, is_truth: bool) -> Vec<Value> {
        let all = self.above(block).flat_map(|above| self.own[above].iter().copied());
        all.filter(|value| self.is_truth(*value) == is_truth).collect()
    }

    /// A value that is visible; a new constant if there is none or by chance.
    fn operand(&mut self, block: usize, is_truth: bool) -> Value {
        let mut visible = self.visible(block, is_truth);
        if !self.source.one_in(4) {
            visible.retain(|value| self.builder.range(*value).single().is_none());
        }
        let known = self.source.pick(&visible).copied().filter(|_| !self.source.one_in(6));
        known.unwrap_or_else(|| {
            let near = if is_truth { Interval::BOOL } else { self.nearby(&visible) };
            let x = self.source.within(near);
            self.constant(block, is_truth, x)
        })
    }

    /// An interval in which constants are worth comparing with.
    fn nearby(&mut self, visible: &[Value]) -> Interval {
        let range = self.source.pick(visible).map(|value| self.builder.range(*value));
        range.unwrap_or_else(|| range_of(self.source))
    }

    fn constant(&mut self, block: usize, is_truth: bool, x: i128) -> Value {
        let value = if is_truth { self.builder.truth(x != 0) } else { self.builder.constant(x) };
        self.own[block].push(value);
        value
    }

    fn push(&mut self, block: usize, op: Op, args: &[Value], imm: i128) -> Option<Value> {
        self.try_push(block, op, args, imm).ok()
    }

    fn try_push(&mut self, block: usize, op: Op, args: &[Value], imm: i128) -> Result<Value, Unproved> {
        let value = self.builder.push(op, args, imm)?;
        self.own[block].push(value);
        Ok(value)
    }

    fn instruction(&mut self, block: usize) {
        let op = Op::ALL[self.source.below(Op::ALL.len())];
        // what may be said of a value is rare, so it is tried more often than its share
        let op = match self.source.below(8) {
            0 => Op::Refine,
            1 => Op::Bound,
            _ => op,
        };
        match op {
            Op::Const => {
                self.operand(block, false);
            }
            Op::Refine => self.refinement(block),
            Op::Bound => self.proved(block),
            _ => self.ordinary(block, op),
        }
    }

    fn ordinary(&mut self, block: usize, op: Op) {
        let like_truth = self.source.one_in(3);
        let Some(imm) = self.immediate(op) else { return };
        let mut args: Vec<Value> = Vec::new();
        for (_, class) in op.row().params {
            let is_truth = *class == Class::Bool || (*class == Class::Any && like_truth);
            args.push(self.operand(block, is_truth));
        }
        // the op says why it was not proved, and operands are adapted to that
        for _ in 0..3 {
            let Err(unproved) = self.try_push(block, op, &args, imm) else { return };
            args =
                args.into_iter().enumerate().map(|(i, arg)| self.provable(block, unproved, i, arg)).collect();
        }
    }

    /// An operand in place of one with which an op was not proved.
    fn provable(&mut self, block: usize, unproved: Unproved, index: usize, arg: Value) -> Value {
        match unproved {
            Unproved::ZeroDivisor if index == 1 => self.positive(block, arg),
            Unproved::Calendar if index == 1 && self.source.one_in(2) => self.bounded(block, arg, 600),
            Unproved::Calendar => self.bounded(block, arg, 25_000),
            Unproved::Overflow if self.source.one_in(2) => self.bounded(block, arg, 1 << 60),
            _ => arg,
        }
    }

    fn immediate(&mut self, op: Op) -> Option<i128> {
        let func = self.builder.func();
        let ascends =
            |table: Table| op != Op::Bucket || func.tables[table].known().is_sorted_by(|a, b| a < b);
        let tables: Vec<Table> = func.tables.keys().filter(|table| ascends(*table)).collect();
        let fields = func.fields.len();
        match op.row().imm {
            Imm::Field => Some(self.source.below(fields) as i128),
            Imm::Table => self.source.pick(&tables).map(|table| table.as_u32() as i128),
            Imm::Rounding => Some(self.source.below(Rounding::ALL.len()) as i128),
            Imm::MonthEnd => Some(self.source.below(MonthEnd::ALL.len()) as i128),
            Imm::None | Imm::Const | Imm::Polarity => Some(0),
        }
    }

    /// The value, or something above zero in its place.
    fn positive(&mut self, block: usize, value: Value) -> Value {
        if !self.builder.range(value).contains(0) {
            return value;
        }
        let one = self.constant(block, false, 1);
        self.push(block, Op::Max, &[value, one], 0).unwrap_or(one)
    }

    /// The value clamped to `-limit..limit`.
    fn bounded(&mut self, block: usize, value: Value, limit: i128) -> Value {
        if Interval::new(-limit, limit).contains_all(self.builder.range(value)) {
            return value;
        }
        let (least, most) = (self.constant(block, false, -limit), self.constant(block, false, limit));
        let above = self.push(block, Op::Max, &[value, least], 0).unwrap_or(least);
        self.push(block, Op::Min, &[above, most], 0).unwrap_or(most)
    }

    /// Refines a value that a dominating branch says something about, and uses it where that helps.
    fn refinement(&mut self, block: usize) {
        let branches: Vec<(Value, bool)> = self
            .above(block)
            .filter_map(|above| match self.entered_by[above][..] {
                [Some(side)] => Some(side),
                _ => None,
            })
            .collect();
        let Some((condition, holds)) = self.source.pick(&branches).copied() else { return };
        let parts = Facts::of(self.builder.func()).parts(condition, holds);
        let Some((part, holds)) = self.source.pick(&parts).copied() else { return };
        let compared = self.builder.func().inst(part).map_or(vec![part], |inst| inst.args().to_vec());
        let varies = |value: &&Value| self.builder.range(**value).single().is_none();
        let varying: Vec<Value> = compared.iter().filter(varies).copied().collect();
        let mut value = match self.source.pick(&varying) {
            Some(value) if !self.source.one_in(4) => *value,
            _ => self.operand(block, false),
        };
        if self.source.one_in(3) && compared.len() == 2 && compared.iter().all(|side| !self.is_truth(*side)) {
            let sides = if self.source.one_in(2) { [0, 1] } else { [1, 0] };
            value = self.push(block, Op::Sub, &sides.map(|side| compared[side]), 0).unwrap_or(value);
        }
        let Some(refined) = self.push(block, Op::Refine, &[value, part], holds as i128) else { return };
        if !self.is_truth(refined) && !self.builder.range(refined).contains(0) {
            let dividend = self.operand(block, false);
            let mode = self.source.below(Rounding::ALL.len()) as i128;
            self.push(block, Op::Divide, &[dividend, refined], mode);
        }
    }

    fn end(&mut self, block: usize) {
        let later: Vec<usize> = (block + 1..self.blocks.len()).collect();
        let condition = self.condition(block);
        let next_is_reached = self.entered_by.get(block + 1).is_none_or(|edges| !edges.is_empty());
        let first = if next_is_reached { self.source.pick(&later).copied() } else { Some(block + 1) };
        let others: Vec<usize> = later.into_iter().filter(|other| Some(*other) != first).collect();
        let second = self.source.pick(&others).copied();
        let end = match (first, second, self.source.below(8)) {
            (None, ..) => self.decision(block),
            (Some(_), _, 0) if next_is_reached => self.decision(block),
            (Some(to), None, _) | (Some(to), _, 1) => End::Jump(self.target(block, to, None)),
            (Some(to), Some(other), _) => {
                let (then, otherwise) = if self.source.one_in(2) { (to, other) } else { (other, to) };
                let then = self.target(block, then, Some((condition, true)));
                let otherwise = self.target(block, otherwise, Some((condition, false)));
                End::Branch(condition, then, otherwise)
            }
        };
        self.builder.end(end);
    }

    /// Mostly a new comparison, so that branches say something; now and then of several parts.
    fn condition(&mut self, block: usize) -> Value {
        if self.source.one_in(4) {
            return self.operand(block, true);
        }
        const COMPARISONS: [Op; 4] = [Op::Eq, Op::Ne, Op::Lt, Op::Le];
        const COMBINATIONS: [Op; 3] = [Op::And, Op::Or, Op::Not];
        let a = self.operand(block, false);
        let b = if self.source.one_in(2) {
            let x = self.source.within(self.builder.range(a));
            self.constant(block, false, x)
        } else {
            self.operand(block, false)
        };
        let (a, b) = if self.source.one_in(2) { (a, b) } else { (b, a) };
        let op = COMPARISONS[self.source.below(4)];
        let Some(compared) = self.push(block, op, &[a, b], 0) else { return self.operand(block, true) };
        if !self.source.one_in(3) {
            return compared;
        }
        let op = COMBINATIONS[self.source.below(3)];
        let other = self.operand(block, true);
        let args = [compared, other];
        self.push(block, op, &args[..op.row().params.len()], 0).unwrap_or(compared)
    }

    fn target(&mut self, from: usize, to: usize, side: Option<(Value, bool)>) -> Target {
        let block = self.blocks[to];
        let params = self.builder.func().blocks[block].params.clone();
        let args = params
            .into_iter()
            .map(|param| self.fitting(from, self.is_truth(param), self.builder.range(param)));
        let args = args.collect();
        self.tree.edge(from, to);
        self.entered_by[to].push(side);
        Target { block, args }
    }

    fn decision(&mut self, block: usize) -> End {
        let results = self.results.clone();
        let rule = self.source.below(20) as u32;
        let outputs = results.into_iter().map(|(is_truth, range)| self.fitting(block, is_truth, range));
        End::Decide { rule, outputs: outputs.collect() }
    }

    /// A visible value within a range, or a constant.
    fn fitting(&mut self, block: usize, is_truth: bool, range: Interval) -> Value {
        let mut fitting = self.visible(block, is_truth);
        fitting.retain(|value| range.contains_all(self.builder.range(*value)));
        let known = self.source.pick(&fitting).copied().filter(|_| !self.source.one_in(3));
        known.unwrap_or_else(|| {
            let x = self.source.within(range);
            self.constant(block, is_truth, x)
        })
    }
}

fn range_of(source: &mut impl Source) -> Interval {
    range(source)
}

/// Integers may be kept in any type that holds their interval.
fn vary_types(source: &mut impl Source, func: &mut Func) {
    for data in func.values.values_mut() {
        let is_param = matches!(data.def, Def::Param(_));
        let fitting: Vec<Type> =
            Type::ALL[1..].iter().copied().filter(|ty| ty.range().contains_all(data.range)).collect();
        if let (false, Some(ty)) = (data.ty.is_bool(), source.pick(&fitting))
            && (is_param || source.one_in(2))
        {
            data.ty = *ty;
        }
    }
}
