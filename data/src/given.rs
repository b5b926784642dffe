//! Which values of rows do not come from their file? Those that the name of a folder gives, as in
//! `state=CA/rows.parquet`, those that the mapping file says no file has, and those that are filled in where a file lacks
//! the column.
//!
//! A file may hold a column that a folder gives too. Then its values have to agree with the folder's, and a cell that is
//! missing takes the folder's value.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Component;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, StringArray, new_null_array};
use arrow_schema::DataType;
use opus_ir::Fault;
use opus_ir::memory::Columns;
use opus_runtime::admission::number::scaled;
use opus_runtime::admission::{Admission, Place, Reading, Shown, Unit};

use super::cells::Cells;
use super::chunk::{ColumnData, Kept};
use super::columnar::RowFault;
use super::endpoint::Endpoint;
use super::intake::Intake;
use super::json_lines::unquoted;
use crate::error::DataError;

/// What Hive calls a folder of rows without a value.
const HIVE_MISSING: &str = "__HIVE_DEFAULT_PARTITION__";

/// Kept values that are numbers are compared to this many decimals.
const COMPARED_DECIMALS: u8 = 18;

/// Values that all rows of a file have in common, and that do not come from the file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Given {
    /// Input indices, ascending, of the fields that no file has.
    absent: Vec<usize>,
    /// Input indices, ascending, with the value of a folder; `None` where it is missing.
    fields: Vec<(usize, Option<String>)>,
    /// Input indices, ascending, with the value in files that have no such column.
    filled: Vec<(usize, Option<String>)>,
    /// Positions among the columns to keep, ascending, with the value of a folder.
    kept: Vec<(usize, Option<String>)>,
}

/// The rows of a chunk, as messages name them.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// What their file is called.
    pub file: &'a str,
    /// The number of the first.
    pub first: u64,
    /// How many there are.
    pub count: usize,
    /// Those that cannot be read, from 0; their cells are unspecified.
    pub unread: &'a BTreeSet<u32>,
}

impl Rows<'_> {
    fn readable(self) -> impl Iterator<Item = usize> {
        (0..self.count).filter(move |row| !self.unread.contains(&(*row as u32)))
    }
}

impl Given {
    /// What the endpoint of a file gives, and what the mapping says.
    ///
    /// # Errors
    /// Where two folders give a column different values.
    pub fn new(endpoint: Option<&Endpoint>, intake: &Intake) -> Result<Given, DataError> {
        let folders = endpoint.map(folder_values).unwrap_or_default();
        let value = |column: &str| -> Result<Option<Option<String>>, DataError> {
            let mut values = folders.iter().filter(|(name, _)| intake.is_name(name, column));
            let Some((_, value)) = values.next() else { return Ok(None) };
            match values.find(|(_, other)| other != value) {
                None => Ok(Some(value.clone())),
                Some((_, other)) => {
                    let file = endpoint.map(ToString::to_string).unwrap_or_default();
                    let message = format!(
                        "{file}: one folder says that `{column}` is {}, and another that it is {}",
                        in_words(value.as_deref()),
                        in_words(other.as_deref())
                    );
                    Err(DataError::input(message).remedy("rename one of the folders"))
                }
            }
        };
        let mut given = Given::default();
        for index in 0..intake.schema.inputs.len() {
            let mapping = intake.field_mapping(index);
            if mapping.is_absent {
                given.absent.push(index);
            } else if mapping.may_be_column()
                && let Some(value) = value(intake.column(index))?
            {
                given.fields.push((index, value));
            } else if let Some(fill) = &mapping.fill {
                given.filled.push((index, fill.clone()));
            }
        }
        for (position, name) in intake.keep.iter().enumerate() {
            given.kept.extend(value(name)?.map(|value| (position, value)));
        }
        Ok(given)
    }

    /// Whether no file has the field with this index.
    pub fn is_absent(&self, index: usize) -> bool {
        self.absent.contains(&index)
    }

