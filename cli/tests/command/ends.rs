//! How does it end? Every exit code, by what leads to it, with the words that tell why, and nothing left behind.

use crate::folder::Folder;

/// A policy with a percentage, and one test that fails.
const LOAN: &str = r#"
policy loan {
  currency USD
  enum Answer { yes, no }
  input  { rate : percent in 0%..100%   amount : money in $0.00..$1_000.00 }
  output { answer : Answer }
  rules first {
    rule R1 when rate > 50% and amount > $10 => no
    otherwise R2                             => yes
  }
  case low { rate = 10%  amount = $5 }
  test "is not so" { given low  expect answer = no }
}
"#;

/// What else there is to run commands on.
fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("loan.opus", LOAN);
    folder.write("bad.opus", "policy p { inputt {} }");
    folder.write("young.json", r#"{"age": 15}"#);
    for name in ["empty.csv", "empty.parquet", "empty.arrow"] {
        folder.write(name, "");
    }
    folder.write("quote.csv", folder.text("rows.csv") + "g,\"2025-02-01,40\n");
    folder.write("renamed.csv", folder.text("rows.csv").replace("score", "fico_score").replace("age", "Age"));
    folder.write("semicolons.csv", folder.text("rows.csv").replace(',', ";"));
    folder.write("bare.csv", "rate,amount\n43,5\n0.4,5\n");
    folder.write("answers.csv", "answer\nyes\nyes\n");
    folder.write("mixed.csv", "rate,amount\n43%,5\n0.4,5\n");
    folder.write("wrong.csv", "id,decision,credit_amount,reason_code\nb,approve,9000.00,WITHIN_CAP\n");
    folder.opus("build credit.opus").ends(0);
    let artifact = folder.bytes("credit.opusc");
    folder.write("short.opusc", &artifact[..artifact.len() / 2]);
    let mut damaged = artifact.clone();
    damaged[artifact.len() / 2] ^= 1;
    folder.write("damaged.opusc", damaged);
    folder.opus("sample credit.opus -n 100 -o whole.parquet").ends(0);
    let whole = folder.bytes("whole.parquet");
    folder.write("short.parquet", &whole[..whole.len() - 9]);
    std::fs::create_dir(folder.path("nothing")).expect("a folder");
    std::fs::create_dir(folder.path("many")).expect("a folder");
    folder.write("many/rows.csv", folder.text("good.csv"));
    folder.write("returns.csv", folder.text("rows.csv").replace('\n', "\r"));
    folder
}

