//! How is a comparison of exact numbers computed on integers?
//!
//! Divisors are positive and are multiplied to the other side. Both sides are then sums with integer coefficients.
//! Common factors are divided out, and the remaining constant is rounded as far as no integer is skipped: `100 * x <
//! 250` is `x < 3`. The sides stay as they were written wherever possible, because the facts established afterwards
//! are about the sides.

use num_integer::Integer;
use opus_ir::{Op, Unproved, Value};

use super::quantity::{Quantity, Sum, gcd};
use super::site::{Site, Truth};
use crate::hir::Comparison;

type Compares = Result<Truth, Unproved>;

/// `left + 0` against `right + constant`: sums without constants, and without a term in common.
struct Sides {
    left: Sum,
    right: Sum,
    constant: i128,
}

impl Site {
    /// Whether the comparison holds.
    ///
    /// # Errors
    /// Where a side could leave 128 bits once they are over one divisor.
    pub fn compare(&mut self, comparison: Comparison, a: &Quantity, b: &Quantity) -> Compares {
        match comparison {
            Comparison::Lt => self.ordered(a, b, true),
            Comparison::Le => self.ordered(a, b, false),
            Comparison::Gt => self.ordered(b, a, true),
            Comparison::Ge => self.ordered(b, a, false),
            Comparison::Eq => self.equal(a, b),
            Comparison::Ne => self.equal(a, b).map(|truth| !truth),
        }
    }

    /// `a < b` where `strict`, otherwise `a <= b`.
    fn ordered(&mut self, a: &Quantity, b: &Quantity, strict: bool) -> Compares {
        let sides = self.sides(a, b)?;
        let round = if strict { Integer::div_ceil } else { Integer::div_floor };
        let (sides, _) = sides.divided(round);
        let sides = sides.turned().ok_or(Unproved::Overflow)?;
        let (low, high) = self.values_of(sides)?;
        Ok(self.less(low, high, strict))
    }

    fn equal(&mut self, a: &Quantity, b: &Quantity) -> Compares {
        let (sides, exact) = self.sides(a, b)?.divided(Integer::div_floor);
        if !exact {
            return Ok(Truth::Known(false));
        }
        let sides = sides.turned().ok_or(Unproved::Overflow)?;
        let (a, b) = self.values_of(sides)?;
        Ok(self.judge(Op::Eq, &[a, b]))
    }

    /// `low < high` where `strict`, otherwise `low <= high`: of values.
    pub fn less(&mut self, low: Value, high: Value, strict: bool) -> Truth {
        let (op, contrary) = if strict { (Op::Lt, Op::Le) } else { (Op::Le, Op::Lt) };
        if self.has(contrary, &[high, low]) {
            return !self.judge(contrary, &[high, low]);
        }
        self.judge(op, &[low, high])
    }

    /// The two sides without divisors.
    fn sides(&mut self, a: &Quantity, b: &Quantity) -> Result<Sides, Unproved> {
        let (left, right, _) = a.aligned(b).ok_or(Unproved::Overflow)?;
        let (left, right) = match (a.under, b.under) {
            (under, other) if under == other => (left, right),
            (Some(under), None) => {
                let (times, rest) = self.factored(&left, under)?;
                let right = right.sub(&times).ok_or(Unproved::Overflow)?;
                (rest, self.product(&right, under)?)
            }
            (None, Some(under)) => {
                let (times, rest) = self.factored(&right, under)?;
                let left = left.sub(&times).ok_or(Unproved::Overflow)?;
                (self.product(&left, under)?, rest)
            }
            (Some(under), Some(other)) => (self.product(&left, other)?, self.product(&right, under)?),
            (None, None) => unreachable!("two that are alike have been met"),
        };
        Sides::new(left, right).ok_or(Unproved::Overflow)
    }

    /// A sum as `times * value + rest`. (A sum of quotients was brought over one divisor by multiplying what
    /// had none; a comparison takes the factor out again, so that it multiplies once.)
    fn factored(&self, sum: &Sum, value: Value) -> Result<(Sum, Sum), Unproved> {
        let (mut times, mut rest) = (Sum::default(), Sum::constant(sum.constant));
        for (term, coefficient) in sum.terms() {
            let (to, part) = match self.other_factor(term, value) {
                Some(None) => (&mut times, Sum::constant(coefficient)),
                Some(Some(other)) => (&mut times, self.times(other, coefficient)?),
                None => (&mut rest, Sum::of(term, coefficient)),
            };
            *to = to.add(&part).ok_or(Unproved::Overflow)?;
        }
        Ok((times, rest))
    }

    /// What a term is multiplied by besides `value`, `Some(None)` where it is the value itself.
    fn other_factor(&self, term: Value, value: Value) -> Option<Option<Value>> {
        if term == value {
            return Some(None);
        }
        let inst = self.func().inst(term).filter(|inst| inst.op == Op::Mul)?;
        let [a, b] = inst.operands::<2>().map(|factor| opus_ir::facts::origin(self.func(), factor));
        match (a == value, b == value) {
            (true, _) => Some(Some(b)),
            (_, true) => Some(Some(a)),
            _ => None,
        }
    }

    /// The values of both sides. The constant goes where it is positive.
    fn values_of(&mut self, sides: Sides) -> Result<(Value, Value), Unproved> {
        let Sides { mut left, mut right, constant } = sides;
        let to_left = right.count() > 0 && (left.count() == 0 || constant < 0);
        if to_left {
            left.constant = constant.checked_neg().ok_or(Unproved::Overflow)?;
        } else {
            right.constant = constant;
        }
        Ok((self.sum(&left)?, self.sum(&right)?))
    }
}

impl Sides {
    fn new(left: Sum, right: Sum) -> Option<Sides> {
        let constant = right.constant.checked_sub(left.constant)?;
        let (left, right) = (left.without_constant(), right.without_constant());
        if left.terms().all(|(value, _)| right.coefficient(value) == 0) {
            return Some(Sides { left, right, constant });
        }
        let (left, right) = left.sub(&right)?.sides()?;
        Some(Sides { left, right, constant })
    }

    /// Without common factors; the constant rounded, and whether it was divided without a remainder.
    fn divided(self, round: fn(&i128, &i128) -> i128) -> (Sides, bool) {
        let Sides { left, right, constant } = self;
        let common = gcd(left.terms_content(), right.terms_content()).max(1);
        let exact = constant % common == 0;
        let sides =
            Sides { left: left.over(common), right: right.over(common), constant: round(&constant, &common) };
        (sides, exact)
    }

    /// Where one side is a constant: a difference against nothing becomes a comparison of two, and what is
    /// only subtracted changes sides.
    fn turned(self) -> Option<Sides> {
        let Sides { left, right, constant } = self;
        if left.count() > 0 && right.count() > 0 {
            return Some(Sides { left, right, constant });
        }
        let ((above, below), (over, under)) = (left.sides()?, right.sides()?);
        let splits =
            |added: &Sum, subtracted: &Sum| added.count() == 0 || (constant == 0 && subtracted.count() > 0);
        Some(match (left.count(), right.count()) {
            (0, 0) => Sides { left, right, constant },
            (_, 0) if splits(&above, &below) => Sides { left: above, right: below, constant },
            (0, _) if splits(&over, &under) => Sides { left: under, right: over, constant },
            _ => Sides { left, right, constant },
        })
    }
}
