//! What is the type of an expression, and what does it establish as a condition?
//!
//! Each kind of expression has its function here. An expression that cannot be understood has no type and is reported
//! once; whatever contains it is not judged. Enum values take their enum from the type that is expected at their
//! place.

use opus_ir::{Rounding, TableKey};

use crate::diagnostic::{Code, Diagnostic, one_of};
use crate::hir::{Arithmetic, Comparison, Constant, ExprId, ExprKind, Form, Number, TableId, Ty, Unit};
use crate::text::ast::{self, DurationUnit, ExprKind as Ast, Function, Logic, Name, RoundingUnitKind, Span};

use super::constants::{misplaced_months, whole_days};
use super::names;
use super::presence::{Known, Truth};
use super::scope::{Binding, Checker, Named, Typed};
use super::units::{self, Operator};
use super::words::trimmed;

/// Stack that is kept free below each level of an expression.
const STACK_RED_BYTES: usize = 64 * 1024;
/// Stack that is added when there is less.
const STACK_GROW_BYTES: usize = 1024 * 1024;

/// The enum whose values are expected, if one is.
type Want = Option<u32>;

impl<'a> Checker<'a> {
    /// The typed expression; `None` if it has no type, which has been reported. `known` are the fields that are
    /// present where it is evaluated.
    pub fn expr(&mut self, expr: ast::ExprId, want: Want, known: &Known) -> Option<Typed> {
        stacker::maybe_grow(STACK_RED_BYTES, STACK_GROW_BYTES, || self.infer(expr, want, known))
    }

    /// A condition.
    pub fn condition(&mut self, expr: ast::ExprId, known: &Known) -> Option<Typed> {
        if let Some(diagnostic) = self.number_that_may_be_missing(expr, known) {
            self.findings.report(diagnostic);
            return None;
        }
        let typed = self.expr(expr, None, known)?;
        if typed.ty != Ty::BOOL {
            let found = self.declared.describe(typed.ty);
            let message = format!("expected a condition, found {found}");
            let diagnostic = Diagnostic::new(Code::WrongType, self.node(expr).span, message);
            self.findings.report(diagnostic.help("compare it with a value, using `<`, `==` or `in`"));
            return None;
        }
        Some(typed)
    }

    /// `score or 0 > 700`: an input that is not a condition, and may also be missing.
    fn number_that_may_be_missing(&self, expr: ast::ExprId, known: &Known) -> Option<Diagnostic> {
        let Ast::Name(name) = &self.node(expr).kind else { return None };
        let Some(Binding::Input(index)) = self.bindings.get(name.text.as_str()) else { return None };
        let field = &self.declared.inputs[*index as usize];
        let ty = self.declared.ty(field.ty.as_ref()?.kind);
        let missing = field.decl.optional.is_some() && !known.contains(*index);
        (missing && ty != Ty::BOOL).then(|| {
            let message = format!("expected a condition, found {}", self.declared.describe(ty));
            let word = &name.text;
            Diagnostic::new(Code::WrongType, name.span, message).help(format!(
                "write `{word} is present`, or compare `{word} or_else …`, which replaces a missing value"
            ))
        })
    }

    /// `kind == auto or card`, `age == 18 or 19`: a value instead of a second condition.
    fn value_without_subject(&self, op: Logic, left: ast::ExprId, right: ast::ExprId) -> Option<Diagnostic> {
        let mut left = left;
        while let Ast::Logic { right, .. } = &self.node(left).kind {
            left = *right;
        }
        let compared = matches!(self.node(left).kind, Ast::Compare { .. }) || self.is_value_alone(left);
        (compared && self.is_value_alone(right)).then(|| {
            let message = "expected a condition, found a value";
            let second = self.node(right).span;
            let diagnostic = Diagnostic::new(Code::WrongType, second, message)
                .help("write a whole condition on both sides, `x == a or x == b`, or use `x in {a, b}`");
            match (op, &self.node(left).kind) {
                // `x == a or b`: the signs between the three give way to those of a list
                (Logic::Or, Ast::Compare { op: ast::Comparison::Equal, left: subject, right: first }) => {
                    let (subject, first) = (self.node(*subject).span, self.node(*first).span);
                    diagnostic
                        .fix(Span { start: subject.end, end: first.start }, " in {")
                        .fix(Span { start: first.end, end: second.start }, ", ")
                        .fix(Span { start: second.end, ..second }, "}")
                }
                _ => diagnostic,
            }
        })
    }

    /// Whether it is a literal or the value of an enum.
    fn is_value_alone(&self, expr: ast::ExprId) -> bool {
        let literal = matches!(
            self.node(expr).kind,
            Ast::Number(_) | Ast::Money { .. } | Ast::Percent(_) | Ast::Date(_) | Ast::EnumValue { .. }
        );
        literal || self.is_bare_value(expr)
    }

