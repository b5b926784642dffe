//! What is the result of compiling? Native code as bytes that run at any address, and the facts needed to run it.
//!
//! The bytes hold no relocations and call nothing: the caller of a kernel of several pieces calls them one by one. So
//! the bytes can be stored and loaded again. Whoever stores them has to make sure that nobody changes them, because
//! they will be executed.

use opus_ir::{Column, Width};

use crate::isa::Level;

/// The version of this compiler: code from another version does not run. Raise it with every change to a lowering.
pub const COMPILER: &str = concat!("opus-jit ", env!("CARGO_PKG_VERSION"), ".2, cranelift 0.135.8");

/// Code begins at multiples of this, and so do constants.
pub(crate) const ALIGNMENT: usize = 64;

const MAGIC: &[u8; 8] = b"opusnat1";

/// What a kernel works on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Kind {
    /// One row at a time.
    Row = 0,
    /// 16 rows per step over columns.
    Columns = 1,
}

/// The compiled form of one decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Native {
    pub(crate) kind: Kind,
    pub(crate) level: Level,
    /// The columns that are read.
    pub(crate) inputs: Vec<Column>,
    /// The columns that are written; the last is the rule.
    pub(crate) outputs: Vec<Column>,
    /// Where the functions begin.
    pub(crate) pieces: Vec<u32>,
    /// Where the constants begin; they follow the code.
    pub(crate) constants: u32,
    /// What the pieces pass on, for a row or for a step.
    pub(crate) state_bytes: u32,
    /// Code and constants.
    pub(crate) bytes: Vec<u8>,
}

/// Why bytes are not native code that can run here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Foreign {
    /// They are not native code, or incomplete.
    Damaged,
    /// They come from another version of the compiler.
    Compiler,
}

impl std::fmt::Display for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Foreign::Damaged => "the stored native code is damaged: compile again",
            Foreign::Compiler => "the native code comes from another version of the compiler: compile again",
        })
    }
}

impl std::error::Error for Foreign {}

impl Native {
    /// What it works on.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The processor features that it needs.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The columns, or the slots of a row, that it reads.
    pub fn inputs(&self) -> &[Column] {
        &self.inputs
    }

    /// The columns, or the slots of a row, that it writes: the outputs, then the rule's index in 16 bits.
    pub fn outputs(&self) -> &[Column] {
        &self.outputs
    }

    /// The size of code and constants.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The number of functions that it is split into.
    pub fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// The code as bytes for a cache: the compiler's version, then everything needed to run it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer(MAGIC.to_vec());
        writer.list(COMPILER.as_bytes());
        writer.0.extend([self.kind as u8, self.level as u8]);
        for columns in [&self.inputs, &self.outputs] {
            let codes = columns.iter().map(|column| column.width as u8 | (column.optional as u8) << 7);
            writer.list(&codes.collect::<Vec<u8>>());
        }
        let pieces: Vec<u8> = self.pieces.iter().flat_map(|piece| piece.to_le_bytes()).collect();
        writer.list(&pieces);
        writer.number(self.constants);
        writer.number(self.state_bytes);
        writer.list(&self.bytes);
        writer.0
    }

    /// Reads [`Native::to_bytes`] back.
    ///
    /// # Errors
    /// Where the bytes are truncated, inconsistent or from another version of the compiler.
    ///
    /// # Safety
    /// The bytes will be executed: they must come from `to_bytes` and be unchanged since. Authenticate them first.
    pub unsafe fn from_bytes(bytes: &[u8]) -> Result<Native, Foreign> {
        let mut reader = Reader(bytes.strip_prefix(MAGIC).ok_or(Foreign::Damaged)?);
        if reader.list()? != COMPILER.as_bytes() {
            return Err(Foreign::Compiler);
        }
        let kind = match reader.byte()? {
            0 => Kind::Row,
            1 => Kind::Columns,
            _ => return Err(Foreign::Damaged),
        };
        let level = Level::from_number(reader.byte()?).ok_or(Foreign::Damaged)?;
        let inputs = columns(reader.list()?)?;
        let outputs = columns(reader.list()?)?;
        let (pieces, []) = reader.list()?.as_chunks::<4>() else { return Err(Foreign::Damaged) };
        let pieces: Vec<u32> = pieces.iter().map(|piece| u32::from_le_bytes(*piece)).collect();
        let (constants, state_bytes) = (reader.number()?, reader.number()?);
        let code = reader.list()?.to_vec();
        let native = Native { kind, level, inputs, outputs, pieces, constants, state_bytes, bytes: code };
        if reader.0.is_empty() && native.is_consistent() { Ok(native) } else { Err(Foreign::Damaged) }
    }

    fn is_consistent(&self) -> bool {
        let inside = |offset: &u32| (*offset as usize) < self.bytes.len();
        let whole = self.constants as usize <= self.bytes.len() && self.state_bytes.is_multiple_of(64);
        whole && !self.pieces.is_empty() && self.pieces.iter().all(inside) && !self.outputs.is_empty()
    }
}

fn columns(codes: &[u8]) -> Result<Vec<Column>, Foreign> {
    let column = |code: &u8| {
        let width = Width::ALL.into_iter().find(|width| *width as u8 == code & 0x7F)?;
        Some(Column { width, optional: code & 0x80 != 0 })
    };
    codes.iter().map(column).collect::<Option<_>>().ok_or(Foreign::Damaged)
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, x: u32) {
        self.0.extend(x.to_le_bytes());
    }

    fn list(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u32);
        self.0.extend_from_slice(bytes);
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Foreign> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Foreign::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Foreign> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<u32, Foreign> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes(bytes.try_into().expect("four bytes were taken")))
    }

    fn list(&mut self) -> Result<&'a [u8], Foreign> {
        let count = self.number()? as usize;
        self.take(count)
    }
}
