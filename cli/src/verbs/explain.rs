//! `opus explain`: how a decision was reached, why it is adverse, and what would have changed it. `opus batch --explain` writes
//! the same for chosen rows.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use serde::Serialize;

use super::run::refused;
use crate::args::{Batch, Explain};
use crate::failure::{Exit, Failure};
use crate::open::{label, open_with};
use crate::progress::Shown;
use crate::row::{Given, Input};
use crate::terminal::Terminal;
use opus_data::{DataError, Endpoint, Intake, Located, Target, did_you_mean, each_row};
use opus_frontend::Compiled;
use opus_govern::explain::{Explanation, Want, explain};
use opus_govern::facts::with_facts;
use opus_govern::source::{Basis, decides_alike};
use opus_ir::Schema;
use opus_runtime::{Decision, Engine, Policy, Record, Row, Snapshot};

/// An explanation with the record of the decision.
#[derive(Serialize)]
struct ShownJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<u64>,
    /// The label of an explanation from a source that compiles differently now.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    record: Record,
    /// `None` for a row that is refused.
    explanation: Option<Explanation>,
}

pub fn run(args: &Explain, terminal: &Terminal) -> Result<(), Failure> {
    args.given.standard_input_once(&args.policy)?;
    let mut opened = open_with(&args.policy, args.facts.snapshot.as_deref(), terminal)?;
    let (compiled, basis) = opened.based(args.unverified)?;
    let (compiled, basis) = (compiled.clone(), basis.clone());
    let want = wanted(args.want.as_deref(), "--want", &compiled.policy.schema)?;
    let input = Input::read(&args.given, &compiled.policy.schema)?;
    let facts = opened.snapshot.clone();
    let policy = opened.policy(Engine::Vm, terminal)?;
    let Given { row, ignored } = input.admit(&policy, terminal)?;
    let row = match row {
        Ok(row) => row,
        Err(refusal) => return refused(&refusal, &policy, None, ignored, None, terminal),
    };
    let decision = match policy.decide(&row) {
        Ok(decision) => decision,
        Err(refusal) => return refused(&refusal, &policy, Some(&row), ignored, None, terminal),
    };
    if basis != Basis::Derived {
        check_row(&compiled, facts.as_ref(), &policy, &row, &args.policy)?;
    }
    let explanation = explained(&compiled, facts.as_ref(), &row, want.as_ref());
    let labelled = |text: String| match &basis {
        Basis::Derived => text,
        basis => format!("{text}\nsource: {basis}\n"),
    };
    let text = if terminal.is_json() {
        let source = label(&basis);
        let shown =
            ShownJson { row: None, source, record: decision.record(), explanation: Some(explanation) };
        let text = serde_json::to_string_pretty(&shown).expect("texts and numbers can be written as JSON");
        format!("{text}\n")
    } else if terminal.is_markdown() {
        labelled(explanation.to_markdown())
    } else {
        labelled(explanation.to_text())
    };
    terminal.print(&text)
}

/// Checks that a source that compiles differently now decides the row that it is to explain as the artifact does.
fn check_row(
    compiled: &Compiled,
    facts: Option<&Snapshot>,
    policy: &Policy,
    row: &Row,
    path: &Path,
) -> Result<(), Failure> {
    let name = path.display();
    match decides_alike(compiled, facts, policy, row) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::new(
            Exit::Artifact,
            format!(
                "`{name}`: what this version compiles its source to decides the row differently, so the source cannot be used to explain it"
            ),
        )),
        Err(error) => Err(Failure::new(Exit::Artifact, format!("`{name}`: {error}"))),
    }
}

fn explained(compiled: &Compiled, facts: Option<&Snapshot>, row: &Row, want: Option<&Want>) -> Explanation {
    let given: Vec<Option<i128>> =
        (0..compiled.policy.schema.inputs.len()).map(|index| row.get(index)).collect();
    let given = with_facts(&compiled.policy, facts, &given);
    explain(&compiled.policy, &compiled.source, &given, facts, want)
        .expect("the row was admitted by its fields and requires")
}

/// The conditions that an option gives.
fn wanted(text: Option<&str>, option: &str, schema: &Schema) -> Result<Option<Want>, Failure> {
    let Some(text) = text else { return Ok(None) };
    match Want::parse(text, schema) {
        Ok(want) => Ok(Some(want)),
        Err(error) => Err(Failure::usage(format!("{option}: {}", error.message)).help(error.help)),
    }
}

