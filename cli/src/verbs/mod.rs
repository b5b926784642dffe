//! The verbs, one file each.

mod apply;
mod attribute;
mod batch;
mod build;
mod check;
mod completions;
mod diff;
mod explain_code;
mod fmt;
mod impact;
mod inspect;
mod run;
mod sample;
mod source_tests;
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
        Verb::Batch(args) => batch::run(args, terminal),
        Verb::Test(args) => test::run(args, terminal),
        Verb::Fmt(args) => fmt::run(args, terminal),
        Verb::Diff(args) => diff::run(args, terminal),
        Verb::Apply(args) => apply::run(args, terminal),
        Verb::Attribute(args) => attribute::run(args, terminal),
        Verb::Impact(args) => impact::run(args, terminal),
        Verb::Inspect(args) => inspect::run(args, terminal),
        Verb::Sample(args) => sample::run(args, terminal),
        Verb::ExplainCode(args) => explain_code::run(args, terminal),
        Verb::Completions(args) => completions::run(args, terminal),
    }
}
