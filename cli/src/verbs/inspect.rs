//! `opus inspect`: what does an artifact contain?

use opus_frontend::display;
use opus_ir::{Hole, Program, Shape, Verified, Version, date};
use opus_runtime::artifact::FORMAT;
use opus_runtime::snapshot;
use opus_runtime::{Artifact, Engine, Hash, listing};
use serde_json::{Value, json};

use opus_govern::source::{Basis, Source};

use crate::args::Inspect;
use crate::failure::Failure;
use crate::open::{label, open_with, without_facts};
use crate::summary::grouped;
use crate::terminal::Terminal;

pub fn run(args: &Inspect, terminal: &Terminal) -> Result<(), Failure> {
    let mut opened = open_with(&args.policy, args.facts.snapshot.as_deref(), terminal)?;
    if args.source {
        let name = opened.artifact.program().name.clone();
        return show_source(&name, opened.source()?, terminal);
    }
    let executes = args.bytecode || args.native;
    if executes && opened.snapshot.is_none() && !opened.artifact.program().holes.is_empty() {
        return Err(without_facts(&opened.name, &opened.artifact));
    }
    if let Some(snapshot) = &opened.snapshot {
        let never = snapshot::never_in_force(opened.artifact.program(), snapshot);
        let never = never.into_iter().map(|fact| (fact.key.clone(), fact.valid_from)).collect();
        let policy = opened.policy(Engine::Vm, terminal)?;
        let about = Bound { snapshot: policy.snapshot(), hash: policy.bound_hash(), never_in_force: never };
        return show(args, policy.artifact(), policy.executed(), &about, terminal);
    }
    show(args, &opened.artifact, &opened.artifact, &Bound::default(), terminal)
}

/// The most facts shown to a person; programs get all of them.
const FACTS_SHOWN_MAX: usize = 20;

/// What a policy is bound to.
#[derive(Default)]
pub(super) struct Bound {
    snapshot: Option<Hash>,
    hash: Option<Hash>,
    /// The facts that no effective date meets: their keys and first days.
    never_in_force: Vec<(String, i32)>,
}

/// Shows an artifact; `executed` is what engines run of it.
fn show(
    args: &Inspect,
    artifact: &Artifact,
    executed: &Artifact,
    bound: &Bound,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let program = executed.verified_program();
    let part = match args {
        Inspect { ir: true, .. } => Some(("ir", legend(program) + &ir(program))),
        Inspect { bytecode: true, .. } => Some(("bytecode", legend(program) + &listing::bytecode(executed))),
        Inspect { native: true, .. } => Some(("native", native(executed)?)),
        _ => None,
    };
    match (part, terminal.is_json()) {
        (Some((name, text)), true) => terminal.print_json(&json!({ "policy": program.name, name: text })),
        (Some((_, text)), false) => terminal.print(&text),
        (None, true) => terminal.print_json(&as_json(artifact, bound)),
        (None, false) => terminal.print(&human(artifact, bound)),
    }
}

/// Shows the source. Its label says so if it is not what the artifact was compiled from by this version.
fn show_source(name: &str, source: Source, terminal: &Terminal) -> Result<(), Failure> {
    let Source { text, basis } = source;
    if terminal.is_json() {
        let label = label(&basis);
        return terminal.print_json(&json!({ "policy": name, "source": text, "label": label }));
    }
    if basis != Basis::Derived {
        terminal.note(&basis.to_string());
    }
    terminal.print(text)
}

fn human(artifact: &Artifact, bound: &Bound) -> String {
    let program = artifact.verified_program();
    let mut out = format!(
        "policy         {}\nartifact hash  {}\nmeaning hash   {}\nsize           {} bytes\n",
        program.name,
        artifact.content_hash(),
        artifact.meaning_hash(),
        grouped(artifact.bytes().len() as u64)
    );
    if artifact.format() != FORMAT {
        out += &format!("format         {}; this version writes {FORMAT}\n", artifact.format());
    }
    for (name, hash) in [("snapshot", bound.snapshot), ("bound", bound.hash)] {
        out += &hash.map_or(String::new(), |hash| format!("{:<13}  {hash}\n", format!("{name} hash")));
    }
    out += "\ninputs\n";
    out += &fields(program, &program.schema.inputs);
    out += "\noutputs\n";
    out += &fields(program, &program.schema.outputs);
    if !program.holes.is_empty() {
        out += "\nfacts, from a snapshot\n";
        let facts: Vec<opus_ir::Field> = program.holes.iter().map(as_field).collect();
        out += &fields(program, &facts);
    }
    out += &never_in_force(program, bound);
    out += &time_line(program);
    out += &rules(program, None);
    if !program.requires.is_empty() {
        out += "\nrequires, and the versions they are in\n";
        let requires = program
            .requires
            .iter()
            .enumerate()
            .map(|(index, require)| (&require.id, &require.title, &require.cite, asking(program, index)));
        out += &table(requires);
    }
    out += "\ncertificate, proved again when the artifact was loaded\n";
    program.versions.iter().for_each(|version| out += &certificate(version));
    out
}

