//! Does the README tell the truth? Its policy compiles, its decision is the one that `opus` prints, its embedding is
//! the example.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).expect("there is a README")
}

/// What stands in the first block that begins with `opening`, behind that line.
fn block(text: &str, opening: &str) -> String {
    let start =
        text.find(opening).unwrap_or_else(|| panic!("no block begins with `{opening}`")) + opening.len();
    let end = text[start..].find("```").expect("the block is closed") + start;
    text[start..end].to_owned()
}

/// Compares a block with what it should be; `UPDATE=1` rewrites it.
fn expect(opening: &str, wanted: &str) {
    let text = readme();
    let found = block(&text, opening);
    if found != wanted && std::env::var_os("UPDATE").is_some() {
        let replaced = text.replace(&format!("{opening}{found}```"), &format!("{opening}{wanted}```"));
        std::fs::write(root().join("README.md"), replaced).expect("the README can be written");
        return;
    }
    assert_eq!(found, wanted, "the README differs; UPDATE=1 rewrites it");
}

#[test]
fn blocks_are_what_they_show() {
    let opus = Command::new(env!("CARGO_BIN_EXE_opus"))
        .current_dir(root())
        .args(["run", "spec/policies/credit.opus", "--input", "spec/examples/application.json", "--trace"])
        .output()
        .expect("opus runs");
    assert!(opus.status.success(), "{}", String::from_utf8_lossy(&opus.stderr));
    let opening =
        "```\n$ opus run spec/policies/credit.opus --input spec/examples/application.json --trace\n";
    expect(opening, &String::from_utf8_lossy(&opus.stdout));

    let first =
        std::fs::read_to_string(root().join("examples/first/src/main.rs")).expect("the example is there");
    let code = first.find("use opus_runtime").expect("the example uses the runtime");
    expect("```rust\n", &first[code..]);
}

#[test]
fn functions_of_the_gateway_are_quoted_as_they_are() {
    let gateway =
        std::fs::read_to_string(root().join("examples/gateway/src/lib.rs")).expect("the example is there");
    for name in ["    pub fn reload", "    fn take_newer"] {
        let begin = gateway.find(name).expect("the example has the function");
        let end = gateway[begin..].find("\n    }\n").expect("the function ends") + begin + "\n    }\n".len();
        let code: String = gateway[begin..end]
            .lines()
            .map(|line| line.strip_prefix("    ").unwrap_or(line).to_owned() + "\n")
            .collect();
        let first = code.split_inclusive('\n').next().expect("a line");
        expect(&format!("```rust\n{first}"), &code[first.len()..]);
    }
}

#[test]
fn the_policy_compiles_as_it_is_formatted() {
    let policy = block(&readme(), "```opus\n");
    let (compiled, diagnostics) = opus_frontend::compile(&policy);
    assert!(compiled.is_some() && diagnostics.is_empty(), "{diagnostics:#?}");
    assert_eq!(opus_frontend::format::format(&policy), Ok(policy));
}
