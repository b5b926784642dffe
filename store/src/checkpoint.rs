//! What do you keep elsewhere, so that nobody can change a ledger unnoticed? Its size and root, as a text of three
//! lines that can be signed, printed and mailed.
//!
//! ```text
//! opus checkpoint 1
//! size 3
//! root 3d0f…
//! ```

use std::fmt;
use std::str::FromStr;

use opus_runtime::Hash;
use opus_runtime::tree::{self, Tree};

use crate::entry::Entry;

/// The first line.
const FORM: &str = "opus checkpoint 1";

/// The size of a ledger and the root of the tree over its entries.
///
/// ```
/// use opus_store::Checkpoint;
/// use opus_runtime::Hash;
/// let checkpoint = Checkpoint { size: 3, root: Hash::of(b"") };
/// assert_eq!(checkpoint.to_string().parse(), Ok(checkpoint));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// How many entries it covers, from the first.
    pub size: u64,
    /// The root of the tree of [RFC 9162, section 2.1](https://www.rfc-editor.org/rfc/rfc9162#section-2.1) over BLAKE3,
    /// whose entries are the leaves of the ledger's.
    pub root: Hash,
}

/// A text that is not a checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotACheckpoint;

impl Checkpoint {
    /// The checkpoint that covers these entries.
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Checkpoint {
        let mut tree = Tree::default();
        entries.into_iter().for_each(|entry| tree.push(tree::entry(entry.leaf().as_bytes())));
        Checkpoint { size: tree.size(), root: tree.root() }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FORM}\nsize {}\nroot {}", self.size, self.root)
    }
}

impl FromStr for Checkpoint {
    type Err = NotACheckpoint;

    /// Lines may end as a mail program left them.
    fn from_str(text: &str) -> Result<Checkpoint, NotACheckpoint> {
        let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
        let [FORM, size, root] = lines[..] else { return Err(NotACheckpoint) };
        let size = size.strip_prefix("size ").and_then(|size| size.parse().ok());
        let root = root.strip_prefix("root ").and_then(|root| root.parse().ok());
        Ok(Checkpoint { size: size.ok_or(NotACheckpoint)?, root: root.ok_or(NotACheckpoint)? })
    }
}

impl fmt::Display for NotACheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it is not a checkpoint: three lines are expected, `{FORM}`, `size N` and `root HASH`")
    }
}

impl std::error::Error for NotACheckpoint {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailed_checkpoint_is_still_one() {
        let checkpoint = Checkpoint { size: 12, root: Hash::of(b"x") };
        let text = checkpoint.to_string();
        for mailed in [text.replace('\n', "\r\n"), text.trim_end().to_owned(), format!("{text}\n\n")] {
            assert_eq!(mailed.parse(), Ok(checkpoint), "{mailed:?}");
        }
        let without_size = text.replace("size 12\n", "");
        for other in [
            without_size,
            text.replace("12", "-1"),
            text.replace("checkpoint 1", "checkpoint 2"),
            format!("{text}more\n"),
        ] {
            assert_eq!(other.parse::<Checkpoint>(), Err(NotACheckpoint), "{other:?}");
        }
    }
}
