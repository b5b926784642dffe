//! A gateway that keeps deciding while its policy is replaced, and counts what it does.
//!
//! The policy in force is one `Arc`, which a reload swaps. Each worker has its own clone of it and looks at one atomic
//! number per decision to find out whether there is a newer one. So a decision takes no lock and does no I/O; all files
//! are read by whoever calls [`Gateway::reload`].

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opus_runtime::{Fault, Hash, Policy, Refusal, Row};

/// What the threads of a gateway share.
pub struct Gateway {
    path: PathBuf,
    /// The policy in force.
    loaded: Mutex<Arc<Loaded>>,
    /// How often it was replaced. Workers compare this number with the one they know.
    generation: AtomicU64,
    /// One reload at a time: the file that was read last is the one in force.
    reloading: Mutex<()>,
    counters: Counters,
}

/// A policy with the counters of its rules. It is swapped as a whole.
struct Loaded {
    policy: Policy,
    /// By rule index, how many decisions the rule made.
    by_rule: Vec<Arc<AtomicU64>>,
}

impl Gateway {
    /// Opens the artifact at this path.
    ///
    /// # Errors
    /// If it cannot be opened: there is no earlier policy to keep.
    pub fn open(path: impl Into<PathBuf>) -> Result<Gateway, Box<dyn Error>> {
        let (path, counters) = (path.into(), Counters::default());
        let loaded = Mutex::new(Arc::new(counters.loaded(Policy::open(&path)?)));
        Ok(Gateway { path, loaded, generation: AtomicU64::new(0), reloading: Mutex::new(()), counters })
    }

    /// Opens the file again and puts its policy in force. Answers the hash of the artifact that is then in force.
    ///
    /// # Errors
    /// If the file does not hold another artifact of the same policy. The old one stays in force.
    pub fn reload(&self) -> Result<Hash, Box<dyn Error>> {
        let _one_at_a_time = lock(&self.reloading);
        let policy = self.reopened().inspect_err(|_| self.counters.failed_reloads.add())?;
        let hash = policy.artifact().content_hash();
        // everything that takes time is done: only a pointer is swapped
        *lock(&self.loaded) = Arc::new(self.counters.loaded(policy));
        self.generation.fetch_add(1, Ordering::Release);
        self.counters.reloads.add();
        Ok(hash)
    }

    /// The policy that is in the file now.
    fn reopened(&self) -> Result<Policy, Box<dyn Error>> {
        // all checks, and native code; other threads go on deciding meanwhile
        let new = Policy::open(&self.path)?;
        let old = self.loaded().policy.clone();
        let [new_name, old_name] = [&new, &old].map(|policy| &policy.artifact().program().name);
        if new_name != old_name {
            return Err(format!("the file holds the policy {new_name} instead of {old_name}").into());
        }
        Ok(new)
    }

    /// A worker, one for each thread.
    pub fn worker(&self) -> Worker<'_> {
        // read first: a policy that is newer than its number is only taken once more
        let generation = self.generation.load(Ordering::Acquire);
        let loaded = self.loaded();
        Worker { gateway: self, row: loaded.policy.row(), loaded, generation, answer: String::new() }
    }

    /// The counters of all workers.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Where the artifact is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn loaded(&self) -> Arc<Loaded> {
        lock(&self.loaded).clone()
    }
}

/// Locks what no panic can leave half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one thread decides with: the policy that it knows, and memory that is used again.
pub struct Worker<'a> {
    gateway: &'a Gateway,
    loaded: Arc<Loaded>,
    generation: u64,
    row: Row,
    answer: String,
}

impl Worker<'_> {
    /// Decides an application, a JSON object. The answer is a JSON object too: a decision, or a refusal with reasons.
    pub fn decide(&mut self, application: &str) -> &str {
        self.take_newer();
        let (policy, counters) = (&self.loaded.policy, &self.gateway.counters);
        self.answer.clear();
        match self.row.set_json(application).and_then(|()| policy.decide(&self.row)) {
            Ok(decision) => {
                counters.decisions.add();
                self.loaded.by_rule[decision.rule_index()].fetch_add(1, Ordering::Relaxed);
                decision.write_json(&mut self.answer);
            }
            Err(refusal) => {
                counters.refused(&refusal);
                self.answer.push_str(&refusal.to_json());
            }
        }
        &self.answer
    }

    /// Takes the policy in force, if it was replaced.
    fn take_newer(&mut self) {
        let generation = self.gateway.generation.load(Ordering::Acquire);
        if generation == self.generation {
            return;
        }
        self.loaded = self.gateway.loaded();
        self.generation = generation;
        // with the same inputs, the row serves the new policy as it is
        if self.loaded.policy.schema_hash() != self.row.policy().schema_hash() {
            self.row = self.loaded.policy.row();
        }
    }
}

