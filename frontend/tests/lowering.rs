//! Does the lowering mean what the typed tree means, and is everything refused that could go wrong?

use std::time::Instant;

use opus_frontend::codes::Code;
use opus_frontend::hir::Policy;
use opus_frontend::{Compiled, compile, counterexample, reference};
use opus_ir::{Func, Program, interpret, verify};

/// The policy of the language's description.
const CREDIT: &str = include_str!("lowering/credit.opus");

const POLICIES: [(&str, &str); 4] = [
    ("the description", CREDIT),
    ("credit", include_str!("../../spec/policies/credit.opus")),
    ("refund", include_str!("../../spec/policies/refund.opus")),
    ("insurance", include_str!("../../spec/policies/insurance.opus")),
];

fn compiled(source: &str) -> Compiled {
    let (compiled, diagnostics) = compile(source);
    compiled.unwrap_or_else(|| panic!("it does not compile: {diagnostics:#?}"))
}

/// A linear congruential generator (Knuth's constants): the same rows on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn between(&mut self, lo: i128, hi: i128) -> i128 {
        let wide = (self.below(1 << 31) as u128) << 62
            | (self.below(1 << 31) as u128) << 31
            | self.below(1 << 31) as u128;
        let count = (hi - lo) as u128 + 1;
        lo + (wide % count) as i128
    }
}

/// A row: ends of ranges, constants that the version mentions, any values, and values of other fields of the
/// same kind or near them.
fn row(policy: &Policy, telling: &[Vec<Option<i128>>], random: &mut Random) -> Vec<Option<i128>> {
    let inputs = &policy.schema.inputs;
    let mut given: Vec<Option<i128>> = Vec::new();
    for (field, telling) in inputs.iter().zip(telling) {
        let told = telling[random.below(telling.len())];
        let drawn = random.between(field.domain.range.lo, field.domain.range.hi);
        let alike: Vec<i128> = inputs
            .iter()
            .zip(&given)
            .filter(|(other, _)| other.kind == field.kind)
            .filter_map(|(_, value)| *value)
            .collect();
        let near =
            alike.get(random.below(alike.len().max(1))).map(|value| value + random.below(90) as i128 - 30);
        let value = [told, Some(drawn), near.or(told)][random.below(3)];
        given.push(if value.is_none_or(|value| field.domain.contains(value)) { value } else { told });
    }
    given
}

/// Compares the program with the reference evaluator on valid rows; answers how often each rule decided.
fn agree(policy: &Policy, program: &Program, rows: usize) -> Vec<usize> {
    let mut random = Random(1);
    let mut decided = vec![0; policy.rules.len()];
    let verified = |func: &Func| verify(func.clone()).expect("lowered functions verify");
    let functions: Vec<_> = program
        .versions
        .iter()
        .map(|version| (verified(&version.admit), verified(&version.decide)))
        .collect();
    for telling in policy.versions.iter().map(|version| counterexample::telling_values(policy, version)) {
        for _ in 0..rows / policy.versions.len() {
            let given = row(policy, &telling, &mut random);
            let values: Vec<i128> = given.iter().map(|value| value.unwrap_or(i128::MIN)).collect();
            let present: Vec<bool> = given.iter().map(Option::is_some).collect();
            let (admit, decide) = &functions[reference::version_for(policy, &given)];
            let admits = interpret(admit, &values, &present).outputs.iter().all(|holds| *holds == 1);
            let row = reference::admit(policy, &given);
            assert_eq!(admits, row.is_ok(), "{given:?}");
            let Ok(row) = row else { continue };
            let expected = reference::decide(policy, &row);
            let found = interpret(decide, &values, &present);
            assert_eq!(
                (found.rule as usize, &found.outputs),
                (expected.rule, &expected.outputs),
                "{given:?}"
            );
            decided[expected.rule] += 1;
        }
    }
    decided
}

#[test]
fn policies_decide_as_the_reference_evaluator_does() {
    for (name, source) in POLICIES {
        let Compiled { policy, program, .. } = compiled(source);
        let decided = agree(&policy, &program, 8_000);
        let never: Vec<&str> = policy
            .rules
            .iter()
            .zip(&decided)
            .filter(|(_, count)| **count == 0)
            .map(|(rule, _)| rule.id.as_str())
            .collect();
        assert!(never.len() <= 1, "{name}: the rows never meet {never:?}");
    }
}

