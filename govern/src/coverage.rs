//! Which parts of a policy do rows use: rules, the parts of their conditions, rows and cells of tables, and values of
//! parameters?
//!
//! An instrumented program shows which parts each row used ([`opus_frontend::lower::probes`]), and runs on the ordinary
//! engines. The caller runs it and passes in the counts; this module relates them to the text of the policy. A part
//! that is in force in several versions is counted once.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use opus_frontend::ast::Span;
use opus_frontend::hir::{self, Version};
use opus_frontend::lower::probes::{self, Probe, Probes};
use opus_frontend::{Compiled, VERSION, display};
use opus_ir::{Program, date};
use opus_runtime::artifact::SourceText;
use opus_runtime::{Artifact, BuildError, Engine, Options, Policy, Row, Snapshot};
use serde::Serialize;

use crate::total::grouped;
use crate::trace::one_line;

/// The instrumented artifacts of a policy.
pub struct Instruments {
    /// The artifacts; all of them have to decide the same rows.
    pub artifacts: Vec<Artifact>,
    probes: Probes,
}

/// Counts of rows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// All rows.
    pub rows: u64,
    /// The rows that were decided.
    pub decided: u64,
    /// By version index, the rows per rule, by rule index.
    pub rules: Vec<Vec<u64>>,
    /// By artifact and output, the rows per value.
    pub values: Vec<Vec<Vec<u64>>>,
}

/// What rows use of a policy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Coverage {
    /// The rows that were decided.
    pub decided: u64,
    /// The rows that were refused.
    pub refused: u64,
    /// The versions.
    pub versions: Vec<Used>,
    /// The rules.
    pub rules: Vec<Rule>,
    /// The tables and grids.
    pub tables: Vec<Table>,
    /// The values of parameters.
    pub params: Vec<Used>,
}

/// A part of a policy, and the rows that used it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Used {
    /// Its name or text.
    pub text: String,
    /// The rows.
    pub rows: u64,
}

/// A rule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Rule {
    /// The id.
    pub id: String,
    /// The title, if there is one.
    pub title: Option<String>,
    /// The condition; `None` for `otherwise`.
    pub condition: Option<String>,
    /// The rows that it decided: those for which its condition held.
    pub held: u64,
    /// The rows for which its condition failed.
    pub failed: u64,
    /// The parts of the condition, if there are several.
    pub terms: Vec<Term>,
}

/// A part of a condition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Term {
    /// As it is written.
    pub text: String,
    /// The rows for which it was asked for and held.
    pub held: u64,
    /// The rows for which it was asked for and failed.
    pub failed: u64,
}

/// A table or grid.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Table {
    /// The name.
    pub name: String,
    /// The rows or cells; `None` for a table with too many rows to tell them apart.
    pub rows: Option<Vec<Used>>,
}

/// Why a policy has no instrumented artifacts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CoverageError {
    /// Its conditions and tables are too intricate.
    TooIntricate,
    /// An instrumented program cannot be made into an artifact.
    Build(BuildError),
}

/// The instrumented artifacts of a policy.
///
/// # Errors
/// If the policy is too intricate or too large.
pub fn instruments(compiled: &Compiled) -> Result<Instruments, CoverageError> {
    let probes = probes::probes(&compiled.policy, &compiled.program).ok_or(CoverageError::TooIntricate)?;
    let artifact = |(program, _): &(Program, Vec<Probe>)| {
        // the places of rules are in this source, which does not say what the program decides: it is never written to a file
        Artifact::build(program.clone(), SourceText { text: &compiled.source, compiler: VERSION })
    };
    let artifacts =
        probes.programs.iter().map(artifact).collect::<Result<_, _>>().map_err(CoverageError::Build)?;
    Ok(Instruments { artifacts, probes })
}

impl Instruments {
    /// The artifacts, ready to decide, with the facts of a snapshot that fits the policy.
    ///
    /// # Panics
    /// If the policy takes facts, and there is no snapshot or it does not fit.
    pub fn policies(&self, facts: Option<&Snapshot>, engine: Engine) -> Vec<Policy> {
        let options = Options { engine, ..Options::default() };
        let policy = |artifact: &Artifact| {
            let artifact = Artifact::from_bytes(artifact.bytes()).expect("it was built just now");
            match facts {
                Some(facts) => Policy::bind(artifact, facts, &options).expect("the snapshot fits the policy"),
                None => Policy::from_artifact(artifact, &options).expect("the policy takes no facts"),
            }
        };
        self.artifacts.iter().map(policy).collect()
    }

