//! What does a rule mean that is written as in another language? `else if c then x`, `WHEN c THEN x`, `R1: if c -> x`,
//! `else => x`.
//!
//! Its parts are found by the words between them, and only those words are replaced.

use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::text::ast::Span;
use crate::text::token::Token;

use super::stop::Stop;

/// A rule in parts, as indices of words.
struct Parts {
    /// The first word, and the first after the rule.
    whole: (usize, usize),
    /// The id, if it has one.
    id: Option<usize>,
    /// Titles and citations before the condition.
    before: Vec<(usize, usize)>,
    /// Titles and citations between the condition and the arrow.
    behind: Vec<(usize, usize)>,
    /// The condition; empty for what decides the rest.
    condition: Option<(usize, usize)>,
    /// What takes the place of the arrow, from the first word to the one after the last; empty if nothing does.
    arrow: (usize, usize),
    /// The first word after the outcomes that does not belong to the rule.
    end: usize,
}

/// A rule of another language, where the parser stopped at a word that belongs to another language.
pub(super) fn foreign_statement(stop: &Stop) -> Option<Diagnostic> {
    let start = start(stop)?;
    let parts = parts(stop, start)?;
    let (edits, concerned) = edits(stop, &parts);
    let shows = concerned.iter().any(|&(from, to)| (from..to.max(from + 1)).contains(&stop.at));
    if !shows || edits.is_empty() {
        return None;
    }
    let id = parts.id.map_or_else(|| stop.outline().fresh_id(), |id| stop.word_text(id).to_string());
    let (message, form) = match parts.condition {
        Some(_) if !parts.behind.is_empty() => (
            "a title or citation comes before `when`".to_string(),
            format!("write a rule as `rule {id} \"TITLE\" cite \"SOURCE\" when CONDITION => OUTCOME`"),
        ),
        Some(_) => {
            (said(stop, start, &parts), format!("write a rule as `rule {id} when CONDITION => OUTCOME`"))
        }
        None => (said(stop, start, &parts), format!("write the last rule as `otherwise {id} => OUTCOME`")),
    };
    let form = match stop.token() {
        Some(Token::BlockOpen | Token::SetOpen) => "write outcomes after `=>`, without braces".into(),
        Some(Token::Semicolon) => "only the rows of tables and grids end with `;`".into(),
        _ => form,
    };
    let message = match stop.token() {
        Some(Token::BlockOpen | Token::SetOpen | Token::Semicolon) => {
            format!("`{}` does not belong here", stop.text())
        }
        _ => message,
    };
    let span = match (&parts.condition, parts.behind.first()) {
        (Some(_), Some(&(from, to))) => stop.place(from).to(stop.place(to - 1)),
        _ => stop.span(),
    };
    Some(Diagnostic::new(Code::UnexpectedToken, span, message).help(form).edits(edits))
}

fn said(stop: &Stop, start: usize, parts: &Parts) -> String {
    let text = stop.word_text(start);
    match stop.words[start].1 {
        Token::Rule | Token::Otherwise if stop.at == start + 1 && parts.id.is_none() => {
            format!("this rule has no id: {}", stop.found())
        }
        Token::Rule if parts.condition.is_some_and(|(from, _)| from == stop.at) => {
            format!("`when` is missing, {}", stop.found())
        }
        Token::Rule | Token::Otherwise => format!("this rule cannot be read: {}", stop.found()),
        _ if is_one_of(text, ELSE) && is_one_of(stop.word_text(start + 1), IF) => {
            format!("`{text} {}` does not begin a rule", stop.word_text(start + 1))
        }
        _ => format!("`{text}` does not begin a rule"),
    }
}

const IF: &[&str] = &["if", "when", "where"];
const ELSE: &[&str] = &["else", "otherwise", "default"];
const ELSE_IF: &[&str] = &["elif", "elsif", "elseif"];

