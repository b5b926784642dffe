//! How is one row decided? The code becomes a [`Plan`] once; a decision executes its steps, in one file of registers
//! for integers of up to 64 bits and another for those of 128.

use opus_ir::memory::{self, RowLayout};
use opus_ir::ops::meaning;
use opus_ir::{Scalar, Type, Width, for_each_op, immediate};

use crate::code::Shape;
use crate::ops::Op;
use crate::plan_row::{Arg, Cell, Plan, Step};
use crate::verify::Verified;

/// The registers of a decision. They keep no values between decisions, and serve any engine.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    narrow: Vec<i64>,
    wide: Vec<i128>,
}

impl Scratch {
    /// Without registers: they are added on first use.
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

    /// The layout of an input row.
    pub fn input_layout(&self) -> &RowLayout {
        &self.inputs
    }

    /// The layout of an output row: the outputs, then the rule's index.
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
        let narrow = &mut narrow[..self.plan.registers];
        bytemuck::cast_slice_mut(&mut narrow[..self.plan.first]).copy_from_slice(input);
        // locals start at 0, and the last register is 0
        let locals = self.plan.first..self.plan.first + self.code.locals.len();
        narrow[locals.clone()].fill(0);
        narrow[self.plan.registers - 1] = 0;
        if self.plan.has_wide_locals {
            wide[locals].fill(0);
        }
        Machine { engine: self, constants: &self.plan.constants, input, output, narrow, wide }.run();
    }
}

struct Machine<'a> {
    engine: &'a RowEngine,
    constants: &'a [i128],
    input: &'a [u8],
    output: &'a mut [u8],
    /// Little-endian, as the row is that comes first.
    narrow: &'a mut [i64],
    wide: &'a mut [i128],
}

/// An integer that a step computes in: of up to 64 bits, or of 128.
trait File: Scalar {
    /// An operand of a step.
    fn operand(machine: &Machine, step: &Step, index: usize) -> Self;
    /// Writes a result of this type to its register.
    fn put(self, machine: &mut Machine, register: u32, ty: Type);
}

impl File for i64 {
    #[inline(always)]
    fn operand(machine: &Machine, step: &Step, index: usize) -> i64 {
        let Cell { start, shift, is_set, constant } = step.cells[index];
        let file: &[u8] = bytemuck::cast_slice(machine.narrow);
        let x = i64::read(&file[start as usize..start as usize + size_of::<i64>()]);
        let x = (x << (shift & 63) >> (shift & 63)).wrapping_add(constant);
        if is_set { (x != 0) as i64 } else { x }
    }

    #[inline(always)]
    fn put(self, machine: &mut Machine, register: u32, ty: Type) {
        // 32 bits wrap at 32
        machine.keep(register, if ty == Type::I32 { self as i32 as i64 } else { self });
    }
}

impl File for i128 {
    #[inline(always)]
    fn operand(machine: &Machine, step: &Step, index: usize) -> i128 {
        machine.wide(step.args[index])
    }

    #[inline(always)]
    fn put(self, machine: &mut Machine, register: u32, ty: Type) {
        match ty {
            Type::I128 => machine.wide[register as usize] = self,
            _ => machine.keep(register, self as i64),
        }
    }
}

/// Where to continue after the last step of a path.
const END: usize = usize::MAX;

impl<'a> Machine<'a> {
    fn run(&mut self) {
        let steps = self.engine.plan.steps.as_slice();
        let mut at = 0;
        while at != END {
            let step = &steps[at];
            at = if step.wide { self.wide_step(step, at) } else { self.step::<i64>(step, at) };
        }
    }

    /// Few steps compute in 128 bits. Kept apart, they do not slow down the others.
    #[inline(never)]
    fn wide_step(&mut self, step: &Step, at: usize) -> usize {
        self.step::<i128>(step, at)
    }

