//! In which rows do two files of rows differ? Both are read as tables of texts, whatever their format, and compared line by
//! line.

use std::collections::VecDeque;

use opus_ir::Schema;
use opus_ir::memory::Columns;

use crate::error::DataError;
use crate::write::{Data, Printed, Printer, Spec, is_printable};
use crate::{ColumnData, Intake, Kept, Located, Reader};

/// A line of a file: a text for each column, `None` where there is no value. The first is the number of the row.
type Line = Vec<Option<String>>;

/// Compares a file that was recorded with the same file made again. `take` gets the number of each row that differs, and
/// how. `columns` are the names of the columns, and `schema` is that of the policy.
///
/// # Errors
/// If one of the files cannot be read.
pub fn compare(
    recorded: &Located,
    again: &Located,
    columns: &[String],
    schema: &Schema,
    take: &mut dyn FnMut(u64, String),
) -> Result<(), DataError> {
    let empty = Schema {
        inputs: Vec::new(),
        outputs: Vec::new(),
        enums: Vec::new(),
        effective: None,
        ..schema.clone()
    };
    let intake = Intake { keep: columns.to_vec(), ..Intake::by_name(&empty) };
    let mut ours = Lines::open(recorded, &intake)?;
    let mut theirs = Lines::open(again, &intake)?;
    let mut last = 0;
    loop {
        let pair = (ours.peek(0)?, theirs.peek(0)?);
        let row = |line: &Line| line.first()?.as_ref()?.parse::<u64>().ok();
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
            (Some(one), Some(other)) if one == other => {}
            (Some(one), Some(other)) => {
                let (one_row, other_row) = (one.first().cloned(), other.first().cloned());
                let says = cells(one, other, columns);
                // a line too many or too few, if the next one fits again
                let first = |line: Option<&Line>| line.and_then(|line| line.first().cloned());
                if one_row != other_row && first(theirs.peek(1)?) == Some(one_row.clone().unwrap_or_default())
                {
                    take(number, "the row is not in the file".to_owned());
                    theirs.next();
                    continue;
                }
                if one_row != other_row && first(ours.peek(1)?) == Some(other_row.clone().unwrap_or_default())
                {
                    let extra = one_row.flatten().and_then(|text| text.parse().ok()).unwrap_or(number);
                    take(extra, "the row is in the file, but not when decided again".to_owned());
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

/// The cells in which two lines differ, in words.
fn cells(recorded: &Line, again: &Line, columns: &[String]) -> String {
    let shown =
        |cell: &Option<String>| cell.as_ref().map_or("missing".to_owned(), |text| format!("`{text}`"));
    let pairs = columns.iter().zip(recorded.iter().zip(again)).filter(|(_, (one, other))| one != other);
    let texts = pairs.map(|(name, (one, other))| {
        format!("{name} is {} in the file and {} when decided again", shown(one), shown(other))
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
            line.push(match &printer {
                Some(printer) => match printer.print(row, false, &mut scratch) {
                    Printed::Missing => None,
                    Printed::Plain(text) | Printed::Text(text) => Some(text.to_owned()),
                },
                // a type without texts, such as a list
                None => Some(format!("{:?}", array.slice(row, 1))),
            });
        }
    }
    Ok(lines)
}
