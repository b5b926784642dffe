//! What was decided, by which rule, under which version?

use std::fmt::{self, Write};

use opus_ir::memory::{self, RowLayout};
use opus_ir::{Field, Kind, Rule, Verified, Version, Width, date};

use crate::admission::{Shown, enum_name, json};
use crate::hash::Hash;
use crate::policy::Policy;
use crate::row::{FieldRef, Row};

/// A decision on one row.
///
/// ```
/// use opus_runtime::example;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = example::policy();
/// let decision = policy.decide_json(
///     r#"{"submitted_on": "2025-02-01", "age": 40, "score": 720, "income": 90000.00,
///         "requested": 9000, "work": "salaried"}"#,
/// )?;
/// assert_eq!(decision.output("decision").unwrap().to_string(), "approve");
/// assert_eq!(decision.output("amount").unwrap().value(), 900_000);
/// assert_eq!(decision.rule().id, "R4");
/// assert_eq!(decision.version().number, 2);
/// assert!(decision.to_json().starts_with(r#"{"outputs":{"decision":"approve","amount":9000.00},"rule":{"id":"R4""#));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Decision<'a> {
    policy: &'a Policy,
    input: Input<'a>,
    version: u32,
    cells: Cells,
}

/// The row that was decided.
#[derive(Clone)]
pub(crate) enum Input<'a> {
    Borrowed(&'a Row),
    Owned(Box<Row>),
}

/// One output of a decision. Written out, it is in the policy's units: `9000.00`, `approve`, `2025-01-31`.
#[derive(Clone, Copy)]
pub struct Output<'a> {
    policy: &'a Policy,
    field: &'a Field,
    value: i128,
}

impl<'a> Decision<'a> {
    #[inline]
    pub(crate) fn new(policy: &'a Policy, input: Input<'a>, version: usize, cells: Cells) -> Decision<'a> {
        Decision { policy, input, version: version as u32, cells }
    }

    /// The outputs, in the order of their declaration.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = Output<'_>> {
        (0..self.policy.schema().outputs.len()).map(|index| self.output_at(index))
    }

    /// One output, by index or by name.
    pub fn output(&self, output: impl FieldRef) -> Option<Output<'_>> {
        output.index_in(&self.policy.schema().outputs).map(|index| self.output_at(index))
    }

    fn output_at(&self, index: usize) -> Output<'_> {
        let slot = self.policy.output_layout().slots[index];
        let value = memory::read(self.cells.bytes(), slot.offset as usize, slot.width);
        Output { policy: self.policy, field: &self.policy.schema().outputs[index], value }
    }

    /// The index of the rule that decided, in the table of the program.
    pub fn rule_index(&self) -> usize {
        let slot = self.policy.output_layout().slots[self.policy.schema().outputs.len()];
        memory::read(self.cells.bytes(), slot.offset as usize, slot.width) as u16 as usize
    }

    /// The rule that decided.
    pub fn rule(&self) -> &'a Rule {
        &self.policy.artifact().program().rules[self.rule_index()]
    }

    /// The version that was in force.
    pub fn version(&self) -> &'a Version<Verified> {
        &self.policy.artifact().program().versions[self.version as usize]
    }

    /// The row that was decided.
    pub fn input(&self) -> &Row {
        match &self.input {
            Input::Borrowed(row) => row,
            Input::Owned(row) => row,
        }
    }

    /// The content hash of the artifact.
    pub fn artifact_hash(&self) -> Hash {
        self.policy.artifact().content_hash()
    }

    /// The hash of the input's canonical form.
    pub fn input_hash(&self) -> Hash {
        self.input().hash()
    }

    /// The hash of the decision's canonical form: [`Hash::of_decision`].
    pub fn hash(&self) -> Hash {
        let outputs = self.outputs().map(|output| output.value());
        Hash::of_decision(self.version().number, &self.rule().id, outputs)
    }

    /// The decision as a JSON object: outputs, rule, version, and the hashes of artifact and input. Amounts and
    /// numbers are JSON numbers with all their decimals, percentages, dates and enums are strings.
    pub fn to_json(&self) -> String {
        let mut text = String::with_capacity(512);
        self.write_json(&mut text).expect("a string takes any text");
        text
    }

    fn write_json(&self, f: &mut String) -> fmt::Result {
        f.write_str("{\"outputs\":{")?;
        for (index, output) in self.outputs().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}:{}", json::Quoted(output.name()), output.json())?;
        }
        let (rule, version) = (self.rule(), self.version());
        write!(f, "}},\"rule\":{{\"id\":{}", json::Quoted(&rule.id))?;
        write_optional(f, "title", &rule.title)?;
        write_optional(f, "cite", &rule.cite)?;
        let from = date::civil(version.from.into());
        write!(f, "}},\"version\":{{\"number\":{},\"from\":\"{from}\"", version.number)?;
        write_optional(f, "cite", &version.cite)?;
        write!(f, "}},\"artifact\":\"{}\",\"input\":\"{}\"}}", self.artifact_hash(), self.input_hash())
    }
}

fn write_optional(f: &mut String, name: &str, text: &Option<String>) -> fmt::Result {
    text.as_ref().map_or(Ok(()), |text| write!(f, ",\"{name}\":{}", json::Quoted(text)))
}