    /// The counts of a few rows: by input index, the scaled integers of their fields.
    pub fn tally(&self, rows: &[&[Option<i128>]], facts: Option<&Snapshot>, engine: Engine) -> Tally {
        let mut tally = Tally { rows: rows.len() as u64, ..Tally::default() };
        for policy in self.policies(facts, engine) {
            let program = policy.artifact().program();
            let count = |output: &opus_ir::Field| vec![0; output.domain.range.hi as usize + 1];
            let mut values: Vec<Vec<u64>> = program.schema.outputs.iter().map(count).collect();
            tally.decided = 0;
            tally.rules = vec![vec![0; program.rules.len()]; program.versions.len()];
            for given in rows {
                let Some(row) = row(&policy, given) else { continue };
                let Ok(decision) = policy.decide(&row) else { continue };
                let verdict = decision.verdict();
                tally.decided += 1;
                tally.rules[verdict.version][verdict.rule] += 1;
                for (counts, value) in values.iter_mut().zip(&verdict.outputs) {
                    counts[*value as usize] += 1;
                }
            }
            tally.values.push(values);
        }
        tally
    }

    /// What rows use, from their counts.
    ///
    /// # Panics
    /// Where the counts are not those of the artifacts.
    pub fn coverage(&self, policy: &hir::Policy, source: &str, tally: &Tally) -> Coverage {
        let mut found: BTreeMap<&Probe, &[u64]> = BTreeMap::new();
        for ((_, probes), values) in self.probes.programs.iter().zip(&tally.values) {
            found.extend(probes.iter().zip(values.iter().map(Vec::as_slice)));
        }
        let about = About { policy, source, tally, found, probes: &self.probes };
        Coverage {
            decided: tally.decided,
            refused: tally.rows - tally.decided,
            versions: about.versions(),
            rules: (0..policy.rules.len()).map(|index| about.rule(index)).collect(),
            tables: about.tables(),
            params: about.params(),
        }
    }
}

/// The row; `None` where a field is refused.
fn row(policy: &Policy, given: &[Option<i128>]) -> Option<Row> {
    let mut row = policy.row();
    for (index, value) in given.iter().enumerate() {
        match value {
            Some(value) => row.set_counted(index, *value).ok()?,
            None => row.set_missing(index).ok()?,
        };
    }
    Some(row)
}

struct About<'a> {
    policy: &'a hir::Policy,
    source: &'a str,
    tally: &'a Tally,
    found: BTreeMap<&'a Probe, &'a [u64]>,
    probes: &'a Probes,
}

impl About<'_> {
    fn decided_in(&self, version: usize) -> u64 {
        self.tally.rules[version].iter().sum()
    }

    fn versions(&self) -> Vec<Used> {
        let is_dated = self.policy.schema.effective.is_some();
        let text = |version: &Version| match is_dated {
            true => format!("version {} from {}", version.number, date::civil(i128::from(version.from))),
            false => format!("version {}", version.number),
        };
        let versions = self.policy.versions.iter().enumerate();
        versions.map(|(index, version)| Used { text: text(version), rows: self.decided_in(index) }).collect()
    }

    fn rule(&self, index: usize) -> Rule {
        let info = &self.policy.rules[index];
        let (mut held, mut failed) = (0, 0);
        let (mut condition, mut terms) = (None, BTreeMap::new());
        for (at, version) in self.policy.versions.iter().enumerate() {
            let decided = |rule: &hir::Rule| self.tally.rules[at][rule.index as usize];
            let mut rules = version.rules().skip_while(|rule| rule.index as usize != index);
            let Some(rule) = rules.next() else { continue };
            held += decided(rule);
            failed += rules.map(decided).sum::<u64>();
            let Some(when) = rule.when else { continue };
            condition = Some(self.text(version.exprs[when].span));
            probes::terms(version, when, &mut |expr| {
                let span = version.exprs[expr].span;
                let values = self.found.get(&Probe::Term(rule.index, span));
                let [failed, held] = values.map_or([0, 0], |values| [values[1], values[2]]);
                terms.insert(span, Term { text: self.text(span), held, failed });
            });
        }
        let terms: Vec<Term> = terms.into_values().collect();
        let terms = if terms.len() > 1 { terms } else { Vec::new() };
        Rule { id: info.id.clone(), title: info.title.clone(), condition, held, failed, terms }
    }

    fn tables(&self) -> Vec<Table> {
        let mut names: BTreeMap<Span, &hir::Table> = BTreeMap::new();
        for table in self.policy.versions.iter().flat_map(|version| version.tables.values()) {
            names.entry(table.span).or_insert(table);
        }
        let of = |(span, table): (Span, &hir::Table)| {
            let is_observed = !self.probes.unobserved.contains(&span);
            let rows = is_observed.then(|| {
                let rows = self.probes.rows[&span].iter().enumerate();
                let counts = self.found.get(&Probe::Table(span));
                let used = |(at, row): (usize, &Span)| Used {
                    text: self.row(span, *row),
                    rows: counts.map_or(0, |counts| counts[at + 1]),
                };
                rows.map(used).collect()
            });
            Table { name: table.name.clone(), rows }
        };
        names.into_iter().map(of).collect()
    }

    /// The text of a row; of a cell of a grid, its row and place too.
    fn row(&self, table: Span, row: Span) -> String {
        let text = self.text(row);
        if text.starts_with('|') {
            return text.trim_start_matches(['|', ' ']).trim_end_matches([' ', ';']).to_owned();
        }
        let before = &self.source[table.start as usize..row.start as usize];
        // the first row of a grid has the heads of its columns
        let heads = before.split_once('{').map_or("", |(_, rest)| rest).split(';').next().unwrap_or_default();
        let line = before.rsplit(['\n', ';']).next().unwrap_or_default();
        let column = line.matches('|').count();
        let head = line.split('|').next().unwrap_or_default().trim();
        let column = heads.split('|').nth(column).unwrap_or_default().trim();
        format!("{head}, {column}: {text}")
    }

    /// The values of parameters, each with the rows that were decided while it was in force.
    fn params(&self) -> Vec<Used> {
        let mut found: BTreeMap<Span, Used> = BTreeMap::new();
        for (index, version) in self.policy.versions.iter().enumerate() {
            for param in version.params.values() {
                let text = self.text(param.span);
                let dates =
                    text.split_once('=').map(|(dates, _)| format!(" {}", dates.trim())).unwrap_or_default();
                let value = match param.value {
                    hir::Constant::Number(number) => {
                        let value = opus_frontend::reference::Value::of(hir::Constant::Number(number));
                        match value {
                            opus_frontend::reference::Value::Number(number) => {
                                display::value_text(&self.policy.schema, param.ty.unit, &number)
                            }
                            _ => text.clone(),
                        }
                    }
                    _ => text.rsplit('=').next().unwrap_or_default().trim().to_owned(),
                };
                let text = format!("{} = {value}{dates}", param.name);
                found.entry(param.span).or_insert(Used { text, rows: 0 }).rows += self.decided_in(index);
            }
        }
        found.into_values().collect()
    }

    fn text(&self, span: Span) -> String {
        one_line(span, self.source)
    }
}

