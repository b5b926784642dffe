//! What must be known about a batch, to run it again? Its summary and its record contain the same facts.

use opus_runtime::{Artifact, Hash, Snapshot};
use serde::{Deserialize, Serialize};

use crate::pipeline::{Batch, Outputs, Report};
use crate::{Digest, Located, Whole};

/// What was decided, from what, by what.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Facts {
    /// How many rows there were.
    pub rows: u64,
    /// How many of them were decided.
    pub decided: u64,
    /// How many of them were refused.
    pub rejected: u64,
    /// The policy.
    pub artifact: ArtifactFacts,
    /// The snapshot that its facts came from, where it takes any.
    pub snapshot: Option<SnapshotFacts>,
    /// The mapping file, where there was one.
    pub mapping: Option<FileFacts>,
    /// The inputs, in the order in which they were read.
    pub inputs: Vec<FileFacts>,
    /// The decisions.
    pub output: FileFacts,
    /// The refused rows, where they were written.
    pub rejects: Option<FileFacts>,
    /// The input columns that were copied to the outputs.
    pub keep: Vec<String>,
    /// The values of fields whose column a file lacks, each as `FIELD=VALUE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fill: Vec<String>,
    /// The engine that decided.
    pub engine: String,
    /// The version of the command.
    pub build: String,
}

/// What is known of the artifact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ArtifactFacts {
    /// The file that was given: an artifact or a source.
    pub policy: String,
    /// The name of the policy.
    pub name: String,
    /// The content hash.
    pub content: Hash,
    /// The meaning hash.
    pub meaning: Hash,
    /// The number of the artifact's format.
    pub format: u32,
    /// The number of what its policy means.
    pub semantics: u32,
    /// The version of the compiler.
    pub compiler: String,
}

/// What is known of a snapshot.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SnapshotFacts {
    /// The hash of its canonical form, by which the record of each decision names it.
    pub content: Hash,
    /// The file.
    #[serde(flatten)]
    pub file: FileFacts,
}

/// What rows are decided with, each with the name of the file that was given.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The artifact; the file may be its source.
    pub artifact: (&'a Artifact, &'a str),
    /// The snapshot that its facts come from, where it takes any.
    pub snapshot: Option<(&'a Snapshot, &'a str)>,
    /// The bytes of the mapping file, where there is one.
    pub mapping: Option<(&'a [u8], &'a str)>,
    /// The values of fields whose column a file lacks, each as `FIELD=VALUE`.
    pub fill: &'a [String],
}

impl Sources<'_> {
    /// What outputs say of them, in formats that can hold it.
    pub fn metadata(&self) -> Vec<(String, String)> {
        metadata(self.artifact.0, self.snapshot.map(|(snapshot, _)| snapshot.hash()))
    }

    pub(super) fn snapshot_facts(&self) -> Option<SnapshotFacts> {
        self.snapshot.map(|(snapshot, name)| SnapshotFacts {
            content: snapshot.hash(),
            file: FileFacts::of(name, None, Digest::of(&snapshot.to_bytes())),
        })
    }
}

/// What is known of a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileFacts {
    /// Its name, as it was given.
    pub file: String,
    /// The format that it was read or written in, where it holds rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Its length.
    pub bytes: u64,
    /// Its hash.
    pub blake3: Hash,
    /// Where the record holds it, as a path within the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<String>,
}

impl ArtifactFacts {
    /// The facts of an artifact; `policy` is the file that was given.
    pub fn of(artifact: &Artifact, policy: &str) -> ArtifactFacts {
        ArtifactFacts {
            policy: policy.to_owned(),
            name: artifact.program().name.clone(),
            content: artifact.content_hash(),
            meaning: artifact.meaning_hash(),
            format: artifact.format(),
            semantics: artifact.semantics(),
            compiler: artifact.compiler().to_owned(),
        }
    }
}

impl FileFacts {
    /// The facts of a file.
    pub fn of(file: &str, format: Option<&str>, digest: Digest) -> FileFacts {
        let Digest { bytes, blake3 } = digest;
        FileFacts { file: file.to_owned(), format: format.map(str::to_owned), bytes, blake3, copy: None }
    }

    /// The length and the hash.
    pub fn digest(&self) -> Digest {
        Digest { bytes: self.bytes, blake3: self.blake3 }
    }
}

/// What the outputs of a batch say of the artifact and of the snapshot with this hash, in formats that can hold it.
pub fn metadata(artifact: &Artifact, snapshot: Option<Hash>) -> Vec<(String, String)> {
    let mut pairs = vec![
        ("opus.policy".to_owned(), artifact.program().name.clone()),
        ("opus.artifact".to_owned(), artifact.content_hash().to_string()),
        ("opus.meaning".to_owned(), artifact.meaning_hash().to_string()),
    ];
    pairs.extend(snapshot.map(|hash| ("opus.snapshot".to_owned(), hash.to_string())));
    pairs
}

impl Facts {
    /// The facts of a finished batch that hashed its inputs and outputs. `engine` is the name of the engine, and `build` the
    /// version of the command.
    pub fn of(
        batch: &Batch,
        report: &Report,
        outputs: &Outputs,
        sources: &Sources,
        engine: &str,
        build: &str,
    ) -> Facts {
        let formats = batch.inputs.iter().map(|input| input.format.name());
        let inputs = report.hashes.iter().zip(formats);
        let written = |located: &Located, whole: &Whole| {
            let digest = whole.digest().unwrap_or(Digest::of(b""));
            FileFacts::of(&located.endpoint.to_string(), Some(located.format.name()), digest)
        };
        Facts {
            rows: report.counts.rows,
            decided: report.counts.decided,
            rejected: report.counts.rejected(),
            artifact: ArtifactFacts::of(sources.artifact.0, sources.artifact.1),
            snapshot: sources.snapshot_facts(),
            mapping: sources.mapping.map(|(bytes, name)| FileFacts::of(name, None, Digest::of(bytes))),
            inputs: inputs
                .map(|((name, digest), format)| FileFacts::of(name, Some(format), *digest))
                .collect(),
            output: written(&batch.output, outputs.decisions()),
            rejects: batch.rejects.as_ref().zip(outputs.rejects()).map(|(at, whole)| written(at, whole)),
            keep: batch.intake.keep.clone(),
            fill: sources.fill.to_vec(),
            engine: engine.to_owned(),
            build: build.to_owned(),
        }
    }
}
