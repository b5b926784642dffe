//! What authors write who are used to other languages: each is one error, with help that says how it is written
//! here, and an edit that is offered mends it.

use std::cell::RefCell;

use opus_frontend::check::check;
use opus_frontend::diagnostic::Diagnostic;
use opus_frontend::parse::parse;

const POLICY: &str = r#"policy shop.fee {
  currency USD
  enum Answer { approve, decline }
  enum Kind { personal, auto }
  month_end clip
  input {
    asked  : date in 2024-01-01..2025-12-31
    age    : int in 0..120
    score  : int in 300..850 optional
    kind   : Kind
    member : bool
    amount : money in $0.00..$10_000.00
  }
  output { answer : Answer  fee : money in $0.00..$100.00 }
  param floor : int in 0..120 = 18
  table fee_of(age) unique -> money in $0.00..$100.00 {
    | 0..17 => $0 ;
    | 18..120 => $5 ;
  }
  rules first {
    rule R1 when age < floor => decline, $0
    rule R2 when kind == auto and amount > $5 or not member or score is missing or asked > 2025-01-01 => decline, $1
    otherwise R3 => approve, fee_of
  }
}
"#;

/// The errors of a source; warnings are not asked about.
fn errors(source: &str) -> Vec<Diagnostic> {
    let (policy, mut diagnostics) = parse(source);
    if let (Some(policy), true) = (policy, diagnostics.is_empty()) {
        diagnostics = check(&policy).1;
    }
    diagnostics.retain(Diagnostic::is_error);
    diagnostics
}

thread_local! {
    /// What was found wrong in a test, all of which is told at its end.
    static WRONG: RefCell<Vec<String>> = const { RefCell::new(vec![]) };
}

