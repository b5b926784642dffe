//! `opus publish`: an object gets a name and a place in the ledger.

use std::path::Path;

use opus_runtime::{Artifact, Cache};
use opus_store::minisign::Signature;
use opus_store::{
    Entry, Kind, Publication, Signed, Standing, Statement, Store, StoreError, Trust, kind, publish,
};
use serde_json::json;

use crate::args::Publish;
use crate::failure::{Exit, Failure};
use crate::open::read;
use crate::stored::{self, entry_json, now, parsed, trust};
use crate::terminal::Terminal;

pub fn run(args: &Publish, terminal: &Terminal) -> Result<(), Failure> {
    let name = args.name.parse().map_err(|error| Failure::usage(format!("--name: {error}")))?;
    let bytes = read(&args.file)?;
    let (kind, _) = kind::identify(&bytes).map_err(|error| of_file(&args.file, error))?;
    if kind == Kind::Artifact {
        // what could not be loaded again is not published
        Artifact::from_bytes_with(&bytes, &Cache::OfEnvironment)
            .map_err(|error| Failure::new(Exit::Artifact, format!("`{}`: {error}", args.file.display())))?;
    }
    let signed: Vec<Signed> = args.signature.iter().map(|path| signed(path)).collect::<Result<_, _>>()?;
    let trust = trust(terminal)?;
    if let Some(trust) = &trust {
        for (path, Signed { statement, signature }) in args.signature.iter().zip(&signed) {
            let checked = trust.holder(statement, signature, now()?.day());
            checked.map_err(|error| of_file(path, error))?;
        }
    }
    let claimed = args.recorded_at.as_ref().map(|text| stored::past("--recorded-at", text)).transpose()?;
    let publication = Publication { name, bytes, publisher: args.by.clone(), claimed, signed, trust };
    let store = &terminal.from().store;
    let entry = publish(store, &publication, now()?)?;
    if entry.is_claimed && !entry.signatures.is_empty() {
        terminal.note(
            "the time is claimed: until an entry without --recorded-at follows, these signatures count only as long as their keys have not expired",
        );
    }
    let standing =
        publication.trust.as_ref().map(|trust| standing(store, &entry, trust)).transpose()?.flatten();
    let mut json = entry_json(&entry);
    if let Some((signed, required, in_force)) = standing {
        json["standing"] = json!({ "signed": signed, "required": required, "in_force": in_force });
    }
    let signatures = match standing {
        None => entry.signatures.len().to_string(),
        Some((signed, required, true)) => format!("{signed} of {required}: in force now"),
        Some((signed, required, false)) => format!("{signed} of {required}: pending"),
    };
    let replaces = entry.replaces.map_or("nothing".to_owned(), |hash| hash.to_string());
    let human = [
        format!("{} is entry {} of {}", entry.name, entry.number, store.display()),
        format!("  {:<10}  {}", entry.kind.name(), entry.object),
        format!("  {:<10}  {replaces}", "replaces"),
        format!("  {:<10}  {}", "time", stored::time(&entry)),
        format!("  {:<10}  {}", "signatures", signatures),
    ];
    terminal.report(&human.join("\n"), &json, false)
}

/// How many of the required holders have signed a publication, and whether it is in force; `None` if the trust file does
/// not have the name.
fn standing(store: &Path, entry: &Entry, trust: &Trust) -> Result<Option<(usize, usize, bool)>, Failure> {
    let Some(required) = trust.required(&entry.name) else { return Ok(None) };
    let store = Store::open(store)?;
    let pending = store.pending(&entry.name, trust, now()?)?;
    if let Some(found) = pending.iter().find(|pending| pending.entry.number == entry.number) {
        return Ok(Some((found.holders.len(), required, false)));
    }
    let selected = store.select(&entry.name, None, Some(trust), now()?)?;
    let Standing::Signed { holders, .. } = selected.standing else { return Ok(None) };
    Ok(Some((holders.len(), required, selected.entry.object == entry.object)))
}

/// A signature, and the statement beside it.
fn signed(path: &Path) -> Result<Signed, Failure> {
    let signature: Signature = parsed(path)?;
    let beside = path.to_str().and_then(|text| text.strip_suffix(".minisig")).map(Path::new);
    let Some(beside) = beside.filter(|beside| beside.exists()) else {
        return Err(Failure::io(format!(
            "`{}`: the statement that it signs is not next to it",
            path.display()
        ))
        .help(
            "a signature `X.minisig` belongs to the statement `X` in the same folder; `opus sign` writes both",
        ));
    };
    let statement: Statement = parsed(beside)?;
    Ok(Signed { statement, signature })
}

/// An error with the file that it is about.
pub(super) fn of_file(path: &Path, error: StoreError) -> Failure {
    Failure::from(StoreError { message: format!("`{}`: {}", path.display(), error.message), ..error })
}
