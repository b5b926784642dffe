//! How many rows have which causes, and what did they move? Groups of rows with the same causes, with counts and sums.
//!
//! The groups add up to all changed rows. That is checked rather than assumed: counts and sums of all changed rows are
//! made apart from those of the groups.

use std::collections::BTreeMap;

use opus_ir::Kind;
use opus_runtime::Batch;

use super::{Attributed, Attribution};

/// Groups of changed rows.
///
/// ```
/// use opus_govern::attribute::groups::Groups;
/// let groups = Groups::default();
/// assert!(groups.add_up());
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Groups {
    /// Rows that were read.
    pub rows: u64,
    /// By causes as they are written, and whether the search was given up, the rows that have them.
    pub by_causes: BTreeMap<(String, bool), Group>,
    /// All changed rows.
    pub all: Group,
}

/// Some rows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Group {
    /// How many there are.
    pub rows: u64,
    /// How many of them have causes of which a part cannot be tested.
    pub coarse: u64,
    /// By numeric output that both policies have, the sums over the rows that are decided before and after, as integers of
    /// the output.
    pub sums: Vec<[i128; 2]>,
}

impl Groups {
    /// The groups of some rows.
    pub fn of(found: &Attributed<'_>, rows: usize) -> Groups {
        let mut groups = Groups { rows: rows as u64, ..Groups::default() };
        let values = [Values::new(found, 0), Values::new(found, 1)];
        for (at, row) in found.changed.iter().enumerate() {
            let sums = [values[0].of(*row), values[1].of(*row)];
            let causes = found.causes_of(at);
            let key = (causes.written.clone(), causes.is_unfinished);
            groups.by_causes.entry(key).or_default().count(!causes.coarse.is_empty(), &sums);
        }
        for row in &found.changed {
            let at = found.changed.binary_search(row).expect("it is one of them");
            let sums = [values[0].of(*row), values[1].of(*row)];
            groups.all.count(!found.causes_of(at).coarse.is_empty(), &sums);
        }
        groups
    }

    /// Adds the groups of other rows.
    pub fn add(&mut self, other: Groups) {
        self.rows += other.rows;
        self.all.add(&other.all);
        for (key, group) in other.by_causes {
            self.by_causes.entry(key).or_default().add(&group);
        }
    }

    /// Whether the groups add up to all changed rows.
    pub fn add_up(&self) -> bool {
        let mut sum = Group::default();
        self.by_causes.values().for_each(|group| sum.add(group));
        sum == self.all
    }

    /// How many rows have an unfinished search.
    pub fn unfinished(&self) -> u64 {
        self.by_causes.iter().filter(|((_, is_unfinished), _)| *is_unfinished).map(|(_, group)| group.rows).sum()
    }
}

impl Group {
    fn count(&mut self, is_coarse: bool, sums: &[Vec<i128>; 2]) {
        self.rows += 1;
        self.coarse += u64::from(is_coarse);
        self.sums.resize(sums[0].len(), [0; 2]);
        for (output, sum) in self.sums.iter_mut().enumerate() {
            (0..2).for_each(|side| sum[side] += sums[side][output]);
        }
    }

    fn add(&mut self, other: &Group) {
        self.rows += other.rows;
        self.coarse += other.coarse;
        self.sums.resize(self.sums.len().max(other.sums.len()), [0; 2]);
        for (sum, other) in self.sums.iter_mut().zip(&other.sums) {
            (0..2).for_each(|side| sum[side] += other[side]);
        }
    }
}

impl Attribution {
    /// The outputs that are summed up: their names, and for both policies their index.
    pub fn summed(&self) -> Vec<(String, [usize; 2])> {
        let is_number = |kind: Kind| matches!(kind, Kind::Int | Kind::Decimal(_) | Kind::Money | Kind::Percent(_) | Kind::Days);
        let outputs = &self.comparison().outputs;
        let summed = outputs.iter().filter(|output| is_number(self.b().schema().outputs[output.b].kind));
        summed.map(|output| (output.name.clone(), [output.a, output.b])).collect()
    }
}

/// The numeric outputs of one policy.
struct Values<'a> {
    batch: &'a Batch,
    outputs: Vec<usize>,
}

impl<'a> Values<'a> {
    fn new(found: &'a Attributed<'_>, side: usize) -> Values<'a> {
        let batch = if side == 0 { &found.a } else { &found.b };
        let batch = batch.as_ref().expect("the batches are there until the end");
        Values { batch, outputs: found.of.summed().iter().map(|(_, places)| places[side]).collect() }
    }

    /// Of a refused row, zeros.
    fn of(&self, row: u32) -> Vec<i128> {
        let at = self.batch.rows().binary_search(&row).ok();
        let value = |output: &usize| at.and_then(|at| self.batch.outputs().get(*output, at)).unwrap_or(0);
        self.outputs.iter().map(value).collect()
    }
}
