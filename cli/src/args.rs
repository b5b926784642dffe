//! The command line of `opus`, verb by verb.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use opus_data::Format as FileFormat;

/// Turn written policy into decisions, each with its artifact, version and rule.
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
    /// When to use colours; `auto` uses them on a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, value_enum, value_name = "auto|always|never", hide_possible_values = true)]
    #[arg(default_value_t = Color::Auto, display_order = 101)]
    pub color: Color,
    /// How names are looked up in a store.
    #[command(flatten)]
    pub from: FromStore,
}

/// How names are looked up in a store.
#[derive(Args, Clone, Default, Debug)]
pub struct FromStore {
    /// The folder of the store; a policy may be given by the name under which it was published there.
    #[arg(long, global = true, value_name = "DIR", default_value = ".opus", display_order = 102)]
    pub store: PathBuf,
    /// Use what the store had published by this instant, such as 2026-02-01T09:30:00Z; by default, the newest.
    #[arg(long, global = true, value_name = "T", display_order = 103)]
    pub known_at: Option<String>,
    /// The trust file: whose signatures objects from the store need; by default, $OPUS_TRUST.
    #[arg(long, global = true, value_name = "FILE", display_order = 104)]
    pub trust: Option<PathBuf>,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  success: no test failed, and no more rows were rejected than --max-rejects allows
  1  a policy does not compile, a test failed, `fmt --check` found something to change, policies differ, or a record, proof, store or signature fails its check
  2  invalid command line, or an output that is also an input
  3  more rows were rejected than allowed (the output is complete), or `run` refused its input
  4  a file cannot be read or written, or its content is wrong
  5  an artifact is damaged, or another version made it

Example:
  opus sample credit.opus -n 1000 -o in.parquet
  opus batch credit.opus in.parquet -o out.parquet";

/// A larger number is treated as a mistake: each thread holds a chunk of rows in memory.
const THREADS_MAX: u16 = 1024;

/// The number of a row.
fn row_number(text: &str) -> Result<u64, &'static str> {
    text.parse().ok().filter(|number| *number > 0).ok_or("rows are numbered from 1")
}

/// A day.
fn day(text: &str) -> Result<i32, &'static str> {
    opus_ir::date::parse(text).ok_or("a date such as 2025-03-01 is expected")
}

/// The name of a column.
fn column_name(text: &str) -> Result<String, &'static str> {
    Some(text.to_owned()).filter(|name| !name.is_empty()).ok_or("the name of a column is expected")
}

/// A number of rows, or a seed.
fn whole_number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("a whole number from 0 to {}, in digits, is expected", u64::MAX))
}

/// A number of threads.
fn thread_count(text: &str) -> Result<u16, String> {
    let count = text.parse().ok().filter(|count| (1..=THREADS_MAX).contains(count));
    count.ok_or_else(|| format!("a whole number from 1 to {THREADS_MAX} is expected"))
}

