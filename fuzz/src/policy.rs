//! Which policies can there be? Source text from random bytes, well-typed by construction.
//!
//! Every expression is generated for a unit that its place asks for, and carries how large it can become, so
//! that nothing overflows; divisors are kept away from zero by a bound or by an earlier rule; an optional field
//! is only used where it is known to be present. What cannot be known here is whether every rule can be
//! reached: a generated policy may be refused for that, and for nothing else.

use arbitrary::{Result, Unstructured};

/// The most digits that a scaled integer may have: two such still multiply within 128 bits.
const DIGITS_MAX: u32 = 17;
/// How deep expressions nest.
const DEPTH_MAX: u32 = 4;
/// How many random bytes a policy takes at most, as a rule.
pub const BYTES: usize = 4_000;

/// What a numeric expression measures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unit {
    Number,
    Money,
    Percent,
    Days,
    Date,
}

/// A numeric expression and how large its scaled integer can become.
#[derive(Clone, Debug)]
struct Term {
    text: String,
    /// Decimals of the value itself: a `percent(2)` has four.
    scale: u32,
    /// Decimal digits of the scaled integer.
    digits: u32,
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    ty: Type,
    optional: bool,
}

#[derive(Clone, Debug)]
enum Type {
    Bool,
    /// The number of values; they are called `a0`, `a1`, … after the enum's letter.
    Enum(char, u32),
    Number {
        unit: Unit,
        scale: u32,
        lo: i64,
        hi: i64,
    },
}

struct Generator<'a, 'b> {
    u: &'a mut Unstructured<'b>,
    fields: Vec<Field>,
    /// Whether each field is known to be present here.
    present: Vec<bool>,
    params: Vec<(String, Unit, Term)>,
    /// Named values that are visible here.
    lets: Vec<(String, Unit, Term)>,
    tables: Vec<(String, usize, Unit, Term)>,
    /// Tables of truth values.
    truths: Vec<String>,
    /// Pairs `(greater, less)` of fields whose difference is above zero here.
    above: Vec<(usize, usize)>,
    /// Whether months may be added.
    months: bool,
}

/// The text of a policy.
///
/// # Errors
/// Where the bytes give out in a way that `arbitrary` reports; as a rule it goes on with zeros.
pub fn policy(u: &mut Unstructured) -> Result<String> {
    let mut generator = Generator {
        u,
        fields: Vec::new(),
        present: Vec::new(),
        params: Vec::new(),
        lets: Vec::new(),
        tables: Vec::new(),
        truths: Vec::new(),
        above: Vec::new(),
        months: false,
    };
    generator.policy()
}

/// The first days of the versions that a policy can have.
const STARTS: [&str; 3] = ["2020-01-01", "2021-07-01", "2023-03-15"];

impl Generator<'_, '_> {
    fn policy(&mut self) -> Result<String> {
        let versions = self.u.int_in_range(1..=3usize)?;
        self.months = self.u.arbitrary()?;
        let mut out = String::from("policy fuzz.generated {\n  currency USD\n  effective on day\n");
        for (index, start) in STARTS[..versions].iter().enumerate() {
            out += &format!("  version {} from {start}\n", index + 1);
        }
        if self.months {
            out += if self.u.arbitrary()? { "  month_end clip\n" } else { "  month_end carry\n" };
        }
        out += &self.enums()?;
        out += &self.inputs()?;
        let outputs = self.outputs()?;
        out += "  output {\n";
        for (name, declared, _) in &outputs {
            out += &format!("    {name} : {declared}\n");
        }
        out += "  }\n";
        out += &self.params(versions)?;
        out += &self.tables(versions)?;
        out += &self.requires()?;
        out += &self.policy_lets()?;
        out += &self.rules(&outputs)?;
        Ok(out + "}\n")
    }

    fn enums(&mut self) -> Result<String> {
        let mut out = String::new();
        for letter in ['p', 'q'] {
            let values: Vec<String> = (0..self.enum_size(letter)).map(|i| format!("{letter}{i}")).collect();
            out += &format!("  enum {} {{ {} }}\n", letter.to_ascii_uppercase(), values.join(", "));
        }
        Ok(out)
    }

