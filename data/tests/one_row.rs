//! Does a row of a file get the decision, or the refusal, that a batch gives it? Every row of files in every format is
//! decided in both ways.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use opus_data::pipeline::Batch;
use opus_data::{DataError, ErrorKind, Intake, Mapping, Names, OneRow, inputs, output};
use opus_runtime::artifact::SourceText;
use opus_runtime::{Artifact, Cache, Engine, Options, Policy, Refusal};
use serde_json::{Value, json};

const POLICY: &str = r#"policy rows.file {
  currency USD
  effective on day
  version 1 from 2024-01-01
  version 2 from 2025-01-01
  enum Answer { yes, no }
  enum Work { salaried, retired }
  input {
    day    : date in 2024-01-01..2026-12-31
    age    : int in 18..99
    amount : money in $0.00..$10_000.00
    share  : percent(2) in 0%..100%
    work   : Work optional
    state  : int in 0..60 optional
  }
  output { answer : Answer   limit : money in $0.00..$10_000.00 }
  param most : percent(2) in 0%..100% { from 2024-01-01 = 50%  from 2025-01-01 = 40% }
  require Q1 "not all" : share < 100%
  rules first {
    rule R1 "retired" when work is present and work == retired => no, $0
    rule R2 when share > most              => no, $1
    rule R3 when state is present and state == 7                => yes, $7
    otherwise R4                           => yes, amount
  }
}"#;

const HEADER: [&str; 6] = ["day", "age", "amount", "share", "work", "state"];

/// Rows that are decided by every rule in both versions, and rows that are refused for every reason.
const ROWS: [[&str; 6]; 14] = [
    ["2024-05-01", "40", "12.34", "12.5%", "salaried", ""],
    ["2024-05-01T00:00:00Z", "40", "12.3400", "45%", "", "7"],
    ["2025-05-01 00:00:00", "40", "12.34", "45%", "salaried", "7"],
    ["2025-05-01", "40", "12.34", "39.99%", "salaried", "7"],
    ["2025-05-01", "40", "12.34", "1%", "retired", "7"],
    ["2025-05-01", "17", "12.345", "1%", "student", "99"],
    ["2025-02-30", "", "-1", "101%", "", "x"],
    ["2025-05-01T12:00:00", "40", "12.34", "1%", "", ""],
    ["2025-05-01", "40", "12.34", "100%", "", ""],
    ["2025-05-01", "40", "1e3", "100.00%", "salaried", "0"],
    ["2023-12-31", "40", "0", "0%", "salaried", "0"],
    ["2026-12-31", "99", "10000", "0.5", "salaried", "60"],
    ["", "", "", "", "", ""],
    ["2024-12-31", "18", "9999.99", "40.01%", "retired", ""],
];

fn policy() -> Policy {
    let (compiled, diagnostics) = opus_frontend::compile(POLICY);
    let program = compiled.unwrap_or_else(|| panic!("{diagnostics:#?}")).program;
    let text = SourceText { text: POLICY, compiler: opus_frontend::VERSION };
    let artifact = Artifact::build(program, text).expect("it builds");
    let options = Options { engine: Engine::Vm, cache: Cache::Off, ..Options::default() };
    Policy::from_artifact(artifact, &options).expect("it takes no facts")
}

fn intake(policy: &Policy, mapping: &str) -> Intake {
    let mapping = Mapping::parse(mapping, policy.schema()).expect("a mapping");
    Intake { schema: policy.schema().clone(), mapping, keep: Vec::new() }
}

/// A folder that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("opus-one-row-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("out")).expect("a folder can be made");
        Folder(path)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder can be made");
        fs::write(&path, bytes).expect("a file can be written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn parquet(rows: &RecordBatch) -> Vec<u8> {
    let mut writer = parquet::arrow::ArrowWriter::try_new(Vec::new(), rows.schema(), None).expect("a writer");
    writer.write(rows).expect("rows are written");
    writer.into_inner().expect("the file is written")
}

fn arrow(rows: &RecordBatch) -> Vec<u8> {
    let mut writer = arrow_ipc::writer::FileWriter::try_new(Vec::new(), &rows.schema()).expect("a writer");
    writer.write(rows).expect("rows are written");
    writer.into_inner().expect("the file is written")
}

