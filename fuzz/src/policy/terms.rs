//! How are numbers generated? Terms of a unit, with a bound on their digits, and exact quotients of terms.

use arbitrary::Result;

use super::words::{digits, literal};
use super::{DEPTH_MAX, DIGITS_MAX, Generator, Range, Term, Type, Unit};

/// The digits of a number of days that can be added to a date without leaving the calendar.
const DAYS_DIGITS_MAX: u32 = 5;

impl Generator<'_, '_> {
    /// A value of a unit, rounded to a scale.
    pub(super) fn rounded(&mut self, unit: Unit, scale: u32) -> Result<String> {
        let exact = matches!(unit, Unit::Days | Unit::Date);
        if exact {
            return Ok(self.term(unit, DEPTH_MAX)?.text);
        }
        let value = match self.u.int_in_range(0..=5u32)? {
            0 | 1 => self.quotient(unit)?,
            2 => return self.halves(unit, scale),
            _ => self.term(unit, DEPTH_MAX)?.text,
        };
        self.rounded_to(&value, unit, scale)
    }

    /// A value that is often a tie when rounded, above and below zero.
    fn halves(&mut self, unit: Unit, scale: u32) -> Result<String> {
        let wide = if self.u.arbitrary()? { self.wide(unit)? } else { None };
        let b = self.leaf(unit)?.text;
        let a = match wide {
            Some(wide) => wide,
            None => self.leaf(unit)?.text,
        };
        let value = *self.u.choose(&[
            "{a} / 2",
            "({a} - {b}) / 2",
            "{a} * 0.5",
            "50% of ({b} - {a})",
            "({a} - {b}) / -4",
        ])?;
        let value = value.replace("{a}", &a).replace("{b}", &b);
        let one = literal(unit, scale, 1);
        Ok(format!("(({value}) rounded {} to {one})", self.mode()?))
    }

    /// A value, rounded to a scale.
    pub(super) fn rounded_to(&mut self, value: &str, unit: Unit, scale: u32) -> Result<String> {
        let to = self.multiple(unit, scale)?;
        Ok(format!("({value} rounded {} to {to})", self.mode()?))
    }

    /// The unit of rounding that gives this scale.
    fn multiple(&mut self, unit: Unit, scale: u32) -> Result<String> {
        let steps = *self.u.choose(&[1, 1, 1, 5, 25, 100])?;
        Ok(match (unit, scale, steps) {
            (Unit::Number, 0, 1) => "integer".to_owned(),
            (Unit::Money, 2, 1) => "cent".to_owned(),
            (Unit::Money, 2, 100) => "dollar".to_owned(),
            _ => literal(unit, scale, steps),
        })
    }