impl Coverage {
    /// The coverage as text: each part with its rows. What no row uses is marked.
    pub fn to_text(&self) -> String {
        let mut lines: Vec<(String, Vec<u64>, String)> = Vec::new();
        let heading = |lines: &mut Vec<(String, Vec<u64>, String)>, text: &str| {
            lines.push((String::new(), Vec::new(), text.to_owned()));
        };
        heading(&mut lines, "versions");
        lines.extend(self.versions.iter().map(used));
        heading(&mut lines, "rules (rows for which the condition held, rows for which it failed)");
        for rule in &self.rules {
            let condition = rule.condition.as_deref().unwrap_or("otherwise");
            let counts =
                if rule.condition.is_some() { vec![rule.held, rule.failed] } else { vec![rule.held] };
            lines.push(("  ".to_owned(), counts, format!("{}  {condition}", rule.id)));
            for term in &rule.terms {
                lines.push(("  ".to_owned(), vec![term.held, term.failed], format!("    {}", term.text)));
            }
        }
        for table in &self.tables {
            match &table.rows {
                Some(rows) => {
                    heading(&mut lines, &format!("table {}", table.name));
                    lines.extend(rows.iter().map(used));
                }
                None => heading(&mut lines, &format!("table {} has too many rows to count each", table.name)),
            }
        }
        if !self.params.is_empty() {
            heading(&mut lines, "values of parameters: rows decided while they were in force");
            lines.extend(self.params.iter().map(used));
        }
        let refused =
            if self.refused == 0 { String::new() } else { format!(", {} refused", grouped(self.refused)) };
        let mut out = format!("{} rows decided{refused}\n", grouped(self.decided));
        let width = lines.iter().flat_map(|(_, counts, _)| counts).map(|count| grouped(*count).len()).max();
        let width = width.unwrap_or(1);
        for (indent, counts, text) in lines {
            if counts.is_empty() {
                let _ = writeln!(out, "\n{text}");
                continue;
            }
            let mark = if counts.contains(&0) { "!" } else { " " };
            let columns: Vec<String> = (0..2)
                .map(|at| {
                    counts.get(at).map_or(" ".repeat(width), |count| format!("{:>width$}", grouped(*count)))
                })
                .collect();
            let _ = writeln!(out, "{}", format!("{mark}{indent}{}  {text}", columns.join("  ")).trim_end());
        }
        out
    }
}

fn used(used: &Used) -> (String, Vec<u64>, String) {
    ("  ".to_owned(), vec![used.rows], used.text.clone())
}

impl std::fmt::Display for CoverageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CoverageError::TooIntricate => {
                f.write_str("its conditions and tables are too complex to observe")
            }
            CoverageError::Build(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CoverageError {}
