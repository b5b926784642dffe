//! Which value does each parameter have in each version?
//!
//! A value without `until` holds until the next one starts. One with `until` holds until then, and must not overlap
//! another.

use opus_ir::date;

use crate::diagnostic::{Code, Diagnostic};
use crate::hir::Constant;
use crate::text::ast::{self, Span};

use super::findings::Findings;
use super::schema::Declared;
use super::versions::Period;

/// The value of a parameter in a version and its span; `None` without a valid one.
pub(super) type Amount = Option<(Constant, Span)>;

/// The amounts of a parameter by version. Each is a constant of the parameter's range, and there is one in each
/// version.
pub(super) fn amounts(declared: &Declared, index: usize, findings: &mut Findings) -> Vec<Amount> {
    let param = declared.items.params[index];
    let info = declared.params[index].as_ref();
    if param.from_snapshot {
        return Vec::new();
    }
    let constant = |value: &ast::ParamValue, findings: &mut Findings| {
        declared.constant_in(value.value, info?, findings).map(|constant| (constant, value.span))
    };
    let constants: Vec<Amount> = param.values.iter().map(|value| constant(value, findings)).collect();
    if param.values.is_empty() {
        findings.hole();
    }
    let mut met: Vec<(usize, usize)> = vec![];
    let amount = |period: &Period| {
        let in_force: Vec<usize> =
            (0..constants.len()).filter(|&at| param.values[at].dated.holds_on(period.from)).collect();
        let start = |at: usize| param.values[at].dated.from.map(|from| from.day);
        let Some(latest) = in_force.iter().copied().max_by_key(|&at| start(at)) else {
            if !param.values.is_empty() {
                findings.report(gap(param, period));
            }
            return None;
        };
        let gives_way = |at: usize| param.values[at].dated.until.is_none() && start(at) < start(latest);
        if let Some(other) = in_force.into_iter().find(|&at| at != latest && !gives_way(at)) {
            let (first, second) = (other.min(latest), other.max(latest));
            if !met.contains(&(first, second)) {
                findings.report(overlap(param, &param.values[first], &param.values[second], period));
                met.push((first, second));
            }
        }
        constants[latest]
    };
    declared.versions.iter().map(amount).collect()
}

fn overlap(
    param: &ast::Param,
    first: &ast::ParamValue,
    second: &ast::ParamValue,
    period: &Period,
) -> Diagnostic {
    let message = format!("`{}` has two values in version {}", param.name.text, period.number);
    Diagnostic::new(Code::DatedOverlap, second.span, message)
        .also(first.span, "the other value")
        .help("start each value on a different day, and use `until` only if no other value follows")
}

fn gap(param: &ast::Param, period: &Period) -> Diagnostic {
    let message = format!("`{}` has no value in version {}", param.name.text, period.number);
    let from = date::civil(period.from as i128);
    Diagnostic::new(Code::DatedGap, param.name.span, message)
        .also(period.span, "the version")
        .help(format!("add a value `from {from}`"))
}
