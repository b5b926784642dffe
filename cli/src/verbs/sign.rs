//! `opus sign`: signs the statement that an object is published under a name and replaces another object.

use std::path::PathBuf;

use opus_data::{Endpoint, Target, apart};
use opus_store::minisign::SecretKey;
use opus_store::{ErrorKind, Name, Statement, Store, kind};
use serde_json::json;

use super::key::with_end;
use crate::args::Sign;
use crate::failure::Failure;
use crate::open::read;
use crate::stored::{now, parsed, trust};
use crate::terminal::Terminal;

pub fn run(args: &Sign, terminal: &Terminal) -> Result<(), Failure> {
    let name: Name = args.name.parse().map_err(|error| Failure::usage(format!("--name: {error}")))?;
    let target = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.statement")));
    if target.as_os_str() == "-" {
        return Err(Failure::usage("a statement and its signature are two files")
            .help("name the statement with -o FILE"));
    }
    let beside = with_end(&target, "minisig");
    let targets = [Endpoint::new(&target), Endpoint::new(&beside)];
    let sources: Vec<Endpoint> =
        [Some(&args.file), args.key.as_ref()].into_iter().flatten().map(|path| Endpoint::new(path)).collect();
    apart(&sources.iter().collect::<Vec<_>>(), &targets.iter().collect::<Vec<_>>())?;
    let (_, object) =
        kind::identify(&read(&args.file)?).map_err(|error| super::publish::of_file(&args.file, error))?;
    let (statement, is_new) = match Store::open(&terminal.from().store) {
        Ok(store) => (store.statement(&name, object, trust(terminal)?.as_ref(), now()?)?, false),
        Err(error) if error.kind == ErrorKind::Absent => (Statement { name, object, replaces: None }, true),
        Err(error) => return Err(error.into()),
    };
    let secret: Option<SecretKey> = args.key.as_ref().map(|path| parsed(path)).transpose()?;
    let text = statement.to_string();
    let signature =
        secret.map(|secret| secret.sign(text.as_bytes(), &format!("opus publish {}", statement.name)));
    Target::write_whole(&targets[0], text.as_bytes())?;
    if let Some(signature) = &signature {
        Target::write_whole(&targets[1], signature.text().as_bytes())?;
    }
    if is_new {
        terminal.note(&format!(
            "there is no store at `{}` yet: the statement replaces nothing",
            terminal.from().store.display()
        ));
    }
    let replaces = statement.replaces.map_or("nothing".to_owned(), |hash| hash.to_string());
    let mut human = format!(
        "name       {}\nobject     {}\nreplaces   {replaces}\nstatement  {}",
        statement.name,
        statement.object,
        target.display()
    );
    match &signature {
        Some(signature) => human += &format!("\nsignature  {}, by key {}", beside.display(), signature.key()),
        None => human += &format!("\nnot signed: `minisign -S -s KEY -m {}` signs it", target.display()),
    }
    let json = json!({
        "name": statement.name.as_str(),
        "object": statement.object.to_string(),
        "replaces": statement.replaces.map(|hash| hash.to_string()),
        "statement": target.display().to_string(),
        "signature": signature.as_ref().map(|_| beside.display().to_string()),
        "key": signature.as_ref().map(|signature| signature.key().to_string()),
    });
    terminal.report(&human, &json, false)
}
