//! How do rows move between columns? Kept rows close up, rows of one version are gathered and their decisions
//! scattered back.
//!
//! Lists of rows are ascending, so closing up in place never reads a row that has been written.

use bytemuck::Pod;
use opus_ir::by_width;
use opus_ir::memory::Columns;

/// Moves the rows `kept` to the front, in their order, and forgets the others.
pub(super) fn close_up(columns: &mut Columns, kept: &[u32]) {
    for index in 0..columns.len() {
        by_width!(columns.column(index).width, Cell => close_up_cells::<Cell>(columns.values_mut(index), kept));
        if columns.column(index).optional {
            let words = columns.validity_mut(index);
            kept.iter().enumerate().for_each(|(to, from)| set_bit(words, to, bit(words, *from as usize)));
        }
    }
    columns.set_rows(kept.len());
}

fn close_up_cells<T: Pod>(cells: &mut [T], kept: &[u32]) {
    // rows before the first gap stay in place
    let first = kept.iter().enumerate().position(|(to, from)| to != *from as usize).unwrap_or(kept.len());
    for (to, from) in kept.iter().enumerate().skip(first) {
        cells[to] = cells[*from as usize];
    }
}

/// Copies the rows `chosen` of `from` into `to`, which has the same shape.
pub(super) fn gather(from: &Columns, chosen: &[u32], to: &mut Columns) {
    for index in 0..from.len() {
        by_width!(from.column(index).width, Cell => {
            let (source, target) = (from.values::<Cell>(index), to.values_mut::<Cell>(index));
            target.iter_mut().zip(chosen).for_each(|(cell, row)| *cell = source[*row as usize]);
        });
        if from.column(index).optional {
            let (source, target) = (from.validity(index), to.validity_mut(index));
            chosen.iter().enumerate().for_each(|(to, row)| set_bit(target, to, bit(source, *row as usize)));
        }
    }
    to.set_rows(chosen.len());
}

/// Copies the rows of `from` to the rows `chosen` of `to`, which has the same shape.
pub(super) fn scatter(from: &Columns, chosen: &[u32], to: &mut Columns) {
    for index in 0..from.len() {
        by_width!(from.column(index).width, Cell => {
            let (source, target) = (from.values::<Cell>(index), to.values_mut::<Cell>(index));
            source.iter().zip(chosen).for_each(|(cell, row)| target[*row as usize] = *cell);
        });
    }
}

/// Gives the missing cells of a column a value that functions may rely on.
pub(super) fn fill_missing(columns: &mut Columns, index: usize, value: i128) {
    let groups = columns.rows().div_ceil(64);
    by_width!(columns.column(index).width, Cell => {
        let (cells, validity) = columns.values_and_validity_mut::<Cell>(index);
        for (cells, word) in cells.chunks_exact_mut(64).zip(validity).take(groups) {
            let mut missing = !*word;
            while missing != 0 {
                cells[missing.trailing_zeros() as usize] = value as Cell;
                missing &= missing - 1;
            }
        }
    });
}

fn bit(words: &[u64], row: usize) -> bool {
    words[row / 64] >> (row % 64) & 1 == 1
}

fn set_bit(words: &mut [u64], row: usize, value: bool) {
    let word = &mut words[row / 64];
    *word = *word & !(1 << (row % 64)) | (value as u64) << (row % 64);
}

#[cfg(test)]
mod tests {
    use opus_ir::{Column, Width};

    use super::*;

    fn columns() -> Columns {
        let shape: Vec<Column> = Width::ALL
            .iter()
            .map(|width| Column { width: *width, optional: width.bytes() % 4 == 0 })
            .collect();
        let mut columns = Columns::new(&shape, 200);
        columns.set_rows(200);
        for row in 0..200 {
            for (index, column) in shape.iter().enumerate() {
                let missing = column.optional && row % (index + 3) == 0;
                columns.set(index, row, (!missing).then_some(row as i128 % 128 - 64));
            }
        }
        columns
    }

    fn shape(columns: &Columns) -> Vec<Column> {
        (0..columns.len()).map(|index| columns.column(index)).collect()
    }

    fn same_row(a: &Columns, row_a: usize, b: &Columns, row_b: usize) -> bool {
        (0..a.len()).all(|index| a.get(index, row_a) == b.get(index, row_b))
    }

    #[test]
    fn kept_rows_close_up_in_order() {
        let before = columns();
        let lists = [
            vec![],
            (0..200).collect(),
            vec![199],
            (0..200).filter(|row| row % 3 != 1).collect::<Vec<u32>>(),
        ];
        for kept in lists {
            let mut after = before.clone();
            close_up(&mut after, &kept);
            assert_eq!(after.rows(), kept.len());
            let same = |(to, from): (usize, &u32)| same_row(&after, to, &before, *from as usize);
            assert!(kept.iter().enumerate().all(same));
        }
    }

    #[test]
    fn missing_cells_are_filled() {
        let mut columns = columns();
        let before = columns.clone();
        fill_missing(&mut columns, 2, 7);
        for row in 0..200 {
            let cell = columns.values::<i32>(2)[row];
            assert_eq!(cell as i128, before.get(2, row).unwrap_or(7));
            assert_eq!(columns.get(2, row), before.get(2, row));
        }
    }

    #[test]
    fn what_is_gathered_is_what_was_chosen() {
        let from = columns();
        let chosen: Vec<u32> = (0..200).filter(|row| row % 7 < 2).collect();
        let mut to = Columns::new(&shape(&from), 200);
        gather(&from, &chosen, &mut to);
        assert!(chosen.iter().enumerate().all(|(row, original)| same_row(
            &to,
            row,
            &from,
            *original as usize
        )));
    }

    #[test]
    fn parts_are_scattered_back_in_order() {
        let all =
            [Column { width: Width::W32, optional: false }, Column { width: Width::W16, optional: false }];
        let mut whole = Columns::new(&all, 100);
        for part in 0..3u32 {
            let chosen: Vec<u32> = (0..100).filter(|row| row % 3 == part).collect();
            let mut from = Columns::new(&all, 100);
            chosen.iter().enumerate().for_each(|(to, row)| {
                from.set(0, to, Some(*row as i128));
                from.set(1, to, Some(-(*row as i128)));
            });
            scatter(&from, &chosen, &mut whole);
        }
        assert!(
            (0..100).all(
                |row| whole.get(0, row) == Some(row as i128) && whole.get(1, row) == Some(-(row as i128))
            )
        );
    }
}
