//! Which values does no decision depend on? Values, parameters and tables that nothing uses are removed.

use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::{EntityRef, EntitySet, SecondaryMap};

use super::rewrite::{Rewriter, install};
use crate::func::{Block, Def, End, Entries, Func, Table, Value};
use crate::ops::Imm;

/// Removes what is not used. Tables with the same entries become one.
pub fn dead(func: &mut Func) {
    let live = live_values(func);
    let mut writer = Rewriter::new(func);
    for (block, data) in func.blocks.iter() {
        data.params
            .iter()
            .filter(|param| live.contains(**param))
            .for_each(|param| writer.copy_param(block, *param));
        for value in data.body.iter().filter(|value| live.contains(**value)) {
            let inst = writer.inst(*value);
            let new = writer.keep(block, inst, &func.values[*value]);
            writer.put(*value, new);
        }
        let mut end = data.end.clone();
        retain_live_args(func, &live, &mut end);
        writer.new.blocks[block].end = writer.end(&end);
    }
    let mut alive = writer.new;
    drop_tables(&mut alive);
    install(func, alive);
}

/// What decisions and branches depend on.
fn live_values(func: &Func) -> EntitySet<Value> {
    let mut entering = SecondaryMap::<Block, Vec<&[Value]>>::new();
    let mut pending: Vec<Value> = Vec::new();
    for data in func.blocks.values() {
        data.end.targets().for_each(|target| entering[target.block].push(&target.args));
        match &data.end {
            End::Branch(condition, ..) => pending.push(*condition),
            End::Decide { outputs, .. } => pending.extend(outputs),
            End::Jump(_) => {}
        }
    }
    let mut live = EntitySet::new();
    while let Some(value) = pending.pop() {
        if !live.insert(value) {
            continue;
        }
        match &func.values[value].def {
            Def::Inst(inst) => pending.extend(inst.args()),
            Def::Param(block) => {
                let index = func.blocks[*block].params.iter().position(|param| *param == value);
                let index = index.expect("a parameter is one of its block's");
                pending.extend(entering[*block].iter().map(|args| args[index]));
            }
        }
    }
    live
}

fn retain_live_args(func: &Func, live: &EntitySet<Value>, end: &mut End) {
    for target in end.targets_mut() {
        let mut params = func.blocks[target.block].params.iter();
        target.args.retain(|_| params.next().is_some_and(|param| live.contains(*param)));
    }
}

fn drop_tables(func: &mut Func) {
    let old = std::mem::take(&mut func.tables);
    let mut moved = SecondaryMap::<Table, PackedOption<Table>>::new();
    let mut known = std::collections::BTreeMap::<&Entries, Table>::new();
    for data in func.values.values_mut() {
        if let Def::Inst(inst) = &mut data.def
            && inst.op.row().imm == Imm::Table
        {
            let table = Table::new(inst.imm as usize);
            let tables = &mut func.tables;
            let add =
                || *known.entry(&old[table]).or_insert_with_key(|entries| tables.push((*entries).clone()));
            let new = moved[table].expand().unwrap_or_else(add);
            moved[table] = new.into();
            inst.imm = new.index() as i128;
        }
    }
}
