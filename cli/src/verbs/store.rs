//! `opus store verify`: does everything in a store still match its hash?

use opus_store::{Checkpoint, Verified};
use serde_json::json;

use crate::args::{StoreVerb, StoreVerbs, StoreVerify};
use crate::failure::{Exit, Failure};
use crate::stored::{self, checkpoint_json, parsed};
use crate::terminal::Terminal;

pub fn run(args: &StoreVerbs, terminal: &Terminal) -> Result<(), Failure> {
    let StoreVerb::Verify(args) = &args.verb;
    verify(args, terminal)
}

fn verify(args: &StoreVerify, terminal: &Terminal) -> Result<(), Failure> {
    let checkpoint: Option<Checkpoint> = args.checkpoint.as_ref().map(|path| parsed(path)).transpose()?;
    let verified = stored::store(terminal)?.verify(checkpoint.as_ref())?;
    let json = json!({
        "store": terminal.from().store.display().to_string(),
        "entries": verified.entries,
        "objects": verified.objects,
        "unnamed": verified.unnamed.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "checkpoint": checkpoint.as_ref().map(checkpoint_json),
        "now": verified.now.as_ref().map(checkpoint_json),
        "faults": verified.faults,
    });
    terminal.report(&human(&verified, checkpoint.as_ref()), &json, false)?;
    if verified.faults.is_empty() { Ok(()) } else { Err(Failure::said(Exit::Policy)) }
}

fn human(verified: &Verified, checkpoint: Option<&Checkpoint>) -> String {
    let counted =
        |count: u64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let (entries, objects) = (
        counted(verified.entries, "entry", "entries"),
        counted(verified.objects as u64, "object", "objects"),
    );
    let mut lines: Vec<String> = verified.faults.clone();
    let unnamed = verified.unnamed.len() as u64;
    match lines.is_empty() {
        true => lines.push(format!("{entries} and {objects}: all match their hashes")),
        false => lines.push(format!(
            "{entries}, {objects}: {}",
            counted(verified.faults.len() as u64, "fault", "faults")
        )),
    }
    if unnamed > 0 {
        let objects = counted(unnamed, "object is", "objects are");
        lines.push(format!("{objects} named by no entry: a publication was interrupted, or an entry was removed (a checkpoint tells which)"));
    }
    match checkpoint {
        Some(checkpoint) if verified.faults.is_empty() => {
            let covered = checkpoint.size;
            lines.push(format!(
                "the checkpoint covers the first {covered} of these entries, which are unchanged"
            ));
        }
        Some(_) => {}
        None => lines.push("without a checkpoint, rewriting the whole store is not detected".to_owned()),
    }
    lines.join("\n")
}
