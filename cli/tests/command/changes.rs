//! Do `opus diff` and `opus apply` lead from one policy to the other and back, and say what is wrong otherwise?

use serde_json::Value;

use crate::folder::Folder;

/// A folder with `credit.opus` and `changed.opus`, between which there are two edits that need one another and a text.
fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    let changed = folder
        .text("credit.opus")
        .replace("version 2 from 2025-01-01\n", "version 2 from 2025-01-01\n  version 3 from 2026-01-01\n")
        .replace("from 2025-01-01 = 700\n", "from 2025-01-01 = 700\n    from 2026-01-01 = 720\n")
        .replace("\"Thin file\"", "\"No file\"");
    folder.write("changed.opus", changed);
    folder
}

const LINES: &str = "\
E1  version 3 added, from 2026-01-01
E2  param score_floor: 720 from version 3 (needs E1)
T1  rule C2 title: \"Thin file\" becomes \"No file\"
";

#[test]
fn a_script_leads_there_and_back() {
    let folder = folder("script");
    let ended = folder.opus("diff credit.opus changed.opus -o script.json").ends(1);
    assert_eq!(ended.text(), LINES);
    folder.opus("apply script.json credit.opus -o there.opus").ends(0);
    assert_eq!(
        folder.opus("diff there.opus changed.opus").ends(0).text(),
        "the policies have the same structure\n"
    );
    folder.opus("apply script.json there.opus --invert -o back.opus").ends(0);
    folder.opus("diff credit.opus back.opus").ends(0);
    folder.opus("fmt --check back.opus").ends(0);
    // artifacts have their source with them
    folder.opus("build changed.opus -o changed.opusc").ends(0);
    assert_eq!(folder.opus("diff credit.opus changed.opusc").ends(1).text(), LINES);
}

#[test]
fn versions_of_the_policies_differ_in_one_edit_each() {
    let folder = Folder::new("versions");
    let edits = [
        ("credit", "E1  param score_floor: 680 becomes 700\n"),
        ("insurance", "E1  param waived_above: $10_000 becomes $15_000\n"),
        ("refund", "E1  param return_window: 30 days becomes 14 days\n"),
    ];
    for (policy, edit) in edits {
        assert_eq!(folder.opus(&format!("diff {policy}.opus@1 {policy}.opus@2")).ends(1).text(), edit);
    }
    let ended = folder.opus("diff credit.opus@1 credit.opus@7").ends(2);
    assert!(
        ended.err.contains("`credit.opus` has no version 7") && ended.err.contains("1, 2"),
        "{}",
        ended.err
    );
}

#[test]
fn a_part_of_a_script_has_to_hold_what_it_needs() {
    let folder = folder("only");
    folder.opus("diff credit.opus changed.opus -o script.json").ends(1);
    let ended = folder.opus("apply script.json credit.opus --only E2 -o some.opus").ends(2);
    assert!(ended.err.contains("`--only` leaves out E1: E2 needs E1"), "{}", ended.err);
    assert!(ended.err.contains("write `--only E1,E2`"), "{}", ended.err);
    folder.opus("apply script.json credit.opus --only E1 -o some.opus").ends(0);
    let left = "E1  param score_floor: 720 from version 3\n";
    assert_eq!(folder.opus("diff some.opus changed.opus").ends(1).text(), left);
    let ended = folder.opus("apply script.json credit.opus --only E9 -o none.opus").ends(2);
    assert!(ended.err.contains("the script has no edit E9") && ended.err.contains("E1, E2"), "{}", ended.err);
    folder.opus("apply script.json credit.opus --only nine -o none.opus").ends(2);
    assert!(!folder.names().contains(&"none.opus".to_owned()));
}