    fn enum_size(&self, letter: char) -> u32 {
        if letter == 'p' { 3 } else { 5 }
    }

    fn inputs(&mut self) -> Result<String> {
        let mut out = String::from("  input {\n    day : date in 2020-01-01..2024-12-31\n");
        let day = Type::Number { unit: Unit::Date, scale: 0, lo: 18_262, hi: 20_088 };
        self.fields.push(Field { name: "day".into(), ty: day, optional: false });
        // two amounts and two counts that can always be compared with one another
        let fixed = [(Unit::Money, 2, 1, 5_000_000), (Unit::Money, 2, 0, 900_000), (Unit::Number, 0, 0, 500)];
        for (unit, scale, lo, hi) in fixed {
            out += &self.number_field(unit, scale, lo, hi, false);
        }
        for _ in 0..self.u.int_in_range(1..=6u32)? {
            let optional = self.u.ratio(1, 3)?;
            out += &match self.u.int_in_range(0..=7u32)? {
                0 => self.field(Type::Bool, "bool".into(), optional),
                1 => self.field(Type::Enum('p', 3), "P".into(), optional),
                2 => self.field(Type::Enum('q', 5), "Q".into(), optional),
                3 => self.number_field(Unit::Date, 0, 10_957, 25_567, optional),
                4 => self.number_field(Unit::Percent, 4, 0, 10_000, optional),
                5 => self.number_field(Unit::Days, 0, 0, 400, optional),
                6 => self.number_field(Unit::Number, 3, -4_000, 9_000, optional),
                _ => {
                    let lo = self.u.int_in_range(-1_000_000..=1_000i64)?;
                    let hi = lo + self.u.int_in_range(1..=4_000_000_000i64)?;
                    self.number_field(Unit::Number, 0, lo, hi, optional)
                }
            };
        }
        self.present = self.fields.iter().map(|field| !field.optional).collect();
        Ok(out + "  }\n")
    }

    fn number_field(&mut self, unit: Unit, scale: u32, lo: i64, hi: i64, optional: bool) -> String {
        let declared = format!(
            "{} in {}..{}",
            type_name(unit, scale),
            literal(unit, scale, lo),
            literal(unit, scale, hi)
        );
        self.field(Type::Number { unit, scale, lo, hi }, declared, optional)
    }

    fn field(&mut self, ty: Type, declared: String, optional: bool) -> String {
        let name = format!("f{}", self.fields.len());
        let line = format!("    {name} : {declared}{}\n", if optional { " optional" } else { "" });
        self.fields.push(Field { name, ty, optional });
        line
    }

    /// Name, declared type and type of each output.
    fn outputs(&mut self) -> Result<Vec<(String, String, Type)>> {
        let money = Type::Number { unit: Unit::Money, scale: 2, lo: -10_000, hi: 7_500_000 };
        let mut outputs = vec![
            ("verdict".to_owned(), "P".to_owned(), Type::Enum('p', 3)),
            ("amount".to_owned(), "money in -$100.00..$75_000.00".to_owned(), money),
        ];
        if self.u.arbitrary()? {
            outputs.push(("flag".to_owned(), "bool".to_owned(), Type::Bool));
        }
        if self.u.arbitrary()? {
            let ty = Type::Number { unit: Unit::Number, scale: 0, lo: -50, hi: 100_000_000_000 };
            outputs.push(("count".to_owned(), "int in -50..100_000_000_000".to_owned(), ty));
        }
        if self.u.ratio(1, 3)? {
            let ty = Type::Number { unit: Unit::Date, scale: 0, lo: -25_567, hi: 47_846 };
            outputs.push(("due".to_owned(), "date in 1900-01-01..2100-12-31".to_owned(), ty));
        }
        Ok(outputs)
    }

