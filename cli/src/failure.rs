//! How does a command end, when it does not end well?

use std::error::Error;
use std::{fmt, io};

/// The exit codes of `opus`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Exit {
    /// Everything was decided, every test passed.
    Ok = 0,
    /// A policy does not compile, or a test failed.
    Policy = 1,
    /// The command line is not one that there is.
    Usage = 2,
    /// More rows were rejected than is allowed; the output is complete.
    Rejects = 3,
    /// A file could not be read or written, or is not what it should be.
    Io = 4,
    /// An artifact was refused.
    Artifact = 5,
}

impl Exit {
    /// Every code with its meaning, for the help.
    pub const ALL: [(Exit, &str); 6] = [
        (Exit::Ok, "all decided"),
        (Exit::Policy, "a policy or a test failed"),
        (Exit::Usage, "usage"),
        (Exit::Rejects, "more rejects than allowed; the output is complete"),
        (Exit::Io, "input or output"),
        (Exit::Artifact, "artifact refused"),
    ];
}

/// Why a command could not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What was wrong and where, in lower case; empty where everything has been said already.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Failure {
    /// A failure with a message.
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { exit, message: message.into(), help: None }
    }

    /// A wrong command line.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, message)
    }

    /// A file that could not be read or written.
    pub fn io(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Io, message)
    }

    /// An input that cannot be read.
    pub fn unreadable(name: &str, error: &io::Error) -> Failure {
        Failure::io(format!("{name}: cannot be read: {error}"))
    }

    /// An output that could not be written. That its reader has seen enough and is gone need not be said: nobody
    /// would read it.
    pub fn unwritable(name: &str, error: &(dyn Error + 'static)) -> Failure {
        let mut cause = Some(error);
        while let Some(error) = cause {
            match error.downcast_ref::<io::Error>() {
                Some(io) if io.kind() == io::ErrorKind::BrokenPipe => return Failure::said(Exit::Io),
                Some(io) => return Failure::io(format!("{name}: cannot be written: {io}")),
                None => cause = error.source(),
            }
        }
        Failure::io(format!("{name}: cannot be written: {error}"))
    }

    /// A failure about which everything has been said.
    pub fn said(exit: Exit) -> Failure {
        Failure::new(exit, "")
    }

    /// With what to do about it.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_a_reader_is_gone_is_not_said() {
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(Failure::unwritable("x", &gone()), Failure::said(Exit::Io));
        let within = parquet::errors::ParquetError::External(Box::new(gone()));
        assert_eq!(Failure::unwritable("x", &within), Failure::said(Exit::Io));
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let within = parquet::errors::ParquetError::External(Box::new(full()));
        for failure in [Failure::unwritable("x", &full()), Failure::unwritable("x", &within)] {
            assert_eq!(failure.message, "x: cannot be written: no storage space");
        }
    }
}
