//! What did the author write? The tree of a policy, as written, with the span of every node.
//!
//! Expressions are in one arena, [`Policy::exprs`]. A node refers to its children by [`ExprId`], and children are
//! allocated before their parents, so that one pass over the arena in order sees every operand before its use, and
//! depth costs no stack. Literals are exact: digits and a scale, never floating point.
//!
//! Absent from this tree: what a name refers to, types of expressions, versions. Comments are kept beside it
//! ([`Policy::comments`]) for the formatter.

use cranelift_entity::{PrimaryMap, entity_impl};
use opus_ir::Rounding;
use opus_ir::date::MonthEnd;

/// A place in the source: bytes `start..end`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// The bytes `start..end`.
    pub fn new(start: usize, end: usize) -> Span {
        let byte = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { start: byte(start), end: byte(end) }
    }

    /// The least span that holds both.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// Whether the two have something in common.
    pub fn meets(self, other: Span) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// The bytes as a range, to index the source with.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The text at this place; empty where the source has no such bytes.
    ///
    /// ```
    /// use opus_frontend::ast::Span;
    /// assert_eq!(Span::new(7, 13).text("policy credit"), "credit");
    /// ```
    pub fn text(self, source: &str) -> &str {
        source.get(self.range()).unwrap_or("")
    }
}

/// A word chosen by the author: of a field, an enum value, a rule.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name {
    /// The word.
    pub text: String,
    /// Its span in the source.
    pub span: Span,
}

/// A quoted text, its escapes resolved: a title, a citation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Text {
    /// What is between the quotes.
    pub text: String,
    /// Its span, quotation marks included.
    pub span: Span,
}

/// A date written in the source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Day {
    /// The day number, 0 being 1970-01-01.
    pub day: i32,
    /// Its span in the source.
    pub span: Span,
}

/// An exact number: `mantissa` divided by ten to the `scale`. Trailing zeros are kept as written: `5.00` is
/// 500 with scale 2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Number {
    /// All digits, as one integer.
    pub mantissa: i128,
    /// How many of them follow the point.
    pub scale: u8,
}

/// A policy, as written.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The dotted name.
    pub name: DottedName,
    /// The items, in the order of the source.
    pub items: Vec<Item>,
    /// Every expression of the policy.
    pub exprs: Exprs,
    /// The comments in the order of the source, each from its dashes to the end of its line.
    pub comments: Vec<Span>,
    /// The lines that could not be read to their end: what seems to be absent may be there. None where there
    /// was no error.
    pub lost: Vec<Span>,
    /// From `policy` to the closing brace.
    pub span: Span,
}

impl Policy {
    /// Whether a place is in a line that could not be read to its end.
    pub fn is_lost(&self, place: Span) -> bool {
        self.lost.iter().any(|lost| lost.meets(place))
    }
}

/// The arena of expressions.
pub type Exprs = PrimaryMap<ExprId, Expr>;

/// `credit.personal`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DottedName {
    /// The words between the dots; never empty.
    pub parts: Vec<Name>,
    /// Its span in the source.
    pub span: Span,
}

impl std::fmt::Display for DottedName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<&str> = self.parts.iter().map(|part| part.text.as_str()).collect();
        f.write_str(&words.join("."))
    }
}

/// An item at the top level of a policy.
#[derive(Clone, PartialEq, Debug)]
pub enum Item {
    /// `currency USD`
    Currency(CurrencyDecl),
    /// `effective on submitted_on`
    Effective(EffectiveDecl),
    /// `version 1 from 2023-01-01`
    Version(VersionDecl),
    /// `month_end clip`
    MonthEnd(MonthEndDecl),
    /// `adverse decision in {decline}`
    Adverse(AdverseDecl),
    /// `enum Decision { approve, decline }`
    Enum(EnumDecl),
    /// `input { age : int in 16..120 }`
    Input(FieldBlock),
    /// `output { decision : Decision }`
    Output(FieldBlock),
    /// `param floor : int in 0..9 = 5`
    Param(Param),
    /// `set high_risk of Region from snapshot`
    Set(SetDecl),
    /// `table rate(region : Region) -> percent in 0%..30% from snapshot`
    FactTable(FactTableDecl),
    /// `let cap = …`
    Let(Let),
    /// `table share(score) unique -> percent { … }`
    Table(Table),
    /// `grid share : percent { … }`
    Grid(Grid),
    /// `require Q1 : a <= b`
    Require(Require),
    /// `rules first { … }`
    Rules(Rules),
    /// `case good { age = 40 }`
    Case(Case),
    /// `test "…" { given good expect rule C1 }`
    Test(Test),
}

