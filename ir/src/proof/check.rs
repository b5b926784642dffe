//! Does a proof show what it is said to show? No search: every node is followed once, and a leaf is added up.

use std::collections::BTreeMap;

use num_bigint::BigInt;

use super::poly::{Monomial, Poly, Relation};
use super::scope::Scope;
use super::{Factor, Leaf, NODES_MAX, Node, Proof, Side, Split, TERMS_MAX, WORK_MAX, required};
use crate::func::Value;

/// How many nodes may be above one another. A constant of the format, as the check recurses.
pub const NODES_DEEP_MAX: usize = 128;

/// What is left of the limits on all proofs of a function.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    nodes: usize,
    monomials: usize,
}

impl Default for Work {
    fn default() -> Work {
        Work { nodes: NODES_MAX, monomials: WORK_MAX }
    }
}

/// What is shown: that a linear polynomial is not negative.
pub type Goal = Poly;

/// Why a proof shows nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gap {
    /// It ends too early, or goes on after its end.
    Shape,
    /// All proofs of the function together are too large.
    Limit,
    /// It names a value that is not defined here on every path.
    Value(Value),
    /// It names a fact that there is not.
    Fact,
    /// It multiplies what may not be multiplied so.
    Factor,
    /// It relies on a branch that not every row has passed.
    Branch(Value),
    /// It splits into cases that are not complete.
    Cases,
    /// The two sides of a leaf are not the same polynomial.
    Identity,
    /// What a leaf multiplies the goal by could be less than 1, or what is left over could be as much.
    Multiplier,
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Gap::Shape => f.write_str("it has another number of nodes than it says"),
            Gap::Limit => f.write_str("the proofs of this function are too large"),
            Gap::Value(value) => write!(f, "it names {value}, which is not defined on every path to here"),
            Gap::Fact => f.write_str("it names a fact that is not known here"),
            Gap::Factor => f.write_str("it multiplies something in a way that shows nothing"),
            Gap::Branch(condition) => write!(f, "not every row to here has passed a branch on {condition}"),
            Gap::Cases => f.write_str("its cases are not complete"),
            Gap::Identity => f.write_str("the two sides of a sum differ"),
            Gap::Multiplier => f.write_str(
                "what it multiplies the goal by could be less than 1, or no more than what is left over",
            ),
        }
    }
}

/// Checks that a proof shows `goal >= 0` where `scope` is known. `usable` says whether a value is defined on every path
/// to the place, and `passed` whether every row to it has passed a branch with this answer.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(
    proof: &Proof,
    goal: &Goal,
    scope: &mut Scope,
    work: &mut Work,
    usable: &dyn Fn(Value) -> bool,
    passed: &dyn Fn(Value, bool) -> bool,
) -> Result<(), Gap> {
    let mark = scope.mark();
    let mut checker = Checker { nodes: proof.nodes.iter(), scope, work, usable, passed };
    let checked = checker.proof(goal, NODES_DEEP_MAX);
    let is_whole = checker.nodes.next().is_none();
    scope.undo(mark);
    checked.and(if is_whole { Ok(()) } else { Err(Gap::Shape) })
}

struct Checker<'a, 'b> {
    nodes: std::slice::Iter<'a, Node>,
    scope: &'a mut Scope<'b>,
    work: &'a mut Work,
    usable: &'a dyn Fn(Value) -> bool,
    passed: &'a dyn Fn(Value, bool) -> bool,
}

impl Checker<'_, '_> {
    fn proof(&mut self, goal: &Goal, deep: usize) -> Result<(), Gap> {
        let deep = deep.checked_sub(1).ok_or(Gap::Limit)?;
        self.work.nodes = self.work.nodes.checked_sub(1).ok_or(Gap::Limit)?;
        match self.nodes.next().ok_or(Gap::Shape)? {
            Node::Leaf(leaf) => self.leaf(leaf, goal),
            Node::Have(fact) => {
                self.atoms(fact)?;
                if fact.degree() > 1 {
                    return Err(Gap::Factor);
                }
                self.proof(fact, deep)?;
                let mark = self.scope.mark();
                let paid = self.assume([Relation { poly: fact.clone(), is_zero: false }]);
                let checked = paid.and_then(|()| self.proof(goal, deep));
                self.scope.undo(mark);
                checked
            }
            Node::Derive(value) => {
                self.usable(*value)?;
                self.pay(self.scope.cost(*value))?;
                let mark = self.scope.mark();
                let derived = self.scope.derive(*value).ok_or(Gap::Fact);
                let checked = derived.and_then(|()| self.proof(goal, deep));
                self.scope.undo(mark);
                checked
            }
            Node::Pair(first, second) => {
                self.usable(*first)?;
                self.usable(*second)?;
                self.pay(self.scope.cost(*first) + self.scope.count_above())?;
                let together = self.scope.together(*first, *second).ok_or(Gap::Fact)?;
                let mark = self.scope.mark();
                let paid = self.assume([together]);
                let checked = paid.and_then(|()| self.proof(goal, deep));
                self.scope.undo(mark);
                checked
            }
            Node::Known(condition, holds) => {
                self.usable(*condition)?;
                if !(self.passed)(*condition, *holds) && required(Side::Passed) {
                    return Err(Gap::Branch(*condition));
                }
                let mark = self.scope.mark();
                self.scope.know(*condition, *holds);
                let paid = self.pay(self.scope.count_above());
                let checked = paid.and_then(|()| self.proof(goal, deep));
                self.scope.undo(mark);
                checked
            }
            Node::Cases(split) => {
                let (Split::At(value, _) | Split::Of(value)) = split;
                self.usable(*value)?;
                self.pay(self.scope.cost(*value))?;
                let mut cases = self.scope.cases(*split);
                if cases.is_empty() {
                    return Err(Gap::Cases);
                }
                if !required(Side::EveryCase) {
                    cases.truncate(1);
                }
                for case in cases {
                    let mark = self.scope.mark();
                    let paid = self.assume(case);
                    let checked = paid.and_then(|()| self.proof(goal, deep));
                    if required(Side::Scope) {
                        self.scope.undo(mark);
                    }
                    checked?;
                }
                Ok(())
            }
        }
    }

