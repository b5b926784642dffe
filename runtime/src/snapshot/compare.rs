//! What differs between two snapshots? Facts with the same key and first day are the same fact, whose value, citation
//! or notes may differ.

use std::collections::BTreeMap;

use super::{Fact, Snapshot};

/// A fact that differs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Difference<'a> {
    /// It is in the second snapshot alone.
    Added(&'a Fact),
    /// It is in the first snapshot alone.
    Removed(&'a Fact),
    /// It says something else, or is written down elsewhere: before and after.
    Changed(&'a Fact, &'a Fact),
}

/// The facts that differ, by key and first day.
///
/// ```
/// use opus_runtime::snapshot::{Difference, Fact, Snapshot, compare};
/// let fact = |value: &str| Fact {
///     key: "score_floor".to_string(),
///     valid_from: 0,
///     value: value.parse().ok(),
///     cite: None,
///     notes: vec![],
/// };
/// let (a, b) = (Snapshot::new(vec![fact("700")])?, Snapshot::new(vec![fact("720")])?);
/// assert!(matches!(compare(&a, &b)[..], [Difference::Changed(..)]));
/// assert!(compare(&a, &a).is_empty());
/// # Ok::<(), opus_runtime::snapshot::SnapshotError>(())
/// ```
pub fn compare<'a>(a: &'a Snapshot, b: &'a Snapshot) -> Vec<Difference<'a>> {
    let mut sides: BTreeMap<(&str, i32), [Option<&Fact>; 2]> = BTreeMap::new();
    for (side, snapshot) in [a, b].into_iter().enumerate() {
        for fact in snapshot.facts() {
            sides.entry((&fact.key, fact.valid_from)).or_default()[side] = Some(fact);
        }
    }
    let differs = |sides: [Option<&'a Fact>; 2]| match sides {
        [Some(before), Some(after)] if before == after => None,
        [Some(before), Some(after)] => Some(Difference::Changed(before, after)),
        [Some(before), None] => Some(Difference::Removed(before)),
        [None, Some(after)] => Some(Difference::Added(after)),
        [None, None] => None,
    };
    sides.into_values().filter_map(differs).collect()
}
