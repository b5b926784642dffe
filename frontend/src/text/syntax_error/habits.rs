//! What are authors used to from elsewhere, and how is it written here? A table of habits: how one shows where
//! the parser stops, what to do about it, and the edit that does it, where one would.
//!
//! The first that fits is taken, so what is more particular stands before what is less. A habit never decides
//! whether a source is refused; it only finds the better words for it.

use crate::currency;
use crate::diagnostic::Diagnostic;
use crate::text::ast::Span;
use crate::text::token::Token;

use super::stop::Stop;

/// A habit: where it shows, what is said about it, and what would mend it.
type Habit = (fn(&Stop) -> bool, &'static str, Mend);

/// An edit of the source where the parser stopped.
#[derive(Clone, Copy)]
enum Mend {
    /// None that is sure.
    Unsure,
    /// Without the word that stands there.
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
        Write(text) => diagnostic.fix(place, text),
        Insert(text) => diagnostic.fix(behind, text),
    }
}

/// `floor = 18` where an item is expected.
pub(super) fn names_a_value(stop: &Stop) -> bool {
    stop.in_policy() && stop.is_followed(&[Token::Becomes])
}

const RULE: &str = "a rule is written `rule ID when CONDITION => OUTCOME`";
const OTHERWISE: &str = "the last rule is written `otherwise ID => OUTCOME`";
const RANGE: &str = "a range is written `a..b`, with both ends included";
const DOMAIN: &str = "the range is a part of the type: `age : int in 0..120`";
const CELL: &str =
    "a cell is a value, `a..b`, `< a`, `{a, b}`, `missing` or `any`; the key stands above, not in it";
const CHOICE: &str = "a choice is written `if … then … else …`, with both sides";
const COMPARE: &str = "values are compared with `==`, `!=`, `<`, `<=`, `>` and `>=`";
const JOIN: &str = "conditions are joined by `and` or `or`";
const NO_TEXTS: &str = "there are no texts among the values: what can be told apart is a value of an `enum`, without quotation marks";
const FIELD: &str = "a field is written `name : type`";

