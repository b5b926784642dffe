//! Where is IR being built, and what is known there?
//!
//! A site stands in one block and hands out values. What has been computed in a block that dominates it is
//! used again. Conditions that are known there narrow values in two ways:
//!
//! - The side of a branch that led to the block narrows what is computed in it: operands are sharpened by
//!   `refine`, which costs nothing when it runs and which the verifier checks.
//! - Within a condition or an `if`, the part that has been looked at so far is only supposed: there is no
//!   branch. Both sides are computed, and one is selected. Where an op can only be proved under what is
//!   supposed, its operands are held to their bounds by `min` and `max`: that changes nothing where the
//!   supposition holds, and nothing is selected where it does not.
//!
//! What a value is known not to be is remembered where that lies inside of its range, and counts as soon as the
//! range ends there: `b != 0` and later `b <= 0` make `b <= -1`. What is known of one side of a comparison is known
//! of the other: `a <= b` and later `b <= 10` make `a <= 10`.
//!
//! Values that a site hands out are never refinements: they stand for what is computed, and facts are kept
//! about them. A bound that is asked for ([`Site::bounds`]) takes everything into account that is known.

use std::collections::BTreeMap;

use cranelift_entity::SecondaryMap;
use opus_ir::facts::Facts;
use opus_ir::func::FieldRange;
use opus_ir::{Block, Builder, End, Func, Inst, Interval, Op, Ranges, Table, Target, Unproved, Value};

use super::assemble::Compared;
use super::scoped::Scoped;

/// How many definitions a bound is followed through: what lies deeper is taken as it was first proved.
const BOUND_DEPTH_MAX: u32 = 32;
/// How many comparisons of a value with other values are looked at for what is known of those, latest first.
const RELATIONS_SEEN_MAX: usize = 16;

/// A truth value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Truth {
    /// It is known.
    Known(bool),
    /// It is that of a value, or its contrary.
    Is(Value, bool),
}

impl std::ops::Not for Truth {
    type Output = Truth;

    fn not(self) -> Truth {
        match self {
            Truth::Known(known) => Truth::Known(!known),
            Truth::Is(value, holds) => Truth::Is(value, !holds),
        }
    }
}

/// A part of a condition that is known here.
#[derive(Clone, Copy, Debug)]
struct Fact {
    id: u32,
    part: Value,
    holds: bool,
    /// Whether a branch established it, so that `refine` may name it.
    branched: bool,
}

/// What a fact says something about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Subject {
    One(Value),
    /// Two values that were compared; the lesser first.
    Two(Value, Value),
    /// A value, by way of others that it was compared with.
    Side(Value),
}

/// A place in a function that is being built.
pub struct Site {
    builder: Builder,
    tables: BTreeMap<Vec<i128>, Table>,
    computed: Scoped<Inst, Value>,
    /// A value's best refinement, and the last fact that went into it.
    sharpened: Scoped<Value, (u32, Value)>,
    /// What was proved of a value by other means than its definition.
    claims: Scoped<Value, Interval>,
    facts: Vec<(Subject, Fact)>,
    about: BTreeMap<Subject, Vec<Fact>>,
    /// What a value is not, or two values are not apart.
    holes: Scoped<(Subject, i128), Fact>,
    facts_ever: u32,
    /// The last fact that a branch established: later ones are supposed.
    branched_until: u32,
    /// Bounds by value, for as long as the facts stay what they were.
    bounds: SecondaryMap<Value, Option<(u32, Interval)>>,
    epoch: u32,
    epochs_ever: u32,
    /// How often an op was computed from operands held to their bounds: what comes of that stands for the
    /// op's result only as long as what was known then is known.
    held_ever: u64,
    pub(super) compared: Vec<Compared>,
}

/// What a site knew, to come back to it.
pub struct Mark {
    facts: usize,
    claims: usize,
    holes: usize,
    epoch: u32,
}

/// What a site knew and had computed before it went into a block, to come back to it.
pub struct Place {
    block: Block,
    mark: Mark,
    computed: usize,
    sharpened: usize,
    compared: usize,
}

