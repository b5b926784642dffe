//! `opus batch`: files of inputs to files of decisions.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::json;

use super::explain::ExplainedRows;
use super::impact::with_fill;
use crate::args::Batch;
use crate::endpoints::{inputs, kept_once, output, path_text, policy_first, writable};
use crate::failure::{Exit, Failure};
use crate::open::open_with;
use crate::pool::pool;
use crate::progress::Shown;
use crate::summary::{self, Run, grouped};
use crate::terminal::Terminal;
use opus_data::Names;
use opus_data::pipeline;
use opus_data::record::{Complete, Facts, Recording, Sources};
use opus_data::{
    Endpoint, Intake, Located, Mapping, Target, Whole, apart, left_out, outside, standard_input_once,
};
use opus_govern::reference::ReferenceEngine;
use opus_runtime::{Decide, Engine};

pub fn run(args: &Batch, terminal: &Terminal) -> Result<(), Failure> {
    let allowed = Allowed::parse(&args.max_rejects)?;
    let endpoints = Endpoints::of(args)?;
    let left_out = left_out(&args.inputs, args.input_format)?;
    kept_once(&args.keep)?;
    let mut opened = open_with(&args.policy, args.facts.snapshot.as_deref(), terminal)?;
    let schema = opened.artifact.program().schema.clone();
    let (mut mapping, mapping_text) = match &args.columns {
        Some(path) => {
            let (mapping, text) = Mapping::read_with_text(path, &schema)?;
            (mapping, Some(text))
        }
        None => (Mapping::by_name(&schema), None),
    };
    for fill in &args.fill {
        mapping.parse_fill(fill, &schema, |name| name)?;
    }
    let summary = args.summary.as_ref().map(|path| Target::create(&Endpoint::new(path))).transpose()?;
    let names = Names::of(opened.artifact.program());
    let program = opened.artifact.program();
    let rules = program.rules.iter().map(|rule| (rule.id.clone(), rule.title.clone())).collect();
    let facts = opened.snapshot.clone();
    let of_runtime = args.engine.of_runtime();
    let compiled = match args.explain.is_some() || of_runtime.is_none() {
        true => Some(opened.compiled()?.clone()),
        false => None,
    };
    let policy = opened.policy(of_runtime.unwrap_or(Engine::Vm), terminal)?;
    let names_of = [
        &args.policy,
        args.facts.snapshot.as_ref().unwrap_or(&args.policy),
        args.columns.as_ref().unwrap_or(&args.policy),
    ]
    .map(|path| path_text(path));
    let decided_by = policy.clone();
    let sources = Sources {
        artifact: (decided_by.artifact(), &names_of[0]),
        snapshot: facts.as_ref().map(|facts| (facts, names_of[1].as_str())),
        mapping: mapping_text.as_ref().map(|text| (text.as_bytes(), names_of[2].as_str())),
        fill: &args.fill,
    };
    let is_output_taken = endpoints.takes_standard_output();
    let work = pipeline::Batch {
        intake: Intake { schema: schema.clone(), mapping, keep: args.keep.clone() },
        names: names.clone(),
        inputs: endpoints.inputs,
        output: endpoints.output,
        rejects: endpoints.rejects,
        metadata: sources.metadata(),
        hashed: summary.is_some() || args.record.is_some() || terminal.is_json(),
    };
    let begin = |place: &PathBuf| Recording::begin(place, &sources, &work, args.record_data);
    let mut recording = args.record.as_ref().map(begin).transpose()?;
    let explained = match (&args.explain, &compiled) {
        (Some(path), Some(compiled)) => {
            let endpoint = Endpoint::new(path);
            Some(ExplainedRows::new(args, &endpoint, compiled, policy.clone(), facts.clone())?)
        }
        _ => None,
    };
    let (engine, engine_name): (Box<dyn Decide>, &str) = match &compiled {
        Some(compiled) if of_runtime.is_none() => {
            (Box::new(ReferenceEngine::new(compiled.policy.clone(), policy, facts.clone())), "reference")
        }
        _ => {
            let name = policy.engine().name();
            policy.prepare();
            (Box::new(policy), name)
        }
    };
    let pool = pool(args.threads)?;
    let shown = Shown::new(terminal);
    let started = Instant::now();
    let progress = |progress| shown.update(progress);
    let report = match &mut recording {
        Some(recording) => recording.run(&pool, engine.as_ref(), &progress),
        None => work.run(&pool, engine.as_ref(), &progress),
    };
    let report = report.map_err(with_fill);
    let seconds = started.elapsed().as_secs_f64();
    shown.clear();
    let (report, outputs) = report?;
    check_rows(args.expect_rows, report.counts.rows)?;
    explained.as_ref().map_or(Ok(()), |explained| explained.check(report.counts.rows))?;
    terminal.note_names("files and folders that are not read", &left_out);
    terminal.note_ignored(&report.ignored, work.inputs.len() > 1);
    terminal.note_not_filled(&report.not_filled, work.inputs.len() > 1);
    terminal.note_unmatched(&report.unmatched);
    let build = env!("CARGO_PKG_VERSION");
    let facts = Facts::of(&work, &report, &outputs, &sources, engine_name, build);
    let complete = recording.map(|recording| recording.complete(facts.clone(), &outputs)).transpose()?;
    let record = complete.as_ref().zip(args.record.as_deref());
    let record = record.map(|(complete, place)| (path_text(place), complete.manifest().tree));
    let run = Run { report: &report, schema: &schema, names: &names, rules, facts: &facts, record, seconds };
    let details = json!({
        "left_out": left_out,
        "options": { "max_rejects": args.max_rejects, "threads": pool.current_num_threads() },
    });
    let value = terminal.with_selected(&summary::json(&run, details));
    let summary = summary.map(|target| summary::write(target, &value)).transpose()?;
    // the record after its outputs, and the summary last: if one exists, everything that it describes exists
    outputs.name()?;
    complete.map_or(Ok(()), Complete::name)?;
    summary.map_or(Ok(()), Whole::name)?;
    // for people it goes to standard error, whatever standard output is used for
    terminal.report(&summary::human(&run), &value, !terminal.is_json() || is_output_taken)?;
    if let Some(explained) = explained {
        explained.write(work.inputs, &work.intake, terminal)?;
    }
    let help = "`--rejects FILE` writes a line for each fault of a rejected row";
    let help = Some(help).filter(|_| args.rejects.is_none());
    allowed.check(report.counts.rejected(), report.counts.rows, help)
}

