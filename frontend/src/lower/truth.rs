//! What is a condition lowered to? Predicated logic: no condition branches by itself.
//!
//! The right side of `and` is lowered on the supposition that the left holds, that of `or` on the supposition that it
//! failed, and both are combined. So everything that a condition establishes can be read from its value.

use num_integer::Integer;
use opus_ir::{Interval, Op, Value};

use super::complaint::Fault;
use super::expr::{Failed, Lowered, Lowerer};
use super::quantity::Quantity;
use super::site::{Site, Truth};
use crate::hir::{Comparison, Constant, ExprId, ExprKind, Unit};

type Lowers = Result<Truth, Failed>;

impl Lowerer<'_> {
    /// A Boolean, where the stack has room for it.
    pub(super) fn truth_of(&mut self, expr: ExprId) -> Lowers {
        let version = self.version;
        match &version.exprs[expr].kind {
            ExprKind::Constant(constant) => Ok(known(*constant)),
            ExprKind::Param(param) => Ok(known(version.params[*param].value)),
            ExprKind::Hole(hole) => Ok(self.truth_fact(*hole, None)),
            ExprKind::InHole(value, hole) => {
                let value = self.integer(*value)?;
                Ok(self.truth_fact(*hole, Some(value)))
            }
            ExprKind::Entry(keys, hole) => {
                let (entry, zero) = (self.entry_of(expr, keys, *hole)?, self.site.constant(0));
                Ok(self.site.judge(Op::Ne, &[entry, zero]))
            }
            ExprKind::Field(field) => {
                self.present(expr, *field)?;
                Ok(self.truth_field(*field))
            }
            ExprKind::IsPresent(field) => Ok(self.site.present(*field)),
            ExprKind::OrElse(field, other) => {
                let (present, field) = (self.site.present(*field), self.truth_field(*field));
                let other = self.looked_at(!present, *other)?;
                Ok(self.site.choice(present, field, other))
            }
            ExprKind::Let(name) => match self.named(*name)? {
                Lowered::Truth(truth) => Ok(truth),
                Lowered::Number(_) => unreachable!("a Boolean is named where one is meant"),
            },
            ExprKind::Table(table) => {
                let cell = self.cell(expr, *table)?;
                let cell = self.site.sum(&cell);
                let (cell, zero) = (self.proved(expr, cell)?, self.site.constant(0));
                Ok(self.site.judge(Op::Ne, &[cell, zero]))
            }
            ExprKind::Compare(comparison, a, b) => self.compare(expr, *comparison, *a, *b),
            ExprKind::In(value, ranges) => self.membership(expr, *value, ranges),
            ExprKind::Not(operand) => self.truth(*operand).map(|truth| !truth),
            ExprKind::And(a, b) => {
                let a = self.truth(*a)?;
                let b = self.looked_at(a, *b)?;
                Ok(self.site.and(a, b))
            }
            ExprKind::Or(a, b) => {
                let a = self.truth(*a)?;
                let b = self.looked_at(!a, *b)?;
                Ok(self.site.or(a, b))
            }
            ExprKind::If(condition, a, b) => {
                let condition = self.truth(*condition)?;
                let a = self.looked_at(condition, *a)?;
                let b = self.looked_at(!condition, *b)?;
                Ok(self.site.choice(condition, a, b))
            }
            _ => unreachable!("numbers are lowered as such"),
        }
    }

    /// A Boolean that matters only where a condition holds; arbitrary elsewhere.
    fn looked_at(&mut self, condition: Truth, expr: ExprId) -> Lowers {
        match condition {
            Truth::Known(false) => Ok(Truth::Known(false)),
            _ => self.supposing(condition, |this| this.truth(expr)),
        }
    }

    fn truth_fact(&mut self, hole: u32, index: Option<Value>) -> Truth {
        let fact = self.fact(hole, index);
        let zero = self.site.constant(0);
        self.site.judge(Op::Ne, &[fact, zero])
    }

    /// Notes a use of an optional input that could be missing.
    pub(super) fn present(&mut self, expr: ExprId, field: u32) -> Result<(), Failed> {
        let Some(declared) = self.version.unsure.get(&expr).copied() else { return Ok(()) };
        let presence = self.site.presence(field);
        let is_present = self.site.keeps(presence, Interval::point(1));
        if is_present { Ok(()) } else { Err(self.note(expr, Fault::Missing { field, declared })) }
    }

    fn truth_field(&mut self, field: u32) -> Truth {
        let value = self.site.field(field);
        self.site.truth(value)
    }

    fn compare(&mut self, expr: ExprId, comparison: Comparison, a: ExprId, b: ExprId) -> Lowers {
        if self.version.exprs[a].ty.unit == Unit::Bool {
            let (a, b) = (self.truth(a)?, self.truth(b)?);
            let differ = self.site.differ(a, b);
            return Ok(if comparison == Comparison::Ne { differ } else { !differ });
        }
        let (a, b) = (self.number(a)?, self.number(b)?);
        let truth = self.site.compare(comparison, &a, &b);
        self.proved(expr, truth)
    }

    fn membership(&mut self, expr: ExprId, value: ExprId, ranges: &[(ExprId, ExprId)]) -> Lowers {
        if self.version.exprs[value].ty.unit == Unit::Bool {
            return self.truth_membership(value, ranges);
        }
        let quantity = self.number(value)?;
        let mut ends = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            ends.push((self.number(*low)?, self.number(*high)?));
        }
        let is_code = matches!(self.version.exprs[value].ty.unit, Unit::Enum(_));
        if let Some(truth) = self.constant_membership(&quantity, &ends, is_code) {
            return Ok(truth);
        }
        let mut within = Truth::Known(false);
        for (low, high) in &ends {
            let above = self.site.compare(Comparison::Le, low, &quantity);
            let above = self.proved(expr, above)?;
            let below = self.site.compare(Comparison::Le, &quantity, high);
            let below = self.proved(expr, below)?;
            let both = self.site.and(above, below);
            within = self.site.or(within, both);
        }
        Ok(within)
    }

    fn truth_membership(&mut self, value: ExprId, ranges: &[(ExprId, ExprId)]) -> Lowers {
        let value = self.truth(value)?;
        let mut within = Truth::Known(false);
        for (low, high) in ranges {
            // a range of Booleans contains those between its two ends
            let (low, high) = (self.truth(*low)?, self.truth(*high)?);
            let (above, below) = (self.site.or(value, !low), self.site.or(!value, high));
            let both = self.site.and(above, below);
            within = self.site.or(within, both);
        }
        Ok(within)
    }

    /// Membership in ranges of constants: spans of one integer value, neighbours joined. `None` if it is
    /// none of these.
    fn constant_membership(
        &mut self,
        quantity: &Quantity,
        ends: &[(Quantity, Quantity)],
        is_code: bool,
    ) -> Option<Truth> {
        let content = quantity.sum.terms_content();
        if quantity.under.is_some() || content == 0 {
            return None;
        }
        let spans = ends
            .iter()
            .map(|(low, high)| span_of(quantity, content, low, high))
            .collect::<Option<Vec<_>>>()?;
        let terms = quantity.sum.without_constant().over(content);
        let value = self.site.sum(&terms).ok()?;
        let bounds = self.site.bounds(value);
        let spans = joined(spans.into_iter().flatten().filter_map(|span| span.intersect(bounds)).collect());
        let mut within = Truth::Known(false);
        for span in &spans {
            let inside = self.site.inside(value, *span, bounds);
            within = self.site.or(within, inside);
        }
        if spans.len() < 2 || is_code {
            return Some(within);
        }
        // nothing is known about the alternatives afterwards, only that the value is between the outermost ends
        let hull = spans.iter().copied().reduce(Interval::hull)?;
        let between = self.site.inside(value, hull, bounds);
        Some(self.site.and(between, within))
    }
}

