//! What was sent and received? Every exchange, whole, in a file named by its hash; without the key.
//!
//! `objects/HH/HASH.json` is an exchange: the request's body, and of each try the response's body or the error. Headers are
//! left out, as they have the key. `keys/KEY` has the hash of the exchange for a request: KEY is a hash over body, model,
//! endpoint, run, turn and call. `about.json` says which model the folder is about: only one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::model::protocol::{Protocol, Said, Stop};
use crate::model::{Config, Reply, Slot};

const FORMAT: u32 = 1;
const ABOUT: &str = "about.json";

/// Whether a model answers or the scripted server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A model.
    Live,
    /// The scripted server, which is no model.
    Scripted,
}

/// A request and what came back.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Exchange {
    format: u32,
    /// Who answers.
    pub origin: Origin,
    /// The protocol.
    pub protocol: Protocol,
    /// The method of HTTP.
    pub method: String,
    /// The address of the request.
    pub url: String,
    /// The model that was asked for.
    pub model: String,
    /// The run.
    pub run: u32,
    /// What for.
    pub turn: String,
    /// The number of the call in the turn.
    pub call: u32,
    /// The body of the request, as sent.
    pub request: String,
    /// Each time that it was sent.
    pub tries: Vec<Try>,
}

/// A try.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Try {
    /// The status of the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The body of the response, as received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// Why there is no whole response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// From sending to the last byte, in milliseconds.
    pub latency_ms: u64,
    /// The wait before the next try, in milliseconds.
    pub waited_ms: u64,
}

impl Exchange {
    /// An exchange that took place.
    pub fn of(config: &Config, request: String, slot: Slot, tries: Vec<Try>) -> Exchange {
        Exchange {
            format: FORMAT,
            origin: config.origin,
            protocol: config.protocol,
            method: "POST".into(),
            url: config.url(),
            model: config.model.clone(),
            run: slot.run,
            turn: slot.turn.to_string(),
            call: slot.call,
            request,
            tries,
        }
    }

    /// What the last try says.
    pub fn reply(&self, evidence: String) -> Reply {
        let said = match self.tries.last() {
            Some(Try { status: Some(200), response: Some(response), .. }) => self.protocol.read(response),
            Some(Try { status: Some(status), .. }) => {
                Err(format!("the server answered with status {status}"))
            }
            Some(Try { error: Some(error), .. }) => Err(format!("the server did not answer: {error}")),
            _ => Err("the server was not asked".to_owned()),
        };
        match said {
            Ok(Said { text, model, tokens_in, tokens_out, stop }) => {
                Reply { text, error: None, model, tokens_in, tokens_out, stop, evidence }
            }
            Err(error) => Reply {
                text: String::new(),
                error: Some(error),
                model: String::new(),
                tokens_in: 0,
                tokens_out: 0,
                stop: Stop::End,
                evidence,
            },
        }
    }
}

/// Which model a folder is about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct About {
    format: u32,
    /// Who answers.
    pub origin: Origin,
    /// The protocol.
    pub protocol: Protocol,
    /// The address of the server.
    pub endpoint: String,
    /// The model.
    pub model: String,
}

impl About {
    /// What a configuration is about.
    pub fn of(config: &Config) -> About {
        let Config { protocol, endpoint, model, origin, .. } = config.clone();
        About { format: FORMAT, origin, protocol, endpoint, model }
    }

    /// The configuration of a recording: without a key.
    pub fn config(self) -> Config {
        Config { origin: self.origin, ..Config::new(self.protocol, &self.endpoint, &self.model, None) }
    }
}

