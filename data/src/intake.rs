//! What is wanted of the inputs? The fields of the policy, how their columns are called and counted, and the
//! columns to keep: one [`Intake`] for all files, checked against each file when it is opened.

use arrow_schema::{DataType, TimeUnit};
use opus_ir::{Fault, Field, Kind, Schema};
use opus_runtime::admission::{Admission, Reading, Reason, Unit};

use super::given::Given;
use super::mapping::{FieldMapping, Mapping};
use super::near::did_you_mean;
use super::spelling::{DateForm, Spelling};
use crate::error::DataError;

/// What is read of every file.
///
/// ```
/// use opus_data::{Intake, Mapping};
/// use opus_runtime::admission::Reading;
///
/// let policy = opus_runtime::example::policy();
/// let mapping = Mapping::parse("score = { column = \"FICO\", missing = [-1] }", policy.schema())?;
/// let intake = Intake { schema: policy.schema().clone(), mapping, keep: vec!["id".into()] };
/// assert_eq!((intake.column(1), intake.column(2)), ("age", "FICO"));
/// assert_eq!(intake.admit(2, Reading::Text("745")), Ok(Some(745)));
/// assert_eq!(intake.admit(2, Reading::Text("-1")), Ok(None));
/// let refused = intake.admit(2, Reading::Text("NA")).unwrap_err();
/// assert!(refused.message.starts_with("score: `NA` is not a whole number; "));
/// assert_eq!(intake.ignored(&["id", "FICO", "note"]), ["note"]);
/// # Ok::<(), opus_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Intake {
    /// The policy's fields.
    pub schema: Schema,
    /// How they map to columns.
    pub mapping: Mapping,
    /// The columns that are copied to the outputs, by name.
    pub keep: Vec<String>,
}

impl Intake {
    /// Every field from the column of its name, and no column kept.
    pub fn by_name(schema: &Schema) -> Intake {
        Intake { schema: schema.clone(), mapping: Mapping::by_name(schema), keep: Vec::new() }
    }

    /// The name of the column that holds the field with this index.
    pub fn column(&self, index: usize) -> &str {
        self.mapping.field(index).column.as_ref().unwrap_or(&self.schema.inputs[index].name)
    }

    /// What is said about the field with this index.
    pub fn field_mapping(&self, index: usize) -> &FieldMapping {
        self.mapping.field(index)
    }

