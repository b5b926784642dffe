//! Is a record whole, the same each time, and does a replay find whatever was changed? Files of a few dozen rows are decided
//! and recorded; then bits are flipped in everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use opus_data::pipeline::Batch;
use opus_data::record::{Facts, Manifest, Options, Recorded, Recording, Replay, Sources};
use opus_data::{ErrorKind, Intake, Mapping, Names, inputs, output};
use opus_ir::Program;
use opus_runtime::artifact::SourceText;
use opus_runtime::record::{Outcome, Proof};
use opus_runtime::tree::{self, Tree};
use opus_runtime::{Artifact, Cache, Engine, Hash, Policy};

const SOURCE: &str = r#"policy record.loan {
  currency USD
  effective on day
  version 1 from 2023-01-01
  version 2 from 2025-01-01
  enum Decision { approve, refer, decline }
  input {
    day    : date in 2023-01-01..2030-12-31
    score  : int in 300..850 optional
    income : money in $0.00..$9_999_999.99
    amount : money in $1.00..$9_999_999.99
  }
  output { decision : Decision   granted : money in $0.00..$9_999_999.99 }
  param floor : int in 300..850 { from 2023-01-01 = 600  from 2025-01-01 = 640 }
  require Q1 "no more than an income" : amount <= income
  rules first {
    rule R1 "no score" when score is missing => refer, $0
    rule R2 "low" when score < floor => decline, $0
    otherwise R3 => approve, amount
  }
}"#;

const MAPPING: &str = "income = { column = \"INCOME\" }\n";

fn program() -> Program {
    let (compiled, diagnostics) = opus_frontend::compile(SOURCE);
    compiled.unwrap_or_else(|| panic!("{diagnostics:#?}")).program
}

fn artifact() -> Artifact {
    Artifact::build(program(), SourceText { text: SOURCE, compiler: opus_frontend::VERSION })
        .expect("it builds")
}

fn policy(engine: Engine) -> Policy {
    let options = opus_runtime::Options { engine, cache: Cache::Off, ..Default::default() };
    Policy::from_artifact(artifact(), &options).expect("it takes no facts")
}

/// Rows of both versions, some refused by a field and some by a require.
fn rows(count: usize) -> String {
    let mut text = String::from("id,day,score,INCOME,amount\n");
    for row in 1..=count {
        let day = if row % 3 == 0 { "2024-05-06" } else { "2026-07-08" };
        let score = match row % 7 {
            0 => String::new(),
            1 => "999".to_owned(),
            _ => (600 + row % 100).to_string(),
        };
        let income = if row % 11 == 0 { 10 } else { 5000 + row };
        text += &format!("k{row},{day},{score},{income}.50,{}.25\n", 100 + row);
    }
    text
}

/// A folder that goes in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn create(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("opus-records-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn names(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// Decides files and leaves a record in `record`.
fn record(
    scratch: &Scratch,
    files: &[&str],
    format: &str,
    record: &str,
    copies: bool,
    engine: Engine,
) -> Result<Manifest, opus_data::DataError> {
    let policy = policy(engine);
    let artifact = policy.artifact();
    let mapping = Mapping::parse(MAPPING, policy.schema())?;
    let sources = Sources {
        artifact: (artifact, "loan.opus"),
        snapshot: None,
        mapping: Some((MAPPING.as_bytes(), "columns.toml")),
        fill: &[],
    };
    let paths: Vec<PathBuf> = files.iter().map(|name| scratch.path(name)).collect();
    let batch = Batch {
        intake: Intake { schema: policy.schema().clone(), mapping, keep: vec!["id".to_owned()] },
        names: Names::of(artifact.program()),
        inputs: inputs(&paths, None)?,
        output: output(&scratch.path(&format!("decisions.{format}")), None)?,
        rejects: Some(output(&scratch.path(&format!("rejects.{format}")), None)?),
        metadata: sources.metadata(),
        hashed: true,
    };
    let mut recording = Recording::begin(&scratch.path(record), &sources, &batch, copies)?;
    let (report, outputs) = recording.run(&pool(2), &policy, &|_| ())?;
    let facts = Facts::of(&batch, &report, &outputs, &sources, "vm", "test");
    let complete = recording.complete(facts, &outputs)?;
    let manifest = complete.manifest().clone();
    outputs.name()?;
    complete.name()?;
    Ok(manifest)
}

