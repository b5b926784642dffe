//! Is this text a JSON object, and where are its members? One pass over the bytes, RFC 8259 in full.
//!
//! The scanner checks syntax and finds the ends of values; it makes no numbers and no texts. It accepts what
//! `serde_json` accepts as a value, with two differences: nesting has no limit, and a number may have any size.
//! Strings are checked completely, wherever they are: control characters, unknown escapes and halves of surrogate
//! pairs are errors, so that a string that was scanned can always be decoded.

use std::fmt::Write;

use super::Reason;

/// A position in a JSON text.
///
/// ```
/// use opus_runtime::admission::json::Scanner;
/// let mut scanner = Scanner::new(r#"{"age": 40, "tags": ["a", "b"]}"#);
/// scanner.begin().unwrap();
/// let mut members = Vec::new();
/// while let Some(name) = scanner.name().unwrap() {
///     members.push((name.raw().to_string(), scanner.value().unwrap().raw().to_string()));
/// }
/// scanner.end().unwrap();
/// assert_eq!(members[0], ("\"age\"".into(), "40".into()));
/// assert_eq!(members[1], ("\"tags\"".into(), r#"["a", "b"]"#.into()));
/// ```
#[derive(Clone)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// Whether the last member ended in a comma, so that another one has to follow.
    is_open: bool,
}

/// A value or a name as it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token<'a> {
    raw: &'a str,
    is_escaped: bool,
}

