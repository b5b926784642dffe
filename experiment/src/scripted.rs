//! What stands in for a model, to test what deals with one? A server on the loopback interface that speaks both protocols,
//! knows the right answers, and misbehaves by a fixed rule.
//!
//! It is no model. Everything that it says has a header that says so, its recordings have the origin `scripted`, and what
//! is computed from them has the state `scripted`.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::answer::{Class, object};
use crate::domain::Domain;
use crate::model::{Config, Origin, Protocol, Slot, Turn};
use crate::quantity::{Quantity, number_range};
use crate::scenario::{Scenario, Tier};
use crate::systems::{agent, raw};

/// The header of every response of the scripted server.
pub const HEADER: &str = "x-opus-scripted";
/// The header in which a client tells the scripted server which request this is, as it has no memory.
pub const SLOT_HEADER: &str = "x-opus-slot";
/// The name of the model that it says it is.
pub const MODEL: &str = "scripted";

/// The most connections at a time.
const CONNECTIONS_MAX: usize = 64;
/// The longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 4 << 20;
/// How long a client of the scripted server waits for a response; slow ones take longer.
pub const CALL_MAX: Duration = Duration::from_secs(1);

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Fault {
    /// Status 429, then right.
    TooManyRequests,
    /// Status 500, then right.
    ServerError,
    /// Later than the client waits, then right.
    Slow,
    /// The connection ends in the middle of the body, then right.
    Broken,
    /// Half an answer, cut off at the longest one.
    CutOff,
    /// Prose instead of JSON.
    NotJson,
    /// A decision that the policy does not have.
    WrongEnum,
    /// A field is missing.
    SchemaViolation,
    /// The model refuses.
    Refusal,
    /// The other version's answer.
    WrongVersion,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 10] = [
        Fault::TooManyRequests,
        Fault::ServerError,
        Fault::Slow,
        Fault::Broken,
        Fault::CutOff,
        Fault::NotJson,
        Fault::WrongEnum,
        Fault::SchemaViolation,
        Fault::Refusal,
        Fault::WrongVersion,
    ];

    /// Whether it is the server's or the network's: what is answered is right in the end.
    pub fn is_of_transport(self) -> bool {
        matches!(self, Fault::TooManyRequests | Fault::ServerError | Fault::Slow | Fault::Broken)
    }

    /// Whether the answer's form is wrong.
    pub fn is_of_form(self) -> bool {
        !self.is_of_transport() && self != Fault::WrongVersion
    }
}

/// A fault, and whether it comes again when the answer is asked for again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Misbehaviour {
    /// What goes wrong.
    pub fault: Fault,
    /// Whether it goes wrong each time.
    pub persists: bool,
}

/// What must come of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expected {
    /// How the answer fails; `None` if it is right. An account of a change that cannot be read is malformed.
    pub class: Option<Class>,
    /// Whether the answer is the other version's.
    pub is_misbound: bool,
    /// How often the system notices a fault and tries again.
    pub retries: usize,
    /// How often the first request of the run is sent.
    pub tries: usize,
}

/// The right answers, and the rule by which they go wrong.
#[derive(Clone, Debug)]
pub struct Script {
    domains: Vec<Domain>,
    /// The number of each scenario.
    numbers: BTreeMap<String, u32>,
}

impl Script {
    /// The script for some domains.
    pub fn new(domains: &[Domain]) -> Script {
        let ids = domains.iter().flat_map(|domain| &domain.scenarios).map(|scenario| scenario.id.clone());
        Script { domains: domains.to_vec(), numbers: ids.zip(0..).collect() }
    }

    /// What goes wrong when a scenario is run: by the numbers of both, the same for every system.
    ///
    /// Half of the runs go well. Of the others, each fault of form persists in one and vanishes in the next.
    pub fn fault(&self, scenario: &str, run: u32) -> Option<Misbehaviour> {
        let number = *self.numbers.get(scenario)?;
        let found = self.scenario(scenario)?;
        if found.misbound.is_some() && (number + run).is_multiple_of(3) {
            return Some(Misbehaviour { fault: Fault::WrongVersion, persists: true });
        }
        // 11 has no divisor in common with twice their number, so that each scenario meets each of them
        let faults = &Fault::ALL[..Fault::ALL.len() - 1];
        let cases: Vec<Misbehaviour> = [true, false]
            .into_iter()
            .flat_map(|persists| faults.iter().map(move |&fault| Misbehaviour { fault, persists }))
            .filter(|case| !(case.fault.is_of_transport() && case.persists))
            .collect();
        let index = (number + 11 * run) as usize % (2 * cases.len());
        let case = *cases.get(index)?;
        // an account has no enum of its own
        let is_possible = case.fault != Fault::WrongEnum || found.tier != Tier::Governance;
        is_possible.then_some(case)
    }

