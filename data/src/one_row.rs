//! What does one row of the inputs hold, or each of them? The inputs are read as a batch reads them, up to that row.

use std::collections::{BTreeMap, BTreeSet};

use opus_ir::memory::Columns;
use opus_runtime::admission::{Place, Reason};
use opus_runtime::{Policy, Refusal, Row};

use crate::chunk::Chunk;
use crate::endpoint::Located;
use crate::error::DataError;
use crate::intake::Intake;
use crate::pipeline::Progress;
use crate::pipeline::units::{Units, percentages};
use crate::seen::Census;
use crate::source::{Reader, name_of};

/// One row of some inputs.
///
/// ```
/// use opus_data::{Intake, OneRow, inputs};
/// let policy = opus_runtime::example::policy();
/// let path = std::env::temp_dir().join(format!("one-row-{}.csv", std::process::id()));
/// std::fs::write(
///     &path,
///     "submitted_on,age,score,income,requested,work\n\
///      2025-02-01,200,720,90000,9000,salaried\n\
///      2025-02-01,40,720,90000,9000,salaried\n",
/// )?;
/// let intake = Intake::by_name(policy.schema());
/// let files = inputs(std::slice::from_ref(&path), None)?;
/// let first = OneRow::read(files.clone(), 1, &intake, &policy, &|_| ())?;
/// assert_eq!(first.row.unwrap_err().to_string(), "refused: age: 200 is outside 16..120");
/// let second = OneRow::read(files.clone(), 2, &intake, &policy, &|_| ())?;
/// assert_eq!(policy.decide(&second.row?)?.rule().id, "R4");
/// let error = OneRow::read(files, 3, &intake, &policy, &|_| ()).err().unwrap();
/// assert!(error.message.ends_with("has 2 rows, so there is no row 3"));
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OneRow {
    /// The row, or why its fields are refused.
    pub row: Result<Row, Refusal>,
    /// The file that it is in.
    pub file: String,
    /// Its number within this file, from 1.
    pub row_of_file: u64,
    /// The names that it has and no field reads. In formats with a header, these are the columns of all files so far.
    pub ignored: BTreeSet<String>,
}

impl OneRow {
    /// Reads the row with this number, from 1, over all files. What a batch would make of it depends on rows before it
    /// (a column of percentages must begin with a percent sign), so all of them are read, a chunk at a time. Rows after
    /// its chunk are read only if no object had a column yet that the mapping names.
    ///
    /// # Errors
    /// As a batch of these files, up to this row; and if there is no such row.
    pub fn read(
        files: Vec<Located>,
        number: u64,
        intake: &Intake,
        policy: &Policy,
        progress: &dyn Fn(Progress),
    ) -> Result<OneRow, DataError> {
        let what = match files.as_slice() {
            [file] => format!("{} has", name_of(&file.endpoint)),
            files => format!("the {} files have", files.len()),
        };
        let mut reader = Reader::open(files, intake)?;
        let mut state = State { intake, units: Units::new(intake), census: Census::new(intake) };
        let (mut rows, mut is_read) = (0, true);
        let mut found: Option<OneRow> = None;
        while let Some(chunk) = reader.next_chunk()? {
            rows += chunk.rows as u64;
            let rows_before = chunk.first_row - chunk.row_of_file;
            let at = number.checked_sub(chunk.first_row).filter(|at| *at < chunk.rows as u64);
            let ignored = at.map(|at| state.ignored(&chunk, at as usize));
            let name = chunk.file.to_string();
            let (columns, faults) = state.fill(chunk)?;
            progress(Progress { rows, fraction: reader.progress() });
            if let Some(at) = at {
                found = Some(OneRow {
                    row: row(policy, &columns, faults, at as usize),
                    file: name,
                    row_of_file: number - rows_before,
                    ignored: ignored.into_iter().flatten().collect(),
                });
            }
            if found.is_some() && state.census.has_named_columns() {
                is_read = false;
                break;
            }
        }
        if is_read {
            state.census.end()?;
        }
        let mut found = found.ok_or_else(|| {
            let noun = if rows == 1 { "row" } else { "rows" };
            DataError::request(format!("{what} {rows} {noun}, so there is no row {number}"))
        })?;
        found.ignored.extend(reader.ignored().names().map(str::to_owned));
        Ok(found)
    }
}

