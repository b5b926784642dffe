//! How was a decision reached? Every rule up to the one that decided, every parameter, named value and table row that they
//! needed, and the outcome, in order, with the values of the terms.
//!
//! Values come from the reference evaluator, which defines the meaning of the language; texts are quoted from the
//! policy. A number with infinitely many decimals is followed by the exact fraction.

use std::collections::BTreeSet;

use opus_frontend::ast::Span;
use opus_frontend::display;
use opus_frontend::hir::{self, ExprId, ExprKind, ParamId, Policy, Unit, Version};
use opus_frontend::reference::{self, Trace, Traced, Value};
use opus_ir::date;
use opus_runtime::Snapshot;
use serde_json::json;

use crate::facts::in_force;

/// A step of a trace, in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// What the step is.
    pub step: Step,
    /// The rule's id, the key of the fact, or the name of the value, parameter, table or output.
    pub name: String,
    /// The condition, the expression or the table's row as it is written, the dates of a parameter's value, or the first day
    /// of a fact; empty for `otherwise` and for a parameter that always has one value.
    pub text: String,
    /// The value of a name, a row or an output; `None` for a rule.
    pub value: Option<String>,
    /// The citation of the rule, the parameter, the table's row or the table; of a fact, that of its declaration and its own.
    pub cite: Option<String>,
    /// The terms that were evaluated, with their values, in the order in which they are written.
    pub terms: Vec<(String, String)>,
}

/// What a step of a trace is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A rule, and whether it applied.
    Rule(bool),
    /// A parameter, before the first step that needs it.
    Param,
    /// A fact of the snapshot, before the first step that needs it.
    Fact,
    /// A named value.
    Let,
    /// The row of a table that applied.
    Row,
    /// An output of the rule that decided.
    Output,
}

impl Step {
    /// The word in front of a line.
    fn word(self) -> &'static str {
        match self {
            Step::Rule(true) => "yes",
            Step::Rule(false) => "no",
            Step::Param => "param",
            Step::Fact => "fact",
            Step::Let => "let",
            Step::Row => "row",
            Step::Output => "=>",
        }
    }
}

/// The steps of a trace, in words; `given` are the integers of the input fields, and after them those of the facts, which
/// come from `snapshot`.
pub fn lines(
    policy: &Policy,
    source: &str,
    given: &[Option<i128>],
    snapshot: Option<&Snapshot>,
    trace: &Trace,
) -> Vec<Line> {
    let version = &policy.versions[trace.verdict.version];
    let words = Words { policy, version, source, given, outputs: &trace.verdict.outputs };
    let (mut met, mut met_facts) = (BTreeSet::new(), BTreeSet::new());
    let mut lines = Vec::new();
    for step in &trace.steps {
        let params = words.params(step).into_iter().filter(|param| met.insert(*param));
        lines.extend(params.map(|param| words.param(param)));
        let facts = words.facts(step).into_iter().filter(|(_, key, _)| met_facts.insert(key.clone()));
        lines.extend(facts.map(|(hole, key, value)| words.fact(hole, key, value, snapshot)));
        lines.push(words.line(step));
    }
    lines
}

/// The terms of an expression in words: names and the sides of comparisons, with the values that the reference evaluator
/// found.
pub(crate) fn terms(
    policy: &Policy,
    version: &Version,
    source: &str,
    given: &[Option<i128>],
    (whole, terms): (ExprId, &[(ExprId, Value)]),
) -> Vec<(String, String)> {
    Words { policy, version, source, given, outputs: &[] }.terms(whole, terms)
}

