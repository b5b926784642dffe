//! Where does one row of a text end and the next begin? Lines, or CSV records, whose quotes may hold line ends.
//!
//! JSON values may span lines: in an array, or one after another.
//!
//! Text is taken in blocks of a fixed size, so that where chunks end depends on the text alone.
//!
//! A quote that was typed by mistake can join many lines into one record. So a record of several lines must have as
//! many cells as the header, and its lines must not look like records themselves; otherwise reading ends with an error
//! that names the lines, unless the caller says that quoted cells may span lines.

use std::borrow::Cow;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use memchr::{memchr, memchr_iter, memchr2};

use super::chunk::CHUNK_ROWS;
use super::packing::Packing;
use crate::error::DataError;

/// Text is read in blocks of this size.
const BLOCK_BYTES: usize = 4 << 20;
/// A longer row is taken for a mistake.
const ROW_BYTES_MAX: usize = 64 << 20;

/// Rows of text.
pub struct Lines {
    /// A block of text that other rows may be in as well.
    block: Arc<Vec<u8>>,
    /// What these rows are of it.
    range: Range<usize>,
    /// Where each row begins and ends in the block, without its line end.
    spans: Vec<(u32, u32)>,
}

impl Lines {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Every row, with its text where it is valid UTF-8. A whole text that is valid is checked at once.
    pub fn rows(&self) -> Vec<(&[u8], Option<&str>)> {
        let whole = simdutf8::basic::from_utf8(self.text()).ok();
        let row = |(start, end): &(u32, u32)| {
            let span = *start as usize - self.range.start..*end as usize - self.range.start;
            let line = &self.text()[span.clone()];
            (line, whole.map_or_else(|| std::str::from_utf8(line).ok(), |text| Some(&text[span])))
        };
        self.spans.iter().map(row).collect()
    }

    /// Whether a byte occurs anywhere.
    pub fn have(&self, byte: u8) -> bool {
        memchr(byte, self.text()).is_some()
    }

    /// Every row.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.spans.iter().map(|(start, end)| &self.block[*start as usize..*end as usize])
    }

    fn text(&self) -> &[u8] {
        &self.block[self.range.clone()]
    }
}

/// How the records of a CSV file are separated.
#[derive(Clone, Copy, Debug)]
pub struct Quotes {
    /// What separates cells.
    pub delimiter: u8,
    /// Whether a record of several lines is believed although its lines could be records.
    pub multiline: bool,
}

/// What a row of a text is.
#[derive(Clone, Copy, Debug)]
pub enum RowKind {
    /// A line.
    Line,
    /// A record of a CSV file.
    Record(Quotes),
    /// A JSON value: an element of the one array in the file, or one of several values.
    Value,
}

/// What a file of JSON values may go on with.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Next {
    /// The bracket of an array, or a value.
    Start,
    /// A value that is in no array.
    Value,
    /// The first element of an array, or its end.
    First,
    /// An element of an array.
    Element,
    /// A comma, or the end of the array.
    Comma,
    /// Nothing.
    End,
}

/// Splits a text into rows.
pub struct Splitter {
    file: String,
    reader: Box<dyn Read + Send>,
    kind: RowKind,
    /// What comes next, where rows are JSON values.
    next: Next,
    /// How many cells the header has, once it is known.
    width: Option<usize>,
    /// The text so far.
    block: Arc<Vec<u8>>,
    /// Blocks before it, which are filled again when their rows are gone.
    earlier: Vec<Arc<Vec<u8>>>,
    /// Where the rest begins in the block.
    at: usize,
    is_at_end: bool,
    /// How many lines were taken off the text, for messages.
    lines: u64,
    /// How many bytes were read.
    bytes: u64,
}

/// Where a row ends, and where the next begins.
enum End {
    At {
        end: usize,
        next: usize,
        /// Whether no quoted cell holds a line end.
        is_one_line: bool,
    },
    /// Not within the text so far; where a quote is open, its position.
    Beyond { open: Option<usize> },
}