/// The rows of a batch that are explained, and where to.
pub(super) struct ExplainedRows<'a> {
    compiled: &'a Compiled,
    policy: Policy,
    facts: Option<Snapshot>,
    want: Option<Want>,
    rows: Option<BTreeSet<u64>>,
    rule: Option<String>,
    outputs: Option<Want>,
    target: Target,
}

impl<'a> ExplainedRows<'a> {
    /// The rows that a command line chooses. The file begins to be written, so that a wrong place is noticed before the first
    /// row.
    ///
    /// # Errors
    /// If there is no such rule or output, or the file cannot be created.
    pub fn new(
        args: &Batch,
        endpoint: &Endpoint,
        compiled: &'a Compiled,
        policy: Policy,
        facts: Option<Snapshot>,
    ) -> Result<ExplainedRows<'a>, Failure> {
        let schema = &compiled.policy.schema;
        let rule_of = |text: &str| {
            let (name, id) = text.split_once('=')?;
            (name.trim() == "rule").then(|| id.trim_start_matches('=').trim().to_owned())
        };
        let text = args.chosen_where.as_deref();
        let rule = text.and_then(rule_of);
        let outputs = wanted(text.filter(|_| rule.is_none()), "--where", schema)?;
        if let Some(id) = rule.as_ref().filter(|id| !compiled.policy.rules.iter().any(|rule| rule.id == **id))
        {
            let failure = Failure::usage(format!("--where: the policy has no rule `{id}`"));
            let known = compiled.policy.rules.iter().map(|rule| rule.id.as_str());
            return Err(match did_you_mean(id, known) {
                _ if id.contains(',') => {
                    failure.help("`--where` takes a rule or conditions on outputs, but not both")
                }
                Some(near) => failure.help(near),
                None => failure.help("`opus inspect POLICY` lists its rules"),
            });
        }
        Ok(ExplainedRows {
            compiled,
            policy,
            facts,
            want: wanted(args.want.as_deref(), "--want", schema)?,
            rows: args.rows.as_ref().map(|rows| rows.iter().copied().collect()),
            rule,
            outputs,
            target: Target::create(endpoint)?,
        })
    }

    /// That inputs with so many rows have those that were named.
    ///
    /// # Errors
    /// If they lack one.
    pub fn check(&self, count: u64) -> Result<(), Failure> {
        match self.rows.iter().flatten().next_back().filter(|most| **most > count) {
            Some(most) => {
                Err(Failure::usage(format!("--rows: the inputs have no row {most}: they have {count} rows")))
            }
            None => Ok(()),
        }
    }

    /// Reads the inputs again and explains the rows. Refused rows that were named by number are written with the record of their
    /// refusal.
    ///
    /// # Errors
    /// If the inputs cannot be read, lack a row, or the file cannot be written.
    pub fn write(self, inputs: Vec<Located>, intake: &Intake, terminal: &Terminal) -> Result<(), Failure> {
        let ExplainedRows { compiled, policy, facts, want, rows, rule, outputs, mut target } = self;
        let is_chosen = |decision: &Decision<'_>| {
            rule.as_ref().is_none_or(|id| *id == decision.rule().id)
                && outputs.as_ref().is_none_or(|want| want.holds(&decision.verdict().outputs))
        };
        let is_named = |number: u64| rows.as_ref().is_none_or(|rows| rows.contains(&number));
        let shown = Shown::new(terminal);
        let mut visit = |number: u64, row: Result<Row, opus_runtime::Refusal>| -> Result<(), DataError> {
            let decided = match &row {
                Ok(row) => {
                    policy.decide(row).map(|decision| (row, decision)).map_err(|refusal| (Some(row), refusal))
                }
                Err(refusal) => Err((None, refusal.clone())),
            };
            let line = match decided {
                Ok((_, decision)) if !is_chosen(&decision) => return Ok(()),
                Ok((row, decision)) => ShownJson {
                    row: Some(number),
                    source: None,
                    record: decision.record(),
                    explanation: Some(explained(compiled, facts.as_ref(), row, want.as_ref())),
                },
                // a rule or an output chooses among decisions
                Err(_) if rows.is_none() => return Ok(()),
                Err((row, refusal)) => ShownJson {
                    row: Some(number),
                    source: None,
                    record: refusal.record(&policy, row),
                    explanation: None,
                },
            };
            let text = serde_json::to_string(&line).expect("texts and numbers can be written as JSON");
            target.write_all(format!("{text}\n").as_bytes()).map_err(|error| target.failure(&error))
        };
        let read =
            each_row(inputs, intake, &policy, &is_named, &|progress| shown.update(progress), &mut visit);
        shown.clear();
        read?;
        Ok(target.end()?.name()?)
    }
}
