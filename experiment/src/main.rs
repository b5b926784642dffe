//! `o02`: runs, checks, scores and reports experiment O-02.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use opus_cli::summary::grouped;
use opus_experiment::answer::Class;
use opus_experiment::command::{self, Opus};
use opus_experiment::domain::{self, Domain};
use opus_experiment::lock::{FILE, Gate, Lock, Ran};
use opus_experiment::matrix::{self, Cell, Environment, RUNS, Results, Setting};
use opus_experiment::model::estimate::estimate;
use opus_experiment::model::evidence::Evidence;
use opus_experiment::model::{self, Model, Options, Protocol};
use opus_experiment::record::Record;
use opus_experiment::report::{self, content::Material};
use opus_experiment::rows::RowScores;
use opus_experiment::scenario::Tier;
use opus_experiment::score::Scores;
use opus_experiment::scripted::{Fault, Script, Server};
use opus_experiment::system::{State, System};
use opus_experiment::systems::NAMES;
use opus_experiment::systems::opus::{OpusSystem, Variant};
use opus_experiment::systems::prompted::Prompted;
use opus_experiment::systems::python::PythonSystem;
use opus_experiment::temporal::TemporalScore;
use opus_experiment::{Failure, controls, rows, score, temporal};
use serde::Serialize;

/// The figures of rows in the folder of results.
const ROWS: &str = "rows.json";

/// Experiment O-02: compiled decisions beside four ways of having a language model decide.
///
/// The scenarios are a reconstruction: those of the published experiment are not public.
#[derive(Parser, Debug)]
#[command(name = "o02", version, arg_required_else_help = true)]
struct O02 {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Lock scenarios, policies, systems, prompts, rows and scorers as they are now.
    Lock(Source),
    /// Make every run that is still missing.
    Run(Run),
    /// Check the seven gates and every record.
    Verify(Place),
    /// Compute the figures: results.json.
    Score(Place),
    /// Write report.md and report.html.
    Report(Place),
    /// Decide rows beyond the scenarios: rows.json.
    Rows(Rows),
    /// Run the three model systems against a scripted server that misbehaves on purpose, and check the outcome.
    #[command(
        after_help = "The server is no model: its runs have the state `scripted`, and their figures say nothing about any model.\n\nExample:\n  o02 scripted --out target/o02-scripted\n  o02 scripted --protocol openai --out target/o02-scripted-openai"
    )]
    Scripted(Scripted),
    /// Estimate the tokens that a whole experiment takes, from the prompts.
    Estimate(Source),
    /// Everything: check the lock, run, decide rows, verify, score, report.
    #[command(
        after_help = "Example:\n  o02 all\n  ANTHROPIC_API_KEY=... o02 all --model NAME\n  o02 all --protocol openai --endpoint http://localhost:8080/v1 --model NAME"
    )]
    All(All),
}

#[derive(Args, Clone, Debug)]
struct Place {
    /// The folder of results.
    #[arg(long, value_name = "DIR", default_value = "target/o02")]
    out: PathBuf,
    #[command(flatten)]
    source: Source,
}

#[derive(Args, Clone, Debug)]
struct Source {
    /// The folder of the experiment.
    #[arg(long, value_name = "DIR", default_value = env!("CARGO_MANIFEST_DIR"), hide_default_value = true)]
    experiment: PathBuf,
}

/// Which systems run, and with what.
#[derive(Args, Clone, Debug)]
struct Systems {
    /// The systems to run, separated by commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_values = NAMES)]
    systems: Vec<String>,
    /// What executes Opus policies.
    #[arg(long, value_name = "ENGINE", default_value = "native")]
    engine: Variant,
    #[command(flatten)]
    model: Options,
}

#[derive(Args, Clone, Debug)]
struct Repeats {
    /// How often each scenario is repeated.
    #[arg(long, value_name = "N", default_value_t = RUNS)]
    runs: u32,
}

