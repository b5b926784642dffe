//! Do policies with facts decide as the prose says, on every witness, for many facts as for few?

use std::time::Instant;

use opus_frontend::{Compiled, compile};
use opus_govern::diff::diff;
use opus_govern::structure::Structure;
use opus_govern::witnesses::{GivenRow, Witness, Witnesses};
use opus_ir::date;
use opus_runtime::snapshot::{Fact, Snapshot};
use opus_runtime::{Cache, Engine, Options, Policy};

const POLICY: &str = "policy facts.loan {
  currency USD
  effective on day
  version 1 from 2023-01-01
  version 2 from 2025-01-01
  enum Answer { approve, decline }
  enum Region { EU, UK, US, CH }
  input {
    day    : date in 2023-01-01..2026-12-31
    score  : int in 300..850
    region : Region
    income : money in $0..$1_000_000
  }
  output { answer : Answer   amount : money in $0..$75_000   late : bool }
  param floor : int in 300..850 from snapshot
  param share : percent in 0%..50% from snapshot
  param cap   : money in $0..$75_000 from snapshot
  param open  : bool from snapshot
  param due   : date in 2023-01-01..2030-12-31 from snapshot
  param grace : days in 0 days..90 days from snapshot
  param worst : Region from snapshot
  set risky of Region from snapshot
  let limit = min(cap, share of income rounded down to cent)
  require Q1 \"open\" : open or income > $0
  rules first {
    rule R1 when score < floor or region == worst  => decline, $0, day > due + grace
    rule R2 from 2025-01-01 when region in risky   => decline, limit, false
    otherwise R3                                   => approve, limit, day > due + grace
  }
}";

fn compiled(source: &str) -> Compiled {
    let (compiled, diagnostics) = compile(source);
    compiled.unwrap_or_else(|| panic!("{diagnostics:#?}"))
}

fn day(text: &str) -> i32 {
    date::parse(text).unwrap()
}

fn snapshot(facts: &[(&str, &str, &str)]) -> Snapshot {
    let fact = |(key, from, value): &(&str, &str, &str)| Fact {
        key: (*key).to_owned(),
        valid_from: day(from),
        value: (*value != "none").then(|| value.parse().unwrap()),
        cite: None,
        notes: vec![],
    };
    Snapshot::new(facts.iter().map(fact).collect()).unwrap()
}

const FACTS: [(&str, &str, &str); 12] = [
    ("floor", "2020-01-01", "600"),
    ("floor", "2024-07-01", "700"),
    ("floor", "2025-03-01", "850"),
    ("share", "2020-01-01", "10%"),
    ("cap", "2020-01-01", "500.50 USD"),
    ("cap", "2026-01-01", "75000 USD"),
    ("open", "2020-01-01", "false"),
    ("due", "2020-01-01", "2024-06-30"),
    ("grace", "2020-01-01", "1 days"),
    ("worst", "2020-01-01", "CH"),
    ("risky", "2020-01-01", "{}"),
    ("risky", "2025-02-01", "{UK, US}"),
];

#[test]
fn every_witness_decides_as_the_prose_says() {
    let witnesses = Witnesses::bound(&compiled(POLICY), &snapshot(&FACTS), &[]).unwrap();
    // worked out by hand: day, score, region, income in cents; rule, amount in cents, late
    let cases = [
        (("2023-01-01", 600, 0, 100_000), Some((2, 10_000, 0))),
        (("2023-01-01", 599, 0, 100_000), Some((0, 0, 0))),
        (("2024-06-30", 699, 0, 1_000_000), Some((2, 50_050, 0))),
        (("2024-07-01", 699, 0, 1_000_000), Some((0, 0, 0))),
        (("2024-07-02", 700, 0, 1_000_000), Some((2, 50_050, 1))),
        (("2025-01-31", 700, 1, 99), Some((2, 9, 1))),
        (("2025-02-01", 700, 1, 99), Some((1, 9, 0))),
        (("2025-02-28", 849, 2, 99), Some((1, 9, 0))),
        (("2025-03-01", 849, 2, 99), Some((0, 0, 1))),
        (("2026-01-01", 850, 0, 100_000_000), Some((2, 7_500_000, 1))),
        (("2025-01-01", 850, 3, 100_000), Some((0, 0, 1))),
        (("2025-01-01", 850, 0, 0), None),
    ];
    let rows: Vec<GivenRow> = cases
        .iter()
        .map(|((on, score, region, income), _)| [day(on).into(), *score, *region, *income].map(Some).to_vec())
        .collect();
    for witness in witnesses.available() {
        for (outcome, (given, expected)) in witnesses.decide(witness, &rows).into_iter().zip(&cases) {
            let found = outcome.ok().map(|verdict| (verdict.rule, verdict.outputs[1], verdict.outputs[2]));
            assert_eq!(found, *expected, "{witness}: {given:?}");
        }
    }
}

