//! Where does a test run the command? In a folder of its own, with the policies of `spec/policies`, an application,
//! and a few rows.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The command.
pub const OPUS: &str = env!("CARGO_BIN_EXE_opus");

/// A file of this project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").join(path)
}

/// Six applications; the fourth is too young to be admitted, the last has an amount with a fraction of a cent.
const ROWS: &str = "\
id,submitted_on,age,score,annual_income,monthly_debt,requested_amount,term_months,employment,months_employed,delinquencies_24m,months_since_bankruptcy
a,2024-06-01,40,745,90000.00,400.00,9000.00,36,salaried,60,0,
b,2025-02-01,40,690,90000.00,400.00,9000.00,36,salaried,60,0,
c,2025-02-01,17,745,90000.00,400.00,9000.00,36,student,60,0,
d,2025-02-01,15,745,90000.00,400.00,9000.00,36,student,60,0,
e,2025-02-01,40,,90000.00,400.00,9000.00,36,retired,0,0,12
f,2025-02-01,40,745,90000.005,400.00,9000.00,36,salaried,60,0,
";

/// A folder that goes when its test has passed.
pub struct Folder {
    root: PathBuf,
}

/// How a command ended.
pub struct Ended {
    pub line: String,
    pub code: i32,
    pub out: Vec<u8>,
    pub err: String,
}

impl Folder {
    /// A folder with `credit.opus`, `refund.opus`, `insurance.opus`, `application.json`, and in `rows.csv` the rows
    /// of [`ROWS`], of which `good.csv` holds those that are admitted.
    pub fn new(name: &str) -> Folder {
        let root = std::env::temp_dir().join(format!("opus-command-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let folder = Folder { root };
        fs::create_dir_all(folder.path("")).expect("a folder");
        for policy in ["credit", "refund", "insurance"] {
            folder.copy(&format!("spec/policies/{policy}.opus"), &format!("{policy}.opus"));
        }
        folder.copy("spec/examples/application.json", "application.json");
        folder.write("rows.csv", ROWS);
        let is_good = |line: &&str| !line.starts_with("d,") && !line.starts_with("f,");
        let good: Vec<&str> = ROWS.lines().filter(is_good).collect();
        folder.write("good.csv", &(good.join("\n") + "\n"));
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join("here").join(name)
    }

    /// Where native code is kept.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    pub fn copy(&self, from: &str, name: &str) {
        fs::copy(project(from), self.path(name)).unwrap_or_else(|error| panic!("{from}: {error}"));
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).expect("a text")
    }

    /// The names of all that is here, hidden ones too.
    pub fn names(&self) -> Vec<String> {
        let names =
            fs::read_dir(self.path("")).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().expect("a text")).collect();
        names.sort();
        names
    }

    /// The command with these arguments, which stand apart by spaces.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(OPUS);
        command.args(line.split_whitespace());
        self.at_home(&mut command);
        command
    }

    /// Lets a command run here, with a cache of its own.
    pub fn at_home(&self, command: &mut Command) {
        command.current_dir(self.path("")).env("OPUS_CACHE_DIR", self.cache());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    }

    /// Runs the command to its end.
    pub fn opus(&self, line: &str) -> Ended {
        Ended::of(line, self.command(line).output().expect("opus runs"))
    }

    /// The same, with something on standard input.
    pub fn opus_with(&self, line: &str, input: &[u8]) -> Ended {
        let mut child = self.command(line).stdin(Stdio::piped()).spawn().expect("opus runs");
        let mut stdin = child.stdin.take().expect("standard input is a pipe");
        std::thread::scope(|scope| {
            // a command may end without having read everything
            scope.spawn(move || drop(stdin.write_all(input)));
            Ended::of(line, child.wait_with_output().expect("opus ends"))
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}

impl Ended {
    pub fn of(line: &str, output: Output) -> Ended {
        let err = String::from_utf8(output.stderr).expect("words are UTF-8");
        let code = output.status.code().unwrap_or(-1);
        let ended = Ended { line: line.to_owned(), code, out: output.stdout, err };
        assert!(!ended.err.contains("panicked"), "{ended}");
        ended
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.out).expect("a text")
    }

    /// That it ended like this.
    #[track_caller]
    pub fn ends(self, code: i32) -> Ended {
        assert_eq!(self.code, code, "{self}");
        self
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let out = String::from_utf8_lossy(&self.out);
        write!(f, "$ opus {}\n{out}{}ends with {}", self.line, self.err, self.code)
    }
}
