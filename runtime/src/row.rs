//! How does a program hand a row over? Field by field, each value checked as it is set, in the layout that the
//! engines read.

use opus_ir::memory::{self, Slot};
use opus_ir::{Field, Kind};

use crate::admission::{Admission, Reading, Reason, Unit, json};
use crate::hash::Hash;
use crate::policy::Policy;
use crate::refusal::Refusal;

/// How a field or an output is named: by its index, which costs nothing, or by its name.
pub trait FieldRef: Copy + std::fmt::Display {
    /// The index among `fields`.
    fn index_in(self, fields: &[Field]) -> Option<usize>;
}

impl FieldRef for usize {
    fn index_in(self, fields: &[Field]) -> Option<usize> {
        (self < fields.len()).then_some(self)
    }
}

impl FieldRef for &str {
    fn index_in(self, fields: &[Field]) -> Option<usize> {
        fields.iter().position(|field| field.name == self)
    }
}

/// An input row of a policy. At first every optional field is missing and no other has a value.
///
/// A row can be used again: what is not set stays as it was. Setting a value allocates nothing; where it is
/// refused, the field is left without a value, so that the row is not decided with an old one.
///
/// ```
/// use opus_runtime::example;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = example::policy();
/// let mut row = policy.row();
/// row.set_date("submitted_on", 20_089)?;
/// row.set_int("age", 40)?;
/// row.set_int("score", 690)?;
/// row.set_money("income", 9_000_000)?;
/// row.set_money("requested", 900_000)?;
/// row.set_enum("work", "salaried")?;
/// assert_eq!(policy.decide(&row)?.rule().id, "R3");
///
/// row.set_text("submitted_on", "2024-12-31")?;
/// assert_eq!(policy.decide(&row)?.rule().id, "R4");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Row {
    policy: Policy,
    cells: memory::Row,
    /// By field: whether it has neither a value nor may be missing.
    open: Vec<bool>,
    open_count: usize,
}

impl Row {
    pub(crate) fn new(policy: &Policy) -> Row {
        let open: Vec<bool> = policy.schema().inputs.iter().map(|field| !field.optional).collect();
        let open_count = open.iter().filter(|open| **open).count();
        let cells = memory::Row::new(policy.input_layout());
        let mut row = Row { policy: policy.clone(), cells, open, open_count };
        row.clear();
        row
    }

