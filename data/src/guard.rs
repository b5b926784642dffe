//! What if a library panics on a damaged file? The panic becomes an error: the file is damaged.
//!
//! The crates that read Parquet and Arrow check what they read nearly everywhere, but a damaged byte can still
//! make them panic. Such a panic is caught where the library was called. This crate installs no panic hook: a process
//! that wants to keep the words of such a panic off its standard error asks [`is_guarded`] in a hook of its own.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs what reads a file that may be damaged.
///
/// # Errors
/// Where it panics.
pub fn guarded<T>(read: impl FnOnce() -> T) -> Result<T, Damaged> {
    let before = IS_GUARDED.replace(true);
    let read = catch_unwind(AssertUnwindSafe(read));
    IS_GUARDED.set(before);
    read.map_err(|_| Damaged)
}

/// Whether this thread is reading a file that may be damaged, so that a panic means that it is.
///
/// ```
/// // a hook that leaves out panics which mean that a file is damaged
/// let before = std::panic::take_hook();
/// std::panic::set_hook(Box::new(move |panic| {
///     if !opus_data::is_guarded() {
///         before(panic);
///     }
/// }));
/// assert!(!opus_data::is_guarded());
/// ```
pub fn is_guarded() -> bool {
    IS_GUARDED.get()
}

/// A file that a library could not make sense of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Damaged;

impl std::fmt::Display for Damaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the file is damaged")
    }
}

impl std::error::Error for Damaged {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_what_follows_is_not_guarded() {
        assert_eq!(guarded(|| 5), Ok(5));
        assert_eq!(guarded(|| -> u8 { panic!("not to be seen") }), Err(Damaged));
        assert!(!is_guarded());
    }
}
