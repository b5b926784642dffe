//! How does a program use a policy? It opens the policy once and decides with it from any thread.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use opus_ir::Schema;
use opus_ir::memory::{self, RowLayout, Slot};

use crate::admission::{Fields, Reason};
use crate::artifact::{Artifact, ArtifactError, SourceText, schema_hash};
use crate::batch::Batch;
use crate::decision::{Cells, Decision, Input};
use crate::engine::{ColumnEngine, Engine, Options, Origin, RowEngine};
use crate::functions::Function;
use crate::hash::Hash;
use crate::record::Written;
use crate::refusal::Refusal;
use crate::row::Row;
use crate::shapes::Shapes;
use crate::snapshot::{self, BindError, Snapshot};

/// A policy that is ready to decide. Clones are cheap and share everything.
///
/// ```
/// use opus_runtime::{Cache, Engine, Options, Policy, example};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let artifact = example::artifact();
/// let options = Options { cache: Cache::Off, ..Options::default() };
/// let policy = Policy::from_bytes_with(artifact.bytes(), &options)?;
/// let input = r#"{"submitted_on": "2024-05-01", "age": 17, "income": 90000, "requested": 9000, "work": "retired"}"#;
/// assert_eq!(policy.decide_json(input)?.rule().id, "R1");
///
/// let options = Options { engine: Engine::Vm, ..options };
/// let slower = Policy::from_bytes_with(artifact.bytes(), &options)?;
/// assert_eq!(slower.decide_json(input)?.hash(), policy.decide_json(input)?.hash());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Policy(Arc<Inner>);

struct Inner {
    /// The artifact that engines execute: the one that was opened, or made of it by binding.
    executed: Artifact,
    /// What was bound, if the policy has facts.
    bound: Option<Bound>,
    options: Options,
    shapes: Shapes,
    input_layout: RowLayout,
    decided_layout: RowLayout,
    admitted_layouts: Vec<RowLayout>,
    /// The slot of the date that selects the version.
    effective: Option<Slot>,
    /// The first day of every version but the first.
    starts: Vec<i32>,
    /// The hash of the inputs, computed when it is first needed.
    schema_hash: OnceLock<Hash>,
    rows: RowEngine,
    columns: OnceLock<ColumnEngine>,
    /// What reads JSON objects.
    fields: Fields,
    /// What writes records.
    written: OnceLock<Written>,
}

/// What a policy was made of by binding.
struct Bound {
    artifact: Artifact,
    snapshot: Hash,
    hash: Hash,
}

impl Policy {
    /// Opens an artifact with the default [`Options`]: native code, and the cache of this user.
    ///
    /// ```
    /// use opus_runtime::{Policy, example};
    /// let path = std::env::temp_dir().join(format!("open-{}.opusc", std::process::id()));
    /// std::fs::write(&path, example::artifact().bytes())?;
    /// let policy = Policy::open(&path)?;
    /// assert_eq!(policy.artifact().program().name, "loan.small");
    ///
    /// std::fs::write(&path, "not an artifact")?;
    /// let error = Policy::open(&path).unwrap_err();
    /// assert_eq!(error.to_string(), "the file is not an artifact: give a file that `opus build` wrote");
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Where the file cannot be read, or does not hold an artifact that may run.
    pub fn open(path: impl AsRef<Path>) -> Result<Policy, ArtifactError> {
        Policy::open_with(path, &Options::default())
    }

    /// Opens an artifact.
    ///
    /// # Errors
    /// As [`Policy::open`].
    pub fn open_with(path: impl AsRef<Path>, options: &Options) -> Result<Policy, ArtifactError> {
        Policy::from_artifact(Artifact::open_with(path, &options.cache)?, options)
    }

    /// The policy of an artifact in memory, with the default [`Options`].
    ///
    /// ```
    /// use opus_runtime::{Policy, example};
    /// let artifact = example::artifact();
    /// let policy = Policy::from_bytes(artifact.bytes())?;
    /// assert_eq!(policy.artifact().content_hash(), artifact.content_hash());
    /// # Ok::<(), opus_runtime::ArtifactError>(())
    /// ```
    ///
    /// # Errors
    /// Where the bytes are not an artifact that may run.
    pub fn from_bytes(bytes: &[u8]) -> Result<Policy, ArtifactError> {
        Policy::from_bytes_with(bytes, &Options::default())
    }

    /// The policy of an artifact in memory.
    ///
    /// # Errors
    /// As [`Policy::from_bytes`].
    pub fn from_bytes_with(bytes: &[u8], options: &Options) -> Result<Policy, ArtifactError> {
        Policy::from_artifact(Artifact::from_bytes_with(bytes, &options.cache)?, options)
    }