#[derive(Args, Clone, Debug)]
struct Threads {
    /// How many runs are made at the same time.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

#[derive(Args, Clone, Debug)]
struct Sample {
    /// How many rows of each file are asked one by one.
    #[arg(long, value_name = "N", default_value_t = 200)]
    sample: u32,
    /// What the sample depends on.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

#[derive(Args, Clone, Debug)]
struct Run {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    systems: Systems,
    #[command(flatten)]
    repeats: Repeats,
    #[command(flatten)]
    threads: Threads,
}

#[derive(Args, Clone, Debug)]
struct Rows {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    systems: Systems,
    #[command(flatten)]
    sample: Sample,
    #[command(flatten)]
    threads: Threads,
}

#[derive(Args, Clone, Debug)]
struct All {
    #[command(flatten)]
    run: Run,
    #[command(flatten)]
    sample: Sample,
}

#[derive(Args, Clone, Debug)]
struct Scripted {
    #[command(flatten)]
    place: Place,
    /// The protocol that the scripted server is asked in: `anthropic` or `openai`
    #[arg(long, value_name = "PROTOCOL", default_value = "anthropic")]
    protocol: String,
    #[command(flatten)]
    repeats: Repeats,
    #[command(flatten)]
    threads: Threads,
}

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    if args.get(1).is_some_and(|word| word == command::WORD) {
        return opus_cli::main_from(args[1..].to_vec());
    }
    match act(&O02::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            if let Some(help) = &failure.help {
                eprintln!("help: {help}");
            }
            ExitCode::FAILURE
        }
    }
}

fn act(verb: &Verb) -> Result<(), Failure> {
    match verb {
        Verb::Lock(source) => lock(source),
        Verb::Run(Run { place, systems, repeats, threads }) => {
            Experiment::open(place, systems, threads)?.run(repeats.runs)
        }
        Verb::Verify(place) => Finished::read(place)?.verify(),
        Verb::Score(place) => Finished::read(place)?.score(),
        Verb::Report(place) => Finished::read(place)?.report(),
        Verb::Rows(Rows { place, systems, sample, threads }) => {
            Experiment::open(place, systems, threads)?.rows(sample)
        }
        Verb::Scripted(args) => scripted_server(args),
        Verb::Estimate(source) => estimated(source),
        Verb::All(All { run: Run { place, systems, repeats, threads }, sample }) => {
            let experiment = Experiment::open(place, systems, threads)?;
            experiment.run(repeats.runs)?;
            experiment.rows(sample)?;
            Finished::read(place)?.all()
        }
    }
}

fn domains(source: &Source) -> Result<Vec<Domain>, Failure> {
    domain::all(&source.experiment.join("domains"))
}

/// The lock, and that everything is as locked.
fn locked(source: &Source, domains: &[Domain]) -> Result<Lock, Failure> {
    let lock = Lock::read(&source.experiment.join(FILE))?;
    lock.check(&Lock::now(domains, &source.experiment)?)?;
    Ok(lock)
}

fn lock(source: &Source) -> Result<(), Failure> {
    let lock = Lock::now(&domains(source)?, &source.experiment)?;
    let path = source.experiment.join(FILE);
    matrix::whole(&path, &lock.to_text())?;
    println!(
        "{}: {} entries, body hash {}",
        path.display(),
        lock.entries.values().map(BTreeMap::len).sum::<usize>(),
        lock.body
    );
    Ok(())
}

/// What all verbs that run systems share.
struct Experiment<'a> {
    /// The folder of results.
    out: &'a Path,
    domains: Vec<Domain>,
    lock: Lock,
    systems: Vec<Box<dyn System>>,
    environment: Environment,
    pool: rayon::ThreadPool,
}

impl<'a> Experiment<'a> {
    fn open(place: &'a Place, args: &Systems, threads: &Threads) -> Result<Experiment<'a>, Failure> {
        let model = model::open(&args.model, &place.out.join("evidence"))?;
        Experiment::with(place, &args.systems, args.engine, threads, model.map(Arc::new))
    }

    /// The experiment with a model, or with none.
    fn with(
        place: &'a Place,
        names: &[String],
        engine: Variant,
        threads: &Threads,
        model: Option<Arc<Model>>,
    ) -> Result<Experiment<'a>, Failure> {
        if let Some(unknown) = names.iter().find(|name| !NAMES.contains(&name.as_str())) {
            return Err(Failure::new(format!("there is no system `{unknown}`"))
                .help(format!("the systems are {}", NAMES.join(", "))));
        }
        let domains = domains(&place.source)?;
        let lock = locked(&place.source, &domains)?;
        let work = place.out.join("work");
        let python = PythonSystem::find(work.join("python"));
        let named = model.as_ref().map(|model| {
            let config = model.config();
            format!("{} at {} ({})", config.model, config.place(), config.protocol.name())
        });
        let environment = Environment::here(python.version(), engine.name(), named);
        let opus = OpusSystem::new(engine, Opus::here()?, work.join("opus"));
        let systems = all_systems(opus, python, model.as_ref())
            .into_iter()
            .filter(|system| names.iter().any(|name| name == system.name()));
        let systems: Vec<Box<dyn System>> = systems.collect();
        let runs = |state: State| systems.iter().any(|system| system.state().0 == state);
        if runs(State::Scripted) && (runs(State::Live) || runs(State::Replayed)) {
            return Err(Failure::new("the recording is of the scripted server, which is no model")
                .help("do not mix it with systems that run: `--systems structured,agent,raw`"));
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.threads.unwrap_or(0)).build();
        let pool = pool.map_err(|error| Failure::new(format!("no threads: {error}")))?;
        Ok(Experiment { out: &place.out, systems, domains, lock, environment, pool })
    }

