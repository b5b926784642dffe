//! Is what a record says still true? Its files are compared with the manifest byte for byte, and its rows are decided
//! again from the recorded artifact and compared leaf by leaf, and with what the outputs hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use opus_ir::Schema;
use opus_runtime::admission::json;
use opus_runtime::record::{Outcome, Salting, Salts};
use opus_runtime::tree::{self, Part, Tree};
use opus_runtime::{Artifact, Decide, Hash};
use serde_json::Value;

use super::differences::{JsonType, compare, is_same_value};
use super::facts::{Facts, FileFacts, metadata};
use super::manifest::{TreeFacts, Verb};
use super::names;
use super::one::{self, One};
use super::open::{LeafReader, Recorded};
use super::write::{digest_of, read_input};
use crate::arrays::Decisions;
use crate::endpoint::read_text;
use crate::error::{DataError, ErrorKind};
use crate::json_lines::unquoted;
use crate::pipeline::{Batch, Leaves, Progress, rejects};
use crate::write::Spec;
use crate::{Digest, Endpoint, Located, Names, Reader, Whole};

/// How many differing rows a replay describes at most. All are counted.
pub const DIFFERENCES_MAX: usize = 1000;

/// Something that is not as it was recorded.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Difference {
    /// The number of the row, if it is one.
    pub row: Option<u64>,
    /// The file that differs, or that holds the row.
    pub file: Option<String>,
    /// How it differs, in words.
    pub says: String,
}

/// What a replay found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Replay {
    /// Files that are not as they were recorded.
    pub files: Vec<Difference>,
    /// Rows that are not as they were recorded: the first [`DIFFERENCES_MAX`].
    pub rows: Vec<Difference>,
    /// How many rows are not as they were recorded.
    pub rows_differ: u64,
    /// How many rows were decided again; `None` if that was not possible, and [`Replay::files`] says why.
    pub decided_again: Option<u64>,
    /// How many files were compared byte for byte.
    pub files_compared: usize,
    /// Whether the rows of a file that holds results cannot be read.
    pub is_unread: bool,
    /// Whether a file is not where it was.
    pub is_missing: bool,
    /// What is worth knowing and no difference.
    pub notes: Vec<String>,
}

impl Replay {
    /// Whether everything is as it was recorded.
    pub fn is_identical(&self) -> bool {
        self.files.is_empty() && self.rows.is_empty() && self.rows_differ == 0 && self.decided_again.is_some()
    }

    fn file(&mut self, file: impl Into<String>, says: impl Into<String>) {
        self.files.push(Difference { row: None, file: Some(file.into()), says: says.into() });
    }
}

/// What decides the rows of a record again.
struct Decider<'a> {
    artifact: &'a Artifact,
    engine: &'a dyn Decide,
}

/// How a record is replayed.
pub struct Options<'a> {
    /// The threads that decide.
    pub pool: &'a rayon::ThreadPool,
    /// Whether inputs and outputs may have other bytes, as long as their rows are the same.
    pub rows_only: bool,
    /// Told how far it is.
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

/// The rows in which something differs.
#[derive(Default)]
struct Rows {
    found: Vec<Difference>,
    /// Every row that differs, in the order in which it was found.
    numbers: Vec<u64>,
}

impl Rows {
    fn add(&mut self, row: u64, file: Option<&str>, says: String) {
        self.numbers.push(row);
        if self.found.len() < DIFFERENCES_MAX {
            self.found.push(Difference { row: Some(row), file: file.map(str::to_owned), says });
        }
    }

    fn finish(mut self) -> (Vec<Difference>, u64) {
        self.found.sort();
        self.numbers.sort_unstable();
        self.numbers.dedup();
        (self.found, self.numbers.len() as u64)
    }
}

/// The files as they are now.
struct Found {
    /// By input, its digest; `None` if it is gone.
    inputs: Vec<Option<Digest>>,
    /// The salts of these inputs, if all are there.
    salts: Option<Salts>,
    output: Option<Digest>,
    rejects: Option<Digest>,
    leaves: Option<Digest>,
}

