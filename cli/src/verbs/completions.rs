//! `opus completions`: completions for a shell.

use clap::CommandFactory;

use crate::args::{Completions, Opus};
use crate::failure::Failure;
use crate::terminal::Terminal;

pub fn run(args: &Completions, terminal: &Terminal) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Opus::command(), "opus", &mut script);
    terminal.print(&String::from_utf8_lossy(&script))
}
