//! What is a generated policy before the range of its output is known? Its parts, and their spelling.

use crate::policy::Unit;
use crate::policy::words::{in_currency, literal, type_name};

/// An input over few values.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub name: String,
    /// `None` for a Boolean.
    pub unit: Option<Unit>,
    /// The least and the greatest value: a percentage counts whole percents, an amount cents.
    pub range: (i128, i128),
    pub optional: bool,
}

/// A rule, with the named values before it.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub lets: Vec<String>,
    /// `None` for the last.
    pub when: Option<String>,
    pub then: String,
}

/// A policy but for the range of its output.
#[derive(Clone, Debug)]
pub struct Sketch {
    /// How it was made.
    pub pattern: &'static str,
    pub(super) inputs: Vec<Input>,
    /// Requires, named values and tables, in the order of the text.
    pub(super) items: Vec<String>,
    pub(super) rules: Vec<Rule>,
    pub(super) output: Unit,
    pub(super) carry: bool,
    /// The code of the currency.
    pub(super) currency: &'static str,
}

/// Decimal places of the inputs of a unit.
pub(super) fn scale_in(unit: Unit) -> u32 {
    match unit {
        Unit::Money | Unit::Percent => 2,
        _ => 0,
    }
}

/// Decimal places of the output: its unit is an integer, a cent, a hundredth of a percent, a day.
fn scale_out(unit: Unit) -> u32 {
    if unit == Unit::Percent { 4 } else { scale_in(unit) }
}

impl Sketch {
    /// A range of the output in which nothing has to be proved.
    pub fn widest(&self) -> (i128, i128) {
        match self.output {
            Unit::Date => (-500_000, 2_000_000),
            Unit::Days => (-9_000_000, 9_000_000),
            _ => (-1_000_000_000_000, 1_000_000_000_000),
        }
    }

    /// The text with this range of the output, in its least units.
    pub fn source(&self, (lo, hi): (i128, i128)) -> String {
        let body = self.body();
        let inputs = self.inputs_in(&body);
        let declared: String = inputs.iter().map(|input| format!("    {}\n", input.text())).collect();
        let out = literal_range(self.output, scale_out(self.output), (lo, hi));
        let output =
            format!("  output {{ result : {} in {out} }}\n", type_name(self.output, scale_out(self.output)));
        let whole = format!("  input {{\n{declared}  }}\n{output}{body}");
        let currency = if whole.contains('$') { "  currency USD\n" } else { "" };
        let months = names(&whole, "months") || names(&whole, "years");
        let month_end = if self.carry { "  month_end carry\n" } else { "  month_end clip\n" };
        let month_end = if months { month_end } else { "" };
        let text = format!("policy sound.{} {{\n{currency}{month_end}{whole}", self.pattern);
        in_currency(&text, self.currency)
    }

    /// Whether it reads no input.
    pub fn is_constant(&self) -> bool {
        self.inputs_in(&self.body()).is_empty()
    }

    /// The text after the declarations of inputs and output.
    fn body(&self) -> String {
        let rules: String = self.rules.iter().enumerate().map(|(index, rule)| rule.text(index)).collect();
        let items: String = self.items.iter().map(|item| format!("  {item}\n")).collect();
        format!("{items}  rules first {{\n{rules}  }}\n}}\n")
    }

    fn inputs_in(&self, body: &str) -> Vec<&Input> {
        self.inputs.iter().filter(|input| names(body, &input.name)).collect()
    }

    /// How often the text rounds.
    pub fn roundings(&self) -> i128 {
        let text = self.source((0, 0));
        (text.matches(" rounded ").count() + text.matches(" div ").count()) as i128
    }
}

/// Whether a text contains a name as a word.
fn names(text: &str, name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + name.len()..].chars().next());
        !before.is_some_and(is_letter) && !after.is_some_and(is_letter)
    })
}

fn literal_range(unit: Unit, scale: u32, (lo, hi): (i128, i128)) -> String {
    format!("{}..{}", literal(unit, scale, lo), literal(unit, scale, hi))
}

impl Input {
    fn text(&self) -> String {
        let optional = if self.optional { " optional" } else { "" };
        match self.unit {
            None => format!("{} : bool{optional}", self.name),
            Some(unit) => {
                let scale = scale_in(unit);
                let range = literal_range(unit, scale, self.range);
                format!("{} : {} in {range}{optional}", self.name, type_name(unit, scale))
            }
        }
    }
}

impl Rule {
    fn text(&self, index: usize) -> String {
        let lets: String = self.lets.iter().map(|item| format!("    {item}\n")).collect();
        let number = index + 1;
        match &self.when {
            Some(when) => format!("{lets}    rule R{number} when {when} => {}\n", self.then),
            None => format!("{lets}    otherwise R{number} => {}\n", self.then),
        }
    }
}
