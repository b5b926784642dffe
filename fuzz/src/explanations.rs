//! Are explanations right? The nearest value that changes a decision is compared with a search of all values, and extents with
//! the values that they should hold.
//!
//! The search of all values runs on the engine for columns, which shares nothing with the evaluator of extents. It covers
//! the whole range of a field of up to [`ALL_MAX`] values; of a wider one, as many values around the row's own and around the
//! answer.

use arbitrary::Unstructured;
use opus_frontend::hir::Policy;
use opus_frontend::reference::{self, Evaluator};
use opus_frontend::stretch::Stretch;
use opus_frontend::{Compiled, compile, display};
use opus_govern::explain::search::{Near, Row as Searched, Side};
use opus_govern::explain::{Want, explain};
use opus_govern::source;
use opus_govern::structure::{Key, Part, Structure};
use opus_govern::witnesses::{Outcome, Witness, Witnesses};
use opus_ir::{Interval, Kind};

use crate::generated;
use crate::rows::{self, Corners, Row};

/// Values that are executed on one side of a row's own, and before an answer that is farther away.
pub const ALL_MAX: i128 = 10_000;
/// The rows of a policy.
const ROWS_MAX: usize = 24;
/// The work that a search may take, so that a target takes about a second.
const WORK_MAX: usize = 50_000;
/// Searches for each policy in a target; a campaign makes more, as compiling takes most of the time.
const SEARCHES: usize = 3;
/// Stretches for each policy.
const STRETCHES: usize = 6;

/// Checks a policy and rows generated from random bytes.
///
/// # Errors
/// Where an explanation is wrong.
pub fn check(data: &[u8]) -> Result<(), String> {
    compared(data, SEARCHES).map(drop)
}

/// Checks a policy and rows generated from random bytes. Returns how many of the given number of searches were compared with a
/// search of all values: a row that already has the wanted result needs none. `None` if the policy does not compile.
///
/// # Errors
/// Where an explanation is wrong.
pub fn compared(data: &[u8], searches: usize) -> Result<Option<usize>, String> {
    let mut u = Unstructured::new(data);
    let Ok(compiled) = generated::compiled(&mut u) else { return Ok(None) };
    let compiled = marked(&compiled)?;
    let corners = Corners::of(&compiled.policy);
    let rows = rows::rows(&mut u, &compiled.program.schema, &corners, ROWS_MAX);
    checked(&mut u, &compiled, &rows, searches)
        .map_err(|wrong| format!("{wrong}\n{}", compiled.source))
        .map(Some)
}

/// The policy with everything `actionable` that can be, and the first value of each enum adverse. That changes no meaning.
fn marked(compiled: &Compiled) -> Result<Compiled, String> {
    let mut plain =
        Structure::of_source(&compiled.source).map_err(|_| "a source that compiles can be read")?;
    for element in plain.elements.values_mut() {
        element.retain(|part, _| !matches!(part, Part::Actionable | Part::Adverse(_)));
    }
    let mut structure = plain.clone();
    let schema = &compiled.policy.schema;
    for (index, field) in schema.inputs.iter().enumerate() {
        let is_ordered = !matches!(field.kind, Kind::Bool | Kind::Enum(_));
        let text = match index % 3 {
            1 if is_ordered => "actionable up",
            2 if is_ordered => "actionable down",
            _ => "actionable",
        };
        if schema.effective != Some(index as u32)
            && let Some(element) = structure.elements.get_mut(&Key::Input(field.name.clone()))
        {
            element.insert(Part::Actionable, text.to_owned());
        }
    }
    let adverse = schema.outputs.iter().find_map(|output| match output.kind {
        Kind::Enum(of) => Some((Key::Output(output.name.clone()), &schema.enums[of as usize].values[0].name)),
        _ => None,
    });
    if let Some((key, value)) = adverse
        && let Some(element) = structure.elements.get_mut(&key)
    {
        element.insert(Part::Adverse(value.clone()), "adverse".to_owned());
    }
    let compiled = |structure: &Structure| {
        let source = structure.to_source();
        compile(&source)
            .0
            .ok_or_else(|| format!("what was written for a structure does not compile:\n{source}"))
    };
    let (before, after) = (compiled(&plain)?, compiled(&structure)?);
    let again = Structure::of_source(&after.source).map_err(|_| "a source that compiles can be read")?;
    if again.hash() != structure.hash() {
        return Err(format!("the structure changes when it is written and read:\n{}", after.source));
    }
    let meaning = |compiled: &Compiled| {
        source::artifact(compiled).map(|artifact| artifact.meaning_hash()).map_err(|error| error.to_string())
    };
    if meaning(&before)? != meaning(&after)? {
        return Err(format!("`actionable` or `adverse` changes the meaning:\n{}", after.source));
    }
    Ok(after)
}

