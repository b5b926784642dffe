//! Which cases have to be told apart, and in which order? A goal is tried as it is; where the facts leave a point at which
//! it fails, the first op whose meaning that point violates is split.

use std::collections::BTreeSet;

use num_integer::Integer;
use opus_ir::facts::Facts;
use opus_ir::proof::{
    self, Gap, Monomial, NODES_DEEP_MAX, Node, Poly, Proof, Proofs, Relation, Scope, Split, Work,
};
use opus_ir::{Def, Func, Interval, Op, Value};

use super::linear::{Answer, Point, follows};
use super::rational::Rational;
use crate::limits::GOAL_WORK_MAX;

/// How many atoms around a goal are looked at.
const ATOMS_MAX: usize = 96;
/// How many branches are used for one goal, the latest first.
const BRANCHES_MAX: usize = 48;
/// Up to how many branches all are used where those near the goal do not suffice.
const ALL_BRANCHES_MAX: usize = 16;
/// How often what the branches taken so far are about brings in others.
const ROUNDS: usize = 3;
/// How many branches are looked at for what they are about: the first ones and the last ones.
const FIRST_LOOKED_AT: usize = 32;
const LAST_LOOKED_AT: usize = 96;
/// How deep cases are split.
const SPLITS_DEEP_MAX: usize = 24;
/// The effort for a claim that has to be proved.
const WHOLE: Effort = Effort { leaves: 192, products: true };
/// The effort for what is only tried.
const BRIEF: Effort = Effort { leaves: 4, products: false };
/// The ops whose rows say something of pairs of values.
const PAIRED: [Op; 5] = [Op::Divide, Op::Modulo, Op::Bucket, Op::Lookup, Op::AddMonths];
/// How many pairs of values are used for one goal.
const PAIRS_MAX: usize = 16;
/// How many factors of products are bounded first.
const FACTORS_MAX: usize = 4;
/// How many rounded products and quotients are compared with their factors first.
const SHARES_MAX: usize = 6;
/// The effort for such a comparison.
const SHARE: Effort = Effort { leaves: 8, products: true };

/// A condition that every row to a place meets.
pub type Known = (Value, bool);

/// Searches for proofs in a function.
pub struct Search<'a> {
    func: &'a Func,
    facts: Facts<'a>,
    /// What branches say on the way to the place, the earliest first.
    known: &'a [Known],
    /// What may still be done.
    budget: &'a mut Budget,
    effort: Effort,
}

/// How much is tried for one goal.
#[derive(Clone, Copy)]
struct Effort {
    /// How many leaves a proof may have.
    leaves: usize,
    /// Whether products of facts are tried, and divisors as multipliers.
    products: bool,
}

/// What may still be done for all goals of a function.
#[derive(Clone, Debug)]
pub struct Budget {
    /// For the search, in words.
    words: usize,
    /// For the check of what was found, which the format limits.
    checks: Work,
}

impl Budget {
    /// The share of one function, in a policy with so many versions.
    pub fn shared(words: usize, versions: usize) -> Budget {
        Budget { words: words / versions.max(1), checks: Work::default() }
    }

    /// Whether nothing is left of it.
    pub fn is_spent(&self) -> bool {
        self.words == 0
    }
}

