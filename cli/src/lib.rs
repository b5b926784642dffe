//! The `opus` command as a library.
//!
//! In reading order: the command line ([`args`]), how a command fails ([`failure`]), output for people and programs
//! ([`terminal`], [`render`], [`progress`], [`summary`]), the policy, the files and the row that a command line names
//! ([`open`], [`stored`], [`endpoints`], [`row`]), the threads ([`pool`]), the verbs ([`verbs`]), the process around them ([`process`]), and
//! comparing decisions with a file of
//! expected ones ([`compare`]).

pub mod args;
pub mod compare;
pub mod endpoints;
pub mod failure;
pub mod open;
pub mod pool;
pub mod process;
pub mod progress;
pub mod render;
pub mod row;
pub mod stored;
pub mod summary;
pub mod terminal;
pub mod verbs;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::args::{Color, Format, Opus};
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    main_from(std::env::args_os().collect())
}

/// Runs a command line, whose first word is the name of the command.
pub fn main_from(args: Vec<OsString>) -> ExitCode {
    keep_damaged_files_quiet();
    let opus = match Opus::try_parse_from(&args) {
        Ok(opus) => opus,
        Err(error) => return not_understood(error, &args),
    };
    let terminal = Terminal::new(opus.format, opus.color).with(opus.from);
    if terminal.is_markdown() && !matches!(opus.verb, args::Verb::Explain(_)) {
        let failure =
            Failure::usage("`--format markdown` is for `opus explain`").help("use `human` or `json`");
        terminal.failure(&failure);
        return ExitCode::from(failure.exit as u8);
    }
    match verbs::run(&opus.verb, &terminal) {
        Ok(()) => {
            terminal.note_unused();
            ExitCode::SUCCESS
        }
        Err(failure) => {
            terminal.failure(&failure);
            ExitCode::from(failure.exit as u8)
        }
    }
}

/// Reports a panic in a library that reads a damaged file as a damaged file, not in the library's words.
fn keep_damaged_files_quiet() {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !opus_data::is_guarded() {
            loud(info);
        }
    }));
}

/// Prints the requested help, or reports an invalid command line; as JSON for programs.
fn not_understood(mut error: clap::Error, args: &[OsString]) -> ExitCode {
    suggest_input(&mut error, args);
    let is_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand || !error.use_stderr();
    if !is_help && wants_json(args) {
        let text = error.to_string();
        let (message, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let help: Vec<String> = rest.split("\n\n").map(words).collect();
        let failure = Failure::usage(words(message.trim_start_matches("error: "))).help(help.join("\n"));
        Terminal::new(Format::Json, Color::Never).failure(&failure);
    } else {
        // if this fails, the error has nowhere to go
        let _ = error.print();
    }
    ExitCode::from(error.exit_code() as u8)
}

/// `opus run POLICY FILE` leaves out the `--input` before the file.
fn suggest_input(error: &mut clap::Error, args: &[OsString]) {
    let is_run = args.get(1).is_some_and(|verb| verb == "run" || verb == "explain" || verb == "test");
    let Some(ContextValue::String(found)) = error.get(ContextKind::InvalidArg) else { return };
    if error.kind() == ErrorKind::UnknownArgument && is_run && !found.starts_with('-') {
        let tip = StyledStr::from(format!("write `--input {found}`"));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
}

/// Whether an invalid command line asks for JSON.
fn wants_json(args: &[OsString]) -> bool {
    args.iter().any(|arg| arg == "--format=json") || args.windows(2).any(|pair| pair == ["--format", "json"])
}