impl Recorded {
    /// Compares the record with what is there, and decides its rows again with an engine of its artifact. If that cannot be
    /// executed, `engine` says why, and files alone are compared.
    ///
    /// # Errors
    /// If something goes wrong that has nothing to do with the record, such as a full disk.
    pub fn replay(
        &self,
        engine: Result<&dyn Decide, String>,
        options: &Options,
    ) -> Result<Replay, DataError> {
        let mut replay = Replay::default();
        let found = self.compare_files(options.rows_only, &mut replay)?;
        self.compare_folder(&mut replay)?;
        let engine = match engine {
            Ok(engine) => engine,
            Err(why) => {
                replay.file(self.artifact_path().display().to_string(), why);
                return Ok(replay);
            }
        };
        let policy = engine.batch(1).policy().clone();
        let decider = Decider { artifact: policy.artifact(), engine };
        self.compare_artifact(decider.artifact, policy.snapshot(), &mut replay);
        if found.inputs.contains(&None) {
            replay.notes.push("the rows were not decided again, because an input is missing".to_owned());
            return Ok(replay);
        }
        let Some(salts) = self.salts(&found, &mut replay) else { return Ok(replay) };
        let mut rows = Rows::default();
        match self.manifest.verb {
            Verb::Batch => self.replay_batch(&decider, options, &found, &salts, &mut rows, &mut replay)?,
            Verb::Run => self.replay_object(&decider, options, &salts, &mut rows, &mut replay)?,
        }
        (replay.rows, replay.rows_differ) = rows.finish();
        Ok(replay)
    }

    /// Compares the bytes of every file but the artifact.
    fn compare_files(&self, rows_only: bool, replay: &mut Replay) -> Result<Found, DataError> {
        let Facts { snapshot, mapping, inputs, output, rejects, .. } = &self.manifest.facts;
        let mut salting = Salting::default();
        let mut found = Found { inputs: Vec::new(), salts: None, output: None, rejects: None, leaves: None };
        if let Some(snapshot) = snapshot {
            let digest = digest_of(&self.place(&snapshot.file)?)?;
            self.compare_file(&snapshot.file, digest, false, replay);
        }
        if let Some(mapping) = mapping {
            let digest = digest_of(&self.place(mapping)?)?;
            self.compare_file(mapping, digest, false, replay);
        }
        for input in inputs {
            let located = self.located(input)?;
            let is_there = located.endpoint.path().is_some_and(Path::is_file);
            let digest = match is_there {
                true => Some(read_input(&located, &mut salting, &mut |_| Ok(()))?),
                false => None,
            };
            self.compare_file(input, digest, rows_only, replay);
            found.inputs.push(digest);
        }
        found.salts = (!found.inputs.contains(&None)).then(|| salting.finish());
        found.output = digest_of(&self.place(output)?)?;
        self.compare_file(output, found.output, rows_only, replay);
        if let Some(rejects) = rejects {
            found.rejects = digest_of(&self.place(rejects)?)?;
            self.compare_file(rejects, found.rejects, rows_only, replay);
        }
        let leaves = &self.manifest.leaves;
        found.leaves = digest_of(&self.place(leaves)?)?;
        self.compare_file(leaves, found.leaves, false, replay);
        // the key of the salts, and a leaf for each row
        let expected = self.manifest.tree.size.saturating_add(1).saturating_mul(32);
        if leaves.bytes != expected {
            replay.file(self.shown(leaves), format!("{} bytes, but the rows have {expected}", leaves.bytes));
        }
        Ok(found)
    }