/// How results are printed.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// For people.
    #[value(alias = "text")]
    Human,
    /// For programs.
    Json,
    /// For documents: explanations alone.
    Markdown,
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
    /// Check policies: find everything that could go wrong in a decision.
    #[command(after_help = "Example:\n  opus check credit.opus")]
    Check(Check),
    /// Compile a policy to an artifact, and its native code into the cache.
    #[command(
        after_help = "The cache folder is $OPUS_CACHE_DIR, or else $XDG_CACHE_HOME/opus, or else ~/.cache/opus. It may be emptied at any time.\n\nExample:\n  opus build credit.opus -o credit.opusc"
    )]
    Build(Build),
    /// Decide one JSON object, or one row of a file, and show how.
    #[command(
        after_help = "Example:\n  opus run credit.opus --input application.json --trace\n  opus run credit.opus --input applications.parquet --row 17 --trace"
    )]
    Run(Run),
    /// Explain a decision: how, why, and what would have changed it.
    #[command(
        after_help = "`--format markdown` prints a document. To find what would have changed the decision, each input that the policy declares `actionable` is changed on its own.\n\nExample:\n  opus explain credit.opus --input application.json\n  opus explain credit.opus --input applications.parquet --row 17 --want 'decision = approve'"
    )]
    Explain(Explain),
    /// Count which parts of a policy the rows of files, or its tests, use.
    #[command(
        after_help = "Example:\n  opus coverage credit.opus applications.parquet\n  opus coverage credit.opus --tests"
    )]
    Coverage(Coverage),
    /// Decide files of inputs: Parquet, CSV, JSON lines, JSON, Arrow IPC.
    #[command(
        after_help = "Example:\n  opus batch credit.opus applications.parquet -o decisions.parquet --rejects rejects.csv\n  opus batch credit.opus applications.parquet -o decisions.parquet --record record\n  opus batch credit.opus applications.parquet -o decisions.parquet --explain why.jsonl --rows 17"
    )]
    Batch(Batch),
    /// Compare a record with its files, and decide its rows again.
    #[command(
        after_help = "The exit code is 1 if anything differs.\n\nExample:\n  opus replay record\n  opus replay record --engine vm --rows"
    )]
    Replay(Replay),
    /// Prove one row of a record without showing the others.
    #[command(after_help = "Example:\n  opus prove-row record 17 -o proof.json")]
    ProveRow(ProveRow),
    /// Check the proof of a row against the root of a record.
    #[command(
        after_help = "The exit code is 1 if the row is not in the tree with this root.\n\nExample:\n  opus check-proof proof.json --root record/manifest.json --policy credit.opus"
    )]
    CheckProof(CheckProof),
    /// Run the tests in a policy, or compare decisions with a file of expected ones.
    #[command(
        after_help = "Example:\n  opus test credit.opus\n  opus test credit.opus --input applications.parquet --expected expected.csv --on id"
    )]
    Test(Test),
    /// Format policies in place.
    #[command(after_help = "Example:\n  opus fmt credit.opus")]
    Fmt(Fmt),
    /// Show what changed between two policies, edit by edit.
    #[command(
        after_help = "Edits E1, E2, … can change a decision; T1, T2, … (texts, names, orders) cannot. The exit code is 1 if the policies differ.\n\nExample:\n  opus diff credit.opus@1 credit.opus@2 -o changes.json"
    )]
    Diff(Diff),
    /// Apply the edits of `opus diff`, or some of them, to a policy.
    #[command(
        after_help = "Example:\n  opus apply changes.json credit.opus@1 -o changed.opus\n  opus apply changes.json credit.opus@1 --only E1 -o hybrid.opus"
    )]
    Apply(Apply),
    /// Show what a change of policy does to a portfolio.
    #[command(
        after_help = "Example:\n  opus impact credit.opus@1 credit.opus@2 applications.parquet --by employment -o changed.parquet"
    )]
    Impact(Impact),
    /// Find out which edits change which decisions of a portfolio.
    #[command(
        after_help = "Causes are sets of edits, numbered as by `opus diff`: `E1 | E2+E3` means that E1 alone gives the new result, and so do E2 and E3 together.\n\nExample:\n  opus attribute credit.opus@1 credit.opus@2 applications.parquet -o changed.csv"
    )]
    Attribute(Attribute),
    /// Write a report on a policy, or on a change of it.
    #[command(
        after_help = "The report is one file: HTML that needs nothing else, Markdown, or JSON, as the name of the file says. Every figure in it comes from `inspect`, `test`, `coverage`, `diff`, `impact` and `attribute`.\n\nExample:\n  opus report credit.opus -o report.html\n  opus report credit.opus@2 --against credit.opus@1 --input applications.parquet -o report.html"
    )]
    Report(Report),
    /// Show what an artifact contains: hashes, schema, versions, rules, certificate.
    #[command(after_help = "Example:\n  opus inspect credit.opusc\n  opus inspect credit.opusc --ir")]
    Inspect(Inspect),
    /// Build, show and compare snapshots of the facts that policies use.
    #[command(
        after_help = "Example:\n  opus snapshot build facts.csv -o world.opuss\n  opus snapshot show world.opuss --as-of 2025-03-01\n  opus batch credit.opus in.parquet -o out.parquet --snapshot world.opuss"
    )]
    Snapshot(Snapshot),
    /// Make a key for signatures.
    #[command(
        after_help = "The secret key is NOT encrypted: anyone who can read the file can sign. Only you have permission to read it; keep it off shared disks. To use an encrypted key, sign with minisign itself.\n\nExample:\n  opus key new -o ann"
    )]
    Key(Key),
    /// Sign the publication of an object under a name.
    #[command(
        after_help = "The text that is signed is a statement: the name, the object, and the object that it replaces: with --trust the one in force, otherwise the last one published. `minisign -V -p ann.pub -m STATEMENT` checks the signature too.\n\nExample:\n  opus sign credit.opusc --name credit --key ann.key -o credit.statement"
    )]
    Sign(Sign),
    /// Check the signature of a statement.
    #[command(
        after_help = "The exit code is 1 if the signature is wrong.\n\nExample:\n  opus check-signature credit.statement credit.statement.minisig --key ann.pub"
    )]
    CheckSignature(CheckSignature),
    /// Publish an artifact, a snapshot or the manifest of a record in a store.
    #[command(
        after_help = "Names consist of letters, digits, `.`, `-` and `_`. To add a signature, publish the same object again. With --trust, a publication replaces what is in force, and publications that lack signatures do not count.\n\nExample:\n  opus publish credit.opusc --name credit --by 'Ann Miller'\n  opus publish credit.opusc --name credit --signature credit.statement.minisig"
    )]
    Publish(Publish),
    /// List what has been published in a store.
    #[command(after_help = "Example:\n  opus log\n  opus log --checkpoint > checkpoint.txt")]
    Log(Log),
    /// Show the object that a name or hash refers to in a store.
    #[command(after_help = "Example:\n  opus show credit\n  opus show credit --as-of 2025-02-01")]
    Show(Show),
    /// Verify that everything in a store matches its hash.
    #[command(
        after_help = "Without a checkpoint, this detects accidents and partial changes. With a checkpoint that was kept elsewhere, it detects every change to what the checkpoint covers, even by someone who can rewrite the whole store. The exit code is 1 if anything does not match.\n\nExample:\n  opus store verify\n  opus store verify --checkpoint checkpoint.txt"
    )]
    Store(StoreVerbs),
    /// Write synthetic inputs drawn from the policy's own types.
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
    /// The policies, or `-` for standard input.
    #[arg(required = true, value_name = "POLICY")]
    pub policies: Vec<PathBuf>,
    /// Apply the fixes that are sure; with `-`, print the result to standard output.
    #[arg(long)]
    pub fix: bool,
}

