//! Which readings does a JSON object hold? Numbers are read from their digits, never through a float.
//!
//! | JSON | reading |
//! | --- | --- |
//! | `null`, or no member | missing |
//! | `true`, `false` | a truth value |
//! | a number | its digits, as they are written |
//! | a string | its text |
//! | an array, an object | nothing that a field takes |
//!
//! A member that stands twice is an error: which of the two was meant is not for a library to guess.

use std::borrow::Cow;
use std::fmt::{self, Write};

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Reading;

/// Calls `take` for every member of the object that `text` is, in the order in which they are written.
///
/// ```
/// use opus_runtime::admission::{Reading, json};
/// let mut seen = Vec::new();
/// let text = r#"{"age": 40, "income": 1e400, "name": null}"#;
/// json::members(text, |name, reading| Ok(seen.push(format!("{name}={reading:?}")))).unwrap();
/// assert_eq!(seen, [r#"age=Number("40")"#, r#"income=Number("1e400")"#, "name=Missing"]);
/// assert!(json::members("[1]", |_, _| Ok(())).is_err());
/// ```
///
/// # Errors
/// In a sentence, where the text is no JSON object, or `take` gives an error.
pub fn members(text: &str, take: impl FnMut(&str, Reading<'_>) -> Result<(), String>) -> Result<(), String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = reader.deserialize_map(Members(take)).and_then(|()| reader.end());
    read.map_err(|error| format!("the text is no JSON object that can be read: {error}"))
}

struct Members<F>(F);

impl<'de, F> Visitor<'de> for Members<F>
where
    F: FnMut(&str, Reading<'_>) -> Result<(), String>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            let raw: &RawValue = map.next_value()?;
            let text = raw.get();
            let taken = match text.as_bytes()[0] {
                b'"' => {
                    let text = unquoted(text).map_err(A::Error::custom)?;
                    (self.0)(&name, Reading::Text(&text))
                }
                _ => (self.0)(&name, plain(text)),
            };
            taken.map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// A member's name, borrowed where nothing in it is escaped.
struct Name<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name<'de>, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_string())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The text of a JSON string.
fn unquoted(text: &str) -> serde_json::Result<Cow<'_, str>> {
    if text.contains('\\') {
        serde_json::from_str(text).map(Cow::Owned)
    } else {
        Ok(Cow::Borrowed(&text[1..text.len() - 1]))
    }
}

/// Any value but a string, which begins with a character that says what it is.
fn plain(text: &str) -> Reading<'_> {
    match text.as_bytes()[0] {
        b'n' => Reading::Missing,
        b't' => Reading::Bool(true),
        b'f' => Reading::Bool(false),
        b'[' => Reading::Other("an array"),
        b'{' => Reading::Other("an object"),
        _ => Reading::Number(text),
    }
}

/// A text as a JSON string.
///
/// ```
/// use opus_runtime::admission::json::Quoted;
/// assert_eq!(Quoted("say \"no\"").to_string(), r#""say \"no\"""#);
/// ```
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        let mut rest = self.0;
        while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
            f.write_str(&rest[..at])?;
            match rest.as_bytes()[at] {
                b'\n' => f.write_str("\\n")?,
                byte @ (b'"' | b'\\') => write!(f, "\\{}", byte as char)?,
                byte => write!(f, "\\u{byte:04x}")?,
            }
            rest = &rest[at + 1..];
        }
        f.write_str(rest)?;
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let mut seen = Vec::new();
        members(text, |name, reading| {
            seen.push(format!("{name}: {reading:?}"));
            Ok(())
        })
        .map(|()| seen)
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
    }

    #[test]
    fn what_is_no_object() {
        let texts =
            ["", "null", "[]", "1", "\"a\"", "{", "{}x", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}"];
        for text in texts {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read(r#"{"a":"\ud800"}"#).is_err());
        assert!(read("{\"a\":01}").is_err());
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(read(&deep).unwrap(), [r#"a: Other("an array")"#]);
    }

    #[test]
    fn texts_are_written_as_they_are_read() {
        let text = "a \"quoted\" \\ line\nwith \u{1} and é";
        let written = Quoted(text).to_string();
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
    }
}
