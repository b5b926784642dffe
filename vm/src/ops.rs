//! What can the machine do? The computed ops and leaves of the IR's table, and a few ops of its own that move values
//! and go on elsewhere. Every op exists for some of the four types.
//!
//! An instruction is one byte, the op's code times four and the type's number, and an immediate whose size follows
//! from the op and the type. Encoder, decoder, listing, verifier, emitter, both engines and the reference derive from
//! the two tables: an op of the IR is not mentioned in this crate unless an engine has a faster way for it.
//!
//! Every op is total on every bit pattern: arithmetic wraps at the type, a division by zero is 0, an index is
//! clamped.

use std::fmt;

use opus_ir::Type::{Bool, I32, I64, I128};
use opus_ir::date::MonthEnd;
use opus_ir::ops as ir;
use opus_ir::{Class, Imm, Rounding, Type, for_each_op};

/// What follows the op's byte.
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
    /// The name in listings; the type follows after a dot.
    pub mnemonic: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// For which types it exists.
    pub types: &'static [Type],
    /// What follows the byte.
    pub immediate: Immediate,
    /// What it takes from the stack, the last one from the top.
    pub takes: &'static [Operand],
    /// What it puts on the stack.
    pub gives: Option<Operand>,
    /// Whether the order of its two operands does not matter.
    pub commutes: bool,
}

impl Row {
    /// The row of an op of the IR, which has these operands.
    const fn derived(op: Op, row: &ir::Row, takes: &'static [Operand]) -> Row {
        let immediate = match row.imm {
            Imm::None => Immediate::None,
            Imm::Const => Immediate::Constant,
            Imm::Field => Immediate::Field,
            Imm::Table => Immediate::Table,
            Imm::Rounding => Immediate::Rounding,
            Imm::MonthEnd => Immediate::MonthEnd,
            Imm::Polarity => panic!("only claims have a polarity"),
        };
        let (mnemonic, doc, types) = (row.mnemonic, row.doc, types(row));
        let gives = Some(Operand::of_class(row.result));
        Row { op, mnemonic, doc, types, immediate, takes, gives, commutes: row.laws.commutes }
    }
}

/// For which types an op of the IR exists: those that its operands or its result can have.
const fn types(row: &ir::Row) -> &'static [Type] {
    let (mut any, mut int, mut small) = (false, false, false);
    let mut i = 0;
    while i <= row.params.len() {
        let class = if i < row.params.len() { row.params[i].1 } else { row.result };
        any |= matches!(class, Class::Any);
        int |= matches!(class, Class::Int);
        small |= matches!(class, Class::Small);
        i += 1;
    }
    match (any, int, small) {
        (true, ..) => &[Bool, I32, I64, I128],
        (_, true, _) => &[I32, I64, I128],
        (.., true) => &[I32],
        _ => &[Bool],
    }
}

/// Whether an op with these classes of operands and result computes in integers of more than one width.
macro_rules! varies {
    (Int $($rest:ident)*) => { true };
    (Any $($rest:ident)*) => { true };
    ($class:ident $($rest:ident)*) => { $crate::ops::varies!($($rest)*) };
    () => { false };
}
pub(crate) use varies;

