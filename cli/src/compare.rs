//! Does the policy make the decisions in a file? Compares files of inputs with a file of expected outputs.

use std::collections::{BTreeSet, HashMap, HashSet};

use opus_frontend::display;
use opus_ir::memory::Columns;
use opus_ir::{Field, Schema};
use opus_runtime::{Batch, Decide};

use crate::failure::{Exit, Failure};
use opus_data::pipeline::Progress;
use opus_data::pipeline::units::{Units, percentages};
use opus_data::write::{Data, Printed, Printer, Spec};
use opus_data::{Census, ColumnData, DataError, ErrorKind, Intake, Located, Mapping, Reader, Unmatched};

/// A row on which the policy and the expectation differ.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The value that identifies the row, or the number of the row.
    pub key: String,
    /// The expected and the actual value of each output that differs; the output's name is empty if the whole row
    /// differs.
    pub outputs: Vec<(String, String, String)>,
    /// The rule that decided; empty if there is none.
    pub rule: String,
}

/// The result of a comparison.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Comparison {
    /// The number of expected rows.
    pub rows: u64,
    /// The rows that differ, in the order of the inputs.
    pub differences: Vec<Difference>,
    /// The number of input rows without an expectation.
    pub unexpected: u64,
    /// The input columns that no field reads.
    pub ignored: BTreeSet<String>,
    /// What objects lack, and the names that may be misspelled.
    pub unmatched: Unmatched,
    /// The columns of the expected decisions that are not outputs.
    pub not_compared: BTreeSet<String>,
}

/// Files to compare.
pub struct Files {
    /// The inputs.
    pub inputs: Vec<Located>,
    /// The expected outputs: columns with the names of the outputs.
    pub expected: Located,
    /// The column that identifies a row; `None` to match rows by position.
    pub on: Option<String>,
    /// How the columns of the inputs map to fields.
    pub mapping: Mapping,
}

/// Compares the decisions of an engine with the expected ones.
///
/// # Errors
/// If a file cannot be read, or a row cannot be identified.
pub fn compare(
    files: &Files,
    schema: &Schema,
    rules: &[String],
    engine: &dyn Decide,
    progress: &dyn Fn(Progress),
) -> Result<Comparison, Failure> {
    let (mut expected, not_compared) = expected(files, schema)?;
    let keep: Vec<String> = files.on.iter().cloned().collect();
    let intake = Intake { schema: schema.clone(), mapping: files.mapping.clone(), keep };
    let mut comparison = Comparison { rows: expected.len() as u64, not_compared, ..Comparison::default() };
    let mut reader = Reader::open(files.inputs.clone(), &intake)?;
    let mut found_keys = HashSet::new();
    let (mut units, mut census) = (Units::new(&intake), Census::new(&intake));
    while let Some(chunk) = reader.next_chunk()? {
        let (file, first_row, count) = (chunk.file.clone(), chunk.first_row, chunk.rows);
        let mut batch = engine.batch(count);
        let (columns, faults) = batch.filling();
        let filled = chunk.fill(&intake, columns, faults)?;
        units.meet(&file, &percentages(&intake, first_row, columns, faults))?;
        engine.decide(&mut batch);
        let keys = keys(first_row, count, &ColumnData::arrays(&filled.kept)?, reader.kept());
        let mut decided = batch.rows().iter().enumerate().peekable();
        for (row, key) in keys.iter().enumerate() {
            let found = match decided.next_if(|(_, decided)| **decided as usize == row) {
                Some((at, _)) => Ok(at),
                None => Err(first_reason(&batch, row)),
            };
            let Some(wanted) = expected.remove(key) else {
                if !found_keys.insert(key.clone()) {
                    return Err(appears_twice(key, "the inputs"));
                }
                comparison.unexpected += 1;
                continue;
            };
            found_keys.insert(key.clone());
            let difference = match found {
                Err(why) => Some((
                    vec![(String::new(), "a decision".to_owned(), format!("refused: {why}"))],
                    String::new(),
                )),
                Ok(at) => {
                    let differing = differing(schema, &wanted, batch.outputs(), at);
                    (!differing.is_empty()).then(|| (differing, rules[batch.rules()[at] as usize].clone()))
                }
            };
            let difference = difference.map(|(outputs, rule)| Difference { key: key.clone(), outputs, rule });
            comparison.differences.extend(difference);
        }
        comparison.ignored.extend(filled.ignored);
        census.add(&file, filled.seen)?;
        let rows = first_row - 1 + count as u64;
        progress(Progress { rows, fraction: reader.progress() });
    }
    comparison.ignored.extend(reader.ignored().names().map(str::to_owned));
    comparison.unmatched = census.end()?;
    let mut left: Vec<String> = expected.into_keys().collect();
    left.sort();
    comparison.differences.extend(left.into_iter().map(|key| Difference {
        key,
        outputs: vec![(String::new(), "a decision".to_owned(), NOT_IN_INPUTS.to_owned())],
        rule: String::new(),
    }));
    Ok(comparison)
}

