//! Which row is to be decided? A JSON object, or a row of the files that `opus batch` reads.

use std::path::{Path, PathBuf};

use opus_data::{Endpoint, Format, Intake, Located, Mapping, OneRow, did_you_mean, standard_input_once};
use opus_ir::Schema;
use opus_runtime::admission::json;
use opus_runtime::{Policy, Refusal, Row};
use serde::de::IgnoredAny;

use crate::args::GivenRow;
use crate::endpoints::inputs;
use crate::failure::Failure;
use crate::open::read;
use crate::progress;
use crate::terminal::{NOT_READ, Terminal};

impl GivenRow {
    /// Checks that standard input is read once at most, the policy included.
    ///
    /// # Errors
    /// If it is named more than once.
    pub fn standard_input_once(&self, policy: &Path) -> Result<(), Failure> {
        let read: Vec<Endpoint> = self.input.iter().map(|path| Endpoint::new(path)).collect();
        let policy = Endpoint::new(policy);
        Ok(standard_input_once(&read.iter().chain([&policy]).collect::<Vec<_>>())?)
    }
}

/// What is to be decided.
pub enum Input {
    /// The text of one JSON object, and where it was read.
    Object(String, PathBuf),
    /// A row of files, by its number.
    RowOf(Vec<Located>, u64, Box<Intake>),
}

/// What was read.
pub struct Given {
    /// The row, or why its fields are refused.
    pub row: Result<Row, Refusal>,
    /// The names in the input that no field has.
    pub ignored: Vec<String>,
}

impl Input {
    /// Finds the files of a row, or reads an object.
    ///
    /// # Errors
    /// If there is no such file, or the mapping is wrong.
    pub fn read(args: &GivenRow, schema: &Schema) -> Result<Input, Failure> {
        let Some(number) = args.row else {
            let [path] = args.input.as_slice() else {
                return Err(Failure::usage("several inputs hold more than one JSON object").help(ROW_HELP));
            };
            return Ok(Input::Object(text(path)?, path.clone()));
        };
        let files = inputs(&args.input, args.input_format)?;
        let mut mapping = match &args.columns {
            Some(path) => Mapping::read(path, schema)?,
            None => Mapping::by_name(schema),
        };
        for fill in &args.fill {
            mapping.parse_fill(fill, schema, |name| name)?;
        }
        let intake = Intake { schema: schema.clone(), mapping, keep: Vec::new() };
        Ok(Input::RowOf(files, number, Box::new(intake)))
    }

    /// Reads the row.
    ///
    /// # Errors
    /// If the input is not what it should be, or has no such row. A row that is refused is not an error.
    pub fn admit(self, policy: &Policy, terminal: &Terminal) -> Result<Given, Failure> {
        match self {
            Input::Object(text, path) => object(&text, &path, policy, terminal),
            Input::RowOf(files, number, intake) => row_of(files, number, &intake, policy, terminal),
        }
    }
}

/// Reads a row from a JSON object.
fn object(text: &str, path: &Path, policy: &Policy, terminal: &Terminal) -> Result<Given, Failure> {
    let row = policy.read_json(text);
    if matches!(row, Err(Refusal::Row(_))) && is_rows(text, path) {
        return Err(no_object(path));
    }
    let ignored = ignored(text, policy.schema());
    note_ignored(&ignored, policy.schema(), terminal);
    Ok(Given { row, ignored })
}

/// Whether a text that is not a JSON object is a file that `batch` reads.
fn is_rows(text: &str, path: &Path) -> bool {
    match Format::of_extension(path) {
        None => false,
        // the object may have a mistake in it, which the refusal shows
        Some(format) if Some(format) == Format::named("json") => {
            let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
            text.trim_start().starts_with('[')
                || matches!(values.next(), Some(Ok(_))) && values.next().is_some()
        }
        Some(_) => true,
    }
}

/// Reads a row of files.
fn row_of(
    files: Vec<Located>,
    number: u64,
    intake: &Intake,
    policy: &Policy,
    terminal: &Terminal,
) -> Result<Given, Failure> {
    let is_one = files.len() == 1;
    let shown = progress::Shown::new(terminal);
    let found = OneRow::read(files, number, intake, policy, &|progress| shown.update(progress));
    shown.clear();
    let found = found?;
    if !is_one {
        terminal.note(&format!("row {number} is row {} of {}", found.row_of_file, found.file));
    }
    terminal.note_names(NOT_READ, &found.ignored);
    Ok(Given { row: found.row, ignored: found.ignored.into_iter().collect() })
}

/// What to do about a file that has rows.
const ROW_HELP: &str = "`--row N` decides row N of the files that `opus batch` reads";

/// The text of a file, without the mark that some editors put before it.
fn text(path: &Path) -> Result<String, Failure> {
    if path.is_dir() {
        return Err(
            Failure::usage(format!("`{}` is a folder, not a JSON object", path.display())).help(ROW_HELP)
        );
    }
    let text = String::from_utf8(read(path)?).map_err(|_| match Format::of_extension(path) {
        Some(_) => no_object(path),
        None => Failure::io(format!("`{}` is not a JSON object: it is not UTF-8", path.display()))
            .help("save it as UTF-8"),
    })?;
    Ok(text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text))
}

fn no_object(path: &Path) -> Failure {
    Failure::usage(format!("`{}` is not one JSON object", path.display())).help(ROW_HELP)
}

/// The names in an input that no field has.
fn ignored(input: &str, schema: &Schema) -> Vec<String> {
    let mut names = Vec::new();
    // if the input is not an object, reading it says so
    let _ = json::members(input, |name, _| {
        if schema.input(name).is_none() {
            names.push(name.to_owned());
        }
    });
    names
}

/// A misspelt name leaves an optional field missing, which can change the decision.
fn note_ignored(ignored: &[String], schema: &Schema, terminal: &Terminal) {
    for name in ignored {
        let near = did_you_mean(name, schema.inputs.iter().map(|field| field.name.as_str()));
        let near = near.map(|near| format!(": {near}")).unwrap_or_default();
        terminal.note(&format!("`{name}` is not an input field of the policy and was ignored{near}"));
    }
}
