//! What do the cases give, and what do the tests expect?
//!
//! Values are read against the types of the fields, and not against their ranges: a test may expect a refusal.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic, one_of};
use crate::hir::{Expect, Test};
use crate::text::ast::{self, Assignment, Expectation, ExpectationKind, Name, Span, Statement};

use super::findings::Findings;
use super::names;
use super::schema::{Declared, FieldInfo};

/// Values by input index.
type Given = Vec<Option<i128>>;

/// The tests of a policy.
pub(super) fn tests(declared: &Declared, findings: &mut Findings) -> Vec<Test> {
    let mut cases: BTreeMap<&str, (&ast::Case, Given)> = BTreeMap::new();
    for case in &declared.items.cases {
        let mut given = vec![None; declared.inputs.len()];
        assign(declared, &case.fields, &mut given, findings);
        cases.entry(&case.name.text).or_insert((case, given));
    }
    let tests = declared.items.tests.iter();
    tests.map(|test| declared.test(test, &cases, findings)).collect()
}

fn assign(declared: &Declared, fields: &[Assignment], given: &mut Given, findings: &mut Findings) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for field in fields {
        let name = &field.name;
        if let Some(first) = seen.insert(&name.text, name.span) {
            let message = format!("`{}` is given twice", name.text);
            let diagnostic = Diagnostic::new(Code::DuplicateName, name.span, message);
            findings.report(diagnostic.also(first, "the first time").help("drop one of them"));
        }
        let Some(index) = declared.inputs.iter().position(|input| input.decl.name.text == name.text) else {
            let inputs = declared.inputs.iter().map(|input| input.decl.name.text.as_str());
            findings.report(names::unknown(name, "input", inputs));
            continue;
        };
        given[index] = value(declared, &declared.inputs[index], field.value, findings);
    }
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
        cases: &BTreeMap<&str, (&ast::Case, Given)>,
        findings: &mut Findings,
    ) -> Test {
        let mut given = match cases.get(test.given.text.as_str()) {
            Some((case, given)) => {
                findings.refer(case.name.span);
                given.clone()
            }
            None => {
                findings.report(names::unknown(&test.given, "case", cases.keys().copied()));
                vec![None; self.inputs.len()]
            }
        };
        assign(self, &test.with, &mut given, findings);
        if let Some(on) = test.on {
            match self.effective {
                Some(field) => given[field as usize] = Some(on.day as i128),
                None if self.items.effective.is_none() => findings.report(no_effective(on.span)),
                // that it names no input has been said
                None => {}
            }
        }
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        let expects =
            test.expect.iter().filter_map(|it| Some((self.expect(it, &mut seen, findings)?, it.span)));
        Test { name: test.title.text.clone(), given, expects: expects.collect(), span: test.span }
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
                    findings.report(diagnostic.also(first, "the first time").help("drop one of them"));
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
    let message = "`on` sets the date that selects the version, and the policy has none";
    Diagnostic::new(Code::NoEffectiveDate, span, message)
        .help("drop it, or declare `effective on` the input that selects the version")
}
