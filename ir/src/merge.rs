//! Can versions that differ only in constants run as one? Their values are visited side by side, from the outputs to
//! the inputs. Where all versions have the same op, it is computed once; where constants or tables differ, the
//! effective date selects.
//!
//! A tuple of values is visited, one per version, and constants are leaves. So the order in which the versions compute
//! does not matter, and two constants may be equal in one version and differ in another.

use std::collections::BTreeMap;

use crate::emit::Emitter;
use crate::func::{Inst, Value};
use crate::interval::Interval;
use crate::ops::{Imm, Op};
use crate::straight::{Step, Straight};
use crate::types::Type;

/// The merge may be so much longer than the longest version, in steps: twice, and a few.
const STEPS_MORE: usize = 32;

/// Predicated code for versions of the same shape: the one with number `i` is in force from day `starts[i]`,
/// and the first also before. `None` if they differ in more than constants, tables and rules, or where one
/// line would compute much more than each of them. Intervals are those that hold in every version.
pub fn merge(parts: &[&Straight], effective_field: u32, starts: &[i32]) -> Option<Straight> {
    let first = parts.first()?;
    let alike = |part: &&Straight| part.fields == first.fields && part.results == first.results;
    let dated =
        first.fields.get(effective_field as usize).is_some_and(|field| !field.optional && !field.is_bool);
    if !dated || starts.len() != parts.len() || !parts.iter().all(alike) {
        return None;
    }
    let steps = parts.iter().map(|part| part.values.len()).max()?;
    let mut merger = Merger {
        parts,
        starts,
        effective_field,
        emitter: Emitter::default(),
        merged: BTreeMap::new(),
        steps_max: 2 * steps + STEPS_MORE,
    };
    let rule = merger.merge(parts.iter().map(|part| part.rule).collect())?;
    let output = |i: usize| merger.merge(parts.iter().map(|part| part.outputs[i]).collect());
    let outputs = (0..first.outputs.len()).map(output).collect::<Option<_>>()?;
    Some(merger.emitter.finish(first.fields.clone(), first.results.clone(), rule, outputs))
}

struct Merger<'a> {
    parts: &'a [&'a Straight],
    starts: &'a [i32],
    effective_field: u32,
    emitter: Emitter,
    /// By one value of each version: what computes it in the version that is in force.
    merged: BTreeMap<Vec<Value>, Value>,
    steps_max: usize,
}