    fn infer(&mut self, expr: ast::ExprId, want: Want, known: &Known) -> Option<Typed> {
        let node = self.node(expr);
        let span = node.span;
        match &node.kind {
            Ast::Number(_) | Ast::Money { .. } | Ast::Percent(_) | Ast::Date(_) => self.literal(expr),
            Ast::Bool(value) => Some(self.push(ExprKind::Constant(Constant::Bool(*value)), Ty::BOOL, span)),
            Ast::Duration { count, unit } => self.duration(*count, *unit, span, known),
            Ast::Name(name) => self.name(name, want, known),
            Ast::EnumValue { of, value } => {
                let (index, value) = self.declared.qualified(of, value, &mut self.findings)?;
                Some(self.enum_constant(index, value, span))
            }
            Ast::Negate(operand) => self.negate(*operand, span, known),
            Ast::Not(operand) => {
                let operand = self.condition(*operand, known)?;
                let truth = operand.truth.negated();
                Some(Typed { truth, ..self.push(ExprKind::Not(operand.id), Ty::BOOL, span) })
            }
            Ast::Arithmetic { op, left, right } => self.arithmetic(*op, *left, *right, span, known),
            Ast::Compare { op, left, right } => self.compare(*op, *left, *right, span, known),
            Ast::Logic { op, left, right } => self.logic(*op, *left, *right, span, known),
            Ast::Rounded { value, mode, unit } => self.rounded(*value, *mode, unit, span, known),
            Ast::InRange { value, low, high } => self.in_range(*value, *low, *high, span, known),
            Ast::InSet { value, members } => self.in_set(*value, members, span, known),
            Ast::InNamed { value, set } => self.in_named(*value, set, span, known),
            Ast::IsMissing(operand) => {
                let present = self.is_present(*operand, span)?;
                let truth = present.truth.negated();
                Some(Typed { truth, ..self.push(ExprKind::Not(present.id), Ty::BOOL, span) })
            }
            Ast::IsPresent(operand) => self.is_present(*operand, span),
            Ast::OrElse { value, fallback } => self.or_else(*value, *fallback, span, known),
            Ast::If { condition, then, otherwise } => {
                self.choice(*condition, *then, *otherwise, want, span, known)
            }
            Ast::Call { function, args, .. } => match function {
                Function::Min => self.extreme(Arithmetic::Min, args, span, known),
                Function::Max => self.extreme(Arithmetic::Max, args, span, known),
                Function::WholeMonths | Function::WholeYears => self.whole(*function, args, span, known),
            },
            Ast::Entry { table, keys } => self.entry(table, keys, span, known),
            Ast::Error => {
                self.findings.hole();
                None
            }
        }
    }

    fn literal(&mut self, expr: ast::ExprId) -> Option<Typed> {
        let (unit, number) = self.declared.literal(expr, &mut self.findings)?;
        let least = match unit {
            Unit::Money => number.scale,
            Unit::Percent => 2,
            _ => 0,
        };
        Some(self.push_number(trimmed(number, least), unit, self.node(expr).span))
    }

    /// `30 days`, `n days`; months and years are met here only where no date is to their left.
    fn duration(
        &mut self,
        count: ast::ExprId,
        unit: DurationUnit,
        span: Span,
        known: &Known,
    ) -> Option<Typed> {
        if unit != DurationUnit::Days {
            self.findings.report(misplaced_months(span, unit));
            return None;
        }
        let counted = self.count(count, known)?;
        if let ExprKind::Constant(Constant::Number(number)) = self.version.exprs[counted.id].kind {
            return Some(self.push_number(number, Unit::Days, span));
        }
        let day = self.push_number(Number::whole(1), Unit::Days, span);
        let days = ExprKind::Arithmetic(Arithmetic::Mul, counted.id, day.id);
        Some(self.push(days, Ty::scaled(Unit::Days, 0), span))
    }

    /// A whole number of days, months or years.
    fn count(&mut self, expr: ast::ExprId, known: &Known) -> Option<Typed> {
        let counted = self.expr(expr, None, known)?;
        let span = self.node(expr).span;
        let whole = Ty::scaled(Unit::Number, 0);
        match counted.ty {
            ty if ty == whole => return Some(counted),
            Ty { unit: Unit::Number, .. } => self.findings.report(whole_days(span)),
            ty => self.findings.report(self.declared.wrong_type(span, ty, whole)),
        }
        None
    }

    fn enum_constant(&mut self, index: u32, value: u32, span: Span) -> Typed {
        self.push(ExprKind::Constant(Constant::Enum(value)), Ty::scaled(Unit::Enum(index), 0), span)
    }

    fn name(&mut self, name: &'a Name, want: Want, known: &Known) -> Option<Typed> {
        let Some(binding) = self.bindings.get(name.text.as_str()).cloned() else {
            return self.unbound(name, want);
        };
        match binding {
            Binding::Input(index) => self.field(index, name, known),
            Binding::Param(param, defined) => {
                self.findings.refer(defined);
                let ty = self.version.params[param?].ty;
                Some(self.push(ExprKind::Param(param?), ty, name.span))
            }
            Binding::Hole(hole, defined) => {
                self.findings.refer(defined);
                let ty = self.declared.holes[hole? as usize].ty;
                Some(self.push(ExprKind::Hole(hole?), ty, name.span))
            }
            Binding::Set(_, defined) => {
                self.findings.refer(defined);
                self.findings.report(set_alone(name, defined));
                None
            }
            Binding::FactTable(hole, defined) => {
                self.findings.refer(defined);
                self.findings.report(self.table_alone(name, hole, defined));
                None
            }
            Binding::Let(named, defined) => {
                self.findings.refer(defined);
                let Named { id, ty, truth } = named?;
                Some(Typed { truth, ..self.push(ExprKind::Let(id), ty, name.span) })
            }
            Binding::Table(table, defined) => {
                self.findings.refer(defined);
                self.note_missing_keys(table?, name.span, known);
                let ty = self.version.tables[table?].ty;
                Some(self.push(ExprKind::Table(table?), ty, name.span))
            }
            Binding::Later(defined) => {
                self.findings.refer(defined);
                self.findings.report(used_early(name, defined));
                None
            }
            Binding::NotInForce(defined) => {
                self.findings.refer(defined);
                self.findings.report(self.not_in_force(name, defined));
                None
            }
        }
    }

