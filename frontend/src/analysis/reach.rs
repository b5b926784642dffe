//! Which rules can no valid input reach?
//!
//! The conditions of a version are lowered side by side, without what earlier rules establish. Each value that is
//! compared with constants is an axis. A condition is then a union of boxes ([`regions`](super::regions)), and a rule
//! is unreachable if its boxes are covered by those of earlier rules, the requires and the ranges of the fields. A
//! comparison of two values is an axis of its own, true or false. Axes are treated as independent: a rule that is
//! unreachable for all combinations is unreachable for those that exist. So every claim is proved, and where
//! conditions compare values with constants nothing is missed, within a fixed amount of work.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use opus_ir::facts::origin;
use opus_ir::{Domain, Func, Interval, Op, Value};

use super::regions::{Axis, Budget, Exhausted, Index, Ranges, Region, common, complement, contains, whole};
use crate::hir::{Policy, Step, Version};
use crate::lower::expr::Lowerer;
use crate::lower::site::Truth;

/// The most boxes that one condition is taken apart into; of one that needs more nothing is claimed.
const BOXES_MAX: usize = 256;
/// From how many boxes of a condition, and by how many steps each, a way out of earlier boxes is sought
/// before it is asked whether there is one.
const ESCAPES_TRIED_MAX: usize = 4;
const STEPS_MAX: usize = 24;
/// Stack that is kept free below each level of a condition, and what is added when there is less.
const STACK_RED_BYTES: usize = 64 * 1024;
const STACK_GROW_BYTES: usize = 1024 * 1024;

/// A rule that no valid input reaches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreachable {
    /// Its place among the rules of the version.
    pub rule: usize,
    /// The earlier rules that decide everything that it could; empty if its condition never holds.
    pub covered_by: Vec<usize>,
}

/// What no valid input does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unmet {
    /// The place, among the requires of the version, of one that no input meets together with those before it.
    /// Then nothing is reported about rules.
    pub require: Option<usize>,
    /// The rules that none reaches.
    pub rules: Vec<Unreachable>,
}

/// What no valid input of a version does. Nothing is claimed that the budget does not suffice to prove.
pub fn unmet(policy: &Policy, version: &Version, budget: &mut Budget) -> Unmet {
    let mut lowerer = Lowerer::new(policy, version, Vec::new());
    let required: Vec<Option<Truth>> =
        version.requires.iter().map(|(_, condition)| lowerer.truth(*condition).ok()).collect();
    let mut conditions = Vec::new();
    for step in &version.steps {
        match step {
            // what could go wrong with it is noted where it is lowered for good
            Step::Let(name) => drop(lowerer.named(*name)),
            Step::Rule(rule) => {
                let condition = rule.when.map_or(Some(Truth::Known(true)), |when| lowerer.truth(when).ok());
                conditions.push(condition);
            }
        }
    }
    let space = Space::new(policy, version, lowerer.site.func());
    let mut valid = vec![Region::default()];
    for (index, condition) in required.into_iter().enumerate() {
        let regions = condition.and_then(|condition| space.regions(condition, budget));
        valid = regions.and_then(|regions| product(&valid, &regions, budget)).unwrap_or(valid);
        if valid.is_empty() {
            return Unmet { require: Some(index), rules: Vec::new() };
        }
    }
    let mut rules = Vec::new();
    // the rules that were found before the budget was spent are unreachable all the same
    let _ = search(&space, &valid, &conditions, budget, &mut rules);
    Unmet { require: None, rules }
}

