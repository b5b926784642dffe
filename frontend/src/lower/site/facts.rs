//! Which conditions are known to hold or to have failed here, and what are they about?
//!
//! A fact is a part of a condition. It is found by the values that it is about: one value, two values that were
//! compared, or one by way of the other. Excluded values are stored separately, because they count only once the
//! value's range ends there: `b != 0` and later `b <= 0` establish `b <= -1`.

use opus_ir::facts::Facts;
use opus_ir::{Inst, Op, Value};

use super::{Site, Truth};

/// A part of a condition that is known here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fact {
    pub id: u32,
    pub part: Value,
    pub holds: bool,
    /// Whether a branch established it, so that `refine` may name it.
    pub branched: bool,
}

/// What a fact says something about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Subject {
    One(Value),
    /// Two values that were compared; the lesser first.
    Two(Value, Value),
    /// A value, by way of others that it was compared with.
    Side(Value),
}

/// What a site knew, to come back to it.
pub struct Mark {
    facts: usize,
    supposed: usize,
    claims: usize,
    holes: usize,
    epoch: u32,
}

impl Site {
    /// Goes on under the supposition that a condition holds; [`Site::forget`] ends that.
    pub fn suppose(&mut self, truth: Truth) -> Mark {
        let mark = self.mark();
        if let Truth::Is(condition, holds) = truth {
            self.supposed.push((condition, holds));
        }
        self.learn(truth, false);
        mark
    }

    /// Goes back to what was known at the mark.
    pub fn forget(&mut self, mark: Mark) {
        for (subject, _) in self.facts.drain(mark.facts..).rev() {
            self.about.get_mut(&subject).and_then(Vec::pop).expect("every fact is about its subject");
        }
        self.supposed.truncate(mark.supposed);
        self.claims.undo(mark.claims);
        self.holes.undo(mark.holes);
        self.epoch = mark.epoch;
    }

    /// Whether facts are known about two values that were compared.
    pub fn is_compared(&self, a: Value, b: Value) -> bool {
        let known = |subject| self.about.get(&subject).is_some_and(|facts| !facts.is_empty());
        known(two(a, b))
    }

    /// Whether facts are known about a value itself.
    pub fn is_known(&self, value: Value) -> bool {
        self.about.get(&Subject::One(value)).is_some_and(|facts| !facts.is_empty())
    }

    /// What is known now, to come back to it.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            facts: self.facts.len(),
            supposed: self.supposed.len(),
            claims: self.claims.mark(),
            holes: self.holes.mark(),
            epoch: self.epoch,
        }
    }

    /// Remembers that a condition holds or has failed, from now on; `branched` where a branch has shown it.
    pub(super) fn learn(&mut self, truth: Truth, branched: bool) {
        let Truth::Is(condition, holds) = truth else { return };
        self.epochs_ever += 1;
        self.epoch = self.epochs_ever;
        for (part, holds) in Facts::of(self.func()).parts(condition, holds) {
            self.facts_ever += 1;
            let fact = Fact { id: self.facts_ever, part, holds, branched };
            for subject in self.subjects(part) {
                self.facts.push((subject, fact));
                self.about.entry(subject).or_default().push(fact);
            }
            if let Some(hole) = self.hole_of(part, holds) {
                self.holes.insert(hole, fact);
            }
        }
        if branched {
            self.branched_until = self.facts_ever;
        }
    }

    /// What a part of a condition says something about.
    fn subjects(&self, part: Value) -> Vec<Subject> {
        let mut subjects = vec![Subject::One(part)];
        let compares = |inst: &&Inst| matches!(inst.op, Op::Lt | Op::Le | Op::Eq | Op::Ne);
        let Some(inst) = self.func().inst(part).filter(compares) else { return subjects };
        let sides = inst.operands::<2>().map(|side| self.origin(side));
        let varies = |side: Value| self.func().constant(side).is_none();
        let both_vary = sides.into_iter().all(varies);
        for side in sides.into_iter().filter(|side| varies(*side)) {
            for value in std::iter::once(side).chain(self.multiplicand(side)) {
                subjects.push(Subject::One(value));
                subjects.extend(both_vary.then_some(Subject::Side(value)));
            }
        }
        subjects.extend(both_vary.then(|| two(sides[0], sides[1])));
        subjects
    }

    /// What a part of a condition excludes: a constant of one value, or that two are not apart.
    fn hole_of(&self, part: Value, holds: bool) -> Option<(Subject, i128)> {
        let inst = self.func().inst(part)?;
        if (inst.op, holds) != (Op::Eq, false) && (inst.op, holds) != (Op::Ne, true) {
            return None;
        }
        let [a, b] = inst.operands().map(|side| self.origin(side));
        Some(match (self.func().constant(a), self.func().constant(b)) {
            (None, Some(constant)) => (Subject::One(a), constant),
            (Some(constant), None) => (Subject::One(b), constant),
            _ => (two(a, b), 0),
        })
    }

    /// The value that this one is a constant multiple of.
    fn multiplicand(&self, value: Value) -> Option<Value> {
        let [a, b] = self.func().inst(value).filter(|inst| inst.op == Op::Mul)?.operands();
        let is_constant = |value: Value| self.func().constant(value).is_some();
        let other = if is_constant(b) { Some(a) } else { Some(b).filter(|_| is_constant(a)) };
        other.map(|value| self.origin(value))
    }

    /// The facts about a value that are later than one, in order.
    pub(super) fn facts_about(&self, value: Value, seen: u32) -> Vec<Fact> {
        let later = |subject: Subject| {
            let facts = self.about.get(&subject).map_or(&[][..], |facts| facts);
            &facts[facts.partition_point(|fact| fact.id <= seen)..]
        };
        let mut facts = later(Subject::One(value)).to_vec();
        let compares = |inst: &&Inst| matches!(inst.op, Op::Sub | Op::WholeMonths);
        if let Some(inst) = self.func().inst(value).filter(compares) {
            let [a, b] = inst.operands().map(|side| self.origin(side));
            facts.extend_from_slice(later(two(a, b)));
            facts.sort_by_key(|fact| fact.id);
        }
        facts
    }
}

pub(super) fn two(a: Value, b: Value) -> Subject {
    Subject::Two(a.min(b), a.max(b))
}
