//! How are policies generated? As source text from random bytes, well-typed by construction.
//!
//! Every expression is generated for the unit that its context expects, with a bound on its size, so nothing
//! overflows. Divisors exclude zero, by a bound or by an earlier rule. An optional field is used only where it is
//! known to be present. The generator cannot know whether every rule is reachable: a generated policy may be
//! refused for that reason, and for no other.
//!
//! A policy is written in the order of its parts: declarations (here), tables and grids ([`tables`]), rules,
//! outcomes and tests ([`rules`]); these use numbers ([`terms`]), conditions ([`conditions`]) and the spelling of
//! values ([`words`]).

mod conditions;
mod rules;
mod tables;
mod terms;
pub(crate) mod words;

use arbitrary::{Result, Unstructured};

use words::{literal, type_name};

/// The most digits of a scaled integer: the product of two such integers fits 128 bits.
const DIGITS_MAX: u32 = 17;
/// The depth of expressions.
const DEPTH_MAX: u32 = 4;
/// Dates that leave room for adding or subtracting some years.
const DATES: (i128, i128) = (-100_000, 1_000_000);
/// The usual maximum number of random bytes for a policy.
pub const BYTES: usize = 4_000;

/// The first days of the versions of a policy.
const STARTS: [&str; 11] = [
    "2020-01-01",
    "2021-07-01",
    "2023-03-15",
    "2023-03-16",
    "2023-04-01",
    "2023-12-31",
    "2024-01-01",
    "2024-02-29",
    "2024-03-01",
    "2024-12-30",
    "2024-12-31",
];
/// The usual number of versions of a policy.
const VERSIONS_USUAL: usize = 3;

/// The unit of a numeric expression.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unit {
    Number,
    Money,
    Percent,
    Days,
    Date,
}

/// A numeric expression, and how large its scaled integer can become.
#[derive(Clone, Debug)]
struct Term {
    text: String,
    /// Decimal places of the value itself: a `percent(2)` has four.
    scale: u32,
    /// Decimal digits of the scaled integer.
    digits: u32,
}

/// A named term or a field.
#[derive(Clone, Debug)]
struct Leaf {
    unit: Unit,
    term: Term,
    /// The optional field that must be present where the term is used.
    needs: Option<usize>,
}

/// A key of a table: an input, or a name for a simple term.
#[derive(Clone, Debug)]
struct Field {
    name: String,
    ty: Type,
    optional: bool,
    /// Whether the compiler has to derive the range, because this is a named term.
    computed: bool,
}

#[derive(Clone, Debug)]
enum Type {
    Bool,
    /// By letter; [`words::value`] gives the values.
    Enum(char),
    Number(Range),
}

/// Scaled integers from `lo` to `hi`, or those that are listed.
#[derive(Clone, Debug)]
struct Range {
    unit: Unit,
    scale: u32,
    lo: i128,
    hi: i128,
    listed: Vec<i128>,
}

impl Range {
    fn new(unit: Unit, scale: u32, lo: i128, hi: i128) -> Range {
        Range { unit, scale, lo, hi, listed: Vec::new() }
    }

    /// Whether there is no room for a product, or for adding days.
    fn is_wide(&self) -> bool {
        let few = DATES.0..=DATES.1;
        match self.unit {
            Unit::Date => !few.contains(&self.lo) || !few.contains(&self.hi),
            _ => words::digits(self.lo).max(words::digits(self.hi)) > DIGITS_MAX,
        }
    }
}

/// A declared output.
#[derive(Clone, Debug)]
struct Output {
    name: &'static str,
    ty: Type,
    default: bool,
}

struct Generator<'a, 'b> {
    u: &'a mut Unstructured<'b>,
    versions: usize,
    fields: Vec<Field>,
    /// Whether each field is known to be present here.
    present: Vec<bool>,
    /// Other keys for tables.
    keys: Vec<Field>,
    /// Parameters, named values and tables of numbers that are visible here.
    leaves: Vec<Leaf>,
    /// Named exact quotients.
    quotients: Vec<(String, Unit)>,
    /// Named conditions and tables of Booleans, with the optional field that must be present.
    truths: Vec<(String, Option<usize>)>,
    /// The same for tables of values of the enum with the letter `p`.
    verdicts: Vec<(String, Option<usize>)>,
    /// Pairs `(greater, less)` of fields whose difference is positive here.
    above: Vec<(usize, usize)>,
    /// The number of table rows so far.
    rows: u32,
    /// Whether months may be added.
    months: bool,
    /// The code of the currency. Amounts are first written in dollars.
    currency: &'static str,
}

