//! Which facts differ between two snapshots? Each is an edit like those of the policies, with a switch.
//!
//! A fact and its place in time are one edit: added, removed, or with another value. A set of edits finds the fact for a
//! key and a day by a walk back from the last one that begins by then, to the first that is there. The edits that it
//! passes, and that of the fact it finds, are what the walk reads: no other edit changes what is found.

use std::collections::{BTreeMap, BTreeSet};

use opus_ir::{Program, date};
use opus_runtime::Snapshot;
use opus_runtime::snapshot::{Difference, Fact, FactValue, compare, declared, keys};

use super::merged::Merged;
use super::switches::Switches;
use crate::diff::{Edit, EditId};

/// The facts of two snapshots.
#[derive(Default)]
pub struct World {
    /// The edits that decide, by key and first day.
    pub edits: Vec<Edit>,
    /// Facts that neither policy takes, and citations and notes that differ.
    pub texts: Vec<Edit>,
    /// By edit that decides, the edits of the policies that it needs.
    pub needs: Vec<Switches>,
    /// By name that a policy declares, of those with keys of which facts differ, what they all need.
    pub names: BTreeMap<String, Switches>,
    /// The number of the first edit among the switches.
    first: usize,
    /// Every fact of either snapshot, by key and first day.
    lines: Vec<Line>,
    /// By key, its line.
    by_key: BTreeMap<String, usize>,
    /// Every first day of a fact, ascending.
    starts: Vec<i32>,
}

/// A day on which facts are looked up; `None` where a policy has no effective date.
pub type Day = Option<i32>;

/// The facts of a key, by first day.
pub struct Line {
    pub entries: Vec<Entry>,
}

/// A fact of either snapshot.
pub struct Entry {
    valid_from: i32,
    /// What it says before and after the change; `None` where it is not there. A fact can say that nothing holds.
    pub says: [Option<Option<FactValue>>; 2],
    edit: Option<usize>,
}

/// What a set of edits finds for a key.
pub struct Walk {
    /// The entry, and whether it is the fact before the change (0) or after it (1).
    pub found: Result<(usize, usize), NotOne>,
    /// The edits on the way.
    pub read: Switches,
}

/// Why there is no fact to take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotOne {
    /// None holds.
    Missing,
    /// The policy has no effective date, and there are several.
    Several,
}

/// The keys that policies take from a snapshot.
pub struct Taken {
    keys: BTreeSet<String>,
    /// By name that only the second policy takes, the edits without which it does not.
    needs: BTreeMap<String, Switches>,
}

impl Taken {
    pub fn new<F, G>(merged: &Merged, a: &Program<F>, b: &Program<G>) -> Taken {
        fn of<F>(program: &Program<F>) -> impl Iterator<Item = String> {
            program.holes.iter().flat_map(|hole| keys(hole, &program.schema))
        }
        let in_a: BTreeSet<&String> = a.holes.iter().map(|hole| &hole.name).collect();
        let new = b.holes.iter().map(|hole| &hole.name).filter(|name| !in_a.contains(name));
        Taken {
            keys: of(a).chain(of(b)).collect(),
            needs: new.map(|name| (name.clone(), merged.taking(name))).collect(),
        }
    }
}

