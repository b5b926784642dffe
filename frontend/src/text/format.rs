//! How should a policy look? The same for everybody: it is written from the tree and the comments, with related things
//! aligned in columns.
//!
//! The author decides the order of everything, empty lines (one at most), parentheses, and whether a short block is on
//! one line. All else is settled here. Formatting twice changes nothing, no comment is lost, and the formatted source
//! reads as the same tree.

mod comments;
mod page;
mod phrase;
mod rules;

pub use phrase::{cell, date, expression, type_kind};

use crate::diagnostic::{Diagnostic, any_error};
use crate::text::ast::*;
use crate::text::lexer::quote;
use crate::text::parse::parse;
use comments::Comments;
use page::{Group, Page, WIDTH, width};
use phrase::{Phrase, cite, dates, listed, phrase};
use rules::{Columns, hanging};

/// Formats a source, or says why it cannot be read.
///
/// ```
/// use opus_frontend::format::format;
/// let source = "policy a{input{ age:int in 0..120\n score:int optional}}";
/// let formatted = "policy a {\n  input {\n    age   : int in 0..120\n    score : int optional\n  }\n}\n";
/// assert_eq!(format(source).unwrap(), formatted);
/// assert!(format("policy a {").is_err());
/// ```
pub fn format(source: &str) -> Result<String, Vec<Diagnostic>> {
    let (policy, diagnostics) = parse(source);
    match policy {
        Some(policy) if !any_error(&diagnostics) => Ok(Writer::new(source, &policy).write()),
        _ => Err(diagnostics),
    }
}

struct Writer<'a> {
    source: &'a str,
    policy: &'a Policy,
    exprs: &'a Exprs,
    comments: Comments<'a>,
    page: Page,
    /// Where in the source the last thing ended that was written.
    end: u32,
    /// The columns of all enums that have lines of their own.
    enums: Group,
    /// The columns of the tests just before, where nothing came between.
    tests: Option<Group>,
}

/// Indentation of items and of what is in them.
const ITEM: usize = 2;
const INSIDE: usize = 4;

