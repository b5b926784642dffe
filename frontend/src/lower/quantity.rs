//! Which exact number is it, before a register holds it?
//!
//! A quantity is a sum of multiples of IR values over an integer, or over a value if the divisor was not constant.
//! Multiples of one value by constants are collected here, before anyone asks for a range: `x - 15% of x` is `85 * x /
//! 100`. Scales are only divisors: an amount in cents is `x / 100`, and dividing by twelve multiplies the divisor.
//!
//! Every function returns `None` if a coefficient would leave 128 bits.

use std::collections::BTreeMap;

use num_integer::Integer;
use opus_ir::Value;

use crate::hir::Number;

/// A sum of integer multiples of values, and a constant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Sum {
    terms: BTreeMap<Value, i128>,
    /// What is added to the terms.
    pub constant: i128,
}

/// An exact number: `sum / (divisor * under)`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quantity {
    /// The sum that is divided.
    pub sum: Sum,
    /// The constant that it is divided by; positive, and without a factor in common with the sum.
    pub divisor: i128,
    /// The value that it is divided by; it was proved positive where the quantity was made.
    pub under: Option<Value>,
}

impl Sum {
    /// A constant.
    pub fn constant(constant: i128) -> Sum {
        Sum { terms: BTreeMap::new(), constant }
    }

    /// A multiple of a value.
    pub fn of(value: Value, coefficient: i128) -> Sum {
        let terms = BTreeMap::from([(value, coefficient)]);
        Sum { terms, constant: 0 }.without_zeros()
    }

    /// The values with their coefficients, none of which is zero, in the order of the values.
    pub fn terms(&self) -> impl Iterator<Item = (Value, i128)> + '_ {
        self.terms.iter().map(|(value, coefficient)| (*value, *coefficient))
    }

    /// How many values there are.
    pub fn count(&self) -> usize {
        self.terms.len()
    }

    /// The coefficient of a value; 0 where it has none.
    pub fn coefficient(&self, value: Value) -> i128 {
        self.terms.get(&value).copied().unwrap_or(0)
    }

    /// The constant, if it is the only term.
    pub fn as_constant(&self) -> Option<i128> {
        self.terms.is_empty().then_some(self.constant)
    }

    /// The value and its coefficient, if it is the only term.
    pub fn as_multiple(&self) -> Option<(Value, i128)> {
        self.terms().next().filter(|_| self.count() == 1 && self.constant == 0)
    }

    /// The terms alone.
    pub fn without_constant(&self) -> Sum {
        Sum { terms: self.terms.clone(), constant: 0 }
    }

    /// `self + other`
    pub fn add(&self, other: &Sum) -> Option<Sum> {
        let mut sum = self.clone();
        sum.constant = sum.constant.checked_add(other.constant)?;
        for (value, coefficient) in other.terms() {
            let here = sum.terms.entry(value).or_insert(0);
            *here = here.checked_add(coefficient)?;
        }
        Some(sum.without_zeros())
    }

    /// `self - other`
    pub fn sub(&self, other: &Sum) -> Option<Sum> {
        self.add(&other.times(-1)?)
    }

    /// `factor * self`
    pub fn times(&self, factor: i128) -> Option<Sum> {
        let scaled = |(value, coefficient): (Value, i128)| Some((value, coefficient.checked_mul(factor)?));
        let terms = self.terms().map(scaled).collect::<Option<_>>()?;
        Some(Sum { terms, constant: self.constant.checked_mul(factor)? }.without_zeros())
    }

    /// The sum divided by a factor of it.
    pub fn over(&self, factor: i128) -> Sum {
        let terms = self.terms().map(|(value, coefficient)| (value, coefficient / factor)).collect();
        Sum { terms, constant: self.constant / factor }
    }

    /// The greatest integer that divides the coefficients; 0 if there are none.
    pub fn terms_content(&self) -> i128 {
        self.terms.values().fold(0, |content, coefficient| gcd(content, *coefficient))
    }

    /// The greatest integer that divides coefficients and constant; 0 for zero.
    pub fn content(&self) -> i128 {
        gcd(self.terms_content(), self.constant)
    }

    /// The part with positive coefficients, and the negative of the part with negative ones; no constant in
    /// either.
    pub fn sides(&self) -> Option<(Sum, Sum)> {
        let side = |sign: i128| {
            let terms = self.terms().filter(|(_, coefficient)| coefficient.signum() == sign).collect();
            Sum { terms, constant: 0 }.times(sign)
        };
        Some((side(1)?, side(-1)?))
    }

    fn without_zeros(mut self) -> Sum {
        self.terms.retain(|_, coefficient| *coefficient != 0);
        self
    }
}

