//! What is known at a place: which conditions hold or have failed there, and what are they about?
//!
//! A fact is a part of a condition. It is found by the values that it is about: one value, or two that were compared.
//! A condition that a branch has established is known of every row; another is only supposed, for a part of an expression.

use std::collections::{BTreeMap, BTreeSet};

use opus_ir::facts::{Facts, origin};
use opus_ir::{Func, Inst, Interval, Op, Value};

use super::super::scoped::Scoped;
use super::Truth;
use crate::prove;

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
enum Subject {
    One(Value),
    /// Two values that were compared; the lesser first.
    Two(Value, Value),
}

/// Everything that is known at a place.
#[derive(Default)]
pub(super) struct Known {
    facts: Vec<(Subject, Fact)>,
    about: BTreeMap<Subject, Vec<Fact>>,
    facts_ever: u32,
    /// The last fact that a branch established: later ones are supposed.
    branched_until: u32,
    /// What was proved of a value by other means than its definition.
    claims: Scoped<Value, Interval>,
    /// The branches that every row to here has passed.
    passed: Vec<prove::Known>,
    /// What is supposed besides.
    supposed: Vec<prove::Known>,
    epoch: u32,
    epochs_ever: u32,
}

/// What was known, to come back to it.
pub struct Mark {
    facts: usize,
    passed: usize,
    supposed: usize,
    claims: usize,
    epoch: u32,
}

impl Known {
    /// What is known now, to come back to it.
    pub fn mark(&self) -> Mark {
        Mark {
            facts: self.facts.len(),
            passed: self.passed.len(),
            supposed: self.supposed.len(),
            claims: self.claims.mark(),
            epoch: self.epoch,
        }
    }

    /// Goes back to what was known at the mark.
    pub fn forget(&mut self, mark: Mark) {
        for (subject, _) in self.facts.drain(mark.facts..).rev() {
            self.about.get_mut(&subject).and_then(Vec::pop).expect("every fact is about its subject");
        }
        self.passed.truncate(mark.passed);
        self.supposed.truncate(mark.supposed);
        self.claims.undo(mark.claims);
        self.epoch = mark.epoch;
    }

    /// Remembers that a condition holds or has failed, from now on; `branched` where a branch has shown it.
    pub fn learn(&mut self, func: &Func, truth: Truth, branched: bool) {
        let Truth::Is(condition, holds) = truth else { return };
        let list = if branched { &mut self.passed } else { &mut self.supposed };
        list.push((condition, holds));
        self.epochs_ever += 1;
        self.epoch = self.epochs_ever;
        for (part, holds) in Facts::of(func).parts(condition, holds) {
            self.facts_ever += 1;
            let fact = Fact { id: self.facts_ever, part, holds, branched };
            for subject in subjects(func, part) {
                self.facts.push((subject, fact));
                self.about.entry(subject).or_default().push(fact);
            }
        }
        if branched {
            self.branched_until = self.facts_ever;
        }
    }

    /// A number that changes whenever the facts do, and comes back with them.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The conditions that every row meets: those that branches lead here by, and with `supposing` also those supposed.
    pub fn conditions(&self, supposing: bool) -> Vec<prove::Known> {
        let supposed = if supposing { self.supposed.as_slice() } else { &[] };
        [self.passed.as_slice(), supposed].concat()
    }

    /// Whether anything is only supposed.
    pub fn supposes(&self) -> bool {
        !self.supposed.is_empty()
    }

    /// Says that a value keeps a range for as long as what is known now is known, for a reason that its
    /// definition does not show.
    pub fn claim(&mut self, value: Value, range: Interval) {
        let range = self.claimed(value, range);
        self.claims.insert(value, range);
    }

    /// A range of a value as far as it is within what has been claimed of it.
    pub fn claimed(&self, value: Value, range: Interval) -> Interval {
        self.claims.get(&value).and_then(|claim| claim.intersect(range)).unwrap_or(range)
    }

    /// Every fact once, in order.
    pub fn facts(&self) -> impl Iterator<Item = Fact> {
        let mut seen = 0;
        // a fact is stored once for each value that it is about
        self.facts.iter().filter_map(move |(_, fact)| {
            let is_new = fact.id > seen;
            seen = seen.max(fact.id);
            is_new.then_some(*fact)
        })
    }

    /// The facts about a value that are later than one, in order.
    pub fn about(&self, func: &Func, value: Value, seen: u32) -> Vec<Fact> {
        let later = |subject: Subject| {
            let facts = self.about.get(&subject).map_or(&[][..], |facts| facts);
            &facts[facts.partition_point(|fact| fact.id <= seen)..]
        };
        let mut facts = later(Subject::One(value)).to_vec();
        let compares = |inst: &&Inst| matches!(inst.op, Op::Sub | Op::WholeMonths);
        if let Some(inst) = func.inst(value).filter(compares) {
            let [a, b] = inst.operands().map(|side| origin(func, side));
            facts.extend_from_slice(later(two(a, b)));
            facts.sort_by_key(|fact| fact.id);
        }
        facts
    }

    /// The facts about a value that are only supposed.
    pub fn supposed_about(&self, func: &Func, value: Value) -> Vec<Fact> {
        self.about(func, value, self.branched_until)
    }

    /// Whether a condition is about a value that is known to have been compared with another.
    pub fn compares(&self, func: &Func, condition: Value) -> bool {
        let parts = [true, false].map(|holds| Facts::of(func).parts(condition, holds));
        let about = |(part, _): (Value, bool)| func.inst(part).map_or(&[][..], Inst::args);
        let about: BTreeSet<Value> =
            parts.into_iter().flatten().flat_map(about).map(|value| origin(func, *value)).collect();
        self.facts.iter().any(|(subject, _)| match subject {
            Subject::Two(a, b) => about.contains(a) || about.contains(b),
            Subject::One(_) => false,
        })
    }
}

/// What a part of a condition says something about.
fn subjects(func: &Func, part: Value) -> Vec<Subject> {
    let mut subjects = vec![Subject::One(part)];
    let compares = |inst: &&Inst| matches!(inst.op, Op::Lt | Op::Le | Op::Eq | Op::Ne);
    let Some(inst) = func.inst(part).filter(compares) else { return subjects };
    let sides = inst.operands::<2>().map(|side| origin(func, side));
    let varies = |side: &Value| func.constant(*side).is_none();
    for side in sides.into_iter().filter(varies) {
        subjects.extend(std::iter::once(side).chain(multiplicand(func, side)).map(Subject::One));
    }
    subjects.extend(sides.iter().all(varies).then(|| two(sides[0], sides[1])));
    subjects
}

/// The value that this one is a constant multiple of.
fn multiplicand(func: &Func, value: Value) -> Option<Value> {
    let [a, b] = func.inst(value).filter(|inst| inst.op == Op::Mul)?.operands();
    let is_constant = |value: Value| func.constant(value).is_some();
    let other = if is_constant(b) { Some(a) } else { Some(b).filter(|_| is_constant(a)) };
    other.map(|value| origin(func, value))
}

fn two(a: Value, b: Value) -> Subject {
    Subject::Two(a.min(b), a.max(b))
}
