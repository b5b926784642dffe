//! `opus build`: the artifact of a policy, and its native code in the cache.

use std::fs;
use std::path::{Path, PathBuf};

use opus_runtime::{Engine, Origin};
use serde_json::json;

use crate::args::Build;
use crate::failure::Failure;
use crate::open::open;
use crate::terminal::Terminal;

pub fn run(args: &Build, terminal: &Terminal) -> Result<(), Failure> {
    let opened = open(&args.policy, terminal)?;
    let target = args.output.clone().unwrap_or_else(|| args.policy.with_extension("opusc"));
    if target == args.policy {
        return Err(Failure::usage(format!("`{}` would be overwritten", target.display()))
            .help("name another file with -o"));
    }
    write(&target, opened.artifact.bytes())?;
    let (content, meaning) = (opened.artifact.content_hash(), opened.artifact.meaning_hash());
    let size_bytes = opened.artifact.bytes().len();
    let policy = opened.policy(Engine::Native, terminal);
    let native = match (policy.origin(), policy.prepare().columns_origin()) {
        (Some(Origin::Cached), Some(Origin::Cached)) => "was in the cache already",
        (Some(_), Some(_)) => "is in the cache",
        _ => "is not available here",
    };
    if terminal.is_json() {
        return terminal.print_json(&json!({
            "artifact": target.display().to_string(), "bytes": size_bytes,
            "content": content.to_string(), "meaning": meaning.to_string(), "native": native,
        }));
    }
    let lines = [
        format!("{}  {size_bytes} bytes", target.display()),
        format!("  content  {content}"),
        format!("  meaning  {meaning}"),
        format!("  native code {native}"),
    ];
    terminal.print(&format!("{}\n", lines.join("\n")))
}

/// Writes beside and renames, so that a reader never sees half of it.
fn write(target: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut beside = PathBuf::from(target);
    beside.set_extension(format!("opusc.{}", std::process::id()));
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, target));
    written.map_err(|error| {
        let _ = fs::remove_file(&beside);
        Failure::io(format!("`{}` cannot be written: {error}", target.display()))
    })
}
