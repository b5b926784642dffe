//! How are many rows decided? One instruction for a block of 1,024 rows at a time.
//!
//! The code is turned into a [`Plan`] once, so that a block runs through steps that read columns and write columns.
//! Kernels are loops over whole arrays, also in the last block: what lies behind the last row is computed and never
//! read, and every op is total.

use std::ops::Range;

use bytemuck::Pod;
use opus_ir::date::{self, MonthEnd};
use opus_ir::memory::{Columns, ROWS_PER_GROUP};
use opus_ir::ops::{bucket_of, entry};
use opus_ir::{Column, Interval, Rounding, Type, Width};

use crate::code::Shape;
use crate::lane::{Lane, Reciprocal};
use crate::lanes;
use crate::ops::Op;
use crate::plan_columns::{Arg, Does, Plan, Step};
use crate::slots::{Lanes, Page, Slots, Stored};
use crate::verify::Verified;

/// How many rows an instruction works on.
pub const BLOCK_ROWS: usize = 1024;
/// Tables up to so many entries are read by comparing with each of them.
const SCANNED_MAX: usize = 16;

/// An engine that decides many rows at a time.
#[derive(Clone, Debug)]
pub struct ColumnEngine {
    code: Verified,
    plan: Plan,
}

/// What columns are kept in, again from block to block and from call to call. It holds nothing between calls, and
/// serves any engine.
#[derive(Default)]
pub struct Scratch {
    pages: Vec<Page>,
    /// The inputs of a last block that is not whole.
    rest: Option<Columns>,
}

/// An operand that may be a constant.
#[derive(Clone, Copy)]
enum Side<'a, T> {
    One(T),
    Each(&'a Lanes<T>),
}

/// `$run!` with the integer of a width.
macro_rules! by_width {
    ($width:expr => $run:ident) => {
        match $width {
            Width::W8 => $run!(i8),
            Width::W16 => $run!(i16),
            Width::W32 => $run!(i32),
            Width::W64 => $run!(i64),
            Width::W128 => $run!(i128),
        }
    };
}

/// A block of rows to be decided.
struct Block<'a, 'b> {
    engine: &'a ColumnEngine,
    inputs: &'a Columns,
    /// Where the block begins in the inputs, which go on to its end.
    first: usize,
    outputs: &'a mut Columns,
    /// Where the block begins in the outputs.
    start: usize,
    count: usize,
    slots: &'a mut Slots<'b>,
}

impl ColumnEngine {
    /// The engine for some code.
    ///
    /// # Panics
    /// Where the code is not for columns.
    pub fn new(code: Verified) -> ColumnEngine {
        assert_eq!(code.shape, Shape::Columns, "code for rows does not decide columns");
        ColumnEngine { plan: Plan::new(&code), code }
    }

    /// The code that it runs.
    pub fn code(&self) -> &Verified {
        &self.code
    }

    /// Decides the rows of `inputs` into `outputs`: the outputs, and behind them the rule's index.
    ///
    /// # Panics
    /// Where columns are of another shape than the code's, or `outputs` has no room for the rows.
    pub fn decide(&self, inputs: &Columns, outputs: &mut Columns, scratch: &mut Scratch) {
        let interface = self.code.interface();
        let is_shape = |columns: &Columns, shape: &[opus_ir::Column]| {
            columns.len() == shape.len()
                && shape.iter().enumerate().all(|(index, column)| columns.column(index) == *column)
        };
        assert!(is_shape(inputs, &interface.inputs), "inputs of another shape");
        assert!(is_shape(outputs, &interface.outputs_and_rule()), "outputs of another shape");
        outputs.set_rows(inputs.rows());
        let Scratch { pages, rest } = scratch;
        let mut slots = Slots::new(pages, self.plan.slots);
        for start in (0..inputs.rows()).step_by(BLOCK_ROWS) {
            let count = BLOCK_ROWS.min(inputs.rows() - start);
            let (inputs, first) = if start + BLOCK_ROWS <= inputs.capacity_rows() {
                (inputs, start)
            } else {
                let copy = copied(inputs, start..start + count, rest.take());
                (&*rest.insert(copy), 0)
            };
            let slots = &mut slots;
            lanes::with_widest_vectors(Block { engine: self, inputs, first, outputs, start, count, slots });
        }
    }
}

