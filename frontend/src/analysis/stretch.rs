//! What could be decided if one field of a row had any value of a stretch? And which values has an expression at all?
//!
//! The typed tree is evaluated with extents instead of values: bounds of a number, whether a Boolean can hold and can
//! fail, the possible values of an enum. An extent holds every value that the expression has for some value of the
//! stretch, and perhaps more. So an answer about all of an extent is proved for all of the stretch, and otherwise nothing is
//! known. Values of other fields are exact, and so are all operations on exact values.
//!
//! Where the reference evaluator would find an expression undefined, its extent is unbounded; no admitted row evaluates
//! such an expression.
//!
//! If nothing is known of a row, each field has its whole range. That gives the range of a table's key where the table is
//! declared.

use std::collections::{BTreeMap, BTreeSet};

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};
use opus_ir::date::{MonthEnd, add_months_range};
use opus_ir::{Field, Interval, Kind};

use crate::hir::{
    Arithmetic, Cell, CellSpan, Comparison, Constant, ExprId, ExprKind, LetId, Policy, TableId, Unit, Version,
};
use crate::reference::{self, Value};

/// Stack that is kept free below each level of an expression.
const STACK_RED_BYTES: usize = 64 * 1024;
/// Stack that is added when there is less.
const STACK_GROW_BYTES: usize = 1024 * 1024;
/// The most values of an enum that are kept apart.
const ENUM_VALUES_KEPT: usize = 64;
/// A number with more binary digits is as good as none: no key has such values.
const BITS_MAX: u64 = 512;
/// Of a table from a snapshot, so many entries are looked at together.
const CELLS_MAX: usize = 64;

/// What is known about all values of a stretch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It holds for all.
    Yes,
    /// It fails for all.
    No,
    /// It may hold for some and fail for others.
    Unknown,
}

impl Answer {
    /// What is known about two things together.
    #[must_use]
    pub fn and(self, other: Answer) -> Answer {
        match (self, other) {
            (Answer::No, _) | (_, Answer::No) => Answer::No,
            (Answer::Yes, Answer::Yes) => Answer::Yes,
            _ => Answer::Unknown,
        }
    }

    /// What is known if it is unknown which of two cases applies.
    #[must_use]
    pub fn either(self, other: Answer) -> Answer {
        if self == other { self } else { Answer::Unknown }
    }

    fn negated(self) -> Answer {
        match self {
            Answer::Yes => Answer::No,
            Answer::No => Answer::Yes,
            Answer::Unknown => Answer::Unknown,
        }
    }

    fn of(holds: bool) -> Answer {
        if holds { Answer::Yes } else { Answer::No }
    }
}

/// All values that an expression may have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Extent {
    /// A number from the first to the second, both included; `None` is no bound.
    Number(Option<BigRational>, Option<BigRational>),
    /// A Boolean.
    Bool(Answer),
    /// A value of an enum: one of these; `None` is any.
    Enum(Option<BTreeSet<u32>>),
}

impl Extent {
    /// The extent of a known value.
    pub fn exact(value: Value) -> Extent {
        match value {
            Value::Number(number) => Extent::Number(Some(number.clone()), Some(number)),
            Value::Bool(value) => Extent::Bool(Answer::of(value)),
            Value::Enum(value) => Extent::Enum(Some(BTreeSet::from([value]))),
        }
    }

    fn anything(unit: Unit) -> Extent {
        match unit {
            Unit::Bool => Extent::Bool(Answer::Unknown),
            Unit::Enum(_) => Extent::Enum(None),
            Unit::Date | Unit::Days | Unit::Number | Unit::Percent | Unit::Money => {
                Extent::Number(None, None)
            }
        }
    }

