//! What does a JSON object say? Numbers are read from their digits.
//!
//! A name that is absent, or `null`, is missing. An object that cannot be read, that has a wanted name twice or in
//! another case, or that is not UTF-8, is refused as a whole; where the first object has a name in another case, the
//! file is.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::StringBuilder;
use opus_ir::memory::Columns;
use opus_runtime::admission::{Reading, json};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::chunk::{Body, ColumnData, Kept, Read};
use crate::columnar::RowFault;
use crate::error::DataError;
use crate::find::{self, Prefix};
use crate::given::Given;
use crate::intake::Intake;
use crate::lines::{Lines, RowKind, Splitter, not_utf8};
use crate::seen::Seen;
use crate::source::{Opened, Request, Rows, Source};
use crate::texts::{BLOCK_ROWS, Block, Texts, Usual, malformed};

/// At most this many ignored names are reported.
const IGNORED_MAX: usize = 1_000;

/// Opens a file with an object a line.
///
/// # Errors
/// Where it cannot be read.
pub fn open_lines(of: &Request<'_>) -> Result<Opened, DataError> {
    of.text(|text| Ok(Box::new(JsonLinesSource::open(&of.file, text, RowKind::Line, of.intake, of.given))))
}

/// Opens a file with an array of objects, or with one object after another.
///
/// # Errors
/// Where it cannot be read.
pub fn open_array(of: &Request<'_>) -> Result<Opened, DataError> {
    of.text(|text| Ok(Box::new(JsonLinesSource::open(&of.file, text, RowKind::Value, of.intake, of.given))))
}

/// Which names of an object are read.
struct JsonLines {
    /// The slot of each name, in lower case where case is ignored.
    slots: BTreeMap<String, usize>,
    /// The same names in lower case, where case matters.
    lower: BTreeMap<String, usize>,
    ignores_case: bool,
    /// Values within objects, which have the slots after those of names.
    nested: Vec<Nested>,
    /// Input indices, each with its slot.
    fields: Vec<(usize, usize)>,
    /// The slots to keep.
    kept: Vec<usize>,
}

/// A value within an object.
struct Nested {
    /// The slot of the whole name, where a name with dots may be that of a value of its own; it wins.
    own: Option<usize>,
    /// The slot of the outermost object.
    slot: usize,
    /// The names from there on.
    path: Vec<String>,
}

/// What a name is to the reader.
enum Slot {
    Wanted(usize),
    /// It differs from a wanted name only in case.
    OtherCase(usize),
    Unknown,
}

/// A file of JSON objects.
struct JsonLinesSource {
    json: Arc<JsonLines>,
    splitter: Splitter,
    kept: Vec<Option<Kept>>,
    file: String,
    is_begun: bool,
}

impl JsonLinesSource {
    /// Opens a file whose rows are lines or values.
    fn open(
        file: &str,
        reader: Box<dyn io::Read + Send>,
        kind: RowKind,
        intake: &Intake,
        given: &Given,
    ) -> JsonLinesSource {
        JsonLinesSource {
            json: Arc::new(JsonLines::new(intake, given)),
            splitter: Splitter::new(file, reader, kind),
            kept: intake.keep.iter().map(|name| Some(Kept::text(name, true))).collect(),
            file: file.to_owned(),
            is_begun: false,
        }
    }
}

impl Source for JsonLinesSource {
    fn next(&mut self) -> Result<Option<Rows>, DataError> {
        let lines = self.splitter.next_lines()?;
        if !std::mem::replace(&mut self.is_begun, true)
            && let Some(first) = lines.as_ref().and_then(|lines| lines.iter().next())
        {
            self.json.check_names(&self.file, first)?;
        }
        let objects =
            |lines: Lines| (lines.len(), Box::new(Objects(self.json.clone(), lines)) as Box<dyn Body>);
        Ok(lines.map(objects))
    }

    fn kept(&self) -> &[Option<Kept>] {
        &self.kept
    }

