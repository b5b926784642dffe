//! What does a decision look like without branches? The predicated straight-line form that the native engines
//! and the column engines run.
//!
//! It is derived from a verified function and never stored. Every value is defined by an instruction, in the
//! order of the values; conditions of blocks have become masks, joins have become selects, `refine` is gone.
//! A value's interval is the one that was proved in the graph: it holds on rows that reach the value's block.
//! On other rows a value may be anything, and nothing that is selected depends on it; so engines may use
//! intervals to choose widths, and must not use them to stay memory-safe.
//!
//! Where a refined value was used, the value that it refines is used: an operand, or an output, may have a wider
//! type and interval than what was proved of it at that place. What was proved there is in the interval of the
//! result, and for an output in [`Straight::results`]. An op computes in the widest type among its operands and
//! its result, as everywhere.

use cranelift_entity::PrimaryMap;

use crate::func::{FieldRange, Inst, Table, Value};
use crate::interval::Interval;
use crate::ops::Imm;
use crate::types::Type;

/// A decision as predicated code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Straight {
    /// The input fields, as in the function.
    pub fields: Vec<FieldRange>,
    /// The ranges of the outputs, as in the function.
    pub results: Vec<Interval>,
    /// The values in the order of their computation; operands come before their uses.
    pub values: PrimaryMap<Value, Step>,
    /// The constant tables.
    pub tables: PrimaryMap<Table, Vec<i128>>,
    /// The outputs.
    pub outputs: Vec<Value>,
    /// The index of the rule that decided.
    pub rule: Value,
}

/// One instruction of predicated code, with the type and interval of its result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// The type of the result.
    pub ty: Type,
    /// The interval of the result on rows that reach it.
    pub range: Interval,
    /// The instruction.
    pub inst: Inst,
}

impl Straight {
    /// The table that an instruction names; empty where its immediate names none.
    pub fn table(&self, inst: &Inst) -> &[i128] {
        let named = inst.op.row().imm == Imm::Table;
        let table = u32::try_from(inst.imm).ok().filter(|_| named);
        table.and_then(|i| self.tables.get(Table::from_u32(i))).map_or(&[], |table| table)
    }
}
