//! What could a mapping file say, so that a refused value is read? One table: by the kind of the field and the form of the
//! value, the options that are tried. An option is named only if the value can be read with it.

use opus_ir::{Fault, Kind, date};
use opus_runtime::admission::{Reading, Unit};
use opus_runtime::near::near;

use super::intake::{Intake, is_number};
use super::mapping::FieldMapping;
use super::spelling::DateForm;

/// An option that lets other values be read.
struct Remedy {
    /// As the mapping file writes it.
    says: &'static str,
    /// Whether a refused value looks as if it were written so.
    is_likely: fn(&Refused<'_>) -> bool,
    /// Sets it in a mapping.
    set: fn(&mut FieldMapping),
}

/// A value that was refused.
struct Refused<'a> {
    kind: Kind,
    fault: Fault,
    unit: Unit,
    /// What the cell holds.
    reading: Reading<'a>,
    text: &'a str,
}

impl Refused<'_> {
    fn is_text(&self) -> bool {
        matches!(self.reading, Reading::Text(_))
    }

    /// Whether the text of a number holds all of these marks.
    fn has(&self, marks: &[char]) -> bool {
        is_number(self.kind) && self.is_text() && marks.iter().all(|mark| self.text.contains(*mark))
    }

    fn has_space(&self) -> bool {
        is_number(self.kind) && self.is_text() && self.text.trim().contains(char::is_whitespace)
    }

    /// Whether it is a whole number where a date should be.
    fn is_counted_date(&self) -> bool {
        let digits = self.text.strip_prefix('-').unwrap_or(self.text);
        self.kind == Kind::Date && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// Whether a date is written with this mark.
    fn is_date_with(&self, mark: char) -> bool {
        self.kind == Kind::Date && self.is_text() && self.text.contains(mark)
    }

    fn is_ambiguous_float(&self) -> bool {
        is_number(self.kind) && matches!(self.reading, Reading::Inexact(_) | Reading::Double(_))
    }
}

macro_rules! dates {
    ($($form:literal when $likely:expr),+ $(,)?) => { [ $( Remedy {
        says: concat!("date = '", $form, "'"),
        is_likely: $likely,
        set: |mapping| mapping.spelling.date = DateForm::parse($form),
    } ),+ ] };
}

/// How dates are written, likelier forms first: where one reads the value, those of later lines are not tried.
const DATES: [&[Remedy]; 3] = [
    &dates![
        "YYYYMMDD" when |refused| refused.is_counted_date(),
        "DD.MM.YYYY" when |refused| refused.is_date_with('.'),
        "YYYY.MM.DD" when |refused| refused.is_date_with('.'),
        "DD/MM/YYYY" when |refused| refused.is_date_with('/'),
        "MM/DD/YYYY" when |refused| refused.is_date_with('/'),
        "YYYY/MM/DD" when |refused| refused.is_date_with('/'),
        "DD-MM-YYYY" when |refused| refused.is_date_with('-'),
        "MM-DD-YYYY" when |refused| refused.is_date_with('-'),
    ],
    &dates![
        "D.M.YYYY" when |refused| refused.is_date_with('.'),
        "D/M/YYYY" when |refused| refused.is_date_with('/'),
        "M/D/YYYY" when |refused| refused.is_date_with('/'),
        "D-M-YYYY" when |refused| refused.is_date_with('-'),
    ],
    &dates![
        "epoch days" when |refused| refused.is_counted_date(),
        "epoch seconds" when |refused| refused.is_counted_date(),
        "epoch milliseconds" when |refused| refused.is_counted_date(),
        "epoch microseconds" when |refused| refused.is_counted_date(),
    ],
];

const NEAREST: &str = "nearest = true";

