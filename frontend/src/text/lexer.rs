//! How does a source become words? logos finds them; this file looks at each one closely, reports what cannot
//! be read, and puts something readable in its place, so that the parser goes on.
//!
//! Comments are set aside. A word of another language (`&&`) becomes the one of this language that it stands
//! for. A number and the code of a currency behind it become one amount, unless an `=` or `:` shows that the
//! code is the name of the next field.

use logos::Logos;

use crate::currency;
use crate::diagnostic::{Code, Diagnostic};
use crate::limits::{DIGITS_MAX, ERRORS_MAX, NAME_BYTES_MAX, TEXT_BYTES_MAX, TOKENS_MAX};
use crate::text::ast::{Number, Span};
use crate::text::token::Token;

/// A source with this many errors is not read to its end.
pub const ENOUGH: usize = 4 * ERRORS_MAX;

/// A source as words.
#[derive(Clone, Debug, Default)]
pub struct Lexed {
    /// The words, numbers and signs.
    pub tokens: Vec<(Token, Span)>,
    /// The comments, each to the end of its line without the spaces there.
    pub comments: Vec<Span>,
}

/// Reads the words of a source, up to the first beyond the limit, or until there are errors [`ENOUGH`].
///
/// ```
/// use opus_frontend::{lexer::lex, token::Token};
/// let mut diagnostics = vec![];
/// let lexed = lex("age < 18 -- a minor", &mut diagnostics);
/// let tokens: Vec<Token> = lexed.tokens.iter().map(|(token, _)| *token).collect();
/// assert_eq!(tokens, [Token::Word, Token::Less, Token::Number]);
/// assert_eq!((lexed.comments.len(), diagnostics.len()), (1, 0));
/// ```
pub fn lex(source: &str, diagnostics: &mut Vec<Diagnostic>) -> Lexed {
    let mut lexed = Lexed::default();
    let text = source.strip_prefix('\u{feff}').unwrap_or(source);
    let offset = source.len() - text.len();
    for (read, range) in Token::lexer(text).spanned() {
        let span = Span::new(range.start + offset, range.end + offset);
        admit(read.unwrap_or(Token::Error), span, source, &mut lexed, diagnostics);
        if lexed.tokens.len() > TOKENS_MAX || diagnostics.len() >= ENOUGH {
            break;
        }
    }
    join(source, lexed)
}

/// Puts one word where it belongs, after a look at what is in it.
fn admit(token: Token, span: Span, source: &str, lexed: &mut Lexed, diagnostics: &mut Vec<Diagnostic>) {
    let text = span.text(source);
    match token {
        Token::Comment | Token::ForeignComment => {
            diagnostics.extend(look_at_comment(token, span, text));
            let shown = text.trim_end().len() as u32;
            return lexed.comments.push(Span { end: span.start + shown, ..span });
        }
        Token::Error => return stray(span, source, lexed, diagnostics),
        _ => {}
    }
    diagnostics.extend(match token {
        Token::Number | Token::Percent | Token::Money => look_at_number(span, text),
        Token::Date => look_at_date(span, text),
        Token::Text => look_at_text(span, text),
        Token::OpenText => Some(open_text(span, text)),
        Token::Foreign => Some(foreign(span, text)),
        Token::Word => look_at_name(span, text),
        _ => None,
    });
    let token = match token {
        Token::OpenText => Token::Error,
        Token::Foreign => instead(text).map_or(Token::Error, |(_, token)| token),
        other => other,
    };
    lexed.tokens.push((token, span));
}

/// Joins what is one word to the parser and several to the lexer.
fn join(source: &str, lexed: Lexed) -> Lexed {
    let mut tokens: Vec<(Token, Span)> = Vec::with_capacity(lexed.tokens.len());
    for (i, &(token, span)) in lexed.tokens.iter().enumerate() {
        let next = lexed.tokens.get(i + 1).map(|next| next.0);
        let joined = match (tokens.as_slice(), token) {
            (&[.., (Token::Number, number)], Token::Word) => {
                // a word before `=` names what comes next, but behind the end of a range nothing is named
                let ends_range = matches!(tokens[..], [.., (Token::Range | Token::RangeBelow, _), _]);
                let names_next = !ends_range && matches!(next, Some(Token::Becomes | Token::Colon));
                let joins = !names_next && currency::find(span.text(source)).is_some();
                joins.then_some((1, Token::Money, number))
            }
            (&[.., (word @ (Token::List | Token::Key), first), (Token::Word, second)], Token::To) => {
                let joined = if word == Token::List { Token::ListUpTo } else { Token::KeyUpTo };
                (second.text(source) == "up").then_some((2, joined, first))
            }
            _ => None,
        };
        let Some((replaced, token, first)) = joined else {
            tokens.push((token, span));
            continue;
        };
        tokens.truncate(tokens.len() - replaced);
        tokens.push((token, first.to(span)));
    }
    Lexed { tokens, ..lexed }
}

