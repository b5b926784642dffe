//! What must be settled before anything else runs in this process? Whether standard output was closed by the caller,
//! and what a write beyond the file size limit does.
//!
//! Before `main`, Rust opens `/dev/null` in the place of a closed standard stream, so that rows written there would be
//! lost without an error. That the stream was closed can only be seen earlier. And a process that exceeds the limit on
//! the size of files is killed without a word, unless it ignores the signal: then the write fails, and says why.

use std::sync::atomic::{AtomicBool, Ordering};

static IS_OUTPUT_CLOSED: AtomicBool = AtomicBool::new(false);

/// Whether standard output was closed when the process started, so that nothing can be written there.
pub fn is_standard_output_closed() -> bool {
    IS_OUTPUT_CLOSED.load(Ordering::Relaxed)
}

#[cfg(unix)]
extern "C" fn before_main() {
    // SAFETY: both calls are async-signal-safe functions of the C library with valid constant arguments; no other
    // thread exists yet, and nothing of Rust's standard library is used.
    unsafe {
        if libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) == -1 {
            IS_OUTPUT_CLOSED.store(true, Ordering::Relaxed);
        }
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

// SAFETY: the linker calls the functions in this section, which have this type, before `main`.
#[cfg(unix)]
#[used]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
static BEFORE_MAIN: extern "C" fn() = before_main;
