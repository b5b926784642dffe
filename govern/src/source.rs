//! Where does a policy come from? From source, which is compiled, or from an artifact, which is checked.

use std::fmt;

use opus_frontend::VERSION;
use opus_frontend::codes::Demand;
use opus_frontend::diagnostic::Diagnostic;
use opus_frontend::{Compiled, hir};
use opus_runtime::artifact::{MAGIC, SourceText};
use opus_runtime::{Artifact, ArtifactError, BuildError, Cache};

use crate::structure::{Key, Structure};

/// A policy that may run.
pub struct Opened {
    /// The artifact: the one that was given, or the one that the source was compiled to.
    pub artifact: Artifact,
    /// The result of compiling the source, once it is needed.
    compiled: Option<Compiled>,
}

/// Why a policy may not run.
#[derive(Debug)]
pub enum OpenError {
    /// The bytes are neither an artifact nor text in UTF-8; the byte at this position is the first that is not.
    NotText(usize),
    /// The source does not compile.
    NotCompiled {
        /// The source.
        source: String,
        /// The errors, and warnings among them.
        diagnostics: Vec<Diagnostic>,
    },
    /// The compiled program cannot be made into an artifact.
    Build(BuildError),
    /// The artifact is refused.
    Artifact(ArtifactError),
    /// The source in the artifact is not what the artifact was compiled from.
    SourceDiffers,
    /// Another version of the compiler wrote the artifact, and this one compiles its source to another meaning. The
    /// source may explain the artifact, but that cannot be checked.
    NotCompared {
        /// The version that the artifact names.
        compiler: String,
    },
}

/// The source text of a policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source<'a> {
    /// The artifact was compiled from this text: compiling it gives the artifact's meaning hash.
    Derived(&'a str),
    /// Another version of the compiler wrote this text into the artifact, and this one compiles it to another meaning.
    NotCompared {
        /// The text.
        text: &'a str,
        /// The version that the artifact names.
        compiler: &'a str,
    },
}

/// Opens an artifact, or compiles a source. Returns the policy with the warnings about its source. The cache remembers
/// which artifacts were verified on this machine.
///
/// ```
/// let source = "policy shop { input { age : int in 0..120 }  output { child : bool }
///               rules first { rule A when age < 18 => true  otherwise B => false } }";
/// use opus_runtime::Cache;
/// let (opened, warnings) = opus_govern::source::open(source.into(), &Cache::Off)?;
/// assert!(warnings.is_empty());
/// let (again, _) = opus_govern::source::open(opened.artifact.bytes().to_vec(), &Cache::Off)?;
/// assert_eq!(again.artifact.meaning_hash(), opened.artifact.meaning_hash());
/// # Ok::<(), opus_govern::source::OpenError>(())
/// ```
///
/// # Errors
/// Where the source does not compile, or the artifact is refused.
pub fn open(bytes: Vec<u8>, cache: &Cache) -> Result<(Opened, Vec<Diagnostic>), OpenError> {
    if bytes.starts_with(&MAGIC) {
        let artifact = Artifact::from_bytes_with(&bytes, cache).map_err(OpenError::Artifact)?;
        return Ok((Opened { artifact, compiled: None }, Vec::new()));
    }
    let source =
        String::from_utf8(bytes).map_err(|error| OpenError::NotText(error.utf8_error().valid_up_to()))?;
    let (compiled, diagnostics) = opus_frontend::compile(&source);
    let Some(compiled) = compiled else { return Err(OpenError::NotCompiled { source, diagnostics }) };
    let artifact = artifact(&compiled).map_err(OpenError::Build)?;
    Ok((Opened { artifact, compiled: Some(compiled) }, diagnostics))
}

