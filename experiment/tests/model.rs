//! Models without a model: three systems in two protocols against a scripted server that misbehaves, and their recordings.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, thread};

use opus_experiment::answer::Class;
use opus_experiment::claims::{self, Claims};
use opus_experiment::domain::{self, Domain};
use opus_experiment::model::config::Secret;
use opus_experiment::model::{Config, Model, Origin, Protocol, Request, Slot, Turn, estimate};
use opus_experiment::scenario::{Scenario, Tier};
use opus_experiment::scripted::{Fault, Script, Server};
use opus_experiment::system::{Outcome, State, System, Task};
use opus_experiment::systems::prompted::{self, KINDS, Prompted};
use rayon::prelude::*;
use serde_json::{Map, Value};

const KEY: &str = "sk-a-key-that-nobody-may-see-0123456789";
const PROTOCOLS: [Protocol; 2] = [Protocol::Messages, Protocol::Chat];

fn domains() -> Vec<Domain> {
    domain::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("domains")).unwrap()
}

/// An empty folder for a test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("model").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    folder
}

fn scripted(server: &Server, protocol: Protocol, folder: &Path) -> Arc<Model> {
    let config = Config { key: Some(Secret::new(KEY)), ..server.config(protocol) };
    Arc::new(Model::live(config, folder).unwrap())
}

type Population = Vec<(String, Map<String, Value>)>;

fn population(domain: &Domain, scenario: &Scenario) -> Population {
    let case = |id: &str| (id.to_owned(), domain.scenario(id).unwrap().input.clone());
    scenario.population().into_iter().map(case).collect()
}

fn answer(system: &Prompted, domain: &Domain, scenario: &Scenario, run: u32) -> Outcome {
    let population = population(domain, scenario);
    let task = match scenario.versions() {
        Some((from, to)) => Task::Govern { from, to, population: &population },
        None => Task::Decide { input: &scenario.input, version: None },
    };
    system.answer(domain, &task, run).unwrap()
}

/// Every scenario in two runs.
fn cells(domains: &[Domain]) -> Vec<(&Domain, &Scenario, u32)> {
    let scenarios =
        domains.iter().flat_map(|domain| domain.scenarios.iter().map(move |scenario| (domain, scenario)));
    scenarios.flat_map(|(domain, scenario)| (0..2).map(move |run| (domain, scenario, run))).collect()
}

fn all_outcomes(systems: &[Prompted; 3], domains: &[Domain]) -> Vec<Outcome> {
    let cells = cells(domains);
    let asked: Vec<_> =
        systems.iter().flat_map(|system| cells.iter().map(move |cell| (system, cell))).collect();
    asked.par_iter().map(|(system, (domain, scenario, run))| answer(system, domain, scenario, *run)).collect()
}

