//! A policy in a program: rows, JSON objects, decisions, refusals, and the engine that runs.

use opus_ir::{Fault, Program};
use opus_runtime::admission::{Place, Reading};
use opus_runtime::{Artifact, Cache, Engine, Options, Policy, Refusal, Row, example};

fn policy(engine: Engine) -> Policy {
    open(example::program(), engine)
}

fn open(program: Program, engine: Engine) -> Policy {
    let options = Options { engine, cache: Cache::Off, ..Options::default() };
    Policy::from_artifact(Artifact::build(program, example::SOURCE).unwrap(), &options).unwrap()
}

const GOOD: &str = r#"{"submitted_on": "2025-02-01", "age": 40, "score": 720, "income": 90000.00,
                       "requested": 9000, "work": "salaried"}"#;

fn good(policy: &Policy) -> Row {
    policy.read_json(GOOD).unwrap()
}

#[test]
fn every_rule_decides_on_every_engine() {
    // age, score, day, the rule, the decision, the amount, the version
    let table = [
        (17, Some(800), example::VERSION_1_FROM, "R1", "decline", 0, 1),
        (18, None, example::VERSION_1_FROM, "R2", "refer", 0, 1),
        (18, Some(679), example::VERSION_2_FROM - 1, "R3", "decline", 0, 1),
        (18, Some(680), example::VERSION_2_FROM - 1, "R4", "approve", 900_000, 1),
        (18, Some(699), example::VERSION_2_FROM, "R3", "decline", 0, 2),
        (18, Some(700), example::VERSION_2_FROM, "R4", "approve", 900_000, 2),
    ];
    for engine in Engine::ALL {
        let policy = policy(engine);
        assert_eq!(policy.engine(), engine, "{:?}", policy.fallback());
        let mut row = good(&policy);
        for (age, score, day, rule, decision, amount, version) in table {
            row.set_int("age", age).unwrap();
            match score {
                Some(score) => row.set_int("score", score).unwrap(),
                None => row.set_missing("score").unwrap(),
            }
            row.set_day("submitted_on", day).unwrap();
            let decided = policy.decide(&row).unwrap();
            assert_eq!(decided.rule().id, rule);
            assert_eq!(decided.output("decision").unwrap().enum_name(), Some(decision));
            assert_eq!(decided.output(1).unwrap().value(), amount);
            assert_eq!(decided.version().number, version);
        }
    }
}

