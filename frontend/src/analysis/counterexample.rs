//! On which input does an expression fail?
//!
//! A search by trial: rows are made from the ends of ranges, from the constants in the policy and their neighbours,
//! and from each other's values. One field is changed at a time, and a change is kept if it brings the row nearer to
//! the failing place. The reference evaluator decides whether a row fails, so every counterexample that is shown has
//! been executed.
//!
//! The row is then simplified, and fields that do not matter are left out: those that are not read on the way, and
//! those whose value makes no difference. The work is counted in evaluated expressions and bounded for the whole
//! policy, so that the same policy has the same counterexamples on every machine.

use std::collections::{BTreeMap, BTreeSet};

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive};
use opus_ir::{Field, Interval};

use crate::display::{field_text, unit_of, value_scale};
use crate::hir::{Cell, Constant, ExprId, ExprKind, Hole, Policy, Step, TableId, Unit, Version};
use crate::limits::COUNTEREXAMPLE_WORK_MAX;
use crate::lower::complaint::{Complaint, Fault, output_extent};
use crate::reference::{Evaluator, Undefined, Value, cell_holds};

/// The share of the work that one counterexample may take.
const WORK_EACH_MAX: usize = COUNTEREXAMPLE_WORK_MAX / 8;
/// The share that goes into making a row simple and leaving fields out, which pays off in reading.
const WORK_TO_SIMPLIFY_MAX: usize = WORK_EACH_MAX / 4;
/// How many expressions or values can be listed for the price of evaluating one.
const LISTED_PER_WORK: usize = 16;
/// How many rows are tried at most, and from how many beginnings.
const ROWS_TRIED_MAX: usize = 3_000;
const BEGINNINGS: usize = 6;
/// How many values of a field are tried.
const VALUES_MAX: usize = 48;
/// How many constants of each unit are tried as values of fields.
const CONSTANTS_MAX: usize = 1_000;
/// How many of the values of a field count as simple.
const SIMPLE_VALUES: usize = 4;
/// How many values between the ends of a field's range are tried before the field is left out.
const VALUES_BETWEEN: usize = 8;

/// A row: by input index the scaled integer of the field, `None` if it is missing; after the fields, the facts.
type Row = Vec<Option<i128>>;

/// The search for the counterexamples of a policy.
#[derive(Clone, Debug)]
pub struct Searches<'a> {
    policy: &'a Policy,
    fields: Vec<Field>,
    work_left: usize,
    /// By version, the values that are tried for each field.
    values: BTreeMap<usize, Vec<Row>>,
}

impl<'a> Searches<'a> {
    /// Before the first search.
    pub fn new(policy: &'a Policy) -> Searches<'a> {
        Searches {
            policy,
            fields: fields_of(policy),
            work_left: COUNTEREXAMPLE_WORK_MAX,
            values: BTreeMap::new(),
        }
    }

    /// An input on which the version fails as the complaint says, if one is found: every field that
    /// matters, as it is written in a `case`, or `missing`. All others may have any value.
    pub fn counterexample(&mut self, version: usize, complaint: &Complaint) -> Option<Vec<(String, String)>> {
        let policy = self.policy;
        let listed = policy.versions[version].exprs.len() + self.fields.len() * VALUES_MAX;
        self.work_left = self.work_left.saturating_sub(listed / LISTED_PER_WORK);
        if self.work_left == 0 {
            return None;
        }
        self.found(version, Goal::Complaint(complaint)).map(|(fields, _)| fields)
    }

    /// An input on which the keys of a table come to what is wrong with its rows, if one is found: every field that matters,
    /// as it is written in a `case`, and the values of those keys. Every require holds on it. Where a use of the table is
    /// given, the input comes to it and finds no row there.
    pub fn keys(
        &mut self,
        version: usize,
        keys: &Keys,
        at: Option<ExprId>,
    ) -> Option<(Fields, Vec<Option<Value>>)> {
        let key = self.policy.versions[version].tables[keys.table].keys[0].value;
        let fault = Fault::Key { key, found: Interval::FULL, range: Interval::FULL };
        let complaint = at.map(|at| Complaint { at, fault, unproved: None });
        let goal = complaint.as_ref().map_or(Goal::Keys(keys), Goal::Complaint);
        let (fields, row) = self.found(version, goal)?;
        let mut evaluator = Evaluator::new(self.policy, version, &row);
        let values = keys.values(&self.policy.versions[version], &row, &mut evaluator);
        Some((fields, values.expect("the keys of the row have been evaluated")))
    }

    fn found(&mut self, version: usize, goal: Goal<'_>) -> Option<(Fields, Row)> {
        let policy = self.policy;
        let values = self.values.entry(version);
        let values = values.or_insert_with(|| telling_values(policy, &policy.versions[version]));
        let search = Search::new(policy, &self.fields, version, goal, values);
        let left = &mut self.work_left;
        let row = allowed(left, WORK_EACH_MAX, |work| search.run(work))?;
        let row = allowed(left, WORK_TO_SIMPLIFY_MAX, |work| search.simplified(row, work));
        let matters = allowed(left, WORK_TO_SIMPLIFY_MAX, |work| search.fields_that_matter(&row, work));
        let fields = self.fields.iter().zip(&row).enumerate();
        let fields = fields.filter(|(index, _)| matters.contains(&(*index as u32)));
        let text = |field: &Field, value: Option<i128>| {
            value.map_or("missing".to_string(), |value| field_text(&policy.schema, field.kind, value))
        };
        let fields = fields.map(|(_, (field, value))| (field.name.clone(), text(field, *value))).collect();
        Some((fields, row))
    }
}

/// The fields that matter, each with its value as it is written in a `case`.
type Fields = Vec<(String, String)>;

/// Values of some keys of a table with which something is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keys {
    /// The table.
    pub table: TableId,
    /// The keys, by index.
    pub keys: Vec<usize>,
    /// By key, a value with which it is wrong, as the integer of its scale; `None` where it is missing.
    pub near: Vec<Option<i128>>,
    /// What is wrong.
    pub wrong: Wrong,
}

