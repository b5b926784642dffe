//! Which rule decides, and with what outputs? The number of the first exit whose condition holds, and tables.

use crate::emit::Emitter;
use crate::func::{Inst, Value};
use crate::interval::Interval;
use crate::ops::Op;
use crate::types::Type;

/// A way to a decision.
pub(super) struct Exit {
    /// Whether a row that has not been decided before is decided here.
    pub condition: Value,
    pub rule: u32,
    pub outputs: Vec<Output>,
}

/// An output at an exit, and what was proved of it there.
#[derive(Clone, Copy)]
pub(super) struct Output {
    pub value: Value,
    pub range: Interval,
}

/// The rule of the first exit whose condition holds, and the outputs there. Every row leaves by one exit.
pub(super) fn decide(emitter: &mut Emitter, exits: Vec<Exit>, count: usize) -> (Value, Vec<Value>) {
    let exits = merge(emitter, exits);
    let number = number(emitter, &exits);
    let rule = rule(emitter, number, &exits);
    let outputs = (0..count).map(|index| output(emitter, number, &exits, index)).collect();
    (rule, outputs)
}

/// Leaves out exits that no row takes; neighbours that decide the same become one.
fn merge(emitter: &mut Emitter, exits: Vec<Exit>) -> Vec<Exit> {
    let mut merged: Vec<Exit> = Vec::with_capacity(exits.len());
    for exit in exits {
        let constant = emitter.constant_of(exit.condition);
        if constant == Some(0) {
            continue;
        }
        match merged.last_mut().filter(|last| decide_alike(last, &exit)) {
            Some(last) => {
                last.condition = emitter.or(last.condition, exit.condition);
                let ranges = last.outputs.iter_mut().zip(&exit.outputs);
                ranges.for_each(|(output, other)| output.range = output.range.hull(other.range));
            }
            None => merged.push(exit),
        }
        if constant.is_some() {
            break;
        }
    }
    merged
}

fn decide_alike(a: &Exit, b: &Exit) -> bool {
    let outputs = a.outputs.iter().map(|output| output.value).eq(b.outputs.iter().map(|output| output.value));
    a.rule == b.rule && outputs
}

/// The number of the first exit whose condition holds: the last, where all others fail.
fn number(emitter: &mut Emitter, exits: &[Exit]) -> Value {
    let last = exits.len() - 1;
    let mut number = emitter.constant(false, last as i128);
    for (i, exit) in exits[..last].iter().enumerate().rev() {
        let range = Interval::new(i as i128, last as i128);
        let this = emitter.constant(false, i as i128);
        number = emitter.select(Type::narrowest(range), range, exit.condition, this, number);
    }
    number
}

/// The rule of an exit. Rules mostly count up as exits do, and then the number is only moved, even by 0: versions
/// whose rules begin at different numbers then have the same shape and can be merged.
fn rule(emitter: &mut Emitter, number: Value, exits: &[Exit]) -> Value {
    let first = exits[0].rule;
    let counts_up = exits.iter().zip(first..).all(|(exit, rule)| exit.rule == rule);
    if !counts_up || exits.len() == 1 {
        return emitter.lookup(number, exits.iter().map(|exit| exit.rule as i128).collect());
    }
    let range = Interval::new(first as i128, first as i128 + exits.len() as i128 - 1);
    let by = emitter.constant(false, first as i128);
    emitter.step(Type::narrowest(range), range, Inst::new(Op::Add, &[number, by], 0))
}

/// Exits with the same value for an output.
struct Group {
    output: Output,
    exits: Vec<usize>,
}

/// One output: looked up by the exit's number where it is constant, selected where it is computed; or selected
/// everywhere, where that is less.
fn output(emitter: &mut Emitter, number: Value, exits: &[Exit], index: usize) -> Value {
    let at = |exit: &Exit| exit.outputs[index];
    let computed = computed_groups(emitter, exits, index);
    let runs = 1 + exits.windows(2).filter(|pair| at(&pair[0]).value != at(&pair[1]).value).count();
    let looked_up =
        2 + computed.iter().map(|group| 2 + membership_cost(&group.exits, exits.len())).sum::<usize>();
    let selected = 2 * (runs - 1) + (exits.len() - runs);
    let all_constant = computed.is_empty();
    if runs == 1 {
        at(&exits[0]).value
    } else if selected < looked_up && !all_constant {
        select_runs(emitter, exits, index)
    } else {
        look_up(emitter, number, exits, index, &computed)
    }
}

