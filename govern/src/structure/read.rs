//! Which elements does a tree contain? Every node is destructured, so that a construct without an element is a compile
//! error.

use std::collections::BTreeMap;

use opus_frontend::ast;
use opus_frontend::format::{self, expression};

use super::key::{Dates, Key, Part, Sequence, When};
use super::{Element, FROM_SNAPSHOT, Structure};

struct Reader<'a> {
    exprs: &'a ast::Exprs,
    /// By first day, the number of the version.
    versions: BTreeMap<i32, u32>,
    /// The outputs in the order of their declaration, for outcomes without names.
    outputs: Vec<&'a str>,
    /// By output, the values with which a decision is adverse.
    adverse: BTreeMap<&'a str, Vec<String>>,
    structure: Structure,
}

/// Reads a tree in canonical form.
pub fn read(tree: &ast::Policy) -> Structure {
    let ast::Policy { name, items, exprs, comments: _, lost: _, span: _ } = tree;
    let mut versions = BTreeMap::new();
    let mut outputs = Vec::new();
    let mut adverse: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for item in items {
        match item {
            ast::Item::Version(item) => {
                versions.insert(item.from.day, item.number.number);
            }
            ast::Item::Output(block) => {
                outputs.extend(block.fields.iter().map(|field| field.name.text.as_str()))
            }
            ast::Item::Adverse(item) => {
                let values = item.values.iter().map(|value| unqualified(&expression(exprs, *value)));
                adverse.entry(&item.output.text).or_default().extend(values);
            }
            _ => {}
        }
    }
    let structure =
        Structure { name: name.to_string(), elements: BTreeMap::new(), sequences: BTreeMap::new() };
    let mut reader = Reader { exprs, versions, outputs, adverse, structure };
    items.iter().for_each(|item| reader.item(item));
    reader.structure
}

