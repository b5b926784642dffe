//! Do scripts lead from any policy to any other and back? A generated or written policy is changed in every construct, and
//! the two are compared.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

use arbitrary::Unstructured;
use opus_frontend::ast::{ExprKind, Item, Span};
use opus_frontend::parse::parse;
use opus_govern::diff::{EditId, Family, Rename, Script, diff};
use opus_govern::structure::{Dates, Element, Key, Part, Sequence, Structure, When};
use opus_ir::testing::{Bytes, Source};

use crate::policy;

/// The most mutations of one policy.
const MUTATIONS_MAX: usize = 8;
/// Sets of edits that are tried of each script.
const SETS: usize = 4;

/// Compares a policy with a mutant of it.
///
/// # Errors
/// If the script between them does not lead from one to the other and back, if a closed set of its edits gives a source
/// that cannot be read, or if layout changes a hash.
pub fn check(data: &[u8]) -> Result<(), String> {
    let mut source = Bytes(data);
    let (a, donor) = (base(&mut source, data), base(&mut source, data));
    let b = mutated(&a, &donor, &mut source);
    pair(&a, &b, &mut source)
        .map_err(|wrong| format!("{wrong}\n{}\nand\n{}", a.to_source(), b.to_source()))?;
    layout(&b, &mut source).map_err(|wrong| format!("{wrong}\n{}", b.to_source()))
}

fn pair(a: &Structure, b: &Structure, source: &mut Bytes) -> Result<(), String> {
    let script = diff(a, b);
    if script.is_empty() != (a.hash() == b.hash()) {
        return Err(format!("{} edits, but the hashes say otherwise", script.edits.len()));
    }
    if let Some(torn) = script.edits.iter().map(ToString::to_string).find(|line| !is_whole_text(line)) {
        return Err(format!("parentheses or braces do not match in `{torn}`"));
    }
    there_and_back(&script, a, b)?;
    let json = serde_json::to_string(&script).map_err(|error| error.to_string())?;
    let read: Script = serde_json::from_str(&json).map_err(|error| format!("{error}\n{json}"))?;
    if read != script {
        return Err("the script is another one after it was written and read".to_owned());
    }
    // all off is the first policy, with what decides nothing; all on is the second
    let read = |on: &BTreeSet<EditId>| {
        script.hybrid(a, on).ok().and_then(|found| Structure::of_source(&found.to_source()).ok())
    };
    let all: BTreeSet<EditId> = script.deciding().map(|edit| edit.id).collect();
    if read(&all).is_none_or(|found| found.hash() != b.hash()) {
        return Err(format!("with all edits on, another policy\n{:#?}", lines(&script)));
    }
    let is_pure = script.edits.iter().all(|edit| edit.id.decides);
    if is_pure && read(&BTreeSet::new()).is_none_or(|found| found.hash() != a.hash()) {
        return Err(format!("with all edits off, another policy\n{:#?}", lines(&script)));
    }
    for _ in 0..SETS {
        let on: BTreeSet<EditId> =
            script.edits.iter().map(|edit| edit.id).filter(|_| source.one_in(2)).collect();
        let on = script.closed(&on);
        let wrong = |what: &str, text: &str| format!("{what}\nedits {on:?} of {:#?}\n{text}", lines(&script));
        let text = script.hybrid(a, &on).map_err(|error| wrong(&error.to_string(), ""))?.to_source();
        let read = Structure::of_source(&text).map_err(|errors| wrong(&format!("{errors:?}"), &text))?;
        let again =
            Structure::of_source(&read.to_source()).map_err(|errors| wrong(&format!("{errors:?}"), &text))?;
        if read.hash() != again.hash() {
            return Err(wrong("written and read again, the hybrid is another one", &text));
        }
    }
    Ok(())
}

/// Whether each parenthesis and brace outside of texts has its other half.
fn is_whole_text(line: &str) -> bool {
    let (mut open, mut quoted, mut escaped) = (Vec::new(), false, false);
    for letter in line.chars() {
        match letter {
            '"' if !escaped => quoted = !quoted,
            '(' | '{' | '[' if !quoted => open.push(letter),
            ')' | '}' | ']' if !quoted => {
                let opener = match letter {
                    ')' => '(',
                    '}' => '{',
                    _ => '[',
                };
                if open.pop() != Some(opener) {
                    return false;
                }
            }
            _ => {}
        }
        escaped = quoted && letter == '\\' && !escaped;
    }
    open.is_empty()
}

