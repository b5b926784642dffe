//! Rows in and out: Parquet, CSV, JSON lines and Arrow IPC to batches, and batches to files.
//!
//! In reading order: what can go wrong ([`error`]); which format, where from and where to ([`Format`], [`Endpoint`]), and
//! outputs that are complete or absent ([`Target`]); how columns map to fields ([`Mapping`], [`Intake`]); how cells and
//! columns become the integers of fields, a [`Chunk`] at a time; how each format is read ([`Reader`]) and written
//! ([`write`](mod@write)); how Arrow arrays are decided without a file ([`arrays`]), how one row of a file
//! is found ([`OneRow`]), and how whole files are decided ([`pipeline`]). Facts of a [`snapshot`] are read from files too. Parquet pages are [fuzzed](fuzz) both ways.
//!
//! This crate knows no command line, terminal or exit code, and installs no panic hook. It starts no threads: the
//! pipeline runs on a pool that its caller brings.

pub mod arrays;
mod arrow;
mod cells;
mod chunk;
mod columnar;
mod csv;
mod endpoint;
pub mod error;
mod fill;
mod find;
mod format;
pub mod fuzz;
mod given;
mod groups;
mod guard;
mod hash;
mod hints;
mod ignored;
mod intake;
mod json_lines;
mod lines;
mod mapping;
mod member;
mod names;
mod one_row;
mod packing;
mod parquet;
pub mod pipeline;
mod positioned;
pub mod record;
pub mod sample;
mod seen;
mod signature;
pub mod snapshot;
mod source;
mod spelling;
mod target;
mod texts;
mod typed;
mod unchanged;
pub mod write;

pub use chunk::{CHUNK_ROWS, Chunk, ColumnData, Filled, Kept};
pub use columnar::RowFault;
pub use endpoint::{Endpoint, Located, apart, inputs, left_out, open, output, outside, standard_input_once};
pub use error::{DataError, ErrorKind};
pub use format::Format;
pub use groups::Groups;
pub use guard::is_guarded;
pub use hash::Digest;
pub use ignored::Ignored;
pub use intake::Intake;
pub use mapping::{FieldMapping, Mapping, Sentinel};
pub use names::Names;
pub use one_row::{OneRow, each_row};
pub use opus_runtime::near::{did_you_mean, near};
pub use seen::{Census, Seen, Unmatched};
pub use source::Reader;
pub use spelling::{DateForm, Part, Spelling};
pub use target::{Target, Whole};

#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