    /// The policy of an artifact that has been checked.
    ///
    /// # Errors
    /// [`ArtifactError::Unbound`] where it takes facts from a snapshot: [`Policy::bind`] opens it.
    pub fn from_artifact(artifact: Artifact, options: &Options) -> Result<Policy, ArtifactError> {
        let holes = &artifact.program().holes;
        if !holes.is_empty() {
            let keys = holes.iter().map(|hole| hole.name.clone()).collect();
            return Err(ArtifactError::Unbound { keys });
        }
        Ok(Policy::executing(artifact, None, options))
    }

    /// The policy of an artifact with the facts of a snapshot. They become constants of the code, so that a bound policy
    /// decides as fast as one that holds its values. Facts that the policy does not use are left aside
    /// ([`snapshot::unused`] names them).
    ///
    /// ```
    /// use opus_runtime::snapshot::{Fact, Snapshot};
    /// use opus_runtime::{Options, Policy, example};
    /// let fact = |valid_from, value: &str| Fact {
    ///     key: "floor".to_string(),
    ///     valid_from,
    ///     value: value.parse().ok(),
    ///     cite: None,
    ///     notes: vec![],
    /// };
    /// let artifact = example::artifact_with_facts();
    /// let policy = Policy::bind(artifact, &Snapshot::new(vec![fact(0, "600")])?, &Options::default())?;
    /// let decision = policy.decide_json(r#"{"on": "2025-02-01", "score": 640}"#)?;
    /// assert_eq!(decision.output("pass").unwrap().to_string(), "true");
    /// assert_eq!(decision.record().snapshot, policy.snapshot());
    ///
    /// let refused = Policy::bind(example::artifact_with_facts(), &Snapshot::new(vec![fact(0, "900")])?, &Options::default());
    /// assert_eq!(
    ///     refused.unwrap_err().to_string(),
    ///     "the snapshot does not fit the policy: `floor` from 1970-01-01: `900` is outside the declared range 300..850"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Every fact that is missing or is not what the policy declares.
    pub fn bind(artifact: Artifact, snapshot: &Snapshot, options: &Options) -> Result<Policy, BindError> {
        let mut program = snapshot::bind(artifact.verified_program(), snapshot)?;
        for version in &mut program.versions {
            // facts make functions smaller; but passes drop proofs, and nothing here searches for new ones
            let without_proofs = [&mut version.admit, &mut version.decide].into_iter();
            without_proofs.filter(|func| func.proofs.is_empty()).for_each(opus_ir::passes::optimize);
        }
        let source = SourceText { text: artifact.unchecked_source(), compiler: artifact.compiler() };
        let executed = Artifact::build(program, source).map_err(BindError::Build)?;
        let hash = Hash::of_bound(artifact.content_hash(), snapshot.hash());
        let bound = Bound { artifact, snapshot: snapshot.hash(), hash };
        Ok(Policy::executing(executed, Some(bound), options))
    }

    fn executing(executed: Artifact, bound: Option<Bound>, options: &Options) -> Policy {
        let artifact = &executed;
        let program = artifact.program();
        let shapes = Shapes::of(program);
        let input_layout = shapes.input_layout();
        let rows = RowEngine::new(artifact, options);
        Policy(Arc::new(Inner {
            effective: program.schema.effective.map(|index| input_layout.slots[index as usize]),
            starts: program.versions.iter().skip(1).map(|version| version.from).collect(),
            fields: Fields::new(&program.schema, &input_layout),
            written: OnceLock::new(),
            input_layout,
            decided_layout: shapes.decided_layout(),
            admitted_layouts: shapes.admitted_layouts(),
            shapes,
            rows,
            columns: OnceLock::new(),
            schema_hash: OnceLock::new(),
            options: options.clone(),
            bound,
            executed,
        }))
    }

    /// The artifact that was opened, whose content hash records name. If it is bound, it leaves open what the facts are.
    pub fn artifact(&self) -> &Artifact {
        self.0.bound.as_ref().map_or(&self.0.executed, |bound| &bound.artifact)
    }

    /// The artifact that engines execute: the opened one, or the one that binding made of it.
    pub fn executed(&self) -> &Artifact {
        &self.0.executed
    }

    /// The hash of the snapshot that the policy was bound to.
    pub fn snapshot(&self) -> Option<Hash> {
        self.0.bound.as_ref().map(|bound| bound.snapshot)
    }

    /// The hash that names artifact and snapshot together, if the policy was bound.
    pub fn bound_hash(&self) -> Option<Hash> {
        self.0.bound.as_ref().map(|bound| bound.hash)
    }

