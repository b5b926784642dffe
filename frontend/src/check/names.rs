//! What does each top-level name mean, and does each have one meaning only?

use std::collections::BTreeMap;

use crate::currency;
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::text::ast::{self, Name, Span, Statement};

use super::findings::Findings;
use super::schema::Declared;

/// What a name means in every version.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// An input, by index.
    Input(u32),
    /// A parameter, by its index in the source.
    Param(u32),
    /// A set, by its index in the source.
    Set(u32),
    /// A table from a snapshot, by its index in the source.
    FactTable(u32),
    /// A table or grid, by its index in the source.
    Table(u32),
    /// A `let`; which one depends on the version.
    Let,
}

/// The names of a policy.
#[derive(Default)]
pub(super) struct Names<'a> {
    /// The names of values, and where each is defined.
    pub values: BTreeMap<&'a str, (Meaning, Span)>,
    /// The enums, by index.
    pub enums: BTreeMap<&'a str, u32>,
    /// The enums that have a value of this name, in order.
    pub enums_of_value: BTreeMap<&'a str, Vec<u32>>,
    /// The inputs, without those that repeat a name.
    pub inputs: Vec<&'a ast::Field>,
    /// The outputs, without those that repeat a name.
    pub outputs: Vec<&'a ast::Field>,
}

/// Collects the names of a policy.
pub(super) fn collect<'a>(declared: &Declared<'a>, findings: &mut Findings) -> Names<'a> {
    let mut names = Names::default();
    enums(&mut names, declared, findings);
    inputs_and_outputs(&mut names, declared, findings);
    for (index, param) in declared.items.params.iter().enumerate() {
        define(&mut names, &param.name, Meaning::Param(index as u32), findings);
    }
    for (index, set) in declared.items.sets.iter().enumerate() {
        define(&mut names, &set.name, Meaning::Set(index as u32), findings);
    }
    for (index, table) in declared.items.fact_tables.iter().enumerate() {
        define(&mut names, &table.name, Meaning::FactTable(index as u32), findings);
        only_once(table.keys.iter().map(|key| &key.name), "the key", findings);
        if ast::Function::ALL.iter().any(|function| function.name() == table.name.text) {
            let message = format!(
                "`{}` is a function, and cannot be the name of a table from a snapshot",
                table.name.text
            );
            let diagnostic = Diagnostic::new(Code::DuplicateName, table.name.span, message);
            findings.report(diagnostic.help("give the table another name"));
        }
    }
    for (index, table) in declared.items.tables.iter().enumerate() {
        define(&mut names, table.name(), Meaning::Table(index as u32), findings);
    }
    for item in &declared.items.lets {
        define(&mut names, &item.name, Meaning::Let, findings);
    }
    clashes(&names, declared, findings);
    requirements_apart(&names, declared, findings);
    only_once(declared.items.cases.iter().map(|case| &case.name), "the case", findings);
    titles_once(&declared.items.tests, findings);
    names
}

fn enums<'a>(names: &mut Names<'a>, declared: &Declared<'a>, findings: &mut Findings) {
    only_once(declared.enums.iter().map(|info| &info.decl.name), "the enum", findings);
    for (index, info) in declared.enums.iter().enumerate() {
        names.enums.entry(&info.decl.name.text).or_insert(index as u32);
        for value in &info.values {
            names.enums_of_value.entry(&value.name.text).or_default().push(index as u32);
        }
    }
}

fn inputs_and_outputs<'a>(names: &mut Names<'a>, declared: &Declared<'a>, findings: &mut Findings) {
    for field in &declared.items.inputs {
        let index = names.inputs.len() as u32;
        if define(names, &field.name, Meaning::Input(index), findings) {
            names.inputs.push(field);
        }
    }
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for field in &declared.items.outputs {
        let name = &field.name;
        let input = names.values.get(name.text.as_str()).map(|(_, span)| *span);
        match (seen.get(name.text.as_str()), input) {
            (Some(first), _) => findings.report(duplicate(name, *first, "the output")),
            (None, Some(input)) => findings.report(duplicate(name, input, "")),
            (None, None) => {
                seen.insert(&name.text, name.span);
                names.outputs.push(field);
            }
        }
    }
}

/// Whether the name was free. Of `let`s several may share a name, where they are not in force together.
fn define<'a>(names: &mut Names<'a>, name: &'a Name, meaning: Meaning, findings: &mut Findings) -> bool {
    match names.values.get(name.text.as_str()) {
        Some((Meaning::Let, _)) if meaning == Meaning::Let => false,
        Some((_, first)) => {
            findings.report(duplicate(name, *first, ""));
            false
        }
        None => {
            names.values.insert(&name.text, (meaning, name.span));
            true
        }
    }
}

