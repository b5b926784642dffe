//! How is a Parquet file written? Row groups are encoded by any thread and appended in order.

use std::sync::Arc;

use ::parquet::arrow::ArrowSchemaConverter;
use ::parquet::arrow::add_encoded_arrow_schema_to_metadata;
use ::parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use ::parquet::basic::Compression;
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::SchemaDescriptor;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date64Type, TimestampMillisecondType, TimestampSecondType};
use arrow_array::{ArrayRef, TimestampMillisecondArray};
use arrow_schema::{ArrowError, DataType, Schema, SchemaRef, TimeUnit};

use super::pages::{Pages, encode, encode_texts, is_known};
use crate::error::DataError;
use crate::target::{Target, Whole};
use crate::write::{Begun, Data, Encoded, Encoder, Layout, Spec, Table, Writer, cannot_encode};

/// Encodes rows for a Parquet file; shared by threads.
struct ParquetEncoder {
    layout: Arc<Layout>,
    arrow_schema: SchemaRef,
    schema: SchemaDescriptor,
    general: ArrowRowGroupWriterFactory,
}

/// A Parquet file that is being written.
struct ParquetWriter {
    file: SerializedFileWriter<Target>,
    name: String,
}

/// A row group.
struct RowGroup(Vec<ColumnChunk>);

/// The chunks of one column: several where its type has several leaves.
enum ColumnChunk {
    Known(Box<Pages>),
    General(Vec<ArrowColumnChunk>),
}

/// Begins a Parquet file.
///
/// # Errors
/// Where a column is of a type that Parquet has not, or the target cannot be written.
pub fn create(target: Target, name: &str, layout: &Arc<Layout>) -> std::result::Result<Begun, DataError> {
    let failed = |error: ParquetError| DataError::unwritable(name, &error);
    let arrow_schema = Arc::new(schema_of(layout));
    let schema = ArrowSchemaConverter::new().convert(&arrow_schema).map_err(failed)?;
    let file = SerializedFileWriter::new(target, schema.root_schema_ptr(), Arc::new(properties(layout)))
        .map_err(failed)?;
    let general = ArrowRowGroupWriterFactory::new(&file, arrow_schema.clone());
    let encoder = ParquetEncoder { layout: layout.clone(), arrow_schema, schema, general };
    Ok((Box::new(encoder), Box::new(ParquetWriter { file, name: name.to_owned() })))
}

/// The layout in types that Parquet has: moments in milliseconds for those that it would hold as bare integers.
fn schema_of(layout: &Layout) -> Schema {
    let schema = layout.arrow_schema();
    let fields = schema.fields().iter().map(|field| {
        let held = match field.data_type() {
            DataType::Date64 => DataType::Timestamp(TimeUnit::Millisecond, None),
            DataType::Timestamp(TimeUnit::Second, zone) => {
                DataType::Timestamp(TimeUnit::Millisecond, zone.clone())
            }
            other => other.clone(),
        };
        field.as_ref().clone().with_data_type(held)
    });
    Schema::new(fields.collect::<Vec<_>>()).with_metadata(schema.metadata().clone())
}

/// A column as the type that [`schema_of`] gives it.
fn held(array: ArrayRef) -> std::result::Result<ArrayRef, ArrowError> {
    Ok(match array.data_type() {
        DataType::Date64 => {
            Arc::new(array.as_primitive::<Date64Type>().reinterpret_cast::<TimestampMillisecondType>())
        }
        DataType::Timestamp(TimeUnit::Second, zone) => {
            let far = || ArrowError::ComputeError("a moment is too far away for milliseconds".into());
            let moments = array.as_primitive::<TimestampSecondType>();
            let moments: TimestampMillisecondArray =
                moments.try_unary(|seconds| seconds.checked_mul(1_000).ok_or_else(far))?;
            Arc::new(moments.with_timezone_opt(zone.clone()))
        }
        _ => array,
    })
}

