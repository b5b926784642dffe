//! How is one JSON object decided by an engine of batches? As a batch with one row.

use opus_runtime::record::{Outcome, Record};
use opus_runtime::{Decide, Refusal, Verdict};

/// A row that was decided or refused, with what a proof needs of it.
///
/// ```
/// use opus_data::record::One;
/// let policy = opus_runtime::example::policy();
/// let text = r#"{"submitted_on": "2025-02-01", "age": 40, "income": 90000, "requested": 900, "work": "retired"}"#;
/// let one = One::decide(&policy, text);
/// assert_eq!(one.record, policy.decide_json(text)?.record());
/// assert_eq!(one.integers, policy.decide_json(text)?.verdict().outputs);
/// # Ok::<(), opus_runtime::Refusal>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct One {
    /// Its decision or refusal.
    pub record: Record,
    /// By output, the integer that was decided; empty for a refusal.
    pub integers: Vec<i128>,
}

impl One {
    /// Decides a JSON object.
    pub fn decide(engine: &dyn Decide, text: &str) -> One {
        let mut batch = engine.batch(1);
        let policy = batch.policy().clone();
        let refused = |record| One { record, integers: Vec::new() };
        let row = match policy.read_json(text) {
            Ok(row) => row,
            Err(refusal) => return refused(refusal.record(&policy, None)),
        };
        let inputs = batch.inputs_mut();
        inputs.set_rows(1);
        (0..policy.schema().inputs.len()).for_each(|field| inputs.set(field, 0, row.get(field)));
        engine.decide(&mut batch);
        if batch.rows().is_empty() {
            let reasons = batch.refused().iter().map(|(_, reason)| reason.clone()).collect();
            return refused(Refusal::Requires(reasons).record(&policy, Some(&row)));
        }
        let program = policy.artifact().program();
        let outputs = 0..policy.schema().outputs.len();
        let verdict = Verdict {
            version: batch.versions()[0].into(),
            rule: batch.rules()[0].into(),
            outputs: outputs.map(|output| batch.outputs().get(output, 0).unwrap_or(0)).collect(),
        };
        let day = program.schema.effective.and_then(|field| row.get(field as usize));
        let record = Record {
            outcome: Outcome::decided(program, &verdict, day),
            artifact: policy.artifact().content_hash(),
            snapshot: None,
            input: Some(row.hash()),
        };
        One { record, integers: verdict.outputs }
    }
}

/// The text of a record in a file of its own.
pub fn text(record: &Record) -> String {
    let text = serde_json::to_string_pretty(record).expect("texts and numbers can be written as JSON");
    format!("{text}\n")
}