impl Item {
    /// From the item's first word to its last token.
    pub fn span(&self) -> Span {
        match self {
            Item::Currency(item) => item.span,
            Item::Effective(item) => item.span,
            Item::Version(item) => item.span,
            Item::MonthEnd(item) => item.span,
            Item::Adverse(item) => item.span,
            Item::Enum(item) => item.span,
            Item::Input(item) | Item::Output(item) => item.span,
            Item::Param(item) => item.span,
            Item::Set(item) => item.span,
            Item::FactTable(item) => item.span,
            Item::Let(item) => item.span,
            Item::Table(item) => item.span,
            Item::Grid(item) => item.span,
            Item::Require(item) => item.span,
            Item::Rules(item) => item.span,
            Item::Case(item) => item.span,
            Item::Test(item) => item.span,
        }
    }
}

/// `currency USD`
#[derive(Clone, PartialEq, Debug)]
pub struct CurrencyDecl {
    /// The ISO 4217 code.
    pub code: Name,
    /// The whole item.
    pub span: Span,
}

/// `effective on submitted_on`
#[derive(Clone, PartialEq, Debug)]
pub struct EffectiveDecl {
    /// The input date that selects the version.
    pub field: Name,
    /// The whole item.
    pub span: Span,
}

/// `version 2 from 2025-01-01 cite "Risk Committee"`
#[derive(Clone, PartialEq, Debug)]
pub struct VersionDecl {
    /// Its number.
    pub number: VersionNumber,
    /// The first day on which it is in force.
    pub from: Day,
    /// Who decided so.
    pub cite: Option<Text>,
    /// The whole item.
    pub span: Span,
}

/// The number of a version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VersionNumber {
    /// The number, from 1 by custom.
    pub number: u32,
    /// Its span in the source.
    pub span: Span,
}

/// `month_end clip`
#[derive(Clone, PartialEq, Debug)]
pub struct MonthEndDecl {
    /// What `+ n months` does where the month that is reached has no such day.
    pub rule: MonthEnd,
    /// The whole item.
    pub span: Span,
}

/// `adverse decision in {decline}`
#[derive(Clone, PartialEq, Debug)]
pub struct AdverseDecl {
    /// The output.
    pub output: Name,
    /// The values with which a decision is adverse.
    pub values: Vec<ExprId>,
    /// The whole item.
    pub span: Span,
}

/// `enum Reason { UNDER_AGE "Applicant is a minor", OTHER }`
#[derive(Clone, PartialEq, Debug)]
pub struct EnumDecl {
    /// The name of the type.
    pub name: Name,
    /// The values, in order.
    pub values: Vec<EnumValueDecl>,
    /// The whole item.
    pub span: Span,
}

/// A value of an enum, and what it says to people.
#[derive(Clone, PartialEq, Debug)]
pub struct EnumValueDecl {
    /// The name.
    pub name: Name,
    /// The text, if there is one.
    pub text: Option<Text>,
}

/// `input { … }` or `output { … }`
#[derive(Clone, PartialEq, Debug)]
pub struct FieldBlock {
    /// The fields, in order.
    pub fields: Vec<Field>,
    /// The whole item.
    pub span: Span,
}

/// An input field or an output. `optional` and `actionable` belong to inputs and `default` to outputs; the parser
/// accepts each only there.
#[derive(Clone, PartialEq, Debug)]
pub struct Field {
    /// The name.
    pub name: Name,
    /// The type with its range.
    pub ty: Type,
    /// The word `optional`, if it is there.
    pub optional: Option<Span>,
    /// Whether the value can be changed by the person or thing that is decided about.
    pub actionable: Option<Actionable>,
    /// What the output is where an outcome does not name it.
    pub default: Option<ExprId>,
    /// The whole field.
    pub span: Span,
}

/// `actionable`, `actionable up`, `actionable down`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Actionable {
    /// In which direction, if not in both.
    pub direction: Option<Direction>,
    /// The words.
    pub span: Span,
}

/// A direction in which a value can be changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Direction {
    /// To greater values, or later days.
    Up,
    /// To smaller values, or earlier days.
    Down,
}

