//! Which generated policies compile? Nearly all: an unreachable rule is removed, and the rest is compiled again.

use std::fmt;

use arbitrary::Unstructured;
use opus_frontend::codes::Code;
use opus_frontend::diagnostic::Diagnostic;
use opus_frontend::{Compiled, compile};

use crate::policy;

/// The most rules that are removed.
const DROPPED_MAX: usize = 12;

/// The start of a rule on which no later rule relies. The ids of the others begin with `E`.
const PLAIN: &str = "rule R";

/// A generated source that does not compile, and why.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The source.
    pub source: String,
    /// The compiler's diagnostics.
    pub diagnostics: Vec<Diagnostic>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.diagnostics.iter().find(|found| found.is_error()) else {
            return f.write_str("nothing is said about it");
        };
        let at = first.primary.span.start as usize;
        let line = self.source[..at].rfind('\n').map_or(0, |end| end + 1);
        let line = self.source[line..].lines().next().unwrap_or_default();
        write!(f, "{} {}\n    {}", first.code.code(), first.message, line.trim())
    }
}

/// A policy from random bytes.
///
/// # Errors
/// If it does not compile for a reason other than rules that can be removed.
pub fn compiled(u: &mut Unstructured) -> Result<Compiled, Refused> {
    let source = policy::policy(u).unwrap_or_default();
    without_dead_rules(source)
}

/// Compiles a source without its unreachable rules.
///
/// # Errors
/// If it does not compile.
pub fn without_dead_rules(mut source: String) -> Result<Compiled, Refused> {
    for _ in 0..DROPPED_MAX {
        let (compiled, diagnostics) = compile(&source);
        if let Some(compiled) = compiled {
            return Ok(compiled);
        }
        let dead = |found: &&Diagnostic| found.code == Code::UnreachableRule;
        let lines: Vec<usize> = diagnostics
            .iter()
            .filter(dead)
            .filter_map(|found| droppable(&source, found.primary.span.start as usize))
            .collect();
        let Some(kept) = without_lines(&source, &lines) else { return Err(Refused { source, diagnostics }) };
        source = kept;
    }
    let diagnostics = compile(&source).1;
    Err(Refused { source, diagnostics })
}

/// The line to remove for an unreachable rule; every rule is on a line of its own. It is the rule itself, unless
/// later rules may rely on it. Then it is the plain rule before it, which decided the rows meant for it. The same
/// applies to `otherwise`.
fn droppable(source: &str, position: usize) -> Option<usize> {
    let lines: Vec<&str> = source.lines().collect();
    let line = source[..position].matches('\n').count();
    let is_plain = |line: &usize| lines[*line].trim_start().starts_with(PLAIN);
    (0..=line).rev().find(is_plain)
}

/// The source without these lines; `None` if there are none.
fn without_lines(source: &str, dropped: &[usize]) -> Option<String> {
    let kept = source.lines().enumerate().filter(|(line, _)| !dropped.contains(line));
    (!dropped.is_empty()).then(|| kept.flat_map(|(_, line)| [line, "\n"]).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::seeds;

    #[test]
    fn nearly_all_policies_compile() {
        let (count, mut refused) = (150, BTreeMap::<&str, usize>::new());
        for seed in 0..count {
            let bytes = seeds::bytes(seed, policy::BYTES);
            if let Err(Refused { diagnostics, .. }) = compiled(&mut Unstructured::new(&bytes)) {
                *refused.entry(diagnostics[0].code.code()).or_default() += 1;
            }
        }
        let total: usize = refused.values().sum();
        assert!(total * 100 <= count as usize, "of {count} policies are refused: {refused:?}");
        println!("of {count} policies are refused: {refused:?}");
    }
}
