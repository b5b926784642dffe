//! What is said where values of two units cannot be joined, and how an author may have meant it?

use crate::diagnostic::{Code, Diagnostic};
use crate::hir::{Form, Ty, Unit};
use crate::text::ast::{self, ExprKind, Span};

use super::scope::Checker;
use super::units::{self, Mismatch, Operator};
use super::words::how_to_round;

impl Checker<'_> {
    /// What is said of two values that cannot be joined.
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
                let message = format!("`{symbol}` takes no exact quotient");
                let ty = culprit.map_or(left.1, |(_, ty)| ty);
                Diagnostic::new(Code::QuotientStored, at, message).help(how_to_round(ty.unit))
            }
            Mismatch::Decimals => {
                let message = format!("`{symbol}` takes whole numbers here");
                Diagnostic::new(Code::WholeNumberNeeded, at, message)
                    .help("round it first: `(…) rounded down to integer`")
            }
            Mismatch::Scale(scale) => {
                let message = format!("the exact result would have {scale} decimals");
                Diagnostic::new(Code::TooManyDecimals, span, message)
                    .help(format!("of an operand, {}", how_to_round(left.1.unit)))
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
            let unit = if other.unit == Unit::Date { Unit::Days } else { other.unit };
            let united = joins && matches!(unit, Unit::Money | Unit::Percent | Unit::Days);
            united.then(|| self.declared.bare_number(self.node(number).span, written, unit))
        });
        if let Some(diagnostic) = bare {
            return diagnostic;
        }
        let (a, b) = (self.declared.describe(left.1), self.declared.describe(right.1));
        let message = format!("`{symbol}` does not join {a} and {b}");
        let diagnostic = Diagnostic::new(Code::UnitMismatch, span, message)
            .also(self.node(left.0).span, a)
            .also(self.node(right.0).span, b);
        match advice(operator, left.1.unit, right.1.unit) {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }
}

/// What an author may have wanted who joins such units.
fn advice(operator: Operator, left: Unit, right: Unit) -> Option<&'static str> {
    use Operator::{Add, Divide, Equality, Multiply, Order, Subtract};
    Some(match (operator, left, right) {
        (Multiply, Unit::Money, Unit::Money) => "multiply an amount by a number or a percentage",
        (Add | Subtract, Unit::Money, Unit::Percent) => {
            "say of what the percentage is: `amount + p of amount`"
        }
        (Add | Subtract, Unit::Date, Unit::Number) => "write `d + (n days)`, with the number before the unit",
        (Add, Unit::Date, Unit::Date) => "subtract one from the other for the days between them",
        (Order | Equality, Unit::Days, Unit::Number) | (Order | Equality, Unit::Number, Unit::Days) => {
            "write `n days` for a number of days"
        }
        (Order | Equality, Unit::Number, Unit::Percent) | (Order | Equality, Unit::Percent, Unit::Number) => {
            "a percentage compares with percentages, and with quotients such as `a / b`"
        }
        (Order | Equality, Unit::Money, Unit::Percent) | (Order | Equality, Unit::Percent, Unit::Money) => {
            "say of what the percentage is: `amount > p of income`"
        }
        (Order | Equality, Unit::Date, Unit::Number) | (Order | Equality, Unit::Number, Unit::Date) => {
            "a date is written year, month and day: `2025-01-31`"
        }
        (Divide, Unit::Days, Unit::Number) => "divide by a number of days: `d / 7 days`, or `d div 7 days`",
        (Order, Unit::Bool | Unit::Enum(_), _) => "only `==`, `!=` and `in {…}` compare such values",
        _ => return None,
    })
}
