//! Does every policy of the corpus compile, and do all witnesses agree about it? What compiled once compiles with every
//! later compiler.
//!
//! Policies with few inputs are compared on every row, the others on rows from random bytes.

use std::fs;
use std::path::PathBuf;

use arbitrary::Unstructured;
use opus_frontend::compile;
use opus_fuzz::rows::{self, Corners, Row};
use opus_fuzz::seeds;
use opus_govern::witnesses::Witnesses;
use opus_ir::Schema;

/// Up to how many rows a policy is compared on all that there are.
const ALL_ROWS_MAX: usize = 20_000;
const SEEDS: u64 = 8;
const ROWS_PER_SEED: usize = 128;
const BYTES_PER_ROW: usize = 256;

/// Every row that is admitted by its fields, where there are few.
fn all_rows(schema: &Schema) -> Option<Vec<Row>> {
    let mut rows: Vec<Row> = vec![vec![]];
    for field in &schema.inputs {
        let range = field.domain.range;
        let count = usize::try_from(range.hi - range.lo + 2).ok()?;
        rows.len().checked_mul(count).filter(|count| *count <= ALL_ROWS_MAX)?;
        let inside = (range.lo..=range.hi).filter(|value| field.domain.contains(*value)).map(Some);
        let values: Vec<Option<i128>> = inside.chain(field.optional.then_some(None)).collect();
        let with = |row: &Row, value: Option<i128>| row.iter().copied().chain([value]).collect::<Row>();
        rows = rows.iter().flat_map(|row| values.iter().map(|value| with(row, *value))).collect();
    }
    Some(rows)
}

fn some_rows(schema: &Schema, corners: &Corners) -> Vec<Row> {
    let of_seed = |seed| {
        let bytes = seeds::bytes(seed, ROWS_PER_SEED * BYTES_PER_ROW);
        rows::rows(&mut Unstructured::new(&bytes), schema, corners, ROWS_PER_SEED)
    };
    (0..SEEDS).flat_map(of_seed).collect()
}

#[test]
fn accepted_policies_compile_and_all_witnesses_agree() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../frontend/tests/accepted");
    let entries = fs::read_dir(folder).expect("the corpus is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let source = fs::read_to_string(&path).expect("it can be read");
        let (compiled, diagnostics) = compile(&source);
        let name = path.display();
        let compiled = compiled.unwrap_or_else(|| panic!("{name} does not compile:\n{diagnostics:#?}"));
        let witnesses = Witnesses::new(&compiled, &[]).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        let schema = &compiled.program.schema;
        let rows = all_rows(schema).unwrap_or_else(|| some_rows(schema, &Corners::of(&compiled.policy)));
        if let Some(disagreement) = witnesses.disagreement(&rows) {
            panic!("{name}: {disagreement}");
        }
    }
}
