//! How does a JSON file show that it was changed? Its last member, `seal`, is the BLAKE3 hash of all bytes before it.
//!
//! A seal finds accidents, not forgeries: who changes the file can compute the seal again. What makes a sealed file
//! trustworthy is a hash that was kept elsewhere: of the file itself, or of a root that it is checked against.

use std::fmt;

use serde::Serialize;

use crate::hash::Hash;

/// What stands between the sealed bytes and the digits of the seal.
const BEFORE: &str = ",\n  \"seal\": \"";
/// What follows the digits.
const AFTER: &str = "\"\n}\n";

/// Why a text is not one that was sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotSealed {
    /// It does not end with a seal.
    NoSeal,
    /// The seal is that of another text.
    Changed,
}

impl fmt::Display for NotSealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotSealed::NoSeal => "it does not end with a seal: it was cut off, or formatted anew",
            NotSealed::Changed => "it was changed since it was written: its seal does not match",
        })
    }
}

impl std::error::Error for NotSealed {}

/// The text of an object with at least one member, and its seal.
///
/// ```
/// use opus_runtime::record::sealed::{NotSealed, seal, unseal};
/// let text = seal(&serde_json::json!({ "rows": 3 }));
/// assert_eq!(unseal(&text)?, "{\n  \"rows\": 3\n}");
/// assert_eq!(unseal(&text.replace('3', "4")), Err(NotSealed::Changed));
/// # Ok::<(), NotSealed>(())
/// ```
///
/// # Panics
/// If the value is not such an object.
pub fn seal(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value).expect("texts and numbers can be written as JSON");
    let members = text.strip_suffix("\n}").expect("an object with a member is sealed");
    format!("{members}{BEFORE}{}{AFTER}", Hash::of(members.as_bytes()))
}

/// The text of the object without its seal.
///
/// # Errors
/// If the text is not, byte for byte, one that [`seal`] wrote.
pub fn unseal(text: &str) -> Result<String, NotSealed> {
    let sealed = text.strip_suffix(AFTER).and_then(|text| text.rsplit_once(BEFORE));
    let (members, digits) = sealed.ok_or(NotSealed::NoSeal)?;
    match digits == Hash::of(members.as_bytes()).to_string() {
        true => Ok(format!("{members}\n}}")),
        false => Err(NotSealed::Changed),
    }
}
