//! How does an exact number become one value?
//!
//! Terms are brought together so that what is known of parts of a sum is found again: where two sides have
//! been compared, their difference is computed as a difference of those sides; a sum that has been compared is
//! computed as that sum; multiples of one value by others are multiplied last (`x - share * x` is
//! `x * (1 - share)`); what a sum has beyond a minimum or below a maximum is computed as that (`x - min(x, y)` is
//! `max(x - y, 0)`, so never below zero). Each way gives the same number, and the one of which most is known is taken. Common
//! factors are multiplied last, so that what is computed stays narrow.

use opus_ir::{Op, Rounding, Unproved, Value};

use super::quantity::{Quantity, Sum};
use super::site::Site;

/// How many earlier comparisons are looked at, and how many are tried as parts of a sum, latest first.
const COMPARISONS_SEEN_MAX: usize = 256;
const PARTS_TRIED_MAX: usize = 8;
/// How many parts are taken out of one sum.
const PARTS_TAKEN_MAX: u32 = 2;

/// A sum that was compared as a whole, so that facts may be known about it.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The sum.
    pub sum: Sum,
    /// Its value, or the value that it is more than the second.
    pub first: Value,
    /// Where there is one, the sum is the first value less this one.
    pub second: Option<Value>,
}

/// The lesser or the greater of two sums.
#[derive(Clone, Debug)]
pub struct Extreme {
    /// Which of them: `Min` or `Max`.
    pub op: Op,
    /// The sums.
    pub sides: [Sum; 2],
}

type Assembled = Result<Value, Unproved>;

impl Site {
    /// The value of a sum.
    ///
    /// # Errors
    /// Where it could leave 128 bits.
    pub fn sum(&mut self, sum: &Sum) -> Assembled {
        self.sum_of_parts(sum, PARTS_TAKEN_MAX)
    }

    /// A multiple of a value as a sum; a value that is a constant becomes part of the number.
    ///
    /// # Errors
    /// Where the constant leaves 128 bits.
    pub fn times(&self, value: Value, coefficient: i128) -> Result<Sum, Unproved> {
        match self.func().constant(value) {
            Some(constant) => constant.checked_mul(coefficient).map(Sum::constant).ok_or(Unproved::Overflow),
            None => Ok(Sum::of(value, coefficient)),
        }
    }

    /// A quantity as a whole number of units, rounded by the mode.
    ///
    /// # Errors
    /// Where it cannot be proved.
    pub fn rounded(&mut self, quantity: &Quantity, mode: Rounding) -> Assembled {
        let dividend = self.sum(&quantity.sum)?;
        let divisor = match quantity.under {
            None if quantity.divisor == 1 => return Ok(dividend),
            None => self.constant(quantity.divisor),
            Some(under) => self.multiple(under, quantity.divisor)?,
        };
        self.compute(Op::Divide, &[dividend, divisor], mode as i128)
    }

    /// A sum times a value, as a sum.
    ///
    /// # Errors
    /// Where it could leave 128 bits.
    pub fn product(&mut self, sum: &Sum, value: Value) -> Result<Sum, Unproved> {
        if let Some(constant) = sum.as_constant() {
            return self.times(value, constant);
        }
        let content = sum.content();
        let whole = self.sum(&sum.over(content))?;
        let product = self.compute(Op::Mul, &[whole, value], 0)?;
        self.times(product, content)
    }

    /// Remembers a sum that is compared with something.
    pub fn remember(&mut self, compared: Compared) {
        self.compared.push(compared);
    }

    fn sum_of_parts(&mut self, sum: &Sum, parts: u32) -> Assembled {
        let mut best = self.whole(sum);
        if sum.count() < 2 || parts == 0 {
            return best;
        }
        for part in self.parts_of(sum) {
            let other = self.by_part(sum, &part, parts - 1);
            best = self.narrower(best, other);
        }
        for (value, side) in self.extremes_of(sum) {
            let other = self.by_extreme(sum, value, side, parts - 1);
            best = self.narrower(best, other);
        }
        if let Some((value, by)) = self.repeated(sum) {
            let other = self.by_factor(sum, value, by, parts - 1);
            best = self.narrower(best, other);
        }
        best
    }