impl<'a> Search<'a> {
    /// At a place that every row reaches by these branches.
    pub fn new(func: &'a Func, facts: Facts<'a>, known: &'a [Known], budget: &'a mut Budget) -> Search<'a> {
        Search { func, facts, known, budget, effort: WHOLE }
    }

    /// The same search, which only adds facts up and tells few cases apart.
    pub fn briefly(self) -> Search<'a> {
        Search { effort: BRIEF, ..self }
    }

    /// The only answer that the branches leave to a condition.
    pub fn told(&mut self, condition: Value) -> Option<bool> {
        let mut is_always = |answer: bool| self.within(condition, Interval::point(answer.into())).is_some();
        [false, true].into_iter().find(|answer| is_always(*answer))
    }

    /// The proofs that a value keeps a range, in what is claimed of it already; `None` where none is found.
    pub fn within(&mut self, value: Value, range: Interval) -> Option<Proofs> {
        let claimed = self.func.values[value].range;
        let atom = Poly::of(self.facts.origin(value));
        let mut proofs = Proofs::default();
        if range.lo > claimed.lo {
            proofs.low = Some(self.proof(&atom.at_least(range.lo)?)?);
        }
        if range.hi < claimed.hi {
            proofs.high = Some(self.proof(&atom.at_most(range.hi)?)?);
        }
        Some(proofs)
    }

    /// An interval of an exact result about which nothing is known yet, and its proofs. Each end has as few bits as can be
    /// proved. `None` if the result is not proved to fit in 128 bits.
    pub fn exact(&mut self, value: Value) -> Option<(Interval, Proofs)> {
        const BITS_MAX: i128 = 126;
        let atom = Poly::of(value);
        let mut nearest = |goal: &dyn Fn(i128) -> Option<Poly>| {
            let end = |bits: i128| (1 << bits) - 1;
            let whole = self.proof(&goal(end(BITS_MAX))?)?;
            let better = nearest(0, BITS_MAX, |bits| self.proof(&goal(end(bits))?));
            Some(better.map_or((end(BITS_MAX), whole), |(bits, proof)| (end(bits), proof)))
        };
        let (hi, high) = nearest(&|end| atom.at_most(end))?;
        let (lo, low) = nearest(&|end| atom.at_least(-end))?;
        Some((Interval::new(-lo, hi), Proofs { low: Some(low), high: Some(high) }))
    }

    /// What can be proved of a value that does not keep a range, as far as its ends are outside of the range, and from which
    /// branches, none of which can be left out.
    pub fn narrowest(&mut self, value: Value, range: Interval) -> (Interval, Vec<Known>) {
        let mut found = self.func.values[value].range;
        let mut used = BTreeSet::new();
        let atom = Poly::of(self.facts.origin(value));
        if found.lo < range.lo {
            let (lo, known) = self.nearest(range.lo, found.lo, |end| atom.at_least(end));
            found.lo = lo;
            used.extend(known);
        }
        if found.hi > range.hi {
            let (hi, known) = self.nearest(range.hi, found.hi, |end| atom.at_most(end));
            found.hi = hi;
            used.extend(known);
        }
        (found, self.known.iter().copied().filter(|known| used.contains(known)).collect())
    }

    /// Of the ends from one that is wanted to one that holds, the nearest to the first that is proved, and from which branches.
    fn nearest(
        &mut self,
        wanted: i128,
        holds: i128,
        goal: impl Fn(i128) -> Option<Poly>,
    ) -> (i128, Vec<Known>) {
        let mut left = self.budget.words;
        let branches = goal(holds).map_or(Vec::new(), |goal| self.branches_near(&goal, &mut left));
        let mut is_proved = |end: i128, branches: &[Known]| {
            left > 0 && goal(end).is_some_and(|goal| self.attempt(&goal, branches, &mut left).is_some())
        };
        let found = nearest(wanted, holds, |end| is_proved(end, &branches).then_some(()));
        let end = found.map_or(holds, |(end, ())| end);
        let mut used = if found.is_some() || is_proved(end, &branches) { branches } else { Vec::new() };
        for at in (0..used.len()).rev() {
            let without: Vec<Known> = [&used[..at], &used[at + 1..]].concat();
            if is_proved(end, &without) {
                used = without;
            }
        }
        self.budget.words = left;
        (end, used)
    }

    /// A proof that a linear polynomial is not negative, which the check accepts.
    pub fn proof(&mut self, goal: &Poly) -> Option<Proof> {
        let mut left = GOAL_WORK_MAX.min(self.budget.words);
        let before = left;
        let mut found = self.attempt(goal, &[], &mut left);
        if found.is_none() {
            let near = self.branches_near(goal, &mut left);
            if !near.is_empty() {
                found = self.attempt(goal, &near, &mut left);
            }
            if found.is_none() && self.effort.products {
                found = self.with_parts(goal, &near, &mut left);
            }
            // what has nothing to do with the goal may say that no row comes here
            if found.is_none() && near.len() < self.known.len() && self.known.len() <= ALL_BRANCHES_MAX {
                found = self.attempt(goal, self.known, &mut left);
            }
        }
        self.budget.words -= before - left;
        let nodes = found?;
        let proof = Proof { nodes };
        let mut scope = Scope::new(self.func, self.facts, None);
        let usable = |_: Value| true;
        let passed = |condition: Value, holds: bool| self.known.contains(&(condition, holds));
        let mut work = self.budget.checks;
        let checked = proof::check(&proof, goal, &mut scope, &mut work, &usable, &passed);
        debug_assert!(
            checked.is_ok() || checked == Err(Gap::Limit),
            "what the search finds is proved: {}\n{proof:?}\n{}",
            checked.unwrap_err(),
            self.func
        );
        checked.ok()?;
        self.budget.checks = work;
        Some(proof)
    }

    /// A proof that first shows what it can about the parts of a goal, operands before results. A rounded product or quotient is
    /// compared with its factors, because a share of an amount is at most the amount. A factor is bounded as far as branches and
    /// other facts allow, because `d * d` is small where `d` is.
    fn with_parts(&self, goal: &Poly, branches: &[Known], left: &mut usize) -> Option<Vec<Node>> {
        let roots: Vec<Value> = goal.atoms().collect();
        let closure = self.closure(&roots);
        let factors_of = |atom: Value| {
            let inst = self.func.inst(atom).filter(|inst| inst.op == Op::Mul)?;
            Some(inst.operands::<2>().map(|factor| self.facts.origin(factor)))
        };
        let varies = |factor: &Value| self.func.constant(*factor).is_none();
        let products = closure.iter().filter_map(|atom| factors_of(*atom));
        let factors: BTreeSet<Value> =
            products.filter(|factors| factors.iter().all(varies)).flatten().take(FACTORS_MAX).collect();
        let dividend = |atom: Value| {
            let inst = self.func.inst(atom).filter(|inst| inst.op == Op::Divide)?;
            factors_of(self.facts.origin(inst.args()[0]))
        };
        let (mut nodes, mut known, mut shares) = (Vec::new(), Vec::new(), 0);
        for part in closure.iter().copied() {
            let shared = dividend(part).filter(|_| shares < SHARES_MAX);
            shares += usize::from(shared.is_some());
            for factor in shared.into_iter().flatten().filter(varies) {
                let Some(goal) = Poly::of(factor).plus(-1, &Poly::of(part)) else { continue };
                if *left > 0
                    && let Some(proof) = self.attempt_where(&goal, branches, &known, SHARE, left)
                {
                    nodes.push(Node::Have(goal.clone()));
                    nodes.extend(proof);
                    known.push(Relation { poly: goal, is_zero: false });
                }
            }
            if factors.contains(&part) {
                self.bound(part, branches, &mut nodes, &mut known, left);
            }
        }
        if known.is_empty() {
            return None;
        }
        nodes.extend(self.attempt_where(goal, branches, &known, self.effort, left)?);
        Some(nodes)
    }

    /// Shows how far a part can be bounded towards 0 on both sides.
    fn bound(
        &self,
        part: Value,
        branches: &[Known],
        nodes: &mut Vec<Node>,
        known: &mut Vec<Relation>,
        left: &mut usize,
    ) {
        let (atom, range) = (Poly::of(part), self.func.values[part].range);
        for (end, is_low) in [(range.lo.min(0), true), (range.hi.max(0), false)] {
            let mut bound = |end: i128| {
                let goal = if is_low { atom.at_least(end) } else { atom.at_most(end) }?;
                let proof = (*left > 0).then(|| self.attempt_where(&goal, branches, known, BRIEF, left));
                Some((goal, proof??))
            };
            // most parts cannot be bounded any further, which one step shows
            let next = end - end.signum();
            let by_one = if end == 0 { None } else { bound(next) };
            let shown = by_one.map(|by_one| nearest(0, next, &mut bound).map_or(by_one, |found| found.1));
            if let Some((goal, proof)) = shown {
                nodes.push(Node::Have(goal.clone()));
                nodes.extend(proof);
                known.push(Relation { poly: goal, is_zero: false });
            }
        }
    }

    fn attempt(&self, goal: &Poly, branches: &[Known], left: &mut usize) -> Option<Vec<Node>> {
        self.attempt_where(goal, branches, &[], self.effort, left)
    }

    /// The same, where relations have been shown before.
    fn attempt_where(
        &self,
        goal: &Poly,
        branches: &[Known],
        shown: &[Relation],
        effort: Effort,
        left: &mut usize,
    ) -> Option<Vec<Node>> {
        let mut scope = Scope::new(self.func, self.facts, None);
        let mut nodes = Vec::new();
        shown.iter().for_each(|relation| scope.assume(relation.clone()));
        for (condition, holds) in branches {
            scope.know(*condition, *holds);
            nodes.push(Node::Known(*condition, *holds));
        }
        let mut roots: Vec<Value> = goal.atoms().collect();
        for number in 0..scope.count_above() {
            let relation = scope.relation(proof::Fact::Above(number as u16));
            roots.extend(relation.iter().flat_map(|relation| relation.poly.atoms()));
        }
        let atoms = self.closure(&roots);
        let mut attempt = Attempt { scope, atoms, left, effort, pairs_left: PAIRS_MAX };
        let deep = SPLITS_DEEP_MAX.min(NODES_DEEP_MAX - nodes.len());
        let below = match tightened(&attempt.scope, goal) {
            Some(tight) => {
                nodes.push(Node::Have(tight.clone()));
                nodes.extend(attempt.solve(&tight, deep)?);
                attempt.scope.assume(Relation { poly: tight, is_zero: false });
                attempt.solve(goal, deep)?
            }
            None => attempt.solve(goal, deep)?,
        };
        nodes.extend(below);
        Some(nodes)
    }

    /// Values and all that they are computed from, breadth first: those near come before those far away.
    fn closure(&self, roots: &[Value]) -> BTreeSet<Value> {
        let mut atoms = BTreeSet::new();
        let mut pending: std::collections::VecDeque<Value> = roots.iter().copied().collect();
        while let Some(value) = pending.pop_front() {
            let atom = self.facts.origin(value);
            if atoms.len() >= ATOMS_MAX || self.func.constant(atom).is_some() || !atoms.insert(atom) {
                continue;
            }
            if let Def::Inst(inst) = &self.func.values[atom].def {
                pending.extend(inst.args());
            }
        }
        atoms
    }

    /// The branches that say something about what the goal is computed from, in their order.
    fn branches_near(&self, goal: &Poly, left: &mut usize) -> Vec<Known> {
        let roots: Vec<Value> = goal.atoms().collect();
        let mut near = self.closure(&roots);
        // requires come first, and what the rules just above have established comes last
        let is_looked_at = |at: &usize| *at < FIRST_LOOKED_AT || *at + LAST_LOOKED_AT >= self.known.len();
        let looked_at: Vec<usize> = (0..self.known.len()).filter(is_looked_at).collect();
        let reached: Vec<BTreeSet<Value>> =
            looked_at.iter().map(|at| self.closure(&[self.known[*at].0])).collect();
        *left = left.saturating_sub(reached.iter().map(BTreeSet::len).sum());
        let mut taken = vec![false; looked_at.len()];
        let mut count = 0;
        // what is compared with something near is near, and so on
        for _ in 0..ROUNDS {
            for (at, reached) in reached.iter().enumerate().rev() {
                if !taken[at] && count < BRANCHES_MAX && reached.iter().any(|atom| near.contains(atom)) {
                    taken[at] = true;
                    count += 1;
                }
            }
            let of_taken = reached.iter().zip(&taken).filter(|(_, taken)| **taken);
            near.extend(of_taken.flat_map(|(reached, _)| reached.iter().copied()));
        }
        looked_at.iter().zip(taken).filter(|(_, taken)| *taken).map(|(at, _)| self.known[*at]).collect()
    }
}

