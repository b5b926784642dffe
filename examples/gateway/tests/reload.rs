//! Does the gateway decide every application by exactly one policy while its file is replaced, and does a bad file leave
//! the old policy in force?

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use gateway::Gateway;
use opus_runtime::Artifact;
use opus_runtime::artifact::SourceText;

/// A policy that approves amounts up to a limit, by a rule with this id. With another `field`, it has other inputs.
fn artifact(name: &str, rule: &str, limit: u32, field: &str) -> Artifact {
    let source = format!(
        "policy {name} {{ currency USD
          enum Answer {{ approve, decline }}
          input {{ {field} : money in $0.00..$1_000.00 }}
          output {{ answer : Answer   limit : money in $0.00..$1_000.00 }}
          rules first {{ rule {rule} when {field} <= ${limit} => approve, ${limit}   otherwise NO => decline, ${limit} }} }}"
    );
    let (compiled, diagnostics) = opus_frontend::compile(&source);
    let program = compiled.unwrap_or_else(|| panic!("{diagnostics:#?}")).program;
    Artifact::build(program, SourceText { text: &source, compiler: opus_frontend::VERSION })
        .expect("it builds")
}

/// A file that is replaced as a whole, as `opus build` does it.
struct File(PathBuf);

impl File {
    fn new(name: &str, bytes: &[u8]) -> File {
        let file = File(std::env::temp_dir().join(format!("gateway-{}-{name}.opusc", std::process::id())));
        file.replace(bytes);
        file
    }

