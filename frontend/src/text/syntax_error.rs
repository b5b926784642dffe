//! What is reported where the parser stops? Lists of expected words become a sentence, and common mistakes have
//! diagnostics of their own.
//!
//! Mistakes are looked for in the order of [`MISTAKES`]. If none fits, the word is unexpected, with a help text if it
//! is a habit from another language ([`habits`]). An error within three words of the place where the parser resumed
//! after the previous one is taken for its consequence and not shown.

mod declaration;
mod foreign;
mod from_snapshot;
mod habits;
mod outline;
mod pieces;
mod statement;
mod stop;

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use lalrpop_util::ParseError;

use crate::diagnostic::{Code, Diagnostic, Edit, nearest, one_of};
use crate::text::ast::Span;
use crate::text::braces::Placed;
use crate::text::builder::Recovery;
use crate::text::token::Token;

pub use declaration::OPTIONAL;
use outline::Outline;
use stop::Stop;

/// How many words must be read after an error before another one is believed.
const CALM: usize = 3;

/// Adds the diagnostics for what the parser recovered from; `words` is what it read. Where it missed an opening
/// brace, a closing one that was found to be too many is not: that was its consequence.
pub fn report(recoveries: Vec<Recovery>, words: &[Placed], source: &str, diagnostics: &mut Vec<Diagnostic>) {
    let declared = Rc::new(OnceCell::new());
    let mut stops: Vec<(Stop, usize)> =
        recoveries.into_iter().map(|recovery| locate(recovery, words, source, &declared)).collect();
    stops.sort_by_key(|(stop, _)| stop.at);
    let mut calm_from = 0;
    for (stop, resumed) in stops {
        let believed = stop.at >= calm_from && stop.token() != Some(Token::Error);
        calm_from = calm_from.max(resumed + CALM);
        if believed {
            if stop.expects(Token::BlockOpen) {
                diagnostics.retain(|other| other.code != Code::UnopenedBrace);
            }
            diagnostics.push(describe(&stop));
        }
    }
}

/// Where the parser stopped, and the index of the word where it resumed.
fn locate<'a>(
    recovery: Recovery,
    words: &'a [Placed],
    source: &'a str,
    declared: &Rc<OnceCell<Outline<'a>>>,
) -> (Stop<'a>, usize) {
    let index = |word: Placed| {
        let first = words.partition_point(|known| known.0 < word.0);
        words[first..].iter().position(|known| *known == word).map_or(words.len(), |after| first + after)
    };
    let (at, expected) = match recovery.error {
        ParseError::UnrecognizedToken { token, expected } => (index(token), expected),
        ParseError::ExtraToken { token } => (index(token), vec![]),
        ParseError::UnrecognizedEof { expected, .. } => (words.len(), expected),
        ParseError::InvalidToken { .. } | ParseError::User { .. } => (words.len(), vec![]),
    };
    let resumed = recovery.dropped_tokens.last().map_or(at, |&last| index(last) + 1);
    let expected = expected.iter().filter_map(|name| terminal(name)).collect();
    (Stop { words, at, expected, source, declared: declared.clone() }, resumed)
}

/// The token that the grammar calls so.
fn terminal(name: &str) -> Option<Token> {
    let name = name.trim_matches('"');
    let fixed = [Token::HARD, Token::SOFT, Token::SIGNS].concat();
    let named =
        |token: &Token| token.text().is_some_and(|text| text == name || text.escape_debug().eq(name.chars()));
    let special = NAMED.iter().find(|row| row.0 == name).map(|row| row.1);
    special.or_else(|| fixed.into_iter().find(named))
}

