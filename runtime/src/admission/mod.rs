//! Which integer does a field get for a value, or why does it get none?
//!
//! Admission is exact by value: `12.3400` is an amount in cents, `12.345` is not, and nothing is rounded or
//! guessed. A source hands over a value as a [`Reading`]; an [`Admission`] turns it into the integer that the
//! field counts, or into a [`Reason`] to refuse the row. Each kind of field takes these readings:
//!
//! | field | readings |
//! | --- | --- |
//! | `bool` | Booleans; the texts `true` and `false` |
//! | `int`, `decimal`, `days` | integers, decimals, floats, numbers, and texts of digits |
//! | `money` | the same, in whole units; an integer from a typed source needs a [`Unit`] |
//! | `percent` | a text with a percent sign, which may follow a space; any other number needs a [`Unit`] |
//! | `date` | days, and texts of the form `2025-01-31`, with or without the time of midnight |
//! | an enum | the texts of its names |
//!
//! A float that is not a number (NaN) counts as missing, as data frames use it.
//!
//! A date may carry a time, as many programs write it, if the time is midnight and the zone is absent or UTC:
//! `2025-01-31T00:00:00`, `2025-01-31 00:00:00.000Z`. Any other time is refused, because it is not a date; in any other
//! zone, it is not certain which day is meant.
//!
//! Requires, which look at several fields, are checked afterwards, by the engine.

pub mod double;
mod fields;
pub mod json;
mod names;
pub mod number;
mod reading;
mod reason;
mod scan;
mod shown;

use opus_ir::{Fault, Field, Kind, Schema, date};

pub use reading::Reading;
pub use reason::{Place, Reason};
pub use shown::{Allowed, Shown, enum_name, is_bare, push_date, push_decimal};

pub(crate) use fields::Fields;

use double::Inexact;
use number::Unreadable;

/// What the numbers of a source count, if the field alone does not determine it.
///
/// ```
/// use opus_runtime::admission::{Admission, Reading, Unit};
/// let policy = opus_runtime::example::policy();
/// let income = policy.schema().input("income").unwrap();
/// let admit = |unit| Admission::new(policy.schema(), income, unit).admit(Reading::Integer(500));
/// assert_eq!((admit(Unit::Whole), admit(Unit::Minor)), (Ok(Some(50_000)), Ok(Some(500))));
/// assert_eq!(
///     admit(Unit::Written).unwrap_err().message,
///     "income: 500 could be in whole units or in minor units: state the unit"
/// );
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Unit {
    /// As the policy writes it. Integers for amounts and numbers for percentages are then ambiguous.
    #[default]
    Written,
    /// Amounts in whole units: 5 is 5.00.
    Whole,
    /// Amounts in the minor unit: 500 is 5.00.
    Minor,
    /// Percentages: 43.5 is 43.5 %.
    Percent,
    /// Fractions: 0.435 is 43.5 %.
    Fraction,
}

impl Unit {
    /// Every unit.
    pub const ALL: [Unit; 5] = [Unit::Written, Unit::Whole, Unit::Minor, Unit::Percent, Unit::Fraction];

    /// Whether the unit applies to fields of this kind.
    ///
    /// ```
    /// use opus_ir::Kind;
    /// use opus_runtime::admission::Unit;
    /// assert!(Unit::Minor.fits(Kind::Money));
    /// assert!(!Unit::Minor.fits(Kind::Int));
    /// ```
    pub fn fits(self, kind: Kind) -> bool {
        match self {
            Unit::Written => true,
            Unit::Whole | Unit::Minor => kind == Kind::Money,
            Unit::Percent | Unit::Fraction => matches!(kind, Kind::Percent(_)),
        }
    }
}

/// Admits the values of one input field.
///
/// ```
/// use opus_ir::{Domain, Fault, Field, Interval, Kind, Schema};
/// use opus_runtime::admission::{Admission, Reading, Unit};
/// let domain = Domain::all(Interval::new(0, 1_000_000));
/// let income = Field { name: "income".into(), kind: Kind::Money, domain, optional: false };
/// let schema = Schema { inputs: vec![income], ..Schema::default() };
/// let admission = Admission::new(&schema, 0, Unit::Written);
/// assert_eq!(admission.admit(Reading::Number("12.3400")), Ok(Some(1234)));
/// let refused = admission.admit(Reading::Number("12.345")).unwrap_err();
/// assert_eq!(refused.fault, Fault::TooPrecise);
/// assert_eq!(refused.message, "income: 12.345 has more than 2 decimal places");
/// ```
#[derive(Clone, Copy)]
pub struct Admission<'a> {
    schema: &'a Schema,
    field: &'a Field,
    index: u32,
    unit: Unit,
}

