//! Does an explanation say what would have changed a decision: the nearest values and those next to them, all values of an
//! enum, and the reasons? Expected values are computed by hand.

use opus_frontend::{Compiled, compile, limits};
use opus_govern::explain::search::{Near, Row, Side};
use opus_govern::explain::{Changes, Explanation, Field, Outcome, Want, explain};
use opus_ir::Kind;
use opus_ir::testing::{Seed, Source};
use opus_runtime::Cache;

const LOANS: &str = "policy loans.car {
  currency EUR
  enum Answer { lend, ask, refuse }
  enum Work { employed, retired, student }
  input {
    income : money in €0..€20_000 actionable up
    rent   : money in €0..€20_000 actionable down
    price  : money in €500..€100_000 actionable
    term   : int in {12, 24, 36, 60} actionable
    work   : Work actionable
    owner  : bool actionable
    score  : int in 0..1_000 optional actionable up
    age    : int in 18..99
  }
  output { answer : Answer   amount : money in €0..€100_000 }
  adverse answer in {refuse}
  require Q1 \"not more than 20 incomes\" : price <= 20 * income
  rules first {
    rule R1 \"No score\" when score is missing and not owner   => refuse, €0
    rule R2 \"Payments too high\" cite \"§ 4\" when price / term + rent > 30% of income => refuse, €0
    rule R3 \"Student\" when work == student and (age < 21 or not owner) => refuse, €0
    rule R4 \"Low score\" when score < 300                    => refuse, €0
    rule R5 \"Old\" when age > 80                              => ask, €0
    otherwise R6                                             => lend, price
  }
}";

/// The policy without rule R4, which would use a score that may be missing.
fn loans() -> Compiled {
    let source = LOANS.replace("when score < 300  ", "when score is present and score < 300");
    let (compiled, diagnostics) = compile(&source);
    compiled.unwrap_or_else(|| panic!("{diagnostics:#?}"))
}

/// Income, rent and price in cents, term, work, owner, score, age.
type Given = [Option<i128>; 8];

const REFUSED: Given =
    [Some(200_000), Some(50_000), Some(1_200_000), Some(24), Some(0), Some(1), Some(700), Some(40)];

fn explained(given: Given, want: Option<&str>) -> Explanation {
    let compiled = loans();
    let want = want.map(|text| Want::parse(text, &compiled.policy.schema).expect("it can be read"));
    explain(&compiled.policy, &compiled.source, &given, None, want.as_ref()).expect("the row is admitted")
}

fn fields(explanation: &Explanation) -> &[Field] {
    match &explanation.changes {
        Changes::Sought { fields, .. } => fields,
        other => panic!("{other:?}"),
    }
}

fn found<'a>(explanation: &'a Explanation, name: &str) -> (Vec<&'a str>, &'a Field) {
    let field = fields(explanation).iter().find(|field| field.name == name).expect("it is actionable");
    (field.found.iter().map(|found| found.value.as_str()).collect(), field)
}

#[test]
fn the_nearest_values_are_shown_with_those_next_to_them() {
    // 12,000 / 24 + 500 = 1,000 is more than 30 % of 2,000 = 600
    let explanation = explained(REFUSED, None);
    assert_eq!(explanation.result.rule.id, "R2");
    // 1,000 / 0.3 = 3,333.33…
    let (income, field) = found(&explanation, "income");
    assert_eq!(income, ["€3_333.34"]);
    let beside = field.found[0].beside.as_ref().expect("it has an order");
    assert_eq!(beside.value, "€3_333.33");
    assert!(matches!(&beside.result, Outcome::Decided(decided) if decided.rule.id == "R2"));
    // 600 - 500 = 100
    assert_eq!(found(&explanation, "rent").0, ["€100.00"]);
    // (600 - 500) * 24 = 2,400: below only, for above everything is dearer
    let (price, field) = found(&explanation, "price");
    assert_eq!(price, ["€2_400.00"]);
    assert_eq!(field.not_found, ["no greater value would have changed it"]);
    assert_eq!(field.found[0].result.outputs[1].value, "€2_400.00", "the whole result is shown");
    // 12,000 / 60 = 200 is still more than 100
    assert_eq!(
        found(&explanation, "term").1.not_found,
        ["no smaller value would have changed it", "no greater value would have changed it"]
    );
    assert_eq!(found(&explanation, "work").1.not_found, ["no other value would have changed it"]);
}

