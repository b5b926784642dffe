//! How is a JSON object read fast? What is known when a policy opens is prepared then: for each field the bytes
//! of its name, where its value goes, and which integers it may have.
//!
//! Values in their usual form (a number without an exponent, a date, a name of an enum) are read here, in one pass
//! from digits to the integer. Anything else, and anything that may be wrong, is left to [`super::Admission`],
//! which knows every form and what to say. So there is one meaning, and this file only makes it fast.

use opus_ir::memory::{RowLayout, Slot};
use opus_ir::{Field, Kind, Schema, date};

use super::json::{Malformed, Quoted, Scanner};
use super::names::Names;
use super::scan::plain_length;

/// The input fields of a policy, prepared for reading objects.
pub(crate) struct Fields {
    fields: Box<[Prepared]>,
    names: Names,
    /// By enum of the schema, the index of its values.
    enums: Box<[Names]>,
}

/// One field.
struct Prepared {
    /// The name as JSON, and a colon.
    name: Box<[u8]>,
    form: Form,
    /// The least and the greatest integer.
    range: (i64, i64),
    /// The integers, where they are listed.
    listed: Option<Box<[i64]>>,
    slot: Slot,
}

/// The usual form of a value.
#[derive(Clone, Copy)]
enum Form {
    Bool,
    /// A number with this many decimal places.
    Number(u8),
    /// A string: a number with this many decimal places, and a percent sign.
    Percent(u8),
    Date,
    /// A name of the enum with this index.
    Name(u32),
    /// None: the integers need 128 bits.
    Wide,
}

/// The most digits whose integer always fits in 64 bits.
const DIGITS_64: usize = 18;

