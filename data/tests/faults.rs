//! Are rows lost, or wrong bytes believed? Files that were damaged, cut off or written in unusual ways, each with what
//! reading it must say. `files/` holds those that are not made here.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_ipc::writer::FileWriter;
use flate2::Compression;
use flate2::write::GzEncoder;
use opus_data::{DataError, ErrorKind, Intake, Mapping, Reader, inputs};
use opus_ir::memory::Columns;
use parquet::arrow::ArrowWriter;

/// A policy of one field.
fn one_field(field: &str) -> String {
    format!(
        "policy a.echo {{ input {{ {field} }} output {{ b : bool }} rules first {{ otherwise R1 => true }} }}"
    )
}

fn integer() -> String {
    one_field("n : int in -9_000_000_000_000_000_000..18_000_000_000_000_000_000 optional")
}

fn credit() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/policies/credit.opus");
    fs::read_to_string(path).expect("the policy can be read")
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files").join(name)
}

/// How many rows two of the files have.
const ROWS: usize = 100;
const DAYS: usize = 199;

/// A folder that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("opus-faults-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder can be made");
        Folder(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a file can be written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn intake(policy: &str, mapping: &str) -> Intake {
    let schema = opus_frontend::compile(policy).0.expect("the policy compiles").program.schema;
    Intake { mapping: Mapping::parse(mapping, &schema).expect("a mapping"), schema, keep: Vec::new() }
}

/// The values of the first field, and how many rows were refused.
fn read(path: &Path, policy: &str, mapping: &str) -> Result<(Vec<Option<i128>>, usize), DataError> {
    let intake = intake(policy, mapping);
    let mut reader = Reader::open(inputs(&[path.to_owned()], None)?, &intake)?;
    let (mut values, mut refused) = (Vec::new(), 0);
    while let Some(chunk) = reader.next_chunk()? {
        let mut columns = Columns::new(&intake.schema.input_columns(), chunk.rows);
        let (rows, mut faults) = (chunk.rows as u32, Vec::new());
        chunk.fill(&intake, &mut columns, &mut faults)?;
        let faulty: BTreeSet<u32> = faults.iter().map(|(row, _)| *row).collect();
        refused += faulty.len();
        let admitted = (0..rows).filter(|row| !faulty.contains(row));
        values.extend(admitted.map(|row| columns.get(0, row as usize)));
    }
    Ok((values, refused))
}

/// What reading says is wrong.
fn wrong(path: &Path, policy: &str) -> String {
    let failure = read(path, policy, "").expect_err("the file cannot be read");
    assert_eq!(failure.kind, ErrorKind::Input, "{failure}");
    failure.message
}

#[test]
fn a_stray_quote_loses_no_rows() {
    let message = wrong(&file("stray-quote.csv"), &integer());
    assert!(message.contains("stray-quote.csv: lines 4 to 501 could be"), "{message}");
    // whoever knows better says so
    let (values, refused) =
        read(&file("stray-quote.csv"), &integer(), "multiline_cells = true").expect("it can be read");
    assert_eq!((values.len(), refused), (503, 0));
}

#[test]
fn a_page_that_does_not_match_its_checksum_is_named() {
    let message = wrong(&file("wrong-page-crc.parquet"), &credit());
    assert!(message.contains("wrong-page-crc.parquet: row group 1, column `age`: "), "{message}");
    assert!(message.contains("checksum"), "{message}");
}

#[test]
fn pages_packed_with_brotli_are_read() {
    let (values, refused) = read(&file("brotli.parquet"), &integer(), "").expect("it can be read");
    assert_eq!((values, refused), (vec![Some(1), Some(2), Some(3)], 0));
}

#[test]
fn what_is_not_supported_is_named() {
    let message = wrong(&file("encrypted.parquet"), &integer());
    assert!(message.contains("encrypted.parquet: the file is encrypted"), "{message}");
    let message = wrong(&file("int128.parquet"), &integer());
    assert!(message.contains("column `n` holds integers of 128 bits, which are not read"), "{message}");
}

#[test]
fn a_text_that_is_written_to_while_it_is_read_is_an_error() {
    let folder = Folder::new("shrinks");
    let rows = 2_000_000;
    let text: String = (0..rows).map(|row| format!("{row}\n")).collect();
    for (name, head) in [("rows.csv", "n\n"), ("rows.jsonl", "")] {
        let text = match head {
            "" => text.lines().map(|row| format!("{{\"n\": {row}}}\n")).collect(),
            head => format!("{head}{text}"),
        };
        for change in [-3_000_000, -3, 5] {
            let path = folder.file(name, &text);
            let policy = intake(&integer(), "");
            let located = inputs(std::slice::from_ref(&path), None).expect("the file is there");
            let mut reader = Reader::open(located, &policy).expect("the file opens");
            reader.next_chunk().expect("the first rows are read");
            let length = text.len() as i64 + change;
            fs::File::options()
                .write(true)
                .open(&path)
                .and_then(|file| file.set_len(length as u64))
                .expect("it is cut");
            let failure = loop {
                match reader.next_chunk() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("{name} is read to its end although it was changed by {change}"),
                    Err(failure) => break failure,
                }
            };
            assert!(failure.message.contains("was written to while it was read"), "{failure}");
        }
    }
}

