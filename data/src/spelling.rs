//! How are numbers and dates spelled in a file? Exactly as the policy writes them, unless the mapping file names another
//! spelling. Every spelling becomes the plain one here, before admission looks at it.

use opus_ir::{Kind, date};
use opus_runtime::admission::Reading;
use opus_runtime::admission::number::{Unreadable, is_space, scaled, without_percent};

use super::cells::{DAY_SECONDS, moment_text};

/// How the values of a column are spelled.
///
/// ```
/// use opus_data::Spelling;
/// use opus_ir::Kind;
/// use opus_runtime::admission::Reading;
/// let spelling = Spelling { decimal_comma: true, thousands: Some('.'), ..Spelling::default() };
/// let mut scratch = String::new();
/// let plain = spelling.plain(Kind::Money, 2, Reading::Text("1.234,56"), &mut scratch);
/// assert_eq!(plain, Reading::Text("1234.56"));
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Spelling {
    /// Whether decimals follow a comma, as in `1234,56`.
    pub decimal_comma: bool,
    /// What separates groups of three digits, as in `1.234` or `1 234`.
    pub thousands: Option<char>,
    /// How dates are spelled.
    pub date: Option<DateForm>,
    /// Whether a number with more decimals than its field has is rounded to the nearest value of the field.
    pub nearest: bool,
}

/// How dates are spelled, if not as 2025-01-31.
///
/// ```
/// use opus_data::DateForm;
/// let form = DateForm::parse("DD.MM.YYYY").unwrap();
/// assert_eq!(form.in_words(), "a date of the form DD.MM.YYYY");
/// assert_eq!(DateForm::parse("epoch days"), Some(DateForm::Epoch { per_day: 1 }));
/// assert_eq!(DateForm::parse("soon"), None);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DateForm {
    /// As a number of ticks since 1970.
    Epoch {
        /// How many ticks a day has.
        per_day: i64,
    },
    /// Part by part, as in `DD.MM.YYYY`.
    Parts(Vec<Part>),
}

/// A part of a date.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Four digits.
    Year,
    /// Two digits, or one or two.
    Month(bool),
    /// Two digits, or one or two.
    Day(bool),
    /// A mark between the others.
    Mark(char),
}

/// Numbers of ticks, as the mapping file names them.
const EPOCHS: [(&str, i64); 4] = [
    ("epoch days", 1),
    ("epoch seconds", DAY_SECONDS),
    ("epoch milliseconds", DAY_SECONDS * 1_000),
    ("epoch microseconds", DAY_SECONDS * 1_000_000),
];

/// What separates groups of digits.
pub const THOUSANDS: [char; 6] = ['.', ',', ' ', '\'', '’', '_'];

/// The name of a text that is not spelled as the mapping file says.
const NOT_SPELLED_SO: &str = "a text that is not in the spelling of the mapping file";

/// How many more decimals than the field has are rounded, in steps that fit in 128 bits.
const MORE_DECIMALS: [u8; 3] = [6, 14, 22];

impl DateForm {
    /// The form that a text of the mapping file names.
    pub fn parse(text: &str) -> Option<DateForm> {
        if let Some((_, per_day)) = EPOCHS.iter().find(|(name, _)| *name == text) {
            return Some(DateForm::Epoch { per_day: *per_day });
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (part, length) = match rest {
                _ if rest.starts_with("YYYY") => (Part::Year, 4),
                _ if rest.starts_with("MM") => (Part::Month(true), 2),
                _ if rest.starts_with("DD") => (Part::Day(true), 2),
                _ if first == 'M' => (Part::Month(false), 1),
                _ if first == 'D' => (Part::Day(false), 1),
                _ if first.is_alphanumeric() => return None,
                _ => (Part::Mark(first), first.len_utf8()),
            };
            parts.push(part);
            rest = &rest[length..];
        }
        let count = |is: fn(&Part) -> bool| parts.iter().filter(|part| is(part)).count();
        let is_date = count(|part| matches!(part, Part::Year)) == 1
            && count(|part| matches!(part, Part::Month(_))) == 1
            && count(|part| matches!(part, Part::Day(_))) == 1;
        is_date.then_some(DateForm::Parts(parts))
    }

