//! The `opus` command as a library.

pub mod sample;