/// Rows from a multiple of 64 on, with room for a whole block behind them.
fn copied(columns: &Columns, rows: Range<usize>, kept: Option<Columns>) -> Columns {
    let shape: Vec<Column> = (0..columns.len()).map(|index| columns.column(index)).collect();
    let fits = |kept: &Columns| {
        kept.len() == shape.len() && (0..kept.len()).all(|index| kept.column(index) == shape[index])
    };
    let mut copy = kept.filter(fits).unwrap_or_else(|| Columns::new(&shape, BLOCK_ROWS));
    for (index, column) in shape.iter().enumerate() {
        let bytes = rows.start * column.width.bytes()..rows.end * column.width.bytes();
        copy.bytes_mut(index)[..bytes.len()].copy_from_slice(&columns.bytes(index)[bytes]);
        if column.optional {
            let words = rows.start / ROWS_PER_GROUP..rows.end.div_ceil(ROWS_PER_GROUP);
            copy.validity_mut(index)[..words.len()].copy_from_slice(&columns.validity(index)[words]);
        }
    }
    copy
}

impl lanes::Work for Block<'_, '_> {
    #[inline(always)]
    fn run(mut self) {
        for step in &self.engine.plan.steps {
            self.step(step);
            self.look_ahead(step);
        }
    }
}

impl Block<'_, '_> {
    #[inline(always)]
    fn step(&mut self, step: &Step) {
        match &step.does {
            Does::Op(op) => self.op(*op, step),
            Does::Within { field: Some(field), lo, hi, within } => {
                self.field_within(step, *field as usize, *lo, *hi, *within);
            }
            Does::Within { field: None, lo, hi, within } => self.within(step, *lo, *hi, *within),
            Does::Choose { when, otherwise } => self.choose(step, when, *otherwise),
        }
    }

    /// Has rows of the next block brought near: every column is a stream of its own, and at the end of a page the
    /// processor does not look further by itself. A column at a time, because only so many lines are fetched at once.
    #[inline(always)]
    fn look_ahead(&self, step: &Step) {
        let next = |start: usize| start + BLOCK_ROWS..start + 2 * BLOCK_ROWS;
        for field in &step.first_read {
            prefetch(self.inputs, *field as usize, next(self.first));
        }
        match step.does {
            Does::Op(Op::Output) => prefetch(self.outputs, step.immediate as usize, next(self.start)),
            Does::Op(Op::End) => prefetch(self.outputs, self.outputs.len() - 1, next(self.start)),
            _ => {}
        }
    }

