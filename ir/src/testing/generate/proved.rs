//! Values with narrower claims than their ops give, and proofs of them that follow from how the values were built.
//!
//! Nothing is searched: each recipe builds values whose proof it knows. What it relies on is asked of the same [`Scope`]
//! as the verifier's, which then checks the whole, so that a mistake here is found.

use super::Writer;
use crate::func::{Inst, Value};
use crate::interval::Interval;
use crate::ops::{Op, Unproved};
use crate::proof::{Fact, Factor, Leaf, Monomial, Node, Poly, Proof, Proofs, Relation, Scope, Split};
use crate::rounding::Rounding;
use crate::testing::Source;

type Terms = Vec<(i128, Factor)>;

pub(super) fn leaf(m: Option<Value>, d: i128, e: i128, terms: Terms) -> Node {
    Node::Leaf(Leaf { m, d, e, terms })
}

pub(super) fn op(value: Value) -> Factor {
    Factor::Fact(Fact::Op(value, 0))
}

impl<S: Source> Writer<'_, S> {
    /// Adds a claim that has a proof, where a recipe finds something to say.
    pub(super) fn proved(&mut self, block: usize) {
        const TRIES: usize = 4;
        for _ in 0..TRIES {
            let done = match self.source.below(10) {
                9 => self.exact(block),
                8 => self.in_order(block),
                0 | 1 => self.sum(block),
                2 | 3 => self.propagated(block),
                4 => self.quotient(block),
                5 => self.extremes(block),
                6 => self.chosen(block),
                _ => self.split(block),
            };
            if done.is_some() {
                return;
            }
        }
    }

    /// Adds a bound, unless it says nothing new or no row comes here. Each end has a proof that it is one.
    fn claim(
        &mut self,
        block: usize,
        value: Value,
        low: Option<(i128, Proof)>,
        high: Option<(i128, Proof)>,
    ) -> Option<()> {
        let derived = self.builder.range(value);
        let low = low.filter(|(lo, _)| *lo > derived.lo);
        let high = high.filter(|(hi, _)| *hi < derived.hi);
        let range = Interval {
            lo: low.as_ref().map_or(derived.lo, |(lo, _)| *lo),
            hi: high.as_ref().map_or(derived.hi, |(hi, _)| *hi),
        };
        // the greatest number of 128 bits bounds nothing
        let bounds_nothing = |(_, factor): &(i128, Factor)| match factor {
            Factor::Fact(Fact::High(value)) => self.builder.range(*value).hi == i128::MAX,
            _ => false,
        };
        let names_none = |(_, proof): &(i128, Proof)| {
            let leaves = proof.nodes.iter().filter_map(|node| match node {
                Node::Leaf(leaf) => Some(&leaf.terms),
                _ => None,
            });
            leaves.flatten().any(bounds_nothing)
        };
        if range.lo > range.hi || range == derived || low.iter().chain(&high).any(names_none) {
            return None;
        }
        let proofs = Proofs { low: low.map(|(_, proof)| proof), high: high.map(|(_, proof)| proof) };
        let bound = self.builder.bound(value, range, proofs);
        self.own[block].push(bound);
        Some(())
    }

    /// Two integers, neither of which is the least number of 128 bits: its negation does not fit, so facts about it are left
    /// out, and others have other numbers.
    fn two(&mut self, block: usize) -> Option<(Value, Value)> {
        let two = [self.operand(block, false), self.operand(block, false)];
        let is_least = |value: &Value| self.builder.func().constant(*value) == Some(i128::MIN);
        (!two.iter().any(is_least)).then_some((two[0], two[1]))
    }

    /// Branches that every row to here has passed.
    fn passed(&mut self, block: usize) -> Vec<(Value, bool)> {
        let sides: Vec<(Value, bool)> = self
            .above(block)
            .filter_map(|above| match self.entered_by[above][..] {
                [Some(side)] => Some(side),
                _ => None,
            })
            .collect();
        (0..self.source.below(3)).filter_map(|_| self.source.pick(&sides).copied()).collect()
    }

    /// Some values to say something about: parts of what is known, their operands, and others.
    fn subjects(&mut self, block: usize, known: &[(Value, bool)]) -> Vec<Value> {
        let facts = self.builder.facts();
        let parts = known.iter().flat_map(|(condition, holds)| facts.parts(*condition, *holds));
        let mut subjects: Vec<Value> = parts.map(|(part, _)| part).collect();
        let mut others = self.visible(block, false);
        others.extend(self.visible(block, true));
        for _ in 0..4 {
            subjects.extend(self.source.pick(&others));
        }
        let func = self.builder.func();
        let operands = subjects.iter().filter_map(|value| func.inst(*value));
        let operands: Vec<Value> = operands.flat_map(|inst| inst.args().iter().copied()).collect();
        subjects.extend(operands);
        subjects
    }

    /// A sum of facts, products and squares is not negative: its value is built, and claimed not to be.
    fn sum(&mut self, block: usize) -> Option<()> {
        let known = self.passed(block);
        let subjects = self.subjects(block, &known);
        let (mut terms, mut total, mut is_zero) = (Terms::new(), Poly::default(), true);
        {
            let mut scope = Scope::new(self.builder.func(), self.builder.facts(), None);
            known.iter().for_each(|(condition, holds)| scope.know(*condition, *holds));
            for _ in 0..1 + self.source.below(3) {
                let (factor, relation) = factor(self.source, &scope, &subjects)?;
                let times = 1 + self.source.below(3) as i128;
                let times = if relation.is_zero && self.source.one_in(2) { -times } else { times };
                is_zero &= relation.is_zero;
                total = total.plus(times, &relation.poly)?;
                terms.push((times, factor));
            }
        }
        let (value, equations) = self.built(block, &total)?;
        terms.extend(equations);
        let (d, constant) = (1 + self.source.below(3) as i128, total.coefficient(Monomial::ONE));
        let e = self.source.below(d as usize) as i128;
        let proof = |sign: i128| {
            let scaled = terms
                .iter()
                .map(|(times, factor)| Some((times.checked_mul(sign.checked_mul(d)?)?, factor.clone())));
            let mut terms = scaled.collect::<Option<Terms>>()?;
            terms.push((e, Factor::One));
            let mut nodes: Vec<Node> = known.iter().map(|(c, holds)| Node::Known(*c, *holds)).collect();
            nodes.push(leaf(None, d, e, terms));
            Some((constant.checked_neg()?, Proof { nodes }))
        };
        self.claim(block, value, proof(1), is_zero.then(|| proof(-1)).flatten())
    }

    /// The value of a polynomial without its constant, and what says so: multiples of equations.
    fn built(&mut self, block: usize, poly: &Poly) -> Option<(Value, Terms)> {
        let (mut sum, mut equations) = (None, Terms::new());
        let is_truth = |value: Value| self.is_truth(value);
        if poly.atoms().any(is_truth) {
            return None;
        }
        for (monomial, times) in poly.terms().filter(|(monomial, _)| *monomial != Monomial::ONE) {
            let mut atoms = monomial.atoms();
            let mut term = atoms.next()?;
            if let Some(second) = atoms.next() {
                term = self.push(block, Op::Mul, &[term, second], 0)?;
                equations.push((times.checked_neg()?, op(term)));
            }
            if times != 1 {
                let times = self.constant(block, false, times);
                term = self.push(block, Op::Mul, &[term, times], 0)?;
                equations.push((-1, op(term)));
            }
            sum = match sum {
                None => Some(term),
                Some(sum) => {
                    let sum = self.push(block, Op::Add, &[sum, term], 0)?;
                    equations.push((-1, op(sum)));
                    Some(sum)
                }
            };
        }
        Some((sum?, equations))
    }

    /// A fact bounds one of its values, as much as the others are bounded.
    fn propagated(&mut self, block: usize) -> Option<()> {
        let known = self.passed(block);
        let subjects = self.subjects(block, &known);
        let mut nodes: Vec<Node> = known.iter().map(|(c, holds)| Node::Known(*c, *holds)).collect();
        let mut scope = Scope::new(self.builder.func(), self.builder.facts(), None);
        known.iter().for_each(|(condition, holds)| scope.know(*condition, *holds));
        if let Some(value) = self.source.pick(&subjects).filter(|_| !known.is_empty())
            && scope.derive(*value).is_some()
        {
            nodes.push(Node::Derive(*value));
        }
        let (fact, Relation { poly, is_zero }) = fact(self.source, &scope, &subjects)?;
        let atoms: Vec<Value> = poly.atoms().collect();
        let value = self.source.pick(&atoms).copied().filter(|_| poly.degree() == 1)?;
        let end = |sign: i128| {
            // the fact is `c * value + rest >= 0`
            let c = poly.coefficient(Monomial::of(value)).checked_mul(sign)?;
            let mut most = poly.coefficient(Monomial::ONE).checked_mul(sign)?;
            let mut terms = vec![(sign, Factor::Fact(fact))];
            for atom in atoms.iter().copied().filter(|atom| *atom != value) {
                let times = poly.coefficient(Monomial::of(atom)).checked_mul(sign)?;
                let range = scope.range(atom);
                let (end, fact) =
                    if times > 0 { (range.hi, Fact::High(atom)) } else { (range.lo, Fact::Low(atom)) };
                most = most.checked_add(times.checked_mul(end)?)?;
                terms.push((times.checked_abs()?, Factor::Fact(fact)));
            }
            let d = c.checked_abs()?;
            let floor = most.checked_div_euclid(d)?;
            let mut nodes = nodes.clone();
            nodes.push(leaf(None, d, most.rem_euclid(d), terms));
            let end = if c > 0 { floor.checked_neg()? } else { floor };
            Some((c > 0, (end, Proof { nodes })))
        };
        let ends: Vec<_> = [end(1), end(-1).filter(|_| is_zero)].into_iter().flatten().collect();
        let of = |is_low: bool| ends.iter().find(|(low, _)| *low == is_low).map(|(_, end)| end.clone());
        self.claim(block, value, of(true), of(false))
    }

    /// What is at most the divisor is at most 1 after division, rounded upwards at most 2.
    fn quotient(&mut self, block: usize) -> Option<()> {
        let (p, w) = (self.operand(block, false), self.operand(block, false));
        let w = self.positive(block, w);
        if self.builder.range(w).lo < 1 {
            return None;
        }
        let p = self.push(block, Op::Min, &[p, w], 0)?;
        let mode = self.source.below(Rounding::ALL.len()) as i128;
        let q = self.push(block, Op::Divide, &[p, w], mode)?;
        let scope = Scope::new(self.builder.func(), self.builder.facts(), None);
        // the multiplier is named with its claim, as the atom's may be wider
        let (m, w) = (w, scope.atom(w));
        let at_most_w = scope.says(p).into_iter().nth(1)?;
        // `times * p + e * w - rest - times * w * q >= 0`
        let fact = scope.says(q).into_iter().next()?.poly;
        let times = fact.coefficient(Monomial::of(w).times(Monomial::of(q))?).checked_neg()?;
        let (e, rest) = (fact.coefficient(Monomial::of(w)), -fact.coefficient(Monomial::ONE));
        if at_most_w.poly.coefficient(Monomial::of(w)) != 1 || times < 1 || rest < 0 {
            return None;
        }
        let terms = vec![(1, op(q)), (times, Factor::Fact(Fact::Op(p, 1))), (rest, Factor::One)];
        let (hi, e) = (1 + e / times, e % times);
        self.claim(block, q, None, Some((hi, Proof { nodes: vec![leaf(Some(m), times, e, terms)] })))
    }

    /// The greater and the lesser of two are together as much as the two: by cases.
    fn extremes(&mut self, block: usize) -> Option<()> {
        let (a, b) = self.two(block)?;
        let [max, min] = [Op::Max, Op::Min].map(|op| self.push(block, op, &[a, b], 0));
        let (max, min) = (max?, min?);
        let together = self.push(block, Op::Add, &[max, min], 0)?;
        let two = self.push(block, Op::Add, &[a, b], 0)?;
        let difference = self.push(block, Op::Sub, &[together, two], 0)?;
        let proof = |sign: i128| {
            let end = |more: Option<u16>| {
                let above = |number: u16| Factor::Fact(Fact::Above(number));
                let mut terms = vec![(sign, above(0)), (sign, above(2))];
                terms.extend([(-sign, op(together)), (sign, op(two)), (-sign, op(difference))]);
                terms.extend(more.map(|number| (1, above(number))));
                leaf(None, 1, 0, terms)
            };
            // where both are the same one, the two are equal
            let same = Some(if sign == 1 { 1 } else { 3 });
            let nodes = vec![
                Node::Cases(Split::Of(max)),
                Node::Cases(Split::Of(min)),
                end(same),
                end(None),
                Node::Cases(Split::Of(min)),
                end(None),
                end(same),
            ];
            Some((0, Proof { nodes }))
        };
        self.claim(block, difference, proof(1), proof(-1))
    }

    /// A difference that is 0, although the ranges of its operands do not exclude a result beyond 128 bits.
    fn exact(&mut self, block: usize) -> Option<()> {
        let a = self.operand(block, false);
        let inst = Inst::new(Op::Sub, &[a, a], 0);
        if self.builder.func().transfer(&inst) != Err(Unproved::Overflow) {
            return None;
        }
        let value = self.builder.push_exact(inst, |_, _, value| {
            let proof = |times: i128| Proof { nodes: vec![leaf(None, 1, 0, vec![(times, op(value))])] };
            Some((Interval::point(0), Proofs { low: Some(proof(-1)), high: Some(proof(1)) }))
        })?;
        self.own[block].push(value);
        Some(())
    }

    /// The quotient of the lesser of two values is at most that of one of them.
    fn in_order(&mut self, block: usize) -> Option<()> {
        let (a, b) = self.two(block)?;
        let least = self.push(block, Op::Min, &[a, b], 0)?;
        let w = self.operand(block, false);
        let w = self.positive(block, w);
        let mode = self.source.below(Rounding::ALL.len()) as i128;
        let lesser = self.push(block, Op::Divide, &[least, w], mode)?;
        let greater = self.push(block, Op::Divide, &[a, w], mode)?;
        let difference = self.push(block, Op::Sub, &[greater, lesser], 0)?;
        let scope = Scope::new(self.builder.func(), self.builder.facts(), None);
        let more = scope.beside(lesser, greater)?.1;
        let mut nodes = Vec::new();
        if more.degree() > 0 {
            nodes.extend([Node::Have(more), leaf(None, 1, 0, vec![(1, op(least))])]);
        }
        let order = Factor::Fact(Fact::Above(u16::from(!nodes.is_empty())));
        nodes.push(Node::Pair(lesser, greater));
        nodes.push(leaf(None, 1, 0, vec![(1, order), (-1, op(difference))]));
        self.claim(block, difference, Some((0, Proof { nodes })), None)
    }

    /// A difference the right way round, by the comparison that chooses it.
    fn chosen(&mut self, block: usize) -> Option<()> {
        let (a, b) = self.two(block)?;
        let at_most = self.push(block, Op::Le, &[a, b], 0)?;
        let forward = self.push(block, Op::Sub, &[b, a], 0)?;
        let back = self.push(block, Op::Sub, &[a, b], 0)?;
        let chosen = self.push(block, Op::Select, &[at_most, forward, back], 0)?;
        if self.builder.range(at_most).single().is_some() {
            return None;
        }
        let case = |difference: Value, more: i128| {
            let fact = Factor::Fact(Fact::Above(1));
            let terms = vec![(1, fact), (1, op(at_most)), (-1, op(difference)), (more, Factor::One)];
            leaf(None, 1, 0, terms)
        };
        let nodes = vec![Node::Cases(Split::Of(chosen)), case(forward, 0), case(back, 1)];
        self.claim(block, chosen, Some((0, Proof { nodes })), None)
    }

    /// What a value and its operand are together, by two cases of the operand.
    fn split(&mut self, block: usize) -> Option<()> {
        let visible = self.visible(block, false);
        let f = *self.source.pick(&visible)?;
        let args = self.builder.func().inst(f).map(|inst| inst.args().to_vec())?;
        let x = self.builder.facts().origin(*self.source.pick(&args)?);
        let range = self.builder.range(x);
        if self.is_truth(x) || range.lo == range.hi {
            return None;
        }
        let at = self.source.within(Interval { lo: range.lo, hi: range.hi - 1 });
        let adds = self.source.one_in(2);
        let both = self.push(block, if adds { Op::Add } else { Op::Sub }, &[f, x], 0)?;
        let mut scope = Scope::new(self.builder.func(), self.builder.facts(), None);
        let cases: Vec<[Interval; 2]> = scope
            .cases(Split::At(x, at))
            .into_iter()
            .map(|case| {
                let mark = scope.mark();
                case.into_iter().for_each(|relation| scope.assume(relation));
                let derived = scope.derive(f);
                let ranges = [scope.range(f), scope.range(x)];
                scope.undo(mark);
                derived.map(|()| ranges)
            })
            .collect::<Option<_>>()?;
        let end = |sign: i128| {
            // the least, where the sign is 1, of what the two are together in each case
            let corner = |[f, x]: &[Interval; 2]| {
                let f_end = if sign == 1 { f.lo } else { f.hi };
                let x_end = if (sign == 1) == adds { x.lo } else { x.hi };
                if adds { f_end.checked_add(x_end) } else { f_end.checked_sub(x_end) }
            };
            let corners = cases.iter().map(corner).collect::<Option<Vec<i128>>>()?;
            let end = corners.iter().copied().reduce(|a, b| if sign == 1 { a.min(b) } else { a.max(b) })?;
            let mut nodes = vec![Node::Cases(Split::At(x, at))];
            for corner in corners {
                let ends = |value: Value, is_low: bool| {
                    Factor::Fact(if is_low { Fact::Low(value) } else { Fact::High(value) })
                };
                let slack = corner.checked_sub(end)?.checked_abs()?;
                let terms = vec![
                    (1, ends(f, sign == 1)),
                    (1, ends(x, (sign == 1) == adds)),
                    (slack, Factor::One),
                    (-sign, op(both)),
                ];
                nodes.extend([Node::Derive(f), leaf(None, 1, 0, terms)]);
            }
            Some((end, Proof { nodes }))
        };
        let (low, high) = (end(1), end(-1));
        self.claim(block, both, low, high)
    }
}

