//! `opus run`: one decision, with what made it.

use std::collections::BTreeMap;

use opus_frontend::{display, hir, reference};
use opus_ir::{Kind, Program, Schema, date};
use opus_runtime::admission::{Reading, Shown, json};
use opus_runtime::{Hash, Refusal};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::args::Run;
use crate::failure::{Exit, Failure};
use crate::open::{open, read};
use crate::terminal::Terminal;
use opus_data::{Place, did_you_mean, standard_input_once};
use opus_govern::trace;

pub fn run(args: &Run, terminal: &Terminal) -> Result<(), Failure> {
    standard_input_once(&[&Place::new(&args.policy), &Place::new(&args.input)])?;
    let mut opened = open(&args.policy, terminal)?;
    let input = text(args)?;
    let needs_tree = args.trace || args.engine.of_runtime().is_none();
    let compiled = if needs_tree { Some(opened.compiled()?.clone()) } else { None };
    let (tree, source) = compiled.map(|compiled| (compiled.policy, compiled.source)).unzip();
    let source = source.unwrap_or_default();
    let engine = args.engine.of_runtime().unwrap_or(opus_runtime::Engine::Vm);
    let policy = opened.policy(engine, terminal);
    let ignored = ignored(&input, policy.schema());
    note_ignored(&ignored, policy.schema(), terminal);

    let row = match policy.read_json(&input) {
        Ok(row) => row,
        Err(refusal) => return refused(&refusal, &ignored, terminal),
    };
    let decision = match policy.decide(&row) {
        Ok(decision) => decision,
        Err(refusal) => return refused(&refusal, &ignored, terminal),
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
    let shown = Decided {
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
        engine: match args.engine.of_runtime() {
            Some(_) => policy.engine().name(),
            None => args.engine.name(),
        },
        ignored,
    };
    terminal.print(&if terminal.is_json() { shown.json() } else { shown.human() })
}

/// The text of the input, without the mark that some editors put before it.
fn text(args: &Run) -> Result<String, Failure> {
    let name = args.input.display();
    let text = String::from_utf8(read(&args.input)?).map_err(|_| {
        Failure::io(format!("`{name}` is not UTF-8: one JSON object is expected")).help("save it as UTF-8")
    })?;
    Ok(text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text))
}

/// The names in an input that no field has.
fn ignored(input: &str, schema: &Schema) -> Vec<String> {
    let mut names = Vec::new();
    let member = |name: &str, _: Reading<'_>| {
        if schema.input(name).is_none() {
            names.push(name.to_owned());
        }
        Ok(())
    };
    // that the input is no object is told when it is read
    let _ = json::members(input, member);
    names
}

/// A name that is written wrong leaves an optional field missing, which decides something else.
fn note_ignored(ignored: &[String], schema: &Schema, terminal: &Terminal) {
    for name in ignored {
        let near = did_you_mean(name, schema.inputs.iter().map(|field| field.name.as_str()));
        let near = near.map(|near| format!(": {near}")).unwrap_or_default();
        terminal.note(&format!("`{name}` is no input field of the policy, and was not read{near}"));
    }
}

struct Made {
    version: usize,
    rule: usize,
    outputs: Vec<i128>,
}

struct Decided<'a, F> {
    program: &'a Program<F>,
    made: Made,
    given: &'a [Option<i128>],
    hashes: [(&'static str, Hash); 4],
    trace: Option<(reference::Trace, &'a hir::Policy)>,
    source: &'a str,
    engine: &'static str,
    ignored: Vec<String>,
}

/// A decision for programs.
#[derive(Serialize)]
struct Told<'a> {
    outputs: Outputs<'a>,
    rule: Rule<'a>,
    version: Version<'a>,
    engine: &'static str,
    hashes: Map<String, Value>,
    ignored: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Value>,
}

#[derive(Serialize)]
struct Rule<'a> {
    id: &'a str,
    title: Option<&'a str>,
    cite: Option<&'a str>,
}

#[derive(Serialize)]
struct Version<'a> {
    number: u32,
    /// The first day on which it is in force, where a date of the input chooses the version.
    from: Option<String>,
    cite: Option<&'a str>,
    /// The field that chose it, and its date.
    chosen_by: Option<BTreeMap<&'a str, String>>,
}

/// Names and values in the order of the policy: numbers with all their digits.
struct Outputs<'a>(Vec<(&'a str, Box<RawValue>)>);

impl Serialize for Outputs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<F> Decided<'_, F> {
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
        let chosen = self.chosen_by().map(|(field, day)| {
            format!(", in force from {}, chosen by {field} = {day}", date::civil(version.from as i128))
        });
        rows.push(("version".into(), format!("{}{}", version.number, chosen.unwrap_or_default())));
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

    fn json(&self) -> String {
        let program = self.program;
        let outputs = program.schema.outputs.iter().zip(&self.made.outputs);
        let outputs = outputs.map(|(field, value)| {
            let text = json_text(&program.schema, field.kind, *value);
            (field.name.as_str(), RawValue::from_string(text).expect("a value is written as JSON"))
        });
        let rule = &program.rules[self.made.rule];
        let version = &program.versions[self.made.version];
        let chosen_by = self.chosen_by();
        let told = Told {
            outputs: Outputs(outputs.collect()),
            rule: Rule { id: &rule.id, title: rule.title.as_deref(), cite: rule.cite.as_deref() },
            version: Version {
                number: version.number,
                from: chosen_by.as_ref().map(|_| date::civil(version.from as i128).to_string()),
                cite: version.cite.as_deref(),
                chosen_by: chosen_by.map(|chosen_by| BTreeMap::from([chosen_by])),
            },
            engine: self.engine,
            hashes: self
                .hashes
                .iter()
                .map(|(name, hash)| (name.to_string(), json!(hash.to_string())))
                .collect(),
            ignored: &self.ignored,
            trace: self
                .trace
                .as_ref()
                .map(|(trace, tree)| trace::json(&trace::lines(tree, self.source, self.given, trace))),
        };
        let text = serde_json::to_string_pretty(&told).expect("texts and numbers can be written as JSON");
        format!("{text}\n")
    }

    /// The date that selected the version, and its field.
    fn chosen_by(&self) -> Option<(&str, String)> {
        let index = self.program.schema.effective? as usize;
        let day = self.given[index]?;
        Some((&self.program.schema.inputs[index].name, date::civil(day).to_string()))
    }
}

/// A value as JSON: numbers with all their decimals; percentages, dates and enums are strings.
fn json_text(schema: &Schema, kind: Kind, value: i128) -> String {
    let text = Shown::new(schema, kind, value).to_string();
    match kind {
        Kind::Bool | Kind::Int | Kind::Decimal(_) | Kind::Money | Kind::Days => text,
        Kind::Percent(_) | Kind::Date | Kind::Enum(_) => json::Quoted(&text).to_string(),
    }
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

fn refused(refusal: &Refusal, ignored: &[String], terminal: &Terminal) -> Result<(), Failure> {
    if terminal.is_json() {
        let reasons = refusal.reasons().iter().map(|reason| {
            json!({ "field": reason.name, "value": reason.value, "code": reason.fault.code(), "message": reason.message })
        });
        let reasons: Vec<Value> = reasons.collect();
        terminal.print_json(&json!({ "refused": reasons, "ignored": ignored }))?;
    } else {
        let lines =
            refusal.reasons().iter().map(|reason| format!("  {}  {}\n", reason.fault.code(), reason.message));
        terminal.print(&format!("refused\n{}", lines.collect::<String>()))?;
    }
    Err(Failure::said(Exit::Rejects))
}
