//! What does a condition say of a value, where it holds or where it has failed?
//!
//! A comparison bounds each side by the other and fixes the sign of their difference; `and` that holds and
//! `or` that fails say what each part says; `not` turns the polarity round.

use crate::func::{Func, Inst, Value};
use crate::interval::Interval;
use crate::ops::Op;

/// How many parts of a condition are looked at: conditions are built from a handful, and what lies beyond says
/// nothing. A constant of the format, so that every loader agrees and none can be kept busy.
pub const PARTS_MAX: usize = 256;

/// The interval that `condition` with this `polarity` establishes for `value`; [`Interval::FULL`] where it says
/// nothing about it. It is never wider than what is true, whatever the condition is.
pub fn established(func: &Func, value: Value, condition: Value, polarity: bool) -> Interval {
    let range = func.values[value].range;
    let value = origin(func, value);
    let mut known = Interval::FULL;
    for relation in relations(func, condition, polarity) {
        if let Some(more) = bound(func, value, range, relation).and_then(|more| known.intersect(more)) {
            known = more;
        }
    }
    known
}

/// A value without the refinements on top of it.
pub fn origin(func: &Func, mut value: Value) -> Value {
    while let Some(inst) = func.inst(value).filter(|inst| inst.op == Op::Refine) {
        value = inst.args()[0];
    }
    value
}

/// What a comparison that is known to hold says.
#[derive(Clone, Copy)]
enum Relation {
    /// `low + gap <= high`.
    Order { low: Value, high: Value, gap: i128 },
    /// Both are the same.
    Equal(Value, Value),
    /// The two differ.
    Differ(Value, Value),
    /// A truth value is this one.
    Holds(Value, bool),
}

/// Everything that a condition with this polarity says, outermost part first.
fn relations(func: &Func, condition: Value, holds: bool) -> Vec<Relation> {
    let mut said = Vec::new();
    let mut parts = vec![(condition, holds)];
    let mut next = 0;
    while let Some((part, holds)) = parts.get(next).copied() {
        next += 1;
        let part = origin(func, part);
        said.push(Relation::Holds(part, holds));
        let Some(inst) = func.inst(part) else { continue };
        match (inst.op, holds) {
            (Op::And, true) | (Op::Or, false) => parts.extend(inst.args().iter().map(|arg| (*arg, holds))),
            (Op::Not, _) => parts.push((inst.args()[0], !holds)),
            _ => said.extend(comparison(inst, holds)),
        }
        parts.truncate(PARTS_MAX);
    }
    said
}

fn comparison(inst: &Inst, holds: bool) -> Option<Relation> {
    let [a, b] = inst.operands();
    match (inst.op, holds) {
        (Op::Lt, true) => Some(Relation::Order { low: a, high: b, gap: 1 }),
        (Op::Lt, false) => Some(Relation::Order { low: b, high: a, gap: 0 }),
        (Op::Le, true) => Some(Relation::Order { low: a, high: b, gap: 0 }),
        (Op::Le, false) => Some(Relation::Order { low: b, high: a, gap: 1 }),
        (Op::Eq, true) | (Op::Ne, false) => Some(Relation::Equal(a, b)),
        (Op::Ne, true) | (Op::Eq, false) => Some(Relation::Differ(a, b)),
        _ => None,
    }
}

/// What one relation says of `value` (already without refinements).
fn bound(func: &Func, value: Value, range: Interval, relation: Relation) -> Option<Interval> {
    match relation {
        Relation::Differ(a, b) => {
            other_than(func, value, range, a, b).or_else(|| other_than(func, value, range, b, a))
        }
        Relation::Holds(condition, holds) => (condition == value).then(|| Interval::point(holds as i128)),
        Relation::Equal(a, b) => at_most(func, value, a, b, 0)
            .into_iter()
            .chain(at_least(func, value, b, a, 0))
            .chain(at_most(func, value, b, a, 0))
            .chain(at_least(func, value, a, b, 0))
            .reduce(|x, y| x.intersect(y).unwrap_or(x)),
        Relation::Order { low, high, gap } => at_most(func, value, low, high, gap)
            .into_iter()
            .chain(at_least(func, value, high, low, gap))
            .chain(difference(func, value, low, high, gap))
            .reduce(|x, y| x.intersect(y).unwrap_or(x)),
    }
}

/// `value` is `a` and differs from a constant at an end of its range.
fn other_than(func: &Func, value: Value, range: Interval, a: Value, b: Value) -> Option<Interval> {
    let end =
        func.values[b].range.single().filter(|_| origin(func, a) == value && range.single().is_none())?;
    if range.lo == end {
        Some(Interval { lo: end + 1, hi: i128::MAX })
    } else if range.hi == end {
        Some(Interval { lo: i128::MIN, hi: end - 1 })
    } else {
        None
    }
}

/// `value` is `low`, or `low` is a positive multiple of it: bounded from above by `high`.
fn at_most(func: &Func, value: Value, low: Value, high: Value, gap: i128) -> Option<Interval> {
    let limit = func.values[high].range.hi.checked_sub(gap)?;
    let factor = multiple(func, low, value)?;
    Some(Interval { lo: i128::MIN, hi: limit.div_euclid(factor) })
}

/// `value` is `high`, or `high` is a positive multiple of it: bounded from below by `low`.
fn at_least(func: &Func, value: Value, high: Value, low: Value, gap: i128) -> Option<Interval> {
    let limit = func.values[low].range.lo.checked_add(gap)?;
    let factor = multiple(func, high, value)?;
    let up = limit.div_euclid(factor) + (limit.rem_euclid(factor) != 0) as i128;
    Some(Interval { lo: up, hi: i128::MAX })
}

/// `value` is `high - low` or `low - high`: its sign is known.
fn difference(func: &Func, value: Value, low: Value, high: Value, gap: i128) -> Option<Interval> {
    let inst = func.inst(value).filter(|inst| inst.op == Op::Sub)?;
    let [a, b] = inst.operands::<2>().map(|side| origin(func, side));
    let (low, high) = (origin(func, low), origin(func, high));
    if (a, b) == (high, low) {
        Some(Interval { lo: gap, hi: i128::MAX })
    } else if (a, b) == (low, high) {
        Some(Interval { lo: i128::MIN, hi: -gap })
    } else {
        None
    }
}

/// The positive constant that `whole` is a multiple of `value` by: 1 where they are the same.
fn multiple(func: &Func, whole: Value, value: Value) -> Option<i128> {
    let whole = origin(func, whole);
    if whole == value {
        return Some(1);
    }
    let inst = func.inst(whole).filter(|inst| inst.op == Op::Mul)?;
    let [a, b] = inst.operands();
    let factor = if origin(func, a) == value { func.constant(b) } else { None };
    let factor = factor.or_else(|| func.constant(a).filter(|_| origin(func, b) == value));
    factor.filter(|factor| *factor > 0)
}
