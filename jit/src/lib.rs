//! From a straight line to native code, one row at a time or 16 rows per step over columns.
//!
//! In reading order: for which machine ([`Level`]), how divisions become smaller (`reduce`) and then multiplications (`division`), which
//! values go into which piece (`plan`), what the lowerings write with (`emit`, `scalar`, `calendar`), the two
//! lowerings (`lower_row`, `lower_columns`), how they are put together ([`compile_row`], [`compile_columns`]),
//! the code as bytes ([`Native`]) and how it runs ([`RowKernel`], [`ColumnKernel`]).
//!
//! Native code is a cache of what the intermediate representation says, and never decides differently. It
//! calls nothing, traps nowhere and takes the same path for every row.
//!
//! This crate reads no file, clock, environment or random source. It asks the CPU for its features, and the
//! system for memory that can be executed.

mod calendar;
mod code;
mod compile;
mod division;
mod emit;
mod execute;
mod isa;
mod lower_columns;
mod lower_row;
mod plan;
mod reduce;
mod scalar;

pub use code::{COMPILER, Foreign, Kind, Native};
pub use compile::{Unsupported, compile_columns, compile_in_pieces, compile_row, disassemble};
pub use execute::{ColumnKernel, Kernel, LoadError, RowKernel, Scratch, load};
pub use isa::Level;
