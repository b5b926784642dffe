//! Do all witnesses agree about a policy whose values come from a snapshot? Parameters of a generated policy are left to
//! one, and a set is added to it; the facts are drawn too, with periods that begin on any day.
//!
//! Beside the witnesses, two things are checked that binding promises: every certificate stays what it was, and rows of
//! several periods are decided as the rows of each period are by themselves. And the edits between the two policies lead
//! there and back.

use arbitrary::Unstructured;
use opus_frontend::Compiled;
use opus_govern::diff::diff;
use opus_govern::structure::{Dates, Element, FROM_SNAPSHOT, Key, Part, Sequence, Structure};
use opus_govern::witnesses::{Outcome, Witness, Witnesses};
use opus_ir::{Domain, Hole, Interval, Schema, Shape, date, program};
use opus_runtime::Snapshot;
use opus_runtime::snapshot::{Fact, bind, keys as keys_of, said};

use crate::rows::{self, Corners, Row};
use crate::{generated, policy, seeds};

/// The most rows that are decided.
const ROWS_MAX: usize = 24;
/// How many periods are decided by themselves.
const PARTS_MAX: usize = 3;
/// The name of the set that is added.
const SET: &str = "risky";
/// The name of the table.
const TABLE: &str = "table_from_snapshot";
/// A key that lists its values.
const LISTED: &str = "n : int in {1, 2, 5}";
/// Conditions that prove that a number from 0 to 6 is one of them.
const GUARDS: [&str; 4] = [
    "{} in {1, 2, 5}",
    "({} == 5 or {} == 1)",
    "not ({} < 1 or {} in 3..4 or {} > 5)",
    "(if {} > 2 then {} == 5 else {} != 0)",
];

/// Checks a policy, facts and rows from random bytes.
///
/// # Errors
/// If the witnesses differ, or binding breaks a promise.
pub fn check(data: &[u8]) -> Result<(), String> {
    compared(&mut Unstructured::new(data)).map(|_| ())
}

/// The same for a seed; answers how many rows were compared, `None` if no policy came of it.
///
/// # Errors
/// As [`check`].
pub fn seeded(seed: u64) -> Result<Option<usize>, String> {
    compared(&mut Unstructured::new(&seeds::bytes(seed, 2 * policy::BYTES)))
}

fn compared(u: &mut Unstructured) -> Result<Option<usize>, String> {
    let Ok(whole) = generated::compiled(u) else { return Ok(None) };
    let Some(source) = opened(&whole.source, u) else { return Ok(None) };
    leads_there_and_back(&whole.source, &source)?;
    let Ok(compiled) = generated::without_dead_rules(source) else { return Ok(None) };
    if compiled.program.holes.is_empty() {
        return Ok(None);
    }
    let snapshot = drawn(&compiled, u);
    let rows = rows::rows(u, &compiled.program.schema, &Corners::of(&compiled.policy), ROWS_MAX);
    let told = |wrong: String| format!("{wrong}\n{:#?}\n{}", snapshot.facts(), compiled.source);
    let witnesses = Witnesses::bound(&compiled, &snapshot, &[]).map_err(told)?;
    if let Some(disagreement) = witnesses.disagreement(&rows) {
        return Err(told(disagreement.to_string()));
    }
    let mixed = witnesses.decide(Witness::VmColumns, &rows);
    by_parts(&compiled, &snapshot, &rows, &mixed).map_err(told)?;
    Ok(Some(rows.len()))
}

