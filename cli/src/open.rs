//! How is the POLICY of a command line opened? It is a file or standard input, with a source or an artifact, or the
//! name under which an artifact was published; `@N` selects version N. A file takes precedence over a name from the
//! store.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

use opus_data::error::in_words;
use opus_frontend::diagnostic::Diagnostic;
use opus_frontend::limits::SOURCE_BYTES_MAX;
use opus_govern::source::{self, Basis, OpenError, Source};
use opus_govern::structure::Structure;
use opus_runtime::artifact::{ARTIFACT_BYTES_MAX, MAGIC};
use opus_runtime::snapshot::{self, SnapshotError};
use opus_runtime::{Artifact, Cache, Hash, Options, Policy, Snapshot};
use opus_store::{Kind, Name};
use serde_json::{Value, json};

use crate::args;
use crate::failure::{Exit, Failure};
use crate::stored;
use crate::terminal::Terminal;

/// An opened policy, with its name.
pub struct Opened {
    /// The name on the command line.
    pub name: String,
    policy: source::Opened,
    /// The snapshot that it is to be bound to.
    pub snapshot: Option<Snapshot>,
}

impl Deref for Opened {
    type Target = source::Opened;

    fn deref(&self) -> &source::Opened {
        &self.policy
    }
}

impl DerefMut for Opened {
    fn deref_mut(&mut self) -> &mut source::Opened {
        &mut self.policy
    }
}

/// Opens a policy and notes how many warnings it has. Whoever decides rows every day has seen them, or can ask for them.
///
/// # Errors
/// If it cannot be read, does not compile, or is refused, or no name of the store stands for it.
pub fn open(path: &Path, terminal: &Terminal) -> Result<Opened, Failure> {
    open_telling(path, terminal, Terminal::note_warnings)
}

/// Opens a policy and shows its warnings.
///
/// # Errors
/// As [`open`].
pub fn open_with_warnings(path: &Path, terminal: &Terminal) -> Result<Opened, Failure> {
    open_telling(path, terminal, Terminal::diagnostics)
}

/// Tells a person about the warnings of a policy: its name, its source and the warnings.
type Tell = fn(&Terminal, &str, &str, &[Diagnostic]);

fn open_telling(path: &Path, terminal: &Terminal, tell: Tell) -> Result<Opened, Failure> {
    let Named { path, version } = Named::new(path);
    let opened = open_whole(&path, terminal, tell)?;
    match version {
        Some(number) => opened.at_version(number),
        None => Ok(opened),
    }
}

fn open_whole(path: &Path, terminal: &Terminal, tell: Tell) -> Result<Opened, Failure> {
    let name = path.display().to_string();
    let bytes = read_policy(path, terminal)?;
    other_kind(path, &bytes)?;
    match source::open(bytes, &Cache::OfEnvironment) {
        Ok((policy, warnings)) => {
            tell(terminal, &name, policy.artifact.unchecked_source(), &warnings);
            Ok(Opened { name, policy, snapshot: None })
        }
        Err(OpenError::NotCompiled { source, diagnostics }) => {
            terminal.diagnostics(&name, &source, &diagnostics);
            Err(terminal.not_compiled(&name, &source, &diagnostics))
        }
        Err(error) => Err(refused(&name, &error)),
    }
}

/// Opens a policy with the snapshot that its facts come from, and shows the warnings of both.
///
/// # Errors
/// As [`open`], and if the snapshot cannot be read.
pub fn open_with(path: &Path, snapshot: Option<&Path>, terminal: &Terminal) -> Result<Opened, Failure> {
    let mut opened = open(path, terminal)?;
    if let Some(path) = snapshot {
        let snapshot = snapshot_of(path, terminal)?;
        let unused: BTreeSet<String> =
            snapshot::unused(opened.artifact.program(), &snapshot).into_iter().map(str::to_owned).collect();
        terminal.note_names("facts that the policy does not use", &unused);
        opened.snapshot = Some(snapshot);
    }
    Ok(opened)
}

