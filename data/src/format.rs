//! Which format is a file in, and how are its files opened and created? One row of a table for each format; a name says
//! which it is, unless the caller says otherwise.

use std::path::Path;
use std::sync::Arc;

use super::arrow::ArrowSource;
use super::csv::CsvSource;
use super::json_lines::JsonLinesSource;
use super::lines::RowKind;
use super::packing::Packing;
use super::parquet::ParquetSource;
use super::source::{Opened, Request};
use super::target::Target;
use super::write::{Encoder, Layout, Writer, arrow, parquet, text};
use crate::error::{DataError, ErrorKind};

/// The formats that rows are read from and written to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values with a header, in UTF-8; separated by tabs where the name ends in `.tsv`.
    Csv,
    /// One JSON object a line, in UTF-8.
    JsonLines,
    /// An array of JSON objects, in UTF-8; on reading also one object after another.
    Json,
    /// Arrow IPC: the file format, and on reading also the stream format.
    Arrow,
}

/// Begins a file.
type Create = fn(Target, &str, &Arc<Layout>) -> Result<(Encoder, Writer), DataError>;

/// What is known of a format.
pub struct FormatRow {
    format: Format,
    name: &'static str,
    /// The first is the one that is named in messages.
    extensions: &'static [&'static str],
    /// Whether the text may be packed as a whole, as in `rows.csv.gz`.
    is_packable: bool,
    /// Opens a file for reading.
    pub open: fn(&Request<'_>) -> Result<Opened, DataError>,
    /// Begins a file: where it goes, what it is called, and its columns.
    pub create: Create,
}

/// Every format.
static FORMATS: [FormatRow; 5] = [
    FormatRow {
        format: Format::Parquet,
        name: "parquet",
        extensions: &["parquet", "pq"],
        is_packable: false,
        open: |of| {
            of.positioned(|file| Ok(Box::new(ParquetSource::open(&of.file, file, of.intake, of.given)?)))
        },
        create: |target, name, layout| {
            let (encoder, writer) = parquet::create(target, name, layout)?;
            Ok((Encoder::Parquet(encoder), Writer::Parquet(writer)))
        },
    },
    FormatRow {
        format: Format::Csv,
        name: "csv",
        extensions: &["csv", "tsv"],
        is_packable: true,
        open: |of| of.text(|text| Ok(Box::new(CsvSource::open(&of.file, text, of.intake, of.given)?))),
        create: |target, name, layout| text::create(text::Style::of_csv(name), target, name, layout),
    },
    FormatRow {
        format: Format::JsonLines,
        name: "jsonl",
        extensions: &["jsonl", "ndjson"],
        is_packable: true,
        open: |of| {
            of.text(|text| {
                Ok(Box::new(JsonLinesSource::open(&of.file, text, RowKind::Line, of.intake, of.given)))
            })
        },
        create: |target, name, layout| text::create(text::Style::Lines, target, name, layout),
    },
    FormatRow {
        format: Format::Json,
        name: "json",
        extensions: &["json"],
        is_packable: true,
        open: |of| {
            of.text(|text| {
                Ok(Box::new(JsonLinesSource::open(&of.file, text, RowKind::Value, of.intake, of.given)))
            })
        },
        create: |target, name, layout| text::create(text::Style::Array, target, name, layout),
    },
    FormatRow {
        format: Format::Arrow,
        name: "arrow",
        extensions: &["arrow", "feather", "ipc", "arrows"],
        is_packable: false,
        open: |of| {
            of.positioned(|file| Ok(Box::new(ArrowSource::open(&of.file, file, of.intake, of.given)?)))
        },
        create: |target, name, layout| {
            let (encoder, writer) = arrow::create(target, name, layout)?;
            Ok((Encoder::Arrow(encoder), Writer::Arrow(writer)))
        },
    },
];

impl Format {
    /// What is known of the format.
    pub(crate) fn row(self) -> &'static FormatRow {
        FORMATS.iter().find(|row| row.format == self).expect("every format has a row")
    }

    /// The name in messages and summaries.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The format that an extension stands for; texts may be packed.
    ///
    /// ```
    /// use opus_data::Format;
    /// use std::path::Path;
    /// assert_eq!(Format::of_extension(Path::new("rows.PARQUET")), Some(Format::Parquet));
    /// assert_eq!(Format::of_extension(Path::new("rows.csv.gz")), Some(Format::Csv));
    /// assert_eq!(Format::of_extension(Path::new("rows.parquet.gz")), None);
    /// assert_eq!(Format::of_extension(Path::new("rows.txt")), None);
    /// ```
    pub fn of_extension(path: &Path) -> Option<Format> {
        let (packing, name) = Packing::of_name(path);
        let extension = name.extension()?.to_str()?.to_ascii_lowercase();
        let mut rows = FORMATS.iter().filter(|row| packing == Packing::None || row.is_packable);
        rows.find(|row| row.extensions.contains(&extension.as_str())).map(|row| row.format)
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
