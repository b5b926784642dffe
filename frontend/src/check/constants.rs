//! Which value does a literal denote, given the type that is expected?
//!
//! Constants are literals with an optional sign: the values of parameters and cells, ranges, defaults, and the values
//! in cases and tests. Each must be exactly a value of its type.

use crate::currency;
use crate::diagnostic::{Code, Diagnostic, nearest, one_of};
use crate::hir::{Constant, Ty, Unit};
use crate::text::ast::{self, DurationUnit, ExprKind, Name, Number, Span};

use crate::text::foreign_date::{self, Reading};

use super::findings::Findings;
use super::schema::{Declared, TypeInfo};
use super::words::{decimals, plain};

/// Beyond this, the difference of two constants could leave 128 bits.
const MAGNITUDE_MAX: u128 = 1 << 120;

impl Declared<'_> {
    /// A constant of a type, within its range.
    pub fn constant_in(
        &self,
        expr: ast::ExprId,
        info: &TypeInfo,
        findings: &mut Findings,
    ) -> Option<Constant> {
        let ty = self.ty(info.kind);
        let constant = self.constant_near(expr, ty, info.domain.as_ref(), findings)?;
        let value = self.scaled(ty, constant)?;
        let inside = info.domain.as_ref().is_none_or(|domain| domain.contains(value));
        if !inside {
            let range = info.domain.as_ref().map_or(String::new(), |domain| self.range_in_words(ty, domain));
            let message = format!("`{}` is outside the declared range {range}", self.written(ty, value));
            let span = self.tree.exprs[expr].span;
            let diagnostic = Diagnostic::new(Code::ConstantOutOfRange, span, message);
            findings.report(diagnostic.help("correct the value, or widen the declared range"));
        }
        inside.then_some(constant)
    }

    /// The rounding unit that is meant by a number of decimals, as in `amount rounded half_up to 2`.
    pub fn decimals_meant(&self, value: Unit, measure: Unit, size: Number) -> Option<String> {
        let count = usize::try_from(size.mantissa).ok().filter(|count| size.scale == 0 && *count <= 6)?;
        match (value, measure) {
            (Unit::Money, Unit::Number) if count == usize::from(self.money_digits()) => Some("cent".into()),
            (Unit::Percent, Unit::Number) => Some(format!("0.{:0>count$}%", 1)),
            _ => None,
        }
    }

    /// `300..850`, or the values one by one.
    pub fn range_in_words(&self, ty: Ty, domain: &opus_ir::Domain) -> String {
        let shown = |value: &i128| format!("`{}`", self.written(ty, *value));
        match &domain.set {
            Some(set) if set.len() <= 8 => one_of(&set.iter().map(shown).collect::<Vec<_>>()),
            _ => format!("`{}..{}`", self.written(ty, domain.range.lo), self.written(ty, domain.range.hi)),
        }
    }

    /// A constant of a type, at the type's scale.
    pub fn constant(&self, expr: ast::ExprId, ty: Ty, findings: &mut Findings) -> Option<Constant> {
        self.constant_near(expr, ty, None, findings)
    }

    /// The same where the values are known that make sense: help for a number without its unit keeps to them.
    pub fn constant_near(
        &self,
        expr: ast::ExprId,
        ty: Ty,
        domain: Option<&opus_ir::Domain>,
        findings: &mut Findings,
    ) -> Option<Constant> {
        let span = self.tree.exprs[expr].span;
        let (negative, literal) = match self.tree.exprs[expr].kind {
            ExprKind::Negate(inner) => (true, inner),
            _ => (false, expr),
        };
        if ty.unit == Unit::Date
            && let Some(reading) = self.foreign_date(expr)
        {
            findings.report(written_abroad(span, &reading));
            return None;
        }
        let (unit, number) = match &self.tree.exprs[literal].kind {
            ExprKind::Bool(value) if ty.unit == Unit::Bool && !negative => {
                return Some(Constant::Bool(*value));
            }
            ExprKind::Bool(_) => (Unit::Bool, Number::whole(0)),
            ExprKind::Name(name) if !negative => return self.named_constant(name, ty, findings),
            ExprKind::EnumValue { of, value } if !negative => {
                let (found, index) = self.qualified(of, value, findings)?;
                return self
                    .expect_unit(Unit::Enum(found), ty, span, findings)
                    .then_some(Constant::Enum(index));
            }
            ExprKind::Error => {
                findings.hole();
                return None;
            }
            _ => self.literal(literal, findings)?,
        };
        if unit == Unit::Number && matches!(ty.unit, Unit::Percent | Unit::Money | Unit::Days) {
            let signed = if negative { Number { mantissa: -number.mantissa, ..number } } else { number };
            findings.report(self.bare_number(span, signed, ty, domain));
            return None;
        }
        if unit != ty.unit
            && let Some(diagnostic) = self.unit_too_many(span, literal, ty)
        {
            findings.report(diagnostic);
            return None;
        }
        let number =
            if negative { Number { mantissa: number.mantissa.saturating_neg(), ..number } } else { number };
        self.expect_unit(unit, ty, span, findings).then(|| self.fit(number, ty, span, findings)).flatten()
    }

    /// The number that a literal denotes, and its unit; dates as day numbers, percentages as fractions.
    pub fn literal(&self, expr: ast::ExprId, findings: &mut Findings) -> Option<(Unit, Number)> {
        let span = self.tree.exprs[expr].span;
        Some(match &self.tree.exprs[expr].kind {
            ExprKind::Number(number) => (Unit::Number, *number),
            ExprKind::Percent(number) => {
                (Unit::Percent, Number { mantissa: number.mantissa, scale: number.scale.saturating_add(2) })
            }
            ExprKind::Money { currency, amount } => {
                (Unit::Money, self.money(currency, *amount, span, findings)?)
            }
            ExprKind::Date(day) => (Unit::Date, Number::whole(*day as i128)),
            ExprKind::Duration { count, unit: DurationUnit::Days } => match self.tree.exprs[*count].kind {
                ExprKind::Number(number) if number.at_scale(0).is_some() => (Unit::Days, number),
                ExprKind::Number(_) => {
                    findings.report(whole_days(self.tree.exprs[*count].span));
                    return None;
                }
                _ => return self.no_constant(span, findings),
            },
            ExprKind::Duration { unit, .. } => {
                findings.report(misplaced_months(span, *unit));
                return None;
            }
            _ => return self.no_constant(span, findings),
        })
    }

    fn no_constant<T>(&self, span: Span, findings: &mut Findings) -> Option<T> {
        let diagnostic = Diagnostic::new(Code::NotConstant, span, "expected a literal");
        findings.report(diagnostic.help("write the value itself, not a calculation"));
        None
    }

    /// An amount at the scale of the currency.
    fn money(&self, mark: &Name, amount: Number, span: Span, findings: &mut Findings) -> Option<Number> {
        let Some(known) = self.currency else {
            // a missing or unknown currency has been reported
            return None;
        };
        if !currency::may_mean(&mark.text, known.code) {
            let message = format!(
                "`{}` is not the symbol or code of {}, the currency of the policy",
                mark.text, known.code
            );
            let diagnostic = Diagnostic::new(Code::WrongCurrency, mark.span, message);
            let meant = self.amount(amount);
            // which of the two is wrong, the amount or the currency of the policy, is for its author to say
            findings.report(diagnostic.help(format!("write `{meant}`")).fix(span, meant).unsure());
            return None;
        }
        let exact = amount.at_scale(known.digits);
        if exact.is_none() {
            let message =
                format!("`{}` has more decimal places than {} allows", self.amount(amount), known.code);
            let diagnostic = Diagnostic::new(Code::LossyScale, span, message);
            findings.report(diagnostic.help(format!(
                "amounts in {} have {}",
                known.code,
                decimals(known.digits)
            )));
        }
        Some(Number { mantissa: exact?, scale: known.digits })
    }

    fn expect_unit(&self, found: Unit, ty: Ty, span: Span, findings: &mut Findings) -> bool {
        let right = found == ty.unit;
        if !right {
            findings.report(self.wrong_type(span, Ty::scaled(found, 0), ty));
        }
        right
    }

    /// A value of one type where another is expected.
    pub fn wrong_type(&self, span: Span, found: Ty, expected: Ty) -> Diagnostic {
        let (found, expected) = (self.describe(found), self.describe(expected));
        let message = format!("expected {expected}, found {found}");
        Diagnostic::new(Code::WrongType, span, message)
    }

    fn fit(&self, number: Number, ty: Ty, span: Span, findings: &mut Findings) -> Option<Constant> {
        let scale = ty.scale().unwrap_or(0);
        let Some(mantissa) = number.at_scale(scale) else {
            let lossy = super::words::trimmed(number, 0).scale > scale;
            findings.report(if lossy { self.lossy_literal(number, ty, span) } else { too_large(span) });
            return None;
        };
        if mantissa.unsigned_abs() > MAGNITUDE_MAX {
            findings.report(too_large(span));
            return None;
        }
        Some(Constant::Number(Number { mantissa, scale }))
    }

    fn lossy_literal(&self, number: Number, ty: Ty, span: Span) -> Diagnostic {
        let in_percent = if ty.unit == Unit::Percent { 2 } else { 0 };
        let has = decimals(ty.scale().unwrap_or(0).saturating_sub(in_percent));
        let shown = match ty.unit {
            Unit::Percent => {
                format!("{}%", plain(Number { scale: number.scale.saturating_sub(2), ..number }))
            }
            _ => plain(number),
        };
        let message = format!("`{shown}` has more decimal places than its type, which has {has}");
        let wider = match ty.unit {
            Unit::Percent => format!("`percent({})`", number.scale.saturating_sub(2)),
            _ => format!("`decimal({})`", number.scale),
        };
        let help = format!("use a type with more decimal places, {wider}, or correct the value");
        Diagnostic::new(Code::LossyScale, span, message).help(help)
    }

    /// A plain number where one with a unit is expected; the help shows how to write it. Where two readings are
    /// possible, those count that are in the declared range.
    pub fn bare_number(
        &self,
        span: Span,
        number: Number,
        expected: Ty,
        domain: Option<&opus_ir::Domain>,
    ) -> Diagnostic {
        let shown = plain(number);
        let (noun, readings) = match expected.unit {
            Unit::Money => ("an amount of money", vec![self.amount(number)]),
            Unit::Days => ("a number of days", vec![format!("{shown} days")]),
            _ => ("a percentage", self.percentages(number, expected, domain)),
        };
        let message = format!("expected {noun}, found the plain number `{shown}`");
        let diagnostic = Diagnostic::new(Code::BareNumber, span, message);
        match readings.as_slice() {
            [only] => diagnostic.help(format!("write `{only}`")).fix(span, only),
            [fraction, percentage, ..] => diagnostic.help(format!(
                "write `{fraction}` if it is a fraction of one, or `{percentage}` if it is a percentage already"
            )),
            [] => diagnostic,
        }
    }

    /// The percentages that a plain number may mean: nothing is guessed by a factor of a hundred.
    fn percentages(&self, number: Number, ty: Ty, domain: Option<&opus_ir::Domain>) -> Vec<String> {
        let as_fraction = match number.scale {
            0 => Number { mantissa: number.mantissa.saturating_mul(100), scale: 0 },
            1 => Number { mantissa: number.mantissa.saturating_mul(10), scale: 0 },
            scale => Number { mantissa: number.mantissa, scale: scale - 2 },
        };
        let is_whole = number.scale == 0 && number.mantissa.abs() != 1;
        let readings = if is_whole { vec![number] } else { vec![as_fraction, number] };
        let fits = |reading: &&Number| {
            let value = Number { scale: reading.scale.saturating_add(2), ..**reading };
            let scaled = ty.scale().and_then(|scale| value.at_scale(scale));
            domain.is_none_or(|domain| scaled.is_some_and(|value| domain.contains(value)))
        };
        let inside: Vec<&Number> = readings.iter().filter(fits).collect();
        let shown = if inside.is_empty() { readings.iter().collect() } else { inside };
        shown.into_iter().map(|reading| format!("{}%", plain(*reading))).collect()
    }

    /// `25%` where a plain number is expected.
    pub fn unit_too_many(&self, span: Span, literal: ast::ExprId, expected: Ty) -> Option<Diagnostic> {
        if expected.unit == Unit::Bool {
            let ExprKind::Number(number) = self.tree.exprs[literal].kind else { return None };
            let word = match number.at_scale(0)? {
                0 => "false",
                1 => "true",
                _ => return None,
            };
            let diagnostic = self.wrong_type(span, Ty::scaled(Unit::Number, 0), expected);
            return Some(diagnostic.help(format!("write `{word}`")).fix(span, word));
        }
        if expected.unit != Unit::Number {
            return None;
        }
        let (found, number) = match &self.tree.exprs[literal].kind {
            ExprKind::Percent(number) => (Unit::Percent, *number),
            ExprKind::Money { amount, .. } => (Unit::Money, *amount),
            ExprKind::Duration { count, unit: DurationUnit::Days } => match self.tree.exprs[*count].kind {
                ExprKind::Number(number) => (Unit::Days, number),
                _ => return None,
            },
            _ => return None,
        };
        number.at_scale(expected.scale().unwrap_or(0))?;
        let shown = plain(number);
        let place = self.tree.exprs[literal].span;
        let diagnostic = self.wrong_type(span, Ty::scaled(found, 0), expected);
        let fraction = found == Unit::Percent && expected.scale().is_none_or(|scale| scale > 0);
        let diagnostic = diagnostic.help(match fraction {
            true => format!("write the number without its unit, for example `{shown}`"),
            false => format!("write `{shown}`"),
        });
        // the unit may be right, and the other operand wrong
        Some(if fraction { diagnostic } else { diagnostic.fix(place, shown).unsure() })
    }

    /// `01/07/2025` and `1-7-2025`, which read as arithmetic.
    pub fn foreign_date(&self, expr: ast::ExprId) -> Option<Reading> {
        use ast::Arithmetic::{Divide, Subtract};
        let whole = |expr: ast::ExprId| match &self.tree.exprs[expr].kind {
            ExprKind::Number(number) => number.at_scale(0).filter(|whole| *whole < 10_000),
            _ => None,
        };
        let parts = |expr: ast::ExprId| match self.tree.exprs[expr].kind {
            ExprKind::Arithmetic { op: op @ (Divide | Subtract), left, right } => Some((op, left, right)),
            _ => None,
        };
        if let Some(digits) = whole_date(&self.tree.exprs[expr].kind) {
            return foreign_date::read(&digits);
        }
        let (outer, left, last) = parts(expr)?;
        let (inner, first, second) = parts(left)?;
        let (a, b, c) = (whole(first)?, whole(second)?, whole(last)?);
        (outer == inner).then(|| foreign_date::read(&format!("{a:02}/{b:02}/{c:02}"))).flatten()
    }

    fn named_constant(&self, name: &Name, ty: Ty, findings: &mut Findings) -> Option<Constant> {
        if let Some((_, defined)) = self.names.values.get(name.text.as_str()) {
            let message = format!("`{}` is not a constant", name.text);
            let diagnostic = Diagnostic::new(Code::NotConstant, name.span, message);
            findings.report(diagnostic.also(*defined, "defined here").help("write the value itself"));
            return None;
        }
        match ty.unit {
            Unit::Enum(index) => self.value_of(index, name, findings).map(Constant::Enum),
            _ => {
                let diagnostic = names_nothing(self, name, ty);
                findings.report(diagnostic);
                None
            }
        }
    }

    /// The value of an enum with this name; reports it if there is none.
    pub fn value_of(&self, index: u32, name: &Name, findings: &mut Findings) -> Option<u32> {
        let info = &self.enums[index as usize];
        let found = self.enum_value(index, &name.text);
        match found {
            Some(value) => findings.refer(info.values[value as usize].name.span),
            None => findings.report(self.unknown_value(index, name)),
        }
        found
    }

    fn unknown_value(&self, index: u32, name: &Name) -> Diagnostic {
        let info = &self.enums[index as usize];
        let enum_name = &info.decl.name.text;
        let message = format!("`{}` is not a value of `{enum_name}`", name.text);
        let diagnostic = Diagnostic::new(Code::UnknownEnumValue, name.span, message)
            .also(info.decl.name.span, "declared here");
        let values: Vec<&str> = info.values.iter().map(|value| value.name.text.as_str()).collect();
        if nearest(&name.text, values.iter().copied()).is_some() {
            return super::names::spelled(diagnostic, name, values);
        }
        let others = self.names.enums_of_value.get(name.text.as_str());
        if let Some(other) = others.and_then(|others| others.first()) {
            let other = &self.enums[*other as usize].decl.name.text;
            return diagnostic
                .help(format!("it is a value of `{other}`, but a value of `{enum_name}` is expected"));
        }
        let shown: Vec<String> = values.iter().take(8).map(|value| format!("`{value}`")).collect();
        let more = if values.len() > 8 { " and others" } else { "" };
        diagnostic.help(format!("its values are {}{more}", shown.join(", ")))
    }

    /// The enum and the value that `Reason.other` names; reports it if there is none.
    pub fn qualified(&self, of: &Name, value: &Name, findings: &mut Findings) -> Option<(u32, u32)> {
        let Some(&index) = self.names.enums.get(of.text.as_str()) else {
            findings.report(self.unknown_enum(of, value));
            return None;
        };
        findings.refer(self.enums[index as usize].decl.name.span);
        Some((index, self.value_of(index, value, findings)?))
    }
}

