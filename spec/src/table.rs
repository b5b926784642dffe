//! What is decided on the rows of a table? Each row is read as from a file, and every witness decides it.
//!
//! A cell on the left is a text as in a CSV file, and `-` is a missing value. The right side has the outputs and,
//! if the table names them, the rule and the version. For a refused row it has the name of the field or require
//! and the code of each fault, separated by commas.

use std::collections::BTreeMap;

use opus_frontend::Compiled;
use opus_govern::witnesses::{GivenRow, Outcome, Witness, Witnesses};
use opus_ir::{Domain, Fault, Field, Interval, Schema};
use opus_runtime::admission::{Admission, Place, Reading, Reason, Unit};
use opus_runtime::{Refusal, Snapshot};

use crate::document;

/// The result for one row, in words: by column, or the refusal alone.
type Words = BTreeMap<String, String>;

/// The column of a refusal.
const REFUSED: &str = "refused";

/// A policy whose tables are checked.
pub struct Subject {
    schema: Schema,
    /// The schema without ranges, to read values that admission would refuse.
    wide: Schema,
    rules: Vec<String>,
    requires: Vec<String>,
    versions: Vec<u32>,
    witnesses: Witnesses,
    front_door: opus_runtime::Policy,
}

impl Subject {
    /// Opens a compiled policy on all witnesses, with its facts.
    ///
    /// # Errors
    /// If it is refused as an artifact.
    pub fn new(compiled: &Compiled, facts: Option<&Snapshot>) -> Result<Subject, String> {
        let program = &compiled.program;
        let source =
            opus_runtime::artifact::SourceText { text: &compiled.source, compiler: opus_frontend::VERSION };
        let artifact =
            opus_runtime::Artifact::build(program.clone(), source).map_err(|error| error.to_string())?;
        let options = opus_runtime::Options { cache: opus_runtime::Cache::Off, ..Default::default() };
        let (front_door, witnesses) = match facts {
            Some(facts) => (
                opus_runtime::Policy::bind(artifact, facts, &options).map_err(|error| error.to_string()),
                Witnesses::bound(compiled, facts, &[])?,
            ),
            None => (
                opus_runtime::Policy::from_bytes_with(artifact.bytes(), &options)
                    .map_err(|error| error.to_string()),
                Witnesses::new(compiled, &[])?,
            ),
        };
        Ok(Subject {
            wide: widened(&program.schema),
            schema: program.schema.clone(),
            rules: program.rules.iter().map(|rule| rule.id.clone()).collect(),
            requires: program.requires.iter().map(|require| require.id.clone()).collect(),
            versions: program.versions.iter().map(|version| version.number).collect(),
            witnesses,
            front_door: front_door?,
        })
    }

