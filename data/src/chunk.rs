//! What is a run of rows, before it is in a batch?
//!
//! A source yields a [`Chunk`] cheaply and in order; reading its cells into the columns of a batch is the work that
//! threads share. Which rows are refused is kept by the batch.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{ArrayRef, UInt32Array};
use arrow_schema::DataType;
use arrow_select::take::take;
use opus_ir::memory::Columns;
use opus_runtime::admission::Place;

use super::columnar::{RowFault, fill, fill_coded};
use super::given::{Given, Rows};
use super::intake::Intake;
use super::parquet::{Decoded, Part};
use super::seen::Seen;
use crate::error::DataError;

/// The most rows of a chunk; a chunk of Parquet may have twice as many.
pub const CHUNK_ROWS: usize = 1 << 16;

/// Rows of one file, as they were read.
pub struct Chunk {
    /// What the file is called.
    pub file: Arc<str>,
    /// The number of the first row, from 1, over all files.
    pub first_row: u64,
    /// The number of the first row, from 1, within its file.
    pub row_of_file: u64,
    /// How many rows there are.
    pub rows: usize,
    /// The rows.
    pub(crate) body: Box<dyn Body>,
    /// The columns that their file does not hold.
    pub(crate) given: Arc<Given>,
}

/// Rows as a format has them.
pub trait Body: Send {
    /// Reads the fields that the file holds into columns, and adds what is wrong with the rows to the faults, in any
    /// order.
    ///
    /// # Errors
    /// Where a page is damaged.
    fn fill(
        self: Box<Self>,
        intake: &Intake,
        columns: &mut Columns,
        faults: &mut Vec<RowFault>,
    ) -> Result<Read, DataError>;

    /// The names in one of the rows, where the format names values row by row.
    fn names(&self, row: usize) -> Vec<String>;
}

/// What a file holds of the rows of a chunk, beside the values of fields.
#[derive(Default)]
pub struct Read {
    /// The columns to keep, in the order in which they were asked for; `None` where a folder gives the value and the file
    /// has no such column.
    pub kept: Vec<Option<ColumnData>>,
    /// Whether the texts of kept columns are JSON values.
    pub is_json: bool,
    /// The input indices of the fields that were filled.
    pub held: BTreeSet<usize>,
    /// Names in the rows that were not asked for, if the format names values row by row.
    pub ignored: BTreeSet<String>,
    /// Which fields the rows name, where the format names values row by row.
    pub seen: Option<Seen>,
}

/// Rows of a format that has columns: those of the fields that the file holds, and those to keep.
pub struct Columnar {
    /// Input indices, each with its column.
    pub fields: Vec<(usize, ColumnData)>,
    /// In the order in which they were asked for; `None` where a folder gives the value and the file has no such column.
    pub kept: Vec<Option<ColumnData>>,
    /// How this file's columns are counted, if the file states units that the mapping leaves open.
    pub intake: Option<Arc<Intake>>,
}

impl Body for Columnar {
    fn fill(
        self: Box<Self>,
        intake: &Intake,
        columns: &mut Columns,
        faults: &mut Vec<RowFault>,
    ) -> Result<Read, DataError> {
        let intake = self.intake.as_deref().unwrap_or(intake);
        for (index, column) in &self.fields {
            column.fill(intake, *index, columns, faults)?;
        }
        let held = self.fields.iter().map(|(index, _)| *index).collect();
        Ok(Read { kept: self.kept, held, ..Read::default() })
    }

    fn names(&self, _row: usize) -> Vec<String> {
        Vec::new()
    }
}

/// A column of a chunk.
///
/// ```
/// use arrow_array::{ArrayRef, Int64Array};
/// use opus_data::ColumnData;
/// use std::sync::Arc;
/// let column = ColumnData::from(Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef);
/// assert_eq!(column.array()?.len(), 2);
/// # Ok::<(), opus_data::DataError>(())
/// ```
#[derive(Clone)]
pub enum ColumnData {
    /// Values.
    Array(ArrayRef),
    /// Pages of a Parquet file, which are decoded when their values are needed.
    Pages(Part),
}

impl ColumnData {
    /// The column as an array of the type that its source names.
    ///
    /// # Errors
    /// Where a page is damaged.
    pub fn array(&self) -> Result<ArrayRef, DataError> {
        match self {
            ColumnData::Array(array) => Ok(array.clone()),
            ColumnData::Pages(part) => part.array(),
        }
    }

    /// Columns as arrays.
    ///
    /// # Errors
    /// Where a page is damaged.
    pub fn arrays(columns: &[ColumnData]) -> Result<Vec<ArrayRef>, DataError> {
        columns.iter().map(ColumnData::array).collect()
    }

