//! How are many rows decided? One instruction for a block of 1,024 rows at a time.
//!
//! The code is turned into a [`Plan`] once, so that a block runs through steps that read columns and write columns.
//! Kernels are loops over whole arrays, also in the last block: what lies behind the last row is computed and never
//! read, and every op is total.

use bytemuck::Pod;
use opus_ir::date::{self, MonthEnd};
use opus_ir::memory::Columns;
use opus_ir::ops::{bucket_of, entry};
use opus_ir::{Interval, Rounding, Type, Width};

use crate::code::Shape;
use crate::lane::{Lane, Reciprocal};
use crate::lanes;
use crate::ops::Op;
use crate::plan_columns::{Arg, Plan, Step};
use crate::verify::Verified;

/// How many rows an instruction works on.
pub const BLOCK_ROWS: usize = 1024;
/// Tables up to so many entries are read by comparing with each of them.
const SCANNED_MAX: usize = 16;

/// So many rows are compared with a small table at once: few enough to stay in registers.
const GROUP_ROWS: usize = 64;

/// An engine that decides many rows at a time.
#[derive(Clone, Debug)]
pub struct ColumnEngine {
    code: Verified,
    plan: Plan,
}

/// Columns that are used again from block to block and from call to call. It holds nothing between calls, and serves
/// any engine.
#[derive(Default)]
pub struct Scratch {
    bools: Vec<Lanes<u8>>,
    i32s: Vec<Lanes<i32>>,
    i64s: Vec<Lanes<i64>>,
    i128s: Vec<Lanes<i128>>,
}

/// A column of a block: [`BLOCK_ROWS`] lanes.
type Lanes<T> = Box<[T]>;

/// A type of lanes, and where its columns are kept.
trait Stored: Pod {
    fn slots(scratch: &mut Scratch) -> &mut Vec<Lanes<Self>>;
    fn slot(scratch: &Scratch, index: u32) -> &[Self];
    fn cut(x: i128) -> Self;
    /// The first where the condition is 1, the second where it is 0. Both are read: a choice between two places to
    /// read from would become a gather.
    fn choose(condition: u8, a: Self, b: Self) -> Self;
}

macro_rules! stored {
    ($($ty:ty, $slots:ident);+) => { $( impl Stored for $ty {
        fn slots(scratch: &mut Scratch) -> &mut Vec<Lanes<$ty>> {
            &mut scratch.$slots
        }
        fn slot(scratch: &Scratch, index: u32) -> &[$ty] {
            &scratch.$slots[index as usize]
        }
        fn cut(x: i128) -> $ty {
            x as $ty
        }
        #[inline(always)]
        fn choose(condition: u8, a: $ty, b: $ty) -> $ty {
            let mask = (condition as $ty).wrapping_neg();
            a & mask | b & !mask
        }
    } )+ };
}
stored!(u8, bools; i32, i32s; i64, i64s; i128, i128s);

/// An operand of a kernel.
#[derive(Clone, Copy)]
enum Side<'a, T> {
    One(T),
    Each(&'a [T; BLOCK_ROWS]),
}

/// A block of rows to be decided.
struct Block<'a> {
    engine: &'a ColumnEngine,
    inputs: &'a Columns,
    outputs: &'a mut Columns,
    start: usize,
    count: usize,
    scratch: &'a mut Scratch,
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
        scratch.make_room(self.plan.slots);
        for start in (0..inputs.rows()).step_by(BLOCK_ROWS) {
            let count = BLOCK_ROWS.min(inputs.rows() - start);
            prefetch(inputs, start + BLOCK_ROWS);
            lanes::with_widest_vectors(Block { engine: self, inputs, outputs, start, count, scratch });
        }
    }
}

/// Has the inputs of the block that begins at `start` brought near, while the one before it is decided: each column
/// is a stream of its own, and where one enters a new page the processor does not look ahead by itself.
fn prefetch(inputs: &Columns, start: usize) {
    let end = (start + BLOCK_ROWS).min(inputs.rows());
    for index in (0..inputs.len()).filter(|_| start < end) {
        let bytes_each = inputs.column(index).width.bytes();
        lanes::prefetch(&inputs.bytes(index)[start * bytes_each..end * bytes_each]);
    }
}

impl Scratch {
    /// At least so many slots, by type.
    fn make_room(&mut self, slots: [u32; 4]) {
        fn grow<T: Stored>(kept: &mut Vec<Lanes<T>>, count: u32) {
            let fresh = || bytemuck::allocation::zeroed_slice_box(BLOCK_ROWS);
            kept.resize_with(kept.len().max(count as usize), fresh);
        }
        grow(&mut self.bools, slots[Type::Bool as usize]);
        grow(&mut self.i32s, slots[Type::I32 as usize]);
        grow(&mut self.i64s, slots[Type::I64 as usize]);
        grow(&mut self.i128s, slots[Type::I128 as usize]);
    }
}

