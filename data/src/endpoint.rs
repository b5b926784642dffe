//! Where do rows come from, and where do they go? Files, folders of files in the order of their paths, standard
//! input and output.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::format::Format;
use crate::error::{DataError, ErrorKind};

/// A file, or a standard stream.
///
/// ```
/// use opus_data::Endpoint;
/// use std::path::Path;
/// assert_eq!(Endpoint::new(Path::new("-")), Endpoint::Standard);
/// assert_eq!(Endpoint::new(Path::new("rows.csv")).to_string(), "rows.csv");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Endpoint {
    /// A file at this path.
    File(PathBuf),
    /// Standard input or standard output: `-`.
    Standard,
    /// A file that was copied from another, or moved: it is read here, and called by the other's name.
    Copy {
        /// Where it is.
        path: PathBuf,
        /// What it is called, which can say something about its rows: `state=CA/rows.csv`.
        of: PathBuf,
    },
}

/// An endpoint in a known format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Located {
    /// Where.
    pub endpoint: Endpoint,
    /// In which format.
    pub format: Format,
}

impl Endpoint {
    /// The endpoint that a path names: `-` is a standard stream.
    pub fn new(path: &Path) -> Endpoint {
        if path.as_os_str() == "-" { Endpoint::Standard } else { Endpoint::File(path.to_owned()) }
    }

    /// Where the file is; `None` for a standard stream.
    ///
    /// ```
    /// use opus_data::Endpoint;
    /// let copy = Endpoint::Copy { path: "kept/1.csv".into(), of: "rows.csv".into() };
    /// assert_eq!(copy.path(), Some("kept/1.csv".as_ref()));
    /// assert_eq!(copy.to_string(), "rows.csv");
    /// ```
    pub fn path(&self) -> Option<&Path> {
        match self {
            Endpoint::File(path) | Endpoint::Copy { path, .. } => Some(path),
            Endpoint::Standard => None,
        }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Endpoint::File(path) | Endpoint::Copy { of: path, .. } => path.display().fmt(f),
            Endpoint::Standard => f.write_str("-"),
        }
    }
}

/// The files that inputs stand for: a folder is every file of a known format in it and below, in the order of the
/// paths.
///
/// # Errors
/// Where there is no such file, a folder holds none, a format is unknown, or standard input comes twice.
pub fn inputs(paths: &[PathBuf], format: Option<Format>) -> Result<Vec<Located>, DataError> {
    let mut found = Vec::new();
    for path in paths {
        match Endpoint::new(path) {
            Endpoint::Standard => {
                let format = format.ok_or_else(|| unnamed("input"))?;
                found.push(Located { endpoint: Endpoint::Standard, format });
            }
            Endpoint::File(path) if path.is_dir() => folder(&path, format, &mut found)?,
            endpoint => {
                let format = format.map_or_else(|| Format::of_path(path), Ok)?;
                found.push(Located { endpoint, format });
            }
        }
    }
    standard_input_once(&found.iter().map(|file| &file.endpoint).collect::<Vec<_>>())?;
    each_once(&found)?;
    Ok(found)
}

/// Checks that no file is read twice, even under different names.
fn each_once(files: &[Located]) -> Result<(), DataError> {
    let mut seen: BTreeMap<PathBuf, &Path> = BTreeMap::new();
    for file in files {
        let Endpoint::File(path) = &file.endpoint else { continue };
        // a pipe or a device is empty the second time
        if let Some(before) = seen.insert(resolved(path), path).filter(|_| !is_special(path)) {
            let message = match before == path {
                true => format!("{}: the input is given twice", path.display()),
                false => format!("{} and {} are the same file", before.display(), path.display()),
            };
            return Err(DataError::request(message)
                .remedy("name each input once; a folder already includes every file in it"));
        }
    }
    Ok(())
}

