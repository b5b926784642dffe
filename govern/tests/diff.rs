//! Do scripts lead from one policy to the other and back, and do they say what changed?

use std::collections::BTreeSet;

use opus_frontend::codes::Code;
use opus_govern::diff::{Change, EditId, Script, diff};
use opus_govern::source::OpenError;
use opus_govern::structure::{Dates, Key, Part, Structure};

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
    let same = [("age > 100", "((age) > 100)"), ("$50_000.00 rounded", "50000 USD rounded")];
    let mut text = edited(&same);
    text = text.replacen("  effective on", "\n\n  -- as always\n  effective on", 1);
    // declarations in another order
    text = text.replacen("  currency USD\n", "", 1).replacen("  case good", "  currency USD\n  case good", 1);
    assert_eq!(structure(&text).hash(), structure(POLICY).hash());
    assert!(script(POLICY, &text).is_empty());
    let named =
        edited(&[("=> approve, requested, OK", "=> amount = requested, reason = OK, decision = approve")]);
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
    change(
        &[("points < floor => decline, $0, LOW", "points < floor => decline, $0, FLOOR")],
        &["E1  rule C4 reason: LOW becomes FLOOR"],
    );
    let rule = "    rule C6 when age > 100 => decline, $0, CAP\n";
    let after = "    rule C4 \"Below the floor\" when points < floor => decline, $0, LOW\n";
    change(
        &[(rule, ""), (after, &format!("{after}{rule}"))],
        &["E1  rule C6 moved: after C4 (was after C5)"],
    );
}

#[test]
fn dates_and_versions() {
    change(
        &[
            ("version 2 from 2025-01-01", "version 2 from 2025-03-01"),
            ("from 2025-01-01 = 700", "from 2025-03-01 = 700"),
        ],
        &["E1  version 2: 2025-01-01 becomes 2025-03-01"],
    );
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
    change(
        &[("| 740..850 => 30% ;", "| 740..779 => 30% ;\n | 780..850 => 40% ;")],
        &["E1  cap_share: 740..850 = 30% becomes 740..779 = 30%, 780..850 = 40%"],
    );
    change(&[("| 740..850 => 30% ;", "| 740..850 => 35% ;")], &["E1  cap_share[740..850]: 30% becomes 35%"]);
    change(&[("300..699         | 9%", "300..699 | 8%")], &["E1  rate[300..699, personal]: 9% becomes 8%"]);
    change(
        &[(
            "    300..699         | 9%       | 7%   ;\n",
            "    300..649 | 9% | 7% ;\n    650..699 | 8% | 6% ;\n",
        )],
        &["E1  rate: 300..699 becomes 300..649, 650..699"],
    );
}

#[test]
fn names_and_what_needs_them() {
    change(
        &[(
            "otherwise C10 => approve, requested, OK",
            "rule C10 when age < 100 => approve, requested, OK\n    otherwise C11 => decline, $0, CAP",
        )],
        &["E1  rule C10 condition: true becomes age < 100 (needs E2)", "E2  rule C11 added"],
    );
    change(
        &[
            ("  let cap = cap_share of $50_000.00 rounded half_up to cent\n", ""),
            ("> cap and", "> $10_000 and"),
        ],
        &["E1  let cap removed (needs E2)", "E2  rule C5 condition: cap becomes $10_000"],
    );
    change(
        &[("age          : int in 16..120", "age : int in 18..120")],
        &["E1  input age: 16..120 becomes 18..120"],
    );
}

/// A table of a snapshot has arguments, which another declaration of the same name has not.
#[test]
fn a_use_with_arguments_needs_a_table_that_has_them() {
    let of = |table: &str, rate: &str| {
        format!(
            "policy p {{ input {{ region : int in 0..9 }}  output {{ rate : percent in 0%..20% }}
               {table}
               rules first {{ rule R1 when region > 3 => 1%  otherwise R2 => {rate} }} }}"
        )
    };
    let a = of("", "5%");
    let b = of("table region(region : int in 0..9) -> percent in 0%..20% from snapshot", "region(region)");
    assert_eq!(
        says(&a, &b),
        ["E1  table region added", "E2  rule R2 rate: 5% becomes region(region) (needs E1)"]
    );
    assert_eq!(
        says(&b, &a),
        ["E1  table region removed (needs E2)", "E2  rule R2 rate: region(region) becomes 5%"]
    );
}

