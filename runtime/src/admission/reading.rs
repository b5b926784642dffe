//! What may a file or a program hold for a field, before it is checked?

use opus_ir::date;

/// A value as some source has it. The documentation of [`crate::admission`] lists which readings a field takes.
///
/// ```
/// use opus_runtime::admission::Reading;
/// let policy = opus_runtime::example::policy();
/// let mut row = policy.row();
/// // 90,000.5 as a decimal column, a float column and a JSON number have it
/// let decimal = Reading::Decimal { digits: 900_005, scale: 1 };
/// for reading in [decimal, Reading::Double(90_000.5), Reading::Number("9.00005e4")] {
///     row.set("income", reading)?;
///     assert_eq!(row.get("income"), Some(9_000_050));
/// }
/// # Ok::<(), opus_runtime::admission::Reason>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Reading<'a> {
    /// There is none.
    Missing,
    /// A Boolean.
    Bool(bool),
    /// An integer from a typed source, such as an integer column. For an amount it needs a unit.
    Integer(i128),
    /// `digits / 10^scale` from a typed source, such as a decimal column.
    Decimal {
        /// The digits.
        digits: i128,
        /// The number of decimal places; negative for a power of ten.
        scale: i32,
    },
    /// A float of 64 bits; NaN is missing.
    Double(f64),
    /// A day number from a typed source.
    Day(i32),
    /// A number as it is written: the digits of a JSON number.
    Number(&'a str),
    /// A number that denotes several values of its field, as a floating-point number does: its text.
    Inexact(&'a str),
    /// A text: a CSV cell, a JSON string, a string column.
    Text(&'a str),
    /// Something that no field takes, by its name: an array, an object.
    Other(&'static str),
}

impl Reading<'_> {
    /// Whether it is a float that is not a number, which counts as missing.
    pub fn is_nan(&self) -> bool {
        match self {
            Reading::Double(x) => x.is_nan(),
            _ => false,
        }
    }
}

impl std::fmt::Display for Reading<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reading::Missing => Ok(()),
            Reading::Bool(value) => value.fmt(f),
            Reading::Integer(value) => value.fmt(f),
            Reading::Decimal { digits, scale } => decimal(f, *digits, *scale),
            Reading::Double(value) => float(f, format!("{value:?}")),
            Reading::Day(day) => date::civil(*day as i128).fmt(f),
            Reading::Number(text) | Reading::Inexact(text) | Reading::Text(text) => f.write_str(text),
            Reading::Other(name) => f.write_str(name),
        }
    }
}

/// A whole number is written as an integer column writes it.
fn float(f: &mut std::fmt::Formatter<'_>, text: String) -> std::fmt::Result {
    f.write_str(text.strip_suffix(".0").unwrap_or(&text))
}

fn decimal(f: &mut std::fmt::Formatter<'_>, digits: i128, scale: i32) -> std::fmt::Result {
    let Some(decimals) = usize::try_from(scale).ok().filter(|decimals| (1..=76).contains(decimals)) else {
        let exponent = if scale == 0 { String::new() } else { format!("e{}", -(scale as i64)) };
        return write!(f, "{digits}{exponent}");
    };
    let sign = if digits < 0 { "-" } else { "" };
    let all = format!("{:0>width$}", digits.unsigned_abs(), width = decimals + 1);
    let (whole, fraction) = all.split_at(all.len() - decimals);
    write!(f, "{sign}{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_alike_whatever_column_it_comes_from() {
        for (reading, text) in [
            (Reading::Double(200.0), "200"),
            (Reading::Integer(200), "200"),
            (Reading::Double(12.345), "12.345"),
            (Reading::Decimal { digits: 12_345, scale: 3 }, "12.345"),
            (Reading::Double(1e300), "1e300"),
            (Reading::Double(f64::INFINITY), "inf"),
        ] {
            assert_eq!(reading.to_string(), text);
        }
    }
}
