//! The tests that are written as a book: Markdown files whose fenced blocks are policies and what is expected
//! of them.
//!
//! In reading order: what a file says ([`document`]), what a policy becomes on its way ([`stage`]), what is
//! decided on the rows of a table ([`table`]), and whether all of that is as the file says ([`case`]).

pub mod case;
pub mod document;
pub mod stage;
pub mod table;
