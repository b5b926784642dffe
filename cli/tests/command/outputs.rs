//! Is what is written whole, and does it hold what it should? Rejects, summaries, interruptions.

use serde_json::{Value, json};

use crate::folder::Folder;
use crate::schema::assert_row;

/// Decides an output of every kind.
const EVERY_KIND: &str = "policy out.kinds {
  currency USD
  input { n : int in 0..9 }
  output {
    rate : percent in 0%..100%   m : money in $0..$1_000_000   d : date in 2020-01-01..2020-12-31
    b : bool   k : days in 0 days..9 days   dec : decimal(3) in 0.000..9.999
  }
  rules first { otherwise A => 12.5%, $1_234.50, 2020-02-29, true, 3 days, 1.250 }
}
";

/// Decides what it is given, of every kind.
const ALL_BACK: &str = "policy back.kinds {
  currency USD
  input {
    rate : percent in 0%..100%   m : money in $0..$1_000_000   d : date in 2020-01-01..2020-12-31
    b : bool   k : days in 0 days..9 days   dec : decimal(3) in 0.000..9.999
  }
  output {
    rate_out : percent in 0%..100%   m_out : money in $0..$1_000_000   d_out : date in 2020-01-01..2020-12-31
    b_out : bool   k_out : days in 0 days..9 days   dec_out : decimal(3) in 0.000..9.999
  }
  rules first { otherwise A => rate, m, d, b, k, dec }
}
";

#[test]
fn what_batch_writes_it_reads_in_every_format() {
    let folder = Folder::new("back");
    folder.write("kinds.opus", EVERY_KIND);
    folder.write("back.opus", ALL_BACK);
    folder.write("n.csv", "n\n5\n");
    for format in ["csv", "jsonl", "parquet", "arrow"] {
        folder.opus(&format!("batch kinds.opus n.csv -o out.{format}")).ends(0);
        // the second time as kept columns
        folder.opus(&format!("batch kinds.opus n.csv -o first.{format}")).ends(0);
        folder.write("keep.opus", "policy keep.it { input { row : int in 1..9 }\n output { n : int in 1..9 }\n rules first { otherwise A => row } }");
        folder
            .opus(&format!("batch keep.opus first.{format} -o kept.{format} --keep rate,m,d,b,k,dec"))
            .ends(0);
        for input in ["out", "kept"] {
            folder.opus(&format!("batch back.opus {input}.{format} -o again.csv")).ends(0);
            let again = folder.text("again.csv");
            assert_eq!(
                again.lines().nth(1),
                Some("1,12.50%,1234.50,2020-02-29,true,3,1.250,A,1"),
                "{format}"
            );
        }
    }
    assert_eq!(folder.text("out.csv").lines().nth(1), Some("1,12.50%,1234.50,2020-02-29,true,3,1.250,A,1"));
    let line = folder.text("out.jsonl");
    assert_row(line.trim());
    assert_eq!(
        line.trim(),
        r#"{"row":1,"rate":"12.50%","m":1234.50,"d":"2020-02-29","b":true,"k":3,"dec":1.250,"rule":"A","version":1}"#
    );
}

#[test]
fn every_sample_is_admitted_in_every_format() {
    let folder = Folder::new("samples");
    folder.write(
        "percent.opus",
        "policy p.q { input { p : percent in 0%..2_000% }\n output { q : percent in 0%..2_000% }\n rules first { otherwise R => p } }",
    );
    for format in ["csv", "jsonl", "parquet", "arrow"] {
        folder.opus(&format!("sample percent.opus -n 200 -o s.{format}")).ends(0);
        folder.opus(&format!("batch percent.opus s.{format} -o q.csv --max-rejects 0")).ends(0);
        assert_eq!(folder.text("q.csv").lines().count(), 201, "{format}");
    }
}