/// What a gateway counts. Displayed as lines of the text format that Prometheus reads.
#[derive(Default)]
pub struct Counters {
    /// Applications that were decided.
    pub decisions: Counter,
    /// Applications that were refused.
    pub refusals: Counter,
    /// Policies that replaced another one.
    pub reloads: Counter,
    /// Files that could not replace the policy.
    pub failed_reloads: Counter,
    /// Faults, in the order of [`Fault::ALL`]; a refusal may have several.
    faults: [Counter; Fault::ALL.len()],
    /// Decisions by the id of their rule, of all policies so far.
    by_rule: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
}

/// A number that only grows.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// How often it was counted.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Counters {
    /// How many faults had this code.
    pub fn faults(&self, code: &str) -> u64 {
        let at = Fault::ALL.iter().position(|fault| fault.code() == code);
        at.map_or(0, |at| self.faults[at].get())
    }

    /// How many decisions each rule made.
    pub fn by_rule(&self) -> BTreeMap<String, u64> {
        let by_rule = lock(&self.by_rule);
        by_rule.iter().map(|(rule, count)| (rule.clone(), count.load(Ordering::Relaxed))).collect()
    }

    fn refused(&self, refusal: &Refusal) {
        self.refusals.add();
        for reason in refusal.reasons() {
            let at = Fault::ALL.iter().position(|fault| *fault == reason.fault);
            self.faults[at.expect("every fault is in the list")].add();
        }
    }

    /// A policy with a counter for each of its rules; a rule that an earlier policy had keeps its counter.
    fn loaded(&self, policy: Policy) -> Loaded {
        let mut by_rule = lock(&self.by_rule);
        let rules = policy.artifact().program().rules.iter();
        let by_rule = rules.map(|rule| by_rule.entry(rule.id.clone()).or_default().clone()).collect();
        Loaded { by_rule, policy }
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "opus_decisions_total {}", self.decisions.get())?;
        for (rule, count) in self.by_rule() {
            writeln!(f, "opus_decisions_by_rule_total{{rule=\"{rule}\"}} {count}")?;
        }
        writeln!(f, "opus_refusals_total {}", self.refusals.get())?;
        for (fault, count) in Fault::ALL.iter().zip(&self.faults) {
            writeln!(f, "opus_faults_total{{code=\"{}\"}} {}", fault.code(), count.get())?;
        }
        writeln!(f, "opus_reloads_total {}", self.reloads.get())?;
        writeln!(f, "opus_failed_reloads_total {}", self.failed_reloads.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opus_runtime::{Artifact, example};

    #[test]
    fn a_row_outlives_a_reload_that_leaves_the_inputs_as_they_are() {
        let path = std::env::temp_dir().join(format!("gateway-{}-row.opusc", std::process::id()));
        std::fs::write(&path, example::artifact().bytes()).expect("a file can be written");
        let gateway = Gateway::open(&path).unwrap_or_else(|error| panic!("{error}"));
        let mut worker = gateway.worker();
        worker.decide(
            r#"{"submitted_on": "2025-02-01", "age": 17, "income": 90000, "requested": 9000, "work": "retired"}"#,
        );
        let mut program = example::program();
        program.rules[0].id = "MINOR".into();
        let new = Artifact::build(program, example::SOURCE).expect("it builds");
        std::fs::write(&path, new.bytes()).expect("a file can be written");
        gateway.reload().unwrap_or_else(|error| panic!("{error}"));
        worker.take_newer();
        let decision = worker.loaded.policy.decide(&worker.row).expect("the row is still filled");
        assert_eq!((decision.rule().id.as_str(), decision.artifact_hash()), ("MINOR", new.content_hash()));
        std::fs::remove_file(&path).expect("a file can be removed");
    }
}
