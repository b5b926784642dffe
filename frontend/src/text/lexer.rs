//! How does a source become words? logos finds them. This file checks each one, reports those that cannot be read, and
//! puts something readable in their place, so that the parser can continue.
//!
//! Comments are set aside. A word of another language (`&&`) is replaced by its counterpart here. A number and the
//! currency code after it become one amount, unless an `=` or `:` shows that the code is the name of the next field. (The
//! `=` after the range of a parameter shows nothing of the kind.)

use logos::Logos;

use crate::currency;
use crate::diagnostic::{Code, Diagnostic};
use crate::limits::{DIGITS_MAX, ERRORS_MAX, NAME_BYTES_MAX, TEXT_BYTES_MAX, TOKENS_MAX};
use crate::text::ast::{Number, Span};
use crate::text::foreign_date;
use crate::text::signs;
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
    signs::settle(source, &mut lexed.tokens, diagnostics);
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
        Token::ForeignText => return foreign_text(span, source, lexed, diagnostics),
        Token::Foreign if matches!(text, "–" | "—" | "−" | "…") && joins_range(span, source, lexed) =>
        {
            diagnostics.push(
                Diagnostic::new(Code::ForeignOperator, span, format!("a range is not written with `{text}`"))
                    .help("write `..` between the two ends, which are both included")
                    .fix(span, ".."),
            );
            return lexed.tokens.push((Token::Range, span));
        }
        _ => {}
    }
    diagnostics.extend(match token {
        Token::Number | Token::Percent | Token::Money => look_at_number(span, text),
        Token::Date => look_at_date(span, text),
        Token::Text => look_at_text(span, text),
        Token::OpenText => Some(open_text(span, source, lexed)),
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
    let mut in_param = false;
    for (i, &(token, span)) in lexed.tokens.iter().enumerate() {
        let next = lexed.tokens.get(i + 1).map(|next| next.0);
        in_param = match token {
            Token::Param => true,
            Token::Becomes | Token::BlockOpen => false,
            _ => in_param,
        };
        let joined = match (tokens.as_slice(), token) {
            (&[.., (Token::Number, number)], Token::Word) => {
                // a word before `:` or `=` names what comes next, but the name of a parameter is before its range
                let names_next = match next {
                    Some(Token::Colon) => true,
                    Some(Token::Becomes) => !in_param,
                    _ => false,
                };
                let joins = !names_next && currency::find(span.text(source)).is_some();
                joins.then_some((1, Token::Money, number))
            }
            (&[.., (word @ (Token::List | Token::Key), first), (Token::Word, second)], Token::To) => {
                let joined = if word == Token::List { Token::ListUpTo } else { Token::KeyUpTo };
                (second.text(source) == "up").then_some((2, joined, first))
            }
            // a field may be called `up`
            (&[.., (Token::Actionable, first)], Token::Word) if next != Some(Token::Colon) => {
                let direction = match span.text(source) {
                    "up" => Some(Token::ActionableUp),
                    "down" => Some(Token::ActionableDown),
                    _ => None,
                };
                direction.map(|token| (1, token, first))
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

/// The value of a number, `None` if it is not written as one or has too many digits.
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

/// An amount in its parts: the mark (a symbol or a code), the span of the mark, and the number.
pub fn amount(text: &str, span: Span) -> Option<(&str, Span, Number)> {
    let is_digit = |c: char| c.is_ascii_digit();
    let first = text.find(is_digit)?;
    let (mark, digits, at) = match first {
        0 => {
            // a comment may be between the two
            let is_of_number = |c: char| is_digit(c) || matches!(c, '_' | '.');
            let end = text.find(|c| !is_of_number(c)).unwrap_or(text.len());
            let mark = text[end..].split_whitespace().next_back().unwrap_or("");
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
    let message = || format!("this name is {} characters long", text.len());
    (text.len() > NAME_BYTES_MAX).then(|| {
        Diagnostic::new(Code::NameTooLong, span, message())
            .help(format!("a name has at most {NAME_BYTES_MAX} characters: choose a shorter one"))
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
    let meant = text.replace(['\'', '’'], "_");
    if meant != text && number(&digits.replace(['\'', '’'], "_")).is_some() {
        return Some(diagnostic.help(format!("write `{meant}`: `_` groups digits")).fix(span, meant));
    }
    let letters = digits.find(|c: char| c.is_ascii_alphabetic());
    if let Some(meant) = spelled_out(text) {
        return Some(diagnostic.help(format!("write `{meant}`")).fix(span, meant));
    }
    let at = letters.filter(|&at| at > 0 && number(&digits[..at]).is_some());
    let start =
        span.start as usize + (text.len() - text.trim_start_matches(|c: char| !c.is_ascii_digit()).len());
    Some(match at.map(|at| (at, &digits[at..])) {
        Some((at, word)) if may_follow_number(word) => diagnostic
            .help("put a space between the number and the word")
            .fix(Span::new(start + at, start + at), " "),
        Some((at, "d")) => diagnostic
            .help("write the unit in full: `days`")
            .fix(Span::new(start + at, start + at + 1), " days"),
        Some(_) => diagnostic.help(
            "write a number out in digits, such as `1_000`, `0.25` or `30 days`; a name begins with a letter",
        ),
        None => diagnostic.help("write a number such as `1_000` or `0.25`"),
    })
}

/// `10k`, `1.5M` and `1e6` in digits.
fn spelled_out(text: &str) -> Option<String> {
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let first = text.find(|c: char| c.is_ascii_digit())?;
    let (mark, digits, word) = (text.get(..first)?, text.get(first..at)?, text.get(at..)?);
    let zeros = match word {
        "k" | "K" => 3,
        "M" | "mn" | "mio" => 6,
        "bn" => 9,
        _ => word.strip_prefix(['e', 'E'])?.parse::<usize>().ok().filter(|zeros| *zeros <= 12)?,
    };
    let value = number(digits)?;
    let zeros = zeros.checked_sub(usize::from(value.scale))?;
    let whole = value.mantissa.to_string() + &"0".repeat(zeros);
    Some(format!("{mark}{}", crate::display::grouped(&whole)))
}

/// Whether a word may follow a number: a word of the language, or the code of a currency.
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
    let diagnostic = Diagnostic::new(Code::MalformedDate, span, message);
    // year, day, month
    let parts: Vec<&str> = text.split('-').collect();
    let turned = || foreign_date::read(&format!("{}-{}-{}", parts[0], parts[2], parts[1]));
    match foreign_date::read(text).or_else(turned).and_then(|reading| reading.sure().map(str::to_string)) {
        Some(day) => Some(diagnostic.help(format!("write `{day}`: year, month, day")).fix(span, day)),
        None => Some(diagnostic.help("write year, month and day of a day that exists, such as `2025-01-31`")),
    }
}

fn look_at_text(span: Span, text: &str) -> Option<Diagnostic> {
    let said = unquote(text);
    if said.len() > TEXT_BYTES_MAX {
        let message = format!("this text is {} bytes long", said.len());
        let help = format!("a text has at most {TEXT_BYTES_MAX} bytes: shorten it");
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
                Diagnostic::new(
                    Code::UnknownEscape,
                    place,
                    format!("`\\{escaped}` has no meaning in a text"),
                )
                .help("write a backslash only before `\"` or another backslash")
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
    let message = format!("the invisible character U+{:04X} is not allowed", u32::from(c));
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
        ("//", _) if divides(&text[2..]) => diagnostic
            .help("write `div` for a division that rounds down, and begin a comment with `--`")
            .fix(place, "div"),
        ("//", _) => diagnostic
            .help("begin a comment with `--`; write `div` for a division that rounds down")
            .fix(place, "--"),
        _ => diagnostic.help(COMMENTS).fix(place, "--"),
    })
}

/// Whether what follows `//` continues a condition: one operand and a sign.
fn divides(rest: &str) -> bool {
    let operand = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let behind = rest.trim_start().trim_start_matches(operand);
    let signs = ["==", "!=", "<", ">", "=>", ")", "+", "*"];
    behind.len() < rest.trim_start().len() && signs.iter().any(|sign| behind.trim_start().starts_with(sign))
}

const COMMENTS: &str = "begin a comment with `--`; it ends with its line";

/// Words that follow a text, and show where one should have ended.
const BEHIND_TEXT: [&str; 9] = [" cite ", " when ", " => ", " {", " }", " : ", " from ", " ;", " |"];

/// A text that does not end. Where it should is shown by the first word that belongs to the policy, in this text or,
/// where this one begins with such a word, in one before it on the line.
fn open_text(span: Span, source: &str, lexed: &Lexed) -> Diagnostic {
    let line = source.get(..span.start as usize).and_then(|text| text.rfind('\n')).map_or(0, |end| end + 1);
    let texts = lexed.tokens.iter().rev().take_while(|(_, place)| place.start as usize >= line);
    let texts = texts.filter(|(token, _)| *token == Token::Text).map(|(_, place)| *place);
    // the text of a value of an enum ends before the next value
    let of_value = matches!(lexed.tokens[..], [.., (Token::Comma | Token::BlockOpen, _), (Token::Word, _)]);
    let comma = if of_value { Some(",") } else { None };
    let ends = |place: &Span| {
        let inner = place.text(source).get(1..)?;
        let words = BEHIND_TEXT.into_iter().chain(comma).filter_map(|word| inner.find(word)).min()?;
        let said = inner[..words].trim();
        (!said.is_empty()).then_some((*place, place.start as usize + 1 + inner[..words].trim_end().len()))
    };
    let found = std::iter::once(span).chain(texts).find_map(|place| ends(&place));
    let last = span.start as usize + span.text(source).trim_end().len();
    let (place, end) = found.unwrap_or((span, last));
    let shown = Span::new(place.start as usize, end);
    let diagnostic = Diagnostic::new(Code::UnterminatedText, shown, "this text is not closed");
    diagnostic.help(format!("close it: `{}\"`", shown.text(source))).fix(Span::new(end, end), "\"")
}

/// `'Too young'`, `“new”`: a text, or a word that takes no quotation marks.
fn foreign_text(span: Span, source: &str, lexed: &mut Lexed, diagnostics: &mut Vec<Diagnostic>) {
    let text = span.text(source);
    let mark = text.chars().next().map_or(1, char::len_utf8);
    let end = text.chars().next_back().map_or(1, char::len_utf8);
    let inner =
        Span::new(span.start as usize + mark, (span.end as usize - end).max(span.start as usize + mark));
    let said = inner.text(source).trim();
    let before = |count: usize| lexed.tokens.len().checked_sub(count).map(|at| lexed.tokens[at].0);
    let titled = matches!(before(1), Some(Token::Cite | Token::Test))
        || matches!(before(2), Some(Token::Rule | Token::Otherwise | Token::Require));
    let read: Vec<Token> = Token::lexer(said).map(|token| token.unwrap_or(Token::Error)).collect();
    let value = match read.as_slice() {
        [token @ (Token::Word | Token::Date | Token::Number | Token::Percent | Token::Money)] if !titled => {
            Some(*token)
        }
        _ => None,
    };
    let diagnostic = Diagnostic::new(
        Code::StrayCharacter,
        span,
        format!("`{}` is not a quotation mark of the language", &text[..mark]),
    );
    match value {
        Some(token) => {
            diagnostics
                .push(diagnostic.help(format!("write `{said}` without quotation marks")).fix(span, said));
            lexed.tokens.push((token, inner));
        }
        None => {
            let meant = quote(said);
            diagnostics.push(diagnostic.help(format!("write a text as {meant}")).fix(span, meant));
            lexed.tokens.push((Token::Text, span));
        }
    }
}

/// Whether a dash is between the two ends of a range: in a cell, or after `in`.
fn joins_range(span: Span, source: &str, lexed: &Lexed) -> bool {
    let [.., (before, _), (low, _)] = lexed.tokens.as_slice() else { return false };
    let literal = matches!(low, Token::Number | Token::Percent | Token::Money | Token::Date);
    let begins = matches!(
        before,
        Token::Bar | Token::In | Token::Semicolon | Token::Comma | Token::BlockOpen | Token::Word
    );
    let next = source.get(span.end as usize..).unwrap_or("").trim_start();
    let of_type = *before != Token::Word || matches!(lexed.tokens[..], [.., (Token::In, _), _, _]);
    literal && begins && of_type && next.starts_with(|c: char| c.is_ascii_digit() || "$€£¥".contains(c))
}

/// Words of other languages, and their counterparts in this one.
const FOREIGN: &[(&str, &str, Token)] = &[
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
    ("→", "=>", Token::Arrow),
    ("…", "..", Token::Range),
    ("·", "*", Token::Times),
    ("∧", "and", Token::And),
    ("∨", "or", Token::Or),
    ("¬", "not", Token::Not),
    ("∈", "in", Token::In),
    ("=!", "!=", Token::NotEqual),
];

fn instead(text: &str) -> Option<(&'static str, Token)> {
    let dash = matches!(text, "−" | "–" | "—" | "‐" | "‑").then_some(("-", Token::Minus));
    dash.or_else(|| FOREIGN.iter().find(|row| row.0 == text).map(|row| (row.1, row.2)))
}

fn foreign(span: Span, text: &str) -> Diagnostic {
    let word = instead(text).map_or("", |(word, _)| word);
    let replacement = if text == "!" { format!("{word} ") } else { word.to_string() };
    Diagnostic::new(Code::ForeignOperator, span, format!("`{text}` is not an operator of the language"))
        .help(format!("write `{word}`"))
        .fix(span, replacement)
}

/// Reports a character that means nothing; several of them side by side are one error.
fn stray(span: Span, source: &str, lexed: &mut Lexed, diagnostics: &mut Vec<Diagnostic>) {
    let text = span.text(source);
    if ["[", "]", "?"].contains(&text) {
        // what it means is decided when the other one is known
        return lexed.tokens.push((Token::Error, span));
    }
    if text.chars().all(char::is_whitespace) {
        let message = "this is not a plain space";
        let diagnostic = Diagnostic::new(Code::StrayCharacter, span, message);
        return diagnostics.push(diagnostic.help("replace it with a plain space").fix(span, " "));
    }
    let before =
        lexed.tokens.last_mut().filter(|(token, last)| *token == Token::Error && last.end == span.start);
    if let Some((_, last)) = before {
        last.end = span.end;
        let about = diagnostics.iter_mut().rev().find(|d| d.primary.span.end == span.start);
        return about.into_iter().for_each(|d| d.primary.span.end = span.end);
    }
    if let Some(diagnostic) = of_unit(span, source, lexed) {
        return diagnostics.push(diagnostic);
    }
    let pair = closes_a_pair(span, text, lexed, source);
    lexed.tokens.push((Token::Error, span));
    if pair {
        return;
    }
    let diagnostic = Diagnostic::new(Code::StrayCharacter, span, format!("`{text}` has no meaning here"));
    let behind_currency = matches!(lexed.tokens[..], [.., (Token::Currency, _), _]);
    diagnostics.push(diagnostic.help(match text.chars().next().unwrap_or(' ') {
        _ if behind_currency => "write the ISO 4217 code of the currency: `currency EUR`",
        '%' => "write a percent sign directly after its number, and `mod` for a remainder",
        '“' | '”' | '„' | '«' | '»' | '\'' | '‘' | '’' | '`' => {
            "write a text in straight quotation marks, `\"`, and values of an enum without any"
        }
        '$' | '€' | '£' | '¥' => "write an amount with its symbol directly before it: `$5.00`, `-$5.00`",
        '^' => "there are no powers: multiply",
        c if c.is_alphabetic() => "write names with the letters a to z, digits and `_`",
        _ => "remove it",
    }));
}

/// `40 %`, `n % 2`, `500€`, `€ 500`, `$-5`: misplaced signs of units, with the words read as meant.
fn of_unit(span: Span, source: &str, lexed: &mut Lexed) -> Option<Diagnostic> {
    const SYMBOLS: &str = "$€£¥₡₦₩₪₫₭₱₲₴₸₹₺";
    let text = span.text(source);
    let behind = source.get(span.end as usize..).unwrap_or("");
    let spaces = behind.len() - behind.trim_start_matches(' ').len();
    let next = behind.trim_start_matches(' ');
    let digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let last = lexed.tokens.last().copied().filter(|(_, last)| {
        source
            .get(last.end as usize..span.start as usize)
            .is_some_and(|between| between.trim_start_matches(' ').is_empty())
    });
    let diagnostic = Diagnostic::new(Code::StrayCharacter, span, format!("`{text}` has no meaning here"));
    let is_symbol = SYMBOLS.contains(text);
    match last {
        Some((Token::Number, number)) if text == "%" && !digit(next) => {
            let meant = format!("{}%", number.text(source));
            *lexed.tokens.last_mut()? = (Token::Percent, number.to(span));
            let gap = Span { start: number.end, end: span.start };
            Some(diagnostic.help(format!("write `{meant}` without a space")).fix(gap, ""))
        }
        Some((Token::Number | Token::Word | Token::Close, _)) if text == "%" => {
            lexed.tokens.push((Token::Mod, span));
            let (left, right) =
                (if last?.1.end == span.start { " " } else { "" }, if spaces == 0 { " " } else { "" });
            Some(
                diagnostic
                    .help("write `mod` for the remainder of a division")
                    .fix(span, format!("{left}mod{right}")),
            )
        }
        Some((Token::Number, number)) if is_symbol && !digit(behind) => {
            let meant = format!("{text}{}", number.text(source));
            *lexed.tokens.last_mut()? = (Token::Money, number.to(span));
            let diagnostic = diagnostic.help(format!("write the symbol before the amount: `{meant}`"));
            Some(diagnostic.fix(number.to(span), meant))
        }
        _ if is_symbol && spaces > 0 && digit(next) => {
            let digits =
                next.find(|c: char| !c.is_ascii_digit() && c != '_' && c != '.').unwrap_or(next.len());
            let gap = Span::new(span.end as usize, span.end as usize + spaces);
            lexed.tokens.push((Token::Error, span));
            let meant = format!("{text}{}", next[..digits].trim_end_matches('.'));
            Some(diagnostic.help(format!("write `{meant}` without a space")).fix(gap, ""))
        }
        _ if is_symbol && behind.starts_with('-') && digit(&behind[1..]) => {
            lexed.tokens.push((Token::Error, span));
            let both = Span::new(span.start as usize, span.end as usize + 1);
            let meant = format!("-{text}");
            Some(diagnostic.help(format!("write the sign before the symbol: `{meant}5`")).fix(both, meant))
        }
        _ => None,
    }
}

/// Whether it closes what a stray character before it on its line has opened: that is one error.
fn closes_a_pair(span: Span, text: &str, lexed: &Lexed, source: &str) -> bool {
    const PAIRS: [(&str, &str); 7] =
        [("“", "”"), ("„", "“"), ("„", "”"), ("‘", "’"), ("«", "»"), ("'", "'"), ("`", "`")];
    let stray = lexed.tokens.iter().rev().take(PAIR_TOKENS_MAX).find(|(token, _)| *token == Token::Error);
    stray.is_some_and(|(_, opener)| {
        let between = Span { start: opener.end, end: span.start }.text(source);
        !between.contains('\n') && PAIRS.contains(&(opener.text(source), text))
    })
}

/// How far apart two stray characters may be to count as a pair.
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

    fn lexed_param(high: &str) -> (Vec<Token>, Vec<Code>) {
        let source = format!("param fee : money in -9 EUR..{high} = -7 EUR");
        let (tokens, codes) = lexed(&source);
        (tokens.iter().map(|token| token.0).collect(), codes.iter().map(|code| code.0).collect())
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
            assert_eq!(token.text(), Some(*word));
        }
    }

    #[test]
    fn an_amount_may_name_its_currency() {
        assert_eq!(lexed("5.00 EUR").0, [(Token::Money, "5.00 EUR")]);
        for high in ["5 EUR", "-5 EUR", "- 5 EUR"] {
            let (tokens, _) = lexed_param(high);
            assert_eq!(tokens.iter().filter(|token| **token == Token::Money).count(), 3, "{high}");
        }
        assert!(!lexed("fee = 5 EUR = 1").0.contains(&(Token::Money, "5 EUR")));
        assert_eq!(lexed("5.00 -- not 7\n EUR").0.len(), 1);
        assert_eq!(lexed("5 AGE").0.len(), 2);
        assert_eq!(lexed("n : int in 0..5 EUR : money").0.len(), 10);
        assert_eq!(lexed("a = 5 ALL = 6").0.len(), 6);
        assert_eq!(lexed("list up to 5").0[0], (Token::ListUpTo, "list up to"));
        assert_eq!(lexed("list up 5").0.len(), 3);
        assert_eq!(lexed("actionable up }").0[0], (Token::ActionableUp, "actionable up"));
        assert_eq!(
            lexed("actionable up : int").0[..2],
            [(Token::Actionable, "actionable"), (Token::Word, "up")]
        );
    }

    #[test]
    fn amounts_come_apart() {
        let number = Number { mantissa: 100_050, scale: 2 };
        let span = Span::new(10, 19);
        assert_eq!(amount("$1_000.50", span), Some(("$", Span::new(10, 11), number)));
        assert_eq!(amount("€1_000.50", span), Some(("€", Span::new(10, 13), number)));
        assert_eq!(amount("1_000.50 -- not 7\nEUR", span).unwrap().2, number);
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
