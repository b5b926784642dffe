//! What is known before any row is seen? Results that their interval fixes become constants, identities become their
//! operand, and branches that are never taken disappear.
//!
//! One forward pass over the blocks that can still be reached: if a condition is known, only one side is followed. A
//! block with a single incoming jump is appended to the block before it, and a parameter that is the same on every
//! edge is replaced by that value.

use cranelift_entity::SecondaryMap;
use cranelift_entity::packed_option::PackedOption;

use super::rewrite::{Rewriter, install};
use super::simplify::{negated, simplify};
use crate::func::{Block, End, Func, Value};

/// Folds constants, identities, branches, blocks and parameters.
pub fn fold(func: &mut Func) {
    let mut folding = Folding {
        writer: Rewriter::new(func),
        entering: SecondaryMap::new(),
        kept: SecondaryMap::new(),
        home: SecondaryMap::new(),
    };
    func.blocks.keys().for_each(|block| folding.block(block));
    let Folding { writer, kept, home, .. } = folding;
    let mut folded = writer.new;
    folded.retain_args(|block, param| kept[block][param]);
    let layout: Vec<Block> =
        folded.blocks.keys().filter(|block| home[*block].expand() == Some(*block)).collect();
    folded.lay_out(&layout);
    install(func, folded);
}

struct Folding<'a> {
    writer: Rewriter<'a>,
    /// The edges into each block from blocks that are reached.
    entering: SecondaryMap<Block, Vec<Edge>>,
    /// Which parameters are still there.
    kept: SecondaryMap<Block, Vec<bool>>,
    /// Where the instructions of a block are written: in itself or in the block that jumps to it; `None` where
    /// it is not reached.
    home: SecondaryMap<Block, PackedOption<Block>>,
}

#[derive(Clone)]
struct Edge {
    /// The block that the source is written in.
    from: Block,
    is_jump: bool,
    args: Vec<Value>,
}

impl Folding<'_> {
    fn block(&mut self, block: Block) {
        let edges = std::mem::take(&mut self.entering[block]);
        let into = match &edges[..] {
            [] if block.as_u32() != 0 => return,
            [Edge { from, is_jump: true, .. }] => *from,
            _ => block,
        };
        self.home[block] = into.into();
        let old = self.writer.old;
        let data = &old.blocks[block];
        for (i, param) in data.params.iter().enumerate() {
            let args: Vec<Value> = edges.iter().map(|edge| edge.args[i]).collect();
            let same = same_argument(&mut self.writer, into, &args);
            self.kept[block].push(same.is_none());
            match same {
                Some(value) => self.writer.put(*param, value),
                None => self.writer.copy_param(block, *param),
            }
        }
        for value in &data.body {
            let inst = self.writer.inst(*value);
            let new = simplify(&mut self.writer, into, inst, &old.values[*value]);
            self.writer.put(*value, new);
        }
        self.end(into, &data.end);
    }

    fn end(&mut self, into: Block, end: &End) {
        let end = known_end(&self.writer, self.writer.end(end));
        let is_jump = matches!(end, End::Jump(_));
        for target in end.targets() {
            self.entering[target.block].push(Edge { from: into, is_jump, args: target.args.clone() });
        }
        self.writer.new.blocks[into].end = end;
    }
}

/// A jump where the condition is known; the other way round where it is a negation.
fn known_end(writer: &Rewriter, end: End) -> End {
    let End::Branch(mut condition, mut then, mut otherwise) = end else { return end };
    while let Some(negated) = negated(writer, condition) {
        condition = negated;
        std::mem::swap(&mut then, &mut otherwise);
    }
    match writer.new.values[condition].range.single() {
        Some(0) => End::Jump(otherwise),
        Some(_) => End::Jump(then),
        None => End::Branch(condition, then, otherwise),
    }
}

/// The value that all arguments are; a constant again where they are the same constant.
fn same_argument(writer: &mut Rewriter, block: Block, args: &[Value]) -> Option<Value> {
    let first = *args.first()?;
    if args.iter().all(|arg| *arg == first) {
        return Some(first);
    }
    let x = writer.new.constant(first)?;
    let ty = writer.new.values[first].ty;
    let alike = args.iter().all(|arg| writer.new.constant(*arg) == Some(x));
    alike.then(|| writer.constant(block, ty, x))
}