    /// What must come of a run of a system; of systems without a model, nothing is said.
    pub fn expected(&self, system: &str, scenario: &str, run: u32) -> Expected {
        let right = Expected { class: None, is_misbound: false, retries: 0, tries: 1 };
        let Some(Misbehaviour { fault, persists }) = self.fault(scenario, run) else { return right };
        let class = match fault {
            Fault::WrongEnum => Class::EnumValueInvalid,
            _ => Class::MalformedOutput,
        };
        match fault {
            Fault::WrongVersion => Expected { class: self.misbinding(scenario), is_misbound: true, ..right },
            _ if fault.is_of_transport() => Expected { tries: 2, ..right },
            // who does not check does not notice
            _ if system == raw::KIND.name => Expected { class: Some(class), ..right },
            _ if !persists => Expected { retries: 1, ..right },
            _ => Expected { class: Some(class), retries: 2, ..right },
        }
    }

    /// What is wrong with the other version's answer.
    fn misbinding(&self, id: &str) -> Option<Class> {
        let scenario = self.scenario(id)?;
        let shape = &self.domains.iter().find(|domain| domain.name == scenario.domain)?.shape;
        let read = |value: &Value| shape.read(value.as_object()?);
        shape.judge(read(scenario.misbound.as_ref()?).as_ref(), &read(&scenario.expected)?)
    }

    fn scenario(&self, id: &str) -> Option<&Scenario> {
        self.domains.iter().find_map(|domain| domain.scenario(id))
    }

    /// The right answer to a request, as text.
    pub(crate) fn right(&self, system: &str, user: &str, schema: Option<&Value>) -> String {
        self.text(system, user, schema, None)
    }

    /// What is answered to a request: right, or wrong in form or version.
    fn text(&self, system: &str, user: &str, schema: Option<&Value>, fault: Option<Fault>) -> String {
        let Some((domain, scenario)) = self.find(system, user) else {
            return "I do not know this case.".into();
        };
        match role(system) {
            Some(agent::PLANNER) => return "1. Find the version. 2. Apply the rules in their order.".into(),
            Some(agent::EXECUTOR) => return format!("It is {}: {}.", scenario.id, scenario.title),
            Some(agent::VALIDATOR) => return self.verdict(domain, scenario, user),
            _ => {}
        }
        let is_account = scenario.tier == Tier::Governance;
        let answer = match fault {
            Some(Fault::WrongVersion) => scenario.misbound.clone().unwrap_or_default(),
            Some(Fault::WrongEnum) => json!({
                "decision": "perhaps", &domain.shape.amount: "0.00", "reason_code": domain.shape.reasons[0],
            }),
            Some(Fault::SchemaViolation) if is_account => json!({"changes": []}),
            Some(Fault::SchemaViolation) => json!({"decision": domain.shape.decisions[0]}),
            _ if is_account => account(domain, scenario, system),
            _ => decision(domain, scenario, system),
        };
        let in_envelope = schema.is_some_and(|schema| schema.pointer("/properties/answer").is_some());
        let text = if in_envelope { json!({ "answer": answer }) } else { answer }.to_string();
        match fault {
            Some(Fault::CutOff) => text[..text.len() / 2].to_owned(),
            Some(Fault::NotJson) => {
                "The case is clear. By the rules of the policy, I would approve it.".into()
            }
            Some(Fault::Refusal) => "I cannot help with that.".into(),
            _ => text,
        }
    }

