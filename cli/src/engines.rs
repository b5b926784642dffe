//! Which engines decide the rows of files? The runtime's, or the reference evaluator.

use std::sync::Mutex;

use opus_frontend::{hir, reference};
use opus_ir::memory::Columns;
use opus_ir::{Require, Schema};
use opus_runtime::admission::Reason;
use opus_runtime::{Batch, Policy};

use opus_data::pipeline::{Decided, Engine};

/// The engines of the runtime. Each thread uses its own batch.
pub struct PolicyEngine {
    policy: Policy,
    idle: Mutex<Vec<Batch>>,
}

impl PolicyEngine {
    /// The engine of a policy.
    pub fn new(policy: Policy) -> PolicyEngine {
        PolicyEngine { policy, idle: Mutex::new(Vec::new()) }
    }

    fn batch(&self, rows: usize) -> Batch {
        let idle = self.idle.lock().expect("no thread panics with the lock").pop();
        idle.filter(|batch| batch.capacity_rows() >= rows).unwrap_or_else(|| self.policy.batch(rows))
    }
}

impl Engine for PolicyEngine {
    fn decide(&self, rows: Columns) -> Decided {
        let mut batch = self.batch(rows.capacity_rows());
        batch.clear();
        *batch.inputs_mut() = rows;
        batch.decide();
        let decided = Decided {
            outputs: batch.outputs().clone(),
            rules: batch.rules().to_vec(),
            versions: batch.versions().to_vec(),
            refused: batch.refused().to_vec(),
        };
        self.idle.lock().expect("no thread panics with the lock").push(batch);
        decided
    }
}

/// The reference evaluator, row by row.
pub struct ReferenceEngine {
    tree: hir::Policy,
    schema: Schema,
    requires: Vec<Require>,
}

impl ReferenceEngine {
    /// The evaluator of a policy.
    pub fn new(tree: hir::Policy, schema: Schema, requires: Vec<Require>) -> ReferenceEngine {
        ReferenceEngine { tree, schema, requires }
    }
}

impl Engine for ReferenceEngine {
    fn decide(&self, rows: Columns) -> Decided {
        let mut outputs = Columns::new(&self.schema.output_columns(), rows.rows());
        let (mut rules, mut versions, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..rows.rows() {
            let given: Vec<Option<i128>> = (0..rows.len()).map(|index| rows.get(index, row)).collect();
            match reference::admit(&self.tree, &given) {
                Ok(admitted) => {
                    let decision = reference::decide(&self.tree, &admitted);
                    let at = rules.len();
                    let cells = decision.outputs.iter().enumerate();
                    cells.for_each(|(index, value)| outputs.set(index, at, Some(*value)));
                    rules.push(decision.rule as u16);
                    versions.push(decision.version as u16);
                }
                Err(faults) => refused.extend(faults.iter().filter_map(|fault| match fault.place {
                    reference::Place::Require(index) => {
                        Some((row as u32, Reason::require_failed(index, &self.requires[index as usize])))
                    }
                    reference::Place::Field(_) => None,
                })),
            }
        }
        outputs.set_rows(rules.len());
        Decided { outputs, rules, versions, refused }
    }
}
