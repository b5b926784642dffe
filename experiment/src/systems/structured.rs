//! How does a model answer in a form that is checked? Structured output against a schema, validated, and asked for again
//! where it does not fit: at most three times.
//!
//! Only the form is checked. If no attempt has it, the last one is the answer, and counts as what it is.

use serde_json::Value;

use crate::Failure;
use crate::answer::object;
use crate::model::{Reply, Stop};
use crate::systems::prompted::{Dialogue, Kind, Subject};

/// Structured output with validation.
pub static KIND: Kind = Kind {
    name: "structured",
    title: "Structured + validation",
    decide: ("prompts/structured/decide.md", include_str!("../../prompts/structured/decide.md")),
    roles: &[],
    converse,
};

/// How often an answer is asked for.
pub const ATTEMPTS_MAX: u32 = 3;

fn converse(dialogue: &mut Dialogue<'_>, subject: &Subject<'_>) -> Result<(), Failure> {
    let prompt = subject.prompt("prompt");
    let mut before: Option<(String, String)> = None;
    for attempt in 1..=ATTEMPTS_MAX {
        let mut parts = vec![(subject.what, subject.json)];
        if let Some((answer, wrong)) = &before {
            parts.extend([("Previous answer", &**answer), ("What was wrong with it", &**wrong)]);
        }
        let Some(reply) = dialogue.ask(&prompt, &parts, Some(subject.schema))? else { return Ok(()) };
        let answer = object(&reply.text).map(Value::Object);
        dialogue.outcome.text = match &answer {
            Some(answer) => answer.get("answer").unwrap_or(answer).to_string(),
            None => reply.text.clone(),
        };
        match fault(&reply, answer.as_ref(), subject) {
            None => return Ok(()),
            Some(wrong) => {
                if attempt < ATTEMPTS_MAX {
                    dialogue.outcome.retries.push(wrong.clone());
                }
                before = Some((reply.text, wrong));
            }
        }
    }
    Ok(())
}

/// What is wrong with the form of an answer.
fn fault(reply: &Reply, answer: Option<&Value>, subject: &Subject<'_>) -> Option<String> {
    match (&reply.stop, answer) {
        (Stop::Refused, _) => Some("the model refused".into()),
        (Stop::CutOff, _) => Some("the answer was cut off".into()),
        (_, None) => Some("the answer is not a JSON object".into()),
        (_, Some(answer)) => subject.schema.check(answer).err(),
    }
}
