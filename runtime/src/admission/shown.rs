//! How is a value written for people and for files? In the unit of its field: an amount with its decimals, a
//! percentage with its sign, a date as a date, an enum by name.

use std::fmt::{Display, Formatter, Result};

use opus_ir::{Domain, Field, Kind, Schema, date};

use super::Reading;

/// A field's integer in the field's unit.
///
/// ```
/// use opus_ir::{Kind, Schema};
/// use opus_runtime::admission::Shown;
/// let schema = Schema::default();
/// assert_eq!(Shown::new(&schema, Kind::Money, 123_405).to_string(), "1234.05");
/// assert_eq!(Shown::new(&schema, Kind::Percent(2), -50).to_string(), "-0.50%");
/// assert_eq!(Shown::new(&schema, Kind::Date, 0).to_string(), "1970-01-01");
/// ```
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    schema: &'a Schema,
    kind: Kind,
    value: i128,
}

impl<'a> Shown<'a> {
    /// A value of this kind.
    pub fn new(schema: &'a Schema, kind: Kind, value: i128) -> Shown<'a> {
        Shown { schema, kind, value }
    }
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.kind {
            Kind::Bool => f.write_str(if self.value == 0 { "false" } else { "true" }),
            Kind::Date => date::civil(self.value).fmt(f),
            Kind::Enum(index) => f.write_str(enum_name(self.schema, index, self.value)),
            Kind::Int | Kind::Days => self.value.fmt(f),
            Kind::Decimal(_) | Kind::Money => self.decimal(f),
            Kind::Percent(_) => {
                self.decimal(f)?;
                f.write_str("%")
            }
        }
    }
}

impl Shown<'_> {
    fn decimal(&self, f: &mut Formatter<'_>) -> Result {
        Reading::Decimal { digits: self.value, scale: self.schema.decimals(self.kind) as i32 }.fmt(f)
    }
}

/// The name of an enum's value; empty where there is none.
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

/// So many listed values are named; of longer lists the first ones.
const LISTED_MAX: usize = 20;

impl<'a> Allowed<'a> {
    /// What a field of this schema may have.
    pub fn new(schema: &'a Schema, field: &'a Field) -> Allowed<'a> {
        Allowed { schema, field }
    }

    /// Whether the values are listed, and not the ends of a range.
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
