//! What is calculated with, in rows and in columns: integers of 32, 64 and 128 bits, total and wrapping.

use bytemuck::Pod;
use opus_ir::Rounding;

/// An integer that the machine calculates with.
pub trait Lane: Pod + Ord {
    /// The integer, cut to the type.
    fn of(x: i128) -> Self;
    /// The integer as a wide one.
    fn wide(self) -> i128;
    /// The sum.
    fn plus(self, other: Self) -> Self;
    /// The difference.
    fn minus(self, other: Self) -> Self;
    /// The product.
    fn times(self, other: Self) -> Self;
    /// The quotient rounded by the mode; 0 where the divisor is 0.
    fn divide(self, other: Self, mode: Rounding) -> Self;
    /// What floor division leaves; 0 where the divisor is 0.
    fn modulo(self, other: Self) -> Self;
}

macro_rules! lane {
    ($($ty:ty),+) => { $( impl Lane for $ty {
        #[inline(always)]
        fn of(x: i128) -> $ty {
            x as $ty
        }
        #[inline(always)]
        fn wide(self) -> i128 {
            self as i128
        }
        #[inline(always)]
        fn plus(self, other: $ty) -> $ty {
            self.wrapping_add(other)
        }
        #[inline(always)]
        fn minus(self, other: $ty) -> $ty {
            self.wrapping_sub(other)
        }
        #[inline(always)]
        fn times(self, other: $ty) -> $ty {
            self.wrapping_mul(other)
        }
        #[inline(always)]
        fn divide(self, other: $ty, mode: Rounding) -> $ty {
            if other == 0 {
                return 0;
            }
            let (quotient, remainder) = (self.wrapping_div(other), self.wrapping_rem(other));
            if remainder == 0 {
                return quotient;
            }
            let positive = (self < 0) == (other < 0);
            let left = remainder.unsigned_abs();
            let half = left.cmp(&(other.unsigned_abs() - left));
            let away = mode.leaves_zero(half, quotient & 1 != 0, positive);
            quotient.wrapping_add(if away { 2 * positive as $ty - 1 } else { 0 })
        }
        #[inline(always)]
        fn modulo(self, other: $ty) -> $ty {
            if other == 0 {
                return 0;
            }
            let remainder = self.wrapping_rem(other);
            if remainder != 0 && (remainder < 0) != (other < 0) { remainder + other } else { remainder }
        }
    } )+ };
}
lane!(i32, i64, i128);
