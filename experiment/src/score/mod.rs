//! What do the runs amount to?
//!
//! Scoring follows the published experiment where its own sums fix the meaning. Ours are the labels, materiality, the
//! intervals, and how an account of a change is tested.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Failure;
use crate::answer::{Answer, Class};
use crate::claims::{Claims, judge};
use crate::domain::Domain;
use crate::matrix::{Setting, scenarios};
use crate::record::Record;
use crate::scenario::{Scenario, Tier};
use crate::system::State;

/// The share of a system's runs below which failures are contained.
pub const CONTAINED_BELOW: f64 = 0.01;
/// The share of a system's runs below which they are moderate.
pub const MODERATE_BELOW: f64 = 0.25;
/// The share of a system's tier-1 runs above which a kind of failure is material.
pub const MATERIAL_ABOVE: f64 = 0.05;
/// 95 % of a normal distribution lie within so many standard deviations.
const Z: f64 = 1.959_963_984_540_054;

/// The thresholds, as they are locked.
pub fn thresholds() -> Value {
    json!({
        "contained_below": CONTAINED_BELOW,
        "moderate_below": MODERATE_BELOW,
        "material_above": MATERIAL_ABOVE,
        "z": Z,
        "bounds_us": BTreeMap::from(BOUNDS_US),
    })
}

/// How long a run of a system may take, in microseconds: an account of a change includes the commands or programs behind it.
const BOUNDS_US: [(&str, u64); 5] = [
    ("opus", 60_000_000),
    ("agent_coded", 60_000_000),
    ("structured", 600_000_000),
    ("agent", 1_800_000_000),
    ("raw", 600_000_000),
];

/// How long a run of a system may take, in microseconds.
pub fn bound_us(system: &str) -> u64 {
    BOUNDS_US.iter().find(|(name, _)| *name == system).map_or(0, |(_, bound)| *bound)
}

/// All figures.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// The version of this form.
    pub format: u32,
    /// What the scenarios are.
    pub note: String,
    /// The body hash of the lock.
    pub lock: String,
    /// The repeats of each scenario.
    pub runs: u32,
    /// How many runs are recorded.
    pub recorded: usize,
    /// How many the whole matrix has.
    pub matrix: usize,
    /// By system.
    pub systems: BTreeMap<String, SystemScore>,
}

/// The figures of one system. Where it did not run there are none.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemScore {
    /// How it ran: `live`, `replayed`, `scripted` or `not_run`.
    pub state: String,
    /// Why it did not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Is the decision right?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier1: Option<Tier1>,
    /// Is it made by the version in force?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier2: Option<Tier2>,
    /// Is the change accounted for?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier3: Option<Tier3>,
    /// Is the answer the same each time?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stability: Option<Stability>,
    /// Failed tier-1 runs by class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taxonomy: Option<BTreeMap<String, u32>>,
    /// All failures together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surface: Option<Surface>,
    /// How long runs took, and what they sent and received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

/// Wilson's interval of 95 %, over scenarios.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// The number of scenarios.
    pub scenarios: u32,
}

/// Tier 1: all three fields are right.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier1 {
    /// Runs that are right.
    pub passed: u32,
    /// All runs.
    pub total: u32,
    /// Of their share.
    pub interval: Interval,
}

/// Tier 2: decision and amount, in the scenarios whose answer depends on the version.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier2 {
    /// Runs with the answer of the version in force.
    pub correct: u32,
    /// Runs with the answer of one of the versions.
    pub scoreable: u32,
    /// Runs with the other version's answer.
    pub misbound: u32,
    /// By kind: `none`, `decision_flip`, `value_distortion`, `dominated_by_error`.
    pub kinds: BTreeMap<String, u32>,
    /// Of the share of correct among scoreable runs.
    pub interval: Interval,
    /// Of the scenarios whose answer does not depend on the version: runs with all three fields right.
    pub irrelevant_passed: u32,
    /// All such runs.
    pub irrelevant_total: u32,
}