    /// Finds files in the folder that have the names of a record's files, but are links or not in the manifest: the
    /// record does not hold them.
    fn compare_folder(&self, replay: &mut Replay) -> Result<(), DataError> {
        let copies = self.manifest.files().filter_map(|facts| facts.copy.as_deref());
        let named: BTreeSet<&str> = copies.chain([names::MANIFEST, names::ARTIFACT]).collect();
        for (name, is_link) in self.held()? {
            let shown = self.folder().join(&name).display().to_string();
            let is_own = name
                .split('/')
                .next()
                .is_some_and(|first| names::FILES.contains(&first) || names::FOLDERS.contains(&first));
            match (is_own, is_link) {
                (true, true) => replay.file(shown, "it is a link, so the record does not hold the file"),
                (true, false) if !named.contains(&*name) => {
                    replay.file(shown, "the manifest does not name it");
                }
                (true, false) => {}
                (false, _) => replay.notes.push(format!("{shown}: it is not part of the record")),
            }
        }
        Ok(())
    }

    fn compare_file(&self, facts: &FileFacts, found: Option<Digest>, may_differ: bool, replay: &mut Replay) {
        replay.files_compared += 1;
        let shown = self.shown(facts);
        let says = match found {
            None => {
                replay.is_missing = true;
                "there is no such file".to_owned()
            }
            Some(found) if found == facts.digest() || may_differ => return,
            Some(found) if found.bytes != facts.bytes => {
                format!("{} bytes, but {} were recorded", found.bytes, facts.bytes)
            }
            Some(found) => format!("BLAKE3 {}, but {} was recorded", found.blake3, facts.blake3),
        };
        replay.file(shown, says);
    }

    fn compare_artifact(&self, artifact: &Artifact, snapshot: Option<Hash>, replay: &mut Replay) {
        replay.files_compared += 1;
        let recorded = &self.manifest.facts.artifact;
        let found = super::ArtifactFacts::of(artifact, &recorded.policy);
        if found != *recorded {
            let path = self.artifact_path().display().to_string();
            replay.file(
                path,
                format!("it is another artifact: {}, but {} was recorded", found.content, recorded.content),
            );
        }
        let recorded = &self.manifest.facts.snapshot;
        if let Some(recorded) = recorded.as_ref().filter(|recorded| snapshot != Some(recorded.content)) {
            replay.file(self.shown(&recorded.file), "it is not the recorded snapshot");
        }
    }

    /// The salts with which leaves were recorded: those of the inputs, and if these were changed, those that the record
    /// holds. `None` if both were changed.
    fn salts(&self, found: &Found, replay: &mut Replay) -> Option<Salts> {
        let leaves_hold = found.leaves == Some(self.manifest.leaves.digest());
        let recorded = self.manifest.facts.inputs.iter().map(|input| Some(input.digest()));
        let of_inputs = found.salts.clone().filter(|_| recorded.eq(found.inputs.iter().copied()));
        let held = leaves_hold.then(|| self.leaves().ok()).flatten().map(|(salts, _)| salts);
        match (of_inputs, held) {
            (Some(salts), held) => {
                if held.is_some_and(|held| held != salts) {
                    replay.file(self.shown(&self.manifest.leaves), "its key does not belong to the inputs");
                }
                Some(salts)
            }
            (None, Some(held)) => Some(held),
            (None, None) => {
                replay.notes.push("inputs and leaves both differ, so rows cannot be compared".to_owned());
                None
            }
        }
    }