    #[inline(always)]
    fn op(&mut self, op: Op, step: &Step) {
        // `$run` with the integer type of the step as `$lane`
        macro_rules! by_integer {
            ($lane:ident => $run:expr) => {
                match step.ty {
                    Type::I32 => {
                        type $lane = i32;
                        $run
                    }
                    Type::I64 => {
                        type $lane = i64;
                        $run
                    }
                    Type::I128 => {
                        type $lane = i128;
                        $run
                    }
                    Type::Bool => unreachable!("instructions were verified"),
                }
            };
        }
        // the same with truth values among the types
        macro_rules! by_type {
            ($lane:ident => $run:expr) => {
                match step.ty {
                    Type::Bool => {
                        type $lane = u8;
                        $run
                    }
                    _ => by_integer!($lane => $run),
                }
            };
        }
        let index = step.immediate as usize;
        match op {
            Op::Field if step.ty.is_bool() => self.load_truth(step, index),
            Op::Field => by_integer!(T => self.load::<T>(step, index)),
            Op::Present => self.present(step, index),
            Op::To => by_integer!(T => self.convert::<T>(step)),
            Op::Add => by_integer!(T => self.binary::<T>(step, Lane::plus)),
            Op::Sub => by_integer!(T => self.binary::<T>(step, Lane::minus)),
            Op::Mul => by_integer!(T => self.binary::<T>(step, Lane::times)),
            Op::Divide => by_integer!(T => self.divide::<T>(step)),
            Op::Modulo => by_integer!(T => self.binary::<T>(step, Lane::modulo)),
            Op::Min => by_integer!(T => self.binary::<T>(step, |a, b| a.min(b))),
            Op::Max => by_integer!(T => self.binary::<T>(step, |a, b| a.max(b))),
            Op::Eq => by_integer!(T => self.compare::<T>(step, |a, b| a == b)),
            Op::Ne => by_integer!(T => self.compare::<T>(step, |a, b| a != b)),
            Op::Lt => by_integer!(T => self.compare::<T>(step, |a, b| a < b)),
            Op::Le => by_integer!(T => self.compare::<T>(step, |a, b| a <= b)),
            Op::And => self.binary::<u8>(step, |a, b| a & b),
            Op::Or => self.binary::<u8>(step, |a, b| a | b),
            Op::Xor => self.binary::<u8>(step, |a, b| a ^ b),
            Op::Not => self.unary::<u8, u8>(step, |a| a ^ 1),
            Op::Select => by_type!(T => self.select::<T>(step)),
            Op::Bucket => by_integer!(T => self.bucket::<T>(step, index)),
            Op::Lookup => by_integer!(T => self.lookup::<T>(step, index)),
            Op::AddMonths => {
                let end = MonthEnd::from_number(step.immediate).unwrap_or(MonthEnd::Clip);
                self.binary::<i64>(step, |day, months| {
                    date::add_months(day as i128, months as i128, end) as i64
                });
            }
            Op::WholeMonths => {
                self.binary::<i64>(step, |from, to| date::whole_months(from as i128, to as i128) as i64)
            }
            Op::Output => {
                by_type!(T => self.store::<T>(step, index, self.engine.code.interface().ranges[index]))
            }
            Op::End => {
                let rules = Interval::new(0, self.engine.code.interface().rules.max(1) as i128 - 1);
                self.store::<i32>(step, self.outputs.len() - 1, rules);
            }
            Op::Const => by_type!(T => self.fill::<T>(step)),
            Op::Get | Op::Set => unreachable!("a plan has none of them"),
            Op::Jump | Op::BranchFalse | Op::Decide => unreachable!("code for columns is a straight line"),
        }
    }

    #[inline(always)]
    fn each<T: Stored>(&self, arg: Arg) -> &Lanes<T> {
        each(self.slots, self.inputs, self.first, arg)
    }

