//! What is an expression lowered to? A number or a Boolean at a site. Possible failures are recorded.

use std::collections::{BTreeMap, BTreeSet};

use opus_ir::{Func, Interval, Unproved, Value, facts};

use super::complaint::{Complaint, Extent, Failures, Fault, Range};
use super::quantity::Quantity;
use super::scoped::Scoped;
use super::site::{Site, Truth};
use crate::hir::{ExprId, LetId, Policy, Unit, Version};
use crate::limits::LISTED_WORK_MAX;

/// Stack that is kept free below each level of an expression.
const STACK_RED_BYTES: usize = 64 * 1024;
/// Stack that is added when there is less.
const STACK_GROW_BYTES: usize = 1024 * 1024;

/// An expression after lowering.
#[derive(Clone, Debug)]
pub enum Lowered {
    /// A number; also a date, a number of days and the code of an enum's value.
    Number(Quantity),
    /// A Boolean.
    Truth(Truth),
}

/// A possible failure was recorded, and there is no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failed;

/// Lowers the expressions of one version into one function.
pub struct Lowerer<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The version.
    pub version: &'a Version,
    /// Where IR is being built.
    pub site: Site,
    /// The named values that have been lowered, each for as long as what was known then is known.
    pub lets: Scoped<LetId, Lowered>,
    /// What could go wrong, in the order in which it was found.
    pub complaints: Vec<Complaint>,
    /// The work that may still go into outputs that list their values.
    pub(super) listed_work_left: usize,
    noted: BTreeSet<(ExprId, u8)>,
    /// By the value of a condition, where it is written, and whether it holds as the value does.
    conditions: BTreeMap<Value, (ExprId, bool)>,
}

impl<'a> Lowerer<'a> {
    /// At the entry of a function with these results.
    pub fn new(policy: &'a Policy, version: &'a Version, results: Vec<Interval>) -> Lowerer<'a> {
        Lowerer {
            policy,
            version,
            site: Site::new(policy.schema.field_ranges(), results, policy.versions.len()),
            lets: Scoped::default(),
            complaints: Vec::new(),
            listed_work_left: LISTED_WORK_MAX,
            noted: BTreeSet::new(),
            conditions: BTreeMap::new(),
        }
    }

    /// Any expression.
    pub fn lowered(&mut self, expr: ExprId) -> Result<Lowered, Failed> {
        Ok(match self.version.exprs[expr].ty.unit {
            Unit::Bool => Lowered::Truth(self.truth(expr)?),
            _ => Lowered::Number(self.number(expr)?),
        })
    }

    /// A number.
    pub fn number(&mut self, expr: ExprId) -> Result<Quantity, Failed> {
        stacker::maybe_grow(STACK_RED_BYTES, STACK_GROW_BYTES, || self.number_of(expr))
    }

    /// A Boolean.
    pub fn truth(&mut self, expr: ExprId) -> Result<Truth, Failed> {
        let truth = stacker::maybe_grow(STACK_RED_BYTES, STACK_GROW_BYTES, || self.truth_of(expr))?;
        if let Truth::Is(value, holds) = truth {
            self.conditions.entry(value).or_insert((expr, holds));
        }
        Ok(truth)
    }

    /// A named value.
    pub fn named(&mut self, name: LetId) -> Result<Lowered, Failed> {
        if let Some(known) = self.lets.get(&name) {
            return Ok(known.clone());
        }
        let lowered = self.lowered(self.version.lets[name].body)?;
        self.lets.insert(name, lowered.clone());
        Ok(lowered)
    }

    /// An entry of a hole, the only one where there is no index.
    pub(super) fn fact(&mut self, hole: u32, index: Option<Value>) -> Value {
        let open = self.policy.holes[hole as usize].hole.open(hole, &self.policy.schema);
        let open = open.expect("names are resolved: types say so");
        let index = index.unwrap_or_else(|| self.site.constant(0));
        self.site.fact(open, index)
    }

    /// The result of an expression on the supposition that a condition holds.
    pub fn supposing<T>(&mut self, condition: Truth, lower: impl FnOnce(&mut Self) -> T) -> T {
        let (mark, lets) = (self.site.suppose(condition), self.lets.mark());
        let lowered = lower(self);
        self.lets.undo(lets);
        self.site.forget(mark);
        lowered
    }

    /// Notes that an expression could not be proved.
    pub fn proved<T>(&mut self, at: ExprId, result: Result<T, Unproved>) -> Result<T, Failed> {
        result.map_err(|unproved| {
            self.note(
                at,
                match unproved {
                    Unproved::Overflow => Fault::Overflow { extent: None },
                    Unproved::ZeroDivisor => {
                        Fault::ZeroDivisor { divisor: at, extent: None, is_never_zero: false }
                    }
                    Unproved::Calendar => Fault::Calendar,
                    Unproved::Immediate => unreachable!("the lowering gives immediates that ops know"),
                },
            )
        })
    }

    /// Notes that an expression could leave 128 bits.
    pub fn sized<T>(&mut self, at: ExprId, result: Option<T>, extent: Option<Extent>) -> Result<T, Failed> {
        result.ok_or_else(|| self.note(at, Fault::Overflow { extent }))
    }

    /// Notes what could go wrong with an expression, once.
    pub fn note(&mut self, at: ExprId, fault: Fault) -> Failed {
        self.note_unproved(at, fault, None)
    }

    /// The same, where a value is not proved to keep a range.
    pub fn note_range(&mut self, at: ExprId, fault: Fault, value: Value, range: Interval) -> Failed {
        let known = self.site.conditions();
        self.note_unproved(at, fault, Some(Range { value, range, known }))
    }

    fn note_unproved(&mut self, at: ExprId, fault: Fault, unproved: Option<Range>) -> Failed {
        if self.noted.insert((at, fault.code() as u8)) {
            self.complaints.push(Complaint { at, fault, unproved });
        }
        Failed
    }

    /// The function, and what could go wrong in it.
    pub fn finish(self) -> (Func, Failures) {
        let (func, complaints) = (self.site.finish(), self.complaints);
        let failures = match complaints.is_empty() {
            true => Failures::default(),
            false => {
                let (origins, func) = (facts::origins(&func), func.clone());
                Failures { complaints, func, origins, conditions: self.conditions }
            }
        };
        (func, failures)
    }

    /// The bounds of a quantity, from everything known here.
    pub fn extent(&mut self, quantity: &Quantity) -> Extent {
        let mut extent = Extent::point(quantity.sum.constant);
        for (value, coefficient) in quantity.sum.terms() {
            let term = Extent::of(self.site.bounds(value)).times(&Extent::point(coefficient));
            extent = extent.plus(&term);
        }
        // a divisor is positive: it is at least one
        let under = quantity.under.map_or(Interval::point(1), |under| self.site.bounds(under));
        let divisor = Extent::of(Interval::new(under.lo.max(1), under.hi.max(1)))
            .times(&Extent::point(quantity.divisor));
        extent.over(&divisor)
    }
}
