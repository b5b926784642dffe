//! How is an Arrow IPC file written? One record batch per chunk, in the file format.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, SchemaRef};

use super::super::place::Target;
use super::table::{Layout, Table};
use crate::failure::Failure;

/// Encodes rows for an Arrow IPC file; shared by threads.
pub struct ArrowEncoder {
    layout: Arc<Layout>,
    schema: SchemaRef,
}

/// An Arrow IPC file that is being written.
pub struct ArrowWriter {
    file: FileWriter<Target>,
    name: String,
}

/// Begins an Arrow IPC file.
///
/// # Errors
/// Where the target cannot be written.
pub fn create(
    target: Target,
    name: &str,
    layout: &Arc<Layout>,
) -> Result<(ArrowEncoder, ArrowWriter), Failure> {
    let schema = Arc::new(layout.arrow_schema());
    let file = FileWriter::try_new(target, &schema).map_err(|error| unwritable(name, &error))?;
    Ok((ArrowEncoder { layout: layout.clone(), schema }, ArrowWriter { file, name: name.to_owned() }))
}

fn unwritable(name: &str, error: &ArrowError) -> Failure {
    Failure::io(format!("{name}: cannot be written: {error}"))
}

impl ArrowEncoder {
    /// Encodes rows as a record batch.
    ///
    /// # Errors
    /// Where a column is not what the layout says.
    pub fn encode(&self, table: &Table<'_>) -> Result<RecordBatch, ArrowError> {
        let columns = self.layout.columns.iter().zip(&table.columns);
        let arrays: Vec<ArrayRef> = columns.map(|(spec, data)| spec.array(data, table.rows)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(table.rows));
        RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
    }
}

impl ArrowWriter {
    /// Appends a record batch.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn append(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        self.file.write(batch).map_err(|error| unwritable(&self.name, &error))
    }

    /// Writes the footer, and gives the file its name.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.file.finish().map_err(|error| unwritable(&self.name, &error))?;
        self.file.into_inner().map_err(|error| unwritable(&self.name, &error))?.complete()
    }
}