fn replay_with(folder: &Path, engine: Engine, threads: usize, rows_only: bool) -> Result<Replay, String> {
    let recorded = Recorded::open(folder, Path::new(".")).map_err(|error| error.message)?;
    let options = Options { pool: &pool(threads), rows_only, progress: &|_| () };
    let bytes = recorded.artifact_bytes().map_err(|error| error.message)?;
    // an artifact that is as it was need not be verified a thousand times
    static KNOWN: LazyLock<Policy> = LazyLock::new(|| policy(Engine::Vm));
    let policy = if engine == Engine::Vm && bytes == KNOWN.artifact().bytes() {
        Ok(KNOWN.clone())
    } else {
        Artifact::from_bytes(&bytes).map_err(|error| error.to_string()).map(|artifact| {
            let options = opus_runtime::Options { engine, cache: Cache::Off, ..Default::default() };
            Policy::from_artifact(artifact, &options).expect("it takes no facts")
        })
    };
    let engine = policy.as_ref().map(|policy| policy as &dyn opus_runtime::Decide).map_err(String::clone);
    recorded.replay(engine, &options).map_err(|error| error.message)
}

fn replay(folder: &Path) -> Result<Replay, String> {
    replay_with(folder, Engine::Vm, 1, false)
}

#[test]
fn records_replay_identically_in_every_format_on_every_engine() {
    let scratch = Scratch::create("formats");
    fs::write(scratch.path("rows.csv"), rows(40)).unwrap();
    fs::write(scratch.path("more.csv"), rows(3)).unwrap();
    for format in ["csv", "csv.gz", "jsonl", "json", "jsonl.zst", "parquet", "arrow"] {
        let name = format!("record-{format}");
        let manifest = record(&scratch, &["rows.csv", "more.csv"], format, &name, false, Engine::Vm).unwrap();
        let counts = (manifest.facts.rows, manifest.facts.decided, manifest.facts.rejected);
        assert_eq!((counts, manifest.tree.size), ((43, 34, 9), 43), "{format}");
        for (engine, threads) in [(Engine::Vm, 1), (Engine::Native, 3)] {
            let replay = replay_with(&scratch.path(&name), engine, threads, false).unwrap();
            assert!(replay.is_identical(), "{format}: {replay:?}");
            assert_eq!((replay.decided_again, replay.files_compared), (Some(43), 7));
            assert!(replay.notes.is_empty(), "{replay:?}");
        }
    }
}

