//! What does a policy say once names are resolved, units checked and versions separated?
//!
//! The typed tree. Everything dated has been decided: a [`Version`] holds the rules, amounts and rows that are
//! in force in it and nothing else, so a policy restricted to one version is again a policy. Numbers are exact
//! decimals; scaled integers appear first in the lowering. The reference evaluator runs this tree, and the
//! lowering translates it; they share nothing else.
//!
//! Expressions are in an arena, operands before their uses, so that depth costs no stack to drop or to walk.

use std::collections::{BTreeMap, BTreeSet};

use cranelift_entity::{PrimaryMap, entity_impl};
use opus_ir::date::MonthEnd;
use opus_ir::{Domain, Interval, Kind, Rounding, Schema, Shape, TableKey};

use crate::text::ast::Span;
pub use crate::text::ast::{Actionable, Direction, Number};

/// A typed expression of one version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExprId(u32);
entity_impl!(ExprId, "expr");

/// A parameter of one version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParamId(u32);
entity_impl!(ParamId, "param");

/// A named value of one version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetId(u32);
entity_impl!(LetId, "let");

/// A table or grid of one version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(u32);
entity_impl!(TableId, "table");

/// A policy that has passed every check of names, types, units, tables and versions.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The dotted name.
    pub name: String,
    /// Inputs and outputs.
    pub schema: Schema,
    /// By input index, where the field is declared.
    pub input_spans: Vec<Span>,
    /// By input index, whether and in which direction its value can be changed by the one who is decided about.
    pub actionable: Vec<Option<Actionable>>,
    /// Which decisions are adverse, where the policy says it.
    pub adverse: Option<Adverse>,
    /// By output index, where the output is declared.
    pub output_spans: Vec<Span>,
    /// What `+ n months` does at the end of a month, where the policy says it.
    pub month_end: Option<MonthEnd>,
    /// What comes from a snapshot.
    pub holes: Vec<Hole>,
    /// Every rule of every version.
    pub rules: Vec<RuleInfo>,
    /// Every require of every version.
    pub requires: Vec<RuleInfo>,
    /// The versions, by their first day.
    pub versions: Vec<Version>,
    /// The tests in the source, in order.
    pub tests: Vec<Test>,
}

/// Which decisions are adverse: those whose output has one of these values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Adverse {
    /// The index of the output, which is an enum.
    pub output: u32,
    /// The indices of the values.
    pub values: BTreeSet<u32>,
}

impl Adverse {
    /// Whether these outputs, by output index, are adverse.
    pub fn holds(&self, outputs: &[i128]) -> bool {
        u32::try_from(outputs[self.output as usize]).is_ok_and(|value| self.values.contains(&value))
    }
}

/// A parameter, set or table that comes from a snapshot, the same in all versions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hole {
    /// Its name, and what a fact can be.
    pub hole: opus_ir::Hole,
    /// The type of a parameter or of a table's entries; of a set, that of the question whether a value is in it.
    pub ty: Ty,
    /// The citation, if there is one.
    pub cite: Option<String>,
    /// The declaration.
    pub span: Span,
}

impl Hole {
    /// The enum of a set.
    pub fn of(&self) -> Option<u32> {
        match self.hole.shape {
            Shape::Set(of) => Some(of),
            Shape::Value { .. } | Shape::Table { .. } => None,
        }
    }

    /// The keys of a table.
    pub fn keys(&self) -> &[TableKey] {
        match &self.hole.shape {
            Shape::Table { keys, .. } => keys,
            Shape::Set(_) | Shape::Value { .. } => &[],
        }
    }

    /// The values that an entry may have: those of the parameter, or whether a value is in the set.
    pub fn domain(&self) -> Domain {
        match &self.hole.shape {
            Shape::Value { domain, .. } | Shape::Table { domain, .. } => domain.clone(),
            Shape::Set(_) => Domain::all(Interval::BOOL),
        }
    }

    /// What the integer of an entry counts.
    pub fn kind(&self) -> Kind {
        match self.hole.shape {
            Shape::Value { kind, .. } | Shape::Table { kind, .. } => kind,
            Shape::Set(_) => Kind::Bool,
        }
    }
}

/// How reports name a rule or a require. The same declaration in force in several versions is one entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleInfo {
    /// The id.
    pub id: String,
    /// The title, if there is one.
    pub title: Option<String>,
    /// The citation, if there is one.
    pub cite: Option<String>,
    /// The declaration.
    pub span: Span,
}

