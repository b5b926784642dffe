//! Does the policy mean something? From the tree as written to the typed tree, one version at a time.
//!
//! First what holds for all versions: the [`items`] by kind, their [`names`], the [`schema`], the [`versions`] and the
//! amounts of [`params`]. Then each [`version`] as if it were the whole policy: definitions in their [`order`], expressions
//! ([`exprs`]) by the table of [`units`] and by what is known about [`presence`], the [`cells`] of tables, the [`rules`],
//! and the [`coverage`] of tables. Last the [`cases`] and what is [`unused`]. What may be changed and which decisions are
//! adverse ([`actions`]) decides nothing.
//!
//! Absent: ranges of computed values, divisors, and rules that are never reached. They are judged when the policy is
//! lowered, by the intervals that the verifier derives again.

mod actions;
mod cases;
mod cells;
mod constants;
mod coverage;
mod dates;
mod exprs;
mod findings;
mod items;
mod mismatch;
mod names;
mod order;
mod params;
mod presence;
mod rules;
mod schema;
mod scope;
pub mod units;
mod unused;
mod version;
mod versions;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use self::exprs::may_be_missing;
use crate::analysis::counterexample::Searches;
use crate::codes::Demand;
use crate::diagnostic::{Diagnostic, any_error, settle};
use crate::hir::{Adverse, Policy, RuleInfo};
use crate::limits::ERRORS_MAX;
use crate::text::ast::{self, Statement};
use crate::text::parse::shorten;

use coverage::{Found, Judge};
use findings::Findings;
use schema::Declared;
use scope::Checker;

/// The meaning of a policy, where no error was found, and all diagnostics.
///
/// ```
/// use opus_frontend::{check::check, parse::parse};
/// let source = "policy a { enum E { x, y }  input { n : int in 0..9 }  output { o : E }
///               rules first { rule A when n > 5 => x  otherwise B => y } }";
/// let (policy, diagnostics) = check(&parse(source).0.unwrap());
/// assert!(diagnostics.is_empty());
/// assert_eq!(policy.unwrap().versions[0].rules().count(), 2);
/// ```
pub fn check(tree: &ast::Policy) -> (Option<Policy>, Vec<Diagnostic>) {
    check_for(tree, Demand::Useful)
}

/// The same, where less may be demanded of the policy.
pub fn check_for(tree: &ast::Policy, demand: Demand) -> (Option<Policy>, Vec<Diagnostic>) {
    let mut findings = Findings::default();
    if !tree.lost.is_empty() {
        findings.hole();
    }
    let items = items::sort(tree, &mut findings);
    let declared = schema::declare(tree, items, &mut findings);
    actions::check_actionable(&declared, &mut findings);
    let adverse = actions::adverse(&declared, &mut findings);
    check_dates(&declared, &mut findings);
    findings.meet(demand);
    let fields = policy(&declared, None, vec![], vec![]);
    let mut judge = Judge::new(fields.as_ref());
    let mut checkers: Vec<Checker> = vec![];
    let mut of_tables = vec![];
    let mut is_read = findings.is_sound();
    for index in 0..declared.versions.len() {
        let mut checker = version::check(&declared, index);
        is_read &= checker.findings.is_sound();
        let found = checker.coverage(&mut judge);
        checker.findings.meet(demand);
        let enough = checker.findings.count() + found.len() >= ERRORS_MAX;
        of_tables.push(found);
        checkers.push(checker);
        if enough {
            findings.hole();
            is_read = false;
            break;
        }
    }
    say_of_tables(&mut checkers, of_tables, &declared, &mut judge, is_read);
    let is_refused = !findings.is_sound() || checkers.iter().any(|checker| !checker.findings.is_sound());
    let (mut versions, mut by_version) = (vec![], vec![]);
    for mut checker in checkers {
        if is_refused {
            // nothing is lowered, so that nothing more can be proved: what other errors follow from is said all the same
            checker.say_unsure();
        }
        checker.findings.meet(demand);
        by_version.push((checker.version.number, checker.findings));
        versions.push(checker.version);
    }
    findings.merge(by_version);
    let tests = cases::tests(&declared, &mut findings);
    if findings.is_sound() {
        unused::warn(&declared, &mut findings);
    }
    let policy = findings.is_sound().then(|| policy(&declared, adverse, versions, tests)).flatten();
    let mut diagnostics = findings.into_diagnostics();
    settle(&mut diagnostics);
    if any_error(&diagnostics) {
        shorten(&mut diagnostics);
    }
    (policy, diagnostics)
}

/// Says what is wrong with the rows of tables, by version; with inputs where all
/// else is read.
fn say_of_tables(
    checkers: &mut [Checker],
    found: Vec<Vec<Found>>,
    declared: &Declared,
    judge: &mut Judge,
    is_read: bool,
) {
    if found.iter().all(Vec::is_empty) {
        return;
    }
    let versions = || checkers.iter().map(|checker| checker.version.clone()).collect();
    let whole = is_read.then(|| policy(declared, None, versions(), vec![])).flatten();
    let mut whole = whole.as_ref().map(|whole| (whole, Searches::new(whole)));
    for (index, (checker, found)) in checkers.iter_mut().zip(found).enumerate() {
        checker.say(found, index, judge, &mut whole);
    }
}

/// Every date of validity falls on the first day of a version.
fn check_dates(declared: &Declared, findings: &mut Findings) {
    let items = &declared.items;
    let mut dates = vec![];
    dates.extend(items.params.iter().flat_map(|param| &param.values).map(|value| value.dated));
    dates.extend(items.lets.iter().map(|item| item.dated));
    dates.extend(items.requires.iter().map(|item| item.dated));
    for table in &items.tables {
        match table {
            items::TableItem::Table(table) => dates.extend(table.rows.iter().map(|row| row.dated)),
            items::TableItem::Grid(grid) => dates.extend(grid.rows.iter().map(|row| row.dated)),
        }
    }
    for statement in items.rules.iter().flat_map(|rules| &rules.statements) {
        dates.push(match statement {
            Statement::Rule(rule) => rule.dated,
            Statement::Let(item) => item.dated,
        });
    }
    for dated in dates {
        versions::check_dated(dated, declared, findings);
    }
}

fn policy(
    declared: &Declared,
    adverse: Option<Adverse>,
    versions: Vec<crate::hir::Version>,
    tests: Vec<crate::hir::Test>,
) -> Option<Policy> {
    let spans = |fields: &[schema::FieldInfo]| fields.iter().map(|field| field.decl.span).collect();
    Some(Policy {
        name: declared.tree.name.to_string(),
        schema: declared.schema()?,
        input_spans: spans(&declared.inputs),
        actionable: declared.inputs.iter().map(|input| input.decl.actionable).collect(),
        adverse,
        output_spans: spans(&declared.outputs),
        month_end: declared.items.month_end.map(|decl| decl.rule),
        holes: declared.holes.clone(),
        rules: declared.rules.iter().map(|rule| info(&rule.id, &rule.title, &rule.cite, rule.span)).collect(),
        requires: declared
            .items
            .requires
            .iter()
            .map(|item| info(&item.id, &item.title, &item.cite, item.span))
            .collect(),
        versions,
        tests,
    })
}

fn info(id: &ast::Name, title: &Option<ast::Text>, cite: &Option<ast::Text>, span: ast::Span) -> RuleInfo {
    let text = |text: &Option<ast::Text>| text.as_ref().map(|text| text.text.clone());
    RuleInfo { id: id.text.clone(), title: text(title), cite: text(cite), span }
}
