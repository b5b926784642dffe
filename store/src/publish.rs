//! How is something published? First the object is written, and then an entry is added to the ledger. So an entry never
//! names an object that does not exist.

use std::fs;
use std::path::Path;

use opus_runtime::Hash;

use crate::entry::Entry;
use crate::error::StoreError;
use crate::kind;
use crate::ledger::{self, Ledger};
use crate::minisign::Signature;
use crate::name::Name;
use crate::objects;
use crate::select::Base;
use crate::statement::Statement;
use crate::store::sound;
use crate::time::Time;
use crate::trust::Trust;

/// The longest text that names a publisher, in bytes.
pub const PUBLISHER_BYTES_MAX: usize = 200;
/// The most signatures in one entry.
pub const SIGNATURES_MAX: usize = 100;

/// What is to be published.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Publication {
    /// The name.
    pub name: Name,
    /// The object.
    pub bytes: Vec<u8>,
    /// Who publishes it, as they say.
    pub publisher: Option<String>,
    /// The time that the publisher claims; `None` for the time at which it is published.
    pub claimed: Option<Time>,
    /// Signatures, with what they sign.
    pub signed: Vec<Signed>,
    /// The trust file that says what is in force, which is what the publication replaces. Without one, it replaces what
    /// was published last, signed or not.
    pub trust: Option<Trust>,
}

/// A statement and a signature of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    /// What was signed.
    pub statement: Statement,
    /// The signature. Publishing does not check it: whoever loads does, with a trust file.
    pub signature: Signature,
}

impl Publication {
    /// A publication without publisher, claimed time, signatures and trust file.
    pub fn new(name: Name, bytes: Vec<u8>) -> Publication {
        Publication { name, bytes, publisher: None, claimed: None, signed: Vec::new(), trust: None }
    }
}

/// Publishes an object in a store, which is created if it does not exist. The entry gets the time `now`, or the time of the
/// entry before if that is later. When this returns, entry and object are on the disk; if the process is killed before,
/// either both are there or the ledger is as it was.
///
/// ```
/// use opus_store::{Publication, publish};
/// # let folder = std::env::temp_dir().join(format!("opus-store-{}-publish", std::process::id()));
/// # let _ = std::fs::remove_dir_all(&folder);
/// let artifact = opus_runtime::example::artifact();
/// let publication = Publication::new("loan".parse()?, artifact.bytes().to_vec());
/// let entry = publish(&folder, &publication, "2026-02-01T09:30:00Z".parse()?)?;
/// assert_eq!((entry.number, entry.object, entry.replaces), (1, artifact.content_hash(), None));
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the object is of no known kind or damaged, the claimed time is not between the last entry and now, a signature is of
/// another statement than the publication's, or the store cannot be written.
pub fn publish(store: &Path, publication: &Publication, now: Time) -> Result<Entry, StoreError> {
    let (kind, object) = kind::identify(&publication.bytes)?;
    check_publisher(publication.publisher.as_deref())?;
    if publication.signed.len() > SIGNATURES_MAX {
        return Err(StoreError::request(format!("an entry has at most {SIGNATURES_MAX} signatures")));
    }
    let parent = store.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let created = fs::create_dir_all(store).and_then(|()| objects::sync_folder(parent));
    created.map_err(|error| StoreError::io(store, "written", &error))?;
    let path = store.join(ledger::FILE);
    let failed = |error: rusqlite::Error| ledger::damaged(&path, &error);
    let mut ledger = Ledger::create(store)?;
    let addition = ledger.begin().map_err(failed)?;
    let found = addition.read().map_err(failed)?;
    let entries: Vec<Entry> = found.into_iter().map(|found| sound(found, &path)).collect::<Result<_, _>>()?;
    let last = entries.last();
    let name = &publication.name;
    if let Some(before) = entries.iter().rfind(|entry| entry.name == *name && entry.kind != kind) {
        let number = before.number;
        let (found, before) = (kind.says(), before.kind.says());
        return Err(StoreError::request(format!(
            "`{name}` has named {before} since entry {number}, but this is {found}"
        ))
        .help("publish it under another name"));
    }
    let base = Base::of(&entries, name, object, publication.trust.as_ref(), now);
    let signed = publication.signed.first().map(|signed| signed.statement.replaces);
    let replaces = signed.filter(|signed| base.allows(*signed)).unwrap_or(base.replaces);
    let statement = Statement { name: name.clone(), object, replaces };
    for signed in &publication.signed {
        check_statement(&signed.statement, &statement, base.entry, publication.trust.is_some())?;
    }
    let entry = Entry {
        number: last.map_or(1, |last| last.number + 1),
        name: publication.name.clone(),
        kind,
        object,
        publisher: publication.publisher.clone(),
        time: time(publication.claimed, last, now)?,
        is_claimed: publication.claimed.is_some(),
        replaces,
        signatures: publication.signed.iter().map(|signed| signed.signature.clone()).collect(),
    };
    objects::write(store, object, &publication.bytes)?;
    addition.commit(&entry).map_err(failed)?;
    // the entry is safe already; readers only find less in the log
    let _ = ledger.settle();
    Ok(entry)
}

