//! Do native rows and native columns decide as the straight line does? Generated functions with generated rows,
//! at every level that the machine has; the same bytes at each.

mod harness;

use harness::{Batch, check, check_in_pieces, levels};
use opus_ir::testing::{Seed, func};
use opus_ir::{straighten, verify};

#[test]
fn generated_functions_decide_alike() {
    let count = if cfg!(debug_assertions) { 400 } else { 6000 };
    let levels = levels();
    for seed in 0..count {
        let mut source = Seed(seed);
        let func = func(&mut source);
        let line = straighten(&verify(func).expect("generated functions are valid"));
        let rows = [1, 15, 16, 17, 40][seed as usize % 5];
        let batch = Batch::generate(&line, rows, &mut source);
        check(&line, &batch, &levels, &format!("seed {seed}"));
    }
}

#[test]
fn every_number_of_rows_is_decided() {
    let levels = levels();
    for seed in [3, 8, 21] {
        let mut source = Seed(seed);
        let line = straighten(&verify(func(&mut source)).expect("generated functions are valid"));
        for rows in 0..200 {
            let batch = Batch::generate(&line, rows, &mut source);
            check(&line, &batch, &levels, &format!("seed {seed}, {rows} rows"));
        }
    }
}

#[test]
fn small_pieces_decide_alike() {
    let levels = levels();
    let count = if cfg!(debug_assertions) { 200 } else { 3000 };
    for seed in 0..count {
        let mut source = Seed(seed + 1_000_000);
        let line = straighten(&verify(func(&mut source)).expect("generated functions are valid"));
        let batch = Batch::generate(&line, 100, &mut source);
        let level = levels[seed as usize % levels.len()];
        check_in_pieces(&line, &batch, level, [1, 20, 100][seed as usize % 3], &format!("seed {seed}"));
    }
}
