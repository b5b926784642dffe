//! Which ops do generated policies reach? Counted, so that a generator that forgets one is found out.

use std::collections::BTreeMap;

use opus_frontend::{Compiled, lower};
use opus_ir::{Def, Func, Op, Program, straighten, verify};
use opus_vm::{emit_columns, emit_row, ops};

/// How often each op stands in the code of policies.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    /// Ops of the IR, before and after the passes.
    pub ir: BTreeMap<Op, usize>,
    /// Ops of the machine, in code for rows and for columns.
    pub machine: BTreeMap<ops::Op, usize>,
}

impl Reached {
    /// Counts those of a policy.
    pub fn count(&mut self, compiled: &Compiled) {
        let (plain, _) = lower::plain(&compiled.policy, &compiled.program.source);
        plain.iter().for_each(|plain| self.count_program(plain));
        self.count_program(&compiled.program);
    }

    fn count_program(&mut self, program: &Program) {
        for version in &program.versions {
            [&version.admit, &version.decide].into_iter().for_each(|func| self.count_func(func));
        }
    }

    fn count_func(&mut self, func: &Func) {
        for data in func.values.values() {
            if let Def::Inst(inst) = &data.def {
                *self.ir.entry(inst.op).or_default() += 1;
            }
        }
        let Ok(verified) = verify(func.clone()) else { return };
        for code in [emit_row(&verified), emit_columns(&straighten(&verified))].iter().flatten() {
            code.iter().for_each(|(_, instruction)| *self.machine.entry(instruction.op).or_default() += 1);
        }
    }

    /// The names of the ops that were not reached.
    pub fn missing(&self) -> Vec<String> {
        let ir = Op::ALL.iter().filter(|op| !self.ir.contains_key(op)).map(|op| format!("ir {op:?}"));
        let machine = ops::TABLE.iter().map(|row| row.op).filter(|op| !self.machine.contains_key(op));
        ir.chain(machine.map(|op| format!("machine {op:?}"))).collect()
    }
}