fn lines(script: &Script) -> Vec<String> {
    script.edits.iter().map(ToString::to_string).collect()
}

fn there_and_back(script: &Script, a: &Structure, b: &Structure) -> Result<(), String> {
    let leads = |script: &Script, from: &Structure, to: &Structure| match script.apply(from) {
        Ok(found) if found.hash() == to.hash() => Ok(()),
        Ok(_) => Err(format!("another policy\n{:#?}", lines(script))),
        Err(error) => Err(format!("{error}\n{script:#?}")),
    };
    leads(script, a, b)?;
    let back = script.inverted();
    leads(&back, b, a).map_err(|wrong| format!("back: {wrong}"))?;
    if back.inverted() != *script {
        return Err(format!("inverted twice, the script is another one\n{script:#?}"));
    }
    Ok(())
}

// where policies come from

/// A generated policy, or one of the corpus, or the corpus policy at one of its versions.
fn base(source: &mut Bytes, data: &[u8]) -> Structure {
    if source.one_in(2) {
        let text = policy::policy(&mut Unstructured::new(&data[data.len() / 8..])).unwrap_or_default();
        if let Ok(structure) = Structure::of_source(&text) {
            return structure;
        }
    }
    let whole = source.pick(corpus()).expect("the corpus has policies").clone();
    let versions: Vec<u32> = if source.one_in(8) { whole.versions().collect() } else { Vec::new() };
    source.pick(&versions).and_then(|version| whole.at_version(*version)).unwrap_or(whole)
}

/// The policies of `spec/` that can be read: whole files, and blocks of the book and the cases.
fn corpus() -> &'static [Structure] {
    static CORPUS: OnceLock<Vec<Structure>> = OnceLock::new();
    CORPUS.get_or_init(|| {
        let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec");
        let mut files: Vec<_> = ["policies", "book", "cases"]
            .iter()
            .flat_map(|folder| std::fs::read_dir(spec.join(folder)).expect("spec/ is beside this crate"))
            .map(|entry| entry.expect("its folders can be read").path())
            .collect();
        files.sort();
        let mut policies = Vec::new();
        for file in files {
            let text = std::fs::read_to_string(&file).expect("spec/ has text files");
            if file.extension().is_some_and(|extension| extension == "opus") {
                policies.extend(Structure::of_source(&text));
            }
            let blocks = text.split("\n```opus").skip(1).filter_map(|rest| rest.split_once('\n'));
            let blocks = blocks.filter_map(|(_, rest)| rest.split_once("\n```"));
            policies.extend(blocks.filter_map(|(block, _)| Structure::of_source(block).ok()));
        }
        policies
    })
}

// mutations

/// The policy after some mutations; one that gives a source that cannot be read is taken back.
fn mutated(a: &Structure, donor: &Structure, source: &mut Bytes) -> Structure {
    let mut out = a.clone();
    for _ in 0..=source.below(MUTATIONS_MAX) {
        let mut changed = out.clone();
        MUTATIONS[source.below(MUTATIONS.len())](&mut changed, donor, source);
        if let Ok(read) = Structure::of_source(&changed.to_source())
            && has_own_keys(&read)
            && is_whole(&read)
            && Structure::of_source(&read.to_source()).is_ok_and(|again| again == read)
        {
            out = read;
        }
    }
    out
}

/// Whether no two elements have one key, as in every policy that compiles.
fn has_own_keys(structure: &Structure) -> bool {
    structure.sequences.values().all(|keys| keys.iter().collect::<BTreeSet<_>>().len() == keys.len())
}

/// Whether what explanations look at fits the rest: an effective date that is `actionable` does not, and hybrids leave out
/// what does not.
fn is_whole(structure: &Structure) -> bool {
    let same = diff(structure, structure).hybrid(structure, &BTreeSet::new());
    same.is_ok_and(|same| same.hash() == structure.hash())
}

type Mutation = fn(&mut Structure, &Structure, &mut Bytes);

const MUTATIONS: [Mutation; 12] = [
    change_part,
    change_part,
    drop_part,
    remove,
    add,
    add,
    shift,
    redate,
    versions,
    rename,
    give_otherwise,
    settings,
];

fn keys(structure: &Structure) -> Vec<Key> {
    structure.elements.keys().cloned().collect()
}

