//! In which rows do two files of rows differ? Both are read as tables of texts, whatever their format, and compared line by
//! line. Numbers that the policy declares are the same if their values are, however many zeros they end in; but a JSON
//! number is never the same as a JSON text.

use std::collections::VecDeque;

use opus_ir::Schema;
use opus_ir::memory::Columns;

use opus_runtime::admission::number::{Unreadable, scaled};

use crate::error::DataError;
use crate::json_lines::unquoted;
use crate::pipeline::rejects::{FILE_ROW, MESSAGE};
use crate::write::{Content, Data, Printed, Printer, Spec, is_printable};
use crate::{ColumnData, Intake, Kept, Located, Reader};

/// A line of a file: a cell for each column, `None` where there is no value. The first is the number of the row.
type Line = Vec<Option<Cell>>;

/// A value as its file has it.
#[derive(Clone, PartialEq)]
struct Cell {
    text: String,
    /// In JSON, what it is: the type that `spec/record.schema.json` fixes is part of the value.
    json: Option<JsonType>,
}

/// What a JSON value is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum JsonType {
    Number,
    Text,
    Bool,
    Nested,
    Null,
}

impl JsonType {
    /// What the text of a value is.
    pub(super) fn of(text: &str) -> JsonType {
        match text.as_bytes().first() {
            Some(b'"') => JsonType::Text,
            Some(b't' | b'f') => JsonType::Bool,
            Some(b'[' | b'{') => JsonType::Nested,
            Some(b'n') | None => JsonType::Null,
            _ => JsonType::Number,
        }
    }
}

/// Whether two texts are the same value of a column.
pub(super) fn is_same_value(spec: &Spec, one: &str, other: &str) -> bool {
    let number = |text: &str| match spec.content {
        Content::Integer | Content::Long | Content::Numbers(_) => scaled(text, 0).ok(),
        Content::Decimal { scale, is_percent: false, .. } => scaled(text, scale).ok(),
        Content::Decimal { scale, .. } => scaled(text.strip_suffix('%')?, scale).ok(),
        _ => None,
    };
    one == other || number(one).is_some_and(|value| number(other) == Some(value))
}

/// Compares a file that was recorded with the same file made again. `take` gets the number of each row that differs, and
/// how. `columns` are those that a batch writes, and `schema` is that of the policy. With `any_words` the messages of rejects
/// may be worded otherwise, as those of another version are.
///
/// # Errors
/// If one of the files cannot be read.
pub fn compare(
    recorded: &Located,
    again: &Located,
    columns: &[Spec],
    schema: &Schema,
    any_words: bool,
    take: &mut dyn FnMut(u64, String),
) -> Result<(), DataError> {
    let empty = Schema {
        inputs: Vec::new(),
        outputs: Vec::new(),
        enums: Vec::new(),
        effective: None,
        ..schema.clone()
    };
    let mut columns = columns.to_vec();
    if columns.iter().any(|column| column.name == FILE_ROW) && !names_rows_of_files(recorded, &empty)? {
        columns.retain(|column| column.name != FILE_ROW);
    }
    let keep = columns.iter().map(|column| column.name.clone()).collect();
    let intake = Intake { keep, ..Intake::by_name(&empty) };
    let is_same = |one: &Line, other: &Line| {
        let mut pairs = columns.iter().zip(one.iter().zip(other));
        let is_free = |column: &Spec| any_words && column.name == MESSAGE;
        pairs.all(|(column, (one, other))| is_free(column) || is_same_cell(column, one, other))
    };
    let mut ours = Lines::open(recorded, &intake)?;
    let mut theirs = Lines::open(again, &intake)?;
    let mut last = 0;
    loop {
        let pair = (ours.peek(0)?, theirs.peek(0)?);
        let row = |line: &Line| line.first()?.as_ref()?.text.parse::<u64>().ok();
        let number = pair.1.and_then(row).or(pair.0.and_then(row)).unwrap_or(last);
        match pair {
            (None, None) => {
                let added: Vec<String> =
                    ours.reader.ignored().names().map(|name| format!("`{name}`")).collect();
                if !added.is_empty() {
                    take(last, format!("the file has columns that no batch wrote: {}", added.join(", ")));
                }
                return Ok(());
            }
            (Some(one), Some(other)) if is_same(one, other) => {}
            (Some(one), Some(other)) => {
                let (one_row, other_row) = (row(one), row(other));
                let says = cells(one, other, &columns);
                // a line too many or too few, if the next one fits again
                let fits = |line: Option<&Line>, number: Option<u64>| {
                    one_row != other_row && number.is_some() && line.and_then(row) == number
                };
                if fits(theirs.peek(1)?, one_row) {
                    take(number, "the row is not in the file".to_owned());
                    theirs.next();
                    continue;
                }
                if fits(ours.peek(1)?, other_row) {
                    take(
                        one_row.unwrap_or(number),
                        "the row is in the file, but not when decided again".to_owned(),
                    );
                    ours.next();
                    continue;
                }
                take(number, says);
            }
            (None, Some(_)) => take(number, "the row is not in the file".to_owned()),
            (Some(_), None) => take(number, "the row is in the file, but not when decided again".to_owned()),
        }
        last = number;
        ours.next();
        theirs.next();
    }
}