    fn replace(&self, bytes: &[u8]) {
        let new = self.0.with_extension("new");
        fs::write(&new, bytes).expect("a file can be written");
        fs::rename(new, &self.0).expect("a file can be renamed");
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn open(file: &File) -> Gateway {
    Gateway::open(&file.0).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_decision_is_by_one_policy_while_policies_are_replaced() {
    const WORKERS: usize = 4;
    const RELOADS: usize = 200;
    let artifacts =
        [artifact("shop.limit", "LOW", 10, "amount"), artifact("shop.limit", "HIGH", 20, "amount")];
    let cut_off = &artifacts[0].bytes()[..artifacts[0].bytes().len() / 2];
    let bad: [&[u8]; 3] = [b"", b"policy shop.limit { }", cut_off];
    let file = File::new("load", artifacts[0].bytes());
    let gateway = open(&file);
    // what an answer has to be, by artifact: its hash, its rule, its limit
    let answers: Vec<[String; 3]> = ["LOW", "HIGH"]
        .iter()
        .zip(&artifacts)
        .zip(["10.00", "20.00"])
        .map(|((rule, artifact), limit)| {
            [format!("\"{}\"", artifact.content_hash()), format!("\"{rule}\""), format!("\"limit\":{limit}")]
        })
        .collect();
    let is_done = AtomicBool::new(false);
    let (mut decided, mut refused, mut by_policy) = (0, 0, [0; 2]);
    std::thread::scope(|scope| {
        let work = || {
            let (mut worker, mut decided, mut refused, mut by_policy) = (gateway.worker(), 0, 0, [0u64; 2]);
            // once more when the last policy is in force
            let mut is_last = false;
            while !is_last {
                is_last = is_done.load(Ordering::Acquire);
                let answer = worker.decide("{\"amount\": 5.00}");
                let policy = answers.iter().position(|parts| parts.iter().all(|part| answer.contains(part)));
                by_policy[policy.unwrap_or_else(|| panic!("two policies in one answer: {answer}"))] += 1;
                decided += 1;
                if decided % 3 == 0 {
                    let answer = worker.decide("{\"amount\": 5.005, \"more\": 1}");
                    assert!(answer.contains("\"code\":\"too-precise\""), "{answer}");
                    refused += 1;
                }
            }
            let last = worker.decide("{\"amount\": 15}");
            assert!(
                last.contains(&answers[1][0]) && last.contains("approve"),
                "an old policy decides: {last}"
            );
            (decided + 1, refused, by_policy)
        };
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        let mut failed = 0;
        for round in 1..=RELOADS {
            file.replace(artifacts[round % 2].bytes());
            assert_eq!(gateway.reload().expect("it is reloaded"), artifacts[round % 2].content_hash());
            if round % 10 == 0 {
                file.replace(bad[round / 10 % bad.len()]);
                gateway.reload().expect_err("it is not an artifact");
                failed += 1;
            }
        }
        file.replace(artifacts[1].bytes());
        gateway.reload().expect("it is reloaded");
        assert_eq!(gateway.counters().failed_reloads.get(), failed);
        is_done.store(true, Ordering::Release);
        for worker in workers {
            let (of_worker, refused_by_worker, policies) = worker.join().expect("a worker ends");
            decided += of_worker;
            refused += refused_by_worker;
            by_policy.iter_mut().zip(policies).for_each(|(all, count)| *all += count);
        }
    });
    let counters = gateway.counters();
    assert_eq!((counters.decisions.get(), counters.refusals.get()), (decided, refused));
    assert_eq!(counters.reloads.get() as usize, RELOADS + 1);
    assert_eq!(counters.faults("too-precise"), refused);
    let by_rule = counters.by_rule();
    assert_eq!(by_rule.values().sum::<u64>(), decided);
    assert_eq!(by_rule["LOW"], by_policy[0]);
    assert!(by_policy.iter().all(|count| *count > 0), "both policies decided: {by_policy:?}");
    let shown = counters.to_string();
    assert!(
        shown.contains(&format!("opus_decisions_by_rule_total{{rule=\"LOW\"}} {}\n", by_policy[0])),
        "{shown}"
    );
}

#[test]
fn a_bad_file_keeps_the_old_policy_and_says_why() {
    let good = artifact("shop.limit", "LOW", 10, "amount");
    let file = File::new("bad", good.bytes());
    let gateway = open(&file);
    let mut worker = gateway.worker();
    let mut damaged = good.bytes().to_vec();
    *damaged.last_mut().expect("there are bytes") ^= 1;
    let other = artifact("shop.other", "LOW", 10, "amount");
    let cut_off = &good.bytes()[..good.bytes().len() - 1];
    for (bytes, why) in [
        (&b"policy shop.limit {"[..], "not an artifact"),
        (cut_off, "incomplete"),
        (&damaged, "damaged"),
        (other.bytes(), "the policy shop.other instead of shop.limit"),
    ] {
        file.replace(bytes);
        let error = gateway.reload().expect_err("the file is bad").to_string();
        assert!(error.contains(why), "{error}");
        assert!(worker.decide("{\"amount\": 5}").contains("approve"));
    }
    fs::remove_file(&file.0).expect("a file can be removed");
    let error = gateway.reload().expect_err("there is no file").to_string();
    assert!(error.contains("cannot be read"), "{error}");
    assert!(worker.decide("{\"amount\": 5}").contains(&good.content_hash().to_string()));
    assert_eq!((gateway.counters().reloads.get(), gateway.counters().failed_reloads.get()), (0, 5));
}

#[test]
fn other_inputs_are_decided_with_another_row() {
    let file = File::new("inputs", artifact("shop.limit", "LOW", 10, "amount").bytes());
    let gateway = open(&file);
    let mut worker = gateway.worker();
    assert!(worker.decide("{\"amount\": 5}").contains("approve"));
    file.replace(artifact("shop.limit", "LOW", 10, "price").bytes());
    gateway.reload().expect("it is reloaded");
    let refused = worker.decide("{\"amount\": 5}");
    assert!(refused.contains("\"field\":\"price\"") && refused.contains("missing"), "{refused}");
    assert!(worker.decide("{\"price\": 5}").contains("approve"));
}

#[test]
fn lines_are_answered_in_their_order() {
    let file = File::new("lines", artifact("shop.limit", "LOW", 10, "amount").bytes());
    let mut gateway = Command::new(Path::new(env!("CARGO_BIN_EXE_gateway")))
        .arg(&file.0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the gateway starts");
    let mut stdin = gateway.stdin.take().expect("standard input is a pipe");
    stdin.write_all(b"{\"amount\": 5}\n{\"amount\": 50}\n{\"amount\": -1}\n").expect("lines are written");
    drop(stdin);
    let output = gateway.wait_with_output().expect("the gateway ends");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = out.lines().collect();
    let words = ["approve", "decline", "out-of-range"];
    assert!(lines.len() == 3 && lines.iter().zip(words).all(|(line, word)| line.contains(word)), "{out}");
    assert!(err.contains("opus_decisions_total 2\n") && err.contains("opus_refusals_total 1\n"), "{err}");
}
