//! `opus snapshot`: facts as a file that policies are bound to.

use opus_data::{Endpoint, Target, apart};
use opus_ir::date;
use opus_runtime::Snapshot;
use opus_runtime::snapshot::{Difference, Fact, compare};
use serde_json::{Value, json};

use crate::args::{self, SnapshotBuild, SnapshotDiff, SnapshotShow, SnapshotVerb};
use crate::endpoints::writable;
use crate::failure::{Exit, Failure};
use crate::open::snapshot_of;
use crate::summary::grouped;
use crate::terminal::Terminal;

pub fn run(args: &args::Snapshot, terminal: &Terminal) -> Result<(), Failure> {
    match &args.what {
        SnapshotVerb::Build(args) => build(args, terminal),
        SnapshotVerb::Show(args) => show(args, terminal),
        SnapshotVerb::Diff(args) => diff(args, terminal),
    }
}

fn build(args: &SnapshotBuild, terminal: &Terminal) -> Result<(), Failure> {
    let path = args.output.clone().unwrap_or_else(|| args.facts.with_extension("opuss"));
    let target = Endpoint::new(&path);
    apart(&[&Endpoint::new(&args.facts)], &[&target])?;
    writable(&target)?;
    let snapshot = opus_data::snapshot::read(&args.facts)?;
    Target::write_whole(&target, &snapshot.to_bytes())?;
    let (facts, keys) = (snapshot.facts().len(), snapshot.keys().count());
    let human = format!(
        "{target}  {}, {}\n  snapshot hash  {}",
        counted(facts, "fact"),
        counted(keys, "key"),
        snapshot.hash()
    );
    let json = json!({
        "snapshot": target.to_string(), "hash": snapshot.hash().to_string(), "facts": facts, "keys": keys,
    });
    terminal.report(&human, &json, target == Endpoint::Standard)
}

fn show(args: &SnapshotShow, terminal: &Terminal) -> Result<(), Failure> {
    let snapshot = snapshot_of(&args.snapshot, terminal)?;
    let (human, json) = shown(&snapshot, args.as_of);
    if terminal.is_json() { terminal.print_json(&json) } else { terminal.print(&human) }
}

/// The facts of a snapshot, or those that hold on a day; for people and for programs.
pub(super) fn shown(snapshot: &Snapshot, as_of: Option<i32>) -> (String, Value) {
    let facts: Vec<&Fact> = match as_of {
        Some(day) => snapshot.as_of(day).collect(),
        None => snapshot.facts().iter().collect(),
    };
    let json = json!({
        "hash": snapshot.hash().to_string(),
        "as_of": as_of.map(day),
        "facts": facts.iter().map(|fact| as_json(fact)).collect::<Vec<_>>(),
    });
    let wide =
        |text: fn(&Fact) -> String| facts.iter().map(|fact| text(fact).chars().count()).max().unwrap_or(0);
    let (keys, values) = (wide(|fact| fact.key.clone()), wide(value));
    let line = |fact: &&Fact| {
        let line =
            format!("{:<keys$}  {}  {:<values$}{}", fact.key, day(fact.valid_from), value(fact), rest(fact));
        format!("{}\n", line.trim_end())
    };
    let lines: String = facts.iter().map(line).collect();
    let gap = if facts.is_empty() { "" } else { "\n" };
    (format!("snapshot hash  {}\n{gap}{lines}", snapshot.hash()), json)
}

fn diff(args: &SnapshotDiff, terminal: &Terminal) -> Result<(), Failure> {
    let [a, b]: [Snapshot; 2] = [snapshot_of(&args.a, terminal)?, snapshot_of(&args.b, terminal)?];
    let differences = compare(&a, &b);
    if terminal.is_json() {
        let one = |difference: &Difference| match difference {
            Difference::Added(fact) => json!({ "before": null, "after": as_json(fact) }),
            Difference::Removed(fact) => json!({ "before": as_json(fact), "after": null }),
            Difference::Changed(before, after) => {
                json!({ "before": as_json(before), "after": as_json(after) })
            }
        };
        terminal.print_json(&json!({
            "a": a.hash().to_string(), "b": b.hash().to_string(), "equal": differences.is_empty(),
            "differences": differences.iter().map(one).collect::<Vec<_>>(),
        }))?;
    } else if differences.is_empty() {
        terminal.print("the snapshots hold the same facts\n")?;
    } else {
        terminal.print(&differences.iter().map(|difference| said(difference) + "\n").collect::<String>())?;
    }
    if differences.is_empty() { Ok(()) } else { Err(Failure::said(Exit::Policy)) }
}

/// `score_floor from 2025-01-01: 700 becomes 720`
fn said(difference: &Difference) -> String {
    let head = |fact: &Fact| format!("{} from {}", fact.key, day(fact.valid_from));
    match difference {
        Difference::Added(fact) => format!("{}: {} added{}", head(fact), value(fact), rest(fact)),
        Difference::Removed(fact) => format!("{}: {} removed{}", head(fact), value(fact), rest(fact)),
        Difference::Changed(before, after) if before.value == after.value => {
            let shown = |fact: &Fact| {
                let rest = rest(fact);
                if rest.is_empty() { "nothing".to_owned() } else { rest.trim_start().to_owned() }
            };
            format!("{}: {}; {} becomes {}", head(after), value(after), shown(before), shown(after))
        }
        Difference::Changed(before, after) => {
            format!("{}: {} becomes {}{}", head(after), value(before), value(after), rest(after))
        }
    }
}

fn value(fact: &Fact) -> String {
    fact.value.as_ref().map_or("none".to_owned(), ToString::to_string)
}

/// The citation and the notes, with spaces before them.
fn rest(fact: &Fact) -> String {
    let cite = fact.cite.iter().map(|cite| format!("  ({cite})"));
    cite.chain(fact.notes.iter().map(|(name, text)| format!("  {name} = {text}"))).collect()
}

fn day(day: i32) -> String {
    date::civil(day.into()).to_string()
}

fn counted(count: usize, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count as u64), if count == 1 { "" } else { "s" })
}

fn as_json(fact: &Fact) -> Value {
    let notes: serde_json::Map<String, Value> =
        fact.notes.iter().map(|(name, text)| (name.clone(), json!(text))).collect();
    json!({
        "key": fact.key, "valid_from": day(fact.valid_from), "value": fact.value.as_ref().map(ToString::to_string),
        "cite": fact.cite, "notes": notes,
    })
}
