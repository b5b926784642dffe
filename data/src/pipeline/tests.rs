//! Are outputs the same whoever makes them, and complete or absent?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use opus_ir::{Fault, Kind, Schema};
use opus_runtime::admission::{Place, Reason};
use opus_runtime::artifact::SourceText;
use opus_runtime::{Artifact, Decide, Engine, Options, Policy, Verdict};

use super::{Batch, Report};
use crate::Names;
use crate::error::{DataError, ErrorKind};
use crate::testing::*;
use crate::{CHUNK_ROWS, Endpoint, inputs, output};

/// Approves amounts of up to 100.00 by rule A, others by B; an amount of 13.00 breaks require Q. The policy only keeps
/// the books of the rows.
struct Approval(Policy);

impl Approval {
    fn create() -> Approval {
        let source = "policy approval { currency USD
            enum Decision { approve, decline }  enum Color { red, green }
            input { amount : money in $0.00..$1_000_000.00   color : Color optional }
            output { decision : Decision   granted : money in $0.00..$100.00 }
            rules first { rule A when amount <= $100 => approve, amount   otherwise B => decline, $0 } }";
        let (compiled, diagnostics) = opus_frontend::compile(source);
        let program = compiled.unwrap_or_else(|| panic!("{diagnostics:#?}")).program;
        let text = SourceText { text: source, compiler: opus_frontend::VERSION };
        let artifact = Artifact::build(program, text).expect("it builds");
        let options = Options { engine: Engine::Vm, ..Options::default() };
        Approval(Policy::from_artifact(artifact, &options).expect("it takes no facts"))
    }
}

impl Decide for Approval {
    fn batch(&self, capacity_rows: usize) -> opus_runtime::Batch {
        self.0.batch(capacity_rows)
    }

    fn decide(&self, batch: &mut opus_runtime::Batch) {
        batch.decide_with(|rows| rows.iter().map(|row| approval(row)).collect());
    }
}

fn approval(row: &[Option<i128>]) -> Result<Verdict, Vec<Reason>> {
    let amount = row[0].expect("the amount is not optional");
    if amount == 1300 {
        let [name, message] = ["Q", "Q does not hold"].map(str::to_owned);
        let (fault, place, value) = (Fault::RequireFailed, Place::Require(0), String::new());
        return Err(vec![Reason { fault, place, name, value, message }]);
    }
    let is_small = amount <= 10_000;
    Ok(Verdict {
        version: (amount % 2) as usize,
        rule: if is_small { 0 } else { 1 + (amount % 2) as usize },
        outputs: vec![!is_small as i128, if is_small { amount } else { 0 }],
    })
}

fn schema() -> Schema {
    Schema {
        currency: dollars(),
        enums: vec![names("Decision", &["approve", "decline"]), names("Color", &["red", "green"])],
        inputs: vec![
            field("amount", Kind::Money, 0, 100_000_000, false),
            field("color", Kind::Enum(1), 0, 1, true),
        ],
        outputs: vec![
            field("decision", Kind::Enum(0), 0, 1, false),
            field("granted", Kind::Money, 0, 10_000, false),
        ],
        effective: None,
    }
}

/// A batch, and on how many threads it runs.
struct Job {
    batch: Batch,
    threads: usize,
}

fn batch(from: &[PathBuf], to: &Path, keep: &[&str], threads: usize) -> Job {
    let extension = to.extension().and_then(|extension| extension.to_str()).expect("an extension").to_owned();
    let rejects = match extension.as_str() {
        "gz" | "zst" => to.with_file_name(format!("rejects.{}", to.file_name().unwrap().display())),
        extension => to.with_extension(format!("rejects.{extension}")),
    };
    let batch = Batch {
        intake: intake(&schema(), "", keep),
        // rules B of the two versions have one id
        names: Names { rules: ["A", "B", "B"].map(str::to_owned).into(), versions: vec![1, 2] },
        inputs: inputs(from, None).expect("inputs"),
        output: output(to, None).expect("an output"),
        rejects: Some(output(&rejects, None).expect("rejects")),
        metadata: vec![("opus.artifact".into(), "1234".into())],
        hashed: true,
    };
    Job { batch, threads }
}