/// The snapshot that an argument names: a file, or a name or hash in the store. A file comes first.
///
/// # Errors
/// If there is none, or it is refused.
pub fn snapshot_of(path: &Path, terminal: &Terminal) -> Result<Snapshot, Failure> {
    let bytes = match Origin::of(path) {
        Origin::Hash(hash) => stored::load_hash(hash, Kind::Snapshot, terminal)?,
        Origin::Name(name) => stored::load(&name, Kind::Snapshot, terminal)?,
        Origin::File => return read_snapshot(path),
    };
    Snapshot::from_bytes(&bytes).map_err(|error| Failure::io(format!("`{}`: {error}", path.display())))
}

/// Reads a snapshot.
///
/// # Errors
/// If it cannot be read, or is refused.
pub fn read_snapshot(path: &Path) -> Result<Snapshot, Failure> {
    Snapshot::open(path).map_err(|error| match error {
        SnapshotError::Read { error, .. } => {
            Failure::io(format!("`{}` cannot be read: {}", path.display(), in_words(&error)))
        }
        error => Failure::io(format!("`{}`: {error}", path.display())),
    })
}

/// What a policy without its facts answers.
pub fn without_facts(name: &str, artifact: &Artifact) -> Failure {
    let keys: Vec<String> = artifact.program().holes.iter().map(|hole| format!("`{}`", hole.name)).collect();
    Failure::usage(format!("`{name}` takes {} from a snapshot, but none is given", keys.join(", ")))
        .help("name one with `--snapshot FILE`; `opus snapshot build` writes it from TOML or CSV")
}

/// Where an argument that names a policy or a snapshot is looked up. A file comes first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A file, or standard input.
    File,
    /// A name in the store.
    Name(Name),
    /// An object in the store.
    Hash(Hash),
}

impl Origin {
    /// Where the argument is looked up.
    pub fn of(path: &Path) -> Origin {
        let Some(text) = path.to_str().filter(|_| path.symlink_metadata().is_err()) else {
            return Origin::File;
        };
        match (text.parse(), text.parse()) {
            (Ok(hash), _) => Origin::Hash(hash),
            (_, Ok(name)) => Origin::Name(name),
            _ => Origin::File,
        }
    }
}

/// The bytes of a file, or of what a name or a hash stands for in the store.
fn read_policy(path: &Path, terminal: &Terminal) -> Result<Vec<u8>, Failure> {
    match Origin::of(path) {
        Origin::File => read(path),
        Origin::Name(name) => stored::load(&name, Kind::Artifact, terminal),
        Origin::Hash(hash) => stored::load_hash(hash, Kind::Artifact, terminal),
    }
}

impl Opened {
    /// A policy that was opened elsewhere.
    pub fn new(name: &str, policy: source::Opened, snapshot: Option<Snapshot>) -> Opened {
        Opened { name: name.to_owned(), policy, snapshot }
    }

    /// Version N by itself, in force on every day.
    fn at_version(mut self, number: u32) -> Result<Opened, Failure> {
        let whole = structure_of(self.based(false)?.0);
        let structure = version_of(&self.name.clone(), whole, number)?;
        let name = format!("{}@{number}", self.name);
        let policy = source::of_structure(&structure).map_err(|error| refused(&name, &error))?;
        Ok(Opened { name, policy, snapshot: None })
    }

    /// What has to be known of the source, its typed tree and program, with how far it explains the artifact.
    ///
    /// # Errors
    /// Where it does not, or that is not known and `unverified` is not allowed.
    pub fn based(&mut self, unverified: bool) -> Result<(&opus_frontend::Compiled, &Basis), Failure> {
        let (name, snapshot) = (&self.name, self.snapshot.as_ref());
        let (compiled, basis) = self.policy.based(snapshot).map_err(|error| refused(name, &error))?;
        if matches!(basis, Basis::Unverified { .. }) && !unverified {
            let error = OpenError::NotDerived(basis.clone());
            return Err(refused(name, &error).help("`--unverified` uses the source nevertheless"));
        }
        Ok((compiled, basis))
    }

    /// What has to be known of the source: its typed tree and program.
    ///
    /// # Errors
    /// Where compiling the artifact's source does not give its program.
    pub fn compiled(&mut self) -> Result<&opus_frontend::Compiled, Failure> {
        let name = &self.name;
        self.policy.compiled().map_err(|error| refused(name, &error))
    }

