//! How is a model asked? Over one of two protocols, or from a recording; and every exchange is kept.
//!
//! [`config`] says which model, [`protocol`] what is sent and received, [`transport`] how, and [`evidence`] keeps it.
//! [`estimate`] says what it would cost. No answer is ever made up here: without a model, there is none.

pub mod config;
pub mod estimate;
pub mod evidence;
pub mod protocol;
pub mod transport;

use std::fmt;
use std::path::Path;

pub use config::{Config, Options};
pub use evidence::{Evidence, Origin};
pub use protocol::{Protocol, Stop};

use crate::Failure;
use crate::system::State;
use evidence::{About, Exchange};

/// What is asked of a model.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// What it is to do.
    pub system: String,
    /// What it is to do it with.
    pub user: String,
    /// The form of the answer, as a JSON schema. The protocols have the server enforce it.
    pub schema: Option<serde_json::Value>,
    /// The longest answer, in tokens.
    pub tokens_max: u32,
}

/// Which of many equal requests this is: two with the same slot and the same content are the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// The run, which tells apart repeats of a task.
    pub run: u32,
    /// What for.
    pub turn: Turn,
    /// The number of the call in this turn, from 0.
    pub call: u32,
}

/// What a model is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// To answer a task.
    Answer,
    /// To execute a text; the number tells apart executions in a run.
    Execute(u32),
    /// To decide a population once more.
    Again(u32),
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Turn::Answer => f.write_str("answer"),
            Turn::Execute(number) => write!(f, "execute-{number}"),
            Turn::Again(number) => write!(f, "again-{number}"),
        }
    }
}

/// What came back.
#[derive(Clone, PartialEq, Debug)]
pub struct Reply {
    /// The answer, as the model wrote it; empty where there is none.
    pub text: String,
    /// Why there is no answer, after all tries.
    pub error: Option<String>,
    /// The model as the server named it.
    pub model: String,
    /// Tokens that went to the model, as the server counted them.
    pub tokens_in: u64,
    /// Tokens that came from it.
    pub tokens_out: u64,
    /// Why it stopped.
    pub stop: Stop,
    /// The hash of what was sent and received; empty where nothing is kept.
    pub evidence: String,
}

/// A model, or a recording of one.
pub struct Model {
    config: Config,
    source: Source,
    evidence: Evidence,
}

enum Source {
    Server(ureq::Agent),
    Recording(Evidence),
}

/// The model that the command line and the environment configure: a recording, a server, or none. What is sent and received
/// is kept in a folder.
///
/// # Errors
/// Where the configuration contradicts itself, or a folder cannot be used.
pub fn open(options: &Options, evidence: &Path) -> Result<Option<Model>, Failure> {
    if let Some(recording) = &options.replay {
        return Model::replay(recording, evidence).map(Some);
    }
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    Config::of(options, variable)?.map(|config| Model::live(config, evidence)).transpose()
}

impl Model {
    /// A model behind a server.
    ///
    /// # Errors
    /// Where the folder cannot be used, or has recordings of another model.
    pub fn live(config: Config, evidence: &Path) -> Result<Model, Failure> {
        let evidence = Evidence::create(evidence, &About::of(&config))?;
        let source = Source::Server(transport::agent(&config));
        Ok(Model { config, source, evidence })
    }

    /// A recording in a folder that an earlier run left. It is never completed by a call.
    ///
    /// # Errors
    /// Where there is none.
    pub fn replay(recording: &Path, evidence: &Path) -> Result<Model, Failure> {
        let recording = Evidence::open(recording)?;
        let about = recording.about()?;
        let evidence = Evidence::create(evidence, &about)?;
        Ok(Model { config: about.config(), source: Source::Recording(recording), evidence })
    }

    /// Whether answers come from a model, from a recording, or from the scripted server, which is no model.
    pub fn state(&self) -> State {
        match (self.config.origin, &self.source) {
            (Origin::Scripted, _) => State::Scripted,
            (Origin::Live, Source::Recording(_)) => State::Replayed,
            (Origin::Live, Source::Server(_)) => State::Live,
        }
    }

    /// Which model: without the key.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Asks.
    ///
    /// # Errors
    /// Where the experiment cannot go on: a recording lacks the request, the server cannot be reached or does not accept
    /// the key. Anything else that goes wrong is in the reply.
    pub fn complete(&self, request: &Request, slot: Slot) -> Result<Reply, Failure> {
        let protocol = self.config.protocol;
        let body = protocol.body(&self.config.model, request);
        let key = evidence::key(&self.config, &body, slot);
        let exchange = match &self.source {
            Source::Recording(recording) => recording.find(&key, &body, slot)?,
            Source::Server(agent) => {
                let tries = transport::send(agent, &self.config, &body, slot)?;
                Exchange::of(&self.config, body, slot, tries)
            }
        };
        let hash = self.evidence.keep(&key, &exchange)?;
        Ok(exchange.reply(hash))
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("config", &self.config)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
