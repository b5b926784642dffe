//! How narrow is a value here, given everything that is known?
//!
//! Three things are known about a value: its interval from the op that computes it, what facts say about it, and what
//! has been claimed about it. What is known about one side of a comparison also holds for the other: `a <= b` and
//! later `b <= 10` establish `a <= 10`. A value that is known to be excluded counts as soon as the range ends there.
//!
//! A bound may be queried ([`Site::bounds`]), or built into a value: by refinements where branches have established it
//! ([`Site::sharp`]), and otherwise by `min` and `max` ([`Site::held`]).

use opus_ir::facts::Facts;
use opus_ir::{Interval, Op, Ranges, Value};

use super::Site;
use super::facts::{Fact, Subject, two};

/// How many definitions a bound is followed through: deeper ones are used as they were first proved.
const BOUND_DEPTH_MAX: u32 = 32;
/// How many comparisons of a value with other values are considered, latest first.
const RELATIONS_SEEN_MAX: usize = 16;

impl Site {
    /// A value that is the same and as narrow as branches have established.
    pub fn sharp(&mut self, value: Value) -> Value {
        let (mut seen, mut sharp) = self.sharpened.get(&value).copied().unwrap_or((0, value));
        let fresh = self.facts_about(value, seen);
        let Some(last) = fresh.last() else { return sharp };
        seen = last.id;
        for fact in fresh.iter().filter(|fact| fact.branched) {
            sharp = self.refined(value, sharp, fact);
        }
        let ends = |this: &Site, sharp| this.hole_at_end(value, this.builder.range(sharp));
        while let Some(hole) = ends(self, sharp).filter(|hole| hole.branched) {
            let next = self.refined(value, sharp, &hole);
            if next == sharp {
                break;
            }
            sharp = next;
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

    /// How often operands had to be held to their bounds so far.
    pub fn held_ever(&self) -> u64 {
        self.held_ever
    }

    /// The interval of a value by all that is known here.
    pub fn bounds(&mut self, value: Value) -> Interval {
        self.bounds_through(value, BOUND_DEPTH_MAX)
    }

    /// Says that a value keeps a range for as long as what is known now is known, for a reason that its
    /// definition does not show.
    pub fn claim(&mut self, value: Value, range: Interval) {
        let range = self.claims.get(&value).and_then(|claim| claim.intersect(range)).unwrap_or(range);
        self.claims.insert(value, range);
        self.bounds[value] = None;
    }

    fn bounds_through(&mut self, value: Value, depth: u32) -> Interval {
        if let Some((epoch, known)) = self.bounds[value]
            && epoch == self.epoch
        {
            return known;
        }
        let sharp = self.sharp(value);
        let mut known = self.builder.range(sharp);
        known = self.claims.get(&value).and_then(|claim| claim.intersect(known)).unwrap_or(known);
        for fact in self.facts_about(value, self.branched_until) {
            let narrowed = Facts::of(self.func()).narrowed(sharp, fact.part, fact.holds);
            known = narrowed.and_then(|narrowed| narrowed.intersect(known)).unwrap_or(known);
        }
        if depth > 0 && known.single().is_none() {
            known = self.derived(value, depth - 1).and_then(|more| more.intersect(known)).unwrap_or(known);
            // a nested query gets what is known so far
            self.bounds[value] = Some((self.epoch, known));
            known = self.related(value, known, depth - 1);
        }
        while let Some(hole) = self.hole_at_end(value, known) {
            let facts = Facts::of(self.func());
            match facts.narrowed_from(known, value, hole.part, hole.holds) {
                Some(rest) if rest != known => known = rest,
                _ => break,
            }
        }
        self.bounds[value] = Some((self.epoch, known));
        known
    }

    /// The interval of a value by what is known here of others that it was compared with.
    fn related(&mut self, value: Value, mut known: Interval, depth: u32) -> Interval {
        let facts = self.about.get(&Subject::Side(value)).map_or(&[][..], |facts| facts);
        let latest: Vec<Fact> = facts.iter().rev().take(RELATIONS_SEEN_MAX).copied().collect();
        for fact in latest {
            let inst = *self.func().inst(fact.part).expect("a comparison is computed");
            let sides =
                inst.operands::<2>().map(|side| (side, self.bounds_through(self.origin(side), depth)));
            let facts = Facts::of(self.func()).where_known(&sides);
            known = facts.narrowed_from(known, value, fact.part, fact.holds).unwrap_or(known);
        }
        known
    }

    /// The fact that a value is not one of the two ends of an interval.
    fn hole_at_end(&self, value: Value, range: Interval) -> Option<Fact> {
        let difference = self.func().inst(value).filter(|inst| inst.op == Op::Sub).map(|inst| {
            let [a, b] = inst.operands().map(|side| self.origin(side));
            two(a, b)
        });
        let subjects = [Some(Subject::One(value)), difference.filter(|_| range.contains(0))];
        let at = |end: i128| {
            subjects.into_iter().flatten().find_map(move |subject| self.holes.get(&(subject, end)))
        };
        [range.lo, range.hi].into_iter().find_map(at).copied()
    }

    /// Whether a value is known not to be this, which may be inside its range.
    pub fn excludes(&self, value: Value, x: i128) -> bool {
        self.hole_at_end(value, Interval::point(x)).is_some()
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
