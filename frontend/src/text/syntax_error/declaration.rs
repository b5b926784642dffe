//! How are fields, lists, versions, parameters and grids declared in other languages, and how here? Each mistake knows
//! the words that show it, and the edits that correct it.

use crate::currency;
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::text::ast::Span;
use crate::text::token::Token;

use super::stop::Stop;

fn wrong(span: Span, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::UnexpectedToken, span, message).help(help)
}

fn misplaced(stop: &Stop, span: Span, help: impl Into<String>) -> Diagnostic {
    wrong(span, format!("`{}` does not belong here", span.text(stop.source)), help)
}

/// The word with this index and the space before it.
fn with_space(stop: &Stop, at: usize) -> Span {
    let before = at.checked_sub(1).map_or(0, |before| stop.place(before).end);
    Span { start: before, ..stop.place(at) }
}

fn token(stop: &Stop, at: usize) -> Option<Token> {
    stop.words.get(at).map(|word| word.1)
}

fn ago_in(stop: &Stop, count: usize, words: &[&str]) -> bool {
    words.iter().any(|word| stop.text_ago(count).eq_ignore_ascii_case(word))
}

// fields

const NULLABLE: [&str; 6] = ["nullable", "optional", "option", "maybe", "null", "missing"];
/// Where `optional` belongs.
pub const OPTIONAL: &str =
    "write `optional` after the type and its range: `score : int in 300..850 optional`";

/// The place after the type that the word with this index belongs to, where `optional` is written.
fn end_of_field(stop: &Stop, from: usize) -> Span {
    let ends = |at: &usize| match token(stop, *at) {
        Some(Token::BlockClose | Token::PolicyClose | Token::Default | Token::Semicolon) => true,
        Some(word) => word.is_name() && token(stop, at + 1) == Some(Token::Colon),
        None => true,
    };
    let end = (from + 1..=stop.words.len()).find(ends).unwrap_or(stop.words.len());
    let last = stop.place(end - 1).end;
    Span { start: last, end: last }
}

/// `optional int in 0..5`, `nullable int`, `int optional in 0..5`, `Optional<int>`, `int in 0..5 nullable`
pub(super) fn optional_elsewhere(stop: &Stop) -> Option<Diagnostic> {
    let at = stop.at;
    let moved = |span: Span, drop: Vec<Span>, from: usize| {
        let edits = drop.into_iter().map(|span| Edit::new(span, ""));
        let diagnostic = wrong(span, "`optional` does not belong here", OPTIONAL);
        Some(diagnostic.edits(edits).fix(end_of_field(stop, from), " optional"))
    };
    if stop.expects_type() && stop.token() == Some(Token::Optional) {
        return moved(stop.span(), vec![Span { end: stop.place(at + 1).start, ..stop.span() }], at);
    }
    // before the first field; before another one, it reads as the end of a field
    let begins_field = stop.token() == Some(Token::Optional) && token(stop, at + 2) == Some(Token::Colon);
    if begins_field && stop.expects(Token::BlockClose) {
        return moved(stop.span(), vec![Span { end: stop.place(at + 1).start, ..stop.span() }], at + 3);
    }
    if stop.token() == Some(Token::In) && stop.ago(1) == Some(Token::Optional) {
        return moved(stop.place(at - 1), vec![with_space(stop, at - 1)], at);
    }
    let names_type = stop.ago(3) == Some(Token::Colon) && super::habits::is_type(stop.text_ago(1));
    if stop.expects(Token::Colon) && names_type && ago_in(stop, 2, &NULLABLE) {
        let word = stop.place(at - 2);
        return moved(word, vec![Span { end: stop.place(at - 1).start, ..word }], at - 1);
    }
    let generic = stop.token() == Some(Token::Less) && stop.ago(2) == Some(Token::Colon);
    if generic && ago_in(stop, 1, &NULLABLE) && token(stop, at + 2) == Some(Token::Greater) {
        let around = stop.place(at - 1).to(stop.span());
        return moved(around, vec![around, stop.place(at + 2)], at + 2);
    }
    let behind_type = stop.expects(Token::Colon) && at >= 2 && !stop.begins_line(at - 1);
    if behind_type && ago_in(stop, 1, &NULLABLE) {
        let word = stop.place(at - 1);
        let text = stop.text_ago(1);
        let message = format!("`{text}` is written `optional`");
        return Some(wrong(word, message, "write `optional`").fix(word, "optional"));
    }
    if behind_type && ago_in(stop, 1, &["required", "mandatory", "not_null", "notnull"]) {
        let help = "a field without `optional` is required: leave the word out";
        return Some(misplaced(stop, stop.place(at - 1), help).fix(with_space(stop, at - 1), ""));
    }
    None
}

