//! Where are inputs and outputs? As in `opus-data`, with the options that name a format.

use std::path::{Path, PathBuf};

use opus_data::{DataError, Endpoint, ErrorKind, Format, Located};

use crate::failure::Failure;
use crate::process::is_standard_output_closed;

/// A path as results show it.
pub fn path_text(path: &Path) -> String {
    path.display().to_string()
}

/// The files behind the inputs: [`opus_data::inputs`].
///
/// # Errors
/// As there; for an unknown format, the message names the option `--input-format`.
pub fn inputs(paths: &[PathBuf], format: Option<Format>) -> Result<Vec<Located>, DataError> {
    opus_data::inputs(paths, format).map_err(|error| with_option(error, "--input-format"))
}

/// That the policy is not among the inputs, as it is if somebody names the inputs first.
///
/// # Errors
/// If an input has the name of a policy and the policy has that of a data file.
pub fn policy_first(policy: &Path, inputs: &[PathBuf]) -> Result<(), Failure> {
    let is_policy = |path: &&PathBuf| path.extension().is_some_and(|end| end == "opus" || end == "opusc");
    match inputs.iter().find(is_policy).filter(|_| Format::of_extension(policy).is_some()) {
        None => Ok(()),
        Some(found) => {
            let (found, policy) = (found.display(), policy.display());
            Err(Failure::usage(format!("`{found}` is a policy, not an input"))
                .help(format!("the policy comes first: opus batch {found} {policy}")))
        }
    }
}

/// The endpoint and format of an output: [`opus_data::output`].
///
/// # Errors
/// As there; for an unknown format, the message names `option`.
pub fn output(path: &Path, format: Option<Format>, option: &str) -> Result<Located, DataError> {
    let located = opus_data::output(path, format).map_err(|error| with_option(error, option))?;
    writable(&located.endpoint)?;
    Ok(located)
}

/// That an endpoint can be written at all.
///
/// # Errors
/// Where it is standard output, and the caller closed that: what is written there would be lost.
pub fn writable(endpoint: &Endpoint) -> Result<(), DataError> {
    match endpoint == &Endpoint::Standard && is_standard_output_closed() {
        true => {
            Err(DataError::output("standard output is closed")
                .remedy("redirect it to a file, or to /dev/null"))
        }
        false => Ok(()),
    }
}

fn with_option(error: DataError, option: &str) -> DataError {
    match (error.kind, &error.remedy) {
        (ErrorKind::UnknownFormat, Some(remedy)) => {
            let remedy = format!("{remedy}, or pass `{option}`");
            error.remedy(remedy)
        }
        (ErrorKind::UnknownFormat, None) => error.remedy(format!("pass `{option}`")),
        _ => error,
    }
}

/// Checks that no column is to be copied twice.
///
/// # Errors
/// If one is.
pub fn kept_once(keep: &[String]) -> Result<(), Failure> {
    let twice = keep.iter().enumerate().find(|(index, name)| keep[..*index].contains(name));
    let Some((_, name)) = twice else { return Ok(()) };
    Err(Failure::usage(format!("`--keep` names the column `{name}` twice")).help("name each column once"))
}
