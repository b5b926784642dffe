//! Which day does a date mean that is written as in another country? `31.12.2024`, `12/31/2024`,
//! `31 Dec 2024`.
//!
//! The order of day and month is never guessed: if both orders give a day of the calendar, there are two readings.

use opus_ir::date;

/// What a date of another country may mean, as the language writes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reading {
    /// One day only.
    One(String),
    /// The day if the day of the month comes first, and if the month does.
    Two(String, String),
}

impl Reading {
    /// What to write.
    pub fn help(&self) -> String {
        match self {
            Reading::One(day) => format!("write `{day}`: year, month, day"),
            Reading::Two(first, second) => format!(
                "write `{first}` for {}, or `{second}` for {}: year, month, day",
                in_words(first),
                in_words(second)
            ),
        }
    }

    /// The day, if there is only one reading.
    pub fn sure(&self) -> Option<&str> {
        match self {
            Reading::One(day) => Some(day),
            Reading::Two(..) => None,
        }
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn in_words(day: &str) -> String {
    let parts: Vec<usize> = day.split('-').filter_map(|part| part.parse().ok()).collect();
    match parts[..] {
        [year, month, day] if (1..=12).contains(&month) => format!("{day} {} {year}", MONTHS[month - 1]),
        _ => day.to_string(),
    }
}

/// The readings of a text, where it is a date in a foreign spelling.
///
/// ```
/// use opus_frontend::foreign_date::{Reading, read};
/// assert_eq!(read("31.12.2024"), Some(Reading::One("2024-12-31".into())));
/// assert_eq!(read("01/07/2025"), Some(Reading::Two("2025-07-01".into(), "2025-01-07".into())));
/// assert_eq!(read("July 1, 2025"), Some(Reading::One("2025-07-01".into())));
/// assert_eq!(read("12.5"), None);
/// ```
pub fn read(text: &str) -> Option<Reading> {
    let text = text.trim();
    let separator = |c: char| !c.is_ascii_alphanumeric();
    let mut parts: Vec<&str> = text.split(separator).filter(|part| !part.is_empty()).collect();
    // `1st`, `2nd`, `31JUL2025`
    let split: Vec<String>;
    if let [only] = parts[..] {
        split = in_runs(only);
        parts = split.iter().map(String::as_str).collect();
    }
    if let [digits] = parts[..] {
        let all = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
        return all.then(|| day(&digits[..4], &digits[4..6], &digits[6..])).flatten().map(Reading::One);
    }
    let [a, b, c] = parts[..] else { return None };
    if let Some(month) = month(b) {
        return written(a, month, c).or_else(|| written(c, month, a));
    }
    if let Some(month) = month(a) {
        return written(b, month, c);
    }
    let year_first = a.len() == 4;
    if year_first {
        return day(a, b, c).map(Reading::One);
    }
    let year = match c.len() {
        4 => c.to_string(),
        2 if !text.contains('-') => format!("20{c}"),
        _ => return None,
    };
    let (day_first, month_first) = (day(&year, b, a), day(&year, a, b));
    match (day_first, month_first) {
        // with points the day comes first wherever dates are written so
        (Some(day), _) if text.contains('.') => Some(Reading::One(day)),
        (Some(first), Some(second)) if first != second => Some(Reading::Two(first, second)),
        (Some(day), _) | (None, Some(day)) => Some(Reading::One(day)),
        (None, None) => None,
    }
}

/// The runs of digits and of letters in a word.
fn in_runs(word: &str) -> Vec<String> {
    let mut runs: Vec<String> = vec![];
    for c in word.chars() {
        match runs.last_mut() {
            Some(run) if run.ends_with(|last: char| last.is_ascii_digit() == c.is_ascii_digit()) => {
                run.push(c)
            }
            _ => runs.push(c.to_string()),
        }
    }
    runs
}

fn written(day_of_month: &str, month: usize, year: &str) -> Option<Reading> {
    let digits = day_of_month.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    (year.len() == 4).then(|| day(year, &month.to_string(), digits)).flatten().map(Reading::One)
}

fn month(word: &str) -> Option<usize> {
    let word = word.to_lowercase();
    let means = |name: &&str| {
        let name = name.to_lowercase();
        name == word
            || (word.len() == 3 && name.starts_with(&word))
            || (word == "sept" && name == "september")
    };
    MONTHS.iter().position(means).map(|at| at + 1)
}

/// The day as the language writes it, where it exists.
fn day(year: &str, month: &str, day: &str) -> Option<String> {
    let number = |part: &str, most: usize| part.parse::<u32>().ok().filter(|_| part.len() <= most);
    let text = format!("{:04}-{:02}-{:02}", number(year, 4)?, number(month, 2)?, number(day, 2)?);
    date::parse(&text).map(|_| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_other_countries_are_read() {
        let one = [
            "01.07.2025",
            "1.7.2025",
            "2025/07/01",
            "2025.7.1",
            "2025-7-1",
            "1 July 2025",
            "1-Jul-2025",
            "July 1, 2025",
            "July 1st 2025",
            "20250701",
            "01JUL2025",
            "1.7.25",
        ];
        for text in one {
            assert_eq!(read(text), Some(Reading::One("2025-07-01".into())), "{text}");
        }
        assert_eq!(read("31/12/2024"), Some(Reading::One("2024-12-31".into())));
        assert_eq!(read("12/31/2024"), Some(Reading::One("2024-12-31".into())));
        assert_eq!(read("02-01-2025"), Some(Reading::Two("2025-01-02".into(), "2025-02-01".into())));
        for text in ["", "1", "12.5", "1/2", "32/13/2024", "2025", "a b c", "1-2-3"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