/// The number nearest to `wanted` for which `prove` finds a proof, on the way from there to `holds`, and the proof. `holds`
/// itself is not tried.
fn nearest<T>(wanted: i128, holds: i128, mut prove: impl FnMut(i128) -> Option<T>) -> Option<(i128, T)> {
    let mut best = (wanted != holds).then(|| prove(wanted)).flatten().map(|proof| (wanted, proof));
    let (mut near, mut far) = (wanted, holds);
    while best.as_ref().is_none_or(|(end, _)| *end != wanted) {
        let middle = (near >> 1) + (far >> 1) + (near & far & 1);
        if middle == near || middle == far {
            break;
        }
        match prove(middle) {
            Some(proof) => {
                far = middle;
                best = Some((middle, proof));
            }
            None => near = middle,
        }
    }
    best
}

/// The goal in terms of what its atoms are the sums and multiples of, divided by what all coefficients have in common:
/// `100 * (a - b) >= -99` is `a - b >= 0`. `None` where they have nothing in common.
fn tightened(scope: &Scope, goal: &Poly) -> Option<Poly> {
    let mut plain = goal.clone();
    let sums = |atom: &Value| {
        let inst = scope.func().inst(*atom)?;
        let equation = scope.says(*atom).into_iter().next()?;
        let is_sum = matches!(inst.op, Op::Add | Op::Sub | Op::Mul | Op::Not) && equation.poly.degree() == 1;
        is_sum.then_some((*atom, equation.poly))
    };
    for _ in 0..ATOMS_MAX {
        let atoms: BTreeSet<Value> = plain.atoms().collect();
        // the latest first, as operands come before results
        let Some((atom, equation)) = atoms.iter().rev().find_map(sums) else { break };
        // the result has the coefficient -1 in its equation
        plain = plain.plus(plain.coefficient(Monomial::of(atom)), &equation)?;
    }
    let terms = || plain.terms().filter(|(monomial, _)| *monomial != Monomial::ONE);
    let common = terms().fold(0, |common: i128, (_, coefficient)| common.gcd(&coefficient));
    (common > 1).then_some(())?;
    let constant = Poly::constant(plain.coefficient(Monomial::ONE).div_euclid(common));
    terms().try_fold(constant, |tight, (monomial, coefficient)| {
        tight.plus(1, &Poly::term(monomial, coefficient / common))
    })
}