    /// The extent of a value that is in one of the two.
    fn hull(self, other: Extent) -> Extent {
        match (self, other) {
            (Extent::Number(a, b), Extent::Number(c, d)) => {
                Extent::Number(a.zip(c).map(|(a, c)| a.min(c)), b.zip(d).map(|(b, d)| b.max(d)))
            }
            (Extent::Bool(a), Extent::Bool(b)) => Extent::Bool(a.either(b)),
            (Extent::Enum(a), Extent::Enum(b)) => {
                let both = a.zip(b).map(|(a, b)| a.into_iter().chain(b).collect::<BTreeSet<u32>>());
                Extent::Enum(both.filter(|values| values.len() <= ENUM_VALUES_KEPT))
            }
            _ => unreachable!("the cases of an expression are of one unit"),
        }
    }

    /// Whether it holds the value.
    pub fn holds(&self, value: &Value) -> bool {
        match (self, value) {
            (Extent::Number(low, high), Value::Number(number)) => {
                low.as_ref().is_none_or(|low| low <= number)
                    && high.as_ref().is_none_or(|high| number <= high)
            }
            (Extent::Bool(answer), Value::Bool(value)) => {
                *answer == Answer::Unknown || *answer == Answer::of(*value)
            }
            (Extent::Enum(values), Value::Enum(value)) => {
                values.as_ref().is_none_or(|values| values.contains(value))
            }
            _ => false,
        }
    }

    /// What is known about a comparison with a constant.
    pub fn compared(&self, comparison: Comparison, constant: &Value) -> Answer {
        compare(comparison, self, &Extent::exact(constant.clone()))
    }

    /// What is known about whether it is one of these values of an enum.
    pub fn is_among(&self, wanted: &BTreeSet<u32>) -> Answer {
        let Extent::Enum(Some(values)) = self else { return Answer::Unknown };
        match (values.is_subset(wanted), values.is_disjoint(wanted)) {
            (true, _) => Answer::Yes,
            (_, true) => Answer::No,
            _ => Answer::Unknown,
        }
    }

    /// The same, without bounds that have very many digits.
    fn short(self) -> Extent {
        let is_short = |end: &BigRational| end.numer().bits().max(end.denom().bits()) <= BITS_MAX;
        match self {
            Extent::Number(low, high) => Extent::Number(low.filter(is_short), high.filter(is_short)),
            other => other,
        }
    }

    fn answer(&self) -> Answer {
        match self {
            Extent::Bool(answer) => *answer,
            Extent::Number(..) | Extent::Enum(_) => unreachable!("conditions are Booleans"),
        }
    }

    fn bounds(self) -> Bounds {
        match self {
            Extent::Number(low, high) => (low, high),
            Extent::Bool(_) | Extent::Enum(_) => unreachable!("operands of arithmetic are numbers"),
        }
    }
}

type Bounds = (Option<BigRational>, Option<BigRational>);

/// What is known of the fields of a row, and of its facts.
enum Row<'a> {
    /// The scaled integers, by input index and then by fact, but one field has any of these values.
    Given(&'a [Option<i128>], u32, Interval),
    /// Nothing but their ranges.
    Any,
}

/// A row in which one field has any value of a stretch, or each field any value of its range.
pub struct Stretch<'a> {
    policy: &'a Policy,
    version: &'a Version,
    row: Row<'a>,
    lets: BTreeMap<LetId, Extent>,
    cells: BTreeMap<TableId, Extent>,
    work: usize,
}