fn search(
    space: &Space,
    every_input: &[Region],
    conditions: &[Option<Truth>],
    budget: &mut Budget,
    found: &mut Vec<Unreachable>,
) -> Result<(), Exhausted> {
    let mut earlier = Index::default();
    let mut rules: Vec<usize> = Vec::new();
    let mut point: Vec<u32> = space.axes.iter().map(|axis| axis.pieces() - 1).collect();
    for (rule, condition) in conditions.iter().enumerate() {
        let regions = condition.and_then(|condition| space.regions(condition, budget));
        let Some(regions) = regions else { continue };
        let Some(asked) = product(every_input, &regions, budget) else { continue };
        if !space.escapes(&asked, &earlier, &mut point, budget)? {
            let near = earlier.near(&asked, budget)?;
            let near: Vec<(usize, &Region)> =
                near.into_iter().map(|id| (rules[id as usize], &earlier.regions()[id as usize])).collect();
            if let Some(covering) = space.covered(&asked, &near, budget)? {
                let covered_by = space.fewest(&asked, &near, covering, budget);
                found.push(Unreachable { rule, covered_by });
            }
        }
        for region in regions {
            earlier.push(region, &space.axes);
            rules.push(rule);
        }
    }
    Ok(())
}

/// What it costs to compare two boxes, and for each pair of sides to cut one by the other, where to look at one is
/// 1.
const MEET_WORK: usize = 2;
const CUT_WORK: usize = 8;

/// The boxes where a condition holds or fails; `None` if they are too many.
type Regions = Option<Vec<Region>>;

/// What the values of the conditions may be.
struct Space<'a> {
    func: &'a Func,
    axes: Vec<Axis>,
    axis_of: BTreeMap<Value, usize>,
    /// The boxes of the conditions that have been taken apart: what is asked about twice, as both sides of a
    /// comparison of Booleans are, would otherwise double the work at every level.
    known: RefCell<BTreeMap<(Value, bool), Regions>>,
}