    fn not_in_force(&self, name: &Name, defined: Span) -> Diagnostic {
        let message = format!("`{}` is not defined in this version", name.text);
        Diagnostic::new(Code::NotInForce, name.span, message)
            .also(defined, "defined in other versions only")
            .help("use it only in those versions, or add a `let` for this one")
    }

    /// A name that does not denote a value: a value of an enum, or unknown.
    fn unbound(&mut self, name: &'a Name, want: Want) -> Option<Typed> {
        if let Some(index) = want {
            let value = self.declared.value_of(index, name, &mut self.findings)?;
            return Some(self.enum_constant(index, value, name.span));
        }
        let diagnostic = match self.declared.names.enums_of_value.get(name.text.as_str()) {
            Some(enums) => {
                let written = |index: &u32| {
                    format!("`{}.{}`", self.declared.enums[*index as usize].decl.name.text, name.text)
                };
                let choices: Vec<String> = enums.iter().map(written).collect();
                let message = format!("it is not clear which enum `{}` belongs to", name.text);
                let diagnostic = Diagnostic::new(Code::UnclearEnumValue, name.span, message);
                diagnostic.help(format!("write {}", one_of(&choices)))
            }
            None => self.unknown_name(name),
        };
        self.findings.report(diagnostic);
        None
    }

    fn unknown_name(&self, name: &Name) -> Diagnostic {
        let outputs = &self.declared.outputs;
        if outputs.iter().any(|output| output.decl.name.text == name.text) {
            let message = format!("`{}` is an output, and has no value before the decision", name.text);
            return Diagnostic::new(Code::UnknownName, name.span, message)
                .help("use an input, a `param` or a `let`");
        }
        let truth = match name.text.to_lowercase().as_str() {
            "yes" | "true" => Some("true"),
            "no" | "false" => Some("false"),
            _ => None,
        };
        if let Some(truth) = truth {
            let message = format!("`{}` is not `true` or `false`", name.text);
            let diagnostic = Diagnostic::new(Code::UnknownName, name.span, message);
            return diagnostic.help("write `true` or `false`").fix(name.span, truth);
        }
        let known = self.bindings.keys().chain(self.declared.names.enums_of_value.keys());
        names::unknown(name, "input, parameter, `let`, table or enum value", known.copied())
    }

    fn field(&mut self, index: u32, name: &Name, known: &Known) -> Option<Typed> {
        let field = &self.declared.inputs[index as usize];
        self.findings.refer(field.decl.name.span);
        let ty = self.declared.ty(field.ty.as_ref()?.kind);
        let unsure = field.decl.optional.filter(|_| !known.contains(index));
        if let Some(optional) = unsure.filter(|_| !self.among_rules) {
            // rows that have yet to be refused or decided come here: nothing else is known of them
            let word = &name.text;
            let help = format!(
                "write `{word} or_else …`, or move the `let` between the rules, after one \
                 `when {word} is missing`"
            );
            let message = format!("`{word}` may be missing here");
            let diagnostic = Diagnostic::new(Code::OptionalNotNarrowed, name.span, message)
                .also(optional, "declared optional")
                .help(help)
                .counterexample(vec![(word.clone(), "missing".into())]);
            self.findings.report(diagnostic);
        }
        let read = self.push(ExprKind::Field(index), ty, name.span);
        self.version.unsure.extend(unsure.map(|optional| (read.id, optional)));
        Some(read)
    }

    /// Says which uses of optional inputs the form of conditions does not show to be present.
    pub fn say_unsure(&mut self) {
        for (read, optional) in &self.version.unsure {
            let ExprKind::Field(index) = self.version.exprs[*read].kind else { continue };
            let word = &self.declared.inputs[index as usize].decl.name.text;
            let diagnostic = may_be_missing(word, self.version.exprs[*read].span, *optional);
            self.findings.report(diagnostic);
        }
    }

    /// Remembers which keys of a table may be missing at this use.
    fn note_missing_keys(&mut self, table: TableId, span: Span, known: &Known) {
        let keys = &self.version.tables[table].keys;
        let uses = self.missing_keys.entry(table).or_insert_with(|| vec![None; keys.len()]);
        for (key, first) in keys.iter().zip(uses) {
            let ExprKind::Field(field) = self.version.exprs[key.value].kind else { continue };
            let optional = self.declared.inputs[field as usize].decl.optional.is_some();
            if optional && !known.contains(field) && first.is_none() {
                *first = Some(span);
            }
        }
    }

    fn negate(&mut self, operand: ast::ExprId, span: Span, known: &Known) -> Option<Typed> {
        let operand_span = self.node(operand).span;
        let operand = self.expr(operand, None, known)?;
        if matches!(operand.ty.unit, Unit::Bool | Unit::Enum(_) | Unit::Date) {
            let message = format!("{} cannot be negated", self.declared.describe(operand.ty));
            let diagnostic = Diagnostic::new(Code::WrongType, operand_span, message);
            let help = if operand.ty == Ty::BOOL { "write `not`" } else { "remove the `-`" };
            self.findings.report(diagnostic.help(help));
            return None;
        }
        Some(self.push(ExprKind::Negate(operand.id), operand.ty, span))
    }

