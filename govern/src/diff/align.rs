//! Which versions and names of two policies are the same? Versions match by their first day, and the remaining ones by
//! their number. A name was changed if two declarations are equal except for it, no other declaration matches, and
//! every use has the new name.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::structure::{Dates, Element, FROM_SNAPSHOT, Key, Part, Structure, When};

/// Two structures in which what is the same has the same key.
pub struct Aligned {
    /// The first, with the names of the second.
    pub a: Structure,
    /// The second, with the version numbers of the first.
    pub b: Structure,
    /// What was renamed.
    pub renames: Vec<Rename>,
    /// The numbers of the versions of both policies.
    pub numbers: Numbers,
}

/// By number of a version in each of two policies, the number that stands for it in keys.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Numbers {
    /// In the first policy.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub before: BTreeMap<u32, u32>,
    /// In the second.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub after: BTreeMap<u32, u32>,
}

impl Numbers {
    /// The same in the other direction.
    pub fn inverted(&self) -> Numbers {
        Numbers { before: self.after.clone(), after: self.before.clone() }
    }

    /// What people call the version that a number stands for: its number in the first policy, or else in the second.
    pub fn shown(&self, number: u32) -> String {
        let own = |numbers: &BTreeMap<u32, u32>| {
            numbers.iter().find(|(_, shared)| **shared == number).map(|(own, _)| *own)
        };
        match (own(&self.before), own(&self.after)) {
            (Some(own), _) => own.to_string(),
            (None, Some(own)) if self.before.contains_key(&own) => format!("{own} of the second policy"),
            (None, own) => own.unwrap_or(number).to_string(),
        }
    }
}

/// A name that was changed everywhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Rename {
    /// What has the name.
    pub family: Family,
    /// In the first policy.
    pub before: String,
    /// In the second.
    pub after: String,
}

/// What a name belongs to. Names of one family are different from each other.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// An input field.
    Input,
    /// An output.
    Output,
    /// A parameter.
    Param,
    /// A set.
    Set,
    /// A `let`.
    Let,
    /// A table or grid.
    Table,
    /// An enum.
    Enum,
    /// A value of the enum that is named.
    EnumValue(String),
    /// A rule.
    Rule,
    /// A require.
    Require,
    /// A case.
    Case,
}

impl Rename {
    /// The same in the other direction.
    pub fn inverted(&self) -> Rename {
        let family = self.family.clone();
        Rename { family, before: self.after.clone(), after: self.before.clone() }
    }

    /// The structure with the new name. Sets of names keep their order until the source is read again.
    pub fn apply(&self, structure: &Structure) -> Structure {
        let mut out =
            Structure { name: structure.name.clone(), elements: BTreeMap::new(), sequences: BTreeMap::new() };
        for (key, element) in &structure.elements {
            let element = element
                .iter()
                .map(|(part, text)| (self.part(part, element), self.text(key, part, text)))
                .collect();
            out.elements.insert(self.key(key), element);
        }
        for (sequence, keys) in &structure.sequences {
            let keys: Vec<Key> = keys.iter().map(|key| self.key(key)).collect();
            let is_first = |_: &str| matches!(sequence, crate::structure::Sequence::FirstRows(_));
            let named = keys.first().and_then(|key| key.sequence(is_first));
            out.sequences.insert(named.unwrap_or_else(|| sequence.clone()), keys);
        }
        out
    }

    /// The name, if it is the one that changes.
    fn name(&self, family: &Family, name: &str) -> String {
        if *family == self.family && name == self.before { self.after.clone() } else { name.to_owned() }
    }

    fn part(&self, part: &Part, of: &Element) -> Part {
        match part {
            Part::Output(name) => Part::Output(self.name(&Family::Output, name)),
            Part::Adverse(value) => {
                let of = of.get(&Part::Type).cloned().unwrap_or_default();
                Part::Adverse(self.name(&Family::EnumValue(of), value))
            }
            other => other.clone(),
        }
    }

