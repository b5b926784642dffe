//! The engines beside a hand-written loop, in one run:
//!
//!     cargo run --release -p opus-benches
//!
//! On a million applications in memory, decisions only: the loop that a vectorising compiler likes, native code with
//! the same CPU features, and the VM. Then one decision at a time, and a cold start from file to first decision.
//! JSON requests are answered beside a struct that `sonic-rs` or `serde_json` fills, decided and written by hand.
//! Runs take turns; medians and ratios are printed. An argument runs one part: `columns`, `rows`, `json` or `start`.

use opus_benches::{applications, artifact, by_hand, credit, policy};
use opus_ir::memory::Columns;
use opus_runtime::{CacheDir, Engine, Level, Options, Policy, Row};

const ROWS: usize = 1_000_000;
const ROUNDS: usize = 15;

/// Columns have room for whole blocks of the loop by hand.
const ROOM: usize = ROWS.next_multiple_of(credit::BLOCK);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let only = std::env::args().nth(1);
    let wants = |part: &str| only.as_deref().is_none_or(|only| only == part);
    println!(
        "credit policy, 2 versions, 11 inputs, 3 outputs; {ROWS} rows, {ROUNDS} rounds in turn, one thread"
    );
    if wants("columns") {
        columns();
    }
    if wants("rows") {
        single_rows()?;
    }
    if wants("json") {
        requests()?;
    }
    if wants("start") {
        cold_start()?;
    }
    Ok(())
}

/// A million rows, column by column.
fn columns() {
    println!("\ndecisions on columns                 ns/row   to the loop with the same features");
    let available = || Level::ALL.into_iter().filter(|level| level.is_available());
    for level in available() {
        let native = policy(Engine::Native, Some(level), None);
        let inputs = applications(&native, ROWS);
        let mut engines = vec![(format!("native, {level}"), native.batch(ROOM), Vec::new())];
        // the machine always takes the widest vectors that there are
        if Some(level) == available().next_back() {
            let vm = policy(Engine::Vm, None, None);
            engines.push(("vm, 1,024 rows an op".to_string(), vm.batch(ROOM), Vec::new()));
        }
        let mut shape: Vec<_> = native.schema().output_columns();
        shape.push(opus_ir::Column { width: opus_ir::Width::W16, optional: false });
        let mut by_hand_outputs = Columns::new(&shape, ROOM);
        let mut by_hand = Vec::new();
        for _ in 0..ROUNDS {
            by_hand.push(seconds(|| by_hand_loop(level, &inputs, &mut by_hand_outputs)));
            for (name, batch, times) in &mut engines {
                batch.clear();
                batch.inputs_mut().clone_from(&inputs);
                times.push(seconds(|| batch.decide()));
                let same = (0..3).all(|output| same(batch.outputs(), &by_hand_outputs, output));
                assert!(same, "{name} and the loop decide differently");
            }
        }
        report(&format!("loop by hand, {level}"), &by_hand, None);
        engines.iter().for_each(|(name, _, times)| report(name, times, Some(&by_hand)));
    }
    let missing = Level::ALL.into_iter().filter(|level| !level.is_available());
    missing.for_each(|level| println!("{level}: skipped, this machine has it not"));
}

fn same(a: &Columns, b: &Columns, index: usize) -> bool {
    let bytes = ROWS * a.column(index).width.bytes();
    a.bytes(index)[..bytes] == b.bytes(index)[..bytes]
}

