//! What is the result of a batch? The same numbers for people and for programs.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Arc;

use opus_ir::{Kind, Schema};
use serde_json::{Value, json};

use crate::terminal::printable;
use opus_data::pipeline::{FaultCount, Report};
use opus_data::record::{Facts, TreeFacts};
use opus_data::{DataError, Names, Target, Unmatched, Whole};
pub use opus_govern::total::grouped;

/// A finished batch.
pub struct Run<'a> {
    /// The counts.
    pub report: &'a Report,
    /// Inputs and outputs.
    pub schema: &'a Schema,
    /// The names of rules and versions.
    pub names: &'a Names,
    /// By rule index, id and title.
    pub rules: Vec<(String, Option<String>)>,
    /// What was decided, from what, by what.
    pub facts: &'a Facts,
    /// The folder of the record and its tree, if there is one.
    pub record: Option<(String, TreeFacts)>,
    /// The time it took, in seconds.
    pub seconds: f64,
}

/// Where a fault occurs first, and the value there.
pub fn first_of(fault: &FaultCount) -> String {
    let (row, value) = &fault.first;
    let value = if value.is_empty() { String::new() } else { format!(": {}", printable(value)) };
    format!("first in row {}{value}", grouped(*row))
}

/// The summary for people.
pub fn human(run: &Run) -> String {
    let counts = &run.report.counts;
    let mut table = Table::default();
    table.line("rows", counts.rows, None, "");
    let parts = [counts.decided, counts.rejected()];
    let shares = apportion(&parts, counts.rows, ALL);
    for ((name, count), tenths) in ["decided", "rejected"].into_iter().zip(parts).zip(shares) {
        table.line(name, count, Some((counts.rows, tenths)), "");
    }
    for fault in &counts.faults {
        let remark = format!("{}  {}", fault.name, first_of(fault));
        table.line(&format!("  {}", fault.fault.code()), fault.count, None, remark.trim_start());
    }
    for (output, values) in run.schema.outputs.iter().zip(&counts.values) {
        let Kind::Enum(index) = output.kind else { continue };
        table.heading(&output.name);
        let shares = apportion(values, counts.decided, ALL);
        let named = run.schema.enums[index as usize].values.iter().zip(values);
        for ((value, count), tenths) in named.zip(shares) {
            table.line(&format!("  {}", value.name), *count, Some((counts.decided, tenths)), "");
        }
    }
    let versions: Vec<u64> = counts.rules.iter().map(|rules| rules.iter().sum()).collect();
    let shares = apportion(&versions, counts.decided, ALL);
    for (at, (version, rules)) in run.names.versions.iter().zip(&counts.rules).enumerate() {
        table.line(&format!("version {version}"), versions[at], Some((counts.decided, shares[at])), "");
        let of_rules = apportion(rules, counts.decided, shares[at]);
        // leaves out rules of other versions, which never decide in this one
        let named = run.rules.iter().zip(rules).zip(of_rules).filter(|((_, count), _)| **count > 0);
        for (((id, title), count), tenths) in named {
            let share = Some((counts.decided, tenths));
            table.line(&format!("  {id}"), *count, share, title.as_deref().unwrap_or(""));
        }
    }
    let per_second = if run.seconds > 0.0 { (counts.rows as f64 / run.seconds) as u64 } else { 0 };
    let mapping = run.facts.mapping.as_ref();
    let mapping = mapping.map(|facts| format!("mapping {}  blake3 {}\n", facts.file, facts.blake3));
    let record = run.record.as_ref().map(|(folder, tree)| format!("record {folder}  root {}\n", tree.root));
    let (mapping, record) = (mapping.unwrap_or_default(), record.unwrap_or_default());
    format!(
        "{}\n{mapping}{record}{} rows per second ({:.3} s)",
        table.text(),
        grouped(per_second),
        run.seconds
    )
}

/// The summary for programs; `details` describes what ran.
pub fn json(run: &Run, details: Value) -> Value {
    let counts = &run.report.counts;
    let faults = counts
        .faults
        .iter()
        .map(|fault| {
            let (row, value) = &fault.first;
            json!({ "code": fault.fault.code(), "field": fault.name, "count": fault.count, "row": row, "value": value })
        });
    let outputs = run.schema.outputs.iter().zip(&counts.values).filter_map(|(output, values)| {
        let Kind::Enum(index) = output.kind else { return None };
        let named = run.schema.enums[index as usize].values.iter().zip(values);
        let named: serde_json::Map<String, Value> =
            named.map(|(value, count)| (value.name.clone(), json!(count))).collect();
        Some((output.name.clone(), Value::Object(named)))
    });
    let versions = run.names.versions.iter().zip(&counts.rules).map(|(version, rules)| {
        let decided = run.rules.iter().zip(rules).filter(|(_, count)| **count > 0);
        let decided =
            decided.map(|((id, title), count)| json!({ "rule": id, "title": title, "rows": count }));
        let rows: u64 = rules.iter().sum();
        json!({ "version": version, "rows": rows, "rules": decided.collect::<Vec<_>>() })
    });
    let mut value = serde_json::to_value(run.facts).expect("texts and numbers can be written as JSON");
    let more = json!({
        "faults": faults.collect::<Vec<_>>(),
        "outputs": outputs.collect::<serde_json::Map<_, _>>(),
        "versions": versions.collect::<Vec<_>>(),
        "ignored_columns": run.report.ignored.names().collect::<Vec<_>>(),
        "misspelled_columns": misspelled(&run.report.unmatched),
        "unnamed_fields": unnamed(&run.report.unmatched),
        "record": run.record.as_ref().map(|(folder, tree)| json!({ "folder": folder, "tree": tree })),
        "seconds": run.seconds,
    });
    if let (Value::Object(value), Value::Object(more), Value::Object(details)) = (&mut value, more, details) {
        value.extend(more.into_iter().chain(details));
    }
    value
}

