//! What can be shown about a policy beyond the type of each expression?
//!
//! Which inputs the rows of a table leave out (`tables`), which rules no input reaches (`reach`), and on which
//! input something goes wrong (`witness`).

pub mod reach;
pub mod tables;
pub mod witness;