#[test]
fn a_name_that_changed_everywhere_is_one_edit() {
    let all =
        |pairs: &[(&str, &str)]| pairs.iter().fold(POLICY.to_owned(), |text, (a, b)| text.replace(a, b));
    let says = |pairs: &[(&str, &str)]| says(POLICY, &all(pairs));
    assert_eq!(says(&[("C4", "C44")]), ["T1  rule C4 renamed to C44"]);
    assert_eq!(says(&[("Q1", "Q2")]), ["T1  require Q1 renamed to Q2"]);
    assert_eq!(says(&[("score", "points_of_bureau")]), ["T1  input score renamed to points_of_bureau"]);
    assert_eq!(says(&[("amount", "granted")]), ["T1  output amount renamed to granted"]);
    assert_eq!(
        says(&[("FLOOR", "UNDER"), ("LOW", "TINY")]),
        ["T1  Reason.FLOOR renamed to UNDER", "T2  Reason.LOW renamed to TINY",]
    );
    assert_eq!(says(&[("Reason", "Cause")]), ["T1  enum Reason renamed to Cause"]);
    assert_eq!(says(&[("floor ", "lowest ")]), ["T1  param floor renamed to lowest"]);
    assert_eq!(says(&[("cap_share", "part")]), ["T1  table cap_share renamed to part"]);
    assert_eq!(says(&[("points", "rank")]), ["T1  let points renamed to rank"]);
    assert_eq!(
        says(&[("good {", "fine {"), ("given good", "given fine")]),
        ["T1  case good renamed to fine"]
    );
    // a set of names is in another order under the new name
    let set = POLICY.replace("when age > 100", "when product in {auto, personal}");
    assert_eq!(says_of(&set, &set.replace("auto", "vehicle")), ["T1  Product.auto renamed to vehicle"]);
    // renamed and changed: the change is told in the new name
    assert_eq!(
        says(&[("cap_share", "share"), ("let cap", "let limit"), ("> cap and", ">= limit and")]),
        [
            "T1  table cap_share renamed to share",
            "T2  let cap renamed to limit",
            "E1  rule C5 condition: > becomes >=",
        ]
    );
}

fn says_of(a: &str, b: &str) -> Vec<String> {
    says(a, b)
}

#[test]
fn a_name_is_not_renamed_where_something_else_would_explain_it() {
    // two that could be meant
    let two = edited(&[("  let points", "  let spare = score or_else 300\n  let points")]);
    let said = says(POLICY, &two.replace("points", "rank"));
    assert!(said.iter().all(|line| !line.contains("renamed")), "{said:?}");
    // one use does not follow
    let other = POLICY.replace("let cap =", "let limit = cap_share of $50_000\n  let cap =");
    let moved = other.replace("let cap = ", "let top = ").replace("> cap and", "> limit and");
    let said = says(&other, &moved);
    assert!(said.iter().all(|line| !line.contains("renamed")), "{said:?}");
}

#[test]
fn an_output_is_one_edit_with_what_rules_decide_for_it() {
    let with = POLICY
        .replace("reason : Reason }", "reason : Reason   term : int in 0..10 }")
        .replace(", LOW\n", ", LOW, 0\n")
        .replace(", CAP\n", ", CAP, 1\n")
        .replace(", OK\n", ", OK, 2\n");
    assert_eq!(says(POLICY, &with), ["E1  output term added"]);
    assert_eq!(says(&with, POLICY), ["E1  output term removed"]);
}

#[test]
fn the_effective_field_and_settings() {
    let two_days = POLICY.replace(
        "    submitted_on : date in 2023-01-01..2030-12-31\n",
        "    submitted_on : date in 2023-01-01..2030-12-31\n    decided_on : date in 2023-01-01..2030-12-31\n",
    );
    let other = two_days.replace("effective on submitted_on", "effective on decided_on");
    assert_eq!(says(&two_days, &other), ["E1  effective: submitted_on becomes decided_on"]);
    let clip = POLICY.replace("  currency USD", "  currency USD\n  month_end clip");
    assert_eq!(says(POLICY, &clip), ["E1  month_end clip added"]);
    assert_eq!(says(&clip, &clip.replace("clip", "carry")), ["E1  month_end: clip becomes carry"]);
    let euro =
        POLICY.replace("currency USD", "currency EUR").replace('$', "€").replace("50000 USD", "50000 EUR");
    assert_eq!(
        says(POLICY, &euro),
        ["E1  currency: USD becomes EUR, with 7 changes that follow", "T1  case good: $9_000 becomes €9_000",]
    );
    change(
        &[("credit.personal", "credit.consumer")],
        &["T1  policy credit.personal becomes credit.consumer"],
    );
}

