//! May code run? One pass over the instructions, without trusting who wrote them.
//!
//! The types and the height of the stack are known at every instruction: the stack is empty where code jumps from
//! and to, so that nothing has to be merged. Every index is in range, jumps go forward to instructions, and every
//! path ends. What passes can be wrong; it cannot read or write elsewhere, run for longer than said, or depend on
//! anything but its input.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use opus_ir::date::MonthEnd;
use opus_ir::{Rounding, Type, Width};

use crate::code::{Code, Interface, Shape};
use crate::ops::{Immediate, Instruction, Op, Operand};

/// How many values the stack holds.
pub const STACK_MAX: usize = 64;
/// How many locals there are at most: as many as an instruction can name.
pub const LOCALS_MAX: usize = 1 << 16;

/// Code that may run, with what it runs on.
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

    /// How many instructions a decision executes at most.
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

/// Checks code against what it is to run on.
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
    checker.ensure(code.locals.len() <= LOCALS_MAX, || format!("there are more than {LOCALS_MAX} locals"))?;
    let lengths = checker.check_instructions()?;
    let steps_max = longest_path(&code, &lengths);
    Ok(Verified { code, interface, steps_max })
}

struct Checker<'a> {
    code: &'a Code,
    interface: &'a Interface,
    stack: Vec<Type>,
    /// How many outputs the path has given.
    given: usize,
    /// Positions that have been jumped to and not been reached yet, with where from.
    open: BTreeMap<usize, usize>,
    /// Whether the instruction is reached from the one before it.
    reached: bool,
    position: usize,
}

type Checked<T> = Result<T, Invalid>;

impl Checker<'_> {
    fn ensure(&self, holds: bool, message: impl FnOnce() -> String) -> Checked<()> {
        if holds { Ok(()) } else { Err(Invalid { position: self.position, message: message() }) }
    }

    /// Checks every instruction, and answers their positions.
    fn check_instructions(&mut self) -> Checked<Vec<usize>> {
        let code = &self.code.instructions;
        let mut positions = Vec::new();
        while self.position < code.len() {
            if self.open.remove(&self.position).is_some() {
                let empty = self.stack.is_empty() && self.given == 0;
                self.ensure(empty, || "the stack is not empty where it is jumped to".into())?;
                self.reached = true;
            }
            self.ensure(self.reached, || "nothing goes here".into())?;
            let decoded = Instruction::decode(code, self.position);
            let (instruction, end) = decoded.ok_or_else(|| self.invalid("there is no such instruction"))?;
            self.check(instruction)?;
            positions.push(self.position);
            self.position = end;
        }
        self.ensure(!self.reached, || "the code ends where a path goes on".into())?;
        let missed = self.open.iter().next().map(|(to, from)| (*to, *from));
        match missed {
            Some((to, from)) => Err(Invalid {
                position: from,
                message: format!("it goes to @{to}, where no instruction begins"),
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
                format!("the stack holds more than {STACK_MAX} values")
            })?;
        }
        Ok(())
    }

    fn pop(&mut self, operand: Operand, ty: Type) -> Checked<()> {
        let found =
            self.stack.pop().ok_or_else(|| self.invalid("it takes more than there is on the stack"))?;
        let fits = operand.resolve(ty).map_or(!found.is_bool(), |expected| expected == found);
        self.ensure(fits, || format!("it takes another type than the {found} on the stack"))
    }

    fn check_immediate(&self, instruction: Instruction) -> Checked<()> {
        let Instruction { op, ty, immediate } = instruction;
        let index = immediate as usize;
        let message = |what: &str| format!("there is no {what} {immediate}");
        match op.row().immediate {
            Immediate::None => Ok(()),
            Immediate::Rule => self.ensure(index < self.interface.rules, || message("rule")),
            Immediate::Constant => {
                self.ensure(!ty.is_bool() || (0..=1).contains(&immediate), || message("truth value"))
            }
            Immediate::Field => self.ensure(index < self.interface.inputs.len(), || message("field")),
            Immediate::Local => {
                let same = self.code.locals.get(index) == Some(&ty);
                self.ensure(same, || message(&format!("local of type {ty} with the number")))
            }
            Immediate::Table => self.ensure(index < self.code.tables.len(), || message("table")),
            Immediate::Rounding => {
                self.ensure(Rounding::from_number(immediate).is_some(), || message("rounding mode"))
            }
            Immediate::MonthEnd => {
                self.ensure(MonthEnd::from_number(immediate).is_some(), || message("month's end"))
            }
            Immediate::Output => {
                let column = self.interface.outputs.get(index);
                let fits = column
                    .is_some_and(|column| !column.optional && (!ty.is_bool() || column.width == Width::W8));
                self.ensure(fits, || message("output of this type with the number"))?;
                self.ensure(index == self.given, || "outputs are not given in their order".into())
            }
            Immediate::Position => {
                self.ensure(index > self.position, || "it goes back: jumps only go forward".into())
            }
        }
    }

    /// What ends a path, or leaves it.
    fn check_end(&mut self, instruction: Instruction) -> Checked<()> {
        let branches = matches!(instruction.op, Op::Jump | Op::BranchFalse);
        let ends = match instruction.op {
            Op::Decide => Some(Shape::Row),
            Op::End => Some(Shape::Columns),
            _ => None,
        };
        let right = ends.is_none_or(|shape| shape == self.code.shape)
            && !(branches && self.code.shape == Shape::Columns);
        self.ensure(right, || "it does not belong in code of this shape".into())?;
        if ends.is_some() {
            self.ensure(self.stack.is_empty(), || "the stack is not empty at the end".into())?;
            self.ensure(self.given == self.interface.outputs.len(), || "not every output is given".into())?;
            self.given = 0;
            self.reached = false;
        }
        if branches {
            self.ensure(self.stack.is_empty() && self.given == 0, || {
                "the stack is not empty where it jumps".into()
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