    /// Whether a folder gives the field with this index.
    pub fn has_field(&self, index: usize) -> bool {
        self.fields.iter().any(|(field, _)| *field == index)
    }

    /// The fields with a value for files that lack their column.
    pub fn filled(&self) -> impl Iterator<Item = usize> {
        self.filled.iter().map(|(index, _)| *index)
    }

    /// Whether a folder gives the column at this position among those to keep.
    pub fn has_kept(&self, position: usize) -> bool {
        self.kept.iter().any(|(kept, _)| *kept == position)
    }

    /// Fills the columns of the fields that are given. Those that are `held` were filled from the file: they are
    /// compared.
    ///
    /// # Errors
    /// Where a value in the file is not the one that the folder gives.
    pub fn fill(
        &self,
        intake: &Intake,
        rows: Rows<'_>,
        held: impl Fn(usize) -> bool,
        columns: &mut Columns,
        faults: &mut Vec<RowFault>,
    ) -> Result<(), DataError> {
        for index in &self.absent {
            // only an optional field may be without a column
            (0..rows.count).for_each(|row| columns.set(*index, row, None));
        }
        for (index, fill) in &self.filled {
            if held(*index) {
                continue;
            }
            // as the policy writes it, whatever the mapping says of files
            let admission = Admission::new(&intake.schema, *index, Unit::Written);
            match admission.admit(fill.as_deref().map_or(Reading::Missing, Reading::Text)) {
                Ok(value) => (0..rows.count).for_each(|row| columns.set(*index, row, value)),
                Err(reason) => faults.extend((0..rows.count as u32).map(|row| (row, reason.clone()))),
            }
        }
        for (index, value) in &self.fields {
            if held(*index) {
                check_field(intake, rows, (*index, value.as_deref()), columns, faults)?;
            }
            match intake.admit(*index, value.as_deref().map_or(Reading::Missing, Reading::Text)) {
                Ok(value) => (0..rows.count).for_each(|row| columns.set(*index, row, value)),
                Err(reason) => faults.extend((0..rows.count as u32).map(|row| (row, reason.clone()))),
            }
        }
        Ok(())
    }

    /// All columns to keep, from those that the file holds: by position, `None` where it does not.
    ///
    /// # Errors
    /// Where a value in the file is not the one that the folder gives, or a page is damaged.
    pub fn with_kept(
        &self,
        intake: &Intake,
        rows: Rows<'_>,
        is_json: bool,
        mut kept: Vec<Option<ColumnData>>,
    ) -> Result<Vec<ColumnData>, DataError> {
        for (position, value) in &self.kept {
            if let Some(held) = &kept[*position] {
                let name = &intake.keep[*position];
                check_kept(name, rows, value.as_deref(), is_json, held.array()?.as_ref())?;
            }
            let column: ArrayRef = match value {
                Some(value) => {
                    Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, rows.count)))
                }
                None => new_null_array(&DataType::Utf8, rows.count),
            };
            kept[*position] = Some(column.into());
        }
        Ok(kept.into_iter().flatten().collect())
    }

    /// What all columns to keep are, from those that the file holds: by position, `None` where it does not.
    pub fn with_kept_types(&self, intake: &Intake, kept: &[Option<Kept>]) -> Vec<Kept> {
        let mut kept = kept.to_vec();
        for (position, _) in &self.kept {
            kept[*position] = Some(Kept::text(&intake.keep[*position], false));
        }
        kept.into_iter().flatten().collect()
    }
}

