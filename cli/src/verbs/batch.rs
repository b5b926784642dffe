//! `opus batch`: files of inputs to files of decisions.

use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::args::{Batch, FileFormat};
use crate::batch::{self, Names, Progress, Report};
use crate::engines::{PolicyEngine, ReferenceEngine};
use crate::failure::{Exit, Failure};
use crate::files::{self, Format, Intake, Mapping, Place};
use crate::open::open;
use crate::summary::{self, Run};
use crate::terminal::Terminal;

/// Progress is shown of what takes longer than this.
const PROGRESS_AFTER: Duration = Duration::from_secs(1);

pub fn run(args: &Batch, terminal: &Terminal) -> Result<(), Failure> {
    let allowed = Allowed::parse(&args.max_rejects)?;
    let mut opened = open(&args.policy, terminal)?;
    let schema = opened.artifact.program().schema.clone();
    let mapping = match &args.columns {
        Some(path) => Mapping::read(path, &schema)?,
        None => Mapping::by_name(&schema),
    };
    let inputs = files::inputs(&args.inputs, args.input_format.map(FileFormat::format))?;
    let output = files::output(&args.output, args.output_format.map(FileFormat::format), "--output-format")?;
    let rejects = args.rejects.as_deref().map(|path| files::output(path, None, "--rejects")).transpose()?;
    let input_hashes = match &args.summary {
        Some(_) => hashes(&inputs)?,
        None => Vec::new(),
    };
    let (content, meaning) = (opened.artifact.content_hash(), opened.artifact.meaning_hash());
    let names = Names::of(opened.artifact.program());
    let program = opened.artifact.program();
    let rules = program.rules.iter().map(|rule| (rule.id.clone(), rule.title.clone())).collect();
    let metadata = vec![
        ("opus.policy".to_owned(), program.name.clone()),
        ("opus.artifact".to_owned(), content.to_string()),
        ("opus.meaning".to_owned(), meaning.to_string()),
    ];
    let work = batch::Batch {
        intake: Intake { schema: schema.clone(), mapping, keep: args.keep.clone() },
        names: names.clone(),
        inputs,
        output,
        rejects,
        threads: args.threads.unwrap_or_else(available_threads),
        metadata,
    };
    let (engine, engine_name): (Box<dyn batch::Engine>, &str) = match args.engine.of_runtime() {
        Some(engine) => {
            let policy = opened.policy(engine, terminal);
            let name = policy.engine().name();
            policy.prepare();
            (Box::new(PolicyEngine::new(policy)), name)
        }
        None => {
            let requires = opened.artifact.program().requires.clone();
            (Box::new(ReferenceEngine::new(opened.tree()?.clone(), schema.clone(), requires)), "reference")
        }
    };
    let shown = Shown::new(terminal);
    let started = Instant::now();
    let report = work.run(engine.as_ref(), &|progress| shown.update(progress));
    let seconds = started.elapsed().as_secs_f64();
    shown.clear();
    let report = report?;
    note_ignored(&report, terminal);
    let run = Run { report: &report, schema: &schema, names: &names, rules, seconds };
    terminal.note(&summary::human(&run));
    if let Some(path) = &args.summary {
        let details = json!({
            "artifact": { "policy": args.policy.display().to_string(), "content": content.to_string(), "meaning": meaning.to_string() },
            "inputs": input_hashes.iter().map(|(name, hash)| json!({ "file": name, "blake3": hash })).collect::<Vec<_>>(),
            "engine": engine_name,
            "compiler": env!("CARGO_PKG_VERSION"),
            "options": {
                "output": args.output.display().to_string(),
                "rejects": args.rejects.as_ref().map(|path| path.display().to_string()),
                "max_rejects": args.max_rejects,
                "threads": work.threads,
                "keep": args.keep,
                "columns": args.columns.as_ref().map(|path| path.display().to_string()),
            },
        });
        let value = summary::json(&run, details);
        fs::write(path, format!("{value:#}\n"))
            .map_err(|error| Failure::io(format!("`{}` cannot be written: {error}", path.display())))?;
    }
    allowed.check(&report, args.rejects.is_some())
}

