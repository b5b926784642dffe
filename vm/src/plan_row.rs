//! What does code for one row compute, once its stack is interpreted abstractly? Each step names where its operands are
//! (a constant, a field, a register) and the register that it writes, so that nothing is pushed only to be popped; a
//! comparison that only decides where to continue branches by itself.
//!
//! The stack is empty at jumps, so its contents are known at every instruction. Registers are the locals, then one for
//! each height of the stack. There are two files of them: one for integers of up to 64 bits and one for 128. A narrower
//! integer is kept sign-extended, so that converting it to a wider type takes no step.

use opus_ir::memory::RowLayout;
use opus_ir::{Type, Width};

use crate::ops::{Instruction, Op};
use crate::verify::Verified;

/// What a step reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arg {
    Constant(i64),
    /// The wide constant with this index.
    WideConstant(u32),
    /// The field at this offset.
    Field {
        offset: u32,
        width: Width,
    },
    /// Whether the byte at this offset is set, or any byte of a field of Booleans.
    Set {
        offset: u32,
        width: Width,
    },
    Register(u32),
    WideRegister(u32),
}

/// How a step in up to 64 bits reads an operand, whatever it is, without a branch that could be predicted wrongly:
/// eight bytes from [`Cell::start`] in the file of narrow registers, shifted left and, with their sign, right again,
/// plus the constant. A constant reads the zero that comes last in the file, and a register is not shifted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub start: u32,
    pub shift: u8,
    /// Whether it is a Boolean that any bit makes true.
    pub is_set: bool,
    pub constant: i64,
}

/// What a step does with its operands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// An op of the table; `set` moves a value, `branch_false` looks at its first operand.
    pub op: Op,
    /// Whether it computes in 128 bits.
    pub wide: bool,
    pub ty: Type,
    /// The register that it writes, in the file of the result.
    pub out: u32,
    /// Where to continue if the result is false, for a result that is not written but decides that; otherwise 0.
    pub otherwise: u32,
    /// The immediate, unless it is an operand.
    pub immediate: u32,
    pub args: [Arg; 3],
    /// The same operands, for steps in up to 64 bits.
    pub cells: [Cell; 3],
}

/// The steps of code for one row.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub steps: Vec<Step>,
    pub constants: Vec<i128>,
    /// The first register; the input row takes the place of those before it, so that fields are read in the same way.
    pub first: usize,
    /// How many registers there are, of each file, those included.
    pub registers: usize,
    /// Whether some local has 128 bits.
    pub has_wide_locals: bool,
}

impl Plan {
    pub(crate) fn new(code: &Verified, inputs: &RowLayout) -> Plan {
        let mut planner = Planner {
            inputs,
            locals: code.locals.len() as u32,
            plan: Plan {
                steps: Vec::new(),
                constants: Vec::new(),
                first: inputs.size_bytes / size_of::<i64>(),
                registers: 0,
                has_wide_locals: code.locals.contains(&Type::I128),
            },
            stack: Vec::new(),
            heights: 0,
            starts: Vec::new(),
        };
        for (position, instruction) in code.iter() {
            planner.starts.push((position, planner.plan.steps.len() as u32));
            planner.instruction(instruction);
        }
        planner.finish()
    }
}

struct Planner<'a> {
    inputs: &'a RowLayout,
    locals: u32,
    plan: Plan,
    stack: Vec<(Arg, Type)>,
    /// The greatest height of the stack so far.
    heights: usize,
    /// The position of each instruction, in order, and the step at which it begins.
    starts: Vec<(usize, u32)>,
}

