//! `opus build`: the artifact of a policy, and its native code in the cache.

use opus_runtime::cache::CacheDir;
use opus_runtime::{Artifact, Engine, Options, Origin, Policy};
use serde_json::{Value, json};

use crate::args::Build;
use crate::failure::{Exit, Failure};
use crate::open::open;
use crate::places::writable;
use crate::summary::grouped;
use crate::terminal::Terminal;
use opus_data::{Place, Target, apart};

pub fn run(args: &Build, terminal: &Terminal) -> Result<(), Failure> {
    let source = Place::new(&args.policy);
    let target = match (&args.output, &source) {
        (Some(path), _) => Place::new(path),
        (None, Place::File(path)) => Place::File(path.with_extension("opusc")),
        (None, Place::Standard) => {
            return Err(Failure::usage("standard input has no name to derive the artifact's from")
                .help("name the artifact with -o"));
        }
    };
    apart(&[&source], &[&target])?;
    writable(&target)?;
    let opened = open(&args.policy, terminal)?;
    let bytes = opened.artifact.bytes().to_vec();
    Target::write_whole(&target, &bytes)?;
    let native = NativeCode::keep(&bytes)?;
    let (content, meaning) = (opened.artifact.content_hash(), opened.artifact.meaning_hash());
    let human = [
        format!("{target}  {} bytes", grouped(bytes.len() as u64)),
        format!("  artifact hash  {content}"),
        format!("  meaning hash   {meaning}"),
        format!("  native code    {}", native.in_words()),
    ];
    let json = json!({
        "artifact": target.to_string(), "bytes": bytes.len(),
        "content": content.to_string(), "meaning": meaning.to_string(), "native": native.json(),
    });
    terminal.report(&human.join("\n"), &json, target == Place::Standard)
}

/// What happened to the native code; if it is kept, the next start need not compile.
enum NativeCode {
    /// It was already in the cache.
    Found,
    /// It was compiled and is now in the cache.
    Kept,
    /// It was compiled but could not be kept.
    Lost,
    /// It is unavailable, for this reason.
    Unavailable(String),
}

impl NativeCode {
    /// Compiles the code and keeps it. Loading it shows that it was kept.
    fn keep(bytes: &[u8]) -> Result<NativeCode, Failure> {
        let first = start(bytes)?;
        if let Some(why) = first.fallback() {
            return Ok(NativeCode::Unavailable(why.to_owned()));
        }
        Ok(match (was_cached(&first), was_cached(&start(bytes)?)) {
            (true, _) => NativeCode::Found,
            (false, true) => NativeCode::Kept,
            (false, false) => NativeCode::Lost,
        })
    }

    fn in_words(&self) -> String {
        let folder =
            folder().unwrap_or_else(|| "a cache (set OPUS_CACHE_DIR, XDG_CACHE_HOME or HOME)".into());
        match self {
            NativeCode::Found => format!("was in {folder} already"),
            NativeCode::Kept => format!("compiled, and kept in {folder}"),
            NativeCode::Lost => {
                format!("cannot be kept in {folder}: every start compiles it again")
            }
            NativeCode::Unavailable(why) => format!("is not available here ({why}): the vm decides"),
        }
    }

    fn json(&self) -> Value {
        let (state, why) = match self {
            NativeCode::Found => ("found", None),
            NativeCode::Kept => ("kept", None),
            NativeCode::Lost => ("not kept", None),
            NativeCode::Unavailable(why) => ("unavailable", Some(why)),
        };
        json!({ "state": state, "cache": folder(), "why": why })
    }
}

/// Opens the policy as the next process will, with the code for rows and for columns.
fn start(bytes: &[u8]) -> Result<Policy, Failure> {
    let artifact = Artifact::from_bytes(bytes)
        .map_err(|error| Failure::new(Exit::Artifact, format!("the artifact that was written: {error}")))?;
    Ok(Policy::from_artifact(artifact, &Options { engine: Engine::Native, ..Options::default() }))
}

fn was_cached(policy: &Policy) -> bool {
    [policy.origin(), policy.columns_origin()] == [Some(Origin::Cached); 2]
}

fn folder() -> Option<String> {
    CacheDir::of_environment().map(|folder| folder.path().display().to_string())
}