    #[inline(always)]
    fn side<T: Stored>(&self, arg: Arg) -> Side<'_, T> {
        side(self.slots, self.inputs, self.first, arg)
    }

    // Kernels are loops, not closures given to iterators: those are compiled once for all sets of features, and
    // that without any.

    #[inline(always)]
    fn fill<T: Stored>(&mut self, step: &Step) {
        let out = self.slots.take::<T>(step.out);
        out.fill(T::cut(step.immediate));
        self.slots.give_back(step.out, out);
    }

    #[inline(always)]
    fn unary<T: Stored, R: Stored>(&mut self, step: &Step, f: impl Fn(T) -> R) {
        let out = self.slots.take::<R>(step.out);
        for (out, a) in out.iter_mut().zip(self.each::<T>(step.args[0])) {
            *out = f(*a);
        }
        self.slots.give_back(step.out, out);
    }

    #[inline(always)]
    fn binary<T: Stored>(&mut self, step: &Step, f: impl Fn(T, T) -> T) {
        let out = self.slots.take::<T>(step.out);
        let a = self.each::<T>(step.args[0]);
        match self.side::<T>(step.args[1]) {
            Side::Each(b) => {
                for (out, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
                    *out = f(*a, *b);
                }
            }
            Side::One(b) => {
                for (out, a) in out.iter_mut().zip(a) {
                    *out = f(*a, b);
                }
            }
        }
        self.slots.give_back(step.out, out);
    }

    #[inline(always)]
    fn compare<T: Stored>(&mut self, step: &Step, f: impl Fn(T, T) -> bool) {
        let out = self.slots.take::<u8>(step.out);
        let (a, b) = (self.each::<T>(step.args[0]), self.each::<T>(step.args[1]));
        for (out, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
            *out = f(*a, *b) as u8;
        }
        self.slots.give_back(step.out, out);
    }

    #[inline(always)]
    fn select<T: Stored>(&mut self, step: &Step) {
        let out = self.slots.take::<T>(step.out);
        let (conditions, a) = (self.each::<u8>(step.args[0]), self.each::<T>(step.args[1]));
        let turned = step.immediate as u8;
        // by index: iterators zipped three times over are not turned into vectors
        match self.side::<T>(step.args[2]) {
            Side::Each(b) => {
                for row in 0..BLOCK_ROWS {
                    out[row] = T::choose(conditions[row] ^ turned, a[row], b[row]);
                }
            }
            Side::One(b) => {
                for row in 0..BLOCK_ROWS {
                    out[row] = T::choose(conditions[row] ^ turned, a[row], b);
                }
            }
        }
        self.slots.give_back(step.out, out);
    }

    #[inline(always)]
    fn divide<T: Stored + Lane>(&mut self, step: &Step) {
        let mode = Rounding::from_number(step.immediate).unwrap_or(Rounding::HalfEven);
        // one loop for each frequent mode, which then knows its mode
        match mode {
            Rounding::HalfEven => self.divide_by_mode::<T>(step, Rounding::HalfEven),
            Rounding::HalfUp => self.divide_by_mode::<T>(step, Rounding::HalfUp),
            Rounding::Floor => self.divide_by_mode::<T>(step, Rounding::Floor),
            mode => self.divide_by_mode::<T>(step, mode),
        }
    }

    #[inline(always)]
    fn divide_by_mode<T: Stored + Lane>(&mut self, step: &Step, mode: Rounding) {
        let reciprocal = match (step.args[1], T::RECIPROCAL_BITS) {
            (Arg::Constant(divisor), Some(bits)) => {
                Reciprocal::new(divisor, bits).map(|by| (T::of(divisor), by))
            }
            _ => None,
        };
        match reciprocal {
            Some((divisor, by)) => self.unary::<T, T>(step, |a| a.round(a.magnitude(by), divisor, mode)),
            None => self.binary::<T>(step, |a, b| a.divide(b, mode)),
        }
    }

    /// Turns an integer of any type into one of `T`.
    #[inline(always)]
    fn convert<T: Stored + Lane>(&mut self, step: &Step) {
        match step.from {
            Type::I32 => self.unary::<i32, T>(step, |x| T::of(x.wide())),
            Type::I64 => self.unary::<i64, T>(step, |x| T::of(x.wide())),
            Type::I128 => self.unary::<i128, T>(step, |x| T::of(x)),
            Type::Bool => unreachable!("types were verified"),
        }
    }

    #[inline(always)]
    fn bucket<T: Stored + Lane>(&mut self, step: &Step, table: usize) {
        let engine = self.engine;
        let table = engine.code.tables[table].as_slice();
        if table.len() > SCANNED_MAX {
            return self.unary::<T, i32>(step, |x| bucket_of(table, x.wide()) as i32);
        }
        // cuts that the type cannot hold lie below all of its values, or above
        let fits = |cut: i128| T::of(cut).wide() == cut;
        let below = table.iter().filter(|cut| !fits(**cut) && **cut < 0).count() as i32;
        let out = self.slots.take::<i32>(step.out);
        let values = self.each::<T>(step.args[0]);
        out.fill(below);
        for cut in table.iter().filter(|cut| fits(**cut)).map(|cut| T::of(*cut)) {
            for (count, x) in out.iter_mut().zip(values) {
                *count += (*x >= cut) as i32;
            }
        }
        self.slots.give_back(step.out, out);
    }

    #[inline(always)]
    fn lookup<T: Stored + Lane>(&mut self, step: &Step, table: usize) {
        let engine = self.engine;
        let table = engine.code.tables[table].as_slice();
        if table.len() > SCANNED_MAX {
            return self.unary::<i32, T>(step, |index| T::of(entry(table, index as i128)));
        }
        // an index before the first entry is clamped to it, and one behind the last to that; entries that repeat the
        // one before them need no comparison
        let out = self.slots.take::<T>(step.out);
        let indices = self.each::<i32>(step.args[0]);
        out.fill(table.first().map_or(T::of(0), |first| T::of(*first)));
        for at in (1..table.len()).filter(|at| table[*at] != table[*at - 1]) {
            let (entry, at) = (T::of(table[at]), at as i32);
            for (found, index) in out.iter_mut().zip(indices) {
                *found = T::choose((*index >= at) as u8, entry, *found);
            }
        }
        self.slots.give_back(step.out, out);
    }

    #[inline(always)]
    fn load<T: Stored + Lane>(&mut self, step: &Step, field: usize) {
        let out = self.slots.take::<T>(step.out);
        macro_rules! widen {
            ($ty:ty) => {
                for (out, x) in out.iter_mut().zip(block_of::<$ty>(self.inputs, field, self.first)) {
                    *out = T::of(*x as i128);
                }
            };
        }
        by_width!(self.inputs.column(field).width => widen);
        self.slots.give_back(step.out, out);
    }

    #[inline(always)]
    fn load_truth(&mut self, step: &Step, field: usize) {
        let out = self.slots.take::<u8>(step.out);
        macro_rules! test {
            ($ty:ty) => {
                for (out, x) in out.iter_mut().zip(block_of::<$ty>(self.inputs, field, self.first)) {
                    *out = (*x != 0) as u8;
                }
            };
        }
        by_width!(self.inputs.column(field).width => test);
        self.slots.give_back(step.out, out);
    }

    #[inline(always)]
    fn field_within(&mut self, step: &Step, field: usize, lo: i128, hi: i128, within: bool) {
        let out = self.slots.take::<u8>(step.out);
        macro_rules! compare {
            ($ty:ty) => {{
                let (least, most) = (<$ty>::MIN as i128, <$ty>::MAX as i128);
                let values = block_of::<$ty>(self.inputs, field, self.first);
                if hi < least || lo > most {
                    out.fill(!within as u8);
                } else {
                    are_within(out, values, lo.max(least) as $ty, hi.min(most) as $ty, within);
                }
            }};
        }
        by_width!(self.inputs.column(field).width => compare);
        self.slots.give_back(step.out, out);
    }

    #[inline(always)]
    fn within(&mut self, step: &Step, lo: i128, hi: i128, within: bool) {
        let out = self.slots.take::<u8>(step.out);
        macro_rules! compare {
            ($ty:ty) => {{
                let (least, most) = (<$ty>::MIN as i128, <$ty>::MAX as i128);
                let values = self.each::<$ty>(step.args[0]);
                are_within(out, values, lo.max(least) as $ty, hi.min(most) as $ty, within);
            }};
        }
        match step.from {
            Type::I32 => compare!(i32),
            Type::I64 => compare!(i64),
            Type::I128 => compare!(i128),
            Type::Bool => unreachable!("truth values are not compared"),
        }
        self.slots.give_back(step.out, out);
    }

    #[inline(always)]
    fn choose(&mut self, step: &Step, when: &[(bool, u8)], otherwise: u8) {
        let mut chosen = [otherwise; BLOCK_ROWS];
        for (conditions, (met, constant)) in step.args.iter().zip(when) {
            let turned = !*met as u8;
            for (chosen, condition) in chosen.iter_mut().zip(self.each::<u8>(*conditions)) {
                *chosen = u8::choose(*condition ^ turned, *constant, *chosen);
            }
        }
        macro_rules! widen {
            ($ty:ty) => {{
                let out = self.slots.take::<$ty>(step.out);
                for (out, chosen) in out.iter_mut().zip(&chosen) {
                    *out = *chosen as $ty;
                }
                self.slots.give_back(step.out, out);
            }};
        }
        match step.ty {
            Type::I32 => widen!(i32),
            Type::I64 => widen!(i64),
            Type::I128 => widen!(i128),
            Type::Bool => unreachable!("truth values are chosen by selects"),
        }
    }

    #[inline(always)]
    fn present(&mut self, step: &Step, field: usize) {
        let out = self.slots.take::<u8>(step.out);
        let words = &self.inputs.validity(field)[self.first / ROWS_PER_GROUP..];
        for (group, word) in out.chunks_exact_mut(ROWS_PER_GROUP).zip(words) {
            for (out, byte) in group.chunks_exact_mut(8).zip(word.to_le_bytes()) {
                // each byte of the word keeps the bit of its place, and says whether it is set
                let places = (byte as u64 * 0x0101_0101_0101_0101) & 0x8040_2010_0804_0201;
                let set = (places + 0x7f7f_7f7f_7f7f_7f7f) >> 7 & 0x0101_0101_0101_0101;
                out.copy_from_slice(&set.to_le_bytes());
            }
        }
        self.slots.give_back(step.out, out);
    }

    /// Writes an output, kept within its range.
    #[inline(always)]
    fn store<T: Stored + Wide>(&mut self, step: &Step, output: usize, range: Interval) {
        let (lo, hi) = (T::nearest(range.lo), T::nearest(range.hi));
        let rows = self.start..self.start + self.count;
        let value = side::<T>(self.slots, self.inputs, self.first, step.args[0]);
        macro_rules! narrow {
            ($ty:ty) => {{
                let target = &mut self.outputs.values_mut::<$ty>(output)[rows];
                match value {
                    Side::One(x) => target.fill(x.max(lo).min(hi).wide_bits() as $ty),
                    Side::Each(lanes) => {
                        for (cell, x) in target.iter_mut().zip(lanes) {
                            *cell = (*x).max(lo).min(hi).wide_bits() as $ty;
                        }
                    }
                }
            }};
        }
        by_width!(self.outputs.column(output).width => narrow);
    }
}

