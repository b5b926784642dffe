//! What can be shown about a policy beyond the type of each expression?
//!
//! Tables and rules are unions of boxes in one algebra (`regions`): which inputs the rows of a table leave out
//! (`tables`), and which rules no input reaches (`reach`). An input on which something fails is found by trial
//! (`counterexample`).

pub mod counterexample;
pub mod reach;
pub mod regions;
pub mod tables;
