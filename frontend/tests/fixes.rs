//! Does every fix mend what it is offered for? Each that any diagnostic of the corpus offers is applied: the examples
//! of all codes, the policies of the checks, the cases and the book, and the mistakes of analysts.
//!
//! The rule: after the fix the diagnostic is gone. Where the whole policy could be read, there are fewer errors than
//! before; where it could not, errors that were hidden may appear, but none on the lines that the fix edits.

#[path = "mistakes/table.rs"]
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use opus_frontend::codes::Code;
use opus_frontend::diagnostic::{Diagnostic, any_error};
use opus_frontend::{compile, mend};

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The files under a folder with this extension, in order.
fn files(folder: &Path, extension: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let wanted = paths.into_iter().filter(|path| path.extension().is_some_and(|found| found == extension));
    wanted.map(|path| fs::read_to_string(path).expect("it can be read")).collect()
}

/// The blocks of a Markdown page that open with `opus`.
fn blocks(page: &str) -> Vec<String> {
    let parts = page.split("```opus\n").skip(1);
    parts.map(|part| part.split("```").next().unwrap_or("").to_string()).collect()
}

fn corpus() -> Vec<String> {
    let mut sources: Vec<String> = vec![];
    sources.extend(Code::ALL.iter().flat_map(|code| code.examples()).map(str::to_string));
    let listed = include_str!("../src/check/tests/bad.txt");
    let lines: Vec<&str> = listed.lines().collect();
    for policy in lines.split(|line| line.starts_with("## ")).filter(|lines| !lines.is_empty()) {
        sources.push(policy.join("\n"));
    }
    for folder in ["../spec/cases", "../spec/book"] {
        sources.extend(files(&here().join(folder), "md").iter().flat_map(|page| blocks(page)));
    }
    sources.extend(files(&here().join("tests/mistakes"), "opus"));
    sources.extend(table::MENDED.iter().map(|(here, there, _)| table::typed(here, there)));
    sources.extend(table::HELPED.iter().map(|(here, there, _)| table::typed(here, there)));
    sources
}

fn errors(said: &[Diagnostic]) -> usize {
    said.iter().filter(|one| one.is_error()).count()
}

#[test]
fn every_fix_mends_what_it_is_offered_for() {
    let (mut count, mut wrong) = (0, vec![]);
    for source in corpus() {
        let before = compile(&source).1;
        let hidden = before.iter().any(|one| one.is_error() && one.code.code() < "E0200");
        for one in before.iter().filter(|one| one.fix.is_some()) {
            let fix = one.fix.as_ref().expect("it has one");
            count += 1;
            let mended = fix.apply(&source);
            let after = compile(&mended).1;
            let known = |other: &Diagnostic| (other.code, other.message.clone());
            let times = |said: &[Diagnostic]| said.iter().filter(|other| known(other) == known(one)).count();
            let gone = times(&after) < times(&before);
            let fewer = !one.is_error() || !any_error(&after) || errors(&after) < errors(&before) || hidden;
            // ranges and reachability are judged when everything else is right
            let judged = after.iter().all(|other| other.code.code() >= "E0410" || !other.is_error());
            if !gone || !(fewer || judged) {
                wrong.push(format!("{}: {}\n{mended}\n{after:#?}", one.code, one.message));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 150, "only {count} fixes were found");
}

#[test]
fn mending_ends_and_mends_no_less_than_one_fix() {
    for source in corpus() {
        let before = compile(&source).1;
        let sure = before.iter().any(|one| one.is_error() && one.fix.as_ref().is_some_and(|fix| fix.sure));
        let (text, mended) = mend(&source);
        assert_eq!(sure, !mended.is_empty(), "{source}");
        let again = mend(&text);
        assert_eq!((again.0, again.1.len()), (text, 0));
    }
}
