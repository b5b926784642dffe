//! Which inputs does a union of boxes hold? The algebra that tables and rules share.
//!
//! A space has axes: the keys of a table, or the values that conditions compare. Each axis is cut into pieces at
//! every end that matters, since nothing changes between two ends; where a value can be missing, that is one piece
//! more. A [`Region`] is a box: for some axes the ranges of pieces that contain it; on all other axes it is
//! unbounded. Points are one piece number for each axis.
//!
//! Every search over regions spends from a [`Budget`], so that its time is bounded and the same everywhere.

use std::collections::BTreeSet;

use opus_ir::{Domain, Interval};

/// Ranges of pieces of one axis, half-open, ascending and apart.
pub type Ranges = Vec<(u32, u32)>;

/// The budget is spent: nothing is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exhausted;

/// How much work may still be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget(pub usize);

impl Budget {
    /// Takes work from the budget, one unit at least.
    ///
    /// # Errors
    /// Where there is not so much left; the budget stays as it is.
    pub fn spend(&mut self, work: usize) -> Result<(), Exhausted> {
        self.0 = self.0.checked_sub(work.max(1)).ok_or(Exhausted)?;
        Ok(())
    }
}

/// An axis of a space, cut into pieces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Axis {
    /// The least value of each piece.
    starts: Vec<i128>,
    /// Whether the last piece is the missing value.
    missing: bool,
}

impl Axis {
    /// The values of a domain, cut at the ends of spans.
    pub fn cut(domain: &Domain, spans: impl IntoIterator<Item = Interval>, missing: bool) -> Axis {
        let starts = match &domain.set {
            Some(values) => values.clone(),
            None => {
                let ends = spans.into_iter().flat_map(|span| [Some(span.lo), span.hi.checked_add(1)]);
                let inside = ends.flatten().filter(|end| domain.range.contains(*end));
                inside.chain([domain.range.lo]).collect::<BTreeSet<i128>>().into_iter().collect()
            }
        };
        Axis { starts, missing }
    }

    /// The number of pieces.
    pub fn pieces(&self) -> u32 {
        self.starts.len() as u32 + self.missing as u32
    }

    /// The pieces that these spans hold.
    pub fn ranges(&self, spans: &[Interval], missing: bool) -> Ranges {
        let below = |value: i128| self.starts.partition_point(|start| *start < value) as u32;
        let up_to = |value: i128| self.starts.partition_point(|start| *start <= value) as u32;
        let mut ranges: Ranges = spans.iter().map(|span| (below(span.lo), up_to(span.hi))).collect();
        if missing && self.missing {
            ranges.push((self.starts.len() as u32, self.pieces()));
        }
        united(ranges)
    }

    /// The least value of a piece, `None` for the missing value.
    pub fn value(&self, piece: u32) -> Option<i128> {
        self.starts.get(piece as usize).copied()
    }
}

/// A box: by axis, ascending, the pieces that contain it. It is unbounded on all other axes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Region {
    sides: Vec<(usize, Ranges)>,
}

impl Region {
    /// The box with these sides, which come in the order of their axes.
    pub fn new(sides: Vec<(usize, Ranges)>) -> Region {
        Region { sides }
    }

    /// The axes on which the box is bounded, with its pieces there.
    pub fn sides(&self) -> &[(usize, Ranges)] {
        &self.sides
    }

    /// The pieces of an axis that the box is bounded to.
    pub fn side(&self, axis: usize) -> Option<&Ranges> {
        let at = self.sides.binary_search_by_key(&axis, |(axis, _)| *axis).ok()?;
        Some(&self.sides[at].1)
    }

    /// The box with another side.
    pub fn with(&self, axis: usize, ranges: Ranges) -> Region {
        let mut region = self.clone();
        match region.sides.binary_search_by_key(&axis, |(axis, _)| *axis) {
            Ok(at) => region.sides[at].1 = ranges,
            Err(at) => region.sides.insert(at, (axis, ranges)),
        }
        region
    }

    /// Whether the box holds no point.
    pub fn is_empty(&self) -> bool {
        self.sides.iter().any(|(_, ranges)| ranges.is_empty())
    }

