//! What do people read about the ops? The table as Markdown: `spec/ops.md` is this text, and a test says so.

use crate::ops::{Class, Imm, Row, TABLE};

const PREFACE: &str = "\
# The ops

Written from the op table in `ir/src/ops.rs` by `UPDATE=1 cargo test -p opus-ir --test reference`; do not edit.

A value is an integer of 32, 64 or 128 bits or a truth value, and carries the interval that was proved for it. An op
computes in the widest type among its operands and its result; narrower operands are sign-extended, and the result
is wrapped to its type. Every op is total: what a row says of zero, of an index or of the calendar holds on every
bit pattern, also on rows that another branch decides. `any` stands for an integer or a truth value, the same
for all `any` of an op. An immediate is written after the operands.

| code | op | result | meaning | laws |
| --- | --- | --- | --- | --- |
";

/// The reference of all ops, as Markdown.
pub fn op_reference() -> String {
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
    let laws = [(row.laws.commutes, "commutes"), (row.laws.idempotent, "idempotent")];
    laws.iter().filter(|(holds, _)| *holds).map(|(_, law)| *law).collect::<Vec<_>>().join(", ")
}
