//! What would the systems with a model cost? Tokens, estimated from the prompts; nothing is called.
//!
//! Requests are the real ones, answers are the right ones, and a token is taken to be four characters. What a planner and
//! an executor write is taken to have [`PLAN_CHARACTERS`] and [`FINDINGS_CHARACTERS`].

use std::ops::{Add, Mul};
use std::sync::Mutex;

use serde::Serialize;

use crate::Failure;
use crate::domain::Domain;
use crate::model::{Reply, Request, Slot, Stop, Turn};
use crate::scenario::Tier;
use crate::scripted::{self, Script};
use crate::system::Texts;
use crate::systems::agent;
use crate::systems::prompted::{Asked, KINDS, Kind, converse, decide_texts, govern_texts};

/// How many characters are taken to be a token.
pub const CHARACTERS_PER_TOKEN: u64 = 4;
/// The length that a plan is taken to have.
pub const PLAN_CHARACTERS: usize = 600;
/// The length that findings are taken to have.
pub const FINDINGS_CHARACTERS: usize = 1200;

/// Calls and tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Cost {
    /// Calls of the model.
    pub calls: u64,
    /// Tokens that go to it.
    pub tokens_in: u64,
    /// Tokens that come from it.
    pub tokens_out: u64,
}

impl Add for Cost {
    type Output = Cost;

    fn add(self, other: Cost) -> Cost {
        Cost {
            calls: self.calls + other.calls,
            tokens_in: self.tokens_in + other.tokens_in,
            tokens_out: self.tokens_out + other.tokens_out,
        }
    }
}

impl Mul<u64> for Cost {
    type Output = Cost;

    fn mul(self, times: u64) -> Cost {
        Cost {
            calls: self.calls * times,
            tokens_in: self.tokens_in * times,
            tokens_out: self.tokens_out * times,
        }
    }
}

/// What a system would cost, if nothing is tried again.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Estimate {
    /// The name of the system.
    pub system: &'static str,
    /// A decision, on average over the scenarios.
    pub decision: Cost,
    /// All scenarios of the three tiers, once.
    pub scenarios: Cost,
    /// Acting on the accounts of tier 3, and replaying their populations, once.
    pub checks: Cost,
}

impl Estimate {
    /// So many runs of everything.
    pub fn total(&self, runs: u32) -> Cost {
        (self.scenarios + self.checks) * u64::from(runs)
    }
}

/// What each system would cost on these domains.
///
/// # Errors
/// Where a domain's schema cannot be used.
pub fn estimate(domains: &[Domain]) -> Result<Vec<Estimate>, Failure> {
    let script = Script::new(domains);
    KINDS.iter().map(|kind| of(kind, domains, &script)).collect()
}

fn of(kind: &Kind, domains: &[Domain], script: &Script) -> Result<Estimate, Failure> {
    let mut estimate = Estimate {
        system: kind.name,
        decision: Cost::default(),
        scenarios: Cost::default(),
        checks: Cost::default(),
    };
    let (mut decisions, mut all) = (0, Cost::default());
    for domain in domains {
        let texts = decide_texts(kind, domain, None);
        for scenario in domain.scenarios.iter().filter(|scenario| scenario.tier != Tier::Temporal) {
            let (texts, asked) = match scenario.versions() {
                Some((from, to)) => {
                    let population = domain.population(scenario);
                    // before, after and back; and the population twice
                    for (_, input) in &population {
                        let asked = Asked::decide(domain, input)?;
                        estimate.checks = estimate.checks + dialogue(kind, script, &texts, &asked)? * 5;
                    }
                    (govern_texts(kind, domain, from, to), Asked::govern(domain, &population)?)
                }
                None => (texts.clone(), Asked::decide(domain, &scenario.input)?),
            };
            let cost = dialogue(kind, script, &texts, &asked)?;
            estimate.scenarios = estimate.scenarios + cost;
            if scenario.tier != Tier::Governance {
                decisions += 1;
                all = all + cost;
            }
        }
    }
    let mean = |sum: u64| sum.checked_div(decisions).unwrap_or(0);
    estimate.decision =
        Cost { calls: mean(all.calls), tokens_in: mean(all.tokens_in), tokens_out: mean(all.tokens_out) };
    Ok(estimate)
}

fn dialogue(kind: &Kind, script: &Script, texts: &Texts, asked: &Asked) -> Result<Cost, Failure> {
    let cost = Mutex::new(Cost::default());
    let answer = |request: &Request, _: Slot| {
        let text = match scripted::role(&request.system) {
            Some(agent::PLANNER) => "-".repeat(PLAN_CHARACTERS),
            Some(agent::EXECUTOR) => "-".repeat(FINDINGS_CHARACTERS),
            _ => script.right(&request.system, &request.user, request.schema.as_ref()),
        };
        let form = request.schema.as_ref().map_or(0, |schema| tokens(&schema.to_string()));
        let tokens_in = tokens(&request.system) + tokens(&request.user) + form;
        let tokens_out = tokens(&text);
        let mut cost = cost.lock().expect("nothing panics meanwhile");
        *cost = *cost + Cost { calls: 1, tokens_in, tokens_out };
        let (model, evidence) = (String::new(), String::new());
        Ok(Reply { text, error: None, model, tokens_in, tokens_out, stop: Stop::End, evidence })
    };
    converse(kind, &answer, texts, asked, 0, Turn::Answer)?;
    Ok(cost.into_inner().expect("nothing panicked"))
}

fn tokens(text: &str) -> u64 {
    (text.chars().count() as u64).div_ceil(CHARACTERS_PER_TOKEN)
}
