//! What does an edit say to people? One line, in the words of the policy, down to the operand that changed.

use super::Change;
use crate::structure::{Dates, Element, Key, Part, Sequence, When};

/// What an edit does.
pub fn says(changes: &[Change]) -> String {
    match changes {
        [only] => one(only),
        [
            Change::Element { key: a, before, after },
            Change::Element { key: b, before: other, after: new },
        ] if a != b && a.dated(Dates::default()) == b.dated(Dates::default()) => {
            match (before, after, other, new) {
                (Some(before), None, None, Some(after)) => redated(a, before, b, after),
                (None, Some(after), Some(before), None) => redated(b, before, a, after),
                _ => several(changes),
            }
        }
        _ => several(changes),
    }
}

fn one(change: &Change) -> String {
    match change {
        Change::Name { before, after } => format!("policy {before} becomes {after}"),
        Change::Part { key, part, before, after } => {
            part_says(key, part, before.as_deref(), after.as_deref())
        }
        Change::Element { key, before: None, after: Some(element) } => element_says(key, element, "added"),
        Change::Element { key, before: Some(element), after: None } => element_says(key, element, "removed"),
        Change::Element { key, .. } => key.to_string(),
        Change::Move { sequence, key, before, after } => {
            let place = |before: &Option<Key>| match before {
                Some(before) => format!("after {}", short(before)),
                None => "first".to_owned(),
            };
            let what = match sequence {
                Sequence::FirstRows(_) | Sequence::Rules | Sequence::Requires => "moved",
                _ => "moved in the order",
            };
            format!("{key} {what}: {} (was {})", place(after), place(before))
        }
    }
}

/// The name of an element without its kind: `C4` of `rule C4`.
fn short(key: &Key) -> String {
    match key {
        Key::Rule(name, _)
        | Key::Require(name, _)
        | Key::Input(name)
        | Key::Output(name)
        | Key::EnumValue(_, name) => name.clone(),
        other => other.to_string(),
    }
}

fn part_says(key: &Key, part: &Part, before: Option<&str>, after: Option<&str>) -> String {
    let name = named(key);
    // what a value or a range is about is plain from the element
    let name = match part {
        Part::Value | Part::Range | Part::From | Part::Body => format!("{name}:"),
        Part::Output(output) => format!("{name} {output}:"),
        other => format!("{name} {other}:"),
    };
    match (before, after) {
        (Some(before), Some(after)) => format!("{name} {}", becomes(before, after)),
        (None, Some(after)) => format!("{name} {after} added"),
        (Some(before), None) => format!("{name} {before} removed"),
        (None, None) => name,
    }
}

fn element_says(key: &Key, element: &Element, done: &str) -> String {
    let text = |part: Part| element.get(&part).map_or("", String::as_str);
    match key {
        Key::Version(_) => format!("{key} {done}, from {}", text(Part::From)),
        Key::ParamValue(_, dates) => {
            let when = dates_say(*dates).map(|dates| format!(" {dates}")).unwrap_or_default();
            let done = if done == "added" { String::new() } else { format!(" {done}") };
            format!("{key}: {}{when}{done}", text(Part::Value))
        }
        Key::TableRow(..) | Key::GridCell(..) => format!("{key} = {} {done}", text(Part::Value)),
        _ => format!("{} {done}", named(key)),
    }
}

/// `rule C4 from version 2`
fn named(key: &Key) -> String {
    let dates = key.dates().and_then(dates_say);
    dates.map_or(key.to_string(), |dates| format!("{key} {dates}"))
}