impl Direction {
    /// Its word in a policy.
    pub const fn name(self) -> &'static str {
        match self {
            Direction::Up => "up",
            Direction::Down => "down",
        }
    }
}

impl Actionable {
    /// As it is written in a policy.
    pub fn text(self) -> String {
        self.direction.map_or("actionable".into(), |direction| format!("actionable {}", direction.name()))
    }
}

/// `money in $0..$500`
#[derive(Clone, PartialEq, Debug)]
pub struct Type {
    /// What kind of value.
    pub kind: TypeKind,
    /// Which of them, where the author says so.
    pub domain: Option<Domain>,
    /// The type and its range.
    pub span: Span,
}

/// A kind of value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TypeKind {
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `decimal(3)`: with this many decimal places.
    Decimal(u8),
    /// `money`
    Money,
    /// `percent(2)`, which `percent` alone means: with this many decimal places in the percentage.
    Percent(u8),
    /// `days`
    Days,
    /// `date`
    Date,
    /// The name of an enum.
    Named(Name),
}

/// The values that a type is narrowed to.
#[derive(Clone, PartialEq, Debug)]
pub struct Domain {
    /// A range or a list.
    pub kind: DomainKind,
    /// What follows `in`.
    pub span: Span,
}

/// A range or a list.
#[derive(Clone, PartialEq, Debug)]
pub enum DomainKind {
    /// `low..high`, both included.
    Range {
        /// The least.
        low: ExprId,
        /// The greatest.
        high: ExprId,
    },
    /// `{12, 24, 36}`
    Set(Vec<ExprId>),
}

/// `from D until D`: in force from the first, no longer on the second. Both empty: always.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Dated {
    /// The first day.
    pub from: Option<Day>,
    /// The day after the last.
    pub until: Option<Day>,
}

impl Dated {
    /// The span of the dates; `None` without dates.
    pub fn span(self) -> Option<Span> {
        let spans = [self.from, self.until].into_iter().flatten().map(|day| day.span);
        spans.reduce(Span::to)
    }

    /// Whether something so dated is in force on a day.
    pub fn holds_on(self, day: i32) -> bool {
        self.from.is_none_or(|from| from.day <= day) && self.until.is_none_or(|until| day < until.day)
    }
}

/// `param score_floor : int in 300..850 cite "3.2" { from 2023-01-01 = 680 }`
#[derive(Clone, PartialEq, Debug)]
pub struct Param {
    /// The name.
    pub name: Name,
    /// The type, with the range that bounds every value it may be given.
    pub ty: Type,
    /// Where it is written down.
    pub cite: Option<Text>,
    /// The values; one without dates where it was written `= value`. Empty if and only if they come from a snapshot.
    pub values: Vec<ParamValue>,
    /// Whether the values come from a snapshot.
    pub from_snapshot: bool,
    /// The whole item.
    pub span: Span,
}

/// `set high_risk of Region cite "7.1" from snapshot`: a set of values of an enum, which a snapshot holds.
#[derive(Clone, PartialEq, Debug)]
pub struct SetDecl {
    /// The name.
    pub name: Name,
    /// The enum.
    pub of: Name,
    /// Where it is written down.
    pub cite: Option<Text>,
    /// The whole item.
    pub span: Span,
}

/// `table rate(region : Region, term : int in {12, 24}) -> percent in 0%..30% from snapshot`: a value for each
/// combination of keys, which a snapshot holds.
#[derive(Clone, PartialEq, Debug)]
pub struct FactTableDecl {
    /// The name.
    pub name: Name,
    /// The keys, each with its type.
    pub keys: Vec<FactKey>,
    /// The type, with the range that bounds every value.
    pub ty: Type,
    /// Where it is written down.
    pub cite: Option<Text>,
    /// The whole item.
    pub span: Span,
}

/// `term : int in {12, 24}`
#[derive(Clone, PartialEq, Debug)]
pub struct FactKey {
    /// The name.
    pub name: Name,
    /// The type, with the values that it takes.
    pub ty: Type,
}

/// `from 2023-01-01 = 680`
#[derive(Clone, PartialEq, Debug)]
pub struct ParamValue {
    /// When it holds.
    pub dated: Dated,
    /// The value.
    pub value: ExprId,
    /// The dates and the value.
    pub span: Span,
}

