//! How do whole columns become the integers of their fields?
//!
//! A conversion is compiled from the physical type, the unit and the field's range to two closures over native
//! values: whether one is right, and what it becomes. They run over blocks of 64 rows; a block with anything
//! unusual in it (a missing value that must not be, a value outside the range, a NaN) is done again cell by cell
//! by [`Intake::admit`], which knows what to say. So there is one meaning, and clean columns cost little more
//! than copying them. A dictionary is admitted once, and its codes pick from the result.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_schema::{DataType, TimeUnit};
use opus_ir::memory::{Columns, ROWS_PER_GROUP};
use opus_ir::{Column, Kind, Scalar, Width, by_width};
use opus_runtime::admission::{Reading, Reason};

use super::cells::{Cells, DAY_SECONDS, ticks_per_second};
use super::intake::Intake;

/// A fault of a row: the row within its chunk, and why.
pub type RowFault = (u32, Reason);

/// Fills the column of the field with this index from an array; rows start at 0. Faults are added in the order
/// of the rows; what the column holds in their rows is unspecified.
pub fn fill(
    intake: &Intake,
    index: usize,
    array: &dyn Array,
    columns: &mut Columns,
    at: usize,
    faults: &mut Vec<RowFault>,
) {
    if let Some(dictionary) =
        array.as_any_dictionary_opt().filter(|dictionary| !dictionary.values().is_empty())
    {
        return fill_coded(intake, index, dictionary.values(), dictionary.keys(), columns, at, faults);
    }
    let target = Target { field: index, at, rows: array.len() };
    fill_validity(array.nulls(), array.len(), columns, at);
    let blocks =
        by_width!(columns.column(at).width, Cell => convert_to::<Cell>(intake, target, array, columns));
    let blocks = match blocks {
        Some(blocks) => without_strangers(intake, target, columns, blocks),
        None => (0..array.len().div_ceil(ROWS_PER_GROUP)).collect(),
    };
    if !blocks.is_empty() {
        fill_plainly(intake, target, array, &blocks, columns, faults);
    }
}

/// Which field goes to which column, and how many rows.
#[derive(Clone, Copy)]
struct Target {
    field: usize,
    at: usize,
    rows: usize,
}

impl Target {
    fn block(self, block: usize) -> std::ops::Range<usize> {
        block * ROWS_PER_GROUP..((block + 1) * ROWS_PER_GROUP).min(self.rows)
    }
}

/// Blocks that have to be done cell by cell; `None` where all have.
type Unusual = Option<Vec<usize>>;

/// An integer that arrays are made of.
trait Native: Copy + PartialOrd {
    const LEAST: i128;
    const GREATEST: i128;
    /// `x` as this type, where it is within it.
    fn of(x: i128) -> Self;
    /// The value, where it fits in 64 bits; its low bits otherwise.
    fn low(self) -> i64;
    /// The value as a target integer, where it fits in one; its low bits otherwise.
    fn store<W: Scalar>(self) -> W;
}

macro_rules! natives {
    ($($ty:ty),+) => { $(
        impl Native for $ty {
            const LEAST: i128 = <$ty>::MIN as i128;
            const GREATEST: i128 = <$ty>::MAX as i128;
            #[inline(always)]
            fn of(x: i128) -> Self { x as $ty }
            #[inline(always)]
            fn low(self) -> i64 { self as i64 }
            #[inline(always)]
            fn store<W: Scalar>(self) -> W { W::truncate(self as i128) }
        }
    )+ };
}
natives!(i8, i16, i32, i64, u8, u16, u32, u64, i128);

