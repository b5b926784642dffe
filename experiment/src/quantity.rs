//! When do two values of a policy mean the same? By number and unit, however they are written.

/// A number with a unit, or a word.
///
/// ```
/// use opus_experiment::quantity::Quantity;
/// assert_eq!(Quantity::parse("$10_000.00"), Quantity::parse("10000.00"));
/// assert_ne!(Quantity::parse("30"), Quantity::parse("30 days"));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Quantity {
    /// A number.
    Number {
        /// Its digits, without separators, leading zeros and zeros at the end of decimals.
        digits: String,
        /// Its unit, in the singular; none for a bare number. Amounts of dollars have none: the scenarios write them bare.
        unit: Option<String>,
    },
    /// Anything else, as it is written.
    Word(String),
}

/// How units are written, and what they are.
const UNITS: &[(&str, Option<&str>)] = &[
    ("", None),
    ("$", None),
    ("usd", None),
    ("dollars", None),
    ("dollar", None),
    ("days", Some("day")),
    ("day", Some("day")),
    ("months", Some("month")),
    ("month", Some("month")),
    ("years", Some("year")),
    ("year", Some("year")),
    ("%", Some("percent")),
    ("percent", Some("percent")),
];

impl Quantity {
    /// Reads a value.
    pub fn parse(text: &str) -> Quantity {
        let text = text.trim();
        let word = || Quantity::Word(text.to_owned());
        let Some(range) = number_range(text) else { return word() };
        let around = format!("{}{}", &text[..range.start], &text[range.end..]);
        let around = around.trim().to_lowercase();
        match UNITS.iter().find(|(written, _)| *written == around) {
            Some((_, unit)) => {
                Quantity::Number { digits: plain(&text[range]), unit: unit.map(str::to_owned) }
            }
            None => word(),
        }
    }

    /// The same number, whatever the unit: what a program holds where its names carry the unit.
    pub fn has_number_of(&self, other: &Quantity) -> bool {
        match (self, other) {
            (Quantity::Number { digits: a, unit }, Quantity::Number { digits: b, unit: other }) => {
                a == b && (unit.is_none() || unit == other)
            }
            (a, b) => a == b,
        }
    }
}

/// Where the first number of a text is.
pub fn number_range(text: &str) -> Option<std::ops::Range<usize>> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '.' | '_' | ',');
    let length = text[start..].find(|c: char| !is_part(c)).unwrap_or(text.len() - start);
    let number = text[start..start + length].trim_end_matches(['.', '_', ',']);
    Some(start..start + number.len())
}

/// A number without separators and without zeros that say nothing.
fn plain(number: &str) -> String {
    let number: String = number.chars().filter(|c| !matches!(c, '_' | ',')).collect();
    let (whole, decimals) = number.split_once('.').unwrap_or((&number, ""));
    let (whole, decimals) = (whole.trim_start_matches('0'), decimals.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    if decimals.is_empty() { whole.to_owned() } else { format!("{whole}.{decimals}") }
}

/// `new`'s number in the place of that of `old`, in the way in which `old` is written.
///
/// ```
/// use opus_experiment::quantity::rewritten;
/// assert_eq!(rewritten("30 days", "14 days").as_deref(), Some("14 days"));
/// assert_eq!(rewritten("30", "14 days").as_deref(), Some("14"));
/// ```
pub fn rewritten(old: &str, new: &str) -> Option<String> {
    let (place, number) = (number_range(old)?, number_range(new)?);
    let number: String = new[number].chars().filter(|c| !matches!(c, '_' | ',')).collect();
    Some(format!("{}{number}{}", &old[..place.start], &old[place.end..]))
}