    fn ignored(&self) -> &[String] {
        &[]
    }

    fn bytes(&self) -> u64 {
        self.splitter.bytes()
    }
}

/// Objects of a file.
struct Objects(Arc<JsonLines>, Lines);

impl Body for Objects {
    fn fill(
        self: Box<Self>,
        intake: &Intake,
        columns: &mut Columns,
        faults: &mut Vec<RowFault>,
    ) -> Result<Read, DataError> {
        let Objects(json, lines) = *self;
        let mut seen = Seen::default();
        let kept = json.fill(intake, &lines, columns, faults, &mut seen).into_iter();
        let kept = kept.map(|column| Some(ColumnData::from(column))).collect();
        let held = json.fields.iter().map(|(index, _)| *index).collect();
        let ignored = seen.unread.keys().cloned().collect();
        Ok(Read { kept, held, is_json: true, ignored, seen: Some(seen) })
    }

    fn names(&self, row: usize) -> Vec<String> {
        let Objects(_, lines) = self;
        let line = lines.iter().nth(row).and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default();
        let mut names = Vec::new();
        // if the line is not an object, the row is refused
        let _ = json::members(line, |name, _| names.push(name.to_owned()));
        names
    }
}

impl JsonLines {
    fn new(intake: &Intake, given: &Given) -> JsonLines {
        let ignores_case = intake.mapping.ignore_case;
        let mut slots = BTreeMap::new();
        let mut slot = |name: &str| {
            let next = slots.len();
            let name = if ignores_case { name.to_lowercase() } else { name.to_owned() };
            *slots.entry(name).or_insert(next)
        };
        let fields = (0..intake.schema.inputs.len()).filter(|index| !given.is_absent(*index));
        let mut fields: Vec<(usize, usize)> =
            fields.map(|index| (index, slot(intake.column(index)))).collect();
        let kept = intake.keep.iter().map(|name| slot(name)).collect();
        let way = |(position, (index, own)): (usize, &(usize, usize))| {
            let mapping = intake.field_mapping(*index);
            let way = mapping.way()?;
            let nested = Nested {
                own: mapping.may_be_column().then_some(*own),
                slot: slot(way[0]),
                path: way[1..].iter().map(|name| (*name).to_owned()).collect(),
            };
            Some((position, nested))
        };
        let (nested_fields, nested): (Vec<usize>, Vec<Nested>) =
            fields.iter().enumerate().filter_map(way).unzip();
        // a renamed field may have either name, but not both
        for (index, slot) in &fields {
            if let Some(also) = &intake.field_mapping(*index).also {
                let also = if ignores_case { also.to_lowercase() } else { also.clone() };
                slots.entry(also).or_insert(*slot);
            }
        }
        let lower = slots.iter().map(|(name, slot)| (name.to_lowercase(), *slot)).collect();
        for (number, position) in nested_fields.into_iter().enumerate() {
            fields[position].1 = slots.len() + number;
        }
        JsonLines { slots, lower, ignores_case, nested, fields, kept }
    }

    /// How many slots there are.
    fn width(&self) -> usize {
        self.slots.len() + self.nested.len()
    }

    fn slot(&self, name: &str) -> Slot {
        let wanted = match self.ignores_case {
            true => self.slots.get(&name.to_lowercase()),
            false => self.slots.get(name),
        };
        let other = || self.lower.get(&name.to_lowercase());
        match wanted {
            Some(slot) => Slot::Wanted(*slot),
            None if self.ignores_case => Slot::Unknown,
            None => other().map_or(Slot::Unknown, |slot| Slot::OtherCase(*slot)),
        }
    }

    fn name(&self, slot: usize) -> &str {
        self.slots.iter().find(|(_, of)| **of == slot).map_or("", |(name, _)| name)
    }