impl<'a> Stretch<'a> {
    /// The row with these scaled integers, by input index and then by fact, and the field with any of these values. It is decided by the
    /// version with this index, whichever value the field has.
    ///
    /// ```
    /// use opus_frontend::hir::Comparison;
    /// use opus_frontend::reference::Value;
    /// use opus_frontend::stretch::{Answer, Stretch};
    /// use opus_ir::Interval;
    /// let source = "policy shop { input { age : int in 0..120 }  output { fee : int in 0..240 }
    ///               rules first { rule A when age < 18 => 0  otherwise B => 2 * age } }";
    /// let policy = opus_frontend::compile(source).0.unwrap().policy;
    /// let sixty = Value::Number(num_rational::BigRational::from_integer(60.into()));
    /// let costs_more_than_60 = |low, high| {
    ///     Stretch::new(&policy, 0, &[Some(0)], 0, Interval::new(low, high))
    ///         .decides(|outputs| outputs[0].compared(Comparison::Gt, &sixty))
    /// };
    /// assert_eq!(costs_more_than_60(0, 30), Answer::No);
    /// assert_eq!(costs_more_than_60(31, 120), Answer::Yes);
    /// assert_eq!(costs_more_than_60(0, 120), Answer::Unknown);
    /// ```
    pub fn new(
        policy: &'a Policy,
        version: usize,
        given: &'a [Option<i128>],
        field: u32,
        values: Interval,
    ) -> Stretch<'a> {
        Stretch::of(policy, &policy.versions[version], Row::Given(given, field, values))
    }

    /// Any row that the version decides; of the policy, versions and rules do not matter.
    ///
    /// ```
    /// use opus_frontend::reference::Value;
    /// use opus_frontend::stretch::Stretch;
    /// let source = "policy shop { input { a : int in 0..9  b : int in 1..9 }  output { fee : int in 0..90 }
    ///               let product = a * b
    ///               rules first { rule A when a < b => 0  otherwise B => product } }";
    /// let policy = opus_frontend::compile(source).0.unwrap().policy;
    /// let version = &policy.versions[0];
    /// let product = version.lets.values().next().unwrap().body;
    /// let extent = Stretch::anywhere(&policy, version).extent(product);
    /// let holds = |x: i32| extent.holds(&Value::Number(num_rational::BigRational::from_integer(x.into())));
    /// assert!(holds(0) && holds(81) && !holds(82) && !holds(-1));
    /// ```
    pub fn anywhere(policy: &'a Policy, version: &'a Version) -> Stretch<'a> {
        Stretch::of(policy, version, Row::Any)
    }

    fn of(policy: &'a Policy, version: &'a Version, row: Row<'a>) -> Stretch<'a> {
        Stretch { policy, version, row, lets: BTreeMap::new(), cells: BTreeMap::new(), work: 0 }
    }

    /// The work so far: one for each expression and each cell of a table.
    pub fn work(&self) -> usize {
        self.work
    }

    /// What is known about whether each row of the stretch is admitted and decided as wanted; `wanted` answers about the
    /// extents of the outputs, by output index.
    pub fn decides(&mut self, mut wanted: impl FnMut(&[Extent]) -> Answer) -> Answer {
        let version = self.version;
        let mut admitted = Answer::Yes;
        for (_, condition) in &version.requires {
            admitted = admitted.and(self.extent(*condition).answer());
            if admitted == Answer::No {
                return Answer::No;
            }
        }
        let mut decided: Option<Answer> = None;
        for rule in version.rules() {
            let applies = rule.when.map_or(Answer::Yes, |condition| self.extent(condition).answer());
            if applies == Answer::No {
                continue;
            }
            let outputs: Vec<Extent> = rule.outcome.iter().map(|expr| self.extent(*expr)).collect();
            let answer = wanted(&outputs);
            let so_far = decided.map_or(answer, |so_far| so_far.either(answer));
            if so_far == Answer::Unknown {
                return Answer::Unknown;
            }
            decided = Some(so_far);
            if applies == Answer::Yes {
                break;
            }
        }
        admitted.and(decided.unwrap_or(Answer::Unknown))
    }

    /// The extent of an expression.
    pub fn extent(&mut self, expr: ExprId) -> Extent {
        self.work += 1;
        stacker::maybe_grow(STACK_RED_BYTES, STACK_GROW_BYTES, || self.compute(expr))
    }

    fn number(&mut self, expr: ExprId) -> Bounds {
        self.extent(expr).bounds()
    }

    fn compute(&mut self, expr: ExprId) -> Extent {
        let version = self.version;
        let node = &version.exprs[expr];
        let unknown = || Extent::anything(node.ty.unit);
        match &node.kind {
            ExprKind::Constant(constant) => Extent::exact(reference::exact(*constant)),
            ExprKind::Field(field) => self.field(*field).unwrap_or_else(unknown),
            ExprKind::IsPresent(field) => Extent::Bool(self.is_present(*field)),
            ExprKind::OrElse(field, other) => match (self.is_present(*field), self.field(*field)) {
                (Answer::Yes, Some(extent)) => extent,
                (Answer::Unknown, Some(extent)) => extent.hull(self.extent(*other)),
                _ => self.extent(*other),
            },
            ExprKind::Param(param) => Extent::exact(reference::exact(version.params[*param].value)),
            ExprKind::Hole(hole) => self.any_fact(*hole).unwrap_or_else(|| match self.fact(*hole, 0) {
                Some(fact) => Extent::exact(fact),
                None => unknown(),
            }),
            ExprKind::InHole(value, hole) => Extent::Bool(self.is_in_hole(*value, *hole)),
            ExprKind::Entry(keys, hole) => self.entry(keys, *hole).unwrap_or_else(unknown),
            ExprKind::Let(name) => self.named(*name),
            ExprKind::Table(table) => self.cell(*table),
            ExprKind::Negate(operand) => {
                let (low, high) = self.number(*operand);
                Extent::Number(high.map(|high| -high), low.map(|low| -low))
            }
            ExprKind::Arithmetic(op, a, b) => {
                let (a, b) = (self.number(*a), self.number(*b));
                arithmetic(*op, a, b).short()
            }
            ExprKind::Compare(comparison, a, b) => {
                let (a, b) = (self.extent(*a), self.extent(*b));
                Extent::Bool(compare(*comparison, &a, &b))
            }
            ExprKind::In(value, ranges) => Extent::Bool(self.is_in(*value, ranges)),
            ExprKind::Not(operand) => Extent::Bool(self.extent(*operand).answer().negated()),
            ExprKind::And(a, b) => Extent::Bool(match self.extent(*a).answer() {
                Answer::No => Answer::No,
                first => first.and(self.extent(*b).answer()),
            }),
            ExprKind::Or(a, b) => Extent::Bool(match self.extent(*a).answer() {
                Answer::Yes => Answer::Yes,
                first => first.negated().and(self.extent(*b).answer().negated()).negated(),
            }),
            ExprKind::If(condition, a, b) => match self.extent(*condition).answer() {
                Answer::Yes => self.extent(*a),
                Answer::No => self.extent(*b),
                Answer::Unknown => {
                    let first = self.extent(*a);
                    first.hull(self.extent(*b))
                }
            },
            ExprKind::Round { value, mode, unit } => {
                let unit = reference::rational(*unit);
                let (low, high) = self.number(*value);
                let rounded =
                    |end: BigRational| BigRational::from(reference::round(*mode, end / &unit)) * &unit;
                Extent::Number(low.map(rounded), high.map(rounded))
            }
            ExprKind::AddMonths(date, months) => {
                let (date, months) = (self.number(*date), self.number(*months));
                let end = self.policy.month_end.unwrap_or(MonthEnd::Clip);
                add_months(date, months, end).unwrap_or_else(unknown)
            }
            ExprKind::WholeMonths(from, to) => {
                let (from, to) = (self.number(*from), self.number(*to));
                months_between(from, to, 1).unwrap_or_else(unknown)
            }
            ExprKind::WholeYears(from, to) => {
                let (from, to) = (self.number(*from), self.number(*to));
                months_between(from, to, 12).unwrap_or_else(unknown)
            }
        }
    }

    fn is_present(&self, field: u32) -> Answer {
        match self.row {
            Row::Given(given, ..) => Answer::of(given[field as usize].is_some()),
            Row::Any if self.policy.schema.inputs[field as usize].optional => Answer::Unknown,
            Row::Any => Answer::Yes,
        }
    }

    /// The values of a field; `None` if it is missing.
    fn field(&self, field: u32) -> Option<Extent> {
        let Field { kind, ref domain, .. } = self.policy.schema.inputs[field as usize];
        let values = match self.row {
            Row::Given(_, at, values) if at == field => values,
            Row::Given(given, ..) => Interval::point(given[field as usize]?),
            Row::Any if self.policy.schema.effective == Some(field) => {
                let in_force = Interval::new(self.version.from.into(), i128::from(self.version.until) - 1);
                domain.range.intersect(in_force).unwrap_or(domain.range)
            }
            Row::Any => domain.range,
        };
        Some(self.values(kind, values))
    }

    fn values(&self, kind: Kind, values: Interval) -> Extent {
        match kind {
            Kind::Bool => Extent::Bool(match values.single() {
                Some(value) => Answer::of(value != 0),
                None => Answer::Unknown,
            }),
            Kind::Enum(_) => Extent::Enum(
                (values.hi - values.lo < ENUM_VALUES_KEPT as i128)
                    .then(|| (values.lo..=values.hi).map(|value| value as u32).collect()),
            ),
            kind => {
                let scale = reference::power_of_ten(reference::decimals(self.policy, kind));
                let end = |end: i128| Some(BigRational::new(end.into(), scale.clone()));
                Extent::Number(end(values.lo), end(values.hi))
            }
        }
    }

    /// The values that a fact may have, where nothing else is known of facts.
    fn any_fact(&self, hole: u32) -> Option<Extent> {
        let hole = &self.policy.holes[hole as usize];
        matches!(self.row, Row::Any).then(|| self.values(hole.kind(), hole.domain().range))
    }

    /// An entry of a hole. The facts come after the input fields of the row.
    fn fact(&self, hole: u32, entry: usize) -> Option<Value> {
        let index = self.policy.schema.inputs.len() + self.policy.first_fact(hole) + entry;
        let Row::Given(given, ..) = self.row else { return None };
        let given = *given.get(index)?;
        Some(reference::counted(self.policy, self.policy.holes[hole as usize].kind(), given?))
    }

    fn is_in_hole(&mut self, value: ExprId, hole: u32) -> Answer {
        let Extent::Enum(Some(codes)) = self.extent(value) else { return Answer::Unknown };
        let is_in = |code: &u32| match self.fact(hole, *code as usize) {
            Some(Value::Bool(is_in)) => Answer::of(is_in),
            _ => Answer::Unknown,
        };
        codes.iter().map(is_in).reduce(Answer::either).unwrap_or(Answer::Unknown)
    }

    /// The values of a table from a snapshot for all keys that are possible; `None` if these are too many.
    fn entry(&mut self, keys: &[ExprId], hole: u32) -> Option<Extent> {
        if let Some(any) = self.any_fact(hole) {
            return Some(any);
        }
        let policy = self.policy;
        let mut cells: Vec<Vec<Value>> = vec![vec![]];
        for (expr, key) in keys.iter().zip(policy.holes[hole as usize].keys()) {
            let extent = self.extent(*expr);
            let scale = reference::decimals(policy, key.kind);
            let value = |value: &i128| reference::counted(policy, key.kind, *value);
            let possible: Vec<Value> = match extent {
                Extent::Number(Some(low), Some(high)) if scale == 0 => {
                    let values = key.domain.values();
                    let inside = |value: &i128| {
                        let value = BigRational::from(BigInt::from(*value));
                        low <= value && value <= high
                    };
                    values.filter(inside).take(CELLS_MAX + 1).map(|each| value(&each)).collect()
                }
                Extent::Bool(Answer::Yes) => vec![Value::Bool(true)],
                Extent::Bool(Answer::No) => vec![Value::Bool(false)],
                Extent::Bool(Answer::Unknown) => vec![Value::Bool(false), Value::Bool(true)],
                Extent::Enum(Some(codes)) => codes.iter().map(|code| Value::Enum(*code)).collect(),
                Extent::Number(..) | Extent::Enum(None) => return None,
            };
            if cells.len() * possible.len() > CELLS_MAX {
                return None;
            }
            let with =
                |cell: &Vec<Value>, value: &Value| [cell.as_slice(), std::slice::from_ref(value)].concat();
            cells =
                cells.iter().flat_map(|cell| possible.iter().map(move |value| with(cell, value))).collect();
        }
        let values: Vec<Value> = cells
            .iter()
            .map(|cell| self.fact(hole, reference::entry(policy, hole, cell)?))
            .collect::<Option<_>>()?;
        values.into_iter().map(Extent::exact).reduce(Extent::hull)
    }

    fn named(&mut self, name: LetId) -> Extent {
        if let Some(extent) = self.lets.get(&name) {
            return extent.clone();
        }
        let extent = self.extent(self.version.lets[name].body);
        self.lets.insert(name, extent.clone());
        extent
    }

    fn is_in(&mut self, value: ExprId, ranges: &[(ExprId, ExprId)]) -> Answer {
        let value = self.extent(value);
        let mut found = Answer::No;
        for (low, high) in ranges {
            let (low, high) = (self.extent(*low), self.extent(*high));
            let inside = compare(Comparison::Le, &low, &value).and(compare(Comparison::Le, &value, &high));
            match inside {
                Answer::Yes => return Answer::Yes,
                Answer::No => {}
                Answer::Unknown => found = Answer::Unknown,
            }
        }
        found
    }

    /// The cell of a table: the hull of all that may apply, up to the first row that must.
    fn cell(&mut self, id: TableId) -> Extent {
        if let Some(extent) = self.cells.get(&id) {
            return extent.clone();
        }
        let version = self.version;
        let table = &version.tables[id];
        let mut keys = Vec::with_capacity(table.keys.len());
        for key in &table.keys {
            let present = key.optional.map_or(Answer::Yes, |field| self.is_present(field));
            keys.push((present, (present != Answer::No).then(|| self.extent(key.value))));
        }
        let mut found: Option<Extent> = None;
        for row in &table.rows {
            self.work += keys.len();
            let holds = |answer: Answer, (cell, (present, key)): (&Cell, &(Answer, Option<Extent>))| {
                if answer == Answer::No {
                    return Answer::No;
                }
                let by_value = cell_holds(cell, key.as_ref());
                let maybe_missing = *present == Answer::Unknown;
                answer.and(if maybe_missing { by_value.either(cell_holds(cell, None)) } else { by_value })
            };
            let applies = row.cells.iter().zip(&keys).fold(Answer::Yes, holds);
            if applies == Answer::No {
                continue;
            }
            let value = Extent::exact(reference::exact(row.value));
            found = Some(match found {
                Some(found) => found.hull(value),
                None => value,
            });
            if applies == Answer::Yes {
                break;
            }
        }
        let extent = found.unwrap_or_else(|| Extent::anything(table.ty.unit));
        self.cells.insert(id, extent.clone());
        extent
    }
}

