//! Do policies of a thousand rules and tables of thousands of rows compile quickly? Every run compiles a small one
//! of each kind. `cargo test --release -p opus-spec --test large -- --ignored --nocapture` compiles large ones and
//! prints the time, and the power of the size by which it grows.

use std::fmt::Write;
use std::time::{Duration, Instant};

use opus_frontend::check::check;
use opus_frontend::compile;
use opus_frontend::lower::plain;
use opus_frontend::parse::parse;
use opus_ir::passes::optimize;
use opus_runtime::artifact::SourceText;
use opus_runtime::{Artifact, Cache, Engine, Options, Policy};

/// The time limit for a large policy, from text to machine code. (A debug build takes far longer.)
const WHOLE_MAX: Duration = Duration::from_secs(1);

/// A kind of large policy: its name, and its source by its size.
type Kind = (&'static str, fn(usize) -> String);

const KINDS: [Kind; 7] = [
    ("rules that compare fields with constants", rules),
    ("rules that compare fields with each other", rules_between_fields),
    ("rules with values computed between them", rules_with_lets),
    ("a table over one key", table_of_one_key),
    ("a table over three keys", table_of_three_keys),
    ("a table whose rows share no cuts", table_without_cuts),
    ("a `first` table", first_table),
];

const STAGES: [&str; 7] = ["read", "check", "lower", "passes", "verify", "build", "native"];

/// The time of each stage.
fn stages(source: &str) -> [Duration; STAGES.len()] {
    let mut last = Instant::now();
    let mut lap = || {
        let now = Instant::now();
        now - std::mem::replace(&mut last, now)
    };
    let (tree, said) = parse(source);
    assert!(said.is_empty(), "{said:#?}");
    let read = lap();
    let (policy, said) = check(&tree.expect("it can be read"));
    assert!(policy.is_some(), "{said:#?}");
    let checked = lap();
    let (program, said) = plain(&policy.expect("it is right"), source);
    assert!(said.is_empty(), "{said:#?}");
    let lowered = lap();
    let mut program = program.expect("it is total");
    let functions = program.versions.iter_mut().flat_map(|version| [&mut version.admit, &mut version.decide]);
    functions.for_each(optimize);
    let optimized = lap();
    for version in &program.versions {
        opus_ir::verify(version.decide.clone()).expect("it is proved");
    }
    let verified = lap();
    let source = SourceText { text: source, compiler: opus_frontend::VERSION };
    let artifact = Artifact::build(program, source).expect("it can be built");
    let built = lap();
    let options = Options { engine: Engine::Native, cache: Cache::Off, level: None };
    let policy = Policy::from_bytes_with(artifact.bytes(), &options).expect("it loads");
    policy.prepare();
    [read, checked, lowered, optimized, verified, built, lap()]
}

#[test]
fn policies_of_every_kind_compile() {
    for (kind, source) in KINDS {
        let (compiled, said) = compile(&source(60));
        let said: Vec<&String> = said.iter().map(|said| &said.message).collect();
        assert!(compiled.is_some(), "{kind}: {said:#?}");
    }
}

#[test]
#[ignore = "it measures, which takes a release build and a quiet machine"]
fn large_policies_compile_soon() {
    for (kind, source) in KINDS {
        let size = if kind.contains("rules that") || kind.contains("rules with") { 1000 } else { 2000 };
        let all = [size / 2, size, size * 2].map(|size| stages(&source(size)));
        let totals = all.map(|stages| stages.iter().sum::<Duration>());
        let power = |small: Duration, large: Duration| {
            (large.as_secs_f64() / small.as_secs_f64().max(1e-9)).log2() / 2.0
        };
        println!("{kind}: {size} take {:.1} ms", totals[1].as_secs_f64() * 1e3);
        for (index, name) in STAGES.iter().enumerate() {
            let [small, time, large] = all.map(|stages| stages[index]);
            let ms = time.as_secs_f64() * 1e3;
            println!("  {name:<8} {ms:>8.1} ms, by the power of {:.1}", power(small, large));
        }
        assert!(totals[1] < WHOLE_MAX, "{kind}: {:?}", totals[1]);
    }
}

/// The same numbers in every run (a linear congruential generator with Knuth's constants).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

const HEAD: &str = "policy large {
  currency USD
  enum Product { home, car, card, cash }
  enum Reason  { low, high, other }
  input {
    score : int in 0..999_999    age : int in 0..120     income : money in $0.00..$10_000_000.00
    debt : money in $0.00..$1_000_000.00    wanted : money in $1.00..$100_000.00    term : int in 1..360
    product : Product    member : bool    opened_on : date in 2000-01-01..2030-12-31
  }
  output { reason : Reason  amount : money in $0.00..$100_000.00 }
";

fn with_rules(count: usize, mut rule: impl FnMut(&mut String, usize)) -> String {
    let mut source = format!("{HEAD}  rules first {{\n");
    (0..count - 1).for_each(|index| rule(&mut source, index));
    source + "    otherwise Z => other, wanted\n  }\n}\n"
}

/// A separate range of scores for each rule, so that no rule takes everything from another.
fn scores(index: usize, count: usize) -> String {
    let step = 1_000_000 / count;
    format!("score in {}..{}", index * step, index * step + step / 2)
}

fn rules(count: usize) -> String {
    let mut numbers = Numbers(1);
    with_rules(count, |source, index| {
        let [age, dollars, term] = [100, 9_000_000, 300].map(|limit| numbers.below(limit));
        let product = ["home", "car", "card", "cash"][numbers.below(4)];
        let scores = scores(index, count);
        let condition = match index % 3 {
            0 => format!("{scores} and product == {product}"),
            1 => format!("{scores} and (age > {age} or income < ${dollars}) and term > {term}"),
            _ => format!(
                "member and {scores} and age == {age} or product == {product} and term == 1 and {scores}"
            ),
        };
        writeln!(source, "    rule R{index} cite \"CP {index}\" when {condition} => low, ${index}").unwrap();
    })
}

fn rules_between_fields(count: usize) -> String {
    let mut numbers = Numbers(2);
    with_rules(count, |source, index| {
        let [percent, times] = [100, 50].map(|limit| numbers.below(limit));
        let scores = scores(index, count);
        let condition = match index % 3 {
            0 => format!("debt + wanted / term > {}.{index:04}% of income / 12 and {scores}", percent + 1),
            1 => format!("wanted > {} * debt and income < {times} * wanted + $5 and {scores}", times + 1),
            _ => format!(
                "wanted - debt > ${index}.07 and whole_years(opened_on, 2030-12-31) > {} and {scores}",
                percent % 30
            ),
        };
        writeln!(source, "    rule R{index} when {condition} => high, wanted").unwrap();
    })
}

fn rules_with_lets(count: usize) -> String {
    let mut numbers = Numbers(3);
    with_rules(count, |source, index| {
        let (percent, scores) = (numbers.below(100) + 1, scores(index, count));
        writeln!(
            source,
            "    let cap{index} = min({percent}% of income, $90_000) - 1% of wanted rounded half_even to cent
    rule R{index} when wanted <= cap{index} and {scores} and member       => low, wanted
    rule S{index} when wanted <= cap{index} / 2 and {scores} and age > 99 => low, max(cap{index}, $0)"
        )
        .unwrap();
    })
}

fn with_table(head: &str, rows: String) -> String {
    format!(
        "{HEAD}  table rate({head} -> percent(4) in 0%..100% {{\n{rows}  }}
  rules first {{
    rule A when rate of wanted > $40 => low, rate of wanted rounded half_even to cent
    otherwise Z                      => other, wanted
  }}\n}}\n"
    )
}