    fn key(&self, key: &Key) -> Key {
        let cell = |text: &String| self.expression(text);
        match key {
            Key::Currency => Key::Currency,
            Key::Effective => Key::Effective,
            Key::MonthEnd => Key::MonthEnd,
            Key::Version(number) => Key::Version(*number),
            Key::Enum(name) => Key::Enum(self.name(&Family::Enum, name)),
            Key::EnumValue(of, name) => {
                Key::EnumValue(self.name(&Family::Enum, of), self.name(&Family::EnumValue(of.clone()), name))
            }
            Key::Input(name) => Key::Input(self.name(&Family::Input, name)),
            Key::Output(name) => Key::Output(self.name(&Family::Output, name)),
            Key::Param(name) => Key::Param(self.name(&Family::Param, name)),
            Key::Set(name) => Key::Set(self.name(&Family::Set, name)),
            Key::ParamValue(name, dates) => Key::ParamValue(self.name(&Family::Param, name), *dates),
            Key::Let(name, dates) => Key::Let(self.name(&Family::Let, name), *dates),
            Key::RuleLet(name, dates) => Key::RuleLet(self.name(&Family::Let, name), *dates),
            Key::Table(name) => Key::Table(self.name(&Family::Table, name)),
            Key::TableRow(name, cells, dates) => {
                Key::TableRow(self.name(&Family::Table, name), cells.iter().map(cell).collect(), *dates)
            }
            Key::Grid(name) => Key::Grid(self.name(&Family::Table, name)),
            Key::GridColumn(name, column) => Key::GridColumn(self.name(&Family::Table, name), cell(column)),
            Key::GridRow(name, row, dates) => {
                Key::GridRow(self.name(&Family::Table, name), cell(row), *dates)
            }
            Key::GridCell(name, row, dates, column) => {
                Key::GridCell(self.name(&Family::Table, name), cell(row), *dates, cell(column))
            }
            Key::Require(id, dates) => Key::Require(self.name(&Family::Require, id), *dates),
            Key::Rule(id, dates) => Key::Rule(self.name(&Family::Rule, id), *dates),
            Key::Case(name) => Key::Case(self.name(&Family::Case, name)),
            Key::Test(title) => Key::Test(title.clone()),
        }
    }

    fn text(&self, key: &Key, part: &Part, text: &str) -> String {
        match part {
            Part::Number
            | Part::From
            | Part::Optional
            | Part::Actionable
            | Part::Adverse(_)
            | Part::Choice
            | Part::Id
            | Part::Title
            | Part::Cite => text.to_owned(),
            // names of its own, and enums that facts name: see `has_facts`
            Part::Keys => text.to_owned(),
            Part::Type if self.family == Family::Enum => replaced(text, &self.before, &self.after),
            Part::Type => text.to_owned(),
            Part::Body => self.body(text),
            Part::Value if matches!(key, Key::Currency | Key::MonthEnd) => text.to_owned(),
            Part::Value if text == FROM_SNAPSHOT => text.to_owned(),
            Part::Value
            | Part::Range
            | Part::Default
            | Part::Args
            | Part::RowArg
            | Part::ColumnArg
            | Part::Condition
            | Part::Output(_) => self.expression(text),
        }
    }

    /// A case or a test: rules, requires and cases follow a word that says so, and everything else does not.
    fn body(&self, text: &str) -> String {
        let follows = |previous: &str| match self.family {
            Family::Input | Family::Output | Family::Enum | Family::EnumValue(_) => {
                !matches!(previous, "rule" | "given")
            }
            Family::Rule => previous == "rule",
            Family::Require => previous == "refused",
            Family::Case => previous == "given",
            Family::Param | Family::Set | Family::Let | Family::Table => false,
        };
        let mut previous = "";
        words(text)
            .flat_map(|(between, word)| {
                let is_it = word == self.before && follows(if between == " " { previous } else { "" });
                previous = word;
                [between, if is_it { &self.after } else { word }]
            })
            .collect()
    }

