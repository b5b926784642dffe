//! Which differences are one edit, and which edits need another?
//!
//! Differences that cannot be made separately are one edit: a declaration and its parts, overlapping rows of a `unique`
//! table, an output and what each rule decides for it, a type and everything that uses it. All others are separate
//! edits, and one may need another.

use std::collections::{BTreeMap, BTreeSet};

use opus_frontend::currency;

use super::align::{Aligned, Family, declared, names};
use super::extent::may_overlap;
use super::{Change, Edit, EditId, Order, Side, words};
use crate::structure::{Dates, Element, Key, Part, Sequence, Structure, When};

/// The differences between two structures, except the places of elements.
pub struct Changes {
    /// All of them.
    pub list: Vec<Change>,
    /// Elements whose key changed, before and after: other dates, or a row of a `first` table with other cells.
    pub renewed: Vec<(Key, Key)>,
}

/// Compares two aligned structures.
pub fn changes(a: &Structure, b: &Structure) -> Changes {
    let mut list = Vec::new();
    if a.name != b.name {
        list.push(Change::Name { before: a.name.clone(), after: b.name.clone() });
    }
    let keys: BTreeSet<&Key> = a.elements.keys().chain(b.elements.keys()).collect();
    for key in keys {
        match (a.elements.get(key), b.elements.get(key)) {
            (Some(before), Some(after)) => {
                let parts: BTreeSet<&Part> = before.keys().chain(after.keys()).collect();
                for part in parts {
                    let (before, after) = (before.get(part).cloned(), after.get(part).cloned());
                    if before != after {
                        list.push(Change::Part { key: key.clone(), part: part.clone(), before, after });
                    }
                }
            }
            (before, after) => {
                let (before, after) = (before.cloned(), after.cloned());
                list.push(Change::Element { key: key.clone(), before, after });
            }
        }
    }
    let mut renewed = redated(&list);
    renewed.extend(recut(a, b, &renewed));
    Changes { list, renewed }
}

/// Rows of `first` tables whose cells changed: rows with the same name, then single rows that replace each other between
/// the rows that both sides have.
fn recut(a: &Structure, b: &Structure, redated: &[(Key, Key)]) -> Vec<(Key, Key)> {
    let mut pairs = Vec::new();
    for (sequence, first) in &a.sequences {
        let (Sequence::FirstRows(_), Some(second)) = (sequence, b.sequences.get(sequence)) else { continue };
        let is_paired = |key: &Key| redated.iter().any(|(before, after)| before == key || after == key);
        let named = |structure: &Structure, key: &Key| structure.elements[key].get(&Part::Id).cloned();
        let gone: Vec<&Key> = first.iter().filter(|key| !second.contains(key) && !is_paired(key)).collect();
        let new: Vec<&Key> = second.iter().filter(|key| !first.contains(key) && !is_paired(key)).collect();
        let mut own: Vec<(&Key, &Key)> = Vec::new();
        for before in &gone {
            let name = named(a, before);
            let same = new.iter().find(|after| name.is_some() && named(b, after) == name);
            own.extend(same.map(|after| (*before, *after)));
        }
        let is_new = |key: &Key| !own.iter().any(|(before, after)| *before == key || *after == key);
        let gaps = |keys: &[Key], wanted: &[&Key], others: &[Key]| {
            let mut gaps: BTreeMap<(Option<Key>, Option<Key>), Vec<Key>> = BTreeMap::new();
            for (at, key) in keys.iter().enumerate().filter(|(_, key)| wanted.contains(key) && is_new(key)) {
                let is_shared = |key: &&Key| others.contains(key);
                let around = (
                    keys[..at].iter().rev().find(is_shared).cloned(),
                    keys[at..].iter().find(is_shared).cloned(),
                );
                gaps.entry(around).or_default().push(key.clone());
            }
            gaps
        };
        let after = gaps(second, &new, first);
        for (around, gone) in gaps(first, &gone, second) {
            if let ([before], Some([after])) = (gone.as_slice(), after.get(&around).map(Vec::as_slice)) {
                pairs.push((before.clone(), after.clone()));
            }
        }
        pairs.extend(own.into_iter().map(|(before, after)| (before.clone(), after.clone())));
    }
    pairs
}

