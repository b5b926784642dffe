//! How does native code divide by a constant without dividing? By a multiplication that is exact on the interval that
//! was proved for the dividend.
//!
//! Every rounding mode reduces to a floor: `round(a / c) = floor((a + offset) / c)`, where the offset depends
//! on the mode and on the sign of `a`; half-even subtracts one where a tie has led to an odd quotient. A bias,
//! which is a multiple of the divisor, keeps the dividend from being negative. What remains is a fast
//! `floor(u / c)` for `0 <= u <= u_max` ([`Reciprocal`] for lanes, [`Multiplier`] for single values).

use opus_ir::{Interval, Rounding};

/// A rounded division by a constant, in the form `floor((±a + offset) / divisor) - bias`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Floored {
    /// Whether the dividend is negated first, because the divisor was negative.
    pub negate: bool,
    /// The divisor, positive.
    pub divisor: u128,
    /// The number added to a dividend (after negation) of zero or more, including the bias.
    pub offset: i128,
    /// The number added to a dividend below zero; the same as `offset` where the interval has only one sign.
    pub offset_negative: i128,
    /// The excess of the quotient; even, so that it does not change parity.
    pub bias: i128,
    /// Whether ties may need a correction: half-even with an even divisor.
    pub ties_to_even: bool,
    /// The greatest dividend after the offset is added.
    pub u_max: u128,
}

impl Floored {
    /// The form of `a / divisor` for `a` within `range`; `None` if the sums exceed 127 bits.
    pub fn new(range: Interval, divisor: i128, mode: Rounding) -> Option<Floored> {
        let negate = divisor < 0;
        let c = i128::try_from(divisor.unsigned_abs()).ok().filter(|c| *c > 0)?;
        let range = if negate { Interval::point(0).sub(range)? } else { range };
        let (above, below) = offsets(mode, c);
        let (offset, offset_negative) = if range.lo >= 0 {
            (above, above)
        } else if range.hi < 0 {
            (below, below)
        } else {
            (above, below)
        };
        let lowest = range.lo.checked_add(offset.min(offset_negative))?;
        let below_zero = lowest.min(0).checked_neg()?;
        let bias = if lowest < 0 { below_zero.div_euclid(c).checked_add(2)? & !1 } else { 0 };
        let shift = bias.checked_mul(c)?;
        let highest = range.hi.checked_add(offset.max(offset_negative))?.checked_add(shift)?;
        Some(Floored {
            negate,
            divisor: c as u128,
            offset: offset.checked_add(shift)?,
            offset_negative: offset_negative.checked_add(shift)?,
            bias,
            ties_to_even: mode == Rounding::HalfEven && c % 2 == 0,
            u_max: u128::try_from(highest).ok()?,
        })
    }

    /// Whether all sums fit 62 bits, so that 64 bits suffice to compute them.
    pub fn fits_64_bits(&self) -> bool {
        let parts = [self.offset.unsigned_abs(), self.offset_negative.unsigned_abs(), self.divisor];
        self.u_max < 1 << 62 && parts.into_iter().all(|part| part < 1 << 62)
    }
}

/// The numbers added to dividends of zero or more, and to those below zero, so that a floor rounds by the mode.
fn offsets(mode: Rounding, c: i128) -> (i128, i128) {
    let (tie_up, tie_down) = (c / 2, (c - 1) / 2);
    match mode {
        Rounding::Floor => (0, 0),
        Rounding::Ceiling => (c - 1, c - 1),
        Rounding::Down => (0, c - 1),
        Rounding::Up => (c - 1, 0),
        Rounding::HalfUp => (tie_up, tie_down),
        Rounding::HalfDown => (tie_down, tie_up),
        Rounding::HalfEven => (tie_up, tie_up),
    }
}

/// `floor(u / c) = (u * multiplier) >> shift`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Multiplier {
    pub multiplier: u128,
    pub shift: u32,
}

impl Multiplier {
    /// The least multiplier that is exact for every `u <= u_max`, `None` if it has more than 128 bits.
    ///
    /// With `m = ceil(2^s / c)` and `e = m c - 2^s`, the product is too high by `u e / (c 2^s)`, which is harmless
    /// as long as `u_max e < 2^s`: the distance from a quotient to the next integer is at least `1 / c`.
    pub fn new(u_max: u128, c: u128) -> Option<Multiplier> {
        (0..=254).find_map(|shift| {
            let (multiplier, excess) = ceil_power(shift, c)?;
            let exact = excess == 0 || product_below_power(u_max, excess, shift);
            exact.then_some(Multiplier { multiplier, shift })
        })
    }
}

