//! Where does a policy come from? From source, which is compiled, or from an artifact, which is checked.

use std::fmt;

use opus_frontend::VERSION;
use opus_frontend::codes::Demand;
use opus_frontend::diagnostic::Diagnostic;
use opus_frontend::{Compiled, hir};
use opus_ir::Program;
use opus_runtime::BindError;
use opus_runtime::artifact::{MAGIC, SourceText};
use opus_runtime::{Artifact, ArtifactError, BuildError, Cache, Engine, Options, Policy, Row, Snapshot};

use crate::structure::{Key, Structure};
use crate::witnesses::{by_row, outcome};

/// A policy that may run.
pub struct Opened {
    /// The artifact: the one that was given, or the one that the source was compiled to.
    pub artifact: Artifact,
    /// The result of compiling the source, once it is needed, and how far it explains the artifact.
    compiled: Option<(Compiled, Basis)>,
}

/// How far it is known that the source in an artifact explains it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Basis {
    /// Compiling the source gives the artifact's program.
    Derived,
    /// Another version of the compiler wrote the artifact, and this one compiles its source to another program. Both decide
    /// the policy's tests alike.
    Agrees {
        /// The number of the tests.
        rows: usize,
        /// The version that the artifact names.
        compiler: String,
    },
    /// The same, but the policy has no tests, or none that can be decided without a snapshot.
    Unverified {
        /// The version that the artifact names.
        compiler: String,
    },
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
    /// The snapshot does not fit the policy.
    Snapshot(BindError),
    /// The source in the artifact is not what the artifact was compiled from.
    SourceDiffers,
    /// Another version of the compiler wrote the artifact, and what this one compiles its source to decides a test of the
    /// policy otherwise.
    Disagrees {
        /// The version that the artifact names.
        compiler: String,
        /// The name of the test.
        test: String,
    },
    /// Another version of the compiler wrote the artifact, and this one does not compile its source.
    NoLongerCompiles {
        /// The version that the artifact names.
        compiler: String,
    },
    /// The source may explain the artifact, but it is not what the artifact was compiled from by this version.
    NotDerived(Basis),
}

/// The source text of a policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source<'a> {
    /// The text.
    pub text: &'a str,
    /// How far it explains the artifact.
    pub basis: Basis,
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
    Ok((Opened { artifact, compiled: Some((compiled, Basis::Derived)) }, diagnostics))
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
    of_structure_as(structure, Structure::to_source)
}

/// The same for a hybrid, whose source is not shown and so not formatted.
pub(crate) fn of_hybrid(structure: &Structure) -> Result<Opened, OpenError> {
    of_structure_as(structure, Structure::to_unformatted_source)
}

/// The same with the source that `written` makes of the structure.
fn of_structure_as(
    structure: &Structure,
    written: impl Fn(&Structure) -> String,
) -> Result<Opened, OpenError> {
    // cases and tests may name what a hybrid does not have
    let mut structure = structure.clone();
    structure.retain(|key| !matches!(key, Key::Case(_) | Key::Test(_)));
    let source = written(&structure);
    let (compiled, diagnostics) = opus_frontend::compile_for(&source, Demand::Total);
    let Some(compiled) = compiled else { return Err(OpenError::NotCompiled { source, diagnostics }) };
    let artifact = artifact(&compiled).map_err(OpenError::Build)?;
    Ok(Opened { artifact, compiled: Some((compiled, Basis::Derived)) })
}

/// The artifact of a compiled source.
///
/// # Errors
/// If it is too large for an artifact.
pub fn artifact(compiled: &Compiled) -> Result<Artifact, BuildError> {
    let source = SourceText { text: &compiled.source, compiler: VERSION };
    Artifact::build(compiled.program.clone(), source)
}

impl Basis {
    /// The label of what is explained from the source: `derived`, `agrees on 2 rows` or `unverified`.
    ///
    /// ```
    /// use opus_govern::source::Basis;
    /// assert_eq!(Basis::Agrees { rows: 2, compiler: "0.0.9".into() }.label(), "agrees on 2 rows");
    /// ```
    pub fn label(&self) -> String {
        match self {
            Basis::Derived => "derived".to_owned(),
            Basis::Agrees { rows: 1, .. } => "agrees on 1 row".to_owned(),
            Basis::Agrees { rows, .. } => format!("agrees on {rows} rows"),
            Basis::Unverified { .. } => "unverified".to_owned(),
        }
    }
}