/// What is wrong with a reading, before it is put into words.
enum Wrong {
    Missing,
    Type,
    Unit,
    Precision,
    Range(Option<i128>),
    Several,
    Unknown,
    Date,
}

impl<'a> Admission<'a> {
    /// The admission of the field with this index from a source that counts in this unit.
    ///
    /// # Panics
    /// If there is no such field, or the unit does not apply to it ([`Unit::fits`]).
    pub fn new(schema: &'a Schema, index: usize, unit: Unit) -> Admission<'a> {
        let field = &schema.inputs[index];
        assert!(unit.fits(field.kind), "a field is counted in a unit of its kind");
        Admission { schema, field, index: index as u32, unit }
    }

    /// The field.
    pub fn field(&self) -> &'a Field {
        self.field
    }

    /// The integer of the field; `None` if it is missing and optional.
    ///
    /// # Errors
    /// Why the value is refused.
    pub fn admit(&self, reading: Reading<'_>) -> Result<Option<i128>, Reason> {
        self.value(reading).map_err(|wrong| self.reason(wrong, reading))
    }

    /// Whether a value can be read, within the range of the field or not.
    ///
    /// ```
    /// use opus_runtime::admission::{Admission, Reading, Unit};
    /// let policy = opus_runtime::example::policy();
    /// let schema = policy.schema();
    /// let score = Admission::new(schema, schema.input("score").unwrap(), Unit::Written);
    /// assert!(score.can_read(Reading::Text("9999")));
    /// assert!(!score.can_read(Reading::Text("high")));
    /// ```
    pub fn can_read(&self, reading: Reading<'_>) -> bool {
        matches!(self.value(reading), Ok(_) | Err(Wrong::Range(_)))
    }

    fn value(&self, reading: Reading<'_>) -> Result<Option<i128>, Wrong> {
        let read = match reading {
            Reading::Missing => None,
            reading if reading.is_nan() => None,
            _ => Some(self.read(reading)?),
        };
        match read {
            None if !self.field.optional => Err(Wrong::Missing),
            Some(value) if !self.field.domain.contains(value) => Err(Wrong::Range(Some(value))),
            read => Ok(read),
        }
    }

    /// The same for a value that already is an integer of the field.
    ///
    /// # Errors
    /// Why the value is refused.
    #[inline]
    pub fn admit_counted(&self, value: Option<i128>) -> Result<Option<i128>, Reason> {
        match value {
            Some(x) if self.field.domain.contains(x) => Ok(value),
            None if self.field.optional => Ok(None),
            None => Err(self.reason(Wrong::Missing, Reading::Missing)),
            Some(x) => Err(self.reason(Wrong::Range(value), Reading::Integer(x))),
        }
    }

    /// Why a row without a value for the field is refused. A value that was set and refused counts as none.
    pub(crate) fn no_value(&self) -> Reason {
        self.reason(Wrong::Missing, Reading::Missing)
    }

    /// Why a value of another kind is refused.
    pub(crate) fn wrong_kind(&self, reading: Reading<'_>) -> Reason {
        self.reason(Wrong::Type, reading)
    }

    /// A reason for which a field of the same name and kind refuses a value, for this field, which admits no more: what is
    /// admitted is named as of this field.
    ///
    /// ```
    /// use opus_ir::{Domain, Field, Interval, Kind, Schema};
    /// use opus_runtime::admission::{Admission, Reading, Unit};
    /// let schema = |hi| {
    ///     let domain = Domain::all(Interval::new(16, hi));
    ///     let age = Field { name: "age".into(), kind: Kind::Int, domain, optional: false };
    ///     Schema { inputs: vec![age], ..Schema::default() }
    /// };
    /// let (narrow, wide) = (schema(100), schema(120));
    /// let [narrow, wide] = [&narrow, &wide].map(|schema| Admission::new(schema, 0, Unit::Written));
    /// let reason = wide.admit(Reading::Number("200.0")).unwrap_err();
    /// assert_eq!(narrow.restated(&reason, &wide).message, "age: 200 is outside 16..100");
    /// ```
    pub fn restated(&self, reason: &Reason, other: &Admission<'_>) -> Reason {
        let mut reason = Reason { place: Place::Field(self.index), ..reason.clone() };
        let (before, after) = (other.outside(), self.outside());
        // what follows it is a hint about files; what precedes it may be a value that says the same
        if let Some(at) = reason.message.rfind(&before).filter(|_| before != after) {
            reason.message.replace_range(at..at + before.len(), &after);
        }
        reason
    }