/// What is wrong with the rows of a table for some values of its keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// No row applies.
    Gap,
    /// These two rows apply.
    Overlap(usize, usize),
}

impl Keys {
    /// The values of the keys on a row, `None` where one is missing.
    fn values(
        &self,
        version: &Version,
        row: &[Option<i128>],
        evaluator: &mut Evaluator,
    ) -> Result<Vec<Option<Value>>, Undefined> {
        let keys = self.keys.iter().map(|key| &version.tables[self.table].keys[*key]);
        let value = |key: &crate::hir::Key| match key.optional {
            Some(field) if row[field as usize].is_none() => Ok(None),
            _ => evaluator.value(key.value).map(Some),
        };
        keys.map(value).collect()
    }

    /// Whether it is wrong with these values.
    fn are_wrong(&self, version: &Version, values: &[Option<Value>]) -> bool {
        let rows = &version.tables[self.table].rows;
        let applies = |row: usize| {
            let cells = self.keys.iter().map(|key| &rows[row].cells[*key]);
            cells.zip(values).all(|(cell, value)| cell_holds(cell, value.as_ref()))
        };
        match self.wrong {
            Wrong::Gap => !(0..rows.len()).any(applies),
            Wrong::Overlap(first, second) => applies(first) && applies(second),
        }
    }

    /// How far values are from those with which it is wrong.
    fn distance(&self, version: &Version, values: &[Option<Value>]) -> BigRational {
        let keys = self.keys.iter().map(|key| version.tables[self.table].keys[*key].value);
        let apart = |((key, value), near): ((ExprId, &Option<Value>), &Option<i128>)| match (value, near) {
            (Some(Value::Number(value)), Some(near)) => {
                let power =
                    num_traits::pow(BigInt::from(10), version.exprs[key].ty.scale().unwrap_or(0) as usize);
                (value - BigRational::new(BigInt::from(*near), power)).abs()
            }
            (Some(Value::Bool(value)), Some(near)) => whole((i128::from(*value) != *near).into()),
            (Some(Value::Enum(value)), Some(near)) => whole((i128::from(*value) != *near).into()),
            (value, near) => whole((value.is_some() != near.is_some()).into()),
        };
        keys.zip(values).zip(&self.near).map(apart).fold(whole(0), |sum, apart| sum + apart)
    }
}

fn whole(x: i128) -> BigRational {
    BigRational::from(BigInt::from(x))
}

