//! How are rules laid out? If a rule and its outcome fit on one line, the arrows and outcomes are aligned in columns.
//! Otherwise the condition and the outcome get lines of their own.

use crate::text::ast::{Exprs, Rule, Rules, Statement};
use crate::text::format::page::{WIDTH, padded, width};
use crate::text::format::phrase::{Phrase, cite, dates, expression, listed, phrase};
use crate::text::lexer::quote;

/// An outcome wider than this does not widen its column.
const OUTCOME_WIDTH_MAX: usize = 10;
/// Outcomes wider than this, together, do not move the arrows to the left.
const OUTCOMES_WIDTH_MAX: usize = 40;

/// The columns of a block of rules.
pub struct Columns {
    /// The spans of the arrows.
    arrow: usize,
    /// How wide each outcome is, where there are as many.
    outcomes: Vec<usize>,
}

impl Columns {
    /// The columns of these rules, which are indented so far.
    pub fn of(exprs: &Exprs, rules: &Rules, indent: usize) -> Columns {
        let all = || {
            rules.statements.iter().filter_map(|statement| match statement {
                Statement::Rule(rule) => Some(rule),
                Statement::Let(_) => None,
            })
        };
        let mut columns = Columns { arrow: 0, outcomes: outcome_widths(exprs, all()) };
        let outcomes = all().map(|rule| width(&columns.outcomes(exprs, rule)));
        let widest = outcomes.filter(|&width| width <= OUTCOMES_WIDTH_MAX).max().unwrap_or(0);
        let arrow_max = WIDTH.saturating_sub(widest + 3);
        let heads = all().map(|rule| indent + width(&head(rule).then(condition(exprs, rule)).line()) + 1);
        columns.arrow = heads.filter(|&end| end <= arrow_max).max().unwrap_or(indent + 2);
        columns
    }

    /// `decline, $0, UNDER_AGE`, in columns where the rule has as many outcomes as there are columns.
    fn outcomes(&self, exprs: &Exprs, rule: &Rule) -> String {
        let texts = outcome_texts(exprs, rule);
        if texts.len() != self.outcomes.len() || rule.outcomes.iter().any(|outcome| outcome.output.is_some())
        {
            return texts.join(", ");
        }
        let last = texts.len() - 1;
        let cells = texts.iter().zip(&self.outcomes).enumerate();
        let cells: Vec<String> = cells
            .map(|(i, (text, &to))| if i == last { text.clone() } else { padded(&format!("{text},"), to) })
            .collect();
        cells.join(" ")
    }

    /// The lines of a rule, each with its indentation.
    pub fn lay_out(&self, exprs: &Exprs, rule: &Rule, indent: usize) -> Vec<(usize, String)> {
        let (head, condition) = (head(rule), condition(exprs, rule));
        let room = WIDTH.saturating_sub(indent);
        let whole = head.clone().then(condition.clone()).line();
        let mut lines: Vec<(usize, String)> = vec![];
        if width(&whole) <= room {
            lines.push((indent, whole));
        } else {
            lines.extend(hanging(&head, indent, 4));
            lines.extend(hanging(&condition, indent + 2, 5));
        }
        self.decide(exprs, rule, indent, &mut lines);
        lines
    }

    /// Adds the arrow and the outcome: at the end of the last line if it fits, and otherwise below.
    fn decide(&self, exprs: &Exprs, rule: &Rule, indent: usize, lines: &mut Vec<(usize, String)>) {
        let outcomes = format!("=> {}", self.outcomes(exprs, rule));
        let in_column = self.arrow + width(&outcomes) <= WIDTH;
        let end = lines.last().map_or(0, |(indent, text)| indent + width(text));
        if let Some((last_indent, last)) = lines.last_mut() {
            if in_column && end < self.arrow {
                *last = padded(last, self.arrow - *last_indent) + &outcomes;
                return;
            }
            if !in_column && end + 1 + width(&outcomes) <= WIDTH {
                *last = format!("{last} {outcomes}");
                return;
            }
        }
        if in_column {
            return lines.push((self.arrow, outcomes));
        }
        let decided = rule.outcomes.iter().map(|outcome| match &outcome.output {
            Some(output) => Phrase::of(format!("{} =", output.text)).then(phrase(exprs, outcome.value)),
            None => phrase(exprs, outcome.value),
        });
        lines.extend(hanging(&Phrase::of("=>").then(listed(decided)), indent + 2, 3));
    }
}

/// A phrase over as many lines as it takes, the later ones further in.
pub fn hanging(phrase: &Phrase, indent: usize, further: usize) -> Vec<(usize, String)> {
    let first = WIDTH.saturating_sub(indent);
    let lines = phrase.lines(first, first.saturating_sub(further));
    lines
        .into_iter()
        .enumerate()
        .map(|(i, line)| (if i == 0 { indent } else { indent + further }, line))
        .collect()
}

fn head(rule: &Rule) -> Phrase {
    let word = if rule.condition.is_some() { "rule" } else { "otherwise" };
    Phrase::of(format!("{word} {}", rule.id.text))
        .maybe(rule.title.as_ref().map(|title| quote(&title.text)))
        .maybe(cite(&rule.cite))
        .maybe(dates(rule.dated, 0))
}

fn condition(exprs: &Exprs, rule: &Rule) -> Phrase {
    rule.condition.map_or(Phrase::default(), |condition| {
        let mut when = Phrase::of("when");
        when.attach(" ");
        when.followed_by(phrase(exprs, condition))
    })
}

fn outcome_texts(exprs: &Exprs, rule: &Rule) -> Vec<String> {
    let text = |outcome: &crate::text::ast::Outcome| {
        let value = expression(exprs, outcome.value);
        outcome.output.as_ref().map_or(value.clone(), |output| format!("{} = {value}", output.text))
    };
    rule.outcomes.iter().map(text).collect()
}

/// The widths of the outcomes, comma included, as the rules have them that have as many as the first.
fn outcome_widths<'a>(exprs: &Exprs, rules: impl Iterator<Item = &'a Rule>) -> Vec<usize> {
    let mut widths: Vec<usize> = vec![];
    for rule in rules.filter(|rule| rule.outcomes.iter().all(|outcome| outcome.output.is_none())) {
        let texts = outcome_texts(exprs, rule);
        if widths.is_empty() {
            widths = vec![0; texts.len()];
        }
        if widths.len() == texts.len() {
            for (column, text) in widths.iter_mut().zip(&texts) {
                let narrow = Some(width(text)).filter(|&width| width <= OUTCOME_WIDTH_MAX);
                *column = (*column).max(narrow.map_or(0, |width| width + 1));
            }
        }
    }
    widths
}
