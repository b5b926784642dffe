//! Which facts does a file hold? A snapshot is written as TOML or CSV and read here, with the place of everything that is
//! wrong.
//!
//! Both have the columns `key`, `valid_from`, `value` and `cite`; others are kept as notes. In TOML each fact is a table of
//! the array `fact`.

use std::path::Path;

use opus_ir::date;
use opus_runtime::Snapshot;
use opus_runtime::snapshot::{Fact, FactValue, SNAPSHOT_BYTES_MAX};
use toml::Value;

use crate::error::{DataError, ErrorKind, invalid_toml};

/// The value that ends a fact.
const NONE: &str = "none";
/// What every fact has.
const REQUIRED: [&str; 3] = ["key", "valid_from", "value"];

/// Reads the facts in a TOML or CSV file, by the end of its name.
///
/// # Errors
/// Where the file cannot be read, or a fact is not one: with its line, or its number in TOML.
pub fn read(path: &Path) -> Result<Snapshot, DataError> {
    let name = path.display().to_string();
    let parse = match path.extension().and_then(|ending| ending.to_str()) {
        Some(ending) if ending.eq_ignore_ascii_case("toml") => parse_toml,
        Some(ending) if ending.eq_ignore_ascii_case("csv") => parse_csv,
        _ => {
            let message = format!("{name}: facts are read from TOML or CSV");
            return Err(
                DataError::new(ErrorKind::UnknownFormat, message).remedy("name the file `….toml` or `….csv`")
            );
        }
    };
    let length = std::fs::metadata(path).map_err(|error| DataError::unreadable(&name, &error))?.len();
    if length > SNAPSHOT_BYTES_MAX {
        return Err(DataError::input(format!("{name}: the file has {length} bytes, more than any snapshot")));
    }
    let text = std::fs::read(path).map_err(|error| DataError::unreadable(&name, &error))?;
    let text = String::from_utf8(text).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        DataError::input(format!("{name}: invalid UTF-8 at byte {at}")).remedy("save the file as UTF-8")
    })?;
    parse(&text).map_err(|error| DataError { message: format!("{name}: {}", error.message), ..error })
}

/// Reads facts from a CSV text.
///
/// ```
/// let text = "key,valid_from,value,cite,recorded_by\nscore_floor,2023-01-01,680,CP 3.2,ana\n";
/// let snapshot = opus_data::snapshot::parse_csv(text)?;
/// assert_eq!(snapshot.facts()[0].notes, [("recorded_by".to_string(), "ana".to_string())]);
///
/// let error = opus_data::snapshot::parse_csv("key,valid_from,value\nscore_floor,1/2/2023,680\n").unwrap_err();
/// assert_eq!(error.message, "line 2: `1/2/2023` is not a date");
/// # Ok::<(), opus_data::DataError>(())
/// ```
///
/// # Errors
/// The first line that cannot be read as a fact.
pub fn parse_csv(text: &str) -> Result<Snapshot, DataError> {
    let mut records = records(text.strip_prefix('\u{feff}').unwrap_or(text))?.into_iter();
    let Some((_, header)) = records.next() else {
        return Err(DataError::input("there is no header").remedy("begin with `key,valid_from,value,cite`"));
    };
    let header: Vec<&str> = header.iter().map(|name| name.trim()).collect();
    if let Some(missing) = REQUIRED.iter().find(|name| !header.contains(name)) {
        return Err(DataError::input(format!("there is no column `{missing}`"))
            .remedy("begin with `key,valid_from,value,cite`"));
    }
    let mut facts = Vec::new();
    for (line, cells) in records {
        let place = format!("line {line}");
        if cells.len() != header.len() {
            let message =
                format!("{place}: there are {} cells, and {} in the header", cells.len(), header.len());
            return Err(DataError::input(message).remedy("put cells with commas in double quotes"));
        }
        facts.push(fact(&place, header.iter().copied().zip(cells.iter().map(String::as_str)))?);
    }
    assembled(facts)
}

