//! Does the command build, show and compare snapshots, and decide with them?

use serde_json::Value;

use crate::folder::{Folder, project};

const POLICY: &str = "policy loan {
  effective on day
  version 1 from 2025-01-01
  enum Region { EU, UK }
  input { day : date in 2025-01-01..2025-12-31  score : int in 300..850  region : Region }
  output { pass : bool }
  param floor : int in 300..850 from snapshot
  set risky of Region from snapshot
  rules first { rule A when region in risky => false  otherwise B => score >= floor }
  case one { day = 2025-06-30  score = 690  region = EU }
  test \"above the floor\" { given one expect pass = true }
}
";

const FACTS: &str = "key,valid_from,value,cite,recorded_by
floor,2024-01-01,680,Manual 3,ana
floor,2025-07-01,700,,ana
risky,2024-01-01,\"{UK}\",,ben
other,2024-01-01,1,,ben
";

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("loan.opus", POLICY);
    folder.write("facts.csv", FACTS);
    folder.write("rows.csv", "day,score,region\n2025-06-30,690,EU\n2025-07-01,690,EU\n2025-07-01,850,UK\n");
    folder.write("row.json", r#"{"day": "2025-07-01", "score": 690, "region": "EU"}"#);
    folder
}

#[test]
fn facts_become_a_snapshot_and_rows_are_decided_with_it() {
    let folder = folder("facts");
    let built = folder.opus("snapshot build facts.csv -o world.opuss").ends(0);
    assert!(built.text().starts_with("world.opuss  4 facts, 3 keys\n  snapshot hash  "), "{}", built.text());
    let shown = folder.opus("snapshot show world.opuss --as-of 2025-06-30").ends(0);
    let facts = "floor  2024-01-01  680   (Manual 3)  recorded_by = ana\n\
                 other  2024-01-01  1     recorded_by = ben\nrisky  2024-01-01  {UK}  recorded_by = ben\n";
    assert!(shown.text().ends_with(facts), "{}", shown.text());
    for engine in ["native", "vm", "reference"] {
        let line = format!(
            "batch loan.opus rows.csv -o out.csv --snapshot world.opuss --summary sum.json --engine {engine}"
        );
        let ended = folder.opus(&line).ends(0);
        assert!(ended.err.contains("facts that the policy does not use: `other`"), "{}", ended.err);
        assert_eq!(
            folder.text("out.csv"),
            "row,pass,rule,version\n1,true,B,1\n2,false,B,1\n3,false,A,1\n",
            "{engine}"
        );
    }
    let hash = shown.text().lines().next().unwrap().split_whitespace().last().unwrap().to_owned();
    let summary: Value = serde_json::from_str(&folder.text("sum.json")).unwrap();
    assert_eq!(summary["snapshot"]["content"], hash.as_str());
    let run = folder.opus("run loan.opus --input row.json --snapshot world.opuss --format json").ends(0);
    let run: Value = serde_json::from_str(run.text()).unwrap();
    assert_eq!(
        (&run["outputs"]["pass"], &run["snapshot"]),
        (&Value::Bool(false), &Value::String(hash.clone()))
    );
    folder.opus("test loan.opus --snapshot world.opuss").ends(0);
    let traced = folder.opus("run loan.opus --input row.json --snapshot world.opuss --trace").ends(0);
    for term in ["region = EU, risky = {UK}", "score = 690, floor = 700"] {
        assert!(traced.text().contains(term), "{}", traced.text());
    }
    let inspected = folder.opus("inspect loan.opus --snapshot world.opuss").ends(0);
    assert!(
        inspected.text().contains(&format!("snapshot hash  {hash}\nbound hash     ")),
        "{}",
        inspected.text()
    );
    folder.opus("build loan.opus -o loan.opusc").ends(0);
    folder.opus("batch loan.opusc rows.csv -o out.csv --snapshot world.opuss").ends(0);
}

