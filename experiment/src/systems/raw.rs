//! How does a raw LLM answer? One prompt, one call, and the answer as it comes.

use crate::Failure;
use crate::systems::prompted::{Dialogue, Kind, Subject};

/// The raw LLM.
pub static KIND: Kind = Kind {
    name: "raw",
    title: "Raw LLM",
    decide: ("prompts/raw/decide.md", include_str!("../../prompts/raw/decide.md")),
    roles: &[],
    converse,
};

fn converse(dialogue: &mut Dialogue<'_>, subject: &Subject<'_>) -> Result<(), Failure> {
    if let Some(reply) = dialogue.ask(&subject.prompt("prompt"), &[(subject.what, subject.json)], None)? {
        dialogue.outcome.text = reply.text;
    }
    Ok(())
}
