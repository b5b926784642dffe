//! From the text of a policy to what engines execute: tree, checks, intermediate representation; and
//! everything that is said about a policy while it is read.
//!
//! In reading order: what the author wrote ([`ast`]).
//!
//! This crate does no I/O and reads no clock, environment or random source.

pub mod ast;
pub mod hir;
pub mod reference;
