//! How is the `opus` command run? As its users do, in a process of its own: this program, called with `opus` first, is the
//! command.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::Failure;

/// The first argument that makes this program the `opus` command.
pub const WORD: &str = "opus";

/// The command.
#[derive(Clone, Debug)]
pub struct Opus {
    program: PathBuf,
}

impl Opus {
    /// The command inside a program that calls [`opus_cli::main_from`] where its first argument is [`WORD`].
    pub fn within(program: PathBuf) -> Opus {
        Opus { program }
    }

    /// The command inside the program that is running.
    ///
    /// # Errors
    /// Where the system does not say which program that is.
    pub fn here() -> Result<Opus, Failure> {
        let program = std::env::current_exe();
        program
            .map(Opus::within)
            .map_err(|error| Failure::new(format!("the path of this program is unknown: {error}")))
    }

    /// Runs a command line in a folder. Exit code 1 is a result (policies that differ, a record that does not match).
    ///
    /// # Errors
    /// Where it cannot be run, or ends with another code than 0 and 1.
    pub fn run(&self, folder: &Path, line: &[&str]) -> Result<Output, Failure> {
        let shown = format!("opus {}", line.join(" "));
        let output = Command::new(&self.program).arg(WORD).args(line).current_dir(folder).output();
        let output = output.map_err(|error| Failure::new(format!("`{shown}` cannot be run: {error}")))?;
        match output.status.code() {
            Some(0 | 1) => Ok(output),
            _ => {
                let said = String::from_utf8_lossy(&output.stderr);
                Err(Failure::new(format!("`{shown}` failed: {}", said.trim())))
            }
        }
    }
}
