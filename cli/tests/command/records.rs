//! Do records answer for decisions? `batch --record`, `run --record`, `replay`, `prove-row` and `check-proof`, on all
//! engines; and a process that is killed leaves a whole record or none.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::folder::{Ended, Folder, OPUS, project};
use crate::schema::{assert_record, assert_schema};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Every file below a folder, by its path within it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("it is below").display().to_string();
                found.insert(name, fs::read(path).expect("a file"));
            }
        }
    }
    found
}

#[test]
fn a_batch_is_recorded_replayed_and_proved() {
    let folder = Folder::new("records");
    let line = "batch credit.opus rows.csv -o out.csv --rejects r.csv --keep id --max-rejects 9 --record rec --summary s.json";
    let ended = folder.opus(line).ends(0);
    let manifest = folder.text("rec/manifest.json");
    assert_schema(&manifest, "manifest.schema.json");
    let root = json(&manifest)["tree"]["root"].as_str().expect("a root").to_owned();
    assert!(ended.err.contains(&format!("record rec  root {root}\n")), "{ended}");
    let summary = json(&folder.text("s.json"));
    assert_eq!(summary["record"]["tree"], json(&manifest)["tree"]);
    for member in
        ["rows", "decided", "rejected", "artifact", "inputs", "output", "rejects", "keep", "engine", "build"]
    {
        assert_eq!(summary[member], json(&manifest)[member], "{member}");
    }
    // nothing of this machine is in it
    assert!(!manifest.contains(folder.path("").to_str().expect("a path")), "{manifest}");
    for options in ["", "--engine vm", "--engine reference", "--threads 3", "--rows"] {
        let ended = folder.opus(&format!("replay rec {options}")).ends(0);
        assert_eq!(ended.text(), "identical: 6 rows, 5 files\n", "{options}");
    }
    let as_json = json(folder.opus("replay rec --format json").ends(0).text());
    assert_eq!((&as_json["identical"], &as_json["decided_again"]), (&Value::Bool(true), &Value::from(6)));
    for row in 1..=6 {
        let ended = folder.opus(&format!("prove-row rec {row} -o proof.json")).ends(0);
        assert_eq!(ended.text(), format!("row {row} of 6, root {root}\n"));
        let proof = folder.text("proof.json");
        assert_schema(&proof, "proof.schema.json");
        assert_record(&json(&proof)["record"].to_string());
        for root in [&root, "rec/manifest.json"] {
            let line = format!("check-proof proof.json --root {root} --policy credit.opus");
            let ended = folder.opus(&line).ends(0);
            assert!(ended.text().starts_with(&format!("proved: row {row} of 6\n")), "{ended}");
        }
        // the same record as that of the row alone
        let alone = folder.opus(&format!("run credit.opus --input rows.csv --row {row} --format json"));
        for member in ["outputs", "refused", "input", "decision", "refusal", "artifact"] {
            assert_eq!(json(&proof)["record"].get(member), json(alone.text()).get(member), "{member}");
        }
    }
    let other = "ab".repeat(32);
    let ended = folder.opus(&format!("check-proof proof.json --root {other}")).ends(1);
    assert!(ended.err.contains("does not prove row 6: it leads to the root"), "{ended}");
    folder.write("other.opus", folder.text("credit.opus").replace("SCORE_BELOW_FLOOR", "BELOW_FLOOR"));
    folder.opus("prove-row rec 2 -o proof.json").ends(0);
    let ended = folder.opus(&format!("check-proof proof.json --root {root} --policy other.opus")).ends(1);
    assert!(ended.err.contains("the record is of another artifact"), "{ended}");
}

