//! Which closing brace belongs to which opening one? This is settled before parsing, so that an error inside braces
//! does not affect the text after them, and a missing or surplus brace is one error instead of a hundred.
//!
//! Braces of sets (`in {…}`, a cell) are distinguished from those of blocks, and both from the policy's own. An item
//! that begins inside a block shows that the block was not closed, so it is closed there. A parenthesis that is not
//! closed is left to the parser, which knows what it expected. Here only depth is bounded, of brackets and of prefixes
//! that wait for their operand; this bounds the parser's own stack.

use crate::diagnostic::{Code, Diagnostic};
use crate::limits::{DEPTH_MAX, beyond};
use crate::text::ast::Span;
use crate::text::token::Token;

/// A word with its place, as the parser takes it.
pub type Placed = (usize, Token, usize);

/// Tells braces apart, closes what was not closed and leaves out what closes too much. `None` where brackets
/// or prefixes are nested beyond the limit, which has been reported.
pub fn settle(tokens: &[(Token, Span)], diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<Placed>> {
    let out = Vec::with_capacity(tokens.len() + 1);
    let mut pass = Pass { tokens, out, open: vec![], waiting: 0, diagnostics };
    for (at, &(_, span)) in tokens.iter().enumerate() {
        pass.count_prefixes(at);
        let step = pass.step(at);
        if pass.open.len() + pass.waiting > DEPTH_MAX {
            pass.diagnostics.push(beyond(Code::NestedTooDeep, span));
            return None;
        }
        if step == Step::Last {
            break;
        }
    }
    pass.finish();
    Some(pass.out)
}

struct Pass<'a> {
    tokens: &'a [(Token, Span)],
    out: Vec<Placed>,
    open: Vec<Bracket>,
    /// How many prefixes wait for their operand, in all brackets.
    waiting: usize,
    diagnostics: &'a mut Vec<Diagnostic>,
}

/// Whether there is more to read.
#[derive(PartialEq, Eq)]
enum Step {
    More,
    Last,
}

struct Bracket {
    kind: Kind,
    span: Span,
    /// How many prefixes wait for their operand directly in it.
    waiting: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Parenthesis,
    Set,
    Block,
}

