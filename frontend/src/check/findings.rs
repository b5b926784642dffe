//! What has been found so far, which definitions were referred to, and how is a finding that several versions share
//! reported once?

use std::collections::{BTreeMap, BTreeSet};

use crate::codes::Demand;
use crate::diagnostic::{Code, Diagnostic, any_error, in_versions};
use crate::text::ast::Span;

/// What one part of the checks has found.
#[derive(Default)]
pub(super) struct Findings {
    diagnostics: Vec<Diagnostic>,
    hole: bool,
    used: BTreeSet<Span>,
}

impl Findings {
    /// Adds something to say.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Remembers that the tree has a hole that someone else has reported: nothing is built from it.
    pub fn hole(&mut self) {
        self.hole = true;
    }

    /// Drops what is not demanded.
    pub fn meet(&mut self, demand: Demand) {
        self.diagnostics.retain(|diagnostic| demand.includes(diagnostic.code));
    }

    /// Records a reference to the definition with this name.
    pub fn refer(&mut self, definition: Span) {
        self.used.insert(definition);
    }

    /// Whether nothing refers to the definition with this name.
    pub fn is_unused(&self, definition: Span) -> bool {
        !self.used.contains(&definition)
    }

    /// Whether a policy can be built: no error so far, and no hole.
    pub fn is_sound(&self) -> bool {
        !self.hole && !any_error(&self.diagnostics)
    }

    /// How much there is to say.
    pub fn count(&self) -> usize {
        self.diagnostics.len()
    }

    /// Everything there is to say, in the order in which it was found.
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics
    }

    /// Takes over what was found in each version. What was found in several versions is reported once; where
    /// the policy has several versions and not all are concerned, the message names those that are.
    pub fn merge(&mut self, versions: Vec<(u32, Findings)>) {
        let count = versions.len();
        let mut merged: Vec<(Diagnostic, Vec<u32>)> = Vec::new();
        let mut by_place: BTreeMap<(Span, Code), Vec<usize>> = BTreeMap::new();
        for (number, findings) in versions {
            self.hole |= findings.hole;
            self.used.extend(findings.used);
            for diagnostic in findings.diagnostics {
                let here = by_place.entry((diagnostic.primary.span, diagnostic.code)).or_default();
                match here.iter().find(|at| merged[**at].0 == diagnostic) {
                    Some(at) if merged[*at].1.last() == Some(&number) => {}
                    Some(at) => merged[*at].1.push(number),
                    None => {
                        here.push(merged.len());
                        merged.push((diagnostic, vec![number]));
                    }
                }
            }
        }
        for (mut diagnostic, numbers) in merged {
            if numbers.len() < count {
                diagnostic.message += &in_versions(&numbers);
            }
            self.report(diagnostic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Code, Span};

    fn found(messages: &[&str]) -> Findings {
        let mut findings = Findings::default();
        for message in messages {
            findings.report(Diagnostic::new(Code::SingleEquals, Span::new(0, 1), *message));
        }
        findings
    }

    #[test]
    fn findings_name_the_versions_that_they_concern() {
        let mut all = Findings::default();
        all.merge(vec![(1, found(&["a", "b"])), (2, found(&["a"])), (3, found(&["a", "b"]))]);
        let messages: Vec<String> = all.into_diagnostics().into_iter().map(|d| d.message).collect();
        assert_eq!(messages, ["a", "b, in versions 1, 3"]);
    }
}
