//! How is predicated code emitted? Step by step: each step is computed once, and unused steps are left out.
//!
//! Equal steps are merged: without branches, each is computed for every row anyway. The interval of a merged step is
//! the hull of the intervals proved at its places, because it holds on the rows that reach one of them.

use std::collections::BTreeMap;

use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::{EntityRef, PrimaryMap, SecondaryMap};

use crate::func::{FieldRange, Inst, Table, Value};
use crate::interval::Interval;
use crate::ops::{Imm, Op};
use crate::straight::{Step, Straight};
use crate::types::Type;

/// Predicated code that is being written.
#[derive(Default)]
pub(crate) struct Emitter {
    steps: PrimaryMap<Value, Step>,
    tables: PrimaryMap<Table, Vec<i128>>,
    /// Steps by canonical instruction; Boolean constants are distinct from integers.
    known: BTreeMap<(Inst, bool), Value>,
    known_tables: BTreeMap<Vec<i128>, Table>,
}

impl Emitter {
    /// How many steps there are so far, used or not.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// What a value is computed by.
    pub fn get(&self, value: Value) -> &Step {
        &self.steps[value]
    }

    /// A value's constant, where it is one.
    pub fn constant_of(&self, value: Value) -> Option<i128> {
        let inst = &self.steps[value].inst;
        (inst.op == Op::Const).then_some(inst.imm)
    }

    /// A step as it is, unless there is one like it already.
    pub fn step(&mut self, ty: Type, range: Interval, inst: Inst) -> Value {
        let key = (inst.canonical(), ty.is_bool());
        if let Some(value) = self.known.get(&key) {
            let step = &mut self.steps[*value];
            step.range = step.range.hull(range);
            step.ty = step.ty.max(ty);
            return *value;
        }
        let value = self.steps.push(Step { ty, range, inst });
        self.known.insert(key, value);
        value
    }

    /// A constant integer or Boolean.
    pub fn constant(&mut self, is_truth: bool, x: i128) -> Value {
        let range = Interval::point(x);
        let ty = if is_truth { Type::Bool } else { Type::narrowest(range) };
        self.step(ty, range, Inst::new(Op::Const, &[], x))
    }

    /// A constant Boolean.
    pub fn truth(&mut self, x: bool) -> Value {
        self.constant(true, x as i128)
    }

    /// Whether it fails.
    pub fn not(&mut self, a: Value) -> Value {
        let inst = self.steps[a].inst;
        match inst.op {
            Op::Const => self.truth(inst.imm == 0),
            Op::Not => inst.args()[0],
            _ => self.condition(Op::Not, &[a]),
        }
    }

    /// Whether both hold.
    pub fn and(&mut self, a: Value, b: Value) -> Value {
        match (self.constant_of(a), self.constant_of(b)) {
            (Some(0), _) | (_, Some(1)) => a,
            (_, Some(0)) | (Some(1), _) => b,
            _ if a == b => a,
            _ if self.are_opposite(a, b) => self.truth(false),
            _ => self.condition(Op::And, &[a, b]),
        }
    }

    /// Whether one holds at least.
    pub fn or(&mut self, a: Value, b: Value) -> Value {
        match (self.constant_of(a), self.constant_of(b)) {
            (Some(0), _) | (_, Some(1)) => b,
            (_, Some(0)) | (Some(1), _) => a,
            _ if a == b => a,
            _ if self.are_opposite(a, b) => self.truth(true),
            _ => self.condition(Op::Or, &[a, b]),
        }
    }

    /// `a` where the condition holds, `b` where it fails.
    pub fn select(&mut self, ty: Type, range: Interval, condition: Value, a: Value, b: Value) -> Value {
        let decided = self.steps[condition].inst;
        match decided.op {
            _ if a == b => a,
            Op::Const if decided.imm != 0 => a,
            Op::Const => b,
            Op::Not => self.select(ty, range, decided.args()[0], b, a),
            _ if ty.is_bool() => self.select_truth(condition, a, b),
            _ => self.step(ty, range, Inst::new(Op::Select, &[condition, a, b], 0)),
        }
    }