/// A part gets the text that another element has there, here or in the other policy.
fn change_part(out: &mut Structure, donor: &Structure, source: &mut Bytes) {
    let all = keys(out);
    let Some(key) = source.pick(&all) else { return };
    let from = if source.one_in(3) { donor } else { &*out };
    let like = |other: &&Key| std::mem::discriminant(*other) == std::mem::discriminant(key);
    let others: Vec<&Key> = from.elements.keys().filter(like).collect();
    let Some(other) = source.pick(&others) else { return };
    let parts: Vec<(&Part, &String)> = from.elements[*other].iter().collect();
    let Some((part, text)) = source.pick(&parts) else { return };
    // numbers and days of versions have a mutation of their own
    if !matches!(part, Part::Number | Part::From) {
        let (part, text) = ((*part).clone(), (*text).clone());
        if part == Part::Choice {
            flip(out, key);
        } else {
            out.elements.get_mut(key).expect("it is one of them").insert(part, text);
        }
    }
}

/// A `unique` table becomes a `first` one, or the reverse.
fn flip(out: &mut Structure, table: &Key) {
    let Key::Table(name) = table else { return };
    let element = out.elements.get_mut(table).expect("it is one of them");
    let is_first = element.get(&Part::Choice).is_some_and(|choice| choice == "first");
    element.insert(Part::Choice, if is_first { "unique" } else { "first" }.to_owned());
    let [from, to] = [is_first, !is_first].map(|first| match first {
        true => Sequence::FirstRows(name.clone()),
        false => Sequence::UniqueRows(name.clone()),
    });
    if let Some(rows) = out.sequences.remove(&from) {
        out.sequences.insert(to, rows);
    }
}

fn drop_part(out: &mut Structure, _: &Structure, source: &mut Bytes) {
    let all = keys(out);
    let Some(key) = source.pick(&all) else { return };
    let parts: Vec<Part> = out.elements[key].keys().cloned().collect();
    if let Some(part) = source.pick(&parts) {
        out.elements.get_mut(key).expect("it is one of them").remove(part);
    }
}

fn remove(out: &mut Structure, _: &Structure, source: &mut Bytes) {
    let all = keys(out);
    let Some(key) = source.pick(&all) else { return };
    if !matches!(key, Key::Version(_)) {
        let is_kept = |other: &Key| other != key && !is_inside(other, key);
        out.elements.retain(|other, _| is_kept(other));
        out.sequences.values_mut().for_each(|keys| keys.retain(is_kept));
        out.sequences.retain(|_, keys| !keys.is_empty());
    }
}

/// Whether an element is a part of another declaration.
fn is_inside(inner: &Key, outer: &Key) -> bool {
    match (inner, outer) {
        (Key::EnumValue(of, _), Key::Enum(name)) | (Key::ParamValue(of, _), Key::Param(name)) => of == name,
        (Key::TableRow(of, ..), Key::Table(name)) => of == name,
        (Key::GridRow(of, ..) | Key::GridColumn(of, _) | Key::GridCell(of, ..), Key::Grid(name)) => {
            of == name
        }
        (Key::GridCell(of, cell, when, _), Key::GridRow(grid, row, dates)) => {
            of == grid && cell == row && when == dates
        }
        (Key::GridCell(of, _, _, cell), Key::GridColumn(grid, column)) => of == grid && cell == column,
        _ => false,
    }
}