fn csv(rows: &[[&str; 6]]) -> String {
    std::iter::once(&HEADER).chain(rows).map(|row| row.join(",") + "\n").collect()
}

/// Objects with a name that no field has; empty values are `null` or absent.
fn objects(rows: &[[&str; 6]]) -> Vec<String> {
    let member = |(at, value): (usize, &&str)| match *value {
        "" if at % 2 == 0 => None,
        "" => Some(format!("\"{}\": null", HEADER[at])),
        value => Some(format!("\"{}\": \"{value}\"", HEADER[at])),
    };
    let object = |row: &[&str; 6]| row.iter().enumerate().filter_map(member).collect::<Vec<_>>().join(", ");
    rows.iter().map(|row| format!("{{\"note\": 1, {}}}", object(row)).replace(", }", "}")).collect()
}

fn texts(rows: &[[&str; 6]]) -> RecordBatch {
    let column = |at: usize| -> ArrayRef {
        Arc::new(StringArray::from_iter(rows.iter().map(|row| Some(row[at]).filter(|text| !text.is_empty()))))
    };
    RecordBatch::try_from_iter_with_nullable((0..6).map(|at| (HEADER[at], column(at), true)))
        .expect("columns")
}

/// What a batch says of each row, by number: its decision, or the reasons for its refusal.
fn batch(path: &Path, intake: &Intake, policy: &Policy, folder: &Folder) -> Result<Vec<Value>, DataError> {
    let [decisions, rejects] =
        ["decisions.jsonl", "rejects.jsonl"].map(|name| folder.0.join("out").join(name));
    let batch = Batch {
        intake: intake.clone(),
        names: Names::of(policy.artifact().program()),
        inputs: inputs(&[path.to_owned()], None)?,
        output: output(&decisions, None)?,
        rejects: Some(output(&rejects, None)?),
        metadata: Vec::new(),
        hashed: false,
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads start");
    let (report, outputs) = batch.run(&pool, policy, &|_| ())?;
    outputs.name()?;
    let lines = |path: &Path| -> Vec<Value> {
        let text = fs::read_to_string(path).expect("the file was written");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let mut said = vec![Value::Null; report.counts.rows as usize];
    let mut put = |line: &Value, value: Value| {
        let at = line["row"].as_u64().expect("a number") as usize - 1;
        match &mut said[at] {
            Value::Array(reasons) => reasons.push(value),
            other => *other = if value.get("code").is_some() { json!([value]) } else { value },
        }
    };
    for mut line in lines(&decisions) {
        let row = line.clone();
        line.as_object_mut().expect("an object").shift_remove("row");
        put(&row, line);
    }
    for line in lines(&rejects) {
        put(
            &line,
            json!({ "field": line["field"], "value": line["value"], "code": line["code"], "message": line["message"] }),
        );
    }
    Ok(said)
}

/// What is said of one row. The hash of a decision is that of its version, rule and outputs.
fn one(path: &Path, number: u64, intake: &Intake, policy: &Policy) -> Result<Value, DataError> {
    let found = OneRow::read(inputs(&[path.to_owned()], None)?, number, intake, policy, &|_| ())?;
    let refused = |refusal: &Refusal| {
        let reason = |reason: &opus_runtime::admission::Reason| {
            let text = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
            json!({ "field": text(&reason.name), "value": text(&reason.value), "code": reason.fault.code(), "message": reason.message })
        };
        refusal.reasons().iter().map(reason).collect::<Value>()
    };
    let row = match found.row {
        Ok(row) => row,
        Err(refusal) => return Ok(refused(&refusal)),
    };
    Ok(match policy.decide(&row) {
        Ok(decision) => {
            let output = |output: opus_runtime::Output<'_>| {
                (output.name().to_owned(), serde_json::from_str(&output.json()).expect("JSON"))
            };
            let mut said: serde_json::Map<String, Value> = decision.outputs().map(output).collect();
            said.insert("rule".into(), json!(decision.rule().id));
            said.insert("version".into(), json!(decision.version().number));
            Value::Object(said)
        }
        Err(refusal) => refused(&refusal),
    })
}

/// An empty text in a column of rejects may be written as `null`.
fn plain(value: &Value) -> Value {
    serde_json::from_str(&value.to_string().replace("\"\"", "null")).expect("JSON")
}

/// That both say the same of every row; answers what.
fn agree(path: &Path, mapping: &str, policy: &Policy, folder: &Folder) -> Vec<Value> {
    let intake = intake(policy, mapping);
    let said =
        batch(path, &intake, policy, folder).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for (at, of_batch) in said.iter().enumerate() {
        let number = at as u64 + 1;
        let of_row = one(path, number, &intake, policy).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(plain(&of_row), plain(of_batch), "row {number} of {}", path.display());
    }
    let error = one(path, said.len() as u64 + 1, &intake, policy).expect_err("there is no such row");
    assert_eq!(error.kind, ErrorKind::Request);
    let count = format!("{} rows, so there is no row {}", said.len(), said.len() + 1);
    assert!(error.message.contains(&count), "{error}");
    said
}

#[test]
fn every_row_in_every_format_is_decided_as_in_a_batch() {
    let (folder, policy) = (Folder::new("formats"), policy());
    let objects = objects(&ROWS);
    let paths = [
        folder.file("a.csv", csv(&ROWS)),
        folder.file("b.jsonl", objects.join("\n")),
        folder.file("c.json", format!("[{}]", objects.join(",\n"))),
        folder.file("d.arrow", arrow(&texts(&ROWS))),
        folder.file("e.parquet", parquet(&texts(&ROWS))),
    ];
    let said: Vec<Vec<Value>> = paths.iter().map(|path| agree(path, "", &policy, &folder)).collect();
    assert_eq!(said[0].iter().filter(|said| said.is_array()).count(), 8, "{:#?}", said[0]);
    assert!(said.iter().all(|other| other.len() == ROWS.len()));
}

#[test]
fn rows_that_cannot_be_read_are_refused_as_in_a_batch() {
    let (folder, policy) = (Folder::new("malformed"), policy());
    let mut records: Vec<String> = csv(&ROWS).lines().map(str::to_owned).collect();
    records.insert(3, "2025-05-01,40".to_owned());
    records.insert(6, "2025-05-01,40,1,2%,retired,7,8".to_owned());
    agree(&folder.file("a.csv", records.join("\n")), "", &policy, &folder);
    let mut lines = objects(&ROWS);
    for (at, line) in
        [(1, "[1]"), (3, "{\"age\": 40"), (4, "{\"age\": 1, \"age\": 2}"), (6, "{\"AGE\": 1}"), (7, "x")]
    {
        lines.insert(at, line.to_owned());
    }
    agree(&folder.file("b.jsonl", lines.join("\n")), "", &policy, &folder);
}

#[test]
fn rows_are_mapped_as_in_a_batch() {
    let (folder, policy) = (Folder::new("mapping"), policy());
    let text = "DAY;Age;cents;fraction;job;state\n\
        31.01.2025;40;1.234;0,125;SAL;-1\n01.02.2024;40;5;0,5;RET;7\n1.2.2025;40;5;0,5;SAL;7\n\
        31.12.2024;x;99.999.999;1;SAL;7\n2025-01-31T00:00:00;40;1234,5;0,12345;;\n";
    let mapping = "delimiter = \";\"\nignore_case = true\ndecimal_comma = true\nthousands = \".\"\ndate = \"DD.MM.YYYY\"\n\
        state = { missing = [-1] }\nwork = { column = \"job\", values = { SAL = \"salaried\", RET = \"retired\" } }\n\
        amount = { column = \"cents\", unit = \"minor units\" }\nshare = { column = \"fraction\", unit = \"fraction\" }\n";
    let said = agree(&folder.file("a.csv", text), mapping, &policy, &folder);
    assert_eq!(said[0]["limit"], json!(12.34), "{said:#?}");

    let rows = RecordBatch::try_from_iter([
        ("day", Arc::new(Date32Array::from(vec![20_000, 20_100, 20_100, 9])) as ArrayRef),
        ("age", Arc::new(Int64Array::from(vec![40, 40, 17, 40]))),
        ("cents", Arc::new(Int64Array::from(vec![1_234, 1_000_001, 5, 5]))),
        ("share", Arc::new(Float64Array::from(vec![0.125, 0.45, f64::NAN, 1.0]))),
        ("work", Arc::new(StringArray::from(vec![Some("retired"), None, Some("x"), None]))),
        (
            "state",
            Arc::new(
                Decimal128Array::from(vec![700, 701, 0, 0]).with_precision_and_scale(9, 2).expect("a scale"),
            ),
        ),
    ]);
    let rows = rows.expect("columns");
    let mapping = "amount = { column = \"cents\", unit = \"minor units\" }\n[share]\nunit = \"fraction\"\n";
    for path in [folder.file("b.parquet", parquet(&rows)), folder.file("c.arrow", arrow(&rows))] {
        agree(&path, mapping, &policy, &folder);
    }
    let nested = "{\"day\": \"2025-01-01\", \"a\": {\"age\": 40}, \"amount\": 5, \"share\": \"1%\"}\n";
    let path = folder.file("d.jsonl", nested.repeat(2) + "{\"day\": \"2025-01-01\"}");
    agree(&path, "age = { column = [\"a\", \"age\"] }", &policy, &folder);
}

#[test]
fn rows_of_folders_are_counted_as_in_a_batch() {
    let (folder, policy) = (Folder::new("hive"), policy());
    let without_state = |rows: &[[&str; 6]]| -> String {
        let text = csv(rows);
        text.lines().map(|line| line.rsplit_once(',').expect("six cells").0.to_owned() + "\n").collect()
    };
    folder.file("hive/state=7/a.csv", without_state(&ROWS[..5]));
    folder.file(
        "hive/state=7/b.jsonl",
        objects(&ROWS[..3]).join("\n").replace("\"state\": \"7\"", "\"other\": 1"),
    );
    folder.file("hive/state=x/a.csv", without_state(&ROWS[3..]));
    folder.file("hive/state=__HIVE_DEFAULT_PARTITION__/a.csv", without_state(&ROWS[..2]));
    let path = folder.0.join("hive");
    let said = agree(&path, "", &policy, &folder);
    assert_eq!(said.len(), 2 + 5 + 3 + 11);
    let found = OneRow::read(
        inputs(std::slice::from_ref(&path), None).unwrap(),
        7,
        &intake(&policy, ""),
        &policy,
        &|_| (),
    )
    .unwrap();
    assert!(
        found.file.ends_with("state=7/b.jsonl") && found.row_of_file == 2,
        "{}: {}",
        found.file,
        found.row_of_file
    );
    assert_eq!(found.ignored.into_iter().collect::<Vec<_>>(), ["note", "other"]);
    // a file of the folder alone
    agree(&path.join("state=7/a.csv"), "", &policy, &folder);
}

#[test]
fn what_ends_a_batch_ends_the_search_for_a_row() {
    let (folder, policy) = (Folder::new("errors"), policy());
    let same = |path: &Path, mapping: &str, number: u64| {
        let intake = intake(&policy, mapping);
        let of_batch = batch(path, &intake, &policy, &folder).expect_err("the batch fails");
        assert_eq!(one(path, number, &intake, &policy), Err(of_batch), "{}", path.display());
    };
    // a percentage or a fraction?
    let bare = "day,age,amount,share,work,state\n2025-01-01,40,1,0.5,,\n2025-01-01,40,1,0.5,,\n";
    same(&folder.file("bare.csv", bare), "", 2);
    // no object has the column
    let lines = objects(&ROWS).join("\n");
    same(&folder.file("unnamed.jsonl", &lines), "work = { column = \"wrok\" }", 1);
    same(&folder.file("header.csv", csv(&ROWS)), "work = { column = \"wrok\" }", 1);
    // only an object far behind has it
    let late = format!("{}\n{}", [lines.as_str(); 5_000].join("\n"), "{\"job\": \"retired\"}");
    let (path, intake) = (folder.file("late.jsonl", late), intake(&policy, "work = { column = \"job\" }"));
    assert_eq!(one(&path, 1, &intake, &policy).map(|said| said["rule"].clone()), Ok(json!("R4")));
}
