//! Does a whole program satisfy what engines and files rely on? Checks the schema, the versions and every function.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Deref;

use super::{Program, Shape, TableKey, Version, entries};
use crate::func::{End, Func};
use crate::interval::Interval;
use crate::schema::{DIGITS_MAX, Domain, Field, Kind, Schema};
use crate::verify::{self, Verified};

/// A program whose schema, versions and functions have been checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedProgram(Program<Verified>);

/// Where something is wrong in a program, and what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvalidProgram {
    /// Where, in words: `version 2, decide, v7`.
    pub place: String,
    /// What, in lower case and without a full stop.
    pub message: String,
}

impl VerifiedProgram {
    /// The program, to be changed; what was proved is forgotten.
    pub fn into_inner(self) -> Program {
        let Program { name, schema, rules, requires, holes, versions } = self.0;
        let versions = versions.into_iter().map(|version| version.map(Verified::into_inner)).collect();
        Program { name, schema, rules, requires, holes, versions }
    }
}

impl Deref for VerifiedProgram {
    type Target = Program<Verified>;

    fn deref(&self) -> &Program<Verified> {
        &self.0
    }
}

impl fmt::Display for InvalidProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for InvalidProgram {}

type Checked<T> = Result<T, InvalidProgram>;

/// Checks a program: that its schema is sane, that its versions are in force one after another on every day
/// that the effective field can have, that all indices exist, and every claim of every function.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(program: Program) -> Checked<VerifiedProgram> {
    #[cfg(any(test, feature = "testing"))]
    crate::testing::count_verification();
    check_schema(&program.schema)?;
    check_holes(&program)?;
    check_time_line(&program)?;
    for (i, version) in program.versions.iter().enumerate() {
        check_version(&program, version)
            .map_err(|error| error.inside(&format!("version {}", number(&program, i))))?;
    }
    let Program { name, schema, rules, requires, holes, versions } = program;
    let versions = versions.into_iter().map(verify_functions).collect::<Checked<_>>()?;
    Ok(VerifiedProgram(Program { name, schema, rules, requires, holes, versions }))
}

fn number(program: &Program, index: usize) -> u32 {
    program.versions[index].number
}

fn verify_functions(version: Version) -> Checked<Version<Verified>> {
    let inside = |function: &str| format!("version {}, {function}", version.number);
    let places = [inside("admit"), inside("decide")];
    let verify_in = |place: &str, func: Func| {
        let outer = |error: verify::Invalid| InvalidProgram {
            place: format!("{place}, {}", error.place),
            message: error.message,
        };
        verify::verify(func).map_err(outer)
    };
    let admit = verify_in(&places[0], version.admit)?;
    let decide = verify_in(&places[1], version.decide)?;
    let Version { number, from, until, cite, requires, .. } = version;
    Ok(Version { number, from, until, cite, requires, admit, decide })
}

impl<F> Version<F> {
    fn map<G>(self, f: impl Fn(F) -> G) -> Version<G> {
        let Version { number, from, until, cite, requires, admit, decide } = self;
        Version { number, from, until, cite, requires, admit: f(admit), decide: f(decide) }
    }
}

impl InvalidProgram {
    fn inside(self, outer: &str) -> InvalidProgram {
        InvalidProgram { place: format!("{outer}, {}", self.place), message: self.message }
    }
}

/// Refuses unless `holds`.
fn ensure(holds: bool, place: impl fmt::Display, message: impl fmt::Display) -> Checked<()> {
    if holds {
        Ok(())
    } else {
        Err(InvalidProgram { place: place.to_string(), message: message.to_string() })
    }
}

fn check_schema(schema: &Schema) -> Checked<()> {
    let digits = schema.currency.as_ref().map_or(0, |currency| currency.digits);
    ensure(digits <= DIGITS_MAX, "the currency", format!("it has {digits} decimals"))?;
    check_unique("the enums", schema.enums.iter().map(|def| def.name.as_str()))?;
    for def in &schema.enums {
        let place = format!("enum `{}`", def.name);
        ensure(!def.values.is_empty(), &place, "it has no values")?;
        check_unique(&place, def.values.iter().map(|value| value.name.as_str()))?;
    }
    for (fields, what) in [(&schema.inputs, "input"), (&schema.outputs, "output")] {
        check_unique(what, fields.iter().map(|field| field.name.as_str()))?;
        fields
            .iter()
            .try_for_each(|field| check_field(schema, field, &format!("{what} `{}`", field.name)))?;
    }
    for field in &schema.outputs {
        ensure(!field.optional, format!("output `{}`", field.name), "an output is never missing")?;
    }
    let effective = schema.effective.map(|index| schema.inputs.get(index as usize));
    let sane =
        effective.is_none_or(|field| field.is_some_and(|field| field.kind == Kind::Date && !field.optional));
    ensure(sane, "the effective field", "it is not an input date that is always present")
}

fn check_unique<'a>(place: &str, names: impl Iterator<Item = &'a str>) -> Checked<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        ensure(seen.insert(name), place, format!("the name `{name}` stands twice"))?;
    }
    Ok(())
}