macro_rules! machine {
    (
        own { $(
            $(#[doc = $doc:literal])+
            $code:literal $name:ident $mnemonic:literal [$($ty:ident)+] $immediate:ident
                ($($takes:expr),*) $(-> $gives:expr)?;
        )+ }
        leaves { $( $(#[doc = $leaf_doc:literal])+ $leaf_code:literal $leaf:ident $leaf_method:ident
            $leaf_params:tt -> $leaf_result:ident $leaf_row:tt )+ }
        computed { $( $(#[doc = $ir_doc:literal])+ $ir_code:literal $ir:ident $method:ident
            ($($param:ident: $class:ident),+ $(; $imm:ident: $kind:ident)?) -> $result:ident $row:tt )+ }
        claims $claims:tt
    ) => {
        /// An op of the machine. Ops of the IR have its codes.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Op {
            $( $(#[doc = $leaf_doc])+ $leaf = $leaf_code, )+
            $( $(#[doc = $ir_doc])+ $ir = $ir_code, )+
            $( $(#[doc = $doc])+ $name = $code, )+
        }

        /// The table: the IR's leaves and computed ops, then the machine's own.
        pub const TABLE: &[Row] = &[
            $( Row::derived(Op::$leaf, ir::Op::$leaf.row(), &[]), )+
            $( Row::derived(Op::$ir, ir::Op::$ir.row(), &[$(Operand::of_class(Class::$class)),+]), )+
            $( Row {
                op: Op::$name,
                mnemonic: $mnemonic,
                doc: concat!($($doc),+),
                types: &[$($ty),+],
                immediate: Immediate::$immediate,
                takes: &[$($takes),*],
                gives: machine!(@gives $($gives)?),
                commutes: false,
            }, )+
        ];

        impl Op {
            /// The op that computes what one of the IR does; `None` for claims, which compute nothing.
            pub const fn of(op: ir::Op) -> Option<Op> {
                match op {
                    $( ir::Op::$leaf => Some(Op::$leaf), )+
                    $( ir::Op::$ir => Some(Op::$ir), )+
                    _ => None,
                }
            }
        }
    };
    (@gives $gives:expr) => { Some($gives) };
    (@gives) => { None };
}

use Operand::{Integer, Of, Same};

for_each_op! { machine
    own {
        /// Pushes a local. Locals start at 0.
        4 Get "get" [Bool I32 I64 I128] Local () -> Same;
        /// Pops a value into a local.
        5 Set "set" [Bool I32 I64 I128] Local (Same);
        /// Converts an integer to the type: sign-extended, or truncated.
        6 To "to" [I32 I64 I128] None (Integer) -> Same;

        /// Continues at a later instruction.
        59 Jump "jump" [Bool] Position ();
        /// Continues at a later instruction where the condition fails.
        60 BranchFalse "branch_false" [Bool] Position (Same);
        /// Pops an output. Each path ends with all outputs, in order.
        61 Output "output" [Bool I32 I64 I128] Output (Same);
        /// The rule has decided. Ends a path, only in code for rows.
        62 Decide "decide" [Bool] Rule ();
        /// Pops the index of the rule that has decided. Only in code for columns, where it is the end.
        63 End "end" [I32] None (Same);
    }
}

/// An instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instruction {
    /// The op.
    pub op: Op,
    /// For which type.
    pub ty: Type,
    /// The immediate, 0 if there is none.
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

/// Op, type and size of the immediate, by an instruction's byte; `None` if the instruction does not exist.
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
    /// The machine's counterpart of an operand or result of the IR.
    const fn of_class(class: Class) -> Operand {
        match class {
            Class::Int | Class::Any => Same,
            Class::Bool => Of(Bool),
            Class::Small => Of(I32),
        }
    }

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

    /// The instruction at a byte position, and the position after it; `None` if there is none.
    ///
    /// ```
    /// use opus_ir::Type;
    /// use opus_vm::ops::{Instruction, Op};
    /// let mut code = Vec::new();
    /// let instruction = Instruction::new(Op::Const, Type::I32, -7);
    /// instruction.encode(&mut code);
    /// assert_eq!(Instruction::decode(&code, 0), Some((instruction, 5)));
    /// assert_eq!(instruction.to_string(), "constant.i32 -7");
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
         Generated from the tables in `ir/src/ops/table.rs` and `vm/src/ops.rs` by `UPDATE=1 cargo test -p opus-vm`; do\n\
         not edit.\n\n\
         An instruction is one byte, `code * 4 + type` (bool 0, i32 1, i64 2, i128 3), and an immediate in\n\
         little-endian order. The stack is empty at every jump and at every jump target. `T` is the\n\
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
