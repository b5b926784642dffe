//! How do the columns of a file map to the fields of a policy? What the mapping file says.
//!
//! ```toml
//! [annual_income]
//! column  = "INCOME_CENTS"
//! unit    = "minor units"
//! missing = [-1, "n/a"]
//!
//! [employment]
//! values = { SAL = "salaried", SELF = "self_employed" }
//!
//! [score]
//! column = "applicant.bureau.score"
//! ```
//!
//! A field that the file does not name is the column of the same name, taken as it is. What holds for all columns comes
//! first, outside of any table:
//!
//! ```toml
//! delimiter     = ";"
//! decimal_comma = true
//! date          = "DD.MM.YYYY"
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use opus_ir::{Field, Kind, Schema};
use opus_runtime::admission::{Reading, Unit, number};
use toml::{Table, Value};

use super::endpoint::read_text;
use super::spelling::{DateForm, Spelling, THOUSANDS};
use crate::error::{DataError, invalid_toml};
use opus_runtime::near::did_you_mean;

/// What is said about each field, by input index, and about files as a whole.
///
/// ```
/// use opus_data::Mapping;
/// let policy = opus_runtime::example::policy();
/// let text = "delimiter = \";\"\n[income]\ncolumn = \"cents\"\nunit = \"minor units\"";
/// let mapping = Mapping::parse(text, policy.schema())?;
/// assert_eq!(mapping.delimiter, Some(b';'));
/// assert_eq!(mapping.field(3).column.as_deref(), Some("cents"));
///
/// let failure = Mapping::parse("[incme]", policy.schema()).unwrap_err();
/// assert_eq!(failure.remedy.as_deref(), Some("did you mean `income`?"));
/// # Ok::<(), opus_data::DataError>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Mapping {
    fields: Vec<FieldMapping>,
    /// What separates the cells of a CSV file, if it is not a comma (or a tab, in `.tsv`).
    pub delimiter: Option<u8>,
    /// Whether a quoted cell of a CSV file may span lines that look like records.
    pub multiline_cells: bool,
    /// Whether the names of columns are compared without regard to case.
    pub ignore_case: bool,
}

/// What is said about one field.
///
/// ```
/// use opus_data::Mapping;
/// use opus_runtime::admission::Reading;
/// let policy = opus_runtime::example::policy();
/// let text = "work = { values = { SAL = \"salaried\" }, missing = [\"?\"] }";
/// let mapping = Mapping::parse(text, policy.schema())?;
/// let work = mapping.field(5);
/// assert!(!work.is_plain());
/// assert_eq!(work.apply(Reading::Text("SAL")), Reading::Text("salaried"));
/// assert_eq!(work.apply(Reading::Text("?")), Reading::Missing);
/// # Ok::<(), opus_data::DataError>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default)]
pub struct FieldMapping {
    /// The column, where it has another name. With dots in it, the name may also be that of a member: `applicant.age` is
    /// the member `age` of the column `applicant` where there is no column `applicant.age`.
    pub column: Option<String>,
    /// The names within the column's struct or JSON object, outermost first; empty where the column is the value.
    pub path: Vec<String>,
    /// Whether no file has the column, so that the field is always missing.
    pub is_absent: bool,
    /// How its numbers or dates are spelled.
    pub spelling: Spelling,
    /// What its numbers count.
    pub unit: Unit,
    /// The values that stand for a missing one.
    pub missing: Vec<Sentinel>,
    /// The policy's name for each of the file's values.
    pub values: BTreeMap<String, String>,
    /// Another name that the column may have, where `column` names none.
    pub also: Option<String>,
    /// The value of all rows of a file that has no such column, as the policy writes it; within it, `None` where the field
    /// is missing in them.
    pub fill: Option<Option<String>>,
}

/// A value that stands for a missing one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sentinel {
    text: String,
    /// Whether it was written as a number: then it is compared by value.
    is_number: bool,
}

/// The units, as the mapping file names them.
const UNITS: [(&str, Unit); 4] = [
    ("whole units", Unit::Whole),
    ("minor units", Unit::Minor),
    ("percent", Unit::Percent),
    ("fraction", Unit::Fraction),
];

/// Sentinels that are numbers are compared to this many decimals.
const SENTINEL_DECIMALS: u8 = 18;

impl Mapping {
    /// Every field is the column of its name.
    pub fn by_name(schema: &Schema) -> Mapping {
        Mapping { fields: vec![FieldMapping::default(); schema.inputs.len()], ..Mapping::default() }
    }

