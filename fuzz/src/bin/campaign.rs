//! Runs a campaign on all cores. The same seed gives the same campaign.
//!
//! `campaign differential --policies 10000 --rows 1000`, `campaign attributions --policies 1000 --rows 1000`, `campaign artifacts --count 1000000`,
//! `campaign sound --count 10000 --kind linear`, `campaign NAME --count N` for any other target; `campaign source --seed N` shows the policy of a seed, with
//! `--kind linear` one of `sound` before its range is known.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use opus_frontend::compile;
use opus_fuzz::damage::{self, Became};
use opus_fuzz::differential::{self, Found};
use opus_fuzz::shrink::{Failure, shrink};
use opus_fuzz::sound::{Figures, Kind, Thrown};
use opus_fuzz::targets::TARGETS;
use opus_fuzz::{attributions, explanations, generated, policy, proofs, seeds, sound};
use opus_govern::witnesses::Witnesses;
use opus_ir::testing::{self, Seed};
use opus_runtime::Level;

const USAGE: &str =
    "usage: campaign differential [--policies N] [--rows N] [--levels] [--seed N] [--threads N]
       campaign attributions [--policies N] [--rows N] [--seed N] [--threads N]
       campaign sound [--count N] [--kind linear|products|all] [--rows N] [--refused FOLDER] [--seed N] [--threads N]
       campaign TARGET [--count N] [--seed N] [--threads N]
       campaign source [--kind linear|products] [--seed N]
TARGET is artifacts, narrow_lanes, parse, format, passes, proofs, ir_text,
structures, explanations, coverage, bytecode or canary";

/// How many explanations of a policy are checked.
const SEARCHES: usize = 12;
/// Damaged copies of each artifact.
const COPIES: u64 = 500;

