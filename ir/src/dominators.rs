//! Which blocks are on every path to a block? The dominator tree of an acyclic graph, in one pass.
//!
//! Nodes are visited in topological order. When a node is settled, all edges into it are known and their
//! sources are settled, so its parent is the deepest common ancestor of the sources. Ancestors are found by
//! jump pointers (each node knows its parent and one ancestor further up, spaced so that any ancestor is
//! O(log depth) steps away), which keeps the whole near-linear on any graph, also on one made to be slow.

use cranelift_entity::EntityRef;

use crate::func::{Block, End, Func, Value};

const NONE: u32 = u32::MAX;

/// A tree that grows by edges: the dominators of a graph, or its post-dominators when it is walked backwards.
#[derive(Clone, Debug)]
pub struct Tree {
    parent: Vec<u32>,
    depth: Vec<u32>,
    jump: Vec<u32>,
}

impl Tree {
    /// A tree of `count` nodes without edges.
    pub fn new(count: usize) -> Tree {
        Tree { parent: vec![NONE; count], depth: vec![0; count], jump: vec![NONE; count] }
    }

    /// Adds an edge from a settled node to one that is not settled yet.
    pub fn edge(&mut self, from: usize, to: usize) {
        self.parent[to] = match self.parent[to] {
            NONE => from as u32,
            known => self.common_ancestor(known as usize, from) as u32,
        };
    }

    /// Says that all edges into a node have been added. Answers its parent: `None` for a root.
    pub fn settle(&mut self, node: usize) -> Option<usize> {
        let parent = self.parent(node);
        let Some(up) = parent else {
            self.jump[node] = node as u32;
            return None;
        };
        let far = self.jump[up] as usize;
        let further = self.jump[far] as usize;
        let even = self.depth[up] - self.depth[far] == self.depth[far] - self.depth[further];
        self.depth[node] = self.depth[up] + 1;
        self.jump[node] = if even { further } else { up } as u32;
        parent
    }

    /// The parent of a node, `None` for a root.
    pub fn parent(&self, node: usize) -> Option<usize> {
        Some(self.parent[node]).filter(|up| *up != NONE).map(|up| up as usize)
    }

    /// Whether every path to `node` leads through `ancestor` (a node does so itself). Both are settled.
    pub fn dominates(&self, ancestor: usize, node: usize) -> bool {
        self.depth[ancestor] <= self.depth[node] && self.raise(node, self.depth[ancestor]) == ancestor
    }

    fn raise(&self, mut node: usize, depth: u32) -> usize {
        while self.depth[node] > depth {
            let far = self.jump[node] as usize;
            node = if self.depth[far] >= depth { far } else { self.parent[node] as usize };
        }
        node
    }

    fn common_ancestor(&self, a: usize, b: usize) -> usize {
        let depth = self.depth[a].min(self.depth[b]);
        let (mut a, mut b) = (self.raise(a, depth), self.raise(b, depth));
        while a != b {
            let apart = self.jump[a] != self.jump[b];
            let up = if apart { &self.jump } else { &self.parent };
            (a, b) = (up[a] as usize, up[b] as usize);
        }
        a
    }
}

/// The dominators of a function, and the one branch that some blocks are entered by.
#[derive(Clone, Debug)]
pub struct Dominators {
    tree: Tree,
    entered_by: Vec<Entered>,
    preorder: Vec<Block>,
    enter: Vec<u32>,
    leave: Vec<u32>,
}

/// How a block is entered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Entered {
    /// By nobody, which is right for the entry alone.
    Never,
    /// By one side of one branch and by nothing else.
    Branch(Value, bool),
    /// By a jump or by several blocks.
    Otherwise,
}

