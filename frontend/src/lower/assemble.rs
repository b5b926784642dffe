//! How does an exact number become one value?
//!
//! Terms are grouped so that known facts about parts of a sum apply. If two sides were compared, their difference is
//! computed as a difference of those sides. A sum that was compared is computed as that sum. Multiples of one value
//! are multiplied last (`x - share * x` is `x * (1 - share)`). What is subtracted from a minimum or maximum is
//! subtracted from both of its sides (`x - min(x, y)` is `max(x - x, x - y)`, so never below zero). Each way gives the
//! same number, and the one with the narrowest proof is taken. Common factors are multiplied last, so that
//! intermediate values stay narrow.

use opus_ir::{Interval, Op, Rounding, Unproved, Value};

use super::quantity::{Quantity, Sum};
use super::site::Site;

/// How many earlier comparisons are considered, and how many are tried as parts of a sum, latest first.
const COMPARISONS_SEEN_MAX: usize = 256;
const PARTS_TRIED_MAX: usize = 8;
/// How many parts are taken out of one sum.
const PARTS_TAKEN_MAX: u32 = 2;
/// How many minima and maxima of a sum are tried.
const EXTREMES_TRIED_MAX: usize = 4;

/// A sum that was compared as a whole, so that facts may be known about it.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The sum.
    pub sum: Sum,
    /// Its value, or the value that it is more than the second.
    pub first: Value,
    /// If there is one, the sum is the first value less this one.
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
        let value = self.compute(Op::Divide, &[dividend, divisor], mode as i128)?;
        if let Some(under) = quantity.under {
            self.bound_quotient(value, quantity, under, mode);
        }
        Ok(value)
    }

    /// What comparisons of the quotient with constants say of the rounded one: `a / b > 95%` has been compared as
    /// `100 * a > 95 * b`, so where that has failed, `a / b` rounded is at most 95 % rounded.
    fn bound_quotient(&mut self, value: Value, quantity: &Quantity, under: Value, mode: Rounding) {
        let about = |part: &Compared| ratio_at_zero(&part.sum, &quantity.sum, under);
        let seen =
            self.compared.iter().rev().take(COMPARISONS_SEEN_MAX).filter(|part| self.is_informed(part));
        let ratios = seen.filter_map(|part| about(part).map(|ratio| (part.clone(), ratio)));
        for (part, at) in ratios.take(PARTS_TRIED_MAX).collect::<Vec<_>>() {
            let difference = match part.second {
                None => Ok(part.first),
                Some(second) => self.compute(Op::Sub, &[part.first, second], 0),
            };
            let Ok(difference) = difference else { continue };
            let sign = self.bounds(difference);
            let Some(limit) = at.rounded(quantity.divisor, mode) else { continue };
            let (above, below) =
                if at.falls { (sign.lo >= 0, sign.hi <= 0) } else { (sign.hi <= 0, sign.lo >= 0) };
            let range = self.bounds(value);
            let hi = if above { range.hi.min(limit) } else { range.hi };
            let lo = if below { range.lo.max(limit) } else { range.lo };
            if lo <= hi && (lo, hi) != (range.lo, range.hi) {
                self.claim(value, Interval::new(lo, hi));
            }
        }
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
        for value in self.extremes_of(sum) {
            let other = self.by_extreme(sum, value, parts - 1);
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

    /// The earlier comparisons with a known part of the sum, latest first.
    fn parts_of(&self, sum: &Sum) -> Vec<Compared> {
        let seen = self.compared.iter().rev().take(COMPARISONS_SEEN_MAX);
        let parts =
            seen.filter(|part| factor_of(&part.sum, sum).is_some()).filter(|part| self.is_informed(part));
        parts.take(PARTS_TRIED_MAX).cloned().collect()
    }

    /// Whether something is known of a sum because it was compared.
    fn is_informed(&self, part: &Compared) -> bool {
        match part.second {
            Some(second) => self.is_compared(part.first, second),
            None => self.is_known(part.first),
        }
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

    /// The extremes that the sum holds together with terms of their sides, so that one may take from the other.
    fn extremes_of(&self, sum: &Sum) -> Vec<Value> {
        let lessens = |(value, coefficient): &(Value, i128)| {
            let sides = self.extremes.get(value).map_or(&[][..], |extreme| &extreme.sides);
            sides.iter().flat_map(Sum::terms).any(|(term, times)| {
                let signs = times.signum() * coefficient.signum() * sum.coefficient(term).signum();
                signs < 0
            })
        };
        sum.terms().filter(lessens).map(|(value, _)| value).take(EXTREMES_TRIED_MAX).collect()
    }

    /// `x - min(x, y)` as `max(x - x, x - y)`: the extreme of the sums that its sides would give.
    fn by_extreme(&mut self, sum: &Sum, value: Value, parts: u32) -> Assembled {
        let overflow = Unproved::Overflow;
        let Extreme { op, sides } = self.extremes.get(&value).ok_or(overflow)?.clone();
        let coefficient = sum.coefficient(value);
        let rest = sum.sub(&Sum::of(value, coefficient)).ok_or(overflow)?;
        let [a, b] = sides.map(|side| {
            let with_side = side.times(coefficient).and_then(|side| rest.add(&side)).ok_or(overflow)?;
            self.sum_of_parts(&with_side, parts)
        });
        let op = match (op, coefficient < 0) {
            (Op::Min, false) | (Op::Max, true) => Op::Min,
            _ => Op::Max,
        };
        self.compute(op, &[a?, b?], 0)
    }

    /// A value that occurs in the sum both alone and multiplied by another value: the value and the product.
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

    /// Of two values for the same number, the one about which more is known. Where each is known to keep a bound that
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

/// The ratio of a dividend to its divisor at which a sum of both is zero.
struct Ratio {
    numerator: i128,
    /// Positive.
    denominator: i128,
    /// Whether the sum falls as the dividend grows.
    falls: bool,
}

impl Ratio {
    /// The ratio over another divisor, rounded.
    fn rounded(&self, divisor: i128, mode: Rounding) -> Option<i128> {
        Some(mode.divide(self.numerator, self.denominator.checked_mul(divisor)?))
    }
}

/// The ratio, where `compared` is made of multiples of `dividend` and of `divisor` alone. The divisor is positive, so
/// the sum is below zero where the quotient is below the ratio, and above where it is above, or the reverse.
fn ratio_at_zero(compared: &Sum, dividend: &Sum, divisor: Value) -> Option<Ratio> {
    let (term, times) = dividend.terms().find(|(term, _)| *term != divisor)?;
    let share = compared.coefficient(term);
    let rest = compared.times(times)?.sub(&dividend.times(share)?)?;
    // `times * compared` is `share * dividend + rest`
    let left = rest.coefficient(divisor);
    let pure = rest.constant == 0 && rest.terms().all(|(value, _)| value == divisor);
    (share != 0 && pure).then_some(())?;
    Some(Ratio {
        numerator: left.checked_mul(-share.signum())?,
        denominator: share.checked_abs()?,
        falls: (share < 0) != (times < 0),
    })
}

/// The factor by which all terms of `part` are terms of `sum`.
fn factor_of(part: &Sum, sum: &Sum) -> Option<i128> {
    let (value, coefficient) = part.terms().next()?;
    let factor = sum.coefficient(value).checked_div(coefficient).filter(|factor| *factor != 0)?;
    let matches =
        |(value, coefficient): (Value, i128)| coefficient.checked_mul(factor) == Some(sum.coefficient(value));
    part.terms().all(matches).then_some(factor)
}