/// What the grammar calls the tokens whose text differs, and what they are called to people.
const NAMED: [(&str, Token, &str); 13] = [
    ("NAME", Token::Word, "a name"),
    ("NUMBER", Token::Number, "a number"),
    ("PERCENT", Token::Percent, "a percent"),
    ("AMOUNT", Token::Money, "an amount"),
    ("DATE", Token::Date, "a date"),
    ("TEXT", Token::Text, "a text in quotation marks"),
    ("SET {", Token::SetOpen, "`{`"),
    ("SET }", Token::SetClose, "`}`"),
    ("POLICY }", Token::PolicyClose, "`}`"),
    ("LIST", Token::ListUpTo, "`list up to`"),
    ("KEY", Token::KeyUpTo, "`key up to`"),
    ("ACTIONABLE UP", Token::ActionableUp, "`actionable up`"),
    ("ACTIONABLE DOWN", Token::ActionableDown, "`actionable down`"),
];

/// The mistakes that have a diagnostic of their own, the more telling ones first.
const MISTAKES: &[fn(&Stop) -> Option<Diagnostic>] = &[
    unit_as_name,
    from_snapshot::table,
    from_snapshot::set,
    declaration::set,
    declaration::spaced_number,
    declaration::optional_elsewhere,
    declaration::field,
    declaration::values_of_enum,
    declaration::head,
    declaration::typed_let,
    declaration::requirement,
    declaration::dated,
    declaration::block,
    declaration::grid,
    declaration::outcome,
    declaration::condition,
    declaration::test,
    foreign::date,
    foreign::grouped_number,
    foreign::unit_word,
    foreign::case_when,
    statement::foreign_statement,
    pieces::name_in_pieces,
    foreign::any_cell,
    foreign::open_cell,
    foreign::not_in,
    foreign::between,
    foreign::rounding,
    foreign::phrase,
    foreign::pattern,
    foreign::quoted,
    foreign::without_subject,
    foreign::part_without_of,
    foreign::value_first,
    foreign::choice,
    foreign::range,
    foreign::range_from,
    foreign::separated,
    foreign::listed,
    foreign::expectation,
    declaration::item,
    other_letters,
    foreign_word,
    single_equals,
    path,
    not_missing,
    second_arrow,
    missing_arrow,
    missing_semicolon,
    compared_with_missing,
    input_as_prefix,
    reserved_word,
    rule_without_id,
    unclosed_bracket,
    missing_comma,
    shared_type,
];

fn describe(stop: &Stop) -> Diagnostic {
    let mistake = MISTAKES.iter().find_map(|mistake| mistake(stop));
    mistake.unwrap_or_else(|| unexpected(stop))
}

fn unexpected(stop: &Stop) -> Diagnostic {
    let words = readable(&stop.expected);
    let message = match words.as_slice() {
        [] => format!("nothing more belongs here: {}", stop.found()),
        words => format!("expected {}, {}", one_of(words), stop.found()),
    };
    let diagnostic = Diagnostic::new(Code::UnexpectedToken, stop.span(), message);
    habits::advise(diagnostic, stop)
}

/// `AND`, `Input`, `inputs`: a word of the language in other letters, or nearly it where items and rules begin.
fn other_letters(stop: &Stop) -> Option<Diagnostic> {
    let words: Vec<&str> =
        stop.expected.iter().filter_map(|token| token.text()).filter(|text| is_word(text)).collect();
    let begins = stop.in_policy() || stop.expects(Token::Otherwise);
    let (span, text) = (stop.span(), stop.text());
    let same = |text: &str| words.iter().copied().find(|word| text.eq_ignore_ascii_case(word));
    let prefix = stop.text_ago(1);
    let (span, meant) = match stop.token()? {
        _ if stop.ago_is_name(1) && ["NOT", "Not", "IF", "If"].contains(&prefix) && stop.begins_value() => {
            (stop.span_ago(1)?, if prefix.len() == 3 { "not" } else { "if" })
        }
        Token::Word if begins => (span, same(text).or_else(|| nearest(text, words.iter().copied()))?),
        Token::Word => (span, same(text).or_else(|| behind_a_value(text))?),
        _ => return None,
    };
    let message = format!("`{}` is written `{meant}`", span.text(stop.source));
    Some(
        Diagnostic::new(Code::UnexpectedToken, span, message)
            .help(format!("write `{meant}`"))
            .fix(span, meant),
    )
}

