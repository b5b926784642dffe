//! What does it cost to compute the leaves of rows? Not whether it is right: this prints figures, and runs by request.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use opus_runtime::record::Salts;
use opus_runtime::tree::{Part, entry};
use opus_runtime::{Artifact, Hash, Policy};

/// So few rows that a measurement fits between two interruptions.
const ROWS: usize = 2048;
const ROUNDS: usize = 400;

/// `cargo test --release -p opus-runtime --no-default-features --test cost -- --ignored --nocapture`
#[test]
#[ignore = "it measures"]
fn leaves() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/records/format-3/artifact.opusc");
    let policy = Policy::from_artifact(Artifact::open(path).unwrap(), &Default::default()).unwrap();
    let salts = Salts::from_key(Hash::of(b"some inputs"));
    let mut batch = policy.batch(ROWS);
    let mut least = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        batch.clear();
        batch.inputs_mut().set_rows(ROWS);
        for (index, field) in policy.schema().inputs.iter().enumerate() {
            let (lo, hi) = (field.domain.range.lo, field.domain.range.hi.min(field.domain.range.lo + 40_000));
            for row in 0..ROWS {
                let value = lo + (row as i128 * 7919 + index as i128 * 31) % (hi - lo + 1);
                batch.inputs_mut().set(index, row, (!field.optional || row % 5 > 0).then_some(value));
            }
        }
        let started = Instant::now();
        let inputs = batch.input_hashes();
        let hashed = started.elapsed();
        batch.decide();
        let started = Instant::now();
        let leaves = batch.leaves(&inputs, &salts, 1);
        let left = started.elapsed();
        let started = Instant::now();
        black_box(Part::new(0, leaves.iter().map(|leaf| entry(leaf.as_bytes()))));
        let times = [hashed, left, started.elapsed()];
        least.iter_mut().zip(times).for_each(|(least, time)| *least = time.min(*least));
    }
    let [inputs, leaves, tree] = least.map(|time| time.as_nanos() / ROWS as u128);
    println!("ns per row: inputs {inputs}, salts, decisions and leaves {leaves}, tree {tree}");
}
