//! How is a structure written as a source? Element by element, in the order of the sequences, and then formatted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use opus_frontend::format;
use opus_frontend::lexer::quote;

use super::key::{Dates, Key, Part, Sequence, When};
use super::{Element, FROM_SNAPSHOT, Structure};

/// The source of a structure, formatted. A structure that was put together by hand may give a source that does not
/// compile, or that cannot be read at all; it is then not formatted.
pub fn write(structure: &Structure) -> String {
    let source = unformatted(structure);
    format::format(&source).unwrap_or(source)
}

/// The source of a structure, not formatted.
pub fn unformatted(structure: &Structure) -> String {
    Writer::new(structure).policy()
}

struct Writer<'a> {
    structure: &'a Structure,
    /// By the number that stands for a version, its first day.
    days: BTreeMap<u32, &'a str>,
    out: String,
}

impl<'a> Writer<'a> {
    fn new(structure: &'a Structure) -> Writer<'a> {
        let mut days = BTreeMap::new();
        for (key, element) in &structure.elements {
            if let (Key::Version(number), Some(day)) = (key, element.get(&Part::From)) {
                days.insert(*number, day.as_str());
            }
        }
        Writer { structure, days, out: String::new() }
    }

    fn policy(mut self) -> String {
        let _ = writeln!(self.out, "policy {} {{", self.structure.name);
        let (mut settings, others): (Vec<&Key>, Vec<&Key>) =
            self.sequence(&Sequence::Items).iter().partition(|key| leads(key));
        // versions are declared in the order of their days, wherever a version was moved to
        settings.sort_by_key(|key| match key {
            Key::Version(_) => (1, text(self.element(key), &Part::From)),
            Key::Enum(_) => (2, ""),
            _ => (0, ""),
        });
        settings.into_iter().for_each(|key| self.item(key));
        self.fields("input", &Sequence::Inputs);
        self.fields("output", &Sequence::Outputs);
        self.adverse();
        let (tests, others): (Vec<&Key>, Vec<&Key>) =
            others.into_iter().partition(|key| matches!(key, Key::Case(_) | Key::Test(_)));
        others.into_iter().for_each(|key| self.item(key));
        self.gap();
        for key in self.sequence(&Sequence::Requires) {
            self.require(key);
        }
        self.rules();
        self.gap();
        tests.into_iter().for_each(|key| self.item(key));
        self.out.push_str("}\n");
        self.out
    }

    fn gap(&mut self) {
        self.out.push('\n');
    }

    fn sequence(&self, sequence: &Sequence) -> &'a [Key] {
        self.structure.sequences.get(sequence).map_or(&[], Vec::as_slice)
    }

