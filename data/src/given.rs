//! Which columns does a file not hold, although rows have them? Those whose value the name of a folder gives, as in
//! `state=CA/rows.parquet`, and those that the mapping file says no file has.

use std::collections::BTreeMap;
use std::path::Component;
use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray, new_null_array};
use arrow_schema::DataType;
use opus_ir::memory::Columns;
use opus_runtime::admission::Reading;

use super::chunk::{ColumnData, Kept};
use super::columnar::RowFault;
use super::endpoint::Endpoint;
use super::intake::Intake;

/// What Hive calls a folder of rows without a value.
const HIVE_MISSING: &str = "__HIVE_DEFAULT_PARTITION__";

/// The columns of a file that have one value for all of its rows, which does not come from the file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Given {
    /// Input indices, ascending, with the value; `None` where it is missing.
    fields: Vec<(usize, Option<String>)>,
    /// Positions among the columns to keep, ascending, with the value.
    kept: Vec<(usize, Option<String>)>,
}

impl Given {
    /// What the endpoint of a file gives, and what the mapping says.
    pub fn new(endpoint: Option<&Endpoint>, intake: &Intake) -> Given {
        let folders = endpoint.map(folder_values).unwrap_or_default();
        let value = |column: &str| {
            folders.iter().find(|(name, _)| intake.is_name(name, column)).map(|(_, value)| value.clone())
        };
        let field = |index: usize| match intake.field_mapping(index).is_absent {
            true => Some((index, None)),
            false => value(intake.column(index)).map(|value| (index, value)),
        };
        let kept = intake.keep.iter().enumerate();
        Given {
            fields: (0..intake.schema.inputs.len()).filter_map(field).collect(),
            kept: kept.filter_map(|(at, name)| value(name).map(|value| (at, value))).collect(),
        }
    }

    /// Whether the field with this index is given.
    pub fn has_field(&self, index: usize) -> bool {
        self.fields.iter().any(|(field, _)| *field == index)
    }

    /// Whether the column at this position among those to keep is given.
    pub fn has_kept(&self, position: usize) -> bool {
        self.kept.iter().any(|(kept, _)| *kept == position)
    }

    /// Fills the columns of the fields that are given.
    pub fn fill(&self, intake: &Intake, rows: usize, columns: &mut Columns, faults: &mut Vec<RowFault>) {
        for (index, value) in &self.fields {
            match intake.admit(*index, value.as_deref().map_or(Reading::Missing, Reading::Text)) {
                Ok(value) => (0..rows).for_each(|row| columns.set(*index, row, value)),
                Err(reason) => faults.extend((0..rows as u32).map(|row| (row, reason.clone()))),
            }
        }
    }

    /// All columns to keep, from those that the file holds.
    pub fn with_kept(&self, rows: usize, mut kept: Vec<ColumnData>) -> Vec<ColumnData> {
        for (position, value) in &self.kept {
            let column: ArrayRef = match value {
                Some(value) => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, rows))),
                None => new_null_array(&DataType::Utf8, rows),
            };
            kept.insert(*position, column.into());
        }
        kept
    }

    /// What all columns to keep are, from those that the file holds.
    pub fn with_kept_types(&self, intake: &Intake, mut kept: Vec<Kept>) -> Vec<Kept> {
        for (position, _) in &self.kept {
            kept.insert(*position, Kept::text(&intake.keep[*position], false));
        }
        kept
    }
}

/// The names and values in the folders of a path, as Hive writes them.
fn folder_values(endpoint: &Endpoint) -> BTreeMap<String, Option<String>> {
    let Endpoint::File(path) = endpoint else { return BTreeMap::new() };
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
            [("day", Some("2025-01-31")), ("run", Some("5")), ("state", Some("New York")), ("x", None)];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
        assert_eq!(unescaped("100%"), "100%");
        assert_eq!(unescaped("%zz%3D"), "%zz=");
    }
}
