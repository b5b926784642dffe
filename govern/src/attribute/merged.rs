//! What does each element say with some of the edits on? The merged policy, element by element.
//!
//! The base is the first policy with all edits that cannot change a decision, so all names are those of the second
//! policy.

use std::collections::{BTreeMap, BTreeSet};

use super::switches::Switches;
use crate::diff::{ApplyError, Change, EditId, Entry, Script, Side, names};
use crate::structure::{Element, FROM_SNAPSHOT, Key, Part, Sequence, Structure};

/// Two policies in one, with a switch for each edit that decides. Edits are numbered from 0 in the order of the script,
/// and those of facts come behind them.
///
/// Behind all edits there is a switch for each name with facts that differ. No set has it on: it stands for every other
/// fact that the name can have on a row's day, for whoever asks whether that would make a difference.
pub struct Merged {
    base: Structure,
    /// By edit, its name.
    pub ids: Vec<EditId>,
    /// How many of them are edits of the policies.
    of_policies: usize,
    /// By name with facts that differ, its switch.
    pub facts: BTreeMap<String, usize>,
    /// By switch, itself and what it needs, directly or through others.
    pub needs: Vec<Switches>,
    /// By edit, itself and what needs it.
    pub needed_by: Vec<Switches>,
    /// By element, what edits do to it, in the order of the script.
    changes: BTreeMap<Key, Vec<(usize, Change)>>,
    /// By element that has two places, the edit that moves it; `None` if the move decides nothing.
    moves: BTreeMap<(Sequence, Key), Option<usize>>,
    orders: BTreeMap<Sequence, Vec<Entry>>,
    /// By name of a value, what declares it with any edits.
    declarations: BTreeMap<String, BTreeSet<Key>>,
    /// By name of a value, the edits that touch what it stands for, directly or through the names it uses.
    touched: BTreeMap<String, Switches>,
    /// By edit that changes nothing but rows of one table, that table. For a row of data at most one of a table's edits makes
    /// a difference.
    rows_of: Vec<Option<String>>,
}

/// The name of the parameter, `let`, table or grid that an element belongs to.
pub fn value_name(key: &Key) -> Option<&str> {
    match key {
        Key::Param(name)
        | Key::Set(name)
        | Key::ParamValue(name, _)
        | Key::Let(name, _)
        | Key::RuleLet(name, _)
        | Key::Table(name)
        | Key::TableRow(name, ..)
        | Key::Grid(name)
        | Key::GridColumn(name, _)
        | Key::GridRow(name, ..)
        | Key::GridCell(name, ..) => Some(name),
        Key::Currency
        | Key::Effective
        | Key::MonthEnd
        | Key::Version(_)
        | Key::Enum(_)
        | Key::EnumValue(..)
        | Key::Input(_)
        | Key::Output(_)
        | Key::Require(..)
        | Key::Rule(..)
        | Key::Case(_)
        | Key::Test(_) => None,
    }
}

/// The expressions in an element's key.
pub fn cells(key: &Key) -> Vec<&str> {
    match key {
        Key::TableRow(_, cells, _) => cells.iter().map(String::as_str).collect(),
        Key::GridColumn(_, cell) | Key::GridRow(_, cell, _) => vec![cell],
        Key::GridCell(_, row, _, column) => vec![row, column],
        _ => Vec::new(),
    }
}

impl Merged {
    /// # Errors
    /// If the script does not begin with `a`.
    pub fn new(a: &Structure, script: &Script) -> Result<Merged, ApplyError> {
        let mut base = script.hybrid(a, &BTreeSet::new())?;
        let is_kept = |key: &Key| !matches!(key, Key::Case(_) | Key::Test(_));
        base.elements.retain(|key, _| is_kept(key));
        base.sequences.values_mut().for_each(|keys| keys.retain(is_kept));
        let ids: Vec<EditId> = script.deciding().map(|edit| edit.id).collect();
        let at = |id: &EditId| ids.iter().position(|other| other == id);
        let needs: Vec<Switches> = ids
            .iter()
            .map(|id| script.closed(&BTreeSet::from([*id])).iter().filter_map(at).collect())
            .collect();
        let needing = |edit| (0..ids.len()).filter(|other| needs[*other].contains(edit)).collect();
        let needed_by = (0..ids.len()).map(needing).collect();
        let mut changes: BTreeMap<Key, Vec<(usize, Change)>> = BTreeMap::new();
        let mut moves = BTreeMap::new();
        for edit in &script.edits {
            let deciding = at(&edit.id);
            for change in &edit.changes {
                match (change, deciding) {
                    (Change::Move { sequence, key, .. }, _) => {
                        moves.insert((sequence.clone(), key.clone()), deciding);
                    }
                    (Change::Part { key, .. } | Change::Element { key, .. }, Some(edit)) => {
                        changes.entry(key.clone()).or_default().push((edit, change.clone()));
                    }
                    _ => {}
                }
            }
        }
        let orders =
            script.orders.iter().map(|order| (order.sequence.clone(), order.entries.clone())).collect();
        let (declarations, touched) = (BTreeMap::new(), BTreeMap::new());
        let rows_of = script.deciding().map(|edit| rows_of(&edit.changes, &orders, &base)).collect();
        let (of_policies, facts) = (ids.len(), BTreeMap::new());
        let mut merged = Merged {
            base,
            ids,
            of_policies,
            facts,
            needs,
            needed_by,
            changes,
            moves,
            orders,
            declarations,
            touched,
            rows_of,
        };
        merged.find_names();
        Ok(merged)
    }

