//! Which units may an operator combine, and what is the unit of the result? One table: operator, left, right, result and scale.
//!
//! What is not in the table is an error. The table of units in the book is generated from it.

use std::fmt;

use crate::hir::{Form, Ty, Unit};
use crate::limits::SCALE_OF_PRODUCT_MAX;
use crate::text::ast;

/// What a value measures, without which enum it is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Measure {
    /// A Boolean.
    Bool,
    /// A value of an enum; both sides of the same.
    Enum,
    /// A day.
    Date,
    /// A number of days.
    Days,
    /// A number of calendar months or years, which exists only on the right of a date.
    Months,
    /// A whole or decimal number.
    Number,
    /// A number that is an exact quotient. Where the table has no row for it, it is a [`Measure::Number`].
    Ratio,
    /// A percentage.
    Percent,
    /// An amount of the policy's currency.
    Money,
}

/// What joins two values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Operator {
    /// `a + b`
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// `a of b`
    Of,
    /// `a / b`
    Divide,
    /// `a div b`
    FloorDivide,
    /// `a mod b`
    Mod,
    /// `a < b` and the like
    Order,
    /// `a == b`, `a != b`
    Equality,
    /// `a in b..c`
    Within,
    /// `a in {b, c}`
    Member,
    /// `min(a, b)`, `max(a, b)`
    Extreme,
    /// `if c then a else b`
    Branches,
    /// `a or_else b`
    OrElse,
}

/// How exactly the result is represented.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scaling {
    /// The larger of both scales.
    Larger,
    /// The sum of both scales.
    Sum,
    /// Not as a decimal but as an exact quotient.
    Quotient,
    /// Both are whole numbers, and so is the result.
    Whole,
}

/// A row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// What joins them.
    pub operator: Operator,
    /// The left operand.
    pub left: Measure,
    /// The right operand.
    pub right: Measure,
    /// The result.
    pub result: Measure,
    /// How exactly.
    pub scaling: Scaling,
}

const fn row(operator: Operator, left: Measure, right: Measure, result: Measure, scaling: Scaling) -> Row {
    Row { operator, left, right, result, scaling }
}

use Measure::{Bool, Date, Days, Enum, Money, Months, Number, Percent, Ratio};
use Operator::{
    Add, Branches, Divide, Equality, Extreme, FloorDivide, Member, Mod, Multiply, Of, OrElse, Order,
    Subtract, Within,
};
use Scaling::{Larger, Quotient, Sum, Whole};

