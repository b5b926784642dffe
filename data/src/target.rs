//! How does a file appear only when it is complete? It is written without a name, or under another one beside it,
//! and gets its name when its bytes are on the disk: a failure leaves nothing behind, and what was there before stays.
//!
//! Where several files belong together, all of them are [ended](Target::end) before the first gets its name. On Linux the file has no name while it is written, where the file system knows such files, so that nothing
//! remains of it either when the process is killed. A target that is no regular file (a pipe, a device) is written
//! as it is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::endpoint::{Endpoint, folder_of, is_special, resolved};
use super::hash::{Digest, Digesting};
use crate::error::DataError;

/// How much is gathered before it is written.
const BUFFER_BYTES: usize = 1 << 18;

/// A file that is being written; it appears under its name when it is [complete](Target::complete).
///
/// ```
/// use opus_data::{Endpoint, Target};
/// use std::io::Write;
/// let path = std::env::temp_dir().join(format!("opus-target-{}.txt", std::process::id()));
/// let mut target = Target::create(&Endpoint::File(path.clone()))?;
/// target.write_all(b"all of it")?;
/// assert!(!path.exists());
/// target.complete()?;
/// assert_eq!(std::fs::read(&path)?, b"all of it");
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Target {
    name: String,
    writer: Option<BufWriter<Box<dyn Write + Send>>>,
    unnamed: Option<Unnamed>,
    /// What was written so far, where that is wanted.
    digesting: Option<Digesting>,
    /// Whether it is handed to the disk in the end.
    is_lasting: bool,
}

/// A file that is complete, and has not its name yet; without one it is gone.
#[must_use]
pub struct Whole {
    name: String,
    unnamed: Option<Unnamed>,
    digest: Option<Digest>,
}

/// A file that has not its name yet.
struct Unnamed {
    /// The name that it will have.
    path: PathBuf,
    file: File,
    part: Part,
}

/// Where the file is meanwhile.
enum Part {
    /// Nowhere: it goes with the process.
    Nameless,
    /// Beside its place.
    Beside(PathBuf),
    /// At its place.
    Named,
}

impl Target {
    /// Begins to write. A [copy](Endpoint::Copy) is made to be compared, and is not handed to the disk.
    ///
    /// # Errors
    /// Where the file cannot be created.
    pub fn create(endpoint: &Endpoint) -> Result<Target, DataError> {
        let name = match endpoint {
            Endpoint::Standard => "standard output".to_owned(),
            Endpoint::File(path) | Endpoint::Copy { path, .. } => path.display().to_string(),
        };
        let unwritable = |error: io::Error| DataError::unwritable(&name, &error);
        let (writer, unnamed): (Box<dyn Write + Send>, _) = match endpoint {
            Endpoint::Standard => (Box::new(io::stdout()), None),
            Endpoint::File(path) | Endpoint::Copy { path, .. } if is_special(path) => {
                (Box::new(OpenOptions::new().write(true).open(path).map_err(unwritable)?), None)
            }
            Endpoint::File(path) | Endpoint::Copy { path, .. } => {
                // a link is followed, also where it leads to no file yet: the file behind it is replaced
                let (file, unnamed) = Unnamed::create(resolved(path)).map_err(unwritable)?;
                (Box::new(file), Some(unnamed))
            }
        };
        let writer = Some(BufWriter::with_capacity(BUFFER_BYTES, writer));
        let is_lasting = !matches!(endpoint, Endpoint::Copy { .. });
        Ok(Target { name, writer, unnamed, digesting: None, is_lasting })
    }