    /// The witnesses.
    pub fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }

    /// What is wrong with a `run` table: the line in the block, from 0, and a sentence.
    pub fn differences(&self, table: &str) -> Vec<(usize, String)> {
        let rows = document::rows(table);
        let Some(((line, given, expected), rows)) = rows.split_first() else {
            return vec![(0, "the table is empty".to_owned())];
        };
        let unknown = given.iter().filter(|name| self.schema.input(name).is_none());
        let mut wrong: Vec<(usize, String)> =
            unknown.map(|name| (*line, format!("`{name}` is no input"))).collect();
        wrong.extend(expected.iter().filter(|name| !self.is_answer(name)).map(|name| {
            (*line, format!("`{name}` is neither an output nor `rule`, `version` or `refused`"))
        }));
        if wrong.is_empty() {
            for (line, cells, answer) in rows {
                let found = self.row(given, cells, expected, answer);
                wrong.extend(found.into_iter().map(|sentence| (*line, sentence)));
            }
        }
        wrong
    }

    fn is_answer(&self, name: &str) -> bool {
        [REFUSED, "rule", "version"].contains(&name)
            || self.schema.outputs.iter().any(|output| output.name == name)
    }

    /// What is wrong with one row.
    fn row(&self, names: &[String], cells: &[String], columns: &[String], answer: &[String]) -> Vec<String> {
        if names.len() != cells.len() {
            return vec![format!("{} cells for {} columns", cells.len(), names.len())];
        }
        let expected = match self.expected(columns, answer) {
            Ok(expected) => expected,
            Err(sentence) => return vec![sentence],
        };
        let by_name: BTreeMap<&str, &str> =
            names.iter().map(String::as_str).zip(cells.iter().map(String::as_str)).collect();
        let texts: Vec<Option<&str>> = self.schema.inputs.iter().map(|field| text(&by_name, field)).collect();
        let mut said = vec![("front door".to_owned(), self.by_text(&texts))];
        if let Some(row) = self.raw(&texts) {
            for witness in self.witnesses.available() {
                let outcome = self.witnesses.decide(witness, std::slice::from_ref(&row)).remove(0);
                said.push((witness.to_string(), self.words(&outcome)));
            }
        }
        let differs = |(witness, found): &(String, Words)| {
            let found = shown(found, &expected);
            (found != expected).then(|| format!("{witness}: expected {expected:?}, found {found:?}"))
        };
        said.iter().filter_map(differs).collect()
    }

    /// The right side of a row.
    fn expected(&self, columns: &[String], answer: &[String]) -> Result<Words, String> {
        let refused = match answer {
            [only] if columns == [REFUSED] => Some(only.as_str()),
            [only] => only.strip_prefix(REFUSED),
            _ => None,
        };
        if let Some(faults) = refused {
            return Ok(Words::from([(REFUSED.to_owned(), faults.trim().to_owned())]));
        }
        if columns.len() != answer.len() {
            return Err(format!("{} cells for {} columns", answer.len(), columns.len()));
        }
        columns
            .iter()
            .zip(answer)
            .map(|(column, cell)| Ok((column.clone(), self.canonical(column, cell)?)))
            .collect()
    }

    /// An expected cell in the form in which decisions are shown.
    fn canonical(&self, column: &str, cell: &str) -> Result<String, String> {
        let Some(index) = self.schema.outputs.iter().position(|output| output.name == column) else {
            return Ok(cell.to_owned());
        };
        let outputs = Schema { inputs: self.schema.outputs.clone(), ..self.schema.clone() };
        let admitted = Admission::new(&outputs, index, Unit::Written).admit(Reading::Text(cell));
        let value = admitted.map_err(|reason| format!("the table expects what is no {column}: {reason}"))?;
        Ok(self.output(index, value.expect("outputs are never missing")))
    }

    fn output(&self, index: usize, value: i128) -> String {
        opus_frontend::display::field_text(&self.schema, self.schema.outputs[index].kind, value)
    }

    /// The row as integers of its fields; `None` if a text cannot be read as one.
    fn raw(&self, texts: &[Option<&str>]) -> Option<GivenRow> {
        let read = |(index, text): (usize, &Option<&str>)| {
            let reading = text.map_or(Reading::Missing, Reading::Text);
            Admission::new(&self.wide, index, Unit::Written).admit(reading).ok()
        };
        texts.iter().enumerate().map(read).collect()
    }

    /// The answer to a gateway that passes the texts of a row.
    fn by_text(&self, texts: &[Option<&str>]) -> Words {
        let mut row = self.front_door.row();
        let mut reasons: Vec<Reason> = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            reasons.extend(row.set(index, text.map_or(Reading::Missing, Reading::Text)).err());
        }
        let refusal = match reasons.is_empty() {
            false => Refusal::Fields(reasons),
            true => match self.front_door.decide(&row) {
                Ok(decision) => {
                    let outputs = decision.outputs().enumerate();
                    let mut words: Words = outputs
                        .map(|(index, output)| (output.name().to_owned(), self.output(index, output.value())))
                        .collect();
                    words.insert("rule".to_owned(), decision.rule().id.clone());
                    words.insert("version".to_owned(), decision.version().number.to_string());
                    return words;
                }
                Err(refusal) => refusal,
            },
        };
        let faults = refusal.reasons().iter().map(|reason| (reason.name.as_str(), reason.fault));
        refused(faults)
    }

    /// An outcome in words.
    fn words(&self, outcome: &Outcome) -> Words {
        match outcome {
            Ok(verdict) => {
                let outputs = self.schema.outputs.iter().enumerate().zip(&verdict.outputs);
                let mut words: Words = outputs
                    .map(|((index, field), value)| (field.name.clone(), self.output(index, *value)))
                    .collect();
                words.insert("rule".to_owned(), self.rules[verdict.rule].clone());
                words.insert("version".to_owned(), self.versions[verdict.version].to_string());
                words
            }
            Err(faults) => refused(faults.iter().map(|(place, fault)| (self.place(*place), *fault))),
        }
    }

    fn place(&self, place: Place) -> &str {
        match place {
            Place::Row => "",
            Place::Field(index) => &self.schema.inputs[index as usize].name,
            Place::Require(index) => &self.requires[index as usize],
        }
    }

    /// A sentence for each test in the source that fails, on every witness.
    pub fn failing_tests(&self, compiled: &Compiled) -> Vec<String> {
        let tests = &compiled.policy.tests;
        let rows: Vec<GivenRow> = tests.iter().map(|test| test.given.clone()).collect();
        let mut failing = Vec::new();
        for witness in self.witnesses.available() {
            let outcomes = self.witnesses.decide(witness, &rows);
            for (test, outcome) in tests.iter().zip(&outcomes) {
                let words = self.words(outcome);
                let fails = test.expects.iter().filter(|(expect, _)| !self.meets(expect, &words, outcome));
                failing.extend(fails.map(|(expect, _)| {
                    format!("test \"{}\" on {witness}: expected {expect:?}, found {words:?}", test.name)
                }));
            }
        }
        failing
    }

    fn meets(&self, expect: &opus_frontend::hir::Expect, words: &Words, outcome: &Outcome) -> bool {
        use opus_frontend::hir::Expect::{Output, Refused, Rule, Version};
        match expect {
            Output(index, value) => {
                outcome.as_ref().is_ok_and(|verdict| verdict.outputs[*index as usize] == *value)
            }
            Rule(id) => words.get("rule") == Some(id),
            Version(number) => words.get("version") == Some(&number.to_string()),
            Refused(name) => outcome
                .as_ref()
                .is_err_and(|faults| faults.iter().any(|(place, _)| self.place(*place) == name)),
        }
    }
}