fn check_publisher(publisher: Option<&str>) -> Result<(), StoreError> {
    let is_wrong = |text: &str| {
        text.is_empty() || text.len() > PUBLISHER_BYTES_MAX || text.chars().any(char::is_control)
    };
    match publisher.filter(|text| is_wrong(text)) {
        None => Ok(()),
        Some(_) => Err(StoreError::request(format!(
            "the publisher must be a text of 1 to {PUBLISHER_BYTES_MAX} bytes without control characters"
        ))),
    }
}

/// The time of an entry.
fn time(claimed: Option<Time>, last: Option<&Entry>, now: Time) -> Result<Time, StoreError> {
    let Some(claimed) = claimed else { return Ok(last.map_or(now, |last| last.time.max(now))) };
    if claimed > now {
        return Err(StoreError::request(format!("{claimed} is in the future: it is now {now}")));
    }
    match last.filter(|last| claimed < last.time) {
        Some(last) => Err(StoreError::request(format!(
            "{claimed} is before the last entry: entry {} is of {}",
            last.number, last.time
        ))
        .help(
            "entries are in the order of their times: record a late correction with the time at which you make it",
        )),
        None => Ok(claimed),
    }
}

/// That what was signed is what is published.
fn check_statement(
    signed: &Statement,
    published: &Statement,
    base: Option<&Entry>,
    has_trust: bool,
) -> Result<(), StoreError> {
    let wrong = |what: String| StoreError::signature(what);
    if signed == published {
        return Ok(());
    }
    if signed.name != published.name {
        return Err(wrong(format!(
            "the signature is for the name `{}`, not `{}`",
            signed.name, published.name
        )));
    }
    if signed.object != published.object {
        return Err(wrong(format!(
            "the signature is for the object {}, but this is {}",
            signed.object, published.object
        )));
    }
    let says = |hash: Option<Hash>| hash.map_or("nothing".to_owned(), |hash| hash.to_string());
    let (name, signed) = (&published.name, says(signed.replaces));
    Err(match base {
        Some(base) if has_trust => wrong(format!(
            "the signed statement replaces {signed}, but by the trust file {} is in force as `{name}`, since entry {} of {}",
            base.object, base.number, base.time
        ))
        .help("look at that entry with `opus show`, and sign again with `--trust FILE`"),
        Some(base) => wrong(format!(
            "the signed statement replaces {signed}, but `{name}` has meant {} since entry {} of {}: somebody published in the meantime",
            base.object, base.number, base.time
        ))
        .help(
            "look at that entry with `opus show`, and sign again; with `--trust FILE`, publications that lack signatures do not count",
        ),
        None => wrong(format!("the signed statement replaces {signed}, but nothing has been published as `{name}`"))
            .help("publish in the store that the statement was made for"),
    })
}
