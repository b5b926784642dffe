//! Do all witnesses make the same decisions? Generates a policy and rows and compares the seven results, then
//! checks that it does not matter how the rows reach an engine ([`batches`]).

use arbitrary::Unstructured;
use opus_frontend::{Compiled, lower};
use opus_govern::witnesses::{Disagreement, Witness, Witnesses};
use opus_ir::{End, Program};
use opus_runtime::Level;

use crate::rows::{self, Corners, Row};
use crate::{batches, generated, policy, seeds};

/// The most rows that a target decides.
const ROWS_MAX: usize = 40;
/// The usual number of bytes for a row.
const ROW_BYTES: usize = 256;

/// Checks a policy and rows generated from random bytes.
///
/// # Errors
/// If the witnesses differ.
pub fn check(data: &[u8]) -> Result<(), String> {
    check_with(data, Witnesses::new)
}

/// The same with a program that names the wrong rule: this target must fail.
///
/// # Errors
/// If the witnesses differ, as they should.
pub fn canary(data: &[u8]) -> Result<(), String> {
    check_with(data, |compiled, levels| {
        let (plain, _) = lower::plain(&compiled.policy, &compiled.source);
        let plain = plain.ok_or("the typed tree does not lower to a program")?;
        Witnesses::of(
            compiled.policy.clone(),
            plain,
            wrong(compiled.program.clone()),
            &compiled.source,
            levels,
        )
    })
}

/// The program, with each decision naming the next rule.
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

/// A lower level of native code for every second policy, if this machine supports it.
fn some_levels(number: u64) -> &'static [Level] {
    match number % 4 {
        1 => &[Level::Sse41],
        3 => &[Level::Avx2],
        _ => &[],
    }
}

fn check_with(
    data: &[u8],
    witnesses: impl Fn(&Compiled, &[Level]) -> Result<Witnesses, String>,
) -> Result<(), String> {
    let mut u = Unstructured::new(data);
    let number = u.arbitrary().unwrap_or_default();
    let Ok(compiled) = generated::compiled(&mut u) else { return Ok(()) };
    let corners = Corners::of(&compiled.policy);
    let rows = rows::rows(&mut u, &compiled.program.schema, &corners, ROWS_MAX);
    let witnesses = witnesses(&compiled, some_levels(number))?;
    let with_source = |wrong: String| format!("{wrong}\n{}", compiled.source);
    if let Some(disagreement) = witnesses.disagreement(&rows) {
        return Err(with_source(disagreement.to_string()));
    }
    let outcomes = witnesses.decide(Witness::VmRow, &rows);
    batches::check(&compiled.program, &rows, &outcomes, number).map_err(with_source)
}

/// The result for one policy of a campaign.
#[derive(Debug)]
pub enum Found {
    /// The generated source does not compile.
    Refused(generated::Refused),
    /// All witnesses agree.
    Agreed {
        /// The number of rows.
        rows: u64,
        /// The number of rows that were decided.
        decided: u64,
    },
    /// The witnesses differ on this row of this policy.
    Differs(String, Row, Disagreement),
    /// Something else went wrong.
    Broken(String, String),
}

/// Compares all witnesses on the policy and rows of a seed. Native code also runs at the given levels or, if none
/// are given, at one lower level for every second seed.
pub fn campaign(seed: u64, rows: usize, levels: &[Level]) -> Found {
    let bytes = seeds::bytes(seed, policy::BYTES);
    let compiled = match generated::compiled(&mut Unstructured::new(&bytes)) {
        Ok(compiled) => compiled,
        Err(refused) => return Found::Refused(refused),
    };
    let source = &compiled.source;
    let levels = if levels.is_empty() { some_levels(seed) } else { levels };
    let witnesses = match Witnesses::new(&compiled, levels) {
        Ok(witnesses) => witnesses,
        Err(wrong) => return Found::Broken(source.clone(), wrong),
    };
    let bytes = seeds::bytes(!seed, rows * ROW_BYTES);
    let mut u = Unstructured::new(&bytes);
    let corners = Corners::of(&compiled.policy);
    let rows = rows::rows(&mut u, &compiled.program.schema, &corners, rows);
    if let Some(found) = witnesses.disagreement(&rows) {
        return Found::Differs(source.clone(), rows[found.index].clone(), found);
    }
    let outcomes = witnesses.decide(Witness::VmRow, &rows);
    if let Err(wrong) = batches::check(&compiled.program, &rows, &outcomes, seed) {
        return Found::Broken(source.clone(), wrong);
    }
    let decided = outcomes.iter().filter(|outcome| outcome.is_ok()).count() as u64;
    Found::Agreed { rows: rows.len() as u64, decided }
}
