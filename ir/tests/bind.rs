//! Does binding keep every proof? Tables of generated functions are left open, and filled in with other entries.

use opus_ir::testing::{Seed, Source, func};
use opus_ir::{Entries, Filling, Func, Interval, Op, Open, bind, verify};

const FUNCTIONS: u64 = 400;

/// The function with every table that is only looked up left open, each a hole of its own, if it still verifies: what
/// was proved of some entries need not hold for all between them.
fn opened(mut func: Func) -> Option<(Func, Vec<Open>)> {
    let searched: Vec<i128> = func
        .values
        .values()
        .filter_map(|data| match &data.def {
            opus_ir::Def::Inst(inst) if inst.op == Op::Bucket => Some(inst.imm),
            _ => None,
        })
        .collect();
    let mut holes = Vec::new();
    for (table, entries) in func.tables.iter_mut() {
        let range = Interval::hull_of(entries.known().iter().copied());
        let Some(range) = range.filter(|_| !searched.contains(&table.as_u32().into())) else { continue };
        let open = Open { hole: holes.len() as u32, count: entries.count() as u32, range };
        *entries = Entries::Open(open);
        holes.push(open);
    }
    let is_proved = !holes.is_empty() && verify(func.clone()).is_ok();
    is_proved.then_some((func, holes))
}

fn entries(open: &Open, seed: &mut Seed) -> Vec<i128> {
    (0..open.count).map(|_| seed.within(open.range)).collect()
}

#[test]
fn constants_keep_every_certificate() {
    let mut bound_functions = 0;
    for number in 0..FUNCTIONS {
        let mut seed = Seed(number);
        let Some((open, holes)) = opened(func(&mut seed)) else { continue };
        let proved = verify(open.clone()).unwrap().certificate();
        let fillings: Vec<Filling> =
            holes.iter().map(|hole| Filling::always(entries(hole, &mut seed))).collect();
        let bound =
            verify(bind(&open, None, &fillings)).unwrap_or_else(|why| panic!("{number}: {why}\n{open}"));
        assert_eq!(bound.certificate(), proved, "{number}");
        assert!(!bound.is_open());
        let text = open.to_string();
        assert_eq!(text.parse::<Func>().as_ref(), Ok(&open), "{text}");
        bound_functions += 1;
    }
    assert!(bound_functions > 20, "{bound_functions}");
}

/// `lookup` of the first hole at the index in field 1, in a function whose field 0 is a day.
fn looked_up(count: u32, range: Interval) -> Func {
    let text = format!(
        "field0: int [-700000, 2900000]\nfield1: int [0, {}]\nresult0: {range}\ntable0: hole 0, {count} of {range}\n\n\
         block0:\n  v0: i64 [0, {}] = field field1\n  v1: i64 {range} = lookup v0, table0\n  decide 0(v1)\n",
        count - 1,
        count - 1,
    );
    text.parse().unwrap()
}

#[test]
fn each_day_finds_its_own_period() {
    let range = Interval::new(-5, 900_000);
    for starts in [vec![100], vec![-3, 0, 7, 8, 500], vec![-700_000, 0, 2_900_000]] {
        for count in [1, 3] {
            let periods: Vec<Vec<i128>> = (0..=starts.len() as i128)
                .map(|period| (0..i128::from(count)).map(|entry| 1_000 * period + entry).collect())
                .collect();
            let filling = Filling { starts: starts.clone(), periods: periods.clone() };
            let bound = verify(bind(&looked_up(count, range), Some(0), &[filling])).unwrap();
            let mut optimized = (*bound).clone();
            opus_ir::passes::optimize(&mut optimized);
            let optimized = verify(optimized).unwrap();
            let near = starts.iter().flat_map(|start| [start - 1, *start, start + 1]);
            for day in
                near.chain([-700_000, 2_900_000, 42]).filter(|day| (-700_000..=2_900_000).contains(day))
            {
                let period = starts.iter().filter(|start| **start <= day).count();
                for (entry, expected) in periods[period].iter().enumerate() {
                    let row = [i128::from(day), entry as i128];
                    for func in [&bound, &optimized] {
                        let found = opus_ir::interpret(func, &row, &[true, true]).outputs;
                        assert_eq!(
                            found,
                            [*expected],
                            "day {day}, entry {entry}, starts {starts:?}\n{}",
                            **func
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_left_open_is_not_searched() {
    let text = "field0: int [0, 9]\nresult0: [0, 3]\ntable0: hole 0, 3 of [0, 9]\n\nblock0:\n  \
                v0: i64 [0, 9] = field field0\n  v1: i32 [0, 3] = bucket v0, table0\n  decide 0(v1)\n";
    let refused = verify(text.parse().unwrap()).unwrap_err().to_string();
    assert!(refused.contains("`bucket` is not proved"), "{refused}");
}