/// `opus build`
#[derive(Args, Debug)]
pub struct Build {
    /// The policy, or `-` for standard input.
    pub policy: PathBuf,
    /// Where to write the artifact, or `-` for standard output; by default next to the policy, as `*.opusc`.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// The facts that a policy takes.
#[derive(Args, Clone, Default, Debug)]
pub struct Facts {
    /// The snapshot of facts, if the policy takes any: a file that `opus snapshot build` wrote, or a name or hash in the store.
    #[arg(long, value_name = "FILE|NAME|HASH")]
    pub snapshot: Option<PathBuf>,
}

/// `opus run`
#[derive(Args, Debug)]
pub struct Run {
    /// The policy or artifact.
    pub policy: PathBuf,
    /// The facts.
    #[command(flatten)]
    pub facts: Facts,
    /// The row.
    #[command(flatten)]
    pub given: GivenRow,
    /// Show every rule that was tried, with the values of its terms.
    #[arg(long)]
    pub trace: bool,
    /// The engine: native code (the VM if native code is unavailable), the VM, or the slow reference evaluator.
    #[arg(long, value_enum, value_name = "native|vm|reference", hide_possible_values = true)]
    #[arg(default_value_t = Decider::Native)]
    pub engine: Decider,
    /// A new folder for the record: artifact, input and decision, so that `opus replay` can decide it again.
    #[arg(long, value_name = "DIR", conflicts_with = "row")]
    pub record: Option<PathBuf>,
}

/// One row.
#[derive(Args, Debug)]
pub struct GivenRow {
    /// A file with one JSON object; with `--row`, a file or folder that `opus batch` reads; `-` for standard input.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub input: Vec<PathBuf>,
    /// Decide this row of the input, numbered from 1 as in decisions and rejects.
    #[arg(long, value_name = "N", value_parser = row_number, allow_negative_numbers = true)]
    pub row: Option<u64>,
    /// How columns map to fields, as for `opus batch`.
    #[arg(long, value_name = "FILE.toml", requires = "row")]
    pub columns: Option<PathBuf>,
    /// The value of a field in all rows of inputs that lack its column, as for `opus batch`.
    #[arg(long, value_name = "FIELD=VALUE", requires = "row")]
    pub fill: Vec<String>,
    /// The format of the input, if the file name does not show it.
    #[arg(long, value_parser = file_format(), value_name = "FORMAT", requires = "row")]
    pub input_format: Option<FileFormat>,
}

/// `opus explain`
#[derive(Args, Debug)]
pub struct Explain {
    /// The policy or artifact.
    pub policy: PathBuf,
    /// The facts.
    #[command(flatten)]
    pub facts: Facts,
    /// The row.
    #[command(flatten)]
    pub given: GivenRow,
    /// The wanted result, as conditions on outputs; by default, any result that is not adverse.
    #[arg(long, value_name = "OUTPUT = VALUE, …")]
    pub want: Option<String>,
    /// Use the source in an artifact even if this version compiles it differently and no test shows whether both agree.
    #[arg(long)]
    pub unverified: bool,
}

/// `opus coverage`
#[derive(Args, Debug)]
pub struct Coverage {
    /// The policy or artifact.
    pub policy: PathBuf,
    /// The facts.
    #[command(flatten)]
    pub facts: Facts,
    /// The files, or folders whose files are read in the order of their paths; `-` for standard input.
    #[arg(value_name = "INPUT", required_unless_present = "tests")]
    pub inputs: Vec<PathBuf>,
    /// Count what the tests in the policy use, instead of files.
    #[arg(long, conflicts_with = "inputs")]
    pub tests: bool,
    /// How many rows may be refused, as a number or a percentage; if there are more, the exit code is 3.
    #[arg(long, value_name = "N|P%", default_value = "0", allow_negative_numbers = true)]
    pub max_rejects: String,
    /// The engine: native code (the VM if native code is unavailable), or the VM.
    #[arg(long, value_enum, value_name = "native|vm", hide_possible_values = true)]
    #[arg(default_value_t = Decider::Native)]
    pub engine: Decider,
    /// The number of threads; by default, one for each processor.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = thread_count)]
    pub threads: Option<u16>,
    /// How columns map to fields, as for `opus batch`.
    #[arg(long, value_name = "FILE.toml", conflicts_with = "tests")]
    pub columns: Option<PathBuf>,
    /// The format of the input, if the file name does not show it.
    #[arg(long, value_parser = file_format(), value_name = "FORMAT", conflicts_with = "tests")]
    pub input_format: Option<FileFormat>,
    /// Use the source in an artifact even if this version compiles it differently and no test shows whether both agree.
    #[arg(long)]
    pub unverified: bool,
}

/// The engine that decides.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decider {
    /// Native code, or the VM if native code is unavailable.
    Native,
    /// The bytecode VM.
    Vm,
    /// The reference evaluator: slow.
    Reference,
}

