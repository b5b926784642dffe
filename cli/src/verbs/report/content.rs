//! What does a report say? Headings, sentences and tables, each of which follows from what was collected.

mod summary;

use std::collections::BTreeSet;

use serde_json::Value;

use self::summary::{dates, kept, missing, money, silent, skipped, summary, unreached};
use crate::summary::grouped;

/// A report.
pub struct Document {
    /// The title.
    pub title: String,
    /// What is in it, in order.
    pub blocks: Vec<Block>,
}

/// A part of a report.
pub enum Block {
    /// A section, with a name for links to it.
    Section(&'static str, String),
    /// A part of a section.
    Heading(String),
    /// A sentence or several.
    Text(String),
    /// Sentences that belong together.
    List(Vec<String>),
    /// Questions, each with its answers.
    Answers(Vec<(&'static str, Vec<String>)>),
    /// A table.
    Table(Table),
    /// A text as it is written.
    Code(String),
}

/// A table: a head, and rows of as many cells.
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// The names of the columns.
    pub head: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell of a table.
#[derive(Clone)]
pub enum Cell {
    /// A text.
    Text(String),
    /// A name or a formula.
    Code(String),
    /// A number, which is aligned with those above it.
    Number(String),
    /// A drawing of numbers that other cells show: shares of the largest one, from 0 to 1, before and after.
    Bars(Vec<f64>),
    /// A drawing of a part of a line: where it begins and ends, from 0 to 1.
    Span(f64, f64),
}

/// The most values of an output whose moves are shown as a matrix.
const MATRIX_MAX: usize = 6;

/// So many groups of causes, and values of a column, are shown; the others are counted.
const GROUPS_SHOWN: usize = 20;

/// What a report says.
pub fn of(report: &Value) -> Document {
    let name = text(&report["inspect"]["policy"]);
    let title = match report["against"].as_str() {
        Some(_) => format!("A change of {name}"),
        None => format!("The policy {name}"),
    };
    let mut blocks = vec![Block::Section("summary", "Summary".to_owned())];
    blocks.extend(summary(report));
    if !report["diff"].is_null() {
        blocks.push(Block::Section("changes", "What changes in the policy".to_owned()));
        blocks.extend(changes(&report["diff"]));
    }
    if !report["impact"].is_null() {
        blocks.push(Block::Section("effect", "What changes for the portfolio".to_owned()));
        blocks.extend(effect(report));
        blocks.push(Block::Section("causes", "Which edits change which decisions".to_owned()));
        blocks.extend(causes(report));
    }
    if !report["portfolio"].is_null() {
        blocks.push(Block::Section("portfolio", "What the policy does to the portfolio".to_owned()));
        blocks.extend(portfolio(report));
    }
    blocks.push(Block::Section("policy", "The policy".to_owned()));
    blocks.extend(policy(&report["inspect"]));
    blocks.push(Block::Section("proved", "What is proved".to_owned()));
    blocks.extend(proved(&report["inspect"]));
    blocks.push(Block::Section("tests", "Tests and coverage".to_owned()));
    blocks.extend(tested(report));
    blocks.push(Block::Section("source", "The text of the policy".to_owned()));
    blocks.push(Block::Text(basis(report)));
    blocks.push(Block::Code(text(&report["source"]["text"])));
    blocks.push(Block::Section("evidence", "Hashes, signatures and commands".to_owned()));
    blocks.extend(evidence(report));
    for block in &mut blocks {
        if let Block::Table(table) = block {
            table.drop_empty_columns();
        }
    }
    Document { title, blocks }
}

impl Table {
    /// Leaves out columns in which no row says anything.
    fn drop_empty_columns(&mut self) {
        let is_empty = |cell: &Cell| matches!(cell, Cell::Text(text) | Cell::Code(text) if text.is_empty());
        let kept: Vec<bool> = (0..self.head.len())
            .map(|column| column == 0 || self.rows.iter().any(|row| !is_empty(&row[column])))
            .collect();
        let keep = |at: &mut usize| {
            *at += 1;
            kept[*at - 1]
        };
        let mut at = 0;
        self.head.retain(|_| keep(&mut at));
        for row in &mut self.rows {
            at = 0;
            row.retain(|_| keep(&mut at));
        }
    }
}

/// How far the source explains the artifact.
fn basis(report: &Value) -> String {
    match text(&report["source"]["label"]).as_str() {
        "" | "derived" => "The artifact was compiled from this text.".to_owned(),
        label => format!("How far this text explains the artifact: {label}."),
    }
}

fn changes(diff: &Value) -> Vec<Block> {
    let edits = list(&diff["edits"]);
    if edits.is_empty() {
        return vec![Block::Text("The two policies have the same structure.".to_owned())];
    }
    let row = |edit: &Value| {
        let needs: Vec<String> = list(&edit["needs"]).iter().map(text).collect();
        vec![Cell::Code(text(&edit["id"])), Cell::Code(text(&edit["says"])), Cell::Text(needs.join(", "))]
    };
    let (deciding, others): (Vec<&Value>, Vec<&Value>) =
        edits.iter().partition(|edit| edit["decides"] == true);
    let mut blocks = Vec::new();
    for (caption, edits) in [
        ("Edits that can change a decision", deciding),
        ("Edits of names, texts and orders, which change no decision", others),
    ] {
        if !edits.is_empty() {
            let head = ["edit", "what it does", "needs"].map(str::to_owned).to_vec();
            let rows = edits.into_iter().map(row).collect();
            blocks.push(Block::Table(Table { caption: caption.to_owned(), head, rows }));
        }
    }
    if diff["equal_meaning"] == true {
        blocks.push(Block::Text("The meanings are equal: no decision changes.".to_owned()));
    }
    blocks
}

/// How rows move between values of an output, the most rows first.
fn moves(counts: &Value) -> Vec<(String, String, String, u64)> {
    let mut moves = Vec::new();
    for (output, list_of) in members(&counts["outputs"]) {
        for each in list(list_of) {
            let [before, after] = [&each["before"], &each["after"]].map(value_name);
            if before != after {
                moves.push((output.clone(), before, after, number(&each["rows"])));
            }
        }
    }
    moves.sort_by_key(|(output, before, after, rows)| {
        (std::cmp::Reverse(*rows), output.clone(), before.clone(), after.clone())
    });
    moves
}

fn value_name(value: &Value) -> String {
    value.as_str().map_or_else(|| "refused".to_owned(), str::to_owned)
}

fn effect(report: &Value) -> Vec<Block> {
    let impact = &report["impact"];
    let mut blocks = Vec::new();
    blocks.extend(by_version(report));
    for (output, all) in members(&impact["outputs"]) {
        blocks.push(Block::Heading(output.clone()));
        blocks.push(Block::Table(before_and_after(output, list(all))));
        blocks.push(Block::Table(matrix(output, list(all))));
        if impact["kept"]["output"] == output.as_str() {
            let kept = kept(report);
            if !kept.is_empty() {
                blocks.push(Block::Text(format!("Of the rows that change, {}.", kept.join("; "))));
            }
        }
    }
    let sums: Vec<Vec<Cell>> = members(&impact["sums"])
        .map(|(output, sums)| {
            let cells = ["before", "after", "gained", "lost"]
                .map(|side| Cell::Number(money(report, output, &sums[side])));
            std::iter::once(Cell::Code(output.clone())).chain(cells).collect()
        })
        .collect();
    if !sums.is_empty() {
        let head = ["output", "before", "after", "gained", "lost"].map(str::to_owned).to_vec();
        blocks.push(Block::Heading("Sums".to_owned()));
        blocks.push(Block::Table(Table {
            caption: "Sums of numeric outputs over all rows".to_owned(),
            head,
            rows: sums,
        }));
    }
    blocks.push(Block::Heading("Rules".to_owned()));
    let rules = list(&impact["rules"]);
    let most =
        rules.iter().flat_map(|rule| [number(&rule["before"]), number(&rule["after"])]).max().unwrap_or(0);
    let rows = rules.iter().map(|rule| {
        let [before, after] = [&rule["before"], &rule["after"]].map(number);
        vec![
            Cell::Code(text(&rule["rule"])),
            Cell::Text(text(&rule["title"])),
            Cell::Number(grouped(before)),
            Cell::Number(grouped(after)),
            Cell::Bars(vec![part(before, most), part(after, most)]),
        ]
    });
    let head = ["rule", "title", "before", "after", BARS].map(str::to_owned).to_vec();
    blocks.push(Block::Table(Table {
        caption: "Rows that each rule decides".to_owned(),
        head,
        rows: rows.collect(),
    }));
    let faults = list(&impact["faults"]);
    if !faults.is_empty() {
        let row = |fault: &Value| {
            let counts = ["before", "after"].map(|side| Cell::Number(grouped(number(&fault[side]))));
            let names = [&fault["field"], &fault["code"]].map(|name| Cell::Code(text(name)));
            names.into_iter().chain(counts).collect()
        };
        blocks.push(Block::Heading("Refusals".to_owned()));
        blocks.push(Block::Table(Table {
            caption: "Why rows are refused".to_owned(),
            head: ["field", "reason", "before", "after"].map(str::to_owned).to_vec(),
            rows: faults.iter().map(row).collect(),
        }));
    }
    blocks.extend(by_column(&impact["by"]));
    let not_compared = list(&impact["not_compared"]);
    if !not_compared.is_empty() {
        let names: Vec<String> = not_compared.iter().map(|output| text(&output["output"])).collect();
        blocks.push(Block::Text(format!(
            "Not compared, because only one policy has it or its kind differs: {}.",
            names.join(", ")
        )));
    }
    blocks
}

/// What the two bars of a cell are; the column is left out where bars are not drawn.
const BARS: &str = "before above after";

/// Rows by the versions that decide them before and after; nothing if there is one.
fn by_version(report: &Value) -> Vec<Block> {
    let periods = list(&report["impact"]["periods"]);
    let versions: BTreeSet<u64> = periods.iter().filter_map(|period| period["after"].as_u64()).collect();
    if versions.len() < 2 {
        return Vec::new();
    }
    let version = |value: &Value| value.as_u64().map_or("refused".to_owned(), |number| number.to_string());
    let row = |period: &Value| {
        let [rows, changed] = [&period["rows"], &period["changed"]].map(number);
        let dates = period["after"].as_u64().map_or(String::new(), |number| dates(report, number));
        let same = match period["same"].as_bool() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        };
        vec![
            Cell::Code(version(&period["before"])),
            Cell::Code(version(&period["after"])),
            Cell::Text(dates.trim_matches([' ', '(', ')']).to_owned()),
            Cell::Text(same.to_owned()),
            Cell::Number(grouped(rows)),
            Cell::Number(grouped(changed)),
            Cell::Number(share(changed, rows)),
        ]
    };
    let head = ["version before", "version after", "in force", "the same", "rows", "changed", "share"];
    vec![
        Block::Heading("Versions".to_owned()),
        Block::Table(Table {
            caption: "Rows by the versions that decide them; two versions are the same if no edit that decides is between \
                      them"
                .to_owned(),
            head: head.map(str::to_owned).to_vec(),
            rows: periods.iter().map(row).collect(),
        }),
    ]
}

/// What a policy alone decides: rows by value, sums, rules, versions and refusals.
fn portfolio(report: &Value) -> Vec<Block> {
    let counts = &report["portfolio"];
    let all = number(&counts["rows"]);
    let table = |caption: String, of: &str, counted: Vec<(String, u64)>| {
        let row = |(name, rows): (String, u64)| {
            vec![Cell::Code(name), Cell::Number(grouped(rows)), Cell::Number(share(rows, all))]
        };
        let head = [of, "rows", "share"].map(str::to_owned).to_vec();
        Block::Table(Table { caption, head, rows: counted.into_iter().map(row).collect() })
    };
    let mut blocks = vec![Block::Text(format!("The portfolio has {}.", self::counted(all)))];
    for (output, values) in members(&counts["outputs"]) {
        let rows = list(values).iter().map(|each| (value_name(&each["after"]), number(&each["rows"])));
        blocks.push(table(format!("Rows by {output}"), output, rows.collect()));
    }
    let sums = members(&counts["sums"]).map(|(output, sums)| {
        vec![Cell::Code(output.clone()), Cell::Number(money(report, output, &sums["after"]))]
    });
    let sums: Vec<Vec<Cell>> = sums.collect();
    if !sums.is_empty() {
        blocks.push(Block::Table(Table {
            caption: "Sums of numeric outputs over all rows".to_owned(),
            head: ["output", "sum"].map(str::to_owned).to_vec(),
            rows: sums,
        }));
    }
    for (name, of, caption) in [
        ("rules", "rule", "Rows that each rule decides"),
        ("versions", "version", "Rows that each version decides"),
        ("faults", "field", "Why rows are refused"),
    ] {
        let named = list(&counts[name]).iter().map(|each| (label(each), number(&each["after"])));
        let rows: Vec<(String, u64)> = named.collect();
        if !rows.is_empty() {
            blocks.push(table(caption.to_owned(), of, rows));
        }
    }
    blocks
}

/// The name of a rule or version, or what is wrong with a field.
fn label(each: &Value) -> String {
    let names = [&each["rule"], &each["version"], &each["field"], &each["code"]];
    names.map(text).into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" ")
}

fn by_column(by: &Value) -> Vec<Block> {
    let mut groups: Vec<&Value> = list(&by["groups"]).iter().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(number(&group["changed"])));
    let Some(column) = by["column"].as_str().filter(|_| !groups.is_empty()) else { return Vec::new() };
    let row = |group: &&Value| {
        let (rows, changed) = (number(&group["rows"]), number(&group["changed"]));
        let first = moves(group).into_iter().next();
        let most = first.map_or(String::new(), |(output, before, after, rows)| {
            format!("{output}: {before} to {after}, {}", grouped(rows))
        });
        vec![
            Cell::Code(group["value"].as_str().map_or_else(|| "no value".to_owned(), str::to_owned)),
            Cell::Number(grouped(rows)),
            Cell::Number(grouped(changed)),
            Cell::Number(share(changed, rows)),
            Cell::Bars(vec![part(changed, rows)]),
            Cell::Text(most),
        ]
    };
    let head = [column, "rows", "changed", "share", "changed of rows", "most frequent change"];
    let mut blocks = vec![
        Block::Heading(format!("By {column}")),
        Block::Table(Table {
            caption: format!("Changed rows for each value of {column}"),
            head: head.map(str::to_owned).to_vec(),
            rows: groups.iter().take(GROUPS_SHOWN).map(row).collect(),
        }),
    ];
    if groups.len() > GROUPS_SHOWN {
        blocks.push(Block::Text(format!("{} more values are not shown.", groups.len() - GROUPS_SHOWN)));
    }
    blocks
}

