//! What do straight lines look like? Policies as a compiler writes them, and how many steps they come to.

use std::time::{Duration, Instant};

use opus_ir::func::FieldRange;
use opus_ir::{
    Builder, End, Func, Interval, Op, Straight, Target, Type, Value, merge, passes, straighten, verify,
};

fn straight(mut func: Func) -> Straight {
    verify(func.clone()).unwrap();
    passes::optimize(&mut func);
    straighten(&verify(func).unwrap())
}

fn int(lo: i128, hi: i128) -> FieldRange {
    FieldRange { is_bool: false, optional: false, range: Interval::new(lo, hi) }
}

fn optional(lo: i128, hi: i128) -> FieldRange {
    FieldRange { optional: true, ..int(lo, hi) }
}

/// Ends the current block: where the condition holds the rule decides, where it fails the function goes on.
fn rule(builder: &mut Builder, number: u32, condition: Value, outputs: &[i128]) {
    let (exit, next) = (builder.block(), builder.block());
    builder.end(End::Branch(condition, Target::to(exit), Target::to(next)));
    builder.switch_to(exit);
    let outputs = outputs.iter().map(|x| builder.constant(*x)).collect();
    builder.end(End::Decide { rule: number, outputs });
    builder.switch_to(next);
}

/// The credit policy of the README in one version, whose rules are `first`, `first + 1`, …
fn credit(floor: i128, first: u32) -> Func {
    let fields = vec![
        int(19_358, 22_279),
        int(16, 120),
        optional(300, 850),
        int(0, 1_000_000_000),
        int(0, 100_000_000),
        int(50_000, 7_500_000),
        int(12, 60),
        int(0, 4),
        int(0, 720),
        int(0, 99),
        optional(0, 1200),
    ];
    let results = vec![Interval::new(0, 2), Interval::new(0, 7_500_000), Interval::new(0, 9)];
    let mut b = Builder::new(fields, results);
    let field = |b: &mut Builder, i: i128| b.push(Op::Field, &[], i).unwrap();
    let op = |b: &mut Builder, op: Op, args: &[Value], imm: i128| b.push(op, args, imm).unwrap();

    let (age, adult) = (field(&mut b, 1), b.constant(18));
    let minor = op(&mut b, Op::Lt, &[age, adult], 0);
    rule(&mut b, first, minor, &[2, 0, 0]);

    let scored = op(&mut b, Op::Present, &[], 2);
    let missing = op(&mut b, Op::Not, &[scored], 0);
    rule(&mut b, first + 1, missing, &[1, 0, 1]);

    // `and` sees its left side hold: the right one stands in a block of its own
    let (then, exit, next) = (b.block(), b.block(), b.block());
    let known = op(&mut b, Op::Present, &[], 10);
    b.end(End::Branch(known, Target::to(then), Target::to(next)));
    b.switch_to(then);
    let (months, limit) = (field(&mut b, 10), b.constant(84));
    let recent = op(&mut b, Op::Lt, &[months, limit], 0);
    b.end(End::Branch(recent, Target::to(exit), Target::to(next)));
    b.switch_to(exit);
    let outputs = [2, 0, 2].map(|x| b.constant(x)).to_vec();
    b.end(End::Decide { rule: first + 2, outputs });
    b.switch_to(next);

    let (score, floor) = (field(&mut b, 2), b.constant(floor));
    let low = op(&mut b, Op::Lt, &[score, floor], 0);
    rule(&mut b, first + 3, low, &[2, 0, 3]);

    // (debt + requested / term) > 43 % of income / 12, times 12 * 10000 * term
    let [income, debt, requested, term] = [3, 4, 5, 6].map(|i| field(&mut b, i));
    let [scale, percent] = [120_000, 4300].map(|x| b.constant(x));
    let owed = op(&mut b, Op::Mul, &[debt, term], 0);
    let owed = op(&mut b, Op::Add, &[owed, requested], 0);
    let owed = op(&mut b, Op::Mul, &[owed, scale], 0);
    let earned = op(&mut b, Op::Mul, &[income, term], 0);
    let earned = op(&mut b, Op::Mul, &[earned, percent], 0);
    let high = op(&mut b, Op::Lt, &[earned, owed], 0);
    rule(&mut b, first + 4, high, &[2, 0, 4]);

    let (delinquent, two) = (field(&mut b, 9), b.constant(2));
    let delinquent = op(&mut b, Op::Lt, &[two, delinquent], 0);
    rule(&mut b, first + 5, delinquent, &[1, 0, 5]);

    let (employed, six, employment, retired) =
        (field(&mut b, 8), b.constant(6), field(&mut b, 7), b.constant(2));
    let short = op(&mut b, Op::Lt, &[employed, six], 0);
    let works = op(&mut b, Op::Ne, &[employment, retired], 0);
    let short = op(&mut b, Op::And, &[short, works], 0);
    rule(&mut b, first + 6, short, &[1, 0, 6]);

    let cuts = b.table(vec![740, 780]);
    let shares = b.table(vec![2000, 3000, 4000]);
    let row = op(&mut b, Op::Bucket, &[score], cuts.as_u32() as i128);
    let share = op(&mut b, Op::Lookup, &[row], shares.as_u32() as i128);
    let (cap, unit) = (op(&mut b, Op::Mul, &[share, income], 0), b.constant(10_000));
    let cap = op(&mut b, Op::Divide, &[cap, unit], 0);
    let within = op(&mut b, Op::Le, &[requested, cap], 0);
    let (exit, next) = (b.block(), b.block());
    b.end(End::Branch(within, Target::to(exit), Target::to(next)));
    b.switch_to(exit);
    let (approve, reason) = (b.constant(0), b.constant(7));
    b.end(End::Decide { rule: first + 7, outputs: vec![approve, requested, reason] });
    b.switch_to(next);

    let cap = op(&mut b, Op::Refine, &[cap, within], 0);
    let least = b.constant(50_000);
    let enough = op(&mut b, Op::Le, &[least, cap], 0);
    let (exit, next) = (b.block(), b.block());
    b.end(End::Branch(enough, Target::to(exit), Target::to(next)));
    b.switch_to(exit);
    let (approve, reason) = (b.constant(0), b.constant(8));
    b.end(End::Decide { rule: first + 8, outputs: vec![approve, cap, reason] });
    b.switch_to(next);
    let outputs = [2, 0, 9].map(|x| b.constant(x)).to_vec();
    b.end(End::Decide { rule: first + 9, outputs });
    b.finish()
}

