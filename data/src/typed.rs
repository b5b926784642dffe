//! Which columns of a file with types are read?

use std::sync::Arc;

use arrow_schema::{Field, Schema};
use opus_ir::Kind;
use opus_runtime::admission::Unit;

use super::chunk::{EXTENSION_KEYS, Kept};
use super::given::Given;
use super::intake::{Found, Intake};
use super::member::Member;
use super::write::{PERCENT, UNIT_KEY};
use crate::error::DataError;

/// The columns that are wanted of a file whose columns have types.
pub struct TypedColumns {
    /// Input indices, ascending, each with its column or a member of it.
    pub fields: Vec<(usize, Member)>,
    /// The columns to keep; `None` where a folder gives the value and the file has no such column.
    pub kept: Vec<Option<usize>>,
    /// What the columns to keep are.
    pub kept_types: Vec<Option<Kept>>,
    /// The columns that are ignored.
    pub ignored: Vec<String>,
    /// How the columns are counted, if the file states units that the mapping leaves open.
    pub intake: Option<Arc<Intake>>,
}

impl TypedColumns {
    /// The columns that are wanted of a file with these.
    ///
    /// # Errors
    /// If one is missing, or cannot hold the values of its field.
    pub fn new(
        file: &str,
        schema: &Schema,
        intake: &Intake,
        given: &Given,
    ) -> Result<TypedColumns, DataError> {
        let found = intake.find(file, schema.fields(), given)?;
        let ignored = found.ignored(schema.fields());
        let Found { fields, kept } = found;
        let own = with_units(schema, &fields, intake);
        let counted = own.as_deref().unwrap_or(intake);
        for (index, member) in &fields {
            counted.check_type(file, *index, member.field(schema.fields()).data_type())?;
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
        Ok(TypedColumns { fields, kept, kept_types, ignored, intake: own })
    }

    /// The columns to keep, of all rows, out of those that were read: by position, `None` where the file has none.
    pub fn place<T>(&self, read: impl IntoIterator<Item = T>) -> Vec<Option<T>> {
        let mut read = read.into_iter();
        self.kept.iter().map(|column| column.and_then(|_| read.next())).collect()
    }

    /// What the fields read, and then the columns to keep.
    pub fn columns(&self) -> impl Iterator<Item = Member> {
        let kept = self.kept.iter().flatten().map(|column| Member::whole(*column));
        self.fields.iter().map(|(_, member)| member.clone()).chain(kept)
    }

    /// Every column that is wanted, ascending and once; from now on columns are counted among them.
    pub fn project(&mut self) -> Vec<usize> {
        let mut wanted: Vec<usize> = self.columns().map(|member| member.column).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let fields = self.fields.iter_mut().map(|(_, member)| &mut member.column);
        for column in fields.chain(self.kept.iter_mut().flatten()) {
            *column = wanted.partition_point(|other| *other < *column);
        }
        wanted
    }
}

/// The intake with the units that a file states, for the percentages that the mapping leaves open; `None` if there
/// are none.
fn with_units(schema: &Schema, fields: &[(usize, Member)], intake: &Intake) -> Option<Arc<Intake>> {
    let is_stated = |(index, member): &&(usize, Member)| {
        matches!(intake.schema.inputs[*index].kind, Kind::Percent(_))
            && intake.field_mapping(*index).unit == Unit::Written
            && is_percent(member.field(schema.fields()))
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
