//! Claims that are wrong on some rows, each with a proof that the check would accept if it left out one side condition.

use super::Writer;
use super::proved::{leaf, op};
use crate::func::Value;
use crate::interval::Interval;
use crate::ops::Op;
use crate::proof::{Fact, Factor, Node, Poly, Proof, Proofs, Split};
use crate::rounding::Rounding;
use crate::testing::Source;

fn fact(fact: Fact) -> (i128, Factor) {
    (1, Factor::Fact(fact))
}

impl<S: Source> Writer<'_, S> {
    /// Adds a claim that is wrong, where there are values for one.
    pub(super) fn lie(&mut self, block: usize) -> Option<()> {
        match self.source.below(11) {
            0 => self.half(block, |x, middle| {
                vec![Node::Cases(Split::At(x, middle)), leaf(None, 1, 0, vec![fact(Fact::Above(0))])]
            }),
            1 => self.half(block, |x, middle| {
                let same = leaf(None, 1, 0, vec![fact(Fact::Above(0))]);
                vec![Node::Cases(Split::At(x, middle)), same.clone(), same]
            }),
            2 => self.circle(block),
            3 => self.above_all(block),
            4 => self.never_zero(block),
            5 => self.times(block),
            6 => self.unpassed(block),
            7 => self.unanswered(block),
            8 => self.in_any_order(block),
            9 => self.unlike(block),
            _ => self.falling(block),
        }
    }

    /// A value whose range has at least two numbers, and the range.
    fn wide(&mut self, block: usize) -> Option<(Value, Interval)> {
        let x = self.operand(block, false);
        let x = self.builder.facts().origin(x);
        let range = self.builder.range(x);
        let is_wide = range.lo < range.hi && range.hi < i128::MAX / 4 && range.lo > i128::MIN / 4;
        (is_wide && self.builder.func().constant(x).is_none()).then_some((x, range))
    }

    fn claimed(
        &mut self,
        block: usize,
        value: Value,
        range: Interval,
        is_low: bool,
        nodes: Vec<Node>,
    ) -> Option<()> {
        let proof = Some(Proof { nodes });
        let proofs =
            if is_low { Proofs { low: proof, high: None } } else { Proofs { low: None, high: proof } };
        let bound = self.builder.bound(value, range, proofs);
        self.own[block].push(bound);
        Some(())
    }

    fn not_negative(&mut self, block: usize, value: Value, nodes: Vec<Node>) -> Option<()> {
        let range = self.builder.range(value);
        let range = Interval { lo: 0, hi: range.hi.max(0) };
        self.claimed(block, value, range, true, nodes)
    }

    /// A value is in the lower half of its range.
    fn half(&mut self, block: usize, nodes: impl Fn(Value, i128) -> Vec<Node>) -> Option<()> {
        let (x, range) = self.wide(block)?;
        let middle = (range.lo + range.hi).div_euclid(2);
        self.claimed(block, x, Interval { hi: middle, ..range }, false, nodes(x, middle))
    }

    /// Two claims, each proved by the other.
    fn circle(&mut self, block: usize) -> Option<()> {
        let (x, range) = self.wide(block)?;
        let middle = (range.lo + range.hi).div_euclid(2);
        let first = self.builder.func().values.next_key().as_u32();
        for other in [first + 1, first] {
            let nodes = vec![leaf(None, 1, 0, vec![fact(Fact::High(Value::from_u32(other)))])];
            self.claimed(block, x, Interval { hi: middle, ..range }, false, nodes)?;
        }
        Some(())
    }

    /// A value is above its range.
    fn above_all(&mut self, block: usize) -> Option<()> {
        let (x, range) = self.wide(block)?;
        let nodes = vec![leaf(None, -1, 0, vec![fact(Fact::High(x)), (1, Factor::One)])];
        self.claimed(block, x, Interval::point(range.hi + 1), true, nodes)
    }

    /// A value from 0 on.
    fn starting_at_zero(&mut self, block: usize) -> Option<Value> {
        let (x, range) = self.wide(block)?;
        let lo = self.constant(block, false, range.lo);
        self.push(block, Op::Sub, &[x, lo], 0)
    }

    /// A value from 0 on is never 0, as if it could multiply the goal where it is.
    fn never_zero(&mut self, block: usize) -> Option<()> {
        let y = self.starting_at_zero(block)?;
        let square = (1, Factor::Square(Poly::of(y)));
        let nodes = vec![
            Node::Cases(Split::At(y, 0)),
            leaf(Some(y), 1, 0, vec![square, fact(Fact::High(y))]),
            leaf(None, 1, 0, vec![fact(Fact::Low(y))]),
        ];
        let range = self.builder.range(y);
        self.claimed(block, y, Interval { lo: 1, ..range }, true, nodes)
    }

    /// A product is not negative, although a factor may be.
    fn times(&mut self, block: usize) -> Option<()> {
        let y = self.starting_at_zero(block)?;
        let (z, _) = self.wide(block).filter(|(z, range)| range.lo < 0 && *z != y)?;
        let product = self.push(block, Op::Mul, &[y, z], 0)?;
        let nodes = vec![leaf(None, 1, 0, vec![(1, Factor::Times(Fact::Low(y), z)), (-1, op(product))])];
        self.not_negative(block, product, nodes)
    }

    /// The difference of two values, and whether the first is at most the second.
    fn compared(&mut self, block: usize) -> Option<(Value, Value)> {
        let ((a, _), (b, _)) = (self.wide(block)?, self.wide(block)?);
        let at_most = self.push(block, Op::Le, &[a, b], 0)?;
        let difference = self.push(block, Op::Sub, &[b, a], 0)?;
        (a != b && self.builder.range(at_most).single().is_none()).then_some((at_most, difference))
    }

    /// A difference is not negative, by a branch that no row has passed.
    fn unpassed(&mut self, block: usize) -> Option<()> {
        let (at_most, difference) = self.compared(block)?;
        let sum = vec![(1, op(at_most)), (-1, op(difference))];
        self.not_negative(block, difference, vec![Node::Known(at_most, true), leaf(None, 1, 0, sum)])
    }

    /// A difference is not negative, by a comparison whose answer is not known.
    fn unanswered(&mut self, block: usize) -> Option<()> {
        let (at_most, difference) = self.compared(block)?;
        let sum = vec![(1, op(at_most)), (-1, op(difference))];
        self.not_negative(block, difference, vec![leaf(None, 1, 0, sum)])
    }

    /// One quotient less another.
    fn less(&mut self, block: usize, [a, v]: [Value; 2], [b, w]: [Value; 2]) -> Option<[Value; 3]> {
        let (v, w) = (self.positive(block, v), self.positive(block, w));
        let mode = Rounding::Floor as i128;
        let lesser = self.push(block, Op::Divide, &[a, v], mode)?;
        let greater = self.push(block, Op::Divide, &[b, w], mode)?;
        Some([lesser, greater, self.push(block, Op::Sub, &[greater, lesser], 0)?])
    }

    fn pair(
        &mut self,
        block: usize,
        [lesser, greater, difference]: [Value; 3],
        mut nodes: Vec<Node>,
    ) -> Option<()> {
        let order = fact(Fact::Above(u16::from(!nodes.is_empty())));
        nodes.extend([Node::Pair(lesser, greater), leaf(None, 1, 0, vec![order, (-1, op(difference))])]);
        self.not_negative(block, difference, nodes)
    }

    /// Quotients of two values are in order, although the values need not be.
    fn in_any_order(&mut self, block: usize) -> Option<()> {
        let ((a, _), (b, _)) = (self.wide(block)?, self.wide(block)?);
        let w = self.constant(block, false, 2);
        let quotients = self.less(block, [a, w], [b, w])?;
        self.pair(block, quotients, Vec::new())
    }

    /// Quotients by two different divisors are in order.
    fn unlike(&mut self, block: usize) -> Option<()> {
        let (a, _) = self.wide(block)?;
        let [v, w] = [2, 3].map(|w| self.constant(block, false, w));
        let quotients = self.less(block, [a, v], [a, w])?;
        self.pair(block, quotients, Vec::new())
    }

    /// Entries of a table that does not ascend are in order.
    fn falling(&mut self, block: usize) -> Option<()> {
        let ((a, range), (b, _)) = (self.wide(block)?, self.wide(block)?);
        let least = self.push(block, Op::Min, &[a, b], 0).filter(|least| *least != a)?;
        if !Interval::new(-9, 9).contains_all(range) {
            return None;
        }
        let table = self.builder.table(vec![5, 3, 1]).as_u32().into();
        let lesser = self.push(block, Op::Lookup, &[least], table)?;
        let greater = self.push(block, Op::Lookup, &[a], table)?;
        let difference = self.push(block, Op::Sub, &[greater, lesser], 0)?;
        let more = Poly::of(a).plus(-1, &Poly::of(least))?;
        let nodes = vec![Node::Have(more), leaf(None, 1, 0, vec![(1, op(least))])];
        self.pair(block, [lesser, greater, difference], nodes)
    }
}
