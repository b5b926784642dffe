//! Why could rows not be read, decided or written? One error type for the whole crate.

use std::error::Error;
use std::{fmt, io};

use super::texts::truncated;

/// What kind of thing went wrong, so that callers can choose an exit code or an exception class.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ErrorKind {
    /// The request contradicts itself: two outputs in one place, an output that is also an input.
    Request,
    /// Neither the caller nor the name of a file says which format it is in.
    UnknownFormat,
    /// The mapping of columns to fields is wrong in itself.
    Mapping,
    /// The columns of an input do not fit the fields; a mapping could say how they do.
    Unmapped,
    /// An input lacks the column of a field; a mapping could say that it has another, or none.
    NoColumn,
    /// An input cannot be read, or its content is not what it should be.
    Input,
    /// An output cannot be written.
    Output,
    /// The reader of an output has gone away, so there is no one to report to.
    Closed,
    /// A defect in this crate or one below it.
    Defect,
}

/// Why rows could not be read, decided or written.
///
/// ```
/// use opus_data::{DataError, ErrorKind};
/// let error = DataError::new(ErrorKind::Input, "rows.csv: line 3 has 2 cells, the header has 4")
///     .remedy("add the missing cells");
/// assert_eq!(error.to_string(), "rows.csv: line 3 has 2 cells, the header has 4\n  help: add the missing cells");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataError {
    /// What kind of thing went wrong.
    pub kind: ErrorKind,
    /// What was wrong and where, in lower case; empty for [`ErrorKind::Closed`].
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl DataError {
    /// An error without a remedy.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> DataError {
        DataError { kind, message: message.into(), remedy: None }
    }

    /// A request that contradicts itself.
    pub fn request(message: impl Into<String>) -> DataError {
        DataError::new(ErrorKind::Request, message)
    }

    /// An input that is not what it should be.
    pub fn input(message: impl Into<String>) -> DataError {
        DataError::new(ErrorKind::Input, message)
    }

    /// A mapping that is wrong in itself.
    pub fn mapping(message: impl Into<String>) -> DataError {
        DataError::new(ErrorKind::Mapping, message)
    }

    /// Columns that do not fit the fields without a mapping.
    pub fn unmapped(message: impl Into<String>) -> DataError {
        DataError::new(ErrorKind::Unmapped, message)
    }

    /// A column of a field that an input lacks.
    pub fn no_column(message: impl Into<String>) -> DataError {
        DataError::new(ErrorKind::NoColumn, message)
    }

    /// A defect in this crate or one below it.
    pub fn defect(message: impl Into<String>) -> DataError {
        DataError::new(ErrorKind::Defect, message)
    }

    /// An input that the operating system does not let us read.
    pub fn unreadable(name: &str, error: &io::Error) -> DataError {
        DataError::input(format!("{name}: cannot be read: {}", in_words(error)))
    }

    /// An output that could not be written.
    pub fn unwritable(name: &str, error: &(dyn Error + 'static)) -> DataError {
        let mut cause = Some(error);
        while let Some(error) = cause {
            match error.downcast_ref::<io::Error>() {
                Some(io) if io.kind() == io::ErrorKind::BrokenPipe => {
                    return DataError::new(ErrorKind::Closed, "");
                }
                Some(io) => return DataError::output(format!("{name}: cannot be written: {}", in_words(io))),
                None => cause = error.source(),
            }
        }
        DataError::output(format!("{name}: cannot be written: {error}"))
    }

    /// An output that cannot be written.
    pub fn output(message: impl Into<String>) -> DataError {
        DataError::new(ErrorKind::Output, message)
    }

    /// With what to do about it.
    pub fn remedy(mut self, text: impl Into<String>) -> DataError {
        self.remedy = Some(text.into());
        self
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.remedy.as_ref().map_or(Ok(()), |remedy| write!(f, "\n  help: {remedy}"))
    }
}

impl Error for DataError {}

/// An error of the operating system in its words, without the number: `permission denied`.
///
/// ```
/// let error = std::io::Error::from_raw_os_error(2);
/// assert_eq!(opus_data::error::in_words(&error), "no such file or directory");
/// ```
pub fn in_words(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::IsADirectory {
        return "it is a folder".to_owned();
    }
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// The most characters shown of a line that is not TOML: the file may be one of data.
const LINE_CHARACTERS: usize = 60;

/// A text that is not TOML: the line, what it says, and what is wrong with it.
pub(crate) fn invalid_toml(text: &str, error: &toml::de::Error) -> DataError {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
    let line = truncated(text.lines().nth(before).unwrap_or_default().trim(), LINE_CHARACTERS);
    let why = error.message().lines().next().unwrap_or_default();
    DataError::mapping(format!("line {}, `{line}`, is not valid TOML: {why}", before + 1)).remedy(
        "write `name = value`, with texts in double quotes, or `[field]` before the options of a field",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_is_gone_is_told_nothing() {
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let closed = DataError::new(ErrorKind::Closed, "");
        assert_eq!(DataError::unwritable("x", &gone()), closed);
        let within = parquet::errors::ParquetError::External(Box::new(gone()));
        assert_eq!(DataError::unwritable("x", &within), closed);
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let within = parquet::errors::ParquetError::External(Box::new(full()));
        for error in [DataError::unwritable("x", &full()), DataError::unwritable("x", &within)] {
            assert_eq!(error.kind, ErrorKind::Output);
            assert_eq!(error.message, "x: cannot be written: no storage space");
        }
    }
}