    /// What a validator says who checks the form alone.
    fn verdict(&self, domain: &Domain, scenario: &Scenario, user: &str) -> String {
        let answer = section(user, "Answer").and_then(object);
        let fits = match scenario.tier {
            Tier::Governance => answer.is_some_and(|answer| answer.contains_key("changed")),
            _ => {
                let answer = answer.and_then(|answer| domain.shape.read(&answer));
                answer.is_some_and(|answer| domain.shape.is_within(&answer))
            }
        };
        let verdict = match fits {
            true => json!({"verdict": "accept"}),
            false => json!({"verdict": "reject", "problem": "the answer does not have the form of one"}),
        };
        verdict.to_string()
    }

    /// The domain and the scenario that a request is about.
    fn find(&self, system: &str, user: &str) -> Option<(&Domain, &Scenario)> {
        let title = |domain: &&Domain| {
            let title = domain.prose.lines().next().unwrap_or_default();
            system.lines().any(|line| line == title || line.ends_with(&format!("| {title}")))
        };
        let domain = self.domains.iter().find(title)?;
        let found = if let Some(case) = section(user, "Case") {
            let input = object(case)?;
            domain.scenarios.iter().find(|scenario| scenario.input == input)
        } else {
            let cases: Vec<Value> = serde_json::from_str(section(user, "Cases")?).ok()?;
            let names: Vec<&str> = cases.iter().filter_map(|case| case["scenario"].as_str()).collect();
            let is_it =
                |scenario: &&Scenario| scenario.tier == Tier::Governance && scenario.population() == names;
            domain.scenarios.iter().find(is_it)
        };
        Some((domain, found?))
    }
}

/// The role for which a prompt is.
pub(crate) fn role(system: &str) -> Option<&'static str> {
    let roles = agent::KIND.roles.iter();
    roles.copied().find(|(_, _, text)| system.ends_with(text)).map(|(name, _, _)| name)
}

/// A named part of a message.
fn section<'a>(user: &'a str, name: &str) -> Option<&'a str> {
    let heading = format!("## {name}\n\n");
    let start = match user.starts_with(&heading) {
        true => heading.len(),
        false => user.find(&format!("\n\n{heading}"))? + heading.len() + 2,
    };
    let rest = &user[start..];
    Some(rest.split("\n\n## ").next().unwrap_or(rest))
}