    /// What dates of the form are called in a message.
    pub fn in_words(&self) -> String {
        match self {
            DateForm::Epoch { per_day } => {
                let name = EPOCHS.iter().find(|(_, other)| other == per_day).map_or("", |(name, _)| *name);
                format!("a number of {} since 1970", name.trim_start_matches("epoch "))
            }
            DateForm::Parts(parts) => {
                let text = parts.iter().map(|part| match part {
                    Part::Year => "YYYY".to_owned(),
                    Part::Month(true) => "MM".to_owned(),
                    Part::Month(false) => "M".to_owned(),
                    Part::Day(true) => "DD".to_owned(),
                    Part::Day(false) => "D".to_owned(),
                    Part::Mark(mark) => mark.to_string(),
                });
                format!("a date of the form {}", text.collect::<String>())
            }
        }
    }

    /// The forms, for messages.
    pub fn names() -> String {
        let epochs: Vec<String> = EPOCHS.iter().map(|(name, _)| format!("`{name}`")).collect();
        format!("{}, or a form such as `DD.MM.YYYY`", epochs.join(", "))
    }
}

impl Spelling {
    /// Whether values are spelled as the policy writes them.
    pub fn is_plain(&self) -> bool {
        *self == Spelling::default()
    }

    /// The plain spelling of a value of a field with this many decimals; `scratch` keeps its text.
    pub fn plain<'a>(
        &self,
        kind: Kind,
        decimals: u8,
        reading: Reading<'a>,
        scratch: &'a mut String,
    ) -> Reading<'a> {
        match kind {
            Kind::Date => self.date(reading, scratch),
            Kind::Bool | Kind::Enum(_) => reading,
            _ if self.is_plain() => reading,
            _ => self.number(kind, decimals, reading, scratch),
        }
    }

    /// Whether numbers are spelled with other marks than a point.
    pub(crate) fn is_grouped(&self) -> bool {
        self.decimal_comma || self.thousands.is_some()
    }

    fn date<'a>(&self, reading: Reading<'a>, scratch: &'a mut String) -> Reading<'a> {
        match (&self.date, reading) {
            (Some(DateForm::Epoch { per_day }), reading) => match ticks(reading) {
                Some(ticks) => moment(ticks, *per_day, scratch).unwrap_or(reading),
                None => unlike(reading),
            },
            (Some(DateForm::Parts(parts)), Reading::Text(text) | Reading::Number(text)) => {
                day_of(parts, text).map_or(unlike(reading), Reading::Day)
            }
            (Some(DateForm::Parts(parts)), Reading::Integer(_)) => {
                day_of(parts, &reading.to_string()).map_or(reading, Reading::Day)
            }
            _ => reading,
        }
    }

    fn number<'a>(
        &self,
        kind: Kind,
        decimals: u8,
        reading: Reading<'a>,
        scratch: &'a mut String,
    ) -> Reading<'a> {
        match reading {
            Reading::Text(text) if self.is_grouped() => match self.ungrouped(text) {
                None => Reading::Other(NOT_SPELLED_SO),
                Some(plain) => {
                    *scratch = self.rounded(kind, decimals, &plain).unwrap_or(plain);
                    Reading::Text(scratch)
                }
            },
            Reading::Text(text) => match self.rounded(kind, decimals, text) {
                None => reading,
                Some(text) => {
                    *scratch = text;
                    Reading::Text(scratch)
                }
            },
            Reading::Number(text) => match self.rounded(kind, decimals, text) {
                None => reading,
                Some(text) => {
                    *scratch = text;
                    Reading::Number(scratch)
                }
            },
            // the fewest digits that name the float of 32 bits, from which it is read again
            Reading::Inexact(text) if self.nearest => {
                let stored = text.parse::<f32>().ok().and_then(|x| nearest(f64::from(x), decimals));
                stored.unwrap_or(reading)
            }
            Reading::Double(x) if self.nearest => nearest(x, decimals).unwrap_or(reading),
            reading => reading,
        }
    }

    /// A number without groups and with a point; `None` where it is not spelled as it should be.
    fn ungrouped(&self, text: &str) -> Option<String> {
        let (number, percent) = match without_percent(text) {
            Some(number) => (number, "%"),
            None => (text, ""),
        };
        let (sign, number) = match number.strip_prefix('-') {
            Some(number) => ("-", number),
            None => ("", number.strip_prefix('+').unwrap_or(number)),
        };
        let point = if self.decimal_comma { ',' } else { '.' };
        let (whole, fraction) = match number.split_once(point) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (number, None),
        };
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let separates = |c: char| Some(c) == self.thousands || (self.thousands == Some(' ') && is_space(c));
        let mut groups = whole.split(separates);
        let first = groups.next().filter(|group| is_digits(group))?;
        let mut plain = format!("{sign}{first}");
        for group in groups {
            if first.len() > 3 || group.len() != 3 || !is_digits(group) {
                return None;
            }
            plain.push_str(group);
        }
        if let Some(fraction) = fraction {
            if !is_digits(fraction) {
                return None;
            }
            plain.push('.');
            plain.push_str(fraction);
        }
        plain.push_str(percent);
        Some(plain)
    }

    /// A number rounded to the decimals that it may have, halves to even; `None` where it needs no rounding, or cannot
    /// be rounded.
    fn rounded(&self, kind: Kind, decimals: u8, text: &str) -> Option<String> {
        if !self.nearest {
            return None;
        }
        let (number, percent, decimals) = match (without_percent(text), kind) {
            (Some(number), Kind::Percent(decimals)) => (number, "%", decimals),
            _ => (text, "", decimals),
        };
        if scaled(number, decimals) != Err(Unreadable::TooPrecise) {
            return None;
        }
        let (wide, more) = MORE_DECIMALS
            .iter()
            .find_map(|more| Some((scaled(number, decimals.checked_add(*more)?).ok()?, *more)))?;
        let unit = 10i128.pow(u32::from(more));
        let (count, rest) = (wide.div_euclid(unit), wide.rem_euclid(unit));
        let is_up = rest * 2 > unit || (rest * 2 == unit && count % 2 != 0);
        let digits = count + i128::from(is_up);
        Some(format!("{}{percent}", Reading::Decimal { digits, scale: i32::from(decimals) }))
    }
}

