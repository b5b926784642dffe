//! Does the whole experiment run, is it what it should be for Opus, and does it go on after it was killed?

#[path = "../../cli/tests/command/browser.rs"]
mod browser;
#[path = "../../runtime/tests/common/schema.rs"]
#[allow(dead_code, reason = "records and rows are not looked at here")]
mod schema;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const O02: &str = env!("CARGO_BIN_EXE_o02");

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("o02-run-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Folder(path)
    }

    fn o02(&self, line: &str) -> Output {
        let mut words: Vec<&str> = line.split(' ').collect();
        let out = self.0.display().to_string();
        if words[0] != "estimate" {
            words.extend(["--out", &out]);
        }
        let mut command = Command::new(O02);
        // a key of the person who runs the tests is not for them
        for name in
            ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "O02_KEY", "O02_MODEL", "O02_ENDPOINT", "O02_PROTOCOL"]
        {
            command.env_remove(name);
        }
        command.args(words).output().expect("o02 runs")
    }

    /// What a command line prints that has to succeed.
    fn ends(&self, line: &str) -> String {
        let output = self.o02(line);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "o02 {line}: {said}");
        said
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    fn json(&self, file: &str) -> Value {
        serde_json::from_str(&self.text(file)).expect("it is JSON")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn has_python() -> bool {
    Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success())
}

#[test]
fn opus_and_python_run_without_a_model() {
    let folder = Folder::new("all");
    folder.ends("all --runs 1 --sample 10");
    let results = folder.json("results.json");
    schema::assert_schema(&folder.text("results.json"), "results.schema.json");
    let opus = &results["systems"]["opus"];
    assert_eq!(opus["state"], "live");
    assert_eq!((&opus["tier1"]["passed"], &opus["tier1"]["total"]), (&19.into(), &19.into()));
    assert_eq!((&opus["tier2"]["correct"], &opus["tier2"]["scoreable"]), (&11.into(), &11.into()));
    assert_eq!(opus["tier2"]["misbound"], 0);
    assert_eq!(opus["tier3"]["completeness"], 1.0);
    assert_eq!(opus["tier3"]["precision"], 1.0);
    assert_eq!(opus["tier3"]["authority"], 1.0);
    assert_eq!((&opus["tier3"]["invertible"], &opus["tier3"]["replay"]), (&true.into(), &true.into()));
    assert_eq!((&opus["stability"]["mean"], &opus["stability"]["inconsistent"]), (&1.0.into(), &0.into()));
    assert_eq!((&opus["surface"]["total"], &opus["surface"]["label"]), (&0.into(), &"clean".into()));
    for name in ["structured", "agent", "raw"] {
        let system = &results["systems"][name];
        assert_eq!(system["state"], "not_run");
        assert!(system.get("tier1").is_none() && system["reason"].is_string(), "{system}");
    }
    let ran = if has_python() { 2 } else { 1 };
    assert_eq!(results["recorded"], ran * 52);
    for line in folder.text("runs.jsonl").lines() {
        schema::assert_schema(line, "run.schema.json");
    }
    let beyond = folder.json("beyond.json");
    assert_eq!(beyond["opus"]["known_at"], serde_json::json!([11, 11]));
    assert_eq!(beyond["opus"]["refusals"], serde_json::json!([7, 7]));
    let rows = folder.json("rows.json");
    for domain in ["refund", "insurance", "credit"] {
        assert_eq!(rows["files"][domain]["right"], 20_000);
        assert_eq!(rows["systems"]["opus"][domain]["right"], rows["systems"]["opus"][domain]["rows"]);
    }
    let page = folder.text("report.html");
    assert!(page.contains("reconstruction") && page.contains("not\u{a0}run"));
    for table in 1..=13 {
        assert!(page.contains(&format!("Table {table}. ")), "no table {table}");
    }
    links(&folder.0, "report.html", &page, "href=\"", '"');
    links(&folder.0, "report.md", &folder.text("report.md"), "](", ')');
    // each published table says how far the figures are apart
    for table in page.split("<caption>Table ").skip(1) {
        let head = table.split("</thead>").next().unwrap();
        let number = head.split('.').next().unwrap();
        assert!(head.contains(">published") && head.contains(">difference"), "table {number}: {head}");
        assert!(
            !table.split("</table>").next().unwrap().contains("<td></td></tr>") || number == "1",
            "table {number}"
        );
    }
}

