//! How is an Arrow IPC file written? One record batch per chunk, in the file format.
//!
//! That format has one dictionary per column for the whole file, and kept columns may come with several: they are
//! written as what their codes stand for.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::take::take;

use crate::error::DataError;
use crate::target::{Target, Whole};
use crate::write::{Begun, Content, Encoded, Encoder, Layout, Table, Writer, cannot_encode};

/// Encodes rows for an Arrow IPC file; shared by threads.
struct ArrowEncoder {
    layout: Arc<Layout>,
    schema: SchemaRef,
}

/// An Arrow IPC file that is being written.
struct ArrowWriter {
    file: FileWriter<Target>,
    name: String,
}

/// Begins an Arrow IPC file.
///
/// # Errors
/// Where the target cannot be written.
pub fn create(target: Target, name: &str, layout: &Arc<Layout>) -> Result<Begun, DataError> {
    let schema = layout.arrow_schema();
    let fields = schema.fields().iter().zip(&layout.columns).map(|(field, spec)| {
        match (field.data_type(), &spec.content) {
            (DataType::Dictionary(_, values), Content::Kept(_)) => {
                field.as_ref().clone().with_data_type(values.as_ref().clone())
            }
            _ => field.as_ref().clone(),
        }
    });
    let fields: Vec<Field> = fields.collect();
    let schema = Arc::new(Schema::new(fields).with_metadata(schema.metadata().clone()));
    let file = FileWriter::try_new(target, &schema).map_err(|error| DataError::unwritable(name, &error))?;
    let encoder = ArrowEncoder { layout: layout.clone(), schema };
    Ok((Box::new(encoder), Box::new(ArrowWriter { file, name: name.to_owned() })))
}

impl Encoder for ArrowEncoder {
    fn encode(&self, table: &Table<'_>) -> Result<Encoded, DataError> {
        self.record_batch(table).map(Encoded::new).map_err(|error| cannot_encode(&error))
    }
}

impl ArrowEncoder {
    fn record_batch(&self, table: &Table<'_>) -> Result<RecordBatch, ArrowError> {
        let columns = self.layout.columns.iter().zip(&table.columns);
        let arrays = columns.map(|(spec, data)| {
            let array = spec.array(data, table.rows);
            match array.as_any_dictionary_opt().filter(|_| matches!(spec.content, Content::Kept(_))) {
                Some(coded) => take(coded.values(), coded.keys(), None),
                None => Ok(array),
            }
        });
        let arrays = arrays.collect::<Result<Vec<ArrayRef>, ArrowError>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(table.rows));
        RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
    }
}

impl Writer for ArrowWriter {
    fn append(&mut self, rows: Encoded) -> Result<(), DataError> {
        let batch: RecordBatch = rows.get();
        self.file.write(&batch).map_err(|error| DataError::unwritable(&self.name, &error))
    }

    fn finish(mut self: Box<Self>) -> Result<Whole, DataError> {
        self.file.finish().map_err(|error| DataError::unwritable(&self.name, &error))?;
        self.file.into_inner().map_err(|error| DataError::unwritable(&self.name, &error))?.end()
    }
}