impl Site {
    /// The entry of a function.
    pub fn new(fields: Vec<FieldRange>, results: Vec<Interval>) -> Site {
        Site {
            builder: Builder::new(fields, results),
            tables: BTreeMap::new(),
            computed: Scoped::default(),
            sharpened: Scoped::default(),
            claims: Scoped::default(),
            facts: Vec::new(),
            about: BTreeMap::new(),
            holes: Scoped::default(),
            facts_ever: 0,
            branched_until: 0,
            bounds: SecondaryMap::new(),
            epoch: 0,
            epochs_ever: 0,
            held_ever: 0,
            compared: Vec::new(),
        }
    }

    /// What has been built so far.
    pub fn func(&self) -> &Func {
        self.builder.func()
    }

    /// The finished function.
    pub fn finish(self) -> Func {
        self.builder.finish()
    }

    // ---- values ----

    /// An integer constant.
    pub fn constant(&mut self, x: i128) -> Value {
        let key = Inst::new(Op::Const, &[], x);
        if let Some(known) = self.computed.get(&key) {
            return *known;
        }
        let value = self.builder.constant(x);
        self.computed.insert(key, value);
        value
    }

    /// The value of an input field. Where the field is missing it is any value of its range.
    pub fn field(&mut self, field: u32) -> Value {
        self.compute(Op::Field, &[], field as i128).expect("every field has its declared range")
    }

    /// Whether an input field is present.
    pub fn present(&mut self, field: u32) -> Truth {
        if !self.func().fields[field as usize].optional {
            return Truth::Known(true);
        }
        let value = self.compute(Op::Present, &[], field as i128).expect("presence is a truth value");
        self.truth(value)
    }

    /// A constant table, as an immediate.
    pub fn table(&mut self, entries: Vec<i128>) -> i128 {
        let builder = &mut self.builder;
        let table = *self.tables.entry(entries).or_insert_with_key(|entries| builder.table(entries.clone()));
        table.as_u32() as i128
    }

    /// The result of an op; one that was computed before, where there is one.
    ///
    /// # Errors
    /// Where the op cannot be proved with all that is known.
    pub fn compute(&mut self, op: Op, args: &[Value], imm: i128) -> Result<Value, Unproved> {
        let mut args = args.to_vec();
        if commutes(op) {
            args.sort();
        }
        let key = Inst::new(op, &args, imm);
        if let Some(known) = self.computed.get(&key) {
            return Ok(*known);
        }
        let sharp: Vec<Value> = args.iter().map(|arg| self.sharp(*arg)).collect();
        match self.builder.push(op, &sharp, imm) {
            Ok(pushed) => {
                let value = self.settled(pushed);
                self.computed.insert(key, value);
                Ok(value)
            }
            Err(unproved) => {
                let held: Vec<Value> = args.iter().map(|arg| self.held(*arg)).collect();
                self.held_ever += 1;
                if held == args { Err(unproved) } else { self.compute(op, &held, imm) }
            }
        }
    }

    /// The result of comparing or combining truth values and integers as they were first computed: what is
    /// known of them shows in the answer, so that no operand has to be sharpened for it.
    pub fn judge(&mut self, op: Op, args: &[Value]) -> Truth {
        let mut args = args.to_vec();
        if commutes(op) {
            args.sort();
        }
        let key = Inst::new(op, &args, 0);
        let value = self.computed.get(&key).copied().unwrap_or_else(|| {
            let value = self.builder.push(op, &args, 0).expect("comparisons are always proved");
            self.computed.insert(key, value);
            value
        });
        self.truth(value)
    }

    /// Whether this op has been computed with these operands.
    pub fn has(&self, op: Op, args: &[Value]) -> bool {
        self.computed.get(&Inst::new(op, args, 0)).is_some()
    }

    /// A value's truth, known where facts or intervals tell it.
    pub fn truth(&mut self, value: Value) -> Truth {
        match self.bounds(value).single() {
            Some(known) => Truth::Known(known != 0),
            None => Truth::Is(value, true),
        }
    }