#[test]
fn all_values_of_an_enum_and_no_missing_value_are_tried() {
    // a student of 20 who rents
    let mut given = REFUSED;
    (given[0], given[4], given[5], given[7]) = (Some(500_000), Some(2), Some(0), Some(20));
    given[6] = None;
    let explanation = explained(given, None);
    assert_eq!(explanation.result.rule.id, "R1");
    let (score, field) = found(&explanation, "score");
    assert_eq!((score.len(), &field.value), (0, &None), "a missing value is not invented");
    given[6] = Some(500);
    let explanation = explained(given, None);
    assert_eq!(explanation.result.rule.id, "R3");
    assert_eq!(found(&explanation, "work").0, ["employed", "retired"]);
    assert!(found(&explanation, "owner").0.is_empty(), "younger than 21 is enough");
    let reasons = explanation.reasons.as_ref().expect("it is adverse");
    let terms: Vec<&str> = reasons.considered.terms.iter().map(|term| term.text.as_str()).collect();
    assert_eq!(terms, ["work == student", "age < 21"]);
}

#[test]
fn conditions_on_several_outputs_are_searched_for() {
    let mut given = REFUSED;
    (given[0], given[1], given[2]) = (Some(60_000), Some(0), Some(1_200_000));
    let explanation = explained(given, Some("answer = lend"));
    // 600 * 0.3 * 24 = 4,320 can be paid
    assert_eq!(found(&explanation, "price").0, ["€4_320.00"]);
    // and an amount of at least 30,000 with 60 months is admitted from an income of 1,500 on
    (given[0], given[2], given[3]) = (Some(5_000_000 / 20), Some(5_000_000), Some(60));
    let explanation = explained(given, Some("answer = lend"));
    assert_eq!(found(&explanation, "income").0, ["€2_777.78"]);
    let down = explained(given, Some("amount > €100, answer = lend"));
    assert_eq!(found(&down, "price").0, ["€45_000.00"]);
}

#[test]
fn what_is_wanted_already_is_not_sought() {
    let mut given = REFUSED;
    given[0] = Some(500_000);
    let explanation = explained(given, None);
    assert!(explanation.reasons.is_none());
    assert_eq!(
        explanation.changes,
        Changes::AlreadyAsWanted { wanted: "answer other than refuse".to_owned() }
    );
    // but something else may be
    let explanation = explained(given, Some("amount >= €13_000"));
    let (price, field) = found(&explanation, "price");
    assert_eq!(price, ["€13_000.00"]);
    assert_eq!(field.not_found, ["no smaller value would have changed it"]);
}

#[test]
fn later_rules_are_told_apart_from_the_reason() {
    let source = "policy reasons.apart {
      enum Answer { yes, no }
      input { a : int in 0..9 optional   b : int in 0..9   c : int in 0..9 }
      output { answer : Answer }
      adverse answer in {no}
      rules first {
        rule R1 when b > 5         => no
        rule R2 when a is missing  => no
        rule R3 when c == 0        => no
        rule R4 when a < 3         => no
        rule R5 when 10 / c > 3    => no
        rule R6 \"Odd\" when b mod 2 == 1 and c < 5 => no
        rule R7 when b == 2 and c > 3 => yes
        otherwise R8               => yes
      }
    }";
    let (compiled, diagnostics) = compile(source);
    let policy = compiled.unwrap_or_else(|| panic!("{diagnostics:#?}")).policy;
    let explanation =
        explain(&policy, source, &[None, Some(7), Some(0)], None, None).expect("it is admitted");
    let reasons = explanation.reasons.as_ref().expect("it is adverse");
    assert_eq!(reasons.considered.rule.id, "R1");
    let ids: Vec<&str> = reasons.not_considered.iter().map(|reason| reason.rule.id.as_str()).collect();
    assert_eq!(ids, ["R2", "R3", "R6"]);
    let not_evaluable: Vec<(&str, &str)> =
        reasons.not_evaluable.iter().map(|rule| (rule.rule.id.as_str(), rule.because.as_str())).collect();
    assert_eq!(not_evaluable, [("R4", "`a` is missing"), ("R5", "`10 / c` would divide by zero")]);
    assert_eq!(
        explanation.changes,
        Changes::NotSought("the policy declares no input `actionable`".to_owned())
    );
    for printed in [explanation.to_text().to_lowercase(), explanation.to_markdown().to_lowercase()] {
        assert!(printed.contains("would also have applied, not considered"), "{printed}");
        assert!(printed.contains("not evaluable"), "{printed}");
    }
}

