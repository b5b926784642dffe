//! How does a program hand a row over? Field by field, each value checked as it is set, in the layout that the
//! engines read.

use opus_ir::date::{Civil, day_number};
use opus_ir::memory::{self, Slot};
use opus_ir::{Field, Kind};

use crate::admission::json::{Malformed, Scanner};
use crate::admission::{Admission, Reading, Reason, Shown, Unit};
use crate::hash::Hash;
use crate::near::did_you_mean;
use crate::policy::Policy;
use crate::refusal::Refusal;

/// How a field or an output is named: by its index, which costs nothing, or by its name.
///
/// ```
/// let policy = opus_runtime::example::policy();
/// let age = policy.schema().input("age").unwrap();
/// let mut row = policy.row();
/// row.set_int(age, 40)?;
/// assert_eq!(row.get("age"), Some(40));
/// # Ok::<(), opus_runtime::admission::Reason>(())
/// ```
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

/// An input row of a policy. At first every optional field is missing and no other field has a value.
///
/// A row can be reused: what is not set keeps its value. Setting a value does not allocate. If a value is refused,
/// the field is left without one, so the row is never decided with an old value.
///
/// A row outlives a reload: every policy with the same inputs decides it ([`Policy::schema_hash`]). It keeps the policy
/// that it was made for in memory.
///
/// ```
/// use opus_runtime::example;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = example::policy();
/// let mut row = policy.row();
/// row.set_date("submitted_on", 2025, 1, 1)?;
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
    /// The fields that need a value and have none.
    open: Marks,
    /// The fields that a JSON object has named so far.
    seen: Marks,
}

/// A set of field indices.
#[derive(Clone)]
struct Marks(Box<[u64]>);

impl Marks {
    fn none(fields: usize) -> Marks {
        Marks(vec![0; fields.div_ceil(64)].into())
    }

    #[inline]
    fn has(&self, index: usize) -> bool {
        self.0[index / 64] >> (index % 64) & 1 == 1
    }

    #[inline]
    fn set(&mut self, index: usize, marked: bool) {
        let word = &mut self.0[index / 64];
        *word = *word & !(1 << (index % 64)) | (marked as u64) << (index % 64);
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }
}

impl Row {
    pub(crate) fn new(policy: &Policy) -> Row {
        let none = Marks::none(policy.schema().inputs.len());
        let cells = memory::Row::new(policy.input_layout());
        let mut row = Row { policy: policy.clone(), cells, open: none.clone(), seen: none };
        row.clear();
        row
    }

    /// The policy that the row is for.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Forgets all values.
    ///
    /// ```
    /// let policy = opus_runtime::example::policy();
    /// let mut row = policy.row();
    /// row.set_int("age", 40)?;
    /// row.clear();
    /// assert_eq!(row.get("age"), None);
    /// # Ok::<(), opus_runtime::admission::Reason>(())
    /// ```
    pub fn clear(&mut self) {
        for index in 0..self.fields() {
            let optional = self.field(index).optional;
            if optional {
                self.write(index, None);
            }
            self.open.set(index, !optional);
        }
    }

    /// The integer that a field has; `None` if it has no value.
    pub fn get(&self, field: impl FieldRef) -> Option<i128> {
        let index = field.index_in(&self.policy.schema().inputs)?;
        if self.open.has(index) { None } else { self.cells.get(self.slot(index)) }
    }

    /// Sets a field to the integer that it counts: minor units of an amount, hundredths of a percent, days since
    /// 1970-01-01, the code of an enum's value.
    ///
    /// ```
    /// let policy = opus_runtime::example::policy();
    /// let mut row = policy.row();
    /// row.set_counted("income", 9_000_000)?; // 90,000.00
    /// row.set_counted("work", 2)?;           // the third name of the enum
    /// assert_eq!(row.set_counted("work", 3).unwrap_err().fault.code(), "out-of-range");
    /// # Ok::<(), opus_runtime::admission::Reason>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such field, or it may not have this value.
    #[inline]
    pub fn set_counted(&mut self, field: impl FieldRef, value: i128) -> Result<(), Reason> {
        let index = self.index(field)?;
        self.put(index, Some(value))
    }