    fn params(&mut self, versions: usize) -> Result<String> {
        let mut out = String::new();
        for index in 0..self.u.int_in_range(0..=3u32)? {
            let name = format!("limit{index}");
            let (unit, scale, lo, hi) = *self.u.choose(&[
                (Unit::Money, 2, 1, 900_000),
                (Unit::Percent, 4, 1, 10_000),
                (Unit::Number, 0, 1, 700),
                (Unit::Days, 0, 1, 90),
            ])?;
            let declared = format!(
                "{} in {}..{}",
                type_name(unit, scale),
                literal(unit, scale, lo),
                literal(unit, scale, hi)
            );
            let mut amounts = Vec::new();
            for start in &STARTS[..versions] {
                amounts
                    .push(format!("from {start} = {}", literal(unit, scale, self.u.int_in_range(lo..=hi)?)));
            }
            out += &match amounts.as_slice() {
                [only] => format!("  param {name} : {declared} {}\n", &only["from 2020-01-01 ".len()..]),
                all => format!("  param {name} : {declared} {{\n    {}\n  }}\n", all.join("\n    ")),
            };
            self.params.push((name.clone(), unit, Term { text: name, scale, digits: digits(hi) }));
        }
        Ok(out)
    }

    fn tables(&mut self, versions: usize) -> Result<String> {
        let mut out = String::new();
        for index in 0..self.u.int_in_range(0..=2u32)? {
            let key = self.u.choose_index(self.fields.len())?;
            let (name, field) = (format!("share{index}"), self.fields[key].clone());
            let (unit, scale) = *self.u.choose(&[(Unit::Percent, 4), (Unit::Money, 2), (Unit::Number, 0)])?;
            let mut rows = Vec::new();
            if field.optional {
                rows.push("missing".to_owned());
            }
            match &field.ty {
                Type::Bool => rows.extend(["true".to_owned(), "false".to_owned()]),
                Type::Enum(letter, count) => {
                    rows.push(format!("{{{letter}0, {letter}1}}"));
                    rows.extend((2..*count).map(|value| format!("{letter}{value}")));
                }
                Type::Number { unit, scale, lo, hi } => {
                    let middle = self.u.int_in_range(*lo..=*hi - 1)?;
                    let upper = self.u.int_in_range(middle + 1..=*hi)?;
                    let written = |x| literal(*unit, *scale, x);
                    rows.push(format!("<= {}", written(middle)));
                    rows.push(format!("above {} to {}", written(middle), written(upper)));
                    if upper < *hi {
                        rows.push(format!("> {}", written(upper)));
                    }
                }
            }
            let truth = self.u.ratio(1, 4)?;
            out += &format!(
                "  table {name}({}) unique -> {} {{\n",
                field.name,
                if truth { "bool".to_owned() } else { type_name(unit, scale) }
            );
            for (index, row) in rows.iter().enumerate() {
                let amounts = [self.u.int_in_range(0..=9_999i64)?, self.u.int_in_range(0..=9_999i64)?];
                let split = versions > 1 && self.u.ratio(1, 4)?;
                let dates = if split { vec![" until 2021-07-01", " from 2021-07-01"] } else { vec![""] };
                for (amount, dated) in amounts.iter().zip(dates) {
                    // every other row is true, so that the table is no constant
                    let holds = (index % 2 == 0).to_string();
                    let value = if truth { holds } else { literal(unit, scale, *amount) };
                    out += &format!("    | {row} => {}{dated} ;\n", value);
                }
            }
            out += "  }\n";
            if truth {
                self.truths.push(name);
                continue;
            }
            self.tables.push((name.clone(), key, unit, Term { text: name, scale, digits: 4 }));
        }
        Ok(out)
    }

    fn requires(&mut self) -> Result<String> {
        if !self.u.ratio(1, 2)? {
            return Ok(String::new());
        }
        // f1 and f2 are amounts; from here on their difference is known
        self.above.push((1, 2));
        Ok("  require Q1 \"the first is more\" : f1 > f2\n".to_owned())
    }

    fn policy_lets(&mut self) -> Result<String> {
        let mut out = String::new();
        for index in 0..self.u.int_in_range(0..=2u32)? {
            out += &self.named(&format!("base{index}"))?;
        }
        Ok(out)
    }

    fn named(&mut self, name: &str) -> Result<String> {
        let unit = *self.u.choose(&[Unit::Number, Unit::Money, Unit::Days, Unit::Percent])?;
        let term = self.term(unit, DEPTH_MAX)?;
        let line = format!("  let {name} = {}\n", term.text);
        self.lets.push((name.to_owned(), unit, Term { text: name.to_owned(), ..term }));
        Ok(line)
    }

