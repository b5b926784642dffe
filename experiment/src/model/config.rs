//! Which model, and where? The command line says so, then the environment. Nothing is called unless a model is named.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::Failure;
use crate::model::evidence::Origin;
use crate::model::protocol::Protocol;

/// How a model is configured, for the person to whom it is missing.
pub const HOW: &str = "no model is configured: set `ANTHROPIC_API_KEY` or `OPENAI_API_KEY` and name a model with `--model` \
                       or `O02_MODEL`; for a local server, give its address with `--endpoint` or `O02_ENDPOINT`";

/// What the command line says about the model.
#[derive(Clone, PartialEq, Eq, Debug, Default, clap::Args)]
pub struct Options {
    /// The protocol that the model's server speaks: `anthropic` or `openai` [env: O02_PROTOCOL]
    #[arg(long, value_name = "PROTOCOL")]
    pub protocol: Option<String>,
    /// The address of the model's server, such as `http://localhost:11434/v1` [env: O02_ENDPOINT]
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// The model [env: O02_MODEL]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Take the model's responses from the evidence of an earlier run
    #[arg(long, value_name = "DIR", conflicts_with_all = ["protocol", "endpoint", "model"])]
    pub replay: Option<PathBuf>,
}

/// A model and how to reach it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The protocol.
    pub protocol: Protocol,
    /// The address, to which the protocol adds a path.
    pub endpoint: String,
    /// The model's name.
    pub model: String,
    /// The key, if the server wants one.
    pub key: Option<Secret>,
    /// How long a connection may take.
    pub connect_max: Duration,
    /// How long a call may take as a whole.
    pub call_max: Duration,
    /// How long to wait after the first try; twice as long after each further one.
    pub back_off: Duration,
    /// The longest wait, also where the server asks for a longer one.
    pub wait_max: Duration,
    /// Whether a model answers or the scripted server.
    pub origin: Origin,
}