/// Whether a relation fails at a point, which has a value for each of its atoms.
fn violates(point: &Point, relation: &Relation) -> bool {
    let mut sum = Rational::integer(0);
    for (monomial, times) in relation.poly.terms() {
        match point.get(&monomial) {
            _ if monomial == Monomial::ONE => sum = sum.plus(&Rational::integer(times)),
            Some(value) => sum = sum.plus(&Rational::integer(times).times(value)),
            // nothing is known of this product yet
            None if monomial.degree() > 1 => return true,
            None => return false,
        }
    }
    sum.signum() < 0 || (relation.is_zero && sum.signum() > 0)
}

/// Which cases of an atom to tell apart, from the values of atoms at a point.
type Rank<T> = fn(&T, Value, &dyn Fn(Value) -> Option<Rational>) -> Option<Split>;

struct Attempt<'a, 'b> {
    scope: Scope<'a>,
    atoms: BTreeSet<Value>,
    left: &'b mut usize,
    /// What is left of it.
    effort: Effort,
    /// How many pairs may still be used.
    pairs_left: usize,
}

impl Attempt<'_, '_> {
    fn solve(&mut self, goal: &Poly, deep: usize) -> Option<Vec<Node>> {
        let mark = self.scope.mark();
        let mut nodes = self.propagate();
        let below = self.decide(goal, deep);
        self.scope.undo(mark);
        nodes.extend(below?);
        Some(nodes)
    }

