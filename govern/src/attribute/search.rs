//! Which sets of edits are the causes of a row? The smallest closed sets that give the row the result of the second policy.
//!
//! A run of a hybrid reads the switches that it meets. Every set that agrees with it on those has the same result. So
//! the search starts with the empty set. Each switch that a run read and that the search has not settled yet is turned
//! on in turn, while those before it stay off. So each set is met once, along one path. Smaller sets come first, and
//! sets that contain a cause are skipped, so every set that gives the result is a cause. If a set is untestable, the
//! switches count as read that make it so.
//!
//! Of facts, later ones are turned on first. While one is on, those before it are not read, so each is tried alone.
//!
//! Rows whose runs have had equal results and reads so far are searched together. When they differ, the search splits.

use std::collections::{BTreeMap, BTreeSet};

use opus_runtime::Batch;
use rayon::prelude::*;

use super::hybrids::{Hybrids, Outcome, Read};
use super::switches::Switches;

/// The most sets of edits that are tried for a row.
pub const SETS_MAX: usize = 4_096;

/// Why rows have another result.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Answer {
    /// The smallest sets that give the result of the second policy; closed, smaller ones first.
    pub causes: Vec<Switches>,
    /// The edits that change the result if they are taken back from the second policy.
    pub but_for: Switches,
    /// Whether the search was given up.
    pub is_unfinished: bool,
}

/// Rows that are searched together.
#[derive(Clone, Default)]
struct State {
    /// Ascending.
    rows: Vec<u32>,
    /// The edits that every run on these rows reads.
    always: Switches,
    /// The sets to try, by size.
    open: BTreeSet<Node>,
    /// The set that is being tried.
    node: Node,
    /// The set that is asked for.
    asked: Switches,
    /// By set that was run, whether it gave the result.
    known: BTreeMap<Switches, bool>,
    causes: Vec<Switches>,
    tried: usize,
    is_unfinished: bool,
    stage: Stage,
    but_for: Switches,
}

/// A set to try: these edits on, those off, the others not settled.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Node {
    size: usize,
    on: Switches,
    off: Switches,
}

#[derive(Clone, Default)]
enum Stage {
    /// Causes are searched for.
    #[default]
    Causes,
    /// What the second policy reads is found out.
    Whole,
    /// These edits are taken back, the last one next.
    TakenBack(Vec<usize>),
}

/// Searches the causes of rows, which are ascending, each with the edits that all its runs read.
pub fn search(
    hybrids: &Hybrids,
    of: &Read<'_>,
    b: &Batch,
    rows: Vec<(Vec<u32>, Switches)>,
) -> Vec<(Vec<u32>, Answer)> {
    let all = Switches::first(hybrids.merged.count());
    let mut open: Vec<State> = rows.into_iter().map(|(rows, always)| State::new(rows, always)).collect();
    let mut done = Vec::new();
    while !open.is_empty() {
        let mut asked: BTreeMap<(Switches, bool), Vec<State>> = BTreeMap::new();
        for mut state in open.drain(..) {
            match state.next(hybrids, &all) {
                Some(set) => {
                    let wants_all_reads = matches!(state.stage, Stage::Whole);
                    let edits = hybrids.of_policies(&set);
                    state.asked = set;
                    asked.entry((edits, wants_all_reads)).or_default().push(state);
                }
                None => done.push(state.answered()),
            }
        }
        let answered: Vec<Vec<State>> = asked
            .into_par_iter()
            .map(|((_, wants_all_reads), states)| answer(hybrids, of, b, wants_all_reads, states))
            .collect();
        open = answered.into_iter().flatten().collect();
    }
    done
}

