//! How is an explanation printed? As text for a terminal and as Markdown for a file, from the same facts.

use std::fmt::Write as _;

use super::reasons::Reason;
use super::{Beside, Changes, Decided, Explanation, Field, Found, Named, Outcome, Reasons, Rule, Version};
use crate::trace;

impl Explanation {
    /// The explanation as text.
    pub fn to_text(&self) -> String {
        let mut rows: Vec<(String, String)> =
            self.result.outputs.iter().map(|output| (output.name.clone(), said(output))).collect();
        rows.push((String::new(), String::new()));
        rows.push(("rule".to_owned(), titled(&self.result.rule)));
        rows.push(("version".to_owned(), self.version.in_words()));
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let mut out = String::new();
        for (name, text) in rows {
            let _ = writeln!(out, "{}", format!("{name:<width$}  {text}").trim_end());
        }
        let _ = write!(out, "\nrules in order\n{}", trace::human(&self.trace));
        if let Some(reasons) = &self.reasons {
            out += &reasons.to_text();
        }
        out + &self.changes.to_text()
    }

    /// The explanation as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut out = format!("# {}\n\n| output | value |\n| --- | --- |\n", self.policy);
        for output in &self.result.outputs {
            let _ = writeln!(out, "| {} | {} |", output.name, escaped(&said(output)));
        }
        let rule = escaped(&titled(&self.result.rule));
        let _ = write!(out, "\nDecided by rule {rule} of version {}.\n", self.version.in_words());
        let _ = write!(out, "\n## Rules in order\n\n```text\n{}```\n", trace::human(&self.trace));
        if let Some(reasons) = &self.reasons {
            out += &reasons.to_markdown();
        }
        out + &self.changes.to_markdown()
    }
}

impl Version {
    fn in_words(&self) -> String {
        let chosen = self
            .chosen_by
            .as_ref()
            .zip(self.from.as_ref())
            .map(|(by, from)| format!(", in force from {from}, chosen by {} = {}", by.name, by.value));
        let cite = self.cite.as_ref().map(|cite| format!("  ({cite})"));
        format!("{}{}{}", self.number, chosen.unwrap_or_default(), cite.unwrap_or_default())
    }
}

/// `C4  Credit score  (CP 3.2)`
fn titled(rule: &Rule) -> String {
    let title = rule.title.as_ref().map(|title| format!("  {title}")).unwrap_or_default();
    let cite = rule.cite.as_ref().map(|cite| format!("  ({cite})")).unwrap_or_default();
    format!("{}{title}{cite}", rule.id)
}

/// A value, and what it says to people.
fn said(output: &Named) -> String {
    let text = output.text.as_ref().map(|text| format!("  {text}")).unwrap_or_default();
    format!("{}{text}", output.value)
}

fn listed(values: &[Named]) -> String {
    values.iter().map(|value| format!("{} = {}", value.name, value.value)).collect::<Vec<_>>().join(", ")
}