impl End {
    fn line(text: &[u8], from: usize, end: usize) -> End {
        End::At { end: without_return(text, from, end), next: (end + 1).min(text.len()), is_one_line: true }
    }
}

impl Splitter {
    /// A splitter of a text into rows of a kind.
    pub fn new(file: &str, reader: Box<dyn Read + Send>, kind: RowKind) -> Splitter {
        Splitter {
            file: file.to_owned(),
            reader,
            kind,
            next: Next::Start,
            width: None,
            block: Arc::default(),
            earlier: Vec::new(),
            at: 0,
            is_at_end: false,
            lines: 0,
            bytes: 0,
        }
    }

    /// How many bytes were read.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn text(&self) -> &[u8] {
        &self.block
    }

    /// Takes the first row, which is no row of data, off the text; `None` where there is none.
    ///
    /// # Errors
    /// Where the text cannot be read, or a quote is never closed.
    pub fn header(&mut self) -> Result<Option<Vec<u8>>, DataError> {
        let header = self.take(1)?.and_then(|lines| lines.iter().next().map(<[u8]>::to_vec));
        if let (RowKind::Record(quotes), Some(header)) = (self.kind, &header) {
            self.width = cells(header, quotes.delimiter).ok().map(|cells| cells.len());
        }
        Ok(header)
    }

    /// The next rows; `None` where there are no more.
    ///
    /// # Errors
    /// Where the text cannot be read, a quote is never closed, or a record of several lines may be several records.
    pub fn next_lines(&mut self) -> Result<Option<Lines>, DataError> {
        self.take(CHUNK_ROWS)
    }

    fn take(&mut self, rows_max: usize) -> Result<Option<Lines>, DataError> {
        loop {
            self.fill()?;
            let (spans, next, lines) = match self.kind {
                RowKind::Value => self.split_values(rows_max)?,
                _ => self.split(rows_max)?,
            };
            self.lines += lines;
            if !spans.is_empty() {
                let range = std::mem::replace(&mut self.at, next)..next;
                return Ok(Some(Lines { block: self.block.clone(), range, spans }));
            }
            self.at = next;
            if self.is_at_end {
                return Ok(None);
            }
            self.grow()?;
        }
    }

    /// The rows that the block holds whole, without empty ones; where the rest begins, and how many lines that is.
    #[allow(clippy::type_complexity)]
    fn split(&self, rows_max: usize) -> Result<(Vec<(u32, u32)>, usize, u64), DataError> {
        let mut spans = Vec::new();
        let (mut at, mut lines) = (self.at, 0);
        while spans.len() < rows_max && at < self.block.len() {
            match self.end_of(at) {
                End::At { end, next, is_one_line } => {
                    let record = &self.text()[at..end];
                    if !self.is_blank(record) {
                        spans.push((at as u32, end as u32));
                    }
                    lines += 1;
                    if !is_one_line {
                        let first = self.lines + lines;
                        self.check_span(record, first)?;
                        lines += memchr_iter(b'\n', record).count() as u64;
                    }
                    at = next;
                }
                End::Beyond { open: Some(quote) } if self.is_at_end => {
                    let line =
                        self.lines + lines + 1 + memchr_iter(b'\n', &self.text()[at..quote]).count() as u64;
                    let help = "double a quote within quotes, and close every quote that is opened";
                    let message = format!("{}: a quote in line {line} is never closed", self.file);
                    return Err(DataError::input(message).remedy(help));
                }
                End::Beyond { .. } => break,
            }
        }
        Ok((spans, at, lines))
    }

    /// The same for JSON values.
    #[allow(clippy::type_complexity)]
    fn split_values(&mut self, rows_max: usize) -> Result<(Vec<(u32, u32)>, usize, u64), DataError> {
        let mut spans = Vec::new();
        let mut at = self.at;
        let text = self.text();
        let line = |at: usize| memchr_iter(b'\n', &text[self.at..at]).count() as u64;
        let wrong = |what: &str, at: usize| {
            let help = "write an array of objects, or one object after another";
            DataError::input(format!("{}: line {}: {what}", self.file, self.lines + line(at) + 1))
                .remedy(help)
        };
        let mut next = self.next;
        while spans.len() < rows_max {
            while text.get(at).is_some_and(u8::is_ascii_whitespace) {
                at += 1;
            }
            let Some(byte) = text.get(at) else {
                let is_open = matches!(next, Next::First | Next::Element | Next::Comma);
                if self.is_at_end && is_open {
                    return Err(wrong("the array is never closed, so the file may have been cut off", at));
                }
                break;
            };
            next = match (next, byte) {
                (Next::Start, b'[') => Next::First,
                (Next::First | Next::Comma, b']') => Next::End,
                (Next::Comma, b',') => Next::Element,
                (Next::Comma, _) => return Err(wrong("a comma is missing between two elements", at)),
                (Next::End, _) => return Err(wrong("something follows the end of the array", at)),
                (Next::First | Next::Element, b',' | b']') => return Err(wrong("an element is missing", at)),
                (before, _) => match end_of_value(text, at, before != Next::Start && before != Next::Value) {
                    Some(end) if end < text.len() || self.is_at_end => {
                        spans.push((at as u32, end as u32));
                        at = end;
                        let in_array = matches!(before, Next::First | Next::Element);
                        next = if in_array { Next::Comma } else { Next::Value };
                        continue;
                    }
                    None if self.is_at_end => {
                        return Err(wrong(
                            "an object is never closed, so the file may have been cut off",
                            at,
                        ));
                    }
                    _ => break,
                },
            };
            at += 1;
        }
        let lines = line(at);
        self.next = next;
        Ok((spans, at, lines))
    }

    /// Checks that a record of several lines, starting with this one, is meant as one record.
    fn check_span(&self, record: &[u8], first: u64) -> Result<(), DataError> {
        let RowKind::Record(quotes) = self.kind else { return Ok(()) };
        let last = first + memchr_iter(b'\n', record).count() as u64;
        let ends = format!("{}: lines {first} to {last}", self.file);
        let close = "close the quote in the line that opens it, or double it within quotes";
        // the header itself has not been counted yet
        let found = cells(record, quotes.delimiter).map(|cells| cells.len());
        let width = match (found, self.width) {
            (Err(wrong), _) => {
                let message = format!("{ends} are one record, because a quoted cell spans them, and {wrong}");
                return Err(DataError::input(message).remedy(close));
            }
            (Ok(found), Some(width)) if found != width => {
                let message = format!(
                    "{ends} are one record, because a quoted cell spans them; it has {}, the header {}",
                    counted(found),
                    counted(width)
                );
                return Err(DataError::input(message).remedy(close));
            }
            (Ok(found), _) => found,
        };
        if !quotes.multiline && may_be_records(record, quotes.delimiter, width) {
            let message = format!(
                "{ends} could be one record with a quoted cell that spans them, or several records and a quote that \
                 was typed by mistake"
            );
            let help = format!(
                "{close}; if the cell is meant to span lines, say so at the top of a mapping file: multiline_cells = true"
            );
            return Err(DataError::input(message).remedy(help));
        }
        Ok(())
    }

    /// Whether a line is no row. In CSV blanks are the text of a cell.
    fn is_blank(&self, line: &[u8]) -> bool {
        if matches!(self.kind, RowKind::Record(_)) { line.is_empty() } else { line.trim_ascii().is_empty() }
    }

    fn end_of(&self, from: usize) -> End {
        let text = self.text();
        let line = memchr(b'\n', &text[from..]).map(|length| from + length);
        let first_line = &text[from..line.unwrap_or(text.len())];
        match (self.kind, line) {
            (RowKind::Record(quotes), _) if memchr(b'"', first_line).is_some() => {
                self.end_of_record(from, from + first_line.len(), quotes.delimiter)
            }
            (_, Some(end)) => End::line(text, from, end),
            (_, None) if self.is_at_end => End::line(text, from, text.len()),
            (_, None) => End::Beyond { open: None },
        }
    }

    /// The same for a record with quotes, whose first line ends at `line`.
    fn end_of_record(&self, from: usize, line: usize, delimiter: u8) -> End {
        let text = self.text();
        let mut at = from;
        let end = loop {
            if text.get(at) == Some(&b'"') {
                match after_quotes(text, at, self.is_at_end) {
                    Some(after) => at = after,
                    None => return End::Beyond { open: Some(at) },
                }
            }
            match memchr2(delimiter, b'\n', &text[at..]) {
                Some(length) if text[at + length] == delimiter => at += length + 1,
                Some(length) => break at + length,
                None if self.is_at_end => break text.len(),
                None => return End::Beyond { open: None },
            }
        };
        let next = (end + 1).min(text.len());
        End::At { end: without_return(text, from, end), next, is_one_line: end == line }
    }

    /// Reads until there is a block of rest, or the end.
    fn fill(&mut self) -> Result<(), DataError> {
        let rest = self.block.len() - self.at;
        if self.is_at_end || rest >= BLOCK_BYTES / 2 {
            return Ok(());
        }
        self.grow()
    }

    /// Reads another block, which begins with the rest.
    fn grow(&mut self) -> Result<(), DataError> {
        let rest = self.block.len() - self.at;
        if rest > ROW_BYTES_MAX {
            let message = format!(
                "{}: the row in line {} is longer than {} MiB",
                self.file,
                self.lines + 1,
                ROW_BYTES_MAX >> 20
            );
            return Err(DataError::input(message).remedy("is a quote not closed, or are there no line ends?"));
        }
        let mut block = self.free_block();
        block.clear();
        block.reserve_exact(rest + BLOCK_BYTES);
        block.extend_from_slice(&self.text()[self.at..]);
        let read = self.reader.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut block);
        let read = read.map_err(|error| Packing::unreadable(&self.file, &error))?;
        self.earlier.push(std::mem::replace(&mut self.block, Arc::new(block)));
        self.at = 0;
        self.is_at_end = read < BLOCK_BYTES;
        let is_first = self.bytes == 0;
        self.bytes += read as u64;
        if is_first {
            self.skip_mark();
        }
        Ok(())
    }

    /// An earlier block whose rows are gone, or a new one.
    fn free_block(&mut self) -> Vec<u8> {
        let free = self.earlier.iter().position(|block| Arc::strong_count(block) == 1);
        free.and_then(|free| Arc::into_inner(self.earlier.swap_remove(free))).unwrap_or_default()
    }

    /// A byte order mark is no part of the text.
    fn skip_mark(&mut self) {
        if self.text().starts_with(b"\xEF\xBB\xBF") {
            self.at = 3;
        }
    }
}