#[test]
fn a_last_line_needs_no_line_end() {
    let folder = Folder::new("last");
    for (name, text) in [("rows.csv", "n\n1\n23"), ("rows.jsonl", "{\"n\": 1}\n{\"n\": 23}")] {
        let (values, refused) = read(&folder.file(name, text), &integer(), "").expect("it can be read");
        assert_eq!((values, refused), (vec![Some(1), Some(23)], 0));
    }
}

#[test]
fn no_length_that_an_arrow_file_claims_is_believed() {
    let policy = one_field("i : int in -1000..1000");
    let message = wrong(&file("lz4-length-of-a-terabyte.arrow"), &policy);
    assert!(message.ends_with("a packed buffer claims more than its bytes can unpack to"), "{message}");
}

#[test]
fn folders_of_folders_are_read_and_name_values() {
    let policy =
        "policy a.echo { enum State { CA, NY } input { s : State  n : int in 0..9 } output { b : bool }
        rules first { otherwise R1 => true } }";
    let (states, refused) = read(&file("hive"), policy, "").expect("it can be read");
    assert_eq!((states, refused), (vec![Some(0), Some(1), Some(1), Some(1)], 0));
    // a state that is not in the list is refused row by row
    let other = policy.replace("CA, NY", "CA, TX");
    let (states, refused) = read(&file("hive"), &other, "").expect("it can be read");
    assert_eq!((states, refused), (vec![Some(0)], 3));
    let mut intake = intake(&integer(), "");
    intake.keep = vec!["s".into(), "n".into()];
    let mut reader = Reader::open(inputs(&[file("hive")], None).expect("files"), &intake).expect("it opens");
    assert_eq!(reader.kept()[0].name, "s");
    let mut kept = Vec::new();
    while let Some(chunk) = reader.next_chunk().expect("it can be read") {
        let mut columns = Columns::new(&intake.schema.input_columns(), chunk.rows);
        let filled = chunk.fill(&intake, &mut columns, &mut Vec::new()).expect("it is filled");
        kept.push((
            filled.kept.len(),
            filled.kept[0].array().expect("it is read").as_string::<i32>().value(0).to_owned(),
        ));
    }
    assert_eq!(kept, [(2, "CA".to_owned()), (2, "NY".to_owned())]);
}

#[test]
fn a_name_in_another_case_is_said_in_every_format() {
    let folder = Folder::new("case");
    let optional = one_field("score : int in 300..850 optional");
    for (name, text) in [
        ("a.csv", "Score\n800\n"),
        ("a.jsonl", "{\"Score\": 800}\n{\"Score\": 700}\n"),
        ("a.json", "[{\"Score\": 800}, {\"Score\": 700}]"),
    ] {
        let path = folder.file(name, text);
        let failure = read(&path, &optional, "").expect_err("the name is another");
        assert!(
            failure.to_string().contains("`score`") && failure.to_string().contains("`Score`"),
            "{failure}"
        );
        assert!(failure.to_string().contains("ignore_case = true"), "{failure}");
        let (values, refused) = read(&path, &optional, "ignore_case = true").expect("it can be read");
        assert_eq!((values[0], refused), (Some(800), 0), "{name}");
    }
    // later than in the first row it is that row's fault
    let path = folder.file("b.jsonl", "{\"score\": 800}\n{\"Score\": 700}\n{\"score\": 500, \"Score\": 1}\n");
    let (values, refused) = read(&path, &optional, "").expect("it can be read");
    assert_eq!((values, refused), (vec![Some(800), Some(500)], 1));
}

