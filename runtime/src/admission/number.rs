//! Which integer is a number that is written in digits? It is read exactly, without a float.
//!
//! A field counts `10^-decimals`. The value matters, not the spelling: `12.34`, `12.3400` and `1234e-2` are the same
//! number, and a field with two decimal places cannot hold `12.345`.

/// Why digits do not give an integer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// The text is not a number.
    NoNumber,
    /// The number has more decimal places than the field, and they are not zero.
    TooPrecise,
    /// The integer does not fit in 128 bits, so it is outside every range.
    TooLarge,
}

/// A number as it is written: digits before and after the point, and the power of ten.
struct Written<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

/// The most digits whose integer always fits in 64 bits.
const DIGITS_64: usize = 18;

/// Reads a number and counts it in `10^-decimals`. It may have a sign, a point and an exponent, but no spaces and no
/// grouping.
///
/// ```
/// use opus_runtime::admission::number::{Unreadable, scaled};
/// assert_eq!(scaled("12.3400", 2), Ok(1234));
/// assert_eq!(scaled("1.2e3", 0), Ok(1200));
/// assert_eq!(scaled("12.345", 2), Err(Unreadable::TooPrecise));
/// assert_eq!(scaled("1,200", 2), Err(Unreadable::NoNumber));
/// ```
pub fn scaled(text: &str, decimals: u8) -> Result<i128, Unreadable> {
    let written = split(text.as_bytes()).ok_or(Unreadable::NoNumber)?;
    let fraction_digits = written.fraction.len();
    let plain = written.exponent == 0 && fraction_digits <= decimals as usize;
    let magnitude = if plain && written.whole.len() + decimals as usize <= DIGITS_64 {
        let padding = decimals as u32 - fraction_digits as u32;
        short(written.whole, written.fraction) * 10i64.pow(padding)
    } else {
        return long(&written, decimals);
    };
    Ok(if written.negative { -magnitude } else { magnitude } as i128)
}

/// The number before a percent sign, which may follow a space; `None` where a text ends in another way.
///
/// ```
/// use opus_runtime::admission::number::without_percent;
/// assert_eq!(without_percent("12.5 %"), Some("12.5"));
/// assert_eq!(without_percent("12.5"), None);
/// ```
pub fn without_percent(text: &str) -> Option<&str> {
    text.strip_suffix('%').map(|number| number.trim_end_matches(is_space))
}

/// Whether a character is a space within a number: plain, not to be broken, or narrow.
///
/// ```
/// use opus_runtime::admission::number::is_space;
/// assert!(is_space('\u{202F}') && !is_space('\n'));
/// ```
pub fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\u{A0}' | '\u{202F}')
}

/// `digits / 10^scale` counted in `10^-decimals`; a negative scale is a power of ten.
///
/// ```
/// use opus_runtime::admission::number::{Unreadable, rescaled};
/// assert_eq!(rescaled(123_400, 4, 2), Ok(1234));
/// assert_eq!(rescaled(5, -3, 0), Ok(5000));
/// assert_eq!(rescaled(123_450, 4, 2), Err(Unreadable::TooPrecise));
/// ```
pub fn rescaled(digits: i128, scale: i32, decimals: u8) -> Result<i128, Unreadable> {
    shifted(digits, decimals as i64 - scale as i64)
}

/// `x * 10^shift`, if that is an integer.
fn shifted(x: i128, shift: i64) -> Result<i128, Unreadable> {
    if x == 0 {
        return Ok(0);
    }
    let power = u32::try_from(shift.unsigned_abs()).ok().and_then(|n| 10i128.checked_pow(n));
    match power {
        Some(power) if shift >= 0 => x.checked_mul(power).ok_or(Unreadable::TooLarge),
        Some(power) if x % power == 0 => Ok(x / power),
        None if shift >= 0 => Err(Unreadable::TooLarge),
        _ => Err(Unreadable::TooPrecise),
    }
}

fn short(whole: &[u8], fraction: &[u8]) -> i64 {
    whole.iter().chain(fraction).fold(0, |sum, digit| sum * 10 + (digit - b'0') as i64)
}