fn run(job: &Job) -> Result<Report, DataError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(job.threads).build().expect("threads start");
    let (report, outputs) = job.batch.run(&pool, &Approval::create(), &|_| ())?;
    outputs.name()?;
    Ok(report)
}

/// Rows with some faults in them, as CSV.
fn dirty(rows: usize) -> String {
    let mut text = String::from("id,amount,color,note\n");
    for row in 0..rows {
        let amount = match row % 97 {
            5 => "13".to_owned(),
            17 => "1.005".to_owned(),
            33 => String::new(),
            _ => format!("{}.{:02}", row % 300, row % 100),
        };
        let color = ["red", "green", "", "blue"][if row % 89 == 3 { 3 } else { row % 3 }];
        text.push_str(&format!("{row},{amount},{color},\"a \"\"note\"\", {row}\"\n"));
    }
    text
}

const FORMATS: [&str; 4] = ["parquet", "csv", "jsonl", "arrow"];

#[test]
fn outputs_do_not_depend_on_the_number_of_threads() {
    let scratch = Scratch::create();
    let from = scratch.file("in.csv", dirty(CHUNK_ROWS + 5_000));
    for format in FORMATS {
        let mut first: Option<BTreeMap<String, Vec<u8>>> = None;
        for threads in [1, 3] {
            let to = scratch.path(&format!("out.{format}"));
            let report = run(&batch(std::slice::from_ref(&from), &to, &["id", "note"], threads)).unwrap();
            assert_eq!(report.counts.rows as usize, CHUNK_ROWS + 5_000);
            let files = [&to, &to.with_extension(format!("rejects.{format}"))];
            let bytes = files.map(|path| (path.display().to_string(), std::fs::read(path).unwrap()));
            let bytes = BTreeMap::from(bytes);
            assert!(first.is_none() || first.as_ref() == Some(&bytes), "{format} with {threads} threads");
            first = Some(bytes);
        }
    }
    assert_eq!(scratch.names().len(), 1 + 2 * FORMATS.len());
}

#[test]
fn decisions_and_rejects_are_written_in_order_with_what_is_kept() {
    let scratch = Scratch::create();
    let text =
        "id,amount,color\nx,100.00,red\ny,100.01,\nz,1.005,blue\n\"v,w\",13,green\n\"u\"s,1\nt,0,green\n";
    let from = scratch.file("in.csv", text);
    let to = scratch.path("out.csv");
    let report = run(&batch(std::slice::from_ref(&from), &to, &["id"], 1)).unwrap();
    let expected = "row,decision,granted,rule,version,id\n\
        1,approve,100.00,A,1,x\n2,decline,0.00,B,2,y\n6,approve,0.00,A,1,t\n";
    assert_eq!(std::fs::read_to_string(&to).unwrap(), expected);
    let rejects = std::fs::read_to_string(to.with_extension("rejects.csv")).unwrap();
    let lines: Vec<&str> = rejects.lines().collect();
    assert_eq!(lines[0], "row,field,value,code,message,id");
    assert!(lines[1].starts_with("3,amount,1.005,too-precise,") && lines[1].ends_with(",z"), "{rejects}");
    assert!(lines[2].starts_with("3,color,blue,unknown-value,"), "{rejects}");
    assert_eq!(lines[3], "4,Q,,require-failed,Q does not hold,\"v,w\"");
    assert_eq!(lines[4], "5,,\"\"\"u\"\"s,1\",malformed-row,text follows the closing quote of cell 1,");
    assert_eq!(lines.len(), 5);
    let counts = &report.counts;
    assert_eq!((counts.rows, counts.decided, counts.rejected()), (6, 3, 3));
    assert_eq!(counts.values, [vec![2, 1], vec![]]);
    assert_eq!(counts.rules, [[2, 0, 0], [0, 0, 1]]);
    let faults: Vec<(Fault, &str, u64)> =
        counts.faults.iter().map(|fault| (fault.fault, fault.name.as_str(), fault.count)).collect();
    let expected = [
        (Fault::UnknownValue, "color", 1),
        (Fault::TooPrecise, "amount", 1),
        (Fault::RequireFailed, "Q", 1),
        (Fault::MalformedRow, "", 1),
    ];
    assert_eq!(faults, expected);
}

