//! Where does code live? In anonymous memory that is written, then made executable, and never both at once.

use super::LoadError;

/// Memory that holds code. It is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Mapping {
    start: *mut u8,
    length_bytes: usize,
}

// SAFETY: the memory is not written after `new`, so that any thread may read and execute it.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// The mapped bytes, to the end of the last page.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is readable, of this length, and is not written as long as it lives.
        unsafe { std::slice::from_raw_parts(self.start, self.length_bytes) }
    }
}

#[cfg(all(unix, target_arch = "x86_64"))]
impl Mapping {
    /// Copies code into memory of its own and makes it executable.
    ///
    /// # Errors
    /// Where the system gives out no memory, or does not let it be executed.
    pub fn new(code: &[u8]) -> Result<Mapping, LoadError> {
        use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect};
        let failed = |error: rustix::io::Errno| LoadError::Memory(error.raw_os_error());
        // a byte more than the code: an address at its end is one within the mapping
        let length_bytes = (code.len() + 1).next_multiple_of(4096);
        let writable = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new anonymous mapping at an address that the system chooses touches no other memory.
        let start =
            unsafe { mmap_anonymous(std::ptr::null_mut(), length_bytes, writable, MapFlags::PRIVATE) };
        let mapping = Mapping { start: start.map_err(failed)?.cast(), length_bytes };
        // SAFETY: the mapping is writable, not shared with anyone yet, and at least as long as the code.
        unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), mapping.start, code.len()) };
        // SAFETY: the pages are this mapping's own, and nothing writes to them from here on.
        unsafe { mprotect(mapping.start.cast(), length_bytes, MprotectFlags::READ | MprotectFlags::EXEC) }
            .map_err(failed)?;
        Ok(mapping)
    }
}

#[cfg(all(unix, target_arch = "x86_64"))]
impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own; whatever points into it keeps this value alive. A failure
        // would leave it mapped, which harms nobody.
        let _ = unsafe { rustix::mm::munmap(self.start.cast(), self.length_bytes) };
    }
}

#[cfg(not(all(unix, target_arch = "x86_64")))]
impl Mapping {
    /// There is no memory for code here.
    ///
    /// # Errors
    /// Always.
    pub fn new(_: &[u8]) -> Result<Mapping, LoadError> {
        Err(LoadError::Target)
    }
}