/// What their sets give on the rows of states whose sets differ in facts alone.
fn answer(
    hybrids: &Hybrids,
    of: &Read<'_>,
    b: &Batch,
    wants_all_reads: bool,
    mut states: Vec<State>,
) -> Vec<State> {
    let mut rows: Vec<(u32, usize)> = states
        .iter()
        .enumerate()
        .flat_map(|(at, state)| state.rows.iter().map(move |row| (*row, at)))
        .collect();
    // stable, because that sort merges ascending runs, which the rows of each state are
    rows.sort();
    let sets: Vec<&Switches> = states.iter().map(|state| &state.asked).collect();
    let ran = hybrids.run(&sets, of, &rows, b, wants_all_reads);
    // by number first, as numbers compare faster, and then in the order of the outcomes
    let mut numbered: BTreeMap<(usize, u32), Vec<u32>> = BTreeMap::new();
    for ((row, at), outcome) in rows.into_iter().zip(&ran.of_row) {
        numbered.entry((at, *outcome)).or_default().push(row);
    }
    let outcome =
        |((at, outcome), rows): ((usize, u32), Vec<u32>)| (at, &ran.outcomes[outcome as usize], rows);
    let mut parts: Vec<(usize, &Outcome, Vec<u32>)> = numbered.into_iter().map(outcome).collect();
    parts.sort_unstable();
    let mut left = vec![0; states.len()];
    parts.iter().for_each(|(at, ..)| left[*at] += 1);
    let of_part = |(at, outcome, rows): (usize, &Outcome, Vec<u32>)| {
        left[at] -= 1;
        // the last part takes the state, the others have a copy
        let state = if left[at] == 0 { std::mem::take(&mut states[at]) } else { states[at].clone() };
        let mut state = State { rows, ..state };
        state.learn(hybrids, outcome);
        state
    };
    parts.into_iter().map(of_part).collect()
}

impl State {
    fn new(rows: Vec<u32>, always: Switches) -> State {
        State { rows, always, open: BTreeSet::from([Node::default()]), ..State::default() }
    }

    /// The next set to run; `None` if everything is known.
    fn next(&mut self, hybrids: &Hybrids, all: &Switches) -> Option<Switches> {
        if matches!(self.stage, Stage::Causes) {
            while let Some(node) = self.open.pop_first() {
                if self.causes.iter().any(|cause| cause.is_within(&node.on)) {
                    continue;
                }
                if self.tried == hybrids.sets_max {
                    self.is_unfinished = true;
                    break;
                }
                self.tried += 1;
                if node.on == *all {
                    // the second policy
                    self.causes.push(node.on);
                    continue;
                }
                self.node = node;
                return Some(self.node.on.clone());
            }
            self.open.clear();
            self.stage = Stage::Whole;
            return Some(all.clone());
        }
        let Stage::TakenBack(edits) = &mut self.stage else { unreachable!("what is asked for is answered") };
        while let Some(edit) = edits.last() {
            let set = hybrids.merged.taken_back(all, &Switches::from_iter([*edit]));
            match self.known.get(&set) {
                Some(equal) => {
                    if !equal {
                        self.but_for.insert(*edit);
                    }
                    edits.pop();
                }
                None => return Some(set),
            }
        }
        None
    }

    /// The set that was asked for does this.
    fn learn(&mut self, hybrids: &Hybrids, outcome: &Outcome) {
        let read = match outcome {
            Outcome::Ran(_, read) | Outcome::Untestable(read) => read.with(&self.always),
        };
        match (&mut self.stage, outcome) {
            (Stage::Causes, Outcome::Untestable(_)) => self.turn_on(hybrids, &read),
            (Stage::Causes, Outcome::Ran(equal, _)) => {
                self.known.insert(self.asked.clone(), *equal);
                match equal {
                    true => self.causes.push(self.asked.clone()),
                    false => self.turn_on(hybrids, &read),
                }
            }
            (Stage::Whole, _) => {
                let is_read = |edit: &usize| hybrids.merged.needed_by[*edit].meets(&read);
                self.stage = Stage::TakenBack((0..hybrids.merged.count()).filter(is_read).collect());
            }
            (Stage::TakenBack(edits), Outcome::Untestable(_)) => drop(edits.pop()),
            (Stage::TakenBack(_), Outcome::Ran(equal, _)) => {
                self.known.insert(self.asked.clone(), *equal);
            }
        }
    }

    /// Each of the switches that were read and are not settled is turned on, with what it needs and those before it off.
    fn turn_on(&mut self, hybrids: &Hybrids, read: &Switches) {
        let Node { on, mut off, .. } = std::mem::take(&mut self.node);
        let open = read.without(&on).without(&off);
        let facts: Vec<usize> = hybrids.world.of(&open).iter().collect();
        let edits: Vec<usize> = hybrids.of_policies(&open).iter().collect();
        for edit in edits.into_iter().chain(facts.into_iter().rev()) {
            let needs = &hybrids.merged.needs[edit];
            if !needs.meets(&off) {
                let on = on.with(needs);
                self.open.insert(Node { size: on.len(), on, off: off.clone() });
            }
            off.insert(edit);
        }
    }

    fn answered(self) -> (Vec<u32>, Answer) {
        let State { rows, causes, but_for, is_unfinished, .. } = self;
        (rows, Answer { causes, but_for, is_unfinished })
    }
}
