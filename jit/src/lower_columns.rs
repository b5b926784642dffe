//! How are 16 rows decided at once? Straight-line code becomes predicated code on 128-bit lanes, inside a loop.
//!
//! A value lives in the narrowest lanes that its interval fits: 16 rows take one vector of bytes, two of 16-bit
//! lanes, four of 32-bit lanes, eight of 64-bit lanes, or sixteen single values of 128 bits. Such a vector is a
//! *part*. Booleans are byte masks. Where an op needs other lanes than its operand's, the operand's parts are widened
//! or narrowed, once for all uses.
//!
//! Narrow values (up to 16-bit lanes) are computed in order. The parts of wide values are computed at their first use,
//! so that a comparison of wide sums keeps one part at a time in registers instead of all. Fields and values from
//! earlier pieces are read from memory at each use.
//!
//! Intervals hold on rows that reach a value. On other rows lanes can hold anything, so nothing here traps, and no
//! address depends on a lane that has not been clamped.

mod division;
mod tables;

use std::collections::HashMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, Type as ClifType, Value as Clif, types};
use opus_ir::date::{DAY_MAX, DAY_MIN, MONTHS_MAX, MonthEnd};
use opus_ir::ops::{Visitor, visit};
use opus_ir::{Class, Column, Interval, Op, Rounding, Straight, Table, Value, Width};

use crate::calendar;
use crate::emit::{Emit, ROWS_PER_STEP, memory, part_type, scalar_type, unaligned};
use crate::isa::Level;
use crate::lower_row::cuts_within;
use crate::plan::{self, Measure, Piece, Plan};
use crate::scalar;
use division::lanes_divide;

/// About how many instructions one function has at most.
pub(crate) const BUDGET: usize = 800;

/// Wide values wait for their first use, but the chain of values that wait for each other is at most this long, since
/// they are computed by recursion.
const WAITING_MAX: u32 = 24;

/// A table that takes at most this many shuffles is looked up in registers, a larger one row by row in memory.
const SHUFFLES_MAX: usize = 12;

/// Cuts that take at most this many instructions are compared one by one; with more, each row does its own search.
const COMPARISONS_MAX: usize = 200;

/// The parameters of a piece: `fn(pointers, first_row, end_row, constants, state)`. The pointers are those of
/// the inputs' values, of their validity bitmaps, and of the outputs' values; rows are multiples of 16, and
/// there is at least one step.
pub(crate) const PARAMS: usize = 5;

/// The pieces of a column kernel. Their state is that of one step.
pub(crate) fn plan(line: &Straight, budget: usize) -> Plan {
    let slot_bytes = |value: Value| (ROWS_PER_STEP * native(line, value).bytes()) as u32;
    Plan::new(line, &Measure { cost: &|value| cost(line, value), slot_bytes: &slot_bytes, budget })
}

fn cost(line: &Straight, value: Value) -> usize {
    let step = &line.values[value];
    let operands = plan::operands(line, value).iter().map(|operand| native(line, *operand));
    let parts = parts(operands.chain([native(line, value)]).max().unwrap_or(Width::W8));
    match step.inst.op {
        Op::Divide | Op::Modulo if lanes_divide(line, value).is_some() => parts * 10,
        Op::Divide | Op::Modulo => ROWS_PER_STEP * 30,
        Op::AddMonths | Op::WholeMonths => 400,
        Op::Bucket => parts * 8,
        Op::Lookup => parts * 6,
        Op::Select => parts * 3,
        _ => parts * 2,
    }
}

/// The narrowest lanes that can hold a value.
fn native(line: &Straight, value: Value) -> Width {
    Width::narrowest(line.values[value].range)
}

/// The number of vectors for 16 rows.
fn parts(width: Width) -> usize {
    width.bytes()
}

/// The number of rows in a vector.
fn lanes(width: Width) -> usize {
    ROWS_PER_STEP / width.bytes()
}

fn half(width: Width) -> Width {
    Width::ALL.into_iter().find(|half| half.bytes() * 2 == width.bytes()).unwrap_or(Width::W8)
}

fn double(width: Width) -> Width {
    Width::ALL.into_iter().find(|double| double.bytes() == width.bytes() * 2).unwrap_or(Width::W128)
}

