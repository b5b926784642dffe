//! Proofs of claims: what they may use is true, what shows nothing is refused, and a claim that is accepted holds.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use opus_ir::date::{self, Civil, MonthEnd};
use opus_ir::proof::{self, Monomial, Other, Poly, Relation, Side, Term};
use opus_ir::testing::{self, Became, Seed, Source};
use opus_ir::{Class, Func, Imm, Interval, Op, Operands, Ranges, Rounding, Value, interpret, text, verify};

#[test]
fn generated_proofs_show_what_they_say() {
    let (mut with, mut proofs, mut leaves) = (0, 0, 0);
    for seed in 0..500 {
        let func = testing::func(&mut Seed(seed));
        verify(func.clone()).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{func}"));
        with += usize::from(!func.proofs.is_empty());
        let all = || func.proofs.values().flat_map(proof::Proofs::iter);
        proofs += all().count();
        leaves += all().map(proof::Proof::leaves).sum::<usize>();
        assert_eq!(proof::decode(&proof::encode(&func.proofs)).as_ref(), Some(&func.proofs));
        assert_eq!(text::parse(&func.to_string()).as_ref(), Ok(&func), "{func}");
    }
    assert!(with > 250 && proofs > 1_000 && leaves > 2 * proofs, "{with} {proofs} {leaves}");
}

/// An op with operands, and what is known of them.
struct Applied {
    op: Op,
    imm: i128,
    table: &'static [i128],
    args: [i128; 3],
    ranges: [Interval; 3],
}

impl Applied {
    fn result(&self) -> i128 {
        let Applied { op, imm, table, args, .. } = *self;
        (op.row().eval)(&Operands { args, imm, table, values: &[], present: &[] })
    }

    /// What is known of the result; `None` where the op is not proved for such operands.
    fn derived(&self) -> Option<Interval> {
        let Applied { op, imm, table, ranges, .. } = *self;
        let (field, established) = (Interval::FULL, Interval::FULL);
        (op.row().range)(&Ranges { args: ranges, imm, table, field, established }).ok()
    }

    /// The terms of the result, of which `known` is known, and of the operands; those that are constant in the places of
    /// `constants`.
    fn terms(&self, known: Interval, constants: usize) -> [Term; 4] {
        std::array::from_fn(|i| match i {
            0 => Term { poly: Poly::of(Value::from_u32(0)), range: known },
            _ if constants >> i & 1 == 1 && self.ranges[i - 1].single().is_some() => {
                Term::constant(self.args[i - 1])
            }
            _ => Term { poly: Poly::of(Value::from_u32(i as u32)), range: self.ranges[i - 1] },
        })
    }

    /// The value of a polynomial of the terms.
    fn value(&self, poly: &Poly) -> BigInt {
        let of = |value: Value| match value.as_u32() {
            0 => BigInt::from(self.result()),
            i => BigInt::from(self.args[i as usize - 1]),
        };
        let term = |(monomial, times): (Monomial, i128)| monomial.atoms().map(of).product::<BigInt>() * times;
        poly.terms().map(term).sum()
    }

    fn holds(&self, Relation { poly, is_zero }: &Relation) -> bool {
        let value = self.value(poly);
        if *is_zero { value == BigInt::ZERO } else { value >= BigInt::ZERO }
    }
}

/// How near each fact comes to being an equation, by op, immediate, number and what its form depends on.
type Nearest = BTreeMap<(Op, i128, usize, [i8; 2]), BigInt>;

/// Checks what an op says of operands within ranges.
fn check(applied: &Applied, known: Interval, constants: usize, nearest: &mut Nearest) {
    let Applied { op, imm, table, ranges, .. } = applied;
    let terms = applied.terms(known, constants);
    let sign = |range: Interval| i8::from(range.lo >= 0) - i8::from(range.hi <= 0);
    let form = match op {
        Op::Divide => [sign(ranges[0]), i8::from(ranges[0].single() == Some(0))],
        Op::WholeMonths => [sign(known), i8::from(known.single() == Some(0))],
        Op::Lt | Op::Le => [known.single().map_or(2, |x| x as i8), 0],
        _ => [0, 0],
    };
    for (number, relation) in (op.row().says)(&terms, *imm, table).iter().enumerate() {
        assert!(
            applied.holds(relation),
            "{op:?} {imm} says {relation:?} of {:?} in {ranges:?}, which give {} in {known}",
            applied.args,
            applied.result()
        );
        let value = applied.value(&relation.poly);
        let least = nearest.entry((*op, *imm, number, form)).or_insert_with(|| value.clone());
        *least = value.min(least.clone());
    }
    let cases = (op.row().cases)(&terms, *imm, table);
    let applies = cases.iter().any(|case| case.iter().all(|relation| applied.holds(relation)));
    assert!(
        cases.is_empty() || applies,
        "{op:?}: no case of {cases:?} applies to {:?} in {ranges:?}, which give {}",
        applied.args,
        applied.result()
    );
}

const TABLES: [&[i128]; 4] = [&[-2, 0, 5], &[7], &[], &[i128::MIN, i128::MAX]];

/// Every immediate of an op, with the table that it names.
fn immediates(op: Op) -> Vec<(i128, &'static [i128])> {
    match op.row().imm {
        Imm::Rounding => (0..Rounding::ALL.len() as i128).map(|imm| (imm, &[][..])).collect(),
        Imm::MonthEnd => (0..MonthEnd::ALL.len() as i128).map(|imm| (imm, &[][..])).collect(),
        Imm::Table => TABLES.map(|table| (0, table)).to_vec(),
        _ => vec![(0, &[][..])],
    }
}

