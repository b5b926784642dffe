//! How are many rows decided? One instruction for a block of 1,024 rows at a time.
//!
//! The code becomes a [`Plan`] once, so that a block executes steps that read columns and write columns. Kernels are
//! loops over whole arrays, also in the last block: results after the last row are computed and never read, and every
//! op is total.

use std::ops::Range;

use opus_ir::memory::{Columns, ROWS_PER_GROUP};
use opus_ir::ops::{meaning, rounding};
use opus_ir::{
    Column, Interval, Rounding, Scalar, Type, by_integer, by_type, by_width, for_each_op, immediate,
    scalar_of,
};

use crate::code::Shape;
use crate::lanes;
use crate::ops::{Op, varies};
use crate::plan_columns::{Arg, Does, Plan, Step};
use crate::reciprocal::Reciprocal;
use crate::slots::{Lanes, Page, Slots};
use crate::verify::Verified;

/// How many rows an instruction works on.
pub const BLOCK_ROWS: usize = 1024;
/// Tables of up to this many entries are read by comparing with each of them.
const SCANNED_MAX: usize = 16;

/// An engine that decides many rows at a time.
#[derive(Clone, Debug)]
pub struct ColumnEngine {
    code: Verified,
    plan: Plan,
}

/// Memory for columns, which is reused from block to block and from call to call. It keeps no values between calls, and
/// serves any engine.
#[derive(Default)]
pub struct Scratch {
    pages: Vec<Page>,
    /// The inputs of an incomplete last block.
    rest: Option<Columns>,
}

/// An operand that may be a constant.
#[derive(Clone, Copy)]
enum Side<'a, T> {
    One(T),
    Each(&'a Lanes<T>),
}

/// A block of rows to be decided.
struct Block<'a, 'b> {
    engine: &'a ColumnEngine,
    inputs: &'a Columns,
    /// Where the block begins in the inputs, which have room up to its end.
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

    /// Decides the rows of `inputs` into `outputs`: the outputs, then the rule's index.
    ///
    /// # Panics
    /// Where columns have another shape than the code's, or `outputs` has no room for the rows.
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
        let mut slots = Slots::new(pages, &self.plan.slots);
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

/// Rows from a multiple of 64 on, with room for a whole block.
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

    /// Prefetches rows of the next block: every column is a stream of its own, and the processor does not prefetch past
    /// the end of a page by itself. One column at a time, because the number of lines fetched at once is limited.
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
        let index = step.immediate as usize;
        macro_rules! leaf {
            (constant) => {
                by_type!(step.ty, T => self.fill::<T>(step))
            };
            (field) => {
                match step.ty {
                    Type::Bool => self.load_truth(step, index),
                    ty => by_integer!(ty, T => self.load::<T>(step, index)),
                }
            };
            (present) => {
                self.present(step, index)
            };
        }
        // ops that have a faster way than row by row, then all others by the number of their operands
        macro_rules! computed {
            (divide $($signature:tt)*) => {
                by_integer!(step.ty, T => self.divide::<T>(step))
            };
            (select $($signature:tt)*) => {
                by_type!(step.ty, T => self.select::<T>(step))
            };
            (bucket $($signature:tt)*) => {
                by_integer!(step.ty, T => self.bucket::<T>(step, index))
            };
            (lookup $($signature:tt)*) => {
                by_integer!(step.ty, T => self.lookup::<T>(step, index))
            };
            ($op:ident ($a:ident: $A:ident $(; $imm:ident: $kind:ident)?) $R:ident) => {
                computed!(@($A $R) T => {
                    $( let $imm = immediate!($kind, step.immediate, &self.engine.code.tables[index]); )?
                    self.unary::<scalar_of!($A, T), scalar_of!($R, T)>(step, |$a| meaning::$op::<T>($a $(, $imm)?))
                })
            };
            ($op:ident ($a:ident: $A:ident, $b:ident: $B:ident $(; $imm:ident: $kind:ident)?) $R:ident) => {
                computed!(@($A $B $R) T => {
                    $( let $imm = immediate!($kind, step.immediate, &self.engine.code.tables[index]); )?
                    self.binary::<scalar_of!($A, T), scalar_of!($B, T), scalar_of!($R, T)>(
                        step,
                        |$a, $b| meaning::$op::<T>($a, $b $(, $imm)?),
                    )
                })
            };
            // the type that the op computes in
            (@($($class:ident)+) $scalar:ident => $run:expr) => {
                if varies!($($class)+) {
                    by_integer!(step.ty, $scalar => $run)
                } else {
                    type $scalar = i8;
                    $run
                }
            };
        }
        macro_rules! steps {
            (
                leaves { $( $(#[$leaf_doc:meta])+ $leaf_code:literal $leaf:ident $leaf_method:ident
                    $leaf_params:tt -> $leaf_result:ident $leaf_row:tt )+ }
                computed { $( $(#[$doc:meta])+ $code:literal $name:ident $method:ident
                    $params:tt -> $result:ident $row:tt )+ }
                claims $claims:tt
            ) => {
                match op {
                    $( Op::$leaf => leaf!($leaf_method), )+
                    $( Op::$name => computed!($method $params $result), )+
                    Op::To => by_integer!(step.ty, T => self.convert::<T>(step)),
                    Op::Output => {
                        let range = self.engine.code.interface().ranges[index];
                        by_type!(step.ty, T => self.store::<T>(step, index, range));
                    }
                    Op::End => {
                        let rules = Interval::new(0, self.engine.code.interface().rules.max(1) as i128 - 1);
                        self.store::<i32>(step, self.outputs.len() - 1, rules);
                    }
                    Op::Get | Op::Set => unreachable!("a plan has none of them"),
                    Op::Jump | Op::BranchFalse | Op::Decide => unreachable!("code for columns does not branch"),
                }
            };
        }
        for_each_op!(steps);
    }

    #[inline(always)]
    fn each<T: Scalar>(&self, arg: Arg) -> &Lanes<T> {
        each(self.slots, self.inputs, self.first, arg)
    }

    #[inline(always)]
    fn side<T: Scalar>(&self, arg: Arg) -> Side<'_, T> {
        side(self.slots, self.inputs, self.first, arg)
    }

