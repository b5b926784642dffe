//! What is a run of rows, before it is in a batch?
//!
//! A source yields a [`Chunk`] cheaply and in order; reading its cells into the columns of a batch is the work that
//! threads share. Which rows are refused is kept by the batch.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use opus_ir::memory::Columns;

use super::columnar::{RowFault, fill};
use super::csv::Csv;
use super::intake::Intake;
use super::json_lines::JsonLines;
use super::lines::Lines;

/// The most rows of a chunk.
pub const CHUNK_ROWS: usize = 1 << 16;

/// Rows of one file, as they were read.
pub struct Chunk {
    /// The number of the first row, from 1, over all files.
    pub first_row: u64,
    /// How many rows there are.
    pub rows: usize,
    /// The rows.
    pub body: Body,
}

/// Rows as a format has them.
pub enum Body {
    /// Columns: those of the fields, by index, and those to keep.
    Columns {
        /// By input index.
        fields: Vec<ArrayRef>,
        /// In the order in which they were asked for.
        kept: Vec<ArrayRef>,
    },
    /// Records of a CSV file.
    Csv(Arc<Csv>, Lines),
    /// Lines of JSON objects.
    JsonLines(Arc<JsonLines>, Lines),
}

/// A column that is copied to the outputs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// Whether its texts are JSON values: numbers as they were written, texts in quotes.
    pub is_json: bool,
}

/// What comes with the rows of a chunk, beside their fields.
pub struct Filled {
    /// The columns to keep, of all rows.
    pub kept: Vec<ArrayRef>,
    /// Names in the rows that nobody asked for, where the format names values row by row.
    pub ignored: BTreeSet<String>,
}

impl Chunk {
    /// Reads the fields of all rows into columns, and adds what is wrong with them to the faults. The cells of a row
    /// with a fault may hold anything.
    pub fn fill(self, intake: &Intake, columns: &mut Columns, faults: &mut Vec<RowFault>) -> Filled {
        columns.set_rows(self.rows);
        let mut ignored = BTreeSet::new();
        let kept = match self.body {
            Body::Columns { fields, kept } => {
                for (index, array) in fields.iter().enumerate() {
                    fill(intake, index, array.as_ref(), columns, index, faults);
                }
                kept
            }
            Body::Csv(csv, lines) => csv.fill(intake, &lines, columns, faults),
            Body::JsonLines(json, lines) => json.fill(intake, &lines, columns, faults, &mut ignored),
        };
        Filled { kept, ignored }
    }
}