/// A copy of an element, with what is in it, under another name or with another cell.
fn add(out: &mut Structure, donor: &Structure, source: &mut Bytes) {
    let from = if source.one_in(3) { donor.clone() } else { out.clone() };
    let all = keys(&from);
    let Some(key) = source.pick(&all) else { return };
    if matches!(key, Key::Currency | Key::Effective | Key::MonthEnd | Key::Version(_) | Key::GridCell(..)) {
        return;
    }
    let number = 1 + source.below(9);
    let cell =
        *source.pick(&["any", "missing", "1..5", "> 7", "{1, 2}", "740..779", "true"]).expect("a cell");
    let new = |name: &str| format!("{name}_{number}");
    let copied = |other: &Key| -> Key {
        match (other, key) {
            (Key::Enum(name), _) => Key::Enum(new(name)),
            (Key::EnumValue(of, name), Key::EnumValue(..)) => Key::EnumValue(of.clone(), new(name)),
            (Key::EnumValue(of, name), _) => Key::EnumValue(new(of), name.clone()),
            (Key::Input(name), _) => Key::Input(new(name)),
            (Key::Output(name), _) => Key::Output(new(name)),
            (Key::Param(name), _) => Key::Param(new(name)),
            (Key::ParamValue(name, dates), Key::Param(_)) => Key::ParamValue(new(name), *dates),
            (Key::Set(name), _) => Key::Set(new(name)),
            (Key::Let(name, dates), _) => Key::Let(new(name), *dates),
            (Key::RuleLet(name, dates), _) => Key::RuleLet(new(name), *dates),
            (Key::Table(name), _) => Key::Table(new(name)),
            (Key::TableRow(name, cells, dates), Key::Table(_)) => {
                Key::TableRow(new(name), cells.clone(), *dates)
            }
            (Key::TableRow(name, cells, dates), _) => {
                let mut cells = cells.clone();
                let at = number % cells.len().max(1);
                cells[at] = cell.to_owned();
                Key::TableRow(name.clone(), cells, *dates)
            }
            (Key::Grid(name), _) => Key::Grid(new(name)),
            (Key::GridColumn(name, head), Key::Grid(_)) => Key::GridColumn(new(name), head.clone()),
            (Key::GridRow(name, head, dates), Key::Grid(_)) => Key::GridRow(new(name), head.clone(), *dates),
            (Key::GridCell(name, row, dates, column), Key::Grid(_)) => {
                Key::GridCell(new(name), row.clone(), *dates, column.clone())
            }
            (Key::GridColumn(name, _), _) => Key::GridColumn(name.clone(), cell.to_owned()),
            (Key::GridRow(name, _, dates), _) => Key::GridRow(name.clone(), cell.to_owned(), *dates),
            (Key::GridCell(name, row, dates, _), Key::GridColumn(..)) => {
                Key::GridCell(name.clone(), row.clone(), *dates, cell.to_owned())
            }
            (Key::GridCell(name, _, dates, column), _) => {
                Key::GridCell(name.clone(), cell.to_owned(), *dates, column.clone())
            }
            (Key::Require(id, dates), _) => Key::Require(new(id), *dates),
            (Key::Rule(id, dates), _) => Key::Rule(new(id), *dates),
            (Key::Case(name), _) => Key::Case(new(name)),
            (Key::Test(title), _) => Key::Test(new(title)),
            (other, _) => other.clone(),
        }
    };
    let known = out.elements.clone();
    for (other, element) in from.elements.iter().filter(|(other, _)| *other == key || is_inside(other, key)) {
        let copy = copied(other);
        if !known.contains_key(&copy) {
            place(out, &from, copy, element.clone(), source);
        }
    }
}

fn place(out: &mut Structure, from: &Structure, key: Key, element: Element, source: &mut Bytes) {
    let is_first = |name: &str| {
        let table = Key::Table(name.to_owned());
        let table = out.elements.get(&table).or_else(|| from.elements.get(&table));
        table.and_then(|table| table.get(&Part::Choice)).is_some_and(|choice| choice == "first")
    };
    if let Some(sequence) = key.sequence(is_first) {
        let keys = out.sequences.entry(sequence).or_default();
        let at = source.below(keys.len() + 1);
        keys.insert(at, key.clone());
    }
    out.elements.insert(key, element);
}

/// An element comes to another place in its sequence.
fn shift(out: &mut Structure, _: &Structure, source: &mut Bytes) {
    let sequences: Vec<Sequence> =
        out.sequences.keys().filter(|sequence| sequence.counts()).cloned().collect();
    let Some(sequence) = source.pick(&sequences) else { return };
    let keys = out.sequences.get_mut(sequence).expect("it is one of them");
    let moved = keys.remove(source.below(keys.len()));
    let at = source.below(keys.len() + 1);
    keys.insert(at, moved);
}

/// A `when` of one of the versions, or always.
fn some_day(structure: &Structure, source: &mut Bytes) -> Option<When> {
    let versions: Vec<u32> = if source.one_in(3) { Vec::new() } else { structure.versions().collect() };
    source.pick(&versions).map(|number| When::Version(*number))
}

