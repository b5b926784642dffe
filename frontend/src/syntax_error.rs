//! What is said where the parser stops? Lists of expected words become a sentence, and common mistakes a
//! diagnostic of their own.
//!
//! Mistakes are looked for in the order of [`MISTAKES`]; what is none of them is an unexpected word. An error
//! within three words of where the parser went on after the last one is taken for its consequence and not
//! shown.

use std::collections::BTreeSet;

use lalrpop_util::ParseError;

use crate::ast::Span;
use crate::braces::Placed;
use crate::builder::Recovery;
use crate::diagnostic::{Code, Diagnostic, one_of};
use crate::token::Token;

/// How many words must be read after an error before another one is believed.
const CALM: usize = 3;

/// The diagnostics for what the parser recovered from; `words` is what it read.
pub fn report(recoveries: Vec<Recovery>, words: &[Placed], source: &str) -> Vec<Diagnostic> {
    let mut stops: Vec<(Stop, usize)> =
        recoveries.into_iter().map(|recovery| locate(recovery, words, source)).collect();
    stops.sort_by_key(|(stop, _)| stop.at);
    let mut calm_from = 0;
    let mut diagnostics = vec![];
    for (stop, resumed) in stops {
        let believed = stop.at >= calm_from && stop.token() != Some(Token::Error);
        calm_from = calm_from.max(resumed + CALM);
        if believed {
            diagnostics.push(describe(&stop));
        }
    }
    diagnostics
}

/// A place where the parser stopped.
struct Stop<'a> {
    words: &'a [Placed],
    /// The index of the word that could not be read; the number of words at the end of the source.
    at: usize,
    expected: BTreeSet<Token>,
    source: &'a str,
}

/// Where the parser stopped, and the index of the word with which it went on.
fn locate<'a>(recovery: Recovery, words: &'a [Placed], source: &'a str) -> (Stop<'a>, usize) {
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
    (Stop { words, at, expected, source }, resumed)
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
const NAMED: [(&str, Token, &str); 11] = [
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
];

impl Stop<'_> {
    fn token(&self) -> Option<Token> {
        self.words.get(self.at).map(|word| word.1)
    }

    fn before(&self) -> Option<Token> {
        self.at.checked_sub(1).map(|before| self.words[before].1)
    }

    fn after(&self) -> Option<Token> {
        self.words.get(self.at + 1).map(|word| word.1)
    }

    fn span(&self) -> Span {
        self.words.get(self.at).map_or(self.end_of_before(), |word| Span::new(word.0, word.2))
    }

    /// The place just behind the last word that was read.
    fn end_of_before(&self) -> Span {
        let end = self.at.checked_sub(1).map_or(0, |before| self.words[before].2);
        Span::new(end, end)
    }

    fn expects(&self, token: Token) -> bool {
        self.expected.contains(&token)
    }

    fn begins_value(&self) -> bool {
        self.token().is_some_and(Token::begins_value)
    }

    fn on_new_line(&self) -> bool {
        let between = Span { start: self.end_of_before().start, end: self.span().start };
        between.text(self.source).contains('\n')
    }

    fn text(&self) -> &str {
        self.span().text(self.source)
    }

    /// Whether it stands between digits, without spaces.
    fn joins_digits(&self) -> bool {
        let of_number = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        let (source, span) = (self.source.as_bytes(), self.span());
        let before = span.start.checked_sub(1).and_then(|before| source.get(before as usize));
        of_number(before) && of_number(source.get(span.start as usize + 1))
    }

    /// What stands there, for people.
    fn found(&self) -> String {
        let span = self.span();
        match self.token() {
            None => "the source ends".to_string(),
            Some(_) if span.start == span.end => "its block ends".to_string(),
            Some(Token::Text) => "a text stands here".to_string(),
            Some(_) => format!("`{}` stands here", span.text(self.source)),
        }
    }
}

/// The mistakes that have a diagnostic of their own, the more telling ones first.
const MISTAKES: [fn(&Stop) -> Option<Diagnostic>; 11] = [
    unit_as_name,
    single_equals,
    not_missing,
    second_arrow,
    missing_arrow,
    missing_semicolon,
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
        [] => format!("nothing is expected here, but {}", stop.found()),
        words => format!("expected {}, but {}", one_of(words), stop.found()),
    };
    let diagnostic = Diagnostic::new(Code::UnexpectedToken, stop.span(), message);
    match HABITS.iter().find(|(meant, _)| meant(stop)) {
        Some((_, help)) => diagnostic.help(*help),
        None => diagnostic,
    }
}

