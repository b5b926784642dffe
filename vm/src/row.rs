//! How is one row decided? The code is turned into a [`Plan`] once; a decision goes through its steps, in one file of
//! registers for integers of up to 64 bits and another for those of 128.

use opus_ir::date::{self, MonthEnd};
use opus_ir::memory::{self, RowLayout};
use opus_ir::ops::{bucket_of, entry};
use opus_ir::{Rounding, Type, Width};

use crate::code::Shape;
use crate::lane::Lane;
use crate::ops::Op;
use crate::plan_row::{Arg, Plan};
use crate::verify::Verified;

/// What a decision needs room for. It holds nothing between decisions, and serves any engine.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    narrow: Vec<i64>,
    wide: Vec<i128>,
}

impl Scratch {
    /// No room yet: it grows with its first use.
    pub const fn new() -> Scratch {
        Scratch { narrow: Vec::new(), wide: Vec::new() }
    }
}

/// An engine that decides one row at a time.
#[derive(Clone, Debug)]
pub struct RowEngine {
    code: Verified,
    plan: Plan,
    inputs: RowLayout,
    outputs: RowLayout,
}

impl RowEngine {
    /// The engine for some code.
    ///
    /// # Panics
    /// Where the code is not for rows.
    pub fn new(code: Verified) -> RowEngine {
        assert_eq!(code.shape, Shape::Row, "code for columns does not decide rows");
        let inputs = RowLayout::new(&code.interface().inputs);
        let outputs = RowLayout::new(&code.interface().outputs_and_rule());
        RowEngine { plan: Plan::new(&code, &inputs), code, inputs, outputs }
    }

    /// The code that it runs.
    pub fn code(&self) -> &Verified {
        &self.code
    }

    /// Where the fields of an input row lie.
    pub fn input_layout(&self) -> &RowLayout {
        &self.inputs
    }

    /// Where the outputs, and behind them the rule's index, lie in an output row.
    pub fn output_layout(&self) -> &RowLayout {
        &self.outputs
    }

    /// Decides a row.
    ///
    /// # Panics
    /// Where a row is shorter than its layout.
    pub fn decide(&self, input: &[u8], output: &mut [u8], scratch: &mut Scratch) {
        let input = &input[..self.inputs.size_bytes];
        let output = &mut output[..self.outputs.size_bytes];
        let Scratch { narrow, wide } = scratch;
        if narrow.len() < self.plan.registers {
            narrow.resize(self.plan.registers, 0);
            wide.resize(self.plan.registers, 0);
        }
        // locals are 0 in the beginning
        let locals = self.code.locals.len();
        narrow[..locals].fill(0);
        wide[..locals].fill(0);
        let constants = &self.plan.constants;
        Machine { engine: self, constants, input, output, narrow, wide }.run();
    }
}

struct Machine<'a> {
    engine: &'a RowEngine,
    constants: &'a [i128],
    input: &'a [u8],
    output: &'a mut [u8],
    narrow: &'a mut [i64],
    wide: &'a mut [i128],
}

