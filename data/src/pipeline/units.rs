//! Are the numbers in a column of texts percentages or fractions? A column of numbers is refused when its file is
//! opened, where no unit is named. Texts, of CSV and JSON too, may carry a percent sign and are looked at here: a
//! column whose first values are numbers without one ends the command with both readings, as a column of numbers
//! would. A stray number among percentages is that row's fault.

use std::collections::BTreeSet;

use opus_ir::memory::Columns;
use opus_ir::{Fault, Kind};
use opus_runtime::admission::number::{Unreadable, scaled};
use opus_runtime::admission::{Place, Unit};

use crate::error::DataError;
use crate::{Intake, RowFault};

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

/// What the columns of a chunk hold for each of these fields; `first_row` is the number of the chunk's first row.
pub fn percentages(
    intake: &Intake,
    first_row: u64,
    columns: &Columns,
    faults: &[RowFault],
) -> Vec<Percentages> {
    let of_field = |field: usize| {
        let is_bare = |fault: &Fault, value: &str| {
            *fault == Fault::WrongType && scaled(value, u8::MAX) != Err(Unreadable::NoNumber)
        };
        let of_field = || {
            let here = Place::Field(field as u32);
            faults.iter().filter(move |(_, reason)| reason.place == here)
        };
        // found field by field: the first of a field is that of the first row
        let bare = of_field().find(|(_, reason)| is_bare(&reason.fault, &reason.value));
        let is_refused = |(_, reason): &&RowFault| reason.value.ends_with('%');
        let refused: BTreeSet<u32> = faults.iter().map(|(row, _)| *row).collect();
        let is_read = |row| !refused.contains(&(row as u32)) && columns.get(field, row).is_some();
        let is_signed = of_field().any(|fault| is_refused(&fault)) || (0..columns.rows()).any(is_read);
        let bare = bare.map(|(row, reason)| (first_row + u64::from(*row), reason.value.clone()));
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

    /// Takes note of the next chunk, which is of this file.
    ///
    /// # Errors
    /// Where a column has numbers, and no percent sign yet.
    pub fn meet(&mut self, file: &str, chunk: &[Percentages]) -> Result<(), DataError> {
        for found in chunk {
            self.is_signed[found.field] |= found.is_signed;
            if let Some((row, value)) = found.bare.as_ref().filter(|_| !self.is_signed[found.field]) {
                let column = self.intake.column(found.field);
                let failure = self
                    .intake
                    .needs_unit(&format!("{file}: row {row}: column `{column}` holds {value}"), found.field);
                let remedy =
                    failure.remedy.map(|remedy| format!("{remedy}; or write percentages as `{value}%`"));
                return Err(DataError { remedy, ..failure });
            }
        }
        Ok(())
    }
}
