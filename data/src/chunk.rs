//! What is a run of rows, before and after admission?
//!
//! A source yields a [`Chunk`] cheaply and in order; admitting it is the work that threads share. An [`Admitted`]
//! holds the rows that may be decided, moved together, and says what is wrong with the others.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use opus_ir::Width;
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

/// Rows after admission.
pub struct Admitted {
    /// The number of the first row of the chunk.
    pub first_row: u64,
    /// How many rows the chunk has.
    pub rows: usize,
    /// The fields of the admitted rows, moved together.
    pub columns: Columns,
    /// Which rows of the chunk they are, where they are not all.
    pub admitted: Option<Vec<u32>>,
    /// What is wrong with the others, by row and then by field.
    pub faults: Vec<RowFault>,
    /// The columns to keep, of all rows.
    pub kept: Vec<ArrayRef>,
    /// Names in the rows that nobody asked for, where the format names values row by row.
    pub ignored: BTreeSet<String>,
}

impl Chunk {
    /// Admits the rows.
    pub fn admit(self, intake: &Intake) -> Admitted {
        let mut columns = Columns::new(&intake.schema.input_columns(), self.rows);
        columns.set_rows(self.rows);
        let mut faults = Vec::new();
        let mut ignored = BTreeSet::new();
        let kept = match self.body {
            Body::Columns { fields, kept } => {
                for (index, array) in fields.iter().enumerate() {
                    fill(intake, index, array.as_ref(), &mut columns, index, &mut faults);
                }
                // found field by field, told row by row
                faults.sort_by_key(|(row, _)| *row);
                kept
            }
            Body::Csv(csv, lines) => csv.fill(intake, &lines, &mut columns, &mut faults),
            Body::JsonLines(json, lines) => {
                json.fill(intake, &lines, &mut columns, &mut faults, &mut ignored)
            }
        };
        let admitted = (!faults.is_empty()).then(|| others(self.rows, &faults));
        let columns = match &admitted {
            Some(rows) => gather(&columns, rows),
            None => columns,
        };
        Admitted { first_row: self.first_row, rows: self.rows, columns, admitted, faults, kept, ignored }
    }
}

/// The rows without a fault.
fn others(rows: usize, faults: &[RowFault]) -> Vec<u32> {
    let mut faulty = faults.iter().map(|(row, _)| *row).peekable();
    let mut admitted = Vec::with_capacity(rows);
    for row in 0..rows as u32 {
        let is_faulty = faulty.peek() == Some(&row);
        while faulty.peek() == Some(&row) {
            faulty.next();
        }
        if !is_faulty {
            admitted.push(row);
        }
    }
    admitted
}

/// Some rows of columns, moved together.
pub fn gather(columns: &Columns, rows: &[u32]) -> Columns {
    let shape: Vec<_> = (0..columns.len()).map(|index| columns.column(index)).collect();
    let mut gathered = Columns::new(&shape, rows.len());
    gathered.set_rows(rows.len());
    for (index, column) in shape.iter().enumerate() {
        match column.width {
            Width::W8 => gather_column::<i8>(columns, rows, index, &mut gathered),
            Width::W16 => gather_column::<i16>(columns, rows, index, &mut gathered),
            Width::W32 => gather_column::<i32>(columns, rows, index, &mut gathered),
            Width::W64 => gather_column::<i64>(columns, rows, index, &mut gathered),
            Width::W128 => gather_column::<i128>(columns, rows, index, &mut gathered),
        }
    }
    gathered
}

fn gather_column<W: bytemuck::Pod>(from: &Columns, rows: &[u32], index: usize, to: &mut Columns) {
    let values = from.values::<W>(index);
    for (out, row) in to.values_mut::<W>(index).iter_mut().zip(rows) {
        *out = values[*row as usize];
    }
    let valid = from.validity(index);
    let words = to.validity_mut(index);
    if !words.is_empty() {
        for (out, row) in rows.iter().enumerate() {
            let is_present = valid[*row as usize / 64] >> (row % 64) & 1;
            words[out / 64] |= is_present << (out % 64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opus_ir::Column;
    use opus_runtime::admission::Reason;

    #[test]
    fn rows_without_a_fault_are_the_others() {
        let faults: Vec<RowFault> = [0, 2, 2, 5].map(|row| (row, Reason::malformed_row("x"))).into();
        assert_eq!(others(6, &faults), [1, 3, 4]);
        assert_eq!(others(2, &[]), [0, 1]);
    }

    #[test]
    fn gathered_rows_keep_values_and_presence() {
        let shape = Width::ALL.map(|width| Column { width, optional: true });
        let mut columns = Columns::new(&shape, 200);
        columns.set_rows(200);
        for index in 0..shape.len() {
            (0..200).for_each(|row| columns.set(index, row, (row % 3 != 0).then_some(row as i128 - 100)));
        }
        let rows: Vec<u32> = (0..200).filter(|row| row % 7 != 0).collect();
        let gathered = gather(&columns, &rows);
        for index in 0..shape.len() {
            let expected: Vec<_> = rows.iter().map(|row| columns.get(index, *row as usize)).collect();
            let found: Vec<_> = (0..rows.len()).map(|row| gathered.get(index, row)).collect();
            assert_eq!(found, expected);
        }
    }
}
