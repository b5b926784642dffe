//! Are the numbers in a column of texts percentages or fractions? A column of numbers is refused when its file is
//! opened, where no unit is named. Texts, of CSV and JSON too, may carry a percent sign and are looked at here: a
//! column whose first values are numbers without one ends the command with both readings, as a column of numbers
//! would. A stray number among percentages is that row's fault.

use opus_ir::{Fault, Kind};
use opus_runtime::admission::number::{Unreadable, scaled};
use opus_runtime::admission::{Place, Unit};

use crate::error::DataError;
use crate::{Admitted, Intake};

/// What a chunk holds for a field that is a percentage and has no unit.
pub struct Percentages {
    /// The field, by index.
    field: usize,
    /// Whether there is a value with a percent sign.
    is_signed: bool,
    /// The first number without one, and its row.
    bare: Option<(u64, String)>,
}

/// The fields whose unit only their values tell.
fn open_fields(intake: &Intake) -> impl Iterator<Item = usize> {
    let is_open = |index: &usize| {
        matches!(intake.schema.inputs[*index].kind, Kind::Percent(_))
            && intake.field_mapping(*index).unit == Unit::Written
    };
    (0..intake.schema.inputs.len()).filter(is_open)
}

/// What a chunk holds for each of these fields.
pub fn percentages(intake: &Intake, admitted: &Admitted) -> Vec<Percentages> {
    let of_field = |field: usize| {
        let is_bare = |fault: &Fault, value: &str| {
            *fault == Fault::WrongType && scaled(value, u8::MAX) != Err(Unreadable::NoNumber)
        };
        let faults = || {
            let here = Place::Field(field as u32);
            admitted.faults.iter().filter(move |(_, reason)| reason.place == here)
        };
        let bare = faults().find(|(_, reason)| is_bare(&reason.fault, &reason.value));
        let is_refused = |(_, reason): &(u32, opus_runtime::admission::Reason)| reason.value.ends_with('%');
        let is_signed = faults().any(is_refused)
            || (0..admitted.columns.rows()).any(|row| admitted.columns.get(field, row).is_some());
        let bare = bare.map(|(row, reason)| (admitted.first_row + *row as u64, reason.value.clone()));
        Percentages { field, is_signed, bare }
    };
    open_fields(intake).map(of_field).collect()
}

/// What is known of the columns so far, chunk by chunk in order.
pub struct Units<'a> {
    intake: &'a Intake,
    /// By input index, whether a value had a percent sign.
    is_signed: Vec<bool>,
}

impl<'a> Units<'a> {
    /// Nothing is known yet.
    pub fn new(intake: &'a Intake) -> Units<'a> {
        Units { intake, is_signed: vec![false; intake.schema.inputs.len()] }
    }

    /// Takes note of the next chunk.
    ///
    /// # Errors
    /// Where a column has numbers, and no percent sign yet.
    pub fn meet(&mut self, chunk: &[Percentages]) -> Result<(), DataError> {
        for found in chunk {
            self.is_signed[found.field] |= found.is_signed;
            if let Some((row, value)) = found.bare.as_ref().filter(|_| !self.is_signed[found.field]) {
                let column = self.intake.column(found.field);
                let failure = self
                    .intake
                    .needs_unit(&format!("row {row}: column `{column}` holds {value}"), found.field);
                let remedy =
                    failure.remedy.map(|remedy| format!("{remedy}; or write percentages as `{value}%`"));
                return Err(DataError { remedy, ..failure });
            }
        }
        Ok(())
    }
}
