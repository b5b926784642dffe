//! Which items does the policy have, by kind? And does it have the items that every policy needs, once each?

use crate::diagnostic::{Code, Diagnostic};
use crate::text::ast::{self, Item, Span};

use super::findings::Findings;

/// The items of a policy by kind, each kind in the order of the source.
#[derive(Default)]
pub(super) struct Items<'a> {
    pub currency: Option<&'a ast::CurrencyDecl>,
    pub effective: Option<&'a ast::EffectiveDecl>,
    pub versions: Vec<&'a ast::VersionDecl>,
    pub month_end: Option<&'a ast::MonthEndDecl>,
    pub adverse: Option<&'a ast::AdverseDecl>,
    pub enums: Vec<&'a ast::EnumDecl>,
    pub inputs: Vec<&'a ast::Field>,
    pub outputs: Vec<&'a ast::Field>,
    pub params: Vec<&'a ast::Param>,
    pub sets: Vec<&'a ast::SetDecl>,
    pub fact_tables: Vec<&'a ast::FactTableDecl>,
    pub lets: Vec<&'a ast::Let>,
    pub tables: Vec<TableItem<'a>>,
    pub requires: Vec<&'a ast::Require>,
    pub rules: Option<&'a ast::Rules>,
    pub cases: Vec<&'a ast::Case>,
    pub tests: Vec<&'a ast::Test>,
}

/// A table, or a grid.
#[derive(Clone, Copy)]
pub(super) enum TableItem<'a> {
    Table(&'a ast::Table),
    Grid(&'a ast::Grid),
}

impl<'a> TableItem<'a> {
    /// Its name.
    pub fn name(self) -> &'a ast::Name {
        match self {
            TableItem::Table(table) => &table.name,
            TableItem::Grid(grid) => &grid.name,
        }
    }

    /// The type of its values.
    pub fn ty(self) -> &'a ast::Type {
        match self {
            TableItem::Table(table) => &table.ty,
            TableItem::Grid(grid) => &grid.ty,
        }
    }

    /// The names that its cells look at.
    pub fn args(self) -> Vec<&'a ast::Name> {
        match self {
            TableItem::Table(table) => table.args.iter().collect(),
            TableItem::Grid(grid) => vec![&grid.row_arg, &grid.column_arg],
        }
    }

    /// What it is called.
    pub fn noun(self) -> &'static str {
        match self {
            TableItem::Table(_) => "table",
            TableItem::Grid(_) => "grid",
        }
    }

    /// The whole item.
    pub fn span(self) -> Span {
        match self {
            TableItem::Table(table) => table.span,
            TableItem::Grid(grid) => grid.span,
        }
    }
}

/// Sorts the items of a policy by kind.
pub(super) fn sort<'a>(policy: &'a ast::Policy, findings: &mut Findings) -> Items<'a> {
    let mut items = Items::default();
    let (mut inputs, mut outputs) = (None, None);
    for item in &policy.items {
        match item {
            Item::Currency(item) => once(&mut items.currency, item, |item| item.span, "currency", findings),
            Item::Effective(item) => {
                once(&mut items.effective, item, |item| item.span, "effective on", findings)
            }
            Item::MonthEnd(item) => once(&mut items.month_end, item, |item| item.span, "month_end", findings),
            Item::Adverse(item) => once(&mut items.adverse, item, |item| item.span, "adverse", findings),
            Item::Rules(item) => once(&mut items.rules, item, |item| item.span, "rules", findings),
            Item::Input(item) => once(&mut inputs, item, |item| item.span, "input", findings),
            Item::Output(item) => once(&mut outputs, item, |item| item.span, "output", findings),
            Item::Version(item) => items.versions.push(item),
            Item::Enum(item) => items.enums.push(item),
            Item::Param(item) => items.params.push(item),
            Item::Set(item) => items.sets.push(item),
            Item::FactTable(item) => items.fact_tables.push(item),
            Item::Let(item) => items.lets.push(item),
            Item::Table(item) => items.tables.push(TableItem::Table(item)),
            Item::Grid(item) => items.tables.push(TableItem::Grid(item)),
            Item::Require(item) => items.requires.push(item),
            Item::Case(item) => items.cases.push(item),
            Item::Test(item) => items.tests.push(item),
        }
    }
    items.inputs = inputs.map_or(vec![], |block| block.fields.iter().collect());
    items.outputs = outputs.map_or(vec![], |block| block.fields.iter().collect());
    let found =
        [("input", inputs.is_some()), ("output", outputs.is_some()), ("rules", items.rules.is_some())];
    for (word, _) in found.into_iter().filter(|(_, found)| !found) {
        findings.report(missing(policy, word));
    }
    items
}

fn once<'a, T>(
    slot: &mut Option<&'a T>,
    item: &'a T,
    span: impl Fn(&T) -> Span,
    word: &str,
    findings: &mut Findings,
) {
    let Some(first) = *slot else {
        *slot = Some(item);
        return;
    };
    let message = format!("`{word}` appears twice");
    let again = Diagnostic::new(Code::RepeatedItem, span(item), message);
    findings.report(again.also(span(first), "the first one").help("combine them, or remove one"));
}

fn missing(policy: &ast::Policy, word: &str) -> Diagnostic {
    let (shape, says) = match word {
        "input" => ("input { age : int in 0..120 }", "which data it needs"),
        "output" => ("output { decision : Decision }", "which results it gives"),
        _ => ("rules first { … otherwise ID => … }", "how it decides"),
    };
    let message = format!("the policy has no `{word}`, which says {says}");
    Diagnostic::new(Code::MissingItem, policy.name.span, message).help(format!("add `{shape}`"))
}
