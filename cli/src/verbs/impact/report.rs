//! What does a change do? The same report for people and for programs.

use std::collections::BTreeMap;

use opus_govern::diff::{Family, Rename, diff};
use opus_govern::impact::{Counts, Listed, Plan, Summed};
use opus_govern::results::Why;
use opus_govern::structure::Structure;
use opus_govern::total::Total;
use opus_ir::{Kind, Program};
use opus_runtime::Schema;
use serde_json::{Map, Value, json};

use super::work::Tally;
use crate::summary::grouped;

/// A finished comparison.
pub struct Report<'a> {
    /// What the policies are called.
    pub names: &'a [String; 2],
    pub plan: &'a Plan,
    pub schemas: &'a [Schema; 2],
    /// By id of a rule, its title.
    pub titles: &'a BTreeMap<String, String>,
    pub tally: &'a Tally,
    pub renames: &'a [Rename],
    /// The policies, to tell which versions are the same; `None` if their facts differ.
    pub structures: Option<&'a [Structure; 2]>,
    /// The time it took, in seconds.
    pub seconds: f64,
}

/// The titles of rules, those of the second policy before those of the first.
pub fn titles<F, G>(a: &Program<F>, b: &Program<G>) -> BTreeMap<String, String> {
    let mut titles = BTreeMap::new();
    for rule in a.rules.iter().chain(&b.rules) {
        if let Some(title) = &rule.title {
            titles.insert(rule.id.clone(), title.clone());
        }
    }
    titles
}

/// A wider matrix is shown as a list of moves.
const WIDTH_MAX: usize = 100;

/// So many groups are shown to a person one by one.
const GROUPS_SHOWN: usize = 12;

/// What refusals are called beside values.
const REFUSED: &str = "refused";