    fn setting(&self, runs: u32) -> Setting {
        let state = |name: &str| {
            let system = self.systems.iter().find(|system| system.name() == name);
            system.map_or((State::NotRun, Some("left out by --systems".to_owned())), |system| system.state())
        };
        Setting {
            lock: self.lock.body.clone(),
            runs,
            systems: NAMES.iter().map(|name| (name.to_string(), state(name))).collect(),
            environment: self.environment.clone(),
        }
    }

    /// Makes the runs of a folder: every scenario so many times.
    fn fill(&self, folder: &Path, runs: u32, beyond: bool, what: &str) -> Result<(), Failure> {
        let results = Results::open(folder, &self.setting(runs))?;
        let live = || self.systems.iter().filter(|system| system.state().0 != State::NotRun);
        let scenarios = matrix::scenarios(&self.domains, beyond);
        let mut cells = Vec::new();
        for system in live() {
            for (domain, scenario) in &scenarios {
                cells.extend((0..runs).map(|run| Cell { domain, scenario, system: &**system, run }));
            }
        }
        let bar = progress(cells.len() as u64, what);
        let tick = |done: usize| bar.set_position(done as u64);
        let fingerprint = self.environment.fingerprint();
        let made = self.pool.install(|| matrix::run(&results, &cells, &self.lock, &fingerprint, &tick));
        bar.finish_and_clear();
        made?;
        println!("{what}: {} runs in {}", cells.len(), folder.display());
        Ok(())
    }

    fn run(&self, runs: u32) -> Result<(), Failure> {
        let out = self.out;
        self.fill(&out.join("first"), 1, false, "a first run of every scenario")?;
        self.fill(out, runs, false, "all runs")?;
        self.fill(&out.join("beyond"), runs, true, "cases beyond the published experiment")?;
        let not_run = self.setting(runs).systems.into_iter();
        for (name, (_, reason)) in not_run.filter(|(_, (state, _))| *state == State::NotRun) {
            println!("{name}: not run ({})", reason.unwrap_or_default());
        }
        Ok(())
    }

    fn rows(&self, sample: &Sample) -> Result<(), Failure> {
        let out = self.out;
        let systems: Vec<&dyn System> = self.systems.iter().map(|system| &**system).collect();
        let bar = progress(0, "rows");
        let tick = |what: &str| bar.set_message(what.to_owned());
        let scores = self.pool.install(|| {
            let sample = (sample.sample, sample.seed);
            rows::run(&self.domains, &systems, &Opus::here()?, &out.join("work/rows"), sample, &tick)
        });
        bar.finish_and_clear();
        let scores = scores?;
        for (domain, file) in &scores.files {
            println!("{domain}: {} of {} rows decided as expected by opus batch", file.right, file.rows);
        }
        write_json(&out.join(ROWS), &scores)
    }
}

/// The five systems, the model systems with a model or with none.
fn all_systems(opus: OpusSystem, python: PythonSystem, model: Option<&Arc<Model>>) -> Vec<Box<dyn System>> {
    let mut all: Vec<Box<dyn System>> = vec![Box::new(opus), Box::new(python)];
    all.extend(Prompted::all(model).into_iter().map(|system| Box::new(system) as Box<dyn System>));
    all
}

