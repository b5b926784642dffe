//! Is memory for code given back? A process that reloads policies all day must not grow.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod harness;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use harness::{Batch, credit, decide_columns, decide_row, levels};
use opus_ir::evaluate_straight;
use opus_ir::testing::Seed;
use opus_jit::{Kernel, compile_columns, compile_row, load};

const KERNELS: usize = 10_000;
/// How much both sizes may grow, for what the allocator and the other threads do meanwhile. Without `free_memory`
/// they would grow by the size of the code, 10,000 times.
const GROWTH_BYTES_MAX: usize = 8 << 20;

/// The mapped and the resident memory of this process.
fn sizes_bytes() -> [usize; 2] {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let mut pages = text.split(' ').map(|pages| pages.parse::<usize>().expect("a number of pages"));
    [(); 2].map(|()| pages.next().expect("two sizes") * rustix::param::page_size())
}

#[test]
fn ten_thousand_kernels_come_and_go_while_others_run() {
    let line = credit::line();
    let level = *levels().last().expect("this is x86-64");
    let natives =
        [compile_row(&line, level), compile_columns(&line, level)].map(|native| native.expect("compiled"));
    let load = || load(&[&natives[0], &natives[1]]).expect("it runs here");
    let done = AtomicBool::new(false);
    // each thread gets its part of the heap before sizes are compared
    let started = Barrier::new(3);
    let mut owner = load();
    std::thread::scope(|scope| {
        for seed in 0..2 {
            let (kernels, line, done, started) = (owner.clone(), &line, &done, &started);
            scope.spawn(move || {
                let [Kernel::Row(row), Kernel::Columns(columns)] = &kernels[..] else {
                    panic!("one of each")
                };
                let batch = Batch::generate(line, 16, &mut Seed(seed));
                let decided =
                    batch.rows.iter().map(|(values, present)| evaluate_straight(line, values, present));
                let expected: Vec<_> = decided.collect();
                started.wait();
                // once more after the last load, when their owner is long gone
                let mut is_last = false;
                while !is_last {
                    is_last = done.load(Ordering::Acquire);
                    assert_eq!(decide_columns(columns, &batch), expected);
                    (0..16).for_each(|index| assert_eq!(decide_row(row, &batch, index), expected[index]));
                }
            });
        }
        started.wait();
        let mut before = sizes_bytes();
        for round in 0..KERNELS {
            owner = load();
            if round == KERNELS / 100 {
                before = sizes_bytes();
            }
        }
        let after = sizes_bytes();
        done.store(true, Ordering::Release);
        for (name, before, after) in [("mapped", before[0], after[0]), ("resident", before[1], after[1])] {
            assert!(after < before + GROWTH_BYTES_MAX, "{name} memory grew from {before} to {after} bytes");
        }
    });
    drop(owner);
}