fn cell_holds(cell: &Cell, key: Option<&Extent>) -> Answer {
    match (cell, key) {
        (Cell::Any, _) | (Cell::Missing, None) => Answer::Yes,
        (Cell::Missing, Some(_)) | (Cell::Within(_), None) => Answer::No,
        (Cell::Within(spans), Some(Extent::Enum(Some(values)))) => {
            let accepted = |value: &u32| {
                spans.iter().any(|span| span_holds(span, &Extent::exact(Value::Enum(*value))) == Answer::Yes)
            };
            let answers = values.iter().map(|value| Answer::of(accepted(value)));
            answers.reduce(Answer::either).unwrap_or(Answer::Unknown)
        }
        (Cell::Within(spans), Some(key)) => {
            let mut found = Answer::No;
            for span in spans {
                match span_holds(span, key) {
                    Answer::Yes => return Answer::Yes,
                    Answer::No => {}
                    Answer::Unknown => found = Answer::Unknown,
                }
            }
            found
        }
    }
}

fn span_holds(span: &CellSpan, key: &Extent) -> Answer {
    let within = |end: Option<(Constant, bool)>, open: Comparison, closed: Comparison| {
        let Some((end, is_closed)) = end else { return Answer::Yes };
        key.compared(if is_closed { closed } else { open }, &reference::exact(end))
    };
    within(span.low, Comparison::Gt, Comparison::Ge).and(within(span.high, Comparison::Lt, Comparison::Le))
}

