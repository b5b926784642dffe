//! Which habits do authors bring from other languages? A table: how a habit shows where the parser stops, what the
//! help says, and the edit, if there is a sure one.
//!
//! The first row that fits is taken, so the more specific comes first. A habit never decides whether a source is
//! refused; it only improves the message.

use crate::diagnostic::Diagnostic;
use crate::text::ast::Span;
use crate::text::token::Token;

use super::stop::Stop;

/// A habit: where it shows, what the help says, and an edit.
type Habit = (fn(&Stop) -> bool, &'static str, Mend);

/// An edit of the source where the parser stopped.
#[derive(Clone, Copy)]
enum Mend {
    /// None that is sure.
    Unsure,
    /// Without the word at this place.
    Drop,
    /// With something else instead of it.
    Write(&'static str),
    /// With something before it.
    Insert(&'static str),
}

use Mend::{Drop, Insert, Unsure, Write};

/// The diagnostic, with what is known about the habit that led to it.
pub(super) fn advise(diagnostic: Diagnostic, stop: &Stop) -> Diagnostic {
    let Some((_, help, mend)) = HABITS.iter().find(|(shows, ..)| shows(stop)) else { return diagnostic };
    let (place, behind) = (stop.span(), stop.end_of_before());
    let diagnostic = diagnostic.help(*help);
    match *mend {
        Unsure => diagnostic,
        Drop => diagnostic.fix(Span { start: behind.start, ..place }, ""),
        Write(text) if text.starts_with('=') && behind.end == place.start => {
            diagnostic.fix(place, format!(" {text}"))
        }
        Write(text) => diagnostic.fix(place, text),
        Insert(text) => diagnostic.fix(behind, text),
    }
}

const RULE: &str = "write a rule as `rule ID when CONDITION => OUTCOME`";
const OTHERWISE: &str = "write the last rule as `otherwise ID => OUTCOME`";
const RANGE: &str = "write a range as `a..b`, with both ends included";
const DOMAIN: &str = "a range follows its type: `age : int in 0..120`";
const CELL: &str =
    "a cell is a value, `a..b`, `< a`, `{a, b}`, `missing` or `any`; it does not repeat the key";
const CHOICE: &str = "write a choice as `if … then … else …`, with both sides";
const COMPARE: &str = "compare values with `==`, `!=`, `<`, `<=`, `>` and `>=`";
const JOIN: &str = "join conditions with `and` or `or`";
const FIELD: &str = "write a field as `name : type`";

const HABITS: &[Habit] = &[
    // numbers, dates, amounts
    (
        |stop| stop.text().starts_with('.') && stop.joins_digits() && stop.ago(1) == Some(Token::Number),
        "write a date as year, month and day: `2024-12-31`",
        Unsure,
    ),
    // names of policies, items
    (
        |stop| {
            stop.expects(Token::BlockOpen) && stop.expects(Token::Dot) && stop.token() != Some(Token::Minus)
        },
        "put the items of a policy in braces: `policy shop.fee { … }`",
        Unsure,
    ),
    (
        |stop| stop.ago(1) == Some(Token::Policy) || stop.ago(2) == Some(Token::Policy),
        "name a policy with words joined by dots: `policy shop.fee { … }`",
        Unsure,
    ),
    (
        |stop| stop.ago(1).is_some_and(Token::begins_item) && stop.is_any(&[Token::Colon, Token::Becomes]),
        "write nothing between this word and what follows it",
        Drop,
    ),
    (|stop| stop.ago(1) == Some(Token::Currency), "write the code alone: `currency USD`", Unsure),
    (
        |stop| stop.in_policy() && stop.token() == Some(Token::Rule),
        "put the rules together in `rules first { … }`",
        Unsure,
    ),
    // enums and fields
    (
        |stop| stop.ago(2) == Some(Token::Enum) && stop.expects(Token::BlockOpen),
        "put the values of an enum in braces: `enum Kind { a, b }`",
        Unsure,
    ),
    (
        |stop| {
            stop.token() == Some(Token::Text) && stop.expects(Token::Word) && stop.expects(Token::BlockClose)
        },
        "write names without quotation marks; a text may follow a name",
        Unsure,
    ),
    (
        |stop| stop.is_any(&[Token::Comma, Token::Semicolon]) && stop.expects(Token::Optional),
        "write fields one after the other, without a comma or semicolon between them",
        Drop,
    ),
    (
        |stop| stop.expects_type() && stop.is_any(&[Token::BlockOpen, Token::SetOpen, Token::Enum]),
        "list the values in an `enum` outside the input, and use its name as the type",
        Unsure,
    ),
    (
        |stop| stop.expects_type(),
        "the types are `bool`, `int`, `decimal(n)`, `money`, `percent`, `days`, `date` and enums; a range may follow",
        Unsure,
    ),
    (
        |stop| stop.expects(Token::Colon) && is_type(stop.text_ago(1)) && stop.token() == Some(Token::Word),
        FIELD,
        Unsure,
    ),
    (|stop| stop.expects(Token::Colon) && is_type(stop.text()), FIELD, Insert(" :")),
    (
        |stop| stop.ago(2) == Some(Token::Param) && stop.expects(Token::Colon),
        "give a parameter its type: `param floor : int in 0..120 = 18`",
        Unsure,
    ),
    (
        |stop| {
            stop.token() == Some(Token::Colon)
                && stop.ago_is_name(1)
                && stop.ago_is(2, &[Token::Arrow, Token::Comma])
        },
        "name an outcome with `=`: `decision = decline`",
        Write(" ="),
    ),
    (
        |stop| stop.expects(Token::Becomes) && stop.is_any(&[Token::Equal, Token::Colon]),
        "write one `=` to give a value",
        Write("="),
    ),
    (
        |stop| stop.expects(Token::From) && stop.expects(Token::BlockClose) && stop.begins_value(),
        "values in braces have dates: `from 2024-01-01 = 5`; a value that always holds follows `=`",
        Unsure,
    ),
    // ranges and lists
    (
        |stop| stop.is_any(&[Token::Dot, Token::Becomes]) && stop.ago(1) == Some(Token::Range),
        "`a..b` includes both ends",
        Drop,
    ),
    (
        |stop| stop.token() == Some(Token::Colon) && stop.ago(2) == Some(Token::Range),
        "write the upper end of this range: `a..b`",
        Unsure,
    ),
    (
        |stop| {
            stop.token() == Some(Token::Comma) && stop.expects(Token::Range) && !stop.expects(Token::Arrow)
        },
        "list values in braces: `x in {a, b}`",
        Unsure,
    ),
    (|stop| stop.token() == Some(Token::To) && stop.expects(Token::Range), RANGE, Write("..")),
    (|stop| stop.expects(Token::Range) && stop.expects(Token::Arrow), CELL, Unsure),
    (
        |stop| stop.expects(Token::Range),
        "write a range or a list after `in`: `x in a..b`, `x in {a, b}`",
        Unsure,
    ),
    (
        |stop| {
            let literal =
                stop.is_any(&[Token::Number, Token::Money, Token::Percent, Token::Date, Token::SetOpen]);
            stop.expects(Token::In) && !stop.expects(Token::Is) && literal
        },
        DOMAIN,
        Insert(" in"),
    ),
    (|stop| stop.expects(Token::In) && !stop.expects(Token::Is), DOMAIN, Unsure),
    // tables
    (
        |stop| stop.ago(2) == Some(Token::Table) && stop.expects(Token::Open),
        "write a table as `table name(key) unique -> type { … }`",
        Unsure,
    ),
    (
        |stop| stop.expects(Token::Unique) && !stop.expects(Token::Word),
        "write `unique` if exactly one row applies to each value, or `first` if the first row that applies counts",
        Unsure,
    ),
    (
        |stop| stop.expects(Token::Yields) && stop.is_any(&[Token::Colon, Token::Arrow]),
        "write the type of a table's values after `->`",
        Write("->"),
    ),
    (
        |stop| stop.expects(Token::Yields) && stop.is_any(&[Token::Unique, Token::First]),
        "name the keys of a table without types: `table t(age, score) unique -> type { … }`; types belong to a table \
         `from snapshot`",
        Unsure,
    ),
    (|stop| stop.expects(Token::Yields), "write the type of a table's values after `->`", Unsure),
    // rules
    (
        |stop| stop.expects(Token::Otherwise) && stop.is_any(&[Token::Else, Token::Default]),
        OTHERWISE,
        Write("otherwise"),
    ),
    (
        |stop| stop.token() == Some(Token::Semicolon) && (stop.expects(Token::Otherwise) || stop.in_policy()),
        "only the rows of tables and grids end with `;`",
        Drop,
    ),
    (|stop| stop.token() == Some(Token::Semicolon), "only the rows of tables and grids end with `;`", Unsure),
    (|stop| stop.ago(2) == Some(Token::Otherwise) && stop.expects(Token::Arrow), OTHERWISE, Unsure),
    (
        |stop| stop.expects(Token::When) && stop.token() == Some(Token::Otherwise),
        "write `otherwise` in place of `rule`: `otherwise ID => OUTCOME`",
        Unsure,
    ),
    (
        |stop| stop.expects(Token::When) && stop.is_any(&[Token::Dot, Token::Minus]),
        "write an id as one word of letters, digits and `_`: `rule R1_2`",
        Unsure,
    ),
    (|stop| stop.expects(Token::When) && stop.token() == Some(Token::If), RULE, Write("when")),
    (|stop| stop.expects(Token::When), RULE, Unsure),
    (
        |stop| {
            stop.expects(Token::Otherwise)
                && stop.is_any(&[Token::Word, Token::If, Token::When])
                && !stop.expects(Token::Arrow)
        },
        RULE,
        Unsure,
    ),
    (
        |stop| stop.ago(1) == Some(Token::Arrow) && stop.is_any(&[Token::BlockOpen, Token::SetOpen]),
        "write outcomes without braces, separated by commas",
        Unsure,
    ),
    (
        |stop| stop.expects(Token::Arrow) && stop.is_any(&[Token::BlockOpen, Token::SetOpen]),
        "write outcomes after `=>`, without braces",
        Unsure,
    ),
    (|stop| stop.token() == Some(Token::Case) && stop.expects(Token::If), CHOICE, Unsure),
    (
        |stop| stop.expects(Token::Then) && stop.token() == Some(Token::Arrow),
        "write a condition after `when` without `if`",
        Unsure,
    ),
    (|stop| stop.expects(Token::Then) || stop.expects(Token::Else), CHOICE, Unsure),
    // conditions
    (
        |stop| stop.is_any(&[Token::Missing, Token::Present]) && stop.after() == Some(Token::Open),
        "write the test after the name of the input: `x is missing`, `x is present`",
        Unsure,
    ),
    (
        |stop| stop.ago_is(1, &[Token::And, Token::Or]) && stop.token().is_some_and(Token::compares),
        "write a whole condition on both sides: `x >= a and x < b`, or `x in a..b`",
        Unsure,
    ),
    (
        |stop| stop.token() == Some(Token::Times) && stop.ago(1) == Some(Token::Times),
        "there are no powers: multiply",
        Unsure,
    ),
    (|stop| stop.expects(Token::Arrow) && stop.text() == "unless", "write `and not (…)`", Unsure),
    (
        |stop| stop.expects(Token::Arrow) && stop.text() == "xor",
        "write `(a) != (b)` if exactly one of two conditions holds",
        Unsure,
    ),
    (
        |stop| stop.expects(Token::Arrow) && WORDED.contains(&stop.text().to_lowercase().as_str()),
        COMPARE,
        Unsure,
    ),
    (
        |stop| {
            stop.expects(Token::Arrow)
                && !stop.expects(Token::Bar)
                && (stop.begins_value() || stop.is_any(&[Token::Comma]))
        },
        JOIN,
        Unsure,
    ),
    // tests
    (
        |stop| stop.ago(1) == Some(Token::Given),
        "a test starts from a named `case`: `case good { … }`, then `given good with { … }`",
        Unsure,
    ),
    // rounding and citations
    (
        |stop| stop.ago(1) == Some(Token::Rounded) || stop.ago(2) == Some(Token::Rounded),
        "write the mode and the unit: `rounded half_up to cent`",
        Unsure,
    ),
    (
        |stop| stop.ago(1) == Some(Token::Cite),
        "write a citation in quotation marks: `cite \"Policy 3\"`",
        Unsure,
    ),
];

/// Words that compare in other languages and in prose.
const WORDED: &[&str] = &[
    "less", "greater", "more", "under", "over", "below", "exceeds", "equals", "equal", "at", "lt", "gt",
    "le", "ge", "eq", "ne", "like", "matches", "contains", "has", "isnt", "up",
];

pub(super) fn is_type(word: &str) -> bool {
    matches!(word, "bool" | "int" | "decimal" | "money" | "percent" | "days" | "date" | "string" | "boolean")
}
