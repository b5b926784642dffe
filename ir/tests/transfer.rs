//! Do the transfer functions hold every result, and no more where they are exact? And are rounding and dates what
//! their definitions say?

use opus_ir::date::{self, MonthEnd};
use opus_ir::ops::{self, Role, Row, TABLE};
use opus_ir::testing::{Seed, Source};
use opus_ir::{Class, Imm, Interval, Op, Operands, Ranges, Rounding, Unproved};

const TABLES: [&[i128]; 3] = [&[], &[-3, 0, 1], &[2, -1, 5, 5, 0]];

/// Every immediate and table that an op can be tried with.
fn variants(row: &Row) -> Vec<(i128, &'static [i128])> {
    match row.imm {
        Imm::Const => vec![(-7, &[]), (0, &[])],
        Imm::Rounding => (0..Rounding::ALL.len()).map(|mode| (mode as i128, &[] as &[i128])).collect(),
        Imm::MonthEnd => (0..MonthEnd::ALL.len()).map(|end| (end as i128, &[] as &[i128])).collect(),
        Imm::Table => {
            let fits = |table: &&&[i128]| row.op != Op::Bucket || table.is_sorted_by(|a, b| a < b);
            TABLES.iter().filter(fits).map(|table| (0, *table)).collect()
        }
        Imm::None | Imm::Field | Imm::Polarity => vec![(0, &[])],
    }
}

/// The ops whose result follows from operands and immediate.
fn computed() -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(|row| row.role == Role::Computed)
}

fn transfer(row: &Row, args: [Interval; 3], imm: i128, table: &[i128]) -> Result<Interval, Unproved> {
    (row.range)(&Ranges { args, imm, table, field: Interval::FULL, established: Interval::FULL })
}

fn evaluate(row: &Row, args: [i128; 3], imm: i128, table: &[i128]) -> i128 {
    (row.eval)(&Operands { args, imm, table, values: &[], present: &[] })
}

fn intervals(class: Option<&Class>) -> Vec<Interval> {
    let (lo, hi) = match class {
        None => (0, 0),
        Some(Class::Bool) => (0, 1),
        Some(Class::Int | Class::Any | Class::Small) => (-3, 3),
    };
    (lo..=hi).flat_map(|lo| (lo..=hi).map(move |hi| Interval::new(lo, hi))).collect()
}

/// All combinations of the operands' intervals.
fn boxes(row: &Row) -> Vec<[Interval; 3]> {
    let [a, b, c] = [0, 1, 2].map(|i| intervals(row.params.get(i).map(|(_, class)| class)));
    let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (*a, *b)));
    pairs.flat_map(|(a, b)| c.iter().map(move |c| [a, b, *c])).collect()
}

fn points(of: Interval) -> impl Iterator<Item = i128> + Clone {
    of.lo..=of.hi
}

/// Those whose transfer is not the smallest interval: the remainder of an interval.
fn is_exact(row: &Row) -> bool {
    row.op != Op::Modulo
}

#[test]
fn transfers_hold_all_results_and_are_exact_on_small_intervals() {
    for row in computed() {
        for (imm, table) in variants(row) {
            for args in boxes(row) {
                check_box(row, args, imm, table);
            }
        }
    }
}

fn check_box(row: &Row, args: [Interval; 3], imm: i128, table: &[i128]) {
    let context = || format!("{} {args:?} {imm} {table:?}", row.mnemonic);
    let Ok(range) = transfer(row, args, imm, table) else {
        let divides = matches!(row.op, Op::Divide | Op::Modulo);
        assert!(divides && args[1].contains(0), "{} is refused", context());
        return;
    };
    let pairs = points(args[0]).flat_map(|a| points(args[1]).map(move |b| (a, b)));
    let all = pairs.flat_map(|(a, b)| points(args[2]).map(move |c| evaluate(row, [a, b, c], imm, table)));
    let results = Interval::hull_of(all).expect("intervals are not empty");
    assert!(range.contains_all(results), "{} gives {results}, not within {range}", context());
    assert!(!is_exact(row) || range == results, "{} gives {results}, and {range} is wider", context());
}

fn any_interval(source: &mut Seed, class: Class) -> Interval {
    const WIDE: [Interval; 6] = [
        Interval::new(-10, 10),
        Interval::new(-400_000, 400_000),
        Interval::new(0, 1 << 40),
        Interval::new(i64::MIN as i128, i64::MAX as i128),
        Interval::new(i128::MIN, i128::MAX),
        Interval::new(-(1 << 90), 1 << 100),
    ];
    let wide = if class == Class::Bool { Interval::BOOL } else { WIDE[source.below(WIDE.len())] };
    let (a, b) = (source.within(wide), source.within(wide));
    Interval::new(a.min(b), a.max(b))
}

