//! May code run? One pass over the instructions, without trusting who wrote them.
//!
//! The types and the height of the stack are known at every instruction: the stack is empty at every jump and at every
//! jump target, so nothing has to be merged. Every index is in range, jumps go forward to instructions, and every path
//! ends. Code that passes can be wrong, but it cannot read or write out of bounds, run for more steps than stated, or
//! depend on anything but its input.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use opus_ir::date::MonthEnd;
use opus_ir::{Rounding, Type, Width};

use crate::code::{Code, Interface, Shape};
use crate::ops::{Immediate, Instruction, Op, Operand};

/// How many values the stack holds.
pub const STACK_MAX: usize = 64;
/// The most locals that code can have: as many as an instruction can name.
pub const LOCALS_MAX: usize = 1 << 16;

/// Code that may run, with its interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    code: Code,
    interface: Interface,
    steps_max: u64,
}

impl Verified {
    /// Where its fields come from and its outputs go.
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// The most instructions that a decision executes.
    pub fn steps_max(&self) -> u64 {
        self.steps_max
    }
}

impl Deref for Verified {
    type Target = Code;

    fn deref(&self) -> &Code {
        &self.code
    }
}

/// Where code is wrong, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invalid {
    /// The byte position of the instruction.
    pub position: usize,
    /// What is wrong, in lower case.
    pub message: String,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}: {}", self.position, self.message)
    }
}

impl std::error::Error for Invalid {}

/// Checks code against its interface.
///
/// # Errors
/// The first instruction that may not run.
pub fn verify(code: Code, interface: Interface) -> Result<Verified, Invalid> {
    let mut checker = Checker {
        code: &code,
        interface: &interface,
        stack: Vec::new(),
        given: 0,
        open: BTreeMap::new(),
        reached: true,
        position: 0,
    };
    checker.ensure(code.locals.len() <= LOCALS_MAX, || format!("more than {LOCALS_MAX} locals"))?;
    let lengths = checker.check_instructions()?;
    let steps_max = longest_path(&code, &lengths);
    Ok(Verified { code, interface, steps_max })
}

struct Checker<'a> {
    code: &'a Code,
    interface: &'a Interface,
    stack: Vec<Type>,
    /// How many outputs the path has written.
    given: usize,
    /// Jump targets that have not been reached yet, with the position of the first jump to each.
    open: BTreeMap<usize, usize>,
    /// Whether execution continues here from the instruction before.
    reached: bool,
    position: usize,
}

type Checked<T> = Result<T, Invalid>;

