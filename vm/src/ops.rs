//! What can the machine do? One table, one row per op; every op exists for some of the four types.
//!
//! An instruction is one byte, the op's code times four and the type's number, and an immediate whose size follows
//! from the op and the type. Encoder, decoder, listing, verifier and reference derive from the table; the engines
//! match on the ops without a wildcard, so that an op that is added here and forgotten there does not compile.
//!
//! Every op is total on every bit pattern: arithmetic wraps at the type, a division by zero is 0, an index is
//! clamped.

use std::fmt;

use opus_ir::Type::{Bool, I32, I64, I128};
use opus_ir::date::MonthEnd;
use opus_ir::{Rounding, Type};

/// What stands behind the op's byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Immediate {
    /// Nothing.
    None,
    /// A constant of the type, in as many bytes as it is wide.
    Constant,
    /// The index of a field, in two bytes.
    Field,
    /// The index of a local, in two bytes.
    Local,
    /// The index of a table, in two bytes.
    Table,
    /// The number of a rounding mode, in one byte.
    Rounding,
    /// The number of a month's end, in one byte.
    MonthEnd,
    /// The instruction to go to, as a byte position in the code, in four bytes.
    Position,
    /// The index of an output, in two bytes.
    Output,
    /// The index of a rule, in two bytes.
    Rule,
}

/// What an op takes from the stack or puts there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operand {
    /// A value of the instruction's type.
    Same,
    /// An integer of any type.
    Integer,
    /// A value of this type.
    Of(Type),
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The op.
    pub op: Op,
    /// The name in listings; the type follows behind a dot.
    pub mnemonic: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// For which types it exists.
    pub types: &'static [Type],
    /// What stands behind the byte.
    pub immediate: Immediate,
    /// What it takes from the stack, the last one from the top.
    pub takes: &'static [Operand],
    /// What it puts on the stack.
    pub gives: Option<Operand>,
}

macro_rules! machine {
    ($(
        $(#[doc = $doc:literal])+
        $code:literal $name:ident $mnemonic:literal [$($ty:ident)+] $immediate:ident ($($takes:expr),*) $(-> $gives:expr)?;
    )+) => {
        /// An op of the machine. The numbers are stable: artifacts hold them.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Op { $( $(#[doc = $doc])+ $name = $code ),+ }

        /// The table, in the order of the codes.
        pub const TABLE: &[Row] = &[ $( Row {
            op: Op::$name,
            mnemonic: $mnemonic,
            doc: concat!($($doc),+),
            types: &[$($ty),+],
            immediate: Immediate::$immediate,
            takes: &[$($takes),*],
            gives: machine!(@gives $($gives)?),
        } ),+ ];
    };
    (@gives $gives:expr) => { Some($gives) };
    (@gives) => { None };
}

use Operand::{Integer, Of, Same};

machine! {
    /// Pushes the constant.
    1 Const "const" [Bool I32 I64 I128] Constant () -> Same;
    /// Pushes the value of a field, in a missing one whatever lies there.
    2 Field "field" [Bool I32 I64 I128] Field () -> Same;
    /// Pushes whether a field is present.
    3 Present "present" [Bool] Field () -> Same;
    /// Pushes a local. Locals are 0 in the beginning.
    4 Get "get" [Bool I32 I64 I128] Local () -> Same;
    /// Pops a value into a local.
    5 Set "set" [Bool I32 I64 I128] Local (Same);
    /// Turns an integer into one of the type: sign-extended, or cut.
    6 To "to" [I32 I64 I128] None (Integer) -> Same;

    /// The sum.
    10 Add "add" [I32 I64 I128] None (Same, Same) -> Same;
    /// The difference.
    11 Sub "sub" [I32 I64 I128] None (Same, Same) -> Same;
    /// The product.
    12 Mul "mul" [I32 I64 I128] None (Same, Same) -> Same;
    /// The quotient rounded by the mode; 0 where the divisor is 0.
    13 Divide "divide" [I32 I64 I128] Rounding (Same, Same) -> Same;
    /// What floor division leaves; 0 where the divisor is 0.
    14 Modulo "modulo" [I32 I64 I128] None (Same, Same) -> Same;
    /// The smaller.
    15 Min "min" [I32 I64 I128] None (Same, Same) -> Same;
    /// The greater.
    16 Max "max" [I32 I64 I128] None (Same, Same) -> Same;

    /// Whether the two are equal.
    20 Eq "eq" [I32 I64 I128] None (Same, Same) -> Of(Bool);
    /// Whether the two differ.
    21 Ne "ne" [I32 I64 I128] None (Same, Same) -> Of(Bool);
    /// Whether the first is below the second.
    22 Lt "lt" [I32 I64 I128] None (Same, Same) -> Of(Bool);
    /// Whether the first is at most the second.
    23 Le "le" [I32 I64 I128] None (Same, Same) -> Of(Bool);

    /// Whether both hold.
    30 And "and" [Bool] None (Same, Same) -> Same;
    /// Whether one holds at least.
    31 Or "or" [Bool] None (Same, Same) -> Same;
    /// Whether exactly one holds.
    32 Xor "xor" [Bool] None (Same, Same) -> Same;
    /// Whether it fails.
    33 Not "not" [Bool] None (Same) -> Same;
    /// The second where the first holds, the third where it fails.
    34 Select "select" [Bool I32 I64 I128] None (Of(Bool), Same, Same) -> Same;

    /// How many entries of an ascending table are at most the operand.
    40 Bucket "bucket" [I32 I64 I128] Table (Same) -> Of(I32);
    /// The entry of a table at an index, which is clamped to the table; 0 in an empty table.
    41 Lookup "lookup" [I32 I64 I128] Table (Of(I32)) -> Same;

    /// The day moved by so many months.
    50 AddMonths "add_months" [I64] MonthEnd (Same, Same) -> Same;
    /// The whole months from the first day to the second.
    51 WholeMonths "whole_months" [I64] None (Same, Same) -> Same;

    /// Goes on at a later instruction.
    59 Jump "jump" [Bool] Position ();
    /// Goes on at a later instruction where the condition fails.
    60 BranchFalse "branch_false" [Bool] Position (Same);
    /// Pops an output. Each path gives them one after the other, in their order, at its end.
    61 Output "output" [Bool I32 I64 I128] Output (Same);
    /// The rule has decided. Ends a path, only in code for rows.
    62 Decide "decide" [Bool] Rule ();
    /// Pops the index of the rule that has decided. Only in code for columns, and there the end.
    63 End "end" [I32] None (Same);
}

/// An instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instruction {
    /// The op.
    pub op: Op,
    /// For which type.
    pub ty: Type,
    /// The immediate, 0 where there is none.
    pub immediate: i128,
}

