//! Which ways are never gone? Branches whose condition is known become jumps, blocks that nothing goes to
//! disappear, a block that only one jump goes to becomes part of the block before it, and a parameter that is the
//! same on every edge becomes that.

use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::{PrimaryMap, SecondaryMap};

use super::rewrite::{Rewriter, install};
use crate::func::{Block, End, Func, Value};
use crate::ops::Op;

/// Removes branches, blocks and parameters that decide nothing.
pub fn prune(func: &mut Func) {
    let ends: PrimaryMap<Block, End> = func.blocks.values().map(|data| known_end(func, &data.end)).collect();
    let entering = entering(&ends);
    let mut writer = Rewriter::new(func);
    let mut kept = SecondaryMap::<Block, Vec<bool>>::new();
    // where the instructions of a block are written: in itself, or in the one that jumps to it
    let mut home = SecondaryMap::<Block, PackedOption<Block>>::new();
    for (block, data) in func.blocks.iter() {
        let edges = &entering[block];
        let into = match edges[..] {
            [] if block.as_u32() != 0 => continue,
            [(from, _)] if matches!(ends[from], End::Jump(_)) => {
                home[from].expect("a block comes after its source")
            }
            _ => block,
        };
        home[block] = into.into();
        for (i, param) in data.params.iter().enumerate() {
            let args = edges.iter().map(|(from, target)| argument(&ends[*from], *target, i));
            let same = same_argument(&mut writer, into, args.collect());
            kept[block].push(same.is_none());
            match same {
                Some(value) => writer.put(*param, value),
                None => writer.copy_param(block, *param),
            }
        }
        for value in &data.body {
            let inst = writer.inst(*value);
            let useless = inst.op == Op::Refine && writer.new.values[inst.args()[1]].range.single().is_some();
            let new = if useless { inst.args()[0] } else { writer.keep(into, inst, &func.values[*value]) };
            writer.put(*value, new);
        }
        writer.new.blocks[into].end = writer.end(&ends[block]);
    }
    let mut pruned = writer.new;
    pruned.retain_args(|block, param| kept[block][param]);
    let layout: Vec<Block> =
        pruned.blocks.keys().filter(|block| home[*block].expand() == Some(*block)).collect();
    pruned.lay_out(&layout);
    install(func, pruned);
}

/// The end, where the condition is known a jump.
fn known_end(func: &Func, end: &End) -> End {
    match end {
        End::Branch(condition, then, otherwise) => match func.values[*condition].range.single() {
            Some(0) => End::Jump(otherwise.clone()),
            Some(_) => End::Jump(then.clone()),
            None => end.clone(),
        },
        _ => end.clone(),
    }
}

/// The edges into each block from blocks that are reached: source, and which of its targets.
fn entering(ends: &PrimaryMap<Block, End>) -> SecondaryMap<Block, Vec<(Block, usize)>> {
    let mut entering = SecondaryMap::<Block, Vec<(Block, usize)>>::new();
    for (block, end) in ends.iter() {
        if block.as_u32() != 0 && entering[block].is_empty() {
            continue;
        }
        end.targets().enumerate().for_each(|(i, target)| entering[target.block].push((block, i)));
    }
    entering
}

fn argument(end: &End, target: usize, index: usize) -> Value {
    end.targets().nth(target).expect("the edge is one of the end's").args[index]
}

/// The value that all arguments are; a constant again where they are the same constant.
fn same_argument(writer: &mut Rewriter, block: Block, args: Vec<Value>) -> Option<Value> {
    let args: Vec<Value> = args.into_iter().map(|arg| writer.moved(arg)).collect();
    let first = *args.first()?;
    if args.iter().all(|arg| *arg == first) {
        return Some(first);
    }
    let x = writer.new.constant(first)?;
    let ty = writer.new.values[first].ty;
    let alike = args.iter().all(|arg| writer.new.constant(*arg) == Some(x));
    alike.then(|| writer.constant(block, ty, x))
}
