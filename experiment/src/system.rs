//! What answers? A system: it decides cases, and accounts for a change from one version to another.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Failure;
use crate::domain::Domain;

/// Whether what a system did in a run was done there and then.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It ran.
    Live,
    /// Its model's responses came from a recording.
    Replayed,
    /// Its model's responses came from the scripted server, which is no model.
    Scripted,
    /// It did not run, and has no figures.
    NotRun,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Live => "live",
            State::Replayed => "replayed",
            State::Scripted => "scripted",
            State::NotRun => "not run",
        })
    }
}

/// A case: its name and its fields.
pub type Case = (String, Map<String, Value>);

/// What is asked of a system.
#[derive(Clone, Debug)]
pub enum Task<'a> {
    /// To decide a case.
    Decide {
        /// The fields of the case.
        input: &'a Map<String, Value>,
        /// The version to apply whatever the date of the case; `None` for the one that the policy chooses.
        version: Option<u32>,
    },
    /// To account for what a new version changes. The answer is a [`crate::claims::Claims`].
    Govern {
        /// The old version.
        from: u32,
        /// The new version.
        to: u32,
        /// The cases to look at: their names and fields.
        population: &'a [Case],
    },
}

/// What a system gave back.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Outcome {
    /// The answer, as it came.
    pub text: String,
    /// How often the answer was asked for: 1, or more where the system tries again or consists of several steps.
    pub attempts: u32,
    /// Why it tried again.
    pub retries: Vec<String>,
    /// Why there is no answer: a program that failed, a server that could not be reached.
    pub error: Option<String>,
    /// The models as the server named them.
    pub models: Vec<String>,
    /// Tokens that went to the model.
    pub tokens_in: u64,
    /// Tokens that came from it.
    pub tokens_out: u64,
    /// The hashes of what was sent and received.
    pub evidence: Vec<String>,
}

impl Outcome {
    /// An answer at the first attempt, without a model.
    pub fn of(text: String) -> Outcome {
        Outcome { text, attempts: 1, ..Outcome::default() }
    }

    /// No answer.
    pub fn failed(error: String) -> Outcome {
        Outcome { attempts: 1, error: Some(error), ..Outcome::default() }
    }
}

/// What asking again for decisions shows.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// Whether each came out exactly as before.
    pub identical: bool,
    /// The hashes of what was sent to a model for it and received.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
}

/// The texts that a system executes for a domain, by name: a source, a program, a prompt.
pub type Texts = Vec<(String, String)>;

/// One of the five.
pub trait System: Sync {
    /// Its name in records and results.
    fn name(&self) -> &'static str;

    /// Its name for people.
    fn title(&self) -> &'static str;

    /// How it runs; [`State::NotRun`] with a reason.
    fn state(&self) -> (State, Option<String>);

    /// The names of locked entries that it uses in a domain.
    fn uses(&self, domain: &Domain) -> Vec<String>;

    /// Does what is asked. `run` tells apart runs of the same task.
    ///
    /// # Errors
    /// Where the experiment cannot go on: a recording that should be there is missing. What a system does wrong is an
    /// outcome.
    fn answer(&self, domain: &Domain, task: &Task<'_>, run: u32) -> Result<Outcome, Failure>;

    /// What it executes when it applies one version of a domain's policy to every case.
    ///
    /// # Errors
    /// Where there is no such version.
    fn texts(&self, domain: &Domain, version: u32) -> Result<Texts, Failure>;

    /// The literal at a place in these texts; `None` where the place does not name exactly one.
    fn read(&self, texts: &Texts, place: &str) -> Option<String>;

    /// The texts with another literal at a place that [`System::read`] finds.
    fn write(&self, texts: &Texts, place: &str, literal: &str) -> Option<Texts>;

    /// Decides cases by executing these texts as one version of the policy. `turn` tells apart executions in a run.
    ///
    /// # Errors
    /// As [`System::answer`].
    fn execute(
        &self,
        domain: &Domain,
        texts: &Texts,
        version: u32,
        population: &[Case],
        run: u32,
        turn: u32,
    ) -> Result<Vec<Outcome>, Failure>;

    /// Whether it gives the decisions of a population back exactly when asked again, by its own means.
    ///
    /// # Errors
    /// As [`System::answer`].
    fn replays(&self, domain: &Domain, population: &[Case], run: u32) -> Result<Replay, Failure>;
}