/// The root and the leaves, from the rows themselves, one by one.
#[test]
fn the_tree_is_that_of_the_rows_decided_one_by_one() {
    let scratch = Scratch::create("tree");
    let (first, second) = (rows(40), rows(3));
    fs::write(scratch.path("rows.csv"), &first).unwrap();
    fs::write(scratch.path("more.csv"), &second).unwrap();
    let manifest =
        record(&scratch, &["rows.csv", "more.csv"], "csv", "record", true, Engine::Native).unwrap();
    let mut material = Vec::new();
    for text in [&first, &second] {
        material.extend_from_slice(text.as_bytes());
        material.extend_from_slice(&(text.len() as u64).to_le_bytes());
    }
    let key = blake3::derive_key("opus row salt 1", &material);
    let mut leaves = vec![Hash::from_bytes(key)];
    let mut growing = Tree::default();
    let policy = policy(Engine::Vm);
    let lines = first.lines().skip(1).chain(second.lines().skip(1));
    for (number, line) in (1u64..).zip(lines) {
        let [_, day, score, income, amount] = line.split(',').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let score = if score.is_empty() { "null" } else { score };
        let text = format!(r#"{{"day": "{day}", "score": {score}, "income": {income}, "amount": {amount}}}"#);
        let record = match policy.read_json(&text) {
            Err(refusal) => refusal.record(&policy, None),
            Ok(row) => match policy.decide(&row) {
                Ok(decision) => decision.record(),
                Err(refusal) => refusal.record(&policy, Some(&row)),
            },
        };
        let salt = Hash::from_bytes(*blake3::keyed_hash(&key, &number.to_le_bytes()).as_bytes());
        let leaf = record.leaf(salt, number);
        leaves.push(leaf);
        growing.push(tree::entry(leaf.as_bytes()));
    }
    assert_eq!(manifest.tree.root, growing.root());
    let bytes: Vec<u8> = leaves.iter().flat_map(|leaf| *leaf.as_bytes()).collect();
    assert_eq!(fs::read(scratch.path("record/leaves")).unwrap(), bytes);
    // every row is proved, and each proof leads to the root
    let recorded = Recorded::open(&scratch.path("record"), Path::new(".")).unwrap();
    for row in 1..=43 {
        let proof = recorded.prove(row, &policy, &|_| ()).unwrap();
        let text = proof.to_json();
        assert_eq!(Proof::from_json(&text).unwrap(), proof);
        assert_eq!(proof.root(), Ok(manifest.tree.root));
        assert_eq!(proof.check_names(policy.artifact()), Ok(()));
        let forged = Proof { row: row % 43 + 1, ..proof.clone() };
        assert_ne!(forged.root(), Ok(manifest.tree.root));
        if let Outcome::Decided { outputs, rule, version, hash } = proof.record.outcome.clone() {
            let mut outputs = outputs;
            outputs.0[0].1 = opus_runtime::record::Value::Text("other".into());
            let outcome = Outcome::Decided { outputs, rule, version, hash };
            let record = opus_runtime::Record { outcome, ..proof.record.clone() };
            let renamed = Proof { record, ..proof };
            assert!(renamed.check_names(policy.artifact()).is_err());
        }
    }
    for row in [0, 44] {
        let error = recorded.prove(row, &policy, &|_| ()).unwrap_err();
        assert_eq!(error.message, format!("the record has 43 rows, so there is no row {row}"));
    }
}

/// Every file below a folder, by its path within it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

#[test]
fn a_rerun_leaves_the_same_bytes_and_a_record_can_be_moved() {
    let scratch = Scratch::create("rerun");
    fs::write(scratch.path("rows.csv"), rows(30)).unwrap();
    for (name, engine) in [("a", Engine::Vm), ("b", Engine::Native)] {
        record(&scratch, &["rows.csv"], "parquet", name, true, engine).unwrap();
    }
    let (a, b) = (files(&scratch.path("a")), files(&scratch.path("b")));
    assert_eq!(a, b);
    let names: Vec<&str> = a.keys().map(String::as_str).collect();
    let expected = [
        "artifact.opusc",
        "inputs/1/rows.csv",
        "leaves",
        "manifest.json",
        "mapping.toml",
        "output/decisions.parquet",
        "rejects/rejects.parquet",
    ];
    assert_eq!(names, expected);
    // complete by itself: nothing else is left
    fs::create_dir(scratch.path("elsewhere")).unwrap();
    fs::rename(scratch.path("a"), scratch.path("elsewhere/moved")).unwrap();
    for name in ["rows.csv", "decisions.parquet", "rejects.parquet"] {
        fs::remove_file(scratch.path(name)).unwrap();
    }
    assert!(replay(&scratch.path("elsewhere/moved")).unwrap().is_identical());
}

#[test]
fn a_record_never_replaces_anything_and_a_failure_leaves_none() {
    let scratch = Scratch::create("places");
    fs::write(scratch.path("rows.csv"), rows(10)).unwrap();
    let place = |name: &str| record(&scratch, &["rows.csv"], "csv", name, false, Engine::Vm).map(|_| ());
    fs::create_dir(scratch.path("empty")).unwrap();
    place("empty").unwrap();
    let refused = [
        ("empty", "there is already a record"),
        ("rows.csv", "there is already a file"),
        ("full", "the folder is not empty"),
        ("no/such/place", "there is no folder"),
    ];
    fs::create_dir(scratch.path("full")).unwrap();
    fs::write(scratch.path("full/x"), "x").unwrap();
    for (name, words) in refused {
        let error = place(name).unwrap_err();
        assert!(error.message.contains(words), "{error}");
        assert!(matches!(error.kind, ErrorKind::Request | ErrorKind::Output), "{error}");
    }
    // a percentage sign is a row's fault, and this ends the batch
    fs::write(scratch.path("bad.csv"), "id,day,score,INCOME,amount\nx,\"2025").unwrap();
    record(&scratch, &["bad.csv"], "csv", "failed", false, Engine::Vm).unwrap_err();
    // what a process left that was killed is removed by the next one; what is not ours stays
    let abandoned = scratch.path(".later.999999-0.unfinished");
    fs::create_dir(&abandoned).unwrap();
    fs::write(abandoned.join("leaves"), "x").unwrap();
    fs::create_dir(scratch.path(".later.mine")).unwrap();
    place("later").unwrap();
    let hidden: Vec<String> = scratch.names().into_iter().filter(|name| name.starts_with('.')).collect();
    assert_eq!(hidden, [".later.mine"]);
    assert!(!scratch.path("failed").exists());
}

#[test]
fn files_that_are_gone_or_rewritten_are_told_apart() {
    let scratch = Scratch::create("rewritten");
    fs::write(scratch.path("rows.csv"), rows(12)).unwrap();
    record(&scratch, &["rows.csv"], "jsonl", "record", false, Engine::Vm).unwrap();
    // the same rows with other bytes
    let path = scratch.path("decisions.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace(',', ", ")).unwrap();
    let found = replay(&scratch.path("record")).unwrap();
    assert_eq!((found.files.len(), found.rows.len(), found.is_identical()), (1, 0, false), "{found:?}");
    assert!(replay_with(&scratch.path("record"), Engine::Vm, 1, true).unwrap().is_identical());
    // another row, and a row less
    let lines: Vec<&str> = text.lines().collect();
    fs::write(&path, lines.join("\n").replacen("approve", "decline", 1)).unwrap();
    let found = replay_with(&scratch.path("record"), Engine::Vm, 1, true).unwrap();
    let [row] = &found.rows[..] else { panic!("{found:?}") };
    assert!(
        row.says.starts_with("decision is `decline` in the file and `approve` when decided again"),
        "{row:?}"
    );
    fs::write(&path, [&lines[..3], &lines[4..]].concat().join("\n")).unwrap();
    let found = replay_with(&scratch.path("record"), Engine::Vm, 1, true).unwrap();
    let [row] = &found.rows[..] else { panic!("{found:?}") };
    assert!(
        row.says == "the row is not in the file"
            && lines[3].starts_with(&format!("{{\"row\":{},", row.row.unwrap()))
    );
    fs::remove_file(&path).unwrap();
    let found = replay(&scratch.path("record")).unwrap();
    assert_eq!(found.files[0].says, "there is no such file");
    assert_eq!((found.decided_again, found.rows_differ), (Some(12), 0));
    // rows that are gone from the input are missed, whatever is compared
    let rows_before = fs::read_to_string(scratch.path("rows.csv")).unwrap();
    fs::write(scratch.path("rows.csv"), &rows_before[..rows_before.trim_end().rfind('\n').unwrap()]).unwrap();
    let found = replay_with(&scratch.path("record"), Engine::Vm, 1, true).unwrap();
    assert!(
        !found.is_identical() && found.files.iter().any(|file| file.says == "11 rows, but 12 were recorded"),
        "{found:?}"
    );
    fs::remove_file(scratch.path("rows.csv")).unwrap();
    let found = replay(&scratch.path("record")).unwrap();
    assert_eq!((found.decided_again, found.is_identical()), (None, false));
}

/// Values of outputs are compared by their types: an amount is a number, and zeros at its end do not matter.
#[test]
fn rows_are_compared_by_the_values_of_their_types() {
    let scratch = Scratch::create("values");
    fs::write(scratch.path("rows.csv"), rows(12)).unwrap();
    for format in ["jsonl", "csv"] {
        record(&scratch, &["rows.csv"], format, format, false, Engine::Vm).unwrap();
        let path = scratch.path(&format!("decisions.{format}"));
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("103.25"), "{text}");
        for (there, says) in [
            ("103.250", ""),
            ("1.0325e2", ""),
            ("103.2", "granted is `103.2` in the file and `103.25` when decided again"),
            ("\"103.25\"", "granted is `\"103.25\"` in the file and `103.25` when decided again"),
        ] {
            if format == "csv" && there.starts_with('"') {
                continue;
            }
            fs::write(&path, text.replacen("103.25", there, 1)).unwrap();
            let found = replay_with(&scratch.path(format), Engine::Vm, 1, true).unwrap();
            assert_eq!(found.is_identical(), says.is_empty(), "{format}, {there}: {found:?}");
            let told: Vec<&str> = found.rows.iter().chain(&found.files).map(|one| &*one.says).collect();
            assert_eq!(told, Vec::from_iter((!says.is_empty()).then_some(says)), "{format}");
        }
        fs::write(&path, &text).unwrap();
    }
    // what is only kept has no type of its own: it is compared as it was written
    let path = scratch.path("decisions.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"id\":\"k2\"", "\"id\":\"k\\u0032\"", 1)).unwrap();
    assert!(replay_with(&scratch.path("jsonl"), Engine::Vm, 1, true).unwrap().is_identical());
    fs::write(&path, text.replacen("\"version\":2", "\"version\":\"2\"", 1)).unwrap();
    let found = replay_with(&scratch.path("jsonl"), Engine::Vm, 1, true).unwrap();
    assert_eq!(found.rows[0].says, "version is `\"2\"` in the file and `2` when decided again");
}

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) % count as u64) as usize
    }
}

