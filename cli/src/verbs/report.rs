//! `opus report`: what a policy is, what it does to a portfolio, and what a change of it does, in one file.
//!
//! The report is made of what other verbs print for programs, so that every figure can be had again from them. In reading
//! order: what is collected (here), what it says, block by block ([`content`]), and how a block is written in HTML
//! ([`html`]) and Markdown ([`markdown`]).

mod content;
mod html;
mod markdown;

use std::path::{Path, PathBuf};

use opus_data::{Endpoint, Target, apart, inputs, outside};
use opus_store::Statement;
use serde_json::{Map, Value, json};

use super::{attribute, coverage, diff, impact, inspect, test};
use crate::args;
use crate::endpoints::{path_text, writable};
use crate::failure::Failure;
use crate::open::{Named, Origin, open_with};
use crate::stored::TRUST;
use crate::summary::grouped;
use crate::terminal::Terminal;

/// The number of the form of `*.json` reports, which `spec/report.schema.json` describes.
const FORMAT: u32 = 1;

pub fn run(args: &args::Report, terminal: &Terminal) -> Result<(), Failure> {
    let write: fn(&Value) -> String = match args.output.extension().and_then(|end| end.to_str()) {
        Some("html" | "htm") => |report| html::write(&content::of(report)),
        Some("md" | "markdown") => |report| markdown::write(&content::of(report)),
        Some("json") => |report| format!("{report:#}\n"),
        _ => {
            let message = format!("`{}` does not say which report to write", args.output.display());
            return Err(Failure::usage(message).help("name the file `*.html`, `*.md` or `*.json`"));
        }
    };
    let target = Endpoint::new(&args.output);
    check_files(args, &target)?;
    let report = collect(args, terminal)?;
    Target::write_whole(&target, write(&report).as_bytes())?;
    let (rows, changed) = (&report["impact"]["rows"], &report["impact"]["changed"]);
    let counted = match (rows.as_u64(), changed.as_u64()) {
        (Some(rows), Some(changed)) => {
            format!(": {} of {} rows would get another result", grouped(changed), grouped(rows))
        }
        _ => String::new(),
    };
    terminal.report(
        &format!("{}{counted}", args.output.display()),
        &json!({ "report": path_text(&args.output), "rows": rows, "changed": changed }),
        false,
    )
}

/// Nothing that is read is overwritten.
fn check_files(args: &args::Report, target: &Endpoint) -> Result<(), Failure> {
    let files = inputs(&args.input, args.input_format)?;
    let named = [Some(&args.policy), args.against.as_ref()].into_iter().flatten();
    let read: Vec<Endpoint> = named
        .map(|path| Named::new(path).path)
        .chain([&args.facts.snapshot, &args.snapshot_before, &args.columns].into_iter().flatten().cloned())
        .map(|path| Endpoint::new(&path))
        .collect();
    let read: Vec<&Endpoint> = read.iter().chain(files.iter().map(|file| &file.endpoint)).collect();
    if read.iter().any(|endpoint| **endpoint == Endpoint::Standard) {
        return Err(Failure::usage(
            "a report reads its files several times, which standard input does not allow",
        )
        .help("write the data to a file first"));
    }
    writable(target)?;
    apart(&read, &[target])?;
    Ok(outside(&args.input, args.input_format, &[target])?)
}

