//! On which input does it go wrong?
//!
//! A search by trial: rows are made from the ends of ranges, from the constants that the policy mentions and
//! their neighbours, and from each other's values; one field is changed at a time, and a change is kept where
//! it brings the row nearer to the place. The reference evaluator tells what happens. So a counterexample that
//! is shown is one; none is shown where none was found within a constant number of trials.

use std::collections::BTreeSet;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive, Zero};

use crate::display::{field_text, unit_of, value_scale};
use crate::hir::{Cell, Constant, ExprId, ExprKind, Policy, Step, Unit, Version};
use crate::lower::complaint::{Complaint, Fault, output_extent};
use crate::reference::{Evaluator, Undefined, Value};

/// How many rules are evaluated in search of one counterexample, and of all those of a policy.
const RULES_TRIED_MAX: usize = 60_000;
const RULES_TRIED_IN_ALL_MAX: usize = 600_000;
/// How many rows are tried at most, and from how many beginnings.
const ROWS_TRIED_MAX: usize = 3_000;
const BEGINNINGS: usize = 6;
/// How many values of a field are tried.
const VALUES_MAX: usize = 48;

/// How many of them count as simple.
const SIMPLE_VALUES: usize = 4;

/// A row: by input index the scaled integer of the field, `None` where it is missing.
type Row = Vec<Option<i128>>;

/// How much may still be tried for a policy.
#[derive(Clone, Debug)]
pub struct Patience {
    rules: usize,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { rules: RULES_TRIED_IN_ALL_MAX }
    }
}

/// An input on which the version goes wrong as the complaint says: every field that is looked at on the way and
/// is not missing, as it is written in a `case`. All others may be anything.
pub fn counterexample(
    policy: &Policy,
    version: usize,
    complaint: &Complaint,
    patience: &mut Patience,
) -> Option<Vec<(String, String)>> {
    let rules_each = policy.versions[version].steps.len().max(1);
    let rows = (patience.rules.min(RULES_TRIED_MAX) / rules_each).min(ROWS_TRIED_MAX);
    if rows < BEGINNINGS {
        return None;
    }
    let search = Search::new(policy, version, complaint);
    let (found, tried) = search.run(rows);
    patience.rules = patience.rules.saturating_sub(tried * rules_each);
    let row = found?;
    let read = search.fields_read(&row);
    let fields = policy.schema.inputs.iter().zip(row).enumerate();
    let fields = fields.filter(|(index, _)| read.contains(&(*index as u32)));
    let given = fields.filter_map(|(_, (field, value))| Some((field, value?)));
    Some(
        given
            .map(|(field, value)| (field.name.clone(), field_text(&policy.schema, field.kind, value)))
            .collect(),
    )
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
    version: usize,
    complaint: &'a Complaint,
    /// The place among the steps where the expression stands last; beyond the last where it stands in none.
    step: usize,
    /// The named value that the expression is part of, where it stands in no step.
    unused: Option<ExprId>,
    values: Vec<Vec<Option<i128>>>,
}