impl Space<'_> {
    /// The space of all that the conditions in a function compare, cut where they may change.
    fn new<'a>(policy: &Policy, version: &Version, func: &'a Func) -> Space<'a> {
        let mut cuts: BTreeMap<Value, Vec<Interval>> = BTreeMap::new();
        for value in func.values.keys() {
            match compared(func, value, true).zip(compared(func, value, false)) {
                Some(((subject, holds), (_, fails))) => {
                    cuts.entry(subject).or_default().extend(holds.into_iter().chain(fails));
                }
                None if func.values[value].ty.is_bool() => {
                    cuts.entry(value).or_default().extend([Interval::point(0), Interval::point(1)]);
                }
                None => {}
            }
        }
        let axis = |(value, spans): (&Value, &Vec<Interval>)| {
            Axis::cut(&domain(policy, version, func, *value), spans.iter().copied(), false)
        };
        let axes = cuts.iter().map(axis).collect();
        let axis_of = cuts.keys().enumerate().map(|(axis, value)| (*value, axis)).collect();
        Space { func, axes, axis_of, known: RefCell::default() }
    }

    /// The boxes where a condition holds; `None` if they are too many.
    fn regions(&self, truth: Truth, budget: &mut Budget) -> Regions {
        match truth {
            Truth::Known(true) => Some(vec![Region::default()]),
            Truth::Known(false) => Some(Vec::new()),
            Truth::Is(value, holds) => self.regions_of(value, holds, budget),
        }
    }

    fn regions_of(&self, value: Value, holds: bool, budget: &mut Budget) -> Regions {
        let value = origin(self.func, value);
        if let Some(known) = self.known.borrow().get(&(value, holds)) {
            return known.clone();
        }
        let regions =
            stacker::maybe_grow(STACK_RED_BYTES, STACK_GROW_BYTES, || self.taken_apart(value, holds, budget));
        self.known.borrow_mut().insert((value, holds), regions.clone());
        regions
    }

    fn taken_apart(&self, value: Value, holds: bool, budget: &mut Budget) -> Regions {
        let Some(inst) = self.func.inst(value) else { return Some(self.boxes(value, holds)) };
        let args = inst.args();
        match (inst.op, holds) {
            (Op::Const, _) if (inst.imm != 0) == holds => Some(vec![Region::default()]),
            (Op::Const, _) => Some(Vec::new()),
            (Op::Not, _) => self.regions_of(args[0], !holds, budget),
            (Op::And, true) | (Op::Or, false) => self.both((args[0], holds), (args[1], holds), budget),
            (Op::And, false) | (Op::Or, true) => {
                let a = self.regions_of(args[0], holds, budget);
                union(a?, self.regions_of(args[1], holds, budget)?, budget)
            }
            (Op::Xor, _) => {
                let a = self.both((args[0], true), (args[1], !holds), budget);
                union(a?, self.both((args[0], false), (args[1], holds), budget)?, budget)
            }
            (Op::Select, _) => {
                let a = self.both((args[0], true), (args[1], holds), budget);
                union(a?, self.both((args[0], false), (args[2], holds), budget)?, budget)
            }
            _ => Some(self.boxes(value, holds)),
        }
    }

    fn both(&self, a: (Value, bool), b: (Value, bool), budget: &mut Budget) -> Regions {
        let a = self.regions_of(a.0, a.1, budget)?;
        product(&a, &self.regions_of(b.0, b.1, budget)?, budget)
    }

    /// The box of a comparison with a constant; of any other Boolean that value itself; none where it never
    /// holds.
    fn boxes(&self, value: Value, holds: bool) -> Vec<Region> {
        let side = || (value, vec![Interval::point(holds as i128)]);
        let (value, spans) = compared(self.func, value, holds).unwrap_or_else(side);
        let axis = self.axis_of[&value];
        let ranges = self.axes[axis].ranges(&spans, false);
        if ranges.is_empty() { Vec::new() } else { vec![Region::new(vec![(axis, ranges)])] }
    }

    /// Whether a point is found in what is asked for that no earlier box holds. It begins where the last one
    /// was found, and steps out of each box that holds it by one side, to the far end or to any place.
    fn escapes(
        &self,
        asked: &[Region],
        earlier: &Index,
        point: &mut [u32],
        budget: &mut Budget,
    ) -> Result<bool, Exhausted> {
        for region in asked.iter().take(ESCAPES_TRIED_MAX) {
            for (axis, ranges) in region.sides() {
                if !contains(ranges, point[*axis]) {
                    point[*axis] = ranges.last().map_or(0, |last| last.1 - 1);
                }
            }
            for step in 0..STEPS_MAX {
                match earlier.holding(point, budget)? {
                    Some(other) => self.step_out(region, other, point, step),
                    None => return Ok(true),
                }
            }
        }
        Ok(false)
    }

    fn here(&self, region: &Region, axis: usize) -> Ranges {
        region.side(axis).cloned().unwrap_or_else(|| whole(&self.axes[axis]))
    }

    /// Moves a point of a region out of a box by one of the box's sides, another one at each step.
    fn step_out(&self, region: &Region, other: &Region, point: &mut [u32], step: usize) {
        for index in 0..other.sides().len() {
            let (axis, ranges) = &other.sides()[(index + step) % other.sides().len()];
            let outside = common(&self.here(region, *axis), &complement(ranges));
            let (Some(first), Some(last)) = (outside.first(), outside.last()) else { continue };
            let (low, high) = (first.0, last.1 - 1);
            let now = point[*axis];
            let far = if now.saturating_sub(low) > high.saturating_sub(now) { low } else { high };
            // at every other step a place between the ends, another one each time
            let any = &outside[(step * 7 + 3) % outside.len()];
            let between = any.0.midpoint(any.1 - 1);
            point[*axis] = if step.is_multiple_of(2) { far } else { between };
            return;
        }
    }

    /// The earlier rules whose boxes cover all that is asked for; `None` if they do not.
    fn covered(
        &self,
        asked: &[Region],
        earlier: &[(usize, &Region)],
        budget: &mut Budget,
    ) -> Result<Option<BTreeSet<usize>>, Exhausted> {
        let mut covering = BTreeSet::new();
        let mut open: Vec<(Region, usize)> = asked.iter().map(|region| (region.clone(), 0)).collect();
        while let Some((region, from)) = open.pop() {
            let next = earlier[from..].iter().position(|(_, other)| region.meets(other));
            budget.spend(MEET_WORK * next.map_or(earlier.len() - from, |skipped| skipped + 1))?;
            let Some(next) = next else { return Ok(None) };
            let (rule, other) = earlier[from + next];
            budget.spend(CUT_WORK * (region.sides().len() + 1) * other.sides().len())?;
            covering.insert(rule);
            let rest = region.without(other, &self.axes);
            open.extend(rest.into_iter().map(|region| (region, from + next + 1)));
        }
        Ok(Some(covering))
    }

    /// Those of the covering rules that are needed to cover, as far as the budget suffices to find out.
    fn fewest(
        &self,
        asked: &[Region],
        earlier: &[(usize, &Region)],
        covering: BTreeSet<usize>,
        budget: &mut Budget,
    ) -> Vec<usize> {
        let is_covering = |(rule, _): &(usize, &Region)| covering.contains(rule);
        let mut needed: Vec<(usize, &Region)> = earlier.iter().copied().filter(is_covering).collect();
        for rule in covering.iter().rev() {
            let others: Vec<(usize, &Region)> =
                needed.iter().copied().filter(|(other, _)| other != rule).collect();
            let tried = budget.spend(needed.len()).and_then(|()| self.covered(asked, &others, budget));
            match tried {
                Ok(Some(_)) => needed = others,
                Ok(None) => {}
                Err(Exhausted) => break,
            }
        }
        let rules: BTreeSet<usize> = needed.into_iter().map(|(rule, _)| rule).collect();
        rules.into_iter().collect()
    }
}

