//! `opus fmt`: the standard layout of a policy.

use std::path::Path;

use serde_json::{Value, json};

use crate::args::Fmt;
use crate::failure::{Exit, Failure};
use crate::open::read_source;
use crate::render;
use crate::terminal::Terminal;
use opus_data::{Endpoint, Target};

pub fn run(args: &Fmt, terminal: &Terminal) -> Result<(), Failure> {
    let writes_text = !args.check && args.policies.iter().any(|path| path.as_os_str() == "-");
    let (mut ends, mut reports) = (Vec::new(), Vec::new());
    for path in &args.policies {
        let (end, diagnostics) = format_one(path, args.check, terminal)?;
        reports.push(
            json!({ "policy": path.display().to_string(), "result": end.name(), "diagnostics": diagnostics }),
        );
        ends.push(end);
    }
    if terminal.is_json() {
        terminal.report("", &Value::Array(reports), writes_text)?;
    }
    let failed = |end: &End| *end == End::Refused || (args.check && *end == End::Changed);
    if ends.iter().any(failed) { Err(Failure::said(Exit::Policy)) } else { Ok(()) }
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

/// The result for one policy and, for programs, its diagnostics.
fn format_one(path: &Path, check: bool, terminal: &Terminal) -> Result<(End, Vec<Value>), Failure> {
    let source = read_source(path)?;
    let name = path.display().to_string();
    let formatted = match opus_frontend::format::format(&source) {
        Ok(formatted) => formatted,
        Err(diagnostics) => {
            terminal.diagnostics(&name, &source, &diagnostics);
            let shown = diagnostics.iter().map(|diagnostic| render::json(&source, diagnostic)).collect();
            return Ok((End::Refused, shown));
        }
    };
    let changed = formatted != source;
    if path.as_os_str() == "-" && !check {
        terminal.print(&formatted)?;
    } else if changed && check {
        terminal.note(&format!("{name}: `opus fmt` would change it"));
    } else if changed {
        Target::write_whole(&Endpoint::new(path), formatted.as_bytes())?;
        terminal.note(&format!("{name}: formatted"));
    }
    Ok((if changed { End::Changed } else { End::Unchanged }, Vec::new()))
}
