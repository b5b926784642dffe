//! Which format is a file in, and how are its files opened and created? One row of a table for each format; a name says
//! which it is, unless the caller says otherwise. Everything else that is particular to a format is in its own folder.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::packing::Packing;
use super::source::{Opened, Request};
use super::target::Target;
use super::write::{Begun, Layout};
use super::{arrow, csv, json_lines, parquet};
use crate::error::{DataError, ErrorKind};

/// What is known of a format.
pub struct Row {
    /// The name in messages and summaries.
    name: &'static str,
    /// What its files are called in a sentence, with an article.
    described: &'static str,
    /// The first is the one that is named in messages.
    extensions: &'static [&'static str],
    /// What binary files begin with, except Arrow streams; empty for texts.
    mark: &'static [u8],
    /// Whether the text may be packed as a whole, as in `rows.csv.gz`.
    is_packable: bool,
    /// Opens a file for reading.
    pub open: fn(&Request<'_>) -> Result<Opened, DataError>,
    /// Begins a file: where it goes, what it is called, and its columns.
    pub create: Create,
}

/// Begins a file.
type Create = fn(Target, &str, &Arc<Layout>) -> Result<Begun, DataError>;

/// Every format.
static FORMATS: [Row; 5] = [
    Row {
        name: "parquet",
        described: "a Parquet file",
        extensions: &["parquet", "pq"],
        mark: b"PAR1",
        is_packable: false,
        open: parquet::open,
        create: parquet::create,
    },
    Row {
        name: "csv",
        described: "a CSV file",
        extensions: &["csv", "tsv"],
        mark: b"",
        is_packable: true,
        open: csv::open,
        create: csv::create,
    },
    Row {
        name: "jsonl",
        described: "a file of JSON lines",
        extensions: &["jsonl", "ndjson"],
        mark: b"",
        is_packable: true,
        open: json_lines::open_lines,
        create: json_lines::create_lines,
    },
    Row {
        name: "json",
        described: "a JSON file",
        extensions: &["json"],
        mark: b"",
        is_packable: true,
        open: json_lines::open_array,
        create: json_lines::create_array,
    },
    Row {
        name: "arrow",
        described: "an Arrow IPC file",
        extensions: &["arrow", "feather", "ipc", "arrows"],
        mark: b"ARROW1",
        is_packable: false,
        open: arrow::open,
        create: arrow::create,
    },
];

/// A format that rows are read from and written to: Parquet, CSV, JSON lines, JSON or Arrow IPC.
///
/// ```
/// use opus_data::Format;
/// let names: Vec<&str> = Format::all().map(Format::name).collect();
/// assert_eq!(names, ["parquet", "csv", "jsonl", "json", "arrow"]);
/// ```
#[derive(Clone, Copy)]
pub struct Format(&'static Row);

impl PartialEq for Format {
    fn eq(&self, other: &Format) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Format {}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl Format {
    /// What is known of the format.
    pub(crate) fn row(self) -> &'static Row {
        self.0
    }

    /// Every format.
    pub fn all() -> impl Iterator<Item = Format> {
        FORMATS.iter().map(Format)
    }

    /// The format of this name, as [`Format::name`] has it.
    ///
    /// ```
    /// use opus_data::Format;
    /// assert_eq!(Format::named("csv").map(Format::name), Some("csv"));
    /// assert_eq!(Format::named("xlsx"), None);
    /// ```
    pub fn named(name: &str) -> Option<Format> {
        Format::all().find(|format| format.name() == name)
    }

    /// The name in messages and summaries: `csv`.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// What files of the format are called in a sentence: `a CSV file`.
    pub fn described(self) -> &'static str {
        self.0.described
    }

    /// The extension that is named in messages, without its dot.
    pub(crate) fn extension(self) -> &'static str {
        self.0.extensions[0]
    }

    /// Whether files of the format are not text.
    pub(crate) fn has_mark(self) -> bool {
        !self.0.mark.is_empty()
    }

    /// The format of a file that begins with these bytes, of the formats whose files begin with a mark.
    pub(crate) fn of_mark(first: &[u8]) -> Option<Format> {
        Format::all().find(|format| format.has_mark() && first.starts_with(format.0.mark))
    }

    /// The format that an extension stands for; texts may be packed.
    ///
    /// ```
    /// use opus_data::Format;
    /// use std::path::Path;
    /// assert_eq!(Format::of_extension(Path::new("rows.PARQUET")), Format::named("parquet"));
    /// assert_eq!(Format::of_extension(Path::new("rows.csv.gz")), Format::named("csv"));
    /// assert_eq!(Format::of_extension(Path::new("rows.parquet.gz")), None);
    /// assert_eq!(Format::of_extension(Path::new("rows.txt")), None);
    /// ```
    pub fn of_extension(path: &Path) -> Option<Format> {
        let (packing, name) = Packing::of_name(path);
        let extension = name.extension()?.to_str()?.to_ascii_lowercase();
        let mut fitting = Format::all().filter(|format| packing == Packing::None || format.0.is_packable);
        fitting.find(|format| format.0.extensions.contains(&extension.as_str()))
    }

    /// One extension of each format, for messages.
    pub(crate) fn extensions() -> String {
        let extensions: Vec<String> = FORMATS.iter().map(|row| format!(".{}", row.extensions[0])).collect();
        extensions.join(", ")
    }

    /// The format of a file that must have one.
    ///
    /// # Errors
    /// Where the name does not say which.
    pub fn of_path(path: &Path) -> Result<Format, DataError> {
        Format::of_extension(path).ok_or_else(|| {
            let message = format!("{}: the name does not say which format the file is in", path.display());
            let remedy = format!("use a name that ends in {}", Format::extensions());
            DataError::new(ErrorKind::UnknownFormat, message).remedy(remedy)
        })
    }
}