/// Pairs of elements that differ in their dates: first those that are equal otherwise, then those that are the only
/// ones left of their name.
fn redated(changes: &[Change]) -> Vec<(Key, Key)> {
    type Sides<'a> = (Vec<(&'a Key, &'a Element)>, Vec<(&'a Key, &'a Element)>);
    let mut by_name: BTreeMap<Key, Sides> = BTreeMap::new();
    for change in changes {
        let Change::Element { key, before, after } = change else { continue };
        if key.dates().is_none() || matches!(key, Key::GridCell(..)) {
            continue;
        }
        let (gone, new) = by_name.entry(key.dated(Dates::default())).or_default();
        gone.extend(before.as_ref().map(|element| (key, element)));
        new.extend(after.as_ref().map(|element| (key, element)));
    }
    let mut pairs = Vec::new();
    for (mut gone, mut new) in by_name.into_values() {
        gone.retain(|(key, element)| {
            let same = new.iter().position(|(_, other)| other == element);
            if let Some(at) = same {
                pairs.push(((*key).clone(), new.remove(at).0.clone()));
            }
            same.is_none()
        });
        if let ([(before, _)], [(after, _)]) = (gone.as_slice(), new.as_slice()) {
            pairs.push(((*before).clone(), (*after).clone()));
        }
    }
    pairs
}

/// The edits: renames, and changes that belong together, in the order of the texts, with what they need.
pub fn edits(aligned: &Aligned, changes: Changes, moves: Vec<Change>, orders: &[Order]) -> Vec<Edit> {
    let mut together = Together::new(changes.list.len());
    together.renewed(&changes);
    together.parents(&changes.list);
    together.rows(&changes.list, aligned);
    together.grids(&changes.list, aligned);
    together.outputs(&changes.list);
    together.types(&changes.list);
    together.currency(&changes.list);
    together.kinds(&changes.list);
    together.values(&changes.list);
    together.members(&changes.list, aligned);
    let mut groups = together.groups(changes.list);
    groups.extend(moves.into_iter().map(|one| vec![one]));

    let ranks = ranks(aligned);
    let rank = |change: &Change| match change {
        Change::Name { .. } | Change::Rename(_) => 0,
        Change::Part { key, .. } | Change::Element { key, .. } | Change::Move { key, .. } => {
            ranks.get(&placed(key)).map_or(usize::MAX, |rank| rank + 1)
        }
    };
    groups.iter_mut().for_each(|group| group.sort_by_key(rank));
    let is_move = |group: &[Change]| matches!(group, [Change::Move { .. }]);
    groups.sort_by_key(|group| (group.iter().map(rank).min(), is_move(group)));

    let renames = aligned.renames.iter().map(|rename| vec![Change::Rename(rename.clone())]);
    let mut numbers = BTreeMap::from([(true, 0), (false, 0)]);
    let mut edits: Vec<Edit> = renames
        .chain(groups)
        .map(|changes| {
            let decides = changes.iter().any(Change::decides);
            let number = numbers.entry(decides).or_default();
            *number += 1;
            let id = EditId { decides, number: *number };
            Edit { id, says: words::says(&changes, &aligned.numbers), needs: BTreeSet::new(), changes }
        })
        .collect();
    let needs = needs(&edits, aligned, orders);
    for (edit, needs) in edits.iter_mut().zip(needs) {
        edit.needs = needs;
    }
    edits
}

// what belongs together

/// An added or removed row: the index of the change, its cells and dates.
type Row<'a> = (usize, &'a [String], Dates);

/// An added or removed row or column of a grid: the index of the change, its cell and dates.
type Head<'a> = (usize, &'a str, Dates);

/// Sets of changes that are joined step by step.
struct Together {
    /// By change, another one of its set; the first of a set names itself.
    joined: Vec<usize>,
}

impl Together {
    fn new(count: usize) -> Together {
        Together { joined: (0..count).collect() }
    }