    /// Sets a field to missing.
    ///
    /// ```
    /// let policy = opus_runtime::example::policy();
    /// let mut row = policy.row();
    /// row.set_missing("score")?;
    /// assert_eq!(row.set_missing("age").unwrap_err().message, "age: a value is required");
    /// # Ok::<(), opus_runtime::admission::Reason>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such field, or it is not optional.
    pub fn set_missing(&mut self, field: impl FieldRef) -> Result<(), Reason> {
        let index = self.index(field)?;
        self.put(index, None)
    }

    /// Sets a Boolean.
    ///
    /// ```
    /// # use opus_runtime::example;
    /// # let policy = example::policy();
    /// # let mut row = policy.row();
    /// // `age` is a number
    /// assert_eq!(row.set_bool("age", true).unwrap_err().fault.code(), "wrong-type");
    /// ```
    ///
    /// # Errors
    /// As [`Row::set_counted`], and where the field is of another kind.
    pub fn set_bool(&mut self, field: impl FieldRef, value: bool) -> Result<(), Reason> {
        self.set_kind(field, |kind| kind == Kind::Bool, value as i128, Reading::Bool(value))
    }

    /// Sets a whole number.
    ///
    /// ```
    /// # use opus_runtime::example;
    /// # let policy = example::policy();
    /// # let mut row = policy.row();
    /// row.set_int("age", 40).unwrap();
    /// assert_eq!(row.set_int("age", 200).unwrap_err().message, "age: 200 is outside 16..120");
    /// let unknown = row.set_int("agee", 40).unwrap_err();
    /// assert_eq!(unknown.message, "the policy has no input `agee`: did you mean `age`?");
    /// ```
    ///
    /// # Errors
    /// As [`Row::set_counted`], and where the field is of another kind.
    pub fn set_int(&mut self, field: impl FieldRef, value: impl Into<i128>) -> Result<(), Reason> {
        let value = value.into();
        self.set_kind(field, |kind| kind == Kind::Int, value, Reading::Integer(value))
    }

    /// Sets a number with decimals, `digits / 10^decimals`: `(1250, 3)` is 1.250.
    ///
    /// ```
    /// # use opus_runtime::example;
    /// # let policy = example::policy();
    /// # let mut row = policy.row();
    /// // `age` is a whole number
    /// assert_eq!(row.set_decimal("age", 405, 1).unwrap_err().value, "40.5");
    /// ```
    ///
    /// # Errors
    /// As [`Row::set_counted`], where the field is of another kind, and where it has fewer decimals and the digits
    /// beyond them are not zero.
    pub fn set_decimal(
        &mut self,
        field: impl FieldRef,
        digits: impl Into<i128>,
        decimals: u8,
    ) -> Result<(), Reason> {
        let is_decimal = |kind| matches!(kind, Kind::Decimal(_));
        self.set_scaled(field, is_decimal, (digits.into(), decimals), Unit::Written)
    }

    /// Sets a percentage, `digits / 10^decimals` percent: `(435, 1)` is 43.5 %.
    ///
    /// ```
    /// # use opus_runtime::example;
    /// # let policy = example::policy();
    /// # let mut row = policy.row();
    /// // `age` is a whole number
    /// assert_eq!(row.set_percent("age", 435, 1).unwrap_err().value, "43.5%");
    /// ```
    ///
    /// # Errors
    /// As [`Row::set_decimal`].
    pub fn set_percent(
        &mut self,
        field: impl FieldRef,
        digits: impl Into<i128>,
        decimals: u8,
    ) -> Result<(), Reason> {
        let is_percent = |kind| matches!(kind, Kind::Percent(_));
        self.set_scaled(field, is_percent, (digits.into(), decimals), Unit::Percent)
    }