/// What can be stored in a wider or narrower column.
trait Wide: Copy + Ord {
    fn wide_bits(self) -> i128;
    /// The nearest value of the type.
    fn nearest(x: i128) -> Self;
}

macro_rules! wide {
    ($($ty:ty),+) => { $( impl Wide for $ty {
        #[inline(always)]
        fn wide_bits(self) -> i128 {
            self as i128
        }
        fn nearest(x: i128) -> $ty {
            x.clamp(<$ty>::MIN as i128, <$ty>::MAX as i128) as $ty
        }
    } )+ };
}
wide!(u8, i32, i64, i128);

/// Whether values lie within bounds, both included; or whether they do not.
#[inline(always)]
fn are_within<T: Copy + Ord>(out: &mut Lanes<u8>, values: &Lanes<T>, lo: T, hi: T, within: bool) {
    for (out, x) in out.iter_mut().zip(values) {
        *out = (((*x >= lo) & (*x <= hi)) == within) as u8;
    }
}

#[inline(always)]
fn side<'a, T: Stored>(slots: &'a Slots, inputs: &'a Columns, first: usize, arg: Arg) -> Side<'a, T> {
    match arg {
        Arg::Constant(x) => Side::One(T::cut(x)),
        arg => Side::Each(each(slots, inputs, first, arg)),
    }
}