/// Tier 3: what is right in the accounts of changes.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier3 {
    /// Right claims among expected ones.
    pub completeness: f64,
    /// Right claims among those made.
    pub precision: f64,
    /// The share of claims that hold when acted on; the mean over runs.
    pub authority: f64,
    /// Whether in every run the changes, taken back, give every result of before.
    pub invertible: bool,
    /// Whether in every run the system gave its decisions back when asked again.
    pub replay: bool,
    /// Accounts that were given.
    pub runs: u32,
    /// The runs that acting on the claims took, which count nowhere else.
    pub extra_runs: u32,
}

/// Determinism: the share of the most frequent answer in a cohort, the repeats of one scenario.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stability {
    /// Over all cohorts.
    pub mean: f64,
    /// The least.
    pub min: f64,
    /// Cohorts with more than one answer.
    pub inconsistent: u32,
    /// All cohorts.
    pub cohorts: u32,
    /// Of the share of cohorts with one answer.
    pub interval: Interval,
}

/// The surface of failures. As published, it counts a wrong decision twice.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surface {
    /// Failed tier-1 runs.
    pub taxonomy: u32,
    /// Those with a wrong decision; none where they cannot be told from others, as a decision has no valid value.
    pub wrong_decisions: Option<u32>,
    /// Tier-2 runs with the other version's answer.
    pub misbindings: u32,
    /// Cohorts with more than one answer.
    pub inconsistent: u32,
    /// The sum; at least this where wrong decisions are not separable.
    pub total: u32,
    /// `clean`, `contained`, `moderate` or `severe`.
    pub label: String,
    /// The classes that are material.
    pub material: Vec<String>,
}

/// What runs cost.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// The median time of a decision, in microseconds.
    pub latency_us_median: u64,
    /// The 99th percentile.
    pub latency_us_p99: u64,
    /// The longest run, accounts of changes included.
    pub latency_us_max: u64,
    /// Tokens sent in all runs.
    pub tokens_in: u64,
    /// Tokens received in all runs.
    pub tokens_out: u64,
    /// Runs with more than one attempt.
    pub runs_with_retries: u32,
    /// Answers that were not as the schema says.
    pub validation_errors: u32,
}

/// What a tier-2 run shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Binding {
    /// The version in force decided.
    None,
    /// The other version decided, and gives another decision.
    DecisionFlip,
    /// The other version decided, with the same decision and another amount.
    ValueDistortion,
    /// Neither version gives this answer.
    DominatedByError,
}

impl Binding {
    /// All kinds.
    pub const ALL: [Binding; 4] =
        [Binding::None, Binding::DecisionFlip, Binding::ValueDistortion, Binding::DominatedByError];

    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Binding::None => "none",
            Binding::DecisionFlip => "decision_flip",
            Binding::ValueDistortion => "value_distortion",
            Binding::DominatedByError => "dominated_by_error",
        }
    }
}

/// The answer in a record.
pub fn found(domain: &Domain, record: &Record) -> Option<Answer> {
    domain.shape.read(record.answer.as_ref()?.as_object()?)
}

/// The right answer of a scenario.
///
/// # Errors
/// Where the scenario has none.
pub fn right(domain: &Domain, scenario: &Scenario) -> Result<Answer, Failure> {
    let answer = scenario.expected.as_object().and_then(|object| domain.shape.read(object));
    answer.ok_or_else(|| Failure::new(format!("{} has no right answer", scenario.id)))
}

/// Why a run failed, by its class; `None` if it is right.
///
/// # Errors
/// Where the scenario has no right answer.
pub fn class(domain: &Domain, scenario: &Scenario, record: &Record) -> Result<Option<Class>, Failure> {
    Ok(domain.shape.judge(found(domain, record).as_ref(), &right(domain, scenario)?))
}