/// `decision Decision`, `Decision decision`, `decision = Decision`, `percent in 0%..25% = 0%`
pub(super) fn field(stop: &Stop) -> Option<Diagnostic> {
    const FORM: &str = "write a field as `name : type`";
    let (at, span) = (stop.at, stop.span());
    let is_type = |text: &str| super::habits::is_type(text) || stop.outline().values_of(text).is_some();
    if stop.token() == Some(Token::Becomes) && stop.expects(Token::Default) && stop.is_literal(at + 1) {
        let help = "write `default` before the value of an output that a rule may leave out";
        return Some(misplaced(stop, span, help).fix(span, "default"));
    }
    if !stop.expects(Token::Colon) || !stop.ago_is_name(1) || !stop.begins_line(at - 1) {
        return None;
    }
    let (before, text) = (stop.text_ago(1), stop.text());
    let missing = wrong(span, format!("`:` is missing, {}", stop.found()), FORM);
    match stop.token()? {
        Token::Becomes if is_type(stop.word_text(at + 1)) => Some(missing.fix(span, ":")),
        Token::Days | Token::Word if is_type(text) => Some(missing.fix(stop.end_of_before(), " :")),
        word if word.is_name() && is_type(before) && stop.ago(2) != Some(Token::Require) => {
            let both = stop.place(at - 1).to(span);
            let meant = format!("{text} : {before}");
            Some(wrong(both, "the name of a field comes before its type", FORM).fix(both, meant))
        }
        _ => None,
    }
}

// lists of names and values

/// `enum Kind = { a, b }`, `enum Kind (a, b)`, `enum Kind : a, b`, `{ a = 1 }`, `{ "a", "b" }`
pub(super) fn values_of_enum(stop: &Stop) -> Option<Diagnostic> {
    const HELP: &str = "put the values of an enum in braces: `enum Kind { a, b }`";
    let at = stop.at;
    let opens = stop.ago(2) == Some(Token::Enum) && stop.expects(Token::BlockOpen);
    if opens && stop.token() == Some(Token::Open) {
        let close = (at..stop.words.len()).find(|&at| token(stop, at) == Some(Token::Close))?;
        return Some(misplaced(stop, stop.span(), HELP).fix(stop.span(), "{").fix(stop.place(close), "}"));
    }
    if opens && stop.is_any(&[Token::Colon, Token::Becomes]) && token(stop, at + 1) == Some(Token::Word) {
        let last = (at + 1..stop.words.len()).take_while(|&at| !stop.begins_line(at)).last()?;
        let bars = (at..last).filter(|&at| token(stop, at) == Some(Token::Bar));
        let commas = bars.map(|at| Edit::new(with_space(stop, at), ","));
        let (open, end) = (stop.span(), stop.place(last).end);
        let brace = if stop.end_of_before().end == open.start { " {" } else { "{" };
        let diagnostic = misplaced(stop, open, HELP).edits(commas.collect::<Vec<_>>());
        return Some(diagnostic.fix(open, brace).fix(Span { start: end, end }, " }"));
    }
    let listed = stop.expects(Token::BlockClose) && in_enum(stop);
    let inside = || (at..stop.words.len()).take_while(|&at| token(stop, at) != Some(Token::BlockClose));
    if listed && stop.is_any(&[Token::Becomes, Token::Colon]) {
        let signs = inside().filter(|&at| matches!(token(stop, at), Some(Token::Becomes | Token::Colon)));
        let edits = signs.map(|at| {
            let text = token(stop, at + 1) == Some(Token::Text);
            let end = stop.place(if text { at } else { at + 1 }).end;
            Edit::new(Span { end, ..with_space(stop, at) }, "")
        });
        let help = "list the names of the values alone; a text for people may follow a name";
        return Some(misplaced(stop, stop.span(), help).edits(edits.collect::<Vec<_>>()));
    }
    if listed && stop.token() == Some(Token::Text) && stop.expects(Token::Word) {
        let name = |at: usize| stop.word_text(at).trim_matches('"').replace([' ', '-'], "_");
        let texts: Vec<usize> = inside().filter(|&at| token(stop, at) == Some(Token::Text)).collect();
        let words = texts.iter().all(|&at| is_name(&name(at)));
        let diagnostic = wrong(
            stop.span(),
            "the name of a value has no quotation marks",
            "write names without quotation marks; a text may follow a name",
        );
        let edits = texts.iter().map(|&at| Edit::new(stop.place(at), name(at)));
        return Some(if words { diagnostic.edits(edits.collect::<Vec<_>>()) } else { diagnostic });
    }
    None
}