type Habit = (fn(&Stop) -> bool, &'static str);

/// What authors are used to from elsewhere: where it stops the parser, and how it is written here.
const HABITS: [Habit; 11] = [
    (
        |stop| stop.token() == Some(Token::Comma) && stop.joins_digits(),
        "digits are grouped by `_`, and decimals stand behind a point: `5_000.00`",
    ),
    (
        |stop| stop.text().starts_with('.') && stop.joins_digits(),
        "a date is year, month and day: `2024-12-31`",
    ),
    (|stop| stop.text() == "between", "a range is written with `in`: `x in a..b`"),
    (
        |stop| stop.token() == Some(Token::Comma) && stop.expects(Token::Range),
        "values are listed in braces: `x in {a, b}`",
    ),
    (
        |stop| stop.before() == Some(Token::Is) && stop.begins_value(),
        "two values are compared with `==`; `is` asks whether one is `missing` or `present`",
    ),
    (|stop| stop.token() == Some(Token::Semicolon), "only rows of tables and grids end with `;`"),
    (
        |stop| stop.expects(Token::Unique) && !stop.expects(Token::Word),
        "`unique` where exactly one row applies to everything, `first` where the first that applies counts",
    ),
    (
        |stop| stop.expects(Token::Colon) && stop.token().is_some_and(Token::compares),
        "a requirement begins with its id: `require Q1 : a <= b`",
    ),
    (|stop| stop.expects(Token::When), "a rule is written `rule ID when CONDITION => OUTCOME`"),
    (
        |stop| stop.expects(Token::Otherwise) && stop.token() == Some(Token::Word),
        "a rule is written `rule ID when CONDITION => OUTCOME`",
    ),
    (
        |stop| stop.token() == Some(Token::Text) && stop.expects(Token::Number),
        "there are no texts among the values: what can be told apart is a value of an `enum`, without quotation marks",
    ),
];

fn single_equals(stop: &Stop) -> Option<Diagnostic> {
    (stop.token()? == Token::Becomes && stop.expects(Token::Equal)).then(|| {
        Diagnostic::new(Code::SingleEquals, stop.span(), "`=` does not compare")
            .help("two values are compared with `==`")
            .fix(stop.span(), "==")
    })
}

fn not_missing(stop: &Stop) -> Option<Diagnostic> {
    let help = match stop.token()? {
        Token::Not if stop.expects(Token::Missing) => "`is present` is the opposite of `is missing`",
        Token::Not if stop.expects(Token::In) => "`not` stands before what it denies: `not x in {1, 2}`",
        _ => return None,
    };
    Some(Diagnostic::new(Code::UnexpectedToken, stop.span(), "`not` does not belong here").help(help))
}

fn second_arrow(stop: &Stop) -> Option<Diagnostic> {
    let statement = stop.words[..stop.at].iter().rev().take_while(|word| !begins_statement(word.1));
    let first = statement.clone().find(|word| word.1 == Token::Arrow)?;
    (stop.token()? == Token::Arrow).then(|| {
        let span = Span::new(first.0, first.2);
        Diagnostic::new(Code::UnexpectedToken, stop.span(), "a second `=>` in one rule or row")
            .also(span, "the first one")
            .help("`=>` is the arrow; \"at least\" is written `>=`")
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
        let place = if instead { stop.span() } else { stop.end_of_before() };
        let diagnostic =
            Diagnostic::new(Code::MissingArrow, stop.span(), format!("`=>` is missing, {}", stop.found()));
        let diagnostic = diagnostic.help("`=>` stands between a condition and what follows from it");
        if ends { diagnostic } else { diagnostic.fix(place, if instead { "=>" } else { " =>" }) }
    })
}

fn missing_semicolon(stop: &Stop) -> Option<Diagnostic> {
    let ends = matches!(stop.token()?, Token::Bar | Token::BlockClose);
    let next_row = stop.on_new_line() && (stop.begins_value() || cell_begins(stop.token()?));
    (stop.expects(Token::Semicolon) && (ends || next_row)).then(|| {
        Diagnostic::new(Code::MissingSemicolon, stop.end_of_before(), "`;` is missing at the end of this row")
            .help("every row of a table or grid ends with `;`")
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
    (stop.expects(Word) && used).then(|| reserved(stop.span(), word))
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
    Diagnostic::new(Code::ReservedWord, span, format!("`{word}` is a word of the language, not a name"))
        .help(format!("choose another name, such as `{word}_1` or one that says more"))
}

fn rule_without_id(stop: &Stop) -> Option<Diagnostic> {
    let before = stop.before()?;
    let message = match before {
        Token::Rule | Token::Otherwise => "a rule without an id",
        Token::Require => "a requirement without an id",
        _ => return None,
    };
    let help = "the id follows the word, for example `rule C1`: reports and comparisons refer to it";
    stop.expects(Token::Word).then(|| {
        let diagnostic =
            Diagnostic::new(Code::UnexpectedToken, stop.span(), format!("{message}: {}", stop.found()));
        diagnostic.help(help)
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
    (!stop.begins_value()).then(|| {
        Diagnostic::new(Code::UnclosedBrace, opener, format!("this {what} is not closed"))
            .label("opened here")
            .also(stop.span(), stop.found())
            .help(format!("write `{}` where it should end", closes.text().unwrap_or("")))
    })
}

/// The last bracket of these words that is not closed among them.
fn opener(words: &[Placed], opens: Token, closes: Token) -> Option<Span> {
    let mut closed = 0;
    for &(start, token, end) in words.iter().rev() {
        if token == closes {
            closed += 1;
        } else if token == opens && closed == 0 {
            return Some(Span::new(start, end));
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
        Diagnostic::new(Code::UnexpectedToken, stop.span(), message)
            .help("what is listed is separated by commas")
            .fix(stop.end_of_before(), ",")
    })
}

fn shared_type(stop: &Stop) -> Option<Diagnostic> {
    (stop.token()? == Token::Comma && stop.expects(Token::Colon)).then(|| {
        let diagnostic =
            Diagnostic::new(Code::UnexpectedToken, stop.span(), "`:` and a type are missing here");
        diagnostic.help("each field has a type of its own: `a : int  b : int`")
    })
}

/// What is expected, for people: many words at once are one notion.
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

/// Words that stand for a notion: where the first are expected, the notion is, and the last need not be named.
type Notion = (&'static [Token], &'static str, fn(Token) -> bool);

const NOTIONS: [Notion; 5] = [
    (&[Token::Param, Token::Enum], "an item such as `param` or `rules`", |token| {
        token.begins_item() || is_later(token)
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
    matches!(token, Token::Cite | Token::From | Token::Until | Token::Text | Token::Optional | Token::Default)
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
