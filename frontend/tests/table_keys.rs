//! Are the rows of a table judged over the values that its keys can have, and is what a message shows met on an input?

use opus_frontend::compile;
use opus_frontend::diagnostic::Diagnostic;
use opus_frontend::hir::Policy;
use opus_frontend::reference::{self, Value};

const INPUT: &str = "input { a : int in 0..9  b : int in 0..9  f : bool  s : int in 0..9 optional }";

fn diagnostics(body: &str) -> Vec<Diagnostic> {
    let source = format!(
        "policy p {{ {INPUT} output {{ o : int in 0..99 }} {body} rules first {{ rule R when a + b == 3 and s is present => 0  otherwise Q => t }} }}"
    );
    compile(&source).1.into_iter().filter(|said| !said.code.code().starts_with('W')).collect()
}

/// The code, the message, and the input of the only diagnostic.
fn only(body: &str) -> (String, String, String) {
    let said = diagnostics(body);
    let [said] = &said[..] else { panic!("one diagnostic about {body}: {said:?}") };
    let input = said.counterexample.iter().flatten();
    let input: Vec<String> = input.map(|(field, value)| format!("{field} = {value}")).collect();
    (said.code.to_string(), said.message.clone(), input.join(", "))
}

fn gap(lets: &str, keys: &str, rows: &str) -> (String, String) {
    let (code, message, input) = only(&format!("{lets} table t({keys}) unique -> int {{ {rows} }}"));
    assert_eq!(code, "E0501");
    (message, input)
}

#[test]
fn rows_cover_the_values_that_a_key_can_have_and_no_others() {
    let accepted = [
        ("let k = a + b", "f, k", "| true, any => 0 ; | false, 0..18 => 1 ;"),
        ("let k = a - b", "f, k", "| true, any => 0 ; | false, < -3 => 1 ; | false, -3..9 => 1 ;"),
        ("let k = a mod 4", "f, k", "| true, any => 0 ; | false, 0..3 => 1 ;"),
        ("let k = if a > 5 then a - 5 else 0", "f, k", "| true, any => 0 ; | false, 0..4 => 1 ;"),
        ("require Q1 : a >= b  let k = a - b", "f, k", "| true, any => 0 ; | false, 0..9 => 1 ;"),
        ("let k = 2024-01-30 + a days", "f, k", "| true, any => 0 ; | false, 2024-01-30..2024-02-08 => 1 ;"),
        ("let k = s or_else 12", "f, k", "| true, any => 0 ; | false, 0..12 => 1 ;"),
        ("let k = f and a < 0", "f, k", "| any, false => 0 ;"),
        // rows for more values than there are
        ("let k = a + b", "k", "| 0..9 => 0 ; | 10..18 => 1 ; | 19..30 => 2 ; | 30..40 => 3 ;"),
    ];
    for (lets, keys, rows) in accepted {
        let body = format!("{lets} table t({keys}) unique -> int {{ {rows} }}");
        let said = diagnostics(&body);
        let dead = said.iter().all(|said| said.code.code() == "E0503");
        assert!(dead && said.is_empty(), "{body}: {said:#?}");
    }
}

#[test]
fn a_gap_is_shown_with_an_input_that_comes_to_it() {
    let shown = gap("let k = a + b", "k", "| 0..11 => 0 ; | 13..18 => 1 ;");
    assert_eq!(shown.0, "no row of `t` applies when k = 12");
    let sum: i32 = shown.1.split(", ").map(|field| field[4..].parse::<i32>().unwrap()).sum();
    assert_eq!(sum, 12, "{}", shown.1);
    let shown =
        gap("let k = 3 * a - b", "f, k", "| true, any => 0 ; | false, < 20 => 1 ; | false, > 20 => 1 ;");
    assert!(shown.0.ends_with("applies when f = false, k = 20"), "{shown:?}");
    let shown = gap(
        "require Q1 : a > 5 and b < a",
        "a, b",
        "| < 7, any => 0 ; | >= 7, < 6 => 0 ; | >= 7, > 6 => 1 ;",
    );
    assert_eq!(shown.0, "no row of `t` applies when a = 7, b = 6");
    assert_eq!(shown.1, "a = 7, b = 6");
}

