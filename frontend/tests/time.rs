//! Does the time to compile grow with the text and no faster, also where there is something wrong?
//!
//! Each shape of policy is compiled in two sizes. The larger one may take a generous multiple of what its length
//! accounts for; work that grows with the square of the length takes more.

use std::time::{Duration, Instant};

use opus_frontend::compile;

/// How many times as long the larger text is, and how many times as long it may take.
const LONGER: usize = 8;
const SLOWER_MAX: u32 = 32;

#[test]
fn searches_for_counterexamples_are_bounded_by_what_they_evaluate() {
    linear("one error behind many `let`s", 250, |n| {
        let named = |i| format!("let a{i} = min(a{} + x mod {}, 1_000_000 - y)\n", i - 1, i % 7 + 2);
        let lets: String = (1..n).map(named).collect();
        let input = "x : int in 0..900  y : int in 1..900";
        let lets = format!("let a0 = x * y\n{lets}");
        let last = n - 1;
        policy(input, "int in 0..1_000_000", &lets, &format!("otherwise R => x - y + a{last} - a{last}"))
    });
    linear("an exact quotient of quotients", 100, |n| {
        let named = |i| format!("let a{i} = a{0} / 2 + a{0} / 3\n", i - 1);
        let lets: String = (1..n).map(named).collect();
        let lets = format!("let a0 = x / y\n{lets}");
        policy("x : int in 0..9  y : int in 1..9", "bool", &lets, &format!("otherwise R => a{} > 3", n - 1))
    });
    linear("an error in each rule", 100, |n| {
        let rule = |i| format!("rule A{i} when x{i} == 5 => x{i} div x{}\n", (i + 1) % n);
        let input: String = (0..n).map(|i| format!("x{i} : int in -100..100 ")).collect();
        let rules: String = (0..n).map(rule).collect();
        policy(&input, "int in -100..100", "", &format!("{rules}otherwise R => 0"))
    });
}

#[test]
fn a_version_that_says_the_same_as_the_one_before_it_takes_little_time() {
    let versions_max = 100;
    let rules: String = (0..200).map(|i| format!("rule R{i} when x == {i} => {i}\n")).collect();
    let source = |versions: usize| {
        let version = |i| format!("version {} from {}-01-01\n", i + 1, 1900 + i);
        let versions: String = (0..versions).map(version).collect();
        format!(
            "policy p {{ effective on day\n{versions}
             input {{ day : date in 1900-01-01..2029-12-31  x : int in 0..1_000_000 }}
             output {{ o : int in 0..1_000 }}
             rules first {{ {rules} otherwise R => 1_000 }} }}"
        )
    };
    let (one, many) = (quickest(&source(1)), quickest(&source(versions_max)));
    let allowed = one.max(Duration::from_millis(5)) * versions_max as u32 / 3;
    assert!(many < allowed, "{one:?} for one version, and {many:?} for {versions_max}");
}

fn policy(input: &str, output: &str, lets: &str, rules: &str) -> String {
    format!(
        "policy p {{\ninput {{ {input} }}\noutput {{ o : {output} }}\n{lets}rules first {{\n{rules}\n}}\n}}\n"
    )
}

fn linear(shape: &str, n: usize, source: impl Fn(usize) -> String) {
    let (short, long) = (quickest(&source(n)), quickest(&source(n * LONGER)));
    // what takes next to no time is not measured
    let least = Duration::from_millis(20);
    let allowed = short.max(least) * SLOWER_MAX;
    assert!(long < allowed, "{shape}: {short:?}, and {long:?} where it is {LONGER} times as long");
}

/// The least of three times: what else the machine does counts little.
fn quickest(source: &str) -> Duration {
    let time = |_| {
        let start = Instant::now();
        compile(source);
        start.elapsed()
    };
    (0..3).map(time).min().expect("it was timed")
}
