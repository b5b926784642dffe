//! How is a record written? Before the first row, the artifact and the mapping file are stored and the inputs are
//! hashed. Leaves are added as rows are decided. The manifest is written when the outputs are complete, before they get
//! their names.
//!
//! The record gets its name after the outputs. So a record exists only if all that it describes exists, whenever the
//! process is killed.

use std::fs::File;
use std::io;
use std::path::Path;

use opus_runtime::record::{Record, Salting, Salts};
use opus_runtime::tree::{self, Part, Tree};
use opus_runtime::{Decide, Hash};

use super::facts::{ArtifactFacts, Facts, FileFacts, Sources};
use super::folder::{Building, Written, each_part};
use super::manifest::{FORMAT, Manifest, TreeFacts, Verb};
use super::names;
use crate::endpoint::{is_special, open, resolved};
use crate::error::DataError;
use crate::hash::Digesting;
use crate::pipeline::{Batch, Leaves, Outputs, Progress, Report};
use crate::{Digest, Endpoint, Located, Whole};

/// A record that is being written. Until it is [named](Complete::name) there is none.
///
/// ```
/// use opus_data::pipeline::Batch;
/// use opus_data::record::{Facts, Recording, Sources};
/// use opus_data::{Intake, Names, inputs, output};
///
/// let policy = opus_runtime::example::policy();
/// let artifact = policy.artifact();
/// let folder = std::env::temp_dir().join(format!("opus-record-{}", std::process::id()));
/// std::fs::create_dir_all(&folder)?;
/// let rows = "submitted_on,age,score,income,requested,work\n2025-02-01,40,800,90000,900,retired\n2025-02-01,5,,1,1,x\n";
/// std::fs::write(folder.join("rows.csv"), rows)?;
/// let sources = Sources { artifact: (artifact, "loan.opus"), snapshot: None, mapping: None, fill: &[] };
/// let batch = Batch {
///     intake: Intake::by_name(policy.schema()),
///     names: Names::of(artifact.program()),
///     inputs: inputs(&[folder.join("rows.csv")], None)?,
///     output: output(&folder.join("decisions.csv"), None)?,
///     rejects: Some(output(&folder.join("rejects.csv"), None)?),
///     metadata: sources.metadata(),
///     hashed: true,
/// };
/// let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
///
/// let place = folder.join("record");
/// let mut recording = Recording::begin(&place, &sources, &batch, false)?;
/// let (report, outputs) = recording.run(&pool, &policy, &|_| {})?;
/// let facts = Facts::of(&batch, &report, &outputs, &sources, "vm", "0.1.0");
/// let complete = recording.complete(facts, &outputs)?;
/// assert_eq!(complete.manifest().tree.size, 2);
/// outputs.name()?;
/// complete.name()?;
/// assert!(place.join("manifest.json").exists());
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Recording<'a> {
    batch: &'a Batch,
    building: Building,
    salts: Salts,
    /// By input, what was read and where its copy is.
    inputs: Vec<FileFacts>,
    has_copies: bool,
    leaves: Written,
    tree: Tree,
}

/// A record that is complete, and has not its name yet; without one it is gone.
#[must_use]
pub struct Complete {
    building: Building,
    manifest: Manifest,
}

