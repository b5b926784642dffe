//! Are members of structs read as columns are? The same rows as Parquet, Arrow, JSON and record batches, with structs that
//! are null on every level.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, Date32Array, DictionaryArray, Int64Array, RecordBatch, StringArray, StructArray,
};
use arrow_buffer::NullBuffer;
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::{DataType, Field, Fields};
use opus_data::arrays::Input;
use opus_data::{DataError, Ignored, Intake, Mapping, Reader, inputs};
use opus_ir::Schema;
use opus_ir::memory::Columns;
use opus_runtime::artifact::SourceText;
use opus_runtime::{Artifact, Cache, Engine, Options, Policy};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterVersion};

const POLICY: &str = "policy a.nested { enum Job { none, some }
    input { age : int in 0..120 optional  score : int in 300..850 optional  job : Job optional
            day : date in 2000-01-01..2060-12-31 optional }
    output { b : bool } rules first { otherwise R1 => true } }";

/// The same places, as texts with dots and as lists.
const MAPPINGS: [&str; 2] = [
    "age = { column = \"applicant.age\" }\nscore = { column = \"applicant.bureau.score\" }\n\
     job = { column = \"applicant.job\" }\nday = { column = \"applicant.bureau.day\" }",
    "age = { column = [\"applicant\", \"age\"] }\nscore = { column = [\"applicant\", \"bureau\", \"score\"] }\n\
     job = { column = [\"applicant\", \"job\"] }\nday = { column = [\"applicant\", \"bureau\", \"day\"] }",
];

fn schema(source: &str) -> Schema {
    let (compiled, diagnostics) = opus_frontend::compile(source);
    compiled.unwrap_or_else(|| panic!("{diagnostics:#?}")).program.schema
}

fn policy() -> Policy {
    let program = opus_frontend::compile(POLICY).0.expect("it compiles").program;
    let text = SourceText { text: POLICY, compiler: opus_frontend::VERSION };
    let artifact = Artifact::build(program, text).expect("it builds");
    let options = Options { engine: Engine::Vm, cache: Cache::Off, ..Options::default() };
    Policy::from_artifact(artifact, &options).expect("it takes no facts")
}

fn intake(source: &str, mapping: &str) -> Intake {
    let schema = schema(source);
    Intake { mapping: Mapping::parse(mapping, &schema).expect("a mapping"), schema, keep: Vec::new() }
}

