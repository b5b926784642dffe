//! The five systems.

pub mod agent;
pub mod opus;
pub mod prompted;
pub mod python;
pub mod raw;
pub mod structured;

/// The names of the systems, in the order of the published tables.
pub const NAMES: [&str; 5] = ["opus", "agent_coded", "structured", "agent", "raw"];