    /// The entry of a constant table at an index within it.
    pub fn lookup(&mut self, index: Value, entries: Vec<i128>) -> Value {
        let range = Interval::hull_of(entries.iter().copied()).expect("the table has entries");
        if let Some(x) = range.single() {
            return self.constant(false, x);
        }
        let table = self.table(entries);
        self.step(Type::narrowest(range), range, Inst::new(Op::Lookup, &[index], table.index() as i128))
    }

    /// A constant table.
    pub fn table(&mut self, entries: Vec<i128>) -> Table {
        let tables = &mut self.tables;
        *self.known_tables.entry(entries).or_insert_with_key(|entries| tables.push(entries.clone()))
    }

    /// A step with a Boolean result.
    pub fn condition(&mut self, op: Op, args: &[Value]) -> Value {
        self.step(Type::Bool, Interval::BOOL, Inst::new(op, args, 0))
    }

    fn select_truth(&mut self, condition: Value, a: Value, b: Value) -> Value {
        match (self.constant_of(a), self.constant_of(b)) {
            (Some(0), _) => {
                let fails = self.not(condition);
                self.and(fails, b)
            }
            (Some(_), _) => self.or(condition, b),
            (_, Some(0)) => self.and(condition, a),
            (_, Some(_)) => {
                let fails = self.not(condition);
                self.or(fails, a)
            }
            _ => self.condition(Op::Select, &[condition, a, b]),
        }
    }

    fn are_opposite(&self, a: Value, b: Value) -> bool {
        let negates =
            |a: Value, b: Value| self.steps[a].inst.op == Op::Not && self.steps[a].inst.args()[0] == b;
        negates(a, b) || negates(b, a)
    }

    /// The predicated code that computes a rule and outputs, in an order that keeps few values live:
    /// what a value needs last is computed last before it.
    pub fn finish(
        self,
        fields: Vec<FieldRange>,
        results: Vec<Interval>,
        rule: Value,
        outputs: Vec<Value>,
    ) -> Straight {
        let roots: Vec<Value> = outputs.iter().rev().copied().chain([rule]).collect();
        let mut straight = Straight {
            fields,
            results,
            values: PrimaryMap::new(),
            tables: PrimaryMap::new(),
            outputs: Vec::new(),
            rule,
        };
        let mut moved = SecondaryMap::<Value, PackedOption<Value>>::new();
        let mut moved_tables = SecondaryMap::<Table, PackedOption<Table>>::new();
        for value in self.schedule(roots) {
            let mut step = self.steps[value];
            step.inst.args_mut().iter_mut().for_each(|arg| *arg = moved[*arg].unwrap());
            if step.inst.op.row().imm == Imm::Table {
                let table = Table::new(step.inst.imm as usize);
                let entries = || straight.tables.push(self.tables[table].clone());
                let new = moved_tables[table].expand().unwrap_or_else(entries);
                moved_tables[table] = new.into();
                step.inst.imm = new.index() as i128;
            }
            moved[value] = straight.values.push(step).into();
        }
        straight.rule = moved[rule].unwrap();
        straight.outputs = outputs.iter().map(|output| moved[*output].unwrap()).collect();
        straight
    }

    /// All that `roots` need, operands first; of several operands the last first, so that a chain of selects
    /// takes up each condition where it is computed. The last root comes first.
    fn schedule(&self, mut pending: Vec<Value>) -> Vec<Value> {
        let mut seen = SecondaryMap::<Value, bool>::new();
        let mut done = SecondaryMap::<Value, bool>::new();
        let mut order = Vec::new();
        while let Some(value) = pending.last().copied() {
            if !seen[value] {
                seen[value] = true;
                pending.extend(self.steps[value].inst.args().iter().filter(|arg| !seen[**arg]));
                continue;
            }
            pending.pop();
            if !std::mem::replace(&mut done[value], true) {
                order.push(value);
            }
        }
        order
    }
}