/// The policy with some of its parameters left to a snapshot, and a set and a table that some of its rules ask about.
fn opened(source: &str, u: &mut Unstructured) -> Option<String> {
    let mut structure = Structure::of_source(source).ok()?;
    let keys: Vec<Key> = structure.elements.keys().cloned().collect();
    let mut is_open = false;
    for key in &keys {
        if let Key::Param(name) = key
            && u.ratio(2, 3).unwrap_or(true)
        {
            structure.elements.retain(|key, _| !matches!(key, Key::ParamValue(of, _) if of == name));
            let value = Key::ParamValue(name.clone(), Dates::default());
            let element = Element::from([(Part::Value, FROM_SNAPSHOT.to_owned())]);
            structure.elements.insert(value.clone(), element);
            structure.sequences.insert(Sequence::ParamValues(name.clone()), vec![value]);
            is_open = true;
        }
    }
    let enums: Vec<&String> =
        keys.iter().filter_map(|key| if let Key::Enum(name) = key { Some(name) } else { None }).collect();
    let fields: Vec<(&String, &String)> = keys
        .iter()
        .filter_map(|key| match key {
            Key::Input(name) => {
                let element = &structure.elements[key];
                let of = enums.iter().find(|of| element.get(&Part::Type) == Some(**of))?;
                (!element.contains_key(&Part::Optional)).then_some((name, *of))
            }
            _ => None,
        })
        .collect();
    if let Ok((field, of)) = u.choose(&fields) {
        let rules: Vec<Key> = keys
            .iter()
            .filter(|key| {
                matches!(key, Key::Rule(..)) && structure.elements[*key][&Part::Condition] != "true"
            })
            .cloned()
            .collect();
        let set = Key::Set(SET.to_owned());
        structure.elements.insert(set.clone(), Element::from([(Part::Type, (*of).clone())]));
        structure.sequences.entry(Sequence::Items).or_default().push(set);
        for rule in rules.iter().take(2) {
            let condition =
                structure.elements.get_mut(rule).and_then(|rule| rule.get_mut(&Part::Condition))?;
            let asks = if u.ratio(1, 2).unwrap_or(true) { "or" } else { "and not" };
            *condition = format!("({condition}) {asks} {field} in {SET}");
            is_open = true;
        }
        let table = Key::Table(TABLE.to_owned());
        let (keys, number) =
            *u.choose(&[(LISTED, "5"), ("n : int in -1..2", "-1"), ("n : bool", "true")]).ok()?;
        let element = [
            (Part::Keys, format!("k : {of}, {keys}")),
            (Part::Type, "percent".to_owned()),
            (Part::Range, "-5%..30%".to_owned()),
            (Part::Value, FROM_SNAPSHOT.to_owned()),
        ];
        structure.elements.insert(table.clone(), Element::from(element));
        structure.sequences.entry(Sequence::Items).or_default().push(table);
        let numbers: Vec<String> = inputs_of_type(&structure, "int");
        for rule in rules.iter().skip(1).take(2) {
            let asks = if u.ratio(1, 2).unwrap_or(true) { "or" } else { "and" };
            let mut entry = format!("{TABLE}({field}, {number}) > 3%");
            if keys == LISTED
                && let Ok(input) = u.choose(&numbers)
            {
                // a condition proves that the value is listed
                let guard = u.choose(&GUARDS).ok()?.replace("{}", &format!("{input} mod 7"));
                entry = format!("({guard} and {TABLE}({field}, {input} mod 7) > 3%)");
            }
            let condition =
                structure.elements.get_mut(rule).and_then(|rule| rule.get_mut(&Part::Condition))?;
            *condition = format!("({condition}) {asks} {entry}");
            is_open = true;
        }
    }
    is_open.then(|| structure.to_source())
}

/// The inputs of a type that are never missing.
fn inputs_of_type(structure: &Structure, ty: &str) -> Vec<String> {
    let inputs = structure.elements.iter().filter_map(|(key, element)| match key {
        Key::Input(name) => Some((name, element)),
        _ => None,
    });
    let is_one = |element: &Element| {
        element.get(&Part::Type).is_some_and(|found| found == ty) && !element.contains_key(&Part::Optional)
    };
    inputs.filter(|(_, element)| is_one(element)).map(|(name, _)| name.clone()).collect()
}

/// The edits from one source to the other lead there and back.
fn leads_there_and_back(a: &str, b: &str) -> Result<(), String> {
    let structure = |source: &str| {
        Structure::of_source(source).map_err(|diagnostics| format!("{diagnostics:?}\n{source}"))
    };
    let (a, b) = (structure(a)?, structure(b)?);
    let script = diff(&a, &b);
    let there = script.apply(&a).map_err(|error| error.to_string())?;
    let back = script.inverted().apply(&b).map_err(|error| error.to_string())?;
    if there.hash() != b.hash() || back.hash() != a.hash() {
        return Err(format!("the edits lead elsewhere\n{}", b.to_source()));
    }
    Ok(())
}

