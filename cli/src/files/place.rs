//! Where do rows come from, and where do they go? Files, folders of files in the order of their names, standard
//! input and output.
//!
//! A file is written beside its target and renamed when it is complete, so that a failure leaves nothing behind
//! and what was there before stays. A target that is no regular file (a pipe, a device) is written as it is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::format::Format;
use crate::failure::Failure;

/// A file, or a standard stream.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// A file at this path.
    File(PathBuf),
    /// Standard input or standard output: `-`.
    Standard,
}

/// A place in a known format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Located {
    /// Where.
    pub place: Place,
    /// In which format.
    pub format: Format,
}

impl Place {
    /// The place that the command line names: `-` is a standard stream.
    pub fn new(path: &Path) -> Place {
        if path.as_os_str() == "-" { Place::Standard } else { Place::File(path.to_owned()) }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::File(path) => path.display().fmt(f),
            Place::Standard => f.write_str("-"),
        }
    }
}

/// The files that inputs stand for: a folder is every file in it of a known format, in the order of the names.
///
/// # Errors
/// Where there is no such file, a folder holds none, a format is unknown, or standard input comes twice.
pub fn inputs(paths: &[PathBuf], format: Option<Format>) -> Result<Vec<Located>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        match Place::new(path) {
            Place::Standard => {
                let format = format.ok_or_else(|| unnamed("--input-format"))?;
                found.push(Located { place: Place::Standard, format });
            }
            Place::File(path) if path.is_dir() => folder(&path, format, &mut found)?,
            Place::File(path) => {
                let format = format.map_or_else(|| Format::of_path(&path, "--input-format"), Ok)?;
                found.push(Located { place: Place::File(path), format });
            }
        }
    }
    if found.iter().filter(|file| file.place == Place::Standard).count() > 1 {
        return Err(Failure::usage("standard input can be read only once"));
    }
    Ok(found)
}

/// The place and format of an output.
///
/// # Errors
/// Where the format is unknown.
pub fn output(path: &Path, format: Option<Format>, option: &str) -> Result<Located, Failure> {
    let place = Place::new(path);
    let format = match (format, &place) {
        (Some(format), _) => format,
        (None, Place::Standard) => return Err(unnamed("--output-format")),
        (None, Place::File(path)) => Format::of_path(path, option)?,
    };
    Ok(Located { place, format })
}

/// That no output is an input, and no two outputs are one.
///
/// # Errors
/// Where that is not so.
pub fn apart(inputs: &[Located], outputs: &[&Located]) -> Result<(), Failure> {
    for (index, output) in outputs.iter().enumerate() {
        let Place::File(path) = &output.place else {
            let twice = outputs[..index].iter().any(|other| other.place == Place::Standard);
            if twice {
                return Err(Failure::usage("standard output can be written only once"));
            }
            continue;
        };
        let is_it = |other: &Located| matches!(&other.place, Place::File(other) if same(path, other));
        if inputs.iter().any(is_it) {
            let help = "name another file: what is read is never overwritten";
            return Err(Failure::usage(format!("{}: the output is also an input", path.display())).help(help));
        }
        if !is_special(path) && outputs[..index].iter().any(|other| is_it(other)) {
            return Err(Failure::usage(format!("{}: two outputs would go to this file", path.display())));
        }
    }
    Ok(())
}

/// Opens a file for reading.
///
/// # Errors
/// Where it cannot be opened.
pub fn open(path: &Path) -> Result<File, Failure> {
    let unreadable = |error: io::Error| Failure::io(format!("{}: cannot be read: {error}", path.display()));
    let file = File::open(path).map_err(unreadable)?;
    let is_folder = file.metadata().map_err(unreadable)?.is_dir();
    if is_folder { Err(Failure::io(format!("{}: is a folder", path.display()))) } else { Ok(file) }
}

fn unnamed(option: &str) -> Failure {
    let stream = if option == "--input-format" { "input" } else { "output" };
    Failure::usage(format!("`-` does not say what format standard {stream} is in"))
        .help(format!("say {option}"))
}

fn folder(path: &Path, format: Option<Format>, found: &mut Vec<Located>) -> Result<(), Failure> {
    let unreadable = |error: io::Error| Failure::io(format!("{}: cannot be read: {error}", path.display()));
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        // names like `_SUCCESS` and `.part-0.crc` are the notes of the tools that wrote the folder
        let is_note = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"_"))
            || file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let known = format.or(Format::of_extension(&file)).filter(|_| !is_note && file.is_file());
        files.extend(known.map(|format| Located { place: Place::File(file), format }));
    }
    if files.is_empty() {
        return Err(Failure::io(format!(
            "{}: there is no file of a known format in this folder",
            path.display()
        )));
    }
    files.sort_by(|a, b| a.place.cmp(&b.place));
    found.append(&mut files);
    Ok(())
}

/// Whether two paths are one file: by name, by link, or by way of a folder that is written differently.
fn same(a: &Path, b: &Path) -> bool {
    let resolved = |path: &Path| fs::canonicalize(path).ok();
    a == b || matches!((resolved(a), resolved(b)), (Some(a), Some(b)) if a == b) || same_identity(a, b)
}

#[cfg(unix)]
fn same_identity(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |path: &Path| fs::metadata(path).ok().map(|data| (data.dev(), data.ino(), data.is_file()));
    matches!((identity(a), identity(b)), (Some(a), Some(b)) if a == b && a.2)
}

#[cfg(not(unix))]
fn same_identity(_: &Path, _: &Path) -> bool {
    false
}