/// A text in a cell or paragraph of Markdown.
fn escaped(text: &str) -> String {
    let special = |c: char| matches!(c, '\\' | '`' | '*' | '_' | '|' | '<' | '[' | ']' | '#');
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// A text of the policy in Markdown, as code. Texts of policies have no backticks outside quotation marks.
fn code(text: &str) -> String {
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

impl Decided {
    fn in_words(&self) -> String {
        format!("{} (rule {})", listed(&self.outputs), self.rule.id)
    }
}

impl Outcome {
    fn in_words(&self) -> String {
        match self {
            Outcome::Decided(decided) => decided.in_words(),
            Outcome::Refused(faults) => format!("refused, {}", faults.join(", ")),
        }
    }
}

impl Reason {
    fn head(&self) -> String {
        let decides = self.decides.as_ref().map(|decides| format!(": {} = {}", decides.name, decides.value));
        format!("{}{}", titled(&self.rule), decides.unwrap_or_default())
    }

    /// Each part of the condition, and its values.
    fn parts(&self) -> impl Iterator<Item = (String, String)> {
        self.terms.iter().map(|term| {
            let text = if term.holds { term.text.clone() } else { format!("not: {}", term.text) };
            (text, listed(&term.values))
        })
    }
}

/// The headings of the parts of reasons.
const CONSIDERED: &str = "Reason";
const NOT_CONSIDERED: &str = "Would also have applied, not considered";
const NOT_EVALUABLE: &str = "Not evaluable";

impl Reasons {
    fn groups(&self) -> [(&'static str, &[Reason]); 2] {
        [(CONSIDERED, std::slice::from_ref(&self.considered)), (NOT_CONSIDERED, &self.not_considered)]
    }

    fn to_text(&self) -> String {
        let mut out = String::new();
        for (heading, reasons) in self.groups().into_iter().filter(|(_, reasons)| !reasons.is_empty()) {
            let _ = writeln!(out, "\n{}", heading.to_lowercase());
            for reason in reasons {
                let _ = writeln!(out, "  {}", reason.head());
                for (text, values) in reason.parts() {
                    let _ = writeln!(out, "    {text}");
                    if !values.is_empty() {
                        let _ = writeln!(out, "      {values}");
                    }
                }
            }
        }
        if !self.not_evaluable.is_empty() {
            let _ = writeln!(out, "\n{}", NOT_EVALUABLE.to_lowercase());
            for rule in &self.not_evaluable {
                let _ = writeln!(out, "  {}: {}", titled(&rule.rule), rule.because);
            }
        }
        out
    }

    fn to_markdown(&self) -> String {
        let mut out = String::new();
        for (heading, reasons) in self.groups().into_iter().filter(|(_, reasons)| !reasons.is_empty()) {
            let _ = writeln!(out, "\n## {heading}\n");
            for reason in reasons {
                let _ = writeln!(out, "- {}", escaped(&reason.head()));
                for (text, values) in reason.parts() {
                    let values =
                        if values.is_empty() { String::new() } else { format!(" ({})", code(&values)) };
                    let _ = writeln!(out, "  - {}{values}", code(&text));
                }
            }
        }
        if !self.not_evaluable.is_empty() {
            let _ = writeln!(out, "\n## {NOT_EVALUABLE}\n");
            for rule in &self.not_evaluable {
                let _ = writeln!(out, "- {}: {}", escaped(&titled(&rule.rule)), rule.because);
            }
        }
        out
    }
}

impl Field {
    fn head(&self) -> String {
        match &self.value {
            Some(value) => format!("{} is {value}", self.name),
            None => format!("{} is missing; the search does not invent a value", self.name),
        }
    }

    fn lines(&self) -> Vec<String> {
        let with = |value: &str, result: String| format!("with {value}: {result}");
        let found = |found: &Found| {
            let next = |beside: &Beside| with(&beside.value, beside.result.in_words());
            let first = with(&found.value, found.result.in_words());
            std::iter::once(first).chain(found.beside.as_ref().map(next)).collect::<Vec<_>>()
        };
        self.found.iter().flat_map(found).chain(self.not_found.iter().cloned()).collect()
    }
}

impl Changes {
    /// The sentence above the fields, or instead of them.
    fn head(&self) -> String {
        match self {
            Changes::NotSought(why) => format!("no changes were searched for: {why}"),
            Changes::AlreadyAsWanted { wanted } => format!("nothing: the result is {wanted}"),
            Changes::Sought { wanted, .. } => format!("wanted: {wanted}; each field was changed on its own"),
        }
    }

    fn fields(&self) -> &[Field] {
        match self {
            Changes::Sought { fields, .. } => fields,
            Changes::NotSought(_) | Changes::AlreadyAsWanted { .. } => &[],
        }
    }

    fn to_text(&self) -> String {
        let mut out = format!("\nwhat would have changed it\n  {}\n", self.head());
        for field in self.fields() {
            let _ = writeln!(out, "  {}", field.head());
            field.lines().iter().for_each(|line| out += &format!("    {line}\n"));
        }
        out
    }

    fn to_markdown(&self) -> String {
        let mut out = format!("\n## What would have changed it\n\n{}\n", escaped(&capital(&self.head())));
        if !self.fields().is_empty() {
            out.push('\n');
        }
        for field in self.fields() {
            let _ = writeln!(out, "- {}", escaped(&field.head()));
            field.lines().iter().for_each(|line| out += &format!("  - {}\n", escaped(line)));
        }
        out
    }
}

/// A sentence with its first letter and full stop.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str())
}