/// The label, with the reason for it.
impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self.label();
        let differs = |compiler| {
            format!(
                "version {compiler} of the compiler wrote the artifact, and version {VERSION} compiles its source differently"
            )
        };
        match self {
            Basis::Derived => f.write_str(&label),
            Basis::Agrees { compiler, .. } => {
                write!(f, "{label}: {}; both decide the policy's tests alike", differs(compiler))
            }
            Basis::Unverified { compiler } => {
                write!(f, "{label}: {}; there are no tests to compare them on", differs(compiler))
            }
        }
    }
}

impl Opened {
    /// The source text, with how far it explains the artifact. A snapshot is needed to decide tests of a policy with facts.
    ///
    /// # Errors
    /// Where the source does not explain the artifact: [`OpenError::SourceDiffers`] or [`OpenError::Disagrees`].
    pub fn source(&mut self, snapshot: Option<&Snapshot>) -> Result<Source<'_>, OpenError> {
        let basis = match self.based(snapshot) {
            Ok((_, basis)) => basis.clone(),
            Err(OpenError::NoLongerCompiles { compiler }) => Basis::Unverified { compiler },
            Err(error) => return Err(error),
        };
        Ok(Source { text: self.artifact.unchecked_source(), basis })
    }

    /// The typed tree.
    ///
    /// # Errors
    /// As [`Opened::compiled`].
    pub fn tree(&mut self) -> Result<&hir::Policy, OpenError> {
        self.compiled().map(|compiled| &compiled.policy)
    }

    /// The result of compiling the source. The source of an artifact is compiled again, and has to give the artifact's
    /// program.
    ///
    /// # Errors
    /// Where it gives another program.
    pub fn compiled(&mut self) -> Result<&Compiled, OpenError> {
        match self.based(None)? {
            (compiled, Basis::Derived) => Ok(compiled),
            (_, basis) => Err(OpenError::NotDerived(basis.clone())),
        }
    }

    /// The result of compiling the source, with how far it explains the artifact. If another version of the compiler wrote
    /// the artifact, and this one compiles its source to another program, then both decide the policy's tests. A snapshot
    /// is needed for that if the policy has facts.
    ///
    /// ```
    /// use opus_govern::source::{Basis, open};
    /// use opus_runtime::Cache;
    /// let source = "policy shop { input { age : int in 0..120 }  output { child : bool }
    ///               rules first { rule A when age < 18 => true  otherwise B => false } }";
    /// let (built, _) = open(source.into(), &Cache::Off)?;
    /// let (mut opened, _) = open(built.artifact.bytes().to_vec(), &Cache::Off)?;
    /// assert_eq!(*opened.based(None)?.1, Basis::Derived);
    /// # Ok::<(), opus_govern::source::OpenError>(())
    /// ```
    ///
    /// # Errors
    /// Where the source does not explain the artifact, or this version does not compile it.
    pub fn based(&mut self, snapshot: Option<&Snapshot>) -> Result<(&Compiled, &Basis), OpenError> {
        if self.compiled.is_none() {
            self.compiled = Some(self.compile_again(snapshot)?);
        }
        let (compiled, basis) = self.compiled.as_ref().expect("it was compiled just now");
        Ok((compiled, basis))
    }

    fn compile_again(&self, snapshot: Option<&Snapshot>) -> Result<(Compiled, Basis), OpenError> {
        let compiled = opus_frontend::compile(self.artifact.unchecked_source()).0;
        let again = compiled.and_then(|compiled| Some((artifact(&compiled).ok()?, compiled)));
        // the formats may differ
        let same = |again: &Artifact| again.current_meaning_hash() == self.artifact.current_meaning_hash();
        match (again, self.artifact.compiler()) {
            (Some((again, compiled)), _) if same(&again) => Ok((compiled, Basis::Derived)),
            (_, VERSION) => Err(OpenError::SourceDiffers),
            (None, compiler) => Err(OpenError::NoLongerCompiles { compiler: compiler.to_owned() }),
            (Some((again, compiled)), compiler) => {
                let basis = self.compare(&again, &compiled, compiler.to_owned(), snapshot)?;
                Ok((compiled, basis))
            }
        }
    }

    /// Compares the artifact with what this version compiles its source to, on the policy's tests.
    fn compare(
        &self,
        again: &Artifact,
        compiled: &Compiled,
        compiler: String,
        snapshot: Option<&Snapshot>,
    ) -> Result<Basis, OpenError> {
        if declarations(again) != declarations(&self.artifact) {
            return Err(OpenError::SourceDiffers);
        }
        let tests = &compiled.policy.tests;
        let needs_facts = snapshot.is_none() && !again.program().holes.is_empty();
        if tests.is_empty() || needs_facts {
            return Ok(Basis::Unverified { compiler });
        }
        let [ours, theirs] = [decider(again, snapshot)?, decider(&self.artifact, snapshot)?];
        match tests.iter().find(|test| by_row(&ours, &test.given) != by_row(&theirs, &test.given)) {
            Some(test) => Err(OpenError::Disagrees { compiler, test: test.name.clone() }),
            None => Ok(Basis::Agrees { rows: tests.len(), compiler }),
        }
    }
}

