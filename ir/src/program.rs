//! What is a compiled policy as a whole, independent of its file format and of engines?

mod check;

use crate::func::{Func, Open};
use crate::interval::Interval;
use crate::schema::{Domain, Kind, Schema};

pub use check::{InvalidProgram, VerifiedProgram, verify};

/// A compiled policy: for each of its versions, one function that admits and one that decides. The functions
/// are plain ones, or verified ones in a [`VerifiedProgram`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Program<F = Func> {
    /// The dotted name of the policy.
    pub name: String,
    /// Inputs and outputs.
    pub schema: Schema,
    /// Every rule of every version; `End::Decide` names them by index.
    pub rules: Vec<Rule>,
    /// Every condition between inputs, of every version.
    pub requires: Vec<Require>,
    /// What it leaves to a snapshot. Only a program without holes can be executed.
    pub holes: Vec<Hole>,
    /// The versions by their first day; without gap or overlap.
    pub versions: Vec<Version<F>>,
}

/// What a program leaves to a snapshot: a key of facts, the same in all versions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hole {
    /// The name of the parameter or set, which is the key.
    pub name: String,
    /// What a fact can be.
    pub shape: Shape,
}

/// What the facts of a hole can be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shape {
    /// One value.
    Value {
        /// What the integer counts.
        kind: Kind,
        /// The values that it may have.
        domain: Domain,
    },
    /// A set of values of the enum with this index: by value, 1 if it is in the set and 0 if not.
    Set(u32),
    /// A look-up table: one value for each combination of keys, the last key varying fastest.
    Table {
        /// The keys, in the order in which they are given.
        keys: Vec<TableKey>,
        /// What the integer of an entry counts.
        kind: Kind,
        /// The values that an entry may have.
        domain: Domain,
    },
}

/// A key of a look-up table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableKey {
    /// Its name, for people.
    pub name: String,
    /// A Boolean, a whole number or a value of an enum.
    pub kind: Kind,
    /// The values that it takes.
    pub domain: Domain,
}

/// The most entries of a look-up table.
pub const TABLE_ENTRIES_MAX: usize = 1 << 16;

impl Hole {
    /// How functions see it, as the hole with this index in a program with this schema; `None` if the schema has no
    /// such enum.
    pub fn open(&self, index: u32, schema: &Schema) -> Option<Open> {
        let (count, range) = match &self.shape {
            Shape::Value { domain, .. } => (1, domain.range),
            Shape::Set(of) => (schema.enums.get(*of as usize)?.values.len() as u32, Interval::BOOL),
            Shape::Table { keys, domain, .. } => (entries(keys)? as u32, domain.range),
        };
        Some(Open { hole: index, count, range })
    }

    /// By entry of a look-up table, the values of its keys. Empty for other holes.
    pub fn cells(&self) -> Vec<Vec<i128>> {
        let Shape::Table { keys, .. } = &self.shape else { return Vec::new() };
        keys.iter().fold(vec![vec![]], |cells, key| {
            let with = |cell: &Vec<i128>| {
                let cell = cell.clone();
                key.domain.values().map(move |value| [cell.as_slice(), &[value]].concat())
            };
            cells.iter().flat_map(with).collect()
        })
    }

    /// The key of the fact that an entry of a look-up table comes from, as facts write it: `rate[EU, 1000]`. The values of
    /// the keys are in the order of the declaration; a value that its enum does not have is written as its number.
    pub fn fact_key(&self, cell: &[i128], schema: &Schema) -> String {
        let Shape::Table { keys, .. } = &self.shape else { return self.name.clone() };
        let written = |(key, value): (&TableKey, &i128)| match key.kind {
            Kind::Bool => (*value != 0).to_string(),
            Kind::Enum(of) => {
                let values = schema.enums.get(of as usize).map_or(&[][..], |def| &def.values);
                let named = usize::try_from(*value).ok().and_then(|at| values.get(at));
                named.map_or_else(|| value.to_string(), |named| named.name.clone())
            }
            _ => value.to_string(),
        };
        let values: Vec<String> = keys.iter().zip(cell).map(written).collect();
        format!("{}[{}]", self.name, values.join(", "))
    }

    /// The entry of a look-up table for these values of its keys; `None` if there is none.
    pub fn entry(&self, values: &[i128]) -> Option<usize> {
        let Shape::Table { keys, .. } = &self.shape else { return None };
        keys.iter().zip(values).try_fold(0, |entry, (key, value)| {
            Some(entry * key.domain.count() as usize + key.domain.rank(*value)?)
        })
    }
}

/// The number of entries of a look-up table with these keys; `None` if there are too many.
pub fn entries(keys: &[TableKey]) -> Option<usize> {
    let count = keys.iter().try_fold(1i128, |count, key| count.checked_mul(key.domain.count()))?;
    usize::try_from(count).ok().filter(|count| *count <= TABLE_ENTRIES_MAX)
}

/// A rule as reports name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// The id, unique within a version.
    pub id: String,
    /// The title, if there is one.
    pub title: Option<String>,
    /// The citation, if there is one.
    pub cite: Option<String>,
    /// The bytes of the rule in the source text. Not part of the meaning.
    pub span: (u32, u32),
}

/// A condition between inputs as refusals name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Require {
    /// The id.
    pub id: String,
    /// The title, if there is one.
    pub title: Option<String>,
    /// The citation, if there is one.
    pub cite: Option<String>,
    /// The bytes of the condition in the source text. Not part of the meaning.
    pub span: (u32, u32),
}

/// A version of a policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version<F = Func> {
    /// Its number in the policy.
    pub number: u32,
    /// The first day on which it is in force.
    pub from: i32,
    /// The first day on which it is no longer in force; `i32::MAX` for the last version.
    pub until: i32,
    /// The citation, if there is one.
    pub cite: Option<String>,
    /// The indices of the requires that are in force, in order.
    pub requires: Vec<u32>,
    /// From the fields of an admitted row to one Boolean per entry of `requires`; one block, rule 0.
    /// Where it has no outputs there is nothing to check.
    pub admit: F,
    /// From the fields of a row that meets all requires to a rule and its outputs.
    pub decide: F,
}

impl<F> Program<F> {
    /// The version that is in force on a day: days before the first meet the first, which cannot happen to an
    /// admitted row, because the versions cover the declared range of the effective date.
    pub fn version_on(&self, day: i32) -> usize {
        self.versions.partition_point(|version| version.from <= day).saturating_sub(1)
    }
}
