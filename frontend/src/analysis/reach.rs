//! Which rules can no valid input reach?
//!
//! The conditions of a version are lowered side by side, without what earlier rules establish. Each value that
//! is compared with constants is a dimension; a condition is then a union of boxes, and a rule is dead where
//! its boxes are covered by those of earlier rules, the requires and the ranges of the fields. A comparison of
//! two values is a dimension by itself, true or false. Dimensions are taken as independent: where a rule is
//! dead for all combinations it is dead for those that exist. So what is claimed is proved, and where
//! conditions compare values with constants nothing is missed, up to a constant amount of work.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use cranelift_entity::SecondaryMap;
use opus_ir::facts::origin;
use opus_ir::{Func, Interval, Op, Value};

use crate::hir::{Policy, Step, Version};
use crate::limits::REACHABILITY_WORK_MAX;
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
    /// The earlier rules that decide whatever it could; empty where its condition never holds at all.
    pub covered_by: Vec<usize>,
}

/// What no valid input does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unmet {
    /// The place, among the requires of the version, of one that no input meets together with those before it.
    /// Nothing is said of rules then.
    pub require: Option<usize>,
    /// The rules that none reaches.
    pub rules: Vec<Unreachable>,
}

/// What no valid input of a version does.
pub fn unmet(policy: &Policy, version: &Version) -> Unmet {
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
    let space = Space { policy, version, func: lowerer.site.func(), known: RefCell::default() };
    let mut valid = vec![Region::default()];
    for (index, condition) in required.into_iter().enumerate() {
        let regions = condition.and_then(|condition| space.regions(condition));
        valid = regions.and_then(|regions| product(&valid, &regions)).unwrap_or(valid);
        if valid.is_empty() {
            return Unmet { require: Some(index), rules: Vec::new() };
        }
    }
    Unmet { require: None, rules: search(&space, &valid, &conditions) }
}

fn search(space: &Space, every_input: &[Region], conditions: &[Option<Truth>]) -> Vec<Unreachable> {
    let mut work = Work { left: REACHABILITY_WORK_MAX };
    let mut earlier: Vec<(usize, Region)> = Vec::new();
    let mut gates: Vec<Gate> = Vec::new();
    let mut point = Point(SecondaryMap::new());
    let mut found = Vec::new();
    for (rule, condition) in conditions.iter().enumerate() {
        let Some(regions) = condition.and_then(|condition| space.regions(condition)) else { continue };
        let Some(asked) = product(every_input, &regions) else { continue };
        if !space.escapes(&asked, &earlier, &gates, &mut point, &mut work)
            && let Some(covering) = space.covered(&asked, &earlier, &mut work)
        {
            let covered_by = space.fewest(&asked, &earlier, covering, &mut work);
            found.push(Unreachable { rule, covered_by });
        }
        gates.extend(regions.iter().map(|region| space.gate(region)));
        earlier.extend(regions.into_iter().map(|region| (rule, region)));
    }
    found
}

/// How much more may be done: a look at a box is 1, to cut one costs as much as many looks.
struct Work {
    left: usize,
}

/// What it costs to compare two boxes, and for each pair of sides to cut one by the other.
const MEET_WORK: usize = 2;
const CUT_WORK: usize = 8;

impl Work {
    /// Whether there is enough left for so much.
    fn take(&mut self, amount: usize) -> Option<()> {
        self.left = self.left.checked_sub(amount)?;
        Some(())
    }
}

/// A value for every dimension; where there is none yet, the greatest that there can be.
struct Point(SecondaryMap<Value, Option<i128>>);

/// A box: by value, ascending, the spans that it lies in; any value that it does not name is free.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Region {
    sides: Vec<(Value, Spans)>,
}

/// A value of a box and a span that holds all of it there; none where any value is in the box.
type Gate = Option<(Value, Interval)>;

/// The boxes where a condition holds or fails; `None` where they are too many.
type Regions = Option<Vec<Region>>;

/// Integers in ascending spans that do not touch, at least one.
type Spans = Vec<Interval>;

/// What the values of the conditions may be.
struct Space<'a> {
    policy: &'a Policy,
    version: &'a Version,
    func: &'a Func,
    /// The boxes of the conditions that have been taken apart: what is asked about twice, as both sides of a
    /// comparison of truth values are, would otherwise double the work at every level.
    known: RefCell<BTreeMap<(Value, bool), Regions>>,
}