    fn arithmetic(
        &mut self,
        op: ast::Arithmetic,
        left: ast::ExprId,
        right: ast::ExprId,
        span: Span,
        known: &Known,
    ) -> Option<Typed> {
        if let Ast::Duration { count, unit: unit @ (DurationUnit::Months | DurationUnit::Years) } =
            self.node(right).kind
        {
            return self.add_months(op, left, (count, unit, self.node(right).span), span, known);
        }
        let (a, b) = (self.expr(left, None, known), self.expr(right, None, known));
        let (a, b) = (a?, b?);
        let ty = self.join(op.into(), (left, a.ty), (right, b.ty), op.symbol(), span)?;
        if op == ast::Arithmetic::Of {
            self.look_at_part(left);
        }
        self.look_at_years(op, (left, &a), &b, right);
        Some(self.push(ExprKind::Arithmetic(op.into(), a.id, b.id), ty, span))
    }

    /// `43 of income`: 43 times the income.
    fn look_at_part(&mut self, left: ast::ExprId) {
        let node = self.node(left);
        let Ast::Number(number) = node.kind else { return };
        if number.at_scale(0).is_none_or(|whole| whole < 1) {
            return;
        }
        let shown = super::words::plain(number);
        let message = format!("`{shown} of` takes {shown} times the value, not {shown} percent of it");
        self.findings.report(
            Diagnostic::new(Code::PartWithoutPercent, node.span, message)
                .help(format!("write `{shown}% of` for the percentage, or `{shown} *` for the multiple"))
                .fix(node.span, format!("{shown}%"))
                .unsure(),
        );
    }

    /// `d + n months`, `d - n years`
    fn add_months(
        &mut self,
        op: ast::Arithmetic,
        date: ast::ExprId,
        (count, unit, months_span): (ast::ExprId, DurationUnit, Span),
        span: Span,
        known: &Known,
    ) -> Option<Typed> {
        let from = self.expr(date, None, known)?;
        let count = self.count(count, known)?;
        if from.ty.unit != Unit::Date || !units::takes_months(op.into()) {
            self.findings.report(misplaced_months(months_span, unit));
            return None;
        }
        if self.declared.items.month_end.is_none() {
            let message = "the policy does not say how months end";
            let diagnostic = Diagnostic::new(Code::MissingMonthEnd, span, message);
            self.findings.report(diagnostic.help(
                "add `month_end clip` to end on the last day of a short month, or `month_end carry` to continue into the next month",
            ));
        }
        let years = if unit == DurationUnit::Years { 12 } else { 1 };
        let sign = if op == ast::Arithmetic::Subtract { -1 } else { 1 };
        let months = self.times(count, sign * years, months_span);
        Some(self.push(ExprKind::AddMonths(from.id, months.id), from.ty, span))
    }

    /// A whole number times a constant.
    fn times(&mut self, number: Typed, factor: i128, span: Span) -> Typed {
        let constant = match self.version.exprs[number.id].kind {
            ExprKind::Constant(Constant::Number(number)) => number.mantissa.checked_mul(factor),
            _ => None,
        };
        if let Some(product) = constant {
            return self.push_number(Number::whole(product), Unit::Number, span);
        }
        if factor == 1 {
            return number;
        }
        let factor = self.push_number(Number::whole(factor), Unit::Number, span);
        self.push(ExprKind::Arithmetic(Arithmetic::Mul, number.id, factor.id), number.ty, span)
    }

    /// The type of two joined values, by the table of units; says so where they cannot be joined.
    fn join(
        &mut self,
        operator: Operator,
        left: (ast::ExprId, Ty),
        right: (ast::ExprId, Ty),
        symbol: &str,
        span: Span,
    ) -> Option<Ty> {
        match units::join(operator, left.1, right.1) {
            Ok(ty) => Some(ty),
            Err(mismatch) => {
                let diagnostic = self.mismatch(mismatch, operator, left, right, symbol, span);
                self.findings.report(diagnostic);
                None
            }
        }
    }

    /// Two expressions that are to be of one type: a bare enum value takes its enum from the other.
    fn pair(
        &mut self,
        left: (ast::ExprId, &Known),
        right: (ast::ExprId, &Known),
        want: Want,
    ) -> Option<(Typed, Typed)> {
        if want.is_none() && self.is_bare_value(left.0) {
            let b = self.expr(right.0, want, right.1)?;
            let a = self.expr(left.0, enum_of(b.ty), left.1)?;
            return Some((a, b));
        }
        let a = self.expr(left.0, want, left.1);
        let want = a.as_ref().and_then(|a| enum_of(a.ty)).or(want);
        if a.is_none() && self.is_bare_value(right.0) {
            return None;
        }
        let b = self.expr(right.0, want, right.1);
        Some((a?, b?))
    }

    /// Whether it is a name of enum values and nothing else, or a choice that begins with one.
    pub fn is_bare_value(&self, expr: ast::ExprId) -> bool {
        let mut expr = expr;
        while let Ast::If { then, .. } = &self.node(expr).kind {
            expr = *then;
        }
        let Ast::Name(name) = &self.node(expr).kind else { return false };
        let word = name.text.as_str();
        !self.bindings.contains_key(word) && self.declared.names.enums_of_value.contains_key(word)
    }

    fn compare(
        &mut self,
        op: ast::Comparison,
        left: ast::ExprId,
        right: ast::ExprId,
        span: Span,
        known: &Known,
    ) -> Option<Typed> {
        if let Some((subject, nothing)) = self.compared_with_nothing(left, right) {
            return self.asked_by_comparison(op, subject, nothing, span);
        }
        if let Some(diagnostic) = self.compared_with_years(left, right) {
            self.findings.report(diagnostic);
            return None;
        }
        let (a, b) = self.pair((left, known), (right, known), None)?;
        self.join(op.into(), (left, a.ty), (right, b.ty), op.symbol(), span)?;
        self.look_at_age((left, a.ty), (right, b.ty));
        Some(self.push(ExprKind::Compare(op.into(), a.id, b.id), Ty::BOOL, span))
    }

