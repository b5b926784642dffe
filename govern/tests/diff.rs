//! Do scripts lead from one policy to the other and back, and do they say what changed?

use std::collections::BTreeSet;

use opus_govern::diff::{Script, diff};
use opus_govern::structure::Structure;

fn structure(source: &str) -> Structure {
    Structure::of_source(source).unwrap_or_else(|errors| panic!("{errors:?}\n{source}"))
}

/// The script between two sources, after it was applied, inverted and applied back.
fn script(a: &str, b: &str) -> Script {
    let (a, b) = (structure(a), structure(b));
    let script = diff(&a, &b);
    let there = script.apply(&a).unwrap_or_else(|error| panic!("{error}\n{script:#?}"));
    assert_eq!(there.hash(), b.hash());
    let back = script.inverted();
    let here = back.apply(&b).unwrap_or_else(|error| panic!("back: {error}\n{back:#?}"));
    assert_eq!(here.hash(), a.hash());
    let json = serde_json::to_string(&script).unwrap();
    assert_eq!(serde_json::from_str::<Script>(&json).unwrap(), script);
    script
}

fn says(a: &str, b: &str) -> Vec<String> {
    script(a, b).edits.iter().map(ToString::to_string).collect()
}

const POLICY: &str = r#"policy credit.personal {
  currency USD
  effective on submitted_on
  version 1 from 2023-01-01
  version 2 from 2025-01-01 cite "Board"

  enum Decision { approve, decline }
  enum Reason { LOW "Score too low", FLOOR, CAP, OK }
  enum Product { personal, auto }

  input {
    submitted_on : date in 2023-01-01..2030-12-31
    age          : int in 16..120
    score        : int in 300..850 optional
    product      : Product
    requested    : money in $0..$50_000
  }
  output { decision : Decision   amount : money in $0..$50_000   reason : Reason }

  param floor : int in 300..850 cite "3.2" {
    from 2023-01-01 = 680
    from 2025-01-01 = 700
  }
  table cap_share(points) unique -> percent in 0%..100% {
    | 300..739 => 20% ;
    | 740..850 => 30% ;
  }
  grid rate : percent in 0%..20% {
    points \ product | personal | auto ;
    300..699         | 9%       | 7%   ;
    700..850         | 5%       | 4%   ;
  }
  let points = score or_else 300
  let cap = cap_share of $50_000.00 rounded half_up to cent

  require Q1 "adult" : age >= 18

  rules first {
    rule C1 when score is missing => decline, $0, LOW
    rule C4 "Below the floor" when points < floor => decline, $0, LOW
    rule C5 when requested > cap and rate > 8% => decline, $0, CAP
    rule C6 when age > 100 => decline, $0, CAP
    otherwise C10 => approve, requested, OK
  }

  case good { submitted_on = 2025-02-01 age = 40 score = 745 product = auto requested = $9_000 }
  test "good" { given good expect decision = approve }
}
"#;

fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(POLICY.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    })
}

#[track_caller]
fn change(edits: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(says(POLICY, &edited(edits)), expected);
}

#[test]
fn what_says_nothing_changes_no_hash() {
    let same = [
        ("age > 100", "((age) > 100)"),
        ("$50_000.00 rounded", "50000 USD rounded"),
    ];
    let mut text = edited(&same);
    text = text.replacen("  effective on", "\n\n  -- as always\n  effective on", 1);
    // declarations in another order
    text = text.replacen("  currency USD\n", "", 1).replacen("  case good", "  currency USD\n  case good", 1);
    assert_eq!(structure(&text).hash(), structure(POLICY).hash());
    assert!(script(POLICY, &text).is_empty());
    let named = edited(&[("=> approve, requested, OK", "=> amount = requested, reason = OK, decision = approve")]);
    assert_eq!(structure(&named).hash(), structure(POLICY).hash());
}

#[test]
fn a_structure_is_written_as_a_source_that_reads_as_the_same() {
    let whole = structure(POLICY);
    assert_eq!(structure(&whole.to_source()), whole);
    let (compiled, errors) = opus_frontend::compile(&whole.to_source());
    assert!(compiled.is_some(), "{errors:?}\n{}", whole.to_source());
}

#[test]
fn conditions_outcomes_and_places() {
    change(&[("requested > cap", "requested >= cap")], &["E1  rule C5 condition: > becomes >="]);
    change(&[("points < floor => decline, $0, LOW", "points < floor => decline, $0, FLOOR")], &[
        "E1  rule C4 reason: LOW becomes FLOOR",
    ]);
    let rule = "    rule C6 when age > 100 => decline, $0, CAP\n";
    let after = "    rule C4 \"Below the floor\" when points < floor => decline, $0, LOW\n";
    change(&[(rule, ""), (after, &format!("{after}{rule}"))], &["E1  rule C6 moved: after C4 (was after C5)"]);
}

