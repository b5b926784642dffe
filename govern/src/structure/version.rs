//! What is a policy if one of its versions is in force on every day? Whatever holds on the version's first day, without
//! dates.

use std::collections::BTreeMap;

use opus_ir::date;

use super::Structure;
use super::key::{Dates, Key, Part, When};

/// The structure at a version.
pub fn at(structure: &Structure, number: u32) -> Option<Structure> {
    let days = days(structure);
    if days.is_empty() && number == 1 {
        let mut out = structure.clone();
        out.retain(|key| !matches!(key, Key::Test(_)));
        return Some(out);
    }
    let today = *days.get(&number)?;
    let day = |when: When| match when {
        When::Version(number) => days.get(&number).copied(),
        When::Day(day) => Some(day),
    };
    let begins = |dates: Dates| dates.from.map_or(Some(i32::MIN), day);
    let holds = |dates: Dates| {
        begins(dates).is_some_and(|from| from <= today)
            && dates.until.map_or(Some(i32::MAX), day).is_some_and(|until| today < until)
    };
    // the value of a parameter holds until the next one begins
    let mut last: BTreeMap<&str, i32> = BTreeMap::new();
    for key in structure.elements.keys() {
        if let Key::ParamValue(name, dates) = key
            && holds(*dates)
            && let Some(from) = begins(*dates)
        {
            let latest = last.entry(name).or_insert(from);
            *latest = from.max(*latest);
        }
    }
    let mut out = structure.clone();
    out.retain(|key| match key {
        Key::Version(_) | Key::Effective | Key::Test(_) => false,
        Key::ParamValue(name, dates) => holds(*dates) && last.get(name.as_str()).copied() == begins(*dates),
        other => other.dates().is_none_or(holds),
    });
    let undated = |key: &Key| key.dated(Dates::default());
    out.elements = out.elements.into_iter().map(|(key, element)| (undated(&key), element)).collect();
    out.sequences.values_mut().flatten().for_each(|key| *key = undated(key));
    Some(out)
}

/// By number of a version, its first day.
fn days(structure: &Structure) -> BTreeMap<u32, i32> {
    let mut days = BTreeMap::new();
    for (key, element) in &structure.elements {
        if let (Key::Version(number), Some(day)) = (key, element.get(&Part::From)) {
            days.extend(date::parse(day).map(|day| (*number, day)));
        }
    }
    days
}

impl Structure {
    /// Forgets the elements with other keys.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Key) -> bool) {
        self.elements.retain(|key, _| keep(key));
        self.sequences.values_mut().for_each(|keys| keys.retain(|key| keep(key)));
        self.sequences.retain(|_, keys| !keys.is_empty());
    }
}