fn redate(out: &mut Structure, _: &Structure, source: &mut Bytes) {
    let dated: Vec<Key> = out.elements.keys().filter(|key| key.dates().is_some()).cloned().collect();
    let Some(key) = source.pick(&dated) else { return };
    let dates = Dates { from: some_day(out, source), until: some_day(out, source) };
    let is_value = matches!(key, Key::ParamValue(..));
    let dates = if is_value { Dates { until: None, ..dates } } else { dates };
    let new =
        |other: &Key| if other == key || is_inside(other, key) { other.dated(dates) } else { other.clone() };
    rekey(out, new);
}

/// Other keys, where that leaves no two elements with one.
fn rekey(out: &mut Structure, new: impl Fn(&Key) -> Key) {
    let keys: BTreeSet<Key> = out.elements.keys().map(&new).collect();
    if keys.len() == out.elements.len() {
        out.elements = std::mem::take(&mut out.elements)
            .into_iter()
            .map(|(key, element)| (new(&key), element))
            .collect();
        out.sequences.values_mut().flatten().for_each(|key| *key = new(key));
    }
}

/// A version moves, comes, goes, or has another number.
fn versions(out: &mut Structure, _: &Structure, source: &mut Bytes) {
    let all: Vec<u32> = out.versions().collect();
    let day = format!("20{:02}-{:02}-01", 10 + source.below(60), 1 + source.below(12));
    let is_taken = |key: &Key| out.elements[key].get(&Part::From) == Some(&day);
    if out.versions().any(|number| is_taken(&Key::Version(number))) {
        return;
    }
    let free = (1..).find(|number| !all.contains(number)).expect("there are more numbers than versions");
    match (source.below(4), source.pick(&all)) {
        (0, Some(number)) => {
            let version = out.elements.get_mut(&Key::Version(*number)).expect("it is one of them");
            version.insert(Part::From, day);
        }
        (1, Some(number)) => {
            // what it dates goes to another version
            let other = all.iter().find(|other| *other != number).map(|other| When::Version(*other));
            let when = |when: When| if when == When::Version(*number) { other } else { Some(when) };
            let key = Key::Version(*number);
            out.elements.remove(&key);
            out.sequences.values_mut().for_each(|keys| keys.retain(|other| *other != key));
            rekey(out, |key| match key.dates() {
                Some(dates) => {
                    key.dated(Dates { from: dates.from.and_then(when), until: dates.until.and_then(when) })
                }
                None => key.clone(),
            });
        }
        (2, Some(number)) => {
            let version = out.elements.get_mut(&Key::Version(*number)).expect("it is one of them");
            version.insert(Part::Number, free.to_string());
        }
        _ => {
            let element = Element::from([(Part::Number, free.to_string()), (Part::From, day)]);
            place(out, &out.clone(), Key::Version(free), element, source);
        }
    }
}

fn rename(out: &mut Structure, _: &Structure, source: &mut Bytes) {
    let all = keys(out);
    let named: Vec<(Family, String)> = all
        .iter()
        .filter_map(|key| {
            Some(match key {
                Key::Input(name) => (Family::Input, name.clone()),
                Key::Output(name) => (Family::Output, name.clone()),
                Key::Param(name) => (Family::Param, name.clone()),
                Key::Set(name) => (Family::Set, name.clone()),
                Key::Let(name, _) | Key::RuleLet(name, _) => (Family::Let, name.clone()),
                Key::Table(name) | Key::Grid(name) => (Family::Table, name.clone()),
                Key::Enum(name) => (Family::Enum, name.clone()),
                Key::EnumValue(of, name) => (Family::EnumValue(of.clone()), name.clone()),
                Key::Rule(id, _) => (Family::Rule, id.clone()),
                Key::Require(id, _) => (Family::Require, id.clone()),
                Key::Case(name) => (Family::Case, name.clone()),
                _ => return None,
            })
        })
        .collect();
    let Some((family, before)) = source.pick(&named).cloned() else { return };
    let taken = if source.one_in(4) { source.pick(&named) } else { None };
    let after = match taken {
        Some((_, other)) => other.clone(),
        None => format!("{}_{before}", ["a", "old", "z"][source.below(3)]),
    };
    *out = Rename { family, before, after }.apply(out);
}

