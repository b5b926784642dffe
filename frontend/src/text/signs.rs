//! What do pairs of signs mean that the language does not have? Lists (`[a, b]`), ranges (`[0..5]`, `(0..5]`), names
//! (`[loan amount]`), subscripts (`rate[kind]`), choices (`c ? a : b`) and optional types (`int?`) of other languages
//! become words of this one, with one error for each.

use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::text::ast::Span;
use crate::text::token::Token;

/// How many words a pair of brackets may be apart.
const APART_MAX: usize = 64;

type Word = (Token, Span);

/// Replaces such signs by what they mean.
pub fn settle(source: &str, tokens: &mut Vec<Word>, diagnostics: &mut Vec<Diagnostic>) {
    let is = |word: &Word, sign: &str| word.0 == Token::Error && word.1.text(source) == sign;
    let mut at = 0;
    while at < tokens.len() {
        if is(&tokens[at], "[") {
            open(source, tokens, at, diagnostics);
        } else if is(&tokens[at], "]") {
            close(source, tokens, at, diagnostics);
        } else if is(&tokens[at], "?") {
            choose(source, tokens, at, diagnostics);
        }
        at += 1;
    }
}

fn stray(source: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::StrayCharacter, span, format!("`{}` has no meaning here", span.text(source)))
}

fn on_one_line(source: &str, from: Span, to: Span) -> bool {
    !from.to(to).text(source).contains('\n')
}

fn open(source: &str, tokens: &mut Vec<Word>, at: usize, diagnostics: &mut Vec<Diagnostic>) {
    let opener = tokens[at].1;
    let is_end = |word: &Word| word.1.text(source) == "]" && word.0 == Token::Error;
    let (mut depth, mut end) = (0, None);
    for (after, word) in tokens[at + 1..].iter().take(APART_MAX).enumerate() {
        match word.0 {
            Token::Open => depth += 1,
            Token::Close if depth > 0 => depth -= 1,
            _ => {}
        }
        if is_end(word) || (word.0 == Token::Close && depth == 0) {
            end = Some(at + 1 + after);
            break;
        }
    }
    let end = end.filter(|&end| on_one_line(source, opener, tokens[end].1));
    let diagnostic = stray(source, opener);
    let Some(end) = end else {
        return diagnostics.push(diagnostic.help("write a list in braces, `{a, b}`, and a range as `a..b`"));
    };
    let closer = tokens[end].1;
    let half_open = tokens[end].0 == Token::Close;
    let inside = &tokens[at + 1..end];
    let range = inside.iter().position(|word| word.0 == Token::Range).map(|after| at + 1 + after);
    let commas = inside.iter().filter(|word| word.0 == Token::Comma).count();
    let bare = Span { start: opener.end, end: closer.start }.text(source).trim();
    if let Some(range) = range {
        let sign = tokens[range].1;
        let mut edits = vec![Edit::new(opener, ""), Edit::new(closer, "")];
        let mut meant = bare.to_string();
        if half_open {
            edits.push(Edit::new(sign, "..<"));
            tokens[range].0 = Token::RangeBelow;
            meant = bare.replacen("..", "..<", 1);
        }
        diagnostics
            .push(diagnostic.help(format!("write the range without brackets: `{meant}`")).edits(edits));
        tokens.remove(end);
        tokens.remove(at);
        return;
    }
    let subscript = at > 0 && tokens[at - 1].0 == Token::Word && tokens[at - 1].1.end == opener.start;
    if subscript && !half_open {
        let name = tokens[at - 1].1.text(source);
        let declares = at > 1 && tokens[at - 2].0 == Token::Table;
        if declares || has_typed_keys(source, tokens, name) {
            let help = match declares {
                true => format!("write the keys of a table in parentheses: `{name}({bare})`"),
                false => format!("write the keys of an entry in parentheses: `{name}({bare})`"),
            };
            diagnostics.push(diagnostic.help(help).edits([Edit::new(opener, "("), Edit::new(closer, ")")]));
            (tokens[at].0, tokens[end].0) = (Token::Open, Token::Close);
            return;
        }
        diagnostics.push(
            diagnostic
                .help(format!("write `{name}` alone: a table names its keys where it is defined"))
                .fix(opener.to(closer), ""),
        );
        tokens.drain(at..=end);
        return;
    }
    if half_open {
        return diagnostics.push(diagnostic.help("write a list in braces, `{a, b}`, and a range as `a..b`"));
    }
    if commas == 0 {
        diagnostics.push(
            diagnostic
                .help(format!("write it without brackets: `{bare}`"))
                .edits([Edit::new(opener, ""), Edit::new(closer, "")]),
        );
        tokens.remove(end);
        tokens.remove(at);
        return;
    }
    let two = commas == 1 && at > 0 && tokens[at - 1].0 == Token::In;
    (tokens[at].0, tokens[end].0) = (Token::BlockOpen, Token::BlockClose);
    diagnostics.push(if two {
        let range = bare.replacen(',', "..", 1).replace(' ', "");
        diagnostic.help(format!("write `{{{bare}}}` for these two values, or `{range}` for a range"))
    } else {
        diagnostic
            .help(format!("write a list in braces: `{{{bare}}}`"))
            .edits([Edit::new(opener, "{"), Edit::new(closer, "}")])
    });
}

