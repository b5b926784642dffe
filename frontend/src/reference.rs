//! What does a policy decide? The meaning of the language as a program: plain, slow and exact.
//!
//! It walks the typed tree with exact rationals and unbounded integers. It knows nothing of scaled integers,
//! intervals or the IR, does its own admission and takes its calendar from a library, so that a mistake in
//! lowering, scaling or narrowing meets a witness that cannot share it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use cranelift_entity::SecondaryMap;
use jiff::civil::Date;
use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};
use opus_ir::date::MonthEnd;
use opus_ir::{Fault, Kind, Place, Rounding, Verdict};

use crate::hir::{
    Arithmetic, Cell, CellSpan, Comparison, Constant, ExprId, ExprKind, LetId, Number, Policy, Step, TableId,
    Version,
};

/// Stack that is kept free below each level of an expression.
const STACK_RED_BYTES: usize = 64 * 1024;
/// Stack that is added when there is less.
const STACK_GROW_BYTES: usize = 1024 * 1024;

/// A value, exactly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// A number, fraction, amount in whole units, number of days, or day number.
    Number(BigRational),
    /// A Boolean.
    Bool(bool),
    /// The index of an enum's value.
    Enum(u32),
}

/// Why an expression has no value. A policy that compiles never meets one; the search for counterexamples does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Undefined {
    /// A division by zero, by this expression.
    ZeroDivisor(ExprId),
    /// A date outside the years 1 to 9999.
    Calendar(ExprId),
    /// No row of the table applies.
    NoRow(ExprId),
    /// An optional field that is missing was used.
    Missing(ExprId),
    /// The work that was allowed is used up: see [`Evaluator::bounded`].
    Unfinished,
}

/// A row that was admitted: each field has a value that it may have, and every require holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Admitted {
    given: Vec<Option<i128>>,
    version: usize,
}

/// The entry of a table from a snapshot for these values of its keys; `None` if it has none.
pub fn entry(policy: &Policy, hole: u32, keys: &[Value]) -> Option<usize> {
    policy.holes[hole as usize].hole.entry(&cell(keys)?)
}

/// The values of a table's keys as integers; `None` if one is not a whole number.
pub fn cell(keys: &[Value]) -> Option<Vec<i128>> {
    let integer = |value: &Value| match value {
        Value::Bool(truth) => Some(*truth as i128),
        Value::Enum(code) => Some((*code).into()),
        Value::Number(number) => number.is_integer().then(|| number.to_integer().to_i128()).flatten(),
    };
    keys.iter().map(integer).collect()
}

/// A fault of a row.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Refused {
    /// Where it is.
    pub place: Place,
    /// What it is.
    pub fault: Fault,
}

/// How it was decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    /// The decision.
    pub verdict: Verdict,
    /// Every rule that was tried and every named value that was passed, in order.
    pub steps: Vec<Traced>,
}

/// A step of a trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Traced {
    /// A named value, before the first step that needs it.
    Let {
        /// Which.
        name: LetId,
        /// What it is.
        value: Value,
        /// Every expression of it, operands before their uses.
        terms: Vec<(ExprId, Value)>,
    },
    /// The row of a table that applied, before the first step that needs it.
    Row {
        /// The table.
        table: TableId,
        /// The row, by index in the table of the version.
        row: usize,
        /// What it says.
        value: Value,
        /// By key, its value; `None` if it is missing.
        keys: Vec<Option<Value>>,
    },
    /// A rule, whether it applied, and every expression of its condition that was evaluated, operands before
    /// their uses.
    Rule {
        /// The index of the rule.
        rule: u32,
        /// Whether it applied.
        applied: bool,
        /// The terms that were evaluated.
        terms: Vec<(ExprId, Value)>,
    },
    /// An output of the rule that applied, and every expression that it was computed from, operands before their uses.
    Output {
        /// The index of the output.
        output: usize,
        /// The expression.
        expr: ExprId,
        /// The terms that were evaluated.
        terms: Vec<(ExprId, Value)>,
    },
}