#[test]
fn checks_and_samples_need_no_snapshot_and_decisions_do() {
    let folder = folder("unbound");
    folder.opus("check loan.opus").ends(0);
    folder.opus("sample loan.opus -n 10 -o sample.csv").ends(0);
    folder.opus("inspect loan.opus --ir").ends(0);
    for line in [
        "run loan.opus --input row.json",
        "batch loan.opus rows.csv -o out.csv",
        "test loan.opus",
        "inspect loan.opus --native",
    ] {
        let ended = folder.opus(line).ends(2);
        assert!(
            ended.err.contains("`loan.opus` takes `floor`, `risky` from a snapshot, but none is given")
                && ended.err.contains("--snapshot FILE"),
            "{line}: {}",
            ended.err
        );
    }
    assert!(!folder.path("out.csv").exists());
}

#[test]
fn snapshots_are_compared_and_bad_ones_are_refused() {
    let folder = folder("bad");
    folder.write(
        "other.csv",
        FACTS.replace("700", "1_700").replace("{UK}", "{UK, DE}").replace("other,2024", "new,2024"),
    );
    folder.opus("snapshot build facts.csv").ends(0);
    folder.opus("snapshot build other.csv").ends(0);
    assert_eq!(
        folder.opus("snapshot diff facts.opuss other.opuss").ends(1).text(),
        "floor from 2025-07-01: 700 becomes 1700  recorded_by = ana\nnew from 2024-01-01: 1 added  recorded_by = ben\n\
         other from 2024-01-01: 1 removed  recorded_by = ben\nrisky from 2024-01-01: {UK} becomes {DE, UK}  recorded_by = ben\n"
    );
    let same = folder.opus("snapshot diff facts.opuss facts.opuss").ends(0);
    assert_eq!(same.text(), "the snapshots hold the same facts\n");
    let refused = folder.opus("run loan.opus --input row.json --snapshot other.opuss").ends(4);
    for wrong in [
        "`floor` from 2025-07-01: `1700` is outside the declared range 300..850",
        "`DE` is not a value of `Region`",
    ] {
        assert!(refused.err.contains(wrong), "{}", refused.err);
    }
    folder.write("wrong.csv", "key,valid_from,value\nfloor,2025-13-01,1\n");
    let ended = folder.opus("snapshot build wrong.csv").ends(4);
    assert!(ended.err.contains("wrong.csv: line 2: `2025-13-01` is not a date"), "{}", ended.err);
    let ended = folder.opus("run loan.opus --input row.json --snapshot facts.csv").ends(4);
    assert!(ended.err.contains("the file is not a snapshot"), "{}", ended.err);
    folder.opus("snapshot show absent.opuss").ends(4);
}

#[test]
fn the_files_in_the_book_are_snapshots() {
    let chapter = std::fs::read_to_string(project("spec/book/19-snapshots.md")).expect("there is a chapter");
    let block = |language: &str| -> &str {
        let (_, rest) = chapter.split_once(&format!("```{language}\n")).expect("a block");
        rest.split_once("```").expect("it ends").0
    };
    let folder = Folder::new("book");
    folder.write("loan.opus", block("opus"));
    folder.write("facts.csv", block("csv"));
    folder.write("facts.toml", block("toml"));
    folder.opus("snapshot build facts.csv -o csv.opuss").ends(0);
    folder.opus("snapshot build facts.toml -o toml.opuss").ends(0);
    let differing = folder.opus("snapshot diff toml.opuss csv.opuss").ends(1);
    // the same facts, but for the column that only the CSV file has, and for those that it has alone
    assert!(
        differing.text().contains(
            "score_floor from 2024-01-01: 680; (Manual 3.2) becomes (Manual 3.2)  recorded_by = ana"
        )
    );
    assert!(differing.text().contains("share from 2024-01-01: 20% added"), "{}", differing.text());
    let row = r#"{"submitted_on": "2025-10-01", "score": 700, "region": "US", "income": 99.99}"#;
    folder.write("row.json", row);
    let decided = folder.opus("run loan.opus --input row.json --snapshot csv.opuss --trace").ends(0);
    assert!(decided.text().contains("yes   R2"), "{}", decided.text());
}

