//! Which format is a file in? What its name says, unless the caller says otherwise.

use std::path::Path;

use crate::error::{DataError, ErrorKind};

/// The formats that rows are read from and written to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values with a header, in UTF-8.
    Csv,
    /// One JSON object a line, in UTF-8.
    JsonLines,
    /// Arrow IPC: the file format, and on reading also the stream format.
    Arrow,
}

/// Each format, its name, and the extensions of its files; the first is the one that is named in messages.
const FORMATS: [(Format, &str, &[&str]); 4] = [
    (Format::Parquet, "parquet", &["parquet", "pq"]),
    (Format::Csv, "csv", &["csv", "tsv"]),
    (Format::JsonLines, "jsonl", &["jsonl", "ndjson"]),
    (Format::Arrow, "arrow", &["arrow", "feather", "ipc", "arrows"]),
];

impl Format {
    /// The name in messages and summaries.
    pub fn name(self) -> &'static str {
        let row = FORMATS.iter().find(|(format, ..)| *format == self);
        row.map_or("", |(_, name, _)| name)
    }

    /// The format that an extension stands for.
    ///
    /// ```
    /// use opus_data::Format;
    /// use std::path::Path;
    /// assert_eq!(Format::of_extension(Path::new("rows.PARQUET")), Some(Format::Parquet));
    /// assert_eq!(Format::of_extension(Path::new("rows.txt")), None);
    /// ```
    pub fn of_extension(path: &Path) -> Option<Format> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        FORMATS
            .iter()
            .find(|(.., extensions)| extensions.contains(&extension.as_str()))
            .map(|(format, ..)| *format)
    }

    /// The format of a file that must have one.
    ///
    /// # Errors
    /// Where the name does not say which.
    pub fn of_path(path: &Path) -> Result<Format, DataError> {
        Format::of_extension(path).ok_or_else(|| {
            let known: Vec<String> =
                FORMATS.iter().map(|(_, _, extensions)| format!(".{}", extensions[0])).collect();
            let message = format!("{}: the name does not say which format the file is in", path.display());
            let remedy = format!("use a name that ends in {}", known.join(", "));
            DataError::new(ErrorKind::UnknownFormat, message).remedy(remedy)
        })
    }
}
