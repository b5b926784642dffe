//! How is one row of a record shown to somebody who may not see the others? A [`Proof`] holds the row's own record and the
//! hashes that lead from its leaf to the root.
//!
//! The root covers the number of each row, the hash of its input, and its decision: version, rule and the integers of
//! the outputs; or the faults of its refusal. The names in the record, such as that of an enum's value, are not part of
//! it: they come from the artifact, and [`Proof::check_names`] compares them.

use std::fmt;

use opus_ir::Verdict;
use serde::{Deserialize, Serialize};

use super::sealed::{self, NotSealed};
use super::{Outcome, Record};
use crate::artifact::Artifact;
use crate::hash::Hash;
use crate::tree;

/// The number of the form of a proof, which every proof states as `proof`.
pub const FORMAT: u32 = 1;

/// The proof that a row is in the tree of a record. Its JSON form is described by `spec/proof.schema.json`.
///
/// ```
/// use opus_runtime::record::{Proof, Salts};
/// use opus_runtime::{Hash, tree::{self, Tree}};
/// let policy = opus_runtime::example::policy();
/// let salts = Salts::from_key(Hash::of(b"the inputs"));
/// let record = policy.decide_json(r#"{"age": 200}"#).unwrap_err().record(&policy, None);
/// let mut whole = Tree::default();
/// whole.push(tree::entry(record.leaf(salts.of(1), 1).as_bytes()));
///
/// let proof = Proof { row: 1, salt: salts.of(1), record, integers: vec![], size: 1, path: vec![] };
/// let text = proof.to_json();
/// let read = Proof::from_json(&text)?;
/// assert_eq!(read.root()?, whole.root());
/// # Ok::<(), opus_runtime::record::ProofError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    /// The number of the row, from 1.
    pub row: u64,
    /// Its salt.
    pub salt: Hash,
    /// Its decision or refusal.
    pub record: Record,
    /// By output, the integer that was decided; empty for a refusal.
    pub integers: Vec<i128>,
    /// How many rows the tree has.
    pub size: u64,
    /// The hashes that lead from the row's leaf to the root, from below.
    pub path: Vec<Hash>,
}

/// The members of the JSON form, in order.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    proof: u32,
    row: u64,
    salt: Hash,
    record: Record,
    /// As texts, because some need 128 bits.
    integers: Vec<String>,
    size: u64,
    path: Vec<Hash>,
}

/// Why a proof proves nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProofError {
    /// It was changed since it was written.
    NotSealed(NotSealed),
    /// It is not a proof, in words.
    Form(String),
    /// It has a form that this version does not know.
    Format(u64),
    /// The hash of the decision or refusal is not that of what the record says.
    Outcome,
    /// The path has another length than that of such a row in such a tree.
    Path,
    /// The record says otherwise than the artifact.
    Names,
    /// The record is of another artifact.
    Artifact,
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProofError::NotSealed(why) => why.fmt(f),
            ProofError::Form(why) => write!(f, "it is not a proof that `opus prove-row` wrote: {why}"),
            ProofError::Format(found) => {
                write!(f, "the proof has format {found}, and this version knows format {FORMAT}")
            }
            ProofError::Outcome => {
                f.write_str("the hash of the decision or refusal is not that of the record")
            }
            ProofError::Path => {
                f.write_str("the path does not lead from this row to the root of a tree of this size")
            }
            ProofError::Names => {
                f.write_str("the names and texts in the record are not those of the artifact")
            }
            ProofError::Artifact => f.write_str("the record is of another artifact"),
        }
    }
}

impl std::error::Error for ProofError {}

impl Proof {
    /// The JSON form, with a seal.
    pub fn to_json(&self) -> String {
        sealed::seal(&Form {
            proof: FORMAT,
            row: self.row,
            salt: self.salt,
            record: self.record.clone(),
            integers: self.integers.iter().map(ToString::to_string).collect(),
            size: self.size,
            path: self.path.clone(),
        })
    }

    /// Reads the JSON form. Nothing is proved by that: see [`Proof::root`].
    ///
    /// # Errors
    /// If the text is not a proof, byte for byte as it was written.
    pub fn from_json(text: &str) -> Result<Proof, ProofError> {
        #[derive(Deserialize)]
        struct Stated {
            proof: u64,
        }
        let invalid = |error: serde_json::Error| ProofError::Form(error.to_string());
        let text = sealed::unseal(text).map_err(ProofError::NotSealed)?;
        let Stated { proof } = serde_json::from_str(&text).map_err(invalid)?;
        if proof != u64::from(FORMAT) {
            return Err(ProofError::Format(proof));
        }
        let form: Form = serde_json::from_str(&text).map_err(invalid)?;
        let integers = form.integers.iter().map(|text| text.parse()).collect::<Result<_, _>>();
        let integers = integers.map_err(|_| ProofError::Form("an output is not an integer".into()))?;
        let Form { row, salt, record, size, path, .. } = form;
        Ok(Proof { row, salt, record, integers, size, path })
    }

    /// The root of the tree that the row is in, if the proof is sound. The row is proved if this is the root that was
    /// published.
    ///
    /// # Errors
    /// If the proof contradicts itself.
    pub fn root(&self) -> Result<Hash, ProofError> {
        let (found, stated) = match &self.record.outcome {
            Outcome::Decided { rule, version, hash, .. } => {
                (Hash::of_decision(version.number, &rule.id, self.integers.iter().copied()), *hash)
            }
            Outcome::Refused { reasons, hash } => {
                let names = reasons.iter().map(|reason| (&*reason.field, &*reason.code));
                (Hash::of_refusal(names), *hash)
            }
        };
        if found != stated {
            return Err(ProofError::Outcome);
        }
        let leaf = self.record.leaf(self.salt, self.row);
        let index = self.row.checked_sub(1).ok_or(ProofError::Path)?;
        let entry = tree::entry(leaf.as_bytes());
        tree::root_with(entry, index, self.size, &self.path).ok_or(ProofError::Path)
    }

    /// That the names and texts of a decision are those that the artifact has for its integers.
    ///
    /// # Errors
    /// If they are not, or the record is of another artifact.
    pub fn check_names(&self, artifact: &Artifact) -> Result<(), ProofError> {
        if self.record.artifact != artifact.content_hash() {
            return Err(ProofError::Artifact);
        }
        let Outcome::Decided { outputs, rule, version, .. } = &self.record.outcome else { return Ok(()) };
        let program = artifact.program();
        let is_as_stated = |version_at: usize, rule_at: usize| {
            let verdict = Verdict { version: version_at, rule: rule_at, outputs: self.integers.clone() };
            match Outcome::decided(program, &verdict, None) {
                Outcome::Decided { outputs: names, rule: by, version: under, .. } => {
                    (&names, &by) == (outputs, rule)
                        && (under.from, under.cite) == (version.from.clone(), version.cite.clone())
                }
                Outcome::Refused { .. } => false,
            }
        };
        let version_at = program.versions.iter().position(|one| one.number == version.number);
        // several rules may have one id, in different versions
        let mut rules = (0..program.rules.len()).filter(|at| program.rules[*at].id == rule.id);
        let holds = self.integers.len() == program.schema.outputs.len()
            && version_at.is_some_and(|version_at| rules.any(|rule_at| is_as_stated(version_at, rule_at)));
        if holds { Ok(()) } else { Err(ProofError::Names) }
    }
}