/// The text of a place on one line, with single spaces.
pub(crate) fn one_line(span: Span, source: &str) -> String {
    span.text(source).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The steps for people: a column each for the kind of step, the name, and what it says; terms below.
pub fn human(lines: &[Line]) -> String {
    let width = lines.iter().map(|line| line.name.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for line in lines {
        let text = match (line.step, &line.value, line.text.as_str()) {
            (Step::Rule(_), _, "") => "otherwise".to_owned(),
            (Step::Row, Some(value), text) if text == value => {
                format!("= {value}, in the cell of these keys")
            }
            (Step::Row, Some(value), text) => format!("= {value}, in the row {text}"),
            (Step::Param | Step::Fact, Some(value), "") => format!("= {value}"),
            (Step::Param, Some(value), text) => format!("= {value}, {text}"),
            // a constant says all by itself
            (_, Some(value), text) if text == value => format!("= {value}"),
            (_, Some(value), text) => format!("= {value}, from {text}"),
            (_, None, text) => text.to_owned(),
        };
        let cite = line
            .cite
            .as_ref()
            .filter(|cite| !line.text.contains(*cite))
            .map(|cite| format!("  ({cite})"))
            .unwrap_or_default();
        out += &format!("  {:<5} {:<width$}  {text}{cite}\n", line.step.word(), line.name);
        let terms: Vec<String> = line.terms.iter().map(|(text, value)| format!("{text} = {value}")).collect();
        if !terms.is_empty() {
            out += &format!("        {:<width$}    {}\n", "", terms.join(", "));
        }
    }
    out
}

/// The steps for programs.
pub fn json(lines: &[Line]) -> serde_json::Value {
    let step = |line: &Line| {
        let terms: Vec<_> =
            line.terms.iter().map(|(text, value)| json!({ "text": text, "value": value })).collect();
        let Line { name, text, value, cite, .. } = line;
        match line.step {
            Step::Rule(applied) => {
                json!({ "rule": name, "applied": applied, "condition": text, "cite": cite, "terms": terms })
            }
            Step::Param => json!({ "param": name, "value": value, "dates": text, "cite": cite }),
            Step::Fact => {
                let valid_from = Some(text).filter(|text| !text.is_empty());
                json!({ "fact": name, "value": value, "valid_from": valid_from, "cite": cite })
            }
            Step::Let => json!({ "let": name, "text": text, "value": value, "terms": terms }),
            Step::Row => {
                json!({ "table": name, "row": text, "value": value, "cite": cite, "terms": terms })
            }
            Step::Output => json!({ "output": name, "text": text, "value": value, "terms": terms }),
        }
    };
    lines.iter().map(step).collect()
}

struct Words<'a> {
    policy: &'a Policy,
    version: &'a Version,
    source: &'a str,
    given: &'a [Option<i128>],
    outputs: &'a [i128],
}

impl Words<'_> {
    /// The parameters that a step needed.
    fn params(&self, step: &Traced) -> Vec<ParamId> {
        let used = |expr: ExprId| match self.version.exprs[expr].kind {
            ExprKind::Param(param) => Some(param),
            _ => None,
        };
        match step {
            Traced::Let { terms, .. } | Traced::Rule { terms, .. } | Traced::Output { terms, .. } => {
                terms.iter().filter_map(|(expr, _)| used(*expr)).collect()
            }
            Traced::Row { table, .. } => {
                self.version.tables[*table].keys.iter().filter_map(|key| used(key.value)).collect()
            }
        }
    }

    /// The facts that a step needed: the hole, the key and the value in words.
    fn facts(&self, step: &Traced) -> Vec<(u32, String, String)> {
        let exprs = &self.version.exprs;
        let named = |hole: u32| self.policy.holes[hole as usize].hole.name.clone();
        let fact = |expr: ExprId, value: &Value, terms: &[(ExprId, Value)]| {
            let shown = || self.value(exprs[expr].ty.unit, value);
            match &exprs[expr].kind {
                ExprKind::Hole(hole) => Some((*hole, named(*hole), shown())),
                ExprKind::InHole(_, hole) => Some((*hole, named(*hole), self.members(*hole))),
                ExprKind::Entry(keys, hole) => Some((*hole, self.entry_key(keys, *hole, terms), shown())),
                _ => None,
            }
        };
        match step {
            Traced::Let { terms, .. } | Traced::Rule { terms, .. } | Traced::Output { terms, .. } => {
                terms.iter().filter_map(|(expr, value)| fact(*expr, value, terms)).collect()
            }
            Traced::Row { table, keys, .. } => {
                let keys = self.version.tables[*table].keys.iter().zip(keys);
                keys.filter_map(|(key, value)| fact(key.value, value.as_ref()?, &[])).collect()
            }
        }
    }

    /// `rate[EU, 12]`
    fn entry_key(&self, keys: &[ExprId], hole: u32, terms: &[(ExprId, Value)]) -> String {
        let value = |expr: &ExprId| match self.version.exprs[*expr].kind {
            ExprKind::Constant(constant) => Some(Value::of(constant)),
            _ => terms.iter().find(|(known, _)| known == expr).map(|(_, value)| value.clone()),
        };
        let values: Option<Vec<Value>> = keys.iter().map(value).collect();
        let cell =
            values.and_then(|values| reference::cell(&values)).expect("a key is evaluated before its entry");
        self.policy.holes[hole as usize].hole.fact_key(&cell, &self.policy.schema)
    }

    fn fact(&self, hole: u32, key: String, value: String, snapshot: Option<&Snapshot>) -> Line {
        let fact = snapshot.and_then(|snapshot| in_force(self.policy, snapshot, &key, self.given));
        let declared = self.policy.holes[hole as usize].cite.as_deref();
        let own = fact.and_then(|fact| fact.cite.as_deref()).filter(|own| Some(*own) != declared);
        let cites: Vec<&str> = declared.into_iter().chain(own).collect();
        Line {
            step: Step::Fact,
            name: key,
            text: fact.map(|fact| date::civil(fact.valid_from.into()).to_string()).unwrap_or_default(),
            value: Some(value),
            cite: (!cites.is_empty()).then(|| cites.join("; ")),
            terms: Vec::new(),
        }
    }

    fn param(&self, param: ParamId) -> Line {
        let param = &self.version.params[param];
        let written = self.text(param.span);
        let dates = written.split_once('=').map(|(dates, _)| dates.trim().to_owned());
        Line {
            step: Step::Param,
            name: param.name.clone(),
            text: dates.unwrap_or_default(),
            value: Some(self.value(param.ty.unit, &Value::of(param.value))),
            cite: param.cite.clone(),
            terms: Vec::new(),
        }
    }

    fn line(&self, step: &Traced) -> Line {
        let version = self.version;
        match step {
            Traced::Let { name, value, terms } => {
                let named = &version.lets[*name];
                Line {
                    step: Step::Let,
                    name: named.name.clone(),
                    text: self.text(version.exprs[named.body].span),
                    value: Some(self.value(version.exprs[named.body].ty.unit, value)),
                    cite: None,
                    terms: self.parts(named.body, terms),
                }
            }
            Traced::Row { table, row, value, keys } => {
                let table = &version.tables[*table];
                let row = &table.rows[*row];
                let key = |(key, value): (&hir::Key, &Option<Value>)| {
                    let expr = &version.exprs[key.value];
                    let missing = || "missing".to_owned();
                    (
                        self.text(expr.span),
                        value.as_ref().map_or_else(missing, |value| self.value(expr.ty.unit, value)),
                    )
                };
                Line {
                    step: Step::Row,
                    name: table.name.clone(),
                    text: self
                        .text(row.span)
                        .trim_start_matches(['|', ' '])
                        .trim_end_matches([' ', ';'])
                        .to_owned(),
                    value: Some(self.value(table.ty.unit, value)),
                    cite: row.cite.clone().or_else(|| table.cite.clone()),
                    terms: table.keys.iter().zip(keys).map(key).collect(),
                }
            }
            Traced::Rule { rule, applied, terms } => {
                let when = version.rules().find(|found| found.index == *rule).and_then(|found| found.when);
                Line {
                    step: Step::Rule(*applied),
                    name: self.policy.rules[*rule as usize].id.clone(),
                    text: when.map(|when| self.text(version.exprs[when].span)).unwrap_or_default(),
                    value: None,
                    cite: self.policy.rules[*rule as usize].cite.clone(),
                    terms: when.map(|when| self.terms(when, terms)).unwrap_or_default(),
                }
            }
            Traced::Output { output, expr, terms } => {
                let schema = &self.policy.schema;
                let field = &schema.outputs[*output];
                Line {
                    step: Step::Output,
                    name: field.name.clone(),
                    text: self.text(version.exprs[*expr].span),
                    value: Some(display::whole_text(schema, field.kind, self.outputs[*output])),
                    cite: None,
                    terms: self.parts(*expr, terms),
                }
            }
        }
    }

    /// The same without the whole, whose value is shown already.
    fn parts(&self, whole: ExprId, terms: &[(ExprId, Value)]) -> Vec<(String, String)> {
        let parts: Vec<_> = terms.iter().filter(|(expr, _)| *expr != whole).cloned().collect();
        self.terms(whole, &parts)
    }

    /// What is worth showing of `terms`: names, and the sides of comparisons that are more than a name.
    fn terms(&self, whole: ExprId, terms: &[(ExprId, Value)]) -> Vec<(String, String)> {
        let sides: BTreeSet<ExprId> = terms.iter().flat_map(|(expr, _)| self.sides(*expr)).collect();
        let within = self.version.exprs[whole].span;
        let mut shown: Vec<(Span, String, String)> = Vec::new();
        for (expr, value) in terms {
            let node = &self.version.exprs[*expr];
            let inside = within.start <= node.span.start && node.span.end <= within.end;
            let asks = matches!(node.kind, ExprKind::InHole(..));
            if inside && (is_name(&node.kind) || asks || sides.contains(expr)) {
                shown.push(match node.kind {
                    // what was asked shows the answer; what is in the set does not show yet
                    ExprKind::InHole(_, hole) => {
                        let behind = Span { start: node.span.end, ..node.span };
                        (behind, self.policy.holes[hole as usize].hole.name.clone(), self.members(hole))
                    }
                    // the question is whether there is a value, so the trace shows that, or the value
                    ExprKind::IsPresent(field) | ExprKind::OrElse(field, _) => {
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
            ExprKind::In(value, _) | ExprKind::InHole(value, _) => vec![*value],
            _ => vec![],
        }
    }

    /// The values in a set: `{UK, US}`.
    fn members(&self, hole: u32) -> String {
        let schema = &self.policy.schema;
        let of = self.policy.holes[hole as usize].of().expect("a set is of an enum");
        let facts = self.given.get(schema.inputs.len() + self.policy.first_fact(hole)..).unwrap_or(&[]);
        let values = schema.enums[of as usize].values.iter().zip(facts);
        let inside = values.filter(|(_, fact)| **fact == Some(1)).map(|(value, _)| value.name.as_str());
        format!("{{{}}}", inside.collect::<Vec<_>>().join(", "))
    }

    fn field_name(&self, field: u32) -> String {
        self.policy.schema.inputs[field as usize].name.clone()
    }

    fn field_value(&self, field: u32) -> String {
        let kind = self.policy.schema.inputs[field as usize].kind;
        let value = self.given[field as usize];
        value.map_or_else(
            || "missing".to_owned(),
            |value| display::whole_text(&self.policy.schema, kind, value),
        )
    }

    fn text(&self, span: Span) -> String {
        one_line(span, self.source)
    }

    fn value(&self, unit: Unit, value: &Value) -> String {
        match (unit, value) {
            (_, Value::Number(number)) => display::exact_text(&self.policy.schema, unit, number),
            (_, Value::Bool(value)) => value.to_string(),
            (Unit::Enum(index), Value::Enum(code)) => {
                self.policy.schema.enums[index as usize].values[*code as usize].name.clone()
            }
            (_, Value::Enum(code)) => code.to_string(),
        }
    }
}

fn is_name(kind: &ExprKind) -> bool {
    use ExprKind::{Entry, Field, Hole, IsPresent, Let, OrElse, Param, Table};
    matches!(kind, Field(_) | IsPresent(_) | OrElse(..) | Param(_) | Hole(_) | Entry(..) | Let(_) | Table(_))
}