/// The rows with each value of an output, before and after.
fn before_and_after(output: &str, moves: &[Value]) -> Table {
    let values = values(moves);
    let count = |side: &str, value: &str| -> u64 {
        moves.iter().filter(|each| value_name(&each[side]) == value).map(|each| number(&each["rows"])).sum()
    };
    let most =
        values.iter().flat_map(|value| [count("before", value), count("after", value)]).max().unwrap_or(0);
    let row = |value: &String| {
        let [before, after] = ["before", "after"].map(|side| count(side, value));
        let difference = i128::from(after) - i128::from(before);
        vec![
            Cell::Code(value.clone()),
            Cell::Number(grouped(before)),
            Cell::Number(grouped(after)),
            Cell::Number(match difference {
                0 => "0".to_owned(),
                difference if difference > 0 => format!("+{}", grouped(difference.unsigned_abs() as u64)),
                difference => format!("−{}", grouped(difference.unsigned_abs() as u64)),
            }),
            Cell::Bars(vec![part(before, most), part(after, most)]),
        ]
    };
    Table {
        caption: format!("Rows by {output}"),
        head: [output, "before", "after", "difference", BARS].map(str::to_owned).to_vec(),
        rows: values.iter().map(row).collect(),
    }
}

/// Rows by the value before, a line, and after, a column; or just the moves, if there are many values.
fn matrix(output: &str, moves: &[Value]) -> Table {
    let values = values(moves);
    if values.len() > MATRIX_MAX {
        let mut moved: Vec<&Value> = moves.iter().filter(|each| each["before"] != each["after"]).collect();
        moved.sort_by_key(|each| std::cmp::Reverse(number(&each["rows"])));
        let row = |each: &&Value| {
            let names = [&each["before"], &each["after"]].map(|value| Cell::Code(value_name(value)));
            names.into_iter().chain([Cell::Number(grouped(number(&each["rows"])))]).collect()
        };
        return Table {
            caption: format!("Rows whose {output} changes"),
            head: ["before", "after", "rows"].map(str::to_owned).to_vec(),
            rows: moved.iter().map(row).collect(),
        };
    }
    let cell = |before: &str, after: &str| {
        let found = moves
            .iter()
            .find(|each| value_name(&each["before"]) == before && value_name(&each["after"]) == after);
        Cell::Number(found.map_or_else(|| "0".to_owned(), |each| grouped(number(&each["rows"]))))
    };
    let head =
        std::iter::once("before".to_owned()).chain(values.iter().map(|value| format!("after: {value}")));
    let row = |before: &String| {
        std::iter::once(Cell::Code(before.clone()))
            .chain(values.iter().map(|after| cell(before, after)))
            .collect()
    };
    Table {
        caption: format!("How rows move between the values of {output}"),
        head: head.collect(),
        rows: values.iter().map(row).collect(),
    }
}