    /// That a value is not admitted: `is outside 16..120`.
    fn outside(&self) -> String {
        let allowed = Allowed::new(self.schema, self.field);
        format!("{} {allowed}", if allowed.is_list() { "is not one of" } else { "is outside" })
    }

    fn read(&self, reading: Reading<'_>) -> Result<i128, Wrong> {
        match (self.field.kind, reading) {
            (Kind::Bool, Reading::Bool(value)) => Ok(value as i128),
            (Kind::Bool, Reading::Text("false")) => Ok(0),
            (Kind::Bool, Reading::Text("true")) => Ok(1),
            (Kind::Date, Reading::Day(day)) => Ok(day as i128),
            (Kind::Date, Reading::Text(text)) => day_of(text).map(i128::from).ok_or(Wrong::Date),
            (Kind::Enum(index), Reading::Text(text)) => self.enum_value(index, text),
            (Kind::Bool | Kind::Date | Kind::Enum(_), _) => Err(Wrong::Type),
            (Kind::Percent(decimals), Reading::Text(text)) if text.ends_with('%') => {
                Ok(number::scaled(number::without_percent(text).unwrap_or(text), decimals)?)
            }
            (_, reading) => self.number(reading),
        }
    }

    fn number(&self, reading: Reading<'_>) -> Result<i128, Wrong> {
        let decimals = self.decimals();
        let read = match reading {
            Reading::Integer(x) => number::rescaled(x, 0, decimals).map_err(Wrong::from),
            Reading::Decimal { digits, scale } => {
                number::rescaled(digits, scale, decimals).map_err(Wrong::from)
            }
            Reading::Number(text) | Reading::Text(text) => {
                number::scaled(text, decimals).map_err(Wrong::from)
            }
            Reading::Double(x) => match double::nearest(x, decimals) {
                Ok(value) => Ok(value),
                Err(Inexact::None) => Err(Wrong::Precision),
                Err(Inexact::TooLarge) => Err(Wrong::Range(None)),
                Err(Inexact::Several(values)) => self.only(values),
            },
            Reading::Inexact(_) => Err(Wrong::Several),
            Reading::Missing | Reading::Bool(_) | Reading::Day(_) | Reading::Other(_) => Err(Wrong::Type),
        };
        match read {
            Err(Wrong::Type) => Err(Wrong::Type),
            _ if self.is_open(reading) => Err(Wrong::Unit),
            read => read,
        }
    }

    /// Whether the number could be meant in two ways.
    fn is_open(&self, reading: Reading<'_>) -> bool {
        let typed_integer = matches!(reading, Reading::Integer(_));
        let two_ways = match self.field.kind {
            Kind::Percent(_) => true,
            // where a currency has no minor unit, both readings are the same
            Kind::Money => typed_integer && self.schema.decimals(Kind::Money) > 0,
            _ => false,
        };
        two_ways && self.unit == Unit::Written
    }

    /// How many decimals a number in the source's unit may have.
    fn decimals(&self) -> u8 {
        let decimals = self.schema.decimals(self.field.kind);
        match self.unit {
            Unit::Fraction => decimals + 2,
            Unit::Minor => 0,
            Unit::Written | Unit::Whole | Unit::Percent => decimals,
        }
    }

    /// The one value of the field among `values`, if it is only one.
    fn only(&self, values: opus_ir::Interval) -> Result<i128, Wrong> {
        let domain = &self.field.domain;
        let inside = values.intersect(domain.range).ok_or(Wrong::Range(None))?;
        match &domain.set {
            None => inside.single().ok_or(Wrong::Several),
            Some(set) => {
                let mut listed = set.iter().filter(|value| inside.contains(**value));
                match (listed.next(), listed.next()) {
                    (Some(value), None) => Ok(*value),
                    (None, _) => Err(Wrong::Range(None)),
                    _ => Err(Wrong::Several),
                }
            }
        }
    }

    fn enum_value(&self, index: u32, text: &str) -> Result<i128, Wrong> {
        let values = self.schema.enums.get(index as usize).map_or(&[][..], |definition| &definition.values);
        let position = values.iter().position(|value| value.name == text);
        position.map(|position| position as i128).ok_or(Wrong::Unknown)
    }