struct Options {
    target: String,
    policies: u64,
    rows: usize,
    count: u64,
    seed: u64,
    threads: usize,
    levels: bool,
    kinds: Vec<Kind>,
    /// Where policies are written that are refused, or for which a pass was left out.
    refused: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Some(options) = options(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if options.target == "source" {
        if let [kind] = options.kinds[..] {
            let sketch = sound::sketch(kind, options.seed, options.rows);
            println!("{}", sketch.source(sketch.widest()));
            return ExitCode::SUCCESS;
        }
        let bytes = seeds::bytes(options.seed, policy::BYTES);
        println!("{}", policy::policy(&mut Unstructured::new(&bytes)).unwrap_or_default());
        return ExitCode::SUCCESS;
    }
    let started = Instant::now();
    let outcome = match options.target.as_str() {
        "differential" => differential(&options),
        "artifacts" => artifacts(&options),
        "proofs" => damaged_proofs(&options),
        "attributions" => attributions(&options),
        "explanations" => explanations(&options),
        "sound" => sound(&options),
        _ => target(&options),
    };
    let seconds = started.elapsed().as_secs();
    match outcome {
        Ok(counts) => {
            println!("{}: {counts}; no failure; seed {}, {seconds} s", options.target, options.seed);
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            println!("{}: FAILED after {seconds} s\n{wrong}", options.target);
            ExitCode::FAILURE
        }
    }
}

fn options(mut args: impl Iterator<Item = String>) -> Option<Options> {
    let target = args.next()?;
    if !["source", "attributions", "sound"].contains(&target.as_str())
        && !TARGETS.iter().any(|known| known.name == target)
    {
        return None;
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let is_sound = target == "sound";
    let mut options = Options {
        target,
        policies: 1_000,
        rows: if is_sound { sound::ROWS_MAX } else { 1_000 },
        count: if is_sound { 1_000 } else { 100_000 },
        seed: 0,
        threads,
        levels: false,
        kinds: Kind::ALL.to_vec(),
        refused: None,
    };
    while let Some(name) = args.next() {
        if name == "--levels" {
            options.levels = true;
            continue;
        }
        let value = args.next()?;
        match name.as_str() {
            "--kind" => {
                options.kinds.retain(|kind| value == "all" || kind.name() == value);
                (!options.kinds.is_empty()).then_some(())?;
                continue;
            }
            "--refused" => {
                options.refused = Some(value.into());
                continue;
            }
            _ => {}
        }
        let value: u64 = value.parse().ok()?;
        match name.as_str() {
            "--policies" => options.policies = value,
            "--rows" => options.rows = value as usize,
            "--count" => options.count = value,
            "--seed" => options.seed = value,
            "--threads" => options.threads = (value as usize).max(1),
            _ => return None,
        }
    }
    Some(options)
}

/// A failure, with the number of its task. The failure with the lowest number is reported.
type Wrong = Mutex<Option<(u64, String)>>;

/// Runs tasks on all threads, with progress, and stops at the first failure.
fn on_all(
    options: &Options,
    pieces: u64,
    work: impl Fn(u64) -> Result<(), String> + Sync,
) -> Result<(), String> {
    let (next, done, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let wrong: Wrong = Mutex::new(None);
    let each = || {
        while !stop.load(Ordering::Relaxed) {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces {
                break;
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| work(options.seed.wrapping_add(piece))));
            if let Err(message) = outcome.unwrap_or_else(|_| Err("it panicked, as told above".to_string())) {
                let mut wrong = wrong.lock().expect("no thread panics with the lock");
                if wrong.as_ref().is_none_or(|(lowest, _)| piece < *lowest) {
                    *wrong = Some((piece, message));
                }
                stop.store(true, Ordering::Relaxed);
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.threads).map(|_| scope.spawn(each)).collect();
        let mut told = Instant::now();
        while workers.iter().any(|worker| !worker.is_finished()) {
            std::thread::sleep(Duration::from_millis(50));
            if told.elapsed() > Duration::from_secs(5) {
                eprintln!("{} of {pieces}", done.load(Ordering::Relaxed));
                told = Instant::now();
            }
        }
    });
    match wrong.into_inner().expect("all threads have ended") {
        Some((piece, message)) => Err(format!("seed {}\n{message}", options.seed.wrapping_add(piece))),
        None => Ok(()),
    }
}

fn differential(options: &Options) -> Result<String, String> {
    let levels: Vec<Level> = if options.levels { Level::ALL.to_vec() } else { Vec::new() };
    for level in levels.iter().filter(|level| !level.is_available()) {
        eprintln!("skipped: this machine has no {level}");
    }
    let [policies, refused, rows, decided] = [const { AtomicU64::new(0) }; 4];
    on_all(options, options.policies, |seed| match differential::campaign(seed, options.rows, &levels) {
        Found::Refused(why) => {
            refused.fetch_add(1, Ordering::Relaxed);
            eprintln!("seed {seed} does not compile: {why}");
            Ok(())
        }
        Found::Agreed { rows: all, decided: some } => {
            policies.fetch_add(1, Ordering::Relaxed);
            rows.fetch_add(all, Ordering::Relaxed);
            decided.fetch_add(some, Ordering::Relaxed);
            Ok(())
        }
        Found::Differs(source, row, found) => {
            Err(format!("{}\nbefore it was made smaller:\n{found}", smallest(source, &row, &levels)))
        }
        Found::Broken(source, wrong) => Err(format!("{wrong}\n{source}")),
    })?;
    let [policies, refused, rows, decided] = [policies, refused, rows, decided].map(AtomicU64::into_inner);
    Ok(format!(
        "{rows} rows of {policies} policies on all witnesses, {decided} decided; {refused} texts did not compile"
    ))
}

/// Seeds are tried until so many have given a pair.
fn attributions(options: &Options) -> Result<String, String> {
    let [pairs, rows, changed, intricate, untestable, needing, moved, with_facts, facts] =
        [const { AtomicU64::new(0) }; 9];
    // a seed in three gives no pair, or one with more edits
    on_all(options, options.policies.saturating_mul(8), |seed| {
        if pairs.load(Ordering::Relaxed) >= options.policies {
            return Ok(());
        }
        let Some(found) = attributions::check(seed, options.rows)? else { return Ok(()) };
        pairs.fetch_add(1, Ordering::Relaxed);
        rows.fetch_add(options.rows as u64, Ordering::Relaxed);
        changed.fetch_add(found.changed, Ordering::Relaxed);
        intricate.fetch_add(found.intricate, Ordering::Relaxed);
        untestable.fetch_add(found.untestable, Ordering::Relaxed);
        needing.fetch_add(found.needing, Ordering::Relaxed);
        moved.fetch_add(found.moved, Ordering::Relaxed);
        with_facts.fetch_add(u64::from(found.facts > 0), Ordering::Relaxed);
        facts.fetch_add(found.facts, Ordering::Relaxed);
        Ok(())
    })?;
    let [pairs, rows, changed, intricate, untestable, needing, moved, with_facts, facts] =
        [pairs, rows, changed, intricate, untestable, needing, moved, with_facts, facts]
            .map(AtomicU64::into_inner);
    Ok(format!(
        "{rows} rows of {pairs} pairs, {changed} changed, {intricate} of them with several causes or a cause of several \
         edits; {untestable} untestable sets, {needing} edits that need others, {moved} moved; \
         {facts} facts differ in {with_facts} pairs"
    ))
}

/// Counts the rows whose explanations were compared with a search of all values.
fn explanations(options: &Options) -> Result<String, String> {
    let [policies, rows] = [const { AtomicU64::new(0) }; 2];
    on_all(options, options.count, |seed| {
        let bytes = seeds::bytes(seed, 2 * policy::BYTES);
        if let Some(compared) = explanations::compared(&bytes, SEARCHES)? {
            policies.fetch_add(1, Ordering::Relaxed);
            rows.fetch_add(compared as u64, Ordering::Relaxed);
        }
        Ok(())
    })?;
    let [policies, rows] = [policies, rows].map(AtomicU64::into_inner);
    Ok(format!("{rows} rows of {policies} policies, each compared with a search of all values"))
}

/// Prints the figures of each kind, and the simplest policies that are refused.
fn sound(options: &Options) -> Result<String, String> {
    for &kind in &options.kinds {
        let figures = Mutex::new(Figures::default());
        on_all(options, options.count, |seed| {
            let found = sound::measure(kind, seed, options.rows)?;
            for thrown in &found.1 {
                if let Thrown::Invalid(why) = thrown {
                    eprintln!("seed {seed} has an invalid text: {why}");
                }
            }
            figures.lock().expect("no thread panics with the lock").add(seed, found);
            Ok(())
        })?;
        let figures = figures.into_inner().expect("all threads have ended");
        println!("{}{}", figures.summary(kind), figures.simplest());
        if let Some(folder) = &options.refused {
            write_refused(folder, kind, &figures).map_err(|error| error.to_string())?;
        }
    }
    Ok(format!("{} policies of each kind", options.count))
}

/// Writes every refused policy, numbered from the simplest, and every text with a function for which a pass was left out.
fn write_refused(folder: &Path, kind: Kind, figures: &Figures) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (index, one) in figures.refused().into_iter().enumerate() {
        let range = if one.wide.is_some() { "wide" } else { "exact" };
        let name = format!("{}-{range}-{:03}-{}.opus", kind.name(), index + 1, one.pattern);
        std::fs::write(folder.join(name), one.to_string())?;
    }
    for (seed, one) in &figures.measured {
        for (index, source) in one.without_pass.iter().enumerate() {
            let name = format!("{}-without-pass-{seed}-{}-{}.opus", kind.name(), index + 1, one.pattern);
            std::fs::write(folder.join(name), source)?;
        }
    }
    Ok(())
}

/// The smallest policy and row on which the witnesses differ, with their results.
fn smallest(source: String, row: &opus_fuzz::rows::Row, levels: &[Level]) -> String {
    let Some(compiled) = compile(&source).0 else { return source };
    let differ = |compiled: &opus_frontend::Compiled, row: &opus_fuzz::rows::Row| {
        let witnesses = Witnesses::new(compiled, levels);
        witnesses.is_ok_and(|witnesses| witnesses.disagreement(std::slice::from_ref(row)).is_some())
    };
    let small = shrink(Failure::new(&compiled, row), differ);
    let values: Vec<Option<i128>> = small.row.iter().map(|(_, value)| *value).collect();
    format!("{}\n{:?}\n{:?}", small.source, small.row, values)
}

fn artifacts(options: &Options) -> Result<String, String> {
    let [artifacts, refused, ran] = [const { AtomicU64::new(0) }; 3];
    on_all(options, options.count.div_ceil(COPIES), |seed| {
        let bytes = seeds::bytes(seed, policy::BYTES);
        let Ok(compiled) = generated::compiled(&mut Unstructured::new(&bytes)) else { return Ok(()) };
        let whole = damage::built(compiled)?;
        artifacts.fetch_add(1, Ordering::Relaxed);
        let mut source = Seed(seed);
        for copy in 0..COPIES {
            let bytes = seeds::bytes(seed.wrapping_mul(COPIES).wrapping_add(copy), 1_000);
            let counted = match damage::artifact(&whole, &mut source, &mut Unstructured::new(&bytes))? {
                Became::Refused => &refused,
                Became::Ran => &ran,
            };
            counted.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    })?;
    let [artifacts, refused, ran] = [artifacts, refused, ran].map(AtomicU64::into_inner);
    Ok(format!(
        "{} damaged copies of {artifacts} artifacts, {refused} refused, {ran} decided rows",
        refused + ran
    ))
}

/// Of the accepted functions, one in so many decides on every engine.
const ON_ENGINES: u64 = 4;

/// In each piece, most are functions, and a tenth are copies of one artifact.
fn damaged_proofs(options: &Options) -> Result<String, String> {
    let [refused, right, on_engines, copies, ran] = [const { AtomicU64::new(0) }; 5];
    on_all(options, options.count.div_ceil(COPIES), |seed| {
        let bytes = seeds::bytes(seed, 100 * COPIES as usize);
        let mut u = Unstructured::new(&bytes);
        for copy in 0..COPIES - COPIES / 10 {
            let number = seed.wrapping_mul(COPIES).wrapping_add(copy);
            let Some(func) =
                proofs::function(&mut Seed(number)).map_err(|wrong| format!("{number}: {wrong}"))?
            else {
                refused.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            if right.fetch_add(1, Ordering::Relaxed) % ON_ENGINES == 0 {
                on_engines.fetch_add(1, Ordering::Relaxed);
                proofs::on_all_engines(func.into_inner(), &mut u)?;
            }
        }
        let mut source = Seed(seed);
        let mut generated = std::iter::repeat_with(|| testing::func(&mut source));
        let func = generated.find(|func| !func.proofs.is_empty()).expect("many functions have proofs");
        let whole = proofs::built(func)?;
        for _ in 0..COPIES / 10 {
            copies.fetch_add(1, Ordering::Relaxed);
            if proofs::artifact(&whole, &mut source, &mut u)? == Became::Ran {
                ran.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    })?;
    let [refused, right, on_engines, copies, ran] =
        [refused, right, on_engines, copies, ran].map(AtomicU64::into_inner);
    Ok(format!(
        "{} functions with damaged proofs, {refused} refused, {right} accepted with every claim kept on every row, \
         {on_engines} of these on all engines; {copies} damaged artifacts, {ran} decided rows",
        refused + right
    ))
}

fn target(options: &Options) -> Result<String, String> {
    let target = TARGETS.iter().find(|target| target.name == options.target).expect("the name was checked");
    on_all(options, options.count, |seed| (target.check)(&seeds::bytes(seed, target.bytes)))?;
    Ok(format!("{} inputs of {} bytes", options.count, target.bytes))
}
