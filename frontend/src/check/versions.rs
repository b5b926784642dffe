//! Which versions does the policy have, when is each in force, and are all dates in the policy first days of versions?

use opus_ir::{Kind, date};

use crate::diagnostic::{Code, Diagnostic};
use crate::text::ast::{self, Dated, Day, Span};

use super::findings::Findings;
use super::names;
use super::schema::Declared;

/// A version and the days on which it is in force.
#[derive(Clone, Copy)]
pub(super) struct Period<'a> {
    pub number: u32,
    /// The first day, `i32::MIN` in a policy without versions.
    pub from: i32,
    /// The first day of the next one, `i32::MAX` for the last.
    pub until: i32,
    pub cite: Option<&'a ast::Text>,
    pub span: Span,
}

/// The input that selects the version.
pub(super) fn effective(declared: &Declared, findings: &mut Findings) -> Option<u32> {
    let decl = declared.items.effective?;
    let name = &decl.field;
    let Some(index) = declared.inputs.iter().position(|input| input.decl.name.text == name.text) else {
        let inputs = declared.inputs.iter().map(|input| input.decl.name.text.as_str());
        findings.report(names::unknown(name, "input", inputs).label("selects the version"));
        return None;
    };
    let field = &declared.inputs[index];
    findings.refer(field.decl.name.span);
    let wrong = match &field.ty {
        Some(ty) if ty.kind != Kind::Date => Some("is not a date"),
        _ if field.decl.optional.is_some() => Some("may be missing"),
        _ => None,
    };
    if let Some(wrong) = wrong {
        let message = format!("`{}` selects the version, but it {wrong}", name.text);
        let diagnostic = Diagnostic::new(Code::EffectiveNotDate, name.span, message);
        let help = "use an input of type `date` that is not `optional`";
        findings.report(diagnostic.also(field.decl.span, "declared here").help(help));
    }
    Some(index as u32)
}

/// The versions by their first day; one without end where the policy declares none.
pub(super) fn periods<'a>(declared: &Declared<'a>, findings: &mut Findings) -> Vec<Period<'a>> {
    let decls = &declared.items.versions;
    belong_together(declared, findings);
    numbers_once(decls, findings);
    in_order(decls, findings);
    let mut periods: Vec<Period> = decls.iter().map(|decl| period(decl)).collect();
    periods.sort_by_key(|period| period.from);
    periods.dedup_by_key(|period| period.from);
    if periods.is_empty() {
        let span = declared.tree.name.span;
        return vec![Period { number: 1, from: i32::MIN, until: i32::MAX, cite: None, span }];
    }
    for next in 1..periods.len() {
        periods[next - 1].until = periods[next].from;
    }
    covers(declared, &periods, findings);
    periods
}

fn period<'a>(decl: &'a ast::VersionDecl) -> Period<'a> {
    let cite = decl.cite.as_ref();
    Period { number: decl.number.number, from: decl.from.day, until: i32::MAX, cite, span: decl.span }
}

/// `effective on` and `version` need each other.
fn belong_together(declared: &Declared, findings: &mut Findings) {
    match (declared.items.effective, declared.items.versions.first()) {
        (Some(effective), None) => {
            let message = "`effective on` selects a version, but the policy has no versions";
            let diagnostic = Diagnostic::new(Code::LonelyVersion, effective.span, message);
            findings.report(diagnostic.help("add `version 1 from` and the first day of the input's range"));
        }
        (None, Some(version)) => {
            let message = "the policy has versions, but no `effective on` that selects one";
            let diagnostic = Diagnostic::new(Code::LonelyVersion, version.span, message);
            findings.report(diagnostic.help("add `effective on` and the name of an input of type `date`"));
        }
        _ => {}
    }
}

fn numbers_once(decls: &[&ast::VersionDecl], findings: &mut Findings) {
    let mut seen = std::collections::BTreeMap::new();
    for decl in decls {
        if let Some(first) = seen.insert(decl.number.number, decl.number.span) {
            let message = format!("version {} is declared twice", decl.number.number);
            let diagnostic = Diagnostic::new(Code::DuplicateName, decl.number.span, message);
            findings.report(
                diagnostic.also(first, "the first one").help("give each version a number of its own"),
            );
        }
    }
}

