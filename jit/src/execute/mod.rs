//! How does native code run? Code is copied into memory of its own, made executable, and called.
//!
//! This folder is the crate's one room for `unsafe`: [`memory`] holds the code, and the kernels here call it. The calls
//! are sound for two reasons. Code comes from this crate's compiler (a [`Native`] is made by `compile_*`, or by the
//! unsafe `Native::from_bytes`), so whatever the data are, it reads and writes only what its layout says. And every
//! buffer is checked against that layout before a call.

mod memory;

use std::mem::MaybeUninit;
use std::sync::Arc;

use opus_ir::Column;
use opus_ir::memory::{Columns, RowLayout};

use crate::code::{ALIGNMENT, Kind, Native};
use crate::emit::ROWS_PER_STEP;
use memory::CodeMemory;

/// Why native code cannot run. The virtual machine always can.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LoadError {
    /// The code was compiled for CPU features that this machine lacks.
    Level,
    /// The system provides no executable memory.
    Memory {
        /// What the system says.
        reason: String,
    },
    /// Native code runs on x86-64 under Unix only.
    Target,
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LoadError::Level => f.write_str("the native code needs CPU features that this machine lacks"),
            LoadError::Memory { reason } => write!(f, "the system provides no executable memory: {reason}"),
            LoadError::Target => f.write_str("native code runs on x86-64 under Unix only"),
        }
    }
}

impl std::error::Error for LoadError {}

/// Native code that is ready to run.
#[derive(Clone, Debug)]
pub enum Kernel {
    /// For one row at a time.
    Row(RowKernel),
    /// For columns.
    Columns(ColumnKernel),
}

/// Makes several pieces of native code ready to run, in one piece of memory. The kernels share it, and the last one
/// that is dropped returns it.
///
/// # Errors
/// Where this machine or system cannot run it.
pub fn load(natives: &[&Native]) -> Result<Vec<Kernel>, LoadError> {
    if !cfg!(all(unix, target_arch = "x86_64")) {
        return Err(LoadError::Target);
    }
    if !natives.iter().all(|native| native.level.is_available()) {
        return Err(LoadError::Level);
    }
    let mut image = Vec::with_capacity(natives.iter().map(|native| native.bytes.len() + ALIGNMENT).sum());
    let mut starts = Vec::with_capacity(natives.len());
    for native in natives {
        starts.push(image.len());
        image.extend_from_slice(&native.bytes);
        image.resize(image.len().next_multiple_of(ALIGNMENT), 0);
    }
    let memory = Arc::new(CodeMemory::new(&image)?);
    let kernel = |(native, start): (&&Native, usize)| {
        let code = Code::new(memory.clone(), native, start);
        match native.kind {
            Kind::Row => Kernel::Row(RowKernel::new(native, code)),
            Kind::Columns => Kernel::Columns(ColumnKernel::new(native, code)),
        }
    };
    Ok(natives.iter().zip(starts).map(kernel).collect())
}

/// The functions of a kernel in executable memory.
#[derive(Clone, Debug)]
struct Code {
    /// Keeps the memory.
    _memory: Arc<CodeMemory>,
    pieces: Vec<Address>,
    constants: Address,
}

/// An address within the memory next to it.
#[derive(Clone, Copy, Debug)]
struct Address(*const u8);

// SAFETY: the address points into memory that is never written again, and the field next to it keeps that alive.
unsafe impl Send for Address {}
// SAFETY: as above; shared use only reads and executes.
unsafe impl Sync for Address {}

impl Code {
    fn new(memory: Arc<CodeMemory>, native: &Native, start: usize) -> Code {
        let at = |offset: u32| Address(memory.bytes()[start + offset as usize..].as_ptr());
        let pieces = native.pieces.iter().map(|piece| at(*piece)).collect();
        let constants = at(native.constants);
        Code { pieces, constants, _memory: memory }
    }
}

#[cfg(target_arch = "x86_64")]
type RowPiece = unsafe extern "sysv64" fn(*const u8, *mut u8, *const u8, *mut u8);
#[cfg(not(target_arch = "x86_64"))]
type RowPiece = unsafe extern "C" fn(*const u8, *mut u8, *const u8, *mut u8);

