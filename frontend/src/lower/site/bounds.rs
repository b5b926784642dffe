//! How narrow is a value here, given everything that is known?
//!
//! Three things are known about a value: its interval from the op that computes it, what facts say about it, and what
//! has been claimed about it. What follows from several facts together is proved where it is needed ([`Site::keeps`]).
//!
//! An interval does not show everything: after `x == 12 or x == 24`, two values are possible, and [`Site::possible`] says so.
//!
//! A bound may be queried ([`Site::bounds`]), or built into a value: by refinements where branches have established it
//! ([`Site::sharp`]), and otherwise by `min` and `max` ([`Site::held`]).

use std::collections::BTreeMap;

use opus_ir::facts::Facts;
use opus_ir::{Inst, Interval, Op, Ranges, Value};

use super::super::truth::joined;
use super::Site;
use super::known::Fact;

/// How many definitions a bound is followed through: deeper ones are used as they were first proved.
const BOUND_DEPTH_MAX: u32 = 32;
/// How many times `and` and `or` may alternate in a condition before it is not looked into.
const ALTERNATIONS_MAX: u32 = 16;
/// How many operands of nested `and`s or `or`s are looked into.
const ALTERNATIVES_MAX: usize = 1 << 12;

impl Site {
    /// A value that is the same and as narrow as branches have established.
    pub fn sharp(&mut self, value: Value) -> Value {
        let (mut seen, mut sharp) = self.sharpened.get(&value).copied().unwrap_or((0, value));
        let fresh = self.known.about(self.func(), value, seen);
        let Some(last) = fresh.last() else { return sharp };
        seen = last.id;
        for fact in fresh.iter().filter(|fact| fact.branched) {
            sharp = self.refined(value, sharp, fact);
        }
        let sharp = self.settled(sharp);
        self.sharpened.insert(value, (seen, sharp));
        sharp
    }

    /// A value that is the same here and keeps a range, if all that is known says that it does.
    pub fn within(&mut self, value: Value, range: Interval) -> Option<Value> {
        let sharp = self.sharp(value);
        if range.contains_all(self.builder.range(sharp)) {
            return Some(sharp);
        }
        range.contains_all(self.bounds(value)).then(|| self.held(value))
    }

    /// A value that is the same here and as narrow as all that is known.
    pub fn held(&mut self, value: Value) -> Value {
        let (bounds, sharp) = (self.bounds(value), self.sharp(value));
        let range = self.builder.range(sharp);
        let mut held = value;
        if range.lo < bounds.lo {
            let low = self.constant(bounds.lo);
            held = self.compute(Op::Max, &[held, low], 0).expect("a maximum is always proved");
        }
        if range.hi > bounds.hi {
            let high = self.constant(bounds.hi);
            held = self.compute(Op::Min, &[held, high], 0).expect("a minimum is always proved");
        }
        held
    }

    /// The interval of a value by all that is known here.
    pub fn bounds(&mut self, value: Value) -> Interval {
        self.bounds_through(value, BOUND_DEPTH_MAX)
    }

    /// Says that a value keeps a range for as long as what is known now is known, for a reason that its
    /// definition does not show.
    pub fn claim(&mut self, value: Value, range: Interval) {
        self.known.claim(value, range);
        self.bounds[value] = None;
    }

    /// The values that a value can have by its bounds and by the conditions that are known here, one by one: ascending
    /// spans that do not touch. There are none if no row comes here.
    pub fn possible(&mut self, value: Value) -> Vec<Interval> {
        let mut possible = vec![self.bounds(value)];
        let mut allowed = Allowed { site: self, value, known: BTreeMap::new() };
        for fact in self.known.facts() {
            possible = meet(&possible, &allowed.by(fact.part, fact.holds, ALTERNATIONS_MAX));
        }
        possible
    }

    /// The operands of nested `and`s or `or`s; `None` if there are too many.
    fn operands_of(&self, op: Op, condition: Value) -> Option<Vec<Value>> {
        let (mut parts, mut open) = (Vec::new(), vec![condition]);
        while let Some(next) = open.pop() {
            let next = self.origin(next);
            match self.func().inst(next).filter(|inst| inst.op == op) {
                Some(inst) => open.extend(inst.args()),
                None => parts.push(next),
            }
            if parts.len() + open.len() > ALTERNATIVES_MAX {
                return None;
            }
        }
        Some(parts)
    }

    /// The values with which a comparison of this value and a constant holds, or fails.
    fn compared_with(&self, value: Value, inst: &Inst, holds: bool) -> Vec<Interval> {
        let [a, b] = inst.operands::<2>().map(|side| self.origin(side));
        let (constant, is_left) = match (self.func().constant(a), self.func().constant(b)) {
            (None, Some(constant)) if a == value => (constant, true),
            (Some(constant), None) if b == value => (constant, false),
            _ => return vec![Interval::FULL],
        };
        let below = |end: Option<i128>| end.map(|hi| Interval { hi, ..Interval::FULL });
        let above = |end: Option<i128>| end.map(|lo| Interval { lo, ..Interval::FULL });
        let (less, more) = (constant.checked_sub(1), constant.checked_add(1));
        let spans = match (inst.op, holds, is_left) {
            (Op::Eq, true, _) | (Op::Ne, false, _) => [Some(Interval::point(constant)), None],
            (Op::Eq | Op::Ne, ..) => [below(less), above(more)],
            (Op::Lt, true, true) | (Op::Le, false, false) => [below(less), None],
            (Op::Lt, true, false) | (Op::Le, false, true) => [above(more), None],
            (Op::Lt, false, true) | (Op::Le, true, false) => [above(Some(constant)), None],
            _ => [below(Some(constant)), None],
        };
        spans.into_iter().flatten().collect()
    }