fn is_name(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(letter) && text.chars().all(|c| letter(c) || c.is_ascii_digit())
}

/// Whether the parser stopped among the values of an enum.
fn in_enum(stop: &Stop) -> bool {
    let open =
        stop.words[..stop.at].iter().rposition(|word| matches!(word.1, Token::BlockOpen | Token::BlockClose));
    open.and_then(|at| at.checked_sub(2)).is_some_and(|at| stop.words[at].1 == Token::Enum)
}

/// `{a; b}`, `{1 2 3}`, `in 1, 2, 3`
pub(super) fn set(stop: &Stop) -> Option<Diagnostic> {
    let at = stop.at;
    let separated = stop.expects(Token::Comma) && stop.expects(Token::SetClose);
    if separated && (stop.is_any(&[Token::Semicolon, Token::Bar]) || stop.begins_value()) {
        let end = (at..stop.words.len()).find(|&at| {
            matches!(token(stop, at), Some(Token::SetClose | Token::BlockClose | Token::Arrow | Token::Colon))
        })?;
        if token(stop, end) != Some(Token::SetClose) {
            return None;
        }
        let edits = (at..end).filter_map(|at| {
            let before = stop.place(at - 1).end;
            let gap = Span { start: before, end: before };
            match (token(stop, at)?, token(stop, at - 1)?) {
                (Token::Semicolon | Token::Bar, _) => Some(Edit::new(with_space(stop, at), ",")),
                (_, Token::Semicolon | Token::Bar | Token::Comma | Token::Minus | Token::Dot) => None,
                (word, _) if word.begins_value() => Some(Edit::new(gap, ",")),
                _ => None,
            }
        });
        let help = "separate the values by commas: `{a, b}`";
        return Some(misplaced(stop, stop.span(), help).edits(edits.collect::<Vec<_>>()));
    }
    let literal = |at: usize| {
        matches!(
            token(stop, at),
            Some(Token::Number | Token::Percent | Token::Money | Token::Date | Token::Word)
        )
    };
    let begins = at >= 2 && stop.ago(2) == Some(Token::In) && literal(at - 1);
    // a name alone may be a set
    let lists = stop.expects(Token::Range) || stop.ago(1) == Some(Token::Word) && !stop.expects(Token::Comma);
    if begins && lists && stop.token() == Some(Token::Comma) {
        let mut end = at;
        while token(stop, end) == Some(Token::Comma) && literal(end + 1) && !stop.begins_line(end + 1) {
            end += 2;
        }
        let list = stop.place(at - 1).to(stop.place(end - 1));
        let meant = format!("{{{}}}", list.text(stop.source));
        return Some(wrong(list, "a list is written in braces", format!("write `{meant}`")).fix(list, meant));
    }
    let one = begins && stop.expects(Token::Range) && !stop.begins_value();
    if one && stop.is_any(&[Token::Arrow, Token::And, Token::Or, Token::Close, Token::Then]) {
        let (value, whole) = (stop.text_ago(1), stop.place(at - 2).to(stop.place(at - 1)));
        let year = stop.ago(1) == Some(Token::Number) && value.len() == 4;
        let range = format!("in {value}-01-01..{value}-12-31");
        return Some(if year {
            let help = format!("write `== {value}` for a number, or `{range}` for the days of a year");
            wrong(whole, "`in` needs a range or a list", help)
        } else {
            let help = format!("write `== {value}` for one value");
            wrong(whole, "`in` needs a range or a list", help).fix(whole, format!("== {value}"))
        });
    }
    None
}

/// `1 500 EUR`
pub(super) fn spaced_number(stop: &Stop) -> Option<Diagnostic> {
    let group = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count() == 3;
    let number = stop.ago(1) == Some(Token::Number) && stop.text_ago(1).len() <= 3;
    let follows = stop.is_any(&[Token::Number, Token::Money, Token::Percent]) && group(stop.text());
    let apart = stop.span().start == stop.end_of_before().end + 1;
    if !number || !follows || !apart || stop.expects(Token::SetClose) {
        return None;
    }
    let mut end = stop.at + 1;
    while stop.words.get(end).is_some_and(|word| matches!(word.1, Token::Number | Token::Money))
        && group(stop.word_text(end))
        && !stop.begins_line(end)
    {
        end += 1;
    }
    let span = stop.place(stop.at - 1).to(stop.place(end - 1));
    let gaps = (stop.at..end).map(|at| Span { start: stop.place(at - 1).end, end: stop.place(at).start });
    let pieces: Vec<&str> = (stop.at - 1..end).map(|at| stop.word_text(at)).collect();
    let message = format!("`{}` is not written as a number", span.text(stop.source));
    let diagnostic = Diagnostic::new(Code::MalformedNumber, span, message)
        .help(format!("write `{}`: `_` groups digits", pieces.join("_")));
    Some(diagnostic.edits(gaps.map(|gap| Edit::new(gap, "_")).collect::<Vec<_>>()))
}

