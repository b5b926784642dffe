//! `opus check`: is there anything wrong with a policy?

use std::path::Path;

use opus_frontend::Mended;
use opus_frontend::diagnostic::{Diagnostic, any_error};
use serde_json::{Value, json};

use crate::args::Check;
use crate::failure::{Exit, Failure};
use crate::open::read_source;
use crate::render;
use crate::terminal::Terminal;
use opus_data::{Endpoint, Target};

pub fn run(args: &Check, terminal: &Terminal) -> Result<(), Failure> {
    let mut worst = Exit::Ok;
    let mut reports = Vec::new();
    let prints_text = args.fix && args.policies.iter().any(|path| is_standard_input(path));
    for path in &args.policies {
        let name = path.display().to_string();
        // an unreadable policy does not keep the others from being checked
        let (source, mended) = match read(path, args.fix, terminal) {
            Ok(read) => read,
            Err(failure) => {
                worst = worst.max(failure.exit);
                reports.push(json!({ "policy": name, "compiles": false, "error": failure.message }));
                if !terminal.is_json() {
                    terminal.failure(&failure);
                }
                continue;
            }
        };
        for Mended { diagnostic, line } in &mended {
            let help = diagnostic.help.as_deref().unwrap_or("mended");
            terminal.note(&format!("{name}:{line}: {}; fixed: {help}", diagnostic.message));
        }
        let diagnostics = opus_frontend::diagnose(&source);
        terminal.diagnostics(&name, &source, &diagnostics);
        if any_error(&diagnostics) {
            worst = worst.max(Exit::Policy);
        }
        if diagnostics.is_empty() {
            terminal.note(&format!("{name}: no errors, no warnings"));
        }
        reports.push(report(&name, &source, &diagnostics, args.fix.then_some(&mended)));
    }
    if terminal.is_json() {
        terminal.report("", &Value::Array(reports), prints_text)?;
    }
    if worst == Exit::Ok { Ok(()) } else { Err(Failure::said(worst)) }
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The text of a policy; with `fix` after its sure fixes, which are written back.
fn read(path: &Path, fix: bool, terminal: &Terminal) -> Result<(String, Vec<Mended>), Failure> {
    let source = read_source(path)?;
    if !fix {
        return Ok((source, Vec::new()));
    }
    let (text, mended) = opus_frontend::mend(&source);
    if is_standard_input(path) {
        terminal.print(&text)?;
    } else if !mended.is_empty() {
        if read_source(path)? != source {
            let message =
                format!("`{}` was changed while it was checked; nothing was written", path.display());
            return Err(Failure::io(message).help("run the command again"));
        }
        Target::write_whole(&Endpoint::new(path), text.as_bytes())?;
    }
    Ok((text, mended))
}

fn report(name: &str, source: &str, diagnostics: &[Diagnostic], mended: Option<&Vec<Mended>>) -> Value {
    let shown: Vec<Value> = diagnostics.iter().map(|diagnostic| render::json(source, diagnostic)).collect();
    let mut report = json!({ "policy": name, "compiles": !any_error(diagnostics), "diagnostics": shown });
    if let Some(mended) = mended {
        let fixed = |one: &Mended| {
            let Mended { diagnostic, line } = one;
            json!({ "line": line, "code": diagnostic.code.code(), "message": diagnostic.message, "help": diagnostic.help })
        };
        report["fixed"] = mended.iter().map(fixed).collect();
    }
    report
}
