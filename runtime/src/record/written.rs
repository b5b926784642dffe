//! How is a decision written as JSON at the speed of copying? What does not depend on the row is written once:
//! names of outputs and of enum values when the first decision is written, a rule when it first decides.

use std::sync::OnceLock;

use opus_ir::{Kind, Program, Schema, date};

use super::FORMAT;
use crate::admission::json::Quoted;
use crate::admission::{Reason, Shown, push_date};
use crate::hash::Hash;

/// The parts of records of one policy.
pub(crate) struct Written {
    outputs: Box<[OutputForm]>,
    /// By rule of the program.
    rules: Box<[OnceLock<Box<str>>]>,
    /// By version of the program, up to the date that selected it.
    versions: Box<[Box<str>]>,
    /// What follows that date.
    artifact: Box<str>,
}

struct OutputForm {
    /// The name and a colon, with what comes before them.
    name: Box<str>,
    kind: Kind,
    /// The names of an enum's values as JSON; empty for other kinds.
    names: Box<[Box<str>]>,
}

impl Written {
    pub(crate) fn new(program: &Program<()>, artifact: Hash, snapshot: Option<Hash>) -> Written {
        let schema = &program.schema;
        let form = |(index, field): (usize, &opus_ir::Field)| {
            let before = if index == 0 { "{\"outputs\":{" } else { "," };
            let names = match field.kind {
                Kind::Enum(of) => &schema.enums[of as usize].values[..],
                _ => &[],
            };
            OutputForm {
                name: format!("{before}{}:", Quoted(&field.name)).into(),
                kind: field.kind,
                names: names.iter().map(|value| Quoted(&value.name).to_string().into()).collect(),
            }
        };
        let version = |version: &opus_ir::Version<()>| {
            let mut text = format!(",\"version\":{{\"number\":{}", version.number);
            if schema.effective.is_some() {
                text += &format!(",\"from\":\"{}\"", date::civil(version.from.into()));
            }
            push_member(&mut text, "cite", version.cite.as_deref());
            if let Some(field) = schema.effective {
                text += &format!(",\"chosen_by\":{{{}:\"", Quoted(&schema.inputs[field as usize].name));
            }
            text.into()
        };
        let close = if schema.effective.is_some() { "\"}}" } else { "}" };
        let snapshot = snapshot.map_or(String::new(), |hash| format!(",\"snapshot\":\"{hash}\""));
        Written {
            outputs: schema.outputs.iter().enumerate().map(form).collect(),
            rules: program.rules.iter().map(|_| OnceLock::new()).collect(),
            versions: program.versions.iter().map(version).collect(),
            artifact: format!("{close},\"record\":{FORMAT},\"artifact\":\"{artifact}\"{snapshot}").into(),
        }
    }

    /// Appends outputs, rule, version and artifact; the object is still open.
    #[inline]
    pub(crate) fn push_decision(
        &self,
        text: &mut String,
        program: &Program<()>,
        values: impl Iterator<Item = i128>,
        rule: usize,
        version: usize,
        day: Option<i128>,
    ) {
        if self.outputs.is_empty() {
            text.push_str("{\"outputs\":{");
        }
        for (form, value) in self.outputs.iter().zip(values) {
            text.push_str(&form.name);
            form.push_value(text, &program.schema, value);
        }
        let rule = self.rules[rule].get_or_init(|| {
            let rule = &program.rules[rule];
            let mut text = format!("}},\"rule\":{{\"id\":{}", Quoted(&rule.id));
            push_member(&mut text, "title", rule.title.as_deref());
            push_member(&mut text, "cite", rule.cite.as_deref());
            text.push('}');
            text.into()
        });
        text.push_str(rule);
        text.push_str(&self.versions[version]);
        if let Some(day) = day {
            push_date(text, day);
        }
        text.push_str(&self.artifact);
    }
}

impl OutputForm {
    #[inline]
    fn push_value(&self, text: &mut String, schema: &Schema, value: i128) {
        match usize::try_from(value).ok().and_then(|value| self.names.get(value)) {
            Some(name) => text.push_str(name),
            None => Shown::new(schema, self.kind, value).push_json_to(text),
        }
    }
}

fn push_member(text: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        *text += &format!(",\"{name}\":{}", Quoted(value));
    }
}

/// Appends a member that is a hash.
pub(crate) fn push_hash(text: &mut String, name: &str, hash: Hash) {
    text.push_str(name);
    hash.push_to(text);
    text.push('"');
}

/// Appends the reasons of a refusal; the object is still open.
pub(crate) fn push_refusal(text: &mut String, reasons: &[Reason]) {
    text.push_str("{\"refused\":[");
    for (index, reason) in reasons.iter().enumerate() {
        text.push_str(if index == 0 { "{" } else { ",{" });
        let members = [
            ("\"field\":", &*reason.name),
            (",\"value\":", &reason.value),
            (",\"code\":", reason.fault.code()),
            (",\"message\":", &reason.message),
        ];
        for (name, value) in members {
            text.push_str(name);
            Quoted(value).push_to(text);
        }
        text.push('}');
    }
    *text += &format!("],\"record\":{FORMAT}");
}
