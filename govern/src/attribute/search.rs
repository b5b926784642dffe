//! Which sets of edits are the causes of a row? The smallest closed sets that give the row the result of the second policy.
//!
//! A run of a hybrid reads the switches that it meets. Every set that agrees with it on those has the same result. So
//! the search starts with the empty set. Each switch that a run read and that the search has not settled yet is turned
//! on in turn, while those before it stay off. So each set is met once, along one path. Smaller sets come first, and
//! sets that contain a cause are skipped, so every set that gives the result is a cause. If a set is untestable, every
//! unsettled switch counts as read.
//!
//! Rows whose runs have had equal results and reads so far are searched together. When they differ, the search splits.

use std::collections::{BTreeMap, BTreeSet};

use opus_runtime::Batch;
use rayon::prelude::*;

use super::hybrids::{Hybrids, Rows, Tested};
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
    of: Rows<'_>,
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
                    asked.entry((set, wants_all_reads)).or_default().push(state);
                }
                None => done.push(state.answered()),
            }
        }
        let answered: Vec<Vec<State>> = asked
            .into_par_iter()
            .map(|((set, wants_all_reads), states)| answer(hybrids, of, b, &set, wants_all_reads, states))
            .collect();
        open = answered.into_iter().flatten().collect();
    }
    done
}

/// What a set gives on the rows of all states that ask for it.
fn answer(
    hybrids: &Hybrids,
    of: Rows<'_>,
    b: &Batch,
    set: &Switches,
    wants_all_reads: bool,
    mut states: Vec<State>,
) -> Vec<State> {
    let tested = hybrids.get(set);
    let hybrid = match tested.get().expect("it was tested") {
        Tested::Runs(hybrid) => hybrid,
        Tested::Untestable(_) => {
            states.iter_mut().for_each(|state| state.is_untestable(hybrids));
            return states;
        }
    };
    let mut rows: Vec<(u32, usize)> = states
        .iter()
        .enumerate()
        .flat_map(|(at, state)| state.rows.iter().map(move |row| (*row, at)))
        .collect();
    rows.sort_unstable();
    let numbers: Vec<u32> = rows.iter().map(|(row, _)| *row).collect();
    let ran = hybrids.run(hybrid, of, &numbers, b, wants_all_reads);
    let mut parts: BTreeMap<(usize, bool, Switches), Vec<u32>> = BTreeMap::new();
    let mut keys = BTreeMap::new();
    for ((row, at), class) in rows.into_iter().zip(&ran.classes) {
        // many classes read the same
        let key = keys.entry((at, *class)).or_insert_with(|| {
            let (equal, read) = &ran.found[*class as usize];
            (at, *equal, read.with(&states[at].always))
        });
        match parts.get_mut(key) {
            Some(rows) => rows.push(row),
            None => drop(parts.insert(key.clone(), vec![row])),
        }
    }
    let mut left = vec![0; states.len()];
    parts.keys().for_each(|(at, ..)| left[*at] += 1);
    let of_part = |((at, equal, read), rows): ((usize, bool, Switches), Vec<u32>)| {
        left[at] -= 1;
        // the last part takes the state, the others have a copy
        let state = if left[at] == 0 { std::mem::take(&mut states[at]) } else { states[at].clone() };
        let mut state = State { rows, ..state };
        state.learn(hybrids, set, equal, &read);
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

    /// The set is untestable.
    fn is_untestable(&mut self, hybrids: &Hybrids) {
        match &mut self.stage {
            Stage::Causes => self.turn_on(hybrids, &Switches::first(hybrids.merged.count())),
            Stage::Whole => unreachable!("the second policy compiles"),
            Stage::TakenBack(edits) => drop(edits.pop()),
        }
    }

    /// The set was run.
    fn learn(&mut self, hybrids: &Hybrids, set: &Switches, equal: bool, read: &Switches) {
        match &mut self.stage {
            Stage::Causes => {
                self.known.insert(set.clone(), equal);
                match equal {
                    true => self.causes.push(set.clone()),
                    false => self.turn_on(hybrids, read),
                }
            }
            Stage::Whole => {
                let is_read = |edit: &usize| hybrids.merged.needed_by[*edit].meets(read);
                self.stage = Stage::TakenBack((0..hybrids.merged.count()).filter(is_read).collect());
            }
            Stage::TakenBack(_) => {
                self.known.insert(set.clone(), equal);
            }
        }
    }

    /// Each of the switches that were read and are not settled is turned on, with what it needs and those before it off.
    fn turn_on(&mut self, hybrids: &Hybrids, read: &Switches) {
        let Node { on, mut off, .. } = std::mem::take(&mut self.node);
        for edit in read.without(&on).without(&off).iter() {
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