impl Pass<'_> {
    fn step(&mut self, at: usize) -> Step {
        let (token, span) = self.tokens[at];
        match token {
            Token::BlockOpen => self.open_brace(at, span),
            Token::BlockClose => return self.close_brace(at, span),
            Token::Open => self.open(Kind::Parenthesis, token, span),
            Token::Close => self.close_parenthesis(span),
            _ => self.other(at),
        }
        Step::More
    }

    fn push(&mut self, token: Token, span: Span) {
        self.out.push((span.start as usize, token, span.end as usize));
    }

    /// An unclosed text may contain a brace; then nothing is reported about braces.
    fn report(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.iter().all(|other| other.code != Code::UnterminatedText) {
            self.diagnostics.push(diagnostic);
        }
    }

    fn open(&mut self, kind: Kind, token: Token, span: Span) {
        self.open.push(Bracket { kind, span, waiting: 0 });
        self.push(token, span);
    }

    fn pop(&mut self) -> Option<Bracket> {
        let last = self.open.pop()?;
        self.waiting -= last.waiting;
        Some(last)
    }

    /// Forgets brackets within the innermost block.
    fn leave_expressions(&mut self) {
        while self.open.last().is_some_and(|last| last.kind != Kind::Block) {
            self.pop();
        }
    }

    fn other(&mut self, at: usize) {
        let (token, span) = self.tokens[at];
        let of_set = self.open.last().filter(|last| last.kind == Kind::Set).map(|last| last.span);
        match of_set {
            // `{a; b}`, which the parser knows how to mend
            Some(_) if token == Token::Semicolon && self.closes_set(at) => {}
            // `x : int in {1, 2` before the next field
            Some(set) if token.is_name() && self.is(at + 1, Token::Colon) => self.close_set(at, set),
            _ if begins_statement(token) => self.leave_expressions(),
            _ => {}
        }
        if self.open.len() > 1 && self.shows_an_item(at) {
            self.close_blocks(span);
        }
        self.push(token, span);
    }

    fn is(&self, at: usize, token: Token) -> bool {
        self.tokens.get(at).is_some_and(|word| word.0 == token)
    }

    /// Whether the set that this semicolon is in is closed after nothing but values.
    fn closes_set(&self, at: usize) -> bool {
        let mut rest = self.tokens[at + 1..].iter().map(|word| word.0);
        let end = rest.find(|token| {
            !token.is_name()
                && !ends_value(*token)
                && !matches!(token, Token::Semicolon | Token::Comma | Token::Minus)
        });
        end == Some(Token::BlockClose)
    }

    /// Closes the set before a field.
    fn close_set(&mut self, field: usize, set: Span) {
        let end = self.tokens[field - 1].1.end;
        let place = Span { start: end, end };
        let diagnostic = unclosed(set).also(self.tokens[field].1, "a field begins here");
        self.report(diagnostic.help("write `}` where it ends").fix(place, "}"));
        self.pop();
        self.push(Token::SetClose, place);
    }

    fn open_brace(&mut self, at: usize, span: Span) {
        use Token::{Backslash, Bar, Comma, In, Semicolon};
        let before = at.checked_sub(1).map(|before| self.tokens[before].0);
        match before {
            Some(In | Bar | Comma | Semicolon | Backslash) => self.open(Kind::Set, Token::SetOpen, span),
            _ => self.open(Kind::Block, Token::BlockOpen, span),
        }
    }

    fn close_parenthesis(&mut self, span: Span) {
        if self.open.last().is_some_and(|last| last.kind == Kind::Parenthesis) {
            self.pop();
        }
        self.push(Token::Close, span);
    }

    fn close_brace(&mut self, at: usize, span: Span) -> Step {
        while self.open.last().is_some_and(|last| last.kind == Kind::Parenthesis) {
            self.pop();
        }
        match self.open.as_slice() {
            [] => self.report(unopened(span, "this brace closes nothing")),
            [_] => return self.close_policy(at, span),
            [.., last] => {
                let token = if last.kind == Kind::Set { Token::SetClose } else { Token::BlockClose };
                self.pop();
                self.push(token, span);
            }
        }
        Step::More
    }

    /// The last brace closes the policy; one before the last closes too much and is left out.
    fn close_policy(&mut self, at: usize, span: Span) -> Step {
        if let Some(&(next, place)) = self.tokens.get(at + 1) {
            if next.begins_item() || next == Token::BlockClose {
                let diagnostic = unopened(span, "this brace closes the policy too early");
                self.report(diagnostic.also(place, "more of the policy follows"));
                return Step::More;
            }
            let what = if next == Token::Policy { "a second policy follows" } else { "this follows" };
            let message = format!("{what} after the end of the policy");
            let diagnostic = Diagnostic::new(Code::UnopenedBrace, place, message);
            self.report(diagnostic.also(span, "the policy ends here").help("put one policy in each file"));
        }
        self.pop();
        self.push(Token::PolicyClose, span);
        Step::Last
    }

    /// Whether an item begins here, though a block is open: by its first words.
    fn shows_an_item(&self, at: usize) -> bool {
        let token = |after: usize| self.tokens.get(at + after).map(|token| token.0);
        let names = token(1).is_some_and(Token::is_name);
        match self.tokens[at].0 {
            Token::Input | Token::Output => token(1) == Some(Token::BlockOpen),
            Token::Enum | Token::Case => names && token(2) == Some(Token::BlockOpen),
            Token::Set => names && token(2) == Some(Token::Of),
            Token::Param | Token::Grid => names && token(2) == Some(Token::Colon),
            Token::Table => names && token(2) == Some(Token::Open),
            Token::Rules => token(1) == Some(Token::First),
            Token::Test => token(1) == Some(Token::Text),
            Token::Effective => token(1) == Some(Token::On),
            Token::Require => names && matches!(token(2), Some(Token::Colon | Token::Text | Token::Cite)),
            Token::Currency | Token::MonthEnd => names && token(2).is_some_and(Token::begins_item),
            _ => false,
        }
    }

    /// Closes every block but the policy before an item.
    fn close_blocks(&mut self, item: Span) {
        let last = self.open.last().map_or(item, |bracket| bracket.span);
        self.report(unclosed(last).also(item, "an item begins here").help("write `}` before it"));
        self.close_down_to(1);
    }

    /// Closes what is open where the source ends.
    fn finish(&mut self) {
        self.leave_expressions();
        let Some(last) = self.open.last().map(|bracket| bracket.span) else { return };
        self.report(unclosed(last).help("write `}` where it ends"));
        self.close_down_to(0);
    }

    fn close_down_to(&mut self, depth: usize) {
        let end = self.out.last().map_or(0, |last| last.2);
        while self.open.len() > depth {
            self.pop();
            let token = if self.open.is_empty() { Token::PolicyClose } else { Token::BlockClose };
            self.out.push((end, token, end));
        }
    }

    fn count_prefixes(&mut self, at: usize) {
        let token = self.tokens[at].0;
        let after_value = at > 0 && ends_value(self.tokens[at - 1].0);
        let prefix = matches!(token, Token::Not | Token::If) || (token == Token::Minus && !after_value);
        let Some(last) = self.open.last_mut() else { return };
        if prefix {
            last.waiting += 1;
            self.waiting += 1;
        } else if separates(token) {
            self.waiting -= last.waiting;
            last.waiting = 0;
        }
    }
}

