//! What does the command say of columns that are misspelled or missing, and of values that are written in another way?

use serde_json::Value;

use crate::folder::Folder;

/// Objects for `credit.opus`, of which the first are as they should be, and the last name a field otherwise.
fn objects(folder: &Folder, right: usize, wrong: usize) -> String {
    let object = folder.text("application.json").split_whitespace().collect::<String>();
    let misspelled = object.replace("\"score\"", "\"scroe\"");
    assert_ne!(object, misspelled);
    format!("{}{}", format!("{object}\n").repeat(right), format!("{misspelled}\n").repeat(wrong))
}

/// The rows of `good.csv` without their fourth column.
fn without_score(folder: &Folder) -> String {
    let without = |line: &str| {
        let mut cells: Vec<&str> = line.split(',').collect();
        cells.remove(3);
        cells.join(",") + "\n"
    };
    folder.text("good.csv").lines().map(without).collect()
}

#[test]
fn a_misspelled_name_in_objects_is_no_missing_value() {
    let folder = Folder::new("misspelled");
    folder.write("wrong.jsonl", objects(&folder, 0, 3));
    folder.write("right.jsonl", objects(&folder, 3, 0));
    folder.write("some.jsonl", objects(&folder, 2, 3));
    for inputs in ["wrong.jsonl", "right.jsonl wrong.jsonl", "wrong.jsonl right.jsonl"] {
        let ended = folder.opus(&format!("batch credit.opus {inputs} -o out.csv")).ends(4);
        for says in [
            "wrong.jsonl: no object has `score`",
            "did you mean `scroe`?",
            "under [score]: column = false",
            "`--fill FIELD=VALUE`",
        ] {
            assert!(ended.err.contains(says), "{says}: {ended}");
        }
        assert!(!folder.names().contains(&"out.csv".to_owned()), "{ended}");
        folder.opus(&format!("coverage credit.opus {inputs}")).ends(4);
        folder.opus(&format!("impact credit.opus credit.opus {inputs}")).ends(4);
    }
    let ended = folder.opus("batch credit.opus some.jsonl -o out.csv").ends(0);
    let note = "`scroe` (in 3 rows) is read by no field; did you mean `score`?\n";
    assert!(ended.err.contains(note), "{ended}");
    let ended = folder.opus("batch credit.opus some.jsonl -o out.csv --format json").ends(0);
    let summary: Value = serde_json::from_str(ended.text()).expect("a document");
    assert_eq!(summary["misspelled_columns"][0]["rows"], 3, "{ended}");
    let ended = folder.opus("batch credit.opus right.jsonl -o out.csv").ends(0);
    assert!(!ended.err.contains("scroe") && !ended.err.contains("`score`"), "{ended}");
    // a mapping file says that it is so
    folder.write("columns.toml", "score = { column = false }");
    let ended = folder.opus("batch credit.opus wrong.jsonl -o out.csv --columns columns.toml").ends(0);
    assert!(!ended.err.contains("did you mean"), "{ended}");
    folder.write("columns.toml", "score = { column = \"scroe\" }");
    folder.opus("batch credit.opus wrong.jsonl -o out.csv --columns columns.toml").ends(0);
}

#[test]
fn an_optional_field_that_no_object_names_is_noted() {
    let folder = Folder::new("unnamed");
    folder.write("right.jsonl", objects(&folder, 1, 0));
    folder.write("without.jsonl", objects(&folder, 0, 2).replace("scroe", "remark"));
    let ended = folder.opus("batch credit.opus right.jsonl without.jsonl -o out.csv").ends(0);
    let note = "missing in every row, because no object names them: \
                `months_since_bankruptcy` in right.jsonl and another file, `score` in without.jsonl\n";
    assert!(ended.err.contains(note), "{ended}");
    // of CSV too, where some files have the column
    folder.write("short.csv", without_score(&folder));
    let ended = folder.opus("batch credit.opus good.csv short.csv -o out.csv").ends(4);
    for says in ["short.csv: there is no column `score`", "column = false", "`--fill FIELD=VALUE`"] {
        assert!(ended.err.contains(says), "{says}: {ended}");
    }
}

