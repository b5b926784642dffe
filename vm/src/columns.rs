//! How are many rows decided? One instruction for a block of 1,024 rows at a time.
//!
//! A value on the stack is a column of the block: one that the instruction made, one that lies in a local, or a
//! constant that stands for all rows. Columns that are no longer needed are used again, so that a block's working
//! set stays in the cache. Kernels are loops over whole arrays, also in the last block: what lies behind the last row
//! is computed and never read, and every op is total.

use bytemuck::Pod;
use opus_ir::date::{self, MonthEnd};
use opus_ir::memory::Columns;
use opus_ir::ops::{bucket_of, entry};
use opus_ir::{Rounding, Type, Width};

use crate::code::Shape;
use crate::lane::Lane;
use crate::lanes;
use crate::ops::{Instruction, Op};
use crate::verify::Verified;

/// How many rows an instruction works on.
pub const BLOCK_ROWS: usize = 1024;
/// Tables up to so many entries are searched by comparing with each of them.
const SCANNED_MAX: usize = 16;

/// An engine that decides many rows at a time.
#[derive(Clone, Debug)]
pub struct ColumnEngine {
    code: Verified,
    instructions: Vec<Instruction>,
}

/// Columns that are used again from block to block and from call to call.
#[derive(Default)]
pub struct Scratch {
    pools: Pools,
    stack: Vec<Operand>,
    locals: Vec<Operand>,
}

/// A column of a block.
type Lanes<T> = Box<[T; BLOCK_ROWS]>;

/// A value for the rows of a block.
enum Operand {
    /// The same for every row.
    Constant(i128),
    /// What the local with this index holds.
    Local(u16),
    Bool(Lanes<u8>),
    I32(Lanes<i32>),
    I64(Lanes<i64>),
    I128(Lanes<i128>),
}

#[derive(Default)]
struct Pools {
    bools: Vec<Lanes<u8>>,
    i32s: Vec<Lanes<i32>>,
    i64s: Vec<Lanes<i64>>,
    i128s: Vec<Lanes<i128>>,
}

/// A type of lanes: its pool, and its place among the operands.
trait Stored: Pod {
    fn pool(pools: &mut Pools) -> &mut Vec<Lanes<Self>>;
    fn put(lanes: Lanes<Self>) -> Operand;
    fn look(operand: &Operand) -> Option<&[Self; BLOCK_ROWS]>;
    fn cut(x: i128) -> Self;
}

macro_rules! stored {
    ($($ty:ty, $pool:ident, $variant:ident);+) => { $( impl Stored for $ty {
        fn pool(pools: &mut Pools) -> &mut Vec<Lanes<$ty>> {
            &mut pools.$pool
        }
        fn put(lanes: Lanes<$ty>) -> Operand {
            Operand::$variant(lanes)
        }
        fn look(operand: &Operand) -> Option<&[$ty; BLOCK_ROWS]> {
            if let Operand::$variant(lanes) = operand { Some(lanes) } else { None }
        }
        fn cut(x: i128) -> $ty {
            x as $ty
        }
    } )+ };
}
stored!(u8, bools, Bool; i32, i32s, I32; i64, i64s, I64; i128, i128s, I128);

/// An operand of a kernel.
enum Side<'a, T> {
    One(T),
    Each(&'a [T; BLOCK_ROWS]),
}

impl ColumnEngine {
    /// The engine for some code.
    ///
    /// # Panics
    /// Where the code is not for columns.
    pub fn new(code: Verified) -> ColumnEngine {
        assert_eq!(code.shape, Shape::Columns, "code for rows does not decide columns");
        let instructions = code.iter().map(|(_, instruction)| instruction).collect();
        ColumnEngine { code, instructions }
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
        for start in (0..inputs.rows()).step_by(BLOCK_ROWS) {
            let count = BLOCK_ROWS.min(inputs.rows() - start);
            lanes::with_widest_vectors(|| self.block(inputs, outputs, start, count, scratch));
        }
    }