/// Compiles the policy of a structure, which has to be total and no more: rules that no input reaches, rows that are never
/// used, names without a use, cases and tests do not matter. So a version by itself and a hybrid can be run.
///
/// ```
/// use opus_govern::structure::Structure;
/// let source = "policy shop { effective on day  version 1 from 2024-01-01  version 2 from 2025-01-01
///               input { day : date in 2024-01-01..2030-12-31  age : int in 0..120 }  output { child : bool }
///               rules first { rule A until 2025-01-01 when age < 18 => true  rule B when age < 12 => true
///                             otherwise C => false } }";
/// let first = Structure::of_source(source).unwrap().at_version(1).unwrap();
/// let opened = opus_govern::source::of_structure(&first)?;
/// assert_eq!(opened.artifact.program().rules.len(), 3);
/// # Ok::<(), opus_govern::source::OpenError>(())
/// ```
///
/// # Errors
/// Where it is not total, or too large for an artifact.
pub fn of_structure(structure: &Structure) -> Result<Opened, OpenError> {
    // cases and tests may name what a hybrid does not have
    let mut structure = structure.clone();
    structure.retain(|key| !matches!(key, Key::Case(_) | Key::Test(_)));
    let source = structure.to_source();
    let (compiled, diagnostics) = opus_frontend::compile_for(&source, Demand::Total);
    let Some(compiled) = compiled else { return Err(OpenError::NotCompiled { source, diagnostics }) };
    let artifact = artifact(&compiled).map_err(OpenError::Build)?;
    Ok(Opened { artifact, compiled: Some(compiled) })
}

/// The artifact of a compiled source.
///
/// # Errors
/// If it is too large for an artifact.
pub fn artifact(compiled: &Compiled) -> Result<Artifact, BuildError> {
    let source = SourceText { text: &compiled.source, compiler: VERSION };
    Artifact::build(compiled.program.clone(), source)
}

impl Opened {
    /// The source text, once it is known whether the artifact was compiled from it.
    ///
    /// # Errors
    /// If the artifact was not compiled from it.
    pub fn source(&mut self) -> Result<Source<'_>, OpenError> {
        let compared = self.compiled().map(|_| ());
        let text = self.artifact.unchecked_source();
        match compared {
            Ok(()) => Ok(Source::Derived(text)),
            Err(OpenError::NotCompared { .. }) => {
                Ok(Source::NotCompared { text, compiler: self.artifact.compiler() })
            }
            Err(error) => Err(error),
        }
    }

    /// The typed tree.
    ///
    /// # Errors
    /// As [`Opened::compiled`].
    pub fn tree(&mut self) -> Result<&hir::Policy, OpenError> {
        self.compiled().map(|compiled| &compiled.policy)
    }

    /// The result of compiling the source. The source of an artifact is compiled again, and has to mean what the
    /// artifact means.
    ///
    /// # Errors
    /// Where the artifact's source means something else than the artifact.
    pub fn compiled(&mut self) -> Result<&Compiled, OpenError> {
        if self.compiled.is_none() {
            self.compiled = Some(self.compile_again()?);
        }
        Ok(self.compiled.as_ref().expect("it was compiled just now"))
    }

    fn compile_again(&self) -> Result<Compiled, OpenError> {
        let compiled = opus_frontend::compile(self.artifact.unchecked_source()).0;
        let meaning = |compiled: &Compiled| artifact(compiled).ok().map(|again| again.meaning_hash());
        let same = |compiled: &Compiled| meaning(compiled) == Some(self.artifact.meaning_hash());
        match (compiled.filter(same), self.artifact.compiler()) {
            (Some(compiled), _) => Ok(compiled),
            (None, VERSION) => Err(OpenError::SourceDiffers),
            (None, compiler) => Err(OpenError::NotCompared { compiler: compiler.to_owned() }),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::NotText(at) => {
                write!(f, "neither a policy nor an artifact: invalid UTF-8 at byte {at}")
            }
            OpenError::NotCompiled { .. } => f.write_str("the policy does not compile"),
            OpenError::Build(error) => error.fmt(f),
            OpenError::Artifact(error) => error.fmt(f),
            OpenError::SourceDiffers => {
                f.write_str("the source in the artifact is not what the artifact was compiled from")
            }
            OpenError::NotCompared { compiler } => write!(
                f,
                "version {compiler} of the compiler wrote the artifact, and version {VERSION} compiles its source to \
                 another meaning, so the source cannot be used to explain it"
            ),
        }
    }
}

impl std::error::Error for OpenError {}
