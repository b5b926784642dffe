//! What is the result of applying a script, or a part of it, to a policy?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use opus_runtime::Hash;

use super::align::{renamed, renumbered};
use super::{Change, EditId, FORMAT, Script, Side};
use crate::structure::{Key, Part, Sequence, Structure};

/// Why a script cannot be applied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ApplyError {
    /// The script is of another format.
    Format(u32),
    /// The script was made from another policy.
    OtherPolicy {
        /// The structure hash of the policy that it begins with.
        expected: Hash,
        /// The structure hash of the given policy.
        found: Hash,
    },
    /// No edit has this name.
    UnknownEdit(EditId),
    /// The edits do not lead to the recorded policy: the script was changed.
    Changed,
}

impl Script {
    /// The second policy, from the first.
    ///
    /// # Errors
    /// If `a` is not the policy that the script begins with, or the script was changed by hand.
    pub fn apply(&self, a: &Structure) -> Result<Structure, ApplyError> {
        let all = self.edits.iter().map(|edit| edit.id).collect();
        let whole = self.merged(a, &all)?;
        // numbers of versions are those of the keys until the text is read again
        let read = Structure::of_source(&whole.to_source()).map_err(|_| ApplyError::Changed)?;
        if read.hash() == self.to { Ok(read) } else { Err(ApplyError::Changed) }
    }

    /// The first policy with these edits, and those that decide nothing. The set should be closed ([`Script::closed`]);
    /// otherwise the source may not be readable.
    ///
    /// # Errors
    /// As for [`Script::apply`], or where an edit is not in the script.
    pub fn hybrid(&self, a: &Structure, on: &BTreeSet<EditId>) -> Result<Structure, ApplyError> {
        self.merged(a, on).map(numbered).map(without_loose_marks)
    }

    /// The hybrid, with the numbers that its versions have in the policies.
    fn merged(&self, a: &Structure, on: &BTreeSet<EditId>) -> Result<Structure, ApplyError> {
        if self.format != FORMAT {
            return Err(ApplyError::Format(self.format));
        }
        let found = a.hash();
        if found != self.from {
            return Err(ApplyError::OtherPolicy { expected: self.from, found });
        }
        if let Some(unknown) = on.iter().find(|id| !self.edits.iter().any(|edit| edit.id == **id)) {
            return Err(ApplyError::UnknownEdit(*unknown));
        }
        let is_renamed_first = self.names == Side::After;
        let entered = if is_renamed_first { renamed(a, self.renames()) } else { Some(a.clone()) };
        let mut out = renumbered(&entered.ok_or(ApplyError::Changed)?, &self.numbers.before);
        let mut moved: BTreeMap<(&Sequence, &Key), bool> = BTreeMap::new();
        for edit in &self.edits {
            let is_on = !edit.id.decides || on.contains(&edit.id);
            for change in &edit.changes {
                if let Change::Move { sequence, key, .. } = change {
                    moved.insert((sequence, key), is_on);
                }
                if is_on {
                    change.apply(&mut out)?;
                }
            }
        }
        for order in &self.orders {
            let is_there = |key: &Key, side: Side| {
                let place = match moved.get(&(&order.sequence, key)) {
                    Some(true) => side != Side::Before,
                    Some(false) => side != Side::After,
                    None => true,
                };
                place && out.elements.contains_key(key)
            };
            let entries = order.entries.iter().filter(|entry| is_there(&entry.key, entry.side));
            let keys: Vec<Key> = entries.map(|entry| entry.key.clone()).collect();
            match keys.is_empty() {
                true => out.sequences.remove(&order.sequence),
                false => out.sequences.insert(order.sequence.clone(), keys),
            };
        }
        one_order(&mut out);
        if is_renamed_first {
            return Ok(out);
        }
        // renames are undone in reverse order
        Ok(self.renames().rev().fold(out, |out, rename| rename.apply(&out)))
    }
}

