//! JSON objects in UTF-8: one a line, or an array of them; on reading an array may also be one object after another.

mod read;
mod write;

pub use read::{open_array, open_lines, unquoted};
pub use write::{create_array, create_lines};