/// The decision as the prompt has it: by the version in force, or by the one that the prompt fixes, whose values may have
/// been changed to another's.
fn decision(domain: &Domain, scenario: &Scenario, system: &str) -> Value {
    let fixed =
        system.split("Apply version ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok());
    let Some(fixed) = fixed else { return scenario.expected.clone() };
    let values = |text: &str, version: u32| -> Vec<Quantity> {
        let cells = cells(text).into_iter().filter(|cell| cell.version == version);
        cells.map(|cell| number(&text[cell.range])).collect()
    };
    let applied = values(system, fixed);
    let same = domain.versions.iter().copied().find(|&version| values(&domain.prose, version) == applied);
    under(domain, scenario, same.unwrap_or(fixed))
}

/// The right answer by one version, whatever the date.
fn under(domain: &Domain, scenario: &Scenario, version: u32) -> Value {
    let accounts = domain.scenarios.iter().filter(|scenario| scenario.tier == Tier::Governance);
    let changed = accounts.flat_map(|scenario| scenario.expected["changed_decisions"].as_array()).flatten();
    let listed = changed.into_iter().find(|changed| changed["scenario"] == *scenario.id);
    let listed = listed.and_then(|changed| changed.get(format!("under_version_{version}")));
    let other = scenario.misbound.as_ref().filter(|_| scenario.bound_version != Some(version));
    listed.or(other).unwrap_or(&scenario.expected).clone()
}

/// The account of a change, with places in the prompt that the request shows.
fn account(domain: &Domain, scenario: &Scenario, system: &str) -> Value {
    let (shown, expected) = (shown(system), &scenario.expected);
    let (from, _) = scenario.versions().unwrap_or_default();
    let list = |name: &str| expected[name].as_array().cloned().unwrap_or_default();
    let changes = list("changes");
    let change = |(change, index): (&Value, usize)| {
        let old = number(change["from"].as_str().unwrap_or_default());
        let cell = cells(&shown)
            .into_iter()
            .find(|cell| cell.version == from && number(&shown[cell.range.clone()]) == old);
        let place = cell.and_then(|cell| {
            let number = number_range(&shown[cell.range.clone()])?;
            Some(format!("prompt:{}..{}", cell.range.start + number.start, cell.range.start + number.end))
        });
        json!({"id": format!("E{index}"), "place": place, "from": change["from"], "to": change["to"]})
    };
    let ids = |element: &Value| -> Vec<String> {
        let because = changes.iter().zip(1..).filter(|(change, _)| change["element"] == *element);
        because.map(|(_, index)| format!("E{index}")).collect()
    };
    let changed = |changed: &Value| {
        json!({
            "scenario": changed["scenario"],
            "before": changed["under_version_1"],
            "after": changed["under_version_2"],
            "changes": ids(&changed["because_of"]),
        })
    };
    json!({
        "changes": changes.iter().zip(1..).map(change).collect::<Value>(),
        "changed": list("changed_decisions").iter().map(changed).collect::<Value>(),
        "narrative": format!("What the scripted server has for {} in {}.", scenario.id, domain.name),
    })
}

/// The prompt that a request shows with offsets.
fn shown(system: &str) -> String {
    let line = |line: &str| {
        let (offset, rest) = line.split_once("| ")?;
        offset.trim().parse::<usize>().ok()?;
        Some(format!("{rest}\n"))
    };
    system.lines().filter_map(line).collect()
}

/// A value of a version in the table at the beginning of a policy's prose.
struct Cell {
    version: u32,
    range: Range<usize>,
}

/// The values in the columns `version 1`, `version 2` and so on, but for the dates in force.
fn cells(text: &str) -> Vec<Cell> {
    let (mut found, mut versions, mut offset) = (Vec::new(), Vec::new(), 0);
    for line in text.split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        let columns: Vec<&str> = line.trim_end().split('|').collect();
        let named =
            |column: &&str| column.trim().strip_prefix("version ").and_then(|number| number.parse().ok());
        if columns.len() < 3 || !line.starts_with('|') {
            versions.clear();
        } else if columns.iter().any(|column| named(column).is_some()) {
            versions = columns.iter().map(named).collect::<Vec<Option<u32>>>();
        } else if !columns[1].contains("in force") && !columns[1].contains("---") {
            let mut at = start;
            for (index, column) in columns.iter().enumerate() {
                if let Some(Some(version)) = versions.get(index) {
                    found.push(Cell { version: *version, range: at..at + column.len() });
                }
                at += column.len() + 1;
            }
        }
    }
    found
}

/// The number in a value; whatever stands around it.
fn number(text: &str) -> Quantity {
    Quantity::parse(number_range(text).map_or(text, |range| &text[range]))
}

/// A slot as a header for the scripted server.
pub(crate) fn slot_header(slot: Slot, number: u32) -> String {
    let Slot { run, turn, call } = slot;
    format!("{run} {turn} {call} {number}")
}

/// A request to the server.
struct Asked {
    protocol: Protocol,
    system: String,
    user: String,
    schema: Option<Value>,
    run: u32,
    is_answer: bool,
    call: u32,
    number: u32,
}

