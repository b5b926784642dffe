//! From straight-line code to native code, one row at a time or 16 rows per step over columns.
//!
//! In reading order: the target machine ([`Level`]), how divisions become smaller (`reduce`) and then multiplications
//! (`division`), which piece computes which values (`plan`), the instructions that the lowerings write (`emit`,
//! `scalar`, `calendar`), the two lowerings (`lower_row`, `lower_columns`), how their output becomes a kernel
//! ([`compile_row`], [`compile_columns`]), the code as bytes ([`Native`]) and how it runs ([`RowKernel`],
//! [`ColumnKernel`]).
//!
//! Native code is a cache: its meaning is the intermediate representation's, and it never decides differently. It calls
//! nothing, never traps and takes the same path for every row.
//!
//! ```
//! use opus_ir::func::FieldRange;
//! use opus_ir::memory::Row;
//! use opus_ir::{Builder, End, Interval, Op, straighten, verify};
//! use opus_jit::{Level, RowKernel, compile_row};
//!
//! let age = FieldRange { is_bool: false, optional: false, range: Interval::new(16, 120) };
//! let mut builder = Builder::new(vec![age], vec![Interval::BOOL]);
//! let age = builder.push(Op::Field, &[], 0).unwrap();
//! let limit = builder.constant(18);
//! let minor = builder.push(Op::Lt, &[age, limit], 0).unwrap();
//! builder.end(End::Decide { rule: 0, outputs: vec![minor] });
//! let line = straighten(&verify(builder.finish()).unwrap());
//!
//! // on machines without any level the virtual machine decides
//! if let Some(level) = Level::best() {
//!     let kernel = RowKernel::load(&compile_row(&line, level)?)?;
//!     let (mut input, mut output) = (Row::new(kernel.inputs()), Row::new(kernel.outputs()));
//!     input.set(kernel.inputs().slots[0], Some(17));
//!     kernel.run(input.bytes(), output.bytes_mut());
//!     assert_eq!(output.get(kernel.outputs().slots[0]), Some(1));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This crate reads no file, clock, environment or random source. It asks the processor for its features, and the
//! operating system for executable memory.

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