/// `let cap from 2025-01-01 = …`, in a policy or between its rules.
#[derive(Clone, PartialEq, Debug)]
pub struct Let {
    /// The name.
    pub name: Name,
    /// When it holds.
    pub dated: Dated,
    /// The value.
    pub value: ExprId,
    /// The whole item.
    pub span: Span,
}

/// `table cap_share(score) unique -> percent in 0%..100% cite "5.3" { | 300..739 => 20% ; }`
#[derive(Clone, PartialEq, Debug)]
pub struct Table {
    /// The name, which denotes the table's value in expressions.
    pub name: Name,
    /// The names that its cells look at; never empty.
    pub args: Vec<Name>,
    /// How many rows may apply.
    pub choice: Choice,
    /// The word that says so.
    pub choice_span: Span,
    /// The type of its values.
    pub ty: Type,
    /// Where it is written down.
    pub cite: Option<Text>,
    /// The rows.
    pub rows: Vec<TableRow>,
    /// The whole item.
    pub span: Span,
}

/// How many rows of a table may apply to an input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// Exactly one.
    Unique,
    /// Any number; the first counts.
    First,
}

/// `| 300..739 | salaried => 20% from 2025-01-01 T1 cite "5.3" ;`; commas may replace the bars between cells.
#[derive(Clone, PartialEq, Debug)]
pub struct TableRow {
    /// One cell for each argument of the table; the checker compares the counts.
    pub cells: Vec<Cell>,
    /// The value.
    pub value: ExprId,
    /// When the row holds.
    pub dated: Dated,
    /// Its name, if it has one.
    pub id: Option<Name>,
    /// Where it is written down.
    pub cite: Option<Text>,
    /// From the bar to the semicolon.
    pub span: Span,
}

/// `grid cap_share : percent { score \ product | personal | auto ; 300..739 | 20% | 35% ; }`
#[derive(Clone, PartialEq, Debug)]
pub struct Grid {
    /// The name, which denotes the grid's value in expressions.
    pub name: Name,
    /// The type of its values.
    pub ty: Type,
    /// Where it is written down.
    pub cite: Option<Text>,
    /// The name that the first cell of a row looks at.
    pub row_arg: Name,
    /// The name that the heads of the columns look at.
    pub column_arg: Name,
    /// The heads of the columns.
    pub columns: Vec<Cell>,
    /// The rows.
    pub rows: Vec<GridRow>,
    /// The whole item.
    pub span: Span,
}

/// `300..739 | 20% | 35% until 2025-01-01 ;`
#[derive(Clone, PartialEq, Debug)]
pub struct GridRow {
    /// Which values of the row argument it applies to.
    pub cell: Cell,
    /// One value for each column; the checker compares the counts.
    pub values: Vec<ExprId>,
    /// When the row holds.
    pub dated: Dated,
    /// Its name, if it has one.
    pub id: Option<Name>,
    /// Where it is written down.
    pub cite: Option<Text>,
    /// From the first cell to the semicolon.
    pub span: Span,
}

/// A condition on one argument of a table or grid.
#[derive(Clone, PartialEq, Debug)]
pub struct Cell {
    /// Which values it accepts.
    pub kind: CellKind,
    /// Its span in the source.
    pub span: Span,
}

/// Which values a cell accepts.
#[derive(Clone, PartialEq, Debug)]
pub enum CellKind {
    /// `any`: every value, and a missing one.
    Any,
    /// `missing`: no value.
    Missing,
    /// `5` or `= 5`
    Value(ExprId),
    /// `{1, 2}`
    Set(Vec<ExprId>),
    /// `low..high`, both included.
    Range {
        /// The least.
        low: ExprId,
        /// The greatest.
        high: ExprId,
    },
    /// `low..<high`, the upper bound not included.
    Below {
        /// The least.
        low: ExprId,
        /// Above the greatest.
        high: ExprId,
    },
    /// `above low to high`, the lower bound not included.
    Above {
        /// Below the least.
        low: ExprId,
        /// The greatest.
        high: ExprId,
    },
    /// `< 5`, `>= 5`
    Compare {
        /// An order; never `==` or `!=`.
        op: Comparison,
        /// What is compared with.
        bound: ExprId,
    },
}