#[test]
fn every_code_of_ranges_and_rules_refuses_its_example_and_takes_the_mended_one() {
    let codes = [
        Code::ZeroDivisor,
        Code::Overflow,
        Code::OutputOutOfRange,
        Code::OutputNotListed,
        Code::OutsideCalendar,
        Code::KeyOutOfRange,
        Code::SwappedDates,
        Code::UnreachableRule,
        Code::ContradictoryRequire,
    ];
    let without_counterexample = [Code::UnreachableRule, Code::ContradictoryRequire, Code::SwappedDates];
    for code in codes {
        let [bad, good] = code.examples()[..] else { panic!("{code} has two examples") };
        let (program, diagnostics) = compile(bad);
        assert!(program.is_none(), "{code}");
        let found = diagnostics.iter().find(|diagnostic| diagnostic.code == code);
        let found = found.unwrap_or_else(|| panic!("{code} is not said: {diagnostics:#?}"));
        let has_one = found.counterexample.is_some();
        assert_eq!(has_one, !without_counterexample.contains(&code), "{code}: {found:#?}");
        compiled(good);
    }
}

/// A thousand rules that compare several fields with constants, and a few amounts with each other.
fn long_policy(rules: usize) -> String {
    let mut text = String::from(
        "policy long.one { currency USD
           enum State { s0, s1, s2, s3, s4, s5, s6, s7, s8, s9 }
           input { age : int in 0..100000   score : int in 300..100850 optional   state : State
                   income : money in $0.00..$10_000_000.00   debt : money in $0.00..$1_000_000.00 }
           output { limit : money in $0.00..$10_000_000.00 }
           rules first {\n",
    );
    for index in 0..rules {
        let state = index % 10;
        text += &match index % 4 {
            0 => format!("rule R{index} when state == s{state} and age == {index} => ${index}.00\n"),
            1 => format!(
                "rule R{index} when score is present and score < {} and state == s{state} => $1.00\n",
                301 + index
            ),
            2 => format!(
                "rule R{index} when income - debt > ${}.00 and age > {} and state == s{state} => income\n",
                9_000_000 - index,
                90_000 - index
            ),
            _ => format!(
                "rule R{index} when {index}% of debt > income and age < {index} and state == s{state} => $2.00\n"
            ),
        };
    }
    text + "otherwise LAST => $0.00 } }"
}

#[test]
fn a_thousand_rules_compile_and_decide_alike() {
    let source = long_policy(1_000);
    let begun = Instant::now();
    let Compiled { policy, program, .. } = compiled(&source);
    // a debug build, on a machine that does other things: a guard against quadratic time, not a measurement
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    agree(&policy, &program, 300);
}

/// A table over three keys that would have too many entries: its rows become a chain of choices.
#[test]
fn a_table_of_too_many_entries_becomes_a_chain() {
    let row = |index: usize| match index % 3 {
        0 => format!("| {}..{} | any | < {} => {index} ;\n", index, index + 3, 100 - index),
        1 => format!("| any | {}..{} | missing => {index} ;\n", 2 * index, 2 * index + 5),
        _ => format!("| >= {} | {index} | any => {index} ;\n", 2 * index),
    };
    let rows: String = (0..40).map(row).collect();
    let source = format!(
        "policy a {{ input {{ a : int in 0..99  b : int in 0..99  c : int in 0..99 optional }}
           output {{ found : int in 0..40 }}
           table t(a, b, c) first -> int in 0..40 {{ {rows} | any | any | any => 40 ; }}
           rules first {{ otherwise A => t }} }}"
    );
    let Compiled { policy, program, .. } = compiled(&source);
    assert!(program.versions[0].decide.tables.is_empty());
    agree(&policy, &program, 2_000);
}

#[test]
fn a_dead_rule_is_found_among_a_thousand() {
    let dead = "rule DEAD when score is present and score < 700 and state == s1 => $1.00 otherwise LAST";
    let (program, diagnostics) = compile(&long_policy(1_000).replace("otherwise LAST", dead));
    assert!(program.is_none());
    let [found] = &diagnostics[..] else { panic!("one rule is dead: {diagnostics:#?}") };
    assert_eq!(found.message, "no input reaches rule `DEAD`");
    assert_eq!(found.secondary.len(), 1, "one earlier rule is enough to cover it");
}