/// `AND`: the parser takes such a word for the beginning of something else, and no longer expects it.
fn behind_a_value(text: &str) -> Option<&'static str> {
    use Token::{And, Cite, Else, From, In, Is, Of, Or, OrElse, Otherwise, Rounded, Then, Until, When};
    let words = [And, Or, In, Is, Of, OrElse, Rounded, Then, Else, When, From, Until, Cite, Otherwise];
    words
        .iter()
        .filter_map(|token| token.text())
        .find(|word| text.eq_ignore_ascii_case(word) && *word != text)
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
}

/// `return x`: a name that was none.
fn foreign_word(stop: &Stop) -> Option<Diagnostic> {
    let returns = stop.text_ago(1) == "return" && stop.ago(2) == Some(Token::Arrow) && stop.begins_value();
    returns.then(|| {
        let span = stop.span_ago(1).unwrap_or_default();
        Diagnostic::new(Code::UnexpectedToken, span, "`return` does not belong here")
            .help("write the outcomes directly after `=>`")
            .fix(Span { end: stop.span().start, ..span }, "")
    })
}

/// `Kind::personal`
fn path(stop: &Stop) -> Option<Diagnostic> {
    let twice = stop.token()? == Token::Colon && stop.after() == Some(Token::Colon);
    (twice && stop.ago_is_name(1)).then(|| {
        let span = Span { end: stop.span().end + 1, ..stop.span() };
        Diagnostic::new(Code::UnexpectedToken, span, "`::` does not belong here")
            .help("write a dot between an enum and its value: `Kind.personal`")
            .fix(span, ".")
    })
}

fn single_equals(stop: &Stop) -> Option<Diagnostic> {
    (stop.token()? == Token::Becomes && stop.expects(Token::Equal)).then(|| {
        Diagnostic::new(Code::SingleEquals, stop.span(), "`=` does not compare")
            .help("compare two values with `==`")
            .fix(stop.span(), "==")
    })
}

fn not_missing(stop: &Stop) -> Option<Diagnostic> {
    let asks =
        |word: &str| matches!(word.to_lowercase().as_str(), "missing" | "null" | "none" | "nil" | "present");
    let (after, behind) = stop.words.get(stop.at + 1).map(|word| (word.1, Span::new(word.0, word.2)))?;
    let (help, fix) = match stop.token()? {
        Token::Not if stop.before() == Some(Token::Is) && after == Token::Present => {
            ("write `is missing` for the opposite of `is present`", Some("missing"))
        }
        Token::Not if stop.before() == Some(Token::Is) && asks(behind.text(stop.source)) => {
            ("write `is present` for the opposite of `is missing`", Some("present"))
        }
        Token::Not if stop.before() == Some(Token::Is) => ("compare two values with `==` or `!=`", None),
        Token::Not if stop.expects(Token::In) && after == Token::In => {
            ("`not` comes first: `not x in {1, 2}`", None)
        }
        Token::Not if stop.expects(Token::Above) => (
            "a cell lists the values that it applies to: list the others, or put them in an earlier row of a `first` table",
            None,
        ),
        _ => return None,
    };
    let diagnostic =
        Diagnostic::new(Code::UnexpectedToken, stop.span(), "`not` does not belong here").help(help);
    Some(match fix {
        Some(word) => diagnostic.fix(stop.span().to(behind), word),
        None => diagnostic,
    })
}

