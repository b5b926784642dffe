//! Every target on its first seeds, the same in every run and on every machine, and a check of what the generated policies
//! cover.

use arbitrary::Unstructured;
use opus_fuzz::reached::Reached;
use opus_fuzz::sound::{self, Figures, Kind};
use opus_fuzz::targets::{TARGETS, Target};
use opus_fuzz::{generated, policy, seeds};

fn run(name: &str) {
    let target: &Target = TARGETS.iter().find(|target| target.name == name).expect("it is in the table");
    let mut failures = Vec::new();
    for seed in 0..target.seeds {
        let found = (target.check)(&seeds::bytes(seed, target.bytes));
        failures.extend(found.err().map(|wrong| format!("{name}, seed {seed}:\n{wrong}")));
    }
    if target.must_fail {
        let found = failures.len() as u64;
        assert!(found * 2 > target.seeds, "{found} of {} mistakes were found", target.seeds);
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

targets! { parse format differential narrow_lanes artifacts passes proofs ir_text snapshots structures explanations coverage bytecode canary }

/// Seeds of pairs of policies; most of them give a pair.
const PAIRS: std::ops::Range<u64> = 0..13;
const PAIR_ROWS: usize = 40;

#[test]
fn causes_are_those_of_brute_force() {
    let (mut pairs, mut changed, mut intricate, mut facts) = (0, 0, 0, 0);
    for seed in PAIRS {
        let found = opus_fuzz::attributions::check(seed, PAIR_ROWS);
        let Some(found) = found.unwrap_or_else(|wrong| panic!("seed {seed}:\n{wrong}")) else { continue };
        pairs += 1;
        changed += found.changed;
        intricate += found.intricate;
        facts += found.facts;
    }
    assert!(
        pairs >= 3 && changed > 0 && intricate > 0 && facts > 0,
        "{pairs} pairs, {changed} rows, {intricate} intricate, {facts} facts"
    );
}

/// Policies of each kind whose every input is evaluated, and the most inputs of each.
const SOUND: u64 = 12;
const SOUND_ROWS_MAX: usize = 400;

#[test]
fn sound_policies_compile_and_unsound_ones_do_not() {
    for kind in Kind::ALL {
        let mut figures = Figures::default();
        for seed in 0..SOUND {
            let found = sound::measure(kind, seed, SOUND_ROWS_MAX);
            figures.add(seed, found.unwrap_or_else(|wrong| panic!("{kind:?}, seed {seed}:\n{wrong}")));
        }
        println!("{}{}", figures.summary(kind), figures.simplest());
        assert_eq!(figures.accepted(), (SOUND as usize, SOUND as usize), "a sound policy is refused");
        assert!(figures.measured.values().all(|one| one.without_pass.is_empty()), "a pass loses a proof");
        assert!(figures.measured.values().any(|one| one.narrowed), "no range was too narrow");
    }
}

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