/// A row that is wrong in every field tells its kept text with each, but never many such texts at once.
#[test]
fn long_texts_are_kept_with_every_fault_of_their_row() {
    let scratch = Scratch::create();
    let note = |row: usize| format!("{}{row}", "x".repeat(1 << 20));
    let rows: String = (0..20).map(|row| format!("1.005,blue,{}\n", note(row))).collect();
    let from = scratch.file("in.csv", format!("amount,color,note\n{rows}"));
    for format in ["csv", "parquet"] {
        let to = scratch.path(&format!("out.{format}"));
        run(&batch(std::slice::from_ref(&from), &to, &["note"], 2)).unwrap();
    }
    let rejects = std::fs::read_to_string(scratch.path("out.rejects.csv")).unwrap();
    let fields = ["amount,", "color,"];
    assert_eq!(rejects.lines().count(), 1 + 2 * 20);
    for (index, line) in rejects.lines().skip(1).enumerate() {
        assert!(line.starts_with(&format!("{},{}", index / 2 + 1, fields[index % 2])), "line {index}");
        assert!(line.ends_with(&note(index / 2)), "line {index}");
    }
    let file = std::fs::File::open(scratch.path("out.rejects.parquet")).unwrap();
    let file = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let groups: Vec<i64> = file.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
    assert!(groups.len() > 1 && groups.iter().sum::<i64>() == 40, "{groups:?}");
}

#[test]
fn json_lines_keep_values_as_they_were_written() {
    let scratch = Scratch::create();
    let text = "{\"amount\": 5, \"id\": 1.50, \"n\": {\"a\": [1]}}\n{\"amount\": \"7.25\", \"id\": \"a\\\"b\", \"more\": 1}\n{\"amount\": 13}\n";
    let from = scratch.file("in.jsonl", text);
    let to = scratch.path("out.jsonl");
    let report = run(&batch(std::slice::from_ref(&from), &to, &["id", "n"], 2)).unwrap();
    let expected = "{\"row\":1,\"decision\":\"approve\",\"granted\":5.00,\"rule\":\"A\",\"version\":1,\"id\":1.50,\"n\":{\"a\": [1]}}\n\
        {\"row\":2,\"decision\":\"approve\",\"granted\":7.25,\"rule\":\"A\",\"version\":2,\"id\":\"a\\\"b\",\"n\":null}\n";
    assert_eq!(std::fs::read_to_string(&to).unwrap(), expected);
    assert_eq!(report.ignored.names().collect::<Vec<_>>(), ["more"]);
    // in a format without JSON a text is its characters
    let to = scratch.path("out.csv");
    run(&batch(std::slice::from_ref(&from), &to, &["id", "n"], 2)).unwrap();
    let expected = "row,decision,granted,rule,version,id,n\n1,approve,5.00,A,1,1.50,\"{\"\"a\"\": [1]}\"\n2,approve,7.25,A,2,\"a\"\"b\",\n";
    assert_eq!(std::fs::read_to_string(&to).unwrap(), expected);
}