/// A folder that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("opus-nested-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder can be made");
        Folder(path)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).expect("a file can be written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

type Row = Vec<Option<i128>>;

/// The fields of every row of a file, what is wrong with each refused one, and the columns that nobody asked for.
struct Said {
    rows: Vec<Row>,
    faults: Vec<String>,
    ignored: Ignored,
}

fn read(path: &Path, intake: &Intake) -> Result<Said, DataError> {
    let mut reader = Reader::open(inputs(&[path.to_owned()], None)?, intake)?;
    let mut said = Said { rows: Vec::new(), faults: Vec::new(), ignored: Ignored::default() };
    while let Some(chunk) = reader.next_chunk()? {
        let rows = chunk.rows;
        let mut columns = Columns::new(&intake.schema.input_columns(), rows);
        let mut faults = Vec::new();
        let filled = chunk.fill(intake, &mut columns, &mut faults)?;
        said.rows.extend((0..rows).map(|row| values(&columns, row)));
        said.faults.extend(faults.into_iter().map(|(_, reason)| reason.message));
        said.ignored.add(&"rows".into(), filled.ignored);
    }
    said.ignored.extend(reader.ignored());
    Ok(said)
}

fn values(columns: &Columns, row: usize) -> Row {
    (0..columns.len()).map(|index| columns.get(index, row)).collect()
}

const ROWS: usize = 5_000;

/// What is missing in a row: the value itself, or the structs around it.
fn missing_in(row: usize) -> [bool; 3] {
    [row.is_multiple_of(5), row.is_multiple_of(7), row.is_multiple_of(3) || (2_000..3_000).contains(&row)]
}

/// The fields of a row.
fn expected(row: usize) -> Row {
    let [no_applicant, no_bureau, no_value] = missing_in(row);
    let of = |value: i128, is_missing: bool| (!is_missing && !no_value).then_some(value);
    vec![
        of(row as i128 % 121, no_applicant),
        of(300 + (row as i128 * 7) % 551, no_applicant || no_bureau),
        of(row as i128 % 2, no_applicant),
        of(11_000 + row as i128, no_applicant || no_bureau),
    ]
}

/// The rows as a column of structs; what is below a struct that is null holds values all the same. Where nothing may be
/// missing but the structs, members are not optional.
fn structs() -> RecordBatch {
    let rows = || 0..ROWS;
    let is_there = |row: usize| !missing_in(row)[2];
    let texts = |row: usize| ["none", "some"][row % 2];
    let job: StringArray = rows().map(|row| is_there(row).then(|| texts(row))).collect();
    let job: DictionaryArray<Int32Type> = job.iter().collect();
    let score: Int64Array = rows().map(|row| is_there(row).then_some(300 + (row as i64 * 7) % 551)).collect();
    let day: Date32Array = rows().map(|row| is_there(row).then_some(11_000 + row as i32)).collect();
    let age: Int64Array = rows().map(|row| is_there(row).then_some(row as i64 % 121)).collect();
    let id: Int64Array = rows().map(|row| Some(row as i64)).collect();
    let of = |members: &[(&str, ArrayRef, bool)], nulls: NullBuffer| -> ArrayRef {
        let field = |(name, array, optional): &(&str, ArrayRef, bool)| {
            Field::new(*name, array.data_type().clone(), *optional)
        };
        let fields: Fields = members.iter().map(field).collect();
        let arrays = members.iter().map(|(_, array, _)| array.clone()).collect();
        Arc::new(StructArray::new(fields, arrays, Some(nulls)))
    };
    let bureau = of(
        &[("day", Arc::new(day), true), ("score", Arc::new(score), true)],
        rows().map(|row| !missing_in(row)[1]).collect::<Vec<bool>>().into(),
    );
    let applicant = of(
        &[
            ("id", Arc::new(id.clone()), false),
            ("bureau", bureau, true),
            ("age", Arc::new(age), true),
            ("job", Arc::new(job), true),
        ],
        rows().map(|row| !missing_in(row)[0]).collect::<Vec<bool>>().into(),
    );
    let columns: [(&str, ArrayRef, bool); 2] = [("id", Arc::new(id), true), ("applicant", applicant, true)];
    RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length")
}

fn objects() -> String {
    let line = |row: usize| {
        let [no_applicant, no_bureau, _] = missing_in(row);
        if no_applicant {
            return "{\"id\": 1, \"applicant\": null}\n".to_owned();
        }
        let [age, score, job, day] = expected(row)[..] else { unreachable!("there are four fields") };
        let number = |value: Option<i128>| value.map_or("null".to_owned(), |value| value.to_string());
        let job = job.map_or("null", |job| ["\"none\"", "\"some\""][job as usize]);
        let day = day.map_or("null".to_owned(), |day| format!("\"{}\"", opus_ir::date::civil(day)));
        let bureau = match no_bureau {
            true => "null".to_owned(),
            false => format!("{{\"day\": {day}, \"score\": {}}}", number(score)),
        };
        format!("{{\"applicant\": {{\"bureau\": {bureau}, \"age\": {}, \"job\": {job}}}}}\n", number(age))
    };
    (0..ROWS).map(line).collect()
}

fn parquet(rows: &RecordBatch, properties: WriterProperties) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties)).expect("it begins");
    writer.write(rows).expect("it is written");
    writer.into_inner().expect("it ends")
}