/// `opus batch`
#[derive(Args, Debug)]
pub struct Batch {
    /// The policy or artifact.
    pub policy: PathBuf,
    /// The facts.
    #[command(flatten)]
    pub facts: Facts,
    /// The files, or folders whose files are read in the order of their paths; `-` for standard input.
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Where to write the decisions, or `-` for standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Where to write the rows that admission refuses, one line for each fault; written even if empty.
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// The format of the rejects, if the file name does not show it.
    #[arg(long, value_parser = file_format(), value_name = "FORMAT", requires = "rejects")]
    pub rejects_format: Option<FileFormat>,
    /// How many rows may be rejected, as a number or a percentage; if there are more, the exit code is 3.
    #[arg(long, value_name = "N|P%", default_value = "0", allow_negative_numbers = true)]
    pub max_rejects: String,
    /// How many rows the inputs must have; otherwise there is no output, and the exit code is 4.
    #[arg(long, value_name = "N")]
    pub expect_rows: Option<u64>,
    /// The engine: native code (the VM if native code is unavailable), the VM, or the slow reference evaluator.
    #[arg(long, value_enum, value_name = "native|vm|reference", hide_possible_values = true)]
    #[arg(default_value_t = Decider::Native)]
    pub engine: Decider,
    /// The number of threads; by default, one for each processor.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = thread_count)]
    pub threads: Option<u16>,
    /// Input columns to copy to the output and to the rejects.
    #[arg(long, value_name = "COL,…", value_delimiter = ',', value_parser = column_name)]
    pub keep: Vec<String>,
    /// How columns map to fields: a table for each field, with `column`, `unit`, `missing` and `values`.
    #[arg(long, value_name = "FILE.toml")]
    pub columns: Option<PathBuf>,
    /// The value of a field in all rows of inputs that lack its column, written as in a CSV file, or `missing`.
    #[arg(long, value_name = "FIELD=VALUE")]
    pub fill: Vec<String>,
    /// The format of the input, if the file name does not show it.
    #[arg(long, value_parser = file_format(), value_name = "FORMAT")]
    pub input_format: Option<FileFormat>,
    /// The format of the output, if the file name does not show it.
    #[arg(long, value_parser = file_format(), value_name = "FORMAT")]
    pub output_format: Option<FileFormat>,
    /// Where to write the summary as JSON, with the hashes of artifact, mapping file, inputs and outputs.
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// A new folder for the record: artifact, mapping file, and the hashes of all files and rows, for `opus replay`.
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Copy inputs and outputs into the record, so that it is self-contained.
    #[arg(long, requires = "record")]
    pub record_data: bool,
    /// Where to write explanations of selected rows, one JSON object per line; the inputs are read again for them.
    #[arg(long, value_name = "FILE", requires = "chosen")]
    pub explain: Option<PathBuf>,
    /// Explain these rows, numbered from 1.
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = row_number, allow_negative_numbers = true)]
    #[arg(group = "chosen", requires = "explain")]
    pub rows: Option<Vec<u64>>,
    /// Explain the rows that this rule decided, or whose outputs satisfy these conditions.
    #[arg(long = "where", value_name = "rule=ID|CONDITION,…", group = "chosen", requires = "explain")]
    pub chosen_where: Option<String>,
    /// The result that explanations look for; by default, any result that is not adverse.
    #[arg(long, value_name = "OUTPUT=VALUE,…", requires = "explain")]
    pub want: Option<String>,
}