/// `x == missing`
fn compared_with_missing(stop: &Stop) -> Option<Diagnostic> {
    let compared = stop.before()?.compares() && matches!(stop.token()?, Token::Missing | Token::Present);
    compared.then(|| {
        let message = format!("`{}` is not compared with a value", stop.text());
        let diagnostic = Diagnostic::new(Code::UnexpectedToken, stop.span(), message);
        let asks = match (stop.before(), stop.token()) {
            (Some(Token::Equal), Some(Token::Missing)) | (Some(Token::NotEqual), Some(Token::Present)) => {
                "is missing"
            }
            (Some(Token::NotEqual | Token::Equal), _) => "is present",
            _ => return diagnostic.help("write `x is missing` or `x is present`"),
        };
        let span = stop.place(stop.at - 1).to(stop.span());
        let subject = stop.text_ago(2);
        diagnostic.help(format!("write `{subject} {asks}`")).fix(span, asks)
    })
}

/// `input.age`
fn input_as_prefix(stop: &Stop) -> Option<Diagnostic> {
    let prefix =
        matches!(stop.token()?, Token::Input | Token::Param | Token::Let | Token::Table | Token::Enum);
    (prefix && stop.after() == Some(Token::Dot)).then(|| {
        let dot = stop.words[stop.at + 1].2 as u32;
        let message = format!("`{}.` does not belong here", stop.text());
        Diagnostic::new(Code::UnexpectedToken, stop.span(), message)
            .help("write the name alone, without a prefix")
            .fix(Span { end: dot, ..stop.span() }, "")
    })
}

fn second_arrow(stop: &Stop) -> Option<Diagnostic> {
    let statement = stop.words[..stop.at].iter().rev().take_while(|word| !begins_statement(word.1));
    let first = statement.clone().find(|word| word.1 == Token::Arrow)?;
    (stop.token()? == Token::Arrow).then(|| {
        let span = Span::new(first.0, first.2);
        Diagnostic::new(Code::UnexpectedToken, span, "this rule or row has two arrows `=>`")
            .also(stop.span(), "the second one")
            .help("write `>=` for \"at least\"")
            .fix(span, ">=")
    })
}

fn begins_statement(token: Token) -> bool {
    matches!(token, Token::Rule | Token::Otherwise | Token::Semicolon) || token.begins_item()
}

fn missing_arrow(stop: &Stop) -> Option<Diagnostic> {
    let instead = matches!(stop.token()?, Token::Yields | Token::Colon | Token::Then | Token::Becomes);
    let ends = matches!(stop.token()?, Token::Rule | Token::Otherwise | Token::BlockClose | Token::Semicolon);
    let mut rest = stop.words[stop.at..].iter().take_while(|word| !begins_statement(word.1));
    let follows = stop.begins_value() && !rest.any(|word| word.1 == Token::Arrow);
    (stop.expects(Token::Arrow) && (instead || ends || follows)).then(|| {
        if instead && stop.after() == Some(Token::Arrow) {
            let message = format!("`{}` does not belong here", stop.text());
            return Diagnostic::new(Code::UnexpectedToken, stop.span(), message)
                .help("write `=>` after the condition")
                .fix(Span { start: stop.end_of_before().start, ..stop.span() }, "");
        }
        let diagnostic =
            Diagnostic::new(Code::MissingArrow, stop.span(), format!("`=>` is missing, {}", stop.found()));
        let diagnostic =
            diagnostic.help("write `=>` between a condition and its outcome, or a cell and its value");
        let spaced = stop.end_of_before().end < stop.span().start;
        // `| third_party | 1.5% ;`
        let row = (0..stop.at).rev().take_while(|&at| !begins_statement(stop.words[at].1));
        let bars: Vec<usize> = row.filter(|&at| stop.words[at].1 == Token::Bar).collect();
        match (ends, instead) {
            (true, _) if stop.token() == Some(Token::Semicolon) && bars.len() > 1 => {
                diagnostic.fix(stop.place(bars[0]), "=>")
            }
            (true, _) => diagnostic,
            (false, true) => diagnostic.fix(stop.span(), if spaced { "=>" } else { " =>" }),
            (false, false) => diagnostic.fix(stop.end_of_before(), " =>"),
        }
    })
}