    fn first(&self, mut at: usize) -> usize {
        while self.joined[at] != at {
            at = self.joined[at];
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.first(a), self.first(b));
        self.joined[a.max(b)] = a.min(b);
    }

    fn groups(&self, list: Vec<Change>) -> Vec<Vec<Change>> {
        let mut groups: BTreeMap<usize, Vec<Change>> = BTreeMap::new();
        for (at, change) in list.into_iter().enumerate() {
            groups.entry(self.first(at)).or_default().push(change);
        }
        groups.into_values().collect()
    }

    fn renewed(&mut self, changes: &Changes) {
        let at = elements(&changes.list);
        for (before, after) in &changes.renewed {
            self.join(at[before], at[after]);
        }
    }

    /// An added or removed declaration, and what is in it.
    fn parents(&mut self, list: &[Change]) {
        let at = elements(list);
        for (key, i) in &at {
            for parent in parents(key) {
                if let Some(j) = at.get(&parent) {
                    self.join(*i, *j);
                }
            }
        }
    }

    /// Rows of a `unique` table that overlap, and all rows of a table whose keys or choice change.
    fn rows(&mut self, list: &[Change], aligned: &Aligned) {
        let values = enum_values(aligned);
        let mut rows: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
        for (i, change) in list.iter().enumerate() {
            if let Change::Element { key: Key::TableRow(table, cells, dates), .. } = change {
                rows.entry(table).or_default().push((i, cells, *dates));
            }
        }
        for (table, rows) in rows {
            let is_new = list.iter().enumerate().filter_map(|(j, change)| match change {
                Change::Part {
                    key: Key::Table(name), part: Part::Args | Part::Choice | Part::Keys, ..
                } if name == table => Some(j),
                _ => None,
            });
            for j in is_new {
                rows.iter().for_each(|(i, ..)| self.join(*i, j));
            }
            let is_first =
                |structure: &Structure| structure.sequences.contains_key(&Sequence::FirstRows(table.into()));
            if is_first(&aligned.a) && is_first(&aligned.b) {
                continue;
            }
            for (at, (i, cells, dates)) in rows.iter().enumerate() {
                for (j, others, other_dates) in &rows[at + 1..] {
                    let cells_meet = cells.len() != others.len()
                        || cells.iter().zip(*others).all(|(a, b)| may_overlap(a, b, &values));
                    if cells_meet && dates_meet(*dates, *other_dates) {
                        self.join(*i, *j);
                    }
                }
            }
        }
    }

    /// The rows of a grid that overlap, its columns that do, and what both look at.
    fn grids(&mut self, list: &[Change], aligned: &Aligned) {
        let values = enum_values(aligned);
        let mut axes: BTreeMap<(&str, bool), Vec<Head>> = BTreeMap::new();
        for (i, change) in list.iter().enumerate() {
            match change {
                Change::Element { key: Key::GridRow(grid, cell, dates), .. } => {
                    axes.entry((grid, true)).or_default().push((i, cell, *dates));
                }
                Change::Element { key: Key::GridColumn(grid, cell), .. } => {
                    axes.entry((grid, false)).or_default().push((i, cell, Dates::default()));
                }
                _ => {}
            }
        }
        // a new row has no cell in a removed column, nor a new column in a removed row
        for ((grid, is_rows), heads) in &axes {
            let (true, Some(columns)) = (is_rows, axes.get(&(*grid, false))) else { continue };
            let all: Vec<usize> = heads.iter().chain(columns).map(|(i, ..)| *i).collect();
            all.windows(2).for_each(|pair| self.join(pair[0], pair[1]));
        }
        for ((grid, is_rows), heads) in axes {
            for (j, change) in list.iter().enumerate() {
                let Change::Part { key: Key::Grid(name), part, .. } = change else { continue };
                let looks_at = if is_rows { Part::RowArg } else { Part::ColumnArg };
                if name == grid && *part == looks_at {
                    heads.iter().for_each(|(i, ..)| self.join(*i, j));
                }
            }
            for (at, (i, cell, dates)) in heads.iter().enumerate() {
                for (j, other, other_dates) in &heads[at + 1..] {
                    if may_overlap(cell, other, &values) && dates_meet(*dates, *other_dates) {
                        self.join(*i, *j);
                    }
                }
            }
        }
    }

