//! How does a policy get its facts? Each hole of a program is filled in with constants, before the first row.
//!
//! The compiler has proved the program for every value that a hole declares, so nothing is left to prove here: binding
//! only checks that each key has a fact on every day, of the right type and within its range. It refuses no row.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use opus_ir::{Domain, Filling, Func, Hole, Interval, Kind, Program, Schema, Shape, Version, date};

use super::{Fact, FactValue, Snapshot, Written};
use crate::admission::Shown;
use crate::artifact::BuildError;

/// How many faults are written out.
const FAULTS_SHOWN_MAX: usize = 20;
/// The most values of a bound look-up table: its entries times the days on which they change.
const TABLE_VALUES_MAX: usize = 1 << 22;

/// Why a policy and a snapshot cannot be joined.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BindError {
    /// Facts are missing, or are not what the policy declares.
    Facts(Vec<FactFault>),
    /// The bound program is too large.
    Build(BuildError),
}

/// A fact that is missing or wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FactFault {
    /// The key.
    pub key: String,
    /// What is wrong and what to do, in lower case and without a full stop.
    pub message: String,
}

impl fmt::Display for FactFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.key, self.message)
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = match self {
            BindError::Build(error) => return error.fmt(f),
            BindError::Facts(faults) => faults,
        };
        f.write_str("the snapshot does not fit the policy: ")?;
        for (index, fault) in faults.iter().take(FAULTS_SHOWN_MAX).enumerate() {
            write!(f, "{}{fault}", if index == 0 { "" } else { "; " })?;
        }
        match faults.len().saturating_sub(FAULTS_SHOWN_MAX) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for BindError {}

/// A program without holes: the constants of a snapshot take their place. Every certificate of `program` holds for it.
///
/// # Errors
/// Every fact that is missing or wrong.
pub fn bind<F: Borrow<Func>>(program: &Program<F>, snapshot: &Snapshot) -> Result<Program, BindError> {
    let days = program.schema.effective.map(|index| program.schema.inputs[index as usize].domain.range);
    let mut faults = Vec::new();
    let time_lines: Vec<Vec<Period>> = program
        .holes
        .iter()
        .map(|hole| {
            let line = match &hole.shape {
                Shape::Table { .. } => table_line(hole, &program.schema, snapshot, days),
                Shape::Value { .. } | Shape::Set(_) => {
                    time_line(&hole.name, snapshot, days, |value| entries(hole, &program.schema, value))
                }
            };
            line.unwrap_or_else(|found| {
                faults.extend(found);
                Vec::new()
            })
        })
        .collect();
    if !faults.is_empty() {
        return Err(BindError::Facts(faults));
    }
    let bound = |version: &Version<F>| {
        let fillings: Vec<Filling> =
            time_lines.iter().map(|line| filling(line, version.from, version.until)).collect();
        let bind = |func: &F| opus_ir::bind(func, program.schema.effective, &fillings);
        Version {
            number: version.number,
            from: version.from,
            until: version.until,
            cite: version.cite.clone(),
            requires: version.requires.clone(),
            admit: bind(&version.admit),
            decide: bind(&version.decide),
        }
    };
    Ok(Program {
        name: program.name.clone(),
        schema: program.schema.clone(),
        rules: program.rules.clone(),
        requires: program.requires.clone(),
        holes: Vec::new(),
        versions: program.versions.iter().map(bound).collect(),
    })
}

/// The keys of a snapshot that a policy does not take from one.
pub fn unused<'a, F>(program: &Program<F>, snapshot: &'a Snapshot) -> Vec<&'a str> {
    let used: BTreeSet<String> = program.holes.iter().flat_map(|hole| keys(hole, &program.schema)).collect();
    snapshot.keys().filter(|key| !used.contains(*key)).collect()
}

