//! Which results differ? Policies whose outputs are in another order, of other widths and decimals, and whose enums have
//! other codes, over every value of their input.

use opus_govern::impact::Plan;
use opus_govern::results::{Comparison, Why};
use opus_govern::source::open;
use opus_runtime::{Batch, Cache, Engine, Options, Policy};

const A: &str = "policy results.pair {
  enum Kind { x, y, z }
  input { n : int in 10..200 }
  output { kind : Kind   ratio : decimal(1) in 0..30   flag : bool   size : int in 0..9   day : int in 0..9 }
  rules first {
    rule R1 when n < 50 => x, n * 0.1, n > 20, 1, 1
    otherwise R2        => z, n * 0.1, true, 2, 1
  }
}";

const B: &str = "policy results.pair {
  enum Kind { z, w, x }
  input { n : int in 0..150 }
  output { flag : bool   kind : Kind   ratio : decimal(2) in 0..900   day : date in 2025-01-01..2025-12-31 }
  rules first {
    rule R0 when n == 30  => n > 20, w, n * 0.1, 2025-01-01
    rule R1 when n <= 50  => n > 20, x, n * 0.1, 2025-01-01
    rule R3 when n > 100  => true, z, n * 0.1 + 0.01, 2025-01-01
    rule R4 when n > 90   => true, z, n * 0.1, 2025-01-01
    otherwise R2          => n > 20, z, n * 0.1, 2025-01-01
  }
}";

fn policy(source: &str) -> Policy {
    let (opened, _) = open(source.as_bytes().to_vec(), &Cache::Off).expect("it compiles");
    Policy::from_artifact(opened.artifact, &Options { engine: Engine::Vm, ..Options::default() }).unwrap()
}

/// Decides the rows of these values, of which those outside the range are refused.
fn decided(policy: &Policy, values: &[i128]) -> Batch {
    let mut batch = policy.batch(values.len());
    batch.inputs_mut().set_rows(values.len());
    for (row, value) in values.iter().enumerate() {
        let admission = opus_runtime::admission::Admission::new(policy.schema(), 0, Default::default());
        match admission.admit_counted(Some(*value)) {
            Ok(value) => batch.inputs_mut().set(0, row, value),
            Err(reason) => batch.refuse(row, reason),
        }
    }
    batch.decide();
    batch
}

/// What the prose of the two policies says: the values with other results.
fn differs(n: i128) -> bool {
    // admitted by one of them; another kind; another kind; another ratio, or refused after
    n < 10 || n == 30 || n == 50 || (101..=200).contains(&n)
}

#[test]
fn results_are_compared_by_meaning() {
    let (a, b) = (policy(A), policy(B));
    let comparison = Comparison::new(a.schema(), b.schema());
    let names: Vec<&str> = comparison.outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(names, ["flag", "kind", "ratio"]);
    let others: Vec<(&str, Why)> =
        comparison.not_compared.iter().map(|output| (output.name.as_str(), output.why)).collect();
    assert_eq!(others, [("size", Why::OnlyInFirst), ("day", Why::OtherKind)]);

    let values: Vec<i128> = (0..260).collect();
    let (before, after) = (decided(&a, &values), decided(&b, &values));
    let expected: Vec<u32> = (0..260).filter(|n| differs((*n).into())).collect();
    assert_eq!(comparison.changed(&before, &after, None), expected);
    // the other way round
    let back = Comparison::new(b.schema(), a.schema());
    assert_eq!(back.changed(&after, &before, None), expected);
    // rows that both decide, and so are in the same places
    let both: Vec<i128> = (10..=150).collect();
    let found = comparison.changed(&decided(&a, &both), &decided(&b, &both), None);
    assert_eq!(
        found.iter().map(|row| both[*row as usize]).collect::<Vec<_>>(),
        [&[30, 50][..], &(101..=150).collect::<Vec<_>>()].concat()
    );
    // some rows of the second
    let some: Vec<u32> = (0..260).filter(|row| row % 3 != 1).collect();
    let chosen: Vec<i128> = some.iter().map(|row| (*row).into()).collect();
    let found = comparison.changed(&decided(&a, &chosen), &after, Some(&some));
    let found: Vec<u32> = found.into_iter().map(|row| some[row as usize]).collect();
    assert_eq!(found, expected.iter().copied().filter(|row| some.contains(row)).collect::<Vec<_>>());
    // one output alone, and rules
    let of_kind = Comparison::new(a.schema(), b.schema()).of(&["kind"]);
    assert!(!of_kind.changed(&before, &after, None).contains(&120));
    let with_rules =
        Comparison::new(a.schema(), b.schema()).with_rules(a.artifact().program(), b.artifact().program());
    let found = with_rules.changed(&before, &after, None);
    assert_eq!(
        found,
        (0..260).filter(|n| differs((*n).into()) || (91..=100).contains(n)).collect::<Vec<u32>>()
    );
}

#[test]
fn what_is_counted_adds_up() {
    let (a, b) = (policy(A), policy(B));
    let plan = Plan::new(a.artifact().program(), b.artifact().program());
    let values: Vec<i128> = (0..260).collect();
    let (before, after) = (decided(&a, &values), decided(&b, &values));
    let changed = plan.comparison.changed(&before, &after, None);
    let rows: Vec<u32> = (0..260).collect();
    let all = plan.count(&before, &after, &rows, &changed, &[], 1).remove(0);
    let groups: Vec<u32> = (0..260).map(|row| row % 4).collect();
    let mut sum = plan.nothing();
    plan.count(&before, &after, &rows, &changed, &groups, 4).iter().for_each(|counts| sum.add(counts));
    assert_eq!(sum, all);
    // rows of which only some are counted
    let (odd, even): (Vec<u32>, Vec<u32>) = rows.iter().partition(|row| **row % 2 == 1);
    let of = |rows: &[u32]| {
        let changed: Vec<u32> = rows.iter().copied().filter(|row| changed.contains(row)).collect();
        plan.count(&before, &after, rows, &changed, &[], 1).remove(0)
    };
    let mut sum = of(&odd);
    assert_ne!(sum, all);
    sum.add(&of(&even));
    assert_eq!(sum, all);
    assert_eq!((all.rows, all.refused), (260, [69, 109]));
    let kind = &plan.listed[1];
    assert_eq!((kind.name.as_str(), kind.values.join(" ")), ("kind", "z w x y".to_owned()));
    let moved = |from: &str, to: &str| {
        let place =
            |name: &str| kind.values.iter().position(|value| value == name).unwrap_or(kind.values.len());
        all.moved(&plan, 1, place(from), place(to))
    };
    assert_eq!((moved("x", "x"), moved("x", "w"), moved("z", "x"), moved("z", "z")), (39, 1, 1, 100));
    assert_eq!((moved("refused", "x"), moved("z", "refused"), moved("refused", "refused")), (10, 50, 59));
    // in hundredths: 10 to 200, and 0 to 150 with 50 hundredths more
    let tenths = |range: std::ops::RangeInclusive<i128>| range.sum::<i128>() * 10;
    let sums = all.sums[0];
    assert_eq!(sums.before, tenths(10..=200).into());
    assert_eq!(sums.after, (tenths(0..=150) + 50).into());
    assert_eq!(sums.gained, (tenths(0..=9) + 50).into());
    assert_eq!(sums.lost, tenths(151..=200).into());
}