impl Merger<'_> {
    /// The value that is `values[i]` where version `i` is in force.
    fn merge(&mut self, values: Vec<Value>) -> Option<Value> {
        let mut pending = vec![values.clone()];
        while let Some(values) = pending.last().cloned() {
            if self.merged.contains_key(&values) {
                pending.pop();
                continue;
            }
            let operands = self.operands(&values)?;
            let missing: Vec<Vec<Value>> =
                operands.iter().filter(|values| !self.merged.contains_key(*values)).cloned().collect();
            if missing.is_empty() {
                let args: Vec<Value> = operands.iter().map(|values| self.merged[values]).collect();
                let value = self.step(&values, &args)?;
                self.merged.insert(values, value);
            }
            pending.extend(missing);
        }
        self.merged.get(&values).copied()
    }

    fn steps(&self, values: &[Value]) -> Vec<Step> {
        self.parts.iter().zip(values).map(|(part, value)| part.values[*value]).collect()
    }

    /// The operands of one step of each version, side by side; `None` if the steps are not alike.
    fn operands(&self, values: &[Value]) -> Option<Vec<Vec<Value>>> {
        let steps = self.steps(values);
        let first = &steps[0];
        let differ_in_imm = matches!(first.inst.op.row().imm, Imm::Const | Imm::Table);
        let alike = |step: &Step| {
            step.inst.op == first.inst.op
                && step.inst.args().len() == first.inst.args().len()
                && step.ty.is_bool() == first.ty.is_bool()
                && (differ_in_imm || step.inst.imm == first.inst.imm)
        };
        let operand = |i: usize| steps.iter().map(|step| step.inst.args()[i]).collect();
        steps.iter().all(alike).then(|| (0..first.inst.args().len()).map(operand).collect())
    }

    /// The steps of all versions as one, from merged operands.
    fn step(&mut self, values: &[Value], args: &[Value]) -> Option<Value> {
        let steps = self.steps(values);
        let range = steps.iter().map(|step| step.range).reduce(Interval::hull)?;
        let ty = steps.iter().map(|step| step.ty).max()?;
        let Inst { op, imm, .. } = steps[0].inst;
        let value = match op.row().imm {
            Imm::Const => {
                let constants = steps.iter().map(|step| self.emitter.constant(ty.is_bool(), step.inst.imm));
                let constants = constants.collect();
                self.choose(ty, constants)
            }
            Imm::Table => self.read_tables(op, ty, range, args, &steps),
            _ => self.emitter.step(ty, range, Inst::new(op, args, imm)),
        };
        (self.emitter.len() <= self.steps_max).then_some(value)
    }

    /// Reads the table of the version that is in force: one that differs by a constant is read as another and
    /// moved, of others each is read.
    fn read_tables(&mut self, op: Op, ty: Type, range: Interval, args: &[Value], steps: &[Step]) -> Value {
        let tables: Vec<&[i128]> =
            self.parts.iter().zip(steps).map(|(part, step)| part.table(&step.inst)).collect();
        let moved = if op == Op::Lookup { moved_by(&tables) } else { None };
        let differ = tables.iter().any(|table| *table != tables[0]);
        if let Some(moved) = moved.filter(|_| differ) {
            let constants: Vec<Value> = moved.iter().map(|by| self.emitter.constant(false, *by)).collect();
            let by = self.choose(ty, constants);
            let entry = self.read(op, ty, steps[0].range, args, tables[0]);
            return self.emitter.step(ty, range, Inst::new(Op::Add, &[entry, by], 0));
        }
        let entries =
            steps.iter().zip(&tables).map(|(step, table)| self.read(op, ty, step.range, args, table));
        let entries = entries.collect();
        self.choose(ty, entries)
    }

    fn read(&mut self, op: Op, ty: Type, range: Interval, args: &[Value], table: &[i128]) -> Value {
        let table = self.emitter.table(table.to_vec());
        self.emitter.step(ty, range, Inst::new(op, args, table.as_u32() as i128))
    }

    /// The value of the version that is in force.
    fn choose(&mut self, ty: Type, values: Vec<Value>) -> Value {
        let mut chosen = values[values.len() - 1];
        let mut range = self.emitter.get(chosen).range;
        for i in (1..values.len()).rev() {
            let earlier = values[i - 1];
            range = range.hull(self.emitter.get(earlier).range);
            if earlier != values[i] {
                let in_force = self.in_force_from(i);
                chosen = self.emitter.select(ty, range, in_force, chosen, earlier);
            }
        }
        chosen
    }

    /// Whether this version or a later one is in force.
    fn in_force_from(&mut self, version: usize) -> Value {
        let range = self.parts[0].fields[self.effective_field as usize].range;
        let field = Inst::new(Op::Field, &[], self.effective_field as i128);
        let day = self.emitter.step(Type::narrowest(range), range, field);
        let start = self.emitter.constant(false, self.starts[version] as i128);
        self.emitter.condition(Op::Le, &[start, day])
    }
}

/// By how much each table is the first one moved, where that is all that they differ in.
fn moved_by(tables: &[&[i128]]) -> Option<Vec<i128>> {
    let first = tables[0];
    let moved = |table: &&[i128]| {
        let by = table.first()?.checked_sub(*first.first()?)?;
        let all =
            table.len() == first.len() && table.iter().zip(first).all(|(x, y)| y.checked_add(by) == Some(*x));
        all.then_some(by)
    };
    tables.iter().map(moved).collect()
}