/// What a tier-2 run of a scenario that depends on the version shows.
///
/// # Errors
/// Where the scenario has no right answer.
pub fn binding(domain: &Domain, scenario: &Scenario, record: &Record) -> Result<Binding, Failure> {
    let right = right(domain, scenario)?;
    let other = scenario.misbound.as_ref().and_then(Value::as_object);
    let other = other.and_then(|object| domain.shape.read(object));
    let found = found(domain, record);
    let is = |answer: &Answer| found.as_ref().is_some_and(|found| found.binding() == answer.binding());
    Ok(match other {
        _ if is(&right) => Binding::None,
        Some(other) if is(&other) && other.binding().0 != right.binding().0 => Binding::DecisionFlip,
        Some(other) if is(&other) => Binding::ValueDistortion,
        _ => Binding::DominatedByError,
    })
}

/// Wilson's interval of a share over so many scenarios.
pub fn wilson(share: f64, scenarios: u32) -> Interval {
    let n = f64::from(scenarios);
    if scenarios == 0 {
        return Interval::default();
    }
    let centre = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let rounded = |value: f64| (value.clamp(0.0, 1.0) * 1e6).round() / 1e6;
    Interval { low: rounded(centre - half), high: rounded(centre + half), scenarios }
}

/// Scores all records of the published experiment's matrix.
///
/// # Errors
/// Where runs against the scripted server are among others, a run is missing, or a scenario is unknown.
pub fn score(domains: &[Domain], setting: &Setting, records: &[Record]) -> Result<Scores, Failure> {
    let states: BTreeSet<State> = records.iter().map(|record| record.state).collect();
    if states.contains(&State::Scripted) && states.len() > 1 {
        return Err(Failure::new("runs against the scripted server are among runs of real systems")
            .help("the scripted server is no model: give its runs a folder of their own"));
    }
    let scenarios = scenarios(domains, false);
    let mut systems = BTreeMap::new();
    for (name, (state, reason)) in &setting.systems {
        let own: Vec<&Record> = records.iter().filter(|record| record.system == *name).collect();
        let score = match state {
            State::NotRun => {
                SystemScore { state: "not_run".into(), reason: reason.clone(), ..SystemScore::default() }
            }
            state => {
                let runs = by_scenario(&scenarios, &own, setting.runs, name)?;
                system(*state, &runs, setting.runs)?
            }
        };
        systems.insert(name.clone(), score);
    }
    let in_matrix: BTreeSet<&str> = scenarios.iter().map(|(_, scenario)| &*scenario.id).collect();
    Ok(Scores {
        format: 1,
        note: "The scenarios are a reconstruction: those of the published experiment are not public.".into(),
        lock: setting.lock.clone(),
        runs: setting.runs,
        recorded: records.iter().filter(|record| in_matrix.contains(&*record.scenario)).count(),
        matrix: crate::systems::NAMES.len() * scenarios.len() * setting.runs as usize,
        systems,
    })
}

/// The repeats of one scenario.
pub struct Cohort<'a> {
    /// Of which domain.
    pub domain: &'a Domain,
    /// The scenario.
    pub scenario: &'a Scenario,
    /// Its runs.
    pub records: Vec<&'a Record>,
}

/// All cohorts of a system's records.
///
/// # Errors
/// Where a run is missing.
pub fn by_scenario<'a>(
    scenarios: &[(&'a Domain, &'a Scenario)],
    records: &[&'a Record],
    runs: u32,
    system: &str,
) -> Result<Vec<Cohort<'a>>, Failure> {
    let cohort = |(domain, scenario): &(&'a Domain, &'a Scenario)| {
        let mut own: Vec<&'a Record> =
            records.iter().filter(|record| record.scenario == scenario.id).copied().collect();
        own.sort_by_key(|record| record.run);
        match own.len() == runs as usize {
            true => Ok(Cohort { domain, scenario, records: own }),
            false => {
                let count = own.len();
                Err(Failure::new(format!("{system} has {count} of {runs} runs of {}", scenario.id))
                    .help("`o02 run` makes those that are missing"))
            }
        }
    };
    scenarios.iter().map(cohort).collect()
}

