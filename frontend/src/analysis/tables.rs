//! Does a table cover every combination of its keys exactly once?
//!
//! The keys are the axes of a space, divided into pieces at the ends of all cells, and each row is a box in it
//! ([`regions`](super::regions)).
//!
//! For a unique table, counting is exact: if no two boxes meet, they cover the space if and only if they have as many
//! cells as it, and a gap is found by counting slice by slice. Whether the rows of a `first` table are reached, and
//! where rows that meet leave a gap, is found by halving the space until one row covers a part. That can take long,
//! and is bounded by a budget.

use num_bigint::BigUint;
use num_traits::Zero;
use opus_ir::{Domain, Interval};

use super::regions::{self, Ranges, Region, common, some_range, within};
pub use super::regions::{Budget, Exhausted};

/// The values of one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Axis {
    /// Those it can have where it is present.
    pub domain: Domain,
    /// Whether it can be missing, and the rows have to cover that.
    pub missing: Missing,
}

/// Whether a key can be missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    /// It is always present.
    Never,
    /// It can be missing where nobody looks the table up.
    Unasked,
    /// It can be missing where the table is looked up.
    Asked,
}

/// What a cell accepts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepts {
    /// The values.
    pub spans: Vec<Interval>,
    /// Whether also no value.
    pub missing: bool,
}

/// Rows over keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Space {
    /// The keys.
    pub axes: Vec<Axis>,
    /// For each row, what its cell for each key accepts.
    pub rows: Vec<Vec<Accepts>>,
}

/// A combination of values of the keys; `None` is missing.
pub type Point = Vec<Option<i128>>;

/// What is wrong with a table.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// Rows that apply to no combination that can occur.
    pub empty: Vec<usize>,
    /// Two rows, the earlier first, that apply to one combination.
    pub overlaps: Vec<(usize, usize, Point)>,
    /// Rows whose every combination is covered by earlier rows.
    pub unreached: Vec<usize>,
    /// A combination to which no row applies.
    pub gap: Option<Point>,
}

/// What is wrong with a table in which exactly one row shall apply. Where rows overlap and the budget does not
/// suffice to find out whether there is a gap as well, none is reported.
///
/// # Errors
/// Where the budget does not suffice.
///
/// ```
/// use opus_frontend::tables::{Accepts, Axis, Budget, Missing, Space, partition};
/// use opus_ir::{Domain, Interval};
/// let axis = Axis { domain: Domain::all(Interval::new(300, 850)), missing: Missing::Never };
/// let row = |lo, hi| vec![Accepts { spans: vec![Interval::new(lo, hi)], missing: false }];
/// let space = Space { axes: vec![axis], rows: vec![row(300, 739), row(741, 850)] };
/// let faults = partition(&space, &mut Budget(1000)).unwrap();
/// assert_eq!(faults.gap, Some(vec![Some(740)]));
/// ```
pub fn partition(space: &Space, budget: &mut Budget) -> Result<Faults, Exhausted> {
    let cut = Cut::of(space);
    let overlaps = overlaps(&cut, budget)?;
    let gap = if overlaps.is_empty() { counted_gap(&cut, budget)? } else { some_gap(&cut, budget) };
    Ok(Faults { empty: cut.empty_rows(), overlaps, unreached: vec![], gap })
}

/// What is wrong with a table in which the first row that applies counts.
///
/// # Errors
/// Where the budget does not suffice.
pub fn cascade(space: &Space, budget: &mut Budget) -> Result<Faults, Exhausted> {
    let cut = Cut::of(space);
    let mut survey = Survey { cut: &cut, reached: vec![false; cut.rows.len()], gap: None };
    survey.run(cut.asked(), budget)?;
    let gap = survey.gap.take();
    // what is only accepted where nobody asks for it is not wrong
    survey.gap = Some(vec![]);
    survey.run(cut.whole(), budget)?;
    let empty = cut.empty_rows();
    let unreached = (0..cut.rows.len()).filter(|&row| !survey.reached[row] && !empty.contains(&row));
    Ok(Faults { unreached: unreached.collect(), empty, overlaps: vec![], gap })
}

/// A box of a space, one range of pieces per key.
type Part = Vec<(u32, u32)>;

/// A space with its keys cut into pieces.
struct Cut {
    axes: Vec<regions::Axis>,
    missing: Vec<Missing>,
    rows: Vec<Region>,
}