fn convert_to<W: Scalar>(
    intake: &Intake,
    target: Target,
    array: &dyn Array,
    columns: &mut Columns,
) -> Unusual {
    use DataType::*;
    let mapping = intake.field_mapping(target.field);
    if !mapping.is_plain() {
        return None;
    }
    let decimals = intake.decimals(target.field);
    let job = Job { intake, target, nulls: array.nulls(), columns };
    match (intake.schema.inputs[target.field].kind, array.data_type()) {
        (Kind::Bool, Boolean) => {
            let bits = array.as_boolean().values();
            job.each::<W>(|row| Some(W::truncate(i128::from(bits.value(row)))))
        }
        (Kind::Date, Date32) => job.integers::<Date32Type, W>(array, 0, 0),
        (Kind::Date, Date64) => job.ticks::<Date64Type, W>(array, 1_000),
        (Kind::Date, Timestamp(unit, None)) => {
            let per_second = ticks_per_second(*unit);
            match unit {
                TimeUnit::Second => job.ticks::<TimestampSecondType, W>(array, per_second),
                TimeUnit::Millisecond => job.ticks::<TimestampMillisecondType, W>(array, per_second),
                TimeUnit::Microsecond => job.ticks::<TimestampMicrosecondType, W>(array, per_second),
                TimeUnit::Nanosecond => job.ticks::<TimestampNanosecondType, W>(array, per_second),
            }
        }
        (Kind::Enum(of), Utf8) => job.names::<W>(of, array.as_string::<i32>().iter()),
        (Kind::Enum(of), LargeUtf8) => job.names::<W>(of, array.as_string::<i64>().iter()),
        (Kind::Enum(of), Utf8View) => job.names::<W>(of, array.as_string_view().iter()),
        (Kind::Bool | Kind::Date | Kind::Enum(_), _) => None,
        (_, Int8) => job.integers::<Int8Type, W>(array, 0, decimals),
        (_, Int16) => job.integers::<Int16Type, W>(array, 0, decimals),
        (_, Int32) => job.integers::<Int32Type, W>(array, 0, decimals),
        (_, Int64) => job.integers::<Int64Type, W>(array, 0, decimals),
        (_, UInt8) => job.integers::<UInt8Type, W>(array, 0, decimals),
        (_, UInt16) => job.integers::<UInt16Type, W>(array, 0, decimals),
        (_, UInt32) => job.integers::<UInt32Type, W>(array, 0, decimals),
        (_, UInt64) => job.integers::<UInt64Type, W>(array, 0, decimals),
        (_, Decimal32(_, scale)) => job.integers::<Decimal32Type, W>(array, *scale, decimals),
        (_, Decimal64(_, scale)) => job.integers::<Decimal64Type, W>(array, *scale, decimals),
        (_, Decimal128(_, scale)) => job.integers::<Decimal128Type, W>(array, *scale, decimals),
        (_, Float64) => job.doubles::<W>(array.as_primitive::<Float64Type>().values(), decimals),
        _ => None,
    }
}

/// A conversion that is under way.
struct Job<'a> {
    intake: &'a Intake,
    target: Target,
    nulls: Option<&'a NullBuffer>,
    columns: &'a mut Columns,
}

/// What a native integer has to be multiplied with or divided by.
enum Factor {
    Times(i128),
    By(i128),
}

/// Counts in `10^-scale`, wanted in `10^-decimals`. `None` where the power of ten is beyond 64 bits.
fn factor(scale: i8, decimals: u8) -> Option<Factor> {
    let shift = decimals as i32 - scale as i32;
    let power = 10i128.checked_pow(shift.unsigned_abs()).filter(|power| *power <= i64::MAX as i128)?;
    Some(if shift >= 0 { Factor::Times(power) } else { Factor::By(power) })
}

