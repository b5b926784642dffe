//! Runs policies portably: a stack machine, one row at a time or 1,024 rows at a time.
//!
//! The machine has a stack of at most 64 values, locals that start at 0, constant tables, and the fields of a row or the
//! columns of many. Values are Booleans and integers of 32, 64 and 128 bits; every op is total. Code for rows branches
//! forward and ends each path with its outputs and a rule; code for columns is the same decision as predicated code
//! without branches.
//!
//! In reading order: what the machine can do ([`ops`]), what code is ([`code`]), how functions become code
//! ([`emit`]), why it may run ([`verify()`]), how rows are decided ([`row`],
//! [`columns`]: each first makes a plan of the code, without a stack).
//!
//! This crate does no I/O and reads no clock, environment or random source. It only asks which features the processor
//! has, for speed.

pub mod code;
pub mod columns;
pub mod emit;
mod lanes;
pub mod ops;
mod plan_columns;
mod plan_row;
mod reciprocal;
pub mod row;
mod slots;
pub mod verify;

pub use code::{Code, Interface, Malformed, RULE, Shape};
pub use columns::ColumnEngine;
pub use emit::{TooLarge, emit_columns, emit_row};
pub use row::RowEngine;
pub use verify::{Invalid, Verified, verify};
