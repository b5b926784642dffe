//! Which facts does the reference evaluator see? Those of the row's own day, looked up one by one.
//!
//! This does not use the binding that engines rely on: no periods, no constants, no tables.

use opus_frontend::hir;
use opus_ir::{Hole, Schema, Shape};
use opus_runtime::snapshot::{Fact, entries, keys};
use opus_runtime::{Artifact, Options, Policy, Snapshot};

/// A row with its facts, as the reference evaluator takes it: the integers of the fields, and then those of the facts.
/// What the snapshot does not hold is missing.
pub fn with_facts(
    policy: &hir::Policy,
    snapshot: Option<&Snapshot>,
    given: &[Option<i128>],
) -> Vec<Option<i128>> {
    let mut row = given.to_vec();
    for hole in policy.holes.iter().map(|hole| &hole.hole) {
        for key in keys(hole, &policy.schema) {
            let fact = snapshot.and_then(|snapshot| in_force(policy, snapshot, &key, given));
            let value = fact.and_then(|fact| fact.value.as_ref());
            let typed = value.and_then(|value| entries(hole, &policy.schema, value).ok());
            match typed {
                Some(entries) => row.extend(entries.into_iter().map(Some)),
                None => row.extend(std::iter::repeat_n(None, entries_of_a_key(hole, &policy.schema))),
            }
        }
    }
    row
}

/// The fact with a key that a row is decided with: by its effective date, or the only one if the policy has none.
pub fn in_force<'a>(
    policy: &hir::Policy,
    snapshot: &'a Snapshot,
    key: &str,
    given: &[Option<i128>],
) -> Option<&'a Fact> {
    let facts = snapshot.of(key);
    let Some(field) = policy.schema.effective else { return facts.first() };
    let day = given[field as usize]?;
    facts.iter().rev().find(|fact| i128::from(fact.valid_from) <= day)
}

/// How many entries one key has: one for each value of a set's enum, otherwise one.
fn entries_of_a_key(hole: &Hole, schema: &Schema) -> usize {
    match &hole.shape {
        Shape::Set(of) => schema.enums[*of as usize].values.len(),
        Shape::Value { .. } | Shape::Table { .. } => 1,
    }
}

/// The policy of an artifact, bound to a snapshot if it takes facts from one.
///
/// # Errors
/// In words, if it takes facts and there is no snapshot, or the snapshot does not fit.
pub fn bound(artifact: Artifact, snapshot: Option<&Snapshot>, options: &Options) -> Result<Policy, String> {
    match snapshot.filter(|_| !artifact.program().holes.is_empty()) {
        Some(snapshot) => Policy::bind(artifact, snapshot, options).map_err(|error| error.to_string()),
        None => Policy::from_artifact(artifact, options).map_err(|error| error.to_string()),
    }
}
