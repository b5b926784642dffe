//! What does the crate do that the language cannot check? Two things: it keeps an artifact's bytes where nobody
//! can change them while they are used, and it believes native code that the cache has authenticated. This is
//! its only room for `unsafe`.
//!
//! On Linux the bytes are copied into an anonymous file in memory that is sealed (it can neither be written,
//! nor grow, nor shrink) and then mapped read-only. A file on disk that is overwritten or truncated later can
//! then neither change a decision nor fault. Elsewhere, and where the system refuses such files, they are
//! copied into private memory.

use std::ops::{Deref, Range};

use opus_jit::Native;
use rkyv::util::AlignedVec;

use crate::cache::Authentic;

/// What the start of an artifact is aligned to.
pub(crate) const ALIGNMENT_BYTES: usize = 16;

/// Bytes that stay what they are, aligned to [`ALIGNMENT_BYTES`].
pub(crate) enum Memory {
    /// A read-only mapping of a sealed file in memory.
    #[cfg(target_os = "linux")]
    Sealed(memmap2::Mmap),
    /// Memory of this process.
    Private(AlignedVec<ALIGNMENT_BYTES>),
}

impl Memory {
    /// A copy of `bytes`.
    pub(crate) fn copy_of(bytes: &[u8]) -> Memory {
        // Miri has no sealed files: there artifacts lie in private memory, as where there is no Linux
        #[cfg(all(target_os = "linux", not(miri)))]
        if let Ok(map) = sealed(bytes) {
            return Memory::Sealed(map);
        }
        Memory::private(bytes)
    }

    fn private(bytes: &[u8]) -> Memory {
        let mut copy = AlignedVec::with_capacity(bytes.len());
        copy.extend_from_slice(bytes);
        Memory::Private(copy)
    }
}

impl Deref for Memory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            #[cfg(target_os = "linux")]
            Memory::Sealed(map) => map,
            Memory::Private(bytes) => bytes,
        }
    }
}

#[cfg(target_os = "linux")]
#[cfg_attr(miri, expect(dead_code))]
fn sealed(bytes: &[u8]) -> std::io::Result<memmap2::Mmap> {
    use rustix::fs::{MemfdFlags, SealFlags};
    use std::io::Write;

    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = std::fs::File::from(rustix::fs::memfd_create("opus-artifact", flags)?);
    file.write_all(bytes)?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals)?;
    // SAFETY: the mapping is read-only, and no process can write or truncate the file that it shows, because its
    // seals forbid both and cannot be lifted: the bytes do not change as long as the mapping lives.
    unsafe { memmap2::Mmap::map(&file) }
}

/// The native code that bytes of the cache hold.
pub(crate) fn native(code: &Authentic, range: Range<usize>) -> Option<Native> {
    let bytes = code.get(range)?;
    // SAFETY: only the cache makes authentic bytes: they were stored by this user on this machine, by this crate,
    // which stores what `Native::to_bytes` gives, under a key that names the compiler; and they were not
    // changed since, or their authentication would not hold.
    unsafe { Native::from_bytes(bytes) }.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_equal_and_aligned() {
        let bytes: Vec<u8> = (0..=255).cycle().take(if cfg!(miri) { 300 } else { 70_000 }).collect();
        for memory in [Memory::copy_of(&bytes), Memory::private(&bytes)] {
            assert_eq!(*memory, *bytes);
            assert_eq!(memory.as_ptr() as usize % ALIGNMENT_BYTES, 0);
        }
        assert!(Memory::copy_of(&[]).is_empty());
    }

    #[cfg(all(target_os = "linux", not(miri)))]
    #[test]
    fn linux_seals() {
        assert!(matches!(Memory::copy_of(&[1, 2, 3]), Memory::Sealed(_)));
    }
}
