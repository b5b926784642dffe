//! Which values fit in fewer bits than their definitions show? A value that is proved to fit in a narrower type is computed
//! in it, so that an engine decides more rows at once.

use opus_ir::dominators::Dominators;
use opus_ir::facts::{self, Facts};
use opus_ir::ops::Role;
use opus_ir::proof::Proofs;
use opus_ir::{Func, Inst, Interval, Op, Type, Value};

use super::again::passed;
use super::search::{Budget, Known, Search};
use crate::limits::NARROWING_WORK_MAX;

/// Gives values narrower types where that can be proved, and leaves the function as it is where nothing is found. It has
/// been through all passes, and is one of so many versions.
pub fn narrow(func: &mut Func, versions: usize) {
    if let Some(narrowed) = narrowed(func, Budget::shared(NARROWING_WORK_MAX, versions)) {
        debug_assert!(opus_ir::verify(narrowed.clone()).is_ok(), "what is narrowed is proved");
        *func = narrowed;
    }
}

/// The function with narrower types; `None` if there are none, or if a proof that it has is not found again.
fn narrowed(func: &Func, mut budget: Budget) -> Option<Func> {
    let (dominators, origins) = (Dominators::of(func).ok()?, facts::origins(func));
    let mut new = func.clone();
    let mut is_changed = false;
    for block in func.blocks.keys() {
        let known = passed(&dominators, block);
        for value in &func.blocks[block].body {
            let inst = *func.inst(*value)?;
            if is_changed {
                // what is known of the operands has changed, and with it what a proof adds up
                let derived = match new.transfer(&inst) {
                    Err(why) if inst.op.may_be_proved(why) => Interval::FULL,
                    derived => derived.ok()?,
                };
                let claim = func.values[*value].range;
                let range = claim.intersect(derived)?;
                let subject = if inst.op == Op::Bound { inst.args()[0] } else { *value };
                new.values[*value].range = derived;
                let facts = Facts::with_origins(&new, &origins);
                let proofs = Search::new(&new, facts, &known, &mut budget).within(subject, range)?;
                set(&mut new, *value, range, proofs);
            }
            if let Some((range, proofs)) = fits(&new, &origins, &known, *value, &inst, &mut budget) {
                set(&mut new, *value, range, proofs);
                is_changed = true;
            }
        }
    }
    is_changed.then_some(new)
}

/// The range of a value in the narrowest type that it is proved to fit in, and the proofs; `None` if that is its own type.
fn fits(
    func: &Func,
    origins: &facts::Origins,
    known: &[Known],
    value: Value,
    inst: &Inst,
    budget: &mut Budget,
) -> Option<(Interval, Proofs)> {
    let range = func.values[value].range;
    let narrower: &[Type] = match Type::narrowest(range) {
        Type::I128 => &[Type::I32, Type::I64],
        Type::I64 => &[Type::I32],
        Type::I32 | Type::Bool => &[],
    };
    // a result that could leave 128 bits keeps the claim that was proved
    if inst.op.row().role != Role::Computed || func.transfer(inst).is_err() {
        return None;
    }
    narrower.iter().find_map(|ty| {
        let range = range.intersect(ty.range())?;
        let facts = Facts::with_origins(func, origins);
        let proofs = Search::new(func, facts, known, budget).briefly().within(value, range)?;
        Some((range, proofs))
    })
}

fn set(func: &mut Func, value: Value, range: Interval, proofs: Proofs) {
    let data = &mut func.values[value];
    data.range = range;
    if !data.ty.is_bool() {
        data.ty = Type::narrowest(range);
    }
    if proofs == Proofs::default() {
        func.proofs.remove(&value);
    } else {
        func.proofs.insert(value, proofs);
    }
}

#[cfg(test)]
mod tests {
    use opus_ir::{Def, Func, Inst, Interval, Type, Value};

    const SOURCE: &str = include_str!("../../tests/accepted/narrowed-behind-a-branch.opus");

    #[test]
    fn what_a_branch_keeps_small_is_computed_in_a_narrow_type() {
        let program = crate::compile(SOURCE).0.unwrap().program;
        let func: &Func = &program.versions[0].decide;
        let by_proof = |(value, inst): &(Value, Inst)| {
            let data = &func.values[*value];
            let wide: Interval = func.transfer(inst).unwrap();
            data.ty == Type::I32 && !Type::I32.range().contains_all(wide) && func.proofs.contains_key(value)
        };
        let insts = func.values.iter().filter_map(|(value, data)| match &data.def {
            Def::Inst(inst) => Some((value, *inst)),
            Def::Param(_) => None,
        });
        assert_eq!(insts.filter(by_proof).count(), 1, "{func}");
    }
}