impl Declared<'_> {
    /// `principal.age`, `kind.auto`: the name before the dot is not an enum.
    fn unknown_enum(&self, of: &Name, value: &Name) -> Diagnostic {
        let is_value = |name: &Name| self.names.values.contains_key(name.text.as_str());
        let has_value = self.names.enums_of_value.contains_key(value.text.as_str());
        let unknown = super::names::unknown(of, "enum", self.names.enums.keys().copied());
        // without the guess at the name of an enum
        let plain = Diagnostic { fix: None, ..unknown.clone() };
        let whole = of.span.to(value.span);
        match (is_value(of), is_value(value)) {
            (true, _) if has_value => {
                let condition = format!("{} == {}", of.text, value.text);
                plain.help(format!("compare them: `{condition}`")).fix(whole, condition)
            }
            (_, true) => plain.help("write the name alone, without a prefix").fix(whole, &value.text),
            (true, _) if matches!(value.text.as_str(), "year" | "month" | "day") => plain.help(
                "the parts of a date are not available: compare whole dates, as in `d in 2025-01-01..2025-12-31`",
            ),
            (true, _) => plain.help(format!("values have no parts: write `{}` alone", of.text)),
            _ => unknown,
        }
    }
}

/// A name where a literal of a type without names is expected.
fn names_nothing(declared: &Declared, name: &Name, ty: Ty) -> Diagnostic {
    let expected = declared.describe(ty);
    let message = format!("expected {expected}, found the unknown name `{}`", name.text);
    let diagnostic = Diagnostic::new(Code::UnknownName, name.span, message);
    match ty.unit {
        Unit::Bool => {
            let truth = match name.text.to_lowercase().as_str() {
                "yes" | "true" | "y" | "t" | "on" => Some("true"),
                "no" | "false" | "n" | "f" | "off" => Some("false"),
                _ => None,
            };
            let diagnostic = diagnostic.help("write `true` or `false`");
            truth.into_iter().fold(diagnostic, |diagnostic, truth| diagnostic.fix(name.span, truth))
        }
        _ if super::names::means_nothing(&name.text) => {
            diagnostic.help("write `missing` for a missing value").fix(name.span, "missing")
        }
        _ if matches!(name.text.as_str(), "_" | "other" | "others" | "all" | "else" | "rest") => {
            diagnostic.help("write `any` for a cell that applies to everything").fix(name.span, "any")
        }
        _ => diagnostic.help("write the value itself"),
    }
}