impl Space<'_> {
    /// The boxes where a condition holds; `None` where they are too many.
    fn regions(&self, truth: Truth) -> Option<Vec<Region>> {
        match truth {
            Truth::Known(true) => Some(vec![Region::default()]),
            Truth::Known(false) => Some(Vec::new()),
            Truth::Is(value, holds) => self.regions_of(value, holds),
        }
    }

    fn regions_of(&self, value: Value, holds: bool) -> Option<Vec<Region>> {
        let value = origin(self.func, value);
        if let Some(known) = self.known.borrow().get(&(value, holds)) {
            return known.clone();
        }
        let regions = self.taken_apart(value, holds);
        self.known.borrow_mut().insert((value, holds), regions.clone());
        regions
    }

    fn taken_apart(&self, value: Value, holds: bool) -> Option<Vec<Region>> {
        stacker::maybe_grow(STACK_RED_BYTES, STACK_GROW_BYTES, || {
            let Some(inst) = self.func.inst(value) else { return Some(self.side(value, holds)) };
            let arg = |index: usize, holds: bool| self.regions_of(inst.args()[index], holds);
            let both = |a: Option<Vec<Region>>, b: Option<Vec<Region>>| product(&a?, &b?);
            let either = |a: Option<Vec<Region>>, b: Option<Vec<Region>>| union(a?, b?);
            match (inst.op, holds) {
                (Op::Const, _) if (inst.imm != 0) == holds => Some(vec![Region::default()]),
                (Op::Const, _) => Some(Vec::new()),
                (Op::Not, _) => arg(0, !holds),
                (Op::And, true) => both(arg(0, true), arg(1, true)),
                (Op::And, false) => either(arg(0, false), arg(1, false)),
                (Op::Or, true) => either(arg(0, true), arg(1, true)),
                (Op::Or, false) => both(arg(0, false), arg(1, false)),
                (Op::Xor, _) => {
                    either(both(arg(0, true), arg(1, !holds)), both(arg(0, false), arg(1, holds)))
                }
                (Op::Select, _) => {
                    either(both(arg(0, true), arg(1, holds)), both(arg(0, false), arg(2, holds)))
                }
                _ => Some(self.compared(value, holds)),
            }
        })
    }

    /// The box of a comparison with a constant; of any other truth value that value itself.
    fn compared(&self, value: Value, holds: bool) -> Vec<Region> {
        let inst = self.func.inst(value).filter(|inst| inst.args().len() == 2);
        let Some(inst) = inst else { return self.side(value, holds) };
        let [a, b] = inst.operands();
        let (below, above) = (
            |x: i128| Some(Interval { lo: i128::MIN, hi: x }),
            |x: i128| Some(Interval { lo: x, hi: i128::MAX }),
        );
        let before = |x: i128| x.checked_sub(1).and_then(below);
        let after = |x: i128| x.checked_add(1).and_then(above);
        let spans = |a: Option<Interval>, b: Option<Interval>| a.into_iter().chain(b).collect::<Spans>();
        let (compared, spans) = match (inst.op, self.func.constant(a), self.func.constant(b), holds) {
            (Op::Lt, _, Some(x), true) => (a, spans(before(x), None)),
            (Op::Lt, _, Some(x), false) => (a, spans(above(x), None)),
            (Op::Lt, Some(x), _, true) => (b, spans(after(x), None)),
            (Op::Lt, Some(x), _, false) => (b, spans(below(x), None)),
            (Op::Le, _, Some(x), true) => (a, spans(below(x), None)),
            (Op::Le, _, Some(x), false) => (a, spans(after(x), None)),
            (Op::Le, Some(x), _, true) => (b, spans(above(x), None)),
            (Op::Le, Some(x), _, false) => (b, spans(before(x), None)),
            (Op::Eq, _, Some(x), true) | (Op::Ne, _, Some(x), false) => (a, vec![Interval::point(x)]),
            (Op::Eq, Some(x), _, true) | (Op::Ne, Some(x), _, false) => (b, vec![Interval::point(x)]),
            (Op::Eq, _, Some(x), false) | (Op::Ne, _, Some(x), true) => (a, spans(before(x), after(x))),
            (Op::Eq, Some(x), _, false) | (Op::Ne, Some(x), _, true) => (b, spans(before(x), after(x))),
            _ => return self.side(value, holds),
        };
        self.region(origin(self.func, compared), &spans)
    }

    fn side(&self, value: Value, holds: bool) -> Vec<Region> {
        self.region(value, &[Interval::point(holds as i128)])
    }

    /// The box where a value lies in spans; none where it never does.
    fn region(&self, value: Value, spans: &[Interval]) -> Vec<Region> {
        let spans = intersection(&self.domain(value), spans);
        if spans.is_empty() { Vec::new() } else { vec![Region { sides: vec![(value, spans)] }] }
    }

    /// All that a value may be.
    fn domain(&self, value: Value) -> Spans {
        let range = self.func.values[value].range;
        let field = self.func.inst(value).filter(|inst| inst.op == Op::Field).map(|inst| inst.imm as u32);
        let Some(field) = field else { return vec![range] };
        let listed = self.policy.schema.inputs[field as usize].domain.set.as_ref();
        let all = listed.map_or_else(|| vec![range], |values| joined(values));
        if self.policy.schema.effective != Some(field) {
            return all;
        }
        let in_force = Interval::new(self.version.from as i128, self.version.until as i128 - 1);
        intersection(&all, &[in_force])
    }

    /// What of a box is looked at first: of thousands few hold a point, and the side tells most that leaves out
    /// the largest part of what its value may be.
    fn gate(&self, region: &Region) -> Gate {
        let hull = |spans: &Spans| spans.iter().copied().reduce(Interval::hull);
        let size = |span: Interval| span.hi.saturating_sub(span.lo).saturating_add(1);
        let sides = region.sides.iter().filter_map(|(value, spans)| Some((*value, hull(spans)?)));
        sides.max_by_key(|(value, span)| {
            hull(&self.domain(*value)).map_or(0, |domain| size(domain) / size(*span))
        })
    }

    /// Whether a point is found in what is asked for that no earlier box holds. It begins where the last one
    /// was found, and steps out of each box that holds it by one side, to the far end or to any place.
    fn escapes(
        &self,
        asked: &[Region],
        earlier: &[(usize, Region)],
        gates: &[Gate],
        point: &mut Point,
        work: &mut Work,
    ) -> bool {
        asked.iter().take(ESCAPES_TRIED_MAX).any(|region| {
            for (value, spans) in &region.sides {
                if !point.lies_in(*value, spans) {
                    point.0[*value] = spans.last().map(|last| last.hi);
                }
            }
            (0..STEPS_MAX).any(|step| {
                let mut near = gates.iter().zip(earlier);
                let holding = near.position(|(gate, (_, other))| {
                    gate.is_none_or(|gate| point.may_pass(gate)) && self.holds(other, point)
                });
                let looked = holding.map_or(earlier.len(), |at| at + 1);
                match (work.take(looked), holding) {
                    (Some(()), Some(at)) => {
                        self.step_out(region, &earlier[at].1, point, step);
                        false
                    }
                    (Some(()), None) => true,
                    (None, _) => false,
                }
            })
        })
    }

    fn holds(&self, region: &Region, point: &mut Point) -> bool {
        region.sides.iter().all(|(value, spans)| {
            if point.0[*value].is_none() {
                point.0[*value] = self.domain(*value).last().map(|last| last.hi);
            }
            point.lies_in(*value, spans)
        })
    }

    /// Moves a point of a region out of a box by one of the box's sides, another one at each step.
    fn step_out(&self, region: &Region, other: &Region, point: &mut Point, step: usize) {
        for index in 0..other.sides.len() {
            let (value, spans) = &other.sides[(index + step) % other.sides.len()];
            let here = region.spans(*value).map_or_else(|| self.domain(*value), <[Interval]>::to_vec);
            let outside = intersection(&here, &complement(spans));
            let (Some(first), Some(last)) = (outside.first(), outside.last()) else { continue };
            let now = point.0[*value].unwrap_or(first.lo);
            let far =
                if now.saturating_sub(first.lo) > last.hi.saturating_sub(now) { first.lo } else { last.hi };
            // at every other step a place between the ends, another one each time
            let any = &outside[(step * 7 + 3) % outside.len()];
            let between = any.lo.midpoint(any.hi);
            point.0[*value] = Some(if step.is_multiple_of(2) { far } else { between });
            return;
        }
    }

    /// The earlier rules whose boxes cover all that is asked for; `None` where they do not, or where the work
    /// is used up before that is known.
    fn covered(
        &self,
        asked: &[Region],
        earlier: &[(usize, Region)],
        work: &mut Work,
    ) -> Option<BTreeSet<usize>> {
        let mut covering = BTreeSet::new();
        let mut open: Vec<(Region, usize)> = asked.iter().map(|region| (region.clone(), 0)).collect();
        while let Some((region, from)) = open.pop() {
            let next = earlier[from..].iter().position(|(_, other)| meet(&region, other));
            work.take(MEET_WORK * next.map_or(earlier.len() - from, |skipped| skipped + 1))?;
            let at = from + next?;
            let (rule, other) = &earlier[at];
            work.take(CUT_WORK * (region.sides.len() + 1) * other.sides.len())?;
            covering.insert(*rule);
            let rest = self.without(&region, other);
            open.extend(rest.into_iter().map(|region| (region, at + 1)));
        }
        Some(covering)
    }

    /// A box without what it has in common with another that it meets: one box for each side.
    fn without(&self, region: &Region, other: &Region) -> Vec<Region> {
        let mut rest = Vec::with_capacity(other.sides.len());
        let mut inside = region.clone();
        for (value, spans) in &other.sides {
            let here = inside.spans(*value).map_or_else(|| self.domain(*value), <[Interval]>::to_vec);
            let outside = intersection(&here, &complement(spans));
            if !outside.is_empty() {
                rest.push(inside.with(*value, outside));
            }
            inside = inside.with(*value, intersection(&here, spans));
        }
        rest
    }

    /// Those of the covering rules that are needed to cover, as far as there is work left to find out.
    fn fewest(
        &self,
        asked: &[Region],
        earlier: &[(usize, Region)],
        covering: BTreeSet<usize>,
        work: &mut Work,
    ) -> Vec<usize> {
        let mut needed = covering;
        for rule in needed.clone().into_iter().rev() {
            let others: Vec<(usize, Region)> = earlier
                .iter()
                .filter(|(other, _)| *other != rule && needed.contains(other))
                .cloned()
                .collect();
            if self.covered(asked, &others, work).is_some() {
                needed.remove(&rule);
            }
        }
        needed.into_iter().collect()
    }
}