#[test]
fn members_of_structs_are_read_in_every_format() {
    let folder = Folder::new("formats");
    let (rows, expected): (_, Vec<Row>) = (structs(), (0..ROWS).map(expected).collect());
    let mut files = vec![folder.file("rows.jsonl", objects())];
    let mut file = FileWriter::try_new(Vec::new(), &rows.schema()).expect("it begins");
    file.write(&rows).expect("it is written");
    files.push(folder.file("file.arrow", file.into_inner().expect("it ends")));
    let mut stream = StreamWriter::try_new(Vec::new(), &rows.schema()).expect("it begins");
    stream.write(&rows).expect("it is written");
    files.push(folder.file("stream.arrow", stream.into_inner().expect("it ends")));
    let codecs = [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(ZstdLevel::default())];
    let mut number = 0;
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        for (codec, has_dictionary) in codecs.into_iter().zip([true, false, true]) {
            for page_rows in [100, 1_000_000] {
                let properties = WriterProperties::builder()
                    .set_writer_version(version)
                    .set_compression(codec)
                    .set_dictionary_enabled(has_dictionary)
                    .set_data_page_row_count_limit(page_rows)
                    .set_write_batch_size(50)
                    .set_max_row_group_row_count(Some(if number % 2 == 0 { 1_234 } else { 1_000_000 }))
                    .build();
                number += 1;
                files.push(folder.file(&format!("{number}.parquet"), parquet(&rows, properties)));
            }
        }
    }
    for mapping in MAPPINGS {
        let intake = intake(POLICY, mapping);
        for path in &files {
            let said = read(path, &intake).expect("it can be read");
            assert_eq!(said.faults, Vec::<String>::new(), "{}", path.display());
            assert!(said.rows == expected, "{}, {mapping}", path.display());
            assert_eq!(said.ignored.names().collect::<Vec<_>>(), ["id"], "{}", path.display());
        }
        let policy = policy();
        let mut batch = policy.batch(ROWS);
        let input = Input::new("rows", &rows.schema(), &intake).expect("the columns are there");
        input.fill(&rows, &mut batch).expect("there is room");
        assert!(batch.refused().is_empty());
        let filled: Vec<Row> = (0..ROWS).map(|row| values(batch.inputs_mut(), row)).collect();
        assert!(filled == expected, "{mapping}");
    }
}

/// A file of each format with types, of one column.
fn typed(folder: &Folder, name: &str, array: ArrayRef) -> [PathBuf; 2] {
    let rows = RecordBatch::try_from_iter_with_nullable([(name, array, true)]).expect("one column");
    let mut file = FileWriter::try_new(Vec::new(), &rows.schema()).expect("it begins");
    file.write(&rows).expect("it is written");
    [
        folder.file("rows.arrow", file.into_inner().expect("it ends")),
        folder.file("rows.parquet", parquet(&rows, WriterProperties::default())),
    ]
}

fn record(members: &[(&str, ArrayRef)]) -> ArrayRef {
    let fields: Fields =
        members.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    Arc::new(StructArray::new(fields, members.iter().map(|(_, array)| array.clone()).collect(), None))
}

const AGE: &str = "policy a.age { input { age : int in 0..120 optional } output { b : bool }
    rules first { otherwise R1 => true } }";

