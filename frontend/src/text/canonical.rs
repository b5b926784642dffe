//! When do two sources say the same? When they differ in layout, comments, redundant parentheses, how a number is
//! written, or the order of members of a set. Here a tree is brought to the one form that all of these have.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::currency;
use crate::text::ast::*;

/// Brings a tree to its canonical form: parentheses only where they are needed, numbers without trailing zeros,
/// amounts with the symbol of their currency, the members of sets in order, enum values without their enum where no other
/// enum has a value of this name. Comments are dropped.
///
/// ```
/// use opus_frontend::{ast::Item, canonical::canonical, format::expression, parse::parse};
/// let (tree, _) = parse("policy p { let x = ((a)) + (b * 2.50) }");
/// let tree = canonical(tree.unwrap());
/// let Item::Let(item) = &tree.items[0] else { unreachable!() };
/// assert_eq!(expression(&tree.exprs, item.value), "a + b * 2.5");
/// ```
pub fn canonical(mut policy: Policy) -> Policy {
    policy.comments.clear();
    let enums = enums_by_value(&policy);
    for expr in policy.exprs.values_mut() {
        expr.parentheses = false;
        match &mut expr.kind {
            ExprKind::Number(number) | ExprKind::Percent(number) => *number = by_value(*number),
            ExprKind::Money { currency, amount } => {
                *amount = by_value(*amount);
                currency.text = mark(&currency.text, &policy.items);
            }
            ExprKind::EnumValue { value, .. } if enums.get(value.text.as_str()) == Some(&1) => {
                expr.kind = ExprKind::Name(value.clone());
            }
            _ => {}
        }
    }
    // children come before their parents, so that a set is ordered when its members are in their form
    let ids: Vec<ExprId> = policy.exprs.keys().collect();
    for id in ids {
        for (place, child) in policy.exprs[id].kind.children().into_iter().enumerate() {
            let least = needed(&policy.exprs[id].kind, place);
            let found = &mut policy.exprs[child];
            found.parentheses = level(&found.kind) < least;
        }
        if let ExprKind::InSet { members, .. } = &policy.exprs[id].kind {
            let sorted = in_order(&policy.exprs, members);
            if let ExprKind::InSet { members, .. } = &mut policy.exprs[id].kind {
                *members = sorted;
            }
        }
    }
    let Policy { items, exprs, .. } = &mut policy;
    items.iter_mut().for_each(|item| item_in_order(item, exprs));
    policy
}

fn item_in_order(item: &mut Item, exprs: &Exprs) {
    let domain = |ty: &mut Type| {
        if let Some(Domain { kind: DomainKind::Set(members), .. }) = &mut ty.domain {
            *members = in_order(exprs, members);
        }
    };
    let cell = |cell: &mut Cell| {
        if let CellKind::Set(members) = &mut cell.kind {
            *members = in_order(exprs, members);
        }
    };
    match item {
        Item::Input(block) | Item::Output(block) => {
            block.fields.iter_mut().for_each(|field| domain(&mut field.ty));
        }
        Item::Adverse(item) => item.values = in_order(exprs, &item.values),
        Item::Param(param) => domain(&mut param.ty),
        Item::FactTable(table) => {
            domain(&mut table.ty);
            table.keys.iter_mut().for_each(|key| domain(&mut key.ty));
        }
        Item::Table(table) => {
            domain(&mut table.ty);
            table.rows.iter_mut().flat_map(|row| &mut row.cells).for_each(cell);
        }
        Item::Grid(grid) => {
            domain(&mut grid.ty);
            grid.columns.iter_mut().chain(grid.rows.iter_mut().map(|row| &mut row.cell)).for_each(cell);
        }
        Item::Currency(_)
        | Item::Effective(_)
        | Item::Version(_)
        | Item::MonthEnd(_)
        | Item::Enum(_)
        | Item::Set(_)
        | Item::Let(_)
        | Item::Require(_)
        | Item::Rules(_)
        | Item::Case(_)
        | Item::Test(_) => {}
    }
}

/// By name of an enum value, how many enums have it.
fn enums_by_value(policy: &Policy) -> BTreeMap<String, usize> {
    let mut enums = BTreeMap::new();
    for item in &policy.items {
        if let Item::Enum(item) = item {
            for value in &item.values {
                *enums.entry(value.name.text.clone()).or_default() += 1;
            }
        }
    }
    enums
}

/// The number without trailing zeros after the point.
fn by_value(mut number: Number) -> Number {
    while number.scale > 0 && number.mantissa % 10 == 0 {
        number = Number { mantissa: number.mantissa / 10, scale: number.scale - 1 };
    }
    number
}