impl Asked {
    fn of(path: &str, slot: &str, body: &[u8]) -> Option<Asked> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let word = |value: &Value| value.as_str().map(str::to_owned);
        let protocol =
            [Protocol::Messages, Protocol::Chat].into_iter().find(|protocol| path == protocol.path())?;
        let (system, user, schema) = match protocol {
            Protocol::Messages => {
                (&body["system"], &body["messages"][0]["content"], body.pointer("/tools/0/input_schema"))
            }
            Protocol::Chat => (
                &body["messages"][0]["content"],
                &body["messages"][1]["content"],
                body.pointer("/response_format/json_schema/schema"),
            ),
        };
        let mut slot = slot.split(' ');
        let mut next = || slot.next().unwrap_or_default().to_owned();
        let (run, turn, call, number) = (next(), next(), next(), next());
        Some(Asked {
            protocol,
            system: word(system)?,
            user: word(user)?,
            schema: schema.cloned(),
            run: run.parse().unwrap_or(0),
            is_answer: turn == Turn::Answer.to_string(),
            call: call.parse().unwrap_or(0),
            number: number.parse().unwrap_or(0),
        })
    }

    /// What goes wrong with this request.
    fn fault(&self, script: &Script) -> Option<Fault> {
        let (_, scenario) = script.find(&self.system, &self.user)?;
        let Misbehaviour { fault, persists } =
            script.fault(&scenario.id, self.run).filter(|_| self.is_answer)?;
        let is_first_answer = match role(&self.system) {
            // the assembler's first call
            Some(_) => self.call == 2,
            None => self.call == 0,
        };
        let happens = match fault {
            _ if fault.is_of_transport() => self.call == 0 && self.number == 1,
            Fault::WrongVersion => true,
            _ => persists || is_first_answer,
        };
        let is_answered = matches!(role(&self.system), None | Some(agent::ASSEMBLER));
        (happens && (fault.is_of_transport() || is_answered)).then_some(fault)
    }

    /// The body of a response.
    fn response(&self, text: &str, fault: Option<Fault>) -> String {
        let tokens = |text: &str| text.chars().count() / 4 + 1;
        let (read, written) = (tokens(&self.system) + tokens(&self.user), tokens(text));
        let cut_off = fault == Some(Fault::CutOff);
        let refused = fault == Some(Fault::Refusal);
        let response = match self.protocol {
            Protocol::Messages => {
                let structured = self.schema.as_ref().and_then(|_| object(text));
                let (block, stop) = match structured {
                    Some(input) => {
                        (json!({"type": "tool_use", "id": "t", "name": "answer", "input": input}), "tool_use")
                    }
                    None => (json!({"type": "text", "text": text}), "end_turn"),
                };
                let stop = match () {
                    () if cut_off => "max_tokens",
                    () if refused => "refusal",
                    () => stop,
                };
                json!({
                    "id": "m", "type": "message", "role": "assistant", "model": MODEL, "content": [block],
                    "stop_reason": stop, "usage": {"input_tokens": read, "output_tokens": written},
                })
            }
            Protocol::Chat => {
                let message = match refused {
                    true => json!({"role": "assistant", "content": null, "refusal": text}),
                    false => json!({"role": "assistant", "content": text, "refusal": null}),
                };
                let stop = if cut_off { "length" } else { "stop" };
                json!({
                    "id": "c", "object": "chat.completion", "model": MODEL,
                    "choices": [{"index": 0, "message": message, "finish_reason": stop}],
                    "usage": {"prompt_tokens": read, "completion_tokens": written},
                })
            }
        };
        response.to_string()
    }
}

/// The server. It ends when it is dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    script: Script,
    is_ending: AtomicBool,
    requests: AtomicU64,
    connections: Mutex<usize>,
    closed: Condvar,
}

impl Server {
    /// Starts a server on a free port of the loopback interface.
    ///
    /// # Errors
    /// Where there is none.
    pub fn start(script: Script) -> io::Result<Server> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            script,
            is_ending: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            connections: Mutex::new(0),
            closed: Condvar::new(),
        });
        let accepting = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Ok(Server { address, shared, accepting: Some(accepting) })
    }

    /// A configuration with which a client reaches it.
    pub fn config(&self, protocol: Protocol) -> Config {
        Config {
            call_max: CALL_MAX,
            back_off: Duration::from_millis(5),
            wait_max: Duration::from_millis(50),
            origin: Origin::Scripted,
            ..Config::new(protocol, &format!("http://{}", self.address), MODEL, None)
        }
    }

    /// How many requests it has answered.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.is_ending.store(true, Ordering::Relaxed);
        // so that it stops waiting for a connection
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.is_ending.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let mut open = shared.connections.lock().expect("nothing panics meanwhile");
        while *open >= CONNECTIONS_MAX {
            open = shared.closed.wait(open).expect("nothing panics meanwhile");
        }
        *open += 1;
        drop(open);
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // a client that goes away is no concern of the server's
            drop(serve(&stream, &shared));
            *shared.connections.lock().expect("nothing panics meanwhile") -= 1;
            shared.closed.notify_one();
        });
    }
}