fn compare(comparison: Comparison, a: &Extent, b: &Extent) -> Answer {
    match (a, b) {
        (Extent::Number(a_low, a_high), Extent::Number(b_low, b_high)) => {
            // what an unknown bound leaves open is not so
            let is = |one: &Option<BigRational>,
                      other: &Option<BigRational>,
                      test: fn(&BigRational, &BigRational) -> bool| {
                one.as_ref().zip(other.as_ref()).is_some_and(|(one, other)| test(one, other))
            };
            let less = is(a_high, b_low, |a, b| a < b);
            let less_or_equal = is(a_high, b_low, |a, b| a <= b);
            let greater = is(a_low, b_high, |a, b| a > b);
            let greater_or_equal = is(a_low, b_high, |a, b| a >= b);
            let answer = |yes: bool, no: bool| match (yes, no) {
                (true, _) => Answer::Yes,
                (_, true) => Answer::No,
                _ => Answer::Unknown,
            };
            match comparison {
                Comparison::Lt => answer(less, greater_or_equal),
                Comparison::Le => answer(less_or_equal, greater),
                Comparison::Gt => answer(greater, less_or_equal),
                Comparison::Ge => answer(greater_or_equal, less),
                Comparison::Eq => answer(less_or_equal && greater_or_equal, less || greater),
                Comparison::Ne => answer(less || greater, less_or_equal && greater_or_equal),
            }
        }
        (Extent::Bool(a), Extent::Bool(b)) => {
            let number = |answer: &Answer| match answer {
                Answer::No => Some(0),
                Answer::Yes => Some(1),
                Answer::Unknown => None,
            };
            number(a).zip(number(b)).map_or(Answer::Unknown, |(a, b)| ordered(comparison, a, b))
        }
        (Extent::Enum(Some(a)), Extent::Enum(Some(b))) => {
            let pairs = a.iter().flat_map(|a| b.iter().map(move |b| ordered(comparison, *a, *b)));
            pairs.reduce(Answer::either).unwrap_or(Answer::Unknown)
        }
        (Extent::Enum(_), Extent::Enum(_)) => Answer::Unknown,
        _ => unreachable!("compared values are of one unit"),
    }
}

