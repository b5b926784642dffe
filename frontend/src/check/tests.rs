//! Policies that are right and policies that are not.
//!
//! `tests/good.txt` lists policies without diagnostics. `tests/bad.txt` lists bad ones: a line `## CODE LINE` for each
//! expected diagnostic, in the order in which they are shown, then the policy. An empty line separates two policies,
//! and is used nowhere else.

use super::check;
use crate::codes::{Code, Demand};
use crate::diagnostic::{Diagnostic, any_error, settle};
use crate::hir::{Policy, Step};
use crate::reference::{self, Evaluator};
use crate::text::parse::parse;
use crate::text::token::Token;
use crate::{compile, compile_for};

const BAD: &str = include_str!("tests/bad.txt");
const MORE_GOOD: &str = include_str!("tests/good.txt");
const GOOD: [(&str, &str); 4] = [
    ("the policy of the language's page", include_str!("tests/language.opus")),
    ("credit", include_str!("../../../spec/policies/credit.opus")),
    ("refund", include_str!("../../../spec/policies/refund.opus")),
    ("insurance", include_str!("../../../spec/policies/insurance.opus")),
];

/// The meaning of a source and its diagnostics, in the order in which they are shown.
fn checked(source: &str) -> (Option<Policy>, Vec<Diagnostic>) {
    let (tree, mut diagnostics) = parse(source);
    let Some(tree) = tree else { return (None, diagnostics) };
    let (policy, found) = check(&tree);
    diagnostics.extend(found);
    settle(&mut diagnostics);
    (policy, diagnostics)
}

fn line(source: &str, diagnostic: &Diagnostic) -> usize {
    source[..diagnostic.primary.span.start as usize].matches('\n').count() + 1
}

fn shown(source: &str, diagnostics: &[Diagnostic]) -> Vec<String> {
    diagnostics
        .iter()
        .map(|found| format!("{} {}: {}", found.code, line(source, found), found.message))
        .collect()
}

#[test]
fn good_policies_are_clean() {
    let more = MORE_GOOD.split("\n\n").map(|block| (block.lines().next().unwrap_or(""), block));
    for (name, source) in GOOD.into_iter().chain(more) {
        let (policy, diagnostics) = checked(source);
        assert_eq!(shown(source, &diagnostics), [""; 0], "{name}");
        assert!(policy.is_some(), "{name}");
        assert!(compile(source).0.is_some(), "{name}");
    }
}

