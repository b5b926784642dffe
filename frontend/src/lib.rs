//! From the text of a policy to what engines execute: tree, checks, intermediate representation; and
//! everything that is said about a policy while it is read.
//!
//! In reading order: what the author wrote ([`ast`]); what there is to say about it ([`diagnostic`], [`codes`]).
//!
//! This crate does no I/O and reads no clock, environment or random source.

pub mod ast;
pub mod codes;
pub mod diagnostic;
pub mod hir;
pub mod reference;
