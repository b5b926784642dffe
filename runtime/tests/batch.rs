//! Batches: refused rows stay out, each row meets its version, and neither the engine nor the cut into batches
//! shows.

mod common;

use common::{Given, by_batch, by_row, open};
use opus_ir::func::Block;
use opus_ir::testing::{Seed, Source};
use opus_ir::{End, Fault, Program};
use opus_runtime::admission::Reason;
use opus_runtime::{Engine, example};

/// Rows of the example: good ones, ones at every boundary, ones that no field admits, ones that break the require.
fn rows(count: usize, seed: &mut Seed) -> Vec<Given> {
    let program = example::program();
    let cell = |field: &opus_ir::Field, seed: &mut Seed| {
        let range = field.domain.range;
        match seed.below(20) {
            0 => None,
            1 => Some(range.hi + 1),
            2 => Some(range.lo - 1),
            _ => Some(seed.within(range)),
        }
    };
    let row = |seed: &mut Seed| {
        let mut row: Given = program.schema.inputs.iter().map(|field| cell(field, seed)).collect();
        if seed.one_in(2) {
            row[0] = Some(example::VERSION_2_FROM as i128 - 1 + seed.below(2) as i128);
        }
        row
    };
    (0..count).map(|_| row(seed)).collect()
}

/// The example with a second version that is no copy of the first with other constants.
fn unlike_versions() -> Program {
    let mut program = example::program();
    let decide = &mut program.versions[1].decide;
    let entry = &mut decide.blocks[Block::from_u32(0)];
    let End::Branch(_, minor, _) = entry.end.clone() else { panic!("the example begins with a branch") };
    entry.end = End::Jump(minor);
    // the rest cannot be reached any more
    opus_ir::passes::optimize(decide);
    program
}

/// The example with a second version that requires nothing.
fn unlike_requires() -> Program {
    let mut program = example::program();
    let second = &mut program.versions[1];
    second.requires.clear();
    second.admit.results.clear();
    second.admit.blocks[Block::from_u32(0)].end = End::Decide { rule: 0, outputs: vec![] };
    program
}

#[test]
fn rows_and_batches_agree_whatever_is_refused() {
    let mut seed = Seed(3);
    let rows = rows(3000, &mut seed);
    for (name, program) in [
        ("example", example::program()),
        ("unlike versions", unlike_versions()),
        ("unlike requires", unlike_requires()),
    ] {
        let expected = by_row(&open(program.clone(), Engine::Vm), &rows);
        let decided = expected.iter().flatten().count();
        assert!(decided > 500 && decided < 2000, "{name}: {decided} of 3000 rows are decided");
        for engine in Engine::ALL {
            let policy = open(program.clone(), engine);
            assert_eq!(by_row(&policy, &rows), expected, "{name}, rows on {engine}");
            for rows_per_batch in [1, 63, 64, 1000, 3000] {
                let batches = by_batch(&policy, &rows, rows_per_batch);
                assert_eq!(batches, expected, "{name}, {rows_per_batch} rows per batch on {engine}");
            }
        }
    }
}

#[test]
fn mixed_batches_are_the_merge_of_single_ones() {
    let mut seed = Seed(4);
    let rows = rows(2000, &mut seed);
    for program in [example::program(), unlike_versions(), unlike_requires()] {
        for engine in Engine::ALL {
            let policy = open(program.clone(), engine);
            let mixed = by_batch(&policy, &rows, 2000);
            let version = |given: &Given| given[0].is_some_and(|day| day >= example::VERSION_2_FROM as i128);
            let mut merged = vec![None; rows.len()];
            for later in [false, true] {
                let chosen: Vec<usize> =
                    (0..rows.len()).filter(|row| version(&rows[*row]) == later).collect();
                let part: Vec<Given> = chosen.iter().map(|row| rows[*row].clone()).collect();
                let decided = by_batch(&policy, &part, 2000);
                chosen.into_iter().zip(decided).for_each(|(row, decided)| merged[row] = decided);
            }
            assert_eq!(mixed, merged);
        }
    }
}

#[test]
fn reasons_come_in_the_order_of_rows_and_fields() {
    let policy = open(example::program(), Engine::Native);
    let mut batch = policy.batch(10);
    let inputs = batch.inputs_mut();
    inputs.set_rows(4);
    for row in 0..4 {
        let cells = [20_100, 40, 800, 9_000_000, 900_000, 0];
        cells.iter().enumerate().for_each(|(field, cell)| inputs.set(field, row, Some(*cell)));
    }
    inputs.set(3, 1, Some(0));
    let refusals = |field: usize| {
        use opus_runtime::admission::{Admission, Reading, Unit};
        Admission::new(policy.schema(), field, Unit::Written).admit(Reading::Missing).unwrap_err()
    };
    // column by column, as files are read
    for (row, field) in [(3, 1), (0, 3), (3, 0)] {
        batch.refuse(row, refusals(field));
    }
    batch.refuse(0, Reason::malformed_row("cut short"));
    batch.decide();
    let told: Vec<(u32, Fault, &str)> =
        batch.refused().iter().map(|(row, reason)| (*row, reason.fault, reason.name.as_str())).collect();
    let expected = [
        (0, Fault::MalformedRow, ""),
        (0, Fault::Missing, "income"),
        (1, Fault::RequireFailed, "Q1"),
        (3, Fault::Missing, "submitted_on"),
        (3, Fault::Missing, "age"),
    ];
    assert_eq!(told, expected);
    assert_eq!(batch.rows(), [2]);
    batch.clear();
    assert!(batch.rows().is_empty() && batch.rules().is_empty() && batch.refused().is_empty());
}

#[test]
fn an_empty_batch_is_decided() {
    for engine in Engine::ALL {
        let policy = open(example::program(), engine);
        let mut batch = policy.batch(0);
        batch.decide();
        assert!(batch.rows().is_empty());
        assert_eq!(batch.engine(), engine);
    }
}