/// The position after the quote that closes the one at `at`; `None` if the text does not contain it.
pub fn after_quotes(text: &[u8], mut at: usize, is_at_end: bool) -> Option<usize> {
    loop {
        at += 1 + memchr(b'"', &text[at + 1..])? + 1;
        match text.get(at) {
            Some(b'"') => continue,
            // the next byte may be the other half of a doubled quote
            None if !is_at_end => return None,
            _ => return Some(at),
        }
    }
}

/// Why a row is not text.
pub fn not_utf8(error: std::str::Utf8Error) -> String {
    format!(
        "byte {} is not valid UTF-8; convert the file, such as with `iconv -f WINDOWS-1252 -t UTF-8`",
        error.valid_up_to() + 1
    )
}

/// The cells of a record.
///
/// # Errors
/// What is wrong with it: it is not UTF-8, or text follows a closing quote.
pub fn cells(record: &[u8], delimiter: u8) -> Result<Vec<Cow<'_, str>>, String> {
    let text = std::str::from_utf8(record).map_err(not_utf8)?;
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
            end = memchr(delimiter, &record[at..]).map_or(record.len(), |length| at + length);
            cells.push(Cow::Borrowed(&text[at..end]));
        }
        match record.get(end) {
            None => return Ok(cells),
            Some(byte) if *byte == delimiter => at = end + 1,
            Some(_) => return Err(format!("text follows the closing quote of cell {}", cells.len())),
        }
    }
}