    /// Sets an amount, in the minor unit of its currency: 500 is 5.00.
    ///
    /// ```
    /// # use opus_runtime::example;
    /// # let policy = example::policy();
    /// # let mut row = policy.row();
    /// row.set_money("income", 9_000_000).unwrap(); // 90,000.00
    /// assert_eq!(row.get("income"), Some(9_000_000));
    /// ```
    ///
    /// # Errors
    /// As [`Row::set_counted`], and where the field is of another kind.
    pub fn set_money(&mut self, field: impl FieldRef, minor: impl Into<i128>) -> Result<(), Reason> {
        let minor = minor.into();
        self.set_kind(field, |kind| kind == Kind::Money, minor, Reading::Integer(minor))
    }

    /// Sets a number of days.
    ///
    /// ```
    /// # use opus_runtime::example;
    /// # let policy = example::policy();
    /// # let mut row = policy.row();
    /// // `age` is a number without a unit
    /// assert_eq!(row.set_days("age", 30).unwrap_err().fault.code(), "wrong-type");
    /// ```
    ///
    /// # Errors
    /// As [`Row::set_counted`], and where the field is of another kind.
    pub fn set_days(&mut self, field: impl FieldRef, days: impl Into<i128>) -> Result<(), Reason> {
        let days = days.into();
        self.set_kind(field, |kind| kind == Kind::Days, days, Reading::Integer(days))
    }

    /// Sets a date of the Gregorian calendar.
    ///
    /// ```
    /// # use opus_runtime::example;
    /// # let policy = example::policy();
    /// # let mut row = policy.row();
    /// row.set_date("submitted_on", 2025, 1, 31).unwrap();
    /// let refused = row.set_date("submitted_on", 2025, 2, 30).unwrap_err();
    /// assert_eq!((refused.fault.code(), &*refused.value), ("malformed-date", "2025-02-30"));
    /// ```
    ///
    /// # Errors
    /// As [`Row::set_counted`], where the field is of another kind, and where the calendar has no such day.
    pub fn set_date(&mut self, field: impl FieldRef, year: i32, month: u32, day: u32) -> Result<(), Reason> {
        let date = Civil { year, month, day };
        match day_number(date) {
            Some(day) => self.set_day(field, day),
            // refused as a text, in the words for texts
            None => self.set_text(field, &date.to_string()),
        }
    }

    /// Sets a date, as the number of days since 1970-01-01.
    ///
    /// ```
    /// # use opus_runtime::example;
    /// # let policy = example::policy();
    /// # let mut row = policy.row();
    /// row.set_day("submitted_on", 20_089).unwrap(); // 2025-01-01
    /// ```
    ///
    /// # Errors
    /// As [`Row::set_counted`], and where the field is of another kind.
    pub fn set_day(&mut self, field: impl FieldRef, day: i32) -> Result<(), Reason> {
        self.set_kind(field, |kind| kind == Kind::Date, day.into(), Reading::Day(day))
    }

    /// Sets a value of an enum, by name.
    ///
    /// ```
    /// let policy = opus_runtime::example::policy();
    /// let mut row = policy.row();
    /// row.set_enum("work", "retired")?;
    /// let refused = row.set_enum("work", "student").unwrap_err();
    /// assert_eq!(refused.message, "work: `student` is not one of salaried, self_employed, retired");
    /// # Ok::<(), opus_runtime::admission::Reason>(())
    /// ```
    ///
    /// # Errors
    /// As [`Row::set`].
    pub fn set_enum(&mut self, field: impl FieldRef, name: &str) -> Result<(), Reason> {
        self.set_text(field, name)
    }

    /// Sets any field from a text, as [`crate::admission`] reads it: `12.50`, `43%`, `2025-01-31`, `salaried`.
    ///
    /// ```
    /// let policy = opus_runtime::example::policy();
    /// let mut row = policy.row();
    /// row.set_text("submitted_on", "2025-01-31")?;
    /// row.set_text("income", "90000.50")?;
    /// assert_eq!(row.get("income"), Some(9_000_050));
    /// assert_eq!(row.set_text("income", "0.005").unwrap_err().fault.code(), "too-precise");
    /// # Ok::<(), opus_runtime::admission::Reason>(())
    /// ```
    ///
    /// # Errors
    /// As [`Row::set`].
    pub fn set_text(&mut self, field: impl FieldRef, text: &str) -> Result<(), Reason> {
        self.set(field, Reading::Text(text))
    }