/// What the verbs print.
fn collect(args: &args::Report, terminal: &Terminal) -> Result<Value, Failure> {
    let file = Named::new(&args.policy).path;
    let mut report = Map::new();
    report.insert("report".to_owned(), FORMAT.into());
    report.insert("policy".to_owned(), path_text(&args.policy).into());
    report.insert("against".to_owned(), json!(args.against.as_deref().map(path_text)));
    report.insert("opus".to_owned(), env!("CARGO_PKG_VERSION").into());
    let mut add = |name: &str, value: Value| {
        report.insert(name.to_owned(), without_times(value));
    };
    let snapshot = args.facts.snapshot.as_deref();
    let mut opened = open_with(&file, snapshot, terminal)?;
    let needs_facts = snapshot.is_none() && !opened.artifact.program().holes.is_empty();
    let source = opened.source()?;
    add("source", json!({ "text": source.text, "label": source.basis.to_string() }));
    let inspected = |path: &Path, snapshot: Option<&PathBuf>| {
        terminal.capture(|quiet| inspect::run(&inspection(&Named::new(path).path, snapshot), quiet))
    };
    let after = inspected(&args.policy, args.facts.snapshot.as_ref())?;
    add("inspect", after.clone());
    let snapshot_before = args.snapshot_before.as_ref().or(args.facts.snapshot.as_ref());
    let before =
        args.against.as_ref().map(|path| Ok::<_, Failure>((path, inspected(path, snapshot_before)?)));
    let before = before.transpose()?;
    if !needs_facts {
        let tests = args::Test {
            policy: file.clone(),
            facts: args.facts.clone(),
            input: Vec::new(),
            expected: None,
            on: None,
            columns: None,
        };
        add("tests", terminal.capture(|quiet| test::run(&tests, quiet))?);
        let of_tests = args::Coverage { tests: true, ..counting(&file, args) };
        add("coverage_by_tests", terminal.capture(|quiet| coverage::run(&of_tests, quiet))?);
        if !args.input.is_empty() {
            add("coverage_by_input", terminal.capture(|quiet| coverage::run(&counting(&file, args), quiet))?);
        }
    }
    if let Some(against) = &args.against {
        let edits = args::Diff {
            a: against.clone(),
            b: args.policy.clone(),
            snapshot: args.snapshot_before.clone().or(args.facts.snapshot.clone()),
            snapshot_after: args.snapshot_before.as_ref().and(args.facts.snapshot.clone()),
            output: None,
            unverified: false,
        };
        add("diff", terminal.capture(|quiet| diff::run(&edits, quiet))?);
        if !args.input.is_empty() {
            let effect = args::Impact {
                compared: compared(args, against),
                by: args.by.clone(),
                compare_rules: false,
                engine: args::Decider::Native,
            };
            add("impact", terminal.capture(|quiet| impact::run(&effect, quiet))?);
            let causes =
                args::Attribute { compared: compared(args, against), engine: args::BatchEngine::Native };
            add("attribution", terminal.capture(|quiet| attribute::run(&causes, quiet))?);
        }
    }
    if args.against.is_none() && !args.input.is_empty() && !needs_facts {
        let counts = args::Impact {
            compared: compared(args, &args.policy),
            by: None,
            compare_rules: false,
            engine: args::Decider::Native,
        };
        add("portfolio", terminal.capture(|quiet| impact::run(&counts, quiet))?);
    }
    let mut selected = terminal.all_selected();
    let mut seen: Vec<Value> = Vec::new();
    selected.retain(|value| {
        !seen.contains(value) && {
            seen.push(value.clone());
            true
        }
    });
    let after = side(&args.policy, &after, &selected);
    let before = before.map(|(path, inspected)| side(path, &inspected, &selected));
    add("statement", json!(before.as_ref().and_then(|before| statement(before, &after))));
    add("sides", json!({ "before": before, "after": after }));
    add("commands", json!(commands(args, &selected, terminal)));
    add("selected", Value::Array(selected));
    Ok(Value::Object(report))
}

/// A policy of the report: where it was found, and its hashes.
fn side(path: &Path, inspected: &Value, selected: &[Value]) -> Value {
    let (from, name) = match Origin::of(&Named::new(path).path) {
        Origin::File => ("file", None),
        Origin::Hash(_) => ("hash", None),
        Origin::Name(name) => ("name", Some(name)),
    };
    let entry = name.and_then(|name| {
        selected.iter().find(|entry| entry["name"] == name.as_str() && entry["kind"] == "artifact")
    });
    json!({
        "policy": path_text(path),
        "from": from,
        "content": inspected["content"],
        "meaning": inspected["meaning"],
        "entry": entry,
    })
}

/// What would be signed to publish the policy after the change under the name of the one before: a statement as `opus sign`
/// makes it.
fn statement(before: &Value, after: &Value) -> Option<Value> {
    let entry = before["entry"].as_object().filter(|_| after["entry"].is_null())?;
    let hash = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
    let object = hash(&after["content"])?;
    let published = hash(&entry["object"])?;
    let replaces = if published == object { hash(&entry["replaces"]) } else { Some(published) };
    let statement = Statement { name: entry["name"].as_str()?.parse().ok()?, object, replaces };
    Some(json!({
        "name": statement.name.as_str(),
        "object": statement.object.to_string(),
        "replaces": statement.replaces.map(|hash| hash.to_string()),
        "text": statement.to_string(),
    }))
}

fn inspection(file: &Path, snapshot: Option<&PathBuf>) -> args::Inspect {
    args::Inspect {
        policy: file.to_owned(),
        facts: args::Facts { snapshot: snapshot.cloned() },
        source: false,
        ir: false,
        bytecode: false,
        native: false,
    }
}

fn counting(file: &Path, args: &args::Report) -> args::Coverage {
    args::Coverage {
        max_rejects: "100%".to_owned(),
        policy: file.to_owned(),
        facts: args.facts.clone(),
        inputs: args.input.clone(),
        tests: false,
        engine: args::Decider::Native,
        threads: args.threads,
        columns: args.columns.clone(),
        input_format: args.input_format,
        unverified: false,
    }
}

