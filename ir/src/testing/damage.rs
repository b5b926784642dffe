//! A function with something wrong in it: one field of one part, changed to another value that its type allows.

mod proofs;

use cranelift_entity::EntityRef;

use super::Source;
use crate::func::{Block, Def, End, Entries, Func, Inst, Open, Table, Value, ValueData};
use crate::interval::Interval;
use crate::ops::Op;
use crate::types::Type;
use crate::verify::check_classes;

/// Changes one thing; the result may be invalid, or valid with another meaning.
pub fn damage(func: &mut Func, source: &mut impl Source) {
    const KINDS: &[Kind] = &[
        op,
        imm,
        arg,
        ty,
        narrower,
        other_range,
        end,
        target,
        edge_arg,
        result,
        field,
        table,
        order,
        def,
        refinement,
        proofs::proof,
    ];
    let kind = KINDS[source.below(KINDS.len())];
    kind(func, &mut || source.next());
    if source.one_in(2) {
        claim_again(func);
    }
}

/// Changes one thing about the proofs of a function, or about a claim that has one.
pub fn damage_proofs(func: &mut Func, source: &mut impl Source) {
    proofs::proof(func, &mut || source.next());
}

/// Claims what follows from the damage, as a liar would: what is left to be found is the damage itself.
pub(super) fn claim_again(func: &mut Func) {
    let order: Vec<Value> = func.blocks.values().flat_map(|data| data.body.iter().copied()).collect();
    for value in order {
        let Some(Def::Inst(inst)) = func.values.get(value).map(|data| data.def) else { continue };
        if let Some(Ok(range)) = can_transfer(func, &inst).then(|| func.transfer(&inst)) {
            let data = &mut func.values[value];
            // a bound keeps what it says beyond that
            let claimed = Some(data.range).filter(|_| inst.op == Op::Bound);
            data.range = claimed.and_then(|claimed| claimed.intersect(range)).unwrap_or(range);
            let range = data.range;
            data.ty = if data.ty.is_bool() { Type::Bool } else { Type::narrowest(range).max(data.ty) };
        }
    }
}

/// Transfer functions are for operands that exist and intervals that are not empty.
fn can_transfer(func: &Func, inst: &Inst) -> bool {
    // also those of the conditions that a refinement looks through
    let args = func.values.values().filter_map(|data| match &data.def {
        Def::Inst(inst) => Some(inst.args()),
        Def::Param(_) => None,
    });
    let exist = args.flatten().all(|arg| func.values.is_valid(*arg));
    let ranges = func.values.values().map(|data| (data.ty.range(), data.range));
    let fields = func.fields.iter().map(|field| (Interval::FULL, field.range));
    let sane = ranges.chain(fields).all(|(all, range)| range.lo <= range.hi && all.contains_all(range));
    let ascends = inst.op != Op::Bucket || func.table(inst).is_sorted_by(|a, b| a < b);
    exist && sane && ascends && check_classes(func, Value::new(0), inst).is_ok()
}

type Kind = fn(&mut Func, Choose);
type Choose<'a> = &'a mut dyn FnMut() -> u64;

fn below(count: usize, choose: Choose) -> usize {
    (choose() % count.max(1) as u64) as usize
}

fn some_value(func: &Func, choose: Choose) -> Value {
    // now and then one that does not exist
    Value::new(below(func.values.len() + 1 + func.values.len() / 16, choose))
}

fn some_block(func: &Func, choose: Choose) -> Block {
    Block::new(below(func.blocks.len() + 1, choose))
}

fn some_number(choose: Choose) -> i128 {
    const NUMBERS: &[i128] = &[0, 1, -1, 2, 3, 10, 1 << 20, i64::MAX as i128, i128::MAX, i128::MIN];
    match below(3, choose) {
        0 => choose() as i64 as i128,
        _ => NUMBERS[below(NUMBERS.len(), choose)],
    }
}

/// Changes some instruction.
fn change(func: &mut Func, choose: Choose, change: impl FnOnce(&Inst, Choose) -> Inst) {
    let value = some_value(func, choose);
    if let Some(data) = func.values.get_mut(value)
        && let Def::Inst(inst) = &mut data.def
    {
        *inst = change(inst, choose);
    }
}

fn op(func: &mut Func, choose: Choose) {
    change(func, choose, |inst, choose| {
        let alike: Vec<Op> =
            Op::ALL.iter().copied().filter(|op| op.row().params == inst.op.row().params).collect();
        let all = if below(4, choose) == 0 { Op::ALL } else { &alike };
        Inst::new(all[below(all.len(), choose)], inst.args(), inst.imm)
    });
}

/// Refines by the other side of a condition, or by another condition.
fn refinement(func: &mut Func, choose: Choose) {
    let refines = |data: &ValueData| matches!(&data.def, Def::Inst(inst) if inst.op == Op::Refine);
    let refinements: Vec<Value> = func.values.keys().filter(|value| refines(&func.values[*value])).collect();
    let conditions: Vec<Value> =
        func.values.keys().filter(|value| func.values[*value].ty.is_bool()).collect();
    if refinements.is_empty() || conditions.is_empty() {
        return;
    }
    let value = refinements[below(refinements.len(), choose)];
    if let Def::Inst(inst) = &mut func.values[value].def {
        let other = conditions[below(conditions.len(), choose)];
        *inst = match below(2, choose) {
            0 => Inst::new(Op::Refine, inst.args(), 1i128.wrapping_sub(inst.imm)),
            _ => Inst::new(Op::Refine, &[inst.operands::<1>()[0], other], inst.imm),
        };
    }
}

