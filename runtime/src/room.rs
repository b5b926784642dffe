//! What does the crate do that the language cannot check? It runs native code that the cache has authenticated. This
//! is its only room for `unsafe`.

use std::ops::Range;

use opus_jit::Native;

use crate::cache::Authentic;

/// The native code in a range of an entry.
pub(crate) fn native(code: &Authentic, range: Range<usize>) -> Option<Native> {
    let bytes = code.get(range)?;
    // SAFETY: only the cache makes authentic bytes: this user stored them on this machine, with this crate, which
    // stores what `Native::to_bytes` returns, under a key that names the compiler. They were not changed since, or
    // their authentication would fail.
    unsafe { Native::from_bytes(bytes) }.ok()
}
