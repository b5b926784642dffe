//! What does a condition say of a value, where it holds or where it has failed?
//!
//! A comparison bounds each side by the other and fixes the sign of their difference; `and` that holds and
//! `or` that fails say what each part says; `not` turns the polarity round.

use cranelift_entity::SecondaryMap;
use cranelift_entity::packed_option::PackedOption;

use crate::func::{Func, Inst, Value};
use crate::interval::Interval;
use crate::ops::Op;

/// How many parts of a condition are looked at: conditions are built from a handful, and what lies beyond says
/// nothing. A constant of the format, so that every loader agrees and none can be kept busy.
pub const PARTS_MAX: usize = 256;

/// The interval that `condition` with this `polarity` establishes for `value`; [`Interval::FULL`] where it says
/// nothing about it, or where it contradicts what is known of the value. All that is true lies in it.
pub fn established(func: &Func, value: Value, condition: Value, polarity: bool) -> Interval {
    Facts::of(func).narrowed(value, condition, polarity).unwrap_or(Interval::FULL)
}

/// A value without the refinements on top of it.
pub fn origin(func: &Func, value: Value) -> Value {
    let mut origin = value;
    // a chain is no longer than the function; a longer one is a circle, which the verifier refuses
    for _ in 0..func.values.len() {
        match func.inst(origin).filter(|inst| inst.op == Op::Refine).and_then(|inst| inst.args().first()) {
            Some(refined) => origin = *refined,
            None => break,
        }
    }
    origin
}

/// A value for each value: itself without refinements. Filled in the order of definition, it makes
/// [`Facts`] independent of how many refinements lie on top of each other.
pub type Origins = SecondaryMap<Value, PackedOption<Value>>;

/// The origins of all values of a function, in one pass. A refinement of what is not defined before it, which
/// the verifier refuses, is its own origin.
pub fn origins(func: &Func) -> Origins {
    let mut origins = Origins::with_capacity(func.values.len());
    for data in func.blocks.values() {
        for value in
            data.params.iter().chain(&data.body).copied().filter(|value| func.values.is_valid(*value))
        {
            let refined =
                func.inst(value).filter(|inst| inst.op == Op::Refine).and_then(|inst| inst.args().first());
            let below = refined.and_then(|refined| origins.get(*refined)).and_then(|origin| origin.expand());
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
}

impl<'a> Facts<'a> {
    /// Facts of a function at hand.
    pub fn of(func: &'a Func) -> Facts<'a> {
        Facts { func, origins: None }
    }

    /// Facts with the origins of all values that are asked about.
    pub fn with_origins(func: &'a Func, origins: &'a Origins) -> Facts<'a> {
        Facts { func, origins: Some(origins) }
    }

    /// A value without the refinements on top of it.
    pub fn origin(&self, value: Value) -> Value {
        let known = self.origins.and_then(|origins| origins[value].expand());
        known.unwrap_or_else(|| origin(self.func, value))
    }

    /// The interval of `value` where `condition` with this `polarity` is known: never empty and within what was
    /// known of the value. `None` where the two contradict each other: no row comes to such a place.
    pub fn narrowed(&self, value: Value, condition: Value, polarity: bool) -> Option<Interval> {
        let origin = self.origin(value);
        let mut known = self.func.values[value].range;
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
    /// Both are the same.
    Equal(Value, Value),
    /// The two differ.
    Differ(Value, Value),
    /// A truth value is this one.
    Holds(Value, bool),
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

/// Up to four bounds that one relation gives.
type Bounds = [Option<Interval>; 4];

impl Facts<'_> {
    /// Everything that a condition with this polarity says, outermost part first.
    fn relations(&self, condition: Value, holds: bool) -> impl Iterator<Item = Relation> {
        self.parts(condition, holds).into_iter().flat_map(|(part, holds)| {
            let compared = self.func.inst(part).and_then(|inst| comparison(inst, holds));
            [Some(Relation::Holds(part, holds)), compared].into_iter().flatten()
        })
    }

    /// What one relation says of `value` (already without refinements), of which `known` is known.
    fn bounds(&self, value: Value, known: Interval, relation: Relation) -> Bounds {
        match relation {
            Relation::Holds(condition, holds) => {
                [(condition == value).then(|| Interval::point(holds as i128)), None, None, None]
            }
            Relation::Differ(a, b) => {
                [self.other_than(value, known, a, b), self.other_than(value, known, b, a), None, None]
            }
            Relation::Equal(a, b) => [
                self.at_most(value, a, b, 0),
                self.at_least(value, b, a, 0),
                self.at_most(value, b, a, 0),
                self.at_least(value, a, b, 0),
            ],
            Relation::Order { low, high, gap } => [
                self.at_most(value, low, high, gap),
                self.at_least(value, high, low, gap),
                self.difference(value, low, high, gap),
                None,
            ],
        }
    }

    /// `value` is `a` and differs from a constant at an end of what is known of it.
    fn other_than(&self, value: Value, known: Interval, a: Value, b: Value) -> Option<Interval> {
        let other = self.func.values[b].range.single().filter(|_| self.origin(a) == value)?;
        let (above, below) = (other.checked_add(1), other.checked_sub(1));
        match (known.lo == other, known.hi == other) {
            (true, false) => above.map(|lo| Interval { lo, hi: i128::MAX }),
            (false, true) => below.map(|hi| Interval { lo: i128::MIN, hi }),
            // it can only be the constant, from which it differs: any interval without it says so
            (true, true) => above.or(below).map(Interval::point),
            (false, false) => None,
        }
    }

    /// `value` is `low`, or `low` is a positive multiple of it: bounded from above by `high`.
    fn at_most(&self, value: Value, low: Value, high: Value, gap: i128) -> Option<Interval> {
        let limit = self.func.values[high].range.hi.checked_sub(gap)?;
        let factor = self.multiple(low, value)?;
        Some(Interval { lo: i128::MIN, hi: limit.div_euclid(factor) })
    }

    /// `value` is `high`, or `high` is a positive multiple of it: bounded from below by `low`.
    fn at_least(&self, value: Value, high: Value, low: Value, gap: i128) -> Option<Interval> {
        let limit = self.func.values[low].range.lo.checked_add(gap)?;
        let factor = self.multiple(high, value)?;
        let up = limit.div_euclid(factor) + (limit.rem_euclid(factor) != 0) as i128;
        Some(Interval { lo: up, hi: i128::MAX })
    }

    /// `value` is `high - low` or `low - high`: its sign is known.
    fn difference(&self, value: Value, low: Value, high: Value, gap: i128) -> Option<Interval> {
        let inst = self.func.inst(value).filter(|inst| inst.op == Op::Sub)?;
        let [a, b] = inst.operands::<2>().map(|side| self.origin(side));
        let (low, high) = (self.origin(low), self.origin(high));
        if (a, b) == (high, low) {
            Some(Interval { lo: gap, hi: i128::MAX })
        } else if (a, b) == (low, high) {
            Some(Interval { lo: i128::MIN, hi: -gap })
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
