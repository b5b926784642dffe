//! What is wanted of the inputs? The fields of the policy, how their columns are called and counted, and the
//! columns to keep: one [`Intake`] for all files, checked against each file when it is opened.

use arrow_schema::{DataType, FieldRef, Fields, TimeUnit};
use opus_ir::{Fault, Field, Kind, Schema};
use opus_runtime::admission::{Admission, Reading, Reason, Unit};

use super::given::Given;
use super::mapping::{FieldMapping, Mapping};
use super::member::Member;
use super::seen::{MAPPING_NAMES_COLUMNS, absent_everywhere};
use crate::error::DataError;
use opus_runtime::near::{did_you_mean, near};

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

    /// What messages call the place of the field with this index: the name of its column, or those on the way to a nested
    /// value, with a dot between them.
    pub(crate) fn called(&self, index: usize) -> String {
        let way = self.mapping.field(index).way();
        way.map_or_else(|| self.column(index).to_owned(), |way| way.join("."))
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
        let mut scratch = String::new();
        let plain = self.plain(index, self.field_mapping(index), reading, &mut scratch);
        let admitted = self.admission(index).admit(plain);
        admitted.map_err(|reason| self.in_words(index, reading, reason))
    }

    /// Whether a value could be read under another mapping of the field.
    pub(crate) fn could_read(&self, index: usize, mapping: &FieldMapping, reading: Reading<'_>) -> bool {
        let mut scratch = String::new();
        let plain = self.plain(index, mapping, reading, &mut scratch);
        Admission::new(&self.schema, index, mapping.unit).can_read(plain)
    }

    /// A value as the policy writes it, under a mapping of the field.
    fn plain<'a>(
        &self,
        index: usize,
        mapping: &'a FieldMapping,
        reading: Reading<'a>,
        scratch: &'a mut String,
    ) -> Reading<'a> {
        match mapping.apply(reading) {
            Reading::Missing => Reading::Missing,
            reading => {
                let kind = self.schema.inputs[index].kind;
                mapping.spelling.plain(kind, self.decimals_in(index, mapping.unit), reading, scratch)
            }
        }
    }

    /// Why a value is refused, in the terms of its file and of the mapping.
    #[cold]
    fn in_words(&self, index: usize, reading: Reading<'_>, reason: Reason) -> Reason {
        let (field, spelling) = (&self.schema.inputs[index], &self.field_mapping(index).spelling);
        let value = reading.to_string();
        let (mut fault, mut message) = (reason.fault, reason.message.clone());
        let is_text = matches!(reading, Reading::Text(_));
        match (reason.fault, field.kind, &spelling.date) {
            (Fault::MalformedDate | Fault::WrongType, Kind::Date, Some(form)) => {
                let form = form.in_words();
                message = format!("{}: `{value}` is not {form}, as the mapping file says", field.name);
                if is_text {
                    fault = Fault::MalformedDate;
                }
            }
            (Fault::WrongType, kind, _) if is_text && is_number(kind) && spelling.is_grouped() => {
                let what = wanted(field);
                message = format!("{}: `{value}` is not {what} as the mapping file spells them", field.name);
            }
            _ => {}
        }
        message += &self.hint(index, reading, &value, reason.fault);
        Reason { fault, value, message, ..reason }
    }

    /// How many decimals a number in the column of this field may have.
    pub fn decimals(&self, index: usize) -> u8 {
        self.decimals_in(index, self.mapping.field(index).unit)
    }

    fn decimals_in(&self, index: usize, unit: Unit) -> u8 {
        let decimals = self.schema.decimals(self.schema.inputs[index].kind);
        match unit {
            Unit::Minor => 0,
            Unit::Fraction => decimals + 2,
            Unit::Written | Unit::Whole | Unit::Percent => decimals,
        }
    }

    /// Where the columns of the fields, and then the columns to keep, are among the columns of a file. A column that is
    /// given otherwise may be absent.
    ///
    /// # Errors
    /// Which are missing, that there are two of a name, or that a nested value is not there.
    pub fn find(&self, file: &str, columns: &Fields, given: &Given) -> Result<Found, DataError> {
        let fields: Vec<usize> =
            (0..self.schema.inputs.len()).filter(|index| !given.is_absent(*index)).collect();
        let of_field = |index: &usize| {
            let mapping = self.field_mapping(*index);
            Wanted {
                column: self.column(*index),
                is_column: mapping.may_be_column(),
                way: mapping.way(),
                also: mapping.also.as_deref(),
                field: Some(&self.schema.inputs[*index].name),
                optional: Some(&*self.schema.inputs[*index].name)
                    .filter(|_| self.schema.inputs[*index].optional),
                is_given: given.has_field(*index) || mapping.fill.is_some(),
            }
        };
        let kept = self.keep.iter().enumerate();
        let kept = kept
            .map(|(position, column)| Wanted { is_given: given.has_kept(position), ..Wanted::kept(column) });
        let (mut missing, mut found) = (Vec::new(), Vec::new());
        for wanted in fields.iter().map(of_field).chain(kept) {
            match self.find_one(file, columns, &wanted)? {
                None if !wanted.is_given => missing.push(wanted),
                place => found.push(place),
            }
        }
        if !missing.is_empty() {
            return Err(self.no_columns(file, &missing, columns));
        }
        let kept = found.split_off(fields.len());
        let kept = kept.into_iter().map(|place| place.map(|place| place.column)).collect();
        let fields = fields.into_iter().zip(found).filter_map(|(index, place)| Some((index, place?)));
        Ok(Found { fields: fields.collect(), kept })
    }

    /// Where one of them is; `None` where the file has no such column.
    fn find_one(
        &self,
        file: &str,
        columns: &Fields,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Member>, DataError> {
        let is_it = |name: &str| {
            self.is_name(name, wanted.column) || wanted.also.is_some_and(|also| self.is_name(name, also))
        };
        let mut places = (0..columns.len()).filter(|place| wanted.is_column && is_it(columns[*place].name()));
        match (places.next(), places.next()) {
            (Some(place), None) => return Ok(Some(Member::whole(place))),
            (None, _) => {}
            (Some(one), Some(other))
                if wanted.also.is_some() && columns[one].name() != columns[other].name() =>
            {
                let message = format!(
                    "{file}: the columns `{}` and `{}` are both the field `{}`, which was renamed",
                    columns[one].name(),
                    columns[other].name(),
                    wanted.column
                );
                return Err(DataError::unmapped(message)
                    .remedy(format!("say in a mapping file under [{}] which column it is", wanted.column)));
            }
            _ => return Err(self.twice(file, "columns", wanted.column)),
        }
        match &wanted.way {
            Some(way) => self.find_member(file, columns, way, wanted),
            None => Ok(None),
        }
    }

    /// The member at the end of a way; `None` where the file has no column of the first name.
    fn find_member(
        &self,
        file: &str,
        columns: &Fields,
        way: &[&str],
        wanted: &Wanted<'_>,
    ) -> Result<Option<Member>, DataError> {
        let (mut members, mut places) = (columns, Vec::new());
        for (depth, name) in way.iter().enumerate() {
            let mut found = (0..members.len()).filter(|place| self.is_name(members[*place].name(), name));
            let place = match (found.next(), found.next()) {
                (Some(place), None) => place,
                (Some(_), Some(_)) => {
                    return Err(self.twice(file, if depth == 0 { "columns" } else { "members" }, name));
                }
                (None, _) if depth == 0 || wanted.is_given => return Ok(None),
                (None, _) => return Err(no_member(file, &way[..depth], name, members, wanted)),
            };
            places.push(place);
            if depth + 1 < way.len() {
                members = match members[place].data_type() {
                    DataType::Struct(members) => members,
                    _ if wanted.is_given => return Ok(None),
                    other => return Err(not_a_struct(file, way, depth, other, wanted)),
                };
            }
        }
        let column = places.remove(0);
        Ok(Some(Member { column, within: places }))
    }

    fn twice(&self, file: &str, what: &str, name: &str) -> DataError {
        let same = if self.mapping.ignore_case { ", ignoring case" } else { "" };
        let message = format!("{file}: two {what} are called `{name}`{same}");
        DataError::input(message).remedy("leave one out, or give it another name")
    }

    /// Whether a column of a file has the name that is wanted.
    pub fn is_name(&self, found: &str, wanted: &str) -> bool {
        found == wanted || (self.mapping.ignore_case && found.to_lowercase() == wanted.to_lowercase())
    }

    /// The columns that are ignored. They include a column of a field for which the mapping file says `column = false`.
    pub fn ignored(&self, names: &[&str]) -> Vec<String> {
        let read = |name: &str| {
            self.keep.iter().any(|keep| self.is_name(name, keep))
                || (0..self.schema.inputs.len()).any(|index| {
                    let mapping = self.field_mapping(index);
                    let is_also = || mapping.also.as_ref().is_some_and(|also| self.is_name(name, also));
                    let is_way = || mapping.way().is_some_and(|way| self.is_name(name, way[0]));
                    !mapping.is_absent && (self.is_name(name, self.column(index)) || is_also() || is_way())
                })
        };
        names.iter().filter(|name| !read(name)).map(|name| name.to_string()).collect()
    }

    /// Checks that a column of this type can hold values of the field with this index.
    ///
    /// # Errors
    /// Where it cannot, or where only a unit would tell what its numbers mean.
    pub fn check_type(&self, file: &str, index: usize, data_type: &DataType) -> Result<(), DataError> {
        let (field, mapping) = (&self.schema.inputs[index], self.mapping.field(index));
        let column = self.called(index);
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
            let help = match data_type {
                DataType::Struct(members) => member_help(&column, members, field),
                _ => self.other_type_help(class, field),
            };
            return Err(DataError::unmapped(message).remedy(help));
        }
        if let Some(decimals) = decimals_of(data_type).filter(|_| mapping.unit == Unit::Minor) {
            let message = format!(
                "{file}: column `{column}` holds decimals with {decimals}, and the mapping file says that `{}` counts \
                 minor units",
                field.name
            );
            let help = format!(
                "if it holds amounts such as 1.50, write under [{}]: unit = \"whole units\"",
                field.name
            );
            return Err(DataError::unmapped(message).remedy(help));
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
            (Class::Integer | Class::Decimal | Class::Double, Kind::Date) => {
                return format!(
                    "if the numbers are dates, say in a mapping file under [{}] how they are written, such as: date = \
                     \"YYYYMMDD\" or date = \"epoch days\"",
                    field.name
                );
            }
            (_, kind) => {
                let forms = match kind {
                    Kind::Date => "dates, or texts of the form 2025-01-31",
                    Kind::Bool => "Booleans, or the texts true and false",
                    Kind::Enum(_) => "the names of its values",
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

    /// The error that numbers in the column of a field could be meant in two ways; `found` says where they are.
    pub fn needs_unit(&self, found: &str, index: usize) -> DataError {
        let field = &self.schema.inputs[index];
        let (readings, units) = match field.kind {
            Kind::Money => {
                ("whole units or minor units (5 means 5.00 or 0.05)", "whole units\" or \"minor units")
            }
            _ => ("percentages or fractions (0.5 means 0.5 % or 50 %)", "percent\" or \"fraction"),
        };
        let help = format!("say in a mapping file under [{}]: unit = \"{units}\"", field.name);
        DataError::unmapped(format!("{found}, which could be {readings}")).remedy(help)
    }
}

/// Where columns are in a file.
pub struct Found {
    /// Input indices, ascending, each with its column or a member of it.
    pub fields: Vec<(usize, Member)>,
    /// The columns to keep, in the order in which they were asked for; `None` where a folder gives the value and the file
    /// has no such column.
    pub kept: Vec<Option<usize>>,
}

impl Found {
    /// The columns that are ignored.
    pub fn ignored(&self, columns: &Fields) -> Vec<String> {
        let is_read = |place: &usize| {
            self.fields.iter().any(|(_, member)| member.column == *place) || self.kept.contains(&Some(*place))
        };
        let unread = (0..columns.len()).filter(|place| !is_read(place));
        unread.map(|place| columns[place].name().clone()).collect()
    }
}

/// What to do about a column of structs, where a value is wanted.
fn member_help(column: &str, members: &Fields, field: &Field) -> String {
    let names: Vec<&str> = members.iter().map(|member| member.name().as_str()).collect();
    let meant = near(&field.name, names.iter().copied()).into_iter().next().or(names.first().copied());
    let example =
        meant.map_or_else(String::new, |member| format!(", such as: column = \"{column}.{member}\""));
    format!(
        "say in a mapping file under [{}] which member it is{example}\n  the members are {}",
        field.name,
        names.join(", ")
    )
}

/// What to do about a value that is nested in a way that is not read.
fn flatten_help(way: &[&str]) -> String {
    format!(
        "write the value to a column of its own, as with `SELECT {} AS {}`, and map the field to that column",
        way.join("."),
        way.join("_")
    )
}

/// The error that a struct has no such member.
fn no_member(file: &str, way: &[&str], name: &str, members: &Fields, wanted: &Wanted<'_>) -> DataError {
    let names = || members.iter().map(|member| member.name().as_str());
    let message = format!("{file}: `{}` has no member `{name}`{}", way.join("."), wanted.for_field());
    let help = did_you_mean(name, names());
    let help =
        help.unwrap_or_else(|| format!("the members are {}", names().collect::<Vec<&str>>().join(", ")));
    DataError::unmapped(message).remedy(help)
}

/// The error that the value at this depth of a way has no members.
fn not_a_struct(
    file: &str,
    way: &[&str],
    depth: usize,
    data_type: &DataType,
    wanted: &Wanted<'_>,
) -> DataError {
    let (outer, name) = (way[..=depth].join("."), way[depth + 1]);
    let message = match data_type {
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => format!(
            "{file}: `{outer}` holds lists, with a `{name}` for each element, and a field{} is one value",
            wanted.field.map_or_else(String::new, |field| format!(" such as `{field}`"))
        ),
        other => format!(
            "{file}: there is no column `{}`{}, and `{outer}` holds {}, which have no members",
            way.join("."),
            wanted.for_field(),
            in_words(other)
        ),
    };
    DataError::unmapped(message).remedy(flatten_help(way))
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

/// How many decimal places the decimals of a type have, in words; `None` where they have none.
fn decimals_of(data_type: &DataType) -> Option<String> {
    use DataType::*;
    match data_type {
        Decimal32(_, 1) | Decimal64(_, 1) | Decimal128(_, 1) | Decimal256(_, 1) => {
            Some("1 decimal place".into())
        }
        Decimal32(_, scale) | Decimal64(_, scale) | Decimal128(_, scale) | Decimal256(_, scale)
            if *scale > 0 =>
        {
            Some(format!("{scale} decimal places"))
        }
        Dictionary(_, values) => decimals_of(values),
        _ => None,
    }
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

/// Whether values of a kind are written as numbers.
pub fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::Int | Kind::Decimal(_) | Kind::Money | Kind::Percent(_) | Kind::Days)
}

/// What a physical type is called in a message.
pub fn in_words(data_type: &DataType) -> String {
    match (class_of(data_type), data_type) {
        (_, DataType::Dictionary(_, values)) => in_words(values),
        (Class::Nothing, _) => "nothing".into(),
        (Class::Bool, _) => "Booleans".into(),
        (Class::Integer, _) => "integers".into(),
        (Class::Decimal, _) => "decimals".into(),
        (Class::Double, _) => "doubles".into(),
        (Class::Date, DataType::Timestamp(..)) => "timestamps".into(),
        (Class::Date, _) => "dates".into(),
        (Class::Zoned, DataType::Timestamp(_, Some(zone))) => format!("timestamps in the time zone {zone}"),
        (Class::Text, _) => "texts".into(),
        (_, DataType::Timestamp(TimeUnit::Second, _)) => "timestamps".into(),
        (_, DataType::Struct(_)) => "structs".into(),
        (_, DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..)) => "lists".into(),
        (_, DataType::Map(..)) => "maps".into(),
        (
            _,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_),
        ) => "bytes".into(),
        (_, DataType::Time32(_) | DataType::Time64(_)) => "times of day".into(),
        (_, DataType::Duration(_) | DataType::Interval(_)) => "durations".into(),
        (_, DataType::Float16) => "floats of 16 bits".into(),
        (_, other) => format!("values of the type {other}"),
    }
}

fn wanted(field: &Field) -> &'static str {
    match field.kind {
        Kind::Bool => "a Boolean",
        Kind::Int => "a whole number",
        Kind::Decimal(_) => "a number",
        Kind::Money => "an amount",
        Kind::Percent(_) => "a percentage",
        Kind::Days => "a number of days",
        Kind::Date => "a date",
        Kind::Enum(_) => "an enum",
    }
}