    pub(super) fn mode(&mut self) -> Result<&'static str> {
        self.u.choose(&["half_even", "half_up", "half_down", "up", "down", "floor", "ceiling"]).copied()
    }

    /// An exact quotient of a unit.
    pub(super) fn quotient(&mut self, unit: Unit) -> Result<String> {
        let named: Vec<String> =
            self.quotients.iter().filter(|(_, of)| *of == unit).map(|(name, _)| name.clone()).collect();
        if !named.is_empty() && self.u.ratio(1, 3)? {
            return self.u.choose(&named).cloned();
        }
        let (of, divisor) = self.divisor(unit)?;
        let quotient = format!("({}) / {divisor}", self.term(of, 1)?.text);
        Ok(match self.u.int_in_range(0..=10u32)? {
            0 => format!("({quotient} + {})", self.leaf(unit)?.text),
            1 => format!("({} - {quotient})", self.leaf(unit)?.text),
            2 => format!("(-({quotient}))"),
            3 => format!("min({quotient}, {})", self.leaf(unit)?.text),
            4 => format!("max({}, {quotient})", self.leaf(unit)?.text),
            5 | 6 => self.chosen_quotient(unit, &quotient)?,
            _ => quotient,
        })
    }

    /// One of two by a condition, on which it may depend that a divisor is not zero.
    fn chosen_quotient(&mut self, unit: Unit, quotient: &str) -> Result<String> {
        let other = match self.u.int_in_range(0..=2u32)? {
            0 => self.leaf(unit)?.text,
            1 => format!("({}) / 3", self.leaf(unit)?.text),
            _ => {
                let part = self.leaf(unit)?.text;
                let above = *self.u.choose(&[0, 3, 250])?;
                return Ok(format!("(if f3 > {above} then {part} / (f3 - {above}) else {quotient})"));
            }
        };
        let condition = self.condition(0)?;
        Ok(format!("(if {condition} then {quotient} else {other})"))
    }

    /// A divisor that is never zero, with the unit of a dividend that gives a quotient of the wanted unit.
    fn divisor(&mut self, unit: Unit) -> Result<(Unit, String)> {
        if unit == Unit::Number && !self.above.is_empty() && self.u.ratio(1, 2)? {
            let (greater, less) = *self.u.choose(&self.above)?;
            return Ok((Unit::Money, self.difference(greater, less)?));
        }
        let alike: &[(Unit, &str)] = match unit {
            Unit::Number => &[
                (Unit::Money, "max(f2, $0.01)"),
                (Unit::Money, "f1"),
                (Unit::Percent, "12.5%"),
                (Unit::Days, "30 days"),
            ],
            Unit::Money => &[(Unit::Money, "35%"), (Unit::Money, "max(f3 * 1%, 0.5%)")],
            _ => &[],
        };
        if !alike.is_empty() && self.u.ratio(1, 3)? {
            let (of, divisor) = self.u.choose(alike)?;
            return Ok((*of, divisor.to_string()));
        }
        let divisors =
            ["max(f3, 1)", "7", "-3", "(f3 + 1)", "(f3 + 2)", "(-1 - f3)", "0.25", "min(f3 - 501, -1)"];
        Ok((unit, self.u.choose(&divisors)?.to_string()))
    }

    /// The difference of two amounts, the first of which is known to be greater; positive or negative.
    fn difference(&mut self, greater: usize, less: usize) -> Result<String> {
        let (greater, less) = if self.u.ratio(2, 3)? { (greater, less) } else { (less, greater) };
        Ok(format!("({} - {})", self.fields[greater].name, self.fields[less].name))
    }

    /// A scaled value of a unit.
    pub(super) fn term(&mut self, unit: Unit, depth: u32) -> Result<Term> {
        if depth == 0 || self.u.ratio(1, 3)? {
            return self.leaf(unit);
        }
        if self.u.ratio(1, 8)? {
            return self.either_term(unit, depth);
        }
        match unit {
            Unit::Date => self.date_term(depth),
            Unit::Days => self.days_term(depth),
            _ => self.arithmetic(unit, depth),
        }
    }

    /// One of two terms: by a condition, by whether a field is present, or the smaller or greater.
    fn either_term(&mut self, unit: Unit, depth: u32) -> Result<Term> {
        let b = self.term(unit, depth - 1)?;
        let missing: Vec<usize> = (0..self.fields.len()).filter(|field| !self.present[*field]).collect();
        if !missing.is_empty() && self.u.ratio(1, 3)? {
            let field = *self.u.choose(&missing)?;
            self.present[field] = true;
            let a = self.term(unit, depth - 1);
            self.present[field] = false;
            let (a, name) = (a?, &self.fields[field].name);
            return Ok(either(format!("(if {name} is present then {} else {})", a.text, b.text), &a, &b));
        }
        let a = self.term(unit, depth - 1)?;
        Ok(match self.u.int_in_range(0..=3u32)? {
            0 => either(format!("min({}, {})", a.text, b.text), &a, &b),
            1 => either(format!("max({}, {})", a.text, b.text), &a, &b),
            _ => {
                let condition = self.condition(depth.min(2) - 1)?;
                either(format!("(if {condition} then {} else {})", a.text, b.text), &a, &b)
            }
        })
    }

    fn arithmetic(&mut self, unit: Unit, depth: u32) -> Result<Term> {
        let a = self.term(unit, depth - 1)?;
        let choice = self.u.int_in_range(0..=12u32)?;
        match choice {
            0..=3 => {
                let b = self.term(unit, depth - 1)?;
                match choice {
                    0 => Ok(sum("+", a, &b)),
                    1 => Ok(sum("-", a, &b)),
                    2 => Ok(either(format!("min({}, {})", a.text, b.text), &a, &b)),
                    _ => Ok(either(format!("max({}, {})", a.text, b.text), &a, &b)),
                }
            }
            // two minus signs would begin a comment
            4 => Ok(Term { text: format!("(-({}))", a.text), ..a }),
            5 | 6 => {
                let share = self.leaf(Unit::Percent)?;
                Ok(product("of", share, a))
            }
            7 => {
                let times = self.leaf(Unit::Number)?;
                Ok(product("*", a, times))
            }
            // a share that is combined with the value it is a share of
            8 => {
                let text = format!("({} - 15% of {})", a.text, a.text);
                let wide = a.digits + 5 > DIGITS_MAX || a.scale > 6;
                Ok(if wide { a } else { Term { text, scale: a.scale + 4, digits: a.digits + 5 } })
            }
            // how far two values are apart
            12 if a.text.len() < 80 => {
                let b = self.leaf(unit)?;
                let text = format!("(if {0} < {1} then {1} - {0} else {0} - {1})", a.text, b.text);
                let apart = either(text, &a, &b);
                Ok(if apart.digits < DIGITS_MAX { Term { digits: apart.digits + 1, ..apart } } else { a })
            }
            9 if unit == Unit::Number => self.months_between(),
            10 if unit == Unit::Number => {
                let op = *self.u.choose(&["div", "mod"])?;
                let by = *self.u.choose(&["7", "max(f3, 3)", "(f3 + 1)", "-4", "(-1 - f3)"])?;
                let whole = *self.u.choose(&["f3", "(f3 - 250)", "(3 - f3)"])?;
                Ok(Term { text: format!("({whole} {op} {by})"), scale: 0, digits: 4 })
            }
            11 if unit == Unit::Number => {
                let by = *self.u.choose(&["7 days", "max(1 days, f3 days)"])?;
                let days = self.leaf(Unit::Days)?;
                let text = format!("({} div {by})", days.text);
                Ok(Term { text, ..days })
            }
            _ => self.rounded_term(unit, a),
        }
    }

    fn rounded_term(&mut self, unit: Unit, a: Term) -> Result<Term> {
        let scale = match unit {
            Unit::Number => self.u.int_in_range(0..=2u32)?,
            Unit::Percent => self.u.int_in_range(3..=5u32)?,
            _ => 2,
        };
        let to = self.multiple(unit, scale)?;
        let lost = a.scale.saturating_sub(scale);
        // the multiple nearest to a value may have as many digits as the rounding unit itself
        let digits = (a.digits + scale).saturating_sub(a.scale).max(a.digits.saturating_sub(lost)).max(3) + 1;
        Ok(if digits > DIGITS_MAX {
            a
        } else {
            Term { text: format!("({} rounded {} to {to})", a.text, self.mode()?), scale, digits }
        })
    }

    fn months_between(&mut self) -> Result<Term> {
        let wide = self.u.ratio(1, 4)?;
        let a = if wide { self.any_date()? } else { self.term(Unit::Date, 1)?.text };
        let b = self.any_date()?;
        let op = *self.u.choose(&["whole_months", "whole_years"])?;
        Ok(Term { text: format!("{op}({a}, {b})"), scale: 0, digits: 6 })
    }

    fn date_term(&mut self, depth: u32) -> Result<Term> {
        let date = self.leaf(Unit::Date)?;
        let text = match self.u.int_in_range(0..=8u32)? {
            0 => format!("({} + {})", date.text, self.some_days()?),
            1 => format!("({} - {})", date.text, self.some_days()?),
            2 => format!("({} + {})", self.some_days()?, date.text),
            3..=7 if self.months => {
                let op = *self.u.choose(&["+", "-"])?;
                let count = *self.u.choose(&["0", "1", "2", "11", "12", "25", "f3", "(6 - f3)", "(-7)"])?;
                let unit = *self.u.choose(&["months", "months", "years"])?;
                format!("({} {op} {count} {unit})", date.text)
            }
            _ => return self.term(Unit::Date, depth - 1),
        };
        Ok(Term { text, scale: 0, digits: 6 })
    }

    /// A number of days that can be added to a date.
    fn some_days(&mut self) -> Result<String> {
        let days = self.leaf(Unit::Days)?;
        let fits = days.digits <= DAYS_DIGITS_MAX;
        Ok(if fits { days.text } else { format!("{} days", self.u.int_in_range(0..=400u32)?) })
    }

    fn days_term(&mut self, depth: u32) -> Result<Term> {
        Ok(match self.u.int_in_range(0..=6u32)? {
            0 => {
                let text = format!("({} - {})", self.any_date()?, self.any_date()?);
                Term { text, scale: 0, digits: 7 }
            }
            1 => sum("+", self.leaf(Unit::Days)?, &self.leaf(Unit::Days)?),
            2 => sum("-", self.leaf(Unit::Days)?, &self.leaf(Unit::Days)?),
            3 => {
                let days = self.leaf(Unit::Days)?;
                let wide = days.digits + 3 > DIGITS_MAX;
                if wide {
                    return Ok(days);
                }
                Term { text: format!("({} * f3)", days.text), scale: 0, digits: days.digits + 3 }
            }
            4 => Term { text: format!("({} mod 7 days)", self.leaf(Unit::Days)?.text), scale: 0, digits: 1 },
            5 => Term { text: "f3 days".to_owned(), scale: 0, digits: 3 },
            _ => return self.term(Unit::Days, depth - 1),
        })
    }

    /// A field of a unit that is too wide for products, or an expression with it, if there is one.
    pub(super) fn wide(&mut self, unit: Unit) -> Result<Option<String>> {
        let mut wide = Vec::new();
        for (field, present) in self.fields.iter().zip(&self.present) {
            let Type::Number(range) = &field.ty else { continue };
            if range.unit == unit && range.is_wide() {
                let default = || literal(unit, range.scale, range.hi);
                let name = &field.name;
                wide.push(if *present { name.clone() } else { format!("({name} or_else {})", default()) });
            }
        }
        if wide.is_empty() {
            return Ok(None);
        }
        let one = self.u.choose(&wide)?.clone();
        let other = if self.u.arbitrary()? { self.u.choose(&wide)?.clone() } else { self.leaf(unit)?.text };
        Ok(Some(match self.u.int_in_range(0..=7u32)? {
            0 if unit != Unit::Date => format!("({one} + {other})"),
            1 if unit != Unit::Date => format!("({one} - {other})"),
            2 if unit != Unit::Date => format!("(-({one}))"),
            3 => format!("min({one}, {other})"),
            4 => format!("max({one}, {other})"),
            5 => format!("(if {} then {one} else {other})", self.condition(0)?),
            6 if unit == Unit::Money => format!("({one} rounded {} to $100)", self.mode()?),
            6 if unit == Unit::Number => format!("({one} rounded {} to 1000)", self.mode()?),
            _ => one,
        }))
    }

    /// A date, including those of the first and last years.
    fn any_date(&mut self) -> Result<String> {
        let wide = if self.u.arbitrary()? { self.wide(Unit::Date)? } else { None };
        Ok(match wide {
            Some(wide) => wide,
            None => self.leaf(Unit::Date)?.text,
        })
    }

    /// A field, parameter, named value, table or literal of a unit.
    pub(super) fn leaf(&mut self, unit: Unit) -> Result<Term> {
        let mut leaves = Vec::new();
        for (field, present) in self.fields.iter().zip(&self.present) {
            let Type::Number(range) = &field.ty else { continue };
            let Range { unit: of, scale, lo, hi, .. } = *range;
            if of != unit || range.is_wide() {
                continue;
            }
            let text = if *present {
                field.name.clone()
            } else {
                format!("({} or_else {})", field.name, literal(unit, scale, lo))
            };
            leaves.push(Term { text, scale, digits: digits(lo).max(digits(hi)) });
        }
        let named = self.leaves.iter().filter(|leaf| leaf.unit == unit && self.is_usable(leaf.needs));
        leaves.extend(named.map(|leaf| leaf.term.clone()));
        if leaves.is_empty() || self.u.ratio(1, 4)? {
            let (scale, lo, hi): (u32, i128, i128) = match unit {
                Unit::Number => *self.u.choose(&[(0, -20, 600), (3, -900, 2_500)])?,
                Unit::Money => (2, 0, 900_000),
                Unit::Percent => *self.u.choose(&[(4, 0, 10_000), (5, 1, 99_999)])?,
                Unit::Days => (0, 0, 400),
                Unit::Date => (0, 14_610, 21_915),
            };
            let amount = self.u.int_in_range(lo..=hi)?;
            return Ok(Term { text: literal(unit, scale, amount), scale, digits: digits(hi) });
        }
        self.u.choose(&leaves).cloned()
    }
}

/// A term that is one of two.
pub(super) fn either(text: String, a: &Term, b: &Term) -> Term {
    let scale = a.scale.max(b.scale);
    let digits = (a.digits + scale - a.scale).max(b.digits + scale - b.scale);
    Term { text, scale, digits }
}

/// A sum, or its first part if the sum could become too large.
fn sum(op: &str, a: Term, b: &Term) -> Term {
    let both = either(format!("({} {op} {})", a.text, b.text), &a, b);
    if both.digits < DIGITS_MAX { Term { digits: both.digits + 1, ..both } } else { a }
}

/// A product or, if it could become too large, the factor with the unit of the product.
fn product(op: &str, a: Term, b: Term) -> Term {
    let (digits, scale) = (a.digits + b.digits, a.scale + b.scale);
    if digits > DIGITS_MAX || scale > 10 {
        return if op == "of" { b } else { a };
    }
    Term { text: format!("({} {op} {})", a.text, b.text), scale, digits }
}
