//! How is a record opened? Its manifest is read and checked; the manifest says where everything else is.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use opus_ir::semantics::EXECUTED;
use opus_runtime::artifact::FORMATS_READ;
use opus_runtime::record::Salts;
use opus_runtime::{Artifact, Hash};

use super::facts::FileFacts;
use super::folder::within;
use super::manifest::Manifest;
use super::names;
use crate::error::DataError;
use crate::{Endpoint, Format, Intake, Located, Mapping};

/// A record on the disk. Only its manifest is known to be what was written.
pub struct Recorded {
    folder: PathBuf,
    /// Where paths begin that are not absolute.
    base: PathBuf,
    /// What it says.
    pub manifest: Manifest,
}

/// No manifest is as long.
const MANIFEST_BYTES_MAX: u64 = 1 << 28;

impl Recorded {
    /// Opens the record in a folder. Files outside of it are looked for where they were when it was written; paths that are
    /// not absolute begin in `base`.
    ///
    /// # Errors
    /// If the folder holds no record, its manifest was changed, or this version cannot execute its policy.
    pub fn open(folder: &Path, base: &Path) -> Result<Recorded, DataError> {
        if folder.is_file() {
            let message = format!("{}: a record is a folder, and this is a file", folder.display());
            return Err(DataError::input(message).remedy("name the folder that holds `manifest.json`"));
        }
        let path = folder.join(names::MANIFEST);
        let shown = path.display();
        let file = match File::open(&path) {
            Err(error) if is_absent(&error) => {
                let message = format!("{}: not a record: it has no {}", folder.display(), names::MANIFEST);
                return Err(DataError::input(message)
                    .remedy("name the folder that `opus batch --record` or `opus run --record` wrote"));
            }
            opened => opened.map_err(|error| DataError::unreadable(&shown.to_string(), &error))?,
        };
        let mut bytes = Vec::new();
        let read = file.take(MANIFEST_BYTES_MAX).read_to_end(&mut bytes);
        read.map_err(|error| DataError::unreadable(&shown.to_string(), &error))?;
        let text = String::from_utf8(bytes).map_err(|_| {
            DataError::input(format!("{shown}: it was changed since it was written: it is not UTF-8"))
        })?;
        let manifest =
            Manifest::from_json(&text).map_err(|why| DataError::input(format!("{shown}: {why}")))?;
        let record = Recorded { folder: folder.to_owned(), base: base.to_owned(), manifest };
        record.check_executable()?;
        Ok(record)
    }

    /// That this version executes the policy.
    fn check_executable(&self) -> Result<(), DataError> {
        let facts = &self.manifest.facts;
        let refused = |what: String| {
            let message = format!("{}: {what}", self.folder.display());
            Err(DataError::input(message).remedy(format!("version {} of Opus wrote the record", facts.build)))
        };
        if !EXECUTED.contains(&facts.artifact.semantics) {
            let (found, known) = (facts.artifact.semantics, listed(EXECUTED));
            return refused(format!("its policy has semantics {found}, and this version executes {known}"));
        }
        if !FORMATS_READ.contains(&facts.artifact.format) {
            let (found, known) = (facts.artifact.format, listed(&FORMATS_READ));
            return refused(format!(
                "its artifact has format {found}, and this version reads formats {known}"
            ));
        }
        Ok(())
    }