/// All that a value may be.
fn domain(policy: &Policy, version: &Version, func: &Func, value: Value) -> Domain {
    let all = Domain::all(func.values[value].range);
    let field = func.inst(value).filter(|inst| inst.op == Op::Field).map(|inst| inst.imm as u32);
    let Some(field) = field else { return all };
    let in_force = match policy.schema.effective == Some(field) {
        true => Interval::new(version.from as i128, version.until as i128 - 1),
        false => Interval::FULL,
    };
    let listed = policy.schema.inputs[field as usize].domain.set.as_ref();
    let listed = listed
        .and_then(|values| Domain::of(values.iter().copied().filter(|x| in_force.contains(*x)).collect()));
    listed.unwrap_or_else(|| Domain::all(all.range.intersect(in_force).unwrap_or(all.range)))
}

/// Where a Boolean holds or fails, as spans of another value, if it compares that with a constant.
fn compared(func: &Func, value: Value, holds: bool) -> Option<(Value, Vec<Interval>)> {
    let inst = func.inst(value).filter(|inst| inst.args().len() == 2)?;
    let [a, b] = inst.operands();
    let below = |x: i128| Some(Interval { lo: i128::MIN, hi: x });
    let above = |x: i128| Some(Interval { lo: x, hi: i128::MAX });
    let before = |x: i128| x.checked_sub(1).and_then(below);
    let after = |x: i128| x.checked_add(1).and_then(above);
    let point = |x: i128| Some(Interval::point(x));
    let (compared, spans) = match (inst.op, func.constant(a), func.constant(b), holds) {
        (Op::Lt, _, Some(x), true) => (a, [before(x), None]),
        (Op::Lt, _, Some(x), false) => (a, [above(x), None]),
        (Op::Lt, Some(x), _, true) => (b, [after(x), None]),
        (Op::Lt, Some(x), _, false) => (b, [below(x), None]),
        (Op::Le, _, Some(x), true) => (a, [below(x), None]),
        (Op::Le, _, Some(x), false) => (a, [after(x), None]),
        (Op::Le, Some(x), _, true) => (b, [above(x), None]),
        (Op::Le, Some(x), _, false) => (b, [before(x), None]),
        (Op::Eq, _, Some(x), true) | (Op::Ne, _, Some(x), false) => (a, [point(x), None]),
        (Op::Eq, Some(x), _, true) | (Op::Ne, Some(x), _, false) => (b, [point(x), None]),
        (Op::Eq, _, Some(x), false) | (Op::Ne, _, Some(x), true) => (a, [before(x), after(x)]),
        (Op::Eq, Some(x), _, false) | (Op::Ne, Some(x), _, true) => (b, [before(x), after(x)]),
        _ => return None,
    };
    Some((origin(func, compared), spans.into_iter().flatten().collect()))
}