/// The facts that no effective date meets.
fn never_in_force(program: &Program<Verified>, bound: &Bound) -> String {
    let (Some(field), false) = (program.schema.effective, bound.never_in_force.is_empty()) else {
        return String::new();
    };
    let facts = bound.never_in_force.iter().take(FACTS_SHOWN_MAX);
    let lines = facts.map(|(key, day)| format!("  {key} from {}\n", date::civil((*day).into())));
    let more = match bound.never_in_force.len().saturating_sub(FACTS_SHOWN_MAX) {
        0 => String::new(),
        more => format!("  and {more} more\n"),
    };
    let field = &program.schema.inputs[field as usize].name;
    format!(
        "\nfacts of the snapshot that are not in force on any {field}\n{}{more}",
        lines.collect::<String>()
    )
}

/// The rules in their order: all, or those that can decide in a version.
pub(super) fn rules(program: &Program<Verified>, version: Option<u32>) -> String {
    let all = program.rules.iter().enumerate();
    let rules = all.map(|(index, rule)| (&rule.id, &rule.title, &rule.cite, deciding(program, index)));
    match version {
        None => "\nrules, in order, and the versions they are in\n".to_owned() + &table(rules),
        Some(number) => {
            let of_version = rules.filter(|(.., versions)| versions.contains(&number));
            "\nrules, in order\n".to_owned()
                + &table(of_version.map(|(id, title, cite, _)| (id, title, cite, Vec::new())))
        }
    }
}

/// Ids, titles with citations, and versions, in columns.
fn table<'a>(
    rows: impl Iterator<Item = (&'a String, &'a Option<String>, &'a Option<String>, Vec<u32>)>,
) -> String {
    let rows = rows.map(|(id, title, cite, versions)| {
        let cite = cite.as_ref().map(|cite| format!("({cite})"));
        let said: Vec<String> = [title.clone(), cite].into_iter().flatten().collect();
        let versions: Vec<String> = versions.iter().map(u32::to_string).collect();
        (id, said.join("  "), versions.join(", "))
    });
    let rows: Vec<_> = rows.collect();
    let ids = rows.iter().map(|(id, ..)| id.chars().count()).max().unwrap_or(0);
    let texts = rows.iter().map(|(_, said, _)| said.chars().count()).max().unwrap_or(0);
    rows.iter()
        .map(|(id, said, versions)| {
            format!("  {id:<ids$}  {said:<texts$}  {versions}").trim_end().to_owned() + "\n"
        })
        .collect()
}

/// What is proved about every decision of a version.
fn certificate(version: &Version<Verified>) -> String {
    let certificate = version.decide.certificate();
    let largest = certificate.largest_magnitude;
    let bits = 128 - largest.leading_zeros();
    let largest = u64::try_from(largest).map_or_else(|_| largest.to_string(), grouped);
    let mut lines = vec![
        "total: every admitted input is decided".to_owned(),
        format!("at most {} steps, instructions and branches together", grouped(certificate.steps_max)),
        format!("largest intermediate {largest} ({bits} bits and a sign)"),
    ];
    if !version.requires.is_empty() {
        let steps = version.admit.certificate().steps_max;
        lines.push(format!("its requires take at most {} steps more", grouped(steps)));
    }
    lines.iter().enumerate().fold(String::new(), |out, (index, line)| match index {
        0 => out + &format!("  version {:<3}  {line}\n", version.number),
        _ => out + &format!("               {line}\n"),
    })
}

/// The versions in which a rule can decide.
fn deciding(program: &Program<Verified>, rule: usize) -> Vec<u32> {
    let versions = program.versions.iter().filter(|version| decides(&version.decide, rule));
    versions.map(|version| version.number).collect()
}

/// The versions in which a require is checked.
fn asking(program: &Program<Verified>, require: usize) -> Vec<u32> {
    let versions = program.versions.iter().filter(|version| version.requires.contains(&(require as u32)));
    versions.map(|version| version.number).collect()
}

fn fields(program: &Program<Verified>, fields: &[opus_ir::Field]) -> String {
    let width = fields.iter().map(|field| field.name.chars().count()).max().unwrap_or(0);
    let line = |field: &opus_ir::Field| {
        let domain = domain(program, field);
        let optional = if field.optional { "  optional" } else { "" };
        format!("  {:<width$}  {}{domain}{optional}\n", field.name, kind(program, field))
    };
    fields.iter().map(line).collect()
}