#[test]
fn a_value_that_a_key_cannot_have_is_not_shown() {
    let shown = gap("let k = 2 * a", "k", "| 0..4 => 0 ; | 6..18 => 1 ;");
    assert_eq!(
        shown,
        ("the rows of `t` could leave a gap: `k` is known to be in `0..18`".into(), String::new())
    );
    let shown = gap("require Q1 : a < 9", "a", "| 0..8 => 0 ;");
    assert_eq!(
        shown,
        ("the rows of `t` could leave a gap: `a` is known to be in `0..9`".into(), String::new())
    );
    let (code, message, input) =
        only("let k = 2 * a table t(k) unique -> int { | 0..5 => 0 ; | 5..18 => 1 ; }");
    assert_eq!((code.as_str(), input.as_str()), ("E0502", ""));
    assert_eq!(message, "two rows of `t` could apply to one value: `k` is known to be in `0..18`");
}

#[test]
fn a_missing_key_is_shown_where_the_table_is_used() {
    let (code, message, input) =
        only("table t(s, f) unique -> int { | any, true => 0 ; | 0..9, false => 1 ; }");
    assert_eq!(code, "E0504");
    assert_eq!(message, "no row of `t` applies when s is missing, f = false");
    assert_eq!(input, "f = false, s = missing");
}

/// Random tables over sums, products and remainders: nothing that compiles leaves a row out, and each input that is shown
/// comes to a gap.
#[test]
fn what_compiles_has_no_gap_and_what_is_shown_is_one() {
    let lets = [
        "a + b",
        "a - b",
        "2 * a + b",
        "a mod 4",
        "max(a - b, 0)",
        "a * b div 3",
        "if a > b then a - b else b",
    ];
    let (mut compiled, mut shown) = (0, 0);
    for (at, named) in lets.iter().enumerate() {
        for low in -9..=4 {
            for high in [low + 1, low + 2, low + 9, low + 18] {
                let rows = match (at as i32 + low).rem_euclid(3) {
                    0 => format!("| true, any => 0 ; | false, {low}..{high} => 1 ;"),
                    1 => format!("| any, < {low} => 0 ; | any, > {high} => 1 ; | any, {low}..<{high} => 2 ;"),
                    _ => format!("| any, <= {low} => 0 ; | true, > {low} => 1 ; | false, {high}..18 => 2 ;"),
                };
                let source = format!(
                    "policy p {{ {INPUT} output {{ o : int in 0..9 }} let k = {named}
                     table t(f, k) first -> int in 0..9 {{ {rows} }} rules first {{ otherwise Q => t }} }}"
                );
                let (policy, diagnostics) = compile(&source);
                if let Some(policy) = policy {
                    compiled += 1;
                    decide_all(&policy.policy);
                }
                for said in diagnostics.iter().filter(|said| said.code.code() == "E0501") {
                    let Some(input) = &said.counterexample else { continue };
                    shown += 1;
                    let words: Vec<&str> = said.message.split("k = ").collect();
                    let expected: i64 = words[1].parse().unwrap();
                    assert_eq!(value_of(named, input), expected, "{}: {input:?}\\n{source}", said.message);
                }
            }
        }
    }
    assert!(compiled > 20 && shown > 100, "{compiled} compile, {shown} gaps are shown");
}

fn decide_all(policy: &Policy) {
    for (a, b, f) in (0..10).flat_map(|a| (0..10).flat_map(move |b| [(a, b, 0), (a, b, 1)])) {
        let row = [Some(a), Some(b), Some(f), None];
        reference::decide(policy, &reference::admit(policy, &row).unwrap());
    }
}

/// The value of the expression on the input that is shown; fields that are left out may have any value.
fn value_of(named: &str, input: &[(String, String)]) -> i64 {
    let field = |name: &str| input.iter().find(|(field, _)| field == name).map_or("0", |(_, value)| value);
    let source = format!(
        "policy p {{ {INPUT} output {{ o : int in -99..999 }} rules first {{ otherwise Q => {named} }} }}"
    );
    let policy = compile(&source).0.unwrap().policy;
    let row = [Some(field("a").parse().unwrap()), Some(field("b").parse().unwrap()), Some(0), None];
    let version = &policy.versions[0];
    let outcome = version.rules().next().unwrap().outcome[0];
    match reference::Evaluator::new(&policy, 0, &row).value(outcome).unwrap() {
        Value::Number(value) => i64::try_from(value.to_integer()).unwrap(),
        other => panic!("{other:?} is no number"),
    }
}
