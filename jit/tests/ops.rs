//! Does every op do what its row says where generated functions seldom go: at all widths, with long tables,
//! with every rounding mode, on every kind of day?

mod harness;

use harness::{Batch, check, levels};
use opus_ir::date::{self, Civil, MonthEnd, day_number};
use opus_ir::func::FieldRange;
use opus_ir::ops::Role;
use opus_ir::testing::{Seed, Source};
use opus_ir::{Builder, Class, End, Imm, Interval, Op, Rounding, Straight, Value, straighten, verify};
use opus_jit::Level;

/// Ranges of every width, of one sign and of both.
const RANGES: &[(i128, i128)] = &[
    (0, 100),
    (-128, 127),
    (0, 1200),
    (-32_768, 32_767),
    (0, 1_000_000_000),
    (i32::MIN as i128, i32::MAX as i128),
    (0, u32::MAX as i128),
    (-3_000_000_000, 1_000_000_000),
    (0, 4_000_000_000_000),
    (-4_000_000_000_000, 4_000_000_000_000),
    (i64::MIN as i128, i64::MAX as i128),
    (0, u64::MAX as i128),
    (-1_000_000_000_000_000_000_000_000, 1_000_000_000_000_000_000_000_000),
    (i128::MIN, i128::MAX),
];

fn field((lo, hi): (i128, i128)) -> FieldRange {
    FieldRange { is_bool: false, optional: false, range: Interval::new(lo, hi) }
}

/// A line without branches that answers what `build` adds for the fields; what has no proved interval is left
/// out.
fn line(
    ranges: &[(i128, i128)],
    build: impl FnOnce(&mut Builder, &[Value]) -> Vec<Option<Value>>,
) -> Straight {
    let mut b = Builder::new(ranges.iter().copied().map(field).collect(), Vec::new());
    let fields: Vec<Value> = (0..ranges.len())
        .map(|i| b.push(Op::Field, &[], i as i128).expect("there is such a field"))
        .collect();
    let outputs: Vec<Value> = build(&mut b, &fields).into_iter().flatten().collect();
    let results = outputs.iter().map(|output| b.range(*output)).collect();
    b.end(End::Decide { rule: 0, outputs });
    let mut func = b.finish();
    func.results = results;
    straighten(&verify(func).expect("each op has been proved"))
}

fn check_generated(line: &Straight, rows: usize, turn: usize, what: &str) {
    check(line, &Batch::generate(line, rows, &mut Seed(7)), &in_turn(turn), what);
}

/// One of the levels: where there are many lines, the levels take turns.
fn in_turn(turn: usize) -> Vec<Level> {
    let levels = levels();
    vec![levels[turn % levels.len()]]
}

#[test]
fn arithmetic_and_comparisons_at_every_width() {
    // every op on integers of any width that needs no immediate; what is not proved for a pair of ranges is left out
    let takes_integers = |op: &&Op| op.row().params.iter().all(|(_, class)| *class == Class::Int);
    let is_computed = |op: &&Op| op.row().role == Role::Computed && op.row().imm == Imm::None;
    let ops: Vec<Op> = Op::ALL.iter().filter(takes_integers).filter(is_computed).copied().collect();
    assert!(ops.len() >= 10, "{ops:?}");
    for (i, a) in RANGES.iter().enumerate() {
        for (j, b) in RANGES.iter().enumerate().filter(|(j, _)| (i + j) % 3 != 1 || !cfg!(debug_assertions)) {
            let line = line(&[*a, *b], |builder, fields| {
                let mut pushed = |op: Op| builder.push(op, &fields[..op.row().params.len()], 0).ok();
                let mut answers: Vec<Option<Value>> = ops.iter().map(|op| pushed(*op)).collect();
                let condition = pushed(Op::Lt).expect("comparisons are total");
                answers.push(builder.push(Op::Select, &[condition, fields[0], fields[1]], 0).ok());
                answers.push(builder.push(Op::Select, &[condition, fields[1], fields[0]], 0).ok());
                answers
            });
            check_generated(&line, 37, i + j / 3, &format!("{a:?} and {b:?}"));
        }
    }
}