/// The number with so many decimals that is nearest to a float, halves to even; `None` where there is none that fits in 128
/// bits. What is rounded is the number that the float stores, not its shortest text.
fn nearest(x: f64, decimals: u8) -> Option<Reading<'static>> {
    const FRACTION_BITS: i32 = 52;
    if !x.is_finite() {
        return None;
    }
    let (bits, fraction) = (x.to_bits(), x.to_bits() & ((1 << FRACTION_BITS) - 1));
    let (implied, exponent) = match (bits >> FRACTION_BITS) & 0x7FF {
        0 => (0, -1074),
        exponent => (1u64 << FRACTION_BITS, exponent as i32 - 1023 - FRACTION_BITS),
    };
    let steps = u128::from(implied | fraction).checked_mul(10u128.checked_pow(u32::from(decimals))?)?;
    let count = match u32::try_from(exponent) {
        Ok(shift) => steps.checked_mul(1u128.checked_shl(shift)?)?,
        Err(_) => halved(steps, exponent.unsigned_abs()),
    };
    let digits = i128::try_from(count).ok()?;
    Some(Reading::Decimal { digits: if x < 0.0 { -digits } else { digits }, scale: i32::from(decimals) })
}

/// A number halved so many times, at least once, and rounded, halves to even.
fn halved(number: u128, times: u32) -> u128 {
    if times >= u128::BITS {
        // there are fewer than 127 bits, so that it is less than a half
        return 0;
    }
    let (whole, rest, half) = (number >> times, number & ((1 << times) - 1), 1 << (times - 1));
    whole + u128::from(rest > half || (rest == half && whole % 2 == 1))
}