/// So many bits are flipped.
const FLIPS: usize = 1000;

#[test]
fn every_flipped_bit_is_found_and_its_file_and_row_named() {
    let scratch = Scratch::create("flips");
    let mut random = Random(20_260_101);
    let (mut rows_named, mut by_file) = (0, BTreeMap::<String, usize>::new());
    for (number, format) in ["csv", "jsonl", "parquet", "arrow"].into_iter().enumerate() {
        fs::write(scratch.path("rows.csv"), rows(30 + number)).unwrap();
        let name = format!("record-{format}");
        record(&scratch, &["rows.csv"], format, &name, true, Engine::Vm).unwrap();
        let folder = scratch.path(&name);
        assert!(replay(&folder).unwrap().is_identical());
        let whole = files(&folder);
        let names: Vec<&String> = whole.keys().collect();
        for flip in 0..FLIPS / 4 {
            let name = names[flip % names.len()];
            let mut bytes = whole[name].clone();
            let (at, bit) = (random.below(bytes.len()), random.below(8));
            bytes[at] ^= 1 << bit;
            fs::write(folder.join(name), &bytes).unwrap();
            let told = format!("{format} {name}: bit {bit} of byte {at}");
            *by_file.entry(name.clone()).or_default() += 1;
            match replay(&folder) {
                Err(message) => {
                    assert!(
                        name == "manifest.json" && message.contains("manifest.json"),
                        "{told}: {message}"
                    );
                }
                Ok(found) => {
                    let is_named =
                        found.files.iter().any(|one| one.file.as_ref().unwrap().ends_with(name.as_str()));
                    assert!(!found.is_identical() && is_named, "{told}: {found:?}");
                    let expected = expected_row(name, &whole[name], &bytes, at);
                    let named: Vec<u64> = found.rows.iter().filter_map(|row| row.row).collect();
                    if let Some(row) = expected {
                        rows_named += 1;
                        assert!(
                            !named.is_empty() && named.iter().all(|named| *named == row),
                            "{told}: row {row}: {found:?}"
                        );
                    }
                }
            }
            fs::write(folder.join(name), &whole[name]).unwrap();
        }
        assert!(replay(&folder).unwrap().is_identical());
    }
    assert_eq!(by_file.values().sum::<usize>(), FLIPS);
    // inputs, output, rejects, artifact, mapping file, manifest and leaves of four records
    assert!(by_file.len() == 13 && by_file.values().all(|count| *count >= 35), "{by_file:?}");
    assert!(rows_named > 150, "only {rows_named} flips change a row for certain");
}

