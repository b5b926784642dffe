//! What do the tests of this crate share? Rows in both layouts, and the comparison of all engines on them.
#![allow(dead_code)]

pub mod credit;

use opus_ir::memory::{Columns, Row, RowLayout};
use opus_ir::testing::{Seed, Source};
use opus_ir::{Column, Returned, Straight, evaluate_straight};
use opus_jit::{
    ColumnKernel, Kind, Level, Native, RowKernel, Scratch, compile_columns, compile_in_pieces, compile_row,
};

/// The levels that this machine has; the others are named on stderr.
pub fn levels() -> Vec<Level> {
    let (here, missing): (Vec<_>, Vec<_>) = Level::ALL.into_iter().partition(|level| level.is_available());
    missing.iter().for_each(|level| eprintln!("skipped: this machine has no {level}"));
    here
}

/// Rows as the evaluators take them: the values and the presence of each field.
pub struct Batch {
    pub rows: Vec<(Vec<i128>, Vec<bool>)>,
}

impl Batch {
    /// Admitted rows of a line.
    pub fn generate(line: &Straight, rows: usize, source: &mut Seed) -> Batch {
        let row = |_| {
            let present: Vec<bool> =
                line.fields.iter().map(|field| !field.optional || !source.one_in(3)).collect();
            // a missing field is any value of its range: here the one that the evaluators take
            let values = line.fields.iter().zip(&present);
            let values = values
                .map(|(field, present)| {
                    let x = source.within(field.range);
                    if *present { x } else { 0i128.clamp(field.range.lo, field.range.hi) }
                })
                .collect();
            (values, present)
        };
        Batch { rows: (0..rows).map(row).collect() }
    }

    /// The rows as columns.
    pub fn columns(&self, shape: &[Column]) -> Columns {
        let mut columns = Columns::new(shape, self.rows.len());
        columns.set_rows(self.rows.len());
        for (row, (values, present)) in self.rows.iter().enumerate() {
            for (field, x) in values.iter().enumerate() {
                columns.set(field, row, Some(*x));
                if !present[field] {
                    columns.set(field, row, None);
                }
            }
        }
        columns
    }

    /// One row as a packed structure.
    pub fn row(&self, layout: &RowLayout, index: usize) -> Row {
        let mut row = Row::new(layout);
        let (values, present) = &self.rows[index];
        for (slot, (x, present)) in layout.slots.iter().zip(values.iter().zip(present)) {
            row.set(*slot, Some(*x));
            if !present {
                row.set(*slot, None);
            }
        }
        row
    }
}

/// Checks that rows and columns decide as the straight line does, and alike at every level.
pub fn check(line: &Straight, batch: &Batch, levels: &[Level], what: &str) {
    let expected: Vec<Returned> =
        batch.rows.iter().map(|(values, present)| evaluate_straight(line, values, present)).collect();
    for level in levels {
        let row = compile_row(line, *level).expect("this is x86-64");
        let columns = compile_columns(line, *level).expect("this is x86-64");
        check_natives(line, batch, &expected, [&row, &columns], &format!("{level}, {what}"));
    }
}

/// Checks the same of kernels that are cut into small pieces.
pub fn check_in_pieces(line: &Straight, batch: &Batch, level: Level, budget: usize, what: &str) {
    let expected: Vec<Returned> =
        batch.rows.iter().map(|(values, present)| evaluate_straight(line, values, present)).collect();
    let natives = [Kind::Row, Kind::Columns]
        .map(|kind| compile_in_pieces(line, kind, level, budget).expect("this is x86-64"));
    check_natives(
        line,
        batch,
        &expected,
        [&natives[0], &natives[1]],
        &format!("{level}, pieces of {budget}, {what}"),
    );
}

fn check_natives(line: &Straight, batch: &Batch, expected: &[Returned], natives: [&Native; 2], what: &str) {
    let row = RowKernel::load(natives[0]).expect("it runs here");
    let columns = ColumnKernel::load(natives[1]).expect("it runs here");
    let by_columns = decide_columns(&columns, batch);
    for (index, expected) in expected.iter().enumerate() {
        let by_row = decide_row(&row, batch, index);
        assert_eq!(by_row, *expected, "row {index} at {what}: {:?}\n{line:#?}", batch.rows[index]);
        let by_columns = &by_columns[index];
        assert_eq!(by_columns, expected, "column row {index} at {what}: {:?}\n{line:#?}", batch.rows[index]);
    }
}

pub fn decide_row(kernel: &RowKernel, batch: &Batch, index: usize) -> Returned {
    let input = batch.row(kernel.inputs(), index);
    let mut output = Row::new(kernel.outputs());
    kernel.run(input.bytes(), output.bytes_mut());
    let mut values =
        kernel.outputs().slots.iter().map(|slot| output.get(*slot).expect("outputs are present"));
    let outputs = values.by_ref().take(kernel.outputs().slots.len() - 1).collect();
    Returned { rule: values.next().expect("the rule is last") as u16 as u32, outputs }
}

pub fn decide_columns(kernel: &ColumnKernel, batch: &Batch) -> Vec<Returned> {
    let inputs = batch.columns(kernel.inputs());
    let mut outputs = Columns::new(kernel.outputs(), batch.rows.len());
    kernel.run(&inputs, &mut outputs, &mut Scratch::new());
    let last = outputs.len() - 1;
    (0..batch.rows.len())
        .map(|row| Returned {
            rule: outputs.get(last, row).expect("outputs are present") as u16 as u32,
            outputs: (0..last).map(|i| outputs.get(i, row).expect("outputs are present")).collect(),
        })
        .collect()
}
