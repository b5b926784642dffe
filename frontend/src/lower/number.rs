//! What is a numeric expression lowered to?

use opus_ir::date::{DAY_MAX, DAY_MIN, MonthEnd};
use opus_ir::{Interval, Op, Rounding, Unproved, Value};

use super::complaint::{Extent, Fault};
use super::expr::{Failed, Lowered, Lowerer};
use super::quantity::{Quantity, Sum, gcd, power_of_ten};
use super::site::{Site, Truth};
use crate::display::value_scale;
use crate::hir::{Arithmetic, Constant, ExprId, ExprKind, Number};

type Lowers = Result<Quantity, Failed>;

/// One of two values of a choice.
#[derive(Clone, Copy)]
enum Arm {
    Field(u32),
    Expr(ExprId),
}

impl Lowerer<'_> {
    /// A number, where the stack has room for it.
    pub(super) fn number_of(&mut self, expr: ExprId) -> Lowers {
        let version = self.version;
        match &version.exprs[expr].kind {
            ExprKind::Constant(constant) => self.constant(expr, *constant),
            ExprKind::Param(param) => self.constant(expr, version.params[*param].value),
            ExprKind::Hole(hole) => {
                let kind = self.policy.holes[*hole as usize].kind();
                let value = self.fact(*hole, None);
                let divisor = self.sized(expr, power_of_ten(value_scale(&self.policy.schema, kind)), None)?;
                self.multiple(expr, value, 1, divisor)
            }
            ExprKind::Entry(keys, hole) => {
                let kind = self.policy.holes[*hole as usize].kind();
                let value = self.entry_of(expr, keys, *hole)?;
                let divisor = self.sized(expr, power_of_ten(value_scale(&self.policy.schema, kind)), None)?;
                self.multiple(expr, value, 1, divisor)
            }
            ExprKind::Field(field) => {
                self.present(expr, *field)?;
                self.field(expr, *field)
            }
            ExprKind::OrElse(field, other) => {
                let present = self.site.present(*field);
                self.choose(expr, present, Arm::Field(*field), Arm::Expr(*other))
            }
            ExprKind::Let(name) => match self.named(*name)? {
                Lowered::Number(quantity) => Ok(quantity),
                Lowered::Truth(_) => unreachable!("a number is named where one is meant"),
            },
            ExprKind::Table(table) => {
                let scale = version.tables[*table].ty.scale().expect("cells are scaled: types say so");
                let divisor = self.sized(expr, power_of_ten(scale), None)?;
                Ok(Quantity::new(self.cell(expr, *table)?, divisor))
            }
            ExprKind::Negate(operand) => {
                let operand = self.number(*operand)?;
                self.sized(expr, operand.times(-1, 1), None)
            }
            ExprKind::Arithmetic(op, a, b) => self.arithmetic(expr, *op, *a, *b),
            ExprKind::If(condition, a, b) => {
                let condition = self.truth(*condition)?;
                self.choose(expr, condition, Arm::Expr(*a), Arm::Expr(*b))
            }
            ExprKind::Round { value, mode, unit } => self.round(expr, *value, *mode, *unit),
            ExprKind::AddMonths(date, months) => {
                let end = self.policy.month_end.unwrap_or(MonthEnd::Clip);
                let (date, months) = (self.integer(*date)?, self.integer(*months)?);
                let reached = self.site.compute(Op::AddMonths, &[date, months], end as i128);
                let reached = self.proved(expr, reached)?;
                self.multiple(expr, reached, 1, 1)
            }
            ExprKind::WholeMonths(from, to) => {
                let months = self.whole_months(*from, *to)?;
                self.multiple(expr, months, 1, 1)
            }
            ExprKind::WholeYears(from, to) => {
                let months = self.whole_months(*from, *to)?;
                let year = self.site.constant(12);
                let years = self.site.compute(Op::Divide, &[months, year], Rounding::Down as i128);
                let years = self.proved(expr, years)?;
                self.multiple(expr, years, 1, 1)
            }
            _ => unreachable!("Booleans are lowered as such"),
        }
    }

    fn constant(&mut self, expr: ExprId, constant: Constant) -> Lowers {
        match constant {
            Constant::Number(number) => self.sized(expr, Quantity::decimal(number), None),
            Constant::Enum(code) => Ok(Quantity::whole(code as i128)),
            Constant::Bool(_) => unreachable!("Booleans are lowered as such"),
        }
    }

    fn field(&mut self, expr: ExprId, field: u32) -> Lowers {
        let scale = value_scale(&self.policy.schema, self.policy.schema.inputs[field as usize].kind);
        let value = self.site.field(field);
        let divisor = self.sized(expr, power_of_ten(scale), None)?;
        self.multiple(expr, value, 1, divisor)
    }

    /// `factor * value / divisor`
    fn multiple(&mut self, expr: ExprId, value: Value, factor: i128, divisor: i128) -> Lowers {
        let sum = self.site.times(value, factor);
        Ok(Quantity::new(self.proved(expr, sum)?, divisor))
    }

    /// An expression that is a whole number, as a value: a date, a number of days, months.
    pub(super) fn integer(&mut self, expr: ExprId) -> Result<Value, Failed> {
        let quantity = self.number(expr)?;
        let sum = quantity.counted(1).expect("dates, days and months are whole: types say so");
        let value = self.site.sum(&sum);
        self.proved(expr, value)
    }

    /// The whole months between two dates within the calendar.
    fn whole_months(&mut self, from: ExprId, to: ExprId) -> Result<Value, Failed> {
        let [(from, first), (to, last)] = [self.date(from)?, self.date(to)?];
        let months = self.site.compute(Op::WholeMonths, &[from, to], 0);
        let months = months.expect("months between dates are few");
        let sign = self.site.bounds(months);
        if sign.lo < 0 && sign.hi > 0 {
            // `to + 1 days` was not compared with anything, but `to` may have been
            let days = last.sub(&first).map(|days| self.site.sum(&days));
            if let Some(Ok(days)) = days {
                let days = self.site.bounds(days);
                let sign = Interval { lo: if days.lo >= 0 { 0 } else { sign.lo }, ..sign };
                self.site.claim(months, Interval { hi: if days.hi <= 0 { 0 } else { sign.hi }, ..sign });
            }
        }
        Ok(months)
    }

    /// A date within the calendar, also as a sum.
    fn date(&mut self, expr: ExprId) -> Result<(Value, Sum), Failed> {
        let sum = self.number(expr)?.counted(1).expect("dates are whole: types say so");
        let day = self.site.sum(&sum);
        let day = self.proved(expr, day)?;
        if self.site.keeps(day, Interval::new(DAY_MIN, DAY_MAX)) {
            Ok((day, sum))
        } else {
            Err(self.note(expr, Fault::Calendar))
        }
    }

    fn arithmetic(&mut self, expr: ExprId, op: Arithmetic, a: ExprId, b: ExprId) -> Lowers {
        let divisor = b;
        let (a, b) = (self.number(a)?, self.number(b)?);
        let result = match op {
            Arithmetic::Add => self.site.plus_quantity(&a, &b),
            Arithmetic::Sub => self.site.minus_quantity(&a, &b),
            Arithmetic::Mul => self.site.times_quantity(&a, &b),
            Arithmetic::Div => self.site.over_quantity(&a, &b),
            Arithmetic::FloorDiv => self.site.floor_quantity(&a, &b),
            Arithmetic::Mod => self.site.on_one_scale(Op::Modulo, &a, &b),
            Arithmetic::Min => self.site.on_one_scale(Op::Min, &a, &b),
            Arithmetic::Max => self.site.on_one_scale(Op::Max, &a, &b),
        };
        result.map_err(|unproved| match unproved {
            Unproved::ZeroDivisor => {
                let is_never_zero = self.site.is_never_zero(&b.sum);
                let fault = Fault::ZeroDivisor { divisor, extent: Some(self.extent(&b)), is_never_zero };
                match self.site.sum(&b.sum) {
                    Ok(value) => self.note_range(expr, fault, value, Interval { lo: 1, ..Interval::FULL }),
                    Err(_) => self.note(expr, fault),
                }
            }
            _ => {
                let (a, b) = (self.extent(&a), self.extent(&b));
                self.note(expr, Fault::Overflow { extent: Extent::of_arithmetic(op, &a, &b) })
            }
        })
    }

    fn round(&mut self, expr: ExprId, value: ExprId, mode: Rounding, unit: Number) -> Lowers {
        let quantity = self.number(value)?;
        let parts = power_of_ten(unit.scale);
        let units = parts.and_then(|parts| Some((quantity.times(parts, unit.mantissa)?, parts)));
        let (units, parts) = self.sized(expr, units, None)?;
        if units.under.is_none() && units.divisor == 1 {
            return Ok(quantity);
        }
        let rounded = self.site.rounded(&units, mode);
        let rounded = self.proved(expr, rounded)?;
        self.multiple(expr, rounded, unit.mantissa, parts)
    }

    /// The first where the condition holds, otherwise the second.
    fn choose(&mut self, expr: ExprId, condition: Truth, a: Arm, b: Arm) -> Lowers {
        if let Truth::Known(holds) = condition {
            return self.arm(expr, if holds { a } else { b });
        }
        let first = self.supposing(condition, |this| this.arm(expr, a))?;
        let second = self.supposing(!condition, |this| this.arm(expr, b))?;
        let unders = [first.under, second.under];
        let (first, second, divisor) = self.sized(expr, first.aligned(&second), None)?;
        let common = gcd(first.content(), second.content()).max(1);
        let first = self.supposing(condition, |this| this.bounded(expr, &first.over(common)))?;
        let second = self.supposing(!condition, |this| this.bounded(expr, &second.over(common)))?;
        let chosen = self.site.select(condition, first, second);
        let chosen = self.multiple(expr, chosen, common, divisor)?;
        let [None, None] = unders else {
            // what is divided by is chosen as well: neither arm is multiplied by the divisor of the other
            let [a, b] = unders;
            let a = self.supposing(condition, |this| this.site.positive(a));
            let b = self.supposing(!condition, |this| this.site.positive(b));
            let under = self.site.select(condition, a, b);
            return self.sized(expr, self.site.divided(chosen, Some(under)), None);
        };
        Ok(chosen)
    }

    fn arm(&mut self, expr: ExprId, arm: Arm) -> Lowers {
        match arm {
            Arm::Field(field) => self.field(expr, field),
            Arm::Expr(expr) => self.number(expr),
        }
    }

    /// A sum's value, and what is known of it here.
    fn bounded(&mut self, expr: ExprId, sum: &Sum) -> Result<(Value, Interval), Failed> {
        let value = self.site.sum(sum);
        let value = self.proved(expr, value)?;
        Ok((value, self.site.bounds(value)))
    }
}

