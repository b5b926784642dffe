//! Runs policies portably: a stack machine, one row at a time or 1,024 rows at a time.
//!
//! The machine has a stack of at most 64 values, locals that are 0 in the beginning, constant tables, and the
//! fields of a row or the columns of many. Values are truth values and integers of 32, 64 and 128 bits; every op is
//! total. Code for rows branches forward and ends each path with its outputs and a rule; code for columns is the same
//! decision as a straight line, with masks for conditions.
//!
//! In reading order: what the machine can do ([`ops`]), what code is ([`code`]), how functions become code
//! ([`emit`]), why it may run ([`verify()`]), how rows are decided ([`row`],
//! [`columns`]: each turns code into a plan without a stack first).
//!
//! This crate does no I/O and reads no clock, environment or random source; only the features of the processor, for
//! speed.

pub mod code;
pub mod columns;
pub mod emit;
mod lane;
mod lanes;
pub mod ops;
mod plan_columns;
mod plan_row;
pub mod row;
mod slots;
pub mod verify;

pub use code::{Code, Interface, Malformed, RULE, Shape};
pub use columns::ColumnEngine;
pub use emit::{TooLarge, emit_columns, emit_row};
pub use row::RowEngine;
pub use verify::{Invalid, Verified, verify};
