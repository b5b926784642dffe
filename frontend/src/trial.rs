//! Does a fix resolve the diagnostic that it is offered for? Each is applied, and the source is read and checked
//! again.
//!
//! A fix is kept if the error is gone, the edited lines have no new error, and there are no more errors than before.
//! (A syntax error hides others, so after one only the edited lines count.) If the edited line shows another error
//! with a fix, that becomes part of the fix: `IF(a, b, 0)` becomes `if a then b else $0` in one step.
//!
//! The work is bounded by the bytes that are read again. A fix that could not be tried is not offered.

use crate::check::check;
use crate::compile::compile;
use crate::diagnostic::{Diagnostic, Edit, Fix, settle};
use crate::text::ast::Span;
use crate::text::parse::parse;
use crate::text::partial::is_sure;

/// How many bytes of source are read again for the fixes of one policy.
const BYTES_MAX: usize = 4 << 20;
/// How many fixes are made for one error, each for what the one before shows.
const STEPS_MAX: usize = 6;

/// How many errors are fixed in one call.
const MENDED_MAX: usize = 256;

/// An error that was fixed, with its line in the source as it was then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mended {
    /// The error.
    pub diagnostic: Diagnostic,
    /// The line at which it was, from 1.
    pub line: usize,
}

/// A source with all sure fixes of errors applied, in the order of the errors, and what was fixed. Warnings, and fixes
/// that are guesses, are left to a person.
///
/// ```
/// let source = "policy p { input { age : int in 0..120 }  output { child : bool }
///   rules first { rule A when age < 18 && age > 2 => true  otherwise B => false } }";
/// let (mended, errors) = opus_frontend::mend(source);
/// assert!(mended.contains("age < 18 and age > 2"));
/// assert_eq!(errors.len(), 1);
/// ```
pub fn mend(source: &str) -> (String, Vec<Mended>) {
    let (mut text, mut mended) = (source.to_string(), vec![]);
    while mended.len() < MENDED_MAX {
        let said = compile(&text).1;
        let first =
            said.into_iter().find(|one| one.is_error() && one.fix.as_ref().is_some_and(|fix| fix.sure));
        let Some(diagnostic) = first else { break };
        let line = text
            .get(..diagnostic.primary.span.start as usize)
            .map_or(1, |before| before.matches('\n').count() + 1);
        let next = diagnostic.fix.as_ref().map(|fix| fix.apply(&text)).unwrap_or_default();
        if next == text {
            break;
        }
        text = next;
        mended.push(Mended { diagnostic, line });
    }
    (text, mended)
}

/// Keeps the fixes that resolve their diagnostics.
pub fn keep_what_mends(source: &str, diagnostics: &mut [Diagnostic]) {
    let before = diagnostics.to_vec();
    let mut left = BYTES_MAX;
    for diagnostic in diagnostics.iter_mut() {
        let Some(fix) = diagnostic.fix.take() else { continue };
        if let Some(Tried { fix, then }) = tried(source, diagnostic, fix, &before, &mut left) {
            diagnostic.fix = Some(fix);
            diagnostic.help = diagnostic.help.take().map(|help| help + &then);
        }
    }
}

/// A fix that works, and what the help adds about its further steps.
struct Tried {
    fix: Fix,
    then: String,
}

fn tried(
    source: &str,
    diagnostic: &Diagnostic,
    fix: Fix,
    before: &[Diagnostic],
    left: &mut usize,
) -> Option<Tried> {
    let mut text = fix.apply(source);
    let (mut sure, mut then) = (fix.sure, String::new());
    for _ in 0..STEPS_MAX {
        *left = left.checked_sub(text.len())?;
        let found = errors(&text);
        let lines = edited_lines(source, &text);
        let known = |one: &&Diagnostic| before.iter().any(|other| same(one, other) && !same(one, diagnostic));
        let new = found.iter().find(|one| one.primary.span.meets(lines) && !known(one));
        match new {
            None => {
                let keeps = keeps(diagnostic, before, &found);
                return keeps.then(|| Tried { fix: whole(source, &text, fix, sure), then });
            }
            Some(next) => {
                let step = next.fix.as_ref()?;
                sure &= step.sure;
                if let Some(help) = next.help.as_ref().filter(|help| diagnostic.help.as_ref() != Some(*help))
                {
                    then += &format!("; in place of `{}`, {help}", next.primary.span.text(&text));
                }
                text = step.apply(&text);
            }
        }
    }
    None
}

/// Whether no more is wrong than before.
fn keeps(diagnostic: &Diagnostic, before: &[Diagnostic], found: &[Diagnostic]) -> bool {
    let hides = before.iter().any(|one| one.is_error() && one.code.code() < "E0200");
    let count = |all: &[Diagnostic]| all.iter().filter(|one| one.is_error()).count();
    let gone = usize::from(diagnostic.is_error());
    hides || count(found) + gone <= count(before)
}

/// The errors of a source, as far as they can be seen without lowering it.
fn errors(source: &str) -> Vec<Diagnostic> {
    let (tree, mut diagnostics) = parse(source);
    if let Some(tree) = tree {
        let found = check(&tree).1;
        diagnostics.extend(found.into_iter().filter(|said| is_sure(said, &tree, source)));
    }
    diagnostics.retain(Diagnostic::is_error);
    settle(&mut diagnostics);
    diagnostics
}

fn same(one: &Diagnostic, other: &Diagnostic) -> bool {
    one.code == other.code && one.message == other.message
}

/// The lines of the new text in which the two differ.
fn edited_lines(old: &str, new: &str) -> Span {
    let (start, end) = (common_start(old, new), common_end(old, new));
    let last = new.len().saturating_sub(end).max(start);
    let first = new.get(..start).and_then(|text| text.rfind('\n')).map_or(0, |line| line + 1);
    let last = new.get(last..).and_then(|text| text.find('\n')).map_or(new.len(), |line| last + line);
    Span::new(first, last)
}

/// The fix with all its steps: one edit where more than the first was needed.
fn whole(source: &str, text: &str, fix: Fix, sure: bool) -> Fix {
    if fix.apply(source) == text {
        return fix;
    }
    let start = common_start(source, text);
    let end = common_end(source, text).min(source.len().min(text.len()) - start);
    let edit = Edit::new(Span::new(start, source.len() - end), &text[start..text.len() - end]);
    Fix { edits: vec![edit], sure }
}

/// How many bytes the two have in common at their beginning.
fn common_start(old: &str, new: &str) -> usize {
    let same = old.char_indices().zip(new.chars()).find(|((_, a), b)| a != b);
    same.map_or(old.len().min(new.len()), |((at, _), _)| at)
}

/// How many bytes the two have in common at their end.
fn common_end(old: &str, new: &str) -> usize {
    let pairs = old.chars().rev().zip(new.chars().rev());
    pairs.take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_found_at_both_ends() {
        assert_eq!((common_start("abcd", "abxd"), common_end("abcd", "abxd")), (2, 1));
        assert_eq!(common_start("ab", "abc"), 2);
        assert_eq!(edited_lines("a\nb\nc", "a\nxx\nc").text("a\nxx\nc"), "xx");
    }

    #[test]
    fn steps_become_one_edit() {
        let fix = Fix { edits: vec![Edit::new(Span::new(0, 1), "b")], sure: true };
        assert_eq!(whole("aa aa", "bb aa", fix, true).edits, [Edit::new(Span::new(0, 2), "bb")]);
    }
}