#[test]
fn what_differs_is_named() {
    let folder = Folder::new("differs");
    folder.opus("batch credit.opus good.csv -o out.csv --record rec").ends(0);
    let text = folder.text("good.csv");
    folder.write("good.csv", text.replace("690", "790"));
    let ended = folder.opus("replay rec").ends(1);
    assert!(ended.text().contains("good.csv: BLAKE3 "), "{ended}");
    assert!(
        ended
            .text()
            .contains("out.csv, row 2: decision is `decline` in the file and `approve` when decided again; "),
        "{ended}"
    );
    assert!(ended.text().ends_with("different: 1 of 4 rows differs, 1 file differs\n"), "{ended}");
    let ended = folder.opus("prove-row rec 2 -o proof.json").ends(4);
    assert!(ended.err.contains("row 2 is no longer decided as it was recorded"), "{ended}");
    assert!(!folder.names().contains(&"proof.json".to_owned()));
    let ended = folder.opus("prove-row rec 1 -o rec/manifest.json").ends(2);
    assert!(ended.err.contains("the output is also an input"), "{ended}");
    // an input that changed nothing but itself
    folder.write("good.csv", text.replace("a,2024-06-01,40", "a,2024-06-01,41"));
    let ended = folder.opus("replay rec").ends(1);
    assert!(
        ended.text().contains("row 1: its input is not the recorded one; the decision is the same\n"),
        "{ended}"
    );
    folder.write("good.csv", &text);
    folder.opus("replay rec").ends(0);
    let bytes = folder.bytes("rec/artifact.opusc");
    let mut changed = bytes.clone();
    changed[3000] ^= 1;
    folder.write("rec/artifact.opusc", &changed);
    let ended = folder.opus("replay rec").ends(1);
    assert!(ended.text().starts_with("rec/artifact.opusc: the artifact is damaged"), "{ended}");
    assert!(ended.text().ends_with("different: rows were not decided again, 1 file differs\n"), "{ended}");
    // another policy in its place
    fs::copy(folder.path("refund.opus"), folder.path("rec/artifact.opusc")).expect("a copy");
    let ended = folder.opus("replay rec").ends(1);
    assert!(ended.text().contains("rec/artifact.opusc: it is another artifact"), "{ended}");
    folder.write("rec/artifact.opusc", &bytes);
    // an output without its head cannot be compared row by row, which is not the same as no difference
    let output = folder.bytes("out.csv");
    folder.write("out.csv", "nothing\n");
    let ended = folder.opus("replay rec").ends(1);
    assert!(ended.text().contains("its rows cannot be read"), "{ended}");
    assert!(
        ended.text().ends_with("different: 4 rows decided again, but not compared, 2 files differ\n"),
        "{ended}"
    );
    folder.write("out.csv", &output);
    // moved
    fs::rename(folder.path("out.csv"), folder.path("moved.csv")).expect("it is moved");
    let ended = folder.opus("replay rec").ends(1);
    assert!(ended.text().starts_with("out.csv: there is no such file\n"), "{ended}");
    assert!(ended.err.contains("--base"), "{ended}");
    fs::create_dir(folder.path("there")).expect("a folder");
    for name in ["good.csv", "rec"] {
        fs::rename(folder.path(name), folder.path("there").join(name)).expect("it is moved");
    }
    fs::rename(folder.path("moved.csv"), folder.path("there/out.csv")).expect("it is moved");
    folder.opus("replay there/rec --base there").ends(0);
    folder.opus("replay nowhere").ends(4);
}

#[test]
fn command_lines_that_cannot_be_recorded_are_refused() {
    let folder = Folder::new("unrecordable");
    folder.write("taken", "x");
    fs::create_dir(folder.path("in")).expect("a folder");
    fs::create_dir(folder.path("empty")).expect("a folder");
    folder.write("in/good.csv", folder.bytes("good.csv"));
    for (line, code, words) in [
        ("batch credit.opus - --input-format csv -o out.csv --record rec", 2, "`-` is a standard stream"),
        ("batch credit.opus good.csv -o - --output-format csv --record rec", 2, "`-` is a standard stream"),
        (
            "batch credit.opus good.csv -o /dev/null --output-format csv --record rec",
            2,
            "a record names files",
        ),
        ("batch credit.opus good.csv -o out.csv --record taken", 2, "there is already a file"),
        ("batch credit.opus good.csv -o out.csv --record no/rec", 4, "there is no folder no"),
        ("batch credit.opus in -o out.csv --record in/rec", 2, "the output is in a folder that is read"),
        ("batch credit.opus good.csv -o out.csv --record-data", 2, "--record"),
        ("batch credit.opus good.csv -o out.csv --record out.csv", 2, "two outputs would go to this file"),
        (
            "batch credit.opus good.csv -o empty/out.csv --record empty",
            2,
            "the output is in the folder of the record",
        ),
        ("run credit.opus --input good.csv --row 1 --record rec", 2, "cannot be used with"),
        ("replay good.csv", 4, "a record is a folder"),
        ("replay in", 4, "not a record"),
        ("check-proof good.csv --root taken", 4, "taken"),
        ("check-proof good.csv --root abcd", 2, "neither a root nor a manifest"),
    ] {
        let ended = folder.opus_with(line, b"").ends(code);
        assert!(ended.err.contains(words), "{ended}");
        assert!(
            !folder.names().iter().any(|name| name == "rec" || name == "out.csv" || name.starts_with('.')),
            "{ended}"
        );
    }
    let root = "0".repeat(64);
    let ended = folder.opus(&format!("check-proof application.json --root {root}")).ends(4);
    assert!(ended.err.contains("does not end with a seal"), "{ended}");
}

