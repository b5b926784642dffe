//! How is code written once for integers of every width?
//!
//! Columns and row slots hold cells of five widths, and engines compute in four types. Code over them is generic over
//! [`Scalar`], and [`by_width!`](crate::by_width), [`by_type!`](crate::by_type) and
//! [`by_integer!`](crate::by_integer) choose the instance. Nothing else matches on a width to choose a Rust type.

use bytemuck::Pod;

use crate::rounding::Rounding;
use crate::types::Width;

/// A signed integer: a cell of a column, or what an engine computes in. Arithmetic is total and wraps; a Boolean is
/// 0 or 1 in an `i8`.
pub trait Scalar: Pod + Ord + std::fmt::Debug {
    /// The width.
    const WIDTH: Width;
    /// The least value.
    const MIN: Self;
    /// The greatest value.
    const MAX: Self;

    /// The integer, truncated to the width.
    fn truncate(x: i128) -> Self;
    /// The value nearest to the integer.
    fn nearest(x: i128) -> Self;
    /// The integer, sign-extended.
    fn wide(self) -> i128;
    /// Reads the integer from the first bytes, in little-endian order.
    fn read(bytes: &[u8]) -> Self;
    /// Writes the integer to the first bytes, in little-endian order.
    fn write(self, bytes: &mut [u8]);

    /// The sum.
    fn plus(self, other: Self) -> Self;
    /// The difference.
    fn minus(self, other: Self) -> Self;
    /// The product.
    fn times(self, other: Self) -> Self;
    /// The quotient rounded by the mode; 0 where the divisor is 0.
    fn divide(self, other: Self, mode: Rounding) -> Self;
    /// The remainder of floor division; 0 where the divisor is 0.
    fn modulo(self, other: Self) -> Self;
    /// The first where the condition is 1, the second where it is 0. Both are read: vector code would otherwise turn a
    /// choice between two addresses into a gather.
    fn choose(condition: i8, a: Self, b: Self) -> Self;

    /// The lower 64 bits of the absolute value.
    fn magnitude(self) -> u64;
    /// The quotient by a divisor other than 0, rounded by the mode. `quotient` is the absolute value of the quotient
    /// truncated towards zero. Branch-free where the mode is known, so that loops over it become vector code.
    fn round(self, quotient: Self, divisor: Self, mode: Rounding) -> Self;
}

macro_rules! scalar {
    ($($ty:ty, $unsigned:ty, $width:ident;)+) => { $( impl Scalar for $ty {
        const WIDTH: Width = Width::$width;
        const MIN: $ty = <$ty>::MIN;
        const MAX: $ty = <$ty>::MAX;

        #[inline(always)]
        fn truncate(x: i128) -> $ty {
            x as $ty
        }
        #[inline(always)]
        fn nearest(x: i128) -> $ty {
            x.clamp(<$ty>::MIN as i128, <$ty>::MAX as i128) as $ty
        }
        #[inline(always)]
        fn wide(self) -> i128 {
            self as i128
        }
        #[inline(always)]
        fn read(bytes: &[u8]) -> $ty {
            <$ty>::from_le_bytes(*bytes.first_chunk().expect("there are as many bytes as the width has"))
        }
        #[inline(always)]
        fn write(self, bytes: &mut [u8]) {
            bytes[..size_of::<$ty>()].copy_from_slice(&self.to_le_bytes());
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
            // twice the remainder against the divisor, as absolute values that cannot overflow
            let left = remainder.unsigned_abs();
            let half = left.cmp(&(other.unsigned_abs() - left));
            let away = mode.rounds_away(half, quotient & 1 != 0, positive);
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
        #[inline(always)]
        fn choose(condition: i8, a: $ty, b: $ty) -> $ty {
            let mask = (condition as $ty).wrapping_neg();
            a & mask | b & !mask
        }
        #[inline(always)]
        fn magnitude(self) -> u64 {
            self.unsigned_abs() as u64
        }
        #[inline(always)]
        fn round(self, quotient: $ty, divisor: $ty, mode: Rounding) -> $ty {
            let (quotient, whole) = (quotient as $unsigned, divisor.unsigned_abs());
            let left = self.unsigned_abs().wrapping_sub(quotient.wrapping_mul(whole));
            let positive = (self < 0) == (divisor < 0);
            // away from zero where twice the remainder exceeds a limit: one comparison for each mode
            let (more, limit) = match mode {
                Rounding::HalfEven => (quotient & 1, whole),
                Rounding::HalfUp => (1, whole),
                Rounding::HalfDown => (0, whole),
                Rounding::Up => (0, 0),
                Rounding::Down => (0, <$unsigned>::MAX),
                Rounding::Floor => (0, if positive { <$unsigned>::MAX } else { 0 }),
                Rounding::Ceiling => (0, if positive { 0 } else { <$unsigned>::MAX }),
            };
            let away = left.wrapping_add(left).wrapping_add(more) > limit;
            let rounded = quotient.wrapping_add(away as $unsigned) as $ty;
            if positive { rounded } else { rounded.wrapping_neg() }
        }
    } )+ };
}
scalar! {
    i8, u8, W8;
    i16, u16, W16;
    i32, u32, W32;
    i64, u64, W64;
    i128, u128, W128;
}

/// `$body` with the cell type of a [`Width`](crate::Width) as `$cell`.
///
/// ```
/// use opus_ir::{Scalar, Width, by_width};
/// assert_eq!(by_width!(Width::W16, Cell => Cell::MAX.wide()), 32_767);
/// ```
#[macro_export]
macro_rules! by_width {
    ($width:expr, $cell:ident => $body:expr) => {
        match $width {
            $crate::Width::W8 => {
                type $cell = i8;
                $body
            }
            $crate::Width::W16 => {
                type $cell = i16;
                $body
            }
            $crate::Width::W32 => {
                type $cell = i32;
                $body
            }
            $crate::Width::W64 => {
                type $cell = i64;
                $body
            }
            $crate::Width::W128 => {
                type $cell = i128;
                $body
            }
        }
    };
}

/// `$body` with the integer that a [`Type`](crate::Type) is computed in as `$scalar`; a Boolean is an `i8`.
#[macro_export]
macro_rules! by_type {
    ($ty:expr, $scalar:ident => $body:expr) => {
        match $ty {
            $crate::Type::Bool => {
                type $scalar = i8;
                $body
            }
            integer => $crate::by_integer!(integer, $scalar => $body),
        }
    };
}

/// `$body` with the integer of an integer [`Type`](crate::Type) as `$scalar`.
///
/// # Panics
/// For Booleans.
#[macro_export]
macro_rules! by_integer {
    ($ty:expr, $scalar:ident => $body:expr) => {
        match $ty {
            $crate::Type::I32 => {
                type $scalar = i32;
                $body
            }
            $crate::Type::I64 => {
                type $scalar = i64;
                $body
            }
            $crate::Type::I128 => {
                type $scalar = i128;
                $body
            }
            $crate::Type::Bool => unreachable!("an integer was expected: types are verified before"),
        }
    };
}