/// What a row is searched for.
#[derive(Clone, Copy)]
enum Goal<'a> {
    /// The expression fails.
    Complaint(&'a Complaint),
    /// The keys of a table have values with which something is wrong.
    Keys(&'a Keys),
}

/// Does something with a share of the work that is left, and takes from it what that has used.
fn allowed<T>(left: &mut usize, share: usize, act: impl FnOnce(&mut usize) -> T) -> T {
    let allowed = share.min(*left);
    let mut work = allowed;
    let result = act(&mut work);
    *left -= allowed - work;
    result
}

/// How near a row comes: requires that hold, steps that are passed, whether the rule in question is the one
/// that applies, and how far the value is from going wrong.
#[derive(Clone, PartialEq, PartialOrd, Debug)]
struct Nearness {
    requires: usize,
    steps: usize,
    applies: bool,
    value: Option<BigRational>,
}

/// What a row comes to.
enum Trial {
    Wrong,
    Near(Nearness),
}

struct Search<'a> {
    policy: &'a Policy,
    fields: &'a [Field],
    version: usize,
    goal: Goal<'a>,
    /// The last step that contains the expression; beyond the last step if none does.
    step: usize,
    /// The named value that contains the expression, if no step does.
    unused: Option<ExprId>,
    /// The expression whose value tells how near a row comes.
    watched: ExprId,
    /// By field, the values that are tried.
    values: &'a [Row],
}