impl Cut {
    fn of(space: &Space) -> Cut {
        let axis = |(index, axis): (usize, &Axis)| {
            let spans = space.rows.iter().flat_map(|row| row[index].spans.iter().copied());
            regions::Axis::cut(&axis.domain, spans, axis.missing != Missing::Never)
        };
        let axes: Vec<regions::Axis> = space.axes.iter().enumerate().map(axis).collect();
        let region = |row: &Vec<Accepts>| {
            let cells = row.iter().zip(&axes).map(|(cell, axis)| axis.ranges(&cell.spans, cell.missing));
            let bounded = cells.enumerate().filter(|(axis, ranges)| *ranges != regions::whole(&axes[*axis]));
            Region::new(bounded.collect())
        };
        let rows = space.rows.iter().map(region).collect();
        Cut { rows, missing: space.axes.iter().map(|axis| axis.missing).collect(), axes }
    }

    fn empty_rows(&self) -> Vec<usize> {
        (0..self.rows.len()).filter(|&row| self.rows[row].is_empty()).collect()
    }

    /// Everything that can occur.
    fn whole(&self) -> Part {
        self.axes.iter().map(|axis| (0, axis.pieces())).collect()
    }

    /// Everything that has to be covered.
    fn asked(&self) -> Part {
        let asked = |(axis, missing): (&regions::Axis, &Missing)| {
            (0, axis.pieces() - (*missing == Missing::Unasked) as u32)
        };
        self.axes.iter().zip(&self.missing).map(asked).collect()
    }

    /// The combination of these pieces.
    fn point(&self, pieces: impl Iterator<Item = u32>) -> Point {
        pieces.zip(&self.axes).map(|(piece, axis)| axis.value(piece)).collect()
    }

    /// The least combination of a part.
    fn least(&self, part: &Part) -> Point {
        self.point(part.iter().map(|(start, _)| *start))
    }

    /// The least combination of a region that is not empty.
    fn least_of(&self, region: &Region) -> Point {
        let least = |axis| region.side(axis).map_or(0, |ranges| ranges[0].0);
        self.point((0..self.axes.len()).map(least))
    }

    /// Two parts, cut at the middle one of the ends of rows of the key that has most of them.
    fn halve(&self, part: &Part, rows: &[usize]) -> (Part, Part) {
        let mut ends: Vec<Vec<u32>> = vec![vec![]; part.len()];
        for (axis, ranges) in rows.iter().flat_map(|&row| self.rows[row].sides()) {
            let (first, last) = part[*axis];
            let all = within(ranges, part[*axis]).iter().flat_map(|&(start, end)| [start, end]);
            ends[*axis].extend(all.filter(|&end| first < end && end < last));
        }
        // ties go to the first key, so that points are the same on every machine
        let axis = (0..part.len()).rev().max_by_key(|&axis| ends[axis].len()).expect("a table has a key");
        let ends = &mut ends[axis];
        let middle = ends.len() / 2;
        // where no row has an end inside, each covers the part, and nobody asks for halves
        let middle = *ends.select_nth_unstable(middle).1;
        let (mut low, mut high) = (part.clone(), part.clone());
        low[axis].1 = middle;
        high[axis].0 = middle;
        (low, high)
    }
}

fn meets(row: &Region, part: &Part) -> bool {
    row.sides().iter().all(|(axis, ranges)| !within(ranges, part[*axis]).is_empty())
}

fn covers(row: &Region, part: &Part) -> bool {
    row.sides().iter().all(|(axis, ranges)| match within(ranges, part[*axis]) {
        [only] => only.0 <= part[*axis].0 && part[*axis].1 <= only.1,
        _ => false,
    })
}

/// Looks at rows that halving the space may take, for each row; tables as people write them take about the
/// logarithm of their length.
const HALVING_LOOKS_MAX: usize = 100;

/// Pairs of rows that meet, some for each row that meets others. Halving the space is quick where rows lie
/// apart by several keys; where it is not, every row is compared with all that meet it in one key.
fn overlaps(cut: &Cut, budget: &mut Budget) -> Result<Vec<(usize, usize, Point)>, Exhausted> {
    let mut allowance = Budget(budget.0.min(HALVING_LOOKS_MAX * cut.rows.len() * cut.axes.len()));
    let allowed = allowance.0;
    let found = overlaps_by_halving(cut, &mut allowance);
    budget.spend(allowed - allowance.0)?;
    let mut found = match found {
        Ok(found) => found,
        Err(Exhausted) => overlaps_by_sweeping(cut, budget)?,
    };
    found.sort();
    found.sort_by_key(|(first, second, _)| (*second, *first));
    found.dedup_by_key(|(_, second, _)| *second);
    Ok(found)
}

