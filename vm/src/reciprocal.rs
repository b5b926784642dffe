//! How do columns divide by a constant without dividing?
//!
//! `|x| / |divisor| = (|x| * multiplier) >> (bits + shift)`, exactly, for all integers of 32 and 64 bits. With
//! `2^(l-1) < d <= 2^l`, `m = ceil(2^(bits-1+l) / d)` has no more bits than the type, and exceeds the power by less than
//! `d` in the product `m d`. Because `|x| <= 2^(bits-1)`, the error stays below `1 / d`.

use opus_ir::{Rounding, Scalar, Width};

/// The multiplication that replaces divisions by one divisor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reciprocal<T> {
    divisor: T,
    /// The multiplier's upper half and its lower half, 32 bits each. A compiler that saw one number would take the
    /// product of [`high_64`] for one of 128 bits, which vector units do not have, and multiply one by one.
    multiplier: [u64; 2],
    shift: u32,
}

impl<T: Scalar> Reciprocal<T> {
    /// The one of a divisor; `None` if the divisor is -1, 0 or 1 or is wider than `T`, and where `T` is neither of 32
    /// nor of 64 bits.
    #[inline(never)] // so that the halves stay halves
    pub fn new(divisor: i128) -> Option<Reciprocal<T>> {
        let bits = match T::WIDTH {
            Width::W32 => 32,
            Width::W64 => 64,
            _ => return None,
        };
        let d = divisor.unsigned_abs();
        if d < 2 || d > 1 << (bits - 1) {
            return None;
        }
        let log = (d - 1).ilog2() + 1;
        let power = 1u128 << (bits - 1 + log);
        let multiplier = power.div_ceil(d) as u64;
        let multiplier = [multiplier >> 32, multiplier & 0xffff_ffff];
        Some(Reciprocal { divisor: T::truncate(divisor), multiplier, shift: log - 1 })
    }

    /// The quotient rounded by the mode.
    #[inline(always)]
    pub fn divide(self, x: T, mode: Rounding) -> T {
        let high = match T::WIDTH {
            Width::W64 => high_64(x.magnitude(), self.multiplier),
            _ => high_32(x.magnitude(), self.multiplier),
        };
        x.round(T::truncate((high >> self.shift) as i128), self.divisor, mode)
    }
}

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

    fn check<T: Scalar>(divisors: impl Iterator<Item = i128>, bits: u32) {
        for divisor in divisors {
            let Some(by) = Reciprocal::<T>::new(divisor) else { continue };
            for x in dividends(divisor, bits) {
                for mode in Rounding::ALL {
                    let lane = T::truncate(x);
                    let expected = lane.divide(T::truncate(divisor), mode);
                    assert_eq!(by.divide(lane, mode), expected, "{x} / {divisor} {mode:?}");
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
            assert_eq!(Reciprocal::<i32>::new(divisor), None);
        }
    }
}