/// `require Q1 "reported after the loss" cite "HO-3 2" : reported_date >= loss_date`
#[derive(Clone, PartialEq, Debug)]
pub struct Require {
    /// Its name in reports of refusals.
    pub id: Name,
    /// What it says to people.
    pub title: Option<Text>,
    /// Where it is written down.
    pub cite: Option<Text>,
    /// When it holds.
    pub dated: Dated,
    /// What must be true.
    pub condition: ExprId,
    /// The whole item.
    pub span: Span,
}

/// `rules first { … otherwise ID => … }`
#[derive(Clone, PartialEq, Debug)]
pub struct Rules {
    /// Rules and `let`s in order. Where the parser reported no error the last one is `otherwise`, and the only
    /// one.
    pub statements: Vec<Statement>,
    /// The whole item.
    pub span: Span,
}

/// A statement between the braces of `rules`.
#[derive(Clone, PartialEq, Debug)]
pub enum Statement {
    /// `rule …` or `otherwise …`
    Rule(Rule),
    /// `let …`, seen by the rules after it.
    Let(Let),
}

impl Statement {
    /// From its first word to its last.
    pub fn span(&self) -> Span {
        match self {
            Statement::Rule(rule) => rule.span,
            Statement::Let(item) => item.span,
        }
    }
}

/// `rule C1 "Applicant is a minor" cite "CP 2.1" when age < 18 => decline, $0, UNDER_AGE`
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    /// The key of trace, diff, attribution and coverage.
    pub id: Name,
    /// What it says to people.
    pub title: Option<Text>,
    /// Where it is written down.
    pub cite: Option<Text>,
    /// When it holds; always empty on `otherwise`.
    pub dated: Dated,
    /// When it applies; `None` on `otherwise`.
    pub condition: Option<ExprId>,
    /// What it decides. Where the parser reported no error, either all have a name or none.
    pub outcomes: Vec<Outcome>,
    /// The whole rule.
    pub span: Span,
}

/// `decline` or `decision = decline`
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// The output, where it is given by name.
    pub output: Option<Name>,
    /// Its value.
    pub value: ExprId,
    /// The whole outcome.
    pub span: Span,
}

/// `case good { age = 40 score = 690 }`
#[derive(Clone, PartialEq, Debug)]
pub struct Case {
    /// The name.
    pub name: Name,
    /// The values of the fields.
    pub fields: Vec<Assignment>,
    /// The whole item.
    pub span: Span,
}

/// What a case or a test gives a field.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Given {
    /// A value.
    Value(ExprId),
    /// `missing`: no value, for an optional field.
    Missing,
}

/// `age = 40`, `score = missing`
#[derive(Clone, PartialEq, Debug)]
pub struct Assignment {
    /// The field.
    pub name: Name,
    /// Its value.
    pub value: Given,
    /// The whole assignment.
    pub span: Span,
}

/// `test "after it" { given good with { age = 30 } on 2025-01-01 expect rule C4 }`
#[derive(Clone, PartialEq, Debug)]
pub struct Test {
    /// What it shows.
    pub title: Text,
    /// The case that it starts from.
    pub given: Name,
    /// The values that differ from it.
    pub with: Vec<Assignment>,
    /// The value of the effective field.
    pub on: Option<Day>,
    /// What must come out; never empty.
    pub expect: Vec<Expectation>,
    /// The whole item.
    pub span: Span,
}

/// What a test expects.
#[derive(Clone, PartialEq, Debug)]
pub struct Expectation {
    /// Of what.
    pub kind: ExpectationKind,
    /// The whole expectation.
    pub span: Span,
}

/// What a test expects of what.
#[derive(Clone, PartialEq, Debug)]
pub enum ExpectationKind {
    /// `decision = approve`
    Output {
        /// The output.
        output: Name,
        /// Its value.
        value: ExprId,
    },
    /// `rule C4`
    Rule(Name),
    /// `version 2`
    Version(VersionNumber),
    /// `refused age`: a field, or the id of a `require`.
    Refused(Name),
}

/// An expression in [`Policy::exprs`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExprId(u32);
entity_impl!(ExprId, "expr");

/// An expression.
#[derive(Clone, PartialEq, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its span, parentheses included.
    pub span: Span,
    /// Whether the author put it in parentheses; of no meaning, kept for the formatter.
    pub parentheses: bool,
}