/// Each verb offers what it uses, and nothing else.
#[test]
fn a_verb_offers_what_it_uses() {
    let all = "out experiment systems engine protocol endpoint model replay runs sample seed threads";
    for (verb, uses) in [
        ("lock", "experiment"),
        ("estimate", "experiment"),
        ("verify", "out experiment"),
        ("score", "out experiment"),
        ("report", "out experiment"),
        ("run", "out experiment systems engine protocol endpoint model replay runs threads"),
        ("rows", "out experiment systems engine protocol endpoint model replay sample seed threads"),
        ("scripted", "out experiment protocol runs threads"),
        ("all", all),
    ] {
        let help = Command::new(O02).args([verb, "--help"]).output().expect("o02 runs");
        let help = text(&help.stdout);
        let options = help.split("Options:").nth(1).unwrap();
        let offered = |name: &&str| options.contains(&format!("--{name} <"));
        let offered: Vec<&str> = all.split(' ').filter(offered).collect();
        let mut uses: Vec<&str> = uses.split(' ').collect();
        uses.sort_by_key(|name| all.find(name));
        assert_eq!(offered, uses, "{verb}");
    }
}

/// Every link leads to a place in the page, or to a file beside it.
fn links(folder: &Path, name: &str, page: &str, before: &str, after: char) {
    let found: Vec<&str> = page.split(before).skip(1).filter_map(|rest| rest.split(after).next()).collect();
    assert!(found.len() > 100, "{name}: {} links", found.len());
    for link in found {
        match link.strip_prefix('#') {
            Some(id) => assert!(page.contains(&format!("id=\"{id}\"")), "{name}: no {link}"),
            None => assert!(folder.join(link).is_file(), "{name}: no file {link}"),
        }
    }
}

#[test]
fn a_killed_experiment_goes_on_where_it_was() {
    let folder = Folder::new("killed");
    folder.ends("run --systems opus --runs 2");
    let whole = folder.text("runs.jsonl");
    // as if the process had been killed while it wrote a line
    let keep = whole.len() / 3;
    fs::write(folder.0.join("runs.jsonl"), &whole[..keep]).unwrap();
    folder.ends("run --systems opus --runs 2");
    let again = folder.text("runs.jsonl");
    let runs = |text: &str| {
        let key = |line: &str| {
            let record: Value = serde_json::from_str(line).unwrap();
            format!("{} {} {}", record["scenario"], record["run"], record["output_hash"])
        };
        let mut runs: Vec<String> = text.lines().map(key).collect();
        runs.sort();
        runs
    };
    assert_eq!(runs(&whole), runs(&again));
    assert!(again.starts_with(whole[..keep].rsplit_once('\n').unwrap().0));
    // other runs do not go into the same folder
    let other = folder.o02("run --systems opus --runs 3");
    assert!(
        !other.status.success() && text(&other.stderr).contains("another setting"),
        "{}",
        text(&other.stderr)
    );
}

#[test]
fn every_engine_gives_the_same_answers() {
    let answers = |engine: &str| {
        let folder = Folder::new(engine);
        folder.ends(&format!("run --systems opus --runs 1 --engine {engine}"));
        let key = |line: &str| {
            let record: Value = serde_json::from_str(line).unwrap();
            format!("{} {}", record["scenario"], record["output_hash"])
        };
        let mut answers: Vec<String> = ["runs.jsonl", "beyond/runs.jsonl"]
            .iter()
            .flat_map(|file| folder.text(file).lines().map(key).collect::<Vec<_>>())
            .collect();
        answers.sort();
        answers
    };
    let native = answers("native");
    assert_eq!(native.len(), 52 + 18);
    assert_eq!(native, answers("vm"));
    assert_eq!(native, answers("reference"));
}

#[test]
fn a_wrong_command_line_says_what_is_right() {
    let folder = Folder::new("wrong");
    let output = folder.o02("run --systems opus,python");
    assert!(text(&output.stderr).contains("there is no system `python`"));
    assert!(text(&output.stderr).contains("the systems are opus, agent_coded, structured, agent, raw"));
    let output = folder.o02("score");
    assert!(text(&output.stderr).contains("run the experiment first"), "{}", text(&output.stderr));
}