/// Where a text stops being a JSON object, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Malformed {
    at: usize,
    problem: Problem,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Problem {
    NotAnObject,
    Unfinished,
    Expected(&'static str),
    Number,
    Word,
    Control,
    Escape,
    Surrogate,
    Trailing,
    Repeated(String),
}

/// A byte with a meaning between values, or none at the end of the text.
type Found = Option<u8>;

impl<'a> Scanner<'a> {
    /// The start of a text.
    pub fn new(text: &'a str) -> Scanner<'a> {
        Scanner { text, at: 0, is_open: false }
    }

    /// Enters the object that the text is.
    ///
    /// # Errors
    /// Where the text does not begin with `{`.
    #[inline]
    pub fn begin(&mut self) -> Result<(), Malformed> {
        self.skip_space();
        if self.peek() != Some(b'{') {
            return Err(self.problem(Problem::NotAnObject));
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    /// The next member's name, up to its colon; `None` at the end of the object.
    ///
    /// # Errors
    /// Where there is neither a name nor the end of the object.
    pub fn name(&mut self) -> Result<Option<Token<'a>>, Malformed> {
        match self.peek() {
            Some(b'}') if !self.is_open => {
                self.at += 1;
                Ok(None)
            }
            Some(b'"') => self.name_and_colon().map(Some),
            found => Err(self.expected(found, "a name in double quotes")),
        }
    }

    /// The value of a member, up to the comma or bracket after it.
    ///
    /// # Errors
    /// Where the text holds no value here.
    pub fn value(&mut self) -> Result<Token<'a>, Malformed> {
        let start = self.at;
        let is_escaped = match self.peek() {
            Some(b'"') => self.string()?,
            Some(b'{' | b'[') => {
                self.nested()?;
                false
            }
            _ => {
                self.scalar()?;
                false
            }
        };
        let raw = &self.text[start..self.at];
        self.separator()?;
        Ok(Token { raw, is_escaped })
    }

    /// That nothing follows the object.
    ///
    /// # Errors
    /// Where something does.
    pub fn end(&mut self) -> Result<(), Malformed> {
        self.skip_space();
        if self.at == self.text.len() { Ok(()) } else { Err(self.problem(Problem::Trailing)) }
    }

    /// That the member that was read last has a name that was read before.
    pub fn repeated(&self, name: &str) -> Malformed {
        self.problem(Problem::Repeated(name.to_owned()))
    }

    /// The bytes from here on.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    /// Moves past `bytes`, which the caller has read and which end a name with its colon, and past space.
    #[inline]
    pub(super) fn pass(&mut self, bytes: usize) {
        self.at += bytes;
        self.skip_space();
    }

    /// Moves past a value of this many bytes, which the caller has read, and past the comma after it.
    #[inline]
    pub(super) fn pass_value(&mut self, bytes: usize) -> Result<(), Malformed> {
        self.at += bytes;
        self.separator()
    }

    #[inline]
    fn peek(&self) -> Found {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Moves past the comma after a member, or up to the bracket.
    #[inline]
    fn separator(&mut self) -> Result<(), Malformed> {
        self.skip_space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.is_open = true;
                self.skip_space();
                Ok(())
            }
            Some(b'}') => {
                self.is_open = false;
                Ok(())
            }
            found => Err(self.expected(found, "`,` or `}`")),
        }
    }

    fn name_and_colon(&mut self) -> Result<Token<'a>, Malformed> {
        let start = self.at;
        let is_escaped = self.string()?;
        let raw = &self.text[start..self.at];
        self.skip_space();
        match self.peek() {
            Some(b':') => self.at += 1,
            found => return Err(self.expected(found, "`:`")),
        }
        self.skip_space();
        Ok(Token { raw, is_escaped })
    }

    /// Moves over a string; answers whether there are escapes in it.
    fn string(&mut self) -> Result<bool, Malformed> {
        let mut is_escaped = false;
        self.at += 1;
        loop {
            self.at += plain_length(self.rest());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(is_escaped);
                }
                Some(b'\\') => {
                    is_escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.problem(Problem::Control)),
                None => return Err(self.problem(Problem::Unfinished)),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Malformed> {
        match self.rest().get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => {
                let unit = self.code_unit()?;
                let is_whole = match unit {
                    0xD800..=0xDBFF => {
                        let follows = self.rest().starts_with(b"\\u");
                        follows && (0xDC00..=0xDFFF).contains(&self.code_unit()?)
                    }
                    0xDC00..=0xDFFF => false,
                    _ => true,
                };
                if is_whole { Ok(()) } else { Err(self.problem(Problem::Surrogate)) }
            }
            Some(_) => Err(self.problem(Problem::Escape)),
            None => Err(self.problem(Problem::Unfinished)),
        }
    }

    /// Moves over `\uXXXX`.
    fn code_unit(&mut self) -> Result<u16, Malformed> {
        let digits = self.rest().get(2..6).ok_or_else(|| self.problem(Problem::Escape))?;
        let value = hexadecimal(digits).ok_or_else(|| self.problem(Problem::Escape))?;
        self.at += 6;
        Ok(value)
    }

    fn scalar(&mut self) -> Result<(), Malformed> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            found => Err(self.expected(found, "a value")),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Malformed> {
        if self.rest().starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        let is_cut = word.as_bytes().starts_with(self.rest());
        Err(self.problem(if is_cut { Problem::Unfinished } else { Problem::Word }))
    }

    fn number(&mut self) -> Result<(), Malformed> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let starts_with_zero = self.peek() == Some(b'0');
        let whole = self.digits()?;
        if starts_with_zero && whole > 1 {
            return Err(self.problem(Problem::Number));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// Moves past digits; there must be at least one.
    fn digits(&mut self) -> Result<usize, Malformed> {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        match (count, self.peek()) {
            (0, None) => Err(self.problem(Problem::Unfinished)),
            (0, Some(_)) => Err(self.problem(Problem::Number)),
            _ => Ok(count),
        }
    }

    /// Moves over an array or an object, without a call for each level.
    fn nested(&mut self) -> Result<(), Malformed> {
        // the brackets that will close what is open
        let mut open: Vec<u8> = Vec::new();
        loop {
            match self.peek() {
                Some(bracket @ (b'{' | b'[')) => {
                    let close = if bracket == b'{' { b'}' } else { b']' };
                    self.at += 1;
                    self.skip_space();
                    if self.peek() == Some(close) {
                        self.at += 1;
                    } else {
                        open.push(close);
                        self.inner_name(close)?;
                        continue;
                    }
                }
                Some(b'"') => drop(self.string()?),
                _ => self.scalar()?,
            }
            // a value is complete: so may be what it is in
            loop {
                let Some(close) = open.last().copied() else { return Ok(()) };
                self.skip_space();
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.skip_space();
                        self.inner_name(close)?;
                        break;
                    }
                    Some(byte) if byte == close => {
                        self.at += 1;
                        open.pop();
                    }
                    found if close == b'}' => return Err(self.expected(found, "`,` or `}`")),
                    found => return Err(self.expected(found, "`,` or `]`")),
                }
            }
        }
    }

    /// Moves over a name and its colon where what is open is an object.
    fn inner_name(&mut self, close: u8) -> Result<(), Malformed> {
        match (close, self.peek()) {
            (b'}', Some(b'"')) => self.name_and_colon().map(drop),
            (b'}', found) => Err(self.expected(found, "a name in double quotes")),
            _ => Ok(()),
        }
    }

    #[cold]
    fn expected(&self, found: Found, what: &'static str) -> Malformed {
        self.problem(if found.is_none() { Problem::Unfinished } else { Problem::Expected(what) })
    }

    #[cold]
    fn problem(&self, problem: Problem) -> Malformed {
        Malformed { at: self.at, problem }
    }
}

impl<'a> Token<'a> {
    /// The text as it is written, strings with their quotes and escapes.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// The text of a string without quotes and escapes; `None` for another value. `scratch` holds it where there
    /// are escapes.
    ///
    /// ```
    /// use opus_runtime::admission::json::Scanner;
    /// let mut scanner = Scanner::new(r#"{"name": "Ad\u0061"}"#);
    /// scanner.begin().unwrap();
    /// scanner.name().unwrap();
    /// assert_eq!(scanner.value().unwrap().text(&mut String::new()), Some("Ada"));
    /// ```
    pub fn text<'s>(&self, scratch: &'s mut String) -> Option<&'s str>
    where
        'a: 's,
    {
        let inner = self.raw.strip_prefix('"')?.strip_suffix('"')?;
        if !self.is_escaped {
            return Some(inner);
        }
        decode(inner, scratch);
        Some(scratch)
    }
}

