//! Is a report right, readable and the same every time? Its chapter, its forms, and the page in a real browser.

use serde_json::Value;

use crate::browser::Browser;
use crate::folder::{Folder, project};
use crate::schema::assert_schema;

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
