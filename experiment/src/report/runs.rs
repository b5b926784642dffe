//! What did a system answer each time? A page for each system and scenario, beside the report: every run with its answer,
//! and a link to each exchange with a model.

use std::collections::BTreeMap;

use opus_cli::summary::grouped;

use super::content::{Material, columns, micros, title};
use super::page::{Cell, Page, Part, Section, Table};
use crate::domain::Domain;
use crate::matrix::scenarios;
use crate::record::Record;
use crate::scenario::{Scenario, Tier};
use crate::score::{Binding, Cohort, binding, class, most_frequent};
use crate::system::State;
use crate::systems::NAMES;

/// The folder of results in which the cases beyond the published experiment are.
const BEYOND: &str = "beyond/";
/// The most characters of an answer that are shown without unfolding it.
const SHOWN_MAX: usize = 40;

/// The runs of a system of the published experiment, or of what goes beyond it, by scenario.
pub fn cohorts<'a>(material: &Material<'a>, name: &str, beyond: bool) -> Vec<Cohort<'a>> {
    let records = if beyond { material.beyond_records } else { material.records };
    cohorts_of(material.domains, records, name, beyond)
}

fn cohorts_of<'a>(domains: &'a [Domain], records: &'a [Record], name: &str, beyond: bool) -> Vec<Cohort<'a>> {
    let own: Vec<&Record> =
        records.iter().filter(|record| record.system == name && record.state != State::NotRun).collect();
    let cohort = |(domain, scenario): (&'a Domain, &'a Scenario)| {
        let mut records: Vec<&Record> =
            own.iter().filter(|record| record.scenario == scenario.id).copied().collect();
        records.sort_by_key(|record| record.run);
        Cohort { domain, scenario, records }
    };
    scenarios(domains, beyond).into_iter().map(cohort).collect()
}

/// The cohorts of a system in a table. Each leads to its page.
pub fn listed(name: &str, caption: &str, anchor: &str, cohorts: &[Cohort<'_>]) -> Part {
    let row = |cohort: &Cohort<'_>| {
        let mut failures: BTreeMap<&str, u32> = BTreeMap::new();
        if cohort.scenario.tier != Tier::Governance {
            for record in &cohort.records {
                if let Ok(Some(class)) = class(cohort.domain, cohort.scenario, record) {
                    *failures.entry(class.name()).or_default() += 1;
                }
            }
        }
        let failures: Vec<String> =
            failures.iter().map(|(class, count)| format!("{class} {count}")).collect();
        let exchanges: usize = cohort.records.iter().map(|record| record.exchanges().count()).sum();
        let path = path_of(name, cohort.scenario);
        vec![
            Cell::linked(&cohort.scenario.id, &path),
            Cell::new(&cohort.scenario.title),
            Cell::linked(cohort.records.len().to_string(), &path),
            Cell::new(failures.join(", ")),
            Cell::new(format!("{:.3}", most_frequent(cohort))),
            Cell::linked(grouped(exchanges as u64), &path),
        ]
    };
    Part::Table(Table {
        id: Some(anchor.to_owned()),
        caption: caption.to_owned(),
        columns: columns(&[
            "scenario",
            "what it is about",
            "runs",
            "failures",
            "stability",
            "exchanges with a model",
        ]),
        rows: cohorts.iter().map(row).collect(),
        notes: Vec::new(),
    })
}

/// Where the page of a system and a scenario is, from the folder of results.
pub fn path_of(system: &str, scenario: &Scenario) -> String {
    let folder = if scenario.tier == Tier::Temporal { BEYOND } else { "" };
    format!("{folder}records/{system}/{}.html", scenario.id)
}

/// The pages of all systems that ran, and where each is.
pub fn pages(material: &Material<'_>) -> Vec<(String, Page)> {
    let mut pages = Vec::new();
    for name in NAMES {
        let first = cohorts_of(material.domains, material.first_records, name, false);
        let first = |id: &str| {
            let records = first.iter().find(|cohort| cohort.scenario.id == id)?.records.first();
            records.copied()
        };
        for cohort in [false, true].into_iter().flat_map(|beyond| cohorts(material, name, beyond)) {
            if !cohort.records.is_empty() {
                let path = path_of(name, cohort.scenario);
                pages.push((path, page(name, &cohort, first(&cohort.scenario.id))));
            }
        }
    }
    pages
}

