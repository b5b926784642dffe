//! Which arithmetic of dates compiles but means something else? Years counted in days, and dates in the wrong order.
//!
//! These are warnings, because a policy may mean them. If the policy does not compile, dates in the wrong order are
//! reported first: `crate::compile` treats them as the cause.

use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::hir::{self, Constant, ExprKind, Ty, Unit};
use crate::text::ast::{self, ExprKind as Ast, Function, Name, Span};

use super::scope::{Checker, Typed};

/// The longest age in years that is recognised as an age in days.
const AGE_YEARS_MAX: i128 = 150;

/// The difference of two dates that have names: `(later, earlier)`.
type Between<'a> = (&'a Name, &'a Name);

impl<'a> Checker<'a> {
    /// `a - b`, where both are names.
    pub fn between_dates(&self, expr: ast::ExprId) -> Option<Between<'a>> {
        let Ast::Arithmetic { op: ast::Arithmetic::Subtract, left, right } = &self.node(expr).kind else {
            return None;
        };
        match (&self.node(*left).kind, &self.node(*right).kind) {
            (Ast::Name(later), Ast::Name(earlier)) => Some((later, earlier)),
            _ => None,
        }
    }

    /// `(a - b) / 365 days`: a year has no fixed number of days.
    pub fn look_at_years(
        &mut self,
        op: ast::Arithmetic,
        (left, days): (ast::ExprId, &Typed),
        divisor: &Typed,
        right: ast::ExprId,
    ) {
        let divides = matches!(op, ast::Arithmetic::Divide | ast::Arithmetic::Div);
        let whole = Ty::scaled(Unit::Days, 0);
        if !divides || days.ty != whole || divisor.ty != whole {
            return;
        }
        let ExprKind::Constant(Constant::Number(count)) = self.version.exprs[divisor.id].kind else { return };
        let (Some(function), Some((later, earlier))) =
            (function_of(count.mantissa), self.between_dates(left))
        else {
            return;
        };
        let meant = format!("{}({}, {})", function.name(), earlier.text, later.text);
        let (unit, span) = (unit_of(function), self.node(left).span.to(self.node(right).span));
        let message = format!("a {unit} is not always {} days", count.mantissa);
        self.findings.report(
            Diagnostic::new(Code::YearsInDays, self.node(right).span, message)
                .help(format!("write `{meant}` for whole {unit}s"))
                .fix(span, meant)
                .unsure(),
        );
    }

    /// `applied_on - birth_date >= 18 days`: an age is counted in years.
    pub fn look_at_age(&mut self, left: (ast::ExprId, Ty), right: (ast::ExprId, Ty)) {
        for ((difference, _), (literal, ty)) in [(left, right), (right, left)] {
            let Ast::Duration { count, unit: ast::DurationUnit::Days } = self.node(literal).kind else {
                continue;
            };
            let Ast::Number(number) = self.node(count).kind else { continue };
            let years = number.at_scale(0).filter(|years| (1..=AGE_YEARS_MAX).contains(years));
            let (Some(years), Some((later, earlier))) = (years, self.between_dates(difference)) else {
                continue;
            };
            if ty.unit != Unit::Days || !is_birth(&earlier.text) {
                continue;
            }
            let meant = format!("whole_years({}, {})", earlier.text, later.text);
            let message = format!("this compares an age with {years} days");
            let edits = [
                Edit::new(self.node(difference).span, meant.clone()),
                Edit::new(self.node(literal).span, years.to_string()),
            ];
            self.findings.report(
                Diagnostic::new(Code::YearsInDays, self.node(literal).span, message)
                    .help(format!("for {years} years, compare `{meant}` with `{years}`"))
                    .edits(edits)
                    .unsure(),
            );
            return;
        }
    }

    /// `applied_on - birth_date >= 18 years`: years are compared with `whole_years`.
    pub fn compared_with_years(&self, left: ast::ExprId, right: ast::ExprId) -> Option<Diagnostic> {
        let [(difference, years)] = [(left, right), (right, left)]
            .into_iter()
            .filter(|(a, b)| {
                self.between_dates(*a).is_some() && matches!(self.node(*b).kind, Ast::Duration { .. })
            })
            .collect::<Vec<_>>()[..]
        else {
            return None;
        };
        let Ast::Duration { count, unit } = self.node(years).kind else { return None };
        let function = match unit {
            ast::DurationUnit::Days => return None,
            ast::DurationUnit::Months => Function::WholeMonths,
            ast::DurationUnit::Years => Function::WholeYears,
        };
        let (later, earlier) = self.between_dates(difference)?;
        let meant = format!("{}({}, {})", function.name(), earlier.text, later.text);
        let (span, number) = (self.node(years).span, self.node(count).span);
        let message = format!("a difference of dates is a number of days, not of {}s", unit_of(function));
        Some(
            Diagnostic::new(Code::MisplacedMonths, span, message)
                .help(format!("compare `{meant}` with a number"))
                .edits([
                    Edit::new(self.node(difference).span, meant),
                    Edit::new(Span { start: number.end, end: span.end }, ""),
                ]),
        )
    }

    /// `whole_years(later, earlier)`, which is never positive.
    pub fn look_at_order(
        &mut self,
        function: Function,
        [(first, from), (second, to)]: [(ast::ExprId, hir::ExprId); 2],
        span: Span,
    ) {
        let (Some(earliest), Some(latest)) = (self.days_of(from), self.days_of(to)) else { return };
        if earliest.0 < latest.1 {
            return;
        }
        let (Ast::Name(a), Ast::Name(b)) = (&self.node(first).kind, &self.node(second).kind) else { return };
        let meant = format!("{}({}, {})", function.name(), b.text, a.text);
        let message = format!("`{}` is never before `{}`, so this is never positive", a.text, b.text);
        self.findings.report(
            Diagnostic::new(Code::DatesInWrongOrder, span, message)
                .help(format!("the earlier date comes first: write `{meant}`"))
                .edits([
                    Edit::new(self.node(first).span, &b.text),
                    Edit::new(self.node(second).span, &a.text),
                ]),
        );
    }

    /// The first and the last day that an input can be.
    fn days_of(&self, expr: hir::ExprId) -> Option<(i128, i128)> {
        let ExprKind::Field(index) = self.version.exprs[expr].kind else { return None };
        let range = self.declared.inputs[index as usize].ty.as_ref()?.domain.as_ref()?.range;
        Some((range.lo, range.hi))
    }
}

/// What counts units of this many days.
pub(super) fn function_of(days: i128) -> Option<Function> {
    match days {
        360 | 365 | 366 => Some(Function::WholeYears),
        30 | 31 => Some(Function::WholeMonths),
        _ => None,
    }
}

/// `year`, `month`
pub(super) fn unit_of(function: Function) -> &'static str {
    if function == Function::WholeYears { "year" } else { "month" }
}

fn is_birth(name: &str) -> bool {
    let name = name.to_lowercase();
    name.contains("birth") || name.contains("born") || name.split('_').any(|part| part == "dob")
}