/// The endpoint and format of an output.
///
/// # Errors
/// Where the format is unknown.
///
/// ```
/// use opus_data::{Format, output};
/// use std::path::Path;
/// assert_eq!(output(Path::new("decisions.csv"), None)?.format.name(), "csv");
/// assert_eq!(output(Path::new("-"), Format::named("jsonl"))?.format.name(), "jsonl");
/// assert!(output(Path::new("decisions"), None).is_err());
/// # Ok::<(), opus_data::DataError>(())
/// ```
pub fn output(path: &Path, format: Option<Format>) -> Result<Located, DataError> {
    let endpoint = Endpoint::new(path);
    let format = match (format, &endpoint) {
        (Some(format), _) => format,
        (None, Endpoint::Standard) => return Err(unnamed("output")),
        (None, Endpoint::File(path) | Endpoint::Copy { path, .. }) => Format::of_path(path)?,
    };
    Ok(Located { endpoint, format })
}

/// Checks that no output overwrites an input, and that no two outputs go to one place.
///
/// # Errors
/// If that is not so.
///
/// ```
/// use opus_data::{Endpoint, apart};
/// let [a, b] = ["a.csv", "b.csv"].map(|name| Endpoint::File(name.into()));
/// assert!(apart(&[&a], &[&b]).is_ok());
/// let failure = apart(&[&a], &[&a]).unwrap_err();
/// assert_eq!(failure.kind, opus_data::ErrorKind::Request);
/// ```
pub fn apart(read: &[&Endpoint], written: &[&Endpoint]) -> Result<(), DataError> {
    for (index, output) in written.iter().enumerate() {
        let Endpoint::File(path) = output else {
            if written[..index].contains(output) {
                return Err(DataError::request("standard output can be written only once"));
            }
            continue;
        };
        let is_it = |other: &Endpoint| other.path().is_some_and(|other| same(path, other));
        if read.iter().any(|other| is_it(other)) {
            let help = "name another file: what is read is never overwritten";
            return Err(
                DataError::request(format!("{}: the output is also an input", path.display())).remedy(help)
            );
        }
        if !is_special(path) && written[..index].iter().any(|other| is_it(other)) {
            return Err(DataError::request(format!("{}: two outputs would go to this file", path.display())));
        }
    }
    Ok(())
}

/// That standard input, which ends, is read once.
///
/// # Errors
/// If it is used twice.
///
/// ```
/// use opus_data::{Endpoint, standard_input_once};
/// assert!(standard_input_once(&[&Endpoint::Standard]).is_ok());
/// assert!(standard_input_once(&[&Endpoint::Standard, &Endpoint::Standard]).is_err());
/// ```
pub fn standard_input_once(read: &[&Endpoint]) -> Result<(), DataError> {
    match read.iter().filter(|endpoint| ***endpoint == Endpoint::Standard).count() {
        0 | 1 => Ok(()),
        _ => Err(DataError::request("standard input can be read only once")
            .remedy("`-` is standard input: name files for all but one")),
    }
}

/// Opens a file for reading.
///
/// # Errors
/// Where it cannot be opened.
pub fn open(path: &Path) -> Result<File, DataError> {
    let unreadable = |error: io::Error| DataError::unreadable(&path.display().to_string(), &error);
    let file = File::open(path).map_err(unreadable)?;
    let is_folder = file.metadata().map_err(unreadable)?.is_dir();
    if is_folder {
        return Err(DataError::input(format!("{}: cannot be read: it is a folder", path.display())));
    }
    Ok(file)
}

/// The text of a file such as a mapping.
///
/// # Errors
/// Where it cannot be read, or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, DataError> {
    let name = path.display();
    let bytes = fs::read(path).map_err(|error| DataError::unreadable(&name.to_string(), &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to() + 1;
        DataError::input(format!("{name}: invalid UTF-8 at byte {at}")).remedy("save the file as UTF-8")
    })
}

fn unnamed(stream: &str) -> DataError {
    DataError::new(ErrorKind::UnknownFormat, format!("the format of standard {stream} is unknown"))
}

fn folder(path: &Path, format: Option<Format>, found: &mut Vec<Located>) -> Result<(), DataError> {
    let located = |file: PathBuf| {
        Some(Located { format: format_in_folder(&file, format)?, endpoint: Endpoint::File(file) })
    };
    let files = files_below(path)?.into_iter().filter(|file| file.is_file());
    let mut files: Vec<Located> = files.filter_map(located).collect();
    if files.is_empty() {
        let message = format!("{}: no file of a known format is in this folder", path.display());
        let remedy = format!("files are known by their extensions: {}", Format::extensions());
        return Err(DataError::input(message).remedy(remedy));
    }
    files.sort_by(|a, b| a.endpoint.cmp(&b.endpoint));
    found.append(&mut files);
    Ok(())
}