    fn element(&self, key: &Key) -> &'a Element {
        static NOTHING: Element = Element::new();
        self.structure.elements.get(key).unwrap_or(&NOTHING)
    }

    /// ` from 2025-01-01 until 2026-01-01`, with a space before it; nothing for what always holds.
    fn dates(&self, dates: Dates) -> String {
        let word = |word: &str, when: Option<When>| {
            when.map_or(String::new(), |when| format!(" {word} {}", self.day(when)))
        };
        word("from", dates.from) + &word("until", dates.until)
    }

    fn day(&self, when: When) -> String {
        match when {
            When::Version(number) => {
                self.days.get(&number).map_or("a version that is gone", |day| *day).to_owned()
            }
            When::Day(day) => format::date(day),
        }
    }

    fn ty(&self, element: &Element) -> String {
        let kind = text(element, &Part::Type);
        element.get(&Part::Range).map_or(kind.to_owned(), |range| format!("{kind} in {range}"))
    }

    fn item(&mut self, key: &'a Key) {
        let element = self.element(key);
        match key {
            Key::Currency => self.line(format!("currency {}", text(element, &Part::Value))),
            Key::Effective => self.line(format!("effective on {}", text(element, &Part::Value))),
            Key::MonthEnd => self.line(format!("month_end {}", text(element, &Part::Value))),
            Key::Version(_) => {
                let (number, from) = (text(element, &Part::Number), text(element, &Part::From));
                self.line(format!("version {number} from {from}{}", cite(element)));
            }
            Key::Enum(name) => {
                let values: Vec<String> = self
                    .sequence(&Sequence::EnumValues(name.clone()))
                    .iter()
                    .map(|key| self.enum_value(key))
                    .collect();
                self.line(format!("enum {name} {{ {} }}", values.join(", ")));
            }
            Key::Param(name) => self.param(name, element),
            Key::Set(name) => {
                let of = text(element, &Part::Type);
                self.line(format!("set {name} of {of}{} from snapshot", cite(element)));
            }
            Key::Let(name, dates) => self.binding(name, *dates, element),
            Key::Table(name) => self.table(name, element),
            Key::Grid(name) => self.grid(name, element),
            Key::Case(name) => self.line(format!("case {name} {}", text(element, &Part::Body))),
            Key::Test(title) => {
                self.line(format!("test {} {{ {} }}", quote(title), text(element, &Part::Body)))
            }
            Key::EnumValue(..)
            | Key::Input(_)
            | Key::Output(_)
            | Key::ParamValue(..)
            | Key::TableRow(..)
            | Key::GridColumn(..)
            | Key::GridRow(..)
            | Key::GridCell(..)
            | Key::Require(..)
            | Key::Rule(..)
            | Key::RuleLet(..) => unreachable!("a part of another declaration"),
        }
    }

    fn line(&mut self, line: String) {
        self.out.push_str(&line);
        self.out.push('\n');
    }

    fn enum_value(&self, key: &Key) -> String {
        let Key::EnumValue(_, value) = key else { unreachable!("only values are in an enum") };
        let title = self.element(key).get(&Part::Title);
        title.map_or(value.clone(), |title| format!("{value} {}", quote(title)))
    }

    fn fields(&mut self, word: &str, sequence: &Sequence) {
        self.gap();
        self.line(format!("{word} {{"));
        for key in self.sequence(sequence) {
            let (Key::Input(name) | Key::Output(name)) = key else {
                unreachable!("only fields are in a block")
            };
            let element = self.element(key);
            let optional = if element.contains_key(&Part::Optional) { " optional" } else { "" };
            let default =
                element.get(&Part::Default).map_or(String::new(), |value| format!(" default {value}"));
            let actionable = element.get(&Part::Actionable).map_or(String::new(), |text| format!(" {text}"));
            self.line(format!("{name} : {}{optional}{actionable}{default}", self.ty(element)));
        }
        self.line("}".to_owned());
    }

    /// Which values of an output are adverse; of one output in a policy that compiles.
    fn adverse(&mut self) {
        for key in self.sequence(&Sequence::Outputs) {
            let values: Vec<&str> = self
                .element(key)
                .keys()
                .filter_map(|part| match part {
                    Part::Adverse(value) => Some(value.as_str()),
                    _ => None,
                })
                .collect();
            if let (Key::Output(name), false) = (key, values.is_empty()) {
                self.line(format!("adverse {name} in {{{}}}", values.join(", ")));
            }
        }
    }

    fn param(&mut self, name: &str, element: &Element) {
        self.gap();
        let head = format!("param {name} : {}{}", self.ty(element), cite(element));
        let mut values: Vec<(Dates, &str)> = self
            .sequence(&Sequence::ParamValues(name.to_owned()))
            .iter()
            .map(|key| (key.dates().unwrap_or_default(), text(self.element(key), &Part::Value)))
            .collect();
        values.sort_by_key(|(dates, _)| dates.from.map(|from| self.day(from)));
        match values.as_slice() {
            [(_, FROM_SNAPSHOT)] => self.line(format!("{head} {FROM_SNAPSHOT}")),
            [(dates, value)] if *dates == Dates::default() => self.line(format!("{head} = {value}")),
            _ => {
                self.line(format!("{head} {{"));
                for (dates, value) in values {
                    self.line(format!("{} = {value}", self.dates(dates)));
                }
                self.line("}".to_owned());
            }
        }
    }

    fn binding(&mut self, name: &str, dates: Dates, element: &Element) {
        self.line(format!("let {name}{} = {}", self.dates(dates), text(element, &Part::Value)));
    }

    fn table(&mut self, name: &str, element: &Element) {
        if let Some(keys) = element.get(&Part::Keys) {
            return self.line(format!(
                "table {name}({keys}) -> {}{} from snapshot",
                self.ty(element),
                cite(element)
            ));
        }
        self.gap();
        let (args, choice) = (text(element, &Part::Args), text(element, &Part::Choice));
        self.line(format!("table {name}({args}) {choice} -> {}{} {{", self.ty(element), cite(element)));
        let sequence = match choice {
            "first" => Sequence::FirstRows(name.to_owned()),
            _ => Sequence::UniqueRows(name.to_owned()),
        };
        for key in self.sequence(&sequence) {
            let Key::TableRow(_, cells, dates) = key else { unreachable!("only rows are in a table") };
            let row = self.element(key);
            let value = text(row, &Part::Value);
            self.line(format!("| {} => {value}{}", cells.join(" | "), self.row_end(row, *dates)));
        }
        self.line("}".to_owned());
    }

    fn grid(&mut self, name: &str, element: &Element) {
        self.gap();
        self.line(format!("grid {name} : {}{} {{", self.ty(element), cite(element)));
        let column = |key: &Key| match key {
            Key::GridColumn(_, column) => column.clone(),
            _ => unreachable!("only columns are beside each other in a grid"),
        };
        let columns: Vec<String> =
            self.sequence(&Sequence::GridColumns(name.to_owned())).iter().map(column).collect();
        let (row_arg, column_arg) = (text(element, &Part::RowArg), text(element, &Part::ColumnArg));
        self.line(format!("{row_arg} \\ {column_arg} | {} ;", columns.join(" | ")));
        for key in self.sequence(&Sequence::GridRows(name.to_owned())) {
            let Key::GridRow(_, cell, dates) = key else {
                unreachable!("only rows are below each other in a grid")
            };
            let mut line = cell.clone();
            for column in &columns {
                let key = Key::GridCell(name.to_owned(), cell.clone(), *dates, column.clone());
                let _ = write!(line, " | {}", text(self.element(&key), &Part::Value));
            }
            let end = self.row_end(self.element(key), *dates);
            self.line(line + &end);
        }
        self.line("}".to_owned());
    }

    fn row_end(&self, row: &Element, dates: Dates) -> String {
        let id = row.get(&Part::Id).map_or(String::new(), |id| format!(" {id}"));
        format!("{}{id}{} ;", self.dates(dates), cite(row))
    }

    fn require(&mut self, key: &Key) {
        let Key::Require(id, dates) = key else { unreachable!("only requires are in their sequence") };
        let element = self.element(key);
        let head = format!("require {id}{}{}{}", title(element), cite(element), self.dates(*dates));
        self.line(format!("{head} : {}", text(element, &Part::Condition)));
    }

    /// The rules. The last one without a condition is `otherwise`; one before it is a rule that always applies.
    fn rules(&mut self) {
        self.gap();
        self.line("rules first {".to_owned());
        let keys = self.sequence(&Sequence::Rules);
        for (at, key) in keys.iter().enumerate() {
            let element = self.element(key);
            match key {
                Key::RuleLet(name, dates) => self.binding(name, *dates, element),
                Key::Rule(id, dates) => {
                    let condition = text(element, &Part::Condition);
                    let is_last = at + 1 == keys.len() && condition == "true" && *dates == Dates::default();
                    let word = if is_last { "otherwise" } else { "rule" };
                    let when = if is_last { String::new() } else { format!(" when {condition}") };
                    let head =
                        format!("{word} {id}{}{}{}", title(element), cite(element), self.dates(*dates));
                    let outcomes = self.outcomes(element);
                    self.line(format!("{head}{when} => {outcomes}"));
                }
                _ => unreachable!("only rules and named values are between the braces of `rules`"),
            }
        }
        self.line("}".to_owned());
    }

    /// In the order of the outputs; by name where not all are given.
    fn outcomes(&self, rule: &Element) -> String {
        let outputs: Vec<&String> = self
            .sequence(&Sequence::Outputs)
            .iter()
            .filter_map(|key| match key {
                Key::Output(name) => Some(name),
                _ => None,
            })
            .collect();
        let given: Vec<(&String, &String)> = outputs
            .iter()
            .filter_map(|name| Some((*name, rule.get(&Part::Output((*name).clone()))?)))
            .collect();
        let is_whole = given.len() == outputs.len();
        let texts: Vec<String> = given
            .iter()
            .map(|(name, value)| if is_whole { (*value).clone() } else { format!("{name} = {value}") })
            .collect();
        texts.join(", ")
    }
}

/// Whether a declaration comes before the input fields.
fn leads(key: &Key) -> bool {
    matches!(key, Key::Currency | Key::Effective | Key::MonthEnd | Key::Version(_) | Key::Enum(_))
}

fn text<'a>(element: &'a Element, part: &Part) -> &'a str {
    element.get(part).map_or("", String::as_str)
}

fn title(element: &Element) -> String {
    element.get(&Part::Title).map_or(String::new(), |title| format!(" {}", quote(title)))
}

fn cite(element: &Element) -> String {
    element.get(&Part::Cite).map_or(String::new(), |cite| format!(" cite {}", quote(cite)))
}