#[test]
fn rejects_are_written_even_where_there_are_none() {
    let folder = Folder::new("no-rejects");
    for format in ["csv", "jsonl", "parquet", "arrow"] {
        folder
            .opus(&format!("batch credit.opus good.csv -o out.csv --rejects none.{format} --keep id"))
            .ends(0);
        assert!(folder.names().contains(&format!("none.{format}")), "{format}");
    }
    assert_eq!(folder.text("none.csv"), "row,field,value,code,message,id\n");
    assert_eq!(folder.text("none.jsonl"), "");
    for format in ["parquet", "arrow"] {
        // a whole file without rows: what is wrong is that the columns are not those of applications
        let ended = folder.opus(&format!("batch credit.opus none.{format} -o out.csv")).ends(4);
        assert!(ended.err.contains("the columns are row, field, value, code, message, id"), "{ended}");
    }
}

#[test]
fn each_fault_is_a_line_of_the_rejects_with_what_was_kept() {
    let folder = Folder::new("rejects");
    let rows = folder.text("rows.csv") + "g,2025-02-30,40,745,1,1,500.00,36,salried,60,x,\nh,2025\n";
    folder.write("rows.csv", rows);
    folder.opus("batch credit.opus rows.csv -o out.csv --rejects r.csv --keep id").ends(3);
    let wanted = "\
row,field,value,code,message,id
4,age,15,out-of-range,age: 15 is outside 16..120,d
6,annual_income,90000.005,too-precise,\"annual_income: 90000.005 has more than 2 decimal places; to round it, write in a mapping file under [annual_income]: nearest = true\",f
7,submitted_on,2025-02-30,malformed-date,submitted_on: `2025-02-30` is not a date such as 2025-01-31,g
7,employment,salried,unknown-value,\"employment: `salried` is not one of salaried, self_employed, retired, student, unemployed; if that is how the file writes it, write in a mapping file under [employment]: values = { salried = 'salaried' }\",g
7,delinquencies_24m,x,wrong-type,delinquencies_24m: `x` is not a whole number,g
8,,\"h,2025\",malformed-row,\"the record has 2 cells, the header 12 cells\",h
";
    assert_eq!(folder.text("r.csv"), wanted);
    assert_eq!(
        folder.text("out.csv"),
        "\
row,decision,credit_amount,reason_code,rule,version,id
1,approve,9000.00,WITHIN_CAP,C8,1,a
2,decline,0.00,SCORE_BELOW_FLOOR,C4,2,b
3,decline,0.00,UNDER_AGE,C1,2,c
5,refer,0.00,THIN_FILE,C2,2,e
"
    );
}

#[test]
fn the_summary_names_what_was_decided_by_what() {
    let folder = Folder::new("summary");
    folder.opus("build credit.opus").ends(0);
    let line = "batch credit.opusc good.csv -o out.parquet --summary s.json --engine vm --threads 1";
    let ended = folder.opus(line).ends(0);
    let summary: Value = serde_json::from_str(&folder.text("s.json")).expect("the summary is JSON");
    let artifact: Value =
        serde_json::from_str(folder.opus("inspect credit.opusc --format json").ends(0).text()).expect("JSON");
    let content = artifact["content"].as_str().expect("a hash");
    for (pointer, wanted) in [
        ("/rows", json!(4)),
        ("/outputs/decision", json!({ "approve": 1, "refer": 1, "decline": 2 })),
        ("/versions/0/rules/0/rule", json!("C8")),
        ("/artifact/content", json!(content)),
        ("/inputs/0/blake3", json!(blake3::hash(&folder.bytes("good.csv")).to_hex().as_str())),
        ("/engine", json!("vm")),
        ("/output/file", json!("out.parquet")),
        ("/output/blake3", json!(blake3::hash(&folder.bytes("out.parquet")).to_hex().as_str())),
        ("/options/threads", json!(1)),
    ] {
        assert_eq!(summary.pointer(pointer), Some(&wanted), "{pointer}\n{summary:#}");
    }
    for words in [
        "rows                 4",
        "  approve            1",
        "version 2            3",
        "columns that no field reads: `id`",
    ] {
        assert!(ended.err.contains(words), "`{words}` is missing\n{ended}");
    }
    assert_eq!(summary["mapping"], Value::Null);
    folder.write("columns.toml", "ignore_case = true\n");
    let ended = folder.opus(&format!("{line} --columns columns.toml")).ends(0);
    let summary: Value = serde_json::from_str(&folder.text("s.json")).expect("the summary is JSON");
    let hash = blake3::hash(&folder.bytes("columns.toml")).to_hex();
    let length = folder.bytes("columns.toml").len();
    assert_eq!(
        summary["mapping"],
        json!({ "file": "columns.toml", "bytes": length, "blake3": hash.as_str() })
    );
    assert!(ended.err.contains(&format!("mapping columns.toml  blake3 {hash}\n")), "{ended}");
    // formats that can say it name the artifact
    folder.opus("batch credit.opusc good.csv -o out.arrow").ends(0);
    for name in ["out.parquet", "out.arrow"] {
        let bytes = folder.bytes(name);
        assert!(bytes.windows(content.len()).any(|part| part == content.as_bytes()), "{name}");
    }
}