/// Admits a row: `given` holds, by input index, the scaled integer of each field, and after them the
/// [facts](Policy::facts) of the row's day, if the policy has holes. Fields first, then, where every field is right, the
/// requires of the version that is in force.
///
/// # Errors
/// All faults of the row, in the order of the fields or requires.
///
/// # Panics
/// Where `given` has not one entry per input and fact.
pub fn admit(policy: &Policy, given: &[Option<i128>]) -> Result<Admitted, Vec<Refused>> {
    let inputs = policy.schema.inputs.len();
    assert_eq!(given.len(), inputs + policy.facts().count(), "a row has one entry per input and fact");
    let faults: Vec<Refused> =
        (0..inputs).filter_map(|index| field_fault(policy, index, given[index])).collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    let row = Admitted { given: given.to_vec(), version: version_for(policy, given) };
    let version = &policy.versions[row.version];
    let mut evaluator = Evaluator::new(policy, row.version, &row.given);
    let fails = |(_, condition): &&(u32, ExprId)| {
        !evaluator.holds(*condition).expect("requires have no undefined parts")
    };
    let failed: Vec<&(u32, ExprId)> = version.requires.iter().filter(fails).collect();
    let refused =
        |(index, _): &&(u32, ExprId)| Refused { place: Place::Require(*index), fault: Fault::RequireFailed };
    if failed.is_empty() { Ok(row) } else { Err(failed.iter().map(refused).collect()) }
}

/// Decides an admitted row.
pub fn decide(policy: &Policy, row: &Admitted) -> Verdict {
    decide_counted(policy, row).0
}

/// Decides an admitted row, and counts the work: about one for each expression that was evaluated and each cell of a table
/// that was tested.
pub fn decide_counted(policy: &Policy, row: &Admitted) -> (Verdict, usize) {
    let mut evaluator = Evaluator::new(policy, row.version, &row.given);
    let verdict = decide_with(policy, row, &mut evaluator, &mut Vec::new());
    (verdict, usize::MAX - evaluator.work_left)
}

/// Decides an admitted row and records how.
pub fn trace(policy: &Policy, row: &Admitted) -> Trace {
    let mut steps = Vec::new();
    let mut evaluator = Evaluator::new(policy, row.version, &row.given).recording();
    let verdict = decide_with(policy, row, &mut evaluator, &mut steps);
    Trace { verdict, steps }
}

/// Decides, and adds the steps where the evaluator records them.
fn decide_with(
    policy: &Policy,
    row: &Admitted,
    evaluator: &mut Evaluator<'_>,
    steps: &mut Vec<Traced>,
) -> Verdict {
    for step in &policy.versions[row.version].steps {
        evaluator.terms.clear();
        let rule = match step {
            Step::Let(name) => {
                evaluator.named(*name).expect("a policy that compiles has no undefined values");
                evaluator.record(steps, |_| None);
                continue;
            }
            Step::Rule(rule) => rule,
        };
        let applied = rule.when.is_none_or(|condition| evaluator.holds(condition).expect("compiled"));
        evaluator.record(steps, |terms| Some(Traced::Rule { rule: rule.index, applied, terms }));
        if !applied {
            continue;
        }
        let outputs = policy.schema.outputs.iter().zip(&rule.outcome).enumerate();
        let outputs = outputs.map(|(output, (field, expr))| {
            let expr = *expr;
            let value = evaluator.value(expr).expect("a policy that compiles has no undefined outcomes");
            evaluator.record(steps, |terms| Some(Traced::Output { output, expr, terms }));
            scaled(policy, field.kind, &value)
        });
        let outputs = outputs.collect();
        return Verdict { version: row.version, rule: rule.index as usize, outputs };
    }
    unreachable!("rules end in one that always applies")
}

/// The index of the version that is in force for a row whose fields are right.
pub fn version_for(policy: &Policy, given: &[Option<i128>]) -> usize {
    let day = policy.schema.effective.and_then(|field| given[field as usize]);
    let in_force =
        |version: &Version| day.is_none_or(|day| version.from as i128 <= day && day < version.until as i128);
    policy.versions.iter().position(in_force).unwrap_or(0)
}

fn field_fault(policy: &Policy, index: usize, given: Option<i128>) -> Option<Refused> {
    let field = &policy.schema.inputs[index];
    let place = Place::Field(index as u32);
    let Some(value) = given else {
        return (!field.optional).then_some(Refused { place, fault: Fault::Missing });
    };
    let listed = field.domain.set.as_ref().is_none_or(|set| set.contains(&value));
    let right = field.domain.range.lo <= value && value <= field.domain.range.hi && listed;
    (!right).then_some(Refused { place, fault: Fault::OutOfRange })
}