/// What is in a folder and in the folders below it; links to folders are not followed.
fn files_below(path: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut files = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let unreadable = |error: io::Error| DataError::unreadable(&folder.display().to_string(), &error);
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if entry.file_type().map_err(unreadable)?.is_dir() {
                folders.extend(Some(entry.path()).filter(|folder| !is_note(folder)));
            } else {
                files.push(entry.path());
            }
        }
    }
    Ok(files)
}

/// What is in the folders among the inputs and is not read, by path: files of other formats.
///
/// # Errors
/// Where a folder cannot be read.
pub fn left_out(inputs: &[PathBuf], format: Option<Format>) -> Result<BTreeSet<String>, DataError> {
    let mut names = BTreeSet::new();
    for folder in inputs.iter().filter(|input| input.is_dir()) {
        let files = files_below(folder)?.into_iter();
        let is_read = |file: &PathBuf| file.is_file() && format_in_folder(file, format).is_some();
        let left_out = files.filter(|file| !is_read(file) && !is_note(file));
        names.extend(left_out.map(|file| file.display().to_string()));
    }
    Ok(names)
}

/// In which format a file of a folder is read; `None` where it is not.
fn format_in_folder(file: &Path, format: Option<Format>) -> Option<Format> {
    format.or(Format::of_extension(file)).filter(|_| !is_note(file))
}

/// Names like `_SUCCESS` and `.part-0.crc` are the notes of the tools that wrote the folder.
fn is_note(file: &Path) -> bool {
    file.file_name().is_some_and(|name| matches!(name.as_encoded_bytes().first(), Some(b'_' | b'.')))
}

/// That no output goes to a folder that is read, where it would be an input when the command is run again.
///
/// # Errors
/// Where one does.
pub fn outside(inputs: &[PathBuf], format: Option<Format>, written: &[&Endpoint]) -> Result<(), DataError> {
    let folders = || inputs.iter().filter(|input| input.is_dir());
    for output in written {
        let Endpoint::File(path) = output else { continue };
        let own = fs::canonicalize(folder_of(path)).unwrap_or_else(|_| folder_of(path).to_owned());
        // the folders above, up to one that is not read
        let mut above = own.ancestors().scan(false, |is_note_below, folder| {
            let is_read = !*is_note_below;
            *is_note_below |= is_note(folder);
            is_read.then_some(folder)
        });
        let Some(folder) = above.find_map(|above| folders().find(|folder| same(folder, above))) else {
            continue;
        };
        if format_in_folder(path, format).is_some() {
            let message = format!("{}: the output is in a folder that is read", path.display());
            let help =
                format!("name a file outside {}, so that the next run does not read it", folder.display());
            return Err(DataError::request(message).remedy(help));
        }
    }
    Ok(())
}

/// The folder that a file is in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Where a file is, or will be: without links and dots. A link that leads nowhere yet is the file that it names.
pub fn resolved(path: &Path) -> PathBuf {
    const LINKS_MAX: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        if let Ok(found) = fs::canonicalize(&path) {
            return found;
        }
        let Ok(target) = fs::read_link(&path) else { break };
        path = folder_of(&path).join(target);
    }
    let folder = fs::canonicalize(folder_of(&path));
    match (folder, path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}