#[test]
fn a_field_may_have_no_column() {
    let folder = Folder::new("absent");
    let policy = one_field("score : int in 300..850 optional  age : int in 0..120");
    for (name, text) in [("a.csv", "age\n40\n"), ("a.jsonl", "{\"age\": 40, \"score\": 1}\n")] {
        let (values, refused) =
            read(&folder.file(name, text), &policy, "score = { column = false }").expect("it can be read");
        assert_eq!((values, refused), (vec![None], 0), "{name}");
    }
}

#[test]
fn values_within_objects_are_read() {
    let folder = Folder::new("nested");
    let policy = one_field("score : int in 300..850 optional");
    let mapping = "score = { column = [\"applicant\", \"bureau\", \"score\"] }";
    let text = "{\"applicant\": {\"bureau\": {\"score\": 700, \"x\": [1]}}}\n{\"applicant\": {\"bureau\": null}}\n\
        {\"applicant\": {}}\n{}\n{\"applicant\": {\"bureau\": {\"score\": 700, \"score\": 701}}}\n";
    let (values, refused) = read(&folder.file("a.jsonl", text), &policy, mapping).expect("it can be read");
    assert_eq!((values, refused), (vec![Some(700), None, None, None], 1));
}

#[test]
fn doubles_and_ticks_are_read_where_the_mapping_says_so() {
    let mapping = "date = \"epoch milliseconds\"\nnearest = true";
    let (days, refused) =
        read(&file("doubles-one-ulp-off.jsonl"), &credit(), mapping).expect("it can be read");
    assert_eq!((days.len(), days[0], refused), (ROWS, Some(44_530), 0));
    let (days, refused) = read(&file("doubles-one-ulp-off.jsonl"), &credit(), "").expect("it can be read");
    assert_eq!((days.len(), refused), (0, ROWS));
}

/// A mapping file that says how dates are written says so of all of them.
#[test]
fn a_date_in_another_form_than_the_mapping_says_is_a_fault_of_its_row() {
    let folder = Folder::new("other-dates");
    let policy = one_field("d : date in 2000-01-01..2060-12-31 optional");
    for (form, right) in [("DD.MM.YYYY", "\"31.01.2025\""), ("epoch days", "20119")] {
        let lines = format!("{{\"d\": {right}}}\n{{\"d\": \"2025-01-31\"}}\n{{\"d\": null}}\n");
        let path = folder.file("a.jsonl", &lines);
        let intake = intake(&policy, &format!("[d]\ndate = \"{form}\""));
        let mut reader = Reader::open(inputs(&[path], None).unwrap(), &intake).unwrap();
        let chunk = reader.next_chunk().unwrap().expect("there are rows");
        let mut columns = Columns::new(&intake.schema.input_columns(), chunk.rows);
        let mut faults = Vec::new();
        chunk.fill(&intake, &mut columns, &mut faults).unwrap();
        assert_eq!((columns.get(0, 0), columns.get(0, 2)), (Some(20_119), None));
        let [(1, reason)] = &faults[..] else { panic!("{faults:?}") };
        assert_eq!((reason.fault.code(), &*reason.value), ("malformed-date", "2025-01-31"));
        assert!(reason.message.starts_with("d: `2025-01-31` is not a"), "{}", reason.message);
        assert!(reason.message.ends_with("as the mapping file says"), "{}", reason.message);
    }
}

#[test]
fn midnight_is_a_date() {
    let (days, refused) = read(&file("date-time-at-midnight.csv"), &credit(), "").expect("it can be read");
    assert_eq!((days.len(), days[0], refused), (DAYS, Some(44_530), 0));
}