/// For a table that is `unique` on one side and `first` on the other: its rows in their one sequence.
fn one_order(structure: &mut Structure) {
    let Structure { elements, sequences, .. } = structure;
    let is_first = |table: &String| {
        let table = elements.get(&Key::Table(table.clone()));
        table.and_then(|table| table.get(&Part::Choice)).is_some_and(|choice| choice == "first")
    };
    sequences.retain(|sequence, _| match sequence {
        Sequence::FirstRows(table) => is_first(table),
        Sequence::UniqueRows(table) => !is_first(table),
        _ => true,
    });
}

/// The structure with versions numbered from 1 by their days, if two of them have one number: each policy numbers its own.
fn numbered(mut structure: Structure) -> Structure {
    let mut versions: Vec<(String, Key)> = Vec::new();
    let mut numbers = BTreeSet::new();
    for (key, element) in &structure.elements {
        if let (Key::Version(_), Some(day)) = (key, element.get(&Part::From)) {
            versions.push((day.clone(), key.clone()));
            numbers.insert(element.get(&Part::Number));
        }
    }
    if numbers.len() == versions.len() {
        return structure;
    }
    versions.sort();
    for (at, (_, key)) in versions.into_iter().enumerate() {
        let element = structure.elements.get_mut(&key).expect("it was found among the elements");
        element.insert(Part::Number, (at + 1).to_string());
    }
    structure
}

/// The structure without parts that only explanations use and whose subject is absent: edits that decide nothing are
/// always on, and their subject may be off.
fn without_loose_marks(mut structure: Structure) -> Structure {
    let enums: BTreeSet<Key> = structure
        .elements
        .keys()
        .filter(|key| matches!(key, Key::Enum(_) | Key::EnumValue(..)))
        .cloned()
        .collect();
    let effective =
        structure.elements.get(&Key::Effective).and_then(|element| element.get(&Part::Value)).cloned();
    for (key, element) in &mut structure.elements {
        let of = element.get(&Part::Type).cloned().unwrap_or_default();
        let has_order = of != "bool" && !enums.contains(&Key::Enum(of.clone()));
        element.retain(|part, _| match part {
            Part::Adverse(value) => enums.contains(&Key::EnumValue(of.clone(), value.clone())),
            Part::Actionable => !matches!(key, Key::Input(name) if effective.as_ref() == Some(name)),
            _ => true,
        });
        if let Some(actionable) = element.get_mut(&Part::Actionable).filter(|_| !has_order) {
            *actionable = "actionable".to_owned();
        }
    }
    structure
}

impl Change {
    fn apply(&self, structure: &mut Structure) -> Result<(), ApplyError> {
        let as_expected = match self {
            Change::Name { before, after } => {
                std::mem::replace(&mut structure.name, after.clone()) == *before
            }
            Change::Part { key, part, before, after } => {
                let element = structure.elements.get_mut(key).ok_or(ApplyError::Changed)?;
                let found = match after {
                    Some(after) => element.insert(part.clone(), after.clone()),
                    None => element.remove(part),
                };
                found == *before
            }
            Change::Element { key, before, after } => {
                let found = match after {
                    Some(after) => structure.elements.insert(key.clone(), after.clone()),
                    None => structure.elements.remove(key),
                };
                found == *before
            }
            Change::Move { .. } | Change::Rename(_) => true,
        };
        if as_expected { Ok(()) } else { Err(ApplyError::Changed) }
    }
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ApplyError::Format(format) => {
                write!(f, "the script has format {format}, and this version reads format {FORMAT}")
            }
            ApplyError::OtherPolicy { expected, found } => write!(
                f,
                "the script was made from another policy: it expects the structure hash {expected}, but this policy has {found}"
            ),
            ApplyError::UnknownEdit(id) => write!(f, "the script has no edit {id}"),
            ApplyError::Changed => {
                write!(f, "the script was changed: its edits do not lead to the policy that it names")
            }
        }
    }
}

impl std::error::Error for ApplyError {}