    /// Carries what has become known of operands over to results.
    fn propagate(&mut self) -> Vec<Node> {
        let mut nodes = Vec::new();
        for atom in self.atoms.clone() {
            let Some(derived) = self.scope.derived(atom) else { continue };
            let known = self.scope.range(atom);
            let is_narrower = derived.lo > known.lo || derived.hi < known.hi;
            if is_narrower && self.scope.derive(atom).is_some() {
                nodes.push(Node::Derive(atom));
            }
        }
        nodes
    }

    fn decide(&mut self, goal: &Poly, deep: usize) -> Option<Vec<Node>> {
        self.effort.leaves = self.effort.leaves.checked_sub(1)?;
        let mut nodes = Vec::new();
        let point = loop {
            let point = match self.follows(goal, None) {
                Answer::Proved(leaf) => {
                    nodes.push(Node::Leaf(leaf));
                    return Some(nodes);
                }
                Answer::Open(point) => point,
                Answer::Spent => return None,
            };
            let pairs = self.pairs(&point);
            if pairs.is_empty() {
                break point;
            }
            nodes.extend(pairs);
        };
        let divisors = if self.effort.products { self.divisors() } else { Vec::new() };
        for divisor in divisors {
            match self.follows(goal, Some(divisor)) {
                Answer::Proved(leaf) => {
                    nodes.push(Node::Leaf(leaf));
                    return Some(nodes);
                }
                Answer::Open(_) => {}
                Answer::Spent => return None,
            }
        }
        let deep = deep.checked_sub(1)?;
        let split = self.split(&point)?;
        nodes.push(Node::Cases(split));
        for case in self.scope.cases(split) {
            let mark = self.scope.mark();
            case.into_iter().for_each(|relation: Relation| self.scope.assume(relation));
            let below = self.solve(goal, deep);
            self.scope.undo(mark);
            nodes.extend(below?);
        }
        Some(nodes)
    }

