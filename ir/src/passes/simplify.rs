//! Is the result of an instruction known, or one of its operands? The identities that hold for each op.

use super::rewrite::Rewriter;
use crate::func::{Block, Inst, Value, ValueData};
use crate::interval::Interval;
use crate::ops::{Laws, Op};

/// The value of an instruction: a constant where its interval fixes it, one that is there already, or the
/// instruction, made as simple as it can be.
pub fn simplify(writer: &mut Rewriter, block: Block, mut inst: Inst, data: &ValueData) -> Value {
    loop {
        let range = writer.derive(&inst, data.range);
        if let Some(x) = range.single().filter(|_| inst.op != Op::Const) {
            return writer.constant(block, data.ty, x);
        }
        match simpler(writer, &inst, range) {
            Some(Simpler::Value(value)) => return value,
            Some(Simpler::Inst(simpler)) => inst = simpler,
            None => return writer.keep(block, inst, data),
        }
    }
}

/// What an instruction can be replaced by.
enum Simpler {
    /// A value that is already there.
    Value(Value),
    /// Another instruction.
    Inst(Inst),
}

fn simpler(writer: &Rewriter, inst: &Inst, range: Interval) -> Option<Simpler> {
    let args = inst.args();
    let single = |i: usize| writer.new.values[args[i]].range.single();
    let is = |i: usize, x: i128| single(i) == Some(x);
    let same = |i: usize, j: usize| writer.origin(args[i]) == writer.origin(args[j]);
    let negated = |i: usize| negated(writer, args[i]);
    let value = |i: usize| Some(Simpler::Value(args[i]));
    let new = |op, args: &[Value]| Some(Simpler::Inst(Inst::new(op, args, 0)));
    let constant = |x| Some(Simpler::Inst(Inst::new(Op::Const, &[], x)));
    let Laws { commutes, idempotent, unit, of_equals, .. } = inst.op.row().laws;
    if idempotent && args[0] == args[1] {
        return value(0);
    }
    if let Some(unit) = unit {
        if is(1, unit) {
            return value(0);
        }
        if commutes && is(0, unit) {
            return value(1);
        }
    }
    if let Some(x) = of_equals.filter(|_| same(0, 1)) {
        return constant(x);
    }
    match inst.op {
        Op::Xor if is(1, 1) => new(Op::Not, &args[..1]),
        Op::Xor if is(0, 1) => new(Op::Not, &args[1..]),
        Op::Min => bounded(writer, args[0], args[1]).or_else(|| bounded(writer, args[1], args[0])),
        Op::Max => bounded(writer, args[0], args[1])
            .and_then(|_| value(1))
            .or_else(|| bounded(writer, args[1], args[0]).and_then(|_| value(0)))
            .or_else(|| negates(writer, args[0], args[1]).and_then(|x| absolute(writer, x, range))),
        Op::Not => negated(0).map(Simpler::Value),
        Op::And if negated(0) == Some(args[1]) || negated(1) == Some(args[0]) => constant(0),
        Op::Or if negated(0) == Some(args[1]) || negated(1) == Some(args[0]) => constant(1),
        Op::Select => {
            select(writer, inst).or_else(|| distance(writer, inst).and_then(|x| absolute(writer, x, range)))
        }
        // branches shed the negations of their conditions, and a refinement names the condition of its branch
        Op::Refine if negated(1).is_some() => negated(1).map(|condition| {
            Simpler::Inst(Inst::new(Op::Refine, &[args[0], condition], i128::from(inst.imm == 0)))
        }),
        Op::Refine if single(1).is_some() || range == writer.new.values[args[0]].range => value(0),
        Op::Bound if range == writer.new.values[args[0]].range => value(0),
        _ => None,
    }
}

/// The smaller one, where one is never above the other.
fn bounded(writer: &Rewriter, low: Value, high: Value) -> Option<Simpler> {
    let (below, above) = (writer.new.values[low].range, writer.new.values[high].range);
    (below.hi <= above.lo).then_some(Simpler::Value(low))
}

/// What a value negates.
pub fn negated(writer: &Rewriter, value: Value) -> Option<Value> {
    writer.new.inst(value).filter(|inst| inst.op == Op::Not).map(|inst| inst.args()[0])
}

/// The absolute value, where that proves no less than `known`.
fn absolute(writer: &Rewriter, x: Value, known: Interval) -> Option<Simpler> {
    let inst = Inst::new(Op::Abs, &[x], 0);
    let proved = writer.new.transfer_where(&inst, Interval::FULL);
    proved.is_ok_and(|range| known.contains_all(range)).then_some(Simpler::Inst(inst))
}

/// The value whose absolute value a choice computes: `if x < 0 then -x else x`, `if x < y then y - x else x - y`.
fn distance(writer: &Rewriter, inst: &Inst) -> Option<Value> {
    let [condition, a, b] = inst.operands();
    let is_order = |inst: &&Inst| matches!(inst.op, Op::Lt | Op::Le);
    // `high - low` is not negative where the condition holds, and not positive where it fails
    let [low, high] = writer.new.inst(writer.origin(condition)).filter(is_order)?.operands();
    let chosen = is_difference(writer, a, high, low) && is_difference(writer, b, low, high);
    chosen.then_some(if is_zero(writer, low) { a } else { b })
}

/// One of two values of which each is the negation of the other.
fn negates(writer: &Rewriter, a: Value, b: Value) -> Option<Value> {
    let sub = |value: Value| writer.new.inst(value).filter(|inst| inst.op == Op::Sub);
    let negates = |a: Value, b: Value| {
        sub(a).is_some_and(|inst| {
            let [from, less] = inst.operands();
            is_difference(writer, b, less, from)
        })
    };
    if negates(a, b) { Some(b) } else { negates(b, a).then_some(a) }
}

/// Whether a value is `from - less`.
fn is_difference(writer: &Rewriter, value: Value, from: Value, less: Value) -> bool {
    let alike = |a: Value, b: Value| {
        let single = |value: Value| writer.new.values[value].range.single();
        writer.origin(a) == writer.origin(b) || (single(a).is_some() && single(a) == single(b))
    };
    let subtracts = writer.new.inst(value).filter(|inst| inst.op == Op::Sub).is_some_and(|inst| {
        let [a, b] = inst.operands();
        alike(a, from) && alike(b, less)
    });
    subtracts || (is_zero(writer, less) && alike(value, from))
}

fn is_zero(writer: &Rewriter, value: Value) -> bool {
    writer.new.values[value].range.single() == Some(0)
}

fn select(writer: &Rewriter, inst: &Inst) -> Option<Simpler> {
    let [condition, a, b] = inst.operands();
    let data = |value: Value| &writer.new.values[value];
    if a == b {
        return Some(Simpler::Value(a));
    }
    match data(condition).range.single() {
        Some(0) => return Some(Simpler::Value(b)),
        Some(_) => return Some(Simpler::Value(a)),
        None => {}
    }
    if let Some(condition) = negated(writer, condition) {
        return Some(Simpler::Inst(Inst::new(Op::Select, &[condition, b, a], 0)));
    }
    match (data(a).ty.is_bool(), data(a).range.single(), data(b).range.single()) {
        (true, Some(1), Some(0)) => Some(Simpler::Value(condition)),
        (true, Some(0), Some(1)) => Some(Simpler::Inst(Inst::new(Op::Not, &[condition], 0))),
        (true, Some(1), _) => Some(Simpler::Inst(Inst::new(Op::Or, &[condition, b], 0))),
        (true, _, Some(0)) => Some(Simpler::Inst(Inst::new(Op::And, &[condition, a], 0))),
        _ => None,
    }
}
