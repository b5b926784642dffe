//! What does a CSV record say? RFC 4180 in UTF-8: commas, quotes that double within quotes, a header.
//!
//! A cell that is empty is missing. A record with another number of cells than the header, with text after a closing
//! quote, or that is not UTF-8, is refused as a whole. A quote in a cell that does not begin with one is a character
//! like any other. Cells that span lines are a matter of [`crate::lines`].

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::StringBuilder;
use arrow_schema::{DataType, Field, Fields};
use opus_ir::memory::Columns;
use opus_runtime::admission::Reading;

use super::delimiter_of;
use crate::chunk::{Body, ColumnData, Kept, Read};
use crate::columnar::RowFault;
use crate::error::DataError;
use crate::find;
use crate::given::Given;
use crate::intake::{Found, Intake};
use crate::lines::{Lines, Quotes, RowKind, Splitter, cells, counted};
use crate::source::{Opened, Request, Rows, Source};
use crate::texts::{BLOCK_ROWS, Block, Texts, Usual, malformed};

/// Opens a CSV file.
///
/// # Errors
/// Where it cannot be read, has no header, or a column is missing.
pub fn open(of: &Request<'_>) -> Result<Opened, DataError> {
    of.text(|text| Ok(Box::new(CsvSource::open(&of.file, text, of.intake, of.given)?)))
}

/// Which cells of a record are read.
struct Csv {
    /// What separates cells.
    delimiter: u8,
    /// How many cells a record has.
    width: usize,
    /// Input indices, each with its cell.
    fields: Vec<(usize, usize)>,
    /// The cells to keep; `None` where a folder gives the value and the file has no such column.
    kept: Vec<Option<usize>>,
}

/// A CSV file.
struct CsvSource {
    csv: Arc<Csv>,
    splitter: Splitter,
    kept: Vec<Option<Kept>>,
    ignored: Vec<String>,
}

impl CsvSource {
    fn open(
        file: &str,
        reader: Box<dyn io::Read + Send>,
        intake: &Intake,
        given: &Given,
    ) -> Result<CsvSource, DataError> {
        let quotes = Quotes {
            delimiter: intake.mapping.delimiter.unwrap_or(delimiter_of(file)),
            multiline: intake.mapping.multiline_cells,
        };
        let mut splitter = Splitter::new(file, reader, RowKind::Record(quotes));
        let Some(header) = splitter.header()? else {
            return Err(DataError::input(format!("{file}: there is no header")));
        };
        let names = cells(&header, quotes.delimiter)
            .map_err(|wrong| DataError::input(format!("{file}: the header cannot be read: {wrong}")))?;
        let names: Vec<&str> = names.iter().map(Cow::as_ref).collect();
        let columns: Fields = names.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect();
        let found = intake.find(file, &columns, given).map_err(|failure| with_cause(failure, &names))?;
        let ignored = found.ignored(&columns);
        let Found { fields, kept } = found;
        // cells are texts, which have no members
        let fields = fields.into_iter().map(|(index, member)| (index, member.column)).collect();
        let types = intake.keep.iter().zip(&kept).map(|(name, cell)| cell.map(|_| Kept::text(name, false)));
        let kept_types = types.collect();
        let csv = Arc::new(Csv { delimiter: quotes.delimiter, width: names.len(), fields, kept });
        Ok(CsvSource { csv, splitter, kept: kept_types, ignored })
    }
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
    fn next(&mut self) -> Result<Option<Rows>, DataError> {
        let lines = self.splitter.next_lines()?;
        let records =
            |lines: Lines| (lines.len(), Box::new(Records(self.csv.clone(), lines)) as Box<dyn Body>);
        Ok(lines.map(records))
    }

    fn kept(&self) -> &[Option<Kept>] {
        &self.kept
    }

    fn ignored(&self) -> &[String] {
        &self.ignored
    }

    fn bytes(&self) -> u64 {
        self.splitter.bytes()
    }
}

/// Records of a file.
struct Records(Arc<Csv>, Lines);

impl Body for Records {
    fn fill(
        self: Box<Self>,
        intake: &Intake,
        columns: &mut Columns,
        faults: &mut Vec<RowFault>,
    ) -> Result<Read, DataError> {
        let Records(csv, lines) = *self;
        let kept = csv.fill(intake, &lines, columns, faults).into_iter();
        let held = csv.fields.iter().map(|(index, _)| *index).collect();
        Ok(Read { kept: kept.map(|column| column.map(ColumnData::from)).collect(), held, ..Read::default() })
    }

    fn names(&self, _row: usize) -> Vec<String> {
        Vec::new()
    }
}

/// Cells of CSV, which have no type.
struct Cells;

impl Texts for Cells {
    fn plain(text: &str, _: bool) -> Option<&[u8]> {
        Some(text.as_bytes())
    }

    fn is_missing(_: &str) -> bool {
        false
    }

    fn reading<'t>(text: Option<&'t str>, _: &'t mut String) -> Reading<'t> {
        text.map_or(Reading::Missing, reading)
    }
}

/// The cells of a record, or what is wrong with it.
type Record<'t> = Result<Vec<Cow<'t, str>>, String>;