impl<'a> Search<'a> {
    fn new(
        policy: &'a Policy,
        fields: &'a [Field],
        version: usize,
        goal: Goal<'a>,
        values: &'a [Row],
    ) -> Search<'a> {
        let data = &policy.versions[version];
        let complaint = match goal {
            Goal::Complaint(complaint) => complaint,
            Goal::Keys(keys) => {
                let watched = data.tables[keys.table].keys[0].value;
                return Search { policy, fields, version, goal, step: 0, unused: None, watched, values };
            }
        };
        let users = users(data, complaint.at);
        let holds = |step: &Step| roots(step).any(|root| users.contains(&root));
        let step = data.steps.iter().rposition(holds).unwrap_or(data.steps.len());
        let in_no_step = |body: &ExprId| step == data.steps.len() && users.contains(body);
        // each is defined before those that use it
        let unused = data.lets.values().rev().map(|named| named.body).find(in_no_step);
        let watched = match complaint.fault {
            Fault::ZeroDivisor { divisor, .. } => divisor,
            _ => complaint.at,
        };
        Search { policy, fields, version, goal, step, unused, watched, values }
    }

    /// The complaint, where there is one.
    fn complaint(&self) -> Option<&'a Complaint> {
        match self.goal {
            Goal::Complaint(complaint) => Some(complaint),
            Goal::Keys(_) => None,
        }
    }

    fn data(&self) -> &'a Version {
        &self.policy.versions[self.version]
    }

    /// A failing row.
    fn run(&self, work: &mut usize) -> Option<Row> {
        if self.values.iter().any(Vec::is_empty) {
            return None;
        }
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        (0..BEGINNINGS).find_map(|beginning| {
            let row = self.begin(beginning, &mut random);
            let mut share = *work / (BEGINNINGS - beginning);
            *work -= share;
            let found = self.climb(row, &mut random, &mut share);
            *work += share;
            found
        })
    }

    /// A row to begin with: the first values, the last ones, or any.
    fn begin(&self, beginning: usize, random: &mut Random) -> Row {
        let pick = |values: &Vec<Option<i128>>| match beginning {
            0 => values[0],
            1 => values[values.len() - 1],
            _ => values[random.below(values.len())],
        };
        let mut row: Row = self.values.iter().map(pick).collect();
        for (field, near) in self.key_fields() {
            if near.is_none_or(|near| self.may_be(field as usize, near)) {
                row[field as usize] = near;
            }
        }
        row
    }

    /// The fields that are themselves keys of the table in question, with the values that are searched.
    fn key_fields(&self) -> Vec<(u32, Option<i128>)> {
        let Goal::Keys(keys) = self.goal else { return vec![] };
        let table = &self.data().tables[keys.table];
        let field =
            |(key, near): (&usize, &Option<i128>)| match self.data().exprs[table.keys[*key].value].kind {
                ExprKind::Field(field) => Some((field, *near)),
                _ => None,
            };
        keys.keys.iter().zip(&keys.near).filter_map(field).collect()
    }

    fn climb(&self, mut row: Row, random: &mut Random, work: &mut usize) -> Option<Row> {
        let mut near = match self.try_row(&row, work) {
            Trial::Wrong => return Some(row),
            Trial::Near(near) => near,
        };
        for _ in 0..ROWS_TRIED_MAX / BEGINNINGS {
            let mut other = row.clone();
            for _ in 0..1 + random.below(2) {
                let field = random.below(other.len().max(1));
                other[field] = match self.nearer_value(field, &row, &near, random) {
                    Some(value) => Some(value),
                    None => self.other_value(field, &row, random)?,
                };
            }
            match self.try_row(&other, work) {
                Trial::Wrong => return Some(other),
                Trial::Near(_) if *work == 0 => return None,
                Trial::Near(found) if found >= near => (row, near) = (other, found),
                Trial::Near(_) => {}
            }
        }
        None
    }

    /// A value by which a field makes up for the distance of the keys, if the one depends on the other as on a sum.
    fn nearer_value(&self, field: usize, row: &Row, near: &Nearness, random: &mut Random) -> Option<i128> {
        let (Goal::Keys(_), Some(value)) = (self.goal, &near.value) else { return None };
        let sign = [0, 0, 1, -1][random.below(4)];
        let scale = value_scale(&self.policy.schema, self.fields[field].kind);
        let power = num_traits::pow(BigInt::from(10), scale as usize);
        let step = (value * power).to_integer().to_i128()?.checked_mul(sign).filter(|step| *step != 0)?;
        row[field]?.checked_add(step).filter(|value| self.may_be(field, *value))
    }

    /// Another value for a field: one of its own or that of another field, or next to it.
    fn other_value(&self, field: usize, row: &Row, random: &mut Random) -> Option<Option<i128>> {
        let own = self.values.get(field)?;
        if random.below(4) > 0 {
            return Some(own[random.below(own.len())]);
        }
        let (from, step) = (random.below(row.len()), random.below(3) as i128 - 1);
        let alike = unit_of(self.fields[from].kind) == unit_of(self.fields[field].kind);
        let copied = row[from].filter(|_| alike).and_then(|value| value.checked_add(step));
        let fits = copied.filter(|value| self.may_be(field, *value));
        Some(fits.or(row[field]))
    }

    fn may_be(&self, field: usize, value: i128) -> bool {
        self.fields[field].domain.contains(value) && self.in_force(field, value)
    }

    fn in_force(&self, field: usize, value: i128) -> bool {
        let selects = self.policy.schema.effective == Some(field as u32);
        !selects || (self.data().from as i128 <= value && value < self.data().until as i128)
    }

    /// The row with the simplest value of every field with which it still fails.
    fn simplified(&self, mut row: Row, work: &mut usize) -> Row {
        let shown: BTreeSet<u32> = self.key_fields().into_iter().map(|(field, _)| field).collect();
        for field in (0..row.len()).filter(|field| !shown.contains(&(*field as u32))) {
            for value in self.values[field].iter().take(SIMPLE_VALUES) {
                let mut simple = row.clone();
                simple[field] = *value;
                if matches!(self.try_row(&simple, work), Trial::Wrong) {
                    row = simple;
                    break;
                }
            }
        }
        row
    }

    /// The fields that are read on the way of a row on which it goes wrong, without those with which it goes
    /// wrong whatever their value; and the field that selects the version, and keys.
    fn fields_that_matter(&self, row: &Row, work: &mut usize) -> BTreeSet<u32> {
        let mut evaluator = Evaluator::new(self.policy, self.version, row);
        self.try_with(&mut evaluator);
        let selects = self.policy.schema.effective.filter(|_| self.policy.versions.len() > 1);
        let mut shown: BTreeSet<u32> = self.key_fields().into_iter().map(|(field, _)| field).collect();
        shown.extend(selects);
        let mut matter = evaluator.fields_read().clone();
        let mut free: Vec<usize> = Vec::new();
        let mut random = Random(0x5851_f42d_4c95_7f2d);
        for field in matter.clone() {
            if !shown.contains(&field) && self.is_free(field as usize, &free, row, &mut random, work) {
                matter.remove(&field);
                free.push(field as usize);
            }
        }
        matter.extend(shown);
        matter
    }

    /// Whether the row goes wrong whatever the values of this field and of those that are free already, as far
    /// as trying shows.
    fn is_free(
        &self,
        field: usize,
        free: &[usize],
        row: &Row,
        random: &mut Random,
        work: &mut usize,
    ) -> bool {
        let range = self.fields[field].domain.range;
        let part = (range.hi.saturating_sub(range.lo) / (VALUES_BETWEEN as i128 + 1)).max(1);
        let between = (1..=VALUES_BETWEEN as i128).map(|at| range.lo.saturating_add(at.saturating_mul(part)));
        let others =
            row.iter().flatten().flat_map(|value| [value.saturating_sub(1), *value, value.saturating_add(1)]);
        let fits = |value: &i128| self.may_be(field, *value);
        let more: Row = between.chain(others.take(VALUES_MAX)).filter(fits).map(Some).collect();
        // if not all values that may matter are known, none is claimed not to
        self.values[field].len() < VALUES_MAX
            && self.values[field].iter().chain(&more).all(|value| {
                let mut other = row.clone();
                other[field] = *value;
                for field in free {
                    other[*field] = self.values[*field][random.below(self.values[*field].len())];
                }
                matches!(self.try_row(&other, work), Trial::Wrong)
            })
    }

    fn try_row(&self, row: &Row, work: &mut usize) -> Trial {
        *work = work.saturating_sub(1);
        let evaluator = Evaluator::new(self.policy, self.version, row);
        let mut evaluator = evaluator.bounded(*work, self.watched);
        let trial = self.try_with(&mut evaluator);
        *work = evaluator.work_left();
        trial
    }

    fn try_with(&self, evaluator: &mut Evaluator) -> Trial {
        let mut requires = 0;
        for (_, condition) in &self.data().requires {
            match evaluator.holds(*condition) {
                Err(undefined) if self.is_meant(undefined) => return Trial::Wrong,
                holds => requires += (holds == Ok(true)) as usize,
            }
            if self.is_too_large(evaluator) {
                return Trial::Wrong;
            }
        }
        let near = Nearness { requires, steps: 0, applies: false, value: None };
        if requires < self.data().requires.len() {
            return Trial::Near(near);
        }
        match (self.goal, self.unused) {
            (Goal::Keys(keys), _) => self.try_keys(evaluator, keys, near),
            (_, Some(body)) => self.try_alone(evaluator, body, near),
            (_, None) => self.try_steps(evaluator, near),
        }
    }

    fn try_keys(&self, evaluator: &mut Evaluator, keys: &Keys, mut near: Nearness) -> Trial {
        let Ok(values) = keys.values(self.data(), evaluator.row(), evaluator) else {
            return Trial::Near(near);
        };
        if keys.are_wrong(self.data(), &values) {
            return Trial::Wrong;
        }
        near.value = Some(-keys.distance(self.data(), &values));
        Trial::Near(near)
    }

    fn try_alone(&self, evaluator: &mut Evaluator, body: ExprId, mut near: Nearness) -> Trial {
        let looked = self.look_at(evaluator, &[body], &mut near);
        looked.err().unwrap_or(Trial::Near(near))
    }

    fn try_steps(&self, evaluator: &mut Evaluator, mut near: Nearness) -> Trial {
        for (index, step) in self.data().steps.iter().enumerate().take(self.step + 1) {
            near.steps = index;
            near.applies = index == self.step;
            let roots = match step {
                Step::Let(name) => vec![self.data().lets[*name].body],
                Step::Rule(rule) => rule.when.into_iter().collect(),
            };
            let applies = match self.look_at(evaluator, &roots, &mut near) {
                Ok(last) => {
                    matches!(step, Step::Rule(_)) && last.is_none_or(|last| last == Value::Bool(true))
                }
                Err(trial) => return trial,
            };
            if let Step::Rule(rule) = step
                && applies
            {
                return match self.look_at(evaluator, &rule.outcome, &mut near) {
                    Ok(_) if self.leaves_output(evaluator, &rule.outcome, &mut near) => Trial::Wrong,
                    Ok(_) => Trial::Near(near),
                    Err(trial) => trial,
                };
            }
        }
        Trial::Near(near)
    }

    /// Evaluates expressions; answers the value of the last.
    fn look_at(
        &self,
        evaluator: &mut Evaluator,
        roots: &[ExprId],
        near: &mut Nearness,
    ) -> Result<Option<Value>, Trial> {
        let mut last = None;
        for root in roots {
            let value = evaluator.value(*root);
            if self.is_too_large(evaluator) {
                return Err(Trial::Wrong);
            }
            if let Some(divisor) = self.divisor(evaluator) {
                near.value = Some(-divisor.abs());
            }
            last = match value {
                Ok(value) => Some(value),
                Err(undefined) if self.is_meant(undefined) => return Err(Trial::Wrong),
                Err(_) => return Err(Trial::Near(near.clone())),
            };
        }
        Ok(last)
    }

    /// Whether it is this that the complaint is about.
    fn is_meant(&self, undefined: Undefined) -> bool {
        let Some(Complaint { at, fault, .. }) = self.complaint() else { return false };
        let at = *at;
        match (fault, undefined) {
            (Fault::ZeroDivisor { .. }, Undefined::ZeroDivisor(expr)) => expr == at,
            (Fault::Key { .. }, Undefined::NoRow(expr)) => expr == at,
            (Fault::Missing { .. }, Undefined::Missing(expr)) => expr == at,
            (Fault::Calendar, Undefined::Calendar(expr)) => {
                expr == at || self.data().operands(expr).contains(&at)
            }
            _ => false,
        }
    }

    /// Whether the value in question was met and does not fit 128 bits.
    fn is_too_large(&self, evaluator: &Evaluator) -> bool {
        let Some(&Complaint { at, fault: Fault::Overflow { .. }, .. }) = self.complaint() else {
            return false;
        };
        let scale = self.data().exprs[at].ty.scale().unwrap_or(0);
        let power = num_traits::pow(BigInt::from(10), scale as usize);
        let fits = |value: &BigRational| (value * &power).to_integer().to_i128().is_some();
        let mut met = evaluator.terms().iter().filter(|(expr, _)| *expr == at);
        met.any(|(_, value)| matches!(value, Value::Number(value) if !fits(value)))
    }

    /// The divisor in question, where it was met.
    fn divisor(&self, evaluator: &Evaluator) -> Option<BigRational> {
        let Fault::ZeroDivisor { divisor, .. } = self.complaint()?.fault else { return None };
        let met = evaluator.terms().iter().rev().find(|(expr, _)| *expr == divisor);
        match met {
            Some((_, Value::Number(value))) => Some(value.clone()),
            _ => None,
        }
    }

    /// Whether an outcome is none that its output may have.
    fn leaves_output(&self, evaluator: &mut Evaluator, outcome: &[ExprId], near: &mut Nearness) -> bool {
        let Some(Complaint { at, fault, .. }) = self.complaint() else { return false };
        let (output, is_listed) = match fault {
            Fault::Output { output, .. } => (*output, false),
            Fault::Listed { output } => (*output, true),
            _ => return false,
        };
        let expr = outcome[output as usize];
        let value = evaluator.value(expr);
        let Ok(Value::Number(value)) = value else { return false };
        if expr != *at {
            return false;
        }
        let extent = output_extent(self.policy, output);
        near.value = Some((&value - &extent.high).max(&extent.low - &value));
        !extent.contains(&value) || (is_listed && !self.is_listed(output, &value))
    }

    fn is_listed(&self, output: u32, value: &BigRational) -> bool {
        let field = &self.policy.schema.outputs[output as usize];
        let power = num_traits::pow(BigInt::from(10), value_scale(&self.policy.schema, field.kind) as usize);
        (value * power).to_integer().to_i128().is_some_and(|value| field.domain.contains(value))
    }
}