fn computed() -> impl Iterator<Item = Op> {
    Op::ALL.iter().copied().filter(|op| !op.row().params.is_empty() && !op.is_claim())
}

/// An interval around a number: the number alone, or with what is near on one side or on both.
fn around(x: i128, seed: &mut Seed, all: Interval) -> Interval {
    let mut near = || [0, 0, 1, 6][seed.below(4)];
    Interval::new(x.saturating_sub(near()), x.saturating_add(near())).intersect(all).expect("it holds x")
}

/// Checks all facts of an op on operands, in ranges around them.
fn check_around(op: Op, args: [i128; 3], seed: &mut Seed, nearest: &mut Nearest) {
    let params = op.row().params;
    let is_bool: Vec<bool> = params.iter().map(|(_, class)| *class == Class::Bool).collect();
    for (imm, table) in immediates(op) {
        for _ in 0..3 {
            let ranges = std::array::from_fn(|i| match is_bool.get(i) {
                Some(true) => around(args[i], seed, Interval::BOOL),
                Some(false) => around(args[i], seed, Interval::FULL),
                None => Interval::point(0),
            });
            let applied = Applied { op, imm, table, args, ranges };
            let Some(derived) = applied.derived() else { continue };
            let constants = seed.below(16);
            check(&applied, derived, constants, nearest);
            let narrowed = around(applied.result(), seed, derived);
            check(&applied, narrowed, constants, nearest);
        }
    }
}

fn is_truth(op: Op, place: usize) -> bool {
    op.row().params.get(place).is_some_and(|(_, class)| *class == Class::Bool)
}

#[test]
fn what_ops_say_is_true_and_as_strong_as_it_can_be() {
    let mut nearest = Nearest::new();
    let seed = &mut Seed(1);
    for op in computed() {
        if matches!(op, Op::AddMonths | Op::WholeMonths) {
            continue;
        }
        let operands = |place: usize| match (op.row().params.len() > place, is_truth(op, place)) {
            (false, _) => 0..=0,
            (_, true) => 0..=1,
            (_, false) => -9..=9,
        };
        for a in operands(0) {
            for b in operands(1) {
                for c in operands(2) {
                    check_around(op, [a, b, c], seed, &mut nearest);
                }
            }
        }
    }
    // days and their moves, among them 61 days that are one whole month
    let day = |text: &str| i128::from(date::parse(text).unwrap());
    let days = day("2023-01-01")..day("2023-10-02");
    for from in days.clone().step_by(if cfg!(debug_assertions) { 3 } else { 1 }) {
        for to in days.clone() {
            check_around(Op::WholeMonths, [from, to, 0], seed, &mut nearest);
        }
        for months in -3..=3 {
            check_around(Op::AddMonths, [from, months, 0], seed, &mut nearest);
        }
    }
    for ((op, imm, number, form), least) in &nearest {
        // those slopes are for the whole calendar: the test below
        let is_slope = match op {
            Op::WholeMonths => *number < 2,
            Op::AddMonths => true,
            _ => false,
        };
        // the quotient of 0 is exact, which these forms do not say
        let is_zero = *op == Op::Divide && form[1] == 1;
        let as_strong = *least == BigInt::ZERO || is_slope || is_zero;
        assert!(as_strong, "fact {number} of {op:?} {imm} could be stronger by {least}, form {form:?}");
    }
    assert!(nearest.len() > 80, "{} facts were met", nearest.len());
}

/// Checks what an op says of two results together, where the first operand of one is at most that of the other.
fn check_pairs(op: Op, [x, y]: [i128; 2], [b, c]: [i128; 2], seed: &mut Seed) -> usize {
    let other_op = if op == Op::Modulo { Op::Divide } else { op };
    let mut said = 0;
    for (imm, table) in immediates(op) {
        let mut applied = [x, y].map(|a| {
            let args = [a, b, c];
            Applied { op, imm, table, args, ranges: args.map(|arg| around(arg, seed, Interval::FULL)) }
        });
        if op == Op::Modulo {
            let args = applied[0].args;
            applied[1] = Applied { op: other_op, args, imm: Rounding::Floor as i128, ..applied[1] };
        }
        if applied.iter().any(|applied| applied.derived().is_none()) {
            continue;
        }
        let [first, second] = applied.each_ref().map(|applied| applied.terms(Interval::FULL, 0));
        // the two results and the two first operands are values of their own, the other operands are the same
        let [of_first, first_operand] = [10, 11].map(|number| Poly::of(Value::from_u32(number)));
        let mut terms = first.clone();
        terms[0].poly = of_first;
        if op != Op::Modulo {
            terms[1].poly = first_operand;
        }
        let other = Other { op: other_op, imm: applied[1].imm, terms: second, is_alike: op != Op::Modulo };
        let Some(Relation { poly, is_zero }) = (op.row().pairs)(&terms, imm, table, &other) else { continue };
        let of = |value: Value| match value.as_u32() {
            10 => BigInt::from(applied[0].result()),
            11 => BigInt::from(x),
            0 => BigInt::from(applied[1].result()),
            number => BigInt::from(applied[1].args[number as usize - 1]),
        };
        let term = |(monomial, times): (Monomial, i128)| monomial.atoms().map(of).product::<BigInt>() * times;
        let value: BigInt = poly.terms().map(term).sum();
        let holds = if is_zero { value == BigInt::ZERO } else { value >= BigInt::ZERO };
        assert!(holds, "{op:?} {imm} says {poly:?} of {x} and {y}, with {b} and {c}");
        said += 1;
    }
    said
}