    /// Adds edits of facts, which change no element, and the names that have them, each with what it needs.
    pub fn add_facts(
        &mut self,
        edits: impl Iterator<Item = (EditId, Switches)>,
        names: &BTreeMap<String, Switches>,
    ) {
        for (id, needs) in edits {
            self.ids.push(id);
            let new = self.add_switch(&needs);
            for need in self.needs[new].iter().filter(|need| *need != new).collect::<Vec<_>>() {
                self.needed_by[need].insert(new);
            }
        }
        for (name, needs) in names {
            let new = self.add_switch(needs);
            self.facts.insert(name.clone(), new);
        }
        self.find_names();
    }

    fn add_switch(&mut self, needs: &Switches) -> usize {
        let new = self.needs.len();
        let alone = Switches::from_iter([new]);
        self.needs.push(self.closed(needs).with(&alone));
        self.needed_by.push(alone);
        self.rows_of.push(None);
        new
    }

    /// Every edit of the policies.
    pub fn of_policies(&self) -> Switches {
        Switches::first(self.of_policies)
    }

    pub fn count(&self) -> usize {
        self.ids.len()
    }

    /// With what its members need.
    pub fn closed(&self, on: &Switches) -> Switches {
        on.iter().fold(on.clone(), |closed, edit| closed.with(&self.needs[edit]))
    }

    /// Without these edits and what needs them.
    pub fn taken_back(&self, on: &Switches, off: &Switches) -> Switches {
        off.iter().fold(on.clone(), |rest, edit| rest.without(&self.needed_by[edit]))
    }

    // elements

    /// Every element of either policy.
    pub fn keys(&self) -> BTreeSet<&Key> {
        self.base.elements.keys().chain(self.changes.keys()).collect()
    }

    /// What an element says; `None` if it is not there.
    pub fn element(&self, key: &Key, on: &Switches) -> Option<Element> {
        let mut found = self.base.elements.get(key).cloned();
        for (edit, change) in
            self.changes.get(key).into_iter().flatten().filter(|(edit, _)| on.contains(*edit))
        {
            match (change, &mut found) {
                (Change::Element { after, .. }, _) => found = after.clone(),
                (Change::Part { part, after: Some(text), .. }, Some(element)) => {
                    element.insert(part.clone(), text.clone());
                }
                (Change::Part { part, after: None, .. }, Some(element)) => {
                    element.remove(part);
                }
                _ => debug_assert!(!on.contains(*edit) || found.is_none(), "moves are kept apart"),
            }
        }
        found
    }

    /// The edits that change an element, and how.
    pub fn changes(&self, key: &Key) -> &[(usize, Change)] {
        self.changes.get(key).map_or(&[], Vec::as_slice)
    }

    /// All elements that edits change.
    pub fn changed_keys(&self) -> impl Iterator<Item = &Key> {
        self.changes.keys()
    }

    /// Everything that an element says with any edits on.
    pub fn texts(&self, key: &Key) -> Vec<(Part, String)> {
        let of = |element: &Element| element.clone().into_iter().collect::<Vec<_>>();
        let mut texts = self.base.elements.get(key).map(of).unwrap_or_default();
        for (_, change) in self.changes(key) {
            match change {
                Change::Part { part, after: Some(text), .. } => texts.push((part.clone(), text.clone())),
                Change::Element { after: Some(element), .. } => texts.extend(of(element)),
                _ => {}
            }
        }
        texts
    }

