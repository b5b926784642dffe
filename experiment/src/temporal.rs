//! What does the published experiment leave out? What was known when (a correction recorded late), and dates that no
//! version covers, where the right answer is a refusal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::answer::Answer;
use crate::domain::Domain;
use crate::matrix::{Setting, scenarios};
use crate::record::Record;
use crate::score::{by_scenario, class, most_frequent, right};
use crate::system::State;

/// The figures of one system.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemporalScore {
    /// Cases whose date a version covers and whose facts were on record: right runs, all runs.
    pub known_at: (u32, u32),
    /// Cases that have to be refused: right runs, all runs.
    pub refusals: (u32, u32),
    /// Cases with more than one answer.
    pub inconsistent: u32,
    /// By scenario, the runs that are right.
    pub scenarios: BTreeMap<String, u32>,
}

/// Scores the records of the cases beyond the published experiment, by system; systems that did not run are left out.
///
/// # Errors
/// Where a run is missing.
pub fn score(
    domains: &[Domain],
    setting: &Setting,
    records: &[Record],
) -> Result<BTreeMap<String, TemporalScore>, Failure> {
    let scenarios = scenarios(domains, true);
    let mut scores = BTreeMap::new();
    for name in setting.systems.iter().filter(|(_, (state, _))| *state != State::NotRun).map(|(name, _)| name)
    {
        let own: Vec<&Record> = records.iter().filter(|record| record.system == *name).collect();
        let mut score = TemporalScore::default();
        for cohort in by_scenario(&scenarios, &own, setting.runs, name)? {
            let is_refusal = matches!(right(cohort.domain, cohort.scenario)?, Answer::Refused(_));
            let (passed, total) = if is_refusal { &mut score.refusals } else { &mut score.known_at };
            let mut own = 0;
            for record in &cohort.records {
                *total += 1;
                own += u32::from(class(cohort.domain, cohort.scenario, record)?.is_none());
            }
            *passed += own;
            score.inconsistent += u32::from(most_frequent(&cohort) < 1.0);
            score.scenarios.insert(cohort.scenario.id.clone(), own);
        }
        scores.insert(name.clone(), score);
    }
    Ok(scores)
}