    /// The same file, whose bytes are hashed as they are written: [`Whole::digest`].
    pub fn hashed(mut self) -> Target {
        self.digesting = Some(Digesting::default());
        self
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// If it cannot be written; then what was there before is still there.
    pub fn write_whole(endpoint: &Endpoint, bytes: &[u8]) -> Result<(), DataError> {
        let mut target = Target::create(endpoint)?;
        target.write_all(bytes).map_err(|error| target.failure(&error))?;
        target.complete()
    }

    /// Ends writing, and gives the file its name.
    ///
    /// # Errors
    /// If it cannot be written or named; then nothing is left behind.
    pub fn complete(self) -> Result<(), DataError> {
        self.end()?.name()
    }

    /// Ends writing: everything is handed to the disk, so that a name never stands for half a file, whatever happens
    /// to the machine.
    ///
    /// # Errors
    /// If it cannot be written; then nothing is left behind.
    pub fn end(mut self) -> Result<Whole, DataError> {
        let flushed = self.writer.take().map_or(Ok(()), |mut writer| writer.flush());
        let lasting = self.unnamed.as_ref().filter(|_| self.is_lasting);
        let kept = flushed.and_then(|()| lasting.map_or(Ok(()), |unnamed| unnamed.file.sync_all()));
        kept.map_err(|error| self.failure(&error))?;
        let digest = self.digesting.as_ref().map(Digesting::digest);
        Ok(Whole { name: std::mem::take(&mut self.name), unnamed: self.unnamed.take(), digest })
    }

    /// The error that something could not be written.
    pub fn failure(&self, error: &io::Error) -> DataError {
        DataError::unwritable(&self.name, error)
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.writer.as_mut().map_or(Ok(0), |writer| writer.write(bytes))?;
        self.digesting.iter_mut().for_each(|digesting| digesting.update(&bytes[..count]));
        Ok(count)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digesting.iter_mut().for_each(|digesting| digesting.update(bytes));
        self.writer.as_mut().map_or(Ok(()), |writer| writer.write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), |writer| writer.flush())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            // what was gathered for an incomplete file is not written
            drop(writer.into_parts());
        }
    }
}

impl Whole {
    /// The digest of the file, where it was [wanted](Target::hashed).
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Opens the file for reading, before it has its name.
    ///
    /// # Errors
    /// Where it cannot be read, as a pipe or a standard stream.
    pub fn open(&self) -> Result<File, DataError> {
        let opened = match &self.unnamed {
            None => Err(io::Error::other("it is a stream")),
            Some(unnamed) => unnamed.open(),
        };
        opened.map_err(|error| DataError::unreadable(&self.name, &error))
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// If it cannot be named; then nothing is left behind.
    pub fn name(self) -> Result<(), DataError> {
        let named = self.unnamed.map_or(Ok(()), Unnamed::name);
        named.map_err(|error| DataError::unwritable(&self.name, &error))
    }

    /// Gives the file its name before another file gets its own: even where the machine stops between the two, the
    /// other never stands without this one.
    ///
    /// # Errors
    /// As [`Whole::name`].
    pub fn name_before(self, other: Whole) -> Result<(), DataError> {
        let folder = self.unnamed.as_ref().map(|unnamed| folder_of(&unnamed.path).to_owned());
        self.name()?;
        // not every system knows how to keep the names of a folder
        let _ = folder.map(|folder| File::open(folder).and_then(|folder| folder.sync_all()));
        other.name()
    }
}

impl Unnamed {
    fn create(path: PathBuf) -> io::Result<(File, Unnamed)> {
        if path.is_dir() {
            return Err(io::Error::other("it is a folder"));
        }
        let before = fs::metadata(&path).ok();
        if before.as_ref().is_some_and(|before| before.permissions().readonly()) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file there is read-only"));
        }
        let (file, part) = match nameless(folder_of(&path)) {
            Some(file) => (file, Part::Nameless),
            None => {
                let create = |beside: &Path| OpenOptions::new().write(true).create_new(true).open(beside);
                let (file, beside) = at_free_name(&path, create)?;
                (file, Part::Beside(beside))
            }
        };
        let unnamed = Unnamed { path, file: file.try_clone()?, part };
        if let Some(before) = before {
            // the replacement keeps the permissions of what was there, if they can be set
            let _ = file.set_permissions(before.permissions());
        }
        Ok((file, unnamed))
    }

    fn open(&self) -> io::Result<File> {
        match &self.part {
            Part::Nameless => File::open(open_path(&self.file)),
            Part::Beside(path) => File::open(path),
            Part::Named => File::open(&self.path),
        }
    }

    fn name(mut self) -> io::Result<()> {
        if let Part::Nameless = &self.part {
            // a link never replaces a file, and renaming does
            let ((), beside) = at_free_name(&self.path, |beside| link(&self.file, beside))?;
            self.part = Part::Beside(beside);
        }
        if let Part::Beside(beside) = &self.part {
            fs::rename(beside, &self.path)?;
        }
        self.part = Part::Named;
        Ok(())
    }
}

impl Drop for Unnamed {
    fn drop(&mut self) {
        if let Part::Beside(beside) = &self.part {
            // there is no one left to report a failure to
            let _ = fs::remove_file(beside);
        }
    }
}

/// A new file in a folder that has no name there.
#[cfg(target_os = "linux")]
fn nameless(folder: &Path) -> Option<File> {
    use rustix::fs::{Mode, OFlags};
    // it gets its name by way of this folder
    let can_be_named = Path::new(OPEN_FILES).is_dir();
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH;
    rustix::fs::open(folder, flags, mode).ok().filter(|_| can_be_named).map(File::from)
}