impl<'a> Search<'a> {
    fn new(policy: &'a Policy, version: usize, complaint: &'a Complaint) -> Search<'a> {
        let data = &policy.versions[version];
        let holds = |step: &Step| data.needs(roots(step), complaint.at);
        let step = data.steps.iter().rposition(holds).unwrap_or(data.steps.len());
        let in_no_step = |body: &ExprId| step == data.steps.len() && data.needs([*body], complaint.at);
        // each is defined before those that use it
        let unused = data.lets.values().rev().map(|named| named.body).find(in_no_step);
        let values = telling_values(policy, data);
        Search { policy, version, complaint, step, unused, values }
    }

    fn data(&self) -> &'a Version {
        &self.policy.versions[self.version]
    }

    /// A row on which it goes wrong, and how many rows were tried.
    fn run(&self, rows: usize) -> (Option<Row>, usize) {
        if self.values.iter().any(Vec::is_empty) {
            return (None, 0);
        }
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for beginning in 0..BEGINNINGS {
            let row = self.begin(beginning, &mut random);
            if let Some(row) = self.climb(row, rows / BEGINNINGS, &mut random) {
                return (Some(self.simplified(row)), (beginning + 1) * (rows / BEGINNINGS));
            }
        }
        (None, rows)
    }

    /// A row to begin with: the first values, the last ones, or any.
    fn begin(&self, beginning: usize, random: &mut Random) -> Row {
        let pick = |values: &Vec<Option<i128>>| match beginning {
            0 => values[0],
            1 => values[values.len() - 1],
            _ => values[random.below(values.len())],
        };
        self.values.iter().map(pick).collect()
    }

    fn climb(&self, mut row: Row, trials: usize, random: &mut Random) -> Option<Row> {
        let mut near = match self.try_row(&row) {
            Trial::Wrong => return Some(row),
            Trial::Near(near) => near,
        };
        for _ in 0..trials {
            let mut other = row.clone();
            for _ in 0..1 + random.below(2) {
                let field = random.below(other.len().max(1));
                other[field] = self.other_value(field, &row, random)?;
            }
            match self.try_row(&other) {
                Trial::Wrong => return Some(other),
                Trial::Near(found) if found >= near => (row, near) = (other, found),
                Trial::Near(_) => {}
            }
        }
        None
    }

    /// Another value for a field: one of its own or that of another field, or next to it.
    fn other_value(&self, field: usize, row: &Row, random: &mut Random) -> Option<Option<i128>> {
        let own = self.values.get(field)?;
        if random.below(4) > 0 {
            return Some(own[random.below(own.len())]);
        }
        let schema = &self.policy.schema;
        let (from, step) = (random.below(row.len()), random.below(3) as i128 - 1);
        let alike = unit_of(schema.inputs[from].kind) == unit_of(schema.inputs[field].kind);
        let copied = row[from].filter(|_| alike).and_then(|value| value.checked_add(step));
        let fits = copied
            .filter(|value| schema.inputs[field].domain.contains(*value) && self.in_force(field, *value));
        Some(fits.or(row[field]))
    }

    fn in_force(&self, field: usize, value: i128) -> bool {
        let selects = self.policy.schema.effective == Some(field as u32);
        !selects || (self.data().from as i128 <= value && value < self.data().until as i128)
    }

    /// The row with the simplest value of every field with which it still goes wrong.
    fn simplified(&self, mut row: Row) -> Row {
        for field in 0..row.len() {
            for value in self.values[field].iter().take(SIMPLE_VALUES) {
                let mut simple = row.clone();
                simple[field] = *value;
                if matches!(self.try_row(&simple), Trial::Wrong) {
                    row = simple;
                    break;
                }
            }
        }
        row
    }

    fn try_row(&self, row: &Row) -> Trial {
        self.try_with(&mut Evaluator::new(self.policy, self.version, row))
    }

    /// The fields that are looked at on the way of a row, and the one that selects the version.
    fn fields_read(&self, row: &Row) -> BTreeSet<u32> {
        let mut evaluator = Evaluator::new(self.policy, self.version, row);
        self.try_with(&mut evaluator);
        let data = self.data();
        let met = evaluator.terms().iter().map(|(expr, _)| *expr);
        let field = |expr: ExprId| match &data.exprs[expr].kind {
            ExprKind::Field(field) | ExprKind::IsPresent(field) | ExprKind::OrElse(field, _) => Some(*field),
            _ => None,
        };
        let selects = self.policy.schema.effective.filter(|_| self.policy.versions.len() > 1);
        met.chain(data.needed([self.complaint.at])).filter_map(field).chain(selects).collect()
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
        match self.unused {
            Some(body) => self.try_alone(evaluator, body, near),
            None => self.try_steps(evaluator, near),
        }
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
        let at = self.complaint.at;
        match (&self.complaint.fault, undefined) {
            (Fault::ZeroDivisor { .. }, Undefined::ZeroDivisor(expr)) => expr == at,
            (Fault::Key { .. }, Undefined::NoRow(expr)) => expr == at,
            (Fault::Calendar, Undefined::Calendar(expr)) => {
                expr == at || self.data().operands(expr).contains(&at)
            }
            _ => false,
        }
    }

    /// Whether the value in question was met and does not fit 128 bits.
    fn is_too_large(&self, evaluator: &Evaluator) -> bool {
        let Fault::Overflow { .. } = self.complaint.fault else { return false };
        let scale = self.data().exprs[self.complaint.at].ty.scale().unwrap_or(0);
        let power = num_traits::pow(BigInt::from(10), scale as usize);
        let fits = |value: &BigRational| (value * &power).to_integer().to_i128().is_some();
        let mut met = evaluator.terms().iter().filter(|(expr, _)| *expr == self.complaint.at);
        met.any(|(_, value)| matches!(value, Value::Number(value) if !fits(value)))
    }

    /// The divisor in question, where it was met.
    fn divisor(&self, evaluator: &Evaluator) -> Option<BigRational> {
        let Fault::ZeroDivisor { divisor, .. } = self.complaint.fault else { return None };
        let met = evaluator.terms().iter().rev().find(|(expr, _)| *expr == divisor);
        match met {
            Some((_, Value::Number(value))) => Some(value.clone()),
            _ => None,
        }
    }

    /// Whether an outcome is none that its output may have.
    fn leaves_output(&self, evaluator: &mut Evaluator, outcome: &[ExprId], near: &mut Nearness) -> bool {
        let (output, is_listed) = match self.complaint.fault {
            Fault::Output { output, .. } => (output, false),
            Fault::Listed { output } => (output, true),
            _ => return false,
        };
        let expr = outcome[output as usize];
        let value = evaluator.value(expr);
        let Ok(Value::Number(value)) = value else { return false };
        if expr != self.complaint.at {
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
fn roots(step: &Step) -> Vec<ExprId> {
    match step {
        Step::Let(_) => Vec::new(),
        Step::Rule(rule) => rule.when.iter().chain(&rule.outcome).copied().collect(),
    }
}

/// By input index, values that a version may treat differently, the simplest first: the ends of the field's
/// range, the constants that the version mentions and their neighbours, and none where the field is optional.
pub fn telling_values(policy: &Policy, version: &Version) -> Vec<Vec<Option<i128>>> {
    let mentioned = mentioned(version);
    let schema = &policy.schema;
    let of_field = |(index, field): (usize, &opus_ir::Field)| {
        let range = field.domain.range;
        let mut values = vec![range.lo, range.hi, 0, 1, -1];
        if schema.effective == Some(index as u32) {
            values.extend([version.from as i128, version.until as i128 - 1]);
        }
        values.extend(field.domain.set.iter().flatten().take(VALUES_MAX));
        if unit_of(field.kind) == Unit::Bool || matches!(field.kind, opus_ir::Kind::Enum(_)) {
            values.extend((range.lo..=range.hi).take(VALUES_MAX));
        }
        let power = num_traits::pow(BigInt::from(10), value_scale(schema, field.kind) as usize);
        let alike = mentioned.iter().filter(|(unit, _)| *unit == unit_of(field.kind));
        let scaled = alike.filter_map(|(_, value)| (value * &power).floor().to_integer().to_i128());
        values.extend(scaled.flat_map(|value| [value, value.saturating_sub(1), value.saturating_add(1)]));
        values.extend([range.lo.saturating_add(1), range.hi.saturating_sub(1), range.lo.midpoint(range.hi)]);
        let selects = schema.effective == Some(index as u32);
        let in_force =
            |value: &i128| !selects || (version.from as i128..version.until as i128).contains(value);
        let mut seen = BTreeSet::new();
        values.retain(|value| field.domain.contains(*value) && in_force(value) && seen.insert(*value));
        values.truncate(VALUES_MAX);
        let missing = field.optional.then_some(None);
        missing.into_iter().chain(values.into_iter().map(Some)).collect()
    };
    schema.inputs.iter().enumerate().map(of_field).collect()
}

/// The constants of a version, with their units, in the order of the expressions.
fn mentioned(version: &Version) -> Vec<(Unit, BigRational)> {
    let mut constants: Vec<(Unit, Constant)> = Vec::new();
    for expr in version.exprs.values() {
        if let ExprKind::Constant(constant) = expr.kind {
            constants.push((expr.ty.unit, constant));
        }
    }
    constants.extend(version.params.values().map(|param| (param.ty.unit, param.value)));
    for table in version.tables.values() {
        for (index, key) in table.keys.iter().enumerate() {
            let unit = version.exprs[key.value].ty.unit;
            let cells = table.rows.iter().map(|row| &row.cells[index]);
            let spans =
                cells.filter_map(|cell| if let Cell::Within(spans) = cell { Some(spans) } else { None });
            let ends = spans.flatten().flat_map(|span| [span.low, span.high]).flatten();
            constants.extend(ends.map(|(end, _)| (unit, end)));
        }
    }
    let number = |(unit, constant): (Unit, Constant)| match constant {
        Constant::Number(number) => {
            let power = num_traits::pow(BigInt::from(10), number.scale as usize);
            Some((unit, BigRational::new(number.mantissa.into(), power)))
        }
        Constant::Bool(_) | Constant::Enum(_) => None,
    };
    let mut numbers: Vec<(Unit, BigRational)> = constants.into_iter().filter_map(number).collect();
    numbers.retain(|(_, value)| !value.is_zero());
    numbers.dedup();
    numbers
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