fn all_are_helped() {
    let wrong = WRONG.take();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// With `there` instead of `here` there is one error, whose help contains `help`; its fix mends the policy, where it
/// offers one. What is wrong is kept for [`all_are_helped`].
fn is_helped(here: &str, there: &str, help: &str) {
    let tell = |text: String| WRONG.with_borrow_mut(|wrong| wrong.push(format!("`{there}`: {text}")));
    assert!(POLICY.contains(here), "`{here}` is not in the policy");
    let source = POLICY.replacen(here, there, 1);
    let found = errors(&source);
    let [error] = found.as_slice() else {
        let messages: Vec<&String> = found.iter().map(|error| &error.message).collect();
        return tell(format!("{} errors: {messages:?}", found.len()));
    };
    let said = error.help.as_deref().unwrap_or("");
    if !said.contains(help) {
        tell(format!("{} [{said}]", error.message));
    }
    if let Some(fix) = &error.fix {
        let left = errors(&fix.apply(&source));
        let before = left.iter().find(|other| other.primary.span.start <= error.primary.span.start);
        before.into_iter().for_each(|other| tell(format!("the fix leads to: {} [{said}]", other.message)));
    }
}

/// The same for what stands instead of the condition of the first rule.
fn condition(written: &str, help: &str) {
    is_helped("age < floor =>", &format!("{written} =>"), help);
}

#[test]
fn the_policy_itself_is_right() {
    assert_eq!(errors(POLICY), []);
}

#[test]
fn rounding_of_other_languages() {
    is_helped("=> approve, fee_of", "=> approve, 10% of amount round 2", "`rounded half_up to cent`");
    all_are_helped();
}

#[test]
fn conditions_of_other_languages() {
    condition("age < 18 AND member", "write `and`");
    condition("NOT member", "write `not`");
    condition("age IN 1..17", "write `in`");
    condition("score IS missing", "write `is`");
    condition("age is not 18", "`!=`");
    condition("score is not null", "`is present`");
    condition("score is null", "`is missing`");
    condition("score == null", "`score is missing`");
    condition("score == missing", "`score is missing`");
    condition("missing(score)", "`x is missing`");
    condition("score or 0 > 700", "`score or_else …`");
    condition("kind == Kind::personal", "`Kind.personal`");
    condition("kind.personal", "`kind == personal`");
    condition("applicant.age < 18", "the name alone");
    condition("input.age < 18", "the name alone");
    condition("member == True", "`true`");
    condition("kind == 'personal'", "without quotation marks");
    condition("kind == “personal”", "without quotation marks");
    condition("kind == \"personal\"", "without quotation marks");
    condition("kind in (personal, auto)", "`x in {a, b}`");
    condition("kind in [personal, auto]", "`{personal, auto}`");
    condition("kind in personal, auto", "`{personal, auto}`");
    condition("kind == personal or auto", "`x in {a, b}`");
    condition("age == 17 or 18", "`x in {a, b}`");
    condition("age in 1 to 17", "`1..17`");
    condition("age in 1...17", "includes both");
    condition("age in 1..=17", "includes both");
    condition("age between 1 and 17", "`in 1..17`");
    condition("age > 1 and < 17", "`age > 1 and age < 17`");
    condition("age less than 18", "`<`");
    condition("age < 18 unless member", "`and not (…)`");
    condition("age < 18, member", "`and`");
    condition("age < 18 member", "`and`");
    condition("if age < 18", "without `if`");
    condition("age < 18 then", "`rule R1 when CONDITION => OUTCOME`");
    condition("amount > USD 5", "`5 USD`");
    condition("amount > $-5", "`-$5`");
    condition("amount > (1 - 5%) * amount", "`100%`");
    condition("asked + 1 month > 2025-01-01", "`months`");
    condition("asked - 2024-01-01 > 1 day", "`days`");
    condition("asked > 01/02/2025", "`2025-02-01`");
    condition("amount > $1e3", "`$1_000`");
    condition("age ** 2 > 5", "multiply");
    condition("round(amount) > $5", "`amount rounded half_up to integer`");
    condition("coalesce(score, 0) > 700", "or_else");
    condition("amount rounded to $100 > $5", "`rounded half_up to $100`");
    condition("/* minors */ age < 18", "`--`");
    condition("age in {12, 24", "`}`");
    condition("age in {12; 24}", "`{a, b}`");
    condition("age in {12; 24; 36} and member", "`{a, b}`");
    condition("amount > $1'500", "`_` groups digits");
    condition("amount > 1'500 USD", "`_` groups digits");
    condition("amount > 1’234’500.50 USD", "`_` groups digits");
    condition("5% of amount rounded half_up to 2 > $5", "`cent`");
    condition("5% of amount rounded to 2 > $5", "`rounded half_up to cent`");
    all_are_helped();
}

#[test]
fn items_of_other_languages() {
    let field = "age    : int in 0..120";
    is_helped(field, "age    : int 0..120", "`age : int in 0..120`");
    is_helped(field, "age int in 0..120", "`name : type`");
    is_helped(field, "int age in 0..120", "`name : type`");
    is_helped(field, "age    : int in 0..120,", "without a comma");
    is_helped(field, "age    : int in 0..120;", "without a comma");
    is_helped(field, "age    : optional int in 0..120", "after the type");
    is_helped(field, "age    : int in 0..", "upper end");
    is_helped(field, "age    : int", "write it after the type");
    is_helped(field, "age    : int in {12, 24", "`}`");
    is_helped(field, "age    : int in {12; 24}", "`{a, b}`");
    is_helped("..$10_000.00", "..$10'000.00", "`_` groups digits");
    is_helped(
        "asked  : date in 2024-01-01..2025-12-31",
        "asked  : date in 2024..2025",
        "`2024-01-01..2025-12-31`",
    );
    is_helped("kind   : Kind", "kind   : Kind in {personal, auto", "`}`");
    is_helped("kind   : Kind", "kind   : Kind in {personal; auto}", "`{a, b}`");
    is_helped("asked  : date", "optional asked : date", "after the type");
    is_helped("score  : int in 300..850 optional", "optional score : int in 300..850", "after the type");
    is_helped(
        "month_end clip",
        "month_end clip effective on asked version 1.0 from 2024-01-01",
        "`version 1`",
    );
    is_helped(
        "month_end clip",
        "month_end clip effective on asked version 1.2 from 2024-01-01",
        "whole number",
    );
    is_helped("kind   : Kind", "kind   : {personal, auto}", "`enum`");
    is_helped("kind   : Kind", "kind   : enum {personal, auto}", "`enum`");
    is_helped("input {", "inputs {", "write `input`");
    is_helped("input {", "Input {", "write `input`");
    is_helped("input {", "input: {", "write nothing between");
    is_helped("input {", "input", "");
    is_helped("currency USD", "currency: USD", "write nothing between");
    is_helped("enum Kind { personal, auto }", "enum Kind = personal | auto", "`enum Kind { a, b }`");
    is_helped(
        "enum Kind { personal, auto }",
        "enum Kind { \"personal\", \"auto\" }",
        "without quotation marks",
    );
    is_helped("param floor : int in 0..120 = 18", "param floor = 18", "give a parameter its type");
    is_helped("param floor : int in 0..120 = 18", "param floor : int in 0..120 : 18", "one `=`");
    is_helped("param floor : int in 0..120 = 18", "param floor : int in 0..120 { 18 }", "have dates");
    is_helped("param floor : int in 0..120 = 18", "floor = 18", "`param`");
    is_helped("param floor : int in 0..120 = 18", "let floor : int = 18", "the type of its value");
    is_helped("policy shop.fee {", "policy \"shop fee\" {", "`policy shop.fee { … }`");
    is_helped("policy shop.fee {", "policy shop-fee {", "`policy shop.fee { … }`");
    is_helped("policy shop.fee {", "policy shop.fee", "`policy shop.fee { … }`");
    all_are_helped();
}

#[test]
fn each_optional_that_begins_a_line_goes_to_its_own_field() {
    let (here, there) = (
        "age    : int in 0..120\n    score  : int in 300..850 optional",
        "optional age : int in 0..120\n    optional score : int in 300..850 optional",
    );
    assert!(POLICY.contains(here));
    let mut source = POLICY.replacen(here, there, 1);
    for left in [2, 1] {
        let found = errors(&source);
        assert_eq!(found.len(), left, "{found:?}");
        source = found[0].fix.as_ref().expect("a fix").apply(&source);
    }
    let fixed = "age : int in 0..120 optional\n    score : int in 300..850 optional";
    assert_eq!(source, POLICY.replacen(here, fixed, 1));
    // a word that ends a field may have a line of its own
    let wrapped = POLICY.replacen("850 optional", "850\n      optional", 1);
    assert_eq!(errors(&wrapped), []);
}

#[test]
fn decimals_of_a_rounding_are_a_unit_of_percentages_too() {
    let source = "policy a.b { input { p : percent(4) in 0%..100% } output { q : percent(2) in 0%..100% }
        rules first { otherwise R => p rounded half_up to 2 } }";
    let found = errors(source);
    let [error] = found.as_slice() else { panic!("{found:?}") };
    let fixed = error.fix.as_ref().expect("a fix").apply(source);
    assert!(fixed.contains("p rounded half_up to 0.01% }"), "{fixed}");
    assert_eq!(errors(&fixed), []);
}

