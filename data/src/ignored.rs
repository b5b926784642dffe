//! Which columns are ignored, and in which files are they?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The columns that no field reads and that are not kept, with the files that hold them.
///
/// ```
/// use opus_data::Ignored;
/// let mut ignored = Ignored::default();
/// ignored.add(&"a.csv".into(), ["id".to_owned()]);
/// ignored.add(&"b.csv".into(), ["id".to_owned(), "note".to_owned()]);
/// assert_eq!(ignored.names().collect::<Vec<_>>(), ["id", "note"]);
/// assert_eq!(ignored.files("id").collect::<Vec<_>>(), ["a.csv", "b.csv"]);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ignored(BTreeMap<String, BTreeSet<Arc<str>>>);

impl Ignored {
    /// Adds the names of columns of a file.
    pub fn add(&mut self, file: &Arc<str>, names: impl IntoIterator<Item = String>) {
        for name in names {
            self.0.entry(name).or_default().insert(file.clone());
        }
    }

    /// Adds those of other files.
    pub fn extend(&mut self, other: &Ignored) {
        for (name, files) in &other.0 {
            self.0.entry(name.clone()).or_default().extend(files.iter().cloned());
        }
    }

    /// The names, in alphabetical order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The files that hold a column, in alphabetical order.
    pub fn files(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).into_iter().flatten().map(|file| &**file)
    }
}
