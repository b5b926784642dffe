//! What is known where the parser stopped: the words around the place, and what could have stood there.

use std::collections::BTreeSet;

use crate::text::ast::Span;
use crate::text::braces::Placed;
use crate::text::token::Token;

/// A place where the parser stopped.
pub(super) struct Stop<'a> {
    /// What the parser read.
    pub words: &'a [Placed],
    /// The index of the word that could not be read; the number of words at the end of the source.
    pub at: usize,
    /// What could have stood there.
    pub expected: BTreeSet<Token>,
    /// What the words are taken from.
    pub source: &'a str,
}

impl<'a> Stop<'a> {
    /// The word that could not be read.
    pub fn token(&self) -> Option<Token> {
        self.words.get(self.at).map(|word| word.1)
    }

    /// Whether it is one of these.
    pub fn is_any(&self, tokens: &[Token]) -> bool {
        self.token().is_some_and(|token| tokens.contains(&token))
    }

    /// The word so many words before it.
    pub fn ago(&self, count: usize) -> Option<Token> {
        self.at.checked_sub(count).map(|before| self.words[before].1)
    }

    /// The word before it.
    pub fn before(&self) -> Option<Token> {
        self.ago(1)
    }

    /// Whether the word so many words before it is one of these.
    pub fn ago_is(&self, count: usize, tokens: &[Token]) -> bool {
        self.ago(count).is_some_and(|token| tokens.contains(&token))
    }

    /// Whether the word so many words before it can be a name.
    pub fn ago_is_name(&self, count: usize) -> bool {
        self.ago(count).is_some_and(Token::is_name)
    }

    /// What stands in the source so many words before it.
    pub fn text_ago(&self, count: usize) -> &'a str {
        self.span_ago(count).map_or("", |span| span.text(self.source))
    }

    /// Where the word so many words before it stands.
    pub fn span_ago(&self, count: usize) -> Option<Span> {
        let word = self.words[self.at.checked_sub(count)?];
        Some(Span::new(word.0, word.2))
    }

    /// The word behind it.
    pub fn after(&self) -> Option<Token> {
        self.words.get(self.at + 1).map(|word| word.1)
    }

    /// Where it stands.
    pub fn span(&self) -> Span {
        self.words.get(self.at).map_or(self.end_of_before(), |word| Span::new(word.0, word.2))
    }

    /// The place just behind the last word that was read.
    pub fn end_of_before(&self) -> Span {
        let end = self.at.checked_sub(1).map_or(0, |before| self.words[before].2);
        Span::new(end, end)
    }

    /// Whether this could have stood there.
    pub fn expects(&self, token: Token) -> bool {
        self.expected.contains(&token)
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

    /// Whether it stands behind a number, a name or a parenthesis, as a unit does.
    pub fn expects_unit(&self) -> bool {
        self.ago_is(1, &[Token::Number, Token::Close]) || self.ago_is_name(1)
    }

    /// Whether it is a name, and one of these follows it.
    pub fn is_followed(&self, tokens: &[Token]) -> bool {
        self.token() == Some(Token::Word) && self.after().is_some_and(|after| tokens.contains(&after))
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

    /// What stands there in the source.
    pub fn text(&self) -> &'a str {
        self.span().text(self.source)
    }

    /// Whether it stands between digits, without spaces.
    pub fn joins_digits(&self) -> bool {
        let of_number = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        let (source, span) = (self.source.as_bytes(), self.span());
        let before = span.start.checked_sub(1).and_then(|before| source.get(before as usize));
        of_number(before) && of_number(source.get(span.start as usize + 1))
    }

    /// What stands there, for people.
    pub fn found(&self) -> String {
        let span = self.span();
        match self.token() {
            None => "the source ends".to_string(),
            Some(_) if span.start == span.end => "its block ends".to_string(),
            Some(Token::Text) => "a text stands here".to_string(),
            Some(_) => format!("`{}` stands here", span.text(self.source)),
        }
    }
}
