//! What is a policy: its source, which is compiled, or an artifact, which is checked?

use std::fmt;

use opus_frontend::diagnostic::Diagnostic;
use opus_frontend::{Compiled, hir};
use opus_runtime::artifact::MAGIC;
use opus_runtime::{Artifact, ArtifactError, BuildError, build};

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
}

/// Opens an artifact, or compiles a source; with the diagnostics of a source that compiles.
///
/// ```
/// let source = "policy shop { input { age : int in 0..120 }  output { child : bool }
///               rules first { rule A when age < 18 => true  otherwise B => false } }";
/// let (opened, warnings) = opus_govern::source::open(source.into())?;
/// assert!(warnings.is_empty());
/// let (again, _) = opus_govern::source::open(opened.artifact.bytes().to_vec())?;
/// assert_eq!(again.artifact.meaning_hash(), opened.artifact.meaning_hash());
/// # Ok::<(), opus_govern::source::OpenError>(())
/// ```
///
/// # Errors
/// Where the source does not compile, or the artifact is refused.
pub fn open(bytes: Vec<u8>) -> Result<(Opened, Vec<Diagnostic>), OpenError> {
    if bytes.starts_with(&MAGIC) {
        let artifact = Artifact::from_bytes(&bytes).map_err(OpenError::Artifact)?;
        return Ok((Opened { artifact, compiled: None }, Vec::new()));
    }
    let source =
        String::from_utf8(bytes).map_err(|error| OpenError::NotText(error.utf8_error().valid_up_to()))?;
    let (compiled, diagnostics) = opus_frontend::compile(&source);
    let Some(compiled) = compiled else { return Err(OpenError::NotCompiled { source, diagnostics }) };
    let artifact = artifact(&compiled)?;
    Ok((Opened { artifact, compiled: Some(compiled) }, diagnostics))
}

/// The artifact of a compiled source.
fn artifact(compiled: &Compiled) -> Result<Artifact, OpenError> {
    let bytes = build(compiled.program.clone()).map_err(OpenError::Build)?;
    Artifact::from_bytes(&bytes).map_err(OpenError::Artifact)
}

impl Opened {
    /// The source text.
    pub fn source(&self) -> &str {
        &self.artifact.program().source
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
        let compiled = opus_frontend::compile(self.source()).0.ok_or(OpenError::SourceDiffers)?;
        let again = artifact(&compiled).map_err(|_| OpenError::SourceDiffers)?;
        let same = again.meaning_hash() == self.artifact.meaning_hash();
        if same { Ok(compiled) } else { Err(OpenError::SourceDiffers) }
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
        }
    }
}

impl std::error::Error for OpenError {}
