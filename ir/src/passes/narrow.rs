//! How small can a value be, and how narrow its type? One forward pass derives every interval from those before it.

use cranelift_entity::SecondaryMap;

use super::rewrite::{Rewriter, install};
use crate::func::{Block, End, Func};
use crate::interval::Interval;
use crate::types::Type;

/// Gives every value the interval that follows from its operands, every parameter the hull of its arguments, and
/// every integer the narrowest type that holds its interval.
pub fn narrow(func: &mut Func) {
    let mut entered_with = SecondaryMap::<Block, Vec<Interval>>::new();
    let mut writer = Rewriter::new(func);
    for (block, data) in func.blocks.iter() {
        for (param, range) in data.params.iter().zip(&entered_with[block]) {
            writer.param(block, *param, type_for(func.values[*param].ty, *range), *range);
        }
        for value in &data.body {
            let inst = writer.inst(*value);
            let claimed = func.values[*value];
            let range = writer.derive(&inst, claimed.range);
            let new = writer.emit(block, inst, type_for(claimed.ty, range), range);
            writer.put(*value, new);
        }
        let end = writer.end(&data.end);
        hull_arguments(&writer.new, &end, &mut entered_with);
        writer.new.blocks[block].end = end;
    }
    let narrowed = writer.new;
    install(func, narrowed);
}

fn type_for(ty: Type, range: Interval) -> Type {
    if ty.is_bool() { ty } else { Type::narrowest(range) }
}

fn hull_arguments(func: &Func, end: &End, entered_with: &mut SecondaryMap<Block, Vec<Interval>>) {
    for target in end.targets() {
        let args = target.args.iter().map(|arg| func.values[*arg].range);
        let known = &mut entered_with[target.block];
        if known.is_empty() {
            known.extend(args);
        } else {
            known.iter_mut().zip(args).for_each(|(known, arg)| *known = known.hull(arg));
        }
    }
}
