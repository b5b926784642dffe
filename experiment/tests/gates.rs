//! Does one changed byte stop the experiment, and is the gate that catches it the one that should? Is every source locked?

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use opus_experiment::domain;
use opus_experiment::lock::{FILE, Gate, Lock, Ran};
use opus_experiment::matrix::{Environment, Setting};
use opus_experiment::record::Record;
use opus_experiment::system::State;

/// A copy of everything that the lock lists, in a folder of its own.
struct Copy(PathBuf);

impl Copy {
    fn new(name: &str) -> Copy {
        let root = std::env::temp_dir().join(format!("o02-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        for part in [
            "experiment/domains",
            "experiment/prompts",
            "experiment/schemas",
            "experiment/src",
            "spec/o02",
            "spec/policies",
        ] {
            copy(&here.parent().unwrap().join(part), &root.join(part));
        }
        for file in ["temporal.json", "published.json", FILE] {
            fs::copy(here.join(file), root.join("experiment").join(file)).unwrap();
        }
        for file in ["run.schema.json", "results.schema.json"] {
            fs::copy(here.join("../spec").join(file), root.join("spec").join(file)).unwrap();
        }
        Copy(root)
    }

    fn experiment(&self) -> PathBuf {
        self.0.join("experiment")
    }

    fn now(&self) -> Lock {
        let domains = domain::all(&self.experiment().join("domains")).expect("the domains are whole");
        Lock::now(&domains, &self.experiment()).expect("everything can be read")
    }

    /// Which gates are closed.
    fn closed(&self) -> Vec<Gate> {
        let lock = Lock::read(&self.experiment().join(FILE)).expect("a lock");
        let found = lock.compare(&self.now());
        found.into_iter().filter(|(_, fault)| fault.is_some()).map(|(gate, _)| gate).collect()
    }

    /// Changes one byte of a file, which stays readable.
    fn change(&self, file: &str, old: &str, new: &str) {
        let path = self.0.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{file}: no `{old}`");
        fs::write(&path, text.replacen(old, new, 1)).unwrap();
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { fs::copy(&path, &target).map(|_| ()).unwrap() }
    }
}

/// If this fails, something that is locked was changed on purpose: `cargo run -p opus-experiment --bin o02 -- lock`.
#[test]
fn the_committed_lock_is_that_of_the_tree() {
    let copy = Copy::new("committed");
    assert_eq!(copy.closed(), []);
}

#[test]
fn each_gate_catches_a_changed_byte() {
    let cases: [(&str, &str, &str, Gate); 9] = [
        ("spec/o02/refund.md", "30 days", "31 days", Gate::ScenarioFreeze),
        ("spec/o02/scenarios.json", "120.00", "121.00", Gate::ScenarioFreeze),
        ("spec/policies/credit.opus", "680", "681", Gate::AdapterFreeze),
        ("experiment/domains/refund/decide.py", "import", "Import", Gate::AdapterFreeze),
        ("experiment/prompts/python/decide.md", "Write", "write", Gate::AdapterFreeze),
        ("experiment/src/systems/opus.rs", "//! How", "//! Now", Gate::AdapterFreeze),
        ("spec/o02/data/credit.expected.csv", "approve", "approvE", Gate::DatasetFreeze),
        ("experiment/src/quantity.rs", "//! When", "//! Then", Gate::ScoringFreeze),
        (
            "experiment/lock.json",
            "\"built in/src/answer.rs\": \"",
            "\"built in/src/answer.rs\": \"0",
            Gate::ManifestHashes,
        ),
    ];
    for (file, old, new, gate) in cases {
        let copy = Copy::new("byte");
        copy.change(file, old, new);
        let closed = copy.closed();
        assert_eq!(closed.first(), Some(&gate), "{file}: {closed:?}");
        let lock = Lock::read(&copy.experiment().join(FILE)).unwrap();
        let failure = lock.check(&copy.now()).expect_err("one byte stops it");
        assert!(failure.message.starts_with(gate.name()), "{failure}");
    }
}

#[test]
fn a_name_that_is_missing_or_added_is_caught() {
    let copy = Copy::new("added");
    fs::write(copy.experiment().join("prompts/python/third.md"), "one more prompt").unwrap();
    assert_eq!(copy.closed(), [Gate::LockedRegistry]);
    fs::remove_file(copy.experiment().join("prompts/python/third.md")).unwrap();
    assert_eq!(copy.closed(), []);
    for gone in ["prompts/raw/decide.md", "src/claims.rs", "published.json"] {
        let path = copy.experiment().join(gone);
        let text = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(copy.closed(), [Gate::LockedRegistry], "{gone}");
        fs::write(path, text).unwrap();
    }
    fs::remove_dir_all(copy.experiment().join("domains/late_interest")).unwrap();
    assert_eq!(copy.closed()[0], Gate::LockedRegistry);
}

#[test]
fn a_changed_record_is_caught() {
    let copy = Copy::new("record");
    let domains = domain::all(&copy.experiment().join("domains")).unwrap();
    let refund = domains.iter().find(|domain| domain.name == "refund").unwrap();
    let scenario = refund.scenario("t1-refund-01").unwrap();
    let lock = copy.now();
    let environment = Environment::here(None, "native", None);
    let systems = [("opus".to_owned(), (State::Live, None))].into();
    let setting = Setting { lock: lock.body.clone(), runs: 1, systems, environment };
    let entry = lock.entry("refund/policy").expect("it is locked").to_owned();
    let good = Record {
        system: "opus".into(),
        state: State::Live,
        scenario: scenario.id.clone(),
        run: 0,
        text: "{}".into(),
        answer: None,
        output_hash: opus_experiment::lock::hash(b"{}"),
        attempts: 1,
        retries: vec![],
        error: None,
        latency_us: 1,
        models: vec![],
        tokens: (0, 0),
        evidence: vec![],
        environment: setting.environment.fingerprint(),
        lock: lock.body.clone(),
        used: [("refund/policy".to_owned(), entry)].into(),
        acted: None,
        replayed: None,
    };
    let uses = |_: &str, _: &domain::Domain| vec!["refund/policy".to_owned()];
    let fault = |records: &[Record]| {
        let ran = Ran { scenarios: vec![(refund, scenario)], uses: &uses, evidence: &copy.0 };
        lock.fault_of_records(&setting, records, &ran)
    };
    assert_eq!(fault(std::slice::from_ref(&good)), None);
    let answer = Some(serde_json::json!({"decision": "approved"}));
    let changed: [(&str, Vec<Record>); 12] = [
        ("is missing", vec![]),
        ("is there twice", vec![good.clone(), good.clone()]),
        ("is not one of the runs", vec![Record { run: 77, ..good.clone() }]),
        ("is not one of the runs", vec![Record { system: "martian".into(), ..good.clone() }]),
        ("is not one of the runs", vec![Record { scenario: "../../escape".into(), ..good.clone() }]),
        ("is not in the state of its system", vec![Record { state: State::Scripted, ..good.clone() }]),
        ("has another output", vec![Record { text: "{ }".into(), ..good.clone() }]),
        ("has another output", vec![Record { answer, ..good.clone() }]),
        ("was made under another lock", vec![Record { lock: "0".repeat(64), ..good.clone() }]),
        ("was made in another environment", vec![Record { environment: "0".repeat(64), ..good.clone() }]),
        ("used another `refund/policy`", vec![Record { used: Default::default(), ..good.clone() }]),
        ("missing or changed", vec![Record { evidence: vec!["\u{e9}".repeat(32)], ..good }]),
    ];
    for (what, records) in changed {
        let found = fault(&records).expect("it is found");
        assert!(found.contains(what), "{what}: {found}");
    }
}

/// A new file in the folders of systems, models or scorers must be listed in `lock.rs`.
#[test]
fn every_source_of_systems_and_scorers_is_locked() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lock = Copy::new("sources").now();
    let locked: BTreeSet<&str> =
        lock.entries.values().flat_map(|group| group.keys()).map(String::as_str).collect();
    for folder in ["src/systems", "src/model", "src/score"] {
        for entry in fs::read_dir(here.join(folder)).unwrap() {
            let name = format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap());
            assert!(locked.contains(name.as_str()), "{name} is not locked");
        }
    }
}

