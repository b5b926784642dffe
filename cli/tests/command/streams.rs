//! Do streams do for files? Standard input and output in every format, and readers that go away.

use std::io::Read;

use crate::folder::{Ended, Folder};

const FORMATS: [&str; 4] = ["csv", "jsonl", "parquet", "arrow"];

#[test]
fn standard_input_and_output_do_for_files_in_every_format() {
    let folder = Folder::new("formats");
    for format in FORMATS {
        let (rows, out) = (format!("rows.{format}"), format!("out.{format}"));
        folder.opus(&format!("sample credit.opus -n 50 --seed 7 -o {rows}")).ends(0);
        let sampled =
            folder.opus(&format!("sample credit.opus -n 50 --seed 7 -o - --output-format {format}")).ends(0);
        assert!(sampled.out == folder.bytes(&rows), "{format}: a sample on standard output is another");
        folder.opus(&format!("batch credit.opus {rows} -o {out}")).ends(0);
        let line = format!("batch credit.opus - --input-format {format} -o - --output-format {format}");
        let ended = folder.opus_with(&line, &folder.bytes(&rows)).ends(0);
        assert!(ended.out == folder.bytes(&out), "{format}: decisions on standard output are others");
        assert!(ended.err.contains("decided"), "{ended}");
    }
}

#[test]
fn a_policy_may_come_from_standard_input() {
    let folder = Folder::new("policy");
    let policy = folder.bytes("credit.opus");
    folder.opus("build credit.opus").ends(0);
    let from_file = folder.opus("run credit.opus --input application.json").ends(0);
    let from_input = folder.opus_with("run - --input application.json", &policy).ends(0);
    assert_eq!(from_file.text(), from_input.text());
    let artifact = folder.opus_with("run - --input application.json", &folder.bytes("credit.opusc")).ends(0);
    assert_eq!(from_file.text(), artifact.text());
    let built = folder.opus_with("build - -o -", &policy).ends(0);
    assert!(built.out == folder.bytes("credit.opusc"), "the artifact is another");
    folder.opus_with("check -", &policy).ends(0);
    assert_eq!(folder.opus_with("fmt -", &policy).ends(0).out, policy);
    folder.opus_with("batch - good.csv -o out.csv", &policy).ends(0);
    let application = [b"\xEF\xBB\xBF", &folder.bytes("application.json")[..]].concat();
    assert_eq!(folder.opus_with("run credit.opus", &application).ends(0).text(), from_file.text());
}

/// What is hashed is what was read: of pipes too, which can be read only once.
#[test]
fn inputs_are_hashed_as_they_are_read() {
    let folder = Folder::new("hashes");
    for format in FORMATS {
        let rows = format!("rows.{format}");
        folder.opus(&format!("sample credit.opus -n 50 --seed 7 -o {rows}")).ends(0);
        let bytes = folder.bytes(&rows);
        let line = format!("batch credit.opus {rows} - --input-format {format} -o out.csv --summary s.json");
        folder.opus_with(&line, &bytes).ends(0);
        let summary: serde_json::Value = serde_json::from_str(&folder.text("s.json")).expect("JSON");
        let hash = blake3::hash(&bytes).to_hex();
        let input = |file: &str| {
            let length = bytes.len();
            serde_json::json!({ "file": file, "format": format, "bytes": length, "blake3": hash.as_str() })
        };
        assert_eq!(summary["inputs"], serde_json::json!([input(&rows), input("-")]), "{format}");
        assert_eq!(summary["decided"], 100);
    }
}

#[test]
fn a_reader_that_has_seen_enough_hears_no_complaint() {
    let folder = Folder::new("pipe");
    folder.opus("sample credit.opus -n 20000 -o rows.parquet").ends(0);
    for format in FORMATS {
        // more than a pipe holds, so that the command is still writing when its reader goes
        let keep = "--keep annual_income,monthly_debt,requested_amount,submitted_on,employment";
        let line =
            format!("batch credit.opus rows.parquet -o - --output-format {format} --rejects r.csv {keep}");
        let ended = read_a_little(&folder, &line);
        assert_eq!((ended.code, ended.err.as_str()), (4, ""), "{ended}");
        assert!(!folder.names().contains(&"r.csv".to_owned()), "rejects of decisions that nobody has");
    }
    let ended = read_a_little(&folder, "sample credit.opus -n 20000 -o - --output-format csv");
    assert_eq!((ended.code, ended.err.as_str()), (4, ""), "{ended}");
    for line in ["inspect credit.opus --native", "explain-code E0106", "completions zsh", "--help"] {
        let ended = read_a_little(&folder, line);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended}");
    }
}

/// Reads a few bytes of what a command prints, and goes.
fn read_a_little(folder: &Folder, line: &str) -> Ended {
    let mut child = folder.command(line).spawn().expect("opus runs");
    let mut first = [0; 4];
    let mut stdout = child.stdout.take().expect("standard output is a pipe");
    stdout.read_exact(&mut first).expect("something is printed");
    drop(stdout);
    Ended::of(line, child.wait_with_output().expect("opus ends"))
}

#[test]
fn nobody_has_to_listen() {
    let folder = Folder::new("deaf");
    folder.write("bad.opus", "policy p { inputt {} }");
    for (line, code) in
        [("check bad.opus", 1), ("check nosuch.opus", 4), ("batch credit.opus rows.csv -o out.csv", 3)]
    {
        let mut child = folder.command(line).spawn().expect("opus runs");
        drop(child.stderr.take());
        let ended = child.wait().expect("opus ends");
        assert_eq!(ended.code(), Some(code), "opus {line}");
    }
    assert!(folder.names().contains(&"out.csv".to_owned()));
}

#[cfg(unix)]
#[test]
fn a_closed_standard_output_is_an_error_and_no_row_is_lost_silently() {
    let folder = Folder::new("closed");
    let opus = env!("CARGO_BIN_EXE_opus");
    for line in [
        "run credit.opus --input application.json",
        "batch credit.opus good.csv -o - --output-format csv",
        "sample credit.opus -n 5 -o - --output-format csv",
        "build credit.opus -o -",
    ] {
        let mut command = std::process::Command::new("sh");
        command.arg("-c").arg(format!("exec {opus} {line} >&-"));
        folder.at_home(&mut command);
        let ended = Ended::of(line, command.output().expect("sh runs")).ends(4);
        assert!(ended.err.contains("standard output is closed"), "{ended}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_limit_on_the_size_of_files_is_an_error_with_a_message() {
    let folder = Folder::new("limit");
    let opus = env!("CARGO_BIN_EXE_opus");
    let line = "sample credit.opus -n 100000 -o large.csv";
    let mut command = std::process::Command::new("sh");
    command.arg("-c").arg(format!("ulimit -f 16; exec {opus} {line}"));
    folder.at_home(&mut command);
    let ended = Ended::of(line, command.output().expect("sh runs")).ends(4);
    assert!(ended.err.contains("large.csv: cannot be written: file too large"), "{ended}");
    assert!(!folder.names().contains(&"large.csv".to_owned()), "half a file is there");
}