    /// A sum term by term.
    fn whole(&mut self, sum: &Sum) -> Assembled {
        if let Some(constant) = sum.as_constant() {
            return Ok(self.constant(constant));
        }
        let content = sum.terms_content();
        let (added, subtracted) = sum.without_constant().over(content).sides().ok_or(Unproved::Overflow)?;
        if added.count() == 0 {
            let less = self.added(&subtracted)?;
            let less = self.multiple(less, content)?;
            let constant = self.constant(sum.constant);
            return self.compute(Op::Sub, &[constant, less], 0);
        }
        let mut value = self.added(&added)?;
        for (term, coefficient) in subtracted.terms() {
            let term = self.multiple(term, coefficient)?;
            value = self.compute(Op::Sub, &[value, term], 0)?;
        }
        let value = self.multiple(value, content)?;
        self.plus(value, sum.constant)
    }

    fn added(&mut self, terms: &Sum) -> Assembled {
        let mut sum = None;
        for (term, coefficient) in terms.terms() {
            let term = self.multiple(term, coefficient)?;
            sum = Some(match sum {
                None => term,
                Some(before) => self.compute(Op::Add, &[before, term], 0)?,
            });
        }
        Ok(sum.expect("there is at least one term"))
    }

    /// `factor * value`
    fn multiple(&mut self, value: Value, factor: i128) -> Assembled {
        if factor == 1 {
            return Ok(value);
        }
        let factor = self.constant(factor);
        self.compute(Op::Mul, &[value, factor], 0)
    }

    /// `value + constant`
    fn plus(&mut self, value: Value, constant: i128) -> Assembled {
        let (op, magnitude) = match (constant, constant.checked_neg()) {
            (0, _) => return Ok(value),
            (..0, Some(magnitude)) => (Op::Sub, magnitude),
            _ => (Op::Add, constant),
        };
        let constant = self.constant(magnitude);
        self.compute(op, &[value, constant], 0)
    }

    /// The earlier comparisons of a part of the sum of which something is known, latest first.
    fn parts_of(&self, sum: &Sum) -> Vec<Compared> {
        let is_known = |part: &&Compared| match part.second {
            Some(second) => self.is_compared(part.first, second),
            None => self.is_known(part.first),
        };
        let seen = self.compared.iter().rev().take(COMPARISONS_SEEN_MAX);
        let parts = seen.filter(|part| factor_of(&part.sum, sum).is_some()).filter(is_known);
        parts.take(PARTS_TRIED_MAX).cloned().collect()
    }

    /// The sum as a multiple of a part of it, and the rest.
    fn by_part(&mut self, sum: &Sum, part: &Compared, parts: u32) -> Assembled {
        let factor = factor_of(&part.sum, sum).ok_or(Unproved::Overflow)?;
        let (value, times) = match part.second {
            None => (part.first, factor),
            Some(second) if factor < 0 => (self.compute(Op::Sub, &[second, part.first], 0)?, -factor),
            Some(second) => (self.compute(Op::Sub, &[part.first, second], 0)?, factor),
        };
        let taken = part.sum.times(factor).ok_or(Unproved::Overflow)?;
        let rest = sum.sub(&taken).ok_or(Unproved::Overflow)?;
        let value = self.multiple(value, times)?;
        self.with_rest(value, &rest, parts)
    }

    /// The extremes that the sum holds together with one of their sides, of the opposite sign: the value, and
    /// which side.
    fn extremes_of(&self, sum: &Sum) -> Vec<(Value, usize)> {
        let together = |(value, coefficient): (Value, i128)| {
            let extreme = self.extremes.get(&value);
            (0..2).filter_map(move |side| {
                let factor = factor_of(&extreme?.sides[side], sum)?;
                ((factor < 0) != (coefficient < 0)).then_some((value, side))
            })
        };
        sum.terms().flat_map(together).take(PARTS_TRIED_MAX).collect()
    }