impl Checker<'_> {
    fn ensure(&self, holds: bool, message: impl FnOnce() -> String) -> Checked<()> {
        if holds { Ok(()) } else { Err(Invalid { position: self.position, message: message() }) }
    }

    /// Checks every instruction, and returns their positions.
    fn check_instructions(&mut self) -> Checked<Vec<usize>> {
        let code = &self.code.instructions;
        let mut positions = Vec::new();
        while self.position < code.len() {
            if self.open.remove(&self.position).is_some() {
                let empty = self.stack.is_empty() && self.given == 0;
                self.ensure(empty, || "the stack is not empty at a jump target".into())?;
                self.reached = true;
            }
            self.ensure(self.reached, || "unreachable instruction".into())?;
            let decoded = Instruction::decode(code, self.position);
            let (instruction, end) = decoded.ok_or_else(|| self.invalid("unknown instruction"))?;
            self.check(instruction)?;
            positions.push(self.position);
            self.position = end;
        }
        self.ensure(!self.reached, || "the code ends before its path does".into())?;
        let missed = self.open.iter().next().map(|(to, from)| (*to, *from));
        match missed {
            Some((to, from)) => Err(Invalid {
                position: from,
                message: format!("it jumps to @{to}, where no instruction begins"),
            }),
            None => Ok(positions),
        }
    }

    fn invalid(&self, message: &str) -> Invalid {
        Invalid { position: self.position, message: message.into() }
    }

    fn check(&mut self, instruction: Instruction) -> Checked<()> {
        let row = instruction.op.row();
        self.check_immediate(instruction)?;
        for operand in row.takes.iter().rev() {
            self.pop(*operand, instruction.ty)?;
        }
        self.check_end(instruction)?;
        self.given += (instruction.op == Op::Output) as usize;
        if let Some(gives) = row.gives.and_then(|operand| operand.resolve(instruction.ty)) {
            self.stack.push(gives);
            self.ensure(self.stack.len() <= STACK_MAX, || {
                format!("more than {STACK_MAX} values on the stack")
            })?;
        }
        Ok(())
    }

    fn pop(&mut self, operand: Operand, ty: Type) -> Checked<()> {
        let found = self.stack.pop().ok_or_else(|| self.invalid("too few values on the stack"))?;
        let fits = operand.resolve(ty).map_or(!found.is_bool(), |expected| expected == found);
        self.ensure(fits, || format!("the operand has the wrong type: {found}"))
    }

    fn check_immediate(&self, instruction: Instruction) -> Checked<()> {
        let Instruction { op, ty, immediate } = instruction;
        let index = immediate as usize;
        let message = |what: &str| format!("unknown {what} {immediate}");
        match op.row().immediate {
            Immediate::None => Ok(()),
            Immediate::Rule => self.ensure(index < self.interface.rules, || message("rule")),
            Immediate::Constant => {
                self.ensure(!ty.is_bool() || (0..=1).contains(&immediate), || message("Boolean"))
            }
            Immediate::Field => self.ensure(index < self.interface.inputs.len(), || message("field")),
            Immediate::Local => {
                let same = self.code.locals.get(index) == Some(&ty);
                self.ensure(same, || message(&format!("local of type {ty}:")))
            }
            Immediate::Table => self.ensure(index < self.code.tables.len(), || message("table")),
            Immediate::Rounding => {
                self.ensure(Rounding::from_number(immediate).is_some(), || message("rounding mode"))
            }
            Immediate::MonthEnd => {
                self.ensure(MonthEnd::from_number(immediate).is_some(), || message("end of a month"))
            }
            Immediate::Output => {
                let column = self.interface.outputs.get(index);
                let fits = column
                    .is_some_and(|column| !column.optional && (!ty.is_bool() || column.width == Width::W8));
                self.ensure(fits, || message("output of this type:"))?;
                self.ensure(index == self.given, || "outputs are not in their order".into())
            }
            Immediate::Position => {
                self.ensure(index > self.position, || "it jumps back: jumps only go forward".into())
            }
        }
    }

    /// Checks jumps, and ops that end a path.
    fn check_end(&mut self, instruction: Instruction) -> Checked<()> {
        let branches = matches!(instruction.op, Op::Jump | Op::BranchFalse);
        let ends = match instruction.op {
            Op::Decide => Some(Shape::Row),
            Op::End => Some(Shape::Columns),
            _ => None,
        };
        let right = ends.is_none_or(|shape| shape == self.code.shape)
            && !(branches && self.code.shape == Shape::Columns);
        self.ensure(right, || "it is not allowed in code of this shape".into())?;
        if ends.is_some() {
            self.ensure(self.stack.is_empty(), || "the stack is not empty at the end".into())?;
            self.ensure(self.given == self.interface.outputs.len(), || "an output is missing".into())?;
            self.given = 0;
            self.reached = false;
        }
        if branches {
            self.ensure(self.stack.is_empty() && self.given == 0, || {
                "the stack is not empty at a jump".into()
            })?;
            self.open.entry(instruction.immediate as usize).or_insert(self.position);
            self.reached = instruction.op == Op::BranchFalse;
        }
        Ok(())
    }
}

/// The most instructions on any path, from the last instruction to the first.
fn longest_path(code: &Code, positions: &[usize]) -> u64 {
    let mut from: Vec<u64> = vec![0; positions.len() + 1];
    let at = |position: usize| positions.binary_search(&position).expect("jumps go to instructions");
    for (index, (_, instruction)) in code.iter().enumerate().collect::<Vec<_>>().into_iter().rev() {
        let next = from[index + 1];
        let further = match instruction.op {
            Op::Jump => from[at(instruction.immediate as usize)],
            Op::BranchFalse => next.max(from[at(instruction.immediate as usize)]),
            Op::Decide | Op::End => 0,
            _ => next,
        };
        from[index] = further + 1;
    }
    from[0]
}