/// Writes one piece: the loop over the steps, and its body.
pub(crate) fn lower(emit: &mut Emit, line: &Straight, plan: &Plan, piece: &Piece, params: [Clif; PARAMS]) {
    let [pointers, first_row, end_row, _, state] = params;
    let columns = plan::input_columns(line);
    let bases = Bases::load(emit, line, piece, pointers, columns.len());
    let (body, end) = (emit.b.create_block(), emit.b.create_block());
    let row = emit.b.append_block_param(body, types::I64);
    let step_state = emit.b.append_block_param(body, types::I64);
    emit.b.ins().jump(body, &[BlockArg::Value(first_row), BlockArg::Value(state)]);

    emit.b.switch_to_block(body);
    let known = HashMap::new();
    let goal = (Width::W8, 0);
    let mut lowering = Lowering {
        emit,
        line,
        plan,
        columns,
        bases,
        row,
        state: step_state,
        known,
        goal,
        here: HashMap::new(),
    };
    lowering.piece(piece);
    let next_row = emit.add_constant(row, ROWS_PER_STEP as i128);
    let next_state = emit.add_constant(step_state, plan.state_bytes as i128);
    let more = emit.compare(IntCC::UnsignedLessThan, next_row, end_row);
    let again = [BlockArg::Value(next_row), BlockArg::Value(next_state)];
    emit.b.ins().brif(more, body, &again, end, &[]);
    emit.b.switch_to_block(end);
}

/// The addresses of the columns that a piece touches.
struct Bases {
    inputs: HashMap<usize, Clif>,
    validity: HashMap<usize, Clif>,
    outputs: HashMap<usize, Clif>,
}

impl Bases {
    fn load(emit: &mut Emit, line: &Straight, piece: &Piece, pointers: Clif, inputs: usize) -> Bases {
        let written = piece.outputs.iter().map(|(_, value)| *value);
        let read = piece.values.iter().flat_map(|value| plan::operands(line, *value).iter().copied());
        let mut bases = Bases { inputs: HashMap::new(), validity: HashMap::new(), outputs: HashMap::new() };
        let mut pointer =
            |index: usize| emit.b.ins().load(types::I64, memory(), pointers, (index * 8) as i32);
        for value in written.chain(read).filter(|value| plan::constant(line, *value).is_none()) {
            let inst = &line.values[value].inst;
            let field = inst.imm as usize;
            match inst.op {
                Op::Field => {
                    bases.inputs.entry(field).or_insert_with(|| pointer(field));
                }
                Op::Present => {
                    bases.validity.entry(field).or_insert_with(|| pointer(inputs + field));
                }
                _ => {}
            }
        }
        for (column, _) in &piece.outputs {
            bases.outputs.insert(*column, pointer(2 * inputs + column));
        }
        bases
    }
}

/// The place of a value in memory: 16 rows one after the other.
#[derive(Clone, Copy)]
struct LaneAddress {
    address: Clif,
    offset: u32,
    width: Width,
}

struct Lowering<'e, 'b, 'l> {
    emit: &'e mut Emit<'b>,
    line: &'l Straight,
    plan: &'l Plan,
    columns: Vec<Column>,
    bases: Bases,
    /// The first row of the step.
    row: Clif,
    /// The state of the step.
    state: Clif,
    known: HashMap<(Value, Width, usize), Clif>,
    /// The lanes and the part that a visitor's method has to compute.
    goal: (Width, usize),
    /// By value of this piece: the length of the longest chain of waiting values in it.
    here: HashMap<Value, u32>,
}