    /// Inputs and outputs.
    ///
    /// ```
    /// use opus_runtime::Kind;
    /// let policy = opus_runtime::example::policy();
    /// let required: Vec<&str> =
    ///     policy.schema().inputs.iter().filter(|field| !field.optional).map(|field| &*field.name).collect();
    /// assert_eq!(required, ["submitted_on", "age", "income", "requested", "work"]);
    /// assert_eq!(policy.schema().outputs[1].kind, Kind::Money);
    /// ```
    pub fn schema(&self) -> &Schema {
        &self.0.executed.program().schema
    }

    /// The hash of the inputs: names, kinds, domains, enums and currency. Policies with the same hash decide each
    /// other's rows, so a row survives a reload that leaves the inputs as they are.
    ///
    /// ```
    /// let (old, new) = (opus_runtime::example::policy(), opus_runtime::example::policy());
    /// let row = old.read_json(
    ///     r#"{"submitted_on": "2025-02-01", "age": 40, "income": 90000, "requested": 9000, "work": "salaried"}"#,
    /// )?;
    /// assert_eq!(old.schema_hash(), new.schema_hash());
    /// assert_eq!(new.decide(&row)?.hash(), old.decide(&row)?.hash());
    /// # Ok::<(), opus_runtime::Refusal>(())
    /// ```
    pub fn schema_hash(&self) -> Hash {
        *self.0.schema_hash.get_or_init(|| schema_hash(self.schema()))
    }

    /// The engine that decides single rows.
    ///
    /// ```
    /// use opus_runtime::{Cache, Engine, Options, Policy, example};
    /// let options = Options { engine: Engine::Native, cache: Cache::Off, ..Options::default() };
    /// let policy = Policy::from_artifact(example::artifact(), &options)?;
    /// match policy.fallback() {
    ///     None => assert_eq!(policy.engine(), Engine::Native),
    ///     Some(why) => println!("the virtual machine decides: {why}"),
    /// }
    /// # Ok::<(), opus_runtime::ArtifactError>(())
    /// ```
    pub fn engine(&self) -> Engine {
        self.0.rows.engine()
    }

    /// Why the virtual machine runs although native code is preferred.
    pub fn fallback(&self) -> Option<&str> {
        self.0.rows.fallback()
    }

    /// Where the native code for single rows came from; `None` on the virtual machine.
    pub fn origin(&self) -> Option<Origin> {
        self.0.rows.origin()
    }

    /// Where the native code for columns came from; `None` on the virtual machine. Loads it first.
    pub fn columns_origin(&self) -> Option<Origin> {
        self.columns().origin()
    }

    /// An empty row.
    pub fn row(&self) -> Row {
        Row::new(self)
    }

    /// An empty batch for up to this many rows.
    pub fn batch(&self, capacity_rows: usize) -> Batch {
        Batch::new(self, capacity_rows)
    }

    /// Loads or compiles the code for batches, which otherwise happens when the first batch is decided. With a cache,
    /// later starts find it there.
    pub fn prepare(&self) -> &Policy {
        self.columns();
        self
    }

    /// Decides a row. Nothing is allocated if the outputs take at most 32 bytes.
    ///
    /// ```
    /// let policy = opus_runtime::example::policy();
    /// let mut row = policy.row();
    /// row.set_date("submitted_on", 2025, 2, 1)?;
    /// row.set_int("age", 40)?;
    /// row.set_int("score", 720)?;
    /// row.set_money("income", 9_000_000)?; // in cents
    /// row.set_money("requested", 900_000)?;
    /// row.set_enum("work", "salaried")?;
    /// let decision = policy.decide(&row)?;
    /// assert_eq!((&*decision.rule().id, decision.version().number), ("R4", 2));
    ///
    /// // a condition between fields is checked when the row is decided
    /// row.set_money("income", 100_000)?;
    /// let refusal = policy.decide(&row).unwrap_err();
    /// assert_eq!(refusal.to_string(), "refused: Q1 (no more than an income) does not hold");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Why the row is refused.
    // inlined, so that the engine writes to where the caller keeps the decision: a copy would wait for what the
    // engine has just written
    #[inline(always)]
    pub fn decide<'a>(&'a self, row: &'a Row) -> Result<Decision<'a>, Refusal> {
        let version = self.admitted(row)?;
        let mut cells = Cells::new(self.output_layout());
        self.run(Function::decide(version), row.bytes(), cells.bytes_mut());
        Ok(Decision::new(self, Input::Borrowed(row), version, cells))
    }