#[test]
fn the_same_values_in_the_policy_decide_alike() {
    let facts =
        [("floor", "0001-01-01", "680"), ("share", "0001-01-01", "12.5%"), ("risky", "0001-01-01", "{EU}")];
    let text = |values: [&str; 2], asks: &str| {
        format!(
            "policy facts.same {{ currency USD  enum Region {{ EU, UK }}
               input {{ score : int in 300..850  region : Region  income : money in $0..$9_000 }}
               output {{ amount : money in $0..$9_000 }}
               param floor : int in 300..850 {}  param share : percent in 0%..50% {}
               {}
               rules first {{ rule A when score < floor => $0  rule B when region in {asks} => $1
                              otherwise C => share of income rounded half_up to cent }} }}",
            values[0],
            values[1],
            if asks == "risky" { "set risky of Region from snapshot" } else { "" },
        )
    };
    let open = compiled(&text(["from snapshot"; 2], "risky"));
    let bound = Witnesses::bound(&open, &snapshot(&facts), &[]).unwrap();
    let closed = Witnesses::new(&compiled(&text(["= 680", "= 12.5%"], "{EU}")), &[]).unwrap();
    let rows: Vec<GivenRow> = [300, 679, 680, 850]
        .into_iter()
        .flat_map(|score| [0, 1].map(|region| [0, 1, 4, 899_999].map(|income| [score, region, income])))
        .flatten()
        .map(|row| row.map(Some).to_vec())
        .collect();
    for witness in bound.available() {
        assert_eq!(bound.decide(witness, &rows), closed.decide(Witness::Reference, &rows), "{witness}");
    }
    let snapshot = snapshot(&[("floor", "2020-01-01", "680"), ("floor", "2021-01-01", "690")]);
    let refused = Witnesses::bound(&open, &snapshot, &[]).err().unwrap();
    assert!(refused.contains("`floor` needs exactly one fact"), "{refused}");
    assert!(refused.contains("`risky` is not in the snapshot"), "{refused}");
}

const DAYS: i32 = 3_650;

#[test]
fn ten_years_of_daily_rates() {
    let source = "policy facts.daily { currency USD  effective on day  version 1 from 2020-01-01
        input { day : date in 2020-01-01..2029-12-28  amount : money in $0..$100_000 }
        output { interest : money in $0..$30_000 }
        param rate : percent(4) in 0%..30% from snapshot
        rules first { otherwise R => rate of amount rounded half_even to cent } }";
    let first = day("2020-01-01");
    // in millionths, so that each day has its own
    let rate = |index: i32| i128::from(index) * 7_919 % 300_000;
    let fact = |index: i32| Fact {
        key: "rate".to_owned(),
        valid_from: first + index,
        value: Some(format!("{}.{:04}%", rate(index) / 10_000, rate(index) % 10_000).parse().unwrap()),
        cite: None,
        notes: vec![],
    };
    let snapshot = Snapshot::new((0..DAYS).map(fact).collect()).unwrap();
    let compiled = compiled(source);
    let artifact = opus_govern::source::artifact(&compiled).unwrap();
    let started = Instant::now();
    let options = Options { engine: Engine::Native, cache: Cache::Off, level: None };
    let policy = Policy::bind(artifact, &snapshot, &options).unwrap();
    policy.prepare();
    println!("bound and compiled in {:?}, {} bytes", started.elapsed(), policy.executed().bytes().len());
    assert!(policy.executed().bytes().len() < 1 << 20);
    let witnesses = Witnesses::bound(&compiled, &snapshot, &[]).unwrap();
    let amount = 10_000_000;
    let days: Vec<i32> = (0..DAYS).step_by(61).chain([0, 1, DAYS - 2, DAYS - 1]).collect();
    let rows: Vec<GivenRow> =
        days.iter().map(|index| vec![Some((first + index).into()), Some(amount)]).collect();
    for witness in witnesses.available() {
        for (outcome, index) in witnesses.decide(witness, &rows).into_iter().zip(&days) {
            // 100,000 dollars times the rate are as many tenths of dollars as the rate has millionths
            assert_eq!(outcome.unwrap().outputs, [rate(*index) * 10], "{witness}, day {index}");
        }
    }
}