#[test]
fn bad_policies_are_refused_at_their_lines() {
    let mut wrong = vec![];
    for block in BAD.split("\n\n") {
        let (heads, source): (Vec<&str>, Vec<&str>) =
            block.trim().lines().partition(|line| line.starts_with("##"));
        let source = source.join("\n");
        let (policy, mut diagnostics) = checked(&source);
        if policy.is_some() && heads.iter().any(|head| head.contains(Code::OptionalNotNarrowed.code())) {
            // whether an input is present is proved when the policy is lowered
            diagnostics = compile(&source).1;
        }
        let found: Vec<String> =
            diagnostics.iter().map(|found| format!("## {} {}", found.code, line(&source, found))).collect();
        let is_refused = checked(&source).0.is_none();
        if found != heads || (is_refused && !any_error(&diagnostics)) {
            wrong.push(format!("{heads:?}\n{source}\n{:#?}", shown(&source, &diagnostics)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn each_code_has_a_bad_policy() {
    for code in ours().filter(|code| *code != Code::TableTooIntricate) {
        assert!(BAD.contains(&format!("## {code} ")), "{code}");
    }
}

#[test]
fn pages_show_what_they_are_about() {
    // a table that takes so much work is too long to show; there is a test of its own
    for code in ours().filter(|code| *code != Code::TableTooIntricate) {
        let [bad, good] = code.examples()[..] else { panic!("{code} has two examples") };
        let is_lowered = code == Code::OptionalNotNarrowed;
        let found = if is_lowered { compile(bad).1 } else { checked(bad).1 };
        let codes: Vec<Code> = found.iter().map(|found| found.code).collect();
        assert_eq!(codes, [code], "{:#?}", shown(bad, &found));
        assert_eq!(shown(good, &checked(good).1), [""; 0], "{code}");
    }
}

/// The codes of what is found here.
fn ours() -> impl Iterator<Item = Code> {
    let of_phase = |code: &Code| matches!(&code.code()[..3], "E02" | "E03" | "E05" | "E07" | "E08" | "W09");
    let before_lowering = |code: &Code| matches!(&code.code()[..4], "E040" | "E060");
    Code::ALL.iter().copied().filter(move |code| of_phase(code) || before_lowering(code))
}

/// Numbers below a limit, the same in every run.
fn numbers(mut seed: u64) -> impl FnMut(usize) -> usize {
    move |below| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as usize % below
    }
}

/// A `first` table of `rows` rows over `keys` Booleans, each row about three of them.
fn intricate(keys: usize, rows: usize, last: &str) -> String {
    let mut next = numbers(5);
    let row = |_| {
        let mut cells = vec!["any"; keys];
        for _ in 0..3 {
            cells[next(keys)] = ["true", "false"][next(2)];
        }
        format!("| {} => 1% ;\n", cells.join(", "))
    };
    let rows: String = (0..rows).map(row).collect();
    let names: Vec<String> = (0..keys).map(|key| format!("k{key}")).collect();
    let inputs: String = names.iter().map(|name| format!("{name} : bool\n")).collect();
    format!(
        "policy hostile {{ enum D {{ yes, no }} input {{ {inputs} }} output {{ d : D }}
         table share({}) first -> percent {{ {rows} {last} }}
         rules first {{ rule A when share > 10% => no  otherwise B => yes }} }}",
        names.join(", ")
    )
}

#[test]
fn tables_that_take_too_much_work_are_told_apart() {
    let codes = |source: &str| checked(source).1.iter().map(|found| found.code).collect::<Vec<_>>();
    assert_eq!(codes(&intricate(80, 340, "")), [Code::TableTooIntricate]);
    let any = vec!["any"; 80].join(", ");
    assert_eq!(codes(&intricate(80, 340, &format!("| {any} => 2% ;"))), []);
}

/// Checks a source on a stack of this many bytes.
fn checked_on(stack_bytes: usize, source: &str) -> Vec<String> {
    let source = source.to_string();
    let run = move || checked(&source).1.iter().map(|found| format!("{found:?}")).collect();
    let thread = std::thread::Builder::new().stack_size(stack_bytes).spawn(run).unwrap();
    thread.join().unwrap_or_else(|_| panic!("the check panicked"))
}

#[test]
fn damaged_policies_are_judged_and_alike_on_any_stack() {
    let corpus: Vec<&str> = GOOD.iter().map(|(_, source)| *source).chain(MORE_GOOD.split("\n\n")).collect();
    let mut next = numbers(11);
    let (mut judged, mut refused) = (0, 0);
    for round in 0..400 {
        let mut words: Vec<&str> =
            corpus[round % corpus.len()].split_inclusive([' ', '(', ',', '\n', '.']).collect();
        for _ in 0..1 + next(8) {
            let (a, b) = (next(words.len()), next(words.len()));
            match next(3) {
                0 => drop(words.remove(a)),
                1 => words.insert(a, words[b]),
                _ => words.swap(a, b),
            }
        }
        let source = words.concat();
        let small = checked_on(128 * 1024, &source);
        judged += usize::from(parse(&source).0.is_some());
        refused += usize::from(!small.is_empty());
        if round % 8 == 0 {
            assert_eq!(small, checked_on(8 * 1024 * 1024, &source), "{source}");
        }
    }
    assert!(judged > 200 && refused > 300, "{judged} {refused}");
}

/// If a right policy is damaged in one place, only that is reported, and nothing that would follow from it.
#[test]
fn what_cannot_be_read_has_no_consequences() {
    let corpus = GOOD.iter().map(|(_, source)| *source).chain(MORE_GOOD.split("\n\n"));
    let mut next = numbers(13);
    let mut broken = 0;
    for source in corpus {
        let tokens = crate::text::lexer::lex(source, &mut vec![]).tokens;
        for _ in 0..tokens.len().min(120) {
            let (token, place) = tokens[1 + next(tokens.len() - 1)];
            let (place, mut changed) = (place.range(), source.to_string());
            match next(3) {
                0 => changed.insert_str(place.start, "=> "),
                // a name that is gone altogether cannot be known
                _ if token == Token::Word => continue,
                1 => changed.replace_range(place, ""),
                _ => changed.replace_range(place, "@"),
            }
            let (_, diagnostics) = compile(&changed);
            let of_reading = |found: &&Diagnostic| found.code.code() < "E0200";
            if diagnostics.iter().any(|found| of_reading(&found)) {
                let more = diagnostics.iter().filter(|found| !of_reading(found)).count();
                assert_eq!(more, 0, "{changed}\n{:#?}", shown(&changed, &diagnostics));
                broken += 1;
            }
        }
    }
    assert!(broken > 1000, "{broken}");
}

#[test]
fn deep_expressions_and_long_chains_of_definitions_take_no_stack() {
    let deep = format!("{}a{}", "(1 + ".repeat(200), ")".repeat(200));
    let chain: String = (0..4000).map(|i| format!("let k{} = k{i}\n", i + 1)).collect();
    let source = format!(
        "policy p {{ enum E {{ x, y }} input {{ a : int in 0..9 }} output {{ o : E }}
         let k0 = {deep}
         {chain}
         rules first {{ rule R when k4000 > 3 => x  otherwise Z => y }} }}"
    );
    assert_eq!(checked_on(128 * 1024, &source), [""; 0]);
}

