//! What is kept of a decision or a refusal? A [`Record`]: owned, the same in every place, with one JSON form and
//! one canonical byte form.
//!
//! The JSON form is described by `spec/record.schema.json`. Members that a reader does not know are to be skipped,
//! so that later versions may add some; a change of what is here raises [`FORMAT`].

mod leaf;
mod proof;
pub mod sealed;
mod value;
mod written;

use std::collections::BTreeMap;

use opus_ir::{Field, Program, Verdict, date};
use serde::{Deserialize, Serialize};

pub use leaf::{InputHashes, Salting, Salts, leaf};
pub use proof::{Proof, ProofError};
pub use value::{Outputs, Value};
pub(crate) use written::{Written, push_hash, push_refusal};

use crate::hash::{Hash, canonical_record};

/// The number of the JSON form, which every record states as `record`.
pub const FORMAT: u32 = 1;

/// A decision or a refusal, with what is needed to find out how it came about.
///
/// It can be written and read by `serde_json`, without loss: amounts keep all their digits. Other formats of
/// `serde` have no numbers of any length, and are not supported.
///
/// ```
/// use opus_runtime::{Record, example};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = example::policy();
/// let decision = policy.decide_json(
///     r#"{"submitted_on": "2025-02-01", "age": 40, "score": 720, "income": 90000.00,
///         "requested": 9000, "work": "salaried"}"#,
/// )?;
/// let record = decision.record();
/// let text = serde_json::to_string(&record)?;
/// assert_eq!(text, decision.to_json());
/// assert_eq!(serde_json::from_str::<Record>(&text)?, record);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct Record {
    /// What was decided, or why nothing was.
    pub outcome: Outcome,
    /// The content hash of the artifact.
    pub artifact: Hash,
    /// The hash of the snapshot of facts that the artifact was bound to. Policies have no snapshots yet.
    pub snapshot: Option<Hash>,
    /// The hash of the input; `None` if a field was refused, so that no input was admitted.
    pub input: Option<Hash>,
}

/// What became of a row.
///
/// ```
/// use opus_runtime::record::Outcome;
/// let policy = opus_runtime::example::policy();
/// let refusal = policy.decide_json(r#"{"age": 200}"#).unwrap_err();
/// match refusal.record(&policy, None).outcome {
///     Outcome::Decided { outputs, rule, .. } => println!("{} by {}", outputs.get("decision").unwrap(), rule.id),
///     Outcome::Refused { reasons, .. } => assert_eq!(reasons[1].code, "out-of-range"),
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was decided.
    Decided {
        /// Names and values, in the order of the policy.
        outputs: Outputs,
        /// The rule that decided.
        rule: RuleRecord,
        /// The version that was in force.
        version: VersionRecord,
        /// The hash of the decision.
        hash: Hash,
    },
    /// It was refused.
    Refused {
        /// Every reason, in the order of fields and requires.
        reasons: Vec<ReasonRecord>,
        /// The hash of the refusal.
        hash: Hash,
    },
}

impl Outcome {
    /// A decision of a program, and the day that selected its version, if one did.
    pub fn decided<F>(program: &Program<F>, verdict: &Verdict, day: Option<i128>) -> Outcome {
        let (version, rule) = (&program.versions[verdict.version], &program.rules[verdict.rule]);
        let (schema, outputs) = (&program.schema, &verdict.outputs);
        let output =
            |(field, value): (&Field, &i128)| (field.name.clone(), Value::of(schema, field.kind, *value));
        let chosen_by = |(field, day): (u32, i128)| {
            (schema.inputs[field as usize].name.clone(), date::civil(day).to_string())
        };
        Outcome::Decided {
            outputs: Outputs(schema.outputs.iter().zip(outputs).map(output).collect()),
            rule: RuleRecord { id: rule.id.clone(), title: rule.title.clone(), cite: rule.cite.clone() },
            version: VersionRecord {
                number: version.number,
                from: schema.effective.map(|_| date::civil(version.from.into()).to_string()),
                cite: version.cite.clone(),
                chosen_by: schema.effective.zip(day).map(chosen_by).into_iter().collect(),
            },
            hash: Hash::of_decision(version.number, &rule.id, outputs.iter().copied()),
        }
    }
}