#[test]
fn the_report_is_readable_in_a_browser() {
    let Some(browser) = browser::Browser::find() else {
        eprintln!("not tested: there is no Chromium here (OPUS_BROWSER names one)");
        return;
    };
    let folder = Folder::new("page");
    folder.ends("all --systems opus --runs 1 --sample 5");
    let page = folder.text("report.html");
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"));
    for (page, texts) in [(page, 400), (folder.text("records/opus/t3-credit-01.html"), 30)] {
        for look in browser.look(&folder.0, &page) {
            assert_eq!(look["wrong"].as_array().map(Vec::len), Some(0), "{look:#}");
            assert!(look["texts"].as_u64() > Some(texts), "{look:#}");
        }
    }
    let printed = browser.print(&folder.0, &folder.0.join("report.html"));
    assert!(printed.starts_with(b"%PDF") && printed.len() > 10_000);
}

/// What a whole experiment costs, as README and book say.
#[test]
fn documents_say_what_the_experiment_would_cost() {
    let printed = Folder::new("estimate").ends("estimate");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for page in ["README.md", "../spec/book/22-experiment.md"] {
        let text = fs::read_to_string(here.join(page)).unwrap();
        for line in printed.lines() {
            assert!(text.contains(line.trim_end()), "{page} lacks this line of `o02 estimate`:\n{line}");
        }
    }
}

#[test]
fn faults_of_a_server_come_to_what_they_should() {
    let folder = Folder::new("scripted");
    let said = folder.ends("scripted --runs 2");
    for fault in
        ["TooManyRequests", "ServerError", "Slow", "Broken", "CutOff", "NotJson", "WrongEnum", "Refusal"]
    {
        assert!(said.contains(fault), "{said}");
    }
    let results = folder.json("results.json");
    schema::assert_schema(&folder.text("results.json"), "results.schema.json");
    for name in ["structured", "agent", "raw"] {
        assert_eq!(results["systems"][name]["state"], "scripted");
    }
    // from the report's table to the raw response, of what was asked to act on an account as well
    let mut led_to = std::collections::BTreeSet::new();
    let page = folder.text("report.html");
    links(&folder.0, "report.html", &page, "href=\"", '"');
    for (runs, up) in [("first/runs.jsonl", ""), ("runs.jsonl", ""), ("beyond/runs.jsonl", "beyond/")] {
        for line in folder.text(runs).lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            let name = |name: &str| record[name].as_str().unwrap().to_owned();
            let path = format!("{up}records/{}/{}.html", name("system"), name("scenario"));
            assert!(page.contains(&format!("href=\"{path}\"")), "the report does not lead to {path}");
            let cohort = folder.text(&path);
            let evidence = |value: &Value| value["evidence"].as_array().cloned().unwrap_or_default();
            let answered = evidence(&record);
            assert!(!answered.is_empty(), "{line}");
            let later = [&record["acted"], &record["replayed"]].map(evidence).concat();
            for hash in answered.iter().chain(&later) {
                let object = format!(
                    "evidence/objects/{}/{}.json",
                    &hash.as_str().unwrap()[..2],
                    hash.as_str().unwrap()
                );
                let back = "../".repeat(path.matches('/').count());
                assert!(
                    cohort.contains(&format!("href=\"{back}{object}\"")),
                    "{path} does not lead to {object}"
                );
                assert!(folder.0.join(&object).is_file(), "no {object}");
                led_to.insert(folder.0.join(&object));
            }
            assert!(cohort.contains("href=\"../../") && cohort.contains("report.html#"), "{path}");
        }
    }
    let groups = fs::read_dir(folder.0.join("evidence/objects")).unwrap();
    let kept = groups.flat_map(|group| fs::read_dir(group.unwrap().path()).unwrap());
    let unnamed = kept.map(|kept| kept.unwrap().path()).find(|path| !led_to.contains(path));
    assert_eq!(unnamed, None, "no page leads to it");
    // runs of real systems are not mixed with them
    let mut mixed = folder.text("runs.jsonl");
    let line = mixed.lines().next().unwrap().replace("\"run\":0", "\"run\":77").replace("scripted", "live");
    mixed.push_str(&format!("{line}\n"));
    fs::write(folder.0.join("runs.jsonl"), mixed).unwrap();
    let output = folder.o02("score");
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("run 77 of"), "{}", text(&output.stderr));
    let other = Folder::new("mixed");
    let evidence = folder.0.join("evidence").display().to_string();
    let output = other.o02(&format!("run --systems opus,structured --runs 1 --replay {evidence}"));
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("the recording is of the scripted server, which is no model"));
}