/// The expressions that a step evaluates.
fn roots(step: &Step) -> impl Iterator<Item = ExprId> {
    let rule = match step {
        Step::Let(_) => None,
        Step::Rule(rule) => Some(rule),
    };
    rule.into_iter().flat_map(|rule| rule.when.iter().chain(&rule.outcome).copied())
}

/// An expression and all that are computed from it.
fn users(version: &Version, at: ExprId) -> BTreeSet<ExprId> {
    let mut users = BTreeSet::from([at]);
    // operands come before their uses
    for expr in version.exprs.keys().skip_while(|expr| *expr != at) {
        if version.operands(expr).iter().any(|operand| users.contains(operand)) {
            users.insert(expr);
        }
    }
    users
}

/// What a row holds: the input fields, and then the facts of the snapshot that it is decided with.
pub fn fields_of(policy: &Policy) -> Vec<Field> {
    let fact = |(entry, hole): (usize, &Hole)| {
        let name = &hole.hole.name;
        let member = hole.of().map(|of| &policy.schema.enums[of as usize].values[entry].name);
        let name = match (member, hole.hole.cells().get(entry)) {
            (Some(member), _) => format!("{member} in {name}"),
            (None, Some(cell)) => hole.hole.fact_key(cell, &policy.schema),
            (None, None) => name.clone(),
        };
        Field { name, kind: hole.kind(), domain: hole.domain(), optional: false }
    };
    policy.schema.inputs.iter().cloned().chain(policy.facts().map(fact)).collect()
}

