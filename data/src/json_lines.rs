//! What does a line of JSON say? One object a line; numbers are read from their digits.
//!
//! A name that is absent, or `null`, is missing. A line that is no JSON object, that names a field twice, or that
//! is no UTF-8, is refused as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::StringBuilder;
use opus_ir::memory::Columns;
use opus_runtime::admission::Reading;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::chunk::{Body, Kept};
use super::columnar::RowFault;
use super::csv::{malformed, text_columns};
use super::intake::Intake;
use super::lines::{Lines, Splitter};
use super::source::Source;
use super::texts::{BLOCK_ROWS, Block, Texts, Usual};
use crate::error::DataError;

/// So many names that nobody asked for are told.
const IGNORED_MAX: usize = 100;

/// Which names of an object are read.
pub struct JsonLines {
    /// The slot of each name.
    slots: BTreeMap<String, usize>,
    /// By input index, the slot.
    fields: Vec<usize>,
    /// The slots to keep.
    kept: Vec<usize>,
}

/// A file of JSON lines.
pub struct JsonLinesSource {
    json: Arc<JsonLines>,
    splitter: Splitter,
    kept: Vec<Kept>,
}

impl JsonLinesSource {
    /// Opens a file.
    pub fn open(file: &str, reader: Box<dyn Read + Send>, intake: &Intake) -> JsonLinesSource {
        let splitter = Splitter::new(file, reader, None);
        JsonLinesSource { json: Arc::new(JsonLines::new(intake)), splitter, kept: text_columns(intake, true) }
    }
}

impl Source for JsonLinesSource {
    fn next(&mut self) -> Result<Option<(usize, Body)>, DataError> {
        let lines = self.splitter.next_lines()?;
        Ok(lines.map(|lines| (lines.len(), Body::JsonLines(self.json.clone(), lines))))
    }

    fn kept(&self) -> &[Kept] {
        &self.kept
    }

    fn ignored(&self) -> &[String] {
        &[]
    }

    fn bytes(&self) -> u64 {
        self.splitter.bytes()
    }
}

impl JsonLines {
    fn new(intake: &Intake) -> JsonLines {
        let mut slots = BTreeMap::new();
        let mut slot = |name: &str| {
            let next = slots.len();
            *slots.entry(name.to_owned()).or_insert(next)
        };
        let fields = (0..intake.schema.inputs.len()).map(|index| slot(intake.column(index))).collect();
        let kept = intake.keep.iter().map(|name| slot(name)).collect();
        JsonLines { slots, fields, kept }
    }

