//! Fuzzing: policies, rows and artifacts from random bytes, and the properties that must hold for all of them.
//!
//! In reading order: random bytes ([`seeds`]), the text of policies ([`policy`]) and those that compile
//! ([`generated`]), rows ([`rows`]); the targets ([`targets`]): the seven witnesses ([`differential`]) and the
//! ways in which rows reach them ([`batches`]), damaged files and code ([`damage`]), damaged proofs ([`proofs`]), texts
//! ([`text`]), claims behind branches ([`narrow_lanes`]), policies with facts ([`snapshots`]), pairs of policies
//! ([`structures`]) and the causes of changed decisions ([`attributions`]), explanations ([`explanations`]), coverage
//! ([`coverage`]); how many sound policies compile ([`sound`]); reducing a failure ([`shrink`]); what the generated
//! policies cover ([`reached`]).

pub mod attributions;
pub mod batches;
pub mod coverage;
pub mod damage;
pub mod differential;
pub mod explanations;
pub mod generated;
pub mod narrow_lanes;
pub mod policy;
pub mod proofs;
pub mod reached;
pub mod rows;
pub mod seeds;
pub mod shrink;
pub mod snapshots;
pub mod sound;
pub mod structures;
pub mod targets;
pub mod text;
