//! Is coverage counted right? The outputs of instrumented artifacts are compared, row by row, with what the trace of the
//! reference evaluator shows.

use arbitrary::Unstructured;
use opus_frontend::Compiled;
use opus_frontend::hir::Policy as Tree;
use opus_frontend::lower::probes::{self, Probe};
use opus_frontend::reference::{self, Trace, Traced, Value};
use opus_govern::coverage::{Tally, instruments};
use opus_runtime::{Cache, Engine, Options, Policy};

use crate::generated;
use crate::rows::{self, Corners};

/// The most rows of a policy.
const ROWS_MAX: usize = 40;

/// Checks a policy and rows generated from random bytes.
///
/// # Errors
/// Where a row is said to use something else than it does.
pub fn check(data: &[u8]) -> Result<(), String> {
    let mut u = Unstructured::new(data);
    let Ok(compiled) = generated::compiled(&mut u) else { return Ok(()) };
    let corners = Corners::of(&compiled.policy);
    let rows = rows::rows(&mut u, &compiled.program.schema, &corners, ROWS_MAX);
    checked(&compiled, &rows).map_err(|wrong| format!("{wrong}\n{}", compiled.source))
}

fn checked(compiled: &Compiled, rows: &[rows::Row]) -> Result<(), String> {
    let tree = &compiled.policy;
    let instruments = instruments(compiled).map_err(|error| error.to_string())?;
    let found = probes::probes(tree, &compiled.program).ok_or("it is too intricate")?;
    let mut tally = Tally { rows: rows.len() as u64, ..Tally::default() };
    for (artifact, (program, slots)) in instruments.artifacts.iter().zip(&found.programs) {
        let mut values: Vec<Vec<u64>> = program
            .schema
            .outputs
            .iter()
            .map(|output| vec![0; output.domain.range.hi as usize + 1])
            .collect();
        for engine in [Engine::Vm, Engine::Native] {
            let options = Options { engine, cache: Cache::Off, level: None };
            let policy =
                Policy::from_bytes_with(artifact.bytes(), &options).map_err(|error| error.to_string())?;
            tally.decided = 0;
            tally.rules = vec![vec![0; tree.rules.len()]; tree.versions.len()];
            for given in rows {
                let Ok(admitted) = reference::admit(tree, given) else { continue };
                let trace = reference::trace(tree, &admitted);
                let mut row = policy.row();
                for (index, value) in given.iter().enumerate() {
                    let set = match value {
                        Some(value) => row.set_counted(index, *value),
                        None => row.set_missing(index),
                    };
                    set.map_err(|error| format!("an admitted row is refused: {error}"))?;
                }
                let verdict = policy.decide(&row).map_err(|refusal| refusal.to_string())?.verdict();
                let expected: Vec<i128> =
                    slots.iter().map(|probe| used(tree, &found.rows, &trace, probe)).collect();
                if (verdict.version, verdict.rule) != (trace.verdict.version, trace.verdict.rule)
                    || verdict.outputs != expected
                {
                    return Err(format!(
                        "{engine:?}: {verdict:?} is not {expected:?} for {slots:?}\n{given:?}"
                    ));
                }
                tally.decided += 1;
                tally.rules[verdict.version][verdict.rule] += 1;
                for (counts, value) in values.iter_mut().zip(&verdict.outputs) {
                    counts[*value as usize] += 1;
                }
            }
        }
        tally.values.push(values);
    }
    let coverage = instruments.coverage(tree, &compiled.source, &tally);
    let held: u64 = coverage.rules.iter().map(|rule| rule.held).sum();
    if held != coverage.decided || coverage.to_text().is_empty() {
        return Err(format!("{held} rows were decided by rules, and {} in all", coverage.decided));
    }
    Ok(())
}

/// The value of a probe, from a trace.
fn used(
    tree: &Tree,
    rows: &std::collections::BTreeMap<opus_frontend::ast::Span, Vec<opus_frontend::ast::Span>>,
    trace: &Trace,
    probe: &Probe,
) -> i128 {
    let version = &tree.versions[trace.verdict.version];
    for step in &trace.steps {
        match (probe, step) {
            (Probe::Term(index, span), Traced::Rule { rule, terms, .. }) if index == rule => {
                let mut parts = Vec::new();
                let when = version.rules().find(|rule| rule.index == *index).and_then(|rule| rule.when);
                if let Some(when) = when {
                    probes::terms(version, when, &mut |expr| parts.push(expr));
                }
                let found =
                    terms.iter().find(|(expr, _)| parts.contains(expr) && version.exprs[*expr].span == *span);
                return match found {
                    Some((_, Value::Bool(held))) => 1 + i128::from(*held),
                    _ => 0,
                };
            }
            (Probe::Table(span), Traced::Row { table, row, .. }) if version.tables[*table].span == *span => {
                let row = version.tables[*table].rows[*row].span;
                let at = rows[span].iter().position(|known| *known == row);
                return 1 + at.expect("every row is known") as i128;
            }
            _ => {}
        }
    }
    0
}
