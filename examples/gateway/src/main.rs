//! A gateway on standard input: one application per line, a JSON object; one answer per line. When the artifact is
//! replaced, the next application is decided by the new policy. The counters are printed at the end.
//!
//!     opus build spec/policies/credit.opus -o credit.opusc
//!     opus sample credit.opusc -n 1000 -o - --output-format jsonl | cargo run --release -p gateway -- credit.opusc

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, SystemTime};

use gateway::Gateway;

/// How often the artifact is looked at.
const LOOK: Duration = Duration::from_secs(1);

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: gateway POLICY.opusc < applications.jsonl")?;
    let seen = modified(Path::new(&path));
    let gateway = Gateway::open(path)?;
    thread::scope(|scope| {
        let (end, is_ended) = mpsc::channel();
        let watched = &gateway;
        scope.spawn(move || watch(watched, seen, &is_ended));
        let served = serve(&gateway);
        drop(end);
        served
    })?;
    eprint!("{}", gateway.counters());
    Ok(())
}

/// Answers every line of standard input.
fn serve(gateway: &Gateway) -> io::Result<()> {
    let mut worker = gateway.worker();
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        writeln!(out, "{}", worker.decide(&line?))?;
    }
    out.flush()
}

/// Reloads the policy whenever its file has changed, until there is nobody left to decide for.
fn watch(gateway: &Gateway, mut seen: Option<SystemTime>, is_ended: &Receiver<()>) {
    while is_ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        let now = modified(gateway.path());
        if now == seen {
            continue;
        }
        seen = now;
        match gateway.reload() {
            Ok(hash) => eprintln!("the policy was replaced: artifact {hash}"),
            Err(error) => eprintln!("the policy stays as it is: {error}"),
        }
    }
}

/// When a file was last written.
fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|data| data.modified()).ok()
}