    #[inline(always)]
    fn block(
        &self,
        inputs: &Columns,
        outputs: &mut Columns,
        start: usize,
        count: usize,
        scratch: &mut Scratch,
    ) {
        let Scratch { pools, stack, locals } = scratch;
        for operand in stack.drain(..).chain(locals.drain(..)) {
            pools.give_back(operand);
        }
        locals.extend(self.code.locals.iter().map(|_| Operand::Constant(0)));
        let mut machine = Machine { pools, stack, locals };
        for instruction in &self.instructions {
            self.step(*instruction, &mut machine, inputs, outputs, start, count);
        }
    }

    #[inline(always)]
    fn step(
        &self,
        instruction: Instruction,
        machine: &mut Machine,
        inputs: &Columns,
        outputs: &mut Columns,
        start: usize,
        count: usize,
    ) {
        let Instruction { op, ty, immediate } = instruction;
        let index = immediate as usize;
        // the kernel of an op for the integer types that it exists for
        macro_rules! by_integer {
            ($kernel:ident($($arg:expr),*)) => {
                match ty {
                    Type::I32 => machine.$kernel::<i32>($($arg),*),
                    Type::I64 => machine.$kernel::<i64>($($arg),*),
                    Type::I128 => machine.$kernel::<i128>($($arg),*),
                    Type::Bool => unreachable!("instructions were verified"),
                }
            };
        }
        macro_rules! arithmetic {
            ($f:expr) => {
                match ty {
                    Type::I32 => machine.binary::<i32, i32>($f),
                    Type::I64 => machine.binary::<i64, i64>($f),
                    Type::I128 => machine.binary::<i128, i128>($f),
                    Type::Bool => unreachable!("instructions were verified"),
                }
            };
        }
        macro_rules! comparison {
            ($f:expr) => {
                match ty {
                    Type::I32 => machine.binary::<i32, u8>($f),
                    Type::I64 => machine.binary::<i64, u8>($f),
                    Type::I128 => machine.binary::<i128, u8>($f),
                    Type::Bool => unreachable!("instructions were verified"),
                }
            };
        }
        match op {
            Op::Const => machine.stack.push(Operand::Constant(immediate)),
            Op::Field => match ty {
                Type::Bool => machine.load_truth(inputs, index, start, count),
                _ => by_integer!(load(inputs, index, start, count)),
            },
            Op::Present => machine.present(inputs, index, start),
            Op::Get => machine.stack.push(Operand::Local(index as u16)),
            Op::Set => machine.set(index),
            Op::To => by_integer!(convert()),
            Op::Add => arithmetic!(Lane::plus),
            Op::Sub => arithmetic!(Lane::minus),
            Op::Mul => arithmetic!(Lane::times),
            Op::Divide => by_integer!(divide(Rounding::from_number(immediate).unwrap_or(Rounding::HalfEven))),
            Op::Modulo => arithmetic!(Lane::modulo),
            Op::Min => arithmetic!(|a, b| a.min(b)),
            Op::Max => arithmetic!(|a, b| a.max(b)),
            Op::Eq => comparison!(|a, b| (a == b) as u8),
            Op::Ne => comparison!(|a, b| (a != b) as u8),
            Op::Lt => comparison!(|a, b| (a < b) as u8),
            Op::Le => comparison!(|a, b| (a <= b) as u8),
            Op::And => machine.binary::<u8, u8>(|a, b| a & b),
            Op::Or => machine.binary::<u8, u8>(|a, b| a | b),
            Op::Xor => machine.binary::<u8, u8>(|a, b| a ^ b),
            Op::Not => machine.unary::<u8, u8>(|a| a ^ 1),
            Op::Select => match ty {
                Type::Bool => machine.select::<u8>(),
                Type::I32 => machine.select::<i32>(),
                Type::I64 => machine.select::<i64>(),
                Type::I128 => machine.select::<i128>(),
            },
            Op::Bucket => by_integer!(bucket(&self.code.tables[index])),
            Op::Lookup => by_integer!(lookup(&self.code.tables[index])),
            Op::AddMonths => {
                let end = MonthEnd::from_number(immediate).unwrap_or(MonthEnd::Clip);
                machine.binary::<i64, i64>(|day, months| {
                    date::add_months(day as i128, months as i128, end) as i64
                })
            }
            Op::WholeMonths => {
                machine.binary::<i64, i64>(|from, to| date::whole_months(from as i128, to as i128) as i64)
            }
            Op::Output => match ty {
                Type::Bool => machine.store::<u8>(outputs, index, start, count),
                Type::I32 => machine.store::<i32>(outputs, index, start, count),
                Type::I64 => machine.store::<i64>(outputs, index, start, count),
                Type::I128 => machine.store::<i128>(outputs, index, start, count),
            },
            Op::End => machine.store::<i32>(outputs, outputs.len() - 1, start, count),
            Op::Jump | Op::BranchFalse | Op::Decide => unreachable!("code for columns is a straight line"),
        }
    }
}

