//! Why is an artifact refused, and what can be done about it? In the order of the checks.

use std::cmp::Ordering;
use std::path::PathBuf;
use std::{fmt, io};

use opus_ir::InvalidProgram;

use super::{FORMAT, FORMATS_READ};

/// Why bytes are not accepted as an artifact.
///
/// ```
/// use opus_runtime::{Artifact, ArtifactError, example};
/// let artifact = example::artifact();
/// let cut_off = &artifact.bytes()[..artifact.bytes().len() - 1];
/// assert!(matches!(Artifact::from_bytes(cut_off), Err(ArtifactError::Truncated { .. })));
/// ```
#[non_exhaustive]
pub enum ArtifactError {
    /// The file could not be read.
    Read {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The file is larger than any artifact.
    TooLarge {
        /// The size of the file.
        found_bytes: u64,
    },
    /// The bytes do not begin like an artifact.
    NotAnArtifact,
    /// The artifact has a format that this version does not read.
    Format {
        /// The format of the artifact.
        found: u32,
    },
    /// The header holds a value that no artifact has.
    Header,
    /// Another version of the archived types wrote the artifact.
    Layout,
    /// The end is missing.
    Truncated {
        /// The length that the header states.
        expected_bytes: u64,
        /// The actual length.
        found_bytes: u64,
    },
    /// There are bytes after the end.
    TooLong {
        /// The length that the header states.
        expected_bytes: u64,
        /// The actual length.
        found_bytes: u64,
    },
    /// The content hash does not match the bytes.
    Content,
    /// The meaning hash does not match the first section.
    Meaning,
    /// A section is not a valid archive: an offset, a length or a text is wrong.
    Structure {
        /// Which section: `meaning` or `detail`.
        section: &'static str,
    },
    /// The parts do not fit together as a program.
    Malformed(Malformed),
    /// The program makes a claim that cannot be proved.
    Program(InvalidProgram),
    /// The bytecode differs from what the program compiles to.
    Bytecode {
        /// Where, in words: `version 2, decide, rows`.
        place: String,
    },
    /// The policy takes facts from a snapshot, so that it decides nothing before it is bound to one.
    Unbound {
        /// The keys of the facts.
        keys: Vec<String>,
    },
    /// The certificate differs from what was proved about the program.
    Certificate {
        /// The number of the version.
        version: u32,
    },
}

/// A part of an archive that does not fit the others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// Where, in words: `version 2, decide, v7`.
    pub place: String,
    /// What is wrong, in lower case and without a full stop.
    pub message: String,
}

impl Malformed {
    pub(crate) fn new(place: impl fmt::Display, message: impl fmt::Display) -> Malformed {
        Malformed { place: place.to_string(), message: message.to_string() }
    }

    pub(crate) fn inside(self, outer: impl fmt::Display) -> Malformed {
        Malformed { place: format!("{outer}, {}", self.place), message: self.message }
    }
}

/// What helps against damage of any kind.
const AGAIN: &str = "build the artifact again, or fetch a fresh copy";

impl fmt::Display for ArtifactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArtifactError::Read { path, error } => {
                let text = error.to_string();
                // without the number of the operating system
                let why = text.split(" (os error").next().unwrap_or_default();
                write!(f, "the artifact {} cannot be read: {why}", path.display())
            }
            ArtifactError::TooLarge { found_bytes } => write!(
                f,
                "the file has {found_bytes} bytes, more than any artifact: give a file that `opus build` wrote"
            ),
            ArtifactError::NotAnArtifact => {
                write!(f, "the file is not an artifact: give a file that `opus build` wrote")
            }
            ArtifactError::Format { found } => {
                let remedy = match found.cmp(&FORMAT) {
                    Ordering::Less => "build it again from its source with `opus build`",
                    _ => "install a newer version of Opus, or build it again from its source with this one",
                };
                let [earliest, .., current] = FORMATS_READ;
                write!(
                    f,
                    "the artifact has format {found}, but this version reads formats {earliest} to {current}: {remedy}"
                )
            }
            ArtifactError::Header => write!(f, "the artifact's header is damaged: {AGAIN}"),
            ArtifactError::Layout => write!(
                f,
                "the artifact was written by another version of Opus: build it again from its source with this \
                 version"
            ),
            ArtifactError::Truncated { expected_bytes, found_bytes } => write!(
                f,
                "the artifact is incomplete, {found_bytes} bytes instead of {expected_bytes}: {AGAIN}"
            ),
            ArtifactError::TooLong { expected_bytes, found_bytes } => write!(
                f,
                "the artifact is too long, {found_bytes} bytes instead of {expected_bytes}: {AGAIN}"
            ),
            ArtifactError::Content => {
                write!(f, "the artifact is damaged, its content hash does not match its bytes: {AGAIN}")
            }
            ArtifactError::Meaning => {
                write!(f, "the artifact's meaning hash does not match the policy in it: {AGAIN}")
            }
            ArtifactError::Structure { section } => {
                write!(f, "the artifact's {section} section has an invalid structure: {AGAIN}")
            }
            ArtifactError::Malformed(Malformed { place, message }) => {
                write!(f, "the artifact is malformed ({place}: {message}): {AGAIN}")
            }
            ArtifactError::Program(InvalidProgram { place, message }) => {
                write!(f, "the artifact's program fails verification ({place}: {message}): {AGAIN}")
            }
            ArtifactError::Bytecode { place } => {
                write!(f, "the artifact's bytecode is not what its program compiles to ({place}): {AGAIN}")
            }
            ArtifactError::Unbound { keys } => {
                let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
                write!(
                    f,
                    "the policy takes {} from a snapshot, but none is given: give one with `--snapshot FILE`, or open the \
                     policy with `Policy::bind`",
                    keys.join(", ")
                )
            }
            ArtifactError::Certificate { version } => write!(
                f,
                "the artifact's certificate for version {version} is not what verification finds: {AGAIN}"
            ),
        }
    }
}

/// The sentence: it is what a `main` prints that returns the error.
impl fmt::Debug for ArtifactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ArtifactError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ArtifactError::Read { error, .. } => Some(error),
            ArtifactError::Program(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Malformed> for ArtifactError {
    fn from(malformed: Malformed) -> ArtifactError {
        ArtifactError::Malformed(malformed)
    }
}

/// Why no artifact can be built.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// The program makes a claim that cannot be proved.
    Program(InvalidProgram),
    /// The program is larger than an artifact can be.
    TooLarge {
        /// What there is too much of.
        what: String,
    },
    /// The source does not belong to the program.
    Source(Malformed),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Program(error) => write!(f, "the compiled program fails verification: {error}"),
            BuildError::TooLarge { what } => write!(f, "the policy is too large: {what}"),
            BuildError::Source(Malformed { place, message }) => {
                write!(f, "the source does not belong to the program: {place}: {message}")
            }
        }
    }
}

impl std::error::Error for BuildError {}
