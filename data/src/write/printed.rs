//! How is a value of a table written as text? The same way in CSV and in JSON, except for quotes.

use std::fmt::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use opus_runtime::admission::{Reading, push_date, push_decimal};

use super::table::{Content, Data, Spec};
use crate::cells::{Cells, moment_text, ticks_per_second};
use crate::json_lines::unquoted;

/// A value on its way into a text.
pub enum Printed<'a> {
    /// There is none.
    Missing,
    /// A number or a truth value, as JSON writes them too.
    Plain(&'a str),
    /// A text.
    Text(&'a str),
}

/// The values of one column, row by row.
///
/// ```
/// use opus_data::write::{Content, Data, Printed, Printer, Spec};
/// let spec = Spec { name: "row".into(), content: Content::Long, optional: false };
/// let data = Data::Longs(vec![7].into());
/// let mut scratch = String::new();
/// let printer = Printer::new(&spec, &data);
/// assert!(matches!(printer.print(0, false, &mut scratch), Printed::Plain("7")));
/// ```
pub enum Printer<'a> {
    /// Row numbers.
    Longs(&'a [i64]),
    /// Names, and their codes.
    Names(&'a [String], &'a [u16]),
    /// Numbers, and their codes.
    Numbers(&'a [i32], &'a [u16]),
    /// A column of fields.
    Field(&'a Spec, &'a opus_ir::memory::Columns, usize),
    /// Texts that are JSON values.
    Json(&'a ArrayRef),
    /// Floats of 32 bits.
    Single(&'a ArrayRef),
    /// Floats of 64 bits.
    Double(&'a ArrayRef),
    /// Bytes of UUIDs.
    Uuid(&'a ArrayRef),
    /// Moments in universal time.
    Zoned(&'a ArrayRef, TimeUnit),
    /// Any other column that was read, and whether its numbers are percentages, which need a sign.
    Cells(Cells<'a>, bool),
}

/// Whether the values of a type can be written as text.
pub fn is_printable(data_type: &DataType) -> bool {
    use DataType::*;
    match data_type {
        Dictionary(_, values) => {
            is_printable(values) && !matches!(values.as_ref(), Float32 | Float64 | Timestamp(_, Some(_)))
        }
        Null | Boolean | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => true,
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) | Float32 | Float64 => true,
        Date32 | Date64 | Time32(_) | Time64(_) | Timestamp(..) | Utf8 | LargeUtf8 | Utf8View => true,
        _ => false,
    }
}

impl<'a> Printer<'a> {
    /// The printer of a column.
    pub fn new(spec: &'a Spec, data: &'a Data<'_>) -> Printer<'a> {
        match (&spec.content, data) {
            (Content::Names(names), Data::Codes(codes)) => Printer::Names(names, codes),
            (Content::Numbers(numbers), Data::Codes(codes)) => Printer::Numbers(numbers, codes),
            (_, Data::Longs(values)) => Printer::Longs(values),
            (_, Data::Column(columns, index)) => Printer::Field(spec, columns, *index),
            (_, Data::Codes(codes)) => Printer::Numbers(&[], codes),
            (Content::Kept(kept), Data::Array(array)) if kept.is_json => Printer::Json(array),
            (Content::Kept(kept), Data::Array(array)) if kept.is_uuid() => Printer::Uuid(array),
            (_, Data::Pages(_)) => unreachable!("no text copies pages"),
            (_, Data::Array(array)) => match array.data_type() {
                DataType::Float32 => Printer::Single(array),
                DataType::Float64 => Printer::Double(array),
                DataType::Timestamp(unit, Some(_)) => Printer::Zoned(array, *unit),
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                    Printer::Cells(Cells::new(array.as_ref(), 0), false)
                }
                _ => Printer::Cells(Cells::new(array.as_ref(), 0), spec.is_percent()),
            },
        }
    }

    /// The value of a row; `scratch` keeps its text. `json` where texts that are JSON stay so.
    pub fn print<'s>(&'s self, row: usize, json: bool, scratch: &'s mut String) -> Printed<'s> {
        scratch.clear();
        match self {
            Printer::Longs(values) => plain(scratch, values[row]),
            Printer::Names(names, codes) => Printed::Text(&names[codes[row] as usize]),
            Printer::Numbers(numbers, codes) => plain(scratch, numbers[codes[row] as usize]),
            Printer::Field(spec, columns, index) => match columns.get(*index, row) {
                None => Printed::Missing,
                Some(value) => print_field(spec, value, scratch),
            },
            Printer::Json(array) => match array.is_valid(row).then(|| array.as_string::<i32>().value(row)) {
                None => Printed::Missing,
                Some(text) if json => Printed::Plain(text),
                Some(text) => {
                    *scratch = unquoted(text);
                    Printed::Text(scratch)
                }
            },
            Printer::Single(array) => {
                let value = array.as_primitive::<Float32Type>();
                float(
                    array.is_valid(row).then(|| value.value(row)).map(|x| (x.is_finite(), format!("{x:?}"))),
                    json,
                    scratch,
                )
            }
            Printer::Double(array) => {
                let value = array.as_primitive::<Float64Type>();
                float(
                    array.is_valid(row).then(|| value.value(row)).map(|x| (x.is_finite(), format!("{x:?}"))),
                    json,
                    scratch,
                )
            }
            Printer::Uuid(array) if array.is_null(row) => Printed::Missing,
            Printer::Uuid(array) => {
                for (at, byte) in array.as_fixed_size_binary().value(row).iter().enumerate() {
                    // writing to a string cannot fail
                    let _ =
                        write!(scratch, "{}{byte:02x}", if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" });
                }
                Printed::Text(scratch)
            }
            Printer::Zoned(array, unit) => match array.is_valid(row) {
                false => Printed::Missing,
                true => {
                    let ticks = array.to_data().buffers()[0].typed_data::<i64>()[array.offset() + row];
                    *scratch = format!("{}Z", moment_text(ticks, ticks_per_second(*unit)));
                    Printed::Text(scratch)
                }
            },
            Printer::Cells(cells, false) => print_cell(cells, row, scratch),
            Printer::Cells(cells, true) => match print_cell(cells, row, scratch) {
                Printed::Missing => Printed::Missing,
                _ => {
                    scratch.push('%');
                    Printed::Text(scratch)
                }
            },
        }
    }
}

fn plain<'s>(scratch: &'s mut String, value: impl std::fmt::Display) -> Printed<'s> {
    // writing to a string cannot fail
    let _ = write!(scratch, "{value}");
    Printed::Plain(scratch)
}

fn print_field<'s>(spec: &'s Spec, value: i128, scratch: &'s mut String) -> Printed<'s> {
    match &spec.content {
        Content::Names(names) => Printed::Text(&names[value as usize]),
        Content::Bool => Printed::Plain(if value == 0 { "false" } else { "true" }),
        Content::Date => {
            push_date(scratch, value);
            Printed::Text(scratch)
        }
        Content::Decimal { scale, is_percent, .. } => {
            push_decimal(scratch, value, *scale);
            if !is_percent {
                return Printed::Plain(scratch);
            }
            scratch.push('%');
            Printed::Text(scratch)
        }
        _ => plain(scratch, value),
    }
}

fn float<'s>(value: Option<(bool, String)>, json: bool, scratch: &'s mut String) -> Printed<'s> {
    match value {
        None => Printed::Missing,
        // JSON has no word for them
        Some((false, _)) if json => Printed::Missing,
        Some((_, text)) => {
            *scratch = text;
            Printed::Plain(scratch)
        }
    }
}

fn print_cell<'s>(cells: &'s Cells<'_>, row: usize, scratch: &'s mut String) -> Printed<'s> {
    let mut text = String::new();
    let is_plain = match cells.reading(row, &mut text) {
        Reading::Missing => return Printed::Missing,
        Reading::Text(text) => {
            scratch.push_str(text);
            false
        }
        reading => {
            let _ = write!(scratch, "{reading}");
            matches!(
                reading,
                Reading::Bool(_) | Reading::Integer(_) | Reading::Decimal { .. } | Reading::Number(_)
            )
        }
    };
    if is_plain { Printed::Plain(scratch) } else { Printed::Text(scratch) }
}
