//! How is a value written in a policy? Amounts with their symbol, percentages with their sign, dates as
//! `2025-01-31`, enum values by name: as an author would write them in a `case`.

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive, Zero};
use opus_ir::{Domain, Kind, Schema, date};

use crate::currency;
use crate::hir::Unit;

/// How many decimals are shown of a number that has no end.
const DECIMALS_SHOWN: usize = 6;
/// From how many digits on they are grouped.
const GROUPED_DIGITS_MIN: usize = 4;

/// The decimals of a kind's scaled integer, measured in the value itself: a percentage is a fraction.
pub fn value_scale(schema: &Schema, kind: Kind) -> u8 {
    let of_percent = if matches!(kind, Kind::Percent(_)) { 2 } else { 0 };
    schema.decimals(kind) + of_percent
}

/// The unit that a kind measures.
pub fn unit_of(kind: Kind) -> Unit {
    match kind {
        Kind::Bool => Unit::Bool,
        Kind::Int | Kind::Decimal(_) => Unit::Number,
        Kind::Money => Unit::Money,
        Kind::Percent(_) => Unit::Percent,
        Kind::Days => Unit::Days,
        Kind::Date => Unit::Date,
        Kind::Enum(index) => Unit::Enum(index),
    }
}

/// The scaled integer of a field as it is written in a policy.
///
/// ```
/// use opus_frontend::display::field_text;
/// use opus_ir::{Currency, Kind, Schema};
/// let schema = Schema { currency: Some(Currency { code: "USD".into(), digits: 2 }), ..Schema::default() };
/// assert_eq!(field_text(&schema, Kind::Money, 900_000), "$9_000.00");
/// assert_eq!(field_text(&schema, Kind::Percent(2), 4350), "43.5%");
/// assert_eq!(field_text(&schema, Kind::Date, 20_000), "2024-10-04");
/// assert_eq!(field_text(&schema, Kind::Days, 30), "30 days");
/// ```
pub fn field_text(schema: &Schema, kind: Kind, value: i128) -> String {
    let scale = num_traits::pow(BigInt::from(10), value_scale(schema, kind) as usize);
    value_text(schema, unit_of(kind), &BigRational::new(value.into(), scale))
}

/// A value of the typed tree as it is written in a policy: a fraction for a percentage, whole units for an
/// amount, the index of an enum's value, a day number. A number without end is cut and marked by `…`.
///
/// ```
/// use opus_frontend::display::value_text;
/// use opus_frontend::hir::Unit;
/// use opus_ir::Schema;
/// let third = num_rational::BigRational::new(1.into(), 3.into());
/// assert_eq!(value_text(&Schema::default(), Unit::Number, &third), "0.333333…");
/// assert_eq!(value_text(&Schema::default(), Unit::Percent, &third), "33.333333…%");
/// ```
pub fn value_text(schema: &Schema, unit: Unit, value: &BigRational) -> String {
    text_with(schema, unit, value, DECIMALS_SHOWN)
}

/// The scaled integer of a field with all its decimals.
///
/// ```
/// use opus_frontend::display::{field_text, whole_text};
/// use opus_ir::{Kind, Schema};
/// assert_eq!(field_text(&Schema::default(), Kind::Decimal(8), 12_345_678), "0.123456…");
/// assert_eq!(whole_text(&Schema::default(), Kind::Decimal(8), 12_345_678), "0.12345678");
/// ```
pub fn whole_text(schema: &Schema, kind: Kind, value: i128) -> String {
    let decimals = value_scale(schema, kind) as usize;
    let scale = num_traits::pow(BigInt::from(10), decimals);
    text_with(schema, unit_of(kind), &BigRational::new(value.into(), scale), decimals)
}

fn text_with(schema: &Schema, unit: Unit, value: &BigRational, decimals_max: usize) -> String {
    match unit {
        Unit::Bool => (!value.is_zero()).to_string(),
        Unit::Enum(index) => enum_text(schema, index, value),
        Unit::Date => date_text(value),
        Unit::Days => format!("{} days", decimal_text(value, 0, decimals_max)),
        Unit::Number => decimal_text(value, 0, decimals_max),
        Unit::Percent => format!("{}%", decimal_text(&(value * BigInt::from(100)), 0, decimals_max)),
        Unit::Money => money_text(schema, value, decimals_max),
    }
}