    /// An added or removed output, and what rules decide for it.
    fn outputs(&mut self, list: &[Change]) {
        let at = elements(list);
        for (i, change) in list.iter().enumerate() {
            if let Change::Part { part: Part::Output(name), .. } = change
                && let Some(j) = at.get(&Key::Output(name.clone()))
            {
                self.join(i, *j);
            }
        }
    }

    /// A type that becomes another, with its range, and whatever changes where the name is used.
    fn types(&mut self, list: &[Change]) {
        for (i, change) in list.iter().enumerate() {
            let Change::Part { key, part: Part::Type | Part::Keys, .. } = change else { continue };
            let Some((family, name)) = declared(key) else { continue };
            for (j, other) in list.iter().enumerate() {
                let is_own = match other {
                    Change::Part {
                        key: other,
                        part: Part::Range | Part::Default | Part::Optional | Part::Keys | Part::Type,
                        ..
                    } => other == key,
                    Change::Part { part: Part::Output(output), .. } => {
                        family == Family::Output && output == name
                    }
                    _ => false,
                };
                let is_inside = match other {
                    Change::Part { key, .. } | Change::Element { key, .. } => {
                        parents(key).iter().any(|parent| declared(parent) == Some((family.clone(), name)))
                    }
                    Change::Name { .. } | Change::Rename(_) | Change::Move { .. } => false,
                };
                let uses = other.decides() && {
                    let [before, after] = uses(other);
                    before.contains(name) || after.contains(name)
                };
                if is_own || is_inside || uses && family != Family::Output {
                    self.join(i, j);
                }
            }
        }
    }
}

impl Together {
    /// Another currency, and every change of an amount in one of the two.
    fn currency(&mut self, list: &[Change]) {
        for (i, change) in list.iter().enumerate() {
            let codes = match change {
                Change::Part { key: Key::Currency, before, after, .. } => [before.clone(), after.clone()],
                Change::Element { key: Key::Currency, before, after } => [before, after]
                    .map(|element| element.as_ref().and_then(|element| element.get(&Part::Value).cloned())),
                _ => continue,
            };
            let marks: Vec<&str> = codes
                .iter()
                .flatten()
                .flat_map(|code| [Some(code.as_str()), currency::symbol(code)])
                .flatten()
                .collect();
            for (j, other) in list.iter().enumerate() {
                let has_amount = |text: &&str| {
                    marks.iter().any(|mark| match mark.starts_with(|c: char| c.is_ascii_alphabetic()) {
                        true => names(text).any(|word| word == *mark),
                        false => text.contains(mark),
                    })
                };
                if other.decides() && texts(other).iter().any(has_amount) {
                    self.join(i, j);
                }
            }
        }
    }

    /// A name that is declared as something else: a parameter becomes a `let`, a table a grid.
    fn kinds(&mut self, list: &[Change]) {
        let mut declarations: BTreeMap<String, Vec<(usize, &Key)>> = BTreeMap::new();
        for (i, change) in list.iter().enumerate() {
            if let Change::Element { key, .. } = change
                && let Some(name) = used_name(key)
            {
                declarations.entry(name).or_default().push((i, key));
            }
        }
        for same in declarations.into_values() {
            let kind = |key: &Key| std::mem::discriminant(key);
            if same.iter().any(|(_, key)| kind(key) != kind(same[0].1)) {
                same.windows(2).for_each(|pair| self.join(pair[0].0, pair[1].0));
            }
        }
    }