impl Quantity {
    /// A sum over a positive constant.
    pub fn new(sum: Sum, divisor: i128) -> Quantity {
        Quantity { sum, divisor, under: None }.reduced()
    }

    /// An integer constant.
    pub fn whole(constant: i128) -> Quantity {
        Quantity::new(Sum::constant(constant), 1)
    }

    /// An exact decimal.
    pub fn decimal(number: Number) -> Option<Quantity> {
        Some(Quantity::new(Sum::constant(number.mantissa), power_of_ten(number.scale)?))
    }

    /// The constant as numerator and divisor, where it is one.
    pub fn as_constant(&self) -> Option<(i128, i128)> {
        let constant = self.sum.as_constant().filter(|_| self.under.is_none())?;
        Some((constant, self.divisor))
    }

    /// The same number without common factors of sum and divisor.
    pub fn reduced(self) -> Quantity {
        match gcd(self.sum.content(), self.divisor) {
            0 | 1 => self,
            common => {
                Quantity { sum: self.sum.over(common), divisor: self.divisor / common, under: self.under }
            }
        }
    }

    /// The number times `numerator / divisor`; the divisor is positive.
    pub fn times(&self, numerator: i128, divisor: i128) -> Option<Quantity> {
        // common factors are cancelled first, to avoid overflow
        let above = gcd(numerator, self.divisor).max(1);
        let below = gcd(self.sum.content(), divisor).max(1);
        Some(
            Quantity {
                sum: self.sum.over(below).times(numerator / above)?,
                divisor: (self.divisor / above).checked_mul(divisor / below)?,
                under: self.under,
            }
            .reduced(),
        )
    }

    /// `self + other`, where nothing but constants has been divided by, or by the same value.
    pub fn add(&self, other: &Quantity) -> Option<Quantity> {
        assert_eq!(
            self.under, other.under,
            "quantities over different values have been brought to one before"
        );
        let (left, right, divisor) = self.aligned(other)?;
        Some(Quantity { sum: left.add(&right)?, divisor, under: self.under }.reduced())
    }

    /// The two sums over one divisor, and that divisor.
    pub fn aligned(&self, other: &Quantity) -> Option<(Sum, Sum, i128)> {
        let common = gcd(self.divisor, other.divisor);
        let (left, right) = (other.divisor / common, self.divisor / common);
        Some((self.sum.times(left)?, other.sum.times(right)?, self.divisor.checked_mul(left)?))
    }

    /// The sum that counts units of `1 / per_unit`, where the number is a whole multiple of that whatever its
    /// values are.
    pub fn counted(&self, per_unit: i128) -> Option<Sum> {
        assert!(self.under.is_none(), "a rational has been rounded before it is counted");
        let scaled = self.times(per_unit, 1)?;
        (scaled.divisor == 1).then_some(scaled.sum)
    }
}

/// The greatest common divisor, never negative; that of 0 and x is x.
pub fn gcd(a: i128, b: i128) -> i128 {
    let common = a.unsigned_abs().gcd(&b.unsigned_abs());
    // only the magnitude of `i128::MIN` is too large, and half of it is a divisor as well
    i128::try_from(common).unwrap_or(1 << 126)
}

/// `10^scale`
pub fn power_of_ten(scale: u8) -> Option<i128> {
    10i128.checked_pow(scale as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(index: u32) -> Value {
        Value::from_u32(index)
    }

    #[test]
    fn multiples_of_one_value_are_collected() {
        let x = Quantity::new(Sum::of(value(0), 1), 100);
        let less = x.times(-15, 100).unwrap();
        assert_eq!(x.add(&less).unwrap(), Quantity::new(Sum::of(value(0), 17), 2000));
        assert_eq!(x.add(&x.times(-1, 1).unwrap()).unwrap(), Quantity::whole(0));
    }

    #[test]
    fn factors_cancel_before_they_overflow() {
        let x = Quantity::new(Sum::of(value(0), 1), i128::MAX);
        assert_eq!(x.times(i128::MAX, 3).unwrap(), Quantity::new(Sum::of(value(0), 1), 3));
        assert_eq!(x.times(1, 2), None);
    }

    #[test]
    fn only_whole_multiples_are_counted() {
        let x = Quantity::new(Sum::of(value(0), 1), 100);
        assert_eq!(x.counted(100), Some(Sum::of(value(0), 1)));
        assert_eq!(x.counted(1000), Some(Sum::of(value(0), 10)));
        assert_eq!(x.counted(10), None);
    }
}