    /// The admission of the field with this index.
    pub fn admission(&self, index: usize) -> Admission<'_> {
        Admission::new(&self.schema, index, self.mapping.field(index).unit)
    }

    /// The integer of a field for a value of its column.
    ///
    /// # Errors
    /// Why it is refused; the reason has the value as the file spells it.
    pub fn admit(&self, index: usize, reading: Reading<'_>) -> Result<Option<i128>, Reason> {
        let mapping = self.mapping.field(index);
        let mut scratch = String::new();
        let plain = match mapping.apply(reading) {
            Reading::Missing => Reading::Missing,
            reading => {
                let kind = self.schema.inputs[index].kind;
                mapping.spelling.plain(kind, self.decimals(index), reading, &mut scratch)
            }
        };
        self.admission(index).admit(plain).map_err(|reason| self.in_words(index, reading, reason))
    }

    /// Why a value is refused, in the terms of its file and of the mapping.
    #[cold]
    fn in_words(&self, index: usize, reading: Reading<'_>, reason: Reason) -> Reason {
        let (field, mapping) = (&self.schema.inputs[index], self.field_mapping(index));
        let value = reading.to_string();
        let mut message = reason.message;
        if let (Fault::MalformedDate | Fault::WrongType, Kind::Date, Some(form)) =
            (reason.fault, field.kind, &mapping.spelling.date)
        {
            message =
                format!("{}: `{value}` is not {}, as the mapping file says", field.name, form.in_words());
        }
        let is_unread = matches!(reason.fault, Fault::WrongType | Fault::MalformedDate | Fault::UnknownValue);
        if is_unread && matches!(reading, Reading::Text(_)) && stands_for_missing(&value) {
            message += &match field.optional {
                true => format!(
                    "; if it stands for a missing value, write in a mapping file under [{}]: missing = ['{value}']",
                    field.name
                ),
                false => "; it seems to stand for a missing value, but the field is not optional".to_owned(),
            };
        }
        if let Some(form) = self.epoch_of(index, reading) {
            message += &format!(
                "; if it is a date, write in a mapping file under [{}]: date = '{form}'",
                field.name
            );
        }
        Reason { value, message, ..reason }
    }

    /// The form of a date as which a number would be admitted, unless the mapping names one.
    fn epoch_of(&self, index: usize, reading: Reading<'_>) -> Option<&'static str> {
        let (field, mapping) = (&self.schema.inputs[index], self.field_mapping(index));
        let is_number = matches!(reading, Reading::Number(_) | Reading::Integer(_) | Reading::Double(_));
        if !is_number || field.kind != Kind::Date || mapping.spelling.date.is_some() {
            return None;
        }
        DateForm::epochs().find_map(|(name, form)| {
            let spelling = Spelling { date: Some(form), ..mapping.spelling.clone() };
            let mut scratch = String::new();
            let plain = spelling.plain(field.kind, self.decimals(index), reading, &mut scratch);
            self.admission(index).admit(plain).is_ok().then_some(name)
        })
    }

    /// How many decimals a number in the column of this field may have.
    pub fn decimals(&self, index: usize) -> u8 {
        let decimals = self.schema.decimals(self.schema.inputs[index].kind);
        match self.mapping.field(index).unit {
            Unit::Minor => 0,
            Unit::Fraction => decimals + 2,
            Unit::Written | Unit::Whole | Unit::Percent => decimals,
        }
    }

    /// Where the columns of the fields, and then the columns to keep, are among the columns of a file. A column that is
    /// given otherwise may be absent.
    ///
    /// # Errors
    /// Which are missing, or that there are two of a name.
    pub fn find(&self, file: &str, names: &[&str], given: &Given) -> Result<Found, DataError> {
        let fields: Vec<usize> =
            (0..self.schema.inputs.len()).filter(|index| !given.is_absent(*index)).collect();
        if let Some(index) = fields.iter().find(|index| !self.field_mapping(**index).path.is_empty()) {
            let message = format!(
                "{file}: `{}` is mapped to a value within a JSON object, which only JSON files have",
                self.schema.inputs[*index].name
            );
            let rest = self.field_mapping(*index).path.iter().map(String::as_str);
            let path: Vec<&str> = std::iter::once(self.column(*index)).chain(rest).collect();
            return Err(DataError::unmapped(message).remedy(format!(
                "write the value to a column of its own, as with `SELECT {} AS {}`, and map the field to that column",
                path.join("."),
                path.join("_")
            )));
        }
        let wanted: Vec<Wanted> = fields
            .iter()
            .map(|index| Wanted {
                column: self.column(*index),
                also: self.field_mapping(*index).also.as_deref(),
                field: Some(&self.schema.inputs[*index].name),
                is_given: given.has_field(*index) || self.field_mapping(*index).fill.is_some(),
            })
            .chain(self.keep.iter().enumerate().map(|(position, column)| Wanted {
                column,
                also: None,
                field: None,
                is_given: given.has_kept(position),
            }))
            .collect();
        let mut missing = Vec::new();
        let mut found = Vec::new();
        for wanted in wanted {
            let is_it = |name: &str| {
                self.is_name(name, wanted.column) || wanted.also.is_some_and(|also| self.is_name(name, also))
            };
            let mut places = (0..names.len()).filter(|index| is_it(names[*index]));
            match (places.next(), places.next()) {
                (Some(index), None) => found.push(Some(index)),
                (None, _) if wanted.is_given => found.push(None),
                (None, _) => missing.push(wanted),
                (Some(one), Some(other)) if wanted.also.is_some() && names[one] != names[other] => {
                    let message = format!(
                        "{file}: the columns `{}` and `{}` are both the field `{}`, which was renamed",
                        names[one], names[other], wanted.column
                    );
                    return Err(DataError::unmapped(message).remedy(format!(
                        "say in a mapping file under [{}] which column it is",
                        wanted.column
                    )));
                }
                _ => {
                    let same = if self.mapping.ignore_case { ", ignoring case" } else { "" };
                    let message = format!("{file}: two columns are called `{}`{same}", wanted.column);
                    return Err(DataError::input(message).remedy("leave one out, or give it another name"));
                }
            }
        }
        if !missing.is_empty() {
            return Err(no_columns(file, &missing, &self.ignored(names), names));
        }
        let kept = found.split_off(fields.len());
        let fields = fields.into_iter().zip(found).filter_map(|(index, column)| Some((index, column?)));
        Ok(Found { fields: fields.collect(), kept })
    }

    /// Whether a column of a file has the name that is wanted.
    pub fn is_name(&self, found: &str, wanted: &str) -> bool {
        found == wanted || (self.mapping.ignore_case && found.to_lowercase() == wanted.to_lowercase())
    }

    /// The columns that nobody asked for. A column that the mapping file says no file has is one of them.
    pub fn ignored(&self, names: &[&str]) -> Vec<String> {
        let read = |name: &str| {
            self.keep.iter().any(|keep| self.is_name(name, keep))
                || (0..self.schema.inputs.len()).any(|index| {
                    let FieldMapping { is_absent, also, .. } = self.field_mapping(index);
                    let is_also = || also.as_ref().is_some_and(|also| self.is_name(name, also));
                    !is_absent && (self.is_name(name, self.column(index)) || is_also())
                })
        };
        names.iter().filter(|name| !read(name)).map(|name| name.to_string()).collect()
    }

    /// That a column of this type can hold values of the field with this index.
    ///
    /// # Errors
    /// Where it cannot, or where only a unit would tell what its numbers mean.
    pub fn check_type(&self, file: &str, index: usize, data_type: &DataType) -> Result<(), DataError> {
        let (field, mapping) = (&self.schema.inputs[index], self.mapping.field(index));
        let column = self.column(index);
        let class = class_of(data_type);
        let is_counted_date = field.kind == Kind::Date && mapping.spelling.date.is_some();
        let fits = match class {
            Class::Nothing => true,
            Class::Text => true,
            Class::Bool => field.kind == Kind::Bool || !mapping.values.is_empty(),
            Class::Integer | Class::Decimal => {
                is_number(field.kind) || !mapping.values.is_empty() || is_counted_date
            }
            Class::Double => is_number(field.kind) || is_counted_date,
            Class::Date => field.kind == Kind::Date,
            Class::Zoned | Class::Other => false,
        };
        if !fits {
            let message = format!(
                "{file}: column `{column}` holds {}, and `{}` is {}",
                in_words(data_type),
                field.name,
                wanted(field)
            );
            return Err(DataError::unmapped(message).remedy(self.other_type_help(class, field)));
        }
        let is_open = match (field.kind, class) {
            // where a currency has no minor unit, both readings are the same
            (Kind::Money, Class::Integer) => self.schema.decimals(Kind::Money) > 0,
            (Kind::Percent(_), Class::Integer | Class::Decimal | Class::Double) => true,
            _ => false,
        };
        if is_open && mapping.unit == Unit::Written {
            return Err(
                self.needs_unit(&format!("{file}: column `{column}` holds {}", in_words(data_type)), index)
            );
        }
        Ok(())
    }

    /// What to do about a column whose type cannot be the field's.
    fn other_type_help(&self, class: Class, field: &Field) -> String {
        let names = match (class, field.kind) {
            (Class::Zoned, _) => {
                return "write the dates without a time zone: which day it is depends on the zone".into();
            }
            (Class::Integer | Class::Decimal | Class::Bool, Kind::Bool) => ["false", "true"].to_vec(),
            (Class::Integer | Class::Decimal | Class::Bool, Kind::Enum(index)) => {
                let values = &self.schema.enums[index as usize].values;
                values.iter().take(2).map(|value| value.name.as_str()).collect()
            }
            (_, kind) => {
                let forms = match kind {
                    Kind::Date => "dates, or texts of the form 2025-01-31",
                    Kind::Bool => "truth values, or the texts true and false",
                    Kind::Enum(_) => "texts",
                    _ => "integers, decimals, doubles or texts",
                };
                let other = format!("say in a mapping file under [{}] which column it is", field.name);
                return format!("write it as {forms}, or {other}");
            }
        };
        let name = |(index, name): (usize, &&str)| match class {
            Class::Bool => format!("{} = \"{name}\"", index == 1),
            _ => format!("{index} = \"{name}\""),
        };
        let values: Vec<String> = names.iter().enumerate().map(name).collect();
        let what = format!("say in a mapping file under [{}] what they stand for", field.name);
        format!("{what}, such as: values = {{ {} }}", values.join(", "))
    }

    /// That numbers in the column of a field could be meant in two ways; `found` says where they are.
    pub fn needs_unit(&self, found: &str, index: usize) -> DataError {
        let field = &self.schema.inputs[index];
        let (readings, units) = match field.kind {
            Kind::Money => {
                ("whole units or minor units (5 as 5.00 or as 0.05)", "whole units\" or \"minor units")
            }
            _ => ("a percentage or a fraction (0.5 as 0.5 % or as 50 %)", "percent\" or \"fraction"),
        };
        let help = format!("say in a mapping file under [{}]: unit = \"{units}\"", field.name);
        DataError::unmapped(format!("{found}, which could be {readings}")).remedy(help)
    }
}