/// A correction that is recorded late changes the decisions that it concerns, and no other; what was known before is still
/// there.
#[test]
fn a_late_correction_shows_exactly_what_it_changes() {
    let folder = folder("correction");
    folder.opus("snapshot build facts.csv -o first.opuss").ends(0);
    // the floor was 690, not 680, in the first half of 2025
    folder.write("corrected.csv", FACTS.replace("680,Manual 3", "690,Manual 3b"));
    folder.opus("snapshot build corrected.csv -o second.opuss").ends(0);
    folder.opus("publish first.opuss --name world --recorded-at 2025-07-02T09:00:00Z").ends(0);
    folder.opus("publish second.opuss --name world --recorded-at 2025-09-01T09:00:00+02:00").ends(0);
    folder.write("rows.csv", "day,score,region\n2025-06-30,685,EU\n2025-06-30,690,EU\n2025-07-01,690,EU\n");
    let decided = |at: &str| {
        folder.opus(&format!("batch loan.opus rows.csv -o out.csv --snapshot world --known-at {at}")).ends(0);
        folder.text("out.csv")
    };
    let head = "row,pass,rule,version\n";
    assert_eq!(decided("2025-09-01T06:59:59Z"), format!("{head}1,true,B,1\n2,true,B,1\n3,false,B,1\n"));
    assert_eq!(decided("2025-09-01T07:00:00Z"), format!("{head}1,false,B,1\n2,true,B,1\n3,false,B,1\n"));
    let hash = folder.opus("snapshot show first.opuss --format json").ends(0);
    let hash: Value = serde_json::from_str(hash.text()).unwrap();
    let line = format!(
        "impact loan.opus loan.opus rows.csv --snapshot {} --snapshot-after world -o changed.csv",
        hash["hash"].as_str().unwrap()
    );
    let impact = folder.opus(&line).ends(0);
    assert!(impact.text().contains("changed  1  33.3%"), "{}", impact.text());
    assert!(folder.text("changed.csv").contains("\n1,true,false,B,B,1,1,"), "{}", folder.text("changed.csv"));
    for (time, says) in [
        ("2025-09-01", "is a day, not an instant"),
        ("2999-01-01T00:00:00Z", "is in the future"),
        ("2025-07-01T00:00:00Z", "world"),
    ] {
        let refused = folder.opus(&format!("snapshot show world --known-at {time}"));
        assert!(refused.err.contains(says), "{}", refused.err);
    }
    let shown = folder.opus("show world --as-of 2025-06-30").ends(0);
    assert!(shown.text().contains("690   (Manual 3b)"), "{}", shown.text());
}

/// An output never replaces the snapshot that a command reads.
#[test]
fn a_snapshot_is_not_overwritten() {
    let folder = folder("overwritten");
    folder.opus("snapshot build facts.csv -o world.opuss").ends(0);
    folder.opus("snapshot build facts.csv -o later.opuss").ends(0);
    let format = "--output-format csv";
    for line in [
        format!("impact loan.opus loan.opus rows.csv --snapshot world.opuss -o world.opuss {format}"),
        format!(
            "impact loan.opus loan.opus rows.csv --snapshot world.opuss --snapshot-after later.opuss -o later.opuss {format}"
        ),
        "impact loan.opus loan.opus rows.csv --snapshot world.opuss --summary world.opuss".to_owned(),
        format!("attribute loan.opus loan.opus rows.csv --snapshot world.opuss -o world.opuss {format}"),
        format!("batch loan.opus rows.csv --snapshot world.opuss -o world.opuss {format}"),
    ] {
        folder.opus(&line).ends(2);
    }
    folder.opus("snapshot diff world.opuss later.opuss").ends(0);
}

