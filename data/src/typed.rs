//! Which columns of a file with types are read?

use arrow_schema::Schema;

use super::chunk::Kept;
use super::intake::Intake;
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
}

impl TypedColumns {
    /// The columns that are wanted of a file with these.
    ///
    /// # Errors
    /// Where one is missing, or cannot hold what its field is.
    pub fn new(file: &str, schema: &Schema, intake: &Intake) -> Result<TypedColumns, DataError> {
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let (fields, kept) = intake.find(file, &names)?;
        for (index, column) in fields.iter().enumerate() {
            intake.check_type(file, index, schema.field(*column).data_type())?;
        }
        let kept_type = |column: &usize| {
            let field = schema.field(*column);
            Kept { name: field.name().clone(), data_type: field.data_type().clone(), is_json: false }
        };
        let kept_types = kept.iter().map(kept_type).collect();
        Ok(TypedColumns { fields, kept, kept_types, ignored: intake.ignored(&names) })
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