impl Lowering<'_, '_, '_> {
    fn piece(&mut self, piece: &Piece) {
        for value in &piece.values {
            let operands = plan::operands(self.line, *value).iter();
            let waiting =
                1 + operands.filter_map(|operand| self.here.get(operand)).max().copied().unwrap_or(0);
            let home = self.home(*value);
            let now = home <= Width::W16 || waiting > WAITING_MAX;
            self.here.insert(*value, if now { 0 } else { waiting });
            for part in (0..parts(home)).filter(|_| now) {
                self.part(*value, home, part);
            }
            if now && piece.saves.contains(value) {
                self.save(*value);
            }
        }
        for value in piece.saves.iter().filter(|value| self.here[value] > 0).copied().collect::<Vec<_>>() {
            self.save(value);
        }
        for (column, value) in &piece.outputs {
            self.write(*column, *value);
        }
    }

    fn save(&mut self, value: Value) {
        let width = self.native(value);
        let offset = self.plan.slots[value].expect("a value that is passed on has a place");
        for part in 0..parts(width) {
            let x = self.part(value, width, part);
            self.emit.b.ins().store(memory(), x, self.state, offset as i32 + 16 * part as i32);
        }
    }

    fn write(&mut self, column: usize, value: Value) {
        let width = plan::output_columns(self.line)[column].width;
        let base = self.bases.outputs[&column];
        let address = self.address(base, width);
        for part in 0..parts(width) {
            let mut x = self.part(value, width, part);
            if plan::is_bool(self.line, value) {
                let one = self.emit.int(part_type(width), 1);
                x = self.emit.b.ins().band(x, one);
            }
            self.emit.b.ins().store(memory(), x, address, 16 * part as i32);
        }
    }

    fn native(&self, value: Value) -> Width {
        native(self.line, value)
    }

    fn range(&self, value: Value) -> Interval {
        self.line.values[value].range
    }

    /// The lanes that an op computes in; its value is narrowed from there, or widened. Where a row says nothing else,
    /// they can hold the result and every operand of class `Int`.
    fn home(&self, value: Value) -> Width {
        let (native, inst) = (self.native(value), &self.line.values[value].inst);
        let row = inst.op.row();
        let operands = row.params.iter().zip(inst.args()).filter(|((_, class), _)| *class == Class::Int);
        let widest = operands.map(|(_, operand)| self.native(*operand)).fold(native, Width::max);
        match inst.op {
            Op::Divide | Op::Modulo if lanes_divide(self.line, value).is_some() => Width::W32,
            Op::Divide | Op::Modulo => widest.max(Width::W64),
            // values of 128 bits are counted one by one
            Op::Bucket => widest.min(Width::W64).max(native),
            Op::AddMonths | Op::WholeMonths => Width::W32,
            // lanes of bytes have no products
            Op::Mul => native.max(Width::W16),
            // comparisons widen their operands by themselves
            _ if row.laws.modular || row.result == Class::Bool => native,
            _ => widest,
        }
    }

    /// Whether an op's low bits follow from the low bits of its operands, in these lanes.
    fn is_modular(&self, value: Value, width: Width) -> bool {
        let op = self.line.values[value].inst.op;
        op.row().laws.modular && (op != Op::Mul || width >= Width::W16)
    }

    /// A part of a value in lanes of a width. Where the lanes are narrower than the value, it is the low bits.
    fn part(&mut self, value: Value, width: Width, part: usize) -> Clif {
        if let Some(x) = plan::constant(self.line, value) {
            return self.constant_part(value, width, x);
        }
        if let Some(known) = self.known.get(&(value, width, part)) {
            return *known;
        }
        if let Some(place) = self.place(value) {
            return self.read(value, place, width, part);
        }
        let home = self.home(value);
        let low_bits_do = width < home
            && self.is_modular(value, width)
            && !self.known.contains_key(&(value, home, part * parts(home) / parts(width)));
        let x = if width == home || low_bits_do {
            let outer = std::mem::replace(&mut self.goal, (width, part));
            let x = visit(self, &self.line.values[value].inst, value);
            self.goal = outer;
            x
        } else if width > home {
            self.widened(value, width, part)
        } else {
            self.narrowed(value, width, part)
        };
        self.known.insert((value, width, part), x);
        x
    }

    fn constant_part(&mut self, value: Value, width: Width, x: i128) -> Clif {
        let x = if plan::is_bool(self.line, value) { -x } else { x };
        self.emit.int(part_type(width), x)
    }

    fn widened(&mut self, value: Value, width: Width, part: usize) -> Clif {
        let x = self.part(value, half(width), part / 2);
        if width == Width::W128 {
            let single = self.emit.b.ins().extractlane(x, (part % 2) as u8);
            return self.emit.b.ins().sextend(types::I128, single);
        }
        self.emit.widen(x, part % 2 == 1)
    }

    fn narrowed(&mut self, value: Value, width: Width, part: usize) -> Clif {
        let wide = double(width);
        let a = self.part(value, wide, 2 * part);
        let b = self.part(value, wide, 2 * part + 1);
        let fits = self.native(value) <= width;
        self.narrow_pair(a, b, fits)
    }

    fn narrow_pair(&mut self, a: Clif, b: Clif, fits: bool) -> Clif {
        if self.emit.type_of(a) == types::I128 {
            let low = [a, b].map(|x| self.emit.b.ins().ireduce(types::I64, x));
            return self.emit.gather(types::I64X2, &low);
        }
        if fits { self.emit.narrow(a, b) } else { self.emit.truncate(a, b) }
    }

    /// All parts of 16 rows, converted to narrower or wider lanes that can hold them.
    fn convert(&mut self, mut all: Vec<Clif>, width: Width) -> Vec<Clif> {
        while all.len() > parts(width) {
            all = all.chunks(2).map(|pair| self.narrow_pair(pair[0], pair[1], true)).collect();
        }
        while all.len() < parts(width) {
            all = all.iter().flat_map(|x| [false, true].map(|upper| self.emit.widen(*x, upper))).collect();
        }
        all
    }

    /// The place to read a value from, unless it is computed here.
    fn place(&mut self, value: Value) -> Option<LaneAddress> {
        let step = &self.line.values[value];
        if step.inst.op == Op::Field && !plan::is_bool(self.line, value) {
            let field = step.inst.imm as usize;
            let (base, width) = (self.bases.inputs[&field], self.columns[field].width);
            return Some(LaneAddress { address: self.address(base, width), offset: 0, width });
        }
        let offset = self.plan.slots[value].filter(|_| !self.here.contains_key(&value))?;
        Some(LaneAddress { address: self.state, offset, width: self.native(value) })
    }

    /// The address of the step's rows in a column.
    fn address(&mut self, base: Clif, width: Width) -> Clif {
        let shift = width.bytes().ilog2() as i64;
        let distance = if shift == 0 { self.row } else { self.emit.b.ins().ishl_imm_u(self.row, shift) };
        self.emit.b.ins().iadd(base, distance)
    }

    /// A part read from memory. It is kept if it needs more than the load to widen or narrow it.
    fn read(&mut self, value: Value, place: LaneAddress, width: Width, part: usize) -> Clif {
        let at = |bytes: usize| (place.offset as usize + bytes) as i32;
        let ins = self.emit.b.ins();
        if width == place.width {
            return ins.load(part_type(width), memory(), place.address, at(16 * part));
        }
        if width == Width::W128 {
            let (ty, offset) = (scalar_type(place.width), at(place.width.bytes() * part));
            let single = ins.load(ty, unaligned(), place.address, offset);
            return self.emit.b.ins().sextend(types::I128, single);
        }
        match (place.width, width) {
            (Width::W8, Width::W16) => return ins.sload8x8(unaligned(), place.address, at(8 * part)),
            (Width::W16, Width::W32) => return ins.sload16x4(unaligned(), place.address, at(8 * part)),
            (Width::W32, Width::W64) => return ins.sload32x2(unaligned(), place.address, at(8 * part)),
            _ => {}
        }
        let x = if width > place.width {
            self.widened(value, width, part)
        } else {
            self.narrowed(value, width, part)
        };
        self.known.insert((value, width, part), x);
        x
    }

    /// One row of a value, in a scalar type.
    fn single(&mut self, value: Value, row: usize, ty: ClifType) -> Clif {
        if let Some(x) = plan::constant(self.line, value) {
            return self.emit.int(ty, x);
        }
        let x = match self.place(value) {
            Some(place) => {
                let offset = place.offset as usize + row * place.width.bytes();
                self.emit.b.ins().load(scalar_type(place.width), unaligned(), place.address, offset as i32)
            }
            None => {
                let home = self.home(value);
                let x = self.part(value, home, row / lanes(home));
                let lane = (row % lanes(home)) as u8;
                if home == Width::W128 { x } else { self.emit.b.ins().extractlane(x, lane) }
            }
        };
        self.emit.resize(x, ty)
    }

    /// A part assembled from values that are computed row by row.
    fn row_by_row(&mut self, width: Width, part: usize, mut f: impl FnMut(&mut Self, usize) -> Clif) -> Clif {
        let ty = scalar_type(width);
        let rows = part * lanes(width)..(part + 1) * lanes(width);
        let singles: Vec<Clif> = rows
            .map(|row| {
                let x = f(self, row);
                self.emit.resize(x, ty)
            })
            .collect();
        if width == Width::W128 { singles[0] } else { self.emit.gather(part_type(width), &singles) }
    }

    fn pair(&mut self, a: Value, b: Value) -> (Clif, Clif) {
        let (width, part) = self.goal;
        (self.part(a, width, part), self.part(b, width, part))
    }

    /// The byte mask of a comparison.
    fn comparison(&mut self, code: IntCC, a: Value, b: Value) -> Clif {
        let width = self.native(a).max(self.native(b));
        let mut masks = Vec::with_capacity(parts(width));
        for part in 0..parts(width) {
            let (a, b) = (self.part(a, width, part), self.part(b, width, part));
            masks.push(self.emit.compare(code, a, b));
        }
        if width == Width::W128 {
            let bits = self.emit.gather(types::I8X16, &masks);
            return self.emit.b.ins().ineg(bits);
        }
        self.convert(masks, Width::W8)[0]
    }

    /// A value clamped to two constants: all of its parts, in lanes that can hold the constants.
    fn clamped(&mut self, value: Value, low: i128, high: i128, width: Width) -> Vec<Clif> {
        let range = self.range(value);
        if Interval::new(low, high).contains_all(range) {
            return (0..parts(width)).map(|part| self.part(value, width, part)).collect();
        }
        let computed = self.native(value).max(Width::narrowest(Interval::new(low, high)));
        let mut all = Vec::with_capacity(parts(computed));
        for part in 0..parts(computed) {
            let x = self.part(value, computed, part);
            all.push(self.emit.clamp(x, low, high));
        }
        self.convert(all, width)
    }

    /// One part of [`Lowering::clamped`] in 32-bit lanes.
    fn clamped_words(&mut self, value: Value, low: i128, high: i128, part: usize) -> Clif {
        let range = self.range(value);
        if Interval::new(low, high).contains_all(range) {
            return self.part(value, Width::W32, part);
        }
        if self.native(value) <= Width::W32 {
            let x = self.part(value, Width::W32, part);
            return self.emit.clamp(x, low, high);
        }
        let wide = self.native(value);
        let ratio = parts(wide) / parts(Width::W32);
        let mut all: Vec<Clif> = Vec::with_capacity(ratio);
        for part in part * ratio..(part + 1) * ratio {
            let x = self.part(value, wide, part);
            all.push(self.emit.clamp(x, low, high));
        }
        while all.len() > 1 {
            all = all.chunks(2).map(|pair| self.narrow_pair(pair[0], pair[1], true)).collect();
        }
        all[0]
    }
}