/// The span of integers `n` such that the quantity, whose non-constant part divided by
/// `content` is `n`, is between the ends; an inner `None` if there is no such integer.
fn span_of(quantity: &Quantity, content: i128, low: &Quantity, high: &Quantity) -> Option<Option<Interval>> {
    let cut = |end: &Quantity, round: fn(&i128, &i128) -> i128| {
        let (numerator, divisor) = end.as_constant()?;
        // (content * n + constant) / quantity.divisor against numerator / divisor
        let right = numerator
            .checked_mul(quantity.divisor)?
            .checked_sub(quantity.sum.constant.checked_mul(divisor)?)?;
        Some(round(&right, &content.checked_mul(divisor)?))
    };
    let (lo, hi) = (cut(low, Integer::div_ceil)?, cut(high, Integer::div_floor)?);
    Some((lo <= hi).then_some(Interval { lo, hi }))
}

/// Spans in order, those that touch joined.
pub(super) fn joined(mut spans: Vec<Interval>) -> Vec<Interval> {
    spans.sort();
    let mut joined: Vec<Interval> = Vec::with_capacity(spans.len());
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.lo <= last.hi.saturating_add(1) => *last = last.hull(span),
            _ => joined.push(span),
        }
    }
    joined
}

fn known(constant: Constant) -> Truth {
    match constant {
        Constant::Bool(known) => Truth::Known(known),
        Constant::Number(_) | Constant::Enum(_) => unreachable!("numbers are lowered as such"),
    }
}