fn check_field(schema: &Schema, field: &Field, place: &str) -> Checked<()> {
    let Domain { range, set } = &field.domain;
    ensure(range.lo <= range.hi, place, format!("the range {range} is empty"))?;
    let bounds = schema.bounds(field.kind);
    let fits = bounds.is_some_and(|bounds| bounds.contains_all(*range));
    ensure(fits, place, format!("the range {range} does not fit the kind {:?}", field.kind))?;
    let Some(set) = set else { return Ok(()) };
    let ascending = set.is_sorted_by(|a, b| a < b);
    let spans = set.first() == Some(&range.lo) && set.last() == Some(&range.hi);
    ensure(
        ascending && spans,
        place,
        format!("the listed values do not ascend from {} to {}", range.lo, range.hi),
    )
}

fn check_holes(program: &Program) -> Checked<()> {
    check_unique("the holes", program.holes.iter().map(|hole| hole.name.as_str()))?;
    for hole in &program.holes {
        let place = format!("hole `{}`", hole.name);
        match &hole.shape {
            Shape::Value { kind, domain } => {
                let (name, domain) = (hole.name.clone(), domain.clone());
                let field = Field { name, kind: *kind, domain, optional: false };
                check_field(&program.schema, &field, &place)?;
            }
            Shape::Set(of) => {
                let known = (*of as usize) < program.schema.enums.len();
                ensure(known, place, format!("there is no enum {of}"))?;
            }
            Shape::Table { keys, kind, domain } => {
                let fields = std::iter::once((&hole.name, kind, domain));
                let fields = fields.chain(keys.iter().map(|key| (&key.name, &key.kind, &key.domain)));
                for (name, kind, domain) in fields {
                    let field =
                        Field { name: name.clone(), kind: *kind, domain: domain.clone(), optional: false };
                    check_field(&program.schema, &field, &place)?;
                }
                let known = |key: &TableKey| matches!(key.kind, Kind::Bool | Kind::Int | Kind::Enum(_));
                ensure(
                    keys.iter().all(known),
                    &place,
                    "a key is no Boolean, whole number or value of an enum",
                )?;
                check_unique(&place, keys.iter().map(|key| key.name.as_str()))?;
                ensure(
                    !keys.is_empty() && entries(keys).is_some(),
                    &place,
                    "it has no keys, or too many entries",
                )?;
            }
        }
    }
    Ok(())
}

/// The tables that a function leaves open are the holes of the program.
fn check_open(program: &Program, func: &Func) -> Checked<()> {
    for (table, entries) in func.tables.iter() {
        let Some(open) = entries.open() else { continue };
        let declared = program.holes.get(open.hole as usize);
        let declared = declared.and_then(|hole| hole.open(open.hole, &program.schema));
        ensure(declared == Some(open), table, format!("it is not hole {} as declared", open.hole))?;
    }
    Ok(())
}

fn check_time_line(program: &Program) -> Checked<()> {
    let versions = &program.versions;
    let (Some(first), Some(last)) = (versions.first(), versions.last()) else {
        return ensure(false, "the versions", "there is none");
    };
    let numbers: BTreeSet<u32> = versions.iter().map(|version| version.number).collect();
    ensure(numbers.len() == versions.len(), "the versions", "two have the same number")?;
    for version in versions {
        let forwards = version.from < version.until;
        ensure(forwards, format!("version {}", version.number), "it ends before it begins")?;
    }
    for pair in versions.windows(2) {
        let follows = pair[0].until == pair[1].from;
        ensure(
            follows,
            format!("version {}", pair[1].number),
            "it does not begin where the one before it ends",
        )?;
    }
    let days = program.schema.effective.map(|index| program.schema.inputs[index as usize].domain.range);
    let Some(days) = days else {
        return ensure(versions.len() == 1, "the versions", "several need a date that chooses between them");
    };
    let covered = Interval { lo: first.from as i128, hi: last.until as i128 - 1 };
    let all = covered.contains_all(days);
    ensure(all, "the versions", format!("days {covered} are covered, the effective field has {days}"))
}

fn check_version(program: &Program, version: &Version) -> Checked<()> {
    let fields = program.schema.field_ranges();
    for (name, func) in [("admit", &version.admit), ("decide", &version.decide)] {
        ensure(func.fields == fields, name, "its fields are not those of the schema")?;
        check_open(program, func).map_err(|error| error.inside(name))?;
    }
    let known = version.requires.iter().all(|index| (*index as usize) < program.requires.len());
    ensure(known, "requires", "it names a condition that there is not")?;
    let outputs: Vec<Interval> = program.schema.outputs.iter().map(|field| field.domain.range).collect();
    ensure(version.decide.results == outputs, "decide", "its results are not the outputs of the schema")?;
    for (block, data) in version.decide.blocks.iter() {
        if let End::Decide { rule, .. } = &data.end {
            let known = (*rule as usize) < program.rules.len();
            ensure(known, format!("decide, {block}"), format!("there is no rule {rule}"))?;
        }
    }
    check_admit(version)
}

/// Admission is one block that says of every condition whether it holds.
fn check_admit(version: &Version) -> Checked<()> {
    let (admit, count) = (&version.admit, version.requires.len());
    let truths = admit.results.len() == count && admit.results.iter().all(|range| *range == Interval::BOOL);
    ensure(truths, "admit", format!("its results are not {count} truth values"))?;
    let mut ends = admit.blocks.values().map(|data| &data.end);
    let (Some(End::Decide { rule: 0, outputs }), None) = (ends.next(), ends.next()) else {
        return ensure(false, "admit", "it is not one block that decides by rule 0");
    };
    let of_type = outputs.iter().all(|value| admit.values.get(*value).is_some_and(|data| data.ty.is_bool()));
    ensure(of_type, "admit", "an output is no truth value")
}