fn fact(source: &mut impl Source, scope: &Scope, subjects: &[Value]) -> Option<(Fact, Relation)> {
    let value = *source.pick(subjects)?;
    let says = scope.says(value).len();
    let fact = match source.below(6) {
        0 => Fact::Low(value),
        1 => Fact::High(value),
        2 if scope.count_above() > 0 => Fact::Above(source.below(scope.count_above()) as u16),
        _ if says > 0 => Fact::Op(value, source.below(says) as u16),
        _ => return None,
    };
    scope.relation(fact).map(|relation| (fact, relation))
}

fn factor(source: &mut impl Source, scope: &Scope, subjects: &[Value]) -> Option<(Factor, Relation)> {
    let linear =
        |(fact, relation): (Fact, Relation)| (relation.poly.degree() <= 1).then_some((fact, relation));
    match source.below(8) {
        0 => Some((Factor::One, Relation { poly: Poly::constant(1), is_zero: false })),
        1 | 2 => {
            let (a, x) = fact(source, scope, subjects).and_then(linear)?;
            let (b, y) = fact(source, scope, subjects).and_then(linear)?;
            let poly = x.poly.times(&y.poly)?;
            Some((Factor::Product(a, b), Relation { poly, is_zero: x.is_zero || y.is_zero }))
        }
        3 => {
            let (fact, relation) = fact(source, scope, subjects).and_then(linear)?;
            let value = source.pick(subjects).copied().filter(|_| relation.is_zero)?;
            let poly = relation.poly.times(&scope.term(value).poly)?;
            Some((Factor::Times(fact, value), Relation { poly, is_zero: true }))
        }
        4 => {
            let (a, b) = (source.pick(subjects).copied()?, source.pick(subjects).copied()?);
            let times = source.below(5) as i128 - 2;
            let root = scope.term(a).poly.plus(times, &scope.term(b).poly)?;
            let root = root.plus(source.below(9) as i128 - 4, &Poly::constant(1))?;
            let poly = root.times(&root)?;
            Some((Factor::Square(root), Relation { poly, is_zero: false }))
        }
        _ => fact(source, scope, subjects).map(|(fact, relation)| (Factor::Fact(fact), relation)),
    }
}