// currency, effective date, versions

/// `currency "EUR"`, `effective from asked_on`, `version v1`, `version 1: from …`
pub(super) fn head(stop: &Stop) -> Option<Diagnostic> {
    let span = stop.span();
    let gap = stop.end_of_before();
    if stop.ago(1) == Some(Token::Policy) {
        const FORM: &str = "name a policy with words joined by dots: `policy shop.fee { … }`";
        return match stop.token()? {
            Token::Colon | Token::Becomes => {
                Some(misplaced(stop, span, FORM).fix(with_space(stop, stop.at), ""))
            }
            Token::Text => {
                let name = stop.text().trim_matches('"').replace([' ', '-'], "_");
                let diagnostic = misplaced(stop, span, FORM);
                Some(if is_name(&name) { diagnostic.fix(span, name) } else { diagnostic })
            }
            _ => None,
        };
    }
    let of_policy = stop.expects(Token::BlockOpen) && stop.expects(Token::Dot);
    if of_policy && stop.is_any(&[Token::Colon, Token::Becomes]) && stop.begins_line(stop.at + 1) {
        let help = "put the items of a policy in braces: `policy shop.fee { … }`";
        return Some(misplaced(stop, span, help).fix(span, " {"));
    }
    if stop.ago(1) == Some(Token::Currency) && stop.token() == Some(Token::Text) {
        let code = stop.text().trim_matches('"').to_uppercase();
        let help = "write the code without quotation marks: `currency USD`";
        let diagnostic = misplaced(stop, span, help);
        return Some(if currency::find(&code).is_some() { diagnostic.fix(span, code) } else { diagnostic });
    }
    if stop.ago(1) == Some(Token::Effective) && stop.expects(Token::On) {
        let diagnostic = wrong(
            span,
            format!("`on` is missing, {}", stop.found()),
            "name the input that selects the version: `effective on asked_on`",
        );
        let replaced = stop.is_any(&[Token::From, Token::Colon, Token::Becomes, Token::Is])
            || ["by", "date", "at"].contains(&stop.text());
        return Some(match replaced {
            true if gap.end == span.start => diagnostic.fix(span, " on"),
            true => diagnostic.fix(span, "on"),
            false => diagnostic.fix(gap, " on"),
        });
    }
    let number = stop.text().trim_start_matches(['v', 'V']);
    if stop.ago(1) == Some(Token::Version)
        && stop.token() == Some(Token::Word)
        && number.parse::<u32>().is_ok()
    {
        return Some(wrong(span, "a version has a number", format!("write `{number}`")).fix(span, number));
    }
    if stop.ago(2) == Some(Token::Version) && stop.expects(Token::From) {
        let help = "give the first day of a version with `from`: `version 1 from 2025-01-01`";
        let diagnostic = wrong(span, format!("`from` is missing, {}", stop.found()), help);
        return match (stop.token()?, stop.after()?) {
            (Token::Date, _) => Some(diagnostic.fix(gap, " from")),
            (_, Token::From) => Some(misplaced(stop, span, help).fix(with_space(stop, stop.at), "")),
            (_, Token::Date) if gap.end == span.start => Some(diagnostic.fix(span, " from")),
            (_, Token::Date) => Some(diagnostic.fix(span, "from")),
            _ => None,
        };
    }
    None
}

// items

/// Words that begin an item elsewhere, and the item that they begin here.
const ITEMS: [(&str, &str); 12] = [
    ("assert", "require"),
    ("check", "require"),
    ("constraint", "require"),
    ("ensure", "require"),
    ("validate", "require"),
    ("const", "let"),
    ("constant", "let"),
    ("define", "let"),
    ("val", "let"),
    ("var", "let"),
    ("set", "let"),
    ("declare", "let"),
];

