//! The `opus` command.

use std::process::ExitCode;

/// Chunks of rows come and go on all threads. The allocator of the C library gives their memory back to the system and
/// asks for it again, which takes a quarter of the time of a large file.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    opus_cli::main()
}