    fn replay_batch(
        &self,
        decider: &Decider,
        options: &Options,
        found: &Found,
        salts: &Salts,
        rows: &mut Rows,
        replay: &mut Replay,
    ) -> Result<(), DataError> {
        let intake = match self.intake(decider.artifact) {
            Ok(intake) => intake,
            Err(error) => return not_again(replay, &error),
        };
        let Facts { inputs, output, rejects, .. } = &self.manifest.facts;
        let again = Again::create()?;
        let batch = Batch {
            intake,
            names: Names::of(decider.artifact.program()),
            inputs: inputs.iter().map(|input| self.located(input)).collect::<Result<_, _>>()?,
            output: again.located("output", self.located(output)?),
            rejects: match rejects {
                Some(rejects) => Some(again.located("rejects", self.located(rejects)?)),
                None => None,
            },
            metadata: metadata(decider.artifact, decider.engine.batch(0).policy().snapshot()),
            hashed: true,
        };
        let mut leaves = Comparing::new(self.leaves().ok().map(|(_, leaves)| leaves));
        let mut take = |next: &[Hash], part: &Part| {
            leaves.take(next, part);
            Ok(())
        };
        let taken = Some(Leaves { salts, take: &mut take });
        let ran = batch.run_with(options.pool, decider.engine, options.progress, taken);
        let (report, outputs) = match ran {
            Ok(ran) => ran,
            Err(error) if error.kind == ErrorKind::Output => return Err(error),
            Err(error) => return not_again(replay, &error),
        };
        let counts = (report.counts.decided, report.counts.rejected());
        let made = [outputs.decisions().digest(), outputs.rejects().and_then(Whole::digest)];
        // to be read, they need their names
        outputs.name()?;
        let kept = Reader::open(batch.inputs.clone(), &batch.intake)?.kept().to_vec();
        let decisions = Decisions::new(&batch.intake.schema, &batch.names, &kept, &[])?;
        let mut rejected = rejects::columns(inputs.len() > 1);
        rejected.extend(kept.iter().map(Spec::kept));
        let schema = &batch.intake.schema;
        let columns = &decisions.layout().columns;
        let output = Held { facts: output, now: found.output, columns, has_messages: false };
        let mut are_compared = self.compare_rows(&output, made[0], &batch.output, schema, rows, replay)?;
        match (rejects, &batch.rejects) {
            (Some(facts), Some(again)) => {
                let columns = &rejected;
                let rejects = Held { facts, now: found.rejects, columns, has_messages: true };
                are_compared &= self.compare_rows(&rejects, made[1], again, schema, rows, replay)?;
            }
            // what was refused can be refused for other reasons
            _ => are_compared &= counts.1 == 0,
        }
        self.compare_leaves(leaves, counts, are_compared, rows, replay);
        Ok(())
    }

    /// Compares the rows that an output holds with those that were decided again, unless the bytes are the same. Answers
    /// whether they could be compared.
    fn compare_rows(
        &self,
        held: &Held,
        made: Option<Digest>,
        again: &Located,
        schema: &Schema,
        rows: &mut Rows,
        replay: &mut Replay,
    ) -> Result<bool, DataError> {
        if held.now.is_none() || held.now == made {
            return Ok(held.now.is_some());
        }
        let (shown, before) = (self.shown(held.facts), rows.numbers.len());
        let recorded = self.located(held.facts)?;
        let is_as_recorded = held.now == Some(held.facts.digest());
        // the message of a reject may be worded otherwise than by the version that wrote it
        let any_words = held.has_messages && is_as_recorded;
        let compared = compare(&recorded, again, held.columns, schema, any_words, &mut |row, says| {
            rows.add(row, Some(&shown), says)
        });
        match compared {
            Err(error) => {
                replay.is_unread = true;
                replay.file(shown, format!("its rows cannot be read: {}", error.message));
                Ok(false)
            }
            Ok(()) => {
                if rows.numbers.len() == before && is_as_recorded {
                    replay.notes.push(format!(
                        "{shown}: the rows are the same, though this version writes other bytes"
                    ));
                }
                Ok(true)
            }
        }
    }