/// `ceil(2^shift / c)` and by how much its product with `c` exceeds the power; `None` beyond 128 bits.
fn ceil_power(shift: u32, c: u128) -> Option<(u128, u128)> {
    // long division of a one followed by zeros, in binary
    let (mut quotient, mut remainder) = (0u128, 1u128);
    if c == 1 {
        return Some((1u128.checked_shl(shift)?, 0));
    }
    for _ in 0..shift {
        quotient = quotient.checked_mul(2)?;
        let (carried, doubled) = (remainder >> 127 != 0, remainder << 1);
        if carried || doubled >= c {
            remainder = doubled.wrapping_sub(c);
            quotient += 1;
        } else {
            remainder = doubled;
        }
    }
    if remainder == 0 { Some((quotient, 0)) } else { Some((quotient.checked_add(1)?, c - remainder)) }
}

/// Whether `a * b < 2^shift`.
fn product_below_power(a: u128, b: u128, shift: u32) -> bool {
    if a == 0 || b == 0 {
        return true;
    }
    let (low, high) = wide_product(a, b);
    match shift {
        0..=127 => high == 0 && low >> shift == 0,
        128..=255 => high >> (shift - 128) == 0,
        _ => true,
    }
}

/// The 256-bit product of two 128-bit numbers: low and high half.
fn wide_product(a: u128, b: u128) -> (u128, u128) {
    let half = |x: u128| (x & u64::MAX as u128, x >> 64);
    let ((a0, a1), (b0, b1)) = (half(a), half(b));
    let (middle, carried) = (a0 * b1).overflowing_add(a1 * b0);
    let (low, carry) = (a0 * b0).overflowing_add(middle << 64);
    (low, a1 * b1 + (middle >> 64) + ((carried as u128) << 64) + carry as u128)
}

/// How lanes compute `floor(u / c)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reciprocal {
    /// The product fits 32 bits: `(u * multiplier) >> shift` in 32-bit lanes.
    Narrow {
        /// Below 2^32.
        multiplier: u32,
        /// Below 32.
        shift: u32,
    },
    /// `u` fits 32 bits: `(u * multiplier) >> (32 + shift)`, the product in 64-bit lanes.
    Wide {
        /// Below 2^32.
        multiplier: u32,
        /// What is shifted beyond the upper half; below 32.
        shift: u32,
    },
    /// The quotient fits 32 bits: `((u >> pre_shift) * multiplier) >> 32` is at most `corrections` below it,
    /// which a comparison of the remainder makes good (Barrett's reduction).
    Corrected {
        /// Brings `u` to 32 bits.
        pre_shift: u32,
        /// Below 2^32.
        multiplier: u32,
        /// One or two.
        corrections: u32,
    },
}

impl Reciprocal {
    /// The cheapest way for `u <= u_max`, `None` where 32-bit quotients do not do.
    pub fn new(u_max: u128, c: u128) -> Option<Reciprocal> {
        Reciprocal::by_product(u_max, c).or_else(|| Reciprocal::by_correction(u_max, c))
    }

    fn by_product(u_max: u128, c: u128) -> Option<Reciprocal> {
        if u_max > u32::MAX as u128 {
            return None;
        }
        let least = Multiplier::new(u_max, c)?;
        if least.multiplier.checked_mul(u_max.max(1))? >> 32 == 0 && least.shift < 32 {
            let multiplier = u32::try_from(least.multiplier).ok()?;
            return Some(Reciprocal::Narrow { multiplier, shift: least.shift });
        }
        // a multiplier for a lower shift may be doubled as often as it takes to reach the upper half
        let raised = 32u32.saturating_sub(least.shift);
        let multiplier = u32::try_from(least.multiplier.checked_shl(raised)?).ok()?;
        Some(Reciprocal::Wide { multiplier, shift: least.shift + raised - 32 })
            .filter(|_| least.shift + raised < 64)
    }