/// Evaluates expressions of one version on one row.
pub struct Evaluator<'a> {
    policy: &'a Policy,
    version: &'a Version,
    given: &'a [Option<i128>],
    lets: BTreeMap<LetId, Value>,
    /// The only expression to keep in `terms`, where not all are wanted.
    watched: Option<ExprId>,
    terms: Vec<(ExprId, Value)>,
    /// What a step needed, where that is recorded: each named value and each row of a table once.
    met: Option<Vec<Traced>>,
    looked_up: SecondaryMap<TableId, bool>,
    read: BTreeSet<u32>,
    work_left: usize,
}

type Evaluated = Result<Value, Undefined>;

impl<'a> Evaluator<'a> {
    /// An evaluator of the version with this index on a row: by input index, the scaled integers of the fields.
    pub fn new(policy: &'a Policy, version: usize, given: &'a [Option<i128>]) -> Evaluator<'a> {
        Evaluator {
            policy,
            version: &policy.versions[version],
            given,
            lets: BTreeMap::new(),
            watched: None,
            terms: Vec::new(),
            met: None,
            looked_up: SecondaryMap::new(),
            read: BTreeSet::new(),
            work_left: usize::MAX,
        }
    }

    /// The same evaluator, recording what each step needs.
    fn recording(self) -> Evaluator<'a> {
        Evaluator { met: Some(Vec::new()), ..self }
    }

    /// Adds what a step needed, then the step itself, made from the terms that it evaluated.
    fn record(&mut self, steps: &mut Vec<Traced>, step: impl FnOnce(Vec<(ExprId, Value)>) -> Option<Traced>) {
        let Some(met) = &mut self.met else { return };
        steps.append(met);
        steps.extend(step(std::mem::take(&mut self.terms)));
    }

    /// An evaluator that keeps the values of one expression alone and stops once so much work is done: one for
    /// each expression and each cell of a table that is tested, more for numbers of many digits.
    pub fn bounded(self, work: usize, watched: ExprId) -> Evaluator<'a> {
        Evaluator { watched: Some(watched), work_left: work, ..self }
    }

    /// The work that is still allowed.
    pub fn work_left(&self) -> usize {
        self.work_left
    }

    /// The row: by input index and then by fact, the scaled integers.
    pub(crate) fn row(&self) -> &'a [Option<i128>] {
        self.given
    }

    /// The input fields that have been read, by index.
    pub fn fields_read(&self) -> &BTreeSet<u32> {
        &self.read
    }

    /// The value of an expression.
    ///
    /// # Errors
    /// Where it has none on this row.
    pub fn value(&mut self, expr: ExprId) -> Evaluated {
        let value = stacker::maybe_grow(STACK_RED_BYTES, STACK_GROW_BYTES, || self.compute(expr))?;
        self.spend(value.work())?;
        let keeps = match self.watched {
            Some(watched) => watched == expr,
            None => !matches!(self.version.exprs[expr].kind, ExprKind::Constant(_)),
        };
        if keeps {
            self.terms.push((expr, value.clone()));
        }
        Ok(value)
    }

    fn spend(&mut self, work: usize) -> Result<(), Undefined> {
        self.work_left = self.work_left.saturating_sub(work);
        if self.work_left == 0 { Err(Undefined::Unfinished) } else { Ok(()) }
    }

    /// Whether a condition holds.
    ///
    /// # Errors
    /// Where it has no value on this row.
    pub fn holds(&mut self, condition: ExprId) -> Result<bool, Undefined> {
        self.value(condition).map(|value| value == Value::Bool(true))
    }

    /// Every expression that has been evaluated, operands before their uses, with its value; constants are left
    /// out.
    pub fn terms(&self) -> &[(ExprId, Value)] {
        &self.terms
    }

    fn named(&mut self, name: LetId) -> Evaluated {
        if let Some(value) = self.lets.get(&name) {
            return Ok(value.clone());
        }
        let first = self.terms.len();
        let value = self.value(self.version.lets[name].body)?;
        self.lets.insert(name, value.clone());
        if let Some(met) = &mut self.met {
            let terms = self.terms[first..].to_vec();
            met.push(Traced::Let { name, value: value.clone(), terms });
        }
        Ok(value)
    }

    fn number(&mut self, expr: ExprId) -> Result<BigRational, Undefined> {
        self.value(expr).map(into_number)
    }

    fn compute(&mut self, expr: ExprId) -> Evaluated {
        let version = self.version;
        let node = &version.exprs[expr];
        Ok(match &node.kind {
            ExprKind::Constant(constant) => exact(*constant),
            ExprKind::Field(field) => self.field(*field).ok_or(Undefined::Missing(expr))?,
            ExprKind::IsPresent(field) => Value::Bool(self.given(*field).is_some()),
            ExprKind::OrElse(field, other) => match self.field(*field) {
                Some(value) => value,
                None => self.value(*other)?,
            },
            ExprKind::Param(param) => exact(version.params[*param].value),
            ExprKind::Hole(hole) => self.fact(*hole, 0).ok_or(Undefined::Missing(expr))?,
            ExprKind::InHole(value, hole) => {
                let Value::Enum(code) = self.value(*value)? else { return Err(Undefined::Missing(expr)) };
                self.fact(*hole, code as usize).ok_or(Undefined::Missing(expr))?
            }
            ExprKind::Entry(keys, hole) => {
                let keys = keys.iter().map(|key| self.value(*key)).collect::<Result<Vec<_>, _>>()?;
                let entry = entry(self.policy, *hole, &keys).ok_or(Undefined::NoRow(expr))?;
                self.fact(*hole, entry).ok_or(Undefined::Missing(expr))?
            }
            ExprKind::Let(name) => self.named(*name)?,
            ExprKind::Table(table) => self.cell(*table)?.ok_or(Undefined::NoRow(expr))?,
            ExprKind::Negate(operand) => Value::Number(-self.number(*operand)?),
            ExprKind::Arithmetic(op, a, b) => {
                let (a, b) = (self.number(*a)?, self.number(*b)?);
                Value::Number(arithmetic(*op, a, b).ok_or(Undefined::ZeroDivisor(expr))?)
            }
            ExprKind::Compare(comparison, a, b) => {
                let (a, b) = (self.value(*a)?, self.value(*b)?);
                Value::Bool(compares(*comparison, &a, &b))
            }
            ExprKind::In(value, ranges) => self.is_in(*value, ranges)?,
            ExprKind::Not(operand) => Value::Bool(!self.holds(*operand)?),
            ExprKind::And(a, b) => Value::Bool(self.holds(*a)? && self.holds(*b)?),
            ExprKind::Or(a, b) => Value::Bool(self.holds(*a)? || self.holds(*b)?),
            ExprKind::If(condition, a, b) => {
                let branch = if self.holds(*condition)? { *a } else { *b };
                self.value(branch)?
            }
            ExprKind::Round { value, mode, unit } => {
                let unit = rational(*unit);
                let steps = round(*mode, self.number(*value)? / &unit);
                Value::Number(BigRational::from(steps) * unit)
            }
            ExprKind::AddMonths(date, months) => {
                let (day, months) = (self.number(*date)?, self.number(*months)?);
                let end = self.policy.month_end.unwrap_or(MonthEnd::Clip);
                let reached = add_months(&day, &months, end).ok_or(Undefined::Calendar(expr))?;
                Value::Number(BigRational::from(reached))
            }
            ExprKind::WholeMonths(from, to) => {
                let (from, to) = (self.number(*from)?, self.number(*to)?);
                Value::Number(BigRational::from(whole_months(&from, &to).ok_or(Undefined::Calendar(expr))?))
            }
            ExprKind::WholeYears(from, to) => {
                let (from, to) = (self.number(*from)?, self.number(*to)?);
                let months = whole_months(&from, &to).ok_or(Undefined::Calendar(expr))?;
                Value::Number(BigRational::from(months / BigInt::from(12)))
            }
        })
    }

    fn given(&mut self, field: u32) -> Option<i128> {
        self.read.insert(field);
        self.given.get(field as usize).copied().flatten()
    }

    fn field(&mut self, field: u32) -> Option<Value> {
        let given = self.given(field)?;
        Some(counted(self.policy, self.policy.schema.inputs[field as usize].kind, given))
    }

    /// An entry of a hole, which comes after the input fields.
    fn fact(&mut self, hole: u32, entry: usize) -> Option<Value> {
        let index = self.policy.schema.inputs.len() + self.policy.first_fact(hole) + entry;
        let given = self.given(index as u32)?;
        Some(counted(self.policy, self.policy.holes[hole as usize].kind(), given))
    }

    fn is_in(&mut self, value: ExprId, ranges: &[(ExprId, ExprId)]) -> Evaluated {
        let value = self.value(value)?;
        for (low, high) in ranges {
            let (low, high) = (self.value(*low)?, self.value(*high)?);
            if order(&low, &value).is_le() && order(&value, &high).is_le() {
                return Ok(Value::Bool(true));
            }
        }
        Ok(Value::Bool(false))
    }

    fn cell(&mut self, id: TableId) -> Result<Option<Value>, Undefined> {
        let version = self.version;
        let table = &version.tables[id];
        let mut keys = Vec::with_capacity(table.keys.len());
        for key in &table.keys {
            let missing = key.optional.is_some_and(|field| self.given(field).is_none());
            keys.push(if missing { None } else { Some(self.value(key.value)?) });
        }
        let applies =
            |cells: &[Cell]| cells.iter().zip(&keys).all(|(cell, key)| cell_holds(cell, key.as_ref()));
        let found = table.rows.iter().position(|row| applies(&row.cells));
        self.spend(found.map_or(table.rows.len(), |row| row + 1) * table.keys.len())?;
        let Some(row) = found else { return Ok(None) };
        let value = exact(table.rows[row].value);
        if let Some(met) = self.met.as_mut().filter(|_| !self.looked_up[id]) {
            met.push(Traced::Row { table: id, row, value: value.clone(), keys });
            self.looked_up[id] = true;
        }
        Ok(Some(value))
    }
}

