//! Is a report right, readable and the same every time? Its chapter, its forms, and the page in a real browser.

use serde_json::Value;

use crate::browser::Browser;
use crate::folder::{Folder, project};
use crate::schema::assert_schema;
use crate::store;

fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    page.split(&opening).skip(1).map(|rest| rest.split("```").next().expect("a part")).collect()
}

/// The policies and rows of the chapter.
fn example(name: &str) -> (Folder, String) {
    let page = std::fs::read_to_string(project("spec/book/21-reports.md")).expect("there is a chapter");
    let folder = Folder::new(name);
    let [before, after] = blocks(&page, "opus")[..] else { panic!("two policies") };
    folder.write("before.opus", before);
    folder.write("after.opus", after);
    folder.write("cards.csv", blocks(&page, "csv")[0]);
    (folder, page)
}

const LINE: &str = "report after.opus --against before.opus --input cards.csv --by region";

#[test]
fn its_chapter_tells_the_truth() {
    let (folder, page) = example("report_chapter");
    let line = page.split('`').find(|text| text.starts_with("opus report")).expect("the command");
    let line = line.trim_start_matches("opus ").replace("report.html", "report.md");
    folder.opus(&line).ends(0);
    let report = folder.text("report.md");
    for block in blocks(&page, "console") {
        assert!(report.contains(block), "{report}");
    }
}

/// The figures are those of the verbs, and the bytes those of every other run.
#[test]
fn figures_are_those_of_the_verbs() {
    let (folder, _) = example("report_figures");
    folder.opus(&format!("{LINE} -o report.json")).ends(0);
    assert_schema(&folder.text("report.json"), "report.schema.json");
    let report: Value = serde_json::from_str(&folder.text("report.json")).unwrap();
    let compared = "after.opus cards.csv --format json";
    for (name, line) in [
        ("impact", format!("impact before.opus {compared} --by region")),
        ("attribution", format!("attribute before.opus {compared}")),
    ] {
        let mut printed: Value = serde_json::from_str(folder.opus(&line).ends(0).text()).unwrap();
        let printed = printed.as_object_mut().unwrap();
        printed.remove("seconds");
        printed["options"].as_object_mut().unwrap().remove("threads");
        assert_eq!(report[name].as_object().unwrap(), printed);
    }
    for form in ["html", "md", "json"] {
        let texts = [1, 2].map(|threads| {
            folder.opus(&format!("{LINE} -o again.{form} --threads {threads}")).ends(0);
            folder.text(&format!("again.{form}"))
        });
        assert_eq!(texts[0], texts[1], "{form}");
    }
}

/// A policy in a file is not called signed because the one that it replaces is.
#[test]
fn who_signed_is_said_for_each_side() {
    let folder = store::folder("report_signed");
    store::keys(&folder);
    let publish = |file: &str, who: &str| {
        let statement = format!("{file}-{who}.statement");
        let sign =
            format!("sign {file}.opusc --name credit --key {who}.key --trust trust.toml -o {statement}");
        let signed = folder.opus(&sign).ends(0);
        assert!(signed.text().starts_with("name       credit\nobject     "), "{signed}");
        folder
            .opus(&format!(
                "publish {file}.opusc --name credit --signature {statement}.minisig --trust trust.toml"
            ))
            .ends(0)
    };
    let first = publish("one", "ann");
    assert!(first.text().ends_with("  signatures  1 of 2: pending\n"), "{first}");
    let second = publish("one", "ben");
    assert!(second.text().ends_with("  signatures  2 of 2: in force now\n"), "{second}");
    let report = |form: &str| {
        folder
            .opus(&format!("report two.opusc --against credit --trust trust.toml -o report.{form}"))
            .ends(0);
        folder.text(&format!("report.{form}"))
    };
    let unsigned = report("md");
    let says = |page: &str, text: &str| assert!(page.contains(text), "{text}\n{page}");
    says(&unsigned, "Before (credit, entry 2): in force since 20");
    says(&unsigned, "signed by ann and ben (2 required).");
    says(&unsigned, "After (two.opusc): read from a file; nobody has signed it.");
    publish("two", "ann");
    says(
        &report("md"),
        "After (two.opusc): read from a file; pending as entry 3, with 1 of 2 signatures, by ann.",
    );
    says(&report("md"), "credit: pending: entry 3, with 1 of 2 signatures, by ann; object ");
    let whole = report("json");
    assert_schema(&whole, "report.schema.json");
    let whole: Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(whole["statement"]["text"], folder.text("two-ann.statement"));
    assert_ne!(whole["sides"]["before"]["content"], whole["sides"]["after"]["content"]);
    says(&report("md"), whole["sides"]["before"]["meaning"].as_str().unwrap());
    // the commands find the same policies when another one is in force
    publish("two", "ben");
    let line = whole["commands"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|line| line.as_str()?.strip_prefix("opus diff "));
    let line = line.expect("the edits are printed again");
    let again = folder.opus(&format!("diff {line} --format json")).ends(1);
    let again: Value = serde_json::from_str(again.text()).unwrap();
    assert_eq!(again["edits"], whole["diff"]["edits"]);
    assert!(!again["edits"].as_array().unwrap().is_empty());
    // a hash selects an object, but has no signatures
    let hash = whole["sides"]["before"]["content"].as_str().unwrap();
    folder.opus(&format!("report two.opusc --against {hash} -o hash.md")).ends(0);
    says(&folder.text("hash.md"), "selected by its hash, so signatures were not checked.");
    let refused = folder.opus(&format!("inspect {hash} --trust trust.toml")).ends(2);
    assert!(refused.err.contains("the name under which the artifact is published"), "{refused}");
}