    /// `score == null`: the other side, and the word.
    fn compared_with_nothing(
        &self,
        left: ast::ExprId,
        right: ast::ExprId,
    ) -> Option<(ast::ExprId, &'a Name)> {
        let nothing = |expr: ast::ExprId| match &self.node(expr).kind {
            Ast::Name(name) => {
                let defined = self.bindings.contains_key(name.text.as_str()) || self.is_bare_value(expr);
                (names::means_nothing(&name.text) && !defined).then_some(name)
            }
            _ => None,
        };
        let of_right = nothing(right).map(|name| (left, name));
        of_right.or_else(|| nothing(left).map(|name| (right, name)))
    }

    /// What a comparison with `null` asks, so that what follows from it is not complained about as well.
    fn asked_by_comparison(
        &mut self,
        op: ast::Comparison,
        subject: ast::ExprId,
        nothing: &Name,
        span: Span,
    ) -> Option<Typed> {
        let asks = match op {
            ast::Comparison::Equal => "is missing",
            ast::Comparison::NotEqual => "is present",
            _ => "is missing`, or `is present",
        };
        let message = format!("there is no value `{}`", nothing.text);
        let diagnostic = Diagnostic::new(Code::UnknownName, nothing.span, message);
        let Ast::Name(name) = &self.node(subject).kind else {
            self.findings.report(diagnostic.help("ask an `optional` input whether it `is missing`"));
            return None;
        };
        let meant = format!("{} {asks}", name.text);
        let diagnostic = diagnostic.help(format!("write `{meant}`"));
        let equality = matches!(op, ast::Comparison::Equal | ast::Comparison::NotEqual);
        self.findings.report(if equality { diagnostic.fix(span, meant) } else { diagnostic });
        let Some(Binding::Input(index)) = self.bindings.get(name.text.as_str()).cloned() else { return None };
        self.declared.inputs[index as usize].decl.optional?;
        let present = self.is_present(subject, span)?;
        if op == ast::Comparison::NotEqual {
            return Some(present);
        }
        let truth = present.truth.negated();
        Some(Typed { truth, ..self.push(ExprKind::Not(present.id), Ty::BOOL, span) })
    }

    fn logic(
        &mut self,
        op: Logic,
        left: ast::ExprId,
        right: ast::ExprId,
        span: Span,
        known: &Known,
    ) -> Option<Typed> {
        let a = self.condition(left, known);
        let seen = a.as_ref().map(|a| match op {
            Logic::And => known.and_also(&a.truth.holds),
            Logic::Or => known.and_also(&a.truth.fails),
        });
        if let Some(diagnostic) = self.value_without_subject(op, left, right) {
            self.findings.report(diagnostic);
            return None;
        }
        let b = self.condition(right, seen.as_ref().unwrap_or(known));
        let (a, b) = (a?, b?);
        let (kind, truth) = match op {
            Logic::And => (ExprKind::And(a.id, b.id), a.truth.and(&b.truth)),
            Logic::Or => (ExprKind::Or(a.id, b.id), a.truth.or(&b.truth)),
        };
        Some(Typed { truth, ..self.push(kind, Ty::BOOL, span) })
    }

    fn rounded(
        &mut self,
        value: ast::ExprId,
        mode: Rounding,
        unit: &ast::RoundingUnit,
        span: Span,
        known: &Known,
    ) -> Option<Typed> {
        let typed = self.expr(value, None, known);
        let (measure, size) = self.rounding_unit(unit)?;
        let typed = typed?;
        let ratio_to_percent = typed.ty.form == Form::Rational && typed.ty.unit == Unit::Number;
        let fits = typed.ty.unit == measure || (measure == Unit::Percent && ratio_to_percent);
        if !fits {
            let found = self.declared.describe(typed.ty);
            let to = unit_word(measure);
            let message = format!("{found} cannot be rounded to a multiple of {to}");
            let diagnostic =
                Diagnostic::new(Code::RoundingUnit, unit.span, message).also(self.node(value).span, found);
            let help = match (typed.ty.unit, measure) {
                (Unit::Percent, Unit::Number) => {
                    "`p * x` is a percentage like `p`; write `p of x` for a part of `x`"
                }
                (unit, _) => rounding_help(unit),
            };
            let diagnostic = diagnostic.help(help);
            self.findings.report(match self.declared.decimals_meant(typed.ty.unit, measure, size) {
                Some(meant) => diagnostic
                    .help(format!("write the unit instead of the number of decimals: `{meant}`"))
                    .fix(unit.span, meant),
                None => diagnostic,
            });
            return None;
        }
        let ty = Ty::scaled(measure, size.scale);
        Some(self.push(ExprKind::Round { value: typed.id, mode, unit: size }, ty, span))
    }

    /// What is measured, and the size of a step.
    fn rounding_unit(&mut self, unit: &ast::RoundingUnit) -> Option<(Unit, Number)> {
        let cent = Number { mantissa: 1, scale: self.declared.money_digits() };
        let (measure, size) = match unit.kind {
            RoundingUnitKind::Cent => (Unit::Money, cent),
            RoundingUnitKind::Dollar => (Unit::Money, Number::whole(1)),
            RoundingUnitKind::Integer => (Unit::Number, Number::whole(1)),
            RoundingUnitKind::Literal(literal) => self.declared.literal(literal, &mut self.findings)?,
        };
        if size.mantissa <= 0 || !matches!(measure, Unit::Number | Unit::Percent | Unit::Money) {
            let message = "the rounding unit must be a positive number, amount or percentage";
            let diagnostic = Diagnostic::new(Code::RoundingUnit, unit.span, message);
            self.findings.report(diagnostic.help("write for example `cent`, `integer`, `$100` or `0.25%`"));
            return None;
        }
        let least = if measure == Unit::Percent { 2 } else { 0 };
        Some((measure, trimmed(size, least)))
    }