/// The rows by code.
const ROWS: [Option<&Row>; 64] = {
    let mut rows: [Option<&Row>; 64] = [None; 64];
    let mut i = 0;
    while i < TABLE.len() {
        assert!(rows[TABLE[i].op as usize].is_none(), "two ops share a code");
        rows[TABLE[i].op as usize] = Some(&TABLE[i]);
        i += 1;
    }
    rows
};

/// Op, type and size of the immediate, by an instruction's byte; `None` where there is no such instruction.
pub const DECODE: [Option<(Op, Type, u8)>; 256] = {
    let mut table = [None; 256];
    let mut i = 0;
    while i < TABLE.len() {
        let row = &TABLE[i];
        let mut j = 0;
        while j < row.types.len() {
            let ty = row.types[j];
            table[row.op.byte(ty) as usize] = Some((row.op, ty, row.immediate.bytes(ty)));
            j += 1;
        }
        i += 1;
    }
    table
};

impl Op {
    /// The op's row.
    pub const fn row(self) -> &'static Row {
        ROWS[self as usize].expect("every op has a row")
    }

    /// The byte of the op for a type.
    pub const fn byte(self, ty: Type) -> u8 {
        (self as u8) << 2 | ty as u8
    }
}

impl Immediate {
    /// How many bytes it takes.
    pub const fn bytes(self, ty: Type) -> u8 {
        match self {
            Immediate::None => 0,
            Immediate::Constant => match ty {
                Bool => 1,
                I32 => 4,
                I64 => 8,
                I128 => 16,
            },
            Immediate::Field | Immediate::Local | Immediate::Table | Immediate::Output | Immediate::Rule => 2,
            Immediate::Rounding | Immediate::MonthEnd => 1,
            Immediate::Position => 4,
        }
    }
}

impl Operand {
    /// The type, for an instruction of type `ty`; `None` for an integer of any type.
    pub const fn resolve(self, ty: Type) -> Option<Type> {
        match self {
            Same => Some(ty),
            Of(ty) => Some(ty),
            Integer => None,
        }
    }
}

impl Instruction {
    /// An instruction.
    pub fn new(op: Op, ty: Type, immediate: i128) -> Instruction {
        Instruction { op, ty, immediate }
    }