impl Point {
    fn may_pass(&self, (value, span): (Value, Interval)) -> bool {
        self.0[value].is_none_or(|x| span.contains(x))
    }

    fn lies_in(&self, value: Value, spans: &[Interval]) -> bool {
        let at =
            |x: i128| spans.get(spans.partition_point(|span| span.hi < x)).is_some_and(|span| span.lo <= x);
        self.0[value].is_some_and(at)
    }
}

impl Region {
    fn spans(&self, value: Value) -> Option<&[Interval]> {
        let at = self.sides.binary_search_by_key(&value, |(value, _)| *value).ok()?;
        Some(&self.sides[at].1)
    }

    fn with(&self, value: Value, spans: Spans) -> Region {
        let mut region = self.clone();
        match region.sides.binary_search_by_key(&value, |(value, _)| *value) {
            Ok(at) => region.sides[at].1 = spans,
            Err(at) => region.sides.insert(at, (value, spans)),
        }
        region
    }

    /// What two boxes have in common.
    fn intersect(&self, other: &Region) -> Option<Region> {
        let mut both = self.clone();
        for (value, spans) in &other.sides {
            let spans = both.spans(*value).map_or_else(|| spans.clone(), |here| intersection(here, spans));
            if spans.is_empty() {
                return None;
            }
            both = both.with(*value, spans);
        }
        Some(both)
    }

