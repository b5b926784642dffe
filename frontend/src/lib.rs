//! From the text of a policy to what engines execute: tree, checks, intermediate representation; and
//! everything that is said about a policy while it is read.
//!
//! In reading order: the words ([`token`], [`lexer`]), what the author wrote ([`ast`], [`parse`]), within what
//! bounds ([`limits`]); what it means ([`hir`]), by the checks of names, units, versions and rules ([`check`])
//! and of tables ([`tables`]); what it decides ([`reference`]); what it becomes ([`lower`]), which rules no input
//! reaches ([`reach`]) and on which input something goes wrong ([`witness`]); what there is to say about it
//! ([`diagnostic`], [`codes`]), and how values are written ([`display`]).
//!
//! This crate does no I/O and reads no clock, environment or random source.

pub mod ast;
mod braces;
mod builder;
pub mod check;
pub mod codes;
mod compile;
pub mod currency;
pub mod diagnostic;
pub mod display;
pub mod format;
pub mod hir;
pub mod lexer;
pub mod limits;
pub mod lower;
pub mod parse;
mod partial;
pub mod reach;
pub mod reference;
mod syntax_error;
pub mod tables;
pub mod testing;
pub mod token;
pub mod witness;

pub use compile::{Compiled, compile};

/// The parser that lalrpop makes of `grammar.lalrpop`.
#[allow(clippy::all, missing_docs, unused)]
mod grammar {
    include!(concat!(env!("OUT_DIR"), "/grammar.rs"));
}