/// Checks explanations of these rows, and says how many searches were compared.
fn checked(
    u: &mut Unstructured,
    compiled: &Compiled,
    rows: &[Row],
    searches: usize,
) -> Result<usize, String> {
    let policy = &compiled.policy;
    let witnesses = Witnesses::new(compiled, &[])?;
    let outcomes = witnesses.decide(Witness::VmColumns, rows);
    let decided: Vec<(&Row, &[i128])> = rows
        .iter()
        .zip(&outcomes)
        .filter_map(|(row, outcome)| Some((row, outcome.as_ref().ok()?.outputs.as_slice())))
        .collect();
    if decided.is_empty() {
        return Ok(0);
    }
    let row = decided[index(u, decided.len())].0;
    let explanation = explain(policy, &compiled.source, row, None, None)
        .map_err(|_| "a row that was decided is refused")?;
    let printed = [explanation.to_text(), explanation.to_markdown()];
    if printed.iter().any(String::is_empty) {
        return Err("an explanation is empty".to_owned());
    }
    for _ in 0..STRETCHES {
        let (row, other) = (decided[index(u, decided.len())].0, &rows[index(u, rows.len())]);
        extents_hold(u, policy, row, other)?;
    }
    let mut compared = 0;
    for _ in 0..searches {
        let (row, own) = decided[index(u, decided.len())];
        let like = decided[index(u, decided.len())].1;
        let want = want(u, policy, like)?;
        if let Some(field) = field(u, policy, row)
            && !want.holds(own)
        {
            searches_agree(&witnesses, policy, row, field, &want)?;
            compared += 1;
        }
    }
    Ok(compared)
}

fn index(u: &mut Unstructured, count: usize) -> usize {
    u.choose_index(count).unwrap_or(0)
}

/// An input that the row has and that does not select the version.
fn field(u: &mut Unstructured, policy: &Policy, row: &Row) -> Option<u32> {
    let fields: Vec<u32> = (0..row.len() as u32)
        .filter(|field| row[*field as usize].is_some() && policy.schema.effective != Some(*field))
        .collect();
    (!fields.is_empty()).then(|| fields[index(u, fields.len())])
}

/// A result that is not adverse, or one that is in some way like these outputs.
fn want(u: &mut Unstructured, policy: &Policy, outputs: &[i128]) -> Result<Want, String> {
    if let Some(adverse) = policy.adverse.clone().filter(|_| index(u, 4) == 0) {
        return Ok(Want::not_adverse(adverse));
    }
    let at = index(u, outputs.len());
    let output = &policy.schema.outputs[at];
    let signs: &[&str] = match output.kind {
        Kind::Bool | Kind::Enum(_) => &["=", "=="],
        _ => &["=", ">=", "<="],
    };
    let sign = signs[index(u, signs.len())];
    let text =
        format!("{} {sign} {}", output.name, display::whole_text(&policy.schema, output.kind, outputs[at]));
    let want = Want::parse(&text, &policy.schema).map_err(|error| format!("`{text}`: {error}"))?;
    if want.holds(outputs) { Ok(want) } else { Err(format!("`{text}` does not hold for its own value")) }
}

/// Extents of all expressions hold their values at some points of the stretch between the fields of two rows.
fn extents_hold(u: &mut Unstructured, policy: &Policy, row: &Row, other: &Row) -> Result<(), String> {
    let Some(field) = field(u, policy, row) else { return Ok(()) };
    let at = field as usize;
    let range = policy.schema.inputs[at].domain.range;
    let own = row[at].expect("it is present");
    let end = other[at].unwrap_or(range.hi).clamp(range.lo, range.hi);
    let values = Interval::new(own.min(end), own.max(end));
    let version = reference::version_for(policy, row);
    let between = u.int_in_range(values.lo..=values.hi).unwrap_or(own);
    for point in [values.lo, values.hi, between] {
        let mut given = row.clone();
        given[at] = Some(point);
        let mut stretch = Stretch::new(policy, version, row, field, values);
        let mut evaluator = Evaluator::new(policy, version, &given);
        for expr in policy.versions[version].exprs.keys() {
            let extent = stretch.extent(expr);
            if let Ok(value) = evaluator.value(expr)
                && !extent.holds(&value)
            {
                let name = &policy.schema.inputs[at].name;
                return Err(format!(
                    "{expr} is {value:?} with {name} = {point}, which is not in {extent:?} for {values}\n{row:?}"
                ));
            }
        }
    }
    Ok(())
}

