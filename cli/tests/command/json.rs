//! What do programs get? With `--format json` whatever is printed parses, and holds what people are told.

use serde_json::{Value, json};

use crate::folder::{Ended, Folder};
use crate::schema::assert_record;

/// Where the JSON is expected.
#[derive(Clone, Copy, PartialEq)]
enum On {
    Out,
    Err,
}

/// A failing policy test, and a policy that does not compile.
fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    let failing =
        folder.text("credit.opus").replace("expect decision = approve", "expect decision = decline");
    folder.write("failing.opus", failing);
    folder.write("bad.opus", "policy p { inputt {} }");
    folder.write("young.json", r#"{"age": 15, "scor": 700}"#);
    folder.write("wrong.csv", "id,decision,credit_amount,reason_code\nb,approve,9000.00,WITHIN_CAP\n");
    folder
}

#[test]
fn whatever_is_printed_for_programs_parses() {
    let folder = folder("json");
    let cases = [
        ("check credit.opus", 0, On::Out, "/0/compiles", json!(true)),
        ("check bad.opus", 1, On::Out, "/0/diagnostics/0/code", json!("E0101")),
        ("check bad.opus", 1, On::Out, "/0/diagnostics/0/place/start/column", json!(12)),
        ("check nosuch.opus credit.opus", 4, On::Out, "/1/compiles", json!(true)),
        ("build credit.opus", 0, On::Out, "/artifact", json!("credit.opusc")),
        ("run credit.opus --input application.json", 0, On::Out, "/rule/id", json!("C8")),
        (
            "run credit.opus --input application.json",
            0,
            On::Out,
            "/version/chosen_by/submitted_on",
            json!("2025-02-01"),
        ),
        ("run credit.opus --input application.json --trace", 0, On::Out, "/trace/0/rule", json!("C1")),
        ("run credit.opus --input application.json --engine vm", 0, On::Out, "/engine", json!("vm")),
        ("run credit.opus --input young.json", 3, On::Out, "/refused/0/code", json!("missing")),
        ("run credit.opus --input young.json", 3, On::Out, "/ignored/0", json!("scor")),
        ("run bad.opus --input application.json", 1, On::Err, "/diagnostics/0/code", json!("E0101")),
        ("batch credit.opus rows.csv -o out.csv", 3, On::Out, "/faults/0/field", json!("age")),
        ("batch credit.opus good.csv -o out.csv", 0, On::Out, "/versions/1/rows", json!(3)),
        ("batch credit.opus good.csv -o out.csv", 0, On::Out, "/ignored_columns/0", json!("id")),
        ("batch credit.opus good.csv -o - --output-format jsonl", 0, On::Err, "/decided", json!(4)),
        ("batch credit.opus nosuch.csv -o out.csv", 4, On::Err, "/exit", json!(4)),
        ("batch credit.opus good.csv", 2, On::Err, "/exit", json!(2)),
        ("test credit.opus", 0, On::Out, "/failed", json!([])),
        ("test failing.opus", 1, On::Out, "/failed/0/found", json!("approve")),
        ("test failing.opus", 1, On::Out, "/failed/0/place/start/line", json!(84)),
        (
            "test credit.opus --input good.csv --expected wrong.csv --on id",
            1,
            On::Out,
            "/unexpected",
            json!(3),
        ),
        (
            "test credit.opus --input good.csv --expected wrong.csv --on id",
            1,
            On::Out,
            "/differences/0/rule",
            json!("C4"),
        ),
        ("fmt --check credit.opus bad.opus", 1, On::Out, "/0/result", json!("unchanged")),
        ("fmt --check credit.opus bad.opus", 1, On::Out, "/1/diagnostics/0/code", json!("E0101")),
        ("inspect credit.opus", 0, On::Out, "/versions/1/certificate/total", json!(true)),
        ("inspect credit.opus", 0, On::Out, "/versions/0/until", json!("2025-01-01")),
        ("inspect credit.opus", 0, On::Out, "/rules/3/cite", json!("§ 4")),
        ("inspect credit.opus --source", 0, On::Out, "/policy", json!("credit.personal")),
        ("inspect credit.opus --ir", 0, On::Out, "/policy", json!("credit.personal")),
        ("inspect credit.opus --bytecode", 0, On::Out, "/policy", json!("credit.personal")),
        ("sample credit.opus -n 3 -o s.csv", 0, On::Out, "/rows", json!(3)),
        ("sample credit.opus -n 3 -o - --output-format csv", 0, On::Err, "/rows", json!(3)),
        ("explain-code E0106", 0, On::Out, "/name", json!("single-equals")),
        ("explain-code E9999", 2, On::Err, "/exit", json!(2)),
    ];
    for (index, (line, code, on, pointer, wanted)) in cases.into_iter().enumerate() {
        // it may stand anywhere, in either spelling
        let asked = [format!("{line} --format json"), format!("--format=json {line}")];
        let ended = folder.opus(&asked[index % 2]).ends(code);
        let value = parsed(&ended, on);
        let found = value.pointer(pointer).unwrap_or_else(|| panic!("there is no {pointer}\n{ended}"));
        assert_eq!(*found, wanted, "{pointer}\n{ended}");
        // beside it nothing is said, or in JSON too
        if on == On::Out && !ended.err.is_empty() {
            parsed(&ended, On::Err);
        }
    }
}

