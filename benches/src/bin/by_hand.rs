//! The credit policy as one would write it by hand: stock Arrow and Parquet readers, a loop that the compiler
//! vectorises, and the stock Parquet writer, on as many threads as asked for.
//!
//!     by_hand parquet|arrow|csv|jsonl INPUT OUTPUT.parquet THREADS
//!
//! The output has the columns of `opus batch --keep application_id`, so that both can be compared row by row. The
//! program checks no ranges and refuses no rows.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal32Type, Decimal64Type, Decimal128Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, Decimal128Array, DictionaryArray, Int8Array, Int32Array, Int64Array, RecordBatch,
    StringArray,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Rows of a batch, and of a piece of text.
const BATCH_ROWS: usize = 1 << 16;
/// Bytes of a piece of text that one thread reads at a time.
const PIECE_BYTES: usize = 8 << 20;

const RULES: [&str; 10] = ["C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "C10"];
const DECISIONS: [&str; 3] = ["approve", "refer", "decline"];
/// By rule, its index in `DECISIONS`.
const DECISION_OF: [i8; 10] = [2, 1, 2, 2, 2, 1, 1, 0, 0, 2];
const REASONS: [&str; 10] = [
    "UNDER_AGE",
    "THIN_FILE",
    "RECENT_BANKRUPTCY",
    "SCORE_BELOW_FLOOR",
    "DTI_TOO_HIGH",
    "DELINQUENCIES",
    "SHORT_EMPLOYMENT",
    "WITHIN_CAP",
    "CAPPED",
    "CAP_TOO_LOW",
];
/// 2025-01-01, on which version 2 takes effect.
const VERSION_2_DAY: i32 = 20_089;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, input, output, threads] = arguments.as_slice() else {
        return Err("usage: by_hand parquet|arrow|csv|jsonl INPUT OUTPUT.parquet THREADS".into());
    };
    let input = Input::open(kind, input)?;
    let schema = output_schema();
    let root = ArrowSchemaConverter::new().convert(&schema)?.root_schema_ptr();
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut file = SerializedFileWriter::new(File::create(output)?, root, Arc::new(properties))?;
    let factory = ArrowRowGroupWriterFactory::new(&file, schema.clone());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(4);
        for _ in 0..threads.parse::<usize>()? {
            let (sender, input, next, factory, schema) = (sender.clone(), &input, &next, &factory, &schema);
            scope.spawn(move || {
                loop {
                    let piece = next.fetch_add(1, Ordering::Relaxed);
                    if piece >= input.pieces() {
                        return;
                    }
                    let encoded =
                        input.read(piece).and_then(|batches| encode(factory, schema, piece, batches));
                    if sender.send((piece, encoded)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut expected = 0;
        for (piece, encoded) in receiver {
            early.insert(piece, encoded?);
            while let Some(chunks) = early.remove(&expected) {
                let mut row_group = file.next_row_group()?;
                for chunk in chunks {
                    ArrowColumnChunk::append_to_row_group(chunk, &mut row_group)?;
                }
                row_group.close()?;
                expected += 1;
            }
        }
        Ok::<(), Box<dyn Error + Send + Sync>>(())
    })?;
    file.close()?;
    Ok(())
}

/// A file in pieces that threads read on their own. Text has no row numbers, so the rows before each piece are
/// counted first.
enum Input {
    Parquet(Bytes, ArrowReaderMetadata),
    /// How many batches there are, and how many rows the first has.
    Arrow(Bytes, usize, i64),
    Text {
        is_csv: bool,
        text: Bytes,
        ends: Vec<usize>,
        rows_before: Vec<i64>,
    },
}

impl Input {
    fn open(kind: &str, path: &str) -> Result<Input> {
        let bytes = Bytes::from(std::fs::read(path)?);
        Ok(match kind {
            "parquet" => {
                let metadata = ArrowReaderMetadata::load(&bytes, Default::default())?;
                Input::Parquet(bytes, metadata)
            }
            "arrow" => {
                let mut reader = arrow_ipc::reader::FileReader::try_new(Cursor::new(bytes.clone()), None)?;
                let first = reader.next().ok_or("there is no batch")??;
                Input::Arrow(bytes, reader.num_batches(), first.num_rows() as i64)
            }
            _ => Input::text(kind == "csv", bytes),
        })
    }

    fn text(is_csv: bool, text: Bytes) -> Input {
        let (mut ends, mut rows_before, mut rows) = (vec![0], Vec::new(), if is_csv { -1 } else { 0 });
        while let Some(start) = ends.last().copied().filter(|start| *start < text.len()) {
            let rest = &text[(start + PIECE_BYTES).min(text.len())..];
            let end = rest.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let end = text.len() - rest.len() + end;
            rows_before.push(rows.max(0));
            rows += text[start..end].iter().filter(|byte| **byte == b'\n').count() as i64;
            ends.push(end);
        }
        Input::Text { is_csv, text, ends, rows_before }
    }

    fn pieces(&self) -> usize {
        match self {
            Input::Parquet(_, metadata) => metadata.metadata().num_row_groups(),
            Input::Arrow(_, batches, _) => *batches,
            Input::Text { ends, .. } => ends.len() - 1,
        }
    }

    /// The number of the first row of a piece, from 1, and its batches.
    fn read(&self, piece: usize) -> Result<(i64, Vec<RecordBatch>)> {
        Ok(match self {
            Input::Parquet(bytes, metadata) => {
                let groups = &metadata.metadata().row_groups()[..piece];
                let before: i64 = groups.iter().map(|group| group.num_rows()).sum();
                let builder =
                    ParquetRecordBatchReaderBuilder::new_with_metadata(bytes.clone(), metadata.clone());
                let reader = builder.with_row_groups(vec![piece]).with_batch_size(BATCH_ROWS).build()?;
                (before + 1, reader.collect::<std::result::Result<_, ArrowError>>()?)
            }
            Input::Arrow(bytes, _, batch_rows) => {
                let mut reader = arrow_ipc::reader::FileReader::try_new(Cursor::new(bytes.clone()), None)?;
                reader.set_index(piece)?;
                // all batches but the last have the same number of rows
                (piece as i64 * batch_rows + 1, vec![reader.next().ok_or("a batch is missing")??])
            }
            Input::Text { is_csv, text, ends, rows_before } => {
                let piece_text = Cursor::new(text.slice(ends[piece]..ends[piece + 1]));
                let schema = text_schema();
                let batches = if *is_csv {
                    let builder = arrow_csv::ReaderBuilder::new(schema).with_header(piece == 0);
                    let reader = builder.with_batch_size(BATCH_ROWS).build_buffered(piece_text)?;
                    reader.collect::<std::result::Result<_, ArrowError>>()?
                } else {
                    let builder = arrow_json::ReaderBuilder::new(schema).with_batch_size(BATCH_ROWS);
                    builder.build(piece_text)?.collect::<std::result::Result<_, ArrowError>>()?
                };
                (rows_before[piece] + 1, batches)
            }
        })
    }
}

fn text_schema() -> SchemaRef {
    let amount = || DataType::Decimal128(9, 2);
    let fields = [
        ("application_id", DataType::Utf8),
        ("submitted_on", DataType::Date32),
        ("age", DataType::Int64),
        ("score", DataType::Int64),
        ("annual_income", amount()),
        ("monthly_debt", amount()),
        ("requested_amount", amount()),
        ("term_months", DataType::Int64),
        ("employment", DataType::Utf8),
        ("months_employed", DataType::Int64),
        ("delinquencies_24m", DataType::Int64),
        ("months_since_bankruptcy", DataType::Int64),
    ];
    Arc::new(Schema::new(fields.map(|(name, data_type)| Field::new(name, data_type, true)).to_vec()))
}

fn output_schema() -> SchemaRef {
    let names = || DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    Arc::new(Schema::new(vec![
        Field::new("row", DataType::Int64, false),
        Field::new("decision", names(), false),
        Field::new("credit_amount", DataType::Decimal128(7, 2), false),
        Field::new("reason_code", names(), false),
        Field::new("rule", names(), false),
        Field::new("version", DataType::Int32, false),
        Field::new("application_id", DataType::Utf8, true),
    ]))
}

/// Decides and encodes the batches of a piece as a row group.
fn encode(
    factory: &ArrowRowGroupWriterFactory,
    schema: &SchemaRef,
    piece: usize,
    (mut first_row, batches): (i64, Vec<RecordBatch>),
) -> Result<Vec<ArrowColumnChunk>> {
    let mut writers = factory.create_column_writers(piece)?;
    for batch in batches {
        let columns = decide(first_row, &batch)?;
        first_row += batch.num_rows() as i64;
        let mut leaves = Vec::new();
        for (field, column) in schema.fields().iter().zip(&columns) {
            leaves.extend(compute_leaves(field, column)?);
        }
        for (writer, leaf) in writers.iter_mut().zip(leaves) {
            writer.write(&leaf)?;
        }
    }
    Ok(writers.into_iter().map(|writer| writer.close()).collect::<parquet::errors::Result<_>>()?)
}

/// Integers of any type that the inputs have, a missing one as `missing`.
fn integers(batch: &RecordBatch, name: &str, missing: i32) -> Result<Vec<i32>> {
    let column = batch.column_by_name(name).ok_or_else(|| format!("there is no column {name}"))?;
    let mut values: Vec<i32> = match column.data_type() {
        DataType::Int32 => column.as_primitive::<Int32Type>().values().to_vec(),
        DataType::Date32 => column.as_primitive::<Date32Type>().values().to_vec(),
        DataType::Int64 => column.as_primitive::<Int64Type>().values().iter().map(|x| *x as i32).collect(),
        other => return Err(format!("{name} is {other}").into()),
    };
    if column.null_count() > 0 {
        for (row, value) in values.iter_mut().enumerate() {
            *value = if column.is_valid(row) { *value } else { missing };
        }
    }
    Ok(values)
}

/// Amounts in cents.
fn cents(batch: &RecordBatch, name: &str) -> Result<Vec<i64>> {
    let column = batch.column_by_name(name).ok_or_else(|| format!("there is no column {name}"))?;
    Ok(match column.data_type() {
        DataType::Decimal32(_, 2) => {
            column.as_primitive::<Decimal32Type>().values().iter().map(|x| *x as i64).collect()
        }
        DataType::Decimal64(_, 2) => column.as_primitive::<Decimal64Type>().values().to_vec(),
        DataType::Decimal128(_, 2) => {
            column.as_primitive::<Decimal128Type>().values().iter().map(|x| *x as i64).collect()
        }
        other => return Err(format!("{name} is {other}").into()),
    })
}

fn are_retired(column: &ArrayRef) -> Result<Vec<bool>> {
    Ok(match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().iter().map(|text| text == Some("retired")).collect(),
        DataType::LargeUtf8 => column.as_string::<i64>().iter().map(|text| text == Some("retired")).collect(),
        DataType::Utf8View => column.as_string_view().iter().map(|text| text == Some("retired")).collect(),
        other => return Err(format!("employment is {other}").into()),
    })
}

/// The output columns of a batch.
fn decide(first_row: i64, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
    let rows = batch.num_rows();
    let day = integers(batch, "submitted_on", 0)?;
    let age = integers(batch, "age", 0)?;
    let score = integers(batch, "score", -1)?;
    let (income, debt) = (cents(batch, "annual_income")?, cents(batch, "monthly_debt")?);
    let requested = cents(batch, "requested_amount")?;
    let term = integers(batch, "term_months", 0)?;
    let retired = are_retired(batch.column_by_name("employment").ok_or("there is no column employment")?)?;
    let employed = integers(batch, "months_employed", 0)?;
    let delinquencies = integers(batch, "delinquencies_24m", 0)?;
    let bankruptcy = integers(batch, "months_since_bankruptcy", i32::MAX)?;
    let (mut rules, mut amounts, mut versions) = (vec![0i8; rows], vec![0i128; rows], vec![0i32; rows]);
    for row in 0..rows {
        let is_second = day[row] >= VERSION_2_DAY;
        let floor = if is_second { 700 } else { 680 };
        let share = if score[row] >= 780 {
            40
        } else if score[row] >= 740 {
            30
        } else {
            20
        };
        let scaled = income[row] * share;
        let (down, half) = (scaled / 100, scaled % 100);
        let cap = down + (half > 50 || (half == 50 && down % 2 == 1)) as i64;
        let months = term[row] as i64;
        let mut rule = 9;
        rule = if cap >= 50_000 { 8 } else { rule };
        rule = if requested[row] <= cap { 7 } else { rule };
        rule = if employed[row] < 6 && !retired[row] { 6 } else { rule };
        rule = if delinquencies[row] > 2 { 5 } else { rule };
        let is_deep = (debt[row] * months + requested[row]) * 1200 > income[row] * months * 43;
        rule = if is_deep { 4 } else { rule };
        rule = if score[row] < floor { 3 } else { rule };
        rule = if bankruptcy[row] < 84 { 2 } else { rule };
        rule = if score[row] < 0 { 1 } else { rule };
        rule = if age[row] < 18 { 0 } else { rule };
        rules[row] = rule;
        let amount = if rule == 7 { requested[row] } else { cap };
        amounts[row] = if rule == 7 || rule == 8 { amount as i128 } else { 0 };
        versions[row] = 1 + is_second as i32;
    }
    let decisions: Vec<i8> = rules.iter().map(|rule| DECISION_OF[*rule as usize]).collect();
    let names = |codes: Vec<i8>, names: &[&str]| -> Result<ArrayRef> {
        let names = StringArray::from_iter_values(names);
        Ok(Arc::new(DictionaryArray::try_new(Int8Array::from(codes), Arc::new(names))?))
    };
    let id = batch.column_by_name("application_id").ok_or("there is no column application_id")?;
    let id: ArrayRef = match id.data_type() {
        DataType::Utf8 => id.clone(),
        DataType::LargeUtf8 => Arc::new(id.as_string::<i64>().iter().collect::<StringArray>()),
        _ => Arc::new(id.as_string_view().iter().collect::<StringArray>()),
    };
    Ok(vec![
        Arc::new(Int64Array::from_iter_values(first_row..first_row + rows as i64)),
        names(decisions, &DECISIONS)?,
        Arc::new(Decimal128Array::from(amounts).with_precision_and_scale(7, 2)?),
        names(rules.clone(), &REASONS)?,
        names(rules, &RULES)?,
        Arc::new(Int32Array::from(versions)),
        id,
    ])
}