/// A text that is not spelled as the mapping file says is not read, even if the policy would write it so.
fn unlike(reading: Reading<'_>) -> Reading<'_> {
    if matches!(reading, Reading::Text(_)) { Reading::Other(NOT_SPELLED_SO) } else { reading }
}

/// A whole number of ticks.
fn ticks(reading: Reading<'_>) -> Option<i128> {
    match reading {
        Reading::Integer(ticks) => Some(ticks),
        Reading::Number(text) | Reading::Text(text) => scaled(text, 0).ok(),
        Reading::Decimal { .. } | Reading::Double(_) => scaled(&reading.to_string(), 0).ok(),
        _ => None,
    }
}

/// The day of a moment at midnight, or the text of another moment; `None` beyond what can be named.
fn moment<'a>(ticks: i128, per_day: i64, scratch: &'a mut String) -> Option<Reading<'a>> {
    let ticks = i64::try_from(ticks).ok()?;
    if ticks.rem_euclid(per_day) == 0 {
        let day = i32::try_from(ticks.div_euclid(per_day)).ok()?;
        let is_day = (date::DAY_MIN..=date::DAY_MAX).contains(&i128::from(day));
        return is_day.then_some(Reading::Day(day));
    }
    *scratch = moment_text(ticks, per_day / DAY_SECONDS);
    Some(Reading::Text(scratch))
}