fn table_of_one_key(count: usize) -> String {
    let step = 1_000_000 / count;
    let row = |index: usize| {
        let end = if index == count - 1 { 999_999 } else { (index + 1) * step - 1 };
        format!("    | {}..{end} => {}.{:04}% ;\n", index * step, index % 90, index * 37 % 10_000)
    };
    with_table("score) unique", (0..count).map(row).collect())
}

fn table_of_three_keys(count: usize) -> String {
    let bands = count.div_ceil(40);
    let step = 1_000_000 / bands;
    let mut rows = String::new();
    for band in 0..bands {
        let end = if band == bands - 1 { 999_999 } else { (band + 1) * step - 1 };
        for cell in 0..40 {
            let product = ["home", "car", "card", "cash"][cell % 4];
            let (first, last) = (cell / 4 * 12, if cell / 4 == 9 { 120 } else { cell / 4 * 12 + 11 });
            let value = format!("{}.{:04}%", (band + cell) % 90, band * cell % 10_000);
            writeln!(rows, "    | {}..{end} | {product} | {first}..{last} => {value} ;", band * step)
                .unwrap();
        }
    }
    with_table("score, product, age) unique", rows)
}

/// A space of three keys that is halved again and again at different places.
fn table_without_cuts(count: usize) -> String {
    let mut numbers = Numbers(4);
    let mut boxes = vec![[(0, 999_999), (0, 10_000_000), (0, 100_000)]];
    while boxes.len() < count {
        let at = numbers.below(boxes.len());
        let key = (0..3).max_by_key(|key| boxes[at][*key].1 - boxes[at][*key].0).unwrap();
        let (low, high) = boxes[at][key];
        if high - low < 2 {
            continue;
        }
        let cut = low + numbers.below(high - low);
        let mut other = boxes[at];
        (boxes[at][key], other[key]) = ((low, cut), (cut + 1, high));
        boxes.push(other);
    }
    let row = |(index, [score, income, wanted]): (usize, &[(usize, usize); 3])| {
        let amount = |(low, high): (usize, usize)| format!("${low}.00..${high}.99");
        let (income, wanted) = (amount(*income), amount(*wanted));
        format!(
            "    | {}..{} | {income} | {wanted} => {}.{:04}% ;\n",
            score.0,
            score.1,
            index % 90,
            index % 10_000
        )
    };
    with_table("score, income, wanted) unique", boxes.iter().enumerate().map(row).collect())
}

fn first_table(count: usize) -> String {
    let mut numbers = Numbers(5);
    let mut rows = String::new();
    let step = 1_000_000 / count;
    for index in 0..count - 1 {
        let product = ["home", "any", "card", "{car, cash}"][numbers.below(4)];
        let (low, age) = (index * step, numbers.below(100));
        writeln!(
            rows,
            "    | {low}..{} | {product} | >= {age} => {}.{index:04}% ;",
            low + 2 * step,
            index % 90
        )
        .unwrap();
    }
    with_table("score, product, age) first", rows + "    | any | any | any => 1% ;\n")
}