/// Whether a file of rejects has the numbers of rows within their files. The first releases did not write them.
fn names_rows_of_files(recorded: &Located, empty: &Schema) -> Result<bool, DataError> {
    let intake = Intake::by_name(empty);
    let mut reader = Reader::open(vec![recorded.clone()], &intake)?;
    if reader.ignored().names().any(|name| name == FILE_ROW) {
        return Ok(true);
    }
    let Some(chunk) = reader.next_chunk()? else { return Ok(false) };
    let mut columns = Columns::new(&[], chunk.rows);
    Ok(chunk.fill(&intake, &mut columns, &mut Vec::new())?.ignored.contains(FILE_ROW))
}

/// Whether two cells of a column hold the same.
fn is_same_cell(column: &Spec, one: &Option<Cell>, other: &Option<Cell>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.json == other.json && is_same_value(column, &one.text, &other.text),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// The cells in which two lines differ, in words.
fn cells(recorded: &Line, again: &Line, columns: &[Spec]) -> String {
    let shown = |cell: &Option<Cell>| match cell {
        None => "missing".to_owned(),
        // a text of digits is not a number
        Some(Cell { text, json: Some(JsonType::Text) })
            if scaled(text, u8::MAX) != Err(Unreadable::NoNumber) =>
        {
            format!("`\"{text}\"`")
        }
        Some(Cell { text, .. }) => format!("`{text}`"),
    };
    let pairs = columns.iter().zip(recorded.iter().zip(again));
    let differing = pairs.filter(|(column, (one, other))| !is_same_cell(column, one, other));
    let texts = differing.map(|(column, (one, other))| {
        format!("{} is {} in the file and {} when decided again", column.name, shown(one), shown(other))
    });
    texts.collect::<Vec<_>>().join("; ")
}

/// The lines of a file.
struct Lines<'a> {
    reader: Reader<'a>,
    kept: Vec<Kept>,
    intake: &'a Intake,
    /// Lines that were read and not passed yet.
    ahead: VecDeque<Line>,
}

impl<'a> Lines<'a> {
    fn open(located: &Located, intake: &'a Intake) -> Result<Lines<'a>, DataError> {
        let reader = Reader::open(vec![located.clone()], intake)?;
        Ok(Lines { kept: reader.kept().to_vec(), reader, intake, ahead: VecDeque::new() })
    }

    /// The line after so many others.
    fn peek(&mut self, after: usize) -> Result<Option<&Line>, DataError> {
        while self.ahead.len() <= after {
            let Some(chunk) = self.reader.next_chunk()? else { break };
            let (mut columns, mut faults) = (Columns::new(&[], chunk.rows), Vec::new());
            let rows = chunk.rows;
            let filled = chunk.fill(self.intake, &mut columns, &mut faults)?;
            self.ahead.extend(lines(&self.kept, &filled.kept, rows)?);
        }
        Ok(self.ahead.get(after))
    }

    fn next(&mut self) {
        self.ahead.pop_front();
    }
}

fn lines(kept: &[Kept], columns: &[ColumnData], rows: usize) -> Result<Vec<Line>, DataError> {
    let mut lines = vec![Line::with_capacity(columns.len()); rows];
    for (kept, array) in kept.iter().zip(ColumnData::arrays(columns)?) {
        let (spec, is_text) = (Spec::kept(kept), is_printable(array.data_type()) || kept.is_uuid());
        let data = Data::Array(array.clone());
        let printer = is_text.then(|| Printer::new(&spec, &data));
        let mut scratch = String::new();
        for (row, line) in lines.iter_mut().enumerate() {
            let text = match &printer {
                Some(printer) => match printer.print(row, kept.is_json, &mut scratch) {
                    Printed::Missing => None,
                    Printed::Plain(text) | Printed::Text(text) => Some(text.to_owned()),
                },
                // a type without texts, such as a list
                None => Some(format!("{:?}", array.slice(row, 1))),
            };
            line.push(text.map(|text| match kept.is_json {
                true => Cell { text: unquoted(&text), json: Some(JsonType::of(&text)) },
                false => Cell { text, json: None },
            }));
        }
    }
    Ok(lines)
}