    /// Appends the instruction to code.
    pub fn encode(self, code: &mut Vec<u8>) {
        let bytes = self.op.row().immediate.bytes(self.ty) as usize;
        code.push(self.op.byte(self.ty));
        code.extend_from_slice(&self.immediate.to_le_bytes()[..bytes]);
    }

    /// The instruction at a byte position, and the position behind it; `None` where there is none.
    ///
    /// ```
    /// use opus_ir::Type;
    /// use opus_vm::ops::{Instruction, Op};
    /// let mut code = Vec::new();
    /// let instruction = Instruction::new(Op::Const, Type::I32, -7);
    /// instruction.encode(&mut code);
    /// assert_eq!(Instruction::decode(&code, 0), Some((instruction, 5)));
    /// assert_eq!(instruction.to_string(), "const.i32 -7");
    /// ```
    pub fn decode(code: &[u8], at: usize) -> Option<(Instruction, usize)> {
        let (op, ty, size) = DECODE[*code.get(at)? as usize]?;
        let end = at + 1 + size as usize;
        let immediate = little_endian(code.get(at + 1..end)?, op.row().immediate == Immediate::Constant);
        Some((Instruction { op, ty, immediate }, end))
    }
}

/// Constants are signed, indices and positions are not.
fn little_endian(bytes: &[u8], signed: bool) -> i128 {
    let negative = signed && bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut all = [if negative { 0xff } else { 0 }; 16];
    all[..bytes.len()].copy_from_slice(bytes);
    i128::from_le_bytes(all)
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.op.row();
        f.write_str(row.mnemonic)?;
        if row.types.len() > 1 {
            write!(f, ".{}", self.ty)?;
        }
        match row.immediate {
            Immediate::None => Ok(()),
            Immediate::Position => write!(f, " @{}", self.immediate),
            Immediate::Rounding => write_name(f, Rounding::from_number(self.immediate).map(Rounding::name)),
            Immediate::MonthEnd => write_name(f, MonthEnd::from_number(self.immediate).map(MonthEnd::name)),
            _ => write!(f, " {}", self.immediate),
        }
    }
}

fn write_name(f: &mut fmt::Formatter<'_>, name: Option<&'static str>) -> fmt::Result {
    write!(f, " {}", name.unwrap_or("?"))
}

/// The reference of the table, in Markdown.
pub fn reference() -> String {
    let mut out = String::from(
        "# Bytecode\n\n\
         Generated from the table in `vm/src/ops.rs`; a test holds it to that.\n\n\
         An instruction is one byte, `code * 4 + type` (bool 0, i32 1, i64 2, i128 3), and an immediate in\n\
         little-endian order. The stack is empty at every jump and at every instruction that is jumped to. `T` is the\n\
         instruction's type.\n\n\
         | code | op | types | immediate | stack | meaning |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for row in TABLE {
        let types: Vec<&str> = row.types.iter().map(|ty| ty.name()).collect();
        let takes: Vec<&str> = row.takes.iter().map(|operand| shown(*operand)).collect();
        let gives = row.gives.map_or(String::new(), |operand| format!(" → {}", shown(operand)));
        let immediate = match row.immediate {
            Immediate::None => String::new(),
            other => format!("{other:?}").to_lowercase(),
        };
        out += &format!(
            "| {} | `{}` | {} | {immediate} | {}{gives} | {} |\n",
            row.op as u8,
            row.mnemonic,
            types.join(" "),
            takes.join(" "),
            row.doc.trim(),
        );
    }
    out
}

fn shown(operand: Operand) -> &'static str {
    match operand {
        Same => "T",
        Integer => "integer",
        Of(ty) => ty.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_is_read_back_as_it_was_written() {
        for row in TABLE {
            for ty in row.types {
                let largest = match (row.immediate, row.immediate.bytes(*ty)) {
                    (_, 0) => 0,
                    (Immediate::Constant, 16) => i128::MIN,
                    (Immediate::Constant, bytes) => -(1 << (bytes * 8 - 1)),
                    (_, bytes) => (1 << (bytes * 8)) - 1,
                };
                for immediate in [0, largest] {
                    let instruction = Instruction::new(row.op, *ty, immediate);
                    let mut code = vec![0xff];
                    instruction.encode(&mut code);
                    assert_eq!(Instruction::decode(&code, 1), Some((instruction, code.len())));
                    assert!((1..code.len()).all(|end| Instruction::decode(&code[..end], 1).is_none()));
                }
            }
        }
    }

    #[test]
    fn the_reference_in_the_book_is_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/bytecode.md");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, reference()).expect("the book can be written");
        }
        assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), reference(), "UPDATE=1 rewrites it");
    }
}
