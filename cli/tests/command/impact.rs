//! Does `opus impact` say what a change does? It is compared with two batches, row by row; and changes that mean nothing
//! change nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::folder::{Folder, project};

/// A change of the credit policy: another floor, ages and amounts that are refused or no longer refused, a condition
/// between inputs, another reason, and another order of values.
fn changed(credit: &str) -> String {
    let edits = [
        ("from 2025-01-01 = 700", "from 2025-01-01 = 715"),
        ("age                     : int in 16..120", "age                     : int in 19..120"),
        ("requested_amount        : money in $500.00", "requested_amount        : money in $1_000.00"),
        ("enum Decision   { approve, refer, decline }", "enum Decision   { decline, refer, approve }"),
        (
            "  rules first {",
            "  require Q1 : monthly_debt < 3% of annual_income or age < 50\n\n  rules first {",
        ),
        (
            "delinquencies_24m > 2    => refer,   $0,  DELINQUENCIES",
            "delinquencies_24m > 2    => refer,   $1,  DELINQUENCIES",
        ),
    ];
    let text = edits.iter().fold(credit.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    without_tests(&text).replacen("    rule C1 \"Applicant is a minor\" cite \"§ 1\" when age < 18          => decline, $0,  UNDER_AGE\n", "", 1)
}

/// The policy without its cases and tests.
fn without_tests(source: &str) -> String {
    let end = source.find("\n  case ").expect("the cases and tests come last");
    format!("{}\n}}\n", &source[..end])
}

/// Lines of a file of plain cells, without its header.
fn cells(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().skip(1).map(|line| line.split(',').collect())
}

/// By number of the row, its outputs, rule and version, or why it is refused: found by `opus batch`.
fn batched(folder: &Folder, policy: &str, input: &str) -> BTreeMap<u64, Result<Vec<String>, String>> {
    folder
        .opus(&format!("batch {policy} {input} -o out.csv --rejects rejects.csv --max-rejects 100%"))
        .ends(0);
    let mut results = BTreeMap::new();
    for line in cells(&folder.text("out.csv")) {
        let owned = line[1..].iter().map(|cell| (*cell).to_owned()).collect();
        results.insert(line[0].parse().unwrap(), Ok(owned));
    }
    for line in cells(&folder.text("rejects.csv")) {
        let why = format!("{} {}", line[1], line[3]);
        match results.entry(line[0].parse().unwrap()).or_insert_with(|| Err(String::new())) {
            Err(whys) if whys.is_empty() => *whys = why,
            Err(whys) => *whys = format!("{whys}; {why}"),
            Ok(_) => panic!("row {} is decided and rejected", line[0]),
        }
    }
    results
}

#[test]
fn what_changes_is_what_two_batches_say() {
    let folder = Folder::new("impact");
    folder.copy("spec/o02/data/credit.parquet", "rows.parquet");
    folder.write("changed.opus", changed(&folder.text("credit.opus")));
    let [a, b] = ["credit.opus", "changed.opus"].map(|policy| batched(&folder, policy, "rows.parquet"));
    assert_eq!((a.len(), b.len()), (20_000, 20_000));

    for rules in [false, true] {
        let option = if rules { "--compare-rules" } else { "" };
        let line = format!(
            "impact credit.opus changed.opus rows.parquet -o found.csv --summary found.json {option}"
        );
        folder.opus(&line).ends(0);
        // three outputs are the result, and then come rule and version
        let compared = if rules { 5 } else { 3 };
        let result = |of: &Result<Vec<String>, String>| match of {
            Ok(cells) => Ok(cells[..compared].to_vec()),
            Err(why) => Err(why.clone()),
        };
        let differ: Vec<u64> = a.keys().copied().filter(|row| result(&a[row]) != result(&b[row])).collect();
        let side = |of: &Result<Vec<String>, String>| match of {
            Ok(cells) => (cells.clone(), String::new()),
            Err(why) => (vec![String::new(); 5], why.clone()),
        };
        let mut expected = String::from("row");
        for name in ["decision", "credit_amount", "reason_code", "rule", "version", "refused"] {
            expected += &format!(",{name}_before,{name}_after");
        }
        for row in &differ {
            let ((before, why_before), (after, why_after)) = (side(&a[row]), side(&b[row]));
            expected += &format!("\n{row}");
            before.iter().zip(&after).for_each(|(before, after)| expected += &format!(",{before},{after}"));
            expected += &format!(",{why_before},{why_after}");
        }
        assert!(folder.text("found.csv") == expected + "\n", "other rows changed");
        assert!(differ.len() > 1_000, "{}", differ.len());
        let summary: Value = serde_json::from_str(&folder.text("found.json")).unwrap();
        assert_eq!(summary["changed"], differ.len());
    }

    let summary: Value = serde_json::from_str(&folder.text("found.json")).unwrap();
    let refused = [&a, &b].map(|of| of.values().filter(|result| result.is_err()).count());
    assert_eq!(summary["refused"], json!({ "before": refused[0], "after": refused[1] }));
    assert!(refused[1] > 1_000);
    // moves between decisions
    let mut moves: BTreeMap<(Option<String>, Option<String>), u64> = BTreeMap::new();
    let decision = |of: &Result<Vec<String>, String>| of.as_ref().ok().map(|cells| cells[0].clone());
    for row in a.keys() {
        *moves.entry((decision(&a[row]), decision(&b[row]))).or_default() += 1;
    }
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let found: BTreeMap<_, u64> = summary["outputs"]["decision"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| ((text(&one["before"]), text(&one["after"])), one["rows"].as_u64().unwrap()))
        .collect();
    assert_eq!(found, moves);
    // sums in cents
    let cents = |of: &Result<Vec<String>, String>| -> i128 {
        of.as_ref().map_or(0, |cells| cells[1].replace('.', "").parse().unwrap())
    };
    let mut sums = [0i128; 4];
    for row in a.keys() {
        let (before, after) = (cents(&a[row]), cents(&b[row]));
        let more = after - before;
        [before, after, more.max(0), (-more).max(0)].iter().zip(&mut sums).for_each(|(x, sum)| *sum += x);
    }
    let found = ["before", "after", "gained", "lost"].map(|name| {
        summary["sums"]["credit_amount"][name].as_str().unwrap().replace('.', "").parse::<i128>().unwrap()
    });
    assert_eq!(found, sums);
    // rules by id, and faults
    for rule in summary["rules"].as_array().unwrap() {
        let by = |of: &BTreeMap<u64, Result<Vec<String>, String>>| {
            of.values()
                .filter(|result| result.as_ref().is_ok_and(|cells| rule["rule"] == cells[3].as_str()))
                .count()
        };
        assert_eq!((&rule["before"], &rule["after"]), (&json!(by(&a)), &json!(by(&b))), "{rule}");
    }
    for fault in summary["faults"].as_array().unwrap() {
        let named = format!("{} {}", fault["field"].as_str().unwrap(), fault["code"].as_str().unwrap());
        let by = |of: &BTreeMap<u64, Result<Vec<String>, String>>| {
            of.values()
                .filter(|result| result.as_ref().is_err_and(|why| why.split("; ").any(|one| one == named)))
                .count()
        };
        assert_eq!((&fault["before"], &fault["after"]), (&json!(by(&a)), &json!(by(&b))), "{fault}");
    }
    assert!(summary["faults"].as_array().unwrap().len() >= 3);
}

#[test]
fn groups_add_up_and_threads_and_engines_agree() {
    let folder = Folder::new("impact_groups");
    folder.copy("spec/o02/data/credit.parquet", "rows.parquet");
    folder.write("changed.opus", changed(&folder.text("credit.opus")));
    let line = "impact credit.opus changed.opus rows.parquet --by employment --keep id";
    folder.opus(&format!("{line} -o one.csv --summary one.json --threads 1")).ends(0);
    folder.opus(&format!("{line} -o two.csv --summary two.json --threads 3 --engine vm")).ends(0);
    folder.opus(&format!("{line} -o ref.csv --summary ref.json --engine reference")).ends(0);
    assert!(folder.text("one.csv").starts_with("row,id,decision_before,"));
    assert!(
        folder.bytes("one.csv") == folder.bytes("two.csv")
            && folder.bytes("one.csv") == folder.bytes("ref.csv")
    );
    let read = |name: &str| serde_json::from_str::<Value>(&folder.text(name)).unwrap();
    let (one, two) = (read("one.json"), read("two.json"));
    assert_eq!(one["by"], two["by"]);
    assert_eq!(one["outputs"], two["outputs"]);
    let groups = one["by"]["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 5);
    let sum = |name: &str| groups.iter().map(|group| group[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("rows"), sum("changed")), (20_000, one["changed"].as_u64().unwrap()));
    let cents = |of: &Value| {
        of["sums"]["credit_amount"]["lost"].as_str().unwrap().replace('.', "").parse::<u64>().unwrap()
    };
    assert_eq!(groups.iter().map(cents).sum::<u64>(), cents(&one));
    // the other formats hold the same rows
    folder.opus(&format!("{line} -o rows.arrow")).ends(0);
    folder.opus(&format!("{line} -o rows.jsonl")).ends(0);
    folder.opus(&format!("{line} -o changed.parquet")).ends(0);
    assert_eq!(folder.text("rows.jsonl").lines().count() + 1, folder.text("one.csv").lines().count());
    assert!(folder.bytes("changed.parquet").ends_with(b"PAR1"));
}

/// A text with a name in place of another, where it is a whole word.
fn renamed(text: &str, from: &str, to: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        out += if word == from { to } else { &word };
        word.clear();
        out.push(c);
    }
    out.trim_end().to_owned() + "\n"
}

#[test]
fn orders_names_and_texts_change_no_row() {
    let folder = Folder::new("impact_same");
    folder.copy("spec/o02/data/credit.parquet", "rows.parquet");
    let credit = without_tests(&folder.text("credit.opus"));
    let ordered = credit.replacen("{ approve, refer, decline }", "{ decline, approve, refer }", 1).replacen(
        "{ salaried, self_employed, retired, student, unemployed }",
        "{ retired, unemployed, student, salaried, self_employed }",
        1,
    );
    let texts =
        credit.replacen("\"Thin file\"", "\"No file\"", 1).replacen("cite \"§ 5\"", "cite \"§ 5a\"", 2);
    let names =
        [("score", "points"), ("salaried", "employee"), ("approve", "accept"), ("credit_amount", "granted")];
    let names = names.iter().fold(credit.clone(), |text, (from, to)| renamed(&text, from, to));
    for (name, text) in [("ordered.opus", ordered), ("texts.opus", texts), ("names.opus", names)] {
        folder.write(name, text);
        let ended = folder
            .opus(&format!("impact credit.opus {name} rows.parquet -o none.csv --compare-rules"))
            .ends(0);
        assert!(ended.text().contains("\nchanged       0"), "{name}: {ended}");
        assert_eq!(folder.text("none.csv").lines().count(), 1, "{name}");
        // and back
        let ended = folder.opus(&format!("impact {name} credit.opus rows.parquet")).ends(0);
        assert!(ended.text().contains("\nchanged       0"), "{name}: {ended}");
    }
    let ended = folder.opus("impact credit.opus names.opus rows.parquet").ends(0);
    for line in [
        "score is now points",
        "Employment.salaried is now employee",
        "Decision.approve is now accept",
        "credit_amount is now granted",
    ] {
        assert!(ended.text().contains(line), "{line}: {ended}");
    }
    // the portfolio may have either name of a column, in every format, but not both
    let rows = folder.text("good.csv");
    folder.write("points.csv", rows.replacen(",score,", ",points,", 1).replace("salaried", "employee"));
    folder.write(
        "both.csv",
        rows.replacen(",score,", ",score,points,", 1)
            .replace("40,745,", "40,745,745,")
            .replace("40,690,", "40,690,690,")
            .replace("17,745,", "17,745,745,")
            .replace("40,,", "40,,,"),
    );
    folder.opus("impact credit.opus names.opus points.csv").ends(0);
    // as may a mapping file
    let mapped = rows.replacen(",score,", ",FICO,", 1).replace("salaried", "SAL");
    folder.write("mapped.csv", mapped);
    for (score, salaried) in [("score", "salaried"), ("points", "employee")] {
        let mapping =
            format!("[{score}]\ncolumn = 'FICO'\n[employment]\nvalues = {{ SAL = '{salaried}' }}\n");
        folder.write("columns.toml", mapping);
        let ended = folder.opus("impact credit.opus names.opus mapped.csv --columns columns.toml").ends(0);
        assert!(!ended.text().contains("refused"), "{ended}");
    }
    let ended = folder.opus("impact credit.opus names.opus both.csv").ends(4);
    assert!(ended.err.contains("the columns `score` and `points` are both the field `points`"), "{ended}");
    for (file, old) in [("old.jsonl", true), ("new.jsonl", false)] {
        let row = folder.text("application.json").split_whitespace().collect::<String>();
        folder.write(file, if old { row } else { row.replace("\"score\"", "\"points\"") } + "\n");
        let ended = folder.opus(&format!("impact credit.opus names.opus {file}")).ends(0);
        assert!(ended.text().contains("accept"), "{file}: {ended}");
    }
}

#[test]
fn a_field_that_the_portfolio_lacks_is_an_error_or_filled_in() {
    let folder = Folder::new("impact_fill");
    let credit = without_tests(&folder.text("credit.opus"));
    let with = |field: &str, condition: &str| {
        credit.replacen("  input {\n", &format!("  input {{\n    {field}\n"), 1).replacen(
            "  rules first {\n",
            &format!("  rules first {{\n    rule C0 when {condition} => refer, $0, DELINQUENCIES\n"),
            1,
        )
    };
    folder.write("risk.opus", with("risk : int in 0..9", "risk > 5"));
    folder.write("rate.opus", with("rate : percent in 0%..100% optional", "rate is present and rate > 5%"));
    folder.write("rows.jsonl", folder.text("application.json").split_whitespace().collect::<String>() + "\n");
    for input in ["good.csv", "rows.jsonl"] {
        let ended = folder.opus(&format!("impact credit.opus risk.opus {input} -o none.csv")).ends(4);
        assert!(ended.err.contains("`risk`") && ended.err.contains("`--fill FIELD=VALUE`"), "{ended}");
        assert!(!folder.names().contains(&"none.csv".to_owned()));
        let ended = folder.opus(&format!("impact credit.opus risk.opus {input} --fill risk=3")).ends(0);
        assert!(ended.text().contains("\nchanged  0"), "{ended}");
        let ended = folder.opus(&format!("impact credit.opus risk.opus {input} --fill risk=6")).ends(0);
        let rows = if input == "good.csv" { "+4" } else { "+1" };
        let line = ended.text().lines().find(|line| line.starts_with("C0")).expect("the rule is named");
        assert!(line.split_whitespace().any(|word| word == rows), "{ended}");
        folder.opus(&format!("impact credit.opus rate.opus {input} --fill rate=missing")).ends(0);
        folder.opus(&format!("impact credit.opus rate.opus {input} --fill rate=6%")).ends(0);
    }
    for (fill, says) in [
        ("risk=10", "risk: 10 is outside 0..9"),
        ("risk=many", "risk: `many` is not a whole number"),
        ("risk=missing", "`risk` is not optional"),
        ("rsk=1", "there is no input field `rsk`"),
        ("risk", "gives no value"),
    ] {
        let ended = folder.opus(&format!("impact credit.opus risk.opus good.csv --fill {fill}")).ends(2);
        assert!(ended.err.contains(says), "{ended}");
    }
    // a column that is there is read, also where a file without it has the field missing
    let rows: Vec<String> = folder.text("good.csv").lines().map(|line| format!("{line},6%\n")).collect();
    folder.write("rated.csv", rows.concat().replacen(",6%\n", ",rate\n", 1));
    let ended = folder.opus("impact credit.opus rate.opus good.csv rated.csv --fill rate=missing").ends(0);
    assert!(ended.text().contains("\nchanged  4"), "{ended}");
    assert!(ended.err.contains("sets no value in them: `rate` in rated.csv\n"), "{ended}");
    let rows: Vec<String> = folder.text("good.csv").lines().map(|line| format!("{line},9\n")).collect();
    folder.write("risky.csv", rows.concat().replacen(",9\n", ",risk\n", 1));
    let ended = folder.opus("impact credit.opus risk.opus risky.csv --fill risk=3").ends(0);
    assert!(!ended.text().contains("changed  0"), "{ended}");
    let note = "columns that the inputs have, so that --fill sets no value in them: `risk`";
    assert!(ended.err.contains(&format!("{note}\n")), "{ended}");
    let both = folder.opus("impact credit.opus risk.opus good.csv risky.csv --fill risk=3").ends(0);
    assert!(both.err.contains(&format!("{note} in risky.csv\n")), "{both}");
    let ended = folder.opus("impact credit.opus risk.opus good.csv --fill risk=3").ends(0);
    assert!(!ended.err.contains("--fill"), "{ended}");
    let ended = folder.opus("attribute credit.opus risk.opus risky.csv --fill risk=3").ends(0);
    assert!(ended.err.contains(note), "{ended}");
    // objects that name the field, and objects that do not
    let object = folder.text("rows.jsonl");
    folder.write("some.jsonl", format!("{object}{}", object.replacen('{', "{\"risk\":9,", 1)));
    let ended = folder.opus("impact credit.opus risk.opus some.jsonl --fill risk=3").ends(0);
    assert!(ended.err.contains(note) && ended.text().contains("\nchanged  1"), "{ended}");
}

#[test]
fn a_row_that_is_refused_by_one_policy_alone_is_a_change() {
    let folder = Folder::new("impact_refused");
    let wide = folder.text("credit.opus").replacen(
        "age                     : int in 16..120",
        "age                     : int in 14..120",
        1,
    );
    folder.write("wide.opus", &wide);
    let ended = folder.opus("impact credit.opus wide.opus rows.csv -o found.csv --keep id").ends(0);
    let found = "row,id,decision_before,decision_after,credit_amount_before,credit_amount_after,reason_code_before,\
                 reason_code_after,rule_before,rule_after,version_before,version_after,refused_before,refused_after\n\
                 4,d,,decline,,0.00,,UNDER_AGE,,C1,,2,age out-of-range,\n";
    assert_eq!(folder.text("found.csv"), found);
    assert!(ended.text().contains("age out-of-range"), "{ended}");
    // row f is refused by both, for the same reason
    let ended = folder.opus("impact wide.opus credit.opus rows.csv --format json").ends(0);
    let found: Value = serde_json::from_str(ended.text()).unwrap();
    assert_eq!((&found["changed"], &found["refused"]), (&json!(1), &json!({ "before": 1, "after": 2 })));
}

#[test]
fn what_is_wrong_is_told_and_nothing_is_written() {
    let folder = Folder::new("impact_wrong");
    let none = "-o none.csv --summary none.json";
    for (line, code, says) in [
        ("credit.opus credit.opusx rows.csv", 4, "there is no file `credit.opusx`, and there is no store"),
        ("credit.opus none/credit.opus rows.csv", 4, "cannot be read"),
        ("credit.opus good.csv rows.csv", 1, ""),
        ("credit.opus rows.csv credit.opus", 2, "two policies come first"),
        ("credit.opus@1 credit.opus@9 rows.csv", 2, "no version 9"),
        ("credit.opus@1 credit.opus@2 rows.csv --by nothing", 4, "nothing"),
        ("credit.opus refund.opus rows.csv", 4, "purchase_amount"),
        ("- - rows.csv", 2, "standard input"),
    ] {
        let ended = folder.opus(&format!("impact {line} {none}")).ends(code);
        assert!(ended.err.contains(says), "{ended}");
        let left: Vec<String> = folder.names().into_iter().filter(|name| name.contains("none")).collect();
        assert!(left.is_empty(), "{line}: {left:?}");
    }
    folder.opus("impact credit.opus@1 credit.opus@2 rows.csv -o rows.csv").ends(2);
    folder.opus("impact credit.opus@1 credit.opus@2 rows.csv --summary credit.opus").ends(2);
    let many: String = (0..1_200)
        .map(|id| format!("{id},2025-02-01,40,745,90000.00,400.00,9000.00,36,salaried,60,0,\n"))
        .collect();
    let header = folder.text("rows.csv").lines().next().unwrap().to_owned();
    folder.write("many.csv", format!("{header}\n{many}"));
    let ended = folder.opus(&format!("impact credit.opus@1 credit.opus@2 many.csv --by id {none}")).ends(2);
    assert!(ended.err.contains("column `id` has more than 1000 values"), "{ended}");
}

#[test]
fn amounts_of_two_currencies_are_not_compared() {
    let folder = Folder::new("impact_currencies");
    for currency in ["USD", "EUR"] {
        let source = format!(
            "policy shop.fee {{ currency {currency}  input {{ age : int in 0..120 }}  output {{ fee : money in 0 {currency}..9 {currency} }}
             rules first {{ rule A when age < 18 => 0 {currency}  otherwise B => 9 {currency} }} }}"
        );
        folder.write(&format!("{currency}.opus"), source);
    }
    folder.write("ages.csv", "age\n17\n");
    let ended = folder.opus("impact USD.opus EUR.opus ages.csv").ends(2);
    assert!(ended.err.contains("have different currencies, USD and EUR"), "{ended}");
}

