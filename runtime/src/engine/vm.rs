//! How does the virtual machine run a policy's functions?
//!
//! The bytecode of an artifact is verified, so that it is safe to run; but somebody who knows how to hash could have
//! made it say something else than the program. So its results are kept within what the program declares: a rule
//! that there is, outputs within their ranges. Of what the compiler emits that changes nothing.

use std::cell::RefCell;

use opus_ir::memory::{self, Columns, RowLayout, Slot};
use opus_ir::{Interval, Program, Verified};
use opus_vm::{ColumnEngine, RowEngine, row};

use super::part::{Function, Part};
use crate::artifact::Artifact;

/// The machine for single rows.
pub(crate) struct VmRows {
    engines: Part<RowEngine>,
    declared: Vec<Interval>,
}

/// The machine for columns.
pub(crate) struct VmColumns {
    engines: Part<ColumnEngine>,
    declared: Vec<Interval>,
}

/// What decisions keep to: the ranges of the outputs, then the indices of the rules, which have no sign.
fn declared(program: &Program<Verified>) -> Vec<Interval> {
    let outputs = program.schema.outputs.iter().map(|field| field.domain.range);
    outputs.chain([Interval::new(0, program.rules.len().max(1) as i128 - 1)]).collect()
}

thread_local! {
    /// Each thread has room for one decision.
    static SCRATCH: RefCell<row::Scratch> = const { RefCell::new(row::Scratch::new()) };
}

impl VmRows {
    pub(crate) fn new(artifact: &Artifact) -> VmRows {
        let engines = artifact.bytecode().rows.map(|code| RowEngine::new(code.clone()));
        VmRows { engines, declared: declared(artifact.program()) }
    }

    /// Runs a function on a row; answers whether there is one.
    #[inline]
    pub(crate) fn run(&self, function: Function, input: &[u8], output: &mut [u8]) -> bool {
        let Some(engine) = self.engines.get(function) else { return false };
        SCRATCH.with_borrow_mut(|scratch| engine.decide(input, output, scratch));
        if function.decides() {
            keep_row(output, engine.output_layout(), &self.declared);
        }
        true
    }
}

impl VmColumns {
    pub(crate) fn new(artifact: &Artifact) -> VmColumns {
        let engines = artifact.bytecode().columns.map(|code| ColumnEngine::new(code.clone()));
        VmColumns { engines, declared: declared(artifact.program()) }
    }

    /// Runs a function on columns; answers whether there is one.
    pub(crate) fn run(
        &self,
        function: Function,
        inputs: &Columns,
        outputs: &mut Columns,
        scratch: &mut opus_vm::columns::Scratch,
    ) -> bool {
        let Some(engine) = self.engines.get(function) else { return false };
        engine.decide(inputs, outputs, scratch);
        if function.decides() {
            let (rule, ranges) = self.declared.split_last().expect("there is a rule behind the outputs");
            ranges.iter().enumerate().for_each(|(index, range)| keep_column(outputs, index, *range));
            let rows = outputs.rows();
            let rules = &mut outputs.values_mut::<u16>(ranges.len())[..rows];
            rules.iter_mut().for_each(|index| *index = (*index).min(rule.hi as u16));
        }
        true
    }
}

fn keep_row(output: &mut [u8], layout: &RowLayout, declared: &[Interval]) {
    let outputs = layout.slots.len() - 1;
    for (index, (Slot { offset, width, .. }, range)) in layout.slots.iter().zip(declared).enumerate() {
        let offset = *offset as usize;
        let value = memory::read(output, offset, *width);
        // the index of the rule has no sign
        let value = if index == outputs { value as u16 as i128 } else { value };
        if !range.contains(value) {
            memory::write(output, offset, *width, value.clamp(range.lo, range.hi));
        }
    }
}

/// Keeps the rows of a column within a range, which its width holds.
fn keep_column(columns: &mut Columns, index: usize, range: Interval) {
    macro_rules! keep {
        ($cell:ty) => {{
            let rows = columns.rows();
            let (low, high) = (range.lo as $cell, range.hi as $cell);
            let cells = &mut columns.values_mut::<$cell>(index)[..rows];
            cells.iter_mut().for_each(|cell| *cell = (*cell).clamp(low, high));
        }};
    }
    match columns.column(index).width {
        opus_ir::Width::W8 => keep!(i8),
        opus_ir::Width::W16 => keep!(i16),
        opus_ir::Width::W32 => keep!(i32),
        opus_ir::Width::W64 => keep!(i64),
        opus_ir::Width::W128 => keep!(i128),
    }
}

#[cfg(test)]
mod tests {
    use opus_ir::{Column, Width};

    use super::*;

    #[test]
    fn results_are_kept_within_what_is_declared() {
        let column = |width| Column { width, optional: false };
        let shape = [column(Width::W8), column(Width::W32), column(Width::W16)];
        let declared = [Interval::new(0, 2), Interval::new(-5, 1000), Interval::new(0, 39_999)];
        let layout = RowLayout::new(&shape);
        let mut columns = Columns::new(&shape, 3);
        columns.set_rows(3);
        let given = [[0, -5, 39_999], [3, 1001, 40_000], [-1, i32::MIN as i128, 65_535]];
        let kept = [[0, -5, 39_999], [2, 1000, 39_999], [0, -5, 39_999]];
        for (row, (given, kept)) in given.iter().zip(kept).enumerate() {
            let mut output = memory::Row::new(&layout);
            layout.slots.iter().zip(given).for_each(|(slot, value)| output.set(*slot, Some(*value)));
            keep_row(output.bytes_mut(), &layout, &declared);
            let now: Vec<i128> = layout.slots.iter().map(|slot| output.get(*slot).unwrap()).collect();
            assert_eq!([now[0], now[1], now[2] as u16 as i128], kept);
            given.iter().enumerate().for_each(|(index, value)| columns.set(index, row, Some(*value)));
        }
        keep_column(&mut columns, 0, declared[0]);
        keep_column(&mut columns, 1, declared[1]);
        let now: Vec<_> =
            (0..3).map(|row| (columns.get(0, row).unwrap(), columns.get(1, row).unwrap())).collect();
        assert_eq!(now, kept.map(|row| (row[0], row[1])));
    }
}
