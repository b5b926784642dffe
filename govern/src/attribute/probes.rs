//! How does a run report what it reads? The hybrid gets additional outputs, which show what the sites would have given
//! with other edits on.
//!
//! A **probe** is such an output. For each site that edits touch, and for each way to switch those edits, the
//! expression of the site is written again next to the original, with copies of the parameters, tables and `let`s that
//! differ. If, for a row, they all give what the site gave, the run does not read the edits. What cannot be probed
//! counts as read: an edit beyond [`COMBINATIONS_MAX`], or an expression that does not compile where it would be
//! written.
//!
//! A table gives a row one of its values, so of the edits that change rows of one table at most one makes a difference.
//! So they are switched one at a time, not in every combination.
//!
//! Facts are probed by name: a copy of a parameter, set or table from a snapshot has facts of its own, which are filled in
//! with what other sets of edits find on the row's day ([`super::holes`]).

use std::collections::{BTreeMap, BTreeSet};

use super::merged::{Merged, cells, value_name};
use super::sites::{Site, Sites};
use super::switches::Switches;
use crate::diff::{names, words};
use crate::structure::{Dates, Element, FROM_SNAPSHOT, Key, Part, Sequence, Structure, When};

/// The most combinations of edits that are probed at a site.
const COMBINATIONS_MAX: usize = 40;
/// The most probes of a hybrid.
const PROBES_MAX: usize = 600;

/// A hybrid with probes.
#[derive(Clone)]
pub struct Probed {
    /// The hybrid, with the probes among its outputs.
    pub structure: Structure,
    /// The names of the probes, and what each is for.
    pub names: BTreeMap<String, Cause>,
    /// The probes, in the order of their outputs.
    pub outputs: Vec<String>,
    /// What is known about the requires that edits touch.
    pub requires: Vec<Answers>,
    /// The same of the places of rules.
    pub rules: Vec<Answers>,
    /// By rule in the order of the hybrid, its place, and what is known about its outputs.
    pub decides: Vec<(usize, Vec<Answers>)>,
    /// By name, the copies of what is taken from a snapshot.
    pub copies: BTreeMap<String, CopyOf>,
}

/// A copy that takes facts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CopyOf {
    /// The name whose facts it takes.
    pub name: String,
    /// Whether it takes other facts than those that the hybrid finds.
    pub takes_others: bool,
}

/// What was written for a probe: a copy of a name, or the expression of a site. It is left out if it does not compile.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cause {
    /// A copy of a name as these edits, of those that touch it, make it.
    Copy(String, Switches),
    /// An expression of an element as these edits make it; with an output's name, what a rule gives for it.
    Site(Key, usize, Option<String>, Switches),
}

/// What a site gives with each combination of its edits switched.
#[derive(Clone)]
pub struct Answers {
    /// The place of a rule; 0 for a `require`.
    pub place: usize,
    /// The edits that are not probed: every run reads them.
    pub always: Switches,
    /// The edits that are probed.
    pub edits: Vec<usize>,
    /// Combinations of them that are switched, as bits in their order, each with what the site gives.
    pub answers: Vec<(u64, Answer)>,
}

/// What a site gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// What it gives in the hybrid.
    Same,
    /// This.
    Is(bool),
    /// What the probe with this number says.
    Probe(usize),
    /// Nobody knows.
    Unknown,
}

/// The switches of facts that probes say too little about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Held {
    /// There are too many other facts.
    pub always: Switches,
    /// There are several other facts, and only one name of a site can have them in turn.
    pub where_several: Switches,
}

impl Answers {
    /// A site of which nothing is known.
    pub fn unknown(place: usize, always: Switches) -> Answers {
        Answers { place, always, edits: Vec::new(), answers: Vec::new() }
    }