/// A fact, as a field is described.
fn as_field(hole: &Hole) -> opus_ir::Field {
    let (kind, domain) = match &hole.shape {
        Shape::Value { kind, domain } | Shape::Table { kind, domain, .. } => (*kind, domain.clone()),
        Shape::Set(of) => (opus_ir::Kind::Enum(*of), opus_ir::Domain::all(opus_ir::Interval::BOOL)),
    };
    let name = match hole.shape {
        Shape::Set(_) => format!("{} (a set)", hole.name),
        Shape::Value { .. } => hole.name.clone(),
        Shape::Table { ref keys, .. } => {
            let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
            format!("{}({})", hole.name, names.join(", "))
        }
    };
    opus_ir::Field { name, kind, domain, optional: false }
}

fn kind(program: &Program<Verified>, field: &opus_ir::Field) -> String {
    use opus_ir::Kind;
    match field.kind {
        Kind::Bool => "bool".into(),
        Kind::Int => "int".into(),
        Kind::Decimal(digits) => format!("decimal({digits})"),
        Kind::Money => "money".into(),
        Kind::Percent(2) => "percent".into(),
        Kind::Percent(digits) => format!("percent({digits})"),
        Kind::Days => "days".into(),
        Kind::Date => "date".into(),
        Kind::Enum(index) => program.schema.enums[index as usize].name.clone(),
    }
}

fn domain(program: &Program<Verified>, field: &opus_ir::Field) -> String {
    match field.kind {
        opus_ir::Kind::Bool => String::new(),
        opus_ir::Kind::Enum(index) => {
            let values = program.schema.enums[index as usize].values.iter().map(|value| value.name.as_str());
            format!(" {{{}}}", values.collect::<Vec<_>>().join(", "))
        }
        kind => format!(" in {}", display::domain_text(&program.schema, kind, &field.domain)),
    }
}

/// The width of the time line, and the part of it for the last version, which has no end.
const TIME_LINE_WIDTH: i64 = 48;
const LAST_WIDTH: i64 = 10;

/// One line per version, with a bar that starts on its first day, to scale.
pub(super) fn time_line(program: &Program<Verified>) -> String {
    let Some(index) = program.schema.effective else {
        return format!("\nversions\n{:>4}  always in force\n", program.versions[0].number);
    };
    let (first, last) =
        (program.versions[0].from as i64, program.versions[program.versions.len() - 1].from as i64);
    let place = |day: i32| {
        let days = (last - first).max(1);
        (day as i64 - first) * (TIME_LINE_WIDTH - LAST_WIDTH) / days
    };
    let line = |version: &Version<Verified>| {
        let from = place(version.from);
        let (until, to, end) = match version.until {
            i32::MAX => ("…".to_owned(), TIME_LINE_WIDTH, '>'),
            day => (date::civil(day as i128 - 1).to_string(), place(day), '┤'),
        };
        let cite = version.cite.as_ref().map(|cite| format!("  ({cite})")).unwrap_or_default();
        let bar = "─".repeat((to - from - 2).max(0) as usize);
        let bar = format!("{}├{bar}{end}", " ".repeat(from as usize));
        let width = TIME_LINE_WIDTH as usize;
        let line = format!(
            "{:>4}  {} .. {until:<10}  {bar:<width$}{cite}",
            version.number,
            date::civil(version.from as i128)
        );
        format!("{}\n", line.trim_end())
    };
    let field = &program.schema.inputs[index as usize].name;
    let lines: String = program.versions.iter().map(line).collect();
    format!("\nversions, chosen by {field}\n{lines}")
}

/// The names of the fields, results and rules that a listing numbers.
fn legend(program: &Program<Verified>) -> String {
    let named = |what: &str, names: Vec<&str>| -> String {
        names.iter().enumerate().map(|(index, name)| format!("; {what} {index} is {name}\n")).collect()
    };
    let names =
        |fields: &'_ [opus_ir::Field]| fields.iter().map(|field| field.name.clone()).collect::<Vec<_>>();
    let (inputs, outputs) = (names(&program.schema.inputs), names(&program.schema.outputs));
    named("field", inputs.iter().map(String::as_str).collect())
        + &named("result", outputs.iter().map(String::as_str).collect())
        + &named("rule", program.rules.iter().map(|rule| rule.id.as_str()).collect())
        + "\n"
}

fn decides(func: &Verified, rule: usize) -> bool {
    func.blocks
        .values()
        .any(|block| matches!(block.end, opus_ir::End::Decide { rule: found, .. } if found as usize == rule))
}