    /// The source text, with how far it explains the artifact.
    ///
    /// # Errors
    /// If it does not.
    pub fn source(&mut self) -> Result<Source<'_>, Failure> {
        let (name, snapshot) = (&self.name, self.snapshot.as_ref());
        self.policy.source(snapshot).map_err(|error| refused(name, &error))
    }

    /// The artifact alone.
    pub fn into_artifact(self) -> Artifact {
        self.policy.artifact
    }

    /// The policy, ready to decide, with its facts.
    ///
    /// # Errors
    /// If it takes facts from a snapshot and none is given, or the snapshot does not fit it.
    pub fn policy(self, engine: opus_runtime::Engine, terminal: &Terminal) -> Result<Policy, Failure> {
        let options = Options { engine, ..Options::default() };
        let (name, artifact) = (self.name, self.policy.artifact);
        let policy = match &self.snapshot {
            Some(snapshot) => Policy::bind(artifact, snapshot, &options)
                .map_err(|error| Failure::io(format!("`{name}`: {error}")))?,
            None if !artifact.program().holes.is_empty() => return Err(without_facts(&name, &artifact)),
            None => Policy::from_artifact(artifact, &options)
                .map_err(|error| refused(&name, &OpenError::Artifact(error)))?,
        };
        if let Some(why) = policy.fallback() {
            terminal.note(&format!("native code is not available ({why}): the vm decides"));
        }
        Ok(policy)
    }
}

/// A policy of which one version may be named: `credit.opus@2`, or `credit@2` in a store.
pub struct Named {
    /// The file, or the name in a store.
    pub path: PathBuf,
    version: Option<u32>,
}

/// The structure of a policy.
pub struct Structured {
    /// The name on the command line.
    pub name: String,
    opened: Opened,
    /// The structure, of the version that was named.
    pub structure: Structure,
    /// The meaning hash of the policy; `None` if a version was named.
    pub meaning: Option<Hash>,
    /// How far the source explains the artifact.
    pub basis: Basis,
}

impl Named {
    /// A file, or a file and the number of a version. A file whose own name ends like that is meant as a file.
    pub fn new(path: &Path) -> Named {
        let versioned = path.to_str().filter(|_| !path.exists()).and_then(|text| {
            let (file, number) = text.rsplit_once('@')?;
            let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            Some((PathBuf::from(file), number.parse().ok().filter(|_| is_number)?))
        });
        let (path, version) =
            versioned.map_or((path.to_owned(), None), |(file, number)| (file, Some(number)));
        Named { path, version }
    }

    /// The structure of the policy's source, if it is known to explain the artifact, or `unverified` is allowed.
    ///
    /// # Errors
    /// As [`open`] and [`Opened::based`], or if the policy has no such version.
    pub fn structure_based(
        &self,
        snapshot: Option<&Path>,
        unverified: bool,
        terminal: &Terminal,
    ) -> Result<Structured, Failure> {
        let mut opened = open(&self.path, terminal)?;
        opened.snapshot = snapshot.map(|path| snapshot_of(path, terminal)).transpose()?;
        self.structured(opened, unverified)
    }

    fn structured(&self, mut opened: Opened, unverified: bool) -> Result<Structured, Failure> {
        let name = opened.name.clone();
        let (compiled, basis) = opened.based(unverified)?;
        let (whole, basis) = (structure_of(compiled), basis.clone());
        let Some(number) = self.version else {
            let meaning = Some(opened.artifact.meaning_hash());
            return Ok(Structured { name, opened, structure: whole, meaning, basis });
        };
        let structure = version_of(&name, whole, number)?;
        Ok(Structured { name: format!("{name}@{number}"), opened, structure, meaning: None, basis })
    }
}

/// Notes how far a source explains its artifact, if it is not what the artifact was compiled from.
pub fn note_basis(name: &str, basis: &Basis, terminal: &Terminal) {
    if *basis != Basis::Derived {
        terminal.note(&format!("source of {name}: {basis}"));
    }
}

fn structure_of(compiled: &opus_frontend::Compiled) -> Structure {
    Structure::of_source(&compiled.source).expect("it compiles, so it can be read")
}

