//! How is a value written for people and for files? In the unit of its field: an amount with its decimals, a
//! percentage with its sign, a date as a date, an enum by name.
//!
//! This is the only place that writes values as text: records, CSV and JSON files, and messages share it. In JSON,
//! Booleans and numbers without a percent sign are bare, everything else is a string ([`is_bare`]).

use std::fmt::{Display, Formatter, Result};

use opus_ir::date::{self, Civil};
use opus_ir::schema::DIGITS_MAX;
use opus_ir::{Domain, Field, Kind, Schema};

use super::Reading;
use super::json::Quoted;

/// A field's integer in the field's unit.
///
/// ```
/// use opus_ir::{Kind, Schema};
/// use opus_runtime::admission::Shown;
/// let schema = Schema::default();
/// assert_eq!(Shown::new(&schema, Kind::Money, 123_405).to_string(), "1234.05");
/// assert_eq!(Shown::new(&schema, Kind::Percent(2), -50).to_string(), "-0.50%");
/// assert_eq!(Shown::new(&schema, Kind::Date, 0).to_string(), "1970-01-01");
/// assert_eq!(Shown::new(&schema, Kind::Date, 0).to_json(), "\"1970-01-01\"");
/// ```
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    schema: &'a Schema,
    kind: Kind,
    value: i128,
}

/// Whether JSON holds values of this kind as a number or a Boolean; otherwise they are strings.
pub fn is_bare(kind: Kind) -> bool {
    match kind {
        Kind::Bool | Kind::Int | Kind::Decimal(_) | Kind::Money | Kind::Days => true,
        Kind::Percent(_) | Kind::Date | Kind::Enum(_) => false,
    }
}

impl<'a> Shown<'a> {
    /// A value of this kind.
    pub fn new(schema: &'a Schema, kind: Kind, value: i128) -> Shown<'a> {
        Shown { schema, kind, value }
    }

    /// Appends the value to a text.
    pub fn push_to(&self, text: &mut String) {
        match self.kind {
            Kind::Bool => text.push_str(if self.value == 0 { "false" } else { "true" }),
            Kind::Date => push_date(text, self.value),
            Kind::Enum(index) => text.push_str(enum_name(self.schema, index, self.value)),
            Kind::Int | Kind::Days | Kind::Decimal(_) | Kind::Money => {
                push_decimal(text, self.value, self.schema.decimals(self.kind));
            }
            Kind::Percent(decimals) => {
                push_decimal(text, self.value, decimals);
                text.push('%');
            }
        }
    }

    /// Appends the value to a JSON text.
    pub fn push_json_to(&self, text: &mut String) {
        match self.kind {
            Kind::Enum(index) => Quoted(enum_name(self.schema, index, self.value)).push_to(text),
            kind if is_bare(kind) => self.push_to(text),
            _ => {
                text.push('"');
                self.push_to(text);
                text.push('"');
            }
        }
    }

    /// The value as JSON.
    pub fn to_json(&self) -> String {
        let mut text = String::new();
        self.push_json_to(&mut text);
        text
    }
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mut text = String::new();
        self.push_to(&mut text);
        f.pad(&text)
    }
}

/// Two digits for every number below 100.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + number as u8 / 10, b'0' + number as u8 % 10];
        number += 1;
    }
    pairs
};

/// Appends `digits / 10^decimals`, with all its decimals.
///
/// ```
/// use opus_runtime::admission::push_decimal;
/// let mut text = String::new();
/// push_decimal(&mut text, -5, 2);
/// assert_eq!(text, "-0.05");
/// ```
pub fn push_decimal(text: &mut String, digits: i128, decimals: u8) {
    let narrow = u64::try_from(digits.unsigned_abs()).ok().filter(|_| decimals <= DIGITS_MAX);
    let Some(mut rest) = narrow else {
        return text.push_str(&Reading::Decimal { digits, scale: decimals.into() }.to_string());
    };
    // room for the decimals, a point, 20 digits and a sign
    let mut buffer = [0; DIGITS_MAX as usize + 22];
    let mut at = buffer.len();
    let mut left = decimals;
    while left >= 2 {
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[(rest % 100) as usize]);
        rest /= 100;
        left -= 2;
    }
    if left == 1 {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    if decimals > 0 {
        at -= 1;
        buffer[at] = b'.';
    }
    while rest >= 10 {
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[(rest % 100) as usize]);
        rest /= 100;
    }
    if rest > 0 || buffer.get(at).is_none_or(|byte| *byte == b'.') {
        at -= 1;
        buffer[at] = b'0' + rest as u8;
    }
    if digits < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    text.push_str(std::str::from_utf8(&buffer[at..]).expect("digits are text"));
}

