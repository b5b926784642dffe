//! Which version was in force for each row? Each row meets the one of its own date.

use opus_ir::memory::Columns;
use opus_ir::{Scalar, by_width};

/// Rules for rows of several versions. The number of a version is its index in the program.
#[derive(Clone, Debug)]
pub(super) struct Route {
    /// The column of the date that selects the version; `None` if there is only one version.
    effective: Option<usize>,
    /// The first day of every version but the first.
    starts: Vec<i32>,
}

/// With more versions than this each row looks its own up; with fewer all rows are compared with every start.
const COMPARED_MAX: usize = 8;

impl Route {
    /// The route of a program whose versions begin on these days.
    pub(super) fn new(effective: Option<u32>, starts: impl Iterator<Item = i32>) -> Route {
        let starts: Vec<i32> = starts.skip(1).collect();
        Route { effective: effective.filter(|_| !starts.is_empty()).map(|index| index as usize), starts }
    }

    /// Writes the version of every row; answers the one that all have, where that is so.
    pub(super) fn versions(&self, columns: &Columns, versions: &mut Vec<u16>) -> Option<u16> {
        versions.resize(columns.rows(), 0);
        let Some(effective) = self.effective else {
            versions.fill(0);
            return Some(0);
        };
        by_width!(columns.column(effective).width, Day => self.fill(columns.values::<Day>(effective), versions));
        let first = versions.first().copied().unwrap_or(0);
        versions.iter().all(|version| *version == first).then_some(first)
    }

    fn fill<Day: Scalar>(&self, days: &[Day], versions: &mut [u16]) {
        let number = |day: &Day| day.wide() as i32;
        if self.starts.len() > COMPARED_MAX {
            let version_on = |day: i32| self.starts.partition_point(|start| *start <= day) as u16;
            versions.iter_mut().zip(days).for_each(|(version, day)| *version = version_on(number(day)));
            return;
        }
        for (index, start) in self.starts.iter().enumerate() {
            let before = if index == 0 { 0 } else { u16::MAX };
            versions.iter_mut().zip(days).for_each(|(version, day)| {
                *version = (*version & before) + (*start <= number(day)) as u16;
            });
        }
    }
}

/// The rows of each version, ascending.
pub(super) fn partition(versions: &[u16], parts: &mut Vec<Vec<u32>>) {
    parts.iter_mut().for_each(Vec::clear);
    for (row, version) in versions.iter().enumerate() {
        let index = *version as usize;
        if parts.len() <= index {
            parts.resize_with(index + 1, Vec::new);
        }
        parts[index].push(row as u32);
    }
}

#[cfg(test)]
mod tests {
    use opus_ir::{Column, Width};

    use super::*;

    fn versions(starts: &[i32], width: Width, days: &[i32]) -> (Option<u16>, Vec<u16>) {
        let mut columns = Columns::new(&[Column { width, optional: false }], days.len());
        columns.set_rows(days.len());
        days.iter().enumerate().for_each(|(row, day)| columns.set(0, row, Some((*day).into())));
        let mut versions = Vec::new();
        let all = Route::new(Some(0), starts.iter().copied()).versions(&columns, &mut versions);
        (all, versions)
    }

    #[test]
    fn each_row_meets_the_version_of_its_day() {
        for width in [Width::W16, Width::W32] {
            let days = [99, 100, 199, 200, 201, -5];
            assert_eq!(versions(&[0, 100, 200], width, &days).1, [0, 1, 1, 2, 2, 0]);
        }
        let many: Vec<i32> = (0..100).map(|version| version * 10).collect();
        assert_eq!(versions(&many, Width::W16, &[0, 9, 10, 555, 999]).1, [0, 0, 1, 55, 99]);
    }

    #[test]
    fn one_version_is_told() {
        assert_eq!(versions(&[0, 100], Width::W32, &[100, 500]).0, Some(1));
        assert_eq!(versions(&[0, 100], Width::W32, &[99, 500]).0, None);
        assert_eq!(versions(&[0], Width::W32, &[99, 500]).0, Some(0));
        assert_eq!(versions(&[0, 100], Width::W32, &[]).0, Some(0));
    }

    #[test]
    fn parts_are_ascending_and_complete() {
        let mut parts = vec![vec![7]];
        partition(&[0, 2, 2, 0, 2], &mut parts);
        assert_eq!(parts, [vec![0, 3], vec![], vec![1, 2, 4]]);
    }
}
