//! All engines decide alike, row by row and in batches: on generated functions, and as the interpreter does.

mod common;

use common::{Decided, Given, by_batch, by_row, open, program_of, row_of};
use opus_ir::func::Func;
use opus_ir::interpret;
use opus_ir::testing::{self, Seed, Source};
use opus_runtime::Engine;

fn by_interpreter(func: &Func, given: &Given) -> Option<Decided> {
    let verified = opus_ir::verify(func.clone()).unwrap();
    let values: Vec<i128> = given.iter().map(|value| value.unwrap_or(0)).collect();
    let present: Vec<bool> = given.iter().map(Option::is_some).collect();
    let decided = interpret(&verified, &values, &present);
    Some((decided.outputs, decided.rule as usize, 0))
}

#[test]
fn engines_agree_on_generated_functions() {
    let mut seed = Seed(2);
    for round in 0..150 {
        let func = testing::func(&mut seed);
        let rows: Vec<Given> = (0..100).map(|_| row_of(&func, &mut seed)).collect();
        let expected: Vec<Option<Decided>> = rows.iter().map(|given| by_interpreter(&func, given)).collect();
        for engine in Engine::ALL {
            let policy = open(program_of(&func), engine);
            assert_eq!(by_row(&policy, &rows), expected, "function {round}, rows on {engine}");
            let rows_per_batch = 1 + seed.below(100);
            assert_eq!(
                by_batch(&policy, &rows, rows_per_batch),
                expected,
                "function {round}, columns on {engine}"
            );
        }
    }
}