// Finding an operand is compiled once for all kernels, which lie the closer together.

#[inline(never)]
fn each<'a, T: Stored>(slots: &'a Slots, inputs: &'a Columns, first: usize, arg: Arg) -> &'a Lanes<T> {
    match arg {
        Arg::Slot(slot) => slots.read(slot),
        Arg::Field(field) => block_of(inputs, field as usize, first),
        Arg::Constant(_) => unreachable!("a plan has a column here"),
    }
}

/// Has the rows of a column, as far as there are any, brought near.
#[inline(never)]
fn prefetch(columns: &Columns, index: usize, rows: Range<usize>) {
    let column = columns.column(index);
    let end = rows.end.min(columns.rows());
    if rows.start < end {
        let bytes_each = column.width.bytes();
        lanes::prefetch(&columns.bytes(index)[rows.start * bytes_each..end * bytes_each]);
        if column.optional {
            let words = rows.start / ROWS_PER_GROUP..end.div_ceil(ROWS_PER_GROUP);
            lanes::prefetch(bytemuck::cast_slice(&columns.validity(index)[words]));
        }
    }
}

/// A block's rows of a column.
#[inline(never)]
fn block_of<T: Pod>(columns: &Columns, index: usize, first: usize) -> &Lanes<T> {
    columns.values(index)[first..].first_chunk().expect("columns go on to the end of a block")
}
