//! `opus fmt`: how would the policy look, had it been written carefully?

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::args::Fmt;
use crate::failure::{Exit, Failure};
use crate::open::read_source;
use crate::terminal::Terminal;

pub fn run(args: &Fmt, terminal: &Terminal) -> Result<(), Failure> {
    let mut ends = Vec::new();
    for path in &args.policies {
        ends.push((path, format_one(path, args.check, terminal)?));
    }
    if terminal.is_json() {
        let reports = ends.iter().map(|(path, end)| json!({ "policy": path, "result": end.name() }));
        terminal.print_json(&Value::Array(reports.collect()))?;
    }
    let failed = ends.iter().any(|(_, end)| *end == End::Refused || (args.check && *end == End::Changed));
    if failed { Err(Failure::said(Exit::Policy)) } else { Ok(()) }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Unchanged,
    Changed,
    Refused,
}

impl End {
    fn name(self) -> &'static str {
        match self {
            End::Unchanged => "unchanged",
            End::Changed => "changed",
            End::Refused => "refused",
        }
    }
}

fn format_one(path: &Path, check: bool, terminal: &Terminal) -> Result<End, Failure> {
    let source = read_source(path)?;
    let name = path.display().to_string();
    let formatted = match opus_frontend::format::format(&source) {
        Ok(formatted) => formatted,
        Err(diagnostics) => {
            terminal.diagnostics(&name, &source, &diagnostics);
            return Ok(End::Refused);
        }
    };
    let changed = formatted != source;
    if path.as_os_str() == "-" && !check {
        terminal.print(&formatted)?;
    } else if changed && check {
        terminal.note(&format!("{name}: `opus fmt` would change it"));
    } else if changed {
        replace(path, &formatted)?;
        terminal.note(&format!("{name}: formatted"));
    }
    Ok(if changed { End::Changed } else { End::Unchanged })
}

/// Writes beside and renames, so that nothing is lost where writing fails.
fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let beside = path.with_extension("opus.formatted");
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&beside);
        Failure::io(format!("`{}` cannot be written: {error}", path.display()))
    })
}
