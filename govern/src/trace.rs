//! How was it decided? Every rule that was tried, in order, with the values of the terms that were looked at.
//!
//! Values come from the reference evaluator, which is the meaning of the language; texts are the policy's own.

use std::collections::BTreeSet;

use opus_frontend::ast::Span;
use opus_frontend::display;
use opus_frontend::hir::{ExprId, ExprKind, Policy, Unit, Version};
use opus_frontend::reference::{Trace, Traced, Value};
use serde_json::json;

/// A step of a trace, in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The rule's id, or the name of a value.
    pub name: String,
    /// Whether the rule applied; `None` for a named value.
    pub applied: Option<bool>,
    /// The condition as it is written, or what the name stands for; empty for `otherwise`.
    pub text: String,
    /// What the name stands for on this input; `None` for a rule.
    pub value: Option<String>,
    /// The terms that were looked at, with their values, in the order of their writing.
    pub terms: Vec<(String, String)>,
}

/// The steps of a trace, in words; `given` are the integers of the input fields.
pub fn lines(policy: &Policy, source: &str, given: &[Option<i128>], trace: &Trace) -> Vec<Line> {
    let version = &policy.versions[trace.decision.version];
    let words = Words { policy, version, source, given };
    trace.steps.iter().map(|step| words.line(step)).collect()
}

/// The steps for people: a column each for the answer, the rule and its condition, terms below.
pub fn human(lines: &[Line]) -> String {
    let width = lines.iter().map(|line| line.name.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for line in lines {
        let answer = match line.applied {
            Some(true) => "yes",
            Some(false) => "no",
            None => "let",
        };
        let text = match (&line.value, line.text.as_str()) {
            (Some(value), text) => format!("= {value}, from {text}"),
            (None, "") => "otherwise".to_owned(),
            (None, text) => text.to_owned(),
        };
        out += &format!("  {answer:<4} {:<width$}  {text}\n", line.name);
        let terms: Vec<String> = line.terms.iter().map(|(text, value)| format!("{text} = {value}")).collect();
        if !terms.is_empty() {
            out += &format!("       {:<width$}    {}\n", "", terms.join(", "));
        }
    }
    out
}

/// The steps for programs.
pub fn json(lines: &[Line]) -> serde_json::Value {
    let step = |line: &Line| {
        let terms: Vec<_> =
            line.terms.iter().map(|(text, value)| json!({ "text": text, "value": value })).collect();
        match &line.value {
            Some(value) => json!({ "let": line.name, "text": line.text, "value": value, "terms": terms }),
            None => {
                json!({ "rule": line.name, "applied": line.applied, "condition": line.text, "terms": terms })
            }
        }
    };
    lines.iter().map(step).collect()
}

struct Words<'a> {
    policy: &'a Policy,
    version: &'a Version,
    source: &'a str,
    given: &'a [Option<i128>],
}

impl Words<'_> {
    fn line(&self, step: &Traced) -> Line {
        match step {
            Traced::Let { name, value, terms } => {
                let named = &self.version.lets[*name];
                Line {
                    name: named.name.clone(),
                    applied: None,
                    text: self.text(self.version.exprs[named.body].span),
                    value: Some(self.value(self.version.exprs[named.body].ty.unit, value)),
                    terms: self.terms(named.body, terms),
                }
            }
            Traced::Rule { rule, applied, terms } => {
                let when =
                    self.version.rules().find(|found| found.index == *rule).and_then(|found| found.when);
                Line {
                    name: self.policy.rules[*rule as usize].id.clone(),
                    applied: Some(*applied),
                    text: when.map(|when| self.text(self.version.exprs[when].span)).unwrap_or_default(),
                    value: None,
                    terms: when.map(|when| self.terms(when, terms)).unwrap_or_default(),
                }
            }
        }
    }

    /// What is worth showing of `terms`: names, and the sides of comparisons that are more than a name.
    fn terms(&self, whole: ExprId, terms: &[(ExprId, Value)]) -> Vec<(String, String)> {
        let sides: BTreeSet<ExprId> = terms.iter().flat_map(|(expr, _)| self.sides(*expr)).collect();
        let within = self.version.exprs[whole].span;
        let mut shown: Vec<(Span, String, String)> = Vec::new();
        for (expr, value) in terms {
            let node = &self.version.exprs[*expr];
            let inside = within.start <= node.span.start && node.span.end <= within.end;
            if inside && (is_name(&node.kind) || sides.contains(expr)) {
                shown.push(match node.kind {
                    // what was asked is whether there is a value: so that is told, or what it is
                    ExprKind::IsPresent(field) => {
                        (node.span, self.field_name(field), self.field_value(field))
                    }
                    _ => (node.span, self.text(node.span), self.value(node.ty.unit, value)),
                });
            }
        }
        shown.sort();
        let mut seen = BTreeSet::new();
        let shown = shown.into_iter().filter(|(_, text, _)| seen.insert(text.clone()));
        shown.map(|(_, text, value)| (text, value)).collect()
    }

    fn sides(&self, expr: ExprId) -> Vec<ExprId> {
        match &self.version.exprs[expr].kind {
            ExprKind::Compare(_, a, b) => vec![*a, *b],
            ExprKind::In(value, _) => vec![*value],
            _ => vec![],
        }
    }

    fn field_name(&self, field: u32) -> String {
        self.policy.schema.inputs[field as usize].name.clone()
    }

    fn field_value(&self, field: u32) -> String {
        let kind = self.policy.schema.inputs[field as usize].kind;
        let value = self.given[field as usize];
        value.map_or_else(
            || "missing".to_owned(),
            |value| display::field_text(&self.policy.schema, kind, value),
        )
    }

    /// The text of a place on one line, with single spaces.
    fn text(&self, span: Span) -> String {
        span.text(self.source).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn value(&self, unit: Unit, value: &Value) -> String {
        match (unit, value) {
            (_, Value::Number(number)) => display::value_text(&self.policy.schema, unit, number),
            (_, Value::Bool(value)) => value.to_string(),
            (Unit::Enum(index), Value::Enum(code)) => {
                self.policy.schema.enums[index as usize].values[*code as usize].name.clone()
            }
            (_, Value::Enum(code)) => code.to_string(),
        }
    }
}

fn is_name(kind: &ExprKind) -> bool {
    use ExprKind::{Field, IsPresent, Let, OrElse, Param, Table};
    matches!(kind, Field(_) | IsPresent(_) | OrElse(..) | Param(_) | Let(_) | Table(_))
}
