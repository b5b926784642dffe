//! Why could something not be published, read or trusted? One error type for the whole crate.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

/// What kind of thing went wrong, so that callers can choose an exit code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// The request cannot be met as it is: a name that is not one, a time in the future, something published meanwhile.
    Request,
    /// There is no store, or it has no such name or object.
    Absent,
    /// A file cannot be read or written, or its content is wrong.
    File,
    /// A signature is missing or wrong.
    Signature,
}

/// Why something could not be published, read or trusted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreError {
    /// What kind of thing went wrong.
    pub kind: ErrorKind,
    /// What was wrong and where, in lower case.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl StoreError {
    fn new(kind: ErrorKind, message: impl Into<String>) -> StoreError {
        StoreError { kind, message: message.into(), help: None }
    }

    /// A request that cannot be met.
    pub fn request(message: impl Into<String>) -> StoreError {
        StoreError::new(ErrorKind::Request, message)
    }

    pub(crate) fn absent(message: impl Into<String>) -> StoreError {
        StoreError::new(ErrorKind::Absent, message)
    }

    pub(crate) fn file(message: impl Into<String>) -> StoreError {
        StoreError::new(ErrorKind::File, message)
    }

    pub(crate) fn signature(message: impl Into<String>) -> StoreError {
        StoreError::new(ErrorKind::Signature, message)
    }

    /// A file that the operating system does not let us read or write.
    pub(crate) fn io(path: &Path, verb: &str, error: &io::Error) -> StoreError {
        let text = error.to_string();
        let words = text.split(" (os error").next().unwrap_or_default();
        let mut letters = words.chars();
        let words: String =
            letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect());
        let said = StoreError::file(format!("`{}` cannot be {verb}: {words}", path.display()));
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::FileTooLarge | io::ErrorKind::QuotaExceeded => {
                said.help("free some space there and try again; what was published before is as it was")
            }
            _ => said,
        }
    }

    /// The same error, with what to do about it.
    pub(crate) fn help(mut self, text: impl Into<String>) -> StoreError {
        self.help = Some(text.into());
        self
    }

    /// The same error, with where it was found.
    pub(crate) fn at(mut self, place: impl fmt::Display) -> StoreError {
        self.message = format!("{place}: {}", self.message);
        self
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "\n  help: {help}"))
    }
}

impl Error for StoreError {}
