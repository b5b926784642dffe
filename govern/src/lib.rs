//! Governance: everything that needs both the compiler and the runtime, but no data files.
//!
//! In reading order: what a policy is, its source or an artifact ([`source`]); the facts with which a row is decided
//! ([`facts`]); the reference evaluator as an engine ([`reference`]); whether all engines make the same decisions
//! ([`witnesses`]); how a decision was reached, rule by rule ([`trace`]), and what would have changed it ([`explain`]);
//! which parts rows use ([`coverage`]); what a policy consists of ([`structure`]); how one policy becomes another
//! ([`diff`]); how a row is read once for several policies ([`joint`]), which of their results differ ([`results`]),
//! what a change does to a portfolio ([`impact`]), and which edits changed which decisions ([`attribute`]).
//!
//! This crate reads and writes no files: callers bring bytes and rows.

pub mod attribute;
pub mod coverage;
pub mod diff;
pub mod explain;
pub mod facts;
pub mod impact;
pub mod joint;
pub mod reference;
pub mod results;
pub mod source;
pub mod structure;
pub mod total;
pub mod trace;
pub mod witnesses;
