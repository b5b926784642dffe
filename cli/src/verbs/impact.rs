//! `opus impact`: a portfolio decided under two policies, and what differs.

pub(super) mod changed;
pub(super) mod portfolio;
pub(super) mod report;
mod work;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use opus_data::pipeline::Scan;
use opus_data::write::create;
use opus_data::{DataError, Endpoint, ErrorKind, Located, Target, Whole};
use opus_data::{apart, left_out, outside, standard_input_once};
use opus_govern::diff::diff;
use opus_govern::impact::Plan;
use opus_govern::joint::Joint;
use opus_govern::reference::ReferenceEngine;
use opus_runtime::{Decide, Engine};
use serde_json::json;

use crate::args::{Compared, Decider, Impact};
use crate::endpoints::{inputs, output, path_text, writable};
use crate::failure::{Exit, Failure};
use crate::open::{self, Named, compiled_alone, snapshot_of};
use crate::pool::pool;
use crate::progress::Shown;
use crate::summary;
use crate::terminal::Terminal;
use changed::Changed;
use report::Report;
use work::{Tally, Worker};

pub fn run(args: &Impact, terminal: &Terminal) -> Result<(), Failure> {
    let compared = &args.compared;
    let named = [&compared.a, &compared.b].map(|path| Named::new(path));
    let endpoints = Endpoints::of(compared, &named, "impact")?;
    let left_out = left_out(&compared.inputs, compared.input_format)?;
    let (before, after) = (compared.snapshot.as_deref(), compared.snapshot_after.as_deref());
    let a = named[0].structure_based(before, compared.unverified, terminal)?;
    let b = named[1].structure_based(after.or(before), compared.unverified, terminal)?;
    [&a, &b].into_iter().for_each(|side| side.note_basis(terminal));
    let script = diff(&a.structure, &b.structure);
    let renames: Vec<_> = script.renames().cloned().collect();
    let names = [a.name.clone(), b.name.clone()];
    let described = [a.json(), b.json()];
    let structures = [a.structure.clone(), b.structure.clone()];
    let before = match renames.is_empty() {
        true => a.into_opened()?,
        false => {
            let renamed = script.hybrid(&a.structure, &BTreeSet::new());
            let renamed = renamed.map_err(|error| Failure::new(Exit::Policy, error.to_string()))?;
            compiled_alone(&a.name, &renamed)?
        }
    };
    let after = b.into_opened()?;
    let [first, second] = [before.artifact.program(), after.artifact.program()];
    let joint =
        Joint::new(&first.schema, &second.schema).map_err(|error| Failure::usage(error.to_string()))?;
    let portfolio = portfolio::read(compared, args.by.as_deref(), &joint, &renames)?;
    let projection = |schema| joint.projection(schema).map_err(|error| Failure::usage(error.to_string()));
    let projections = [projection(&first.schema)?, projection(&second.schema)?];
    let mut plan = Plan::new(first, second);
    if args.compare_rules {
        plan.comparison = plan.comparison.with_rules(first, second);
    }
    let schemas = [first.schema.clone(), second.schema.clone()];
    let titles = report::titles(first, second);
    let metadata: Vec<(String, String)> = [("before", &before), ("after", &after)]
        .into_iter()
        .flat_map(|(side, of)| {
            let program = of.artifact.program();
            [
                (format!("opus.policy.{side}"), program.name.clone()),
                (format!("opus.meaning.{side}"), of.artifact.meaning_hash().to_string()),
            ]
        })
        .collect();
    let artifacts = [&before, &after].map(|of| of.artifact.content_hash().to_string());
    let facts = compared.snapshot.as_deref().map(|path| snapshot_of(path, terminal)).transpose()?;
    let facts_after = compared
        .snapshot_after
        .as_deref()
        .map(|path| snapshot_of(path, terminal))
        .transpose()?
        .or(facts.clone());
    let snapshots = [&facts, &facts_after].map(|facts| facts.as_ref().map(|facts| facts.hash().to_string()));
    let before = open::Opened::new(&names[0], before, facts);
    let after = open::Opened::new(&names[1], after, facts_after);
    let engines = [decider(before, args.engine, terminal)?, decider(after, args.engine, terminal)?];
    let pool = pool(compared.threads)?;
    let summary = compared.summary.as_ref().map(|path| Target::create(&Endpoint::new(path))).transpose()?;

    let hashed = summary.is_some() || terminal.is_json();
    let intake = &portfolio.intake;
    let started = Instant::now();
    let scan = Scan::open(endpoints.inputs.clone(), intake, hashed).map_err(with_fill)?.needing_names();
    let by = portfolio.by.map(|position| (position, scan.kept()[position].clone()));
    let kept = &scan.kept()[..compared.keep.len()];
    let (table, mut writer) = match &endpoints.output {
        Some(located) => {
            let changed = Changed::new(&plan, &schemas, kept, &metadata)?;
            let (encoder, writer) = create(located, changed.layout())?;
            (Some((changed, encoder)), Some(writer))
        }
        None => (None, None),
    };
    let worker =
        Worker::new(intake, &projections, [engines[0].0.as_ref(), engines[1].0.as_ref()], &plan, by, table);
    let mut tally = Tally::new(&plan, args.by.as_deref());
    let shown = Shown::new(terminal);
    let scanned = scan.run(
        &pool,
        &|chunk| worker.process(chunk),
        &mut |done| {
            tally.add(done.counts)?;
            match (&mut writer, done.rows) {
                (Some(writer), Some(rows)) => writer.append(rows),
                _ => Ok(()),
            }
        },
        &|progress| shown.update(progress),
    );
    let seconds = started.elapsed().as_secs_f64();
    shown.clear();
    let scanned = scanned.map_err(with_fill)?;
    let changed_rows = writer.map(opus_data::write::Writer::finish).transpose()?;
    terminal.note_names("files and folders that are not read", &left_out);
    terminal.note_ignored(&scanned.ignored, endpoints.inputs.len() > 1);
    terminal.note_not_filled(&scanned.not_filled, endpoints.inputs.len() > 1);
    terminal.note_unmatched(&scanned.unmatched);

    let report = Report {
        names: &names,
        plan: &plan,
        schemas: &schemas,
        titles: &titles,
        tally: &tally,
        renames: &renames,
        structures: Some(&structures).filter(|_| snapshots[0] == snapshots[1]),
        seconds,
    };
    let side = |at: usize| {
        let mut value = described[at].clone();
        value["artifact"] = json!(artifacts[at]);
        value["snapshot"] = json!(snapshots[at]);
        value
    };
    let details = json!({
        "before": side(0),
        "after": side(1),
        "inputs": scanned.hashes.iter().map(|(name, hash)| json!({ "file": name, "blake3": hash.blake3 })).collect::<Vec<_>>(),
        "left_out": left_out,
        "ignored_columns": scanned.ignored.names().collect::<Vec<_>>(),
        "mapping": portfolio.mapping_file.as_ref().map(|(file, hash)| json!({ "file": file, "blake3": hash })),
        "engine": engines[1].1,
        "compiler": env!("CARGO_PKG_VERSION"),
        "options": {
            "output": compared.output.as_deref().map(path_text),
            "by": args.by,
            "compare_rules": args.compare_rules,
            "fill": compared.fill,
            "keep": compared.keep,
            "columns": compared.columns.as_deref().map(path_text),
            "threads": pool.current_num_threads(),
        },
        "seconds": seconds,
    });
    let value = report.json(details);
    let summary = summary.map(|target| summary::write(target, &value)).transpose()?;
    // the summary last: if it exists, everything it describes exists
    changed_rows.map_or(Ok(()), Whole::name)?;
    summary.map_or(Ok(()), Whole::name)?;
    terminal.report(&report.human(), &value, endpoints.takes_standard_output())
}