/// How numbers are written and counted.
const NUMBERS: [&[Remedy]; 2] = [
    &[
        Remedy {
            says: "unit = 'fraction'",
            is_likely: |refused| refused.unit == Unit::Percent && refused.fault == Fault::TooPrecise,
            set: |mapping| mapping.unit = Unit::Fraction,
        },
        Remedy {
            says: "unit = 'whole units'",
            is_likely: |refused| refused.unit == Unit::Minor && refused.fault == Fault::TooPrecise,
            set: |mapping| mapping.unit = Unit::Whole,
        },
        Remedy {
            says: "decimal_comma = true",
            is_likely: |refused| refused.has(&[',']),
            set: |mapping| mapping.spelling.decimal_comma = true,
        },
        Remedy {
            says: "thousands = ','",
            is_likely: |refused| refused.has(&[',']),
            set: |mapping| mapping.spelling.thousands = Some(','),
        },
        Remedy {
            says: "decimal_comma = true and thousands = '.'",
            is_likely: |refused| refused.has(&['.']),
            set: |mapping| {
                mapping.spelling.decimal_comma = true;
                mapping.spelling.thousands = Some('.');
            },
        },
        Remedy {
            says: "thousands = ' '",
            is_likely: |refused| refused.has_space(),
            set: |mapping| mapping.spelling.thousands = Some(' '),
        },
        Remedy {
            says: "decimal_comma = true and thousands = ' '",
            is_likely: |refused| refused.has_space() && refused.has(&[',']),
            set: |mapping| {
                mapping.spelling.decimal_comma = true;
                mapping.spelling.thousands = Some(' ');
            },
        },
        Remedy {
            says: "thousands = \"'\"",
            is_likely: |refused| refused.has(&['\'']),
            set: |mapping| mapping.spelling.thousands = Some('\''),
        },
        Remedy {
            says: "thousands = '’'",
            is_likely: |refused| refused.has(&['’']),
            set: |mapping| mapping.spelling.thousands = Some('’'),
        },
        Remedy {
            says: "thousands = '_'",
            is_likely: |refused| refused.has(&['_']),
            set: |mapping| mapping.spelling.thousands = Some('_'),
        },
    ],
    &[Remedy {
        says: NEAREST,
        is_likely: |refused| refused.fault == Fault::TooPrecise || refused.is_ambiguous_float(),
        set: |mapping| mapping.spelling.nearest = true,
    }],
];

/// What programs write for true and for false.
const BOOLEANS: [[&str; 2]; 14] = [
    ["True", "False"],
    ["TRUE", "FALSE"],
    ["1", "0"],
    ["Y", "N"],
    ["y", "n"],
    ["yes", "no"],
    ["Yes", "No"],
    ["YES", "NO"],
    ["T", "F"],
    ["t", "f"],
    ["ja", "nein"],
    ["J", "N"],
    ["oui", "non"],
    ["X", ""],
];

/// What programs write for a missing value, in lower case.
const MISSING: [&str; 14] =
    ["na", "n/a", "#n/a", "<na>", "nan", "null", "(null)", "none", "nil", "\\n", "-", "--", ".", "?"];

/// What amounts are marked with.
const CURRENCIES: [&str; 8] = ["€", "$", "£", "¥", "EUR", "USD", "GBP", "CHF"];

impl Intake {
    /// What to add to the reason why a value is refused, where `text` is the value as it reads; empty if nothing is known.
    pub(crate) fn hint(&self, index: usize, reading: Reading<'_>, text: &str, fault: Fault) -> String {
        let (field, unit) = (&self.schema.inputs[index], self.field_mapping(index).unit);
        let refused = Refused { kind: field.kind, fault, unit, reading, text };
        // what is outside the range of a field was read; it may be inside that of another policy, which has no files
        if matches!(fault, Fault::Missing | Fault::OutOfRange) {
            return String::new();
        }
        let is_unread = matches!(fault, Fault::WrongType | Fault::MalformedDate | Fault::UnknownValue);
        if is_unread && refused.is_text() && MISSING.contains(&text.trim().to_lowercase().as_str()) {
            return match field.optional {
                true => format!(
                    "; if it stands for a missing value, {}: missing = ['{text}']",
                    write_under(&field.name)
                ),
                false => "; it seems to stand for a missing value, but the field is not optional".to_owned(),
            };
        }
        let hint = match field.kind {
            Kind::Bool => boolean_hint(text),
            Kind::Enum(of) => {
                let names = self.schema.enums[of as usize].values.iter().map(|value| value.name.as_str());
                (refused.fault == Fault::UnknownValue || !refused.is_text()).then(|| name_hint(text, names))
            }
            Kind::Date => self.options_hint(index, &refused, &DATES),
            _ => self.options_hint(index, &refused, &NUMBERS),
        };
        let hint = hint.map(|says| {
            let purpose = match field.kind {
                Kind::Date => "if it is a date",
                _ if says == NEAREST => "to round it",
                _ => "if that is how the file writes it",
            };
            format!("; {purpose}, {}: {says}", write_under(&field.name))
        });
        hint.or_else(|| self.other_hint(index, &refused)).unwrap_or_default()
    }

    /// The options with which a value can be read, in words.
    fn options_hint(&self, index: usize, refused: &Refused<'_>, options: &[&[Remedy]]) -> Option<String> {
        // a value outside the range is read too: what is said does not depend on ranges, which differ between policies
        let is_read = |option: &&Remedy| {
            let mut mapping = self.field_mapping(index).clone();
            (option.set)(&mut mapping);
            mapping != *self.field_mapping(index) && self.could_read(index, &mapping, refused.reading)
        };
        options.iter().find_map(|options| {
            let likely = options.iter().filter(|option| (option.is_likely)(refused));
            let says: Vec<&str> = likely.filter(is_read).map(|option| option.says).collect();
            (!says.is_empty()).then(|| says.join(", or "))
        })
    }

