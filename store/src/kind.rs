//! What can be published? One row for each kind: its name, how its bytes are recognised, and how the hash that names an
//! object is derived.

use std::fmt;

use opus_runtime::record::sealed;
use opus_runtime::{Hash, Snapshot, artifact, snapshot};

use crate::error::StoreError;

/// A kind of object.
///
/// ```
/// use opus_store::{Kind, kind};
/// let artifact = opus_runtime::example::artifact();
/// assert_eq!(kind::identify(artifact.bytes())?, (Kind::Artifact, artifact.content_hash()));
/// # Ok::<(), opus_store::StoreError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// A compiled policy.
    Artifact,
    /// Facts that policies take.
    Snapshot,
    /// The manifest of a record.
    Record,
}

struct Row {
    kind: Kind,
    /// As the ledger has it.
    name: &'static str,
    /// As a sentence has it.
    says: &'static str,
    recognises: fn(&[u8]) -> bool,
    /// The hash, if the bytes are whole.
    hash: fn(&[u8]) -> Result<Hash, String>,
}

const TABLE: &[Row] = &[
    Row {
        kind: Kind::Artifact,
        name: "artifact",
        says: "an artifact",
        recognises: |bytes| bytes.starts_with(&artifact::MAGIC),
        hash: |bytes| artifact::content_hash(bytes).map_err(|error| error.to_string()),
    },
    Row {
        kind: Kind::Snapshot,
        name: "snapshot",
        says: "a snapshot",
        recognises: |bytes| bytes.starts_with(&snapshot::MAGIC),
        hash: |bytes| Snapshot::from_bytes(bytes).map(|read| read.hash()).map_err(|error| error.to_string()),
    },
    Row {
        kind: Kind::Record,
        name: "record",
        says: "the manifest of a record",
        recognises: |bytes| manifest(bytes).is_some(),
        hash: |bytes| {
            let text = manifest(bytes).ok_or("it is not a manifest")?;
            sealed::unseal(text).map_err(|error| error.to_string())?;
            Ok(Hash::of(bytes))
        },
    },
];

/// The text of a manifest: a JSON object whose member `manifest` is the number of its format.
fn manifest(bytes: &[u8]) -> Option<&str> {
    #[derive(serde::Deserialize)]
    struct Stated {
        #[serde(rename = "manifest")]
        _format: u64,
    }
    let text = std::str::from_utf8(bytes).ok()?;
    serde_json::from_str::<Stated>(text).is_ok().then_some(text)
}

impl Kind {
    /// All kinds.
    pub fn all() -> impl Iterator<Item = Kind> {
        TABLE.iter().map(|row| row.kind)
    }

    fn row(self) -> &'static Row {
        TABLE.iter().find(|row| row.kind == self).expect("each kind has a row")
    }

    /// The name: `artifact`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The kind with this name.
    pub fn named(name: &str) -> Option<Kind> {
        TABLE.iter().find(|row| row.name == name).map(|row| row.kind)
    }

    /// The words for one of it: `an artifact`.
    pub fn says(self) -> &'static str {
        self.row().says
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The kind of an object, and the hash that names it.
///
/// # Errors
/// If the bytes are of no kind, or not as they were written.
pub fn identify(bytes: &[u8]) -> Result<(Kind, Hash), StoreError> {
    let Some(row) = TABLE.iter().find(|row| (row.recognises)(bytes)) else {
        let error = StoreError::file("it is not an artifact, a snapshot or the manifest of a record");
        return Err(match std::str::from_utf8(bytes) {
            Ok(text) if !text.trim_start().starts_with('{') => {
                error.help("to publish a policy, publish its artifact: `opus build` makes it from the source")
            }
            _ => error,
        });
    };
    let hash = (row.hash)(bytes).map_err(StoreError::file)?;
    Ok((row.kind, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_one_row() {
        for kind in Kind::all() {
            assert_eq!(Kind::named(kind.name()), Some(kind));
            assert_eq!(TABLE.iter().filter(|row| row.kind == kind || row.name == kind.name()).count(), 1);
        }
    }

    #[test]
    fn a_manifest_is_named_by_its_bytes_and_a_source_is_sent_to_the_compiler() {
        let sealed = sealed::seal(&serde_json::json!({ "manifest": 1, "verb": "batch" }));
        assert_eq!(identify(sealed.as_bytes()).unwrap(), (Kind::Record, Hash::of(sealed.as_bytes())));
        let changed = sealed.replace("batch", "match");
        assert!(identify(changed.as_bytes()).unwrap_err().message.contains("was changed"));
        let error = identify(b"policy shop { }").unwrap_err();
        assert!(
            error.message.contains("is not an artifact, a snapshot or the manifest of a record"),
            "{error}"
        );
        assert!(error.help.unwrap().contains("`opus build`"));
        assert_eq!(identify(&[0xFF, 0]).unwrap_err().help, None);
    }
}