/// How an answer fails.
fn class(domain: &Domain, scenario: &Scenario, text: &str) -> Option<Class> {
    match scenario.tier {
        Tier::Governance => match Claims::find(text) {
            None => Some(Class::MalformedOutput),
            Some(claims) => {
                let judged = claims::judge(&claims, scenario, &domain.shape);
                assert_eq!(
                    (judged.right, judged.made),
                    (judged.expected, judged.expected),
                    "{}",
                    scenario.id
                );
                None
            }
        },
        _ => {
            let right = domain.shape.read(scenario.expected.as_object().unwrap()).unwrap();
            domain.shape.judge(domain.shape.find(text).as_ref(), &right)
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn every_fault_has_its_consequence_and_a_recording_has_the_same() {
    let domains = domains();
    let script = Script::new(&domains);
    for protocol in PROTOCOLS {
        let (first, second) = (folder(protocol.name()), folder(&format!("{}-replayed", protocol.name())));
        let server = Server::start(script.clone()).unwrap();
        let systems = Prompted::all(Some(&scripted(&server, protocol, &first)));
        let outcomes = all_outcomes(&systems, &domains);
        let mut seen: BTreeSet<(&str, Fault, bool)> = BTreeSet::new();
        let cells = cells(&domains);
        let asked = systems.iter().flat_map(|system| cells.iter().map(move |cell| (system, cell)));
        for ((system, &(domain, scenario, run)), outcome) in asked.zip(&outcomes) {
            let fault = script.fault(&scenario.id, run);
            let expected = script.expected(system.name(), &scenario.id, run);
            let what = format!("{} {} {run}: {fault:?} gave {outcome:?}", system.name(), scenario.id);
            assert_eq!(outcome.error, None, "{what}");
            assert_eq!(class(domain, scenario, &outcome.text), expected.class, "{what}");
            assert_eq!(outcome.retries.len(), expected.retries, "{what}");
            if expected.is_misbound {
                let answer = |value: &Value| domain.shape.read(value.as_object().unwrap());
                assert_eq!(
                    domain.shape.find(&outcome.text),
                    answer(scenario.misbound.as_ref().unwrap()),
                    "{what}"
                );
            }
            let calls = match system.name() {
                "raw" => 1,
                "structured" => 1 + expected.retries,
                _ => 4 + 3 * expected.retries,
            };
            assert_eq!((outcome.attempts as usize, outcome.evidence.len()), (calls, calls), "{what}");
            assert_eq!(outcome.models, ["scripted"], "{what}");
            assert!(outcome.tokens_in > outcome.tokens_out && outcome.tokens_out > 0, "{what}");
            let exchange = exchange(&first, &outcome.evidence[0]);
            // a machine under load may be slow where the script is not
            assert!(exchange["tries"].as_array().unwrap().len() >= expected.tries, "{what}");
            assert_eq!(exchange["origin"], "scripted");
            seen.extend(fault.map(|fault| (system.name(), fault.fault, fault.persists)));
        }
        for kind in KINDS {
            for fault in Fault::ALL {
                let kinds = [false, true].map(|persists| seen.contains(&(kind.name, fault, persists)));
                let needed = [fault != Fault::WrongVersion, !fault.is_of_transport()];
                assert_eq!(kinds, needed, "{}: {fault:?}", kind.name);
            }
        }
        drop(server);

        let model = Arc::new(Model::replay(&first, &second).unwrap());
        assert_eq!(model.state(), State::Scripted);
        let systems = Prompted::all(Some(&model));
        assert_eq!(all_outcomes(&systems, &domains), outcomes);

        for path in files(&first).into_iter().chain(files(&second)) {
            let bytes = fs::read(&path).unwrap();
            assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "{}", path.display());
        }
        // nothing is recorded of a third run, and nothing calls the server, which would refuse
        let (domain, scenario, _) = cells[0];
        let task = Task::Decide { input: &scenario.input, version: None };
        let missing = systems[0].answer(domain, &task, 2).unwrap_err();
        assert!(missing.message.contains("has no recording of run 2, answer, call 0"), "{missing}");
    }
}

fn exchange(folder: &Path, hash: &str) -> Value {
    let path = folder.join(opus_experiment::model::Evidence::object(hash));
    let bytes = fs::read(path).unwrap();
    assert_eq!(blake3::hash(&bytes).to_hex().as_str(), hash);
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn an_account_holds_when_acted_on() {
    let domains = domains();
    let folder = folder("account");
    let server = Server::start(Script::new(&domains)).unwrap();
    let script = Script::new(&domains);
    for system in Prompted::all(Some(&scripted(&server, Protocol::Chat, &folder))) {
        for domain in &domains {
            for scenario in domain.scenarios.iter().filter(|scenario| scenario.tier == Tier::Governance) {
                let run = (0..).find(|&run| script.fault(&scenario.id, run).is_none()).unwrap();
                let outcome = answer(&system, domain, scenario, run);
                let claims = Claims::find(&outcome.text).unwrap();
                let (from, _) = scenario.versions().unwrap();
                let population = population(domain, scenario);
                let acted = claims::act(&system, domain, from, &population, &claims, run).unwrap();
                assert_eq!(acted.authority(), 1.0, "{} {}: {acted:?}", system.name(), scenario.id);
                assert!(acted.invertible, "{} {}", system.name(), scenario.id);
                assert!(system.replays(domain, &population, run).unwrap().identical);
                // the same account with a place beside the value does not hold
                let mut wrong = claims.clone();
                wrong.changes[0].place = "prompt:0..5".into();
                let acted = claims::act(&system, domain, from, &population, &wrong, run).unwrap();
                assert_eq!((acted.authority(), acted.invertible), (0.0, false));
            }
        }
    }
}

#[test]
fn prompts_are_the_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (file, text) in prompted::files() {
        assert_eq!(fs::read_to_string(folder.join(file)).unwrap(), text, "{file}");
    }
    let built_in: BTreeSet<PathBuf> =
        prompted::files().into_iter().map(|(file, _)| folder.join(file)).collect();
    let there = files(&folder.join("prompts")).into_iter().chain(files(&folder.join("schemas")));
    let of_models = there.filter(|path| !path.starts_with(folder.join("prompts/python")));
    assert_eq!(of_models.collect::<BTreeSet<_>>(), built_in);
}

#[test]
fn the_policy_and_no_case_are_in_what_is_executed() {
    for domain in &domains() {
        for kind in KINDS {
            let system = Prompted::new(kind, None);
            assert_eq!(system.state().0, State::NotRun);
            for &version in &domain.versions {
                let texts = system.texts(domain, version).unwrap();
                assert!(texts[0].1.contains(domain.prose.trim_end()));
                assert!(texts[0].1.contains(&format!("Apply version {version} of the policy")));
                assert!(!texts[0].1.contains("{version}") && !texts[0].1.contains("{prose}"));
            }
            assert!(system.texts(domain, 99).is_err());
        }
    }
}

#[test]
fn costs_are_estimated_for_every_system() {
    let estimates = estimate::estimate(&domains()).unwrap();
    assert_eq!(estimates.iter().map(|estimate| estimate.decision.calls).collect::<Vec<_>>(), [1, 4, 1]);
    for estimate in &estimates {
        let (decision, run) = (estimate.decision, estimate.scenarios);
        assert!(decision.tokens_in > 400 && decision.tokens_out > 10, "{estimate:?}");
        assert_eq!(run.calls, 52 * decision.calls);
        assert_eq!(estimate.total(15).calls, 15 * (run.calls + estimate.checks.calls));
    }
}

/// A model behind a server that gives each connection one response, and the folder of its evidence.
fn canned(response: impl Fn(&str) -> String + Send + 'static, name: &str) -> (Model, PathBuf) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = whole_request(&mut stream);
            let _ = stream.write_all(response(&request).as_bytes());
        }
    });
    let config = Config {
        back_off: Duration::from_millis(1),
        ..Config::new(Protocol::Chat, &endpoint, "m", Some(Secret::new(KEY)))
    };
    let folder = folder(name);
    (Model::live(config, &folder).unwrap(), folder)
}