fn ordered(comparison: Comparison, a: u32, b: u32) -> Answer {
    Answer::of(match comparison {
        Comparison::Eq => a == b,
        Comparison::Ne => a != b,
        Comparison::Lt => a < b,
        Comparison::Le => a <= b,
        Comparison::Gt => a > b,
        Comparison::Ge => a >= b,
    })
}

fn sum(a: Option<BigRational>, b: Option<BigRational>) -> Option<BigRational> {
    a.zip(b).map(|(a, b)| a + b)
}

fn arithmetic(op: Arithmetic, a: Bounds, b: Bounds) -> Extent {
    let is_point = |(low, high): &Bounds| low.is_some() && low == high;
    if is_point(&a) && is_point(&b) {
        let value = a.0.zip(b.0).and_then(|(a, b)| reference::arithmetic(op, a, b));
        return Extent::Number(value.clone(), value);
    }
    let negated = |(low, high): Bounds| (high.map(|high| -high), low.map(|low| -low));
    let (low, high) = match op {
        Arithmetic::Add => (sum(a.0, b.0), sum(a.1, b.1)),
        Arithmetic::Sub => {
            let b = negated(b);
            (sum(a.0, b.0), sum(a.1, b.1))
        }
        Arithmetic::Mul => corners(a, b, |a, b| a * b),
        Arithmetic::Div => quotient(a, b),
        Arithmetic::FloorDiv => {
            let (low, high) = quotient(a, b);
            (low.map(|low| low.floor()), high.map(|high| high.floor()))
        }
        Arithmetic::Mod => remainder(a, b),
        Arithmetic::Min => (a.0.zip(b.0).map(|(a, b)| a.min(b)), least(a.1, b.1)),
        Arithmetic::Max => {
            let (low, high) = (least(negated(a.clone()).1, negated(b.clone()).1), a.1.zip(b.1));
            (low.map(|low| -low), high.map(|(a, b)| a.max(b)))
        }
    };
    Extent::Number(low, high)
}

