//! Does the compiler behave the same on a stack of 128 KiB and of 8 MiB? Policies at the limits of nesting, and
//! chains of definitions, valid and invalid, must give the same diagnostics, the same artifact and the same
//! decision.

use std::thread;

use opus_frontend::reference::{admit, decide};
use opus_frontend::{compile, limits};
use opus_runtime::Artifact;
use opus_runtime::artifact::SourceText;

/// Levels of an expression that stay within the limit together with what surrounds it.
const LEVELS: usize = limits::DEPTH_MAX - 4;

/// For each shape: its name, and an expression that grows with its depth.
const SHAPES: [(&str, &str, &str, &str); 16] = [
    ("sum", "a", " + b", ""),
    ("difference", "a", " - 1", ""),
    ("minimum", "", "max(b, ", "a)"),
    ("negation", "", "-(", "a)"),
    ("parentheses", "", "(1 + ", "a)"),
    ("choice", "", "if c then b else ", "a"),
    ("condition of a choice", "", "if ", "c then c else k"),
    ("denial", "", "not ", "c"),
    ("conjunction", "c", " and (a > 1 or k)", ""),
    ("disjunction", "c", " or a == 7", ""),
    ("alternation", "", "c and (k or ", "c)"),
    ("comparison", "", "c == (", "k)"),
    ("rounding", "", "(1 + ", "a / 2 rounded up to integer)"),
    ("product", "a", " * d", ""),
    ("membership", "", "c == (a in {1, 2} and ", "k)"),
    ("months", "e", " + 1 months", ""),
];

/// The expression of a shape with this many levels.
fn expression((_, begin, repeated, end): (&str, &str, &str, &str), levels: usize) -> String {
    let close = end.find(')').map_or(String::new(), |_| ")".repeat(levels - 1));
    let times = repeated.repeat(levels);
    match begin {
        "" if repeated == "if " => format!("{times}c{}", " then c else k".repeat(levels)),
        _ => format!("{begin}{times}{end}{close}"),
    }
}

fn policy(shape: (&str, &str, &str, &str), levels: usize, divides: bool) -> String {
    let is_truth = shape.1 == "c" || shape.3.starts_with(['c', 'k']) || shape.2 == "if ";
    let deep = expression(shape, levels);
    let asked = match (is_truth, shape.1) {
        (true, _) => "deep",
        (_, "e") => "deep > 2030-01-01",
        _ => "deep > 3",
    };
    let outcome = if divides && !is_truth && shape.1 != "e" { "100 div deep" } else { "b" };
    format!(
        "policy deep.one {{
  month_end clip
  input {{ a : int in 0..9  b : int in 0..9  c : bool  k : bool  d : int in 1..1  e : date in 2020-01-01..2030-12-31 }}
  output {{ o : int in 0..9 }}
  let deep = {deep}
  rules first {{
    rule R1 when {asked} => {outcome}
    otherwise R2 => a
  }}
}}"
    )
}

/// Definitions in which each uses the one before it.
fn chain(count: usize) -> String {
    let named = |index: usize| format!("  let k{} = k{index}\n", index + 1);
    let chain: String = (0..count).map(named).collect();
    format!(
        "policy deep.chain {{ input {{ a : int in 0..9 }} output {{ o : bool }} let k0 = a + 1\n{chain}
         rules first {{ rule R1 when k{count} > 5 => true otherwise R2 => false }} }}"
    )
}

/// The diagnostics of a source and, if it compiles, its artifact and a decision.
fn outcome(source: &str) -> String {
    let (compiled, said) = compile(source);
    let Some(compiled) = compiled else { return format!("{said:#?}") };
    let source = SourceText { text: source, compiler: opus_frontend::VERSION };
    let artifact = Artifact::build(compiled.program, source).expect("what compiles can be built");
    let policy = &compiled.policy;
    let least = policy.schema.inputs.iter().map(|field| Some(field.domain.range.lo)).collect::<Vec<_>>();
    let decision = admit(policy, &least).map(|row| decide(policy, &row));
    format!("{said:#?}\n{decision:?}\n{:?}", artifact.bytes())
}

fn on_stack(bytes: usize, source: &str) -> String {
    let source = source.to_string();
    let run = move || outcome(&source);
    let thread = thread::Builder::new().stack_size(bytes).spawn(run).expect("a thread can be started");
    thread.join().unwrap_or_else(|_| panic!("compiling needs a stack of more than {bytes} bytes"))
}

#[test]
fn what_is_compiled_does_not_depend_on_the_stack() {
    let mut compiled = 0;
    let depths = [(LEVELS, false), (LEVELS / 2 - 2, false), (LEVELS / 2 - 2, true), (LEVELS + 20, false)];
    let of_shape = |shape| depths.map(|(levels, divides)| policy(shape, levels, divides));
    let shapes = SHAPES.into_iter().flat_map(of_shape);
    for source in shapes.chain([chain(2_000)]) {
        let small = on_stack(128 << 10, &source);
        assert_eq!(small, on_stack(8 << 20, &source), "{source}");
        compiled += usize::from(!small.contains("E0") && small.contains("Ok(Verdict"));
    }
    assert!(compiled > SHAPES.len(), "{compiled} of them compile");
}