fn part_of(source: &mut Seed, of: Interval) -> Interval {
    let (a, b) = (source.within(of), source.within(of));
    Interval::new(a.min(b), a.max(b))
}

#[test]
fn transfers_hold_on_large_intervals_and_shrink_with_their_operands() {
    let source = &mut Seed(1);
    let mut proved = 0;
    for row in computed() {
        let variants = variants(row);
        for _ in 0..2000 {
            let (imm, table) = *source.pick(&variants).unwrap();
            let class = |i: usize| row.params.get(i).map(|(_, class)| *class);
            let args =
                [0, 1, 2].map(|i| class(i).map_or(Interval::point(0), |class| any_interval(source, class)));
            let Ok(range) = transfer(row, args, imm, table) else { continue };
            proved += 1;
            let point = args.map(|arg| source.within(arg));
            let result = evaluate(row, point, imm, table);
            assert!(
                range.contains(result),
                "{} {args:?} at {point:?} is {result}, not in {range}",
                row.mnemonic
            );
            // a pass may replace an operand by one of which more is known: what was proved stays proved
            let parts = args.map(|arg| part_of(source, arg));
            let part = transfer(row, parts, imm, table);
            let shrinks = part.is_ok_and(|part| range.contains_all(part));
            assert!(shrinks, "{} {args:?} gives {range}, but {parts:?} {part:?}", row.mnemonic);
        }
    }
    assert!(proved > 10_000, "only {proved} intervals were proved");
}

#[test]
fn every_op_is_total() {
    let extremes = [i128::MIN, i128::MIN + 1, -1, 0, 1, i128::MAX - 1, i128::MAX];
    for row in TABLE {
        for (imm, table) in variants(row).into_iter().chain([(i128::MIN, TABLES[1]), (i128::MAX, TABLES[1])])
        {
            for a in extremes {
                for b in extremes {
                    // an answer, whichever it is: nothing may panic
                    evaluate(row, [a, b, 1], imm, table);
                }
            }
        }
    }
    let zero = |op: Op| evaluate(op.row(), [7, 0, 0], 0, &[]);
    assert_eq!([Op::Divide, Op::Modulo].map(zero), [0, 0]);
    assert_eq!(ops::entry(&[], 3), 0);
    assert_eq!([-5, 0, 2, 9].map(|i| ops::entry(&[10, 11, 12], i)), [10, 10, 12, 12]);
}

#[test]
fn codes_and_mnemonics_name_ops() {
    for op in Op::ALL {
        assert_eq!(Op::from_code(*op as u8), Some(*op));
        assert_eq!(Op::from_mnemonic(op.row().mnemonic), Some(*op));
    }
    assert_eq!(Op::from_code(0), None);
}

/// Rounding by its definition: the neighbours of the quotient, and which of them is nearer.
fn rounded(mode: Rounding, a: i128, b: i128) -> i128 {
    let floor = a.div_euclid(b) - (b < 0 && a.rem_euclid(b) != 0) as i128;
    if floor * b == a {
        return floor;
    }
    let ceiling = floor + 1;
    let (towards, away) = if (a < 0) == (b < 0) { (floor, ceiling) } else { (ceiling, floor) };
    // how far above the floor and below the ceiling, in parts of the divisor
    let (above, below) = ((a - floor * b).abs(), (ceiling * b - a).abs());
    let nearest = |tie: i128| match above.cmp(&below) {
        std::cmp::Ordering::Less => floor,
        std::cmp::Ordering::Greater => ceiling,
        std::cmp::Ordering::Equal => tie,
    };
    match mode {
        Rounding::HalfEven => nearest(if floor % 2 == 0 { floor } else { ceiling }),
        Rounding::HalfUp => nearest(away),
        Rounding::HalfDown => nearest(towards),
        Rounding::Up => away,
        Rounding::Down => towards,
        Rounding::Floor => floor,
        Rounding::Ceiling => ceiling,
    }
}

#[test]
fn rounding_is_by_its_definition() {
    let source = &mut Seed(2);
    let small = (-60..=60).flat_map(|a| (-13..=13).map(move |b| (a, b)));
    let wide = Interval::new(-(1 << 120), 1 << 120);
    let large: Vec<(i128, i128)> =
        (0..20_000).map(|_| (source.within(wide), source.within(wide) >> 60)).collect();
    for (a, b) in small.chain(large).filter(|(_, b)| *b != 0) {
        for mode in Rounding::ALL {
            assert_eq!(mode.divide(a, b), rounded(mode, a, b), "{a} / {b} {}", mode.name());
        }
    }
}