/// The powers of ten up to that.
const POWERS: [u64; DIGITS_64 + 1] = {
    let mut powers = [1; DIGITS_64 + 1];
    let mut exponent = 1;
    while exponent <= DIGITS_64 {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

impl Fields {
    /// The inputs of a schema, in rows of this layout.
    pub(crate) fn new(schema: &Schema, layout: &RowLayout) -> Fields {
        let prepare = |(field, slot): (&Field, &Slot)| Prepared::new(schema, field, *slot);
        let values = |index: usize| &schema.enums[index].values;
        let names_of = |index: usize| Names::new(values(index).iter().map(|value| value.name.as_str()));
        Fields {
            fields: schema.inputs.iter().zip(&layout.slots).map(prepare).collect(),
            names: Names::new(schema.inputs.iter().map(|field| field.name.as_str())),
            enums: (0..schema.enums.len()).map(names_of).collect(),
        }
    }

    /// The index of a field.
    #[inline]
    pub(crate) fn find(&self, schema: &Schema, name: &str) -> Option<usize> {
        self.names.find(name, |index| &schema.inputs[index].name)
    }

    /// Moves over the name of this field, where it is the next one.
    #[inline]
    pub(crate) fn pass_name(&self, index: usize, scanner: &mut Scanner<'_>) -> bool {
        let Some(field) = self.fields.get(index) else { return false };
        let is_next = scanner.rest().starts_with(&field.name);
        if is_next {
            scanner.pass(field.name.len());
        }
        is_next
    }

    /// The integer of a value that is written in its usual form and that the field may have, and where it goes;
    /// `None`, with the scanner where it was, for any other.
    #[inline]
    pub(crate) fn usual(
        &self,
        schema: &Schema,
        index: usize,
        scanner: &mut Scanner<'_>,
    ) -> Result<Option<(Slot, i64)>, Malformed> {
        let field = &self.fields[index];
        let bytes = scanner.rest();
        let Some((value, length)) = self.value(schema, field.form, bytes) else { return Ok(None) };
        if !field.may_be(value) {
            return Ok(None);
        }
        scanner.pass_value(length)?;
        Ok(Some((field.slot, value)))
    }

    #[inline]
    fn value(&self, schema: &Schema, form: Form, bytes: &[u8]) -> Option<(i64, usize)> {
        match form {
            Form::Number(decimals) => {
                let (value, length) = number(bytes, decimals)?;
                let is_over = !matches!(bytes.get(length), Some(b'e' | b'E'));
                is_over.then_some((value, length))
            }
            Form::Date => match bytes.get(..12)? {
                [b'"', date @ .., b'"'] => Some((day(date.try_into().ok()?)?, 12)),
                _ => None,
            },
            Form::Name(index) => {
                let inner = bytes.strip_prefix(b"\"")?;
                let length = plain_length(inner);
                if inner.get(length) != Some(&b'"') {
                    return None;
                }
                let values = &schema.enums[index as usize].values;
                let name = std::str::from_utf8(&inner[..length]).ok()?;
                let value = self.enums[index as usize].find(name, |index| &values[index].name)?;
                Some((value as i64, length + 2))
            }
            Form::Bool => match bytes {
                [b't', b'r', b'u', b'e', ..] => Some((1, 4)),
                [b'f', b'a', b'l', b's', b'e', ..] => Some((0, 5)),
                _ => None,
            },
            Form::Percent(decimals) => {
                let inner = bytes.strip_prefix(b"\"")?;
                let (value, length) = number(inner, decimals)?;
                (inner.get(length..length + 2)? == b"%\"").then_some((value, length + 3))
            }
            Form::Wide => None,
        }
    }
}

impl Prepared {
    fn new(schema: &Schema, field: &Field, slot: Slot) -> Prepared {
        let domain = &field.domain;
        let narrow = |x: i128| i64::try_from(x).ok();
        let range = narrow(domain.range.lo).zip(narrow(domain.range.hi));
        let form = match field.kind {
            _ if range.is_none() => Form::Wide,
            Kind::Bool => Form::Bool,
            Kind::Int | Kind::Decimal(_) | Kind::Money | Kind::Days => {
                Form::Number(schema.decimals(field.kind))
            }
            Kind::Percent(decimals) => Form::Percent(decimals),
            Kind::Date => Form::Date,
            Kind::Enum(index) => Form::Name(index),
        };
        Prepared {
            name: format!("{}:", Quoted(&field.name)).into_bytes().into(),
            form,
            range: range.unwrap_or((0, 0)),
            listed: domain.set.as_ref().map(|set| set.iter().map(|value| *value as i64).collect()),
            slot,
        }
    }

    #[inline]
    fn may_be(&self, value: i64) -> bool {
        self.range.0 <= value
            && value <= self.range.1
            && self.listed.as_ref().is_none_or(|listed| listed.binary_search(&value).is_ok())
    }
}

/// A number without an exponent, counted in `10^-decimals`, and its length.
#[inline]
fn number(bytes: &[u8], decimals: u8) -> Option<(i64, usize)> {
    let is_negative = bytes.first() == Some(&b'-');
    let start = is_negative as usize;
    let mut at = start;
    let mut sum = 0u64;
    let mut digits = |at: &mut usize| {
        let from = *at;
        while let Some(digit) = bytes.get(*at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10)
        {
            sum = sum.wrapping_mul(10).wrapping_add(digit as u64);
            *at += 1;
        }
        *at - from
    };
    let whole = digits(&mut at);
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        fraction = digits(&mut at);
        if fraction == 0 {
            return None;
        }
    }
    let decimals = decimals as usize;
    let is_plain = whole > 0 && (whole == 1 || bytes[start] != b'0');
    if !is_plain || fraction > decimals || whole + decimals > DIGITS_64 {
        return None;
    }
    let magnitude = (sum * POWERS[decimals - fraction]) as i64;
    Some((if is_negative { -magnitude } else { magnitude }, at))
}

/// The day number of `2025-01-31`.
#[inline]
fn day(text: &[u8; 10]) -> Option<i64> {
    let digit = |at: usize| text[at].wrapping_sub(b'0') as u32;
    let are_digits = [0, 1, 2, 3, 5, 6, 8, 9].iter().fold(true, |all, at| all & (digit(*at) < 10));
    if !are_digits || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let two = |at: usize| digit(at) * 10 + digit(at + 1);
    let date = date::Civil { year: (two(0) * 100 + two(2)) as i32, month: two(5), day: two(8) };
    date::day_number(date).map(i64::from)
}
