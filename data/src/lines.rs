//! Where does one row of a text end and the next begin? Lines, or CSV records, whose quotes may hold line ends.
//!
//! Text is taken in blocks of a fixed size, so that where chunks end depends on the text alone.

use std::io::Read;

use memchr::{memchr, memchr2};

use super::chunk::CHUNK_ROWS;
use crate::error::DataError;

/// Text is read in blocks of this size.
const BLOCK_BYTES: usize = 4 << 20;
/// A longer row is taken for a mistake.
const ROW_BYTES_MAX: usize = 64 << 20;

/// Rows of text.
pub struct Lines {
    text: Vec<u8>,
    /// Where each row begins and ends, without its line end.
    spans: Vec<(u32, u32)>,
}

impl Lines {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Every row.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.spans.iter().map(|(start, end)| &self.text[*start as usize..*end as usize])
    }
}

/// Splits a text into rows.
pub struct Splitter {
    file: String,
    reader: Box<dyn Read + Send>,
    /// Whether quotes may hold line ends.
    quoted: bool,
    buffer: Vec<u8>,
    /// Where the rest begins in the buffer.
    at: usize,
    is_at_end: bool,
    /// How many rows were found, for messages.
    rows: u64,
    /// How many bytes were read.
    bytes: u64,
}

/// Where a row ends, and where the next begins.
enum End {
    At(usize, usize),
    /// Not within the text so far; whether a quote is open.
    Beyond {
        open: bool,
    },
}

impl Splitter {
    /// A splitter of a text; `quoted` where quotes may hold line ends, as in CSV.
    pub fn new(file: &str, reader: Box<dyn Read + Send>, quoted: bool) -> Splitter {
        Splitter {
            file: file.to_owned(),
            reader,
            quoted,
            buffer: Vec::new(),
            at: 0,
            is_at_end: false,
            rows: 0,
            bytes: 0,
        }
    }

    /// How many bytes were read.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes the first row, which is no row of data, off the text; `None` where there is none.
    ///
    /// # Errors
    /// Where the text cannot be read, or a quote is never closed.
    pub fn header(&mut self) -> Result<Option<Vec<u8>>, DataError> {
        let header = self.take(1)?;
        self.rows = 0;
        Ok(header.and_then(|lines| lines.iter().next().map(<[u8]>::to_vec)))
    }

    /// The next rows; `None` where there are no more.
    ///
    /// # Errors
    /// Where the text cannot be read, or a quote is never closed.
    pub fn next_lines(&mut self) -> Result<Option<Lines>, DataError> {
        self.take(CHUNK_ROWS)
    }

    fn take(&mut self, rows_max: usize) -> Result<Option<Lines>, DataError> {
        loop {
            self.fill()?;
            let (spans, next) = self.split(rows_max)?;
            if !spans.is_empty() {
                let start = self.at;
                let text = self.buffer[start..next].to_vec();
                let within = |(from, to): (usize, usize)| ((from - start) as u32, (to - start) as u32);
                self.at = next;
                self.rows += spans.len() as u64;
                return Ok(Some(Lines { text, spans: spans.into_iter().map(within).collect() }));
            }
            self.at = next;
            if self.is_at_end {
                return Ok(None);
            }
            self.grow()?;
        }
    }

    /// The rows that the buffer holds whole, without empty ones, and where the rest begins.
    fn split(&self, rows_max: usize) -> Result<(Vec<(usize, usize)>, usize), DataError> {
        let mut spans = Vec::new();
        let mut at = self.at;
        while spans.len() < rows_max && at < self.buffer.len() {
            match self.end_of(at) {
                End::At(end, next) => {
                    if !self.is_blank(&self.buffer[at..end]) {
                        spans.push((at, end));
                    }
                    at = next;
                }
                End::Beyond { open: true } if self.is_at_end => {
                    let row = self.rows + spans.len() as u64 + 1;
                    let help = "double a quote within quotes, and close every quote that is opened";
                    let message = format!("{}: a quote in row {row} is never closed", self.file);
                    return Err(DataError::input(message).remedy(help));
                }
                End::Beyond { .. } => break,
            }
        }
        Ok((spans, at))
    }

    /// Whether a line is no row. In CSV blanks are the text of a cell.
    fn is_blank(&self, line: &[u8]) -> bool {
        if self.quoted { line.is_empty() } else { line.trim_ascii().is_empty() }
    }