impl lanes::Work for Block<'_> {
    #[inline(always)]
    fn run(mut self) {
        for step in &self.engine.plan.steps {
            self.step(step);
        }
    }
}

impl Block<'_> {
    #[inline(always)]
    fn step(&mut self, step: &Step) {
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
        match step.op {
            Op::Field if step.ty.is_bool() => self.load_truth(step, index),
            Op::Field => by_integer!(T => self.load::<T>(step, index)),
            Op::Present => self.present(step, index),
            Op::To => by_integer!(T => self.convert::<T>(step)),
            Op::Add => by_integer!(T => self.binary::<T, T>(step, Lane::plus)),
            Op::Sub => by_integer!(T => self.binary::<T, T>(step, Lane::minus)),
            Op::Mul => by_integer!(T => self.binary::<T, T>(step, Lane::times)),
            Op::Divide => by_integer!(T => self.divide::<T>(step)),
            Op::Modulo => by_integer!(T => self.binary::<T, T>(step, Lane::modulo)),
            Op::Min => by_integer!(T => self.binary::<T, T>(step, |a, b| a.min(b))),
            Op::Max => by_integer!(T => self.binary::<T, T>(step, |a, b| a.max(b))),
            Op::Eq => by_integer!(T => self.binary::<T, u8>(step, |a, b| (a == b) as u8)),
            Op::Ne => by_integer!(T => self.binary::<T, u8>(step, |a, b| (a != b) as u8)),
            Op::Lt => by_integer!(T => self.binary::<T, u8>(step, |a, b| (a < b) as u8)),
            Op::Le => by_integer!(T => self.binary::<T, u8>(step, |a, b| (a <= b) as u8)),
            Op::And => self.binary::<u8, u8>(step, |a, b| a & b),
            Op::Or => self.binary::<u8, u8>(step, |a, b| a | b),
            Op::Xor => self.binary::<u8, u8>(step, |a, b| a ^ b),
            Op::Not => self.unary::<u8, u8>(step, |a| a ^ 1),
            Op::Select => by_type!(T => self.select::<T>(step)),
            Op::Bucket => by_integer!(T => self.bucket::<T>(step, index)),
            Op::Lookup => by_integer!(T => self.lookup::<T>(step, index)),
            Op::AddMonths => {
                let end = MonthEnd::from_number(step.immediate).unwrap_or(MonthEnd::Clip);
                self.binary::<i64, i64>(step, |day, months| {
                    date::add_months(day as i128, months as i128, end) as i64
                });
            }
            Op::WholeMonths => {
                self.binary::<i64, i64>(step, |from, to| date::whole_months(from as i128, to as i128) as i64)
            }
            Op::Output => {
                by_type!(T => self.store::<T>(step, index, self.engine.code.interface().ranges[index]))
            }
            Op::End => {
                let rules = Interval::new(0, self.engine.code.interface().rules.max(1) as i128 - 1);
                self.store::<i32>(step, self.outputs.len() - 1, rules);
            }
            Op::Const | Op::Get | Op::Set => unreachable!("a plan has none of them"),
            Op::Jump | Op::BranchFalse | Op::Decide => unreachable!("code for columns is a straight line"),
        }
    }

    #[inline(always)]
    fn side<T: Stored>(&self, arg: Arg) -> Side<'_, T> {
        match arg {
            Arg::Constant(x) => Side::One(T::cut(x)),
            Arg::Slot(slot) => Side::Each(whole(T::slot(self.scratch, slot))),
        }
    }

    /// The column that a step writes, taken out meanwhile: operands lie in other slots.
    #[inline(always)]
    fn take<R: Stored>(&mut self, step: &Step) -> Lanes<R> {
        std::mem::take(&mut R::slots(self.scratch)[step.out as usize])
    }

    #[inline(always)]
    fn put<R: Stored>(&mut self, step: &Step, lanes: Lanes<R>) {
        R::slots(self.scratch)[step.out as usize] = lanes;
    }

    // Kernels are loops, not closures given to iterators: those are compiled once for all sets of features, and
    // that without any.

    #[inline(always)]
    fn unary<T: Stored, R: Stored>(&mut self, step: &Step, f: impl Fn(T) -> R) {
        let mut lanes = self.take::<R>(step);
        let out = whole_mut(&mut lanes);
        match self.side::<T>(step.args[0]) {
            Side::One(a) => out.fill(f(a)),
            Side::Each(a) => {
                for (out, a) in out.iter_mut().zip(a) {
                    *out = f(*a);
                }
            }
        }
        self.put(step, lanes);
    }

    #[inline(always)]
    fn binary<T: Stored, R: Stored>(&mut self, step: &Step, f: impl Fn(T, T) -> R) {
        let mut lanes = self.take::<R>(step);
        let out = whole_mut(&mut lanes);
        match (self.side::<T>(step.args[0]), self.side::<T>(step.args[1])) {
            (Side::Each(a), Side::Each(b)) => {
                for (out, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
                    *out = f(*a, *b);
                }
            }
            (Side::Each(a), Side::One(b)) => {
                for (out, a) in out.iter_mut().zip(a) {
                    *out = f(*a, b);
                }
            }
            (Side::One(a), Side::Each(b)) => {
                for (out, b) in out.iter_mut().zip(b) {
                    *out = f(a, *b);
                }
            }
            (Side::One(a), Side::One(b)) => out.fill(f(a, b)),
        }
        self.put(step, lanes);
    }

    #[inline(always)]
    fn select<T: Stored>(&mut self, step: &Step) {
        let mut lanes = self.take::<T>(step);
        let out = whole_mut(&mut lanes);
        let [condition, a, b] = step.args;
        // by index: iterators zipped three times over are not turned into vectors
        #[allow(clippy::needless_range_loop)]
        match (self.side::<u8>(condition), self.side::<T>(a), self.side::<T>(b)) {
            (Side::Each(c), Side::Each(a), Side::Each(b)) => {
                for row in 0..BLOCK_ROWS {
                    out[row] = T::choose(c[row], a[row], b[row]);
                }
            }
            (Side::Each(c), Side::Each(a), Side::One(b)) => {
                for row in 0..BLOCK_ROWS {
                    out[row] = T::choose(c[row], a[row], b);
                }
            }
            (Side::Each(c), Side::One(a), Side::Each(b)) => {
                for row in 0..BLOCK_ROWS {
                    out[row] = T::choose(c[row], a, b[row]);
                }
            }
            (Side::Each(c), Side::One(a), Side::One(b)) => {
                for row in 0..BLOCK_ROWS {
                    out[row] = T::choose(c[row], a, b);
                }
            }
            (Side::One(c), a, b) => match if c != 0 { a } else { b } {
                Side::One(value) => out.fill(value),
                Side::Each(values) => out.copy_from_slice(values),
            },
        }
        self.put(step, lanes);
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
        let reciprocal = match (step.args, T::RECIPROCAL_BITS) {
            ([Arg::Slot(a), Arg::Constant(divisor), _], Some(bits)) => {
                Reciprocal::new(divisor, bits).map(|by| (a, T::of(divisor), by))
            }
            _ => None,
        };
        let Some((a, divisor, by)) = reciprocal else {
            return self.binary::<T, T>(step, |a, b| a.divide(b, mode));
        };
        let mut lanes = self.take::<T>(step);
        let (out, a) = (whole_mut(&mut lanes), whole(T::slot(self.scratch, a)));
        for (out, a) in out.iter_mut().zip(a) {
            *out = a.magnitude(by);
        }
        for (out, a) in out.iter_mut().zip(a) {
            *out = a.round(*out, divisor, mode);
        }
        self.put(step, lanes);
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
        let mut cuts = Listed::new(T::of(0));
        table.iter().filter(|cut| fits(**cut)).for_each(|cut| cuts.push(T::of(*cut)));
        let mut lanes = self.take::<i32>(step);
        let out = whole_mut(&mut lanes);
        match self.side::<T>(step.args[0]) {
            Side::One(x) => out.fill(bucket_of(table, x.wide()) as i32),
            Side::Each(x) => {
                for (out, x) in out.chunks_exact_mut(GROUP_ROWS).zip(x.chunks_exact(GROUP_ROWS)) {
                    let mut count = [below; GROUP_ROWS];
                    for cut in cuts.iter() {
                        for (count, x) in count.iter_mut().zip(x) {
                            *count += (*x >= *cut) as i32;
                        }
                    }
                    out.copy_from_slice(&count);
                }
            }
        }
        self.put(step, lanes);
    }

    #[inline(always)]
    fn lookup<T: Stored + Lane>(&mut self, step: &Step, table: usize) {
        let engine = self.engine;
        let table = engine.code.tables[table].as_slice();
        let index = match step.args[0] {
            Arg::Slot(index) if table.len() <= SCANNED_MAX => index,
            _ => return self.unary::<i32, T>(step, |index| T::of(entry(table, index as i128))),
        };
        // an index before the first entry is clamped to it, and one behind the last to that; entries that repeat the
        // one before them need no comparison
        let mut lanes = self.take::<T>(step);
        let (out, index) = (whole_mut(&mut lanes), whole(i32::slot(self.scratch, index)));
        let first = table.first().map_or(T::of(0), |first| T::of(*first));
        let mut changes = Listed::new((0, T::of(0)));
        for at in (1..table.len()).filter(|at| table[*at] != table[*at - 1]) {
            changes.push((at as i32, T::of(table[at])));
        }
        for (out, index) in out.chunks_exact_mut(GROUP_ROWS).zip(index.chunks_exact(GROUP_ROWS)) {
            let mut found = [first; GROUP_ROWS];
            for (at, entry) in changes.iter() {
                for (found, index) in found.iter_mut().zip(index) {
                    *found = T::choose((*index >= *at) as u8, *entry, *found);
                }
            }
            out.copy_from_slice(&found);
        }
        self.put(step, lanes);
    }

    #[inline(always)]
    fn load<T: Stored + Lane>(&mut self, step: &Step, field: usize) {
        let mut lanes = self.take::<T>(step);
        let out = whole_mut(&mut lanes);
        macro_rules! widen {
            ($ty:ty) => {{
                let values = &self.inputs.values::<$ty>(field)[self.start..];
                if let Some(values) = values.first_chunk::<BLOCK_ROWS>() {
                    for (out, x) in out.iter_mut().zip(values) {
                        *out = T::of(*x as i128);
                    }
                } else {
                    for (out, x) in out.iter_mut().zip(&values[..self.count]) {
                        *out = T::of(*x as i128);
                    }
                }
            }};
        }
        match self.inputs.column(field).width {
            Width::W8 => widen!(i8),
            Width::W16 => widen!(i16),
            Width::W32 => widen!(i32),
            Width::W64 => widen!(i64),
            Width::W128 => widen!(i128),
        }
        self.put(step, lanes);
    }

    #[inline(always)]
    fn load_truth(&mut self, step: &Step, field: usize) {
        let mut lanes = self.take::<u8>(step);
        let bytes_each = self.inputs.column(field).width.bytes();
        let cells = self.inputs.bytes(field)[self.start * bytes_each..].chunks_exact(bytes_each);
        for (out, cell) in lanes.iter_mut().zip(cells).take(self.count) {
            *out = cell.iter().any(|byte| *byte != 0) as u8;
        }
        self.put(step, lanes);
    }

    #[inline(always)]
    fn present(&mut self, step: &Step, field: usize) {
        let mut lanes = self.take::<u8>(step);
        let words = &self.inputs.validity(field)[self.start / 64..];
        for (group, word) in lanes.chunks_exact_mut(64).zip(words) {
            for (out, byte) in group.chunks_exact_mut(8).zip(word.to_le_bytes()) {
                // each byte of the word keeps the bit of its place, and says whether it is set
                let places = (byte as u64 * 0x0101_0101_0101_0101) & 0x8040_2010_0804_0201;
                let set = (places + 0x7f7f_7f7f_7f7f_7f7f) >> 7 & 0x0101_0101_0101_0101;
                out.copy_from_slice(&set.to_le_bytes());
            }
        }
        self.put(step, lanes);
    }

    /// Writes an output, kept within its range.
    #[inline(always)]
    fn store<T: Stored + Wide>(&mut self, step: &Step, output: usize, range: Interval) {
        let (lo, hi) = (T::nearest(range.lo), T::nearest(range.hi));
        let rows = self.start..self.start + self.count;
        let value = match step.args[0] {
            Arg::Constant(x) => Side::One(T::cut(x)),
            Arg::Slot(slot) => Side::Each(whole(T::slot(self.scratch, slot))),
        };
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
        match self.outputs.column(output).width {
            Width::W8 => narrow!(i8),
            Width::W16 => narrow!(i16),
            Width::W32 => narrow!(i32),
            Width::W64 => narrow!(i64),
            Width::W128 => narrow!(i128),
        }
    }
}

/// What a small table comes down to, once for all rows of a block.
struct Listed<T> {
    items: [T; SCANNED_MAX],
    count: usize,
}

impl<T: Copy> Listed<T> {
    #[inline(always)]
    fn new(blank: T) -> Listed<T> {
        Listed { items: [blank; SCANNED_MAX], count: 0 }
    }

    #[inline(always)]
    fn push(&mut self, item: T) {
        self.items[self.count] = item;
        self.count += 1;
    }

    #[inline(always)]
    fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items[..self.count].iter()
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

#[inline(always)]
fn whole<T>(lanes: &[T]) -> &[T; BLOCK_ROWS] {
    lanes.try_into().expect("columns are as long as a block")
}

#[inline(always)]
fn whole_mut<T>(lanes: &mut [T]) -> &mut [T; BLOCK_ROWS] {
    lanes.try_into().expect("columns are as long as a block")
}
