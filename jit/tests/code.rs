//! Is stored code read back, and refused where it is not whole? Is memory for code never writable and
//! executable at once?
#![cfg(target_arch = "x86_64")]

mod harness;

use harness::{Batch, credit, decide_columns, decide_row, levels};
use opus_ir::evaluate_straight;
use opus_ir::memory::Columns;
use opus_ir::testing::Seed;
use opus_jit::{
    ColumnKernel, Foreign, Kernel, Native, RowKernel, Scratch, compile_columns, compile_row, load,
};

/// Reads code that this test has made itself.
fn read(bytes: &[u8]) -> Result<Native, Foreign> {
    // SAFETY: only whole, unchanged code is loaded below; what is damaged is not run.
    unsafe { Native::from_bytes(bytes) }
}

#[test]
fn stored_code_is_the_same_code() {
    let line = credit::line();
    for level in levels() {
        for native in [compile_row(&line, level), compile_columns(&line, level)] {
            let native = native.expect("this is x86-64");
            assert_eq!(read(&native.to_bytes()), Ok(native));
        }
    }
}

#[test]
fn compiling_twice_gives_the_same_bytes() {
    let line = credit::line();
    for level in levels() {
        let bytes = || compile_columns(&line, level).expect("this is x86-64").to_bytes();
        assert_eq!(bytes(), bytes());
    }
}

#[test]
fn damaged_code_is_refused() {
    let native = compile_row(&credit::line(), levels()[0]).expect("this is x86-64");
    let bytes = native.to_bytes();
    for length in 0..bytes.len() {
        assert_eq!(read(&bytes[..length]), Err(Foreign::Damaged), "{length} bytes");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(read(&longer), Err(Foreign::Damaged));
    let mut other = bytes.clone();
    // the compiler's name follows the magic and its length
    other[12] ^= 1;
    assert_eq!(read(&other), Err(Foreign::Compiler));
}

#[test]
fn kernels_share_a_mapping_and_threads_share_kernels() {
    let line = credit::line();
    let level = *levels().last().expect("this is x86-64");
    let natives =
        [compile_row(&line, level), compile_columns(&line, level)].map(|native| native.expect("compiled"));
    let kernels = load(&[&natives[0], &natives[1]]).expect("it runs here");
    let [Kernel::Row(row), Kernel::Columns(columns)] = &kernels[..] else { panic!("one of each, in order") };
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let line = &line;
            scope.spawn(move || {
                let batch = Batch::generate(line, 333, &mut Seed(seed));
                let decided = decide_columns(columns, &batch);
                for (index, (values, present)) in batch.rows.iter().enumerate() {
                    let expected = evaluate_straight(line, values, present);
                    assert_eq!(decided[index], expected);
                    assert_eq!(decide_row(row, &batch, index), expected);
                }
            });
        }
    });
}

#[test]
#[should_panic(expected = "the input columns are not those of the kernel")]
fn other_columns_are_refused() {
    let native = compile_columns(&credit::line(), levels()[0]).expect("this is x86-64");
    let kernel = ColumnKernel::load(&native).expect("it runs here");
    let inputs = Columns::new(&kernel.inputs()[1..], 16);
    let mut outputs = Columns::new(kernel.outputs(), 16);
    kernel.run(&inputs, &mut outputs, &mut Scratch::new());
}

#[test]
#[should_panic(expected = "the input row is shorter than its layout")]
fn short_rows_are_refused() {
    let native = compile_row(&credit::line(), levels()[0]).expect("this is x86-64");
    let kernel = RowKernel::load(&native).expect("it runs here");
    kernel.run(&[0; 16], &mut [0; 64]);
}

#[test]
fn refused_rows_harm_nobody() {
    // rows of random bytes, which no admission has seen: the outputs are any, and nothing faults
    let native = compile_row(&credit::line(), levels()[0]).expect("this is x86-64");
    let kernel = RowKernel::load(&native).expect("it runs here");
    let mut source = Seed(1);
    for _ in 0..2000 {
        let bytes: Vec<u8> = (0..kernel.inputs().size_bytes)
            .map(|_| opus_ir::testing::Source::next(&mut source) as u8)
            .collect();
        kernel.run(&bytes, &mut vec![0; kernel.outputs().size_bytes]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn code_is_never_writable_and_executable() {
    let native = compile_row(&credit::line(), levels()[0]).expect("this is x86-64");
    let kernel = RowKernel::load(&native).expect("it runs here");
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux has it");
    assert!(maps.lines().any(|line| line.contains("r-xp 00000000 00:00 0")), "the code is mapped: {maps}");
    assert!(maps.lines().all(|line| !line.contains("rwx")), "{maps}");
    drop(kernel);
}
