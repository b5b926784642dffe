//! On which rows is a block reached, as far as it matters? The graph of the blocks that do not decide.
//!
//! A decided row may be assumed to go anywhere, so a block that leads only to decisions is assumed to continue with
//! the block after it. In this graph only the last block is an end. A block that every path from `above` passes
//! through, and that is reached through `above` alone, is reached exactly when `above` is. For rows that were not
//! decided before the block, this also holds in the function.

use std::collections::BTreeSet;

use cranelift_entity::SecondaryMap;

use crate::dominators::Tree;
use crate::emit::Emitter;
use crate::func::{Block, End, Func, Value};
use crate::ops::Op;

/// How many parts of a condition are compared with what is known already: a limit on effort, not on meaning.
const PARTS_MAX: usize = 64;

/// What a row meets on its way from a block to one of its targets.
#[derive(Clone, Copy)]
pub(super) enum Side {
    /// All rows that reach the block and have not been decided there.
    Always,
    /// Those on which the condition holds, or has failed.
    When(Value, bool),
}

/// A way from a block to another.
#[derive(Clone, Copy)]
pub(super) struct Edge {
    pub from: Block,
    pub to: Block,
    /// Which of the targets of `from`.
    pub target: usize,
    pub side: Side,
}

/// The edges of a function, and the dominators of the blocks that do not decide.
pub(super) struct Graph {
    leaving: SecondaryMap<Block, Vec<Edge>>,
    entering: SecondaryMap<Block, Vec<Edge>>,
    /// The blocks that do not decide, and the place of each among them.
    inner: Vec<Block>,
    rank: SecondaryMap<Block, Option<usize>>,
    dominators: Tree,
    /// Ranks count from the end here.
    post_dominators: Tree,
}

impl Graph {
    pub fn of(func: &Func) -> Graph {
        let decides = |block: &Block| matches!(func.blocks[*block].end, End::Decide { .. });
        let inner: Vec<Block> = func.blocks.keys().filter(|block| !decides(block)).collect();
        let mut rank = SecondaryMap::new();
        inner.iter().enumerate().for_each(|(i, block)| rank[*block] = Some(i));
        let mut leaving = SecondaryMap::<Block, Vec<Edge>>::new();
        let mut entering = SecondaryMap::<Block, Vec<Edge>>::new();
        for block in &inner {
            leaving[*block] = edges_from(func, *block);
            leaving[*block].iter().for_each(|edge| entering[edge.to].push(*edge));
        }
        let onwards = |i: usize| -> Vec<usize> {
            let to: Vec<usize> = leaving[inner[i]].iter().filter_map(|edge| rank[edge.to]).collect();
            let next = (to.is_empty() && i + 1 < inner.len()).then_some(i + 1);
            to.into_iter().chain(next).collect()
        };
        let count = inner.len();
        let (mut dominators, mut post_dominators) = (Tree::new(count), Tree::new(count));
        for i in 0..count {
            dominators.settle(i);
            onwards(i).into_iter().for_each(|to| dominators.edge(i, to));
        }
        for i in (0..count).rev() {
            onwards(i).into_iter().for_each(|to| post_dominators.edge(count - 1 - to, count - 1 - i));
            post_dominators.settle(count - 1 - i);
        }
        Graph { leaving, entering, inner, rank, dominators, post_dominators }
    }

    /// Whether a block decides.
    pub fn is_exit(&self, block: Block) -> bool {
        self.rank[block].is_none()
    }

    /// The edges into a block, by their sources.
    pub fn edges_into(&self, block: Block) -> &[Edge] {
        &self.entering[block]
    }

    /// The edges from a block to decisions, in the order in which they are tested.
    pub fn exits_of(&self, block: Block) -> impl Iterator<Item = &Edge> {
        self.leaving[block].iter().filter(|edge| self.is_exit(edge.to))
    }

    /// The last block that all rows pass through before this one, if neither of the two decides; `None` for the entry.
    pub fn above(&self, block: Block) -> Option<Block> {
        Some(self.inner[self.dominators.parent(self.rank[block]?)?])
    }

    /// The block above, where each of its rows comes to this one.
    pub fn alike(&self, block: Block) -> Option<Block> {
        let above = self.above(block)?;
        let from_end = |block: Block| self.rank[block].map(|i| self.inner.len() - 1 - i);
        self.post_dominators.dominates(from_end(block)?, from_end(above)?).then_some(above)
    }
}

/// The edges from a block: those to decisions first, because the other then needs no condition.
fn edges_from(func: &Func, block: Block) -> Vec<Edge> {
    let end = &func.blocks[block].end;
    let mut edges: Vec<Edge> = end
        .targets()
        .enumerate()
        .map(|(target, to)| {
            let side = match end {
                End::Branch(condition, ..) => Side::When(*condition, target == 0),
                _ => Side::Always,
            };
            Edge { from: block, to: to.block, target, side }
        })
        .collect();
    let decides = |edge: &Edge| matches!(func.blocks[edge.to].end, End::Decide { .. });
    edges.sort_by_key(|edge| !decides(edge));
    if let [first, last] = &mut edges[..]
        && decides(first)
    {
        last.side = Side::Always;
    }
    edges
}

/// Conditions that are tested one after another: each is simplified by what is given, and by the failure of
/// those before it.
pub(super) struct Known<'a> {
    emitter: &'a mut Emitter,
    holds: BTreeSet<Value>,
}

impl<'a> Known<'a> {
    pub fn new(emitter: &'a mut Emitter, given: Value) -> Known<'a> {
        Known { emitter, holds: BTreeSet::from([given]) }
    }

    pub fn emitter(&mut self) -> &mut Emitter {
        self.emitter
    }

    /// The condition as far as it is not known, and known to have failed from here on.
    pub fn next(&mut self, condition: Value) -> Value {
        let simplified = self.simplify(condition);
        if self.emitter.constant_of(simplified).is_none() {
            for failed in [condition, simplified] {
                let fails = self.emitter.not(failed);
                self.holds.insert(fails);
            }
        }
        simplified
    }

    /// Leaves out what is known of `((a and b) and c) and …`.
    fn simplify(&mut self, condition: Value) -> Value {
        let (mut first, mut parts) = (condition, Vec::new());
        while !self.holds.contains(&first) && parts.len() < PARTS_MAX {
            let inst = self.emitter.get(first).inst;
            let (Op::And, [before, part]) = (inst.op, inst.args()) else { break };
            parts.push(*part);
            first = *before;
        }
        let starts_known = self.holds.contains(&first);
        let all = parts.len();
        parts.retain(|part| !self.holds.contains(part));
        if !starts_known && parts.len() == all {
            return condition;
        }
        if starts_known && parts.len() <= 1 && all > 1 {
            // the next condition of a ladder is built on this one: remember how far it is known
            let before = self.emitter.get(condition).inst.args()[0];
            let last = self.emitter.get(condition).inst.args()[1];
            if parts.first().is_none_or(|part| *part == last) {
                self.holds.insert(before);
            }
        }
        let first = if starts_known { self.emitter.truth(true) } else { first };
        parts.into_iter().rev().fold(first, |all, part| self.emitter.and(all, part))
    }
}