fn computed_groups(emitter: &Emitter, exits: &[Exit], index: usize) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut known = std::collections::BTreeMap::new();
    for (i, exit) in exits.iter().enumerate() {
        let output = exit.outputs[index];
        if emitter.constant_of(output.value).is_some() {
            continue;
        }
        let group = *known.entry(output.value).or_insert_with(|| {
            groups.push(Group { output, exits: Vec::new() });
            groups.len() - 1
        });
        groups[group].exits.push(i);
        groups[group].output.range = groups[group].output.range.hull(output.range);
    }
    groups
}

fn type_of(emitter: &Emitter, value: Value, range: Interval) -> Type {
    if emitter.get(value).ty.is_bool() { Type::Bool } else { Type::narrowest(range) }
}

/// From the last exit to the first, one choice for each run of exits with the same value.
fn select_runs(emitter: &mut Emitter, exits: &[Exit], index: usize) -> Value {
    let (last, before) = exits.split_last().expect("a function decides");
    let Output { value: mut chosen, mut range } = last.outputs[index];
    for run in before.chunk_by(|a, b| a.outputs[index].value == b.outputs[index].value).rev() {
        let Output { value, .. } = run[0].outputs[index];
        range = run.iter().fold(range, |range, exit| range.hull(exit.outputs[index].range));
        let condition = run.iter().map(|exit| exit.condition).reduce(|a, b| emitter.or(a, b));
        let condition = condition.expect("a run is not empty");
        let ty = type_of(emitter, value, range);
        chosen = emitter.select(ty, range, condition, value, chosen);
    }
    chosen
}

/// Constants from a table by the exit's number, then the computed values where their exits were taken.
fn look_up(emitter: &mut Emitter, number: Value, exits: &[Exit], index: usize, computed: &[Group]) -> Value {
    let constants: Vec<Option<i128>> =
        exits.iter().map(|exit| emitter.constant_of(exit.outputs[index].value)).collect();
    // where the output is computed the table may hold anything: what makes its range no wider
    let filler = constants.iter().flatten().next().copied().unwrap_or(0);
    let entries: Vec<i128> = constants.iter().map(|constant| constant.unwrap_or(filler)).collect();
    let mut range = Interval::hull_of(entries.iter().copied()).expect("a function decides");
    let is_truth = emitter.get(exits[0].outputs[index].value).ty.is_bool();
    let counts_up = entries.iter().zip(0..).all(|(entry, i)| *entry == i);
    let mut chosen = match is_truth {
        true => flag(emitter, number, entries),
        false if counts_up => number,
        false => emitter.lookup(number, entries),
    };
    for group in computed {
        range = range.hull(group.output.range);
        let condition = membership(emitter, number, &group.exits, exits.len());
        let ty = type_of(emitter, group.output.value, range);
        chosen = emitter.select(ty, range, condition, group.output.value, chosen);
    }
    chosen
}

/// Whether the entry at the exit's number is not 0.
fn flag(emitter: &mut Emitter, number: Value, entries: Vec<i128>) -> Value {
    let entry = emitter.lookup(number, entries);
    match emitter.constant_of(entry) {
        Some(x) => emitter.truth(x != 0),
        None => {
            let zero = emitter.constant(false, 0);
            emitter.condition(Op::Ne, &[entry, zero])
        }
    }
}

fn is_one_comparison(members: &[usize], count: usize) -> bool {
    let (first, last) = (members[0], members[members.len() - 1]);
    let without_gap = last - first + 1 == members.len();
    without_gap && (first == last || first == 0 || last == count - 1)
}

fn membership_cost(members: &[usize], count: usize) -> usize {
    if is_one_comparison(members, count) { 1 } else { 2 }
}

/// Whether the exit's number is one of these, which ascend and are not all.
fn membership(emitter: &mut Emitter, number: Value, members: &[usize], count: usize) -> Value {
    if !is_one_comparison(members, count) {
        let mut entries = vec![0; count];
        members.iter().for_each(|member| entries[*member] = 1);
        return flag(emitter, number, entries);
    }
    let (first, last) = (members[0], members[members.len() - 1]);
    let bound = emitter.constant(false, if first == 0 && last != first { last } else { first } as i128);
    match (first == last, first == 0) {
        (true, _) => emitter.condition(Op::Eq, &[number, bound]),
        (false, true) => emitter.condition(Op::Le, &[number, bound]),
        (false, false) => emitter.condition(Op::Le, &[bound, number]),
    }
}