#[test]
fn effective_on_and_versions_come_together() {
    let plain = r#"policy p { input { day : date in 2024-01-01..2030-12-31 }  output { ok : bool }
                   rules first { otherwise R => true } }"#;
    let dated = plain.replace("policy p {", "policy p { effective on day  version 1 from 2024-01-01");
    assert_eq!(
        says(plain, &dated),
        ["E1  effective: day added", "E2  version 1 added, from 2024-01-01 (needs E1)",]
    );
    assert_eq!(
        says(&dated, plain),
        ["E1  effective: day removed (needs E2)", "E2  version 1 removed, from 2024-01-01",]
    );
}

#[test]
fn types_ranges_and_fields() {
    change(
        &[("score        : int in 300..850 optional", "score : int in 300..850")],
        &["E1  input score is no longer optional"],
    );
    change(
        &[("age          : int in 16..120", "age : int in 16..120 optional")],
        &["E1  input age becomes optional"],
    );
    change(
        &[("age          : int in 16..120\n", "age : int in 16..120\n    region : int in 1..9\n")],
        &["E1  input region added"],
    );
    change(
        &[("reason : Reason }", "reason : Reason default OK }")],
        &["E1  output reason default: OK added"],
    );
    change(
        &[
            ("floor : int in 300..850", "floor : decimal(1) in 300..850"),
            ("= 680", "= 680.5"),
            ("points < floor", "points + 0.5 < floor"),
        ],
        &["E1  param floor type: int becomes decimal(1), with 2 changes that follow"],
    );
    change(&[("age >= 18", "age >= 21")], &["E1  require Q1 condition: 18 becomes 21"]);
    change(&[("  require Q1", "  require Q2 : requested > $0\n  require Q1")], &["E1  require Q2 added"]);
    change(
        &[("let points = score or_else 300", "let points = score or_else 310")],
        &["E1  let points: 300 becomes 310"],
    );
    change(&[("FLOOR, CAP, OK", "FLOOR, CAP, OK, NEW")], &["E1  Reason.NEW added"]);
    change(
        &[
            ("FLOOR, CAP, OK", "FLOOR, CAP, OK, NEW"),
            ("points < floor => decline, $0, LOW", "points < floor => decline, $0, NEW"),
        ],
        &["E1  Reason.NEW added", "E2  rule C4 reason: LOW becomes NEW (needs E1)"],
    );
}

#[test]
fn texts_and_orders_decide_nothing() {
    change(
        &[("\"Below the floor\"", "\"Under the floor\"")],
        &["T1  rule C4 title: \"Below the floor\" becomes \"Under the floor\""],
    );
    change(&[("cite \"3.2\"", "cite \"3.3\"")], &["T1  param floor cite: \"3.2\" becomes \"3.3\""]);
    change(&[(" cite \"Board\"", "")], &["T1  version 2 cite: \"Board\" removed"]);
    change(
        &[("LOW \"Score too low\"", "LOW \"The score is low\"")],
        &["T1  Reason.LOW title: \"Score too low\" becomes \"The score is low\""],
    );
    change(&[("age = 40", "age = 41")], &["T1  case good: 40 becomes 41"]);
    change(
        &[("expect decision = approve }", "expect rule C10 }")],
        &["T1  test \"good\": decision = approve becomes rule C10"],
    );
    change(
        &[("  test \"good\" { given good expect decision = approve }\n", "")],
        &["T1  test \"good\" removed"],
    );
    change(
        &[("approve, decline }", "decline, approve }")],
        &["T1  Decision.decline moved in the order: first (was after approve)"],
    );
    let age = "    age          : int in 16..120\n";
    change(
        &[(age, ""), ("    product      : Product\n", &format!("    product      : Product\n{age}"))],
        &["T1  input age moved in the order: after product (was after submitted_on)"],
    );
    let outputs = "decision : Decision   amount : money in $0..$50_000   reason : Reason";
    let swapped = "amount : money in $0..$50_000   decision : Decision   reason : Reason";
    let named = POLICY
        .replace(outputs, swapped)
        .replace("=> decline, $0,", "=> $0, decline,")
        .replace("=> approve, requested,", "=> requested, approve,");
    assert_eq!(says(POLICY, &named), ["T1  output amount moved in the order: first (was after decision)"]);
}