/// A record of a batch with facts holds the snapshot, and is replayed with it.
#[test]
fn a_record_holds_the_snapshot() {
    let folder = folder("recorded");
    folder.opus("snapshot build facts.csv -o world.opuss").ends(0);
    folder
        .opus("batch loan.opus rows.csv -o out.csv --snapshot world.opuss --record july --record-data")
        .ends(0);
    for engine in ["native", "vm", "reference"] {
        let replayed = folder.opus(&format!("replay july --engine {engine}")).ends(0);
        assert!(replayed.text().starts_with("identical: 3 rows"), "{}", replayed.text());
    }
    folder.opus("prove-row july 2 -o proof.json").ends(0);
    // another snapshot in its place is found, and so is a changed one
    folder.write("other.csv", FACTS.replace("680", "681"));
    folder.opus("snapshot build other.csv -o july/snapshot.opuss").ends(0);
    let replayed = folder.opus("replay july").ends(1);
    assert!(replayed.text().contains("snapshot.opuss"), "{}", replayed.text());
}

/// Facts are found by name: a parameter that takes them under another name is another parameter.
#[test]
fn comparisons_look_facts_up_by_name() {
    let folder = folder("renamed");
    let facts = format!("{FACTS}least,2024-01-01,760,,ana\n");
    folder.write("both.csv", facts);
    folder.opus("snapshot build both.csv -o both.opuss").ends(0);
    folder.opus("snapshot build facts.csv -o world.opuss").ends(0);
    folder.write("other.opus", POLICY.replace("floor", "least"));
    let diff = folder.opus("diff loan.opus other.opus").ends(1);
    assert!(!diff.text().contains("renamed") && diff.text().contains("param least added"), "{}", diff.text());
    let impact = folder.opus("impact loan.opus other.opus rows.csv --snapshot both.opuss").ends(0);
    // 690 passes a floor of 680 and not one of 760
    assert!(impact.text().contains("changed  1  33.3%"), "{}", impact.text());
    let refused = folder.opus("impact loan.opus other.opus rows.csv --snapshot world.opuss").ends(4);
    assert!(
        refused.err.contains("`other.opus`") && refused.err.contains("`least` is not in"),
        "{}",
        refused.err
    );
    let attributed =
        folder.opus("attribute loan.opus other.opus rows.csv --snapshot both.opuss -o c.csv").ends(0);
    assert!(attributed.text().contains("the groups add up to the 1 changed row"), "{}", attributed.text());
}

/// A parameter whose values move to a snapshot, or back, is one edit among others.
#[test]
fn edits_beside_facts_are_attributed() {
    let folder = folder("attributed");
    folder.opus("snapshot build facts.csv -o world.opuss").ends(0);
    let fixed = POLICY
        .replace("floor : int in 300..850 from snapshot", "floor : int in 300..850 = 690")
        .replace("region in risky =>", "region in risky and score < 800 =>");
    folder.write("fixed.opus", fixed);
    for (a, b) in [("fixed", "loan"), ("loan", "fixed")] {
        let line = format!("attribute {a}.opus {b}.opus rows.csv --snapshot world.opuss -o causes.csv");
        let ended = folder.opus(&line).ends(0);
        assert!(ended.text().contains("the groups add up to the 2 changed rows"), "{}", ended.text());
        let causes = folder.text("causes.csv");
        // the floor of July is 700 and not 690; a high score in a risky region passes in one of the two
        let mut of_row = causes.lines().skip(1).map(|line| line.split(',').nth(9).unwrap_or(line));
        assert_eq!((of_row.next(), of_row.next()), (Some("E1"), Some("E2")), "{causes}");
    }
}

