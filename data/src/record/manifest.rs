//! What does a record say about itself? Its `manifest.json`, which `spec/manifest.schema.json` describes.

use opus_runtime::Hash;
use opus_runtime::record::sealed;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::facts::{Facts, FileFacts};

/// The number of the form, which every manifest states as `manifest`.
pub const FORMAT: u32 = 1;

/// Everything in a record, by name, size and hash.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The number of the form.
    pub manifest: u32,
    /// What was done.
    pub verb: Verb,
    /// What was decided, from what, by what.
    #[serde(flatten)]
    pub facts: Facts,
    /// The file of the leaves.
    pub leaves: FileFacts,
    /// The tree over the rows.
    pub tree: TreeFacts,
}

/// The commands that leave a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Files were decided.
    Batch,
    /// One JSON object was decided.
    Run,
}

/// The tree over the rows of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TreeFacts {
    /// How many rows it has.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

impl Manifest {
    /// The text of the file.
    pub fn to_json(&self) -> String {
        sealed::seal(self)
    }

    /// Reads the text of the file.
    ///
    /// # Errors
    /// In words, if it is not what was written, or has a form that is not known.
    pub fn from_json(text: &str) -> Result<Manifest, String> {
        #[derive(Deserialize)]
        struct Stated {
            manifest: u64,
        }
        let whole = text;
        let text = sealed::unseal(whole).map_err(|error| error.to_string())?;
        let invalid = |error: serde_json::Error| format!("it is not the manifest of a record: {error}");
        let Stated { manifest } = serde_json::from_str(&text).map_err(invalid)?;
        if manifest != u64::from(FORMAT) {
            return Err(format!("the record has format {manifest}, and this version reads format {FORMAT}"));
        }
        let manifest: Manifest = serde_json::from_str(&text).map_err(invalid)?;
        match manifest.to_json() == whole {
            true => Ok(manifest),
            false => Err(manifest.other_members(&text)),
        }
    }

    /// In words, how a text differs from what this manifest would say.
    fn other_members(&self, text: &str) -> String {
        let own = serde_json::to_value(self).expect("texts and numbers can be written as JSON");
        let found = serde_json::from_str(text).expect("it was read before");
        match unknown("", &found, &own) {
            Some(member) => {
                format!("it is not the manifest of a record: a manifest has no member `{member}`")
            }
            None => "it is not written as a manifest is: it was formatted anew".to_owned(),
        }
    }

    /// All files but the artifact, wherever they are.
    pub fn files(&self) -> impl Iterator<Item = &FileFacts> {
        let Facts { snapshot, mapping, inputs, output, rejects, .. } = &self.facts;
        let snapshot = snapshot.iter().map(|snapshot| &snapshot.file);
        snapshot.chain(mapping).chain(inputs).chain([output]).chain(rejects).chain([&self.leaves])
    }
}

/// The path of the first member that is not in the other value.
fn unknown(path: &str, found: &Value, own: &Value) -> Option<String> {
    match (found, own) {
        (Value::Object(found), Value::Object(own)) => found.iter().find_map(|(name, value)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match own.get(name) {
                Some(own) => unknown(&path, value, own),
                None => Some(path),
            }
        }),
        (Value::Array(found), Value::Array(own)) => {
            found.iter().zip(own).find_map(|(found, own)| unknown(path, found, own))
        }
        _ => None,
    }
}