/// What is in force in one version.
#[derive(Clone, Debug)]
pub struct Version {
    /// Its number.
    pub number: u32,
    /// Its first day.
    pub from: i32,
    /// The first day of the next one, `i32::MAX` for the last.
    pub until: i32,
    /// The citation, if there is one.
    pub cite: Option<String>,
    /// The declaration.
    pub span: Span,
    /// Every expression, operands before their uses.
    pub exprs: PrimaryMap<ExprId, Expr>,
    /// The parameters with the amounts of this version.
    pub params: PrimaryMap<ParamId, Param>,
    /// The named values, each before those that use it.
    pub lets: PrimaryMap<LetId, Let>,
    /// The tables and grids with the rows of this version.
    pub tables: PrimaryMap<TableId, Table>,
    /// The conditions between inputs, in order: index in [`Policy::requires`] and condition.
    pub requires: Vec<(u32, ExprId)>,
    /// The rules and the named values between them, in order. The last is a rule without a condition.
    pub steps: Vec<Step>,
    /// Uses of optional inputs whose presence the form of conditions does not show: it has to be proved. By use, where the
    /// input is declared optional.
    pub unsure: BTreeMap<ExprId, Span>,
}

/// A constant with its declared range.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Param {
    /// The name.
    pub name: String,
    /// Its type.
    pub ty: Ty,
    /// The amount in this version.
    pub value: Constant,
    /// The citation, if there is one.
    pub cite: Option<String>,
    /// Where that amount is written.
    pub span: Span,
}

/// A named value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Let {
    /// The name.
    pub name: String,
    /// What it means.
    pub body: ExprId,
    /// The declaration.
    pub span: Span,
}

/// An entry of `rules first`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// From here on the name is known. It is a step only between rules; values of the policy's level are not.
    Let(LetId),
    /// A rule.
    Rule(Rule),
}

/// A rule with its outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// The index in [`Policy::rules`].
    pub index: u32,
    /// When it applies; `None` for `otherwise`.
    pub when: Option<ExprId>,
    /// By output index; outputs that the rule does not name have the expression of their default.
    pub outcome: Vec<ExprId>,
    /// The rule.
    pub span: Span,
}

/// A typed expression. An expression is never missing: a field that may be is only used where it was narrowed,
/// or in [`ExprKind::IsPresent`] and [`ExprKind::OrElse`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its type.
    pub ty: Ty,
    /// Where it is written.
    pub span: Span,
}

/// A unit and how exactly it is represented.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ty {
    /// What it measures.
    pub unit: Unit,
    /// How it is represented.
    pub form: Form,
}

/// What a value measures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Unit {
    /// A Boolean.
    Bool,
    /// A value of the enum with this index.
    Enum(u32),
    /// A day.
    Date,
    /// A number of days.
    Days,
    /// A plain number.
    Number,
    /// A percentage; its value is the fraction: 43 % is 0.43.
    Percent,
    /// An amount of the policy's currency; its value is in whole units.
    Money,
}

/// How a value is represented.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Form {
    /// An integer of `10^-scale`. A `percent(n)` has the scale `n + 2`; Booleans, enums, dates and days have 0.
    Scaled(u8),
    /// The exact quotient of two integers.
    Rational,
}

/// What an expression is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExprKind {
    /// A number, Boolean, enum value or date.
    Constant(Constant),
    /// The value of an input field, which is known to be present.
    Field(u32),
    /// Whether an optional input field is present. (`is missing` is its negation.)
    IsPresent(u32),
    /// The value of an optional input field, or the expression where it is missing.
    OrElse(u32, ExprId),
    /// A parameter.
    Param(ParamId),
    /// A parameter from a snapshot, by its hole.
    Hole(u32),
    /// Whether a value of an enum is in a set from a snapshot, by its hole.
    InHole(ExprId, u32),
    /// An entry of a table from a snapshot, by the values of its keys and the hole.
    Entry(Vec<ExprId>, u32),
    /// A named value.
    Let(LetId),
    /// The cell of a table that applies.
    Table(TableId),
    /// `-e`
    Negate(ExprId),
    /// Arithmetic on two operands.
    Arithmetic(Arithmetic, ExprId, ExprId),
    /// A comparison of two operands of one unit.
    Compare(Comparison, ExprId, ExprId),
    /// Whether the first is in one of the inclusive ranges; a single value is a range of itself twice.
    In(ExprId, Vec<(ExprId, ExprId)>),
    /// `not e`
    Not(ExprId),
    /// Whether both hold; the right side is evaluated only if the left holds.
    And(ExprId, ExprId),
    /// Whether one holds; the right side is evaluated only if the left fails.
    Or(ExprId, ExprId),
    /// The second where the first holds, otherwise the third.
    If(ExprId, ExprId, ExprId),
    /// The nearest multiple of the unit (a positive number in the value's own measure) by the mode.
    Round {
        /// What is rounded; scaled or rational.
        value: ExprId,
        /// How.
        mode: Rounding,
        /// To multiples of what.
        unit: Number,
    },
    /// The date this many months later.
    AddMonths(ExprId, ExprId),
    /// The whole months from the first date to the second.
    WholeMonths(ExprId, ExprId),
    /// The whole years from the first date to the second.
    WholeYears(ExprId, ExprId),
}

