//! `opus prove-row`: one row of a record, without the others.

use opus_data::record::Recorded;
use opus_data::{Endpoint, Target};
use opus_runtime::Engine;
use serde_json::json;

use crate::args::ProveRow;
use crate::endpoints::writable;
use crate::failure::Failure;
use crate::open::open;
use crate::progress::Shown;
use crate::summary::grouped;
use crate::terminal::Terminal;

pub fn run(args: &ProveRow, terminal: &Terminal) -> Result<(), Failure> {
    let target = Endpoint::new(&args.output);
    writable(&target)?;
    let recorded = Recorded::open(&args.record, &args.base)?;
    let policy = open(&recorded.artifact_path(), terminal)?.policy(Engine::Vm, terminal);
    let shown = Shown::new(terminal);
    let proof = recorded.prove(args.row, &policy, &|progress| shown.update(progress));
    shown.clear();
    let proof = proof?;
    Target::write_whole(&target, proof.to_json().as_bytes())?;
    let root = recorded.manifest.tree.root;
    let human = format!("row {} of {}, root {root}", proof.row, grouped(proof.size));
    let json = json!({ "row": proof.row, "size": proof.size, "root": root });
    terminal.report(&human, &json, target == Endpoint::Standard)
}
