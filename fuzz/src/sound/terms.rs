//! How are expressions over small ranges generated? Terms of a unit, conditions, tables, and divisors that are never
//! zero.

use opus_ir::testing::{Seed, Source};

use super::sketch::{Input, Rule, Sketch, scale_in};
use crate::policy::Unit;
use crate::policy::words::literal;

/// The depth of a random expression.
const DEPTH_MAX: u32 = 3;
/// The most inputs of a policy.
const INPUTS_MAX: usize = 4;
/// The most tables of a policy.
const TABLES_MAX: usize = 2;
/// The day 2024-01-01, around which dates lie.
const DAY: i128 = 19_723;

/// An expression, in brackets if it has several parts.
#[derive(Clone, Debug)]
pub(super) struct Term {
    pub text: String,
    /// Whether it has more decimal places than its unit, or is an exact quotient.
    pub fine: bool,
    /// Whether it is an exact quotient.
    pub quotient: bool,
}

/// By rule, its condition, `None` for the last, and its outcome.
pub(super) type Outcomes = Vec<(Option<String>, Term)>;

pub(super) struct Generator {
    pub seed: Seed,
    /// Whether two values may be multiplied or divided.
    pub products: bool,
    pub sketch: Sketch,
    /// How many values an input has, about.
    share: i128,
    /// By how much the number of rows may still be multiplied.
    left: i128,
    names: Vec<(Unit, String)>,
    tables: usize,
    lets: usize,
}

impl Term {
    pub fn plain(text: impl Into<String>) -> Term {
        Term { text: text.into(), fine: false, quotient: false }
    }

    pub fn fine(text: impl Into<String>) -> Term {
        Term { fine: true, ..Term::plain(text) }
    }

    pub fn quotient(text: impl Into<String>) -> Term {
        Term { quotient: true, ..Term::fine(text) }
    }

    /// This text, which computes with both.
    fn with(text: String, a: &Term, b: &Term) -> Term {
        Term { text, fine: a.fine || b.fine, quotient: a.quotient || b.quotient }
    }
}

impl Generator {
    pub fn new(seed: Seed, products: bool, rows_max: usize) -> Generator {
        let sketch = Sketch {
            pattern: "",
            inputs: Vec::new(),
            items: Vec::new(),
            rules: Vec::new(),
            output: Unit::Number,
            carry: false,
            currency: "USD",
        };
        let left = rows_max as i128;
        Generator { seed, products, sketch, share: left, left, names: Vec::new(), tables: 0, lets: 0 }
    }

    pub fn below(&mut self, count: i128) -> i128 {
        self.seed.below(count as usize) as i128
    }

    pub fn one_in(&mut self, of: usize) -> bool {
        self.seed.one_in(of)
    }