/// A policy that takes no facts needs no snapshot, and then all facts that its successor takes are edits.
#[test]
fn facts_that_only_the_second_policy_takes_are_attributed() {
    let folder = folder("only_after");
    folder.opus("snapshot build facts.csv -o world.opuss").ends(0);
    let fixed = POLICY
        .replace("floor : int in 300..850 from snapshot", "floor : int in 300..850 = 680")
        .replace("set risky of Region from snapshot", "")
        .replace("rule A when region in risky => false ", "");
    folder.write("fixed.opus", fixed);
    let line = "fixed.opus loan.opus rows.csv --snapshot-after world.opuss";
    let ended = folder.opus(&format!("attribute {line} -o causes.csv")).ends(0);
    let text = ended.text();
    for edit in [
        "param floor: 680 becomes from snapshot",
        "fact floor from 2025-07-01: 700 added (needs E",
        "T1  fact other from 2024-01-01: 1 added",
        "the groups add up to the 2 changed rows",
    ] {
        assert!(text.contains(edit), "{edit} is not in {text}");
    }
    let edit = |says: &str| {
        let line = text.lines().find(|line| line.contains(says)).unwrap_or_else(|| panic!("{says}"));
        line.split(' ').next().unwrap().to_owned()
    };
    let causes = folder.text("causes.csv");
    let of_row: Vec<&str> = causes.lines().skip(1).map(|line| line.split(',').nth(9).unwrap()).collect();
    // the rule that is added needs a fact for its set, and the fact changes nothing without the rule
    let risky = format!("{}+{}", edit("rule A added"), edit("fact risky from 2024-01-01"));
    assert_eq!(of_row, [edit("fact floor from 2025-07-01"), risky], "{causes}");
    let diff = folder.opus("diff fixed.opus loan.opus --snapshot-after world.opuss").ends(1);
    assert!(diff.text().contains("T1  fact other from 2024-01-01: 1 added"), "{}", diff.text());
    let impact = folder.opus(&format!("impact {line}")).ends(0);
    assert!(impact.text().contains("changed  2  66.7%"), "{}", impact.text());
    // the other way round, the first policy takes facts, and there are none
    let refused = folder.opus("attribute loan.opus fixed.opus rows.csv --snapshot-after world.opuss");
    assert!(refused.err.contains("floor"), "{}", refused.err);
}

/// The section about a change of facts: its files, its command and what it prints.
#[test]
fn the_book_attributes_a_change_of_facts() {
    let page = std::fs::read_to_string(project("spec/book/19-snapshots.md")).expect("there is a chapter");
    let blocks = |language: &str| -> Vec<&str> {
        let opening = format!("```{language}\n");
        page.split(&opening).skip(1).map(|rest| rest.split("```").next().expect("a part")).collect()
    };
    let [may, june, rows] = blocks("csv")[..] else { panic!("two files of facts, and rows") };
    let folder = Folder::new("change_of_facts");
    folder.write("loan.opus", blocks("opus")[0]);
    folder.write("applications.csv", rows);
    for (name, facts) in [("may", may), ("june", june)] {
        folder.write(&format!("{name}.csv"), facts);
        folder.opus(&format!("snapshot build {name}.csv -o {name}.opuss")).ends(0);
    }
    let line = page.split('`').find(|text| text.starts_with("opus attribute loan")).expect("the command");
    let ended = folder.opus(line.trim_start_matches("opus ")).ends(0);
    for block in blocks("console") {
        assert!(ended.text().contains(block), "{}", ended.text());
    }
    // `opus diff` shows the same edits
    let ended =
        folder.opus("diff loan.opus loan.opus --snapshot may.opuss --snapshot-after june.opuss").ends(1);
    assert_eq!(ended.text().trim_end(), blocks("console")[0].trim_end());
    folder.opus("diff loan.opus loan.opus --snapshot may.opuss --snapshot-after may.opuss").ends(0);
}