#[test]
fn rows_of_a_first_table() {
    let table = |rows: &str| {
        POLICY.replace("unique -> percent", "first -> percent").replace(
            "    | 300..739 => 20% ;\n    | 740..850 => 30% ;\n",
            &rows.split('/').map(|row| format!("    | {row} ;\n")).collect::<String>(),
        )
    };
    let three = table("> 800 => 40%/> 700 => 30%/any => 20%");
    let says = |rows: &str| says(&three, &table(rows));
    assert_eq!(
        says("> 800 => 40%/> 750 => 35%/> 700 => 30%/any => 20%"),
        ["E1  cap_share[> 750] = 35% added"]
    );
    assert_eq!(says("> 700 => 30%/any => 20%"), ["E1  cap_share[> 800] = 40% removed"]);
    assert_eq!(
        says("> 700 => 30%/> 800 => 40%/any => 20%"),
        ["E1  cap_share[> 700] moved: first (was after > 800)",]
    );
    assert_eq!(says("> 800 => 45%/> 700 => 30%/any => 20%"), ["E1  cap_share[> 800]: 40% becomes 45%"]);
    assert_eq!(
        says("> 800 => 40%/> 720 => 30%/any => 20%"),
        ["E1  cap_share: > 700 = 30% becomes > 720 = 30%"]
    );
    let unique = POLICY.replace("unique -> percent", "first -> percent");
    assert_eq!(says_of(POLICY, &unique), ["E1  table cap_share choice: unique becomes first"]);
}

#[test]
fn grids_that_are_cut_anew() {
    change(
        &[
            ("points \\ product | personal | auto ;", "points \\ product | {personal, auto} ;"),
            ("| 9%       | 7%   ;", "| 9% ;"),
            ("| 5%       | 4%   ;", "| 5% ;"),
        ],
        &["E1  rate: column personal, column auto becomes column {auto, personal}"],
    );
    // rows and columns at once leave no cell that one side has alone
    change(
        &[
            ("points \\ product | personal | auto ;", "points \\ product | {personal, auto} ;"),
            ("    300..699         | 9%       | 7%   ;\n", "    300..649 | 9% ;\n    650..699 | 8% ;\n"),
            ("| 5%       | 4%   ;", "| 5% ;"),
        ],
        &[
            "E1  rate: column personal, column auto, 300..699 becomes column {auto, personal}, 300..649, 650..699",
        ],
    );
    let two = POLICY.replace(
        "| 9%       | 7%   ;",
        "| 9% | 7% until 2025-01-01 ;\n 300..699 | 8% | 6% from 2025-01-01 ;",
    );
    let later = two.replace(
        "  version 2 from 2025-01-01 cite \"Board\"\n",
        "  version 2 from 2025-01-01 cite \"Board\"\n  version 3 from 2026-01-01\n",
    );
    let moved = later
        .replace("7% until 2025-01-01", "7% until 2026-01-01")
        .replace("6% from 2025-01-01", "6% from 2026-01-01");
    assert_eq!(
        says(&later, &moved),
        [
            "E1  rate: 300..699 until version 2, 300..699 from version 2 becomes 300..699 until version 3, 300..699 from \
         version 3",
        ]
    );
}

#[test]
fn versions_have_the_numbers_of_their_policies() {
    // the version of 2025 is the second here and the third there
    let between = edited(&[(
        "  version 2 from 2025-01-01 cite \"Board\"\n",
        "  version 2 from 2024-01-01\n  version 3 from 2025-01-01 cite \"Board\"\n",
    )]);
    let between =
        between.replace("from 2025-01-01 = 700", "from 2024-01-01 = 690\n    from 2025-01-01 = 700");
    assert_eq!(
        says(POLICY, &between),
        [
            "E1  version 2 of the second policy added, from 2024-01-01",
            "T1  version 2 number: 2 becomes 3",
            "E2  param floor: 690 from version 2 of the second policy (needs E1)",
        ]
    );
    // off, the new version does not take the number of another one
    let (a, script) = (structure(POLICY), script(&between, POLICY));
    let source = script.hybrid(&structure(&between), &BTreeSet::new()).unwrap().to_source();
    assert!(opus_frontend::compile(&source).0.is_some(), "{source}");
    assert!(script.apply(&structure(&between)).unwrap().hash() == a.hash());
}

