//! What do proofs add up? Polynomials of degree two at most, with integer coefficients, over atoms.

use std::collections::BTreeMap;

use crate::func::Value;

/// A product of at most two atoms; that of none is 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Monomial([Option<Value>; 2]);

impl Monomial {
    /// The number 1.
    pub const ONE: Monomial = Monomial([None, None]);

    /// An atom.
    pub fn of(value: Value) -> Monomial {
        Monomial([None, Some(value)])
    }

    /// The product of two monomials, `None` where it has more than two factors.
    pub fn times(self, other: Monomial) -> Option<Monomial> {
        match (self.0, other.0) {
            ([None, None], _) => Some(other),
            (_, [None, None]) => Some(self),
            ([None, Some(a)], [None, Some(b)]) => Some(Monomial([Some(a.min(b)), Some(a.max(b))])),
            _ => None,
        }
    }

    /// How many factors it has.
    pub fn degree(self) -> usize {
        self.0.iter().flatten().count()
    }

    /// Its factors.
    pub fn atoms(self) -> impl Iterator<Item = Value> {
        self.0.into_iter().flatten()
    }
}

/// A polynomial. No coefficient is zero.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Poly(BTreeMap<Monomial, i128>);

impl Poly {
    /// A constant.
    pub fn constant(x: i128) -> Poly {
        Poly::term(Monomial::ONE, x)
    }

    /// An atom.
    pub fn of(value: Value) -> Poly {
        Poly::term(Monomial::of(value), 1)
    }

    /// A multiple of a monomial.
    pub fn term(monomial: Monomial, coefficient: i128) -> Poly {
        let terms = BTreeMap::from([(monomial, coefficient)]);
        Poly(terms).without_zeros()
    }

    /// The terms in the order of the monomials, the constant first.
    pub fn terms(&self) -> impl Iterator<Item = (Monomial, i128)> + '_ {
        self.0.iter().map(|(monomial, coefficient)| (*monomial, *coefficient))
    }

    /// The coefficient of a monomial.
    pub fn coefficient(&self, monomial: Monomial) -> i128 {
        self.0.get(&monomial).copied().unwrap_or(0)
    }

    /// How many terms there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is zero.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The greatest number of factors in a term.
    pub fn degree(&self) -> usize {
        self.0.keys().map(|monomial| monomial.degree()).max().unwrap_or(0)
    }

    /// Every atom that occurs.
    pub fn atoms(&self) -> impl Iterator<Item = Value> + '_ {
        self.0.keys().flat_map(|monomial| monomial.atoms())
    }

    /// `self + times * other`; `None` where a coefficient leaves 128 bits.
    pub fn plus(&self, times: i128, other: &Poly) -> Option<Poly> {
        let mut sum = self.clone();
        for (monomial, coefficient) in other.terms() {
            let here = sum.0.entry(monomial).or_insert(0);
            *here = here.checked_add(coefficient.checked_mul(times)?)?;
        }
        Some(sum.without_zeros())
    }

    /// `self * other`; `None` where a coefficient leaves 128 bits or a term has more than two factors.
    pub fn times(&self, other: &Poly) -> Option<Poly> {
        let mut product = BTreeMap::<Monomial, i128>::new();
        for (a, x) in self.terms() {
            for (b, y) in other.terms() {
                let here = product.entry(a.times(b)?).or_insert(0);
                *here = here.checked_add(x.checked_mul(y)?)?;
            }
        }
        Some(Poly(product).without_zeros())
    }

    /// `self - low`, which is not negative where it is at least `low`; `None` where a coefficient leaves 128 bits.
    pub fn at_least(&self, low: i128) -> Option<Poly> {
        self.plus(low.checked_neg()?, &Poly::constant(1))
    }

    /// `high - self`, which is not negative where it is at most `high`; `None` where a coefficient leaves 128 bits.
    pub fn at_most(&self, high: i128) -> Option<Poly> {
        Poly::constant(high).plus(-1, self)
    }

    /// The atom with its coefficient and the constant, where it is linear in one atom alone.
    pub fn single(&self) -> Option<(Value, i128, i128)> {
        let mut terms = self.terms().filter(|(monomial, _)| *monomial != Monomial::ONE);
        let (monomial, coefficient) = terms.next()?;
        let (1, None, Some(atom)) = (monomial.degree(), terms.next(), monomial.atoms().next()) else {
            return None;
        };
        Some((atom, coefficient, self.coefficient(Monomial::ONE)))
    }

    fn without_zeros(mut self) -> Poly {
        self.0.retain(|_, coefficient| *coefficient != 0);
        self
    }
}

/// What is known of a polynomial.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Relation {
    /// The polynomial.
    pub poly: Poly,
    /// Whether it is zero; otherwise it is not negative.
    pub is_zero: bool,
}