impl Job<'_> {
    /// Integers that count `10^-scale` each, for a field with this many decimals.
    fn integers<T: ArrowPrimitiveType<Native: Native>, W: Scalar>(
        self,
        array: &dyn Array,
        scale: i8,
        decimals: u8,
    ) -> Unusual {
        let values = array.as_primitive::<T>().values();
        match factor(scale, decimals)? {
            Factor::Times(1) => {
                let (least, greatest) = self.bounds::<T::Native>(1)?;
                self.run(values, |x| least <= x && x <= greatest, |x| x.store::<W>())
            }
            Factor::Times(power) => {
                let (least, greatest) = self.bounds::<T::Native>(power)?;
                let power = W::truncate(power);
                self.run(values, |x| least <= x && x <= greatest, |x| x.store::<W>().times(power))
            }
            Factor::By(divisor) => self.quotients::<T::Native, W>(values, divisor as i64),
        }
    }

    /// Moments without a zone.
    fn ticks<T: ArrowPrimitiveType<Native = i64>, W: Scalar>(
        self,
        array: &dyn Array,
        per_second: i64,
    ) -> Unusual {
        self.quotients::<i64, W>(array.as_primitive::<T>().values(), DAY_SECONDS * per_second)
    }

    /// Integers that must be multiples of `divisor`.
    fn quotients<T: Native, W: Scalar>(self, values: &[T], divisor: i64) -> Unusual {
        let range = self.intake.schema.inputs[self.target.field].domain.range;
        let scaled = |bound: i128| bound.checked_mul(divisor as i128).filter(|x| i64::try_from(*x).is_ok());
        // within these bounds the low 64 bits are the value
        let (least, greatest) = within::<T>(scaled(range.lo)?, scaled(range.hi)?)?;
        let right = |x: T| least <= x && x <= greatest && x.low() % divisor == 0;
        self.run(values, right, |x| W::truncate(i128::from(x.low() / divisor)))
    }

    /// Doubles, as [`opus_runtime::admission::double`] reads small ones.
    fn doubles<W: Scalar>(self, values: &[f64], decimals: u8) -> Unusual {
        /// Adding and taking this away rounds a smaller double to an integer.
        const ROUNDER: f64 = (3u64 << 51) as f64;
        /// Below this, a double distinguishes a value from its neighbours.
        const TOLD_APART: f64 = (1u64 << 51) as f64;
        if decimals > 22 {
            return None;
        }
        let power = 10f64.powi(decimals as i32);
        let range = self.intake.schema.inputs[self.target.field].domain.range;
        let inner = |bound: i128| bound.clamp(-(1 << 51) + 1, (1 << 51) - 1) as f64;
        let (least, greatest) = (inner(range.lo), inner(range.hi));
        let count = move |x: f64| (x * power + ROUNDER) - ROUNDER;
        let right = move |x: f64| {
            let count = count(x);
            (x * power).abs() < TOLD_APART && count / power == x && least <= count && count <= greatest
        };
        self.run(values, right, move |x| W::truncate(i128::from(count(x) as i64)))
    }

    /// The field's range divided by `power`, in native integers. `None` where no native integer is within.
    fn bounds<T: Native>(&self, power: i128) -> Option<(T, T)> {
        let range = self.intake.schema.inputs[self.target.field].domain.range;
        let least = range.lo.div_euclid(power) + (range.lo.rem_euclid(power) != 0) as i128;
        within::<T>(least, range.hi.div_euclid(power))
    }

    /// Converts block by block; returns the blocks that hold an invalid value.
    #[inline(always)]
    fn run<T: Copy, W: Scalar>(
        self,
        values: &[T],
        right: impl Fn(T) -> bool,
        to: impl Fn(T) -> W,
    ) -> Unusual {
        let optional = self.columns.column(self.target.at).optional;
        let mut unusual = Vec::new();
        let mut valid = valid_words(self.nulls, self.target.rows);
        let out = self.columns.values_mut::<W>(self.target.at);
        let blocks = values[..self.target.rows].chunks(ROWS_PER_GROUP).zip(out.chunks_mut(ROWS_PER_GROUP));
        for (block, (values, out)) in blocks.enumerate() {
            let valid = valid.next().unwrap_or(u64::MAX);
            let mut wrong = false;
            if valid == u64::MAX {
                for (value, out) in values.iter().zip(out) {
                    wrong |= !right(*value);
                    *out = to(*value);
                }
            } else {
                for (row, (value, out)) in values.iter().zip(out).enumerate() {
                    let present = valid >> row & 1 == 1;
                    wrong |= present & !right(*value) | !(present | optional);
                    *out = if present { to(*value) } else { W::zeroed() };
                }
            }
            if wrong {
                unusual.push(block);
            }
        }
        Some(unusual)
    }

    /// Names of an enum's values.
    fn names<'t, W: Scalar>(self, of: u32, texts: impl Iterator<Item = Option<&'t str>>) -> Unusual {
        let values = &self.intake.schema.enums[of as usize].values;
        let value_of =
            |text: &str| values.iter().position(|value| value.name == text).map_or(-1, |at| at as i64);
        let codes: Vec<i64> = texts.map(|text| text.map_or(0, value_of)).collect();
        let (least, greatest) = self.bounds::<i64>(1)?;
        self.run(
            &codes,
            |code| 0 <= code && least <= code && code <= greatest,
            |code| W::truncate(i128::from(code)),
        )
    }

    /// Converts row by row.
    fn each<W: Scalar>(self, value: impl Fn(usize) -> Option<W>) -> Unusual {
        let rows: Vec<u32> = (0..self.target.rows as u32).collect();
        let range = self.intake.schema.inputs[self.target.field].domain.range;
        let right = |row: u32| value(row as usize).is_some_and(|value| range.contains(value.wide()));
        self.run(&rows, right, |row| value(row as usize).unwrap_or_else(W::zeroed))
    }
}

fn within<T: Native>(least: i128, greatest: i128) -> Option<(T, T)> {
    let (least, greatest) = (least.max(T::LEAST), greatest.min(T::GREATEST));
    (least <= greatest).then(|| (T::of(least), T::of(greatest)))
}

/// For each block of 64 rows, which of them are present; rows past the end are.
fn valid_words(nulls: Option<&NullBuffer>, rows: usize) -> impl Iterator<Item = u64> {
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
    let last = rows / ROWS_PER_GROUP;
    let past = u64::MAX.checked_shl((rows % ROWS_PER_GROUP) as u32).unwrap_or(0);
    let words =
        nulls.into_iter().flat_map(|nulls| nulls.inner().bit_chunks().iter_padded().collect::<Vec<u64>>());
    words.enumerate().map(move |(block, word)| if block == last { word | past } else { word })
}