impl Report<'_> {
    /// For people.
    pub fn human(&self) -> String {
        let Report { names: [a, b], tally, .. } = self;
        let mut blocks = vec![format!("before  {a}\nafter   {b}")];
        blocks.extend(self.remarks());
        blocks.extend(self.blocks(&tally.all));
        if let Some(by) = &tally.by {
            blocks.push(self.groups(by));
            for (value, counts) in tally.in_order().into_iter().take(GROUPS_SHOWN) {
                blocks.push(format!("── {by} = {} ──", shown(value)));
                blocks.extend(self.blocks(counts));
            }
            let more = tally.groups.len().saturating_sub(GROUPS_SHOWN);
            if more > 0 {
                blocks.push(format!("{more} more values of {by}; `--summary FILE` writes all of them"));
            }
        }
        let per_second = if self.seconds > 0.0 { (tally.all.rows as f64 / self.seconds) as u64 } else { 0 };
        blocks.push(format!("{} rows per second ({:.3} s)", grouped(per_second), self.seconds));
        blocks.join("\n\n")
    }

    /// What is renamed, and what is not compared.
    fn remarks(&self) -> Option<String> {
        let renames = self.renames.iter().map(|rename| {
            let what = match &rename.family {
                Family::EnumValue(of) => format!("{of}.{}", rename.before),
                _ => rename.before.clone(),
            };
            format!("renamed       {what} is now {}", rename.after)
        });
        let not_compared = self.plan.comparison.not_compared.iter().map(|output| {
            let why = match output.why {
                Why::OnlyInFirst => "an output only before",
                Why::OnlyInSecond => "an output only after",
                Why::OtherKind => "an output of another kind after",
            };
            format!("not compared  {}, {why}", output.name)
        });
        let lines: Vec<String> = renames.chain(not_compared).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// Everything that was counted over some rows.
    fn blocks(&self, counts: &Counts) -> Vec<String> {
        let plan = self.plan;
        let mut blocks = vec![
            Grid::new(&[
                vec!["rows".into(), grouped(counts.rows)],
                vec!["changed".into(), grouped(counts.changed), share(counts.changed, counts.rows)],
            ])
            .text(),
        ];
        for (at, output) in plan.listed.iter().enumerate() {
            blocks.push(matrix(plan, counts, at, output));
        }
        let sums = plan.summed.iter().zip(&counts.sums).map(|(output, sums)| {
            let written = |sum: Total| self.amount(output, sum);
            vec![
                output.name.clone(),
                written(sums.before),
                written(sums.after),
                written(sums.gained),
                written(sums.lost),
            ]
        });
        blocks.extend(table(["sum", "before", "after", "gained", "lost"], sums));
        let refused = (counts.refused != [0; 2]).then(|| side_by_side("rows", counts.refused));
        let faults = counts
            .faults
            .iter()
            .map(|((fault, name), both)| side_by_side(&format!("{name} {}", fault.code()), *both));
        blocks.extend(table(["refused", "before", "after"], refused.into_iter().chain(faults)));
        let rules = plan.rules.iter().zip(&counts.rules).filter(|(_, both)| **both != [0; 2]);
        let rules = rules.map(|(id, both)| {
            let mut line = side_by_side(id, *both);
            line.push(difference(*both));
            line.extend(self.titles.get(id).cloned());
            line
        });
        blocks.extend(table(["rule", "before", "after"], rules));
        // one version alone says nothing
        let is_told = plan.versions.len() > 1;
        let versions = plan.versions.iter().zip(&counts.versions);
        let versions = versions.filter(|(_, both)| is_told && **both != [0; 2]);
        let versions = versions.map(|(number, both)| side_by_side(&number.to_string(), *both));
        blocks.extend(table(["version", "before", "after"], versions));
        blocks
    }

    /// The groups at a glance.
    fn groups(&self, by: &str) -> String {
        let lines = self.tally.in_order().into_iter().map(|(value, counts)| {
            let mut line = vec![
                shown(value),
                grouped(counts.rows),
                grouped(counts.changed),
                share(counts.changed, counts.rows),
            ];
            for (output, sums) in self.plan.summed.iter().zip(&counts.sums) {
                line.push(self.amount(output, sums.after - sums.before));
            }
            line
        });
        let names = self.plan.summed.iter().map(|output| format!("{} after - before", output.name));
        let heading = [by, "rows", "changed", ""].map(str::to_owned).into_iter().chain(names).collect();
        Grid::new(&std::iter::once(heading).chain(lines).collect::<Vec<_>>()).text()
    }

    /// A sum as people write it.
    fn amount(&self, output: &Summed, sum: Total) -> String {
        let unit = match output.kind {
            Kind::Percent(_) => "%".to_owned(),
            Kind::Money => {
                self.schemas[1].currency.as_ref().map(|of| format!(" {}", of.code)).unwrap_or_default()
            }
            Kind::Days => " days".to_owned(),
            _ => String::new(),
        };
        format!("{}{unit}", sum.grouped(output.decimals))
    }

    /// For programs; `details` describes what ran.
    pub fn json(&self, details: Value) -> Value {
        let mut value = self.counts_json(&self.tally.all);
        let not_compared = self.plan.comparison.not_compared.iter().map(|output| {
            let why = match output.why {
                Why::OnlyInFirst => "only-before",
                Why::OnlyInSecond => "only-after",
                Why::OtherKind => "other-kind",
            };
            json!({ "output": output.name, "why": why })
        });
        value.insert("kept".into(), self.kept());
        value.insert("periods".into(), self.periods());
        value.insert("not_compared".into(), not_compared.collect());
        value.insert("renames".into(), json!(self.renames));
        let by = self.tally.by.as_ref().map(|column| {
            let groups = self.tally.in_order().into_iter().map(|(value, counts)| {
                let mut group = Map::from_iter([("value".to_owned(), json!(value))]);
                group.extend(self.counts_json(counts));
                Value::Object(group)
            });
            json!({ "column": column, "groups": groups.collect::<Vec<_>>() })
        });
        value.insert("by".into(), json!(by));
        if let Value::Object(details) = details {
            value.extend(details);
        }
        Value::Object(value)
    }

    /// The changed rows that keep the value of the first listed output, by that value.
    fn kept(&self) -> Value {
        let plan = self.plan;
        let Some(first) = plan.listed.first() else { return Value::Null };
        let values = first.values.iter().zip(&self.tally.all.kept).filter(|(_, kept)| kept.rows > 0);
        let values = values.map(|(value, kept)| {
            let mut outputs = Map::new();
            for (output, rows) in plan.listed.iter().zip(&kept.listed).filter(|(_, rows)| **rows > 0) {
                outputs.insert(output.name.clone(), json!({ "rows": rows }));
            }
            for ((output, rows), sums) in plan.summed.iter().zip(&kept.summed).zip(&kept.sums) {
                if *rows > 0 {
                    let [gained, lost] = [sums.gained, sums.lost].map(|sum| sum.written(output.decimals));
                    let counted = json!({ "rows": rows, "gained": gained, "lost": lost });
                    outputs.insert(output.name.clone(), counted);
                }
            }
            json!({ "value": value, "rows": kept.rows, "outputs": outputs })
        });
        json!({ "output": first.name, "values": values.collect::<Vec<_>>() })
    }

    /// Rows by the versions that decide them before and after, and whether these say the same.
    fn periods(&self) -> Value {
        let numbers = &self.plan.versions;
        let counted = self.tally.all.periods.iter().map(|((from, to), [rows, changed])| {
            let [before, after] = [from, to].map(|place| numbers.get(*place).copied());
            let same = before.zip(after).map(|(before, after)| self.says_the_same(before, after));
            json!({ "before": before, "after": after, "rows": rows, "changed": changed, "same": same })
        });
        Value::Array(counted.collect())
    }

    /// Whether a version before and one after differ in nothing that decides.
    fn says_the_same(&self, before: u32, after: u32) -> bool {
        let Some([a, b]) = self.structures else { return false };
        let alone = |of: &Structure, number| of.at_version(number).unwrap_or_else(|| of.clone());
        let script = diff(&alone(a, before), &alone(b, after));
        !script.edits.iter().any(|edit| edit.id.decides)
    }

    fn counts_json(&self, counts: &Counts) -> Map<String, Value> {
        let plan = self.plan;
        let both = |both: [u64; 2]| json!({ "before": both[0], "after": both[1] });
        let sums = plan.summed.iter().zip(&counts.sums).map(|(output, sums)| {
            let written = |sum: Total| sum.written(output.decimals);
            let sums = json!({
                "before": written(sums.before), "after": written(sums.after),
                "gained": written(sums.gained), "lost": written(sums.lost),
            });
            (output.name.clone(), sums)
        });
        let faults = counts.faults.iter().map(|((fault, name), [before, after])| {
            json!({ "code": fault.code(), "field": name, "before": before, "after": after })
        });
        let rules = plan.rules.iter().zip(&counts.rules).map(|(id, [before, after])| {
            json!({ "rule": id, "title": self.titles.get(id), "before": before, "after": after })
        });
        let versions =
            plan.versions.iter().zip(&counts.versions).map(
                |(number, [before, after])| json!({ "version": number, "before": before, "after": after }),
            );
        Map::from_iter([
            ("rows".to_owned(), json!(counts.rows)),
            ("changed".to_owned(), json!(counts.changed)),
            ("refused".to_owned(), both(counts.refused)),
            ("faults".to_owned(), faults.collect()),
            ("outputs".to_owned(), moves_json(plan, counts)),
            ("sums".to_owned(), Value::Object(sums.collect())),
            ("rules".to_owned(), rules.collect()),
            ("versions".to_owned(), versions.collect()),
        ])
    }
}

