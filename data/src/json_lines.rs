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

    /// Fills the columns of the fields; answers the columns to keep, and adds to the names that nobody asked for.
    pub fn fill(
        &self,
        intake: &Intake,
        lines: &Lines,
        columns: &mut Columns,
        faults: &mut Vec<RowFault>,
        ignored: &mut BTreeSet<String>,
    ) -> Vec<ArrayRef> {
        let mut kept: Vec<StringBuilder> = self.kept.iter().map(|_| StringBuilder::new()).collect();
        let mut found = vec![None; self.slots.len()];
        let mut scratch = String::new();
        for (row, line) in lines.iter().enumerate() {
            found.fill(None);
            match self.read(line, &mut found, ignored) {
                Ok(()) => {
                    for (index, slot) in self.fields.iter().enumerate() {
                        match intake.admit(index, reading(found[*slot], &mut scratch)) {
                            Ok(value) => columns.set(index, row, value),
                            Err(reason) => faults.push((row as u32, reason)),
                        }
                    }
                    for (builder, slot) in kept.iter_mut().zip(&self.kept) {
                        builder.append_option(found[*slot].filter(|text| *text != "null"));
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
        let slot = self.json.slots.get(name).copied();
        if slot.is_none() && !self.ignored.contains(name) && self.ignored.len() < IGNORED_MAX {
            self.ignored.insert(name.to_owned());
        }
        Ok(slot)
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
}