/// Checks that the cells of a field are what a folder says, unless they are missing. Afterwards they have no faults.
fn check_field(
    intake: &Intake,
    rows: Rows<'_>,
    (index, folder): (usize, Option<&str>),
    columns: &Columns,
    faults: &mut Vec<RowFault>,
) -> Result<(), DataError> {
    let wanted = intake.admit(index, folder.map_or(Reading::Missing, Reading::Text));
    let here = Place::Field(index as u32);
    let mut refused = BTreeMap::new();
    faults.retain(|(row, reason)| {
        let keep = reason.place != here;
        if !keep {
            refused.insert(*row, (reason.fault, reason.value.clone()));
        }
        keep
    });
    let field = &intake.schema.inputs[index];
    for row in rows.readable() {
        let found = match refused.get(&(row as u32)) {
            Some((Fault::Missing, _)) => continue,
            Some((_, text)) if Some(text.as_str()) == folder => continue,
            Some((_, text)) => text.clone(),
            None => match columns.get(index, row) {
                None => continue,
                Some(value) if wanted.as_ref().is_ok_and(|wanted| *wanted == Some(value)) => continue,
                Some(value) => Shown::new(&intake.schema, field.kind, value).to_string(),
            },
        };
        return Err(contradiction(rows, row, intake.column(index), &found, folder));
    }
    Ok(())
}

/// Checks that the cells of a column to keep are what a folder says, unless they are missing.
fn check_kept(
    name: &str,
    rows: Rows<'_>,
    folder: Option<&str>,
    is_json: bool,
    array: &dyn Array,
) -> Result<(), DataError> {
    let cells = Cells::new(array, 0);
    let mut scratch = String::new();
    let number = |text: &str| scaled(text, COMPARED_DECIMALS).ok();
    for row in rows.readable().filter(|row| !cells.is_missing(*row)) {
        let found = cells.reading(row, &mut scratch).to_string();
        let found = if is_json { unquoted(&found) } else { found };
        let is_same = folder.is_some_and(|folder| {
            folder == found || number(folder).is_some_and(|wanted| number(&found) == Some(wanted))
        });
        if !is_same {
            return Err(contradiction(rows, row, name, &found, folder));
        }
    }
    Ok(())
}

fn contradiction(rows: Rows<'_>, row: usize, column: &str, found: &str, folder: Option<&str>) -> DataError {
    let message = format!(
        "{}: column `{column}` holds {} in row {}, and the folder says that it is {}",
        rows.file,
        in_words(Some(found)),
        rows.first + row as u64,
        in_words(folder)
    );
    DataError::input(message).remedy("move the file to the folder of its value, or leave out one of the two")
}

/// A value in a message.
fn in_words(value: Option<&str>) -> String {
    value.map_or_else(|| "missing".to_owned(), |value| format!("`{value}`"))
}

/// The names and values in the folders of a path, as Hive writes them.
fn folder_values(endpoint: &Endpoint) -> Vec<(String, Option<String>)> {
    let (Endpoint::File(path) | Endpoint::Copy { of: path, .. }) = endpoint else { return Vec::new() };
    let folders = path.parent().into_iter().flat_map(|folder| folder.components());
    let pair = |component: Component<'_>| {
        let Component::Normal(name) = component else { return None };
        let (name, value) = name.to_str()?.split_once('=').filter(|(name, _)| !name.is_empty())?;
        let value = (value != HIVE_MISSING).then(|| unescaped(value));
        Some((unescaped(name), value))
    };
    folders.filter_map(pair).collect()
}

/// A name without escapes: `%2F` is a slash.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = match after {
            [high, low, ..] if *first == b'%' => {
                std::str::from_utf8(&[*high, *low]).ok().and_then(|code| u8::from_str_radix(code, 16).ok())
            }
            _ => None,
        };
        bytes.push(code.unwrap_or(*first));
        rest = &rest[if code.is_some() { 3 } else { 1 }..];
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_name_values() {
        let endpoint = Endpoint::File(
            "data/run=5/state=New%20York/x=__HIVE_DEFAULT_PARTITION__/day=2025-01-31/y=1.csv".into(),
        );
        let found = folder_values(&endpoint);
        let expected =
            [("run", Some("5")), ("state", Some("New York")), ("x", None), ("day", Some("2025-01-31"))];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
        assert_eq!(found, expected);
        assert_eq!(unescaped("100%"), "100%");
        assert_eq!(unescaped("%zz%3D"), "%zz=");
    }
}
