//! Does `opus run --row` say of a row what `opus batch` says? And what does it say of a row that there is not?

use serde_json::Value;

use crate::folder::{Ended, Folder};

/// The members of a JSON document.
fn json(ended: &Ended) -> Value {
    serde_json::from_str(ended.text()).unwrap_or_else(|error| panic!("{error}\n{ended}"))
}

/// That `run --row` agrees with a batch about every row of an input; answers how many there are.
fn agree(folder: &Folder, input: &str, options: &str) -> usize {
    let line = format!(
        "batch credit.opus {input} {options} -o out.jsonl --rejects rejects.jsonl --max-rejects 100%"
    );
    folder.opus(&line).ends(0);
    let lines = |name: &str| -> Vec<Value> {
        folder.text(name).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let (decided, rejects) = (lines("out.jsonl"), lines("rejects.jsonl"));
    let rows = decided.iter().chain(&rejects).filter_map(|line| line["row"].as_u64()).max().unwrap_or(0);
    for row in 1..=rows {
        let line = format!("run credit.opus --input {input} {options} --row {row} --format json");
        let found = folder.opus(&line);
        let record = json(&found);
        match decided.iter().find(|line| line["row"] == row) {
            Some(decided) => {
                assert_eq!(found.code, 0, "{found}");
                for output in ["decision", "credit_amount", "reason_code"] {
                    assert_eq!(record["outputs"][output], decided[output], "{found}");
                }
                assert_eq!(record["rule"]["id"], decided["rule"], "{found}");
                assert_eq!(record["version"]["number"], decided["version"], "{found}");
            }
            None => {
                assert_eq!(found.code, 3, "{found}");
                let faults: Vec<&Value> = rejects.iter().filter(|line| line["row"] == row).collect();
                let refused = record["refused"].as_array().expect("reasons");
                assert_eq!(refused.len(), faults.len(), "{found}");
                for (reason, fault) in refused.iter().zip(faults) {
                    for part in ["code", "message"] {
                        assert_eq!(reason[part], fault[part], "{found}");
                    }
                }
            }
        }
    }
    rows as usize
}

#[test]
fn every_row_is_decided_as_in_a_batch() {
    let folder = Folder::new("rows");
    assert_eq!(agree(&folder, "rows.csv", ""), 6);
    let lines = ["{\"age\": 15}", "[1]", "", "{\"submitted_on\": \"2025-02-01T00:00:00\"}"].join("\n");
    let object = folder.text("application.json").replace(['\n', '\r'], " ");
    folder.write("rows.txt", format!("{object}\n{lines}"));
    assert_eq!(agree(&folder, "rows.txt", "--input-format jsonl"), 4);
    folder.write("array.json", format!("[{object},{object}]"));
    assert_eq!(agree(&folder, "array.json", ""), 2);
    for format in ["parquet", "arrow"] {
        folder.opus(&format!("sample credit.opus -n 3 -o in.{format} --boundaries")).ends(0);
        assert_eq!(agree(&folder, &format!("in.{format}"), ""), 3);
    }
}

#[test]
fn several_inputs_are_counted_through() {
    let folder = Folder::new("rows-several");
    std::fs::create_dir_all(folder.path("all/kind=b")).expect("a folder");
    folder.copy("spec/examples/application.json", "all/a.json");
    std::fs::rename(folder.path("rows.csv"), folder.path("all/kind=b/rows.csv")).expect("a file is moved");
    assert_eq!(agree(&folder, "all", ""), 7);
    let found = folder.opus("run credit.opus --input all --row 4").ends(0);
    assert!(found.err.contains("row 4 is row 3 of all/kind=b/rows.csv"), "{found}");
    let found = folder.opus("run credit.opus -i good.csv -i all/a.json --row 5").ends(0);
    assert!(found.err.contains("row 5 is row 1 of all/a.json"), "{found}");
    let found = folder.opus("run credit.opus -i good.csv -i all/a.json --row 6").ends(2);
    assert!(found.err.contains("the 2 files have 5 rows, so there is no row 6"), "{found}");
    let found = folder.opus("run credit.opus -i good.csv -i all/a.json").ends(2);
    assert!(found.err.contains("`--row N`"), "{found}");
    let csv = folder.bytes("good.csv");
    let found = folder.opus_with("run credit.opus --input-format csv --row 1", &csv).ends(0);
    assert!(found.text().contains("approve"), "{found}");
}

#[test]
fn a_trace_of_a_row_is_that_of_its_object() {
    let folder = Folder::new("rows-trace");
    let object = folder.text("application.json").replace(['\n', '\r'], " ");
    folder.write("rows.jsonl", format!("{{}}\n{object}\n"));
    for options in ["--trace", "--trace --format json", "--trace --engine reference", "--engine vm"] {
        let of_object = folder.opus(&format!("run credit.opus --input application.json {options}")).ends(0);
        let of_row = folder.opus(&format!("run credit.opus --input rows.jsonl --row 2 {options}")).ends(0);
        assert_eq!(of_row.text(), of_object.text(), "{options}");
    }
    let refused = folder.opus("run credit.opus --input rows.jsonl --row 1").ends(3);
    assert!(
        refused.text().starts_with("refused\n  missing  submitted_on: a value is required\n"),
        "{refused}"
    );
}

#[test]
fn what_is_no_row_is_said_with_what_to_do() {
    let folder = Folder::new("rows-none");
    folder.copy("spec/o02/data/credit.parquet", "in.parquet");
    folder.write("array.json", "[{}, {}]");
    folder.write("several.json", "{}\n{}");
    folder.write("rows.jsonl", "{}\n{}");
    for input in ["rows.csv", "in.parquet", "array.json", "several.json", "rows.jsonl"] {
        let found = folder.opus(&format!("run credit.opus --input {input}")).ends(2);
        assert!(
            found.err.contains(&format!("`{input}` is not one JSON object\n  help: `--row N`")),
            "{found}"
        );
    }
    folder.write("one.jsonl", folder.text("application.json").replace('\n', " "));
    folder.opus("run credit.opus --input one.jsonl").ends(0);
    folder.write("mistake.json", "{\"age\": }");
    folder.opus("run credit.opus --input mistake.json").ends(3);
    let found = folder.opus("run credit.opus --input .").ends(2);
    assert!(found.err.contains("`.` is a folder") && found.err.contains("`--row N`"), "{found}");
    for (line, words) in [
        ("--input rows.csv --row 7", "rows.csv has 6 rows, so there is no row 7"),
        ("--input rows.csv --row 0", "rows are numbered from 1"),
        ("--input rows.csv --row -1", "rows are numbered from 1"),
        ("--input rows.csv --row x", "rows are numbered from 1"),
        ("--input application.json --columns none.toml", "--row <N>"),
    ] {
        let found = folder.opus(&format!("run credit.opus {line}")).ends(2);
        assert!(found.err.contains(words), "{found}");
    }
}

/// An object that is decided alone is read, or refused, as in a file of objects: in the same words.
#[test]
fn an_object_alone_is_read_as_in_a_file_of_objects() {
    let folder = Folder::new("alone");
    let policy = "policy a.share { input { share : percent in 0%..100% }  output { half : bool }
        rules first { rule A when share < 50% => false   otherwise B => true } }";
    folder.write("share.opus", policy);
    for (object, code) in [
        ("{\"share\": \"10 %\"}", 0),
        ("{\"share\": \"60\u{a0}%\"}", 0),
        ("{\"share\": \"1 0%\"}", 3),
        ("{\"share\": \"x %\"}", 3),
        ("{\"share\": \"10%\"} x", 3),
        ("{\"share\": \"10%\",}", 3),
        ("{\"share\": 010}", 3),
        ("{\"share\": \"\\q\"}", 3),
        ("{\"share\": \"10%\", \"share\": \"10%\"}", 3),
        ("[1]", 3),
    ] {
        folder.write("one", object);
        folder.write("rows.jsonl", format!("{object}\n"));
        let alone = folder.opus("run share.opus --input one --format json").ends(code);
        let alone: serde_json::Value = serde_json::from_str(alone.text()).expect("JSON");
        folder.opus("batch share.opus rows.jsonl -o out.jsonl --rejects rejects.jsonl").ends(code);
        let (decided, rejected) = (folder.text("out.jsonl"), folder.text("rejects.jsonl"));
        if code == 0 {
            let decided: serde_json::Value = serde_json::from_str(&decided).expect("a row");
            assert_eq!(decided["rule"], alone["rule"]["id"], "{object}");
            continue;
        }
        let rejected: serde_json::Value = serde_json::from_str(&rejected).expect("a fault");
        for name in ["field", "code", "message"] {
            assert_eq!(rejected[name], alone["refused"][0][name], "{object}");
        }
    }
}