/// Whether a cell holds for the value of its key, `None` if that is missing.
pub(crate) fn cell_holds(cell: &Cell, key: Option<&Value>) -> bool {
    match (cell, key) {
        (Cell::Any, _) | (Cell::Missing, None) => true,
        (Cell::Within(spans), Some(key)) => spans.iter().any(|span| span_holds(span, key)),
        (Cell::Missing, Some(_)) | (Cell::Within(_), None) => false,
    }
}

fn span_holds(span: &CellSpan, key: &Value) -> bool {
    let beyond = |end: Constant, closed: bool, side: Ordering| {
        let found = order(key, &exact(end));
        found == side || (closed && found.is_eq())
    };
    span.low.is_none_or(|(end, closed)| beyond(end, closed, Ordering::Greater))
        && span.high.is_none_or(|(end, closed)| beyond(end, closed, Ordering::Less))
}

fn compares(comparison: Comparison, a: &Value, b: &Value) -> bool {
    let found = order(a, b);
    match comparison {
        Comparison::Eq => found.is_eq(),
        Comparison::Ne => found.is_ne(),
        Comparison::Lt => found.is_lt(),
        Comparison::Le => found.is_le(),
        Comparison::Gt => found.is_gt(),
        Comparison::Ge => found.is_ge(),
    }
}

fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Enum(a), Value::Enum(b)) => a.cmp(b),
        _ => unreachable!("compared values are of one unit"),
    }
}

/// `None` if the divisor is zero.
pub(crate) fn arithmetic(op: Arithmetic, a: BigRational, b: BigRational) -> Option<BigRational> {
    let divides = matches!(op, Arithmetic::Div | Arithmetic::FloorDiv | Arithmetic::Mod);
    if divides && b.is_zero() {
        return None;
    }
    Some(match op {
        Arithmetic::Add => a + b,
        Arithmetic::Sub => a - b,
        Arithmetic::Mul => a * b,
        Arithmetic::Div => a / b,
        Arithmetic::FloorDiv => (a / b).floor(),
        Arithmetic::Mod => {
            let quotient = (&a / &b).floor();
            a - b * quotient
        }
        Arithmetic::Min => a.min(b),
        Arithmetic::Max => a.max(b),
    })
}

pub(crate) fn round(mode: Rounding, x: BigRational) -> BigInt {
    let (floor, remainder) = x.numer().div_mod_floor(x.denom());
    let ceiling = &floor + BigInt::from(!remainder.is_zero());
    let (towards_zero, away) = if x.is_negative() { (&ceiling, &floor) } else { (&floor, &ceiling) };
    let nearest = |tie: &BigInt| match (&remainder * BigInt::from(2)).cmp(x.denom()) {
        Ordering::Less => floor.clone(),
        Ordering::Greater => ceiling.clone(),
        Ordering::Equal => tie.clone(),
    };
    match mode {
        Rounding::HalfEven => nearest(if floor.is_even() { &floor } else { &ceiling }),
        Rounding::HalfUp => nearest(away),
        Rounding::HalfDown => nearest(towards_zero),
        Rounding::Up => away.clone(),
        Rounding::Down => towards_zero.clone(),
        Rounding::Floor => floor,
        Rounding::Ceiling => ceiling,
    }
}