#[test]
fn files_that_are_cut_off_or_go_on_are_found() {
    let scratch = Scratch::create("cut");
    fs::write(scratch.path("rows.csv"), rows(20)).unwrap();
    record(&scratch, &["rows.csv"], "parquet", "record", true, Engine::Vm).unwrap();
    let folder = scratch.path("record");
    for (name, whole) in files(&folder) {
        let longer = [&whole[..], b"x"].concat();
        for changed in [&[][..], &whole[..1], &whole[..whole.len() / 2], &whole[..whole.len() - 1], &longer] {
            fs::write(folder.join(&name), changed).unwrap();
            let told = format!("{name} with {} of {} bytes", changed.len(), whole.len());
            match replay(&folder) {
                Err(message) => {
                    assert!(name == "manifest.json" && message.contains(&name), "{told}: {message}")
                }
                Ok(found) => {
                    let names_it =
                        |one: &opus_data::record::Difference| one.file.as_ref().unwrap().ends_with(&name);
                    assert!(!found.is_identical() && found.files.iter().any(names_it), "{told}: {found:?}");
                }
            }
        }
        fs::remove_file(folder.join(&name)).unwrap();
        match replay(&folder) {
            Err(message) => assert!(message.contains(&name) || name == "artifact.opusc", "{name}: {message}"),
            Ok(found) => assert!(!found.is_identical(), "{name}: {found:?}"),
        }
        fs::write(folder.join(&name), &whole).unwrap();
    }
    assert!(replay(&folder).unwrap().is_identical());
}