/// Facts for every hole of a policy, from the first day of its effective date on.
fn drawn(compiled: &Compiled, u: &mut Unstructured) -> Snapshot {
    let program = &compiled.program;
    let effective = program.schema.effective.map(|index| program.schema.inputs[index as usize].domain.range);
    let days = effective.unwrap_or(Interval::point(0));
    let mut facts = Vec::new();
    for hole in &program.holes {
        let most = if u.ratio(1, 8).unwrap_or(false) { 130 } else { 4 };
        let changes = effective.map_or(0, |_| u.int_in_range(0..=most).unwrap_or(0));
        let mut starts = vec![date::DAY_MIN as i32];
        starts.extend((0..changes).map(|_| u.int_in_range(days.lo..=days.hi).unwrap_or(days.lo) as i32));
        starts.sort_unstable();
        starts.dedup();
        for (index, valid_from) in starts.into_iter().enumerate() {
            for (key, value) in said(hole, &program.schema, &entries(hole, &program.schema, u)) {
                // not every entry of a table changes on the same days
                if index == 0 || u.ratio(1, 2).unwrap_or(true) {
                    facts.push(Fact { key, valid_from, value: Some(value), cite: None, notes: vec![] });
                }
            }
        }
    }
    Snapshot::new(facts).expect("each hole has one fact for each day")
}

fn entries(hole: &Hole, schema: &Schema, u: &mut Unstructured) -> Vec<i128> {
    match &hole.shape {
        Shape::Value { domain, .. } => vec![entry(domain, u)],
        Shape::Table { domain, .. } => hole.cells().iter().map(|_| entry(domain, u)).collect(),
        Shape::Set(of) => {
            let values = schema.enums[*of as usize].values.len();
            (0..values).map(|_| u.ratio(1, 2).unwrap_or(false) as i128).collect()
        }
    }
}

fn entry(domain: &Domain, u: &mut Unstructured) -> i128 {
    match &domain.set {
        Some(listed) => *u.choose(listed).unwrap_or(&listed[0]),
        None => match u.int_in_range(0..=4u8).unwrap_or(0) {
            0 => domain.range.lo,
            1 => domain.range.hi,
            _ => u.int_in_range(domain.range.lo..=domain.range.hi).unwrap_or(domain.range.lo),
        },
    }
}

/// Decides rows with the facts of their own day alone.
fn by_parts(compiled: &Compiled, whole: &Snapshot, rows: &[Row], mixed: &[Outcome]) -> Result<(), String> {
    let Some(effective) = compiled.program.schema.effective else { return Ok(()) };
    let days: Vec<i32> = rows
        .iter()
        .filter_map(|row| row[effective as usize])
        .filter_map(|day| i32::try_from(day).ok())
        .collect();
    let mut parts: Vec<Snapshot> = Vec::new();
    for day in days {
        let always = |fact: &Fact| Fact { valid_from: date::DAY_MIN as i32, ..fact.clone() };
        let part =
            Snapshot::new(whole.as_of(day).map(always).collect()).map_err(|error| error.to_string())?;
        if compiled
            .program
            .holes
            .iter()
            .any(|hole| keys_of(hole, &compiled.program.schema).iter().any(|key| part.of(key).is_empty()))
            || parts.len() == PARTS_MAX
            || parts.contains(&part)
        {
            continue;
        }
        same_certificates(compiled, &part)?;
        let witnesses = Witnesses::bound(compiled, &part, &[])?;
        let is_inside = |row: &Row| {
            let day = row[effective as usize].and_then(|day| i32::try_from(day).ok());
            day.is_some_and(|day| whole.as_of(day).map(always).eq(part.facts().iter().cloned()))
        };
        let alone = witnesses.decide(Witness::VmColumns, rows);
        for (index, row) in rows.iter().enumerate().filter(|(_, row)| is_inside(row)) {
            if alone[index] != mixed[index] {
                return Err(format!(
                    "row {row:?}: {:?} alone, {:?} among others",
                    alone[index], mixed[index]
                ));
            }
        }
        parts.push(part);
    }
    Ok(())
}

/// With the same facts on all days, nothing is added to a function, and its certificate stays.
fn same_certificates(compiled: &Compiled, snapshot: &Snapshot) -> Result<(), String> {
    let open = program::verify(compiled.program.clone()).map_err(|error| error.to_string())?;
    let bound = bind(&open, snapshot).map_err(|error| error.to_string())?;
    let bound = program::verify(bound).map_err(|error| format!("binding lost a proof: {error}"))?;
    for (open, bound) in open.versions.iter().zip(&bound.versions) {
        let certificates = [&open.admit, &open.decide].map(|func| func.certificate());
        if certificates != [&bound.admit, &bound.decide].map(|func| func.certificate()) {
            return Err(format!("binding changes a certificate of version {}", open.number));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_generated_policies_take_facts() {
        let compared: Vec<usize> = (0..40)
            .filter_map(|seed| seeded(seed).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}")))
            .collect();
        assert!(compared.len() >= 12, "{compared:?}");
    }
}