/// The scenarios of tier 3: which decisions a change of version changes, from what to what.
#[test]
fn the_listed_decisions_change_and_no_others() {
    let folder = Folder::new("impact_scenarios");
    let text = std::fs::read_to_string(project("spec/o02/scenarios.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let scenarios = file["scenarios"].as_array().unwrap();
    let mut governed = 0;
    for change in scenarios.iter().filter(|scenario| scenario["tier"] == 3) {
        governed += 1;
        let population = change["input"]["population"].as_array().unwrap();
        let rows: String = population
            .iter()
            .map(|id| {
                let scenario = scenarios.iter().find(|scenario| scenario["id"] == *id).unwrap();
                let mut row = scenario["input"].clone();
                row["id"] = id.clone();
                format!("{row}\n")
            })
            .collect();
        folder.write("rows.jsonl", rows);
        let policy = change["domain"].as_str().unwrap();
        let [from, to] = ["from_version", "to_version"].map(|name| change["input"][name].as_u64().unwrap());
        let line =
            format!("impact {policy}.opus@{from} {policy}.opus@{to} rows.jsonl --keep id -o found.jsonl");
        folder.opus(&line).ends(0);
        let text = folder.text("found.jsonl");
        let found: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let expected = change["expected"]["changed_decisions"].as_array().unwrap();
        let ids: BTreeSet<&str> = expected.iter().map(|one| one["scenario"].as_str().unwrap()).collect();
        assert_eq!(
            found.iter().map(|row| row["id"].as_str().unwrap()).collect::<BTreeSet<_>>(),
            ids,
            "{policy}"
        );
        assert_eq!(found.len(), expected.len());
        assert_eq!(
            population.len() - found.len(),
            change["expected"]["unchanged"].as_u64().unwrap() as usize
        );
        for row in &found {
            let wanted = expected.iter().find(|one| one["scenario"] == row["id"]).unwrap();
            for (side, version) in [("before", from), ("after", to)] {
                for (output, value) in wanted[format!("under_version_{version}")].as_object().unwrap() {
                    let cell = &row[format!("{output}_{side}")];
                    let is_same = cell == value
                        || cell.as_f64().is_some_and(|cell| value.as_str().unwrap().parse() == Ok(cell));
                    assert!(is_same, "{policy}: {output} {side}: {cell}, not {value}");
                }
            }
        }
    }
    assert_eq!(governed, 3);
}

/// The chapter of the book: its policies, its file, what the command prints, and what it writes.
#[test]
fn the_book_shows_what_the_command_does() {
    let folder = Folder::new("impact_book");
    let chapter = std::fs::read_to_string(project("spec/book/14-impact.md")).unwrap();
    let blocks = |opening: &str| -> Vec<String> {
        let parts = chapter.split(opening).skip(1);
        parts.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
    };
    let [before, after] = &blocks("```opus\n")[..] else { panic!("two policies") };
    let [rows, changed] = &blocks("```csv\n")[..] else { panic!("a file and the rows that changed") };
    folder.write("before.opus", before);
    folder.write("after.opus", after);
    folder.write("cards.csv", rows);
    let shown = blocks("```console\n$ opus ").remove(0);
    let (line, shown) = shown.split_once('\n').unwrap();
    let ended = folder.opus(line).ends(0);
    let found = ended.text();
    // the last line says how long it took
    let told = found.trim_end().rsplit_once("\n\n").unwrap().0;
    assert_eq!(told, shown.trim_end(), "{found}");
    assert_eq!(&folder.text("changed.csv"), changed);
    let found = folder.opus(&format!("{line} --by region --format json")).ends(0);
    let found: Value = serde_json::from_str(found.text()).unwrap();
    assert_eq!(found["by"]["groups"][1]["changed"], 2);
}

#[test]
fn tests_of_the_second_policy_do_not_matter_to_the_first() {
    let folder = Folder::new("impact_tests");
    // a field is renamed, and another is added and given in the cases
    let text = renamed(&folder.text("credit.opus"), "score", "points")
        .replacen("  input {\n", "  input {\n    risk : int in 0..9\n", 1)
        .replace("{ age = 40", "{ risk = 0  age = 40")
        .replacen(
            "  rules first {\n",
            "  rules first {\n    rule C0 when risk > 5 => refer, $0, DELINQUENCIES\n",
            1,
        );
    folder.write("risk.opus", text);
    folder.opus("check risk.opus").ends(0);
    let ended = folder.opus("impact credit.opus risk.opus good.csv --fill risk=0").ends(0);
    assert!(ended.text().contains("score is now points") && ended.text().contains("\nchanged  0"), "{ended}");
}

/// One column that the policies read as different kinds, under a mapping file with options for either.
#[test]
fn a_column_may_be_of_another_kind_for_each_policy() {
    let folder = Folder::new("impact_kinds");
    let policy = |field: &str, condition: &str| {
        format!(
            "policy shop.level {{ currency USD  enum Level {{ low, high }}
             input {{ level : {field} }}  output {{ open : bool  price : money in $0..$9 }}
             rules first {{ rule A when {condition} => true, $9  otherwise B => false, $0 }} }}"
        )
    };
    folder.write("names.opus", policy("Level", "level == high"));
    folder.write("numbers.opus", policy("int in 0..9", "level > 5"));
    folder.write("tenths.opus", policy("decimal(1) in 0..9", "level > 5.5"));
    folder.write("rows.csv", "id,lvl\na,high\nb,H\nc,7\nd,5.6\ne,\n");
    folder.write("columns.toml", "[level]\ncolumn = \"lvl\"\nvalues = { H = \"high\" }\n");
    let line = "rows.csv --columns columns.toml --keep id -o -";
    let results = |a: &str, b: &str| -> Vec<String> {
        let ended = folder.opus(&format!("impact {a}.opus {b}.opus {line} --output-format csv")).ends(0);
        let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
        // the id, what is open, and why it is not
        let told = ended.text().lines().skip(1).map(cells);
        told.map(|row| [&row[1], &row[2], &row[3], &row[10], &row[11]].map(String::as_str).join("|"))
            .collect()
    };
    let wrong = ["level unknown-value", "level wrong-type", "level too-precise"];
    let [unknown, no_number, precise] = wrong;
    assert_eq!(
        results("names", "numbers"),
        [
            format!("a|true|||{no_number}"),
            format!("b|true|||{no_number}"),
            format!("c||true|{unknown}|"),
            format!("d|||{unknown}|{precise}"),
        ]
    );
    folder.write("columns.toml", "[level]\ncolumn = \"lvl\"\n");
    assert_eq!(results("numbers", "tenths"), [format!("d||true|{precise}|")]);
    folder.write("columns.toml", "[level]\nunit = \"minor units\"\n");
    folder.opus(&format!("impact names.opus numbers.opus {line} --output-format csv")).ends(2);
    folder.write("columns.toml", "[level]\nvalues = { H = \"highest\" }\n");
    let ended = folder.opus(&format!("impact names.opus numbers.opus {line} --output-format csv")).ends(2);
    assert!(ended.err.contains("highest"), "{ended}");
}