impl Csv {
    /// Fills the columns of the fields; returns the columns to keep, `None` for those that the file does not hold. Faults
    /// are added in any order.
    fn fill(
        &self,
        intake: &Intake,
        lines: &Lines,
        columns: &mut Columns,
        faults: &mut Vec<RowFault>,
    ) -> Vec<Option<ArrayRef>> {
        let usual: Vec<Usual> = self.fields.iter().map(|(index, _)| Usual::new(intake, *index)).collect();
        let kept_cells: Vec<usize> = self.kept.iter().flatten().copied().collect();
        let mut kept: Vec<StringBuilder> = kept_cells.iter().map(|_| StringBuilder::new()).collect();
        let has_quotes = lines.have(b'"');
        let lines = lines.rows();
        let mut texts = Vec::with_capacity(BLOCK_ROWS * self.width);
        for (block, lines) in lines.chunks(BLOCK_ROWS).enumerate() {
            texts.clear();
            let first_row = block * BLOCK_ROWS;
            let (mut set_aside, mut records) = ([false; BLOCK_ROWS], Vec::new());
            for (row, (line, text)) in lines.iter().enumerate() {
                let start = texts.len();
                if text.is_some_and(|text| self.split(text, has_quotes, &mut texts)) {
                    for (builder, cell) in kept.iter_mut().zip(&kept_cells) {
                        builder.append_option(texts[start + cell]);
                    }
                    continue;
                }
                texts.truncate(start);
                texts.resize(start + self.width, None);
                set_aside[row] = true;
                // a record of another width is refused, but it may show which row it is
                let record = cells(line, self.delimiter);
                for (builder, cell) in kept.iter_mut().zip(&kept_cells) {
                    let text = record.as_ref().ok().and_then(|record| record.get(*cell));
                    builder.append_option(text.filter(|text| !text.is_empty()));
                }
                records.push((row, record.and_then(|record| self.of_width(record))));
            }
            let (width, rows) = (self.width, lines.len());
            let texts = Block { first_row, rows, width, cells: &texts, set_aside: &set_aside };
            for ((index, cell), usual) in self.fields.iter().zip(&usual) {
                texts.fill::<Cells>(intake, (*index, usual), *cell, columns, faults);
            }
            for (row, record) in records {
                self.fill_record(intake, first_row + row, lines[row].0, record, columns, faults);
            }
        }
        let mut kept = kept.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef);
        self.kept.iter().map(|cell| cell.and_then(|_| kept.next())).collect()
    }

    /// Splits a line; returns whether it has as many cells as the header, and no doubled quotes.
    fn split<'t>(&self, text: &'t str, has_quotes: bool, texts: &mut Vec<Option<&'t str>>) -> bool {
        let (line, before) = (text.as_bytes(), texts.len());
        let mut add = |cell: &'t str| texts.push(Some(cell).filter(|cell| !cell.is_empty()));
        let mut start = 0;
        if !has_quotes || memchr::memchr(b'"', line).is_none() {
            find::each(line, self.delimiter, |end| {
                add(&text[start..end]);
                start = end + 1;
            });
            add(&text[start..]);
            return texts.len() - before == self.width;
        }
        loop {
            let rest = &line[start..];
            let end = if rest.first() == Some(&b'"') {
                let Some(length) = memchr::memchr(b'"', &rest[1..]) else { return false };
                add(&text[start + 1..start + 1 + length]);
                start + length + 2
            } else {
                let end = memchr::memchr(self.delimiter, rest).map_or(line.len(), |length| start + length);
                add(&text[start..end]);
                end
            };
            match line.get(end) {
                None => return texts.len() - before == self.width,
                Some(byte) if *byte == self.delimiter => start = end + 1,
                Some(_) => return false,
            }
        }
    }

    /// Fills a row from a record that was read on its own.
    fn fill_record(
        &self,
        intake: &Intake,
        row: usize,
        line: &[u8],
        record: Record<'_>,
        columns: &mut Columns,
        faults: &mut Vec<RowFault>,
    ) {
        match record {
            Ok(record) => {
                for (index, cell) in &self.fields {
                    match intake.admit(*index, reading(&record[*cell])) {
                        Ok(value) => columns.set(*index, row, value),
                        Err(reason) => faults.push((row as u32, reason)),
                    }
                }
            }
            Err(wrong) => faults.push((row as u32, malformed(wrong, line))),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_split_have_the_cells_that_are_read_elsewhere() {
        let mut split = 0;
        for line in [
            "a,,b",
            "a,",
            ",",
            "\"a,b\",c",
            "c,\"a,b\"",
            "\"\",\"\"",
            "a\"b,c",
            "\"a\"\"b\",c",
            "\"a\"b,c",
            "\"a,b",
            "a,\"",
            "ä,\"ö\"",
            "a",
            "a,b,c,d",
        ] {
            for width in [1, 2, 3] {
                let csv = Csv { delimiter: b',', width, fields: Vec::new(), kept: Vec::new() };
                let mut found = Vec::new();
                if csv.split(line, true, &mut found) {
                    split += 1;
                    let record = cells(line.as_bytes(), csv.delimiter)
                        .and_then(|record| csv.of_width(record))
                        .unwrap();
                    let record: Vec<Option<&str>> =
                        record.iter().map(|cell| Some(&**cell).filter(|cell| !cell.is_empty())).collect();
                    assert_eq!(found, record, "{line}");
                }
            }
        }
        assert!(split >= 9, "{split}");
    }
}
