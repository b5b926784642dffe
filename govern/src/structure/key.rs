//! What are the parts of a policy called, by people and by programs?

use std::fmt;

use serde::{Deserialize, Serialize};

/// What names an element.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// `currency`
    Currency,
    /// `effective on`
    Effective,
    /// `month_end`
    MonthEnd,
    /// A version, by a number that stands for the same version wherever it is referred to.
    Version(u32),
    /// An enum.
    Enum(String),
    /// A value of an enum.
    EnumValue(String, String),
    /// An input field.
    Input(String),
    /// An output.
    Output(String),
    /// A parameter: its type and range.
    Param(String),
    /// A value of a parameter, and when it holds.
    ParamValue(String, Dates),
    /// A set that comes from a snapshot.
    Set(String),
    /// A `let` of the policy's level, and when it holds.
    Let(String, Dates),
    /// A table: its keys and type.
    Table(String),
    /// A row of a table, by its cells.
    TableRow(String, Vec<String>, Dates),
    /// A grid: its keys and type.
    Grid(String),
    /// A column of a grid, by its head.
    GridColumn(String, String),
    /// A row of a grid, by its first cell.
    GridRow(String, String, Dates),
    /// A cell of a grid, by row and column.
    GridCell(String, String, Dates, String),
    /// A `require`, and when it holds.
    Require(String, Dates),
    /// A rule, and when it holds.
    Rule(String, Dates),
    /// A `let` between rules, and when it holds.
    RuleLet(String, Dates),
    /// A case.
    Case(String),
    /// A test.
    Test(String),
}

/// When something holds: from one version until another, as numbers of versions; `None` is always.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Dates {
    /// The first version in which it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<When>,
    /// The first version in which it holds no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<When>,
}

/// A day on which something begins to hold or ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// The first day of the version that this number stands for.
    Version(u32),
    /// A day that is no version's first, as a day number.
    Day(i32),
}

/// What an element says, taken apart. As text it is one word, `output NAME` for what a rule decides, and `adverse VALUE`
/// for a value with which a decision is adverse.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Part {
    /// The number of a version.
    Number,
    /// The first day of a version.
    From,
    /// The value of a parameter, `let`, row or cell; the word of a setting.
    Value,
    /// The kind of value: `money`, `percent(2)`, the name of an enum.
    Type,
    /// The range or list of values.
    Range,
    /// `optional`
    Optional,
    /// `actionable`, with its direction.
    Actionable,
    /// The value of an output that an outcome does not name.
    Default,
    /// The names that a table's cells look at.
    Args,
    /// The keys of a table from a snapshot, each with its type.
    Keys,
    /// `unique` or `first`.
    Choice,
    /// The name that the first cells of a grid's rows look at.
    RowArg,
    /// The name that the heads of a grid's columns look at.
    ColumnArg,
    /// The condition of a rule or require; `true` for `otherwise`.
    Condition,
    /// What a rule decides for this output.
    Output(String),
    /// Of an output: with this value the decision is adverse.
    Adverse(String),
    /// The name of a row.
    Id,
    /// A title, or the text of an enum value.
    Title,
    /// A citation.
    Cite,
    /// All that a case or test says.
    Body,
}

/// By part without a name of its own, its word.
const WORDS: [(Part, &str); 18] = [
    (Part::Number, "number"),
    (Part::From, "from"),
    (Part::Value, "value"),
    (Part::Type, "type"),
    (Part::Range, "range"),
    (Part::Optional, "optional"),
    (Part::Actionable, "actionable"),
    (Part::Default, "default"),
    (Part::Args, "keys"),
    (Part::Keys, "typed keys"),
    (Part::Choice, "choice"),
    (Part::RowArg, "row key"),
    (Part::ColumnArg, "column key"),
    (Part::Condition, "condition"),
    (Part::Id, "id"),
    (Part::Title, "title"),
    (Part::Cite, "cite"),
    (Part::Body, "body"),
];

impl fmt::Display for Part {
    /// As messages name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, WORDS.iter().find(|(part, _)| part == self)) {
            (Part::Output(name), _) => write!(f, "output {name}"),
            (Part::Adverse(value), _) => write!(f, "adverse {value}"),
            (_, Some((_, word))) => f.write_str(word),
            (_, None) => unreachable!("every part without a name has a word"),
        }
    }
}

impl From<Part> for String {
    fn from(part: Part) -> String {
        part.to_string()
    }
}

impl TryFrom<String> for Part {
    type Error = String;

    fn try_from(text: String) -> Result<Part, String> {
        if let Some(name) = text.strip_prefix("output ") {
            return Ok(Part::Output(name.to_owned()));
        }
        if let Some(value) = text.strip_prefix("adverse ") {
            return Ok(Part::Adverse(value.to_owned()));
        }
        let known = WORDS.iter().find(|(_, word)| *word == text);
        known.map(|(part, _)| part.clone()).ok_or_else(|| format!("unknown part `{text}` of an element"))
    }
}

impl Part {
    /// Whether it takes part in a decision. Titles, citations, names of rows, cases, tests, and what explanations use do
    /// not.
    pub fn decides(&self) -> bool {
        match self {
            Part::Id | Part::Title | Part::Cite | Part::Body | Part::Number => false,
            Part::Actionable | Part::Adverse(_) => false,
            Part::From
            | Part::Value
            | Part::Type
            | Part::Range
            | Part::Optional
            | Part::Default
            | Part::Args
            | Part::Keys
            | Part::Choice
            | Part::RowArg
            | Part::ColumnArg
            | Part::Condition
            | Part::Output(_) => true,
        }
    }
}