/// `opus replay`
#[derive(Args, Debug)]
pub struct Replay {
    /// The folder of the record.
    #[arg(value_name = "DIR")]
    pub record: PathBuf,
    /// The root that was printed, signed or published with the record; a record that was rewritten has a different one.
    #[arg(long, value_name = "HASH")]
    pub root: Option<String>,
    /// The engine: native code (the VM if native code is unavailable), the VM, or the slow reference evaluator.
    #[arg(long, value_enum, value_name = "native|vm|reference", hide_possible_values = true)]
    #[arg(default_value_t = Decider::Native)]
    pub engine: Decider,
    /// The number of threads; by default, one for each processor.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = thread_count)]
    pub threads: Option<u16>,
    /// Compare only rows; the bytes of inputs and outputs may differ.
    #[arg(long)]
    pub rows: bool,
    /// The folder that recorded paths are relative to: the one in which the batch ran.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub base: PathBuf,
}

/// `opus prove-row`
#[derive(Args, Debug)]
pub struct ProveRow {
    /// The folder of the record.
    #[arg(value_name = "DIR")]
    pub record: PathBuf,
    /// The row, numbered from 1 as in decisions and rejects.
    #[arg(value_name = "ROW", value_parser = row_number, allow_negative_numbers = true)]
    pub row: u64,
    /// Where to write the proof, or `-` for standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// The folder that recorded paths are relative to: the one in which the batch ran.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub base: PathBuf,
}

/// `opus check-proof`
#[derive(Args, Debug)]
pub struct CheckProof {
    /// The proof, or `-` for standard input.
    pub proof: PathBuf,
    /// The root of the record: 64 digits, or the record's manifest.
    #[arg(long, value_name = "HASH|MANIFEST")]
    pub root: String,
    /// The policy or artifact, to check names and texts too, because the root does not cover them.
    #[arg(long, value_name = "POLICY")]
    pub policy: Option<PathBuf>,
}

/// The formats of files, by name.
fn file_format() -> impl TypedValueParser<Value = FileFormat> {
    let names = PossibleValuesParser::new(FileFormat::all().map(FileFormat::name));
    names.map(|name| FileFormat::named(&name).expect("each of the possible values names a format"))
}

/// `opus test`
#[derive(Args, Debug)]
pub struct Test {
    /// The policy or artifact.
    pub policy: PathBuf,
    /// The facts.
    #[command(flatten)]
    pub facts: Facts,
    /// The inputs to decide: a file, or a folder whose files are read in the order of their paths; may be repeated.
    #[arg(long, value_name = "FILE", requires = "expected")]
    pub input: Vec<PathBuf>,
    /// The expected decisions: columns with the names of the outputs.
    #[arg(long, value_name = "FILE", requires = "input")]
    pub expected: Option<PathBuf>,
    /// The column that identifies a row in inputs and expected decisions; without it, rows are matched by position.
    #[arg(long, value_name = "COL", requires = "input")]
    pub on: Option<String>,
    /// How columns map to fields, as for `opus batch`.
    #[arg(long, value_name = "FILE.toml", requires = "input")]
    pub columns: Option<PathBuf>,
}

/// `opus fmt`
#[derive(Args, Debug)]
pub struct Fmt {
    /// The policies, or `-` to format standard input to standard output.
    #[arg(required = true, value_name = "POLICY")]
    pub policies: Vec<PathBuf>,
    /// Change nothing, and fail if a policy is not formatted.
    #[arg(long)]
    pub check: bool,
}

