//! What can be shown about a policy beyond the type of each expression?
//!
//! Tables and rules are unions of boxes in one algebra (`regions`): which inputs the rows of a table leave out
//! (`tables`), and which rules no input reaches (`reach`). An input on which something fails is found by trial
//! (`counterexample`). What a row could become when one field has any value of a stretch is found by intervals
//! (`stretch`).

pub mod counterexample;
pub mod reach;
pub mod regions;
pub mod stretch;
pub mod tables;
