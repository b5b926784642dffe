//! `opus build`: the artifact of a policy, and its native code in the cache.

use opus_runtime::cache::CacheDir;
use opus_runtime::{Engine, Options, Origin, Policy};
use serde_json::{Value, json};

use crate::args::Build;
use crate::endpoints::writable;
use crate::failure::Failure;
use crate::open::open_with_warnings;
use crate::summary::grouped;
use crate::terminal::Terminal;
use opus_data::{Endpoint, Target, apart};

pub fn run(args: &Build, terminal: &Terminal) -> Result<(), Failure> {
    let source = Endpoint::new(&args.policy);
    let target = match (&args.output, &source) {
        (Some(path), _) => Endpoint::new(path),
        (None, Endpoint::File(path) | Endpoint::Copy { path, .. }) => {
            Endpoint::File(path.with_extension("opusc"))
        }
        (None, Endpoint::Standard) => {
            return Err(Failure::usage("standard input has no name to derive the artifact's from")
                .help("name the artifact with -o"));
        }
    };
    apart(&[&source], &[&target])?;
    writable(&target)?;
    let artifact = open_with_warnings(&args.policy, terminal)?.into_artifact();
    Target::write_whole(&target, artifact.bytes())?;
    // the artifact is verified, and the next process need not do that again
    if let Some(directory) = CacheDir::of_environment() {
        directory.sweep();
        artifact.note_in(&directory);
    }
    let (content, meaning, length) =
        (artifact.content_hash(), artifact.meaning_hash(), artifact.bytes().len());
    let options = Options { engine: Engine::Native, ..Options::default() };
    // without its facts there is nothing to compile yet
    let native = Policy::from_artifact(artifact, &options);
    let native = native.map_or(NativeCode::Later, |policy| NativeCode::of(&policy));
    let human = [
        format!("{target}  {} bytes", grouped(length as u64)),
        format!("  artifact hash  {content}"),
        format!("  meaning hash   {meaning}"),
        format!("  native code    {}", native.in_words()),
    ];
    let json = json!({
        "artifact": target.to_string(), "bytes": length,
        "content": content.to_string(), "meaning": meaning.to_string(), "native": native.json(),
    });
    terminal.report(&human.join("\n"), &json, target == Endpoint::Standard)
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
    /// It is compiled when the policy gets its facts.
    Later,
}

impl NativeCode {
    /// Has the code for rows and for columns compiled and stored.
    fn of(policy: &Policy) -> NativeCode {
        if let Some(why) = policy.fallback() {
            return NativeCode::Unavailable(why.to_owned());
        }
        match [policy.origin(), policy.columns_origin()] {
            [Some(Origin::Cached), Some(Origin::Cached)] => NativeCode::Found,
            origins if origins.contains(&Some(Origin::Compiled)) => NativeCode::Lost,
            _ => NativeCode::Kept,
        }
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
            NativeCode::Later => "is compiled when a snapshot gives the policy its facts".to_owned(),
        }
    }

    fn json(&self) -> Value {
        let (state, why) = match self {
            NativeCode::Found => ("found", None),
            NativeCode::Kept => ("kept", None),
            NativeCode::Lost => ("not kept", None),
            NativeCode::Unavailable(why) => ("unavailable", Some(why)),
            NativeCode::Later => ("with a snapshot", None),
        };
        json!({ "state": state, "cache": folder(), "why": why })
    }
}

fn folder() -> Option<String> {
    CacheDir::of_environment().map(|folder| folder.path().display().to_string())
}
