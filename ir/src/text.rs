//! How does a function read? One line per value, as people and tests read and write it.
//!
//! ```text
//! field0: int [300, 850] optional
//! field1: bool [0, 1]
//! result0: [0, 2]
//! table0: [580, 670, 740]
//!
//! block0:
//!   v0: i32 [300, 850] = field field0
//!   v1: i32 [680, 680] = constant 680
//!   v2: bool [0, 1] = lt v0, v1
//!   branch v2, block1, block2(v0)
//!
//! block1:
//!   v3: i32 [2, 2] = constant 2
//!   decide 0(v3)
//!
//! block2(v4: i32 [300, 850]):
//!   v5: i32 [680, 850] = refine v0, v2, failed
//!   v6: i32 [2, 3] = bucket v5, table0
//!   v7: i32 [1, 1] = constant 1
//!   decide 1(v7)
//! ```
//!
//! Proofs follow the blocks: `proof v5 low` with a line for each node.
//!
//! A table that binding has still to fill in is written `table1: hole 0, 3 of [0, 850]`: three facts of the first hole.
//!
//! After the mnemonic come the operands, then the immediate; `decide` names the rule. What follows a semicolon is
//! a comment. Names, operands and immediates come from the op table; there is no other list. Functions in which
//! every value appears where it is defined are read back exactly as they were, whether they verify or not.

mod parse;
mod proofs;

use std::fmt;

use crate::date::MonthEnd;
use crate::func::{Def, End, Entries, FieldRange, Func, Inst, Open, Target, Value};
use crate::interval::Interval;
use crate::ops::Imm;
use crate::proof::Proofs;
use crate::rounding::Rounding;
use crate::straight::Straight;
use crate::types::Type;

pub use parse::{SOURCE_BYTES_MAX, TextError, parse};

impl fmt::Display for Func {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_declarations(f, &self.fields, &self.results, self.tables.values().map(EntriesText))?;
        for (block, data) in self.blocks.iter() {
            let params: Vec<String> = data.params.iter().map(|param| self.typed(*param)).collect();
            writeln!(f, "{}:", with_list(block, &params))?;
            for value in &data.body {
                let inst = match self.values.get(*value).map(|data| &data.def) {
                    Some(Def::Inst(inst)) => written(inst),
                    // an invalid instruction cannot be written; the verifier reports it
                    _ => "?".into(),
                };
                writeln!(f, "  {} = {inst}", self.typed(*value))?;
            }
            writeln!(f, "  {}", EndText(&data.end))?;
            if Some(block) != self.blocks.keys().next_back() {
                writeln!(f)?;
            }
        }
        let of_value = |(value, proofs)| {
            let Proofs { low, high }: &Proofs = proofs;
            [(value, proofs::ENDS[0], low), (value, proofs::ENDS[1], high)]
        };
        self.proofs.iter().flat_map(of_value).try_for_each(|(value, end, proof)| match proof {
            Some(proof) => write!(f, "\nproof {value} {end}\n{proof}"),
            None => Ok(()),
        })
    }
}

impl Func {
    fn typed(&self, value: Value) -> String {
        self.values.get(value).map_or_else(|| format!("{value}: ?"), |data| typed(value, data.ty, data.range))
    }
}

impl fmt::Display for Straight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = self.tables.values().map(|entries| format!("[{}]", joined(entries)));
        write_declarations(f, &self.fields, &self.results, tables)?;
        for (value, step) in self.values.iter() {
            writeln!(f, "{} = {}", typed(value, step.ty, step.range), written(&step.inst))?;
        }
        writeln!(f, "decide {}", with_list(self.rule, &self.outputs))
    }
}

impl std::str::FromStr for Func {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Func, TextError> {
        parse(text)
    }
}