/// `opus diff`
#[derive(Args, Debug)]
pub struct Diff {
    /// The first policy or artifact; `FILE@N` is its version N, applied to every row whatever its date.
    #[arg(value_name = "A")]
    pub a: PathBuf,
    /// The second policy or artifact, in the same form.
    #[arg(value_name = "B")]
    pub b: PathBuf,
    /// The snapshot of facts, if the policies take any: tests that are compared run with it.
    #[arg(long, value_name = "FILE|NAME|HASH")]
    pub snapshot: Option<PathBuf>,
    /// The snapshot after the change: also show the facts that differ, as edits.
    #[arg(long, value_name = "FILE|NAME|HASH")]
    pub snapshot_after: Option<PathBuf>,
    /// Where to write the script of all edits of the policies, for `opus apply`, or `-` for standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Use the source in an artifact even if this version compiles it differently and no test shows whether both agree.
    #[arg(long)]
    pub unverified: bool,
}

/// `opus apply`
#[derive(Args, Debug)]
pub struct Apply {
    /// The script, or `-` for standard input.
    pub script: PathBuf,
    /// The policy or artifact that the script was made from; `FILE@N` is its version N.
    pub policy: PathBuf,
    /// Where to write the source of the result, or `-` for standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Apply the script backwards: from the second policy to the first.
    #[arg(long)]
    pub invert: bool,
    /// Of the edits that can change a decision, apply only these; they must include the edits that they need.
    #[arg(long, value_name = "E1,…", value_delimiter = ',')]
    pub only: Option<Vec<String>>,
    /// Use the source in an artifact even if this version compiles it differently and no test shows whether both agree.
    #[arg(long)]
    pub unverified: bool,
}

/// Two policies and a portfolio.
#[derive(Args, Debug)]
pub struct Compared {
    /// The policy or artifact before the change; `FILE@N` is its version N, applied to every row whatever its date.
    #[arg(value_name = "A")]
    pub a: PathBuf,
    /// The policy or artifact after the change, in the same form.
    #[arg(value_name = "B")]
    pub b: PathBuf,
    /// The files, or folders whose files are read in the order of their paths; `-` for standard input.
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// The snapshot of facts, if the policies take any.
    #[arg(long, value_name = "FILE|NAME|HASH")]
    pub snapshot: Option<PathBuf>,
    /// The snapshot after the change, if it is not the same. Without `--snapshot`, the first policy takes no facts.
    #[arg(long, value_name = "FILE|NAME|HASH")]
    pub snapshot_after: Option<PathBuf>,
    /// Where to write the rows whose results differ, with both results, or `-` for standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The format of the output, if the file name does not show it.
    #[arg(long, value_parser = file_format(), value_name = "FORMAT", requires = "output")]
    pub output_format: Option<FileFormat>,
    /// Where to write the summary as JSON.
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// The value of a field in all rows of inputs that lack its column, written as in a CSV file, or `missing`.
    #[arg(long, value_name = "FIELD=VALUE")]
    pub fill: Vec<String>,
    /// The number of threads; by default, one for each processor.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = thread_count)]
    pub threads: Option<u16>,
    /// Input columns to copy to the output.
    #[arg(long, value_name = "COL,…", value_delimiter = ',', requires = "output", value_parser = column_name)]
    pub keep: Vec<String>,
    /// How columns map to fields, as for `opus batch`.
    #[arg(long, value_name = "FILE.toml")]
    pub columns: Option<PathBuf>,
    /// The format of the input, if the file name does not show it.
    #[arg(long, value_parser = file_format(), value_name = "FORMAT")]
    pub input_format: Option<FileFormat>,
    /// Use the source in an artifact even if this version compiles it differently and no test shows whether both agree.
    #[arg(long)]
    pub unverified: bool,
}

/// `opus impact`
#[derive(Args, Debug)]
pub struct Impact {
    /// The policies and the portfolio.
    #[command(flatten)]
    pub compared: Compared,
    /// Also count for each value of this input column.
    #[arg(long, value_name = "COL")]
    pub by: Option<String>,
    /// Count a row as changed if another rule or version decides it, even if its outputs are the same.
    #[arg(long)]
    pub compare_rules: bool,
    /// The engine: native code (the VM if native code is unavailable), the VM, or the slow reference evaluator.
    #[arg(long, value_enum, value_name = "native|vm|reference", hide_possible_values = true)]
    #[arg(default_value_t = Decider::Native)]
    pub engine: Decider,
}

/// `opus attribute`
#[derive(Args, Debug)]
pub struct Attribute {
    /// The policies and the portfolio.
    #[command(flatten)]
    pub compared: Compared,
    /// The engine of the two policies: native code (the VM if native code is unavailable) or the VM. The policies
    /// between the two always run on the VM.
    #[arg(long, value_enum, value_name = "native|vm", hide_possible_values = true)]
    #[arg(default_value_t = BatchEngine::Native)]
    pub engine: BatchEngine,
}