    /// The values of a parameter that has one without a date on either side: such a value stands alone.
    fn values(&mut self, list: &[Change]) {
        let mut values: BTreeMap<&str, Vec<(usize, Dates)>> = BTreeMap::new();
        for (i, change) in list.iter().enumerate() {
            if let Change::Element { key: Key::ParamValue(name, dates), .. } = change {
                values.entry(name).or_default().push((i, *dates));
            }
        }
        for values in values.into_values() {
            if values.iter().any(|(_, dates)| *dates == Dates::default()) {
                values.windows(2).for_each(|pair| self.join(pair[0].0, pair[1].0));
            }
        }
    }

    /// The members of a declaration that keeps none of them, because it must have members at all times.
    fn members(&mut self, list: &[Change], aligned: &Aligned) {
        let mut members: BTreeMap<Sequence, Vec<usize>> = BTreeMap::new();
        for (i, change) in list.iter().enumerate() {
            let Change::Element { key, .. } = change else { continue };
            if matches!(key, Key::Require(..) | Key::Rule(..) | Key::RuleLet(..)) {
                continue;
            }
            match key.sequence(|_| false) {
                None | Some(Sequence::Items) => {}
                Some(sequence) => members.entry(sequence).or_default().push(i),
            }
        }
        for changes in members.into_values() {
            let is_before = |i: &usize| matches!(&list[*i], Change::Element { before: Some(_), .. });
            let (gone, new): (Vec<usize>, Vec<usize>) = changes.iter().partition(|i| is_before(i));
            let stays = |key: &Key, i: usize| {
                let Change::Element { key: own, .. } = &list[i] else { return false };
                own.sequence(|_| false) == key.sequence(|_| false)
                    && own.sequence(|_| false).is_some()
                    && aligned.b.elements.contains_key(key)
            };
            let some_stay =
                changes.first().is_some_and(|i| aligned.a.elements.keys().any(|key| stays(key, *i)));
            let is_replaced = gone.iter().any(|i| new.iter().any(|j| self.first(*i) == self.first(*j)));
            if !some_stay && !is_replaced {
                changes.windows(2).for_each(|pair| self.join(pair[0], pair[1]));
            }
        }
    }
}

/// Every text of a change, on both sides.
fn texts(change: &Change) -> Vec<&str> {
    match change {
        Change::Part { before, after, .. } => {
            [before, after].into_iter().flatten().map(String::as_str).collect()
        }
        Change::Element { key, before, after } => {
            let of_key = match key {
                Key::TableRow(_, cells, _) => cells.iter().map(String::as_str).collect(),
                Key::GridColumn(_, cell) | Key::GridRow(_, cell, _) => vec![cell.as_str()],
                _ => Vec::new(),
            };
            let elements = [before, after].into_iter().flatten();
            let parts = elements.flat_map(|element| element.iter().filter(|(part, _)| part.decides()));
            parts.map(|(_, text)| text.as_str()).chain(of_key).collect()
        }
        Change::Name { .. } | Change::Rename(_) | Change::Move { .. } => Vec::new(),
    }
}

/// The index of the change that adds or removes an element, by its key.
fn elements(list: &[Change]) -> BTreeMap<Key, usize> {
    list.iter()
        .enumerate()
        .filter_map(|(at, change)| match change {
            Change::Element { key, .. } => Some((key.clone(), at)),
            _ => None,
        })
        .collect()
}

/// The declarations that an element is in.
fn parents(key: &Key) -> Vec<Key> {
    match key {
        Key::ParamValue(name, _) => vec![Key::Param(name.clone())],
        Key::EnumValue(name, _) => vec![Key::Enum(name.clone())],
        Key::TableRow(name, ..) => vec![Key::Table(name.clone())],
        Key::GridColumn(name, _) | Key::GridRow(name, ..) => vec![Key::Grid(name.clone())],
        Key::GridCell(name, row, dates, column) => vec![
            Key::Grid(name.clone()),
            Key::GridRow(name.clone(), row.clone(), *dates),
            Key::GridColumn(name.clone(), column.clone()),
        ],
        _ => Vec::new(),
    }
}

fn enum_values(aligned: &Aligned) -> BTreeSet<&str> {
    let both = aligned.a.elements.keys().chain(aligned.b.elements.keys());
    both.filter_map(|key| match key {
        Key::EnumValue(_, value) => Some(value.as_str()),
        _ => None,
    })
    .collect()
}