/// The facts that a policy takes and that no effective date meets: before the first day of its range the next fact with the
/// key begins, or they begin after the last. None if the policy has no effective date.
pub fn never_in_force<'a, F>(program: &Program<F>, snapshot: &'a Snapshot) -> Vec<&'a Fact> {
    let Some(field) = program.schema.effective else { return Vec::new() };
    let days = program.schema.inputs[field as usize].domain.range;
    let of_key = |key: String| {
        let facts = snapshot.of(&key);
        facts.iter().enumerate().filter_map(move |(index, fact)| {
            let next = facts.get(index + 1).map_or(i128::MAX, |next| next.valid_from.into());
            (next <= days.lo || i128::from(fact.valid_from) > days.hi).then_some(fact)
        })
    };
    program.holes.iter().flat_map(|hole| keys(hole, &program.schema)).flat_map(of_key).collect()
}

/// The keys of a hole's facts: its name, or one key for each entry of a look-up table.
pub fn keys(hole: &Hole, schema: &Schema) -> Vec<String> {
    match &hole.shape {
        Shape::Table { .. } => hole.cells().iter().map(|cell| hole.fact_key(cell, schema)).collect(),
        Shape::Value { .. } | Shape::Set(_) => vec![hole.name.clone()],
    }
}

/// Facts that stand in for those of a snapshot where it does not matter what they are: the least value that each
/// parameter may have, and empty sets.
pub fn least<F>(program: &Program<F>) -> Snapshot {
    let facts = |hole: &Hole| {
        let entry = match &hole.shape {
            Shape::Value { domain, .. } | Shape::Table { domain, .. } => domain.range.lo,
            Shape::Set(_) => 0,
        };
        let count = hole.open(0, &program.schema).map_or(0, |open| open.count as usize);
        said(hole, &program.schema, &vec![entry; count]).into_iter().map(|(key, value)| Fact {
            key,
            valid_from: date::DAY_MIN as i32,
            value: Some(value),
            cite: None,
            notes: Vec::new(),
        })
    };
    let facts = program.holes.iter().flat_map(facts).collect();
    Snapshot::new(facts).expect("each hole has a name of its own")
}

/// The facts that these entries of a hole come from, each with its key: the inverse of [`entries`].
pub fn said(hole: &Hole, schema: &Schema, entries: &[i128]) -> Vec<(String, FactValue)> {
    match &hole.shape {
        Shape::Set(of) => {
            let members = schema.enums[*of as usize].values.iter().zip(entries);
            let members = members.filter(|(_, entry)| **entry != 0).map(|(value, _)| value.name.clone());
            vec![(hole.name.clone(), FactValue::Set(members.collect()))]
        }
        Shape::Value { kind, .. } | Shape::Table { kind, .. } => {
            let values = entries.iter().map(|entry| value_said(schema, *kind, *entry));
            keys(hole, schema).into_iter().zip(values).collect()
        }
    }
}

/// A value as a fact says it.
fn value_said(schema: &Schema, kind: Kind, entry: i128) -> FactValue {
    let currency = schema.currency.as_ref().map_or("", |currency| &currency.code);
    let shown = Shown::new(schema, kind, entry).to_string();
    let text = match kind {
        Kind::Money => format!("{shown} {currency}"),
        Kind::Days => format!("{shown} days"),
        _ => shown,
    };
    text.parse().expect("a value is written as facts are")
}

/// From a day on, the entries of a hole.
type Period = (i128, Vec<i128>);