    /// An expression, a cell or a list of names: whatever has a value has its name there.
    fn expression(&self, text: &str) -> String {
        match self.family {
            Family::Rule | Family::Require | Family::Case => text.to_owned(),
            Family::Input
            | Family::Output
            | Family::Param
            | Family::Set
            | Family::Let
            | Family::Table
            | Family::Enum
            | Family::EnumValue(_) => replaced(text, &self.before, &self.after),
        }
    }
}

/// The words of a text that could be names, each with what comes before it.
pub fn words(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let start = rest.find(is_word).unwrap_or(rest.len());
        let (between, from) = rest.split_at(start);
        let end = from.find(|c| !is_word(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        rest = after;
        Some((between, word))
    })
}

/// The names in a text. The mode of a rounding is not one.
pub fn names(text: &str) -> impl Iterator<Item = &str> {
    let is_name = |word: &str| word.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let mut previous = "";
    words(text).map(|(_, word)| word).filter(move |word| {
        let is_mode = std::mem::replace(&mut previous, word) == "rounded";
        is_name(word) && !is_mode
    })
}

fn replaced(text: &str, before: &str, after: &str) -> String {
    let mut previous = "";
    words(text)
        .flat_map(|(between, word)| {
            let is_mode = std::mem::replace(&mut previous, word) == "rounded";
            [between, if word == before && !is_mode { after } else { word }]
        })
        .collect()
}

/// Brings two structures to one set of version numbers and names.
pub fn align(a: &Structure, b: &Structure) -> Aligned {
    let own = days(a).into_keys().map(|number| (number, number)).collect();
    let numbers = Numbers { before: own, after: matching(a, b) };
    let b = renumbered(b, &numbers.after);
    let (mut a, mut renames) = (a.clone(), Vec::new());
    // a renamed enum lets its values be compared, a renamed input the rules: until nothing more is found
    while let Some((found, renamed)) = next_rename(&a, &b) {
        a = renamed;
        renames.push(found);
    }
    Aligned { a, b, renames, numbers }
}

/// The structure with these new names, read again, so that sets of names are in order. `None` if the result cannot be
/// read.
pub fn renamed<'a>(
    structure: &Structure,
    renames: impl IntoIterator<Item = &'a Rename>,
) -> Option<Structure> {
    let mut renames = renames.into_iter().peekable();
    if renames.peek().is_none() {
        return Some(structure.clone());
    }
    let out = renames.fold(structure.clone(), |out, rename| rename.apply(&out));
    Structure::of_source(&out.to_source()).ok()
}

// versions

/// By number of a version in `b`, the number that stands for it in both.
fn matching(a: &Structure, b: &Structure) -> BTreeMap<u32, u32> {
    let (first, second) = (days(a), days(b));
    let mut matching = BTreeMap::new();
    for (number, day) in &second {
        if let Some((same, _)) = first.iter().find(|(_, other)| *other == day) {
            matching.insert(*number, *same);
        }
    }
    let taken = |matching: &BTreeMap<u32, u32>, number: u32| matching.values().any(|taken| *taken == number);
    for number in second.keys() {
        if !matching.contains_key(number) && first.contains_key(number) && !taken(&matching, *number) {
            matching.insert(*number, *number);
        }
    }
    let mut free = first.keys().chain(second.keys()).max().map_or(1, |last| last + 1);
    for number in second.keys() {
        if !matching.contains_key(number) {
            let own = !first.contains_key(number) && !taken(&matching, *number);
            matching.insert(*number, if own { *number } else { free });
            free += u32::from(!own);
        }
    }
    matching
}

/// By the number that stands for a version, its first day.
fn days(structure: &Structure) -> BTreeMap<u32, &str> {
    structure
        .elements
        .iter()
        .filter_map(|(key, element)| match key {
            Key::Version(number) => Some((*number, element.get(&Part::From)?.as_str())),
            _ => None,
        })
        .collect()
}