    /// `a * x + b * min(x, y)` as `a * max(x - y, 0) + (a + b) * min(x, y)`, and with a maximum the same way round.
    fn by_extreme(&mut self, sum: &Sum, value: Value, side: usize, parts: u32) -> Assembled {
        let overflow = Unproved::Overflow;
        let Extreme { op, sides } = self.extremes.get(&value).ok_or(overflow)?.clone();
        let factor = factor_of(&sides[side], sum).ok_or(overflow)?;
        let apart = sides[side].sub(&sides[1 - side]).ok_or(overflow)?;
        let (apart, zero) = (self.sum_of_parts(&apart, parts)?, self.constant(0));
        let beyond = self.compute(if op == Op::Min { Op::Max } else { Op::Min }, &[apart, zero], 0)?;
        let side = sides[side].times(factor).ok_or(overflow)?;
        let moved = self.times(beyond, factor)?.add(&Sum::of(value, factor)).ok_or(overflow)?;
        let same = sum.sub(&side).and_then(|rest| rest.add(&moved)).ok_or(overflow)?;
        self.sum_of_parts(&same, parts)
    }

    /// A value that the sum holds by itself and multiplied by another value: the value and the product.
    fn repeated(&self, sum: &Sum) -> Option<(Value, Value)> {
        let factors = |product: Value| {
            let inst = self.func().inst(product).filter(|inst| inst.op == Op::Mul)?;
            let factors = inst.operands::<2>().map(|factor| opus_ir::facts::origin(self.func(), factor));
            factors.into_iter().find(|factor| sum.coefficient(*factor) != 0)
        };
        sum.terms().find_map(|(product, _)| factors(product).map(|value| (value, product)))
    }

    /// The sum with `value` multiplied last: `a * value + b * value * by` is `value * (a + b * by)`.
    fn by_factor(&mut self, sum: &Sum, value: Value, product: Value, parts: u32) -> Assembled {
        let [a, b] = self.func().inst(product).expect("a product is computed").operands();
        let [a, b] = [a, b].map(|factor| opus_ir::facts::origin(self.func(), factor));
        let by = if a == value { b } else { a };
        let mut factor = self.times(by, sum.coefficient(product))?;
        let alone = sum.coefficient(value);
        factor.constant = factor.constant.checked_add(alone).ok_or(Unproved::Overflow)?;
        let whole = self.product(&factor, value)?;
        let taken = Sum::of(value, alone).add(&Sum::of(product, sum.coefficient(product)));
        let rest = taken.and_then(|taken| sum.sub(&taken)).ok_or(Unproved::Overflow)?;
        let whole = self.whole(&whole)?;
        self.with_rest(whole, &rest, parts)
    }

    fn with_rest(&mut self, value: Value, rest: &Sum, parts: u32) -> Assembled {
        if let Some(constant) = rest.as_constant() {
            return self.plus(value, constant);
        }
        let rest = self.sum_of_parts(rest, parts)?;
        self.compute(Op::Add, &[value, rest], 0)
    }

    /// The one of two values for the same number of which more is known. Where each is known to keep a bound that
    /// the other is not, it is the first, which keeps both.
    fn narrower(&mut self, a: Assembled, b: Assembled) -> Assembled {
        let (Ok(first), Ok(second)) = (a, b) else { return a.or(b) };
        let (known, other) = (self.bounds(first), self.bounds(second));
        if other.contains_all(known) {
            return Ok(first);
        }
        if known.contains_all(other) {
            return Ok(second);
        }
        self.claim(first, other);
        Ok(first)
    }
}

/// The factor by which all terms of `part` are terms of `sum`.
fn factor_of(part: &Sum, sum: &Sum) -> Option<i128> {
    let (value, coefficient) = part.terms().next()?;
    let factor = sum.coefficient(value).checked_div(coefficient).filter(|factor| *factor != 0)?;
    let matches =
        |(value, coefficient): (Value, i128)| coefficient.checked_mul(factor) == Some(sum.coefficient(value));
    part.terms().all(matches).then_some(factor)
}
