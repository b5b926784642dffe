//! Runs compiled policies: artifacts, admission, one decision at a time or a batch of them.

pub mod admission;
pub mod artifact;
pub mod cache;
pub mod example;
pub mod hash;
mod room;

pub use artifact::{Artifact, ArtifactError, BuildError, build};
pub use cache::{Cache, CacheDir};
pub use hash::Hash;