    /// Every field is the column of its name, counted as `opus batch` writes outputs: percentages in percent.
    pub fn as_written(schema: &Schema) -> Mapping {
        let unit = |field: &Field| match field.kind {
            Kind::Percent(_) => Unit::Percent,
            _ => Unit::Written,
        };
        let mapping = |field| FieldMapping { unit: unit(field), ..FieldMapping::default() };
        Mapping { fields: schema.inputs.iter().map(mapping).collect(), ..Mapping::default() }
    }

    /// Lets the column of a field have another name too: the field was renamed.
    pub fn also_called(&mut self, index: usize, name: &str) {
        if self.fields[index].column.is_none() {
            self.fields[index].also = Some(name.to_owned());
        }
    }

    /// Lets a value of an enum have another name too, unless it stands for something already.
    pub fn also_means(&mut self, index: usize, name: &str, value: &str) {
        self.fields[index].values.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }

    /// Lets what stands for one value of an enum stand for another.
    pub fn rename_value(&mut self, index: usize, before: &str, after: &str) {
        let values = self.fields[index].values.values_mut().filter(|value| *value == before);
        values.for_each(|value| after.clone_into(value));
    }

    /// Gives the field a value in all rows of a file that lacks its column; `None` where it is missing in all of them.
    pub(crate) fn fill(&mut self, index: usize, value: Option<&str>) {
        self.fields[index].fill = Some(value.map(str::to_owned));
    }

    /// Says what the numbers of a field count.
    pub(crate) fn set_unit(&mut self, index: usize, unit: Unit) {
        self.fields[index].unit = unit;
    }

    /// Reads a mapping file.
    ///
    /// # Errors
    /// Where it cannot be read, or says something that does not fit the fields.
    pub fn read(path: &Path, schema: &Schema) -> Result<Mapping, DataError> {
        Ok(Mapping::read_with_text(path, schema)?.0)
    }

    /// Reads a mapping file; also returns its text.
    ///
    /// # Errors
    /// As [`Mapping::read`].
    pub fn read_with_text(path: &Path, schema: &Schema) -> Result<(Mapping, String), DataError> {
        let text = read_text(path)?;
        let mapping = Mapping::parse(&text, schema).map_err(|failure| {
            let message = format!("{}: {}", path.display(), failure.message);
            DataError { message, ..failure }
        })?;
        Ok((mapping, text))
    }

    /// Reads the text of a mapping file.
    ///
    /// # Errors
    /// Where it says something that does not fit the fields.
    pub fn parse(text: &str, schema: &Schema) -> Result<Mapping, DataError> {
        let table: Table = text.parse().map_err(|error| invalid_toml(text, &error))?;
        let mut mapping = Mapping::by_name(schema);
        let mut spelling = Spelling::default();
        for (name, value) in table.iter().filter(|(_, value)| !value.is_table()) {
            mapping.parse_option(name, value, schema, &mut spelling)?;
        }
        for field in &mut mapping.fields {
            field.spelling = spelling.clone();
        }
        for (name, entry) in &table {
            let Value::Table(entry) = entry else { continue };
            mapping.parse_field(name, entry, schema, &spelling)?;
        }
        Ok(mapping)
    }

    /// What is said about the fields of a name. There are two where two policies read a column as different kinds; then an
    /// option has to fit one of them.
    fn parse_field(
        &mut self,
        name: &str,
        entry: &Table,
        schema: &Schema,
        spelling: &Spelling,
    ) -> Result<(), DataError> {
        let named: Vec<usize> =
            (0..schema.inputs.len()).filter(|index| schema.inputs[*index].name == name).collect();
        if named.is_empty() {
            let names = schema.inputs.iter().map(|field| field.name.as_str());
            let message = format!("the policy has no input field `{name}`");
            return Err(with_help(message, did_you_mean(name, names)));
        }
        for index in &named {
            self.fields[*index] = FieldMapping { spelling: spelling.clone(), ..FieldMapping::default() };
        }
        for (key, value) in entry {
            let mut failures = named.iter().filter_map(|index| {
                self.fields[*index].parse_key(key, value, schema, &schema.inputs[*index]).err()
            });
            let first = failures.next();
            if let Some(failure) = first.filter(|_| failures.count() + 1 == named.len()) {
                return Err(failure);
            }
        }
        Ok(())
    }