/// By listed output, the rows with each value before and after.
pub fn moves_json(plan: &Plan, counts: &Counts) -> Value {
    let listed = plan.listed.iter().enumerate().map(|(at, output)| {
        let all = || 0..output.size();
        let moves = all().flat_map(|from| all().map(move |to| (from, to)));
        let moves = moves.map(|(from, to)| (from, to, counts.moved(plan, at, from, to)));
        let moves = moves.filter(|(.., rows)| *rows > 0).map(|(from, to, rows)| {
            // no name stands for a refusal
            json!({ "before": output.values.get(from), "after": output.values.get(to), "rows": rows })
        });
        (output.name.clone(), Value::Array(moves.collect()))
    });
    Value::Object(listed.collect())
}

/// Rows by the value of an output before, which is a line, and after, which is a column; or the moves from one value to
/// another, if there are too many values.
fn matrix(plan: &Plan, counts: &Counts, at: usize, output: &Listed) -> String {
    let rows = |from: usize, to: usize| counts.moved(plan, at, from, to);
    let all = 0..output.size();
    let before = |value: usize| all.clone().map(|to| rows(value, to)).sum::<u64>();
    let after = |value: usize| all.clone().map(|from| rows(from, value)).sum::<u64>();
    let used: Vec<usize> = all.clone().filter(|value| before(*value) + after(*value) > 0).collect();
    let name = |value: usize| output.values.get(value).map_or(REFUSED, String::as_str).to_owned();
    let cell = |count: u64| if count == 0 { "·".to_owned() } else { grouped(count) };
    let mut heading = vec![output.name.clone()];
    heading.extend(used.iter().map(|value| format!("→ {}", name(*value))));
    heading.push("before".into());
    let mut lines = vec![heading];
    for from in &used {
        let mut line = vec![name(*from)];
        line.extend(used.iter().map(|to| cell(rows(*from, *to))));
        line.push(grouped(before(*from)));
        lines.push(line);
    }
    let mut last = vec!["after".to_owned()];
    last.extend(used.iter().map(|value| grouped(after(*value))));
    last.push(grouped(counts.rows));
    lines.push(last);
    let grid = Grid::new(&lines);
    if grid.width() <= WIDTH_MAX {
        return grid.text();
    }
    let mut lines = vec![["", "before", "after"].map(str::to_owned).to_vec()];
    lines[0][0] = output.name.clone();
    for value in &used {
        let both = [before(*value), after(*value)];
        let mut line = side_by_side(&name(*value), both);
        line.push(difference(both));
        lines.push(line);
    }
    let mut moves = Vec::new();
    for from in &used {
        for to in used.iter().filter(|to| *to != from && rows(*from, **to) > 0) {
            moves.push(vec![format!("  {} → {}", name(*from), name(*to)), grouped(rows(*from, *to))]);
        }
    }
    let mut text = Grid::new(&lines).text();
    if !moves.is_empty() {
        text = format!("{text}\n{}", Grid::new(&moves).text());
    }
    text
}