    /// The value of a truth value.
    pub fn truth_value(&mut self, truth: Truth) -> Value {
        match truth {
            Truth::Known(known) => self.builder.truth(known),
            Truth::Is(value, true) => value,
            Truth::Is(value, false) => {
                self.compute(Op::Not, &[value], 0).expect("the contrary of a truth value is one")
            }
        }
    }

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
            // who asks for it on the way gets what is known so far
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

    /// Whether a value is known not to be this, which may lie inside of its range.
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
        let table = self.func().table(&inst);
        let ranges =
            Ranges { args, imm: inst.imm, table, field: Interval::FULL, established: Interval::FULL };
        (inst.op.row().range)(&ranges).ok()
    }

    fn origin(&self, value: Value) -> Value {
        opus_ir::facts::origin(self.func(), value)
    }

    /// A value that can only be one is that constant.
    fn settled(&mut self, value: Value) -> Value {
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
        // where the fact says as much of the bare value, earlier refinements are superfluous
        let base = if narrowed(value) == Some(more) { value } else { sharp };
        self.builder.push(Op::Refine, &[base, fact.part], fact.holds as i128).expect("a refinement is proved")
    }

    // ---- facts ----

    /// Goes on under the supposition that a condition holds; [`Site::forget`] ends that.
    pub fn suppose(&mut self, truth: Truth) -> Mark {
        let mark = self.mark();
        self.learn(truth, false);
        mark
    }

    /// Goes back to what was known at the mark.
    pub fn forget(&mut self, mark: Mark) {
        for (subject, _) in self.facts.drain(mark.facts..).rev() {
            self.about.get_mut(&subject).and_then(Vec::pop).expect("every fact is about its subject");
        }
        self.claims.undo(mark.claims);
        self.holes.undo(mark.holes);
        self.epoch = mark.epoch;
    }

    /// How often operands had to be held to their bounds so far.
    pub fn held_ever(&self) -> u64 {
        self.held_ever
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

    fn mark(&self) -> Mark {
        Mark {
            facts: self.facts.len(),
            claims: self.claims.mark(),
            holes: self.holes.mark(),
            epoch: self.epoch,
        }
    }

    fn learn(&mut self, truth: Truth, branched: bool) {
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
    fn facts_about(&self, value: Value, seen: u32) -> Vec<Fact> {
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

    // ---- blocks ----

    /// Ends the block by a branch; answers the blocks where the condition holds and where it fails.
    pub fn branch(&mut self, condition: Value, holds: bool) -> (Block, Block) {
        let (yes, no) = (self.builder.block(), self.builder.block());
        let (then, otherwise) = if holds { (yes, no) } else { (no, yes) };
        self.builder.end(End::Branch(condition, Target::to(then), Target::to(otherwise)));
        (yes, no)
    }

    /// Goes on in a block that is entered by this side of a condition alone, and stays on its way.
    pub fn go_on(&mut self, block: Block, truth: Truth) {
        self.builder.switch_to(block);
        self.learn(truth, true);
    }

    /// Goes into such a block; [`Site::leave`] comes back.
    pub fn enter(&mut self, block: Block, truth: Truth) -> Place {
        let place = Place {
            block: self.builder.current(),
            mark: self.mark(),
            computed: self.computed.mark(),
            sharpened: self.sharpened.mark(),
            compared: self.compared.len(),
        };
        self.go_on(block, truth);
        place
    }

    /// Comes back from a block, with what was known and computed before it.
    pub fn leave(&mut self, place: Place) {
        self.builder.switch_to(place.block);
        self.forget(place.mark);
        self.computed.undo(place.computed);
        self.sharpened.undo(place.sharpened);
        self.compared.truncate(place.compared);
    }

    /// Ends the block by a decision.
    pub fn decide(&mut self, rule: u32, outputs: Vec<Value>) {
        self.builder.end(End::Decide { rule, outputs });
    }
}

fn two(a: Value, b: Value) -> Subject {
    Subject::Two(a.min(b), a.max(b))
}

fn commutes(op: Op) -> bool {
    matches!(op, Op::Add | Op::Mul | Op::Min | Op::Max | Op::Eq | Op::Ne | Op::And | Op::Or | Op::Xor)
}
