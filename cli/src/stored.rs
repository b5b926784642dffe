//! Which publication does a name in a store refer to? The one that `--store`, `--known-at` and `--trust` select.

use std::path::Path;
use std::time::SystemTime;

use opus_runtime::Hash;
use opus_store::{
    Checkpoint, Entry, ErrorKind, Kind, Name, Pending, Selected, Standing, Store, StoreError, Time, Trust,
};
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};
use crate::open::read;
use crate::terminal::Terminal;

/// Names the trust file where `--trust` does not.
pub const TRUST: &str = "OPUS_TRUST";

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        let exit = match error.kind {
            ErrorKind::Request => Exit::Usage,
            ErrorKind::Absent | ErrorKind::File => Exit::Io,
            ErrorKind::Signature => Exit::Policy,
        };
        Failure { exit, message: error.message, help: error.help }
    }
}

/// The time of this machine's clock.
///
/// # Errors
/// If it is beyond the year 9999.
pub fn now() -> Result<Time, Failure> {
    Time::of_clock(SystemTime::now()).ok_or_else(|| Failure::io("this machine's clock is wrong: set it"))
}

/// The time that an option gives.
///
/// # Errors
/// If it is not an instant, or is in the future.
pub fn past(option: &str, text: &str) -> Result<Time, Failure> {
    let time: Time = text.parse().map_err(|error| Failure::usage(format!("{option}: {error}")))?;
    match now()? {
        now if time > now => {
            Err(Failure::usage(format!("{option}: {time} is in the future: it is now {now}")))
        }
        _ => Ok(time),
    }
}

/// The text of a small file that a command line names.
///
/// # Errors
/// If it cannot be read.
pub fn text(path: &Path) -> Result<String, Failure> {
    let wrong = |_| Failure::io(format!("`{}` is not UTF-8 text", path.display()));
    String::from_utf8(read(path)?).map_err(wrong)
}

/// What a small file that a command line names says.
///
/// # Errors
/// If it cannot be read, or says something else.
pub fn parsed<T>(path: &Path) -> Result<T, Failure>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text(path)?.parse().map_err(|error| Failure::io(format!("`{}`: {error}", path.display())))
}

/// The store of a command line.
///
/// # Errors
/// If there is none, or it cannot be read.
pub fn store(terminal: &Terminal) -> Result<Store, Failure> {
    Ok(Store::open(&terminal.from().store)?)
}

/// The time of `--known-at`.
///
/// # Errors
/// If it is not an instant, or is in the future.
pub fn known_at(terminal: &Terminal) -> Result<Option<Time>, Failure> {
    terminal.known_at().map(|text| past("--known-at", text)).transpose()
}

/// The trust file of `--trust` or the environment.
///
/// # Errors
/// If it cannot be read, or is wrong.
pub fn trust(terminal: &Terminal) -> Result<Option<Trust>, Failure> {
    let of_environment = || std::env::var_os(TRUST).filter(|path| !path.is_empty()).map(Into::into);
    let Some(path) = terminal.from().trust.clone().or_else(of_environment) else { return Ok(None) };
    let trust = Trust::from_toml(&text(&path)?);
    Ok(Some(trust.map_err(|error| StoreError {
        message: format!("`{}`: {}", path.display(), error.message),
        ..error
    })?))
}

/// Selects the publication of a name.
///
/// # Errors
/// If nothing is selected.
pub fn select(store: &Store, name: &Name, terminal: &Terminal) -> Result<Selected, Failure> {
    Ok(store.select(name, known_at(terminal)?, trust(terminal)?.as_ref(), now()?)?)
}

/// The bytes of a kind that a name stands for. What was selected is told, and named in the result.
///
/// # Errors
/// If nothing is selected, or it is of another kind or damaged.
pub fn load(name: &Name, kind: Kind, terminal: &Terminal) -> Result<Vec<u8>, Failure> {
    let (known_at, trust, now) = (known_at(terminal)?, trust(terminal)?, now()?);
    let found = Store::open(&terminal.from().store).and_then(|store| {
        let selected = store.select(name, known_at, trust.as_ref(), now)?;
        Ok((store, selected))
    });
    let (store, selected) = found.map_err(|error| match error.kind {
        ErrorKind::Absent => {
            StoreError { message: format!("there is no file `{name}`, and {}", error.message), ..error }
        }
        _ => error,
    })?;
    if selected.entry.kind != kind {
        let (found, kind) = (selected.entry.kind.says(), kind.says());
        return Err(Failure::io(format!("`{name}` is {found} in the store, but {kind} is needed")));
    }
    let bytes = store.object(kind, selected.entry.object)?;
    terminal.note(&format!("{name}: {}", line(&selected)));
    selected.pending.iter().for_each(|pending| terminal.note(&format!("{name}: pending: {pending}")));
    terminal.selected(json(&selected));
    Ok(bytes)
}

/// The bytes of an object of a kind. Its signatures are not checked.
///
/// # Errors
/// If a trust file asks for signatures, or the store has no such object.
pub fn load_hash(hash: Hash, kind: Kind, terminal: &Terminal) -> Result<Vec<u8>, Failure> {
    if trust(terminal)?.is_some() {
        return Err(Failure::usage(format!("a hash has no signatures: `{hash}`"))
            .help(format!("with a trust file, give the name under which the {} is published", kind.name())));
    }
    let bytes = store(terminal)?.object(kind, hash)?;
    terminal.note(&format!("{} {hash}: signatures not checked", kind.name()));
    Ok(bytes)
}

/// What was selected, in a line.
fn line(selected: &Selected) -> String {
    let Selected { entry, standing, .. } = selected;
    format!("{} {}, entry {} of {}, {standing}", entry.kind, entry.object, entry.number, time(entry))
}

/// The time of an entry, and whether it was claimed.
pub fn time(entry: &Entry) -> String {
    format!("{}{}", entry.time, if entry.is_claimed { " (claimed)" } else { "" })
}

/// What was selected, for programs.
pub fn json(selected: &Selected) -> Value {
    let mut value = entry_json(&selected.entry);
    value["signed"] = match &selected.standing {
        Standing::NotChecked => json!("not checked"),
        Standing::Signed { holders, required } => json!({ "holders": holders, "required": required }),
    };
    let pending = |pending: &Pending| {
        let mut value = entry_json(&pending.entry);
        value["signed"] = json!({ "holders": pending.holders, "required": pending.required, "discounted": pending.discounted });
        value
    };
    value["pending"] = selected.pending.iter().map(pending).collect();
    value
}

/// An entry, for programs.
pub fn entry_json(entry: &Entry) -> Value {
    json!({
        "entry": entry.number,
        "name": entry.name.as_str(),
        "kind": entry.kind.name(),
        "object": entry.object.to_string(),
        "publisher": entry.publisher,
        "time": entry.time.to_string(),
        "claimed": entry.is_claimed,
        "replaces": entry.replaces.map(|hash| hash.to_string()),
        "signatures": entry.signatures.iter().map(|one| json!({ "key": one.key().to_string(), "text": one.text() })).collect::<Vec<_>>(),
        "leaf": entry.leaf().to_string(),
    })
}

/// A checkpoint, for programs.
pub fn checkpoint_json(checkpoint: &Checkpoint) -> Value {
    json!({ "size": checkpoint.size, "root": checkpoint.root.to_string() })
}