    // places

    /// The places of a sequence. An element that can be moved has two.
    pub fn entries(&self, sequence: &Sequence) -> Vec<Entry> {
        let both = |key: &Key| Entry { key: key.clone(), side: Side::Both };
        match self.orders.get(sequence) {
            Some(entries) => entries.clone(),
            None => self.base.sequences.get(sequence).into_iter().flatten().map(both).collect(),
        }
    }

    /// The edit that moves an element.
    pub fn moved_by(&self, sequence: &Sequence, key: &Key) -> Option<usize> {
        self.moves.get(&(sequence.clone(), key.clone())).copied().flatten()
    }

    /// Whether there is an element at a place.
    pub fn is_placed(&self, sequence: &Sequence, entry: &Entry, on: &Switches) -> bool {
        let is_moved = self.moves.get(&(sequence.clone(), entry.key.clone()));
        let is_here = match is_moved.map(|edit| edit.is_none_or(|edit| on.contains(edit))) {
            Some(true) => entry.side != Side::Before,
            Some(false) => entry.side != Side::After,
            None => true,
        };
        is_here && self.element(&entry.key, on).is_some()
    }

    /// The elements of a sequence, in order.
    pub fn sequence(&self, sequence: &Sequence, on: &Switches) -> Vec<Key> {
        let entries = self.entries(sequence).into_iter();
        entries.filter(|entry| self.is_placed(sequence, entry, on)).map(|entry| entry.key).collect()
    }

    /// The hybrid, without cases and tests.
    pub fn structure(&self, on: &Switches) -> Structure {
        let elements: BTreeMap<Key, Element> =
            self.keys().into_iter().filter_map(|key| Some((key.clone(), self.element(key, on)?))).collect();
        let is_first = |table: &String| {
            let choice = elements.get(&Key::Table(table.clone())).and_then(|table| table.get(&Part::Choice));
            choice.is_some_and(|choice| choice == "first")
        };
        let all: BTreeSet<&Sequence> = self.base.sequences.keys().chain(self.orders.keys()).collect();
        let mut sequences = BTreeMap::new();
        for sequence in all {
            let is_real = match sequence {
                Sequence::FirstRows(table) => is_first(table),
                Sequence::UniqueRows(table) => !is_first(table),
                _ => true,
            };
            let keys = self.sequence(sequence, on);
            if is_real && !keys.is_empty() {
                sequences.insert(sequence.clone(), keys);
            }
        }
        let mut out = Structure { name: self.base.name.clone(), elements, sequences };
        number_versions(&mut out);
        out
    }

    // names

    fn find_names(&mut self) {
        let mut declarations: BTreeMap<String, BTreeSet<Key>> = BTreeMap::new();
        for key in self.keys() {
            if let Some(name) = value_name(key) {
                declarations.entry(name.to_owned()).or_default().insert(key.clone());
            }
        }
        let mut direct: BTreeMap<&str, Switches> = BTreeMap::new();
        let mut uses: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (name, keys) in &declarations {
            let (touched, used) = (direct.entry(name).or_default(), uses.entry(name).or_default());
            for key in keys {
                self.changes(key).iter().for_each(|(edit, _)| touched.insert(*edit));
                self.facts.get(name).into_iter().for_each(|facts| touched.insert(*facts));
                let texts = self.texts(key);
                let texts = texts.iter().filter(|(part, _)| part.decides()).map(|(_, text)| text.as_str());
                used.extend(texts.chain(cells(key)).flat_map(names).map(str::to_owned));
            }
            let rows = Sequence::FirstRows(name.clone());
            keys.iter().filter_map(|key| self.moved_by(&rows, key)).for_each(|edit| touched.insert(edit));
        }
        let mut touched = BTreeMap::new();
        for name in declarations.keys() {
            let (mut found, mut open) = (BTreeSet::from([name.as_str()]), vec![name.as_str()]);
            let mut edits = Switches::default();
            while let Some(next) = open.pop() {
                edits.add(&direct[next]);
                for used in &uses[next] {
                    if let Some((used, _)) = declarations.get_key_value(used)
                        && found.insert(used)
                    {
                        open.push(used);
                    }
                }
            }
            touched.insert(name.clone(), edits);
        }
        (self.declarations, self.touched) = (declarations, touched);
    }

    /// The elements that declare a name with any edits on; none if it is not the name of a value.
    pub fn declaration(&self, name: &str) -> impl Iterator<Item = &Key> {
        self.declarations.get(name).into_iter().flatten()
    }