/// What an artifact declares: everything but its functions, and the places in its source.
fn declarations(artifact: &Artifact) -> Program<()> {
    let mut program = artifact.program().clone();
    program.rules.iter_mut().for_each(|rule| rule.span = (0, 0));
    program.requires.iter_mut().for_each(|require| require.span = (0, 0));
    program
}

/// What decides rows as an artifact does.
fn decider(artifact: &Artifact, snapshot: Option<&Snapshot>) -> Result<Policy, OpenError> {
    let options = Options { engine: Engine::Vm, cache: Cache::Off, ..Options::default() };
    let copy = Artifact::from_bytes(artifact.bytes()).map_err(OpenError::Artifact)?;
    match snapshot {
        Some(snapshot) => Policy::bind(copy, snapshot, &options).map_err(OpenError::Snapshot),
        None => Policy::from_artifact(copy, &options).map_err(OpenError::Artifact),
    }
}

/// Whether what a source was compiled to decides a row as a policy does.
///
/// ```
/// use opus_govern::source::{decides_alike, open};
/// use opus_runtime::{Cache, Options, Policy};
/// let source = "policy shop { input { age : int in 0..120 }  output { child : bool }
///               rules first { rule A when age < 18 => true  otherwise B => false } }";
/// let (mut opened, _) = open(source.into(), &Cache::Off)?;
/// let compiled = opened.compiled()?.clone();
/// let policy = Policy::from_artifact(opened.artifact, &Options::default()).unwrap();
/// let mut row = policy.row();
/// row.set_counted(0, 17).unwrap();
/// assert!(decides_alike(&compiled, None, &policy, &row)?);
/// # Ok::<(), opus_govern::source::OpenError>(())
/// ```
///
/// # Errors
/// Where the snapshot does not fit it.
pub fn decides_alike(
    compiled: &Compiled,
    snapshot: Option<&Snapshot>,
    policy: &Policy,
    row: &Row,
) -> Result<bool, OpenError> {
    let again = decider(&artifact(compiled).map_err(OpenError::Build)?, snapshot)?;
    Ok(outcome(again.decide(row)) == outcome(policy.decide(row)))
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
            OpenError::Snapshot(error) => error.fmt(f),
            OpenError::Disagrees { compiler, test } => write!(
                f,
                "version {compiler} of the compiler wrote the artifact, and version {VERSION} compiles its source to a \
                 policy that decides the test \"{test}\" differently, so the source cannot be used to explain it"
            ),
            OpenError::NoLongerCompiles { compiler } => write!(
                f,
                "version {compiler} of the compiler wrote the artifact, and version {VERSION} does not compile its \
                 source, so the source cannot be used to explain it"
            ),
            OpenError::NotDerived(basis) => write!(f, "the artifact's source is not derived, but {basis}"),
        }
    }
}

impl std::error::Error for OpenError {}