    fn leaf(&mut self, leaf: &Leaf, goal: &Goal) -> Result<(), Gap> {
        if leaf.terms.len() > TERMS_MAX {
            return Err(Gap::Limit);
        }
        let is_less = leaf.e >= 0 && (leaf.d <= 0 || leaf.e < leaf.d);
        if (leaf.d < 0 && required(Side::Multiple)) || (!is_less && required(Side::Remainder)) {
            return Err(Gap::Multiplier);
        }
        let m = match leaf.m {
            None => Poly::constant(1),
            Some(value) => {
                self.usable(value)?;
                if self.scope.range(value).lo < 1 && required(Side::Multiplier) {
                    return Err(Gap::Multiplier);
                }
                self.scope.term(value).poly
            }
        };
        let mut total = Total::default();
        match leaf.d {
            0 => total.add(&BigInt::from(1), &Poly::constant(1), &Poly::constant(1))?,
            d => {
                total.add(&-BigInt::from(d), &m, goal)?;
                total.add(&-BigInt::from(leaf.e), &m, &Poly::constant(1))?;
            }
        }
        for (times, factor) in &leaf.terms {
            let one = Poly::constant(1);
            let (a, b, is_zero) = match factor {
                Factor::One => (one.clone(), one, false),
                Factor::Fact(fact) => {
                    let fact = self.fact(*fact)?;
                    (fact.poly, one, fact.is_zero)
                }
                Factor::Product(a, b) => {
                    let (a, b) = (self.fact(*a)?, self.fact(*b)?);
                    if a.poly.degree() > 1 || b.poly.degree() > 1 {
                        return Err(Gap::Factor);
                    }
                    (a.poly, b.poly, a.is_zero || b.is_zero)
                }
                Factor::Times(fact, value) => {
                    self.usable(*value)?;
                    let fact = self.fact(*fact)?;
                    if (!fact.is_zero && required(Side::Equation)) || fact.poly.degree() > 1 {
                        return Err(Gap::Factor);
                    }
                    (fact.poly, self.scope.term(*value).poly, true)
                }
                Factor::Square(root) => {
                    self.atoms(root)?;
                    if root.degree() > 1 {
                        return Err(Gap::Factor);
                    }
                    (root.clone(), root.clone(), false)
                }
            };
            if *times < 0 && !is_zero && required(Side::Sign) {
                return Err(Gap::Factor);
            }
            self.pay(a.len() * b.len())?;
            total.add(&BigInt::from(*times), &a, &b)?;
        }
        if total.is_zero() || !required(Side::Identity) { Ok(()) } else { Err(Gap::Identity) }
    }

    fn fact(&mut self, fact: super::Fact) -> Result<Relation, Gap> {
        if let super::Fact::Low(value) | super::Fact::High(value) | super::Fact::Op(value, _) = fact {
            self.usable(value)?;
        }
        self.pay(if let super::Fact::Op(value, _) = fact { self.scope.cost(value) } else { 1 })?;
        self.scope.relation(fact).ok_or(Gap::Fact)
    }

    /// Adds relations, and pays for all that they say.
    fn assume(&mut self, relations: impl IntoIterator<Item = Relation>) -> Result<(), Gap> {
        let before = self.scope.count_above();
        relations.into_iter().for_each(|relation| self.scope.assume(relation));
        self.pay(self.scope.count_above() - before)
    }

    fn usable(&self, value: Value) -> Result<(), Gap> {
        if (self.usable)(value) { Ok(()) } else { Err(Gap::Value(value)) }
    }

    /// Whether a polynomial that the proof gives is about values that are defined here.
    fn atoms(&mut self, poly: &Poly) -> Result<(), Gap> {
        self.pay(poly.len())?;
        let usable = |value: Value| (self.usable)(value) && self.scope.atom(value) == value;
        match poly.atoms().find(|value| !usable(*value)) {
            None => Ok(()),
            Some(value) => Err(Gap::Value(value)),
        }
    }

    fn pay(&mut self, monomials: usize) -> Result<(), Gap> {
        self.work.monomials = self.work.monomials.checked_sub(monomials).ok_or(Gap::Limit)?;
        Ok(())
    }
}

/// A polynomial with coefficients of any size: those of a leaf stay below 400 bits, as each is the sum of at most
/// [`TERMS_MAX`] products of three integers of 128 bits, times the number of monomials.
#[derive(Default)]
struct Total(BTreeMap<Monomial, BigInt>);

impl Total {
    fn add(&mut self, times: &BigInt, a: &Poly, b: &Poly) -> Result<(), Gap> {
        for (x, p) in a.terms() {
            for (y, q) in b.terms() {
                let monomial = x.times(y).ok_or(Gap::Factor)?;
                *self.0.entry(monomial).or_default() += times * p * q;
            }
        }
        Ok(())
    }

    fn is_zero(&self) -> bool {
        self.0.values().all(|coefficient| *coefficient == BigInt::ZERO)
    }
}
