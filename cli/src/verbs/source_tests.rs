//! The tests in a policy, on every engine that is available.

use std::collections::BTreeSet;

use opus_frontend::ast::Span;
use opus_frontend::display;
use opus_frontend::hir::{Expect, Policy, Test};
use opus_runtime::Level;
use opus_runtime::admission::Place;
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};
use crate::open::{Opened, without_facts};
use crate::render;
use crate::terminal::Terminal;
use opus_govern::witnesses::{GivenRow, Outcome, Witness, Witnesses};

pub fn run(mut opened: Opened, terminal: &Terminal) -> Result<(), Failure> {
    let compiled = opened.compiled()?.clone();
    let witnesses = match &opened.snapshot {
        Some(snapshot) => Witnesses::bound(&compiled, snapshot, &Level::ALL)
            .map_err(|why| Failure::io(format!("`{}`: {why}", opened.name)))?,
        None if !compiled.program.holes.is_empty() => {
            return Err(without_facts(&opened.name, &opened.artifact));
        }
        None => Witnesses::new(&compiled, &Level::ALL).map_err(|why| Failure::new(Exit::Artifact, why))?,
    };
    let policy = &compiled.policy;
    let rows: Vec<GivenRow> = policy.tests.iter().map(|test| test.given.clone()).collect();
    let available = witnesses.available();
    let outcomes: Vec<(Witness, Vec<Outcome>)> =
        available.iter().map(|witness| (*witness, witnesses.decide(*witness, &rows))).collect();
    let mut failed = Vec::new();
    for (index, test) in policy.tests.iter().enumerate() {
        failed.extend(failures(policy, test, index, &outcomes).into_iter().map(|failure| (test, failure)));
    }
    // one reason may exclude several engines
    let skipped: BTreeSet<&str> = witnesses.skipped().iter().map(|skipped| skipped.reason.as_str()).collect();
    skipped.iter().for_each(|reason| terminal.note(&format!("engines skipped: {reason}")));
    if terminal.is_json() {
        terminal.print_json(&report(&compiled.source, &witnesses, policy, &failed))?;
    } else {
        for (test, failure) in &failed {
            let title = format!("test \"{}\": {}", test.name, failure.expected);
            let text = render::failed(
                &opened.name,
                &compiled.source,
                &title,
                failure.span,
                &format!("found {}", failure.found),
                terminal.is_styled(),
            );
            terminal.say(&format!("{text}\n"));
        }
        let mut names: Vec<&str> = failed.iter().map(|(test, _)| test.name.as_str()).collect();
        names.dedup();
        let (all, bad) = (policy.tests.len(), names.len());
        let noun = if all == 1 { "test" } else { "tests" };
        let engines: Vec<String> = available.iter().map(Witness::to_string).collect();
        terminal.print(&format!(
            "{all} {noun}, {} passed, {bad} failed, on {}\n",
            all - bad,
            engines.join(", ")
        ))?;
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::said(Exit::Policy)) }
}

/// An expectation that was not met.
struct Unmet {
    expected: String,
    found: String,
    span: Span,
}

/// The expectations of a test that are not met. The engines are named if only some of them differ.
fn failures(policy: &Policy, test: &Test, index: usize, outcomes: &[(Witness, Vec<Outcome>)]) -> Vec<Unmet> {
    let mut unmet = Vec::new();
    for (expect, span) in &test.expects {
        let mut found: Vec<(String, Vec<String>)> = Vec::new();
        for (witness, outcomes) in outcomes {
            let outcome = &outcomes[index];
            if is_met(policy, expect, outcome) {
                continue;
            }
            let words = in_words(policy, expect, outcome);
            match found.iter_mut().find(|(known, _)| *known == words) {
                Some((_, witnesses)) => witnesses.push(witness.to_string()),
                None => found.push((words, vec![witness.to_string()])),
            }
        }
        for (words, witnesses) in found {
            let who = if witnesses.len() == outcomes.len() {
                String::new()
            } else {
                format!(" by {}", witnesses.join(", "))
            };
            unmet.push(Unmet {
                expected: expected(policy, expect),
                found: format!("{words}{who}"),
                span: *span,
            });
        }
    }
    unmet
}

fn is_met(policy: &Policy, expect: &Expect, outcome: &Outcome) -> bool {
    match (expect, outcome) {
        (Expect::Output(index, value), Ok(verdict)) => verdict.outputs[*index as usize] == *value,
        (Expect::Rule(id), Ok(verdict)) => policy.rules[verdict.rule].id == *id,
        (Expect::Version(number), Ok(verdict)) => policy.versions[verdict.version].number == *number,
        (Expect::Refused(name), Err(faults)) => {
            faults.iter().any(|(place, _)| place_name(policy, *place) == name)
        }
        _ => false,
    }
}

fn expected(policy: &Policy, expect: &Expect) -> String {
    match expect {
        Expect::Output(index, value) => {
            let field = &policy.schema.outputs[*index as usize];
            format!("`{}` should be {}", field.name, display::field_text(&policy.schema, field.kind, *value))
        }
        Expect::Rule(id) => format!("rule {id} should decide"),
        Expect::Version(number) => format!("version {number} should be in force"),
        Expect::Refused(name) => format!("it should be refused because of `{name}`"),
    }
}

/// The actual value for an expectation.
fn in_words(policy: &Policy, expect: &Expect, outcome: &Outcome) -> String {
    match (expect, outcome) {
        (_, Err(faults)) => {
            let faults = faults
                .iter()
                .map(|(place, fault)| format!("`{}` {}", place_name(policy, *place), fault.code()));
            format!("a refusal: {}", faults.collect::<Vec<_>>().join(", "))
        }
        (Expect::Output(index, _), Ok(verdict)) => {
            let field = &policy.schema.outputs[*index as usize];
            display::field_text(&policy.schema, field.kind, verdict.outputs[*index as usize])
        }
        (Expect::Version(_), Ok(verdict)) => format!("version {}", policy.versions[verdict.version].number),
        (Expect::Rule(_) | Expect::Refused(_), Ok(verdict)) => {
            format!("a decision by {}", policy.rules[verdict.rule].id)
        }
    }
}

fn place_name(policy: &Policy, place: Place) -> &str {
    match place {
        Place::Row => "",
        Place::Field(index) => &policy.schema.inputs[index as usize].name,
        Place::Require(index) => &policy.requires[index as usize].id,
    }
}

fn report(source: &str, witnesses: &Witnesses, policy: &Policy, failed: &[(&Test, Unmet)]) -> Value {
    let failed = failed.iter().map(|(test, unmet)| {
        let place = render::place(source, unmet.span);
        json!({ "test": test.name, "expected": unmet.expected, "found": unmet.found, "place": place })
    });
    let engines = witnesses.available();
    json!({
        "tests": policy.tests.len(),
        "engines": engines.iter().map(Witness::to_string).collect::<Vec<_>>(),
        "skipped": witnesses.skipped().iter().map(|skipped| &skipped.reason).collect::<BTreeSet<_>>(),
        "failed": failed.collect::<Vec<_>>(),
    })
}