/// Hands over chosen rows of some inputs, in order, with their numbers from 1 over all files: the row, or why its fields are
/// refused. The inputs are read as a batch of them reads them.
///
/// # Errors
/// As a batch of these files, and what `visit` answers.
///
/// ```
/// use opus_data::{Intake, each_row, inputs};
/// let policy = opus_runtime::example::policy();
/// let path = std::env::temp_dir().join(format!("each-row-{}.csv", std::process::id()));
/// let rows = "submitted_on,age,score,income,requested,work\n\
///             2025-02-01,200,720,90000,9000,salaried\n2025-02-01,40,720,90000,9000,salaried\n";
/// std::fs::write(&path, rows)?;
/// let intake = Intake::by_name(policy.schema());
/// let mut found = Vec::new();
/// each_row(inputs(&[path.clone()], None)?, &intake, &policy, &|number| number > 1, &|_| (), &mut |number, row| {
///     found.push((number, row.is_ok()));
///     Ok(())
/// })?;
/// assert_eq!(found, [(2, true)]);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn each_row(
    files: Vec<Located>,
    intake: &Intake,
    policy: &Policy,
    is_chosen: &dyn Fn(u64) -> bool,
    progress: &dyn Fn(Progress),
    visit: &mut dyn FnMut(u64, Result<Row, Refusal>) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut reader = Reader::open(files, intake)?;
    let mut state = State { intake, units: Units::new(intake), census: Census::new(intake) };
    let mut rows = 0;
    while let Some(chunk) = reader.next_chunk()? {
        let (first_row, count) = (chunk.first_row, chunk.rows);
        let (columns, faults) = state.fill(chunk)?;
        let mut by_row: BTreeMap<u32, Vec<(u32, Reason)>> = BTreeMap::new();
        for (row, reason) in faults {
            by_row.entry(row).or_default().push((row, reason));
        }
        for at in (0..count).filter(|at| is_chosen(first_row + *at as u64)) {
            let faults = by_row.remove(&(at as u32)).unwrap_or_default();
            visit(first_row + at as u64, row(policy, &columns, faults, at))?;
        }
        rows += count as u64;
        progress(Progress { rows, fraction: reader.progress() });
    }
    state.census.end().map(|_| ())
}

/// What the rows so far say of the files.
struct State<'a> {
    intake: &'a Intake,
    units: Units<'a>,
    census: Census<'a>,
}

impl State<'_> {
    /// Reads the fields of a chunk, and why some of its rows are refused.
    fn fill(&mut self, chunk: Chunk) -> Result<(Columns, Vec<(u32, Reason)>), DataError> {
        let (file, first_row) = (chunk.file.clone(), chunk.first_row);
        let mut columns = Columns::new(&self.intake.schema.input_columns(), chunk.rows);
        let mut faults = Vec::new();
        let filled = chunk.fill(self.intake, &mut columns, &mut faults)?;
        self.units.meet(&file, &percentages(self.intake, first_row, &columns, &faults))?;
        self.census.add(&file, filled.seen)?;
        Ok((columns, faults))
    }

    /// The names in a row of a format that names values row by row, as far as no field reads them.
    fn ignored(&self, chunk: &Chunk, at: usize) -> Vec<String> {
        let names = chunk.body.names(at);
        self.intake.ignored(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// The row at a place in a chunk.
fn row(policy: &Policy, columns: &Columns, faults: Vec<(u32, Reason)>, at: usize) -> Result<Row, Refusal> {
    let of_row = faults.into_iter().filter(|(row, _)| *row as usize == at);
    let mut reasons: Vec<Reason> = of_row.map(|(_, reason)| reason).collect();
    reasons.sort_by_key(|reason| reason.place);
    match reasons.as_slice() {
        [] => {}
        [reason] if reason.place == Place::Row => return Err(Refusal::Row(Box::new(reason.clone()))),
        _ => return Err(Refusal::Fields(reasons)),
    }
    let mut row = policy.row();
    for index in 0..policy.schema().inputs.len() {
        let set = match columns.get(index, at) {
            Some(value) => row.set_counted(index, value),
            None => row.set_missing(index),
        };
        set.expect("the value was admitted");
    }
    Ok(row)
}
