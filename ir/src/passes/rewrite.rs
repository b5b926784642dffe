//! How does a pass rewrite a function? Block by block, each value stays in place or is replaced by one that dominates
//! it. Intervals are derived again, so that later values profit from what a pass finds out.

use std::collections::BTreeMap;

use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::{PrimaryMap, SecondaryMap};

use crate::facts::{Facts, Origins};
use crate::func::{Block, BlockData, Def, End, Func, Inst, Value, ValueData};
use crate::interval::Interval;
use crate::ops::Op;
use crate::types::Type;
use crate::verify::{self, Trust};

/// Takes over what a pass has written, unless a proof was lost on the way.
pub fn install(func: &mut Func, rewritten: Func) {
    if rewritten == *func {
        return;
    }
    match verify::check(&rewritten, Trust::Claims) {
        Ok(_) => *func = rewritten,
        Err(error) => {
            debug_assert!(
                verify::check(func, Trust::Claims).is_err(),
                "a proof was lost: {error}\n{func}\n{rewritten}"
            )
        }
    }
}

/// A function that is being rewritten. Blocks keep their numbers.
pub struct Rewriter<'a> {
    pub old: &'a Func,
    pub new: Func,
    old_origins: Origins,
    origins: Origins,
    moved: SecondaryMap<Value, PackedOption<Value>>,
}

impl<'a> Rewriter<'a> {
    /// Nothing is written yet; the fields, results and tables are those of `old`.
    pub fn new(old: &'a Func) -> Rewriter<'a> {
        let new = Func {
            fields: old.fields.clone(),
            results: old.results.clone(),
            values: PrimaryMap::with_capacity(old.values.len()),
            blocks: old.blocks.values().map(|_| BlockData::open()).collect(),
            tables: old.tables.clone(),
            proofs: BTreeMap::new(),
        };
        let moved = SecondaryMap::with_capacity(old.values.len());
        let old_origins = crate::facts::origins(old);
        Rewriter { old, new, old_origins, origins: Origins::new(), moved }
    }

    /// Writes every block, with `place` deciding what comes in the place of each instruction.
    pub fn write(mut self, mut place: impl FnMut(&mut Self, Block, Inst, &ValueData) -> Value) -> Func {
        for (block, data) in self.old.blocks.iter() {
            data.params.iter().for_each(|param| self.copy_param(block, *param));
            for value in &data.body {
                let data = &self.old.values[*value];
                let inst = self.inst(*value);
                let new = place(&mut self, block, inst, data);
                self.put(*value, new);
            }
            self.new.blocks[block].end = self.end(&data.end);
        }
        self.new
    }

    /// The replacement of an old value.
    pub fn moved(&self, old: Value) -> Value {
        self.moved[old].expect("values are written in the order of their definition")
    }

    /// Puts a new value in the place of an old one.
    pub fn put(&mut self, old: Value, new: Value) {
        self.moved[old] = new.into();
    }

    /// A new value without the refinements on top of it.
    pub fn origin(&self, new: Value) -> Value {
        self.origins[new].expand().unwrap_or(new)
    }

    /// Adds a parameter as it was.
    pub fn copy_param(&mut self, block: Block, param: Value) {
        let ValueData { ty, range, .. } = self.old.values[param];
        self.param(block, param, ty, range);
    }

    /// Adds a parameter with an interval that holds whatever the block is entered with.
    pub fn param(&mut self, block: Block, param: Value, ty: Type, range: Interval) {
        let new = self.new.values.push(ValueData { ty, range, def: Def::Param(block) });
        self.new.blocks[block].params.push(new);
        self.put(param, new);
    }

    /// The instruction of an old value with new operands. A refinement names its condition without refinements
    /// and negations: what is written may know more of the condition, and the branch on it is still the same.
    pub fn inst(&self, old: Value) -> Inst {
        let mut inst = *self.old.inst(old).expect("a body holds instructions");
        if inst.op == Op::Refine {
            let [value, condition] = inst.operands();
            let (condition, holds) = self.plain(condition, inst.imm != 0);
            inst = Inst::new(Op::Refine, &[value, condition], holds as i128);
        }
        inst.args_mut().iter_mut().for_each(|arg| *arg = self.moved(*arg));
        // no row reaches a contradiction, so any number in its claim will do
        let claimed = self.old.values[old].range;
        let is_possible = |known: Interval| known.intersect(claimed).is_some();
        match inst.op {
            Op::Refine if !self.refined(&inst).is_some_and(is_possible) => {
                Inst::new(Op::Const, &[], claimed.lo)
            }
            _ => inst,
        }
    }

    fn plain(&self, condition: Value, holds: bool) -> (Value, bool) {
        let (mut condition, mut holds) = (self.old_origins[condition].unwrap(), holds);
        while let Some(inst) = self.old.inst(condition).filter(|inst| inst.op == Op::Not) {
            (condition, holds) = (self.old_origins[inst.args()[0]].unwrap(), !holds);
        }
        (condition, holds)
    }

    /// What is known of the result of a refinement; `None` if its condition contradicts what is known of its operand.
    fn refined(&self, inst: &Inst) -> Option<Interval> {
        let [value, condition] = inst.operands();
        Facts::with_origins(&self.new, &self.origins).narrowed(value, condition, inst.imm != 0)
    }

    /// The interval of an instruction by its transfer function; `claimed` if that gives none.
    pub fn derive(&self, inst: &Inst, claimed: Interval) -> Interval {
        let established = match (inst.op, inst.args()) {
            (Op::Refine, _) => self.refined(inst).unwrap_or(Interval::FULL),
            // what was claimed before is still true of every row that comes here
            (Op::Bound, [value]) => {
                return self.new.values[*value].range.intersect(claimed).unwrap_or(claimed);
            }
            _ => Interval::FULL,
        };
        self.new.transfer_where(inst, established).unwrap_or(claimed)
    }

    /// Adds an instruction.
    pub fn emit(&mut self, block: Block, inst: Inst, ty: Type, range: Interval) -> Value {
        let new = self.new.values.push(ValueData { ty, range, def: Def::Inst(inst) });
        self.new.blocks[block].body.push(new);
        self.origins[new] = inst.refined().map_or(new, |refined| self.origin(refined)).into();
        new
    }

    /// Adds an instruction with the interval that it has now, in the type that it had.
    pub fn keep(&mut self, block: Block, inst: Inst, data: &ValueData) -> Value {
        let range = self.derive(&inst, data.range);
        let fits = data.ty.range().contains_all(range);
        self.emit(block, inst, if fits { data.ty } else { Type::narrowest(range) }, range)
    }

    /// Adds a constant.
    pub fn constant(&mut self, block: Block, ty: Type, x: i128) -> Value {
        self.emit(block, Inst::new(Op::Const, &[], x), ty, Interval::point(x))
    }

    /// An end with new values in the place of the old. If it branches on a contradictory refinement, it now branches on the
    /// value that was refined, because other refinements rely on that branch.
    pub fn end(&self, end: &End) -> End {
        let mut new = end.clone();
        new.uses_mut().for_each(|value| *value = self.moved(*value));
        if let (End::Branch(old, ..), End::Branch(condition, ..)) = (end, &mut new) {
            let is_refined = self.old.inst(*old).is_some_and(|inst| inst.op == Op::Refine);
            if is_refined && self.new.constant(*condition).is_some() {
                *condition = self.moved(self.old_origins[*old].unwrap());
            }
        }
        new
    }
}