/// A text that is never shown or written.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text to itself.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text, for the header of a request.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// A text in which the secret does not occur. Very short ones are not replaced: they are no secrets (`none`,
    /// `ollama`), and occur by chance.
    pub(crate) fn removed_from(&self, text: String) -> String {
        match self.0.len() {
            0..8 => text,
            _ => text.replace(&self.0, "[key]"),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Config {
    /// A configuration with the usual limits.
    pub fn new(protocol: Protocol, endpoint: &str, model: &str, key: Option<Secret>) -> Config {
        Config {
            protocol,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            model: model.to_owned(),
            key,
            connect_max: Duration::from_secs(10),
            call_max: Duration::from_secs(120),
            back_off: Duration::from_secs(1),
            wait_max: Duration::from_secs(60),
            origin: Origin::Live,
        }
    }

    /// What options and environment configure; `None` where they name no model ([`HOW`]). A key of the environment goes to
    /// the public server that it is for; another endpoint gets `O02_KEY` or none.
    ///
    /// # Errors
    /// Where they name half of one, or an address that cannot be used.
    pub fn of(
        options: &Options,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Config>, Failure> {
        let given = |option: &Option<String>, name: &str| option.clone().or_else(|| variable(name));
        let model = given(&options.model, "O02_MODEL");
        let endpoint = given(&options.endpoint, "O02_ENDPOINT");
        let protocol = match given(&options.protocol, "O02_PROTOCOL") {
            Some(name) => Some(Protocol::parse(&name)?),
            None => None,
        };
        let Some(model) = model else {
            return match (endpoint, protocol) {
                (None, None) => Ok(None),
                _ => Err(Failure::new("the model has no name").help("name it with `--model` or `O02_MODEL`")),
            };
        };
        let has_key = |protocol: Protocol| variable(protocol.key_variable()).is_some();
        let protocol = match (protocol, &endpoint) {
            (Some(protocol), _) => protocol,
            (None, Some(_)) => Protocol::Chat,
            (None, None) => match (has_key(Protocol::Messages), has_key(Protocol::Chat)) {
                (true, false) => Protocol::Messages,
                (false, true) => Protocol::Chat,
                _ => {
                    let which = Failure::new(format!("it is not said who serves the model `{model}`"));
                    return Err(
                        which.help("add `--protocol anthropic` or `--protocol openai`, or `--endpoint`")
                    );
                }
            },
        };
        let own_key = || if endpoint.is_none() { variable(protocol.key_variable()) } else { None };
        let key = variable("O02_KEY").or_else(own_key);
        if endpoint.is_none() && key.is_none() {
            let lacking = Failure::new(format!("there is no key for the model `{model}`"));
            return Err(lacking.help(format!("set `{}`", protocol.key_variable())));
        }
        let endpoint = endpoint.as_deref().unwrap_or(protocol.public_endpoint());
        check_endpoint(endpoint, key.is_some())?;
        if key.as_ref().is_some_and(|key| !key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')) {
            return Err(Failure::new("the key has a character that no key has, such as a space"));
        }
        Ok(Some(Config::new(protocol, endpoint, &model, key.map(Secret))))
    }

    /// The address of a request.
    pub fn url(&self) -> String {
        format!("{}{}", self.endpoint, self.protocol.path())
    }

    /// Whether the server is on this machine.
    pub fn is_local(&self) -> bool {
        is_loopback(&self.endpoint)
    }
}

/// An address of a server: no name or password, no query, and no key over an open connection.
fn check_endpoint(endpoint: &str, has_key: bool) -> Result<(), Failure> {
    let failure = |what: &str| Failure::new(format!("the endpoint {what}"));
    let rest = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
    match rest {
        None => Err(failure("does not begin with `http://` or `https://`")),
        // it would be kept with the evidence
        Some(rest) if rest.contains(['@', '?', '#']) => {
            Err(failure("has a name, a password or a query").help("give the key in `O02_KEY`"))
        }
        Some(rest) if rest.is_empty() || !rest.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(failure("is not an address"))
        }
        Some(_) if has_key && endpoint.starts_with("http://") && !is_loopback(endpoint) => {
            Err(failure("would get the key unencrypted").help("use `https://`, or leave `O02_KEY` out"))
        }
        Some(_) => Ok(()),
    }
}

fn is_loopback(endpoint: &str) -> bool {
    let rest = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(options: [Option<&str>; 3], environment: &[(&str, &str)]) -> Result<Option<Config>, Failure> {
        let [protocol, endpoint, model] = options.map(|option| option.map(str::to_owned));
        let options = Options { protocol, endpoint, model, replay: None };
        let variable = |name: &str| Some((*environment.iter().find(|(key, _)| *key == name)?.1).to_owned());
        Config::of(&options, variable)
    }

    #[test]
    fn a_key_alone_calls_nothing() {
        assert_eq!(config([None; 3], &[]), Ok(None));
        assert_eq!(config([None; 3], &[("ANTHROPIC_API_KEY", "k"), ("OPENAI_API_KEY", "k")]), Ok(None));
    }

    #[test]
    fn the_key_says_which_public_server() {
        let found = config([None, None, Some("m")], &[("OPENAI_API_KEY", "k")]).unwrap().unwrap();
        assert_eq!((found.protocol, &*found.endpoint), (Protocol::Chat, "https://api.openai.com/v1"));
        let both = [("ANTHROPIC_API_KEY", "a"), ("OPENAI_API_KEY", "o"), ("O02_MODEL", "m")];
        assert!(config([None; 3], &both).is_err());
        let found = config([Some("anthropic"), None, None], &both).unwrap().unwrap();
        assert_eq!(found.key, Some(Secret::new("a")));
        assert_eq!(found.url(), "https://api.anthropic.com/v1/messages");
        assert!(config([Some("anthropic"), None, Some("m")], &[]).is_err());
    }

    #[test]
    fn a_public_key_stays_with_its_server() {
        let environment = [("OPENAI_API_KEY", "secret")];
        let found =
            config([None, Some("http://localhost:1234/v1/"), Some("m")], &environment).unwrap().unwrap();
        assert_eq!((found.key.clone(), found.is_local()), (None, true));
        assert_eq!(found.url(), "http://localhost:1234/v1/chat/completions");
        let environment = [("O02_KEY", "secret")];
        assert!(config([None, Some("http://example.org/v1"), Some("m")], &environment).is_err());
        let found = config([None, Some("https://example.org/v1"), Some("m")], &environment).unwrap().unwrap();
        assert!(!format!("{found:?}").contains("secret") && found.key.is_some());
    }

    #[test]
    fn half_a_configuration_is_an_error() {
        for options in [
            [None, Some("http://localhost/v1"), None],
            [Some("openai"), None, None],
            [Some("telegraph"), None, Some("m")],
            [None, Some("localhost:1"), Some("m")],
            [None, Some("https://u:p@localhost"), Some("m")],
            [None, Some("https://localhost?key=1"), Some("m")],
        ] {
            assert!(config(options, &[]).is_err(), "{options:?}");
        }
    }
}