    pub fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        *self.seed.pick(from).expect("there is something to choose from")
    }

    /// How many inputs there will be, so that each can have as many values as fit.
    pub fn inputs(&mut self, count: u32) {
        let root = (self.left as f64).powf(1.0 / f64::from(count)) as i128;
        self.share = root.clamp(2, 900);
    }

    /// A new input that is at least this, and its name.
    pub fn input(&mut self, unit: Unit, lo: i128) -> String {
        let most = self.share.min(self.left).max(2);
        let width = if self.one_in(3) { (most / 2 + self.below(most)).clamp(2, most) } else { most };
        let name = self.unused(match unit {
            Unit::Number => &["count", "units", "points", "pieces", "years_worked"],
            Unit::Money => &["income", "price", "loan", "claim", "deposit", "fee"],
            Unit::Percent => &["rate", "share", "discount", "weight"],
            Unit::Days => &["late", "grace", "stay", "notice"],
            Unit::Date => &["start", "due", "paid_on", "born_on"],
        });
        self.add(Input { name, unit: Some(unit), range: (lo, lo + width - 1), optional: false })
    }

    /// A new input with a usual least value.
    pub fn any_input(&mut self, unit: Unit) -> String {
        let lo = match unit {
            Unit::Date => DAY + self.below(400),
            Unit::Percent => 0,
            Unit::Number | Unit::Days => self.choose(&[0, 0, 0, 0, 1, 18, -10]),
            Unit::Money => self.choose(&[0, 0, 0, 0, 1, 50, -40]),
        };
        self.input(unit, lo)
    }

    /// A new Boolean input, or a condition where there are too many inputs.
    pub fn flag(&mut self) -> String {
        if self.sketch.inputs.len() >= INPUTS_MAX || self.left < 4 {
            return self.condition(0);
        }
        let name = self.unused(&["member", "urgent", "resident", "insured"]);
        self.add(Input { name, unit: None, range: (0, 1), optional: false })
    }

    /// A new optional input that is at least this, and its name.
    pub fn optional(&mut self, unit: Unit, lo: i128) -> String {
        let name = self.input(unit, lo);
        self.names.retain(|(_, known)| *known != name);
        self.sketch.inputs.last_mut().expect("it was added").optional = true;
        self.left = (self.left - 1).max(1);
        name
    }

    fn add(&mut self, input: Input) -> String {
        let (name, values) = (input.name.clone(), input.range.1 - input.range.0 + 1);
        self.left = (self.left / values).max(1);
        self.names.extend(input.unit.map(|unit| (unit, name.clone())));
        self.sketch.inputs.push(input);
        name
    }

    fn unused(&mut self, names: &[&str]) -> String {
        let first = self.choose(names);
        let is_free = |name: &str| self.sketch.inputs.iter().all(|input| input.name != name);
        let free = std::iter::once(first).chain(names.iter().copied()).find(|name| is_free(name));
        free.map_or_else(|| format!("{first}_{}", self.sketch.inputs.len()), str::to_owned)
    }

    /// The range of an input.
    pub fn range(&self, name: &str) -> (i128, i128) {
        let found = self.sketch.inputs.iter().find(|input| input.name == name);
        found.expect("it was declared").range
    }

    /// So many different values inside the range of an input, ascending; fewer if it has not so many.
    pub fn cuts(&mut self, name: &str, count: usize) -> Vec<i128> {
        let (lo, hi) = self.range(name);
        let mut cuts: Vec<i128> =
            (0..count * 2).map(|_| lo + 1 + self.below((hi - lo - 1).max(1))).take(count).collect();
        cuts.sort_unstable();
        cuts.dedup();
        cuts
    }

    /// One value inside the range of an input.
    pub fn cut(&mut self, name: &str) -> i128 {
        self.cuts(name, 1)[0]
    }

    /// A constant, as it is written where something else follows or precedes.
    pub fn lit(&self, unit: Unit, value: i128) -> String {
        let text = literal(unit, scale_in(unit), value);
        if value < 0 { format!("({text})") } else { text }
    }

    pub fn require(&mut self, condition: &str) {
        let number = self.sketch.items.iter().filter(|item| item.starts_with("require")).count() + 1;
        self.sketch.items.push(format!("require Q{number} : {condition}"));
    }

    /// A name for a term, outside the rules.
    pub fn named(&mut self, text: &str) -> String {
        self.lets += 1;
        let name = format!("v{}", self.lets);
        self.sketch.items.push(format!("let {name} = {text}"));
        name
    }

    pub fn mode(&mut self) -> &'static str {
        self.choose(&[
            "half_even",
            "half_up",
            "half_up",
            "half_down",
            "up",
            "down",
            "down",
            "floor",
            "ceiling",
        ])
    }

    /// A term without more decimal places than its unit: it is rounded if it has more.
    pub fn whole(&mut self, unit: Unit, term: Term) -> Term {
        if !term.fine {
            return term;
        }
        let coarse = self.one_in(8);
        let to = match unit {
            Unit::Number if coarse => "10",
            Unit::Number => "integer",
            Unit::Money if coarse => "$0.10",
            Unit::Money => "cent",
            _ => "0.01%",
        };
        Term::plain(format!("({} rounded {} to {to})", term.text, self.mode()))
    }

    /// An amount or a number.
    pub fn amount(&mut self) -> Unit {
        self.choose(&[Unit::Money, Unit::Money, Unit::Number])
    }

    /// A constant percentage.
    pub fn percent(&mut self) -> String {
        let usual = self.choose(&[5, 10, 12, 15, 20, 25, 30, 33, 40, 50, 60, 75, 80, 90]);
        let part = self.choose(&["", "", "", ".5"]);
        format!("{usual}{part}%")
    }

    /// An input or name of a unit, a new one if there is room, else a constant.
    pub fn leaf(&mut self, unit: Unit) -> Term {
        let known: Vec<String> =
            self.names.iter().filter(|(of, _)| *of == unit).map(|(_, name)| name.clone()).collect();
        let has_room = self.sketch.inputs.len() < INPUTS_MAX && self.left >= 4;
        if !known.is_empty() && (!has_room || self.one_in(2)) {
            let index = self.seed.below(known.len());
            return Term::plain(known[index].clone());
        }
        if has_room && (known.is_empty() || self.one_in(2)) {
            return Term::plain(self.any_input(unit));
        }
        Term::plain(self.constant(unit))
    }

    fn constant(&mut self, unit: Unit) -> String {
        let value = match unit {
            Unit::Date => DAY + self.below(400),
            Unit::Percent => self.choose(&[5, 10, 25, 50, 100]),
            _ => 1 + self.below(self.share.min(60)),
        };
        self.lit(unit, value)
    }

    /// A random expression.
    pub fn term(&mut self, unit: Unit, depth: u32) -> Term {
        if depth == 0 || self.one_in(4) {
            return self.leaf(unit);
        }
        if self.one_in(4) {
            return self.either(unit, depth);
        }
        match unit {
            Unit::Date => self.date(depth),
            Unit::Days => self.days(depth),
            _ => self.arithmetic(unit, depth),
        }
    }

    /// A random expression of the greatest depth.
    pub fn deep(&mut self, unit: Unit) -> Term {
        self.term(unit, DEPTH_MAX)
    }

    /// Another term than this one, or a constant.
    fn other(&mut self, unit: Unit, than: &Term, depth: u32) -> Term {
        let term = self.term(unit, depth);
        if term.text == than.text { Term::plain(self.constant(unit)) } else { term }
    }

    /// One of two terms. A quotient is usually rounded before.
    fn either(&mut self, unit: Unit, depth: u32) -> Term {
        let a = self.term(unit, depth - 1);
        let b = self.other(unit, &a, depth - 1);
        let [a, b] =
            [a, b].map(|term| if term.quotient && !self.one_in(4) { self.whole(unit, term) } else { term });
        let text = match self.below(5) {
            0 | 1 => format!("min({}, {})", a.text, b.text),
            2 => format!("max({}, {})", a.text, b.text),
            _ => {
                let condition = self.condition(1);
                format!("(if {condition} then {} else {})", a.text, b.text)
            }
        };
        Term::with(text, &a, &b)
    }

    fn arithmetic(&mut self, unit: Unit, depth: u32) -> Term {
        if self.products && self.one_in(2) {
            return self.product(unit, depth);
        }
        let a = self.term(unit, depth - 1);
        match self.below(12) {
            0 | 1 => {
                let b = self.term(unit, depth - 1);
                Term::with(format!("({} + {})", a.text, b.text), &a, &b)
            }
            2 | 3 => {
                let b = self.other(unit, &a, depth - 1);
                Term::with(format!("({} - {})", a.text, b.text), &a, &b)
            }
            4 => {
                let factor = self.choose(&["2", "3", "4", "12", "(-1)"]);
                Term { text: format!("({} * {factor})", a.text), ..a }
            }
            5 if unit != Unit::Percent => {
                let rate = self.percent();
                Term { text: format!("({rate} of {})", a.text), fine: true, ..a }
            }
            5 | 6 => {
                let divisor = self.choose(&["2", "3", "4", "7", "12"]);
                Term::quotient(format!("({} / {divisor})", a.text))
            }
            7 => {
                let b = self.other(unit, &a, 0);
                Term::with(format!("max({0} - {1}, {1} - {0})", a.text, b.text), &a, &b)
            }
            8 => {
                let b = self.other(unit, &a, 0);
                let a = if a.quotient { self.whole(unit, a) } else { a };
                Term::with(format!("({0} - min({0}, {1}))", a.text, b.text), &a, &b)
            }
            9 if self.tables < TABLES_MAX => self.table(unit),
            10 if unit == Unit::Number => {
                let (a, b) = (self.leaf(Unit::Date).text, self.leaf(Unit::Date).text);
                Term::plain(format!("whole_months({a}, {b})"))
            }
            _ => {
                let rate = self.percent();
                let part = Term { text: format!("({rate} of {})", a.text), fine: true, ..a.clone() };
                let part = if unit == Unit::Percent { a.clone() } else { self.whole(unit, part) };
                Term::with(format!("({} - {})", a.text, part.text), &a, &part)
            }
        }
    }

    fn product(&mut self, unit: Unit, depth: u32) -> Term {
        let a = self.term(unit, depth - 1);
        match self.below(7) {
            0 => {
                let b = self.leaf(Unit::Number);
                Term::with(format!("({} * {})", a.text, b.text), &a, &b)
            }
            1 if unit != Unit::Percent => {
                let rate = self.leaf(Unit::Percent);
                Term { text: format!("({} of {})", rate.text, a.text), fine: true, ..a }
            }
            2 => {
                let divisor = self.divisor();
                Term::quotient(format!("({} / {divisor})", a.text))
            }
            3 if unit == Unit::Number => {
                let (a, divisor) = (self.whole(unit, a), self.divisor());
                Term::plain(format!("({} div {divisor})", a.text))
            }
            4 if unit == Unit::Number => {
                let (a, divisor) = (self.whole(unit, a), self.divisor());
                Term::plain(format!("({} mod {divisor})", a.text))
            }
            5 => {
                let (part, divisor) = (self.leaf(Unit::Number), self.divisor());
                Term::quotient(format!("({} * ({} / {divisor}))", a.text, part.text))
            }
            _ if unit == Unit::Number => Term { text: format!("({0} * {0})", a.text), ..a },
            _ => {
                let b = self.leaf(Unit::Number);
                Term::with(format!("({} * {})", a.text, b.text), &a, &b)
            }
        }
    }

    /// A whole number that is at least 1.
    pub fn divisor(&mut self) -> String {
        let positive: Vec<String> = (self.sketch.inputs.iter())
            .filter(|input| input.unit == Some(Unit::Number) && input.range.0 >= 1 && !input.optional)
            .map(|input| input.name.clone())
            .collect();
        if !positive.is_empty() && self.one_in(2) {
            let index = self.seed.below(positive.len());
            return positive[index].clone();
        }
        if self.sketch.inputs.len() < INPUTS_MAX && self.left >= 4 && self.one_in(2) {
            let lo = self.choose(&[1, 1, 1, 2, 12]);
            return self.input(Unit::Number, lo);
        }
        let value = self.leaf(Unit::Number).text;
        format!("max({value}, 1)")
    }

    fn days(&mut self, depth: u32) -> Term {
        match self.below(5) {
            0 | 1 => {
                let (a, b) = (self.term(Unit::Date, depth - 1), self.term(Unit::Date, depth - 1));
                Term::plain(format!("({} - {})", a.text, b.text))
            }
            2 => {
                let (a, b) = (self.term(Unit::Days, depth - 1), self.leaf(Unit::Days));
                Term::plain(format!("({} + {})", a.text, b.text))
            }
            3 => {
                let (a, b) = (self.term(Unit::Days, depth - 1), self.leaf(Unit::Days));
                Term::plain(format!("({} - {})", a.text, b.text))
            }
            _ if self.products => {
                let a = self.term(Unit::Days, depth - 1);
                Term::plain(format!("({} mod 7 days)", a.text))
            }
            _ => Term::plain(format!("({} * 2)", self.leaf(Unit::Days).text)),
        }
    }

    fn date(&mut self, depth: u32) -> Term {
        let a = self.term(Unit::Date, depth - 1);
        let sign = self.choose(&["+", "+", "-"]);
        match self.below(4) {
            0 => Term::plain(format!("({} {sign} {})", a.text, self.term(Unit::Days, depth - 1).text)),
            1 => {
                let months = self.choose(&["1 months", "2 months", "3 months", "12 months", "1 years"]);
                Term::plain(format!("({} {sign} {months})", a.text))
            }
            2 if self.left >= 4 || !self.names.iter().all(|(unit, _)| *unit != Unit::Number) => {
                let months = self.leaf(Unit::Number).text;
                Term::plain(format!("({} {sign} {months} months)", a.text))
            }
            _ => Term::plain(format!("({} {sign} 14 days)", a.text)),
        }
    }

    /// A random condition.
    pub fn condition(&mut self, depth: u32) -> String {
        if depth > 0 && self.one_in(3) {
            let (a, b) = (self.condition(depth - 1), self.condition(depth - 1));
            return match self.below(3) {
                0 => format!("({a} and {b})"),
                1 => format!("({a} or {b})"),
                _ => format!("not ({a})"),
            };
        }
        let mut of: Vec<(Unit, String)> = self.names.clone();
        if of.is_empty() {
            let unit = self.amount();
            let name = self.any_input(unit);
            of.push((unit, name));
        }
        let index = self.seed.below(of.len());
        let (unit, name) = of[index].clone();
        let other: Vec<String> =
            of.iter().filter(|(u, n)| *u == unit && *n != name).map(|(_, name)| name.clone()).collect();
        let sign = self.choose(&["<", "<=", ">", ">=", "<=", ">=", "==", "!="]);
        if !other.is_empty() && self.one_in(2) {
            let index = self.seed.below(other.len());
            return format!("{name} {sign} {}", other[index]);
        }
        let known = self.sketch.inputs.iter().any(|input| input.name == name);
        if !known {
            return format!("{name} {sign} {}", self.constant(unit));
        }
        if self.one_in(5) {
            let cuts = self.cuts(&name, 2);
            let (from, to) = (self.lit(unit, cuts[0]), self.lit(unit, cuts[cuts.len() - 1]));
            return format!("{name} in {from}..{to}");
        }
        let cut = self.cut(&name);
        format!("{name} {sign} {}", self.lit(unit, cut))
    }

    /// A new table with values of a unit, over an input or a named term, and sometimes a second key.
    fn table(&mut self, unit: Unit) -> Term {
        let of = self.choose(&[unit, Unit::Number, Unit::Money]);
        let of = if of == Unit::Percent { Unit::Number } else { of };
        let known: Vec<String> = (self.sketch.inputs.iter())
            .filter(|input| input.unit == Some(of) && !input.optional)
            .map(|input| input.name.clone())
            .collect();
        let (key, cuts) = match known.first() {
            Some(name) if !self.one_in(4) => (name.clone(), self.cuts(name, 2)),
            _ => {
                let term = self.term(of, 1);
                let term = self.whole(of, term);
                let first = 1 + self.below(self.share);
                (self.named(&term.text), vec![first, first + 1 + self.below(self.share)])
            }
        };
        let second = self.one_in(3).then(|| self.flag()).filter(|name| !name.contains(' '));
        self.table_over(unit, of, &key, &cuts, second.as_deref())
    }

    /// A table with ascending values whose rows end at the cuts.
    pub fn table_over(&mut self, unit: Unit, of: Unit, key: &str, cuts: &[i128], flag: Option<&str>) -> Term {
        self.tables += 1;
        let name = format!("t{}", self.tables);
        let mut values: Vec<i128> =
            (0..(cuts.len() as i128 + 1) * 2).map(|_| self.below(self.share.min(60))).collect();
        if !self.one_in(4) {
            values.sort_unstable();
        }
        let (mut rows, mut next) = (String::new(), values.iter());
        let (lo, hi) = (values.iter().min().copied().unwrap_or(0), values.iter().max().copied().unwrap_or(0));
        let flags: &[&str] = if flag.is_some() { &["true", "false"] } else { &[""] };
        for flag in flags {
            for index in 0..=cuts.len() {
                let at = |cut: usize| literal(of, scale_in(of), cuts[cut]);
                let cell = match index {
                    0 => format!("<= {}", at(0)),
                    _ if index == cuts.len() => format!("> {}", at(index - 1)),
                    _ => format!("above {} to {}", at(index - 1), at(index)),
                };
                let value = literal(unit, scale_in(unit), *next.next().expect("there are enough"));
                let cells = if flag.is_empty() { cell } else { format!("{cell} | {flag}") };
                rows += &format!("\n    | {cells} => {value} ;");
            }
        }
        let keys = flag.map_or(key.to_owned(), |flag| format!("{key}, {flag}"));
        let (lo, hi) = (literal(unit, scale_in(unit), lo), literal(unit, scale_in(unit), hi));
        let ty = crate::policy::words::type_name(unit, scale_in(unit));
        self.sketch.items.push(format!("table {name}({keys}) unique -> {ty} in {lo}..{hi} {{{rows}\n  }}"));
        Term::plain(name)
    }

    /// The rules of the outcomes.
    pub fn rules(&mut self, outcomes: Outcomes) {
        let unit = self.sketch.output;
        for (when, then) in outcomes {
            let then = self.whole(unit, then);
            let (mut lets, mut then) = (Vec::new(), then.text);
            if when.is_none() && then.len() > 12 && self.one_in(3) {
                lets.push(format!("let answer = {then}"));
                then = "answer".to_owned();
            }
            self.sketch.rules.push(Rule { lets, when, then });
        }
    }
}