    /// Checks that the first object has no name in another case where the wanted one is absent: a header like that would
    /// be refused.
    fn check_names(&self, file: &str, line: &[u8]) -> Result<(), DataError> {
        let mut found = vec![None; self.width()];
        match self.read(line, &mut found, &mut BTreeMap::new()) {
            Err(Wrong::Case { found, slot }) => {
                let message = format!("{file}: there is no `{}`, but there is `{found}`", self.name(slot));
                let help = "name the column in a mapping file, or write at its top: ignore_case = true";
                Err(DataError::unmapped(message).remedy(help))
            }
            _ => Ok(()),
        }
    }

    /// Finds the values within objects. Where an object is `null`, so is each of its members.
    ///
    /// # Errors
    /// Where there is something other than an object on the way.
    fn descend(&self, found: &mut [Option<&str>]) -> Result<(), String> {
        for (index, nested) in self.nested.iter().enumerate() {
            let own = nested.own.and_then(|own| found[own]);
            found[self.slots.len() + index] = match own {
                Some(own) => Some(own),
                None => self.member_of(found[nested.slot], nested)?,
            };
        }
        Ok(())
    }

    /// The value at the end of a way.
    fn member_of<'a>(&self, outermost: Option<&'a str>, nested: &Nested) -> Result<Option<&'a str>, String> {
        let mut value = outermost;
        for (depth, name) in nested.path.iter().enumerate() {
            value = match value {
                Some(object) if object.starts_with('{') => member(object, name, self.ignores_case)?,
                None | Some("null") => return Ok(value),
                Some(other) => {
                    let way = std::iter::once(self.name(nested.slot));
                    let way = way.chain(nested.path[..depth].iter().map(String::as_str));
                    let way: Vec<&str> = way.collect();
                    let way = way.join(".");
                    return Err(match other.starts_with('[') {
                        true => format!(
                            "`{way}` is an array, so that `{name}` is in each of its elements, and a field is one value"
                        ),
                        false => format!("`{way}` is not an object, so it has no `{name}`"),
                    });
                }
            };
        }
        Ok(value)
    }

    /// Whether a value that is wanted was not found because this name is absent.
    fn is_lacking(&self, slot: usize, found: &[Option<&str>]) -> bool {
        let is_own = self.kept.contains(&slot) || self.fields.iter().any(|(_, of)| *of == slot);
        let mut nested = self.nested.iter().enumerate();
        found[slot].is_none()
            && (is_own
                || nested.any(|(index, nested)| {
                    (nested.own == Some(slot) || nested.slot == slot)
                        && found[self.slots.len() + index].is_none()
                }))
    }

    /// Fills the columns of the fields; returns the columns to keep, and notes which names the objects have. Faults are
    /// added in any order.
    fn fill(
        &self,
        intake: &Intake,
        lines: &Lines,
        columns: &mut Columns,
        faults: &mut Vec<RowFault>,
        seen: &mut Seen,
    ) -> Vec<ArrayRef> {
        let usual: Vec<Usual> = self.fields.iter().map(|(index, _)| Usual::new(intake, *index)).collect();
        let mut kept: Vec<StringBuilder> = self.kept.iter().map(|_| StringBuilder::new()).collect();
        let lines = lines.rows();
        let width = self.width();
        let fill = |(index, slot): &(usize, usize)| {
            // a name that is absent is missing as it is
            let fill = intake.field_mapping(*index).fill.as_ref()?.as_ref()?;
            Some((*slot, serde_json::to_string(fill).expect("a text is JSON")))
        };
        let fills: Vec<(usize, String)> = self.fields.iter().filter_map(fill).collect();
        let mut scanner = Scanner::new(self);
        let mut texts = Vec::with_capacity(BLOCK_ROWS * width);
        let (mut is_kept, mut named) = (vec![false; self.kept.len()], vec![0u64; self.fields.len()]);
        for (block, lines) in lines.chunks(BLOCK_ROWS).enumerate() {
            texts.clear();
            let first_row = block * BLOCK_ROWS;
            let (mut set_aside, mut wrongs) = ([false; BLOCK_ROWS], Vec::new());
            for (row, (line, text)) in lines.iter().enumerate() {
                let start = texts.len();
                texts.resize(start + width, None);
                let mut read = Ok(());
                if !text.is_some_and(|text| scanner.read(text, &mut texts[start..])) {
                    texts[start..].fill(None);
                    read = self.read(line, &mut texts[start..], &mut seen.unread);
                }
                for (position, (builder, slot)) in kept.iter_mut().zip(&self.kept).enumerate() {
                    // a name in another case does not make the other values unreadable
                    let is_read = matches!(read, Ok(()) | Err(Wrong::Case { .. }));
                    let text = texts[start + slot].filter(|_| is_read);
                    is_kept[position] |= text.is_some();
                    builder.append_option(text.filter(|text| *text != "null"));
                }
                if let Err(wrong) = read {
                    texts[start..].fill(None);
                    set_aside[row] = true;
                    wrongs.push((row, malformed(wrong.in_words(self), line)));
                }
            }
            let objects = set_aside[..lines.len()].iter().filter(|is_aside| !**is_aside).count();
            seen.objects += objects as u64;
            for ((_, slot), named) in self.fields.iter().zip(&mut named) {
                // the texts of rows that are set aside are gone
                *named += (0..lines.len()).filter(|row| texts[row * width + slot].is_some()).count() as u64;
            }
            for (slot, fill) in &fills {
                // `null` is a value that is missing; a name that is absent is one that the file lacks
                let rows = texts.chunks_mut(width).zip(&set_aside).filter(|(_, is_aside)| !**is_aside);
                rows.for_each(|(row, _)| _ = row[*slot].get_or_insert(fill.as_str()));
            }
            let texts = Block { first_row, rows: lines.len(), width, cells: &texts, set_aside: &set_aside };
            for ((index, slot), usual) in self.fields.iter().zip(&usual) {
                texts.fill::<Values>(intake, (*index, usual), *slot, columns, faults);
            }
            faults.extend(wrongs.into_iter().map(|(row, wrong)| ((first_row + row) as u32, wrong)));
        }
        scanner.unread(&mut seen.unread);
        seen.kept.extend((0..kept.len()).filter(|position| is_kept[*position]));
        for ((index, _), named) in self.fields.iter().zip(named) {
            seen.fields.extend((named > 0).then_some(*index));
            seen.lacking.insert(*index, seen.objects - named);
        }
        kept.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef).collect()
    }

    /// Reads a line: for each slot, the text of its JSON value.
    fn read<'a>(
        &self,
        line: &'a [u8],
        found: &mut [Option<&'a str>],
        unread: &mut BTreeMap<String, u64>,
    ) -> Result<(), Wrong> {
        let text = std::str::from_utf8(line).map_err(|error| Wrong::Line(not_utf8(error)))?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let mut other_case = Vec::new();
        let object = Object { json: self, found, unread, other_case: &mut other_case };
        let read = deserializer.deserialize_map(object).and_then(|()| deserializer.end());
        read.map_err(|error| Wrong::Line(in_words(text, &error)))?;
        self.descend(found).map_err(Wrong::Line)?;
        if let Some((name, slot)) = other_case.into_iter().find(|(_, slot)| self.is_lacking(*slot, found)) {
            return Err(Wrong::Case { found: name, slot });
        }
        // a value is looked at later, but whether it can be read is a matter of the line
        let is_broken = |text: &&str| text.contains('\\') && serde_json::from_str::<String>(text).is_err();
        match found.iter().flatten().any(|text| text.starts_with('"') && is_broken(text)) {
            true => Err(Wrong::Line(malformed_in_words(text).unwrap_or_default())),
            false => Ok(()),
        }
    }
}

