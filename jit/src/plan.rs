//! Which values does a kernel compute, and in which of its pieces? Long code is split, because compiling takes more
//! than linear time in the length of a function; values that a later piece needs of an earlier one are passed in
//! memory, the state.
//!
//! Constants, fields and their presence are available in every piece and are not passed. Values that no output
//! depends on are not computed at all.

use cranelift_codegen::entity::SecondaryMap;
use opus_ir::ops::Role;
use opus_ir::{Column, Interval, Op, Straight, Type, Value, Width};

/// What a kernel computes, piece by piece.
pub(crate) struct Plan {
    /// The pieces, in the order of their execution.
    pub pieces: Vec<Piece>,
    /// By value: its offset in the state, if it is passed there.
    pub slots: SecondaryMap<Value, Option<u32>>,
    /// The size of the state that the pieces pass on, a multiple of 64.
    pub state_bytes: u32,
    /// By value: the interval that it keeps on every row, if it has one.
    pub kept: SecondaryMap<Value, Option<Interval>>,
}

/// A run of values that one function computes.
#[derive(Default)]
pub(crate) struct Piece {
    /// The values, in order.
    pub values: Vec<Value>,
    /// Those of them that later pieces need.
    pub saves: Vec<Value>,
    /// The outputs that are complete here, with their column; the rule is the last column.
    pub outputs: Vec<(usize, Value)>,
}

/// The costs of a kernel.
pub(crate) struct Measure<'a> {
    /// About how many machine instructions a value takes.
    pub cost: &'a dyn Fn(Value) -> usize,
    /// How many bytes a value takes in the state; a power of two.
    pub slot_bytes: &'a dyn Fn(Value) -> u32,
    /// About how many machine instructions a piece may have.
    pub budget: usize,
}

/// The constant that a value is on every row that reaches it, if its interval is a single value.
pub(crate) fn constant(line: &Straight, value: Value) -> Option<i128> {
    line.values[value].range.single()
}

/// Whether a value is available in any piece without being passed there.
pub(crate) fn is_available(line: &Straight, value: Value) -> bool {
    constant(line, value).is_some() || line.values[value].inst.op.row().role == Role::Leaf
}

/// The columns that inputs are read from.
pub(crate) fn input_columns(line: &Straight) -> Vec<Column> {
    let column = |field: &opus_ir::func::FieldRange| Column {
        width: Width::narrowest(field.range),
        optional: field.optional,
    };
    line.fields.iter().map(column).collect()
}

/// The columns that are written: the outputs, then the rule's index in 16 bits.
pub(crate) fn output_columns(line: &Straight) -> Vec<Column> {
    let column = |width| Column { width, optional: false };
    let outputs = line.results.iter().map(|range| column(Width::narrowest(*range)));
    outputs.chain([column(Width::W16)]).collect()
}

/// The values that are written, by column of [`output_columns`].
pub(crate) fn output_values(line: &Straight) -> Vec<Value> {
    line.outputs.iter().copied().chain([line.rule]).collect()
}

/// The operands that an engine computes: a constant needs none.
pub(crate) fn operands(line: &Straight, value: Value) -> &[Value] {
    match constant(line, value) {
        Some(_) => &[],
        None => line.values[value].inst.args(),
    }
}

/// Whether a value is a Boolean.
pub(crate) fn is_bool(line: &Straight, value: Value) -> bool {
    line.values[value].ty == Type::Bool
}

/// By value: an interval that it keeps on every row, reached or not, because of how it is computed: a choice
/// among constants, a count of thresholds, an entry of a table. Addresses may rely on such an interval only.
fn kept_intervals(line: &Straight) -> SecondaryMap<Value, Option<Interval>> {
    let mut kept = SecondaryMap::<Value, Option<Interval>>::new();
    for (value, step) in &line.values {
        let [_, a, b] = step.inst.operands();
        let interval = match step.inst.op {
            _ if step.range.single().is_some() => Some(step.range),
            Op::Select => kept[a].zip(kept[b]).map(|(a, b)| a.hull(b)),
            Op::Bucket => Some(Interval::new(0, line.table(&step.inst).len() as i128)),
            // lanes that look up an index beyond the table may find zeros
            Op::Lookup => Interval::hull_of(line.table(&step.inst).iter().copied().chain([0])),
            _ => None,
        };
        // an interval wider than the value's own lanes may be truncated to anything
        kept[value] = interval.filter(|kept| Width::narrowest(*kept) <= Width::narrowest(step.range));
    }
    kept
}