/// The text of a policy.
///
/// # Errors
/// If `arbitrary` reports that the bytes are exhausted; usually it continues with zeros.
pub fn policy(u: &mut Unstructured) -> Result<String> {
    let versions = if u.ratio(1, 24)? {
        *u.choose(&[5, 10, STARTS.len()])?
    } else {
        u.int_in_range(1..=VERSIONS_USUAL)?
    };
    let currency = *u.choose(&["USD", "USD", "USD", "JPY", "KWD"])?;
    let months = u.arbitrary()?;
    let mut generator = Generator {
        u,
        versions,
        fields: Vec::new(),
        present: Vec::new(),
        keys: Vec::new(),
        leaves: Vec::new(),
        quotients: Vec::new(),
        truths: Vec::new(),
        verdicts: Vec::new(),
        above: Vec::new(),
        rows: 0,
        months,
        currency,
    };
    Ok(words::in_currency(&generator.policy()?, currency))
}

impl Generator<'_, '_> {
    fn policy(&mut self) -> Result<String> {
        let mut out = String::from("policy fuzz.generated {\n  currency USD\n  effective on day\n");
        for (index, start) in STARTS[..self.versions].iter().enumerate() {
            out += &format!("  version {} from {start}{}\n", index + 1, self.cite()?);
        }
        if self.months {
            out += *self.u.choose(&["  month_end clip\n", "  month_end carry\n"])?;
        }
        let inputs = self.inputs()?;
        let outputs = self.outputs()?;
        let all = self.fields.iter().map(|field| &field.ty).chain(outputs.iter().map(|output| &output.ty));
        out += &words::enums(
            all.filter_map(|ty| if let Type::Enum(letter) = ty { Some(*letter) } else { None }),
        );
        out += &inputs;
        out += &self.output_block(&outputs)?;
        out += "  adverse verdict in {p0}\n";
        out += &self.params()?;
        out += &self.key_lets()?;
        out += &self.tables()?;
        out += &self.requires()?;
        for index in 0..self.u.int_in_range(0..=2u32)? {
            out += &self.named(&format!("base{index}"))?;
        }
        out += &self.rules(&outputs)?;
        out += &self.tests(&outputs)?;
        Ok(out + "}\n")
    }

    fn inputs(&mut self) -> Result<String> {
        let mut out = String::from("  input {\n    day : date in 2020-01-01..2024-12-31\n");
        let day = Range::new(Unit::Date, 0, 18_262, 20_088);
        self.fields.push(Field {
            name: "day".into(),
            ty: Type::Number(day),
            optional: false,
            computed: false,
        });
        // two amounts and a count that can always be compared with one another
        let fixed = [(Unit::Money, 2, 1, 5_000_000), (Unit::Money, 2, 0, 900_000), (Unit::Number, 0, 0, 500)];
        for (unit, scale, lo, hi) in fixed {
            out += &self.field(Type::Number(Range::new(unit, scale, lo, hi)), false);
        }
        for _ in 0..self.u.int_in_range(1..=6u32)? {
            let optional = self.u.ratio(1, 3)?;
            let ty = match self.u.int_in_range(0..=13u32)? {
                0 => Type::Bool,
                1 => Type::Enum('p'),
                2 => Type::Enum(*self.u.choose(&['q', 'q', 'r', 's'])?),
                3 | 4 => self.listed()?,
                5 | 6 => Type::Number(self.wide_range()?),
                _ => Type::Number(self.range()?),
            };
            out += &self.field(ty, optional);
        }
        self.present = self.fields.iter().map(|field| !field.optional).collect();
        Ok(out + "  }\n")
    }

