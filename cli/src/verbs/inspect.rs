//! `opus inspect`: what does an artifact hold?

use opus_frontend::display;
use opus_ir::{Program, Verified, date};
use opus_runtime::{Artifact, listing};
use serde_json::{Value, json};

use super::run::named;
use crate::args::Inspect;
use crate::failure::Failure;
use crate::open::open;
use crate::terminal::Terminal;

pub fn run(args: &Inspect, terminal: &Terminal) -> Result<(), Failure> {
    let opened = open(&args.policy, terminal)?;
    let artifact = &opened.artifact;
    if args.source {
        return terminal.print(&artifact.program().source);
    }
    if args.ir {
        return terminal.print(&ir(artifact.program()));
    }
    if args.bytecode {
        return terminal.print(&bytecode(artifact.program()));
    }
    if args.native {
        return terminal.print(&native(artifact.program())?);
    }
    if terminal.is_json() {
        terminal.print_json(&as_json(artifact))
    } else {
        terminal.print(&human(artifact))
    }
}

fn human(artifact: &Artifact) -> String {
    let program = artifact.program();
    let mut out = format!(
        "policy   {}\ncontent  {}\nmeaning  {}\n",
        program.name,
        artifact.content_hash(),
        artifact.meaning_hash()
    );
    out += &format!("size     {} bytes\n", artifact.bytes().len());
    out += "\ninputs\n";
    out += &fields(program, &program.schema.inputs);
    out += "\noutputs\n";
    out += &fields(program, &program.schema.outputs);
    out += "\nversions\n";
    out += &time_line(program);
    out += "\nrules\n";
    let width = program.rules.iter().map(|rule| rule.id.chars().count()).max().unwrap_or(0);
    for (index, rule) in program.rules.iter().enumerate() {
        let versions: Vec<String> = program
            .versions
            .iter()
            .filter(|version| decides(&version.decide, index))
            .map(|version| version.number.to_string())
            .collect();
        let label = named(&format!("{:<width$}", rule.id), &rule.title, &rule.cite);
        out += &format!("  {}  [{}]\n", label.trim_end(), versions.join(", "));
    }
    if !program.requires.is_empty() {
        out += "\nrequires\n";
        program
            .requires
            .iter()
            .for_each(|require| out += &format!("  {}\n", named(&require.id, &require.title, &require.cite)));
    }
    out += "\ncertificate\n";
    for version in &program.versions {
        let certificate = version.decide.certificate();
        let bits = 128 - certificate.largest_magnitude.leading_zeros();
        out += &format!(
            "  version {}: decides every admitted input in at most {} steps; no value exceeds {} ({bits} bits)\n",
            version.number, certificate.steps_max, certificate.largest_magnitude
        );
    }
    out
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

/// One line per version, with a bar from its first day on.
fn time_line(program: &Program<Verified>) -> String {
    let effective = program.schema.effective.map(|index| program.schema.inputs[index as usize].name.as_str());
    let line = |version: &opus_ir::Version<Verified>| {
        let until = match version.until {
            i32::MAX => "…".to_owned(),
            day => date::civil(day as i128 - 1).to_string(),
        };
        let cite = version.cite.as_ref().map(|cite| format!("  ({cite})")).unwrap_or_default();
        match effective {
            Some(field) => format!(
                "  {:>3}  {field} {} ── {until}{cite}\n",
                version.number,
                date::civil(version.from as i128)
            ),
            None => format!("  {:>3}  always{cite}\n", version.number),
        }
    };
    program.versions.iter().map(line).collect()
}

fn decides(func: &Verified, rule: usize) -> bool {
    func.blocks
        .values()
        .any(|block| matches!(block.end, opus_ir::End::Decide { rule: found, .. } if found as usize == rule))
}

fn ir(program: &Program<Verified>) -> String {
    let version = |version: &opus_ir::Version<Verified>| {
        let admit = if version.requires.is_empty() {
            String::new()
        } else {
            format!("; version {}: admit\n{}\n", version.number, *version.admit)
        };
        format!("{admit}; version {}: decide\n{}\n", version.number, *version.decide)
    };
    program.versions.iter().map(version).collect()
}

fn bytecode(program: &Program<Verified>) -> String {
    program.versions.iter().map(listing::bytecode).collect()
}

fn native(program: &Program<Verified>) -> Result<String, Failure> {
    let parts = program.versions.iter().map(listing::native);
    parts
        .collect::<Result<String, String>>()
        .map_err(|why| Failure::io(format!("there is no native code here: {why}")))
}

fn as_json(artifact: &Artifact) -> Value {
    let program = artifact.program();
    let field = |field: &opus_ir::Field| json!({ "name": field.name, "type": kind(program, field), "domain": domain(program, field).trim(), "optional": field.optional });
    let version = |version: &opus_ir::Version<Verified>| {
        let certificate = version.decide.certificate();
        json!({
            "number": version.number,
            "from": date::civil(version.from as i128).to_string(),
            "until": (version.until != i32::MAX).then(|| date::civil(version.until as i128).to_string()),
            "cite": version.cite,
            "certificate": {
                "instructions": certificate.instructions,
                "largest_magnitude": certificate.largest_magnitude.to_string(),
                "steps_max": certificate.steps_max,
            },
        })
    };
    let rule = |id: &str, title: &Option<String>, cite: &Option<String>| json!({ "id": id, "title": title, "cite": cite });
    json!({
        "policy": program.name,
        "content": artifact.content_hash().to_string(),
        "meaning": artifact.meaning_hash().to_string(),
        "bytes": artifact.bytes().len(),
        "currency": program.schema.currency.as_ref().map(|currency| currency.code.clone()),
        "inputs": program.schema.inputs.iter().map(field).collect::<Vec<_>>(),
        "outputs": program.schema.outputs.iter().map(field).collect::<Vec<_>>(),
        "versions": program.versions.iter().map(version).collect::<Vec<_>>(),
        "rules": program.rules.iter().map(|found| rule(&found.id, &found.title, &found.cite)).collect::<Vec<_>>(),
        "requires": program.requires.iter().map(|found| rule(&found.id, &found.title, &found.cite)).collect::<Vec<_>>(),
    })
}