fn properties(layout: &Layout) -> WriterProperties {
    let metadata = layout.metadata.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_created_by(format!("opus version {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(metadata.collect()))
        .build();
    // the metadata of the file is beside the schema, not in it
    let schema = schema_of(layout).with_metadata(arrow_schema::Metadata::default());
    add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
    properties
}

impl Encoder for ParquetEncoder {
    fn copies_pages(&self) -> bool {
        true
    }

    fn encode(&self, table: &Table<'_>) -> std::result::Result<Encoded, DataError> {
        self.row_group(table).map(Encoded::new).map_err(|error| match error {
            // pages that are copied are checked here
            ParquetError::External(error) => match error.downcast::<DataError>() {
                Ok(error) => *error,
                Err(error) => cannot_encode(&*error),
            },
            error => cannot_encode(&error),
        })
    }
}

impl ParquetEncoder {
    fn row_group(&self, table: &Table<'_>) -> Result<RowGroup> {
        let mut general = Vec::new();
        let mut chunks = Vec::new();
        let mut leaf = 0;
        for (index, (spec, data)) in self.layout.columns.iter().zip(&table.columns).enumerate() {
            if let Some(pages) = self.known(spec, data, table.rows, leaf)? {
                chunks.push(ColumnChunk::Known(Box::new(pages)));
                leaf += 1;
                continue;
            }
            if general.is_empty() {
                general = self.general.create_column_writers(0)?.into_iter().map(Some).collect();
            }
            let mut written = Vec::new();
            let array = held(array_of(spec, data, table.rows)?)?;
            for column in compute_leaves(self.arrow_schema.field(index), &array)? {
                let writer = general.get_mut(leaf).and_then(Option::take);
                let mut writer =
                    writer.ok_or_else(|| ParquetError::General("a leaf has no writer".into()))?;
                writer.write(&column)?;
                written.push(writer.close()?);
                leaf += 1;
            }
            chunks.push(ColumnChunk::General(written));
        }
        Ok(RowGroup(chunks))
    }

    /// The pages of a column that needs no general writer.
    fn known(&self, spec: &Spec, data: &Data<'_>, rows: usize, leaf: usize) -> Result<Option<Pages>> {
        if is_known(spec) {
            return encode(spec, data, rows, self.schema.column(leaf)).map(Some);
        }
        let description = || self.schema.column(leaf);
        match data {
            Data::Pages(part) => match part.verbatim(&description()).map_err(external)? {
                Some(verbatim) => {
                    let (bytes, close) = verbatim.close(description())?;
                    Ok(Some(Pages { bytes: bytes.into(), close }))
                }
                None => encode_texts(array_of(spec, data, rows)?.as_ref(), description()),
            },
            Data::Array(array) => encode_texts(array.as_ref(), description()),
            _ => Ok(None),
        }
    }
}

fn external(error: DataError) -> ParquetError {
    ParquetError::External(Box::new(error))
}

fn array_of(spec: &Spec, data: &Data<'_>, rows: usize) -> Result<ArrayRef> {
    match data {
        Data::Pages(part) => part.array().map_err(external),
        data => Ok(spec.array(data, rows)),
    }
}

impl Writer for ParquetWriter {
    fn append(&mut self, rows: Encoded) -> std::result::Result<(), DataError> {
        self.append_to(rows.get()).map_err(|error| DataError::unwritable(&self.name, &error))
    }

    fn finish(self: Box<Self>) -> std::result::Result<Whole, DataError> {
        let ParquetWriter { file, name } = *self;
        file.into_inner().map_err(|error| DataError::unwritable(&name, &error))?.end()
    }
}

impl ParquetWriter {
    fn append_to(&mut self, row_group: RowGroup) -> Result<()> {
        let mut writer = self.file.next_row_group()?;
        for chunk in row_group.0 {
            match chunk {
                ColumnChunk::Known(pages) => writer.append_column(&pages.bytes, pages.close)?,
                ColumnChunk::General(leaves) => {
                    leaves.into_iter().try_for_each(|leaf| leaf.append_to_row_group(&mut writer))?;
                }
            }
        }
        writer.close()?;
        Ok(())
    }
}
