//! What does a policy mean to builds that come later? Versions of the meaning are numbered, and a number is never redefined.
//!
//! A change of what an op, a rounding, a comparison or admission results in for any input is a new number. A build
//! executes the numbers that it lists and refuses others by name. A change of speed, of layout or of words is none.

/// The semantics of what this build compiles.
pub const SEMANTICS: u32 = 1;

/// Every semantics that this build executes.
pub const EXECUTED: &[u32] = &[SEMANTICS];