/// Lines under a heading; nothing if there are none.
fn table<const N: usize>(heading: [&str; N], lines: impl Iterator<Item = Vec<String>>) -> Option<String> {
    let lines: Vec<Vec<String>> = lines.collect();
    let heading = heading.map(str::to_owned).to_vec();
    (!lines.is_empty()).then(|| Grid::new(&std::iter::once(heading).chain(lines).collect::<Vec<_>>()).text())
}

fn side_by_side(name: &str, both: [u64; 2]) -> Vec<String> {
    vec![name.trim().to_owned(), grouped(both[0]), grouped(both[1])]
}

/// `+1,234`, or nothing if nothing changed.
fn difference([before, after]: [u64; 2]) -> String {
    match after.cmp(&before) {
        std::cmp::Ordering::Equal => String::new(),
        std::cmp::Ordering::Greater => format!("+{}", grouped(after - before)),
        std::cmp::Ordering::Less => format!("-{}", grouped(before - after)),
    }
}

/// The value of a group.
fn shown(value: &Option<String>) -> String {
    value.clone().unwrap_or_else(|| "missing".to_owned())
}

/// A share in percent, to a tenth. A share above zero is never shown as 0, and one below 100 % never as 100.
fn share(count: u64, whole: u64) -> String {
    if whole == 0 {
        return String::new();
    }
    let tenths = (u128::from(count) * 1_000 + u128::from(whole) / 2) / u128::from(whole);
    match tenths {
        0 if count > 0 => "<0.1%".to_owned(),
        1_000 if count < whole => ">99.9%".to_owned(),
        _ => format!("{}.{}%", tenths / 10, tenths % 10),
    }
}

/// Texts in columns: the first is flush left, as are those of words behind the numbers, and numbers are flush right.
struct Grid<'a> {
    lines: &'a [Vec<String>],
    widths: Vec<usize>,
}

impl<'a> Grid<'a> {
    fn new(lines: &'a [Vec<String>]) -> Grid<'a> {
        let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            lines
                .iter()
                .filter_map(|line| line.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        Grid { lines, widths: (0..columns).map(width).collect() }
    }

    fn width(&self) -> usize {
        self.widths.iter().sum::<usize>() + 2 * self.widths.len().saturating_sub(1)
    }

    fn text(&self) -> String {
        let is_number = |cell: &str| {
            cell.is_empty()
                || cell.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '<' | '>' | '·'))
        };
        // a column is one of numbers if everything below its heading is
        let is_right = |column: usize| {
            column > 0
                && self.lines.iter().skip(1).filter_map(|line| line.get(column)).all(|cell| is_number(cell))
        };
        let right: Vec<bool> = (0..self.widths.len()).map(is_right).collect();
        let line = |line: &Vec<String>| {
            let cells = line.iter().enumerate().map(|(column, cell)| {
                let width = self.widths[column];
                if right[column] { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}
