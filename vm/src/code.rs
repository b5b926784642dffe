//! What is a function as bytecode? Instructions, the types of locals, and constant tables; and all of it
//! as bytes.

use std::fmt;

use opus_ir::{Column, Interval, Type, Width};

use crate::ops::Instruction;

/// Whether code decides one row or many.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Shape {
    /// One row: it branches forward and ends in `decide`.
    Row = 0,
    /// Many rows: predicated code without branches that ends in `end`.
    Columns = 1,
}

/// A function as bytecode, as it was emitted or read: not yet verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Code {
    /// Whether it decides one row or many.
    pub shape: Shape,
    /// The types of the locals.
    pub locals: Vec<Type>,
    /// The constant tables.
    pub tables: Vec<Vec<i128>>,
    /// The instructions.
    pub instructions: Vec<u8>,
}

/// The memory around the code: where its fields come from and where its outputs go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// The columns, or slots, of the inputs.
    pub inputs: Vec<Column>,
    /// The columns, or slots, of the outputs; the rule's comes after them.
    pub outputs: Vec<Column>,
    /// By output, the range that its values are clamped to, whatever the code computes. Its column holds all of it.
    pub ranges: Vec<Interval>,
    /// How many rules there are; the index of the rule that decides is smaller.
    pub rules: usize,
}

/// The column, or slot, of the rule's index, after the outputs.
pub const RULE: Column = Column { width: Width::W16, optional: false };

impl Interface {
    /// The output columns, then the rule's.
    pub fn outputs_and_rule(&self) -> Vec<Column> {
        self.outputs.iter().copied().chain([RULE]).collect()
    }
}

/// Why bytes are not code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

impl Code {
    /// The code as bytes: the shape, then each list with its length before it, all little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.shape as u8];
        put_length(&mut bytes, self.locals.len());
        bytes.extend(self.locals.iter().map(|ty| *ty as u8));
        put_length(&mut bytes, self.tables.len());
        for table in &self.tables {
            put_length(&mut bytes, table.len());
            bytes.extend(table.iter().flat_map(|entry| entry.to_le_bytes()));
        }
        put_length(&mut bytes, self.instructions.len());
        bytes.extend_from_slice(&self.instructions);
        bytes
    }

    /// Code from bytes.
    ///
    /// ```
    /// use opus_vm::code::{Code, Shape};
    /// let code = Code { shape: Shape::Row, locals: vec![], tables: vec![vec![1, -2]], instructions: vec![7] };
    /// assert_eq!(Code::from_bytes(&code.to_bytes()), Ok(code));
    /// ```
    ///
    /// # Errors
    /// Where the bytes are too short or too long, or have an unknown shape or type.
    pub fn from_bytes(bytes: &[u8]) -> Result<Code, Malformed> {
        let mut reader = Reader { bytes };
        let shape = match reader.take(1)? {
            [0] => Shape::Row,
            [1] => Shape::Columns,
            _ => return Err(Malformed("unknown shape of code")),
        };
        let locals = reader.types()?;
        let table_count = reader.length(4)?;
        let tables = (0..table_count).map(|_| reader.table()).collect::<Result<_, _>>()?;
        let length_bytes = reader.length(1)?;
        let instructions = reader.take(length_bytes)?.to_vec();
        match reader.bytes {
            [] => Ok(Code { shape, locals, tables, instructions }),
            _ => Err(Malformed("extra bytes after the code")),
        }
    }

    /// The instructions with their positions, up to the first that cannot be read.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Instruction)> {
        let mut next = 0;
        std::iter::from_fn(move || {
            let (instruction, end) = Instruction::decode(&self.instructions, next)?;
            Some((std::mem::replace(&mut next, end), instruction))
        })
    }
}

/// A listing: tables, then one instruction per line, after its position.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, table) in self.tables.iter().enumerate() {
            writeln!(f, "table {index} {table:?}")?;
        }
        self.iter().try_for_each(|(position, instruction)| writeln!(f, "{position:>6}  {instruction}"))
    }
}

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend_from_slice(&(length as u32).to_le_bytes());
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(Malformed("the code is too short"))?;
        self.bytes = rest;
        Ok(taken)
    }

    /// The length of a list whose items take at least this many bytes each: a list longer than the rest is never
    /// allocated.
    fn length(&mut self, item_bytes: usize) -> Result<usize, Malformed> {
        let length = u32::from_le_bytes(self.take(4)?.try_into().expect("four bytes were taken")) as usize;
        let fits = length <= self.bytes.len() / item_bytes;
        if fits { Ok(length) } else { Err(Malformed("a list is longer than the code")) }
    }

    fn types(&mut self) -> Result<Vec<Type>, Malformed> {
        let count = self.length(1)?;
        let named = |byte: &u8| Type::ALL.get(*byte as usize).copied().ok_or(Malformed("unknown type"));
        self.take(count)?.iter().map(named).collect()
    }

    fn table(&mut self) -> Result<Vec<i128>, Malformed> {
        let count = self.length(16)?;
        let entry = |bytes: &[u8]| i128::from_le_bytes(bytes.try_into().expect("chunks of sixteen bytes"));
        Ok(self.take(count * 16)?.chunks_exact(16).map(entry).collect())
    }
}
