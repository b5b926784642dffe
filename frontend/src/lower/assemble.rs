//! How does an exact number become one value? Term by term; what all terms have in common is multiplied last, so that
//! intermediate values stay narrow.

use opus_ir::{Op, Rounding, Unproved, Value};

use super::quantity::{Quantity, Sum};
use super::site::Site;

type Assembled = Result<Value, Unproved>;

impl Site {
    /// The value of a sum.
    ///
    /// # Errors
    /// Where it could leave 128 bits.
    pub fn sum(&mut self, sum: &Sum) -> Assembled {
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
}
