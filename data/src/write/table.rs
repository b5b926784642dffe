//! What is written? Columns of known content, chunk by chunk, before any format is thought of.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, DictionaryArray, Int32Array,
    Int64Array, PrimitiveArray, StringArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, i256};
use arrow_schema::{DataType, Field as ArrowField, Metadata, Schema as ArrowSchema};
use opus_ir::memory::Columns;
use opus_ir::{Field, Interval, Kind, Schema};

use crate::chunk::{ColumnData, Kept};
use crate::error::DataError;
use crate::parquet::Part;

/// The columns of a table, and its metadata.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// The columns, in order.
    pub columns: Vec<Spec>,
    /// Names and texts for formats that hold them, such as the hash of the artifact.
    pub metadata: Vec<(String, String)>,
}

/// A column of a table.
///
/// ```
/// use arrow_schema::DataType;
/// use opus_data::write::Spec;
/// let schema = opus_runtime::example::program().schema;
/// assert_eq!(Spec::of_field(&schema, &schema.inputs[1]).arrow_type(), DataType::Int32);
/// // amounts are decimals with as many places as the currency has
/// assert_eq!(Spec::of_field(&schema, &schema.inputs[3]).arrow_type(), DataType::Decimal128(9, 2));
/// ```
#[derive(Clone, Debug)]
pub struct Spec {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub content: Content,
    /// Whether a value may be missing.
    pub optional: bool,
}

/// What a column holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// Integers of 32 bits.
    Integer,
    /// Integers of 64 bits.
    Long,
    /// Integers that count `10^-scale`.
    Decimal {
        /// How many digits they have at most.
        precision: u8,
        /// How many of them are decimal places.
        scale: u8,
        /// Whether they are percentages: `12.50%` in text, and a unit beside the type elsewhere.
        is_percent: bool,
    },
    /// Day numbers.
    Date,
    /// Truth values.
    Bool,
    /// Codes of names.
    Names(Arc<Vec<String>>),
    /// Codes of numbers.
    Numbers(Arc<Vec<i32>>),
    /// Texts.
    Text,
    /// A column that was read.
    Kept(Kept),
}

/// Rows of a table.
pub struct Table<'a> {
    /// How many rows there are.
    pub rows: usize,
    /// One entry per column of the layout.
    pub columns: Vec<Data<'a>>,
}

