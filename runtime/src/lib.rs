//! Runs compiled policies: `decide(artifact, input) = output`, one row at a time inside a gateway, or a batch of
//! them.
//!
//! In reading order: a policy as a file ([`artifact`]), which integer a field gets ([`admission`]), an open policy
//! ([`Policy`]), the facts that it takes from elsewhere ([`snapshot`]), a row, its decision or refusal ([`Row`], [`Decision`], [`Refusal`]), what is kept of them
//! ([`Record`]), many rows at once ([`batch`]), what executes them ([`Engine`]), where native code is kept
//! ([`cache`]), what identifies artifacts, inputs and decisions ([`hash`]), and
//! lists of them ([`tree`]).
//!
//! This crate holds no compiler of text and no file format of data.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // a gateway says `Policy::open("loan.opusc")?`
//! let policy = opus_runtime::example::policy();
//! let decided = policy.decide_json(
//!     r#"{"submitted_on": "2025-02-01", "age": 40, "income": 90000.00, "requested": 9000, "work": "salaried"}"#,
//! );
//! match decided {
//!     Ok(decision) => println!("{} by {}", decision.output("decision").unwrap(), decision.rule().id),
//!     Err(refusal) => println!("{refusal}"),
//! }
//! # Ok(())
//! # }
//! ```

pub mod admission;
pub mod artifact;
pub mod batch;
pub mod cache;
mod decision;
mod engine;
pub mod example;
mod functions;
pub mod hash;
pub mod listing;
pub mod near;
mod policy;
pub mod record;
mod refusal;
#[cfg(feature = "native")]
mod room;
mod row;
mod shapes;
pub mod snapshot;
pub mod tree;

pub use artifact::{Artifact, ArtifactError, BuildError};
pub use batch::{Batch, Decide};
pub use cache::{Cache, CacheDir};
pub use decision::{Decision, Output};
pub use engine::{Engine, Level, Options, Origin};
pub use hash::Hash;
pub use policy::Policy;
pub use record::Record;
pub use refusal::Refusal;
pub use row::{FieldRef, Row};
pub use snapshot::{BindError, Snapshot};

/// What policies, decisions and refusals are described with.
pub use opus_ir::{
    Currency, Domain, EnumDef, EnumValue, Fault, Field, Hole, Interval, Kind, Place, Program, Require, Rule,
    Schema, Shape, Verdict, Version,
};
