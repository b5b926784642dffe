//! What did a batch come to? The same numbers for people and for programs.

use opus_ir::{Kind, Schema};
use serde_json::{Value, json};

use crate::batch::{Names, Report};

/// A batch that has run.
pub struct Run<'a> {
    /// What was counted.
    pub report: &'a Report,
    /// Inputs and outputs.
    pub schema: &'a Schema,
    /// What rules and versions are called.
    pub names: &'a Names,
    /// By rule index, id and title.
    pub rules: Vec<(String, Option<String>)>,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// For people.
pub fn human(run: &Run) -> String {
    let counts = &run.report.counts;
    let mut table = Table::default();
    table.line("rows", counts.rows, "");
    table.line("decided", counts.decided, "");
    table.line("rejected", counts.rejected(), "");
    for fault in &counts.faults {
        table.line(&format!("  {}", fault.fault.code()), fault.count, &fault.name);
    }
    for (output, values) in run.schema.outputs.iter().zip(&counts.values) {
        let Kind::Enum(index) = output.kind else { continue };
        table.heading(&output.name);
        for (value, count) in run.schema.enums[index as usize].values.iter().zip(values) {
            table.line(&format!("  {}", value.name), *count, "");
        }
    }
    for (version, rules) in run.names.versions.iter().zip(&counts.rules) {
        table.line(&format!("version {version}"), rules.iter().sum(), "");
        // rules that are not of this version never decide in it
        for ((id, title), count) in run.rules.iter().zip(rules).filter(|(_, count)| **count > 0) {
            table.line(&format!("  {id}"), *count, title.as_deref().unwrap_or(""));
        }
    }
    let per_second = if run.seconds > 0.0 { (counts.rows as f64 / run.seconds) as u64 } else { 0 };
    format!("{}\n{} rows per second ({:.3} s)", table.text(), grouped(per_second), run.seconds)
}

/// For programs; `details` says what ran.
pub fn json(run: &Run, details: Value) -> Value {
    let counts = &run.report.counts;
    let faults = counts
        .faults
        .iter()
        .map(|fault| json!({ "code": fault.fault.code(), "field": fault.name, "count": fault.count }));
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
    let mut value = json!({
        "rows": counts.rows,
        "decided": counts.decided,
        "rejected": counts.rejected(),
        "faults": faults.collect::<Vec<_>>(),
        "outputs": outputs.collect::<serde_json::Map<_, _>>(),
        "versions": versions.collect::<Vec<_>>(),
        "ignored_columns": run.report.ignored,
        "seconds": run.seconds,
    });
    if let (Value::Object(value), Value::Object(details)) = (&mut value, details) {
        value.extend(details);
    }
    value
}

/// A number in groups of three digits.
///
/// ```
/// assert_eq!(opus_cli::summary::grouped(1234567), "1,234,567");
/// ```
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Lines of a name, a number and a remark, in columns.
#[derive(Default)]
struct Table {
    lines: Vec<(String, Option<String>, String)>,
}

impl Table {
    fn line(&mut self, name: &str, count: u64, remark: &str) {
        self.lines.push((name.to_owned(), Some(grouped(count)), remark.to_owned()));
    }

    fn heading(&mut self, name: &str) {
        self.lines.push((name.to_owned(), None, String::new()));
    }

    fn text(&self) -> String {
        let widest = |part: fn(&(String, Option<String>, String)) -> usize| {
            self.lines.iter().map(part).max().unwrap_or(0)
        };
        let names = widest(|(name, _, _)| name.chars().count());
        let counts = widest(|(_, count, _)| count.as_ref().map_or(0, |count| count.len()));
        let line = |(name, count, remark): &(String, Option<String>, String)| {
            let count = count.as_deref().unwrap_or("");
            format!("{name:<names$}  {count:>counts$}  {remark}").trim_end().to_owned()
        };
        self.lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}