#[test]
fn a_batch_of_mixed_days_is_the_merge_of_its_parts() {
    let compiled = compiled(POLICY);
    let whole = snapshot(&FACTS);
    let row = |number: i128| -> GivenRow {
        let (on, income) = (day("2023-01-01") + (number * 37 % 1_461) as i32, number * 104_729 % 100_000_001);
        [on.into(), 300 + number * 13 % 551, number % 4, income].map(Some).to_vec()
    };
    let rows: Vec<GivenRow> = (0..700).map(row).collect();
    let mixed = Witnesses::bound(&compiled, &whole, &[]).unwrap();
    let changes =
        ["2023-01-01", "2024-07-01", "2025-01-01", "2025-02-01", "2025-03-01", "2026-01-01", "2027-01-01"];
    for witness in [Witness::VmColumns, Witness::NativeColumns(None), Witness::NativeRow(None)] {
        let together = mixed.decide(witness, &rows);
        let mut decided = 0;
        for epoch in changes.windows(2).map(|pair| day(pair[0])..day(pair[1])) {
            let always = |fact: &Fact| Fact { valid_from: day("0001-01-01"), ..fact.clone() };
            let part = Snapshot::new(whole.as_of(epoch.start).map(always).collect()).unwrap();
            let alone = Witnesses::bound(&compiled, &part, &[]).unwrap();
            let inside: Vec<usize> =
                (0..rows.len()).filter(|at| epoch.contains(&(rows[*at][0].unwrap() as i32))).collect();
            let of_part: Vec<GivenRow> = inside.iter().map(|at| rows[*at].clone()).collect();
            for (at, outcome) in inside.iter().zip(alone.decide(witness, &of_part)) {
                assert_eq!(outcome, together[*at], "{witness}: {:?}", rows[*at]);
                decided += 1;
            }
        }
        assert_eq!(decided, rows.len());
    }
}

#[test]
fn what_moves_to_a_snapshot_is_one_edit() {
    let text = |values: &str, more: &str| {
        format!(
            "policy facts.moved {{ effective on day  version 1 from 2023-01-01  version 2 from 2025-01-01
               enum Region {{ EU, UK }}
               input {{ day : date in 2023-01-01..2030-12-31  score : int in 300..850  region : Region }}
               output {{ pass : bool }}
               param floor : int in 300..850 {values} {more}
               rules first {{ otherwise R => score >= floor{} }} }}",
            if more.is_empty() { "" } else { " and region in risky" }
        )
    };
    let structure = |text: String| Structure::of_source(&text).unwrap();
    let says = |a: &Structure, b: &Structure| -> Vec<String> {
        diff(a, b).edits.iter().map(|edit| edit.to_string()).collect()
    };
    let dated = structure(text("{ from 2023-01-01 = 680  from 2025-01-01 = 700 }", ""));
    let always = structure(text("= 680", ""));
    let facts = structure(text("from snapshot", ""));
    let set = structure(text("from snapshot", "set risky of Region from snapshot"));
    assert_eq!(says(&always, &facts), ["E1  param floor: 680 becomes from snapshot"]);
    assert_eq!(says(&dated, &facts).len(), 1, "{:?}", says(&dated, &facts));
    assert_eq!(
        says(&facts, &set),
        ["E1  set risky added", "E2  rule R pass: and region in risky added (needs E1)"]
    );
    for (a, b) in [(&always, &facts), (&dated, &facts), (&facts, &set)] {
        let script = diff(a, b);
        assert_eq!(script.apply(a).unwrap().hash(), b.hash());
        assert_eq!(script.inverted().apply(b).unwrap().hash(), a.hash());
        let again = Structure::of_source(&b.to_source()).unwrap();
        assert_eq!(again.hash(), b.hash());
    }
}

#[test]
fn facts_keep_the_proofs_of_claims() {
    let policy = compiled(
        "policy facts.slice {
           effective on day
  version 1 from 2024-01-01
           input { day : date in 2024-01-01..2025-12-31   x : int in 0..1_000 }
           param floor : int in 0..200 from snapshot
           output { y : int in 0..1_000 }
           rules first {
             rule R1 when x < 5 => x
             otherwise R2       => min(x, 925) - min(x, floor)
           }
         }",
    );
    assert!(policy.program.versions.iter().any(|version| !version.decide.proofs.is_empty()));
    let facts = snapshot(&[("floor", "2024-01-01", "150"), ("floor", "2025-01-01", "50")]);
    let artifact = opus_govern::source::artifact(&policy).unwrap();
    let bound = Policy::bind(artifact, &facts, &Options::default()).unwrap();
    for (day, x, y) in [("2024-05-01", 1000, 775), ("2025-05-01", 1000, 875), ("2025-05-01", 40, 0)] {
        let decision = bound.decide_json(&format!(r#"{{"day": "{day}", "x": {x}}}"#)).unwrap();
        assert_eq!(decision.output("y").unwrap().to_string(), y.to_string());
    }
}