/// `opus report`
#[derive(Args, Debug)]
pub struct Report {
    /// The policy or artifact; of a comparison, the one after the change. `FILE@N` compares version N by itself.
    #[arg(value_name = "POLICY")]
    pub policy: PathBuf,
    /// The policy before the change, in the same form.
    #[arg(long, value_name = "OTHER")]
    pub against: Option<PathBuf>,
    /// The files of a portfolio, or folders of them.
    #[arg(long, value_name = "FILE")]
    pub input: Vec<PathBuf>,
    /// Where to write the report: `*.html`, `*.md` or `*.json`.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// The facts.
    #[command(flatten)]
    pub facts: Facts,
    /// The snapshot before the change, if it is not the same.
    #[arg(long, value_name = "FILE|NAME|HASH", requires_all = ["snapshot", "against"])]
    pub snapshot_before: Option<PathBuf>,
    /// Also count what changes for each value of this input column.
    #[arg(long, value_name = "COL", requires = "against")]
    pub by: Option<String>,
    /// The value of a field in all rows of inputs that lack its column, written as in a CSV file, or `missing`.
    #[arg(long, value_name = "FIELD=VALUE", requires = "against")]
    pub fill: Vec<String>,
    /// How columns map to fields, as for `opus batch`.
    #[arg(long, value_name = "FILE.toml", requires = "input")]
    pub columns: Option<PathBuf>,
    /// The format of the input, if the file name does not show it.
    #[arg(long, value_parser = file_format(), value_name = "FORMAT", requires = "input")]
    pub input_format: Option<FileFormat>,
    /// The number of threads; by default, one for each processor.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = thread_count)]
    pub threads: Option<u16>,
}

/// An engine that decides many rows at a time.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum BatchEngine {
    /// Native code, or the VM if native code is unavailable.
    Native,
    /// The bytecode VM.
    Vm,
}

impl BatchEngine {
    /// The engine of the runtime.
    pub fn of_runtime(self) -> opus_runtime::Engine {
        match self {
            BatchEngine::Native => opus_runtime::Engine::Native,
            BatchEngine::Vm => opus_runtime::Engine::Vm,
        }
    }
}

/// `opus inspect`
#[derive(Args, Debug)]
pub struct Inspect {
    /// The policy or artifact.
    pub policy: PathBuf,
    /// The facts.
    #[command(flatten)]
    pub facts: Facts,
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

/// `opus snapshot`
#[derive(Args, Debug)]
pub struct Snapshot {
    /// What to do.
    #[command(subcommand)]
    pub what: SnapshotVerb,
}

/// The verbs of `opus snapshot`.
#[derive(Subcommand, Debug)]
pub enum SnapshotVerb {
    /// Make a snapshot of the facts in a TOML or CSV file.
    #[command(
        after_help = "The file has the columns `key`, `valid_from`, `value` and `cite`; other columns are kept as notes. The value `none` ends a fact.\n\nExample:\n  opus snapshot build facts.csv -o world.opuss"
    )]
    Build(SnapshotBuild),
    /// Show the facts of a snapshot.
    #[command(after_help = "Example:\n  opus snapshot show world.opuss --as-of 2025-03-01")]
    Show(SnapshotShow),
    /// Show which facts differ between two snapshots.
    #[command(
        after_help = "The exit code is 1 if the snapshots differ.\n\nExample:\n  opus snapshot diff before.opuss after.opuss"
    )]
    Diff(SnapshotDiff),
}