impl Planner<'_> {
    fn instruction(&mut self, instruction: Instruction) {
        let Instruction { op, ty, immediate } = instruction;
        match op {
            Op::Const => {
                let constant = self.constant(immediate);
                self.push(constant, ty);
            }
            Op::Field => {
                let slot = self.inputs.slots[immediate as usize];
                let (offset, width) = (slot.offset, slot.width);
                let arg =
                    if ty.is_bool() { Arg::Set { offset, width } } else { Arg::Field { offset, width } };
                self.push(arg, ty);
                // a field that is wider than the type is truncated to it
                if ty == Type::I32 && width > Width::W32 {
                    self.compute(Instruction::new(Op::To, ty, 0));
                }
            }
            Op::Present => {
                let presence = self.inputs.slots[immediate as usize].presence;
                let arg = presence.map(|offset| Arg::Set { offset, width: Width::W8 });
                self.push(arg.unwrap_or(Arg::Constant(1)), ty);
            }
            Op::Get => self.push(register(ty, self.local(immediate as u32)), ty),
            Op::Set => self.set(ty, self.local(immediate as u32)),
            // a register of a narrow integer also holds it as a wider one
            Op::To if self.top().1 <= ty => self.stack.last_mut().expect("heights were verified").1 = ty,
            Op::BranchFalse => self.branch(immediate as u32),
            _ => self.compute(instruction),
        }
    }

    fn top(&self) -> (Arg, Type) {
        *self.stack.last().expect("heights were verified")
    }

    fn constant(&mut self, x: i128) -> Arg {
        i64::try_from(x).map_or_else(
            |_| {
                self.plan.constants.push(x);
                Arg::WideConstant(self.plan.constants.len() as u32 - 1)
            },
            Arg::Constant,
        )
    }

    fn push(&mut self, arg: Arg, ty: Type) {
        self.stack.push((arg, ty));
        self.heights = self.heights.max(self.stack.len());
    }

    fn compute(&mut self, instruction: Instruction) {
        let Instruction { op, ty, immediate } = instruction;
        let row = op.row();
        let taken = self.stack.split_off(self.stack.len() - row.takes.len());
        let mut args = [Arg::Constant(0); 3];
        args.iter_mut().zip(&taken).for_each(|(arg, (taken, _))| *arg = *taken);
        let out = self.height_register();
        let wide = ty == Type::I128 || op == Op::To && taken[0].1 == Type::I128;
        self.step(Step { wide, immediate: immediate as u32, ..Step::new(op, ty, out, args) });
        if let Some(gives) = row.gives.and_then(|operand| operand.resolve(ty)) {
            self.push(register(gives, out), gives);
        }
    }

    /// Adds a step. One that asks whether any byte of a wide field is set computes in 128 bits.
    fn step(&mut self, step: Step) {
        let is_wide = |arg: &Arg| matches!(arg, Arg::Set { width: Width::W128, .. });
        let wide = step.wide || step.args.iter().any(is_wide);
        self.plan.steps.push(Step { wide, ..step });
    }

    fn local(&self, index: u32) -> u32 {
        self.plan.first as u32 + index
    }

    /// The register of the value at a height of the stack.
    fn stacked(&self, height: usize) -> u32 {
        self.local(self.locals + height as u32)
    }

    /// The register of the value that would be pushed next.
    fn height_register(&self) -> u32 {
        self.stacked(self.stack.len())
    }

    fn set(&mut self, ty: Type, local: u32) {
        let target = register(ty, local);
        let (value, _) = self.stack.pop().expect("heights were verified");
        // uses of the old value that are still on the stack get a copy of it
        for height in 0..self.stack.len() {
            if self.stack[height].0 == target {
                let out = self.stacked(height);
                self.copy(ty, target, out);
                self.stack[height].0 = register(ty, out);
            }
        }
        match self.just_computed(value, ty) {
            Some(step) => step.out = local,
            None => self.copy(ty, value, local),
        }
    }

    fn copy(&mut self, ty: Type, from: Arg, out: u32) {
        let args = [from, Arg::Constant(0), Arg::Constant(0)];
        self.step(Step { wide: ty == Type::I128, ..Step::new(Op::Set, ty, out, args) });
    }

    /// The last step, if it has computed `value` for the stack, as a value of this type.
    fn just_computed(&mut self, value: Arg, ty: Type) -> Option<&mut Step> {
        let own = register(ty, self.height_register());
        let step =
            self.plan.steps.last_mut().filter(|step| step.otherwise == 0 && step.op.row().gives.is_some())?;
        (value == own && value == register(ty, step.out)).then_some(step)
    }

    fn branch(&mut self, otherwise: u32) {
        let (condition, ty) = self.stack.pop().expect("heights were verified");
        match self.just_computed(condition, ty) {
            Some(step) => step.otherwise = otherwise,
            None => {
                let args = [condition, Arg::Constant(0), Arg::Constant(0)];
                self.step(Step { otherwise, ..Step::new(Op::BranchFalse, ty, 0, args) });
            }
        }
    }

    /// Replaces positions by step numbers.
    fn finish(self) -> Plan {
        let Planner { mut plan, starts, locals, heights, .. } = self;
        let zero = plan.first + locals as usize + heights;
        let step = |position: u32| {
            let found = starts.binary_search_by_key(&(position as usize), |(position, _)| *position);
            starts[found.expect("jumps go to instructions")].1
        };
        for Step { op, otherwise, immediate, args, cells, .. } in &mut plan.steps {
            *cells = args.map(|arg| Cell::of(arg, zero as u32));
            if *otherwise != 0 {
                *otherwise = step(*otherwise);
            }
            if *op == Op::Jump {
                *immediate = step(*immediate);
            }
        }
        plan.registers = zero + 1;
        plan
    }
}

impl Step {
    /// A step in up to 64 bits that writes its result.
    fn new(op: Op, ty: Type, out: u32, args: [Arg; 3]) -> Step {
        let cells = [Cell::of(Arg::Constant(0), 0); 3];
        Step { op, wide: false, ty, out, otherwise: 0, immediate: 0, args, cells }
    }
}

impl Cell {
    /// How an operand is read. Those of 128 bits are not: no step in up to 64 bits has them.
    fn of(arg: Arg, zero: u32) -> Cell {
        let register = |index: u32| Cell { start: index * 8, shift: 0, is_set: false, constant: 0 };
        let field = |start, width: Width, is_set| Cell {
            start,
            shift: 64 - 8 * width.bytes().min(8) as u8,
            is_set,
            constant: 0,
        };
        match arg {
            Arg::Constant(constant) => Cell { constant, ..register(zero) },
            Arg::Register(index) => register(index),
            Arg::Field { offset, width } => field(offset, width, false),
            Arg::Set { offset, width } => field(offset, width, true),
            Arg::WideConstant(_) | Arg::WideRegister(_) => register(zero),
        }
    }
}

fn register(ty: Type, index: u32) -> Arg {
    if ty == Type::I128 { Arg::WideRegister(index) } else { Arg::Register(index) }
}