    /// The edits that a run reads at the site, where it gave `given`: the others can be switched in every combination
    /// without another answer. Those that are `held` are read in any case.
    pub fn read(&self, given: bool, probe: impl Fn(usize) -> bool, held: &Held) -> Switches {
        let keeps = |answer: &Answer| match answer {
            Answer::Same => true,
            Answer::Is(value) => *value == given,
            Answer::Probe(number) => probe(*number) == given,
            Answer::Unknown => false,
        };
        let differing: Vec<u64> =
            self.answers.iter().filter(|(_, answer)| !keeps(answer)).map(|(mask, _)| *mask).collect();
        let several = self.edits.iter().filter(|edit| held.where_several.contains(**edit)).count() > 1;
        let is_held =
            |edit: usize| held.always.contains(edit) || several && held.where_several.contains(edit);
        let mut free = 0u64;
        for bit in (0..self.edits.len()).filter(|bit| !is_held(self.edits[*bit])) {
            let wider = free | 1 << bit;
            if differing.iter().all(|mask| mask & !wider != 0) {
                free = wider;
            }
        }
        let read =
            self.edits.iter().enumerate().filter(|(bit, _)| free >> bit & 1 == 0).map(|(_, edit)| *edit);
        self.always.with(&read.collect())
    }
}

/// The hybrid of `on`, with probes but for those that are left out.
pub fn probed(
    merged: &Merged,
    sites: &Sites,
    compared: &[String],
    on: &Switches,
    left_out: &BTreeSet<Cause>,
) -> Probed {
    let mut writer = Writer {
        merged,
        on,
        left_out,
        prefix: prefix(merged),
        structure: merged.structure(on),
        copies: BTreeMap::new(),
        of_facts: BTreeMap::new(),
        names: BTreeMap::new(),
        outputs: Vec::new(),
        lets: BTreeMap::new(),
        inline: Vec::new(),
    };
    let requires = sites.requires.iter().map(|site| writer.site(site, &Sequence::Requires)).collect();
    let rules = sites.rules.iter().map(|site| writer.site(site, &Sequence::Rules)).collect();
    let mut decides = Vec::new();
    for (place, entry) in merged.entries(&Sequence::Rules).iter().enumerate() {
        if !matches!(entry.key, Key::Rule(..)) || !merged.is_placed(&Sequence::Rules, entry, on) {
            continue;
        }
        let outputs = compared.iter().filter_map(|output| {
            let touched = sites.touching_output(merged, &entry.key, output);
            (!touched.is_empty()).then(|| writer.outcome(&entry.key, place, output, &touched))
        });
        let outputs = outputs.collect();
        decides.push((place, outputs));
    }
    writer.place_rules();
    let Writer { structure, names, outputs, of_facts, .. } = writer;
    Probed { structure, names, outputs, requires, rules, decides, copies: of_facts }
}

/// The combinations of a site's edits that are probed.
struct Combinations {
    edits: Vec<usize>,
    /// Those that are not probed.
    always: Switches,
    /// Combinations as bits, each with a closed set that has it.
    sets: Vec<(u64, Switches)>,
}

struct Writer<'a> {
    merged: &'a Merged,
    on: &'a Switches,
    left_out: &'a BTreeSet<Cause>,
    /// No name begins with it.
    prefix: String,
    structure: Structure,
    /// By name and the edits of those that touch it, the name of the copy; `None` where there can be none.
    copies: BTreeMap<(String, Switches), Option<String>>,
    /// Of them, those that take facts.
    of_facts: BTreeMap<String, CopyOf>,
    names: BTreeMap<String, Cause>,
    outputs: Vec<String>,
    /// By place in the merged order of rules, before which it is defined: the probes of the site there; those of requires
    /// are before all rules.
    lets: BTreeMap<usize, Vec<(usize, Key)>>,
    /// What rules give for probes of their own outputs.
    inline: Vec<(Key, usize, String)>,
}

/// Letters with which no name in either policy begins.
fn prefix(merged: &Merged) -> String {
    let mut prefix = "q".to_owned();
    let is_taken = |prefix: &str| {
        let begins = |text: &str| words(text).any(|(_, word)| word.starts_with(prefix));
        merged.keys().iter().any(|key| {
            let of_key = value_name(key).map(str::to_owned).unwrap_or_else(|| key.to_string());
            begins(&of_key)
                || cells(key).into_iter().any(begins)
                || merged.texts(key).iter().any(|(part, text)| {
                    part.decides() && begins(text) || matches!(part, Part::Output(name) if begins(name))
                })
        })
    };
    while is_taken(&format!("{prefix}_")) {
        prefix.push('q');
    }
    prefix + "_"
}

