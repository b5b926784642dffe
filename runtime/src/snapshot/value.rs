//! What can a fact say? Texts and their meaning, before a policy gives them a type.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use opus_ir::date;

use super::is_name;

/// A number as it is written, without zeros that say nothing: `0.43` is 43 of scale 2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Written {
    /// The digits.
    pub mantissa: i128,
    /// How many of them are behind the decimal point.
    pub scale: u8,
}

/// What a fact says.
///
/// ```
/// use opus_runtime::snapshot::FactValue;
/// let canonical = |text: &str| text.parse::<FactValue>().map(|value| value.to_string());
/// assert_eq!(canonical("75_000.00 USD").unwrap(), "75000 USD");
/// assert_eq!(canonical("{ UK, EU }").unwrap(), "{EU, UK}");
/// assert_eq!(canonical("43.50%").unwrap(), "43.5%");
/// assert_eq!(canonical("30 days").unwrap(), "30 days");
/// assert!(canonical("1,000").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FactValue {
    /// `700`, `0.35`
    Number(Written),
    /// `43%`
    Percent(Written),
    /// `75000 USD`
    Amount(Written, String),
    /// `30 days`
    Days(i128),
    /// `2025-01-31`, as a day number.
    Date(i32),
    /// `EU`: a value of an enum, or `true` and `false`.
    Name(String),
    /// `{EU, UK}`
    Set(BTreeSet<String>),
}

impl Written {
    /// The number as an integer of `10^-scale`; `None` if it has more decimals, or is too large.
    pub fn at_scale(self, scale: u8) -> Option<i128> {
        let more = scale.checked_sub(self.scale)?;
        self.mantissa.checked_mul(10i128.checked_pow(more.into())?)
    }

    /// Digits, with `_` between them if the author likes, and a decimal point.
    fn read(text: &str) -> Option<Written> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, part) =
            digits.split_once('.').map_or((digits, None), |(whole, part)| (whole, Some(part)));
        let is_number = |text: &str| {
            let inside = !text.starts_with('_') && !text.ends_with('_');
            !text.is_empty() && inside && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
        };
        if !is_number(whole) || part.is_some_and(|part| !is_number(part)) {
            return None;
        }
        let part: String = part.unwrap_or_default().chars().filter(|digit| *digit != '_').collect();
        let part = part.trim_end_matches('0');
        let all: String = whole.chars().filter(|digit| *digit != '_').chain(part.chars()).collect();
        let mantissa: i128 = all.parse().ok()?;
        Some(Written {
            mantissa: if negative { -mantissa } else { mantissa },
            scale: u8::try_from(part.len()).ok()?,
        })
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        crate::admission::push_decimal(&mut text, self.mantissa, self.scale);
        f.write_str(&text)
    }
}

/// Why a text is not a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotAValue(String);

impl fmt::Display for NotAValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotAValue {}

impl FromStr for FactValue {
    type Err = NotAValue;

    fn from_str(text: &str) -> Result<FactValue, NotAValue> {
        let text = text.trim();
        let known = set(text).or_else(|| date::parse(text).map(FactValue::Date)).or_else(|| measured(text));
        known
            .or_else(|| is_name(text).then(|| FactValue::Name(text.to_owned())))
            .ok_or_else(|| not_a_value(text))
    }
}

fn set(text: &str) -> Option<FactValue> {
    let inside = text.strip_prefix('{')?.strip_suffix('}')?.trim();
    if inside.is_empty() {
        return Some(FactValue::Set(BTreeSet::new()));
    }
    let members: Vec<&str> = inside.split(',').map(str::trim).collect();
    let set: BTreeSet<String> = members.iter().map(|member| (*member).to_owned()).collect();
    (members.iter().all(|member| is_name(member)) && set.len() == members.len())
        .then_some(FactValue::Set(set))
}

/// A number and what it counts.
fn measured(text: &str) -> Option<FactValue> {
    if let Some(number) = text.strip_suffix('%') {
        return Written::read(number.trim_end()).map(FactValue::Percent);
    }
    if let Some(number) = Written::read(text) {
        return Some(FactValue::Number(number));
    }
    let (first, second) = text.split_once(char::is_whitespace)?;
    let (first, second) = (first.trim(), second.trim());
    if second == "days" {
        return Written::read(first)?.at_scale(0).map(FactValue::Days);
    }
    let is_code = |text: &str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    let (code, number) = if is_code(first) { (first, second) } else { (second, first) };
    is_code(code)
        .then(|| Written::read(number))
        .flatten()
        .map(|number| FactValue::Amount(number, code.to_owned()))
}

fn not_a_value(text: &str) -> NotAValue {
    let shown: String = text.chars().take(60).collect();
    let help = if text.is_empty() {
        "write a value, or `none` if the key no longer has a value".to_owned()
    } else if text.starts_with(|c: char| !c.is_ascii()) || text.starts_with('$') {
        "write an amount with the code of its currency, such as `75000.00 USD`".to_owned()
    } else if text.contains(',') && !text.contains('{') {
        "write a number without commas, such as `1000.50`".to_owned()
    } else if text.starts_with('{') {
        "write a set as `{EU, UK}`, with each name once".to_owned()
    } else {
        "write a number, `43%`, `75000.00 USD`, `30 days`, `2025-01-31`, a name, or `{EU, UK}`".to_owned()
    };
    NotAValue(format!("`{shown}` is not a value: {help}"))
}

impl fmt::Display for FactValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FactValue::Number(number) => number.fmt(f),
            FactValue::Percent(number) => write!(f, "{number}%"),
            FactValue::Amount(number, code) => write!(f, "{number} {code}"),
            FactValue::Days(days) => write!(f, "{days} days"),
            FactValue::Date(day) => date::civil((*day).into()).fmt(f),
            FactValue::Name(name) => f.write_str(name),
            FactValue::Set(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                write!(f, "{{{}}}", names.join(", "))
            }
        }
    }
}
