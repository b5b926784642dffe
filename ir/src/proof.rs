//! Why does a value keep a narrower claim than its op's transfer function gives? A proof that is checked by adding up.
//!
//! A goal is `g >= 0`, where `g` is linear in *atoms*: values without the claims on top of them. A proof is a tree,
//! written in preorder ([`Node`]). Whoever finds it may use any means; the check ([`check`]) derives every fact from the
//! op, the branch or the case that the proof names, and compares coefficients.
//!
//! What the facts of an op are is a column of the op table, so that an op without them does not compile.

mod check;
mod codec;
mod facts;
mod poly;
mod scope;
mod side;

use crate::func::Value;

pub use check::{Gap, Goal, NODES_DEEP_MAX, Work, check};
pub use codec::{decode, encode};
pub use facts::{Case, Other, Term};
pub(crate) use facts::{
    balance, both, choices, choose, contrary, either, extremes, is_divisor, least, magnitude, magnitudes,
    months, moved, order, parity, product, quotient, remainder, rest, rising, stretch, sum,
};
pub use poly::{Monomial, Poly, Relation};
pub use scope::{Mark, Scope};
pub use side::Side;
pub(crate) use side::required;
#[cfg(any(test, feature = "testing"))]
pub use side::without;

/// The most terms that a leaf adds up. A constant of the format.
pub const TERMS_MAX: usize = 64;
/// The most nodes of all proofs of a function. A constant of the format.
pub const NODES_MAX: usize = 1 << 16;
/// The most monomials that all proofs of a function are made of while they are checked. A constant of the format.
pub const WORK_MAX: usize = 1 << 22;

/// The proofs of one value's claim: of its lower end and of its upper end, where the transfer function does not give it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Proofs {
    /// That the value is at least the lower end of its claim.
    pub low: Option<Proof>,
    /// That the value is at most the upper end of its claim.
    pub high: Option<Proof>,
}

/// A proof: its nodes in preorder.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Proof {
    /// The nodes. A [`Node::Leaf`] has nothing below it, [`Node::Cases`] a proof for each case, every other one a proof.
    pub nodes: Vec<Node>,
}

/// A step of a proof.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Node {
    /// The goal follows from facts.
    Leaf(Leaf),
    /// First comes the proof of `h >= 0`, then one in which it is a fact.
    Have(Poly),
    /// What the transfer function of a value gives from all that is known here of its operands becomes known of it.
    Derive(Value),
    /// What two values say together becomes known, by the row of the first one's op: for example, that a quotient is at most
    /// another one, whose dividend is known to be at least as great and whose divisor is the same.
    Pair(Value, Value),
    /// A branch that every row to this place has passed says that a condition holds, or that it has failed.
    Known(Value, bool),
    /// One of several cases applies to every row.
    Cases(Split),
}

/// A complete list of cases.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Split {
    /// An atom is at most this, or more.
    At(Value, i128),
    /// The cases of an atom's op, by its row in the op table.
    Of(Value),
}

/// The identity `m * (d * g + e) = sum of terms`, where `d >= 1` and `0 <= e < d`: as `g` is an integer, `g >= 0`
/// follows. Where `d` is 0, the terms add up to -1 instead: no row gets here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaf {
    /// An atom that is at least 1; 1 itself where there is none.
    pub m: Option<Value>,
    /// The multiple of the goal.
    pub d: i128,
    /// What is left over.
    pub e: i128,
    /// What is added up.
    pub terms: Vec<(i128, Factor)>,
}

/// Something that is known not to be negative, or to be zero. A multiple of it may be added: a positive one, or any of
/// an equation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Factor {
    /// The number 1.
    One,
    /// A fact.
    Fact(Fact),
    /// The product of two linear facts that are not negative.
    Product(Fact, Fact),
    /// A linear equation times an atom.
    Times(Fact, Value),
    /// The square of a linear expression.
    Square(Poly),
}

/// A fact, by where it comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fact {
    /// A value is at least the lower end of what is known of it.
    Low(Value),
    /// A value is at most the upper end of what is known of it.
    High(Value),
    /// What the row of a value's op says, by number.
    Op(Value, u16),
    /// What a `Have`, a `Derive`, a `Pair`, a branch or a case above established, by number from the outermost.
    Above(u16),
}

impl Node {
    /// How many proofs follow directly below a node, where `cases` says how many cases a split has.
    pub fn below(&self, cases: impl Fn(&Split) -> usize) -> usize {
        match self {
            Node::Leaf(_) => 0,
            Node::Have(_) => 2,
            Node::Derive(_) | Node::Pair(..) | Node::Known(..) => 1,
            Node::Cases(split) => cases(split),
        }
    }
}

impl Proof {
    /// How many leaves it has, which is what its size is measured by.
    pub fn leaves(&self) -> usize {
        self.nodes.iter().filter(|node| matches!(node, Node::Leaf(_))).count()
    }
}

impl Proofs {
    /// Both, where they are.
    pub fn iter(&self) -> impl Iterator<Item = &Proof> {
        self.low.iter().chain(&self.high)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.low.is_none() && self.high.is_none()
    }
}