fn page(name: &str, cohort: &Cohort<'_>, first: Option<&Record>) -> Page {
    let Cohort { scenario, records, .. } = cohort;
    let beyond = scenario.tier == Tier::Temporal;
    let up = if beyond { "../../../" } else { "../../" };
    let anchor =
        if beyond { format!("beyond-{name}") } else { format!("runs-{name}-{}", scenario.tier.number()) };
    let mut question =
        vec![format!("Input: `{}`", scenario.input_json()), format!("Right answer: `{}`", scenario.expected)];
    question
        .extend(scenario.misbound.as_ref().map(|other| format!("Answer of the other version: `{other}`")));
    let row = |head: String, record: &Record| {
        let why = record.retries.iter().chain(&record.error).map(Cell::new);
        let exchanges = record.exchanges().enumerate().map(|(at, (of, hash))| {
            let path = format!("{up}evidence/objects/{}/{hash}.json", hash.get(..2).unwrap_or_default());
            Cell::linked(format!("{}. {of}: {}", at + 1, short(hash)), path)
        });
        vec![
            Cell::new(head),
            Cell::new(record.state.to_string()),
            Cell::new(outcome(cohort, record)),
            answer(&record.text),
            Cell { folded: exchanges.collect(), ..Cell::new(grouped(record.exchanges().count() as u64)) },
            Cell { folded: why.collect(), ..Cell::new(record.attempts.to_string()) },
            Cell::new(micros(record.latency_us)),
            Cell::new(format!("{}\u{a0}/\u{a0}{}", grouped(record.tokens.0), grouped(record.tokens.1))),
            Cell::new(short(&record.output_hash)),
        ]
    };
    let first = first.map(|record| row("first".into(), record));
    let rows = records.iter().map(|record| row(record.run.to_string(), record));
    let mut notes = vec![
        "An exchange is a request to a model's server and each response to it, whole, without the key. Why a run took further attempts, or has no answer, unfolds below the number of attempts."
            .to_owned(),
    ];
    if first.is_some() {
        notes.push(
            "The run `first` was made before the others, to test the lock. It counts in no figure.".into(),
        );
    }
    let table = Table {
        id: None,
        caption: "Every run".into(),
        columns: columns(&[
            "run",
            "state",
            "outcome",
            "answer",
            "exchanges",
            "attempts",
            "time",
            "tokens sent / received",
            "output hash",
        ]),
        rows: first.into_iter().chain(rows).collect(),
        notes,
    };
    let section =
        |id: &str, title: &str, parts: Vec<Part>| Section { id: id.into(), title: title.into(), parts };
    Page {
        title: format!("{}, {}: {}", title(name), scenario.id, scenario.title),
        links: vec![
            Cell::linked("back to the report", format!("{up}report.html#{anchor}")),
            Cell::linked("the same runs as JSON", format!("{}.json", scenario.id)),
        ],
        lead: vec!["The scenario is part of a reconstruction of experiment O-02.".into()],
        sections: vec![
            section("question", "The question", question.into_iter().map(Part::Text).collect()),
            section("runs", "The answers", vec![Part::Table(table)]),
        ],
        footer: "Hashes are shown by their first eight digits; the JSON has them whole.".into(),
    }
}

/// What became of a run, in the words of the report's tables.
fn outcome(cohort: &Cohort<'_>, record: &Record) -> String {
    let Cohort { domain, scenario, .. } = cohort;
    if scenario.tier == Tier::Governance {
        return match &record.acted {
            None => "no account".into(),
            Some(acted) => {
                let holding = acted.claims.iter().filter(|tested| tested.fault.is_none()).count();
                format!("{holding} of {} claims hold", acted.claims.len())
            }
        };
    }
    let class = match class(domain, scenario, record) {
        Ok(class) => class.map_or("right", |class| class.name()).to_owned(),
        Err(failure) => failure.message,
    };
    match binding(domain, scenario, record) {
        Ok(kind) if scenario.signal_dependent && kind != Binding::None => format!("{class}, {}", kind.name()),
        _ => class,
    }
}

/// An answer as it came; a long one folded.
fn answer(text: &str) -> Cell {
    let line: String = text.chars().take(SHOWN_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    match text.chars().nth(SHOWN_MAX) {
        None => Cell::new(line),
        Some(_) => Cell { folded: vec![Cell::new(text)], ..Cell::new(format!("{line}…")) },
    }
}

fn short(hash: &str) -> String {
    hash.chars().take(8).collect()
}