/// Notes that some objects have a name that is not asked for.
fn note(name: &str, rows: u64, unread: &mut BTreeMap<String, u64>) {
    if let Some(known) = unread.get_mut(name) {
        *known += rows;
    } else if unread.len() < IGNORED_MAX {
        unread.insert(name.to_owned(), rows);
    }
}

/// What is wrong with an object as a whole.
#[derive(PartialEq, Debug)]
enum Wrong {
    Line(String),
    /// A name differs from a wanted one only in case.
    Case {
        found: String,
        slot: usize,
    },
}

impl Wrong {
    fn in_words(self, json: &JsonLines) -> String {
        match self {
            Wrong::Line(words) => words,
            Wrong::Case { found, slot } => {
                format!("`{found}` differs from `{}` only in case", json.name(slot))
            }
        }
    }
}

/// The text of a member of an object.
fn member<'a>(object: &'a str, name: &str, ignores_case: bool) -> Result<Option<&'a str>, String> {
    let own = if ignores_case { name.to_lowercase() } else { name.to_owned() };
    let slots = BTreeMap::from([(own, 0)]);
    let lower = BTreeMap::from([(name.to_lowercase(), 0)]);
    let json =
        JsonLines { slots, lower, ignores_case, nested: Vec::new(), fields: Vec::new(), kept: vec![0] };
    let mut found = [None];
    let read = json.read(object.as_bytes(), &mut found, &mut BTreeMap::new());
    read.map(|()| found[0]).map_err(|wrong| wrong.in_words(&json))
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
    /// What the lines so far have before their values: the next line mostly has the same in the same order.
    heads: Vec<Head>,
    /// By head, in how many lines its name is; of names with a slot, 0.
    rows: Vec<u64>,
    /// The heads of this line whose names have no slot.
    unread: Vec<usize>,
}