/// Everything is written before anything gets its name.
#[cfg(target_os = "linux")]
#[test]
fn where_one_output_cannot_be_written_there_is_none() {
    let folder = Folder::new("full");
    let before = folder.names();
    for line in [
        "-o /dev/full --output-format csv --rejects r.csv --summary s.json",
        "-o out.csv --rejects /dev/full --rejects-format csv --summary s.json",
        "-o out.csv --rejects r.csv --summary /dev/full",
    ] {
        let ended = folder.opus(&format!("batch credit.opus good.csv {line}")).ends(4);
        assert!(ended.err.contains("/dev/full: cannot be written: no space left on device"), "{ended}");
        assert_eq!(folder.names(), before, "{ended}");
    }
}

#[test]
fn a_note_about_columns_that_nobody_reads_names_the_files() {
    let folder = Folder::new("ignored");
    folder.write("copy.csv", folder.bytes("good.csv"));
    let ended = folder.opus("batch credit.opus good.csv copy.csv -o out.csv").ends(0);
    assert!(ended.err.contains("columns that no field reads: `id` in copy.csv and another file"), "{ended}");
}

#[test]
fn a_comparison_tells_which_columns_it_leaves_out() {
    let folder = Folder::new("compared");
    folder.opus("batch credit.opus good.csv -o expected.csv --keep id").ends(0);
    let ended = folder.opus("test credit.opus --input good.csv --expected expected.csv").ends(0);
    assert!(ended.err.contains("columns that no field reads: `id`"), "{ended}");
    assert!(ended.err.contains("columns that are not compared: `id`, `row`, `rule`, `version`"), "{ended}");
    let line = "test credit.opus --input good.csv --expected expected.csv --on id --format json";
    let told: Value = serde_json::from_str(folder.opus(line).ends(0).text()).expect("JSON");
    assert_eq!(told["ignored_columns"], json!([]));
    assert_eq!(told["not_compared"], json!(["row", "rule", "version"]));
}

#[test]
fn a_comparison_takes_the_inputs_that_a_batch_takes() {
    let folder = Folder::new("compared-folder");
    std::fs::create_dir(folder.path("in")).expect("a folder");
    folder.opus("sample credit.opus -n 3 --seed 1 -o in/b.parquet").ends(0);
    folder.write("in/a.csv", folder.bytes("good.csv"));
    folder.write("in/notes.txt", "these are no rows");
    folder.opus("batch credit.opus in -o expected.csv").ends(0);
    for inputs in ["--input in", "--input in/a.csv --input in/b.parquet"] {
        let ended = folder.opus(&format!("test credit.opus {inputs} --expected expected.csv")).ends(0);
        assert_eq!(ended.text(), "7 rows compared, 0 differ\n");
        assert_eq!(ended.err.contains("are not read: `in/notes.txt`"), inputs == "--input in", "{ended}");
    }
    let ended = folder.opus("test credit.opus --input in/b.parquet --expected expected.csv").ends(1);
    assert!(ended.text().contains("7 rows compared, "), "{ended}");
    let ended = folder.opus("test credit.opus --input in --expected in").ends(2);
    assert!(ended.err.contains("`in` is a folder: name one file"), "{ended}");
}