/// The day that a text names part by part.
fn day_of(parts: &[Part], text: &str) -> Option<i32> {
    let (mut year, mut month, mut day) = (0, 0, 0);
    let mut rest = text;
    for part in parts {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let take = |least: usize, most: usize| {
            let count = digits.min(most);
            (count >= least)
                .then(|| rest[..count].parse::<u32>().ok().map(|number| (number, &rest[count..])))?
        };
        match part {
            Part::Year => (year, rest) = take(4, 4)?,
            Part::Month(is_wide) => (month, rest) = take(if *is_wide { 2 } else { 1 }, 2)?,
            Part::Day(is_wide) => (day, rest) = take(if *is_wide { 2 } else { 1 }, 2)?,
            Part::Mark(mark) => rest = rest.strip_prefix(*mark)?,
        }
    }
    if !rest.is_empty() {
        return None;
    }
    date::parse(format!("{year:04}-{month:02}-{day:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(spelling: &Spelling, kind: Kind, decimals: u8, reading: Reading<'_>) -> String {
        let mut scratch = String::new();
        format!("{:?}", spelling.plain(kind, decimals, reading, &mut scratch))
    }

    fn day(text: &str) -> String {
        format!("{:?}", Reading::Day(date::parse(text).unwrap()))
    }

    #[test]
    fn dates_are_read_as_the_mapping_file_spells_them() {
        let with = |form: &str| Spelling { date: DateForm::parse(form), ..Spelling::default() };
        for (form, reading, date) in [
            ("epoch milliseconds", Reading::Number("1738281600000"), "2025-01-31"),
            ("epoch milliseconds", Reading::Text("1738281600000"), "2025-01-31"),
            ("epoch milliseconds", Reading::Double(1738281600000.0), "2025-01-31"),
            ("epoch milliseconds", Reading::Integer(-86_400_000), "1969-12-31"),
            ("epoch seconds", Reading::Integer(1738281600), "2025-01-31"),
            ("epoch microseconds", Reading::Integer(1738281600000000), "2025-01-31"),
            ("epoch days", Reading::Integer(20119), "2025-01-31"),
            ("DD.MM.YYYY", Reading::Text("31.01.2025"), "2025-01-31"),
            ("D.M.YYYY", Reading::Text("1.2.2025"), "2025-02-01"),
            ("M/D/YYYY", Reading::Text("12/31/2025"), "2025-12-31"),
            ("YYYYMMDD", Reading::Integer(20250131), "2025-01-31"),
            ("YYYYMMDD", Reading::Text("20250131"), "2025-01-31"),
        ] {
            assert_eq!(plain(&with(form), Kind::Date, 0, reading), day(date), "{form} {reading:?}");
        }
        for (form, reading) in [
            ("DD.MM.YYYY", Reading::Text("1.2.2025")),
            ("DD.MM.YYYY", Reading::Text("31.02.2025")),
            ("DD.MM.YYYY", Reading::Text("31.01.2025x")),
            ("DD.MM.YYYY", Reading::Text("2025-01-31")),
            ("epoch days", Reading::Text("soon")),
            ("epoch days", Reading::Text("2025-01-31")),
        ] {
            let unlike = format!("{:?}", Reading::Other(NOT_SPELLED_SO));
            assert_eq!(plain(&with(form), Kind::Date, 0, reading), unlike, "{form} {reading:?}");
        }
        let noon = plain(&with("epoch seconds"), Kind::Date, 0, Reading::Integer(1738324800));
        assert_eq!(noon, format!("{:?}", Reading::Text("2025-01-31T12:00:00")));
        for form in ["DD.MM", "YYYY-MM-DD hh", "epoch", "MM.MM.YYYY", ""] {
            assert_eq!(DateForm::parse(form), None, "{form}");
        }
    }

    #[test]
    fn groups_and_commas_are_read_only_as_they_are_spelled() {
        let german = Spelling { decimal_comma: true, thousands: Some('.'), ..Spelling::default() };
        let english = Spelling { thousands: Some(','), ..Spelling::default() };
        let french = Spelling { decimal_comma: true, thousands: Some(' '), ..Spelling::default() };
        let comma = Spelling { decimal_comma: true, ..Spelling::default() };
        for (spelling, text, number) in [
            (&german, "1.234,56", Some("1234.56")),
            (&german, "-1.234.567", Some("-1234567")),
            (&german, "12,5 %", Some("12.5%")),
            (&german, "1234,5", Some("1234.5")),
            (&german, "1.23", None),
            (&german, "1,234.56", None),
            (&german, "1234.567", None),
            (&english, "1,234.56", Some("1234.56")),
            (&english, "12,34", None),
            (&french, "1\u{202F}234,5", Some("1234.5")),
            (&french, "1 234 567", Some("1234567")),
            // not a factor of a thousand
            (&comma, "1.234", None),
            (&comma, "1,234", Some("1.234")),
            (&comma, "", None),
            (&comma, "x", None),
        ] {
            let found = plain(spelling, Kind::Money, 2, Reading::Text(text));
            let expected = number.map_or(Reading::Other(NOT_SPELLED_SO), Reading::Text);
            assert_eq!(found, format!("{expected:?}"), "{text}");
        }
    }

    #[test]
    fn the_nearest_value_is_taken_where_that_is_said() {
        let nearest = Spelling { nearest: true, ..Spelling::default() };
        for (text, rounded) in [
            ("7.720000000000001", "7.72"),
            ("279774.77999999997", "279774.78"),
            ("-0.005000000000000001", "-0.01"),
            ("0.125", "0.12"),
            ("0.135", "0.14"),
            ("1e-3", "0.00"),
            ("7.72", "7.72"),
            ("x", "x"),
        ] {
            let found = plain(&nearest, Kind::Money, 2, Reading::Number(text));
            assert_eq!(found, format!("{:?}", Reading::Number(rounded)), "{text}");
        }
        for (stored, cents) in [
            (Reading::Double(0.1 + 0.2), 30),
            (Reading::Double(0.125), 12),
            (Reading::Double(-0.375), -38),
            // what is stored is a little less than the text
            (Reading::Double(1.005), 100),
            (Reading::Double(85_000_000_000_000.02), 8_500_000_000_000_002),
            (Reading::Double(1e20), 10_000_000_000_000_000_000_000),
            (Reading::Double(f64::MIN_POSITIVE), 0),
            (Reading::Double(-5e-324), 0),
            // floats of 32 bits store 529923.125, 633836.8125 and 0.01499…
            (Reading::Inexact("529923.1"), 52_992_312),
            (Reading::Inexact("633836.8"), 63_383_681),
            (Reading::Inexact("0.015"), 1),
        ] {
            let found = plain(&nearest, Kind::Money, 2, stored);
            assert_eq!(found, format!("{:?}", Reading::Decimal { digits: cents, scale: 2 }), "{stored:?}");
        }
        let large = Reading::Double(1e300);
        assert_eq!(plain(&nearest, Kind::Money, 2, large), format!("{large:?}"));
        let found = plain(&nearest, Kind::Percent(1), 1, Reading::Text("12.3400001%"));
        assert_eq!(found, format!("{:?}", Reading::Text("12.3%")));
        assert_eq!(
            plain(&Spelling::default(), Kind::Money, 2, Reading::Number("0.125")),
            format!("{:?}", Reading::Number("0.125"))
        );
    }
}