fn in_order(decls: &[&ast::VersionDecl], findings: &mut Findings) {
    for pair in decls.windows(2) {
        let (before, decl) = (pair[0], pair[1]);
        if decl.from.day <= before.from.day {
            let (a, b) = (before.number.number, decl.number.number);
            let message = format!("version {b} does not start after version {a}");
            let diagnostic = Diagnostic::new(Code::VersionsOutOfOrder, decl.from.span, message);
            let start = format!("version {a} starts here");
            findings.report(
                diagnostic
                    .also(before.from.span, start)
                    .help("list the versions in the order of their first days"),
            );
        }
    }
}

/// The versions meet every day that the effective field can have, and each meets one.
fn covers(declared: &Declared, periods: &[Period], findings: &mut Findings) {
    let Some(index) = declared.effective else { return };
    let field = &declared.inputs[index as usize];
    let Some((Kind::Date, Some(domain))) = field.ty.as_ref().map(|ty| (ty.kind, ty.domain.as_ref())) else {
        return;
    };
    let name = &field.decl.name.text;
    let (first, last) = (domain.range.lo, domain.range.hi);
    let begin = &periods[0];
    if first < begin.from as i128 {
        let (day, start) = (date::civil(first), date::civil(begin.from as i128));
        let message = format!("no version is in force on {day}, the first day of `{name}`");
        let diagnostic = Diagnostic::new(Code::VersionsNotCovering, begin.span, message)
            .also(field.decl.ty.span, "its range")
            .counterexample(vec![(name.clone(), day.to_string())]);
        findings.report(diagnostic.help(format!(
            "start version {} on {day}, or begin the range of `{name}` on {start}",
            begin.number
        )));
    }
    for period in periods {
        if last < period.from as i128 || (period.until as i128) <= first {
            let message = format!(
                "version {} is never in force: its days are outside the range of `{name}`",
                period.number
            );
            let diagnostic = Diagnostic::new(Code::NeverInForce, period.span, message);
            let help = format!("widen the range of `{name}`, or remove the version");
            findings.report(diagnostic.also(field.decl.ty.span, "its range").help(help));
        }
    }
}

/// Dates of validity fall on the first days of versions, and what they date is in force in one at least.
pub(super) fn check_dated(dated: Dated, declared: &Declared, findings: &mut Findings) {
    let days = [dated.from, dated.until].into_iter().flatten();
    let mut right = true;
    for day in days.filter(|day| !declared.versions.iter().any(|period| period.from == day.day)) {
        right = false;
        findings.report(no_start(day, declared));
    }
    let in_force = declared.versions.iter().any(|period| dated.holds_on(period.from));
    if let (true, false, Some(span)) = (right, in_force, dated.span()) {
        let message = "this is not in force in any version";
        let diagnostic = Diagnostic::new(Code::NeverInForce, span, message);
        findings.report(diagnostic.help("`from` is the first day, and `until` the day after the last"));
    }
}

fn no_start(day: Day, declared: &Declared) -> Diagnostic {
    let message = format!("{} is not the first day of a version", date::civil(day.day as i128));
    let diagnostic = Diagnostic::new(Code::DateNotVersionStart, day.span, message);
    if declared.items.versions.is_empty() {
        return diagnostic
            .help("the policy has no versions: declare `effective on` and a `version` for each change");
    }
    let before = declared.versions.iter().rev().find(|period| period.from < day.day);
    let after = declared.versions.iter().find(|period| period.from > day.day);
    let start =
        |period: &Period| format!("version {} starts on {}", period.number, date::civil(period.from as i128));
    let near: Vec<String> = [before, after].into_iter().flatten().map(start).collect();
    diagnostic.help(format!("{}; add a `version` for the day on which something changes", near.join(", ")))
}
