//! The tests that are written as a book: Markdown files whose fenced blocks are policies and what is expected
//! of them.

pub mod document;
