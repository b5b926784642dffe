//! The execution representation of a policy, and everything that can be said about it without running a
//! particular engine.
//!
//! In reading order: what a value is ([`types`], [`interval`]), what can be done with values ([`ops`]), how a
//! decision is put together from them ([`func`]), what a condition establishes ([`facts`]), how all of that is
//! checked ([`verify`](mod@verify)), what it means ([`interpret`](mod@interpret)) and how it reads ([`text`]). Then
//! what is done with it: smaller functions ([`passes`]), predicated code without branches ([`straight`],
//! [`straighten`](mod@straighten)), one function for several versions ([`merge`](mod@merge)), and constants in the place
//! of facts ([`bind`](mod@bind)). Last, what a policy is as a whole ([`schema`], [`program`]) and how its rows are laid out in memory ([`memory`]).
//!
//! This crate does no I/O and reads no clock, environment or random source.

pub mod bind;
pub mod date;
pub mod dominators;
mod emit;
pub mod facts;
pub mod fault;
pub mod func;
pub mod interpret;
pub mod interval;
pub mod memory;
pub mod merge;
pub mod op_page;
pub mod ops;
pub mod passes;
pub mod program;
pub mod proof;
pub mod rounding;
pub mod scalar;
pub mod schema;
pub mod semantics;
pub mod straight;
pub mod straighten;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod types;
pub mod verdict;
pub mod verify;

pub use bind::{Filling, bind, bind_by};
pub use facts::established;
pub use fault::{Fault, Place};
pub use func::{
    Block, BlockData, Builder, Def, End, Entries, Func, Inst, Open, Table, Target, Value, ValueData,
};
pub use interpret::{Returned, evaluate_straight, interpret};
pub use interval::Interval;
pub use merge::merge;
pub use ops::{Class, Imm, Op, Operands, Ranges, Unproved};
pub use program::{
    Hole, InvalidProgram, Program, Require, Rule, Shape, TABLE_ENTRIES_MAX, TableKey, VerifiedProgram,
    Version,
};
pub use rounding::Rounding;
pub use scalar::Scalar;
pub use schema::{Column, Currency, Domain, EnumDef, EnumValue, Field, Kind, Schema};
pub use straight::{Step, Straight};
pub use straighten::straighten;
pub use types::{Type, Width};
pub use verdict::Verdict;
pub use verify::{Certificate, Invalid, Location, Verified, verify};