impl World {
    /// The snapshots before and after a change; without one before it, there were no facts, and without one after it,
    /// nothing changed. `last` are the numbers of the last edit of the policies that decides, and of the last that does
    /// not.
    pub fn new(
        before: Option<&Snapshot>,
        after: Option<&Snapshot>,
        merged: &Merged,
        last: [u32; 2],
        taken: &Taken,
    ) -> World {
        let first = merged.count();
        let Some(after) = after.or(before) else { return World { first, ..World::default() } };
        let nothing = Snapshot::new(Vec::new()).expect("no facts are a snapshot");
        let before = before.unwrap_or(&nothing);
        let mut world = World { first, ..World::default() };
        let mut differing: BTreeMap<(&str, i32), usize> = BTreeMap::new();
        let [mut decides, mut texts] = last;
        for difference in compare(before, after) {
            let (fact, is_text) = match difference {
                Difference::Added(fact) | Difference::Removed(fact) => (fact, false),
                Difference::Changed(before, after) => (after, before.value == after.value),
            };
            let decides_nothing = is_text || !taken.keys.contains(&fact.key);
            let number = if decides_nothing { &mut texts } else { &mut decides };
            *number += 1;
            let id = EditId { decides: !decides_nothing, number: *number };
            let edit = Edit { id, says: says(&difference), needs: BTreeSet::new(), changes: Vec::new() };
            if decides_nothing {
                world.texts.push(edit);
                continue;
            }
            let name = declared(&fact.key);
            let needs = taken.needs.get(name).cloned().unwrap_or_default();
            differing.insert((&fact.key, fact.valid_from), first + world.edits.len());
            world.edits.push(Edit { needs: needs.iter().map(|edit| merged.ids[edit]).collect(), ..edit });
            world.names.insert(name.to_owned(), needs.clone());
            world.needs.push(needs);
        }
        let mut lines: BTreeMap<&str, BTreeMap<i32, Entry>> = BTreeMap::new();
        for (side, snapshot) in [before, after].into_iter().enumerate() {
            for Fact { key, valid_from, value, .. } in snapshot.facts() {
                let edit = differing.get(&(key.as_str(), *valid_from)).copied();
                let new = || Entry { valid_from: *valid_from, says: [None, None], edit };
                let line = lines.entry(key).or_default();
                line.entry(*valid_from).or_insert_with(new).says[side] = Some(value.clone());
            }
        }
        for (key, entries) in lines {
            world.by_key.insert(key.to_owned(), world.lines.len());
            world.lines.push(Line { entries: entries.into_values().collect() });
        }
        let starts = world.lines.iter().flat_map(|line| line.entries.iter().map(|entry| entry.valid_from));
        world.starts = starts.collect::<BTreeSet<i32>>().into_iter().collect();
        world
    }

    /// A day on which the same facts hold, the same for all days on which they do.
    pub fn like(&self, day: i32) -> i32 {
        let begun = self.starts.partition_point(|start| *start <= day);
        begun.checked_sub(1).map_or(i32::MIN, |last| self.starts[last])
    }

    /// The line of a key; `None` if neither snapshot has facts with it.
    pub fn line(&self, key: &str) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    pub fn lines(&self, line: usize) -> &Line {
        &self.lines[line]
    }

    /// The lines of all keys of a name that a policy declares.
    pub fn lines_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = usize> + 'a {
        let own = self.by_key.range(name.to_owned()..).take_while(move |(key, _)| key.starts_with(name));
        own.filter(move |(key, _)| declared(key) == name).map(|(_, line)| *line)
    }

    /// The edits of facts among a set.
    pub fn of(&self, on: &Switches) -> Switches {
        if self.edits.is_empty() { Switches::default() } else { on.tail(self.first) }
    }
}

impl Line {
    /// What a set of edits finds on a day.
    pub fn walk(&self, day: Day, on: &Switches) -> Walk {
        let side = |entry: &Entry| usize::from(entry.edit.is_none_or(|edit| on.contains(edit)));
        let mut read = Switches::default();
        let Some(day) = day else {
            let is_there = |at: &usize| self.entries[*at].says[side(&self.entries[*at])].is_some();
            let there: Vec<usize> = (0..self.entries.len()).filter(is_there).take(2).collect();
            // if this one stays, there is no other; two that stay are one too many
            let (found, met) = match there[..] {
                [at] => (Ok((at, side(&self.entries[at]))), there),
                [] => (Err(NotOne::Missing), (0..self.entries.len()).collect()),
                _ => (Err(NotOne::Several), there),
            };
            met.into_iter().filter_map(|at| self.entries[at].edit).for_each(|edit| read.insert(edit));
            return Walk { found, read };
        };
        for at in (0..self.begun(day)).rev() {
            let entry = &self.entries[at];
            entry.edit.into_iter().for_each(|edit| read.insert(edit));
            if entry.says[side(entry)].is_some() {
                return Walk { found: Ok((at, side(entry))), read };
            }
        }
        Walk { found: Err(NotOne::Missing), read }
    }

    /// What sets of edits can find on a day, as entries and sides.
    pub fn possible(&self, day: Day) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for at in (0..day.map_or(self.entries.len(), |day| self.begun(day))).rev() {
            let Entry { says: [before, after], edit, .. } = &self.entries[at];
            if before.is_some() && edit.is_some() {
                found.push((at, 0));
            }
            if after.is_some() {
                found.push((at, 1));
            }
            // a fact that is there in any case hides those before it
            let is_always_there = after.is_some() && (before.is_some() || edit.is_none());
            if is_always_there && day.is_some() {
                break;
            }
        }
        found
    }

    /// How many facts begin by a day.
    fn begun(&self, day: i32) -> usize {
        self.entries.partition_point(|entry| entry.valid_from <= day)
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
