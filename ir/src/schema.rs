//! What are the inputs and outputs of a policy?
//!
//! Every field is an integer once it is admitted: an amount counts minor units, a percent hundredths of a
//! percent, a date days, an enum its values in the order of their declaration, a Boolean 0 or 1.

use crate::date;
use crate::func::FieldRange;
use crate::interval::Interval;
use crate::types::Width;

/// The most decimals that a kind can have: ten to this power is still an integer of 128 bits.
pub const DIGITS_MAX: u8 = 38;

/// The inputs and outputs of a policy, the same in all its versions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Schema {
    /// The currency of every amount, where the policy has amounts.
    pub currency: Option<Currency>,
    /// The enums, in the order of their declaration.
    pub enums: Vec<EnumDef>,
    /// The input fields, in the order of their declaration.
    pub inputs: Vec<Field>,
    /// The outputs, in the order of their declaration.
    pub outputs: Vec<Field>,
    /// The index of the input date that selects the version; `None` in a policy of one version without dates.
    pub effective: Option<u32>,
}

/// A currency and the digits of its minor unit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Currency {
    /// The ISO 4217 code.
    pub code: String,
    /// How many decimals an amount has.
    pub digits: u8,
}

/// An enum and its values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnumDef {
    /// The name.
    pub name: String,
    /// The values; an enum's code is the index here.
    pub values: Vec<EnumValue>,
}

/// A value of an enum.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnumValue {
    /// The name, which is what files hold.
    pub name: String,
    /// What it says to people, where the policy tells.
    pub text: Option<String>,
}

/// An input field or an output.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// The name.
    pub name: String,
    /// What the integer counts.
    pub kind: Kind,
    /// The values that it may have.
    pub domain: Domain,
    /// Whether it may be missing.
    pub optional: bool,
}

/// What the integer of a field counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// A Boolean.
    Bool,
    /// A whole number.
    Int,
    /// A number with this many decimal places.
    Decimal(u8),
    /// An amount in the minor unit of the policy's currency.
    Money,
    /// A percentage with this many decimal places: 43.5 % as `percent(2)` is 4350.
    Percent(u8),
    /// A number of days.
    Days,
    /// A day number, 0 being 1970-01-01.
    Date,
    /// The index of a value of the enum with this index.
    Enum(u32),
}

/// The values that a field may have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Domain {
    /// The least and the greatest.
    pub range: Interval,
    /// The values themselves, ascending, where they were listed; otherwise all of the range.
    pub set: Option<Vec<i128>>,
}

/// The layout of a field in a column or a row: the width of a value, and whether it may be missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    /// The width of a value.
    pub width: Width,
    /// Whether there is a validity bitmap (a presence byte in a row) beside it.
    pub optional: bool,
}

impl Schema {
    /// The index of the input with this name.
    pub fn input(&self, name: &str) -> Option<usize> {
        self.inputs.iter().position(|field| field.name == name)
    }

    /// How many decimals the written form of a kind has: an amount those of its currency.
    pub fn decimals(&self, kind: Kind) -> u8 {
        match kind {
            Kind::Money => self.currency.as_ref().map_or(2, |currency| currency.digits),
            Kind::Decimal(digits) | Kind::Percent(digits) => digits,
            Kind::Bool | Kind::Int | Kind::Days | Kind::Date | Kind::Enum(_) => 0,
        }
    }

    /// The values that a field of this kind can have; `None` if the schema has no such kind.
    pub fn bounds(&self, kind: Kind) -> Option<Interval> {
        match kind {
            Kind::Bool => Some(Interval::BOOL),
            Kind::Date => Some(Interval::new(date::DAY_MIN, date::DAY_MAX)),
            Kind::Enum(index) => {
                let count = self.enums.get(index as usize)?.values.len() as i128;
                (count > 0).then(|| Interval::new(0, count - 1))
            }
            Kind::Money => self.currency.as_ref().map(|_| Interval::FULL),
            Kind::Decimal(digits) | Kind::Percent(digits) => (digits <= DIGITS_MAX).then_some(Interval::FULL),
            Kind::Int | Kind::Days => Some(Interval::FULL),
        }
    }

    /// What functions know of the input fields.
    pub fn field_ranges(&self) -> Vec<FieldRange> {
        let range_of = |field: &Field| FieldRange {
            is_bool: field.kind == Kind::Bool,
            optional: field.optional,
            range: field.domain.range,
        };
        self.inputs.iter().map(range_of).collect()
    }

    /// The columns that hold input rows, by field index.
    pub fn input_columns(&self) -> Vec<Column> {
        self.inputs.iter().map(Field::column).collect()
    }

    /// The columns that hold outputs, by output index.
    pub fn output_columns(&self) -> Vec<Column> {
        self.outputs.iter().map(Field::column).collect()
    }
}

impl Field {
    /// The column that holds the field.
    pub fn column(&self) -> Column {
        Column { width: Width::narrowest(self.domain.range), optional: self.optional }
    }
}

impl Domain {
    /// All values of a range.
    pub fn all(range: Interval) -> Domain {
        Domain { range, set: None }
    }

    /// The listed values; `None` if there are none.
    pub fn of(mut values: Vec<i128>) -> Option<Domain> {
        values.sort_unstable();
        values.dedup();
        let range = Interval::hull_of(values.iter().copied())?;
        let whole = range.hi - range.lo + 1 == values.len() as i128;
        Some(Domain { range, set: (!whole).then_some(values) })
    }

    /// The values, ascending.
    pub fn values(&self) -> impl Iterator<Item = i128> + '_ {
        let listed = self.set.iter().flatten().copied();
        let range = self.set.is_none().then_some(self.range.lo..=self.range.hi);
        listed.chain(range.into_iter().flatten())
    }

    /// How many values there are.
    pub fn count(&self) -> i128 {
        match &self.set {
            Some(set) => set.len() as i128,
            None => self.range.hi.saturating_sub(self.range.lo).saturating_add(1),
        }
    }

    /// How many values are less than this one; `None` if it is none of them.
    pub fn rank(&self, x: i128) -> Option<usize> {
        match &self.set {
            Some(set) => set.binary_search(&x).ok(),
            None => self.range.contains(x).then(|| usize::try_from(x - self.range.lo).ok()).flatten(),
        }
    }

    /// Whether a field may have this value.
    pub fn contains(&self, x: i128) -> bool {
        self.range.contains(x) && self.set.as_ref().is_none_or(|set| set.binary_search(&x).is_ok())
    }
}
