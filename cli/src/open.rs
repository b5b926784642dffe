//! What is a POLICY on the command line? A source, which is compiled, or an artifact, which is checked.

use std::fs;
use std::io::Read;
use std::path::Path;

use opus_frontend::{Compiled, hir};
use opus_runtime::artifact::MAGIC;
use opus_runtime::{Artifact, ArtifactError, Options, Policy, build};

use crate::args;
use crate::failure::{Exit, Failure};
use crate::terminal::Terminal;

/// A policy that may run.
pub struct Opened {
    /// What it is called on the command line.
    pub name: String,
    /// The artifact: as it was read, or as the source was compiled to.
    pub artifact: Artifact,
    /// What came of the source, where it was compiled just now.
    compiled: Option<Compiled>,
}

/// Opens a policy; what the compiler has to say is shown.
///
/// # Errors
/// Where it cannot be read, does not compile, or may not run.
pub fn open(path: &Path, terminal: &Terminal) -> Result<Opened, Failure> {
    let name = path.display().to_string();
    let bytes = read(path)?;
    if bytes.starts_with(&MAGIC) {
        let artifact = Artifact::from_bytes(&bytes).map_err(|error| refused(&name, &error))?;
        return Ok(Opened { name, artifact, compiled: None });
    }
    let source = text(path, bytes)?;
    let (compiled, diagnostics) = opus_frontend::compile(&source);
    terminal.diagnostics(&name, &source, &diagnostics);
    let compiled = compiled.ok_or_else(|| terminal.not_compiled(&name, &source, &diagnostics))?;
    let built = build(compiled.program.clone())
        .map_err(|error| Failure::new(Exit::Policy, format!("`{name}`: {error}")))?;
    let artifact = Artifact::from_bytes(&built).map_err(|error| refused(&name, &error))?;
    Ok(Opened { name, artifact, compiled: Some(compiled) })
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
    pub fn tree(&mut self) -> Result<&hir::Policy, Failure> {
        self.compiled().map(|compiled| &compiled.policy)
    }

    /// What comes of the source. That of an artifact is compiled again, and has to mean what the artifact means.
    ///
    /// # Errors
    /// Where the artifact's source means something else than the artifact.
    pub fn compiled(&mut self) -> Result<&Compiled, Failure> {
        if self.compiled.is_none() {
            self.compiled = Some(self.compile_again()?);
        }
        Ok(self.compiled.as_ref().expect("it was compiled just now"))
    }

    fn compile_again(&self) -> Result<Compiled, Failure> {
        let differs = || {
            let message = format!(
                "`{}`: the source in the artifact is not what the artifact was compiled from",
                self.name
            );
            Failure::new(Exit::Artifact, message).help(
                "it was made by another version of the compiler, or changed: build it again from its source",
            )
        };
        let compiled = opus_frontend::compile(self.source()).0.ok_or_else(differs)?;
        let built = build(compiled.program.clone()).map_err(|_| differs())?;
        let again = Artifact::from_bytes(&built).map_err(|_| differs())?;
        let same = again.meaning_hash() == self.artifact.meaning_hash();
        if same { Ok(compiled) } else { Err(differs()) }
    }

    /// The policy, ready to decide.
    pub fn policy(self, engine: opus_runtime::Engine, terminal: &Terminal) -> Policy {
        let policy = Policy::from_artifact(self.artifact, &Options { engine, ..Options::default() });
        if let Some(why) = policy.fallback() {
            terminal.note(&format!("native code is not available ({why}): the vm decides"));
        }
        policy
    }
}

impl args::Engine {
    /// The engine of the runtime; `None` for the reference evaluator.
    pub fn of_runtime(self) -> Option<opus_runtime::Engine> {
        match self {
            args::Engine::Native => Some(opus_runtime::Engine::Native),
            args::Engine::Vm => Some(opus_runtime::Engine::Vm),
            args::Engine::Reference => None,
        }
    }

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        self.of_runtime().map_or("reference", opus_runtime::Engine::name)
    }
}

/// The text of a policy.
///
/// # Errors
/// Where it cannot be read, or is no text.
pub fn read_source(path: &Path) -> Result<String, Failure> {
    let bytes = read(path)?;
    if bytes.starts_with(&MAGIC) {
        let name = path.display();
        return Err(Failure::io(format!("`{name}` is an artifact, and the text of a policy is wanted"))
            .help(format!("`opus inspect {name} --source` prints the text that it was compiled from")));
    }
    text(path, bytes)
}

/// The bytes of a file, or of standard input.
///
/// # Errors
/// Where they cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    bytes.map_err(|error| Failure::io(format!("`{}` cannot be read: {error}", path.display())))
}

fn text(path: &Path, bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::io(format!(
            "`{}` is neither a policy nor an artifact: byte {at} is not UTF-8",
            path.display()
        ))
        .help("a policy is a text file in UTF-8; `opus build` makes an artifact of it")
    })
}

fn refused(name: &str, error: &ArtifactError) -> Failure {
    Failure::new(Exit::Artifact, format!("`{name}`: {error}"))
}