    /// What is said outside of any table.
    fn parse_option(
        &mut self,
        name: &str,
        value: &Value,
        schema: &Schema,
        spelling: &mut Spelling,
    ) -> Result<(), DataError> {
        match name {
            "delimiter" => self.delimiter = Some(delimiter_of(value)?),
            "multiline_cells" => self.multiline_cells = bool_of("", name, value)?,
            "ignore_case" => self.ignore_case = bool_of("", name, value)?,
            _ if parse_spelling("", name, value, spelling)? => {}
            _ if schema.input(name).is_some() => {
                let help = "write `column`, `unit`, `missing` and `values` under the name of the field";
                return Err(DataError::mapping(format!("`{name}` is not a table")).remedy(help));
            }
            _ => {
                let names = schema.inputs.iter().map(|field| field.name.as_str());
                let help = did_you_mean(name, OPTIONS.into_iter().chain(SPELLINGS).chain(names));
                let help =
                    help.unwrap_or_else(|| format!("the options are {}", listed(&OPTIONS, &SPELLINGS)));
                return Err(DataError::mapping(format!("unknown option `{name}`")).remedy(help));
            }
        }
        Ok(())
    }

    /// What is said about the field with this index.
    pub fn field(&self, index: usize) -> &FieldMapping {
        &self.fields[index]
    }
}

impl FieldMapping {
    fn parse_key(
        &mut self,
        key: &str,
        value: &Value,
        schema: &Schema,
        field: &Field,
    ) -> Result<(), DataError> {
        match key {
            "column" => self.parse_column(field, value)?,
            "unit" => self.unit = unit_of(field, &text_of(field, key, value)?)?,
            "missing" => self.missing = sentinels_of(field, value)?,
            "values" => self.values = values_of(schema, field, value)?,
            _ if parse_spelling(&field.name, key, value, &mut self.spelling)? => {}
            _ => {
                let help = did_you_mean(key, FIELD_OPTIONS.into_iter().chain(SPELLINGS));
                let help =
                    help.unwrap_or_else(|| format!("the options are {}", listed(&FIELD_OPTIONS, &SPELLINGS)));
                let message = format!("{}: unknown option `{key}`", field.name);
                return Err(DataError::mapping(message).remedy(help));
            }
        }
        Ok(())
    }

    fn parse_column(&mut self, field: &Field, value: &Value) -> Result<(), DataError> {
        let wrong = || {
            let help = "write the name of a column, the names on the way to a nested value, or false";
            DataError::mapping(format!("{}: `column` is not a name", field.name)).remedy(help)
        };
        match value {
            Value::String(name) => self.column = Some(name.clone()),
            Value::Boolean(false) if field.optional => self.is_absent = true,
            Value::Boolean(false) => {
                let message = format!("{}: the field is not optional, so it needs a column", field.name);
                return Err(DataError::mapping(message));
            }
            Value::Array(names) => {
                let names = names.iter().map(|name| name.as_str().map(str::to_owned));
                let mut names = names.collect::<Option<Vec<String>>>().ok_or_else(wrong)?.into_iter();
                self.column = Some(names.next().ok_or_else(wrong)?);
                self.path = names.collect();
            }
            _ => return Err(wrong()),
        }
        Ok(())
    }

    /// The names on the way to a nested value, outermost first; `None` where the value is in a column of its own.
    ///
    /// A list of names is always a way. A name with dots is one where no column has the whole name: that is for the reader
    /// of a file to find out ([`FieldMapping::may_be_column`]).
    pub(crate) fn way(&self) -> Option<Vec<&str>> {
        let column = self.column.as_deref()?;
        let way: Vec<&str> = match self.path.as_slice() {
            [] => column.split('.').collect(),
            path => std::iter::once(column).chain(path.iter().map(String::as_str)).collect(),
        };
        (way.len() > 1 && way.iter().all(|name| !name.is_empty())).then_some(way)
    }

    /// Whether a column may have the whole name.
    pub(crate) fn may_be_column(&self) -> bool {
        self.path.is_empty()
    }

