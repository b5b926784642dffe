//! Exact fractions: two machine words as long as they fit, integers of any size beyond.

use std::cmp::Ordering;

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{Signed, Zero};

/// A fraction in lowest terms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rational {
    /// Numerator and positive denominator.
    Small(i64, i64),
    /// One that does not fit.
    Big(Box<BigRational>),
}

impl Rational {
    /// Zero.
    pub const ZERO: Rational = Rational::Small(0, 1);

    /// An integer.
    pub fn integer(x: i128) -> Rational {
        Rational::of(x, 1)
    }

    /// One half.
    pub fn half() -> Rational {
        Rational::Small(1, 2)
    }

    /// `numerator / denominator`; the denominator is positive.
    fn of(numerator: i128, denominator: i128) -> Rational {
        let common = numerator.gcd(&denominator).max(1);
        let (n, d) = (numerator / common, denominator / common);
        match (i64::try_from(n), i64::try_from(d)) {
            (Ok(n), Ok(d)) if n != i64::MIN => Rational::Small(n, d),
            _ => Rational::Big(Box::new(BigRational::new_raw(n.into(), d.into()))),
        }
    }

    fn from_big(x: BigRational) -> Rational {
        match (i64::try_from(x.numer()), i64::try_from(x.denom())) {
            (Ok(n), Ok(d)) if n != i64::MIN => Rational::Small(n, d),
            _ => Rational::Big(Box::new(x)),
        }
    }

    /// The fraction of integers of any size.
    pub fn big(&self) -> BigRational {
        match self {
            Rational::Small(n, d) => BigRational::new_raw((*n).into(), (*d).into()),
            Rational::Big(x) => (**x).clone(),
        }
    }

    /// -1, 0 or 1.
    pub fn signum(&self) -> i32 {
        match self {
            Rational::Small(n, _) => n.signum() as i32,
            Rational::Big(x) if x.is_positive() => 1,
            Rational::Big(x) if x.is_negative() => -1,
            Rational::Big(_) => 0,
        }
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        match self {
            Rational::Small(n, _) => *n == 0,
            Rational::Big(x) => x.is_zero(),
        }
    }

    /// `-self`
    pub fn negated(&self) -> Rational {
        match self {
            Rational::Small(n, d) => Rational::Small(-n, *d),
            Rational::Big(x) => Rational::from_big(-(**x).clone()),
        }
    }

    /// `self + other`
    pub fn plus(&self, other: &Rational) -> Rational {
        if let (Rational::Small(a, b), Rational::Small(c, d)) = (self, other) {
            let (a, b, c, d) = (i128::from(*a), i128::from(*b), i128::from(*c), i128::from(*d));
            if b == d {
                return Rational::of(a + c, b);
            }
            // each product is less than 2^126
            return Rational::of(a * d + c * b, b * d);
        }
        Rational::from_big(self.big() + other.big())
    }

    /// `self - other`
    pub fn minus(&self, other: &Rational) -> Rational {
        self.plus(&other.negated())
    }

    /// `self * other`
    pub fn times(&self, other: &Rational) -> Rational {
        if let (Rational::Small(a, b), Rational::Small(c, d)) = (self, other) {
            return Rational::of(i128::from(*a) * i128::from(*c), i128::from(*b) * i128::from(*d));
        }
        Rational::from_big(self.big() * other.big())
    }

    /// `1 / self`, of one that is not zero.
    pub fn inverse(&self) -> Rational {
        match self {
            Rational::Small(n, d) if *n > 0 => Rational::Small(*d, *n),
            Rational::Small(n, d) => Rational::Small(-d, -n),
            Rational::Big(x) => Rational::from_big(x.recip()),
        }
    }

    /// The greatest integer that is not above it, `None` where it has more than 128 bits.
    pub fn floor(&self) -> Option<i128> {
        match self {
            Rational::Small(n, d) => Some(i128::from(n.div_floor(d))),
            Rational::Big(x) => i128::try_from(x.floor().to_integer()).ok(),
        }
    }

    /// Whether it is an integer.
    pub fn is_integer(&self) -> bool {
        match self {
            Rational::Small(_, d) => *d == 1,
            Rational::Big(x) => x.is_integer(),
        }
    }

    /// The denominator.
    pub fn denominator(&self) -> BigInt {
        match self {
            Rational::Small(_, d) => (*d).into(),
            Rational::Big(x) => x.denom().clone(),
        }
    }

    /// How many machine words an operation on it works on.
    pub fn words(&self) -> usize {
        match self {
            Rational::Small(..) => 1,
            Rational::Big(x) => 2 + ((x.numer().bits() + x.denom().bits()) / 32) as usize,
        }
    }
}

impl Default for Rational {
    fn default() -> Rational {
        Rational::ZERO
    }
}

impl PartialOrd for Rational {
    fn partial_cmp(&self, other: &Rational) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Rational {
    fn cmp(&self, other: &Rational) -> Ordering {
        match (self, other) {
            (Rational::Small(a, b), Rational::Small(c, d)) => {
                (i128::from(*a) * i128::from(*d)).cmp(&(i128::from(*c) * i128::from(*b)))
            }
            _ => self.big().cmp(&other.big()),
        }
    }
}
