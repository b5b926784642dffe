//! `opus sample`: synthetic inputs that the policy's own types allow.

use std::sync::Arc;

use opus_ir::memory::Columns;
use opus_runtime::{Engine, Policy, snapshot};
use serde_json::json;

use crate::args::Sample;
use crate::endpoints::output;
use crate::failure::{Exit, Failure};
use crate::open::open_with;
use crate::progress::Shown;
use crate::summary::grouped;
use crate::terminal::Terminal;
use opus_data::pipeline::Progress;
use opus_data::sample::Sampler;
use opus_data::sample::profile::Profile;
use opus_data::write::{Data, Layout, Spec, Table, create};
use opus_data::{CHUNK_ROWS, Endpoint, apart};

/// How often a row is drawn again when it does not meet the requires.
const ATTEMPTS_MAX: u32 = 1_000;

pub fn run(args: &Sample, terminal: &Terminal) -> Result<(), Failure> {
    let output = output(&args.output, args.output_format, "--output-format")?;
    apart(&[&Endpoint::new(&args.policy)], &[&output.endpoint])?;
    let mut opened = open_with(&args.policy, args.snapshot.as_deref(), terminal)?;
    if opened.snapshot.is_none() && !opened.artifact.program().holes.is_empty() {
        // any facts will do: they decide at most whether a row meets the requires
        opened.snapshot = Some(snapshot::least(opened.artifact.program()));
    }
    let program = opened.artifact.verified_program();
    let schema = program.schema.clone();
    let mut sampler = Sampler::new(&schema, args.seed);
    if args.boundaries {
        sampler = sampler.with_edges(program);
    }
    if let Some(path) = &args.profile {
        sampler = sampler.with_profile(Profile::read(path, &schema)?);
    }
    let metadata = vec![
        ("opus.policy".to_owned(), program.name.clone()),
        ("opus.artifact".to_owned(), opened.artifact.content_hash().to_string()),
        ("opus.seed".to_owned(), args.seed.to_string()),
    ];
    let columns = schema.inputs.iter().map(|field| Spec::of_field(&schema, field)).collect();
    let (encoder, mut writer) = create(&output, &Arc::new(Layout { columns, metadata }))?;
    let drawer = Drawer {
        sampler,
        requires: !program.requires.is_empty(),
        policy: opened.policy(Engine::Native, terminal)?,
    };
    let shown = Shown::new(terminal);
    let mut first = 0;
    while first < args.rows {
        let count = (args.rows - first).min(CHUNK_ROWS as u64) as usize;
        let rows = drawer.rows(first, count, &schema.input_columns())?;
        let data = (0..schema.inputs.len()).map(|index| Data::Column(&rows, index)).collect();
        let encoded = encoder.encode(&Table { rows: count, columns: data })?;
        writer.append(encoded)?;
        first += count as u64;
        shown.update(Progress { rows: first, fraction: Some(first as f64 / args.rows as f64) });
    }
    shown.clear();
    writer.finish()?.name()?;
    let human = format!("{}: {} rows, seed {}", output.endpoint, grouped(args.rows), args.seed);
    let json = json!({ "file": output.endpoint.to_string(), "rows": args.rows, "seed": args.seed });
    terminal.report(&human, &json, !terminal.is_json() || output.endpoint == Endpoint::Standard)
}

struct Drawer {
    sampler: Sampler,
    requires: bool,
    policy: Policy,
}

impl Drawer {
    /// The rows from number `first` on. A row that breaks a require is drawn again, with the next attempt.
    fn rows(&self, first: u64, count: usize, shape: &[opus_ir::Column]) -> Result<Columns, Failure> {
        let mut rows = Columns::new(shape, count);
        rows.set_rows(count);
        (0..count).for_each(|row| self.sampler.draw(first + row as u64, 0, &mut rows, row));
        if !self.requires {
            return Ok(rows);
        }
        let mut open: Vec<usize> = (0..count).collect();
        for attempt in 1..=ATTEMPTS_MAX {
            open = self.broken(&rows, &open, shape);
            if open.is_empty() {
                return Ok(rows);
            }
            open.iter().for_each(|row| self.sampler.draw(first + *row as u64, attempt, &mut rows, *row));
        }
        let message = format!(
            "row {} still fails a `require` after {ATTEMPTS_MAX} attempts",
            first + open[0] as u64 + 1
        );
        Err(Failure::new(Exit::Policy, message)
            .help("so few inputs satisfy the requires that random drawing finds none: try --boundaries, or narrow the types"))
    }

    /// The rows among `open` that break a require.
    fn broken(&self, rows: &Columns, open: &[usize], shape: &[opus_ir::Column]) -> Vec<usize> {
        let mut batch = self.policy.batch(open.len());
        let part = batch.inputs_mut();
        part.set_rows(open.len());
        for (to, from) in open.iter().enumerate() {
            (0..shape.len()).for_each(|index| part.set(index, to, rows.get(index, *from)));
        }
        batch.decide();
        let mut refused: Vec<usize> = batch.refused().iter().map(|(row, _)| open[*row as usize]).collect();
        refused.dedup();
        refused
    }
}
