//! What does each rule say, and what is known after it has failed?

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic, counted};
use crate::hir::{self, ExprKind, Form, Step, Ty, Unit};
use crate::text::ast::{self, ExprKind as Ast, Outcome, Rule, Span, Statement};

use super::exprs::enum_of;
use super::names;
use super::presence::Known;
use super::schema::FieldInfo;
use super::scope::{Binding, Checker, Typed};
use super::words::{decimals, how_to_round};

impl<'a> Checker<'a> {
    /// Understands the rules in order; `known` are the fields that are present in every row.
    pub fn rules(&mut self, mut known: Known) {
        let Some(rules) = self.declared.items.rules else { return };
        let mut ids: BTreeMap<&str, Span> = BTreeMap::new();
        for statement in &rules.statements {
            match statement {
                Statement::Let(item) if self.in_force(item.dated) => self.let_between(item, &known),
                Statement::Rule(rule) if self.in_force(rule.dated) => {
                    if let Some(first) = ids.insert(&rule.id.text, rule.id.span) {
                        self.findings.report(names::duplicate(&rule.id, first, "the rule"));
                    }
                    self.rule(rule, &mut known);
                }
                Statement::Let(_) | Statement::Rule(_) => {}
            }
        }
        let closed = matches!(self.version.steps.last(), Some(Step::Rule(rule)) if rule.when.is_none());
        if !closed {
            // the parser has reported that `otherwise` is missing, or the last rule is wrong, which has been reported
            self.findings.hole();
        }
    }

    fn let_between(&mut self, item: &'a ast::Let, known: &Known) {
        let defined = match self.bindings.get(item.name.text.as_str()) {
            Some(
                Binding::Let(_, span)
                | Binding::Param(_, span)
                | Binding::Hole(_, span)
                | Binding::Set(_, span)
                | Binding::FactTable(_, span)
                | Binding::Table(_, span),
            ) => Some(*span),
            Some(Binding::Input(index)) => Some(self.declared.inputs[*index as usize].decl.name.span),
            Some(Binding::Later(_) | Binding::NotInForce(_)) | None => None,
        };
        if let Some(first) = defined {
            self.findings.report(names::duplicate(&item.name, first, "the `let`"));
            return;
        }
        let named = self.define(item, known);
        if let Some(named) = &named {
            self.version.steps.push(Step::Let(named.id));
        }
        self.bindings.insert(&item.name.text, Binding::Let(named, item.name.span));
    }

    fn rule(&mut self, rule: &'a Rule, known: &mut Known) {
        let condition = rule.condition.map(|condition| (condition, self.condition(condition, known)));
        let inside = match &condition {
            Some((_, Some(typed))) => known.and_also(&typed.truth.holds),
            Some((expr, None)) => known.and_also(&self.asked_about(*expr)),
            None => known.clone(),
        };
        let outcome = self.outcome(rule, &inside);
        let when = match condition {
            Some((_, Some(typed))) => {
                *known = known.and_also(&typed.truth.fails);
                Some(Some(typed.id))
            }
            Some((expr, None)) => {
                *known = known.and_also(&self.asked_about(expr));
                None
            }
            None => Some(None),
        };
        if let (Some(when), Some(outcome)) = (when, outcome) {
            let index = self.declared.rule_index(rule.id.span);
            self.version.steps.push(Step::Rule(hir::Rule { index, when, outcome, span: rule.span }));
        }
    }

    /// The fields that a condition which could not be understood asks about: they are not complained about
    /// again.
    fn asked_about(&self, condition: ast::ExprId) -> Known {
        let mut found = Known::default();
        let mut open = vec![condition];
        while let Some(expr) = open.pop() {
            let kind = &self.node(expr).kind;
            if let Ast::IsMissing(operand) | Ast::IsPresent(operand) = kind
                && let Ast::Name(name) = &self.node(*operand).kind
                && let Some(Binding::Input(index)) = self.bindings.get(name.text.as_str())
            {
                found = found.and_also(&Known::present(*index));
            }
            open.extend(kind.children());
        }
        found
    }

    /// The values of all outputs.
    fn outcome(&mut self, rule: &'a Rule, known: &Known) -> Option<Vec<hir::ExprId>> {
        let by_name = rule.outcomes.iter().any(|outcome| outcome.output.is_some());
        if by_name { self.named_outcome(rule, known) } else { self.positional_outcome(rule, known) }
    }

    fn positional_outcome(&mut self, rule: &'a Rule, known: &Known) -> Option<Vec<hir::ExprId>> {
        let outputs = &self.declared.outputs;
        let right = rule.outcomes.len() == outputs.len();
        if !right && self.lacks_outputs() {
            return None;
        }
        if !right && !outputs.is_empty() {
            self.findings.report(wrong_count(rule, outputs));
        }
        let pairs = rule.outcomes.iter().zip(outputs);
        let values: Vec<Option<hir::ExprId>> =
            pairs.map(|(outcome, output)| self.value(outcome, output, known)).collect();
        values.into_iter().collect::<Option<Vec<_>>>().filter(|_| right)
    }

    /// Whether an output could not be read, so that nobody knows which value belongs to which.
    fn lacks_outputs(&self) -> bool {
        let tree = self.declared.tree;
        tree.items.iter().any(|item| matches!(item, ast::Item::Output(_)) && tree.is_lost(item.span()))
    }

