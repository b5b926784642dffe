//! Every stage by itself: compile, build, load, one row, a batch, by engine. `cargo bench -p opus-benches`.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use opus_benches::{SOURCE, applications, artifact, policy};
use opus_runtime::artifact::SourceText;
use opus_runtime::{Artifact, Engine};

/// Rows of a batch: what the pipeline of files decides at a time.
const ROWS: usize = 1 << 16;

fn compile(criterion: &mut Criterion) {
    criterion.bench_function("compile", |bencher| bencher.iter(|| opus_frontend::compile(SOURCE)));
    let program = opus_frontend::compile(SOURCE).0.expect("it compiles").program;
    criterion.bench_function("build", |bencher| {
        let source = SourceText { text: SOURCE, compiler: opus_frontend::VERSION };
        let build = |program| Artifact::build(program, source);
        bencher.iter_batched(|| program.clone(), build, BatchSize::SmallInput);
    });
    let artifact = artifact();
    criterion.bench_function("load", |bencher| bencher.iter(|| Artifact::from_bytes(&artifact)));
}

fn decide(criterion: &mut Criterion) {
    for engine in Engine::ALL {
        let policy = policy(engine, None, None);
        let inputs = applications(&policy, ROWS);
        let mut row = policy.row();
        for field in 0..inputs.len() {
            let set = match inputs.get(field, 0) {
                Some(value) => row.set_counted(field, value),
                None => row.set_missing(field),
            };
            set.expect("applications are admitted");
        }
        criterion.bench_function(&format!("row/{engine}"), |bencher| {
            bencher.iter(|| policy.decide(&row).is_ok());
        });
        let mut group = criterion.benchmark_group("batch");
        group.throughput(Throughput::Elements(ROWS as u64));
        group.bench_function(engine.name(), |bencher| {
            let mut batch = policy.batch(ROWS);
            bencher.iter_custom(|rounds| {
                let mut total = std::time::Duration::ZERO;
                for _ in 0..rounds {
                    batch.clear();
                    batch.inputs_mut().clone_from(&inputs);
                    let start = std::time::Instant::now();
                    batch.decide();
                    total += start.elapsed();
                }
                total
            });
        });
    }
}

criterion_group!(stages, compile, decide);
criterion_main!(stages);