    fn bounds_through(&mut self, value: Value, depth: u32) -> Interval {
        if let Some((epoch, known)) = self.bounds[value]
            && epoch == self.known.epoch()
        {
            return known;
        }
        let sharp = self.sharp(value);
        let mut known = self.known.claimed(value, self.builder.range(sharp));
        for fact in self.known.supposed_about(self.func(), value) {
            let narrowed = Facts::of(self.func()).narrowed(sharp, fact.part, fact.holds);
            known = narrowed.and_then(|narrowed| narrowed.intersect(known)).unwrap_or(known);
        }
        if depth > 0 && known.single().is_none() {
            known = self.derived(value, depth - 1).and_then(|more| more.intersect(known)).unwrap_or(known);
        }
        self.bounds[value] = Some((self.known.epoch(), known));
        known
    }

    /// The interval of a value by its definition, from the bounds of the operands.
    fn derived(&mut self, value: Value, depth: u32) -> Option<Interval> {
        let inst = *self.func().inst(value).filter(|inst| !inst.args().is_empty())?;
        let mut args = [Interval::point(0); 3];
        for (range, arg) in args.iter_mut().zip(inst.args()) {
            *range = self.bounds_through(self.origin(*arg), depth);
        }
        if self.func().entries(&inst).is_some_and(|entries| entries.open().is_some()) {
            return None;
        }
        let table = self.func().table(&inst);
        let ranges =
            Ranges { args, imm: inst.imm, table, field: Interval::FULL, established: Interval::FULL };
        (inst.op.row().range)(&ranges).ok()
    }

    /// The value without its refinements.
    pub(super) fn origin(&self, value: Value) -> Value {
        opus_ir::facts::origin(self.func(), value)
    }

    /// A value that can only be one is that constant.
    pub(super) fn settled(&mut self, value: Value) -> Value {
        let data = self.func().values[value];
        let constant = data.range.single().filter(|_| !data.ty.is_bool());
        constant.map_or(value, |constant| self.constant(constant))
    }

    fn refined(&mut self, value: Value, sharp: Value, fact: &Fact) -> Value {
        let facts = Facts::of(self.builder.func());
        let narrowed = |of: Value| facts.narrowed(of, fact.part, fact.holds);
        let Some(more) = narrowed(sharp).filter(|more| *more != self.builder.range(sharp)) else {
            return sharp;
        };
        // if the fact says as much about the plain value, earlier refinements are redundant
        let base = if narrowed(value) == Some(more) { value } else { sharp };
        self.builder.push(Op::Refine, &[base, fact.part], fact.holds as i128).expect("a refinement is proved")
    }
}

/// The values that one value can have by conditions. What was found of a condition is kept, because conditions share parts.
struct Allowed<'a> {
    site: &'a Site,
    value: Value,
    known: BTreeMap<(Value, bool), Vec<Interval>>,
}

impl Allowed<'_> {
    /// The values with which a condition can hold, or fail.
    fn by(&mut self, condition: Value, holds: bool, depth: u32) -> Vec<Interval> {
        let condition = self.site.origin(condition);
        if let Some(known) = self.known.get(&(condition, holds)) {
            return known.clone();
        }
        let found = self.found(condition, holds, depth).unwrap_or_else(|| vec![Interval::FULL]);
        self.known.insert((condition, holds), found.clone());
        found
    }

    /// The same; `None` if it says nothing.
    fn found(&mut self, condition: Value, holds: bool, depth: u32) -> Option<Vec<Interval>> {
        let depth = depth.checked_sub(1)?;
        let inst = *self.site.func().inst(condition)?;
        match (inst.op, holds) {
            (Op::Not, _) => Some(self.by(inst.args()[0], !holds, depth)),
            (Op::And, true) | (Op::Or, false) => {
                let parts = self.site.operands_of(inst.op, condition)?;
                let all = vec![Interval::FULL];
                Some(parts.into_iter().fold(all, |all, part| meet(&all, &self.by(part, holds, depth))))
            }
            (Op::Or, true) | (Op::And, false) => {
                let parts = self.site.operands_of(inst.op, condition)?;
                Some(joined(parts.into_iter().flat_map(|part| self.by(part, holds, depth)).collect()))
            }
            (Op::Select, _) => {
                let [choice, then, otherwise] = inst.operands();
                let first = meet(&self.by(choice, true, depth), &self.by(then, holds, depth));
                let second = meet(&self.by(choice, false, depth), &self.by(otherwise, holds, depth));
                Some(joined([first, second].concat()))
            }
            (Op::Eq | Op::Ne | Op::Lt | Op::Le, _) => Some(self.site.compared_with(self.value, &inst, holds)),
            _ => None,
        }
    }
}

/// What two lists of ascending spans have in common.
fn meet(a: &[Interval], b: &[Interval]) -> Vec<Interval> {
    let (mut common, mut at, mut other) = (Vec::new(), 0, 0);
    while let (Some(first), Some(second)) = (a.get(at), b.get(other)) {
        common.extend(first.intersect(*second));
        if first.hi < second.hi {
            at += 1;
        } else {
            other += 1;
        }
    }
    common
}
