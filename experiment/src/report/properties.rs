//! What sets decisions of a model apart from those of a compiled policy? Table 10: words, and the figures behind them.

use std::collections::BTreeSet;

use super::content::{Made, columns, micros, percent, points, share};
use super::page::{Cell, Table};
use super::published::PublishedSystem;

/// A property of decisions: words about it, and the figure behind them.
struct Property<'a> {
    name: &'static str,
    /// Of a model that decides, and of a compiled policy.
    words: [&'static str; 2],
    link: &'static str,
    what: &'static str,
    unit: Unit,
    /// Of a system by its name, if it ran.
    ours: &'a dyn Fn(&str) -> Option<f64>,
    theirs: &'a dyn Fn(&PublishedSystem) -> Option<f64>,
}

/// What the figure of a property is in.
#[derive(Clone, Copy)]
enum Unit {
    Share,
    Number,
    Micros,
}

impl Unit {
    fn text(self, value: f64) -> String {
        match self {
            Unit::Share => percent(value),
            Unit::Number => format!("{value:.3}"),
            Unit::Micros => micros(value as u64),
        }
    }

    fn gap(self, value: f64) -> String {
        match self {
            Unit::Share => points(value),
            Unit::Number => format!("{value:+.3}"),
            Unit::Micros => format!("{value:+.0} µs"),
        }
    }
}

/// The least and the greatest; `None` of nothing.
fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |ends, value| match ends {
        None => Some((value, value)),
        Some((low, high)) => Some((f64::min(low, value), f64::max(high, value))),
    })
}

impl Made<'_> {
    pub fn properties(&self) -> Table {
        let percent_of = |text: &str| text.parse::<f64>().ok().map(|percent| percent / 100.0);
        let number = |text: &String| text.parse::<f64>().ok();
        let properties = [
            Property {
                name: "correctness",
                words: [
                    "measured per case; errors of every class",
                    "the policy is checked before the first case",
                ],
                link: "#tier-1",
                what: "exact match",
                unit: Unit::Share,
                ours: &|name| {
                    let tier1 = self.score(name).tier1.as_ref()?;
                    Some(share(tier1.passed, tier1.total))
                },
                theirs: &|system| Some(share(system.tier1.0, system.tier1.1)),
            },
            Property {
                name: "time",
                words: [
                    "the version must be inferred from the prompt",
                    "the date of the case selects the version",
                ],
                link: "#tier-2",
                what: "misbinding",
                unit: Unit::Share,
                ours: &|name| {
                    let tier2 = self.score(name).tier2.as_ref()?;
                    Some(share(tier2.misbound, tier2.scoreable))
                },
                theirs: &|system| percent_of(&system.misbinding_percent),
            },
            Property {
                name: "determinism",
                words: [
                    "the same question can have several answers",
                    "the same case always has the same answer",
                ],
                link: "#determinism",
                what: "mean stability",
                unit: Unit::Number,
                ours: &|name| Some(self.score(name).stability.as_ref()?.mean),
                theirs: &|system| number(&system.stability.0),
            },
            Property {
                name: "governance",
                words: [
                    "an account of a change is generated text",
                    "an account of a change is computed from what is executed",
                ],
                link: "#tier-3",
                what: "completeness",
                unit: Unit::Number,
                ours: &|name| Some(self.score(name).tier3.as_ref()?.completeness),
                theirs: &|system| number(&system.tier3.as_ref()?.completeness),
            },
            Property {
                name: "cost",
                words: ["tokens and seconds for each decision", "microseconds for each decision"],
                link: "#cost",
                what: "median of a decision",
                unit: Unit::Micros,
                ours: &|name| Some(self.score(name).cost.as_ref()?.latency_us_median as f64),
                theirs: &|_| None,
            },
            Property {
                name: "what is not known",
                words: ["is guessed or noticed", "is refused, with the field"],
                link: "#beyond",
                what: "refusals",
                unit: Unit::Share,
                ours: &|name| {
                    let (right, all) = self.material.beyond.get(name)?.refusals;
                    Some(share(right, all))
                },
                theirs: &|_| None,
            },
        ];
        Table {
            id: None,
            caption: "Table 10. Properties of interpreted and of compiled decisions".into(),
            columns: columns(&[
                "property",
                "who decides",
                "in words",
                "runs",
                "measured here",
                "published",
                "difference",
            ]),
            rows: properties.iter().flat_map(|property| self.property(property)).collect(),
            notes: vec![
                "Each cell leads to the figures that support or contradict it. Here a model means the three systems in \
                 which a model makes each decision, from the lowest figure to the highest; a compiled policy is Opus."
                    .into(),
            ],
        }
    }

    /// A property of decisions that a model makes, and of those of a compiled policy.
    fn property(&self, property: &Property<'_>) -> [Vec<Cell>; 2] {
        let deciders: [(&str, &[&str]); 2] =
            [("a model", &["structured", "agent", "raw"]), ("a compiled policy", &["opus"])];
        let Property { name, words, link, what, unit, ours, theirs } = property;
        let row = |(words, (decider, systems)): (&str, (&str, &[&str]))| {
            let measured = ends(systems.iter().filter_map(|system| ours(system)));
            let published =
                ends(systems.iter().filter_map(|system| theirs(&self.published.systems[*system])));
            let shown = |ends: Option<(f64, f64)>, otherwise: &str| {
                ends.map_or(otherwise.to_owned(), |(low, high)| match low == high {
                    true => format!("{what} {}", unit.text(low)),
                    false => format!("{what} {} to {}", unit.text(low), unit.text(high)),
                })
            };
            let difference = match (measured, published) {
                (None, _) => "not run".to_owned(),
                (_, None) => "unknown".to_owned(),
                (Some(ours), Some(theirs)) if ours == theirs => "none".to_owned(),
                (Some(ours), Some(theirs)) => {
                    let [low, high] = [ours.0 - theirs.0, ours.1 - theirs.1].map(|gap| unit.gap(gap));
                    if low == high { low } else { format!("lowest {low}, highest {high}") }
                }
            };
            let states: BTreeSet<String> = systems.iter().map(|system| self.state(system)).collect();
            vec![
                Cell::new(*name),
                Cell::new(decider),
                Cell::linked(words, *link),
                Cell::new(states.into_iter().collect::<Vec<_>>().join(", ")),
                Cell { link: measured.map(|_| (*link).to_owned()), ..Cell::new(shown(measured, "not run")) },
                Cell::published(shown(published, "not published")),
                Cell::new(difference),
            ]
        };
        [(words[0], deciders[0]), (words[1], deciders[1])].map(row)
    }
}
