//! Does the credit policy decide as the loop that a person would write, and how long does it take? The
//! measurement is ignored by default:
//! `cargo test -p opus-jit --release --test credit -- --ignored --nocapture measure`.
#![cfg(all(unix, target_arch = "x86_64"))]

mod harness;

use std::time::{Duration, Instant};

use harness::{Batch, check, credit, levels};
use opus_ir::memory::{Columns, Row};
use opus_jit::{ColumnKernel, Kind, Level, RowKernel, Scratch, compile_columns, compile_row, disassemble};

fn staged(level: Level, inputs: &Columns, outputs: &mut Columns) {
    // SAFETY: the level is one that this machine has.
    unsafe {
        match level {
            Level::Sse41 => credit::staged_sse41(inputs, outputs),
            Level::Avx2 => credit::staged_avx2(inputs, outputs),
            Level::Avx512Vl => credit::staged_avx512(inputs, outputs),
        }
    }
}

fn columns_kernel(level: Level) -> ColumnKernel {
    let native = compile_columns(&credit::line(), level).expect("this is x86-64");
    ColumnKernel::load(&native).expect("it runs here")
}

fn applications(rows: usize) -> Columns {
    let mut inputs = Columns::new(columns_kernel(levels()[0]).inputs(), rows);
    credit::fill(&mut inputs, rows, 1);
    inputs
}

#[test]
fn every_engine_decides_alike() {
    let rows = 5120;
    let inputs = applications(rows);
    let line = credit::line();
    let mut first: Option<Vec<Vec<u8>>> = None;
    for level in levels() {
        let kernel = columns_kernel(level);
        let mut decided = Columns::new(kernel.outputs(), rows);
        kernel.run(&inputs, &mut decided, &mut Scratch::new());
        let mut expected = Columns::new(kernel.outputs(), rows);
        staged(level, &inputs, &mut expected);
        let mut rules = [0; 10];
        for row in 0..rows {
            let values = |columns: &Columns| std::array::from_fn::<_, 4, _>(|i| columns.get(i, row));
            assert_eq!(values(&decided), values(&expected), "row {row} at {level}");
            rules[decided.get(3, row).expect("the rule is present") as usize] += 1;
        }
        assert!(rules.iter().all(|count| *count > 0), "some rule decides nothing: {rules:?}");
        let bytes: Vec<Vec<u8>> = kernel
            .outputs()
            .iter()
            .enumerate()
            .map(|(i, c)| decided.bytes(i)[..rows * c.width.bytes()].to_vec())
            .collect();
        assert_eq!(*first.get_or_insert(bytes.clone()), bytes, "other bytes at {level}");
    }
    let row = |row| {
        let present: Vec<bool> = (0..inputs.len()).map(|field| inputs.get(field, row).is_some()).collect();
        let values = line.fields.iter().enumerate();
        let values =
            values.map(|(field, f)| inputs.get(field, row).unwrap_or(0i128.clamp(f.range.lo, f.range.hi)));
        (values.collect(), present)
    };
    check(&line, &Batch { rows: (0..300).map(row).collect() }, &levels(), "credit");
}

/// The time that this thread has been running: on a busy machine the clock on the wall says little.
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The least time of several runs, in nanoseconds per row.
fn ns_per_row(rows: usize, mut run: impl FnMut()) -> f64 {
    let repeats = (40_000_000 / rows).clamp(12, 10_000);
    (0..repeats)
        .map(|_| {
            let start = thread_time();
            run();
            (thread_time() - start).as_secs_f64() * 1e9 / rows as f64
        })
        .fold(f64::INFINITY, f64::min)
}

#[test]
#[ignore = "a measurement, to be run in release"]
fn measure() {
    let line = credit::line();
    for level in levels() {
        let start = Instant::now();
        let native = compile_columns(&line, level).expect("this is x86-64");
        let compiled = start.elapsed();
        let kernel = ColumnKernel::load(&native).expect("it runs here");
        let mut scratch = Scratch::new();
        print!(
            "{level}: compiled in {compiled:?}, {} bytes; ns per row (loop by hand, ratio):",
            native.size_bytes()
        );
        for rows in [8192, 1 << 20] {
            let inputs = applications(rows);
            let mut outputs = Columns::new(kernel.outputs(), rows);
            let native = ns_per_row(rows, || kernel.run(&inputs, &mut outputs, &mut scratch));
            let by_hand = ns_per_row(rows, || staged(level, &inputs, &mut outputs));
            print!(" {rows} rows {native:.2} ({by_hand:.2}, {:.2})", native / by_hand);
        }
        println!();
        let native = compile_row(&line, level).expect("this is x86-64");
        let kernel = RowKernel::load(&native).expect("it runs here");
        for rows in [4096, 1 << 18] {
            let inputs = applications(rows);
            let layout = kernel.inputs().clone();
            let rows: Vec<Row> = (0..rows)
                .map(|index| {
                    let mut row = Row::new(&layout);
                    (0..inputs.len())
                        .for_each(|field| row.set(layout.slots[field], inputs.get(field, index)));
                    row
                })
                .collect();
            let mut output = Row::new(kernel.outputs());
            let mut sum = 0u64;
            let time = ns_per_row(rows.len(), || {
                for row in &rows {
                    kernel.run(row.bytes(), output.bytes_mut());
                    sum = sum.wrapping_add(output.bytes()[0] as u64);
                }
            });
            println!("  one row, {} different: {time:.1} ns ({})", rows.len(), sum % 2);
        }
    }
}

#[test]
fn the_code_can_be_read() {
    for level in levels() {
        for kind in [Kind::Row, Kind::Columns] {
            let text = disassemble(&credit::line(), kind, level).expect("this is x86-64");
            assert!(text.contains("function u0:0") && text.contains("ret"), "{text}");
            if std::env::var_os("SHOW").is_some() {
                println!("{level} {kind:?}\n{text}");
            }
        }
    }
}
