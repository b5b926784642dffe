//! Do all witnesses decide alike? A generated policy, generated rows, and what the seven say about them.

use arbitrary::Unstructured;
use opus_cli::witnesses::{Disagreement, Witnesses};
use opus_frontend::{Compiled, lower};
use opus_ir::{End, Program};
use opus_runtime::Level;

use crate::rows::{self, Corners, Row};
use crate::{generated, policy, seeds};

/// Rows that a target asks about at most.
const ROWS_MAX: usize = 40;
/// How many bytes a row takes as a rule.
const ROW_BYTES: usize = 256;

/// Checks a policy and rows from random bytes.
///
/// # Errors
/// Where the witnesses do not agree.
pub fn check(data: &[u8]) -> Result<(), String> {
    check_with(data, |compiled| Witnesses::new(compiled, &[]))
}

/// The same with a program that names the wrong rule: this one has to fail.
///
/// # Errors
/// Where the witnesses do not agree, as they should.
pub fn canary(data: &[u8]) -> Result<(), String> {
    check_with(data, |compiled| {
        let (plain, _) = lower::plain(&compiled.policy, &compiled.program.source);
        let plain = plain.ok_or("the typed tree does not lower to a program")?;
        Witnesses::of(compiled.policy.clone(), plain, wrong(compiled.program.clone()), &[])
    })
}

/// The program with each decision said to be by the next rule.
fn wrong(mut program: Program) -> Program {
    let count = program.rules.len() as u32;
    for version in &mut program.versions {
        for block in version.decide.blocks.values_mut() {
            if let End::Decide { rule, .. } = &mut block.end {
                *rule = (*rule + 1) % count;
            }
        }
    }
    program
}

fn check_with(data: &[u8], witnesses: impl Fn(&Compiled) -> Result<Witnesses, String>) -> Result<(), String> {
    let mut u = Unstructured::new(data);
    let Ok(compiled) = generated::compiled(&mut u) else { return Ok(()) };
    let corners = Corners::of(&compiled.policy);
    let mut rows: Vec<Row> = Vec::new();
    while rows.len() < ROWS_MAX && !(u.is_empty() && rows.len() > 3) {
        rows.extend(rows::row(&mut u, &compiled.program.schema, &corners));
    }
    match witnesses(&compiled)?.disagreement(&rows) {
        Some(disagreement) => Err(format!("{disagreement}\n{}", compiled.program.source)),
        None => Ok(()),
    }
}

/// What was found out about a policy of a campaign.
#[derive(Debug)]
pub enum Found {
    /// The generated text did not compile.
    Refused(generated::Refused),
    /// All witnesses agreed: how many rows there were, and how many of them were decided.
    Agreed {
        /// All rows.
        rows: u64,
        /// Those that were not refused.
        decided: u64,
    },
    /// They did not, on this row of this policy.
    Differs(String, Row, Disagreement),
    /// Something else went wrong.
    Broken(String, String),
}

/// Compares all witnesses on a policy and rows of a seed; native code also at these levels.
pub fn campaign(seed: u64, rows: usize, levels: &[Level]) -> Found {
    let bytes = seeds::bytes(seed, policy::BYTES);
    let compiled = match generated::compiled(&mut Unstructured::new(&bytes)) {
        Ok(compiled) => compiled,
        Err(refused) => return Found::Refused(refused),
    };
    let source = &compiled.program.source;
    let witnesses = match Witnesses::new(&compiled, levels) {
        Ok(witnesses) => witnesses,
        Err(wrong) => return Found::Broken(source.clone(), wrong),
    };
    let bytes = seeds::bytes(!seed, rows * ROW_BYTES);
    let mut u = Unstructured::new(&bytes);
    let corners = Corners::of(&compiled.policy);
    let one = |_| rows::row(&mut u, &compiled.program.schema, &corners).ok();
    let rows: Vec<Row> = (0..rows).map_while(one).collect();
    match witnesses.disagreement(&rows) {
        Some(found) => Found::Differs(source.clone(), rows[found.index].clone(), found),
        None => {
            let outcomes = witnesses.decide(opus_cli::witnesses::Witness::VmRow, &rows);
            let decided = outcomes.iter().filter(|outcome| outcome.is_ok()).count() as u64;
            Found::Agreed { rows: rows.len() as u64, decided }
        }
    }
}
