//! From `open` to the first decision, in a process that has done nothing before:
//!
//!     start FOLDER            writes the artifact to a folder, and fills the cache there
//!     start FOLDER ENGINE     opens it on `native` or `vm`, decides once, and prints the microseconds that took
//!
//! `before.py` runs the first form once and the second form many times, built from two commits in turn.

use std::path::Path;
use std::time::Instant;

use opus_runtime::{Cache, CacheDir, Engine, Options, Policy};

const REQUEST: &str = r#"{"submitted_on": "2025-02-01", "age": 40, "score": 745, "annual_income": 90000.00,
    "monthly_debt": 400.00, "requested_amount": 9000.00, "term_months": 36, "employment": "salaried",
    "months_employed": 60, "delinquencies_24m": 0}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: start FOLDER [native|vm]")?;
    let (path, cache) = (Path::new(&folder).join("credit.opusc"), Path::new(&folder).join("cache"));
    let options = |engine| Options { engine, cache: Cache::In(CacheDir::new(&cache)), level: None };
    let Some(name) = arguments.next() else {
        std::fs::create_dir_all(&folder)?;
        std::fs::write(&path, opus_benches::artifact())?;
        for engine in Engine::ALL {
            let policy = Policy::open_with(&path, &options(engine))?;
            assert_eq!(policy.engine(), engine, "{:?}", policy.fallback());
        }
        return Ok(());
    };
    let engine = Engine::ALL.into_iter().find(|engine| engine.to_string() == name).ok_or("unknown engine")?;
    let options = options(engine);
    let start = Instant::now();
    let policy = Policy::open_with(&path, &options)?;
    let decision = policy.decide_json(REQUEST)?;
    let taken = start.elapsed();
    assert!(decision.rule_index() < policy.artifact().program().rules.len());
    println!("{:.1}", taken.as_secs_f64() * 1e6);
    Ok(())
}