/// How many rows may be rejected.
enum Allowed {
    Rows(u64),
    /// Per cent, in hundredths.
    Share(u64),
}

impl Allowed {
    fn parse(text: &str) -> Result<Allowed, Failure> {
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
            Failure::usage(format!("`{text}` is no number of rejects"))
                .help("write a number of rows such as 100, or a percentage such as 0.5%")
        })
    }

    fn check(&self, report: &Report, written: bool) -> Result<(), Failure> {
        let (rejected, rows) = (report.counts.rejected(), report.counts.rows);
        let exceeded = match self {
            Allowed::Rows(most) => rejected > *most,
            Allowed::Share(most) => rejected as u128 * 10_000 > *most as u128 * rows as u128,
        };
        if !exceeded {
            return Ok(());
        }
        let noun = if rejected == 1 { "row was" } else { "rows were" };
        let failure = Failure::new(
            Exit::Rejects,
            format!("{rejected} {noun} rejected, more than --max-rejects allows; the output is complete"),
        );
        Err(if written {
            failure
        } else {
            failure.help("`--rejects FILE` writes them down, one line for each fault")
        })
    }
}

fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |count| count.get())
}

fn note_ignored(report: &Report, terminal: &Terminal) {
    if !report.ignored.is_empty() {
        let names: Vec<String> = report.ignored.iter().map(|name| format!("`{name}`")).collect();
        terminal.note(&format!("columns that no field reads: {}", names.join(", ")));
    }
}

/// The hashes of the input files; standard input has none.
fn hashes(inputs: &[files::Located]) -> Result<Vec<(String, Option<String>)>, Failure> {
    let hash = |located: &files::Located| match &located.place {
        Place::File(path) => {
            let mut hasher = blake3::Hasher::new();
            let read =
                fs::File::open(path).and_then(|file| std::io::copy(&mut { file }, &mut hasher).map(|_| ()));
            read.map_err(|error| Failure::io(format!("`{}` cannot be read: {error}", path.display())))?;
            Ok((path.display().to_string(), Some(hasher.finalize().to_hex().to_string())))
        }
        Place::Standard => Ok(("-".to_owned(), None)),
    };
    inputs.iter().map(hash).collect()
}

/// A bar on a terminal, for what takes longer than a second.
struct Shown {
    bar: Option<Mutex<Option<ProgressBar>>>,
    started: Instant,
}

impl Shown {
    fn new(terminal: &Terminal) -> Shown {
        Shown { bar: terminal.is_interactive().then(|| Mutex::new(None)), started: Instant::now() }
    }

    fn update(&self, progress: Progress) {
        let Some(bar) = self.bar.as_ref().filter(|_| self.started.elapsed() > PROGRESS_AFTER) else { return };
        let mut bar = bar.lock().expect("no thread panics with the lock");
        let bar = bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(1_000), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:40} {percent:>3}%  {msg}  {elapsed}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        bar.set_message(format!("{} rows", summary::grouped(progress.rows)));
        if let Some(fraction) = progress.fraction {
            bar.set_position((fraction * 1_000.0) as u64);
        }
    }

    fn clear(&self) {
        if let Some(bar) =
            self.bar.as_ref().and_then(|bar| bar.lock().expect("no thread panics with the lock").take())
        {
            bar.finish_and_clear();
        }
    }
}

impl FileFormat {
    /// The format of files.
    pub fn format(self) -> Format {
        match self {
            FileFormat::Parquet => Format::Parquet,
            FileFormat::Csv => Format::Csv,
            FileFormat::Jsonl => Format::JsonLines,
            FileFormat::Arrow => Format::Arrow,
        }
    }
}