#[test]
fn all_faults_of_a_row_are_told_in_order() {
    let policy = policy(Engine::Native);
    let text = r#"{"work": "student", "submitted_on": "2025-02-30", "requested": 9000.001, "income": [1]}"#;
    let Err(Refusal::Fields(reasons)) = policy.decide_json(text) else {
        panic!("it was not refused for its fields")
    };
    let told: Vec<_> =
        reasons.iter().map(|reason| (reason.name.as_str(), reason.fault, reason.value.as_str())).collect();
    let expected = [
        ("submitted_on", Fault::MalformedDate, "2025-02-30"),
        ("age", Fault::Missing, ""),
        ("income", Fault::WrongType, "an array"),
        ("requested", Fault::TooPrecise, "9000.001"),
        ("work", Fault::UnknownValue, "student"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn requires_are_checked_after_the_fields() {
    for engine in Engine::ALL {
        let policy = policy(engine);
        let mut row = good(&policy);
        row.set_text("income", "8999.99").unwrap();
        let Err(Refusal::Requires(reasons)) = policy.decide(&row) else {
            panic!("the require was not checked")
        };
        assert_eq!((reasons[0].name.as_str(), reasons[0].fault), ("Q1", Fault::RequireFailed));
        assert_eq!(reasons[0].place, Place::Require(0));
        assert_eq!(reasons[0].message, "Q1 (no more than an income) does not hold");
        row.set_text("income", "9000").unwrap();
        assert!(policy.decide(&row).is_ok());
    }
}

#[test]
fn json_that_is_no_row() {
    let policy = policy(Engine::Native);
    for text in ["", "[]", "{", r#"{"age": 40, "age": 41}"#, "{\"age\": 40} x"] {
        let Err(Refusal::Row(reason)) = policy.decide_json(text) else { panic!("{text} was read") };
        assert_eq!((reason.fault, reason.place), (Fault::MalformedRow, Place::Row));
    }
    let with_more = GOOD.replace("{", r#"{"customer": {"name": "Ada"}, "#);
    assert!(policy.decide_json(&with_more).is_ok(), "members that no field is named like are passed over");
}

#[test]
fn a_value_that_was_refused_is_not_decided_with() {
    let policy = policy(Engine::Native);
    let mut row = good(&policy);
    assert_eq!(row.set_int("age", 200).unwrap_err().message, "age: 200 is outside 16..120");
    assert_eq!(row.get("age"), None);
    let Err(Refusal::Fields(reasons)) = policy.decide(&row) else { panic!("an old value was used") };
    assert_eq!(reasons[0].name, "age");
    assert!(row.set_int("score", 200).is_err());
    assert_eq!(policy.decide(&row).unwrap_err().reasons().len(), 2);
    row.set_int("age", 40).unwrap();
    row.set_missing("score").unwrap();
    assert_eq!(policy.decide(&row).unwrap().rule().id, "R2");
}

#[test]
fn setters_keep_to_the_kind_of_the_field() {
    let policy = policy(Engine::Native);
    let mut row = policy.row();
    assert_eq!(row.set_money("age", 40).unwrap_err().fault, Fault::WrongType);
    assert_eq!(row.set_int("income", 40).unwrap_err().fault, Fault::WrongType);
    assert_eq!(row.set_bool("age", true).unwrap_err().fault, Fault::WrongType);
    assert_eq!(row.set_day("age", 40).unwrap_err().fault, Fault::WrongType);
    assert_eq!(
        row.set_int("wage", 40).unwrap_err().message,
        "the policy has no input `wage`: did you mean `age`?"
    );
    assert!(row.set_int(6, 40).is_err());
    assert!(row.set_missing("age").is_err());
    assert!(
        row.set("income", Reading::Integer(5)).unwrap_err().message.contains("whole units or in minor units")
    );
    row.set_money("income", 500).unwrap();
    assert_eq!(row.get("income"), Some(500));
}

#[test]
fn a_cleared_row_is_a_new_row() {
    let policy = policy(Engine::Native);
    let mut row = good(&policy);
    row.clear();
    assert_eq!(row.hash(), policy.row().hash());
    assert_eq!(policy.decide(&row).unwrap_err().reasons().len(), 5);
}

#[test]
fn a_row_belongs_to_policies_with_the_same_inputs() {
    let one = policy(Engine::Native);
    let row = good(&one);
    let changed = |change: fn(&mut Program)| {
        let mut program = example::program();
        change(&mut program);
        open(program, Engine::Native)
    };
    let renamed = changed(|program| program.name = "loan.other".into());
    let stricter = changed(|program| program.versions[0].cite = Some("2026".into()));
    for other in [renamed, stricter, policy(Engine::Vm)] {
        assert_eq!(other.schema_hash(), one.schema_hash());
        assert_eq!(other.decide(&row).unwrap().rule().id, one.decide(&row).unwrap().rule().id);
    }
    // the same layout of rows, but another meaning
    let changes: [fn(&mut Program); 2] = [
        |program| program.schema.inputs[1].name = "years".into(),
        |program| program.schema.enums[1].values[0].name = "waged".into(),
    ];
    for other in changes.map(changed) {
        assert_ne!(other.schema_hash(), one.schema_hash());
        assert!(matches!(other.decide(&row), Err(Refusal::Row(_))));
    }
}

#[test]
fn a_row_outlives_a_reload_with_the_same_inputs() {
    let one = policy(Engine::Native);
    let mut row = good(&one);
    let mut program = example::program();
    program.name = "loan.renamed".into();
    program.rules[3].id = "R9".into();
    let reloaded = open(program, Engine::Vm);
    assert_ne!(reloaded.artifact().content_hash(), one.artifact().content_hash());
    assert_eq!(reloaded.decide(&row).unwrap().rule().id, "R9");
    // and can be filled in again
    row.set_json(GOOD).unwrap();
    assert_eq!(reloaded.decide(&row).unwrap().record().input, Some(row.hash()));
}

#[test]
fn a_row_of_a_policy_with_other_inputs_is_refused() {
    let one = policy(Engine::Native);
    let changes: [fn(&mut Program); 5] = [
        |program| program.schema.inputs[5].optional = true,
        |program| program.schema.inputs[1].name = "years".into(),
        |program| program.schema.enums[1].values.swap(0, 1),
        |program| program.schema.currency.as_mut().unwrap().code = "EUR".into(),
        |program| program.schema.inputs[0].domain.range.hi -= 1,
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut program = example::program();
        change(&mut program);
        for version in &mut program.versions {
            version.admit.fields = program.schema.field_ranges();
            version.decide.fields = program.schema.field_ranges();
        }
        let other = open(program, Engine::Native);
        assert_ne!(other.schema_hash(), one.schema_hash(), "change {index}");
        let Err(Refusal::Row(reason)) = other.decide(&good(&one)) else { panic!("change {index}") };
        assert_eq!(reason.message, "the row was made for a policy with other inputs");
    }
}

#[test]
fn decisions_and_refusals_are_json() {
    let policy = policy(Engine::Native);
    let json: serde_json::Value = serde_json::from_str(&policy.decide_json(GOOD).unwrap().to_json()).unwrap();
    assert_eq!(json["outputs"]["decision"], "approve");
    assert_eq!(json["rule"]["id"], "R4");
    assert_eq!(json["version"]["from"], "2025-01-01");
    assert_eq!(json["version"]["cite"], "Board 2024-11");
    assert_eq!(json["artifact"], policy.artifact().content_hash().to_string());
    let refusal = policy.decide_json(r#"{"age": "a\"b"}"#).unwrap_err();
    let json: serde_json::Value = serde_json::from_str(&refusal.to_json()).unwrap();
    assert_eq!(json["refused"][1]["code"], "wrong-type");
    assert_eq!(json["refused"][1]["value"], "a\"b");
}

#[test]
fn hashes_do_not_depend_on_engine_or_spelling() {
    let (native, vm) = (policy(Engine::Native), policy(Engine::Vm));
    let other = GOOD.replace("90000.00", "9.0e4").replace("9000,", "9000.0,");
    let (a, b) = (native.decide_json(GOOD).unwrap(), vm.decide_json(&other).unwrap());
    assert_eq!(a.input_hash(), b.input_hash());
    assert_eq!(a.hash(), b.hash());
    assert_eq!(a.artifact_hash(), b.artifact_hash());
}

#[test]
fn a_policy_is_shared_between_threads() {
    let policy = policy(Engine::Native);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let policy = policy.clone();
            scope.spawn(move || {
                let row = good(&policy);
                (0..1000).for_each(|_| assert_eq!(policy.decide(&row).unwrap().rule().id, "R4"));
            });
        }
    });
}
