//! What must hold besides the sums for a proof to show something? Each condition by name, so that tests can leave out one
//! at a time: a test of the check that passes without one of them is no test of it.

/// A side condition of the check.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Side {
    /// The two sides of a leaf are the same polynomial.
    Identity,
    /// The goal is multiplied by an atom that is at least 1.
    Multiplier,
    /// The goal is multiplied by a positive number.
    Multiple,
    /// What is left over is less than the multiple.
    Remainder,
    /// What is not an equation is multiplied by a positive number.
    Sign,
    /// Only an equation is multiplied by an atom.
    Equation,
    /// A value is defined on every path to the place.
    Usable,
    /// Every row to the place has passed a branch.
    Passed,
    /// Every case is proved.
    EveryCase,
    /// What a case says is not known after it.
    Scope,
    /// A claim is not used for itself.
    OwnClaim,
    /// A quotient and a remainder say something where the divisor is positive.
    Divisor,
    /// A comparison says something where its answer is known.
    Answer,
    /// Two values say something together only if they are as alike as the row of their op asks.
    Alike,
    /// Two values are in order only if their operands are known to be.
    Order,
    /// Only an op that rises with its operand keeps the order of two.
    Rises,
}

impl Side {
    /// All of them.
    pub const ALL: [Side; 16] = [
        Side::Identity,
        Side::Multiplier,
        Side::Multiple,
        Side::Remainder,
        Side::Sign,
        Side::Equation,
        Side::Usable,
        Side::Passed,
        Side::EveryCase,
        Side::Scope,
        Side::OwnClaim,
        Side::Divisor,
        Side::Answer,
        Side::Alike,
        Side::Order,
        Side::Rises,
    ];
}

/// Whether a condition is asked for: always, but in a test that leaves it out.
#[cfg(not(any(test, feature = "testing")))]
pub(crate) const fn required(_: Side) -> bool {
    true
}

#[cfg(any(test, feature = "testing"))]
pub(crate) use switch::required;
#[cfg(any(test, feature = "testing"))]
pub use switch::without;

#[cfg(any(test, feature = "testing"))]
mod switch {
    use std::cell::Cell;

    use super::Side;

    thread_local! {
        static LEFT_OUT: Cell<Option<Side>> = const { Cell::new(None) };
    }

    pub(crate) fn required(side: Side) -> bool {
        LEFT_OUT.get() != Some(side)
    }

    /// Leaves out a condition on this thread while something runs.
    pub fn without<T>(side: Side, run: impl FnOnce() -> T) -> T {
        struct Again;
        impl Drop for Again {
            fn drop(&mut self) {
                LEFT_OUT.set(None);
            }
        }
        let _again = Again;
        LEFT_OUT.set(Some(side));
        run()
    }
}
