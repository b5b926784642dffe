//! How is one row decided? One instruction after the other; values are kept as 128 bits, whatever their type.

use opus_ir::date::{self, MonthEnd};
use opus_ir::memory::{self, RowLayout, Slot};
use opus_ir::ops::{bucket_of, entry};
use opus_ir::{Rounding, Type, Width};

use crate::code::Shape;
use crate::lane::Lane;
use crate::ops::{DECODE, Op};
use crate::verify::{STACK_MAX, Verified};

/// What a decision needs room for. It holds nothing between decisions, and serves any engine.
#[derive(Clone, Debug)]
pub struct Scratch {
    stack: [i128; STACK_MAX],
    locals: Vec<i128>,
}

impl Scratch {
    /// None for locals yet: it grows with its first use.
    pub const fn new() -> Scratch {
        Scratch { stack: [0; STACK_MAX], locals: Vec::new() }
    }
}

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch::new()
    }
}

/// An engine that decides one row at a time.
#[derive(Clone, Debug)]
pub struct RowEngine {
    code: Verified,
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
        RowEngine { code, inputs, outputs }
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

    /// Room for decisions of this engine.
    pub fn scratch(&self) -> Scratch {
        Scratch { stack: [0; STACK_MAX], locals: vec![0; self.code.locals.len()] }
    }

    /// Decides a row.
    ///
    /// # Panics
    /// Where a row is shorter than its layout.
    pub fn decide(&self, input: &[u8], output: &mut [u8], scratch: &mut Scratch) {
        let input = &input[..self.inputs.size_bytes];
        let output = &mut output[..self.outputs.size_bytes];
        scratch.locals.clear();
        scratch.locals.resize(self.code.locals.len(), 0);
        self.run(input, output, &mut scratch.stack, &mut scratch.locals);
    }