/// The entries of a hole from the first day of the effective date to the last; neighbours differ.
fn time_line(
    key: &str,
    snapshot: &Snapshot,
    days: Option<Interval>,
    entries: impl Fn(&FactValue) -> Result<Vec<i128>, String>,
) -> Result<Vec<Period>, Vec<FactFault>> {
    let fault = |message: String| FactFault { key: key.to_owned(), message };
    let facts = snapshot.of(key);
    if facts.is_empty() {
        let from = days
            .map_or(String::new(), |days| format!(" that is valid from {} or earlier", date::civil(days.lo)));
        return Err(vec![fault(format!("is not in the snapshot: add a fact{from}"))]);
    }
    let Some(days) = days else {
        let [Fact { value: Some(value), .. }] = facts else {
            let message =
                "needs exactly one fact, because the policy has no `effective on` to select among several";
            return Err(vec![fault(message.to_owned())]);
        };
        let entries = entries(value).map_err(|message| vec![fault(message)])?;
        return Ok(vec![(i128::MIN, entries)]);
    };
    let mut faults = Vec::new();
    let mut line: Vec<Period> = Vec::new();
    let mut missing = |from: i128, until: i128| {
        if from < until {
            let (from, last) = (date::civil(from), date::civil(until - 1));
            faults.push(fault(format!(
                "has no fact from {from} to {last}: add one, or narrow the range of the effective date"
            )));
        }
    };
    missing(days.lo, i128::from(facts[0].valid_from).min(days.hi + 1));
    let mut wrong = Vec::new();
    for (index, fact) in facts.iter().enumerate() {
        let from = i128::from(fact.valid_from).max(days.lo);
        let until = facts.get(index + 1).map_or(i128::MAX, |next| next.valid_from.into()).min(days.hi + 1);
        if from >= until {
            continue;
        }
        match fact.value.as_ref().map(&entries) {
            None => missing(from, until),
            Some(Ok(entries)) if line.last().is_some_and(|(_, before)| *before == entries) => {}
            Some(Ok(entries)) => line.push((from, entries)),
            Some(Err(message)) => {
                let since = date::civil(fact.valid_from.into());
                wrong.push(fault(format!("from {since}: {message}")));
            }
        }
    }
    faults.extend(wrong);
    if faults.is_empty() { Ok(line) } else { Err(faults) }
}