#[test]
fn a_folder_is_its_files_in_the_order_of_their_names() {
    let folder = Folder::new("folder");
    std::fs::create_dir(folder.path("in")).expect("a folder");
    folder.opus("sample credit.opus -n 3 --seed 1 -o in/b.parquet").ends(0);
    folder.write("in/a.csv", folder.bytes("good.csv"));
    folder.write("in/notes.txt", "these are no rows");
    let ended = folder.opus("batch credit.opus in -o all.csv").ends(0);
    // nothing is left out in silence
    assert!(ended.err.contains("files and folders that are not read: `in/notes.txt`"), "{ended}");
    folder.opus("batch credit.opus in/a.csv in/b.parquet -o listed.csv").ends(0);
    assert_eq!(folder.text("all.csv"), folder.text("listed.csv"));
    assert_eq!(folder.text("all.csv").lines().count(), 1 + 4 + 3);
}

/// A file without a name needs a file system that knows such files.
#[cfg(target_os = "linux")]
#[test]
fn nothing_remains_where_a_command_is_killed() {
    use rustix::fs::{Mode, OFlags};
    use std::io::Write;
    use std::process::Stdio;

    let folder = Folder::new("killed");
    let flags = OFlags::TMPFILE | OFlags::WRONLY;
    if rustix::fs::open(folder.path(""), flags, Mode::RUSR | Mode::WUSR).is_err() {
        println!("skipped: there are no files without names here");
        return;
    }
    folder.write("out.csv", "before");
    let before = folder.names();
    let line = "batch credit.opus - --input-format csv -o out.csv --rejects r.csv --summary s.json";
    let mut child = folder.command(line).stdin(Stdio::piped()).spawn().expect("opus runs");
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    let good = folder.text("good.csv");
    let (header, rows) = good.split_once('\n').expect("a header");
    // more than two blocks: when they have been taken, the first has been decided
    let many = format!("{header}\n{}", rows.repeat((9 << 20) / rows.len()));
    stdin.write_all(many.as_bytes()).expect("opus reads");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert_eq!(folder.names(), before);
    assert_eq!(folder.text("out.csv"), "before");
}

#[test]
fn two_outputs_never_go_to_one_file() {
    let folder = Folder::new("one-file");
    let absolute = folder.path("same.csv").display().to_string();
    for rejects in ["same.csv", "./same.csv", "../here/same.csv", &absolute] {
        let ended =
            folder.opus(&format!("batch credit.opus good.csv -o same.csv --rejects {rejects}")).ends(2);
        assert!(ended.err.contains("two outputs"), "{ended}");
        assert!(!folder.names().contains(&"same.csv".to_owned()), "{ended}");
    }
    folder.opus("batch credit.opus good.csv -o same.csv --summary ./same.csv").ends(2);
}

#[cfg(unix)]
#[test]
fn a_link_as_output_is_followed_whether_or_not_its_file_exists() {
    let folder = Folder::new("links");
    folder.write("old.csv", "old");
    for (link, file) in [("live.csv", "old.csv"), ("dangling.csv", "new.csv")] {
        std::os::unix::fs::symlink(file, folder.path(link)).expect("a link");
        folder.opus(&format!("batch credit.opus good.csv -o {link}")).ends(0);
        assert!(folder.path(link).is_symlink(), "{link} was replaced");
        assert!(folder.text(file).starts_with("row,decision"), "{file} was not written");
        let ended = folder.opus(&format!("batch credit.opus good.csv -o {link} --rejects {file}")).ends(2);
        assert!(ended.err.contains("two outputs"), "{ended}");
    }
}

