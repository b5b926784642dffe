//! Does `opus attribute` say which edit changed which decision? The chapter of the book, the scenarios that govern a
//! change, and bad input.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::folder::{Folder, project};

/// The blocks of a page in this language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    page.split(&opening).skip(1).map(|rest| rest.split("```").next().expect("a part")).collect()
}

#[test]
fn its_chapter_tells_the_truth() {
    let page = fs::read_to_string(project("spec/book/15-attribution.md")).expect("there is a chapter");
    let folder = Folder::new("attribution");
    let [before, after] = blocks(&page, "opus")[..] else { panic!("two policies") };
    let [rows, changed] = blocks(&page, "csv")[..] else { panic!("rows, and those that change") };
    folder.write("before.opus", before);
    folder.write("after.opus", after);
    folder.write("applications.csv", rows);
    let line = page.split('`').find(|text| text.starts_with("opus attribute before")).expect("the command");
    let ended = folder.opus(line.trim_start_matches("opus ")).ends(0);
    assert_eq!(folder.text("changed.csv"), changed);
    let (edits, groups) = (blocks(&page, "diff")[0], blocks(&page, "console")[0]);
    assert!(ended.text().contains(edits) && ended.text().contains(groups), "{}", ended.text());
}

/// What is written says the same in every format: another batch keeps its columns.
#[test]
fn causes_are_the_same_in_every_format() {
    let page = fs::read_to_string(project("spec/book/15-attribution.md")).expect("there is a chapter");
    let folder = Folder::new("attribution_formats");
    let [before, after] = blocks(&page, "opus")[..] else { panic!("two policies") };
    folder.write("before.opus", before);
    folder.write("after.opus", after);
    folder.write("applications.csv", blocks(&page, "csv")[0]);
    folder.write(
        "keep.opus",
        "policy keep { input { row : int in 1..99 } output { kept : bool } rules first { otherwise R => true } }",
    );
    let mut texts = Vec::new();
    for format in ["csv", "parquet", "arrow", "jsonl"] {
        folder.opus(&format!("attribute before.opus after.opus applications.csv -o c.{format}")).ends(0);
        let keep = "causes,necessary,but_for,unfinished,answer_before,rule_after,version_after";
        folder.opus(&format!("batch keep.opus c.{format} -o {format}.csv --keep {keep}")).ends(0);
        texts.push(folder.text(&format!("{format}.csv")));
    }
    assert!(texts[0].contains("E1 | E2+E3"), "{}", texts[0]);
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:#?}");
}

/// Each scenario: one change, and precisely the listed decisions, each attributed to it.
#[test]
fn the_governed_changes_come_out_exactly() {
    let text = fs::read_to_string(project("spec/o02/scenarios.json")).expect("the scenarios");
    let all: Value = serde_json::from_str(&text).expect("they are JSON");
    let all = all["scenarios"].as_array().expect("a list");
    let governing: Vec<&Value> = all.iter().filter(|scenario| scenario["tier"] == 3).collect();
    assert_eq!(governing.len(), 3);
    let folder = Folder::new("governed");
    for scenario in governing {
        let domain = scenario["domain"].as_str().expect("a name");
        let population = scenario["input"]["population"].as_array().expect("a list");
        let inputs = population.iter().map(|id| {
            let member = all.iter().find(|other| other["id"] == *id).expect("each is a scenario");
            let mut row = member["input"].clone();
            row["id"] = id.clone();
            format!("{row}\n")
        });
        folder.write("rows.jsonl", inputs.collect::<String>());
        let line = format!(
            "attribute {domain}.opus@1 {domain}.opus@2 rows.jsonl --keep id -o changed.csv --summary summary.json"
        );
        folder.opus(&line).ends(0);
        let expected = scenario["expected"]["changed_decisions"].as_array().expect("a list");
        let text = folder.text("changed.csv");
        let (head, lines) = text.split_once('\n').expect("a header");
        let names: Vec<&str> = head.split(',').collect();
        // no value here has a comma or a quote
        let changed: Vec<BTreeMap<&str, &str>> =
            lines.lines().map(|line| names.iter().copied().zip(line.split(',')).collect()).collect();
        assert_eq!(changed.len(), expected.len(), "{}", scenario["id"]);
        for (found, wanted) in changed.iter().zip(expected) {
            assert_eq!(wanted["scenario"], found["id"]);
            for (side, of) in [("before", "under_version_1"), ("after", "under_version_2")] {
                for (output, value) in wanted[of].as_object().expect("outputs") {
                    let told = found[format!("{output}_{side}").as_str()];
                    assert_eq!(told, value.as_str().expect("a text"), "{output} {side} of {}", found["id"]);
                }
            }
            assert_eq!(found["causes"], "E1", "{}", found["id"]);
            assert_eq!((found["necessary"], found["but_for"]), ("E1", "E1"));
            assert_eq!((found["coarse"], found["unfinished"]), ("", "false"));
        }
        let summary: Value = serde_json::from_str(&folder.text("summary.json")).expect("JSON");
        let edits = summary["edits"].as_array().expect("a list");
        assert_eq!((edits.len(), &summary["groups_add_up"]), (1, &Value::from(true)));
        assert_eq!(summary["changed"], expected.len());
        let unchanged = summary["rows"].as_u64().expect("a number") - expected.len() as u64;
        assert_eq!(scenario["expected"]["unchanged"], unchanged);
    }
}

