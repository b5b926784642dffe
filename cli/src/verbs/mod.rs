//! The verbs, one file each.

mod apply;
mod attribute;
mod batch;
mod build;
mod check;
mod check_proof;
mod check_signature;
mod completions;
mod coverage;
mod diff;
mod explain;
mod explain_code;
mod fmt;
mod impact;
mod inspect;
mod key;
mod log;
mod prove_row;
mod publish;
mod replay;
mod report;
mod run;
mod sample;
mod show;
mod sign;
mod snapshot;
mod source_tests;
mod store;
mod test;

use crate::args::Verb;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Runs a verb.
///
/// # Errors
/// If it could not do what it was asked to.
pub fn run(verb: &Verb, terminal: &Terminal) -> Result<(), Failure> {
    match verb {
        Verb::Check(args) => check::run(args, terminal),
        Verb::Build(args) => build::run(args, terminal),
        Verb::Run(args) => run::run(args, terminal),
        Verb::Coverage(args) => coverage::run(args, terminal),
        Verb::Explain(args) => explain::run(args, terminal),
        Verb::Batch(args) => batch::run(args, terminal),
        Verb::Replay(args) => replay::run(args, terminal),
        Verb::ProveRow(args) => prove_row::run(args, terminal),
        Verb::CheckProof(args) => check_proof::run(args, terminal),
        Verb::Test(args) => test::run(args, terminal),
        Verb::Fmt(args) => fmt::run(args, terminal),
        Verb::Diff(args) => diff::run(args, terminal),
        Verb::Apply(args) => apply::run(args, terminal),
        Verb::Attribute(args) => attribute::run(args, terminal),
        Verb::Impact(args) => impact::run(args, terminal),
        Verb::Report(args) => report::run(args, terminal),
        Verb::Inspect(args) => inspect::run(args, terminal),
        Verb::Snapshot(args) => snapshot::run(args, terminal),
        Verb::Key(args) => key::run(args, terminal),
        Verb::Sign(args) => sign::run(args, terminal),
        Verb::CheckSignature(args) => check_signature::run(args, terminal),
        Verb::Publish(args) => publish::run(args, terminal),
        Verb::Log(args) => log::run(args, terminal),
        Verb::Show(args) => show::run(args, terminal),
        Verb::Store(args) => store::run(args, terminal),
        Verb::Sample(args) => sample::run(args, terminal),
        Verb::ExplainCode(args) => explain_code::run(args, terminal),
        Verb::Completions(args) => completions::run(args, terminal),
    }
}