    /// Fills the columns of the fields; answers the columns to keep, and adds to the names that nobody asked for. Faults
    /// are added in no order of rows.
    pub fn fill(
        &self,
        intake: &Intake,
        lines: &Lines,
        columns: &mut Columns,
        faults: &mut Vec<RowFault>,
        ignored: &mut BTreeSet<String>,
    ) -> Vec<ArrayRef> {
        let usual: Vec<Usual> = (0..self.fields.len()).map(|index| Usual::new(intake, index)).collect();
        let mut kept: Vec<StringBuilder> = self.kept.iter().map(|_| StringBuilder::new()).collect();
        let whole: Option<Vec<&str>> = lines.texts().map(Iterator::collect);
        let lines: Vec<&[u8]> = lines.iter().collect();
        let width = self.slots.len();
        let mut scanner = Scanner::new(self);
        let mut texts = Vec::with_capacity(BLOCK_ROWS * width);
        for (block, lines) in lines.chunks(BLOCK_ROWS).enumerate() {
            texts.clear();
            let first_row = block * BLOCK_ROWS;
            let (mut set_aside, mut wrongs) = ([false; BLOCK_ROWS], Vec::new());
            for (row, line) in lines.iter().enumerate() {
                let start = texts.len();
                texts.resize(start + width, None);
                let mut read = Ok(());
                let text = match &whole {
                    Some(texts) => Some(texts[first_row + row]),
                    None => std::str::from_utf8(line).ok(),
                };
                if !text.is_some_and(|text| scanner.read(text, &mut texts[start..], ignored)) {
                    texts[start..].fill(None);
                    read = self.read(line, &mut texts[start..], ignored);
                }
                if let Err(wrong) = read {
                    texts[start..].fill(None);
                    set_aside[row] = true;
                    wrongs.push((row, malformed(wrong, line)));
                }
                for (builder, slot) in kept.iter_mut().zip(&self.kept) {
                    builder.append_option(texts[start + slot].filter(|text| *text != "null"));
                }
            }
            let texts = Block { first_row, rows: lines.len(), width, cells: &texts, set_aside: &set_aside };
            for (index, (slot, usual)) in self.fields.iter().zip(&usual).enumerate() {
                texts.fill::<Values>(intake, (index, usual), *slot, columns, faults);
            }
            faults.extend(wrongs.into_iter().map(|(row, wrong)| ((first_row + row) as u32, wrong)));
        }
        kept.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef).collect()
    }

    /// The slot of a name; a name that nobody asked for is noted.
    fn slot(&self, name: &str, ignored: &mut BTreeSet<String>) -> Option<usize> {
        let slot = self.slots.get(name).copied();
        if slot.is_none() && !ignored.contains(name) && ignored.len() < IGNORED_MAX {
            ignored.insert(name.to_owned());
        }
        slot
    }

    /// Reads a line: for each slot, the text of its JSON value.
    fn read<'a>(
        &self,
        line: &'a [u8],
        found: &mut [Option<&'a str>],
        ignored: &mut BTreeSet<String>,
    ) -> Result<(), String> {
        let text = std::str::from_utf8(line)
            .map_err(|error| format!("byte {} is not valid UTF-8", error.valid_up_to() + 1))?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let object = Object { json: self, found, ignored };
        let read = deserializer.deserialize_map(object).and_then(|()| deserializer.end());
        read.map_err(|error| in_words(text, &error))?;
        // a value is looked at later, but whether it can be read is a matter of the line
        let is_broken = |text: &&str| text.contains('\\') && serde_json::from_str::<String>(text).is_err();
        match found.iter().flatten().find(|text| text.starts_with('"') && is_broken(text)) {
            Some(text) => Err(format!("the text {text} has half a character in it")),
            None => Ok(()),
        }
    }
}

/// JSON values.
struct Values;

impl Texts for Values {
    fn plain(text: &str, is_quoted: bool) -> Option<&[u8]> {
        match text.as_bytes() {
            // what an escape stands for is found out elsewhere
            [b'"', text @ .., b'"'] if is_quoted && !text.contains(&b'\\') => Some(text),
            text if !is_quoted => Some(text),
            _ => None,
        }
    }

    fn is_missing(text: &str) -> bool {
        text == "null"
    }

    fn reading<'t>(text: Option<&'t str>, scratch: &'t mut String) -> Reading<'t> {
        reading(text, scratch)
    }
}

/// Reads lines as programs write them: flat objects whose names and texts have no escapes.
struct Scanner<'s> {
    json: &'s JsonLines,
    /// Names of the lines so far, in quotes, each with its slot: the next line mostly has the same in the same order.
    names: Vec<(Vec<u8>, Option<usize>)>,
}

/// So many names are remembered.
const NAMES_MAX: usize = 1_000;