/// The output does not depend on the number of threads, the engine or the format that rows come in.
#[test]
fn the_same_rows_have_the_same_causes() {
    let folder = Folder::new("same-causes");
    let changed = folder
        .text("credit.opus")
        .replace("from 2025-01-01 = 700", "from 2025-01-01 = 705")
        .replace("delinquencies_24m > 2", "delinquencies_24m > 1");
    folder.write("changed.opus", changed);
    folder.opus("sample credit.opus -n 3000 --seed 5 -o rows.csv").ends(0);
    let of = |options: &str| {
        folder.opus(&format!("attribute credit.opus changed.opus rows.csv -o out.csv {options}")).ends(0);
        folder.text("out.csv")
    };
    let first = of("--threads 1");
    assert!(first.lines().count() > 20, "{first}");
    assert_eq!(of("--threads 4"), first);
    assert_eq!(of("--engine vm"), first);
}

#[test]
fn equal_policies_change_nothing() {
    let folder = Folder::new("nothing");
    // other names and texts alone
    let renamed =
        folder.text("credit.opus").replace("score_floor", "least_score").replace("Thin file", "No file");
    folder.write("renamed.opus", renamed);
    let ended = folder.opus("attribute credit.opus renamed.opus good.csv -o changed.csv").ends(0);
    assert!(ended.text().contains("changed  0"), "{}", ended.text());
    assert!(ended.text().contains("T1  param score_floor renamed to least_score"), "{}", ended.text());
    assert_eq!(folder.text("changed.csv").lines().count(), 1);
}

#[test]
fn bad_input_is_told_and_changes_nothing() {
    let folder = Folder::new("bad-attribution");
    folder.write("changed.csv", "kept");
    for (line, code, said) in [
        ("attribute credit.opus good.csv credit.opus -o changed.csv", 2, "opus attribute A B INPUT"),
        ("attribute credit.opus credit.opus@9 good.csv -o changed.csv", 2, "no version 9"),
        ("attribute credit.opus refund.opus good.csv -o changed.csv", 4, "--fill FIELD=VALUE"),
        ("attribute credit.opus@1 credit.opus@2 good.csv -o good.csv", 2, "good.csv"),
        ("attribute credit.opus@1 credit.opus@2 none.csv -o changed.csv", 4, "none.csv"),
        ("attribute credit.opus@1 credit.opus@2 good.csv --engine reference", 2, "native"),
    ] {
        let ended = folder.opus(line).ends(code);
        assert!(ended.err.contains(said), "{line}: {}", ended.err);
    }
    assert_eq!(folder.text("changed.csv"), "kept");
}