fn compared(args: &args::Report, against: &Path) -> args::Compared {
    let before = args.snapshot_before.clone();
    args::Compared {
        a: against.to_owned(),
        b: args.policy.clone(),
        inputs: args.input.clone(),
        snapshot: before.clone().or(args.facts.snapshot.clone()),
        snapshot_after: before.and(args.facts.snapshot.clone()),
        output: None,
        output_format: None,
        summary: None,
        fill: args.fill.clone(),
        threads: args.threads,
        keep: Vec::new(),
        columns: args.columns.clone(),
        input_format: args.input_format,
        unverified: false,
    }
}

/// What differs between two runs with the same results.
fn without_times(mut value: Value) -> Value {
    if let Value::Object(members) = &mut value {
        members.remove("seconds");
        if let Some(Value::Object(options)) = members.get_mut("options") {
            options.remove("threads");
        }
    }
    value
}

/// The options with which a command line finds the same objects in the store again; none where it names files only.
fn store_options(named: &[Option<&Path>], selected: &[Value], terminal: &Terminal) -> String {
    let origins: Vec<Origin> =
        named.iter().flatten().map(|path| Origin::of(&Named::new(path).path)).collect();
    if origins.iter().all(|origin| *origin == Origin::File) {
        return String::new();
    }
    let from = terminal.from();
    let mut options = String::new();
    if from.store != Path::new(".opus") {
        options += &format!(" --store {}", quoted(&path_text(&from.store)));
    }
    let of_environment = || std::env::var_os(TRUST).filter(|path| !path.is_empty()).map(PathBuf::from);
    if let Some(trust) = from.trust.clone().or_else(of_environment) {
        options += &format!(" --trust {}", quoted(&path_text(&trust)));
    }
    // whatever is published later, this selects the same entries
    let entries = selected
        .iter()
        .flat_map(|entry| std::iter::once(entry).chain(entry["pending"].as_array().into_iter().flatten()));
    let last = entries.filter_map(|entry| entry["time"].as_str()).max();
    let known_at = from.known_at.as_deref().or(last);
    if let Some(time) = known_at.filter(|_| origins.iter().any(|origin| matches!(origin, Origin::Name(_)))) {
        options += &format!(" --known-at {}", quoted(time));
    }
    options
}

/// The commands that print the figures.
fn commands(args: &args::Report, selected: &[Value], terminal: &Terminal) -> Vec<String> {
    let [policy, against, snapshot, snapshot_before] = [
        Some(&args.policy),
        args.against.as_ref(),
        args.facts.snapshot.as_ref(),
        args.snapshot_before.as_ref(),
    ]
    .map(|path| path.map(PathBuf::as_path));
    let store = store_options(&[policy, snapshot], selected, terminal);
    let store_of_both = store_options(&[policy, against, snapshot, snapshot_before], selected, terminal);
    let file = path_text(&Named::new(&args.policy).path);
    let options = |pairs: &[(&str, Option<&PathBuf>)]| -> String {
        let given = pairs.iter().filter_map(|(option, path)| Some((option, path.as_ref()?)));
        given.map(|(option, path)| format!(" {option} {}", quoted(&path_text(path)))).collect()
    };
    let files: String = args.input.iter().map(|path| format!(" {}", quoted(&path_text(path)))).collect();
    let facts = options(&[("--snapshot", args.facts.snapshot.as_ref())]);
    let columns = options(&[("--columns", args.columns.as_ref())]);
    let file = quoted(&file);
    let mut commands =
        vec![format!("opus inspect {file}{facts}{store}"), format!("opus test {file}{facts}{store}")];
    commands.push(format!("opus coverage {file} --tests{facts}{store}"));
    if !args.input.is_empty() {
        commands.push(format!("opus coverage {file}{files}{facts}{columns}{store}"));
        if args.against.is_none() {
            let policy = quoted(&path_text(&args.policy));
            commands.push(format!("opus impact {policy} {policy}{files}{facts}{columns}{store}"));
        }
    }
    if let Some(against) = &args.against {
        let pair = format!("{} {}", quoted(&path_text(against)), quoted(&path_text(&args.policy)));
        let both = match &args.snapshot_before {
            Some(before) => {
                options(&[("--snapshot", Some(before)), ("--snapshot-after", args.facts.snapshot.as_ref())])
            }
            None => facts,
        };
        commands.push(format!("opus diff {pair}{both}{store_of_both}"));
        if !args.input.is_empty() {
            let fill: String = args.fill.iter().map(|fill| format!(" --fill {}", quoted(fill))).collect();
            let by = args.by.as_ref().map_or(String::new(), |by| format!(" --by {}", quoted(by)));
            commands.push(format!("opus impact {pair}{files}{by}{both}{columns}{fill}{store_of_both}"));
            commands.push(format!("opus attribute {pair}{files}{both}{columns}{fill}{store_of_both}"));
        }
    }
    commands
}

/// A word of a command line.
fn quoted(word: &str) -> String {
    let plain = |symbol: char| symbol.is_ascii_alphanumeric() || "/._-@=:,+".contains(symbol);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}