/// Commands that leave nothing behind: how they end, and what they say.
const ENDS: &[(&str, i32, &str)] = &[
    ("check credit.opus", 0, "no errors, no warnings"),
    ("fmt --check credit.opus", 0, ""),
    ("inspect credit.opusc", 0, ""),
    // a policy or a test
    ("check bad.opus", 1, "`opus explain-code E0101` explains the first"),
    ("check bad.opus credit.opus", 1, "credit.opus: no errors"),
    ("run bad.opus --input application.json", 1, "it does not compile"),
    ("batch bad.opus rows.csv -o out.csv", 1, "it does not compile"),
    ("fmt bad.opus", 1, "bad.opus:1:12"),
    ("fmt --check loan.opus", 1, "`opus fmt` would change it"),
    ("test loan.opus", 1, "test \"is not so\": `answer` should be no"),
    ("test credit.opus --input good.csv --expected wrong.csv --on id", 1, ""),
    // usage
    ("", 2, "Usage: opus"),
    ("decide", 2, "unrecognized subcommand 'decide'"),
    ("batch credit.opus rows.csv", 2, "--output <FILE>"),
    ("batch credit.opus rows.csv -o out.csv --threads 0", 2, "--threads"),
    ("batch credit.opus rows.csv -o out.csv --threads 1025", 2, "a whole number from 1 to 1024 is expected"),
    ("batch credit.opus rows.csv -o out.csv --threads x", 2, "a whole number from 1 to 1024 is expected"),
    ("batch credit.opus rows.csv -o out.csv --max-rejects -1", 2, "invalid number of rejects `-1`"),
    ("batch rows.csv credit.opus -o out.csv", 2, "the policy comes first: opus batch credit.opus rows.csv"),
    ("run credit.opus application.json", 2, "write `--input application.json`"),
    ("run application.json --input credit.opus", 1, "a policy must begin with"),
    ("sample credit.opus --seed -1 -o out.csv", 2, "a whole number from 0 to 18446744073709551615"),
    ("sample credit.opus --seed x -o out.csv", 2, "in digits, is expected"),
    ("batch credit.opus rows.csv -o out.csv --max-rejects some", 2, "a percentage such as 0.5%"),
    ("batch credit.opus rows.csv -o out.csv --max-rejects 100.1%", 2, "invalid number of rejects `100.1%`"),
    ("batch credit.opus rows.csv -o out.txt", 2, "a name that ends in .parquet, .csv, .jsonl, .json, .arrow"),
    ("batch credit.opus rows.csv -o out.csv --rejects out", 2, "pass `--rejects-format`"),
    ("batch credit.opus - -o out.csv", 2, "pass `--input-format`"),
    ("batch credit.opus rows.csv -o -", 2, "pass `--output-format`"),
    ("batch - - --input-format csv -o out.csv", 2, "standard input can be read only once"),
    ("run -", 2, "standard input can be read only once"),
    ("test credit.opus --input - --expected -", 2, "standard input can be read only once"),
    ("batch credit.opus rows.csv -o rows.csv", 2, "the output is also an input"),
    ("batch credit.opus rows.csv -o ../here/rows.csv", 2, "the output is also an input"),
    ("batch credit.opus rows.csv -o out.csv --rejects rows.csv", 2, "the output is also an input"),
    ("batch credit.opus rows.csv -o out.csv --rejects out.csv", 2, "two outputs would go to this file"),
    ("batch credit.opus rows.csv -o out.csv --summary out.csv", 2, "two outputs would go to this file"),
    ("batch credit.opus rows.csv -o out.csv --summary rows.csv", 2, "the output is also an input"),
    ("batch credit.opus rows.csv -o credit.opus --output-format csv", 2, "the output is also an input"),
    ("batch credit.opus many -o many/out.csv", 2, "the output is in a folder that is read"),
    ("batch credit.opus many -o out.csv --rejects ./many/r.csv", 2, "name a file outside many"),
    ("batch credit.opus rows.csv -o out.csv --keep id,id", 2, "`--keep` names the column `id` twice"),
    ("batch credit.opus rows.csv -o out.csv --keep a,,b", 2, "the name of a column is expected"),
    ("batch credit.opus rows.csv -o out.csv --keep=", 2, "the name of a column is expected"),
    (
        "impact credit.opus credit.opus rows.csv -o out.csv --keep id,id",
        2,
        "`--keep` names the column `id` twice",
    ),
    ("sample credit.opus -o ./credit.opus --output-format csv", 2, "the output is also an input"),
    ("build credit.opus -o ./credit.opus", 2, "the output is also an input"),
    ("build credit.opusc", 2, "the output is also an input"),
    ("build -", 2, "name the artifact with -o"),
    ("inspect credit.opusc --ir --source", 2, "cannot be used with"),
    ("test credit.opus --input rows.csv", 2, "--expected <FILE>"),
    ("explain-code E9999", 2, "there is no diagnostic `E9999`"),
    ("explain-code single-equal", 2, "perhaps `single-equals`"),
    // rejects
    ("run credit.opus --input young.json", 3, ""),
    // input or output
    ("check nosuch.opus credit.opus", 4, "credit.opus: no errors"),
    ("check credit.opusc", 4, "`opus inspect credit.opusc --source` prints the text"),
    ("check whole.parquet", 4, "neither a policy nor an artifact"),
    ("run credit.opus --input nosuch.json", 4, "`nosuch.json` cannot be read"),
    ("run credit.opus --input whole.parquet", 2, "`--row N` decides row N"),
    ("run credit.opus --input credit.opusc", 4, "is not a JSON object: it is not UTF-8"),
    ("run credit.opus --input empty.csv --row 1", 4, "empty.csv: there is no header"),
    ("run credit.opus --input empty.parquet --row 1", 4, "empty.parquet: the file is empty"),
    ("check nothing", 4, "`nothing` cannot be read: it is a folder"),
    ("batch credit.opus rows.csv -o out.csv --columns nothing", 4, "nothing: cannot be read: it is a folder"),
    (
        "batch credit.opus rows.csv -o out.csv --columns credit.opusc",
        4,
        "credit.opusc: invalid UTF-8 at byte 5",
    ),
    ("sample credit.opus -o out.csv --profile credit.opusc", 4, "credit.opusc: invalid UTF-8 at byte 5"),
    (
        "batch credit.opus rows.csv -o out.csv --columns rows.csv",
        2,
        "rows.csv: line 1, `id,submitted_on,age,score,annual_income,monthly_debt,request…`, is not valid TOML",
    ),
    ("batch credit.opus empty.arrow -o out.csv", 4, "empty.arrow: the file is empty"),
    ("batch credit.opus nothing -o out.csv", 4, "files are known by their extensions: .parquet, .csv"),
    ("batch credit.opus nosuch.csv -o out.csv", 4, "nosuch.csv: cannot be read"),
    ("batch credit.opus empty.csv -o out.csv --rejects r.csv", 4, "empty.csv: there is no header"),
    ("batch credit.opus quote.csv -o out.csv --rejects r.csv", 4, "a quote in line 8 is never closed"),
    ("batch credit.opus short.parquet -o out.csv --rejects r.csv", 4, "not a complete Parquet file"),
    ("batch credit.opus rows.csv --input-format arrow -o out.csv", 4, "not an Arrow IPC file: it holds text"),
    ("batch credit.opus rows.csv good.csv short.parquet -o out.csv --rejects r.csv", 4, "short.parquet"),
    ("batch credit.opus renamed.csv -o out.csv", 4, "there are no columns `age`, `score`"),
    ("batch credit.opus renamed.csv -o out.csv", 4, "for `score`, did you mean `fico_score`?"),
    ("batch credit.opus semicolons.csv -o out.csv", 4, "separated by semicolons"),
    ("batch credit.opus returns.csv -o out.csv", 4, "here in carriage returns alone"),
    ("batch credit.opus rows.csv -o out.csv --keep idd", 4, "did you mean `id`?"),
    ("batch credit.opus rows.csv -o out.csv --columns nosuch.toml", 4, "nosuch.toml: cannot be read"),
    ("batch credit.opus nothing -o out.csv", 4, "no file of a known format is in this folder"),
    ("batch credit.opus rows.csv -o nosuch/out.csv", 4, "nosuch/out.csv: cannot be written"),
    ("batch credit.opus rows.csv -o out.csv --rejects nosuch/r.csv", 4, "nosuch/r.csv: cannot be written"),
    ("batch credit.opus rows.csv -o out.csv --summary nosuch/s.json", 4, "nosuch/s.json: cannot be written"),
    ("batch credit.opus rows.csv -o nothing/ --output-format csv", 4, "it is a folder"),
    ("batch loan.opus bare.csv -o out.csv --rejects r.csv", 4, "percentages or fractions"),
    (
        "batch loan.opus bare.csv -o out.csv --rejects r.csv",
        4,
        "under [rate]: unit = \"percent\" or \"fraction\"",
    ),
    ("test loan.opus --input bare.csv --expected bare.csv", 4, "there is no column `answer`"),
    ("test loan.opus --input bare.csv --expected answers.csv", 4, "percentages or fractions"),
    ("sample credit.opus -o nosuch/s.csv", 4, "nosuch/s.csv: cannot be written"),
    ("build credit.opus -o nosuch/a.opusc", 4, "nosuch/a.opusc: cannot be written"),
    ("build credit.opus -o nothing", 4, "it is a folder"),
    // artifacts
    ("inspect damaged.opusc", 5, "content hash"),
    ("run damaged.opusc --input application.json", 5, "content hash"),
    ("batch short.opusc rows.csv -o out.csv", 5, "build the artifact again"),
    ("test short.opusc", 5, "build the artifact again"),
];