#[test]
fn what_pairs_of_values_say_is_true() {
    let seed = &mut Seed(4);
    let mut said = BTreeMap::new();
    for op in computed().filter(|op| !is_truth(*op, 0)) {
        for _ in 0..if cfg!(debug_assertions) { 4_000 } else { 40_000 } {
            let wide = |seed: &mut Seed| seed.within(Interval::FULL) >> seed.below(128);
            let day = |seed: &mut Seed| seed.within(Interval::new(date::DAY_MIN, date::DAY_MAX));
            let (x, b) = match op {
                Op::AddMonths => (day(seed), seed.within(Interval::new(-99, 99))),
                _ => (wide(seed), wide(seed)),
            };
            let more = if seed.one_in(2) { seed.below(70) as i128 } else { seed.below(1 << 30) as i128 };
            let args = [x, x.saturating_add(more)];
            *said.entry(op).or_insert(0) += check_pairs(op, args, [b, 0], seed);
        }
    }
    said.retain(|_, count| *count > 0);
    let ops: Vec<Op> = said.keys().copied().collect();
    assert_eq!(ops, [Op::Divide, Op::Modulo, Op::Bucket, Op::Lookup, Op::AddMonths], "{said:?}");
}

#[test]
fn what_ops_say_is_true_of_large_numbers() {
    let seed = &mut Seed(2);
    let mut nearest = Nearest::new();
    for op in computed() {
        for _ in 0..4_000 {
            let args = std::array::from_fn(|place| {
                let all = if is_truth(op, place) { Interval::BOOL } else { Interval::FULL };
                let wide = seed.within(all);
                if is_truth(op, place) { wide } else { wide >> seed.below(128) }
            });
            check_around(op, args, seed, &mut nearest);
        }
    }
    assert!(!nearest.is_empty());
}

/// The first day and the length of every month of a cycle of 400 years.
fn months_of_a_cycle() -> Vec<(i128, i128)> {
    let first = |month: i32| {
        let date = Civil { year: 1600 + month / 12, month: (month % 12) as u32 + 1, day: 1 };
        i128::from(date::day_number(date).unwrap())
    };
    (0..4800).map(|month| (first(month), first(month + 1) - first(month))).collect()
}

/// The slopes of the calendar are exact: all pairs of months of a cycle, with the days at which they are extreme.
#[test]
fn slopes_are_those_of_a_whole_cycle() {
    let months = months_of_a_cycle();
    // how far the first day of a month is from where it would be if all months were alike
    let off: Vec<(i128, i128)> = months
        .iter()
        .enumerate()
        .map(|(month, (first, length))| (4800 * (first - months[0].0) - 146_097 * month as i128, *length))
        .collect();
    let mut moved = Interval::point(0);
    let mut between = Interval::point(0);
    for (from, from_length) in &off {
        for (to, to_length) in &off {
            let slope = to - from;
            let clipped = (from_length - to_length).max(0);
            moved = moved.hull(Interval::new(slope - 4800 * clipped, slope));
            // to the same day of the month or a later one, and to an earlier one, which is a month less
            let reached = Interval::new(-slope - 4800 * (to_length - 1), -slope);
            let short = Interval::new(-slope - 146_097 + 4800, -slope - 146_097 + 4800 * (from_length - 1));
            let either = reached.hull(short);
            between = between.hull(either).hull(Interval::new(-either.hi, -either.lo));
        }
    }
    assert_eq!(moved, date::SLOPE_MOVED);
    assert_eq!(between, date::SLOPE_BETWEEN);
}

/// By how many days a number of months moves a day: all days of a cycle at which it could be extreme.
#[test]
fn days_are_moved_as_in_a_whole_cycle() {
    let cycle = months_of_a_cycle();
    for end in MonthEnd::ALL {
        for months in (-13..=13).chain([-4801, -2400, -100, 48, 49, 1199, 4799, 4800]) {
            let days = cycle.iter().flat_map(|(first, length)| [*first, first + 27, first + length - 1]);
            let moved = days.map(|day| Interval::point(date::add_months(day, months, end) - day));
            let expected = moved.reduce(Interval::hull).unwrap();
            assert_eq!(date::days_moved(months, end), expected, "{months} {end:?}");
        }
    }
}

/// Days of the whole calendar, with ranges as wide as a policy's.
#[test]
fn what_is_said_of_days_is_true_in_the_whole_calendar() {
    let seed = &mut Seed(3);
    let mut met = 0;
    let calendar = Interval::new(date::DAY_MIN, date::DAY_MAX);
    for _ in 0..60_000 {
        let op = [Op::AddMonths, Op::WholeMonths][seed.below(2)];
        let near = seed.within(calendar);
        let other = match op {
            Op::AddMonths if seed.one_in(2) => seed.within(Interval::new(-30, 30)),
            Op::AddMonths => seed.within(Interval::new(-date::MONTHS_MAX, date::MONTHS_MAX)),
            _ if seed.one_in(2) => {
                (near + seed.within(Interval::new(-70, 70))).clamp(calendar.lo, calendar.hi)
            }
            _ => seed.within(calendar),
        };
        let args = [near, other, 0];
        let wide = |x: i128, seed: &mut Seed| {
            let by = 1i128 << seed.below(16);
            Interval::new((x - by).max(calendar.lo), (x + by).min(calendar.hi))
        };
        let months =
            |x: i128, seed: &mut Seed| around(x, seed, Interval::new(-date::MONTHS_MAX, date::MONTHS_MAX));
        let second = if op == Op::AddMonths { months(other, seed) } else { wide(other, seed) };
        let ranges = [wide(near, seed), second, Interval::point(0)];
        for (imm, table) in immediates(op) {
            let applied = Applied { op, imm, table, args, ranges };
            let Some(derived) = applied.derived() else { continue };
            let known = if seed.one_in(2) { derived } else { around(applied.result(), seed, derived) };
            check(&applied, known, seed.below(16), &mut Nearest::new());
            met += 1;
        }
    }
    assert!(met > 40_000, "{met} were proved");
}

