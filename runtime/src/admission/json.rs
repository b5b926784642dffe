//! Which readings does a JSON object hold? Numbers are read from their digits, never through a float.
//!
//! | JSON | reading |
//! | --- | --- |
//! | `null`, or no member | missing |
//! | `true`, `false` | a Boolean |
//! | a number | its digits, as they are written |
//! | a string | its text |
//! | an array, an object | nothing that a field takes |
//!
//! A member that appears twice is an error: a library cannot guess which of the two was meant.

use std::fmt;

use super::Reading;
pub use super::scan::{Malformed, Scanner, Token};

/// Calls `take` for every member of the object that `text` is, in the order in which they are written.
///
/// ```
/// use opus_runtime::admission::{Reading, json};
/// let mut seen = Vec::new();
/// let text = r#"{"age": 40, "income": 1e400, "name": null}"#;
/// json::members(text, |name, reading| seen.push(format!("{name}={reading:?}"))).unwrap();
/// assert_eq!(seen, [r#"age=Number("40")"#, r#"income=Number("1e400")"#, "name=Missing"]);
/// assert!(json::members("[1]", |_, _| ()).is_err());
/// ```
///
/// # Errors
/// Where the text is not a JSON object.
pub fn members(text: &str, mut take: impl FnMut(&str, Reading<'_>)) -> Result<(), Malformed> {
    let mut scanner = Scanner::new(text);
    let (mut name_scratch, mut scratch) = (String::new(), String::new());
    scanner.begin()?;
    while let Some(name) = scanner.name()? {
        let value = scanner.value()?;
        let name = name.text(&mut name_scratch).expect("a name is a string");
        take(name, value.reading(&mut scratch));
    }
    scanner.end()
}

impl<'a> Token<'a> {
    /// What a value says; `scratch` holds the text of a string with escapes.
    pub fn reading<'s>(&self, scratch: &'s mut String) -> Reading<'s>
    where
        'a: 's,
    {
        match self.raw().as_bytes()[0] {
            b'"' => Reading::Text(self.text(scratch).expect("a value with quotes is a string")),
            b'n' => Reading::Missing,
            b't' => Reading::Bool(true),
            b'f' => Reading::Bool(false),
            b'[' => Reading::Other("an array"),
            b'{' => Reading::Other("an object"),
            _ => Reading::Number(self.raw()),
        }
    }
}

/// A text as a JSON string.
///
/// ```
/// use opus_runtime::admission::json::Quoted;
/// assert_eq!(Quoted("say \"no\"").to_string(), r#""say \"no\"""#);
/// ```
pub struct Quoted<'a>(pub &'a str);

impl Quoted<'_> {
    /// Appends the string to a JSON text.
    ///
    /// ```
    /// use opus_runtime::admission::json::Quoted;
    /// let mut text = String::from("[");
    /// Quoted("a\nb").push_to(&mut text);
    /// assert_eq!(text, r#"["a\nb""#);
    /// ```
    pub fn push_to(&self, text: &mut String) {
        text.push('"');
        let mut rest = self.0;
        loop {
            let length = super::scan::plain_length(rest.as_bytes());
            text.push_str(&rest[..length]);
            match rest.as_bytes().get(length) {
                None => break,
                Some(b'\n') => text.push_str("\\n"),
                Some(byte @ (b'"' | b'\\')) => text.extend(['\\', *byte as char]),
                Some(byte) => {
                    let digit = |value: u8| char::from_digit(value.into(), 16).expect("a digit is below 16");
                    text.push_str("\\u00");
                    text.extend([digit(byte >> 4), digit(byte & 15)]);
                }
            }
            rest = &rest[length + 1..];
        }
        text.push('"');
    }
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(self.0.len() + 2);
        self.push_to(&mut text);
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let mut seen = Vec::new();
        let read = members(text, |name, reading| seen.push(format!("{name}: {reading:?}")));
        read.map(|()| seen).map_err(|wrong| wrong.message(text))
    }

    #[test]
    fn every_kind_of_value() {
        let text =
            r#" { "a" : "x\ny" , "b\u0041":-0.10e+2,"c":true,"d":[1,{"e":2}],"f":{},"g":null, "h":"" } "#;
        let seen = read(text).unwrap();
        let expected = [
            r#"a: Text("x\ny")"#,
            r#"bA: Number("-0.10e+2")"#,
            "c: Bool(true)",
            r#"d: Other("an array")"#,
            r#"f: Other("an object")"#,
            "g: Missing",
            r#"h: Text("")"#,
        ];
        assert_eq!(seen, expected);
        assert_eq!(read(r#"{"a":"\ud83d\ude00\/\b\f\r\t"}"#).unwrap(), [r#"a: Text("😀/\u{8}\u{c}\r\t")"#]);
        assert_eq!(read("{}").unwrap(), [""; 0]);
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(read(&deep).unwrap(), [r#"a: Other("an array")"#]);
    }

    #[test]
    fn what_is_not_an_object_is_said_in_plain_words() {
        for (text, message) in [
            ("", "it is empty"),
            (" \n", "it is empty"),
            ("null", "a JSON object starts with `{`"),
            ("[]", "a JSON object starts with `{`"),
            ("\u{feff}{}", "a JSON object starts with `{`"),
            ("{", "the JSON object is incomplete: the text ends inside it"),
            ("{\"a", "the JSON object is incomplete: the text ends inside it"),
            ("{\"a\":tru", "the JSON object is incomplete: the text ends inside it"),
            ("{\"a\":1.", "the JSON object is incomplete: the text ends inside it"),
            ("{}x", "text after the end of the JSON object at character 3"),
            ("{\"a\"}", "expected `:` at character 5"),
            ("{\"a\":}", "expected a value at character 6"),
            ("{\"a\":1,}", "expected a name in double quotes at character 8"),
            ("{\"a\":{\"b\":1,}}", "expected a name in double quotes at character 13"),
            ("{\"a\":[1,]}", "expected a value at character 9"),
            ("{\"a\":[1}", "expected `,` or `]` at character 8"),
            ("{\"a\":1 2}", "expected `,` or `}` at character 8"),
            ("{a:1}", "expected a name in double quotes at character 2"),
            ("{\"a\":01}", "invalid number at character 8"),
            ("{\"a\":-}", "invalid number at character 7"),
            ("{\"a\":1.e5}", "invalid number at character 8"),
            ("{\"a\":+1}", "expected a value at character 6"),
            ("{\"a\":NaN}", "expected a value at character 6; JSON has no `NaN`: write null"),
            ("{\"a\":nil}", "invalid value: text needs double quotes at character 6"),
            ("{\"a\":\"\\x\"}", "unknown escape inside a string at character 7"),
            (
                "{\n\"é\":\"\\ud800\"}",
                "incomplete character (half of a surrogate pair) inside a string at line 2, character 12",
            ),
            ("{\"a\":\"x\ty\"}", "control character inside a string: write it as an escape at character 8"),
        ] {
            assert_eq!(read(text).unwrap_err(), message, "{text}");
        }
    }

    #[test]
    fn texts_are_written_as_they_are_read() {
        let text = "a \"quoted\" \\ line\nwith \u{1} and \u{1f}, \u{7f} and é";
        let written = Quoted(text).to_string();
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        assert_eq!(read(&format!("{{\"a\":{written}}}")).unwrap(), [format!("a: Text({text:?})")]);
    }
}