impl<'s> Scanner<'s> {
    fn new(json: &'s JsonLines) -> Scanner<'s> {
        Scanner { json, names: Vec::new() }
    }

    /// Finds the text of the value of each slot. Answers false where the line is written in another way, or may be
    /// wrong: [`JsonLines::read`] knows.
    fn read<'a>(
        &mut self,
        line: &'a str,
        found: &mut [Option<&'a str>],
        ignored: &mut BTreeSet<String>,
    ) -> bool {
        self.scan(line, found, ignored).is_some()
    }

    fn scan<'a>(
        &mut self,
        text: &'a str,
        found: &mut [Option<&'a str>],
        ignored: &mut BTreeSet<String>,
    ) -> Option<()> {
        let line = text.as_bytes();
        let mut at = blanks(line, 0);
        let mut number = 0;
        (line.get(at) == Some(&b'{')).then_some(())?;
        loop {
            at = blanks(line, at + 1);
            let (slot, after) = self.name(line, at, &mut number, ignored)?;
            at = blanks(line, after);
            (line.get(at) == Some(&b':')).then_some(())?;
            at = blanks(line, at + 1);
            let end = value_end(line, at)?;
            if slot.is_some_and(|slot| found[slot].replace(&text[at..end]).is_some()) {
                return None;
            }
            at = blanks(line, end);
            match line.get(at)? {
                b',' => {}
                b'}' => return (blanks(line, at + 1) == line.len()).then_some(()),
                _ => return None,
            }
        }
    }

    /// The slot of the name that begins at `at`, and where it ends. It is looked for among the known names from `next`
    /// on, which then is the place of the name after it.
    fn name(
        &mut self,
        line: &[u8],
        at: usize,
        next: &mut usize,
        ignored: &mut BTreeSet<String>,
    ) -> Option<(Option<usize>, usize)> {
        let rest = line.get(at..)?;
        let known = |(_, (name, _)): &(usize, &(Vec<u8>, Option<usize>))| rest.starts_with(name);
        let (before, after) = self.names.split_at((*next).min(self.names.len()));
        let found = after.iter().enumerate().map(|(index, name)| (before.len() + index, name)).find(known);
        if let Some((index, (name, slot))) = found.or_else(|| before.iter().enumerate().find(known)) {
            *next = index + 1;
            return Some((*slot, at + name.len()));
        }
        let end = text_end(line, at)?;
        let name = std::str::from_utf8(&line[at + 1..end - 1]).ok()?;
        let slot = self.json.slot(name, ignored);
        if self.names.len() < NAMES_MAX {
            self.names.push((line[at..end].to_vec(), slot));
            *next = self.names.len();
        }
        Some((slot, end))
    }
}

/// Where the blanks from `at` on end.
fn blanks(line: &[u8], mut at: usize) -> usize {
    while matches!(line.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

/// Where a text without escapes ends that begins at `at`.
fn text_end(line: &[u8], at: usize) -> Option<usize> {
    let rest = line.get(at..)?.strip_prefix(b"\"")?;
    let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
    (rest[length] == b'"').then_some(at + length + 2)
}

/// Where a value ends that begins at `at`: a text without escapes, a number without an exponent, or a word.
fn value_end(line: &[u8], at: usize) -> Option<usize> {
    let rest = line.get(at..)?;
    match rest.first()? {
        b'"' => text_end(line, at),
        b'n' if rest.starts_with(b"null") => Some(at + 4),
        b't' if rest.starts_with(b"true") => Some(at + 4),
        b'f' if rest.starts_with(b"false") => Some(at + 5),
        _ => {
            let digits = |from: usize| rest[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            let start = (rest[0] == b'-') as usize;
            let whole = digits(start);
            if whole == 0 || (whole > 1 && rest[start] == b'0') {
                return None;
            }
            let mut end = start + whole;
            if rest.get(end) == Some(&b'.') {
                let fraction = digits(end + 1);
                if fraction == 0 {
                    return None;
                }
                end += 1 + fraction;
            }
            Some(at + end)
        }
    }
}

/// What was wrong with a line, without the number of the line, which is always 1.
fn in_words(line: &str, error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    match error.column() {
        _ if !line.trim_start().starts_with('{') => {
            "the line is no JSON object: it does not begin with `{`".into()
        }
        _ if error.is_eof() => "the line ends within its JSON object: each object stands on one line".into(),
        0 => text.to_owned(),
        column => format!("the line is no JSON object: {text} at character {column}"),
    }
}

/// What the text of a JSON value says; `scratch` keeps what a text with escapes stands for.
fn reading<'a>(text: Option<&'a str>, scratch: &'a mut String) -> Reading<'a> {
    let Some(text) = text else { return Reading::Missing };
    match text.as_bytes()[0] {
        b'n' => Reading::Missing,
        b't' => Reading::Bool(true),
        b'f' => Reading::Bool(false),
        b'[' => Reading::Other("an array"),
        b'{' => Reading::Other("an object"),
        b'"' if !text.contains('\\') => Reading::Text(&text[1..text.len() - 1]),
        b'"' => {
            *scratch = unquoted(text);
            Reading::Text(scratch)
        }
        _ => Reading::Number(text),
    }
}

/// The text that a JSON value stands for in a format without JSON: texts without quotes and escapes.
pub fn unquoted(text: &str) -> String {
    match text.as_bytes().first() {
        Some(b'"') => serde_json::from_str(text).unwrap_or_default(),
        _ => text.to_owned(),
    }
}

/// An object that is being read.
struct Object<'s, 'a> {
    json: &'s JsonLines,
    found: &'s mut [Option<&'a str>],
    ignored: &'s mut BTreeSet<String>,
}

impl<'a> Visitor<'a> for Object<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        loop {
            let name = Name { json: self.json, ignored: self.ignored };
            match map.next_key_seed(name)? {
                None => return Ok(()),
                Some(None) => drop(map.next_value::<IgnoredAny>()?),
                Some(Some(slot)) => {
                    let value: &'a RawValue = map.next_value()?;
                    if self.found[slot].replace(value.get()).is_some() {
                        let name =
                            self.json.slots.iter().find(|(_, of)| **of == slot).map_or("", |(name, _)| name);
                        return Err(M::Error::custom(format!("`{name}` stands twice in the line")));
                    }
                }
            }
        }
    }
}

/// A name that is being read, to find its slot.
struct Name<'s> {
    json: &'s JsonLines,
    ignored: &'s mut BTreeSet<String>,
}