fn missing_semicolon(stop: &Stop) -> Option<Diagnostic> {
    let ends = matches!(stop.token()?, Token::Bar | Token::BlockClose);
    let next_row = stop.on_new_line() && (stop.begins_value() || cell_begins(stop.token()?));
    (stop.expects(Token::Semicolon) && (ends || next_row)).then(|| {
        Diagnostic::new(Code::MissingSemicolon, stop.end_of_before(), "`;` is missing at the end of this row")
            .help("end every row of a table or grid with `;`")
            .fix(stop.end_of_before(), " ;")
    })
}

fn cell_begins(token: Token) -> bool {
    token.compares() || matches!(token, Token::Missing | Token::Above | Token::SetOpen | Token::Becomes)
}

/// A hard word where a name is expected, used as a name is: defined, or followed by what follows a value.
fn reserved_word(stop: &Stop) -> Option<Diagnostic> {
    use Token::{Case, Enum, Grid, Let, Otherwise, Param, Require, Rule, Table, Word};
    let token = stop.token()?;
    let after = stop.after()?;
    let word = token.text().filter(|_| Token::HARD.contains(&token))?;
    let defines =
        matches!(stop.before()?, Param | Let | Enum | Table | Grid | Case | Rule | Otherwise | Require);
    let used = follows_value(after) || (defines && after != Word);
    let type_of_enum = token == Enum && stop.expects_type();
    (stop.expects(Word) && used && !type_of_enum).then(|| reserved(stop.span(), word))
}

fn follows_value(token: Token) -> bool {
    use Token::*;
    let sign = matches!(
        token,
        Colon | Becomes | Comma | Close | Semicolon | Dot | Arrow | Plus | Minus | Times | Slash
    );
    let brace = matches!(token, BlockOpen | BlockClose | SetClose);
    let word = matches!(token, In | Is | And | Or | Then | Days | Months | Years);
    sign || brace || word || token.compares()
}

/// `x : int in 0..5  months : int`, which begins to read as `5 months`.
fn unit_as_name(stop: &Stop) -> Option<Diagnostic> {
    let unit = matches!(stop.before()?, Token::Days | Token::Months | Token::Years);
    let defines = matches!(stop.token()?, Token::Colon | Token::Becomes);
    let (start, _, end) = stop.words[stop.at.checked_sub(1)?];
    let span = Span::new(start, end);
    (unit && defines).then(|| reserved(span, span.text(stop.source)))
}

fn reserved(span: Span, word: &str) -> Diagnostic {
    Diagnostic::new(Code::ReservedWord, span, format!("`{word}` is a reserved word and cannot be a name"))
        .help(format!("choose another name, such as `{word}_1` or one that says more; `opus explain-code E0104` lists the reserved words"))
}

fn rule_without_id(stop: &Stop) -> Option<Diagnostic> {
    let before = stop.before()?;
    let message = match before {
        Token::Rule | Token::Otherwise => "this rule has no id",
        Token::Require => "this requirement has no id",
        _ => return None,
    };
    stop.expects(Token::Word).then(|| {
        let id = match before {
            Token::Require => stop.outline().fresh_requirement(),
            _ => stop.outline().fresh_id(),
        };
        let diagnostic =
            Diagnostic::new(Code::UnexpectedToken, stop.span(), format!("{message}: {}", stop.found()));
        let help = format!("write an id that reports can refer to, for example `{} {id}`", stop.text_ago(1));
        diagnostic.help(help).fix(stop.end_of_before(), format!(" {id}"))
    })
}

