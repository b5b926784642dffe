//! `opus check`: is there anything wrong with a policy?

use opus_frontend::diagnostic::{Diagnostic, any_error};
use serde_json::{Value, json};

use crate::args::Check;
use crate::failure::{Exit, Failure};
use crate::open::read_source;
use crate::render;
use crate::terminal::Terminal;

pub fn run(args: &Check, terminal: &Terminal) -> Result<(), Failure> {
    let mut failed = false;
    let mut reports = Vec::new();
    for path in &args.policies {
        let source = read_source(path)?;
        let name = path.display().to_string();
        let (_, diagnostics) = opus_frontend::compile(&source);
        terminal.diagnostics(&name, &source, &diagnostics);
        failed |= any_error(&diagnostics);
        if diagnostics.is_empty() {
            terminal.note(&format!("{name}: no errors, no warnings"));
        }
        reports.push(report(&name, &source, &diagnostics));
    }
    if terminal.is_json() {
        terminal.print_json(&Value::Array(reports))?;
    }
    if failed { Err(Failure::said(Exit::Policy)) } else { Ok(()) }
}

fn report(name: &str, source: &str, diagnostics: &[Diagnostic]) -> Value {
    let shown: Vec<Value> = diagnostics.iter().map(|diagnostic| render::json(source, diagnostic)).collect();
    json!({ "policy": name, "compiles": !any_error(diagnostics), "diagnostics": shown })
}