    /// The policy that the row is for.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        for index in 0..self.open.len() {
            let optional = self.field(index).optional;
            if optional {
                self.write(index, None);
            }
            self.mark(index, !optional);
        }
    }

    /// The integer that a field has; `None` where it has no value.
    pub fn get(&self, field: impl FieldRef) -> Option<i128> {
        let index = field.index_in(&self.policy.schema().inputs)?;
        if self.open[index] { None } else { self.cells.get(self.slot(index)) }
    }

    /// Sets a field to the integer that it counts: minor units of an amount, hundredths of a percent, days since
    /// 1970-01-01, the code of an enum's value.
    ///
    /// # Errors
    /// Where there is no such field, or it may not have this value.
    #[inline]
    pub fn set_counted(&mut self, field: impl FieldRef, value: i128) -> Result<(), Reason> {
        let index = self.index(field)?;
        self.put(index, Some(value))
    }

    /// Sets a field to missing.
    ///
    /// # Errors
    /// Where there is no such field, or it is not optional.
    pub fn set_missing(&mut self, field: impl FieldRef) -> Result<(), Reason> {
        let index = self.index(field)?;
        self.put(index, None)
    }

    /// Sets a truth value.
    ///
    /// # Errors
    /// As [`Row::set_counted`], and where the field is of another kind.
    pub fn set_bool(&mut self, field: impl FieldRef, value: bool) -> Result<(), Reason> {
        self.set_kind(field, |kind| kind == Kind::Bool, value as i128, Reading::Bool(value))
    }

    /// Sets a whole number.
    ///
    /// # Errors
    /// As [`Row::set_counted`], and where the field is of another kind.
    pub fn set_int(&mut self, field: impl FieldRef, value: impl Into<i128>) -> Result<(), Reason> {
        let value = value.into();
        self.set_kind(field, |kind| kind == Kind::Int, value, Reading::Integer(value))
    }

    /// Sets an amount, in the minor unit of its currency: 500 is 5.00.
    ///
    /// # Errors
    /// As [`Row::set_counted`], and where the field is of another kind.
    pub fn set_money(&mut self, field: impl FieldRef, minor: impl Into<i128>) -> Result<(), Reason> {
        let minor = minor.into();
        self.set_kind(field, |kind| kind == Kind::Money, minor, Reading::Integer(minor))
    }

    /// Sets a number of days.
    ///
    /// # Errors
    /// As [`Row::set_counted`], and where the field is of another kind.
    pub fn set_days(&mut self, field: impl FieldRef, days: impl Into<i128>) -> Result<(), Reason> {
        let days = days.into();
        self.set_kind(field, |kind| kind == Kind::Days, days, Reading::Integer(days))
    }

    /// Sets a date, as the number of days since 1970-01-01.
    ///
    /// # Errors
    /// As [`Row::set_counted`], and where the field is of another kind.
    pub fn set_date(&mut self, field: impl FieldRef, day: i32) -> Result<(), Reason> {
        self.set_kind(field, |kind| kind == Kind::Date, day.into(), Reading::Day(day))
    }

    /// Sets a value of an enum, by name.
    ///
    /// # Errors
    /// As [`Row::set`].
    pub fn set_enum(&mut self, field: impl FieldRef, name: &str) -> Result<(), Reason> {
        self.set_text(field, name)
    }

    /// Sets any field from a text, as [`crate::admission`] reads it: `12.50`, `43%`, `2025-01-31`, `salaried`.
    ///
    /// # Errors
    /// As [`Row::set`].
    pub fn set_text(&mut self, field: impl FieldRef, text: &str) -> Result<(), Reason> {
        self.set(field, Reading::Text(text))
    }

    /// Sets any field from a value as some source has it.
    ///
    /// # Errors
    /// Where there is no such field, or it does not take this value.
    pub fn set(&mut self, field: impl FieldRef, reading: Reading<'_>) -> Result<(), Reason> {
        let index = self.index(field)?;
        let read = self.admission(index).admit(reading).inspect_err(|_| self.mark(index, true))?;
        self.put(index, read)
    }

    /// Replaces the whole row by a JSON object, as [`crate::admission::json`] reads it; members that no field is
    /// named like are passed over. A number for a percentage is refused, because it could be a fraction: write
    /// `"43%"`.
    ///
    /// # Errors
    /// Where the text is no JSON object; or every field that has no value and needs one, or does not take its
    /// value, in the order of the fields.
    pub fn set_json(&mut self, text: &str) -> Result<(), Refusal> {
        self.clear();
        let mut seen = vec![false; self.open.len()];
        let mut reasons = Vec::new();
        let read = json::members(text, |name, reading| {
            let Some(index) = name.index_in(&self.policy.schema().inputs) else { return Ok(()) };
            if std::mem::replace(&mut seen[index], true) {
                return Err(format!("`{name}` stands twice"));
            }
            reasons.extend(self.set(index, reading).err());
            Ok(())
        });
        if let Err(message) = read {
            // what was read before the fault is no row
            self.clear();
            return Err(Refusal::Row(Box::new(Reason::malformed_row(message))));
        }
        let absent = (0..seen.len()).filter(|index| self.open[*index] && !seen[*index]);
        reasons.extend(absent.map(|index| self.admission(index).no_value()));
        reasons.sort_by_key(|reason| reason.place);
        if reasons.is_empty() { Ok(()) } else { Err(Refusal::Fields(reasons)) }
    }

    /// The hash of the row's canonical form: [`Hash::of_input`].
    pub fn hash(&self) -> Hash {
        Hash::of_input((0..self.open.len()).map(|index| self.get(index)))
    }

    /// The bytes that engines read.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.cells.bytes()
    }

    /// Refuses a row with fields that neither have a value nor may be missing.
    #[inline]
    pub(crate) fn check_complete(&self) -> Result<(), Refusal> {
        if self.open_count == 0 { Ok(()) } else { Err(self.incomplete()) }
    }

    #[cold]
    fn incomplete(&self) -> Refusal {
        let open = (0..self.open.len()).filter(|index| self.open[*index]);
        let reason = |index| self.admission(index).no_value();
        Refusal::Fields(open.map(reason).collect())
    }

    fn set_kind(
        &mut self,
        field: impl FieldRef,
        is_right: impl Fn(Kind) -> bool,
        value: i128,
        reading: Reading<'_>,
    ) -> Result<(), Reason> {
        let index = self.index(field)?;
        if is_right(self.field(index).kind) {
            return self.put(index, Some(value));
        }
        self.mark(index, true);
        Err(self.admission(index).wrong_kind(reading))
    }

    #[inline]
    fn put(&mut self, index: usize, value: Option<i128>) -> Result<(), Reason> {
        match self.admission(index).admit_counted(value) {
            Ok(value) => {
                self.write(index, value);
                self.mark(index, false);
                Ok(())
            }
            Err(reason) => {
                self.mark(index, true);
                Err(reason)
            }
        }
    }

    /// Writes an admitted value. Where it is missing the integer still is one of the field's range, because that
    /// is what functions rely on.
    #[inline]
    fn write(&mut self, index: usize, value: Option<i128>) {
        let slot = self.slot(index);
        if value.is_none() {
            let range = self.field(index).domain.range;
            self.cells.set(slot, Some(0.clamp(range.lo, range.hi)));
        }
        self.cells.set(slot, value);
    }

    #[inline]
    fn mark(&mut self, index: usize, open: bool) {
        self.open_count = self.open_count + open as usize - self.open[index] as usize;
        self.open[index] = open;
    }

    #[inline]
    fn index(&self, field: impl FieldRef) -> Result<usize, Reason> {
        field.index_in(&self.policy.schema().inputs).ok_or_else(|| unknown(field))
    }

    fn field(&self, index: usize) -> &Field {
        &self.policy.schema().inputs[index]
    }

    fn slot(&self, index: usize) -> Slot {
        self.policy.input_layout().slots[index]
    }

    fn admission(&self, index: usize) -> Admission<'_> {
        Admission::new(self.policy.schema(), index, Unit::Written)
    }
}

#[cold]
fn unknown(field: impl FieldRef) -> Reason {
    Reason::malformed_row(format!("the policy has no input `{field}`"))
}
