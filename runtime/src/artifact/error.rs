//! Why is an artifact refused, and what is to be done about it? In the order in which it is checked.

use std::fmt;

use opus_ir::InvalidProgram;

/// Why bytes are no artifact that may run.
#[derive(Debug)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The file could not be read.
    Read(std::io::Error),
    /// The file is larger than any artifact.
    TooLarge {
        /// The size of the file.
        found_bytes: u64,
    },
    /// The bytes do not begin as an artifact does.
    NotAnArtifact,
    /// The artifact is of a format that this version does not read.
    Format {
        /// The format of the artifact.
        found: u32,
        /// The format that is read.
        read: u32,
    },
    /// The header holds something that none holds.
    Header,
    /// The archived types were laid out otherwise when the artifact was written.
    Layout,
    /// The end is missing.
    Truncated {
        /// How long the artifact says that it is.
        expected_bytes: u64,
        /// How long it is.
        found_bytes: u64,
    },
    /// Something follows the end.
    TooLong {
        /// How long the artifact says that it is.
        expected_bytes: u64,
        /// How long it is.
        found_bytes: u64,
    },
    /// The bytes are not those that were hashed when the artifact was written.
    Content,
    /// The meaning hash is not that of the policy inside.
    Meaning,
    /// The structure is broken: offsets, lengths, texts.
    Structure(String),
    /// The parts do not go together as a program.
    Malformed(Malformed),
    /// The program does not hold what it claims.
    Program(InvalidProgram),
    /// The bytecode is none that the machine runs safely, or is not for this program.
    Bytecode {
        /// Where, in words: `version 2, decide, rows`.
        place: String,
        /// What.
        message: String,
    },
    /// The certificate is not the one that follows from the program.
    Certificate {
        /// The number of the version.
        version: u32,
    },
}

/// A part of an archive that is out of place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// Where, in words: `version 2, decide, v7`.
    pub place: String,
    /// What.
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
const AGAIN: &str = "build the artifact again, or fetch it again";

impl fmt::Display for ArtifactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArtifactError::Read(error) => write!(f, "the artifact cannot be read: {error}"),
            ArtifactError::TooLarge { found_bytes } => {
                write!(
                    f,
                    "a file of {found_bytes} bytes is no artifact: give the file that `opus build` wrote"
                )
            }
            ArtifactError::NotAnArtifact => {
                write!(f, "this is no artifact: give the file that `opus build` wrote")
            }
            ArtifactError::Format { found, read } => write!(
                f,
                "the artifact has format {found}, and this version reads format {read}: build it again with \
                 this version"
            ),
            ArtifactError::Header => write!(f, "the artifact's header is damaged: {AGAIN}"),
            ArtifactError::Layout => write!(
                f,
                "the artifact was written by a version that lays it out otherwise: build it again with this \
                 version"
            ),
            ArtifactError::Truncated { expected_bytes, found_bytes } => {
                write!(f, "the artifact should have {expected_bytes} bytes and has {found_bytes}: {AGAIN}")
            }
            ArtifactError::TooLong { expected_bytes, found_bytes } => write!(
                f,
                "the artifact should end after {expected_bytes} bytes and has {found_bytes}: {AGAIN}"
            ),
            ArtifactError::Content => {
                write!(f, "the artifact's bytes are not those that its content hash was taken of: {AGAIN}")
            }
            ArtifactError::Meaning => {
                write!(f, "the artifact's meaning hash is not that of the policy inside: {AGAIN}")
            }
            ArtifactError::Structure(message) => {
                write!(f, "the artifact's structure is broken: {message}: {AGAIN}")
            }
            ArtifactError::Malformed(Malformed { place, message }) => {
                write!(f, "the artifact is malformed at {place}: {message}: {AGAIN}")
            }
            ArtifactError::Program(InvalidProgram { place, message }) => {
                write!(
                    f,
                    "the artifact's program does not hold what it claims at {place}: {message}: {AGAIN}"
                )
            }
            ArtifactError::Bytecode { place, message } => {
                write!(f, "the artifact's bytecode is refused at {place}: {message}: {AGAIN}")
            }
            ArtifactError::Certificate { version } => {
                write!(f, "the certificate of version {version} does not follow from its program: {AGAIN}")
            }
        }
    }
}

impl std::error::Error for ArtifactError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ArtifactError::Read(error) => Some(error),
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

/// Why a program becomes no artifact.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// The program does not hold what it claims.
    Program(InvalidProgram),
    /// The program is larger than an artifact can be.
    TooLarge {
        /// What there is too much of.
        what: String,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Program(error) => write!(f, "the compiled program is refused: {error}"),
            BuildError::TooLarge { what } => write!(f, "the policy is too large: {what}"),
        }
    }
}

impl std::error::Error for BuildError {}
