//! How does a command report that it failed?

use std::error::Error;
use std::fmt;

use opus_data::{DataError, ErrorKind};

/// The exit codes of `opus`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Exit {
    /// Success: every test passed, and no more rows were rejected than allowed.
    Ok = 0,
    /// A policy does not compile, a test failed, policies differ, or a record, proof, store or signature fails its check.
    Policy = 1,
    /// The command line is invalid.
    Usage = 2,
    /// More rows were rejected than allowed (the output is complete), or the one input was refused.
    Rejects = 3,
    /// A file could not be read or written, or is damaged.
    Io = 4,
    /// An artifact was refused.
    Artifact = 5,
}

impl Exit {
    /// Every code with its meaning, for the help.
    pub const ALL: [(Exit, &str); 6] = [
        (Exit::Ok, "success: no test failed, and no more rows were rejected than --max-rejects allows"),
        (
            Exit::Policy,
            "a policy does not compile, a test failed, `fmt --check` found something to change, policies differ, or a record, proof, store or signature fails its check",
        ),
        (Exit::Usage, "invalid command line, or an output that is also an input"),
        (
            Exit::Rejects,
            "more rows were rejected than allowed (the output is complete), or `run` refused its input",
        ),
        (Exit::Io, "a file cannot be read or written, or its content is wrong"),
        (Exit::Artifact, "an artifact is damaged, or another version made it"),
    ];
}

/// Why a command failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What went wrong and where, in lower case; empty if everything has been reported already.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Failure {
    /// A failure with a message.
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { exit, message: message.into(), help: None }
    }

    /// An invalid command line.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, message)
    }

    /// A file that could not be read or written.
    pub fn io(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Io, message)
    }

    /// A failure that has been reported already.
    pub fn said(exit: Exit) -> Failure {
        Failure::new(exit, "")
    }

    /// Adds what to do about it.
    pub fn help(mut self, text: impl Into<String>) -> Failure {
        self.help = Some(text.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "\n  help: {help}"))
    }
}

impl Error for Failure {}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Failure {
        let exit = match error.kind {
            ErrorKind::Request | ErrorKind::UnknownFormat | ErrorKind::Mapping => Exit::Usage,
            ErrorKind::Unmapped
            | ErrorKind::NoColumn
            | ErrorKind::Input
            | ErrorKind::Output
            | ErrorKind::Closed
            | ErrorKind::Defect => Exit::Io,
        };
        let help = match (error.kind, error.remedy) {
            (ErrorKind::Unmapped | ErrorKind::NoColumn, Some(remedy)) => {
                Some(format!("{remedy}\n  `--columns FILE` passes a mapping file"))
            }
            (_, remedy) => remedy,
        };
        Failure { exit, message: error.message, help }
    }
}