const HABITS: &[Habit] = &[
    // numbers, dates, amounts
    (
        |stop| stop.token() == Some(Token::Comma) && stop.joins_digits(),
        "digits are grouped by `_`, and decimals stand behind a point: `5_000.00`",
        Unsure,
    ),
    (
        |stop| stop.text().starts_with('.') && stop.joins_digits() && stop.ago(1) == Some(Token::Number),
        "a date is year, month and day: `2024-12-31`",
        Unsure,
    ),
    (
        |stop| stop.token() == Some(Token::Number) && currency::find(stop.text_ago(1)).is_some(),
        "the code of a currency stands behind the number: `1_000 USD`",
        Unsure,
    ),
    (
        |stop| stop.text() == "day" && stop.expects_unit(),
        "the unit is written `days`, whatever the number",
        Write("days"),
    ),
    (
        |stop| stop.text() == "month" && stop.expects_unit(),
        "the unit is written `months`, whatever the number",
        Write("months"),
    ),
    (
        |stop| stop.text() == "year" && stop.expects_unit(),
        "the unit is written `years`, whatever the number",
        Write("years"),
    ),
    // names of policies, items
    (
        |stop| {
            stop.expects(Token::BlockOpen) && stop.expects(Token::Dot) && stop.token() != Some(Token::Minus)
        },
        "the items of a policy stand in braces: `policy shop.fee { … }`",
        Unsure,
    ),
    (
        |stop| stop.ago(1) == Some(Token::Policy) || stop.ago(2) == Some(Token::Policy),
        "a policy has a name of words joined by points: `policy shop.fee { … }`",
        Unsure,
    ),
    (
        |stop| stop.ago(1).is_some_and(Token::begins_item) && stop.is_any(&[Token::Colon, Token::Becomes]),
        "nothing stands between this word and what it introduces",
        Drop,
    ),
    (|stop| stop.ago(1) == Some(Token::Currency), "the code stands there by itself: `currency USD`", Unsure),
    (
        |stop| stop.ago(1) == Some(Token::Rules),
        "the first rule that applies decides: `rules first { … }`",
        Unsure,
    ),
    (
        |stop| stop.in_policy() && stop.token() == Some(Token::Rule),
        "rules stand together in `rules first { … }`",
        Unsure,
    ),
    (names_a_value, "a constant is named by `param`, a computed value by `let`", Unsure),
    // enums and fields
    (
        |stop| stop.ago(2) == Some(Token::Enum) && stop.expects(Token::BlockOpen),
        "the values of an enum stand in braces: `enum Kind { a, b }`",
        Unsure,
    ),
    (
        |stop| {
            stop.token() == Some(Token::Text) && stop.expects(Token::Word) && stop.expects(Token::BlockClose)
        },
        "names stand without quotation marks; a text may follow one",
        Unsure,
    ),
    (
        |stop| stop.is_any(&[Token::Comma, Token::Semicolon]) && stop.expects(Token::Optional),
        "fields follow each other without a sign between them",
        Drop,
    ),
    (
        |stop| stop.expects_type() && stop.token() == Some(Token::Optional),
        "`optional` stands behind the type: `score : int in 300..850 optional`",
        Unsure,
    ),
    (
        |stop| stop.expects_type() && stop.is_any(&[Token::BlockOpen, Token::SetOpen, Token::Enum]),
        "values are listed in an `enum` beside the input, and its name is the type",
        Unsure,
    ),
    (
        |stop| stop.expects_type(),
        "a type is `bool`, `int`, `decimal(n)`, `money`, `percent`, `days`, `date` or an enum; a range follows it",
        Unsure,
    ),
    (|stop| stop.expects(Token::Colon) && stop.text_ago(1) == "between", DOMAIN, Unsure),
    (
        |stop| stop.expects(Token::Colon) && matches!(stop.text_ago(1), "required" | "not_null" | "nullable"),
        "an input that may be missing is `optional`; all others are required",
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
        "a parameter has a type: `param floor : int in 0..120 = 18`",
        Unsure,
    ),
    (
        |stop| stop.ago(2) == Some(Token::Let) && stop.token() == Some(Token::Colon),
        "a `let` has the type of its value: `let x = …`",
        Unsure,
    ),
    (
        |stop| stop.expects(Token::Colon) && stop.token().is_some_and(Token::compares),
        "a requirement begins with its id: `require Q1 : a <= b`",
        Unsure,
    ),
    (
        |stop| {
            stop.token() == Some(Token::Colon)
                && stop.ago_is_name(1)
                && stop.ago_is(2, &[Token::Arrow, Token::Comma])
        },
        "an outcome is named with `=`: `decision = decline`",
        Write(" ="),
    ),
    (
        |stop| stop.expects(Token::Becomes) && stop.is_any(&[Token::Equal, Token::Colon]),
        "a value is given with one `=`",
        Write("="),
    ),
    (
        |stop| stop.expects(Token::From) && stop.expects(Token::BlockClose) && stop.begins_value(),
        "values in braces are dated: `from 2024-01-01 = 5`; one that always holds follows `=`",
        Unsure,
    ),
    // ranges and lists
    (
        |stop| stop.is_any(&[Token::Dot, Token::Becomes]) && stop.ago(1) == Some(Token::Range),
        "`a..b` includes both its ends",
        Drop,
    ),
    (
        |stop| stop.token() == Some(Token::Colon) && stop.ago(2) == Some(Token::Range),
        "the upper end of this range is missing: `a..b`",
        Unsure,
    ),
    (
        |stop| {
            stop.token() == Some(Token::Comma) && stop.expects(Token::Range) && !stop.expects(Token::Arrow)
        },
        "values are listed in braces: `x in {a, b}`",
        Unsure,
    ),
    (|stop| stop.token() == Some(Token::To) && stop.expects(Token::Range), RANGE, Write("..")),
    (|stop| stop.expects(Token::Range) && stop.expects(Token::Arrow), CELL, Unsure),
    (
        |stop| stop.expects(Token::Above) && stop.is_any(&[Token::Times, Token::Arrow, Token::Bar]),
        "`any` is the cell that applies to everything",
        Unsure,
    ),
    (
        |stop| stop.is_any(&[Token::Arrow, Token::Bar]) && stop.ago(1) == Some(Token::Minus),
        "`any` is the cell that applies to everything",
        Unsure,
    ),
    (
        |stop| stop.expects(Token::Range),
        "`in` is followed by a range or a list: `x in a..b`, `x in {a, b}`",
        Unsure,
    ),
    (|stop| stop.text() == "between", "a range is written with `in`: `x in a..b`", Unsure),
    (|stop| stop.expects(Token::In) && !stop.expects(Token::Is), DOMAIN, Unsure),
    // tables
    (
        |stop| stop.ago(2) == Some(Token::Table) && stop.expects(Token::Open),
        "a table is written `table name(key) unique -> type { … }`",
        Unsure,
    ),
    (
        |stop| stop.expects(Token::Unique) && !stop.expects(Token::Word),
        "`unique` where exactly one row applies to everything, `first` where the first that applies counts",
        Unsure,
    ),
    (
        |stop| stop.expects(Token::Yields) && stop.is_any(&[Token::Colon, Token::Arrow]),
        "the type of a table's values follows `->`",
        Write("->"),
    ),
    (|stop| stop.expects(Token::Yields), "the type of a table's values follows `->`", Unsure),
    // rules
    (
        |stop| stop.expects(Token::Otherwise) && stop.is_any(&[Token::Else, Token::Default]),
        OTHERWISE,
        Write("otherwise"),
    ),
    (
        |stop| stop.token() == Some(Token::Semicolon) && (stop.expects(Token::Otherwise) || stop.in_policy()),
        "only rows of tables and grids end with `;`",
        Drop,
    ),
    (|stop| stop.token() == Some(Token::Semicolon), "only rows of tables and grids end with `;`", Unsure),
    (|stop| stop.ago(2) == Some(Token::Otherwise) && stop.expects(Token::Arrow), OTHERWISE, Unsure),
    (
        |stop| stop.expects(Token::When) && stop.token() == Some(Token::Otherwise),
        "`otherwise` stands instead of `rule`: `otherwise ID => OUTCOME`",
        Unsure,
    ),
    (
        |stop| stop.expects(Token::When) && stop.is_any(&[Token::Dot, Token::Minus]),
        "an id is one word of letters, digits and `_`: `rule R1_2`",
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
        "outcomes follow `=>` without braces, separated by commas",
        Unsure,
    ),
    (
        |stop| stop.expects(Token::Arrow) && stop.is_any(&[Token::BlockOpen, Token::SetOpen]),
        "outcomes follow `=>`, without braces",
        Unsure,
    ),
    (|stop| stop.token() == Some(Token::Case) && stop.expects(Token::If), CHOICE, Unsure),
    (
        |stop| stop.expects(Token::Then) && stop.token() == Some(Token::Arrow),
        "a condition stands behind `when` without `if`",
        Unsure,
    ),
    (|stop| stop.expects(Token::Then) || stop.expects(Token::Else), CHOICE, Unsure),
    // conditions
    (
        |stop| {
            stop.ago(1) == Some(Token::Is) && matches!(stop.text(), "null" | "NULL" | "None" | "none" | "nil")
        },
        "what is not there is `missing`",
        Write("missing"),
    ),
    (
        |stop| stop.ago(1) == Some(Token::Is) && stop.begins_value(),
        "two values are compared with `==`; `is` asks whether one is `missing` or `present`",
        Unsure,
    ),
    (
        |stop| stop.is_any(&[Token::Missing, Token::Present]) && stop.after() == Some(Token::Open),
        "the question stands behind the input: `x is missing`, `x is present`",
        Unsure,
    ),
    (
        |stop| stop.ago_is(1, &[Token::And, Token::Or]) && stop.token().is_some_and(Token::compares),
        "both sides are whole conditions: `x >= a and x < b`, or `x in a..b`",
        Unsure,
    ),
    (
        |stop| stop.token() == Some(Token::Times) && stop.ago(1) == Some(Token::Times),
        "there are no powers; multiply",
        Unsure,
    ),
    (|stop| stop.expects(Token::Arrow) && stop.text() == "unless", "write `and not (…)`", Unsure),
    (
        |stop| stop.expects(Token::Arrow) && stop.text() == "xor",
        "two conditions differ where `(a) != (b)`",
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
    (|stop| stop.token() == Some(Token::Text) && stop.expects(Token::Number), NO_TEXTS, Unsure),
    // tests
    (
        |stop| stop.ago(1) == Some(Token::Given),
        "a test decides a `case` that has a name: `case good { … }`, then `given good with { … }`",
        Unsure,
    ),
    // rounding and citations
    (
        |stop| stop.ago(1) == Some(Token::Rounded) || stop.ago(2) == Some(Token::Rounded),
        "say how and to what: `rounded half_even to cent`",
        Unsure,
    ),
    (
        |stop| stop.ago(1) == Some(Token::Cite),
        "a citation stands in quotation marks: `cite \"Policy 3\"`",
        Unsure,
    ),
];

/// Words that compare in other languages and in prose.
const WORDED: &[&str] = &[
    "less", "greater", "more", "under", "over", "below", "exceeds", "equals", "equal", "at", "lt", "gt",
    "le", "ge", "eq", "ne", "like", "matches", "contains", "has", "isnt", "up",
];

fn is_type(word: &str) -> bool {
    matches!(word, "bool" | "int" | "decimal" | "money" | "percent" | "days" | "date" | "string" | "boolean")
}