/// The files and streams to read from and write to.
struct Endpoints {
    inputs: Vec<Located>,
    output: Located,
    rejects: Option<Located>,
    summary: Option<Endpoint>,
    explained: Option<Endpoint>,
}

impl Endpoints {
    /// The endpoints named on the command line. Nothing is read twice or overwritten.
    fn of(args: &Batch) -> Result<Endpoints, Failure> {
        policy_first(&args.policy, &args.inputs)?;
        let endpoints = Endpoints {
            inputs: inputs(&args.inputs, args.input_format)?,
            output: output(&args.output, args.output_format, "--output-format")?,
            rejects: match &args.rejects {
                Some(path) => Some(output(path, args.rejects_format, "--rejects-format")?),
                None => None,
            },
            summary: args.summary.as_deref().map(Endpoint::new),
            explained: args.explain.as_deref().map(Endpoint::new),
        };
        if endpoints.explained.is_some()
            && endpoints.inputs.iter().any(|input| input.endpoint == Endpoint::Standard)
        {
            return Err(Failure::usage(
                "`--explain` reads the inputs again, which standard input does not allow",
            )
            .help("write the rows to a file first"));
        }
        let others: Vec<Endpoint> = [Some(&args.policy), args.columns.as_ref(), args.facts.snapshot.as_ref()]
            .into_iter()
            .flatten()
            .map(|path| Endpoint::new(path))
            .collect();
        let read: Vec<&Endpoint> =
            others.iter().chain(endpoints.inputs.iter().map(|input| &input.endpoint)).collect();
        endpoints.summary.as_ref().map_or(Ok(()), writable)?;
        endpoints.explained.as_ref().map_or(Ok(()), writable)?;
        standard_input_once(&read)?;
        // a record has a file that could be an input
        let record = args.record.iter().flat_map(|place| [place.clone(), place.join("manifest.json")]);
        let record: Vec<Endpoint> = record.map(Endpoint::File).collect();
        let written: Vec<&Endpoint> = endpoints.written().into_iter().chain(&record).collect();
        apart(&read, &written)?;
        outside(&args.inputs, args.input_format, &written)?;
        Ok(endpoints)
    }

    fn written(&self) -> Vec<&Endpoint> {
        let rejects = self.rejects.as_ref().map(|rejects| &rejects.endpoint);
        let others = [rejects, self.summary.as_ref(), self.explained.as_ref()];
        [Some(&self.output.endpoint)].into_iter().chain(others).flatten().collect()
    }

    fn takes_standard_output(&self) -> bool {
        self.written().contains(&&Endpoint::Standard)
    }
}

/// That as many rows were read as there should be.
fn check_rows(expected: Option<u64>, rows: u64) -> Result<(), Failure> {
    match expected.filter(|expected| *expected != rows) {
        None => Ok(()),
        Some(expected) => Err(Failure::io(format!(
            "the inputs have {} rows, but --expect-rows says {}",
            grouped(rows),
            grouped(expected)
        ))),
    }
}

/// How many rows may be rejected.
pub(super) enum Allowed {
    Rows(u64),
    /// Per cent, in hundredths.
    Share(u64),
}

impl Allowed {
    pub(super) fn parse(text: &str) -> Result<Allowed, Failure> {
        let share = |text: &str| {
            let (whole, part) = text.split_once('.').unwrap_or((text, ""));
            let hundredths = format!("{part:0<2}");
            let valid = hundredths.len() == 2 && !whole.is_empty();
            let value = whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(hundredths.parse().ok()?)?;
            (valid && value <= 10_000).then_some(Allowed::Share(value))
        };
        let parsed = match text.strip_suffix('%') {
            Some(number) => share(number),
            None => text.parse().ok().map(Allowed::Rows),
        };
        parsed.ok_or_else(|| {
            Failure::usage(format!("invalid number of rejects `{text}`"))
                .help("write a number of rows such as 100, or a percentage such as 0.5%")
        })
    }

    /// That no more rows were rejected; `help` says what to do if they were.
    pub(super) fn check(&self, rejected: u64, rows: u64, help: Option<&str>) -> Result<(), Failure> {
        let exceeded = match self {
            Allowed::Rows(most) => rejected > *most,
            Allowed::Share(most) => rejected as u128 * 10_000 > *most as u128 * rows as u128,
        };
        if !exceeded {
            return Ok(());
        }
        let noun = if rejected == 1 { "row was" } else { "rows were" };
        let message = format!(
            "{} {noun} rejected, more than --max-rejects allows; the output is complete",
            grouped(rejected)
        );
        let failure = Failure::new(Exit::Rejects, message);
        Err(Failure { help: help.map(str::to_owned), ..failure })
    }
}