/// A constant of any type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Constant {
    /// A number, percentage (as a fraction), amount (in whole units), date (day number), number of days.
    Number(Number),
    /// A Boolean.
    Bool(bool),
    /// The index of a value of the enum that the type names.
    Enum(u32),
}

/// Arithmetic with two operands. Operand units have been checked; dates and days are plain day numbers here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Arithmetic {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a * b`, and `a of b`
    Mul,
    /// `a / b`, exact
    Div,
    /// `a div b`, the floor of the quotient of integers
    FloorDiv,
    /// `a mod b`, with the sign of the divisor
    Mod,
    /// the smaller
    Min,
    /// the greater
    Max,
}

/// A comparison.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Comparison {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

/// A table or grid. In a `unique` one exactly one row applies to every input, in a `first` one the first that
/// applies counts; both were checked, so that taking the first is right for both.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    /// The name.
    pub name: String,
    /// What its cells are compared with.
    pub keys: Vec<Key>,
    /// The rows of this version, in order.
    pub rows: Vec<TableRow>,
    /// The type of its values.
    pub ty: Ty,
    /// Whether exactly one row applies.
    pub unique: bool,
    /// The citation, if there is one.
    pub cite: Option<String>,
    /// The declaration.
    pub span: Span,
}

/// What the cells of one column of a table are compared with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// The value: a field, parameter or named value of the policy's level. Where the key may be missing it is
    /// the field itself, and is not evaluated if [`Key::optional`] is missing.
    pub value: ExprId,
    /// The optional field that it is, where it may be missing.
    pub optional: Option<u32>,
    /// The values for which it was judged whether the rows matter, as integers of its scale: of a `let`, those from the least
    /// to the greatest that the rows name, without an end where a row has none.
    pub range: Interval,
}

/// A row of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableRow {
    /// One cell per key.
    pub cells: Vec<Cell>,
    /// The value where the row applies.
    pub value: Constant,
    /// The id, if there is one.
    pub id: Option<String>,
    /// The citation, if there is one.
    pub cite: Option<String>,
    /// The row.
    pub span: Span,
}

/// A condition on one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cell {
    /// Holds for every value, and for a missing one.
    Any,
    /// Holds where the key is missing.
    Missing,
    /// Holds where the key is present and one of the spans holds it.
    Within(Vec<CellSpan>),
}

/// A span of values with its ends; an end that is `None` is open to all that the key can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CellSpan {
    /// The lower end and whether it belongs to the span.
    pub low: Option<(Constant, bool)>,
    /// The upper end and whether it belongs to the span.
    pub high: Option<(Constant, bool)>,
}

/// A test in the source.
#[derive(Clone, Debug)]
pub struct Test {
    /// What it is called.
    pub name: String,
    /// By input index, as the scaled integer of the field; `None` if it is missing.
    pub given: Vec<Option<i128>>,
    /// What is expected, in order, with the place where it is written.
    pub expects: Vec<(Expect, Span)>,
    /// The test.
    pub span: Span,
}

/// One expectation of a test.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expect {
    /// The output with this index has this value, as the scaled integer of the output.
    Output(u32, i128),
    /// The rule with this id decides.
    Rule(String),
    /// The version with this number decides.
    Version(u32),
    /// The row is refused, because of the field or require with this name.
    Refused(String),
}

impl Policy {
    /// The facts that a row is decided with: entry by entry of every hole, in order. The reference evaluator takes them
    /// after the input fields of a row.
    pub fn facts(&self) -> impl Iterator<Item = (usize, &Hole)> {
        let count = |hole: &Hole| hole.hole.open(0, &self.schema).map_or(0, |open| open.count as usize);
        self.holes.iter().flat_map(move |hole| (0..count(hole)).map(move |entry| (entry, hole)))
    }

