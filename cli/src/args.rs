//! What can be asked of `opus`? The command line, verb by verb.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Written policy, compiled: every decision names the artifact, the version and the rule that made it.
#[derive(Parser, Debug)]
#[command(name = "opus", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Opus {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// How to print results and errors.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  all decided
  1  a policy or a test failed
  2  usage
  3  more rejects than allowed; the output is complete
  4  input or output
  5  artifact refused

Example:
  opus sample credit.opus -n 1000 -o in.parquet && opus batch credit.opus in.parquet -o out.parquet";

/// How results are printed.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// For people.
    Human,
    /// For programs.
    Json,
}

/// When colours are used.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Check policies: everything that could go wrong in a decision is found here.
    #[command(after_help = "Example:\n  opus check credit.opus")]
    Check(Check),
    /// Compile a policy to an artifact, and its native code into the cache.
    #[command(after_help = "Example:\n  opus build credit.opus -o credit.opusc")]
    Build(Build),
    /// Decide one input.
    #[command(after_help = "Example:\n  echo '{\"age\": 40, …}' | opus run credit.opus --input - --trace")]
    Run(Run),
    /// Decide files of inputs: Parquet, CSV, JSON lines, Arrow IPC.
    #[command(
        after_help = "Example:\n  opus batch credit.opus applications.parquet -o decisions.parquet --rejects rejects.csv"
    )]
    Batch(Batch),
    /// Run the tests in a policy, or compare decisions with a file of expected ones.
    #[command(
        after_help = "Example:\n  opus test credit.opus\n  opus test credit.opus --input rows.csv --expected decided.csv --on id"
    )]
    Test(Test),
    /// Format policies in place.
    #[command(after_help = "Example:\n  opus fmt credit.opus")]
    Fmt(Fmt),
    /// Show what an artifact holds: hashes, schema, versions, rules, certificate.
    #[command(after_help = "Example:\n  opus inspect credit.opusc --ir")]
    Inspect(Inspect),
    /// Write synthetic inputs that the policy's own types allow.
    #[command(after_help = "Example:\n  opus sample credit.opus -n 1000000 --seed 1 -o applications.parquet")]
    Sample(Sample),
    /// Explain a diagnostic, with an example.
    #[command(after_help = "Example:\n  opus explain-code E0106")]
    ExplainCode(ExplainCode),
    /// Print completions for a shell.
    #[command(after_help = "Example:\n  opus completions bash > /etc/bash_completion.d/opus")]
    Completions(Completions),
}

/// `opus check`
#[derive(Args, Debug)]
pub struct Check {
    /// The policies.
    #[arg(required = true, value_name = "POLICY")]
    pub policies: Vec<PathBuf>,
}

/// `opus build`
#[derive(Args, Debug)]
pub struct Build {
    /// The policy.
    pub policy: PathBuf,
    /// Where the artifact goes; beside the policy, with the extension `opusc`, by default.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `opus run`
#[derive(Args, Debug)]
pub struct Run {
    /// The policy or artifact.
    pub policy: PathBuf,
    /// A file with one JSON object; `-` for standard input.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub input: PathBuf,
    /// Show every rule that was tried, with the values of its terms.
    #[arg(long)]
    pub trace: bool,
    /// What decides.
    #[arg(long, value_enum, default_value_t = Engine::Native)]
    pub engine: Engine,
}

/// Which engine decides.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// Native code; where it is not available, the VM.
    Native,
    /// The bytecode VM.
    Vm,
    /// The meaning of the language, evaluated plainly: slow.
    Reference,
}

/// `opus batch`
#[derive(Args, Debug)]
pub struct Batch {
    /// The policy or artifact.
    pub policy: PathBuf,
    /// The files, or folders of files in the order of their names; `-` for standard input.
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Where the decisions go; `-` for standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Where rows go that admission refuses; written even when there are none.
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// How many rows may be rejected before that is an error: a number or a percentage.
    #[arg(long, value_name = "N|P%", default_value = "0")]
    pub max_rejects: String,
    /// What decides.
    #[arg(long, value_enum, default_value_t = Engine::Native)]
    pub engine: Engine,
    /// How many threads work; as many as there are processors by default.
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Input columns to copy to the output.
    #[arg(long, value_name = "COL", value_delimiter = ',')]
    pub keep: Vec<String>,
    /// How columns map to fields.
    #[arg(long, value_name = "FILE.toml")]
    pub columns: Option<PathBuf>,
    /// The format of the input, where the name does not tell.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub input_format: Option<FileFormat>,
    /// The format of the output, where the name does not tell.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub output_format: Option<FileFormat>,
    /// Write the summary as JSON.
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
}

/// The formats of files.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileFormat {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// Arrow IPC, file or stream.
    Arrow,
}

/// `opus test`
#[derive(Args, Debug)]
pub struct Test {
    /// The policy or artifact.
    pub policy: PathBuf,
    /// Inputs to decide.
    #[arg(long, value_name = "FILE", requires = "expected")]
    pub input: Option<PathBuf>,
    /// What is expected of them: columns named as the outputs.
    #[arg(long, value_name = "FILE", requires = "input")]
    pub expected: Option<PathBuf>,
    /// The column by which rows of the two files belong together; by their order without it.
    #[arg(long, value_name = "COL", requires = "input")]
    pub on: Option<String>,
    /// How columns map to fields.
    #[arg(long, value_name = "FILE.toml", requires = "input")]
    pub columns: Option<PathBuf>,
}

/// `opus fmt`
#[derive(Args, Debug)]
pub struct Fmt {
    /// The policies; `-` formats standard input to standard output.
    #[arg(required = true, value_name = "POLICY")]
    pub policies: Vec<PathBuf>,
    /// Change nothing; fail where something would change.
    #[arg(long)]
    pub check: bool,
}

/// `opus inspect`
#[derive(Args, Debug)]
pub struct Inspect {
    /// The policy or artifact.
    pub policy: PathBuf,
    /// Print the source text.
    #[arg(long, group = "part")]
    pub source: bool,
    /// Print the intermediate representation.
    #[arg(long, group = "part")]
    pub ir: bool,
    /// Print the bytecode.
    #[arg(long, group = "part")]
    pub bytecode: bool,
    /// Print the native code.
    #[arg(long, group = "part")]
    pub native: bool,
}

/// `opus sample`
#[derive(Args, Debug)]
pub struct Sample {
    /// The policy or artifact.
    pub policy: PathBuf,
    /// How many rows.
    #[arg(short = 'n', long = "rows", value_name = "N", default_value_t = 1000)]
    pub rows: u64,
    /// What the random numbers begin with.
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
    /// Where the rows go; `-` for standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Draw the values at which something changes more often.
    #[arg(long)]
    pub boundaries: bool,
    /// The format of the output, where the name does not tell.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub output_format: Option<FileFormat>,
}

/// `opus explain-code`
#[derive(Args, Debug)]
pub struct ExplainCode {
    /// A code such as `E0106`, or its name.
    pub code: String,
}

/// `opus completions`
#[derive(Args, Debug)]
pub struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound_and_every_verb_has_an_example() {
        let command = Opus::command();
        command.clone().debug_assert();
        for verb in command.get_subcommands() {
            let help = verb.get_after_help().map(|help| help.to_string()).unwrap_or_default();
            assert!(help.contains("Example:\n  "), "`opus {}` has no example", verb.get_name());
        }
    }

    #[test]
    fn the_help_lists_the_exit_codes() {
        for (exit, meaning) in Exit::ALL {
            assert!(EXIT_CODES.contains(&format!("  {}  {meaning}\n", exit as u8)), "{exit:?}");
        }
    }
}