fn unclosed_bracket(stop: &Stop) -> Option<Diagnostic> {
    let (opens, closes, what) = if stop.expects(Token::Close) {
        (Token::Open, Token::Close, "parenthesis")
    } else if stop.expects(Token::SetClose) {
        (Token::SetOpen, Token::SetClose, "brace")
    } else {
        return None;
    };
    let opener = opener(&stop.words[..stop.at], opens, closes)?;
    let (start, _, end) = stop.words[opener];
    let span = Span::new(start, end);
    if let (Token::Open, Some((help, around))) = (opens, no_parenthesis(stop, opener)) {
        let message = "this parenthesis does not belong here";
        let diagnostic = Diagnostic::new(Code::UnexpectedToken, span, message).help(help);
        let end = closer(stop.words, opener);
        return Some(match (around, end) {
            (Some((open, close)), Some(end)) => diagnostic.fix(span, open).fix(stop.place(end), close),
            _ => diagnostic,
        });
    }
    (!stop.begins_value()).then(|| {
        Diagnostic::new(Code::UnclosedBrace, span, format!("this {what} is not closed"))
            .label("opened here")
            .also(stop.span(), stop.found())
            .help(format!("write `{}` where it ends", closes.text().unwrap_or("")))
            .fix(stop.end_of_before(), closes.text().unwrap_or(""))
            .unsure()
    })
}

/// How a pair of parentheses is written that does not belong here.
type Around = Option<(&'static str, &'static str)>;

/// What to write instead of a parenthesis around what it cannot hold.
fn no_parenthesis(stop: &Stop, opener: usize) -> Option<(&'static str, Around)> {
    let before = |count: usize| opener.checked_sub(count).map(|before| stop.words[before].1);
    match (stop.token()?, before(1)?) {
        (Token::Comma, Token::In) => Some(("list values in braces: `x in {a, b}`", Some(("{", "}")))),
        (Token::Range, Token::In) => Some(("write a range without parentheses: `x in a..b`", Some(("", "")))),
        (Token::Comma, Token::Arrow) => {
            Some(("write outcomes without parentheses, separated by commas", Some(("", ""))))
        }
        (Token::Colon, _) if before(2) == Some(Token::Table) => {
            Some(("name the keys of a table without types: `table t(age, score) unique -> type { … }`", None))
        }
        _ => None,
    }
}

/// The parenthesis that closes the one with this index.
fn closer(words: &[Placed], opener: usize) -> Option<usize> {
    let mut depth = 0;
    for (at, word) in words.iter().enumerate().skip(opener) {
        match word.1 {
            Token::Open => depth += 1,
            Token::Close if depth == 1 => return Some(at),
            Token::Close => depth -= 1,
            Token::BlockClose | Token::PolicyClose | Token::Rule => return None,
            _ => {}
        }
    }
    None
}

/// The last bracket of these words that is not closed among them, by index.
fn opener(words: &[Placed], opens: Token, closes: Token) -> Option<usize> {
    let mut closed = 0;
    for (at, &(_, token, _)) in words.iter().enumerate().rev() {
        if token == closes {
            closed += 1;
        } else if token == opens && closed == 0 {
            return Some(at);
        } else if token == opens {
            closed -= 1;
        }
    }
    None
}

fn missing_comma(stop: &Stop) -> Option<Diagnostic> {
    let closes =
        stop.expects(Token::Close) || stop.expects(Token::SetClose) || stop.expects(Token::BlockClose);
    (stop.expects(Token::Comma) && closes && stop.begins_value()).then(|| {
        let message = format!("`,` is missing, {}", stop.found());
        let names = |at: usize| stop.words.get(at).is_some_and(|word| word.1.is_name());
        let run = (stop.at..).take_while(|&at| at == stop.at || (names(at - 1) && names(at)));
        let gaps = run.map(|at| Span { start: stop.place(at - 1).end, end: stop.place(at - 1).end });
        Diagnostic::new(Code::UnexpectedToken, stop.span(), message)
            .help("separate the members of a list by commas")
            .edits(gaps.map(|gap| Edit::new(gap, ",")).collect::<Vec<_>>())
    })
}