/// The lines of the facts that a decision read: parameters, sets and entries of tables, also those that are keys of other
/// tables, each once, with its value, first day and citations.
#[test]
fn a_trace_shows_the_facts_that_were_read() {
    let folder = Folder::new("facts_read");
    folder.write(
        "loan.opus",
        "policy loan {
  effective on day
  version 1 from 2025-01-01
  enum Region { EU, UK }
  input { day : date in 2025-01-01..2025-12-31  region : Region  income : int in 0..9_000 }
  output { rate : percent in 0%..40% }
  param grade : int in 0..9 cite \"Manual 2\" from snapshot
  param unread : int in 0..9 from snapshot
  set risky of Region cite \"Manual 3\" from snapshot
  table base(region : Region, step : int in {1_000, 2_000}) -> percent in 0%..20% cite \"Tariff\" from snapshot
  table share(grade) unique -> percent in 0%..9% { | 0..4 => 1% ; | 5..9 => 2% ; }
  let usual = base(region, 1_000)
  rules first {
    rule A when income == 2_000 => base(region, income)
    rule B when region in risky => usual + share
    otherwise C => if income > 8_000 then 1% * unread else usual
  }
}
",
    );
    folder.write(
        "facts.csv",
        "key,valid_from,value,cite
grade,2024-01-01,7,Manual 2
unread,2024-01-01,1,
risky,2023-01-01,{},
risky,2024-01-01,{EU},
risky,2025-03-01,\"{EU, UK}\",Board 4
\"base[EU, 1000]\",2024-01-01,1%,
\"base[EU, 2000]\",2024-01-01,2%,
\"base[UK, 1000]\",2024-01-01,3%,
\"base[UK, 1000]\",2025-07-01,4%,Board 5
\"base[UK, 2000]\",2024-01-01,5%,
\"base[UK, 2000]\",2026-01-01,6%,
",
    );
    folder.opus("snapshot build facts.csv -o world.opuss").ends(0);
    let facts = |row: &str, verb: &str| -> Vec<String> {
        folder.write("row.json", row);
        let ended = folder.opus(&format!("{verb} loan.opus --input row.json --snapshot world.opuss")).ends(0);
        let lines = ended.text().lines().filter_map(|line| line.trim_start().strip_prefix("fact "));
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    for verb in ["run --trace", "explain"] {
        let row = r#"{"day": "2025-07-01", "region": "UK", "income": 0}"#;
        let read = [
            "risky = {EU, UK}, from 2025-03-01 (Manual 3; Board 4)",
            "base[UK, 1000] = 4%, from 2025-07-01 (Tariff; Board 5)",
            "grade = 7, from 2024-01-01 (Manual 2)",
        ];
        assert_eq!(facts(row, verb), read, "{verb}");
        let row = r#"{"day": "2025-02-28", "region": "UK", "income": 2000}"#;
        assert_eq!(facts(row, verb), ["base[UK, 2000] = 5%, from 2024-01-01 (Tariff)"], "{verb}");
        let row = r#"{"day": "2025-02-28", "region": "UK", "income": 9000}"#;
        let read = ["risky = {EU}, from 2024-01-01 (Manual 3)", "unread = 1, from 2024-01-01"];
        assert_eq!(facts(row, verb), read, "{verb}");
    }
    let json =
        folder.opus("run loan.opus --input row.json --snapshot world.opuss --trace --format json").ends(0);
    let json: Value = serde_json::from_str(json.text()).unwrap();
    let fact = json["trace"].as_array().unwrap().iter().find(|line| line["fact"] == "unread").unwrap();
    assert_eq!(
        (&fact["value"], &fact["valid_from"], &fact["cite"]),
        (&"1".into(), &"2024-01-01".into(), &Value::Null)
    );
    // what no effective date meets
    let inspected = folder.opus("inspect loan.opus --snapshot world.opuss").ends(0);
    let never = "facts of the snapshot that are not in force on any day\n  \
                 risky from 2023-01-01\n  base[UK, 2000] from 2026-01-01\n\n";
    assert!(inspected.text().contains(never), "{}", inspected.text());
    let inspected = folder.opus("inspect loan.opus --snapshot world.opuss --format json").ends(0);
    let inspected: Value = serde_json::from_str(inspected.text()).unwrap();
    assert_eq!(
        inspected["facts_never_in_force"][0],
        serde_json::json!({ "key": "risky", "valid_from": "2023-01-01" })
    );
}
