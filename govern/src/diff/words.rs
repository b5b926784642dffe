//! What does an edit say to people? One line, in the words of the policy, down to the operand that changed.

use std::collections::{BTreeMap, BTreeSet};

use opus_frontend::format;

use super::{Change, Family, Numbers, Rename};
use crate::structure::{Dates, Element, Key, Part, When};

/// What an edit does.
pub fn says(changes: &[Change], numbers: &Numbers) -> String {
    Words { numbers }.edit(changes)
}

struct Words<'a> {
    numbers: &'a Numbers,
}

/// What an edit adds and removes.
type Sides<'a> = (Vec<(&'a Key, &'a Element)>, Vec<(&'a Key, &'a Element)>);

impl Words<'_> {
    fn edit(&self, changes: &[Change]) -> String {
        if let [only] = changes {
            return self.one(only);
        }
        // an added or removed declaration is described without its contents
        let whole = changes.iter().find(|change| {
            matches!(
                change,
                Change::Element {
                    key: Key::Param(_) | Key::Table(_) | Key::Grid(_) | Key::Enum(_) | Key::Output(_),
                    ..
                }
            )
        });
        if let Some(Change::Element { key, before, .. }) = whole {
            let kinds = changes.iter().filter(|change| self.declares_same(change, key, before.is_some()));
            return std::iter::once(self.one(whole.expect("it was found")))
                .chain(kinds.map(|other| self.one(other)))
                .collect::<Vec<_>>()
                .join("; ");
        }
        let leads = |change: &&Change| {
            matches!(change, Change::Part { part: Part::Type, .. } | Change::Part { key: Key::Currency, .. })
        };
        if let Some(head) = changes.iter().find(leads) {
            let uses = changes.len() - 1;
            let changes = if uses == 1 { "change that follows" } else { "changes that follow" };
            return format!("{}, with {uses} {changes}", self.one(head));
        }
        self.redated(changes)
            .or_else(|| self.rows(changes))
            .or_else(|| self.values(changes))
            .unwrap_or_else(|| changes.iter().map(|change| self.one(change)).collect::<Vec<_>>().join("; "))
    }

    /// Whether a change declares the name of a declaration as something else.
    fn declares_same(&self, change: &Change, key: &Key, is_gone: bool) -> bool {
        let Change::Element { key: other, before, .. } = change else { return false };
        let name = |key: &Key| super::align::declared(key).map(|(_, name)| name.to_owned());
        before.is_some() != is_gone && name(other).is_some() && name(other) == name(key)
    }

    fn one(&self, change: &Change) -> String {
        match change {
            Change::Name { before, after } => format!("policy {before} becomes {after}"),
            Change::Rename(Rename { family, before, after }) => {
                let what = match family {
                    Family::Input => "input ".to_owned(),
                    Family::Output => "output ".to_owned(),
                    Family::Param => "param ".to_owned(),
                    Family::Set => "set ".to_owned(),
                    Family::Let => "let ".to_owned(),
                    Family::Table => "table ".to_owned(),
                    Family::Enum => "enum ".to_owned(),
                    Family::EnumValue(of) => format!("{of}."),
                    Family::Rule => "rule ".to_owned(),
                    Family::Require => "require ".to_owned(),
                    Family::Case => "case ".to_owned(),
                };
                format!("{what}{before} renamed to {after}")
            }
            Change::Part { key, part, before, after } => {
                self.part(key, part, before.as_deref(), after.as_deref())
            }
            Change::Element { key, before, after } => match (before, after) {
                (None, Some(element)) => self.element(key, element, "added"),
                (Some(element), None) => self.element(key, element, "removed"),
                _ => self.named(key),
            },
            Change::Move { sequence, key, before, after } => {
                let place = |before: &Option<Key>| match before {
                    Some(before) => format!("after {}", self.short(before)),
                    None => "first".to_owned(),
                };
                let what = if sequence.decides() { "moved" } else { "moved in the order" };
                format!("{} {what}: {} (was {})", self.named(key), place(after), place(before))
            }
        }
    }

    /// The name of an element without its kind: `C4` of `rule C4`.
    fn short(&self, key: &Key) -> String {
        match key {
            Key::Rule(name, _)
            | Key::Require(name, _)
            | Key::Input(name)
            | Key::Output(name)
            | Key::EnumValue(_, name) => name.clone(),
            Key::TableRow(_, cells, _) => cells.join(", "),
            other => self.head(other),
        }
    }

    /// As messages name it, without its dates.
    fn head(&self, key: &Key) -> String {
        match key {
            Key::Version(number) => format!("version {}", self.numbers.shown(*number)),
            other => other.to_string(),
        }
    }

    /// `rule C4 from version 2`
    fn named(&self, key: &Key) -> String {
        let dates = key.dates().and_then(|dates| self.dates(dates));
        dates.map_or_else(|| self.head(key), |dates| format!("{} {dates}", self.head(key)))
    }

    fn dates(&self, dates: Dates) -> Option<String> {
        let when = |when: When| match when {
            When::Version(number) => format!("version {}", self.numbers.shown(number)),
            When::Day(day) => format::date(day),
        };
        let parts = [
            dates.from.map(|from| format!("from {}", when(from))),
            dates.until.map(|until| format!("until {}", when(until))),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }

    fn part(&self, key: &Key, part: &Part, before: Option<&str>, after: Option<&str>) -> String {
        let name = self.named(key);
        if *part == Part::Optional {
            return if after.is_some() {
                format!("{name} becomes optional")
            } else {
                format!("{name} is no longer optional")
            };
        }
        match (part, before, after) {
            (Part::Actionable, _, Some(text)) => return format!("{name} becomes {text}"),
            (Part::Actionable, _, None) => return format!("{name} is no longer actionable"),
            (Part::Adverse(value), None, _) => return format!("{name}: {value} becomes adverse"),
            (Part::Adverse(value), _, _) => return format!("{name}: {value} is no longer adverse"),
            _ => {}
        }
        if *part == Part::Body && !matches!((before, after), (Some(_), Some(_))) {
            return name;
        }
        // the element already says what a value or a range is about
        let name = match part {
            Part::Value | Part::Range | Part::From | Part::Body => name,
            Part::Output(output) => format!("{name} {output}"),
            other => format!("{name} {other}"),
        };
        let is_text = matches!(part, Part::Title | Part::Cite);
        let whole = |text: &str| if is_text { opus_frontend::lexer::quote(text) } else { text.to_owned() };
        match (before, after) {
            (Some(before), Some(after)) => match is_computed(key, part) {
                true => format!("{name}: {}", becomes(before, after)),
                false => format!("{name}: {} becomes {}", whole(before), whole(after)),
            },
            (None, Some(after)) => format!("{name}: {} added", whole(after)),
            (Some(before), None) => format!("{name}: {} removed", whole(before)),
            (None, None) => name,
        }
    }

    fn element(&self, key: &Key, element: &Element, done: &str) -> String {
        let text = |part: Part| element.get(&part).map_or("", String::as_str);
        match key {
            Key::Version(_) => format!("{} {done}, from {}", self.head(key), text(Part::From)),
            Key::Currency | Key::MonthEnd => format!("{key} {} {done}", text(Part::Value)),
            Key::Effective => format!("{key}: {} {done}", text(Part::Value)),
            Key::ParamValue(_, dates) => {
                let when = self.dates(*dates).map(|dates| format!(" {dates}")).unwrap_or_default();
                let done = if done == "added" { "" } else { " removed" };
                format!("{key}: {}{when}{done}", text(Part::Value))
            }
            Key::TableRow(_, _, dates) => {
                let when = self.dates(*dates).map(|dates| format!(" {dates}")).unwrap_or_default();
                format!("{key} = {}{when} {done}", text(Part::Value))
            }
            _ => format!("{} {done}", self.named(key)),
        }
    }

    /// `param score_floor = 700: from version 2 becomes from version 3`
    fn redated(&self, changes: &[Change]) -> Option<String> {
        let (gone, new) = heads(changes);
        let ([(before, old)], [(after, new)]) = (gone.as_slice(), new.as_slice()) else { return None };
        if before.dated(Dates::default()) != after.dated(Dates::default()) {
            return None;
        }
        let dates = |key: &Key| {
            key.dates().and_then(|dates| self.dates(dates)).unwrap_or_else(|| "always".to_owned())
        };
        let is_valued = matches!(before, Key::ParamValue(..) | Key::TableRow(..));
        let value = old.get(&Part::Value).filter(|_| is_valued);
        let value = value.map(|value| format!(" = {value}")).unwrap_or_default();
        let mut says = format!("{before}{value}: {} becomes {}", dates(before), dates(after));
        let undated = before.dated(Dates::default());
        let parts: BTreeSet<&Part> = old.keys().chain(new.keys()).collect();
        for part in parts {
            let (before, after) = (old.get(part).map(String::as_str), new.get(part).map(String::as_str));
            if before != after {
                let change = self.part(&undated, part, before, after);
                says += &format!("; {}", change.strip_prefix(&format!("{undated} ")).unwrap_or(&change));
            }
        }
        let cells = cell_changes(changes);
        if cells > 0 {
            says += &format!("; {cells} of its cells {}", if cells == 1 { "changes" } else { "change" });
        }
        Some(says)
    }

    /// `param dti_max: 43% becomes 43% from version 1, 40% from version 3`
    fn values(&self, changes: &[Change]) -> Option<String> {
        let (gone, new) = heads(changes);
        if gone.is_empty() || new.is_empty() || gone.len() + new.len() != changes.len() {
            return None;
        }
        let undated = gone[0].0.dated(Dates::default());
        let is_value = |(key, _): &(&Key, &Element)| {
            matches!(key, Key::ParamValue(..)) && key.dated(Dates::default()) == undated
        };
        let value = |(key, element): &(&Key, &Element)| {
            let when = key.dates().and_then(|dates| self.dates(dates));
            let when = when.map(|dates| format!(" {dates}")).unwrap_or_default();
            format!("{}{when}", element.get(&Part::Value).map_or("", String::as_str))
        };
        let listed = |values: &[(&Key, &Element)]| values.iter().map(value).collect::<Vec<_>>().join(", ");
        let says = || format!("{undated}: {} becomes {}", listed(&gone), listed(&new));
        gone.iter().chain(&new).all(is_value).then(says)
    }

    /// `cap_share: 740..850 = 30% becomes 740..779 = 30%, 780..850 = 40%`
    fn rows(&self, changes: &[Change]) -> Option<String> {
        let (gone, new) = heads(changes);
        let table = |(key, _): &(&Key, &Element)| match key {
            Key::TableRow(table, ..) | Key::GridRow(table, ..) | Key::GridColumn(table, _) => {
                Some(table.clone())
            }
            _ => None,
        };
        let name = gone.iter().chain(&new).map(table).next()??;
        if gone.iter().chain(&new).any(|row| table(row).as_ref() != Some(&name)) {
            return None;
        }
        let row = |(key, element): &(&Key, &Element)| {
            let when = key.dates().and_then(|dates| self.dates(dates));
            let when = when.map(|dates| format!(" {dates}")).unwrap_or_default();
            match key {
                Key::TableRow(_, cells, _) => {
                    let value = element.get(&Part::Value).map_or("", String::as_str);
                    format!("{} = {value}{when}", cells.join(", "))
                }
                Key::GridRow(_, cell, _) => format!("{cell}{when}"),
                Key::GridColumn(_, cell) => format!("column {cell}"),
                other => other.to_string(),
            }
        };
        let listed = |rows: &[(&Key, &Element)]| rows.iter().map(row).collect::<Vec<_>>().join(", ");
        let says = match (gone.is_empty(), new.is_empty()) {
            (false, false) => format!("{name}: {} becomes {}", listed(&gone), listed(&new)),
            (true, _) => format!("{name}: {} added", listed(&new)),
            (_, true) => format!("{name}: {} removed", listed(&gone)),
        };
        let parts = changes.iter().filter(|change| matches!(change, Change::Part { .. }));
        Some(parts.map(|part| self.one(part)).chain([says]).collect::<Vec<_>>().join("; "))
    }
}

