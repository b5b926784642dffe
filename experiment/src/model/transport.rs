//! How does a request reach a server? Over HTTP, with limits of time and size, tried again where that can help.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use ureq::Timeout;

use crate::Failure;
use crate::model::evidence::{Origin, Try};
use crate::model::{Config, Slot};
use crate::scripted;

/// How often a request is sent at most.
pub const TRIES_MAX: u32 = 5;
/// The longest response, in bytes.
pub const RESPONSE_BYTES_MAX: u64 = 4 << 20;

/// A client for a configuration.
pub fn agent(config: &Config) -> ureq::Agent {
    let builder = ureq::Agent::config_builder()
        .timeout_connect(Some(config.connect_max))
        .timeout_global(Some(config.call_max))
        .http_status_as_error(false)
        // a server elsewhere has no business with the key
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections_per_host(16);
    match config.is_local() {
        true => builder.proxy(None).build().new_agent(),
        false => builder.build().new_agent(),
    }
}

/// Sends a request until there is a response that another try would not change. All tries are returned.
///
/// # Errors
/// Where the experiment cannot go on: the server cannot be reached or does not accept the key, or is not what it is said
/// to be.
pub fn send(agent: &ureq::Agent, config: &Config, body: &str, slot: Slot) -> Result<Vec<Try>, Failure> {
    let mut tries = Vec::new();
    for number in 1..=TRIES_MAX {
        let started = Instant::now();
        let sent = once(agent, config, body, slot, number);
        let latency_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut made = Try { latency_ms, ..Try::default() };
        let mut asked = None;
        let again = match sent {
            Ok(response) => {
                check_origin(config, response.is_scripted)?;
                check_access(config, response.status)?;
                made.status = Some(response.status);
                made.response = Some(without_key(config, response.body));
                asked = response.retry_after;
                matches!(response.status, 408 | 429 | 500..)
            }
            Err(error) => {
                made.error = Some(without_key(config, error.to_string()));
                match kind(&error) {
                    Kind::Unreachable if number == TRIES_MAX => {
                        let what = format!("`{}` cannot be reached: {error}", config.endpoint);
                        return Err(Failure::new(without_key(config, what))
                            .help("check the address; what has run so far is kept, and is not run again"));
                    }
                    kind => kind != Kind::Final,
                }
            }
        };
        if again && number < TRIES_MAX {
            let wait = delay(config, number, asked);
            made.waited_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            thread::sleep(wait);
        }
        tries.push(made);
        if !again {
            break;
        }
    }
    Ok(tries)
}

struct Response {
    status: u16,
    body: String,
    retry_after: Option<Duration>,
    is_scripted: bool,
}

fn once(
    agent: &ureq::Agent,
    config: &Config,
    body: &str,
    slot: Slot,
    number: u32,
) -> Result<Response, ureq::Error> {
    let mut request = agent.post(config.url());
    for (name, value) in config.protocol.headers(config.key.as_ref().map(|key| key.text())) {
        request = request.header(name, value);
    }
    if config.origin == Origin::Scripted {
        request = request.header(scripted::SLOT_HEADER, scripted::slot_header(slot, number));
    }
    let mut response = request.send(body)?;
    let header = |name: &str| response.headers().get(name)?.to_str().ok();
    let retry_after =
        header("retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let is_scripted = header(scripted::HEADER).is_some();
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(RESPONSE_BYTES_MAX).read_to_vec()?;
    let body = String::from_utf8(body).map_err(|_| {
        ureq::Error::Io(io::Error::new(io::ErrorKind::InvalidData, "the response is not UTF-8"))
    })?;
    Ok(Response { status, body, retry_after, is_scripted })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The server was not reached.
    Unreachable,
    /// Another try may help.
    Again,
    /// Another try would end in the same way.
    Final,
}

fn kind(error: &ureq::Error) -> Kind {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, InvalidData, NetworkUnreachable};
    match error {
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::InvalidProxyUrl
        | ureq::Error::Tls(_)
        | ureq::Error::Rustls(_)
        | ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => Kind::Unreachable,
        ureq::Error::Io(error) => match error.kind() {
            ConnectionRefused | HostUnreachable | NetworkUnreachable => Kind::Unreachable,
            InvalidData => Kind::Final,
            _ => Kind::Again,
        },
        ureq::Error::BodyExceedsLimit(_) | ureq::Error::LargeResponseHeader(..) | ureq::Error::BadUri(_) => {
            Kind::Final
        }
        _ => Kind::Again,
    }
}

/// How long to wait after a try: twice as long after each, and as long as the server asks, within the bound.
fn delay(config: &Config, number: u32, asked: Option<Duration>) -> Duration {
    let own = config.back_off.saturating_mul(1 << (number - 1));
    own.max(asked.unwrap_or_default()).min(config.wait_max)
}

/// What the scripted server says is not a model's, and the other way round.
fn check_origin(config: &Config, is_scripted: bool) -> Result<(), Failure> {
    match (config.origin, is_scripted) {
        (Origin::Live, true) => {
            Err(Failure::new(format!("`{}` is the scripted server, which is no model", config.endpoint)))
        }
        (Origin::Scripted, false) => {
            Err(Failure::new(format!("`{}` is not the scripted server", config.endpoint)))
        }
        _ => Ok(()),
    }
}

/// A request that will be turned away whatever it asks.
fn check_access(config: &Config, status: u16) -> Result<(), Failure> {
    let (what, help) = match status {
        401 | 403 => {
            ("does not accept the key", format!("check `{}` or `O02_KEY`", config.protocol.key_variable()))
        }
        402 => ("asks for payment", "check the account of the key".to_owned()),
        404 => ("does not have this model or address", "check `--endpoint` and `--model`".to_owned()),
        _ => return Ok(()),
    };
    Err(Failure::new(format!("`{}` {what} (status {status}, model `{}`)", config.endpoint, config.model))
        .help(help))
}

fn without_key(config: &Config, text: String) -> String {
    match &config.key {
        Some(key) => key.removed_from(text),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Protocol;

    #[test]
    fn waits_double_and_are_bounded() {
        let config = Config::new(Protocol::Chat, "http://localhost", "m", None);
        let second = Duration::from_secs;
        let waits = [1, 2, 3, 4].map(|number| delay(&config, number, None));
        assert_eq!(waits, [1, 2, 4, 8].map(second));
        assert_eq!(delay(&config, 1, Some(second(30))), second(30));
        assert_eq!(delay(&config, 4, Some(second(1))), second(8));
        assert_eq!(delay(&config, 1, Some(second(86_400))), config.wait_max);
    }
}