fn shared_type(stop: &Stop) -> Option<Diagnostic> {
    (stop.token()? == Token::Comma && stop.expects(Token::Colon)).then(|| {
        let diagnostic =
            Diagnostic::new(Code::UnexpectedToken, stop.span(), "`:` and a type are missing here");
        diagnostic.help("give each field its own type: `a : int  b : int`")
    })
}

/// What is expected, in words: some sets of tokens form one notion.
fn readable(expected: &BTreeSet<Token>) -> Vec<String> {
    let mut rest = expected.clone();
    let mut words: Vec<String> = vec![];
    for (signs, notion, members) in NOTIONS {
        if signs.iter().all(|sign| rest.contains(sign)) {
            rest.retain(|&token| !members(token));
            words.push(notion.to_string());
        }
    }
    let essential: BTreeSet<Token> = rest.iter().copied().filter(|&token| !is_clause(token)).collect();
    let shown = if essential.is_empty() && words.is_empty() { rest } else { essential };
    let mut signs: Vec<String> = vec![];
    for word in shown.into_iter().map(call) {
        if !signs.contains(&word) {
            signs.push(word);
        }
    }
    signs.extend(words);
    signs
}

/// Words that form a notion: if the first are all expected, the notion is named instead of the last.
type Notion = (&'static [Token], &'static str, fn(Token) -> bool);

const NOTIONS: [Notion; 6] = [
    (&[Token::Policy, Token::Word], "a name", |_| true),
    (&[Token::Param, Token::Enum], "an item such as `param` or `rules`", |token| {
        token.begins_item() || matches!(token, Token::Set | Token::Adverse) || is_later(token)
    }),
    (&[Token::Rule, Token::Otherwise], "a rule", |token| {
        matches!(token, Token::Rule | Token::Otherwise | Token::Let) || is_later(token)
    }),
    (&[Token::Number, Token::Word, Token::Open], "a value", |token| token.begins_value()),
    (&[Token::Plus, Token::Times], "an operator", is_operator),
    (&[Token::Word], "a name", |token| token.is_name() || is_later(token)),
];

fn is_later(token: Token) -> bool {
    use Token::{Def, Exception, Key, KeyUpTo, List, ListUpTo, Property, Scorecard, Use};
    matches!(token, Exception | List | Scorecard | Key | Def | Use | Property | ListUpTo | KeyUpTo)
}

fn is_operator(token: Token) -> bool {
    use Token::*;
    let arithmetic = matches!(token, Plus | Minus | Times | Slash | Div | Mod | Of | Rounded | OrElse);
    let condition = matches!(token, In | Is | And | Or) || token.compares();
    arithmetic || condition || matches!(token, Days | Months | Years | Dot | Open)
}

fn is_clause(token: Token) -> bool {
    let of_field = matches!(
        token,
        Token::Optional | Token::Default | Token::Actionable | Token::ActionableUp | Token::ActionableDown
    );
    of_field || matches!(token, Token::Cite | Token::From | Token::Until | Token::Text)
}

fn call(token: Token) -> String {
    let named = NAMED.iter().find(|row| row.1 == token).map(|row| row.2.to_string());
    named.unwrap_or_else(|| format!("`{}`", token.text().unwrap_or("")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_terminal_of_the_grammar_is_known() {
        let grammar = include_str!("grammar.lalrpop");
        let rows =
            grammar.split("enum Token {").nth(1).and_then(|rest| rest.split("\n    }").next()).unwrap();
        let parts: Vec<&str> = rows.split(" => Token::").collect();
        for pair in parts.windows(2) {
            let (before, after) = (pair[0].trim_end_matches('"'), pair[1]);
            let name = &before[before.rfind('"').unwrap() + 1..];
            let token = after.split(',').next().unwrap();
            assert_eq!(terminal(name).map(|known| format!("{known:?}")).as_deref(), Some(token), "{name}");
        }
        assert!(parts.len() > 90, "{} terminals were found", parts.len() - 1);
    }
}
