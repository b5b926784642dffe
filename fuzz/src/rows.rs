//! Which rows can a policy meet? Any: values of every field's type, its ends and their neighbours, values that it may
//! not have, and missing ones, also where something has to be there.

use arbitrary::{Result, Unstructured};
use opus_ir::{Field, Interval, Kind, Schema};

/// A row as the integers that its fields count, by input index, before admission.
pub type Row = Vec<Option<i128>>;

/// A row, from random bytes. Most are admitted by their fields.
///
/// # Errors
/// As [`crate::policy::policy`].
pub fn row(u: &mut Unstructured, schema: &Schema) -> Result<Row> {
    let mut row: Row = Vec::with_capacity(schema.inputs.len());
    for field in &schema.inputs {
        let earlier = row.iter().rev().zip(schema.inputs[..row.len()].iter().rev());
        let alike = earlier.filter(|(_, other)| other.kind == field.kind).find_map(|(value, _)| *value);
        row.push(value(u, field, alike)?);
    }
    Ok(row)
}

/// `alike` is a value of an earlier field of the same kind: conditions compare such fields, and meet where they are
/// equal or neighbours.
fn value(u: &mut Unstructured, field: &Field, alike: Option<i128>) -> Result<Option<i128>> {
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
        9 => Some(inside(u.int_in_range(-3..=40i128)?)),
        _ => Some(u.int_in_range(lo..=hi)?),
    })
}