/// A condition on optional fields, which may look at them where they are missing.
fn condition(next: &mut impl FnMut(usize) -> usize, depth: usize) -> String {
    let field = ["a", "b", "c"][next(3)];
    if depth == 0 {
        return match next(8) {
            0 | 1 => format!("{field} is present"),
            2 | 3 => format!("{field} is missing"),
            4 => "k".to_string(),
            5 => format!("{field} or_else 1 > 0"),
            6 => ["t > 0", "u > 0"][next(2)].to_string(),
            _ => format!("{field} > 0"),
        };
    }
    let mut part = || condition(next, depth - 1);
    match (part(), part(), part(), next(4)) {
        (x, y, _, 0) => format!("({x} and {y})"),
        (x, y, _, 1) => format!("({x} or {y})"),
        (x, .., 2) => format!("(not ({x}))"),
        (x, y, z, _) => format!("(if {x} then {y} else {z})"),
    }
}

/// Whether a row meets something undefined before it is decided.
fn is_undefined(policy: &Policy, given: &[Option<i128>]) -> bool {
    let mut evaluator = Evaluator::new(policy, 0, given);
    for step in &policy.versions[0].steps {
        match step {
            Step::Let(name) if evaluator.value(policy.versions[0].lets[*name].body).is_err() => return true,
            Step::Let(_) => {}
            Step::Rule(rule) => match rule.when.map_or(Ok(true), |when| evaluator.holds(when)) {
                Ok(false) => {}
                Ok(true) => return rule.outcome.iter().any(|outcome| evaluator.value(*outcome).is_err()),
                Err(_) => return true,
            },
        }
    }
    false
}

#[test]
fn no_field_is_missing_where_it_is_used() {
    let mut next = numbers(3);
    let (mut accepted, mut refused, mut missed) = (0, 0, 0);
    for _ in 0..3000 {
        let mut some = |depth: usize| {
            let depth = next(depth + 1);
            condition(&mut next, depth)
        };
        let (require, named, rules) = (some(1), some(1), [some(2), some(2), some(2)]);
        let source = format!(
            "policy p {{ enum E {{ x, y }} output {{ o : E }}
             input {{ a : int in 0..1 optional  b : int in 0..1 optional  c : int in 0..1 optional }}
             let k = {named}
             table t(a) unique -> int in 0..1 {{ | 0 => 1 ; | 1 => 0 ; }}
             table u(b, c) first -> int in 0..1 {{ | 1, any => 1 ; | 0, {} => 0 ; | any, 0..1 => 1 ; }}
             require Q : {require}
             rules first {{
               rule R when {} => x  rule S when {} => y  let l = {}  rule T when l => x  otherwise Z => y
             }} }}",
            ["0..1", "any"][named.len() % 2],
            rules[0],
            rules[1],
            rules[2]
        );
        let (Some(checked), _) = checked(&source) else {
            refused += 1;
            continue;
        };
        let (compiled, found) = compile_for(&source, Demand::Total);
        let is_missed = found.iter().any(|found| found.code == Code::OptionalNotNarrowed);
        let values = [None, Some(0), Some(1)];
        let rows = (0..27).map(|row| [values[row % 3], values[row / 3 % 3], values[row / 9]]);
        let admitted = rows.filter(|given| reference::admit(&checked, given).is_ok());
        if is_missed {
            // what is refused is missing on some row
            missed += 1;
            let mut undefined = admitted.map(|given| is_undefined(&checked, &given));
            assert!(undefined.any(|is_undefined| is_undefined), "{source}");
        } else if compiled.is_some() {
            accepted += 1;
            // an evaluator that meets a missing field or finds no row panics
            admitted.for_each(|given| {
                let row = reference::admit(&checked, &given).expect("it was admitted before");
                reference::decide(&checked, &row);
            });
        }
    }
    assert!(missed > 100, "{missed}");
    assert!(accepted > 150 && refused > 500, "{accepted} {refused}");
}