/// Answers the requests of a connection.
fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        // a connection that is idle for long, or at the end of the server, is closed
        stream.set_read_timeout(Some(Duration::from_millis(100)))?;
        let idle = Instant::now();
        loop {
            match reader.fill_buf() {
                Ok([]) => return Ok(()),
                Ok(_) => break,
                Err(error) if is_waiting(&error) => {
                    if shared.is_ending.load(Ordering::Relaxed) || idle.elapsed() > Duration::from_secs(30) {
                        return Ok(());
                    }
                }
                Err(error) => return Err(error),
            }
        }
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let Some((path, slot, body)) = read(&mut reader)? else { return Ok(()) };
        shared.requests.fetch_add(1, Ordering::Relaxed);
        let Some(asked) = Asked::of(&path, &slot, &body) else {
            respond(
                stream,
                400,
                "",
                r#"{"error": {"message": "this is not a request of either protocol"}}"#,
            )?;
            continue;
        };
        let fault = asked.fault(&shared.script);
        let text = shared.script.text(&asked.system, &asked.user, asked.schema.as_ref(), fault);
        let response = asked.response(&text, fault);
        match fault {
            Some(Fault::TooManyRequests) => {
                respond(stream, 429, "retry-after: 0\r\n", r#"{"error": {"message": "too many requests"}}"#)?;
            }
            Some(Fault::ServerError) => {
                respond(stream, 500, "", r#"{"error": {"message": "something went wrong"}}"#)?;
            }
            Some(Fault::Slow) => return wait_for_end(stream, shared),
            Some(Fault::Broken) => {
                let whole = head(200, "", response.len()) + &response;
                (&mut &*stream).write_all(&whole.as_bytes()[..whole.len() - response.len() / 2])?;
                return stream.shutdown(Shutdown::Both);
            }
            _ => respond(stream, 200, "", &response)?,
        }
    }
}

/// Waits until the client has had enough.
fn wait_for_end(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(20)))?;
    let started = Instant::now();
    loop {
        match stream.peek(&mut [0]) {
            Err(error) if is_waiting(&error) => {}
            _ => return Ok(()),
        }
        if shared.is_ending.load(Ordering::Relaxed) || started.elapsed() > Duration::from_secs(30) {
            return Ok(());
        }
    }
}

fn is_waiting(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// A request: its path, its slot and its body.
fn read(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<(String, String, Vec<u8>)>> {
    let mut line = String::new();
    let mut next = |line: &mut String| -> io::Result<bool> {
        line.clear();
        // a header line that does not end within the limit is none
        let read = reader.by_ref().take(16 << 10).read_line(line)?;
        Ok(read > 0 && !line.trim_end().is_empty())
    };
    if !next(&mut line)? {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut slot, mut length) = (String::new(), 0);
    while next(&mut line)? {
        let Some((name, value)) = line.split_once(':') else { continue };
        match &*name.to_ascii_lowercase() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            SLOT_HEADER => value.trim().clone_into(&mut slot),
            _ => {}
        }
    }
    if length > REQUEST_BYTES_MAX {
        return Ok(None);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((path, slot, body)))
}

fn head(status: u16, headers: &str, length: usize) -> String {
    format!(
        "HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\n{HEADER}: 1\r\n{headers}content-length: {length}\r\n\r\n"
    )
}

fn respond(mut stream: &TcpStream, status: u16, headers: &str, body: &str) -> io::Result<()> {
    stream.write_all((head(status, headers, body.len()) + body).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_a_version_are_found_in_its_column() {
        let text = "# P\n\n| | version 1 | version 2 |\n| --- | --- | --- |\n| in force | 2023 | 2024 |\n| limit | above 10,000.00 | 7 days |\n\n| § | when | a | b |\n| 1 | 2 | 3 | 4 |\n";
        let found: Vec<(u32, &str)> =
            cells(text).into_iter().map(|cell| (cell.version, text[cell.range].trim())).collect();
        assert_eq!(found, [(1, "above 10,000.00"), (2, "7 days")]);
        assert_eq!(number("above 10,000.00"), number("10000.00"));
    }

    #[test]
    fn parts_of_a_message_are_found() {
        let user = "## Case\n\n{}\n\n## Answer\n\nyes";
        assert_eq!((section(user, "Case"), section(user, "Answer")), (Some("{}"), Some("yes")));
        assert_eq!(section(user, "Plan"), None);
    }
}