/// The value of a number, `None` where it is not written as one or has too many digits.
///
/// ```
/// use opus_frontend::{ast::Number, lexer::number};
/// assert_eq!(number("1_000.50"), Some(Number { mantissa: 100_050, scale: 2 }));
/// assert_eq!(number("1__0"), None);
/// ```
pub fn number(text: &str) -> Option<Number> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let groups = |part: &str| {
        part.split('_').all(|group| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit()))
    };
    let digits = |part: &str| part.bytes().filter(u8::is_ascii_digit).count();
    let scale = fraction.map_or(0, digits);
    let readable = groups(whole) && fraction.is_none_or(groups) && digits(whole) + scale <= DIGITS_MAX;
    let add = |sum: i128, byte: u8| sum * 10 + i128::from(byte - b'0');
    readable.then(|| Number {
        mantissa: text.bytes().filter(u8::is_ascii_digit).fold(0, add),
        scale: scale as u8,
    })
}

/// An amount in its parts: the mark (a symbol or a code), where that stands, and the number.
pub fn amount(text: &str, span: Span) -> Option<(&str, Span, Number)> {
    let is_digit = |c: char| c.is_ascii_digit();
    let first = text.find(is_digit)?;
    let (mark, digits, at) = match first {
        0 => {
            let end = text.rfind(is_digit)? + 1;
            let mark = text[end..].trim();
            (mark, &text[..end], text.len() - mark.len())
        }
        _ => (&text[..first], &text[first..], 0),
    };
    let start = span.start as usize + at;
    Some((mark, Span::new(start, start + mark.len()), number(digits)?))
}

/// What a text in quotation marks says, its escapes resolved.
pub fn unquote(text: &str) -> String {
    let inner = text.strip_prefix('"').unwrap_or(text);
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut escaped = false;
    let mut keep = |c: &char| {
        escaped = *c == '\\' && !escaped;
        !escaped
    };
    inner.chars().filter(|c| keep(c)).collect()
}

/// The inverse of [`unquote`].
pub fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn look_at_name(span: Span, text: &str) -> Option<Diagnostic> {
    let message = || format!("this name has {} letters", text.len());
    (text.len() > NAME_BYTES_MAX).then(|| {
        Diagnostic::new(Code::NameTooLong, span, message())
            .help(format!("a name has at most {NAME_BYTES_MAX} letters; choose a shorter one"))
    })
}

fn look_at_number(span: Span, text: &str) -> Option<Diagnostic> {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit()).trim_end_matches('%');
    let marked = text.ends_with('%') && text.starts_with(|c: char| !c.is_ascii_digit());
    if number(digits).is_some() && !marked {
        return None;
    }
    let count = digits.bytes().filter(u8::is_ascii_digit).count();
    if count > DIGITS_MAX && digits.bytes().all(|b| b.is_ascii_digit() || b == b'_' || b == b'.') {
        let message = format!("this number has {count} digits");
        return Some(
            Diagnostic::new(Code::TooManyDigits, span, message)
                .help(format!("a number has at most {DIGITS_MAX} digits")),
        );
    }
    let diagnostic = Diagnostic::new(Code::MalformedNumber, span, format!("`{text}` is not a number"));
    let letters = digits.find(|c: char| c.is_ascii_alphabetic());
    let at = letters.filter(|&at| at > 0 && number(&digits[..at]).is_some());
    let start =
        span.start as usize + (text.len() - text.trim_start_matches(|c: char| !c.is_ascii_digit()).len());
    Some(match at.map(|at| (at, &digits[at..])) {
        Some((at, word)) if may_follow_number(word) => diagnostic
            .help("put a space between a number and a word")
            .fix(Span::new(start + at, start + at), " "),
        Some(_) => diagnostic.help("a number is written out, in digits: `1_000`, `0.25`, `30 days`"),
        None => diagnostic.help("a number is written like `1_000` or `0.25`"),
    })
}

