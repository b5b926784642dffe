//! What is fuzzed? One table: `cargo fuzz` runs its targets for long, `cargo test` each for about a second.

use opus_ir::testing::{self, Bytes};

use crate::{damage, differential, policy, text};

/// Something that has to hold for all bytes.
pub struct Target {
    /// The name, as `cargo fuzz run` takes it.
    pub name: &'static str,
    /// What has to hold.
    pub promise: &'static str,
    /// Checks it for some bytes; a panic is a failure too.
    pub check: fn(&[u8]) -> Result<(), String>,
    /// How many bytes a seeded test gives it.
    pub bytes: usize,
    /// Whether it is wrong on purpose, to show that a failure is seen.
    pub must_fail: bool,
}

const fn target(
    name: &'static str,
    bytes: usize,
    check: fn(&[u8]) -> Result<(), String>,
    promise: &'static str,
) -> Target {
    Target { name, promise, check, bytes, must_fail: false }
}

/// Every target.
pub const TARGETS: &[Target] = &[
    target(
        "parse",
        policy::BYTES,
        text::parse,
        "whatever the bytes are there is a tree or an error, and no panic",
    ),
    target(
        "format",
        policy::BYTES,
        text::format,
        "formatting keeps the tree and the comments, and done twice is done once",
    ),
    target("differential", 2 * policy::BYTES, differential::check, "all witnesses decide and refuse alike"),
    target(
        "artifacts",
        2 * policy::BYTES,
        damage::artifacts,
        "damaged artifacts are refused or harmless, whatever their hashes",
    ),
    target(
        "passes",
        8_000,
        passes,
        "each pass keeps the meaning of each function; damage to one is found or harmless",
    ),
    target("ir_text", 2_000, text::ir_text, "damaged text of a function is refused or reads back"),
    target("bytecode", 2_000, damage::bytecode, "damaged bytecode is refused or harmless"),
    Target {
        must_fail: true,
        ..target(
            "canary",
            2 * policy::BYTES,
            differential::canary,
            "a witness that names the wrong rule is found out",
        )
    },
];

/// Runs the target with this name.
///
/// # Panics
/// Where what it promises does not hold, or there is no such target.
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
