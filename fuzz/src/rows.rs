//! How are rows generated? From the ends of every field's range, the constants that the policy compares with, and
//! their neighbours. Some values are out of range and some are missing, even where a value is required.

use std::collections::BTreeSet;

use arbitrary::{Result, Unstructured};
use opus_frontend::hir::{Cell, Constant, ExprKind, Number, Policy, Unit, Version};
use opus_ir::{Field, Interval, Kind, Schema};

/// A row before admission: one integer per input, `None` if it is missing.
pub type Row = Vec<Option<i128>>;

/// By input, the values at which the decision may change: the policy's constants with the unit of the field.
#[derive(Clone, Debug, Default)]
pub struct Corners(Vec<Vec<i128>>);

impl Corners {
    /// The corners of a policy.
    pub fn of(policy: &Policy) -> Corners {
        let constants: BTreeSet<(Unit, Number)> = policy.versions.iter().flat_map(constants).collect();
        let of_field = |field: &Field| {
            let (unit, scale) = (unit(field.kind)?, decimals(&policy.schema, field.kind));
            let values = constants.iter().filter(|(of, _)| *of == unit);
            Some(values.filter_map(|(_, number)| number.at_scale(scale)).collect())
        };
        let fields = policy.schema.inputs.iter();
        let mut corners: Vec<Vec<i128>> = fields.map(|field| of_field(field).unwrap_or_default()).collect();
        if let Some(effective) = policy.schema.effective {
            // twice, because there are many other dates
            let starts = policy.versions.iter().map(|version| i128::from(version.from));
            corners[effective as usize].extend(starts.clone().chain(starts));
        }
        Corners(corners)
    }
}

/// The numbers in the expressions, parameters and cells of a version.
fn constants(version: &Version) -> Vec<(Unit, Number)> {
    let mut found = Vec::new();
    let mut add = |unit, constant: &Constant| {
        if let Constant::Number(number) = constant {
            found.push((unit, *number));
        }
    };
    for expr in version.exprs.values() {
        if let ExprKind::Constant(constant) = &expr.kind {
            add(expr.ty.unit, constant);
        }
    }
    version.params.values().for_each(|param| add(param.ty.unit, &param.value));
    for table in version.tables.values() {
        for (key, cell) in table.rows.iter().flat_map(|row| table.keys.iter().zip(&row.cells)) {
            let Cell::Within(spans) = cell else { continue };
            let ends = spans.iter().flat_map(|span| [&span.low, &span.high]).flatten();
            ends.for_each(|(end, _)| add(version.exprs[key.value].ty.unit, end));
        }
    }
    found
}

/// The unit of a numeric field.
fn unit(kind: Kind) -> Option<Unit> {
    match kind {
        Kind::Bool | Kind::Enum(_) => None,
        Kind::Int | Kind::Decimal(_) => Some(Unit::Number),
        Kind::Money => Some(Unit::Money),
        Kind::Percent(_) => Some(Unit::Percent),
        Kind::Days => Some(Unit::Days),
        Kind::Date => Some(Unit::Date),
    }
}

/// Decimal places of the value itself: a percentage has two more than it shows.
fn decimals(schema: &Schema, kind: Kind) -> u8 {
    schema.decimals(kind) + if matches!(kind, Kind::Percent(_)) { 2 } else { 0 }
}

/// Which optional fields are missing in a block of rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gaps {
    /// Some.
    Some,
    /// All.
    All,
    /// None.
    None,
    /// All in every second row, and none in the others.
    EveryOther,
}

/// The rows that an engine for columns treats as one group.
const BLOCK_ROWS: usize = 64;

/// This many rows, or fewer if the bytes are exhausted. In a block, optional fields may be all missing, all
/// present, or alternate.
pub fn rows(u: &mut Unstructured, schema: &Schema, corners: &Corners, count: usize) -> Vec<Row> {
    let mut rows = Vec::with_capacity(count);
    while rows.len() < count && block(u, schema, corners, count, &mut rows).is_ok() && !u.is_empty() {}
    rows
}

fn block(
    u: &mut Unstructured,
    schema: &Schema,
    corners: &Corners,
    count: usize,
    rows: &mut Vec<Row>,
) -> Result<()> {
    let gaps = *u.choose(&[Gaps::Some, Gaps::Some, Gaps::Some, Gaps::All, Gaps::None, Gaps::EveryOther])?;
    for index in 0..BLOCK_ROWS.min(count - rows.len()) {
        let mut row = row(u, schema, corners)?;
        let missing = gaps == Gaps::All || gaps == Gaps::EveryOther && index % 2 == 0;
        for (value, field) in row.iter_mut().zip(&schema.inputs).filter(|(_, field)| field.optional) {
            match (gaps, missing) {
                (Gaps::Some, _) => {}
                (_, true) => *value = None,
                (_, false) => *value = value.or(Some(field.domain.range.hi)),
            }
        }
        rows.push(row);
    }
    Ok(())
}

/// A row from random bytes. Most rows are admitted.
///
/// # Errors
/// As [`crate::policy::policy`].
pub fn row(u: &mut Unstructured, schema: &Schema, corners: &Corners) -> Result<Row> {
    let mut row: Row = Vec::with_capacity(schema.inputs.len());
    for field in &schema.inputs {
        let earlier = row.iter().rev().zip(schema.inputs[..row.len()].iter().rev());
        let alike = earlier.filter(|(_, other)| other.kind == field.kind).find_map(|(value, _)| *value);
        let corners = corners.0.get(row.len()).map_or(&[][..], Vec::as_slice);
        row.push(value(u, field, alike, corners)?);
    }
    Ok(row)
}

/// `alike` is the value of an earlier field of the same kind. Conditions compare such fields, so equal and
/// neighbouring values matter.
fn value(u: &mut Unstructured, field: &Field, alike: Option<i128>, corners: &[i128]) -> Result<Option<i128>> {
    let Interval { lo, hi } = field.domain.range;
    let inside = |x: i128| x.clamp(lo, hi);
    if let Some(values) = &field.domain.set
        && u.ratio(7, 8)?
    {
        let missing = field.optional && u.ratio(1, 8)?;
        return Ok(if missing { None } else { Some(*u.choose(values)?) });
    }
    Ok(match u.int_in_range(0..=15u32)? {
        0 if field.optional => None,
        1 if u.ratio(1, 40)? => None,
        2 if u.ratio(1, 20)? && !matches!(field.kind, Kind::Bool | Kind::Enum(_)) => {
            Some(*u.choose(&[lo - 1, hi + 1, lo - (1 << 40), hi + (1 << 40)])?)
        }
        3 => Some(lo),
        4 => Some(hi),
        5 => Some(inside(lo + 1)),
        6 => Some(inside(hi - 1)),
        7 | 8 => Some(inside(alike.unwrap_or(lo) + u.int_in_range(-2..=2i128)?)),
        9 | 10 if !corners.is_empty() => Some(inside(u.choose(corners)? + u.int_in_range(-1..=1i128)?)),
        9 => Some(inside(u.int_in_range(-3..=40i128)?)),
        _ => Some(u.int_in_range(lo..=hi)?),
    })
}