/// Elements that come one after the other.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sequence {
    /// Declarations outside all others.
    Items,
    /// The input fields.
    Inputs,
    /// The outputs.
    Outputs,
    /// The values of an enum.
    EnumValues(String),
    /// The values of a parameter.
    ParamValues(String),
    /// The requires.
    Requires,
    /// Rules and the `let`s between them.
    Rules,
    /// The rows of a table of which the first that applies counts.
    FirstRows(String),
    /// The rows of a table of which exactly one applies.
    UniqueRows(String),
    /// The columns of a grid.
    GridColumns(String),
    /// The rows of a grid.
    GridRows(String),
}

impl Sequence {
    /// Whether the order has a meaning or is seen in results.
    pub fn counts(&self) -> bool {
        match self {
            Sequence::Inputs
            | Sequence::Outputs
            | Sequence::EnumValues(_)
            | Sequence::Requires
            | Sequence::Rules
            | Sequence::FirstRows(_) => true,
            Sequence::Items
            | Sequence::ParamValues(_)
            | Sequence::UniqueRows(_)
            | Sequence::GridColumns(_)
            | Sequence::GridRows(_) => false,
        }
    }

    /// Whether another order can change a decision.
    pub fn decides(&self) -> bool {
        matches!(self, Sequence::Rules | Sequence::FirstRows(_) | Sequence::Requires)
    }
}

impl Key {
    /// The sequence that the element is in; `None` for what belongs to another element.
    pub fn sequence(&self, is_first: impl Fn(&str) -> bool) -> Option<Sequence> {
        Some(match self {
            Key::Input(_) => Sequence::Inputs,
            Key::Output(_) => Sequence::Outputs,
            Key::EnumValue(name, _) => Sequence::EnumValues(name.clone()),
            Key::ParamValue(name, _) => Sequence::ParamValues(name.clone()),
            Key::Require(..) => Sequence::Requires,
            Key::Rule(..) | Key::RuleLet(..) => Sequence::Rules,
            Key::TableRow(name, ..) if is_first(name) => Sequence::FirstRows(name.clone()),
            Key::TableRow(name, ..) => Sequence::UniqueRows(name.clone()),
            Key::GridColumn(name, _) => Sequence::GridColumns(name.clone()),
            Key::GridRow(name, ..) => Sequence::GridRows(name.clone()),
            Key::GridCell(..) => return None,
            Key::Currency
            | Key::Effective
            | Key::MonthEnd
            | Key::Version(_)
            | Key::Enum(_)
            | Key::Param(_)
            | Key::Set(_)
            | Key::Let(..)
            | Key::Table(_)
            | Key::Grid(_)
            | Key::Case(_)
            | Key::Test(_) => Sequence::Items,
        })
    }

    /// When the element holds, where it is dated.
    pub fn dates(&self) -> Option<Dates> {
        self.clone().dates_mut().copied()
    }

    /// The key with other dates; itself where it has none.
    #[must_use]
    pub fn dated(&self, new: Dates) -> Key {
        let mut key = self.clone();
        key.dates_mut().into_iter().for_each(|dates| *dates = new);
        key
    }

    fn dates_mut(&mut self) -> Option<&mut Dates> {
        match self {
            Key::ParamValue(_, dates)
            | Key::Let(_, dates)
            | Key::TableRow(_, _, dates)
            | Key::GridRow(_, _, dates)
            | Key::GridCell(_, _, dates, _)
            | Key::Require(_, dates)
            | Key::Rule(_, dates)
            | Key::RuleLet(_, dates) => Some(dates),
            Key::Currency
            | Key::Effective
            | Key::MonthEnd
            | Key::Version(_)
            | Key::Enum(_)
            | Key::EnumValue(..)
            | Key::Input(_)
            | Key::Output(_)
            | Key::Param(_)
            | Key::Set(_)
            | Key::Table(_)
            | Key::Grid(_)
            | Key::GridColumn(..)
            | Key::Case(_)
            | Key::Test(_) => None,
        }
    }
}

impl fmt::Display for Key {
    /// As messages name it: `rule C4`, `param score_floor`, `cap_share[740..779, auto]`. Dates are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Currency => write!(f, "currency"),
            Key::Effective => write!(f, "effective"),
            Key::MonthEnd => write!(f, "month_end"),
            Key::Version(number) => write!(f, "version {number}"),
            Key::Enum(name) => write!(f, "enum {name}"),
            Key::EnumValue(of, name) => write!(f, "{of}.{name}"),
            Key::Input(name) => write!(f, "input {name}"),
            Key::Output(name) => write!(f, "output {name}"),
            Key::Param(name) | Key::ParamValue(name, _) => write!(f, "param {name}"),
            Key::Set(name) => write!(f, "set {name}"),
            Key::Let(name, _) | Key::RuleLet(name, _) => write!(f, "let {name}"),
            Key::Table(name) => write!(f, "table {name}"),
            Key::TableRow(name, cells, _) => write!(f, "{name}[{}]", cells.join(", ")),
            Key::Grid(name) => write!(f, "grid {name}"),
            Key::GridColumn(name, column) => write!(f, "{name}[column {column}]"),
            Key::GridRow(name, row, _) => write!(f, "{name}[{row}]"),
            Key::GridCell(name, row, _, column) => write!(f, "{name}[{row}, {column}]"),
            Key::Require(id, _) => write!(f, "require {id}"),
            Key::Rule(id, _) => write!(f, "rule {id}"),
            Key::Case(name) => write!(f, "case {name}"),
            Key::Test(name) => write!(f, "test {name:?}"),
        }
    }
}
