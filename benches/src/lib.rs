//! What is measured, and on what: the credit policy of the language's example, two versions, nine rules and
//! `otherwise`, beside the loop that one would write by hand.

#[path = "../../jit/tests/harness/credit.rs"]
pub mod credit;

pub mod by_hand;

use opus_ir::memory::Columns;
use opus_runtime::artifact::SourceText;
use opus_runtime::{Artifact, Cache, CacheDir, Engine, Level, Options, Policy};

/// The source of the policy.
pub const SOURCE: &str = include_str!("../credit.opus");

/// The artifact of the policy.
///
/// # Panics
/// Where the policy does not compile.
pub fn artifact() -> Vec<u8> {
    let (compiled, diagnostics) = opus_frontend::compile(SOURCE);
    let compiled = compiled.unwrap_or_else(|| panic!("{diagnostics:#?}"));
    let source = SourceText { text: SOURCE, compiler: opus_frontend::VERSION };
    Artifact::build(compiled.program, source).expect("what compiles can be built").bytes().to_vec()
}

/// The policy on an engine, at a level of CPU features.
///
/// # Panics
/// Where the engine is not to be had here.
pub fn policy(engine: Engine, level: Option<Level>, cache: Option<CacheDir>) -> Policy {
    let cache = cache.map_or(Cache::Off, Cache::In);
    let policy = Policy::from_bytes_with(&artifact(), &Options { engine, cache, level }).expect("it may run");
    assert_eq!(policy.engine(), engine, "{:?}", policy.fallback());
    policy
}

/// Synthetic applications in the columns of the policy.
pub fn applications(policy: &Policy, rows: usize) -> Columns {
    let mut columns = Columns::new(&policy.schema().input_columns(), rows.next_multiple_of(credit::BLOCK));
    credit::fill(&mut columns, rows, 1);
    columns
}