/// Whether a name is that of a table from a snapshot: `table rate(region : …`
fn has_typed_keys(source: &str, tokens: &[Word], name: &str) -> bool {
    let declares = |words: &[Word]| {
        words[0].0 == Token::Table && words[1].1.text(source) == name && words[4].0 == Token::Colon
    };
    tokens.windows(5).any(declares)
}

/// `(0..5]`
fn close(source: &str, tokens: &mut Vec<Word>, at: usize, diagnostics: &mut Vec<Diagnostic>) {
    let closer = tokens[at].1;
    let first = at.saturating_sub(APART_MAX);
    let opener = (first..at).rev().find(|&open| matches!(tokens[open].0, Token::Open | Token::Close));
    let opener =
        opener.filter(|&open| tokens[open].0 == Token::Open && on_one_line(source, tokens[open].1, closer));
    let range = opener.and_then(|open| (open..at).find(|&range| tokens[range].0 == Token::Range));
    let diagnostic = stray(source, closer);
    let (Some(open), Some(range)) = (opener, range) else {
        return diagnostics.push(diagnostic.help("write a list in braces, `{a, b}`, and a range as `a..b`"));
    };
    let text = |from: usize, to: usize| tokens[from].1.to(tokens[to].1).text(source);
    let meant = format!("above {} to {}", text(open + 1, range - 1), text(range + 1, at - 1));
    let whole = tokens[open].1.to(closer);
    diagnostics.push(diagnostic.help(format!("write `{meant}`")).fix(whole, meant));
    tokens[open].0 = Token::Above;
    tokens[range].0 = Token::To;
    tokens.remove(at);
}

/// `c ? a : b`
fn choose(source: &str, tokens: &mut Vec<Word>, at: usize, diagnostics: &mut Vec<Diagnostic>) {
    use Token::{Arrow, Becomes, BlockClose, BlockOpen, Colon, Comma, Error, Open, Rule, Semicolon, When};
    let (mut depth, first) = (0, at.saturating_sub(APART_MAX));
    let start = (first..at).rev().find(|&before| match tokens[before].0 {
        Token::Close => {
            depth += 1;
            false
        }
        Open if depth > 0 => {
            depth -= 1;
            false
        }
        token => matches!(
            token,
            Arrow | Becomes | BlockClose | BlockOpen | Comma | Error | Open | Rule | Semicolon | When
        ),
    });
    let last = (at + APART_MAX).min(tokens.len());
    let colon = (at..last).find(|&after| tokens[after].0 == Colon).filter(|&colon| colon > at + 1);
    let colon = colon.filter(|&colon| on_one_line(source, tokens[at].1, tokens[colon].1));
    let diagnostic = stray(source, tokens[at].1);
    if let Some(end) = end_of_optional(source, tokens, at) {
        let help = "write `optional` after the type and its range: `score : int in 300..850 optional`";
        let edits = [Edit::new(tokens[at].1, ""), Edit::new(end, " optional")];
        diagnostics.push(diagnostic.help(help).edits(edits));
        tokens.remove(at);
        return;
    }
    let (Some(start), Some(colon)) = (start.filter(|start| start + 1 < at), colon) else {
        let help =
            "declare an input that may be missing `optional`, and write a choice as `if … then … else …`";
        return diagnostics.push(diagnostic.help(help));
    };
    let begin = tokens[start + 1].1.start as usize;
    let begin = Span::new(begin, begin);
    let joined = |at: usize| tokens[at - 1].1.end == tokens[at].1.start;
    let word = |at: usize, word: &str| if joined(at) { format!(" {word} ") } else { word.to_string() };
    let edits = [
        Edit::new(begin, "if "),
        Edit::new(tokens[at].1, word(at, "then")),
        Edit::new(tokens[colon].1, word(colon, "else")),
    ];
    diagnostics.push(diagnostic.help("write a choice as `if … then … else …`").edits(edits));
    tokens[at].0 = Token::Then;
    tokens[colon].0 = Token::Else;
    tokens.insert(start + 1, (Token::If, begin));
}

/// Where `optional` is written for the field of `score? : int` or `score : int? in 300..850`.
fn end_of_optional(source: &str, tokens: &[Word], at: usize) -> Option<Span> {
    use Token::{BlockClose, Colon, Default, In, Word};
    let is = |at: usize, token: Token| tokens.get(at).is_some_and(|word| word.0 == token);
    let ends = |next: usize| {
        let field = tokens[next].0.is_name() && is(next + 1, Colon);
        matches!(tokens[next].0, BlockClose | Default)
            || (field && !on_one_line(source, tokens[next - 1].1, tokens[next].1))
    };
    let attached = at >= 1 && is(at - 1, Word) && tokens[at - 1].1.end == tokens[at].1.start;
    let behind_type =
        at >= 2 && is(at - 2, Colon) && at + 1 < tokens.len() && (is(at + 1, In) || ends(at + 1));
    if !attached || !(behind_type || is(at + 1, Colon)) {
        return None;
    }
    let end = (at + 1..tokens.len()).find(|&next| ends(next))?;
    let last = tokens[end - 1].1.end;
    Some(Span { start: last, end: last })
}
