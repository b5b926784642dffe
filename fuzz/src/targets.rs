//! What is fuzzed? One table: `cargo fuzz` runs its targets for a long time, `cargo test` on a few seeds each.

use opus_ir::testing::{self, Bytes};

use crate::{
    coverage, damage, differential, explanations, narrow_lanes, policy, proofs, snapshots, structures, text,
};

/// A property that must hold for any bytes.
pub struct Target {
    /// The name, as `cargo fuzz run` takes it.
    pub name: &'static str,
    /// The property.
    pub promise: &'static str,
    /// Checks the property for some bytes; a panic is a failure too.
    pub check: fn(&[u8]) -> Result<(), String>,
    /// How many bytes a seeded test uses.
    pub bytes: usize,
    /// How many seeds `cargo test` tries, the same on every machine.
    pub seeds: u64,
    /// Whether the target is wrong on purpose, to show that failures are noticed.
    pub must_fail: bool,
}

const fn target(
    name: &'static str,
    bytes: usize,
    seeds: u64,
    check: fn(&[u8]) -> Result<(), String>,
    promise: &'static str,
) -> Target {
    Target { name, promise, check, bytes, seeds, must_fail: false }
}

/// Every target.
pub const TARGETS: &[Target] = &[
    target("parse", policy::BYTES, 200, text::parse, "any bytes give a tree or an error, and no panic"),
    target(
        "format",
        policy::BYTES,
        60,
        text::format,
        "formatting keeps the tree and the comments, and formatting twice changes nothing more",
    ),
    target(
        "differential",
        2 * policy::BYTES,
        8,
        differential::check,
        "all witnesses make the same decisions and refusals",
    ),
    target(
        "narrow_lanes",
        2 * policy::BYTES,
        12,
        narrow_lanes::check,
        "claims that hold only behind a branch change nothing for rows that do not take it",
    ),
    target(
        "artifacts",
        2 * policy::BYTES,
        20,
        damage::artifacts,
        "damaged artifacts are refused, or all engines decide them alike, whatever their hashes",
    ),
    target(
        "passes",
        8_000,
        100,
        passes,
        "each pass keeps the meaning of each function; a damaged function is refused or harmless",
    ),
    target(
        "proofs",
        8_000,
        60,
        proofs::check,
        "a damaged proof is refused, or no value leaves its claim and all engines decide alike",
    ),
    target(
        "ir_text",
        2_000,
        600,
        text::ir_text,
        "damaged text of a function is refused or parses to what it prints",
    ),
    target(
        "snapshots",
        2 * policy::BYTES,
        20,
        snapshots::check,
        "all witnesses agree about a policy with facts, and binding keeps every certificate",
    ),
    target(
        "structures",
        policy::BYTES,
        12,
        structures::check,
        "a script leads from a policy to a mutant and back, and each closed set of its edits can be read",
    ),
    target(
        "explanations",
        2 * policy::BYTES,
        10,
        explanations::check,
        "the nearest value that changes a decision is the one that a search of all values finds",
    ),
    target(
        "coverage",
        2 * policy::BYTES,
        10,
        coverage::check,
        "an instrumented policy tells of each row what the trace of the reference evaluator shows",
    ),
    target("bytecode", 2_000, 600, damage::bytecode, "damaged bytecode is refused or harmless"),
    Target {
        must_fail: true,
        ..target(
            "canary",
            2 * policy::BYTES,
            8,
            differential::canary,
            "a witness that names the wrong rule is noticed",
        )
    },
];

/// Runs the target with this name.
///
/// # Panics
/// If its property does not hold, or there is no such target.
pub fn run_named(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    let target = target.unwrap_or_else(|| panic!("there is no target `{name}`"));
    (target.check)(data).unwrap_or_else(|wrong| panic!("{}:\n{wrong}", target.name));
}

fn passes(data: &[u8]) -> Result<(), String> {
    testing::witnesses_agree(&mut Bytes(data));
    testing::merged_versions_agree(&mut Bytes(data));
    testing::text_reads_back(&mut Bytes(data));
    testing::damaged_functions_are_refused_or_right(&mut Bytes(data));
    Ok(())
}