#[test]
fn one_version_for_every_row() {
    let policy = structure(POLICY);
    let at = |number| policy.at_version(number).unwrap();
    let says: Vec<String> = diff(&at(1), &at(2)).edits.iter().map(ToString::to_string).collect();
    assert_eq!(says, ["E1  param floor: 680 becomes 700"]);
    for number in [1, 2] {
        let source = at(number).to_source();
        // C5 is reached in version 1 only
        let (_, found) = opus_frontend::compile(&source);
        let errors = found.iter().filter(|found| found.is_error() && found.code != Code::UnreachableRule);
        assert_eq!(errors.count(), 0, "{found:?}\n{source}");
        assert_eq!(structure(&source).hash(), at(number).hash());
    }
    assert_eq!(policy.at_version(3), None);
}

/// The scenarios of tier 3: one change each between versions 1 and 2, with both values.
#[test]
fn the_governed_changes_are_found() {
    let spec = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec");
    let read = |path: &str| {
        std::fs::read_to_string(spec.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let file: serde_json::Value = serde_json::from_str(&read("o02/scenarios.json")).unwrap();
    let scenarios = file["scenarios"].as_array().unwrap().iter().filter(|scenario| scenario["tier"] == 3);
    let named = [
        ("return window", "return_window"),
        ("deductible waiver threshold", "waived_above"),
        ("lowest acceptable score", "score_floor"),
    ];
    // an amount is written with the symbol of its currency
    let plain = |text: &str| text.replace(['$', '_'], "").trim_end_matches(".00").to_owned();
    let mut count = 0;
    for scenario in scenarios {
        let policy = structure(&read(&format!("policies/{}.opus", scenario["domain"].as_str().unwrap())));
        let [from, to] = ["from_version", "to_version"].map(|version| {
            let number = scenario["input"][version].as_u64().unwrap();
            policy.at_version(u32::try_from(number).unwrap()).unwrap()
        });
        let script = diff(&from, &to);
        let changes: Vec<&Change> = script.edits.iter().flat_map(|edit| &edit.changes).collect();
        let [Change::Part { key, part: Part::Value, before: Some(before), after: Some(after) }] = changes[..]
        else {
            panic!("{changes:?}")
        };
        let expected = scenario["expected"]["changes"].as_array().unwrap();
        let [change] = expected.as_slice() else { panic!("{expected:?}") };
        let (_, param) = named.iter().find(|(element, _)| *element == change["element"]).unwrap();
        assert_eq!(*key, Key::ParamValue((*param).to_owned(), Dates::default()));
        assert_eq!(plain(before), plain(change["from"].as_str().unwrap()));
        assert_eq!(plain(after), plain(change["to"].as_str().unwrap()));
        count += 1;
    }
    assert_eq!(count, 3);
}

#[test]
fn a_kind_of_declaration_that_becomes_another_is_one_edit() {
    let param = edited(&[
        ("  let points = score or_else 300\n", "  let points = score or_else 300\n  let margin = 5\n"),
        ("points < floor", "points < floor + margin"),
    ]);
    let other = param.replace("let margin = 5", "param margin : int in 0..9 = 5");
    assert_eq!(says(&param, &other), ["E1  param margin added; let margin removed"]);
}

#[test]
fn a_script_for_another_policy_is_refused() {
    let (a, b) = (structure(POLICY), structure(&POLICY.replace("age >= 18", "age >= 21")));
    let script = diff(&a, &b);
    let error = script.apply(&b).unwrap_err().to_string();
    assert!(error.starts_with("the script was made from another policy: "), "{error}");
    let mut damaged = script.clone();
    damaged.edits.clear();
    assert!(damaged.apply(&a).unwrap_err().to_string().starts_with("the script was changed"));
}

#[test]
fn every_closed_set_of_edits_is_a_policy_that_reads() {
    let changed = edited(&[
        ("points < floor", "points <= floor"),
        (
            "let cap = cap_share of",
            "let top = $50_000\n  let cap = cap_share of top rounded half_up to cent\n  let old_cap = cap_share of",
        ),
        ("requested > cap", "requested > old_cap"),
        ("rule C6 when age > 100", "rule C7 when age == 90 => decline, $0, OK\n    rule C6 when age > 100"),
    ]);
    let (a, script) = (structure(POLICY), script(POLICY, &changed));
    for on in closed_sets(&script) {
        let source = script.hybrid(&a, &on).unwrap().to_source();
        let (compiled, errors) = opus_frontend::compile(&source);
        // hybrids have unused declarations, which are warnings
        assert!(compiled.is_some(), "{on:?}: {errors:?}\n{source}");
    }
}

/// Every closed set of the edits that decide.
fn closed_sets(script: &Script) -> Vec<BTreeSet<EditId>> {
    let ids: Vec<EditId> = script.deciding().map(|edit| edit.id).collect();
    let set = |bits: u32| -> BTreeSet<EditId> {
        ids.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1).map(|(_, id)| *id).collect()
    };
    (0..1 << ids.len()).map(set).filter(|on| script.closed(on) == *on).collect()
}

/// A rule whose only output goes while another comes never decides nothing, forwards or backwards.
#[test]
fn a_rule_keeps_an_outcome_whatever_is_switched() {
    let policy = |outputs: &str, outcome: &str| {
        format!(
            "policy p {{ input {{ n : int in 0..9 }} output {{ {outputs} }}
             rules first {{ rule R when n > 5 => {outcome}  otherwise S => b = true }} }}"
        )
    };
    let [a, b] = [("a : bool default false", "a = true"), ("c : int in 0..9 default 0", "c = 7")]
        .map(|(output, outcome)| structure(&policy(&format!("b : bool default false  {output}"), outcome)));
    let there = diff(&a, &b);
    assert!(closed_sets(&there).len() > 1, "{:?}", there.edits);
    for (script, from) in [(&there, &a), (&there.inverted(), &b)] {
        for on in closed_sets(script) {
            let source = script.hybrid(from, &on).unwrap().to_source();
            assert!(opus_frontend::compile(&source).0.is_some(), "{on:?}\n{source}");
        }
    }
}