    fn by_correction(u_max: u128, c: u128) -> Option<Reciprocal> {
        // three remainders have to fit a positive 32-bit lane, and a power of two has no reciprocal of this kind
        if !(3..1 << 29).contains(&c) || c.is_power_of_two() {
            return None;
        }
        let pre_shift = c.ilog2();
        let upper = u_max >> pre_shift;
        if upper > u32::MAX as u128 {
            return None;
        }
        let power = 1u128 << (pre_shift + 32);
        let multiplier = power / c;
        // the estimate is short by (u mod 2^n) / c for the bits shifted out and by upper * (lost / c) / 2^32 for
        // the multiplier's fraction: below one in all, one correction does; it is below two in any case
        let lost = power - multiplier * c;
        let shortfall = (((1u128 << pre_shift) - 1) << 32) + lost * upper;
        let corrections = if shortfall < c << 32 { 1 } else { 2 };
        Some(Reciprocal::Corrected { pre_shift, multiplier: multiplier as u32, corrections })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What lanes compute for one `u`, step by step.
    fn apply(way: Reciprocal, u: u64, c: u64) -> u64 {
        match way {
            Reciprocal::Narrow { multiplier, shift } => ((u as u32).wrapping_mul(multiplier) >> shift) as u64,
            Reciprocal::Wide { multiplier, shift } => ((u as u32 as u64) * multiplier as u64) >> 32 >> shift,
            Reciprocal::Corrected { pre_shift, multiplier, corrections } => {
                let shifted = (u >> pre_shift) as u32 as u64;
                let mut q = ((shifted * multiplier as u64) >> 32) as u32;
                let mut r = (u as u32).wrapping_sub(q.wrapping_mul(c as u32));
                for _ in 0..corrections {
                    let more = (r as i32) > (c as i32 - 1);
                    q = q.wrapping_add(more as u32);
                    r = r.wrapping_sub(if more { c as u32 } else { 0 });
                }
                q as u64
            }
        }
    }

    fn near_multiples(c: u64, u_max: u64) -> impl Iterator<Item = u64> {
        let around = move |k: u64| (0..3).map(move |d| (k.saturating_mul(c) + d).saturating_sub(1));
        let few = (0..40).flat_map(around);
        let last = u_max / c;
        let many = (0..40).flat_map(move |k| around(last.saturating_sub(k)));
        few.chain(many).chain([u_max]).filter(move |u| *u <= u_max)
    }

    #[test]
    fn small_dividends_are_exact_for_every_divisor() {
        for c in 1..=300u64 {
            for u_max in [0, 1, 2, 5, 127, 128, 255, 1000, 4095] {
                let way = Reciprocal::new(u_max as u128, c as u128).expect("it fits");
                let least = Multiplier::new(u_max as u128, c as u128).expect("it fits");
                for u in 0..=u_max {
                    assert_eq!(apply(way, u, c), u / c, "{u} / {c} by {way:?}");
                    assert_eq!((u as u128 * least.multiplier) >> least.shift, (u / c) as u128);
                }
            }
        }
    }

    #[test]
    fn sixteen_bit_dividends_are_exact_for_every_divisor() {
        let step = if cfg!(debug_assertions) { 37 } else { 1 };
        for c in (1..=65_535u64).step_by(step) {
            let way = Reciprocal::new(65_535, c as u128).expect("it fits");
            let all = (0..=65_535).filter(|u| !cfg!(debug_assertions) || u % 7 == 0 || (u + 1) % c < 2);
            for u in all {
                assert_eq!(apply(way, u, c), u / c, "{u} / {c} by {way:?}");
            }
        }
    }

    #[test]
    fn wide_dividends_are_exact_where_quotients_change() {
        let divisors = [2, 3, 7, 10, 12, 64, 100, 365, 625, 1000, 10_000, 120_000, 1_000_000, 536_870_911];
        let mut corrected = 0;
        for c in divisors {
            for bits in 1..60 {
                let u_max = (1u64 << bits) + bits;
                let Some(way) = Reciprocal::new(u_max as u128, c as u128) else { continue };
                corrected += matches!(way, Reciprocal::Corrected { .. }) as u32;
                for u in near_multiples(c, u_max) {
                    assert_eq!(apply(way, u, c), u / c, "{u} / {c} by {way:?}");
                }
            }
        }
        assert!(corrected > 50, "the corrected way is reached");
    }

    #[test]
    fn multipliers_are_exact_up_to_127_bits() {
        for c in [1u128, 3, 10, 12, 1 << 70, (1 << 64) + 1, 10u128.pow(20), i128::MAX as u128, 1 << 127] {
            for u_max in [1u128, 1 << 63, 1 << 64, 10u128.pow(30), i128::MAX as u128, 1 << 127] {
                let Multiplier { multiplier, shift } = Multiplier::new(u_max, c).expect("it fits");
                for u in [0, 1, c - 1, c, c.saturating_add(1), u_max / c * c, u_max / c * c / 2, u_max] {
                    let (low, high) = wide_product(u.min(u_max), multiplier);
                    let quotient = match shift {
                        0 => low,
                        1..=127 => low >> shift | high << (128 - shift),
                        _ => high >> (shift - 128),
                    };
                    assert_eq!(quotient, u.min(u_max) / c, "{u} / {c}");
                }
            }
        }
    }

    #[test]
    fn floored_forms_round_like_the_definition() {
        for c in (-13i128..=13).filter(|c| *c != 0) {
            for mode in Rounding::ALL {
                for (lo, hi) in [(-60, 60), (0, 60), (-60, -1), (5, 9)] {
                    let form = Floored::new(Interval::new(lo, hi), c, mode).expect("small");
                    for a in lo..=hi {
                        let s = if form.negate { -a } else { a };
                        let u = s + if s < 0 { form.offset_negative } else { form.offset };
                        assert!(u >= 0 && u as u128 <= form.u_max, "{a} / {c} {mode:?} {form:?}");
                        let mut q = u / form.divisor as i128;
                        let tie = form.ties_to_even && u % form.divisor as i128 == 0;
                        q -= (tie && q & 1 != 0) as i128 + form.bias;
                        assert_eq!(q, mode.divide(a, c), "{a} / {c} {mode:?} {form:?}");
                    }
                }
            }
        }
    }
}