type Computes = Result<Quantity, Unproved>;

impl Site {
    /// `a + b`
    fn plus_quantity(&mut self, a: &Quantity, b: &Quantity) -> Computes {
        let (a, b) = self.over_one_value(a, b)?;
        a.add(&b).ok_or(Unproved::Overflow)
    }

    /// Two quantities that are divided by the same value, if any.
    fn over_one_value(&mut self, a: &Quantity, b: &Quantity) -> Result<(Quantity, Quantity), Unproved> {
        if a.under == b.under {
            return Ok((a.clone(), b.clone()));
        }
        let under = self.both(a.under, b.under)?;
        let first = self.raised(&a.sum, b.under)?;
        let second = self.raised(&b.sum, a.under)?;
        let over = |sum: Sum, divisor: i128| Quantity { sum, divisor, under };
        Ok((over(first, a.divisor), over(second, b.divisor)))
    }

    /// `a - b`
    fn minus_quantity(&mut self, a: &Quantity, b: &Quantity) -> Computes {
        let less = b.times(-1, 1).ok_or(Unproved::Overflow)?;
        self.plus_quantity(a, &less)
    }

    /// `a * b`
    fn times_quantity(&mut self, a: &Quantity, b: &Quantity) -> Computes {
        for (factor, other) in [(a, b), (b, a)] {
            if let Some((numerator, divisor)) = factor.as_constant() {
                return other.times(numerator, divisor).ok_or(Unproved::Overflow);
            }
        }
        let (a_sum, b_under) = cancelled(&a.sum, b.under);
        let (b_sum, a_under) = cancelled(&b.sum, a.under);
        let under = self.both(a_under, b_under)?;
        let common = b_sum.content();
        let sum = match b_sum.as_constant() {
            Some(constant) => a_sum.times(constant).ok_or(Unproved::Overflow)?,
            None => {
                let factor = self.sum(&b_sum.over(common))?;
                self.product(&a_sum, factor)?.times(common).ok_or(Unproved::Overflow)?
            }
        };
        let divisor = a.divisor.checked_mul(b.divisor).ok_or(Unproved::Overflow)?;
        Ok(Quantity { sum, divisor, under }.reduced())
    }