#[test]
fn texts_are_read_in_the_spelling_of_the_mapping_file() {
    let folder = Folder::new("spelling");
    let policy = format!(
        "policy a.echo {{ currency EUR {}",
        &one_field("m : money in 0 EUR..9_000 EUR")["policy a.echo { ".len()..]
    );
    let mapping = "delimiter = \";\"\ndecimal_comma = true\nthousands = \".\"";
    let path = folder.file("a.csv", "id;m\n1;1.234,56\n2;12,5\n3;1.23\n");
    let (values, refused) = read(&path, &policy, mapping).expect("it can be read");
    assert_eq!((values, refused), (vec![Some(123_456), Some(1_250)], 1));
    let failure = read(&path, &policy, "").expect_err("commas are expected");
    assert!(failure.to_string().contains("delimiter = \";\""), "{failure}");
    let (values, _) = read(&folder.file("a.tsv", "id\tm\n1\t12.50\n"), &policy, "").expect("it can be read");
    assert_eq!(values, [Some(1_250)]);
}

/// The same rows of an integer and a text column in every format, by the name of the file.
fn in_every_format(numbers: &[Option<i64>], texts: &[Option<&str>]) -> Vec<(&'static str, Vec<u8>)> {
    let columns: [(&str, ArrayRef, bool); 2] = [
        ("n", Arc::new(Int64Array::from(numbers.to_vec())), true),
        ("s", Arc::new(StringArray::from(texts.to_vec())), true),
    ];
    let rows = RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length");
    let mut parquet = ArrowWriter::try_new(Vec::new(), rows.schema(), None).expect("it begins");
    parquet.write(&rows).expect("it is written");
    let mut arrow = FileWriter::try_new(Vec::new(), &rows.schema()).expect("it begins");
    arrow.write(&rows).expect("it is written");
    let (mut csv, mut lines) = ("n,s\n".to_owned(), Vec::new());
    for (number, text) in numbers.iter().zip(texts) {
        let number = number.map(|number| number.to_string());
        csv += &format!("{},{}\n", number.as_deref().unwrap_or_default(), text.unwrap_or_default());
        let text = text.map_or("null".to_owned(), |text| format!("\"{text}\""));
        lines.push(format!("{{\"n\": {}, \"s\": {text}}}", number.as_deref().unwrap_or("null")));
    }
    vec![
        ("rows.parquet", parquet.into_inner().expect("it ends")),
        ("rows.arrow", arrow.into_inner().expect("it ends")),
        ("rows.csv", csv.into_bytes()),
        ("rows.jsonl", lines.join("\n").into_bytes()),
        ("rows.json", format!("[{}]", lines.join(",")).into_bytes()),
    ]
}

/// The kept column of every row, as texts.
fn kept(path: &Path, policy: &str, name: &str) -> Result<Vec<Option<String>>, DataError> {
    let mut intake = intake(policy, "");
    intake.keep = vec![name.to_owned()];
    let mut reader = Reader::open(inputs(&[path.to_owned()], None)?, &intake)?;
    let mut texts = Vec::new();
    while let Some(chunk) = reader.next_chunk()? {
        let mut columns = Columns::new(&intake.schema.input_columns(), chunk.rows);
        let filled = chunk.fill(&intake, &mut columns, &mut Vec::new())?;
        let column = filled.kept[0].array()?;
        texts.extend(column.as_string::<i32>().iter().map(|text| text.map(str::to_owned)));
    }
    Ok(texts)
}

const STATES: &str =
    "policy a.echo { enum State { CA, NY } input { s : State optional  n : int in 0..9 optional }
    output { b : bool } rules first { otherwise R1 => true } }";