/// Values of enums with the name of something else, `let`s between rules included.
fn clashes(names: &Names, declared: &Declared, findings: &mut Findings) {
    let mut taken: BTreeMap<&str, Span> =
        names.values.iter().map(|(name, (_, span))| (*name, *span)).collect();
    for statement in declared.items.rules.iter().flat_map(|rules| &rules.statements) {
        if let Statement::Let(item) = statement {
            taken.entry(&item.name.text).or_insert(item.name.span);
        }
    }
    for value in declared.enums.iter().flat_map(|info| &info.values) {
        let word = &value.name.text;
        if let Some(other) = taken.get(word.as_str()) {
            let message = format!("`{word}` is both a value of an enum and another name");
            let diagnostic = Diagnostic::new(Code::EnumValueClash, value.name.span, message);
            findings.report(diagnostic.also(*other, "the other name").help("rename one of them"));
        }
    }
}

/// A refusal names an input or a requirement: one of them only.
fn requirements_apart(names: &Names, declared: &Declared, findings: &mut Findings) {
    for item in &declared.items.requires {
        if let Some((Meaning::Input(_), input)) = names.values.get(item.id.text.as_str()) {
            findings.report(duplicate(&item.id, *input, ""));
        }
    }
}

fn only_once<'a>(all: impl Iterator<Item = &'a Name>, noun: &str, findings: &mut Findings) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for name in all {
        match seen.get(name.text.as_str()) {
            Some(first) => findings.report(duplicate(name, *first, noun)),
            None => {
                seen.insert(&name.text, name.span);
            }
        }
    }
}

fn titles_once(tests: &[&ast::Test], findings: &mut Findings) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for test in tests {
        let title = &test.title;
        if let Some(first) = seen.insert(&title.text, title.span) {
            let message = format!("two tests have the title \"{}\"", title.text);
            let diagnostic = Diagnostic::new(Code::DuplicateName, title.span, message);
            findings.report(diagnostic.also(first, "the first one").help("change one of the titles"));
        }
    }
}

/// A name that is defined a second time as `noun`: `the output`; empty where nouns differ.
pub(super) fn duplicate(name: &Name, first: Span, noun: &str) -> Diagnostic {
    let space = if noun.is_empty() { "" } else { " " };
    let message = format!("{noun}{space}`{}` is defined twice", name.text);
    Diagnostic::new(Code::DuplicateName, name.span, message)
        .also(first, "first defined here")
        .help("rename or remove one of them")
}

/// A name that nothing defines; `noun` says what was looked for, `known` what there is.
pub(super) fn unknown<'k>(name: &Name, noun: &str, known: impl IntoIterator<Item = &'k str>) -> Diagnostic {
    let message = format!("there is no {noun} `{}`", name.text);
    let diagnostic = Diagnostic::new(Code::UnknownName, name.span, message);
    match code_before_number(&name.text) {
        Some(amount) => diagnostic.help(format!("write `{amount}`")).fix(name.span, amount),
        None => spelled(diagnostic, name, known),
    }
}

/// `EUR700`, as the language writes it.
fn code_before_number(word: &str) -> Option<String> {
    let (code, digits) = word.split_at_checked(3)?;
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    (number && currency::find(code).is_some()).then(|| format!("{digits} {code}"))
}

/// With the nearest of the words that are known, if one is near. It is a guess, however near it is: `score_b` may be
/// a field that was forgotten rather than a misspelling of `score_a`.
pub(super) fn spelled<'k>(
    diagnostic: Diagnostic,
    name: &Name,
    known: impl IntoIterator<Item = &'k str>,
) -> Diagnostic {
    let Some(near) = nearest(&name.text, known) else { return diagnostic };
    diagnostic.help(format!("did you mean `{near}`?")).fix(name.span, near).unsure()
}

/// Whether a word means a missing value in other languages.
pub(super) fn means_nothing(word: &str) -> bool {
    const WORDS: [&str; 12] = [
        "null",
        "none",
        "nil",
        "na",
        "nan",
        "undefined",
        "nothing",
        "unknown",
        "blank",
        "empty",
        "void",
        "missing",
    ];
    WORDS.iter().any(|nothing| word.eq_ignore_ascii_case(nothing))
}
