//! What does an analyst see who mistypes one line of a policy that compiles? The first error is at that line, and its
//! fix, where it has one, gives back a policy that compiles and means the same.
//!
//! `mistakes/right.opus` compiles; [`MENDED`] lists what is typed in place of a part of it and what a fix makes of that,
//! [`HELPED`] what only a person can decide, and the words of the help. [`FILES`] are whole policies with one mistake
//! each.

#[path = "mistakes/table.rs"]
mod table;

use opus_frontend::compile;
use opus_frontend::diagnostic::{Diagnostic, any_error};

use table::{FILES, HELPED, MENDED, RIGHT, WARNED};

fn line_of(source: &str, one: &Diagnostic) -> usize {
    source[..one.primary.span.start as usize].matches('\n').count() + 1
}

/// With `there` in place of `here`, and the line at which they differ.
fn typed(here: &str, there: &str) -> (String, usize) {
    let at = RIGHT.find(here).map_or(0, |at| RIGHT[..at].matches('\n').count() + 1);
    (table::typed(here, there), at)
}

fn first_error(said: &[Diagnostic]) -> Option<&Diagnostic> {
    said.iter().find(|one| one.is_error())
}

#[test]
fn the_policy_compiles() {
    assert_eq!(compile(RIGHT).1, []);
}

#[test]
fn mistakes_are_mended() {
    let mut wrong = vec![];
    for (here, there, after) in MENDED {
        let (source, line) = typed(here, there);
        let said = compile(&source).1;
        let Some(first) = first_error(&said) else {
            wrong.push(format!("`{there}`: no error"));
            continue;
        };
        let told = format!(
            "{}: {} [{}]",
            line_of(&source, first),
            first.message,
            first.help.as_deref().unwrap_or("")
        );
        let Some(fix) = &first.fix else {
            wrong.push(format!("`{there}` has no fix: {told}"));
            continue;
        };
        let mended = fix.apply(&source);
        let left = compile(&mended).1;
        if line_of(&source, first) != line || mended != RIGHT.replacen(here, after, 1) || any_error(&left) {
            let lines = mended.lines().zip(RIGHT.lines()).filter(|(a, b)| a != b).map(|(a, _)| a.trim());
            let left: Vec<&String> =
                left.iter().filter(|one| one.is_error()).map(|one| &one.message).collect();
            wrong.push(format!(
                "`{there}` (line {line}): {told}\n      becomes {:?}; {left:?}",
                lines.collect::<Vec<_>>()
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), MENDED.len(), wrong.join("\n"));
}

#[test]
fn what_a_person_decides_has_help() {
    let mut wrong = vec![];
    for (here, there, help) in HELPED {
        let (source, line) = typed(here, there);
        let said = compile(&source).1;
        let Some(first) = first_error(&said) else {
            wrong.push(format!("`{there}`: no error"));
            continue;
        };
        let told = first.help.as_deref().unwrap_or("");
        // what is not dealt with shows at its first use
        let at = line_of(&source, first);
        if !(line..=line + 1).contains(&at) || !told.contains(help) {
            wrong.push(format!("`{there}` (line {line}): {at}: {} [{told}]", first.message));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), HELPED.len(), wrong.join("\n"));
}

#[test]
fn policies_with_one_mistake() {
    let mut wrong = vec![];
    for (name, source, line, message, help, fixed) in FILES {
        let said = compile(source).1;
        let Some(first) = first_error(&said) else {
            wrong.push(format!("{name}: no error"));
            continue;
        };
        let told = first.help.as_deref().unwrap_or("");
        let right = line_of(source, first) == *line && first.message.contains(message) && told.contains(help);
        let compiles = first.fix.as_ref().map(|fix| !any_error(&compile(&fix.apply(source)).1));
        if !right || compiles != fixed.then_some(true) {
            let at = line_of(source, first);
            wrong.push(format!("{name}: {at}: {} [{told}] {:?}, {compiles:?}", first.message, first.fix));
        }
        assert!(!format!("{said:?}").contains("1_329_227"), "{name} shows what nothing bounds");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_compiles_and_means_something_else_is_warned_of() {
    for (name, source, line, help) in WARNED {
        let (compiled, said) = compile(source);
        assert!(compiled.is_some(), "{name} has to compile as it did before: {said:#?}");
        let [warning] = said.as_slice() else { panic!("{name}: {said:#?}") };
        let told = warning.help.as_deref().unwrap_or("");
        assert!(line_of(source, warning) == *line && told.contains(help), "{name}: {warning:#?}");
        if let Some(fix) = &warning.fix {
            assert!(!fix.sure, "{name}: a policy that compiles is changed only by its author");
            assert_eq!(compile(&fix.apply(source)).1, [], "{name}");
        }
    }
}
