//! Do policies of many rules compile quickly, cut into pieces, and decide alike?

mod harness;

use std::time::Instant;

use harness::{Batch, check};
use opus_ir::func::FieldRange;
use opus_ir::memory::Columns;
use opus_ir::testing::{Seed, Source};
use opus_ir::{Builder, End, Interval, Op, Rounding, Straight, Target, Value, straighten, verify};
use opus_jit::{ColumnKernel, Level, Scratch, compile_columns, compile_row};

/// A policy of so many rules: each compares a field or a sum with a constant, and some compute an amount.
fn rules(count: u32, seed: u64) -> Straight {
    let mut source = Seed(seed);
    let ranges = [(0, 100), (300, 850), (0, 1_000_000_000), (0, 100_000_000), (12, 60), (0, 1200)];
    let field = |(lo, hi)| FieldRange { is_bool: false, optional: lo == 300, range: Interval::new(lo, hi) };
    let fields: Vec<FieldRange> = ranges.into_iter().map(field).collect();
    let results = vec![Interval::new(0, 3), Interval::new(0, 1_000_000_000)];
    let mut b = Builder::new(fields, results);
    let op = |b: &mut Builder, op, args: &[Value], imm| b.push(op, args, imm).expect("the policy is total");
    let inputs: Vec<Value> = (0..ranges.len()).map(|i| op(&mut b, Op::Field, &[], i as i128)).collect();
    let scored = op(&mut b, Op::Present, &[], 1);
    let share = b.constant(25);
    let hundred = b.constant(100);
    for rule in 0..count {
        let which = source.below(ranges.len());
        let range = b.range(inputs[which]);
        let tail = b.constant(range.lo + (range.hi - range.lo) / 500);
        let near = op(&mut b, Op::Lt, &[inputs[which], tail], 0);
        let factor = b.constant(1 + source.below(50) as i128);
        let product = op(&mut b, Op::Mul, &[inputs[3], factor], 0);
        let more = op(&mut b, Op::Lt, &[inputs[2], product], 0);
        let also = op(&mut b, Op::And, &[near, more], 0);
        let condition = op(&mut b, Op::And, &[also, scored], 0);
        let (then, otherwise) = (b.block(), b.block());
        b.end(End::Branch(condition, Target::to(then), Target::to(otherwise)));
        b.switch_to(then);
        let decision = b.constant(source.below(4) as i128);
        let amount = if rule % 10 == 0 {
            let shifted = op(&mut b, Op::Mul, &[inputs[2], share], 0);
            op(&mut b, Op::Divide, &[shifted, hundred], Rounding::HalfEven as i128)
        } else {
            b.constant(source.below(1000) as i128)
        };
        b.end(End::Decide { rule, outputs: vec![decision, amount] });
        b.switch_to(otherwise);
    }
    let nothing = b.constant(0);
    b.end(End::Decide { rule: count, outputs: vec![nothing, nothing] });
    straighten(&verify(b.finish()).expect("the policy is valid"))
}

#[test]
fn a_policy_of_many_rules_is_cut_and_decides_alike() {
    for (count, seed) in [(130, 1), (700, 2)] {
        let line = rules(count, seed);
        let best = Level::best().expect("this is x86-64");
        assert!(compile_columns(&line, best).expect("it compiles").pieces() > 1, "it is cut");
        let batch = Batch::generate(&line, 70, &mut Seed(seed));
        check(&line, &batch, &[best], &format!("{count} rules"));
    }
}

#[test]
fn thousands_of_rules_compile_soon() {
    let best = Level::best().expect("this is x86-64");
    for count in [1000, 4000] {
        let line = rules(count, 3);
        let start = Instant::now();
        let row = compile_row(&line, best).expect("it compiles");
        let row_time = start.elapsed();
        let start = Instant::now();
        let columns = compile_columns(&line, best).expect("it compiles");
        let columns_time = start.elapsed();
        eprintln!(
            "{count} rules, {} steps: row {row_time:?}, {} pieces, {} bytes; columns {columns_time:?}, {} pieces, {} bytes",
            line.values.len(),
            row.pieces(),
            row.size_bytes(),
            columns.pieces(),
            columns.size_bytes()
        );
        // far from what is wanted, so that a busy machine does not fail, but not quadratic
        let limit_ms = if cfg!(debug_assertions) { 60 * count } else { 2 * count } as u128;
        assert!((row_time + columns_time).as_millis() < limit_ms, "{count} rules take too long to compile");
        let kernel = ColumnKernel::load(&columns).expect("it runs here");
        let batch = Batch::generate(&line, 4096, &mut Seed(4));
        let inputs = batch.columns(kernel.inputs());
        let mut outputs = Columns::new(kernel.outputs(), 4096);
        let mut scratch = Scratch::new();
        let times = (0..20).map(|_| {
            let start = Instant::now();
            kernel.run(&inputs, &mut outputs, &mut scratch);
            start.elapsed()
        });
        eprintln!(
            "    {:.2} ns per row and rule",
            times.min().unwrap_or_default().as_secs_f64() * 1e9 / 4096.0 / count as f64
        );
    }
}
