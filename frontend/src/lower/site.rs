//! Where is IR being built, and what is known there?
//!
//! A site is a position in one block and hands out values. Values computed in blocks that dominate it are reused. Known
//! conditions narrow values in two ways:
//!
//! - The side of a branch that led to the block narrows the values computed in it: operands are refined by `refine`,
//!   which costs nothing at run time and which the verifier checks.
//! - Within a condition or an `if`, the part processed so far is only supposed, because there is no branch: both sides are
//!   computed, and one is selected. If an op can be proved only on the supposition, its operands are clamped by `min` and
//!   `max`. That changes nothing if the supposition is true, and the result is not selected if it is false.
//!
//! The values that a site hands out are never refinements: they are the computed values, and facts about them are kept
//! separately ([`known`]). A queried bound ([`Site::bounds`]) takes everything into account that is known ([`bounds`]).

mod bounds;
mod known;

use std::collections::BTreeMap;

use cranelift_entity::SecondaryMap;
use opus_ir::func::FieldRange;
use opus_ir::proof::Proofs;
use opus_ir::{Block, Builder, End, Func, Inst, Interval, Op, Open, Table, Target, Unproved, Value};

use super::scoped::Scoped;
use crate::limits::{PROOF_WORK_MAX, TOLD_WORK_MAX};
use crate::prove::{self, Budget, Search};
use known::Known;
pub use known::Mark;

/// A Boolean.
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

/// A place in a function that is being built.
pub struct Site {
    builder: Builder,
    tables: BTreeMap<Vec<i128>, Table>,
    /// By hole, its table.
    open: BTreeMap<u32, Table>,
    computed: Scoped<Inst, Value>,
    /// A value's best refinement, and the last fact that went into it.
    sharpened: Scoped<Value, (u32, Value)>,
    known: Known,
    /// Bounds by value, for as long as the facts stay what they were.
    bounds: SecondaryMap<Value, Option<(u32, Interval)>>,
    /// What may still be done for proofs.
    proofs: Budget,
    /// What may still be done to find rules that decide nothing.
    tells: Budget,
}

/// What a site knew and had computed before it went into a block, to come back to it.
pub struct Saved {
    block: Block,
    mark: Mark,
    computed: usize,
    sharpened: usize,
}

impl Site {
    /// The entry of a function in a policy with so many versions, which share what may be done for proofs.
    pub fn new(fields: Vec<FieldRange>, results: Vec<Interval>, versions: usize) -> Site {
        Site {
            builder: Builder::new(fields, results),
            tables: BTreeMap::new(),
            open: BTreeMap::new(),
            computed: Scoped::default(),
            sharpened: Scoped::default(),
            known: Known::default(),
            bounds: SecondaryMap::new(),
            proofs: Budget::shared(PROOF_WORK_MAX, versions),
            tells: Budget::shared(TOLD_WORK_MAX, versions),
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
        let value = self.presence(field);
        self.truth(value)
    }

    /// The presence of an optional input field, as a value.
    pub fn presence(&mut self, field: u32) -> Value {
        self.compute(Op::Present, &[], field as i128).expect("presence is `true` or `false`")
    }

    /// A constant table, as an immediate.
    pub fn table(&mut self, entries: Vec<i128>) -> i128 {
        let builder = &mut self.builder;
        let table = *self.tables.entry(entries).or_insert_with_key(|entries| builder.table(entries.clone()));
        table.as_u32() as i128
    }

    /// An entry of a hole.
    pub fn fact(&mut self, open: Open, index: Value) -> Value {
        let builder = &mut self.builder;
        let table = *self.open.entry(open.hole).or_insert_with(|| builder.hole(open));
        self.compute(Op::Lookup, &[index], table.as_u32().into()).expect("a look-up is always proved")
    }

    /// The result of an op, reused if it was computed before.
    ///
    /// # Errors
    /// Where the op cannot be proved with all that is known.
    pub fn compute(&mut self, op: Op, args: &[Value], imm: i128) -> Result<Value, Unproved> {
        let mut args = args.to_vec();
        if op.row().laws.commutes {
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
                if held != args {
                    return self.compute(op, &held, imm);
                }
                if !op.may_be_proved(unproved) {
                    return Err(unproved);
                }
                let value = self.exact(Inst::new(op, &sharp, imm)).ok_or(unproved)?;
                self.computed.insert(key, value);
                Ok(value)
            }
        }
    }

