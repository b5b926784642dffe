//! Does `spec/command.md` tell the truth? Its file is decided by its mapping as it says, its codes are all there are.

use opus_cli::failure::Exit;
use opus_ir::Fault;

use crate::folder::{Folder, project};

fn page() -> String {
    std::fs::read_to_string(project("spec/command.md")).expect("there is a page about the command")
}

/// The blocks in this language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    page.split(&opening).skip(1).map(|rest| rest.split("```").next().expect("a part")).collect()
}

#[test]
fn its_file_is_decided_as_it_says() {
    let (folder, page) = (Folder::new("page"), page());
    let [rows, decisions] = blocks(&page, "csv")[..] else { panic!("a file and its decisions") };
    let [columns, profile] = blocks(&page, "toml")[..] else { panic!("a mapping file and a profile") };
    folder.write("rows.csv", rows);
    folder.write("columns.toml", columns);
    folder.copy("spec/policies/credit.opus", "credit.opus");
    let line = page.split('`').find(|text| text.starts_with("opus batch")).expect("the command");
    let line = line.trim_start_matches("opus ").replace("spec/policies/", "");
    folder.opus(&line).ends(0);
    assert_eq!(folder.text("decisions.csv"), decisions);
    let (line, shown) = page
        .split("```\n$ opus ")
        .nth(1)
        .and_then(|block| block.split("```").next()?.split_once('\n'))
        .expect("a decision on one of its rows");
    let found = folder.opus(&line.replace("spec/policies/", "")).ends(0);
    assert_eq!(found.text(), shown, "the page shows another decision");
    folder.write("profile.toml", profile);
    folder.opus("sample credit.opus --profile profile.toml -n 100 -o sample.csv").ends(0);
    assert_eq!(folder.text("sample.csv").lines().count(), 101);
}

#[test]
fn its_codes_are_all_there_are() {
    let page = page();
    let codes = |heading: &str| -> Vec<String> {
        let section = page.split(heading).nth(1).expect("a section").split("\n## ").next().expect("a part");
        let rows = section.lines().filter(|line| line.starts_with("| ")).skip(2);
        rows.map(|row| row.trim_start_matches("| ").split(" |").next().expect("a cell").replace('`', ""))
            .collect()
    };
    let exits: Vec<String> = Exit::ALL.iter().map(|(exit, _)| (*exit as u8).to_string()).collect();
    assert_eq!(codes("## Exit codes"), exits);
    let mut faults: Vec<String> = Fault::ALL.iter().map(|fault| fault.code().to_owned()).collect();
    let mut told = codes("## Rejects");
    faults.sort();
    told.sort();
    assert_eq!(told, faults);
}