#[test]
fn dates_and_versions() {
    change(&[("version 2 from 2025-01-01", "version 2 from 2025-03-01"), ("from 2025-01-01 = 700", "from 2025-03-01 = 700")], &[
        "E1  version 2: 2025-01-01 becomes 2025-03-01",
    ]);
    change(
        &[
            ("cite \"Board\"\n", "cite \"Board\"\n  version 3 from 2026-01-01\n"),
            ("= 700\n", "= 700\n    from 2026-01-01 = 720\n"),
        ],
        &["E1  version 3 added, from 2026-01-01", "E2  param floor: 720 from version 3 (needs E1)"],
    );
    let three = edited(&[("cite \"Board\"\n", "cite \"Board\"\n  version 3 from 2026-01-01\n")]);
    let later = three.replacen("from 2025-01-01 = 700", "from 2026-01-01 = 700", 1);
    assert_eq!(says(&three, &later), ["E1  param floor = 700: from version 2 becomes from version 3"]);
}

#[test]
fn tables_and_grids() {
    change(&[("| 740..850 => 30% ;", "| 740..779 => 30% ;\n | 780..850 => 40% ;")], &[
        "E1  cap_share: 740..850 = 30% becomes 740..779 = 30%, 780..850 = 40%",
    ]);
    change(&[("| 740..850 => 30% ;", "| 740..850 => 35% ;")], &["E1  cap_share[740..850]: 30% becomes 35%"]);
    change(&[("300..699         | 9%", "300..699 | 8%")], &["E1  rate[300..699, personal]: 9% becomes 8%"]);
    change(
        &[
            ("    300..699         | 9%       | 7%   ;\n", "    300..649 | 9% | 7% ;\n    650..699 | 8% | 6% ;\n"),
        ],
        &["E1  rate: 300..699 becomes 300..649, 650..699"],
    );
}

#[test]
fn names_and_what_needs_them() {
    change(
        &[
            ("otherwise C10 => approve, requested, OK", "rule C10 when age < 100 => approve, requested, OK\n    otherwise C11 => decline, $0, CAP"),
        ],
        &["E1  rule C10 condition: true becomes age < 100 (needs E2)", "E2  rule C11 added"],
    );
    change(
        &[("  let cap = cap_share of $50_000.00 rounded half_up to cent\n", ""), ("> cap and", "> $10_000 and")],
        &["E1  let cap removed (needs E2)", "E2  rule C5 condition: cap becomes $10_000"],
    );
    change(&[("age          : int in 16..120", "age : int in 18..120")], &["E1  input age: 16..120 becomes 18..120"]);
    let renamed = POLICY.replace("cap_share", "share").replace("let cap", "let ceiling").replace("> cap and", "> ceiling and");
    let script = script(POLICY, &renamed);
    assert!(script.edits.is_empty(), "{:?}", script.edits);
    assert_eq!(script.renames.len(), 2);
}

#[test]
fn an_output_is_one_edit_with_what_rules_decide_for_it() {
    let with = POLICY
        .replace("reason : Reason }", "reason : Reason   years : int in 0..10 }")
        .replace(", LOW\n", ", LOW, 0\n")
        .replace(", CAP\n", ", CAP, 1\n")
        .replace(", OK\n", ", OK, 2\n");
    assert_eq!(says(POLICY, &with), ["E1  output years added"]);
    assert_eq!(says(&with, POLICY), ["E1  output years removed"]);
}

#[test]
fn every_closed_set_of_edits_is_a_policy_that_reads() {
    let changed = edited(&[
        ("points < floor", "points <= floor"),
        ("let cap = cap_share of", "let top = $50_000\n  let cap = cap_share of top rounded half_up to cent\n  let old_cap = cap_share of"),
        ("requested > cap", "requested > old_cap"),
        ("rule C6 when age > 100", "rule C7 when age == 90 => decline, $0, OK\n    rule C6 when age > 100"),
    ]);
    let (a, script) = (structure(POLICY), script(POLICY, &changed));
    let ids: Vec<_> = script.deciding().map(|edit| edit.id).collect();
    for set in 0..1_u32 << ids.len() {
        let on: BTreeSet<_> = ids.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1).map(|(_, id)| *id).collect();
        if script.closed(&on) != on {
            continue;
        }
        let source = script.hybrid(&a, &on).unwrap().to_source();
        let (compiled, errors) = opus_frontend::compile(&source);
        // hybrids have unused declarations, which are warnings
        assert!(compiled.is_some(), "{on:?}: {errors:?}\n{source}");
    }
}
