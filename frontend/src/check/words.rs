//! How do types and values read in a message?

use opus_ir::date;

use crate::currency;
use crate::diagnostic::counted;
use crate::display::grouped;
use crate::hir::{Constant, Form, Ty, Unit};
use crate::text::ast::Number;

use super::schema::Declared;

impl Declared<'_> {
    /// `a whole number`, `money`, `a percentage`: a type for people.
    pub fn describe(&self, ty: Ty) -> String {
        let quotient = ty.form == Form::Rational;
        match ty.unit {
            Unit::Bool => "`true` or `false`".into(),
            Unit::Enum(index) => format!("a value of `{}`", self.enums[index as usize].decl.name.text),
            Unit::Date => "a date".into(),
            Unit::Days => "a number of days".into(),
            Unit::Number if quotient => "an exact quotient".into(),
            Unit::Percent if quotient => "an exact quotient of a percentage".into(),
            Unit::Money if quotient => "an exact quotient of an amount of money".into(),
            Unit::Number => match ty.scale() {
                Some(0) | None => "a whole number".into(),
                Some(scale) => format!("a number with {}", decimals(scale)),
            },
            Unit::Percent => "a percentage".into(),
            Unit::Money => "an amount of money".into(),
        }
    }

    /// A value of a type as the source writes it: `$500.00`, `43%`, `2025-01-01`, `30 days`, `approve`.
    pub fn written(&self, ty: Ty, value: i128) -> String {
        let number = Number { mantissa: value, scale: ty.scale().unwrap_or(0) };
        match ty.unit {
            Unit::Bool => (value != 0).to_string(),
            Unit::Enum(index) => {
                let values = &self.enums[index as usize].values;
                let known = usize::try_from(value).ok().and_then(|value| values.get(value));
                known.map_or_else(|| value.to_string(), |known| known.name.text.clone())
            }
            Unit::Date => date::civil(value).to_string(),
            Unit::Days => format!("{value} days"),
            Unit::Number => plain(number),
            Unit::Percent => self.percent(number),
            Unit::Money => self.amount(number),
        }
    }

    /// A constant as the scaled integer of its type.
    pub fn scaled(&self, ty: Ty, constant: Constant) -> Option<i128> {
        match constant {
            Constant::Number(number) => number.at_scale(ty.scale().unwrap_or(0)),
            Constant::Bool(value) => Some(value as i128),
            Constant::Enum(value) => Some(value as i128),
        }
    }

    /// An amount as a literal: with the symbol of the currency, or its code.
    pub fn amount(&self, number: Number) -> String {
        let code = self.currency.map_or("USD", |known| known.code);
        match currency::symbol(code) {
            Some(symbol) if number.mantissa < 0 => {
                let positive = Number { mantissa: number.mantissa.saturating_neg(), ..number };
                format!("-{symbol}{}", plain(positive))
            }
            Some(symbol) => format!("{symbol}{}", plain(number)),
            None => format!("{} {code}", plain(number)),
        }
    }

    /// A fraction as a percentage.
    fn percent(&self, fraction: Number) -> String {
        let hundredfold = match fraction.scale {
            0 => Number { mantissa: fraction.mantissa.saturating_mul(100), scale: 0 },
            1 => Number { mantissa: fraction.mantissa.saturating_mul(10), scale: 0 },
            scale => trimmed(Number { mantissa: fraction.mantissa, scale: scale - 2 }, 0),
        };
        format!("{}%", plain(hundredfold))
    }
}

/// `1_012.50`, as it is: sign, digits, point.
pub(super) fn plain(number: Number) -> String {
    let digits = number.mantissa.unsigned_abs().to_string();
    let sign = if number.mantissa < 0 { "-" } else { "" };
    let scale = number.scale as usize;
    if scale == 0 {
        return format!("{sign}{}", grouped(&digits));
    }
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    format!("{sign}{}.{fraction}", grouped(whole))
}

/// The same number without zeros at its end, but with no fewer decimals than `least`.
pub(super) fn trimmed(mut number: Number, least: u8) -> Number {
    while number.scale > least && number.mantissa % 10 == 0 {
        number = Number { mantissa: number.mantissa / 10, scale: number.scale - 1 };
    }
    number
}

/// How to make fewer decimals of a value.
pub(super) fn how_to_round(unit: Unit) -> &'static str {
    match unit {
        Unit::Money => "round it: `… rounded half_up to cent`",
        Unit::Percent => "round it: `… rounded half_up to 0.01%`",
        _ => "round it: `… rounded half_up to integer`, or to `0.01`, or to `0.01%` as a percentage",
    }
}

/// What values of a unit are rounded to, for an example.
pub(super) fn unit_to_round_to(unit: Unit) -> &'static str {
    match unit {
        Unit::Money => "cent",
        Unit::Percent => "0.01%",
        _ => "integer",
    }
}

/// `2 decimals`, `1 decimal`, `no decimals`.
pub(super) fn decimals(count: u8) -> String {
    match count {
        0 => "no decimals".into(),
        _ => counted(count as usize, "decimal"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_they_are_written() {
        let cases =
            [(1250, 2, "12.50"), (1_234_567, 2, "12_345.67"), (-5, 3, "-0.005"), (7, 0, "7"), (0, 2, "0.00")];
        for (mantissa, scale, text) in cases {
            assert_eq!(plain(Number { mantissa, scale }), text);
        }
        assert_eq!(trimmed(Number { mantissa: 500, scale: 2 }, 0), Number::whole(5));
        assert_eq!(trimmed(Number { mantissa: 500, scale: 2 }, 1), Number { mantissa: 50, scale: 1 });
    }
}