    /// Sets any field from a value as some source has it.
    ///
    /// ```
    /// use opus_runtime::admission::Reading;
    /// let policy = opus_runtime::example::policy();
    /// let mut row = policy.row();
    /// row.set("score", Reading::Missing)?;
    /// row.set("income", Reading::Double(90_000.5))?;
    /// // an integer could be dollars or cents: `set_money` takes cents
    /// assert!(row.set("income", Reading::Integer(90_000)).is_err());
    /// # Ok::<(), opus_runtime::admission::Reason>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such field, or it does not take this value.
    pub fn set(&mut self, field: impl FieldRef, reading: Reading<'_>) -> Result<(), Reason> {
        let index = self.index(field)?;
        self.set_in(index, reading, Unit::Written)
    }

    /// Replaces the whole row by a JSON object, as [`crate::admission::json`] reads it. Members whose names are not
    /// those of fields are skipped. A percentage is a string with its sign, such as `"43%"`; a number is refused,
    /// because it could be a fraction.
    ///
    /// Nothing is allocated, as long as no value is refused and no string has escapes.
    ///
    /// ```
    /// use opus_runtime::example;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let policy = example::policy();
    /// // one row and one text for all requests of a thread
    /// let (mut row, mut answer) = (policy.row(), String::new());
    /// for age in [17, 40] {
    ///     let request = format!(r#"{{"submitted_on": "2025-02-01", "age": {age}, "score": 720,
    ///         "income": 90000.00, "requested": 9000, "work": "salaried"}}"#);
    ///     row.set_json(&request)?;
    ///     answer.clear();
    ///     policy.decide(&row)?.write_json(&mut answer);
    ///     assert!(answer.contains("\"rule\":{\"id\":"));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Where the text is not a JSON object; or every field that needs a value and has none, or does not take its
    /// value, in the order of the fields.
    pub fn set_json(&mut self, text: &str) -> Result<(), Refusal> {
        let mut reasons = Vec::new();
        self.seen.0.fill(0);
        if let Err(malformed) = self.set_members(text, &mut reasons) {
            // what was read before the fault is not a row
            self.clear();
            return Err(Refusal::Row(Box::new(malformed.reason(text))));
        }
        self.set_unseen(&mut reasons);
        if reasons.is_empty() {
            return Ok(());
        }
        reasons.sort_by_key(|reason| reason.place);
        Err(Refusal::Fields(reasons))
    }

    /// Sets the fields that an object names; answers where it is malformed.
    fn set_members(&mut self, text: &str, reasons: &mut Vec<Reason>) -> Result<(), Malformed> {
        let mut scratch = String::new();
        let mut scanner = Scanner::new(text);
        scanner.begin()?;
        // most objects name their fields in the order of the policy
        let mut next = 0;
        loop {
            let (fields, schema) = (self.policy.fields(), self.policy.schema());
            let index = if fields.pass_name(next, &mut scanner) {
                next
            } else {
                let Some(name) = scanner.name()? else { break };
                let name = name.text(&mut scratch).expect("a name is a string");
                let Some(index) = fields.find(schema, name) else {
                    scanner.value()?;
                    continue;
                };
                index
            };
            next = index + 1;
            if let Some((slot, value)) = fields.usual(schema, index, &mut scanner)? {
                self.cells.set_narrow(slot, value);
                self.open.set(index, false);
            } else {
                let value = scanner.value()?;
                reasons.extend(self.set(index, value.reading(&mut scratch)).err());
            }
            if self.seen.has(index) {
                return Err(scanner.repeated(&self.field(index).name));
            }
            self.seen.set(index, true);
        }
        scanner.end()
    }

