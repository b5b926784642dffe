//! How are types and values spelled?

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::Unit;

/// The values of an enum, by its letter. Each enum has one called `other`; the context tells which is meant.
pub(super) fn values(letter: char) -> &'static [&'static str] {
    match letter {
        'p' => &["p0", "p1", "other"],
        'q' => &["q0", "q1", "q2", "q3", "other"],
        'r' => &MANY,
        _ => &MORE,
    }
}

/// More values than fit a table of bytes in one vector register.
static MANY: LazyLock<Vec<&str>> = LazyLock::new(|| numbered('r', 19));
/// One value more than a signed byte has codes.
static MORE: LazyLock<Vec<&str>> = LazyLock::new(|| numbered('s', 128));

/// This many values, and one more called `other`.
fn numbered(letter: char, count: u32) -> Vec<&'static str> {
    let named = (0..count).map(|number| &*format!("{letter}{number}").leak());
    named.chain(["other"]).collect()
}

/// The declarations of some enums.
pub(super) fn enums(letters: impl Iterator<Item = char>) -> String {
    let letters: BTreeSet<char> = letters.chain(['p', 'q']).collect();
    let declared =
        |of: &char| format!("  enum {} {{ {} }}\n", of.to_ascii_uppercase(), values(*of).join(", "));
    letters.iter().map(declared).collect()
}

/// The source with its dollar amounts in another currency: as many minor units as there were cents.
pub(crate) fn in_currency(source: &str, code: &str) -> String {
    let decimals = match code {
        "JPY" => 0,
        "KWD" => 3,
        _ => return source.to_owned(),
    };
    let mut parts = source.split('$');
    let mut out = parts.next().unwrap_or_default().replace("currency USD", &format!("currency {code}"));
    for part in parts {
        let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let whole = digits(part);
        // `..` is not a decimal point
        let cents = part[whole..].strip_prefix('.').map_or(0, digits);
        let end = if cents == 0 { whole } else { whole + 1 + cents };
        let minor: u128 = part[..whole].parse().expect("an amount begins with digits");
        let minor = minor * 100 + part[end - cents..end].parse().unwrap_or(0);
        out += &format!("{} {code}{}", decimal(minor, decimals), &part[end..]);
    }
    out
}

/// A count of units of the last decimal place.
fn decimal(count: u128, decimals: u32) -> String {
    let one = 10u128.pow(decimals);
    let (whole, part) = (count / one, count % one);
    if decimals == 0 {
        whole.to_string()
    } else {
        format!("{whole}.{part:0width$}", width = decimals as usize)
    }
}

/// The decimal digits of a scaled integer.
pub(super) fn digits(x: i128) -> u32 {
    x.unsigned_abs().checked_ilog10().unwrap_or(0) + 1
}

/// The name of a type. Its scale counts the decimal places of the value: a percentage has two more than it shows.
pub(crate) fn type_name(unit: Unit, scale: u32) -> String {
    match unit {
        Unit::Number if scale == 0 => "int".to_owned(),
        Unit::Number => format!("decimal({scale})"),
        Unit::Money => "money".to_owned(),
        Unit::Percent if scale == 4 => "percent".to_owned(),
        Unit::Percent => format!("percent({})", scale - 2),
        Unit::Days => "days".to_owned(),
        Unit::Date => "date".to_owned(),
    }
}

/// A scaled integer, written in the language.
pub(crate) fn literal(unit: Unit, scale: u32, x: i128) -> String {
    let sign = if x < 0 { "-" } else { "" };
    let decimal = |scale| decimal(x.unsigned_abs(), scale);
    match unit {
        Unit::Number => format!("{sign}{}", decimal(scale)),
        Unit::Money => format!("{sign}${}", decimal(scale)),
        Unit::Percent => format!("{sign}{}%", decimal(scale - 2)),
        Unit::Days => format!("{sign}{x} days", x = x.unsigned_abs()),
        Unit::Date => opus_ir::date::civil(x).to_string(),
    }
}