/// The boxes of both unions; `None` if they are too many.
fn product(a: &[Region], b: &[Region], budget: &mut Budget) -> Regions {
    budget.spend(MEET_WORK * a.len() * b.len()).ok()?;
    let all = a.iter().flat_map(|a| b.iter().filter_map(|b| a.common(b)));
    let both: Vec<Region> = all.take(BOXES_MAX + 1).collect();
    (both.len() <= BOXES_MAX).then_some(both)
}

/// The boxes of either union; `None` if they are too many.
fn union(mut a: Vec<Region>, b: Vec<Region>, budget: &mut Budget) -> Regions {
    budget.spend(MEET_WORK * a.len() * b.len()).ok()?;
    for region in b {
        match a.iter_mut().find_map(|known| known.joined(&region).map(|joined| (known, joined))) {
            Some((known, joined)) => *known = joined,
            None => a.push(region),
        }
    }
    (a.len() <= BOXES_MAX).then_some(a)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check;
    use crate::text::parse::parse;

    const LONGER: usize = 8;

    /// The rules that no input reaches, and the work that it took to find them.
    fn found(rules: &str) -> (Vec<Unreachable>, usize) {
        let source = format!(
            "policy p {{ input {{ x : int in 0..1_000_000  y : int in 0..1_000_000 }} output {{ o : int in 0..9 }}
             rules first {{ {rules} otherwise Z => 0 }} }}"
        );
        let policy = check(&parse(&source).0.expect("it can be read")).0.expect("it is right");
        let mut budget = Budget(usize::MAX);
        let unmet = unmet(&policy, &policy.versions[0], &mut budget);
        (unmet.rules, usize::MAX - budget.0)
    }

    #[test]
    fn the_work_grows_with_the_number_of_rules() {
        type Shape = fn(usize) -> String;
        let shapes: [Shape; 4] = [
            |i| format!("rule R{i} when x == {i} => 1\n"),
            |i| format!("rule R{i} when x == {} and y == {} => 1\n", i % 50, i / 50),
            |i| format!("rule R{i} when x in {}..{} => 1\n", i * 3, i * 3 + 2),
            |i| format!("rule R{i} when x == {} or y == {} => 1\n", i * 2, i * 2 + 1),
        ];
        for (index, shape) in shapes.into_iter().enumerate() {
            let rules = |n: usize| (0..n).map(shape).collect::<String>();
            let (short, long) = (found(&rules(100)), found(&rules(100 * LONGER)));
            assert_eq!((short.0, long.0), (vec![], vec![]), "shape {index}");
            assert!(long.1 < 2 * LONGER * short.1, "shape {index}: {} and {}", short.1, long.1);
        }
    }

    #[test]
    fn a_rule_that_others_cover_together_is_found_with_those_that_are_needed() {
        let rules = "rule A when x < 10 => 1  rule B when y == 5 => 2  rule C when x > 9 and y < 7 => 3
                     rule D when x == 12 and y in 1..5 => 4  rule E when y <= 6 => 5";
        let unreachable = |rule, covered_by| Unreachable { rule, covered_by };
        assert_eq!(found(rules).0, [unreachable(3, vec![2]), unreachable(4, vec![0, 2])]);
    }
}
