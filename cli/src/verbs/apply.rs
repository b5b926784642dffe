//! `opus apply`: applies a script of edits, or some of them, to a policy.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use opus_data::error::in_words;
use opus_data::{Endpoint, Target, apart};
use opus_govern::diff::{ApplyError, EditId, Script};
use serde_json::json;

use crate::args::Apply;
use crate::endpoints::writable;
use crate::failure::Failure;
use crate::open::Named;
use crate::terminal::Terminal;

/// The most bytes of a script. A longer file is no script of ours: a source has far fewer.
const SCRIPT_BYTES_MAX: u64 = 1 << 28;

pub fn run(args: &Apply, terminal: &Terminal) -> Result<(), Failure> {
    let policy = Named::new(&args.policy);
    let (target, file) = (Endpoint::new(&args.output), Endpoint::new(&args.script));
    let inputs = [Endpoint::new(&policy.path), file];
    if inputs == [Endpoint::Standard, Endpoint::Standard] {
        return Err(Failure::usage("standard input can be read only once").help("name a file for the script"));
    }
    apart(&[&inputs[0], &inputs[1]], &[&target])?;
    writable(&target)?;
    let script = read(&args.script)?;
    let script = if args.invert { script.inverted() } else { script };
    let only = args.only.as_ref().map(|only| closed(&script, only)).transpose()?;
    let from = policy.structure_based(None, args.unverified, terminal)?;
    from.note_basis(terminal);
    let applied = match &only {
        None => script.apply(&from.structure),
        Some(only) => script.hybrid(&from.structure, only),
    };
    let name = args.script.display();
    let source = applied.map_err(|error| refused(&name.to_string(), &args.policy, error))?.to_source();
    Target::write_whole(&target, source.as_bytes())?;
    let (compiled, diagnostics) = opus_frontend::compile(&source);
    if let (None, Some(first)) = (compiled, diagnostics.iter().find(|found| found.is_error())) {
        terminal.note(&format!("{target}: this policy does not compile: {}", first.message));
    }
    let edits: Vec<EditId> = script
        .edits
        .iter()
        .map(|edit| edit.id)
        .filter(|id| !id.decides || only.as_ref().is_none_or(|only| only.contains(id)))
        .collect();
    let human = format!("{target}: {} of {} edits applied", edits.len(), script.edits.len());
    let json = json!({ "policy": target.to_string(), "edits": edits });
    terminal.report(&human, &json, target == Endpoint::Standard)
}

fn read(path: &Path) -> Result<Script, Failure> {
    let name = path.display();
    let mut text = Vec::new();
    let bytes = match path.as_os_str() == "-" {
        true => std::io::stdin().lock().take(SCRIPT_BYTES_MAX).read_to_end(&mut text),
        false => {
            std::fs::File::open(path).and_then(|file| file.take(SCRIPT_BYTES_MAX).read_to_end(&mut text))
        }
    };
    bytes.map_err(|error| Failure::io(format!("`{name}` cannot be read: {}", in_words(&error))))?;
    serde_json::from_slice(&text).map_err(|error| {
        Failure::io(format!("`{name}` is not a script of edits: {error}"))
            .help("`opus diff A B -o FILE` writes one")
    })
}

/// The named edits, which must hold what they need.
fn closed(script: &Script, only: &[String]) -> Result<BTreeSet<EditId>, Failure> {
    let named: Result<BTreeSet<EditId>, String> = only.iter().map(|id| id.trim().parse()).collect();
    let named = named.map_err(Failure::usage)?;
    if let Some(unknown) = named.iter().find(|id| !script.edits.iter().any(|edit| edit.id == **id)) {
        return Err(unknown_edit(*unknown, script));
    }
    let closed = script.closed(&named);
    let listed = |ids: &mut dyn Iterator<Item = &EditId>| ids.map(EditId::to_string).collect::<Vec<_>>();
    let missing = listed(&mut closed.difference(&named));
    if missing.is_empty() {
        return Ok(named);
    }
    let needing = script.edits.iter().filter(|edit| closed.contains(&edit.id));
    let needing: Vec<String> = needing
        .filter(|edit| edit.needs.iter().any(|need| !named.contains(need)))
        .map(|edit| format!("{} needs {}", edit.id, listed(&mut edit.needs.iter()).join(", ")))
        .collect();
    let whole = listed(&mut closed.iter()).join(",");
    Err(Failure::usage(format!("`--only` leaves out {}: {}", missing.join(", "), needing.join("; ")))
        .help(format!("write `--only {whole}`")))
}

fn unknown_edit(id: EditId, script: &Script) -> Failure {
    let known: Vec<String> = script.deciding().map(|edit| edit.id.to_string()).collect();
    let failure = Failure::usage(format!("the script has no edit {id}"));
    if known.is_empty() { failure } else { failure.help(format!("its edits are {}", known.join(", "))) }
}

fn refused(script: &str, policy: &Path, error: ApplyError) -> Failure {
    let failure = Failure::io(format!("`{script}`: {error}"));
    match error {
        ApplyError::OtherPolicy { .. } => failure.help(format!(
            "`{}` is not the policy from which the script was made; `--invert` applies it to the second one",
            policy.display()
        )),
        ApplyError::Changed => failure.help("make the script again with `opus diff`"),
        ApplyError::Format(_) | ApplyError::UnknownEdit(_) => failure,
    }
}