/// The row that a flip changes for certain, from the file alone: its leaf, or a digit that becomes another digit.
fn expected_row(name: &str, whole: &[u8], changed: &[u8], at: usize) -> Option<u64> {
    if name == "leaves" {
        return (at >= 32).then_some((at / 32) as u64);
    }
    let is_text = name.ends_with(".csv");
    let is_digit = whole[at].is_ascii_digit() && changed[at].is_ascii_digit();
    if !is_text || !is_digit {
        return None;
    }
    let line = whole[..at].iter().filter(|byte| **byte == b'\n').count();
    let text = std::str::from_utf8(whole).unwrap().lines().nth(line)?;
    let start = whole[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let cell = whole[start..at].iter().filter(|byte| **byte == b',').count();
    match name {
        // the first cell is no field, but it is kept; the others are numbers and dates. A row with a score that is refused
        // has no input, so that its other fields change nothing
        "inputs/1/rows.csv" => (line % 7 != 1 || cell == 0 || cell == 2).then_some(line as u64),
        // the number of the row itself may be what changed
        _ => text.split(',').next()?.parse().ok().filter(|_| cell > 0),
    }
}

#[test]
fn every_flipped_bit_of_a_proof_is_found() {
    let scratch = Scratch::create("proofs");
    fs::write(scratch.path("rows.csv"), rows(20)).unwrap();
    let manifest = record(&scratch, &["rows.csv"], "csv", "record", false, Engine::Vm).unwrap();
    let recorded = Recorded::open(&scratch.path("record"), Path::new(".")).unwrap();
    let policy = policy(Engine::Vm);
    for row in [1, 2, 7, 11] {
        let proof = recorded.prove(row, &policy, &|_| ()).unwrap();
        // it says nothing about the other rows but hashes
        let text = proof.to_json();
        assert!(!text.contains("5002.50") && !text.contains("k3"), "{text}");
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                let found = Proof::from_json(&changed).and_then(|proof| proof.root());
                assert_ne!(found, Ok(manifest.tree.root), "bit {bit} of byte {at} of the proof of row {row}");
            }
        }
    }
}

