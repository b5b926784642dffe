//! How is an exact quotient rounded to an integer?

use std::cmp::Ordering;

use crate::scalar::Scalar;

/// The seven modes of `rounded MODE to UNIT`. The numbers are the op's immediate and are stable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Rounding {
    /// To the nearest, ties to the even neighbour.
    HalfEven = 0,
    /// To the nearest, ties away from zero.
    HalfUp = 1,
    /// To the nearest, ties towards zero.
    HalfDown = 2,
    /// Away from zero.
    Up = 3,
    /// Towards zero.
    Down = 4,
    /// Towards minus infinity.
    Floor = 5,
    /// Towards plus infinity.
    Ceiling = 6,
}

impl Rounding {
    /// Every mode, by number.
    pub const ALL: [Rounding; 7] = [
        Rounding::HalfEven,
        Rounding::HalfUp,
        Rounding::HalfDown,
        Rounding::Up,
        Rounding::Down,
        Rounding::Floor,
        Rounding::Ceiling,
    ];

    /// The word in the language.
    pub const fn name(self) -> &'static str {
        match self {
            Rounding::HalfEven => "half_even",
            Rounding::HalfUp => "half_up",
            Rounding::HalfDown => "half_down",
            Rounding::Up => "up",
            Rounding::Down => "down",
            Rounding::Floor => "floor",
            Rounding::Ceiling => "ceiling",
        }
    }

    /// The mode with this number, `None` if there is none.
    #[inline]
    pub fn from_number(number: i128) -> Option<Rounding> {
        usize::try_from(number).ok().and_then(|i| Rounding::ALL.get(i).copied())
    }

    /// `a / b` rounded; 0 where `b` is 0. Wraps at 128 bits (only `i128::MIN / -1` can).
    ///
    /// ```
    /// use opus_ir::Rounding;
    /// assert_eq!(Rounding::HalfEven.divide(5, 2), 2);
    /// assert_eq!(Rounding::HalfUp.divide(-5, 2), -3);
    /// ```
    pub fn divide(self, a: i128, b: i128) -> i128 {
        Scalar::divide(a, b, self)
    }

    /// Whether a quotient that was truncated towards zero and left a remainder moves one away from zero: by how
    /// the remainder compares with half the divisor, whether the quotient is odd, and its exact sign.
    #[inline]
    pub fn rounds_away(self, half: Ordering, odd: bool, positive: bool) -> bool {
        match self {
            Rounding::HalfEven => half.is_gt() || (half.is_eq() && odd),
            Rounding::HalfUp => half.is_ge(),
            Rounding::HalfDown => half.is_gt(),
            Rounding::Up => true,
            Rounding::Down => false,
            Rounding::Floor => !positive,
            Rounding::Ceiling => positive,
        }
    }
}