impl<'a> Recording<'a> {
    /// Begins the record of a batch at a place: an empty folder, or none yet. The inputs are read once for the salts of
    /// the rows. With `copies`, the record will hold inputs and outputs too.
    ///
    /// # Errors
    /// If the place is taken, an input or output is no file, or something cannot be read or written.
    pub fn begin(
        place: &Path,
        sources: &Sources,
        batch: &'a Batch,
        copies: bool,
    ) -> Result<Recording<'a>, DataError> {
        let outputs = [Some(&batch.output), batch.rejects.as_ref()].into_iter().flatten();
        batch.inputs.iter().chain(outputs.clone()).try_for_each(recordable)?;
        for path in outputs.filter_map(|output| output.endpoint.path()) {
            if resolved(path).starts_with(resolved(place)) {
                let message = format!("{}: the output is in the folder of the record", path.display());
                return Err(DataError::request(message).remedy(
                    "name a file outside of it; `--record-data` copies the outputs into the record",
                ));
            }
        }
        let building = Building::begin(place)?;
        building.write(names::ARTIFACT, sources.artifact.0.bytes())?;
        if let Some((snapshot, _)) = sources.snapshot {
            building.write(names::SNAPSHOT, &snapshot.to_bytes())?;
        }
        if let Some((mapping, _)) = sources.mapping {
            building.write(names::MAPPING, mapping)?;
        }
        let mut salting = Salting::default();
        let mut inputs = Vec::new();
        for (number, located) in (1..).zip(&batch.inputs) {
            let name = located.endpoint.to_string();
            let copy = copies.then(|| copy_name(&format!("{}/{number}", names::INPUTS), located));
            let digest = match &copy {
                Some(copy) => {
                    let mut written = building.create(copy)?;
                    read_input(located, &mut salting, &mut |part| written.write(part))?;
                    written.end()?
                }
                None => read_input(located, &mut salting, &mut |_| Ok(()))?,
            };
            inputs.push(FileFacts { copy, ..FileFacts::of(&name, Some(located.format.name()), digest) });
        }
        let salts = salting.finish();
        let mut leaves = building.create(names::LEAVES)?;
        leaves.write(salts.key().as_bytes())?;
        Ok(Recording { batch, building, salts, inputs, has_copies: copies, leaves, tree: Tree::default() })
    }

    /// Decides the batch: as [`Batch::run`].
    ///
    /// # Errors
    /// As there, and if the record cannot be written.
    pub fn run(
        &mut self,
        pool: &rayon::ThreadPool,
        engine: &dyn Decide,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<(Report, Outputs), DataError> {
        let Recording { batch, salts, leaves, tree, .. } = self;
        let mut bytes = Vec::new();
        let mut take = |next: &[Hash], part: &Part| {
            tree.append(part);
            bytes.clear();
            next.iter().for_each(|leaf| bytes.extend_from_slice(leaf.as_bytes()));
            leaves.write(&bytes)
        };
        batch.run_with(pool, engine, progress, Some(Leaves { salts, take: &mut take }))
    }

    /// Completes the record with the facts of the batch.
    ///
    /// # Errors
    /// If an input was changed meanwhile, or something cannot be written.
    pub fn complete(self, facts: Facts, outputs: &Outputs) -> Result<Complete, DataError> {
        let Recording { batch, building, inputs, has_copies, leaves, tree, .. } = self;
        for (before, read) in inputs.iter().zip(&facts.inputs) {
            if before.digest() != read.digest() {
                let message = format!("{}: the file was written to while it was read", read.file);
                return Err(DataError::input(message).remedy("decide it again when it is complete"));
            }
        }
        let mut facts = Facts { inputs, ..facts };
        if let Some(snapshot) = &mut facts.snapshot {
            snapshot.file.copy = Some(names::SNAPSHOT.to_owned());
        }
        if let Some(mapping) = &mut facts.mapping {
            mapping.copy = Some(names::MAPPING.to_owned());
        }
        if has_copies {
            let copied = |facts: &mut FileFacts, name: &str, located: &Located, whole: &Whole| {
                let copy = copy_name(name, located);
                let digest = building.copy(&copy, &facts.file, &mut whole.open()?)?;
                facts.copy = Some(copy);
                match digest == facts.digest() {
                    true => Ok(()),
                    false => Err(DataError::output(format!(
                        "{}: the file was changed in the meantime",
                        facts.file
                    ))),
                }
            };
            copied(&mut facts.output, names::OUTPUT, &batch.output, outputs.decisions())?;
            if let (Some(facts), Some(located), Some(whole)) =
                (&mut facts.rejects, &batch.rejects, outputs.rejects())
            {
                copied(facts, names::REJECTS, located, whole)?;
            }
        }
        finish(building, Verb::Batch, facts, leaves, &tree)
    }
}

/// One object and its record, to be recorded.
pub struct Object<'a> {
    /// The file that it was read from.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Its decision or refusal.
    pub record: &'a Record,
}