    /// The result of an op, if the branches that lead here prove that it fits in 128 bits.
    fn exact(&mut self, inst: Inst) -> Option<Value> {
        let (known, proofs) = (self.known.conditions(false), &mut self.proofs);
        self.builder
            .push_exact(inst, |func, facts, value| Search::new(func, facts, &known, proofs).exact(value))
    }

    /// The result of comparing or combining Booleans and integers as they were first computed: what is
    /// known of them shows in the answer, so that no operand has to be sharpened for it.
    pub fn judge(&mut self, op: Op, args: &[Value]) -> Truth {
        let mut args = args.to_vec();
        if op.row().laws.commutes {
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

    /// The value of a Boolean.
    pub fn truth_value(&mut self, truth: Truth) -> Value {
        match truth {
            Truth::Known(known) => self.builder.truth(known),
            Truth::Is(value, true) => value,
            Truth::Is(value, false) => {
                self.compute(Op::Not, &[value], 0).expect("the negation of a Boolean is a Boolean")
            }
        }
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
        self.known.learn(self.builder.func(), truth, true);
    }

    /// Goes into such a block; [`Site::leave`] comes back.
    pub fn enter(&mut self, block: Block, truth: Truth) -> Saved {
        let saved = Saved {
            block: self.builder.current(),
            mark: self.known.mark(),
            computed: self.computed.mark(),
            sharpened: self.sharpened.mark(),
        };
        self.go_on(block, truth);
        saved
    }

    /// Comes back from a block, with what was known and computed before it.
    pub fn leave(&mut self, saved: Saved) {
        self.builder.switch_to(saved.block);
        self.known.forget(saved.mark);
        self.computed.undo(saved.computed);
        self.sharpened.undo(saved.sharpened);
    }

    // ---- what is known ----

    /// Goes on under the supposition that a condition holds; [`Site::forget`] ends that.
    pub fn suppose(&mut self, truth: Truth) -> Mark {
        let mark = self.known.mark();
        self.known.learn(self.builder.func(), truth, false);
        mark
    }

    /// Goes back to what was known at the mark.
    pub fn forget(&mut self, mark: Mark) {
        self.known.forget(mark);
    }

    /// Whether a value keeps a range here. If its bounds do not show it, a proof is searched: by the branches that lead here,
    /// which narrows the value itself; otherwise also by what is supposed, which narrows it for as long as that is.
    pub fn keeps(&mut self, value: Value, range: Interval) -> bool {
        if range.contains_all(self.bounds(value)) {
            return true;
        }
        let sharp = self.sharp(value);
        let claim = self.builder.range(sharp).intersect(range);
        // where the two contradict each other, only that no row comes here can be proved
        if let Some(claim) = claim
            && let Some(proofs) = self.proofs_within(sharp, claim, false)
        {
            let bound = self.builder.bound(sharp, claim, proofs);
            let (seen, _) = self.sharpened.get(&value).copied().unwrap_or((0, value));
            self.sharpened.insert(value, (seen, bound));
            self.bounds[value] = None;
            return true;
        }
        let is_supposed = claim.is_none() || self.known.supposes();
        let holds = is_supposed && self.proofs_within(sharp, claim.unwrap_or(range), true).is_some();
        if let Some(claim) = claim.filter(|_| holds) {
            self.claim(value, claim);
        }
        holds
    }

    /// The conditions that every row to here meets, and those that are supposed.
    pub fn conditions(&self) -> Vec<prove::Known> {
        self.known.conditions(true)
    }

    /// A condition, known where the branches that lead here leave it only one answer. It is searched where some of them
    /// compare its values with others: what follows from comparisons with constants is known without a search.
    pub fn told(&mut self, truth: Truth) -> Truth {
        let Truth::Is(value, holds) = truth else { return truth };
        if !self.known.compares(self.func(), value) {
            return truth;
        }
        let known = self.known.conditions(false);
        let (func, facts) = (self.builder.func(), self.builder.facts());
        let told = Search::new(func, facts, &known, &mut self.tells).briefly().told(value);
        told.map_or(truth, |answer| Truth::Known(answer == holds))
    }

    /// Proofs that a value keeps a range by the branches that lead here, or also by what is supposed.
    fn proofs_within(&mut self, value: Value, range: Interval, supposing: bool) -> Option<Proofs> {
        let known = self.known.conditions(supposing);
        let (func, facts) = (self.builder.func(), self.builder.facts());
        Search::new(func, facts, &known, &mut self.proofs).within(value, range)
    }

    /// Ends the block by a decision.
    pub fn decide(&mut self, rule: u32, outputs: Vec<Value>) {
        self.builder.end(End::Decide { rule, outputs });
    }
}