fn write_declarations(
    f: &mut fmt::Formatter<'_>,
    fields: &[FieldRange],
    results: &[Interval],
    tables: impl ExactSizeIterator<Item = impl fmt::Display>,
) -> fmt::Result {
    let any = !fields.is_empty() || !results.is_empty() || tables.len() > 0;
    for (i, field) in fields.iter().enumerate() {
        let kind = if field.is_bool { "bool" } else { "int" };
        let optional = if field.optional { " optional" } else { "" };
        writeln!(f, "field{i}: {kind} {}{optional}", field.range)?;
    }
    for (i, range) in results.iter().enumerate() {
        writeln!(f, "result{i}: {range}")?;
    }
    for (i, entries) in tables.enumerate() {
        writeln!(f, "table{i}: {entries}")?;
    }
    if any { writeln!(f) } else { Ok(()) }
}

fn typed(value: Value, ty: Type, range: Interval) -> String {
    format!("{value}: {ty} {range}")
}

fn joined<T: fmt::Display>(items: &[T]) -> String {
    joined_by(", ", items)
}

fn joined_by(between: &str, items: impl IntoIterator<Item: fmt::Display>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(between)
}

/// `name`, or `name(a, b)` where there is something in the list.
fn with_list<T: fmt::Display>(name: impl fmt::Display, items: &[T]) -> String {
    if items.is_empty() { name.to_string() } else { format!("{name}({})", joined(items)) }
}

/// An instruction: mnemonic, operands, immediate.
fn written(inst: &Inst) -> String {
    let row = inst.op.row();
    let operands = inst.args().iter().map(Value::to_string);
    let parts: Vec<String> = operands.chain(row.imm.text(inst.imm)).collect();
    let space = if parts.is_empty() { "" } else { " " };
    format!("{}{space}{}", row.mnemonic, parts.join(", "))
}

/// The names of the two polarities, failed first.
const POLARITIES: [&str; 2] = ["failed", "holds"];

impl Imm {
    /// How an immediate is written, `None` if there is nothing to say. One that the kind does not know is
    /// written as its number: `#7`.
    pub fn text(self, imm: i128) -> Option<String> {
        let unknown = || Some(format!("#{imm}"));
        let name = |name: Option<&'static str>| name.map(String::from).or_else(unknown);
        match self {
            Imm::None if imm == 0 => None,
            Imm::Const => Some(imm.to_string()),
            Imm::Field if imm >= 0 => Some(format!("field{imm}")),
            Imm::Table if imm >= 0 => Some(format!("table{imm}")),
            Imm::Rounding => name(Rounding::from_number(imm).map(Rounding::name)),
            Imm::MonthEnd => name(MonthEnd::from_number(imm).map(MonthEnd::name)),
            Imm::Polarity => name(usize::try_from(imm).ok().and_then(|i| POLARITIES.get(i).copied())),
            Imm::None | Imm::Field | Imm::Table => unknown(),
        }
    }

    /// What [`Imm::text`] wrote, `None` if it never writes this.
    pub fn parse(self, text: &str) -> Option<i128> {
        if let Some(number) = text.strip_prefix('#') {
            return number.parse().ok();
        }
        let place = |names: &[&str]| names.iter().position(|name| *name == text).map(|i| i as i128);
        match self {
            Imm::None => None,
            Imm::Const => text.parse().ok(),
            Imm::Field => text.strip_prefix("field")?.parse::<u64>().ok().map(i128::from),
            Imm::Table => text.strip_prefix("table")?.parse::<u64>().ok().map(i128::from),
            Imm::Rounding => place(&Rounding::ALL.map(Rounding::name)),
            Imm::MonthEnd => place(&MonthEnd::ALL.map(MonthEnd::name)),
            Imm::Polarity => place(&POLARITIES),
        }
    }
}

struct EntriesText<'a>(&'a Entries);

impl fmt::Display for EntriesText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Entries::Known(entries) => write!(f, "[{}]", joined(entries)),
            Entries::Open(Open { hole, count, range }) => write!(f, "hole {hole}, {count} of {range}"),
        }
    }
}

struct EndText<'a>(&'a End);

impl fmt::Display for EndText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = |to: &Target| with_list::<Value>(to.block, &to.args);
        match self.0 {
            End::Jump(to) => write!(f, "jump {}", target(to)),
            End::Branch(condition, then, otherwise) => {
                write!(f, "branch {condition}, {}, {}", target(then), target(otherwise))
            }
            End::Decide { rule, outputs } => write!(f, "decide {}", with_list(rule, outputs)),
        }
    }
}