impl<'a> Writer<'a> {
    fn new(source: &'a str, policy: &'a Policy) -> Writer<'a> {
        let mut page = Page::default();
        let enums = page.group();
        let comments = Comments::new(source, &policy.comments);
        Writer { source, policy, exprs: &policy.exprs, comments, page, end: 0, enums, tests: None }
    }

    fn write(mut self) -> String {
        let policy = self.policy;
        self.lead(0, policy.span.start, policy.span.start);
        self.page.line(0, format!("policy {} {{", policy.name));
        self.enter(policy.name.span.end);
        for item in &policy.items {
            self.item(item);
        }
        self.leave(0, policy.span);
        let last = u32::MAX;
        self.trail(policy.span.end, last);
        self.lead(0, last, last);
        self.page.render()
    }

    // comments and empty lines

    /// Writes what comes before something: comments that begin before `until`, and an empty line where the
    /// author left one. Says whether there was anything.
    fn lead(&mut self, indent: usize, start: u32, until: u32) -> bool {
        let mut led = false;
        while let Some(comment) = self.comments.before(until) {
            led = true;
            self.gap(comment.start.min(start));
            self.page.line(indent, comment.text(self.source));
            self.end = comment.end;
        }
        self.gap(start) || led
    }

    /// An empty line, where the author left one after the last thing.
    fn gap(&mut self, start: u32) -> bool {
        let between = Span { start: self.end, end: start };
        let gap = self.end > 0 && start != u32::MAX && between.text(self.source).matches('\n').count() > 1;
        if gap {
            self.page.blank();
        }
        gap
    }

    /// Writes the comment after something, and records where it ended.
    fn trail(&mut self, end: u32, limit: u32) {
        self.end = end;
        if let Some(comment) = self.comments.behind(end, limit) {
            self.page.comment(comment.text(self.source));
            self.end = comment.end;
        }
    }

    /// Notes that a block was entered: no empty line at its beginning.
    fn enter(&mut self, near: u32) {
        let rest = &self.source[near as usize..];
        let brace = rest.find('{').map_or(0, |at| at + 1);
        self.end = near + brace as u32;
        self.trail_of_brace();
        let rest = &self.source[self.end as usize..];
        self.end += (rest.len() - rest.trim_start().len()) as u32;
    }

    /// A comment after an opening brace stays there.
    fn trail_of_brace(&mut self) {
        let end = self.end;
        if let Some(comment) = self.comments.behind(end, u32::MAX) {
            self.page.comment(comment.text(self.source));
            self.end = comment.end;
        }
    }

    /// Closes a block, after the comments left in it.
    fn leave(&mut self, indent: usize, span: Span) {
        while let Some(comment) = self.comments.before(span.end) {
            self.gap(comment.start);
            self.page.line(indent + 2, comment.text(self.source));
            self.end = comment.end;
        }
        self.page.line(indent, "}");
    }

    // lines

    fn hang(&mut self, indent: usize, phrase: &Phrase) {
        for (indent, line) in hanging(phrase, indent, 4) {
            self.page.line(indent, line);
        }
    }

    fn given(&self, given: Given) -> String {
        match given {
            Given::Value(value) => self.text(value),
            Given::Missing => "missing".into(),
        }
    }

    fn text(&self, id: ExprId) -> String {
        expression(self.exprs, id)
    }

    /// Whether a block may stay on one line: the author wrote it so, and it fits.
    fn stays(&self, span: Span, line: &str) -> bool {
        !span.text(self.source).contains('\n') && ITEM + width(line) <= WIDTH
    }

    // items

    fn item(&mut self, item: &'a Item) {
        let span = item.span();
        let whole = self.is_whole(item);
        let led = self.lead(ITEM, span.start, if whole { span.end } else { span.start });
        if led || !matches!(item, Item::Test(_)) {
            self.tests = None;
        }
        match item {
            Item::Currency(item) => self.page.line(ITEM, format!("currency {}", item.code.text)),
            Item::Effective(item) => self.page.line(ITEM, format!("effective on {}", item.field.text)),
            Item::MonthEnd(item) => self.page.line(ITEM, format!("month_end {}", item.rule.name())),
            Item::Version(item) => self.version(item),
            Item::Adverse(item) => self.adverse(item),
            Item::Enum(item) => self.enumeration(item),
            Item::Input(block) => self.fields("input", block),
            Item::Output(block) => self.fields("output", block),
            Item::Param(item) => self.param(item),
            Item::Set(item) => self.set(item),
            Item::FactTable(item) => self.fact_table(item),
            Item::Let(item) => self.binding(ITEM, item),
            Item::Table(item) => self.table(item),
            Item::Grid(item) => self.grid(item),
            Item::Require(item) => self.require(item),
            Item::Rules(item) => self.rules(item),
            Item::Case(item) => self.case(item),
            Item::Test(item) => self.test(item),
        }
        self.trail(span.end, self.policy.span.end);
    }

    /// Whether an item is written as a whole, so that comments inside it go before it.
    fn is_whole(&self, item: &Item) -> bool {
        match item {
            Item::Param(param) => is_constant(param) || param.from_snapshot,
            Item::Enum(_) | Item::Input(_) | Item::Output(_) | Item::Table(_) | Item::Grid(_) => false,
            Item::Rules(_) | Item::Case(_) => false,
            _ => true,
        }
    }

    fn version(&mut self, item: &VersionDecl) {
        let head = format!("version {} from {}", item.number.number, phrase::date(item.from.day));
        self.hang(ITEM, &Phrase::of(head).maybe(cite(&item.cite)));
    }

    fn adverse(&mut self, item: &AdverseDecl) {
        let values: Vec<String> = item.values.iter().map(|value| self.text(*value)).collect();
        let head = Phrase::of(format!("adverse {} in", item.output.text));
        self.hang(ITEM, &head.then(Phrase::of(format!("{{{}}}", values.join(", ")))));
    }

    fn enumeration(&mut self, item: &'a EnumDecl) {
        let texts = item.values.iter().filter(|value| value.text.is_some()).count();
        let head = format!("enum {}", item.name.text);
        let line = filled_values(&item.values, usize::MAX);
        if let [only] = line.as_slice()
            && self.stays(item.span, &format!("{head} {{ {only}"))
        {
            return self.page.row(ITEM, self.enums, vec![head, format!("{{ {only}")]);
        }
        if self.comments.any_within(item.span) || texts * 2 > item.values.len() {
            return self.enum_block(&head, item);
        }
        let names = self.policy.items.iter().filter_map(|item| match item {
            Item::Enum(item) => Some(width(&item.name.text) + 5),
            _ => None,
        });
        let room = WIDTH.saturating_sub(ITEM + names.max().unwrap_or(0) + 5);
        for (i, line) in filled_values(&item.values, room).into_iter().enumerate() {
            let (head, brace) = if i == 0 { (head.as_str(), "{ ") } else { ("", "  ") };
            self.page.row(ITEM, self.enums, vec![head.to_string(), format!("{brace}{line}")]);
        }
    }

    /// Each value on a line of its own, the texts in a column.
    fn enum_block(&mut self, head: &str, item: &'a EnumDecl) {
        self.page.line(ITEM, format!("{head} {{"));
        self.enter(item.name.span.end);
        let group = self.page.group();
        for value in &item.values {
            let end = value.text.as_ref().map_or(value.name.span.end, |text| text.span.end);
            self.lead(INSIDE, value.name.span.start, end);
            let cells = match &value.text {
                Some(text) => vec![value.name.text.clone(), format!("{},", quote(&text.text))],
                None => vec![format!("{},", value.name.text)],
            };
            self.page.row(INSIDE, group, cells);
            self.trail(end, item.span.end);
        }
        self.leave(ITEM, item.span);
    }

    fn fields(&mut self, word: &str, block: &'a FieldBlock) {
        let texts: Vec<(String, Phrase)> = block.fields.iter().map(|field| self.field(field)).collect();
        let inline: Vec<String> = texts.iter().map(|(name, ty)| format!("{name} : {}", ty.line())).collect();
        let line = format!("{word} {{ {} }}", inline.join("   "));
        if self.stays(block.span, &line) {
            return self.page.line(ITEM, line);
        }
        self.page.line(ITEM, format!("{word} {{"));
        self.enter(block.span.start);
        let group = self.page.group();
        let names = texts.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
        for (field, (name, ty)) in block.fields.iter().zip(texts) {
            self.lead(INSIDE, field.span.start, field.span.end);
            let room = WIDTH.saturating_sub(INSIDE + names + 3);
            for (i, line) in ty.lines(room, room).into_iter().enumerate() {
                let (name, sign) = if i == 0 { (name.as_str(), ":") } else { ("", " ") };
                self.page.row(INSIDE, group, vec![name.to_string(), format!("{sign} {line}")]);
            }
            self.trail(field.span.end, block.span.end);
        }
        self.leave(ITEM, block.span);
    }

    /// The name, and what follows the colon.
    fn field(&self, field: &Field) -> (String, Phrase) {
        let ty = phrase::ty(self.exprs, &field.ty).maybe(field.optional.map(|_| "optional".to_string()));
        let ty = ty.maybe(field.actionable.map(Actionable::text));
        let ty = ty.maybe(field.default.map(|value| format!("default {}", self.text(value))));
        (field.name.text.clone(), ty)
    }

    fn param(&mut self, param: &'a Param) {
        let head = Phrase::of(format!("param {} :", param.name.text))
            .then(phrase::ty(self.exprs, &param.ty))
            .maybe(cite(&param.cite));
        if param.from_snapshot {
            return self.hang(ITEM, &head.word("from snapshot"));
        }
        if is_constant(param) {
            let value = phrase(self.exprs, param.values[0].value);
            return self.hang(ITEM, &head.word("=").then(value));
        }
        self.hang(ITEM, &head.word("{"));
        let before = param.cite.as_ref().map_or(param.ty.span, |cite| cite.span);
        self.enter(before.end);
        let group = self.page.group();
        for value in &param.values {
            self.lead(INSIDE, value.span.start, value.span.end);
            let dates = dates(value.dated, 0).unwrap_or_default();
            self.page.row(INSIDE, group, vec![dates, format!("= {}", self.text(value.value))]);
            self.trail(value.span.end, param.span.end);
        }
        self.leave(ITEM, param.span);
    }

    fn set(&mut self, set: &SetDecl) {
        let head = Phrase::of(format!("set {} of {}", set.name.text, set.of.text)).maybe(cite(&set.cite));
        self.hang(ITEM, &head.word("from snapshot"));
    }

    fn fact_table(&mut self, table: &FactTableDecl) {
        let keys = fact_keys(self.exprs, table);
        let head = Phrase::of(format!("table {}({keys}) ->", table.name.text))
            .then(phrase::ty(self.exprs, &table.ty))
            .maybe(cite(&table.cite));
        self.hang(ITEM, &head.word("from snapshot"));
    }

    fn binding(&mut self, indent: usize, item: &Let) {
        let head = Phrase::of(format!("let {}", item.name.text)).maybe(dates(item.dated, 0));
        let mut head = Phrase::of(format!("{} =", head.line()));
        head.attach(" ");
        self.hang(indent, &head.followed_by(phrase(self.exprs, item.value)));
    }

    fn require(&mut self, item: &Require) {
        let head = Phrase::of(format!("require {}", item.id.text))
            .maybe(item.title.as_ref().map(|title| quote(&title.text)))
            .maybe(cite(&item.cite))
            .maybe(dates(item.dated, 0));
        self.hang(ITEM, &head.word(":").then(phrase(self.exprs, item.condition)));
    }

    // tables

    fn table(&mut self, table: &'a Table) {
        let args: Vec<&str> = table.args.iter().map(|arg| arg.text.as_str()).collect();
        let choice = match table.choice {
            Choice::Unique => "unique",
            Choice::First => "first",
        };
        let head = Phrase::of(format!("table {}({}) {choice} ->", table.name.text, args.join(", ")))
            .then(phrase::ty(self.exprs, &table.ty))
            .maybe(cite(&table.cite));
        self.hang(ITEM, &head.word("{"));
        self.enter(table.cite.as_ref().map_or(table.ty.span, |cite| cite.span).end);
        let group = self.page.group();
        let pad = date_word(table.rows.iter().map(|row| row.dated));
        for row in &table.rows {
            self.lead(INSIDE, row.span.start, row.span.end);
            let text = |one: &Cell| format!("| {}", cell(self.exprs, one));
            let mut cells: Vec<String> = row.cells.iter().map(text).collect();
            cells.push(format!("=> {}", self.text(row.value)));
            cells.push(row_end(row.dated, &row.id, &row.cite, pad));
            self.page.row(INSIDE, group, cells);
            self.trail(row.span.end, table.span.end);
        }
        self.leave(ITEM, table.span);
    }

    fn grid(&mut self, grid: &'a Grid) {
        let head = Phrase::of(format!("grid {} :", grid.name.text))
            .then(phrase::ty(self.exprs, &grid.ty))
            .maybe(cite(&grid.cite));
        self.hang(ITEM, &head.word("{"));
        self.enter(grid.cite.as_ref().map_or(grid.ty.span, |cite| cite.span).end);
        let group = self.page.group();
        let end = grid.columns.last().map_or(grid.column_arg.span.end, |column| column.span.end);
        self.lead(INSIDE, grid.row_arg.span.start, end);
        let mut cells = vec![format!("{} \\ {}", grid.row_arg.text, grid.column_arg.text)];
        cells.extend(grid.columns.iter().map(|column| format!("| {}", cell(self.exprs, column))));
        cells.push(";".to_string());
        self.page.row(INSIDE, group, cells);
        self.trail(end, grid.span.end);
        let pad = date_word(grid.rows.iter().map(|row| row.dated));
        for row in &grid.rows {
            self.lead(INSIDE, row.span.start, row.span.end);
            let mut cells = vec![cell(self.exprs, &row.cell)];
            cells.extend(row.values.iter().map(|&value| format!("| {}", self.text(value))));
            cells.push(row_end(row.dated, &row.id, &row.cite, pad));
            self.page.row(INSIDE, group, cells);
            self.trail(row.span.end, grid.span.end);
        }
        self.leave(ITEM, grid.span);
    }

    // rules

    fn rules(&mut self, rules: &'a Rules) {
        self.page.line(ITEM, "rules first {");
        self.enter(rules.span.start);
        let columns = Columns::of(self.exprs, rules, INSIDE);
        for statement in &rules.statements {
            let span = statement.span();
            self.lead(INSIDE, span.start, span.end);
            match statement {
                Statement::Let(item) => self.binding(INSIDE, item),
                Statement::Rule(rule) => {
                    for (indent, line) in columns.lay_out(self.exprs, rule, INSIDE) {
                        self.page.line(indent, line);
                    }
                }
            }
            self.trail(span.end, rules.span.end);
        }
        self.leave(ITEM, rules.span);
    }

    // cases and tests

    fn case(&mut self, case: &'a Case) {
        let head = format!("case {} {{", case.name.text);
        if !self.comments.any_within(case.span) {
            let body = format!("{head} {}", self.assignments(&case.fields, ITEM + width(&head) + 1, 2));
            return body.lines().enumerate().for_each(|(i, line)| {
                self.page.line(if i == 0 { ITEM } else { 0 }, line.to_string());
            });
        }
        self.page.line(ITEM, head);
        self.enter(case.name.span.end);
        let group = self.page.group();
        for field in &case.fields {
            self.lead(INSIDE, field.span.start, field.span.end);
            let value = format!("= {}", self.given(field.value));
            self.page.row(INSIDE, group, vec![field.name.text.clone(), value]);
            self.trail(field.span.end, case.span.end);
        }
        self.leave(ITEM, case.span);
    }

    /// Assignments and the closing brace, over as many lines as it takes, the later ones indented so far; so
    /// many characters must stay free.
    fn assignments(&self, fields: &[Assignment], indent: usize, free: usize) -> String {
        let room = WIDTH.saturating_sub(free);
        let mut out = String::new();
        let mut at = indent;
        for field in fields {
            let text = format!("{} = {}", field.name.text, self.given(field.value));
            if at > indent && at + 2 + width(&text) > room {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                at = indent;
            } else if at > indent {
                out.push_str("  ");
                at += 2;
            }
            at += width(&text);
            out.push_str(&text);
        }
        out.push_str(if fields.is_empty() { "}" } else { " }" });
        out
    }

    fn test(&mut self, test: &Test) {
        let head = format!("test {}", quote(&test.title.text));
        let on = test.on.map_or(String::new(), |day| format!(" on {}", phrase::date(day.day)));
        let expect = listed(test.expect.iter().map(|expectation| self.expectation(expectation)));
        let given = format!("given {}", test.given.text);
        let with = |indent: usize, free: usize| match test.with.as_slice() {
            [] => String::new(),
            fields => format!(" with {{ {}", self.assignments(fields, indent, free)),
        };
        let body = format!("{{ {given}{}{on}  expect {} }}", with(0, 0), expect.line());
        let with = with(INSIDE + width(&given) + 8, width(&on) + 2);
        if !body.contains('\n') && self.stays(test.span, &format!("{head} {body}")) {
            let group = *self.tests.get_or_insert_with(|| self.page.group());
            return self.page.row(ITEM, group, vec![head, body]);
        }
        self.tests = None;
        self.page.line(ITEM, format!("{head} {{"));
        for (i, line) in format!("{given}{with}{on}").lines().enumerate() {
            self.page.line(if i == 0 { INSIDE } else { 0 }, line);
        }
        let expect = Phrase::of("expect").then(expect);
        for (indent, line) in hanging(&expect, INSIDE, 7) {
            self.page.line(indent, line);
        }
        self.page.line(ITEM, "}");
    }

    fn expectation(&self, expectation: &Expectation) -> Phrase {
        Phrase::of(match &expectation.kind {
            ExpectationKind::Output { output, value } => format!("{} = {}", output.text, self.text(*value)),
            ExpectationKind::Rule(id) => format!("rule {}", id.text),
            ExpectationKind::Version(version) => format!("version {}", version.number),
            ExpectationKind::Refused(name) => format!("refused {}", name.text),
        })
    }
}