fn overlaps_by_halving(cut: &Cut, budget: &mut Budget) -> Result<Vec<(usize, usize, Point)>, Exhausted> {
    let mut found = vec![];
    let all: Vec<usize> = (0..cut.rows.len()).collect();
    let mut parts = vec![(cut.whole(), all)];
    while let Some((part, mut rows)) = parts.pop() {
        budget.spend(rows.len() * cut.axes.len())?;
        rows.retain(|&row| meets(&cut.rows[row], &part));
        let mut covering = rows.iter().filter(|&&row| covers(&cut.rows[row], &part));
        match (covering.next(), covering.next(), rows.len()) {
            (_, _, 0 | 1) => {}
            (Some(&first), Some(&second), _) => found.push((first, second, cut.least(&part))),
            _ => {
                let (low, high) = cut.halve(&part, &rows);
                parts.push((high, rows.clone()));
                parts.push((low, rows));
            }
        }
    }
    Ok(found)
}

fn overlaps_by_sweeping(cut: &Cut, budget: &mut Budget) -> Result<Vec<(usize, usize, Point)>, Exhausted> {
    let Some(axis) = (0..cut.axes.len()).max_by_key(|&axis| cut.axes[axis].pieces()) else {
        return Ok(vec![]);
    };
    let hull = |row: usize| {
        let ranges = cut.rows[row].side(axis);
        ranges.map_or((0, cut.axes[axis].pieces()), |ranges| (ranges[0].0, ranges[ranges.len() - 1].1))
    };
    let mut order: Vec<usize> = (0..cut.rows.len()).filter(|&row| !cut.rows[row].is_empty()).collect();
    order.sort_by_key(|&row| (hull(row).0, row));
    let mut open: Vec<usize> = vec![];
    let mut found: Vec<(usize, usize, Point)> = vec![];
    for row in order {
        let start = hull(row).0;
        open.retain(|&other| hull(other).1 > start);
        budget.spend(open.iter().chain([&row]).map(|&row| 1 + cut.rows[row].len()).sum())?;
        let first = open.iter().find_map(|&other| Some((other, cut.rows[row].common(&cut.rows[other])?)));
        if let Some((other, region)) = first {
            found.push((row.min(other), row.max(other), cut.least_of(&region)));
        }
        open.push(row);
    }
    Ok(found)
}

/// A combination that rows which nowhere overlap leave out.
fn counted_gap(cut: &Cut, budget: &mut Budget) -> Result<Option<Point>, Exhausted> {
    let asked = cut.asked();
    let mut space = Region::new(asked.iter().map(|range| vec![*range]).enumerate().collect());
    let mut rows: Vec<Region> = cut.rows.iter().filter_map(|row| row.common(&space)).collect();
    budget.spend(rows.iter().map(Region::len).sum())?;
    if total(&rows) == size(&space) {
        return Ok(None);
    }
    for axis in 0..asked.len() {
        (space, rows) = deficient_slice(space, rows, axis, budget)?;
    }
    Ok(Some(cut.least_of(&space)))
}

/// A combination that rows which may overlap leave out, if one is found within the budget.
fn some_gap(cut: &Cut, budget: &mut Budget) -> Option<Point> {
    let mut survey = Survey { cut, reached: vec![true; cut.rows.len()], gap: None };
    // what has been found before the budget was spent is one all the same
    let _ = survey.run(cut.asked(), budget);
    survey.gap
}

/// The first piece of a key where rows have fewer cells than the space, and the rows there. There is one,
/// because they have fewer altogether. The space is bounded on every axis.
fn deficient_slice(
    space: Region,
    rows: Vec<Region>,
    axis: usize,
    budget: &mut Budget,
) -> Result<(Region, Vec<Region>), Exhausted> {
    let (mut slice, mut rows) = (space, rows);
    while let Some((here, middle)) = slice.side(axis).and_then(|here| Some((here, middle(here)?))) {
        let low = slice.with(axis, common(here, &some_range(0, middle)));
        let high = slice.with(axis, common(here, &some_range(middle, u32::MAX)));
        budget.spend(rows.iter().map(Region::len).sum())?;
        let inside = |part: &Region| rows.iter().filter_map(|row| row.common(part)).collect::<Vec<_>>();
        let below = inside(&low);
        (slice, rows) = if total(&below) < size(&low) { (low, below) } else { (high.clone(), inside(&high)) };
    }
    Ok((slice, rows))
}

/// A piece that has others before it in the ranges, about half of them; `None` if there is only one piece.
fn middle(ranges: &Ranges) -> Option<u32> {
    let (first, last) = (ranges[0].0, ranges[ranges.len() - 1].1);
    match ranges.as_slice() {
        [_] if last - first <= 1 => None,
        [_] => Some(first + (last - first) / 2),
        several => Some(several[several.len() / 2].0),
    }
}