fn calendar(day: &BigRational) -> Option<Date> {
    let epoch = Date::constant(1970, 1, 1);
    let days = day.is_integer().then(|| day.to_integer().to_i32()).flatten()?;
    let reached = epoch.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
    (1..=9999).contains(&reached.year()).then_some(reached)
}

fn day_number(date: Date) -> i128 {
    let since = date.since(Date::constant(1970, 1, 1)).expect("both are dates");
    since.get_days() as i128
}

pub(crate) fn add_months(day: &BigRational, months: &BigRational, end: MonthEnd) -> Option<BigInt> {
    let from = calendar(day)?;
    let months = months.is_integer().then(|| months.to_integer().to_i32()).flatten()?;
    let clipped = from.checked_add(jiff::Span::new().try_months(months).ok()?).ok()?;
    let lost = from.day() - clipped.day();
    let reached = match end {
        MonthEnd::Clip => clipped,
        MonthEnd::Carry => clipped.checked_add(jiff::Span::new().days(lost)).ok()?,
    };
    (1..=9999).contains(&reached.year()).then(|| BigInt::from(day_number(reached)))
}

pub(crate) fn whole_months(from: &BigRational, to: &BigRational) -> Option<BigInt> {
    let sign = if to < from { -1 } else { 1 };
    let (early, late) = (calendar(from.min(to))?, calendar(from.max(to))?);
    let count = |date: Date| date.year() as i64 * 12 + date.month() as i64;
    let started = late.day() < early.day();
    Some(BigInt::from(sign * (count(late) - count(early) - started as i64)))
}

pub(crate) fn exact(constant: Constant) -> Value {
    match constant {
        Constant::Number(number) => Value::Number(rational(number)),
        Constant::Bool(value) => Value::Bool(value),
        Constant::Enum(value) => Value::Enum(value),
    }
}

pub(crate) fn rational(number: Number) -> BigRational {
    BigRational::new(number.mantissa.into(), power_of_ten(number.scale))
}

fn into_number(value: Value) -> BigRational {
    match value {
        Value::Number(number) => number,
        Value::Bool(_) | Value::Enum(_) => unreachable!("operands of arithmetic are numbers"),
    }
}

pub(crate) fn power_of_ten(exponent: u8) -> BigInt {
    num_traits::pow(BigInt::from(10), exponent as usize).max(BigInt::one())
}

/// The value that an integer of this kind stands for.
pub(crate) fn counted(policy: &Policy, kind: Kind, given: i128) -> Value {
    match kind {
        Kind::Bool => Value::Bool(given != 0),
        Kind::Enum(_) => Value::Enum(given as u32),
        kind => Value::Number(BigRational::new(given.into(), power_of_ten(decimals(policy, kind)))),
    }
}

/// The decimals of a kind's scaled integer, measured in the value itself: a percent is held as a fraction.
pub(crate) fn decimals(policy: &Policy, kind: Kind) -> u8 {
    let percent = matches!(kind, Kind::Percent(_));
    policy.schema.decimals(kind) + if percent { 2 } else { 0 }
}

/// The scaled integer of an output.
fn scaled(policy: &Policy, kind: Kind, value: &Value) -> i128 {
    match value {
        Value::Bool(value) => *value as i128,
        Value::Enum(value) => *value as i128,
        Value::Number(number) => {
            let whole = number * BigRational::from(power_of_ten(decimals(policy, kind)));
            assert!(whole.is_integer(), "an output has no more decimals than its type");
            whole.to_integer().to_i128().expect("an output fits its range")
        }
    }
}

impl Value {
    /// The value of a constant.
    pub fn of(constant: Constant) -> Value {
        exact(constant)
    }

    /// What it costs to compute with the value, in units of a small number: reducing a fraction takes time with
    /// the square of its length.
    fn work(&self) -> usize {
        let Value::Number(number) = self else { return 1 };
        let words = ((number.numer().bits() + number.denom().bits()) / 64) as usize;
        1 + words * words / 16
    }

    /// Whether the value can be written with this many decimal places.
    pub fn fits_scale(&self, scale: u8) -> bool {
        match self {
            Value::Number(number) => (number * BigRational::from(power_of_ten(scale))).is_integer(),
            Value::Bool(_) | Value::Enum(_) => true,
        }
    }
}