    /// A range for a field.
    fn range(&mut self) -> Result<Range> {
        let (unit, scale, lo, hi) = match self.u.int_in_range(0..=8u32)? {
            0 => (Unit::Date, 0, 10_957, 25_567),
            1 => {
                let scale = self.u.int_in_range(2..=6u32)?;
                (Unit::Percent, scale, 0, 10i128.pow(scale))
            }
            2 => (Unit::Days, 0, -30, 400),
            3 => {
                let scale = self.u.int_in_range(1..=5u32)?;
                (Unit::Number, scale, -4 * 10i128.pow(scale), 9 * 10i128.pow(scale))
            }
            4 => (Unit::Money, 2, -700_000, 90_000_000),
            5 => (Unit::Number, 0, -4, 12),
            // a range that just fits a column of some width, or just does not
            6 | 7 => {
                let end = 1i128 << self.u.choose(&[7, 8, 15, 16, 31, 32])?;
                let unit = *self.u.choose(&[Unit::Number, Unit::Money])?;
                let lo = if self.u.arbitrary()? { -end - self.u.int_in_range(-1..=1i128)? } else { 0 };
                (unit, if unit == Unit::Money { 2 } else { 0 }, lo, end + self.u.int_in_range(-2..=1i128)?)
            }
            _ => {
                let lo = self.u.int_in_range(-1_000_000..=1_000i128)?;
                (Unit::Number, 0, lo, lo + self.u.int_in_range(1..=4_000_000_000i128)?)
            }
        };
        Ok(Range::new(unit, scale, lo, hi))
    }

    /// A range that is useful for little more than comparisons: too many digits for products, or all dates.
    fn wide_range(&mut self) -> Result<Range> {
        let end = 1i128 << 63;
        let most = 10i128.pow(28);
        let (unit, scale, lo, hi) = *self.u.choose(&[
            (Unit::Money, 2, -most, most),
            (Unit::Money, 2, 0, most - 1),
            (Unit::Number, 0, -most, most),
            (Unit::Number, 0, -end, end - 1),
            (Unit::Number, 0, -end - 1, end - 1),
            (Unit::Number, 0, 0, end),
            (Unit::Number, 12, -10i128.pow(20), 10i128.pow(20)),
            (Unit::Percent, 14, 0, 10i128.pow(18)),
            (Unit::Date, 0, opus_ir::date::DAY_MIN, opus_ir::date::DAY_MAX),
            (Unit::Date, 0, opus_ir::date::DAY_MIN, opus_ir::date::DAY_MAX),
        ])?;
        Ok(Range::new(unit, scale, lo, hi))
    }

    /// A type with a few listed numbers.
    fn listed(&mut self) -> Result<Type> {
        let Range { unit, scale, lo, hi, .. } = self.range()?;
        let mut listed: Vec<i128> = Vec::new();
        for _ in 0..self.u.int_in_range(2..=5u32)? {
            listed.push(self.u.int_in_range(lo..=hi)?);
        }
        listed.sort_unstable();
        listed.dedup();
        Ok(Type::Number(Range { unit, scale, lo: listed[0], hi: listed[listed.len() - 1], listed }))
    }

    fn field(&mut self, ty: Type, optional: bool) -> String {
        let name = format!("f{}", self.fields.len());
        // what explanations use takes no bytes, because it decides nothing
        let actionable = match (self.fields.len() % 4, &ty) {
            (0, Type::Number(_)) => " actionable up",
            (1, Type::Number(_)) => " actionable down",
            (0..=2, _) => " actionable",
            _ => "",
        };
        let optional_text = if optional { " optional" } else { "" };
        let line = format!("    {name} : {}{optional_text}{actionable}\n", declared(&ty));
        self.fields.push(Field { name, ty, optional, computed: false });
        line
    }

    fn outputs(&mut self) -> Result<Vec<Output>> {
        let number = |unit, scale, lo, hi| Type::Number(Range::new(unit, scale, lo, hi));
        let mut outputs = vec![
            Output { name: "verdict", ty: Type::Enum('p'), default: false },
            Output { name: "amount", ty: number(Unit::Money, 2, -10_000, 7_500_000), default: false },
        ];
        let percent = self.u.int_in_range(3..=6u32)?;
        let decimal = self.u.int_in_range(1..=6u32)?;
        let others = [
            ("flag", Type::Bool),
            ("count", number(Unit::Number, 0, -50, 100_000_000_000)),
            ("due", number(Unit::Date, 0, -25_567, 47_846)),
            ("grade", Type::Enum('q')),
            ("rate", number(Unit::Percent, percent, 0, 3 * 10i128.pow(percent))),
            ("factor", number(Unit::Number, decimal, -20 * 10i128.pow(decimal), 20 * 10i128.pow(decimal))),
            ("span", number(Unit::Days, 0, -400, 9_000)),
            ("kind", Type::Enum('r')),
            ("most", Type::Number(self.wide_range()?)),
            ("step", self.listed()?),
        ];
        for (name, ty) in others {
            if self.u.ratio(2, 5)? {
                outputs.push(Output { name, ty, default: self.u.ratio(1, 2)? });
            }
        }
        Ok(outputs)
    }