impl Reader<'_> {
    fn text(&self, id: ast::ExprId) -> String {
        expression(self.exprs, id)
    }

    fn put(
        &mut self,
        sequence: Option<Sequence>,
        key: Key,
        parts: impl IntoIterator<Item = (Part, Option<String>)>,
    ) {
        let parts: Element = parts.into_iter().filter_map(|(part, text)| Some((part, text?))).collect();
        if let Some(sequence) = sequence {
            self.structure.sequences.entry(sequence).or_default().push(key.clone());
        }
        self.structure.elements.insert(key, parts);
    }

    fn when(&self, day: ast::Day) -> When {
        let ast::Day { day, span: _ } = day;
        self.versions.get(&day).map_or(When::Day(day), |version| When::Version(*version))
    }

    fn dates(&self, dated: ast::Dated) -> Dates {
        let ast::Dated { from, until } = dated;
        Dates { from: from.map(|day| self.when(day)), until: until.map(|day| self.when(day)) }
    }

    fn item(&mut self, item: &ast::Item) {
        match item {
            ast::Item::Currency(ast::CurrencyDecl { code, span: _ }) => {
                self.setting(Key::Currency, &code.text)
            }
            ast::Item::Effective(ast::EffectiveDecl { field, span: _ }) => {
                self.setting(Key::Effective, &field.text)
            }
            ast::Item::MonthEnd(ast::MonthEndDecl { rule, span: _ }) => {
                self.setting(Key::MonthEnd, rule.name())
            }
            ast::Item::Version(ast::VersionDecl { number, from, cite, span: _ }) => {
                let number = number.number;
                self.put(
                    Some(Sequence::Items),
                    Key::Version(number),
                    [
                        (Part::Number, Some(number.to_string())),
                        (Part::From, Some(format::date(from.day))),
                        (Part::Cite, words(cite)),
                    ],
                );
            }
            // part of the output: see `field`
            ast::Item::Adverse(ast::AdverseDecl { output: _, values: _, span: _ }) => {}
            ast::Item::Enum(item) => self.enumeration(item),
            ast::Item::Input(ast::FieldBlock { fields, span: _ }) => {
                fields.iter().for_each(|field| self.field(field, Sequence::Inputs, Key::Input));
            }
            ast::Item::Output(ast::FieldBlock { fields, span: _ }) => {
                fields.iter().for_each(|field| self.field(field, Sequence::Outputs, Key::Output));
            }
            ast::Item::Param(item) => self.param(item),
            ast::Item::FactTable(item) => {
                let ast::FactTableDecl { name, keys: _, ty, cite, span: _ } = item;
                let [kind, range] = self.ty(ty);
                let keys = format::fact_keys(self.exprs, item);
                let from = Some(FROM_SNAPSHOT.to_owned());
                let parts =
                    [(Part::Keys, Some(keys)), kind, range, (Part::Value, from), (Part::Cite, words(cite))];
                self.put(Some(Sequence::Items), Key::Table(name.text.clone()), parts);
            }
            ast::Item::Set(item) => {
                let ast::SetDecl { name, of, cite, span: _ } = item;
                self.put(
                    Some(Sequence::Items),
                    Key::Set(name.text.clone()),
                    [(Part::Type, Some(of.text.clone())), (Part::Cite, words(cite))],
                );
            }
            ast::Item::Let(item) => self.binding(item, Sequence::Items, Key::Let),
            ast::Item::Table(item) => self.table(item),
            ast::Item::Grid(item) => self.grid(item),
            ast::Item::Require(item) => self.require(item),
            ast::Item::Rules(ast::Rules { statements, span: _ }) => {
                for statement in statements {
                    match statement {
                        ast::Statement::Rule(rule) => self.rule(rule),
                        ast::Statement::Let(item) => self.binding(item, Sequence::Rules, Key::RuleLet),
                    }
                }
            }
            ast::Item::Case(ast::Case { name, fields, span: _ }) => {
                let body = self.assignments(fields);
                self.put(Some(Sequence::Items), Key::Case(name.text.clone()), [(Part::Body, Some(body))]);
            }
            ast::Item::Test(item) => self.test(item),
        }
    }

    fn setting(&mut self, key: Key, value: &str) {
        self.put(Some(Sequence::Items), key, [(Part::Value, Some(value.to_owned()))]);
    }

    fn enumeration(&mut self, item: &ast::EnumDecl) {
        let ast::EnumDecl { name, values, span: _ } = item;
        self.put(Some(Sequence::Items), Key::Enum(name.text.clone()), []);
        for ast::EnumValueDecl { name: value, text } in values {
            let key = Key::EnumValue(name.text.clone(), value.text.clone());
            self.put(Some(Sequence::EnumValues(name.text.clone())), key, [(Part::Title, words(text))]);
        }
    }

    fn field(&mut self, field: &ast::Field, sequence: Sequence, key: impl Fn(String) -> Key) {
        let ast::Field { name, ty, optional, actionable, default, span: _ } = field;
        let [kind, range] = self.ty(ty);
        let default = default.map(|value| self.text(value));
        let mut parts = vec![
            kind,
            range,
            (Part::Optional, optional.map(|_| "optional".to_owned())),
            (Part::Actionable, actionable.map(ast::Actionable::text)),
            (Part::Default, default),
        ];
        if sequence == Sequence::Outputs {
            let values = self.adverse.get(name.text.as_str()).into_iter().flatten();
            parts.extend(values.map(|value| (Part::Adverse(value.clone()), Some("adverse".to_owned()))));
        }
        self.put(Some(sequence), key(name.text.clone()), parts);
    }

    fn ty(&self, ty: &ast::Type) -> [(Part, Option<String>); 2] {
        let ast::Type { kind, domain, span: _ } = ty;
        let range = domain.as_ref().map(|ast::Domain { kind, span: _ }| match kind {
            ast::DomainKind::Range { low, high } => format!("{}..{}", self.text(*low), self.text(*high)),
            ast::DomainKind::Set(members) => format!("{{{}}}", self.listed(members)),
        });
        [(Part::Type, Some(format::type_kind(kind))), (Part::Range, range)]
    }

    fn listed(&self, members: &[ast::ExprId]) -> String {
        members.iter().map(|member| self.text(*member)).collect::<Vec<_>>().join(", ")
    }

    fn param(&mut self, item: &ast::Param) {
        let ast::Param { name, ty, cite, values, from_snapshot, span: _ } = item;
        let [kind, range] = self.ty(ty);
        self.put(
            Some(Sequence::Items),
            Key::Param(name.text.clone()),
            [kind, range, (Part::Cite, words(cite))],
        );
        if *from_snapshot {
            let key = Key::ParamValue(name.text.clone(), Dates::default());
            let value = Some(FROM_SNAPSHOT.to_owned());
            self.put(Some(Sequence::ParamValues(name.text.clone())), key, [(Part::Value, value)]);
        }
        for ast::ParamValue { dated, value, span: _ } in values {
            let key = Key::ParamValue(name.text.clone(), self.dates(*dated));
            let value = self.text(*value);
            self.put(Some(Sequence::ParamValues(name.text.clone())), key, [(Part::Value, Some(value))]);
        }
    }

    fn binding(&mut self, item: &ast::Let, sequence: Sequence, key: impl Fn(String, Dates) -> Key) {
        let ast::Let { name, dated, value, span: _ } = item;
        let key = key(name.text.clone(), self.dates(*dated));
        let value = self.text(*value);
        self.put(Some(sequence), key, [(Part::Value, Some(value))]);
    }

    fn table(&mut self, item: &ast::Table) {
        let ast::Table { name, args, choice, choice_span: _, ty, cite, rows, span: _ } = item;
        let args: Vec<&str> = args.iter().map(|arg| arg.text.as_str()).collect();
        let (word, sequence) = match choice {
            ast::Choice::Unique => ("unique", Sequence::UniqueRows(name.text.clone())),
            ast::Choice::First => ("first", Sequence::FirstRows(name.text.clone())),
        };
        let [kind, range] = self.ty(ty);
        self.put(
            Some(Sequence::Items),
            Key::Table(name.text.clone()),
            [
                (Part::Args, Some(args.join(", "))),
                (Part::Choice, Some(word.to_owned())),
                kind,
                range,
                (Part::Cite, words(cite)),
            ],
        );
        for ast::TableRow { cells, value, dated, id, cite, span: _ } in rows {
            let cells = cells.iter().map(|cell| format::cell(self.exprs, cell)).collect();
            let key = Key::TableRow(name.text.clone(), cells, self.dates(*dated));
            let value = self.text(*value);
            self.put(
                Some(sequence.clone()),
                key,
                [
                    (Part::Value, Some(value)),
                    (Part::Id, id.as_ref().map(|id| id.text.clone())),
                    (Part::Cite, words(cite)),
                ],
            );
        }
    }

    fn grid(&mut self, item: &ast::Grid) {
        let ast::Grid { name, ty, cite, row_arg, column_arg, columns, rows, span: _ } = item;
        let name = &name.text;
        let [kind, range] = self.ty(ty);
        self.put(
            Some(Sequence::Items),
            Key::Grid(name.clone()),
            [
                (Part::RowArg, Some(row_arg.text.clone())),
                (Part::ColumnArg, Some(column_arg.text.clone())),
                kind,
                range,
                (Part::Cite, words(cite)),
            ],
        );
        let columns: Vec<String> = columns.iter().map(|column| format::cell(self.exprs, column)).collect();
        for column in &columns {
            let key = Key::GridColumn(name.clone(), column.clone());
            self.put(Some(Sequence::GridColumns(name.clone())), key, []);
        }
        for ast::GridRow { cell, values, dated, id, cite, span: _ } in rows {
            let (row, dates) = (format::cell(self.exprs, cell), self.dates(*dated));
            let key = Key::GridRow(name.clone(), row.clone(), dates);
            self.put(
                Some(Sequence::GridRows(name.clone())),
                key,
                [(Part::Id, id.as_ref().map(|id| id.text.clone())), (Part::Cite, words(cite))],
            );
            for (column, value) in columns.iter().zip(values) {
                let key = Key::GridCell(name.clone(), row.clone(), dates, column.clone());
                let value = self.text(*value);
                self.put(None, key, [(Part::Value, Some(value))]);
            }
        }
    }

    fn require(&mut self, item: &ast::Require) {
        let ast::Require { id, title, cite, dated, condition, span: _ } = item;
        let key = Key::Require(id.text.clone(), self.dates(*dated));
        let condition = self.text(*condition);
        self.put(
            Some(Sequence::Requires),
            key,
            [(Part::Title, words(title)), (Part::Cite, words(cite)), (Part::Condition, Some(condition))],
        );
    }

    fn rule(&mut self, rule: &ast::Rule) {
        let ast::Rule { id, title, cite, dated, condition, outcomes, span: _ } = rule;
        let key = Key::Rule(id.text.clone(), self.dates(*dated));
        let condition = condition.map_or_else(|| "true".to_owned(), |condition| self.text(condition));
        let mut parts =
            vec![(Part::Title, words(title)), (Part::Cite, words(cite)), (Part::Condition, Some(condition))];
        for (at, ast::Outcome { output, value, span: _ }) in outcomes.iter().enumerate() {
            let positional = || self.outputs.get(at).copied().unwrap_or_default();
            let output = output.as_ref().map_or_else(positional, |output| &output.text);
            parts.push((Part::Output(output.to_owned()), Some(self.text(*value))));
        }
        self.put(Some(Sequence::Rules), key, parts);
    }

    /// Assignments in the order of the names: `{ age = 40  score = missing }`.
    fn assignments(&self, fields: &[ast::Assignment]) -> String {
        let mut texts: Vec<String> = fields
            .iter()
            .map(|ast::Assignment { name, value, span: _ }| match value {
                ast::Given::Value(value) => format!("{} = {}", name.text, self.text(*value)),
                ast::Given::Missing => format!("{} = missing", name.text),
            })
            .collect();
        texts.sort();
        format!("{{ {} }}", texts.join("  "))
    }

    fn test(&mut self, item: &ast::Test) {
        let ast::Test { title, given, with, on, expect, span: _ } = item;
        let with = if with.is_empty() { String::new() } else { format!(" with {}", self.assignments(with)) };
        let on = on.map_or(String::new(), |day| format!(" on {}", format::date(day.day)));
        let expected = |ast::Expectation { kind, span: _ }: &ast::Expectation| match kind {
            ast::ExpectationKind::Output { output, value } => {
                format!("{} = {}", output.text, self.text(*value))
            }
            ast::ExpectationKind::Rule(id) => format!("rule {}", id.text),
            ast::ExpectationKind::Version(version) => format!("version {}", version.number),
            ast::ExpectationKind::Refused(name) => format!("refused {}", name.text),
        };
        let expect: Vec<String> = expect.iter().map(expected).collect();
        let body = format!("given {}{with}{on} expect {}", given.text, expect.join(", "));
        self.put(Some(Sequence::Items), Key::Test(title.text.clone()), [(Part::Body, Some(body))]);
    }
}

/// A value without its enum.
fn unqualified(value: &str) -> String {
    value.rsplit('.').next().unwrap_or(value).to_owned()
}

/// What a quoted text says.
fn words(text: &Option<ast::Text>) -> Option<String> {
    text.as_ref().map(|ast::Text { text, span: _ }| text.clone())
}
