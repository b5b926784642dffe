//! Are rows lost, or wrong bytes believed? Files that were damaged, cut off or written in unusual ways, each with what
//! reading it must say. `files/` holds those that are not made here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use opus_data::{DataError, ErrorKind, Intake, Mapping, Reader, inputs};
use opus_ir::memory::Columns;

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