#[cfg(target_arch = "x86_64")]
type ColumnPiece = unsafe extern "sysv64" fn(*const *const u8, usize, usize, *const u8, *mut u8);
#[cfg(not(target_arch = "x86_64"))]
type ColumnPiece = unsafe extern "C" fn(*const *const u8, usize, usize, *const u8, *mut u8);

/// Up to this many bytes of state are kept on the stack while a row is decided.
const STATE_ON_STACK_MAX: usize = 1024;

/// A cache line, the unit of state.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Decides one row at a time.
#[derive(Clone, Debug)]
pub struct RowKernel {
    code: Code,
    inputs: RowLayout,
    outputs: RowLayout,
    state_bytes: usize,
}

impl RowKernel {
    fn new(native: &Native, code: Code) -> RowKernel {
        RowKernel {
            code,
            inputs: RowLayout::new(&native.inputs),
            outputs: RowLayout::new(&native.outputs),
            state_bytes: native.state_bytes as usize,
        }
    }

    /// Makes one row kernel ready to run.
    ///
    /// # Errors
    /// As [`load`]; [`LoadError::Target`] also where the code is for columns.
    pub fn load(native: &Native) -> Result<RowKernel, LoadError> {
        match load(&[native])?.pop() {
            Some(Kernel::Row(kernel)) => Ok(kernel),
            _ => Err(LoadError::Target),
        }
    }

    /// The layout of an input row.
    pub fn inputs(&self) -> &RowLayout {
        &self.inputs
    }

    /// The layout of an output row: the outputs, then the index of the rule as an unsigned 16-bit integer.
    pub fn outputs(&self) -> &RowLayout {
        &self.outputs
    }

    /// Decides a row. If the input is not admitted, the output is arbitrary.
    ///
    /// # Panics
    /// Where a row is shorter than its layout.
    #[inline]
    pub fn run(&self, input: &[u8], output: &mut [u8]) {
        assert!(input.len() >= self.inputs.size_bytes, "the input row is shorter than its layout");
        assert!(output.len() >= self.outputs.size_bytes, "the output row is shorter than its layout");
        if self.state_bytes == 0 {
            self.call(input, output, std::ptr::null_mut());
        } else {
            self.call_with_state(input, output);
        }
    }

    /// Takes rows as long as their layouts. A separate function, so that small kernels need no room for state.
    #[inline(never)]
    fn call_with_state(&self, input: &[u8], output: &mut [u8]) {
        if self.state_bytes <= STATE_ON_STACK_MAX {
            let mut state = [MaybeUninit::<Line>::uninit(); STATE_ON_STACK_MAX / 64];
            self.call(input, output, state.as_mut_ptr().cast());
        } else {
            let mut state = vec![Line([0; 64]); self.state_bytes.div_ceil(64)];
            self.call(input, output, state.as_mut_ptr().cast());
        }
    }

    /// Takes rows as long as their layouts, and as many bytes of state as the kernel needs.
    #[inline]
    fn call(&self, input: &[u8], output: &mut [u8], state: *mut u8) {
        for piece in &self.code.pieces {
            // SAFETY: the address is that of a function with this signature, which the compiler made, in
            // memory that `self` keeps. It reads slots of the input's layout and its own constants, writes slots of the
            // output's layout, and reads from the state only what an earlier piece has written there; the
            // callers have checked the lengths. All accesses allow any alignment but those of the state, which
            // is aligned.
            unsafe {
                let piece = std::mem::transmute::<*const u8, RowPiece>(piece.0);
                piece(input.as_ptr(), output.as_mut_ptr(), self.code.constants.0, state);
            }
        }
    }
}

/// About this many bytes of state are passed between pieces: what fits the caches near the core.
const BLOCK_STATE_BYTES: usize = 32 * 1024;

/// Memory in which a column kernel passes values between its pieces. Runs use it again.
#[derive(Default)]
pub struct Scratch {
    state: Vec<Line>,
    pointers: Vec<usize>,
}

impl Scratch {
    /// Empty memory, which grows with its first use.
    pub fn new() -> Scratch {
        Scratch::default()
    }
}

