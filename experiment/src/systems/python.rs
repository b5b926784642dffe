//! How does agent-coded Python answer? By programs that a model wrote once from the prose, each run in a fresh process.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::{Value, json};

use crate::Failure;
use crate::domain::Domain;
use crate::quantity::number_range;
use crate::system::{Case, Outcome, Replay, State, System, Task, Texts};

/// The programs, in a folder of their own.
const DECIDE: &str = "decide.py";
const GOVERN: &str = "govern.py";
/// How long a program may run.
pub const TIME_MAX: Duration = Duration::from_secs(30);

/// Python programs, run by CPython.
pub struct PythonSystem {
    /// The interpreter and its version, or why there is none.
    python: Result<(PathBuf, String), String>,
    /// Where programs are put.
    folder: PathBuf,
    calls: AtomicU64,
}

impl PythonSystem {
    /// The interpreter `python3` of this machine, 3.9 or later, and a folder for programs.
    pub fn find(folder: PathBuf) -> PythonSystem {
        PythonSystem { python: interpreter(Path::new("python3")), folder, calls: AtomicU64::new(0) }
    }

    /// The interpreter's version, if there is one.
    pub fn version(&self) -> Option<&str> {
        self.python.as_ref().ok().map(|(_, version)| &**version)
    }

    /// Puts programs into a new folder.
    fn folder(&self, programs: &Texts) -> Result<PathBuf, Failure> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.join(number.to_string());
        let made = fs::create_dir_all(&folder)
            .and_then(|()| programs.iter().try_for_each(|(name, text)| fs::write(folder.join(name), text)));
        made.map_err(|error| Failure::io(&folder, "written", &error))?;
        Ok(folder)
    }

    /// Runs a program on a JSON object.
    fn run(
        &self,
        folder: &Path,
        program: &str,
        options: &[String],
        input: &Value,
    ) -> Result<Outcome, Failure> {
        let (python, _) = self.python.as_ref().map_err(|why| Failure::new(why.clone()))?;
        let mut command = Command::new(python);
        // without bytecode files, so that a program runs as it is; hash randomisation is left as Python sets it
        command.arg("-B").arg(program).args(options).current_dir(folder);
        let started = Instant::now();
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|error| Failure::io(python, "run", &error))?;
        let mut stdin = child.stdin.take().expect("it is piped");
        let text = input.to_string();
        // a program may end without reading its input
        let writer = thread::spawn(move || stdin.write_all(text.as_bytes()));
        let id = child.id();
        let waiter = thread::spawn(move || child.wait_with_output());
        while !waiter.is_finished() {
            if started.elapsed() > TIME_MAX {
                let _ = Command::new("kill").args(["-9", &id.to_string()]).status();
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        let output = waiter.join().expect("waiting does not panic");
        let _ = writer.join();
        let output = output.map_err(|error| Failure::io(python, "run", &error))?;
        let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        let error = (!output.status.success()).then(|| {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().next_back().unwrap_or("it said nothing");
            format!("`{program}` ended with {}: {last}", output.status)
        });
        Ok(Outcome { error, ..Outcome::of(text) })
    }

    fn programs(domain: &Domain) -> Texts {
        let govern = domain.govern_py.as_ref().map(|text| (GOVERN.to_owned(), text.clone()));
        [(DECIDE.to_owned(), domain.decide_py.clone())].into_iter().chain(govern).collect()
    }
}

