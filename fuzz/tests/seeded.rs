//! Every target for about a second, with the same seeds in every run, and a check of what the generated policies
//! cover.

use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use opus_fuzz::reached::Reached;
use opus_fuzz::targets::{TARGETS, Target};
use opus_fuzz::{generated, policy, seeds};

/// The time for each target.
const LIMIT: Duration = Duration::from_secs(1);
/// The least number of seeds for each target, however slow the machine is.
const SEEDS_MIN: u64 = 3;

fn run(name: &str) {
    let target: &Target = TARGETS.iter().find(|target| target.name == name).expect("it is in the table");
    let started = Instant::now();
    let (mut seed, mut failures) = (0, Vec::new());
    while seed < SEEDS_MIN || started.elapsed() < LIMIT {
        let found = (target.check)(&seeds::bytes(seed, target.bytes));
        failures.extend(found.err().map(|wrong| format!("{name}, seed {seed}:\n{wrong}")));
        seed += 1;
    }
    if target.must_fail {
        assert!(failures.len() as u64 * 2 > seed, "{} of {seed} mistakes were found", failures.len());
    } else {
        assert!(failures.is_empty(), "{}", failures[0]);
    }
}

macro_rules! targets {
    ($($name:ident)*) => {
        $( #[test] fn $name() { run(stringify!($name)); } )*

        #[test]
        fn every_target_is_run() {
            let names = [$(stringify!($name)),*];
            assert!(TARGETS.iter().map(|target| target.name).eq(names));
        }
    };
}

targets! { parse format differential artifacts passes ir_text snapshots structures bytecode canary }

/// The most policies in which every op must occur.
const POLICIES_MAX: u64 = 400;

#[test]
fn every_op_is_reached() {
    let mut reached = Reached::default();
    for seed in 0..POLICIES_MAX {
        let bytes = seeds::bytes(seed, policy::BYTES);
        if let Ok(compiled) = generated::compiled(&mut Unstructured::new(&bytes)) {
            reached.count(&compiled);
        }
        if reached.missing().is_empty() {
            return;
        }
    }
    panic!("no policy reaches {:?}", reached.missing());
}