    /// `a / b`
    fn over_quantity(&mut self, a: &Quantity, b: &Quantity) -> Computes {
        let common = b.sum.content().max(1);
        let part = b.sum.over(common);
        let sign = self.sign(&part)?.ok_or(Unproved::ZeroDivisor)?;
        let divisor = self.sum(&part.times(sign).ok_or(Unproved::Overflow)?)?;
        let scaled = a.times(sign * b.divisor, common).ok_or(Unproved::Overflow)?;
        let scaled = match b.under {
            Some(under) => self.times_quantity(&scaled, &Quantity::new(Sum::of(under, 1), 1))?,
            None => scaled,
        };
        if let Some(constant) = self.func().constant(divisor) {
            return scaled.times(1, constant).ok_or(Unproved::Overflow);
        }
        let (sum, divisor) = cancelled(&scaled.sum, Some(divisor));
        let under = self.both(scaled.under, divisor)?;
        Ok(Quantity { sum, divisor: scaled.divisor, under }.reduced())
    }

    /// The floor of `a / b`.
    fn floor_quantity(&mut self, a: &Quantity, b: &Quantity) -> Computes {
        let quotient = self.over_quantity(a, b)?;
        let floor = self.rounded(&quotient, Rounding::Floor)?;
        Ok(Quantity::new(self.times(floor, 1)?, 1))
    }