/// What is found where there is no row.
pub const NOT_IN_INPUTS: &str = "not in the inputs";

/// The first reason for which a row of a batch is refused.
fn first_reason(batch: &Batch, row: usize) -> String {
    let at = batch.refused().partition_point(|(refused, _)| (*refused as usize) < row);
    batch.refused().get(at).map_or_else(String::new, |(_, reason)| reason.message.clone())
}

fn differing(
    schema: &Schema,
    wanted: &[Option<i128>],
    outputs: &Columns,
    at: usize,
) -> Vec<(String, String, String)> {
    let text = |field: &Field, value: Option<i128>| {
        value.map_or_else(|| "nothing".to_owned(), |value| display::field_text(schema, field.kind, value))
    };
    let each = schema.outputs.iter().enumerate().zip(wanted);
    each.filter_map(|((index, field), wanted)| {
        let found = outputs.get(index, at);
        (found != *wanted).then(|| (field.name.clone(), text(field, *wanted), text(field, found)))
    })
    .collect()
}

/// Outputs by the key of their row.
type Expected = HashMap<String, Vec<Option<i128>>>;

/// The expected outputs, and the columns that are not outputs.
fn expected(files: &Files, schema: &Schema) -> Result<(Expected, BTreeSet<String>), Failure> {
    // reads the outputs as if they were the inputs of another policy, which decides nothing
    let outputs =
        Schema { inputs: schema.outputs.clone(), outputs: Vec::new(), effective: None, ..schema.clone() };
    let mapping = Mapping::as_written(&outputs);
    let intake = Intake { schema: outputs, mapping, keep: files.on.iter().cloned().collect() };
    let (mut found, mut beside) = (HashMap::new(), BTreeSet::new());
    let mut reader =
        Reader::open(vec![files.expected.clone()], &intake).map_err(|error| match error.kind {
            ErrorKind::NoColumn => DataError::input(error.message)
                .remedy("the expected decisions need a column for every output"),
            _ => error,
        })?;
    let mut census = Census::new(&intake);
    while let Some(chunk) = reader.next_chunk()? {
        let (file, first_row, count) = (chunk.file.clone(), chunk.first_row, chunk.rows);
        let mut columns = Columns::new(&intake.schema.input_columns(), count);
        let mut faults = Vec::new();
        let filled = chunk.fill(&intake, &mut columns, &mut faults)?;
        if let Some((row, reason)) = faults.iter().min_by_key(|(row, _)| *row) {
            let message =
                format!("row {} of the expected decisions: {}", first_row + u64::from(*row), reason.message);
            return Err(Failure::io(message));
        }
        beside.extend(filled.ignored);
        census.add(&file, filled.seen)?;
        let keys = keys(first_row, count, &ColumnData::arrays(&filled.kept)?, reader.kept());
        for (row, key) in keys.into_iter().enumerate() {
            let values = (0..intake.schema.inputs.len()).map(|index| columns.get(index, row)).collect();
            if found.insert(key.clone(), values).is_some() {
                return Err(appears_twice(&key, "the expected decisions"));
            }
        }
    }
    beside.extend(reader.ignored().names().map(str::to_owned));
    census.end()?;
    Ok((found, beside))
}

fn appears_twice(key: &str, place: &str) -> Failure {
    Failure::new(Exit::Io, format!("`{key}` appears twice in {place}"))
        .help("--on names a column whose values tell rows apart")
}

/// For each row, the value of the kept column or the number of the row.
fn keys(
    first_row: u64,
    rows: usize,
    kept: &[arrow_array::ArrayRef],
    names: &[opus_data::Kept],
) -> Vec<String> {
    let (Some(array), Some(name)) = (kept.first(), names.first()) else {
        return (0..rows as u64).map(|row| (first_row + row).to_string()).collect();
    };
    let (spec, data) = (Spec::kept(name), Data::Array(array.clone()));
    let printer = Printer::new(&spec, &data);
    let mut scratch = String::new();
    let mut key = |row| match printer.print(row, false, &mut scratch) {
        Printed::Missing => String::new(),
        Printed::Plain(text) | Printed::Text(text) => text.to_owned(),
    };
    (0..rows).map(&mut key).collect()
}