/// `opus snapshot build`
#[derive(Args, Debug)]
pub struct SnapshotBuild {
    /// The facts, in a file `….toml` or `….csv`.
    #[arg(value_name = "FACTS")]
    pub facts: PathBuf,
    /// Where to write the snapshot, or `-` for standard output; by default next to the facts, as `*.opuss`.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `opus snapshot show`
#[derive(Args, Debug)]
pub struct SnapshotShow {
    /// The snapshot.
    #[arg(value_name = "SNAPSHOT")]
    pub snapshot: PathBuf,
    /// Show only the facts that hold on this day.
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub as_of: Option<i32>,
}

/// `opus snapshot diff`
#[derive(Args, Debug)]
pub struct SnapshotDiff {
    /// The first snapshot.
    #[arg(value_name = "A")]
    pub a: PathBuf,
    /// The second snapshot.
    #[arg(value_name = "B")]
    pub b: PathBuf,
}

/// `opus key`
#[derive(Args, Debug)]
pub struct Key {
    /// What to do.
    #[command(subcommand)]
    pub verb: KeyVerb,
}

/// The verbs of `opus key`.
#[derive(Subcommand, Debug)]
pub enum KeyVerb {
    /// Make a secret key, which is NOT encrypted, and its public key.
    New(KeyNew),
}

/// `opus key new`
#[derive(Args, Debug)]
pub struct KeyNew {
    /// Where to write the keys: NAME.key and NAME.pub. Existing files are not replaced.
    #[arg(short, long, value_name = "NAME", default_value = "opus")]
    pub output: PathBuf,
}

/// `opus sign`
#[derive(Args, Debug)]
pub struct Sign {
    /// The object to publish: an artifact, a snapshot or the manifest of a record.
    pub file: PathBuf,
    /// The name under which to publish it.
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// The secret key, which is not encrypted; without it, only the statement is written, for another tool to sign.
    #[arg(long, value_name = "SECRET")]
    pub key: Option<PathBuf>,
    /// Where to write the statement; by default NAME.statement. The signature is written beside it, as *.minisig.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `opus check-signature`
#[derive(Args, Debug)]
pub struct CheckSignature {
    /// The statement.
    pub statement: PathBuf,
    /// The signature.
    pub signature: PathBuf,
    /// The public key; by default, the key is looked up in the trust file.
    #[arg(long, value_name = "PUB")]
    pub key: Option<PathBuf>,
}

/// `opus publish`
#[derive(Args, Debug)]
pub struct Publish {
    /// The artifact, the snapshot or the manifest of a record.
    pub file: PathBuf,
    /// The name: letters, digits, `.`, `-` and `_`.
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// Who publishes it; this text is not checked.
    #[arg(long, value_name = "WHO")]
    pub by: Option<String>,
    /// Claim a time between the last entry and now, such as 2026-02-01T09:30:00Z; by default, the store assigns the time.
    #[arg(long, value_name = "T")]
    pub recorded_at: Option<String>,
    /// A signature by `opus sign` or minisign, next to its statement: FILE is the statement's file name with `.minisig` added.
    #[arg(long, value_name = "FILE")]
    pub signature: Vec<PathBuf>,
}

/// `opus log`
#[derive(Args, Debug)]
pub struct Log {
    /// Print the size and root of the ledger, to be kept elsewhere for `opus store verify`.
    #[arg(long)]
    pub checkpoint: bool,
}

/// `opus show`
#[derive(Args, Debug)]
pub struct Show {
    /// A name, the hash of an object, or NAME@N for version N of a policy.
    #[arg(value_name = "HASH|NAME[@N]")]
    pub what: String,
    /// Show the version of a policy that is in force on this day.
    #[arg(long, value_name = "DAY")]
    pub as_of: Option<String>,
}

/// `opus store`
#[derive(Args, Debug)]
pub struct StoreVerbs {
    /// What to do.
    #[command(subcommand)]
    pub verb: StoreVerb,
}

/// The verbs of `opus store`.
#[derive(Subcommand, Debug)]
pub enum StoreVerb {
    /// Check that objects and entries match their hashes, and that the ledger begins with the entries that a checkpoint covers.
    Verify(StoreVerify),
}

/// `opus store verify`
#[derive(Args, Debug)]
pub struct StoreVerify {
    /// A checkpoint that was kept elsewhere, from `opus log --checkpoint`.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
}

/// `opus sample`
#[derive(Args, Debug)]
pub struct Sample {
    /// The policy or artifact.
    pub policy: PathBuf,
    /// The snapshot of facts, to draw rows that meet requires about facts: a file that `opus snapshot build` wrote.
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// The number of rows.
    #[arg(short = 'n', long = "rows", value_name = "N", default_value_t = 1000, value_parser = whole_number)]
    #[arg(allow_negative_numbers = true)]
    pub rows: u64,
    /// The seed of the random numbers.
    #[arg(long, value_name = "S", default_value_t = 0, value_parser = whole_number)]
    #[arg(allow_negative_numbers = true)]
    pub seed: u64,
    /// Where to write the rows, or `-` for standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Draw the values at which decisions change more often.
    #[arg(long, conflicts_with = "profile")]
    pub boundaries: bool,
    /// A TOML file that says how the values of each field are spread, so that the rows look like a portfolio.
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// The format of the output, if the file name does not show it.
    #[arg(long, value_parser = file_format(), value_name = "FORMAT")]
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