/// By field of a row, values that a version may treat differently, the simplest first: the ends of the field's
/// range, the constants that the version mentions and their neighbours, and none where the field is optional.
pub fn telling_values(policy: &Policy, version: &Version) -> Vec<Vec<Option<i128>>> {
    let mentioned = mentioned(version);
    let schema = &policy.schema;
    let mut scaled: BTreeMap<(Unit, u8), Vec<i128>> = BTreeMap::new();
    let of_field = |(index, field): (usize, &Field)| {
        let (range, unit) = (field.domain.range, unit_of(field.kind));
        let scale = value_scale(schema, field.kind);
        let scaled = scaled.entry((unit, scale)).or_insert_with(|| {
            let power = num_traits::pow(BigInt::from(10), scale as usize);
            let constants = mentioned.get(&unit).into_iter().flatten();
            constants.filter_map(|value| (value * &power).floor().to_integer().to_i128()).collect()
        });
        let selects = schema.effective == Some(index as u32);
        let in_force =
            |value: &i128| !selects || (version.from as i128..version.until as i128).contains(value);
        let counts = unit == Unit::Bool || matches!(field.kind, opus_ir::Kind::Enum(_));
        let day = [version.from as i128, version.until as i128 - 1].into_iter().filter(|_| selects);
        let listed = field.domain.set.iter().flatten().copied().take(VALUES_MAX);
        let counted = (range.lo..=range.hi).take(VALUES_MAX).filter(|_| counts);
        let near = scaled.iter().flat_map(|value| [*value, value.saturating_sub(1), value.saturating_add(1)]);
        let inside = [range.lo.saturating_add(1), range.hi.saturating_sub(1), range.lo.midpoint(range.hi)];
        let all = [range.lo, range.hi, 0, 1, -1].into_iter().chain(day).chain(listed).chain(counted);
        let mut seen = BTreeSet::new();
        let values = all
            .chain(near)
            .chain(inside)
            .filter(|value| field.domain.contains(*value) && in_force(value) && seen.insert(*value))
            .take(VALUES_MAX);
        let missing = field.optional.then_some(None);
        missing.into_iter().chain(values.map(Some)).collect()
    };
    fields_of(policy).iter().enumerate().map(of_field).collect()
}