#[test]
fn a_value_is_filled_in_where_a_file_lacks_the_column() {
    let folder = Folder::new("filled");
    folder.write("short.csv", without_score(&folder));
    for fill in ["missing", "700"] {
        let line =
            format!("batch credit.opus good.csv short.csv --fill score={fill} -o out.csv --record {fill}");
        let ended = folder.opus(&line).ends(0);
        let note =
            "columns that the inputs have, so that --fill sets no value in them: `score` in good.csv\n";
        assert!(ended.err.contains(note), "{ended}");
        folder.opus("batch credit.opus good.csv -o alone.csv").ends(0);
        let (both, alone) = (folder.text("out.csv"), folder.text("alone.csv"));
        // the column that is there is read
        assert!(both.starts_with(&alone), "{both}");
        let rules: Vec<&str> = both.lines().skip(5).filter_map(|line| line.split(',').nth(4)).collect();
        assert_eq!(
            rules.iter().filter(|rule| **rule == "C2").count(),
            if fill == "missing" { 3 } else { 0 },
            "{both}"
        );
        let ended = folder.opus(&format!("replay {fill}")).ends(0);
        assert!(ended.text().starts_with("identical"), "{ended}");
        let line = format!("run credit.opus --input good.csv --input short.csv --row 5 --fill score={fill}");
        folder.opus(&line).ends(0);
    }
    let ended = folder.opus("batch credit.opus short.csv --fill scor=1 -o out.csv").ends(2);
    assert!(ended.err.contains("did you mean `score`?"), "{ended}");
}

#[test]
fn a_column_to_keep_that_no_object_has_is_an_error() {
    let folder = Folder::new("keep-unnamed");
    let object = objects(&folder, 2, 0).replace('{', "{\"loan_id\":1,\"loan\":{\"id\":1},");
    folder.write("rows.jsonl", object);
    for (line, says) in [
        (
            "batch credit.opus rows.jsonl -o out.csv --keep loanid",
            "no object has `loanid`\n  help: did you mean `loan_id`",
        ),
        ("batch credit.opus rows.jsonl -o out.csv --keep loan.id", "can only be copied as a whole"),
        (
            "impact credit.opus credit.opus rows.jsonl --by zone",
            "no object has `zone`\n  help: the names are ",
        ),
    ] {
        let ended = folder.opus(line).ends(4);
        assert!(ended.err.contains(says), "{ended}");
    }
    folder.opus("batch credit.opus rows.jsonl -o out.csv --keep loan_id,loan,score").ends(0);
}

#[test]
fn a_refused_value_is_shown_in_the_summary_and_found_in_its_file() {
    let folder = Folder::new("first-fault");
    let ended = folder.opus("batch credit.opus good.csv rows.csv -o out.csv --rejects rejects.csv").ends(3);
    assert!(ended.err.contains("first in row 8: 15\n"), "{ended}");
    let rejects = folder.text("rejects.csv");
    assert!(rejects.starts_with("row,file,file_row,field,"), "{rejects}");
    assert!(rejects.contains("\n8,rows.csv,4,age,15,"), "{rejects}");
    folder.opus("coverage credit.opus rows.csv --max-rejects 2").ends(0);
    let ended = folder.opus("coverage credit.opus rows.csv").ends(3);
    assert!(ended.err.contains("refused: out-of-range age 1, first in row 4: 15\n"), "{ended}");
}

#[test]
fn inputs_must_have_as_many_rows_as_are_expected() {
    let folder = Folder::new("expect-rows");
    folder.opus("batch credit.opus good.csv -o out.csv --expect-rows 4").ends(0);
    let ended = folder.opus("batch credit.opus good.csv -o none.csv --expect-rows 5").ends(4);
    assert!(ended.err.contains("the inputs have 4 rows, but --expect-rows says 5"), "{ended}");
    assert!(!folder.names().contains(&"none.csv".to_owned()));
}