    /// The unit, as the mapping file names it; `None` where it names none.
    pub(crate) fn unit_in_words(&self) -> Option<&'static str> {
        UNITS.iter().find(|(_, unit)| *unit == self.unit).map(|(name, _)| *name)
    }

    /// Whether columns are taken as they are, except for their name and unit.
    pub fn is_plain(&self) -> bool {
        self.missing.is_empty() && self.values.is_empty() && self.spelling.is_plain()
    }

    /// What a reading stands for.
    pub fn apply<'a>(&'a self, reading: Reading<'a>) -> Reading<'a> {
        if self.missing.is_empty() && self.values.is_empty() || reading == Reading::Missing {
            return reading;
        }
        if self.missing.iter().any(|sentinel| sentinel.is(reading)) {
            return Reading::Missing;
        }
        let named = match reading {
            _ if self.values.is_empty() => None,
            Reading::Text(text) => self.values.get(text),
            reading => self.values.get(&reading.to_string()),
        };
        named.map_or(reading, |text| Reading::Text(text))
    }
}

impl Sentinel {
    fn is(&self, reading: Reading<'_>) -> bool {
        match reading {
            Reading::Text(text) | Reading::Number(text) if text == self.text => true,
            _ if self.is_number => self.is_number_of(reading),
            Reading::Text(_) => false,
            reading => reading.to_string() == self.text,
        }
    }

    fn is_number_of(&self, reading: Reading<'_>) -> bool {
        let wanted = number::scaled(&self.text, SENTINEL_DECIMALS);
        let given = match reading {
            Reading::Integer(x) => number::rescaled(x, 0, SENTINEL_DECIMALS),
            Reading::Decimal { digits, scale } => number::rescaled(digits, scale, SENTINEL_DECIMALS),
            Reading::Text(text) | Reading::Number(text) => number::scaled(text, SENTINEL_DECIMALS),
            Reading::Double(x) => return self.text.parse() == Ok(x),
            Reading::Inexact(text) => {
                let same = |text: &str| text.parse::<f32>().ok();
                return same(text).is_some_and(|x| same(&self.text) == Some(x));
            }
            Reading::Missing | Reading::Bool(_) | Reading::Day(_) | Reading::Other(_) => return false,
        };
        wanted.is_ok() && wanted == given
    }
}

fn with_help(message: String, help: Option<String>) -> DataError {
    DataError { remedy: help, ..DataError::mapping(message) }
}

/// What can be said about files as a whole, besides spellings.
const OPTIONS: [&str; 3] = ["delimiter", "multiline_cells", "ignore_case"];

/// What can be said about a field, besides spellings.
const FIELD_OPTIONS: [&str; 4] = ["column", "unit", "missing", "values"];

/// What can be said about spellings, for all fields or for one.
const SPELLINGS: [&str; 4] = ["decimal_comma", "thousands", "date", "nearest"];

fn listed(some: &[&str], others: &[&str]) -> String {
    let quoted: Vec<String> = some.iter().chain(others).map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// The beginning of a message about a field, or about the file as a whole.
fn about(field: &str) -> String {
    if field.is_empty() { String::new() } else { format!("{field}: ") }
}

fn bool_of(field: &str, key: &str, value: &Value) -> Result<bool, DataError> {
    let wrong = || DataError::mapping(format!("{}`{key}` is neither true nor false", about(field)));
    value.as_bool().ok_or_else(wrong)
}

/// Reads an option about spellings; answers whether it is one.
fn parse_spelling(field: &str, key: &str, value: &Value, spelling: &mut Spelling) -> Result<bool, DataError> {
    match key {
        "decimal_comma" => spelling.decimal_comma = bool_of(field, key, value)?,
        "nearest" => spelling.nearest = bool_of(field, key, value)?,
        "thousands" => {
            let mark = value.as_str().and_then(|text| match text.chars().collect::<Vec<char>>()[..] {
                [mark] if THOUSANDS.contains(&mark) => Some(mark),
                _ => None,
            });
            let wrong = || {
                let message = format!("{}`thousands` is not a mark between groups of digits", about(field));
                DataError::mapping(message).remedy("write one of `.`, `,`, `'`, `_` or a space")
            };
            spelling.thousands = Some(mark.ok_or_else(wrong)?);
        }
        "date" => {
            let form = value.as_str().and_then(DateForm::parse);
            let wrong = || {
                let message = format!("{}unknown form of dates {value}", about(field));
                DataError::mapping(message).remedy(format!(
                    "the forms are {}; `YYYY`, `MM` and `DD` stand for digits, and years have four",
                    DateForm::names()
                ))
            };
            spelling.date = Some(form.ok_or_else(wrong)?);
        }
        _ => return Ok(false),
    }
    let clash = if spelling.decimal_comma { ',' } else { '.' };
    if spelling.thousands == Some(clash) {
        let message = format!("{}`{clash}` cannot separate both thousands and decimals", about(field));
        let help = if spelling.decimal_comma {
            "name another mark"
        } else {
            "is `decimal_comma = true` missing above it?"
        };
        return Err(DataError::mapping(message).remedy(help));
    }
    Ok(true)
}

fn delimiter_of(value: &Value) -> Result<u8, DataError> {
    let byte = value.as_str().and_then(|text| match text.as_bytes() {
        [byte]
            if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') && !byte.is_ascii_alphanumeric() =>
        {
            Some(*byte)
        }
        _ => None,
    });
    let wrong = || {
        let help = "write one character, such as \";\" or \"\\t\"";
        DataError::mapping("`delimiter` is not a character that can separate cells").remedy(help)
    };
    byte.ok_or_else(wrong)
}

fn text_of(field: &Field, key: &str, value: &Value) -> Result<String, DataError> {
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| DataError::mapping(format!("{}: `{key}` is not a text", field.name)))
}