/// The constants of a version by their units, in the order of the expressions.
fn mentioned(version: &Version) -> BTreeMap<Unit, Vec<BigRational>> {
    let of_exprs = version.exprs.values().filter_map(|expr| match expr.kind {
        ExprKind::Constant(constant) => Some((expr.ty.unit, constant)),
        _ => None,
    });
    let of_params = version.params.values().map(|param| (param.ty.unit, param.value));
    let of_tables = version.tables.values().flat_map(|table| {
        table.keys.iter().enumerate().flat_map(|(index, key)| {
            let unit = version.exprs[key.value].ty.unit;
            let cells = table.rows.iter().map(move |row| &row.cells[index]);
            let spans =
                cells.filter_map(|cell| if let Cell::Within(spans) = cell { Some(spans) } else { None });
            let ends = spans.flatten().flat_map(|span| [span.low, span.high]).flatten();
            ends.map(move |(end, _)| (unit, end))
        })
    });
    let mut seen = BTreeSet::new();
    let mut mentioned: BTreeMap<Unit, Vec<BigRational>> = BTreeMap::new();
    for (unit, constant) in of_exprs.chain(of_params).chain(of_tables) {
        let Constant::Number(number) = constant else { continue };
        let numbers = mentioned.entry(unit).or_default();
        if number.mantissa != 0 && numbers.len() < CONSTANTS_MAX && seen.insert((unit, number)) {
            let power = num_traits::pow(BigInt::from(10), number.scale as usize);
            numbers.push(BigRational::new(number.mantissa.into(), power));
        }
    }
    mentioned
}

/// The same numbers on every machine (a linear congruential generator, Knuth's constants).
struct Random(u64);

impl Random {
    /// A number below `limit`, which is not zero.
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}