/// What is before a value: a brace or a comma, a name and a colon, with blanks.
struct Head {
    text: Prefix,
    /// Where the name is in it, without quotes.
    name: Range<usize>,
    slot: Option<usize>,
    is_first: bool,
}

/// At most this many heads are remembered.
const HEADS_MAX: usize = 1_000;

impl<'s> Scanner<'s> {
    fn new(json: &'s JsonLines) -> Scanner<'s> {
        Scanner { json, heads: Vec::new(), rows: Vec::new(), unread: Vec::new() }
    }

    /// Finds the text of the value of each slot. Returns false if the line is written in another way or may be
    /// wrong, which [`JsonLines::read`] finds out.
    fn read<'a>(&mut self, line: &'a str, found: &mut [Option<&'a str>]) -> bool {
        self.unread.clear();
        let is_read = self.scan(line, found).is_some() && self.json.descend(found).is_ok();
        if is_read {
            self.unread.iter().for_each(|head| self.rows[*head] += 1);
        }
        is_read
    }

    /// Adds the names that were not asked for.
    fn unread(&self, unread: &mut BTreeMap<String, u64>) {
        for (head, rows) in self.heads.iter().zip(&self.rows).filter(|(_, rows)| **rows > 0) {
            let name = &head.text.text()[head.name.clone()];
            note(std::str::from_utf8(name).unwrap_or_default(), *rows, unread);
        }
    }

    fn scan<'a>(&mut self, text: &'a str, found: &mut [Option<&'a str>]) -> Option<()> {
        let line = text.as_bytes();
        let (mut at, mut next) = (0, 0);
        loop {
            let (slot, start) = match self.known(line, at, &mut next) {
                Some(known) => known,
                None => self.head(line, at, &mut next)?,
            };
            let end = value_end(line, start)?;
            if slot.is_some_and(|slot| found[slot].replace(&text[start..end]).is_some()) {
                return None;
            }
            at = end;
            let mark = blanks(line, at);
            if line.get(mark) == Some(&b'}') {
                return (blanks(line, mark + 1) == line.len()).then_some(());
            }
        }
    }

    /// The slot of the name that follows at `at`, and where its value begins, if its head is known. It is looked for
    /// from `next` on, which then is the place of the head after it.
    #[inline]
    fn known(&mut self, line: &[u8], at: usize, next: &mut usize) -> Option<(Option<usize>, usize)> {
        let rest = line.get(at..)?;
        let is_next = |head: usize| {
            self.heads.get(head).is_some_and(|head| head.is_first == (at == 0) && head.text.begins(rest))
        };
        let known = match is_next(*next) {
            true => *next,
            false => (*next + 1..self.heads.len()).chain(0..*next).find(|head| is_next(*head))?,
        };
        *next = known + 1;
        let head = &self.heads[known];
        self.unread.extend(head.slot.is_none().then_some(known));
        Some((head.slot, at + head.text.text().len()))
    }

    /// The same for a head that is not known, and is remembered.
    fn head(&mut self, line: &[u8], at: usize, next: &mut usize) -> Option<(Option<usize>, usize)> {
        let is_first = at == 0;
        let mark = blanks(line, at);
        (line.get(mark) == Some(if is_first { &b'{' } else { &b',' })).then_some(())?;
        let quote = blanks(line, mark + 1);
        let end = text_end(line, quote)?;
        let colon = blanks(line, end);
        (line.get(colon) == Some(&b':')).then_some(())?;
        let start = blanks(line, colon + 1);
        let name = std::str::from_utf8(&line[quote + 1..end - 1]).ok()?;
        let slot = match self.json.slot(name) {
            Slot::Wanted(slot) => Some(slot),
            Slot::OtherCase(_) => return None,
            // more names than are remembered are found elsewhere
            Slot::Unknown if self.heads.len() >= HEADS_MAX => return None,
            Slot::Unknown => None,
        };
        if self.heads.len() < HEADS_MAX {
            self.unread.extend(slot.is_none().then_some(self.heads.len()));
            let name = quote + 1 - at..end - 1 - at;
            self.heads.push(Head { text: Prefix::new(&line[at..start]), name, slot, is_first });
            self.rows.push(0);
            *next = self.heads.len();
        }
        Some((slot, start))
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
#[inline]
fn text_end(line: &[u8], at: usize) -> Option<usize> {
    let rest = line.get(at..)?.strip_prefix(b"\"")?;
    let length = find::end_of_plain(rest)?;
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
            let digits = |from: usize| find::digits(&rest[from..]);
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

/// What is wrong with a line, as it is said of an object that is decided alone; `None` where nothing is.
fn malformed_in_words(line: &str) -> Option<String> {
    json::members(line, |_, _| ()).err().map(|malformed| malformed.reason(line).message)
}

/// What is wrong with an object.
fn in_words(line: &str, error: &serde_json::Error) -> String {
    let text = error.to_string();
    if let Some((name, _)) = text.split_once(TWICE) {
        return format!("not a JSON object: {name}{TWICE}");
    }
    let mut words = malformed_in_words(line)
        .unwrap_or_else(|| "not a JSON object: values are nested too deeply".to_owned());
    if error.is_eof() {
        words += "; each object is on one line";
    }
    words
}

/// What is said after a name that an object has twice.
const TWICE: &str = " appears twice";

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
    unread: &'s mut BTreeMap<String, u64>,
    /// Names in another case than the wanted one, and the slot of that.
    other_case: &'s mut Vec<(String, usize)>,
}

impl<'a> Visitor<'a> for Object<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        loop {
            let name = Name { json: self.json, unread: self.unread, other_case: self.other_case };
            match map.next_key_seed(name)? {
                None => return Ok(()),
                Some(None) => drop(map.next_value::<IgnoredAny>()?),
                Some(Some(slot)) => {
                    let value: &'a RawValue = map.next_value()?;
                    if self.found[slot].replace(value.get()).is_some() {
                        return Err(M::Error::custom(format!("`{}`{TWICE}", self.json.name(slot))));
                    }
                }
            }
        }
    }
}

/// A name that is being read, to find its slot.
struct Name<'s> {
    json: &'s JsonLines,
    unread: &'s mut BTreeMap<String, u64>,
    other_case: &'s mut Vec<(String, usize)>,
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
        match self.json.slot(name) {
            Slot::Wanted(slot) => return Ok(Some(slot)),
            Slot::OtherCase(slot) => self.other_case.push((name.to_owned(), slot)),
            Slot::Unknown => {}
        }
        note(name, 1, self.unread);
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{every_kind, intake};