/// Writes the validity bitmap of an optional column.
fn fill_validity(nulls: Option<&NullBuffer>, rows: usize, columns: &mut Columns, at: usize) {
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
    let words = columns.validity_mut(at);
    let count = rows.div_ceil(ROWS_PER_GROUP).min(words.len());
    words[..count].fill(u64::MAX);
    for (word, valid) in words.iter_mut().zip(valid_words(nulls, rows)).take(count) {
        *word = valid;
    }
    if let Some(last) = words[..count].last_mut()
        && !rows.is_multiple_of(ROWS_PER_GROUP)
    {
        *last &= !(u64::MAX << (rows % ROWS_PER_GROUP));
    }
}

/// Adds the blocks in which a value is none of the listed ones.
fn without_strangers(
    intake: &Intake,
    target: Target,
    columns: &Columns,
    mut unusual: Vec<usize>,
) -> Vec<usize> {
    let domain = &intake.schema.inputs[target.field].domain;
    let Some(set) = &domain.set else { return unusual };
    let span = domain.range.hi.checked_sub(domain.range.lo).filter(|span| *span < 64);
    let mask = span.map(|_| set.iter().fold(0u64, |mask, value| mask | 1 << (value - domain.range.lo)));
    let listed = |x: i128| match mask {
        Some(mask) => (0..64).contains(&(x - domain.range.lo)) && mask >> (x - domain.range.lo) & 1 == 1,
        None => set.binary_search(&x).is_ok(),
    };
    let low = i64::try_from(domain.range.lo).ok();
    let usual = match (columns.column(target.at).width, mask.zip(low)) {
        (Width::W8, Some((mask, low))) => masked::<i8>(target, columns, mask, low),
        (Width::W16, Some((mask, low))) => masked::<i16>(target, columns, mask, low),
        (Width::W32, Some((mask, low))) => masked::<i32>(target, columns, mask, low),
        _ => vec![false; target.rows.div_ceil(ROWS_PER_GROUP)],
    };
    let is_strange = |block: usize| {
        !usual[block]
            && target.block(block).any(|row| columns.get(target.at, row).is_some_and(|value| !listed(value)))
    };
    unusual.extend((0..usual.len()).filter(|block| is_strange(*block)));
    unusual.sort_unstable();
    unusual.dedup();
    unusual
}

/// For each block, whether every value is in the mask of listed values from `low`.
fn masked<W: Scalar + Into<i64>>(target: Target, columns: &Columns, mask: u64, low: i64) -> Vec<bool> {
    let values = &columns.values::<W>(target.at)[..target.rows];
    let is_listed = |value: &W| {
        let offset = (*value).into().wrapping_sub(low) as u64;
        // what a missing value leaves is 0, which may be far from the set
        offset < 64 && mask >> (offset & 63) & 1 == 1
    };
    values
        .chunks(ROWS_PER_GROUP)
        .map(|block| block.iter().fold(true, |all, value| all & is_listed(value)))
        .collect()
}

/// Does some blocks cell by cell.
fn fill_plainly(
    intake: &Intake,
    target: Target,
    array: &dyn Array,
    blocks: &[usize],
    columns: &mut Columns,
    faults: &mut Vec<RowFault>,
) {
    let rounds = intake.field_mapping(target.field).spelling.nearest;
    let cells = Cells::new(array, intake.decimals(target.field)).rounding(rounds);
    let mut scratch = String::new();
    for row in blocks.iter().flat_map(|block| target.block(*block)) {
        match intake.admit(target.field, cells.reading(row, &mut scratch)) {
            Ok(value) => columns.set(target.at, row, value),
            Err(reason) => faults.push((row as u32, reason)),
        }
    }
}

/// What the values of a dictionary became.
struct Meanings {
    columns: Columns,
    /// By value, why it is refused; empty where none is.
    reasons: Vec<Option<Reason>>,
    /// By value, whether it is neither refused nor missing; empty where all are so.
    usual: Vec<bool>,
}

