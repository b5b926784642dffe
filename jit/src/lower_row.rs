//! How is one row decided? Straight-line code becomes predicated code on single values: the same instructions for
//! every row, so that the time does not depend on the data.
//!
//! A value is computed in the type that its interval needs, of 32, 64 or 128 bits; a Boolean is 0 or 1 in a byte.

use std::collections::BTreeMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Type as ClifType, Value as Clif, types};
use opus_ir::date::{DAY_MAX, DAY_MIN, MONTHS_MAX, MonthEnd};
use opus_ir::memory::RowLayout;
use opus_ir::ops::{Visitor, visit};
use opus_ir::{Interval, Op, Rounding, Straight, Table, Value, Width};

use crate::calendar;
use crate::emit::{Emit, memory, scalar_type, unaligned};
use crate::plan::{self, Measure, Piece, Plan};
use crate::scalar::{self, computed_in};

/// About how many instructions one function has at most.
pub(crate) const BUDGET: usize = 800;

/// The parameters of a piece: `fn(input, output, constants, state)`.
pub(crate) const PARAMS: usize = 4;

/// The pieces of a row kernel.
pub(crate) fn plan(line: &Straight, budget: usize) -> Plan {
    let slot_bytes = |value: Value| match computed_in(Width::narrowest(line.values[value].range)) {
        types::I128 => 16,
        _ => 8,
    };
    let cost = |value: Value| match line.values[value].inst.op {
        Op::Divide | Op::Modulo => 20,
        Op::AddMonths | Op::WholeMonths => 80,
        Op::Bucket => 15,
        Op::Lookup => 6,
        _ => 2,
    };
    Plan::new(line, &Measure { cost: &cost, slot_bytes: &slot_bytes, budget })
}

/// Writes one piece into the current block, which has the parameters.
pub(crate) fn lower(emit: &mut Emit, line: &Straight, plan: &Plan, piece: &Piece, params: [Clif; PARAMS]) {
    let [input, output, _, state] = params;
    let inputs = RowLayout::new(&plan::input_columns(line));
    let outputs = RowLayout::new(&plan::output_columns(line));
    let mut lowering = Lowering { emit, line, plan, inputs, input, state, known: BTreeMap::new() };
    for value in &piece.values {
        let computed = visit(&mut lowering, &line.values[*value].inst, *value);
        lowering.known.insert(*value, computed);
    }
    for value in &piece.saves {
        let x = lowering.value(*value);
        let offset = plan.slots[*value].expect("a value that is passed on has a place");
        lowering.emit.b.ins().store(memory(), x, state, offset as i32);
    }
    for (column, value) in &piece.outputs {
        let slot = outputs.slots[*column];
        let x = lowering.value(*value);
        let x = lowering.emit.resize(x, scalar_type(slot.width));
        lowering.emit.b.ins().store(unaligned(), x, output, slot.offset as i32);
    }
}

struct Lowering<'e, 'b, 'l> {
    emit: &'e mut Emit<'b>,
    line: &'l Straight,
    plan: &'l Plan,
    inputs: RowLayout,
    input: Clif,
    state: Clif,
    known: BTreeMap<Value, Clif>,
}

impl Lowering<'_, '_, '_> {
    fn range(&self, value: Value) -> Interval {
        self.line.values[value].range
    }

    /// The type that a value is computed in.
    fn ty(&self, value: Value) -> ClifType {
        if plan::is_bool(self.line, value) {
            return types::I8;
        }
        computed_in(Width::narrowest(self.range(value)))
    }

    /// The widest type among some values.
    fn widest(&self, values: &[Value]) -> ClifType {
        values.iter().map(|value| self.ty(*value)).max_by_key(|ty| ty.bits()).unwrap_or(types::I32)
    }

    /// A value in its own type.
    fn value(&mut self, value: Value) -> Clif {
        let ty = self.ty(value);
        if let Some(x) = plan::constant(self.line, value) {
            return self.emit.int(ty, x);
        }
        if let Some(known) = self.known.get(&value) {
            return *known;
        }
        let x = match self.plan.slots[value] {
            Some(offset) => self.emit.b.ins().load(ty, memory(), self.state, offset as i32),
            None => visit(self, &self.line.values[value].inst, value),
        };
        self.known.insert(value, x);
        x
    }

    /// A value in another integer type. Bits that are truncated are known not to matter.
    fn value_as(&mut self, value: Value, ty: ClifType) -> Clif {
        if let Some(x) = plan::constant(self.line, value) {
            return self.emit.int(ty, x);
        }
        let x = self.value(value);
        self.emit.resize(x, ty)
    }

    fn pair(&mut self, a: Value, b: Value, ty: ClifType) -> (Clif, Clif) {
        (self.value_as(a, ty), self.value_as(b, ty))
    }

    fn comparison(&mut self, code: IntCC, a: Value, b: Value) -> Clif {
        let (a, b) = self.pair(a, b, self.widest(&[a, b]));
        self.emit.compare(code, a, b)
    }

    /// A value in 32 bits, clamped to the range that a routine accepts.
    fn within_32_bits(&mut self, value: Value, low: i128, high: i128) -> Clif {
        let x = self.value(value);
        let inside = Interval::new(low, high).contains_all(self.range(value));
        let x = if inside { x } else { self.emit.clamp(x, low, high) };
        self.emit.resize(x, types::I32)
    }
}

