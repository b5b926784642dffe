//! How does the virtual machine run a policy's functions? It runs the bytecode of the artifact, which was compared
//! with what the program compiles to.

use std::cell::RefCell;

use opus_ir::memory::Columns;
use opus_vm::{ColumnEngine, RowEngine, Verified, row};

use crate::artifact::{Artifact, load};
use crate::functions::{Function, Part};
use crate::shapes::Shapes;

/// The machine for single rows.
pub(crate) struct VmRows {
    engines: Part<RowEngine>,
}

/// The machine for columns.
pub(crate) struct VmColumns {
    engines: Part<ColumnEngine>,
}

thread_local! {
    /// Each thread has room for one decision.
    static SCRATCH: RefCell<row::Scratch> = const { RefCell::new(row::Scratch::new()) };
}

impl VmRows {
    pub(crate) fn new(artifact: &Artifact) -> VmRows {
        VmRows { engines: loaded(artifact, &artifact.bytecode().rows, RowEngine::new) }
    }

    /// Runs a function on a row; returns whether it exists. Apart from its callers, which are inlined for native code.
    #[inline(never)]
    pub(crate) fn run(&self, function: Function, input: &[u8], output: &mut [u8]) -> bool {
        let Some(engine) = self.engines.get(function) else { return false };
        SCRATCH.with_borrow_mut(|scratch| engine.decide(input, output, scratch));
        true
    }
}

impl VmColumns {
    pub(crate) fn new(artifact: &Artifact) -> VmColumns {
        VmColumns { engines: loaded(artifact, &artifact.bytecode().columns, ColumnEngine::new) }
    }

    /// Runs a function on columns; returns whether it exists.
    pub(crate) fn run(
        &self,
        function: Function,
        inputs: &Columns,
        outputs: &mut Columns,
        scratch: &mut opus_vm::columns::Scratch,
    ) -> bool {
        let Some(engine) = self.engines.get(function) else { return false };
        engine.decide(inputs, outputs, scratch);
        true
    }
}

/// Engines for the bytecode of an artifact.
fn loaded<T>(artifact: &Artifact, part: &Part<&[u8]>, engine: impl Fn(Verified) -> T) -> Part<T> {
    let program = artifact.program();
    let shapes = Shapes::of(program);
    part.map(|function, bytes| engine(load(program, &shapes, function, bytes)))
}