/// The smaller of two upper bounds, of which one may be absent.
fn least(a: Option<BigRational>, b: Option<BigRational>) -> Option<BigRational> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The least and the greatest of the four corners, for an operation that is monotone in each operand.
fn corners(a: Bounds, b: Bounds, op: impl Fn(&BigRational, &BigRational) -> BigRational) -> Bounds {
    let (Some(a_low), Some(a_high), Some(b_low), Some(b_high)) = (a.0, a.1, b.0, b.1) else {
        return (None, None);
    };
    let results = [op(&a_low, &b_low), op(&a_low, &b_high), op(&a_high, &b_low), op(&a_high, &b_high)];
    (results.iter().min().cloned(), results.iter().max().cloned())
}

fn excludes_zero(bounds: &Bounds) -> bool {
    bounds.0.as_ref().is_some_and(BigRational::is_positive)
        || bounds.1.as_ref().is_some_and(BigRational::is_negative)
}

fn quotient(a: Bounds, b: Bounds) -> Bounds {
    if excludes_zero(&b) { corners(a, b, |a, b| a / b) } else { (None, None) }
}

fn remainder(a: Bounds, b: Bounds) -> Bounds {
    if !excludes_zero(&b) {
        return (None, None);
    }
    if let (Some(a_low), Some(a_high), Some(divisor), true) = (&a.0, &a.1, &b.0, b.0 == b.1) {
        let (first, last) = ((a_low / divisor).floor(), (a_high / divisor).floor());
        if first == last {
            let multiple = first * divisor;
            return (Some(a_low - &multiple), Some(a_high - &multiple));
        }
    }
    // between zero and the divisor, which is not reached: both are whole
    let (zero, one) = (BigRational::zero(), BigRational::one());
    let (low, high) = b;
    (low.map(|low| (low + &one).min(zero.clone())), high.map(|high| (high - &one).max(zero)))
}