impl Site {
    /// Whether both hold.
    pub fn and(&mut self, a: Truth, b: Truth) -> Truth {
        self.combined(Op::And, Op::Or, false, a, b)
    }

    /// Whether one holds at least.
    pub fn or(&mut self, a: Truth, b: Truth) -> Truth {
        self.combined(Op::Or, Op::And, true, a, b)
    }

    /// `op` of the two; `contrary` is that of contraries, and `absorbing` decides alone.
    fn combined(&mut self, op: Op, contrary: Op, absorbing: bool, a: Truth, b: Truth) -> Truth {
        match (a, b) {
            (Truth::Known(known), other) | (other, Truth::Known(known)) => {
                if known == absorbing {
                    Truth::Known(known)
                } else {
                    other
                }
            }
            _ if a == b => a,
            _ if a == !b => Truth::Known(absorbing),
            (Truth::Is(a, false), Truth::Is(b, false)) => !self.judge(contrary, &[a, b]),
            _ => {
                let operands = [self.truth_value(a), self.truth_value(b)];
                self.judge(op, &operands)
            }
        }
    }

    /// Whether exactly one holds.
    pub fn differ(&mut self, a: Truth, b: Truth) -> Truth {
        match (a, b) {
            (Truth::Known(known), other) | (other, Truth::Known(known)) => {
                if known {
                    !other
                } else {
                    other
                }
            }
            (Truth::Is(first, holds), Truth::Is(second, also)) => {
                let differ =
                    if first == second { Truth::Known(false) } else { self.judge(Op::Xor, &[first, second]) };
                if holds == also { differ } else { !differ }
            }
        }
    }

    /// The second where the first holds, otherwise the third.
    pub fn choice(&mut self, condition: Truth, a: Truth, b: Truth) -> Truth {
        match (condition, a, b) {
            (Truth::Known(known), _, _) => {
                if known {
                    a
                } else {
                    b
                }
            }
            _ if a == b => a,
            (_, Truth::Known(true), _) => self.or(condition, b),
            (_, Truth::Known(false), _) => self.and(!condition, b),
            (_, _, Truth::Known(true)) => self.or(!condition, a),
            (_, _, Truth::Known(false)) => self.and(condition, a),
            (Truth::Is(value, holds), _, _) => {
                let (a, b) = if holds { (a, b) } else { (b, a) };
                let [a, b] = [self.truth_value(a), self.truth_value(b)];
                let chosen = self.compute(Op::Select, &[value, a, b], 0).expect("a choice is always proved");
                self.truth(chosen)
            }
        }
    }

    /// Whether a value is in a span within its bounds.
    pub(super) fn inside(&mut self, value: Value, span: Interval, bounds: Interval) -> Truth {
        let (low, high) = (self.constant(span.lo), self.constant(span.hi));
        if span.lo == span.hi && span != bounds {
            return self.judge(Op::Eq, &[value, low]);
        }
        let above = if span.lo > bounds.lo { self.less(low, value, false) } else { Truth::Known(true) };
        let below = if span.hi < bounds.hi { self.less(value, high, false) } else { Truth::Known(true) };
        self.and(above, below)
    }
}