/// Whether a word may stand behind a number: a word of the language, or the code of a currency.
fn may_follow_number(word: &str) -> bool {
    currency::find(word).is_some() || Token::HARD.iter().any(|token| token.text() == Some(word))
}

fn look_at_date(span: Span, text: &str) -> Option<Diagnostic> {
    if opus_ir::date::parse(text).is_some() {
        return None;
    }
    let message = match text.len() {
        10 => format!("`{text}` is not a day of the calendar"),
        _ => format!("`{text}` is not written as a date"),
    };
    let help = "a date is year, month and day: `2025-01-31`; a subtraction has spaces around its sign";
    Some(Diagnostic::new(Code::MalformedDate, span, message).help(help))
}

fn look_at_text(span: Span, text: &str) -> Option<Diagnostic> {
    let said = unquote(text);
    if said.len() > TEXT_BYTES_MAX {
        let message = format!("this text has {} bytes", said.len());
        let help = format!("a text has at most {TEXT_BYTES_MAX} bytes");
        return Some(Diagnostic::new(Code::TextTooLong, span, message).help(help));
    }
    unknown_escape(span, text).or_else(|| forbidden(span, text))
}

fn unknown_escape(span: Span, text: &str) -> Option<Diagnostic> {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        let Some((_, escaped)) = (c == '\\').then(|| chars.next()).flatten() else { continue };
        if escaped != '"' && escaped != '\\' {
            let start = span.start as usize + at;
            let place = Span::new(start, start + 1 + escaped.len_utf8());
            return Some(
                Diagnostic::new(Code::UnknownEscape, place, format!("`\\{escaped}` means nothing in a text"))
                    .help("a backslash stands before `\"` or another backslash")
                    .fix(place, format!("\\\\{escaped}")),
            );
        }
    }
    None
}

/// Characters that cannot be seen and change what is seen: controls and changes of direction.
fn forbidden(span: Span, text: &str) -> Option<Diagnostic> {
    let unseen = |c: char| {
        let direction = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}');
        let other = matches!(c, '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        direction || other || (c.is_control() && c != '\t' && c != '\r')
    };
    let (at, c) = text.char_indices().find(|&(_, c)| unseen(c))?;
    let start = span.start as usize + at;
    let place = Span::new(start, start + c.len_utf8());
    let message = format!("the character U+{:04X} cannot be seen", u32::from(c));
    Some(Diagnostic::new(Code::ForbiddenCharacter, place, message).help("remove it").fix(place, ""))
}

fn look_at_comment(token: Token, span: Span, text: &str) -> Option<Diagnostic> {
    if token == Token::Comment {
        return forbidden(span, text);
    }
    let mark = if text.starts_with('#') { "#" } else { &text[..2] };
    let place = Span { end: span.start + mark.len() as u32, ..span };
    let diagnostic =
        Diagnostic::new(Code::ForeignComment, place, format!("`{mark}` does not begin a comment"));
    Some(match (mark, text.strip_suffix("*/")) {
        ("/*", Some(said)) => {
            let lines =
                said[2..].trim().lines().map(|line| format!("-- {}", line.trim())).collect::<Vec<_>>();
            diagnostic.help(COMMENTS).fix(span, lines.join("\n") + "\n")
        }
        ("//", _) => diagnostic
            .help("a comment begins with `--` and ends with its line; a quotient is rounded down by `div`")
            .fix(place, "--"),
        _ => diagnostic.help(COMMENTS).fix(place, "--"),
    })
}

const COMMENTS: &str = "a comment begins with `--` and ends with its line";

fn open_text(span: Span, text: &str) -> Diagnostic {
    let end = span.start as usize + text.trim_end().len();
    Diagnostic::new(Code::UnterminatedText, span, "this text does not end on its line")
        .help("close it with `\"`")
        .fix(Span::new(end, end), "\"")
}