/// The number of cells of a region that is bounded on every axis.
fn size(region: &Region) -> BigUint {
    region
        .sides()
        .iter()
        .map(|(_, ranges)| ranges.iter().map(|(start, end)| end - start).sum::<u32>())
        .product()
}

fn total(rows: &[Region]) -> BigUint {
    rows.iter().map(size).fold(BigUint::zero(), |sum, size| sum + size)
}

/// Which rows are the first somewhere, and if there is none.
struct Survey<'a> {
    cut: &'a Cut,
    reached: Vec<bool>,
    gap: Option<Point>,
}

impl Survey<'_> {
    /// Halves the space until one row decides a part of it.
    fn run(&mut self, space: Part, budget: &mut Budget) -> Result<(), Exhausted> {
        let all: Vec<usize> = (0..self.cut.rows.len()).collect();
        let mut parts = vec![(space, all)];
        while let Some((part, mut rows)) = parts.pop() {
            budget.spend(rows.len() * self.cut.axes.len())?;
            rows.retain(|&row| meets(&self.cut.rows[row], &part));
            let covering = rows.iter().position(|&row| covers(&self.cut.rows[row], &part));
            if let Some(last) = covering {
                rows.truncate(last + 1);
            }
            let new = rows.iter().any(|&row| !self.reached[row]);
            match (covering, rows.is_empty()) {
                (Some(0), _) => self.reached[rows[0]] = true,
                (_, true) => self.gap = self.gap.take().or_else(|| Some(self.cut.least(&part))),
                (Some(_), _) if !new => {}
                (None, _) if !new && self.gap.is_some() => {}
                _ => {
                    let (low, high) = self.cut.halve(&part, &rows);
                    parts.push((high, rows.clone()));
                    parts.push((low, rows));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(lo: i128, hi: i128) -> Axis {
        Axis { domain: Domain::all(Interval::new(lo, hi)), missing: Missing::Never }
    }

    fn cell(spans: &[(i128, i128)]) -> Accepts {
        Accepts { spans: spans.iter().map(|&(lo, hi)| Interval::new(lo, hi)).collect(), missing: false }
    }

    fn any() -> Accepts {
        Accepts { spans: vec![Interval::FULL], missing: true }
    }

    fn missing() -> Accepts {
        Accepts { spans: vec![], missing: true }
    }

    /// The first row that applies, by trying all.
    fn first(space: &Space, point: &Point) -> Vec<usize> {
        let accepts = |cell: &Accepts, value: &Option<i128>| match value {
            Some(value) => cell.spans.iter().any(|span| span.contains(*value)),
            None => cell.missing,
        };
        let applies =
            |row: &usize| space.rows[*row].iter().zip(point).all(|(cell, value)| accepts(cell, value));
        (0..space.rows.len()).filter(applies).collect()
    }

    fn points(space: &Space) -> Vec<Point> {
        let values = |axis: &Axis| {
            let all = (axis.domain.range.lo..=axis.domain.range.hi).filter(|x| axis.domain.contains(*x));
            let gone = (axis.missing == Missing::Asked).then_some(None);
            all.map(Some).chain(gone).collect::<Vec<_>>()
        };
        space.axes.iter().fold(vec![vec![]], |points, axis| {
            let longer = |point: &Point| {
                values(axis)
                    .into_iter()
                    .map(|value| [point.clone(), vec![value]].concat())
                    .collect::<Vec<_>>()
            };
            points.iter().flat_map(longer).collect()
        })
    }

    /// Small spaces from a fixed sequence of numbers.
    fn random_space(seed: &mut u64) -> Space {
        let mut next = |below: u64| {
            *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((*seed >> 33) % below) as i128
        };
        let axes: Vec<Axis> = (0..1 + next(3))
            .map(|_| Axis {
                domain: if next(4) == 0 {
                    Domain::of(vec![0, 2, 3]).unwrap()
                } else {
                    Domain::all(Interval::new(0, 1 + next(4)))
                },
                missing: if next(3) == 0 { Missing::Asked } else { Missing::Never },
            })
            .collect();
        let row = |next: &mut dyn FnMut(u64) -> i128| {
            let cell = |next: &mut dyn FnMut(u64) -> i128| {
                let span = |next: &mut dyn FnMut(u64) -> i128| {
                    let lo = next(5);
                    Interval::new(lo, lo + next(4))
                };
                let spans = (0..next(3)).map(|_| span(next)).collect();
                if next(4) == 0 { any() } else { Accepts { spans, missing: next(3) == 0 } }
            };
            axes.iter().map(|_| cell(next)).collect::<Vec<_>>()
        };
        let rows = (0..1 + next(6)).map(|_| row(&mut next)).collect();
        Space { axes, rows }
    }

    #[test]
    fn answers_agree_with_trying_every_combination() {
        let mut seed = 7;
        let (mut partitions, mut gaps, mut dead) = (0, 0, 0);
        for _ in 0..4000 {
            let space = random_space(&mut seed);
            let all: Vec<Vec<usize>> = points(&space).iter().map(|point| first(&space, point)).collect();
            let faults = cascade(&space, &mut Budget(1_000_000)).unwrap();
            assert_eq!(faults.gap.is_some(), all.iter().any(Vec::is_empty), "{space:?}");
            let reached = |row: usize| all.iter().any(|rows| rows.first() == Some(&row));
            for row in 0..space.rows.len() {
                let dead = faults.unreached.contains(&row) || faults.empty.contains(&row);
                assert_eq!(dead, !reached(row), "row {row} of {space:?}");
            }
            dead += faults.unreached.len();
            let faults = partition(&space, &mut Budget(1_000_000)).unwrap();
            let overlapping: Vec<usize> = faults.overlaps.iter().map(|(_, second, _)| *second).collect();
            assert_eq!(overlapping.is_empty(), all.iter().all(|rows| rows.len() < 2), "{space:?}");
            for (a, b, point) in &faults.overlaps {
                let rows = first(&space, point);
                assert!(rows.contains(a) && rows.contains(b), "{space:?}");
            }
            assert_eq!(faults.gap.is_some(), all.iter().any(Vec::is_empty), "{space:?}");
            assert!(faults.gap.iter().all(|point| first(&space, point).is_empty()));
            partitions += (overlapping.is_empty() && faults.gap.is_none()) as usize;
            gaps += faults.gap.is_some() as usize;
        }
        assert!(partitions > 20 && gaps > 100 && dead > 100, "{partitions} {gaps} {dead}");
    }

    #[test]
    fn what_nobody_asks_for_need_not_be_covered_and_may_be() {
        let axes = |missing| vec![Axis { domain: Domain::all(Interval::new(0, 9)), missing }];
        let values = vec![cell(&[(0, 9)])];
        let covered = |missing, rows: Vec<Vec<Accepts>>| {
            let space = Space { axes: axes(missing), rows };
            let faults = partition(&space, &mut Budget(100)).unwrap();
            assert_eq!(cascade(&space, &mut Budget(100)).unwrap().unreached, [0usize; 0]);
            faults.gap
        };
        assert_eq!(covered(Missing::Unasked, vec![values.clone()]), None);
        assert_eq!(covered(Missing::Asked, vec![values.clone()]), Some(vec![None]));
        assert_eq!(covered(Missing::Asked, vec![values.clone(), vec![missing()]]), None);
        assert_eq!(covered(Missing::Unasked, vec![values, vec![missing()]]), None);
    }

    #[test]
    fn long_tables_take_little_work() {
        let rows: Vec<Vec<Accepts>> = (0..10_000).map(|i| vec![cell(&[(2 * i, 2 * i + 1)])]).collect();
        let space = Space { axes: vec![axis(0, 19_999)], rows };
        assert_eq!(partition(&space, &mut Budget(1_000_000)), Ok(Faults::default()));
        assert_eq!(cascade(&space, &mut Budget(1_000_000)), Ok(Faults::default()));
    }

    #[test]
    fn hostile_tables_end_by_the_budget() {
        let keys = 24;
        let row = |i: usize| {
            (0..keys)
                .map(|key| {
                    if key == i % keys {
                        cell(&[(0, 0)])
                    } else if key == (i * 7 + 3) % keys {
                        cell(&[(1, 1)])
                    } else {
                        any()
                    }
                })
                .collect()
        };
        let space = Space { axes: vec![axis(0, 1); keys], rows: (0..200).map(row).collect() };
        let mut budget = Budget(200_000);
        let answer = cascade(&space, &mut budget);
        assert!(answer == Err(Exhausted) || budget.0 < 200_000);
    }

    #[test]
    fn the_ends_of_128_bits_are_values_like_others() {
        let space = Space {
            axes: vec![Axis { domain: Domain::all(Interval::FULL), missing: Missing::Never }],
            rows: vec![vec![cell(&[(i128::MIN, 0)])], vec![cell(&[(2, i128::MAX)])]],
        };
        assert_eq!(partition(&space, &mut Budget(100)).unwrap().gap, Some(vec![Some(1)]));
    }
}