fn ir(program: &Program<Verified>) -> String {
    let version = |version: &Version<Verified>| {
        let admit = if version.requires.is_empty() {
            String::new()
        } else {
            format!("; version {}: admit\n{}\n", version.number, *version.admit)
        };
        format!("{admit}; version {}: decide\n{}\n", version.number, *version.decide)
    };
    program.versions.iter().map(version).collect()
}

fn native(artifact: &Artifact) -> Result<String, Failure> {
    listing::native(artifact).map_err(|why| Failure::io(format!("there is no native code here: {why}")))
}

pub(super) fn as_json(artifact: &Artifact, bound: &Bound) -> Value {
    let program = artifact.verified_program();
    let named = |id: &str, title: &Option<String>, cite: &Option<String>, versions: Vec<u32>| json!({ "id": id, "title": title, "cite": cite, "versions": versions });
    let rules = program
        .rules
        .iter()
        .enumerate()
        .map(|(index, rule)| named(&rule.id, &rule.title, &rule.cite, deciding(program, index)));
    let requires =
        program.requires.iter().enumerate().map(|(index, require)| {
            named(&require.id, &require.title, &require.cite, asking(program, index))
        });
    let enums = program.schema.enums.iter().map(|definition| {
        let value = |value: &opus_ir::EnumValue| json!({ "name": value.name, "text": value.text });
        json!({ "name": definition.name, "values": definition.values.iter().map(value).collect::<Vec<_>>() })
    });
    let fields = |fields: &[opus_ir::Field]| -> Vec<Value> {
        fields.iter().map(|field| field_json(program, field)).collect()
    };
    let effective = program.schema.effective.map(|index| &program.schema.inputs[index as usize].name);
    json!({
        "policy": program.name,
        "content": artifact.content_hash().to_string(),
        "meaning": artifact.meaning_hash().to_string(),
        "format": artifact.format(),
        "snapshot": bound.snapshot.map(|hash| hash.to_string()),
        "bound": bound.hash.map(|hash| hash.to_string()),
        "bytes": artifact.bytes().len(),
        "currency": program.schema.currency.as_ref().map(|currency| &currency.code),
        "effective_on": effective,
        "enums": enums.collect::<Vec<_>>(),
        "inputs": fields(&program.schema.inputs),
        "outputs": fields(&program.schema.outputs),
        "facts": program.holes.iter().map(|hole| fact_json(program, hole)).collect::<Vec<_>>(),
        "facts_never_in_force": bound.never_in_force.iter().map(|(key, day)| json!({ "key": key, "valid_from": date::civil((*day).into()).to_string() })).collect::<Vec<_>>(),
        "versions": program.versions.iter().map(|version| version_json(version, effective.is_some())).collect::<Vec<_>>(),
        "rules": rules.collect::<Vec<_>>(),
        "requires": requires.collect::<Vec<_>>(),
    })
}

fn field_json(program: &Program<Verified>, field: &opus_ir::Field) -> Value {
    let domain = domain(program, field);
    let domain = domain.trim().trim_start_matches("in ");
    json!({ "name": field.name, "type": kind(program, field), "domain": domain, "optional": field.optional })
}

fn fact_json(program: &Program<Verified>, hole: &Hole) -> Value {
    let field = field_json(program, &opus_ir::Field { name: hole.name.clone(), ..as_field(hole) });
    json!({
        "key": hole.name,
        "set": matches!(hole.shape, Shape::Set(_)),
        "keys": table_keys(program, hole),
        "type": field["type"],
        "domain": field["domain"],
    })
}

/// The keys of a look-up table.
fn table_keys(program: &Program<Verified>, hole: &Hole) -> Vec<Value> {
    let Shape::Table { keys, .. } = &hole.shape else { return Vec::new() };
    let field = |key: &opus_ir::TableKey| opus_ir::Field {
        name: key.name.clone(),
        kind: key.kind,
        domain: key.domain.clone(),
        optional: false,
    };
    keys.iter().map(|key| field_json(program, &field(key))).collect()
}

/// A version; without an effective date it has no dates.
fn version_json(version: &Version<Verified>, is_dated: bool) -> Value {
    let certificate = version.decide.certificate();
    let day = |day: i32| (is_dated && day != i32::MAX).then(|| date::civil(day as i128).to_string());
    json!({
        "number": version.number,
        "from": day(version.from),
        "until": day(version.until),
        "cite": version.cite,
        "certificate": {
            "total": true,
            "steps_max": certificate.steps_max,
            "largest_intermediate": certificate.largest_magnitude.to_string(),
            "instructions": certificate.instructions,
        },
    })
}