    fn follows(&mut self, goal: &Poly, m: Option<Value>) -> Answer {
        let products = self.effort.products || m.is_some();
        follows(&self.scope, &self.atoms, goal, m, products, self.left)
    }

    /// Makes known what pairs of values say together, where the point violates it and the order of their operands is proved.
    fn pairs(&mut self, point: &Point) -> Vec<Node> {
        let mut nodes = Vec::new();
        let func = self.scope.func();
        let is_paired = |atom: &Value| func.inst(*atom).is_some_and(|inst| PAIRED.contains(&inst.op));
        let paired: Vec<Value> = self.atoms.iter().copied().filter(is_paired).collect();
        let pairs = paired.iter().flat_map(|first| paired.iter().map(move |second| (*first, *second)));
        for (first, second) in pairs.filter(|(first, second)| first != second) {
            let is_violated = |(relation, _): &(Relation, Poly)| violates(point, relation);
            if self.pairs_left > 0
                && self.scope.beside(first, second).as_ref().is_some_and(is_violated)
                && let Some(pair) = self.pair(first, second)
            {
                self.pairs_left -= 1;
                nodes.extend(pair);
            }
        }
        nodes
    }

    /// Makes known what two values say together, if the order of their operands is proved.
    fn pair(&mut self, first: Value, second: Value) -> Option<Vec<Node>> {
        let (relation, more) = self.scope.beside(first, second)?;
        let mark = self.scope.mark();
        let mut nodes = Vec::new();
        if self.scope.together(first, second).is_none() {
            let operand =
                |value: Value| Some(self.scope.atom(*self.scope.func().inst(value)?.args().first()?));
            let operands = operand(first).zip(operand(second));
            let of_operands = operands.filter(|(a, b)| self.scope.beside(*a, *b).is_some());
            if let Some(pair) = of_operands.and_then(|(a, b)| self.pair(a, b)) {
                nodes.extend(pair);
            } else if let Answer::Proved(leaf) = self.follows(&more, None) {
                nodes.extend([Node::Have(more.clone()), Node::Leaf(leaf)]);
                self.scope.assume(Relation { poly: more, is_zero: false });
            }
            if self.scope.together(first, second).is_none() {
                self.scope.undo(mark);
                return None;
            }
        }
        nodes.push(Node::Pair(first, second));
        self.scope.assume(relation);
        Some(nodes)
    }

    /// What something is divided by, once for each atom.
    fn divisors(&self) -> Vec<Value> {
        let func = self.scope.func();
        let of =
            |atom: &Value| func.inst(*atom).filter(|inst| inst.op == Op::Divide).map(|inst| inst.args()[1]);
        let varies = |divisor: &Value| func.constant(self.scope.atom(*divisor)).is_none();
        let mut seen = BTreeSet::new();
        let positive = self.atoms.iter().filter_map(of).filter(|divisor| self.scope.range(*divisor).lo >= 1);
        positive.filter(varies).filter(|divisor| seen.insert(self.scope.atom(*divisor))).collect()
    }

    /// The cases of the first op that the point violates.
    fn split(&self, point: &Point) -> Option<Split> {
        let value = |value: Value| {
            let term = self.scope.term(value);
            match (term.poly.single(), term.range.single()) {
                (None, Some(x)) => Some(Rational::integer(x)),
                _ => point.get(&Monomial::of(self.scope.atom(value))).cloned(),
            }
        };
        // conditions, choices and extremes first, look-ups after them, other integers last
        let rank: [Rank<Self>; 4] = [Self::choice, Self::condition, Self::look_up, Self::whole];
        rank.into_iter().find_map(|rank| self.atoms.iter().rev().find_map(|atom| rank(self, *atom, &value)))
    }

