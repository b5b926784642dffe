//! Why is the result adverse? Because of the rule that decided. Rules after it were not considered, although some of
//! them would also have applied; others cannot be evaluated without the rules before them.

use std::collections::BTreeMap;

use opus_frontend::display;
use opus_frontend::hir::{self, ExprId, ExprKind, Policy};
use opus_frontend::reference::{Evaluator, Trace, Traced, Undefined, Value};
use serde::Serialize;

use super::{Named, Rule, rule};
use crate::trace;

/// Why a result is adverse.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Reasons {
    /// The rule that decided.
    pub considered: Reason,
    /// Later rules whose conditions hold too.
    pub not_considered: Vec<Reason>,
    /// Later rules whose conditions have no value on this row.
    pub not_evaluable: Vec<NotEvaluable>,
}

/// A rule whose condition holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Reason {
    /// The rule.
    pub rule: Rule,
    /// What it decides about the output that can be adverse; `None` where that has no value on this row.
    pub decides: Option<Named>,
    /// The parts of its condition that made it hold; none for `otherwise`.
    pub terms: Vec<Term>,
}

/// A part of a condition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Term {
    /// As it is written.
    pub text: String,
    /// Whether it holds.
    pub holds: bool,
    /// The values in it.
    pub values: Vec<Named>,
}

/// A rule whose condition has no value on a row.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NotEvaluable {
    /// The rule.
    pub rule: Rule,
    /// Why.
    pub because: String,
}

/// The reasons for an adverse result.
///
/// # Panics
/// Where the policy does not say which decisions are adverse.
pub(super) fn reasons(policy: &Policy, source: &str, given: &[Option<i128>], found: &Trace) -> Reasons {
    let version = &policy.versions[found.verdict.version];
    let about = About { policy, version, source, given };
    let decided = version.rules().position(|rule| rule.index as usize == found.verdict.rule);
    let decided = decided.expect("the rule that decided is in force");
    let mut rules = version.rules().skip(decided);
    let first = rules.next().expect("it was found");
    let terms = found.steps.iter().find_map(|step| match step {
        Traced::Rule { rule, terms, .. } if *rule == first.index => Some(terms.as_slice()),
        _ => None,
    });
    let mut evaluator = Evaluator::new(policy, found.verdict.version, given);
    let considered = about.reason(first, terms.unwrap_or_default(), &mut evaluator);
    let mut reasons = Reasons { considered, not_considered: Vec::new(), not_evaluable: Vec::new() };
    for rule in rules {
        let Some(condition) = rule.when else { continue };
        let from = evaluator.terms().len();
        match evaluator.holds(condition) {
            Ok(false) => {}
            Ok(true) => {
                let terms = evaluator.terms()[from..].to_vec();
                reasons.not_considered.push(about.reason(rule, &terms, &mut evaluator));
            }
            Err(undefined) => {
                let because = about.because(undefined);
                reasons.not_evaluable.push(NotEvaluable { rule: about.rule(rule), because });
            }
        }
    }
    reasons
}

struct About<'a> {
    policy: &'a Policy,
    version: &'a hir::Version,
    source: &'a str,
    given: &'a [Option<i128>],
}

impl About<'_> {
    fn rule(&self, of: &hir::Rule) -> Rule {
        rule(self.policy, of.index as usize)
    }

    fn reason(&self, rule: &hir::Rule, terms: &[(ExprId, Value)], evaluator: &mut Evaluator<'_>) -> Reason {
        let adverse =
            self.policy.adverse.as_ref().expect("reasons are for policies that say what is adverse");
        let output = &self.policy.schema.outputs[adverse.output as usize];
        let decides = match evaluator.value(rule.outcome[adverse.output as usize]) {
            Ok(Value::Enum(value)) => Some(Named {
                name: output.name.clone(),
                value: display::whole_text(&self.policy.schema, output.kind, i128::from(value)),
                text: None,
            }),
            _ => None,
        };
        let values: BTreeMap<ExprId, bool> = terms
            .iter()
            .filter_map(|(expr, value)| match value {
                Value::Bool(value) => Some((*expr, *value)),
                _ => None,
            })
            .collect();
        let mut parts = Vec::new();
        if let Some(condition) = rule.when {
            self.parts(condition, &values, &mut parts);
        }
        let term = |(expr, holds): (ExprId, bool)| {
            let shown =
                trace::terms(self.policy, self.version, self.source, self.given, (expr, terms)).into_iter();
            Term {
                text: self.text(expr),
                holds,
                values: shown.map(|(name, value)| Named { name, value, text: None }).collect(),
            }
        };
        Reason { rule: self.rule(rule), decides, terms: parts.into_iter().map(term).collect() }
    }

    /// The parts of a condition that made it what it is, without `and`, `or` and `if`, and whether each holds. Parts that were
    /// not evaluated have no say.
    fn parts(&self, expr: ExprId, values: &BTreeMap<ExprId, bool>, parts: &mut Vec<(ExprId, bool)>) {
        let Some(&holds) = values.get(&expr) else { return };
        match &self.version.exprs[expr].kind {
            ExprKind::And(a, b) | ExprKind::Or(a, b) => {
                for side in [a, b] {
                    if values.get(side) == Some(&holds) {
                        self.parts(*side, values, parts);
                    }
                }
            }
            ExprKind::Not(inner)
                if matches!(self.version.exprs[*inner].kind, ExprKind::And(..) | ExprKind::Or(..)) =>
            {
                self.parts(*inner, values, parts);
            }
            ExprKind::If(condition, a, b) => {
                for part in [condition, a, b] {
                    self.parts(*part, values, parts);
                }
            }
            ExprKind::Constant(_) => {}
            _ => parts.push((expr, holds)),
        }
    }

    fn text(&self, expr: ExprId) -> String {
        trace::one_line(self.version.exprs[expr].span, self.source)
    }

    fn because(&self, undefined: Undefined) -> String {
        match undefined {
            Undefined::Missing(expr) => format!("`{}` is missing", self.text(expr)),
            Undefined::ZeroDivisor(expr) => format!("`{}` would divide by zero", self.text(expr)),
            Undefined::Calendar(expr) => format!("`{}` would be outside the calendar", self.text(expr)),
            Undefined::NoRow(expr) => format!("`{}` has no row for this input", self.text(expr)),
            Undefined::Unfinished => unreachable!("the work is not bounded here"),
        }
    }
}