#[test]
fn division_by_constants_in_every_mode() {
    let divisors = [
        1,
        -1,
        2,
        3,
        -3,
        7,
        10,
        12,
        16,
        100,
        255,
        365,
        1000,
        10_000,
        -10_000,
        120_000,
        1 << 20,
        536_870_911,
        1 << 31,
        1 << 40,
        10i128.pow(12) + 7,
        i64::MAX as i128,
        1 << 64,
        10i128.pow(20),
        i128::MAX,
        i128::MIN + 1,
    ];
    for (i, range) in RANGES.iter().enumerate() {
        for (j, divisor) in
            divisors.into_iter().enumerate().filter(|(j, _)| (i + j) % 3 == 0 || !cfg!(debug_assertions))
        {
            let line = line(&[*range], |builder, fields| {
                let divisor = builder.constant(divisor);
                let args = [fields[0], divisor];
                let mut answers: Vec<Option<Value>> = Rounding::ALL
                    .iter()
                    .map(|mode| builder.push(Op::Divide, &args, *mode as i128).ok())
                    .collect();
                answers.push(builder.push(Op::Modulo, &args, 0).ok());
                answers
            });
            // the neighbours of ties and of multiples, from both ends of the range and around zero
            let mut source = Seed(9);
            let mut batch = Batch::generate(&line, 8, &mut source);
            let half = divisor / 2;
            let bases = [
                0,
                range.0,
                range.1,
                (range.1 / divisor).wrapping_mul(divisor),
                source.within(Interval::new(range.0, range.1)),
            ];
            for base in bases {
                for distance in [0, half, -half, divisor.wrapping_mul(3), half.wrapping_mul(3)] {
                    for near in -1..=1 {
                        let x = base.wrapping_add(distance).wrapping_add(near);
                        batch.rows.push((vec![x.clamp(range.0, range.1)], vec![true]));
                    }
                }
            }
            check(&line, &batch, &in_turn(j / 3 + i), &format!("{range:?} by {divisor}"));
        }
    }
}

#[test]
fn small_quotients_are_exact_for_every_dividend() {
    for divisor in [1, 2, 3, 5, 7, 9, 10, 12, 50, 84, 100, 127, -7, -10] {
        let line = line(&[(-300, 700)], |builder, fields| {
            let divisor = builder.constant(divisor);
            let args = [fields[0], divisor];
            let mut answers: Vec<Option<Value>> = Rounding::ALL
                .iter()
                .map(|mode| builder.push(Op::Divide, &args, *mode as i128).ok())
                .collect();
            answers.push(builder.push(Op::Modulo, &args, 0).ok());
            answers
        });
        let batch = Batch { rows: (-300..=700).map(|x| (vec![x], vec![true])).collect() };
        check(&line, &batch, &levels(), &format!("by {divisor}"));
    }
}

#[test]
fn division_by_variables_in_every_mode() {
    let divisors = [(1, 100), (-5, -1), (12, 60), (1, 1 << 40), (1, 1 << 100), (i128::MIN + 1, -1)];
    for (i, a) in RANGES.iter().enumerate() {
        for (j, b) in
            divisors.into_iter().enumerate().filter(|(j, _)| (i + j) % 2 == 0 || !cfg!(debug_assertions))
        {
            // lanes are divided one by one in long code: the modes take turns
            let modes = Rounding::ALL.iter().filter(|mode| (**mode as usize + i + j / 2).is_multiple_of(3));
            let line = line(&[*a, b], |builder, fields| {
                let mut answers: Vec<Option<Value>> =
                    modes.map(|mode| builder.push(Op::Divide, fields, *mode as i128).ok()).collect();
                answers.push(builder.push(Op::Modulo, fields, 0).ok());
                answers
            });
            check_generated(&line, 19, i, &format!("{a:?} by {b:?}"));
        }
    }
}

#[test]
fn tables_of_every_length_and_width() {
    let lengths = [0, 1, 2, 3, 15, 16, 17, 32, 33, 100, 128, 129, 192, 200, 256, 257, 1000];
    let mut source = Seed(5);
    for length in lengths {
        for entry in [(0, 1), (-100, 100), (0, 1000), (-5, 1_000_000), (0, 1 << 40), (0, 1 << 90)] {
            for index in [(0, length.max(1) as i128 - 1), (-20, 1200), (0, 1 << 40), (i128::MIN, i128::MAX)] {
                let entries: Vec<i128> =
                    (0..length).map(|_| source.within(Interval::new(entry.0, entry.1))).collect();
                let line = line(&[index], |builder, fields| {
                    let table = builder.table(entries).as_u32() as i128;
                    vec![builder.push(Op::Lookup, fields, table).ok()]
                });
                let near = (-2..length as i128 + 2).filter(|x| (index.0..=index.1).contains(x));
                let mut batch = Batch { rows: near.map(|x| (vec![x], vec![true])).collect() };
                batch.rows.extend(Batch::generate(&line, 5, &mut source).rows);
                check(
                    &line,
                    &batch,
                    &levels()[levels().len() - 1..],
                    &format!("{length} of {entry:?} at {index:?}"),
                );
            }
        }
    }
}