/// Words of other languages, and what they stand for in this one.
const FOREIGN: [(&str, &str, Token); 16] = [
    ("&&", "and", Token::And),
    ("&", "and", Token::And),
    ("||", "or", Token::Or),
    ("!", "not", Token::Not),
    ("<>", "!=", Token::NotEqual),
    ("!==", "!=", Token::NotEqual),
    ("≠", "!=", Token::NotEqual),
    ("===", "==", Token::Equal),
    ("=<", "<=", Token::LessOrEqual),
    ("≤", "<=", Token::LessOrEqual),
    ("≥", ">=", Token::GreaterOrEqual),
    ("×", "*", Token::Times),
    ("÷", "/", Token::Slash),
    (":=", "=", Token::Becomes),
    ("??", "or_else", Token::OrElse),
    ("⇒", "=>", Token::Arrow),
];

fn instead(text: &str) -> Option<(&'static str, Token)> {
    let dash = matches!(text, "−" | "–").then_some(("-", Token::Minus));
    dash.or_else(|| FOREIGN.iter().find(|row| row.0 == text).map(|row| (row.1, row.2)))
}

fn foreign(span: Span, text: &str) -> Diagnostic {
    let word = instead(text).map_or("", |(word, _)| word);
    let replacement = if text == "!" { format!("{word} ") } else { word.to_string() };
    Diagnostic::new(Code::ForeignOperator, span, format!("`{text}` is not an operator"))
        .help(format!("write `{word}`"))
        .fix(span, replacement)
}

/// Reports a character that means nothing; several of them side by side are one error.
fn stray(span: Span, source: &str, lexed: &mut Lexed, diagnostics: &mut Vec<Diagnostic>) {
    let text = span.text(source);
    if text.chars().all(char::is_whitespace) {
        let message = "this space is not a plain one";
        let diagnostic = Diagnostic::new(Code::StrayCharacter, span, message);
        return diagnostics.push(diagnostic.help("type it again").fix(span, " "));
    }
    let before =
        lexed.tokens.last_mut().filter(|(token, last)| *token == Token::Error && last.end == span.start);
    if let Some((_, last)) = before {
        last.end = span.end;
        let about = diagnostics.iter_mut().rev().find(|d| d.primary.span.end == span.start);
        return about.into_iter().for_each(|d| d.primary.span.end = span.end);
    }
    let pair = closes_a_pair(span, text, lexed, source);
    lexed.tokens.push((Token::Error, span));
    if pair {
        return;
    }
    let diagnostic = Diagnostic::new(Code::StrayCharacter, span, format!("`{text}` means nothing here"));
    diagnostics.push(diagnostic.help(match text.chars().next().unwrap_or(' ') {
        '%' => "a percent sign follows its number without a space, and the remainder is `mod`",
        '“' | '”' | '„' | '«' | '»' | '\'' | '‘' | '’' | '`' => {
            "a text stands in straight quotation marks, `\"`; values of an enum stand without any"
        }
        '[' | ']' => "what is listed stands in braces, `{a, b}`, and a range is `a..b`",
        '?' => "an input that may be missing is declared `optional`; a choice is `if … then … else …`",
        '$' | '€' | '£' | '¥' => {
            "an amount follows its symbol without a space, and its sign stands before: `$5.00`, `-$5.00`"
        }
        '^' => "there are no powers; multiply",
        c if c.is_alphabetic() => "names are made of the letters a to z, digits and `_`",
        _ => "remove it",
    }));
}

/// Whether it closes what a stray character before it on its line has opened: that is one error.
fn closes_a_pair(span: Span, text: &str, lexed: &Lexed, source: &str) -> bool {
    const PAIRS: [(&str, &str); 8] =
        [("[", "]"), ("“", "”"), ("„", "“"), ("„", "”"), ("‘", "’"), ("«", "»"), ("'", "'"), ("`", "`")];
    let stray = lexed.tokens.iter().rev().take(PAIR_TOKENS_MAX).find(|(token, _)| *token == Token::Error);
    stray.is_some_and(|(_, opener)| {
        let between = Span { start: opener.end, end: span.start }.text(source);
        !between.contains('\n') && PAIRS.contains(&(opener.text(source), text))
    })
}