/// The witnesses that are not available on this machine.
pub fn absent(witnesses: &Witnesses) -> Vec<Witness> {
    let available = witnesses.available();
    Witness::ALL.into_iter().filter(|witness| !available.contains(witness)).collect()
}

/// The text of a field in a row; `None` if it is missing.
fn text<'a>(cells: &BTreeMap<&str, &'a str>, field: &Field) -> Option<&'a str> {
    cells.get(field.name.as_str()).copied().filter(|cell| *cell != "-")
}

/// The schema with every field optional and without ranges.
fn widened(schema: &Schema) -> Schema {
    let mut wide = schema.clone();
    for field in &mut wide.inputs {
        let bounds = schema.bounds(field.kind).unwrap_or(Interval::FULL);
        *field = Field { domain: Domain::all(bounds), optional: true, ..field.clone() };
    }
    wide
}

fn refused<'a>(faults: impl Iterator<Item = (&'a str, Fault)>) -> Words {
    let told: Vec<String> = faults.map(|(name, fault)| format!("{name} {}", fault.code())).collect();
    Words::from([(REFUSED.to_owned(), told.join(", "))])
}

/// The part of `found` that the expectation mentions.
fn shown(found: &Words, expected: &Words) -> Words {
    match found.contains_key(REFUSED) {
        true => found.clone(),
        false if expected.contains_key(REFUSED) => found.clone(),
        false => found
            .iter()
            .filter(|(name, _)| expected.contains_key(*name))
            .map(|(a, b)| (a.clone(), b.clone()))
            .collect(),
    }
}
