//! What does a CSV record say? RFC 4180 in UTF-8: commas, quotes that double within quotes, a header.
//!
//! A cell that is empty is missing. A record with another number of cells than the header, with text behind a
//! closing quote, or that is no UTF-8, is refused as a whole; a quote within a cell that does not begin with one
//! is a character like any other.

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
use super::lines::{Splitter, after_quotes};
use super::source::Source;
use crate::error::DataError;

/// Which cells of a record are read.
pub struct Csv {
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
        let mut splitter = Splitter::new(file, reader, true);
        let Some(header) = splitter.header()? else {
            return Err(DataError::input(format!("{file}: there is no header")));
        };
        let names = cells(&header)
            .map_err(|wrong| DataError::input(format!("{file}: the header cannot be read: {wrong}")))?;
        let names: Vec<&str> = names.iter().map(Cow::as_ref).collect();
        let (fields, kept) = intake.find(file, &names).map_err(|failure| with_cause(failure, &names))?;
        let csv = Arc::new(Csv { width: names.len(), fields, kept });
        Ok(CsvSource { csv, splitter, kept: text_columns(intake, false), ignored: intake.ignored(&names) })
    }
}

/// Columns that are not found may be there, with other marks between cells or lines.
fn with_cause(failure: DataError, names: &[&str]) -> DataError {
    let separator = match names {
        [all] => [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")]
            .into_iter()
            .find(|(text, _)| all.contains(text)),
        _ => None,
    };
    if let Some((_, others)) = separator {
        return failure.remedy(format!(
            "cells are separated by commas, and here it seems by {others}: write the file with commas"
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
            let record = cells(line).and_then(|record| self.of_width(record));
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
        let cells = |count: usize| if count == 1 { "1 cell".to_string() } else { format!("{count} cells") };
        if found == self.width {
            Ok(record)
        } else {
            Err(format!("the record has {}, the header {}", cells(found), cells(self.width)))
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

/// The cells of a record.
fn cells(record: &[u8]) -> Result<Vec<Cow<'_, str>>, String> {
    let text = std::str::from_utf8(record)
        .map_err(|error| format!("byte {} is no UTF-8", error.valid_up_to() + 1))?;
    if memchr::memchr(b'"', record).is_none() {
        return Ok(text.split(',').map(Cow::Borrowed).collect());
    }
    let mut cells = Vec::new();
    let mut at = 0;
    loop {
        let end;
        if record.get(at) == Some(&b'"') {
            end = after_quotes(record, at, true).ok_or("a quote is never closed")?;
            let inner = &text[at + 1..end - 1];
            cells.push(if inner.contains('"') {
                Cow::Owned(inner.replace("\"\"", "\""))
            } else {
                Cow::Borrowed(inner)
            });
        } else {
            end = memchr::memchr(b',', &record[at..]).map_or(record.len(), |length| at + length);
            cells.push(Cow::Borrowed(&text[at..end]));
        }
        match record.get(end) {
            None => return Ok(cells),
            Some(b',') => at = end + 1,
            Some(_) => return Err(format!("cell {} goes on behind its closing quote", cells.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_what_stands_between_commas() {
        let found = |record: &str| {
            cells(record.as_bytes()).map(|cells| cells.iter().map(|c| c.to_string()).collect::<Vec<_>>())
        };
        assert_eq!(found("a,,b").unwrap(), ["a", "", "b"]);
        assert_eq!(found("a,").unwrap(), ["a", ""]);
        assert_eq!(found("\"a,b\",\"c\"\"d\",\"\",e\"f").unwrap(), ["a,b", "c\"d", "", "e\"f"]);
        assert_eq!(found("\"a\nb\"").unwrap(), ["a\nb"]);
        assert_eq!(found("ä,\"ö\"").unwrap(), ["ä", "ö"]);
        assert_eq!(found("\"a\"b,c").unwrap_err(), "cell 1 goes on behind its closing quote");
        assert_eq!(cells(b"a,\xFFb").unwrap_err(), "byte 3 is no UTF-8");
    }
}