/// How amounts of the policy's currency are written: by its symbol, where it has one, otherwise by its code.
fn mark(written: &str, items: &[Item]) -> String {
    let declared = items.iter().find_map(|item| match item {
        Item::Currency(item) => Some(item.code.text.as_str()),
        _ => None,
    });
    match declared {
        Some(declared) if currency::may_mean(written, declared) => {
            currency::symbol(declared).unwrap_or(declared).to_owned()
        }
        _ => written.to_owned(),
    }
}

/// Members of a set in the order of their values; names and what is computed after numbers, by their text.
fn in_order(exprs: &Exprs, members: &[ExprId]) -> Vec<ExprId> {
    let mut sorted = members.to_vec();
    sorted.sort_by(|a, b| {
        compare(&exprs[*a].kind, &exprs[*b].kind).then_with(|| text(exprs, *a).cmp(&text(exprs, *b)))
    });
    sorted
}

fn text(exprs: &Exprs, id: ExprId) -> String {
    super::format::expression(exprs, id)
}

fn compare(a: &ExprKind, b: &ExprKind) -> Ordering {
    let number = |kind: &ExprKind| match kind {
        ExprKind::Number(number) | ExprKind::Percent(number) | ExprKind::Money { amount: number, .. } => {
            Some(*number)
        }
        ExprKind::Date(day) => Some(Number { mantissa: i128::from(*day), scale: 0 }),
        _ => None,
    };
    match (number(a), number(b)) {
        (Some(a), Some(b)) => {
            let scale = a.scale.max(b.scale);
            let scaled = |number: Number| {
                number.mantissa.checked_mul(10_i128.checked_pow(u32::from(scale - number.scale))?)
            };
            scaled(a).zip(scaled(b)).map_or(Ordering::Equal, |(a, b)| a.cmp(&b))
        }
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

// How tightly operators bind, from the grammar: an operand that binds less tightly than its place asks for needs
// parentheses.

const WHOLE: u8 = 0;
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARISON: u8 = 4;
const ROUNDED: u8 = 5;
const SUM: u8 = 6;
const PRODUCT: u8 = 7;
const NEGATION: u8 = 8;
const OR_ELSE: u8 = 9;
const DURATION: u8 = 10;
const PRIMARY: u8 = 11;

fn level(kind: &ExprKind) -> u8 {
    match kind {
        ExprKind::If { .. } => WHOLE,
        ExprKind::Logic { op: Logic::Or, .. } => OR,
        ExprKind::Logic { op: Logic::And, .. } => AND,
        ExprKind::Not(_) => NOT,
        ExprKind::Compare { .. }
        | ExprKind::InRange { .. }
        | ExprKind::InSet { .. }
        | ExprKind::InNamed { .. }
        | ExprKind::IsMissing(_)
        | ExprKind::IsPresent(_) => COMPARISON,
        ExprKind::Rounded { .. } => ROUNDED,
        ExprKind::Arithmetic { op: Arithmetic::Add | Arithmetic::Subtract, .. } => SUM,
        ExprKind::Arithmetic {
            op: Arithmetic::Multiply | Arithmetic::Divide | Arithmetic::Div | Arithmetic::Mod | Arithmetic::Of,
            ..
        } => PRODUCT,
        ExprKind::Negate(_) => NEGATION,
        ExprKind::OrElse { .. } => OR_ELSE,
        ExprKind::Duration { .. } => DURATION,
        ExprKind::Number(_)
        | ExprKind::Money { .. }
        | ExprKind::Percent(_)
        | ExprKind::Date(_)
        | ExprKind::Bool(_)
        | ExprKind::Name(_)
        | ExprKind::EnumValue { .. }
        | ExprKind::Call { .. }
        | ExprKind::Entry { .. }
        | ExprKind::Error => PRIMARY,
    }
}

/// The level from which on an operand needs no parentheses, by its place among the [operands](ExprKind::children).
fn needed(kind: &ExprKind, place: usize) -> u8 {
    let own = level(kind);
    match (kind, place) {
        (
            ExprKind::Arithmetic { .. } | ExprKind::Logic { .. } | ExprKind::Not(_) | ExprKind::Negate(_),
            0,
        ) => own,
        (ExprKind::Arithmetic { .. } | ExprKind::Logic { .. }, _) => own + 1,
        // a comparison of a comparison is an error without parentheses
        (ExprKind::Compare { .. }, _) => ROUNDED,
        (
            ExprKind::InRange { .. }
            | ExprKind::InSet { .. }
            | ExprKind::InNamed { .. }
            | ExprKind::IsMissing(_)
            | ExprKind::IsPresent(_)
            | ExprKind::Rounded { .. },
            0,
        ) => ROUNDED,
        (ExprKind::InRange { .. }, _) => SUM,
        (ExprKind::OrElse { .. }, 0) => DURATION,
        (ExprKind::OrElse { .. }, _) => OR_ELSE,
        (ExprKind::Duration { .. }, _) => PRIMARY,
        // between other words, commas or parentheses
        _ => WHOLE,
    }
}
