//! Was the experiment made as it was designed? Each control says what it found.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::matrix::Setting;
use crate::record::Record;
use crate::schema::Schema;
use crate::score::{Scores, bound_us};

/// A control.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Control {
    /// What it controls.
    pub name: String,
    /// Whether it holds.
    pub holds: bool,
    /// What it found.
    pub found: String,
}

/// All controls over the runs, with the body hash before and after them, and that of a first run.
pub fn all(
    setting: &Setting,
    records: &[Record],
    scores: &Scores,
    first: &Setting,
    after: &str,
) -> Vec<Control> {
    let control = |name: &str, holds: bool, found: String| Control { name: name.into(), holds, found };
    let fingerprints: BTreeSet<&str> = records.iter().map(|record| &*record.environment).collect();
    let mut models: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut slowest: BTreeMap<&str, u64> = BTreeMap::new();
    for record in records {
        models.entry(&record.system).or_default().extend(record.models.iter().map(String::as_str));
        let slowest = slowest.entry(&record.system).or_default();
        *slowest = record.latency_us.max(*slowest);
    }
    let named: Vec<String> = models
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(system, names)| format!("{system}: {}", names.iter().copied().collect::<Vec<_>>().join(", ")))
        .collect();
    let slow: Vec<String> = slowest
        .iter()
        .map(|(system, us)| {
            format!("{system} {:.3} s of {} s", *us as f64 / 1e6, bound_us(system) / 1_000_000)
        })
        .collect();
    let retries =
        |system: &str| records.iter().filter(|record| record.system == system && record.attempts > 1).count();
    let errors: usize = records.iter().map(|record| record.retries.len()).sum();
    let without_reason = records
        .iter()
        .filter(|record| record.attempts > 1 && record.retries.is_empty() && record.system != "agent")
        .count();
    let opus = scores.systems.get("opus").filter(|score| score.state != "not_run");
    let invariants = opus.map(|score| {
        let stability = score.stability.as_ref().is_some_and(|stability| stability.inconsistent == 0);
        (stability, score.tier2.as_ref().is_some_and(|tier2| tier2.misbound == 0))
    });
    let schema =
        Schema::read(include_str!("../../spec/run.schema.json")).expect("the schema is as committed");
    let form = |record: &Record| schema.check(&serde_json::to_value(record).expect("a record is JSON"));
    let invalid: Vec<String> = records.iter().filter_map(|record| form(record).err()).collect();
    let short = |hash: &str| hash.chars().take(16).collect::<String>();
    vec![
        control(
            "environment drift",
            fingerprints.len() <= 1,
            format!("{} fingerprint in {} records", fingerprints.len(), records.len()),
        ),
        control(
            "model identity",
            models.values().all(|names| names.len() <= 1),
            if named.is_empty() { "no model ran".into() } else { named.join("; ") },
        ),
        control(
            "run time within its bound",
            slowest.iter().all(|(system, us)| *us <= bound_us(system)),
            slow.join("; "),
        ),
        control(
            "retries",
            without_reason == 0,
            format!(
                "agent {} (by design), structured {}, others {}",
                retries("agent"),
                retries("structured"),
                ["opus", "agent_coded", "raw"].into_iter().map(retries).sum::<usize>()
            ),
        ),
        control(
            "validation errors",
            true,
            format!("{errors} answers were not as the schema says, and were asked for again"),
        ),
        control(
            "records valid against their schema",
            invalid.is_empty(),
            match invalid.first() {
                None => format!("{} of {}", records.len(), records.len()),
                Some(why) => format!("{} of {} are not: {why}", invalid.len(), records.len()),
            },
        ),
        control(
            "invariants of Opus",
            invariants.is_none_or(|(stable, bound)| stable && bound),
            match invariants {
                None => "Opus did not run".into(),
                Some((stable, bound)) => format!(
                    "stability {}, misbinding {}",
                    if stable { "1.000" } else { "below 1.000" },
                    if bound { "0" } else { "above 0" }
                ),
            },
        ),
        control(
            "body hash before, after, and of a first run",
            setting.lock == after && first.lock == after,
            format!("{}…, {}…, {}…", short(&setting.lock), short(after), short(&first.lock)),
        ),
    ]
}
