//! The `opus` command as a library.
//!
//! In reading order: what can be asked ([`args`]), how a command ends ([`failure`]), where words go ([`terminal`],
//! [`render`]), what a policy on the command line is ([`open`]), what each verb does ([`verbs`]), how files are read
//! and written ([`files`]), how they are decided ([`batch`], [`engines`], [`summary`]), how one decision is told
//! ([`trace`]), where synthetic rows come from ([`sample`]), whether all engines decide alike ([`witnesses`]).

pub mod args;
pub mod batch;
pub mod compare;
pub mod engines;
pub mod failure;
pub mod files;
pub mod open;
pub mod render;
pub mod sample;
pub mod summary;
pub mod terminal;
pub mod trace;
pub mod verbs;
pub mod witnesses;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Opus;
use crate::terminal::Terminal;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let opus = Opus::parse();
    let terminal = Terminal::new(opus.format, opus.color);
    match verbs::run(&opus.verb, &terminal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal.failure(&failure);
            ExitCode::from(failure.exit as u8)
        }
    }
}