    /// Where the entries of a hole begin among the facts.
    pub fn first_fact(&self, hole: u32) -> usize {
        let before = &self.holes[..hole as usize];
        before.iter().filter_map(|hole| hole.hole.open(0, &self.schema)).map(|open| open.count as usize).sum()
    }
}

impl Version {
    /// The rules in order, without the named values between them.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.steps.iter().filter_map(|step| match step {
            Step::Rule(rule) => Some(rule),
            Step::Let(_) => None,
        })
    }

    /// Whether the version says what another one says. The days when they are in force do not count.
    pub fn says_the_same_as(&self, other: &Version) -> bool {
        let Version { exprs, params, lets, tables, requires, steps, .. } = self;
        steps == &other.steps
            && requires == &other.requires
            && params == &other.params
            && lets == &other.lets
            && tables == &other.tables
            && exprs == &other.exprs
    }

    /// Whether the version looks at an input field.
    pub fn reads(&self, field: u32) -> bool {
        self.exprs.values().any(|expr| match expr.kind {
            ExprKind::Field(read) | ExprKind::IsPresent(read) | ExprKind::OrElse(read, _) => read == field,
            _ => false,
        })
    }

    /// What an expression is computed from.
    pub fn operands(&self, expr: ExprId) -> Vec<ExprId> {
        match &self.exprs[expr].kind {
            ExprKind::Constant(_)
            | ExprKind::Field(_)
            | ExprKind::IsPresent(_)
            | ExprKind::Param(_)
            | ExprKind::Hole(_) => Vec::new(),
            ExprKind::Let(name) => vec![self.lets[*name].body],
            ExprKind::Table(table) => self.tables[*table].keys.iter().map(|key| key.value).collect(),
            ExprKind::OrElse(_, a)
            | ExprKind::InHole(a, _)
            | ExprKind::Negate(a)
            | ExprKind::Not(a)
            | ExprKind::Round { value: a, .. } => vec![*a],
            ExprKind::Arithmetic(_, a, b)
            | ExprKind::Compare(_, a, b)
            | ExprKind::And(a, b)
            | ExprKind::Or(a, b)
            | ExprKind::AddMonths(a, b)
            | ExprKind::WholeMonths(a, b)
            | ExprKind::WholeYears(a, b) => vec![*a, *b],
            ExprKind::In(value, ranges) => {
                std::iter::once(*value).chain(ranges.iter().flat_map(|(a, b)| [*a, *b])).collect()
            }
            ExprKind::If(condition, a, b) => vec![*condition, *a, *b],
            ExprKind::Entry(keys, _) => keys.clone(),
        }
    }

    /// These expressions and everything that they are computed from.
    pub fn needed(&self, roots: impl IntoIterator<Item = ExprId>) -> BTreeSet<ExprId> {
        let mut needed = BTreeSet::new();
        let mut open: Vec<ExprId> = roots.into_iter().collect();
        while let Some(expr) = open.pop() {
            if needed.insert(expr) {
                open.extend(self.operands(expr));
            }
        }
        needed
    }

    /// Whether an expression is one of these or one that they are computed from.
    pub fn needs(&self, roots: impl IntoIterator<Item = ExprId>, sought: ExprId) -> bool {
        self.needed(roots).contains(&sought)
    }
}

impl Ty {
    /// A type represented as an integer.
    pub const fn scaled(unit: Unit, scale: u8) -> Ty {
        Ty { unit, form: Form::Scaled(scale) }
    }

    /// A Boolean.
    pub const BOOL: Ty = Ty::scaled(Unit::Bool, 0);

    /// The scale, `None` for a rational.
    pub const fn scale(self) -> Option<u8> {
        match self.form {
            Form::Scaled(scale) => Some(scale),
            Form::Rational => None,
        }
    }
}

impl Number {
    /// A whole number.
    pub const fn whole(x: i128) -> Number {
        Number { mantissa: x, scale: 0 }
    }

    /// The number as an integer of `10^-scale`, `None` if it has more decimals than that or leaves 128 bits.
    ///
    /// ```
    /// use opus_frontend::hir::Number;
    /// let price = Number { mantissa: 1250, scale: 2 };
    /// assert_eq!(price.at_scale(4), Some(125_000));
    /// assert_eq!(price.at_scale(1), Some(125));
    /// assert_eq!(price.at_scale(0), None);
    /// ```
    pub fn at_scale(self, scale: u8) -> Option<i128> {
        let power = 10i128.checked_pow(scale.abs_diff(self.scale) as u32)?;
        if scale >= self.scale {
            self.mantissa.checked_mul(power)
        } else {
            (self.mantissa % power == 0).then_some(self.mantissa / power)
        }
    }
}