    fn choice(&self, atom: Value, value: &dyn Fn(Value) -> Option<Rational>) -> Option<Split> {
        let inst = self.scope.func().inst(atom)?;
        let q = value(atom)?;
        let operand = |i: usize| value(inst.args()[i]);
        let violated = match inst.op {
            Op::Min => q != operand(0)?.min(operand(1)?),
            Op::Max => q != operand(0)?.max(operand(1)?),
            Op::Abs => {
                let a = operand(0)?;
                q != if a.signum() < 0 { a.negated() } else { a }
            }
            Op::Select => {
                let condition = operand(0)?;
                let chosen = if condition.signum() > 0 { operand(1) } else { operand(2) };
                self.scope.range(inst.args()[0]).single().is_none()
                    && (!condition.is_integer() || Some(q) != chosen)
            }
            Op::Eq | Op::Ne => operand(0)? == operand(1)?,
            Op::Divide => {
                // the rounding depends on the sign of the dividend
                let dividend = inst.args()[0];
                let range = self.scope.range(dividend);
                let signed = !self.scope.says(atom).is_empty() && range.lo < 0 && range.hi > 0;
                let depends = !matches!(inst.imm, 0 | 5 | 6);
                return (signed && depends && self.scope.func().constant(dividend).is_none())
                    .then(|| Split::At(self.scope.atom(dividend), -1));
            }
            _ => false,
        };
        let split = Split::Of(atom);
        (violated && !self.scope.cases(split).is_empty()).then_some(split)
    }

    fn condition(&self, atom: Value, value: &dyn Fn(Value) -> Option<Rational>) -> Option<Split> {
        let func = self.scope.func();
        let is_open = func.values[atom].ty.is_bool() && self.scope.range(atom).single().is_none();
        let inst = func.inst(atom).filter(|_| is_open);
        let q = value(atom)?;
        let holds = |inst: &opus_ir::Inst| {
            let (a, b) = (value(inst.args()[0])?, value(inst.args()[1])?);
            Some(match inst.op {
                Op::Lt => a < b,
                Op::Le => a <= b,
                Op::Eq => a == b,
                Op::Ne => a != b,
                _ => return None,
            })
        };
        let told = inst.filter(|inst| inst.args().len() == 2).and_then(holds);
        let violated =
            is_open && (!q.is_integer() || told.is_some_and(|told| q != Rational::integer(i128::from(told))));
        violated.then_some(Split::At(atom, 0))
    }

    fn look_up(&self, atom: Value, value: &dyn Fn(Value) -> Option<Rational>) -> Option<Split> {
        let func = self.scope.func();
        let inst = func.inst(atom).filter(|inst| matches!(inst.op, Op::Lookup | Op::Bucket))?;
        let operand = inst.args()[0];
        let at = value(operand)?.floor()?;
        let (q, table) = (value(atom)?, func.table(inst));
        if inst.op == Op::Bucket {
            let range = self.scope.range(atom);
            let found = opus_ir::ops::bucket_of(table, at).clamp(range.lo, range.hi);
            (q != Rational::integer(found) && range.lo < range.hi).then_some(())?;
            return Some(Split::At(atom, found.min(range.hi - 1)));
        }
        let index = self.scope.range(operand);
        let (low, high) = (index.lo.max(0), index.hi.min(table.len() as i128 - 1));
        let entry = opus_ir::ops::entry(table, at);
        (q != Rational::integer(entry) && low < high).then_some(())?;
        // where the entry changes, next to the index
        let changes =
            |index: &i128| opus_ir::ops::entry(table, *index) != opus_ir::ops::entry(table, index + 1);
        let cut = (at.max(low)..high).find(changes).or_else(|| (low..at.min(high)).rev().find(changes))?;
        Some(Split::At(self.scope.atom(operand), cut))
    }

    fn whole(&self, atom: Value, value: &dyn Fn(Value) -> Option<Rational>) -> Option<Split> {
        let range = self.scope.range(atom);
        let q = value(atom)?;
        let at = q.floor()?;
        (!q.is_integer() && range.lo <= at && at < range.hi).then_some(Split::At(atom, at))
    }
}