    #[test]
    fn what_is_wrong_with_a_line_is_told_in_words() {
        let json = JsonLines::new(&intake(&every_kind(), "", &[]), &Given::default());
        for (line, words) in [
            (r#""count": 5,"#, "not a JSON object: a JSON object starts with `{`"),
            ("[1]", "not a JSON object: a JSON object starts with `{`"),
            (
                r#"{"count": 5,"#,
                "not a JSON object: the JSON object is incomplete: the text ends inside it; each object is on one line",
            ),
            (r#"{"count": 05}"#, "not a JSON object: invalid number at character 13"),
            (
                r#"{"count": 5} {}"#,
                "not a JSON object: text after the end of the JSON object at character 14",
            ),
            (r#"{"count": 5, "count": 6}"#, "not a JSON object: `count` appears twice"),
            (r#"{"Count": 5}"#, "`Count` differs from `count` only in case"),
            (r#"{count: 5}"#, "not a JSON object: expected a name in double quotes at character 2"),
            (r#"{"count" 5}"#, "not a JSON object: expected `:` at character 10"),
            (r#"{"count": 5 "big": 6}"#, "not a JSON object: expected `,` or `}` at character 13"),
            (r#"{"count": NaN}"#, "not a JSON object: expected a value at character 11"),
            (
                r#"{"count": nil}"#,
                "not a JSON object: invalid value: text needs double quotes at character 11",
            ),
            (r#"{"count": "\x"}"#, "not a JSON object: unknown escape inside a string at character 12"),
            (
                r#"{"count": "\ud800"}"#,
                "not a JSON object: incomplete character (half of a surrogate pair) inside a string",
            ),
        ] {
            let mut found = vec![None; json.width()];
            let wrong = json.read(line.as_bytes(), &mut found, &mut BTreeMap::new()).unwrap_err();
            let wrong = wrong.in_words(&json);
            assert!(wrong.starts_with(words), "{line}: {wrong}");
            // an object that is decided alone is refused in the same words
            let alone = json::members(line, |_, _| ()).map_err(|malformed| malformed.reason(line).message);
            let is_like = |message: &String| wrong.starts_with(message.as_str());
            assert!(alone.as_ref().err().is_none_or(is_like), "{line}: {alone:?}");
        }
    }

    #[test]
    fn lines_that_are_scanned_are_read_as_elsewhere() {
        let json = JsonLines::new(&intake(&every_kind(), "", &["other"]), &Given::default());
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
            "{\"other\": \"x\"{\"count\": 5}",
            ",\"count\": 5}",
        ] {
            let (mut quick, mut slow) = (vec![None; json.width()], vec![None; json.width()]);
            let (mut beside, mut expected) = (BTreeMap::new(), BTreeMap::new());
            let read = json.read(line.as_bytes(), &mut slow, &mut expected);
            if scanner.read(line, &mut quick) {
                scanned += 1;
                scanner.unread(&mut beside);
                assert_eq!(read, Ok(()), "{line}");
                assert_eq!(quick, slow, "{line}");
            }
            // whatever is cut off is wrong, and so is whatever is added
            for end in (0..line.len()).filter(|end| line.is_char_boundary(*end)) {
                let (mut quick, mut slow) = (vec![None; json.width()], vec![None; json.width()]);
                let is_scanned = scanner.read(&line[..end], &mut quick);
                let read = json.read(&line.as_bytes()[..end], &mut slow, &mut BTreeMap::new());
                assert!(!is_scanned || (read.is_ok() && quick == slow), "{}", &line[..end]);
            }
        }
        assert_eq!(scanned, 3, "lines as programs write them are scanned");
    }
}