#[test]
fn what_is_wrong_is_told_and_nothing_is_written() {
    let folder = folder("wrong");
    folder.opus("diff credit.opus changed.opus -o script.json").ends(1);
    let ended = folder.opus("apply script.json refund.opus -o none.opus").ends(4);
    assert!(ended.err.contains("the script was made from another policy"), "{}", ended.err);
    folder.write("damaged.json", folder.text("script.json").replace("720", "721"));
    let ended = folder.opus("apply damaged.json credit.opus -o none.opus").ends(4);
    assert!(ended.err.contains("the script was changed"), "{}", ended.err);
    let ended = folder.opus("apply credit.opus credit.opus@1 -o none.opus").ends(4);
    assert!(ended.err.contains("is not a script of edits"), "{}", ended.err);
    folder.opus("diff credit.opus changed.opus -o credit.opus").ends(2);
    folder.opus("diff credit.opus missing.opus -o none.opus").ends(4);
    folder.opus("diff - - -o none.opus").ends(2);
    assert!(!folder.names().contains(&"none.opus".to_owned()));
}

#[test]
fn programs_read_what_changed() {
    let folder = folder("changes_json");
    let ended = folder.opus("diff credit.opus changed.opus --format json").ends(1);
    let found: Value = serde_json::from_str(ended.text()).expect("one document");
    assert_eq!(found["equal"], false);
    assert_eq!(found["equal_meaning"], false);
    assert_eq!(found["edits"][1]["needs"][0], "E1");
    assert_eq!(found["edits"][2]["decides"], false);
    // a comment is no difference, and a title changes no decision
    let titled = folder.text("credit.opus").replace("\"Thin file\"", "\"No file\"");
    folder.write("titled.opus", titled);
    let ended = folder.opus("diff credit.opus titled.opus").ends(1);
    assert!(ended.text().starts_with("T1  rule C2 title"), "{}", ended.text());
}

/// A file of another kind in place of a policy is named as what it is, with what to do.
#[test]
fn a_file_of_another_kind_is_no_policy() {
    let folder = folder("kinds");
    folder.write("facts.csv", "key,valid_from,value\nfloor,2024-01-01,680\n");
    folder.write("facts.toml", "[[fact]]\nkey = \"floor\"\nvalid_from = 2024-01-01\nvalue = 680\n");
    folder.write("rows.jsonl", "{\"age\": 40}\n{\"age\": 41}\n");
    folder.write("mapping.toml", "[age]\ncolumn = \"years\"\n");
    folder.opus("snapshot build facts.csv -o world.opuss").ends(0);
    folder.opus("diff credit.opus changed.opus -o script.json").ends(1);
    folder.opus("batch credit.opus good.csv -o out.parquet --record july").ends(0);
    for (file, kind, help) in [
        ("world.opuss", "a snapshot", "`opus snapshot diff`"),
        ("good.csv", "a file of rows", "the policy comes first"),
        ("rows.jsonl", "a file of rows", "the policy comes first"),
        ("out.parquet", "a file of rows", "the policy comes first"),
        ("facts.csv", "a file of facts", "`opus snapshot build`"),
        ("facts.toml", "a file of facts", "`opus snapshot build`"),
        ("mapping.toml", "a TOML file", "`--columns`"),
        ("july/manifest.json", "the manifest of a record", "`opus replay`"),
        ("script.json", "a script of edits", "`opus apply`"),
        ("application.json", "a JSON file", "must begin with `policy`"),
    ] {
        for line in
            [format!("diff credit.opus {file}"), format!("diff {file} credit.opus"), format!("check {file}")]
        {
            let ended = folder.opus(&line).ends(if kind == "a snapshot" || file.ends_with("parquet") {
                4
            } else {
                1
            });
            let says = format!("`{file}`: neither a policy nor an artifact, but {kind}");
            assert!(ended.err.contains(&says) && ended.err.contains(help), "{line}: {}", ended.err);
        }
    }
    let ended = folder.opus("diff credit.opus july").ends(4);
    assert!(ended.err.contains("`july/artifact.opusc`"), "{}", ended.err);
    folder.opus("diff credit.opus july/artifact.opusc").ends(0);
    // whatever its file is called, a policy is one
    folder.write("policy.csv", folder.text("credit.opus"));
    folder.opus("diff credit.opus policy.csv").ends(0);
}