    fn in_range(
        &mut self,
        value: ast::ExprId,
        low: ast::ExprId,
        high: ast::ExprId,
        span: Span,
        known: &Known,
    ) -> Option<Typed> {
        let typed = self.expr(value, None, known);
        let want = typed.as_ref().and_then(|typed| enum_of(typed.ty));
        let (a, b) = (self.expr(low, want, known), self.expr(high, want, known));
        let (typed, a, b) = (typed?, a?, b?);
        let lower = self.join(Operator::Within, (value, typed.ty), (low, a.ty), "in", span);
        lower.and(self.join(Operator::Within, (value, typed.ty), (high, b.ty), "in", span))?;
        Some(self.push(ExprKind::In(typed.id, vec![(a.id, b.id)]), Ty::BOOL, span))
    }

    fn in_set(
        &mut self,
        value: ast::ExprId,
        members: &[ast::ExprId],
        span: Span,
        known: &Known,
    ) -> Option<Typed> {
        let typed = self.expr(value, None, known)?;
        let want = enum_of(typed.ty);
        let mut points = Some(Vec::with_capacity(members.len()));
        for member in members {
            let found = self.expr(*member, want, known);
            let joined = found.filter(|found| {
                self.join(Operator::Member, (value, typed.ty), (*member, found.ty), "in", span).is_some()
            });
            match (joined, &mut points) {
                (Some(found), Some(points)) => points.push((found.id, found.id)),
                _ => points = None,
            }
        }
        Some(self.push(ExprKind::In(typed.id, points?), Ty::BOOL, span))
    }

    /// `region in high_risk`
    fn in_named(&mut self, value: ast::ExprId, set: &'a Name, span: Span, known: &Known) -> Option<Typed> {
        let hole = match self.bindings.get(set.text.as_str()).cloned() {
            Some(Binding::Set(hole, defined)) => {
                self.findings.refer(defined);
                hole
            }
            Some(_) => {
                self.findings.report(no_set(set));
                None
            }
            None => {
                let known = self.declared.items.sets.iter().map(|set| set.name.text.as_str());
                let diagnostic = names::unknown(set, "set", known);
                let is_value = self.declared.names.enums_of_value.contains_key(set.text.as_str());
                self.findings.report(match (is_value, &diagnostic.help) {
                    (true, _) => {
                        let equal = format!("== {}", set.text);
                        let after = Span { start: self.node(value).span.end, end: set.span.end };
                        let diagnostic = Diagnostic { help: None, ..diagnostic };
                        diagnostic.help(format!("write `{equal}`")).fix(after, format!(" {equal}"))
                    }
                    (false, Some(_)) => diagnostic,
                    (false, None) => diagnostic.help(format!(
                        "declare `set {} of … from snapshot`, or list the values: `in {{a, b}}`",
                        set.text
                    )),
                });
                None
            }
        };
        let typed = self.expr(value, None, known)?;
        let of = self.declared.holes[hole? as usize].of()?;
        let expected = Ty::scaled(Unit::Enum(of), 0);
        if typed.ty != expected {
            let place = self.node(value).span;
            let diagnostic = self.declared.wrong_type(place, typed.ty, expected);
            let help =
                format!("`{}` is a set of `{}`", set.text, self.declared.enums[of as usize].decl.name.text);
            self.findings.report(diagnostic.help(help));
            return None;
        }
        Some(self.push(ExprKind::InHole(typed.id, hole?), Ty::BOOL, span))
    }

    /// `rate(region, 12)`
    fn entry(&mut self, table: &'a Name, args: &[ast::ExprId], span: Span, known: &Known) -> Option<Typed> {
        let Some(Binding::FactTable(hole, defined)) = self.bindings.get(table.text.as_str()).cloned() else {
            // the name has another meaning, too, which has been reported
            self.findings.hole();
            return None;
        };
        self.findings.refer(defined);
        let hole = hole?;
        let declared = self.declared.holes[hole as usize].keys();
        if args.len() != declared.len() {
            let takes = crate::diagnostic::counted(declared.len(), "key");
            let message = format!("`{}` has {takes}, and {} given here", table.text, are(args.len()));
            let diagnostic = Diagnostic::new(Code::WrongArgumentCount, span, message);
            let help = format!("write `{}`", usage(&table.text, declared));
            self.findings.report(diagnostic.also(defined, "declared here").help(help));
            return None;
        }
        let mut keys = Some(Vec::with_capacity(args.len()));
        for (arg, key) in args.iter().zip(declared) {
            let expected = self.declared.ty(key.kind);
            let found = self.expr(*arg, enum_of(expected), known);
            match (found, &mut keys) {
                (Some(found), Some(keys)) if found.ty == expected => keys.push(found.id),
                (Some(found), _) if found.ty != expected => {
                    let place = self.node(*arg).span;
                    let diagnostic = self.declared.wrong_type(place, found.ty, expected);
                    let help = format!("this is the key `{}` of `{}`", key.name, table.text);
                    self.findings.report(diagnostic.help(help));
                    keys = None;
                }
                _ => keys = None,
            }
        }
        let ty = self.declared.holes[hole as usize].ty;
        Some(self.push(ExprKind::Entry(keys?, hole), ty, span))
    }

