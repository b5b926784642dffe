//! What does the summary of a report say? The change and its effect in a few sentences, why, tests, and who signed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Block, alternatives, amount, counted, list, members, moves, number, share, text, value_name};
use crate::summary::grouped;

/// What changes, for whom, with what effect, why, and who signed.
pub(super) fn summary(report: &Value) -> Vec<Block> {
    let mut answers: Vec<(&'static str, Vec<String>)> = Vec::new();
    match report["against"].as_str() {
        Some(against) => {
            let mut lines = vec![format!("{against} becomes {}.", text(&report["policy"]))];
            lines.extend(edits_in_short(&report["diff"]));
            answers.push(("What changes", lines));
        }
        None => {
            let versions = list(&report["inspect"]["versions"]).len();
            let rules = list(&report["inspect"]["rules"]).len();
            let count =
                |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
            answers.push((
                "What it is",
                vec![format!("{} with {}.", count(versions, "version"), count(rules, "rule"))],
            ));
        }
    }
    let impact = &report["impact"];
    if let (Some(rows), Some(changed)) = (impact["rows"].as_u64(), impact["changed"].as_u64()) {
        let get = if changed == 1 { "gets" } else { "get" };
        let mut whom = vec![format!(
            "{} of {} {get} another result ({}).",
            grouped(changed),
            counted(rows),
            share(changed, rows)
        )];
        whom.extend(reached(impact));
        whom.extend(most_changed_versions(report));
        whom.extend(most_affected(&impact["by"]));
        answers.push(("For whom", whom));
        answers.push(("With what effect", effect_in_short(report)));
        answers.push(("Why", causes_in_short(&report["attribution"])));
    }
    if !report["portfolio"].is_null() {
        answers.push(("What it decides", decided_in_short(report)));
    }
    let tests = &report["tests"];
    if let Some(count) = tests["tests"].as_u64() {
        let (failed, engines) = (list(&tests["failed"]).len() as u64, list(&tests["engines"]).len());
        let mut lines = vec![match (count, failed) {
            (0, _) => "The policy has no tests.".to_owned(),
            (1, 0) => format!("The test of the policy passes, on {engines} engines."),
            (_, 0) => format!("All {} tests of the policy pass, on {engines} engines.", grouped(count)),
            _ => format!(
                "{} of {} tests fail.",
                list(&tests["failed"]).iter().map(|each| text(&each["test"])).collect::<BTreeSet<_>>().len(),
                grouped(count)
            ),
        }];
        if count > 0 {
            lines.extend(skipped(tests));
            lines.push(match shortened(&unreached(&report["coverage_by_tests"])) {
                None => "Every version, rule, parameter value and table row is used by a test.".to_owned(),
                Some(parts) => format!("No test reaches {parts}."),
            });
        }
        answers.push(("Tests", lines));
    }
    answers.push(("Who signed", signed(report)));
    vec![Block::Answers(answers)]
}

/// So many things of a kind are named in the summary.
const NAMED_MAX: usize = 3;

fn edits_in_short(diff: &Value) -> Vec<String> {
    let deciding: Vec<&Value> = list(&diff["edits"]).iter().filter(|edit| edit["decides"] == true).collect();
    let mut lines = vec![match deciding.len() {
        0 => "No edit can change a decision.".to_owned(),
        1 => "One edit can change decisions:".to_owned(),
        count => format!("{count} edits can change decisions:"),
    }];
    lines.extend(
        deciding.iter().take(NAMED_MAX).map(|edit| format!("{}: {}", text(&edit["id"]), text(&edit["says"]))),
    );
    if deciding.len() > NAMED_MAX {
        lines.push(format!("and {} more.", deciding.len() - NAMED_MAX));
    }
    lines
}

fn most_affected(by: &Value) -> Option<String> {
    let column = by["column"].as_str()?;
    let mut groups: Vec<&Value> =
        list(&by["groups"]).iter().filter(|group| number(&group["changed"]) > 0).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(number(&group["changed"])));
    let named = groups.iter().take(NAMED_MAX).map(|group| {
        let value = group["value"].as_str().unwrap_or("no value");
        format!("{value} {} of {}", grouped(number(&group["changed"])), grouped(number(&group["rows"])))
    });
    let named: Vec<String> = named.collect();
    (!named.is_empty()).then(|| format!("By {column}: {}.", named.join("; ")))
}