/// Where columns are in a file.
pub struct Found {
    /// Input indices, ascending, each with its column.
    pub fields: Vec<(usize, usize)>,
    /// The columns to keep, in the order in which they were asked for; `None` where a folder gives the value and the file
    /// has no such column.
    pub kept: Vec<Option<usize>>,
}

/// What the values of a physical type are, as far as fields care.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    Nothing,
    Bool,
    Integer,
    Decimal,
    Double,
    Date,
    Zoned,
    Text,
    Other,
}

fn class_of(data_type: &DataType) -> Class {
    use DataType::*;
    match data_type {
        Null => Class::Nothing,
        Boolean => Class::Bool,
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => Class::Integer,
        Decimal32(_, scale) | Decimal64(_, scale) | Decimal128(_, scale) | Decimal256(_, scale)
            if *scale <= 0 =>
        {
            Class::Integer
        }
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => Class::Decimal,
        Float32 | Float64 => Class::Double,
        Date32 | Date64 | Timestamp(_, None) => Class::Date,
        Timestamp(_, Some(_)) => Class::Zoned,
        Utf8 | LargeUtf8 | Utf8View => Class::Text,
        Dictionary(_, values) => class_of(values),
        _ => Class::Other,
    }
}

fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::Int | Kind::Decimal(_) | Kind::Money | Kind::Percent(_) | Kind::Days)
}