/// The values that occur before or after, in the order of the policy.
fn values(moves: &[Value]) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for side in ["before", "after"] {
        for each in moves {
            let name = value_name(&each[side]);
            if !values.contains(&name) {
                values.push(name);
            }
        }
    }
    values
}

fn causes(report: &Value) -> Vec<Block> {
    let attribution = &report["attribution"];
    let groups = list(&attribution["groups"]);
    if groups.is_empty() {
        return vec![Block::Text("No row changes.".to_owned())];
    }
    let sums: Vec<&String> = members(&attribution["sums"]).map(|(output, _)| output).collect();
    let moved = |sums_of: &Value, output: &String| {
        let sums = &sums_of[output.as_str()];
        let [before, after] = [&sums["before"], &sums["after"]].map(|sum| money(report, output, sum));
        Cell::Number(format!("{before} → {after}"))
    };
    let row = |group: &Value| {
        let unfinished = if group["unfinished"] == true { " (search given up)" } else { "" };
        let head = [
            Cell::Code(format!("{}{unfinished}", alternatives(&group["causes"]))),
            Cell::Number(grouped(number(&group["rows"]))),
        ];
        head.into_iter().chain(sums.iter().map(|output| moved(&group["sums"], output))).collect()
    };
    let mut rows: Vec<Vec<Cell>> = groups.iter().take(GROUPS_SHOWN).map(row).collect();
    let all =
        [Cell::Text("all changed rows".to_owned()), Cell::Number(grouped(number(&attribution["changed"])))];
    rows.push(all.into_iter().chain(sums.iter().map(|output| moved(&attribution["sums"], output))).collect());
    let head = ["causes".to_owned(), "rows".to_owned()].into_iter();
    let mut blocks = vec![Block::Table(Table {
        caption: "Changed rows by their causes; a cause is a smallest set of edits that gives the new result"
            .to_owned(),
        head: head.chain(sums.iter().map(|output| (*output).clone())).collect(),
        rows,
    })];
    if groups.len() > GROUPS_SHOWN {
        blocks.push(Block::Text(format!("{} more groups are not shown.", groups.len() - GROUPS_SHOWN)));
    }
    let moved = moves_by_cause(groups);
    if !moved.rows.is_empty() {
        blocks.push(Block::Table(moved));
    }
    blocks.extend(silent(attribution).map(Block::Text));
    if attribution["groups_add_up"] == true {
        blocks.push(Block::Text("The groups add up to all changed rows.".to_owned()));
    }
    let unfinished = number(&attribution["unfinished"]);
    if unfinished > 0 {
        blocks.push(Block::Text(format!(
            "For {} rows the search was given up, so causes may be missing.",
            grouped(unfinished)
        )));
    }
    let untestable = list(&attribution["untestable"]);
    if !untestable.is_empty() {
        let row = |set: &Value| {
            vec![
                Cell::Code(alternatives(&Value::Array(vec![set["edits"].clone()]))),
                Cell::Text(text(&set["why"])),
            ]
        };
        blocks.push(Block::Table(Table {
            caption: "Sets of edits that could not be tested".to_owned(),
            head: ["edits", "why"].map(str::to_owned).to_vec(),
            rows: untestable.iter().take(GROUPS_SHOWN).map(row).collect(),
        }));
    }
    blocks
}