    /// An op on two numbers over one divisor, whose result is over that divisor.
    fn on_one_scale(&mut self, op: Op, a: &Quantity, b: &Quantity) -> Computes {
        let (a, b) = self.over_one_value(a, b)?;
        let (first, second, divisor) = a.aligned(&b).ok_or(Unproved::Overflow)?;
        let common = gcd(first.content(), second.content()).max(1);
        let [first, second] = [self.sum(&first.over(common))?, self.sum(&second.over(common))?];
        let result = self.compute(op, &[first, second], 0)?;
        let result = Quantity::new(self.times(result, common)?, divisor);
        self.divided(result, a.under).ok_or(Unproved::Overflow)
    }

    /// One of two values by a condition that is not known, each with its bounds where it is chosen.
    fn select(&mut self, condition: Truth, a: (Value, Interval), b: (Value, Interval)) -> Value {
        let Truth::Is(value, holds) = condition else { unreachable!("where it is known, nothing is chosen") };
        if a.0 == b.0 {
            return a.0;
        }
        let (then, otherwise) = if holds { (a.0, b.0) } else { (b.0, a.0) };
        let chosen = self.compute(Op::Select, &[value, then, otherwise], 0);
        let chosen = chosen.expect("a choice is always proved");
        self.claim(chosen, a.1.hull(b.1));
        chosen
    }

    /// What a quantity is divided by, 1 if it is nothing, as a value that is positive on every row: here it is known to be,
    /// but perhaps only on a supposition. With its bounds here.
    fn positive(&mut self, under: Option<Value>) -> (Value, Interval) {
        let one = self.constant(1);
        let mut value = under.unwrap_or(one);
        let sharp = self.sharp(value);
        if self.func().values[sharp].range.lo < 1 {
            value = self.compute(Op::Max, &[value, one], 0).expect("a maximum is always proved");
        }
        (value, self.bounds(value))
    }

    /// A quantity divided by a positive value as well.
    fn divided(&self, quantity: Quantity, under: Option<Value>) -> Option<Quantity> {
        match under.and_then(|under| self.func().constant(under)) {
            Some(constant) => quantity.times(1, constant),
            None => Some(Quantity { under, ..quantity }),
        }
    }

    /// Whether a sum is known not to be zero, although it may be on either side of it.
    fn is_never_zero(&mut self, sum: &Sum) -> bool {
        let Ok(value) = self.sum(&sum.over(sum.content().max(1))) else { return false };
        let zero = self.constant(0);
        match self.judge(Op::Eq, &[value, zero]) {
            Truth::Known(is_zero) => !is_zero,
            Truth::Is(is_zero, holds) => self.keeps(is_zero, Interval::point(!holds as i128)),
        }
    }

    /// The sign of a sum, where it is proved to have one.
    fn sign(&mut self, sum: &Sum) -> Result<Option<i128>, Unproved> {
        let value = self.sum(sum)?;
        let (positive, negative) =
            (Interval { lo: 1, ..Interval::FULL }, Interval { hi: -1, ..Interval::FULL });
        let bounds = self.bounds(value);
        // the likelier sign is tried first
        let likely =
            if bounds.hi > 0 { [(1, positive), (-1, negative)] } else { [(-1, negative), (1, positive)] };
        Ok(likely.into_iter().find(|(_, range)| self.keeps(value, *range)).map(|(sign, _)| sign))
    }

    /// The product of what two numbers are divided by.
    fn both(&mut self, a: Option<Value>, b: Option<Value>) -> Result<Option<Value>, Unproved> {
        match (a, b) {
            (Some(a), Some(b)) => self.compute(Op::Mul, &[a, b], 0).map(Some),
            (one, other) => Ok(one.or(other)),
        }
    }

    fn raised(&mut self, sum: &Sum, by: Option<Value>) -> Result<Sum, Unproved> {
        match by {
            Some(value) => self.product(sum, value),
            None => Ok(sum.clone()),
        }
    }
}

/// A sum and what it is divided by, without that where the sum is a multiple of it.
fn cancelled(sum: &Sum, under: Option<Value>) -> (Sum, Option<Value>) {
    match sum.as_multiple() {
        Some((value, coefficient)) if Some(value) == under => (Sum::constant(coefficient), None),
        _ => (sum.clone(), under),
    }
}