/// A function with a proof that shows nothing, why it is refused, and which condition refuses it. If that is left out,
/// a row shows that the claim was wrong.
struct Hostile {
    side: Side,
    says: &'static str,
    text: &'static str,
    row: [i128; 2],
}

/// Two numbers from 0 to 9, their difference, and what is claimed.
const HOSTILE: &[Hostile] = &[
    Hostile {
        side: Side::Identity,
        says: "the two sides of a sum differ",
        text: "v2: i64 [-9, 9] = sub v0, v1
               v3: i64 [0, 9] = bound v2
               decide 0(v3)
               proof v3 low
               leaf 1 g + 0 = 1 v0.low + -1 v2.op.0",
        row: [0, 1],
    },
    Hostile {
        side: Side::Multiplier,
        says: "could be less than 1",
        text: "v2: i64 [1, 9] = bound v0
               decide 0(v2)
               proof v2 low
               cases v0 at 0
               leaf v0 * (1 g + 0) = 1 (1 v0)^2 + 1 v0.high
               leaf 1 g + 0 = 1 v0.low",
        row: [0, 0],
    },
    Hostile {
        side: Side::Multiple,
        says: "could be less than 1",
        text: "v2: i64 [10, 10] = bound v0
               decide 0(v2)
               proof v2 low
               leaf -1 g + 0 = 1 v0.high + 1",
        row: [3, 0],
    },
    Hostile {
        side: Side::Remainder,
        says: "no more than what is left over",
        text: "v2: i64 [1, 9] = bound v0
               decide 0(v2)
               proof v2 low
               leaf 1 g + 1 = 1 v0.low",
        row: [0, 0],
    },
    Hostile {
        side: Side::Sign,
        says: "it multiplies something in a way that shows nothing",
        text: "v2: i64 [-9, 9] = sub v0, v1
               v3: i64 [0, 9] = bound v2
               decide 0(v3)
               proof v3 low
               leaf 1 g + 0 = 1 v0.low + -1 v1.low + -1 v2.op.0",
        row: [0, 1],
    },
    Hostile {
        side: Side::Equation,
        says: "it multiplies something in a way that shows nothing",
        text: "v2: i64 [-9, 9] = sub v0, v1
               v3: i64 [-81, 81] = mul v0, v2
               v4: i64 [0, 81] = bound v3
               decide 0(v4)
               proof v4 low
               leaf 1 g + 0 = 1 v0.low * v2 + -1 v3.op.0",
        row: [1, 2],
    },
    Hostile {
        side: Side::Usable,
        says: "it names v4, which is not defined on every path to here",
        text: "v2: i64 [5, 5] = constant 5
               v3: bool [0, 1] = le v0, v2
               branch v3, block1, block2
               block1:
               v4: i64 [0, 5] = refine v0, v3, holds
               jump block3
               block2:
               jump block3
               block3:
               v5: i64 [0, 5] = bound v0
               decide 0(v5)
               proof v5 high
               leaf 1 g + 0 = 1 v4.high",
        row: [9, 0],
    },
    Hostile {
        side: Side::Passed,
        says: "not every row to here has passed a branch on v3",
        text: "v2: i64 [5, 5] = constant 5
               v3: bool [0, 1] = le v0, v2
               branch v3, block1, block2
               block1:
               jump block3
               block2:
               jump block3
               block3:
               v4: i64 [0, 5] = bound v0
               decide 0(v4)
               proof v4 high
               known v3 holds
               leaf 1 g + 0 = 1 v3.op.0",
        row: [9, 0],
    },
    Hostile {
        side: Side::EveryCase,
        says: "it has another number of nodes than it says",
        text: "v2: i64 [0, 4] = bound v0
               decide 0(v2)
               proof v2 high
               cases v0 at 4
               leaf 1 g + 0 = 1 v0.high",
        row: [9, 0],
    },
    Hostile {
        side: Side::Scope,
        says: "the two sides of a sum differ",
        text: "v2: i64 [0, 4] = bound v0
               decide 0(v2)
               proof v2 high
               cases v0 at 4
               leaf 1 g + 0 = 1 v0.high
               leaf 1 g + 0 = 1 above.0",
        row: [9, 0],
    },
    Hostile {
        side: Side::OwnClaim,
        says: "it names v2, which is not defined on every path to here",
        text: "v2: i64 [0, 4] = bound v0
               decide 0(v2)
               proof v2 high
               leaf 1 g + 0 = 1 v2.high",
        row: [9, 0],
    },
    Hostile {
        side: Side::OwnClaim,
        says: "the two sides of a sum differ",
        text: "v2: i64 [0, 9] = sub v0, v1
               decide 0(v2)
               proof v2 low
               leaf 1 g + 0 = 1 v2.low",
        row: [0, 1],
    },
    Hostile {
        side: Side::Divisor,
        says: "it names a fact that is not known here",
        text: "v2: i64 [-10, -10] = constant -10
               v3: i64 [-10, -1] = add v0, v2
               v4: i64 [-9, 0] = divide v1, v3, floor
               v5: i64 [9, 9] = bound v0
               decide 0(v5)
               proof v5 low
               leaf -1 = 1 v4.op.0 + 1 v4.op.1 + 1 v3.high + 1",
        row: [0, 0],
    },
    Hostile {
        side: Side::Divisor,
        says: "it names a fact that is not known here",
        text: "v2: i64 [-10, -10] = constant -10
               v3: i64 [-10, -1] = add v0, v2
               v4: i64 [-9, 0] = modulo v1, v3
               v5: i64 [0, 0] = bound v4
               decide 0(v5)
               proof v5 low
               leaf 1 g + 0 = 1 v4.op.0",
        row: [0, 1],
    },
    Hostile {
        side: Side::Answer,
        says: "it names a fact that is not known here",
        text: "v2: bool [0, 1] = le v1, v0
               v3: i64 [-9, 9] = sub v0, v1
               v4: i64 [0, 9] = bound v3
               decide 0(v4)
               proof v4 low
               leaf 1 g + 0 = 1 v2.op.0 + -1 v3.op.0",
        row: [0, 1],
    },
    Hostile {
        side: Side::Order,
        says: "it names a fact that is not known here",
        text: "v2: i64 [2, 2] = constant 2
               v3: i64 [0, 4] = divide v0, v2, floor
               v4: i64 [0, 4] = divide v1, v2, floor
               v5: i64 [-4, 4] = sub v4, v3
               v6: i64 [0, 4] = bound v5
               decide 0(v6)
               proof v6 low
               pair v3 v4
               leaf 1 g + 0 = 1 above.0 + -1 v5.op.0",
        row: [9, 0],
    },
    Hostile {
        side: Side::Alike,
        says: "it names a fact that is not known here",
        text: "v2: i64 [2, 2] = constant 2
               v3: i64 [3, 3] = constant 3
               v4: i64 [0, 4] = divide v0, v2, floor
               v5: i64 [0, 3] = divide v0, v3, floor
               v6: i64 [-4, 3] = sub v5, v4
               v7: i64 [0, 3] = bound v6
               decide 0(v7)
               proof v7 low
               pair v4 v5
               leaf 1 g + 0 = 1 above.0 + -1 v6.op.0",
        row: [9, 0],
    },
    Hostile {
        side: Side::Alike,
        says: "it names a fact that is not known here",
        text: "v2: i64 [2, 2] = constant 2
               v3: i64 [0, 1] = modulo v0, v2
               v4: i64 [0, 4] = divide v1, v2, floor
               v5: i64 [0, 9] = bound v0
               v6: i64 [-1, 9] = sub v0, v3
               v7: i64 [0, 8] = mul v4, v2
               v8: i64 [-9, 9] = sub v6, v7
               v9: i64 [0, 9] = bound v8
               decide 0(v9)
               proof v9 low
               pair v3 v4
               leaf 1 g + 0 = 1 above.0 + -1 v6.op.0 + 1 v7.op.0 + -1 v8.op.0",
        row: [0, 9],
    },
    Hostile {
        side: Side::Rises,
        says: "it names a fact that is not known here",
        text: "v2: i64 [0, 9] = min v0, v1
               v3: i64 [0, 5] = lookup v0, table0
               v4: i64 [0, 5] = lookup v2, table0
               v5: i64 [-5, 5] = sub v3, v4
               v6: i64 [0, 5] = bound v5
               decide 0(v6)
               proof v6 low
               have 1 v0 + -1 v2 >= 0
               leaf 1 g + 0 = 1 v2.op.0
               pair v4 v3
               leaf 1 g + 0 = 1 above.1 + -1 v5.op.0",
        row: [9, 0],
    },
];

