//! `opus check`: is there anything wrong with a policy?

use opus_frontend::diagnostic::{Diagnostic, any_error};
use serde_json::{Value, json};

use crate::args::Check;
use crate::failure::{Exit, Failure};
use crate::open::read_source;
use crate::render;
use crate::terminal::Terminal;

pub fn run(args: &Check, terminal: &Terminal) -> Result<(), Failure> {
    let mut worst = Exit::Ok;
    let mut reports = Vec::new();
    for path in &args.policies {
        let name = path.display().to_string();
        // what cannot be read does not keep the others from being checked
        let source = match read_source(path) {
            Ok(source) => source,
            Err(failure) => {
                worst = worst.max(failure.exit);
                reports.push(json!({ "policy": name, "compiles": false, "error": failure.message }));
                if !terminal.is_json() {
                    terminal.failure(&failure);
                }
                continue;
            }
        };
        let (_, diagnostics) = opus_frontend::compile(&source);
        terminal.diagnostics(&name, &source, &diagnostics);
        if any_error(&diagnostics) {
            worst = worst.max(Exit::Policy);
        }
        if diagnostics.is_empty() {
            terminal.note(&format!("{name}: no errors, no warnings"));
        }
        reports.push(report(&name, &source, &diagnostics));
    }
    if terminal.is_json() {
        terminal.print_json(&Value::Array(reports))?;
    }
    if worst == Exit::Ok { Ok(()) } else { Err(Failure::said(worst)) }
}

fn report(name: &str, source: &str, diagnostics: &[Diagnostic]) -> Value {
    let shown: Vec<Value> = diagnostics.iter().map(|diagnostic| render::json(source, diagnostic)).collect();
    json!({ "policy": name, "compiles": !any_error(diagnostics), "diagnostics": shown })
}