    fn rules(&mut self, outputs: &[(String, String, Type)]) -> Result<String> {
        let mut out = String::from("  rules first {\n");
        let count = self.u.int_in_range(0..=6u32)?;
        for index in 0..count {
            if self.u.ratio(1, 4)? {
                out += &format!("  {}", self.named(&format!("step{index}"))?);
            }
            out += &self.rule(index, outputs)?;
        }
        out += &format!("    otherwise REST => {}\n  }}\n", self.outcome(outputs)?);
        Ok(out)
    }

    fn rule(&mut self, index: u32, outputs: &[(String, String, Type)]) -> Result<String> {
        let missing: Vec<usize> = (0..self.fields.len()).filter(|field| !self.present[*field]).collect();
        // a rule for the missing value makes it present in all that follows
        if !missing.is_empty() && self.u.ratio(1, 3)? {
            let field = *self.u.choose(&missing)?;
            let outcome = self.outcome(outputs)?;
            self.present[field] = true;
            return Ok(format!(
                "    rule R{index} when {} is missing => {outcome}\n",
                self.fields[field].name
            ));
        }
        // a rule for the wrong order makes a difference positive in all that follows
        if self.u.ratio(1, 4)? && !self.above.contains(&(2, 1)) && !self.above.contains(&(1, 2)) {
            let outcome = self.outcome(outputs)?;
            self.above.push((1, 2));
            return Ok(format!("    rule R{index} when f1 <= f2 => {outcome}\n"));
        }
        let condition = self.condition(DEPTH_MAX)?;
        Ok(format!("    rule R{index} when {condition} => {}\n", self.outcome(outputs)?))
    }

    fn outcome(&mut self, outputs: &[(String, String, Type)]) -> Result<String> {
        let mut parts = Vec::new();
        for (_, _, ty) in outputs {
            parts.push(match ty {
                Type::Bool => if self.u.arbitrary()? { "true" } else { "false" }.to_owned(),
                Type::Enum(letter, count) => format!("{letter}{}", self.u.int_in_range(0..=*count - 1)?),
                Type::Number { unit, scale, lo, hi } => {
                    let (low, high) = (literal(*unit, *scale, *lo), literal(*unit, *scale, *hi));
                    if self.u.ratio(1, 3)? {
                        literal(*unit, *scale, self.u.int_in_range(*lo..=*hi)?)
                    } else {
                        let value = self.rounded(*unit, *scale)?;
                        format!("min({high}, max({low}, {value}))")
                    }
                }
            });
        }
        Ok(parts.join(", "))
    }

    /// A value of a unit at a scale, rounded there.
    fn rounded(&mut self, unit: Unit, scale: u32) -> Result<String> {
        let exact = matches!(unit, Unit::Days | Unit::Date);
        if exact {
            return Ok(self.term(unit, DEPTH_MAX)?.text);
        }
        let value = if self.u.ratio(1, 3)? { self.quotient(unit)? } else { self.term(unit, DEPTH_MAX)?.text };
        let to =
            if scale == 0 && unit == Unit::Number { "integer".to_owned() } else { literal(unit, scale, 1) };
        Ok(format!("({value} rounded {} to {to})", self.mode()?))
    }