fn unit_of(field: &Field, name: &str) -> Result<Unit, DataError> {
    let unit = UNITS.iter().find(|(unit, _)| *unit == name).map(|(_, unit)| *unit);
    let fitting: Vec<String> =
        UNITS.iter().filter(|(_, unit)| unit.fits(field.kind)).map(|(name, _)| format!("`{name}`")).collect();
    let help = match fitting.as_slice() {
        [] => format!("{} has no unit: leave the line out", field.name),
        fitting => format!("{} is counted in {}", field.name, fitting.join(" or ")),
    };
    match unit {
        Some(unit) if unit.fits(field.kind) => Ok(unit),
        Some(_) => {
            Err(DataError::mapping(format!("{}: the unit `{name}` does not fit the field", field.name))
                .remedy(help))
        }
        None => Err(DataError::mapping(format!("{}: unknown unit `{name}`", field.name)).remedy(help)),
    }
}

fn sentinels_of(field: &Field, value: &Value) -> Result<Vec<Sentinel>, DataError> {
    let wrong =
        || DataError::mapping(format!("{}: `missing` is not a list of texts and numbers", field.name));
    let sentinel = |value: &Value| match value {
        Value::String(text) => Ok(Sentinel { text: text.clone(), is_number: false }),
        Value::Integer(x) => Ok(Sentinel { text: x.to_string(), is_number: true }),
        Value::Float(x) => Ok(Sentinel { text: x.to_string(), is_number: true }),
        Value::Datetime(date) => Ok(Sentinel { text: date.to_string(), is_number: false }),
        Value::Boolean(_) | Value::Array(_) | Value::Table(_) => Err(wrong()),
    };
    value.as_array().ok_or_else(wrong)?.iter().map(sentinel).collect()
}