/// Whether two paths are one file, which need not exist yet: by name, by link, or by a folder that is written
/// differently.
fn same(a: &Path, b: &Path) -> bool {
    resolved(a) == resolved(b) || same_identity(a, b)
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

/// Whether a path is a pipe or a device, which is written as it is.
pub fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|data| !data.is_file() && !data.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("opus-endpoint-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_folder_is_its_files_in_the_order_of_their_names() {
        let folder = scratch("folder");
        for name in ["b.csv", "a.jsonl", "_SUCCESS", ".hidden.csv", "notes.txt", "c.parquet"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let found = inputs(std::slice::from_ref(&folder), None).unwrap();
        let formats: Vec<&str> = found.iter().map(|file| file.format.name()).collect();
        assert_eq!(formats, ["jsonl", "csv", "parquet"]);
        fs::create_dir_all(folder.join("year=2024/_temporary")).unwrap();
        for name in ["year=2024/z.csv", "year=2024/z.txt", "year=2024/_temporary/z.csv"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let below = inputs(std::slice::from_ref(&folder), None).unwrap();
        assert_eq!(below.len(), 4);
        assert_eq!(below[3].endpoint, Endpoint::File(folder.join("year=2024/z.csv")));
        let left_out = left_out(std::slice::from_ref(&folder), None).unwrap();
        let names: Vec<&str> = left_out.iter().filter_map(|path| path.rsplit('/').next()).collect();
        assert_eq!(names, ["notes.txt", "z.txt"]);
        fs::remove_file(folder.join("a.jsonl")).unwrap();
        let empty = scratch("empty");
        assert!(inputs(&[empty], None).unwrap_err().message.contains("no file of a known format"));
    }

    #[test]
    fn an_output_is_never_an_input() {
        let folder = scratch("apart");
        let path = folder.join("rows.csv");
        fs::write(&path, "").unwrap();
        let file = |path: PathBuf| Endpoint::File(path);
        let around = file(folder.join("../").join(folder.file_name().unwrap()).join("rows.csv"));
        let (input, other) = (file(path), file(folder.join("out.csv")));
        assert!(apart(&[&input], &[&around]).unwrap_err().message.contains("also an input"));
        assert!(apart(&[&input], &[&other, &other]).unwrap_err().message.contains("two outputs"));
        assert!(apart(&[&input], &[&Endpoint::Standard, &Endpoint::Standard]).is_err());
        assert!(apart(&[&input], &[&other, &Endpoint::Standard]).is_ok());
    }

    #[test]
    fn outputs_that_are_one_file_are_found_before_the_file_exists() {
        let folder = scratch("one-file");
        for name in ["below", "_below"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
        let name = |path: &str| Endpoint::File(folder.join(path));
        let mut pairs =
            vec![(name("same.csv"), name("./same.csv")), (name("same.csv"), name("below/../same.csv"))];
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("same.csv", folder.join("link.csv")).unwrap();
            std::os::unix::fs::symlink(folder.join("below"), folder.join("way")).unwrap();
            pairs.push((name("same.csv"), name("link.csv")));
            pairs.push((name("below/same.csv"), name("way/same.csv")));
        }
        for (a, b) in &pairs {
            assert!(apart(&[], &[a, b]).unwrap_err().message.contains("two outputs"), "{a} {b}");
            assert!(apart(&[a], &[b]).unwrap_err().message.contains("also an input"), "{a} {b}");
        }
        assert!(apart(&[], &[&name("a.csv"), &name("below/a.csv")]).is_ok());
    }

    #[test]
    fn a_file_is_read_once() {
        let folder = scratch("once");
        fs::write(folder.join("a.csv"), "").unwrap();
        let again = folder.join(".").join("a.csv");
        let found = inputs(&[folder.join("a.csv"), again], None).unwrap_err();
        assert!(found.message.contains("given twice") || found.message.contains("same file"), "{found}");
        assert!(inputs(&[folder.clone(), folder.join("a.csv")], None).is_err());
    }

    #[test]
    fn an_output_is_no_input_of_the_next_run() {
        let folder = scratch("again");
        for name in ["below", "_below"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
        let inputs = [folder.clone()];
        let refused = |name: &str, format| {
            outside(&inputs, format, &[&Endpoint::Standard, &Endpoint::File(folder.join(name))]).is_err()
        };
        assert!(
            refused("out.csv", None) && refused("below/../out.csv", None) && refused("below/out.csv", None)
        );
        assert!(refused("out.txt", Format::named("csv")));
        for name in ["summary.txt", "_out.csv", "_below/out.csv", "../out.csv"] {
            assert!(!refused(name, None), "{name}");
        }
    }

    #[test]
    fn standard_input_is_read_once() {
        let file = Endpoint::File("a".into());
        assert!(standard_input_once(&[&Endpoint::Standard, &file, &file]).is_ok());
        assert!(standard_input_once(&[&Endpoint::Standard, &file, &Endpoint::Standard]).is_err());
    }
}