/// The elements that are added and removed, except the cells of grids.
fn heads(changes: &[Change]) -> Sides<'_> {
    let mut sides = (Vec::new(), Vec::new());
    for change in changes {
        let Change::Element { key, before, after } = change else { continue };
        if !matches!(key, Key::GridCell(..)) {
            sides.0.extend(before.as_ref().map(|element| (key, element)));
            sides.1.extend(after.as_ref().map(|element| (key, element)));
        }
    }
    sides
}

/// How many cells of a grid row whose dates changed have another value.
fn cell_changes(changes: &[Change]) -> usize {
    let mut values: BTreeMap<&String, Vec<&Element>> = BTreeMap::new();
    for change in changes {
        if let Change::Element { key: Key::GridCell(_, _, _, column), before, after } = change {
            values.entry(column).or_default().extend(before.iter().chain(after));
        }
    }
    values.values().filter(|sides| sides.iter().any(|side| side != &sides[0])).count()
}

/// Whether a part is computed, so that the operand that changed says more than the whole.
fn is_computed(key: &Key, part: &Part) -> bool {
    match part {
        Part::Condition | Part::Output(_) | Part::Body => true,
        Part::Value => matches!(key, Key::Let(..) | Key::RuleLet(..)),
        _ => false,
    }
}

/// What differs between two texts, in words.
fn becomes(before: &str, after: &str) -> String {
    let (old, new) = differing(before, after);
    // without the comma that separates it from its neighbour
    let alone = |text: &str| text.trim_matches([',', ' ']).to_owned();
    match (old, new) {
        ("", new) => format!("{} added", alone(new)),
        (old, "") => format!("{} removed", alone(old)),
        (old, new) => format!("{old} becomes {new}"),
    }
}

