//! What does a CSV record say? RFC 4180 in UTF-8: commas, quotes that double within quotes, a header.
//!
//! A cell that is empty is missing. A record with another number of cells than the header, with text after a closing
//! quote, or that is not UTF-8, is refused as a whole. A quote in a cell that does not begin with one is a character
//! like any other. Cells that span lines are a matter of [`super::lines`].

use std::borrow::Cow;
use std::io::Read;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::StringBuilder;
use arrow_schema::DataType;
use opus_ir::memory::Columns;
use opus_runtime::admission::{Reading, Reason};

use super::chunk::{Body, Kept};
use super::columnar::RowFault;
use super::intake::Intake;
use super::lines::{Quotes, Splitter, cells, counted};
use super::source::Source;
use crate::error::DataError;

/// Which cells of a record are read.
pub struct Csv {
    /// What separates cells.
    delimiter: u8,
    /// How many cells a record has.
    width: usize,
    /// By input index, the cell.
    fields: Vec<usize>,
    /// The cells to keep.
    kept: Vec<usize>,
}

/// A CSV file.
pub struct CsvSource {
    csv: Arc<Csv>,
    splitter: Splitter,
    kept: Vec<Kept>,
    ignored: Vec<String>,
}

impl CsvSource {
    /// Opens a file: reads its header.
    ///
    /// # Errors
    /// Where there is none, or a column is missing.
    pub fn open(file: &str, reader: Box<dyn Read + Send>, intake: &Intake) -> Result<CsvSource, DataError> {
        let quotes = Quotes {
            delimiter: intake.mapping.delimiter.unwrap_or(default_delimiter(file)),
            multiline: intake.mapping.multiline_cells,
        };
        let mut splitter = Splitter::new(file, reader, Some(quotes));
        let Some(header) = splitter.header()? else {
            return Err(DataError::input(format!("{file}: there is no header")));
        };
        let names = cells(&header, quotes.delimiter)
            .map_err(|wrong| DataError::input(format!("{file}: the header cannot be read: {wrong}")))?;
        let names: Vec<&str> = names.iter().map(Cow::as_ref).collect();
        let (fields, kept) = intake.find(file, &names).map_err(|failure| with_cause(failure, &names))?;
        let csv = Arc::new(Csv { delimiter: quotes.delimiter, width: names.len(), fields, kept });
        Ok(CsvSource { csv, splitter, kept: text_columns(intake, false), ignored: intake.ignored(&names) })
    }
}

/// What separates cells where nobody says so: tabs in a file whose name ends in `.tsv`.
fn default_delimiter(file: &str) -> u8 {
    if file.to_ascii_lowercase().ends_with(".tsv") { b'\t' } else { b',' }
}

/// Columns that are not found may be there, with other marks between cells or lines.
fn with_cause(failure: DataError, names: &[&str]) -> DataError {
    let separator = match names {
        [all] => [(";", ";", "semicolons"), ("\t", "\\t", "tabs"), ("|", "|", "bars"), (",", ",", "commas")]
            .into_iter()
            .find(|(text, ..)| all.contains(text)),
        _ => None,
    };
    if let Some((_, mark, others)) = separator {
        return failure.remedy(format!(
            "the cells seem to be separated by {others}: write at the top of a mapping file: delimiter = \"{mark}\""
        ));
    }
    match names.iter().any(|name| name.contains('\r')) {
        true => failure
            .remedy("lines end in line feeds, and here in carriage returns alone: write it with line feeds"),
        false => failure,
    }
}

impl Source for CsvSource {
    fn next(&mut self) -> Result<Option<(usize, Body)>, DataError> {
        let lines = self.splitter.next_lines()?;
        Ok(lines.map(|lines| (lines.len(), Body::Csv(self.csv.clone(), lines))))
    }

    fn kept(&self) -> &[Kept] {
        &self.kept
    }

    fn ignored(&self) -> &[String] {
        &self.ignored
    }

    fn bytes(&self) -> u64 {
        self.splitter.bytes()
    }
}

/// The columns to keep of a format that has no types.
pub fn text_columns(intake: &Intake, is_json: bool) -> Vec<Kept> {
    let kept = |name: &String| Kept { name: name.clone(), data_type: DataType::Utf8, is_json };
    intake.keep.iter().map(kept).collect()
}

impl Csv {
    /// Fills the columns of the fields; answers the columns to keep.
    pub fn fill(
        &self,
        intake: &Intake,
        lines: &super::lines::Lines,
        columns: &mut Columns,
        faults: &mut Vec<RowFault>,
    ) -> Vec<ArrayRef> {
        let mut kept: Vec<StringBuilder> = self.kept.iter().map(|_| StringBuilder::new()).collect();
        for (row, line) in lines.iter().enumerate() {
            let record = cells(line, self.delimiter).and_then(|record| self.of_width(record));
            match record {
                Ok(record) => {
                    for (index, cell) in self.fields.iter().enumerate() {
                        match intake.admit(index, reading(&record[*cell])) {
                            Ok(value) => columns.set(index, row, value),
                            Err(reason) => faults.push((row as u32, reason)),
                        }
                    }
                    for (builder, cell) in kept.iter_mut().zip(&self.kept) {
                        builder.append_option(Some(&record[*cell]).filter(|text| !text.is_empty()));
                    }
                }
                Err(wrong) => {
                    faults.push((row as u32, malformed(wrong, line)));
                    kept.iter_mut().for_each(StringBuilder::append_null);
                }
            }
        }
        kept.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef).collect()
    }

    fn of_width<'a>(&self, record: Vec<Cow<'a, str>>) -> Result<Vec<Cow<'a, str>>, String> {
        let found = record.len();
        if found == self.width {
            Ok(record)
        } else {
            Err(format!("the record has {}, the header {}", counted(found), counted(self.width)))
        }
    }
}

fn reading(cell: &str) -> Reading<'_> {
    if cell.is_empty() { Reading::Missing } else { Reading::Text(cell) }
}

/// So much of a row that could not be read is told.
const TOLD_CHARACTERS: usize = 1000;

/// A row that could not be read.
pub fn malformed(wrong: String, row: &[u8]) -> Reason {
    let text = String::from_utf8_lossy(row);
    let mut value: String = text.chars().take(TOLD_CHARACTERS).collect();
    if value.len() < text.len() {
        value.push('…');
    }
    Reason { value, ..Reason::malformed_row(wrong) }
}
