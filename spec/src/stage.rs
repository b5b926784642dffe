//! What are the stages of a policy? The text of each stage, as test files show it.

use opus_frontend::diagnostic::Diagnostic;
use opus_frontend::{Compiled, format, lower};
use opus_govern::coverage::instruments;
use opus_govern::diff::diff;
use opus_govern::explain::{Want, explain};
use opus_govern::structure::Structure;
use opus_ir::{Func, passes, verify};
use opus_runtime::Engine;

/// The text of a stage, by the info string of its block: `fmt`, `ir`, `ir after NAME`, `code`. If the policy has
/// several versions, their texts follow one another.
///
/// # Errors
/// If there is no such stage, or the policy does not reach it.
pub fn of_policy(stage: &str, source: &str, compiled: &Compiled) -> Result<String, String> {
    if stage == "fmt" {
        return format::format(source).map_err(|_| "the source cannot be read".to_owned());
    }
    let (program, _) = lower::plain(&compiled.policy, source);
    let program = program.ok_or("the policy does not become a program")?;
    let several = program.versions.len() > 1;
    let mut text = String::new();
    for version in program.versions {
        if several {
            text += &format!("; version {}\n", version.number);
        }
        text += &of_func(stage, version.decide)?;
    }
    Ok(text)
}

/// The text of a stage of one function. A pass runs after the passes before it, as in the compiler.
///
/// # Errors
/// If there is no such stage, or the verifier refuses the function.
pub fn of_func(stage: &str, mut func: Func) -> Result<String, String> {
    match stage.split_once(' ') {
        None if stage == "ir" => Ok(func.to_string()),
        None if stage == "code" => {
            opus_frontend::prove::optimize(&mut func);
            let verified = verify(func).map_err(|invalid| invalid.to_string())?;
            opus_vm::emit_row(&verified).map(|code| code.to_string()).map_err(|error| error.to_string())
        }
        Some(("ir", after)) => {
            let last = after.strip_prefix("after ").unwrap_or(after);
            let position = passes::ALL.iter().position(|(name, _)| *name == last);
            let position = position.ok_or_else(|| format!("there is no pass `{last}`"))?;
            passes::ALL[..=position].iter().for_each(|(_, pass)| pass(&mut func));
            Ok(func.to_string())
        }
        _ => Err(format!("there is no stage `{stage}`")),
    }
}

/// The edits that lead to a policy: from the one before it in the file for `diff`, between two of its versions for
/// `diff 1 2`.
///
/// # Errors
/// If there is no policy before it, or no such version.
pub fn edits(info: &str, before: Option<&str>, source: &str) -> Result<String, String> {
    let read = |source: &str| Structure::of_source(source).map_err(|_| "a policy cannot be read".to_owned());
    let at = |number: &str| {
        let found = number.parse().ok().and_then(|number| read(source).ok()?.at_version(number));
        found.ok_or_else(|| format!("the policy above has no version {number}"))
    };
    let (a, b) = match info.split(' ').collect::<Vec<_>>().as_slice() {
        [_] => (read(before.ok_or("there is no policy before this one")?)?, read(source)?),
        [_, first, second] => (at(first)?, at(second)?),
        _ => return Err(format!("`{info}` is neither `diff` nor `diff 1 2`")),
    };
    Ok(diff(&a, &b).edits.iter().map(|edit| format!("{edit}\n")).collect())
}

/// What the tests of a policy use.
///
/// # Errors
/// If the policy cannot be observed.
pub fn coverage(compiled: &Compiled) -> Result<String, String> {
    let instruments = instruments(compiled).map_err(|error| error.to_string())?;
    let given: Vec<&[Option<i128>]> =
        compiled.policy.tests.iter().map(|test| test.given.as_slice()).collect();
    let tally = instruments.tally(&given, None, Engine::Vm);
    Ok(instruments.coverage(&compiled.policy, &compiled.source, &tally).to_text())
}

/// The explanation of the input of a test, by its title: `explain "a small income"`, with what is wanted:
/// `explain "a small income" decision = approve`.
///
/// # Errors
/// If there is no such test, its input is refused, or the condition cannot be read.
pub fn explanation(info: &str, compiled: &Compiled) -> Result<String, String> {
    let mut parts = info.splitn(3, '"').skip(1);
    let (title, want) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default().trim());
    let test = compiled.policy.tests.iter().find(|test| test.name == title);
    let test = test.ok_or_else(|| format!("no test has the title \"{title}\""))?;
    let want = match want {
        "" => None,
        want => Some(Want::parse(want, &compiled.policy.schema).map_err(|error| error.to_string())?),
    };
    let explanation = explain(&compiled.policy, &compiled.source, &test.given, None, want.as_ref());
    explanation.map(|explanation| explanation.to_text()).map_err(|refused| refused.0.join(", "))
}

/// The diagnostics as test files show them, one per line: the line in the source, the code and the message,
/// followed by the counterexample if there is one.
pub fn told(source: &str, diagnostics: &[Diagnostic]) -> String {
    let line = |offset: u32| source.bytes().take(offset as usize).filter(|byte| *byte == b'\n').count() + 1;
    let mut text = String::new();
    for diagnostic in diagnostics {
        let Diagnostic { code, message, primary, .. } = diagnostic;
        text += &format!("{} {code} {message}\n", line(primary.span.start));
        if let Some(fields) = &diagnostic.counterexample {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            text += &format!("  for example: {}\n", fields.join(", "));
        }
    }
    text
}