/// What an expression is.
#[derive(Clone, PartialEq, Debug)]
pub enum ExprKind {
    /// `5` (scale 0) or `0.25`
    Number(Number),
    /// `$5.00` or `5.00 EUR`
    Money {
        /// The symbol or the ISO 4217 code, as written.
        currency: Name,
        /// How many whole units of the currency: `$5.00` is 500 with scale 2.
        amount: Number,
    },
    /// `43%`: as many hundredths as the number says.
    Percent(Number),
    /// `2025-01-01`, as a day number: 0 is 1970-01-01.
    Date(i32),
    /// `true` or `false`
    Bool(bool),
    /// `30 days`, `n months`
    Duration {
        /// How many: a whole number.
        count: ExprId,
        /// Of what.
        unit: DurationUnit,
    },
    /// A field, parameter, `let`, table, grid or enum value.
    Name(Name),
    /// `Reason.other`
    EnumValue {
        /// The enum.
        of: Name,
        /// Its value.
        value: Name,
    },
    /// `-x`
    Negate(ExprId),
    /// `not x`
    Not(ExprId),
    /// `a + b`
    Arithmetic {
        /// Which operation.
        op: Arithmetic,
        /// The left operand.
        left: ExprId,
        /// The right operand.
        right: ExprId,
    },
    /// `a <= b`
    Compare {
        /// Which comparison.
        op: Comparison,
        /// The left operand.
        left: ExprId,
        /// The right operand.
        right: ExprId,
    },
    /// `a and b`, `a or b`
    Logic {
        /// Which of the two.
        op: Logic,
        /// The left operand.
        left: ExprId,
        /// The right operand.
        right: ExprId,
    },
    /// `x rounded half_even to cent`
    Rounded {
        /// What is rounded.
        value: ExprId,
        /// How.
        mode: Rounding,
        /// To a multiple of what.
        unit: RoundingUnit,
    },
    /// `x in low..high`, both included.
    InRange {
        /// What is looked for.
        value: ExprId,
        /// The least.
        low: ExprId,
        /// The greatest.
        high: ExprId,
    },
    /// `x in {a, b}`
    InSet {
        /// What is looked for.
        value: ExprId,
        /// Where it is looked for.
        members: Vec<ExprId>,
    },
    /// `x in high_risk`
    InNamed {
        /// What is looked for.
        value: ExprId,
        /// The set in which it is looked for.
        set: Name,
    },
    /// `x is missing`
    IsMissing(ExprId),
    /// `x is present`
    IsPresent(ExprId),
    /// `x or_else 0`
    OrElse {
        /// What may be missing.
        value: ExprId,
        /// The replacement for a missing value.
        fallback: ExprId,
    },
    /// `if c then a else b`
    If {
        /// The condition.
        condition: ExprId,
        /// The value where it holds.
        then: ExprId,
        /// The value where it does not.
        otherwise: ExprId,
    },
    /// `max(a, b)`
    Call {
        /// Which function.
        function: Function,
        /// The word, for its place.
        name: Name,
        /// The arguments; as many as the function takes where the parser reported no error.
        args: Vec<ExprId>,
    },
    /// `rate(region, 12)`: an entry of a table from a snapshot.
    Entry {
        /// The table.
        table: Name,
        /// The keys.
        keys: Vec<ExprId>,
    },
    /// What could not be read; the parser has reported it.
    Error,
}

/// The unit of a duration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DurationUnit {
    /// Days, which make a value of type `days`.
    Days,
    /// Calendar months, which are only added to dates.
    Months,
    /// Calendar years, which are only added to dates.
    Years,
}

impl DurationUnit {
    /// The word in the language.
    pub const fn name(self) -> &'static str {
        match self {
            DurationUnit::Days => "days",
            DurationUnit::Months => "months",
            DurationUnit::Years => "years",
        }
    }
}

/// An operation on numbers, amounts and dates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`, an exact quotient.
    Divide,
    /// `div`, floor division of whole numbers.
    Div,
    /// `mod`, its remainder.
    Mod,
    /// `of`: a share of something.
    Of,
}

impl Arithmetic {
    /// The operator in the language.
    pub const fn symbol(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
            Arithmetic::Div => "div",
            Arithmetic::Mod => "mod",
            Arithmetic::Of => "of",
        }
    }
}

/// A comparison of two values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// The operator in the language.
    pub const fn symbol(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }
}