impl Complete {
    /// Writes the record of one JSON object, with the object and its decision.
    ///
    /// # Errors
    /// If the place is taken, or something cannot be written.
    pub fn one(
        place: &Path,
        sources: &Sources,
        object: &Object,
        engine: &str,
        build: &str,
    ) -> Result<Complete, DataError> {
        let building = Building::begin(place)?;
        building.write(names::ARTIFACT, sources.artifact.0.bytes())?;
        let mut snapshot = sources.snapshot_facts();
        if let (Some(facts), Some((found, _))) = (&mut snapshot, sources.snapshot) {
            building.write(names::SNAPSHOT, &found.to_bytes())?;
            facts.file.copy = Some(names::SNAPSHOT.to_owned());
        }
        let held = |name: &str, of: &str, bytes: &[u8]| {
            let digest = building.write(name, bytes)?;
            Ok(FileFacts { copy: Some(name.to_owned()), ..FileFacts::of(of, Some("json"), digest) })
        };
        let input = held(names::INPUT, object.file, object.text.as_bytes())?;
        let output = held(names::DECISION, names::DECISION, super::one::text(object.record).as_bytes())?;
        let mut salting = Salting::default();
        salting.update(object.text.as_bytes());
        salting.end_input();
        let salts = salting.finish();
        let mut leaves = building.create(names::LEAVES)?;
        leaves.write(salts.key().as_bytes())?;
        let leaf = object.record.leaf(salts.of(1), 1);
        leaves.write(leaf.as_bytes())?;
        let mut tree = Tree::default();
        tree.push(tree::entry(leaf.as_bytes()));
        let is_decided = matches!(object.record.outcome, opus_runtime::record::Outcome::Decided { .. });
        let facts = Facts {
            rows: 1,
            decided: is_decided.into(),
            rejected: (!is_decided).into(),
            artifact: ArtifactFacts::of(sources.artifact.0, sources.artifact.1),
            snapshot,
            mapping: None,
            inputs: vec![input],
            output,
            rejects: None,
            keep: Vec::new(),
            fill: Vec::new(),
            engine: engine.to_owned(),
            build: build.to_owned(),
        };
        finish(building, Verb::Run, facts, leaves, &tree)
    }

    /// What it says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Gives the folder its name.
    ///
    /// # Errors
    /// If the place is taken by now.
    pub fn name(self) -> Result<(), DataError> {
        self.building.name()
    }
}

fn finish(
    building: Building,
    verb: Verb,
    facts: Facts,
    leaves: Written,
    tree: &Tree,
) -> Result<Complete, DataError> {
    let digest = leaves.end()?;
    let leaves =
        FileFacts { copy: Some(names::LEAVES.to_owned()), ..FileFacts::of(names::LEAVES, None, digest) };
    let tree = TreeFacts { size: tree.size(), root: tree.root() };
    let manifest = Manifest { manifest: FORMAT, verb, facts, leaves, tree };
    building.write(names::MANIFEST, manifest.to_json().as_bytes())?;
    building.sync()?;
    Ok(Complete { building, manifest })
}

/// That a record can name a file, and that it can be read again.
fn recordable(located: &Located) -> Result<(), DataError> {
    let is_text = |path: &Path| path.to_str().is_some();
    match &located.endpoint {
        Endpoint::Standard => Err(DataError::request("a record names files, and `-` is a standard stream")
            .remedy("read from a file and write to files: a record says which bytes were read and written")),
        endpoint => {
            let path = endpoint.path().unwrap_or(Path::new(""));
            match () {
                () if is_special(path) => Err(DataError::request(format!(
                    "{endpoint}: a record names files, and this is not a file"
                ))
                .remedy("read from a file and write to files: a pipe cannot be read again")),
                () if !is_text(path) => Err(DataError::request(format!(
                    "{endpoint}: the path is not UTF-8, so a record cannot name it"
                ))
                .remedy("rename the file")),
                () => Ok(()),
            }
        }
    }
}

/// The path of a copy in a record: in a folder, under its own name, which says how a text is packed.
fn copy_name(folder: &str, located: &Located) -> String {
    let name = located.endpoint.path().and_then(Path::file_name).and_then(|name| name.to_str());
    format!("{folder}/{}", name.unwrap_or("rows"))
}

/// Reads an input for the salts and for its digest.
///
/// # Errors
/// If it cannot be read, or `take` fails.
pub(super) fn read_input(
    located: &Located,
    salting: &mut Salting,
    take: &mut dyn FnMut(&[u8]) -> Result<(), DataError>,
) -> Result<Digest, DataError> {
    let name = located.endpoint.to_string();
    let path = located.endpoint.path().ok_or_else(|| DataError::defect("a stream is not recorded"))?;
    let mut file: File = open(path)?;
    let mut digesting = Digesting::default();
    each_part(&name, &mut file, &mut |part| {
        salting.update(part);
        digesting.update(part);
        take(part)
    })?;
    salting.end_input();
    Ok(digesting.digest())
}

/// The digest of a file; `None` if there is no such file. A record may come from anyone and may name a pipe or a device,
/// which might never end; these count as no file.
///
/// # Errors
/// If it cannot be read.
pub(super) fn digest_of(path: &Path) -> Result<Option<Digest>, DataError> {
    let name = path.display().to_string();
    if path.exists() && !path.is_file() {
        return Ok(None);
    }
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| DataError::unreadable(&name, &error))?,
    };
    let mut digesting = Digesting::default();
    each_part(&name, &mut file, &mut |part| {
        digesting.update(part);
        Ok(())
    })?;
    Ok(Some(digesting.digest()))
}
