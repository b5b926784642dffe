//! How is a failure reduced? By trying smaller policies and rows for as long as they still fail.
//!
//! Lines are removed, parentheses are replaced by a part of their contents, and values become simpler. `fails`
//! says whether the failure remains; a policy that does not compile does not fail.

use opus_frontend::{Compiled, compile};

use crate::rows::Row;

/// A policy and a row on which something fails.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The source.
    pub source: String,
    /// The given values, by field name.
    pub row: Vec<(String, Option<i128>)>,
}

impl Failure {
    /// The failure of a policy on a row.
    pub fn new(compiled: &Compiled, row: &Row) -> Failure {
        let names = compiled.program.schema.inputs.iter().map(|field| field.name.clone());
        Failure { source: compiled.source.clone(), row: names.zip(row.iter().copied()).collect() }
    }

    /// The policy and the row, if the policy compiles and the row has all of its fields.
    fn read(&self) -> Option<(Compiled, Row)> {
        let compiled = compile(&self.source).0?;
        let value = |name: &str| self.row.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        let row =
            compiled.program.schema.inputs.iter().map(|field| value(&field.name)).collect::<Option<Row>>()?;
        Some((compiled, row))
    }
}

/// The smallest failure found.
pub fn shrink(mut failure: Failure, fails: impl Fn(&Compiled, &Row) -> bool) -> Failure {
    let still = |failure: &Failure| failure.read().is_some_and(|(compiled, row)| fails(&compiled, &row));
    // each round may make the next one possible
    while let Some(smaller) = candidates(&failure).into_iter().find(|smaller| still(smaller)) {
        failure = smaller;
    }
    failure
}

fn candidates(failure: &Failure) -> Vec<Failure> {
    let sources = fewer_lines(&failure.source).into_iter().chain(simpler_groups(&failure.source));
    let by_source = sources.map(|source| Failure { source, row: failure.row.clone() });
    by_source.chain(simpler_rows(failure)).collect()
}

/// The source without one of its lines or, if the line opens a block, without the block.
fn fewer_lines(source: &str) -> Vec<String> {
    let lines: Vec<&str> = source.lines().collect();
    let depth = |line: &str| line.matches('{').count() as i64 - line.matches('}').count() as i64;
    let end_of = |first: usize| {
        let mut open = 0;
        let closes = |at: &usize| {
            open += depth(lines[*at]);
            open <= 0
        };
        (first..lines.len()).find(closes)
    };
    let without = |first: usize| {
        let last = end_of(first)?;
        let kept = lines.iter().enumerate().filter(|(at, _)| !(first..=last).contains(at));
        Some(kept.flat_map(|(_, line)| [line, "\n"]).collect())
    };
    // the first line opens the policy, the last closes it
    (1..lines.len().saturating_sub(1)).filter_map(without).collect()
}

/// The source with one pair of parentheses replaced by one of the words or groups inside it.
fn simpler_groups(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = Vec::new();
    for (at, byte) in source.bytes().enumerate() {
        match byte {
            b'(' => open.push(at),
            b')' => {
                if let Some(first) = open.pop() {
                    found.push((first, at));
                }
            }
            _ => {}
        }
    }
    // widest first
    found.sort_by_key(|(first, last)| std::cmp::Reverse(last - first));
    let replaced = |(first, last): (usize, usize)| {
        let (before, inner, after) = (&source[..first], &source[first + 1..last], &source[last + 1..]);
        // the name of a function goes with its argument list
        let named = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        parts(inner).into_iter().map(move |part| format!("{named}{part}{after}"))
    };
    found.into_iter().flat_map(replaced).collect()
}

/// The words and groups of an expression that are outside any inner parentheses.
fn parts(inner: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut first) = (Vec::new(), 0, 0);
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b' ' | b',' if depth == 0 => {
                parts.push(&inner[first..at]);
                first = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[first..]);
    parts.retain(|part| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric() || "($-".contains(c)) && *part != "-"
    });
    parts
}

/// The row with one value closer to 0.
fn simpler_rows(failure: &Failure) -> Vec<Failure> {
    let mut smaller = Vec::new();
    for (index, (_, value)) in failure.row.iter().enumerate() {
        let Some(value) = value else { continue };
        let nearer = [0, value / 2, value / 10 * 10, value - value.signum()];
        for other in nearer.into_iter().filter(|other| other.unsigned_abs() < value.unsigned_abs()) {
            let mut row = failure.row.clone();
            row[index].1 = Some(other);
            smaller.push(Failure { source: failure.source.clone(), row });
        }
    }
    smaller
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_what_fails() {
        let source = "policy p {\n  input {\n    a : int in 0..100\n    b : int in 0..9\n  }\n  output {\n    x : int in -500..500\n  }\n  \
                      rules first {\n    rule A when b > 3 => 1\n    otherwise B => (a + (2 * a) - min(a, 2 * a))\n  }\n}\n";
        let compiled = compile(source).0.expect("it compiles");
        let failure = Failure::new(&compiled, &vec![Some(77), Some(1)]);
        let small = shrink(failure, |compiled, row| compiled.source.contains('a') && row[0] > Some(20));
        assert!(!small.source.contains("rule A") && !small.source.contains("min"), "{}", small.source);
        assert_eq!(small.row[0].1, Some(21));
    }
}