impl System for PythonSystem {
    fn name(&self) -> &'static str {
        "agent_coded"
    }

    fn title(&self) -> &'static str {
        "Agent-coded Python"
    }

    fn state(&self) -> (State, Option<String>) {
        match &self.python {
            Ok(_) => (State::Live, None),
            Err(why) => (State::NotRun, Some(why.clone())),
        }
    }

    fn uses(&self, domain: &Domain) -> Vec<String> {
        let govern = domain.govern_py.as_ref().map(|_| format!("{}/govern.py", domain.name));
        let own = ["prose", "answer", "decide.py"].map(|what| format!("{}/{what}", domain.name));
        own.into_iter().chain(govern).collect()
    }

    fn answer(&self, domain: &Domain, task: &Task<'_>, _: u32) -> Result<Outcome, Failure> {
        let folder = self.folder(&PythonSystem::programs(domain))?;
        let outcome = match task {
            Task::Decide { input, version } => {
                let options = version.map(|version| ["--version".to_owned(), version.to_string()]);
                let options: Vec<String> = options.into_iter().flatten().collect();
                self.run(&folder, DECIDE, &options, &Value::Object((*input).clone()))
            }
            Task::Govern { .. } if domain.govern_py.is_none() => {
                Ok(Outcome::failed(format!("{} has no program that accounts for a change", domain.name)))
            }
            Task::Govern { from, to, population } => {
                let case = |(name, input): &Case| json!({"scenario": name, "input": input});
                let population: Vec<Value> = population.iter().map(case).collect();
                let input = json!({"from_version": from, "to_version": to, "population": population});
                self.run(&folder, GOVERN, &[], &input)
            }
        };
        let _ = fs::remove_dir_all(&folder);
        outcome
    }

    fn texts(&self, domain: &Domain, _: u32) -> Result<Texts, Failure> {
        Ok(vec![(DECIDE.to_owned(), domain.decide_py.clone())])
    }

    fn read(&self, texts: &Texts, place: &str) -> Option<String> {
        let (index, range) = located(texts, place)?;
        Some(texts[index].1[range].to_owned())
    }

    fn write(&self, texts: &Texts, place: &str, literal: &str) -> Option<Texts> {
        let (index, range) = located(texts, place)?;
        let mut texts = texts.clone();
        texts[index].1.replace_range(range, literal);
        Some(texts)
    }

    fn execute(
        &self,
        _: &Domain,
        texts: &Texts,
        version: u32,
        population: &[Case],
        _: u32,
        _: u32,
    ) -> Result<Vec<Outcome>, Failure> {
        let folder = self.folder(texts)?;
        let options = ["--version".to_owned(), version.to_string()];
        let decide = |(_, input): &Case| self.run(&folder, DECIDE, &options, &Value::Object(input.clone()));
        let outcomes = population.iter().map(decide).collect();
        let _ = fs::remove_dir_all(&folder);
        outcomes
    }

    fn replays(&self, domain: &Domain, population: &[Case], run: u32) -> Result<Replay, Failure> {
        for (_, input) in population {
            let task = Task::Decide { input, version: None };
            if self.answer(domain, &task, run)?.text != self.answer(domain, &task, run)?.text {
                return Ok(Replay::default());
            }
        }
        Ok(Replay { identical: true, ..Replay::default() })
    }
}

/// The number at `FILE:LINE:COLUMN`, counted from 1: where a number, or a string that is one, begins.
fn located(texts: &Texts, place: &str) -> Option<(usize, std::ops::Range<usize>)> {
    let mut parts = place.rsplitn(3, ':');
    let (column, line, file) = (parts.next()?, parts.next()?, parts.next()?);
    let (column, line): (usize, usize) = (column.parse().ok()?, line.parse().ok()?);
    let index = texts.iter().position(|(name, _)| name == file)?;
    let text = &texts[index].1;
    let start: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let line = text[start..].lines().next()?;
    let at = line.char_indices().nth(column.checked_sub(1)?)?.0;
    let literal = &line[at..];
    let quoted = literal.starts_with(['"', '\'']);
    let number = number_range(literal)?;
    // a place inside a number or a name is not the place of a literal
    if is_comment(&line[..at]) {
        return None;
    }
    let is_whole = number.start == usize::from(quoted)
        && !line[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.'));
    is_whole.then(|| (index, start + at + number.start..start + at + number.end))
}

/// Whether a comment begins in a line before a place. A `#` within a string begins none.
fn is_comment(before: &str) -> bool {
    let mut quote = None;
    before.chars().any(|c| {
        match quote {
            None if matches!(c, '"' | '\'') => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        quote.is_none() && c == '#'
    })
}

/// The interpreter that a name stands for, which may be a script that starts it, and its version, if that is 3.9 or later.
fn interpreter(name: &Path) -> Result<(PathBuf, String), String> {
    let ask = "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.executable)";
    let output = Command::new(name).args(["-c", ask]).output();
    let output = output.map_err(|_| "there is no `python3`: install CPython 3.9 or later".to_owned())?;
    let said = String::from_utf8_lossy(&output.stdout);
    let mut lines = said.lines();
    let (version, path) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    match (numbers.next(), numbers.next()) {
        (Some(3), Some(minor)) if minor >= 9 && !path.is_empty() => Ok((path.into(), version.to_owned())),
        _ => Err(format!("`python3` is {version}: install CPython 3.9 or later")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_beginning_of_a_literal() {
        let texts =
            vec![("decide.py".to_owned(), "# é\nLIMIT = {1: 30, 2: Decimal(\"14.50\")}  # 30\n".to_owned())];
        let read = |place: &str| located(&texts, place).map(|(_, range)| texts[0].1[range].to_owned());
        assert_eq!(read("decide.py:2:13").as_deref(), Some("30"));
        assert_eq!(read("decide.py:2:28").as_deref(), Some("14.50"));
        for wrong in [
            "decide.py:2:14",
            "decide.py:2:1",
            "decide.py:9:1",
            "other.py:2:13",
            "decide.py:0:0",
            "2:13",
            "decide.py:2:41",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