/// What a physical type is called in a message.
fn in_words(data_type: &DataType) -> String {
    match (class_of(data_type), data_type) {
        (_, DataType::Dictionary(_, values)) => in_words(values),
        (Class::Nothing, _) => "nothing".into(),
        (Class::Bool, _) => "truth values".into(),
        (Class::Integer, _) => "integers".into(),
        (Class::Decimal, _) => "decimals".into(),
        (Class::Double, _) => "doubles".into(),
        (Class::Date, DataType::Timestamp(..)) => "timestamps".into(),
        (Class::Date, _) => "dates".into(),
        (Class::Zoned, DataType::Timestamp(_, Some(zone))) => format!("timestamps in the time zone {zone}"),
        (Class::Text, _) => "texts".into(),
        (_, DataType::Timestamp(TimeUnit::Second, _)) => "timestamps".into(),
        (_, other) => format!("values of the type {other}"),
    }
}

fn wanted(field: &Field) -> &'static str {
    match field.kind {
        Kind::Bool => "a truth value",
        Kind::Int => "a whole number",
        Kind::Decimal(_) => "a number",
        Kind::Money => "an amount",
        Kind::Percent(_) => "a percentage",
        Kind::Days => "a number of days",
        Kind::Date => "a date",
        Kind::Enum(_) => "the name of a value",
    }
}

/// What programs write for a missing value, in lower case.
const MISSING: [&str; 14] =
    ["na", "n/a", "#n/a", "<na>", "nan", "null", "(null)", "none", "nil", "\\n", "-", "--", ".", "?"];

/// Whether a text looks as if it stood for a missing value.
fn stands_for_missing(text: &str) -> bool {
    MISSING.contains(&text.trim().to_lowercase().as_str())
}

/// A column that is looked for.
struct Wanted<'a> {
    column: &'a str,
    /// Another name that it may have.
    also: Option<&'a str>,
    /// The field that it is of; `None` for a column to keep.
    field: Option<&'a str>,
    /// Whether its value is given otherwise, so that the file need not have it.
    is_given: bool,
}

/// That columns are missing, with those of the others that may have been meant.
fn no_columns(file: &str, missing: &[Wanted], unread: &[String], names: &[&str]) -> DataError {
    let quoted: Vec<String> = missing.iter().map(Wanted::in_words).collect();
    let message = match quoted.as_slice() {
        [one] => format!("{file}: there is no column {one}"),
        several => format!("{file}: there are no columns {}", several.join(", ")),
    };
    let near = missing.iter().filter_map(|wanted| {
        let near = match wanted.field {
            // the other fields have their columns
            Some(_) => did_you_mean(wanted.column, unread.iter().map(String::as_str)),
            None => did_you_mean(wanted.column, names.iter().copied()),
        }?;
        Some(if missing.len() == 1 { near } else { format!("for `{}`, {near}", wanted.column) })
    });
    let mut advice: Vec<String> = near.collect();
    if !advice.is_empty() && missing.iter().any(|wanted| wanted.field.is_some()) {
        advice.push("a mapping file says which column a field is".to_owned());
        let is_other_case =
            |wanted: &Wanted| names.iter().any(|name| name.to_lowercase() == wanted.column.to_lowercase());
        if missing.iter().any(is_other_case) {
            advice.push(
                "`ignore_case = true` at the top of a mapping file ignores upper and lower case".to_owned(),
            );
        }
    }
    if advice.is_empty() || missing.len() > 1 {
        advice.push(format!("the columns are {}", names.join(", ")));
    }
    // a mapping can help fields, not columns to keep
    let is_of_field = missing.iter().any(|wanted| wanted.field.is_some());
    let error = if is_of_field { DataError::unmapped(message) } else { DataError::input(message) };
    error.remedy(advice.join("\n  "))
}

impl Wanted<'_> {
    fn in_words(&self) -> String {
        match self.field {
            Some(_) if let Some(also) = self.also => {
                format!("`{}`, or `{also}` as it was called", self.column)
            }
            Some(field) if field != self.column => format!("`{}` for the field `{field}`", self.column),
            _ => format!("`{}`", self.column),
        }
    }
}
