//! `opus explain`: how a decision was reached, why it is adverse, and what would have changed it.

use opus_govern::explain::{Want, explain};
use serde::Serialize;

use super::run::refused;
use crate::args::Explain;
use crate::failure::Failure;
use crate::open::open;
use crate::row::{Given, Input};
use crate::terminal::Terminal;
use opus_govern::explain::Explanation;
use opus_runtime::{Engine, Record};

/// An explanation with the record of the decision.
#[derive(Serialize)]
struct ShownJson<'a> {
    record: &'a Record,
    explanation: &'a Explanation,
}

pub fn run(args: &Explain, terminal: &Terminal) -> Result<(), Failure> {
    args.given.standard_input_once(&args.policy)?;
    let mut opened = open(&args.policy, terminal)?;
    let compiled = opened.compiled()?.clone();
    let want = match &args.want {
        Some(text) => Some(wanted(text, &compiled.policy.schema)?),
        None => None,
    };
    let input = Input::read(&args.given, &compiled.policy.schema)?;
    let policy = opened.policy(Engine::Vm, terminal);
    let Given { row, ignored } = input.admit(&policy, terminal)?;
    let row = match row {
        Ok(row) => row,
        Err(refusal) => return refused(&refusal, &policy, None, ignored, terminal),
    };
    let decision = match policy.decide(&row) {
        Ok(decision) => decision,
        Err(refusal) => return refused(&refusal, &policy, Some(&row), ignored, terminal),
    };
    let given: Vec<Option<i128>> = (0..policy.schema().inputs.len()).map(|index| row.get(index)).collect();
    let explanation = explain(&compiled.policy, &compiled.source, &given, want.as_ref())
        .expect("the row was admitted by its fields and requires");
    let text = if terminal.is_json() {
        let shown = ShownJson { record: &decision.record(), explanation: &explanation };
        let text = serde_json::to_string_pretty(&shown).expect("texts and numbers can be written as JSON");
        format!("{text}\n")
    } else if terminal.is_markdown() {
        explanation.to_markdown()
    } else {
        explanation.to_text()
    };
    terminal.print(&text)
}

/// The value of `--want`.
pub(super) fn wanted(text: &str, schema: &opus_ir::Schema) -> Result<Want, Failure> {
    Want::parse(text, schema).map_err(|error| Failure::usage(format!("--want: {}", error.message)).help(error.help))
}