#[test]
fn one_object_is_recorded_whether_it_is_decided_or_refused() {
    let folder = Folder::new("one");
    let refused = folder.text("application.json").replace("\"age\": 40", "\"age\": 4");
    folder.write("refused.json", &refused);
    for (name, code, engine) in
        [("application", 0, "native"), ("refused", 3, "vm"), ("application", 0, "reference")]
    {
        let place = format!("{name}-{engine}");
        folder
            .opus(&format!("run credit.opus --input {name}.json --engine {engine} --record {place}"))
            .ends(code);
        assert_schema(&folder.text(&format!("{place}/manifest.json")), "manifest.schema.json");
        assert_record(&folder.text(&format!("{place}/decision.json")));
        for engine in ["native", "vm", "reference"] {
            let ended = folder.opus(&format!("replay {place} --engine {engine}")).ends(0);
            assert_eq!(ended.text(), "identical: 1 row, 4 files\n");
        }
        folder.opus(&format!("prove-row {place} 1 -o {place}.proof.json")).ends(0);
        let manifest = format!("{place}/manifest.json");
        folder
            .opus(&format!("check-proof {place}.proof.json --root {manifest} --policy credit.opus"))
            .ends(0);
        let path = format!("{place}/decision.json");
        let text = folder.text(&path);
        let (from, to) = if code == 0 { ("approve", "decline") } else { ("out-of-range", "missing") };
        folder.write(&path, text.replacen(from, to, 1));
        let ended = folder.opus(&format!("replay {place}")).ends(1);
        assert!(ended.text().contains(&format!("{path}, row 1: ")), "{ended}");
    }
    // rows are compared by the values of their outputs, whose types are part of them
    let path = "application-native/decision.json";
    let text = folder.text(path).replacen("decline", "approve", 1);
    assert!(text.contains("9000.00"), "{text}");
    for (there, code) in [("9000", 0), ("9e3", 0), ("9000.01", 1), ("\"9000.00\"", 1)] {
        folder.write(path, text.replacen("9000.00", there, 1));
        folder.opus("replay application-native").ends(1);
        let ended = folder.opus("replay application-native --rows").ends(code);
        assert_eq!(ended.text().contains("outputs.credit_amount is"), code == 1, "{ended}");
    }
    // from standard input too, because the record holds the object
    folder.opus_with("run credit.opus --record piped", &folder.bytes("application.json")).ends(0);
    folder.opus("replay piped").ends(0);
}

/// The first rows of the three portfolios, on native code, the VM and the reference evaluator.
#[test]
fn portfolios_replay_identically_on_every_engine() {
    let folder = Folder::new("portfolios");
    for (policy, data) in
        [("credit", "credit.parquet"), ("refund", "refund.csv"), ("insurance", "insurance.jsonl")]
    {
        let path = project("spec/o02/data").join(data);
        let path = path.display();
        let line = format!(
            "batch {policy}.opus {path} -o {policy}.parquet --rejects {policy}.rejects.jsonl --max-rejects 100% --record {policy}-record"
        );
        folder.opus(&line).ends(0);
        for engine in ["native", "vm"] {
            let ended = folder.opus(&format!("replay {policy}-record --engine {engine}")).ends(0);
            assert_eq!(ended.text(), "identical: 20,000 rows, 5 files\n");
        }
        let ended = folder.opus(&format!("replay {policy}-record --engine reference --rows")).ends(0);
        assert_eq!(ended.text(), "identical: 20,000 rows, 5 files\n");
    }
}