    /// The edits that touch what a name stands for; `None` if it is not the name of a value.
    pub fn touching_name(&self, name: &str) -> Option<&Switches> {
        self.touched.get(name)
    }

    /// The edits that change how a name is declared.
    pub fn declaring(&self, name: &str) -> Switches {
        self.declaration(name).flat_map(|key| self.changes(key)).map(|(edit, _)| *edit).collect()
    }

    /// The edits without which the second policy does not take a name from a snapshot, and what they need.
    pub fn taking(&self, name: &str) -> Switches {
        let all = self.of_policies();
        let is_taken = |on: &Switches| self.declaration(name).any(|key| self.is_taken(key, on));
        let is_needed = |edit: &usize| !is_taken(&self.taken_back(&all, &Switches::from_iter([*edit])));
        self.closed(&self.declaring(name).iter().filter(is_needed).collect())
    }

    /// Whether an element takes its value from a snapshot.
    pub fn is_taken(&self, key: &Key, on: &Switches) -> bool {
        let is_open = |element: Element| {
            matches!(key, Key::Set(_)) || element.get(&Part::Value).is_some_and(|text| text == FROM_SNAPSHOT)
        };
        self.element(key, on).is_some_and(is_open)
    }

    /// Whether a name is a look-up table of facts with some edits on.
    pub fn is_fact_table(&self, name: &str) -> bool {
        let key = Key::Table(name.to_owned());
        self.texts(&key).iter().any(|(part, _)| *part == Part::Keys)
    }

    /// How often a text uses a name, directly and through other names, of which each counts once.
    pub fn uses(&self, text: &str, of: &str) -> usize {
        let (mut found, mut open) = (BTreeSet::new(), Vec::new());
        let mut count = 0;
        let mut read = |text: &str, open: &mut Vec<String>| {
            for name in names(text) {
                if name == of {
                    count += 1;
                } else if self.declarations.contains_key(name) && found.insert(name.to_owned()) {
                    open.push(name.to_owned());
                }
            }
        };
        read(text, &mut open);
        while let Some(name) = open.pop() {
            for key in self.declaration(&name) {
                cells(key).into_iter().for_each(|cell| read(cell, &mut open));
                let texts = self.texts(key);
                let texts = texts.iter().filter(|(part, _)| part.decides());
                texts.for_each(|(_, text)| read(text, &mut open));
            }
        }
        count
    }

    /// The table of which an edit changes rows and nothing else.
    pub fn rows_of(&self, edit: usize) -> Option<&str> {
        self.rows_of[edit].as_deref()
    }

    /// The edits that touch the names in a text.
    pub fn touching_text(&self, text: &str) -> Switches {
        let touched = names(text).filter_map(|name| self.touching_name(name));
        touched.fold(Switches::default(), |all, touched| all.with(touched))
    }
}

/// The table of which changes touch rows and nothing else, and of which they leave the order alone: values of rows or cells,
/// or rows of a table that is `unique` in both policies.
fn rows_of(changes: &[Change], orders: &BTreeMap<Sequence, Vec<Entry>>, base: &Structure) -> Option<String> {
    let is_first = |table: &str| {
        let rows = Sequence::FirstRows(table.to_owned());
        base.sequences.contains_key(&rows) || orders.contains_key(&rows)
    };
    let table = |change: &Change| match change {
        Change::Part {
            key: Key::TableRow(table, ..) | Key::GridCell(table, ..), part: Part::Value, ..
        } => Some(table.clone()),
        Change::Element { key: Key::TableRow(table, ..), .. } if !is_first(table) => Some(table.clone()),
        _ => None,
    };
    let tables: Option<BTreeSet<String>> = changes.iter().map(table).collect();
    tables.filter(|tables| tables.len() == 1).and_then(|mut tables| tables.pop_first())
}

/// Numbers the versions by their days: each policy has numbers of its own.
fn number_versions(structure: &mut Structure) {
    let day = |(key, element): (&Key, &Element)| match key {
        Key::Version(_) => Some((element.get(&Part::From)?.clone(), key.clone())),
        _ => None,
    };
    let mut versions: Vec<(String, Key)> = structure.elements.iter().filter_map(day).collect();
    versions.sort();
    for (at, (_, key)) in versions.into_iter().enumerate() {
        let element = structure.elements.get_mut(&key).expect("it was found among the elements");
        element.insert(Part::Number, (at + 1).to_string());
    }
}