    fn table_alone(&self, name: &Name, hole: Option<u32>, defined: Span) -> Diagnostic {
        let message = format!("`{}` is a table, and its keys are missing", name.text);
        let keys = hole.map_or(&[][..], |hole| self.declared.holes[hole as usize].keys());
        Diagnostic::new(Code::WrongType, name.span, message)
            .also(defined, "declared here")
            .help(format!("write `{}`", usage(&name.text, keys)))
    }

    /// The optional field that an expression names; says so where it names none.
    fn optional_field(&mut self, expr: ast::ExprId) -> Option<u32> {
        let node = self.node(expr);
        let binding = match &node.kind {
            Ast::Name(name) => self.bindings.get(name.text.as_str()).map(|binding| (name, binding.clone())),
            Ast::Error => {
                self.findings.hole();
                return None;
            }
            _ => None,
        };
        let Some((name, binding)) = binding else {
            match &node.kind {
                Ast::Name(name) => {
                    let diagnostic = self.unknown_name(name);
                    self.findings.report(diagnostic);
                }
                _ => self.findings.report(never_missing(node.span, "an expression is")),
            }
            return None;
        };
        let Binding::Input(index) = binding else {
            self.findings.report(never_missing(node.span, &format!("`{}` is", name.text)));
            return None;
        };
        let decl = self.declared.inputs[index as usize].decl;
        self.findings.refer(decl.name.span);
        if decl.optional.is_none() {
            let diagnostic = never_missing(node.span, &format!("`{}` is", name.text));
            let help = "remove the condition, or declare the input `optional`";
            self.findings.report(diagnostic.also(decl.span, "declared here").help(help));
            return None;
        }
        Some(index)
    }

    fn is_present(&mut self, operand: ast::ExprId, span: Span) -> Option<Typed> {
        let field = self.optional_field(operand)?;
        Some(Typed { truth: Truth::present(field), ..self.push(ExprKind::IsPresent(field), Ty::BOOL, span) })
    }

    fn or_else(
        &mut self,
        value: ast::ExprId,
        fallback: ast::ExprId,
        span: Span,
        known: &Known,
    ) -> Option<Typed> {
        let field = self.optional_field(value)?;
        let kind = self.declared.inputs[field as usize].ty.as_ref()?.kind;
        let ty = self.declared.ty(kind);
        let missing = known.and_also(&Known::missing(field));
        let other = self.expr(fallback, enum_of(ty), &missing)?;
        let ty = self.join(Operator::OrElse, (value, ty), (fallback, other.ty), "or_else", span)?;
        Some(self.push(ExprKind::OrElse(field, other.id), ty, span))
    }

    fn choice(
        &mut self,
        condition: ast::ExprId,
        then: ast::ExprId,
        otherwise: ast::ExprId,
        want: Want,
        span: Span,
        known: &Known,
    ) -> Option<Typed> {
        let tested = self.condition(condition, known);
        let truth = tested.as_ref().map(|tested| tested.truth.clone()).unwrap_or_default();
        let (on, off) = (known.and_also(&truth.holds), known.and_also(&truth.fails));
        let branches = self.pair((then, &on), (otherwise, &off), want);
        let (tested, (a, b)) = (tested?, branches?);
        if a.ty.scale().is_none()
            && let Some((inner, rounding)) = self.rounding_at_end(otherwise, b.id)
        {
            let ty = self.join(Operator::Branches, (then, a.ty), (otherwise, inner.ty), "if", span)?;
            let value = self.push(ExprKind::If(tested.id, a.id, inner.id), ty, span).id;
            let ExprKind::Round { mode, unit, .. } = rounding else { unreachable!("it is a rounding") };
            return Some(self.push(ExprKind::Round { value, mode, unit }, b.ty, span));
        }
        let ty = self.join(Operator::Branches, (then, a.ty), (otherwise, b.ty), "if", span)?;
        let truth = truth.choose(&a.truth, &b.truth);
        Some(Typed { truth, ..self.push(ExprKind::If(tested.id, a.id, b.id), ty, span) })
    }

    /// The last branch of a choice without the rounding at its end, and that rounding. Where the first branch is an exact
    /// quotient, the rounding is meant for whatever is chosen: of the last branch alone it would leave a quotient.
    fn rounding_at_end(&mut self, last: ast::ExprId, typed: ExprId) -> Option<(Typed, ExprKind)> {
        let node = self.node(last);
        if node.parentheses {
            return None;
        }
        let found = self.version.exprs[typed].clone();
        match (&node.kind, &found.kind) {
            (Ast::Rounded { .. } | Ast::If { .. }, ExprKind::Round { value, .. }) => {
                let ty = self.version.exprs[*value].ty;
                Some((Typed { id: *value, ty, truth: Truth::default() }, found.kind))
            }
            (Ast::If { then, otherwise, .. }, ExprKind::If(condition, a, b)) => {
                let (inner, rounding) = self.rounding_at_end(*otherwise, *b)?;
                let a_ty = self.version.exprs[*a].ty;
                let sides = [(*then, a_ty), (*otherwise, inner.ty)];
                let ty = self.join(Operator::Branches, sides[0], sides[1], "if", found.span)?;
                Some((self.push(ExprKind::If(*condition, *a, inner.id), ty, found.span), rounding))
            }
            _ => None,
        }
    }

