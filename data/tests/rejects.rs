//! Does every fault code have a row with this fault? `cases/rejects.md` has them for values; files have rows that
//! cannot be read.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use opus_data::{Intake, Mapping, Reader, inputs};
use opus_ir::Fault;
use opus_ir::memory::Columns;
use opus_spec::document;

const POLICY: &str = "policy rejects.file {
  input { age : int in 0..120   score : int in 0..9 optional }
  output { child : bool }
  rules first { rule R1 when age < 18 and (score is missing or score < 5) => true   otherwise R2 => false }
}";

/// A fault of a row: its number from 1, the field, the code.
type Told = (u64, &'static str, &'static str);

/// Files by name, with their text and the faults of their rows.
const FILES: &[(&str, &str, &[Told])] = &[
    (
        "rows.csv",
        "age,score\n17,\n18,5,7\n19\n130,x\n20,9\n",
        &[
            (2, "", "malformed-row"),
            (3, "", "malformed-row"),
            (4, "age", "out-of-range"),
            (4, "score", "wrong-type"),
        ],
    ),
    (
        "rows.jsonl",
        "{\"age\": 17}\n{\"age\": 18, \n[19]\n{\"age\": \"20\", \"score\": true}\n{\"score\": null}\n",
        &[
            (2, "", "malformed-row"),
            (3, "", "malformed-row"),
            (4, "score", "wrong-type"),
            (5, "age", "missing"),
        ],
    ),
];

#[test]
fn every_code_has_a_row() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/cases/rejects.md");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let tables = document::blocks(&text).into_iter().filter(|block| block.info == "run");
    let mut met: BTreeSet<String> = BTreeSet::new();
    for block in tables {
        for (_, _, answer) in document::rows(&block.text).into_iter().skip(1) {
            met.extend(answer.join(" ").split([' ', ',']).map(str::to_owned));
        }
    }
    met.extend(FILES.iter().flat_map(|(.., faults)| faults.iter().map(|(.., code)| (*code).to_owned())));
    let missing: Vec<&str> =
        Fault::ALL.iter().map(|fault| fault.code()).filter(|code| !met.contains(*code)).collect();
    assert!(missing.is_empty(), "no row meets {missing:?}");
}

#[test]
fn rows_of_files_that_cannot_be_read_are_refused_and_stop_nothing() {
    let compiled = opus_frontend::compile(POLICY).0.expect("the policy compiles");
    let schema = compiled.program.schema;
    let intake = Intake { mapping: Mapping::by_name(&schema), schema, keep: Vec::new() };
    let folder = std::env::temp_dir().join(format!("opus-rejects-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder can be made");
    for (name, text, expected) in FILES {
        let path = folder.join(name);
        fs::write(&path, text).expect("a file can be written");
        let located = inputs(&[path], None).unwrap_or_else(|failure| panic!("{}", failure.message));
        let mut reader =
            Reader::open(located, &intake).unwrap_or_else(|failure| panic!("{}", failure.message));
        let (mut rows, mut faults) = (0, Vec::new());
        while let Some(chunk) = reader.next_chunk().unwrap_or_else(|failure| panic!("{}", failure.message)) {
            let (first_row, count) = (chunk.first_row, chunk.rows);
            let mut columns = Columns::new(&intake.schema.input_columns(), count);
            let mut told = Vec::new();
            chunk.fill(&intake, &mut columns, &mut told).unwrap_or_else(|error| panic!("{error}"));
            rows += count;
            let told = told.into_iter();
            faults.extend(
                told.map(|(row, reason)| (first_row + u64::from(row), reason.name, reason.fault.code())),
            );
        }
        let found: Vec<(u64, &str, &str)> =
            faults.iter().map(|(row, name, code)| (*row, &**name, *code)).collect();
        assert_eq!((rows, &found[..]), (5, *expected), "{name}");
    }
    fs::remove_dir_all(&folder).expect("the folder can be removed");
}