/// The entries of a look-up table: a period of the table begins wherever one of its entries changes.
fn table_line(
    hole: &Hole,
    schema: &Schema,
    snapshot: &Snapshot,
    days: Option<Interval>,
) -> Result<Vec<Period>, Vec<FactFault>> {
    let Shape::Table { kind, domain, .. } = &hole.shape else { return Ok(Vec::new()) };
    let mut faults = Vec::new();
    let mut changes: BTreeMap<i128, Vec<(usize, i128)>> = BTreeMap::new();
    for (entry, key) in keys(hole, schema).iter().enumerate() {
        let value = |value: &FactValue| Ok(vec![counted(schema, *kind, domain, value)?]);
        match time_line(key, snapshot, days, value) {
            Ok(line) => {
                for (from, values) in line {
                    changes.entry(from).or_default().push((entry, values[0]));
                }
            }
            Err(found) => faults.extend(found),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let count = hole.cells().len();
    if changes.len().saturating_mul(count) > TABLE_VALUES_MAX {
        let message = format!(
            "has {count} entries that change on {} days, and the product can be at most {TABLE_VALUES_MAX}: split \
             the table, or narrow the range of the effective date",
            changes.len()
        );
        return Err(vec![FactFault { key: hole.name.clone(), message }]);
    }
    // every entry has a value on the first day
    let mut now = vec![0; count];
    let period = |(from, changed): (i128, Vec<(usize, i128)>)| {
        changed.into_iter().for_each(|(entry, value)| now[entry] = value);
        (from, now.clone())
    };
    Ok(changes.into_iter().map(period).collect())
}

/// The periods of a time line that a version meets.
fn filling(line: &[Period], from: i32, until: i32) -> Filling {
    let first = line.partition_point(|(start, _)| *start <= i128::from(from)).saturating_sub(1);
    let last = line.partition_point(|(start, _)| *start < i128::from(until)).max(first + 1);
    let met = &line[first..last];
    let day = |start: i128| i32::try_from(start).expect("days are small");
    Filling {
        starts: met.iter().skip(1).map(|(start, _)| day(*start)).collect(),
        periods: met.iter().map(|(_, entries)| entries.clone()).collect(),
    }
}

/// What a fact says, as the entries of a parameter or set of a policy with this schema; of a look-up table, as one entry.
///
/// # Errors
/// What is wrong with it: `` `750` is outside the declared range 300..700 ``.
pub fn entries(hole: &Hole, schema: &Schema, value: &FactValue) -> Result<Vec<i128>, String> {
    match &hole.shape {
        Shape::Value { kind, domain } | Shape::Table { kind, domain, .. } => {
            Ok(vec![counted(schema, *kind, domain, value)?])
        }
        Shape::Set(of) => {
            let def = &schema.enums[*of as usize];
            let FactValue::Set(names) = value else {
                return Err(format!("`{value}` is not a set of `{}`: write `{{A, B}}`", def.name));
            };
            let is_value = |name: &&String| def.values.iter().any(|value| value.name == **name);
            if let Some(unknown) = names.iter().find(|name| !is_value(name)) {
                return Err(format!("`{unknown}` is not a value of `{}`", def.name));
            }
            Ok(def.values.iter().map(|value| names.contains(&value.name) as i128).collect())
        }
    }
}

/// A value as the integer that its kind counts.
fn counted(schema: &Schema, kind: Kind, domain: &Domain, value: &FactValue) -> Result<i128, String> {
    let wrong = |expected: &str| format!("`{value}` is not {expected}");
    let exact = |number: &Written, decimals: u8| {
        let most = if decimals == 1 { "decimal" } else { "decimals" };
        number
            .at_scale(decimals)
            .ok_or_else(|| format!("`{value}` is too large, or has more than {decimals} {most}"))
    };
    let integer = match (kind, value) {
        (Kind::Int, FactValue::Number(number)) => exact(number, 0)?,
        (Kind::Int, _) => return Err(wrong("a whole number, such as `700`")),
        (Kind::Decimal(decimals), FactValue::Number(number)) => exact(number, decimals)?,
        (Kind::Decimal(_), _) => return Err(wrong("a number, such as `0.35`")),
        (Kind::Percent(decimals), FactValue::Percent(number)) => exact(number, decimals)?,
        (Kind::Percent(_), _) => return Err(wrong("a percentage, such as `43%`")),
        (Kind::Money, FactValue::Amount(number, code)) => {
            let currency = schema.currency.as_ref().map_or("", |currency| &currency.code);
            if code != currency {
                return Err(format!("`{value}` is not in {currency}, the currency of the policy"));
            }
            exact(number, schema.decimals(kind))?
        }
        (Kind::Money, _) => {
            let code = schema.currency.as_ref().map_or("USD", |currency| &currency.code);
            return Err(wrong(&format!("an amount, such as `75000 {code}`")));
        }
        (Kind::Days, FactValue::Days(days)) => *days,
        (Kind::Days, _) => return Err(wrong("a number of days, such as `30 days`")),
        (Kind::Date, FactValue::Date(day)) => (*day).into(),
        (Kind::Date, _) => return Err(wrong("a date, such as `2025-01-31`")),
        (Kind::Bool, FactValue::Name(name)) if name == "true" || name == "false" => (name == "true") as i128,
        (Kind::Bool, _) => return Err(wrong("`true` or `false`")),
        (Kind::Enum(of), value) => {
            let def = &schema.enums[of as usize];
            let FactValue::Name(name) = value else {
                return Err(wrong(&format!("a value of `{}`", def.name)));
            };
            let at = def.values.iter().position(|value| value.name == *name);
            at.ok_or_else(|| wrong(&format!("a value of `{}`", def.name)))? as i128
        }
    };
    if domain.contains(integer) {
        return Ok(integer);
    }
    let shown = |x: i128| Shown::new(schema, kind, x).to_string();
    let range = match &domain.set {
        Some(set) if set.len() <= 8 => set.iter().map(|x| shown(*x)).collect::<Vec<_>>().join(", "),
        _ => format!("{}..{}", shown(domain.range.lo), shown(domain.range.hi)),
    };
    Err(format!("`{value}` is outside the declared range {range}"))
}
