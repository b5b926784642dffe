//! How many rows have which causes? The same report for people and for programs.

use opus_govern::attribute::groups::{Group, Groups};
use opus_govern::attribute::{Attribution, Effort};
use opus_govern::diff::Edit;
use opus_govern::impact::Counts;
use serde_json::{Map, Value, json};

use super::super::impact::report::moves_json;
use crate::summary::grouped;

/// A finished attribution.
pub struct Report<'a> {
    /// What the policies are called.
    pub names: &'a [String; 2],
    pub attribution: &'a Attribution,
    pub groups: &'a Groups,
    /// The time it took, in seconds.
    pub seconds: f64,
}

/// So many groups and untestable sets are shown to a person.
const SHOWN_MAX: usize = 20;

impl Report<'_> {
    /// For people.
    pub fn human(&self) -> String {
        let [a, b] = self.names;
        let mut blocks = vec![format!("before  {a}\nafter   {b}")];
        let edits: Vec<String> = self.attribution.edits().map(ToString::to_string).collect();
        blocks.push(if edits.is_empty() {
            "the policies have the same structure".to_owned()
        } else {
            edits.join("\n")
        });
        let changed = self.groups.all.changed;
        blocks.push(format!("rows     {}\nchanged  {}", grouped(self.groups.rows), grouped(changed)));
        if changed > 0 {
            blocks.push(self.table());
            blocks.push(format!("the groups add up to the {} changed rows", grouped(changed)));
        }
        let unfinished = self.groups.unfinished();
        if unfinished > 0 {
            blocks.push(format!(
                "unfinished: {} rows have more sets of edits than were tried, so causes may be missing",
                grouped(unfinished)
            ));
        }
        blocks.extend(self.untestable());
        let Effort { sets, hybrids, runs, .. } = self.attribution.effort();
        let per_second = if self.seconds > 0.0 { (self.groups.rows as f64 / self.seconds) as u64 } else { 0 };
        blocks.push(format!(
            "{} sets of edits tried, {} hybrids compiled, {} runs; {} rows per second ({:.3} s)",
            grouped(sets),
            grouped(hybrids),
            grouped(runs),
            grouped(per_second),
            self.seconds
        ));
        blocks.join("\n\n")
    }

    /// The groups, with what each moves.
    fn table(&self) -> String {
        let mut lines = vec![vec!["causes".to_owned(), "rows".to_owned()]];
        let plan = self.attribution.plan();
        lines[0].extend(plan.summed.iter().map(|output| output.name.clone()));
        let groups = self.groups.largest_first();
        for (causes, is_unfinished, group) in groups.iter().take(SHOWN_MAX) {
            let mark = if *is_unfinished { " (unfinished)" } else { "" };
            lines.push(self.line(format!("{causes}{mark}"), &group.counts));
        }
        if let Some(more) = groups.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
            lines.push(vec![format!("and {more} more groups, which `--summary FILE` writes")]);
        }
        lines.push(self.line("all".to_owned(), &self.groups.all));
        aligned(&lines)
    }

    fn line(&self, head: String, counts: &Counts) -> Vec<String> {
        let plan = self.attribution.plan();
        let sums = plan.summed.iter().zip(&counts.sums).map(|(output, sums)| {
            let (before, after) = (sums.before.grouped(output.decimals), sums.after.grouped(output.decimals));
            format!("{before} -> {after}")
        });
        [head, grouped(counts.rows)].into_iter().chain(sums).collect()
    }

    fn untestable(&self) -> Option<String> {
        let sets = self.attribution.untestable();
        let mut lines: Vec<String> = sets
            .iter()
            .take(SHOWN_MAX)
            .map(|set| format!("untestable  {}: {}", set.edits, set.why))
            .collect();
        if let Some(more) = sets.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
            lines.push(format!("and {more} more, which `--summary FILE` writes"));
        }
        let not_divided = self.attribution.not_divided();
        if not_divided > 0 {
            lines.push(format!(
                "{not_divided} causes have too many edits to test whether all sets within them compile"
            ));
        }
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// For programs; `details` describes what ran.
    pub fn json(&self, details: Value) -> Value {
        let edit = |edit: &Edit| json!({ "id": edit.id, "decides": edit.id.decides, "says": edit.says, "needs": edit.needs });
        let group = |(causes, is_unfinished, group): &(&str, bool, &Group)| {
            json!({
                "causes": alternatives(causes),
                "coarse": alternatives(&group.coarse),
                "unfinished": is_unfinished,
                "rows": group.counts.rows,
                "outputs": moves_json(self.attribution.plan(), &group.counts),
                "sums": self.sums(&group.counts),
            })
        };
        let Effort { sets, hybrids, bindings, runs } = self.attribution.effort();
        let untestable = self.attribution.untestable();
        let mut value = json!({
            "rows": self.groups.rows,
            "changed": self.groups.all.changed,
            "unfinished": self.groups.unfinished(),
            "edits": self.attribution.edits().map(edit).collect::<Vec<_>>(),
            "groups": self.groups.largest_first().iter().map(group).collect::<Vec<_>>(),
            "sums": self.sums(&self.groups.all),
            "groups_add_up": self.groups.add_up(self.attribution),
            "untestable": untestable
                .iter()
                .map(|set| json!({ "edits": members(&set.edits), "why": set.why }))
                .collect::<Vec<_>>(),
            "causes_not_divided": self.attribution.not_divided(),
            "sets": sets,
            "hybrids": hybrids,
            "bindings": bindings,
            "runs": runs,
        });
        if let (Value::Object(value), Value::Object(details)) = (&mut value, details) {
            value.extend(details);
        }
        value
    }

    fn sums(&self, counts: &Counts) -> Value {
        let outputs = self.attribution.plan().summed.iter().zip(&counts.sums);
        let of = outputs.map(|(output, sums)| {
            let written = |sum: opus_govern::total::Total| sum.written(output.decimals);
            let value = json!({
                "before": written(sums.before), "after": written(sums.after),
                "gained": written(sums.gained), "lost": written(sums.lost),
            });
            (output.name.clone(), value)
        });
        Value::Object(of.collect::<Map<String, Value>>())
    }
}

/// `E1 | E2+E3` as lists of edits.
fn alternatives(written: &str) -> Vec<Vec<&str>> {
    let parts = written.split(" | ").filter(|part| !part.is_empty());
    parts.map(members).collect()
}

fn members(written: &str) -> Vec<&str> {
    written.split('+').filter(|edit| *edit != "none").collect()
}

/// Columns beside each other; the first to the left, the others to the right.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let of_column =
        |column: usize| lines.iter().filter(|line| line.len() > 1).filter_map(move |line| line.get(column));
    let widths: Vec<usize> = (0..columns)
        .map(|column| of_column(column).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let line = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            if column == 0 { format!("{cell}{padding}") } else { format!("{padding}{cell}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}