/// What differs between two texts, word by word: as little as is whole, so that no parenthesis or brace loses its other half.
fn differing<'a>(before: &'a str, after: &'a str) -> (&'a str, &'a str) {
    let (a, b) = (words(before), words(after));
    let is_same = |at: usize, other: usize| a[at].text(before) == b[other].text(after);
    let most = a.len().min(b.len());
    let mut start = (0..most).take_while(|at| is_same(*at, *at)).count();
    let last = |at: usize| is_same(a.len() - 1 - at, b.len() - 1 - at);
    let mut end = (0..most - start).take_while(|at| last(*at)).count();
    // both sides widen by the same words
    loop {
        let sides =
            [(before, &a), (after, &b)].map(|(text, words)| halves(text, &words[start..words.len() - end]));
        let (closes, opens) = (sides.iter().any(|side| side.0), sides.iter().any(|side| side.1));
        // a parenthesis directly after a name encloses the arguments of a call
        let is_call = |text: &str, words: &[Word]| {
            let joined = start
                .checked_sub(1)
                .is_some_and(|name| words.get(start).is_some_and(|next| words[name].end == next.start));
            joined && words[start].text(text) == "("
        };
        let before_start = usize::from(closes || is_call(before, &a) || is_call(after, &b)).min(start);
        let after_end = usize::from(opens).min(end);
        if before_start + after_end == 0 {
            break;
        }
        start -= before_start;
        end -= after_end;
    }
    let side = |text: &'a str, words: &[Word]| {
        let words = &words[start..words.len() - end];
        words.first().zip(words.last()).map_or("", |(first, last)| &text[first.start..last.end])
    };
    (side(before, &a), side(after, &b))
}