fn system(state: State, cohorts: &[Cohort<'_>], runs: u32) -> Result<SystemScore, Failure> {
    let of = |tier: Tier| cohorts.iter().filter(move |cohort| cohort.scenario.tier == tier);
    let count = |length: usize| u32::try_from(length).expect("the matrix is small");
    let share = |part: u32, whole: u32| if whole == 0 { 0.0 } else { f64::from(part) / f64::from(whole) };

    let mut taxonomy: BTreeMap<String, u32> =
        Class::ALL.iter().map(|class| (class.name().to_owned(), 0)).collect();
    let (mut tier1, mut is_separable) = (Tier1::default(), true);
    for cohort in of(Tier::Decision) {
        for record in &cohort.records {
            tier1.total += 1;
            match class(cohort.domain, cohort.scenario, record)? {
                None => tier1.passed += 1,
                Some(class) => {
                    *taxonomy.entry(class.name().into()).or_default() += 1;
                    let decision = found(cohort.domain, record);
                    let valid = decision.is_none_or(|answer| match answer {
                        Answer::Decided { decision, .. } => cohort.domain.shape.decisions.contains(&decision),
                        Answer::Refused(_) => true,
                    });
                    is_separable &= valid;
                }
            }
        }
    }
    tier1.interval = wilson(share(tier1.passed, tier1.total), count(of(Tier::Decision).count()));

    let mut tier2 = Tier2 {
        kinds: Binding::ALL.iter().map(|kind| (kind.name().to_owned(), 0)).collect(),
        ..Tier2::default()
    };
    for cohort in of(Tier::Binding) {
        for record in &cohort.records {
            if !cohort.scenario.signal_dependent {
                tier2.irrelevant_total += 1;
                let is_right = class(cohort.domain, cohort.scenario, record)?.is_none();
                tier2.irrelevant_passed += u32::from(is_right);
                continue;
            }
            let kind = binding(cohort.domain, cohort.scenario, record)?;
            *tier2.kinds.entry(kind.name().into()).or_default() += 1;
            tier2.correct += u32::from(kind == Binding::None);
            tier2.scoreable += u32::from(kind != Binding::DominatedByError);
        }
    }
    tier2.misbound = tier2.scoreable - tier2.correct;
    let dependent = of(Tier::Binding).filter(|cohort| cohort.scenario.signal_dependent).count();
    tier2.interval = wilson(share(tier2.correct, tier2.scoreable), count(dependent));

    let stability = stability(cohorts);
    let failed = taxonomy.values().sum();
    let wrong = taxonomy[Class::WrongDecision.name()];
    let wrong_decisions = is_separable.then_some(wrong);
    let total = failed + wrong_decisions.unwrap_or(0) + tier2.misbound + stability.inconsistent;
    let all_runs = f64::from(count(cohorts.len()) * runs);
    let material =
        Class::ALL.iter().filter(|class| share(taxonomy[class.name()], tier1.total) > MATERIAL_ABOVE);
    let surface = Surface {
        taxonomy: failed,
        wrong_decisions,
        misbindings: tier2.misbound,
        inconsistent: stability.inconsistent,
        total,
        label: label(f64::from(total) / all_runs.max(1.0)).into(),
        material: material.map(|class| class.name().to_owned()).collect(),
    };
    let tier3 = tier3(of(Tier::Governance));
    Ok(SystemScore {
        state: serde_json::to_value(state)
            .ok()
            .and_then(|value| Some(value.as_str()?.to_owned()))
            .unwrap_or_default(),
        reason: None,
        tier1: Some(tier1),
        tier2: Some(tier2),
        tier3: Some(tier3),
        stability: Some(stability),
        taxonomy: Some(taxonomy),
        surface: Some(surface),
        cost: Some(cost(cohorts)),
    })
}

/// The label of a share of failures.
fn label(share: f64) -> &'static str {
    match share {
        0.0 => "clean",
        share if share < CONTAINED_BELOW => "contained",
        share if share < MODERATE_BELOW => "moderate",
        _ => "severe",
    }
}

/// How often the most frequent answer of a cohort came, as a share.
pub fn most_frequent(cohort: &Cohort<'_>) -> f64 {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    cohort.records.iter().for_each(|record| *counts.entry(&record.output_hash).or_default() += 1);
    let most = counts.values().max().copied().unwrap_or(0);
    if cohort.records.is_empty() { 0.0 } else { most as f64 / cohort.records.len() as f64 }
}

