//! Does the code keep the invariants of `spec/architecture.md`? This file checks those that a machine can check.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The project's crates that each crate may depend on. No others are allowed.
const ARROWS: &[(&str, &[&str])] = &[
    ("ir", &[]),
    ("frontend", &["ir"]),
    ("vm", &["ir"]),
    ("jit", &["ir"]),
    ("runtime", &["ir", "vm", "jit"]),
    // knows no command line, no terminal and no exit code
    ("data", &["ir", "runtime"]),
    // a service reads a ledger without the compiler
    ("store", &["runtime"]),
    // a sibling of `data`: opens no data file
    ("govern", &["ir", "frontend", "runtime"]),
    ("cli", &["ir", "frontend", "runtime", "data", "store", "govern"]),
    // a user of everything: runs the command, and the compiled policies in process
    ("experiment", &["runtime", "data", "store", "govern", "cli"]),
    // `spec` and `fuzz` link neither the command line nor a file format
    ("spec", &["ir", "frontend", "vm", "jit", "runtime", "govern"]),
    ("fuzz", &["ir", "frontend", "vm", "jit", "runtime", "govern"]),
    ("benches", &["ir", "frontend", "vm", "jit", "runtime", "data", "govern", "cli"]),
];

/// Crates without I/O, clocks and randomness.
const PURE: &[&str] = &["ir", "frontend", "vm", "jit"];

/// Names that would give access to them.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::io",
    "std::net",
    "std::env",
    "std::time",
    "std::process",
    "SystemTime",
    "Instant::now",
    "rand::",
];

/// The files in each crate that may contain `unsafe`.
const UNSAFE_ROOMS: &[(&str, &[&str])] = &[
    ("ir", &[]),
    ("frontend", &[]),
    ("vm", &["src/lanes.rs"]),
    // `Native::from_bytes` in `code.rs` does nothing unsafe itself: it records its caller's promise, on which
    // running the code relies
    ("jit", &["src/execute/mod.rs", "src/execute/memory.rs", "src/code.rs"]),
    ("runtime", &["src/room.rs"]),
    ("data", &[]),
    ("store", &[]),
    ("govern", &[]),
    // before `main`: whether standard output was closed, and the signal for the file size limit
    ("cli", &["src/process.rs"]),
    ("experiment", &[]),
];

/// A file answers one question. A longer file answers more than one.
const LINES_MAX: usize = 1200;

#[test]
fn arrows_between_crates_point_one_way() {
    for (name, allowed) in ARROWS.iter().filter(|(name, _)| root().join(name).join("Cargo.toml").exists()) {
        let manifest = read(&root().join(name).join("Cargo.toml"));
        let manifest: toml::Table = manifest.parse().expect("a manifest is toml");
        let tables = ["dependencies", "build-dependencies"].map(|table| manifest.get(table));
        let named =
            tables.into_iter().flatten().filter_map(|table| table.as_table()).flat_map(|table| table.keys());
        for dependency in named.filter_map(|dependency| dependency.strip_prefix("opus-")) {
            assert!(allowed.contains(&dependency), "`{name}` must not depend on `{dependency}`");
        }
    }
}

/// Packages that a crate must not depend on, directly or indirectly.
const UNREACHED: &[(&str, &[&str])] = &[
    // the hot path has no compiler and no file format
    ("opus-runtime", &["opus-frontend", "arrow-array", "parquet", "lalrpop-util", "logos"]),
    ("opus-data", &["opus-frontend", "clap", "indicatif", "annotate-snippets"]),
    ("opus-store", &["opus-frontend", "arrow-array", "parquet", "clap", "lalrpop-util", "logos"]),
    ("opus-govern", &["arrow-array", "parquet", "clap"]),
];