/// `amount = price - deposit`, `var amount = …`, `assert deposit <= price`
pub(super) fn item(stop: &Stop) -> Option<Diagnostic> {
    if !stop.in_policy() || !stop.token()?.is_name() {
        return None;
    }
    let (span, text) = (stop.span(), stop.text());
    let named = ITEMS.iter().find(|row| text.eq_ignore_ascii_case(row.0));
    if stop.token() == Some(Token::Word) && stop.after() == Some(Token::Becomes) {
        let literal = stop.is_literal(stop.at + 2) && stop.begins_line(stop.at + 3);
        let help = "name a computed value with `let`, and a constant with `param`";
        let diagnostic = wrong(span, "a `let` or `param` is expected here", help);
        let start = Span { end: span.start, ..span };
        return Some(if literal { diagnostic } else { diagnostic.fix(start, "let ") });
    }
    let &(_, ours) = named?;
    let typed = token(stop, stop.at + 2) == Some(Token::Colon) && ours == "let";
    let ours = if typed { "param" } else { ours };
    Some(wrong(span, format!("`{text}` is written `{ours}`"), format!("write `{ours}`")).fix(span, ours))
}

/// `let amount : money = …`
pub(super) fn typed_let(stop: &Stop) -> Option<Diagnostic> {
    let typed = stop.ago(2) == Some(Token::Let) && stop.token() == Some(Token::Colon);
    let gives = (stop.at..stop.words.len())
        .take_while(|&at| !stop.begins_line(at))
        .find(|&at| token(stop, at) == Some(Token::Becomes));
    typed.then(|| {
        let help = "a `let` takes the type of its value: leave the type out";
        let diagnostic = misplaced(stop, stop.span(), help);
        match gives {
            Some(at) => diagnostic.fix(Span { end: stop.place(at - 1).end, ..stop.end_of_before() }, ""),
            None => diagnostic,
        }
    })
}

/// `require deposit <= price`, `require Q1 deposit <= price`, `require Q1 when …`
pub(super) fn requirement(stop: &Stop) -> Option<Diagnostic> {
    let text = usize::from(stop.ago(1) == Some(Token::Text));
    if !stop.expects(Token::Colon) || stop.ago(2 + text) != Some(Token::Require) {
        return None;
    }
    let (span, gap) = (stop.span(), stop.end_of_before());
    let form = "write a requirement as `require Q1 : a <= b`";
    let missing = |what: &str| wrong(span, format!("{what}, {}", stop.found()), form);
    if stop.is_any(&[Token::When, Token::Arrow, Token::Becomes, Token::If]) {
        return Some(missing("`:` is missing").fix(span, ":"));
    }
    let operates = matches!(stop.token()?, Token::In | Token::Is | Token::Plus | Token::Minus | Token::Times);
    if text == 0 && (stop.token()?.compares() || operates) {
        let id = format!(" {} :", stop.outline().fresh_requirement());
        let place = stop.place(stop.at - 2).end;
        let diagnostic = missing("this requirement has no id");
        return Some(diagnostic.fix(Span { start: place, end: place }, id));
    }
    stop.begins_value().then(|| missing("`:` is missing").fix(gap, " :"))
}

/// `2024-01-01 = 5`, `from 2024-01-01 => 5`, `from 2024-01-01 = 5,`
pub(super) fn dated(stop: &Stop) -> Option<Diagnostic> {
    const FORM: &str = "write each value of a parameter as `from 2024-01-01 = 5`";
    let (span, gap) = (stop.span(), stop.end_of_before());
    let entries = stop.expects(Token::From) && stop.expects(Token::BlockClose) && !stop.expects(Token::Colon);
    let inside = || (stop.at..stop.words.len()).take_while(|&at| token(stop, at) != Some(Token::BlockClose));
    if entries && stop.token() == Some(Token::Date) {
        let dates = inside().filter(|&at| {
            token(stop, at) == Some(Token::Date)
                && !matches!(token(stop, at - 1), Some(Token::From | Token::Until))
        });
        let edits = dates.map(|at| {
            let start = stop.place(at).start;
            Edit::new(Span { start, end: start }, "from ")
        });
        let diagnostic = wrong(span, format!("`from` is missing, {}", stop.found()), FORM);
        return Some(diagnostic.edits(edits.collect::<Vec<_>>()));
    }
    let given = stop.ago(2) == Some(Token::Becomes) && stop.ago(3) == Some(Token::Date);
    if entries && given && stop.is_any(&[Token::Comma, Token::Semicolon]) {
        let signs = inside().filter(|&at| matches!(token(stop, at), Some(Token::Comma | Token::Semicolon)));
        let edits = signs.map(|at| Edit::new(with_space(stop, at), ""));
        let help =
            "write the values of a parameter one after the other, without a comma or semicolon between them";
        return Some(misplaced(stop, span, help).edits(edits.collect::<Vec<_>>()));
    }
    let gives = stop.expects(Token::Becomes) && stop.ago(1) == Some(Token::Date);
    if gives && stop.is_any(&[Token::Arrow, Token::Yields, Token::Equal]) {
        return Some(wrong(span, format!("`=` is missing, {}", stop.found()), FORM).fix(span, "="));
    }
    (gives && stop.is_literal(stop.at))
        .then(|| wrong(span, format!("`=` is missing, {}", stop.found()), FORM).fix(gap, " ="))
}

