//! Can a division be reduced? `income * share / 10000`, where every share in the table is a multiple of 1000, equals
//! `income * (share / 1000) / 10`: the same quotient, so the same rounding, from a product that may fit narrower lanes.

use cranelift_codegen::entity::{PrimaryMap, SecondaryMap};
use opus_ir::{Inst, Interval, Op, Step, Straight, Table, Type, Value};

/// The most constants and tables that a factor may be chosen from.
const CHOICES_MAX: usize = 32;

/// The same line with divisions of products reduced by the common divisor of a factor and the divisor.
pub(crate) fn reduce(line: &Straight) -> Straight {
    let mut writer = Writer {
        line,
        values: PrimaryMap::with_capacity(line.values.len()),
        tables: line.tables.clone(),
        moved: SecondaryMap::new(),
    };
    for (value, step) in &line.values {
        let copied = writer.reduced(step).unwrap_or_else(|| writer.copied(step));
        let moved = writer.values.push(copied);
        writer.moved[value] = Some(moved);
    }
    Straight {
        fields: line.fields.clone(),
        results: line.results.clone(),
        outputs: line.outputs.iter().map(|output| writer.moved(*output)).collect(),
        rule: writer.moved(line.rule),
        tables: writer.tables,
        values: writer.values,
    }
}

struct Writer<'a> {
    line: &'a Straight,
    values: PrimaryMap<Value, Step>,
    tables: PrimaryMap<Table, Vec<i128>>,
    /// By value of the old line: its value in the new one.
    moved: SecondaryMap<Value, Option<Value>>,
}

impl Writer<'_> {
    fn moved(&self, value: Value) -> Value {
        self.moved[value].expect("operands come before their uses")
    }

    fn copied(&self, step: &Step) -> Step {
        let mut step = *step;
        step.inst.args_mut().iter_mut().for_each(|arg| *arg = self.moved(*arg));
        step
    }

    /// A division of a product by a constant that shares a divisor with one of the factors.
    fn reduced(&mut self, step: &Step) -> Option<Step> {
        let [product, divisor] = step.inst.operands();
        let divisor = self.line.values[divisor].range.single().filter(|_| step.inst.op == Op::Divide)?;
        let Step { range, inst, .. } = self.line.values[product];
        let [a, b] = inst.operands();
        let shared = |factor: Value| {
            let (all, _) = common_divisor(self.line, factor, 0)?;
            Some(gcd(all, divisor.unsigned_abs())).filter(|shared| *shared > 1)
        };
        let (factor, other) = if inst.op != Op::Mul {
            return None;
        } else if shared(a).is_some() {
            (a, b)
        } else {
            (b, a)
        };
        let shared = i128::try_from(shared(factor)?).ok()?;
        let factor = self.divided(factor, shared);
        let product = self.push(Op::Mul, &[factor, self.moved(other)], 0, divided(range, shared)?);
        let smaller = divisor / shared;
        let divisor = self.push(Op::Const, &[], smaller, Interval::point(smaller));
        Some(Step { inst: Inst::new(Op::Divide, &[product, divisor], step.inst.imm), ..*step })
    }

    /// A factor, all of whose values are multiples of `by`, divided by it.
    fn divided(&mut self, factor: Value, by: i128) -> Value {
        let Step { range, inst, .. } = self.line.values[factor];
        let range = divided(range, by).unwrap_or(range);
        if let Some(x) = range.single() {
            return self.push(Op::Const, &[], x, range);
        }
        if inst.op == Op::Select {
            let [condition, a, b] = inst.operands();
            let (a, b) = (self.divided(a, by), self.divided(b, by));
            return self.push(Op::Select, &[self.moved(condition), a, b], 0, range);
        }
        let entries = self.line.table(&inst).iter().map(|entry| entry / by).collect();
        let table = self.tables.push(entries).as_u32() as i128;
        self.push(Op::Lookup, &[self.moved(inst.args()[0])], table, range)
    }

    fn push(&mut self, op: Op, args: &[Value], imm: i128, range: Interval) -> Value {
        self.values.push(Step { ty: Type::narrowest(range), range, inst: Inst::new(op, args, imm) })
    }
}

/// The greatest common divisor of the constants that a value is chosen from, and their number; `None` if it is not
/// chosen from constants.
fn common_divisor(line: &Straight, value: Value, before: usize) -> Option<(u128, usize)> {
    let step = &line.values[value];
    let chosen = before + 1;
    if chosen > CHOICES_MAX {
        return None;
    }
    if let Some(x) = step.range.single() {
        return Some((x.unsigned_abs(), chosen));
    }
    match step.inst.op {
        Op::Select => {
            let [_, a, b] = step.inst.operands();
            let (a, chosen) = common_divisor(line, a, chosen)?;
            let (b, chosen) = common_divisor(line, b, chosen)?;
            Some((gcd(a, b), chosen))
        }
        Op::Lookup => {
            let entries = line.table(&step.inst).iter();
            Some((entries.fold(0, |all, entry| gcd(all, entry.unsigned_abs())), chosen))
        }
        _ => None,
    }
}

/// The multiples of `by` within an interval, divided by `by`; `None` if the interval has none.
fn divided(range: Interval, by: i128) -> Option<Interval> {
    let up = range.lo.div_euclid(by) + (range.lo.rem_euclid(by) != 0) as i128;
    let down = range.hi.div_euclid(by);
    (up <= down).then_some(Interval { lo: up, hi: down })
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}
