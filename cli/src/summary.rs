//! What did a batch come to? The same numbers for people and for programs.

use opus_ir::{Kind, Schema};
use serde_json::{Value, json};

use opus_data::pipeline::{Names, Report};

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
    table.line("rows", counts.rows, None, "");
    table.line("decided", counts.decided, Some(counts.rows), "");
    table.line("rejected", counts.rejected(), Some(counts.rows), "");
    for fault in &counts.faults {
        table.line(&format!("  {}", fault.fault.code()), fault.count, None, &fault.name);
    }
    for (output, values) in run.schema.outputs.iter().zip(&counts.values) {
        let Kind::Enum(index) = output.kind else { continue };
        table.heading(&output.name);
        for (value, count) in run.schema.enums[index as usize].values.iter().zip(values) {
            table.line(&format!("  {}", value.name), *count, Some(counts.decided), "");
        }
    }
    for (version, rules) in run.names.versions.iter().zip(&counts.rules) {
        table.line(&format!("version {version}"), rules.iter().sum(), Some(counts.decided), "");
        // rules that are not of this version never decide in it
        for ((id, title), count) in run.rules.iter().zip(rules).filter(|(_, count)| **count > 0) {
            table.line(&format!("  {id}"), *count, Some(counts.decided), title.as_deref().unwrap_or(""));
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

/// A share in per cent, to a tenth; what is not nothing is not shown as nothing, nor what is not all as all.
fn share(count: u64, whole: u64) -> String {
    let tenths = |count: u64| ((count as u128 * 2_000 + whole as u128) / (2 * whole as u128)) as u64;
    match (count, whole) {
        (_, 0) => String::new(),
        (1.., _) if tenths(count) == 0 => "<0.1%".to_owned(),
        _ if count < whole && tenths(count) == 1_000 => ">99.9%".to_owned(),
        _ => format!("{}.{}%", tenths(count) / 10, tenths(count) % 10),
    }
}

/// Lines of a name, a number, its share of another and a remark, in columns.
#[derive(Default)]
struct Table {
    lines: Vec<[String; 4]>,
}

impl Table {
    fn line(&mut self, name: &str, count: u64, whole: Option<u64>, remark: &str) {
        let share = whole.map(|whole| share(count, whole)).unwrap_or_default();
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
    fn shares_are_rounded_but_never_to_nothing_or_all() {
        for (count, whole, text) in [
            (0, 0, ""),
            (0, 7, "0.0%"),
            (1, 3, "33.3%"),
            (2, 3, "66.7%"),
            (7, 7, "100.0%"),
            (1, 1_000_000, "<0.1%"),
            (999_999, 1_000_000, ">99.9%"),
            (u64::MAX, u64::MAX, "100.0%"),
        ] {
            assert_eq!(share(count, whole), text, "{count} of {whole}");
        }
    }
}
