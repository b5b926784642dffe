//! How is the experiment set up? Tables 1 to 4: systems, domains, tiers and parameters.

use std::collections::BTreeSet;

use opus_cli::summary::grouped;

use super::content::{Made, WORDS, apart, columns, percent, runs_of};
use super::page::{Cell, Table};
use crate::matrix::scenarios;
use crate::scenario::{Scenario, Tier};
use crate::score::{CONTAINED_BELOW, MATERIAL_ABOVE, MODERATE_BELOW};
use crate::systems::NAMES;

impl Made<'_> {
    pub fn systems(&self) -> Table {
        let rows = WORDS.iter().map(|(name, title, words, model)| {
            let reason = self.score(name).reason.clone().unwrap_or_default();
            let link = Some(runs_of(name)).filter(|_| self.score(name).state != "not_run");
            let state = Cell { link: link.clone(), ..Cell::new(self.state(name)) };
            let recorded = self.material.records.iter().filter(|record| record.system == *name).count();
            let published = self.published.matrix.scenarios * self.published.matrix.runs;
            let difference = if link.is_some() { apart(recorded, published) } else { "not run".into() };
            let cells = [title, *words, *model].into_iter().map(Cell::new);
            let figures = [
                Cell { link, ..Cell::new(grouped(recorded as u64)) },
                Cell::published(grouped(published as u64)),
                Cell::new(difference),
                Cell::new(reason),
            ];
            cells.chain([state]).chain(figures).collect()
        });
        Table {
            id: None,
            caption: "Table 1. Systems".into(),
            columns: columns(&[
                "system",
                "what it is",
                "model at run time",
                "runs",
                "how many",
                "published",
                "difference",
                "reason",
            ]),
            rows: rows.collect(),
            notes: vec![
                "The Python programs and the prompts for them were written for this reconstruction, by a model that is \
                 not the published one. They were written from the prose alone and kept as first written; but the model \
                 could have seen the scenarios, as they are in this repository."
                    .into(),
            ],
        }
    }

    pub fn domains(&self) -> Table {
        let domains = self.material.domains;
        let row = |name: &str, change: &str, counts: (usize, usize), published: Cell, difference: String| {
            let counts = [counts.0, counts.1].map(|count| Cell::new(count.to_string()));
            let head = [Cell::new(name), Cell::new(change)].into_iter();
            head.chain(counts).chain([published, Cell::new(difference)]).collect::<Vec<_>>()
        };
        let mut rows = Vec::new();
        for domain in domains {
            let change = if domain.change.is_empty() { "no second version" } else { &domain.change };
            let temporal = |scenario: &&Scenario| scenario.tier == Tier::Temporal;
            let beyond = domain.scenarios.iter().filter(temporal).count();
            let counts = (domain.scenarios.len() - beyond, beyond);
            let (published, difference) = match counts.0 {
                0 => ("no such domain", "ours alone"),
                _ => ("not public", "unknown"),
            };
            rows.push(row(&domain.title, change, counts, Cell::published(published), difference.into()));
        }
        let all = |beyond: bool| scenarios(domains, beyond);
        let names: BTreeSet<&str> = all(false).iter().map(|(domain, _)| &*domain.name).collect();
        let theirs = &self.published.matrix;
        let published =
            Cell::published(format!("{} domains, {} scenarios", theirs.domains, theirs.scenarios));
        let difference = match (names.len() == theirs.domains, all(false).len() == theirs.scenarios) {
            (true, true) => "none".to_owned(),
            _ => format!(
                "domains {}, scenarios {}",
                apart(names.len(), theirs.domains),
                apart(all(false).len(), theirs.scenarios)
            ),
        };
        let change = format!("{} domains in the matrix", names.len());
        rows.push(row("all", &change, (all(false).len(), all(true).len()), published, difference));
        Table {
            id: None,
            caption: "Table 2. Domains and version changes".into(),
            columns: columns(&[
                "domain",
                "what version 2 changes",
                "scenarios",
                "extra cases",
                "published",
                "difference",
            ]),
            rows,
            notes: vec![
                "Of the published experiment, the domains' policies, scenarios and changes are not public, only how many \
                 there were."
                    .into(),
            ],
        }
    }

    pub fn tiers(&self) -> Table {
        let all = scenarios(self.material.domains, false);
        let count = |tier: Tier| all.iter().filter(|(_, scenario)| scenario.tier == tier).count();
        let dependent = all.iter().filter(|(_, scenario)| scenario.signal_dependent).count();
        let row = |tier: &str, question: &str, count: usize| {
            let published = self.published.tiers[tier];
            vec![
                Cell::new(tier),
                Cell::new(question),
                Cell::new(count.to_string()),
                Cell::published(published.to_string()),
                Cell::new(apart(count, published)),
            ]
        };
        Table {
            id: None,
            caption: "Table 3. Tiers".into(),
            columns: columns(&["tier", "question", "scenarios", "published", "difference"]),
            rows: vec![
                row("1", "is the decision right?", count(Tier::Decision)),
                row("2", "is it made by the version in force?", count(Tier::Binding)),
                row(
                    "2, dependent on the version",
                    "and would the other version answer otherwise?",
                    dependent,
                ),
                row("3", "is the change from version to version accounted for?", count(Tier::Governance)),
            ],
            notes: Vec::new(),
        }
    }

    pub fn parameters(&self) -> Table {
        let setting = self.material.setting;
        let all = scenarios(self.material.domains, false).len();
        let runs = setting.runs;
        let matrix =
            format!("{} × {all} × {runs} = {}", NAMES.len(), grouped(self.material.scores.matrix as u64));
        let environment = &setting.environment;
        let machine = format!(
            "{} on {}, Opus {}, CPython {}",
            environment.os,
            environment.arch,
            environment.opus,
            environment.python.as_deref().unwrap_or("not found")
        );
        let thresholds = format!(
            "contained below {}, moderate below {}, material above {} of tier 1 (ours)",
            percent(CONTAINED_BELOW),
            percent(MODERATE_BELOW),
            percent(MATERIAL_ABOVE)
        );
        let row = |name: &str, here: String| {
            let published = self.published.parameters.get(name);
            let difference = match published {
                None => "unknown".into(),
                Some(published) if name == "model" => match &environment.model {
                    None => "no model ran".into(),
                    Some(_) => same(is_model(here.split(" at ").next().unwrap_or_default(), published)),
                },
                Some(published) => same(here == *published),
            };
            let published = Cell::published(published.map_or("not published", |published| published));
            vec![Cell::new(name), Cell::new(here), published, Cell::new(difference)]
        };
        Table {
            id: None,
            caption: "Table 4. Parameters".into(),
            columns: columns(&["parameter", "here", "published", "difference"]),
            rows: vec![
                row("matrix", matrix),
                row("model", environment.model.clone().unwrap_or_else(|| "none".into())),
                row("temperature", "0".into()),
                row("machine", machine),
                row("thresholds", thresholds),
                row("body hash of the lock", setting.lock.clone()),
            ],
            notes: vec![
                "The body hash is one over everything locked, and a reconstruction locks other files.".into(),
            ],
        }
    }
}

/// How words or settings compare with the published ones.
fn same(is_same: bool) -> String {
    if is_same { "none" } else { "differs" }.into()
}

/// Whether a model's name is that of the published model, perhaps with the day of its release.
fn is_model(name: &str, published: &str) -> bool {
    let is_day = |word: &&str| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit());
    let words: Vec<&str> = name.split(['-', ' ']).filter(|word| !is_day(word)).collect();
    words.join(" ").eq_ignore_ascii_case(published)
}
