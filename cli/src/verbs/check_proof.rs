//! `opus check-proof`: is a row in the tree with this root, and what was decided?

use std::fmt::Write;
use std::path::Path;

use opus_data::record::Manifest;
use opus_runtime::record::{Outcome, Proof};
use opus_runtime::{Hash, Record};
use serde::Serialize;

use crate::args::CheckProof;
use crate::failure::{Exit, Failure};
use crate::open::{open, read};
use crate::summary::grouped;
use crate::terminal::Terminal;

pub fn run(args: &CheckProof, terminal: &Terminal) -> Result<(), Failure> {
    let Published { root: expected, manifest } = published(&args.root)?;
    let name = args.proof.display();
    let invalid = |why: String| Failure::io(format!("`{name}`: {why}"));
    let text = String::from_utf8(read(&args.proof)?)
        .map_err(|_| invalid("it was changed since it was written: it is not UTF-8".to_owned()))?;
    let proof = Proof::from_json(&text).map_err(|error| invalid(error.to_string()))?;
    let not_proved =
        |why: String| Failure::new(Exit::Policy, format!("`{name}` does not prove row {}: {why}", proof.row));
    let found = proof.root().map_err(|error| not_proved(error.to_string()))?;
    if found != expected {
        return Err(not_proved(format!("it leads to the root {found}, not to {expected}"))
            .help("the proof belongs to another record, or was forged"));
    }
    if let Some(manifest) = &manifest
        && manifest.facts.artifact.content != proof.record.artifact
    {
        return Err(not_proved("its artifact is not the one in the manifest".to_owned()));
    }
    if let Some(manifest) = &manifest {
        let snapshot = manifest.facts.snapshot.as_ref().map(|snapshot| snapshot.content);
        if snapshot != proof.record.snapshot {
            return Err(not_proved("its snapshot is not the one in the manifest".to_owned()));
        }
        if manifest.tree.size != proof.size {
            let (found, size) = (proof.size, manifest.tree.size);
            return Err(not_proved(format!("it is of a tree of {found} rows, and the manifest has {size}")));
        }
    }
    if let Some(policy) = &args.policy {
        let opened = open(policy, terminal)?;
        proof.check_names(&opened.artifact).map_err(|error| not_proved(error.to_string()))?;
    }
    if !terminal.is_json() {
        return terminal.print(&format!("{}\n", human(&proof, args.policy.is_some(), manifest.is_some())));
    }
    let checked = Checked {
        row: proof.row,
        size: proof.size,
        root: found,
        names_checked: args.policy.is_some(),
        integers: proof.integers.iter().map(ToString::to_string).collect(),
        record: &proof.record,
    };
    let text = serde_json::to_string_pretty(&checked).expect("a record can be written as JSON");
    terminal.print(&format!("{text}\n"))
}

/// What was checked, for programs. Amounts keep all their digits.
#[derive(Serialize)]
struct Checked<'a> {
    row: u64,
    size: u64,
    root: Hash,
    names_checked: bool,
    integers: Vec<String>,
    record: &'a Record,
}

/// What the row is checked against.
struct Published {
    root: Hash,
    /// The manifest that holds the root, if one was given.
    manifest: Option<Manifest>,
}

/// The root, from its digits or from a manifest.
fn published(text: &str) -> Result<Published, Failure> {
    if let Ok(root) = text.parse() {
        return Ok(Published { root, manifest: None });
    }
    let path = Path::new(text);
    if !path.is_file() {
        return Err(Failure::usage(format!("`{text}` is neither a root nor a manifest"))
            .help("write the 64 digits of the root, or the path of the record's manifest.json"));
    }
    let manifest = String::from_utf8(read(path)?).map_err(|_| "it is not UTF-8".to_owned());
    let manifest = manifest.and_then(|text| Manifest::from_json(&text));
    let manifest = manifest.map_err(|why| Failure::io(format!("`{text}`: {why}")))?;
    Ok(Published { root: manifest.tree.root, manifest: Some(manifest) })
}

fn human(proof: &Proof, names_are_checked: bool, has_manifest: bool) -> String {
    let mut out = format!("proved: row {} of {}\n", proof.row, grouped(proof.size));
    let Record { outcome, input, .. } = &proof.record;
    // writing to a string cannot fail
    let _ = match outcome {
        Outcome::Decided { outputs, rule, version, .. } => {
            for ((name, value), integer) in outputs.0.iter().zip(&proof.integers) {
                let _ = writeln!(out, "  {name}: {value}  (the integer {integer})");
            }
            writeln!(out, "  by rule {} of version {}", rule.id, version.number)
        }
        Outcome::Refused { reasons, .. } => {
            for reason in reasons {
                let _ = writeln!(out, "  refused: {} {}", reason.field, reason.code);
            }
            Ok(())
        }
    };
    let _ = input.map(|input| writeln!(out, "  input {input}"));
    if !has_manifest {
        out += "not checked: which artifact and snapshot decided, which `--root MANIFEST` compares\n";
    }
    let is_refused = matches!(outcome, Outcome::Refused { .. });
    out += match names_are_checked {
        true if is_refused => "not covered: the values and messages of a refusal",
        true => "its names and texts are those of the policy",
        false => "not checked: its names and texts, which `--policy POLICY` compares with the policy",
    };
    out
}