#[test]
fn every_format_leads_to_every_format_with_the_same_decisions() {
    let scratch = Scratch::create();
    let csv = scratch.file("in.csv", dirty(1_000));
    let table = |path: &Path| std::fs::read_to_string(path).unwrap();
    let to = scratch.path("direct.csv");
    run(&batch(std::slice::from_ref(&csv), &to, &["id", "note"], 1)).unwrap();
    let (expected, expected_rejects) = (table(&to), table(&to.with_extension("rejects.csv")));
    for format in FORMATS {
        // what is kept goes through another format, and is then an input itself
        let through = scratch.path(&format!("through.{format}"));
        run(&batch(std::slice::from_ref(&csv), &through, &["id", "note", "amount", "color"], 2)).unwrap();
        let rejected = through.with_extension(format!("rejects.{format}"));
        let back = scratch.path(&format!("back-{format}.csv"));
        run(&batch(std::slice::from_ref(&through), &back, &["id", "note"], 2)).unwrap();
        // the decided rows are decided again, under new numbers
        let without_numbers = |text: &str| -> Vec<String> {
            text.lines().map(|line| line.split_once(',').map_or("", |(_, rest)| rest).to_owned()).collect()
        };
        assert_eq!(without_numbers(&table(&back)), without_numbers(&expected), "{format}");
        // of what was rejected, all but the broken require is rejected again, and as often
        let again = scratch.path(&format!("again-{format}.csv"));
        run(&batch(&[rejected], &again, &[], 2)).unwrap();
        assert_eq!(table(&again).lines().count(), 1, "{format}");
        assert!(expected_rejects.lines().count() > 30);
    }
}