/// How far apart two stray characters may be to be taken for a pair.
const PAIR_TOKENS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// Something and the text at its place.
    type At<'s, T> = Vec<(T, &'s str)>;

    fn lexed(source: &str) -> (At<'_, Token>, At<'_, Code>) {
        let mut diagnostics = vec![];
        let lexed = lex(source, &mut diagnostics);
        let tokens = lexed.tokens.iter().map(|(token, span)| (*token, span.text(source))).collect();
        (tokens, diagnostics.iter().map(|d| (d.code, d.primary.span.text(source))).collect())
    }

    #[test]
    fn what_cannot_be_read_is_reported_at_its_place() {
        let cases = [
            ("a ~~ b", Code::StrayCharacter, "~~"),
            ("a\u{a0}b", Code::StrayCharacter, "\u{a0}"),
            ("\"abc", Code::UnterminatedText, "\"abc"),
            ("18years", Code::MalformedNumber, "18years"),
            ("1__0", Code::MalformedNumber, "1__0"),
            ("$5%", Code::StrayCharacter, "%"),
            ("1e6", Code::MalformedNumber, "1e6"),
            ("2025-02-29", Code::MalformedDate, "2025-02-29"),
            ("2025-1-1", Code::MalformedDate, "2025-1-1"),
            (r#""a\nb""#, Code::UnknownEscape, r"\n"),
            ("\"a\u{202e}b\"", Code::ForbiddenCharacter, "\u{202e}"),
            ("-- a\u{202e}b", Code::ForbiddenCharacter, "\u{202e}"),
            ("// a", Code::ForeignComment, "//"),
            ("a && b", Code::ForeignOperator, "&&"),
            ("1234567890123456789012345678901", Code::TooManyDigits, "1234567890123456789012345678901"),
        ];
        for (source, code, place) in cases {
            assert_eq!(lexed(source).1, [(code, place)], "{source}");
        }
    }

    #[test]
    fn lengths_are_limited() {
        assert_eq!(lexed(&"a".repeat(64)).1[0].0, Code::NameTooLong);
        assert_eq!(lexed(&"a".repeat(63)).1, []);
        assert_eq!(lexed(&format!("\"{}\"", "a".repeat(1001))).1[0].0, Code::TextTooLong);
        assert_eq!(lexed(&format!("\"{}\"", "a".repeat(1000))).1, []);
    }

    #[test]
    fn words_of_other_languages_are_read_as_ours() {
        let (tokens, _) = lexed("a && !b ≤ c");
        let tokens: Vec<Token> = tokens.iter().map(|t| t.0).collect();
        use Token::*;
        assert_eq!(tokens, [Word, And, Not, Word, LessOrEqual, Word]);
    }

    #[test]
    fn every_foreign_word_has_a_meaning() {
        for (text, word, token) in FOREIGN {
            assert_eq!(Token::lexer(text).next(), Some(Ok(Token::Foreign)), "{text}");
            assert_eq!(token.text(), Some(word));
        }
    }

    #[test]
    fn an_amount_may_name_its_currency() {
        assert_eq!(lexed("5.00 EUR").0, [(Token::Money, "5.00 EUR")]);
        assert!(lexed("fee : money in 0 EUR..5 EUR = 1 EUR").0.contains(&(Token::Money, "5 EUR")));
        assert!(!lexed("fee = 5 EUR = 1").0.contains(&(Token::Money, "5 EUR")));
        assert_eq!(lexed("5 AGE").0.len(), 2);
        assert_eq!(lexed("a = 5 ALL = 6").0.len(), 6);
        assert_eq!(lexed("list up to 5").0[0], (Token::ListUpTo, "list up to"));
        assert_eq!(lexed("list up 5").0.len(), 3);
    }

    #[test]
    fn amounts_come_apart() {
        let number = Number { mantissa: 100_050, scale: 2 };
        let span = Span::new(10, 19);
        assert_eq!(amount("$1_000.50", span), Some(("$", Span::new(10, 11), number)));
        assert_eq!(amount("€1_000.50", span), Some(("€", Span::new(10, 13), number)));
        assert_eq!(amount("1000.50 EUR", span), Some(("EUR", Span::new(18, 21), number)));
    }

    #[test]
    fn quoting_and_unquoting_are_inverse() {
        for text in ["", "a", "\"", "\\", "a \"b\" \\ c\\\"", "ä € 日"] {
            assert_eq!(unquote(&quote(text)), text);
        }
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        assert_eq!(lexed("\u{feff}policy").0, [(Token::Policy, "policy")]);
    }
}