fn progress(length: u64, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}, {eta} left").expect("a template");
    ProgressBar::new(length).with_style(style).with_message(what.to_owned())
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    matrix::whole(path, &format!("{}\n", serde_json::to_string_pretty(value).expect("figures are JSON")))
}

/// A folder of results, its records, and what the seven gates found.
struct Finished<'a> {
    place: &'a Place,
    domains: Vec<Domain>,
    /// The body hash of what there is now.
    after: String,
    gates: Vec<(Gate, Option<String>)>,
    /// The runs of the matrix, the first run of each scenario, and the cases beyond the published experiment.
    records: [(Setting, Vec<Record>); 3],
}

impl<'a> Finished<'a> {
    /// Reads a folder of results, and checks everything in it.
    fn read(place: &'a Place) -> Result<Finished<'a>, Failure> {
        let domains = domains(&place.source)?;
        let lock = Lock::read(&place.source.experiment.join(FILE))?;
        let now = Lock::now(&domains, &place.source.experiment)?;
        let read = |folder: &str| matrix::read(&place.out.join(folder));
        let records = [read("")?, read("first")?, read("beyond")?];
        let mut gates = lock.compare(&now);
        let work = place.out.join("work");
        let opus = OpusSystem::new(Variant::default(), Opus::here()?, work.join("opus"));
        let systems = all_systems(opus, PythonSystem::find(work.join("python")), None);
        let uses = |name: &str, domain: &Domain| {
            let system = systems.iter().find(|system| system.name() == name);
            system.map_or(Vec::new(), |system| system.uses(domain))
        };
        let evidence = place.out.join("evidence");
        let fault = |((setting, records), beyond): (&(Setting, Vec<Record>), bool)| {
            let ran =
                Ran { scenarios: matrix::scenarios(&domains, beyond), uses: &uses, evidence: &evidence };
            lock.fault_of_records(setting, records, &ran)
        };
        let mutated = match gates.iter().all(|(_, fault)| fault.is_none()) {
            true => records.iter().zip([false, false, true]).find_map(fault),
            false => Some("what is locked has changed".into()),
        };
        gates.push((Gate::MutationDetection, mutated));
        Ok(Finished { place, domains, after: now.body, gates, records })
    }

    /// Shows the gates. They must all be passed.
    fn verify(&self) -> Result<(), Failure> {
        for (gate, fault) in &self.gates {
            println!("{:<20} {}", gate.name(), fault.as_deref().unwrap_or("passed"));
        }
        self.passed()
    }

    /// That every gate was passed.
    fn passed(&self) -> Result<(), Failure> {
        match self.gates.iter().find_map(|(gate, fault)| Some((gate, fault.as_ref()?))) {
            None => Ok(()),
            Some((gate, fault)) => Err(Failure::new(format!("{gate}: {fault}"))
                .help("figures come only from runs that pass all gates: restore what was changed, or run the experiment again")),
        }
    }

    /// Writes the figures.
    fn score(&self) -> Result<(), Failure> {
        self.passed()?;
        let (scores, beyond) = self.scores()?;
        write_json(&self.place.out.join("results.json"), &scores)?;
        write_json(&self.place.out.join("beyond.json"), &beyond)?;
        println!("{} of {} runs recorded", grouped(scores.recorded as u64), grouped(scores.matrix as u64));
        Ok(())
    }

    fn scores(&self) -> Result<(Scores, BTreeMap<String, TemporalScore>), Failure> {
        let [(setting, runs), _, (beyond_setting, beyond)] = &self.records;
        let scores = score::score(&self.domains, setting, runs)?;
        Ok((scores, temporal::score(&self.domains, beyond_setting, beyond)?))
    }

    /// Writes the report.
    fn report(&self) -> Result<(), Failure> {
        self.passed()?;
        let [(setting, records), (first, first_records), (_, beyond_records)] = &self.records;
        let (scores, beyond) = self.scores()?;
        let rows: Option<RowScores> = match std::fs::read_to_string(self.place.out.join(ROWS)) {
            Ok(text) => {
                Some(serde_json::from_str(&text).map_err(|error| Failure::new(format!("{ROWS}: {error}")))?)
            }
            Err(_) => None,
        };
        let estimates = estimate(&self.domains)?.into_iter();
        let estimates =
            estimates.map(|one| (one.system.to_owned(), (one.decision.tokens_in, one.decision.tokens_out)));
        let material = Material {
            domains: &self.domains,
            setting,
            records,
            first_records,
            scores: &scores,
            beyond_records,
            beyond: &beyond,
            rows: rows.as_ref(),
            gates: &self.gates,
            controls: &controls::all(setting, records, &scores, first, &self.after),
            estimates: &estimates.collect(),
        };
        report::write(&self.place.out, &material)?;
        println!("{}", self.place.out.join("report.html").display());
        Ok(())
    }

    /// All three.
    fn all(&self) -> Result<(), Failure> {
        self.verify()?;
        self.score()?;
        self.report()
    }
}

/// Runs the model systems against the scripted server, and checks that each fault had the outcome that it should have.
fn scripted_server(args: &Scripted) -> Result<(), Failure> {
    let Scripted { place, protocol, repeats, threads } = args;
    let domains = domains(&place.source)?;
    let script = Script::new(&domains);
    let server =
        Server::start(script.clone()).map_err(|error| Failure::new(format!("no server: {error}")))?;
    let model = Model::live(server.config(Protocol::parse(protocol)?), &place.out.join("evidence"))?;
    let names = ["structured", "agent", "raw"].map(str::to_owned);
    Experiment::with(place, &names, Variant::default(), threads, Some(Arc::new(model)))?.run(repeats.runs)?;
    println!("the server answered {} requests", server.requests());
    drop(server);
    let (_, records) = matrix::read(&place.out)?;
    let mut counts: BTreeMap<(String, Option<Fault>, String), u32> = BTreeMap::new();
    let mut wrong = Vec::new();
    for record in &records {
        let (domain, scenario) = domains
            .iter()
            .find_map(|domain| Some((domain, domain.scenario(&record.scenario)?)))
            .ok_or_else(|| Failure::new(format!("there is no scenario {}", record.scenario)))?;
        let expected = script.expected(&record.system, &record.scenario, record.run);
        let class = if scenario.tier == Tier::Governance {
            record.answer.is_none().then_some(Class::MalformedOutput)
        } else {
            score::class(domain, scenario, record)?
        };
        let evidence =
            record.evidence.first().map(|hash| place.out.join("evidence").join(Evidence::object(hash)));
        let is_kept = evidence.is_some_and(|path| path.is_file());
        if class != expected.class || record.retries.len() != expected.retries || !is_kept {
            wrong.push(format!(
                "{} {} run {}: {} after {} retries, not {} after {}{}",
                record.system,
                record.scenario,
                record.run,
                class.map_or("right", Class::name),
                record.retries.len(),
                expected.class.map_or("right", Class::name),
                expected.retries,
                if is_kept { "" } else { "; its evidence is missing" },
            ));
        }
        let fault = script.fault(&record.scenario, record.run).map(|case| case.fault);
        let class = class.map_or("right", Class::name).to_owned();
        *counts.entry((record.system.clone(), fault, class)).or_default() += 1;
    }
    println!("{:<12} {:<18} {:<20} runs", "system", "fault", "outcome");
    for ((system, fault, class), count) in counts {
        let fault = fault.map_or("none".to_owned(), |fault| format!("{fault:?}"));
        println!("{system:<12} {fault:<18} {class:<20} {count}");
    }
    Finished::read(place)?.all()?;
    match wrong.first() {
        None => Ok(()),
        Some(first) => Err(Failure::new(format!("{} runs had another outcome: {first}", wrong.len()))),
    }
}

fn estimated(source: &Source) -> Result<(), Failure> {
    println!("four characters count as a token; no retries");
    println!("{:<10}   {:^27}   {RUNS} runs of everything", "", "one decision");
    let [calls, sent, received] = ["calls", "tokens in", "out"];
    println!(
        "{:<10}   {calls:>5} {sent:>10} {received:>10}   {calls:>6} {sent:>12} {received:>12}",
        "system"
    );
    for estimate in estimate(&domains(source)?)? {
        let (one, all) = (estimate.decision, estimate.total(RUNS));
        let [one, all] = [one, all].map(|cost| [cost.calls, cost.tokens_in, cost.tokens_out].map(grouped));
        println!(
            "{:<10}   {:>5} {:>10} {:>10}   {:>6} {:>12} {:>12}",
            estimate.system, one[0], one[1], one[2], all[0], all[1], all[2]
        );
    }
    Ok(())
}