impl Machine<'_> {
    fn run(&mut self) {
        let steps = self.engine.plan.steps.as_slice();
        let tables = self.engine.code.tables.as_slice();
        let mut at = 0;
        loop {
            let step = &steps[at];
            at += 1;
            let [a, b, c] = step.args;
            macro_rules! arithmetic {
                ($narrow:expr, $wide:expr) => {
                    if step.wide {
                        self.wide[step.out as usize] = $wide(self.wide(a), self.wide(b));
                    } else {
                        let result: i64 = $narrow(self.narrow(a), self.narrow(b));
                        // 32 bits wrap at 32
                        let result = if step.ty == Type::I32 { result as i32 as i64 } else { result };
                        self.narrow[step.out as usize] = result;
                    }
                };
            }
            // a truth value is written, or decides where to go on
            macro_rules! truth {
                ($holds:expr) => {{
                    let holds = $holds;
                    if step.otherwise == 0 {
                        self.narrow[step.out as usize] = holds as i64;
                    } else if !holds {
                        at = step.otherwise as usize;
                    }
                }};
            }
            macro_rules! comparison {
                ($compare:ident) => {
                    truth!(if step.wide {
                        self.wide(a).$compare(&self.wide(b))
                    } else {
                        self.narrow(a).$compare(&self.narrow(b))
                    })
                };
            }
            match step.op {
                Op::Set if step.wide => self.wide[step.out as usize] = self.wide(a),
                Op::Set => self.narrow[step.out as usize] = self.narrow(a),
                // only to a narrower type: a wider one takes no step
                Op::To => {
                    let x = if step.wide { self.wide(a) } else { self.narrow(a) as i128 };
                    self.narrow[step.out as usize] = step.ty.wrap(x) as i64;
                }
                Op::Add => arithmetic!(i64::wrapping_add, i128::wrapping_add),
                Op::Sub => arithmetic!(i64::wrapping_sub, i128::wrapping_sub),
                Op::Mul => arithmetic!(i64::wrapping_mul, i128::wrapping_mul),
                Op::Divide => {
                    let mode = Rounding::from_number(step.immediate as i128).unwrap_or(Rounding::HalfEven);
                    arithmetic!(|a, b| i64::divide(a, b, mode), |a, b| i128::divide(a, b, mode));
                }
                Op::Modulo => arithmetic!(i64::modulo, i128::modulo),
                Op::Min => arithmetic!(i64::min, i128::min),
                Op::Max => arithmetic!(i64::max, i128::max),
                Op::Eq => comparison!(eq),
                Op::Ne => comparison!(ne),
                Op::Lt => comparison!(lt),
                Op::Le => comparison!(le),
                Op::And => truth!(self.narrow(a) & self.narrow(b) != 0),
                Op::Or => truth!(self.narrow(a) | self.narrow(b) != 0),
                Op::Xor => truth!(self.narrow(a) ^ self.narrow(b) != 0),
                Op::Not => truth!(self.narrow(a) == 0),
                Op::Select => {
                    let chosen = if self.narrow(a) != 0 { b } else { c };
                    match step.ty {
                        Type::I128 => self.wide[step.out as usize] = self.wide(chosen),
                        Type::Bool => truth!(self.narrow(chosen) != 0),
                        Type::I32 | Type::I64 => self.narrow[step.out as usize] = self.narrow(chosen),
                    }
                }
                Op::Bucket => {
                    let x = if step.wide { self.wide(a) } else { self.narrow(a) as i128 };
                    self.narrow[step.out as usize] = bucket_of(&tables[step.immediate as usize], x) as i64;
                }
                Op::Lookup => {
                    let found = entry(&tables[step.immediate as usize], self.narrow(a) as i128);
                    if step.wide {
                        self.wide[step.out as usize] = found;
                    } else {
                        self.narrow[step.out as usize] = step.ty.wrap(found) as i64;
                    }
                }
                Op::AddMonths => {
                    let end = MonthEnd::from_number(step.immediate as i128).unwrap_or(MonthEnd::Clip);
                    let reached = date::add_months(self.narrow(a) as i128, self.narrow(b) as i128, end);
                    self.narrow[step.out as usize] = reached as i64;
                }
                Op::WholeMonths => {
                    let months = date::whole_months(self.narrow(a) as i128, self.narrow(b) as i128);
                    self.narrow[step.out as usize] = months as i64;
                }
                Op::Jump => at = step.immediate as usize,
                Op::BranchFalse => truth!(self.narrow(a) != 0),
                Op::Output => {
                    let slot = self.engine.outputs.slots[step.immediate as usize];
                    let (offset, width) = (slot.offset as usize, slot.width);
                    // whatever the code computes, an output is kept within its range
                    let range = self.engine.code.interface().ranges[step.immediate as usize];
                    if step.wide || width == Width::W128 {
                        let kept = self.wide(a).clamp(range.lo, range.hi);
                        memory::write(self.output, offset, width, kept);
                    } else {
                        let (lo, hi) = (nearest(range.lo), nearest(range.hi));
                        memory::write_narrow(self.output, offset, width, self.narrow(a).clamp(lo, hi));
                    }
                }
                Op::Decide => {
                    let slots = &self.engine.outputs.slots;
                    let slot = slots[slots.len() - 1];
                    let offset = slot.offset as usize;
                    return memory::write_narrow(self.output, offset, slot.width, step.immediate as i64);
                }
                Op::Const | Op::Field | Op::Present | Op::Get => unreachable!("they are operands in a plan"),
                Op::End => unreachable!("code for columns does not decide rows"),
            }
        }
    }

    #[inline(always)]
    fn narrow(&self, arg: Arg) -> i64 {
        match arg {
            Arg::Constant(x) => x,
            Arg::Register(register) => self.narrow[register as usize],
            Arg::Field { offset, width } => memory::read_narrow(self.input, offset as usize, width),
            Arg::Set { offset, width } => self.is_set(offset as usize, width) as i64,
            Arg::WideConstant(_) | Arg::WideRegister(_) => self.wide(arg) as i64,
        }
    }

    #[inline(always)]
    fn wide(&self, arg: Arg) -> i128 {
        match arg {
            Arg::WideConstant(index) => self.constants[index as usize],
            Arg::WideRegister(register) => self.wide[register as usize],
            Arg::Field { offset, width: Width::W128 } => {
                memory::read(self.input, offset as usize, Width::W128)
            }
            Arg::Constant(x) => x as i128,
            Arg::Register(register) => self.narrow[register as usize] as i128,
            Arg::Field { offset, width } => memory::read_narrow(self.input, offset as usize, width) as i128,
            Arg::Set { offset, width } => self.is_set(offset as usize, width) as i128,
        }
    }

    #[inline(always)]
    fn is_set(&self, offset: usize, width: Width) -> bool {
        match width {
            Width::W8 => self.input[offset] != 0,
            _ => self.input[offset..offset + width.bytes()].iter().any(|byte| *byte != 0),
        }
    }
}