    fn output_block(&mut self, outputs: &[Output]) -> Result<String> {
        let mut out = String::from("  output {\n");
        for Output { name, ty, default } in outputs {
            out += &format!("    {name} : {}", declared(ty));
            if *default {
                out += &format!(" default {}", self.constant(ty)?);
            }
            out += "\n";
        }
        Ok(out + "  }\n")
    }

    /// A value of a type.
    fn constant(&mut self, ty: &Type) -> Result<String> {
        Ok(match ty {
            Type::Bool => self.u.choose(&["true", "false"])?.to_string(),
            Type::Enum(letter) => self.value(*letter)?,
            Type::Number(range) => {
                let amount = if range.listed.is_empty() {
                    self.u.int_in_range(range.lo..=range.hi)?
                } else {
                    *self.u.choose(&range.listed)?
                };
                literal(range.unit, range.scale, amount)
            }
        })
    }

    /// A value of an enum, sometimes with the name of its enum.
    fn value(&mut self, letter: char) -> Result<String> {
        let value = self.u.choose(words::values(letter))?;
        let qualified = self.u.ratio(1, 4)?;
        Ok(if qualified { format!("{}.{value}", letter.to_ascii_uppercase()) } else { value.to_string() })
    }

    fn cite(&mut self) -> Result<&'static str> {
        Ok(if self.u.ratio(1, 5)? { " cite \"Manual 1.2\"" } else { "" })
    }

    fn params(&mut self) -> Result<String> {
        let mut out = String::new();
        for index in 0..self.u.int_in_range(0..=3u32)? {
            let name = format!("limit{index}");
            let (unit, scale, lo, hi) = *self.u.choose(&[
                (Unit::Money, 2, 1, 900_000),
                (Unit::Percent, 4, 1, 10_000),
                (Unit::Percent, 6, 0, 900_000),
                (Unit::Number, 0, 1, 700),
                (Unit::Number, 3, -5_000, 7_000),
                (Unit::Days, 0, 1, 90),
            ])?;
            let range = Range::new(unit, scale, lo, hi);
            let declared = declared(&Type::Number(range.clone()));
            out += &format!("  param {name} : {declared}{}{}\n", self.cite()?, self.amounts(&range)?);
            let term = Term { text: name.clone(), scale, digits: words::digits(lo).max(words::digits(hi)) };
            self.leaves.push(Leaf { unit, term, needs: None });
        }
        Ok(out)
    }

    /// The value of a parameter: one value, one per version, or one until a day and another from that day.
    fn amounts(&mut self, range: &Range) -> Result<String> {
        let mut amount = || {
            let amount = self.u.int_in_range(range.lo..=range.hi)?;
            Ok(literal(range.unit, range.scale, amount))
        };
        if self.versions == 1 && range.unit == Unit::Money && self.currency != "USD" {
            // a code before `=` would be taken for the name of the next assignment
            return Ok(format!(" {{\n    from {} = {}\n  }}", STARTS[0], amount()?));
        }
        if self.versions == 1 {
            return Ok(format!(" = {}", amount()?));
        }
        let (one, two) = (amount()?, amount()?);
        Ok(match self.u.int_in_range(0..=3u32)? {
            0 if range.unit != Unit::Money || self.currency == "USD" => format!(" = {one}"),
            1 => {
                let day = self.start()?;
                format!(" {{\n    until {day} = {one}\n    from {day} = {two}\n  }}")
            }
            2 => format!(
                " {{\n    from {} until {} = {one}\n    from {} = {two}\n  }}",
                STARTS[0], STARTS[1], STARTS[1]
            ),
            _ => {
                let starts = &STARTS[..self.versions];
                let values: Vec<String> = starts
                    .iter()
                    .zip([&one, &two, &one])
                    .map(|(day, x)| format!("from {day} = {x}"))
                    .collect();
                format!(" {{\n    {}\n  }}", values.join("\n    "))
            }
        })
    }

    /// The first day of a version other than the first.
    fn start(&mut self) -> Result<&'static str> {
        self.u.choose(&STARTS[1..self.versions]).copied()
    }

    /// Names for simple terms that tables can use as keys.
    fn key_lets(&mut self) -> Result<String> {
        let number = Range::new;
        let known = [
            ("key0", "f3 mod 10", Type::Number(number(Unit::Number, 0, 0, 9))),
            ("key1", "f1 + f2", Type::Number(number(Unit::Money, 2, 1, 5_900_000))),
            ("key2", "f3 > 250", Type::Bool),
            ("key3", "day + 30 days", Type::Number(number(Unit::Date, 0, 18_292, 20_118))),
        ];
        let mut out = String::new();
        for (name, text, ty) in known {
            if !self.u.ratio(1, 4)? {
                continue;
            }
            out += &format!("  let {name} = {text}\n");
            match &ty {
                Type::Number(Range { unit, scale, hi, .. }) => {
                    let term = Term { text: name.into(), scale: *scale, digits: words::digits(*hi) };
                    self.leaves.push(Leaf { unit: *unit, term, needs: None });
                }
                _ => self.truths.push((name.into(), None)),
            }
            self.keys.push(Field { name: name.into(), ty, optional: false, computed: true });
        }
        Ok(out)
    }

    /// Requires that at least one row satisfies: the row in which `f1` and `f3` have their largest values.
    fn requires(&mut self) -> Result<String> {
        let mut out = String::new();
        for index in 2..2 + self.u.int_in_range(0..=2u32)? {
            let floor = self.u.int_in_range(1..=200u32)?;
            let condition = format!("{} or f3 >= {floor}", self.condition(2)?);
            let dated = self.dated_clause()?;
            let cite = self.cite()?;
            out += &format!("  require Q{index}{dated}{cite} : {condition}\n");
        }
        if self.u.ratio(1, 2)? {
            // f1 and f2 are amounts; their difference is known from here on, but not in the requires
            self.above.push((1, 2));
            out += "  require Q1 \"the first is more\" : f1 > f2\n";
        }
        Ok(out)
    }

    /// ` from D`, ` until D` or nothing.
    fn dated_clause(&mut self) -> Result<String> {
        if self.versions == 1 || !self.u.ratio(1, 3)? {
            return Ok(String::new());
        }
        Ok(format!(" {} {}", self.u.choose(&["from", "until"])?, self.start()?))
    }

    /// A `let`: one for all versions, or one until a day and another of the same unit from that day.
    fn named(&mut self, name: &str) -> Result<String> {
        let day = if self.versions > 1 && self.u.ratio(1, 3)? { Some(self.start()?) } else { None };
        let line = |text: &str, text_later: &str| match day {
            Some(day) => {
                format!("  let {name} until {day} = {text}\n  let {name} = {text_later} from {day}\n")
            }
            None => format!("  let {name} = {text}\n"),
        };
        Ok(match self.u.int_in_range(0..=5u32)? {
            0 => {
                let (one, two) = (self.condition(2)?, self.condition(2)?);
                self.truths.push((name.into(), None));
                line(&one, &two)
            }
            1 => {
                let unit = *self.u.choose(&[Unit::Number, Unit::Money, Unit::Percent])?;
                let (one, two) = (self.quotient(unit)?, self.quotient(unit)?);
                self.quotients.push((name.into(), unit));
                line(&one, &two)
            }
            _ => {
                let unit = *self.u.choose(&[Unit::Number, Unit::Money, Unit::Days, Unit::Percent])?;
                let (one, two) = (self.term(unit, DEPTH_MAX)?, self.term(unit, DEPTH_MAX)?);
                let both = terms::either(name.into(), &one, &two);
                if day.is_some() && both.digits > DIGITS_MAX {
                    return Ok(String::new());
                }
                let term = if day.is_some() { both } else { Term { text: name.into(), ..one.clone() } };
                self.leaves.push(Leaf { unit, term, needs: None });
                line(&one.text, &two.text)
            }
        })
    }

    /// Whether something that needs a field can be used here.
    fn is_usable(&self, needs: Option<usize>) -> bool {
        needs.is_none_or(|field| self.present[field])
    }
}

/// A type as it is declared.
fn declared(ty: &Type) -> String {
    match ty {
        Type::Bool => "bool".to_owned(),
        Type::Enum(letter) => letter.to_ascii_uppercase().to_string(),
        Type::Number(Range { unit, scale, lo, hi, listed }) => {
            let written = |x: &i128| literal(*unit, *scale, *x);
            let values: Vec<String> = listed.iter().map(written).collect();
            let domain = match values.as_slice() {
                [] => format!("{}..{}", written(lo), written(hi)),
                some => format!("{{{}}}", some.join(", ")),
            };
            format!("{} in {domain}", type_name(*unit, *scale))
        }
    }
}