#[test]
fn buckets_of_every_number_and_width() {
    let mut source = Seed(6);
    for count in [0, 1, 2, 7, 8, 9, 30, 100, 200, 300] {
        for range in RANGES {
            let interval = Interval::new(range.0, range.1);
            let mut cuts: Vec<i128> = (0..count).map(|_| source.within(interval)).collect();
            cuts.sort_unstable();
            cuts.dedup();
            let line = line(&[*range], |builder, fields| {
                let table = builder.table(cuts.clone()).as_u32() as i128;
                vec![builder.push(Op::Bucket, fields, table).ok()]
            });
            let near =
                cuts.iter().flat_map(|cut| [cut.saturating_sub(1), *cut]).filter(|x| interval.contains(*x));
            let mut batch = Batch { rows: near.map(|x| (vec![x], vec![true])).collect() };
            batch.rows.extend(Batch::generate(&line, 5, &mut source).rows);
            check(&line, &batch, &levels(), &format!("{count} cuts within {range:?}"));
        }
    }
}

#[test]
fn divisions_of_products_are_reduced_without_a_difference() {
    let shares =
        [vec![2000, 3000, 4000], vec![0, -500, 2500, 10_000], vec![7, 14, 21], vec![3, 5], vec![0, 0, 6]];
    for (i, shares) in shares.into_iter().enumerate() {
        for divisor in [10_000, -10_000, 12] {
            for income in [(0, 1_000_000_000), (-1000, 1000)] {
                let line = line(&[income, (0, shares.len() as i128 - 1)], |builder, fields| {
                    let table = builder.table(shares.clone()).as_u32() as i128;
                    let share = builder.push(Op::Lookup, &[fields[1]], table).expect("lookups are total");
                    let other = builder.constant(shares[0]);
                    let positive = builder.constant(0);
                    let positive = builder.push(Op::Lt, &[positive, fields[0]], 0).expect("it is total");
                    let chosen = builder.push(Op::Select, &[positive, share, other], 0).expect("it is total");
                    let divisor = builder.constant(divisor);
                    let factors = [[share, fields[0]], [fields[0], chosen]];
                    let product = |b: &mut Builder, pair: &[Value]| b.push(Op::Mul, pair, 0).ok();
                    let products: Vec<Option<Value>> =
                        factors.iter().map(|pair| product(builder, pair)).collect();
                    let mut answers = Vec::new();
                    for product in products.into_iter().flatten() {
                        for mode in Rounding::ALL {
                            answers.push(builder.push(Op::Divide, &[product, divisor], mode as i128).ok());
                        }
                    }
                    answers
                });
                check_generated(&line, 200, i, &format!("{shares:?} by {divisor}"));
            }
        }
    }
}

#[test]
fn months_are_added_and_counted() {
    let day = |year, month, day| day_number(Civil { year, month, day }).expect("there is such a day") as i128;
    let days = (day(1000, 1, 1), day(9000, 12, 31));
    let answers = |builder: &mut Builder, fields: &[Value]| {
        let mut answers: Vec<Option<Value>> = MonthEnd::ALL
            .iter()
            .map(|end| builder.push(Op::AddMonths, &[fields[0], fields[1]], *end as i128).ok())
            .collect();
        answers.push(builder.push(Op::WholeMonths, &[fields[0], fields[2]], 0).ok());
        answers.push(builder.push(Op::WholeMonths, &[fields[0], fields[3]], 0).ok());
        answers
    };
    let whole = (date::DAY_MIN, date::DAY_MAX);
    let line = line(&[days, (-11_000, 11_000), whole, (-(1 << 80), 1 << 60)], answers);
    let mut batch = Batch::generate(&line, 2000, &mut Seed(11));
    for (year, month) in [(1999, 12), (2000, 1), (2000, 2), (2023, 2), (2024, 2), (2100, 2), (2024, 12)] {
        for offset in 26..35 {
            let start = day(year, month, 1) + offset;
            for months in [-13, -12, -1, 0, 1, 2, 11, 12, 13, 48] {
                let end = date::add_months(start, months, MonthEnd::Clip);
                let near =
                    [end - 1, end, end + 1].map(|other| (vec![start, months, other, other], vec![true; 4]));
                batch.rows.extend(near);
            }
        }
    }
    check(&line, &batch, &levels(), "months");
}