    /// Decides a row given as a JSON object, which is read as by [`Row::set_json`]. This allocates a row; a service
    /// reuses one with [`Row::set_json`].
    ///
    /// ```
    /// let policy = opus_runtime::example::policy();
    /// let decision = policy.decide_json(
    ///     r#"{"submitted_on": "2025-02-01", "age": 40, "score": 720, "income": 90000, "requested": 9000,
    ///         "work": "salaried"}"#,
    /// )?;
    /// assert_eq!(decision.output("amount").unwrap().to_string(), "9000.00");
    ///
    /// let refusal = policy.decide_json(r#"{"age": 40}"#).unwrap_err();
    /// assert_eq!(refusal.reasons()[0].message, "submitted_on: a value is required");
    /// # Ok::<(), opus_runtime::Refusal>(())
    /// ```
    ///
    /// # Errors
    /// Why the row is refused.
    pub fn decide_json(&self, text: &str) -> Result<Decision<'_>, Refusal> {
        let row = Box::new(self.read_json(text)?);
        let version = self.admitted(&row)?;
        let mut cells = Cells::new(self.output_layout());
        self.run(Function::decide(version), row.bytes(), cells.bytes_mut());
        Ok(Decision::new(self, Input::Owned(row), version, cells))
    }

    /// Reads a row from a JSON object.
    ///
    /// # Errors
    /// Every field that is refused, in the order of the fields.
    pub fn read_json(&self, text: &str) -> Result<Row, Refusal> {
        let mut row = self.row();
        row.set_json(text)?;
        Ok(row)
    }

    /// The version that is in force for a row that is complete and meets all its requires.
    #[inline(always)]
    fn admitted(&self, row: &Row) -> Result<usize, Refusal> {
        if !self.owns(row) {
            return Err(foreign());
        }
        row.check_complete()?;
        let version = self.version_of(row.bytes());
        self.admit(version, row.bytes())?;
        Ok(version)
    }

    #[inline]
    fn run(&self, function: Function, input: &[u8], output: &mut [u8]) -> bool {
        self.0.rows.run(function, input, output)
    }

    #[inline]
    fn owns(&self, row: &Row) -> bool {
        Arc::ptr_eq(&self.0, &row.policy().0) || self.has_inputs_of(row.policy())
    }

    #[cold]
    fn has_inputs_of(&self, other: &Policy) -> bool {
        self.schema_hash() == other.schema_hash()
    }

    /// The version that is in force for a row.
    #[inline]
    fn version_of(&self, input: &[u8]) -> usize {
        let Some(day) = self.day_of(input) else { return 0 };
        let day = day as i32;
        self.0.starts.partition_point(|start| *start <= day)
    }

    /// The day that selects the version for a row.
    #[inline]
    pub(crate) fn day_of(&self, input: &[u8]) -> Option<i128> {
        let slot = self.0.effective?;
        Some(memory::read_narrow(input, slot.offset as usize, slot.width).into())
    }

    #[inline]
    fn admit(&self, version: usize, input: &[u8]) -> Result<(), Refusal> {
        let layout = &self.0.admitted_layouts[version];
        match layout.slots.len() - 1 {
            0 => Ok(()),
            count => self.check_requires(version, input, layout, count),
        }
    }

    #[inline(never)]
    fn check_requires(
        &self,
        version: usize,
        input: &[u8],
        layout: &RowLayout,
        count: usize,
    ) -> Result<(), Refusal> {
        let mut cells = Cells::new(layout);
        self.run(Function::admit(version), input, cells.bytes_mut());
        // Booleans take one byte each and come first
        let holds = &cells.bytes()[..count];
        if holds.iter().all(|holds| *holds != 0) { Ok(()) } else { Err(self.requires_failed(version, holds)) }
    }

    #[cold]
    fn requires_failed(&self, version: usize, holds: &[u8]) -> Refusal {
        let program = self.0.executed.program();
        let failed = program.versions[version].requires.iter().zip(holds).filter(|(_, holds)| **holds == 0);
        let reason =
            |(index, _): (&u32, &u8)| Reason::require_failed(*index, &program.requires[*index as usize]);
        Refusal::Requires(failed.map(reason).collect())
    }

    pub(crate) fn fields(&self) -> &Fields {
        &self.0.fields
    }

    pub(crate) fn written(&self) -> &Written {
        let artifact = self.artifact();
        let written = || Written::new(artifact.program(), artifact.content_hash(), self.snapshot());
        self.0.written.get_or_init(written)
    }

    pub(crate) fn shapes(&self) -> &Shapes {
        &self.0.shapes
    }

    pub(crate) fn input_layout(&self) -> &RowLayout {
        &self.0.input_layout
    }

    pub(crate) fn output_layout(&self) -> &RowLayout {
        &self.0.decided_layout
    }

    /// The engine for columns, loaded at first use.
    pub(crate) fn columns(&self) -> &ColumnEngine {
        self.0.columns.get_or_init(|| ColumnEngine::new(&self.0.executed, &self.0.options))
    }
}

#[cold]
fn foreign() -> Refusal {
    Refusal::Row(Box::new(Reason::malformed_row("the row was made for a policy with other inputs")))
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = &self.0.executed.program().name;
        write!(f, "Policy({name}, {}, {})", self.artifact().content_hash(), self.engine())
    }
}