/// The names of files say something about their rows, and the copies in a record do not lose it.
#[test]
fn a_record_of_a_folder_is_complete_by_itself() {
    let folder = Folder::new("partitions");
    for (state, rows) in [("CA", "rows.csv"), ("NY", "good.csv")] {
        fs::create_dir_all(folder.path(&format!("in/state={state}"))).expect("a folder");
        fs::rename(folder.path(rows), folder.path(&format!("in/state={state}/rows.csv")))
            .expect("it is moved");
    }
    let line = "batch credit.opus in -o out.parquet --rejects r.csv --keep id,state --max-rejects 9 --record rec --record-data";
    folder.opus(line).ends(0);
    assert!(folder.text("r.csv").contains("state=CA/rows.csv,4,age,15"), "{}", folder.text("r.csv"));
    for name in ["in", "out.parquet", "r.csv"] {
        let path = folder.path(name);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.expect("it goes");
    }
    fs::rename(folder.path("rec"), folder.path("moved")).expect("it is moved");
    let ended = folder.opus("replay moved").ends(0);
    assert_eq!(ended.text(), "identical: 10 rows, 6 files\n");
    folder.opus("prove-row moved 10 -o proof.json").ends(0);
    folder.opus("check-proof proof.json --root moved/manifest.json").ends(0);
}

#[cfg(unix)]
#[test]
fn where_the_disk_is_full_there_is_neither_record_nor_output() {
    let folder = Folder::new("full");
    folder.opus("sample credit.opus -n 4000 -o in.csv").ends(0);
    let before = folder.names();
    // no file may have more than 100 KB: the leaves have 128 KB, and the outputs less
    for options in ["--record rec", "--record rec --record-data"] {
        let line = format!(
            "ulimit -f 100; exec {OPUS} batch credit.opus in.csv -o out.parquet --engine vm {options}"
        );
        let mut bash = Command::new("bash");
        bash.args(["-c", &line]);
        folder.at_home(&mut bash);
        let ended = Ended::of(&line, bash.output().expect("bash runs")).ends(4);
        assert!(
            ended.err.contains("rec/leaves: cannot be written")
                || ended.err.contains("rec/inputs/1/in.csv: cannot be written"),
            "{ended}"
        );
        assert_eq!(folder.names(), before);
    }
}

/// A record that was written when its formats were current is replayed by every later version.
#[test]
fn records_of_every_released_format_are_replayed() {
    let folder = Folder::new("released");
    let released = project("spec/records");
    let mut found = Vec::new();
    for entry in fs::read_dir(&released).expect("released records").map(|entry| entry.expect("an entry")) {
        if !entry.path().is_dir() {
            continue;
        }
        let place = entry.path();
        let manifest = fs::read_to_string(place.join("manifest.json")).expect("a manifest");
        found.push(json(&manifest)["artifact"]["format"].as_u64().expect("a number"));
        let place = place.display();
        for engine in ["native", "vm", "reference"] {
            let ended = folder.opus(&format!("replay {place} --engine {engine}")).ends(0);
            assert!(ended.text().starts_with("identical: "), "{ended}");
        }
        // the source means today what it meant when it was compiled
        let artifact = format!("{place}/artifact.opusc");
        for line in [format!("inspect {artifact} --source"), format!("test {artifact}")] {
            let ended = folder.opus(&line).ends(0);
            assert!(!ended.err.contains("unverified") && !ended.err.contains("agrees on"), "{ended}");
        }
        let format = found.last().expect("it was added just now");
        let line = format!("format         {format}; this version writes {}", opus_runtime::artifact::FORMAT);
        let is_earlier = *format != u64::from(opus_runtime::artifact::FORMAT);
        let ended = folder.opus(&format!("inspect {artifact}")).ends(0);
        assert_eq!(ended.text().contains(&line), is_earlier, "{ended}");
        let ended = folder.opus(&format!("inspect {artifact} --format json")).ends(0);
        assert_eq!(json(ended.text())["format"], Value::from(*format));
        folder.write("released.opus", folder.opus(&format!("inspect {artifact} --source")).ends(0).text());
        let same = folder.opus(&format!("diff {artifact} released.opus --format json")).ends(0);
        let same = json(same.text());
        assert_eq!((&same["equal"], &same["equal_meaning"]), (&Value::Bool(true), &Value::Bool(true)));
        let row = format!("--input {place}/inputs/1/applications.csv --row 2 --columns {place}/mapping.toml");
        for line in [format!("run {artifact} {row}"), format!("explain {artifact} {row}")] {
            let [released, compiled] = [line.clone(), line.replace(&artifact, "released.opus")]
                .map(|line| folder.opus(&line).ends(0));
            // the hashes of the artifact differ with its format
            let without = |text: &str| -> Vec<String> {
                let hash =
                    |line: &&str| line.starts_with("artifact hash") || line.starts_with("meaning hash");
                text.lines().filter(|line| !hash(line)).map(str::to_owned).collect()
            };
            assert_eq!(without(released.text()), without(compiled.text()), "{line}");
        }
        folder.opus(&format!("prove-row {place} 2 -o proof.json")).ends(0);
        let line =
            format!("check-proof proof.json --root {place}/manifest.json --policy {place}/artifact.opusc");
        folder.opus(&line).ends(0);
    }
    found.sort();
    assert_eq!(found, opus_runtime::artifact::FORMATS_READ.map(u64::from), "one record for each format");
}