    fn mode(&mut self) -> Result<&'static str> {
        self.u.choose(&["half_even", "half_up", "half_down", "up", "down", "floor", "ceiling"]).copied()
    }

    /// An exact quotient of a unit.
    fn quotient(&mut self, unit: Unit) -> Result<String> {
        let dividend = self.term(unit, 1)?.text;
        let mut divisors =
            vec!["max(f3, 1)".to_owned(), "7".to_owned(), "-3".to_owned(), "(f3 + 1)".to_owned()];
        if unit == Unit::Number {
            let (dividend, divisor) = (self.term(Unit::Money, 1)?.text, "max(f2, $0.01)");
            divisors.push("(f3 + 2)".to_owned());
            if let Some((a, b)) = self.above.first() {
                return Ok(format!("({dividend}) / (f{a} - f{b})"));
            }
            if self.u.arbitrary()? {
                return Ok(format!("({dividend}) / {divisor}"));
            }
        }
        Ok(format!("({dividend}) / {}", self.u.choose(&divisors)?))
    }

    /// A condition.
    fn condition(&mut self, depth: u32) -> Result<String> {
        let choice =
            if depth == 0 { self.u.int_in_range(0..=3u32)? } else { self.u.int_in_range(0..=11u32)? };
        Ok(match choice {
            0..=2 => self.comparison(depth)?,
            3 => self.membership()?,
            4 => {
                let (a, b) = (self.condition(depth - 1)?, self.condition(depth - 1)?);
                format!("({a} and {b})")
            }
            5 => {
                let (a, b) = (self.condition(depth - 1)?, self.condition(depth - 1)?);
                format!("({a} or {b})")
            }
            6 => format!("not ({})", self.condition(depth - 1)?),
            7 | 8 => self.narrowed(depth)?,
            10 => {
                let (a, b) = (self.condition(depth - 1)?, self.condition(depth - 1)?);
                format!("(({a}) {} ({b}))", self.u.choose(&["==", "!="])?)
            }
            9 => {
                let unit = *self.u.choose(&[Unit::Number, Unit::Money])?;
                let (a, b) = (self.quotient(unit)?, self.term(unit, 1)?.text);
                format!("{a} {} {b}", self.order()?)
            }
            _ => self.truth()?,
        })
    }

    /// An optional field, looked at only where it is present.
    fn narrowed(&mut self, depth: u32) -> Result<String> {
        let missing: Vec<usize> = (0..self.fields.len()).filter(|field| !self.present[*field]).collect();
        if missing.is_empty() {
            return self.comparison(depth);
        }
        let field = *self.u.choose(&missing)?;
        let name = self.fields[field].name.clone();
        self.present[field] = true;
        let inner = self.about(field, depth - 1);
        self.present[field] = false;
        let inner = inner?;
        Ok(if self.u.arbitrary()? {
            format!("({name} is present and {inner})")
        } else {
            format!("({name} is missing or {inner})")
        })
    }

    /// A condition on a field that is present.
    fn about(&mut self, field: usize, depth: u32) -> Result<String> {
        let Field { name, ty, .. } = self.fields[field].clone();
        Ok(match ty {
            Type::Bool => name,
            Type::Enum(letter, count) => {
                let value = self.u.int_in_range(0..=count - 1)?;
                format!("{name} {} {letter}{value}", self.u.choose(&["==", "!="])?)
            }
            Type::Number { unit, .. } => {
                let other = self.term(unit, depth)?.text;
                format!("{name} {} {other}", self.order()?)
            }
        })
    }

    fn truth(&mut self) -> Result<String> {
        if !self.truths.is_empty() && self.u.arbitrary()? {
            return self.u.choose(&self.truths).cloned();
        }
        let is_known =
            |index: &usize| self.present[*index] && !matches!(self.fields[*index].ty, Type::Number { .. });
        let about: Vec<usize> = (0..self.fields.len()).filter(is_known).collect();
        if about.is_empty() {
            return self.comparison(0);
        }
        let field = *self.u.choose(&about)?;
        self.about(field, 0)
    }

    fn comparison(&mut self, depth: u32) -> Result<String> {
        let unit = *self.u.choose(&[Unit::Number, Unit::Money, Unit::Days, Unit::Percent, Unit::Date])?;
        let (a, b) = (self.term(unit, depth.min(2))?.text, self.term(unit, depth.min(2))?.text);
        Ok(format!("{a} {} {b}", self.order()?))
    }

    fn order(&mut self) -> Result<&'static str> {
        self.u.choose(&["<", "<=", ">", ">=", "<", "<=", ">", ">=", "==", "!="]).copied()
    }

    fn membership(&mut self) -> Result<String> {
        let unit = *self.u.choose(&[Unit::Number, Unit::Money, Unit::Date])?;
        let value = self.term(unit, 1)?.text;
        let (a, b) = (self.term(unit, 0)?.text, self.term(unit, 0)?.text);
        Ok(if self.u.arbitrary()? {
            format!("{value} in {a}..{b}")
        } else {
            format!("{value} in {{{a}, {b}}}")
        })
    }

    /// A scaled value of a unit.
    fn term(&mut self, unit: Unit, depth: u32) -> Result<Term> {
        if depth == 0 || self.u.ratio(1, 3)? {
            return self.leaf(unit);
        }
        match unit {
            Unit::Date => self.date_term(depth),
            Unit::Days => self.days_term(depth),
            _ => self.arithmetic(unit, depth),
        }
    }

    fn arithmetic(&mut self, unit: Unit, depth: u32) -> Result<Term> {
        let a = self.term(unit, depth - 1)?;
        let b = self.term(unit, depth - 1)?;
        match self.u.int_in_range(0..=9u32)? {
            0 => self.sum("+", a, b),
            1 => self.sum("-", a, b),
            2 => self.bounded("min", a, b),
            3 => self.bounded("max", a, b),
            4 => {
                let condition = self.condition(0)?;
                let aligned = aligned_digits(&a, &b).0.max(aligned_digits(&a, &b).1);
                let scale = a.scale.max(b.scale);
                Ok(Term {
                    text: format!("(if {condition} then {} else {})", a.text, b.text),
                    scale,
                    digits: aligned,
                })
            }
            5 if unit != Unit::Percent => {
                let share = self.leaf(Unit::Percent)?;
                self.product("of", share, a)
            }
            6 => {
                let times = self.leaf(Unit::Number)?;
                self.product("*", a, times)
            }
            7 if unit == Unit::Number => self.months_between(),
            8 if unit == Unit::Number => {
                let op = *self.u.choose(&["div", "mod"])?;
                let by = *self.u.choose(&["7", "max(f3, 3)", "(f3 + 1)"])?;
                Ok(Term { text: format!("(f3 {op} {by})"), scale: 0, digits: 4 })
            }
            _ => {
                let mode = self.mode()?;
                let scale = if unit == Unit::Number { 0 } else { 2 };
                let to = if unit == Unit::Percent { "0.25%".to_owned() } else { literal(unit, scale, 1) };
                let to = if unit == Unit::Number { "integer".to_owned() } else { to };
                let scale = if unit == Unit::Percent { 4 } else { scale };
                let lost = a.scale.saturating_sub(scale);
                let digits =
                    (a.digits + scale).saturating_sub(a.scale).max(a.digits.saturating_sub(lost)) + 1;
                Ok(Term { text: format!("({} rounded {mode} to {to})", a.text), scale, digits })
            }
        }
    }

    fn sum(&mut self, op: &str, a: Term, b: Term) -> Result<Term> {
        let (left, right) = aligned_digits(&a, &b);
        let digits = left.max(right) + 1;
        if digits > DIGITS_MAX {
            return Ok(a);
        }
        Ok(Term { text: format!("({} {op} {})", a.text, b.text), scale: a.scale.max(b.scale), digits })
    }

    fn bounded(&mut self, op: &str, a: Term, b: Term) -> Result<Term> {
        let (left, right) = aligned_digits(&a, &b);
        Ok(Term {
            text: format!("{op}({}, {})", a.text, b.text),
            scale: a.scale.max(b.scale),
            digits: left.max(right),
        })
    }

    fn product(&mut self, op: &str, a: Term, b: Term) -> Result<Term> {
        let (digits, scale) = (a.digits + b.digits, a.scale + b.scale);
        let text = format!("({} {op} {})", a.text, b.text);
        Ok(if digits > DIGITS_MAX || scale > 10 {
            if op == "of" { b } else { a }
        } else {
            Term { text, scale, digits }
        })
    }

    fn months_between(&mut self) -> Result<Term> {
        let (a, b) = (self.leaf(Unit::Date)?, self.leaf(Unit::Date)?);
        let op = *self.u.choose(&["whole_months", "whole_years"])?;
        Ok(Term { text: format!("{op}({}, {})", a.text, b.text), scale: 0, digits: 5 })
    }

    fn date_term(&mut self, depth: u32) -> Result<Term> {
        let date = self.leaf(Unit::Date)?;
        let text = match self.u.int_in_range(0..=3u32)? {
            0 => format!("({} + {})", date.text, self.days_leaf()?),
            1 => format!("({} - {} days)", date.text, self.u.int_in_range(1..=400u32)?),
            2 if self.months => format!("({} + {} months)", date.text, self.u.int_in_range(0..=30u32)?),
            3 if self.months => format!("({} + {} years)", date.text, self.u.int_in_range(0..=3u32)?),
            _ => return self.term(Unit::Date, depth - 1),
        };
        Ok(Term { text, scale: 0, digits: 6 })
    }

    fn days_term(&mut self, depth: u32) -> Result<Term> {
        let text = match self.u.int_in_range(0..=2u32)? {
            0 => format!("({} - {})", self.leaf(Unit::Date)?.text, self.leaf(Unit::Date)?.text),
            1 => format!("({} + {})", self.days_leaf()?, self.days_leaf()?),
            _ => return self.term(Unit::Days, depth - 1),
        };
        Ok(Term { text, scale: 0, digits: 6 })
    }

    fn days_leaf(&mut self) -> Result<String> {
        Ok(self.leaf(Unit::Days)?.text)
    }

    /// A field, parameter, named value, table or literal of a unit.
    fn leaf(&mut self, unit: Unit) -> Result<Term> {
        let mut leaves = Vec::new();
        for (field, present) in self.fields.iter().zip(&self.present) {
            if let Type::Number { unit: of, scale, lo, hi } = field.ty
                && of == unit
            {
                let digits = digits(lo).max(digits(hi));
                let text = if *present {
                    field.name.clone()
                } else {
                    format!("({} or_else {})", field.name, literal(unit, scale, lo))
                };
                leaves.push(Term { text, scale, digits });
            }
        }
        let named = self
            .params
            .iter()
            .chain(&self.lets)
            .filter(|(_, of, _)| *of == unit)
            .map(|(_, _, term)| term.clone());
        leaves.extend(named);
        leaves.extend(
            self.tables.iter().filter(|(_, _, of, _)| *of == unit).map(|(_, _, _, term)| term.clone()),
        );
        if leaves.is_empty() || self.u.ratio(1, 4)? {
            let (scale, lo, hi) = match unit {
                Unit::Number => (0, -20, 600),
                Unit::Money => (2, 0, 900_000),
                Unit::Percent => (4, 0, 10_000),
                Unit::Days => (0, 0, 400),
                Unit::Date => (0, 14_610, 21_915),
            };
            let amount = self.u.int_in_range(lo..=hi)?;
            return Ok(Term { text: literal(unit, scale, amount), scale, digits: digits(hi) });
        }
        self.u.choose(&leaves).cloned()
    }
}

