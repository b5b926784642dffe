//! Are the book and the cases true? In every Markdown file of `book/` and `cases/`, each policy is compiled, each
//! `error` and stage block is compared, and each row of a `run` table is decided by every witness.
//!
//! `UPDATE=1` rewrites `error` and stage blocks, never tables.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use opus_ir::{Func, Op};
use opus_spec::{case, document};

#[test]
fn the_book_and_the_cases_are_true() {
    let update = std::env::var_os("UPDATE").is_some_and(|value| value == "1");
    let (mut failed, mut expectations) = (Vec::new(), 0);
    for path in files() {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let report = case::check(&text);
        expectations += report.expectations;
        let (name, rewrite) =
            (path.strip_prefix(root()).unwrap_or(&path), update && !report.rewritten.is_empty());
        if rewrite {
            fs::write(&path, document::replace(&text, &report.rewritten)).expect("the file can be written");
            println!("{}: {} blocks rewritten", name.display(), report.rewritten.len());
        }
        let failures = if rewrite {
            case::check(&fs::read_to_string(&path).expect("it was written")).failures
        } else {
            report.failures
        };
        failed.extend(failures.iter().map(|(line, told)| format!("spec/{}:{line}: {told}", name.display())));
    }
    println!("{expectations} expectations");
    assert!(failed.is_empty(), "{} are not as they should be:\n\n{}\n", failed.len(), failed.join("\n"));
    assert!(expectations > 100, "the files were not found: {expectations} expectations");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files, in the order of their names.
fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join("book"), root().join("cases")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("a folder can be read").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_op_has_a_case() {
    let text = fs::read_to_string(root().join("cases/ops.md")).expect("it is there");
    let decided = document::cases(&text)
        .into_iter()
        .filter(|case| case.expected.iter().any(|block| block.info == "run"));
    let mut found = BTreeSet::new();
    for case in decided {
        let func: Func = case.input.text.parse().expect("it is a function");
        let insts = func.values.keys().filter_map(|value| func.inst(value));
        found.extend(insts.map(|inst| inst.op));
    }
    let missing: Vec<&Op> = Op::ALL.iter().filter(|op| !found.contains(op)).collect();
    assert!(missing.is_empty(), "cases/ops.md has no function and table for {missing:?}");
}