/// The commands of the book's chapter print what it shows.
#[test]
fn the_chapter_on_records_is_true() {
    let folder = Folder::new("chapter");
    let page = fs::read_to_string(project("spec/book/16-records.md")).expect("a chapter");
    let block = |language: &str| {
        let text = page.split(&format!("```{language}\n")).nth(1).and_then(|rest| rest.split("```").next());
        text.unwrap_or_else(|| panic!("no {language}"))
    };
    folder.write("card.opus", block("opus"));
    folder.write("rows.csv", block("csv"));
    let place = Path::new(OPUS).parent().expect("the binary lies in a folder");
    let path = format!("{}:{}", place.display(), std::env::var("PATH").unwrap_or_default());
    let mut shown = 0;
    for block in page.split("```console\n$ ").skip(1).filter_map(|rest| rest.split("\n```").next()) {
        for part in block.split("\n$ ") {
            let (line, expected) = part.split_once('\n').unwrap_or((part, ""));
            let mut bash = Command::new("bash");
            bash.args(["-uo", "pipefail", "-c", line]).env("PATH", &path);
            folder.at_home(&mut bash);
            let ended = Ended::of(line, bash.output().expect("bash runs"));
            assert_eq!(ended.text().trim_end(), expected.trim_end(), "{line}\n{ended}");
            shown += 1;
        }
    }
    assert!(shown >= 6, "{shown} commands");
}

/// Kills a batch at random moments, and looks at what there is.
fn kills(count: u32) {
    let folder = Folder::new("kills");
    folder.opus("sample credit.opus -n 30000 -o in.csv").ends(0);
    let line = "batch credit.opus in.csv -o out.csv --rejects r.csv --record rec --record-data --threads 2";
    let started = Instant::now();
    folder.opus(line).ends(0);
    let whole = started.elapsed();
    let expected = (files(&folder.path("rec")), folder.bytes("out.csv"), folder.bytes("r.csv"));
    let (mut with, mut without, mut random) = (0, 0, 20_260_101u64);
    for _ in 0..count {
        for name in ["out.csv", "r.csv"] {
            folder.write(name, "before\n");
        }
        let _ = fs::remove_dir_all(folder.path("rec"));
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let after = Duration::from_nanos((random >> 33) % (whole.as_nanos() as u64 * 5 / 4));
        let mut child = folder.command(line).spawn().expect("opus runs");
        std::thread::sleep(after);
        child.kill().expect("it is killed");
        child.wait().expect("it ends");
        let [decisions, rejects] = ["out.csv", "r.csv"].map(|name| folder.bytes(name));
        let is_before = |bytes: &[u8]| bytes == b"before\n";
        assert!(is_before(&decisions) || decisions == expected.1, "decisions are whole");
        assert!(is_before(&rejects) || rejects == expected.2, "rejects are whole");
        if folder.path("rec").exists() {
            // then everything that it describes exists
            assert!(files(&folder.path("rec")) == expected.0, "the record is whole");
            assert!(decisions == expected.1 && rejects == expected.2, "the record comes last");
            folder.opus("replay rec").ends(0);
            with += 1;
        } else {
            without += 1;
        }
    }
    // the next one that writes there removes what the killed ones left
    let _ = fs::remove_dir_all(folder.path("rec"));
    folder.opus(line).ends(0);
    let left: Vec<String> = folder.names().into_iter().filter(|name| name.starts_with(".rec")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(files(&folder.path("rec")) == expected.0);
    println!("{count} kills: {with} with a record, {without} without");
}

#[test]
fn a_killed_batch_leaves_a_whole_record_or_none() {
    kills(20);
}

/// `cargo test --workspace --test command records::two_hundred_kills -- --ignored --nocapture`
#[test]
#[ignore = "it takes a minute"]
fn two_hundred_kills() {
    kills(200);
}