/// The structure with other numbers for its versions; versions that are not listed keep theirs.
pub fn renumbered(structure: &Structure, numbers: &BTreeMap<u32, u32>) -> Structure {
    let when = |when: When| match when {
        When::Version(number) => When::Version(*numbers.get(&number).unwrap_or(&number)),
        When::Day(day) => When::Day(day),
    };
    let renumber = |key: &Key| match key {
        Key::Version(number) => Key::Version(*numbers.get(number).unwrap_or(number)),
        other => match other.dates() {
            Some(dates) => other.dated(Dates { from: dates.from.map(when), until: dates.until.map(when) }),
            None => other.clone(),
        },
    };
    Structure {
        name: structure.name.clone(),
        elements: structure.elements.iter().map(|(key, element)| (renumber(key), element.clone())).collect(),
        sequences: structure
            .sequences
            .iter()
            .map(|(sequence, keys)| (sequence.clone(), keys.iter().map(renumber).collect()))
            .collect(),
    }
}

// names

/// The family and name that a key declares; `None` for what has no name of its own.
pub fn declared(key: &Key) -> Option<(Family, &str)> {
    Some(match key {
        Key::Input(name) => (Family::Input, name),
        Key::Output(name) => (Family::Output, name),
        Key::Param(name) => (Family::Param, name),
        Key::Set(name) => (Family::Set, name),
        Key::Let(name, _) | Key::RuleLet(name, _) => (Family::Let, name),
        Key::Table(name) | Key::Grid(name) => (Family::Table, name),
        Key::Enum(name) => (Family::Enum, name),
        Key::EnumValue(of, name) => (Family::EnumValue(of.clone()), name),
        Key::Rule(id, _) => (Family::Rule, id),
        Key::Require(id, _) => (Family::Require, id),
        Key::Case(name) => (Family::Case, name),
        Key::Currency
        | Key::Effective
        | Key::MonthEnd
        | Key::Version(_)
        | Key::ParamValue(..)
        | Key::TableRow(..)
        | Key::GridColumn(..)
        | Key::GridRow(..)
        | Key::GridCell(..)
        | Key::Test(_) => return None,
    })
}

/// The declaration of a name: every element of it, by key.
fn declaration<'a>(structure: &'a Structure, family: &Family, name: &str) -> BTreeMap<&'a Key, &'a Element> {
    let belongs = |key: &Key| match key {
        Key::ParamValue(of, _) => *family == Family::Param && of == name,
        Key::TableRow(of, ..) | Key::GridColumn(of, _) | Key::GridRow(of, ..) | Key::GridCell(of, ..) => {
            *family == Family::Table && of == name
        }
        Key::EnumValue(of, _) if *family == Family::Enum => of == name,
        other => declared(other).is_some_and(|(of, declared)| of == *family && declared == name),
    };
    structure.elements.iter().filter(|(key, _)| belongs(key)).collect()
}

fn declared_names(structure: &Structure) -> BTreeSet<(Family, String)> {
    structure.elements.keys().filter_map(declared).map(|(family, name)| (family, name.to_owned())).collect()
}

/// Words with a meaning in a cell, an expression or a test where a name could be too: the text does not show which
/// of the two they are.
const BUILT_IN: [&str; 17] = [
    "any",
    "cent",
    "dollar",
    "integer",
    "min",
    "max",
    "whole_months",
    "whole_years",
    "clip",
    "carry",
    "given",
    "with",
    "on",
    "expect",
    "refused",
    "first",
    "unique",
];

/// Whether facts of a snapshot name it: a parameter or table from a snapshot, or an enum and its values where a policy has facts.
fn has_facts(structure: &Structure, (family, name): &(Family, String)) -> bool {
    let is_open = |(key, element): (&Key, &Element)| match key {
        Key::Set(_) => !matches!(family, Family::Param | Family::Table),
        Key::Table(of) => {
            let is_own = *family == Family::Table && of == name;
            element.contains_key(&Part::Keys)
                && (is_own || matches!(family, Family::Enum | Family::EnumValue(_)))
        }
        Key::ParamValue(of, _) | Key::Param(of) => {
            element.get(&Part::Value).is_some_and(|value| value == FROM_SNAPSHOT)
                && (*family != Family::Param || of == name)
                && *family != Family::Table
        }
        _ => false,
    };
    matches!(family, Family::Param | Family::Table | Family::Enum | Family::EnumValue(_))
        && structure.elements.iter().any(is_open)
}