/// Replaces `scratch` by the text of a scanned string without its quotes.
fn decode(inner: &str, scratch: &mut String) {
    scratch.clear();
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        scratch.push_str(&rest[..at]);
        let escape = &rest.as_bytes()[at..];
        let (character, length) = match escape[1] {
            b'b' => ('\u{8}', 2),
            b'f' => ('\u{c}', 2),
            b'n' => ('\n', 2),
            b'r' => ('\r', 2),
            b't' => ('\t', 2),
            b'u' => {
                let unit = |at: usize| hexadecimal(&escape[at..at + 4]).expect(SCANNED);
                let high = unit(2);
                match char::from_u32(high as u32) {
                    Some(character) => (character, 6),
                    None => {
                        let pair = char::decode_utf16([high, unit(8)]).next();
                        (pair.and_then(Result::ok).expect(SCANNED), 12)
                    }
                }
            }
            byte => (byte as char, 2),
        };
        scratch.push(character);
        rest = &rest[at + length..];
    }
    scratch.push_str(rest);
}

/// Why decoding cannot fail.
const SCANNED: &str = "escapes are checked when a string is scanned";

fn hexadecimal(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |sum, digit| Some(sum << 4 | (*digit as char).to_digit(16)? as u16))
}

/// How many bytes come before the first quote, backslash or control character.
#[inline]
pub(super) fn plain_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    while let Some(word) = bytes.get(length..length + 8) {
        let special = special_bytes(u64::from_le_bytes(word.try_into().expect("eight bytes")));
        if special != 0 {
            return length + special.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    let tail = bytes[length..].iter();
    length + tail.take_while(|byte| **byte >= 0x20 && **byte != b'"' && **byte != b'\\').count()
}

/// Marks the highest bit of the lowest byte that is a quote, a backslash or a control character; bits above it
/// mean nothing.
#[inline]
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
    let quotes = zeros(word ^ (ONES * b'"' as u64));
    let backslashes = zeros(word ^ (ONES * b'\\' as u64));
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    (quotes | backslashes | controls) & HIGHS
}

/// What some programs write for floats that JSON cannot hold.
const NOT_JSON: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

impl Malformed {
    /// Why the row that `text` should be is refused.
    #[cold]
    pub fn reason(&self, text: &str) -> Reason {
        Reason::malformed_row(format!("not a JSON object: {}", self.message(text)))
    }

    /// What is wrong, and where in the text, for people: `expected a value at character 9`.
    ///
    /// ```
    /// use opus_runtime::admission::json;
    /// let wrong = json::members(r#"{"age": }"#, |_, _| ()).unwrap_err();
    /// assert_eq!(wrong.message(r#"{"age": }"#), "expected a value at character 9");
    /// ```
    pub fn message(&self, text: &str) -> String {
        let mut message = match &self.problem {
            Problem::NotAnObject if text.trim().is_empty() => return "it is empty".into(),
            Problem::NotAnObject => return "a JSON object starts with `{`".into(),
            Problem::Unfinished => return "the JSON object is incomplete: the text ends inside it".into(),
            Problem::Repeated(name) => return format!("`{name}` appears twice"),
            Problem::Expected(what) => format!("expected {what}"),
            Problem::Number => "invalid number".into(),
            Problem::Word => "invalid value: text needs double quotes".into(),
            Problem::Control => "control character inside a string: write it as an escape".into(),
            Problem::Escape => "unknown escape inside a string".into(),
            Problem::Surrogate => "incomplete character (half of a surrogate pair) inside a string".into(),
            Problem::Trailing => "text after the end of the JSON object".into(),
        };
        let before = &text[..text.floor_char_boundary(self.at.min(text.len()))];
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let character = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let line = if line > 1 { format!("line {line}, ") } else { String::new() };
        write!(message, " at {line}character {character}").expect("a string takes any text");
        let rest = text.get(self.at..).unwrap_or_default();
        if let Some(word) = NOT_JSON.iter().find(|word| rest.starts_with(**word)) {
            write!(message, "; JSON has no `{word}`: write null").expect("a string takes any text");
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_special_byte_is_found() {
        for length in 0..40 {
            for special in ["\"", "\\", "\u{1}", "\u{1f}"] {
                for plain in ["a", "é", "\u{7f}", " ", "#", "[", "]", "!", "€"] {
                    let text = plain.repeat(length);
                    let expected = text.len();
                    let text = format!("{text}{special}{}", "\"x".repeat(9));
                    assert_eq!(plain_length(text.as_bytes()), expected, "{text:?}");
                }
            }
        }
    }
}
