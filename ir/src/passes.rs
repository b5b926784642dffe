//! What makes a function smaller without changing what it decides? One file per pass, and one table of them.
//!
//! Every pass takes a function that verifies and returns one that verifies: a rewriting that loses a proof is dropped.
//! Each pass is optional. None moves a refined value away from the branch that it relies on, because a value is only
//! ever replaced by one that dominates it.

mod dead;
mod fold;
mod narrow;
mod rewrite;
mod share;
mod simplify;

use crate::func::Func;

pub use dead::dead;
pub use fold::fold;
pub use narrow::narrow;
pub use share::share;

/// A pass and its name.
pub type Pass = (&'static str, fn(&mut Func));

/// Every pass, in the order in which [`optimize`] runs them.
pub const ALL: &[Pass] = &[("fold", fold), ("share", share), ("narrow", narrow), ("dead", dead)];

/// How often [`optimize`] runs all passes: what one finds out helps those before it.
const ROUNDS: usize = 2;

/// Runs every pass, each of them twice. Near-linear in the size of the function.
///
/// ```
/// use opus_ir::{Builder, End, Interval, Op, passes, verify};
/// let mut builder = Builder::new(vec![], vec![Interval::new(0, 9)]);
/// let (three, four) = (builder.constant(3), builder.constant(4));
/// let seven = builder.push(Op::Add, &[three, four], 0).unwrap();
/// builder.end(End::Decide { rule: 0, outputs: vec![seven] });
/// let mut func = builder.finish();
/// passes::optimize(&mut func);
/// assert_eq!(verify(func).unwrap().certificate().instructions, 1);
/// ```
pub fn optimize(func: &mut Func) {
    for (_, pass) in std::iter::repeat_n(ALL, ROUNDS).flatten() {
        pass(func);
    }
}