#[test]
fn a_folder_and_a_column_of_one_name_agree_or_are_an_error() {
    let folder = Folder::new("agree");
    fs::create_dir_all(folder.0.join("s=CA/n=3")).expect("a folder can be made");
    for (name, bytes) in in_every_format(&[Some(3), None], &[None, Some("CA")]) {
        let path = folder.0.join("s=CA/n=3").join(name);
        fs::write(&path, bytes).expect("a file can be written");
        let (values, refused) = read(&path, STATES, "").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((values, refused), (vec![Some(0), Some(0)], 0), "{name}");
        let texts = kept(&path, STATES, "n").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(texts, [Some("3".to_owned()), Some("3".to_owned())], "{name}");
    }
    for (name, bytes) in in_every_format(&[Some(3), Some(3)], &[Some("CA"), Some("NY")]) {
        let path = folder.0.join("s=CA/n=3").join(name);
        fs::write(&path, bytes).expect("a file can be written");
        let expected = format!("{name}: column `s` holds `NY` in row 2, and the folder says that it is `CA`");
        let only_number = one_field("n : int in 0..9 optional");
        for failure in [
            read(&path, STATES, "").expect_err("the state is another"),
            kept(&path, &only_number, "s").expect_err("the state is another"),
        ] {
            assert_eq!(failure.kind, ErrorKind::Input);
            assert!(failure.message.ends_with(&expected), "{failure}");
        }
        // the column is not read, so that it does not matter
        assert!(read(&path, &only_number, "").is_ok());
    }
    // a value that the field does not admit contradicts as well, and so does a value where the folder says none
    for (place, text, expected) in [
        ("s=CA", "TX", "holds `TX` in row 1, and the folder says that it is `CA`"),
        ("s=TX", "CA", "holds `CA` in row 1, and the folder says that it is `TX`"),
        ("s=__HIVE_DEFAULT_PARTITION__", "CA", "holds `CA` in row 1, and the folder says that it is missing"),
    ] {
        fs::create_dir_all(folder.0.join("other").join(place)).expect("a folder can be made");
        for (name, bytes) in in_every_format(&[Some(3)], &[Some(text)]) {
            let path = folder.0.join("other").join(place).join(name);
            fs::write(&path, bytes).expect("a file can be written");
            let failure = read(&path, STATES, "").expect_err("the state is another");
            assert!(failure.message.ends_with(expected), "{failure}");
        }
    }
    // both are refused, for the same reason
    fs::create_dir_all(folder.0.join("s=TX")).expect("a folder can be made");
    let path = folder.file("s=TX/rows.csv", "n,s\n1,TX\n");
    assert_eq!(read(&path, STATES, "").expect("it can be read"), (Vec::new(), 1));
}

#[test]
fn two_folders_of_one_name_agree_or_are_an_error() {
    let folder = Folder::new("twice");
    fs::create_dir_all(folder.0.join("s=CA/s=NY")).expect("a folder can be made");
    fs::create_dir_all(folder.0.join("s=CA/s=CA")).expect("a folder can be made");
    let failure = read(&folder.file("s=CA/s=NY/a.csv", "n\n1\n"), STATES, "").expect_err("which is it?");
    assert!(
        failure.message.contains("one folder says that `s` is `CA`, and another that it is `NY`"),
        "{failure}"
    );
    assert!(read(&folder.file("s=CA/s=CA/a.csv", "n\n1\n"), STATES, "").is_ok());
}

#[test]
fn a_column_that_no_file_should_have_is_ignored_and_named() {
    let folder = Folder::new("ignored");
    for (name, bytes) in in_every_format(&[Some(3)], &[Some("CA")]) {
        let path = folder.0.join(name);
        fs::write(&path, bytes).expect("a file can be written");
        let intake = intake(STATES, "s = { column = false }");
        let mut reader = Reader::open(inputs(std::slice::from_ref(&path), None).expect("a file"), &intake)
            .expect("it opens");
        let chunk = reader.next_chunk().expect("it is read").expect("there are rows");
        let mut columns = Columns::new(&intake.schema.input_columns(), chunk.rows);
        let filled = chunk.fill(&intake, &mut columns, &mut Vec::new()).expect("it is filled");
        assert_eq!((columns.get(0, 0), columns.get(1, 0)), (None, Some(3)), "{name}");
        let ignored: BTreeSet<&str> =
            reader.ignored().names().chain(filled.ignored.iter().map(String::as_str)).collect();
        assert_eq!(ignored, BTreeSet::from(["s"]), "{name}");
    }
}

/// The messages of the faults of a file.
fn messages(path: &Path, policy: &str, mapping: &str) -> Vec<String> {
    let intake = intake(policy, mapping);
    let located = inputs(&[path.to_owned()], None).expect("the file is there");
    let mut reader = Reader::open(located, &intake).expect("it opens");
    let mut messages = Vec::new();
    while let Some(chunk) = reader.next_chunk().expect("it can be read") {
        let mut columns = Columns::new(&intake.schema.input_columns(), chunk.rows);
        let mut faults = Vec::new();
        chunk.fill(&intake, &mut columns, &mut faults).expect("it is filled");
        messages.extend(faults.into_iter().map(|(_, reason)| reason.message));
    }
    messages
}