#[test]
fn tests_of_other_languages() {
    let test = "rules first {";
    is_helped(
        test,
        "test \"a minor\" { given { age = 5 } expect answer = decline } rules first {",
        "`case good { … }`",
    );
    all_are_helped();
}

#[test]
fn rules_and_tables_of_other_languages() {
    is_helped("rules first {", "rules {", "`rules first { … }`");
    is_helped("rules first {", "rule first {", "`rules first { … }`");
    is_helped("rule R1 when", "rule R1 if", "`rule R1 when CONDITION => OUTCOME`");
    is_helped("rule R1 when", "rule R1.1 when", "one word of letters");
    is_helped("=> decline, $0", "=> { decline, $0 }", "without braces");
    is_helped("=> decline, $0", "=> (decline, $0)", "without parentheses");
    is_helped("=> decline, $0", "=> return decline, $0", "directly");
    is_helped("=> decline, $0", "=> answer: decline, fee = $0", "`decision = decline`");
    is_helped("=> decline, $0", "=> decline, $0;", "only the rows of tables");
    is_helped("otherwise R3 =>", "else R3 =>", "`otherwise R3 => OUTCOME`");
    is_helped("otherwise R3 =>", "rule R3 otherwise =>", "`otherwise R3 => OUTCOME`");
    is_helped("otherwise R3 => approve", "otherwise approve", "`otherwise ID => OUTCOME`");
    is_helped("| 0..17 =>", "| age < 18 =>", "a cell is");
    is_helped("| 0..17 =>", "| * =>", "`any`");
    is_helped("| 0..17 =>", "| 0 to 17 =>", "`0..17`");
    is_helped("unique -> money", "unique : money", "`->`");
    is_helped("fee_of(age)", "fee_of(age : int)", "without types");
    is_helped("fee_of(age)", "fee_of age", "`table name(key) unique -> type { … }`");
    all_are_helped();
}

#[test]
fn tables_and_sets_from_a_snapshot() {
    const RULES: &str = "rules first {\n    rule R1 when age < floor";
    let declared = |declaration: &str, used: &str, help: &str| {
        is_helped(RULES, &format!("{declaration}\n  rules first {{\n    rule R1 when {used}"), help);
    };
    let table = "table base(kind : Kind) -> percent in 0%..9%";
    declared(table, "base(kind) > 5%", "`table rate(region : Region) -> percent in 0%..30% from snapshot`");
    declared(&format!("{table} snapshot"), "base(kind) > 5%", "from snapshot`");
    declared(&format!("{table} unique from snapshot"), "base(kind) > 5%", "leave it out");
    declared(&format!("{table} {{ | auto => 5% ; }}"), "base(kind) > 5%", "in place of the rows");
    declared("table base() -> percent in 0%..9% from snapshot", "base() > 5%", "give it a key");
    declared(
        "table base() unique -> percent in 0%..9% { | 1 => 5% ; }",
        "base > 5%",
        "what the rows are chosen by",
    );
    declared(
        "table base(kind : Kind,) -> percent in 0%..9% from snapshot",
        "base(kind) > 5%",
        "remove the comma",
    );
    declared("table base(kind) -> percent in 0%..9% from snapshot", "base(kind) > 5%", "(region : Region)");
    declared(
        "table base(kind, on : bool) -> percent in 0%..9% from snapshot",
        "base(kind, member) > 5%",
        "(region : Region)",
    );
    declared(
        "table base(on : bool, kind) -> percent in 0%..9% from snapshot",
        "base(member, kind) > 5%",
        "(region : Region)",
    );
    declared(&format!("{table} from snapshot"), "base[kind] > 5%", "`base(kind)`");
    declared(
        "table base[kind : Kind] -> percent in 0%..9% from snapshot",
        "base(kind) > 5%",
        "`base(kind : Kind)`",
    );
    declared("set risky of Kind", "kind in risky", "`set high_risk of Region from snapshot`");
    all_are_helped();
}
