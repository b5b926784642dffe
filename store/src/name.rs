//! What may a publication be called? Anything that can be used on a command line, in a file name and before an `@`.

use std::fmt;
use std::str::FromStr;

use opus_runtime::Hash;

/// The longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 100;

/// What names consist of, in words.
pub const RULE: &str = "a name consists of up to 100 letters (a-z, A-Z), digits, `.`, `-` and `_`, and begins with a letter or digit";

/// A name in a store.
///
/// ```
/// use opus_store::Name;
/// let name: Name = "eu.credit".parse()?;
/// assert_eq!(name.as_str(), "eu.credit");
/// assert!("credit 2".parse::<Name>().is_err());
/// # Ok::<(), opus_store::name::NotAName>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name(String);

/// A text that cannot be a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotAName(String);

impl Name {
    /// The name as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Name, NotAName> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        // what looks like a hash is meant as one
        let is_hash = text.parse::<Hash>().is_ok();
        match starts && text.len() <= NAME_BYTES_MAX && text.bytes().all(is_allowed) && !is_hash {
            true => Ok(Name(text.to_owned())),
            false => Err(NotAName(text.to_owned())),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.parse::<Hash>() {
            Ok(_) => write!(f, "`{}` is a hash, not a name", self.0),
            Err(_) => write!(f, "`{}` is not a name: {RULE}", self.0.escape_debug()),
        }
    }
}

impl std::error::Error for NotAName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_apart_from_paths_versions_options_and_hashes() {
        let hash = Hash::of(b"").to_string();
        let refused = [
            "",
            ".",
            "..",
            ".opus",
            "-",
            "-x",
            "_x",
            "a/b",
            "a\\b",
            "a@2",
            "a b",
            "é",
            "a\n",
            &hash,
            &"a".repeat(101),
        ];
        for text in refused {
            assert!(text.parse::<Name>().is_err(), "{text:?}");
        }
        for text in ["a", "7", "eu.credit-2_b", "credit.opusc", &hash[1..], &"a".repeat(100)] {
            assert_eq!(text.parse::<Name>().unwrap().as_str(), text);
        }
    }
}