fn parsed(ended: &Ended, on: On) -> Value {
    let bytes = if on == On::Out { &ended.out[..] } else { ended.err.as_bytes() };
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}\n{ended}"))
}

#[test]
fn run_prints_records() {
    let folder = folder("records");
    for (line, code) in [
        ("run credit.opus --input application.json --format json", 0),
        ("run credit.opus --input application.json --format json --engine reference --trace", 0),
        ("run credit.opus --input young.json --format json", 3),
    ] {
        assert_record(folder.opus(line).ends(code).text());
    }
}

#[test]
fn amounts_keep_their_digits_and_outputs_their_order() {
    let folder = folder("digits");
    let ended = folder.opus("run credit.opus --input application.json --format json").ends(0);
    let outputs = "\"outputs\": {\n    \"decision\": \"approve\",\n    \"credit_amount\": 9000.00,\n    \"reason_code\": \"WITHIN_CAP\"\n  }";
    assert!(ended.text().contains(outputs), "{ended}");
}

#[test]
fn people_and_programs_are_told_the_same_of_an_artifact() {
    let folder = folder("inspect");
    folder.opus("build credit.opus").ends(0);
    let told = folder.opus("inspect credit.opusc").ends(0);
    let value = parsed(&folder.opus("inspect credit.opusc --format json").ends(0), On::Out);
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).expect("a text").to_owned();
    let steps = value.pointer("/versions/0/certificate/steps_max").expect("a bound").to_string();
    for part in [
        text("/content"),
        text("/meaning"),
        "age                      int in 16..120".into(),
        "1  2023-01-01 .. 2024-12-31  ├──".into(),
        "2  2025-01-01 .. …".into(),
        "C4   Score below the floor  (§ 4)  1, 2".into(),
        "total: every admitted input is decided".into(),
        format!("at most {steps} steps"),
        "largest intermediate 7,200,000,000,000 (43 bits and a sign)".into(),
    ] {
        assert!(told.text().contains(&part), "`{part}` is missing\n{told}");
    }
    assert_eq!(text("/versions/0/certificate/largest_intermediate"), "7200000000000");
    for (part, words) in [
        ("--source", "policy credit.personal"),
        ("--ir", "; field 1 is age"),
        ("--ir", "lt v0, v1"),
        ("--bytecode", "branch_false"),
    ] {
        let listing = folder.opus(&format!("inspect credit.opusc {part}")).ends(0);
        assert!(listing.text().contains(words), "`{words}` is missing\n{listing}");
    }
    assert_eq!(folder.opus("inspect credit.opusc --source").text(), folder.text("credit.opus"));
}