/// Every combination that has a meaning.
#[rustfmt::skip]
pub const TABLE: &[Row] = &[
    row(Add,         Number,  Number,  Number,  Larger),
    row(Add,         Percent, Percent, Percent, Larger),
    row(Add,         Money,   Money,   Money,   Larger),
    row(Add,         Days,    Days,    Days,    Whole),
    row(Add,         Date,    Days,    Date,    Whole),
    row(Add,         Days,    Date,    Date,    Whole),
    row(Add,         Date,    Months,  Date,    Whole),

    row(Subtract,    Number,  Number,  Number,  Larger),
    row(Subtract,    Percent, Percent, Percent, Larger),
    row(Subtract,    Money,   Money,   Money,   Larger),
    row(Subtract,    Days,    Days,    Days,    Whole),
    row(Subtract,    Date,    Date,    Days,    Whole),
    row(Subtract,    Date,    Days,    Date,    Whole),
    row(Subtract,    Date,    Months,  Date,    Whole),

    row(Multiply,    Number,  Number,  Number,  Sum),
    row(Multiply,    Number,  Percent, Percent, Sum),
    row(Multiply,    Percent, Number,  Percent, Sum),
    row(Multiply,    Percent, Percent, Percent, Sum),
    row(Multiply,    Number,  Money,   Money,   Sum),
    row(Multiply,    Money,   Number,  Money,   Sum),
    row(Multiply,    Percent, Money,   Money,   Sum),
    row(Multiply,    Money,   Percent, Money,   Sum),
    row(Multiply,    Number,  Days,    Days,    Whole),
    row(Multiply,    Days,    Number,  Days,    Whole),

    row(Of,          Percent, Number,  Number,  Sum),
    row(Of,          Percent, Percent, Percent, Sum),
    row(Of,          Percent, Money,   Money,   Sum),
    row(Of,          Number,  Number,  Number,  Sum),
    row(Of,          Number,  Percent, Percent, Sum),
    row(Of,          Number,  Money,   Money,   Sum),

    row(Divide,      Number,  Number,  Number,  Quotient),
    row(Divide,      Number,  Percent, Number,  Quotient),
    row(Divide,      Percent, Number,  Percent, Quotient),
    row(Divide,      Percent, Percent, Number,  Quotient),
    row(Divide,      Money,   Number,  Money,   Quotient),
    row(Divide,      Money,   Percent, Money,   Quotient),
    row(Divide,      Money,   Money,   Number,  Quotient),
    row(Divide,      Days,    Days,    Number,  Quotient),

    row(FloorDivide, Number,  Number,  Number,  Whole),
    row(FloorDivide, Days,    Days,    Number,  Whole),
    row(Mod,         Number,  Number,  Number,  Whole),
    row(Mod,         Days,    Days,    Days,    Whole),

    row(Order,       Number,  Number,  Bool,    Whole),
    row(Order,       Ratio,   Percent, Bool,    Whole),
    row(Order,       Percent, Ratio,   Bool,    Whole),
    row(Order,       Percent, Percent, Bool,    Whole),
    row(Order,       Money,   Money,   Bool,    Whole),
    row(Order,       Days,    Days,    Bool,    Whole),
    row(Order,       Date,    Date,    Bool,    Whole),

    row(Equality,    Bool,    Bool,    Bool,    Whole),
    row(Equality,    Enum,    Enum,    Bool,    Whole),
    row(Equality,    Number,  Number,  Bool,    Whole),
    row(Equality,    Ratio,   Percent, Bool,    Whole),
    row(Equality,    Percent, Ratio,   Bool,    Whole),
    row(Equality,    Percent, Percent, Bool,    Whole),
    row(Equality,    Money,   Money,   Bool,    Whole),
    row(Equality,    Days,    Days,    Bool,    Whole),
    row(Equality,    Date,    Date,    Bool,    Whole),

    row(Within,      Number,  Number,  Bool,    Whole),
    row(Within,      Percent, Percent, Bool,    Whole),
    row(Within,      Money,   Money,   Bool,    Whole),
    row(Within,      Days,    Days,    Bool,    Whole),
    row(Within,      Date,    Date,    Bool,    Whole),

    row(Member,      Enum,    Enum,    Bool,    Whole),
    row(Member,      Number,  Number,  Bool,    Whole),
    row(Member,      Percent, Percent, Bool,    Whole),
    row(Member,      Money,   Money,   Bool,    Whole),
    row(Member,      Days,    Days,    Bool,    Whole),
    row(Member,      Date,    Date,    Bool,    Whole),

    row(Extreme,     Number,  Number,  Number,  Larger),
    row(Extreme,     Ratio,   Percent, Number,  Larger),
    row(Extreme,     Percent, Ratio,   Number,  Larger),
    row(Extreme,     Percent, Percent, Percent, Larger),
    row(Extreme,     Money,   Money,   Money,   Larger),
    row(Extreme,     Days,    Days,    Days,    Larger),
    row(Extreme,     Date,    Date,    Date,    Larger),

    row(Branches,    Bool,    Bool,    Bool,    Larger),
    row(Branches,    Enum,    Enum,    Enum,    Larger),
    row(Branches,    Number,  Number,  Number,  Larger),
    row(Branches,    Ratio,   Percent, Number,  Larger),
    row(Branches,    Percent, Ratio,   Number,  Larger),
    row(Branches,    Percent, Percent, Percent, Larger),
    row(Branches,    Money,   Money,   Money,   Larger),
    row(Branches,    Days,    Days,    Days,    Larger),
    row(Branches,    Date,    Date,    Date,    Larger),

    row(OrElse,      Bool,    Bool,    Bool,    Larger),
    row(OrElse,      Enum,    Enum,    Enum,    Larger),
    row(OrElse,      Number,  Number,  Number,  Larger),
    row(OrElse,      Percent, Percent, Percent, Larger),
    row(OrElse,      Money,   Money,   Money,   Larger),
    row(OrElse,      Days,    Days,    Days,    Larger),
    row(OrElse,      Date,    Date,    Date,    Larger),
];

/// Why two values cannot be joined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mismatch {
    /// The table has no row for these units.
    Units,
    /// An exact quotient, where the operator takes none.
    Quotient,
    /// A number with decimals, where the operator takes whole numbers.
    Decimals,
    /// The result has this scale, which is beyond the limit.
    Scale(u8),
}