/// The nearest integer of 64 bits.
#[inline(always)]
fn nearest(x: i128) -> i64 {
    i64::try_from(x).unwrap_or(if x < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use opus_ir::{Column, Interval, memory};

    use super::*;
    use crate::code::{Code, Interface};
    use crate::ops::Instruction;

    /// What code without locals and tables decides of a row with one field of 64 bits, as an output of 64 bits.
    fn decided(field: i64, code: &[(Op, Type, i128)]) -> i64 {
        let column = Column { width: Width::W64, optional: false };
        let mut instructions = Vec::new();
        code.iter()
            .for_each(|(op, ty, immediate)| Instruction::new(*op, *ty, *immediate).encode(&mut instructions));
        let code = Code { shape: Shape::Row, locals: vec![], tables: vec![], instructions };
        let ranges = vec![Interval::new(i64::MIN.into(), i64::MAX.into())];
        let interface = Interface { inputs: vec![column], outputs: vec![column], ranges, rules: 1 };
        let engine = RowEngine::new(crate::verify::verify(code, interface).expect("the code is valid"));
        let mut output = memory::Row::new(engine.output_layout());
        let mut input = memory::Row::new(engine.input_layout());
        input.set(engine.input_layout().slots[0], Some(field.into()));
        engine.decide(input.bytes(), output.bytes_mut(), &mut Scratch::new());
        memory::read_narrow(output.bytes(), 0, Width::W64)
    }

    #[test]
    fn thirty_two_bits_wrap_at_thirty_two() {
        use Type::{I32, I64};
        let end = [(Op::To, I64, 0), (Op::Output, I64, 0), (Op::Decide, Type::Bool, 0)];
        let sum = [(Op::Const, I32, i32::MAX as i128), (Op::Const, I32, 1), (Op::Add, I32, 0)];
        assert_eq!(decided(0, &[&sum[..], &end].concat()), i32::MIN as i64);
        let field = [(Op::Field, I32, 0)];
        assert_eq!(decided((5 << 32) - 1, &[&field[..], &end].concat()), -1);
    }
}
