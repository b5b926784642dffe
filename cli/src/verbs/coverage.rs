//! `opus coverage`: which parts of a policy are used by the rows of files, or by its tests.

use opus_data::pipeline::Counts;
use opus_data::pipeline::sweep::Sweep;
use opus_data::{Endpoint, Intake, Mapping, Names, left_out, standard_input_once};
use opus_govern::coverage::{self, Coverage, Instruments, Tally};
use opus_runtime::{Engine, Snapshot};

use super::batch::Allowed;
use crate::args;
use crate::endpoints::{inputs, policy_first};
use crate::failure::{Exit, Failure};
use crate::open::{note_basis, open_with};
use crate::pool::pool;
use crate::progress::Shown;
use crate::summary::{first_of, grouped};
use crate::terminal::Terminal;

pub fn run(args: &args::Coverage, terminal: &Terminal) -> Result<(), Failure> {
    let Some(engine) = args.engine.of_runtime() else {
        return Err(
            Failure::usage("coverage runs on compiled code").help("use `--engine native` or `--engine vm`")
        );
    };
    let allowed = Allowed::parse(&args.max_rejects)?;
    if !args.tests {
        policy_first(&args.policy, &args.inputs)?;
    }
    let mut opened = open_with(&args.policy, args.facts.snapshot.as_deref(), terminal)?;
    let name = opened.name.clone();
    let (compiled, basis) = opened.based(args.unverified)?;
    let compiled = compiled.clone();
    note_basis(&name, &basis.clone(), terminal);
    let instruments = coverage::instruments(&compiled).map_err(|error| {
        Failure::new(Exit::Policy, format!("coverage of `{name}` cannot be counted: {error}"))
    })?;
    let facts = opened.snapshot.clone();
    // whether the facts fit the policy is known before the first row
    opened.policy(Engine::Vm, terminal)?;
    let tally = match args.tests {
        true => {
            let tests = compiled.policy.tests.iter();
            instruments.tally(
                &tests.map(|test| test.given.as_slice()).collect::<Vec<_>>(),
                facts.as_ref(),
                engine,
            )
        }
        false => of_files(args, &instruments, facts.as_ref(), engine, terminal)?,
    };
    let coverage: Coverage = instruments.coverage(&compiled.policy, &compiled.source, &tally);
    if terminal.is_json() {
        let value = serde_json::to_value(&coverage).expect("texts and numbers can be written as JSON");
        terminal.print_json(&value)?;
    } else {
        terminal.print(&coverage.to_text())?;
    }
    let rejected = if args.tests { 0 } else { tally.rows - tally.decided };
    allowed.check(rejected, tally.rows, None)
}

/// Notes why rows were refused, each reason with how often it occurs.
fn note_refused(counts: &Counts, terminal: &Terminal) {
    for fault in &counts.faults {
        let (code, count) = (fault.fault.code(), grouped(fault.count));
        terminal.note(&format!("refused: {code} {} {count}, {}", fault.name, first_of(fault)));
    }
}

/// What the rows of files use.
fn of_files(
    args: &args::Coverage,
    instruments: &Instruments,
    facts: Option<&Snapshot>,
    engine: Engine,
    terminal: &Terminal,
) -> Result<Tally, Failure> {
    let files = inputs(&args.inputs, args.input_format)?;
    let others: Vec<Endpoint> = [Some(&args.policy), args.columns.as_ref(), args.facts.snapshot.as_ref()]
        .into_iter()
        .flatten()
        .map(|path| Endpoint::new(path))
        .collect();
    standard_input_once(&others.iter().chain(files.iter().map(|file| &file.endpoint)).collect::<Vec<_>>())?;
    let left_out = left_out(&args.inputs, args.input_format)?;
    let policies = instruments.policies(facts, engine);
    if policies.len() > 1 && files.iter().any(|file| file.endpoint == Endpoint::Standard) {
        return Err(Failure::usage("the policy is so large that the inputs are read several times, which standard input does not allow")
            .help("write the rows to a file first"));
    }
    let pool = pool(args.threads)?;
    let mut tally = Tally::default();
    for (index, policy) in policies.iter().enumerate() {
        let schema = policy.schema().clone();
        let mapping = match &args.columns {
            Some(path) => Mapping::read(path, &schema)?,
            None => Mapping::by_name(&schema),
        };
        policy.prepare();
        let sweep = Sweep {
            intake: Intake { schema, mapping, keep: Vec::new() },
            names: Names::of(policy.artifact().program()),
            inputs: files.clone(),
        };
        let shown = Shown::new(terminal);
        let report = sweep.run(&pool, policy, &|progress| shown.update(progress));
        shown.clear();
        let report = report?;
        if index == 0 {
            terminal.note_names("files and folders that are not read", &left_out);
            terminal.note_ignored(&report.ignored, files.len() > 1);
            terminal.note_unmatched(&report.unmatched);
            note_refused(&report.counts, terminal);
        }
        tally.rows = report.counts.rows;
        tally.decided = report.counts.decided;
        tally.rules = report.counts.rules;
        tally.values.push(report.counts.values);
    }
    Ok(tally)
}