/// What decides, and its name.
fn decider(
    mut opened: open::Opened,
    engine: Decider,
    terminal: &Terminal,
) -> Result<(Box<dyn Decide>, &'static str), Failure> {
    let Some(engine) = engine.of_runtime() else {
        let (tree, facts) = (opened.compiled()?.policy.clone(), opened.snapshot.clone());
        let policy = opened.policy(Engine::Vm, terminal)?;
        return Ok((Box::new(ReferenceEngine::new(tree, policy, facts)), "reference"));
    };
    let policy = opened.policy(engine, terminal)?;
    policy.prepare();
    let name = policy.engine().name();
    Ok((Box::new(policy), name))
}

/// Adds that a field may be filled in, where an input lacks its column.
pub(super) fn with_fill(error: DataError) -> DataError {
    match (error.kind, &error.remedy) {
        (ErrorKind::NoColumn, Some(remedy)) => {
            let remedy = format!(
                "{remedy}\n  `--fill FIELD=VALUE` sets a value, or `missing`, for files without the column"
            );
            error.remedy(remedy)
        }
        _ => error,
    }
}

/// The files and streams to read from and write to.
pub(super) struct Endpoints {
    pub inputs: Vec<Located>,
    pub output: Option<Located>,
    summary: Option<Endpoint>,
}

impl Endpoints {
    /// The endpoints named on the command line. Nothing is read twice or overwritten.
    pub fn of(args: &Compared, policies: &[Named; 2], verb: &str) -> Result<Endpoints, Failure> {
        let is_policy = |path: &&PathBuf| path.extension().is_some_and(|end| end == "opus" || end == "opusc");
        if let Some(found) = args.inputs.iter().find(is_policy) {
            return Err(Failure::usage(format!("`{}` is a policy, not an input", found.display()))
                .help(format!("two policies come first, and then the inputs: opus {verb} A B INPUT")));
        }
        let endpoints = Endpoints {
            inputs: inputs(&args.inputs, args.input_format)?,
            output: match &args.output {
                Some(path) => Some(output(path, args.output_format, "--output-format")?),
                None => None,
            },
            summary: args.summary.as_deref().map(Endpoint::new),
        };
        let [a, b] = [0, 1].map(|at| Endpoint::new(&policies[at].path));
        let others = [args.columns.as_ref(), args.snapshot.as_ref(), args.snapshot_after.as_ref()];
        let others: Vec<Endpoint> = others.into_iter().flatten().map(|path| Endpoint::new(path)).collect();
        // one file may hold both policies, as two of its versions
        let is_one = a == b && a != Endpoint::Standard;
        let policies = [Some(&a), Some(&b).filter(|_| !is_one)];
        let read: Vec<&Endpoint> = policies
            .into_iter()
            .flatten()
            .chain(&others)
            .chain(endpoints.inputs.iter().map(|input| &input.endpoint))
            .collect();
        endpoints.summary.as_ref().map_or(Ok(()), writable)?;
        standard_input_once(&read)?;
        apart(&read, &endpoints.written())?;
        outside(&args.inputs, args.input_format, &endpoints.written())?;
        Ok(endpoints)
    }

    fn written(&self) -> Vec<&Endpoint> {
        let output = self.output.as_ref().map(|output| &output.endpoint);
        [output, self.summary.as_ref()].into_iter().flatten().collect()
    }

    pub fn takes_standard_output(&self) -> bool {
        self.written().contains(&&Endpoint::Standard)
    }
}
