//! What does a condition establish about a value, where it holds and where it has failed?
//!
//! A comparison bounds each side by the other, and fixes the sign of their difference and of the whole months between
//! them. An `and` that holds establishes both of its parts, and so does an `or` that failed; `not` exchanges the two
//! cases.

use cranelift_entity::SecondaryMap;
use cranelift_entity::packed_option::PackedOption;

use crate::func::{Func, Inst, Value};
use crate::interval::Interval;
use crate::ops::Op;

/// How many parts of a condition are considered: conditions are built from a handful, and what lies beyond says
/// nothing. A constant of the format, so that every loader agrees and none can be kept busy.
pub const PARTS_MAX: usize = 256;

/// The interval that `condition` with this `polarity` establishes for `value`; [`Interval::FULL`] where it says
/// nothing about it, or where it contradicts what is known of the value. It contains every value that is possible.
pub fn established(func: &Func, value: Value, condition: Value, polarity: bool) -> Interval {
    Facts::of(func).narrowed(value, condition, polarity).unwrap_or(Interval::FULL)
}

/// A value without the refinements on top of it.
pub fn origin(func: &Func, value: Value) -> Value {
    let mut origin = value;
    // a chain is no longer than the function; a longer one is a cycle, which the verifier refuses
    for _ in 0..func.values.len() {
        match func.inst(origin).and_then(Inst::refined) {
            Some(refined) => origin = refined,
            None => break,
        }
    }
    origin
}

/// A value for each value: itself without refinements. Filled in the order of definition, it makes
/// [`Facts`] independent of how many refinements are stacked.
pub type Origins = SecondaryMap<Value, PackedOption<Value>>;

/// The origins of all values of a function, in one pass. A refinement of what is not defined before it, which
/// the verifier refuses, is its own origin.
pub fn origins(func: &Func) -> Origins {
    let mut origins = Origins::with_capacity(func.values.len());
    for data in func.blocks.values() {
        for value in
            data.params.iter().chain(&data.body).copied().filter(|value| func.values.is_valid(*value))
        {
            let refined = func.inst(value).and_then(Inst::refined);
            let below = refined.and_then(|refined| origins.get(refined)).and_then(|origin| origin.expand());
            origins[value] = below.unwrap_or(value).into();
        }
    }
    origins
}

/// Answers what conditions of a function say.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    func: &'a Func,
    origins: Option<&'a Origins>,
    /// What is known of some values beyond their intervals.
    known: &'a [(Value, Interval)],
}

impl<'a> Facts<'a> {
    /// Facts of a function at hand.
    pub fn of(func: &'a Func) -> Facts<'a> {
        Facts { func, origins: None, known: &[] }
    }

    /// Facts with the origins of all values that are asked about.
    pub fn with_origins(func: &'a Func, origins: &'a Origins) -> Facts<'a> {
        Facts { func, origins: Some(origins), known: &[] }
    }

    /// The same facts, where more is known of some values than their intervals say.
    pub fn where_known(self, known: &'a [(Value, Interval)]) -> Facts<'a> {
        Facts { known, ..self }
    }

    /// A value without the refinements on top of it.
    pub fn origin(&self, value: Value) -> Value {
        let known = self.origins.and_then(|origins| origins[value].expand());
        known.unwrap_or_else(|| origin(self.func, value))
    }

    /// The interval of `value` where `condition` with this `polarity` is known: never empty and within what was
    /// known of the value. `None` if the two contradict each other: no row comes to such a place.
    pub fn narrowed(&self, value: Value, condition: Value, polarity: bool) -> Option<Interval> {
        self.narrowed_from(self.func.values[value].range, value, condition, polarity)
    }

    /// The same from an interval that is known of the value.
    pub fn narrowed_from(
        &self,
        mut known: Interval,
        value: Value,
        condition: Value,
        polarity: bool,
    ) -> Option<Interval> {
        let origin = self.origin(value);
        for relation in self.relations(condition, polarity) {
            for more in self.bounds(origin, known, relation).into_iter().flatten() {
                known = known.intersect(more)?;
            }
        }
        Some(known)
    }

    /// The parts of a condition that are known where it is, itself first: what `and` that holds, `or` that
    /// fails and `not` are made of. Each without refinements; at most [`PARTS_MAX`].
    pub fn parts(&self, condition: Value, holds: bool) -> Vec<(Value, bool)> {
        let mut parts = vec![(self.origin(condition), holds)];
        let mut next = 0;
        while let Some((part, holds)) = parts.get(next).copied() {
            next += 1;
            let Some(inst) = self.func.inst(part) else { continue };
            let says = match (inst.op, holds) {
                (Op::And, true) | (Op::Or, false) => holds,
                (Op::Not, _) => !holds,
                _ => continue,
            };
            parts.extend(inst.args().iter().map(|arg| (self.origin(*arg), says)));
            parts.truncate(PARTS_MAX);
        }
        parts
    }
}

/// What a comparison that is known to hold says.
#[derive(Clone, Copy)]
enum Relation {
    /// `low + gap <= high`.
    Order { low: Value, high: Value, gap: i128 },
    /// The two differ.
    Differ(Value, Value),
    /// A Boolean is this one.
    Holds(Value, bool),
}

/// What a comparison says where it holds or has failed: that two are the same is two orders.
fn comparison(inst: &Inst, holds: bool) -> [Option<Relation>; 2] {
    let [a, b] = inst.operands();
    let order = |low, high, gap| Some(Relation::Order { low, high, gap });
    match (inst.op, holds) {
        (Op::Lt, true) => [order(a, b, 1), None],
        (Op::Lt, false) => [order(b, a, 0), None],
        (Op::Le, true) => [order(a, b, 0), None],
        (Op::Le, false) => [order(b, a, 1), None],
        (Op::Eq, true) | (Op::Ne, false) => [order(a, b, 0), order(b, a, 0)],
        (Op::Ne, true) | (Op::Eq, false) => [Some(Relation::Differ(a, b)), None],
        _ => [None, None],
    }
}

/// Up to three bounds that follow from one relation.
type Bounds = [Option<Interval>; 3];

impl Facts<'_> {
    /// Everything that a condition with this polarity says, outermost part first.
    fn relations(&self, condition: Value, holds: bool) -> impl Iterator<Item = Relation> {
        self.parts(condition, holds).into_iter().flat_map(|(part, holds)| {
            let compared = self.func.inst(part).map_or([None, None], |inst| comparison(inst, holds));
            std::iter::once(Relation::Holds(part, holds)).chain(compared.into_iter().flatten())
        })
    }