    /// Sets the fields that an object does not name to missing, where they may be.
    fn set_unseen(&mut self, reasons: &mut Vec<Reason>) {
        for index in 0..self.fields() {
            if self.seen.has(index) {
                continue;
            }
            let optional = self.field(index).optional;
            if optional {
                self.write(index, None);
            } else {
                reasons.push(self.admission(index).no_value());
            }
            self.open.set(index, !optional);
        }
    }

    /// The hash of the row's canonical form: [`Hash::of_input`].
    pub fn hash(&self) -> Hash {
        Hash::of_input((0..self.fields()).map(|index| self.get(index)))
    }

    /// The bytes that engines read.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.cells.bytes()
    }

    /// Refuses a row with fields that neither have a value nor may be missing.
    #[inline]
    pub(crate) fn check_complete(&self) -> Result<(), Refusal> {
        if self.open.is_empty() { Ok(()) } else { Err(self.incomplete()) }
    }

    #[cold]
    fn incomplete(&self) -> Refusal {
        let open = (0..self.fields()).filter(|index| self.open.has(*index));
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
        Err(self.wrong_kind(index, reading))
    }

    fn set_scaled(
        &mut self,
        field: impl FieldRef,
        is_right: impl Fn(Kind) -> bool,
        (digits, decimals): (i128, u8),
        unit: Unit,
    ) -> Result<(), Reason> {
        let number = Reading::Decimal { digits, scale: decimals.into() };
        let index = self.index(field)?;
        if is_right(self.field(index).kind) {
            return self.set_in(index, number, unit);
        }
        let sign = if unit == Unit::Percent { "%" } else { "" };
        Err(self.wrong_kind(index, Reading::Text(&format!("{number}{sign}"))))
    }

    #[cold]
    fn wrong_kind(&mut self, index: usize, reading: Reading<'_>) -> Reason {
        self.open.set(index, true);
        self.admission(index).wrong_kind(reading)
    }

    fn set_in(&mut self, index: usize, reading: Reading<'_>, unit: Unit) -> Result<(), Reason> {
        let read = Admission::new(self.policy.schema(), index, unit).admit(reading);
        let read = read.inspect_err(|_| self.open.set(index, true))?;
        self.write(index, read);
        self.open.set(index, false);
        Ok(())
    }

    #[inline]
    fn put(&mut self, index: usize, value: Option<i128>) -> Result<(), Reason> {
        match self.admission(index).admit_counted(value) {
            Ok(value) => {
                self.write(index, value);
                self.open.set(index, false);
                Ok(())
            }
            Err(reason) => {
                self.open.set(index, true);
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
    fn fields(&self) -> usize {
        self.policy.schema().inputs.len()
    }

    #[inline]
    fn index(&self, field: impl FieldRef) -> Result<usize, Reason> {
        let fields = &self.policy.schema().inputs;
        field.index_in(fields).ok_or_else(|| unknown(field, fields))
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

/// The values by field, in the policy's units; `None` for a field without one.
///
/// ```
/// let mut row = opus_runtime::example::policy().row();
/// row.set_money("income", 9_000_050)?;
/// assert!(format!("{row:?}").contains("income: 90000.50, requested: None"));
/// # Ok::<(), opus_runtime::admission::Reason>(())
/// ```
impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let schema = self.policy.schema();
        let mut shown = f.debug_struct("Row");
        for (index, field) in schema.inputs.iter().enumerate() {
            match self.get(index) {
                Some(value) => {
                    shown.field(&field.name, &format_args!("{}", Shown::new(schema, field.kind, value)))
                }
                None => shown.field(&field.name, &None::<i128>),
            };
        }
        shown.finish()
    }
}

#[cold]
fn unknown(field: impl FieldRef, fields: &[Field]) -> Reason {
    let name = field.to_string();
    let near = did_you_mean(&name, fields.iter().map(|field| field.name.as_str()));
    let near = near.map(|near| format!(": {near}")).unwrap_or_default();
    Reason::malformed_row(format!("the policy has no input `{name}`{near}"))
}
