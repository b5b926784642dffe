//! How many rows have which causes, and how do those rows change the sums? Groups of changed rows with the same causes.
//!
//! The groups add up to all changed rows. This is checked, not assumed: all changed rows are also counted separately.

use std::collections::BTreeMap;

use super::{Attributed, Attribution};
use crate::impact::Counts;

/// Groups of changed rows.
///
/// ```
/// use opus_govern::attribute::groups::Groups;
/// use opus_govern::attribute::{Attribution, Rows};
/// use opus_govern::structure::Structure;
/// use opus_ir::memory::Columns;
/// use opus_runtime::Options;
///
/// let policy = |limit: u8, fee: u8| {
///     let source = format!(
///         "policy shop {{ input {{ age : int in 0..120 }}  output {{ fee : int in 0..99 }}
///          rules first {{ rule A when age < {limit} => 0  otherwise B => {fee} }} }}");
///     Structure::of_source(&source).unwrap()
/// };
/// let attribution = Attribution::new(&policy(18, 5), &policy(21, 6), [None; 2], &Options::default())?;
/// let mut wide = Columns::new(&attribution.joint().schema().input_columns(), 3);
/// wide.set_rows(3);
/// [17, 20, 40].iter().enumerate().for_each(|(row, age)| wide.set(0, row, Some(*age)));
/// let found = attribution.rows(Rows { wide: &wide, faults: &[] });
/// let groups = Groups::of(&found, 3);
///
/// assert_eq!((groups.rows, groups.all.changed, groups.add_up(&attribution)), (3, 2, true));
/// let fee = |causes: &str| &groups.by_causes[&(causes.to_owned(), false)].counts.sums[0];
/// assert_eq!((fee("E1").lost.written(0), fee("E2").gained.written(0)), ("5".into(), "1".into()));
/// # Ok::<(), opus_govern::attribute::AttributeError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Groups {
    /// Rows that were read.
    pub rows: u64,
    /// By causes as they are written, and whether the search was given up, the rows that have them.
    pub by_causes: BTreeMap<(String, bool), Group>,
    /// All changed rows.
    pub all: Counts,
}

/// Changed rows with the same causes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Group {
    /// The rows, and the sums of numeric outputs over them.
    pub counts: Counts,
    /// The causes of which a closed subset is untestable, as they are written.
    pub coarse: String,
}

impl Groups {
    /// The groups of `rows` rows.
    pub fn of(found: &Attributed<'_>, rows: usize) -> Groups {
        let plan = &found.of.plan;
        let [a, b] = found.batches();
        let changed = &found.changed;
        let counts = plan.count(a, b, changed, changed, &found.of_row, found.causes.len());
        let all = plan.count(a, b, changed, changed, &[], 1).swap_remove(0);
        let mut groups = Groups { rows: rows as u64, by_causes: BTreeMap::new(), all };
        for (causes, counts) in found.causes.iter().zip(counts) {
            let key = (causes.written.clone(), causes.is_unfinished);
            let group = Group { counts, coarse: causes.coarse.clone() };
            groups.put(key, group);
        }
        groups
    }

    fn put(&mut self, key: (String, bool), group: Group) {
        match self.by_causes.get_mut(&key) {
            Some(known) => known.counts.add(&group.counts),
            None => drop(self.by_causes.insert(key, group)),
        }
    }

    /// Adds the groups of other rows.
    pub fn add(&mut self, other: Groups) {
        if self.rows == 0 {
            *self = other;
            return;
        }
        self.rows += other.rows;
        self.all.add(&other.all);
        other.by_causes.into_iter().for_each(|(key, group)| self.put(key, group));
    }

    /// Whether the groups add up to all changed rows, in their number and in every count and sum.
    pub fn add_up(&self, of: &Attribution) -> bool {
        let mut sum = of.plan.nothing();
        self.by_causes.values().for_each(|group| sum.add(&group.counts));
        self.rows == 0 || sum == self.all && self.all.rows == self.all.changed
    }

    /// How many rows have an unfinished search.
    pub fn unfinished(&self) -> u64 {
        let groups = self.by_causes.iter().filter(|((_, is_unfinished), _)| *is_unfinished);
        groups.map(|(_, group)| group.counts.rows).sum()
    }

    /// The groups, those with more rows first.
    pub fn largest_first(&self) -> Vec<(&str, bool, &Group)> {
        let mut groups: Vec<(&str, bool, &Group)> = self
            .by_causes
            .iter()
            .map(|((causes, is_unfinished), group)| (causes.as_str(), *is_unfinished, group))
            .collect();
        groups.sort_by_key(|(_, _, group)| std::cmp::Reverse(group.counts.rows));
        groups
    }
}
