//! The `opus` command as a library.

pub mod args;
pub mod batch;
pub mod failure;
pub mod files;
pub mod render;
pub mod sample;