/// The key of a request.
pub fn key(config: &Config, body: &str, slot: Slot) -> String {
    let mut hasher = blake3::Hasher::new();
    let Slot { run, turn, call } = slot;
    let slot = [run.to_string(), turn.to_string(), call.to_string()];
    for part in [body, &config.model, &config.endpoint].into_iter().chain(slot.iter().map(|part| &**part)) {
        // lengths keep apart what would be one text otherwise
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// A folder of exchanges.
#[derive(Debug)]
pub struct Evidence {
    folder: PathBuf,
}

impl Evidence {
    /// A folder for exchanges with one model.
    ///
    /// # Errors
    /// Where it cannot be written, or has exchanges with another model.
    pub fn create(folder: &Path, about: &About) -> Result<Evidence, Failure> {
        let evidence = Evidence { folder: folder.to_owned() };
        let path = folder.join(ABOUT);
        if path.exists() {
            if evidence.about()? != *about {
                return Err(Failure::new(format!("`{}` has recordings of another model", folder.display()))
                    .help("give this one a folder of its own with `--out`"));
            }
            return Ok(evidence);
        }
        for part in ["objects", "keys"] {
            let path = folder.join(part);
            fs::create_dir_all(&path).map_err(|error| Failure::io(&path, "made", &error))?;
        }
        let text = serde_json::to_string_pretty(about).expect("it is JSON");
        put(&path, text.as_bytes())?;
        Ok(evidence)
    }

    /// A folder that is there.
    ///
    /// # Errors
    /// Where it is not one.
    pub fn open(folder: &Path) -> Result<Evidence, Failure> {
        let evidence = Evidence { folder: folder.to_owned() };
        evidence
            .about()
            .map_err(|failure| failure.help("a recording is the folder `evidence` that a run leaves"))?;
        Ok(evidence)
    }

    /// Which model it is about.
    ///
    /// # Errors
    /// Where it does not say so.
    pub fn about(&self) -> Result<About, Failure> {
        let path = self.folder.join(ABOUT);
        let bytes = fs::read(&path).map_err(|error| Failure::io(&path, "read", &error))?;
        let about: About = serde_json::from_slice(&bytes)
            .map_err(|error| Failure::new(format!("`{}`: {error}", path.display())))?;
        match about.format {
            FORMAT => Ok(about),
            other => Err(Failure::new(format!("`{}`: unknown format {other}", path.display()))),
        }
    }

    /// Where the exchange with a hash is, from the folder.
    pub fn object(hash: &str) -> PathBuf {
        Path::new("objects").join(hash.get(..2).unwrap_or_default()).join(format!("{hash}.json"))
    }

    /// Keeps an exchange, and returns its hash.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep(&self, key: &str, exchange: &Exchange) -> Result<String, Failure> {
        let bytes = serde_json::to_vec_pretty(exchange).expect("it is JSON");
        let hash = blake3::hash(&bytes).to_hex().to_string();
        let path = self.folder.join(Evidence::object(&hash));
        if !path.exists() {
            let parent = path.parent().expect("it is in a folder");
            fs::create_dir_all(parent).map_err(|error| Failure::io(parent, "made", &error))?;
            put(&path, &bytes)?;
        }
        put(&self.folder.join("keys").join(key), hash.as_bytes())?;
        Ok(hash)
    }

    /// The exchange for a request.
    ///
    /// # Errors
    /// Where there is none, or it is not what it was.
    pub fn find(&self, key: &str, body: &str, slot: Slot) -> Result<Exchange, Failure> {
        let Slot { run, turn, call } = slot;
        let Ok(hash) = fs::read_to_string(self.folder.join("keys").join(key)) else {
            let what =
                format!("`{}` has no recording of run {run}, {turn}, call {call}", self.folder.display());
            return Err(Failure::new(what).help(
                "a recording replays what was asked when it was made: the same scenarios, prompts, schemas and runs, or fewer",
            ));
        };
        let path = self.folder.join(Evidence::object(hash.trim()));
        let bytes = fs::read(&path).map_err(|error| Failure::io(&path, "read", &error))?;
        let changed = || Failure::new(format!("`{}` is not what was recorded", path.display()));
        if blake3::hash(&bytes).to_hex().as_str() != hash.trim() {
            return Err(changed());
        }
        let exchange: Exchange = serde_json::from_slice(&bytes).map_err(|_| changed())?;
        if exchange.request == body { Ok(exchange) } else { Err(changed()) }
    }
}

/// Writes a file at once, so that it is whole or not there.
fn put(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let new = path.with_extension(format!("{}-{number}.new", std::process::id()));
    let written = fs::write(&new, bytes).and_then(|()| fs::rename(&new, path));
    written.map_err(|error| Failure::io(path, "written", &error))
}