/// The type of `left operator right`.
///
/// # Errors
/// Where they cannot be joined.
///
/// ```
/// use opus_frontend::check::units::{Mismatch, Operator, join};
/// use opus_frontend::hir::{Ty, Unit};
/// let (money, share) = (Ty::scaled(Unit::Money, 2), Ty::scaled(Unit::Percent, 4));
/// assert_eq!(join(Operator::Of, share, money), Ok(Ty::scaled(Unit::Money, 6)));
/// assert_eq!(join(Operator::Multiply, money, money), Err(Mismatch::Units));
/// ```
pub fn join(operator: Operator, left: Ty, right: Ty) -> Result<Ty, Mismatch> {
    let row = find(operator, measure(left), measure(right)).ok_or(Mismatch::Units)?;
    if row.left == Enum && left.unit != right.unit {
        return Err(Mismatch::Units);
    }
    if !operator.takes_quotients() && (left.scale().is_none() || right.scale().is_none()) {
        return Err(Mismatch::Quotient);
    }
    let unit = unit(row.result, left.unit);
    if row.result == Bool {
        return Ok(Ty::BOOL);
    }
    let (Some(a), Some(b)) = (left.scale(), right.scale()) else {
        let whole = row.scaling == Whole;
        return if whole { Err(Mismatch::Quotient) } else { Ok(Ty { unit, form: Form::Rational }) };
    };
    let scale = match row.scaling {
        Larger => a.max(b),
        Sum => a.saturating_add(b),
        Quotient => return Ok(Ty { unit, form: Form::Rational }),
        Whole if a > 0 || b > 0 => return Err(Mismatch::Decimals),
        Whole => 0,
    };
    if scale as usize > SCALE_OF_PRODUCT_MAX {
        Err(Mismatch::Scale(scale))
    } else {
        Ok(Ty::scaled(unit, scale))
    }
}

/// Whether a date may have calendar months added or subtracted: what the table says of an operator.
pub fn takes_months(operator: Operator) -> bool {
    find(operator, Date, Months).is_some()
}

/// The row for these operands: with a quotient as such first, then as any number.
fn find(operator: Operator, left: Measure, right: Measure) -> Option<&'static Row> {
    let plain = |measure: Measure| if measure == Ratio { Number } else { measure };
    let exactly = |left: Measure, right: Measure| {
        TABLE.iter().find(move |row| row.operator == operator && row.left == left && row.right == right)
    };
    exactly(left, right)
        .or_else(|| exactly(left, plain(right)))
        .or_else(|| exactly(plain(left), right))
        .or_else(|| exactly(plain(left), plain(right)))
}

/// What a value of this type measures.
pub fn measure(ty: Ty) -> Measure {
    match ty.unit {
        Unit::Bool => Bool,
        Unit::Enum(_) => Enum,
        Unit::Date => Date,
        Unit::Days => Days,
        Unit::Number if ty.form == Form::Rational => Ratio,
        Unit::Number => Number,
        Unit::Percent => Percent,
        Unit::Money => Money,
    }
}

fn unit(result: Measure, left: Unit) -> Unit {
    match result {
        Bool => Unit::Bool,
        Enum => left,
        Date => Unit::Date,
        Days => Unit::Days,
        Number | Ratio | Months => Unit::Number,
        Percent => Unit::Percent,
        Money => Unit::Money,
    }
}

impl Operator {
    /// Every operator, in the order of the table.
    pub const ALL: [Operator; 14] = [
        Add,
        Subtract,
        Multiply,
        Of,
        Divide,
        FloorDivide,
        Mod,
        Order,
        Equality,
        Within,
        Member,
        Extreme,
        Branches,
        OrElse,
    ];

    /// How it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Add => "a + b",
            Subtract => "a - b",
            Multiply => "a * b",
            Of => "a of b",
            Divide => "a / b",
            FloorDivide => "a div b",
            Mod => "a mod b",
            Order => "a < b",
            Equality => "a == b",
            Within => "a in b..c",
            Member => "a in {b, …}",
            Extreme => "min(a, b)",
            Branches => "if c then a else b",
            OrElse => "a or_else b",
        }
    }

    /// Whether its operands may be exact quotients.
    pub const fn takes_quotients(self) -> bool {
        !matches!(self, FloorDivide | Mod | Within | Member)
    }
}