impl Visitor for Lowering<'_, '_, '_> {
    type Output = Clif;

    fn constant(&mut self, at: Value, value: i128) -> Clif {
        self.constant_part(at, self.goal.0, value)
    }

    /// Only for Booleans: 0 and 1 become a mask.
    fn field(&mut self, _: Value, field: usize) -> Clif {
        let base = self.bases.inputs[&field];
        let address = self.address(base, Width::W8);
        let bytes = self.emit.b.ins().load(types::I8X16, memory(), address, 0);
        self.emit.b.ins().ineg(bytes)
    }

    /// 16 bits become 16 bytes: each byte tests its bit.
    fn present(&mut self, _: Value, field: usize) -> Clif {
        if !self.columns[field].optional {
            return self.emit.int(types::I8X16, -1);
        }
        let base = self.bases.validity[&field];
        let distance = self.emit.shift_right(self.row, 3);
        let address = self.emit.b.ins().iadd(base, distance);
        let bits = self.emit.b.ins().uload16(types::I32, unaligned(), address, 0);
        let bits = self.emit.b.ins().scalar_to_vector(types::I32X4, bits);
        let spread =
            self.emit.shuffle(types::I8X16, bits, bits, [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
        let own: Vec<u8> = (0..16).map(|row| 1 << (row % 8)).collect();
        let own = self.emit.vector(types::I8X16, &own);
        let seen = self.emit.b.ins().band(spread, own);
        self.emit.compare(IntCC::Equal, seen, own)
    }

    fn add(&mut self, _: Value, a: Value, b: Value) -> Clif {
        let (a, b) = self.pair(a, b);
        self.emit.b.ins().iadd(a, b)
    }

    fn sub(&mut self, _: Value, a: Value, b: Value) -> Clif {
        let (a, b) = self.pair(a, b);
        self.emit.b.ins().isub(a, b)
    }

    /// A 64-bit product of 32-bit values is one instruction if the compiler sees the operands being widened.
    fn mul(&mut self, _: Value, a: Value, b: Value) -> Clif {
        let (width, part) = self.goal;
        let narrow = [a, b].iter().all(|value| self.native(*value) <= Width::W32);
        if width == Width::W64 && narrow && self.emit.level < Level::Avx512Vl {
            let (a, b) = (self.part(a, Width::W32, part / 2), self.part(b, Width::W32, part / 2));
            let (a, b) = (self.emit.widen(a, part % 2 == 1), self.emit.widen(b, part % 2 == 1));
            return self.emit.b.ins().imul(a, b);
        }
        let (a, b) = self.pair(a, b);
        self.emit.b.ins().imul(a, b)
    }

    fn divide(&mut self, at: Value, a: Value, b: Value, mode: Rounding) -> Clif {
        let (width, part) = self.goal;
        if let Some((form, way)) = lanes_divide(self.line, at) {
            return self.divided(a, &form, way, part);
        }
        let (ty, range) = (scalar_type(width), self.range(a));
        self.row_by_row(width, part, |this, row| {
            let x = this.single(a, row, ty);
            match plan::constant(this.line, b) {
                Some(c) => scalar::divide_by_constant(this.emit, x, range, c, mode),
                None => {
                    let y = this.single(b, row, ty);
                    scalar::divide(this.emit, x, y, mode)
                }
            }
        })
    }

    fn modulo(&mut self, at: Value, a: Value, b: Value) -> Clif {
        let (width, part) = self.goal;
        if let Some((form, way)) = lanes_divide(self.line, at) {
            let floor = self.divided(a, &form, way, part);
            let signed = if form.negate { -(form.divisor as i128) } else { form.divisor as i128 };
            let product = self.emit.multiply_constant(floor, signed);
            let a = self.part(a, Width::W32, part);
            return self.emit.b.ins().isub(a, product);
        }
        let (ty, range) = (scalar_type(width), self.range(a));
        self.row_by_row(width, part, |this, row| {
            let x = this.single(a, row, ty);
            match plan::constant(this.line, b) {
                Some(c) => scalar::modulo_by_constant(this.emit, x, range, c),
                None => {
                    let y = this.single(b, row, ty);
                    scalar::modulo(this.emit, x, y)
                }
            }
        })
    }

    fn min(&mut self, _: Value, a: Value, b: Value) -> Clif {
        let (a, b) = self.pair(a, b);
        self.emit.smaller(a, b)
    }

    fn max(&mut self, _: Value, a: Value, b: Value) -> Clif {
        let (a, b) = self.pair(a, b);
        self.emit.greater(a, b)
    }

    fn abs(&mut self, _: Value, a: Value) -> Clif {
        let (width, part) = self.goal;
        let a = self.part(a, width, part);
        self.emit.b.ins().iabs(a)
    }

    fn eq(&mut self, _: Value, a: Value, b: Value) -> Clif {
        self.comparison(IntCC::Equal, a, b)
    }

    fn ne(&mut self, _: Value, a: Value, b: Value) -> Clif {
        let equal = self.comparison(IntCC::Equal, a, b);
        self.emit.b.ins().bnot(equal)
    }

    fn lt(&mut self, _: Value, a: Value, b: Value) -> Clif {
        self.comparison(IntCC::SignedLessThan, a, b)
    }

    /// Lanes compare by `<` in one instruction, so `a <= b` is the negation of `b < a`.
    fn le(&mut self, _: Value, a: Value, b: Value) -> Clif {
        let greater = self.comparison(IntCC::SignedLessThan, b, a);
        self.emit.b.ins().bnot(greater)
    }

    fn and(&mut self, _: Value, a: Value, b: Value) -> Clif {
        let (a, b) = self.pair(a, b);
        self.emit.b.ins().band(a, b)
    }

    fn or(&mut self, _: Value, a: Value, b: Value) -> Clif {
        let (a, b) = self.pair(a, b);
        self.emit.b.ins().bor(a, b)
    }

    fn xor(&mut self, _: Value, a: Value, b: Value) -> Clif {
        let (a, b) = self.pair(a, b);
        self.emit.b.ins().bxor(a, b)
    }

    fn not(&mut self, _: Value, a: Value) -> Clif {
        let (width, part) = self.goal;
        let a = self.part(a, width, part);
        self.emit.b.ins().bnot(a)
    }

    fn select(&mut self, _: Value, condition: Value, a: Value, b: Value) -> Clif {
        let (width, part) = self.goal;
        let constants = [a, b].map(|value| plan::constant(self.line, value));
        if width == Width::W128 {
            let condition = self.single(condition, part, types::I8);
            let (a, b) = self.pair(a, b);
            return self.emit.choose(condition, a, b);
        }
        let mask = self.part(condition, width, part);
        match constants {
            [_, Some(0)] => {
                let a = self.part(a, width, part);
                self.emit.b.ins().band(mask, a)
            }
            [Some(0), _] => {
                let b = self.part(b, width, part);
                let otherwise = self.emit.b.ins().bnot(mask);
                self.emit.b.ins().band(b, otherwise)
            }
            _ => {
                let (a, b) = self.pair(a, b);
                self.emit.choose(mask, a, b)
            }
        }
    }

    fn bucket(&mut self, _: Value, a: Value, table: Table) -> Clif {
        let (width, part) = self.goal;
        let range = self.range(a);
        let line = self.line;
        let (below, cuts) = cuts_within(&line.tables[table], range);
        if self.native(a) <= width && 2 * cuts.len() * parts(width) <= COMPARISONS_MAX {
            let x = self.part(a, width, part);
            let count = self.counted(x, cuts);
            return self.emit.add_constant(count, below);
        }
        let searched = self.native(a);
        let ty = scalar::computed_in(searched);
        self.row_by_row(width, part, |this, row| {
            let x = this.single(a, row, ty);
            let count = scalar::bucket(this.emit, x, cuts, searched);
            this.emit.add_constant(count, below)
        })
    }

    fn lookup(&mut self, at: Value, index: Value, table: Table) -> Clif {
        let (width, part) = self.goal;
        let line = self.line;
        let table = &line.tables[table];
        let shuffles = table.len().div_ceil(16) * width.bytes();
        let in_registers =
            width < Width::W128 && table.len() <= 256 && (table.len() <= 16 || shuffles <= SHUFFLES_MAX);
        if in_registers && !table.is_empty() {
            let all = self.shuffled(table, index, width);
            for (part, x) in all.iter().enumerate() {
                self.known.insert((at, width, part), *x);
            }
            return all[part];
        }
        let wide_index = self.native(index) == Width::W128;
        let is_valid = self.plan.indexes(index, table.len());
        let ty = if wide_index { types::I128 } else { types::I64 };
        self.row_by_row(width, part, |this, row| {
            let x = this.single(index, row, ty);
            let x = if wide_index { this.emit.clamp(x, 0, table.len() as i128) } else { x };
            let x = this.emit.resize(x, types::I64);
            scalar::lookup(this.emit, x, is_valid, table, width)
        })
    }

    fn add_months(&mut self, _: Value, day: Value, months: Value, end: MonthEnd) -> Clif {
        let part = self.goal.1;
        let day = self.clamped_words(day, DAY_MIN, DAY_MAX, part);
        let months = self.clamped_words(months, -MONTHS_MAX, MONTHS_MAX, part);
        calendar::add_months(self.emit, day, months, end)
    }

    fn whole_months(&mut self, _: Value, from: Value, to: Value) -> Clif {
        let part = self.goal.1;
        let from = self.clamped_words(from, DAY_MIN, DAY_MAX, part);
        let to = self.clamped_words(to, DAY_MIN, DAY_MAX, part);
        calendar::whole_months(self.emit, from, to)
    }
}