#[test]
fn columns_of_files_with_types_are_kept_with_them() {
    use arrow_array::types::Int32Type;
    use arrow_array::*;
    use std::sync::Arc;
    let scratch = Scratch::create();
    let codes: DictionaryArray<Int32Type> = ["u", "v", "u", "w"].into_iter().collect();
    let moments = TimestampMicrosecondArray::from(vec![0, 1_500_000, 86_400_000_000, -1]);
    let batch_in = RecordBatch::try_from_iter_with_nullable([
        ("amount", Arc::new(Float64Array::from(vec![1.25, 1.005, 7.0, 13.0])) as ArrayRef, true),
        (
            "color",
            Arc::new(StringArray::from(vec![Some("red"), None, None, Some("green")])) as ArrayRef,
            true,
        ),
        (
            "double",
            Arc::new(Float64Array::from(vec![Some(0.1), None, Some(f64::INFINITY), Some(1e300)])) as ArrayRef,
            true,
        ),
        ("kind", Arc::new(codes) as ArrayRef, true),
        ("moment", Arc::new(moments.with_timezone("Europe/Madrid")) as ArrayRef, true),
        ("flag", Arc::new(BooleanArray::from(vec![true, false, true, false])) as ArrayRef, true),
        ("bytes", Arc::new(BinaryArray::from(vec![&b"a"[..], b"b", b"c", b"d"])) as ArrayRef, true),
    ])
    .unwrap();
    let mut writer = ::parquet::arrow::ArrowWriter::try_new(Vec::new(), batch_in.schema(), None).unwrap();
    writer.write(&batch_in).unwrap();
    let from = scratch.file("in.parquet", writer.into_inner().unwrap());
    let keep = ["double", "kind", "moment", "flag", "bytes"];
    for format in ["parquet", "arrow"] {
        let to = scratch.path(&format!("out.{format}"));
        run(&batch(std::slice::from_ref(&from), &to, &keep, 1)).unwrap();
        let found = read_back(&to);
        assert_eq!(found.num_rows(), 2);
        for name in keep {
            let (ours, theirs) =
                (found.column_by_name(name).unwrap(), batch_in.column_by_name(name).unwrap());
            let theirs = arrow_select::take::take(theirs, &UInt32Array::from(vec![0, 2]), None).unwrap();
            assert_eq!(&plain(ours), &plain(&theirs), "{name} in {format}");
        }
        let metadata = found.schema().metadata().get("opus.artifact").cloned();
        assert!(metadata.as_deref() == Some("1234") || format == "parquet");
    }
    let to = scratch.path("out.jsonl");
    run(&batch(std::slice::from_ref(&from), &to, &keep[..4], 1)).unwrap();
    let lines = std::fs::read_to_string(&to).unwrap();
    assert!(
        lines.contains(r#""double":0.1,"kind":"u","moment":"1970-01-01T00:00:00Z","flag":true}"#),
        "{lines}"
    );
    assert!(
        lines.contains(r#""double":null,"kind":"u","moment":"1970-01-02T00:00:00Z","flag":true}"#),
        "{lines}"
    );
    let failure = run(&batch(std::slice::from_ref(&from), &scratch.path("bytes.csv"), &keep, 1)).unwrap_err();
    assert!(failure.message.contains("`bytes` is of the type Binary"), "{failure}");
}

/// Parquet has no dates in milliseconds and no moments in seconds: as integers they would be told from no others.
#[test]
fn moments_stay_moments_in_parquet() {
    use arrow_array::*;
    use arrow_schema::{DataType, TimeUnit};
    use std::sync::Arc;
    let scratch = Scratch::create();
    let seconds = TimestampSecondArray::from(vec![Some(90_061), None]).with_timezone("Europe/Madrid");
    let batch_in = RecordBatch::try_from_iter_with_nullable([
        ("amount", Arc::new(Float64Array::from(vec![1.25, 7.0])) as ArrayRef, true),
        ("color", Arc::new(StringArray::from(vec!["red", "red"])) as ArrayRef, true),
        ("day", Arc::new(Date64Array::from(vec![Some(86_400_000), None])) as ArrayRef, true),
        ("moment", Arc::new(seconds) as ArrayRef, true),
    ]);
    let batch_in = batch_in.unwrap();
    let mut writer = arrow_ipc::writer::FileWriter::try_new(Vec::new(), &batch_in.schema()).unwrap();
    writer.write(&batch_in).unwrap();
    let from = scratch.file("in.arrow", writer.into_inner().unwrap());
    let to = scratch.path("out.parquet");
    run(&batch(&[from], &to, &["day", "moment"], 1)).unwrap();
    let found = read_back(&to);
    for (name, zone, millis) in [("day", None, 86_400_000), ("moment", Some("Europe/Madrid"), 90_061_000)] {
        let column = found.column_by_name(name).unwrap();
        assert_eq!(column.data_type(), &DataType::Timestamp(TimeUnit::Millisecond, zone.map(Into::into)));
        let column = column.as_primitive::<types::TimestampMillisecondType>();
        assert_eq!(column.iter().collect::<Vec<_>>(), [Some(millis), None]);
    }
}

/// What dictionaries stand for.
fn plain(array: &arrow_array::ArrayRef) -> arrow_array::ArrayRef {
    match array.as_any_dictionary_opt() {
        Some(coded) => arrow_select::take::take(coded.values(), coded.keys(), None).unwrap(),
        None => array.clone(),
    }
}

fn read_back(path: &Path) -> arrow_array::RecordBatch {
    let file = std::fs::File::open(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "arrow") {
        return arrow_ipc::reader::FileReader::try_new(file, None).unwrap().next().unwrap().unwrap();
    }
    let builder = ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let pairs = builder.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
    assert!(pairs.iter().any(|pair| pair.key == "opus.artifact" && pair.value.as_deref() == Some("1234")));
    builder.build().unwrap().next().unwrap().unwrap()
}

#[test]
fn files_are_complete_even_without_rows_and_absent_after_a_failure() {
    let scratch = Scratch::create();
    for format in FORMATS {
        let from = scratch.file("empty.csv", "amount,color\n");
        let to = scratch.path(&format!("out.{format}"));
        let report = run(&batch(std::slice::from_ref(&from), &to, &[], 2)).unwrap();
        assert_eq!(report.counts.rows, 0);
        assert!(to.exists() && to.with_extension(format!("rejects.{format}")).exists());
        let before = std::fs::read(&to).unwrap();
        let broken = scratch.file("broken.csv", format!("{}1,\"2\n", dirty(CHUNK_ROWS * 2)));
        let failure = run(&batch(std::slice::from_ref(&broken), &to, &[], 2)).unwrap_err();
        assert!(
            failure.message.ends_with("is never closed") && failure.kind == ErrorKind::Input,
            "{failure}"
        );
        assert_eq!(std::fs::read(&to).unwrap(), before, "what was there stays");
    }
    assert!(scratch.names().iter().all(|name| !name.ends_with(".part")), "{:?}", scratch.names());
}

#[test]
fn clashes_are_said_before_anything_is_written() {
    let scratch = Scratch::create();
    let from = scratch.file("in.csv", "amount,color,rule,row\n1,red,x,y\n");
    let cases =
        [(&["rule"][..], "the output"), (&["row"], "the output"), (&["color", "color"], "the output")];
    for (keep, place) in cases {
        let failure =
            run(&batch(std::slice::from_ref(&from), &scratch.path("out.csv"), keep, 1)).unwrap_err();
        assert!(failure.kind == ErrorKind::Request && failure.message.contains(place), "{failure}");
    }
    let failure = run(&batch(std::slice::from_ref(&from), &from, &[], 1)).unwrap_err();
    assert!(failure.message.contains("also an input"), "{failure}");
    let mut twice = batch(std::slice::from_ref(&from), &scratch.path("out.csv"), &[], 1);
    twice.batch.rejects = Some(twice.batch.output.clone());
    assert!(run(&twice).unwrap_err().message.contains("two outputs"));
    assert_eq!(twice.batch.output.endpoint, Endpoint::File(scratch.path("out.csv")));
    assert_eq!(scratch.names(), ["in.csv"]);
}

#[test]
fn several_files_are_one_input_and_progress_is_told() {
    let scratch = Scratch::create();
    let folder = scratch.path("folder");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("b.jsonl"), "{\"amount\": 2, \"k\": \"b\"}\n").unwrap();
    std::fs::write(folder.join("a.csv"), "k,amount,color\na,1,red\n,500,\n").unwrap();
    let to = scratch.path("out.csv");
    let seen = std::sync::Mutex::new(Vec::new());
    let work = batch(std::slice::from_ref(&folder), &to, &[], 1);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("threads start");
    let (_, outputs) =
        work.batch.run(&pool, &Approval::create(), &|now| seen.lock().unwrap().push(now.rows)).unwrap();
    outputs.name().unwrap();
    let expected =
        "row,decision,granted,rule,version\n1,approve,1.00,A,1\n2,decline,0.00,B,1\n3,approve,2.00,A,1\n";
    assert_eq!(std::fs::read_to_string(&to).unwrap(), expected);
    assert_eq!(*seen.lock().unwrap(), [2, 3]);
    let rejects = std::fs::read_to_string(to.with_extension("rejects.csv")).unwrap();
    assert_eq!(rejects, "row,file,file_row,field,value,code,message\n");
    std::fs::write(folder.join("c.csv"), "amount,color\n1,blue\n").unwrap();
    run(&batch(std::slice::from_ref(&folder), &to, &[], 1)).unwrap();
    let rejects = std::fs::read_to_string(to.with_extension("rejects.csv")).unwrap();
    let expected = format!("4,{},1,color,blue,unknown-value,", folder.join("c.csv").display());
    assert!(rejects.lines().nth(1).unwrap().starts_with(&expected), "{rejects}");
    // texts of CSV and values of JSON are kept differently
    let failure = run(&batch(std::slice::from_ref(&folder), &to, &["k"], 1)).unwrap_err();
    assert!(failure.message.contains("b.jsonl: column `k`"), "{failure}");
}

/// A UUID and a time of day are texts where there are no types, and stay what they are where there are.
#[test]
fn uuids_and_times_of_day_are_kept() {
    use ::parquet::basic::LogicalType;
    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    use arrow_array::*;
    use arrow_schema::{DataType, Field, Schema, TimeUnit};
    use std::sync::Arc;
    let scratch = Scratch::create();
    let uuid: Vec<u8> = (0..16).map(|byte| byte * 17).collect();
    let extension = [("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned())];
    let fields = vec![
        Field::new("amount", DataType::Float64, true),
        Field::new("color", DataType::Utf8, true),
        Field::new("id", DataType::FixedSizeBinary(16), true)
            .with_metadata(extension.into_iter().collect::<arrow_schema::Metadata>()),
        Field::new("at", DataType::Time64(TimeUnit::Microsecond), true),
    ];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Float64Array::from(vec![1.25, 7.0])),
        Arc::new(StringArray::from(vec!["red", "red"])),
        Arc::new(
            FixedSizeBinaryArray::try_from_sparse_iter_with_size([Some(uuid), None].into_iter(), 16).unwrap(),
        ),
        Arc::new(Time64MicrosecondArray::from(vec![Some(43_200_000_000), Some(1_500_000)])),
    ];
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let mut writer = arrow_ipc::writer::FileWriter::try_new(Vec::new(), &rows.schema()).unwrap();
    writer.write(&rows).unwrap();
    let arrow = scratch.file("in.arrow", writer.into_inner().unwrap());
    let parquet = scratch.path("out.parquet");
    run(&batch(&[arrow], &parquet, &["id", "at", "amount", "color"], 1)).unwrap();
    let again = scratch.path("again.parquet");
    run(&batch(std::slice::from_ref(&parquet), &again, &["id", "at"], 1)).unwrap();
    for path in [&parquet, &again] {
        let reader = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let logical = |name: &str| {
            let column = schema.columns().iter().find(|column| column.name() == name).unwrap();
            column.logical_type_ref().cloned()
        };
        assert_eq!(logical("id"), Some(LogicalType::Uuid));
        assert!(matches!(logical("at"), Some(LogicalType::Time { .. })), "{:?}", logical("at"));
    }
    let csv = scratch.path("out.csv");
    run(&batch(&[again], &csv, &["id", "at"], 1)).unwrap_err();
    run(&batch(&[parquet], &csv, &["id", "at"], 1)).unwrap();
    let text = std::fs::read_to_string(csv).unwrap();
    assert_eq!(
        text,
        "row,decision,granted,rule,version,id,at\n\
         1,approve,1.25,A,2,00112233-4455-6677-8899-aabbccddeeff,12:00:00\n2,approve,7.00,A,1,,00:00:01.5\n"
    );
}

#[test]
fn texts_are_packed_and_json_is_an_array_where_the_name_says_so() {
    let scratch = Scratch::create();
    let text: String = (0..70_000).map(|row| format!("{}.00,red,{row}\n", row % 10)).collect();
    let from = scratch.file("in.csv", format!("amount,color,id\n{text}"));
    let plain = scratch.path("plain.csv");
    run(&batch(std::slice::from_ref(&from), &plain, &["id", "amount", "color"], 2)).unwrap();
    let expected = std::fs::read(&plain).unwrap();
    let mut last = plain;
    for (index, extension) in
        ["csv.gz", "jsonl.zst", "json", "ndjson.gz", "tsv", "json.zst", "tsv.zst", "csv"]
            .into_iter()
            .enumerate()
    {
        let to = scratch.path(&format!("{index}.{extension}"));
        run(&batch(std::slice::from_ref(&last), &to, &["id", "amount", "color"], 2)).unwrap();
        let first = std::fs::read(&to).unwrap();
        let is_packed = extension.ends_with("gz") || extension.ends_with("zst");
        assert_eq!(is_packed, first.len() * 3 < expected.len(), "{extension}");
        last = to;
    }
    assert!(std::fs::read(&last).unwrap() == expected, "the rows are the same");
    // what is packed is hashed as it is, and what is cut off is an error
    let packed = scratch.path("0.csv.gz");
    let bytes = std::fs::read(&packed).unwrap();
    let cut = scratch.file("cut.csv.gz", &bytes[..bytes.len() / 2]);
    let failure = run(&batch(&[cut], &scratch.path("cut.csv"), &[], 1)).unwrap_err();
    assert!(failure.kind == ErrorKind::Input && failure.message.contains("cut.csv.gz"), "{failure}");
    let array = scratch.file("rows.json", "[\n{\"amount\": 1,\n \"color\": null}\n,{\"amount\": 2}]");
    let report = run(&batch(&[array], &scratch.path("out.json"), &[], 1)).unwrap();
    assert_eq!((report.counts.rows, report.counts.decided), (2, 2));
    let empty = scratch.file("empty.json", "[]");
    run(&batch(&[empty], &scratch.path("empty-out.json"), &[], 1)).unwrap();
    assert_eq!(std::fs::read_to_string(scratch.path("empty-out.json")).unwrap(), "[\n]\n");
}