/// Adding a domain takes a folder and a lock, no code; and one byte that changes afterwards stops the command.
#[test]
fn a_domain_is_a_folder() {
    let copy = Copy::new("domain");
    let folder = copy.experiment().join("domains/doors");
    fs::create_dir_all(&folder).unwrap();
    let files = [
        (
            "domain.toml",
            "title = \"Doors\"\nprose = \"prose.md\"\npolicy = \"doors.opus\"\nscenarios = \"scenarios.json\"\nanswer = \"answer.json\"\nversions = [1]\n[python]\ndecide = \"decide.py\"\n",
        ),
        (
            "prose.md",
            "Whoever is 18 or older may pass, for 1.00; others may not. `decision` (`pass`, `stop`), `fee`, `reason_code` (`OF_AGE`, `MINOR`).",
        ),
        (
            "doors.opus",
            "policy doors { currency USD  enum D { pass, stop }  enum R { OF_AGE, MINOR }  input { age : int in 0..120 }  output { decision : D  fee : money in $0..$1  reason_code : R }  rules first { rule A when age >= 18 => pass, $1, OF_AGE  otherwise B => stop, $0, MINOR } }",
        ),
        (
            "scenarios.json",
            "{\"scenarios\": [{\"id\": \"door-1\", \"tier\": 1, \"domain\": \"doors\", \"title\": \"of age\", \"input\": {\"age\": 18}, \"expected\": {\"decision\": \"pass\", \"fee\": \"1.00\", \"reason_code\": \"OF_AGE\"}}]}",
        ),
        (
            "answer.json",
            "{\"type\": \"object\", \"properties\": {\"decision\": {\"enum\": [\"pass\", \"stop\"]}, \"fee\": {\"type\": \"string\"}, \"reason_code\": {\"enum\": [\"OF_AGE\", \"MINOR\"]}}, \"required\": [\"decision\", \"fee\", \"reason_code\"], \"additionalProperties\": false}",
        ),
        (
            "decide.py",
            "import json, sys\nof_age = json.load(sys.stdin)[\"age\"] >= 18\nprint(json.dumps({\"decision\": \"pass\", \"fee\": \"1.00\", \"reason_code\": \"OF_AGE\"} if of_age else {\"decision\": \"stop\", \"fee\": \"0.00\", \"reason_code\": \"MINOR\"}))\n",
        ),
    ];
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
    let (experiment, out) =
        (copy.experiment().display().to_string(), copy.0.join("out").display().to_string());
    let o02 = |line: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_o02"));
        command.args(line).args(["--experiment", &experiment]);
        if line != ["lock"] {
            command.args(["--out", &out]);
        }
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (runs, said) = o02(&["run", "--systems", "opus", "--runs", "1"]);
    assert!(!runs && said.contains("locked registry: `doors/prose` is not locked"), "{said}");
    assert_eq!(o02(&["lock"]), (true, String::new()));
    assert_eq!(o02(&["run", "--systems", "opus", "--runs", "1"]), (true, String::new()));
    let records = fs::read_to_string(copy.0.join("out/runs.jsonl")).unwrap();
    assert!(records.contains("\"scenario\":\"door-1\""));
    fs::write(folder.join("prose.md"), "Nobody may pass.").unwrap();
    let (runs, said) = o02(&["run", "--systems", "opus", "--runs", "1"]);
    assert!(!runs && said.contains("scenario freeze: `doors/prose` is not what is locked"), "{said}");
}