    /// The bytes of the artifact, which may have been changed.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn artifact_bytes(&self) -> Result<Vec<u8>, DataError> {
        self.read(names::ARTIFACT)
    }

    /// Every file of the record, wherever it is.
    ///
    /// # Errors
    /// If the record says that it holds a file outside of itself.
    pub fn files(&self) -> Result<Vec<Endpoint>, DataError> {
        let own = [self.manifest_path(), self.artifact_path()].into_iter().map(Ok);
        let named = self.manifest.files().map(|facts| self.place(facts));
        own.chain(named).map(|path| path.map(Endpoint::File)).collect()
    }

    /// Where the manifest is.
    pub fn manifest_path(&self) -> PathBuf {
        self.folder.join(names::MANIFEST)
    }

    /// Where the artifact is.
    pub fn artifact_path(&self) -> PathBuf {
        self.folder.join(names::ARTIFACT)
    }

    /// Where the snapshot is, if there is one.
    ///
    /// # Errors
    /// If the manifest names a place outside of the record.
    pub fn snapshot_path(&self) -> Result<Option<PathBuf>, DataError> {
        self.manifest.facts.snapshot.as_ref().map(|snapshot| self.place(&snapshot.file)).transpose()
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is in the folder, in order: the path of each file within it, and whether it is a link. Only folders of a
    /// record are looked into.
    pub(super) fn held(&self) -> Result<Vec<(String, bool)>, DataError> {
        let mut found = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let path = self.folder.join(&folder);
            let entries = fs::read_dir(&path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
            let unreadable = |error| DataError::unreadable(&path.display().to_string(), &error);
            for entry in entries.map_err(unreadable)? {
                let kind = entry.file_type().map_err(unreadable)?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let is_looked_into = !folder.is_empty() || names::FOLDERS.contains(&&*name);
                let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                match kind.is_dir() && is_looked_into {
                    true => folders.push(name),
                    false => found.push((name, kind.is_symlink())),
                }
            }
        }
        found.sort();
        Ok(found)
    }

    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, DataError> {
        let path = self.folder.join(name);
        fs::read(&path).map_err(|error| DataError::unreadable(&path.display().to_string(), &error))
    }

    /// Where a file is now.
    ///
    /// # Errors
    /// If the record says that it holds the file outside of itself.
    pub(super) fn place(&self, facts: &FileFacts) -> Result<PathBuf, DataError> {
        match &facts.copy {
            // as it was given, where that leads to the same
            None if self.base == Path::new(".") => Ok(PathBuf::from(&facts.file)),
            None => Ok(self.base.join(&facts.file)),
            Some(copy) => within(&self.folder, copy).ok_or_else(|| {
                DataError::input(format!(
                    "{}: `{copy}` is not a path within the record",
                    self.folder.display()
                ))
            }),
        }
    }

    /// A file of rows, where it is now, under the name that it had.
    pub(super) fn located(&self, facts: &FileFacts) -> Result<Located, DataError> {
        let format = facts.format.as_deref().unwrap_or_default();
        let format = Format::named(format).ok_or_else(|| {
            DataError::input(format!(
                "{}: the format `{format}` of {} is not known",
                self.folder.display(),
                facts.file
            ))
        })?;
        let endpoint = Endpoint::Copy { path: self.place(facts)?, of: PathBuf::from(&facts.file) };
        Ok(Located { endpoint, format })
    }

    /// What messages call a file: where it is.
    pub(super) fn shown(&self, facts: &FileFacts) -> String {
        self.place(facts).map_or_else(|_| facts.file.clone(), |path| path.display().to_string())
    }

    /// How the columns of the inputs map to fields.
    ///
    /// # Errors
    /// If the mapping file cannot be read, or does not fit the policy.
    pub(super) fn intake(&self, artifact: &Artifact) -> Result<Intake, DataError> {
        let schema = artifact.program().schema.clone();
        let facts = &self.manifest.facts;
        let mut mapping = match &facts.mapping {
            Some(mapping) => Mapping::read(&self.place(mapping)?, &schema)?,
            None => Mapping::by_name(&schema),
        };
        for fill in &facts.fill {
            mapping.parse_fill(fill, &schema, |name| name)?;
        }
        Ok(Intake { schema, mapping, keep: facts.keep.clone() })
    }

    /// The salts and the leaves, as the file holds them.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn leaves(&self) -> Result<(Salts, LeafReader), DataError> {
        let path = self.place(&self.manifest.leaves)?;
        let shown = path.display().to_string();
        if path.exists() && !path.is_file() {
            return Err(DataError::input(format!("{shown}: it is not a file")));
        }
        let file = File::open(&path).map_err(|error| DataError::unreadable(&shown, &error))?;
        let mut reader = LeafReader(BufReader::with_capacity(1 << 18, file));
        let key = reader.next().ok_or_else(|| DataError::input(format!("{shown}: the file is cut off")))?;
        Ok((Salts::from_key(key), reader))
    }
}

/// The hashes in a file, one after another. It ends where the file ends or cannot be read.
pub(super) struct LeafReader(BufReader<File>);

impl Iterator for LeafReader {
    type Item = Hash;

    fn next(&mut self) -> Option<Hash> {
        let mut bytes = [0; 32];
        self.0.read_exact(&mut bytes).ok().map(|()| Hash::from_bytes(bytes))
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Numbers in a sentence: `1`, or `1 and 2`.
fn listed(numbers: &[u32]) -> String {
    let texts: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    match texts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => texts.concat(),
    }
}
