//! What do the cases give, and what do the tests expect?
//!
//! Values are read against the types of the fields, and not against their ranges: a test may expect a refusal.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Code, Diagnostic, one_of};
use crate::hir::{Expect, Test};
use crate::text::ast::{self, Assignment, Expectation, ExpectationKind, Given, Name, Span, Statement};

use super::findings::Findings;
use super::names;
use super::schema::{Declared, FieldInfo};

/// Values by input index.
type Row = Vec<Option<i128>>;

/// A case: its values, which inputs it gives, and whether all that it gives could be understood.
#[derive(Clone)]
struct Start<'a> {
    case: &'a ast::Case,
    row: Row,
    given: Vec<bool>,
    sound: bool,
}

/// The tests of a policy.
pub(super) fn tests(declared: &Declared, findings: &mut Findings) -> Vec<Test> {
    let mut cases: BTreeMap<&str, Start> = BTreeMap::new();
    let count = declared.inputs.len();
    for case in &declared.items.cases {
        let mut start = Start { case, row: vec![None; count], given: vec![false; count], sound: true };
        assign(declared, &case.fields, &mut start, findings);
        cases.entry(&case.name.text).or_insert(start);
    }
    let mut told = BTreeSet::new();
    let tests = declared.items.tests.iter();
    tests.map(|test| declared.test(test, &cases, &mut told, findings)).collect()
}

fn assign(declared: &Declared, fields: &[Assignment], start: &mut Start, findings: &mut Findings) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for field in fields {
        let name = &field.name;
        if let Some(first) = seen.insert(&name.text, name.span) {
            let message = format!("`{}` is given twice", name.text);
            let diagnostic = Diagnostic::new(Code::DuplicateName, name.span, message);
            findings.report(diagnostic.also(first, "given here first").help("remove one of them"));
        }
        let Some(index) = declared.inputs.iter().position(|input| input.decl.name.text == name.text) else {
            let inputs = declared.inputs.iter().map(|input| input.decl.name.text.as_str());
            findings.report(names::unknown(name, "input", inputs));
            start.sound = false;
            continue;
        };
        let input = &declared.inputs[index];
        start.given[index] = field.value != Given::Missing || input.decl.optional.is_some();
        start.row[index] = match field.value {
            Given::Value(expr) if names_nothing(declared, expr) => {
                findings.report(written_missing(declared, name, expr));
                None
            }
            Given::Value(expr) => value(declared, input, expr, findings),
            Given::Missing => None,
        };
    }
}

/// `score = null`
fn names_nothing(declared: &Declared, expr: ast::ExprId) -> bool {
    match &declared.tree.exprs[expr].kind {
        ast::ExprKind::Name(name) => {
            names::means_nothing(&name.text)
                && !declared.names.enums_of_value.contains_key(name.text.as_str())
        }
        _ => false,
    }
}

fn written_missing(declared: &Declared, name: &Name, expr: ast::ExprId) -> Diagnostic {
    let span = declared.tree.exprs[expr].span;
    let word = match &declared.tree.exprs[expr].kind {
        ast::ExprKind::Name(word) => word.text.as_str(),
        _ => "",
    };
    let message = format!("there is no value `{word}`");
    Diagnostic::new(Code::UnknownName, span, message)
        .help(format!("write `{} = missing` for a missing value", name.text))
        .fix(span, "missing")
}

/// The scaled integer of a literal, by the type of a field.
fn value(declared: &Declared, field: &FieldInfo, expr: ast::ExprId, findings: &mut Findings) -> Option<i128> {
    let ty = declared.ty(field.ty.as_ref()?.kind);
    let constant = declared.constant(expr, ty, findings)?;
    declared.scaled(ty, constant)
}

