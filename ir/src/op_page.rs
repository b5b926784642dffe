//! The op table as Markdown. `spec/ops.md` is this text, and a test compares the two.

use crate::ops::{Class, Imm, Laws, Row, TABLE};

const PREFACE: &str = "\
# The ops

Generated from the op table in `ir/src/ops/table.rs` by `UPDATE=1 cargo test -p opus-ir --test op_page`; do not edit.

A value is an integer of 32, 64 or 128 bits or a Boolean, and carries the interval that was proved for it. An op
computes in the widest type among its operands and its result; narrower operands are sign-extended, and the result
is wrapped to its type. Every op is total: it is defined for every bit pattern, including a divisor of zero, any index
and any day, because predicated code also evaluates it on rows that another branch decides.

`any` is an integer or a Boolean, the same for every `any` of an op. `small` is an integer that engines compute in 32
bits; a wider one is clamped to 32 bits. An immediate is written after the operands.

Laws hold for all operands for which the op is proved: `commutes` (the order of the operands does not matter),
`idempotent` (the result of two equal operands is that operand), `modular` (the low bits of the result follow from the
low bits of the operands), `unit x` (with x as the second operand, the result is the first), `x of equals` (the result
of two equal operands is x).

| code | op | result | meaning | laws |
| --- | --- | --- | --- | --- |
";

/// A page on all ops, as Markdown.
pub fn op_page() -> String {
    let line = |row: &Row| {
        let (code, op, result) = (row.op as u8, signature(row), class(row.result));
        format!("| {code} | `{op}` | {result} | {} | {} |\n", row.doc.trim(), laws(row))
    };
    PREFACE.to_string() + &TABLE.iter().map(line).collect::<String>()
}

fn signature(row: &Row) -> String {
    let operands = row.params.iter().map(|(name, of)| format!("{name}: {}", class(*of)));
    let parts: Vec<String> = operands.chain(immediate(row.imm).map(String::from)).collect();
    format!("{} {}", row.mnemonic, parts.join(", ")).trim().to_string()
}

fn class(class: Class) -> &'static str {
    match class {
        Class::Int => "int",
        Class::Bool => "bool",
        Class::Any => "any",
        Class::Small => "small",
    }
}

fn immediate(imm: Imm) -> Option<&'static str> {
    match imm {
        Imm::None => None,
        Imm::Const => Some("NUMBER"),
        Imm::Field => Some("FIELD"),
        Imm::Table => Some("TABLE"),
        Imm::Rounding => Some("ROUNDING"),
        Imm::MonthEnd => Some("MONTH_END"),
        Imm::Polarity => Some("POLARITY"),
    }
}

fn laws(row: &Row) -> String {
    let Laws { commutes, idempotent, modular, unit, of_equals } = row.laws;
    let named = [(commutes, "commutes"), (idempotent, "idempotent"), (modular, "modular")];
    let named = named.iter().filter(|(holds, _)| *holds).map(|(_, law)| law.to_string());
    let unit = unit.map(|x| format!("unit {x}"));
    let of_equals = of_equals.map(|x| format!("{x} of equals"));
    named.chain(unit).chain(of_equals).collect::<Vec<_>>().join(", ")
}
