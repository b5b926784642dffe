//! How are types and values spelled?

use super::Unit;

/// The values of an enum, by its letter. Both have one called `other`: the place tells which is meant.
pub(super) fn values(letter: char) -> &'static [&'static str] {
    match letter {
        'p' => &["p0", "p1", "other"],
        _ => &["q0", "q1", "q2", "q3", "other"],
    }
}

/// The declarations of both enums.
pub(super) fn enums() -> String {
    ['p', 'q']
        .map(|of| format!("  enum {} {{ {} }}\n", of.to_ascii_uppercase(), values(of).join(", ")))
        .concat()
}

/// The decimal digits of a scaled integer.
pub(super) fn digits(x: i64) -> u32 {
    x.unsigned_abs().checked_ilog10().unwrap_or(0) + 1
}

/// The name of a type. Its scale counts the decimals of the value: a percent has two more than it shows.
pub(super) fn type_name(unit: Unit, scale: u32) -> String {
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

/// A scaled integer as the language writes it.
pub(super) fn literal(unit: Unit, scale: u32, x: i64) -> String {
    let sign = if x < 0 { "-" } else { "" };
    let decimal = |scale: u32| {
        let (whole, part) = (x.unsigned_abs() / 10u64.pow(scale), x.unsigned_abs() % 10u64.pow(scale));
        if scale == 0 { whole.to_string() } else { format!("{whole}.{part:0width$}", width = scale as usize) }
    };
    match unit {
        Unit::Number => format!("{sign}{}", decimal(scale)),
        Unit::Money => format!("{sign}${}", decimal(scale)),
        Unit::Percent => format!("{sign}{}%", decimal(scale - 2)),
        Unit::Days => format!("{sign}{x} days", x = x.unsigned_abs()),
        Unit::Date => opus_ir::date::civil(x as i128).to_string(),
    }
}