/// Where the JSON value that begins at `at` ends; `None` where it does not within the text.
fn end_of_value(text: &[u8], at: usize, in_array: bool) -> Option<usize> {
    if !matches!(text[at], b'{' | b'[' | b'"') {
        // not an object: what it is will be said of the row
        let ends = |byte: &u8| byte.is_ascii_whitespace() || (in_array && matches!(byte, b',' | b']'));
        return Some(text[at..].iter().position(ends).map_or(text.len(), |length| (at + length).max(at + 1)));
    }
    let (mut at, mut depth) = (at, 0usize);
    loop {
        match text.get(at)? {
            b'"' => {
                at += 1;
                loop {
                    at += memchr2(b'"', b'\\', text.get(at..)?)?;
                    if text[at] == b'"' {
                        break;
                    }
                    at += 2;
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// How many cells, in words.
pub fn counted(cells: usize) -> String {
    if cells == 1 { "1 cell".into() } else { format!("{cells} cells") }
}

/// Whether the lines of a record look like records of their own: a line between the first and the last has as many
/// cells as the header, or both of these have.
///
/// Delimiters count where they separate cells, and within the quoted cells that span lines; those within other quoted
/// cells do not.
fn may_be_records(record: &[u8], delimiter: u8, width: usize) -> bool {
    let mut found = vec![1];
    let mut at = 0;
    while at < record.len() {
        let end = match record[at] {
            b'"' => after_quotes(record, at, true).unwrap_or(record.len()),
            _ => memchr(delimiter, &record[at..]).map_or(record.len(), |length| at + length),
        };
        let cell = &record[at..end];
        let mut lines = cell.split(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            let is_alone = lines.peek().is_none() && line.len() == cell.len();
            if let Some(cells) = found.last_mut().filter(|_| !is_alone) {
                *cells += memchr_iter(delimiter, line).count();
            }
            if lines.peek().is_some() {
                found.push(1);
            }
        }
        if let Some(cells) = found.last_mut().filter(|_| end < record.len()) {
            *cells += 1;
        }
        at = end + 1;
    }
    let is_whole = |line: &usize| found[*line] == width;
    let last = found.len() - 1;
    (1..last).any(|line| is_whole(&line)) || (is_whole(&0) && is_whole(&last))
}

fn without_return(text: &[u8], from: usize, end: usize) -> usize {
    if end > from && text[end - 1] == b'\r' { end - 1 } else { end }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTES: Quotes = Quotes { delimiter: b',', multiline: false };

    fn rows(text: &str, quoted: bool) -> Result<Vec<String>, DataError> {
        split(text, if quoted { RowKind::Record(QUOTES) } else { RowKind::Line })
    }

    /// The records of a text after its header.
    fn records(text: &str, multiline: bool) -> Result<Vec<String>, DataError> {
        Ok(split(text, RowKind::Record(Quotes { multiline, ..QUOTES }))?.split_off(1))
    }

    fn split(text: &str, kind: RowKind) -> Result<Vec<String>, DataError> {
        let mut splitter = Splitter::new("x", Box::new(std::io::Cursor::new(text.as_bytes().to_vec())), kind);
        let mut found = Vec::new();
        if matches!(kind, RowKind::Record(_)) {
            found.extend(splitter.header()?.map(|header| String::from_utf8(header).unwrap()));
        }
        while let Some(lines) = splitter.next_lines()? {
            found.extend(lines.iter().map(|line| String::from_utf8(line.to_vec()).unwrap()));
        }
        Ok(found)
    }

    #[test]
    fn rows_end_at_line_ends_of_either_kind() {
        assert_eq!(rows("a\nb\r\n\n  \n\r\nc", false).unwrap(), ["a", "b", "c"]);
        assert_eq!(rows("", false).unwrap(), [""; 0]);
        assert_eq!(rows("\u{FEFF}a\n", false).unwrap(), ["a"]);
    }

    #[test]
    fn quotes_hold_line_ends_only_where_a_cell_begins_with_one() {
        assert_eq!(rows("k,l,m\na,\"b\nc\",d\ne,f\n", true).unwrap(), ["k,l,m", "a,\"b\nc\",d", "e,f"]);
        let text = "k,l\n\"a\"\"\n\"\"b\",1\r\nc\n";
        assert_eq!(rows(text, true).unwrap(), ["k,l", "\"a\"\"\n\"\"b\",1", "c"]);
        assert_eq!(rows("5\" pipe,x\nb,y\n", true).unwrap(), ["5\" pipe,x", "b,y"]);
        assert_eq!(rows("a,\"b\nc\",d\n", false).unwrap(), ["a,\"b", "c\",d"]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_an_error_that_names_the_line() {
        let failure = rows("a,b\n\nc,\"d\ne,f\n", true).unwrap_err();
        assert_eq!(failure.message, "x: a quote in line 3 is never closed");
        let failure = rows("a,b,c\n\"x\ny\",2,\"d\n", true).unwrap_err();
        assert_eq!(failure.message, "x: a quote in line 3 is never closed");
        let failure = rows("a,b\n1,2\n3,\"", true).unwrap_err();
        assert_eq!(failure.message, "x: a quote in line 3 is never closed");
    }

    #[test]
    fn a_stray_quote_joins_no_lines() {
        for (text, lines) in [
            // closed at the end of a later line, in the first, a middle or the last cell
            ("n,s\n0,CA\n2,\"CA\n4,TX\n3,NY\"\n5,CA\n", "3 to 5"),
            ("n,s\n2,\"CA\n3,NY\"\n", "2 to 3"),
            ("n,s\n\"2,CA\n3\",NY\n", "2 to 3"),
            ("n,s,t\n2,\"CA,x\n4,TX,y\n3,NY\",z\n", "2 to 4"),
            ("n,s,t\n1,\"a, b\",\"CA\n2,\"\"quoted\"\",z\n3,c,NY\"\n", "2 to 4"),
            // some of the lines in between are no records either
            ("n,s\n2,\"CA\n\nx,y,z\n4,TX\n3\"\n", "2 to 6"),
            // closed by the quote that opens a later cell, or by one that leaves a cell too many
            ("n,s\n2,\"CA\n3,\"NY\"\n", "2 to 3"),
            ("n,s,t\n2,\"CA\n3,NY\"\n", "2 to 3"),
            // the header
            ("n,\"s\n0,CA\n1,TX\"\n2,NY\n", "1 to 3"),
            // one column: every line could be a record
            ("n\n\"1\n2\"\n", "2 to 3"),
        ] {
            let failure = records(text, false).unwrap_err();
            let expected = format!("x: lines {lines} ");
            assert!(failure.message.starts_with(&expected), "{text:?}: {failure}");
        }
        // half a record is never one
        assert!(records("n,s\n2,\"CA\n3,\"NY\"\n", true).is_err());
    }

    #[test]
    fn a_cell_that_spans_lines_is_kept_where_it_can_be_nothing_else() {
        for text in [
            "id,name,note\n7,Bob,\"Dear Sir,\nyes.\n\nBob\"\n",
            "note,name,id\n\"Dear\nSir\",Bob,7\n",
            "id,note,name,more\n7,\"12 Main St\nSpringfield, IL\",Bob,\"a, b,\nc\"\n",
            "n,s\n1,\"CA\n\"\n",
        ] {
            assert_eq!(records(text, false).unwrap().len(), 1, "{text:?}");
        }
        for text in ["n,s\n2,\"CA\n3,NY\"\n", "n\n\"1\n2\"\n"] {
            assert_eq!(records(text, true).unwrap().len(), 1, "{text:?}");
        }
    }

    #[test]
    fn cells_are_what_delimiters_separate() {
        let found = |record: &str| {
            cells(record.as_bytes(), b',')
                .map(|cells| cells.iter().map(|c| c.to_string()).collect::<Vec<_>>())
        };
        assert_eq!(found("a,,b").unwrap(), ["a", "", "b"]);
        assert_eq!(found("a,").unwrap(), ["a", ""]);
        assert_eq!(found("\"a,b\",\"c\"\"d\",\"\",e\"f").unwrap(), ["a,b", "c\"d", "", "e\"f"]);
        assert_eq!(found("\"a\nb\"").unwrap(), ["a\nb"]);
        assert_eq!(found("ä,\"ö\"").unwrap(), ["ä", "ö"]);
        assert_eq!(found("\"a\"b,c").unwrap_err(), "text follows the closing quote of cell 1");
        assert!(cells(b"a,\xFFb", b',').unwrap_err().starts_with("byte 3 is not valid UTF-8; convert"));
        assert_eq!(cells(b"a,1;\"b;c\"", b';').unwrap(), ["a,1", "b;c"]);
    }

    #[test]
    fn json_values_are_elements_of_an_array_or_follow_one_another() {
        let values = |text: &str| split(text, RowKind::Value).map_err(|failure| failure.message);
        let (one, two) = ("{\"a\": \"]}\\\"\", \"b\": [1, {}]}", "{\n}");
        for text in [
            format!("[{one}, {two}]"),
            format!("\n [\n{one}\n,\n{two}\n]\n"),
            format!("{one}\n{two}\n"),
            format!("{one}{two}"),
        ] {
            assert_eq!(values(&text).unwrap(), [one, two], "{text}");
        }
        assert_eq!(values("[]").unwrap(), [""; 0]);
        assert_eq!(values("").unwrap(), [""; 0]);
        assert_eq!(values("[1, \"x\"]").unwrap(), ["1", "\"x\""]);
        for (text, wrong) in [
            ("[{}", "x: line 1: the array is never closed, so the file may have been cut off"),
            ("[{},", "x: line 1: the array is never closed, so the file may have been cut off"),
            ("[\n{\"a\": 1", "x: line 2: an object is never closed, so the file may have been cut off"),
            ("[{} {}]", "x: line 1: a comma is missing between two elements"),
            ("[{},\n,{}]", "x: line 2: an element is missing"),
            ("[{}]\n{}", "x: line 2: something follows the end of the array"),
        ] {
            assert_eq!(values(text).unwrap_err(), wrong, "{text}");
        }
        let row = format!("{{\"a\": \"{}\"}}", "x\\\\\\\"".repeat(999));
        let text = format!("[{}{row}]", format!("{row},\n").repeat(3 * BLOCK_BYTES / row.len()));
        let found = values(&text).unwrap();
        assert!(found.len() == 3 * BLOCK_BYTES / row.len() + 1 && found.iter().all(|found| *found == row));
    }

    #[test]
    fn rows_that_lie_across_blocks_are_whole() {
        for quoted in [false, true] {
            let row = format!("{},\"{}\"", "x".repeat(999), "y\"\"".repeat(300));
            let text = format!("{row}\n").repeat(3 * BLOCK_BYTES / row.len());
            let found = rows(&text, quoted).unwrap();
            assert_eq!(found.len(), 3 * BLOCK_BYTES / row.len());
            assert!(found.iter().all(|found| *found == row));
        }
    }
}