/// How the rows of each cause move between the values of the first output that has values.
fn moves_by_cause(groups: &[Value]) -> Table {
    let output = groups.first().and_then(|group| members(&group["outputs"]).next());
    let output = output.map_or(String::new(), |(output, _)| output.clone());
    let row = |group: &Value, each: &Value| {
        let [before, after] = [&each["before"], &each["after"]].map(value_name);
        let after = if before == after { format!("{after}, with another result") } else { after };
        vec![
            Cell::Code(alternatives(&group["causes"])),
            Cell::Text(before),
            Cell::Text(after),
            Cell::Number(grouped(number(&each["rows"]))),
        ]
    };
    let rows = groups
        .iter()
        .take(GROUPS_SHOWN)
        .flat_map(|group| list(&group["outputs"][output.as_str()]).iter().map(move |each| row(group, each)));
    Table {
        caption: format!("Which causes move which rows, by {output}"),
        head: ["causes", "before", "after", "rows"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

/// `E1, or E2 with E3`
fn alternatives(causes: &Value) -> String {
    let cause = |cause: &Value| match cause {
        Value::Array(edits) => edits.iter().map(text).collect::<Vec<_>>().join(" with "),
        other => text(other),
    };
    list(causes).iter().map(cause).collect::<Vec<_>>().join(", or ")
}

fn policy(inspect: &Value) -> Vec<Block> {
    let mut blocks = Vec::new();
    let field = |field: &Value| {
        let optional = if field["optional"] == true { "may be missing" } else { "" };
        [&field["name"], &field["type"], &field["domain"]]
            .map(|name| Cell::Code(text(name)))
            .into_iter()
            .chain([Cell::Text(optional.to_owned())])
            .collect()
    };
    for (name, caption) in [("inputs", "Inputs"), ("outputs", "Outputs")] {
        let head = ["name", "type", "values", ""].map(str::to_owned).to_vec();
        let rows = list(&inspect[name]).iter().map(field).collect();
        blocks.push(Block::Table(Table { caption: caption.to_owned(), head, rows }));
    }
    let facts = list(&inspect["facts"]);
    if !facts.is_empty() {
        let row = |fact: &Value| {
            [&fact["key"], &fact["type"], &fact["domain"]].map(|name| Cell::Code(text(name))).to_vec()
        };
        blocks.push(Block::Table(Table {
            caption: "Values from a snapshot".to_owned(),
            head: ["key", "type", "values"].map(str::to_owned).to_vec(),
            rows: facts.iter().map(row).collect(),
        }));
    }
    blocks.push(Block::Table(time_line(inspect)));
    let numbers = |of: &Value| list(of).iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
    let row = |rule: &Value| {
        vec![
            Cell::Code(text(&rule["id"])),
            Cell::Text(text(&rule["title"])),
            Cell::Text(text(&rule["cite"])),
            Cell::Text(numbers(&rule["versions"])),
        ]
    };
    for (name, caption) in
        [("rules", "Rules, in the order in which they are tried"), ("requires", "Conditions of admission")]
    {
        let rows: Vec<Vec<Cell>> = list(&inspect[name]).iter().map(row).collect();
        if !rows.is_empty() {
            let head = ["id", "title", "source", "versions"].map(str::to_owned).to_vec();
            blocks.push(Block::Table(Table { caption: caption.to_owned(), head, rows }));
        }
    }
    blocks
}

/// The versions on a time line that ends some time after the last one begins.
fn time_line(inspect: &Value) -> Table {
    let versions = list(&inspect["versions"]);
    let day = |of: &Value| of.as_str().and_then(opus_ir::date::parse).map(f64::from);
    let starts: Vec<f64> = versions.iter().filter_map(|version| day(&version["from"])).collect();
    let (first, last) = (starts.first().copied().unwrap_or(0.0), starts.last().copied().unwrap_or(0.0));
    let end = last + ((last - first) / 3.0).max(365.0);
    let place = |day: f64| ((day - first) / (end - first)).clamp(0.0, 1.0);
    let row = |version: &Value| {
        let (from, until) = (day(&version["from"]), day(&version["until"]));
        vec![
            Cell::Code(version["number"].to_string()),
            Cell::Text(version["from"].as_str().unwrap_or("always").to_owned()),
            Cell::Text(
                version["until"].as_str().map_or_else(|| "open".to_owned(), |day| format!("before {day}")),
            ),
            Cell::Text(text(&version["cite"])),
            Cell::Span(from.map_or(0.0, place), until.map_or(1.0, place)),
        ]
    };
    let chosen =
        inspect["effective_on"].as_str().map_or(String::new(), |field| format!(", chosen by {field}"));
    Table {
        caption: format!("Versions{chosen}"),
        head: ["version", "from", "until", "source", "time line"].map(str::to_owned).to_vec(),
        rows: versions.iter().map(row).collect(),
    }
}

fn proved(inspect: &Value) -> Vec<Block> {
    let row = |version: &Value| {
        let certificate = &version["certificate"];
        vec![
            Cell::Code(version["number"].to_string()),
            Cell::Text(if certificate["total"] == true { "yes" } else { "no" }.to_owned()),
            Cell::Number(grouped(number(&certificate["steps_max"]))),
            Cell::Number(amount(&certificate["largest_intermediate"])),
        ]
    };
    vec![
        Block::Text(
            "The compiler proves, and the loader verifies, that every row that is admitted is decided: no division by \
             zero, no overflow, no missing value, no value outside the declared range of an output, within a number of \
             steps that is known in advance."
                .to_owned(),
        ),
        Block::Table(Table {
            caption: "Certificate of each version".to_owned(),
            head: ["version", "decides every admitted row", "steps at most", "largest intermediate value"]
                .map(str::to_owned)
                .to_vec(),
            rows: list(&inspect["versions"]).iter().map(row).collect(),
        }),
    ]
}

fn tested(report: &Value) -> Vec<Block> {
    let mut blocks = Vec::new();
    let tests = &report["tests"];
    if tests.is_null() {
        return vec![Block::Text(
            "Tests were not run: the policy takes values from a snapshot, and none was given.".to_owned(),
        )];
    }
    let engines: Vec<String> = list(&tests["engines"]).iter().map(text).collect();
    let count = number(&tests["tests"]);
    let engines = engines.join(", ");
    blocks.push(Block::Text(match (count, list(&tests["failed"]).len() as u64) {
        (0, _) => "The policy has no tests.".to_owned(),
        (1, 0) => format!("1 test, which passes. It ran on {engines}."),
        (_, 0) => format!("{} tests, none failed. They ran on {engines}.", grouped(count)),
        (_, failed) => {
            format!(
                "{} tests, with {} failed expectations. They ran on {engines}.",
                grouped(count),
                grouped(failed)
            )
        }
    }));
    blocks.extend(skipped(tests).filter(|_| count > 0).map(Block::Text));
    let failed = list(&tests["failed"]);
    if !failed.is_empty() {
        let row = |each: &Value| {
            [&each["test"], &each["expected"], &each["found"]].map(|name| Cell::Text(text(name))).to_vec()
        };
        blocks.push(Block::Table(Table {
            caption: "Expectations that failed".to_owned(),
            head: ["test", "expected", "found"].map(str::to_owned).to_vec(),
            rows: failed.iter().map(row).collect(),
        }));
    }
    for (name, by) in [("coverage_by_tests", "the tests"), ("coverage_by_input", "the portfolio")] {
        let coverage = &report[name];
        if coverage.is_null() {
            continue;
        }
        let most = list(&coverage["rules"]).iter().map(|rule| number(&rule["held"])).max().unwrap_or(0);
        let row = |rule: &Value| {
            let held = number(&rule["held"]);
            vec![
                Cell::Code(text(&rule["id"])),
                Cell::Text(text(&rule["title"])),
                Cell::Number(grouped(held)),
                Cell::Number(grouped(number(&rule["failed"]))),
                Cell::Bars(vec![part(held, most)]),
            ]
        };
        blocks.push(Block::Heading(format!("Coverage by {by}")));
        blocks.push(Block::Table(Table {
            caption: format!("How often each rule's condition held and failed in {by}"),
            head: ["rule", "title", "held", "failed", "share"].map(str::to_owned).to_vec(),
            rows: list(&coverage["rules"]).iter().map(row).collect(),
        }));
        blocks.push(Block::Table(parts(coverage, by)));
        let never = unreached(coverage);
        blocks.push(Block::Text(match never.is_empty() {
            true => format!("Every version, rule, parameter value and table row is used in {by}."),
            false => format!("Not used in {by}: {}.", never.join("; ")),
        }));
    }
    blocks
}

/// The versions, values of parameters and rows of tables, with the rows that use them.
fn parts(coverage: &Value, by: &str) -> Table {
    let row = |part: String, used: &Value| {
        let rows = number(&used["rows"]);
        vec![
            Cell::Text(part),
            Cell::Code(text(&used["text"])),
            Cell::Number(grouped(rows)),
            Cell::Text(if rows == 0 { "not used" } else { "" }.to_owned()),
        ]
    };
    let of = |name: &str| list(&coverage[name]).iter();
    let versions = of("versions").map(|used| row("version".to_owned(), used));
    let params = of("params").map(|used| row("parameter".to_owned(), used));
    let tables = of("tables").flat_map(|table| {
        let name = format!("table {}", text(&table["name"]));
        let unknown = table["rows"].is_null().then(|| {
            let cell = Cell::Text("too many rows to count each".to_owned());
            vec![Cell::Text(name.clone()), Cell::Code(String::new()), Cell::Number(String::new()), cell]
        });
        let rows: Vec<Vec<Cell>> = list(&table["rows"]).iter().map(|used| row(name.clone(), used)).collect();
        rows.into_iter().chain(unknown)
    });
    Table {
        caption: format!(
            "Versions, values of parameters and rows of tables, with the rows of {by} that use them"
        ),
        head: ["part", "", "rows", "remark"].map(str::to_owned).to_vec(),
        rows: versions.chain(params).chain(tables).collect(),
    }
}

fn evidence(report: &Value) -> Vec<Block> {
    let inspect = &report["inspect"];
    let mut rows: Vec<(String, String)> = Vec::new();
    for (side, end) in
        [("before", " before"), ("after", if report["against"].is_null() { "" } else { " after" })]
    {
        for (hash, name) in [("content", "artifact"), ("meaning", "meaning")] {
            rows.push((format!("{name}{end}"), text(&report["sides"][side][hash])));
        }
    }
    rows.push(("snapshot".to_owned(), text(&inspect["snapshot"])));
    for (side, name) in [("a", "structure before"), ("b", "structure after")] {
        rows.push((name.to_owned(), text(&report["diff"][side]["structure"])));
    }
    for input in list(&report["impact"]["inputs"]).iter().chain(list(&report["portfolio"]["inputs"])) {
        rows.push((format!("input {}", text(&input["file"])), text(&input["blake3"])));
    }
    let rows = rows.into_iter().filter(|(_, hash)| !hash.is_empty());
    let mut blocks = vec![Block::Table(Table {
        caption: format!("BLAKE3 hashes; written by Opus {}", text(&report["opus"])),
        head: ["what", "hash"].map(str::to_owned).to_vec(),
        rows: rows.map(|(name, hash)| vec![Cell::Text(name), Cell::Code(hash)]).collect(),
    })];
    let published = list(&report["selected"]).iter().flat_map(|entry| {
        let by = entry["publisher"].as_str().map_or(String::new(), |by| format!(", by {by} (claimed)"));
        let claimed = if entry["claimed"] == true { ", a time that was claimed" } else { "" };
        let name = text(&entry["name"]);
        let line = format!(
            "{name}: entry {} of the store, published {}{claimed}{by}.",
            entry["entry"],
            text(&entry["time"])
        );
        let pending = list(&entry["pending"]).iter().map(move |pending| {
            format!("{name}: pending: {}; object {}.", missing(pending), text(&pending["object"]))
        });
        std::iter::once(line).chain(pending)
    });
    let published: Vec<String> = published.collect();
    if !published.is_empty() {
        blocks.push(Block::Heading("Publications".to_owned()));
        blocks.push(Block::List(published));
    }
    if let Some(statement) = report["statement"]["text"].as_str() {
        blocks.push(Block::Heading("Statement".to_owned()));
        blocks.push(Block::Text(format!(
            "Who approves the change signs this text: the name, the object {}, and the object that it replaces.",
            text(&report["sides"]["after"]["policy"])
        )));
        blocks.push(Block::Code(statement.to_owned()));
    }
    blocks.push(Block::Heading("Commands".to_owned()));
    blocks.push(Block::Text("These commands print the figures again:".to_owned()));
    blocks.push(Block::Code(list(&report["commands"]).iter().map(text).collect::<Vec<_>>().join("\n")));
    blocks.push(Block::Heading("What was not checked".to_owned()));
    let has_input = !report["impact"].is_null() || !report["portfolio"].is_null();
    let mut not_checked = vec!["Whether the citations say what the policy says.".to_owned()];
    if has_input {
        let complete = "Whether the portfolio is complete and right, and stands for the rows that will come.";
        not_checked.insert(0, complete.to_owned());
    }
    let uncited = list(&inspect["versions"]).iter().filter(|version| version["cite"].is_null());
    let uncited: Vec<String> = uncited.map(|version| version["number"].to_string()).collect();
    if !uncited.is_empty() && !inspect["effective_on"].is_null() {
        let (noun, rest) = if uncited.len() == 1 { ("version", "rests") } else { ("versions", "rest") };
        not_checked.push(format!("What {noun} {} {rest} on: no source is cited.", uncited.join(", ")));
    }
    if list(&report["selected"]).iter().all(|entry| entry["signed"].is_string()) {
        not_checked.push("Signatures.".to_owned());
    }
    if !list(&report["selected"]).is_empty() {
        not_checked.push("Whether the names of publishers and claimed times are true.".to_owned());
    }
    if !has_input {
        not_checked.push("What the policy does to a portfolio: no input was given.".to_owned());
    }
    blocks.push(Block::List(not_checked));
    blocks
}

// reading JSON

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// `1,250.50`: a sum with its digits in groups of three.
fn amount(value: &Value) -> String {
    let text = text(value);
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("−", rest));
    let (whole, part) = digits.split_once('.').map_or((digits, None), |(whole, part)| (whole, Some(part)));
    let from_right = |at: usize| whole.len() - at;
    let grouped: String = whole
        .char_indices()
        .flat_map(|(at, digit)| {
            let comma = (at > 0 && from_right(at) % 3 == 0).then_some(',');
            comma.into_iter().chain([digit])
        })
        .collect();
    format!("{sign}{grouped}{}", part.map_or(String::new(), |part| format!(".{part}")))
}

/// `1 row`, `2,277 rows`
fn counted(rows: u64) -> String {
    format!("{} row{}", grouped(rows), if rows == 1 { "" } else { "s" })
}

/// `12.5 %`
fn share(of: u64, all: u64) -> String {
    if all == 0 {
        return "none".to_owned();
    }
    let tenths = (u128::from(of) * 2000 + u128::from(all)) / (2 * u128::from(all));
    format!("{}.{} %", tenths / 10, tenths % 10)
}

fn part(of: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { of as f64 / all as f64 }
}
