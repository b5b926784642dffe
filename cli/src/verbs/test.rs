//! `opus test`: the tests in a policy on every engine, or a file of expected decisions.

use std::path::Path;

use opus_runtime::Engine;
use serde_json::json;

use crate::args::Test;
use crate::compare::{Comparison, Difference, Files, NOT_IN_INPUTS, compare};
use crate::failure::{Exit, Failure};
use crate::open::{Opened, open_with};
use crate::progress::Shown;
use crate::summary::grouped;
use crate::terminal::{NOT_READ, Terminal};
use opus_data::Names;
use opus_data::pipeline::Progress;
use opus_data::{Endpoint, Mapping, inputs, left_out, standard_input_once};

/// The most differing rows that are shown; all are counted.
const SHOWN_MAX: usize = 20;

pub fn run(args: &Test, terminal: &Terminal) -> Result<(), Failure> {
    let read = [&args.policy].into_iter().chain(&args.input).chain(&args.expected);
    let read: Vec<Endpoint> = read.map(|path| Endpoint::new(path)).collect();
    standard_input_once(&read.iter().collect::<Vec<_>>())?;
    let opened = open_with(&args.policy, args.facts.snapshot.as_deref(), terminal)?;
    match &args.expected {
        Some(expected) => against_file(args, opened, expected, terminal),
        None => super::source_tests::run(opened, terminal),
    }
}

fn against_file(args: &Test, opened: Opened, expected: &Path, terminal: &Terminal) -> Result<(), Failure> {
    let schema = opened.artifact.program().schema.clone();
    let names = Names::of(opened.artifact.program());
    let mapping = match &args.columns {
        Some(path) => Mapping::read(path, &schema)?,
        None => Mapping::by_name(&schema),
    };
    let decisions = match &inputs(&[expected.to_owned()], None)?[..] {
        [only] => only.clone(),
        _ => {
            let message = format!("`{}` is a folder: name one file", expected.display());
            return Err(Failure::usage(message));
        }
    };
    let left_out = left_out(&args.input, None)?;
    let inputs = inputs(&args.input, None)?;
    let files = Files { inputs, expected: decisions, on: args.on.clone(), mapping };
    let engine = opened.policy(Engine::Native, terminal)?;
    let shown = Shown::new(terminal);
    let progress = |progress: Progress| shown.update(progress);
    let comparison = compare(&files, &schema, &names.rules, &engine, &progress);
    shown.clear();
    let comparison = comparison?;
    terminal.note_names("files and folders that are not read", &left_out);
    terminal.note_names(NOT_READ, &comparison.ignored);
    terminal.note_unmatched(&comparison.unmatched);
    terminal.note_names("columns that are not compared", &comparison.not_compared);
    report(&comparison, terminal)
}

fn report(comparison: &Comparison, terminal: &Terminal) -> Result<(), Failure> {
    let differing = comparison.differences.len();
    if terminal.is_json() {
        let rows = comparison.differences.iter().map(|difference| {
            let outputs = difference.outputs.iter().map(
                |(output, expected, found)| json!({ "output": output, "expected": expected, "found": found }),
            );
            json!({ "key": difference.key, "rule": difference.rule, "outputs": outputs.collect::<Vec<_>>() })
        });
        let rows: Vec<_> = rows.collect();
        terminal.print_json(&json!({
            "rows": comparison.rows,
            "differing": differing,
            "unexpected": comparison.unexpected,
            "differences": rows,
            "ignored_columns": comparison.ignored,
            "not_compared": comparison.not_compared,
        }))?;
    } else {
        let shown: String = comparison.differences.iter().take(SHOWN_MAX).map(line).collect();
        let more = match differing.saturating_sub(SHOWN_MAX) {
            0 => String::new(),
            count => format!("… and {} more\n", grouped(count as u64)),
        };
        let total =
            format!("{} rows compared, {} differ\n", grouped(comparison.rows), grouped(differing as u64));
        let unexpected = match comparison.unexpected {
            0 => String::new(),
            1 => "1 input row has no expected decision\n".to_owned(),
            count => format!("{} input rows have no expected decision\n", grouped(count)),
        };
        terminal.print(&format!("{shown}{more}{total}{unexpected}"))?;
    }
    if differing == 0 { Ok(()) } else { Err(Failure::said(Exit::Policy)) }
}

fn line(difference: &Difference) -> String {
    let rule = if difference.rule.is_empty() { String::new() } else { format!("  by {}", difference.rule) };
    let outputs = difference.outputs.iter().map(|(output, expected, found)| {
        let name = if output.is_empty() { String::new() } else { format!("{output} ") };
        match name.is_empty() && found == NOT_IN_INPUTS {
            true => "a decision is expected, but the row is not in the inputs".to_owned(),
            false => format!("{name}is {found}, expected {expected}"),
        }
    });
    format!("{}{rule}: {}\n", difference.key, outputs.collect::<Vec<_>>().join("; "))
}