/// Decides columns, 16 rows per step.
#[derive(Clone, Debug)]
pub struct ColumnKernel {
    code: Code,
    inputs: Vec<Column>,
    outputs: Vec<Column>,
    state_bytes: usize,
}

impl ColumnKernel {
    fn new(native: &Native, code: Code) -> ColumnKernel {
        ColumnKernel {
            code,
            inputs: native.inputs.clone(),
            outputs: native.outputs.clone(),
            state_bytes: native.state_bytes as usize,
        }
    }

    /// Makes one column kernel ready to run.
    ///
    /// # Errors
    /// As [`load`]; [`LoadError::Target`] also where the code is for rows.
    pub fn load(native: &Native) -> Result<ColumnKernel, LoadError> {
        match load(&[native])?.pop() {
            Some(Kernel::Columns(kernel)) => Ok(kernel),
            _ => Err(LoadError::Target),
        }
    }

    /// The columns of the inputs.
    pub fn inputs(&self) -> &[Column] {
        &self.inputs
    }

    /// The columns of the outputs: those of the policy, then the index of the rule as an unsigned 16-bit integer.
    pub fn outputs(&self) -> &[Column] {
        &self.outputs
    }

    /// Decides all rows of `inputs`, and sets the number of rows of `outputs`. The outputs are arbitrary for rows that
    /// are not admitted, and for the rows after the last up to the next group of
    /// [`ROWS_PER_GROUP`](opus_ir::memory::ROWS_PER_GROUP).
    ///
    /// # Panics
    /// If the columns are not those of the kernel, or the outputs have too little room for the rows.
    pub fn run(&self, inputs: &Columns, outputs: &mut Columns, scratch: &mut Scratch) {
        let rows = inputs.rows();
        assert!(same(inputs, &self.inputs), "the input columns are not those of the kernel");
        assert!(same(outputs, &self.outputs), "the output columns are not those of the kernel");
        outputs.set_rows(rows);
        let end_row = rows.next_multiple_of(ROWS_PER_STEP);
        let block_rows = self.block_rows(end_row);
        let steps = block_rows / ROWS_PER_STEP;
        scratch.state.resize((steps * self.state_bytes).div_ceil(64), Line([0; 64]));
        scratch.pointers.clear();
        let count = self.inputs.len();
        scratch.pointers.extend((0..count).map(|i| inputs.bytes(i).as_ptr() as usize));
        scratch.pointers.extend((0..count).map(|i| inputs.validity(i).as_ptr() as usize));
        scratch.pointers.extend((0..self.outputs.len()).map(|i| outputs.bytes_mut(i).as_mut_ptr() as usize));
        let mut row = 0;
        while row < end_row {
            let block_end = (row + block_rows).min(end_row);
            self.call(scratch, row, block_end);
            row = block_end;
        }
    }

    /// How many rows go through one piece before the next piece starts.
    fn block_rows(&self, end_row: usize) -> usize {
        match self.state_bytes {
            0 => end_row,
            bytes => (BLOCK_STATE_BYTES / bytes).clamp(4, 64) * ROWS_PER_STEP,
        }
    }

    fn call(&self, scratch: &mut Scratch, row: usize, end_row: usize) {
        let pointers = scratch.pointers.as_ptr().cast::<*const u8>();
        let state = scratch.state.as_mut_ptr().cast::<u8>();
        for piece in &self.code.pieces {
            // SAFETY: the address is that of a function with this signature, which the compiler made, in
            // memory that `self` keeps. The pointers are those of buffers whose shapes the caller has checked; they are
            // aligned to 64 bytes and hold whole groups of 64 rows, so that steps of 16 rows from a multiple of 16
            // stay inside. Outputs are borrowed for writing and cannot overlap inputs. The function reads its
            // own constants, and from the state, which has one slice per step, only what an earlier
            // piece has written there.
            unsafe {
                let piece = std::mem::transmute::<*const u8, ColumnPiece>(piece.0);
                piece(pointers, row, end_row, self.code.constants.0, state);
            }
        }
    }
}

fn same(columns: &Columns, shape: &[Column]) -> bool {
    columns.len() == shape.len() && shape.iter().enumerate().all(|(i, column)| columns.column(i) == *column)
}
