//! Which columns of a file with types are read?

use std::sync::Arc;

use arrow_schema::{Field, Schema};
use opus_ir::Kind;
use opus_runtime::admission::Unit;

use super::chunk::{EXTENSION_KEYS, Kept};
use super::given::Given;
use super::intake::{Found, Intake};
use super::write::{PERCENT, UNIT_KEY};
use crate::error::DataError;

/// The columns that are wanted of a file whose columns have types.
pub struct TypedColumns {
    /// Input indices, ascending, each with its column.
    pub fields: Vec<(usize, usize)>,
    /// The columns to keep; `None` where a folder gives the value and the file has no such column.
    pub kept: Vec<Option<usize>>,
    /// What the columns to keep are.
    pub kept_types: Vec<Option<Kept>>,
    /// The names that nobody asked for.
    pub ignored: Vec<String>,
    /// How the columns are counted, if the file states units that the mapping leaves open.
    pub intake: Option<Arc<Intake>>,
}

impl TypedColumns {
    /// The columns that are wanted of a file with these.
    ///
    /// # Errors
    /// Where one is missing, or cannot hold what its field is.
    pub fn new(
        file: &str,
        schema: &Schema,
        intake: &Intake,
        given: &Given,
    ) -> Result<TypedColumns, DataError> {
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let Found { fields, kept } = intake.find(file, &names, given)?;
        let own = with_units(schema, &fields, intake);
        let counted = own.as_deref().unwrap_or(intake);
        for (index, column) in &fields {
            counted.check_type(file, *index, schema.field(*column).data_type())?;
        }
        let kept_type = |column: &usize| {
            let field = schema.field(*column);
            let pairs = field.metadata().iter().filter(|(key, _)| key.starts_with(EXTENSION_KEYS));
            let mut extension: Vec<(String, String)> =
                pairs.map(|(key, value)| (key.to_string(), value.to_string())).collect();
            extension.sort();
            Kept {
                name: field.name().clone(),
                data_type: field.data_type().clone(),
                is_json: false,
                is_percent: is_percent(field),
                extension,
            }
        };
        let kept_types = kept.iter().map(|column| column.as_ref().map(kept_type)).collect();
        Ok(TypedColumns { fields, kept, kept_types, ignored: intake.ignored(&names), intake: own })
    }

    /// The columns to keep, of all rows, out of those that were read: by position, `None` where the file has none.
    pub fn place<T>(&self, read: impl IntoIterator<Item = T>) -> Vec<Option<T>> {
        let mut read = read.into_iter();
        self.kept.iter().map(|column| column.and_then(|_| read.next())).collect()
    }

    /// The columns of the fields, and then those to keep.
    pub fn columns(&self) -> impl Iterator<Item = usize> {
        self.fields.iter().map(|(_, column)| *column).chain(self.kept.iter().flatten().copied())
    }

    /// Every column that is wanted, ascending and once; from now on columns are counted among them.
    pub fn project(&mut self) -> Vec<usize> {
        let mut wanted: Vec<usize> = self.columns().collect();
        wanted.sort_unstable();
        wanted.dedup();
        let fields = self.fields.iter_mut().map(|(_, column)| column);
        for column in fields.chain(self.kept.iter_mut().flatten()) {
            *column = wanted.partition_point(|other| *other < *column);
        }
        wanted
    }
}

/// The intake with the units that a file states, for the percentages that the mapping leaves open; `None` if there
/// are none.
fn with_units(schema: &Schema, fields: &[(usize, usize)], intake: &Intake) -> Option<Arc<Intake>> {
    let is_stated = |(index, column): &&(usize, usize)| {
        matches!(intake.schema.inputs[*index].kind, Kind::Percent(_))
            && intake.field_mapping(*index).unit == Unit::Written
            && is_percent(schema.field(*column))
    };
    let stated: Vec<usize> = fields.iter().filter(is_stated).map(|(index, _)| *index).collect();
    if stated.is_empty() {
        return None;
    }
    let mut own = intake.clone();
    stated.into_iter().for_each(|index| own.mapping.set_unit(index, Unit::Percent));
    Some(Arc::new(own))
}

/// Whether the metadata of a column says that its numbers are percentages.
fn is_percent(field: &Field) -> bool {
    field.metadata().get(UNIT_KEY).is_some_and(|unit| unit == PERCENT)
}
