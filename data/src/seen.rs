//! Is a column that the mapping file names anywhere in the inputs? Formats with a header answer when a file is opened. In
//! JSON a name may be absent from any object, so that the answer is known when all of them are read.

use std::collections::BTreeSet;

use crate::error::DataError;
use crate::intake::Intake;

/// The fields that objects name.
///
/// ```
/// use opus_data::{Intake, Mapping, Seen};
/// let policy = opus_runtime::example::policy();
/// let mapping = Mapping::parse("score = { column = \"FICO\" }", policy.schema())?;
/// let intake = Intake { mapping, ..Intake::by_name(policy.schema()) };
/// let mut seen = Seen { any: true, ..Seen::default() };
/// assert!(seen.check(&intake).unwrap_err().message.starts_with("no object has `FICO`"));
/// seen.add(Seen { any: true, fields: [2].into() });
/// assert!(seen.check(&intake).is_ok());
/// # Ok::<(), opus_data::DataError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// Whether there was an object that could be read.
    pub any: bool,
    /// The input indices of fields with a value or `null` in one of them.
    pub fields: BTreeSet<usize>,
}

impl Seen {
    /// Adds what other objects name.
    pub fn add(&mut self, other: Seen) {
        self.any |= other.any;
        self.fields.extend(other.fields);
    }

    /// That each field which may not be missing is named in an object; `file` is what the objects are called.
    ///
    /// # Errors
    /// Where one is in none of them.
    pub fn check_needed(&self, intake: &Intake, file: &str) -> Result<(), DataError> {
        let is_absent = |index: &usize| {
            !intake.schema.inputs[*index].optional
                && intake.field_mapping(*index).fill.is_none()
                && !self.fields.contains(index)
        };
        let Some(index) = (0..intake.schema.inputs.len()).find(is_absent).filter(|_| self.any) else {
            return Ok(());
        };
        Err(DataError::unmapped(format!("{file}: no object has `{}`", intake.called(index)))
            .remedy("a mapping file says which column a field is"))
    }

    /// That each column which the mapping names for a field is in an object. Columns that are found by the name of
    /// their field may be absent, as values that are missing are.
    ///
    /// # Errors
    /// Where one is in none: the name is misspelled, and the field would be missing in every row.
    pub fn check(&self, intake: &Intake) -> Result<(), DataError> {
        let is_named = |index: &usize| intake.field_mapping(*index).column.is_some();
        let absent =
            (0..intake.schema.inputs.len()).filter(is_named).find(|index| !self.fields.contains(index));
        let Some(index) = absent.filter(|_| self.any) else { return Ok(()) };
        let (called, field) = (intake.called(index), &intake.schema.inputs[index].name);
        let message = format!("no object has `{called}`, which the mapping file names for `{field}`");
        Err(DataError::unmapped(message).remedy(format!(
            "correct the name; if no file has the field, write under [{field}]: column = false"
        )))
    }
}
