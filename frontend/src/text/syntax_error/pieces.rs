//! Which name does an author mean by several words? `max-ltv`, `max ltv`, `max.ltv`.
//!
//! A name is one word of letters, digits and `_`. The pieces are joined by `_`, here and wherever else they appear
//! joined in the same way.

use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::text::ast::Span;
use crate::text::token::Token;

use super::stop::Stop;

/// A name of several words, where the parser stopped after the first.
pub(super) fn name_in_pieces(stop: &Stop) -> Option<Diagnostic> {
    let first = stop.at.checked_sub(1)?;
    if !defines(stop, first) || !is_piece(stop, first) || stop.begins_line(stop.at) {
        return None;
    }
    let end = end(stop, first);
    let follows = stop.words.get(end).map(|word| word.1);
    if end <= first + 1 || !follows.is_some_and(|token| may_follow(stop, token)) {
        return None;
    }
    // `param x int = 5` lacks a sign, and `a required : int` says something else
    let says_more =
        (stop.at..end).any(|at| super::habits::is_type(stop.word_text(at)) || is_said(stop.word_text(at)));
    if says_more {
        return None;
    }
    let written = stop.place(first).to(stop.place(end - 1));
    let name = joined(stop, first, end);
    let message = format!("`{}` is not a name", written.text(stop.source));
    let edits = occurrences(stop, first, end).into_iter().map(|span| Edit::new(span, name.clone()));
    let help = format!("a name is one word of letters, digits and `_`: write `{name}`");
    // without a comma in it, a list of two words lacks one
    let in_braces = stop.expects(Token::Comma) && stop.expects(Token::BlockClose);
    let apart = stop.token().is_some_and(|token| matches!(token, Token::Minus | Token::Dot));
    if in_braces && !apart && follows != Some(Token::Comma) && !stop.before_is_comma(first) {
        return None;
    }
    let both =
        if follows == Some(Token::Comma) || stop.before_is_comma(first) || follows == Some(Token::BlockClose)
        {
            in_list(stop, &name)
        } else {
            None
        };
    let diagnostic = Diagnostic::new(Code::UnexpectedToken, written, message);
    Some(match both {
        // `a b` between commas: one name, or two
        Some(help)
            if end == first + 2 && [first, first + 1].iter().all(|&at| appears_elsewhere(stop, at)) =>
        {
            let gap = stop.place(first).end;
            diagnostic.help(help).fix(Span { start: gap, end: gap }, ",").unsure()
        }
        Some(help) => diagnostic.help(help),
        None => diagnostic.help(help).edits(edits),
    })
}

/// Whether the policy uses the word with this index as a name at another place too.
fn appears_elsewhere(stop: &Stop, at: usize) -> bool {
    let text = stop.word_text(at);
    (0..stop.words.len()).any(|other| other != at && stop.word_text(other) == text)
}

/// In a list two names side by side may be two: only hyphens and points join what belongs together.
fn in_list(stop: &Stop, name: &str) -> Option<String> {
    let apart = stop.token() != Some(Token::Minus) && stop.token() != Some(Token::Dot);
    apart.then(|| format!("write `{name}` for one name, or put a comma between two"))
}

/// Whether the word there is the name of something that is being defined.
fn defines(stop: &Stop, at: usize) -> bool {
    use Token::{Case, Enum, Grid, Let, Otherwise, Param, Require, Rule, Table};
    let before = at.checked_sub(1).map(|before| stop.words[before].1);
    let named = matches!(before, Some(Param | Let | Enum | Table | Grid | Case | Rule | Otherwise | Require));
    let field = stop.expects(Token::Colon) && !stop.expects(Token::When) && stop.begins_line(at);
    let value = stop.expects(Token::Comma)
        && stop.expects(Token::BlockClose)
        && matches!(before, Some(Token::BlockOpen | Token::Comma));
    named || field || value
}

fn is_piece(stop: &Stop, at: usize) -> bool {
    stop.words.get(at).is_some_and(|word| {
        word.1.is_name()
            || word.1 == Token::Number
            || (Token::HARD.contains(&word.1) && !word.1.begins_item())
    })
}

/// Words that say something about a field, and belong to no name.
fn is_said(word: &str) -> bool {
    matches!(
        word,
        "required"
            | "not_null"
            | "nullable"
            | "between"
            | "in"
            | "cite"
            | "from"
            | "until"
            | "when"
            | "optional"
            | "default"
            | "is"
    )
}

/// The first word after the pieces.
fn end(stop: &Stop, first: usize) -> usize {
    let mut end = first + 1;
    loop {
        let joins = stop.words.get(end).is_some_and(|word| matches!(word.1, Token::Minus | Token::Dot));
        let next = if joins { end + 1 } else { end };
        let spaced = joins && stop.place(end).end != stop.words.get(next).map_or(0, |word| word.0 as u32);
        if spaced || !is_piece(stop, next) || stop.begins_line(next) {
            return end;
        }
        end = next + 1;
    }
}

/// Whether a definition continues with this word after its name.
fn may_follow(stop: &Stop, token: Token) -> bool {
    stop.expects(token) || matches!(token, Token::Comma | Token::BlockClose if stop.expects(Token::Comma))
}

fn joined(stop: &Stop, first: usize, end: usize) -> String {
    let pieces = (first..end).filter(|&at| is_piece(stop, at)).map(|at| stop.word_text(at));
    pieces.collect::<Vec<_>>().join("_")
}

/// Every place where the same pieces appear, this one included.
fn occurrences(stop: &Stop, first: usize, end: usize) -> Vec<Span> {
    let texts: Vec<&str> = (first..end).map(|at| stop.word_text(at)).collect();
    let gaps = |from: usize| -> Vec<bool> {
        (from + 1..from + texts.len()).map(|at| stop.place(at - 1).end == stop.place(at).start).collect()
    };
    let shape = gaps(first);
    let starts = 0..=stop.words.len() - texts.len();
    let same = starts.filter(|&at| {
        texts.iter().enumerate().all(|(after, text)| stop.word_text(at + after) == *text) && gaps(at) == shape
    });
    same.map(|at| stop.place(at).to(stop.place(at + texts.len() - 1))).collect()
}
