//! The `opus` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    opus_cli::main()
}