/// A column that is looked for.
struct Wanted<'a> {
    column: &'a str,
    /// Whether a column may have this name.
    is_column: bool,
    /// The names on the way to a nested value, where no column has the name.
    way: Option<Vec<&'a str>>,
    /// Another name that it may have.
    also: Option<&'a str>,
    /// The field that it is of; `None` for a column to keep.
    field: Option<&'a str>,
    /// The field that it is of, where that is optional.
    optional: Option<&'a str>,
    /// Whether its value is given otherwise, so that the file need not have it.
    is_given: bool,
}

impl Intake {
    /// The error that columns are missing, with those of the others that may have been meant.
    fn no_columns(&self, file: &str, missing: &[Wanted<'_>], columns: &Fields) -> DataError {
        let names: Vec<&str> = columns.iter().map(|column| column.name().as_str()).collect();
        let unread = self.ignored(&names);
        let quoted: Vec<String> = missing.iter().map(Wanted::in_words).collect();
        let message = match quoted.as_slice() {
            [one] => format!("{file}: there is no column {one}"),
            several => format!("{file}: there are no columns {}", several.join(", ")),
        };
        let near = missing.iter().filter_map(|wanted| {
            let near = match wanted.field {
                // the other fields have their columns
                Some(field) => did_you_mean(wanted.column, unread.iter().map(String::as_str))
                    .or_else(|| nested(columns, wanted.column, field)),
                None => did_you_mean(wanted.column, names.iter().copied()),
            }?;
            Some(if missing.len() == 1 { near } else { format!("for `{}`, {near}", wanted.column) })
        });
        let mut advice: Vec<String> = near.collect();
        if !advice.is_empty() && missing.iter().any(|wanted| wanted.field.is_some()) {
            advice.push(MAPPING_NAMES_COLUMNS.to_owned());
            let is_other_case = |wanted: &Wanted<'_>| {
                names.iter().any(|name| name.to_lowercase() == wanted.column.to_lowercase())
            };
            if missing.iter().any(is_other_case) {
                advice.push(
                    "`ignore_case = true` at the top of a mapping file ignores upper and lower case"
                        .to_owned(),
                );
            }
        }
        if advice.is_empty() || missing.len() > 1 {
            advice.push(format!("the columns are {}", with_members(columns)));
        }
        advice.extend(missing.iter().filter_map(|wanted| wanted.optional).map(absent_everywhere));
        // a mapping can help fields, not columns to keep
        let is_of_field = missing.iter().any(|wanted| wanted.field.is_some());
        let error = if is_of_field { DataError::no_column(message) } else { DataError::input(message) };
        error.remedy(advice.join("\n  "))
    }
}