/// Whether a parameter is written `= value`.
fn is_constant(param: &Param) -> bool {
    matches!(param.values.as_slice(), [only] if only.dated == Dated::default())
}

/// Values of an enum with commas and the closing brace, over as many lines as it takes; a value with a text
/// ends its line where there is not room for all.
fn filled_values(values: &[EnumValueDecl], room: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    let mut broken = true;
    for (i, value) in values.iter().enumerate() {
        let text = value.text.as_ref().map_or(String::new(), |text| format!(" {}", quote(&text.text)));
        let end = if i + 1 == values.len() { " }" } else { "," };
        let word = format!("{}{text}{end}", value.name.text);
        let fits = lines.last().is_some_and(|last| width(last) + 1 + width(&word) <= room);
        match lines.last_mut() {
            Some(last) if fits && ((!broken && text.is_empty()) || room == usize::MAX) => {
                last.push(' ');
                last.push_str(&word);
            }
            _ => lines.push(word),
        }
        broken = !text.is_empty();
    }
    lines
}

/// How wide the first word of dates is among these.
fn date_word(mut dated: impl Iterator<Item = Dated>) -> usize {
    let until = dated.any(|dated| dated.from.is_none() && dated.until.is_some());
    if until { "until".len() } else { 0 }
}

/// What follows the value of a row.
fn row_end(dated: Dated, id: &Option<Name>, source: &Option<Text>, pad: usize) -> String {
    let id = id.as_ref().map(|id| id.text.clone());
    let parts = [dates(dated, pad), id, cite(source), Some(";".to_string())];
    parts.into_iter().flatten().collect::<Vec<String>>().join(" ")
}

/// The keys of a table from a snapshot, each with its type: `region : Region, term : int in {12, 24}`.
pub fn fact_keys(exprs: &Exprs, table: &FactTableDecl) -> String {
    let key = |key: &FactKey| format!("{} : {}", key.name.text, phrase::ty(exprs, &key.ty).line());
    table.keys.iter().map(key).collect::<Vec<_>>().join(", ")
}