/// Another rule decides what is left: it comes to the end, and the last one gets its condition.
fn give_otherwise(out: &mut Structure, _: &Structure, source: &mut Bytes) {
    let Some(keys) = out.sequences.get_mut(&Sequence::Rules) else { return };
    let undated = |key: &Key| matches!(key, Key::Rule(_, dates) if *dates == Dates::default());
    let others: Vec<usize> = (0..keys.len() - 1).filter(|at| undated(&keys[*at])).collect();
    let Some(at) = source.pick(&others).copied() else { return };
    let (last, new) = (keys[keys.len() - 1].clone(), keys[at].clone());
    match source.below(3) {
        // what is behind it goes
        0 => {
            let gone: Vec<Key> = keys.drain(at + 1..).collect();
            gone.iter().for_each(|key| drop(out.elements.remove(key)));
        }
        // it moves
        1 => {
            let moved = keys.remove(at);
            keys.push(moved);
        }
        // they change places
        _ => {
            let end = keys.len() - 1;
            keys.swap(at, end);
        }
    }
    let condition = |out: &mut Structure, key: &Key, text: String| {
        out.elements.get_mut(key).and_then(|rule| rule.insert(Part::Condition, text))
    };
    if let Some(old) = condition(out, &new, "true".to_owned()) {
        condition(out, &last, old);
    }
}

fn settings(out: &mut Structure, donor: &Structure, source: &mut Bytes) {
    let pick = |texts: &[&str], source: &mut Bytes| (*source.pick(texts).expect("a text")).to_owned();
    let (key, value) = match source.below(5) {
        0 => (Key::MonthEnd, pick(&["clip", "carry"], source)),
        1 => (Key::Currency, pick(&["USD", "EUR", "JPY", "CHF"], source)),
        2 => {
            let fields: Vec<Key> = out.sequences.get(&Sequence::Inputs).cloned().unwrap_or_default();
            let Some(Key::Input(name)) = source.pick(&fields) else { return };
            (Key::Effective, name.clone())
        }
        3 => {
            out.name.clone_from(&donor.name);
            return;
        }
        _ => {
            out.name.push_str(".other");
            return;
        }
    };
    let element = Element::from([(Part::Value, value)]);
    if out.elements.insert(key.clone(), element).is_none() {
        out.sequences.entry(Sequence::Items).or_default().push(key);
    }
}

// layout

/// Writes the policy with other blank lines, comments, parentheses and order of declarations.
fn layout(structure: &Structure, source: &mut Bytes) -> Result<(), String> {
    let text = structure.to_source();
    let text = if source.one_in(2) { in_parentheses(&text, source) } else { reordered(&text, source) };
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    for _ in 0..source.below(4) {
        let at = source.below(lines.len() + 1);
        lines.insert(at, ["\n", "  -- as agreed\n", "\n\n\n"][source.below(3)]);
    }
    let text = lines.concat();
    let read = Structure::of_source(&text).map_err(|errors| format!("{errors:?}\n{text}"))?;
    if read.hash() != structure.hash() {
        return Err(format!("the hash depends on the layout\n{text}"));
    }
    Ok(())
}

/// One operand in parentheses, if that can be read.
fn in_parentheses(text: &str, source: &mut Bytes) -> String {
    let (Some(tree), _) = parse(text) else { return text.to_owned() };
    // `any` is a cell only without parentheses
    let is_operand = |kind: &ExprKind| !matches!(kind, ExprKind::Name(name) if name.text == "any");
    let spans: Vec<Span> =
        tree.exprs.values().filter(|expr| is_operand(&expr.kind)).map(|expr| expr.span).collect();
    let Some(span) = source.pick(&spans) else { return text.to_owned() };
    let range = span.range();
    let wrapped = format!("{}({}){}", &text[..range.start], &text[range.clone()], &text[range.end..]);
    if Structure::of_source(&wrapped).is_ok() { wrapped } else { text.to_owned() }
}

/// The declarations in another order, but for those whose order counts.
fn reordered(text: &str, source: &mut Bytes) -> String {
    let (Some(tree), _) = parse(text) else { return text.to_owned() };
    let mut items: Vec<(bool, &str)> =
        tree.items.iter().map(|item| (matches!(item, Item::Require(_)), item.span().text(text))).collect();
    let requires: Vec<&str> = items.iter().filter(|(counts, _)| *counts).map(|(_, text)| *text).collect();
    for last in (1..items.len()).rev() {
        items.swap(last, source.below(last + 1));
    }
    let mut requires = requires.into_iter();
    for (counts, text) in &mut items {
        if *counts {
            *text = requires.next().expect("as many as there were");
        }
    }
    let items: String = items.iter().map(|(_, text)| format!("  {text}\n")).collect();
    format!("policy {} {{\n{items}}}\n", tree.name)
}
