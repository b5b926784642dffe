//! Does the help help? Every verb has examples, and they run as they are written.

use std::process::Command;

use crate::folder::{Ended, Folder, OPUS};

/// The verbs that the help lists.
fn verbs(help: &str) -> Vec<String> {
    let list = help.split("Commands:\n").nth(1).expect("a list of commands").split("\n\n").next();
    let verb = |line: &str| line.split_whitespace().next().expect("a name").to_owned();
    list.expect("a paragraph").lines().map(verb).filter(|verb| verb != "help").collect()
}

/// The lines behind `Example:`.
fn examples(help: &str) -> Vec<String> {
    let block = help.split("Example:\n").nth(1).unwrap_or_default();
    block.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// A line of a shell, with `opus` as the command.
fn shell(folder: &Folder, line: &str) -> Ended {
    let place = std::path::Path::new(OPUS).parent().expect("the binary lies in a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", line]).env("PATH", format!("{}:{path}", place.display()));
    folder.at_home(&mut bash);
    Ended::of(line, bash.output().expect("bash runs"))
}

#[test]
fn every_verb_has_examples_that_run_as_they_are_written() {
    let folder = Folder::new("help");
    folder.copy("spec/o02/data/credit.parquet", "applications.parquet");
    folder.copy("spec/o02/data/credit.expected.csv", "expected.csv");
    folder.write("facts.csv", "key,valid_from,value\nscore_floor,2025-01-01,700\n");
    let general = folder.opus("--help").ends(0);
    let verbs = verbs(general.text());
    assert!(verbs.len() >= 10 && verbs.contains(&"batch".to_owned()), "{verbs:?}");
    let mut helps = vec![general];
    helps.extend(verbs.iter().map(|verb| folder.opus(&format!("{verb} --help")).ends(0)));
    for help in helps {
        let examples = examples(help.text());
        assert!(!examples.is_empty(), "there is no example\n{help}");
        for example in examples {
            // policies that differ are not a success
            let code = if example.starts_with("opus diff ") { 1 } else { 0 };
            shell(&folder, &example).ends(code);
        }
    }
}

#[test]
fn completions_know_every_verb() {
    let folder = Folder::new("completions");
    let verbs = verbs(folder.opus("--help").ends(0).text());
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = folder.opus(&format!("completions {shell}")).ends(0);
        for verb in &verbs {
            assert!(script.text().contains(verb.as_str()), "{shell} does not know `{verb}`");
        }
    }
}
