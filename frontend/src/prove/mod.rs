//! How is a claim proved that the transfer functions do not give? By a search on IR alone, which the verifier's check has
//! to accept before anything is believed.
//!
//! Near the goal, every op says something about its result and operands ([`opus_ir::proof`]). If these facts, and products
//! of them where the goal is about products, contradict the assumption that the goal fails, then the multiples that show
//! it are a proof ([`simplex`]). If they do not, there is a point at which the facts hold and the goal fails, and an op
//! whose meaning that point violates says which cases to tell apart.
//!
//! Nothing depends on a hash, a clock, a float or a race, and the work is counted, so that what compiles on one machine
//! compiles on each.

mod again;
mod linear;
mod narrow;
mod rational;
mod search;
mod simplex;

pub use again::optimize;
pub use narrow::narrow;
pub use search::{Budget, Known, Search};
