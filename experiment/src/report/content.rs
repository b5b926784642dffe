//! What does the page say? The published tables, each with what these runs measured, and what goes beyond them.

use std::collections::BTreeMap;

use opus_cli::summary::grouped;

use super::figures::{Bar, bars, positions};
use super::page::{Cell, Page, Part, Section, Table};
use super::published::{Published, PublishedSystem, PublishedTier3, published};
use super::runs::{cohorts, listed, path_of};
use crate::answer::Class;
use crate::controls::Control;
use crate::domain::Domain;
use crate::lock::Gate;
use crate::matrix::{RUNS, Setting};
use crate::record::Record;
use crate::rows::RowScores;
use crate::scenario::Tier;
use crate::score::{Binding, MATERIAL_ABOVE, Scores, SystemScore, most_frequent};
use crate::systems::NAMES;
use crate::temporal::TemporalScore;

/// Everything that the page is made of.
pub struct Material<'a> {
    /// The domains.
    pub domains: &'a [Domain],
    /// The setting of the runs.
    pub setting: &'a Setting,
    /// Their records.
    pub records: &'a [Record],
    /// Those of the first run of every scenario, which count in no figure.
    pub first_records: &'a [Record],
    /// The figures of the runs.
    pub scores: &'a Scores,
    /// The records of cases beyond the published experiment.
    pub beyond_records: &'a [Record],
    /// Their figures.
    pub beyond: &'a BTreeMap<String, TemporalScore>,
    /// Rows, if they were decided.
    pub rows: Option<&'a RowScores>,
    /// What the gates found.
    pub gates: &'a [(Gate, Option<String>)],
    /// What the controls found.
    pub controls: &'a [Control],
    /// Estimated tokens of one decision, by system.
    pub estimates: &'a BTreeMap<String, (u64, u64)>,
}

/// What a system is, in words; and whether a model takes part in each decision.
pub(super) const WORDS: [(&str, &str, &str, &str); 5] = [
    ("opus", "Opus", "compiled policies, executed in process", "no"),
    (
        "agent_coded",
        "Agent-coded Python",
        "programs written once from the prose by a model, run by CPython",
        "no",
    ),
    ("structured", "Structured + validation", "structured output, validated, up to 3 attempts", "yes"),
    ("agent", "Agent system", "planner, executor, assembler and validator, at most 10 steps", "yes"),
    ("raw", "Raw LLM", "one prompt, the answer as it comes", "yes"),
];

/// The name of a system for people.
pub fn title(name: &str) -> &'static str {
    WORDS.iter().find(|(system, ..)| *system == name).map_or("", |(_, title, ..)| title)
}