/// A request, to the end of its body: a connection that is closed before is reset.
fn whole_request(stream: &mut TcpStream) -> String {
    let mut request = String::new();
    let mut part = [0; 4096];
    loop {
        if let Some((head, body)) = request.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap_or("0").parse().unwrap() {
                return request;
            }
        }
        let read = stream.read(&mut part).unwrap();
        assert!(read > 0, "the request ends early: {request}");
        request.push_str(std::str::from_utf8(&part[..read]).unwrap());
    }
}

fn http(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn request() -> Request {
    Request { system: "s".into(), user: "u".into(), schema: None, tokens_max: 1 }
}

const SLOT: Slot = Slot { run: 0, turn: Turn::Answer, call: 0 };

#[test]
fn a_key_that_a_server_sends_back_is_not_kept() {
    let echo = |request: &str| {
        let sent = request.lines().find(|line| line.starts_with("authorization")).unwrap();
        http(500, &format!("{{\"error\": \"what is {sent}?\"}}"))
    };
    let (model, folder) = canned(echo, "echo");
    let reply = model.complete(&request(), SLOT).unwrap();
    assert_eq!(reply.error.as_deref(), Some("the server answered with status 500"));
    let exchange = exchange(&folder, &reply.evidence);
    let tries = exchange["tries"].as_array().unwrap();
    assert_eq!(tries.len(), 5);
    assert_eq!(tries[0]["response"], "{\"error\": \"what is authorization: Bearer [key]?\"}");
    assert!(!format!("{model:?}").contains(KEY));
}

#[test]
fn what_no_other_try_would_change_ends_at_once() {
    let (model, folder) = canned(|_| http(400, "no"), "bad-request");
    let reply = model.complete(&request(), SLOT).unwrap();
    assert_eq!(reply.error.as_deref(), Some("the server answered with status 400"));
    assert_eq!(exchange(&folder, &reply.evidence)["tries"].as_array().unwrap().len(), 1);
    let (model, _) = canned(|_| http(200, "hello"), "no-json");
    let reply = model.complete(&request(), SLOT).unwrap();
    assert!(reply.error.unwrap().starts_with("the server's response is not JSON"));
    let (model, _) = canned(|_| http(401, "who are you?"), "unauthorized");
    let failure = model.complete(&request(), SLOT).unwrap_err();
    assert!(failure.message.contains("does not accept the key"), "{failure}");
    let (model, _) = canned(|_| http(200, &"x".repeat(5 << 20)), "too-long");
    assert!(model.complete(&request(), SLOT).unwrap().error.is_some());
}

#[test]
fn a_redirect_does_not_take_the_key_elsewhere() {
    let (model, _) = canned(
        |_| {
            "HTTP/1.1 302 x\r\nlocation: http://127.0.0.1:1/\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".into()
        },
        "redirect",
    );
    let reply = model.complete(&request(), SLOT).unwrap();
    assert_eq!(reply.error.as_deref(), Some("the server answered with status 302"));
}

#[test]
fn a_server_that_is_not_there_stops_the_experiment() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let config = Config {
        back_off: Duration::from_millis(1),
        ..Config::new(Protocol::Messages, &endpoint, "m", None)
    };
    let model = Model::live(config, &folder("unreachable")).unwrap();
    let failure = model.complete(&request(), SLOT).unwrap_err();
    assert!(failure.message.contains("cannot be reached"), "{failure}");
}