/// Reads facts from a TOML text.
///
/// ```
/// let text = "[[fact]]\nkey = \"score_floor\"\nvalid_from = 2023-01-01\nvalue = 680\n";
/// assert_eq!(opus_data::snapshot::parse_toml(text)?.facts().len(), 1);
///
/// let text = "[[fact]]\nkey = \"dti_max\"\nvalid_from = 2023-01-01\nvalue = 0.43\n";
/// let error = opus_data::snapshot::parse_toml(text).unwrap_err();
/// assert_eq!(error.message, "fact 1: `value` is a number of another kind than Opus has");
/// # Ok::<(), opus_data::DataError>(())
/// ```
///
/// # Errors
/// The first entry that is not a valid fact.
pub fn parse_toml(text: &str) -> Result<Snapshot, DataError> {
    let table: toml::Table =
        text.parse().map_err(|error| DataError { kind: ErrorKind::Input, ..invalid_toml(text, &error) })?;
    let shape = "write each fact as `[[fact]]` with `key`, `valid_from` and `value`";
    if let Some(other) = table.keys().find(|name| *name != "fact") {
        return Err(DataError::input(format!("`{other}` is not a fact")).remedy(shape));
    }
    let all = match table.get("fact") {
        None => &[][..],
        Some(Value::Array(all)) => all.as_slice(),
        Some(_) => return Err(DataError::input("`fact` is not a list of tables").remedy(shape)),
    };
    let mut facts = Vec::new();
    for (index, one) in all.iter().enumerate() {
        let place = format!("fact {}", index + 1);
        let Value::Table(columns) = one else {
            return Err(DataError::input(format!("{place} is not a table")).remedy(shape));
        };
        let cells = columns.iter().map(|(name, value)| Ok((name.as_str(), written(&place, name, value)?)));
        let cells = cells.collect::<Result<Vec<_>, DataError>>()?;
        facts.push(fact(&place, cells.iter().map(|(name, text)| (*name, text.as_str())))?);
    }
    assembled(facts)
}

fn assembled(facts: Vec<Fact>) -> Result<Snapshot, DataError> {
    Snapshot::new(facts).map_err(|error| DataError::input(error.to_string()))
}

/// A value of TOML as a text.
fn written(place: &str, name: &str, value: &Value) -> Result<String, DataError> {
    Ok(match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Datetime(day) => day.to_string(),
        Value::Array(members) => {
            let member = |member: &Value| member.as_str().map(str::to_owned);
            let members: Option<Vec<String>> = members.iter().map(member).collect();
            let wrong = || DataError::input(format!("{place}: `{name}` holds something else than texts"));
            format!("{{{}}}", members.ok_or_else(wrong)?.join(", "))
        }
        Value::Float(_) => {
            let message = format!("{place}: `{name}` is a number of another kind than Opus has");
            return Err(
                DataError::input(message).remedy(format!("write it as a text: `{name} = \"{value}\"`"))
            );
        }
        Value::Table(_) => {
            return Err(DataError::input(format!("{place}: `{name}` is a table"))
                .remedy("write a text, a number, a date or a list of texts"));
        }
    })
}

/// A fact from its columns.
fn fact<'a>(place: &str, cells: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Fact, DataError> {
    let wrong = |message: String| DataError::input(format!("{place}: {message}"));
    let (mut required, mut cite, mut notes) = ([None; 3], None, Vec::new());
    for (name, text) in cells {
        let text = text.trim();
        match REQUIRED.iter().position(|known| *known == name) {
            Some(at) => required[at] = Some(text),
            None if text.is_empty() => {}
            None if name == "cite" => cite = Some(text.to_owned()),
            None => notes.push((name.to_owned(), text.to_owned())),
        }
    }
    let missing = |at: usize| {
        wrong(format!("`{}` is missing", REQUIRED[at]))
            .remedy("write `key`, `valid_from` and `value` for each fact")
    };
    let of = |at: usize| required[at].filter(|text| !text.is_empty()).ok_or_else(|| missing(at));
    let (key, day, value) = (of(0)?, of(1)?, of(2)?);
    let Some(valid_from) = date::parse(day) else {
        return Err(wrong(format!("`{day}` is not a date")).remedy("write year, month and day: `2025-01-31`"));
    };
    let value = match value {
        NONE => None,
        text => {
            let parsed = text.parse::<FactValue>();
            Some(parsed.map_err(|error| wrong(error.to_string()))?)
        }
    };
    notes.sort();
    // what is no key is refused by the snapshot, which says what one is
    let key = opus_runtime::snapshot::key(key).unwrap_or_else(|| key.to_owned());
    Ok(Fact { key, valid_from, value, cite, notes })
}