impl Plan {
    /// Whether a value is a valid index of a table of this length on every row, reached or not.
    pub fn indexes(&self, value: Value, length: usize) -> bool {
        let valid = |kept: Interval| kept.lo >= 0 && kept.hi < length as i128;
        self.kept[value].is_some_and(valid)
    }

    /// Splits a line by `measure`.
    pub fn new(line: &Straight, measure: &Measure) -> Plan {
        let mut pieces = split(line, measure);
        let home = homes(&pieces);
        let last = pieces.len() - 1;
        for (column, value) in output_values(line).into_iter().enumerate() {
            let place = home[value].map_or(last, |piece| piece as usize);
            pieces[place].outputs.push((column, value));
        }
        let last_use = last_uses(line, &pieces, &home);
        let mut slots = Slots::default();
        for (index, piece) in pieces.iter_mut().enumerate() {
            let passed = |value: &Value| last_use[*value] > index as u32;
            piece.saves = piece.values.iter().copied().filter(passed).collect();
            slots.reuse_those_last_used_before(index as u32);
            for value in &piece.saves {
                slots.give(*value, (measure.slot_bytes)(*value), last_use[*value]);
            }
        }
        let state_bytes = slots.end.next_multiple_of(64);
        Plan { pieces, slots: slots.places, state_bytes, kept: kept_intervals(line) }
    }
}

/// The values that outputs depend on.
fn needed(line: &Straight) -> SecondaryMap<Value, bool> {
    let mut needed = SecondaryMap::with_default(false);
    for value in output_values(line) {
        needed[value] = true;
    }
    for value in line.values.keys().rev() {
        if needed[value] {
            operands(line, value).iter().for_each(|operand| needed[*operand] = true);
        }
    }
    needed
}

fn split(line: &Straight, measure: &Measure) -> Vec<Piece> {
    let needed = needed(line);
    let mut pieces = vec![Piece::default()];
    let mut cost = 0;
    for value in line.values.keys().filter(|value| needed[*value] && !is_available(line, *value)) {
        if cost > measure.budget {
            pieces.push(Piece::default());
            cost = 0;
        }
        cost += (measure.cost)(value);
        pieces.last_mut().expect("there is a first").values.push(value);
    }
    pieces
}

/// By value: the piece that computes it.
fn homes(pieces: &[Piece]) -> SecondaryMap<Value, Option<u32>> {
    let mut homes = SecondaryMap::new();
    for (index, piece) in pieces.iter().enumerate() {
        for value in &piece.values {
            homes[*value] = Some(index as u32);
        }
    }
    homes
}

/// By value: the last piece that has it as an operand, or its own.
fn last_uses(
    line: &Straight,
    pieces: &[Piece],
    homes: &SecondaryMap<Value, Option<u32>>,
) -> SecondaryMap<Value, u32> {
    let mut last = SecondaryMap::new();
    for (index, piece) in pieces.iter().enumerate() {
        for operand in piece.values.iter().flat_map(|value| operands(line, *value)) {
            last[*operand] = if homes[*operand].is_some() { index as u32 } else { 0 };
        }
    }
    last
}

/// Allocates places in the state. A place is reused only in a later piece than the last one that reads it.
#[derive(Default)]
struct Slots {
    places: SecondaryMap<Value, Option<u32>>,
    taken: Vec<(u32, u32, u32)>,
    free: Vec<(u32, u32)>,
    end: u32,
}

impl Slots {
    fn reuse_those_last_used_before(&mut self, piece: u32) {
        let (done, taken) = self.taken.iter().partition(|(_, _, last_use)| *last_use < piece);
        self.taken = taken;
        let done: Vec<(u32, u32, u32)> = done;
        self.free.extend(done.into_iter().map(|(offset, bytes, _)| (offset, bytes)));
    }

    fn give(&mut self, value: Value, bytes: u32, last_use: u32) {
        let fitting = self.free.iter().position(|(_, size)| *size == bytes);
        let offset = match fitting {
            Some(index) => self.free.swap_remove(index).0,
            None => {
                let offset = self.end.next_multiple_of(bytes.min(64));
                self.end = offset + bytes;
                offset
            }
        };
        self.places[value] = Some(offset);
        self.taken.push((offset, bytes, last_use));
    }
}