impl Writer<'_> {
    /// The combinations of a site's edits to probe: each as bits and the closed set with those switched. `texts` is what the
    /// site can say.
    fn combinations(&self, touched: &Switches, texts: &[String]) -> Combinations {
        let (mut edits, mut always) = (Vec::new(), self.mixed(texts).meet(touched));
        let touched_alone = touched.without(&always);
        let mut groups: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
        for edit in touched_alone.iter() {
            groups.entry(self.merged.rows_of(edit)).or_default().push(edit);
        }
        let alone = groups.remove(&None).unwrap_or_default().into_iter().map(|edit| vec![edit]);
        let groups = groups.into_values().chain(alone);
        let mut masks = vec![0u64];
        for group in groups {
            let room = self.outputs.len() + masks.len() * (1 + group.len());
            if masks.len() * (1 + group.len()) > COMBINATIONS_MAX
                || room > PROBES_MAX
                || edits.len() + group.len() > 64
            {
                group.into_iter().for_each(|edit| always.insert(edit));
                continue;
            }
            let before = masks.clone();
            for edit in group {
                masks.extend(before.iter().map(|mask| mask | 1 << edits.len()));
                edits.push(edit);
            }
        }
        let set = |mask: &u64| Some((*mask, self.switched(touched, &edits, *mask)?));
        let sets = masks[1..].iter().filter_map(set).collect();
        Combinations { edits, always, sets }
    }

    /// The tables of facts of which one of the texts takes several entries: a probe in which all entries are others says
    /// nothing about some of them.
    fn mixed(&self, texts: &[String]) -> Switches {
        let tables = self.merged.facts.iter().filter(|(name, _)| self.merged.is_fact_table(name));
        let is_mixed = |name: &str| texts.iter().any(|text| self.merged.uses(text, name) > 1);
        tables.filter(|(name, _)| is_mixed(name)).map(|(_, facts)| *facts).collect()
    }

    /// The set with some of the edits that touch a site switched and the others as they are; `None` if no closed set is so.
    fn switched(&self, touched: &Switches, edits: &[usize], mask: u64) -> Option<Switches> {
        let chosen: Switches =
            edits.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, edit)| *edit).collect();
        let (off, on) = (chosen.meet(self.on), chosen.without(self.on));
        let wanted = self.on.without(&off).with(&on).meet(touched);
        let found = self.merged.taken_back(&self.on.with(&self.merged.closed(&on)), &off);
        (found.meet(touched) == wanted).then_some(found)
    }

    /// Probes the condition of a site.
    fn site(&mut self, site: &Site, sequence: &Sequence) -> Answers {
        let is_rule = *sequence == Sequence::Rules;
        let place = if is_rule { site.place } else { 0 };
        let entries = self.merged.entries(sequence);
        let is_there = |on: &Switches| self.merged.is_placed(sequence, &entries[site.place], on);
        let condition = |on: &Switches| {
            let element = self.merged.element(&site.key, on).filter(|_| is_there(on));
            element.map(|element| element.get(&Part::Condition).cloned().unwrap_or_default())
        };
        let own = condition(self.on);
        let texts = self.texts(&site.key, |part| *part == Part::Condition);
        let Combinations { edits, always, sets } = self.combinations(&site.touched, &texts);
        let mut answers = Vec::new();
        for (mask, on) in sets {
            let answer = match condition(&on) {
                // a rule that is not there decides nothing, a require that is not there refuses nothing
                None => Answer::Is(!is_rule),
                text if text == own && !self.differs(&text, &on) => Answer::Same,
                Some(text) => self.condition(site, is_rule, &text, &on),
            };
            answers.push((mask, answer));
        }
        Answers { place, always, edits, answers }
    }

    /// What parts of an element say with any edits on.
    fn texts(&self, key: &Key, is_it: impl Fn(&Part) -> bool) -> Vec<String> {
        let texts = self.merged.texts(key).into_iter();
        texts.filter(|(part, _)| is_it(part)).map(|(_, text)| text).collect()
    }

    /// Whether a name in a text stands for something else with these edits.
    fn differs(&self, text: &Option<String>, on: &Switches) -> bool {
        text.as_ref().is_some_and(|text| self.changed(&self.merged.touching_text(text), on))
    }

    fn changed(&self, touched: &Switches, on: &Switches) -> bool {
        touched.meet(on) != touched.meet(self.on)
    }

    fn condition(&mut self, site: &Site, is_rule: bool, text: &str, on: &Switches) -> Answer {
        let cause = Cause::Site(site.key.clone(), site.place, None, on.meet(&site.touched));
        let dates = site.key.dates().unwrap_or_default();
        if self.left_out.contains(&cause) || !self.has_versions(dates) {
            return Answer::Unknown;
        }
        let Some(text) = self.written(text, on) else { return Answer::Unknown };
        let (number, name) = self.probe(cause);
        let place = if is_rule { site.place } else { 0 };
        let mut lets = vec![(Dates { ..dates }, text)];
        // where it does not hold, a rule decides nothing and a require refuses nothing
        let otherwise = if is_rule { "false" } else { "true" };
        if let Some(from) = dates.from.filter(|from| !self.is_first(*from)) {
            lets.push((Dates { from: None, until: Some(from) }, otherwise.to_owned()));
        }
        if dates.until.is_some() {
            lets.push((Dates { from: dates.until, until: None }, otherwise.to_owned()));
        }
        for (dates, text) in lets {
            let key = Key::RuleLet(name.clone(), dates);
            self.structure.elements.insert(key.clone(), Element::from([(Part::Value, text)]));
            self.lets.entry(place).or_default().push((number, key));
        }
        Answer::Probe(number)
    }

    /// Probes what a rule gives for an output.
    fn outcome(&mut self, rule: &Key, place: usize, output: &str, touched: &Switches) -> Answers {
        let given = |on: &Switches| {
            let rule = self.merged.element(rule, on)?;
            let named = rule.get(&Part::Output(output.to_owned())).cloned();
            named.or_else(|| {
                let output = self.merged.element(&Key::Output(output.to_owned()), on)?;
                output.get(&Part::Default).cloned()
            })
        };
        let own = given(self.on);
        let mut texts = self.texts(rule, |part| *part == Part::Output(output.to_owned()));
        texts.extend(self.texts(&Key::Output(output.to_owned()), |part| *part == Part::Default));
        let Combinations { edits, always, sets } = self.combinations(touched, &texts);
        let mut answers = Vec::new();
        for (mask, on) in sets {
            let answer = match (given(&on), &own) {
                (None, _) | (_, None) => Answer::Is(false),
                (text, _) if text == own && !self.differs(&text, &on) => Answer::Same,
                (Some(text), Some(own)) => {
                    let cause = Cause::Site(rule.clone(), place, Some(output.to_owned()), on.meet(touched));
                    self.equality(rule, cause, own, &text, &on)
                }
            };
            answers.push((mask, answer));
        }
        Answers { place, always, edits, answers }
    }

    fn equality(&mut self, rule: &Key, cause: Cause, own: &str, text: &str, on: &Switches) -> Answer {
        if self.left_out.contains(&cause) {
            return Answer::Unknown;
        }
        if self.is_constant(own) && self.is_constant(text) {
            // two constants in canonical form: another text is at least written as another value
            return Answer::Is(false);
        }
        let Some(text) = self.written(text, on) else { return Answer::Unknown };
        let (number, name) = self.probe(cause);
        self.inline.push((rule.clone(), number, format!("({own}) == ({text})")));
        debug_assert_eq!(self.outputs[number], name, "probes are outputs in order");
        Answer::Probe(number)
    }

    /// Whether a text names no value and no input.
    fn is_constant(&self, text: &str) -> bool {
        let all = self.merged.keys();
        names(text).all(|name| {
            self.merged.touching_name(name).is_none() && !all.contains(&Key::Input(name.to_owned()))
        })
    }

    /// A new output.
    fn probe(&mut self, cause: Cause) -> (usize, String) {
        let number = self.outputs.len();
        let name = format!("{}p{number}", self.prefix);
        self.names.insert(name.clone(), cause);
        self.outputs.push(name.clone());
        let output = [(Part::Type, "bool".to_owned()), (Part::Default, "false".to_owned())];
        let key = Key::Output(name.clone());
        self.structure.elements.insert(key.clone(), Element::from(output));
        self.structure.sequences.entry(Sequence::Outputs).or_default().push(key);
        (number, name)
    }

    /// A text as these edits make it, with the names of copies where they make a difference. `None` if a name cannot be
    /// told from another word, or has no copy.
    fn written(&mut self, text: &str, on: &Switches) -> Option<String> {
        let (mut out, mut previous) = (String::new(), "");
        for (between, word) in words(text) {
            let is_mode = previous == "rounded";
            previous = word;
            out += between;
            let touched = self.merged.touching_name(word).filter(|_| !is_mode).cloned();
            match touched {
                Some(touched) if self.changed(&touched, on) => out += &self.copy(word, &touched, on)?,
                _ => out += word,
            }
        }
        Some(out)
    }

    /// The copy of a name as these edits make it.
    fn copy(&mut self, name: &str, touched: &Switches, on: &Switches) -> Option<String> {
        let known = (name.to_owned(), on.meet(touched));
        if let Some(copy) = self.copies.get(&known) {
            return copy.clone();
        }
        let cause = Cause::Copy(known.0.clone(), known.1.clone());
        let copy = format!("{}c{}", self.prefix, self.copies.len());
        self.copies.insert(known.clone(), None);
        let is_plain = !self.left_out.contains(&cause) && !self.is_word_of_enum(name);
        let made = if is_plain { self.copied(name, &copy, on) } else { None };
        if made.is_some() {
            self.names.insert(copy.clone(), cause);
            self.copies.insert(known, Some(copy.clone()));
        }
        made.map(|()| copy)
    }

    /// A value of an enum with the name: a text does not say which of the two is meant.
    fn is_word_of_enum(&self, name: &str) -> bool {
        self.merged.keys().iter().any(|key| matches!(key, Key::EnumValue(_, value) if value == name))
    }

    fn copied(&mut self, name: &str, copy: &str, on: &Switches) -> Option<()> {
        let keys: Vec<Key> = self.merged.declaration(name).cloned().collect();
        let mut elements: Vec<(Key, Key, Element)> = Vec::new();
        let takes_facts = keys.iter().any(|key| self.merged.is_taken(key, on));
        for key in keys {
            let Some(mut element) = self.merged.element(&key, on) else { continue };
            if !self.has_versions(key.dates().unwrap_or_default()) {
                return None;
            }
            for (part, text) in element.iter_mut().filter(|(part, _)| part.decides()) {
                if !matches!(part, Part::Type | Part::Choice | Part::Keys) && text != FROM_SNAPSHOT {
                    *text = self.written(text, on)?;
                }
            }
            element.retain(|part, _| part.decides());
            let new = self.renamed(&key, copy, on)?;
            elements.push((key, new, element));
        }
        if elements.is_empty() {
            return None;
        }
        if takes_facts {
            let takes_others = self.merged.facts.get(name).is_some_and(|facts| on.contains(*facts));
            self.of_facts.insert(copy.to_owned(), CopyOf { name: name.to_owned(), takes_others });
        }
        let own: BTreeMap<Key, Key> =
            elements.iter().map(|(key, new, _)| (key.clone(), new.clone())).collect();
        let sequences = |of: &str| {
            let of = of.to_owned();
            [
                Sequence::ParamValues(of.clone()),
                Sequence::FirstRows(of.clone()),
                Sequence::UniqueRows(of.clone()),
                Sequence::GridColumns(of.clone()),
                Sequence::GridRows(of),
            ]
        };
        for (sequence, new) in sequences(name).into_iter().zip(sequences(copy)) {
            let keys = self.merged.sequence(&sequence, on);
            let keys: Vec<Key> = keys.iter().filter_map(|key| own.get(key).cloned()).collect();
            if !keys.is_empty() {
                self.structure.sequences.insert(new, keys);
            }
        }
        let rules = self.merged.entries(&Sequence::Rules);
        for (key, new, element) in elements {
            match &key {
                Key::Param(_) | Key::Set(_) | Key::Let(..) | Key::Table(_) | Key::Grid(_) => {
                    self.structure.sequences.entry(Sequence::Items).or_default().push(new.clone());
                }
                Key::RuleLet(..) => {
                    let is_it = |entry: &&crate::diff::Entry| {
                        entry.key == key && self.merged.is_placed(&Sequence::Rules, entry, on)
                    };
                    let entry = rules.iter().find(is_it)?;
                    let place = rules.iter().position(|other| other == entry)?;
                    self.lets.entry(place).or_default().push((usize::MAX, new.clone()));
                }
                _ => {}
            }
            self.structure.elements.insert(new, element);
        }
        Some(())
    }

    fn renamed(&mut self, key: &Key, copy: &str, on: &Switches) -> Option<Key> {
        let name = copy.to_owned();
        Some(match key {
            Key::Param(_) => Key::Param(name),
            Key::Set(_) => Key::Set(name),
            Key::ParamValue(_, dates) => Key::ParamValue(name, *dates),
            Key::Let(_, dates) => Key::Let(name, *dates),
            Key::RuleLet(_, dates) => Key::RuleLet(name, *dates),
            Key::Table(_) => Key::Table(name),
            Key::TableRow(_, cells, dates) => {
                let cells = cells.iter().map(|cell| self.written(cell, on)).collect::<Option<_>>()?;
                Key::TableRow(name, cells, *dates)
            }
            Key::Grid(_) => Key::Grid(name),
            Key::GridColumn(_, column) => Key::GridColumn(name, self.written(column, on)?),
            Key::GridRow(_, row, dates) => Key::GridRow(name, self.written(row, on)?, *dates),
            Key::GridCell(_, row, dates, column) => {
                Key::GridCell(name, self.written(row, on)?, *dates, self.written(column, on)?)
            }
            _ => return None,
        })
    }

    // versions

    /// Whether the versions to which dates refer are declared. Those that other edits declare are added where they can be:
    /// a version by itself changes nothing.
    fn has_versions(&mut self, dates: Dates) -> bool {
        [dates.from, dates.until].into_iter().flatten().all(|when| match when {
            When::Version(number) => self.has_version(number),
            When::Day(_) => true,
        })
    }

    fn has_version(&mut self, number: u32) -> bool {
        let key = Key::Version(number);
        let elements = &self.structure.elements;
        if elements.contains_key(&key) {
            return true;
        }
        let texts = self.merged.texts(&key);
        let days: BTreeSet<&String> =
            texts.iter().filter(|(part, _)| *part == Part::From).map(|(_, day)| day).collect();
        let is_taken = |day: &String| {
            let of_version = |(key, element): (&Key, &Element)| {
                matches!(key, Key::Version(_)) && element.get(&Part::From) == Some(day)
            };
            elements.iter().any(of_version)
        };
        let [day] = days.into_iter().collect::<Vec<_>>()[..] else { return false };
        if !elements.contains_key(&Key::Effective) || is_taken(day) {
            return false;
        }
        let next = elements.keys().filter(|key| matches!(key, Key::Version(_))).count() + 1;
        let element = [(Part::From, day.clone()), (Part::Number, (next + 1_000).to_string())];
        self.structure.elements.insert(key.clone(), Element::from(element));
        self.structure.sequences.entry(Sequence::Items).or_default().push(key);
        true
    }

    /// Whether the first version begins then.
    fn is_first(&self, when: When) -> bool {
        let days = self.structure.elements.iter().filter_map(|(key, element)| match key {
            Key::Version(number) => Some((element.get(&Part::From)?, *number)),
            _ => None,
        });
        days.min().is_some_and(|(_, number)| When::Version(number) == when)
    }

    // rules

    /// Puts the definitions of probes and copies before the rules whose sites they are about, and gives every rule the
    /// probes that are defined by then.
    fn place_rules(&mut self) {
        let entries = self.merged.entries(&Sequence::Rules);
        let (mut keys, mut defined) = (Vec::new(), BTreeSet::new());
        for (place, entry) in entries.iter().enumerate() {
            let mut lets = self.lets.remove(&place).unwrap_or_default();
            // copies first: probes use them
            lets.sort_by_key(|(number, _)| std::cmp::Reverse(*number == usize::MAX));
            for (number, key) in lets {
                keys.push(key);
                defined.insert(number);
            }
            if !self.merged.is_placed(&Sequence::Rules, entry, self.on) {
                continue;
            }
            keys.push(entry.key.clone());
            if let (Key::Rule(..), Some(rule)) = (&entry.key, self.structure.elements.get_mut(&entry.key)) {
                for number in defined.iter().filter(|number| **number != usize::MAX) {
                    let name = &self.outputs[*number];
                    rule.insert(Part::Output(name.clone()), name.clone());
                }
            }
        }
        for (rule, number, text) in std::mem::take(&mut self.inline) {
            let rule = self.structure.elements.get_mut(&rule).expect("the rule is there");
            rule.insert(Part::Output(self.outputs[number].clone()), text);
        }
        self.structure.sequences.insert(Sequence::Rules, keys);
    }
}