/// The records of a CSV text (RFC 4180), each with the line that it begins on; empty lines are left out.
fn records(text: &str) -> Result<Vec<(usize, Vec<String>)>, DataError> {
    let mut records = Vec::new();
    let mut rest = text.chars().peekable();
    let mut line = 1;
    while rest.peek().is_some() {
        let (first, mut cells, mut ended) = (line, Vec::new(), false);
        while !ended {
            let mut cell = String::new();
            let quoted = rest.next_if_eq(&'"').is_some();
            let mut open = quoted;
            while open {
                match rest.next() {
                    Some('"') if rest.next_if_eq(&'"').is_some() => cell.push('"'),
                    Some('"') => open = false,
                    Some(other) => {
                        line += (other == '\n') as usize;
                        cell.push(other);
                    }
                    None => {
                        return Err(DataError::input(format!("line {first}: a quote is not closed"))
                            .remedy("write two double quotes for one within a cell"));
                    }
                }
            }
            loop {
                match rest.next() {
                    Some(',') => break,
                    Some('\n') | None => {
                        line += 1;
                        ended = true;
                        break;
                    }
                    Some('\r') if rest.peek() == Some(&'\n') => {}
                    Some(_) if quoted => {
                        return Err(DataError::input(format!(
                            "line {line}: there is text after a closing quote"
                        ))
                        .remedy("write two double quotes for one within a cell"));
                    }
                    Some(other) => cell.push(other),
                }
            }
            cells.push(cell);
        }
        if cells.iter().any(|cell| !cell.is_empty()) {
            records.push((first, cells));
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_say_the_same() {
        let csv = "key,valid_from,value,cite\r\nfloor,2025-01-01,\"1_000.50 USD\",\"A \"\"B\"\", C\"\r\n\r\n\
                   risky,2025-01-01,\"{EU, UK}\",\nfloor,2026-01-01,none,\n";
        let toml = "[[fact]]\nkey = \"floor\"\nvalid_from = 2025-01-01\nvalue = \"1000.5 USD\"\n\
                    cite = \"A \\\"B\\\", C\"\n[[fact]]\nkey = \"floor\"\nvalid_from = \"2026-01-01\"\n\
                    value = \"none\"\n[[fact]]\nkey = \"risky\"\nvalid_from = 2025-01-01\nvalue = [\"UK\", \"EU\"]\n";
        let (csv, toml) = (parse_csv(csv).unwrap(), parse_toml(toml).unwrap());
        assert_eq!(csv, toml);
        assert_eq!((csv.facts().len(), csv.facts()[1].value.is_none()), (3, true));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let cases = [
            ("", "there is no header"),
            ("key,value\n", "there is no column `valid_from`"),
            ("key,valid_from,value\na,2025-01-01\n", "line 2: there are 2 cells, and 3 in the header"),
            ("key,valid_from,value\na,2025-01-01,\n", "line 2: `value` is missing"),
            ("key,valid_from,value\n\na,2025-02-30,1\n", "line 3: `2025-02-30` is not a date"),
            ("key,valid_from,value\na,2025-01-01,\"1\n", "line 2: a quote is not closed"),
            ("key,valid_from,value\na,2025-01-01,\"1\"2\n", "line 2: there is text after a closing quote"),
            (
                "key,valid_from,value\na,2025-01-01,$5\n",
                "line 2: `$5` is not a value: write an amount with the code of its currency, such as `75000.00 USD`",
            ),
            (
                "key,valid_from,value\na,2025-01-01,5\na,2025-01-01,6\n",
                "`a` has two facts that are valid from 2025-01-01: remove one of them",
            ),
        ];
        for (text, message) in cases {
            assert_eq!(parse_csv(text).unwrap_err().message, message, "{text:?}");
        }
        let error = parse_toml("[[fact]]\nkey = \"a\"\n").unwrap_err();
        assert_eq!(error.message, "fact 1: `valid_from` is missing");
        assert_eq!(parse_toml("a = 1\n").unwrap_err().message, "`a` is not a fact");
    }
}
