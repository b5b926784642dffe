//! What is wrong with the declaration of a table or set from a snapshot? Its keys have types, and it ends with `from
//! snapshot`; other tables have neither.

use crate::diagnostic::{Code, Diagnostic};
use crate::text::ast::Span;
use crate::text::token::Token;

use super::closer;
use super::stop::Stop;

const FORM: &str =
    "write a table from a snapshot as `table rate(region : Region) -> percent in 0%..30% from snapshot`";

/// A declaration of a table around the place where the parser stopped.
struct Table {
    /// The parenthesis that opens its keys.
    open: usize,
    /// The one that closes them.
    close: usize,
    /// Whether a key has a type.
    is_typed: bool,
    /// Whether it says `from snapshot`.
    is_from_snapshot: bool,
}

impl Table {
    fn around(stop: &Stop) -> Option<Table> {
        let item = item(stop)?;
        let token = |at: usize| stop.words.get(at).map(|word| word.1);
        let open = item + 2;
        if token(item) != Some(Token::Table) || token(open) != Some(Token::Open) {
            return None;
        }
        let close = closer(stop.words, open)?;
        let ends = |at: &usize| token(*at).is_none_or(ends_item);
        let end = (close..=stop.words.len()).find(ends)?;
        let says = |at: usize| token(at) == Some(Token::From) && token(at + 1) == Some(Token::Snapshot);
        Some(Table {
            open,
            close,
            is_typed: (open..close).any(|at| token(at) == Some(Token::Colon)),
            is_from_snapshot: (close..end).any(says),
        })
    }
}

/// The word that begins the item that the parser was reading.
fn item(stop: &Stop) -> Option<usize> {
    (0..stop.at).rev().find(|at| stop.words[*at].1.begins_item())
}

/// Whether the item before this word has ended.
fn ends_item(word: Token) -> bool {
    word.begins_item() || matches!(word, Token::Set | Token::Adverse | Token::PolicyClose)
}

fn wrong(span: Span, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::UnexpectedToken, span, message).help(help)
}

/// `table rate() -> …`, `table rate(region : Region,) -> …`, `table rate(region) -> … from snapshot`,
/// `table rate(region : Region) unique -> …`, `table rate(region : Region) -> percent`
pub(super) fn table(stop: &Stop) -> Option<Diagnostic> {
    let Table { open, close, is_typed, is_from_snapshot } = Table::around(stop)?;
    let (at, span, gap) = (stop.at, stop.span(), stop.end_of_before());
    let name = stop.word_text(open - 1);
    if at == close && open + 1 == close {
        let help = match is_from_snapshot {
            true => {
                "give it a key, such as `region : Region`; a single value is a parameter: `param rate : percent in 0%..30% from snapshot`"
            }
            false => "name what the rows are chosen by: `table t(age) unique -> type { … }`",
        };
        return Some(wrong(stop.place(open).to(span), format!("the table `{name}` has no keys"), help));
    }
    if at == close && stop.ago(1) == Some(Token::Comma) {
        let comma = stop.place(at - 1);
        let diagnostic = wrong(comma, "there is no key after this comma", "remove the comma");
        return Some(diagnostic.fix(Span { start: stop.place(at - 2).end, ..comma }, ""));
    }
    let is_inside = (open..close).contains(&at);
    if is_from_snapshot && !is_typed && (is_inside || at == close + 1) {
        let keys = stop.place(open + 1).to(stop.place(close - 1));
        return Some(wrong(keys, "the keys of a table from a snapshot have types", FORM));
    }
    // before a type, the keys without one are read as those of another table
    let untyped = match stop.token() {
        Some(Token::Colon) => Some(open + 1),
        Some(Token::Comma | Token::Close) if stop.expects(Token::Colon) => Some(at - 1),
        _ => None,
    };
    if let Some(key) = untyped.filter(|key| is_from_snapshot && at <= close && open < *key) {
        let message = format!("the key `{}` has no type", stop.word_text(key));
        return Some(wrong(stop.place(key), message, FORM));
    }
    if is_typed && at > close && is_from_snapshot && stop.is_any(&[Token::Unique, Token::First]) {
        let help = "leave it out: a table from a snapshot has one value for each combination of its keys";
        let message = format!("`{}` does not belong here", stop.text());
        return Some(wrong(span, message, help).fix(Span { start: gap.start, ..span }, ""));
    }
    let has_type = at > close + 2 && stop.words[close + 1].1 == Token::Yields;
    if !is_typed || is_from_snapshot || !has_type {
        return None;
    }
    let message =
        format!("`from snapshot` is missing at the end of the table `{name}`, whose keys have types");
    match stop.token() {
        Some(Token::BlockOpen) => {
            let help = "write `from snapshot` in place of the rows; or, to write the values here, name the keys without types and add `unique`: `table t(age) unique -> type { … }`";
            Some(wrong(span, message, help))
        }
        Some(Token::Snapshot) => Some(wrong(span, message, FORM).fix(gap, " from")),
        _ if stop.token().is_none_or(ends_item) && stop.ago(1) != Some(Token::From) => {
            Some(wrong(gap, message, FORM).fix(gap, " from snapshot"))
        }
        _ => None,
    }
}

/// `set high_risk of Region`
pub(super) fn set(stop: &Stop) -> Option<Diagnostic> {
    let cited = if stop.ago(2) == Some(Token::Cite) { 2 } else { 0 };
    let is_set = stop.ago(4 + cited) == Some(Token::Set) && stop.ago(2 + cited) == Some(Token::Of);
    (is_set && stop.expects(Token::Cite) && stop.token().is_none_or(ends_item)).then(|| {
        let gap = stop.end_of_before();
        let name = stop.text_ago(3 + cited);
        let message = format!("`from snapshot` is missing at the end of the set `{name}`");
        let help = "write a set as `set high_risk of Region from snapshot`; a list in the policy is written where it is used: `x in {a, b}`";
        wrong(gap, message, help).fix(gap, " from snapshot")
    })
}