fn values_of(schema: &Schema, field: &Field, value: &Value) -> Result<BTreeMap<String, String>, DataError> {
    let names: Vec<&str> = match field.kind {
        Kind::Bool => vec!["false", "true"],
        Kind::Enum(index) => {
            schema.enums[index as usize].values.iter().map(|value| value.name.as_str()).collect()
        }
        _ => {
            return Err(DataError::mapping(format!("{}: `values` is for enums and Booleans", field.name)));
        }
    };
    let table = value
        .as_table()
        .ok_or_else(|| DataError::mapping(format!("{}: `values` is not a table", field.name)))?;
    let mut values = BTreeMap::new();
    for (theirs, ours) in table {
        let ours = match ours {
            Value::Boolean(value) => value.to_string(),
            ours => text_of(field, theirs, ours)?,
        };
        if !names.contains(&ours.as_str()) {
            let help = did_you_mean(&ours, names.iter().copied());
            let help = help.or_else(|| Some(format!("there are {}", names.join(", "))));
            return Err(with_help(format!("{}: `{ours}` is not a value of the field", field.name), help));
        }
        values.insert(theirs.clone(), ours);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::every_kind;

    #[test]
    fn what_is_said_is_found_at_its_field() {
        let schema = every_kind();
        let text = "[amount]\ncolumn = \"AMT\"\nunit = \"minor units\"\nmissing = [-1, \"n/a\", 9.5]\n[color]\nvalues = { R = \"red\" }\n";
        let mapping = Mapping::parse(text, &schema).unwrap();
        let amount = mapping.field(schema.input("amount").unwrap());
        assert_eq!((amount.column.as_deref(), amount.unit), (Some("AMT"), Unit::Minor));
        for (reading, is_missing) in [
            (Reading::Integer(-1), true),
            (Reading::Decimal { digits: -100, scale: 2 }, true),
            (Reading::Double(9.5), true),
            (Reading::Text("n/a"), true),
            (Reading::Number("-1.0"), true),
            (Reading::Integer(1), false),
            (Reading::Text("N/A"), false),
            (Reading::Bool(true), false),
        ] {
            assert_eq!(amount.apply(reading) == Reading::Missing, is_missing, "{reading:?}");
        }
        let color = mapping.field(schema.input("color").unwrap());
        assert_eq!(color.apply(Reading::Text("R")), Reading::Text("red"));
        assert_eq!(color.apply(Reading::Text("blue")), Reading::Text("blue"));
        assert!(mapping.field(schema.input("count").unwrap()).is_plain());
    }

    #[test]
    fn what_holds_for_all_columns_holds_where_no_field_says_otherwise() {
        let schema = every_kind();
        let text = "delimiter = \";\"\ndecimal_comma = true\nthousands = \".\"\nignore_case = true\n\
            [count]\nthousands = \" \"\ncolumn = false\n[ratio]\ncolumn = [\"a\", \"b\", \"c\"]\nnearest = true\n";
        let mapping = Mapping::parse(text, &schema).unwrap();
        assert_eq!(
            (mapping.delimiter, mapping.ignore_case, mapping.multiline_cells),
            (Some(b';'), true, false)
        );
        let of = |name: &str| mapping.field(schema.input(name).unwrap());
        let spelling = Spelling { decimal_comma: true, thousands: Some('.'), ..Spelling::default() };
        assert_eq!(of("amount").spelling, spelling);
        assert!(of("count").is_absent && of("count").spelling.thousands == Some(' '));
        assert_eq!(
            (of("ratio").column.as_deref(), &of("ratio").path[..]),
            (Some("a"), &["b".to_owned(), "c".to_owned()][..])
        );
        assert_eq!(of("ratio").spelling, Spelling { nearest: true, ..spelling });
    }

    #[test]
    fn what_cannot_be_said_is_told_with_what_can() {
        let schema = every_kind();
        for (text, message, help) in [
            ("[amout]", "the policy has no input field `amout`", "did you mean `amount`?"),
            ("amount = 5", "`amount` is not a table", "under the name of the field"),
            ("[amount]\nunits = \"x\"", "amount: unknown option `units`", "did you mean `unit`?"),
            ("[amount]\nunit = \"cents\"", "amount: unknown unit `cents`", "`whole units` or `minor units`"),
            ("delimeter = \";\"", "unknown option `delimeter`", "did you mean `delimiter`?"),
            ("delimiter = \"::\"", "`delimiter` is not a character", "such as"),
            ("thousands = \".\"", "cannot separate both", "`decimal_comma = true`"),
            ("thousands = \"x\"", "`thousands` is not a mark", "a space"),
            ("nearest = 1", "`nearest` is neither true nor false", ""),
            ("[day]\ndate = \"soon\"", "day: unknown form of dates", "epoch milliseconds"),
            ("[big]\ncolumn = false", "big: the field is not optional", ""),
            ("[big]\ncolumn = []", "big: `column` is not a name", "nested value"),
            (
                "[amount]\nunit = \"percent\"",
                "amount: the unit `percent` does not fit",
                "`whole units` or `minor units`",
            ),
            ("[count]\nunit = \"percent\"", "count: the unit `percent` does not fit", "leave the line out"),
            ("[color]\nvalues = { R = \"redd\" }", "color: `redd` is not a value", "did you mean `red`?"),
            ("[flag]\nvalues = { R = \"yes\" }", "flag: `yes` is not a value", "there are false, true"),
        ] {
            let failure = Mapping::parse(text, &schema).unwrap_err();
            assert!(failure.message.contains(message), "{failure}");
            assert!(failure.remedy.as_deref().unwrap_or_default().contains(help), "{failure}");
        }
        for text in
            ["[amount]\nvalues = { a = \"b\" }", "[amount]\nmissing = 5", "[amount]\ncolumn = 5", "[amount"]
        {
            assert!(Mapping::parse(text, &schema).is_err(), "{text}");
        }
    }
}