    /// Tells which leaves differ, and whether the record says otherwise how many rows were decided and rejected. If the
    /// outputs were compared too, a row without a difference in them is decided alike.
    fn compare_leaves(
        &self,
        leaves: Comparing,
        counts: (u64, u64),
        outputs_are_compared: bool,
        rows: &mut Rows,
        replay: &mut Replay,
    ) {
        let TreeFacts { size, root } = self.manifest.tree;
        let Comparing { tree, differing, .. } = leaves;
        let leaves_shown = self.shown(&self.manifest.leaves);
        let facts = &self.manifest.facts;
        replay.decided_again = Some(tree.size());
        if (tree.size(), tree.root()) == (size, root) {
            // the rows are as recorded, and what differs is the file
            let says = "its leaf in the file is not that of the row";
            differing.iter().for_each(|row| rows.add(*row, Some(&leaves_shown), says.to_owned()));
            if (size, counts) != (facts.rows, (facts.decided, facts.rejected)) {
                let shown = self.manifest_path().display().to_string();
                let (decided, rejected) = counts;
                replay.file(shown, format!("it counts {} rows, {} decided and {} rejected; there are {size}, {decided} and {rejected}", facts.rows, facts.decided, facts.rejected));
            }
            return;
        }
        if tree.size() != size {
            let inputs: Vec<String> = facts.inputs.iter().map(|input| self.shown(input)).collect();
            replay.file(inputs.join(", "), format!("{} rows, but {size} were recorded", tree.size()));
        } else if differing.is_empty() {
            let shown = self.manifest_path().display().to_string();
            replay.file(shown, format!("the root of its rows is {}, but {root} was recorded", tree.root()));
        }
        let says = match outputs_are_compared {
            true => "its input is not the recorded one; the decision is the same",
            false => "its input or its decision is not the recorded one",
        };
        let told: BTreeSet<u64> = rows.numbers.iter().copied().collect();
        for row in differing.iter().filter(|row| !told.contains(row)) {
            rows.add(*row, None, says.to_owned());
        }
    }

    fn replay_object(
        &self,
        decider: &Decider,
        options: &Options,
        salts: &Salts,
        rows: &mut Rows,
        replay: &mut Replay,
    ) -> Result<(), DataError> {
        let Facts { inputs, output, .. } = &self.manifest.facts;
        let [input] = inputs.as_slice() else {
            return not_again(replay, &DataError::input("it was decided from one object, but has several"));
        };
        let text = match read_text(&self.place(input)?) {
            Ok(text) => text,
            Err(error) => return not_again(replay, &error),
        };
        let one = One::decide(decider.engine, &text);
        let is_decided = matches!(one.record.outcome, Outcome::Decided { .. });
        let shown = self.shown(output);
        let schema = &decider.artifact.program().schema;
        let outputs: Vec<Spec> = schema.outputs.iter().map(|output| Spec::of_field(schema, output)).collect();
        let says = match read_text(&self.place(output)?) {
            Ok(recorded) if recorded == one::text(&one.record) => None,
            Ok(recorded) => differences(&recorded, &one::text(&one.record), &outputs)
                .or_else(|| (!options.rows_only).then(|| "the file is formatted differently".to_owned())),
            Err(error) => Some(error.message),
        };
        says.into_iter().for_each(|says| rows.add(1, Some(&shown), says));
        let mut leaves = Comparing::new(self.leaves().ok().map(|(_, leaves)| leaves));
        let leaf = one.record.leaf(salts.of(1), 1);
        leaves.take(&[leaf], &Part::new(0, [tree::entry(leaf.as_bytes())].into_iter()));
        self.compare_leaves(leaves, (is_decided.into(), (!is_decided).into()), true, rows, replay);
        Ok(())
    }
}

/// An output as it is now.
struct Held<'a> {
    facts: &'a FileFacts,
    now: Option<Digest>,
    columns: &'a [Spec],
    /// Whether they hold messages.
    has_messages: bool,
}

/// Says why rows were not decided again; that a file differs is said already.
fn not_again(replay: &mut Replay, error: &DataError) -> Result<(), DataError> {
    replay.notes.push(format!("the rows were not decided again: {}", error.message));
    Ok(())
}

/// Leaves on their way into a tree, beside those that were recorded.
struct Comparing {
    /// `None` if the file cannot be read.
    recorded: Option<LeafReader>,
    tree: Tree,
    /// The numbers of the rows whose leaves differ.
    differing: Vec<u64>,
}