    #[cold]
    fn reason(&self, wrong: Wrong, reading: Reading<'_>) -> Reason {
        let fault = match wrong {
            Wrong::Missing => Fault::Missing,
            Wrong::Type | Wrong::Unit | Wrong::Several => Fault::WrongType,
            Wrong::Precision => Fault::TooPrecise,
            Wrong::Range(_) => Fault::OutOfRange,
            Wrong::Unknown => Fault::UnknownValue,
            Wrong::Date => Fault::MalformedDate,
        };
        let message = format!("{}: {}", self.field.name, self.words(wrong, reading));
        let value = reading.to_string();
        Reason { fault, place: Place::Field(self.index), name: self.field.name.clone(), value, message }
    }

    fn words(&self, wrong: Wrong, reading: Reading<'_>) -> String {
        let given = quoted(reading);
        match wrong {
            Wrong::Missing if self.field.optional => "the value set last was refused".to_string(),
            Wrong::Missing => "a value is required".to_string(),
            Wrong::Type if matches!(self.field.kind, Kind::Enum(_)) => {
                format!("{given} {}", self.outside())
            }
            Wrong::Type => format!("{given} is not {}", self.wanted()),
            Wrong::Unit if self.field.kind == Kind::Money => {
                format!("{given} could be in whole units or in minor units: state the unit")
            }
            Wrong::Unit => {
                format!("{given} could be a percentage or a fraction: add a percent sign or state the unit")
            }
            Wrong::Precision if self.decimals() == 0 => format!("{given} is not a whole number"),
            Wrong::Precision => format!("{given} has {}", self.precision_in_words()),
            Wrong::Range(Some(value)) => {
                format!("{} {}", Shown::new(self.schema, self.field.kind, value), self.outside())
            }
            Wrong::Range(None) => format!("{given} {}", self.outside()),
            Wrong::Several => {
                format!("{given} is ambiguous: several values of this size have the same float")
            }
            Wrong::Unknown => format!("{given} {}", self.outside()),
            Wrong::Date => format!("{given} is not a date such as 2025-01-31"),
        }
    }

    fn wanted(&self) -> &'static str {
        match self.field.kind {
            Kind::Bool => "true or false",
            Kind::Int => "a whole number",
            Kind::Decimal(_) => "a number",
            Kind::Money => "an amount",
            Kind::Percent(_) => "a percentage",
            Kind::Days => "a number of days",
            Kind::Date => "a date such as 2025-01-31",
            Kind::Enum(_) => "a name",
        }
    }

    fn precision_in_words(&self) -> String {
        match self.decimals() {
            1 => "more than 1 decimal place".to_string(),
            decimals => format!("more than {decimals} decimal places"),
        }
    }
}

/// The day that a text names, with or without the time of midnight.
fn day_of(text: &str) -> Option<i32> {
    let Some((day, time)) = text.split_at_checked(DAY_BYTES).filter(|(_, time)| !time.is_empty()) else {
        return date::parse(text);
    };
    let time = time.strip_prefix(['T', 't', ' '])?;
    let time = time.strip_suffix(['Z', 'z']).or(time.strip_suffix("+00:00")).unwrap_or(time);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let is_midnight = matches!(clock, "00:00" | "00:00:00");
    let is_zero = !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0');
    date::parse(day).filter(|_| is_midnight && is_zero)
}

/// The length of `2025-01-31`.
const DAY_BYTES: usize = 10;

/// Longer values are truncated in messages.
const QUOTED_MAX: usize = 60;

