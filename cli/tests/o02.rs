//! Do the three policies decide as their prose says? 49 scenarios of tiers 1 and 2, and 20,000 rows of each policy
//! from files as other tools write them, on every witness.
//!
//! The expected decisions come from an independent evaluation of the prose ([`o02`](../o02/README.md)).

use std::path::{Path, PathBuf};
use std::{fs, thread};

use opus_cli::compare::{Comparison, Files, compare};
use opus_data::{Located, Mapping};
use opus_frontend::{Compiled, compile};
use opus_govern::witnesses::{GivenRow, Witness, Witnesses};
use opus_ir::{Fault, Program};
use opus_runtime::admission::{Admission, Place, Reading, Reason, Unit};
use opus_runtime::{Batch, Decide, Engine, Options, Policy};
use serde_json::Value;

/// A policy with its data.
struct Domain {
    name: &'static str,
    data: &'static str,
    /// The first day of version 2, as the policy writes it.
    change: &'static str,
    /// The day after the first day of version 1.
    after_start: &'static str,
}

const DOMAINS: [Domain; 3] = [
    Domain { name: "refund", data: "refund.csv", change: "2025-03-01", after_start: "2023-01-02" },
    Domain { name: "insurance", data: "insurance.jsonl", change: "2024-07-01", after_start: "2022-07-02" },
    Domain { name: "credit", data: "credit.parquet", change: "2025-01-01", after_start: "2023-01-02" },
];

/// A day on which no scenario has an application.
const NEVER: &str = "2099-12-31";
const DATA_ROWS: u64 = 20_000;

#[test]
fn rows_of_files_are_decided_as_expected_by_every_witness() {
    thread::scope(|scope| {
        let judged: Vec<_> = DOMAINS.iter().map(|domain| scope.spawn(|| judge(domain))).collect();
        judged.into_iter().for_each(|domain| domain.join().expect("a domain is decided as expected"));
    });
}

fn judge(domain: &Domain) {
    let compiled = compiled(&source(domain));
    let witnesses = Witnesses::new(&compiled, &[]).expect("the policy may run");
    let rules: Vec<String> = compiled.program.rules.iter().map(|rule| rule.id.clone()).collect();
    let expected = format!("{}.expected.csv", domain.name);
    let files = Files {
        inputs: vec![located(domain.data)],
        expected: located(&expected),
        on: Some("id".to_owned()),
        mapping: Mapping::by_name(&compiled.program.schema),
    };
    let artifact = opus_govern::source::artifact(&compiled).expect("it builds");
    let policy =
        Policy::from_artifact(artifact, &Options { engine: Engine::Vm, ..Options::default() }).unwrap();
    for witness in witnesses.available() {
        let asked = Asked { witnesses: &witnesses, witness, program: &compiled.program, policy: &policy };
        let compared = compare(&files, &compiled.program.schema, &rules, &asked, &|_| ());
        let Comparison { rows, differences, unexpected, .. } =
            compared.unwrap_or_else(|failure| panic!("{}: {}", domain.name, failure.message));
        assert_eq!((rows, unexpected), (DATA_ROWS, 0), "{}", domain.name);
        let shown: Vec<String> = differences.iter().take(5).map(|one| format!("{one:?}")).collect();
        let count = differences.len();
        assert!(count == 0, "{} on {witness}: {count} rows differ\n{}", domain.name, shown.join("\n"));
    }
}

#[test]
fn scenarios_are_decided_as_expected_by_every_witness() {
    let scenarios = scenarios();
    assert_eq!(scenarios.len(), 49);
    for domain in &DOMAINS {
        let policy = compiled(&source(domain));
        let witnesses = Witnesses::new(&policy, &[]).expect("the policy may run");
        for scenario in scenarios.iter().filter(|scenario| scenario["domain"] == domain.name) {
            let row = given(&policy.program, &scenario["input"]);
            let expected = outputs(&policy.program, &scenario["expected"]);
            for witness in witnesses.available() {
                let outcome = witnesses.decide(witness, std::slice::from_ref(&row)).remove(0);
                let verdict =
                    outcome.unwrap_or_else(|faults| panic!("{} on {witness}: {faults:?}", scenario["id"]));
                assert_eq!(verdict.outputs, expected, "{} on {witness}", scenario["id"]);
                if let Some(bound) = scenario.get("bound_version") {
                    let number = policy.program.versions[verdict.version].number;
                    assert_eq!(*bound, number, "{} on {witness}", scenario["id"]);
                }
            }
        }
    }
}