fn longs(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

#[test]
fn a_column_with_the_whole_name_wins_over_a_member() {
    let folder = Folder::new("plain");
    let rows = RecordBatch::try_from_iter([
        ("applicant", record(&[("age", longs(&[1, 2]))])),
        ("applicant.age", longs(&[40, 41])),
    ]);
    let rows = rows.expect("columns of one length");
    let of_both = "{\"applicant\": {\"age\": 1}, \"applicant.age\": 40}\n\
        {\"applicant.age\": 41, \"applicant\": {\"age\": 2}}\n";
    let files = [
        folder.file("both.parquet", parquet(&rows, WriterProperties::default())),
        folder.file("both.jsonl", of_both),
    ];
    for (mapping, ages) in [("\"applicant.age\"", [40, 41]), ("[\"applicant\", \"age\"]", [1, 2])] {
        let intake = intake(AGE, &format!("age = {{ column = {mapping} }}"));
        for path in &files {
            let said = read(path, &intake).expect("it can be read");
            assert_eq!(said.rows, ages.map(|age| vec![Some(age)]), "{}, {mapping}", path.display());
        }
    }
    // without structs, the names of columns may have dots, and that is all that they are
    let intake = intake(AGE, "age = { column = \"applicant.age\" }");
    for (name, text) in [
        ("flat.csv", "id,applicant.age\n1,40\n2,\n"),
        ("flat.jsonl", "{\"applicant.age\": 40}\n{\"applicant.age\": null, \"applicant\": {\"age\": 1}}\n"),
    ] {
        let said = read(&folder.file(name, text), &intake).expect("it can be read");
        assert_eq!((said.rows, said.faults.len()), (vec![vec![Some(40)], vec![None]], 0), "{name}");
    }
}

#[test]
fn what_is_within_lists_is_refused() {
    let folder = Folder::new("lists");
    let mut ages = ListBuilder::new(Int64Builder::new());
    ages.append_value([Some(40)]);
    ages.append_value([Some(41), Some(42)]);
    let ages: ArrayRef = Arc::new(ages.finish());
    let list_of = |array: ArrayRef| -> ArrayRef {
        let field = Arc::new(Field::new("item", array.data_type().clone(), true));
        let offsets = arrow_buffer::OffsetBuffer::from_lengths([1, 1]);
        Arc::new(arrow_array::ListArray::new(field, offsets, array, None))
    };
    for (mapping, array, words) in [
        (
            "\"people.age\"",
            list_of(record(&[("age", longs(&[40, 41]))])),
            "`people` holds lists, with a `age`",
        ),
        (
            "[\"people\", \"first\", \"age\"]",
            record(&[("first", list_of(record(&[("age", longs(&[40, 41]))])))]),
            "`people.first` holds lists, with a `age`",
        ),
        ("\"people.ages\"", record(&[("ages", ages)]), "column `people.ages` holds lists, and `age` is"),
    ] {
        let intake = intake(AGE, &format!("age = {{ column = {mapping} }}"));
        for path in typed(&folder, "people", array) {
            let failure = read(&path, &intake).err().expect("a list is not one value");
            assert!(failure.message.contains(words), "{failure}");
        }
    }
    let lines =
        "{\"people\": [{\"age\": 40}]}\n{\"people\": {\"age\": 41}}\n{\"people\": 5}\n{\"people\": null}\n";
    let intake = intake(AGE, "age = { column = \"people.age\" }");
    let said = read(&folder.file("rows.jsonl", lines), &intake).expect("it can be read");
    assert_eq!(said.rows[1..2], [vec![Some(41)]]);
    assert_eq!(said.rows[3], [None]);
    let [list, number] = &said.faults[..] else { panic!("{:?}", said.faults) };
    assert!(list.contains("`people` is an array, so that `age` is in each of its elements"), "{list}");
    assert!(number.contains("`people` is not an object, so it has no `age`"), "{number}");
}

#[test]
fn a_member_that_is_not_there_is_an_error_that_says_what_is() {
    let folder = Folder::new("absent");
    let applicant = record(&[("age", longs(&[40])), ("name", Arc::new(StringArray::from(vec!["A"])))]);
    for (mapping, message, remedy) in [
        ("\"applicant.agge\"", "`applicant` has no member `agge` for the field `age`", "did you mean `age`?"),
        ("\"applicant.Age\"", "`applicant` has no member `Age` for the field `age`", "did you mean `age`"),
        ("\"applicant.x\"", "`applicant` has no member `x`", "the members are age, name"),
        ("\"aplicant.age\"", "there is no column `aplicant.age` for the field `age`", "applicant"),
        ("\"applicant\"", "column `applicant` holds structs, and `age` is", "column = \"applicant.age\""),
        (
            "\"applicant.name.x\"",
            "and `applicant.name` holds texts, which have no members",
            "column of its own",
        ),
        ("\"age\"", "there is no column `age`", "under [age]: column = \"applicant.age\""),
    ] {
        let intake = intake(AGE, &format!("age = {{ column = {mapping} }}"));
        for path in typed(&folder, "applicant", applicant.clone()) {
            let failure = read(&path, &intake).err().expect("there is no such member");
            assert!(failure.message.contains(message), "{failure}");
            assert!(failure.remedy.as_deref().unwrap_or_default().contains(remedy), "{failure}");
        }
    }
    let csv = folder.file("rows.csv", "applicant\n{\"age\": 40}\n");
    for mapping in MAPPINGS {
        let failure = read(&csv, &intake(POLICY, mapping)).err().expect("CSV has no structs");
        let words = "there is no column `applicant.age` for the field `age`, and `applicant` holds texts";
        assert!(failure.message.contains(words), "{failure}");
        assert!(failure.remedy.unwrap_or_default().contains("SELECT applicant.age AS applicant_age"));
    }
    let ignoring = intake(AGE, "ignore_case = true\nage = { column = \"APPLICANT.Age\" }");
    for path in typed(&folder, "applicant", applicant) {
        assert_eq!(read(&path, &ignoring).expect("it can be read").rows, [[Some(40)]]);
    }
    let lines = folder.file("rows.jsonl", "{\"Applicant\": {\"aGe\": 40}}\n");
    assert_eq!(read(&lines, &ignoring).expect("it can be read").rows, [[Some(40)]]);
}

#[test]
fn a_name_in_another_case_matters_only_where_the_value_is_lacking() {
    let folder = Folder::new("case");
    let intake = intake(AGE, "age = { column = \"applicant.age\" }");
    let lines = "{\"applicant\": {\"age\": 1}}\n\
        {\"applicant.age\": 2, \"Applicant\": 5}\n{\"Applicant.Age\": 5, \"applicant\": {\"age\": 3}}\n\
        {\"Applicant\": {\"age\": 5}}\n{\"Applicant.age\": 5, \"other\": 1}\n{\"applicant\": {\"Age\": 5}}\n";
    let said = read(&folder.file("rows.jsonl", lines), &intake).expect("it can be read");
    assert_eq!(said.rows[..3], [1, 2, 3].map(|age| vec![Some(age)]));
    assert_eq!(said.faults.len(), 3, "{:?}", said.faults);
    assert!(said.faults.iter().all(|fault| fault.contains("only in case")), "{:?}", said.faults);
    // every name counts, not only the last
    let two =
        "policy a.two { input { age : int in 0..120 optional  n : int in 0..9 optional } output { b : bool }
        rules first { otherwise R1 => true } }";
    let two = self::intake(two, "");
    let lines = "{\"age\": 1, \"n\": 2}\n{\"Age\": 1, \"N\": 2, \"n\": 3}\n";
    let said = read(&folder.file("two.jsonl", lines), &two).expect("it can be read");
    assert!(said.faults.len() == 1 && said.faults[0].contains("`Age` differs from `age` only in case"));
}

#[test]
fn nulls_of_structs_reach_their_members_only_in_what_is_read() {
    // a struct that is not null, with members that are not optional, in a column of Parquet that is at level 0
    let folder = Folder::new("required");
    let inner = Field::new("age", DataType::Int64, false);
    let array = StructArray::new(vec![inner].into(), vec![longs(&[40, 41])], None);
    let schema =
        Arc::new(arrow_schema::Schema::new(vec![Field::new("applicant", array.data_type().clone(), false)]));
    let rows = RecordBatch::try_new(schema, vec![Arc::new(array)]).expect("one column");
    let path = folder.file("rows.parquet", parquet(&rows, WriterProperties::default()));
    let said = read(&path, &intake(AGE, "age = { column = \"applicant.age\" }")).expect("it can be read");
    assert_eq!(said.rows, [[Some(40)], [Some(41)]]);
}