    /// One box for two that differ in one side at most.
    fn joined(&self, other: &Region) -> Option<Region> {
        let alike = self.sides.len() == other.sides.len()
            && self.sides.iter().zip(&other.sides).all(|(a, b)| a.0 == b.0);
        let differ = |index: &usize| self.sides[*index].1 != other.sides[*index].1;
        let mut differing = (0..self.sides.len()).filter(differ);
        let (first, second) = if alike { (differing.next(), differing.next()) } else { return None };
        let Some(index) = first.filter(|_| second.is_none()) else {
            return (first.is_none()).then(|| self.clone());
        };
        let spans = united(&self.sides[index].1, &other.sides[index].1);
        let mut joined = self.clone();
        joined.sides[index].1 = spans;
        Some(joined)
    }
}

/// Whether two boxes have something in common.
fn meet(a: &Region, b: &Region) -> bool {
    let mut others = b.sides.iter().peekable();
    for (value, spans) in &a.sides {
        while others.next_if(|(other, _)| other < value).is_some() {}
        if let Some((_, other)) = others.next_if(|(other, _)| other == value)
            && !overlap(spans, other)
        {
            return false;
        }
    }
    true
}

/// The boxes of both unions; `None` where they are too many.
fn product(a: &[Region], b: &[Region]) -> Option<Vec<Region>> {
    let all = a.iter().flat_map(|a| b.iter().filter_map(|b| a.intersect(b)));
    let both: Vec<Region> = all.take(BOXES_MAX + 1).collect();
    (both.len() <= BOXES_MAX).then_some(both)
}

