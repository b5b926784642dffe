//! `opus replay`: is everything as it was recorded?

use opus_data::record::{self, Difference, Recorded, Replay};
use opus_govern::reference::ReferenceEngine;
use opus_govern::source::Basis;
use opus_runtime::{Decide, Engine, Hash};
use serde_json::{Value, json};

use crate::args;
use crate::failure::{Exit, Failure};
use crate::open::{open, read_snapshot};
use crate::pool::pool;
use crate::progress::Shown;
use crate::summary::grouped;
use crate::terminal::Terminal;

/// The most rows shown to a person; programs get more.
const ROWS_MAX: usize = 20;

pub fn run(args: &args::Replay, terminal: &Terminal) -> Result<(), Failure> {
    let recorded = Recorded::open(&args.record, &args.base)?;
    if let Some(root) = &args.root {
        let expected: Hash = root.parse().map_err(|_| {
            Failure::usage(format!("--root: `{root}` is not a hash, which has 64 hexadecimal digits"))
        })?;
        let found = recorded.manifest.tree.root;
        if found != expected {
            let message =
                format!("{}: the root is {found}, not {expected}", recorded.manifest_path().display());
            return Err(
                Failure::new(Exit::Policy, message).help("this is another record, or it was rewritten")
            );
        }
    }
    let pool = pool(args.threads)?;
    let engine = engine(&recorded, args, terminal);
    let engine = engine.as_ref().map(|engine| engine.as_ref()).map_err(String::clone);
    let shown = Shown::new(terminal);
    let options =
        record::Options { pool: &pool, rows_only: args.rows, progress: &|progress| shown.update(progress) };
    let replay = recorded.replay(engine, &options);
    shown.clear();
    let replay = replay?;
    let is_identical = replay.is_identical();
    terminal.report(&human(&replay), &json(&replay, &recorded), false)?;
    if replay.is_missing {
        terminal.note(
            "files are looked up by their recorded paths: run the command in the folder where the batch ran, or name that folder with --base",
        );
    }
    if is_identical { Ok(()) } else { Err(Failure::said(Exit::Policy)) }
}

/// What executes the recorded artifact, or why that is not possible.
fn engine(recorded: &Recorded, args: &args::Replay, terminal: &Terminal) -> Result<Box<dyn Decide>, String> {
    let path = recorded.artifact_path();
    let place = format!("`{}`: ", path.display());
    // the file is named with the difference
    let failed = |failure: Failure| match failure.message.strip_prefix(&place) {
        Some(why) => why.to_owned(),
        None if failure.message.is_empty() => "it is not an artifact".to_owned(),
        None => failure.message,
    };
    let mut opened = open(&path, terminal).map_err(failed)?;
    let snapshot = recorded.snapshot_path().map_err(|error| error.message)?;
    opened.snapshot = snapshot.map(|path| read_snapshot(&path)).transpose().map_err(failed)?;
    let Some(engine) = args.engine.of_runtime() else {
        // the recorded rows show whether the source explains the artifact
        let (compiled, basis) = opened.based(true).map_err(failed)?;
        if *basis != Basis::Derived {
            terminal.note(&format!(
                "the source is compared on the recorded rows, because it is not derived ({basis})"
            ));
        }
        let tree = compiled.policy.clone();
        let facts = opened.snapshot.clone();
        let policy = opened.policy(Engine::Vm, terminal).map_err(failed)?;
        return Ok(Box::new(ReferenceEngine::new(tree, policy, facts)));
    };
    let policy = opened.policy(engine, terminal).map_err(failed)?;
    policy.prepare();
    Ok(Box::new(policy))
}

fn human(replay: &Replay) -> String {
    let mut lines: Vec<String> = replay.files.iter().map(line).collect();
    lines.extend(replay.rows.iter().take(ROWS_MAX).map(line));
    let shown = replay.rows.len().min(ROWS_MAX) as u64;
    if replay.rows_differ > shown {
        lines.push(format!("and {} more rows", grouped(replay.rows_differ - shown)));
    }
    lines.extend(replay.notes.iter().cloned());
    let rows = |count: u64| counted(count, "row");
    if replay.is_identical() {
        let files = counted(replay.files_compared as u64, "file");
        lines.push(format!("identical: {}, {files}", rows(replay.decided_again.unwrap_or(0))));
    } else {
        // what cannot be read cannot differ row by row
        let is_unread = replay.is_unread && replay.rows_differ == 0;
        let again = replay.decided_again.map_or("rows were not decided again".to_owned(), |again| {
            if is_unread {
                return format!("{} decided again, but not compared", rows(again));
            }
            let differ = if replay.rows_differ == 1 { "differs" } else { "differ" };
            format!("{} of {} {differ}", grouped(replay.rows_differ), rows(again))
        });
        let files = match replay.files.len() {
            0 => "no file differs".to_owned(),
            1 => "1 file differs".to_owned(),
            count => format!("{count} files differ"),
        };
        lines.push(format!("different: {again}, {files}"));
    }
    lines.join("\n")
}

fn line(difference: &Difference) -> String {
    let place = match (&difference.file, difference.row) {
        (Some(file), Some(row)) => format!("{file}, row {row}"),
        (Some(file), None) => file.clone(),
        (None, row) => format!("row {}", row.unwrap_or(0)),
    };
    format!("{place}: {}", difference.says)
}

fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

fn json(replay: &Replay, recorded: &Recorded) -> Value {
    let difference = |one: &Difference| json!({ "file": one.file, "row": one.row, "says": one.says });
    json!({
        "identical": replay.is_identical(),
        "files": replay.files.iter().map(difference).collect::<Vec<_>>(),
        "rows": replay.rows.iter().map(difference).collect::<Vec<_>>(),
        "rows_differ": replay.rows_differ,
        "decided_again": replay.decided_again,
        "files_compared": replay.files_compared,
        "notes": replay.notes,
        "tree": recorded.manifest.tree,
    })
}
