//! How does the reference evaluator decide the rows of a batch? Its decisions replace the engine's.

use opus_frontend::{hir, reference};
use opus_runtime::admission::{Place, Reason};
use opus_runtime::{Batch, Decide, Policy, Snapshot, Verdict};

use crate::facts::with_facts;

/// The reference evaluator as an engine of batches.
pub struct ReferenceEngine {
    tree: hir::Policy,
    policy: Policy,
    snapshot: Option<Snapshot>,
}

impl ReferenceEngine {
    /// The evaluator of the typed tree that `policy` was compiled from, with the snapshot that it is bound to.
    pub fn new(tree: hir::Policy, policy: Policy, snapshot: Option<Snapshot>) -> ReferenceEngine {
        ReferenceEngine { tree, policy, snapshot }
    }

    fn decide_row(&self, given: &[Option<i128>]) -> Result<Verdict, Vec<Reason>> {
        let given = with_facts(&self.tree, self.snapshot.as_ref(), given);
        let admitted = reference::admit(&self.tree, &given)
            .map_err(|faults| faults.iter().map(|fault| self.reason(fault)).collect::<Vec<_>>())?;
        Ok(reference::decide(&self.tree, &admitted))
    }

    /// A fault in the runtime's words. Fields passed admission before, so that only requires are left to fail.
    fn reason(&self, fault: &reference::Refused) -> Reason {
        match fault.place {
            Place::Require(index) => {
                let requires = &self.policy.artifact().program().requires;
                Reason::require_failed(index, &requires[index as usize])
            }
            // the evaluator has no faults of a whole row
            Place::Row => Reason::malformed_row("the reference evaluator refuses the row"),
            Place::Field(index) => {
                let name = self.policy.schema().inputs[index as usize].name.clone();
                let message = format!("{name}: the reference evaluator refuses what admission let pass");
                Reason { fault: fault.fault, place: fault.place, name, value: String::new(), message }
            }
        }
    }
}

impl Decide for ReferenceEngine {
    fn batch(&self, capacity_rows: usize) -> Batch {
        self.policy.batch(capacity_rows)
    }

    fn decide(&self, batch: &mut Batch) {
        batch.decide_with(|rows| rows.iter().map(|row| self.decide_row(row)).collect());
    }
}