    /// The number of ranges of its sides.
    pub fn len(&self) -> usize {
        self.sides.iter().map(|(_, ranges)| ranges.len()).sum()
    }

    /// What two boxes have in common.
    pub fn common(&self, other: &Region) -> Option<Region> {
        let mut sides = Vec::with_capacity(self.sides.len().max(other.sides.len()));
        let mut others = other.sides.iter().peekable();
        for (axis, ranges) in &self.sides {
            while let Some(before) = others.next_if(|(other, _)| other < axis) {
                sides.push(before.clone());
            }
            let both = match others.next_if(|(other, _)| other == axis) {
                Some((_, other)) => common(ranges, other),
                None => ranges.clone(),
            };
            if both.is_empty() {
                return None;
            }
            sides.push((*axis, both));
        }
        sides.extend(others.cloned());
        Some(Region { sides }).filter(|region| !region.is_empty())
    }

    /// Whether two boxes have something in common.
    pub fn meets(&self, other: &Region) -> bool {
        let mut others = other.sides.iter().peekable();
        self.sides.iter().all(|(axis, ranges)| {
            while others.next_if(|(other, _)| other < axis).is_some() {}
            others.next_if(|(other, _)| other == axis).is_none_or(|(_, other)| overlap(ranges, other))
        })
    }

    /// Whether the box holds a point.
    pub fn holds(&self, point: &[u32]) -> bool {
        self.sides.iter().all(|(axis, ranges)| contains(ranges, point[*axis]))
    }

    /// The box without what it has in common with another that it meets: one box for each side of that.
    pub fn without(&self, other: &Region, axes: &[Axis]) -> Vec<Region> {
        let mut rest = Vec::with_capacity(other.sides.len());
        let mut inside = self.clone();
        for (axis, ranges) in &other.sides {
            let here = inside.side(*axis).cloned().unwrap_or_else(|| whole(&axes[*axis]));
            let outside = common(&here, &complement(ranges));
            if !outside.is_empty() {
                rest.push(inside.with(*axis, outside));
            }
            inside = inside.with(*axis, common(&here, ranges));
        }
        rest
    }

    /// One box for two that differ in one side at most.
    pub fn joined(&self, other: &Region) -> Option<Region> {
        let alike = self.sides.len() == other.sides.len()
            && self.sides.iter().zip(&other.sides).all(|(a, b)| a.0 == b.0);
        if !alike {
            return None;
        }
        let mut differing =
            (0..self.sides.len()).filter(|index| self.sides[*index].1 != other.sides[*index].1);
        match (differing.next(), differing.next()) {
            (None, _) => Some(self.clone()),
            (Some(index), None) => {
                let mut joined = self.clone();
                joined.sides[index].1 =
                    united([&self.sides[index].1[..], &other.sides[index].1[..]].concat());
                Some(joined)
            }
            (Some(_), Some(_)) => None,
        }
    }
}

/// All pieces of an axis.
pub fn whole(axis: &Axis) -> Ranges {
    vec![(0, axis.pieces())]
}

/// The range, if it is not empty.
pub fn some_range(start: u32, end: u32) -> Ranges {
    if start < end { vec![(start, end)] } else { vec![] }
}

/// Ranges in order, without those that are empty, those that touch joined.
pub fn united(mut ranges: Ranges) -> Ranges {
    ranges.retain(|(start, end)| start < end);
    ranges.sort_unstable();
    let mut joined: Ranges = Vec::with_capacity(ranges.len());
    for (start, end) in ranges {
        match joined.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => joined.push((start, end)),
        }
    }
    joined
}

/// What is in both.
pub fn common(a: &Ranges, b: &Ranges) -> Ranges {
    let (mut i, mut j, mut common) = (0, 0, vec![]);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        common.extend(some_range(x.0.max(y.0), x.1.min(y.1)));
        if x.1 < y.1 { i += 1 } else { j += 1 }
    }
    common
}