/// The digits of both at their common scale.
fn aligned_digits(a: &Term, b: &Term) -> (u32, u32) {
    let scale = a.scale.max(b.scale);
    (a.digits + scale - a.scale, b.digits + scale - b.scale)
}

fn digits(x: i64) -> u32 {
    x.unsigned_abs().checked_ilog10().unwrap_or(0) + 1
}

fn type_name(unit: Unit, scale: u32) -> String {
    match unit {
        Unit::Number if scale == 0 => "int".to_owned(),
        Unit::Number => format!("decimal({scale})"),
        Unit::Money => "money".to_owned(),
        Unit::Percent => "percent".to_owned(),
        Unit::Days => "days".to_owned(),
        Unit::Date => "date".to_owned(),
    }
}

/// A scaled integer as the language writes it.
fn literal(unit: Unit, scale: u32, x: i64) -> String {
    let sign = if x < 0 { "-" } else { "" };
    let decimal = |scale: u32| {
        let (whole, part) = (x.unsigned_abs() / 10u64.pow(scale), x.unsigned_abs() % 10u64.pow(scale));
        if scale == 0 { whole.to_string() } else { format!("{whole}.{part:0width$}", width = scale as usize) }
    };
    match unit {
        Unit::Number => format!("{sign}{}", decimal(scale)),
        Unit::Money => format!("{sign}${}", decimal(scale)),
        Unit::Percent => format!("{sign}{}%", decimal(scale - 2)),
        Unit::Days => format!("{sign}{x} days", x = x.unsigned_abs()),
        Unit::Date => opus_ir::date::civil(x as i128).to_string(),
    }
}
