//! `opus attribute`: which edits change which decisions.

mod report;

use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, BooleanArray, StringArray};
use opus_data::pipeline::{Noted, Scan};
use opus_data::write::{Content, Encoded, Encoder, Spec, create};
use opus_data::{Chunk, DataError, Endpoint, Intake, RowFault, Target, Whole, left_out};
use opus_govern::attribute::groups::Groups;
use opus_govern::attribute::{AttributeError, Attributed, Attribution, Causes, Rows};
use opus_govern::source::OpenError;
use opus_ir::memory::Columns;
use opus_runtime::Options;
use opus_runtime::batch::Spare;
use serde_json::json;

use super::impact::changed::{Beside, Changed};
use super::impact::{Endpoints, portfolio, with_fill};
use crate::args::Attribute;
use crate::endpoints::path_text;
use crate::failure::{Exit, Failure};
use crate::open::{Named, snapshot_of};
use crate::pool::pool;
use crate::progress::Shown;
use crate::summary;
use crate::terminal::Terminal;
use report::Report;

pub fn run(args: &Attribute, terminal: &Terminal) -> Result<(), Failure> {
    let compared = &args.compared;
    let named = [&compared.a, &compared.b].map(|path| Named::new(path));
    let endpoints = Endpoints::of(compared, &named, "attribute")?;
    let left_out = left_out(&compared.inputs, compared.input_format)?;
    let (before, after) = (compared.snapshot.as_deref(), compared.snapshot_after.as_deref());
    let a = named[0].structure_based(before, compared.unverified, terminal)?;
    let b = named[1].structure_based(after.or(before), compared.unverified, terminal)?;
    [&a, &b].into_iter().for_each(|side| side.note_basis(terminal));
    let options = Options { engine: args.engine.of_runtime(), ..Options::default() };
    let [facts, after] = [&compared.snapshot, &compared.snapshot_after];
    let facts = facts.as_deref().map(|path| snapshot_of(path, terminal)).transpose()?;
    let after = after.as_deref().map(|path| snapshot_of(path, terminal)).transpose()?.or(facts.clone());
    let attribution =
        Attribution::new(&a.structure, &b.structure, [facts.as_ref(), after.as_ref()], &options)
            .map_err(|error| refused([&a.name, &b.name], &error))?;
    if let Some(why) = attribution.b().fallback() {
        terminal.note(&format!("native code is not available ({why}): the vm decides"));
    }
    let renames: Vec<_> = attribution.script().renames().cloned().collect();
    let portfolio = portfolio::read(compared, None, attribution.joint(), &renames)?;
    let pool = pool(compared.threads)?;
    let summary = compared.summary.as_ref().map(|path| Target::create(&Endpoint::new(path))).transpose()?;

    let hashed = summary.is_some() || terminal.is_json();
    let intake = &portfolio.intake;
    let started = Instant::now();
    let scan = Scan::open(endpoints.inputs.clone(), intake, hashed).map_err(with_fill)?.needing_names();
    let schemas = [attribution.a(), attribution.b()].map(|policy| policy.schema().clone());
    let (table, mut writer) = match &endpoints.output {
        Some(located) => {
            let changed = Changed::new(attribution.plan(), &schemas, scan.kept(), &metadata(&attribution))?;
            let changed = changed.with(columns())?;
            let (encoder, writer) = create(located, changed.layout())?;
            (Some((changed, encoder)), Some(writer))
        }
        None => (None, None),
    };
    let worker = Worker { intake, attribution: &attribution, table, spare: Spare::default() };
    let mut groups = Groups::default();
    let shown = Shown::new(terminal);
    let scanned = scan.run(
        &pool,
        &|chunk| worker.process(chunk),
        &mut |(found, rows): (Groups, Option<Encoded>)| {
            groups.add(found);
            match (&mut writer, rows) {
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
    if !groups.add_up(&attribution) {
        return Err(DataError::defect("the groups do not add up to the changed rows")
            .remedy("this is a defect in opus: please report it")
            .into());
    }

    let names = [a.name.clone(), b.name.clone()];
    let report = Report { names: &names, attribution: &attribution, groups: &groups, seconds };
    let snapshots = [&facts, &after].map(|facts| facts.as_ref().map(|facts| facts.hash().to_string()));
    let details = json!({
        "before": a.json(),
        "after": b.json(),
        "snapshots": snapshots,
        "inputs": scanned.hashes.iter().map(|(name, hash)| json!({ "file": name, "blake3": hash.blake3 })).collect::<Vec<_>>(),
        "left_out": left_out,
        "ignored_columns": scanned.ignored.names().collect::<Vec<_>>(),
        "mapping": portfolio.mapping_file.as_ref().map(|(file, hash)| json!({ "file": file, "blake3": hash })),
        "engine": attribution.b().engine().name(),
        "compiler": env!("CARGO_PKG_VERSION"),
        "options": {
            "output": compared.output.as_deref().map(path_text),
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

fn refused(names: [&str; 2], error: &AttributeError) -> Failure {
    match error {
        AttributeError::Open(OpenError::NotCompiled { diagnostics, .. }) => {
            let first = diagnostics.iter().find(|found| found.is_error());
            let why = first.map_or_else(|| error.to_string(), |first| first.message.clone());
            let [a, b] = names;
            Failure::new(Exit::Policy, format!("`{a}` or `{b}` does not compile by itself: {why}"))
        }
        AttributeError::Joint(_) => Failure::usage(error.to_string()),
        AttributeError::Facts(_) => Failure::io(error.to_string()),
        _ => Failure::new(Exit::Policy, error.to_string()),
    }
}

fn metadata(attribution: &Attribution) -> Vec<(String, String)> {
    let sides = [("before", attribution.a()), ("after", attribution.b())].into_iter();
    let of = |(side, policy): (&str, &opus_runtime::Policy)| {
        let artifact = policy.artifact();
        [
            (format!("opus.policy.{side}"), artifact.program().name.clone()),
            (format!("opus.meaning.{side}"), artifact.meaning_hash().to_string()),
        ]
    };
    sides.flat_map(of).collect()
}

/// The columns behind the results.
fn columns() -> Vec<Spec> {
    let mut columns: Vec<Spec> = TEXTS.iter().map(|(name, _)| Spec::text(name)).collect();
    columns.push(Spec { name: "unfinished".to_owned(), content: Content::Bool, optional: false });
    columns
}

type Text = fn(&Causes) -> &str;

/// The columns of texts.
const TEXTS: [(&str, Text); 4] = [
    ("causes", |causes| &causes.written),
    ("necessary", |causes| &causes.necessary),
    ("but_for", |causes| &causes.but_for),
    ("coarse", |causes| &causes.coarse),
];

/// What every thread knows.
struct Worker<'a> {
    intake: &'a Intake,
    attribution: &'a Attribution,
    /// Where changed rows go.
    table: Option<(Changed, Box<dyn Encoder>)>,
    spare: Spare<Columns>,
}

impl Worker<'_> {
    /// Attributes the changed rows of a chunk.
    fn process(&self, chunk: Chunk) -> Result<((Groups, Option<Encoded>), Noted), DataError> {
        let (first_row, count) = (chunk.first_row, chunk.rows);
        let new = || Columns::new(&self.intake.schema.input_columns(), count);
        let mut wide = self.spare.take(|wide| wide.capacity_rows() >= count, new);
        let mut faults: Vec<RowFault> = Vec::new();
        let (kept, noted) = chunk.read(self.intake, &mut wide, &mut faults)?;
        let found = self.attribution.rows(Rows { wide: &wide, faults: &faults });
        let groups = Groups::of(&found, count);
        let rows = match &self.table {
            Some((table, encoder)) if !found.changed.is_empty() => {
                let plan = self.attribution.plan();
                let encoder = encoder.as_ref();
                let changed = &found.changed;
                let beside = Beside { kept: &kept, more: told(&found) };
                Some(table.encode(encoder, plan, found.batches(), first_row, changed, beside)?)
            }
            _ => None,
        };
        drop(found);
        self.spare.give_back(wide);
        Ok(((groups, rows), noted))
    }
}

/// The causes of changed rows, as columns.
fn told(found: &Attributed<'_>) -> Vec<ArrayRef> {
    let causes = || (0..found.changed.len()).map(|at| found.causes_of(at));
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (_, text) in TEXTS {
        columns.push(Arc::new(StringArray::from_iter_values(causes().map(text))));
    }
    let unfinished: Vec<bool> = causes().map(|causes| causes.is_unfinished).collect();
    columns.push(Arc::new(BooleanArray::from(unfinished)));
    columns
}