fn stability(cohorts: &[Cohort<'_>]) -> Stability {
    let shares: Vec<f64> = cohorts.iter().map(most_frequent).collect();
    let count = u32::try_from(shares.len()).expect("the matrix is small");
    let inconsistent = shares.iter().filter(|share| **share < 1.0).count();
    let inconsistent = u32::try_from(inconsistent).expect("the matrix is small");
    let rounded = |value: f64| (value * 1e6).round() / 1e6;
    Stability {
        mean: rounded(shares.iter().sum::<f64>() / f64::from(count.max(1))),
        min: rounded(shares.iter().copied().fold(1.0, f64::min)),
        inconsistent,
        cohorts: count,
        interval: wilson(f64::from(count - inconsistent) / f64::from(count.max(1)), count),
    }
}

fn tier3<'a>(cohorts: impl Iterator<Item = &'a Cohort<'a>>) -> Tier3 {
    let (mut right, mut expected, mut made) = (0, 0, 0);
    let (mut authority, mut runs, mut extra_runs) = (0.0, 0, 0);
    let (mut invertible, mut replay) = (true, true);
    for cohort in cohorts {
        for record in &cohort.records {
            let claims =
                record.answer.clone().and_then(|answer| serde_json::from_value::<Claims>(answer).ok());
            let judged = judge(&claims.unwrap_or_default(), cohort.scenario, &cohort.domain.shape);
            right += judged.right;
            expected += judged.expected;
            made += judged.made;
            runs += 1;
            let acted = record.acted.as_ref();
            authority += acted.map_or(0.0, crate::claims::Acted::authority);
            extra_runs += acted.map_or(0, |acted| acted.extra_runs);
            invertible &= acted.is_some_and(|acted| acted.invertible);
            replay &= record.replayed.as_ref().is_some_and(|replay| replay.identical);
        }
    }
    let share = |whole: u32| if whole == 0 { 0.0 } else { f64::from(right) / f64::from(whole) };
    Tier3 {
        completeness: share(expected),
        precision: share(made),
        authority: if runs == 0 { 0.0 } else { authority / f64::from(runs) },
        invertible: invertible && runs > 0,
        replay: replay && runs > 0,
        runs,
        extra_runs,
    }
}

fn cost(cohorts: &[Cohort<'_>]) -> Cost {
    let all = cohorts.iter().flat_map(|cohort| &cohort.records);
    let decisions = cohorts.iter().filter(|cohort| cohort.scenario.tier != Tier::Governance);
    let mut latencies: Vec<u64> =
        decisions.flat_map(|cohort| &cohort.records).map(|record| record.latency_us).collect();
    latencies.sort_unstable();
    let at = |share: f64| {
        let index = ((latencies.len() as f64 * share).ceil() as usize).saturating_sub(1);
        latencies.get(index).copied().unwrap_or(0)
    };
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    Cost {
        latency_us_median: at(0.5),
        latency_us_p99: at(0.99),
        latency_us_max: all.clone().map(|record| record.latency_us).max().unwrap_or(0),
        tokens_in: all.clone().map(|record| record.tokens.0).sum(),
        tokens_out: all.clone().map(|record| record.tokens.1).sum(),
        runs_with_retries: count(all.clone().filter(|record| record.attempts > 1).count()),
        validation_errors: count(all.map(|record| record.retries.len()).sum()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_of_wilson() {
        // 15 of 19, computed by hand from the formula
        let interval = wilson(15.0 / 19.0, 19);
        assert!(
            (interval.low - 0.566_664).abs() < 1e-3 && (interval.high - 0.914_924).abs() < 1e-3,
            "{interval:?}"
        );
        assert_eq!(wilson(1.0, 52).high, 1.0);
        assert!(wilson(1.0, 52).low > 0.93);
    }

    #[test]
    fn labels_are_those_of_the_published_table() {
        let labels = [0, 3, 82, 561, 352].map(|failures| label(f64::from(failures) / 780.0));
        assert_eq!(labels, ["clean", "contained", "moderate", "severe", "severe"]);
    }
}