/// The boxes of either union; `None` where they are too many.
fn union(mut a: Vec<Region>, b: Vec<Region>) -> Option<Vec<Region>> {
    for region in b {
        match a.iter_mut().find_map(|known| known.joined(&region).map(|joined| (known, joined))) {
            Some((known, joined)) => *known = joined,
            None => a.push(region),
        }
    }
    (a.len() <= BOXES_MAX).then_some(a)
}

fn overlap(a: &[Interval], b: &[Interval]) -> bool {
    let (mut i, mut j) = (0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        if x.intersect(*y).is_some() {
            return true;
        }
        if x.hi < y.hi { i += 1 } else { j += 1 }
    }
    false
}

fn intersection(a: &[Interval], b: &[Interval]) -> Spans {
    let (mut i, mut j) = (0, 0);
    let mut both = Spans::new();
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        both.extend(x.intersect(*y));
        if x.hi < y.hi { i += 1 } else { j += 1 }
    }
    both
}

fn united(a: &[Interval], b: &[Interval]) -> Spans {
    let mut all = [a, b].concat();
    all.sort();
    let mut united = Spans::with_capacity(all.len());
    for span in all {
        match united.last_mut() {
            Some(last) if span.lo <= last.hi.saturating_add(1) => *last = last.hull(span),
            _ => united.push(span),
        }
    }
    united
}

/// Every integer outside the spans.
fn complement(spans: &[Interval]) -> Spans {
    let mut outside = Spans::new();
    let mut from = Some(i128::MIN);
    for span in spans {
        if let (Some(lo), Some(hi)) = (from, span.lo.checked_sub(1)) {
            outside.extend((lo <= hi).then(|| Interval::new(lo, hi)));
        }
        from = span.hi.checked_add(1);
    }
    outside.extend(from.map(|lo| Interval::new(lo, i128::MAX)));
    outside
}

/// Ascending values as spans.
fn joined(values: &[i128]) -> Spans {
    let points: Vec<Interval> = values.iter().map(|value| Interval::point(*value)).collect();
    united(&points, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(ends: &[(i128, i128)]) -> Spans {
        ends.iter().map(|(lo, hi)| Interval::new(*lo, *hi)).collect()
    }

    #[test]
    fn spans_are_sets() {
        let (a, b) = (spans(&[(0, 4), (8, 9)]), spans(&[(3, 8), (20, 30)]));
        assert_eq!(intersection(&a, &b), spans(&[(3, 4), (8, 8)]));
        assert_eq!(united(&a, &b), spans(&[(0, 9), (20, 30)]));
        assert_eq!(intersection(&a, &complement(&b)), spans(&[(0, 2), (9, 9)]));
        assert!(overlap(&a, &b) && !overlap(&a, &spans(&[(5, 7)])));
        assert_eq!(joined(&[1, 2, 3, 7]), spans(&[(1, 3), (7, 7)]));
    }
}