#[test]
fn days_count_through_the_calendar() {
    let leap = |year: i32| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut day = date::DAY_MIN;
    for year in 1..=9999 {
        let february = if leap(year) { 29 } else { 28 };
        for (month, length) in (1..).zip([31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) {
            for of_month in 1..=length {
                let civil = date::Civil { year, month, day: of_month };
                assert_eq!(date::day_number(civil), Some(day as i32));
                assert_eq!(date::civil(day), civil);
                day += 1;
            }
            assert_eq!(date::day_number(date::Civil { year, month, day: length + 1 }), None);
        }
    }
    assert_eq!(day, date::DAY_MAX + 1);
}

fn jiff_date(day: i128) -> jiff::civil::Date {
    let date::Civil { year, month, day } = date::civil(day);
    jiff::civil::date(year as i16, month as i8, day as i8)
}

#[test]
fn months_agree_with_another_library() {
    let source = &mut Seed(3);
    let span = Interval::new(-200_000, 200_000);
    for _ in 0..20_000 {
        let (day, months) = (source.within(span), source.within(Interval::new(-2400, 2400)));
        let moved = jiff_date(day).checked_add(jiff::Span::new().months(months as i64)).unwrap();
        let ours = date::add_months(day, months, MonthEnd::Clip);
        assert_eq!(jiff_date(ours), moved, "{} and {months} months", date::civil(day));
        assert_eq!(date::parse(date::civil(day).to_string()), Some(day as i32));
        check_whole_months(day, source.within(span));
    }
}

/// So many months lie between the two that the day of the month has been reached that often.
fn check_whole_months(from: i128, to: i128) {
    let months = date::whole_months(from, to);
    assert_eq!(date::whole_months(to, from), -months);
    let (from, to) = (jiff_date(from.min(to)), jiff_date(from.max(to)));
    let first = |date: jiff::civil::Date| date.first_of_month();
    let between = first(from).until((jiff::Unit::Month, first(to))).unwrap().get_months();
    assert_eq!(months.abs(), between as i128 - (to.day() < from.day()) as i128, "{from} to {to}");
}

/// The days of 400 years, after which the calendar repeats, and the month counts in which it does not, both ways.
#[test]
fn months_added_to_days_are_bounded_exactly() {
    const CYCLE: i128 = 146_097;
    let source = &mut Seed(4);
    let first = date::parse("1904-02-29").unwrap() as i128;
    let months = (-14..=14).chain([24, 47, 48, 120, 744, 1199, 1200, 4799, 4800, -48, -744, -1201]);
    for end in MonthEnd::ALL {
        for months in months.clone() {
            let reached: Vec<i128> =
                (0..CYCLE + 800).map(|day| date::add_months(first + day, months, end)).collect();
            let results = |days: Interval| {
                let at = |day: i128| (day - first) as usize;
                Interval::hull_of(reached[at(days.lo)..=at(days.hi)].iter().copied()).unwrap()
            };
            let exact = |days: Interval, months: i128, months_max: i128| {
                let range = date::add_months_range(days, Interval::new(months, months_max), end);
                range.unwrap_or_else(|| panic!("{days} and {months}..{months_max} months are refused"))
            };
            // about a month, in which the order of days is lost, and longer; over all counts, from every day of the cycle
            for lo in (first + months.rem_euclid(7)..first + CYCLE).step_by(7) {
                let length = source.within(Interval::new(0, if lo % 8 == 0 { 800 } else { 40 }));
                let days = Interval::new(lo, lo + length);
                let range = exact(days, months, months);
                assert_eq!(range, results(days), "{days} and {months} months, {}", end.name());
            }
            // more months move every day further
            let more = months + source.within(Interval::new(0, 30));
            for _ in 0..4 {
                let days = part_of(source, Interval::new(first, first + CYCLE));
                let last = (days.lo..=days.hi).map(|day| date::add_months(day, more, end)).max().unwrap();
                let hull = Interval::new(results(days).lo, last);
                assert_eq!(exact(days, months, more), hull, "{days} and {months}..{more} months");
            }
            if end == MonthEnd::Clip || months % 12 == 0 {
                assert!(reached.is_sorted(), "{months} months, {}", end.name());
            }
        }
    }
}
