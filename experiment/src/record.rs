//! What is kept of a run? One line of JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::system::{Replay, State};

/// A run: a system, a scenario, a repeat.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The system.
    pub system: String,
    /// How it ran.
    pub state: State,
    /// The scenario.
    pub scenario: String,
    /// The repeat, from 0.
    pub run: u32,
    /// The answer as it came.
    pub text: String,
    /// The canonical answer; none where the answer cannot be understood.
    pub answer: Option<Value>,
    /// The hash of the canonical answer, or of the bytes where there is none.
    pub output_hash: String,
    /// How often the answer was asked for.
    pub attempts: u32,
    /// Why it was asked for again.
    pub retries: Vec<String>,
    /// Why there is no answer.
    pub error: Option<String>,
    /// From the question to the answer.
    pub latency_us: u64,
    /// The models as the server named them.
    pub models: Vec<String>,
    /// Tokens to and from the model.
    pub tokens: (u64, u64),
    /// The hashes of what was sent to the model and received.
    pub evidence: Vec<String>,
    /// The fingerprint of the machine and its programs.
    pub environment: String,
    /// The body hash of the lock.
    pub lock: String,
    /// The locked entries that the run used, with their hashes.
    pub used: BTreeMap<String, String>,
    /// Of tier 3: what acting on the account showed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acted: Option<crate::claims::Acted>,
    /// Of tier 3: whether the system gave the decisions back when asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed: Option<Replay>,
}

impl Record {
    /// Every exchange with a model behind the run, and what it was for: the answer, acting on it, or asking again.
    pub fn exchanges(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let acted = self.acted.iter().flat_map(|acted| &acted.evidence);
        let replayed = self.replayed.iter().flat_map(|replay| &replay.evidence);
        let answered = self.evidence.iter().map(|hash| ("answer", hash));
        answered.chain(acted.map(|hash| ("acting on it", hash))).chain(replayed.map(|hash| ("replay", hash)))
    }

    /// What tells the run from all others.
    pub fn key(&self) -> (String, String, u32) {
        (self.system.clone(), self.scenario.clone(), self.run)
    }
}