/// The values of a column.
pub enum Data<'a> {
    /// For [`Content::Long`].
    Longs(Cow<'a, [i64]>),
    /// For [`Content::Names`] and [`Content::Numbers`].
    Codes(Cow<'a, [u16]>),
    /// A column of fields: for every content but texts and kept columns.
    Column(&'a Columns, usize),
    /// For [`Content::Text`] and [`Content::Kept`].
    Array(ArrayRef),
    /// For [`Content::Kept`] where the format [copies pages](super::Encoder::copies_pages).
    Pages(Part),
}

impl From<ColumnData> for Data<'_> {
    fn from(column: ColumnData) -> Self {
        match column {
            ColumnData::Array(array) => Data::Array(array),
            ColumnData::Pages(part) => Data::Pages(part),
        }
    }
}

/// The key of a field's metadata that says what its numbers count.
pub const UNIT_KEY: &str = "opus.unit";
/// Under that key: 43.5 is 43.5 %.
pub const PERCENT: &str = "percent";

/// The most names that have codes of 8 bits, signed, as data frames write them.
const NAMES_8_BITS: usize = i8::MAX as usize;

/// The most digits of a decimal that fits in 128 bits whatever its digits are.
const PRECISION_128: u8 = 38;

impl Spec {
    /// The column that holds a field, or an output.
    pub fn of_field(schema: &Schema, field: &Field) -> Spec {
        let range = field.domain.range;
        let within = |lo: i64, hi: i64| Interval::new(lo as i128, hi as i128).contains_all(range);
        let is_percent = matches!(field.kind, Kind::Percent(_));
        let decimal =
            |scale: u8| Content::Decimal { precision: digits(range).max(scale).max(1), scale, is_percent };
        let content = match field.kind {
            Kind::Bool => Content::Bool,
            Kind::Date => Content::Date,
            Kind::Enum(index) => {
                let values = &schema.enums[index as usize].values;
                Content::Names(Arc::new(values.iter().map(|value| value.name.clone()).collect()))
            }
            Kind::Int | Kind::Days if within(i32::MIN as i64, i32::MAX as i64) => Content::Integer,
            Kind::Int | Kind::Days if within(i64::MIN, i64::MAX) => Content::Long,
            Kind::Int | Kind::Days => decimal(0),
            Kind::Decimal(_) | Kind::Money | Kind::Percent(_) => decimal(schema.decimals(field.kind)),
        };
        Spec { name: field.name.clone(), content, optional: field.optional }
    }

    /// A column of texts.
    pub fn text(name: &str) -> Spec {
        Spec { name: name.to_owned(), content: Content::Text, optional: false }
    }

    /// A column that was read.
    pub fn kept(kept: &Kept) -> Spec {
        Spec { name: kept.name.clone(), content: Content::Kept(kept.clone()), optional: true }
    }

    /// The Arrow type of the column.
    pub fn arrow_type(&self) -> DataType {
        match &self.content {
            Content::Integer | Content::Numbers(_) => DataType::Int32,
            Content::Long => DataType::Int64,
            Content::Decimal { precision, scale, .. } if *precision <= PRECISION_128 => {
                DataType::Decimal128(*precision, *scale as i8)
            }
            Content::Decimal { precision, scale, .. } => DataType::Decimal256(*precision, *scale as i8),
            Content::Date => DataType::Date32,
            Content::Bool => DataType::Boolean,
            Content::Names(names) => {
                let key = if names.len() <= NAMES_8_BITS { DataType::Int8 } else { DataType::Int32 };
                DataType::Dictionary(Box::new(key), Box::new(DataType::Utf8))
            }
            Content::Text => DataType::Utf8,
            Content::Kept(kept) => kept.data_type.clone(),
        }
    }

    /// Whether its numbers are percentages.
    pub fn is_percent(&self) -> bool {
        match &self.content {
            Content::Decimal { is_percent, .. } => *is_percent,
            Content::Kept(kept) => kept.is_percent,
            _ => false,
        }
    }

    /// The column as an Arrow field; percentages and extension types say so in its metadata, so that they can be read
    /// back.
    fn arrow_field(&self) -> ArrowField {
        let field = ArrowField::new(&self.name, self.arrow_type(), self.optional);
        let unit = self.is_percent().then(|| (UNIT_KEY.to_owned(), PERCENT.to_owned()));
        let extension = match &self.content {
            Content::Kept(kept) => kept.extension.as_slice(),
            _ => &[],
        };
        field.with_metadata(Metadata::from_iter(unit.into_iter().chain(extension.iter().cloned())))
    }

    /// The column as an Arrow array.
    ///
    /// # Panics
    /// Where the data are not of the content.
    pub fn array(&self, data: &Data<'_>, rows: usize) -> ArrayRef {
        match (&self.content, data) {
            (_, Data::Array(array)) => array.clone(),
            (Content::Long, Data::Longs(values)) => Arc::new(Int64Array::from(values.to_vec())),
            (Content::Numbers(numbers), Data::Codes(codes)) => {
                Arc::new(Int32Array::from_iter_values(codes.iter().map(|code| numbers[*code as usize])))
            }
            (Content::Names(names), Data::Codes(codes)) => {
                dictionary(names, codes.iter().map(|code| *code as usize), None)
            }
            (_, Data::Column(columns, index)) => self.field_array(columns, *index, rows),
            _ => unreachable!("the data are of the content"),
        }
    }

    fn field_array(&self, columns: &Columns, index: usize, rows: usize) -> ArrayRef {
        let nulls = nulls_of(columns, index, rows);
        let value = |row: usize| columns.get(index, row).unwrap_or(0);
        match (&self.content, self.arrow_type()) {
            (Content::Names(names), _) => dictionary(names, (0..rows).map(|row| value(row) as usize), nulls),
            (Content::Numbers(numbers), _) => {
                Arc::new(Int32Array::new((0..rows).map(|row| numbers[value(row) as usize]).collect(), nulls))
            }
            (Content::Bool, _) => {
                Arc::new(BooleanArray::new(BooleanBuffer::collect_bool(rows, |row| value(row) != 0), nulls))
            }
            (Content::Date, _) => {
                Arc::new(Date32Array::new((0..rows).map(|row| value(row) as i32).collect(), nulls))
            }
            (Content::Integer, _) => {
                Arc::new(Int32Array::new((0..rows).map(|row| value(row) as i32).collect(), nulls))
            }
            (Content::Long, _) => {
                Arc::new(Int64Array::new((0..rows).map(|row| value(row) as i64).collect(), nulls))
            }
            (_, decimal @ DataType::Decimal256(..)) => {
                let values = (0..rows).map(|row| i256::from_i128(value(row))).collect();
                Arc::new(Decimal256Array::new(values, nulls).with_data_type(decimal))
            }
            (_, decimal) => {
                Arc::new(Decimal128Array::new((0..rows).map(value).collect(), nulls).with_data_type(decimal))
            }
        }
    }
}

impl Layout {
    /// A table with these columns; `place` is what messages call it.
    ///
    /// # Errors
    /// Where two columns would have one name.
    pub fn new(columns: Vec<Spec>, metadata: &[(String, String)], place: &str) -> Result<Layout, DataError> {
        let mut seen = BTreeSet::new();
        if let Some(spec) = columns.iter().find(|spec| !seen.insert(&spec.name)) {
            let message = format!("two columns of {place} would be called `{}`", spec.name);
            return Err(
                DataError::request(message).remedy("do not keep it, but join the file to the input by the number of the row; or rename the column of the input")
            );
        }
        Ok(Layout { columns, metadata: metadata.to_vec() })
    }

    /// The layout as an Arrow schema.
    pub fn arrow_schema(&self) -> ArrowSchema {
        let fields = self.columns.iter().map(Spec::arrow_field);
        let metadata: Metadata = self.metadata.iter().cloned().collect();
        ArrowSchema::new(fields.collect::<Vec<_>>()).with_metadata(metadata)
    }
}

/// The validity of a column of fields.
pub fn nulls_of(columns: &Columns, index: usize, rows: usize) -> Option<NullBuffer> {
    let words = columns.validity(index);
    let bits = || BooleanBuffer::new(Buffer::from_vec(words.to_vec()), 0, rows);
    (!words.is_empty()).then(bits).filter(|bits| bits.count_set_bits() < rows).map(NullBuffer::new)
}

/// How many digits the values of a range have at most.
fn digits(range: Interval) -> u8 {
    let count = |x: i128| x.unsigned_abs().checked_ilog10().map_or(1, |log| log as u8 + 1);
    count(range.lo).max(count(range.hi))
}

fn dictionary(names: &[String], codes: impl Iterator<Item = usize>, nulls: Option<NullBuffer>) -> ArrayRef {
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(names));
    if names.len() <= NAMES_8_BITS {
        let keys = PrimitiveArray::<Int8Type>::new(codes.map(|code| code as i8).collect(), nulls);
        Arc::new(DictionaryArray::new(keys, texts))
    } else {
        let keys = PrimitiveArray::<Int32Type>::new(codes.map(|code| code as i32).collect(), nulls);
        Arc::new(DictionaryArray::new(keys, texts))
    }
}