impl Pools {
    fn take<T: Stored>(&mut self) -> Lanes<T> {
        let fresh = || bytemuck::allocation::zeroed_box::<[T; BLOCK_ROWS]>();
        T::pool(self).pop().unwrap_or_else(fresh)
    }

    fn give_back(&mut self, operand: Operand) {
        match operand {
            Operand::Constant(_) | Operand::Local(_) => {}
            Operand::Bool(lanes) => self.bools.push(lanes),
            Operand::I32(lanes) => self.i32s.push(lanes),
            Operand::I64(lanes) => self.i64s.push(lanes),
            Operand::I128(lanes) => self.i128s.push(lanes),
        }
    }
}

struct Machine<'a> {
    pools: &'a mut Pools,
    stack: &'a mut Vec<Operand>,
    locals: &'a mut Vec<Operand>,
}

impl Machine<'_> {
    fn pop(&mut self) -> Operand {
        self.stack.pop().expect("heights were verified")
    }

    #[inline(always)]
    fn unary<T: Stored, R: Stored>(&mut self, f: impl Fn(T) -> R) {
        let a = self.pop();
        let mut out = self.pools.take::<R>();
        match side::<T>(&a, self.locals) {
            Side::One(a) => out.fill(f(a)),
            Side::Each(a) => (0..BLOCK_ROWS).for_each(|row| out[row] = f(a[row])),
        }
        self.pools.give_back(a);
        self.stack.push(R::put(out));
    }

    #[inline(always)]
    fn binary<T: Stored, R: Stored>(&mut self, f: impl Fn(T, T) -> R) {
        let (b, a) = (self.pop(), self.pop());
        let mut out = self.pools.take::<R>();
        match (side::<T>(&a, self.locals), side::<T>(&b, self.locals)) {
            (Side::Each(a), Side::Each(b)) => (0..BLOCK_ROWS).for_each(|row| out[row] = f(a[row], b[row])),
            (Side::Each(a), Side::One(b)) => (0..BLOCK_ROWS).for_each(|row| out[row] = f(a[row], b)),
            (Side::One(a), Side::Each(b)) => (0..BLOCK_ROWS).for_each(|row| out[row] = f(a, b[row])),
            (Side::One(a), Side::One(b)) => out.fill(f(a, b)),
        }
        self.pools.give_back(a);
        self.pools.give_back(b);
        self.stack.push(R::put(out));
    }

    #[inline(always)]
    fn select<T: Stored>(&mut self) {
        let (b, a, condition) = (self.pop(), self.pop(), self.pop());
        let mut out = self.pools.take::<T>();
        let choose = |condition: u8, a: T, b: T| if condition != 0 { a } else { b };
        match (side::<u8>(&condition, self.locals), side::<T>(&a, self.locals), side::<T>(&b, self.locals)) {
            (Side::Each(c), Side::Each(a), Side::Each(b)) => {
                (0..BLOCK_ROWS).for_each(|row| out[row] = choose(c[row], a[row], b[row]))
            }
            (Side::Each(c), Side::Each(a), Side::One(b)) => {
                (0..BLOCK_ROWS).for_each(|row| out[row] = choose(c[row], a[row], b))
            }
            (Side::Each(c), Side::One(a), Side::Each(b)) => {
                (0..BLOCK_ROWS).for_each(|row| out[row] = choose(c[row], a, b[row]))
            }
            (Side::Each(c), Side::One(a), Side::One(b)) => {
                (0..BLOCK_ROWS).for_each(|row| out[row] = choose(c[row], a, b))
            }
            (Side::One(c), a, b) => match if c != 0 { a } else { b } {
                Side::One(value) => out.fill(value),
                Side::Each(values) => out.copy_from_slice(values),
            },
        }
        [a, b, condition].into_iter().for_each(|operand| self.pools.give_back(operand));
        self.stack.push(T::put(out));
    }

    #[inline(always)]
    fn divide<T: Stored + Lane>(&mut self, mode: Rounding) {
        // one loop per mode, so that each knows its mode
        match mode {
            Rounding::HalfEven => self.binary::<T, T>(|a, b| a.divide(b, Rounding::HalfEven)),
            Rounding::HalfUp => self.binary::<T, T>(|a, b| a.divide(b, Rounding::HalfUp)),
            Rounding::Floor => self.binary::<T, T>(|a, b| a.divide(b, Rounding::Floor)),
            mode => self.binary::<T, T>(|a, b| a.divide(b, mode)),
        }
    }

    /// Turns an integer of any type into one of `T`.
    #[inline(always)]
    fn convert<T: Stored + Lane>(&mut self) {
        let operand = self.pop();
        let mut out = self.pools.take::<T>();
        match resolve(&operand, self.locals) {
            Operand::Constant(x) => out.fill(T::of(*x)),
            Operand::I32(lanes) => (0..BLOCK_ROWS).for_each(|row| out[row] = T::of(lanes[row].wide())),
            Operand::I64(lanes) => (0..BLOCK_ROWS).for_each(|row| out[row] = T::of(lanes[row].wide())),
            Operand::I128(lanes) => (0..BLOCK_ROWS).for_each(|row| out[row] = T::of(lanes[row])),
            Operand::Bool(_) | Operand::Local(_) => unreachable!("types were verified"),
        }
        self.pools.give_back(operand);
        self.stack.push(T::put(out));
    }

    #[inline(always)]
    fn bucket<T: Stored + Lane>(&mut self, table: &[i128]) {
        if table.len() > SCANNED_MAX {
            return self.unary::<T, i32>(|x| bucket_of(table, x.wide()) as i32);
        }
        let operand = self.pop();
        let mut out = self.pools.take::<i32>();
        out.fill(0);
        let narrow = |cut: i128| T::of(cut).wide() == cut;
        for cut in table {
            match side::<T>(&operand, self.locals) {
                // a cut that the type cannot hold lies below all of its values, or above
                Side::Each(_) | Side::One(_) if !narrow(*cut) => {
                    out.iter_mut().for_each(|count| *count += (*cut < 0) as i32);
                }
                Side::One(x) => out.iter_mut().for_each(|count| *count += (x >= T::of(*cut)) as i32),
                Side::Each(lanes) => {
                    let cut = T::of(*cut);
                    (0..BLOCK_ROWS).for_each(|row| out[row] += (lanes[row] >= cut) as i32);
                }
            }
        }
        self.pools.give_back(operand);
        self.stack.push(i32::put(out));
    }

    #[inline(always)]
    fn lookup<T: Stored + Lane>(&mut self, table: &[i128]) {
        self.unary::<i32, T>(|index| T::of(entry(table, index as i128)));
    }

    fn set(&mut self, local: usize) {
        let mut value = self.pop();
        if let Operand::Local(other) = value {
            value = self.copy(other as usize);
        }
        let before = std::mem::replace(&mut self.locals[local], value);
        self.pools.give_back(before);
    }

    /// A copy of what a local holds.
    fn copy(&mut self, local: usize) -> Operand {
        fn copied<T: Stored>(lanes: &Lanes<T>, pools: &mut Pools) -> Operand {
            let mut out = pools.take::<T>();
            out.copy_from_slice(&lanes[..]);
            T::put(out)
        }
        match &self.locals[local] {
            Operand::Constant(x) => Operand::Constant(*x),
            Operand::Local(_) => unreachable!("locals hold values"),
            Operand::Bool(lanes) => copied(lanes, self.pools),
            Operand::I32(lanes) => copied(lanes, self.pools),
            Operand::I64(lanes) => copied(lanes, self.pools),
            Operand::I128(lanes) => copied(lanes, self.pools),
        }
    }

    #[inline(always)]
    fn load<T: Stored + Lane>(&mut self, inputs: &Columns, index: usize, start: usize, count: usize) {
        let mut out = self.pools.take::<T>();
        macro_rules! widen {
            ($ty:ty) => {{
                let values = &inputs.values::<$ty>(index)[start..];
                match values.first_chunk::<BLOCK_ROWS>() {
                    Some(values) => (0..BLOCK_ROWS).for_each(|row| out[row] = T::of(values[row] as i128)),
                    None => (0..count).for_each(|row| out[row] = T::of(values[row] as i128)),
                }
            }};
        }
        match inputs.column(index).width {
            Width::W8 => widen!(i8),
            Width::W16 => widen!(i16),
            Width::W32 => widen!(i32),
            Width::W64 => widen!(i64),
            Width::W128 => widen!(i128),
        }
        self.stack.push(T::put(out));
    }

    fn load_truth(&mut self, inputs: &Columns, index: usize, start: usize, count: usize) {
        self.load::<i32>(inputs, index, start, count);
        self.unary::<i32, u8>(|x| (x != 0) as u8);
    }

    #[inline(always)]
    fn present(&mut self, inputs: &Columns, index: usize, start: usize) {
        if !inputs.column(index).optional {
            return self.stack.push(Operand::Constant(1));
        }
        let mut out = self.pools.take::<u8>();
        let words = &inputs.validity(index)[start / 64..];
        for (group, word) in out.chunks_exact_mut(64).zip(words) {
            (0..64).for_each(|bit| group[bit] = (word >> bit & 1) as u8);
        }
        self.stack.push(u8::put(out));
    }

    #[inline(always)]
    fn store<T: Stored + Wide>(&mut self, outputs: &mut Columns, index: usize, start: usize, count: usize) {
        let operand = self.pop();
        let value = side::<T>(&operand, self.locals);
        macro_rules! narrow {
            ($ty:ty) => {{
                let target = &mut outputs.values_mut::<$ty>(index)[start..start + count];
                match value {
                    Side::One(x) => target.fill(x.wide_bits() as $ty),
                    Side::Each(lanes) => {
                        target.iter_mut().zip(lanes).for_each(|(cell, x)| *cell = x.wide_bits() as $ty)
                    }
                }
            }};
        }
        match outputs.column(index).width {
            Width::W8 => narrow!(i8),
            Width::W16 => narrow!(i16),
            Width::W32 => narrow!(i32),
            Width::W64 => narrow!(i64),
            Width::W128 => narrow!(i128),
        }
        self.pools.give_back(operand);
    }
}

/// What can be stored in a wider or narrower column.
trait Wide: Copy {
    fn wide_bits(self) -> i128;
}

macro_rules! wide {
    ($($ty:ty),+) => { $( impl Wide for $ty {
        #[inline(always)]
        fn wide_bits(self) -> i128 {
            self as i128
        }
    } )+ };
}
wide!(u8, i32, i64, i128);

fn resolve<'a>(operand: &'a Operand, locals: &'a [Operand]) -> &'a Operand {
    match operand {
        Operand::Local(local) => &locals[*local as usize],
        own => own,
    }
}

#[inline(always)]
fn side<'a, T: Stored>(operand: &'a Operand, locals: &'a [Operand]) -> Side<'a, T> {
    match resolve(operand, locals) {
        Operand::Constant(x) => Side::One(T::cut(*x)),
        column => Side::Each(T::look(column).expect("types were verified")),
    }
}