/// The other version's decision: the answer `misbound` if the version matters, otherwise the same answer.
#[test]
fn the_other_version_answers_differently_exactly_where_the_version_matters() {
    let mut mattering = 0;
    for scenario in scenarios().iter().filter(|scenario| scenario["tier"] == 2) {
        let domain = DOMAINS.iter().find(|domain| scenario["domain"] == domain.name).expect("a known domain");
        // moves the change to the other side of every date, throughout the policy
        let (moved, other) =
            if scenario["bound_version"] == 1 { (domain.after_start, 2) } else { (NEVER, 1) };
        let text = source(domain).replace(&format!("from {}", domain.change), &format!("from {moved}"));
        let policy = compiled(&without_tests(&text));
        let witnesses = Witnesses::new(&policy, &[]).expect("the policy may run");
        let row = given(&policy.program, &scenario["input"]);
        let matters = scenario["signal_dependent"] == true;
        mattering += usize::from(matters);
        assert_eq!(scenario.get("misbound").is_some(), matters, "{}", scenario["id"]);
        let answer = scenario.get("misbound").unwrap_or(&scenario["expected"]);
        assert_eq!(*answer != scenario["expected"], matters, "{}", scenario["id"]);
        for witness in witnesses.available() {
            let outcome = witnesses.decide(witness, std::slice::from_ref(&row)).remove(0);
            let verdict = outcome.unwrap_or_else(|faults| panic!("{}: {faults:?}", scenario["id"]));
            assert_eq!(policy.program.versions[verdict.version].number, other, "{}", scenario["id"]);
            assert_eq!(verdict.outputs, outputs(&policy.program, answer), "{} on {witness}", scenario["id"]);
        }
    }
    assert_eq!(mattering, 11);
}

#[test]
fn no_witness_is_absent_where_native_code_runs() {
    let policy = compiled(&source(&DOMAINS[0]));
    let witnesses = Witnesses::new(&policy, &[]).expect("the policy may run");
    let absent = opus_spec::table::absent(&witnesses);
    let native = cfg!(all(target_arch = "x86_64", target_os = "linux"));
    assert!(absent.is_empty() || !native, "{absent:?}: {:?}", witnesses.skipped());
}

/// A witness that decides the rows of files.
struct Asked<'a> {
    witnesses: &'a Witnesses,
    witness: Witness,
    program: &'a Program,
    /// Keeps the books of the rows; the witness decides.
    policy: &'a Policy,
}

impl Decide for Asked<'_> {
    fn batch(&self, capacity_rows: usize) -> Batch {
        self.policy.batch(capacity_rows)
    }

    fn decide(&self, batch: &mut Batch) {
        batch.decide_with(|given| {
            let outcomes = self.witnesses.decide(self.witness, given).into_iter();
            let reasons = |faults: Vec<_>| faults.into_iter().map(|fault| self.reason(fault)).collect();
            outcomes.map(|outcome| outcome.map_err(reasons)).collect()
        });
    }
}

impl Asked<'_> {
    fn reason(&self, (place, fault): (Place, Fault)) -> Reason {
        match place {
            Place::Require(index) => Reason::require_failed(index, &self.program.requires[index as usize]),
            _ => Reason::malformed_row(format!("an admitted row is refused: {}", fault.code())),
        }
    }
}

fn compiled(source: &str) -> Compiled {
    let (compiled, diagnostics) = compile(source);
    compiled.unwrap_or_else(|| panic!("it does not compile: {diagnostics:#?}"))
}

fn source(domain: &Domain) -> String {
    read(&root().join("policies").join(format!("{}.opus", domain.name)))
}

/// The policy without its tests, which name dates of the versions.
fn without_tests(source: &str) -> String {
    let end = source.find("\n  case ").expect("the cases and tests come last");
    format!("{}\n}}\n", &source[..end])
}

/// The scenarios of tiers 1 and 2.
fn scenarios() -> Vec<Value> {
    let file: Value = serde_json::from_str(&read(&root().join("o02/scenarios.json"))).expect("it is JSON");
    let all = file["scenarios"].as_array().expect("there are scenarios").iter();
    all.filter(|scenario| scenario["tier"] != 3).cloned().collect()
}

fn given(program: &Program, input: &Value) -> GivenRow {
    let known = |name: &String| program.schema.input(name).is_some();
    let members = input.as_object().expect("an input is an object");
    assert!(members.keys().all(known), "an input names something else than fields: {input}");
    let fields = program.schema.inputs.iter().enumerate();
    let read = |(index, field): (usize, &opus_ir::Field)| {
        admit(&Admission::new(&program.schema, index, Unit::Written), input.get(&field.name))
    };
    fields.map(read).collect()
}

/// The integers of expected outputs.
fn outputs(program: &Program, expected: &Value) -> Vec<i128> {
    let schema = opus_ir::Schema { inputs: program.schema.outputs.clone(), ..program.schema.clone() };
    assert_eq!(expected.as_object().map(serde_json::Map::len), Some(schema.inputs.len()));
    let value = |(index, field): (usize, &opus_ir::Field)| {
        admit(&Admission::new(&schema, index, Unit::Written), expected.get(&field.name)).expect("a value")
    };
    schema.inputs.iter().enumerate().map(value).collect()
}

fn admit(admission: &Admission, value: Option<&Value>) -> Option<i128> {
    let number;
    let reading = match value {
        None | Some(Value::Null) => Reading::Missing,
        Some(Value::Bool(value)) => Reading::Bool(*value),
        Some(Value::String(text)) => Reading::Text(text),
        Some(Value::Number(value)) => {
            number = value.to_string();
            Reading::Number(&number)
        }
        Some(_) => Reading::Other("no single value"),
    };
    admission.admit(reading).unwrap_or_else(|reason| panic!("{reason}"))
}

fn located(name: &str) -> Located {
    let path = root().join("o02/data").join(name);
    opus_data::inputs(&[path], None).unwrap_or_else(|failure| panic!("{}", failure.message)).remove(0)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace").join("spec")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