fn both(bounds: Bounds) -> Option<(BigRational, BigRational)> {
    bounds.0.zip(bounds.1)
}

/// `None` if a date may be outside the calendar.
fn add_months(date: Bounds, months: Bounds, end: MonthEnd) -> Option<Extent> {
    let (first, last) = both(date)?;
    let (fewest, most) = both(months)?;
    let reached = |day: &BigRational, months: &BigRational, end: MonthEnd| {
        reference::add_months(day, months, end).map(BigRational::from)
    };
    if first == last && fewest == most {
        let reached = reached(&first, &fewest, end)?;
        return Some(Extent::Number(Some(reached.clone()), Some(reached)));
    }
    let whole = |end: BigRational| end.is_integer().then(|| end.to_integer().to_i128()).flatten();
    let days = Interval::new(whole(first)?, whole(last)?);
    let months = Interval::new(whole(fewest)?, whole(most)?);
    let reached = add_months_range(days, months, end)?;
    let number = |day: i128| Some(BigRational::from(BigInt::from(day)));
    Some(Extent::Number(number(reached.lo), number(reached.hi)))
}

/// Whole periods of so many months. `None` if a date may be outside the calendar.
fn months_between(from: Bounds, to: Bounds, period: i64) -> Option<Extent> {
    let (from_first, from_last) = both(from)?;
    let (to_first, to_last) = both(to)?;
    let between = |from: &BigRational, to: &BigRational| {
        Some(BigRational::from(reference::whole_months(from, to)? / BigInt::from(period)))
    };
    Some(Extent::Number(Some(between(&from_last, &to_first)?), Some(between(&from_first, &to_last)?)))
}
