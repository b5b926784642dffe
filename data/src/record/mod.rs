//! How can a batch be checked later? It writes a record: a folder that says what was decided, from which inputs, by
//! which artifact, so that anybody can decide it again and compare.
//!
//! | file | holds |
//! | --- | --- |
//! | `manifest.json` | a [`Manifest`]: everything by name, size and hash, and the root of the tree over the rows; sealed |
//! | `artifact.opusc` | the artifact |
//! | `snapshot.opuss` | the snapshot that the facts of the policy came from, if it takes any |
//! | `mapping.toml` | the mapping file, if there was one |
//! | `leaves` | 32 bytes for the key of the salts, and 32 for the [leaf](opus_runtime::record::leaf) of each row |
//! | `inputs/1/…`, `output/…`, `rejects/…` | copies of the data, where they were asked for |
//!
//! In reading order: what a record says ([`Facts`], [`Manifest`]), how it is written ([`Recording`]), opened ([`Recorded`]),
//! decided again ([`Replay`]), and how one of its rows is proved ([`Recorded::prove`]).
//!
//! A record contains no time, host or user name, so the same batch writes the same record. The folder appears under its
//! name only when it is complete.

mod differences;
mod facts;
mod folder;
mod manifest;
mod one;
mod open;
mod prove;
mod replay;
mod write;

pub use facts::{ArtifactFacts, Facts, FileFacts, SnapshotFacts, Sources, metadata};
pub use manifest::{FORMAT, Manifest, TreeFacts, Verb};
pub use one::One;
pub use open::Recorded;
pub use replay::{DIFFERENCES_MAX, Difference, Options, Replay};
pub use write::{Complete, Object, Recording};

/// The names of the files of a record.
pub(crate) mod names {
    pub const MANIFEST: &str = "manifest.json";
    pub const ARTIFACT: &str = "artifact.opusc";
    pub const SNAPSHOT: &str = "snapshot.opuss";
    pub const MAPPING: &str = "mapping.toml";
    pub const LEAVES: &str = "leaves";
    /// One object, and its decision.
    pub const INPUT: &str = "input.json";
    pub const DECISION: &str = "decision.json";
    /// Folders for copies of the data.
    pub const INPUTS: &str = "inputs";
    pub const OUTPUT: &str = "output";
    pub const REJECTS: &str = "rejects";
    pub const FOLDERS: [&str; 3] = [INPUTS, OUTPUT, REJECTS];
    pub const FILES: [&str; 7] = [MANIFEST, ARTIFACT, SNAPSHOT, MAPPING, LEAVES, INPUT, DECISION];
}
