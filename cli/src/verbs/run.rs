//! `opus run`: one decision, with what made it: on a JSON object, or on a row of the files that `opus batch` reads.

use std::path::Path;

use opus_frontend::{display, hir, reference};
use opus_ir::{Kind, Program, Schema, date};
use opus_runtime::record::Outcome;
use opus_runtime::{Hash, Policy, Record, Refusal, Row, Snapshot, Verdict};
use serde::Serialize;
use serde_json::Value;

use crate::args::Run;
use crate::failure::{Exit, Failure};
use crate::open::open_with;
use crate::row::{Given, Input};
use crate::terminal::Terminal;
use opus_data::record::{Complete, Object, Sources};
use opus_govern::facts::with_facts;
use opus_govern::trace;

pub fn run(args: &Run, terminal: &Terminal) -> Result<(), Failure> {
    args.given.standard_input_once(&args.policy)?;
    let mut opened = open_with(&args.policy, args.facts.snapshot.as_deref(), terminal)?;
    let input = Input::read(&args.given, &opened.artifact.program().schema)?;
    let mut recording = args.record.as_ref().map(|place| To::new(place, args, &input)).transpose()?;
    let needs_tree = args.trace || args.engine.of_runtime().is_none();
    let compiled = if needs_tree { Some(opened.compiled()?.clone()) } else { None };
    let (tree, source) = compiled.map(|compiled| (compiled.policy, compiled.source)).unzip();
    let source = source.unwrap_or_default();
    let engine = args.engine.of_runtime().unwrap_or(opus_runtime::Engine::Vm);
    let facts = opened.snapshot.clone();
    if let (Some(recording), Some(path)) = (&mut recording, &args.facts.snapshot) {
        recording.snapshot = facts.clone().map(|facts| (facts, path.display().to_string()));
    }
    let policy = opened.policy(engine, terminal)?;
    let Given { row, ignored } = input.admit(&policy, terminal)?;
    let row = match row {
        Ok(row) => row,
        Err(refusal) => return refused(&refusal, &policy, None, ignored, recording, terminal),
    };
    let decision = match policy.decide(&row) {
        Ok(decision) => decision,
        Err(refusal) => return refused(&refusal, &policy, Some(&row), ignored, recording, terminal),
    };
    let given: Vec<Option<i128>> = (0..policy.schema().inputs.len()).map(|index| row.get(index)).collect();
    let given = match &tree {
        Some(tree) => with_facts(tree, facts.as_ref(), &given),
        None => given,
    };
    let traced = tree.as_ref().map(|tree| {
        let admitted =
            reference::admit(tree, &given).expect("the row was admitted by its fields and requires");
        reference::trace(tree, &admitted)
    });
    let verdict = match &traced {
        // what was asked for is the reference's decision
        Some(trace) if args.engine.of_runtime().is_none() => trace.verdict.clone(),
        _ => decision.verdict(),
    };
    let program = policy.artifact().program();
    let day = program.schema.effective.and_then(|field| given[field as usize]);
    let shown = Shown {
        program,
        record: Record { outcome: Outcome::decided(program, &verdict, day), ..decision.record() },
        meaning: policy.artifact().meaning_hash(),
        verdict,
        given: &given,
        snapshot: facts.as_ref(),
        trace: traced.filter(|_| args.trace).zip(tree.as_ref()),
        source: &source,
        engine: match args.engine.of_runtime() {
            Some(_) => policy.engine().name(),
            None => args.engine.name(),
        },
        ignored,
    };
    if let Some(recording) = recording {
        recording.write(&policy, &shown.record, shown.engine, terminal)?;
    }
    terminal.print(&if terminal.is_json() { shown.json(terminal.all_selected()) } else { shown.human() })
}

/// Where the record of an object goes.
pub(super) struct To<'a> {
    place: &'a Path,
    policy: String,
    /// The snapshot and its file.
    snapshot: Option<(Snapshot, String)>,
    file: String,
    text: String,
}

