//! What does a message say if the units of two values do not match, and what might the author have meant?

use crate::diagnostic::{Code, Diagnostic};
use crate::hir::{Form, Ty, Unit};
use crate::text::ast::{self, ExprKind, Span};

use super::constants::written_abroad;
use super::dates;
use super::scope::Checker;
use super::units::{self, Mismatch, Operator};
use super::words::{how_to_round, plain};

impl Checker<'_> {
    /// The message about two values that cannot be joined.
    pub fn mismatch(
        &self,
        mismatch: Mismatch,
        operator: Operator,
        left: (ast::ExprId, Ty),
        right: (ast::ExprId, Ty),
        symbol: &str,
        span: Span,
    ) -> Diagnostic {
        let quotient = |(_, ty): &(ast::ExprId, Ty)| ty.form == Form::Rational;
        let culprit = match mismatch {
            Mismatch::Quotient => [left, right].into_iter().find(quotient),
            Mismatch::Decimals => [left, right].into_iter().find(|(_, ty)| ty.scale() != Some(0)),
            _ => None,
        };
        let at = culprit.map_or(span, |(expr, _)| self.node(expr).span);
        match mismatch {
            Mismatch::Units => self.unit_mismatch(operator, left, right, symbol, span),
            Mismatch::Quotient => {
                let message = format!("`{symbol}` does not accept an exact quotient");
                let ty = culprit.map_or(left.1, |(_, ty)| ty);
                Diagnostic::new(Code::QuotientStored, at, message).help(how_to_round(ty.unit))
            }
            Mismatch::Decimals => {
                let message = format!("`{symbol}` needs whole numbers");
                Diagnostic::new(Code::WholeNumberNeeded, at, message)
                    .help("round it first: `(…) rounded down to integer`")
            }
            Mismatch::Scale(scale) => {
                let message = format!("the exact result would have {scale} decimal places");
                Diagnostic::new(Code::TooManyDecimals, span, message)
                    .help(format!("of one side, {}", how_to_round(left.1.unit)))
            }
        }
    }

    fn unit_mismatch(
        &self,
        operator: Operator,
        left: (ast::ExprId, Ty),
        right: (ast::ExprId, Ty),
        symbol: &str,
        span: Span,
    ) -> Diagnostic {
        let bare = [(left, right), (right, left)].into_iter().find_map(|((number, _), (_, other))| {
            let ExprKind::Number(written) = self.node(number).kind else { return None };
            let joins = units::join(operator, other, other).is_ok() || other.unit == Unit::Date;
            let ty = if other.unit == Unit::Date { Ty::scaled(Unit::Days, 0) } else { other };
            let united = joins && matches!(ty.unit, Unit::Money | Unit::Percent | Unit::Days);
            united.then(|| self.declared.bare_number(self.node(number).span, written, ty, None))
        });
        for ((expr, _), (_, other)) in [(left, right), (right, left)] {
            let date = if other.unit == Unit::Date { self.declared.foreign_date(expr) } else { None };
            if let Some(reading) = date {
                return written_abroad(self.node(expr).span, &reading);
            }
        }
        if let Some(diagnostic) = self.days_for_years(operator, left, right, span) {
            return diagnostic;
        }
        if let Some(diagnostic) = bare {
            return diagnostic;
        }
        for ((literal, _), (_, other)) in [(left, right), (right, left)] {
            if other.scale().is_some()
                && units::join(operator, other, other).is_ok()
                && let Some(diagnostic) = self.declared.unit_too_many(self.node(literal).span, literal, other)
            {
                return diagnostic;
            }
        }
        let (a, b) = (self.declared.describe(left.1), self.declared.describe(right.1));
        let message = format!("`{symbol}` cannot be used with {a} and {b}");
        let diagnostic = Diagnostic::new(Code::UnitMismatch, span, message)
            .also(self.node(left.0).span, a)
            .also(self.node(right.0).span, b);
        match advice(operator, left.1.unit, right.1.unit) {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }
}

impl Checker<'_> {
    /// `(a - b) / 365`, `a - b >= 18`: a difference of dates is a number of days, and an age is counted in years.
    fn days_for_years(
        &self,
        operator: Operator,
        left: (ast::ExprId, Ty),
        right: (ast::ExprId, Ty),
        span: Span,
    ) -> Option<Diagnostic> {
        let [(days, number)] = [(left, right), (right, left)]
            .into_iter()
            .filter(|(days, number)| days.1.unit == Unit::Days && number.1.unit == Unit::Number)
            .collect::<Vec<_>>()[..]
        else {
            return None;
        };
        let ExprKind::Number(written) = self.node(number.0).kind else { return None };
        let (later, earlier) = self.between_dates(days.0)?;
        let names = format!("({}, {})", earlier.text, later.text);
        let (shown, place) = (plain(written), self.node(number.0).span);
        match operator {
            Operator::Divide | Operator::FloorDivide if days == left => {
                let function = dates::function_of(near_whole(written))?;
                let (meant, unit) = (format!("{}{names}", function.name()), dates::unit_of(function));
                let message = format!("a {unit} is not always {shown} days");
                let diagnostic = Diagnostic::new(Code::BareNumber, place, message);
                Some(diagnostic.help(format!("write `{meant}` for whole {unit}s")).fix(span, meant))
            }
            Operator::Order | Operator::Equality | Operator::Within | Operator::Member => {
                let message = format!("expected a number of days, found the plain number `{shown}`");
                let help = format!(
                    "write `{shown} days` for days, or compare `whole_years{names}` with `{shown}` for years"
                );
                Some(Diagnostic::new(Code::BareNumber, place, message).help(help))
            }
            _ => None,
        }
    }
}

/// `365.25` is `365`.
fn near_whole(number: ast::Number) -> i128 {
    number.mantissa / 10_i128.pow(u32::from(number.scale.min(30)))
}

/// What an author may have meant by joining such units.
fn advice(operator: Operator, left: Unit, right: Unit) -> Option<&'static str> {
    use Operator::{Add, Divide, Equality, Multiply, Order, Subtract};
    Some(match (operator, left, right) {
        (Multiply, Unit::Money, Unit::Money) => "multiply an amount by a number or a percentage",
        (Add | Subtract, Unit::Money, Unit::Percent) => {
            "say what the percentage is of: `amount + p of amount`"
        }
        (Add | Subtract, Unit::Date, Unit::Number) => "write `d + n days`",
        (Add, Unit::Date, Unit::Date) => "subtract one from the other to get the days between them",
        (Order | Equality, Unit::Days, Unit::Number) | (Order | Equality, Unit::Number, Unit::Days) => {
            "write `n days` for a number of days"
        }
        (Order | Equality, Unit::Number, Unit::Percent) | (Order | Equality, Unit::Percent, Unit::Number) => {
            "compare a percentage with a percentage, or with a quotient such as `a / b`"
        }
        (Order | Equality, Unit::Money, Unit::Percent) | (Order | Equality, Unit::Percent, Unit::Money) => {
            "say what the percentage is of: `amount > p of income`"
        }
        (Order | Equality, Unit::Date, Unit::Number) | (Order | Equality, Unit::Number, Unit::Date) => {
            "write a date as year, month and day: `2025-01-31`"
        }
        (Divide, Unit::Days, Unit::Number) => {
            "divide by a number of days, `d / 7 days`; count years with `whole_years(a, b)`"
        }
        (Order, Unit::Bool | Unit::Enum(_), _) => "compare such values with `==`, `!=` or `in {…}`",
        _ => return None,
    })
}