#[test]
fn every_end_has_its_code_and_its_words() {
    let folder = folder("ends");
    let before = folder.names();
    for (line, code, words) in ENDS {
        let ended = folder.opus(line).ends(*code);
        assert!(ended.err.contains(words), "`{words}` is missing\n{ended}");
        assert_eq!(folder.names(), before, "{ended}");
    }
    // what a file says of itself is printed, and does nothing to the screen
    let ended = folder.opus("batch credit.opus returns.csv -o out.csv").ends(4);
    assert!(!ended.err.contains('\r'), "{ended}");
    for code in 0..=5 {
        assert!(ENDS.iter().any(|(_, end, _)| *end == code), "nothing ends with {code}");
    }
}

#[test]
fn rejects_end_the_command_beyond_what_is_allowed_and_the_output_is_complete() {
    let folder = folder("rejects");
    for (allowed, code) in
        [("0", 3), ("1", 3), ("2", 0), ("33%", 3), ("33.33%", 3), ("33.34%", 0), ("100%", 0)]
    {
        let line = format!("batch credit.opus rows.csv -o out.csv --max-rejects {allowed}");
        folder.opus(&line).ends(code);
        let rows: Vec<String> = folder
            .text("out.csv")
            .lines()
            .skip(1)
            .map(|line| line.split(',').next().unwrap().into())
            .collect();
        assert_eq!(rows, ["1", "2", "3", "5"], "{line}");
    }
    // one number without its sign among percentages is that row's fault
    let ended = folder.opus("batch loan.opus mixed.csv -o out.csv --rejects r.csv").ends(3);
    assert!(ended.err.contains("1 row was rejected"), "{ended}");
    assert!(folder.text("r.csv").contains("2,rate,0.4,wrong-type,"), "{}", folder.text("r.csv"));
}

#[test]
fn what_is_there_stays_where_a_command_fails() {
    let folder = folder("stays");
    for name in ["out.csv", "r.csv", "s.json", "a.opusc"] {
        folder.write(name, "before");
    }
    for (line, code) in [
        ("batch credit.opus quote.csv -o out.csv --rejects r.csv --summary s.json", 4),
        ("batch credit.opus rows.csv good.csv short.parquet -o out.csv --rejects r.csv --summary s.json", 4),
        ("batch loan.opus bare.csv -o out.csv --rejects r.csv --summary s.json", 4),
        ("batch damaged.opusc rows.csv -o out.csv --rejects r.csv", 5),
        ("build bad.opus -o a.opusc", 1),
        ("build damaged.opusc -o a.opusc", 5),
    ] {
        folder.opus(line).ends(code);
        for name in ["out.csv", "r.csv", "s.json", "a.opusc"] {
            assert_eq!(folder.text(name), "before", "opus {line}");
        }
    }
}