/// Whether there may be a version in which both hold. Versions that moved have no order in common.
fn dates_meet(a: Dates, b: Dates) -> bool {
    let apart = |until: Option<When>, from: Option<When>| until.is_some() && until == from;
    !apart(a.until, b.from) && !apart(b.until, a.from)
}

// the order of the edits

/// The element by whose place in the text another one is placed.
fn placed(key: &Key) -> Key {
    match key {
        Key::GridCell(name, row, dates, _) => Key::GridRow(name.clone(), row.clone(), *dates),
        other => other.clone(),
    }
}

/// By key, its place in the texts of both.
fn ranks(aligned: &Aligned) -> BTreeMap<Key, usize> {
    let mut order = written(&aligned.a);
    let known: BTreeSet<Key> = order.iter().cloned().collect();
    let mut last: Option<Key> = None;
    for key in written(&aligned.b) {
        if !known.contains(&key) {
            let at = last.as_ref().and_then(|last| order.iter().position(|other| other == last));
            order.insert(at.map_or(0, |at| at + 1), key.clone());
        }
        last = Some(key);
    }
    order.into_iter().enumerate().map(|(at, key)| (key, at)).collect()
}

/// All elements but cells of grids, in the order in which a source is written.
fn written(structure: &Structure) -> Vec<Key> {
    let of = |sequence: &Sequence| structure.sequences.get(sequence).cloned().unwrap_or_default();
    let (mut first, mut middle, mut last) = (Vec::new(), Vec::new(), Vec::new());
    for key in of(&Sequence::Items) {
        let children = match &key {
            Key::Enum(name) => of(&Sequence::EnumValues(name.clone())),
            Key::Param(name) => of(&Sequence::ParamValues(name.clone())),
            Key::Table(name) => {
                [of(&Sequence::FirstRows(name.clone())), of(&Sequence::UniqueRows(name.clone()))].concat()
            }
            Key::Grid(name) => {
                [of(&Sequence::GridColumns(name.clone())), of(&Sequence::GridRows(name.clone()))].concat()
            }
            _ => Vec::new(),
        };
        let part = match &key {
            Key::Currency | Key::Effective | Key::MonthEnd | Key::Version(_) | Key::Enum(_) => &mut first,
            Key::Case(_) | Key::Test(_) => &mut last,
            _ => &mut middle,
        };
        part.push(key);
        part.extend(children);
    }
    let (inputs, outputs) = (of(&Sequence::Inputs), of(&Sequence::Outputs));
    [first, inputs, outputs, middle, of(&Sequence::Requires), of(&Sequence::Rules), last].concat()
}

// what needs what

/// The names that a change uses on either side, versions among them as `version 3`.
fn uses(change: &Change) -> [BTreeSet<String>; 2] {
    let of_key = |key: &Key| -> Vec<String> {
        let cells: Vec<&String> = match key {
            Key::TableRow(_, cells, _) => cells.iter().collect(),
            Key::GridColumn(_, cell) | Key::GridRow(_, cell, _) => vec![cell],
            Key::GridCell(_, row, _, column) => vec![row, column],
            // versions and `effective on` are added and removed together
            Key::Version(_) => return vec![SELECTS.to_owned()],
            _ => Vec::new(),
        };
        let version = |when: Option<When>| match when {
            Some(When::Version(number)) => Some(format!("version {number}")),
            _ => None,
        };
        let dates = key.dates().unwrap_or_default();
        let names = cells.into_iter().flat_map(|cell| names(cell)).map(str::to_owned);
        names.chain(version(dates.from)).chain(version(dates.until)).collect()
    };
    let of_part = |part: &Part, text: &str| -> Vec<String> {
        let of_text = if part.decides() && *part != Part::From {
            names(text).map(str::to_owned).chain(calls(text).map(called)).collect()
        } else {
            Vec::new()
        };
        let output = match part {
            Part::Output(name) => Some(format!("output {name}")),
            _ => None,
        };
        of_text.into_iter().chain(output).collect()
    };
    match change {
        Change::Part { part, before, after, .. } => {
            [before, after].map(|text| text.iter().flat_map(|text| of_part(part, text)).collect())
        }
        Change::Element { key, before, after } => [before, after].map(|element| {
            let Some(element) = element else { return BTreeSet::new() };
            let parts = element.iter().flat_map(|(part, text)| of_part(part, text));
            of_key(key).into_iter().chain(parts).collect()
        }),
        Change::Name { .. } | Change::Rename(_) | Change::Move { .. } => [BTreeSet::new(), BTreeSet::new()],
    }
}