/// `rules {`, `rules first: {`, `input = {`
pub(super) fn block(stop: &Stop) -> Option<Diagnostic> {
    let (span, gap) = (stop.span(), stop.end_of_before());
    if stop.ago(1) == Some(Token::Rules) && stop.expects(Token::First) {
        let help = "write `rules first { … }`: the first rule that applies decides";
        let diagnostic = wrong(span, format!("`first` is missing, {}", stop.found()), help);
        let open = (stop.at..stop.words.len())
            .take_while(|&at| at == stop.at || !stop.begins_line(at))
            .find(|&at| token(stop, at) == Some(Token::BlockOpen));
        return Some(match open {
            Some(open) => diagnostic.fix(Span { end: stop.place(open).start, ..gap }, " first "),
            None => diagnostic,
        });
    }
    let opens = stop.expects(Token::BlockOpen) && stop.is_any(&[Token::Becomes, Token::Colon]);
    (opens && stop.after() == Some(Token::BlockOpen)).then(|| {
        let help = "write nothing between this word and what follows it";
        misplaced(stop, span, help).fix(with_space(stop, stop.at), "")
    })
}

// grids

/// `score / ltv | …`, `| score \ ltv`, `grid rate(score, ltv)`, a row with `|` at its ends or `=>`
pub(super) fn grid(stop: &Stop) -> Option<Diagnostic> {
    const HEAD: &str = "the first line of a grid names both keys: `score \\ ltv | 0%..60% | … ;`";
    let (at, span) = (stop.at, stop.span());
    if stop.expects(Token::Backslash) && stop.is_any(&[Token::Slash, Token::Comma, Token::Bar]) {
        let keys = stop.after().is_some_and(Token::is_name);
        let meant = if stop.end_of_before().end == span.start { " \\" } else { "\\" };
        return keys.then(|| misplaced(stop, span, HEAD).fix(span, meant));
    }
    let next = || Span { end: stop.place(at + 1).start, ..span };
    let head = stop.token() == Some(Token::Bar) && token(stop, at + 2) == Some(Token::Backslash);
    if head {
        return Some(misplaced(stop, span, HEAD).fix(next(), ""));
    }
    if stop.ago(2) == Some(Token::Grid) && stop.expects(Token::Colon) {
        let help = "write a grid as `grid name : type { … }`; its first line names the keys";
        return match stop.token()? {
            Token::Open => {
                let close = (at..stop.words.len()).find(|&at| token(stop, at) == Some(Token::Close))?;
                let keys = Span { end: stop.place(close).end, ..stop.end_of_before() };
                Some(misplaced(stop, span, help).fix(keys, ""))
            }
            Token::Yields | Token::Becomes => Some(misplaced(stop, span, help).fix(span, ":")),
            _ => None,
        };
    }
    let row = "write a row of a grid as `300..639 | 14.9% | 16.9% ;`";
    let begins = stop.expects(Token::Above) && stop.ago(1) == Some(Token::Semicolon);
    if begins && stop.token() == Some(Token::Bar) && !stop.expects(Token::Bar) {
        return Some(misplaced(stop, span, row).fix(next(), ""));
    }
    let ends = stop.token() == Some(Token::Semicolon) && stop.ago(1) == Some(Token::Bar);
    if ends && !stop.expects(Token::Above) {
        return Some(misplaced(stop, stop.place(at - 1), row).fix(with_space(stop, at - 1), ""));
    }
    let arrow = stop.token() == Some(Token::Arrow) && stop.expects(Token::Bar) && !stop.expects(Token::Arrow);
    arrow.then(|| misplaced(stop, span, row).fix(span, "|"))
}

// outcomes