/// The general case: any number of digits, any exponent. Precision is checked before size.
fn long(written: &Written, decimals: u8) -> Result<i128, Unreadable> {
    let mut digits: Vec<u8> = [written.whole, written.fraction].concat();
    let zeros = digits.iter().rev().take_while(|digit| **digit == b'0').count();
    digits.truncate(digits.len() - zeros);
    if digits.is_empty() {
        return Ok(0);
    }
    let point = written.fraction.len() as i64 - zeros as i64;
    let shift = (decimals as i64).saturating_sub(point).saturating_add(written.exponent);
    if shift < 0 {
        return Err(Unreadable::TooPrecise);
    }
    // counted downwards if negative, so that the least integer is reached too
    let step = |sum: i128, digit: &u8| {
        let digit = (digit - b'0') as i128;
        sum.checked_mul(10)?.checked_add(if written.negative { -digit } else { digit })
    };
    let integer = digits.iter().try_fold(0, step).ok_or(Unreadable::TooLarge)?;
    shifted(integer, shift)
}

fn split(bytes: &[u8]) -> Option<Written<'_>> {
    let (negative, rest) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, bytes),
    };
    let (whole, rest) = digits_of(rest);
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => digits_of(rest),
        _ => (&[][..], rest),
    };
    let exponent = match rest {
        [] => Some(0),
        [b'e' | b'E', rest @ ..] => exponent_of(rest),
        _ => None,
    }?;
    let is_number = !(whole.is_empty() && fraction.is_empty());
    is_number.then_some(Written { negative, whole, fraction, exponent })
}

fn digits_of(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// An exponent, clamped far beyond any that matters.
fn exponent_of(bytes: &[u8]) -> Option<i64> {
    let (sign, rest) = match bytes {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        _ => (1, bytes),
    };
    let (digits, rest) = digits_of(rest);
    let beyond = i64::MAX / 4;
    let magnitude =
        digits.iter().fold(0i64, |sum, digit| sum.saturating_mul(10).saturating_add((digit - b'0') as i64));
    (!digits.is_empty() && rest.is_empty()).then_some(sign * magnitude.min(beyond))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_counts_and_not_spelling() {
        for text in ["12.34", "+12.34", "0012.34", "12.340000", "1234e-2", "0.1234E+2", "0.001234e4"] {
            assert_eq!(scaled(text, 2), Ok(1234), "{text}");
        }
        for text in ["0", "-0", "0.000", "0e99999999999999999999", "0e-99999999999999999999", ".0", "0."] {
            assert_eq!(scaled(text, 2), Ok(0), "{text}");
        }
    }

    #[test]
    fn what_is_no_number() {
        let texts = [
            "", "-", "+", ".", "e5", "1e", "1e+", "--1", "1 ", " 1", "1_000", "0x10", "NaN", "inf", "1.2.3",
            "１",
        ];
        for text in texts {
            assert_eq!(scaled(text, 2), Err(Unreadable::NoNumber), "{text}");
        }
    }

    #[test]
    fn precision_and_size() {
        assert_eq!(scaled("0.001", 2), Err(Unreadable::TooPrecise));
        assert_eq!(scaled("1e-999999999999", 2), Err(Unreadable::TooPrecise));
        assert_eq!(scaled("1e999999999999", 2), Err(Unreadable::TooLarge));
        assert_eq!(scaled("170141183460469231731687303715884105727", 0), Ok(i128::MAX));
        assert_eq!(scaled("-170141183460469231731687303715884105728", 0), Ok(i128::MIN));
        assert_eq!(scaled("170141183460469231731687303715884105728", 0), Err(Unreadable::TooLarge));
        assert_eq!(scaled(&format!("1{}", "0".repeat(100)), 0), Err(Unreadable::TooLarge));
        assert_eq!(scaled(&format!("1.{}", "0".repeat(100)), 0), Ok(1));
    }

    #[test]
    fn short_and_long_agree() {
        for text in
            ["1", "-1.5", "999999999999999999", "-123456789012345.67", "000000000000000000000000001.25"]
        {
            let written = split(text.as_bytes()).unwrap();
            assert_eq!(scaled(text, 2), long(&written, 2), "{text}");
        }
    }
}