impl<'a> DeserializeSeed<'a> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.json.slot(name, self.ignored))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{every_kind, intake};

    #[test]
    fn what_is_wrong_with_a_line_is_told_in_words() {
        let json = JsonLines::new(&intake(&every_kind(), "", &[]));
        for (line, words) in [
            (r#""count": 5,"#, "the line is no JSON object: it does not begin with `{`"),
            ("[1]", "the line is no JSON object: it does not begin with `{`"),
            (r#"{"count": 5,"#, "the line ends within its JSON object: each object stands on one line"),
            (r#"{"count": 05}"#, "the line is no JSON object: invalid number at character 12"),
            (r#"{"count": 5} {}"#, "the line is no JSON object: trailing characters at character 14"),
            (r#"{"count": 5, "count": 6}"#, "`count` stands twice"),
        ] {
            let mut found = vec![None; json.slots.len()];
            let wrong = json.read(line.as_bytes(), &mut found, &mut BTreeSet::new()).unwrap_err();
            assert!(wrong.contains(words), "{line}: {wrong}");
        }
    }

    #[test]
    fn lines_that_are_scanned_are_read_as_elsewhere() {
        let json = JsonLines::new(&intake(&every_kind(), "", &["other"]));
        let mut scanner = Scanner::new(&json);
        let mut scanned = 0;
        for line in [
            r#"{"count": 5, "other": "x", "beside": [1, {"a": 2}]}"#,
            r#"{"count":5,"other":"x","beside":true}"#,
            r#"{"other":"x","count":-0.50}"#,
            r#" { "count" : null , "other" : "é" } "#,
            r#"{"count": 05}"#,
            r#"{"count": 5.}"#,
            r#"{"count": 1e3}"#,
            r#"{"count": -}"#,
            r#"{"count": nul}"#,
            r#"{"count": nullx}"#,
            r#"{"count": 5,}"#,
            r#"{"count": 5} x"#,
            r#"{"count": 5"#,
            r#"{"count": 5, "count": 6}"#,
            r#"{"count": null, "count": null}"#,
            r#"{"count\u0031": 5}"#,
            r#"{"count": "a\\b", "other": "\ud800"}"#,
            "{\"other\": \"a\u{1}b\"}",
            "{\"other\": \"a\tb\"}",
            "{}",
            "{ }",
            "",
            "[1]",
            "{\"other\": \"x\"}}",
        ] {
            let (mut quick, mut slow) = (vec![None; json.slots.len()], vec![None; json.slots.len()]);
            let (mut beside, mut expected) = (BTreeSet::new(), BTreeSet::new());
            let read = json.read(line.as_bytes(), &mut slow, &mut expected);
            if scanner.read(line, &mut quick, &mut beside) {
                scanned += 1;
                assert_eq!(read, Ok(()), "{line}");
                assert_eq!(quick, slow, "{line}");
            }
            // whatever is cut off is wrong, and so is whatever is added
            for end in (0..line.len()).filter(|end| line.is_char_boundary(*end)) {
                let (mut quick, mut slow) = (vec![None; json.slots.len()], vec![None; json.slots.len()]);
                let is_scanned = scanner.read(&line[..end], &mut quick, &mut BTreeSet::new());
                let read = json.read(&line.as_bytes()[..end], &mut slow, &mut BTreeSet::new());
                assert!(!is_scanned || (read.is_ok() && quick == slow), "{}", &line[..end]);
            }
        }
        assert_eq!(scanned, 3, "lines as programs write them are scanned");
    }
}