#[test]
fn wants_that_cannot_be_read_are_refused_in_words() {
    let schema = loans().policy.schema;
    let refused = |text: &str| Want::parse(text, &schema).expect_err(text).to_string();
    for (text, wanted) in [
        (
            "",
            "`` is not a condition on an output: write conditions such as `decision = approve, amount >= $500`",
        ),
        ("answr = lend", "there is no output `answr`: did you mean `answer`?"),
        ("answer = lent", "`lent` is not a value of the output `answer`: did you mean `lend`?"),
        ("answer > lend", "the values of `answer` have no order, so `>` does not apply: use `=` or `!=`"),
        (
            "amount >= 500",
            "`500` is not a value of the output `amount`: write it as in a policy, for example `€0.00`",
        ),
        (
            "amount >= $500",
            "`$500` is not a value of the output `amount`: write it as in a policy, for example `€0.00`",
        ),
        (
            "amount >= €5 let x = €6",
            "`€5 let x = €6` is not a value of the output `amount`: write it as in a policy, for example `€0.00`",
        ),
    ] {
        assert_eq!(refused(text), wanted);
    }
    for text in [
        "answer=lend",
        "answer == lend,amount>=€5",
        "answer = Answer.lend",
        "amount != 5 EUR",
        "amount < -€1",
    ] {
        assert!(Want::parse(text, &schema).is_ok(), "{text}");
    }
}

/// Rows of each policy that are searched for each other decision.
const ROWS: usize = 40;

#[test]
fn the_work_is_enough_for_the_three_policies() {
    for name in ["credit", "insurance", "refund"] {
        let path = format!("{}/../spec/policies/{name}.opus", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let (mut opened, _) = opus_govern::source::open(bytes, &Cache::Off).expect("it compiles");
        let policy = opened.tree().expect("it compiles").clone();
        let (mut seed, mut searched, mut found) = (Seed(7), 0, 0);
        let mut rows = 0;
        while rows < ROWS {
            let given: Vec<Option<i128>> =
                policy.schema.inputs.iter().map(|field| Some(any(&mut seed, field))).collect();
            let Ok(admitted) = opus_frontend::reference::admit(&policy, &given) else { continue };
            rows += 1;
            let own = opus_frontend::reference::decide(&policy, &admitted).outputs;
            for want in wants(&policy.schema).into_iter().filter(|want| !want.holds(&own)) {
                for (index, field) in policy.schema.inputs.iter().enumerate() {
                    let is_ordered = !matches!(field.kind, Kind::Bool | Kind::Enum(_));
                    if !is_ordered || policy.schema.effective == Some(index as u32) {
                        continue;
                    }
                    let mut row = Row::new(&policy, &given, index as u32, &want);
                    for side in [Side::Below, Side::Above] {
                        let near = row.nearest(side, limits::EXPLANATION_WORK_MAX);
                        assert!(
                            !matches!(near, Near::NotAmong(_)),
                            "{name} {} {given:?}: {near:?}",
                            field.name
                        );
                        searched += 1;
                        found += usize::from(matches!(near, Near::Found { .. }));
                    }
                }
            }
        }
        assert!(found > 20 && searched > 4 * found, "{name}: {found} of {searched} searches found a value");
    }
}

/// A value of a field, small ones as often as great ones.
fn any(seed: &mut Seed, field: &opus_ir::Field) -> i128 {
    if let Some(values) = &field.domain.set {
        return values[seed.below(values.len())];
    }
    let range = field.domain.range;
    let width = range.hi - range.lo;
    let magnitude = seed.below(width.checked_ilog2().unwrap_or(0) as usize + 1);
    range.lo + (seed.below((1 << magnitude) + 1) as i128).min(width)
}

/// Each value of each enum output, and that each other output is not zero.
fn wants(schema: &opus_ir::Schema) -> Vec<Want> {
    let mut wants = Vec::new();
    for output in &schema.outputs {
        let texts: Vec<String> = match output.kind {
            Kind::Enum(of) => schema.enums[of as usize]
                .values
                .iter()
                .map(|value| format!("{} = {}", output.name, value.name))
                .collect(),
            kind => {
                let zero = opus_frontend::display::field_text(schema, kind, 0);
                vec![format!("{} != {zero}", output.name)]
            }
        };
        wants.extend(texts.iter().map(|text| Want::parse(text, schema).expect("it can be read")));
    }
    wants
}
