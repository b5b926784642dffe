//! Does a counterexample show the fields that matter, and only those?

use opus_frontend::compile;
use opus_frontend::diagnostic::Diagnostic;

/// The counterexample of the only error, as text.
fn counterexample(input: &str, body: &str) -> String {
    let source = format!("policy p {{ {input} output {{ o : int in -1_000_000..1_000_000 }} {body} }}",);
    let (_, diagnostics) = compile(&source);
    let shown: Vec<&Diagnostic> = diagnostics.iter().filter(|said| said.counterexample.is_some()).collect();
    let [only] = shown[..] else { panic!("one counterexample: {diagnostics:?}") };
    let fields = only.counterexample.iter().flatten();
    fields.map(|(field, value)| format!("{field} = {value}")).collect::<Vec<_>>().join(", ")
}

const INPUT: &str = "input { a : int in 0..100  b : int in 0..100  c : int in 0..100
    s : int in 0..100 optional  t : int in 0..100 optional }";

#[test]
fn a_missing_field_that_matters_is_shown() {
    let rules = "rules first { rule R1 when s is missing => a div b  otherwise R2 => c }";
    assert_eq!(counterexample(INPUT, rules), "b = 0, s = missing");
}

#[test]
fn a_missing_key_of_a_table_is_shown() {
    let body = "table k(s, a) unique -> int in 0..1 {
        | missing | any => 0 ;
        | >= 0    | any => 1 ;
    }";
    let rules = format!("{body} rules first {{ otherwise R => b div k }}");
    assert_eq!(counterexample(INPUT, &rules), "s = missing");
}

#[test]
fn a_field_that_is_only_read_is_not_shown() {
    let rules = "rules first { otherwise R => a + b div c }";
    assert_eq!(counterexample(INPUT, rules), "c = 0");
    let rules =
        "rules first { rule R1 when a < 50 => b div c  rule R2 when a >= 50 => 1  otherwise R3 => 0 }";
    assert!(counterexample(INPUT, rules).ends_with(", c = 0"));
}

#[test]
fn a_condition_that_holds_whatever_the_value_leaves_its_field_out() {
    let rules =
        "rules first { rule R1 when a >= 0 and (t is missing or t <= 100) => b div c  otherwise R2 => 0 }";
    assert_eq!(counterexample(INPUT, rules), "c = 0");
}

#[test]
fn fields_that_decide_together_are_shown() {
    let rules = "rules first { rule R1 when a + b < 150 => 0  otherwise R2 => c div (200 - a - b) }";
    assert_eq!(counterexample(INPUT, rules), "a = 100, b = 100");
    let rules = "rules first { rule R1 when a > 5 or b > 5 => 10 div c  otherwise R2 => 0 }";
    let shown = counterexample(INPUT, rules);
    assert!(shown.ends_with("c = 0") && shown.contains(','), "{shown}");
}

#[test]
fn earlier_rules_that_would_decide_matter() {
    let rules = "rules first { rule R1 when a == 3 => 0  otherwise R2 => b div c }";
    assert_eq!(counterexample(INPUT, rules), "a = 0, c = 0");
}