#[test]
fn crates_do_not_reach_what_they_do_without() {
    let lock: toml::Table = read(&root().join("Cargo.lock")).parse().expect("a lock file is toml");
    let packages = lock["package"].as_array().expect("packages are listed");
    for (from, absent) in UNREACHED {
        let manifest = root().join(from.trim_start_matches("opus-")).join("Cargo.toml");
        let manifest: toml::Table = read(&manifest).parse().expect("a manifest is toml");
        let named = ["dependencies", "target"].map(|table| manifest.get(table));
        let mut open = Vec::new();
        named.into_iter().flatten().for_each(|table| dependencies(table, &mut open));
        let mut seen = Vec::new();
        while let Some(name) = open.pop() {
            if seen.contains(&name) {
                continue;
            }
            let package = packages.iter().filter(|package| package["name"].as_str() == Some(&name));
            let all = package.filter_map(|package| package.get("dependencies")?.as_array()).flatten();
            open.extend(all.filter_map(|text| Some(text.as_str()?.split(' ').next()?.to_owned())));
            seen.push(name);
        }
        for name in *absent {
            assert!(!seen.iter().any(|found| found == name), "`{from}` must not reach `{name}`");
        }
    }
}

/// The names of packages in a table of dependencies, or in the table of a target.
fn dependencies(table: &toml::Value, found: &mut Vec<String>) {
    let Some(table) = table.as_table() else { return };
    for (name, value) in table {
        match value.get("dependencies") {
            Some(inner) => dependencies(inner, found),
            None => found.push(name.clone()),
        }
    }
}

#[test]
fn pure_crates_see_neither_the_world_nor_chance() {
    for (path, text) in sources(PURE) {
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in
            product.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            for word in IMPURE {
                assert!(!names(line, word), "{}:{}: `{word}` in a pure crate", path.display(), number + 1);
            }
        }
    }
}

/// Whether a line contains the word, and not as the end of a longer one: `Operand::` is not `rand::`.
fn names(line: &str, word: &str) -> bool {
    let before = |at: usize| line[..at].chars().next_back();
    line.match_indices(word).any(|(at, _)| !before(at).is_some_and(|c| c.is_alphanumeric() || c == '_'))
}

/// Who publishes brings the time, so that the ledger is the same whenever a test runs.
#[test]
fn the_store_reads_no_clock() {
    for (path, text) in sources(&["store"]) {
        for clock in ["SystemTime::now", "Timestamp::now", "Zoned::now", "Instant::now"] {
            assert!(!text.contains(clock), "{}: `{clock}` in the store", path.display());
        }
    }
}

#[test]
fn unsafe_keeps_to_its_rooms() {
    for (name, rooms) in UNSAFE_ROOMS {
        for (path, text) in sources(&[name]) {
            let inside = rooms.iter().any(|room| path.ends_with(room));
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            // an `unsafe fn` may be declared anywhere; only its unsafe operations are restricted
            let found = code.filter(|line| line.contains("unsafe {") || line.contains("unsafe impl")).count();
            assert!(inside || found == 0, "{}: `unsafe` outside the room of its crate", path.display());
        }
    }
}

#[test]
fn every_source_file_says_what_it_answers_and_stays_readable() {
    let crates: Vec<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    for (path, text) in sources(&crates) {
        assert!(text.starts_with("//!"), "{}: the file has no `//!` header", path.display());
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{}: {lines} lines; a file answers one question", path.display());
    }
}

#[test]
fn nothing_is_a_placeholder() {
    // split, so that this file does not match itself
    let words = [["to", "do!("], ["unimple", "mented!("], ["TO", "DO"], ["FIX", "ME"], ["XX", "X:"]]
        .map(|w| w.concat());
    let crates: Vec<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    for (path, text) in sources(&crates) {
        for word in &words {
            assert!(!text.contains(word.as_str()), "{}: `{word}`", path.display());
        }
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut documents = Vec::new();
    collect(&root().join("spec"), "md", &mut documents);
    documents.push(root().join("README.md"));
    for document in documents.iter().filter(|path| path.exists()) {
        let text = read(document);
        let folder = document.parent().expect("a file lies in a folder");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = target.split('#').next().unwrap_or_default();
            let external =
                target.is_empty() || target.contains("://") || target.contains(char::is_whitespace);
            assert!(external || folder.join(target).exists(), "{}: no `{target}`", document.display());
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The source files of some crates, in the order of their names.
fn sources(crates: &[&str]) -> BTreeMap<PathBuf, String> {
    let mut paths = Vec::new();
    for name in crates {
        collect(&root().join(name).join("src"), "rs", &mut paths);
    }
    paths.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| entry.ok()).map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}
