//! What can be asked of `opus`? The command line, verb by verb.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};

/// Written policy, compiled: every decision names the artifact, the version and the rule that made it.
#[derive(Parser, Debug)]
#[command(name = "opus", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Opus {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// How to print results and errors.
    #[arg(long, global = true, value_enum, value_name = "human|json", hide_possible_values = true)]
    #[arg(default_value_t = Format::Human, display_order = 100)]
    pub format: Format,
    /// When to use colours; `auto` on a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, value_enum, value_name = "auto|always|never", hide_possible_values = true)]
    #[arg(default_value_t = Color::Auto, display_order = 101)]
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
  opus sample credit.opus -n 1000 -o in.parquet
  opus batch credit.opus in.parquet -o out.parquet";

/// More threads are taken for a mistake: each holds a chunk of rows in memory.
const THREADS_MAX: i64 = 1024;

/// The names of the formats of files.
const FORMATS: &str = "parquet|csv|jsonl|arrow";

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
    #[command(
        after_help = "The cache is the folder OPUS_CACHE_DIR, else `opus` in XDG_CACHE_HOME, else ~/.cache/opus; it may be emptied at any time.\n\nExample:\n  opus build credit.opus -o credit.opusc"
    )]
    Build(Build),
    /// Decide one input.
    #[command(after_help = "Example:\n  opus run credit.opus --input application.json --trace")]
    Run(Run),
    /// Decide files of inputs: Parquet, CSV, JSON lines, Arrow IPC.
    #[command(
        after_help = "Example:\n  opus batch credit.opus applications.parquet -o decisions.parquet --rejects rejects.csv"
    )]
    Batch(Batch),
    /// Run the tests in a policy, or compare decisions with a file of expected ones.
    #[command(
        after_help = "Example:\n  opus test credit.opus\n  opus test credit.opus --input applications.parquet --expected expected.csv --on id"
    )]
    Test(Test),
    /// Format policies in place.
    #[command(after_help = "Example:\n  opus fmt credit.opus")]
    Fmt(Fmt),
    /// Show what an artifact holds: hashes, schema, versions, rules, certificate.
    #[command(after_help = "Example:\n  opus inspect credit.opusc\n  opus inspect credit.opusc --ir")]
    Inspect(Inspect),
    /// Write synthetic inputs that the policy's own types allow.
    #[command(after_help = "Example:\n  opus sample credit.opus -n 10000 --seed 1 -o applications.parquet")]
    Sample(Sample),
    /// Explain a diagnostic, with an example.
    #[command(after_help = "Example:\n  opus explain-code E0106")]
    ExplainCode(ExplainCode),
    /// Print completions for a shell.
    #[command(after_help = "Example:\n  source <(opus completions bash)")]
    Completions(Completions),
}

/// `opus check`
#[derive(Args, Debug)]
pub struct Check {
    /// The policies; `-` for standard input.
    #[arg(required = true, value_name = "POLICY")]
    pub policies: Vec<PathBuf>,
}

/// `opus build`
#[derive(Args, Debug)]
pub struct Build {
    /// The policy; `-` for standard input.
    pub policy: PathBuf,
    /// Where the artifact goes, `-` for standard output; by default beside the policy, as `*.opusc`.
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
    /// What decides: native code (where there is none, the VM), the VM, or the plain and slow evaluator.
    #[arg(long, value_enum, value_name = "native|vm|reference", hide_possible_values = true)]
    #[arg(default_value_t = Engine::Native)]
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
    /// Where rows go that admission refuses, one line for each fault; written even when there are none.
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// The format of the rejects, where the name does not tell.
    #[arg(long, value_enum, value_name = FORMATS, hide_possible_values = true, requires = "rejects")]
    pub rejects_format: Option<FileFormat>,
    /// How many rows may be rejected before that is an error: a number or a percentage.
    #[arg(long, value_name = "N|P%", default_value = "0")]
    pub max_rejects: String,
    /// What decides: native code (where there is none, the VM), the VM, or the plain and slow evaluator.
    #[arg(long, value_enum, value_name = "native|vm|reference", hide_possible_values = true)]
    #[arg(default_value_t = Engine::Native)]
    pub engine: Engine,
    /// How many threads work; as many as there are processors by default.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = value_parser!(u16).range(1..=THREADS_MAX))]
    pub threads: Option<u16>,
    /// Input columns to copy to the output and to the rejects.
    #[arg(long, value_name = "COL,…", value_delimiter = ',')]
    pub keep: Vec<String>,
    /// How columns map to fields: a table for each, with `column`, `unit`, `missing` and `values`.
    #[arg(long, value_name = "FILE.toml")]
    pub columns: Option<PathBuf>,
    /// The format of the input, where the name does not tell.
    #[arg(long, value_enum, value_name = FORMATS, hide_possible_values = true)]
    pub input_format: Option<FileFormat>,
    /// The format of the output, where the name does not tell.
    #[arg(long, value_enum, value_name = FORMATS, hide_possible_values = true)]
    pub output_format: Option<FileFormat>,
    /// Where the summary goes as JSON, with the hashes of artifact and inputs.
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
    #[arg(allow_negative_numbers = true)]
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
    #[arg(long, value_enum, value_name = FORMATS, hide_possible_values = true)]
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