/// How two conditions are joined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Logic {
    /// `and`: the right side sees the left true.
    And,
    /// `or`: the right side sees the left false.
    Or,
}

impl Logic {
    /// The word in the language.
    pub const fn name(self) -> &'static str {
        match self {
            Logic::And => "and",
            Logic::Or => "or",
        }
    }
}

/// What a value is rounded to a multiple of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoundingUnit {
    /// A word or a literal.
    pub kind: RoundingUnitKind,
    /// Its span in the source.
    pub span: Span,
}

/// A word or a literal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RoundingUnitKind {
    /// `cent`: the minor unit of the currency.
    Cent,
    /// `dollar`: one whole unit of the currency, whatever it is called.
    Dollar,
    /// `integer`
    Integer,
    /// A positive number, amount or percent: `5`, `$100`, `0.25%`.
    Literal(ExprId),
}

/// What can be called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Function {
    /// `min(a, b, …)`
    Min,
    /// `max(a, b, …)`
    Max,
    /// `whole_months(from, to)`
    WholeMonths,
    /// `whole_years(from, to)`
    WholeYears,
}

impl Function {
    /// Every function.
    pub const ALL: [Function; 4] =
        [Function::Min, Function::Max, Function::WholeMonths, Function::WholeYears];

    /// The word in the language, how it is called, and how many arguments it takes: at least, and at most where
    /// there is a limit of its own.
    const fn row(self) -> (&'static str, &'static str, (usize, Option<usize>)) {
        match self {
            Function::Min => ("min", "min(a, b, …)", (2, None)),
            Function::Max => ("max", "max(a, b, …)", (2, None)),
            Function::WholeMonths => ("whole_months", "whole_months(from, to)", (2, Some(2))),
            Function::WholeYears => ("whole_years", "whole_years(from, to)", (2, Some(2))),
        }
    }

    /// The word in the language.
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// How it is called.
    pub const fn usage(self) -> &'static str {
        self.row().1
    }

    /// How many arguments it takes: at least, and at most where there is a limit of its own.
    pub const fn arity(self) -> (usize, Option<usize>) {
        self.row().2
    }
}

impl ExprKind {
    /// The operands, in the order of the source.
    pub fn children(&self) -> Vec<ExprId> {
        match self {
            ExprKind::Number(_)
            | ExprKind::Money { .. }
            | ExprKind::Percent(_)
            | ExprKind::Date(_)
            | ExprKind::Bool(_)
            | ExprKind::Name(_)
            | ExprKind::EnumValue { .. }
            | ExprKind::Error => vec![],
            ExprKind::Duration { count: only, .. }
            | ExprKind::Negate(only)
            | ExprKind::Not(only)
            | ExprKind::InNamed { value: only, .. }
            | ExprKind::IsMissing(only)
            | ExprKind::IsPresent(only) => vec![*only],
            ExprKind::Arithmetic { left, right, .. }
            | ExprKind::Compare { left, right, .. }
            | ExprKind::Logic { left, right, .. } => vec![*left, *right],
            ExprKind::OrElse { value, fallback } => vec![*value, *fallback],
            ExprKind::Rounded { value, unit, .. } => match unit.kind {
                RoundingUnitKind::Literal(literal) => vec![*value, literal],
                _ => vec![*value],
            },
            ExprKind::InRange { value, low, high } => vec![*value, *low, *high],
            ExprKind::InSet { value, members } => [&[*value], members.as_slice()].concat(),
            ExprKind::If { condition, then, otherwise } => vec![*condition, *then, *otherwise],
            ExprKind::Call { args, .. } | ExprKind::Entry { keys: args, .. } => args.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_join_and_read_their_text() {
        let (a, b) = (Span::new(2, 4), Span::new(7, 9));
        assert_eq!(a.to(b), Span::new(2, 9));
        assert_eq!(b.to(a), Span::new(2, 9));
        assert_eq!(a.text("policy"), "li");
        assert_eq!(b.text("policy"), "");
    }

    #[test]
    fn dates_are_half_open() {
        let day = |day| Some(Day { day, span: Span::default() });
        let dated = Dated { from: day(10), until: day(20) };
        let holds: Vec<bool> = [9, 10, 19, 20].into_iter().map(|day| dated.holds_on(day)).collect();
        assert_eq!(holds, [false, true, true, false]);
        assert!(Dated::default().holds_on(0));
    }
}