/// A value within a sentence: a number as it is, text in backticks.
fn quoted(reading: Reading<'_>) -> String {
    let text = reading.to_string();
    let is_number = number::scaled(&text, u8::MAX) != Err(Unreadable::NoNumber);
    let mut shown = String::new();
    for c in text.chars().take(QUOTED_MAX) {
        match c {
            // it looks like a space, or like nothing
            '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}' => shown.extend(c.escape_unicode()),
            c if c.is_whitespace() && c != ' ' => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    if text.chars().nth(QUOTED_MAX).is_some() {
        shown.push('…');
    }
    match reading {
        Reading::Text(_) | Reading::Number(_) if !is_number => format!("`{shown}`"),
        _ => shown,
    }
}

impl From<Unreadable> for Wrong {
    fn from(unreadable: Unreadable) -> Wrong {
        match unreadable {
            Unreadable::NoNumber => Wrong::Type,
            Unreadable::TooPrecise => Wrong::Precision,
            Unreadable::TooLarge => Wrong::Range(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use opus_ir::{Currency, Domain, EnumDef, EnumValue, Interval};

    use super::*;

    /// One field of each kind, all from 0 to 10,000 of whatever they count.
    fn schema() -> Schema {
        let kinds = [
            ("flag", Kind::Bool, 1),
            ("count", Kind::Int, 10_000),
            ("ratio", Kind::Decimal(3), 10_000),
            ("amount", Kind::Money, 10_000),
            ("share", Kind::Percent(2), 10_000),
            ("wait", Kind::Days, 10_000),
            ("on", Kind::Date, 10_000),
            ("work", Kind::Enum(0), 1),
        ];
        let field = |(name, kind, hi): (&str, Kind, i128)| {
            let domain = Domain::all(Interval::new(0, hi));
            Field { name: name.into(), kind, domain, optional: false }
        };
        let value = |name: &str| EnumValue { name: name.into(), text: None };
        Schema {
            currency: Some(Currency { code: "USD".into(), digits: 2 }),
            enums: vec![EnumDef { name: "Work".into(), values: vec![value("salaried"), value("retired")] }],
            inputs: kinds.map(field).to_vec(),
            ..Schema::default()
        }
    }

    fn admit(name: &str, unit: Unit, reading: Reading) -> Result<i128, Reason> {
        let schema = schema();
        let index = schema.input(name).unwrap();
        Admission::new(&schema, index, unit).admit(reading).map(|value| value.unwrap())
    }

    #[test]
    fn every_kind_takes_its_own_values() {
        use Reading::*;
        let decimal = |digits, scale| Decimal { digits, scale };
        let table = [
            ("flag", Unit::Written, Bool(true), 1),
            ("flag", Unit::Written, Text("false"), 0),
            ("count", Unit::Written, Integer(7), 7),
            ("count", Unit::Written, Double(7.0), 7),
            ("count", Unit::Written, decimal(700, 2), 7),
            ("count", Unit::Written, Text("7.00"), 7),
            ("ratio", Unit::Written, Number("1.5"), 1500),
            ("ratio", Unit::Written, Integer(2), 2000),
            ("amount", Unit::Written, Number("5"), 500),
            ("amount", Unit::Written, Double(5.1), 510),
            ("amount", Unit::Written, decimal(51, 1), 510),
            ("amount", Unit::Whole, Integer(5), 500),
            ("amount", Unit::Minor, Integer(5), 5),
            ("amount", Unit::Minor, Text("5.0"), 5),
            ("share", Unit::Written, Text("43.5%"), 4350),
            ("share", Unit::Written, Text("43.5 %"), 4350),
            ("share", Unit::Written, Text("43.5\u{202F}%"), 4350),
            ("share", Unit::Percent, Number("43.5"), 4350),
            ("share", Unit::Fraction, Number("0.435"), 4350),
            ("share", Unit::Fraction, Double(0.07), 700),
            ("share", Unit::Fraction, Text("43.5%"), 4350),
            ("wait", Unit::Written, Integer(30), 30),
            ("on", Unit::Written, Day(365), 365),
            ("on", Unit::Written, Text("1971-01-01"), 365),
            ("work", Unit::Written, Text("retired"), 1),
        ];
        for (name, unit, reading, expected) in table {
            assert_eq!(admit(name, unit, reading), Ok(expected), "{name} {reading:?}");
        }
    }

    #[test]
    fn refusals_say_what_is_wrong() {
        use Reading::*;
        let table = [
            ("count", Missing, Fault::Missing, "count: a value is required"),
            ("count", Double(f64::NAN), Fault::Missing, "count: a value is required"),
            ("count", Text("abc"), Fault::WrongType, "count: `abc` is not a whole number"),
            ("count", Bool(true), Fault::WrongType, "count: true is not a whole number"),
            ("count", Number("1.5"), Fault::TooPrecise, "count: 1.5 is not a whole number"),
            (
                "count",
                Inexact("16777216"),
                Fault::WrongType,
                "count: 16777216 is ambiguous: several values of this size have the same float",
            ),
            ("count", Integer(10_001), Fault::OutOfRange, "count: 10001 is outside 0..10000"),
            ("count", Text("1e99"), Fault::OutOfRange, "count: 1e99 is outside 0..10000"),
            ("count", Double(f64::INFINITY), Fault::OutOfRange, "count: inf is outside 0..10000"),
            ("amount", Number("12.345"), Fault::TooPrecise, "amount: 12.345 has more than 2 decimal places"),
            (
                "amount",
                Double(0.1 + 0.2),
                Fault::TooPrecise,
                "amount: 0.30000000000000004 has more than 2 decimal places",
            ),
            ("amount", Number("100.01"), Fault::OutOfRange, "amount: 100.01 is outside 0.00..100.00 USD"),
            (
                "amount",
                Integer(5),
                Fault::WrongType,
                "amount: 5 could be in whole units or in minor units: state the unit",
            ),
            (
                "share",
                Number("0.4"),
                Fault::WrongType,
                "share: 0.4 could be a percentage or a fraction: add a percent sign or state the unit",
            ),
            ("share", Text("x%"), Fault::WrongType, "share: `x%` is not a percentage"),
            ("share", Text("x"), Fault::WrongType, "share: `x` is not a percentage"),
            ("share", Text(" %"), Fault::WrongType, "share: ` %` is not a percentage"),
            ("share", Text("1 0%"), Fault::WrongType, "share: `1 0%` is not a percentage"),
            (
                "on",
                Text("2025-02-30"),
                Fault::MalformedDate,
                "on: `2025-02-30` is not a date such as 2025-01-31",
            ),
            ("on", Day(10_001), Fault::OutOfRange, "on: 1997-05-20 is outside 1970-01-01..1997-05-19"),
            ("on", Integer(5), Fault::WrongType, "on: 5 is not a date such as 2025-01-31"),
            ("work", Text("student"), Fault::UnknownValue, "work: `student` is not one of salaried, retired"),
            ("flag", Text("True"), Fault::WrongType, "flag: `True` is not true or false"),
            ("flag", Other("an array"), Fault::WrongType, "flag: an array is not true or false"),
        ];
        for (name, reading, fault, message) in table {
            let reason = admit(name, Unit::Written, reading).unwrap_err();
            assert_eq!((reason.fault, reason.message.as_str()), (fault, message));
        }
    }

    #[test]
    fn the_time_of_midnight_is_part_of_a_date() {
        for (text, is_date) in [
            ("1971-01-01", true),
            ("1971-01-01T00:00:00Z", true),
            ("1971-01-01T00:00:00.000Z", true),
            ("1971-01-01T00:00:00+00:00", true),
            ("1971-01-01 00:00:00", true),
            ("1971-01-01T00:00", true),
            ("1971-01-01T", false),
            ("1971-01-01x", false),
            ("1971-01-01T00:00:01Z", false),
            ("1971-01-01T00:00:00+01:00", false),
            ("1971-01-01T00:00:00.", false),
            ("1971-13-01T00:00:00Z", false),
        ] {
            let admitted = admit("on", Unit::Written, Reading::Text(text));
            assert_eq!(
                admitted.map_err(|reason| reason.fault),
                if is_date { Ok(365) } else { Err(Fault::MalformedDate) }
            );
        }
    }

    #[test]
    fn the_range_tells_doubles_apart() {
        let mut schema = schema();
        let tie = 9_007_199_254_740_992;
        let admit =
            |schema: &Schema| Admission::new(schema, 1, Unit::Written).admit(Reading::Double(tie as f64));
        schema.inputs[1].domain = Domain::all(Interval::new(0, tie));
        assert_eq!(admit(&schema), Ok(Some(tie)));
        schema.inputs[1].domain = Domain::all(Interval::new(0, tie + 1));
        assert_eq!(admit(&schema).unwrap_err().fault, Fault::WrongType);
        schema.inputs[1].domain = Domain::of(vec![1, tie + 1]).unwrap();
        assert_eq!(admit(&schema), Ok(Some(tie + 1)));
    }

    #[test]
    fn missing_only_where_it_may_be() {
        let mut schema = schema();
        schema.inputs[1].optional = true;
        let admission = Admission::new(&schema, 1, Unit::Written);
        assert_eq!(admission.admit(Reading::Missing), Ok(None));
        assert_eq!(admission.admit(Reading::Double(f64::NAN)), Ok(None));
        assert_eq!(admission.admit_counted(None), Ok(None));
        assert_eq!(admission.admit_counted(Some(-1)).unwrap_err().fault, Fault::OutOfRange);
    }
}
