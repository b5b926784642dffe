//! Which facts differ between two snapshots? Each is an edit like those of the policies, with a switch.
//!
//! A fact and its place in time are one edit: added, removed, or with another value. Which of them can matter to a row
//! follows from the row's day alone: of each key, the facts that could be the last one before that day.

use std::collections::{BTreeMap, BTreeSet};

use opus_ir::date;
use opus_runtime::Snapshot;
use opus_runtime::snapshot::{Difference, Fact, compare};

use super::switches::Switches;
use crate::diff::{Edit, EditId};

/// The snapshots of two policies.
#[derive(Default)]
pub struct World {
    /// The snapshot before the change; after it, if there was none.
    before: Option<Snapshot>,
    /// The edits that decide, by key and first day.
    pub edits: Vec<Edit>,
    /// Citations and notes that differ.
    pub texts: Vec<Edit>,
    /// The number of the first edit among the switches.
    first: usize,
    /// By key, every fact of either snapshot, by first day, with its edit if it differs.
    lines: BTreeMap<String, Vec<Entry>>,
}

/// A fact of either snapshot.
struct Entry {
    valid_from: i32,
    before: Option<Fact>,
    after: Option<Fact>,
    edit: Option<usize>,
}

impl World {
    /// The snapshots before and after a change. `first` is the number of edits of the policies, `decides` the number of the
    /// last of them that decides, and `texts` that of the last that does not.
    pub fn new(before: Option<&Snapshot>, after: Option<&Snapshot>, first: usize, last: [u32; 2]) -> World {
        let (Some(a), Some(b)) = (before, after) else {
            return World { before: before.or(after).cloned(), ..World::default() };
        };
        let mut world = World { before: Some(a.clone()), first, ..World::default() };
        let mut lines: BTreeMap<&str, BTreeMap<i32, [Option<&Fact>; 2]>> = BTreeMap::new();
        for (side, snapshot) in [a, b].into_iter().enumerate() {
            for fact in snapshot.facts() {
                lines.entry(&fact.key).or_default().entry(fact.valid_from).or_default()[side] = Some(fact);
            }
        }
        let mut differing: BTreeMap<(String, i32), usize> = BTreeMap::new();
        let [mut decides, mut texts] = last;
        for difference in compare(a, b) {
            let (fact, decides_nothing) = match difference {
                Difference::Added(fact) | Difference::Removed(fact) => (fact, false),
                Difference::Changed(before, after) => (after, before.value == after.value),
            };
            let number = if decides_nothing { &mut texts } else { &mut decides };
            *number += 1;
            let id = EditId { decides: !decides_nothing, number: *number };
            let edit = Edit { id, says: says(&difference), needs: BTreeSet::new(), changes: Vec::new() };
            if decides_nothing {
                world.texts.push(edit);
            } else {
                differing.insert((fact.key.clone(), fact.valid_from), first + world.edits.len());
                world.edits.push(edit);
            }
        }
        for (key, line) in lines {
            let entry = |(valid_from, [before, after]): (i32, [Option<&Fact>; 2])| Entry {
                valid_from,
                before: before.cloned(),
                after: after.cloned(),
                edit: differing.get(&(key.to_owned(), valid_from)).copied(),
            };
            world.lines.insert(key.to_owned(), line.into_iter().map(entry).collect());
        }
        world
    }

    /// Whether no fact differs.
    pub fn is_settled(&self) -> bool {
        self.edits.is_empty()
    }

    /// The snapshot with some of the edits on.
    pub fn with(&self, on: &Switches) -> Option<Snapshot> {
        if self.is_settled() {
            return self.before.clone();
        }
        let chosen = |entry: &Entry| match entry.edit {
            Some(edit) if !on.contains(edit) => entry.before.clone(),
            _ => entry.after.clone(),
        };
        let facts = self.lines.values().flatten().filter_map(chosen).collect();
        Some(Snapshot::new(facts).expect("each key has one fact for a day"))
    }

    /// The edits that can matter on a day: of each key, those of the facts that could be the last one before it. `None` is
    /// a policy without an effective date, where every fact can.
    pub fn read_on(&self, day: Option<i32>) -> Switches {
        let mut read = Switches::default();
        for line in self.lines.values() {
            let end = day.map_or(line.len(), |day| line.partition_point(|entry| entry.valid_from <= day));
            for entry in line[..end].iter().rev() {
                if let Some(edit) = entry.edit {
                    read.insert(edit);
                }
                // a fact that is there in any case hides those before it
                let is_always_there = entry.before.is_some() && entry.after.is_some();
                if is_always_there && day.is_some() {
                    break;
                }
            }
        }
        read
    }

    /// The edits of the facts among a set.
    pub fn of(&self, on: &Switches) -> Switches {
        on.iter().filter(|edit| self.is_fact(*edit)).collect()
    }

    /// Whether an edit is one of these.
    pub fn is_fact(&self, edit: usize) -> bool {
        !self.is_settled() && edit >= self.first
    }
}

/// `fact score_floor from 2025-07-01: 700 becomes 720`
fn says(difference: &Difference) -> String {
    let head = |fact: &Fact| format!("fact {} from {}", fact.key, date::civil(fact.valid_from.into()));
    let value = |fact: &Fact| fact.value.as_ref().map_or("none".to_owned(), ToString::to_string);
    match difference {
        Difference::Added(fact) => format!("{}: {} added", head(fact), value(fact)),
        Difference::Removed(fact) => format!("{}: {} removed", head(fact), value(fact)),
        Difference::Changed(before, after) if before.value == after.value => {
            format!("{}: citation or notes changed", head(after))
        }
        Difference::Changed(before, after) => {
            format!("{}: {} becomes {}", head(after), value(before), value(after))
        }
    }
}