impl Visitor for Lowering<'_, '_, '_> {
    type Output = Clif;

    fn constant(&mut self, at: Value, value: i128) -> Clif {
        let ty = self.ty(at);
        self.emit.int(ty, value)
    }

    fn field(&mut self, at: Value, field: usize) -> Clif {
        let slot = self.inputs.slots[field];
        let (input, offset) = (self.input, slot.offset as i32);
        let ins = self.emit.b.ins();
        match slot.width {
            Width::W8 if plan::is_bool(self.line, at) => ins.load(types::I8, unaligned(), input, offset),
            Width::W8 => ins.sload8(types::I32, unaligned(), input, offset),
            Width::W16 => ins.sload16(types::I32, unaligned(), input, offset),
            width => ins.load(scalar_type(width), unaligned(), input, offset),
        }
    }

    fn present(&mut self, _: Value, field: usize) -> Clif {
        let Some(offset) = self.inputs.slots[field].presence else {
            return self.emit.int(types::I8, 1);
        };
        let byte = self.emit.b.ins().load(types::I8, unaligned(), self.input, offset as i32);
        let zero = self.emit.int(types::I8, 0);
        self.emit.compare(IntCC::NotEqual, byte, zero)
    }

    fn add(&mut self, at: Value, a: Value, b: Value) -> Clif {
        let (a, b) = self.pair(a, b, self.ty(at));
        self.emit.b.ins().iadd(a, b)
    }

    fn sub(&mut self, at: Value, a: Value, b: Value) -> Clif {
        let (a, b) = self.pair(a, b, self.ty(at));
        self.emit.b.ins().isub(a, b)
    }

    fn mul(&mut self, at: Value, a: Value, b: Value) -> Clif {
        let (a, b) = self.pair(a, b, self.ty(at));
        self.emit.b.ins().imul(a, b)
    }

    fn divide(&mut self, at: Value, a: Value, b: Value, mode: Rounding) -> Clif {
        let ty = self.widest(&[a, b, at]);
        let quotient = match plan::constant(self.line, b) {
            Some(c) => {
                let ty = if ty == types::I32 { types::I64 } else { ty };
                let (range, a) = (self.range(a), self.value_as(a, ty));
                scalar::divide_by_constant(self.emit, a, range, c, mode)
            }
            None => {
                let (a, b) = self.pair(a, b, ty);
                scalar::divide(self.emit, a, b, mode)
            }
        };
        let ty = self.ty(at);
        self.emit.resize(quotient, ty)
    }

    fn modulo(&mut self, at: Value, a: Value, b: Value) -> Clif {
        let ty = self.widest(&[a, b, at]);
        let remainder = match plan::constant(self.line, b) {
            Some(c) => {
                let ty = if ty == types::I32 { types::I64 } else { ty };
                let (range, a) = (self.range(a), self.value_as(a, ty));
                scalar::modulo_by_constant(self.emit, a, range, c)
            }
            None => {
                let (a, b) = self.pair(a, b, ty);
                scalar::modulo(self.emit, a, b)
            }
        };
        let ty = self.ty(at);
        self.emit.resize(remainder, ty)
    }

    fn min(&mut self, at: Value, a: Value, b: Value) -> Clif {
        let (a, b) = self.pair(a, b, self.widest(&[a, b]));
        let x = self.emit.smaller(a, b);
        let ty = self.ty(at);
        self.emit.resize(x, ty)
    }

    fn max(&mut self, at: Value, a: Value, b: Value) -> Clif {
        let (a, b) = self.pair(a, b, self.widest(&[a, b]));
        let x = self.emit.greater(a, b);
        let ty = self.ty(at);
        self.emit.resize(x, ty)
    }

    fn abs(&mut self, at: Value, a: Value) -> Clif {
        let a = self.value_as(a, self.widest(&[a, at]));
        let x = self.emit.b.ins().iabs(a);
        let ty = self.ty(at);
        self.emit.resize(x, ty)
    }

    fn eq(&mut self, _: Value, a: Value, b: Value) -> Clif {
        self.comparison(IntCC::Equal, a, b)
    }

    fn ne(&mut self, _: Value, a: Value, b: Value) -> Clif {
        self.comparison(IntCC::NotEqual, a, b)
    }

    fn lt(&mut self, _: Value, a: Value, b: Value) -> Clif {
        self.comparison(IntCC::SignedLessThan, a, b)
    }

    fn le(&mut self, _: Value, a: Value, b: Value) -> Clif {
        self.comparison(IntCC::SignedLessThanOrEqual, a, b)
    }

    fn and(&mut self, _: Value, a: Value, b: Value) -> Clif {
        let (a, b) = self.pair(a, b, types::I8);
        self.emit.b.ins().band(a, b)
    }

    fn or(&mut self, _: Value, a: Value, b: Value) -> Clif {
        let (a, b) = self.pair(a, b, types::I8);
        self.emit.b.ins().bor(a, b)
    }

    fn xor(&mut self, _: Value, a: Value, b: Value) -> Clif {
        let (a, b) = self.pair(a, b, types::I8);
        self.emit.b.ins().bxor(a, b)
    }

    fn not(&mut self, _: Value, a: Value) -> Clif {
        let a = self.value(a);
        self.emit.b.ins().bxor_imm_u(a, 1)
    }

    fn select(&mut self, at: Value, condition: Value, a: Value, b: Value) -> Clif {
        let condition = self.value(condition);
        let (a, b) = self.pair(a, b, self.ty(at));
        self.emit.b.ins().select(condition, a, b)
    }

    fn bucket(&mut self, at: Value, a: Value, table: Table) -> Clif {
        let range = self.range(a);
        let line = self.line;
        let (below, cuts) = cuts_within(&line.tables[table], range);
        let x = self.value(a);
        let count = scalar::bucket(self.emit, x, cuts, Width::narrowest(range));
        let count = self.emit.add_constant(count, below);
        let ty = self.ty(at);
        self.emit.resize(count, ty)
    }

    fn lookup(&mut self, at: Value, index: Value, table: Table) -> Clif {
        let line = self.line;
        let table = &line.tables[table];
        let x = self.value(index);
        let fits = Width::narrowest(self.range(index)) != Width::W128;
        let x = if fits { x } else { self.emit.clamp(x, 0, table.len() as i128) };
        let x = self.emit.resize(x, types::I64);
        let is_valid = self.plan.indexes(index, table.len());
        let entry = scalar::lookup(self.emit, x, is_valid, table, Width::narrowest(self.range(at)));
        let ty = self.ty(at);
        self.emit.resize(entry, ty)
    }

    fn add_months(&mut self, _: Value, day: Value, months: Value, end: MonthEnd) -> Clif {
        let day = self.within_32_bits(day, DAY_MIN, DAY_MAX);
        let months = self.within_32_bits(months, -MONTHS_MAX, MONTHS_MAX);
        calendar::add_months(self.emit, day, months, end)
    }

    fn whole_months(&mut self, _: Value, from: Value, to: Value) -> Clif {
        let from = self.within_32_bits(from, DAY_MIN, DAY_MAX);
        let to = self.within_32_bits(to, DAY_MIN, DAY_MAX);
        calendar::whole_months(self.emit, from, to)
    }
}

/// The thresholds that divide `range`, and how many are at or below the whole range.
pub(crate) fn cuts_within(cuts: &[i128], range: Interval) -> (i128, &[i128]) {
    let first = cuts.partition_point(|cut| *cut <= range.lo);
    let last = cuts.partition_point(|cut| *cut <= range.hi);
    (first as i128, &cuts[first..last])
}
