//! Is an outcome proved to be listed exactly if it is, where its parts vary independently? For each expression all its values
//! are found by brute force; a list of them is accepted, and a list without one of them is not.

use std::collections::BTreeSet;

use opus_frontend::compile;
use opus_frontend::reference;

const INPUT: &str =
    "input { a : int in 1..3  t : int in {12, 24}  s : int in {12, 24, 36}  f : bool  m : int in 0..100 }
    table q(a) unique -> int in 0..50 { | 1 => 12 ; | 2 => 24 ; | 3 => 50 ; }";

/// An expression of independent parts, and what an earlier rule has decided.
const CASES: &[(&str, &str)] = &[
    ("if a > 1 then min(t + 12, 36) else t", ""),
    ("s - t", ""),
    ("a * a", ""),
    ("3 * a - 2", ""),
    ("if s > 12 then s - 24 else 7", ""),
    ("if s == 24 and f then s + 1 else 0", ""),
    ("s div 5 + t mod 7", ""),
    ("max(s, t)", "s == 24"),
    ("q + a * 0", ""),
    ("q", "a == 2"),
    ("s", "s == 24"),
    ("s + 12", "s == 36"),
    ("m div 21 * 5", ""),
    ("m * 7 rounded half_up to 100", ""),
    ("(t / 5 rounded half_even to integer) * (if f then 3 else -1)", ""),
    ("m * 2", "m < 3 or m >= 90"),
    ("if m > 97 then m else 3", ""),
    ("-s", "f"),
    ("whole_months(2024-01-31, 2024-01-31 + t days)", ""),
    ("t * s", ""),
];

fn source(expr: &str, decided: &str, output: &str, least: i128) -> String {
    let before = if decided.is_empty() { String::new() } else { format!("rule D when {decided} => {least}") };
    format!(
        "policy p {{ month_end clip {INPUT} output {{ o : int in {output} }} rules first {{ {before} otherwise R => {expr} }} }}"
    )
}

fn values(expr: &str, decided: &str) -> BTreeSet<i128> {
    let text = source(expr, decided, "-100_000..100_000", 0);
    let compiled = compile(&text);
    let policy = compiled.0.unwrap_or_else(|| panic!("{text}\n{:#?}", compiled.1)).policy;
    let last = policy.rules.len() - 1;
    let mut found = BTreeSet::new();
    for (a, t, s) in
        [1, 2, 3].into_iter().flat_map(|a| [12, 24].map(|t| [12, 24, 36].map(|s| (a, t, s))).concat())
    {
        let last_m = if [expr, decided].iter().any(|text| text.contains("m ")) { 100 } else { 0 };
        for (f, m) in [0, 1].into_iter().flat_map(|f| (0..=last_m).map(move |m| (f, m))) {
            let row = [a, t, s, f, m].map(Some);
            let verdict = reference::decide(&policy, &reference::admit(&policy, &row).unwrap());
            found.extend((verdict.rule == last).then(|| verdict.outputs[0]));
        }
    }
    found
}

#[test]
fn an_outcome_is_proved_to_be_listed_exactly_if_it_is() {
    for (expr, decided) in CASES {
        let all: Vec<i128> = values(expr, decided).into_iter().collect();
        let compiles = |listed: &[i128]| {
            let members: Vec<String> = listed.iter().map(i128::to_string).collect();
            let text = source(expr, decided, &format!("{{{}}}", members.join(", ")), listed[0]);
            compile(&text).0.is_some()
        };
        assert!(compiles(&all), "`{expr}` after `{decided}` is one of {all:?}");
        for (at, left_out) in all.iter().enumerate().filter(|_| all.len() > 1) {
            let others: Vec<i128> = [&all[..at], &all[at + 1..]].concat();
            assert!(!compiles(&others), "`{expr}` after `{decided}` may be {left_out}");
        }
    }
}

#[test]
fn work_is_bounded() {
    let text = source("m * m * m * m * m mod 7", "", "{0, 1, 2, 3, 4, 5, 6}", 0);
    assert!(compile(&text).0.is_some(), "all of a small range");
    let text = source("(m * s + t * m) * (m - s) mod 1000", "", "{0, 1, 2}", 0);
    assert!(compile(&text).0.is_none());
}