    fn run(&self, input: &[u8], output: &mut [u8], stack: &mut [i128; STACK_MAX], locals: &mut [i128]) {
        let code = self.code.instructions.as_slice();
        let tables = self.code.tables.as_slice();
        let (mut at, mut height) = (0usize, 0usize);

        // heights were verified; the remainder tells the compiler that they stay within the stack
        macro_rules! push {
            ($value:expr) => {{
                stack[height % STACK_MAX] = $value;
                height = height.wrapping_add(1);
            }};
        }
        macro_rules! pop {
            () => {{
                height = height.wrapping_sub(1);
                stack[height % STACK_MAX]
            }};
        }
        // the immediate, without going on behind it: for what does not go on there
        macro_rules! last_immediate {
            ($ty:ty) => {{
                const BYTES: usize = size_of::<$ty>();
                let bytes: [u8; BYTES] = code[at..at + BYTES].try_into().expect("the range has this length");
                <$ty>::from_le_bytes(bytes)
            }};
        }
        macro_rules! immediate {
            ($ty:ty) => {{
                let value = last_immediate!($ty);
                at += size_of::<$ty>();
                value
            }};
        }
        // 32 bits are kept sign-extended, so that both narrow types are calculated with in 64
        macro_rules! arithmetic {
            ($ty:expr, $narrow:expr, $wide:expr) => {{
                let (b, a) = (pop!(), pop!());
                let result =
                    if $ty == Type::I128 { $wide(a, b) } else { i128::from($narrow(a as i64, b as i64)) };
                push!(result)
            }};
        }
        macro_rules! comparison {
            ($ty:expr, $compare:ident) => {{
                let (b, a) = (pop!(), pop!());
                let holds = if $ty == Type::I128 { a.$compare(&b) } else { (a as i64).$compare(&(b as i64)) };
                push!(holds as i128)
            }};
        }

        loop {
            let Some((op, ty, _)) = DECODE[code[at] as usize] else {
                unreachable!("instructions were verified")
            };
            at += 1;
            match op {
                Op::Const => push!(match ty {
                    Type::Bool => immediate!(u8) as i128,
                    Type::I32 => immediate!(i32) as i128,
                    Type::I64 => immediate!(i64) as i128,
                    Type::I128 => immediate!(i128),
                }),
                Op::Field => {
                    let slot = self.inputs.slots[immediate!(u16) as usize];
                    push!(load(input, slot, ty))
                }
                Op::Present => {
                    let slot = self.inputs.slots[immediate!(u16) as usize];
                    push!(slot.presence.is_none_or(|at| input[at as usize] != 0) as i128)
                }
                Op::Get => push!(locals[immediate!(u16) as usize]),
                Op::Set => locals[immediate!(u16) as usize] = pop!(),
                Op::To => push!(ty.wrap(pop!())),
                Op::Add => arithmetic!(ty, i64::wrapping_add, i128::wrapping_add),
                Op::Sub => arithmetic!(ty, i64::wrapping_sub, i128::wrapping_sub),
                Op::Mul => arithmetic!(ty, i64::wrapping_mul, i128::wrapping_mul),
                Op::Divide => {
                    let mode = Rounding::from_number(immediate!(u8) as i128).unwrap_or(Rounding::HalfEven);
                    arithmetic!(ty, |a, b| i64::divide(a, b, mode), |a, b| i128::divide(a, b, mode))
                }
                Op::Modulo => arithmetic!(ty, i64::modulo, i128::modulo),
                Op::Min => arithmetic!(ty, std::cmp::min, std::cmp::min),
                Op::Max => arithmetic!(ty, std::cmp::max, std::cmp::max),
                Op::Eq => comparison!(ty, eq),
                Op::Ne => comparison!(ty, ne),
                Op::Lt => comparison!(ty, lt),
                Op::Le => comparison!(ty, le),
                Op::And => arithmetic!(ty, |a, b| a & b, |a, b| a & b),
                Op::Or => arithmetic!(ty, |a, b| a | b, |a, b| a | b),
                Op::Xor => arithmetic!(ty, |a, b| a ^ b, |a, b| a ^ b),
                Op::Not => push!(pop!() ^ 1),
                Op::Select => {
                    let (b, a, condition) = (pop!(), pop!(), pop!());
                    push!(if condition != 0 { a } else { b })
                }
                Op::Bucket => push!(bucket_of(&tables[immediate!(u16) as usize], pop!())),
                Op::Lookup => push!(entry(&tables[immediate!(u16) as usize], pop!())),
                Op::AddMonths => {
                    let end = MonthEnd::from_number(immediate!(u8) as i128).unwrap_or(MonthEnd::Clip);
                    let (months, day) = (pop!(), pop!());
                    push!(date::add_months(day, months, end))
                }
                Op::WholeMonths => {
                    let (to, from) = (pop!(), pop!());
                    push!(date::whole_months(from, to))
                }
                Op::Jump => at = last_immediate!(u32) as usize,
                Op::BranchFalse => {
                    let otherwise = immediate!(u32) as usize;
                    at = if pop!() == 0 { otherwise } else { at };
                }
                Op::Output => {
                    let slot = self.outputs.slots[immediate!(u16) as usize];
                    memory::write(output, slot.offset as usize, slot.width, pop!());
                }
                Op::Decide => {
                    let slot = self.outputs.slots[self.outputs.slots.len() - 1];
                    memory::write(output, slot.offset as usize, slot.width, last_immediate!(u16) as i128);
                    return;
                }
                Op::End => unreachable!("code for columns does not decide rows"),
            }
        }
    }
}

#[inline]
fn load(input: &[u8], slot: Slot, ty: Type) -> i128 {
    // the wide case apart: the others then stay in one register
    let value = match slot.width {
        Width::W128 => memory::read(input, slot.offset as usize, Width::W128),
        width => memory::read(input, slot.offset as usize, width) as i64 as i128,
    };
    if ty == Type::Bool { (value != 0) as i128 } else { value }
}