/// A version by itself and a hybrid may have rules and rows that are never used; policies that people write may not.
#[test]
fn what_is_made_of_two_policies_has_to_be_total_alone() {
    let source = "policy p { input { n : int in 0..9 } output { high : bool }
        table t(n) first -> bool { | any => true ;  | 5 => false ; }
        rules first { rule A when n > 5 => t  rule B when n > 7 => true  otherwise C => false } }";
    assert!(opus_frontend::compile(source).0.is_none());
    assert!(opus_govern::source::of_structure(&structure(source)).is_ok());
    let partial = source.replace("| any", "| 1..9");
    let Err(OpenError::NotCompiled { diagnostics, .. }) =
        opus_govern::source::of_structure(&structure(&partial))
    else {
        panic!("a table with a gap is not total")
    };
    assert_eq!(diagnostics[0].code, Code::TableGap);
}

#[test]
fn what_explanations_use_decides_nothing() {
    let adverse = "  adverse decision in {decline}\n\n  param floor";
    let marks = [
        ("int in 300..850 optional\n", "int in 300..850 optional actionable up\n"),
        ("  param floor", adverse),
    ];
    change(
        &marks,
        &["T1  input score becomes actionable up", "T2  output decision: decline becomes adverse"],
    );
    let marked = edited(&marks);
    let other = marked.replace("actionable up", "actionable");
    assert_eq!(says(&marked, &other), ["T1  input score becomes actionable"]);
    let renamed = marked.replace("decline", "reject");
    assert_eq!(says(&marked, &renamed), ["T1  Decision.decline renamed to reject"]);
    // an adverse value that is added is no part of a policy without it
    let more = marked
        .replace("{ approve, decline }", "{ approve, decline, never }")
        .replace("{decline}", "{decline, never}");
    let script = script(&marked, &more);
    let edits: Vec<String> = script.edits.iter().map(ToString::to_string).collect();
    assert_eq!(edits, ["E1  Decision.never added", "T1  output decision: never becomes adverse"]);
    let hybrid = script.hybrid(&structure(&marked), &BTreeSet::new()).unwrap().to_source();
    assert!(hybrid.contains("adverse decision in {decline}\n"), "{hybrid}");
    let whole = script.edits.iter().map(|edit| edit.id).collect();
    assert_eq!(script.hybrid(&structure(&marked), &whole).unwrap().hash(), structure(&more).hash());
}