/// The names of columns; those of structs with their members.
fn with_members(columns: &Fields) -> String {
    let name = |column: &FieldRef| match column.data_type() {
        DataType::Struct(members) => {
            let members: Vec<&str> = members.iter().map(|member| member.name().as_str()).collect();
            format!("{} (with the members {})", column.name(), members.join(", "))
        }
        _ => column.name().clone(),
    };
    columns.iter().map(name).collect::<Vec<String>>().join(", ")
}

/// The member of a column that has the name of a column which is missing.
fn nested(columns: &Fields, wanted: &str, field: &str) -> Option<String> {
    let has_it = |data_type: &DataType| matches!(data_type, DataType::Struct(members) if members.iter().any(|member| member.name() == wanted));
    let column = columns.iter().find(|column| has_it(column.data_type()))?.name();
    Some(format!(
        "`{column}` has a member `{wanted}`: write in a mapping file under [{field}]: column = \"{column}.{wanted}\""
    ))
}

impl<'a> Wanted<'a> {
    /// A column to keep.
    fn kept(column: &'a str) -> Wanted<'a> {
        Wanted {
            column,
            is_column: true,
            way: None,
            also: None,
            field: None,
            optional: None,
            is_given: false,
        }
    }

    /// Which field it is for, where the names differ.
    fn for_field(&self) -> String {
        let field = self.field.filter(|field| *field != self.column);
        field.map_or_else(String::new, |field| format!(" for the field `{field}`"))
    }
}

impl Wanted<'_> {
    fn in_words(&self) -> String {
        match self.field {
            Some(_) if let Some(also) = self.also => {
                format!("`{}`, or `{also}` as it was called", self.column)
            }
            _ => format!("`{}`{}", self.column, self.for_field()),
        }
    }
}