    fn end_of(&self, from: usize) -> End {
        let text = &self.buffer;
        let line = memchr(b'\n', &text[from..]).map(|length| from + length);
        let quote = self.quoted && memchr(b'"', &text[from..line.unwrap_or(text.len())]).is_some();
        match line {
            _ if quote => self.end_of_record(from),
            Some(end) => End::At(without_return(text, from, end), end + 1),
            None if self.is_at_end => End::At(without_return(text, from, text.len()), text.len()),
            None => End::Beyond { open: false },
        }
    }

    /// The same for a record with quotes.
    fn end_of_record(&self, from: usize) -> End {
        let text = &self.buffer;
        let mut at = from;
        loop {
            if text.get(at) == Some(&b'"') {
                match after_quotes(text, at, self.is_at_end) {
                    Some(after) => at = after,
                    None => return End::Beyond { open: true },
                }
            }
            match memchr2(b',', b'\n', &text[at..]) {
                Some(length) if text[at + length] == b',' => at += length + 1,
                Some(length) => return End::At(without_return(text, from, at + length), at + length + 1),
                None if self.is_at_end => return End::At(without_return(text, from, text.len()), text.len()),
                None => return End::Beyond { open: false },
            }
        }
    }

    /// Reads until there is a block of rest, or the end.
    fn fill(&mut self) -> Result<(), DataError> {
        let rest = self.buffer.len() - self.at;
        if self.is_at_end || rest >= BLOCK_BYTES / 2 {
            return Ok(());
        }
        self.grow()
    }

    /// Reads another block behind the rest.
    fn grow(&mut self) -> Result<(), DataError> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let rest = self.buffer.len();
        if rest > ROW_BYTES_MAX {
            let message =
                format!("{}: row {} is longer than {} MiB", self.file, self.rows + 1, ROW_BYTES_MAX >> 20);
            return Err(DataError::input(message).remedy("is a quote not closed, or are there no line ends?"));
        }
        let unreadable =
            |error: std::io::Error| DataError::input(format!("{}: cannot be read: {error}", self.file));
        let read = self
            .reader
            .by_ref()
            .take(BLOCK_BYTES as u64)
            .read_to_end(&mut self.buffer)
            .map_err(unreadable)?;
        self.is_at_end = read < BLOCK_BYTES;
        let is_first = self.bytes == 0;
        self.bytes += read as u64;
        if is_first {
            self.skip_mark()?;
        }
        Ok(())
    }

    /// A byte order mark is no part of the text; one of UTF-16 says that the text cannot be read.
    fn skip_mark(&mut self) -> Result<(), DataError> {
        if self.buffer.starts_with(b"\xEF\xBB\xBF") {
            self.at = 3;
        } else if self.buffer.starts_with(b"\xFF\xFE") || self.buffer.starts_with(b"\xFE\xFF") {
            let message = format!("{}: the text is in UTF-16", self.file);
            return Err(DataError::input(message).remedy("save it as UTF-8"));
        }
        Ok(())
    }
}

/// The position behind the quote that closes the one at `at`; `None` where it is not within the text.
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

fn without_return(text: &[u8], from: usize, end: usize) -> usize {
    if end > from && text[end - 1] == b'\r' { end - 1 } else { end }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, quoted: bool) -> Result<Vec<String>, DataError> {
        let mut splitter =
            Splitter::new("x", Box::new(std::io::Cursor::new(text.as_bytes().to_vec())), quoted);
        let mut found = Vec::new();
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
        assert_eq!(rows("a,\"b\nc\",d\ne,f\n", true).unwrap(), ["a,\"b\nc\",d", "e,f"]);
        assert_eq!(rows("\"a\"\"\n\"\"b\"\r\nc\n", true).unwrap(), ["\"a\"\"\n\"\"b\"", "c"]);
        assert_eq!(rows("5\" pipe,x\nb,y\n", true).unwrap(), ["5\" pipe,x", "b,y"]);
        assert_eq!(rows("a,\"b\nc\",d\n", false).unwrap(), ["a,\"b", "c\",d"]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_an_error_that_names_the_row() {
        let failure = rows("a,b\nc,\"d\ne,f\n", true).unwrap_err();
        assert_eq!(failure.message, "x: a quote in row 2 is never closed");
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
