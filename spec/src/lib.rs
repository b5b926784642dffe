//! The tests that are written as a book: Markdown files whose fenced blocks are policies and expectations.
//!
//! In reading order: the contents of a file ([`document`]), the stages of a policy ([`stage`]), the decisions on
//! the rows of a table ([`table`] for a policy, [`function`] for a function of the IR), and the comparison with the
//! file ([`case`]).

pub mod case;
pub mod document;
pub mod function;
pub mod stage;
pub mod table;