/// The first few, and how many more there are; `None` for none.
fn shortened(parts: &[String]) -> Option<String> {
    let named = parts.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join("; ");
    match parts.len() {
        0 => None,
        count if count > NAMED_MAX => Some(format!("{named}; and {} more", count - NAMED_MAX)),
        _ => Some(named),
    }
}

/// Engines that could not run here.
pub(super) fn skipped(tests: &Value) -> Option<String> {
    let skipped: Vec<String> = list(&tests["skipped"]).iter().map(text).collect();
    (!skipped.is_empty()).then(|| format!("Engines skipped on this machine: {}.", skipped.join("; ")))
}

/// What no row uses: versions, rules, values of parameters and rows of tables.
pub(super) fn unreached(coverage: &Value) -> Vec<String> {
    let unused = |part: &&Value| number(&part["rows"]) == 0;
    let of = |name: &str| list(&coverage[name]).iter();
    let rules = of("rules").filter(|rule| number(&rule["held"]) == 0);
    let rows = of("tables").flat_map(|table| {
        let name = text(&table["name"]);
        list(&table["rows"]).iter().filter(unused).map(move |row| format!("{name}: {}", text(&row["text"])))
    });
    of("versions")
        .filter(unused)
        .map(|version| text(&version["text"]))
        .chain(of("params").filter(unused).map(|value| text(&value["text"])))
        .chain(rules.map(|rule| format!("rule {}", text(&rule["id"]))))
        .chain(rows)
        .collect()
}

/// The share of changed rows among those that an edit can concern.
fn reached(impact: &Value) -> Option<String> {
    let concerned = list(&impact["periods"]).iter().filter(|period| {
        let is_decided = !period["before"].is_null() || !period["after"].is_null();
        period["same"] != true && is_decided
    });
    let rows: u64 = concerned.map(|period| number(&period["rows"])).sum();
    let changed = number(&impact["changed"]);
    let is_part = list(&impact["periods"]).iter().any(|period| period["same"] == true);
    (is_part && rows > 0).then(|| {
        format!(
            "Of the {} for which an edit is in force: {}. The others are decided by the same rules before and after, \
             or refused by both.",
            counted(rows),
            share(changed, rows)
        )
    })
}

/// Changed rows by the version that decides them after the change.
fn most_changed_versions(report: &Value) -> Option<String> {
    let periods = list(&report["impact"]["periods"]);
    let mut versions: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for period in periods {
        let Some(number_of) = period["after"].as_u64() else { continue };
        let (changed, rows) = versions.entry(number_of).or_default();
        *changed += number(&period["changed"]);
        *rows += number(&period["rows"]);
    }
    let is_told = versions.len() > 1;
    let named =
        versions.into_iter().filter(|(_, (changed, _))| *changed > 0).map(|(version, (changed, rows))| {
            format!("version {version}{} {} of {}", dates(report, version), grouped(changed), grouped(rows))
        });
    let named: Vec<String> = named.collect();
    shortened(&named).filter(|_| is_told).map(|named| format!("By version after the change: {named}."))
}