impl Dominators {
    /// The dominators of a function whose targets exist and come after the blocks that jump to them.
    ///
    /// # Errors
    /// A block that nothing goes to.
    pub fn of(func: &Func) -> Result<Dominators, Block> {
        let count = func.blocks.len();
        let mut tree = Tree::new(count);
        let mut entered_by = vec![Entered::Never; count];
        for (block, data) in func.blocks.iter() {
            if tree.settle(block.index()).is_none() && block.index() != 0 {
                return Err(block);
            }
            for (polarity, target) in data.end.targets().enumerate() {
                let to = target.block.index();
                tree.edge(block.index(), to);
                entered_by[to] = match (entered_by[to], &data.end) {
                    (Entered::Never, End::Branch(condition, ..)) => {
                        Entered::Branch(*condition, polarity == 0)
                    }
                    _ => Entered::Otherwise,
                };
            }
        }
        let (preorder, enter, leave) = walk(&tree);
        Ok(Dominators { tree, entered_by, preorder, enter, leave })
    }

    /// The block that every path leads through last before it comes to `block`; `None` for the entry.
    pub fn immediate(&self, block: Block) -> Option<Block> {
        self.tree.parent(block.index()).map(Block::new)
    }

    /// Whether every path to `block` leads through `above`; a block does so itself.
    pub fn dominates(&self, above: Block, block: Block) -> bool {
        let (above, block) = (above.index(), block.index());
        self.enter[above] <= self.enter[block] && self.enter[block] < self.leave[above]
    }

    /// The branch condition and the side of it by which `block` is entered, if it is entered by nothing else.
    pub fn entered_by(&self, block: Block) -> Option<(Value, bool)> {
        match self.entered_by[block.index()] {
            Entered::Branch(condition, polarity) => Some((condition, polarity)),
            _ => None,
        }
    }

    /// Every block, each after the blocks that dominate it, and all that it dominates right after it.
    pub fn preorder(&self) -> &[Block] {
        &self.preorder
    }
}

/// The tree in preorder, the rank of each node in it, and the rank after the last node below each.
fn walk(tree: &Tree) -> (Vec<Block>, Vec<u32>, Vec<u32>) {
    let count = tree.parent.len();
    // a node's subtree is complete when its later siblings have been counted: parents come before children
    let mut size = vec![1u32; count];
    for node in (0..count).rev() {
        if let Some(up) = tree.parent(node) {
            size[up] += size[node];
        }
    }
    let mut next = vec![0u32; count];
    let mut enter = vec![0u32; count];
    let mut preorder = vec![Block::new(0); count];
    for node in 0..count {
        let rank = match tree.parent(node) {
            None => 0,
            Some(up) => {
                let rank = next[up];
                next[up] += size[node];
                rank
            }
        };
        enter[node] = rank;
        next[node] = rank + 1;
        preorder[rank as usize] = Block::new(node);
    }
    let leave = (0..count).map(|node| enter[node] + size[node]).collect();
    (preorder, enter, leave)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing::{Seed, Source};

    /// Straight from the definition: a node is dominated by itself and by what dominates all its sources.
    fn naive(sources: &[Vec<usize>]) -> Vec<BTreeSet<usize>> {
        let mut dominated: Vec<BTreeSet<usize>> = Vec::new();
        for (node, from) in sources.iter().enumerate() {
            let common = from.iter().map(|from| dominated[*from].clone()).reduce(|a, b| &a & &b);
            dominated.push(&common.unwrap_or_default() | &BTreeSet::from([node]));
        }
        dominated
    }

    #[test]
    fn a_tree_is_what_the_definition_says() {
        for seed in 0..300 {
            let source = &mut Seed(seed);
            let count = 1 + source.below(24);
            let from = |to: usize, source: &mut Seed| match to {
                0 => vec![],
                _ => (0..1 + source.below(3)).map(|_| source.below(to)).collect(),
            };
            let sources: Vec<Vec<usize>> = (0..count).map(|to| from(to, source)).collect();
            let mut tree = Tree::new(count);
            for (node, from) in sources.iter().enumerate() {
                from.iter().for_each(|from| tree.edge(*from, node));
                tree.settle(node);
            }
            for (node, expected) in naive(&sources).iter().enumerate() {
                let dominated: BTreeSet<usize> =
                    (0..count).filter(|above| tree.dominates(*above, node)).collect();
                assert_eq!(dominated, *expected, "{sources:?} {node}");
            }
        }
    }
}