impl<'a> Output<'a> {
    /// The name.
    pub fn name(&self) -> &'a str {
        &self.field.name
    }

    /// What the integer counts.
    pub fn kind(&self) -> Kind {
        self.field.kind
    }

    /// The integer: minor units of an amount, hundredths of a percent, a day number, the code of an enum's value.
    pub fn value(&self) -> i128 {
        self.value
    }

    /// The name of an enum's value; `None` for other kinds.
    pub fn enum_name(&self) -> Option<&'a str> {
        match self.field.kind {
            Kind::Enum(index) => Some(enum_name(self.policy.schema(), index, self.value)),
            _ => None,
        }
    }

    /// What the policy says to people about an enum's value, where it says anything.
    pub fn enum_text(&self) -> Option<&'a str> {
        let Kind::Enum(index) = self.field.kind else { return None };
        let definition = self.policy.schema().enums.get(index as usize)?;
        definition.values.get(usize::try_from(self.value).ok()?)?.text.as_deref()
    }

    /// The output as a JSON value.
    pub fn json(&self) -> String {
        match self.field.kind {
            Kind::Bool | Kind::Int | Kind::Decimal(_) | Kind::Money | Kind::Days => self.to_string(),
            Kind::Percent(_) | Kind::Date | Kind::Enum(_) => json::Quoted(&self.to_string()).to_string(),
        }
    }
}

impl fmt::Display for Output<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown::new(self.policy.schema(), self.field.kind, self.value).fmt(f)
    }
}

impl fmt::Debug for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

/// What an engine has written: a packed row, in place as long as it is short.
///
/// It is put together in registers, slot by slot. To copy the engine's memory as a whole would cost more than the
/// decision: wide loads from memory that was just written in small parts have to wait.
#[derive(Clone)]
pub(crate) struct Cells {
    words: [u64; WORDS],
    /// A row that is longer.
    longer: Option<Box<[u8]>>,
}

/// So many times eight bytes lie in place.
const WORDS: usize = 4;

impl Cells {
    /// What an engine writes into `buffer`, which holds a row of this layout.
    #[inline]
    pub(crate) fn read(layout: &RowLayout, buffer: &[u8]) -> Cells {
        if layout.size_bytes > WORDS * 8 {
            return Cells { words: [0; WORDS], longer: Some(Box::from(&buffer[..layout.size_bytes])) };
        }
        let mut words = [0; WORDS];
        for slot in &layout.slots {
            let (word, shift) = (slot.offset as usize / 8, slot.offset % 8 * 8);
            let offset = slot.offset as usize;
            let value = memory::read_narrow(buffer, offset, slot.width) as u64;
            let bits = slot.width.bytes().min(8) * 8;
            put(&mut words, word, (value & (u64::MAX >> (64 - bits))) << shift);
            if slot.width == Width::W128 {
                put(&mut words, word + 1, memory::read_narrow(buffer, offset + 8, Width::W64) as u64);
            }
        }
        Cells { words: words.map(u64::to_le), longer: None }
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        match &self.longer {
            Some(longer) => longer,
            None => bytemuck::cast_slice(&self.words),
        }
    }
}

/// Sets bits of the word with this index; every word is touched, so that all stay in registers.
#[inline]
fn put(words: &mut [u64; WORDS], index: usize, bits: u64) {
    words.iter_mut().enumerate().for_each(|(at, word)| *word |= if at == index { bits } else { 0 });
}

/// Room for what an engine writes: on the stack as long as it is short.
pub(crate) struct Buffer {
    short: [u128; SHORT],
    longer: Vec<u128>,
}

/// So many times 16 bytes lie on the stack.
const SHORT: usize = 4;

impl Buffer {
    /// Room for a row of this layout.
    #[inline]
    pub(crate) fn new(layout: &RowLayout) -> Buffer {
        let count = layout.size_bytes / 16;
        let longer = if count <= SHORT { Vec::new() } else { vec![0; count] };
        Buffer { short: [0; SHORT], longer }
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(if self.longer.is_empty() { &self.short } else { &self.longer })
    }

    #[inline]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(if self.longer.is_empty() { &mut self.short } else { &mut self.longer })
    }
}

#[cfg(test)]
mod tests {
    use opus_ir::Column;
    use opus_ir::memory::Slot;

    use super::*;

    #[test]
    fn cells_are_what_was_written() {
        let column = |width| Column { width, optional: false };
        let shapes = [
            vec![column(Width::W8), column(Width::W32), column(Width::W8), column(Width::W16)],
            vec![column(Width::W16), column(Width::W128)],
            vec![column(Width::W64), column(Width::W8), column(Width::W16)],
            vec![column(Width::W128); 5],
        ];
        for shape in shapes {
            let layout = RowLayout::new(&shape);
            for value in [-1, 0, 1, 100, -128] {
                let mut buffer = Buffer::new(&layout);
                for slot in &layout.slots {
                    memory::write(buffer.bytes_mut(), slot.offset as usize, slot.width, value);
                }
                let cells = Cells::read(&layout, buffer.bytes());
                let read = |slot: &Slot| memory::read(cells.bytes(), slot.offset as usize, slot.width);
                assert!(layout.slots.iter().all(|slot| read(slot) == value), "{shape:?}");
            }
        }
    }
}