/// A function over two numbers from 0 to 9, from its lines after those that read them.
fn over_two_numbers(text: &str) -> Func {
    let start = "field0: int [0, 9]\nfield1: int [0, 9]\nresult0: [-99, 99]\ntable0: [5, 0]\nblock0:
        v0: i64 [0, 9] = field field0\nv1: i64 [0, 9] = field field1\n";
    text::parse(&format!("{start}{text}\n")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Why a function over two numbers is refused.
fn refused(text: &str) -> String {
    match verify(over_two_numbers(text)) {
        Ok(_) => panic!("it was accepted:\n{text}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn each_condition_of_the_check_is_needed() {
    for Hostile { side, says, text, row } in HOSTILE {
        let error = refused(text);
        assert!(
            error.contains("its proof does not show more: ") && error.contains(says),
            "{side:?}: {error}"
        );
        // without the condition it is accepted, and the claim is wrong
        let accepted = proof::without(*side, || verify(over_two_numbers(text)));
        let accepted = accepted.unwrap_or_else(|error| panic!("{side:?}: {error}\n{text}"));
        let broken = testing::broken_claim(&accepted, &(row.to_vec(), vec![true; 2]));
        assert!(broken.is_some(), "{side:?}: no claim is broken:\n{text}");
    }
    let met: std::collections::BTreeSet<Side> = HOSTILE.iter().map(|hostile| hostile.side).collect();
    assert_eq!(met.len(), Side::ALL.len(), "{met:?}");
}

/// A claim about the first number with this proof of its end `high`.
fn at_most_four(proof: &str) -> String {
    refused(&format!("v2: i64 [0, 4] = bound v0\ndecide 0(v2)\nproof v2 high\n{proof}"))
}

#[test]
fn each_gap_has_its_own_message() {
    let claimed = "v2: it claims [0, 4], but `bound` gives [0, 9]";
    let cases: &[(&str, &str)] = &[
        ("", "it has another number of nodes than it says"),
        ("derive v0", "it names a fact that is not known here"),
        ("have 1 v0 >= 0\nleaf 1 g + 0 = 1 v0.low", "it has another number of nodes than it says"),
        (
            "have 1 v0 >= 0\nleaf 1 g + 0 = 1 v0.low\nleaf 1 g + 0 = 1 above.0",
            "the two sides of a sum differ",
        ),
        ("have 1 v0 v0 >= 0\nleaf 1 g + 0 = 1 v0.low", "it multiplies something in a way that shows nothing"),
        (
            "have 1 v9 >= 0\nleaf 1 g + 0 = 1 v0.low",
            "it names v9, which is not defined on every path to here",
        ),
        // a polynomial is about atoms, which a bound is not
        (
            "have 1 v2 >= 0\nleaf 1 g + 0 = 1 v0.low",
            "it names v2, which is not defined on every path to here",
        ),
        ("leaf 1 g + 0 = 1 (1 v0 + 1 v8)^2", "it names v8, which is not defined on every path to here"),
        ("leaf v7 * (1 g + 0) = 1 v0.high", "it names v7, which is not defined on every path to here"),
        ("leaf 1 g + 0 = 1 v0.op.0", "it names a fact that is not known here"),
        ("leaf 1 g + 0 = 1 above.0", "it names a fact that is not known here"),
        ("leaf 1 g + 0 = 1 v0.high * v1", "it multiplies something in a way that shows nothing"),
        ("leaf 1 g + 0 = 1 (1 v0 v0)^2", "it multiplies something in a way that shows nothing"),
        ("leaf 1 g + 0 = -1 (1 v0)^2", "it multiplies something in a way that shows nothing"),
        ("leaf 1 g + 0 = -1 v0.high * v0.low", "it multiplies something in a way that shows nothing"),
        ("leaf 1 g + 0 = -1", "it multiplies something in a way that shows nothing"),
        ("leaf 1 g + -1 = 1 v0.high", "no more than what is left over"),
        ("leaf 0 g + 0 =", "the two sides of a sum differ"),
        ("leaf -1 = 1 v0.high", "the two sides of a sum differ"),
        ("pair v0 v1", "it names a fact that is not known here"),
        ("pair v0 v9", "it names v9, which is not defined on every path to here"),
        ("cases v0", "its cases are not complete"),
        ("cases v0 at 4\nleaf 1 g + 0 = 1 v0.high", "it has another number of nodes than it says"),
        ("leaf 1 g + 0 = 1 v0.high\nleaf 1 g + 0 = 1 v0.high", "the two sides of a sum differ"),
        ("known v0 holds\nleaf 1 g + 0 = 1 v0.high", "not every row to here has passed a branch on v0"),
    ];
    for (proof, says) in cases {
        let error = at_most_four(proof);
        assert!(error.starts_with(claimed) && error.contains(says), "{proof}: {error}");
    }
    // no proof, or only one of the other end
    let start = "v2: i64 [0, 4] = bound v0\ndecide 0(v2)\n";
    for proof in ["", "proof v2 low\nleaf 1 g + 0 = 1 v0.low"] {
        assert_eq!(refused(&format!("{start}{proof}")), claimed);
    }
    let nowhere = refused("decide 0(v0)\nproof v9 low\nleaf 1 g + 0 =");
    assert_eq!(nowhere, "the function: there is a proof about v9, which does not exist");
    // what goes on after its end
    let text =
        "v2: i64 [0, 9] = bound v0\nv3: i64 [0, 8] = bound v2\ndecide 0(v3)\nproof v3 high\ncases v0 at 8
        leaf 1 g + 0 = 1 v0.high\nleaf -1 = 1 v0.low + 1 v0.high";
    assert!(refused(text).contains("the two sides of a sum differ"));
}

#[test]
fn what_comes_after_the_end_of_a_proof_is_refused() {
    let whole = "v2: i64 [-9, 9] = sub v0, v0\nv3: i64 [0, 9] = bound v2\ndecide 0(v3)\nproof v3 low
        leaf 1 g + 0 = -1 v2.op.0";
    verify(over_two_numbers(whole)).unwrap();
    for more in ["leaf 1 g + 0 = -1 v2.op.0", "derive v2", "known v0 holds"] {
        let error = refused(&format!("{whole}\n{more}"));
        assert!(error.contains("it has another number of nodes than it says"), "{error}");
    }
}

#[test]
fn branches_that_no_row_has_passed_are_refused() {
    let start =
        "v2: i64 [5, 5] = constant 5\nv3: bool [0, 1] = le v0, v2\nbranch v3, block1, block2\nblock1:\n";
    let end = "\ndecide 0(v4)\nblock2:\nv5: i64 [0, 9] = bound v0\ndecide 0(v5)\n";
    let proof = |holds: &str| format!("proof v4 high\nknown v3 {holds}\nleaf 1 g + 0 = 1 v3.op.0");
    let text = |proof: String| format!("{start}v4: i64 [0, 5] = bound v0{end}{proof}");
    verify(over_two_numbers(&text(proof("holds")))).unwrap();
    assert!(refused(&text(proof("failed"))).contains("not every row to here has passed a branch on v3"));
    // the same in the other block
    let other = text("proof v5 high\nknown v3 holds\nleaf 1 g + 0 = 1 v3.op.0".into())
        .replace("v5: i64 [0, 9]", "v5: i64 [0, 5]");
    let other = other.replace("v4: i64 [0, 5]", "v4: i64 [0, 9]");
    assert!(refused(&other).contains("not every row to here has passed a branch on v3"));
}

#[test]
fn proofs_that_are_too_large_are_refused() {
    let says = "the proofs of this function are too large";
    let leaf = "leaf 1 g + 0 = 1 v0.high\n";
    let deep = |count: usize| at_most_four(&format!("{}{leaf}", "cases v0 at 4\n".repeat(count)));
    assert!(deep(proof::NODES_DEEP_MAX).contains(says));
    assert!(!deep(proof::NODES_DEEP_MAX - 1).contains(says));
    let terms = |count: usize| {
        let more = " + 1 v1.low".repeat(count - 1);
        at_most_four(&format!("leaf 1 g + 0 = 1 v0.high{more}"))
    };
    assert!(terms(proof::TERMS_MAX + 1).contains(says));
    assert!(terms(proof::TERMS_MAX).contains("the two sides of a sum differ"));
    // a complete tree: twice as many nodes with each level
    fn tree(depth: u32, into: &mut String) {
        match depth {
            0 => into.push_str("leaf 1 g + 0 = -1 v2.op.0\n"),
            _ => {
                into.push_str("cases v0 at 4\n");
                (0..2).for_each(|_| tree(depth - 1, into));
            }
        }
    }
    for (depth, fits) in [(15, true), (16, false)] {
        let mut text = String::from(
            "v2: i64 [-9, 9] = sub v0, v0\nv3: i64 [0, 9] = bound v2\ndecide 0(v3)\nproof v3 low\n",
        );
        tree(depth, &mut text);
        let func = over_two_numbers(&text);
        assert_eq!(verify(func.clone()).is_ok(), fits, "{depth}");
        // reading an artifact has the same limit
        assert_eq!(proof::decode(&proof::encode(&func.proofs)).is_some(), fits, "{depth}");
    }
}

/// What grows with the function rather than with the proof has a limit too, and nothing recurses into conditions.
#[test]
fn proofs_cannot_keep_a_loader_busy() {
    use opus_ir::func::FieldRange;
    use opus_ir::proof::{Fact, Factor, Leaf, Node, Proof, Proofs, Split};
    let begun = std::time::Instant::now();
    let number = |range| FieldRange { is_bool: false, optional: false, range };
    let flag = FieldRange { is_bool: true, optional: false, range: Interval::BOOL };
    // `x - x` is at most 0, by the same sum in each of many cases; `more` are facts that together say `spare >= 0`
    let check = |mut builder: opus_ir::Builder, x: Value, split: Value, more: &[Fact], spare: i128| {
        let difference = builder.push(Op::Sub, &[x, x], 0).unwrap();
        let times = (proof::TERMS_MAX - 2) / more.len().max(1);
        let (d, e) = (spare * times as i128 + 1, spare * times as i128);
        let mut terms = vec![(d, Factor::Fact(Fact::Op(difference, 0)))];
        terms.extend((0..times).flat_map(|_| more.iter().map(|fact| (1, Factor::Fact(*fact)))));
        let leaf = Node::Leaf(Leaf { m: None, d, e, terms });
        let mut nodes: Vec<Node> =
            (0..20).flat_map(|_| [Node::Cases(Split::At(split, 0)), leaf.clone()]).collect();
        nodes.push(leaf);
        let claim = Interval { hi: 0, ..builder.range(difference) };
        builder.bound(difference, claim, Proofs { low: None, high: Some(Proof { nodes }) });
        builder.end(opus_ir::End::Decide { rule: 0, outputs: vec![] });
        verify(builder.finish()).map(drop).map_err(|error| error.to_string())
    };
    let builder = |fields| opus_ir::Builder::new(fields, vec![]);

    // a condition of many parts, each within the one before
    let mut ands = builder(vec![number(Interval::new(0, 9)), flag]);
    let x = ands.push(Op::Field, &[], 0).unwrap();
    let first = ands.push(Op::Field, &[], 1).unwrap();
    let mut all = first;
    for _ in 0..100_000 {
        all = ands.push(Op::And, &[all, first], 0).unwrap();
    }
    assert_eq!(check(ands, x, all, &[], 0), Ok(()));

    // a table that is read as a whole for each fact
    let mut table = builder(vec![number(Interval::new(0, 9))]);
    let x = table.push(Op::Field, &[], 0).unwrap();
    let cuts = table.table((0..1 << 20).collect()).as_u32();
    let bucket = table.push(Op::Bucket, &[x], cuts.into()).unwrap();
    let error = check(table, x, x, &[Fact::Op(bucket, 0), Fact::Op(bucket, 1)], 9).unwrap_err();
    assert!(error.contains("the proofs of this function are too large"), "{error}");

    // a cycle of months for each fact
    let mut days = builder(vec![number(Interval::new(0, 99))]);
    let x = days.push(Op::Field, &[], 0).unwrap();
    let months = days.constant(7);
    let later = days.push(Op::AddMonths, &[x, months], 0).unwrap();
    let moved = date::days_moved(7, MonthEnd::Clip);
    let facts = [Fact::Op(later, 0), Fact::Op(later, 1)];
    assert_eq!(check(days, x, x, &facts, moved.hi - moved.lo), Ok(()));
    assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", begun.elapsed());
}

/// Numbers at the ends of 128 bits: nothing overflows, whatever stands where.
#[test]
fn arithmetic_at_the_ends_of_128_bits_is_exact() {
    let ends = [i128::MIN, i128::MIN + 1, -1, 0, 1, i128::MAX - 1, i128::MAX];
    let (mut accepted, mut count) = (0, 0);
    let template = |claim: Interval, proof: &str| {
        let full = Interval::FULL;
        let text = format!(
            "field0: int {full}\nfield1: int [{}, -1]\nresult0: {full}\nblock0:\nv0: i128 {full} = field field0
             v1: i128 [{}, -1] = field field1\nv2: i128 {claim} = bound v0\ndecide 0(v2)\nproof v2 low\n{proof}
             proof v2 high\n{proof}",
            i128::MIN,
            i128::MIN
        );
        text::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    };
    for x in ends {
        for y in ends {
            let proofs = [
                format!("leaf {x} g + {y} = {y} v0.low + {x} v0.high + {x}"),
                format!("leaf {x} g + 0 = {x} (1 v0 + {y})^2 + {y} v1.low * v1.high"),
                format!("have {x} v0 + {y} >= 0\nleaf 1 g + 0 = {x} v0.low\nleaf {x} g + {y} = {y} above.0"),
                format!("cases v0 at {x}\nleaf {x} g + 0 = {x} v0.low\nleaf {y} g + 0 = {y} v0.low"),
                format!("cases v0 at {x}\ncases v1 at {y}\nleaf -1 = {x} v0.low + {y} v1.high\nderive v0"),
                format!("leaf {x} g + 0 = {x} v1.low * v1.high + {y} (-1 v1 + {x})^2"),
            ];
            for proof in proofs {
                for claim in [Interval::new(x.min(y), x.max(y)), Interval::new(x, x)] {
                    count += 1;
                    let Ok(func) = verify(template(claim, &proof)) else { continue };
                    accepted += 1;
                    for row in [x, y, 5, i128::MIN, i128::MAX] {
                        let broken = testing::broken_claim(&func, &(vec![row, -1], vec![true; 2]));
                        assert_eq!(broken, None, "{proof}");
                    }
                }
            }
        }
    }
    // only claims that say nothing are true
    assert!(accepted > 0 && accepted < count / 2, "{accepted} of {count}");
    // the largest multiples that are true
    let text = format!(
        "v2: i64 [-9, 9] = sub v0, v0\nv3: i64 [0, 9] = bound v2\ndecide 0(v3)\nproof v3 low
         leaf {} g + {} = {} v2.op.0 + {}",
        i128::MAX,
        i128::MAX - 1,
        -i128::MAX,
        i128::MAX - 1
    );
    let func = verify(over_two_numbers(&text)).unwrap();
    assert_eq!(interpret(&func, &[3, 0], &[true; 2]).outputs, [0]);
}

/// A result that could leave 128 bits needs a proof of both ends, which may use only what the op says of the exact result.
#[test]
fn results_that_could_leave_128_bits_are_proved_whole() {
    let full = Interval::FULL;
    let text = |claim: Interval, low: &str, high: &str| {
        let proof = |end: &str, leaf: &str| match leaf {
            "" => String::new(),
            _ => format!("proof v2 {end}\nleaf 1 g + 0 = {leaf}\n"),
        };
        let text = format!(
            "field0: int {full}\nresult0: {full}\nblock0:\nv0: i128 {full} = field field0\nv1: i64 [2, 2] = constant 2
             v2: i128 {claim} = sub v0, v0\ndecide 0(v2)\n{}{}",
            proof("low", low),
            proof("high", high)
        );
        text::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    };
    let nothing = Interval::point(0);
    let func = verify(text(nothing, "-1 v2.op.0", "1 v2.op.0")).unwrap();
    for x in [i128::MIN, -1, 0, i128::MAX] {
        assert_eq!(testing::broken_claim(&func, &(vec![x], vec![true])), None);
    }
    for (claim, low, high, says) in [
        (nothing, "", "", "`sub` is not proved: a result could leave 128 bits"),
        (nothing, "-1 v2.op.0", "", "`sub` is not proved: a result could leave 128 bits"),
        (full, "-1 v2.op.0", "1 v2.op.0", "`sub` is not proved: a result could leave 128 bits"),
        (Interval { lo: 0, ..full }, "-1 v2.op.0", "1 v2.op.0", "`sub` is not proved"),
        (nothing, "1 v2.low", "1 v2.op.0", "it names a fact that is not known here"),
        (nothing, "-1 v2.op.0", "1 v2.high", "it names a fact that is not known here"),
    ] {
        let error = verify(text(claim, low, high)).unwrap_err().to_string();
        assert!(error.contains(says), "{claim}: {error}");
    }
}

#[test]
fn damaged_proofs_are_refused_or_right() {
    let (mut refused, mut right) = (0, 0);
    for seed in 0..4_000 {
        match testing::damaged_proofs(&mut Seed(seed)) {
            Became::Refused => refused += 1,
            Became::Right(_) => right += 1,
            Became::Broken(broken) => panic!("seed {seed}: {broken}"),
        }
    }
    assert!(refused > 1_000 && right > 150, "{refused} refused, {right} right");
}

/// After how many damaged functions it is noticed that a condition is left out.
fn noticed(side: Side, count: u64) -> Option<u64> {
    (0..count).find(|seed| {
        let run = || testing::damaged_proofs(&mut Seed(*seed));
        matches!(proof::without(side, run), Became::Broken(_))
    })
}

/// Each condition of the check is needed: without it, a wrong claim is accepted.
#[test]
fn damage_notices_conditions_that_are_left_out() {
    for side in Side::ALL {
        let after = noticed(side, 20_000);
        println!("{side:?}: {after:?}");
        assert!(after.is_some(), "{side:?} can be left out");
    }
}
