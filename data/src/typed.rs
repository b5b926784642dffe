//! Which columns of a file with types are read?

use std::sync::Arc;

use arrow_schema::{Field, Schema};
use opus_ir::Kind;
use opus_runtime::admission::Unit;

use super::chunk::Kept;
use super::intake::Intake;
use super::write::{PERCENT, UNIT_KEY};
use crate::error::DataError;

/// The columns that are wanted of a file whose columns have types.
pub struct TypedColumns {
    /// By input index, the column.
    pub fields: Vec<usize>,
    /// The columns to keep.
    pub kept: Vec<usize>,
    /// What the columns to keep are.
    pub kept_types: Vec<Kept>,
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
    pub fn new(file: &str, schema: &Schema, intake: &Intake) -> Result<TypedColumns, DataError> {
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let (fields, kept) = intake.find(file, &names)?;
        let own = with_units(schema, &fields, intake);
        let counted = own.as_deref().unwrap_or(intake);
        for (index, column) in fields.iter().enumerate() {
            counted.check_type(file, index, schema.field(*column).data_type())?;
        }
        let kept_type = |column: &usize| {
            let field = schema.field(*column);
            Kept {
                name: field.name().clone(),
                data_type: field.data_type().clone(),
                is_json: false,
                is_percent: is_percent(field),
            }
        };
        let kept_types = kept.iter().map(kept_type).collect();
        Ok(TypedColumns { fields, kept, kept_types, ignored: intake.ignored(&names), intake: own })
    }

    /// Every column that is wanted, ascending and once; from now on columns are counted among them.
    pub fn project(&mut self) -> Vec<usize> {
        let mut wanted: Vec<usize> = self.fields.iter().chain(&self.kept).copied().collect();
        wanted.sort_unstable();
        wanted.dedup();
        for column in self.fields.iter_mut().chain(&mut self.kept) {
            *column = wanted.partition_point(|other| *other < *column);
        }
        wanted
    }
}

/// The intake with the units that a file states, for the percentages that the mapping leaves open; `None` if there
/// are none.
fn with_units(schema: &Schema, columns: &[usize], intake: &Intake) -> Option<Arc<Intake>> {
    let is_stated = |index: &usize| {
        matches!(intake.schema.inputs[*index].kind, Kind::Percent(_))
            && intake.field_mapping(*index).unit == Unit::Written
            && is_percent(schema.field(columns[*index]))
    };
    let stated: Vec<usize> = (0..columns.len()).filter(is_stated).collect();
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
