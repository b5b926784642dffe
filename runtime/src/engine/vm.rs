//! How does the virtual machine run a policy's functions?
//!
//! The bytecode of an artifact is verified, so that it is safe to run; but somebody who knows how to hash could have
//! made it say something else than the program. So the machine is told what the program declares, and keeps its results
//! within it: a rule that there is, outputs within their ranges. Of what the compiler emits that changes nothing.

use std::cell::RefCell;

use opus_ir::memory::Columns;
use opus_vm::{ColumnEngine, RowEngine, row};

use super::part::{Function, Part};
use crate::artifact::Artifact;

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
        let engines = artifact.bytecode().rows.map(|code| RowEngine::new(code.clone()));
        VmRows { engines }
    }

    /// Runs a function on a row; answers whether there is one.
    #[inline]
    pub(crate) fn run(&self, function: Function, input: &[u8], output: &mut [u8]) -> bool {
        let Some(engine) = self.engines.get(function) else { return false };
        SCRATCH.with_borrow_mut(|scratch| engine.decide(input, output, scratch));
        true
    }
}

impl VmColumns {
    pub(crate) fn new(artifact: &Artifact) -> VmColumns {
        let engines = artifact.bytecode().columns.map(|code| ColumnEngine::new(code.clone()));
        VmColumns { engines }
    }

    /// Runs a function on columns; answers whether there is one.
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
