//! `opus explain-code`: what does a diagnostic mean?

use opus_frontend::codes::Code;
use opus_frontend::diagnostic::nearest;
use serde_json::json;

use crate::args::ExplainCode;
use crate::failure::Failure;
use crate::terminal::Terminal;

pub fn run(args: &ExplainCode, terminal: &Terminal) -> Result<(), Failure> {
    let code = Code::find(&args.code).ok_or_else(|| unknown(&args.code))?;
    if terminal.is_json() {
        let (name, severity) = (code.name(), code.severity().name());
        return terminal.print_json(&json!({
            "code": code.code(), "name": name, "severity": severity, "title": code.title(), "page": code.page(),
        }));
    }
    terminal.print(code.page())
}

fn unknown(text: &str) -> Failure {
    let known = Code::ALL.iter().flat_map(|code| [code.code(), code.name()]);
    let failure = Failure::usage(format!("there is no diagnostic `{text}`"));
    match nearest(text, known) {
        Some(near) => failure.help(format!("perhaps `{near}`")),
        None => failure.help("codes look like `E0106`; they appear in brackets after `error` or `warning`"),
    }
}
