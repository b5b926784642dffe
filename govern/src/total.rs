//! What is the sum of any number of 128-bit integers? A 256-bit integer.

use std::fmt;
use std::ops::{AddAssign, Sub};

/// An exact sum. It holds the sum of more products of two integers of 126 bits than there will be rows.
///
/// ```
/// use opus_govern::total::Total;
/// let mut sum = Total::default();
/// sum += Total::product(i128::MAX, 10);
/// sum += Total::product(-5, 1);
/// assert_eq!(sum.to_string(), "1701411834604692317316873037158841057265");
/// assert_eq!(Total::product(-1234, 1).written(2), "-12.34");
/// assert_eq!(Total::product(-1234567, 1).grouped(2), "-12,345.67");
/// assert!(Total::product(-1234, 1) < Total::default());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Total {
    high: i128,
    low: u128,
}

impl Total {
    /// A product.
    pub fn product(a: i128, b: i128) -> Total {
        let halves = |x: i128| [x.unsigned_abs() >> 64, x.unsigned_abs() & u64::MAX as u128];
        let ([a1, a0], [b1, b0]) = (halves(a), halves(b));
        let mut sum = Total { high: (a1 * b1) as i128, low: a0 * b0 };
        for middle in [a1 * b0, a0 * b1] {
            sum += Total { high: (middle >> 64) as i128, low: middle << 64 };
        }
        if (a < 0) == (b < 0) { sum } else { Total::default() - sum }
    }

    /// The sum counted in `10^-decimals`, with all its decimals.
    pub fn written(self, decimals: u8) -> String {
        let text = self.to_string();
        let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
        if decimals == 0 {
            return text;
        }
        let digits = format!("{digits:0>width$}", width = decimals as usize + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals as usize);
        format!("{sign}{whole}.{fraction}")
    }

    /// The same for people: `-1,234.50`.
    pub fn grouped(self, decimals: u8) -> String {
        let text = self.written(decimals);
        let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
        let whole = digits.find('.').unwrap_or(digits.len());
        format!("{sign}{}{}", in_groups(&digits[..whole]), &digits[whole..])
    }
}

/// A number in groups of three digits.
///
/// ```
/// assert_eq!(opus_govern::total::grouped(1234567), "1,234,567");
/// ```
pub fn grouped(number: u64) -> String {
    in_groups(&number.to_string())
}

/// Digits in groups of three.
fn in_groups(digits: &str) -> String {
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

impl From<i128> for Total {
    fn from(x: i128) -> Total {
        Total { high: x >> 127, low: x as u128 }
    }
}

impl AddAssign for Total {
    fn add_assign(&mut self, other: Total) {
        let (low, carry) = self.low.overflowing_add(other.low);
        *self = Total { high: self.high.wrapping_add(other.high).wrapping_add(carry.into()), low };
    }
}

impl Sub for Total {
    type Output = Total;

    fn sub(self, other: Total) -> Total {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        Total { high: self.high.wrapping_sub(other.high).wrapping_sub(borrow.into()), low }
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Total { high, low } = if self.high < 0 { Total::default() - *self } else { *self };
        let high = high as u128;
        let mut limbs = [high >> 64, high & u64::MAX as u128, low >> 64, low & u64::MAX as u128];
        let mut digits = Vec::new();
        while limbs.iter().any(|limb| *limb > 0) {
            let mut rest = 0;
            for limb in &mut limbs {
                let whole = rest << 64 | *limb;
                (*limb, rest) = (whole / 10, whole % 10);
            }
            digits.push(b'0' + rest as u8);
        }
        digits.reverse();
        let digits = std::str::from_utf8(&digits).expect("digits are text");
        f.pad_integral(self.high >= 0, "", if digits.is_empty() { "0" } else { digits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_products_are_exact() {
        for (a, b, text) in [
            (0, 7, "0"),
            (-1, 1, "-1"),
            (i64::MAX as i128, i64::MAX as i128, "85070591730234615847396907784232501249"),
            (i128::MIN, 1, "-170141183460469231731687303715884105728"),
            (i128::MIN, -1, "170141183460469231731687303715884105728"),
            (
                i128::MAX,
                10i128.pow(38),
                "17014118346046923173168730371588410572700000000000000000000000000000000000000",
            ),
        ] {
            assert_eq!(Total::product(a, b).to_string(), text);
            assert_eq!(Total::product(b, a).to_string(), text);
        }
        let mut sum = Total::default();
        for x in [i128::MAX, i128::MAX, i128::MIN, i128::MIN, 5] {
            sum += Total::from(x);
        }
        assert_eq!(sum, Total::from(3));
        assert_eq!(Total::from(-5).written(3), "-0.005");
        assert!(Total::from(-5) < Total::from(-4) && Total::from(-1) < Total::from(0));
    }
}
