//! Which value does a literal stand for, where a type says what is expected?
//!
//! Constants are literals with an optional sign: the values of parameters and cells, ranges, defaults, and what
//! cases and tests give and expect. Each must be a value of its type exactly.

use crate::currency;
use crate::diagnostic::{Code, Diagnostic, nearest, one_of};
use crate::hir::{Constant, Ty, Unit};
use crate::text::ast::{self, DurationUnit, ExprKind, Name, Number, Span};

use super::findings::Findings;
use super::schema::{Declared, TypeInfo};
use super::words::{decimals, plain};

/// Beyond this, the difference of two constants could leave 128 bits.
const MAGNITUDE_MAX: u128 = 1 << 120;

impl Declared<'_> {
    /// A constant of a type that lies in its range.
    pub fn constant_in(
        &self,
        expr: ast::ExprId,
        info: &TypeInfo,
        findings: &mut Findings,
    ) -> Option<Constant> {
        let ty = self.ty(info.kind);
        let constant = self.constant(expr, ty, findings)?;
        let value = self.scaled(ty, constant)?;
        let inside = info.domain.as_ref().is_none_or(|domain| domain.contains(value));
        if !inside {
            let range = info.domain.as_ref().map_or(String::new(), |domain| self.range_in_words(ty, domain));
            let message = format!("`{}` is not in {range}", self.written(ty, value));
            let span = self.tree.exprs[expr].span;
            let diagnostic = Diagnostic::new(Code::ConstantOutOfRange, span, message);
            findings.report(
                diagnostic.help("the declared range bounds every value: widen it, or mend the value"),
            );
        }
        inside.then_some(constant)
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
        let span = self.tree.exprs[expr].span;
        let (negative, literal) = match self.tree.exprs[expr].kind {
            ExprKind::Negate(inner) => (true, inner),
            _ => (false, expr),
        };
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
            findings.report(self.bare_number(span, number, ty.unit));
            return None;
        }
        let number =
            if negative { Number { mantissa: number.mantissa.saturating_neg(), ..number } } else { number };
        self.expect_unit(unit, ty, span, findings).then(|| self.fit(number, ty, span, findings)).flatten()
    }

    /// The number that a literal stands for, and its unit; dates as day numbers, percentages as fractions.
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
        let diagnostic = Diagnostic::new(Code::NotConstant, span, "only a literal can stand here");
        findings.report(diagnostic.help("write the value itself, with a sign where it is negative"));
        None
    }

    /// An amount at the scale of the currency.
    fn money(&self, mark: &Name, amount: Number, span: Span, findings: &mut Findings) -> Option<Number> {
        let Some(known) = self.currency else {
            // that there is no currency, or which, has been said
            return None;
        };
        if !currency::may_mean(&mark.text, known.code) {
            let message =
                format!("`{}` does not stand for {}, the currency of the policy", mark.text, known.code);
            let diagnostic = Diagnostic::new(Code::WrongCurrency, mark.span, message);
            findings.report(diagnostic.help(format!("write `{}`", self.amount(amount))));
            return None;
        }
        let exact = amount.at_scale(known.digits);
        if exact.is_none() {
            let message = format!("`{}` has more decimals than {} has", self.amount(amount), known.code);
            let diagnostic = Diagnostic::new(Code::LossyScale, span, message);
            findings.report(diagnostic.help(format!(
                "an amount of {} has {}",
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
        let message = format!("this is {found}, and {expected} is expected");
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
        let message = format!("`{shown}` has more decimals than its type, which has {has}");
        let wider = match ty.unit {
            Unit::Percent => format!("`percent({})`", number.scale.saturating_sub(2)),
            _ => format!("`decimal({})`", number.scale),
        };
        let help = format!("give the type more decimals, {wider}, or mend the value");
        Diagnostic::new(Code::LossyScale, span, message).help(help)
    }

    /// A plain number where one with a unit is expected; the help shows how to write it.
    pub fn bare_number(&self, span: Span, number: Number, expected: Unit) -> Diagnostic {
        let shown = plain(number);
        let (noun, help) = match expected {
            Unit::Money => ("an amount of money", format!("write `{}`", self.amount(number))),
            Unit::Days => ("a number of days", format!("write `{shown} days`")),
            Unit::Percent => ("a percentage", percent_help(number)),
            _ => ("something else", "write it with its unit".into()),
        };
        let message = format!("`{shown}` is a plain number, and {noun} is expected");
        Diagnostic::new(Code::BareNumber, span, message).help(help)
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

    /// The value of an enum with this name; says so where there is none.
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
        let message = format!("`{}` is no value of `{enum_name}`", name.text);
        let diagnostic = Diagnostic::new(Code::UnknownEnumValue, name.span, message)
            .also(info.decl.name.span, "declared here");
        let values: Vec<&str> = info.values.iter().map(|value| value.name.text.as_str()).collect();
        if let Some(near) = nearest(&name.text, values.iter().copied()) {
            return diagnostic.help(format!("did you mean `{near}`?")).fix(name.span, near);
        }
        let others = self.names.enums_of_value.get(name.text.as_str());
        if let Some(other) = others.and_then(|others| others.first()) {
            let other = &self.enums[*other as usize].decl.name.text;
            return diagnostic
                .help(format!("it is a value of `{other}`; here a value of `{enum_name}` is expected"));
        }
        let shown: Vec<String> = values.iter().take(8).map(|value| format!("`{value}`")).collect();
        let more = if values.len() > 8 { " and others" } else { "" };
        diagnostic.help(format!("its values are {}{more}", shown.join(", ")))
    }

    /// The enum and the value that `Reason.other` names; says so where there is none.
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
    /// `principal.age`, `kind.auto`: what stands before the point is no enum.
    fn unknown_enum(&self, of: &Name, value: &Name) -> Diagnostic {
        let is_value = |name: &Name| self.names.values.contains_key(name.text.as_str());
        let has_value = self.names.enums_of_value.contains_key(value.text.as_str());
        let diagnostic = super::names::unknown(of, "enum", self.names.enums.keys().copied());
        let whole = of.span.to(value.span);
        match (is_value(of), is_value(value)) {
            (true, _) if has_value => {
                let condition = format!("{} == {}", of.text, value.text);
                diagnostic.help(format!("compare them: `{condition}`")).fix(whole, condition)
            }
            (_, true) => {
                diagnostic.help("inputs and other names stand by themselves").fix(whole, &value.text)
            }
            _ => diagnostic,
        }
    }
}

/// A name where a literal of a type without names is expected.
fn names_nothing(declared: &Declared, name: &Name, ty: Ty) -> Diagnostic {
    let expected = declared.describe(ty);
    let message = format!("there is no `{}`, and {expected} is expected", name.text);
    let diagnostic = Diagnostic::new(Code::UnknownName, name.span, message);
    match ty.unit {
        Unit::Bool => diagnostic.help("write `true` or `false`"),
        _ if matches!(name.text.as_str(), "_" | "other" | "others" | "all" | "else" | "rest") => {
            diagnostic.help("`any` is the cell that applies to everything").fix(name.span, "any")
        }
        _ => diagnostic.help("write the value itself"),
    }
}

/// Both readings of a plain number as a percentage: nothing is guessed by a factor of a hundred.
fn percent_help(number: Number) -> String {
    let as_written = plain(number);
    if number == Number::whole(1) {
        return "write `100%` where the whole is meant, `1%` where a hundredth of it is".into();
    }
    if number.scale == 0 {
        return format!("write `{as_written}%`");
    }
    let hundredfold = match number.scale {
        1 => Number { mantissa: number.mantissa.saturating_mul(10), scale: 0 },
        scale => Number { mantissa: number.mantissa, scale: scale - 2 },
    };
    format!(
        "write `{}%` where it is a fraction, `{as_written}%` where it is a percentage already",
        plain(hundredfold)
    )
}

fn too_large(span: Span) -> Diagnostic {
    Diagnostic::new(Code::NumberTooLarge, span, "the number is too large for its type")
        .help("at most 10^36 units of its last decimal can be held")
}

/// A number of days that is not whole.
pub(super) fn whole_days(span: Span) -> Diagnostic {
    Diagnostic::new(Code::WholeNumberNeeded, span, "days, months and years are counted in whole numbers")
        .help("write a whole number, or round it to `integer`")
}

/// `n months` where it is not added to a date.
pub(super) fn misplaced_months(span: Span, unit: DurationUnit) -> Diagnostic {
    let word = unit.name();
    let message =
        format!("{word} have no fixed length: they are only added to a date or subtracted from one");
    Diagnostic::new(Code::MisplacedMonths, span, message)
        .help(format!("write `d + n {word}`; between two dates `whole_{word}(a, b)` counts them"))
}