/// One version of a policy.
fn version_of(name: &str, whole: Structure, number: u32) -> Result<Structure, Failure> {
    whole.at_version(number).ok_or_else(|| {
        let known: Vec<String> = whole.versions().map(|number| number.to_string()).collect();
        let known = if known.is_empty() { "1".to_owned() } else { known.join(", ") };
        Failure::usage(format!("`{name}` has no version {number}")).help(format!("its versions are {known}"))
    })
}

impl Structured {
    /// The policy: the file as it is, or its version by itself.
    ///
    /// # Errors
    /// If the version is not a whole policy by itself.
    pub fn into_opened(self) -> Result<source::Opened, Failure> {
        if self.meaning.is_some() {
            return Ok(self.opened.policy);
        }
        compiled_alone(&self.name, &self.structure)
    }

    /// Notes how far the source explains the artifact, if it is not what the artifact was compiled from.
    pub fn note_basis(&self, terminal: &Terminal) {
        note_basis(&self.name, &self.basis, terminal);
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let meaning = self.meaning.map(|hash| hash.to_string());
        let mut json = json!({ "policy": self.name, "structure": self.structure.hash().to_string(), "meaning": meaning });
        if let Some(label) = label(&self.basis) {
            json["source"] = label.into();
        }
        json
    }

    /// Whether two policies mean the same, whatever the formats of their artifacts; `None` if a version was named.
    pub fn means_the_same_as(&self, other: &Structured) -> Option<bool> {
        let current = |of: &Structured| of.meaning.map(|_| of.opened.artifact.current_meaning_hash());
        current(self).zip(current(other)).map(|(own, other)| own == other)
    }
}

/// The label of what is explained from a source that compiles differently now.
pub fn label(basis: &Basis) -> Option<String> {
    (*basis != Basis::Derived).then(|| basis.label())
}

/// A policy that is no file: a version by itself, or a policy made from two others.
///
/// # Errors
/// If it does not compile.
pub fn compiled_alone(name: &str, structure: &Structure) -> Result<source::Opened, Failure> {
    source::of_structure(structure).map_err(|error| match &error {
        OpenError::NotCompiled { diagnostics, .. } => {
            let first = diagnostics.iter().find(|found| found.is_error());
            let why = first.map_or_else(|| error.to_string(), |first| first.message.clone());
            Failure::new(Exit::Policy, format!("`{name}` does not compile by itself: {why}"))
        }
        _ => refused(name, &error),
    })
}

impl args::Decider {
    /// The engine of the runtime; `None` for the reference evaluator.
    pub fn of_runtime(self) -> Option<opus_runtime::Engine> {
        match self {
            args::Decider::Native => Some(opus_runtime::Engine::Native),
            args::Decider::Vm => Some(opus_runtime::Engine::Vm),
            args::Decider::Reference => None,
        }
    }

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        self.of_runtime().map_or("reference", opus_runtime::Engine::name)
    }
}

/// The source text of a policy.
///
/// # Errors
/// If it cannot be read or is not text.
pub fn read_source(path: &Path) -> Result<String, Failure> {
    let bytes = read(path)?;
    if bytes.starts_with(&MAGIC) {
        let name = path.display();
        return Err(Failure::io(format!(
            "`{name}` is an artifact, but the command needs the source of a policy"
        ))
        .help(format!("`opus inspect {name} --source` prints the text that it was compiled from")));
    }
    other_kind(path, &bytes)?;
    text(path, bytes)
}

/// Refuses a file in place of a policy if it is known to be something else.
fn other_kind(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let Some((kind, help)) = kind_of(path, bytes) else { return Ok(()) };
    // a text that is no policy does not compile
    let exit = if std::str::from_utf8(bytes).is_ok() { Exit::Policy } else { Exit::Io };
    Err(Failure::new(exit, format!("`{}`: neither a policy nor an artifact, but {kind}", path.display()))
        .help(help))
}

