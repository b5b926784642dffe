//! How are rows written? What a table is ([`table`]); how Parquet ([`parquet`]), Arrow IPC ([`arrow`]),
//! CSV and JSON lines ([`text`], [`printed`]) encode it.
//!
//! An [`Encoder`] is shared by threads and turns rows into what a [`Writer`] appends in order. So the bytes depend
//! on the rows and on where chunks end, and not on who encoded them.

pub(crate) mod arrow;
pub(crate) mod parquet;
mod printed;
mod table;
pub(crate) mod text;

use std::sync::Arc;

use ::parquet::errors::ParquetError;
use arrow_array::RecordBatch;

use super::endpoint::Located;
use super::target::{Target, Whole};
use crate::error::DataError;

pub use printed::{Printed, Printer};
pub use table::{Content, Data, Layout, PERCENT, Spec, Table, UNIT_KEY};

/// Turns rows into what a [`Writer`] appends; shared by threads.
pub enum Encoder {
    /// Row groups.
    Parquet(parquet::ParquetEncoder),
    /// Record batches.
    Arrow(arrow::ArrowEncoder),
    /// CSV or JSON lines.
    Text(text::TextEncoder),
}

/// Rows that are encoded.
pub enum Encoded {
    /// A row group.
    Parquet(parquet::RowGroup),
    /// A record batch.
    Arrow(RecordBatch),
    /// Text.
    Text(Vec<u8>),
}

/// A file that is being written; when it is [finished](Writer::finish) it may get its name.
pub enum Writer {
    /// Parquet.
    Parquet(parquet::ParquetWriter),
    /// Arrow IPC.
    Arrow(arrow::ArrowWriter),
    /// CSV or JSON lines.
    Text(text::TextWriter),
}

/// Begins a file.
///
/// # Errors
/// Where it cannot be written, or a column cannot be held by the format.
pub fn create(located: &Located, layout: &Arc<Layout>) -> Result<(Encoder, Writer), DataError> {
    let name = located.endpoint.to_string();
    let target = Target::create(&located.endpoint)?;
    (located.format.row().create)(target, &name, layout)
}

impl Encoder {
    /// Whether kept columns may come as the pages that they were read from.
    pub fn copies_pages(&self) -> bool {
        matches!(self, Encoder::Parquet(_))
    }

    /// Encodes rows.
    ///
    /// # Errors
    /// Where a column cannot be encoded.
    pub fn encode(&self, table: &Table<'_>) -> Result<Encoded, DataError> {
        let failed =
            |error: &dyn std::error::Error| DataError::output(format!("rows cannot be encoded: {error}"));
        match self {
            Encoder::Parquet(encoder) => {
                encoder.encode(table).map(Encoded::Parquet).map_err(|error| match error {
                    // pages that are copied are checked here
                    ParquetError::External(error) => match error.downcast::<DataError>() {
                        Ok(error) => *error,
                        Err(error) => failed(&*error),
                    },
                    error => failed(&error),
                })
            }
            Encoder::Arrow(encoder) => {
                encoder.encode(table).map(Encoded::Arrow).map_err(|error| failed(&error))
            }
            Encoder::Text(encoder) => {
                encoder.encode(table).map(Encoded::Text).map_err(|error| failed(&error))
            }
        }
    }
}

impl Writer {
    /// Appends rows that the encoder of the same file made.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn append(&mut self, encoded: Encoded) -> Result<(), DataError> {
        match (self, encoded) {
            (Writer::Parquet(writer), Encoded::Parquet(rows)) => writer.append(rows),
            (Writer::Arrow(writer), Encoded::Arrow(rows)) => writer.append(&rows),
            (Writer::Text(writer), Encoded::Text(rows)) => writer.append(&rows),
            _ => unreachable!("an encoder and a writer are of one file"),
        }
    }

    /// Completes the file, which has no name yet.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(self) -> Result<Whole, DataError> {
        match self {
            Writer::Parquet(writer) => writer.finish(),
            Writer::Arrow(writer) => writer.finish(),
            Writer::Text(writer) => writer.finish(),
        }
    }
}