/// `=> a, b,` before the next rule; `=> x = a and y = b`
pub(super) fn outcome(stop: &Stop) -> Option<Diagnostic> {
    let at = stop.at;
    let ends = stop.is_any(&[Token::Rule, Token::Otherwise, Token::BlockClose, Token::Let]);
    if ends && stop.ago(1) == Some(Token::Comma) && stop.expects(Token::Number) {
        let help = "remove the comma: outcomes are separated by commas, and rules are not";
        return Some(misplaced(stop, stop.place(at - 1), help).fix(with_space(stop, at - 1), ""));
    }
    let name = stop.text_ago(1);
    let names_output = |name: &str| stop.outline().outputs.iter().any(|output| output.0 == name);
    let joined =
        stop.token() == Some(Token::Becomes) && stop.ago(2) == Some(Token::And) && names_output(name);
    if !joined {
        return None;
    }
    let begins = |token: Token| {
        matches!(token, Token::Rule | Token::Otherwise | Token::BlockClose | Token::PolicyClose)
    };
    let mut before = stop.words[..at].iter().rev().take_while(|word| !begins(word.1));
    if !before.any(|word| word.1 == Token::Arrow) {
        return None;
    }
    let ands = (at - 2..stop.words.len()).take_while(|&at| !begins(stop.words[at].1)).filter(|&at| {
        token(stop, at) == Some(Token::And)
            && token(stop, at + 2) == Some(Token::Becomes)
            && names_output(stop.word_text(at + 1))
    });
    let edits = ands.map(|at| Edit::new(with_space(stop, at), ","));
    let help = "separate outcomes by commas: `decision = approve, amount = $5`";
    Some(misplaced(stop, stop.place(at - 2), help).edits(edits.collect::<Vec<_>>()))
}

// rules and conditions

/// `rule 2 when …`, `x not < y`, `x < +5`, a parenthesis that closes nothing
pub(super) fn condition(stop: &Stop) -> Option<Diagnostic> {
    let (at, span) = (stop.at, stop.span());
    if stop.ago(1) == Some(Token::Rule) && stop.token() == Some(Token::Number) && stop.text().len() < 6 {
        let id = format!("R{}", stop.text());
        let free = !stop.outline().names.contains(id.as_str());
        let diagnostic = wrong(span, "an id begins with a letter", format!("write an id such as `{id}`"));
        return Some(if free { diagnostic.fix(span, id) } else { diagnostic });
    }
    let ends_value = !stop.expects(Token::Number);
    if stop.token() == Some(Token::Not) && ends_value && stop.after().is_some_and(Token::compares) {
        let sign = stop.word_text(at + 1);
        let meant = match sign {
            "<" => ">=",
            "<=" => ">",
            ">" => "<=",
            ">=" => "<",
            "==" => "!=",
            _ => "==",
        };
        let both = span.to(stop.place(at + 1));
        let message = format!("`not {sign}` is written `{meant}`");
        return Some(wrong(both, message, format!("write `{meant}`")).fix(both, meant));
    }
    if stop.token() == Some(Token::Plus) && stop.expects(Token::Number) && stop.is_literal(at + 1) {
        let help = "write a positive number without a sign";
        return Some(misplaced(stop, span, help).fix(span, ""));
    }
    let closes = stop.token() == Some(Token::Close) && !stop.expects(Token::Close) && ends_value;
    closes.then(|| {
        wrong(
            span,
            "this parenthesis closes nothing",
            "remove it, or write the opening one that it belongs to",
        )
        .fix(span, "")
        .unsure()
    })
}

// cases and tests

/// `case "ok" {`, `test priced {`, `given ok, score = 5`, `expect a = b and rule R1`
pub(super) fn test(stop: &Stop) -> Option<Diagnostic> {
    if stop.ago(1) == Some(Token::Case) && stop.token() == Some(Token::Text) {
        let name = stop.text().trim_matches('"').replace([' ', '-'], "_");
        let diagnostic = misplaced(stop, stop.span(), "write the name of a case without quotation marks");
        return Some(if is_name(&name) { diagnostic.fix(stop.span(), name) } else { diagnostic });
    }
    if stop.ago(1) == Some(Token::Test) && stop.expects(Token::Text) && stop.token()? != Token::BlockOpen {
        let end = (stop.at..stop.words.len()).find(|&at| token(stop, at) == Some(Token::BlockOpen))?;
        let title = stop.span().to(stop.place(end - 1));
        let meant = format!("\"{}\"", title.text(stop.source));
        let message = "the title of a test has quotation marks";
        return Some(wrong(title, message, format!("write `test {meant}`")).fix(title, meant));
    }
    given(stop).or_else(|| expected(stop))
}