#[test]
fn the_scripted_server_does_not_pass_for_a_model() {
    let server = Server::start(Script::new(&domains())).unwrap();
    let config = Config { origin: Origin::Live, ..server.config(Protocol::Chat) };
    let model = Model::live(config, &folder("passed-off")).unwrap();
    let domains = domains();
    let scenario = &domains[0].scenarios[0];
    let system = Prompted::new(KINDS[0], Some(Arc::new(model)));
    let task = Task::Decide { input: &scenario.input, version: None };
    let failure = system.answer(&domains[0], &task, 0).unwrap_err();
    assert!(failure.message.contains("is the scripted server, which is no model"), "{failure}");
}

#[test]
fn a_folder_is_about_one_model_and_what_was_recorded_stays() {
    let (model, first) = canned(
        |_| {
            http(
                200,
                r#"{"model": "m-1", "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}"#,
            )
        },
        "recorded",
    );
    let reply = model.complete(&request(), SLOT).unwrap();
    assert_eq!((&*reply.text, &*reply.model, model.state()), ("hi", "m-1", State::Live));
    let other = Config::new(Protocol::Chat, "http://127.0.0.1:1", "m", None);
    assert!(Model::live(other, &first).unwrap_err().message.contains("another model"));

    let replayed = Model::replay(&first, &folder("recorded-again")).unwrap();
    assert_eq!((replayed.state(), replayed.complete(&request(), SLOT)), (State::Replayed, Ok(reply.clone())));
    let path = first.join(opus_experiment::model::Evidence::object(&reply.evidence));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("hi", "ho")).unwrap();
    let changed = replayed.complete(&request(), SLOT).unwrap_err();
    assert!(changed.message.contains("is not what was recorded"), "{changed}");
    assert!(Model::replay(&folder("nothing"), &first).is_err());
}
