//! Are the claims of a function still proved after passes have rewritten it? They keep claims and drop proofs, so these
//! are searched again.

use std::collections::BTreeMap;

use opus_ir::dominators::Dominators;
use opus_ir::facts::{self, Facts};
use opus_ir::proof::Proofs;
use opus_ir::{Block, Func, Inst, Interval, Op, Value, passes};

use super::search::{Budget, Known, Search};
use crate::limits::PROOF_WORK_MAX;

/// Runs all passes, and searches again the proofs that they drop. Where one is not found, the passes run one at a time, and
/// those that lose a proof are left out, so that what compiles does not depend on passes.
pub fn optimize(func: &mut Func) {
    if func.proofs.is_empty() {
        return passes::optimize(func);
    }
    let before = func.clone();
    passes::optimize(func);
    match again(func) {
        Some(proofs) => func.proofs = proofs,
        None => *func = one_at_a_time(before),
    }
}

/// The function after each pass that loses no proof.
fn one_at_a_time(mut func: Func) -> Func {
    for (_, pass) in passes::ALL {
        let mut after = func.clone();
        pass(&mut after);
        if let Some(proofs) = again(&after) {
            func = Func { proofs, ..after };
        }
    }
    func
}

/// The proofs of every `bound` in a function that otherwise verifies, and of every result that could leave 128 bits; `None`
/// if one is not found.
fn again(func: &Func) -> Option<BTreeMap<Value, Proofs>> {
    let is_proved = |value: &Value| {
        let may_be_proved = |inst: &Inst| func.transfer(inst).is_err_and(|why| inst.op.may_be_proved(why));
        func.inst(*value).is_some_and(|inst| inst.op == Op::Bound || may_be_proved(inst))
    };
    let origins = facts::origins(func);
    let facts = Facts::with_origins(func, &origins);
    let dominators = Dominators::of(func).ok()?;
    let (mut proofs, mut budget) = (BTreeMap::new(), Budget::shared(PROOF_WORK_MAX, 1));
    for block in func.blocks.keys() {
        let values: Vec<Value> = func.blocks[block].body.iter().copied().filter(is_proved).collect();
        if values.is_empty() {
            continue;
        }
        let known = passed(&dominators, block);
        for value in values {
            let (inst, claim) = (func.inst(value)?, func.values[value].range);
            let found = if inst.op == Op::Bound {
                Search::new(func, facts, &known, &mut budget).within(inst.args()[0], claim)?
            } else {
                let mut unknown = func.clone();
                unknown.values[value].range = Interval::FULL;
                Search::new(&unknown, Facts::with_origins(&unknown, &origins), &known, &mut budget)
                    .within(value, claim)?
            };
            proofs.insert(value, found);
        }
    }
    Some(proofs)
}

/// The branches that every row to a block has passed, the earliest first.
pub(super) fn passed(dominators: &Dominators, block: Block) -> Vec<Known> {
    let above = std::iter::successors(Some(block), |block| dominators.immediate(*block));
    let mut passed: Vec<Known> = above.filter_map(|block| dominators.entered_by(block)).collect();
    passed.reverse();
    passed
}

#[cfg(test)]
mod tests {
    use opus_ir::{Func, Op, Type};

    /// Its proof is found, but not after the greater of two differences has become the amount of one.
    const SOURCE: &str = include_str!("../../tests/accepted/a-pass-left-out.opus");

    #[test]
    fn only_the_pass_that_loses_a_proof_is_left_out() {
        let program = crate::compile(SOURCE).0.unwrap().program;
        let func: &Func = &program.versions[0].decide;
        assert!(!func.proofs.is_empty(), "{func}");
        let has = |op: Op| func.values.keys().any(|value| func.inst(value).is_some_and(|inst| inst.op == op));
        assert!(has(Op::Max) && !has(Op::Abs), "no pass was left out, so this shows nothing: {func}");
        assert!(func.values.values().all(|value| value.ty != Type::I64), "values are not narrowed: {func}");
    }
}