/// ` (from 2025-07-01)`: when a version is in force.
pub(super) fn dates(report: &Value, number_of: u64) -> String {
    let versions = list(&report["inspect"]["versions"]);
    let version = versions.iter().find(|version| version["number"] == number_of);
    let [from, until] = ["from", "until"].map(|end| version.and_then(|version| version[end].as_str()));
    let parts = [from.map(|day| format!("from {day}")), until.map(|day| format!("before {day}"))];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

/// How many rows have each value, and the sums.
fn decided_in_short(report: &Value) -> Vec<String> {
    let portfolio = &report["portfolio"];
    let mut lines = vec![format!("The portfolio has {}.", counted(number(&portfolio["rows"])))];
    for (output, all) in members(&portfolio["outputs"]) {
        let named: Vec<String> = list(all)
            .iter()
            .map(|each| format!("{} {}", grouped(number(&each["rows"])), value_name(&each["after"])))
            .collect();
        lines.push(format!("{output}: {}.", shortened(&named).unwrap_or_default()));
    }
    for (output, sums) in members(&portfolio["sums"]) {
        lines.push(format!("Sum of {output}: {}.", money(report, output, &sums["after"])));
    }
    lines
}

/// Changed rows with the same first output as before: `123 stay approve with another amount (−286,617.13 USD in all)`.
pub(super) fn kept(report: &Value) -> Vec<String> {
    let each = |value: &Value| {
        let rows = number(&value["rows"]);
        let outputs = members(&value["outputs"]).map(|(output, differ)| {
            let signed = |side: &str, sign: &str| {
                let text = text(&differ[side]);
                let is_none = text.chars().all(|symbol| !('1'..='9').contains(&symbol));
                (!is_none).then(|| format!("{sign}{}", money(report, output, &differ[side])))
            };
            let parts: Vec<String> =
                [signed("gained", "+"), signed("lost", "−")].into_iter().flatten().collect();
            match parts.is_empty() {
                true => output.clone(),
                false => format!("{output} ({} in all)", parts.join(" and ")),
            }
        });
        let outputs: Vec<String> = outputs.collect();
        let stay = if rows == 1 { "stays" } else { "stay" };
        let what = if outputs.is_empty() { "result".to_owned() } else { outputs.join(" and ") };
        format!("{} {stay} {} with another {what}", grouped(rows), text(&value["value"]))
    };
    list(&report["impact"]["kept"]["values"]).iter().map(each).collect()
}

/// A sum of an output, with its unit.
pub(super) fn money(report: &Value, output: &str, sum: &Value) -> String {
    let outputs = list(&report["inspect"]["outputs"]);
    let kind = outputs.iter().find(|field| field["name"] == output).map(|field| text(&field["type"]));
    let unit = match kind.as_deref() {
        Some("money") => format!(" {}", text(&report["inspect"]["currency"])),
        Some(kind) if kind.starts_with("percent") => " %".to_owned(),
        Some("days") => " days".to_owned(),
        _ => String::new(),
    };
    format!("{}{}", amount(sum), unit.trim_end())
}

fn effect_in_short(report: &Value) -> Vec<String> {
    let impact = &report["impact"];
    let mut lines = Vec::new();
    let moves = moves(impact);
    for (output, _) in members(&impact["outputs"]) {
        let of = moves.iter().filter(|(other, ..)| other == output);
        let named: Vec<String> = of
            .clone()
            .take(NAMED_MAX)
            .map(|(_, before, after, rows)| format!("{} from {before} to {after}", grouped(*rows)))
            .collect();
        if !named.is_empty() {
            let more = of.count().saturating_sub(NAMED_MAX);
            let more = match more {
                0 => String::new(),
                1 => "; and 1 more move".to_owned(),
                more => format!("; and {more} more moves"),
            };
            lines.push(format!("{output}: {}{more}.", named.join("; ")));
        }
    }
    let kept = kept(report);
    if !kept.is_empty() {
        lines.push(format!("{}: {}.", text(&impact["kept"]["output"]), kept.join("; ")));
    }
    for (output, sums) in members(&impact["sums"]) {
        let [before, after] = ["before", "after"].map(|side| money(report, output, &sums[side]));
        if before != after {
            lines.push(format!("Sum of {output}: {before} becomes {after}."));
        }
    }
    let refused = [&impact["refused"]["before"], &impact["refused"]["after"]].map(number);
    if refused[0] != refused[1] {
        lines.push(format!("Refused: {} before, {} after.", counted(refused[0]), counted(refused[1])));
    }
    if lines.is_empty() {
        lines.push("None.".to_owned());
    }
    lines
}

fn causes_in_short(attribution: &Value) -> Vec<String> {
    let groups = list(&attribution["groups"]);
    let edits = list(&attribution["edits"]);
    let mut lines: Vec<String> = groups
        .iter()
        .take(NAMED_MAX)
        .map(|group| {
            let rows = number(&group["rows"]);
            let change = if rows == 1 { "changes" } else { "change" };
            let causes = alternatives(&group["causes"]);
            let says =
                edits.iter().find(|edit| edit["id"] == causes.as_str()).map(|edit| text(&edit["says"]));
            let says = says.map_or(String::new(), |says| format!(" ({says})"));
            format!("{} {change} because of {causes}{says}.", counted(rows))
        })
        .collect();
    if groups.len() > NAMED_MAX {
        let rest: u64 = groups[NAMED_MAX..].iter().map(|group| number(&group["rows"])).sum();
        lines.push(format!("Other causes: {}.", counted(rest)));
    }
    if lines.is_empty() {
        lines.push("Nothing changes.".to_owned());
    }
    lines.extend(silent(attribution));
    lines
}

/// The edits that can decide and are part of no cause.
pub(super) fn silent(attribution: &Value) -> Option<String> {
    let causes: Vec<&Value> =
        list(&attribution["groups"]).iter().flat_map(|group| list(&group["causes"])).flat_map(list).collect();
    let silent = list(&attribution["edits"])
        .iter()
        .filter(|edit| edit["decides"] == true && !causes.contains(&&edit["id"]))
        .map(|edit| text(&edit["id"]));
    let silent: Vec<String> = silent.collect();
    let change = if silent.len() == 1 { "changes" } else { "change" };
    let itself = if silent.len() == 1 { "itself" } else { "themselves" };
    let says = || format!("{} {change} no decision by {itself}.", silent.join(", "));
    (!silent.is_empty() && !causes.is_empty()).then(says)
}

/// Who signed, for each side.
fn signed(report: &Value) -> Vec<String> {
    let selected = list(&report["selected"]);
    if selected.is_empty() && ["before", "after"].iter().all(|side| report["sides"][side]["from"] != "hash") {
        return vec![
            "Signatures were not checked: the policy was read from a file, not from a store.".to_owned(),
        ];
    }
    let mut lines = Vec::new();
    for (side, word) in
        [("before", "Before"), ("after", if report["against"].is_null() { "" } else { "After" })]
    {
        let of = &report["sides"][side];
        if of.is_null() {
            continue;
        }
        let entry = &of["entry"];
        let policy = text(&of["policy"]);
        let place = entry["entry"].as_u64().map_or(String::new(), |number| format!(", entry {number}"));
        let head = match word {
            "" => format!("{policy}{place}"),
            word => format!("{word} ({policy}{place})"),
        };
        let says = match of["from"].as_str() {
            Some("name") => standing(entry),
            Some("hash") => "selected by its hash, so signatures were not checked".to_owned(),
            _ => format!("read from a file; {}", published(report, of)),
        };
        lines.push(format!("{head}: {says}."));
    }
    let others = selected.iter().filter(|entry| entry["kind"] != "artifact");
    lines.extend(others.map(|entry| {
        format!(
            "{} ({}, entry {}): {}.",
            text(&entry["kind"]),
            text(&entry["name"]),
            entry["entry"],
            standing(entry)
        )
    }));
    lines
}

/// Who signed an entry.
fn standing(entry: &Value) -> String {
    let claimed = if entry["claimed"] == true { " (claimed)" } else { "" };
    let time = format!("{}{claimed}", instant(&entry["time"]));
    let holders: Vec<String> = list(&entry["signed"]["holders"]).iter().map(text).collect();
    match entry["signed"].as_str() {
        Some(_) => {
            format!("published {time}; signatures were not checked, because no trust file was given")
        }
        None if holders.is_empty() => {
            format!("in force since {time}, not signed, and the trust file asks for no signature")
        }
        None => format!(
            "in force since {time}, signed by {} ({} required)",
            holders.join(" and "),
            entry["signed"]["required"]
        ),
    }
}

/// What the store knows of a policy that was read from a file.
fn published(report: &Value, of: &Value) -> String {
    let of_object = |entry: &&Value| entry["object"] == of["content"];
    let selected = || list(&report["selected"]).iter();
    let mut pending = selected().flat_map(|entry| list(&entry["pending"]));
    if let Some(entry) = selected().find(of_object) {
        let (name, number) = (text(&entry["name"]), &entry["entry"]);
        return format!("the same object is published as entry {number} of {name}, {}", standing(entry));
    }
    match pending.find(of_object) {
        Some(entry) => format!("pending as {}", missing(entry)),
        None if selected().all(|entry| entry["signed"].is_string()) => {
            "signatures were not checked, because no trust file was given".to_owned()
        }
        None => "nobody has signed it".to_owned(),
    }
}

/// `entry 3, with 1 of 2 signatures, by Ann`
pub(super) fn missing(entry: &Value) -> String {
    let holders: Vec<String> = list(&entry["signed"]["holders"]).iter().map(text).collect();
    let by = if holders.is_empty() { String::new() } else { format!(", by {}", holders.join(" and ")) };
    let discounted: String =
        list(&entry["signed"]["discounted"]).iter().map(|why| format!("; {}", text(why))).collect();
    format!(
        "entry {}, with {} of {} signatures{by}{discounted}",
        entry["entry"],
        holders.len(),
        entry["signed"]["required"]
    )
}

/// `2026-11-30 09:34:06Z`
fn instant(time: &Value) -> String {
    let time = text(time);
    match time.split_once('T') {
        Some((day, rest)) => {
            let clock: String = rest.chars().take_while(|symbol| *symbol != '.' && *symbol != 'Z').collect();
            format!("{day} {clock}Z")
        }
        None => time,
    }
}