impl Meanings {
    fn new(intake: &Intake, target: Target, values: &dyn Array, shape: Column) -> Meanings {
        let mut columns = Columns::new(&[shape], values.len());
        columns.set_rows(values.len());
        let mut refused = Vec::new();
        fill(intake, target.field, values, &mut columns, 0, &mut refused);
        let present: usize = columns.validity(0).iter().map(|word| word.count_ones() as usize).sum();
        if refused.is_empty() && (!shape.optional || present == values.len()) {
            return Meanings { columns, reasons: Vec::new(), usual: Vec::new() };
        }
        let mut reasons = vec![None; values.len()];
        refused.into_iter().for_each(|(value, reason)| reasons[value as usize] = Some(reason));
        let is_usual = |value: usize| reasons[value].is_none() && columns.get(0, value).is_some();
        let usual = (0..values.len()).map(is_usual).collect();
        Meanings { columns, reasons, usual }
    }
}

/// A dictionary column: its values are admitted once, and codes pick from them. There is a value at least, and every
/// code of a row that is present has one.
pub fn fill_coded(
    intake: &Intake,
    index: usize,
    values: &ArrayRef,
    codes: &dyn Array,
    columns: &mut Columns,
    at: usize,
    faults: &mut Vec<RowFault>,
) {
    let target = Target { field: index, at, rows: codes.len() };
    let meanings = Meanings::new(intake, target, values.as_ref(), columns.column(at));
    fill_validity(codes.nulls(), codes.len(), columns, at);
    let unusual =
        by_width!(columns.column(at).width, Cell => pick::<Cell>(intake, target, codes, &meanings, columns));
    let unusual = unusual.unwrap_or_else(|| (0..target.rows.div_ceil(ROWS_PER_GROUP)).collect());
    if unusual.is_empty() {
        return;
    }
    let code_of = code_of(codes);
    for row in unusual.iter().flat_map(|block| target.block(*block)) {
        let outcome = match codes.is_null(row) {
            true => intake.admit(index, Reading::Missing),
            false => match meanings.reasons.get(code_of(row)) {
                Some(Some(reason)) => Err(reason.clone()),
                _ => Ok(meanings.columns.get(0, code_of(row))),
            },
        };
        match outcome {
            Ok(value) => columns.set(at, row, value),
            Err(reason) => faults.push((row as u32, reason)),
        }
    }
}

fn pick<W: Scalar>(
    intake: &Intake,
    target: Target,
    codes: &dyn Array,
    meanings: &Meanings,
    columns: &mut Columns,
) -> Unusual {
    let job = Job { intake, target, nulls: codes.nulls(), columns };
    match codes.data_type() {
        DataType::Int8 => job.codes::<Int8Type, W>(codes, meanings),
        DataType::Int16 => job.codes::<Int16Type, W>(codes, meanings),
        DataType::Int32 => job.codes::<Int32Type, W>(codes, meanings),
        DataType::Int64 => job.codes::<Int64Type, W>(codes, meanings),
        DataType::UInt8 => job.codes::<UInt8Type, W>(codes, meanings),
        DataType::UInt16 => job.codes::<UInt16Type, W>(codes, meanings),
        DataType::UInt32 => job.codes::<UInt32Type, W>(codes, meanings),
        DataType::UInt64 => job.codes::<UInt64Type, W>(codes, meanings),
        _ => None,
    }
}

/// The code of a row.
fn code_of(codes: &dyn Array) -> Box<dyn Fn(usize) -> usize + '_> {
    fn of<K: ArrowDictionaryKeyType>(codes: &dyn Array) -> Box<dyn Fn(usize) -> usize + '_> {
        let codes = codes.as_primitive::<K>().values();
        Box::new(|row| codes[row].as_usize())
    }
    match codes.data_type() {
        DataType::Int8 => of::<Int8Type>(codes),
        DataType::Int16 => of::<Int16Type>(codes),
        DataType::Int32 => of::<Int32Type>(codes),
        DataType::Int64 => of::<Int64Type>(codes),
        DataType::UInt8 => of::<UInt8Type>(codes),
        DataType::UInt16 => of::<UInt16Type>(codes),
        DataType::UInt32 => of::<UInt32Type>(codes),
        _ => of::<UInt64Type>(codes),
    }
}

impl Job<'_> {
    fn codes<K: ArrowDictionaryKeyType, W: Scalar>(self, codes: &dyn Array, meanings: &Meanings) -> Unusual {
        let keys = codes.as_primitive::<K>().values();
        let table = &meanings.columns.values::<W>(0)[..meanings.columns.rows()];
        // an array's codes are within its dictionary, except those of missing rows, which may be anything
        let to = |key: K::Native| table.get(key.as_usize()).copied().unwrap_or_else(W::zeroed);
        match meanings.usual.as_slice() {
            [] => self.run(keys, |_| true, to),
            usual => self.run(keys, |key| usual.get(key.as_usize()).is_some_and(|usual| *usual), to),
        }
    }
}