    /// Some rows of the column.
    ///
    /// # Errors
    /// Where a page is damaged.
    pub fn rows(&self, rows: &[u32]) -> Result<ArrayRef, DataError> {
        take(&self.array()?, &UInt32Array::from(rows.to_vec()), None)
            .map_err(|error| DataError::defect(format!("kept columns cannot be copied: {error}")))
    }

    /// Fills the column of a field.
    fn fill(
        &self,
        intake: &Intake,
        index: usize,
        columns: &mut Columns,
        faults: &mut Vec<RowFault>,
    ) -> Result<(), DataError> {
        match self {
            ColumnData::Array(array) => fill(intake, index, array.as_ref(), columns, index, faults),
            ColumnData::Pages(part) => match part.decode()? {
                Decoded::Values(array) => fill(intake, index, array.as_ref(), columns, index, faults),
                Decoded::Coded(codes, values) => {
                    fill_coded(intake, index, &values, &codes, columns, index, faults);
                }
            },
        }
        Ok(())
    }
}

impl From<ArrayRef> for ColumnData {
    fn from(array: ArrayRef) -> ColumnData {
        ColumnData::Array(array)
    }
}

/// A column that is copied to the outputs.
///
/// ```
/// use opus_data::Kept;
/// let kept = Kept::text("id", false);
/// assert_eq!(kept.data_type, arrow_schema::DataType::Utf8);
/// assert!(!kept.is_uuid());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// Whether its texts are JSON values: numbers as they were written, texts in quotes.
    pub is_json: bool,
    /// Whether its numbers are percentages, as the metadata of its file says.
    pub is_percent: bool,
    /// What its file says about it besides its type, such as that its bytes are UUIDs: Arrow's metadata of extensions.
    pub extension: Vec<(String, String)>,
}

impl Kept {
    /// A column of texts; `is_json` where they are JSON values.
    pub fn text(name: &str, is_json: bool) -> Kept {
        let (name, data_type) = (name.to_owned(), DataType::Utf8);
        Kept { name, data_type, is_json, is_percent: false, extension: Vec::new() }
    }

    /// Whether its bytes are UUIDs.
    pub fn is_uuid(&self) -> bool {
        let says_so = |(key, value): &(String, String)| key == EXTENSION_NAME && value == "arrow.uuid";
        self.data_type == DataType::FixedSizeBinary(16) && self.extension.iter().any(says_so)
    }
}

/// Arrow's key for the name of an extension type; the others begin in the same way.
const EXTENSION_NAME: &str = "ARROW:extension:name";

/// What the keys of extension types begin with.
pub const EXTENSION_KEYS: &str = "ARROW:extension:";

/// What comes with the rows of a chunk, beside their fields.
pub struct Filled {
    /// The columns to keep, of all rows.
    pub kept: Vec<ColumnData>,
    /// Names in the rows that were not asked for, if the format names values row by row.
    pub ignored: BTreeSet<String>,
    /// Which fields the rows name, where the format names values row by row.
    pub seen: Option<Seen>,
    /// The columns that the file has, although they have a value for files that lack them.
    pub not_filled: BTreeSet<String>,
}

impl Chunk {
    /// Reads the fields of all rows into columns, and adds what is wrong with them to the faults. The cells of a row
    /// with a fault are unspecified.
    ///
    /// # Errors
    /// Where a page is damaged, or a value is not the one that the name of the folder gives.
    pub fn fill(
        self,
        intake: &Intake,
        columns: &mut Columns,
        faults: &mut Vec<RowFault>,
    ) -> Result<Filled, DataError> {
        columns.set_rows(self.rows);
        let Read { kept, is_json, held, ignored, mut seen } = self.body.fill(intake, columns, faults)?;
        if let Some(seen) = &mut seen {
            // values that a folder's name gives are in no object
            let fields = 0..intake.schema.inputs.len();
            seen.fields.extend(fields.filter(|index| self.given.has_field(*index)));
            seen.lacking.retain(|index, _| !self.given.has_field(*index));
            let kept = 0..intake.keep.len();
            seen.kept.extend(kept.filter(|position| self.given.has_kept(*position)));
        }
        let is_named = |index: &usize| seen.as_ref().is_none_or(|seen| seen.fields.contains(index));
        let not_filled = self.given.filled().filter(|index| held.contains(index)).filter(is_named);
        let not_filled = not_filled.map(|index| intake.column(index).to_owned()).collect();
        let unread = faults.iter().filter(|(_, reason)| reason.place == Place::Row).map(|(row, _)| *row);
        let unread = unread.collect();
        let rows = Rows { file: &self.file, first: self.first_row, count: self.rows, unread: &unread };
        self.given.fill(intake, rows, |index| held.contains(&index), columns, faults)?;
        // found field by field, reported row by row
        faults.sort_by_key(|(row, _)| *row);
        let kept = self.given.with_kept(intake, rows, is_json, kept)?;
        Ok(Filled { kept, ignored, seen, not_filled })
    }
}