    fn range(&self, value: Value) -> Interval {
        let more = self.known.iter().find(|(known, _)| *known == value);
        more.map_or(self.func.values[value].range, |(_, range)| *range)
    }

    /// What one relation establishes about `value` (already without refinements), whose interval is `known`.
    fn bounds(&self, value: Value, known: Interval, relation: Relation) -> Bounds {
        match relation {
            Relation::Holds(condition, holds) => {
                [(condition == value).then(|| Interval::point(holds as i128)), None, None]
            }
            Relation::Differ(a, b) => {
                let hole = self.hole(value, a, b);
                [hole.and_then(|hole| without(known, hole)), None, None]
            }
            Relation::Order { low, high, gap } => [
                self.at_most(value, low, high, gap),
                self.at_least(value, high, low, gap),
                self.between(value, low, high, gap),
            ],
        }
    }

    /// What `value` is not where `a` and `b` differ: one of them that is constant, where it is the other; 0,
    /// where it is their difference.
    fn hole(&self, value: Value, a: Value, b: Value) -> Option<i128> {
        let constant = |value: Value| self.range(value).single();
        let (first, second) = (self.origin(a), self.origin(b));
        if first == value || second == value {
            return if first == value { constant(b) } else { constant(a) };
        }
        let inst = self.func.inst(value).filter(|inst| inst.op == Op::Sub)?;
        let sides = inst.operands::<2>().map(|side| self.origin(side));
        (sides == [first, second] || sides == [second, first]).then_some(0)
    }

    /// `value` is `low`, or `low` is a positive multiple of it: bounded from above by `high`.
    fn at_most(&self, value: Value, low: Value, high: Value, gap: i128) -> Option<Interval> {
        let limit = self.range(high).hi.checked_sub(gap)?;
        let factor = self.multiple(low, value)?;
        Some(Interval { lo: i128::MIN, hi: limit.div_euclid(factor) })
    }

    /// `value` is `high`, or `high` is a positive multiple of it: bounded from below by `low`.
    fn at_least(&self, value: Value, high: Value, low: Value, gap: i128) -> Option<Interval> {
        let limit = self.range(low).lo.checked_add(gap)?;
        let factor = self.multiple(high, value)?;
        let up = limit.div_euclid(factor) + (limit.rem_euclid(factor) != 0) as i128;
        Some(Interval { lo: up, hi: i128::MAX })
    }

    /// `value` says how far `high` is above `low`, or `low` above `high`: its sign is known.
    fn between(&self, value: Value, low: Value, high: Value, gap: i128) -> Option<Interval> {
        let inst = self.func.inst(value)?;
        let ([from, to], least) = match (inst.op, inst.operands()) {
            (Op::Sub, [a, b]) => ([b, a], gap),
            // a later day may be in the same month
            (Op::WholeMonths, sides) => (sides, 0),
            _ => return None,
        };
        let (from, to, low, high) = (self.origin(from), self.origin(to), self.origin(low), self.origin(high));
        if (from, to) == (low, high) {
            Some(Interval { lo: least, hi: i128::MAX })
        } else if (from, to) == (high, low) {
            Some(Interval { lo: i128::MIN, hi: -least })
        } else {
            None
        }
    }

    /// The positive constant that `whole` is a multiple of `value` by: 1 where they are the same.
    fn multiple(&self, whole: Value, value: Value) -> Option<i128> {
        let whole = self.origin(whole);
        if whole == value {
            return Some(1);
        }
        let inst = self.func.inst(whole).filter(|inst| inst.op == Op::Mul)?;
        let [a, b] = inst.operands();
        let factor = if self.origin(a) == value { self.func.constant(b) } else { None };
        let factor = factor.or_else(|| self.func.constant(a).filter(|_| self.origin(b) == value));
        factor.filter(|factor| *factor > 0)
    }
}

/// An interval without a value at one of its ends: all that is known where the value is excluded.
fn without(known: Interval, hole: i128) -> Option<Interval> {
    let (above, below) = (hole.checked_add(1), hole.checked_sub(1));
    match (known.lo == hole, known.hi == hole) {
        (true, false) => above.map(|lo| Interval { lo, hi: i128::MAX }),
        (false, true) => below.map(|hi| Interval { lo: i128::MIN, hi }),
        // it can only be what it is not: any interval without it says so
        (true, true) => above.or(below).map(Interval::point),
        (false, false) => None,
    }
}
