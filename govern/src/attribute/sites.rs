//! Where can an edit change what a row meets? At a **site**: a `require`, a rule at one of its places, an output of a
//! rule. What a site gives depends on the edits that touch it and on no other.

use std::collections::BTreeMap;

use super::merged::Merged;
use super::switches::Switches;
use crate::diff::Change;
use crate::structure::{Key, Part, Sequence};

/// Where edits act.
pub struct Sites {
    /// The edits that act through admission or dates in ways that only all of them together decide. Every run reads them.
    pub always: Switches,
    /// By input field, the edits that act through its admission alone.
    pub fields: BTreeMap<String, Switches>,
    /// The requires that edits touch.
    pub requires: Vec<Site>,
    /// The places of rules that edits touch, in the merged order.
    pub rules: Vec<Site>,
}

/// A `require` or a place of a rule.
pub struct Site {
    /// The element.
    pub key: Key,
    /// Its place in the merged order.
    pub place: usize,
    /// The edits that touch whether it holds.
    pub touched: Switches,
}

impl Sites {
    pub fn new(merged: &Merged) -> Sites {
        let always = always(merged);
        let site = |sequence: &Sequence, place: usize, key: Key| {
            let mut touched = merged.touching_condition(&key);
            touched.extend_one(merged.moved_by(sequence, &key));
            Site { place, touched: touched.without(&always), key }
        };
        let of = |sequence: Sequence| -> Vec<Site> {
            let entries = merged.entries(&sequence).into_iter().enumerate();
            let entries = entries.filter(|(_, entry)| matches!(entry.key, Key::Rule(..) | Key::Require(..)));
            let sites = entries.map(|(place, entry)| site(&sequence, place, entry.key));
            sites.filter(|site| !site.touched.is_empty()).collect()
        };
        Sites { fields: fields(merged), requires: of(Sequence::Requires), rules: of(Sequence::Rules), always }
    }

    /// The edits that touch an output of a rule.
    pub fn touching_output(&self, merged: &Merged, rule: &Key, output: &str) -> Switches {
        let default = Key::Output(output.to_owned());
        let of_rule = |part: &Part| *part == Part::Output(output.to_owned());
        let touched = merged.touching_parts(rule, of_rule);
        touched.with(&merged.touching_parts(&default, |part| *part == Part::Default)).without(&self.always)
    }
}

impl Switches {
    fn extend_one(&mut self, edit: Option<usize>) {
        edit.into_iter().for_each(|edit| self.insert(edit));
    }
}

impl Merged {
    /// The edits that touch whether an element with a condition is there and what the condition says.
    fn touching_condition(&self, key: &Key) -> Switches {
        self.touching_parts(key, |part| *part == Part::Condition)
    }

    /// The edits that add or remove an element, or touch some of its parts.
    fn touching_parts(&self, key: &Key, is_it: impl Fn(&Part) -> bool) -> Switches {
        let mut touched = Switches::default();
        for (edit, change) in self.changes(key) {
            match change {
                Change::Part { part, .. } if !is_it(part) => {}
                _ => touched.insert(*edit),
            }
        }
        let texts = self.texts(key);
        let texts = texts.iter().filter(|(part, _)| is_it(part));
        texts.fold(touched, |touched, (_, text)| touched.with(&self.touching_text(text)))
    }
}

/// The edits that change what currency, months or dates mean, which date selects the version, or of which kind an input
/// is.
fn always(merged: &Merged) -> Switches {
    let mut always = Switches::default();
    for key in merged.changed_keys() {
        for (edit, change) in merged.changes(key) {
            let acts = match (key, change) {
                (Key::Currency | Key::Effective | Key::MonthEnd, _) => true,
                // a version that comes or goes alone moves nothing; what it dates are edits of their own
                (Key::Version(_), Change::Part { part: Part::From, .. }) => true,
                (Key::Input(_), Change::Part { part: Part::Type, .. }) => true,
                _ => false,
            };
            if acts {
                always.insert(*edit);
            }
        }
    }
    always
}

/// By input field, the edits of its declaration and of the values that its enum has.
fn fields(merged: &Merged) -> BTreeMap<String, Switches> {
    let keys = merged.keys();
    let inputs = keys.iter().filter_map(|key| match key {
        Key::Input(name) => Some(name),
        _ => None,
    });
    let of = |name: &String| {
        let input = Key::Input(name.clone());
        let texts = merged.texts(&input);
        let is_own = |key: &&&Key| match key {
            Key::Input(other) => other == name,
            Key::Enum(of) | Key::EnumValue(of, _) => {
                texts.iter().any(|(part, text)| *part == Part::Type && text == of)
            }
            _ => false,
        };
        let own = keys.iter().filter(is_own).flat_map(|key| merged.changes(key));
        (name.clone(), own.map(|(edit, _)| *edit).collect())
    };
    inputs.map(of).collect()
}