/// Three applications, of which a limit from July on declines one.
const APPLICATIONS: &str = "\
submitted_on,age,score,annual_income,monthly_debt,requested_amount,term_months,employment,months_employed,delinquencies_24m,months_since_bankruptcy
2025-08-01,40,750,60000,1900,9000,36,salaried,60,0,
2024-06-03,40,750,60000,1900,9000,36,salaried,60,0,
2025-08-01,40,750,90000,400,9000,36,salaried,60,0,
";

#[test]
fn a_report_says_which_rows_an_edit_can_reach_and_what_no_test_does() {
    let folder = Folder::new("report_versions");
    let one = "= 43%";
    let two = "{ from 2023-01-01 = 43%  from 2025-07-01 = 40% }";
    let changed = folder.text("credit.opus").replacen(one, two, 1);
    let dated = "version 2 from 2025-01-01";
    let changed = changed.replacen(dated, &format!("{dated}\n  version 3 from 2025-07-01"), 1);
    folder.write("new.opus", changed);
    folder.write("rows.csv", APPLICATIONS);
    folder.opus("report new.opus --against credit.opus --input rows.csv -o report.md").ends(0);
    let page = folder.text("report.md");
    for says in [
        "1 of 3 rows gets another result (33.3 %).",
        "E2: param dti\\_max: 43% becomes 43% from version 1, 40% from version 3",
        "Of the 2 rows for which an edit is in force: 50.0 %.",
        "By version after the change: version 3 (from 2025-07-01) 1 of 2.",
        "No test reaches version 3 from 2025-07-01; dti\\_max = 40% from 2025-07-01; cap\\_share: 780..850 => 40%.",
        "| parameter | dti\\_max = 40% from 2025-07-01 | 0 | not used |",
        "Sum of credit\\_amount: 27,000.00 USD becomes 18,000.00 USD.",
        "19 tests, none failed.",
        "What versions 1, 2, 3 rest on: no source is cited.",
        "The artifact was compiled from this text.",
        "| E2 | approve | decline | 1 |",
    ] {
        assert!(page.contains(says), "{says}\n{page}");
    }
    assert!(!page.contains("bar"), "Markdown draws no bars: {page}");
}

#[test]
fn without_a_change_a_report_says_what_the_portfolio_gets() {
    let folder = Folder::new("report_portfolio");
    folder.write("rows.csv", APPLICATIONS);
    folder.opus("report credit.opus --input rows.csv -o report.md").ends(0);
    let page = folder.text("report.md");
    for says in [
        "The portfolio has 3 rows.",
        "decision: 3 approve.",
        "Sum of credit\\_amount: 27,000.00 USD.",
        "input rows.csv",
    ] {
        assert!(page.contains(says), "{says}\n{page}");
    }
    assert!(!page.contains("no input was given"), "{page}");
    folder.opus("report credit.opus --input rows.csv -o report.json").ends(0);
    assert_schema(&folder.text("report.json"), "report.schema.json");
    folder.opus("report credit.opus -o report.md").ends(0);
    let page = folder.text("report.md");
    assert!(page.contains("no input was given") && !page.contains("Whether the portfolio"), "{page}");
}

#[test]
fn bad_command_lines_are_refused_and_change_nothing() {
    let (folder, _) = example("report_refused");
    folder.write("report.html", "kept");
    for (line, says) in [
        ("report after.opus -o report.txt", "does not say which report to write"),
        ("report after.opus -o report", "name the file `*.html`, `*.md` or `*.json`"),
        ("report after.opus --by region -o report.html", "--against"),
        ("report absent.opus -o report.html", "absent.opus"),
        ("report after.opus --against before.opus --input absent.csv -o report.html", "absent.csv"),
        ("report after.opus --against before.opus --input cards.csv --by colour -o report.html", "colour"),
        ("report after.opus@7 --against before.opus -o report.html", "version"),
    ] {
        let ended = folder.opus(line);
        assert!(ended.err.contains(says), "{line}: {}", ended.err);
        assert_eq!(folder.text("report.html"), "kept", "{line}");
    }
}

#[test]
fn the_page_is_readable_in_a_browser() {
    let Some(browser) = Browser::find() else {
        eprintln!("not tested: there is no Chromium here (OPUS_BROWSER names one)");
        return;
    };
    let (folder, _) = example("report_page");
    folder.opus(&format!("{LINE} -o report.html")).ends(0);
    let page = folder.text("report.html");
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"));
    // the copy may run the script that looks
    let policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">";
    let copy = page.replace(policy, "");
    assert_ne!(copy.len(), page.len());
    for look in browser.look(&folder.path("."), &copy) {
        assert_eq!(look["wrong"].as_array().map(Vec::len), Some(0), "{look:#}");
        assert!(look["texts"].as_u64() > Some(80), "{look:#}");
        assert!(look["summary"].as_str().unwrap().contains("4 of 7 rows get another result"), "{look:#}");
    }
    let printed = browser.print(&folder.path("."), &folder.path("report.html"));
    assert!(printed.starts_with(b"%PDF") && printed.len() > 10_000);
}