    // Kernels are loops, not closures given to iterators: those are compiled once for all sets of features, and
    // without any of them.

    #[inline(always)]
    fn fill<T: Scalar>(&mut self, step: &Step) {
        let out = self.slots.take::<T>(step.out);
        out.fill(T::truncate(step.immediate));
        self.slots.give_back(step.out, out);
    }

    #[inline(always)]
    fn unary<T: Scalar, R: Scalar>(&mut self, step: &Step, f: impl Fn(T) -> R) {
        let out = self.slots.take::<R>(step.out);
        for (out, a) in out.iter_mut().zip(self.each::<T>(step.args[0])) {
            *out = f(*a);
        }
        self.slots.give_back(step.out, out);
    }

    #[inline(always)]
    fn binary<A: Scalar, B: Scalar, R: Scalar>(&mut self, step: &Step, f: impl Fn(A, B) -> R) {
        let out = self.slots.take::<R>(step.out);
        let a = self.each::<A>(step.args[0]);
        match self.side::<B>(step.args[1]) {
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
    fn select<T: Scalar>(&mut self, step: &Step) {
        let out = self.slots.take::<T>(step.out);
        let (conditions, a) = (self.each::<i8>(step.args[0]), self.each::<T>(step.args[1]));
        let negated = step.immediate as i8;
        // by index: loops over iterators zipped three times do not become vector code
        match self.side::<T>(step.args[2]) {
            Side::Each(b) => {
                for row in 0..BLOCK_ROWS {
                    out[row] = meaning::select::<T>(conditions[row] ^ negated, a[row], b[row]);
                }
            }
            Side::One(b) => {
                for row in 0..BLOCK_ROWS {
                    out[row] = meaning::select::<T>(conditions[row] ^ negated, a[row], b);
                }
            }
        }
        self.slots.give_back(step.out, out);
    }

    #[inline(always)]
    fn divide<T: Scalar>(&mut self, step: &Step) {
        // one loop for each frequent mode, which then knows its mode
        match rounding(step.immediate) {
            Rounding::HalfEven => self.divide_by_mode::<T>(step, Rounding::HalfEven),
            Rounding::HalfUp => self.divide_by_mode::<T>(step, Rounding::HalfUp),
            Rounding::Floor => self.divide_by_mode::<T>(step, Rounding::Floor),
            mode => self.divide_by_mode::<T>(step, mode),
        }
    }

    #[inline(always)]
    fn divide_by_mode<T: Scalar>(&mut self, step: &Step, mode: Rounding) {
        let reciprocal = match step.args[1] {
            Arg::Constant(divisor) => Reciprocal::<T>::new(divisor),
            _ => None,
        };
        match reciprocal {
            Some(by) => self.unary::<T, T>(step, |a| by.divide(a, mode)),
            None => self.binary::<T, T, T>(step, |a, b| meaning::divide::<T>(a, b, mode)),
        }
    }

    /// Converts an integer of any type to one of `T`.
    #[inline(always)]
    fn convert<T: Scalar>(&mut self, step: &Step) {
        by_integer!(step.from, From => self.unary::<From, T>(step, |x| T::truncate(x.wide())));
    }

    #[inline(always)]
    fn bucket<T: Scalar>(&mut self, step: &Step, table: usize) {
        let engine = self.engine;
        let table = engine.code.tables[table].as_slice();
        if table.len() > SCANNED_MAX {
            return self.unary::<T, i32>(step, |x| meaning::bucket::<T>(x, table));
        }
        // thresholds that the type cannot represent are below all of its values, or above them
        let fits = |cut: i128| T::truncate(cut).wide() == cut;
        let below = table.iter().filter(|cut| !fits(**cut) && **cut < 0).count() as i32;
        let out = self.slots.take::<i32>(step.out);
        let values = self.each::<T>(step.args[0]);
        out.fill(below);
        for cut in table.iter().filter(|cut| fits(**cut)).map(|cut| T::truncate(*cut)) {
            for (count, x) in out.iter_mut().zip(values) {
                *count += (*x >= cut) as i32;
            }
        }
        self.slots.give_back(step.out, out);
    }

    #[inline(always)]
    fn lookup<T: Scalar>(&mut self, step: &Step, table: usize) {
        let engine = self.engine;
        let table = engine.code.tables[table].as_slice();
        if table.len() > SCANNED_MAX {
            return self.unary::<i32, T>(step, |index| meaning::lookup::<T>(index, table));
        }
        // indices before the first entry and after the last are clamped to them; entries that repeat the previous one
        // need no comparison
        let out = self.slots.take::<T>(step.out);
        let indices = self.each::<i32>(step.args[0]);
        out.fill(table.first().map_or(T::truncate(0), |first| T::truncate(*first)));
        for at in (1..table.len()).filter(|at| table[*at] != table[*at - 1]) {
            let (entry, at) = (T::truncate(table[at]), at as i32);
            for (found, index) in out.iter_mut().zip(indices) {
                *found = T::choose((*index >= at) as i8, entry, *found);
            }
        }
        self.slots.give_back(step.out, out);
    }

    #[inline(always)]
    fn load<T: Scalar>(&mut self, step: &Step, field: usize) {
        let out = self.slots.take::<T>(step.out);
        by_width!(self.inputs.column(field).width, Cell => {
            for (out, x) in out.iter_mut().zip(block_of::<Cell>(self.inputs, field, self.first)) {
                *out = T::truncate(x.wide());
            }
        });
        self.slots.give_back(step.out, out);
    }

    #[inline(always)]
    fn load_truth(&mut self, step: &Step, field: usize) {
        let out = self.slots.take::<i8>(step.out);
        by_width!(self.inputs.column(field).width, Cell => {
            for (out, x) in out.iter_mut().zip(block_of::<Cell>(self.inputs, field, self.first)) {
                *out = (*x != 0) as i8;
            }
        });
        self.slots.give_back(step.out, out);
    }

    #[inline(always)]
    fn field_within(&mut self, step: &Step, field: usize, lo: i128, hi: i128, within: bool) {
        let out = self.slots.take::<i8>(step.out);
        by_width!(self.inputs.column(field).width, Cell => {
            are_within(out, block_of::<Cell>(self.inputs, field, self.first), lo, hi, within);
        });
        self.slots.give_back(step.out, out);
    }

    #[inline(always)]
    fn within(&mut self, step: &Step, lo: i128, hi: i128, within: bool) {
        let out = self.slots.take::<i8>(step.out);
        by_integer!(step.from, T => are_within(out, self.each::<T>(step.args[0]), lo, hi, within));
        self.slots.give_back(step.out, out);
    }

    #[inline(always)]
    fn choose(&mut self, step: &Step, when: &[(bool, u8)], otherwise: u8) {
        let mut chosen = [otherwise as i8; BLOCK_ROWS];
        for (conditions, (met, constant)) in step.args.iter().zip(when) {
            let negated = !*met as i8;
            for (chosen, condition) in chosen.iter_mut().zip(self.each::<i8>(*conditions)) {
                *chosen = i8::choose(*condition ^ negated, *constant as i8, *chosen);
            }
        }
        by_integer!(step.ty, T => {
            let out = self.slots.take::<T>(step.out);
            for (out, chosen) in out.iter_mut().zip(&chosen) {
                *out = *chosen as u8 as T;
            }
            self.slots.give_back(step.out, out);
        });
    }

    #[inline(always)]
    fn present(&mut self, step: &Step, field: usize) {
        let out = self.slots.take::<i8>(step.out);
        let words = &self.inputs.validity(field)[self.first / ROWS_PER_GROUP..];
        for (group, word) in out.chunks_exact_mut(ROWS_PER_GROUP).zip(words) {
            for (out, byte) in group.chunks_exact_mut(8).zip(word.to_le_bytes()) {
                // each byte of the word keeps the bit of its place, and becomes 1 if it is set
                let places = (byte as u64 * 0x0101_0101_0101_0101) & 0x8040_2010_0804_0201;
                let set = (places + 0x7f7f_7f7f_7f7f_7f7f) >> 7 & 0x0101_0101_0101_0101;
                out.copy_from_slice(&set.to_le_bytes().map(|byte| byte as i8));
            }
        }
        self.slots.give_back(step.out, out);
    }

    /// Writes an output, clamped to its range.
    #[inline(always)]
    fn store<T: Scalar>(&mut self, step: &Step, output: usize, range: Interval) {
        let (lo, hi) = (T::nearest(range.lo), T::nearest(range.hi));
        let rows = self.start..self.start + self.count;
        let value = side::<T>(self.slots, self.inputs, self.first, step.args[0]);
        by_width!(self.outputs.column(output).width, Cell => {
            let target = &mut self.outputs.values_mut::<Cell>(output)[rows];
            let kept = |x: T| Cell::truncate(x.max(lo).min(hi).wide());
            match value {
                Side::One(x) => target.fill(kept(x)),
                Side::Each(lanes) => {
                    for (cell, x) in target.iter_mut().zip(lanes) {
                        *cell = kept(*x);
                    }
                }
            }
        });
    }
}

/// Whether values are within bounds, both included; or whether they are not.
#[inline(always)]
fn are_within<T: Scalar>(out: &mut Lanes<i8>, values: &Lanes<T>, lo: i128, hi: i128, within: bool) {
    if hi < T::MIN.wide() || lo > T::MAX.wide() {
        return out.fill(!within as i8);
    }
    let (lo, hi) = (T::nearest(lo), T::nearest(hi));
    for (out, x) in out.iter_mut().zip(values) {
        *out = (((*x >= lo) & (*x <= hi)) == within) as i8;
    }
}

#[inline(always)]
fn side<'a, T: Scalar>(slots: &'a Slots, inputs: &'a Columns, first: usize, arg: Arg) -> Side<'a, T> {
    match arg {
        Arg::Constant(x) => Side::One(T::truncate(x)),
        arg => Side::Each(each(slots, inputs, first, arg)),
    }
}

// Finding an operand is compiled once for all kernels, so that they are closer together.

#[inline(never)]
fn each<'a, T: Scalar>(slots: &'a Slots, inputs: &'a Columns, first: usize, arg: Arg) -> &'a Lanes<T> {
    match arg {
        Arg::Slot(slot) => slots.read(slot),
        Arg::Field(field) => block_of(inputs, field as usize, first),
        Arg::Constant(_) => unreachable!("a plan has a column here"),
    }
}

/// Prefetches the rows of a column, as far as there are any.
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
fn block_of<T: Scalar>(columns: &Columns, index: usize, first: usize) -> &Lanes<T> {
    columns.values(index)[first..].first_chunk().expect("columns have room up to the end of a block")
}