fn next_rename(a: &Structure, b: &Structure) -> Option<(Rename, Structure)> {
    let (first, second) = (declared_names(a), declared_names(b));
    let gone: Vec<_> = first.difference(&second).collect();
    let new: Vec<_> = second.difference(&first).collect();
    let fits = |before: &(Family, String), after: &(Family, String)| -> Option<Rename> {
        if before.0 != after.0 {
            return None;
        }
        let rename = Rename { family: before.0.clone(), before: before.1.clone(), after: after.1.clone() };
        // a word that is also something else's name cannot be replaced in the text, in either direction
        let uses = |names: &BTreeSet<(Family, String)>, name: &str| {
            names.iter().filter(|(family, other)| other == name && meets(family, &before.0)).count()
        };
        let is_own = uses(&first, &before.1) == 1
            && uses(&second, &before.1) == 0
            && uses(&first, &after.1) == 0
            && uses(&second, &after.1) == 1;
        let is_plain =
            |name: &str| !BUILT_IN.contains(&name) && opus_frontend::currency::find(name).is_none();
        // facts are found by name, so what they name cannot be renamed
        if matches!(before.0, Family::Set)
            || [(a, before), (b, after)].iter().any(|(of, name)| has_facts(of, name))
        {
            return None;
        }
        let is_free = is_own && !occurs(b, &before.1) && !occurs(a, &after.1);
        if !is_free || !is_plain(&before.1) || !is_plain(&after.1) {
            return None;
        }
        let own = declaration(&rename.apply(&only(a, before)), &after.0, &after.1)
            == declaration(b, &after.0, &after.1);
        own.then_some(rename)
    };
    for before in &gone {
        let candidates: Vec<_> = new.iter().filter_map(|after| fits(before, after)).collect();
        let [rename] = candidates.as_slice() else { continue };
        let target = (rename.family.clone(), rename.after.clone());
        let rivals = gone.iter().filter(|other| fits(other, &target).is_some()).count();
        let Some(renamed) = renamed(a, [rename]).filter(|_| rivals == 1) else { continue };
        if every_use_follows(&renamed, b, &rename.after) {
            return Some((rename.clone(), renamed));
        }
    }
    None
}

/// Whether a word is in a text in which it could be a name.
fn occurs(structure: &Structure, word: &str) -> bool {
    let is_in = |text: &String| words(text).any(|(_, other)| other == word);
    structure.elements.iter().any(|(key, element)| {
        let in_cells = match key {
            Key::TableRow(_, cells, _) => cells.iter().any(is_in),
            Key::GridRow(_, cell, _) | Key::GridColumn(_, cell) => is_in(cell),
            _ => false,
        };
        in_cells || element.iter().any(|(part, text)| (part.decides() || *part == Part::Body) && is_in(text))
    })
}

/// Whether a use of a name of one family can be mistaken for a name of the other. Rules, requires and cases follow words
/// of their own.
fn meets(a: &Family, b: &Family) -> bool {
    let stands_apart = |family: &Family| matches!(family, Family::Rule | Family::Require | Family::Case);
    a == b || !stands_apart(a) && !stands_apart(b)
}

/// The declaration of a name, as a structure of its own.
fn only(structure: &Structure, (family, name): &(Family, String)) -> Structure {
    let elements = declaration(structure, family, name);
    let elements = elements.into_iter().map(|(key, element)| (key.clone(), element.clone())).collect();
    Structure { name: structure.name.clone(), elements, sequences: BTreeMap::new() }
}

/// Whether what uses the new name in the renamed first policy uses it in the second, where both have the part.
fn every_use_follows(renamed: &Structure, b: &Structure, name: &str) -> bool {
    renamed.elements.iter().all(|(key, element)| {
        let Some(other) = b.elements.get(key) else { return true };
        element.iter().filter(|(part, _)| part.decides()).all(|(part, text)| {
            let uses = |text: &str| names(text).any(|word| word == name);
            other.get(part).is_none_or(|other| !uses(text) || uses(other))
        })
    })
}