/// `{ ok on …`, `given ok { score = 5 }`, `given ok at 2025-01-01`
fn given(stop: &Stop) -> Option<Diagnostic> {
    const FORM: &str = "write `given CASE with { field = value } on DATE expect …`";
    let (at, span, gap) = (stop.at, stop.span(), stop.end_of_before());
    let missing = |word: &str| wrong(span, format!("`{word}` is missing, {}", stop.found()), FORM);
    if stop.requires(Token::Given) {
        return match stop.token()? {
            Token::With => Some(missing("given").fix(span, "given")),
            word if word.is_name() => Some(missing("given").fix(gap, " given")),
            _ => None,
        };
    }
    let values_end = |from: usize| {
        let ends =
            |at: &usize| matches!(token(stop, *at), Some(Token::On | Token::Expect | Token::BlockClose));
        let end = (from..stop.words.len()).find(ends)?;
        let last = stop.place(end - 1).end;
        Some(Span { start: last, end: last })
    };
    if stop.ago(1) == Some(Token::With) && stop.expects(Token::BlockOpen) && stop.token()?.is_name() {
        return Some(missing("{").fix(gap, " {").fix(values_end(at)?, " }"));
    }
    if !stop.requires(Token::Expect) || !stop.requires(Token::On) {
        return word_before_date(stop, FORM);
    }
    match stop.token()? {
        Token::BlockOpen if stop.expects(Token::With) => Some(missing("with").fix(gap, " with")),
        Token::Comma if stop.expects(Token::With) && token(stop, at + 2) == Some(Token::Becomes) => {
            let diagnostic = missing("with").fix(span.to(gap), " with {");
            Some(diagnostic.fix(values_end(at + 1)?, " }"))
        }
        _ if stop.after() == Some(Token::Date) => Some(missing("on").fix(span, "on")),
        _ => None,
    }
}

/// `on date 2025-01-01`
fn word_before_date(stop: &Stop, form: &str) -> Option<Diagnostic> {
    let surplus =
        stop.ago(1) == Some(Token::On) && stop.expects(Token::Date) && stop.after() == Some(Token::Date);
    surplus.then(|| misplaced(stop, stop.span(), form).fix(with_space(stop, stop.at), ""))
}

/// `expects …`, `expect { … }`, `expect a == b`, `expect a = b and rule R1`
fn expected(stop: &Stop) -> Option<Diagnostic> {
    const FORM: &str = "write `expect decision = approve, rule R1`";
    let (at, span) = (stop.at, stop.span());
    let foreign = ["expects", "expected", "assert", "should", "returns"].contains(&stop.text());
    if stop.requires(Token::Expect) && (foreign || stop.is_any(&[Token::Arrow, Token::Then, Token::Colon])) {
        return Some(wrong(span, format!("`expect` is missing, {}", stop.found()), FORM).fix(span, "expect"));
    }
    if stop.ago(1) == Some(Token::Expect) && stop.is_any(&[Token::BlockOpen, Token::SetOpen]) {
        let close = (at..stop.words.len())
            .find(|&at| matches!(token(stop, at), Some(Token::BlockClose | Token::SetClose)))?;
        let open = Span { end: stop.place(at + 1).start, ..span };
        return Some(misplaced(stop, span, FORM).fix(open, "").fix(with_space(stop, close), ""));
    }
    let begin = stop.words[..at].iter().rposition(|word| {
        matches!(word.1, Token::Expect | Token::BlockClose | Token::BlockOpen | Token::PolicyClose)
    })?;
    if stop.words[begin].1 != Token::Expect {
        return None;
    }
    let joined = stop.ago(2) == Some(Token::And) && stop.token() == Some(Token::Becomes)
        || stop.ago(1) == Some(Token::And);
    let compared = stop.is_any(&[Token::Equal, Token::Is]) && stop.ago_is_name(1)
        || stop.token() == Some(Token::Equal) && stop.ago(1) == Some(Token::Rule);
    if !joined && !compared {
        return None;
    }
    let inside = (begin..stop.words.len()).take_while(|&at| token(stop, at) != Some(Token::BlockClose));
    let edits = inside.filter_map(|at| match token(stop, at)? {
        Token::And => Some(Edit::new(with_space(stop, at), ",")),
        Token::Equal | Token::Is | Token::Becomes
            if matches!(token(stop, at - 1), Some(Token::Rule | Token::Version | Token::Refused)) =>
        {
            Some(Edit::new(with_space(stop, at), ""))
        }
        Token::Equal | Token::Is => Some(Edit::new(stop.place(at), "=")),
        _ => None,
    });
    let place = if joined && stop.token() == Some(Token::Becomes) { stop.place(at - 2) } else { span };
    Some(misplaced(stop, place, FORM).edits(edits.collect::<Vec<_>>()))
}