    fn extreme(&mut self, op: Arithmetic, args: &[ast::ExprId], span: Span, known: &Known) -> Option<Typed> {
        let symbol = if op == Arithmetic::Min { "min" } else { "max" };
        let typed: Vec<Option<Typed>> = args.iter().map(|arg| self.expr(*arg, None, known)).collect();
        let typed: Vec<Typed> = typed.into_iter().collect::<Option<_>>()?;
        if args.len() < 2 {
            self.findings.hole();
            return None;
        }
        let mut found = typed[0].clone();
        for (next, arg) in typed.into_iter().zip(args).skip(1) {
            let ty = self.join(Operator::Extreme, (args[0], found.ty), (*arg, next.ty), symbol, span)?;
            found = self.push(ExprKind::Arithmetic(op, found.id, next.id), ty, span);
        }
        Some(found)
    }

    fn whole(
        &mut self,
        function: Function,
        args: &[ast::ExprId],
        span: Span,
        known: &Known,
    ) -> Option<Typed> {
        let typed: Vec<Option<Typed>> = args.iter().map(|arg| self.expr(*arg, None, known)).collect();
        let typed: Vec<Typed> = typed.into_iter().collect::<Option<_>>()?;
        let [from, to] = typed.as_slice() else {
            self.findings.hole();
            return None;
        };
        let date = Ty::scaled(Unit::Date, 0);
        let wrong = typed.iter().zip(args).find(|(typed, _)| typed.ty != date);
        if let Some((typed, arg)) = wrong {
            let diagnostic = self.declared.wrong_type(self.node(*arg).span, typed.ty, date);
            self.findings
                .report(diagnostic.help(format!("write `{}(from, to)` with two dates", function.name())));
            return None;
        }
        self.look_at_order(function, [(args[0], from.id), (args[1], to.id)], span);
        let kind = match function {
            Function::WholeYears => ExprKind::WholeYears(from.id, to.id),
            _ => ExprKind::WholeMonths(from.id, to.id),
        };
        Some(self.push(kind, Ty::scaled(Unit::Number, 0), span))
    }
}

/// A use of an optional input among the rules that may be missing.
pub(crate) fn may_be_missing(word: &str, read: Span, declared: Span) -> Diagnostic {
    let help = format!(
        "decide such rows in an earlier rule, `rule ID when {word} is missing => …`; or write \
         `{word} is present and …`, `{word} is missing or …` or `{word} or_else …` here"
    );
    Diagnostic::new(Code::OptionalNotNarrowed, read, format!("`{word}` may be missing here"))
        .also(declared, "declared optional")
        .help(help)
}

/// The enum of a type.
pub(super) fn enum_of(ty: Ty) -> Want {
    match ty.unit {
        Unit::Enum(index) => Some(index),
        _ => None,
    }
}

fn used_early(name: &Name, defined: Span) -> Diagnostic {
    let message = format!("`{}` is used before its `let`", name.text);
    Diagnostic::new(Code::UsedBeforeLet, name.span, message)
        .also(defined, "defined here")
        .help("move the `let` up, or out of the rules, where the order does not matter")
}

fn never_missing(span: Span, subject: &str) -> Diagnostic {
    let message = format!("{subject} never missing: only an `optional` input can be missing");
    Diagnostic::new(Code::NeverMissing, span, message)
        .help("write the condition about the optional input itself")
}

fn unit_word(unit: Unit) -> &'static str {
    match unit {
        Unit::Money => "an amount of money",
        Unit::Percent => "a percentage",
        _ => "a plain number",
    }
}

fn rounding_help(unit: Unit) -> &'static str {
    match unit {
        Unit::Money => "round it to `cent`, `dollar` or an amount such as `$100`",
        Unit::Percent => "round it to a percentage such as `0.25%`",
        Unit::Number => "round it to `integer` or a number such as `0.1`",
        _ => "only numbers, percentages and amounts of money can be rounded",
    }
}

impl From<ast::Arithmetic> for Arithmetic {
    fn from(op: ast::Arithmetic) -> Arithmetic {
        match op {
            ast::Arithmetic::Add => Arithmetic::Add,
            ast::Arithmetic::Subtract => Arithmetic::Sub,
            ast::Arithmetic::Multiply | ast::Arithmetic::Of => Arithmetic::Mul,
            ast::Arithmetic::Divide => Arithmetic::Div,
            ast::Arithmetic::Div => Arithmetic::FloorDiv,
            ast::Arithmetic::Mod => Arithmetic::Mod,
        }
    }
}

impl From<ast::Comparison> for Comparison {
    fn from(op: ast::Comparison) -> Comparison {
        match op {
            ast::Comparison::Equal => Comparison::Eq,
            ast::Comparison::NotEqual => Comparison::Ne,
            ast::Comparison::Less => Comparison::Lt,
            ast::Comparison::LessOrEqual => Comparison::Le,
            ast::Comparison::Greater => Comparison::Gt,
            ast::Comparison::GreaterOrEqual => Comparison::Ge,
        }
    }
}

/// A set where a value is expected.
fn set_alone(name: &Name, defined: Span) -> Diagnostic {
    let message = format!("`{}` is a set, and a value is expected", name.text);
    Diagnostic::new(Code::WrongType, name.span, message)
        .also(defined, "declared here")
        .help(format!("ask whether a value is in it: `value in {}`", name.text))
}

/// `rate(region, term)`
fn usage(table: &str, keys: &[TableKey]) -> String {
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    format!("{table}({})", names.join(", "))
}

/// `1 is`, `2 are`
fn are(count: usize) -> String {
    if count == 1 { "1 is".to_owned() } else { format!("{count} are") }
}

/// Something else where a set is expected.
fn no_set(name: &Name) -> Diagnostic {
    let message = format!("`{}` is not a set", name.text);
    let help = format!("write `== {0}`, or list the values: `in {{{0}}}`", name.text);
    Diagnostic::new(Code::WrongType, name.span, message).help(help)
}