/// The page.
pub fn page(material: &Material<'_>) -> Page {
    let published = published();
    let Material { scores, .. } = material;
    let not_run: Vec<&str> = NAMES
        .iter()
        .filter(|name| scores.systems[**name].state == "not_run")
        .map(|name| title(name))
        .collect();
    let mut lead = vec![
        "Opus was presented with an experiment: compiled execution against four ways of having a language model \
         decide. This page is a run of its reconstruction. The scenarios and policies of the published experiment are \
         not public; those used here follow its design and are called a reconstruction throughout."
            .to_owned(),
        format!("{} of {} runs are recorded.", grouped(scores.recorded as u64), grouped(scores.matrix as u64)),
    ];
    if !not_run.is_empty() {
        lead.push(format!(
            "Not run, and without figures of their own: {}. The published figures beside them are not ours.",
            not_run.join(", ")
        ));
    }
    if scores.systems.values().any(|system| system.state == "scripted") {
        lead.push(
            "The model systems ran against a scripted server, which is no model. Their figures test this program and \
             say nothing about any model."
                .to_owned(),
        );
    }
    lead.push(published.source.clone());
    let made = Made { material, published: &published };
    let mut sections = vec![
        section("systems", "Systems, domains and parameters", vec![
            Part::Table(made.systems()),
            Part::Figure {
                svg: positions(),
                caption: "The two positions of a language model: it may write the policy, or make each decision.".into(),
            },
            Part::Table(made.domains()),
            Part::Table(made.tiers()),
            Part::Table(made.parameters()),
        ]),
        section("tier-1", "Tier 1: is the decision right?", vec![Part::Table(made.tier1())]),
        section("tier-2", "Tier 2: is it made by the version in force?", vec![
            Part::Table(made.tier2()),
            made.gradient(),
            Part::Table(made.kinds()),
            Part::Table(made.irrelevant()),
        ]),
        section("determinism", "Determinism: is the answer the same each time?", vec![
            Part::Table(made.stability()),
            made.stability_chart(),
            Part::Table(made.stability_detail()),
        ]),
        section("surface", "Failures", vec![
            Part::Table(made.surface()),
            made.surface_chart(),
            Part::Table(made.elimination()),
            Part::Table(made.taxonomy()),
            made.failures_chart(),
        ]),
        section("tier-3", "Tier 3: is the change accounted for?", vec![
            Part::Table(made.tier3()),
            Part::Text(
                "A claim holds if its place names one spot in what the system executes (the key of an element; a file, \
                 line and column; bytes of the prompt), the old value is read there, and the system, executed again \
                 with the new value there and nothing else changed, gives the claimed results and no other change. \
                 Authority is the share of claims that hold. An account is invertible if the old values, written back, \
                 give every result of before."
                    .into(),
            ),
        ]),
        section("properties", "Interpreted and compiled decisions", vec![Part::Table(made.properties())]),
        section("controls", "Controls", vec![Part::Table(made.controls()), Part::Table(made.gates())]),
        section("cost", "Cost and latency", vec![Part::Table(made.cost())]),
        section("beyond", "Beyond the published experiment", made.beyond()),
        section("care", "Read with care", made.care()),
    ];
    sections.extend(made.runs());
    Page {
        title: "Experiment O-02, reconstructed".into(),
        links: Vec::new(),
        lead,
        sections,
        footer: "Published figures are in italics. Every measured figure leads to its records.".into(),
    }
}

fn section(id: &str, title: &str, parts: Vec<Part>) -> Section {
    Section { id: id.into(), title: title.into(), parts }
}

/// A page that is being made.
pub(super) struct Made<'a> {
    pub(super) material: &'a Material<'a>,
    pub(super) published: &'a Published,
}

/// A share as text: `285/285 (100.0 %)`.
fn of(part: u32, whole: u32) -> String {
    format!("{part}/{whole} ({})", percent(share(part, whole)))
}

pub(super) fn share(part: u32, whole: u32) -> f64 {
    if whole == 0 { 0.0 } else { f64::from(part) / f64::from(whole) }
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1}\u{a0}%", share * 100.0)
}

pub(super) fn points(difference: f64) -> String {
    format!("{:+.1} points", difference * 100.0)
}

/// How far a count is from the published one.
pub(super) fn apart(ours: usize, theirs: usize) -> String {
    match ours as i64 - theirs as i64 {
        0 => "none".into(),
        difference => format!("{difference:+}"),
    }
}

/// The heads of columns.
pub(super) fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Where a system's runs are listed; with `-1`, `-2` or `-3` behind it, those of a tier.
pub(super) fn runs_of(name: &str) -> String {
    format!("#runs-{name}")
}