/// A code, the text at its place, and the counterexample.
type Said = (&'static str, String, Option<Vec<(String, String)>>);

/// The diagnostics of a policy with these inputs, outputs and rules.
fn said(inputs: &str, outputs: &str, rules: &str) -> Vec<Said> {
    let source = format!(
        "policy a {{ currency USD month_end clip enum E {{ x, y, z }}\n input {{ {inputs} }}\n output {{ {outputs} }}\n rules first {{ {rules} }} }}"
    );
    let said = compile(&source).1.into_iter();
    said.filter(|said| said.is_error())
        .map(|said| (said.code.code(), said.primary.span.text(&source).to_string(), said.counterexample))
        .collect()
}

/// What is proved, as policies: each compiles, and says what for.
#[test]
fn what_the_language_promises_is_proved() {
    let claim = "claim : money in $0.01..$1_000.00  deductible : money in $0.00..$100.00  cap : money in $0.00..$500.00";
    let payout = "payout : money in $0.00..$999.99";
    let promises = [
        (
            "the sign of a difference that failed",
            claim,
            "payout : money in $0.01..$1_000.00",
            "rule A when claim <= deductible => $1.00 otherwise B => claim - deductible",
        ),
        (
            "the order of two that failed",
            claim,
            "payout : money in $0.00..$999.99",
            "rule A when claim <= cap => $0.00 otherwise B => cap",
        ),
        (
            "both sides of an `or` that failed",
            claim,
            "payout : money in $50.00..$1_000.00",
            "rule A when claim < $100.00 or deductible > $50.00 => $50.00 otherwise B => claim - deductible",
        ),
        (
            "a part of a sum",
            claim,
            payout,
            "rule A when claim <= deductible => $0.00  rule B when claim - deductible > cap => cap
          otherwise C => claim - deductible + $499.99",
        ),
        (
            "a part of a sum of three",
            claim,
            "payout : money in $0.01..$1_500.00",
            "rule A when claim <= deductible => $1.00 otherwise B => claim + cap - deductible",
        ),
        (
            "what is left of a limit",
            claim,
            "payout : money in $0.00..$600.00",
            "rule A when claim - deductible > cap => $0.00 otherwise B => min(cap - (claim - deductible), $600.00)",
        ),
        (
            "collected multiples",
            claim,
            "payout : money in $0.00..$850.00",
            "otherwise A => claim - 15% of claim rounded half_up to cent",
        ),
        (
            "a share of what it is taken from",
            "amount : money in $0.00..$10.00  share : percent in 0%..40%",
            "rest : money in $0.00..$10.00",
            "otherwise A => amount - share of amount rounded half_up to cent",
        ),
        (
            "a named value",
            claim,
            "payout : money in $0.01..$1_000.00",
            "let net = claim - deductible  rule A when net <= $0.00 => $1.00 otherwise B => net",
        ),
        (
            "a divisor by an earlier rule",
            "n : int in -3..9",
            "share : int in 0..100",
            "rule A when n <= 0 => 0 otherwise B => 100 div n",
        ),
        (
            "a divisor by the left side",
            "n : int in -3..9",
            "large : bool",
            "otherwise B => n > 0 and 100 div n > 20",
        ),
        (
            "a divisor that is negative",
            "n : int in -9..-1",
            "share : int in -100..0",
            "otherwise B => 100 / n rounded up to integer",
        ),
        (
            "a divisor by what was listed",
            "n : int in -3..9",
            "share : int in 0..100",
            "rule A when n in {1, 2, 4} => 100 div n otherwise B => 0",
        ),
        (
            "a choice",
            "a : int in 0..9  b : int in 0..9",
            "more : int in 0..9",
            "otherwise A => if a > b then a - b else b - a",
        ),
        (
            "a missing value",
            "score : int in 300..850 optional",
            "least : int in 0..850",
            "rule A when score is missing or score < 500 => 0 otherwise B => score - 500",
        ),
        (
            "values that differ from the ends",
            "n : int in 0..3",
            "rest : int in 0..1",
            "rule A when n == 0 => 0 rule B when n != 3 => if n == 1 then 0 else n - 1 otherwise C => n - 2",
        ),
        (
            "dates",
            "start : date in 2020-01-01..2029-12-31  stop : date in 2020-01-01..2029-12-31",
            "open : days in 1 days..3653 days",
            "rule A when stop <= start => 1 days otherwise B => stop - start",
        ),
        (
            "listed values",
            "term : int in {12, 24, 36}  long : bool",
            "terms : int in {12, 24, 36, 60}",
            "rule A when long => 60 otherwise B => term",
        ),
    ];
    for (what, inputs, outputs, rules) in promises {
        assert_eq!(said(inputs, outputs, rules), [], "{what}");
    }
}

/// What is refused, at its place and with an input.
#[test]
fn what_could_go_wrong_is_refused_at_its_place_with_an_input() {
    let cases = [
        (
            "n : int in 0..9",
            "share : int in 0..100",
            "rule A when n < 5 => 1 otherwise B => 100 div (n - 7)",
            "E0410",
            "(n - 7)",
            "n = 7",
        ),
        (
            "a : int in 0..9  b : int in 0..9",
            "more : int in 0..9",
            "rule A when a == 5 => 5 otherwise B => a - b",
            "E0412",
            "a - b",
            "a = 0, b = 9",
        ),
        (
            "a : int in 0..9  b : int in 0..9",
            "large : bool",
            "otherwise B => a > 8 and 5 / (a - b) > 1",
            "E0410",
            "(a - b)",
            "a = 9, b = 9",
        ),
        (
            "day : date in 9000-01-01..9999-12-01",
            "late : bool",
            "otherwise B => day + 1 months > 9990-01-01",
            "E0414",
            "day + 1 months",
            "day = 9999-12-01",
        ),
        (
            "e : E  n : int in 1..9",
            "n_out : int in {1, 2}",
            "rule A when e != y => 1 otherwise B => n",
            "E0412",
            "n",
            "e = y, n = 9",
        ),
    ];
    for (inputs, outputs, rules, code, place, given) in cases {
        let said = said(inputs, outputs, rules);
        let [(found, at, counterexample)] = &said[..] else {
            panic!("one thing is wrong with {rules}: {said:?}")
        };
        let shown: Vec<String> =
            counterexample.iter().flatten().map(|(field, value)| format!("{field} = {value}")).collect();
        assert_eq!((*found, at.as_str(), shown.join(", ").as_str()), (code, place, given), "{rules}");
    }
}

#[test]
fn requires_that_contradict_each_other_are_said_once() {
    let policy = |second: &str| {
        format!(
            "policy a {{ input {{ n : int in 0..10  m : int in 0..10 }} output {{ r : int in 0..10 }}
               require Q1 : n > m  require Q2 : {second}  rules first {{ rule A when n == 3 => 1  otherwise B => n }} }}"
        )
    };
    let messages =
        |source: &str| -> Vec<String> { compile(source).1.into_iter().map(|said| said.message).collect() };
    assert_eq!(
        messages(&policy("not (m < n)")),
        ["no input satisfies `not (m < n)` and the requirements before it"]
    );
    assert_eq!(messages(&policy("n > 10")), ["no input satisfies `n > 10`"]);
    assert_eq!(messages(&policy("n > 2 and m != 5")), Vec::<String>::new());
}

#[test]
fn several_versions_are_told_apart() {
    let source = "policy a { effective on day  version 1 from 2024-01-01  version 2 from 2025-01-01
        input { day : date in 2024-01-01..2026-12-31  n : int in 0..10 }
        output { rest : int in 0..10 }
        param floor : int in 0..10 { from 2024-01-01 = 5  from 2025-01-01 = 3 }
        rules first {
          rule A when n < floor => 0
          rule B when day < 2025-01-01 and n < 4 => 1
          rule C when day < 2025-01-01 => 2
          otherwise D => n - 5
        } }";
    let messages: Vec<String> = compile(source).1.into_iter().map(|said| said.message).collect();
    // rule C decides every day of version 1; B is dead in version 1 by A, in version 2 by the day
    assert_eq!(
        messages,
        ["no input reaches rule `B`", "`n - 5` could be outside the range of `rest`, in version 2"]
    );
}