fn dates_say(dates: Dates) -> Option<String> {
    let when = |when: When| match when {
        When::Version(number) => format!("version {number}"),
        When::Day(day) => opus_frontend::format::date(day),
    };
    let parts = [
        dates.from.map(|from| format!("from {}", when(from))),
        dates.until.map(|until| format!("until {}", when(until))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// `param score_floor = 700: from version 2 becomes from version 3`
fn redated(before: &Key, old: &Element, after: &Key, new: &Element) -> String {
    let dates = |key: &Key| key.dates().and_then(dates_say).unwrap_or_else(|| "always".to_owned());
    let value = old.get(&Part::Value).filter(|_| matches!(before, Key::ParamValue(..) | Key::TableRow(..)));
    let value = value.map(|value| format!(" = {value}")).unwrap_or_default();
    let mut says = format!("{before}{value}: {} becomes {}", dates(before), dates(after));
    for (part, text) in new {
        if let Some(other) = old.get(part).filter(|other| *other != text) {
            says += &format!("; {part}: {}", becomes(other, text));
        }
    }
    says
}

fn several(changes: &[Change]) -> String {
    if let Some(head) = changes.iter().find(|change| is_head(change)) {
        return one(head);
    }
    if let Some(says) = rows_say(changes) {
        return says;
    }
    let typed = changes.iter().find(|change| matches!(change, Change::Part { part: Part::Type, .. }));
    if let Some(Change::Part { key, before: Some(before), after: Some(after), .. }) = typed {
        let uses = changes.len() - 1;
        return format!(
            "{key} type: {before} becomes {after}, with {uses} more change{} that follow",
            if uses == 1 { "" } else { "s" }
        );
    }
    changes.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// A declaration that comes or goes speaks for what is in it.
fn is_head(change: &Change) -> bool {
    matches!(
        change,
        Change::Element {
            key: Key::Param(_) | Key::Table(_) | Key::Grid(_) | Key::Enum(_) | Key::Output(_),
            ..
        }
    )
}

/// `cap_share: 740..850 = 30% becomes 740..779 = 30%, 780..850 = 40%`
fn rows_say(changes: &[Change]) -> Option<String> {
    let table = changes.iter().find_map(|change| match change {
        Change::Element {
            key: Key::TableRow(table, ..) | Key::GridRow(table, ..) | Key::GridColumn(table, _),
            ..
        } => Some(table),
        _ => None,
    })?;
    let row = |key: &Key, element: &Element| match key {
        Key::TableRow(_, cells, dates) => {
            let when = dates_say(*dates).map(|dates| format!(" {dates}")).unwrap_or_default();
            let value = element.get(&Part::Value).map_or("", String::as_str);
            Some(format!("{} = {value}{when}", cells.join(", ")))
        }
        Key::GridRow(_, cell, _) | Key::GridColumn(_, cell) => Some(cell.clone()),
        _ => None,
    };
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    for change in changes {
        if let Change::Element { key, before, after } = change {
            gone.extend(before.as_ref().and_then(|element| row(key, element)));
            new.extend(after.as_ref().and_then(|element| row(key, element)));
        }
    }
    let (gone, new) = (gone.join(", "), new.join(", "));
    Some(match (gone.is_empty(), new.is_empty()) {
        (false, false) => format!("{table}: {gone} becomes {new}"),
        (true, false) => format!("{table}: {new} added"),
        _ => format!("{table}: {gone} removed"),
    })
}

/// What differs between two texts, word by word.
fn becomes(before: &str, after: &str) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (before.split(' ').collect(), after.split(' ').collect());
    let start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let most = a.len().min(b.len()) - start;
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count().min(most);
    let (old, new) = (a[start..a.len() - end].join(" "), b[start..b.len() - end].join(" "));
    match (old.is_empty(), new.is_empty()) {
        (true, _) => format!("{new} added"),
        (_, true) => format!("{old} removed"),
        _ => format!("{old} becomes {new}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_compared_word_by_word() {
        assert_eq!(becomes("a > b", "a >= b"), "> becomes >=");
        assert_eq!(becomes("LOW", "FLOOR"), "LOW becomes FLOOR");
        assert_eq!(becomes("a > b", "a > b and c"), "and c added");
        assert_eq!(becomes("a and a", "a"), "and a removed");
        assert_eq!(becomes("18", "21"), "18 becomes 21");
    }
}
