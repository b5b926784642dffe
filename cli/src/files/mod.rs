//! Files in and out: Parquet, CSV, JSON lines, Arrow IPC.
//!
//! In reading order: which format, where from and where to ([`format`], [`place`]), and that a file is complete or
//! not there ([`target`]); what is wanted of the columns ([`mapping`], [`intake`]); how cells and columns become the
//! integers of fields ([`cells`], [`columnar`], [`chunk`]); how each format is read ([`source`], [`hash`], [`lines`],
//! [`csv`], [`json_lines`], [`arrow`], [`parquet`]); how rows are written ([`write`]).

mod arrow;
mod cells;
mod chunk;
mod columnar;
mod csv;
mod format;
mod guard;
mod hash;
mod intake;
mod json_lines;
mod lines;
mod mapping;
mod near;
mod parquet;
mod place;
mod positioned;
mod source;
mod target;
mod typed;
pub mod write;

pub use chunk::{Admitted, Body, CHUNK_ROWS, Chunk, Kept};
pub use columnar::RowFault;
pub use format::Format;
pub use intake::Intake;
pub use mapping::{FieldMapping, Mapping, Sentinel};
pub use near::{did_you_mean, near};
pub use place::{Located, Place, apart, inputs, left_out, open, output, outside, standard_input_once};
pub use source::{Reader, Source};
pub use target::{Target, Whole};

#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
