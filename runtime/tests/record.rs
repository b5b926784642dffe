//! Records: the canonical forms against vectors that were computed elsewhere, the JSON form against its schema.

#[path = "common/schema.rs"]
mod schema;

use std::path::Path;

use opus_runtime::hash::{canonical_decision, canonical_input, canonical_refusal};
use opus_runtime::{Hash, Record, example};
use schema::assert_record;
use serde_json::Value;

fn vectors() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors/canonical.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn integer(value: &Value) -> i128 {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn canonical_forms_are_those_of_the_vectors() {
    let vectors = vectors();
    let list = |name: &str| vectors[name].as_array().unwrap().clone();
    let check = |vector: &Value, bytes: Vec<u8>| {
        assert_eq!(hexadecimal(&bytes), vector["bytes"], "{vector}");
        assert_eq!(Hash::of(&bytes).to_string(), vector["hash"], "{vector}");
    };
    let mut count = 0;
    for vector in list("inputs") {
        let values = vector["values"].as_array().unwrap();
        check(
            &vector,
            canonical_input(values.iter().map(|value| (!value.is_null()).then(|| integer(value)))),
        );
        count += 1;
    }
    for vector in list("decisions") {
        let (version, rule) = (vector["version"].as_u64().unwrap() as u32, vector["rule"].as_str().unwrap());
        check(
            &vector,
            canonical_decision(version, rule, vector["outputs"].as_array().unwrap().iter().map(integer)),
        );
        count += 1;
    }
    for vector in list("refusals") {
        let reasons = vector["reasons"].as_array().unwrap();
        let reasons = reasons
            .iter()
            .map(|reason| (reason["field"].as_str().unwrap(), reason["code"].as_str().unwrap()));
        check(&vector, canonical_refusal(reasons));
        count += 1;
    }
    for vector in list("records") {
        let text = vector["json"].to_string();
        assert_record(&text);
        let record: Record = serde_json::from_str(&text).unwrap();
        check(&vector, record.canonical());
        assert_eq!(record.hash().to_string(), vector["hash"]);
        count += 1;
    }
    assert_eq!(count, 19);
}

const GOOD: &str = r#"{"submitted_on": "2025-02-01", "age": 40, "score": 720, "income": 90000.00,
                       "requested": 9000, "work": "salaried"}"#;

#[test]
fn a_decision_has_one_json_form() {
    let policy = example::policy();
    let decision = policy.decide_json(GOOD).unwrap();
    let (record, text) = (decision.record(), decision.to_json());
    assert_record(&text);
    assert_eq!(serde_json::to_string(&record).unwrap(), text);
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    let artifact = policy.artifact().content_hash();
    assert_eq!(
        text,
        format!(
            r#"{{"outputs":{{"decision":"approve","amount":9000.00}},"rule":{{"id":"R4"}},"version":{{"number":2,"from":"2025-01-01","cite":"Board 2024-11","chosen_by":{{"submitted_on":"2025-02-01"}}}},"record":1,"artifact":"{artifact}","input":"{}","decision":"{}"}}"#,
            decision.input_hash(),
            decision.hash()
        )
    );
    assert_eq!(Hash::of(&decision.canonical()), decision.hash());

    let mut short = String::from("before ");
    decision.write_json_without_hashes(&mut short);
    let short = short.strip_prefix("before ").unwrap();
    assert_record(short);
    assert_eq!(text.split_once(",\"input\"").unwrap().0, short.strip_suffix('}').unwrap());
}

#[test]
fn a_refusal_has_one_json_form() {
    let policy = example::policy();
    let mut row = policy.row();
    for (text, has_input) in [
        ("{", false),
        (r#"{"age": 40, "age": 41}"#, false),
        (r#"{"age": "a\"b", "score": [1], "work": "sleeping"}"#, false),
        (&GOOD.replace("90000.00", "8999.99"), true),
    ] {
        let refusal = match row.set_json(text) {
            Ok(()) => policy.decide(&row).err().unwrap(),
            Err(refusal) => refusal,
        };
        let record = refusal.record(&policy, Some(&row));
        assert_eq!(record.input.is_some(), has_input, "{text}");
        let json = serde_json::to_string(&record).unwrap();
        assert_record(&json);
        assert_record(&refusal.to_json());
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
        assert_eq!(Hash::of(&refusal.canonical()), refusal.hash());
    }
}

#[test]
fn what_is_not_a_record_is_not_read() {
    let policy = example::policy();
    let text = policy.decide_json(GOOD).unwrap().to_json();
    for (from, to) in [
        ("\"record\":1", "\"record\":2"),
        ("\"record\":1,", ""),
        ("\"rule\":", "\"rules\":"),
        ("\"amount\":9000.00", "\"amount\":[1]"),
        ("\"artifact\":\"", "\"artifact\":\"x"),
    ] {
        assert!(serde_json::from_str::<Record>(&text.replace(from, to)).is_err(), "{from}");
    }
}
