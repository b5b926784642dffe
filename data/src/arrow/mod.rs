//! Arrow IPC: the file format, and on reading also the stream format.

mod blocks;
mod claims;
mod read;
mod write;

pub use read::open;
pub use write::create;