impl Comparing {
    fn new(recorded: Option<LeafReader>) -> Comparing {
        Comparing { recorded, tree: Tree::default(), differing: Vec::new() }
    }

    fn take(&mut self, leaves: &[Hash], part: &Part) {
        let first_row = self.tree.size() + 1;
        self.tree.append(part);
        if let Some(recorded) = &mut self.recorded {
            let rows = (first_row..).zip(leaves);
            self.differing
                .extend(rows.filter_map(|(row, leaf)| (recorded.next() != Some(*leaf)).then_some(row)));
        }
    }
}

/// The members in which two JSON texts differ, in words; `None` if they say the same.
fn differences(recorded: &str, again: &str, outputs: &[Spec]) -> Option<String> {
    let (Some(recorded), Some(again)) = (members(recorded), members(again)) else {
        return Some("the file is not the decision".to_owned());
    };
    let mut texts = Vec::new();
    for name in recorded.keys().chain(again.keys()).collect::<BTreeSet<_>>() {
        let (one, other) = (recorded.get(name), again.get(name));
        let of_output = name.strip_prefix("outputs.");
        let output = outputs.iter().find(|output| Some(&*output.name) == of_output);
        let is_same = match (one, other) {
            (Some(one), Some(other)) => is_same_json(output, one, other),
            _ => false,
        };
        if !is_same {
            let shown =
                |value: Option<&&str>| value.map_or("missing".to_owned(), |value| format!("`{value}`"));
            texts.push(format!(
                "{name} is {} in the file and {} when decided again",
                shown(one),
                shown(other)
            ));
        }
    }
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// Whether the texts of two JSON values say the same: of an output, the same value of its type.
fn is_same_json(output: Option<&Spec>, one: &str, other: &str) -> bool {
    let values = |text: &str| serde_json::from_str::<Value>(text).ok();
    one == other
        || JsonType::of(one) == JsonType::of(other)
            && match (output, JsonType::of(one)) {
                (Some(output), _) => is_same_value(output, &unquoted(one), &unquoted(other)),
                // numbers beside the outputs are small and whole
                (None, _) => values(one).is_some_and(|value| values(other) == Some(value)),
            }
}

/// The members of an object and of the objects in it by their names, with the texts of their values; `None` if the text is
/// not an object, or has a member twice.
fn members(text: &str) -> Option<BTreeMap<String, &str>> {
    let mut found = BTreeMap::new();
    add_members(text, "", &mut found)?;
    Some(found)
}

fn add_members<'a>(text: &'a str, way: &str, found: &mut BTreeMap<String, &'a str>) -> Option<()> {
    let (mut scanner, mut scratch) = (json::Scanner::new(text), String::new());
    scanner.begin().ok()?;
    while let Some(name) = scanner.name().ok()? {
        let name = format!("{way}{}", name.text(&mut scratch)?);
        let value = scanner.value().ok()?.raw();
        let is_new = found.insert(name.clone(), if value.starts_with('{') { "{…}" } else { value }).is_none();
        is_new.then_some(())?;
        if value.starts_with('{') {
            add_members(value, &format!("{name}."), found)?;
        }
    }
    scanner.end().ok()
}

/// A folder for the outputs that are made again, which goes when they were compared.
struct Again(PathBuf);

impl Again {
    fn create() -> Result<Again, DataError> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("opus-replay-{}-{number}", std::process::id()));
        let made = fs::create_dir(&folder);
        made.map_err(|error| DataError::unwritable(&folder.display().to_string(), &error))?;
        Ok(Again(folder))
    }

    /// A place for an output. It keeps its name, which says how a text is packed.
    fn located(&self, part: &str, recorded: Located) -> Located {
        let of = PathBuf::from(recorded.endpoint.to_string());
        Located { endpoint: Endpoint::Copy { path: self.0.join(part), of }, ..recorded }
    }
}

impl Drop for Again {
    fn drop(&mut self) {
        // there is no one left to report a failure to
        let _ = fs::remove_dir_all(&self.0);
    }
}
