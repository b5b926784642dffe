//! Why is there no snapshot, and what can be done about it?

use std::path::PathBuf;
use std::{fmt, io};

use opus_ir::date;

use super::file::{FORMAT, SNAPSHOT_BYTES_MAX};
use super::{FACTS_MAX, TEXT_BYTES_MAX};

/// Why facts are not a snapshot, or bytes are not accepted as one.
#[derive(Debug)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The file could not be read.
    Read {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The file is larger than any snapshot.
    TooLarge,
    /// The bytes do not begin like a snapshot.
    NotASnapshot,
    /// The snapshot has a format that this version does not read.
    Format {
        /// The format of the snapshot.
        found: u32,
    },
    /// The hash does not match the bytes, or the end is missing.
    Damaged,
    /// The hash matches, and yet this is not what a snapshot holds.
    Malformed {
        /// What is wrong, in lower case and without a full stop.
        message: String,
    },
    /// Two facts have one key and day.
    Duplicate {
        /// The key.
        key: String,
        /// The day.
        valid_from: i32,
    },
    /// A key is not a name.
    Key {
        /// The text.
        key: String,
    },
    /// A day is outside the calendar.
    Day {
        /// The key of the fact.
        key: String,
    },
    /// Two notes of a fact have one name, or they are not in order.
    Notes {
        /// The key of the fact.
        key: String,
    },
    /// A text is too long.
    TooLong {
        /// The key of the fact.
        key: String,
    },
    /// There are too many of something.
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
}

/// What helps against damage of any kind.
const AGAIN: &str = "build it again with `opus snapshot build`, or fetch a fresh copy";

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SnapshotError::Read { path, error } => {
                let text = error.to_string();
                // without the number of the operating system
                let why = text.split(" (os error").next().unwrap_or_default();
                write!(f, "the snapshot {} cannot be read: {why}", path.display())
            }
            SnapshotError::TooLarge => write!(
                f,
                "the file has more than {SNAPSHOT_BYTES_MAX} bytes, more than any snapshot: give a file that \
                 `opus snapshot build` wrote"
            ),
            SnapshotError::NotASnapshot => {
                write!(f, "the file is not a snapshot: give a file that `opus snapshot build` wrote")
            }
            SnapshotError::Format { found } => write!(
                f,
                "the snapshot has format {found}, but this version reads format {FORMAT}: build it again with \
                 `opus snapshot build`, or install the version of Opus that wrote it"
            ),
            SnapshotError::Damaged => {
                write!(f, "the snapshot is damaged (its hash does not match its bytes): {AGAIN}")
            }
            SnapshotError::Malformed { message } => {
                write!(f, "the snapshot is malformed ({message}): {AGAIN}")
            }
            SnapshotError::Duplicate { key, valid_from } => write!(
                f,
                "`{key}` has two facts that are valid from {}: remove one of them",
                date::civil((*valid_from).into())
            ),
            SnapshotError::Key { key } => write!(
                f,
                "`{key}` is not a key: a key is the name of a parameter or set that a policy declares `from snapshot`, or an entry of a table, such as `rate[EU, 12]`"
            ),
            SnapshotError::Day { key } => {
                write!(f, "a fact of `{key}` is valid from a day outside the years 1 to 9999")
            }
            SnapshotError::Notes { key } => {
                write!(f, "a fact of `{key}` has two notes with the same name: give each column its own name")
            }
            SnapshotError::TooLong { key } => {
                write!(f, "a fact of `{key}` has a text of more than {TEXT_BYTES_MAX} bytes: shorten it")
            }
            SnapshotError::TooMany { what, found, limit } => {
                write!(f, "there are {found} {what}, and the limit is {limit}")?;
                if *limit == FACTS_MAX {
                    write!(f, ": leave out facts that no policy uses any longer")
                } else {
                    Ok(())
                }
            }
        }
    }
}

impl std::error::Error for SnapshotError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SnapshotError::Read { error, .. } => Some(error),
            _ => None,
        }
    }
}