/// How much is gathered before it is written.
const BUFFER_BYTES: usize = 1 << 18;

/// A file that is being written; it appears under its name when it is [complete](Target::complete).
pub struct Target {
    name: String,
    writer: Option<BufWriter<Box<dyn Write + Send>>>,
    /// The file beside the target, and the target.
    rename: Option<(PathBuf, PathBuf)>,
}

impl Target {
    /// Begins to write.
    ///
    /// # Errors
    /// Where the file cannot be created.
    pub fn create(place: &Place) -> Result<Target, Failure> {
        let name = place.to_string();
        let unwritable = |error: io::Error| Failure::io(format!("{name}: cannot be written: {error}"));
        let (writer, rename): (Box<dyn Write + Send>, _) = match place {
            Place::Standard => (Box::new(io::stdout()), None),
            Place::File(path) if is_special(path) => {
                (Box::new(OpenOptions::new().write(true).open(path).map_err(unwritable)?), None)
            }
            Place::File(path) => {
                // a link keeps pointing where it points: the file behind it is replaced
                let path = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
                let (file, beside) = create_beside(&path).map_err(unwritable)?;
                (Box::new(file), Some((beside, path)))
            }
        };
        Ok(Target { name, writer: Some(BufWriter::with_capacity(BUFFER_BYTES, writer)), rename })
    }

    /// Ends writing: everything is handed to the system, and the file gets its name.
    ///
    /// # Errors
    /// Where it cannot be written or renamed; nothing is left behind then.
    pub fn complete(mut self) -> Result<(), Failure> {
        let name = self.name.clone();
        let unwritable = |error: io::Error| Failure::io(format!("{name}: cannot be written: {error}"));
        if let Some(mut writer) = self.writer.take() {
            writer.flush().map_err(unwritable)?;
        }
        if let Some((beside, path)) = &self.rename {
            fs::rename(beside, path).map_err(unwritable)?;
            self.rename = None;
        }
        Ok(())
    }

    /// What is said where something could not be written.
    pub fn failure(&self, error: impl std::fmt::Display) -> Failure {
        Failure::io(format!("{}: cannot be written: {error}", self.name))
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.as_mut().map_or(Ok(0), |writer| writer.write(bytes))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), |writer| writer.write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), |writer| writer.flush())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let Some(writer) = self.writer.take() else { return };
        // what was gathered for an incomplete file is not written
        drop(writer.into_parts());
        if let Some((beside, _)) = self.rename.take() {
            // there is nobody left to tell that it could not be removed
            let _ = fs::remove_file(beside);
        }
    }
}

fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|data| !data.is_file() && !data.is_dir())
}

/// So many names are tried beside a target.
const TRIES: u32 = 1000;

fn create_beside(path: &Path) -> io::Result<(File, PathBuf)> {
    let name = path.file_name().ok_or_else(|| io::Error::other("there is no file name"))?;
    if path.is_dir() {
        return Err(io::Error::other("it is a folder"));
    }
    let process = std::process::id();
    for attempt in 0..TRIES {
        let mut beside_name = std::ffi::OsString::from(".");
        beside_name.push(name);
        beside_name.push(format!(".{process}-{attempt}.part"));
        let beside = path.with_file_name(beside_name);
        match OpenOptions::new().write(true).create_new(true).open(&beside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            created => return created.map(|file| (file, beside)),
        }
    }
    Err(io::Error::other("there is no free name for a file beside it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("opus-place-{}-{name}", std::process::id()));
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
        let mut target = Target::create(&Place::File(path.clone())).unwrap();
        target.write_all(b"after").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        target.complete().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "after");
        assert_eq!(names(&folder), ["out.csv"]);
    }

    #[test]
    fn a_file_that_is_given_up_leaves_nothing_behind() {
        let folder = scratch("given-up");
        let mut target = Target::create(&Place::File(folder.join("out.csv"))).unwrap();
        target.write_all(&vec![b'x'; BUFFER_BYTES * 2]).unwrap();
        drop(target);
        assert_eq!(names(&folder), [""; 0]);
    }

    #[test]
    fn a_folder_is_its_files_in_the_order_of_their_names() {
        let folder = scratch("folder");
        for name in ["b.csv", "a.jsonl", "_SUCCESS", ".hidden.csv", "notes.txt", "c.parquet"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let found = inputs(std::slice::from_ref(&folder), None).unwrap();
        let formats: Vec<Format> = found.iter().map(|file| file.format).collect();
        assert_eq!(formats, [Format::JsonLines, Format::Csv, Format::Parquet]);
        fs::remove_file(folder.join("a.jsonl")).unwrap();
        let empty = scratch("empty");
        assert!(inputs(&[empty], None).unwrap_err().message.contains("no file of a known format"));
    }

    #[test]
    fn an_output_is_never_an_input() {
        let folder = scratch("apart");
        let path = folder.join("rows.csv");
        fs::write(&path, "").unwrap();
        let input = Located { place: Place::File(path.clone()), format: Format::Csv };
        let around = Located {
            place: Place::File(folder.join("../").join(folder.file_name().unwrap()).join("rows.csv")),
            ..input
        };
        let other = Located { place: Place::File(folder.join("out.csv")), ..around.clone() };
        let input = [Located { place: Place::File(path), format: Format::Csv }];
        assert!(apart(&input, &[&around]).unwrap_err().message.contains("also an input"));
        assert!(apart(&input, &[&other, &other]).unwrap_err().message.contains("two outputs"));
        assert!(apart(&input, &[&other]).is_ok());
    }
}