/// The names that look like that of a field which the same objects lack.
fn misspelled(unmatched: &Unmatched) -> Vec<Value> {
    let pairs = unmatched.misspelled.iter();
    pairs.map(|((name, column), rows)| json!({ "name": name, "rows": rows, "column": column })).collect()
}

/// The fields that no object of a file names, each with these files.
fn unnamed(unmatched: &Unmatched) -> serde_json::Map<String, Value> {
    let files = |files: &BTreeSet<Arc<str>>| files.iter().map(|file| json!(&**file)).collect();
    unmatched.unnamed.iter().map(|(column, of)| (column.clone(), Value::Array(files(of)))).collect()
}

/// Writes a summary. It has not its name yet.
///
/// # Errors
/// If it cannot be written.
pub fn write(mut target: Target, value: &Value) -> Result<Whole, DataError> {
    let text = format!("{value:#}\n");
    target.write_all(text.as_bytes()).map_err(|error| target.failure(&error))?;
    target.end()
}

/// All of a whole, in tenths of a percent.
const ALL: u64 = 1_000;

/// The share of each count in a whole, in tenths of a percent, rounded so that the shares add up to `total`. The largest
/// remainders are rounded up; ties go to the first.
fn apportion(counts: &[u64], whole: u64, total: u64) -> Vec<u64> {
    if whole == 0 {
        return vec![0; counts.len()];
    }
    let tenths = |count: &u64| u128::from(*count) * u128::from(ALL);
    let mut shares: Vec<u64> =
        counts.iter().map(|count| (tenths(count) / u128::from(whole)) as u64).collect();
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(tenths(&counts[*at]) % u128::from(whole)));
    let left = total.saturating_sub(shares.iter().sum());
    order.into_iter().take(left as usize).for_each(|at| shares[at] += 1);
    shares
}

/// A share in percent, to a tenth. A share above zero is never shown as 0, and one below 100 % never as 100.
fn share(count: u64, whole: u64, tenths: u64) -> String {
    match tenths {
        _ if whole == 0 => String::new(),
        0 if count > 0 => "<0.1%".to_owned(),
        ALL if count < whole => ">99.9%".to_owned(),
        _ => format!("{}.{}%", tenths / 10, tenths % 10),
    }
}

/// Lines with a name, a number, its share of another number and a remark, in columns.
#[derive(Default)]
struct Table {
    lines: Vec<[String; 4]>,
}

impl Table {
    /// Adds a line; the share of a count is given as its whole and the tenths of a percent that it is.
    fn line(&mut self, name: &str, count: u64, of: Option<(u64, u64)>, remark: &str) {
        let share = of.map(|(whole, tenths)| share(count, whole, tenths)).unwrap_or_default();
        self.lines.push([name.to_owned(), grouped(count), share, remark.to_owned()]);
    }

    fn heading(&mut self, name: &str) {
        self.lines.push([name, "", "", ""].map(str::to_owned));
    }

    fn text(&self) -> String {
        let widest =
            |part: usize| self.lines.iter().map(|line| line[part].chars().count()).max().unwrap_or(0);
        let [names, counts, shares] = [0, 1, 2].map(widest);
        let line = |[name, count, share, remark]: &[String; 4]| {
            format!("{name:<names$}  {count:>counts$}  {share:>shares$}  {remark}").trim_end().to_owned()
        };
        self.lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_are_never_rounded_to_nothing_or_all() {
        let cases: &[(&[u64], &[&str])] = &[
            (&[0, 0], &["", ""]),
            (&[0, 7], &["0.0%", "100.0%"]),
            (&[1, 2], &["33.3%", "66.7%"]),
            (&[1, 1, 1], &["33.4%", "33.3%", "33.3%"]),
            (&[1, 1, 1, 1, 1, 1], &["16.7%", "16.7%", "16.7%", "16.7%", "16.6%", "16.6%"]),
            (&[1, 999_999], &["<0.1%", ">99.9%"]),
            (&[u64::MAX, 0], &["100.0%", "0.0%"]),
        ];
        for (counts, texts) in cases {
            let whole = counts.iter().sum();
            let tenths = apportion(counts, whole, ALL);
            assert_eq!(tenths.iter().sum::<u64>(), if whole == 0 { 0 } else { ALL }, "{counts:?}");
            let shown: Vec<String> =
                counts.iter().zip(tenths).map(|(count, tenths)| share(*count, whole, tenths)).collect();
            assert_eq!(&shown, texts, "{counts:?}");
        }
    }

    #[test]
    fn the_shares_of_parts_add_up_to_that_of_their_part() {
        let (parts, whole) = ([vec![1, 1, 1], vec![2, 2], vec![0, 5]], 12);
        let sums: Vec<u64> = parts.iter().map(|part| part.iter().sum()).collect();
        for (part, tenths) in parts.iter().zip(apportion(&sums, whole, ALL)) {
            assert_eq!(apportion(part, whole, tenths).iter().sum::<u64>(), tenths, "{part:?}");
        }
    }
}
