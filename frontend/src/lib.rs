//! From the text of a policy to what engines execute: tree, checks, intermediate representation; and every
//! diagnostic along the way.
//!
//! The rooms, in reading order:
//!
//! - `text`: from a source to a tree ([`token`], [`lexer`], [`ast`], [`parse`]) and back ([`format`], [`canonical`]);
//! - [`check`]: from the tree to the typed tree ([`hir`]): names, units, versions, rules;
//! - [`reference`]: what a typed tree decides, with exact rationals;
//! - [`lower`]: from the typed tree to the IR, with a proved range for every value;
//! - `analysis`: gaps of tables ([`tables`]), unreachable rules ([`reach`]), counterexamples ([`counterexample`]), and
//!   what one field could change ([`stretch`]);
//! - [`compile()`]: all of it in one step, after which `trial` tries each fix; [`mend`] applies those that are sure.
//!
//! Used by all of them: diagnostics ([`diagnostic`], [`codes`]), the limits of the language ([`limits`]),
//! currencies ([`currency`]), and how values are written ([`display`]).
//!
//! This crate does no I/O and reads no clock, environment or random source.

mod analysis;
pub mod check;
pub mod codes;
mod compile;
pub mod currency;
pub mod diagnostic;
pub mod display;
pub mod hir;
pub mod limits;
pub mod lower;
pub mod prove;
pub mod reference;
mod text;
mod trial;

pub use analysis::{counterexample, reach, stretch, tables};
pub use compile::{Compiled, VERSION, compile, compile_for, diagnose};
pub use text::{ast, canonical, foreign_date, format, lexer, parse, testing, token};
pub use trial::{Mended, mend};