/// A word, sign or text in quotation marks, by its bytes.
#[derive(Clone, Copy)]
struct Word {
    start: usize,
    end: usize,
}

impl Word {
    fn text(self, of: &str) -> &str {
        &of[self.start..self.end]
    }
}

/// The words of a text in canonical form. Parentheses, braces and commas are words of their own.
fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let (mut quoted, mut escaped, mut apart) = (false, false, true);
    for (start, letter) in text.char_indices() {
        let end = start + letter.len_utf8();
        let is_sign = !quoted && matches!(letter, '(' | ')' | '{' | '}' | '[' | ']' | ',');
        let is_space = !quoted && letter == ' ';
        match words.last_mut().filter(|_| !apart && !is_sign) {
            Some(word) if !is_space => word.end = end,
            _ if !is_space => words.push(Word { start, end }),
            _ => {}
        }
        apart = is_sign || is_space;
        quoted ^= letter == '"' && !escaped;
        escaped = quoted && letter == '\\' && !escaped;
    }
    words
}

/// Whether something is closed among these words that was opened before them, and whether something is opened that is closed
/// after them.
fn halves(text: &str, words: &[Word]) -> (bool, bool) {
    let (mut depth, mut closes) = (0_usize, false);
    for word in words {
        match word.text(text) {
            "(" | "{" | "[" => depth += 1,
            ")" | "}" | "]" if depth == 0 => closes = true,
            ")" | "}" | "]" => depth -= 1,
            _ => {}
        }
    }
    (closes, depth > 0)
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
        assert_eq!(becomes("a \"x (y\"", "a \"x (z\""), "\"x (y\" becomes \"x (z\"");
    }

    #[test]
    fn parentheses_and_braces_keep_their_other_half() {
        let cases = [
            ("base(region, 12) + 1%", "base(region, 24) + 1%", "12 becomes 24"),
            ("x in {12, 24}", "x in {12, 24, 36}", "36 added"),
            ("x in {12, 24}", "x in {24}", "12 removed"),
            ("min(a, b)", "min(a, max(b, c))", "b becomes max(b, c)"),
            ("min(a, b)", "max(a, b)", "min becomes max"),
            ("f(a) + b", "f(a + b)", "f(a) + b becomes f(a + b)"),
            ("(a + b) * c", "a * c", "(a + b) becomes a"),
            ("(a + b) * (c + d)", "(a - b) * (c - d)", "(a + b) * (c + d) becomes (a - b) * (c - d)"),
            ("a and (b or c)", "(a or c) and b", "a and (b or c) becomes (a or c) and b"),
        ];
        for (before, after, says) in cases {
            assert_eq!(becomes(before, after), says, "{before} and {after}");
        }
    }
    /// The same numbers on every machine (a linear congruential generator, Knuth's constants).
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % limit
        }

        /// An expression.
        fn expression(&mut self, depth: u32) -> String {
            self.pair(depth, false).0
        }

        /// An expression, and what an edit within it makes of it.
        fn pair(&mut self, depth: u32, edited: bool) -> (String, String) {
            const LEAVES: [&str; 5] = ["a", "12", "5%", "Region.EU", "\"(x\""];
            const FORMS: [&str; 7] = [
                "rate({}, {})",
                "max({}, {})",
                "({} + {})",
                "({} + {}) * 2",
                "{} and ({} or c)",
                "{} in {{}, 36}",
                "-({}) - f({})",
            ];
            if depth == 0 || (edited && self.below(4) == 0) {
                let mut any = || match depth {
                    0 => LEAVES[self.below(LEAVES.len() as u64) as usize].to_owned(),
                    _ => self.expression(depth - 1),
                };
                let (a, b) = (any(), any());
                return if edited { (a, b) } else { (a.clone(), a) };
            }
            let form = FORMS[self.below(FORMS.len() as u64) as usize];
            let (edited, which) = (edited, self.below(2));
            let parts =
                [self.pair(depth - 1, edited && which == 0), self.pair(depth - 1, edited && which == 1)];
            let with = |side: fn(&(String, String)) -> &String| {
                form.replacen("{}", side(&parts[0]), 1).replacen("{}", side(&parts[1]), 1)
            };
            (with(|part| &part.0), with(|part| &part.1))
        }
    }

    #[test]
    fn what_is_printed_of_generated_edits_is_whole() {
        let mut random = Random(1);
        let mut shortened = 0;
        for _ in 0..5_000 {
            let (before, after) = random.pair(3, true);
            let (old, new) = differing(&before, &after);
            for (side, whole) in [(old, &before), (new, &after)] {
                assert_eq!(
                    halves(side, &words(side)),
                    (false, false),
                    "{side} of {whole}\n{before}\n{after}"
                );
            }
            shortened += usize::from(old.len() < before.len() && old != new);
        }
        assert!(shortened > 2_000, "{shortened}");
    }
}
