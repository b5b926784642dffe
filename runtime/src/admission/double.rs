//! Which value of a field does a double mean? The one whose nearest double it is, if exactly one value qualifies.
//!
//! A column of doubles holds `0.1` as 0.1000000000000000055…, which nobody means. So a double is admitted if
//! exactly one value of the field, as a decimal number, rounds to it. `0.1 + 0.2` is refused: it is
//! not the nearest double to any value with few decimal places.

use opus_ir::Interval;

/// Why a double does not denote a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inexact {
    /// No value with this many decimal places has it as its nearest double.
    None,
    /// All of these integers have it as their nearest double: only the field's range can decide between them.
    Several(Interval),
    /// It is infinite, or beyond 128 bits.
    TooLarge,
}

/// Below this, neighbouring values have different doubles: they differ by at least two units in the last place.
const DISTINCT: f64 = (1u64 << 51) as f64;
/// The powers of ten that are exact as doubles.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];
/// Beyond this, an integer leaves 128 bits.
const INTEGER_MAX: f64 = 1.7e38;

/// The integer that `x` means, counted in `10^-decimals`. The caller deals with NaN, which is a missing value.
///
/// ```
/// use opus_runtime::admission::double::{Inexact, nearest};
/// assert_eq!(nearest(0.1, 2), Ok(10));
/// assert_eq!(nearest(0.1 + 0.2, 2), Err(Inexact::None));
/// assert!(matches!(nearest(9_007_199_254_740_992.0, 0), Err(Inexact::Several(_))));
/// ```
pub fn nearest(x: f64, decimals: u8) -> Result<i128, Inexact> {
    if let Some(power) = POWERS.get(decimals as usize) {
        let count = (x * power).round_ties_even();
        if count.abs() < DISTINCT {
            // both are exact, so the quotient is the double nearest to the decimal number
            return if count / power == x { Ok(count as i128) } else { Err(Inexact::None) };
        }
    }
    by_text(x, decimals)
}

/// The general case, by the standard library's conversion, which rounds correctly.
fn by_text(x: f64, decimals: u8) -> Result<i128, Inexact> {
    let guess = x * 10f64.powi(decimals as i32);
    if guess.is_nan() || guess.abs() >= INTEGER_MAX {
        return Err(Inexact::TooLarge);
    }
    // the product is within a few roundings of the truth
    let slack = (guess.abs() / (1u64 << 49) as f64) as i128 + 2;
    let (low, high) = (guess as i128 - slack, guess as i128 + slack);
    let first = partition(low, high, |count| as_double(count, decimals) < x);
    let after = partition(low, high, |count| as_double(count, decimals) <= x);
    match after - first {
        0 => Err(Inexact::None),
        1 => Ok(first),
        _ => Err(Inexact::Several(Interval::new(first, after - 1))),
    }
}

fn as_double(count: i128, decimals: u8) -> f64 {
    format!("{count}e-{decimals}").parse().expect("digits with an exponent are a number")
}

/// The least integer from `low` to `high` that is not `below`; `high` if all are.
fn partition(mut low: i128, mut high: i128, below: impl Fn(i128) -> bool) -> i128 {
    while low < high {
        let middle = low + (high - low) / 2;
        if below(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cent_of_a_span_is_found_again() {
        for cents in (-2_000_000..2_000_000i128).step_by(7) {
            assert_eq!(nearest(as_double(cents, 2), 2), Ok(cents));
        }
    }

    #[test]
    fn both_ways_agree() {
        let mut state = 0x9E37_79B9_7F4A_7C15u64;
        for round in 0..20_000u32 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let count = (state >> 13) as i128 - (1 << 50);
            let decimals = (round % 9) as u8;
            let x = as_double(count, decimals);
            let off = f64::from_bits(x.to_bits() + (state & 1));
            assert_eq!(nearest(off, decimals), by_text(off, decimals), "{off} at {decimals}");
        }
    }

    #[test]
    fn ends_of_what_a_double_can_tell() {
        assert_eq!(nearest(-0.0, 2), Ok(0));
        assert_eq!(nearest(f64::MIN_POSITIVE, 2), Err(Inexact::None));
        assert_eq!(nearest(f64::INFINITY, 2), Err(Inexact::TooLarge));
        assert_eq!(nearest(f64::NEG_INFINITY, 0), Err(Inexact::TooLarge));
        assert_eq!(nearest(1e300, 2), Err(Inexact::TooLarge));
        assert_eq!(nearest(0.5, 0), Err(Inexact::None));
        assert_eq!(nearest(9_007_199_254_740_991.0, 0), Ok(9_007_199_254_740_991));
        let pair = Interval::new(9_007_199_254_740_990, 9_007_199_254_740_991);
        assert_eq!(nearest("90071992547409.91".parse().expect("a number"), 2), Err(Inexact::Several(pair)));
        let pair = Interval::new(9_007_199_254_740_992, 9_007_199_254_740_993);
        assert_eq!(nearest(9_007_199_254_740_992.0, 0), Err(Inexact::Several(pair)));
        assert_eq!(nearest(0.1, 30), Err(Inexact::Several(nearest_to_a_tenth())));
    }

    /// Every count of `10^-30` whose double is that of 0.1, found from the neighbouring doubles.
    fn nearest_to_a_tenth() -> Interval {
        let is_it = |count: i128| as_double(count, 30) == 0.1;
        let middle = 10i128.pow(29);
        let reach = 10i128.pow(15);
        let low = partition(middle - reach, middle, |count| !is_it(count));
        let high = partition(middle, middle + reach, is_it) - 1;
        Interval::new(low, high)
    }
}