/// The names in a text that have arguments behind them.
fn calls(text: &str) -> impl Iterator<Item = &str> {
    let name = |(at, _): (usize, &str)| {
        let before = &text[..at];
        let start = before.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_').len();
        (start < at).then_some(&before[start..])
    };
    text.match_indices('(').filter_map(name)
}

/// The name under which a table of a snapshot is used with arguments, which no other declaration can be.
fn called(name: &str) -> String {
    format!("{name}()")
}

/// The name under which `effective on` is used by versions.
const SELECTS: &str = "effective on";

/// The name that an element declares and expressions, types or dates use.
fn used_name(key: &Key) -> Option<String> {
    match (key, declared(key)) {
        (Key::Version(number), _) => Some(format!("version {number}")),
        (Key::Effective, _) => Some(SELECTS.to_owned()),
        (Key::Output(name), _) => Some(format!("output {name}")),
        (_, Some((Family::Rule | Family::Require | Family::Case, _)) | None) => None,
        (_, Some((_, name))) => Some(name.to_owned()),
    }
}

/// The names that an element declares: that of [`used_name`], and that of a table which can have arguments.
fn used_names(key: &Key, element: &Element) -> Vec<String> {
    let with_arguments = match key {
        Key::Table(name) if element.contains_key(&Part::Keys) => Some(called(name)),
        _ => None,
    };
    used_name(key).into_iter().chain(with_arguments).collect()
}

/// By edit, the edits that it needs.
fn needs(edits: &[Edit], aligned: &Aligned, orders: &[Order]) -> Vec<BTreeSet<EditId>> {
    let declares = |edit: &Edit, adds: bool| -> BTreeSet<String> {
        let of = |change: &Change| match change {
            Change::Element { key, before, after } => {
                let (with, without) = if adds { (after, before) } else { (before, after) };
                let declared = with.as_ref().filter(|_| without.is_none());
                declared.map_or(Vec::new(), |element| used_names(key, element))
            }
            Change::Part { key: Key::Table(name), part: Part::Keys, before, after }
                if before.is_none() == adds && after.is_some() == adds =>
            {
                vec![called(name)]
            }
            _ => Vec::new(),
        };
        edit.changes.iter().flat_map(of).collect()
    };
    let used = |edit: &Edit| -> [BTreeSet<String>; 2] {
        let sides: Vec<[BTreeSet<String>; 2]> = edit.changes.iter().map(uses).collect();
        [0, 1].map(|side| sides.iter().flat_map(|sides| sides[side].iter().cloned()).collect())
    };
    let used: Vec<[BTreeSet<String>; 2]> = edits.iter().map(used).collect();
    let mut needs: Vec<BTreeSet<EditId>> = vec![BTreeSet::new(); edits.len()];
    for (i, edit) in edits.iter().enumerate() {
        let (added, removed) = (declares(edit, true), declares(edit, false));
        for (j, [before, after]) in used.iter().enumerate() {
            if i == j || !edits[j].id.decides {
                continue;
            }
            // a name that is declared again elsewhere, as for other dates, was there before
            if added.iter().any(|name| after.contains(name) && !is_declared(&aligned.a, name)) {
                needs[j].insert(edit.id);
            }
            let drops = |name: &String| before.contains(name) && !after.contains(name);
            if removed.iter().any(|name| drops(name) && !is_declared(&aligned.b, name)) {
                needs[i].insert(edits[j].id);
            }
        }
    }
    for (i, j) in otherwise(edits, aligned, orders).into_iter().chain(outcomes(edits, aligned)) {
        if i != j {
            needs[i].insert(edits[j].id);
        }
    }
    needs
}