#[test]
fn what_may_stand_for_a_missing_value_points_to_the_mapping() {
    let folder = Folder::new("sentinels");
    for text in ["NA", "n/a", "null", "-", "None", "#N/A", "\\N"] {
        let csv = folder.file("a.csv", &format!("n\n{text}\n"));
        let json = folder.file("a.jsonl", &format!("{{\"n\": \"{}\"}}\n", text.replace('\\', "\\\\")));
        for path in [csv, json] {
            let told = messages(&path, &integer(), "");
            let wanted = format!("write in a mapping file under [n]: missing = ['{text}']");
            assert!(told[0].starts_with(&format!("n: `{text}` is not a whole number; ")), "{told:?}");
            assert!(told[0].ends_with(&wanted), "{told:?}");
            let mapping = format!("n = {{ missing = ['{text}'] }}");
            assert_eq!(read(&path, &integer(), &mapping).expect("it can be read"), (vec![None], 0));
        }
    }
    let path = folder.file("a.csv", "n\nNA\n12x\n");
    let told = messages(&path, &one_field("n : int in 0..9"), "");
    assert!(told[0].ends_with("but the field is not optional"), "{told:?}");
    assert_eq!(told[1], "n: `12x` is not a whole number");
}

#[test]
fn a_date_in_another_form_is_told_the_form_of_the_mapping() {
    let folder = Folder::new("dates");
    let policy = one_field("d : date in 2000-01-01..2030-12-31");
    let path = folder.file("a.csv", "d\n31/12/2024\n");
    for (mapping, wanted) in [
        (
            "date = 'DD.MM.YYYY'",
            "d: `31/12/2024` is not a date of the form DD.MM.YYYY, as the mapping file says",
        ),
        (
            "date = 'epoch milliseconds'",
            "d: `31/12/2024` is not a number of milliseconds since 1970, as the mapping file says",
        ),
    ] {
        // which form would read it is said as well
        let hint = "; if it is a date, write in a mapping file under [d]: date = 'DD/MM/YYYY'";
        assert_eq!(messages(&path, &policy, mapping)[0], format!("{wanted}{hint}"));
    }
}

#[test]
fn a_number_that_may_be_a_date_points_to_the_mapping() {
    let folder = Folder::new("ticks");
    let policy = one_field("d : date in 2000-01-01..2030-12-31");
    let json = folder
        .file("a.jsonl", "{\"d\": 1769212800000}\n{\"d\": 1769212800}\n{\"d\": 20477}\n{\"d\": 20250131}\n");
    let told = messages(&json, &policy, "");
    let forms = ["epoch milliseconds", "epoch seconds", "epoch days", "YYYYMMDD"];
    for (row, form) in forms.into_iter().enumerate() {
        let wanted = format!("; if it is a date, write in a mapping file under [d]: date = '{form}'");
        assert!(told[row].ends_with(&wanted), "{told:?}");
    }
}

#[test]
fn a_percent_sign_may_be_apart_from_its_number() {
    let folder = Folder::new("percent");
    let policy = one_field("p : percent(2) in 0%..100%");
    let csv = "p\n10 %\n12.5\u{a0}%\n7%\n";
    let json = "{\"p\": \"10 %\"}\n{\"p\": \"12.5\u{a0}%\"}\n{\"p\": \"7%\"}\n";
    for path in [folder.file("a.csv", csv), folder.file("a.jsonl", json)] {
        let (values, refused) = read(&path, &policy, "").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((values, refused), (vec![Some(1_000), Some(1_250), Some(700)], 0));
    }
    let told = messages(&folder.file("b.csv", "p\nx %\n7%\n"), &policy, "");
    assert_eq!(told, ["p: `x %` is not a percentage"]);
}

