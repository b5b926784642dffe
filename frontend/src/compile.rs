//! What does a source compile to? Reading, checking and lowering in one step.

use opus_ir::Program;

use crate::check::check_for;
use crate::codes::{Code, Demand};
use crate::diagnostic::{Diagnostic, any_error, settle};
use crate::hir::Policy;
use crate::lower::{lower_for, plain_for};
use crate::text::parse::{parse, shorten};
use crate::text::partial::is_sure;
use crate::trial::keep_what_mends;

/// A policy that compiles.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The typed tree: what the reference evaluator runs and what tests in the source are read from.
    pub policy: Policy,
    /// The program: what artifacts hold and engines run.
    pub program: Program,
    /// The text that was compiled.
    pub source: String,
}

/// The version of this compiler, which artifacts name.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Dates in the wrong order cause failures of the lowering, so they are reported first.
fn causes(diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<Diagnostic>> {
    let of_order = |said: &Diagnostic| said.code == Code::DatesInWrongOrder;
    let causes: Vec<Diagnostic> = diagnostics.iter().filter(|said| of_order(said)).cloned().collect();
    diagnostics.retain(|said| !of_order(said));
    let as_error = |said: Diagnostic| Diagnostic { code: Code::SwappedDates, ..said };
    (!causes.is_empty()).then(|| causes.into_iter().map(as_error).collect())
}

/// Compiles a source: the policy, if it has no errors, and all diagnostics, in
/// the order of the source. Where parts of it cannot be read, the rest is checked all the same.
///
/// ```
/// use opus_frontend::compile;
/// let source = "policy shop { input { age : int in 0..120 }  output { child : bool }
///               rules first { rule A when age < 18 => true  otherwise B => false } }";
/// let (compiled, diagnostics) = compile(source);
/// assert!(diagnostics.is_empty());
/// assert_eq!(compiled.unwrap().program.rules.len(), 2);
/// ```
pub fn compile(source: &str) -> (Option<Compiled>, Vec<Diagnostic>) {
    compile_for(source, Demand::Useful)
}

/// The same, where less may be demanded of the policy.
///
/// ```
/// use opus_frontend::codes::Demand;
/// use opus_frontend::{compile, compile_for};
/// let source = "policy shop { input { age : int in 0..120 }  output { child : bool }
///               rules first { rule A when age < 18 => true  rule B when age < 12 => true  otherwise C => false } }";
/// assert!(compile(source).0.is_none());
/// assert!(compile_for(source, Demand::Total).0.is_some());
/// ```
pub fn compile_for(source: &str, demand: Demand) -> (Option<Compiled>, Vec<Diagnostic>) {
    compile_by(source, demand, lower_for)
}

/// All diagnostics of a source, in its order, where nothing else is wanted of it: what is only done for speed is left out.
///
/// ```
/// let diagnostics = opus_frontend::diagnose("policy shop { }");
/// assert!(!diagnostics.is_empty());
/// ```
pub fn diagnose(source: &str) -> Vec<Diagnostic> {
    compile_by(source, Demand::Useful, plain_for).1
}

type Lower = fn(&Policy, &str, Demand) -> (Option<Program>, Vec<Diagnostic>);

fn compile_by(source: &str, demand: Demand, lower: Lower) -> (Option<Compiled>, Vec<Diagnostic>) {
    let (tree, mut diagnostics) = parse(source);
    // what is beyond a limit is not worth the work
    let within_limits = !diagnostics.iter().any(|said| said.code.is_limit());
    let checked = tree.filter(|_| within_limits).and_then(|tree| {
        let (policy, found) = check_for(&tree, demand);
        diagnostics.extend(found.into_iter().filter(|said| is_sure(said, &tree, source)));
        policy
    });
    let compiled = checked.and_then(|policy| {
        let (program, found) = lower(&policy, source, demand);
        match program {
            Some(_) => diagnostics.extend(found),
            None => {
                let causes = causes(&mut diagnostics);
                diagnostics.extend(causes.unwrap_or(found));
            }
        }
        Some(Compiled { program: program?, policy, source: source.to_string() })
    });
    settle(&mut diagnostics);
    if any_error(&diagnostics) {
        shorten(&mut diagnostics);
    }
    keep_what_mends(source, &mut diagnostics);
    (compiled, diagnostics)
}