fn is_one_of(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// The word with which the statement begins that the parser stopped in.
fn start(stop: &Stop) -> Option<usize> {
    let mut depth = 0;
    let mut last = None;
    for at in (0..stop.at).rev() {
        match stop.words[at].1 {
            Token::BlockClose => depth += 1,
            Token::BlockOpen if depth > 0 => depth -= 1,
            Token::BlockOpen => {
                let of_rules = (1..=2).any(|back| {
                    at.checked_sub(back).is_some_and(|before| stop.words[before].1 == Token::Rules)
                });
                let here = stop.expects(Token::Otherwise) && (stop.on_new_line() || at + 1 == stop.at);
                return of_rules.then_some(if here { Some(stop.at) } else { last }).flatten();
            }
            Token::Rule | Token::Otherwise if depth == 0 && last.is_none() => last = Some(at),
            Token::Let if depth == 0 && last.is_none() => last = Some(stop.at),
            _ => {}
        }
    }
    None
}

fn parts(stop: &Stop, start: usize) -> Option<Parts> {
    let text = |at: usize| stop.word_text(at);
    let token = |at: usize| stop.words.get(at).map(|word| word.1);
    let end = end(stop, start);
    let mut at = start;
    let (mut id, mut is_last) = (None, false);
    let has_arrow = |from: usize| (from..end).any(|at| is_arrow(stop, at, from));
    let name_before = |at: usize| token(at).is_some_and(Token::is_name) && !is_one_of(text(at), IF);
    match token(at)? {
        Token::Rule | Token::Otherwise => {
            is_last = token(at)? == Token::Otherwise;
            at += 1;
            let names = name_before(at) && !is_one_of(text(at), ELSE);
            let value = is_last && !has_arrow(at);
            if names && !value {
                id = Some(at);
                at += 1;
            }
        }
        _ if is_one_of(text(at), ELSE) => {
            at += 1;
            is_last = !is_one_of(text(at), IF);
            if is_last && name_before(at) && has_arrow(at) && !is_arrow_word(stop, at) {
                id = Some(at);
                at += 1;
            }
        }
        _ if is_one_of(text(at), ELSE_IF) => at += 1,
        _ if is_one_of(text(at), IF) => {}
        // `Rule R1 When …`
        _ if text(at).eq_ignore_ascii_case("rule") && name_before(at + 1) => {
            id = Some(at + 1);
            at += 2;
        }
        // `R1: if …`
        token_here
            if token_here.is_name() && token(at + 1) == Some(Token::Colon) && is_one_of(text(at + 2), IF) =>
        {
            id = Some(at);
            at += 2;
        }
        // `R1 when …`
        token_here if token_here.is_name() && is_one_of(text(at + 1), IF) => {
            id = Some(at);
            at += 1;
        }
        Token::Let => return None,
        token_here if token_here.begins_value() && has_arrow(at) => {}
        _ => return None,
    }
    let before = clauses(stop, &mut at, end);
    if !is_last && is_one_of(text(at), ELSE) && !is_one_of(text(at + 1), IF) {
        is_last = true;
        at += 1;
    }
    if token(at) == Some(Token::Colon) && is_one_of(text(at + 1), IF) {
        at += 1;
    }
    let mut marked = false;
    while !is_last && (is_one_of(text(at), IF) || (!marked && matches!(token(at), Some(Token::Colon)))) {
        // `when if c then a else b == x` is a condition
        let is_choice =
            token(at) == Some(Token::If) && marked && (at..end).any(|at| token(at) == Some(Token::Else));
        if is_choice {
            break;
        }
        at += 1;
        marked = true;
    }
    if is_last && is_one_of(text(at), &["then"]) {
        at += 1;
    }
    let from = at;
    let mut behind = vec![];
    let arrow = (from..end).find(|&at| is_arrow(stop, at, from));
    let arrow = match (is_last, arrow) {
        (_, Some(at)) => {
            let mut to = at + 1;
            while to < end && (is_arrow(stop, to, from) || text(to) == "return") {
                to += 1;
            }
            (at, to)
        }
        (true, None) => (from, from),
        (false, None) => return None,
    };
    let mut condition_end = arrow.0;
    if !is_last {
        let mut at = from;
        while at < arrow.0 {
            let first = at;
            let found = clauses(stop, &mut at, arrow.0);
            let is_operand = first > from && {
                let before = stop.words[first - 1].1;
                before.compares() || before == Token::In
            };
            if !found.is_empty() && first > from && !is_operand {
                condition_end = condition_end.min(first);
                behind.extend(found);
            } else if at == first {
                at += 1;
            }
        }
        // what is between is a condition, or cannot be read
        if !stop.words[from].1.begins_value() {
            return None;
        }
        let clauses_to = behind.last().map_or(condition_end, |last: &(usize, usize)| last.1);
        if clauses_to != arrow.0 || condition_end == from {
            return None;
        }
    }
    let mut rest = end;
    while rest > arrow.1 {
        let last = rest - 1;
        let closes = token(last) == Some(Token::BlockClose)
            && stop.words[arrow.0..arrow.1].iter().any(|w| w.1 == Token::BlockOpen);
        let ends = matches!(token(last), Some(Token::Semicolon | Token::Dot))
            || is_one_of(text(last), &["end", "endif", "fi"]);
        if !closes && !ends {
            break;
        }
        rest = last;
    }
    let condition = (!is_last).then_some((from, condition_end));
    (arrow.1 < rest).then_some(Parts { whole: (start, end), id, before, behind, condition, arrow, end: rest })
}

/// The first word after the statement that begins at `start`.
fn end(stop: &Stop, start: usize) -> usize {
    let (mut depth, mut decides) = (0, false);
    for at in start + 1..stop.words.len() {
        let token = stop.words[at].1;
        match token {
            Token::BlockOpen => {
                depth += 1;
                decides = true;
            }
            Token::BlockClose if depth > 0 => depth -= 1,
            Token::BlockClose | Token::PolicyClose => return at,
            Token::Rule | Token::Let => return at,
            Token::Otherwise if at > start + 2 => return at,
            _ => {}
        }
        let begins = is_one_of(stop.word_text(at), ELSE)
            || is_one_of(stop.word_text(at), ELSE_IF)
            || is_one_of(stop.word_text(at), &["if", "when"]);
        let line = stop.begins_line(at);
        if line && depth == 0 && decides && begins {
            return at;
        }
        decides |= is_arrow_word(stop, at);
    }
    stop.words.len()
}

fn is_arrow_word(stop: &Stop, at: usize) -> bool {
    let token = stop.words[at].1;
    matches!(token, Token::Arrow | Token::Yields | Token::Then)
        || stop.word_text(at).eq_ignore_ascii_case("then")
}

/// Whether it takes the place of the arrow in a rule whose condition begins at `from`.
fn is_arrow(stop: &Stop, at: usize, from: usize) -> bool {
    // `if a then b else c` within a condition has a `then` of its own
    let choices = stop.words[from..at].iter().filter(|word| word.1 == Token::If).count();
    let thens = stop.words[from..at].iter().filter(|word| word.1 == Token::Then).count();
    let then = is_arrow_word(stop, at) && (stop.words[at].1 != Token::Then || thens >= choices);
    let is_colon = |at: usize| stop.words.get(at).is_some_and(|word| word.1 == Token::Colon);
    let colon = is_colon(at) && !is_colon(at + 1) && !is_colon(at - 1);
    then || (at > from && (colon || stop.words[at].1 == Token::BlockOpen))
}

/// Titles and citations from a word on.
fn clauses(stop: &Stop, at: &mut usize, end: usize) -> Vec<(usize, usize)> {
    let token = |at: usize| stop.words.get(at).map(|word| word.1).filter(|_| at < end);
    let mut found = vec![];
    loop {
        let length = match (token(*at), token(*at + 1)) {
            (Some(Token::Text), _) => 1,
            (Some(Token::Cite), Some(Token::Text)) => 2,
            (Some(Token::From | Token::Until), Some(Token::Date)) => 2,
            _ => return found,
        };
        found.push((*at, *at + length));
        *at += length;
    }
}

/// What has to be replaced, and the words that it is about.
fn edits(stop: &Stop, parts: &Parts) -> (Vec<Edit>, Vec<(usize, usize)>) {
    let source = stop.source;
    let (mut edits, mut concerned) = (vec![], vec![]);
    let clause = |&(from, to): &(usize, usize)| stop.place(from).to(stop.place(to - 1)).text(source);
    let id = parts.id.map_or_else(|| stop.outline().fresh_id(), |id| stop.word_text(id).to_string());
    let mut head = vec![if parts.condition.is_some() { "rule" } else { "otherwise" }.to_string(), id];
    head.extend(parts.before.iter().chain(&parts.behind).map(|part| clause(part).to_string()));
    let start = parts.whole.0;
    let behind_head = match parts.condition {
        Some((from, _)) => {
            head.push("when".into());
            from
        }
        None => parts.arrow.1,
    };
    let mut head = head.join(" ");
    if parts.condition.is_none() {
        head += " =>";
    }
    let first = stop.place(start).start;
    let written =
        Span { start: first, end: if behind_head > start { stop.place(behind_head - 1).end } else { first } };
    if squeezed(written.text(source)) != head {
        let inserted = written.start == written.end;
        let head = if inserted { head + " " } else { spaced(stop, behind_head, head) };
        edits.push(Edit::new(written, head));
        concerned.push((start, behind_head + 1));
    }
    for &(from, to) in &parts.behind {
        let space = Span { start: stop.place(from - 1).end, end: stop.place(to - 1).end };
        edits.push(Edit::new(space, ""));
        concerned.push((from, to));
    }
    if parts.condition.is_some() {
        let (from, to) = parts.arrow;
        let arrow = stop.place(from).to(stop.place(to - 1));
        if arrow.text(source) != "=>" {
            let gap = if stop.place(from - 1).end == arrow.start { " =>" } else { "=>" };
            edits.push(Edit::new(arrow, spaced(stop, to, gap.into())));
            concerned.push((from, to));
        }
    }
    if parts.end < parts.whole.1 {
        let space = Span { start: stop.place(parts.end - 1).end, end: stop.place(parts.whole.1 - 1).end };
        edits.push(Edit::new(space, ""));
        concerned.push((parts.end, parts.whole.1));
    }
    (edits, concerned)
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text, with a space after it if the next word follows directly.
fn spaced(stop: &Stop, next: usize, text: String) -> String {
    let joined = next > 0 && next < stop.words.len() && stop.place(next - 1).end == stop.place(next).start;
    if joined { text + " " } else { text }
}