impl<'a> To<'a> {
    fn new(place: &'a Path, args: &Run, input: &Input) -> Result<To<'a>, Failure> {
        let Input::Object(text, path) = input else {
            // the command line excludes it
            return Err(Failure::usage("one row of a file cannot be recorded").help(RECORD_HELP));
        };
        let (policy, file) = (args.policy.display().to_string(), path.display().to_string());
        Ok(To { place, policy, snapshot: None, file, text: text.clone() })
    }

    fn write(
        self,
        policy: &Policy,
        record: &Record,
        engine: &str,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        let object = Object { file: &self.file, text: &self.text, record };
        let snapshot = self.snapshot.as_ref().map(|(snapshot, file)| (snapshot, file.as_str()));
        let sources =
            Sources { artifact: (policy.artifact(), &self.policy), snapshot, mapping: None, fill: &[] };
        let complete = Complete::one(self.place, &sources, &object, engine, env!("CARGO_PKG_VERSION"))?;
        let root = complete.manifest().tree.root;
        complete.name()?;
        terminal.note(&format!("record {}  root {root}", self.place.display()));
        Ok(())
    }
}

const RECORD_HELP: &str =
    "record the files with `opus batch --record`, and prove one of their rows with `opus prove-row`";

/// A decision and how it came about.
struct Shown<'a, F> {
    program: &'a Program<F>,
    verdict: Verdict,
    record: Record,
    meaning: Hash,
    given: &'a [Option<i128>],
    /// Where its facts come from.
    snapshot: Option<&'a Snapshot>,
    trace: Option<(reference::Trace, &'a hir::Policy)>,
    source: &'a str,
    engine: &'static str,
    ignored: Vec<String>,
}

/// A record with what only this command knows.
#[derive(Serialize)]
struct ShownJson {
    #[serde(flatten)]
    record: Record,
    meaning: Hash,
    engine: &'static str,
    ignored: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    selected: Vec<Value>,
}

impl<F> Shown<'_, F> {
    fn human(&self) -> String {
        let program = self.program;
        let mut rows: Vec<(String, String)> = Vec::new();
        for (field, value) in program.schema.outputs.iter().zip(&self.verdict.outputs) {
            let text = display::field_text(&program.schema, field.kind, *value);
            let said = enum_text(&program.schema, field.kind, *value)
                .map(|said| format!("  {said}"))
                .unwrap_or_default();
            rows.push((field.name.clone(), text + &said));
        }
        rows.push((String::new(), String::new()));
        let rule = &program.rules[self.verdict.rule];
        rows.push(("rule".into(), named(&rule.id, &rule.title, &rule.cite)));
        let version = &program.versions[self.verdict.version];
        let chosen = self.chosen_by().map(|(field, day)| {
            format!(", in force from {}, chosen by {field} = {day}", date::civil(version.from as i128))
        });
        rows.push(("version".into(), format!("{}{}", version.number, chosen.unwrap_or_default())));
        rows.extend(self.hashes().map(|(name, hash)| (format!("{name} hash"), hash.to_string())));
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let mut out: String = rows
            .iter()
            .map(|(name, text)| format!("{}\n", format!("{name:<width$}  {text}").trim_end()))
            .collect();
        if let Some((trace, tree)) = &self.trace {
            out += &format!(
                "\nrules in order\n{}",
                trace::human(&trace::lines(tree, self.source, self.given, self.snapshot, trace))
            );
        }
        out
    }

    fn hashes(&self) -> impl Iterator<Item = (&'static str, Hash)> {
        let outcome = match self.record.outcome {
            Outcome::Decided { hash, .. } | Outcome::Refused { hash, .. } => hash,
        };
        let hashes = [
            ("artifact", Some(self.record.artifact)),
            ("snapshot", self.record.snapshot),
            ("meaning", Some(self.meaning)),
            ("input", self.record.input),
            ("decision", Some(outcome)),
        ];
        hashes.into_iter().filter_map(|(name, hash)| Some((name, hash?)))
    }

    fn json(&self, selected: Vec<Value>) -> String {
        let lines = |(trace, tree): &(reference::Trace, &hir::Policy)| {
            trace::json(&trace::lines(tree, self.source, self.given, self.snapshot, trace))
        };
        pretty(&ShownJson {
            record: self.record.clone(),
            meaning: self.meaning,
            engine: self.engine,
            ignored: self.ignored.clone(),
            trace: self.trace.as_ref().map(lines),
            selected,
        })
    }

    /// The date that selected the version, and its field.
    fn chosen_by(&self) -> Option<(&str, String)> {
        let index = self.program.schema.effective? as usize;
        let day = self.given[index]?;
        Some((&self.program.schema.inputs[index].name, date::civil(day).to_string()))
    }
}

fn pretty(told: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(told).expect("texts and numbers can be written as JSON");
    format!("{text}\n")
}

fn enum_text(schema: &Schema, kind: Kind, value: i128) -> Option<String> {
    let Kind::Enum(index) = kind else { return None };
    schema.enums.get(index as usize)?.values.get(usize::try_from(value).ok()?)?.text.clone()
}

/// `C4 "Credit score" (CP 3.2)`
fn named(id: &str, title: &Option<String>, cite: &Option<String>) -> String {
    let title = title.as_ref().map(|title| format!("  {title}")).unwrap_or_default();
    let cite = cite.as_ref().map(|cite| format!("  ({cite})")).unwrap_or_default();
    format!("{id}{title}{cite}")
}

/// The record of a refusal with what only this command knows.
#[derive(Serialize)]
struct ShownRefusal {
    #[serde(flatten)]
    record: Record,
    meaning: Hash,
    engine: &'static str,
    ignored: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    selected: Vec<Value>,
}

/// Prints a refusal.
///
/// # Errors
/// Always: the exit code says that the input was refused.
pub(super) fn refused(
    refusal: &Refusal,
    policy: &Policy,
    row: Option<&Row>,
    ignored: Vec<String>,
    recording: Option<To>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if let Some(recording) = recording {
        recording.write(policy, &refusal.record(policy, row), policy.engine().name(), terminal)?;
    }
    if terminal.is_json() {
        let record = refusal.record(policy, row);
        let meaning = policy.artifact().meaning_hash();
        terminal.print(&pretty(&ShownRefusal {
            record,
            meaning,
            engine: policy.engine().name(),
            ignored,
            selected: terminal.all_selected(),
        }))?;
    } else {
        let lines =
            refusal.reasons().iter().map(|reason| format!("  {}  {}\n", reason.fault.code(), reason.message));
        terminal.print(&format!("refused\n{}", lines.collect::<String>()))?;
    }
    Err(Failure::said(Exit::Rejects))
}
