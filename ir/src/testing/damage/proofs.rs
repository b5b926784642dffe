//! A proof with something wrong in it: another number, fact, value or case, a node too many or too few, another claim.

use super::{Choose, below, some_number, some_value};
use crate::func::{Block, Func, Value};
use crate::proof::{Fact, Factor, Leaf, Monomial, Node, Poly, Proof, Split};

/// Changes one thing about the proof of some claim, or the claim.
pub(super) fn proof(func: &mut Func, choose: Choose) {
    let values: Vec<Value> = func.proofs.keys().copied().collect();
    let Some(value) = values.get(below(values.len(), choose)).copied() else { return };
    let other = some_value(func, choose);
    match below(10, choose) {
        0 => claim(func, value, choose),
        8 => lie(func, value, choose),
        9 => hoist(func, value, choose),
        1 => {
            let moved = func.proofs.remove(&value).expect("it was listed");
            func.proofs.insert(other, moved);
        }
        2 => {
            let proofs = func.proofs.get_mut(&value).expect("it was listed");
            std::mem::swap(&mut proofs.low, &mut proofs.high);
        }
        _ => {
            let values = [some_near(func, value, choose), some_near(func, value, choose)];
            let proofs = func.proofs.get_mut(&value).expect("it was listed");
            let mut ends: Vec<&mut Proof> = proofs.low.iter_mut().chain(&mut proofs.high).collect();
            let which = below(ends.len(), choose);
            if let Some(proof) = ends.get_mut(which) {
                nodes(&mut proof.nodes, values, choose);
            }
        }
    }
}

/// Claims one more than was proved, or as much at the other end.
fn claim(func: &mut Func, value: Value, choose: Choose) {
    let Some(data) = func.values.get_mut(value) else { return };
    match below(3, choose) {
        0 => data.range.lo = data.range.lo.saturating_add(1).min(data.range.hi),
        1 => data.range.hi = data.range.hi.saturating_sub(1).max(data.range.lo),
        _ => data.range.lo = data.range.hi,
    }
}

/// Claims one more than was proved, and changes the proof as a liar would: its sums are right, and the rest is not.
fn lie(func: &mut Func, value: Value, choose: Choose) {
    let Some(data) = func.values.get_mut(value) else { return };
    let proofs = func.proofs.get_mut(&value).expect("the caller found it");
    let is_low = proofs.high.is_none() || (proofs.low.is_some() && below(2, choose) == 0);
    let (proof, own) = if is_low {
        data.range.lo = data.range.lo.saturating_add(1).min(data.range.hi);
        (&mut proofs.low, Fact::Low(value))
    } else {
        data.range.hi = data.range.hi.saturating_sub(1).max(data.range.lo);
        (&mut proofs.high, Fact::High(value))
    };
    let Some(Proof { nodes }) = proof else { return };
    let kind = below(5, choose);
    if kind == 0 {
        let terms = vec![(1, Factor::Fact(own))];
        *nodes = vec![Node::Leaf(Leaf { m: None, d: 1, e: 0, terms })];
        return;
    }
    for node in nodes.iter_mut() {
        let Node::Leaf(leaf) = node else { continue };
        match kind {
            1 => leaf.e = leaf.e.wrapping_add(leaf.d),
            2 => leaf.terms.push((leaf.d.wrapping_neg(), Factor::One)),
            // what was to spare
            3 => leaf.terms.iter_mut().filter(|(_, factor)| *factor == Factor::One).for_each(|(times, _)| {
                *times = times.wrapping_sub(leaf.d);
            }),
            _ => leaf.terms.clear(),
        }
    }
}

/// Moves a bound to an earlier block, where less is known.
fn hoist(func: &mut Func, value: Value, choose: Choose) {
    let home = func.blocks.iter().find(|(_, data)| data.body.contains(&value)).map(|(block, _)| block);
    let Some(home) = home.filter(|home| home.as_u32() > 0) else { return };
    let to = Block::from_u32(below(home.as_u32() as usize, choose) as u32);
    func.blocks[home].body.retain(|other| *other != value);
    func.blocks[to].body.push(value);
}

/// Mostly a value that was defined shortly before.
fn some_near(func: &Func, value: Value, choose: Choose) -> Value {
    match below(3, choose) {
        0 => some_value(func, choose),
        1 => value,
        _ => Value::from_u32(value.as_u32().saturating_sub(below(8, choose) as u32)),
    }
}

