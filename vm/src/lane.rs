//! What is calculated with, in rows and in columns: integers of 32, 64 and 128 bits, total and wrapping.

use bytemuck::Pod;
use opus_ir::Rounding;

/// How a division by a constant is done without dividing: `|x| / |divisor| = (|x| * multiplier) >> (bits + shift)`,
/// exactly, for all integers of 32 and 64 bits.
///
/// With `2^(l-1) < d <= 2^l`, `m = ceil(2^(bits-1+l) / d)` has no more bits than the type, and exceeds the power
/// by less than `d` in the product `m d`. Because `|x| <= 2^(bits-1)`, the error stays below `1 / d`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reciprocal {
    /// The multiplier's upper half and its lower half, 32 bits each. A compiler that saw one number would take the
    /// product of [`high_64`] for one of 128 bits, which vector units do not have, and multiply one by one.
    multiplier: [u64; 2],
    shift: u32,
}

impl Reciprocal {
    /// The one of a divisor, for integers of so many bits; `None` where the divisor is -1, 0 or 1, or wider.
    #[inline(never)] // so that the halves stay halves
    pub fn new(divisor: i128, bits: u32) -> Option<Reciprocal> {
        let d = divisor.unsigned_abs();
        if d < 2 || d > 1 << (bits - 1) {
            return None;
        }
        let log = (d - 1).ilog2() + 1;
        let power = 1u128 << (bits - 1 + log);
        let multiplier = power.div_ceil(d) as u64;
        Some(Reciprocal { multiplier: [multiplier >> 32, multiplier & 0xffff_ffff], shift: log - 1 })
    }
}

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
    /// The bits of a type that has reciprocals.
    const RECIPROCAL_BITS: Option<u32>;
    /// The magnitude of the quotient, cut towards zero, by a divisor that this is the reciprocal of.
    fn magnitude(self, by: Reciprocal) -> Self;
    /// The rounded quotient, of which the magnitude is known.
    fn round(self, magnitude: Self, divisor: Self, mode: Rounding) -> Self;
}

macro_rules! lane {
    ($($ty:ty, $unsigned:ty, $bits:expr, $high:ident);+) => { $( impl Lane for $ty {
        const RECIPROCAL_BITS: Option<u32> = $bits;
        #[inline(always)]
        fn magnitude(self, by: Reciprocal) -> $ty {
            ($high(self.unsigned_abs() as u64, by.multiplier) >> by.shift) as $ty
        }
        #[inline(always)]
        fn round(self, magnitude: $ty, divisor: $ty, mode: Rounding) -> $ty {
            let (quotient, whole) = (magnitude as $unsigned, divisor.unsigned_abs());
            let left = self.unsigned_abs().wrapping_sub(quotient.wrapping_mul(whole));
            let positive = (self < 0) == (divisor < 0);
            // away from zero where twice what is left exceeds a limit: one comparison for each mode
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
lane!(i32, u32, Some(32), high_32; i64, u64, Some(64), high_64; i128, u128, None, high_64);

/// The upper half of the product of two numbers of 32 bits.
#[inline(always)]
fn high_32(a: u64, [_, b]: [u64; 2]) -> u64 {
    (a * b) >> 32
}

/// The upper half of the product of two numbers of 64 bits, from products that vector units have.
#[inline(always)]
fn high_64(a: u64, [b_high, b_low]: [u64; 2]) -> u64 {
    let (a_high, a_low) = (a >> 32, a & 0xffff_ffff);
    let middle = a_high * b_low + ((a_low * b_low) >> 32);
    a_high * b_high + (middle >> 32) + ((a_low * b_high + (middle & 0xffff_ffff)) >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Around everything that is special: zero, halves, multiples, ends.
    fn dividends(divisor: i128, bits: u32) -> impl Iterator<Item = i128> {
        let end = 1i128 << (bits - 1);
        let middles =
            [0, divisor / 2, divisor, 3 * divisor / 2, 10 * divisor, -end, end - 1, end / divisor * divisor];
        let around = middles.into_iter().flat_map(|middle| (-3..=3).map(move |by| middle + by));
        around.flat_map(|x| [x, -x]).filter(move |x| (-end..end).contains(x))
    }

    fn check<T: Lane + std::fmt::Debug>(divisors: impl Iterator<Item = i128>, bits: u32) {
        for divisor in divisors {
            let Some(by) = Reciprocal::new(divisor, bits) else { continue };
            for x in dividends(divisor, bits) {
                for mode in (0..7).map(|number| Rounding::from_number(number).expect("there are seven")) {
                    let (lane, d) = (T::of(x), T::of(divisor));
                    let rounded = lane.round(lane.magnitude(by), d, mode);
                    assert_eq!(rounded, lane.divide(d, mode), "{x} / {divisor} {mode:?}");
                }
            }
        }
    }

    #[test]
    fn reciprocals_divide_as_division_does() {
        // Miri takes a second for what takes a millisecond otherwise
        let apart = if cfg!(miri) { 200 } else { 1 };
        let powers =
            |bits: u32| (1..bits).flat_map(|log| (-2..=2).map(move |by| (1i128 << log) + by)).step_by(apart);
        let near =
            |bits: u32| (-300..=300).step_by(apart).chain(powers(bits)).chain(powers(bits).map(|x| -x));
        check::<i32>(near(32), 32);
        check::<i64>(near(64).chain((1..19).map(|n| 10i128.pow(n))), 64);
    }

    #[test]
    fn there_is_no_reciprocal_of_what_needs_none() {
        for divisor in [-1, 0, 1, 1 << 40] {
            assert_eq!(Reciprocal::new(divisor, 32), None);
        }
    }
}