/// Appends a date as `2025-01-31`; days beyond the calendar are clamped to it.
pub fn push_date(text: &mut String, day: i128) {
    let Civil { year, month, day } = date::civil(day);
    let [century, year] = [year / 100, year % 100].map(|part| PAIRS[part as usize]);
    let [month, day] = [month, day].map(|part| PAIRS[part as usize]);
    let bytes = [century[0], century[1], year[0], year[1], b'-', month[0], month[1], b'-', day[0], day[1]];
    text.push_str(std::str::from_utf8(&bytes).expect("digits are text"));
}

/// The name of an enum's value; empty if there is none.
pub fn enum_name(schema: &Schema, index: u32, value: i128) -> &str {
    let definition = schema.enums.get(index as usize);
    let value = usize::try_from(value).ok();
    definition.zip(value).and_then(|(def, value)| def.values.get(value)).map_or("", |value| &value.name)
}

/// The values that a field may have, in the field's unit: `16..120`, `12, 24, 36`, `0.00..10.00 USD`.
pub struct Allowed<'a> {
    schema: &'a Schema,
    field: &'a Field,
}

/// Longer lists are truncated to this many values.
const LISTED_MAX: usize = 20;

impl<'a> Allowed<'a> {
    /// The values of a field of this schema.
    pub fn new(schema: &'a Schema, field: &'a Field) -> Allowed<'a> {
        Allowed { schema, field }
    }

    /// Whether the values are listed, rather than given as a range.
    pub fn is_list(&self) -> bool {
        self.field.domain.set.is_some() || matches!(self.field.kind, Kind::Enum(_))
    }

    fn list(&self, f: &mut Formatter<'_>, values: impl Iterator<Item = i128>) -> Result {
        for (index, value) in values.enumerate() {
            if index == LISTED_MAX {
                return f.write_str(", …");
            }
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}", Shown::new(self.schema, self.field.kind, value))?;
        }
        Ok(())
    }
}

impl Display for Allowed<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Domain { range, set } = &self.field.domain;
        match (set, self.field.kind) {
            (Some(set), _) => self.list(f, set.iter().copied())?,
            (None, Kind::Enum(_)) => self.list(f, range.lo..=range.hi)?,
            (None, kind) => {
                let shown = |value| Shown::new(self.schema, kind, value);
                write!(f, "{}..{}", shown(range.lo), shown(range.hi))?;
            }
        }
        match (&self.schema.currency, self.field.kind) {
            (Some(currency), Kind::Money) => write!(f, " {}", currency.code),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_like_their_reading() {
        let mut state = 0x9E37_79B9_7F4A_7C15u64;
        let mut numbers = vec![0, 1, -1, 9, 10, 99, 100, -100, i64::MIN as i128, u64::MAX as i128];
        numbers.extend([u64::MAX as i128 + 1, i128::MAX, i128::MIN]);
        for _ in 0..2000 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            numbers.push((state as i64 >> (state % 64)) as i128);
        }
        for decimals in [0, 1, 2, 3, 8, 17, 18, 19, 20, 37, 38] {
            for digits in &numbers {
                let mut text = String::new();
                push_decimal(&mut text, *digits, decimals);
                let reading = Reading::Decimal { digits: *digits, scale: decimals.into() };
                assert_eq!(text, reading.to_string(), "{digits} with {decimals} decimals");
            }
        }
    }

    #[test]
    fn dates_are_written_like_the_calendar() {
        for day in (date::DAY_MIN..=date::DAY_MAX).step_by(97).chain([date::DAY_MAX, i128::MAX, i128::MIN]) {
            let mut text = String::new();
            push_date(&mut text, day);
            assert_eq!(text, date::civil(day).to_string());
        }
    }
}