/// The same, followed by the exact fraction where the number was cut.
///
/// ```
/// use opus_frontend::display::exact_text;
/// use opus_frontend::hir::Unit;
/// use opus_ir::Schema;
/// let third = num_rational::BigRational::new(1.into(), 3.into());
/// assert_eq!(exact_text(&Schema::default(), Unit::Number, &third), "0.333333… (1/3)");
/// assert_eq!(exact_text(&Schema::default(), Unit::Percent, &third), "33.333333…% (100/3 %)");
/// ```
pub fn exact_text(schema: &Schema, unit: Unit, value: &BigRational) -> String {
    let text = value_text(schema, unit, value);
    if !text.contains('…') {
        return text;
    }
    match unit {
        Unit::Percent => format!("{text} ({} %)", value * BigInt::from(100)),
        _ => format!("{text} ({value})"),
    }
}

/// The values that a field may have, as its type is written: `$0.00..$75_000.00`, `{12, 24}`.
pub fn domain_text(schema: &Schema, kind: Kind, domain: &Domain) -> String {
    let text = |value: i128| field_text(schema, kind, value);
    match &domain.set {
        Some(values) => {
            format!("{{{}}}", values.iter().map(|value| text(*value)).collect::<Vec<_>>().join(", "))
        }
        None => format!("{}..{}", text(domain.range.lo), text(domain.range.hi)),
    }
}

fn enum_text(schema: &Schema, index: u32, value: &BigRational) -> String {
    let values = &schema.enums[index as usize].values;
    let named = value.to_usize().and_then(|code| values.get(code));
    named.map_or_else(|| value.to_string(), |value| value.name.clone())
}

fn date_text(value: &BigRational) -> String {
    let in_calendar = |day: &i128| (date::DAY_MIN..=date::DAY_MAX).contains(day);
    match value.to_integer().to_i128().filter(in_calendar) {
        Some(day) => date::civil(day).to_string(),
        None if value.is_negative() => "a day before the year 1".to_string(),
        None => "a day after the year 9999".to_string(),
    }
}

fn money_text(schema: &Schema, value: &BigRational, decimals_max: usize) -> String {
    let sign = if value.is_negative() { "-" } else { "" };
    let amount = decimal_text(&value.abs(), schema.decimals(Kind::Money) as usize, decimals_max);
    let code = schema.currency.as_ref().map_or("", |currency| currency.code.as_str());
    match currency::symbol(code) {
        Some(symbol) => format!("{sign}{symbol}{amount}"),
        None => format!("{sign}{amount} {code}"),
    }
}

/// A number with at least this many decimal places, and as many as it has up to a limit.
fn decimal_text(value: &BigRational, decimals_min: usize, decimals_max: usize) -> String {
    let sign = if value.is_negative() { "-" } else { "" };
    let (whole, mut rest) = value.abs().numer().div_mod_floor(value.denom());
    let mut decimals = String::new();
    while !rest.is_zero() && decimals.len() < decimals_max.max(decimals_min) {
        let (digit, left) = (rest * 10u8).div_mod_floor(value.denom());
        decimals += &digit.to_string();
        rest = left;
    }
    let open = if rest.is_zero() { "" } else { "…" };
    while decimals.len() < decimals_min {
        decimals.push('0');
    }
    let point = if decimals.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{decimals}{open}", grouped(&whole.to_string()))
}

/// Digits in groups of three.
pub(crate) fn grouped(digits: &str) -> String {
    if digits.len() < GROUPED_DIGITS_MIN {
        return digits.to_string();
    }
    let (head, tail) = digits.split_at((digits.len() - 1) % 3 + 1);
    let groups = tail.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    std::iter::once(head.to_string()).chain(groups).collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        for (digits, expected) in [("1", "1"), ("999", "999"), ("1000", "1_000"), ("1234567", "1_234_567")] {
            assert_eq!(grouped(digits), expected);
        }
    }

    #[test]
    fn decimals_are_as_many_as_there_are() {
        let number = |numerator: i64, divisor: i64| BigRational::new(numerator.into(), divisor.into());
        let cases = [
            (number(5, 2), 0, "2.5"),
            (number(-5, 2), 2, "-2.50"),
            (number(1, 8), 2, "0.125"),
            (number(-2, 3), 2, "-0.666666…"),
            (number(7, 1), 0, "7"),
        ];
        for (value, decimals_min, expected) in cases {
            assert_eq!(decimal_text(&value, decimals_min, DECIMALS_SHOWN), expected);
        }
    }

    #[test]
    fn amounts_without_a_symbol_have_the_code() {
        let currency = Some(opus_ir::Currency { code: "CHF".into(), digits: 2 });
        let schema = Schema { currency, ..Schema::default() };
        assert_eq!(field_text(&schema, Kind::Money, -150), "-1.50 CHF");
    }
}