    /// Executes the step at an index, and returns the index of the next.
    ///
    /// Operands are read before it is known which op takes them, so that there is only one place that reads; reading
    /// one too many does no harm.
    #[inline(always)]
    fn step<T: File>(&mut self, step: &Step, at: usize) -> usize {
        let engine: &'a RowEngine = self.engine;
        let next = at + 1;
        let (x, y) = (T::operand(self, step, 0), T::operand(self, step, 1));
        // an operand of a class
        macro_rules! operand {
            (Bool $x:expr) => {
                i8::truncate($x.wide())
            };
            (Small $x:expr) => {
                i32::truncate($x.wide())
            };
            ($any:ident $x:expr) => {
                $x
            };
        }
        // a result of a class; a Boolean is written, or decides where to continue
        macro_rules! result {
            (Bool $x:expr) => {
                return self.truth(step, next, $x != 0)
            };
            (Small $x:expr) => {
                self.keep(step.out, $x as i64)
            };
            ($any:ident $x:expr) => {
                T::put($x, self, step.out, step.ty)
            };
        }
        macro_rules! computed {
            // of two Booleans, one is chosen
            (select $($signature:tt)*) => {{
                let chosen = if x.wide() != 0 { y } else { T::operand(self, step, 2) };
                if step.ty.is_bool() {
                    return self.truth(step, next, chosen.wide() != 0);
                }
                T::put(chosen, self, step.out, step.ty)
            }};
            ($method:ident ($a:ident: $class:ident $(, $b:ident: $other:ident)? $(; $imm:ident: $kind:ident)?)
                $result:ident) => {
                result!($result meaning::$method::<T>(
                    operand!($class x) $(, operand!($other y))?
                    $(, immediate!($kind, step.immediate, &engine.code.tables[step.immediate as usize]))?
                ))
            };
        }
        macro_rules! ops {
            (
                leaves { $( $(#[$leaf_doc:meta])+ $leaf_code:literal $leaf:ident $leaf_method:ident
                    $leaf_params:tt -> $leaf_result:ident $leaf_row:tt )+ }
                computed { $( $(#[$doc:meta])+ $code:literal $name:ident $method:ident
                    $params:tt -> $result:ident $row:tt )+ }
                claims $claims:tt
            ) => {
                match step.op {
                    $( Op::$name => computed!($method $params $result), )+
                    $( Op::$leaf )|+ | Op::Get => unreachable!("they are operands in a plan"),
                    Op::Set => T::put(x, self, step.out, step.ty),
                    // only to a narrower type: a wider one takes no step
                    Op::To => self.keep(step.out, step.ty.wrap(x.wide()) as i64),
                    Op::Jump => return step.immediate as usize,
                    Op::BranchFalse => return self.truth(step, next, x.wide() != 0),
                    Op::Output => self.give(step, x),
                    Op::Decide => {
                        let slot = engine.outputs.slots[engine.outputs.slots.len() - 1];
                        let (offset, rule) = (slot.offset as usize, step.immediate as i64);
                        memory::write_narrow(self.output, offset, slot.width, rule);
                        return END;
                    }
                    Op::End => unreachable!("code for columns does not decide rows"),
                }
            };
        }
        for_each_op!(ops);
        next
    }

    /// Writes a register of up to 64 bits.
    #[inline(always)]
    fn keep(&mut self, register: u32, x: i64) {
        self.narrow[register as usize] = x.to_le();
    }

    /// Writes a Boolean, or continues elsewhere where it is false.
    #[inline(always)]
    fn truth(&mut self, step: &Step, next: usize, holds: bool) -> usize {
        if step.otherwise == 0 {
            self.keep(step.out, holds as i64);
            return next;
        }
        if holds {
            return next;
        }
        // a branch, which the processor predicts; a choice of two indices would keep it waiting for the comparison
        std::hint::cold_path();
        step.otherwise as usize
    }

    /// Writes an output. Whatever the code computes, an output is clamped to its range.
    #[inline(always)]
    fn give<T: File>(&mut self, step: &Step, value: T) {
        let slot = self.engine.outputs.slots[step.immediate as usize];
        let range = self.engine.code.interface().ranges[step.immediate as usize];
        if T::WIDTH == Width::W128 || slot.width == Width::W128 {
            let kept = self.wide(step.args[0]).clamp(range.lo, range.hi);
            memory::write(self.output, slot.offset as usize, slot.width, kept);
        } else {
            let (lo, hi) = (i64::nearest(range.lo), i64::nearest(range.hi));
            let kept = i64::truncate(value.wide()).clamp(lo, hi);
            memory::write_narrow(self.output, slot.offset as usize, slot.width, kept);
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
            Arg::Register(register) => i64::from_le(self.narrow[register as usize]) as i128,
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