/// What a file is that is not a policy, and what to do with it; `None` for a policy, an artifact, or what is not known.
fn kind_of(path: &Path, bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    const ROWS: (&str, &str) = ("a file of rows", "the policy comes first, and then the files of rows");
    if bytes.starts_with(&snapshot::MAGIC) {
        let help = "`opus snapshot show` shows its facts, and `opus snapshot diff` compares two snapshots";
        return Some(("a snapshot", help));
    }
    if bytes.starts_with(b"PAR1") || bytes.starts_with(b"ARROW1") {
        return Some(ROWS);
    }
    let text = std::str::from_utf8(bytes).ok()?.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with("policy") || text.starts_with("--") {
        return None;
    }
    if let Ok(json) = serde_json::from_str::<Value>(text) {
        let has = |names: [&str; 2]| names.iter().all(|name| json.get(name).is_some());
        return Some(if has(["tree", "inputs"]) {
            (
                "the manifest of a record",
                "`opus replay` takes the folder that it is in, which also holds the artifact",
            )
        } else if has(["edits", "from"]) {
            ("a script of edits", "`opus apply` applies it to the policy that it was made for")
        } else {
            ("a JSON file", "a policy must begin with `policy` and a name")
        });
    }
    if text.starts_with("[[fact]]") {
        return Some(FACTS);
    }
    if is_object(text.lines().next().unwrap_or_default()) {
        return Some(ROWS);
    }
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    match ending.as_str() {
        "csv" | "tsv" if text.starts_with("key,valid_from") => Some(FACTS),
        "csv" | "tsv" | "jsonl" | "ndjson" => Some(ROWS),
        "toml" => {
            Some(("a TOML file", "a mapping file is named by `--columns`, and a trust file by `--trust`"))
        }
        _ => None,
    }
}

const FACTS: (&str, &str) =
    ("a file of facts", "`opus snapshot build` makes a snapshot from it, which `--snapshot` names");

fn is_object(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|json| json.is_object())
}

/// The bytes of a file, or of standard input, up to a little more than a policy or an artifact may have. A file without
/// end is refused like any other that is too long.
///
/// # Errors
/// If they cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = if path.as_os_str() == "-" {
        read_bounded(&mut std::io::stdin().lock())
    } else {
        fs::File::open(path).and_then(|mut file| read_bounded(&mut file))
    };
    bytes.map_err(|error| {
        let failure = Failure::io(format!("`{}` cannot be read: {}", path.display(), in_words(&error)));
        let is_record =
            error.kind() == std::io::ErrorKind::IsADirectory && path.join("manifest.json").exists();
        if is_record {
            return failure.help(format!(
                "it is a record: its policy is `{}`, and `opus replay` decides its rows again",
                path.join("artifact.opusc").display()
            ));
        }
        failure
    })
}

fn read_bounded(mut reader: &mut dyn Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    (&mut reader).take(SOURCE_READ_MAX as u64).read_to_end(&mut bytes)?;
    if bytes.starts_with(&MAGIC) {
        let rest = (ARTIFACT_BYTES_MAX + 1).saturating_sub(bytes.len() as u64);
        reader.take(rest).read_to_end(&mut bytes)?;
    } else if bytes.len() == SOURCE_READ_MAX
        && let Err(error) = std::str::from_utf8(&bytes)
        && error.error_len().is_none()
    {
        // the character at which reading stopped is incomplete, and the source is too long without it
        bytes.truncate(error.valid_up_to());
    }
    Ok(bytes)
}

/// A little more than a source may have: one byte too many, and the rest of its character.
const SOURCE_READ_MAX: usize = SOURCE_BYTES_MAX + 4;

fn text(path: &Path, bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|error| {
        refused(&path.display().to_string(), &OpenError::NotText(error.utf8_error().valid_up_to()))
    })
}

fn refused(name: &str, error: &OpenError) -> Failure {
    let exit = match error {
        OpenError::NotText(_) => Exit::Io,
        OpenError::NotCompiled { .. } | OpenError::Build(_) => Exit::Policy,
        OpenError::Snapshot(_) => Exit::Io,
        OpenError::Artifact(_)
        | OpenError::SourceDiffers
        | OpenError::Disagrees { .. }
        | OpenError::NoLongerCompiles { .. }
        | OpenError::NotDerived(_) => Exit::Artifact,
    };
    let failure = Failure::new(exit, format!("`{name}`: {error}"));
    match error {
        OpenError::NotText(_) => {
            failure.help("a policy is a text file in UTF-8; `opus build` makes an artifact from it")
        }
        OpenError::SourceDiffers => failure.help(
            "another version of the compiler made it, or it was changed: build it again from its source",
        ),
        _ => failure,
    }
}