#[test]
fn records_of_other_formats_and_meanings_are_refused_by_name() {
    let scratch = Scratch::create("other");
    fs::write(scratch.path("rows.csv"), rows(5)).unwrap();
    let manifest = record(&scratch, &["rows.csv"], "csv", "record", false, Engine::Vm).unwrap();
    let refused = |manifest: &Manifest| {
        fs::write(scratch.path("record/manifest.json"), manifest.to_json()).unwrap();
        Recorded::open(&scratch.path("record"), Path::new(".")).map(|_| ()).unwrap_err().to_string()
    };
    let mut other = manifest.clone();
    other.manifest = 9;
    assert!(refused(&other).contains("the record has format 9, and this version reads format 1"));
    let mut other = manifest.clone();
    other.facts.artifact.semantics = 2;
    assert!(refused(&other).contains("its policy has semantics 2, and this version executes 1"));
    let mut other = manifest.clone();
    other.facts.artifact.format = 9;
    assert!(
        refused(&other).contains("its artifact has format 9, and this version reads formats 2, 3, 4 and 5")
    );
    // a record that names files outside of itself as its own
    for path in ["../rows.csv", "/etc/passwd", ""] {
        let mut other = manifest.clone();
        other.leaves.copy = Some(path.to_owned());
        fs::write(scratch.path("record/manifest.json"), other.to_json()).unwrap();
        let error = replay(&scratch.path("record")).unwrap_err();
        assert!(error.contains("is not a path within the record"), "{error}");
    }
    // a manifest that was changed and sealed again contradicts the rows
    let mut other = manifest.clone();
    other.tree.root = Hash::of(b"another");
    let mut miscounted = manifest.clone();
    miscounted.facts.decided += 1;
    for (manifest, words) in [(other, "the root of its rows is"), (miscounted, "it counts 5 rows, ")] {
        fs::write(scratch.path("record/manifest.json"), manifest.to_json()).unwrap();
        let found = replay(&scratch.path("record")).unwrap();
        let [file] = &found.files[..] else { panic!("{found:?}") };
        assert!(file.says.starts_with(words), "{found:?}");
    }
    // a device that never ends is no input
    let mut endless = manifest.clone();
    endless.facts.inputs[0].file = "/dev/zero".to_owned();
    fs::write(scratch.path("record/manifest.json"), endless.to_json()).unwrap();
    let found = replay(&scratch.path("record")).unwrap();
    assert_eq!((found.is_missing, found.decided_again), (true, None));
    let nothing = Recorded::open(&scratch.path("nothing"), Path::new(".")).map(|_| ()).unwrap_err();
    assert!(nothing.message.contains("not a record: it has no manifest.json"), "{nothing}");
}

/// A seal can be computed again; what the record holds and the manifest leaves out is found all the same.
#[test]
fn a_manifest_that_was_sealed_again_leaves_nothing_out() {
    let scratch = Scratch::create("sealed-again");
    fs::write(scratch.path("rows.csv"), rows(12)).unwrap();
    let manifest = record(&scratch, &["rows.csv"], "csv", "record", true, Engine::Vm).unwrap();
    let path = |name: &str| scratch.path("record").join(name);
    let own = fs::read_to_string(path("manifest.json")).unwrap();
    let found = || {
        let found = replay(&scratch.path("record")).unwrap();
        assert!(!found.is_identical());
        let [file] = &found.files[..] else { panic!("{found:?}") };
        (file.file.clone().unwrap(), file.says.clone())
    };
    assert!(replay(&scratch.path("record")).unwrap().is_identical());
    // what was refused, and the columns that were named
    let mut other = manifest.clone();
    other.facts.rejects = None;
    fs::write(path("manifest.json"), other.to_json()).unwrap();
    let says = "the manifest does not name it".to_owned();
    assert_eq!(found(), (path("rejects/rejects.csv").display().to_string(), says));
    // members that no manifest has
    for (with, member) in [
        ("\"rows\": 12,\n  \"approved_by\": \"Ann\",", "approved_by"),
        ("\"rows\": 12,\n  \"copy\": null,", "copy"),
    ] {
        let (members, _) = own.rsplit_once(",\n  \"seal\"").unwrap();
        let members = members.replacen("\"rows\": 12,", with, 1);
        let text = format!("{members},\n  \"seal\": \"{}\"\n}}\n", Hash::of(members.as_bytes()));
        fs::write(path("manifest.json"), text).unwrap();
        let error = replay(&scratch.path("record")).unwrap_err();
        assert!(error.contains(&format!("a manifest has no member `{member}`")), "{error}");
    }
    fs::write(path("manifest.json"), &own).unwrap();
    // a file that is somewhere else
    #[cfg(unix)]
    {
        fs::rename(path("inputs/1/rows.csv"), scratch.path("elsewhere.csv")).unwrap();
        std::os::unix::fs::symlink(scratch.path("elsewhere.csv"), path("inputs/1/rows.csv")).unwrap();
        let says = "it is a link, so the record does not hold the file".to_owned();
        assert_eq!(found(), (path("inputs/1/rows.csv").display().to_string(), says));
        fs::remove_file(path("inputs/1/rows.csv")).unwrap();
        fs::rename(scratch.path("elsewhere.csv"), path("inputs/1/rows.csv")).unwrap();
    }
    // a file beside the record is none of it
    fs::write(path("README"), "for the auditor").unwrap();
    let beside = replay(&scratch.path("record")).unwrap();
    assert!(
        beside.is_identical() && beside.notes[0].ends_with("README: it is not part of the record"),
        "{beside:?}"
    );
}