    /// What is wrong with a value that no option helps with.
    fn other_hint(&self, index: usize, refused: &Refused<'_>) -> Option<String> {
        if refused.kind == Kind::Date && refused.is_text() {
            return date_hint(refused.text);
        }
        if refused.kind == Kind::Money && refused.is_text() {
            let sign = CURRENCIES.into_iter().find(|sign| refused.text.contains(sign))?;
            return Some(format!("; amounts are read without `{sign}`"));
        }
        let is_counted = matches!(refused.fault, Fault::TooPrecise | Fault::WrongType);
        let unit = self.field_mapping(index).unit_in_words().filter(|_| is_counted)?;
        Some(format!("; the mapping file says unit = '{unit}'"))
    }
}

fn write_under(field: &str) -> String {
    format!("write in a mapping file under [{field}]")
}

/// What a Boolean may be written as.
fn boolean_hint(text: &str) -> Option<String> {
    let [yes, no] = BOOLEANS.into_iter().find(|pair| pair.contains(&text) && !text.is_empty())?;
    let pair = |name: &str, value: &str| format!("{} = '{value}'", key(name));
    let no = if no.is_empty() { String::new() } else { format!(", {}", pair(no, "false")) };
    Some(format!("values = {{ {}{no} }}", pair(yes, "true")))
}

/// Which value of an enum a name may stand for.
fn name_hint<'n>(text: &str, names: impl Iterator<Item = &'n str>) -> String {
    let meant = near(text, names);
    format!("values = {{ {} = '{}' }}", key(text), meant.first().copied().unwrap_or("…"))
}

/// What is said of a date that no form reads.
fn date_hint(text: &str) -> Option<String> {
    let is_day = text.get(..10).is_some_and(|day| date::parse(day).is_some());
    if is_day && text.len() > 10 {
        return Some("; a date may have a time only if it is midnight, in UTC or without a zone".to_owned());
    }
    let parts: Vec<&str> = text.split(['.', '/', '-', ' ']).collect();
    let is_digits = |part: &&str| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    (parts.len() == 3 && parts.iter().all(is_digits)).then(|| "; years need four digits".to_owned())
}

/// A key of a TOML table.
fn key(text: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match !text.is_empty() && text.chars().all(is_bare) {
        true => text.to_owned(),
        false => format!("'{text}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mapping;
    use crate::testing::every_kind;

    #[test]
    fn a_refused_value_is_told_with_the_option_that_reads_it() {
        let schema = every_kind();
        for (field, mapping, reading, hint) in [
            ("day", "", Reading::Text("19.02.2024"), "date = 'DD.MM.YYYY'"),
            ("day", "", Reading::Text("1.2.2024"), "date = 'D.M.YYYY'"),
            ("day", "", Reading::Text("03/02/2024"), "date = 'DD/MM/YYYY', or date = 'MM/DD/YYYY'"),
            ("day", "", Reading::Text("20240219"), "date = 'YYYYMMDD'"),
            ("day", "", Reading::Integer(20240219), "date = 'YYYYMMDD'"),
            ("day", "", Reading::Integer(1738281600), "date = 'epoch seconds'"),
            ("day", "", Reading::Text("2024-05-05T13:30:00"), "only if it is midnight"),
            ("day", "", Reading::Text("19.02.24"), "years need four digits"),
            ("amount", "", Reading::Text("12,34"), "under [amount]: decimal_comma = true"),
            ("amount", "", Reading::Text("1.234,56"), ": decimal_comma = true and thousands = '.'"),
            ("amount", "", Reading::Text("1,000.00"), ": thousands = ','"),
            ("amount", "", Reading::Text("1,000"), ": decimal_comma = true, or thousands = ','"),
            ("amount", "", Reading::Text("12.34 €"), "read without `€`"),
            ("amount", "", Reading::Text("40.54000000000004"), ": nearest = true"),
            ("amount", "", Reading::Double(1.005), ": nearest = true"),
            ("amount", "unit = 'minor units'", Reading::Text("1.50"), ": unit = 'whole units'"),
            ("share", "unit = 'percent'", Reading::Text("0.0748"), ": unit = 'fraction'"),
            ("flag", "", Reading::Text("True"), "values = { True = 'true', False = 'false' }"),
            ("flag", "", Reading::Number("1"), "values = { 1 = 'true', 0 = 'false' }"),
            ("color", "", Reading::Text("RED"), "values = { RED = 'red' }"),
            ("color", "", Reading::Text("light blue"), "values = { 'light blue' = 'blue' }"),
            ("color", "", Reading::Text("SME"), "values = { SME = '…' }"),
        ] {
            let text = if mapping.is_empty() { String::new() } else { format!("[{field}]\n{mapping}") };
            let mapping = Mapping::parse(&text, &schema).unwrap();
            let intake = Intake { mapping, ..Intake::by_name(&schema) };
            let index = schema.input(field).unwrap();
            let message = intake.admit(index, reading).unwrap_err().message;
            assert!(message.contains(hint), "{reading:?}: {message}");
        }
    }
}
