//! `opus run`: one decision, with what made it.

use opus_frontend::{display, hir, reference};
use opus_ir::{Program, date};
use opus_runtime::{Hash, Refusal};
use serde_json::{Value, json};

use crate::args::Run;
use crate::failure::{Exit, Failure};
use crate::open::{open, read};
use crate::terminal::Terminal;
use crate::trace;

pub fn run(args: &Run, terminal: &Terminal) -> Result<(), Failure> {
    let mut opened = open(&args.policy, terminal)?;
    let input = read(&args.input)?;
    let input = String::from_utf8(input).map_err(|_| {
        Failure::io(format!("`{}` is not UTF-8: one JSON object is expected", args.input.display()))
    })?;
    let needs_tree = args.trace || args.engine.of_runtime().is_none();
    let tree = if needs_tree { Some(opened.tree()?.clone()) } else { None };
    let source = opened.source().to_owned();
    let engine = args.engine.of_runtime().unwrap_or(opus_runtime::Engine::Vm);
    let policy = opened.policy(engine, terminal);

    let row = match policy.read_json(&input) {
        Ok(row) => row,
        Err(refusal) => return refused(&refusal, terminal),
    };
    let decision = match policy.decide(&row) {
        Ok(decision) => decision,
        Err(refusal) => return refused(&refusal, terminal),
    };
    let given: Vec<Option<i128>> = (0..policy.schema().inputs.len()).map(|index| row.get(index)).collect();
    let traced = tree.as_ref().map(|tree| {
        let admitted =
            reference::admit(tree, &given).expect("the row was admitted by its fields and requires");
        reference::trace(tree, &admitted)
    });
    let made = match &traced {
        // what was asked for is the reference's decision
        Some(trace) if args.engine.of_runtime().is_none() => Made {
            version: trace.decision.version,
            rule: trace.decision.rule as usize,
            outputs: trace.decision.outputs.clone(),
        },
        _ => Made {
            version: policy.artifact().program().version_on(decision.version().from),
            rule: decision.rule_index(),
            outputs: decision.outputs().map(|output| output.value()).collect(),
        },
    };
    let shown = Shown {
        program: policy.artifact().program(),
        made,
        given: &given,
        hashes: [
            ("artifact", policy.artifact().content_hash()),
            ("meaning", policy.artifact().meaning_hash()),
            ("input", decision.input_hash()),
            ("decision", decision.hash()),
        ],
        trace: traced.filter(|_| args.trace).zip(tree.as_ref()),
        source: &source,
        engine: args.engine.name(),
    };
    if terminal.is_json() { terminal.print_json(&shown.json()) } else { terminal.print(&shown.human()) }
}

struct Made {
    version: usize,
    rule: usize,
    outputs: Vec<i128>,
}

struct Shown<'a, F> {
    program: &'a Program<F>,
    made: Made,
    given: &'a [Option<i128>],
    hashes: [(&'static str, Hash); 4],
    trace: Option<(reference::Trace, &'a hir::Policy)>,
    source: &'a str,
    engine: &'static str,
}

impl<F> Shown<'_, F> {
    fn human(&self) -> String {
        let program = self.program;
        let mut rows: Vec<(String, String)> = Vec::new();
        for (field, value) in program.schema.outputs.iter().zip(&self.made.outputs) {
            let text = display::field_text(&program.schema, field.kind, *value);
            let said = enum_text(&program.schema, field.kind, *value)
                .map(|said| format!("  {said}"))
                .unwrap_or_default();
            rows.push((field.name.clone(), text + &said));
        }
        rows.push((String::new(), String::new()));
        let rule = &program.rules[self.made.rule];
        rows.push(("rule".into(), named(&rule.id, &rule.title, &rule.cite)));
        let version = &program.versions[self.made.version];
        let since = format!("{}, in force from {}", version.number, date::civil(version.from as i128));
        rows.push((
            "version".into(),
            format!("{since}{}", self.chosen_by().map(|by| format!(", chosen by {by}")).unwrap_or_default()),
        ));
        rows.extend(self.hashes.iter().map(|(name, hash)| (format!("{name} hash"), hash.to_string())));
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let mut out: String = rows
            .iter()
            .map(|(name, text)| format!("{}\n", format!("{name:<width$}  {text}").trim_end()))
            .collect();
        if let Some((trace, tree)) = &self.trace {
            out += &format!(
                "\nrules in order\n{}",
                trace::human(&trace::lines(tree, self.source, self.given, trace))
            );
        }
        out
    }

    fn json(&self) -> Value {
        let program = self.program;
        let outputs = program.schema.outputs.iter().zip(&self.made.outputs);
        let outputs: serde_json::Map<String, Value> = outputs
            .map(|(field, value)| {
                (field.name.clone(), json!(display::field_text(&program.schema, field.kind, *value)))
            })
            .collect();
        let rule = &program.rules[self.made.rule];
        let version = &program.versions[self.made.version];
        let mut value = json!({
            "outputs": outputs,
            "rule": { "id": rule.id, "title": rule.title, "cite": rule.cite },
            "version": { "number": version.number, "from": date::civil(version.from as i128).to_string(), "cite": version.cite },
            "engine": self.engine,
            "hashes": self.hashes.iter().map(|(name, hash)| (name.to_string(), json!(hash.to_string()))).collect::<serde_json::Map<_, _>>(),
        });
        if let Some((trace, tree)) = &self.trace {
            value["trace"] = trace::json(&trace::lines(tree, self.source, self.given, trace));
        }
        value
    }

    /// The date that selected the version.
    fn chosen_by(&self) -> Option<String> {
        let index = self.program.schema.effective? as usize;
        let day = self.given[index]?;
        Some(format!("{} = {}", self.program.schema.inputs[index].name, date::civil(day)))
    }
}

fn enum_text(schema: &opus_ir::Schema, kind: opus_ir::Kind, value: i128) -> Option<String> {
    let opus_ir::Kind::Enum(index) = kind else { return None };
    schema.enums.get(index as usize)?.values.get(usize::try_from(value).ok()?)?.text.clone()
}

/// `C4 "Credit score" (CP 3.2)`
pub fn named(id: &str, title: &Option<String>, cite: &Option<String>) -> String {
    let title = title.as_ref().map(|title| format!("  {title}")).unwrap_or_default();
    let cite = cite.as_ref().map(|cite| format!("  ({cite})")).unwrap_or_default();
    format!("{id}{title}{cite}")
}

fn refused(refusal: &Refusal, terminal: &Terminal) -> Result<(), Failure> {
    if terminal.is_json() {
        let reasons = refusal.reasons().iter().map(|reason| {
            json!({ "field": reason.name, "value": reason.value, "code": reason.fault.code(), "message": reason.message })
        });
        terminal.print_json(&json!({ "refused": reasons.collect::<Vec<_>>() }))?;
    } else {
        let lines =
            refusal.reasons().iter().map(|reason| format!("  {}  {}\n", reason.fault.code(), reason.message));
        terminal.print(&format!("refused\n{}", lines.collect::<String>()))?;
    }
    Err(Failure::said(Exit::Rejects))
}
