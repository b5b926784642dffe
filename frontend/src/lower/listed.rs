//! Which values may a value have, where they are few? That proves outputs that list theirs.
//!
//! Sets of values are followed through the ops: an op is evaluated, by its row of the op table, for every combination of its
//! operands' values. A choice has the values of both sides, each on the supposition that it is chosen. Conditions on a value
//! that are known where it is used remove some. What is not known to have few values has those of its range.

use std::collections::{BTreeMap, BTreeSet};

use opus_ir::ops::Role;
use opus_ir::{Entries, Inst, Interval, Op, Operands, Type, Value};

use super::complaint::Fault;
use super::expr::{Failed, Lowerer};
use super::site::Truth;
use crate::hir::ExprId;

/// How many values are followed, for one value.
const VALUES_MAX: usize = 1024;
/// For how many combinations of operands an op is evaluated.
const COMBINATIONS_MAX: usize = 1 << 16;
/// How many values are looked at and combinations evaluated for one output.
const WORK_MAX: usize = 1 << 18;
/// How many definitions values are followed through.
const DEPTH_MAX: u32 = 64;

/// The values that a value may have; `None` if they are too many.
type Listed = Option<BTreeSet<i128>>;

/// What has been found out on the present suppositions, and the work that is left.
struct Found {
    known: BTreeMap<Value, Listed>,
    work_left: usize,
}

impl Lowerer<'_> {
    /// The value of an output that lists its values, proved to be one of them.
    pub(super) fn listed(&mut self, output: u32, expr: ExprId, value: Value) -> Result<Value, Failed> {
        let domain = &self.policy.schema.outputs[output as usize].domain;
        let values = self.values_of(value);
        let is_listed =
            values.as_ref().is_some_and(|values| values.iter().all(|value| domain.contains(*value)));
        if let Some((first, last)) =
            values.and_then(|values| values.first().copied().zip(values.last().copied()))
        {
            self.site.claim(value, Interval::new(first, last));
        }
        let Some(kept) = self.site.within(value, domain.range) else {
            let found = self.site.bounds(value);
            return Err(self.note_range(expr, Fault::Output { output, found }, value, domain.range));
        };
        if is_listed { Ok(kept) } else { Err(self.note(expr, Fault::Listed { output })) }
    }

    /// Every value that a value may have here, where they are few.
    fn values_of(&mut self, value: Value) -> Listed {
        let allowed = WORK_MAX.min(self.listed_work_left);
        let mut found = Found { known: BTreeMap::new(), work_left: allowed };
        let values = self.followed(value, DEPTH_MAX, &mut found);
        self.listed_work_left -= allowed - found.work_left;
        values
    }

    fn followed(&mut self, value: Value, depth: u32, found: &mut Found) -> Listed {
        found.work_left = found.work_left.checked_sub(1)?;
        if let Some(known) = found.known.get(&value) {
            return known.clone();
        }
        let origin = opus_ir::facts::origin(self.site.func(), value);
        let range = self.site.func().values[value].range;
        let inst = self.site.func().inst(origin).copied().filter(|_| depth > 0);
        let values = inst.and_then(|inst| self.results(&inst, depth - 1, found)).or_else(|| all_of(range));
        let possible = self.site.possible(origin);
        let is_possible =
            |value: &i128| range.contains(*value) && possible.iter().any(|span| span.contains(*value));
        let values: Listed = values.map(|values| values.into_iter().filter(is_possible).collect());
        // all that the bounds here leave may be fewer than all of the definition's range
        let listed = values.or_else(|| {
            let spans: Option<Vec<Vec<i128>>> = possible.iter().map(|span| all_of(*span)).collect();
            spans.map(|spans| spans.into_iter().flatten().collect())
        });
        let listed = listed.filter(|values: &BTreeSet<i128>| values.len() <= VALUES_MAX);
        found.known.insert(value, listed.clone());
        listed
    }

    /// What an op results in.
    fn results(&mut self, inst: &Inst, depth: u32, found: &mut Found) -> Option<Vec<i128>> {
        if inst.op == Op::Field {
            return self.policy.schema.inputs[inst.imm as usize].domain.set.clone();
        }
        if let Some(open) = self.site.func().entries(inst).and_then(Entries::open) {
            return self.policy.holes[open.hole as usize].domain().set;
        }
        if inst.op == Op::Select {
            let [condition, a, b] = inst.operands();
            let mut chosen = |value: Value, holds: bool| {
                let mark = self.site.suppose(Truth::Is(condition, holds));
                let mut within = Found { known: BTreeMap::new(), work_left: found.work_left };
                let values = self.followed(value, depth, &mut within);
                found.work_left = within.work_left;
                self.site.forget(mark);
                values
            };
            let (a, b) = (chosen(a, true), chosen(b, false));
            return Some(a?.into_iter().chain(b?).collect());
        }
        if inst.op.row().role != Role::Computed {
            return None;
        }
        let args = inst.args();
        let sets: Option<Vec<BTreeSet<i128>>> =
            args.iter().map(|arg| self.followed(*arg, depth, found)).collect();
        let sets = sets?;
        // an operand that occurs twice has the same value in both places
        let first = |arg: usize| args.iter().position(|other| *other == args[arg]).unwrap_or(arg);
        let mut combinations: Vec<[i128; 3]> = vec![[0; 3]];
        for (arg, set) in sets.iter().enumerate() {
            let with = |combination: &[i128; 3], value: i128| {
                let mut longer = *combination;
                longer[arg] = value;
                longer
            };
            if first(arg) < arg {
                combinations.iter_mut().for_each(|combination| combination[arg] = combination[first(arg)]);
                continue;
            }
            let count = combinations.len().checked_mul(set.len())?;
            found.work_left = found.work_left.checked_sub(count).filter(|_| count <= COMBINATIONS_MAX)?;
            combinations = combinations
                .iter()
                .flat_map(|combination| set.iter().map(move |value| with(combination, *value)))
                .collect();
        }
        let (op, imm, table) = (inst.op.row(), inst.imm, self.site.func().table(inst));
        let evaluate = |args| (op.eval)(&Operands { args, imm, table, values: &[], present: &[] });
        Some(combinations.into_iter().map(evaluate).collect())
    }
}

/// All values of a range, where they are few.
fn all_of(range: Interval) -> Option<Vec<i128>> {
    let count = range.hi.checked_sub(range.lo)?;
    (count < VALUES_MAX as i128 && Type::I64.range().contains_all(range))
        .then(|| (range.lo..=range.hi).collect())
}