fn is_declared(structure: &Structure, name: &str) -> bool {
    structure.elements.iter().any(|(key, element)| used_names(key, element).iter().any(|known| known == name))
}

/// Pairs of edits in which the first needs the second because a rule decides at least one output. If it keeps none, what
/// removes one needs what adds the first new one.
fn outcomes(edits: &[Edit], aligned: &Aligned) -> Vec<(usize, usize)> {
    let outputs = |element: &Element| -> BTreeSet<Part> {
        element.keys().filter(|part| matches!(part, Part::Output(_))).cloned().collect()
    };
    let mut pairs = Vec::new();
    for (key, before) in aligned.a.elements.iter().filter(|(key, _)| matches!(key, Key::Rule(..))) {
        let Some(after) = aligned.b.elements.get(key) else { continue };
        let (before, after) = (outputs(before), outputs(after));
        if !before.is_disjoint(&after) {
            continue;
        }
        let touching = |wanted: &BTreeSet<Part>| -> Vec<usize> {
            let touches = |change: &Change| matches!(change, Change::Part { key: of, part, .. } if of == key && wanted.contains(part));
            (0..edits.len()).filter(|i| edits[*i].changes.iter().any(touches)).collect()
        };
        if let Some(first) = touching(&after).first() {
            pairs.extend(touching(&before).into_iter().map(|i| (i, *first)));
        }
    }
    pairs
}

/// Pairs of edits in which the first needs the second because the last rule is always `otherwise`.
fn otherwise(edits: &[Edit], aligned: &Aligned, orders: &[Order]) -> Vec<(usize, usize)> {
    let last = |structure: &Structure| structure.sequences.get(&Sequence::Rules)?.last().cloned();
    let (Some(before), Some(after)) = (last(&aligned.a), last(&aligned.b)) else { return Vec::new() };
    let Some(order) = orders.iter().find(|order| order.sequence == Sequence::Rules) else {
        return Vec::new();
    };
    if before == after {
        return Vec::new();
    }
    // the edits that change whether an element is there, its place, or whether it always applies
    let touching = |wanted: &Key, with_condition: bool| -> Vec<usize> {
        let touches = |change: &Change| match change {
            Change::Part { key, part: Part::Condition, .. } => with_condition && key == wanted,
            Change::Element { key, .. } | Change::Move { key, .. } => key == wanted,
            _ => false,
        };
        (0..edits.len()).filter(|i| edits[*i].changes.iter().any(touches)).collect()
    };
    let behind = |last: &Key, not: Side, side: Side| -> Vec<usize> {
        let at = order.entries.iter().rposition(|entry| entry.key == *last && entry.side != not);
        let entries = at.map_or(&[][..], |at| &order.entries[at + 1..]);
        let keys = entries.iter().filter(|entry| entry.side == side);
        keys.flat_map(|entry| touching(&entry.key, false)).collect()
    };
    let (takes, gives) = (touching(&before, true), touching(&after, true));
    // what comes after the old one waits for the new one; the new one is last once everything after it is removed
    let late = behind(&before, Side::After, Side::After);
    let late: Vec<usize> = late.into_iter().filter(|i| !gives.contains(i)).collect();
    let early = behind(&after, Side::Before, Side::Before);
    let pairs = |first: &[usize], second: &[usize]| -> Vec<(usize, usize)> {
        first.iter().flat_map(|i| second.iter().map(|j| (*i, *j))).collect()
    };
    // a rule that moves to the end has to apply always by then
    let applies = |i: &usize| {
        edits[*i].changes.iter().any(|change| matches!(change, Change::Part { part: Part::Condition, .. }))
    };
    let (condition, place): (Vec<usize>, Vec<usize>) = gives.iter().partition(|i| applies(i));
    [pairs(&takes, &gives), pairs(&takes, &early), pairs(&late, &gives), pairs(&place, &condition)].concat()
}