/// Every piece outside.
pub fn complement(ranges: &Ranges) -> Ranges {
    let mut from = 0;
    let mut outside = Ranges::with_capacity(ranges.len() + 1);
    for (start, end) in ranges {
        outside.extend(some_range(from, *start));
        from = *end;
    }
    outside.extend(some_range(from, u32::MAX));
    outside
}

/// The ranges that overlap a range.
pub fn within(ranges: &Ranges, (start, end): (u32, u32)) -> &[(u32, u32)] {
    if let [only] = ranges.as_slice() {
        return if only.0 < end && start < only.1 { ranges } else { &[] };
    }
    let first = ranges.partition_point(|range| range.1 <= start);
    let count = ranges[first..].partition_point(|range| range.0 < end);
    &ranges[first..first + count]
}

/// Whether a piece is in one of the ranges.
pub fn contains(ranges: &Ranges, piece: u32) -> bool {
    !within(ranges, (piece, piece + 1)).is_empty()
}

/// From the first piece to the last.
fn hull(ranges: &Ranges) -> (u32, u32) {
    match (ranges.first(), ranges.last()) {
        (Some(first), Some(last)) => (first.0, last.1),
        _ => (0, 0),
    }
}

fn overlap(a: &Ranges, b: &Ranges) -> bool {
    let (mut i, mut j) = (0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        if x.0.max(y.0) < x.1.min(y.1) {
            return true;
        }
        if x.1 < y.1 { i += 1 } else { j += 1 }
    }
    false
}

/// A growing list of regions, found by the side that excludes most: for each axis a tree over its pieces, where
/// each region is kept at the nodes that make up the hull of that side.
#[derive(Clone, Debug, Default)]
pub struct Index {
    regions: Vec<Region>,
    unbounded: Vec<u32>,
    /// By axis; the root of a tree is node 1, and node `i` has the children `2 * i` and `2 * i + 1`.
    trees: Vec<(usize, Vec<Vec<u32>>)>,
}

impl Index {
    /// The regions, in the order in which they were added.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// Adds a region that is not empty.
    pub fn push(&mut self, region: Region, axes: &[Axis]) {
        let id = self.regions.len() as u32;
        let excludes = |(axis, ranges): &&(usize, Ranges)| {
            let (start, end) = hull(ranges);
            axes[*axis].pieces() / (end - start).max(1)
        };
        match region.sides.iter().max_by_key(excludes) {
            None => self.unbounded.push(id),
            Some((axis, ranges)) => {
                let at = match self.trees.binary_search_by_key(axis, |(axis, _)| *axis) {
                    Ok(at) => at,
                    Err(at) => {
                        let nodes = 2 * axes[*axis].pieces().next_power_of_two() as usize;
                        self.trees.insert(at, (*axis, vec![Vec::new(); nodes]));
                        at
                    }
                };
                let tree = &mut self.trees[at].1;
                let leaves = tree.len() / 2;
                let (start, end) = hull(ranges);
                let (mut low, mut high) = (start as usize + leaves, end as usize + leaves);
                while low < high {
                    if low % 2 == 1 {
                        tree[low].push(id);
                        low += 1;
                    }
                    if high % 2 == 1 {
                        high -= 1;
                        tree[high].push(id);
                    }
                    (low, high) = (low / 2, high / 2);
                }
            }
        }
        self.regions.push(region);
    }

    /// A region that holds the point.
    ///
    /// # Errors
    /// Where the budget does not suffice.
    pub fn holding(&self, point: &[u32], budget: &mut Budget) -> Result<Option<&Region>, Exhausted> {
        if let Some(id) = self.unbounded.first() {
            return Ok(Some(&self.regions[*id as usize]));
        }
        for (axis, tree) in &self.trees {
            let mut node = tree.len() / 2 + point[*axis] as usize;
            while node > 0 {
                budget.spend(tree[node].len())?;
                let found = tree[node].iter().find(|id| self.regions[**id as usize].holds(point));
                if let Some(id) = found {
                    return Ok(Some(&self.regions[*id as usize]));
                }
                node /= 2;
            }
        }
        Ok(None)
    }

