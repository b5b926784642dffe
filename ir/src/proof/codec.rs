//! How are proofs written in an artifact? As numbers of seven bits per byte, the lowest first, signs in the last bit.

use super::poly::{Monomial, Poly};
use super::{Fact, Factor, Leaf, NODES_MAX, Node, Proof, Proofs, Split, TERMS_MAX};
use crate::func::Value;
use std::collections::BTreeMap;

/// The proofs of a function as bytes.
pub fn encode(proofs: &BTreeMap<Value, Proofs>) -> Vec<u8> {
    let mut bytes = Writer(Vec::new());
    for (value, of_value) in proofs.iter().filter(|(_, of_value)| !of_value.is_empty()) {
        bytes.value(*value);
        bytes.number(i128::from(of_value.low.is_some()) + 2 * i128::from(of_value.high.is_some()));
        of_value.iter().for_each(|proof| bytes.proof(proof));
    }
    bytes.0
}

/// The proofs that [`encode`] wrote; `None` if it never writes these bytes. Whether they prove anything is not looked at.
pub fn decode(bytes: &[u8]) -> Option<BTreeMap<Value, Proofs>> {
    let mut rest = Reader(bytes);
    let mut proofs = BTreeMap::new();
    let mut nodes = NODES_MAX;
    let mut last = None;
    while !rest.0.is_empty() {
        let value = rest.value()?;
        let ends = rest.number().filter(|ends| (1..=3).contains(ends))?;
        let mut proof = |is_there: bool| if is_there { rest.proof(&mut nodes).map(Some) } else { Some(None) };
        let of_value = Proofs { low: proof(ends & 1 != 0)?, high: proof(ends & 2 != 0)? };
        if last.is_some_and(|last| last >= value) {
            return None;
        }
        last = Some(value);
        proofs.insert(value, of_value);
    }
    Some(proofs)
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, x: i128) {
        // the sign is the lowest bit, so that small numbers are short
        let mut rest = ((x as u128) << 1) ^ ((x >> 127) as u128);
        loop {
            let (low, more) = ((rest & 0x7f) as u8, rest >> 7 != 0);
            self.0.push(low | u8::from(more) << 7);
            rest >>= 7;
            if !more {
                return;
            }
        }
    }

    fn value(&mut self, value: Value) {
        self.number(value.as_u32().into());
    }

    fn proof(&mut self, proof: &Proof) {
        self.number(proof.nodes.len() as i128);
        proof.nodes.iter().for_each(|node| self.node(node));
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Leaf(leaf) => {
                self.number(0);
                self.number(leaf.m.map_or(-1, |m| m.as_u32().into()));
                [leaf.d, leaf.e, leaf.terms.len() as i128].into_iter().for_each(|x| self.number(x));
                for (times, factor) in &leaf.terms {
                    self.number(*times);
                    self.factor(factor);
                }
            }
            Node::Have(fact) => {
                self.number(1);
                self.poly(fact);
            }
            Node::Derive(value) => {
                self.number(2);
                self.value(*value);
            }
            Node::Known(condition, holds) => {
                self.number(3 + i128::from(*holds));
                self.value(*condition);
            }
            Node::Cases(Split::At(value, at)) => {
                self.number(5);
                self.value(*value);
                self.number(*at);
            }
            Node::Cases(Split::Of(value)) => {
                self.number(6);
                self.value(*value);
            }
            Node::Pair(first, second) => {
                self.number(7);
                self.value(*first);
                self.value(*second);
            }
        }
    }

    fn factor(&mut self, factor: &Factor) {
        match factor {
            Factor::One => self.number(0),
            Factor::Fact(fact) => {
                self.number(1);
                self.fact(*fact);
            }
            Factor::Product(a, b) => {
                self.number(2);
                self.fact(*a);
                self.fact(*b);
            }
            Factor::Times(fact, value) => {
                self.number(3);
                self.fact(*fact);
                self.value(*value);
            }
            Factor::Square(root) => {
                self.number(4);
                self.poly(root);
            }
        }
    }

    fn fact(&mut self, fact: Fact) {
        let (kind, of, number) = match fact {
            Fact::Low(value) => (0, value.as_u32(), None),
            Fact::High(value) => (1, value.as_u32(), None),
            Fact::Op(value, number) => (2, value.as_u32(), Some(number)),
            Fact::Above(number) => (3, number.into(), None),
        };
        self.number(kind);
        self.number(of.into());
        number.into_iter().for_each(|number| self.number(number.into()));
    }

    fn poly(&mut self, poly: &Poly) {
        self.number(poly.len() as i128);
        for (monomial, coefficient) in poly.terms() {
            // a linear one: other polynomials are not given, but derived
            self.number(monomial.atoms().next().map_or(-1, |atom| atom.as_u32().into()));
            self.number(coefficient);
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number(&mut self) -> Option<i128> {
        let mut zigzag: u128 = 0;
        for place in 0.. {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let low = u128::from(byte & 0x7f);
            let shifted = low.checked_shl(7 * place).filter(|shifted| shifted >> (7 * place) == low)?;
            zigzag |= shifted;
            if byte & 0x80 == 0 {
                // one form for each number
                let is_shortest = place == 0 || *byte != 0;
                return is_shortest.then_some((zigzag >> 1) as i128 ^ -((zigzag & 1) as i128));
            }
        }
        None
    }

    fn value(&mut self) -> Option<Value> {
        // the greatest number means `none` to side tables
        u32::try_from(self.number()?).ok().filter(|number| *number != u32::MAX).map(Value::from_u32)
    }

    fn count(&mut self, max: usize) -> Option<usize> {
        usize::try_from(self.number()?).ok().filter(|count| *count <= max)
    }

    fn proof(&mut self, nodes: &mut usize) -> Option<Proof> {
        let count = self.count(*nodes)?;
        *nodes -= count;
        (0..count).map(|_| self.node()).collect::<Option<_>>().map(|nodes| Proof { nodes })
    }

    fn node(&mut self) -> Option<Node> {
        Some(match self.number()? {
            0 => {
                let m = match self.number()? {
                    -1 => None,
                    m => Some(Value::from_u32(u32::try_from(m).ok().filter(|m| *m != u32::MAX)?)),
                };
                let (d, e) = (self.number()?, self.number()?);
                let count = self.count(TERMS_MAX)?;
                let terms = (0..count).map(|_| Some((self.number()?, self.factor()?)));
                Node::Leaf(Leaf { m, d, e, terms: terms.collect::<Option<_>>()? })
            }
            1 => Node::Have(self.poly()?),
            2 => Node::Derive(self.value()?),
            3 => Node::Known(self.value()?, false),
            4 => Node::Known(self.value()?, true),
            5 => Node::Cases(Split::At(self.value()?, self.number()?)),
            6 => Node::Cases(Split::Of(self.value()?)),
            7 => Node::Pair(self.value()?, self.value()?),
            _ => return None,
        })
    }

    fn factor(&mut self) -> Option<Factor> {
        Some(match self.number()? {
            0 => Factor::One,
            1 => Factor::Fact(self.fact()?),
            2 => Factor::Product(self.fact()?, self.fact()?),
            3 => Factor::Times(self.fact()?, self.value()?),
            4 => Factor::Square(self.poly()?),
            _ => return None,
        })
    }

    fn fact(&mut self) -> Option<Fact> {
        let small = |number: i128| u16::try_from(number).ok();
        Some(match self.number()? {
            0 => Fact::Low(self.value()?),
            1 => Fact::High(self.value()?),
            2 => Fact::Op(self.value()?, small(self.number()?)?),
            3 => Fact::Above(small(self.number()?)?),
            _ => return None,
        })
    }

    fn poly(&mut self) -> Option<Poly> {
        let count = self.count(TERMS_MAX)?;
        let mut poly = Poly::default();
        let mut last = None;
        for _ in 0..count {
            let monomial = match self.number()? {
                -1 => Monomial::ONE,
                atom => Monomial::of(Value::from_u32(u32::try_from(atom).ok().filter(|a| *a != u32::MAX)?)),
            };
            let coefficient = self.number().filter(|coefficient| *coefficient != 0)?;
            if last.is_some_and(|last| last >= monomial) {
                return None;
            }
            last = Some(monomial);
            poly = poly.plus(1, &Poly::term(monomial, coefficient))?;
        }
        Some(poly)
    }
}