fn count(line: &Straight, op: Op) -> usize {
    line.values.values().filter(|step| step.inst.op == op).count()
}

#[test]
fn credit_is_as_short_as_by_hand() {
    let line = straight(credit(680, 0));
    // one comparison for each condition, and two to choose the amount that is computed
    let compared: usize = [Op::Lt, Op::Le, Op::Eq, Op::Ne].into_iter().map(|op| count(&line, op)).sum();
    assert_eq!(compared, 9 + 2, "{line}");
    // the two conditions that have two parts
    assert_eq!(count(&line, Op::And), 2, "{line}");
    assert_eq!(count(&line, Op::Not) + count(&line, Op::Or), 0, "{line}");
    // one for each rule but the last, and two for the amount
    assert_eq!(count(&line, Op::Select), 9 + 2, "{line}");
    // the share by score and the decision by exit: the reason counts up with the exits
    assert_eq!(count(&line, Op::Lookup), 2, "{line}");
    assert!(line.values.values().all(|step| step.ty <= Type::I64), "{line}");
}

#[test]
fn two_versions_of_credit_are_one_comparison_longer() {
    let (one, two) = (straight(credit(680, 0)), straight(credit(700, 10)));
    let merged = merge(&[&one, &two], 0, &[19_358, 20_089]).unwrap();
    // the date, its comparison with the start, and for the score's floor and the first rule a constant and a
    // select each
    assert_eq!(merged.values.len(), one.values.len() + 3 + 2 * 2, "{merged}");
}

/// `count` rules over two fields, each with constants of its own, in `depth` blocks each.
fn chain(count: u32) -> Func {
    let mut b = Builder::new(vec![int(0, 1_000_000), int(0, 1_000_000)], vec![int(0, 5000).range]);
    let fields = [0, 1].map(|i| b.push(Op::Field, &[], i).unwrap());
    for number in 0..count {
        let limits = [3, 7].map(|step| b.constant(((number as i128 + 1) * step * 1009) % 1_000_000));
        let conditions = [0, 1].map(|i| b.push(Op::Lt, &[fields[i], limits[i]], 0).unwrap());
        let both = b.push(Op::And, &conditions, 0).unwrap();
        let difference = b.push(Op::Sub, &[limits[0], fields[0]], 0).unwrap();
        rule(&mut b, number, both, &[number as i128]);
        b.push(Op::Refine, &[difference, both], 0).unwrap();
    }
    let last = b.constant(5000);
    b.end(End::Decide { rule: count, outputs: vec![last] });
    b.finish()
}

#[test]
fn a_thousand_rules_take_milliseconds() {
    let mut func = chain(1000);
    let begun = Instant::now();
    let verified = verify(func.clone()).unwrap();
    let verified_after = begun.elapsed();
    passes::optimize(&mut func);
    let optimized_after = begun.elapsed();
    straighten(&verified);
    let straightened_after = begun.elapsed();
    let line = straighten(&verify(func).unwrap());
    println!("verify {verified_after:?} optimize {optimized_after:?} straighten {straightened_after:?}");
    assert_eq!(count(&line, Op::And), 1000);
    assert_eq!(count(&line, Op::Select), 1000);
    // many times what it takes, and far below what anything quadratic would
    assert!(straightened_after < Duration::from_secs(5), "{straightened_after:?}");
}
