//! `opus key new`: a secret key and its public key.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use opus_data::error::in_words;
use opus_store::minisign::SecretKey;
use serde_json::json;

use crate::args::{Key, KeyNew, KeyVerb};
use crate::failure::Failure;
use crate::terminal::Terminal;

pub fn run(args: &Key, terminal: &Terminal) -> Result<(), Failure> {
    let KeyVerb::New(args) = &args.verb;
    new(args, terminal)
}

fn new(args: &KeyNew, terminal: &Terminal) -> Result<(), Failure> {
    let [secret, public] = ["key", "pub"].map(|end| with_end(&args.output, end));
    if let Some(path) = [&secret, &public].into_iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(Failure::usage(format!("`{}` exists, and keys are not replaced", path.display()))
            .help("name another pair with -o, or move the file away"));
    }
    let key = SecretKey::generate()?;
    key.write_new(&secret)?;
    let written =
        fs::File::create_new(&public).and_then(|mut file| file.write_all(key.public().to_file().as_bytes()));
    written.map_err(|error| {
        Failure::io(format!("`{}` cannot be written: {}", public.display(), in_words(&error)))
    })?;
    let (id, line) = (key.public().id().to_string(), key.public().to_string());
    let human = [
        format!("secret key  {}  not encrypted: anyone who can read it can sign", secret.display()),
        format!("public key  {}", public.display()),
        format!("key id      {id}"),
        format!("            {line}"),
    ];
    let json = json!({ "secret": secret.display().to_string(), "public": public.display().to_string(), "id": id, "key": line });
    terminal.report(&human.join("\n"), &json, false)
}

/// The path with `.` and an end appended: the name may have dots in it.
pub(super) fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut text = path.as_os_str().to_owned();
    text.push(".");
    text.push(end);
    PathBuf::from(text)
}