    fn named_outcome(&mut self, rule: &'a Rule, known: &Known) -> Option<Vec<hir::ExprId>> {
        let outputs = &self.declared.outputs;
        let mut given: Vec<Option<Option<hir::ExprId>>> = vec![None; outputs.len()];
        let mut sound = true;
        for outcome in &rule.outcomes {
            let Some(name) = &outcome.output else {
                self.findings.hole();
                return None;
            };
            let found = outputs.iter().position(|output| output.decl.name.text == name.text);
            let Some(index) = found else {
                let all = outputs.iter().map(|output| output.decl.name.text.as_str());
                self.findings.report(names::unknown(name, "output", all));
                sound = false;
                continue;
            };
            if given[index].is_some() {
                let message = format!("`{}` is given twice", name.text);
                let diagnostic = Diagnostic::new(Code::DuplicateName, name.span, message);
                self.findings.report(diagnostic.help("remove one of them"));
            }
            given[index] = Some(self.value(outcome, &outputs[index], known));
        }
        let values: Vec<Option<hir::ExprId>> = given
            .into_iter()
            .zip(outputs)
            .map(|(value, output)| value.unwrap_or_else(|| self.default(rule, output)))
            .collect();
        values.into_iter().collect::<Option<Vec<_>>>().filter(|_| sound)
    }

    fn default(&mut self, rule: &Rule, output: &FieldInfo) -> Option<hir::ExprId> {
        let Some(expr) = output.decl.default else {
            let name = &output.decl.name.text;
            let message = format!("`{}` gives no value to `{name}`, which has no default", rule.id.text);
            let diagnostic = Diagnostic::new(Code::MissingOutcome, rule.id.span, message);
            let help = format!("add `{name} = …` to the rule, or a `default` to the output");
            self.findings.report(diagnostic.also(output.decl.span, "declared here").help(help));
            return None;
        };
        let ty = self.declared.ty(output.ty.as_ref()?.kind);
        Some(self.push(ExprKind::Constant(output.default?), ty, self.node(expr).span).id)
    }

    fn value(&mut self, outcome: &'a Outcome, output: &FieldInfo, known: &Known) -> Option<hir::ExprId> {
        let Some(info) = &output.ty else {
            // it is not clear which enum it belongs to, and that would be reported about it
            if !self.is_bare_value(outcome.value) {
                self.expr(outcome.value, None, known);
            }
            return None;
        };
        let ty = self.declared.ty(info.kind);
        let typed = self.expr(outcome.value, enum_of(ty), known)?;
        let fits = self.fits(&typed, outcome.value, ty, &output.decl.name.text);
        fits.then_some(typed.id)
    }

    /// Whether an output of a type can hold the value; says so where not.
    fn fits(&mut self, typed: &Typed, expr: ast::ExprId, ty: Ty, output: &str) -> bool {
        let span = self.node(expr).span;
        let diagnostic = match (typed.ty.scale(), ty.scale().unwrap_or(0)) {
            _ if typed.ty.unit != ty.unit => self.not_an_output(typed, expr, ty, output),
            (None, _) => {
                let message = format!("`{output}` cannot be an exact quotient");
                Diagnostic::new(Code::QuotientStored, span, message).help(how_to_round(ty.unit))
            }
            (Some(scale), most) if scale > most => {
                let in_percent = if ty.unit == Unit::Percent { 2 } else { 0 };
                let (has, most) =
                    (decimals(scale.saturating_sub(in_percent)), decimals(most.saturating_sub(in_percent)));
                let message = format!("this value has {has}, but `{output}` has {most}");
                Diagnostic::new(Code::LossyScale, span, message).help(how_to_round(ty.unit))
            }
            _ => return true,
        };
        self.findings.report(diagnostic);
        false
    }

    fn not_an_output(&self, typed: &Typed, expr: ast::ExprId, ty: Ty, output: &str) -> Diagnostic {
        let node = self.node(expr);
        match node.kind {
            Ast::Number(number) if matches!(ty.unit, Unit::Money | Unit::Percent | Unit::Days) => {
                self.declared.bare_number(node.span, number, ty, None)
            }
            _ => {
                let (found, expected) = (self.declared.describe(typed.ty), self.declared.describe(ty));
                let message = format!("`{output}` is {expected}, but this is {found}");
                let rounds = ty.unit == Unit::Percent && typed.ty.form == Form::Rational;
                let help = match rounds {
                    true => how_to_round(ty.unit),
                    false => "write outcomes in the order of the outputs, or by name",
                };
                Diagnostic::new(Code::WrongType, node.span, message).help(help)
            }
        }
    }
}

fn wrong_count(rule: &Rule, outputs: &[FieldInfo]) -> Diagnostic {
    let words: Vec<String> = outputs.iter().map(|output| format!("`{}`", output.decl.name.text)).collect();
    let (found, expected) = (rule.outcomes.len(), words.len());
    let are = if expected == 1 { "is" } else { "are" };
    let message = format!("{}, but {expected} {are} expected: {}", counted(found, "value"), words.join(", "));
    let span = rule.outcomes.iter().map(|outcome| outcome.span).reduce(Span::to).unwrap_or(rule.id.span);
    let help = "give all outputs in order, or some by name (`decision = …`) if the others have a `default`";
    let diagnostic = Diagnostic::new(Code::WrongOutcomeCount, span, message).help(help);
    let declared = outputs.iter().map(|output| output.decl.span).reduce(Span::to);
    declared.into_iter().fold(diagnostic, |diagnostic, outputs| diagnostic.also(outputs, "the outputs"))
}