impl Declared<'_> {
    fn test(
        &self,
        test: &ast::Test,
        cases: &BTreeMap<&str, Start>,
        told: &mut BTreeSet<(Span, u32)>,
        findings: &mut Findings,
    ) -> Test {
        let start = cases.get(test.given.text.as_str());
        match start {
            Some(start) => findings.refer(start.case.name.span),
            None => findings.report(names::unknown(&test.given, "case", cases.keys().copied())),
        }
        let mut given = start.cloned();
        let mut row = vec![None; self.inputs.len()];
        if let Some(given) = &mut given {
            assign(self, &test.with, given, findings);
            row = given.row.clone();
        }
        if let Some(on) = test.on {
            match self.effective {
                Some(field) => {
                    row[field as usize] = Some(on.day as i128);
                    given.iter_mut().for_each(|given| given.given[field as usize] = true);
                }
                None if self.items.effective.is_none() => findings.report(no_effective(on.span)),
                // an unknown input has been reported
                None => {}
            }
        }
        if let Some(given) = given.filter(|given| given.sound) {
            self.complete(test, &given, told, findings);
        }
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        let expects =
            test.expect.iter().filter_map(|it| Some((self.expect(it, &mut seen, findings)?, it.span)));
        Test { name: test.title.text.clone(), given: row, expects: expects.collect(), span: test.span }
    }

    /// A test that leaves out an input that has to be present is always refused, which it may expect.
    fn complete(
        &self,
        test: &ast::Test,
        given: &Start,
        told: &mut BTreeSet<(Span, u32)>,
        findings: &mut Findings,
    ) {
        let refused = test.expect.iter().any(|one| matches!(one.kind, ExpectationKind::Refused(_)));
        if refused || self.tree.is_lost(given.case.span) || self.tree.is_lost(test.span) {
            return;
        }
        let left_out =
            |&(index, input): &(usize, &FieldInfo)| input.decl.optional.is_none() && !given.given[index];
        for (index, input) in self.inputs.iter().enumerate().filter(left_out) {
            let is_effective = self.effective == Some(index as u32);
            let place = if is_effective { test.given.span } else { given.case.name.span };
            if !told.insert((place, index as u32)) {
                continue;
            }
            findings.report(self.incomplete(test, given, input, is_effective));
        }
    }

    fn incomplete(
        &self,
        test: &ast::Test,
        given: &Start,
        input: &FieldInfo,
        is_effective: bool,
    ) -> Diagnostic {
        let name = &input.decl.name.text;
        let value = self.example(input);
        if is_effective {
            let message = format!("this test does not say on which day, and `{name}` is required");
            let end = test.with.last().map_or(test.given.span, |field| field.span);
            return Diagnostic::new(Code::IncompleteTest, test.given.span.to(end), message)
                .also(input.decl.span, "selects the version")
                .help(format!("add the day before `expect`, for example `on {value}`"));
        }
        let message =
            format!("the case `{}` does not give `{name}`, which is required", given.case.name.text);
        Diagnostic::new(Code::IncompleteTest, given.case.name.span, message)
            .also(test.title.span, "this test does not give it either")
            .also(input.decl.span, "declared here")
            .help(format!("add it to the case, for example `{name} = {value}`"))
    }

    /// A value that an input may have.
    fn example(&self, input: &FieldInfo) -> String {
        let known = input.ty.as_ref().and_then(|info| Some((info.kind, info.domain.as_ref()?)));
        known.map_or("…".into(), |(kind, domain)| {
            let least = domain.set.as_ref().and_then(|set| set.first().copied()).unwrap_or(domain.range.lo);
            self.written(self.ty(kind), least)
        })
    }

    fn expect<'t>(
        &self,
        expectation: &'t Expectation,
        seen: &mut BTreeMap<&'t str, Span>,
        findings: &mut Findings,
    ) -> Option<Expect> {
        match &expectation.kind {
            ExpectationKind::Output { output, value: expr } => {
                if let Some(first) = seen.insert(&output.text, output.span) {
                    let message = format!("`{}` is expected twice", output.text);
                    let diagnostic = Diagnostic::new(Code::DuplicateName, output.span, message);
                    findings.report(diagnostic.also(first, "given here first").help("remove one of them"));
                }
                let index = self.outputs.iter().position(|known| known.decl.name.text == output.text);
                let Some(index) = index else {
                    let outputs = self.outputs.iter().map(|output| output.decl.name.text.as_str());
                    findings.report(names::unknown(output, "output", outputs));
                    return None;
                };
                Some(Expect::Output(index as u32, value(self, &self.outputs[index], *expr, findings)?))
            }
            ExpectationKind::Rule(name) => self.expect_rule(name, findings),
            ExpectationKind::Version(version) => {
                let known = self.versions.iter().any(|period| period.number == version.number);
                if !known {
                    findings.report(self.no_version(version));
                }
                known.then_some(Expect::Version(version.number))
            }
            ExpectationKind::Refused(name) => self.expect_refusal(name, findings),
        }
    }

    fn expect_rule(&self, name: &Name, findings: &mut Findings) -> Option<Expect> {
        let statements = self.items.rules.iter().flat_map(|rules| &rules.statements);
        let rules: Vec<&str> = statements
            .filter_map(|statement| match statement {
                Statement::Rule(rule) => Some(rule.id.text.as_str()),
                Statement::Let(_) => None,
            })
            .collect();
        if !rules.contains(&name.text.as_str()) {
            findings.report(names::unknown(name, "rule", rules));
            return None;
        }
        Some(Expect::Rule(name.text.clone()))
    }

    fn expect_refusal(&self, name: &Name, findings: &mut Findings) -> Option<Expect> {
        let inputs = self.inputs.iter().map(|input| input.decl.name.text.as_str());
        let requires = self.items.requires.iter().map(|require| require.id.text.as_str());
        let mut known = inputs.chain(requires);
        if !known.clone().any(|known| known == name.text) {
            findings.report(names::unknown(name, "input or requirement", known.by_ref()));
            return None;
        }
        Some(Expect::Refused(name.text.clone()))
    }

    fn no_version(&self, version: &ast::VersionNumber) -> Diagnostic {
        let numbers: Vec<String> = self.versions.iter().map(|period| period.number.to_string()).collect();
        let message = format!("there is no version {}", version.number);
        let diagnostic = Diagnostic::new(Code::UnknownName, version.span, message);
        let help = format!("write {}", one_of(&numbers));
        diagnostic.help(help)
    }
}

fn no_effective(span: Span) -> Diagnostic {
    let message = "`on` sets the date that selects the version, but this policy has no such date";
    Diagnostic::new(Code::NoEffectiveDate, span, message)
        .help("remove it, or declare the input that selects the version with `effective on`")
}
