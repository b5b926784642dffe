//! `opus log`: what has been published, in order, or the checkpoint that covers it.

use opus_store::{Checkpoint, Entry};
use serde_json::json;

use crate::args::Log;
use crate::failure::Failure;
use crate::stored::{self, checkpoint_json, entry_json, known_at};
use crate::terminal::Terminal;

pub fn run(args: &Log, terminal: &Terminal) -> Result<(), Failure> {
    let mut entries = stored::store(terminal)?.entries()?;
    if let Some(time) = known_at(terminal)? {
        entries.retain(|entry| entry.time <= time);
    }
    let checkpoint = Checkpoint::of(&entries);
    if args.checkpoint {
        return match terminal.is_json() {
            true => terminal.print_json(&checkpoint_json(&checkpoint)),
            false => terminal.print(&checkpoint.to_string()),
        };
    }
    let json = json!({
        "store": terminal.from().store.display().to_string(),
        "entries": entries.iter().map(entry_json).collect::<Vec<_>>(),
        "checkpoint": checkpoint_json(&checkpoint),
    });
    terminal.report(&human(&entries), &json, false)
}

fn human(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "nothing has been published".to_owned();
    }
    let digits = entries.len().to_string().len();
    entries.iter().map(|entry| paragraph(entry, digits)).collect::<Vec<_>>().join("\n")
}

/// A line for the entry, and one for each thing that not every entry has.
fn paragraph(entry: &Entry, digits: usize) -> String {
    let by = entry.publisher.as_ref().map(|publisher| format!(", by {publisher}")).unwrap_or_default();
    let mut lines = vec![
        format!("{:>digits$}  {}  {}{by}", entry.number, stored::time(entry), entry.name),
        format!("{:digits$}  {:<8}  {}", "", entry.kind.name(), entry.object),
    ];
    lines.extend(entry.replaces.map(|hash| format!("{:digits$}  replaces  {hash}", "")));
    let signature =
        |one: &opus_store::minisign::Signature| format!("{:digits$}  signed    by key {}", "", one.key());
    lines.extend(entry.signatures.iter().map(signature));
    lines.join("\n")
}