/// The nearest values that a search finds are those that a search of all values finds.
fn searches_agree(
    witnesses: &Witnesses,
    policy: &Policy,
    row: &Row,
    field: u32,
    want: &Want,
) -> Result<(), String> {
    let mut searched = Searched::new(policy, row, field, want);
    let does = |values: &[i128]| -> Vec<bool> {
        let rows: Vec<Row> = values.iter().map(|value| searched_row(row, field, *value)).collect();
        let wanted = |outcome: &Outcome| outcome.as_ref().is_ok_and(|verdict| want.holds(&verdict.outputs));
        witnesses.decide(Witness::VmColumns, &rows).iter().map(wanted).collect()
    };
    let of = &policy.schema.inputs[field as usize];
    let wrong = |what: String| format!("{} of {row:?}, {want:?}: {what}", of.name);
    if matches!(of.kind, Kind::Bool | Kind::Enum(_)) {
        let all: Vec<i128> = values(policy, field, row[field as usize], None, ALL_MAX);
        let expected: Vec<i128> =
            all.iter().zip(does(&all)).filter_map(|(value, does)| does.then_some(*value)).collect();
        let found = searched.others();
        return if found == expected { Ok(()) } else { Err(wrong(format!("{found:?} is not {expected:?}"))) };
    }
    for side in [Side::Below, Side::Above] {
        let found = searched.nearest(side, WORK_MAX);
        let near = values(policy, field, row[field as usize], Some(side), ALL_MAX);
        let first = near.iter().zip(does(&near)).find_map(|(value, does)| does.then_some(*value));
        let beside = |value: i128| {
            let at = near.iter().position(|near| *near == value).unwrap_or(0);
            if at == 0 { row[field as usize] } else { Some(near[at - 1]) }
        };
        let agrees = match (found, first) {
            (Near::Found { value, beside: next }, Some(first)) => {
                value == first && Some(next) == beside(value)
            }
            (Near::Nowhere, None) => true,
            (Near::NotAmong(count), Some(first)) => {
                near.iter().position(|near| *near == first).is_some_and(|at| at as i128 >= count)
            }
            (Near::NotAmong(_), None) => true,
            (Near::Nowhere, Some(_)) => false,
            // farther away than what was executed: then so many values before it, and itself
            (Near::Found { value, beside }, None) => {
                let own = row[field as usize].expect("it is present");
                let distance = (value - own).abs();
                let step = (value - own).signum();
                let before: Vec<i128> =
                    (1..=ALL_MAX.min(distance - 1)).map(|back| value - step * back).collect();
                distance > ALL_MAX
                    && beside == value - step
                    && does(&[value]) == [true]
                    && !does(&before).contains(&true)
            }
        };
        if !agrees {
            return Err(wrong(format!("{side:?} {found:?} is not {first:?}")));
        }
    }
    Ok(())
}

fn searched_row(row: &Row, field: u32, value: i128) -> Row {
    let mut row = row.clone();
    row[field as usize] = Some(value);
    row
}

/// The values of a field on one side of its own, from near to far, at most so many; all others without a side.
fn values(policy: &Policy, field: u32, own: Option<i128>, side: Option<Side>, most: i128) -> Vec<i128> {
    let own = own.expect("it is present");
    let domain = &policy.schema.inputs[field as usize].domain;
    let Interval { lo, hi } = domain.range;
    let listed = |wanted: &dyn Fn(i128) -> bool| {
        domain.set.as_ref().map(|set| set.iter().copied().filter(|value| wanted(*value)).collect::<Vec<_>>())
    };
    match side {
        None => {
            listed(&|value| value != own).unwrap_or_else(|| (lo..=hi).filter(|value| *value != own).collect())
        }
        Some(Side::Below) => match listed(&|value| value < own) {
            Some(values) => values.into_iter().rev().collect(),
            None => (lo..own).rev().take(most as usize).collect(),
        },
        Some(Side::Above) => {
            listed(&|value| value > own).unwrap_or_else(|| (own + 1..=hi).take(most as usize).collect())
        }
    }
}