/// The rule that decided.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RuleRecord {
    /// Its id.
    pub id: String,
    /// Its title, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its citation, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cite: Option<String>,
}

/// The version that was in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VersionRecord {
    /// Its number.
    pub number: u32,
    /// Its first day, where a date of the input selects the version: `2025-01-31`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Its citation, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cite: Option<String>,
    /// The field whose date selected it, and the date; empty where no date selects versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub chosen_by: BTreeMap<String, String>,
}

/// One reason for a refusal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReasonRecord {
    /// The name of the field or the id of the `require`; empty for the whole row.
    pub field: String,
    /// The value as it was given; empty if there was none.
    pub value: String,
    /// The code of the fault: [`opus_ir::Fault::code`].
    pub code: String,
    /// The reason for people.
    pub message: String,
}

impl Record {
    /// The canonical form, which is described in [`crate::hash`]. It can be computed from the JSON form alone.
    pub fn canonical(&self) -> Vec<u8> {
        let (is_decided, outcome) = match &self.outcome {
            Outcome::Decided { hash, .. } => (true, *hash),
            Outcome::Refused { hash, .. } => (false, *hash),
        };
        canonical_record(self.artifact, self.snapshot, self.input, is_decided, outcome)
    }

    /// The hash of the canonical form.
    ///
    /// ```
    /// use opus_runtime::{Hash, Record};
    /// let policy = opus_runtime::example::policy();
    /// let record = policy.decide_json(r#"{"age": 200}"#).unwrap_err().record(&policy, None);
    /// // whoever has the JSON form can compute the hash again
    /// let read: Record = serde_json::from_str(&serde_json::to_string(&record)?)?;
    /// assert_eq!(read.hash(), Hash::of(&record.canonical()));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn hash(&self) -> Hash {
        Hash::of(&self.canonical())
    }
}

/// The members of the JSON form, in order.
#[derive(Clone, Serialize, Deserialize)]
struct Form {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outputs: Option<Outputs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<RuleRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<VersionRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<Vec<ReasonRecord>>,
    record: u32,
    artifact: Hash,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    snapshot: Option<Hash>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<Hash>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decision: Option<Hash>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refusal: Option<Hash>,
}

impl From<Record> for Form {
    fn from(record: Record) -> Form {
        let Record { outcome, artifact, snapshot, input } = record;
        let empty = Form {
            outputs: None,
            rule: None,
            version: None,
            refused: None,
            record: FORMAT,
            artifact,
            snapshot,
            input,
            decision: None,
            refusal: None,
        };
        match outcome {
            Outcome::Decided { outputs, rule, version, hash } => Form {
                outputs: Some(outputs),
                rule: Some(rule),
                version: Some(version),
                decision: Some(hash),
                ..empty
            },
            Outcome::Refused { reasons, hash } => {
                Form { refused: Some(reasons), refusal: Some(hash), ..empty }
            }
        }
    }
}

impl TryFrom<Form> for Record {
    type Error = String;

    fn try_from(form: Form) -> Result<Record, String> {
        if form.record != FORMAT {
            return Err(format!("the record has format {}, and only format {FORMAT} is known", form.record));
        }
        let missing = |member: &str| format!("the record has no `{member}`");
        let outcome = match form.refused {
            Some(reasons) => {
                Outcome::Refused { reasons, hash: form.refusal.ok_or_else(|| missing("refusal"))? }
            }
            None => Outcome::Decided {
                outputs: form.outputs.ok_or_else(|| missing("outputs"))?,
                rule: form.rule.ok_or_else(|| missing("rule"))?,
                version: form.version.ok_or_else(|| missing("version"))?,
                hash: form.decision.ok_or_else(|| missing("decision"))?,
            },
        };
        Ok(Record { outcome, artifact: form.artifact, snapshot: form.snapshot, input: form.input })
    }
}