/// A date of another country.
pub(super) fn written_abroad(span: Span, reading: &Reading) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::MalformedDate, span, "this is not written as a date");
    let diagnostic = diagnostic.help(reading.help());
    match reading.sure() {
        Some(day) => diagnostic.fix(span, day),
        None => diagnostic,
    }
}

/// `20250701`
fn whole_date(kind: &ExprKind) -> Option<String> {
    match kind {
        ExprKind::Number(number) => {
            number.at_scale(0).map(|whole| whole.to_string()).filter(|text| text.len() == 8)
        }
        _ => None,
    }
}

fn too_large(span: Span) -> Diagnostic {
    Diagnostic::new(Code::NumberTooLarge, span, "the number is too large for its type")
        .help("a value can be at most 2^120 in units of its last decimal place")
}

/// A number of days that is not whole.
pub(super) fn whole_days(span: Span) -> Diagnostic {
    Diagnostic::new(Code::WholeNumberNeeded, span, "the number of days, months or years must be whole")
        .help("write a whole number, or round it: `(…) rounded down to integer`")
}

/// `n months` where it is not added to a date.
pub(super) fn misplaced_months(span: Span, unit: DurationUnit) -> Diagnostic {
    let word = unit.name();
    let message =
        format!("{word} can only be added to a date or subtracted from one, as they have no fixed length");
    Diagnostic::new(Code::MisplacedMonths, span, message)
        .help(format!("write `d + n {word}`, or count them between two dates with `whole_{word}(a, b)`"))
}
