//! Does `opus explain` say why a row was decided, in each format, and what is wrong with its options otherwise?

use serde_json::Value;

use crate::folder::Folder;

/// A folder with the credit policy, in which only the income and the debt are actionable; without what it says of adverse
/// decisions; and an application with too much debt.
fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    let policy = folder
        .text("credit.opus")
        .replace("$75_000.00 actionable down", "$75_000.00")
        .replace("60} actionable", "60}");
    folder.write("silent.opus", policy.replace("  adverse decision in {decline}\n", ""));
    folder.write("explained.opus", policy);
    let rows = "submitted_on,age,score,annual_income,monthly_debt,requested_amount,term_months,employment,\
                months_employed,delinquencies_24m,months_since_bankruptcy\n\
                2025-02-01,40,745,90000,400,9000,36,salaried,60,0,\n\
                2025-02-01,40,745,20000,900,9000,36,salaried,60,0,\n\
                2025-02-01,15,745,20000,900,9000,36,salaried,60,0,\n";
    folder.write("rows.csv", rows);
    folder
}

fn printed(folder: &Folder, line: &str) -> String {
    folder.opus(line).ends(0).text().to_owned()
}

const CHANGES: &str = "
what would have changed it
  wanted: decision other than decline; each field was changed on its own
  annual_income is $20_000.00
    with $32_093.03: decision = approve, credit_amount = $9_000.00, reason_code = WITHIN_CAP (rule C8)
    with $32_093.02: decision = decline, credit_amount = $0.00, reason_code = DTI_TOO_HIGH (rule C5)
  monthly_debt is $900.00
    with $466.66: decision = approve, credit_amount = $6_000.00, reason_code = CAPPED (rule C9)
    with $466.67: decision = decline, credit_amount = $0.00, reason_code = DTI_TOO_HIGH (rule C5)
";

#[test]
fn a_row_of_a_file_is_explained_in_each_format() {
    let folder = folder("explained");
    let text = printed(&folder, "explain explained.opus --input rows.csv --row 2");
    // 20,000 / 12 * 43 % = 716.67, and 900 + 9,000 / 36 = 1,150
    assert!(text.starts_with("decision       decline\n") && text.ends_with(CHANGES), "{text}");
    assert!(text.contains("\nreason\n  C5  Debt to income  (§ 5): decision = decline\n"), "{text}");
    assert_eq!(printed(&folder, "explain explained.opus --input rows.csv --row 2 --format text"), text);
    let markdown = printed(&folder, "explain explained.opus --input rows.csv --row 2 --format markdown");
    assert!(markdown.starts_with("# credit.personal\n") && markdown.contains("\n## Reason\n"), "{markdown}");
    let json = printed(&folder, "explain explained.opus --input rows.csv --row 2 --format json");
    let json: Value = serde_json::from_str(&json).expect("it is JSON");
    let explanation = &json["explanation"];
    assert_eq!(json["record"]["rule"]["id"], "C5");
    assert_eq!(explanation["changes"]["sought"]["fields"][0]["found"][0]["value"], "$32_093.03");
    assert_eq!(explanation["reasons"]["considered"]["rule"]["id"], "C5");
    assert!(explanation["trace"].as_array().is_some_and(|steps| steps.len() > 8));
}

#[test]
fn another_result_can_be_wanted() {
    let folder = folder("wanted");
    let row = "explain explained.opus --input rows.csv --row 2";
    let text = printed(&folder, &format!("{row} --want decision=approve,credit_amount>=$9_000"));
    let debt = text.split("monthly_debt is $900.00\n").nth(1).expect("it is actionable");
    assert_eq!(debt, "    no smaller value would have changed it\n", "the cap stays below the amount");
    let ended = folder.opus(&format!("{row} --want credit_amount>=9000")).ends(2);
    assert!(ended.err.contains("`9000` is not a value of the output `credit_amount`"), "{}", ended.err);
    let text = printed(&folder, "explain silent.opus --input rows.csv --row 2");
    assert!(
        text.contains(
            "no changes were searched for: the policy has no `adverse` declaration; `--want` names the wanted result"
        ),
        "{text}"
    );
    // the policy itself, as the README shows it
    let text = printed(&folder, "explain credit.opus --input rows.csv --row 2");
    assert!(
        text.contains("annual_income is $20_000.00\n    with $32_093.03") && text.contains("term_months is"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_explained_is_refused() {
    let folder = folder("refused");
    let ended = folder.opus("explain explained.opus --input rows.csv --row 3").ends(3);
    assert!(ended.text().contains("out-of-range"), "{}", ended.text());
    folder.opus("explain explained.opus --input rows.csv --row 4").ends(2);
    let ended = folder.opus("check explained.opus --format markdown").ends(2);
    assert!(ended.err.contains("`--format markdown` is for `opus explain`"), "{}", ended.err);
    let ended = folder.opus("explain explained.opus rows.csv").ends(2);
    assert!(ended.err.contains("--input rows.csv"), "{}", ended.err);
}

#[test]
fn chosen_rows_of_a_batch_are_explained_in_lines() {
    let folder = folder("lines");
    let batch = "batch explained.opus rows.csv -o out.csv --max-rejects 1 --explain why.jsonl";
    let lines = |folder: &Folder| -> Vec<Value> {
        let text = folder.text("why.jsonl");
        text.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect()
    };
    folder.opus(&format!("{batch} --where rule=C5")).ends(0);
    let found = lines(&folder);
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0]["row"], &found[0]["record"]["rule"]["id"]), (&Value::from(2), &Value::from("C5")));
    let alone = printed(&folder, "explain explained.opus --input rows.csv --row 2 --format json");
    let alone: Value = serde_json::from_str(&alone).expect("it is JSON");
    assert_eq!(found[0]["explanation"], alone["explanation"]);
    folder.opus(&format!("{batch} --where decision!=decline --want decision=refer")).ends(0);
    assert_eq!(lines(&folder).len(), 1);
    // a row that is refused has no explanation, and is said to be refused
    folder.opus(&format!("{batch} --rows 3,1")).ends(0);
    let found = lines(&folder);
    assert_eq!(found.iter().map(|line| line["row"].as_u64()).collect::<Vec<_>>(), [Some(1), Some(3)]);
    assert!(found[1]["explanation"].is_null() && !found[1]["record"]["refused"].is_null(), "{}", found[1]);
    for (options, wrong) in [
        ("--rows 1,9", "the inputs have no row 9"),
        ("--where rule=C55", "the policy has no rule `C55`"),
        ("--where decisoin=refer", "there is no output `decisoin`"),
        ("", "required"),
    ] {
        let ended = folder.opus(&format!("{batch} {options}")).ends(2);
        assert!(ended.err.contains(wrong), "{options}: {}", ended.err);
    }
    let ended = folder
        .opus_with("batch explained.opus - --input-format csv -o out.csv --explain why.jsonl --rows 1", b"");
    assert!(ended.ends(2).err.contains("reads the inputs again"));
}