impl Made<'_> {
    pub(super) fn score(&self, name: &str) -> &SystemScore {
        &self.material.scores.systems[name]
    }

    pub(super) fn state(&self, name: &str) -> String {
        match self.score(name).state.as_str() {
            // the words stay on one line
            "not_run" => "not\u{a0}run".into(),
            state => state.to_owned(),
        }
    }

    /// A table with a row for each system: its name, its state, and cells made of its figures and the published ones. A
    /// system that did not run has only the latter.
    fn by_system(
        &self,
        caption: &str,
        heads: &[&str],
        row: impl Fn(&str, Option<&SystemScore>, &PublishedSystem) -> Vec<Cell>,
    ) -> Table {
        let rows = NAMES.iter().map(|name| {
            let score = Some(self.score(name)).filter(|score| score.state != "not_run");
            let head = [Cell::new(title(name)), Cell::new(self.state(name))];
            let figures = row(name, score, &self.published.systems[*name]).into_iter().zip(heads);
            let figures = figures.map(|(cell, head)| match score {
                None if head.starts_with("difference") => Cell::new("not run"),
                _ => cell,
            });
            // every figure leads to its runs
            let figures = figures.map(|cell| match cell.is_published || cell.link.is_some() {
                true => cell,
                false => Cell { link: score.map(|_| runs_of(name)), ..cell },
            });
            head.into_iter().chain(figures).collect()
        });
        let heads = [&["system", "runs"], heads].concat();
        Table {
            id: None,
            caption: caption.into(),
            columns: columns(&heads),
            rows: rows.collect(),
            notes: Vec::new(),
        }
    }

    fn tier1(&self) -> Table {
        let heads = ["exact match", "95 % interval", "published", "difference"];
        let mut table = self.by_system(
            "Table 5. Tier 1: all three fields are right",
            &heads,
            |name, score, published| {
                let (passed, total) = published.tier1;
                let theirs = Cell::published(of(passed, total));
                match score.and_then(|score| score.tier1.as_ref()) {
                    None => vec![Cell::default(), Cell::default(), theirs, Cell::default()],
                    Some(tier1) => vec![
                        Cell::linked(of(tier1.passed, tier1.total), format!("{}-1", runs_of(name))),
                        Cell::new(interval(&tier1.interval)),
                        theirs,
                        Cell::new(points(share(tier1.passed, tier1.total) - share(passed, total))),
                    ],
                }
            },
        );
        table.notes.push(
            "Intervals are Wilson's, over scenarios: repeats of a scenario are not independent trials."
                .into(),
        );
        table
    }

    fn tier2(&self) -> Table {
        let heads = [
            "correct of scoreable",
            "95 % interval",
            "misbinding",
            "published",
            "published misbinding",
            "difference",
            "difference in misbinding",
        ];
        let caption = "Table 6. Tier 2: scenarios whose answer depends on the version";
        self.by_system(caption, &heads, |name, score, published| {
            let (correct, scoreable) = published.tier2;
            let theirs = [
                Cell::published(of(correct, scoreable)),
                Cell::published(format!("{} %", published.misbinding_percent)),
            ];
            match score.and_then(|score| score.tier2.as_ref()) {
                None => [Cell::default(), Cell::default(), Cell::default()]
                    .into_iter()
                    .chain(theirs)
                    .chain([Cell::default(), Cell::default()])
                    .collect(),
                Some(tier2) => [
                    Cell::linked(of(tier2.correct, tier2.scoreable), format!("{}-2", runs_of(name))),
                    Cell::new(interval(&tier2.interval)),
                    Cell::new(percent(share(tier2.misbound, tier2.scoreable))),
                ]
                .into_iter()
                .chain(theirs)
                .chain([
                    Cell::new(points(share(tier2.correct, tier2.scoreable) - share(correct, scoreable))),
                    Cell::new(points(
                        share(tier2.misbound, tier2.scoreable)
                            - published.misbinding_percent.parse::<f64>().unwrap_or_default() / 100.0,
                    )),
                ])
                .collect(),
            }
        })
    }

    fn kinds(&self) -> Table {
        let names = Binding::ALL.map(Binding::name);
        let ours = |score: &SystemScore| score.tier2.as_ref().map(|tier2| tier2.kinds.clone());
        self.counted("Table 12. Kinds of misbinding, in runs", &names, 2, ours, |published| &published.kinds)
    }

    /// A table of counts by name: ours, the published ones, and where they differ.
    fn counted(
        &self,
        caption: &str,
        names: &[&str],
        tier: u8,
        ours: impl Fn(&SystemScore) -> Option<BTreeMap<String, u32>>,
        theirs: impl Fn(&PublishedSystem) -> &BTreeMap<String, u32>,
    ) -> Table {
        let published: Vec<String> = names.iter().map(|name| format!("published {name}")).collect();
        let heads = names.iter().copied().chain(published.iter().map(String::as_str)).chain(["difference"]);
        let heads: Vec<&str> = heads.collect();
        self.by_system(caption, &heads, |system, score, published| {
            let (found, theirs) = (score.and_then(&ours), theirs(published));
            let link = format!("{}-{tier}", runs_of(system));
            let cell = |name: &&str| match &found {
                None => Cell::default(),
                Some(found) => Cell::linked(found[*name].to_string(), &link),
            };
            let is_comparable = self.material.setting.runs == RUNS;
            let differs = |name: &&str| {
                let difference = i64::from(found.as_ref()?[*name]) - i64::from(theirs[*name]);
                (difference != 0).then(|| format!("{name} {difference:+}"))
            };
            let differences: Vec<String> = names.iter().filter_map(differs).collect();
            let differences = match (&found, differences.is_empty()) {
                (None, _) => String::new(),
                (Some(_), _) if !is_comparable => "other repeats".into(),
                (Some(_), true) => "none".into(),
                (Some(_), false) => differences.join(", "),
            };
            let published = names.iter().map(|name| Cell::published(theirs[*name].to_string()));
            names.iter().map(cell).chain(published).chain([Cell::new(differences)]).collect()
        })
    }

    fn irrelevant(&self) -> Table {
        let heads = ["exact match", "runs", "published runs", "difference"];
        let caption = "Tier 2: scenarios whose answer does not depend on the version";
        let tiers = &self.published.tiers;
        let published = (tiers["2"] - tiers["2, dependent on the version"]) * self.published.matrix.runs;
        let mut table = self.by_system(caption, &heads, |name, score, _| {
            let theirs = Cell::published(published.to_string());
            match score.and_then(|score| score.tier2.as_ref()) {
                None => vec![Cell::default(), Cell::default(), theirs, Cell::default()],
                Some(tier2) => vec![
                    Cell::linked(
                        of(tier2.irrelevant_passed, tier2.irrelevant_total),
                        format!("{}-2", runs_of(name)),
                    ),
                    Cell::new(tier2.irrelevant_total.to_string()),
                    theirs,
                    Cell::new(apart(tier2.irrelevant_total as usize, published)),
                ],
            }
        });
        table.notes.push(
            "Published as `signal_irrelevant`: the number of these runs, not how many are right.".into(),
        );
        table
    }

    fn gradient(&self) -> Part {
        let bar = |name: &&str| {
            let tier2 = self.score(name).tier2.as_ref();
            let published = self.published.systems[*name].misbinding_percent.parse().ok();
            let measured = tier2.map(|tier2| share(tier2.misbound, tier2.scoreable) * 100.0);
            Bar { label: title(name).into(), measured, published }
        };
        let all: Vec<Bar> = NAMES.iter().map(bar).collect();
        Part::Figure {
            svg: bars("Misbinding by system, in percent of scoreable runs", &all, 100.0, 1, " %"),
            caption: "The misbinding gradient: scoreable runs that got the other version's answer. Dashed bars are \
                      published figures."
                .into(),
        }
    }

    fn stability(&self) -> Table {
        let heads = [
            "mean",
            "min",
            "inconsistent cohorts",
            "95 % interval of consistent",
            "published mean",
            "published min",
            "published inconsistent",
            "difference of means",
            "difference of inconsistent",
        ];
        self.by_system(
            "Table 7. Determinism: the share of the most frequent answer",
            &heads,
            |name, score, published| {
                let (mean, min) = (&published.stability.0, &published.stability.1);
                let theirs =
                    [mean.clone(), min.clone(), published.inconsistent.to_string()].map(Cell::published);
                let ours = match score.and_then(|score| score.stability.as_ref()) {
                    None => vec![Cell::default(); 4],
                    Some(stability) => vec![
                        Cell::linked(format!("{:.3}", stability.mean), runs_of(name)),
                        Cell::new(format!("{:.3}", stability.min)),
                        Cell::new(format!("{} of {}", stability.inconsistent, stability.cohorts)),
                        Cell::new(interval(&stability.interval)),
                    ],
                };
                let stability = score.and_then(|score| score.stability.as_ref());
                let means = stability.zip(mean.parse::<f64>().ok());
                let means = means.map(|(ours, theirs)| format!("{:+.3}", ours.mean - theirs));
                let cohorts = stability
                    .map(|stability| apart(stability.inconsistent as usize, published.inconsistent as usize));
                let differences = [means, cohorts].map(|text| Cell::new(text.unwrap_or_default()));
                ours.into_iter().chain(theirs).chain(differences).collect()
            },
        )
    }

    fn stability_chart(&self) -> Part {
        let bar = |name: &&str| Bar {
            label: title(name).into(),
            measured: self.score(name).stability.as_ref().map(|stability| stability.mean),
            published: self.published.systems[*name].stability.0.parse().ok(),
        };
        let all: Vec<Bar> = NAMES.iter().map(bar).collect();
        Part::Figure {
            svg: bars("Mean stability by system", &all, 1.0, 3, ""),
            caption: "Mean stability over all cohorts; 1.000 means that every repeat of every scenario gave the same \
                      answer."
                .into(),
        }
    }

    fn stability_detail(&self) -> Table {
        let heads = [
            "cohorts with one answer",
            "least stable",
            "its share",
            "published cohorts with one answer",
            "difference",
        ];
        self.by_system("Table 13. Determinism in detail", &heads, |name, score, published| {
            let theirs = 52 - published.inconsistent;
            let ours = match score.and_then(|score| score.stability.as_ref()) {
                None => vec![Cell::default(); 3],
                Some(stability) => {
                    let cohorts = cohorts(self.material, name, false);
                    let least = cohorts.iter().min_by(|a, b| most_frequent(a).total_cmp(&most_frequent(b)));
                    let least = least.filter(|cohort| most_frequent(cohort) < 1.0);
                    let (id, share) = match least {
                        None => (Cell::new("none"), Cell::new("1.000")),
                        Some(cohort) => (
                            Cell::linked(&cohort.scenario.id, path_of(name, cohort.scenario)),
                            Cell::new(format!("{:.3}", most_frequent(cohort))),
                        ),
                    };
                    vec![
                        Cell::new(of(stability.cohorts - stability.inconsistent, stability.cohorts)),
                        id,
                        share,
                    ]
                }
            };
            let difference = score.and_then(|score| score.stability.as_ref()).map(|stability| {
                points(
                    share(stability.cohorts - stability.inconsistent, stability.cohorts) - share(theirs, 52),
                )
            });
            let theirs = Cell::published(of(theirs, 52));
            ours.into_iter().chain([theirs, Cell::new(difference.unwrap_or_default())]).collect()
        })
    }

    fn surface(&self) -> Table {
        let heads = [
            "taxonomy",
            "wrong decisions",
            "misbindings",
            "inconsistent cohorts",
            "surface",
            "label",
            "published surface",
            "published label",
            "difference",
        ];
        let mut table =
            self.by_system("Table 8. The surface of failures", &heads, |name, score, published| {
                let theirs = [Cell::published(&published.surface), Cell::published(&published.label)];
                let (ours, difference) = match score.and_then(|score| score.surface.as_ref()) {
                    None => (vec![Cell::default(); 6], String::new()),
                    Some(surface) => {
                        let wrong =
                            surface.wrong_decisions.map_or("not separable".into(), |wrong| wrong.to_string());
                        let total = match surface.wrong_decisions {
                            Some(_) => surface.total.to_string(),
                            None => format!("{}+", surface.total),
                        };
                        let theirs: i64 = published.surface.trim_end_matches('+').parse().unwrap_or(0);
                        let cells = vec![
                            Cell::linked(surface.taxonomy.to_string(), format!("{}-1", runs_of(name))),
                            Cell::new(wrong),
                            Cell::linked(surface.misbindings.to_string(), format!("{}-2", runs_of(name))),
                            Cell::new(surface.inconsistent.to_string()),
                            Cell::new(total),
                            Cell::new(&surface.label),
                        ];
                        let difference = match surface.wrong_decisions {
                            _ if self.material.setting.runs != RUNS => "other repeats".to_owned(),
                            None => "not separable".to_owned(),
                            Some(_) => {
                                let label = if surface.label == published.label { "same" } else { "other" };
                                format!("{:+}, {label} label", i64::from(surface.total) - theirs)
                            }
                        };
                        (cells, difference)
                    }
                };
                ours.into_iter().chain(theirs).chain([Cell::new(difference)]).collect()
            });
        let published = &self.published.systems;
        let sums: Vec<String> = NAMES
            .iter()
            .map(|name| {
                let theirs = &published[*name];
                let wrong = theirs.wrong_decisions.map_or("not separable".into(), |wrong| wrong.to_string());
                format!(
                    "{} {} + {wrong} + {} + {}",
                    title(name),
                    theirs.taxonomy,
                    theirs.misbindings,
                    theirs.inconsistent
                )
            })
            .collect();
        table.notes = vec![
            "As published, a wrong decision is counted twice. The labels are ours.".into(),
            format!("The published sums: {}.", sums.join("; ")),
        ];
        table
    }

    fn surface_chart(&self) -> Part {
        let bar = |name: &&str| Bar {
            label: title(name).into(),
            measured: self.score(name).surface.as_ref().map(|surface| f64::from(surface.total)),
            published: self.published.systems[*name].surface.trim_end_matches('+').parse().ok(),
        };
        let all: Vec<Bar> = NAMES.iter().map(bar).collect();
        Part::Figure {
            svg: bars("The surface of failures by system", &all, 600.0, 0, ""),
            caption: "The surface of failures. The published surface of the raw LLM is at least 352.".into(),
        }
    }

    fn elimination(&self) -> Table {
        let heads = ["material here", "published", "difference"];
        let mut table = self.by_system("Table 9. Failure elimination", &heads, |_, score, published| {
            let ours = score.and_then(|score| score.surface.as_ref()).map(|surface| {
                match surface.material.is_empty() {
                    true => "none".to_owned(),
                    false => surface.material.join(", "),
                }
            });
            let difference = match &ours {
                None => "",
                Some(ours) if *ours == published.material => "none",
                Some(_) => "differs",
            };
            let theirs = Cell::published(&published.material);
            vec![Cell::new(ours.clone().unwrap_or_default()), theirs, Cell::new(difference)]
        });
        table.notes.push(format!(
            "Here a class is material if it is more than {} of a system's tier-1 runs.",
            percent(MATERIAL_ABOVE)
        ));
        table
    }

    fn taxonomy(&self) -> Table {
        let names = Class::ALL.map(Class::name);
        let ours = |score: &SystemScore| score.taxonomy.clone();
        self.counted("Table 11. Failed tier-1 runs by class", &names, 1, ours, |published| &published.classes)
    }

    fn failures_chart(&self) -> Part {
        let mut all = Vec::new();
        for class in Class::ALL {
            let ran = || NAMES.iter().filter(|name| self.score(name).taxonomy.is_some());
            let measured = ran().filter_map(|name| self.score(name).taxonomy.as_ref());
            let published = ran().map(|name| f64::from(self.published.systems[*name].classes[class.name()]));
            all.push(Bar {
                label: class.name().replace('_', " "),
                measured: Some(measured.map(|classes| f64::from(classes[class.name()])).sum()),
                published: Some(published.sum()),
            });
        }
        Part::Figure {
            svg: bars("Where failures occur", &all, 300.0, 0, ""),
            caption: "Where failures occur: failed tier-1 runs by class, of the systems that ran here; the published bars are of the same systems.".into(),
        }
    }

    fn tier3(&self) -> Table {
        let heads = [
            "completeness",
            "precision",
            "authority",
            "invertible",
            "replays",
            "extra runs",
            "published",
            "difference",
        ];
        let caption = "Accounts of a change from version 1 to version 2";
        self.by_system(caption, &heads, |name, score, published| {
            let yes = |is: bool| if is { "yes" } else { "no" };
            let theirs = published.tier3.as_ref().map_or("not published".to_owned(), |theirs| {
                let PublishedTier3 { completeness, precision, invertible, authority } = theirs;
                format!(
                    "completeness {completeness}, precision {precision}, invertible {invertible}, authority {authority}"
                )
            });
            let found = score.and_then(|score| score.tier3.as_ref());
            let difference = match (found, &published.tier3) {
                (None, _) => String::new(),
                (Some(_), None) => "unknown".into(),
                (Some(ours), Some(theirs)) => {
                    let gap = |name: &str, ours: f64, theirs: &str| {
                        format!("{name} {:+.3}", ours - theirs.parse::<f64>().unwrap_or_default())
                    };
                    let completeness = gap("completeness", ours.completeness, &theirs.completeness);
                    format!("{completeness}, {}", gap("precision", ours.precision, &theirs.precision))
                }
            };
            let ours = match score.and_then(|score| score.tier3.as_ref()) {
                None => vec![Cell::default(); 6],
                Some(tier3) => vec![
                    Cell::linked(format!("{:.3}", tier3.completeness), format!("{}-3", runs_of(name))),
                    Cell::new(format!("{:.3}", tier3.precision)),
                    Cell::new(format!("{:.3}", tier3.authority)),
                    Cell::new(yes(tier3.invertible)),
                    Cell::new(yes(tier3.replay)),
                    Cell::new(grouped(u64::from(tier3.extra_runs))),
                ],
            };
            ours.into_iter().chain([Cell::published(theirs), Cell::new(difference)]).collect()
        })
    }

    fn controls(&self) -> Table {
        let row = |control: &Control| {
            vec![
                Cell::new(&control.name),
                Cell::new(if control.holds { "holds" } else { "does not hold" }),
                Cell::new(&control.found),
            ]
        };
        Table {
            id: None,
            caption: "Controls".into(),
            columns: columns(&["control", "result", "found"]),
            rows: self.material.controls.iter().map(row).collect(),
            notes: vec![
                "Published: body hash identical before and after; 785 runs with more than one attempt (780 by design of \
                 the agent system, 5 structured retries); 0 validation errors."
                    .into(),
            ],
        }
    }

    fn gates(&self) -> Table {
        let row = |(gate, fault): &(Gate, Option<String>)| {
            let found = fault.clone().unwrap_or_default();
            vec![
                Cell::new(gate.name()),
                Cell::new(if fault.is_none() { "passed" } else { "failed" }),
                Cell::new(found),
            ]
        };
        Table {
            id: None,
            caption: "The seven gates, after the runs".into(),
            columns: columns(&["gate", "result", "found"]),
            rows: self.material.gates.iter().map(row).collect(),
            notes: vec!["The same gates were passed before the first run; otherwise nothing runs.".into()],
        }
    }

    fn cost(&self) -> Table {
        let heads = [
            "median of a decision",
            "99th percentile",
            "tokens sent",
            "tokens received",
            "estimated tokens of a decision",
        ];
        let mut table = self.by_system("Cost of the runs", &heads, |name, score, _| {
            let estimate = self.material.estimates.get(name);
            let estimate = estimate.map_or("none".to_owned(), |(sent, received)| {
                format!("{} sent, {} received", grouped(*sent), grouped(*received))
            });
            let ours = match score.and_then(|score| score.cost.as_ref()) {
                None => vec![Cell::default(); 4],
                Some(cost) => vec![
                    Cell::linked(micros(cost.latency_us_median), runs_of(name)),
                    Cell::new(micros(cost.latency_us_p99)),
                    Cell::new(grouped(cost.tokens_in)),
                    Cell::new(grouped(cost.tokens_out)),
                ],
            };
            ours.into_iter().chain([Cell::new(estimate)]).collect()
        });
        table.notes.push(
            "Opus decides in this process; Python starts a process for each case. Estimates take four characters of a \
             prompt for a token."
                .into(),
        );
        table
    }

    fn beyond(&self) -> Vec<Part> {
        let mut parts = vec![Part::Text(
            "What was known when: a rate is corrected two months after it was recorded, and each case says which state \
             of the records counts. Dates that no version covers: the right answer is a refusal that names the field."
                .into(),
        )];
        let rows = self.material.beyond.iter().map(|(name, score)| {
            vec![
                Cell::new(title(name)),
                Cell::linked(of(score.known_at.0, score.known_at.1), format!("#beyond-{name}")),
                Cell::linked(of(score.refusals.0, score.refusals.1), format!("#beyond-{name}")),
                Cell::new(score.inconsistent.to_string()),
            ]
        });
        parts.push(Part::Table(Table {
            id: None,
            caption: "Two temporal questions".into(),
            columns: columns(&["system", "known at", "refusals", "inconsistent cases"]),
            rows: rows.collect(),
            notes: vec!["Published: nothing; these questions are ours.".into()],
        }));
        if let Some(rows) = self.material.rows {
            let file = |(domain, score): (&String, &crate::rows::FileScore)| {
                vec![
                    Cell::new(domain),
                    Cell::linked(of(score.right, score.rows), "rows.json"),
                    Cell::new(micros(score.wall_us)),
                ]
            };
            parts.push(Part::Table(Table {
                id: None,
                caption: "Every row of three files, by `opus batch`".into(),
                columns: columns(&["domain", "decided as expected", "whole command"]),
                rows: rows.files.iter().map(file).collect(),
                notes: vec![
                    "The expected decisions come from an independent evaluation of the prose.".into(),
                ],
            }));
            let mut lines = Vec::new();
            for name in NAMES.iter().filter(|name| rows.systems.contains_key(**name)) {
                for (domain, score) in &rows.systems[*name] {
                    let classes: Vec<String> =
                        score.classes.iter().map(|(class, count)| format!("{class} {count}")).collect();
                    lines.push(vec![
                        Cell::new(title(name)),
                        Cell::new(&score.state),
                        Cell::new(domain),
                        Cell::linked(of(score.right, score.rows), "rows.json"),
                        Cell::new(classes.join(", ")),
                        Cell::new(micros(score.latency_us_median)),
                        Cell::new(format!("{} / {}", grouped(score.tokens_in), grouped(score.tokens_out))),
                    ]);
                }
            }
            parts.push(Part::Table(Table {
                id: None,
                caption: format!(
                    "A sample of {} rows of each file (seed {}), asked one by one",
                    rows.sample, rows.seed
                ),
                columns: columns(&[
                    "system",
                    "runs",
                    "domain",
                    "decided as expected",
                    "failures",
                    "median",
                    "tokens sent / received",
                ]),
                rows: lines,
                notes: Vec::new(),
            }));
        }
        parts
    }

    /// A section for each system that ran: every cohort with its records.
    fn runs(&self) -> Vec<Section> {
        let ran = NAMES.iter().filter(|name| self.score(name).state != "not_run");
        ran.map(|name| {
            let mut parts = vec![Part::Text(
                "Each scenario leads to its runs, with every answer as it came. Runs of models lead to each request and \
                 response behind them, which are in the folder `evidence`."
                    .into(),
            )];
            for tier in [Tier::Decision, Tier::Binding, Tier::Governance] {
                let mut own = cohorts(self.material, name, false);
                own.retain(|cohort| cohort.scenario.tier == tier);
                let (caption, id) = (format!("{}, tier {}", title(name), tier.number()), format!("runs-{name}-{}", tier.number()));
                parts.push(listed(name, &caption, &id, &own));
            }
            if self.material.beyond.contains_key(*name) {
                let caption = format!("{}, beyond the published experiment", title(name));
                parts.push(listed(name, &caption, &format!("beyond-{name}"), &cohorts(self.material, name, true)));
            }
            section(&format!("runs-{name}"), &format!("All runs of {}", title(name)), parts)
        })
        .collect()
    }

    fn care(&self) -> Vec<Part> {
        let ours = [
            "The scenarios, policies and programs are a reconstruction. Nothing here reproduces the published runs.",
            "Labels, materiality, intervals and the test of authority are ours.",
        ];
        ours.into_iter()
            .map(str::to_owned)
            .chain(self.published.care.iter().cloned())
            .map(Part::Text)
            .collect()
    }
}

fn interval(interval: &crate::score::Interval) -> String {
    format!("{} to {}, n\u{a0}=\u{a0}{}", percent(interval.low), percent(interval.high), interval.scenarios)
}

/// A time in the unit in which it is easiest to read.
pub(super) fn micros(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros}\u{a0}µs"),
        1_000..1_000_000 => format!("{:.1}\u{a0}ms", micros as f64 / 1e3),
        _ => format!("{:.2}\u{a0}s", micros as f64 / 1e6),
    }
}
