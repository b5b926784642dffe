//! How does a folder appear only when it is complete? It is built under another name in the same parent folder, and
//! renamed when everything in it is on the disk.
//!
//! A killed process leaves the unfinished, hidden folder behind. A process holds a lock on the folder that it builds.
//! The next process that builds a folder in the same place removes those without a lock.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use crate::Digest;
use crate::endpoint::folder_of;
use crate::error::{DataError, in_words};
use crate::hash::Digesting;

/// What the names of unfinished folders end with.
const UNFINISHED: &str = ".unfinished";

/// A folder that is being built.
pub struct Building {
    /// Where it will be.
    place: PathBuf,
    /// Where it is meanwhile; `None` when it has its name.
    beside: Option<PathBuf>,
    /// Held until it has its name.
    _lock: Option<File>,
}

impl Building {
    /// Begins a folder. There may be an empty folder in its place.
    ///
    /// # Errors
    /// If there is something else in its place, or nothing can be written there.
    pub fn begin(place: &Path) -> Result<Building, DataError> {
        check_free(place)?;
        let unwritable = |error: io::Error| DataError::unwritable(&place.display().to_string(), &error);
        let Some(name) = place.file_name() else {
            return Err(DataError::request(format!(
                "{}: a record needs a folder with a name",
                place.display()
            )));
        };
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(name);
        prefix.push(".");
        remove_abandoned(folder_of(place), &prefix.to_string_lossy());
        for attempt in 0..1000 {
            let mut beside_name = prefix.clone();
            beside_name.push(format!("{}-{attempt}{UNFINISHED}", std::process::id()));
            let beside = folder_of(place).join(beside_name);
            match fs::create_dir(&beside) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made.map_err(unwritable)?,
            }
            // without a lock, where folders have none, an abandoned folder stays
            let lock = File::open(&beside).ok().filter(|folder| folder.try_lock().is_ok());
            return Ok(Building { place: place.to_owned(), beside: Some(beside), _lock: lock });
        }
        Err(unwritable(io::Error::other("there is no free name for a folder beside it")))
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.beside.as_ref().unwrap_or(&self.place).join(name)
    }

    /// Begins a file in it; folders in its name are made.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn create(&self, name: &str) -> Result<Written, DataError> {
        let path = self.path(name);
        let shown = self.place.join(name).display().to_string();
        let create = || {
            fs::create_dir_all(folder_of(&path))?;
            File::create_new(&path)
        };
        let file = create().map_err(|error| DataError::unwritable(&shown, &error))?;
        Ok(Written {
            name: shown,
            file: io::BufWriter::with_capacity(1 << 18, file),
            digesting: Digesting::default(),
        })
    }

    /// Writes a whole file in it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<Digest, DataError> {
        let mut file = self.create(name)?;
        file.write(bytes)?;
        file.end()
    }

    /// Copies what a reader holds to a file in it.
    ///
    /// # Errors
    /// If it cannot be read or written; `from` is what messages call the reader.
    pub fn copy(&self, name: &str, from: &str, reader: &mut dyn Read) -> Result<Digest, DataError> {
        let mut file = self.create(name)?;
        each_part(from, reader, &mut |part| file.write(part))?;
        file.end()
    }

    /// Hands everything to the disk.
    ///
    /// # Errors
    /// If that is not possible.
    pub fn sync(&self) -> Result<(), DataError> {
        // not every system knows how to keep the names of a folder
        if cfg!(unix) {
            let folder = self.path("");
            let synced = folders_below(&folder)
                .and_then(|folders| folders.iter().try_for_each(|folder| File::open(folder)?.sync_all()));
            synced.map_err(|error| DataError::unwritable(&self.place.display().to_string(), &error))?;
        }
        Ok(())
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// If something has the name by now.
    pub fn name(mut self) -> Result<(), DataError> {
        check_free(&self.place)?;
        let beside = self.beside.take().expect("a folder gets its name once");
        if let Err(error) = fs::rename(&beside, &self.place) {
            self.beside = Some(beside);
            return Err(DataError::unwritable(&self.place.display().to_string(), &error));
        }
        let _ = File::open(folder_of(&self.place)).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            // there is no one left to report a failure to
            let _ = fs::remove_dir_all(beside);
        }
    }
}

/// Checks that the place for a folder is free, or holds an empty folder.
///
/// # Errors
/// If something is.
pub fn check_free(place: &Path) -> Result<(), DataError> {
    let shown = place.display();
    let occupied = |what: &str| {
        DataError::request(format!("{shown}: {what}"))
            .remedy("name another folder: a record never overwrites anything")
    };
    match fs::read_dir(place) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) if place.join(super::names::MANIFEST).exists() => {
                Err(occupied("there is already a record"))
            }
            Some(_) => Err(occupied("the folder is not empty")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => match folder_of(place).is_dir() {
            true => Ok(()),
            false => Err(DataError::output(format!(
                "{shown}: cannot be written: there is no folder {}",
                folder_of(place).display()
            ))),
        },
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(occupied("there is already a file"))
        }
        Err(error) => Err(DataError::output(format!("{shown}: cannot be written: {}", in_words(&error)))),
    }
}

/// Removes unfinished folders whose process is gone.
fn remove_abandoned(folder: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(prefix)?.strip_suffix(UNFINISHED));
        let is_ours =
            number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'));
        if !is_ours || !entry.file_type().is_ok_and(|found| found.is_dir()) {
            continue;
        }
        let Ok(held) = File::open(entry.path()) else { continue };
        match held.try_lock() {
            Ok(()) => drop(fs::remove_dir_all(entry.path())),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
}

fn folders_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = vec![folder.to_owned()];
    let mut at = 0;
    while let Some(folder) = folders.get(at).cloned() {
        at += 1;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(folders)
}

/// A file of a folder that is being built.
pub struct Written {
    name: String,
    file: io::BufWriter<File>,
    digesting: Digesting,
}

impl Written {
    /// Writes the next bytes.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        self.digesting.update(bytes);
        self.file.write_all(bytes).map_err(|error| DataError::unwritable(&self.name, &error))
    }

    /// Ends the file, and hands it to the disk.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn end(mut self) -> Result<Digest, DataError> {
        let ended = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        ended.map_err(|error| DataError::unwritable(&self.name, &error))?;
        Ok(self.digesting.digest())
    }
}

/// Reads to the end, a part at a time.
///
/// # Errors
/// If something cannot be read, or a part is not taken.
pub fn each_part(
    name: &str,
    reader: &mut dyn Read,
    take: &mut dyn FnMut(&[u8]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut buffer = vec![0; 1 << 18];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => take(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(DataError::unreadable(name, &error)),
        }
    }
}

/// A path within a folder, as a record states it; `None` if it leads out of the folder.
pub fn within(folder: &Path, path: &str) -> Option<PathBuf> {
    let inside = Path::new(path);
    let is_plain = inside.components().all(|part| matches!(part, Component::Normal(_)));
    (is_plain && !path.is_empty()).then(|| folder.join(inside))
}