#[cfg(not(target_os = "linux"))]
fn nameless(_: &Path) -> Option<File> {
    None
}

/// The files that this process has open, as Linux shows them.
#[cfg(target_os = "linux")]
const OPEN_FILES: &str = "/proc/self/fd";

/// The path by which a file without a name can be opened.
#[cfg(target_os = "linux")]
fn open_path(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    format!("{OPEN_FILES}/{}", file.as_raw_fd()).into()
}

/// No file is without a name.
#[cfg(not(target_os = "linux"))]
fn open_path(_: &File) -> PathBuf {
    PathBuf::new()
}

/// Gives a file without a name this name.
#[cfg(target_os = "linux")]
fn link(file: &File, path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    Ok(linkat(CWD, open_path(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

#[cfg(not(target_os = "linux"))]
fn link(_: &File, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// So many names are tried beside a target.
const TRIES: u32 = 1000;

/// Makes something at a name beside `path` that nothing has yet.
fn at_free_name<T>(path: &Path, make: impl Fn(&Path) -> io::Result<T>) -> io::Result<(T, PathBuf)> {
    let name = path.file_name().ok_or_else(|| io::Error::other("there is no file name"))?;
    let process = std::process::id();
    for attempt in 0..TRIES {
        let mut beside_name = std::ffi::OsString::from(".");
        beside_name.push(name);
        beside_name.push(format!(".{process}-{attempt}.part"));
        let beside = path.with_file_name(beside_name);
        match make(&beside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            made => return made.map(|made| (made, beside)),
        }
    }
    Err(io::Error::other("there is no free name for a file beside it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("opus-target-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_when_it_is_complete_and_not_before() {
        let folder = scratch("complete");
        let path = folder.join("out.csv");
        fs::write(&path, "before").unwrap();
        let mut target = Target::create(&Endpoint::File(path.clone())).unwrap();
        target.write_all(b"after").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        target.complete().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "after");
        assert_eq!(names(&folder), ["out.csv"]);
    }

    #[test]
    fn a_file_that_is_given_up_leaves_nothing_behind() {
        let folder = scratch("given-up");
        let mut target = Target::create(&Endpoint::File(folder.join("out.csv"))).unwrap();
        target.write_all(&vec![b'x'; BUFFER_BYTES * 2]).unwrap();
        drop(target);
        assert_eq!(names(&folder), [""; 0]);
    }

    #[test]
    fn a_file_that_cannot_get_its_name_leaves_nothing_behind() {
        let folder = scratch("no-name");
        let path = folder.join("out.csv");
        let target = Target::create(&Endpoint::File(path.clone())).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(target.complete().is_err());
        assert_eq!(names(&folder), ["out.csv"]);
    }

    #[test]
    fn files_that_belong_together_appear_when_all_are_whole() {
        let folder = scratch("together");
        let target = |name: &str| Target::create(&Endpoint::File(folder.join(name))).unwrap();
        let (first, second) = (target("a").end().unwrap(), target("b").end().unwrap());
        assert_eq!(names(&folder), [""; 0]);
        first.name_before(second).unwrap();
        assert_eq!(names(&folder), ["a", "b"]);
        // where the first cannot have its name, the second does not get its own
        let (first, second) = (target("c").end().unwrap(), target("d").end().unwrap());
        fs::create_dir(folder.join("c")).unwrap();
        assert!(first.name_before(second).is_err());
        assert_eq!(names(&folder), ["a", "b", "c"]);
    }

    #[test]
    fn a_file_beside_its_place_is_named_and_removed_like_one_without_a_name() {
        let folder = scratch("beside");
        let path = folder.join("out.csv");
        let create = |beside: &Path| File::create_new(beside);
        let beside = || {
            let (file, beside) = at_free_name(&path, create).unwrap();
            Unnamed { path: path.clone(), file, part: Part::Beside(beside) }
        };
        let given_up = beside();
        assert_eq!(names(&folder).len(), 1);
        drop(given_up);
        assert_eq!(names(&folder), [""; 0]);
        beside().name().unwrap();
        assert_eq!(names(&folder), ["out.csv"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_is_replaced_keeps_its_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let path = scratch("permissions").join("out.csv");
        fs::write(&path, "before").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        Target::write_whole(&Endpoint::File(path.clone()), b"after").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        // who made it read-only wanted it to stay
        fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
        let failure = Target::write_whole(&Endpoint::File(path.clone()), b"later").unwrap_err();
        assert!(failure.message.ends_with("cannot be written: the file there is read-only"), "{failure}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "after");
    }
}
