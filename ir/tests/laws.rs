//! Do the laws of the op table hold, and does it leave none out? Does each op mean the same at every width?

use opus_ir::ops::{Row, TABLE, meaning};
use opus_ir::testing::{Seed, Source};
use opus_ir::{Class, Imm, Interval, Op, Operands, Ranges, Rounding, Scalar};
use opus_ir::{date::MonthEnd, for_each_op, immediate, scalar_of};

/// An ascending table, so that every op with a table accepts it.
const TABLE_OF_OPS: &[i128] = &[-300, -3, 0, 1, 40_000, 1 << 40];

/// An op, and its meaning on integers of 8, 16, 32 and 64 bits.
type AtWidths = (Op, [(Interval, fn(&Operands) -> i128); 4]);

/// An operand of a class, from an integer that the width holds.
macro_rules! operand {
    (Bool, $scalar:ty, $x:expr) => {
        ($x != 0) as i8
    };
    (Small, $scalar:ty, $x:expr) => {
        i32::nearest($x)
    };
    ($any:ident, $scalar:ty, $x:expr) => {
        <$scalar>::truncate($x)
    };
}

macro_rules! at_widths {
    (
        leaves $leaves:tt
        computed { $( $(#[$doc:meta])+ $code:literal $name:ident $method:ident
            ($($param:ident: $class:ident),+ $(; $imm:ident: $kind:ident)?) -> $result:ident $row:tt )+ }
        claims $claims:tt
    ) => {
        vec![ $( (Op::$name, {
            fn at<T: Scalar>() -> (Interval, fn(&Operands) -> i128) {
                let meaning = |o: &Operands| {
                    let [$($param,)+ ..] = o.args;
                    let found: scalar_of!($result, T) = meaning::$method::<T>(
                        $(operand!($class, T, $param),)+ $(immediate!($kind, o.imm, o.table))?
                    );
                    found.wide()
                };
                (Interval::new(T::MIN.wide(), T::MAX.wide()), meaning)
            }
            [at::<i8>(), at::<i16>(), at::<i32>(), at::<i64>()]
        }) ),+ ]
    };
}

fn at_widths() -> Vec<AtWidths> {
    for_each_op!(at_widths)
}

fn immediates(row: &Row) -> Vec<i128> {
    match row.imm {
        Imm::Rounding => (0..Rounding::ALL.len() as i128).collect(),
        Imm::MonthEnd => (0..MonthEnd::ALL.len() as i128).collect(),
        _ => vec![0],
    }
}

/// Around everything that is special in integers up to a width.
fn samples(class: Class, within: Interval) -> Vec<i128> {
    if class == Class::Bool {
        return vec![0, 1];
    }
    let powers = [0, 3, 7, 8, 15, 16, 31, 32, 63, 64, 127].map(|log| 1i128.checked_shl(log).unwrap_or(0));
    let near = powers.into_iter().flat_map(|power| [power, power.wrapping_neg()]);
    let near = near.flat_map(|x| [x.wrapping_sub(1), x, x.wrapping_add(1)]);
    let mut all: Vec<i128> = near.chain([-3, 3, 5, 40_001]).filter(|x| within.contains(*x)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Operands in all combinations, and more at random.
fn operands(row: &Row, within: Interval, source: &mut Seed) -> Vec<[i128; 3]> {
    let of = |index: usize| row.params.get(index).map_or(vec![0], |(_, class)| samples(*class, within));
    let [a, b, c] = [0, 1, 2].map(of);
    let few: Vec<i128> = c.iter().copied().step_by(5).collect();
    let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (*a, *b)));
    let mut all: Vec<[i128; 3]> = pairs.flat_map(|(a, b)| few.iter().map(move |c| [a, b, *c])).collect();
    for _ in 0..200 {
        let drawn = |index: usize| match row.params.get(index) {
            Some((_, Class::Bool)) => source.below(2) as i128,
            Some(_) => source.within(within),
            None => 0,
        };
        all.push([0, 1, 2].map(drawn));
    }
    all
}

fn evaluate(row: &Row, args: [i128; 3], imm: i128) -> i128 {
    (row.eval)(&Operands { args, imm, table: TABLE_OF_OPS, values: &[], present: &[] })
}

/// Whether an op is proved on these operands.
fn is_proved(row: &Row, args: [i128; 3], imm: i128) -> bool {
    let args = args.map(Interval::point);
    let ranges =
        Ranges { args, imm, table: TABLE_OF_OPS, field: Interval::FULL, established: Interval::FULL };
    (row.range)(&ranges).is_ok()
}

#[test]
fn an_op_means_the_same_at_every_width() {
    let source = &mut Seed(1);
    for (op, widths) in at_widths() {
        let row = op.row();
        let is_wide = matches!(row.result, Class::Int | Class::Any);
        for (within, meaning) in &widths {
            for args in operands(row, *within, source) {
                for imm in immediates(row) {
                    let found =
                        meaning(&Operands { args, imm, table: TABLE_OF_OPS, values: &[], present: &[] });
                    let expected = evaluate(row, args, imm);
                    let expected = if is_wide { wrapped(expected, *within) } else { expected };
                    assert_eq!(found, expected, "{} {args:?} {imm} within {within}", row.mnemonic);
                }
            }
        }
    }
    assert!(at_widths().len() > 15);
}

/// An integer reduced to the bits of a width.
fn wrapped(x: i128, width: Interval) -> i128 {
    let span = width.hi - width.lo + 1;
    (x - width.lo).rem_euclid(span) + width.lo
}

/// Whether something holds for all operands with which an op is proved, of which there are some.
fn always(row: &Row, points: &[[i128; 3]], holds: impl Fn([i128; 3], i128) -> bool) -> bool {
    let mut proved = 0;
    for args in points {
        for imm in immediates(row).into_iter().filter(|imm| is_proved(row, *args, *imm)) {
            proved += 1;
            if !holds(*args, imm) {
                return false;
            }
        }
    }
    proved > 0
}

/// Integers that fit 60 bits: few ops are proved with larger ones.
const PROVABLE: Interval = Interval::new(-(1 << 60), 1 << 60);

#[test]
fn laws_are_in_the_table_exactly_where_they_hold() {
    let source = &mut Seed(2);
    for (op, _) in at_widths() {
        let row = op.row();
        let points = operands(row, PROVABLE, source);
        let of = |a: i128, b: i128, imm: i128| evaluate(row, [a, b, 0], imm);
        let is_pair = row.params.len() == 2 && row.params[0].1 == row.params[1].1;
        let gives_operand = row.params[0].1 == row.result;
        let laws = row.laws;
        let commutes = is_pair && always(row, &points, |[a, b, _], imm| of(a, b, imm) == of(b, a, imm));
        assert_eq!(laws.commutes, commutes, "`{}` commutes", row.mnemonic);

        let equals: Vec<[i128; 3]> = points.iter().map(|[a, ..]| [*a, *a, 0]).collect();
        let idempotent = is_pair && gives_operand && always(row, &equals, |[a, ..], imm| of(a, a, imm) == a);
        assert_eq!(laws.idempotent, idempotent, "`{}` is idempotent", row.mnemonic);
        let constants = (-3..=3).filter(|x| always(row, &equals, |[a, ..], imm| of(a, a, imm) == *x));
        let of_equals = constants.into_iter().find(|_| is_pair);
        assert_eq!(laws.of_equals, of_equals, "what `{}` gives of equals", row.mnemonic);

        let with = |x: i128| points.iter().map(|[a, ..]| [*a, x, 0]).collect::<Vec<_>>();
        let candidates = samples(row.params.last().expect("it has operands").1, Interval::new(-3, 3));
        let is_unit = |x: &i128| always(row, &with(*x), |[a, b, _], imm| of(a, b, imm) == a);
        let unit = candidates.into_iter().find(|x| is_pair && gives_operand && is_unit(x));
        assert_eq!(laws.unit, unit, "the unit of `{}`", row.mnemonic);
    }
}

#[test]
fn modular_ops_are_those_whose_low_bits_follow_from_low_bits() {
    let source = &mut Seed(3);
    for (op, widths) in at_widths() {
        let row = op.row();
        let is_wide = |class: Class| matches!(class, Class::Int | Class::Any);
        let takes_wide = is_wide(row.result) && row.params.iter().any(|(_, class)| is_wide(*class));
        let points = operands(row, Interval::FULL, source);
        let follows = |(within, meaning): &(Interval, fn(&Operands) -> i128)| {
            points.iter().all(|args| {
                let found = meaning(&Operands {
                    args: *args,
                    imm: 0,
                    table: TABLE_OF_OPS,
                    values: &[],
                    present: &[],
                });
                found == low_bits(evaluate(row, *args, 0), *within)
            })
        };
        let modular = takes_wide && widths.iter().all(follows);
        assert_eq!(row.laws.modular, modular, "`{}` is modular", row.mnemonic);
    }
    assert_eq!(TABLE.len(), Op::ALL.len());
}

/// The low bits of an integer of 128 bits, at the width that has these limits.
fn low_bits(x: i128, width: Interval) -> i128 {
    let unused = (width.hi as u128).leading_zeros() - 1;
    x << unused >> unused
}