impl From<ast::Arithmetic> for Operator {
    fn from(op: ast::Arithmetic) -> Operator {
        match op {
            ast::Arithmetic::Add => Add,
            ast::Arithmetic::Subtract => Subtract,
            ast::Arithmetic::Multiply => Multiply,
            ast::Arithmetic::Divide => Divide,
            ast::Arithmetic::Div => FloorDivide,
            ast::Arithmetic::Mod => Mod,
            ast::Arithmetic::Of => Of,
        }
    }
}

impl From<ast::Comparison> for Operator {
    fn from(op: ast::Comparison) -> Operator {
        match op {
            ast::Comparison::Equal | ast::Comparison::NotEqual => Equality,
            _ => Order,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Bool => "Boolean",
            Enum => "enum value",
            Date => "date",
            Days => "days",
            Months => "months, years",
            Number => "number",
            Ratio => "quotient",
            Percent => "percent",
            Money => "money",
        })
    }
}

impl fmt::Display for Scaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Larger => "the larger of both",
            Sum => "the sum of both",
            Quotient => "exact quotient",
            Whole => "whole",
        })
    }
}

/// The table as the book shows it, in Markdown.
pub fn markdown() -> String {
    let mut text = String::from("| written | a | b | result | decimals |\n| --- | --- | --- | --- | --- |\n");
    for Row { operator, left, right, result, scaling } in TABLE {
        let decimals = if *result == Bool { String::new() } else { scaling.to_string() };
        text += &format!("| `{}` | {left} | {right} | {result} | {decimals} |\n", operator.name());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONEY: Ty = Ty::scaled(Unit::Money, 2);
    const PERCENT: Ty = Ty::scaled(Unit::Percent, 4);
    const WHOLE: Ty = Ty::scaled(Unit::Number, 0);
    const TENTHS: Ty = Ty::scaled(Unit::Number, 1);
    const RATIO: Ty = Ty { unit: Unit::Number, form: Form::Rational };

    #[test]
    fn rows_are_unique_and_grouped_by_operator() {
        let key = |row: &Row| (row.operator, row.left, row.right);
        let mut keys: Vec<_> = TABLE.iter().map(key).collect();
        let count = keys.len();
        assert!(keys.is_sorted_by_key(|(operator, ..)| *operator));
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
        assert!(Operator::ALL.is_sorted());
        assert!(Operator::ALL.iter().all(|op| TABLE.iter().any(|row| row.operator == *op)));
    }

    #[test]
    fn scales_follow_the_table() {
        assert_eq!(join(Multiply, MONEY, PERCENT), Ok(Ty::scaled(Unit::Money, 6)));
        assert_eq!(join(Add, TENTHS, WHOLE), Ok(TENTHS));
        assert_eq!(join(FloorDivide, TENTHS, WHOLE), Err(Mismatch::Decimals));
        assert_eq!(join(Divide, MONEY, MONEY), Ok(RATIO));
        assert_eq!(join(Multiply, RATIO, MONEY), Ok(Ty { unit: Unit::Money, form: Form::Rational }));
        let wide = Ty::scaled(Unit::Number, SCALE_OF_PRODUCT_MAX as u8);
        assert_eq!(join(Multiply, wide, TENTHS), Err(Mismatch::Scale(SCALE_OF_PRODUCT_MAX as u8 + 1)));
    }

    #[test]
    fn quotients_are_compared_with_percentages_and_chosen_between() {
        assert_eq!(join(Order, RATIO, PERCENT), Ok(Ty::BOOL));
        assert_eq!(join(Order, WHOLE, PERCENT), Err(Mismatch::Units));
        for operator in [Extreme, Branches] {
            assert_eq!(join(operator, RATIO, WHOLE), Ok(RATIO));
            assert_eq!(join(operator, PERCENT, RATIO), Ok(RATIO));
            assert_eq!(join(operator, PERCENT, WHOLE), Err(Mismatch::Units));
        }
        assert_eq!(join(OrElse, WHOLE, RATIO), Ok(RATIO));
        assert_eq!(join(Mod, RATIO, WHOLE), Err(Mismatch::Quotient));
    }

    #[test]
    fn enums_join_their_own_kind_only() {
        let of = |index| Ty::scaled(Unit::Enum(index), 0);
        assert_eq!(join(Equality, of(1), of(1)), Ok(Ty::BOOL));
        assert_eq!(join(Equality, of(1), of(2)), Err(Mismatch::Units));
        assert_eq!(join(Branches, of(1), of(1)), Ok(of(1)));
    }
}