#[test]
fn an_input_that_is_given_twice_is_an_error() {
    let folder = Folder::new("twice");
    let ended = folder.opus("batch credit.opus good.csv ./good.csv -o out.csv").ends(2);
    assert!(ended.err.contains("same file"), "{ended}");
    let ended = folder.opus("batch credit.opus good.csv good.csv -o out.csv").ends(2);
    assert!(ended.err.contains("given twice"), "{ended}");
}

#[test]
fn negative_numbers_are_out_of_range_rather_than_unexpected() {
    let folder = Folder::new("negative");
    let ended = folder.opus("batch credit.opus good.csv -o out.csv --threads -1").ends(2);
    assert!(ended.err.contains("'-1'") && !ended.err.contains("unexpected argument"), "{ended}");
    let ended = folder.opus("sample credit.opus -n -5 -o out.csv").ends(2);
    assert!(!ended.err.contains("unexpected argument"), "{ended}");
}

/// An output called `row` keeps its name; the number of the row moves to another column.
#[test]
fn an_output_called_row_keeps_its_name() {
    let folder = Folder::new("row");
    folder.write(
        "rowed.opus",
        "policy p { input { n : int in 0..9 }  output { row : int in 0..9 }  rules first { otherwise R => n } }",
    );
    folder.write("in.csv", "n\n7\n8\n");
    let checked = folder.opus("check rowed.opus").ends(0);
    assert!(checked.err.contains("W0907"), "{checked}");
    folder.opus("batch rowed.opus in.csv -o out.csv").ends(0);
    assert_eq!(folder.text("out.csv"), "row_number,row,rule,version\n1,7,R,1\n2,8,R,1\n");
}

#[test]
fn a_column_of_the_mapping_that_is_in_no_object_is_an_error() {
    let folder = Folder::new("no-object");
    let policy =
        "policy a.child { input { age : int in 0..120 optional   n : int in 0..9 }  output { child : bool }
        rules first { rule A when age is present and age < 18 => true   otherwise B => false } }";
    folder.write("child.opus", policy);
    folder.write("rows.jsonl", "{\"Alter\": 12, \"n\": 1}\n{\"n\": 2, \"p\": {\"age\": 12}}\n");
    let decided = "row,child,rule,version\n1,true,A,1\n2,false,B,1\n";
    for (mapping, code, words) in [
        ("age = { column = \"Alter\" }", 0, ""),
        ("age = { column = \"Altr\" }", 4, "no object has `Altr`"),
        ("age = { column = [\"p\", \"agge\"] }", 4, "no object has `p.agge`"),
        ("age = { column = false }", 0, ""),
    ] {
        folder.write("columns.toml", mapping);
        let ended = folder.opus("batch child.opus rows.jsonl --columns columns.toml -o out.csv").ends(code);
        assert!(ended.err.contains(words), "{ended}");
        assert_eq!(folder.names().contains(&"out.csv".to_owned()), code == 0, "{ended}");
        if mapping.contains("Alter") {
            assert_eq!(folder.text("out.csv"), decided);
        }
        let _ = std::fs::remove_file(folder.path("out.csv"));
    }
    // `null` in every object, and no readable object at all, are not a wrong name
    folder.write("columns.toml", "age = { column = \"Alter\" }");
    folder.write("nulls.jsonl", "{\"Alter\": null, \"n\": 1}\n{\"n\": 2}\n");
    folder.opus("batch child.opus nulls.jsonl --columns columns.toml -o out.csv").ends(0);
    folder.write("broken.jsonl", "{\n");
    folder.opus("batch child.opus broken.jsonl --columns columns.toml -o out.csv").ends(3);
}