    /// The regions that may meet one of these, ascending.
    ///
    /// # Errors
    /// Where the budget does not suffice.
    pub fn near(&self, regions: &[Region], budget: &mut Budget) -> Result<Vec<u32>, Exhausted> {
        let mut near: BTreeSet<u32> = self.unbounded.iter().copied().collect();
        for (axis, tree) in &self.trees {
            let leaves = tree.len() / 2;
            let sides: Vec<(u32, u32)> =
                regions.iter().map(|region| region.side(*axis).map_or((0, leaves as u32), hull)).collect();
            for (start, end) in united(sides) {
                let (mut low, mut high) = (start as usize + leaves, end as usize + leaves);
                // all nodes below or above a piece of the range, level by level
                while low > 0 {
                    let level = &tree[low..high.max(low + 1)];
                    budget.spend(level.iter().map(|ids| ids.len() + 1).sum())?;
                    near.extend(level.iter().flatten());
                    (low, high) = (low / 2, high.div_ceil(2));
                }
            }
        }
        Ok(near.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_sets() {
        let (a, b) = (vec![(0, 5), (8, 10)], vec![(3, 9), (20, 31)]);
        assert_eq!(common(&a, &b), [(3, 5), (8, 9)]);
        assert_eq!(united([&a[..], &b[..]].concat()), [(0, 10), (20, 31)]);
        assert_eq!(common(&a, &complement(&b)), [(0, 3), (9, 10)]);
        assert!(overlap(&a, &b) && !overlap(&a, &vec![(5, 8)]));
        assert!(contains(&a, 8) && !contains(&a, 5));
    }

    /// Regions of a small space from a fixed sequence of numbers.
    fn some_regions(axes: &[Axis], count: usize, seed: &mut u64) -> Vec<Region> {
        let mut next = |below: u32| {
            *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((*seed >> 33) % below as u64) as u32
        };
        let mut region = || {
            let sides = axes.iter().enumerate().filter_map(|(axis, cut)| {
                let (start, other) = (next(cut.pieces()), next(cut.pieces()));
                let ranges = vec![(start, start + 1 + next(cut.pieces() - start)), (other, other + 1)];
                (next(3) > 0).then(|| (axis, united(ranges)))
            });
            Region::new(sides.collect())
        };
        (0..count).map(|_| region()).collect()
    }

    #[test]
    fn the_algebra_agrees_with_trying_every_point() {
        let domain = |hi| Domain::all(Interval::new(0, hi));
        let axis = |hi| Axis::cut(&domain(hi), (0..=hi).map(Interval::point), false);
        let axes = [axis(4), axis(2), axis(6)];
        let points: Vec<[u32; 3]> = (0..5 * 3 * 7).map(|i| [i % 5, i / 5 % 3, i / 15]).collect();
        let mut seed = 3;
        for _ in 0..200 {
            let regions = some_regions(&axes, 6, &mut seed);
            let mut index = Index::default();
            regions.iter().for_each(|region| index.push(region.clone(), &axes));
            let [a, b, ..] = &regions[..] else { unreachable!("there are six") };
            let both = a.common(b);
            assert_eq!(both.is_some(), a.meets(b));
            let rest = if a.meets(b) { a.without(b, &axes) } else { vec![a.clone()] };
            for point in &points {
                let (in_a, in_b) = (a.holds(point), b.holds(point));
                assert_eq!(both.as_ref().is_some_and(|both| both.holds(point)), in_a && in_b);
                assert_eq!(rest.iter().filter(|part| part.holds(point)).count(), (in_a && !in_b) as usize);
                let found = index.holding(point, &mut Budget(10_000)).unwrap();
                assert_eq!(found.is_some(), regions.iter().any(|region| region.holds(point)));
                assert!(found.is_none_or(|region| region.holds(point)));
            }
            let near = index.near(&regions[..1], &mut Budget(10_000)).unwrap();
            let meeting = (0..6).filter(|id| regions[0].meets(&regions[*id as usize]));
            assert!(meeting.into_iter().all(|id| near.contains(&id)));
        }
    }
}
