//! What do two people sign when a policy is published? A statement: the name, the object, and the object that it
//! replaces. So a signature cannot be used for another name, or to replace another object.
//!
//! ```text
//! opus publish 1
//! credit
//! 0ff11ab74e0a7fccb30d0afda53ade6a7918f0b6ace4a9e4f2d07b0a73d8794e
//! none
//! ```

use std::fmt;
use std::str::FromStr;

use opus_runtime::Hash;

use crate::name::Name;

/// The first line.
const FORM: &str = "opus publish 1";
/// The last line where nothing is replaced.
const NONE: &str = "none";

/// That an object is published under a name, in the place of another.
///
/// ```
/// use opus_store::Statement;
/// use opus_runtime::Hash;
/// let statement = Statement { name: "credit".parse()?, object: Hash::of(b"2"), replaces: Some(Hash::of(b"1")) };
/// assert_eq!(statement.to_string().parse(), Ok(statement));
/// # Ok::<(), opus_store::name::NotAName>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// The name.
    pub name: Name,
    /// What is published.
    pub object: Hash,
    /// What the name stood for before; `None` if it is new.
    pub replaces: Option<Hash>,
}

/// Why a text is not a statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotAStatement(String);

impl fmt::Display for Statement {
    /// The bytes that are signed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FORM}\n{}\n{}", self.name, self.object)?;
        match self.replaces {
            Some(hash) => writeln!(f, "{hash}"),
            None => writeln!(f, "{NONE}"),
        }
    }
}

impl FromStr for Statement {
    type Err = NotAStatement;

    fn from_str(text: &str) -> Result<Statement, NotAStatement> {
        let wrong = |why: &str| NotAStatement(why.to_owned());
        let [FORM, name, object, replaces, ""] = text.split('\n').collect::<Vec<_>>()[..] else {
            return Err(NotAStatement(format!(
                "a statement has four lines: `{FORM}`, a name, the hash of an object, and the hash of what it replaces or `{NONE}`"
            )));
        };
        let hash = |text: &str| {
            text.parse().map_err(|error: opus_runtime::hash::NotAHash| wrong(&error.to_string()))
        };
        let statement = Statement {
            name: name.parse().map_err(|error: crate::name::NotAName| wrong(&error.to_string()))?,
            object: hash(object)?,
            replaces: if replaces == NONE { None } else { Some(hash(replaces)?) },
        };
        // digits in capitals would be other bytes
        if statement.to_string() == text {
            Ok(statement)
        } else {
            Err(wrong("hashes are written in lower case"))
        }
    }
}

impl fmt::Display for NotAStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it is not a statement: {}", self.0)
    }
}

impl std::error::Error for NotAStatement {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_one_form() {
        let hash = Hash::of(b"x").to_string();
        let text = format!("opus publish 1\na.b\n{hash}\nnone\n");
        let statement: Statement = text.parse().unwrap();
        assert_eq!((statement.to_string(), statement.replaces), (text.clone(), None));
        let others = [
            text.trim_end().to_owned(),
            format!("{text}\n"),
            text.replace('\n', "\r\n"),
            text.replace("publish 1", "publish 2"),
            text.replace("a.b", "a b"),
            text.replace("none", "None"),
            text.replace(&hash, &hash.to_uppercase()),
            text.replace(&hash, &hash[1..]),
        ];
        for other in others {
            assert!(other.parse::<Statement>().is_err(), "{other}");
        }
    }
}