#[test]
fn a_record_of_another_width_keeps_what_it_has() {
    let folder = Folder::new("kept");
    let path = folder.file("a.csv", "id,n\na,1\nb,2,3\nc\n");
    let mut intake = intake(&integer(), "");
    intake.keep = vec!["id".to_owned()];
    let mut reader = Reader::open(inputs(&[path], None).expect("a file"), &intake).expect("it opens");
    let chunk = reader.next_chunk().expect("it is read").expect("there are rows");
    let mut columns = Columns::new(&intake.schema.input_columns(), chunk.rows);
    let mut faults = Vec::new();
    let filled = chunk.fill(&intake, &mut columns, &mut faults).expect("it is filled");
    let kept = filled.kept[0].array().expect("an array");
    assert_eq!(kept.as_string::<i32>().iter().collect::<Vec<_>>(), [Some("a"), Some("b"), Some("c")]);
    assert_eq!(faults.len(), 2);
}

#[test]
fn a_file_of_another_kind_is_named() {
    let folder = Folder::new("kinds");
    let files = in_every_format(&[Some(1)], &[Some("CA")]);
    let bytes = |name: &str| &files.iter().find(|(file, _)| *file == name).expect("it is there").1;
    for (name, bytes, told) in [
        ("a.csv", &bytes("rows.parquet")[..], "a.csv: not a CSV file: it is a Parquet file"),
        ("a.jsonl", bytes("rows.arrow"), "a.jsonl: not a file of JSON lines: it is an Arrow IPC file"),
        ("a.parquet", bytes("rows.csv"), "a.parquet: not a Parquet file: it holds text, perhaps CSV or JSON"),
        ("a.parquet", bytes("rows.arrow"), "a.parquet: not a Parquet file: it is an Arrow IPC file"),
        (
            "a.arrow",
            bytes("rows.jsonl"),
            "a.arrow: not an Arrow IPC file: it holds text, perhaps CSV or JSON",
        ),
        ("b.csv", b"PK\x03\x04\x14\0", "b.csv: not a CSV file: it is a ZIP archive, as Excel workbooks"),
        ("b.parquet", b"\x1F\x8B\x08\0", "b.parquet: not a Parquet file: it is compressed with gzip"),
    ] {
        let path = folder.0.join(name);
        fs::write(&path, bytes).expect("a file can be written");
        let failure = read(&path, &integer(), "").expect_err("it is of another kind");
        assert!(failure.message.contains(told) && failure.remedy.is_some(), "{failure}");
    }
}

#[test]
fn what_a_library_says_is_explained() {
    let folder = Folder::new("words");
    let files = in_every_format(&[Some(1), Some(2)], &[Some("CA"), None]);
    for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with("parquet") || name.ends_with("arrow"))
    {
        // cut off in the middle, near the end, and behind the first bytes
        for end in [bytes.len() / 2, bytes.len() - 2, 9] {
            let path = folder.0.join(name);
            fs::write(&path, &bytes[..end]).expect("a file can be written");
            let failure = read(&path, &integer(), "").expect_err("it is cut off");
            assert!(failure.message.contains("not a complete"), "{failure}");
            assert!(failure.remedy.is_some_and(|remedy| remedy.contains("again")), "{}", failure.message);
        }
    }
    // of a gzip file, half
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    let rows: String = (0..1000).map(|row| format!("{}\n", row * 7919)).collect();
    packed.write_all(format!("n\n{rows}").as_bytes()).expect("it is packed");
    let packed = packed.finish().expect("it ends");
    let path = folder.0.join("a.csv.gz");
    fs::write(&path, &packed[..packed.len() / 2]).expect("a file can be written");
    let failure = read(&path, &integer(), "").expect_err("it is cut off");
    assert!(
        failure
            .message
            .ends_with("the compressed text ends early, so the file was cut off or is still being written"),
        "{failure}"
    );
    let mut damaged = packed;
    let middle = damaged.len() / 2;
    damaged[middle..middle + 8].fill(0xA5);
    fs::write(&path, &damaged).expect("a file can be written");
    let failure = read(&path, &integer(), "").expect_err("it is damaged");
    assert!(failure.message.contains("the compressed text "), "{failure}");
    // a mapping file
    let schema = opus_frontend::compile(&integer()).0.expect("the policy compiles").program.schema;
    let failure = Mapping::parse("[n]\ncolumn = N\n", &schema).expect_err("it is not TOML");
    assert!(failure.message.starts_with("line 2, `column = N`, is not valid TOML: "), "{failure}");
    assert!(failure.remedy.is_some_and(|remedy| remedy.contains("double quotes")));
}
