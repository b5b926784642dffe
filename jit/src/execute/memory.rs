//! Where is code kept? In memory from `cranelift-jit`'s provider, which is first written and then made executable, and
//! is never both at once.

use std::slice;

use cranelift_jit::{BranchProtection, JITMemoryKind, JITMemoryProvider, SystemMemoryProvider};

use super::LoadError;
use crate::code::ALIGNMENT;

/// Memory that holds code. It is given back to the system when it is dropped.
pub(super) struct CodeMemory {
    provider: SystemMemoryProvider,
    start: *const u8,
    length_bytes: usize,
}

// SAFETY: the memory is not written after `new`, so any thread may read and execute it, and drop it.
unsafe impl Send for CodeMemory {}
// SAFETY: as above.
unsafe impl Sync for CodeMemory {}

impl CodeMemory {
    /// Copies code into memory of its own and makes it executable.
    ///
    /// # Errors
    /// Where the system provides no memory, or does not let it be executed.
    pub fn new(code: &[u8]) -> Result<CodeMemory, LoadError> {
        let failed = |reason: String| LoadError::Memory { reason };
        let mut memory = CodeMemory {
            provider: SystemMemoryProvider::new(),
            start: std::ptr::dangling(),
            length_bytes: 0,
        };
        if code.is_empty() {
            return Ok(memory);
        }
        let allocated = memory.provider.allocate(code.len(), ALIGNMENT as u64, JITMemoryKind::Executable);
        let start = allocated.map_err(|error| failed(error.to_string()))?;
        // SAFETY: the provider has just allocated this many bytes. They are writable, and nobody else knows them.
        unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), start, code.len()) };
        // processors that run this code have no branch targets to protect
        let finalized = memory.provider.finalize(BranchProtection::None);
        finalized.map_err(|_| failed("it cannot be made executable".to_string()))?;
        (memory.start, memory.length_bytes) = (start, code.len());
        Ok(memory)
    }

    /// The code.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the memory is readable, has this length, and is not written as long as `self` lives.
        unsafe { slice::from_raw_parts(self.start, self.length_bytes) }
    }
}

impl Drop for CodeMemory {
    fn drop(&mut self) {
        // SAFETY: everything that points into the memory keeps `self` alive. Without this call the provider would
        // leave the memory allocated for good.
        unsafe { self.provider.free_memory() };
    }
}

impl std::fmt::Debug for CodeMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CodeMemory({} bytes)", self.length_bytes)
    }
}