/// One row at a time, over 4,096 different rows.
fn single_rows() -> Result<(), Box<dyn std::error::Error>> {
    println!("\none decision                          ns");
    for engine in Engine::ALL {
        let policy = policy(engine, None, None);
        let inputs = applications(&policy, 4096);
        let rows: Vec<Row> =
            (0..4096).map(|row| typed_row(&policy, &inputs, row)).collect::<Result<_, _>>()?;
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            times.push(seconds(|| {
                for row in &rows {
                    drop(std::hint::black_box(policy.decide(std::hint::black_box(row))));
                }
            }));
        }
        println!(
            "{:<36} {:>6.1}",
            format!("{engine}, a typed row"),
            median(&times) * 1e9 / rows.len() as f64
        );
        let texts: Vec<String> = (0..256).map(|row| json(&policy, &inputs, row)).collect();
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            times.push(seconds(|| {
                texts.iter().for_each(|text| drop(std::hint::black_box(policy.read_json(text))))
            }));
        }
        println!("{:<36} {:>6.0}", "  admission of a JSON object", median(&times) * 1e9 / texts.len() as f64);
    }
    Ok(())
}

/// How many requests are answered in a round.
const REQUESTS: usize = 4096;

/// One way to answer a request: appends the answer to a text.
type Answer<'a> = Box<dyn FnMut(&str, &mut String) + 'a>;

/// From the text of a request to the text of an answer. The first three ways write the same bytes, which is checked.
fn requests() -> Result<(), Box<dyn std::error::Error>> {
    for (style, colon, comma) in [("compact", ":", ","), ("with spaces", ": ", ", ")] {
        println!("\na JSON request, {style:<20} ns/request   to sonic-rs");
        let native = policy(Engine::Native, None, None);
        let vm = policy(Engine::Vm, None, None);
        let inputs = applications(&native, REQUESTS);
        let texts: Vec<String> =
            (0..REQUESTS).map(|row| json_in_style(&native, &inputs, row, colon, comma)).collect();
        let hash = native.artifact().content_hash().to_string();
        let (mut native_row, mut vm_row) = (native.row(), vm.row());
        let mut ways: Vec<(&str, Answer<'_>)> = vec![
            (
                "sonic-rs, decided by hand",
                Box::new(|text, answer| {
                    by_hand::answer_with_sonic(text, &hash, answer).expect("a good request")
                }),
            ),
            (
                "serde_json, decided by hand",
                Box::new(|text, answer| {
                    by_hand::answer_with_serde(text, &hash, answer).expect("a good request")
                }),
            ),
            (
                "opus, native, row reused",
                Box::new(|text, answer| answer_with(&native, &mut native_row, text, answer)),
            ),
            ("opus, vm, row reused", Box::new(|text, answer| answer_with(&vm, &mut vm_row, text, answer))),
            (
                "opus, native, a row and a text each",
                Box::new(|text, answer| {
                    let mut row = native.row();
                    answer_with(&native, &mut row, text, answer);
                }),
            ),
            (
                "opus, native, with hashes",
                Box::new(|text, answer| {
                    native.decide_json(text).expect("a good request").write_json(answer);
                }),
            ),
        ];
        let mut answers: Vec<String> = ways.iter().map(|_| String::new()).collect();
        for text in &texts {
            for ((name, answer), to) in ways.iter_mut().zip(&mut answers) {
                to.clear();
                answer(text, to);
                let short = to.split_once(",\"input\"").map_or(to.clone(), |(short, _)| format!("{short}}}"));
                *to = short;
                assert!(!to.is_empty(), "{name}");
            }
            assert!(answers.iter().all(|answer| *answer == answers[0]), "{text}: {answers:#?}");
        }
        let mut times: Vec<Vec<f64>> = ways.iter().map(|_| Vec::new()).collect();
        let mut to = String::with_capacity(1024);
        for _ in 0..ROUNDS {
            for ((_, answer), times) in ways.iter_mut().zip(&mut times) {
                times.push(seconds(|| {
                    for text in &texts {
                        to.clear();
                        answer(std::hint::black_box(text), &mut to);
                        std::hint::black_box(&to);
                    }
                }));
            }
        }
        for ((name, _), own) in ways.iter().zip(&times) {
            let pairs: Vec<f64> = own.iter().zip(&times[0]).map(|(own, sonic)| own / sonic).collect();
            println!("{name:<36} {:>6.0}   {:>12.2}", median(own) * 1e9 / REQUESTS as f64, median(&pairs));
        }
    }
    Ok(())
}

