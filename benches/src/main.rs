//! The engines beside a hand-written loop, in one run:
//!
//!     cargo run --release -p opus-benches
//!
//! On a million applications in memory, decisions only: the loop that a vectorising compiler likes, native code with
//! the same CPU features, and the VM. Then one decision at a time, and a cold start from file to first decision.
//! Admission (reading fields from texts) is reported beside it. Runs take turns; medians and ratios are printed.

use std::time::Instant;

use opus_benches::{applications, artifact, credit, policy};
use opus_ir::memory::Columns;
use opus_runtime::{CacheDir, Engine, Level, Options, Policy, Row};

const ROWS: usize = 1_000_000;
const ROUNDS: usize = 15;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "credit policy, 2 versions, 11 inputs, 3 outputs; {ROWS} rows, {ROUNDS} rounds in turn, one thread\n"
    );
    columns();
    single_rows()?;
    cold_start()
}

/// A million rows, column by column.
fn columns() {
    println!("decisions on columns                 ns/row   to the loop with the same features");
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        let native = policy(Engine::Native, Some(level), None);
        let inputs = applications(&native, ROWS);
        let mut batch = native.batch(ROWS);
        let mut shape: Vec<_> = native.schema().output_columns();
        shape.push(opus_ir::Column { width: opus_ir::Width::W16, optional: false });
        let mut by_hand_outputs = Columns::new(&shape, ROWS);
        let (mut by_hand, mut by_native) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            by_hand.push(seconds(|| by_hand_loop(level, &inputs, &mut by_hand_outputs)));
            batch.clear();
            batch.inputs_mut().clone_from(&inputs);
            by_native.push(seconds(|| batch.decide()));
        }
        let same = (0..ROWS).all(|row| {
            (0..3).all(|output| batch.outputs().get(output, row) == by_hand_outputs.get(output, row))
        });
        assert!(same, "the loop and the policy decide differently");
        report(&format!("loop by hand, {level}"), &by_hand, None);
        report(&format!("native, {level}"), &by_native, Some(&by_hand));
        if level == Level::ALL.into_iter().rfind(|level| level.is_available()).expect("this one is") {
            let vm = policy(Engine::Vm, None, None);
            let mut batch = vm.batch(ROWS);
            let mut by_vm = Vec::new();
            for _ in 0..ROUNDS {
                batch.clear();
                batch.inputs_mut().clone_from(&inputs);
                by_vm.push(seconds(|| batch.decide()));
            }
            report("vm, 1,024 rows an op", &by_vm, Some(&by_hand));
        }
    }
    let missing = Level::ALL.into_iter().filter(|level| !level.is_available());
    missing.for_each(|level| println!("{level}: skipped, this machine has it not"));
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
                    std::hint::black_box(policy.decide(std::hint::black_box(row)).is_ok());
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
                std::hint::black_box(policy.decide_json(&text).is_ok());
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
        Some(format!("\"{}\": {text}", field.name))
    };
    let members: Vec<String> = schema.inputs.iter().enumerate().filter_map(member).collect();
    format!("{{{}}}", members.join(", "))
}

fn seconds(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64()
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
