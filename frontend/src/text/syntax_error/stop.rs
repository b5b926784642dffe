//! What is known where the parser stopped: the words around the place, and what the grammar allows there.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use crate::text::ast::Span;
use crate::text::braces::Placed;
use crate::text::token::Token;

use super::outline::Outline;

/// A place where the parser stopped.
pub(super) struct Stop<'a> {
    /// What the parser read.
    pub words: &'a [Placed],
    /// The index of the word that could not be read; the number of words at the end of the source.
    pub at: usize,
    /// The tokens that the grammar allows there.
    pub expected: BTreeSet<Token>,
    /// What the words are taken from.
    pub source: &'a str,
    /// What the policy declares, read when it is first asked for.
    pub declared: Rc<OnceCell<Outline<'a>>>,
}

impl<'a> Stop<'a> {
    /// What the policy declares.
    pub fn outline(&self) -> &Outline<'a> {
        self.declared.get_or_init(|| Outline::of(self.words, self.source))
    }

    /// The text of the word with this index.
    pub fn word_text(&self, at: usize) -> &'a str {
        self.words.get(at).map_or("", |word| Span::new(word.0, word.2).text(self.source))
    }

    /// The span of the word with this index.
    pub fn place(&self, at: usize) -> Span {
        self.words.get(at).map_or(self.end_of_before(), |word| Span::new(word.0, word.2))
    }

    /// Whether the word with this index is the first of its line.
    pub fn begins_line(&self, at: usize) -> bool {
        let before = at.checked_sub(1).map_or(0, |before| self.words[before].2);
        let start = self.words.get(at).map_or(self.source.len(), |word| word.0);
        at == 0 || self.source.get(before..start).is_some_and(|between| between.contains('\n'))
    }

    /// Whether a comma precedes the word with this index.
    pub fn before_is_comma(&self, at: usize) -> bool {
        at.checked_sub(1).is_some_and(|before| self.words[before].1 == Token::Comma)
    }

    /// The first word of the operand that ends before the word with this index: of a comparison, or with `whole` of a
    /// condition with all its `and` and `or`.
    pub fn operand_start(&self, end: usize, whole: bool) -> usize {
        let mut depth = 0;
        for at in (0..end).rev() {
            use Token::*;
            match self.words[at].1 {
                Close | SetClose => depth += 1,
                Open | SetOpen if depth > 0 => depth -= 1,
                Open | SetOpen | When | Arrow | Becomes | Colon | Comma | Bar | If | Then | Else
                | Semicolon
                    if depth == 0 =>
                {
                    return at + 1;
                }
                And | Or | Not if depth == 0 && !whole => return at + 1,
                token if token.compares() && depth == 0 && !whole => return at + 1,
                BlockOpen | BlockClose => return at + 1,
                _ => {}
            }
        }
        0
    }

    /// The first word after the operand that begins with the word with this index: of a comparison, or with `whole`
    /// of a condition.
    pub fn operand_end(&self, start: usize, whole: bool) -> usize {
        let mut depth = 0;
        for at in start..self.words.len() {
            use Token::*;
            match self.words[at].1 {
                Open | SetOpen => depth += 1,
                Close | SetClose if depth > 0 => depth -= 1,
                Close | SetClose | Arrow | Becomes | Colon | Comma | Bar | Then | Else | Semicolon
                | Yields | BlockOpen | BlockClose | PolicyClose | Rule | Otherwise | Text | Cite
                    if depth == 0 =>
                {
                    return at;
                }
                And | Or if depth == 0 && !whole => return at,
                token if token.compares() && depth == 0 && !whole => return at,
                token if depth == 0 && token.begins_item() && self.begins_line(at) => return at,
                // the next field
                token if depth == 0 && token.is_name() && self.begins_line(at) && self.is_named(at) => {
                    return at;
                }
                _ => {}
            }
        }
        self.words.len()
    }

    /// Whether the word with this index is followed by what gives it a type or a value.
    fn is_named(&self, at: usize) -> bool {
        self.words.get(at + 1).is_some_and(|word| matches!(word.1, Token::Colon | Token::Becomes))
    }

    /// Whether the word with this index is a literal other than a name.
    pub fn is_literal(&self, at: usize) -> bool {
        use Token::{Date, False, Money, Number, Percent, True};
        let literal = |token| matches!(token, Number | Percent | Money | Date | True | False);
        self.words.get(at).is_some_and(|word| literal(word.1))
    }

    /// The word that could not be read.
    pub fn token(&self) -> Option<Token> {
        self.words.get(self.at).map(|word| word.1)
    }

    /// Whether it is one of these.
    pub fn is_any(&self, tokens: &[Token]) -> bool {
        self.token().is_some_and(|token| tokens.contains(&token))
    }

    /// The word `count` words earlier.
    pub fn ago(&self, count: usize) -> Option<Token> {
        self.at.checked_sub(count).map(|before| self.words[before].1)
    }

    /// The word before it.
    pub fn before(&self) -> Option<Token> {
        self.ago(1)
    }

    /// Whether the word `count` words earlier is one of these.
    pub fn ago_is(&self, count: usize, tokens: &[Token]) -> bool {
        self.ago(count).is_some_and(|token| tokens.contains(&token))
    }

    /// Whether the word `count` words earlier can be a name.
    pub fn ago_is_name(&self, count: usize) -> bool {
        self.ago(count).is_some_and(Token::is_name)
    }

    /// The text of the word `count` words earlier.
    pub fn text_ago(&self, count: usize) -> &'a str {
        self.span_ago(count).map_or("", |span| span.text(self.source))
    }

    /// The span of the word `count` words earlier.
    pub fn span_ago(&self, count: usize) -> Option<Span> {
        let word = self.words[self.at.checked_sub(count)?];
        Some(Span::new(word.0, word.2))
    }

    /// The next word.
    pub fn after(&self) -> Option<Token> {
        self.words.get(self.at + 1).map(|word| word.1)
    }

    /// Its span in the source.
    pub fn span(&self) -> Span {
        self.words.get(self.at).map_or(self.end_of_before(), |word| Span::new(word.0, word.2))
    }

    /// The place directly after the last word that was read.
    pub fn end_of_before(&self) -> Span {
        let end = self.at.checked_sub(1).map_or(0, |before| self.words[before].2);
        Span::new(end, end)
    }

    /// Whether the grammar allows this token there.
    pub fn expects(&self, token: Token) -> bool {
        self.expected.contains(&token)
    }

    /// Whether the grammar allows this soft word there as a word, and not just as a name.
    pub fn requires(&self, token: Token) -> bool {
        self.expects(token) && !self.expects(Token::Word)
    }

    /// Whether an item of the policy is expected.
    pub fn in_policy(&self) -> bool {
        self.expects(Token::Param) && self.expects(Token::Enum)
    }

    /// Whether a type is expected, and no name.
    pub fn expects_type(&self) -> bool {
        let begins_other = self.expects(Token::Otherwise) || self.expects(Token::Param);
        self.expects(Token::Days) && self.expects(Token::ListUpTo) && !begins_other
    }

    /// Whether it follows a number, a name or a parenthesis, as a unit does.
    pub fn expects_unit(&self) -> bool {
        self.ago_is(1, &[Token::Number, Token::Close]) || self.ago_is_name(1)
    }

    /// Whether a value begins with it.
    pub fn begins_value(&self) -> bool {
        self.token().is_some_and(Token::begins_value)
    }

    /// Whether it is the first word of its line.
    pub fn on_new_line(&self) -> bool {
        let between = Span { start: self.end_of_before().start, end: self.span().start };
        between.text(self.source).contains('\n')
    }

    /// Its text in the source.
    pub fn text(&self) -> &'a str {
        self.span().text(self.source)
    }

    /// Whether it is between two digits, without spaces.
    pub fn joins_digits(&self) -> bool {
        let of_number = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        let (source, span) = (self.source.as_bytes(), self.span());
        let before = span.start.checked_sub(1).and_then(|before| source.get(before as usize));
        of_number(before) && of_number(source.get(span.start as usize + 1))
    }

    /// What was found, in words.
    pub fn found(&self) -> String {
        let span = self.span();
        match self.token() {
            None => "the source ends".to_string(),
            Some(_) if span.start == span.end => "the block ends".to_string(),
            Some(Token::Text) => "found a text".to_string(),
            Some(_) => format!("found `{}`", span.text(self.source)),
        }
    }
}