fn answer_with(policy: &Policy, row: &mut Row, text: &str, answer: &mut String) {
    row.set_json(text).expect("a good request");
    policy.decide(row).expect("a good request").write_json_without_hashes(answer);
}

/// From a file to the first decision, all checks made, native code from the cache.
fn cold_start() -> Result<(), Box<dyn std::error::Error>> {
    println!("\nfrom open to the first decision       µs");
    let folder = std::env::temp_dir().join(format!("opus-benches-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("credit.opusc");
    std::fs::write(&path, artifact())?;
    for engine in Engine::ALL {
        let cache = opus_runtime::Cache::In(CacheDir::new(folder.join("cache")));
        let options = Options { engine, cache, level: None };
        let warm = Policy::open_with(&path, &options)?;
        let text = json(&warm, &applications(&warm, 1), 0);
        let mut times = Vec::new();
        for _ in 0..200 {
            times.push(seconds(|| {
                let policy = Policy::open_with(&path, &options).expect("it was opened before");
                drop(std::hint::black_box(policy.decide_json(&text)));
            }));
        }
        println!("{:<36} {:>6.0}", engine.to_string(), median(&times) * 1e6);
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn by_hand_loop(level: Level, inputs: &Columns, outputs: &mut Columns) {
    // SAFETY: only levels that this machine has are measured.
    unsafe {
        match level {
            Level::Sse41 => credit::staged_sse41(inputs, outputs),
            Level::Avx2 => credit::staged_avx2(inputs, outputs),
            Level::Avx512Vl => credit::staged_avx512(inputs, outputs),
        }
    }
}

fn typed_row(policy: &Policy, inputs: &Columns, row: usize) -> Result<Row, Box<dyn std::error::Error>> {
    let mut typed = policy.row();
    for field in 0..inputs.len() {
        match inputs.get(field, row) {
            Some(value) => typed.set_counted(field, value)?,
            None => typed.set_missing(field)?,
        }
    }
    Ok(typed)
}

fn json(policy: &Policy, inputs: &Columns, row: usize) -> String {
    json_in_style(policy, inputs, row, ": ", ", ")
}

fn json_in_style(policy: &Policy, inputs: &Columns, row: usize, colon: &str, comma: &str) -> String {
    let schema = policy.schema();
    let member = |(index, field): (usize, &opus_ir::Field)| {
        let value = inputs.get(index, row)?;
        let text = match field.kind {
            opus_ir::Kind::Money => format!("{}.{:02}", value / 100, value % 100),
            opus_ir::Kind::Date => format!("\"{}\"", opus_ir::date::civil(value)),
            opus_ir::Kind::Enum(of) => {
                format!("\"{}\"", schema.enums[of as usize].values[value as usize].name)
            }
            _ => value.to_string(),
        };
        Some(format!("\"{}\"{colon}{text}", field.name))
    };
    let members: Vec<String> = schema.inputs.iter().enumerate().filter_map(member).collect();
    format!("{{{}}}", members.join(comma))
}

/// How long a run takes this thread: what it waits for others on a shared machine does not count.
fn seconds(run: impl FnOnce()) -> f64 {
    let start = now_seconds();
    run();
    now_seconds() - start
}

#[cfg(unix)]
fn now_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

#[cfg(not(unix))]
fn now_seconds() -> f64 {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed().as_secs_f64()
}

fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn report(name: &str, times: &[f64], against: Option<&[f64]>) {
    let ratio = against.map(|against| {
        let pairs: Vec<f64> = times.iter().zip(against).map(|(ours, theirs)| ours / theirs).collect();
        format!("{:.2}", median(&pairs))
    });
    println!("{name:<36} {:>6.2}   {}", median(times) * 1e9 / ROWS as f64, ratio.unwrap_or_default());
}