fn nodes(nodes: &mut Vec<Node>, [a, b]: [Value; 2], choose: Choose) {
    if nodes.is_empty() {
        return nodes.push(Node::Derive(a));
    }
    let (at, to) = (below(nodes.len(), choose), below(nodes.len(), choose));
    match below(12, choose) {
        0 => drop(nodes.remove(at)),
        1 => nodes.insert(to, nodes[at].clone()),
        2 => nodes.swap(at, to),
        3 => nodes.insert(at, new_node([a, b], choose)),
        5 => nodes.truncate(at + 1),
        4 => nodes[at] = new_node([a, b], choose),
        _ => node(&mut nodes[at], a, choose),
    }
}

fn new_node([a, b]: [Value; 2], choose: Choose) -> Node {
    match below(7, choose) {
        0 => Node::Derive(a),
        5 => Node::Pair(a, b),
        1 => Node::Known(a, below(2, choose) == 0),
        2 => Node::Cases(Split::Of(a)),
        3 => Node::Cases(Split::At(a, number(0, choose))),
        4 => {
            let linear = Poly::of(a).plus(some_number(choose), &Poly::of(b));
            Node::Have(linear.unwrap_or_else(|| Poly::of(a)))
        }
        _ => {
            let terms = vec![(1, Factor::Fact(fact(Fact::Low(a), b, choose)))];
            Node::Leaf(Leaf { m: None, d: 1, e: 0, terms })
        }
    }
}

/// Near what it was, or any.
fn number(x: i128, choose: Choose) -> i128 {
    match below(6, choose) {
        0 => x.wrapping_add(1),
        1 => x.wrapping_sub(1),
        2 => x.wrapping_neg(),
        3 => x.wrapping_mul(2),
        _ => some_number(choose),
    }
}

fn node(node: &mut Node, other: Value, choose: Choose) {
    match node {
        Node::Leaf(of) => leaf(of, other, choose),
        Node::Have(fact) => poly(fact, other, choose),
        Node::Derive(value) | Node::Cases(Split::Of(value)) => *value = other,
        Node::Pair(first, second) => match below(3, choose) {
            0 => std::mem::swap(first, second),
            1 => *first = other,
            _ => *second = other,
        },
        Node::Known(condition, holds) => match below(2, choose) {
            0 => *holds = !*holds,
            _ => *condition = other,
        },
        Node::Cases(Split::At(value, at)) => match below(2, choose) {
            0 => *value = other,
            _ => *at = number(*at, choose),
        },
    }
}

fn leaf(leaf: &mut Leaf, other: Value, choose: Choose) {
    let at = below(leaf.terms.len(), choose);
    match below(12, choose) {
        0 => leaf.m = if leaf.m.is_some() && below(2, choose) == 0 { None } else { Some(other) },
        1 => leaf.d = number(leaf.d, choose),
        2 => leaf.e = number(leaf.e, choose),
        3 => leaf.terms.push((number(0, choose), Factor::One)),
        _ if leaf.terms.is_empty() => leaf.d = 0,
        4 => drop(leaf.terms.remove(at)),
        5 => leaf.terms.push(leaf.terms[at].clone()),
        6 | 7 => leaf.terms[at].0 = number(leaf.terms[at].0, choose),
        _ => factor(&mut leaf.terms[at].1, other, choose),
    }
}

fn factor(factor: &mut Factor, other: Value, choose: Choose) {
    match factor {
        Factor::One => *factor = Factor::Fact(fact(Fact::Low(other), other, choose)),
        Factor::Fact(a) if below(4, choose) == 0 => {
            *factor = match below(2, choose) {
                0 => Factor::Times(*a, other),
                _ => Factor::Product(*a, fact(*a, other, choose)),
            };
        }
        Factor::Fact(a) => *a = fact(*a, other, choose),
        Factor::Product(a, b) => match below(3, choose) {
            0 => *a = fact(*a, other, choose),
            1 => *b = fact(*b, other, choose),
            _ => *factor = Factor::Times(*a, other),
        },
        Factor::Times(a, value) => match below(2, choose) {
            0 => *a = fact(*a, other, choose),
            _ => *value = other,
        },
        Factor::Square(root) => poly(root, other, choose),
    }
}

/// Another fact of the same value, or the same of another.
fn fact(fact: Fact, other: Value, choose: Choose) -> Fact {
    let of = match fact {
        Fact::Low(value) | Fact::High(value) | Fact::Op(value, _) if below(2, choose) == 0 => value,
        _ => other,
    };
    match below(5, choose) {
        0 => Fact::Low(of),
        1 => Fact::High(of),
        2 => Fact::Above(below(6, choose) as u16),
        _ => Fact::Op(of, below(4, choose) as u16),
    }
}

fn poly(poly: &mut Poly, other: Value, choose: Choose) {
    let more = match below(2, choose) {
        0 => Poly::constant(number(0, choose)),
        _ => Poly::term(Monomial::of(other), number(0, choose)),
    };
    *poly = poly.plus(1, &more).unwrap_or(more);
}