/// Words that never occur in an expression.
fn begins_statement(token: Token) -> bool {
    use Token::{Arrow, Otherwise, Rule, Semicolon, When};
    token.begins_item() || matches!(token, Rule | Otherwise | When | Arrow | Semicolon)
}

/// Words that another expression follows.
fn separates(token: Token) -> bool {
    use Token::{Bar, Becomes, Colon, Comma};
    begins_statement(token) || matches!(token, Bar | Becomes | Colon | Comma)
}

fn ends_value(token: Token) -> bool {
    use Token::{Close, Date, Days, False, Missing, Money, Months, Number, Percent, Present, True, Years};
    let literal = matches!(token, Number | Percent | Money | Date | True | False | Days | Months | Years);
    literal || token.is_name() || matches!(token, Close | Missing | Present)
}

fn unclosed(span: Span) -> Diagnostic {
    Diagnostic::new(Code::UnclosedBrace, span, "this brace is not closed").label("opened here")
}

fn unopened(span: Span, message: &str) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::UnopenedBrace, span, message);
    diagnostic.help("remove it, or write the opening brace that it belongs to").fix(span, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::lexer::lex;

    /// The resulting words, inserted ones marked, and the diagnostics.
    fn settled(source: &str) -> (Vec<Token>, Vec<(Code, u32)>) {
        let mut diagnostics = vec![];
        let lexed = lex(source, &mut diagnostics);
        let out = settle(&lexed.tokens, &mut diagnostics).unwrap_or_default();
        (
            out.iter().map(|t| t.1).collect(),
            diagnostics.iter().map(|d| (d.code, d.primary.span.start)).collect(),
        )
    }

    #[test]
    fn sets_blocks_and_the_policy_are_told_apart() {
        let (tokens, said) = settled("policy a { input { x : int in {1, 2} } }");
        let braces: Vec<Token> = tokens.into_iter().filter(|t| matches!(t.text(), Some("{" | "}"))).collect();
        use Token::*;
        assert_eq!(braces, [BlockOpen, BlockOpen, SetOpen, SetClose, BlockClose, PolicyClose]);
        assert_eq!(said, []);
    }

    #[test]
    fn a_block_ends_where_an_item_begins() {
        let (tokens, said) = settled("policy a { enum E { x, y  output { } }");
        assert_eq!(said, [(Code::UnclosedBrace, 18)]);
        assert_eq!(tokens.iter().filter(|&&t| t == Token::BlockClose).count(), 2);
        assert_eq!(tokens.last(), Some(&Token::PolicyClose));
    }

    #[test]
    fn words_of_items_are_no_items_inside_blocks() {
        assert_eq!(settled("policy a { input { test : int  param : int } }").1, []);
        assert_eq!(settled("policy a { test \"t\" { given g expect version 1, rule R } }").1, []);
    }

    #[test]
    fn a_brace_too_many_is_left_out() {
        let (tokens, said) = settled("policy a { input { } } output { } }");
        assert_eq!(said, [(Code::UnopenedBrace, 21)]);
        assert_eq!(tokens.iter().filter(|&&t| t == Token::PolicyClose).count(), 1);
        assert_eq!(settled("}").1, [(Code::UnopenedBrace, 0)]);
        assert_eq!(settled("policy a { } policy b { }").1, [(Code::UnopenedBrace, 13)]);
    }

    #[test]
    fn what_is_open_at_the_end_is_closed_there() {
        let (tokens, said) = settled("policy a { rules first { rule R when (x");
        assert_eq!(said, [(Code::UnclosedBrace, 23)]);
        assert_eq!(tokens[tokens.len() - 2..], [Token::BlockClose, Token::PolicyClose]);
    }

    #[test]
    fn depth_is_bounded() {
        for prefix in ["(", "not ", "- ", "if "] {
            let nested = |n: usize| settled(&format!("policy a {{ let x = {}y }}", prefix.repeat(n))).1;
            assert_eq!(nested(200), [], "{prefix}");
            assert_eq!(nested(300)[0].0, Code::NestedTooDeep, "{prefix}");
        }
        let negatives = "-1, ".repeat(300);
        assert_eq!(settled(&format!("policy a {{ let x = max({negatives}-1) }}")).1, []);
    }
}
