//! How is one row of a record shown without the others? It is decided again, and the hashes that lead from its leaf to the
//! root are taken from the recorded leaves.

use opus_runtime::record::Proof;
use opus_runtime::{Artifact, Decide, Policy, Refusal, tree};

use super::manifest::{TreeFacts, Verb};
use super::one::One;
use super::open::Recorded;
use super::write::digest_of;
use crate::OneRow;
use crate::endpoint::read_text;
use crate::error::DataError;
use crate::pipeline::Progress;

impl Recorded {
    /// The proof of the row with this number, from 1. `policy` is that of the recorded artifact.
    ///
    /// # Errors
    /// If there is no such row, an input cannot be read, or the row is not decided as it was recorded.
    pub fn prove(&self, row: u64, policy: &Policy, progress: &dyn Fn(Progress)) -> Result<Proof, DataError> {
        let artifact = policy.artifact();
        let TreeFacts { size, root } = self.manifest.tree;
        let differs =
            |what: String| DataError::input(what).remedy("`opus replay` shows what differs from the record");
        let parts = row.checked_sub(1).and_then(|index| tree::inclusion(index, size)).ok_or_else(|| {
            let noun = if size == 1 { "row" } else { "rows" };
            DataError::request(format!("the record has {size} {noun}, so there is no row {row}"))
        })?;
        if artifact.content_hash() != self.manifest.facts.artifact.content {
            return Err(differs(format!(
                "{}: it is not the recorded artifact",
                self.artifact_path().display()
            )));
        }
        let leaves = &self.manifest.leaves;
        let shown = self.shown(leaves);
        if digest_of(&self.place(leaves)?)? != Some(leaves.digest()) {
            return Err(differs(format!("{shown}: the file is not the recorded one")));
        }
        let One { record, integers } = self.decide_row(row, artifact, policy, progress)?;
        let (salts, leaves) = self.leaves()?;
        let mut recorded = None;
        let mut entries = (1..).zip(leaves).map(|(number, leaf)| {
            if number == row {
                recorded = Some(leaf);
            }
            tree::entry(leaf.as_bytes())
        });
        let path = tree::hashes(&parts, &mut entries);
        // the row's own leaf may come after those that the proof needs
        entries.for_each(drop);
        let path = path.ok_or_else(|| differs(format!("{shown}: the file has fewer leaves than rows")))?;
        let salt = salts.of(row);
        if recorded != Some(record.leaf(salt, row)) {
            return Err(differs(format!("row {row} is no longer decided as it was recorded")));
        }
        let proof = Proof { row, salt, record, integers, size, path };
        match proof.root() {
            Ok(found) if found == root => Ok(proof),
            _ => Err(differs(format!("{shown}: the leaves do not have the recorded root"))),
        }
    }

    fn decide_row(
        &self,
        row: u64,
        artifact: &Artifact,
        policy: &Policy,
        progress: &dyn Fn(Progress),
    ) -> Result<One, DataError> {
        let inputs = &self.manifest.facts.inputs;
        if let (Verb::Run, [input]) = (self.manifest.verb, inputs.as_slice()) {
            return Ok(One::decide(policy as &dyn Decide, &read_text(&self.place(input)?)?));
        }
        let files = inputs.iter().map(|input| self.located(input)).collect::<Result<_, _>>()?;
        let found = OneRow::read(files, row, &self.intake(artifact)?, policy, progress)?;
        let refused =
            |refusal: Refusal, row| One { record: refusal.record(policy, row), integers: Vec::new() };
        let row = match found.row {
            Ok(row) => row,
            Err(refusal) => return Ok(refused(refusal, None)),
        };
        Ok(match policy.decide(&row) {
            Ok(decision) => One { record: decision.record(), integers: decision.verdict().outputs },
            Err(refusal) => refused(refusal, Some(&row)),
        })
    }
}
