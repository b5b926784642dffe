//! How does an agent system answer? A planner, an executor, an assembler and a validator, who can send the answer back; ten
//! calls at most.

use serde_json::Value;

use crate::Failure;
use crate::answer::object;
use crate::systems::prompted::{Dialogue, Kind, Subject};

/// The agent system.
pub static KIND: Kind = Kind {
    name: "agent",
    title: "Agent system",
    decide: ("prompts/agent/decide.md", include_str!("../../prompts/agent/decide.md")),
    roles: &[
        (PLANNER, "prompts/agent/planner.md", include_str!("../../prompts/agent/planner.md")),
        (EXECUTOR, "prompts/agent/executor.md", include_str!("../../prompts/agent/executor.md")),
        (ASSEMBLER, "prompts/agent/assembler.md", include_str!("../../prompts/agent/assembler.md")),
        (VALIDATOR, "prompts/agent/validator.md", include_str!("../../prompts/agent/validator.md")),
    ],
    converse,
};

/// Writes the plan.
pub const PLANNER: &str = "planner";
/// Carries it out.
pub const EXECUTOR: &str = "executor";
/// Writes the answer.
pub const ASSEMBLER: &str = "assembler";
/// Accepts it, or sends it back.
pub const VALIDATOR: &str = "validator";

/// How often a model is called: once for the plan, and three times for each answer.
pub const CALLS_MAX: u32 = 10;

fn converse(dialogue: &mut Dialogue<'_>, subject: &Subject<'_>) -> Result<(), Failure> {
    let case = (subject.what, subject.json);
    let Some(plan) = dialogue.ask(&subject.prompt(PLANNER), &[case], None)? else { return Ok(()) };
    let mut sent_back: Option<(String, String)> = None;
    loop {
        let mut parts = vec![case, ("Plan", &plan.text)];
        if let Some((answer, problem)) = &sent_back {
            parts.extend([("Earlier answer", &**answer), ("Problem", &**problem)]);
        }
        let Some(findings) = dialogue.ask(&subject.prompt(EXECUTOR), &parts, None)? else { return Ok(()) };
        let parts = [case, ("Findings", &findings.text)];
        let Some(answer) = dialogue.ask(&subject.prompt(ASSEMBLER), &parts, None)? else { return Ok(()) };
        let parts = [case, ("Answer", &answer.text)];
        let Some(verdict) = dialogue.ask(&subject.prompt(VALIDATOR), &parts, None)? else { return Ok(()) };
        dialogue.outcome.text = answer.text.clone();
        match problem(&verdict.text) {
            None => return Ok(()),
            Some(_) if dialogue.outcome.attempts + 3 > CALLS_MAX => return Ok(()),
            Some(problem) => {
                dialogue.outcome.retries.push(problem.clone());
                sent_back = Some((answer.text, problem));
            }
        }
    }
}

/// Why the validator sends an answer back; `None` where it accepts.
fn problem(verdict: &str) -> Option<String> {
    let Some(verdict) = object(verdict) else { return Some("the validator's verdict cannot be read".into()) };
    let word = |name: &str| verdict.get(name).and_then(Value::as_str);
    match word("verdict") {
        Some("accept") => None,
        _ => Some(word("problem").unwrap_or("the validator did not accept it").to_owned()),
    }
}