fn imm(func: &mut Func, choose: Choose) {
    change(func, choose, |inst, choose| {
        Inst::new(inst.op, inst.args(), inst.imm.wrapping_add(some_number(choose)))
    });
}

fn arg(func: &mut Func, choose: Choose) {
    let other = some_value(func, choose);
    change(func, choose, |inst, choose| {
        let mut args = inst.args().to_vec();
        match below(8, choose) {
            0 => args.truncate(1),
            1 if args.len() < 3 => args.push(other),
            _ if args.is_empty() => {}
            _ => {
                let which = below(args.len(), choose);
                args[which] = other;
            }
        }
        Inst::new(inst.op, &args, inst.imm)
    });
}

fn ty(func: &mut Func, choose: Choose) {
    let value = some_value(func, choose);
    if let Some(data) = func.values.get_mut(value) {
        data.ty = Type::ALL[below(Type::ALL.len(), choose)];
    }
}

/// Claims more than was proved.
fn narrower(func: &mut Func, choose: Choose) {
    let value = some_value(func, choose);
    if let Some(data) = func.values.get_mut(value) {
        let part = below(5, choose) as i128;
        match below(3, choose) {
            0 => data.range.lo = data.range.lo.saturating_add(part),
            1 => data.range.hi = data.range.hi.saturating_sub(part),
            _ => data.range = Interval::point(data.range.lo),
        }
    }
}

fn some_range(choose: Choose) -> Interval {
    // now and then an empty one
    Interval { lo: some_number(choose), hi: some_number(choose) }
}

fn other_range(func: &mut Func, choose: Choose) {
    let value = some_value(func, choose);
    if let Some(data) = func.values.get_mut(value) {
        data.range = some_range(choose);
    }
}

fn end(func: &mut Func, choose: Choose) {
    let (value, block) = (some_value(func, choose), some_block(func, choose));
    if let Some(data) = func.blocks.get_mut(block) {
        match &mut data.end {
            End::Branch(condition, then, otherwise) if below(2, choose) == 0 => {
                std::mem::swap(then, otherwise);
                *condition = if below(2, choose) == 0 { value } else { *condition };
            }
            End::Branch(_, then, _) => data.end = End::Jump(then.clone()),
            End::Jump(_) => data.end = End::Decide { rule: 0, outputs: vec![value] },
            End::Decide { outputs, .. } if outputs.is_empty() => outputs.push(value),
            End::Decide { outputs, .. } => {
                let which = below(outputs.len(), choose);
                outputs[which] = value;
            }
        }
    }
}

fn target(func: &mut Func, choose: Choose) {
    let (from, to) = (some_block(func, choose), some_block(func, choose));
    if let Some(target) = func.blocks.get_mut(from).and_then(|data| data.end.targets_mut().next()) {
        target.block = to;
    }
}

fn edge_arg(func: &mut Func, choose: Choose) {
    let (value, block) = (some_value(func, choose), some_block(func, choose));
    if let Some(used) = func.blocks.get_mut(block).and_then(|data| data.end.uses_mut().last()) {
        *used = value;
    }
}

fn result(func: &mut Func, choose: Choose) {
    let which = below(func.results.len(), choose);
    match func.results.get_mut(which) {
        Some(range) if below(4, choose) != 0 => *range = some_range(choose),
        _ => func.results.push(Interval::BOOL),
    }
}

fn field(func: &mut Func, choose: Choose) {
    let which = below(func.fields.len(), choose);
    let field = &mut func.fields[which];
    match below(3, choose) {
        0 => field.is_bool = !field.is_bool,
        _ => field.range = some_range(choose),
    }
}

fn table(func: &mut Func, choose: Choose) {
    let which = below(func.tables.len(), choose);
    match func.tables.values_mut().nth(which) {
        Some(Entries::Known(table)) => match below(4, choose) {
            0 => table.truncate(1),
            1 => table.push(some_number(choose)),
            2 => table.iter_mut().take(1).for_each(|entry| *entry = some_number(choose)),
            _ => {
                let (hole, count) = (below(2, choose) as u32, table.len() as u32);
                func.tables[Table::new(which)] =
                    Entries::Open(Open { hole, count, range: some_range(choose) });
            }
        },
        Some(Entries::Open(open)) => match below(3, choose) {
            0 => open.hole ^= 1,
            1 => open.count = below(4, choose) as u32,
            _ => open.range = some_range(choose),
        },
        None => {}
    }
}

fn order(func: &mut Func, choose: Choose) {
    let block = some_block(func, choose);
    if let Some(data) = func.blocks.get_mut(block).filter(|data| data.body.len() > 1) {
        let (a, b) = (below(data.body.len(), choose), below(data.body.len(), choose));
        data.body.swap(a, b);
    }
}

fn def(func: &mut Func, choose: Choose) {
    let (value, block) = (some_value(func, choose), some_block(func, choose));
    let twin = some_value(func, choose);
    match below(3, choose) {
        0 => func.values.get_mut(value).into_iter().for_each(|data| data.def = Def::Param(block)),
        1 => func.blocks.get_mut(block).into_iter().for_each(|data| data.body.push(twin)),
        _ => func.blocks.get_mut(block).into_iter().for_each(|data| data.body.truncate(data.body.len() / 2)),
    }
}
