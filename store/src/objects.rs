//! Where are objects kept? Each in a file named by its hash, `objects/ab/cdef…`, which appears when it is complete and
//! on the disk.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use opus_runtime::Hash;
use opus_runtime::artifact::ARTIFACT_BYTES_MAX;

use crate::error::StoreError;
use crate::kind::{self, Kind};

const FOLDER: &str = "objects";
/// The file that is being written. The ledger's lock is held meanwhile, so there is one at most; if the process is killed, the
/// next one writes over it.
const UNFINISHED: &str = "unfinished";
/// A larger file is not read.
const BYTES_MAX: u64 = ARTIFACT_BYTES_MAX;

/// The file of an object.
pub(crate) fn path(store: &Path, object: Hash) -> PathBuf {
    let digits = object.to_string();
    store.join(FOLDER).join(&digits[..2]).join(&digits[2..])
}

/// Makes sure that an object is on the disk, under its name. The ledger's lock has to be held.
pub(crate) fn write(store: &Path, object: Hash, bytes: &[u8]) -> Result<(), StoreError> {
    let path = path(store, object);
    // what a killed process left; the lock is held
    let _ = fs::remove_file(store.join(FOLDER).join(UNFINISHED));
    if read_bytes(&path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    let objects = store.join(FOLDER);
    let folder = path.parent().expect("an object lies in a folder");
    let write = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let unfinished = objects.join(UNFINISHED);
        let mut file = File::create(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        [folder, &objects, store].into_iter().try_for_each(sync_folder)
    };
    write().map_err(|error| StoreError::io(&path, "written", &error))
}

/// Makes sure that the names in a folder are on the disk.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // other systems do not open folders
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The bytes of an object, which fit its name.
pub(crate) fn read(store: &Path, kind: Kind, object: Hash) -> Result<Vec<u8>, StoreError> {
    let path = path(store, object);
    let bytes = read_bytes(&path).map_err(|error| StoreError::io(&path, "read", &error))?;
    match kind::identify(&bytes) {
        Ok(found) if found == (kind, object) => Ok(bytes),
        Ok((found, _)) if found != kind => {
            Err(StoreError::file(format!("`{}` is {}, not {}", path.display(), found.says(), kind.says())))
        }
        Ok((_, found)) => Err(StoreError::file(format!("`{}` holds the object {found}", path.display()))),
        Err(error) => Err(StoreError { help: None, ..error }.at(format!("`{}` is damaged", path.display()))),
    }
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // a pipe would wait for somebody who writes to it
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    File::open(path)?.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX { Err(io::Error::other("it is too long")) } else { Ok(bytes) }
}

/// The names of all objects, in their order.
pub(crate) fn list(store: &Path) -> Result<Vec<Hash>, StoreError> {
    let objects = store.join(FOLDER);
    let mut found = Vec::new();
    for (folder, first) in names(&objects)? {
        if first == UNFINISHED {
            continue;
        }
        for (_, rest) in names(&folder)? {
            // what has another name is not an object
            found.extend(format!("{first}{rest}").parse::<Hash>().ok());
        }
    }
    found.sort();
    Ok(found)
}

fn names(folder: &Path) -> Result<Vec<(PathBuf, String)>, StoreError> {
    let unreadable = |error| StoreError::io(folder, "read", &error);
    let entries = match fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries.map_err(unreadable)?,
    };
    let named = |entry: io::Result<fs::DirEntry>| {
        let entry = entry.map_err(unreadable)?;
        Ok((entry.path(), entry.file_name().to_string_lossy().into_owned()))
    };
    entries.map(named).collect()
}
