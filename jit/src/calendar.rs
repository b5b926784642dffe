//! How are months counted and added without branches? The arithmetic of `opus_ir::date`, on single 32-bit values
//! and on vectors of four alike.
//!
//! Days are counted from March, as years then end with the leap day; the steps from day to year, month and day
//! of the month are by Neri and Schneider ("Euclidean affine functions and their application to calendar
//! algorithms", 2022). A month is numbered as `12 * year + month - 1`, which spares the step back to January.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value as Clif};
use opus_ir::date::{DAY_MAX, DAY_MIN, MonthEnd};

use crate::emit::Emit;

/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: i128 = 719_468;
/// The last month before the calendar, and the first after it: days beyond them are clamped anyway.
const MONTH_BEFORE: i128 = 11;
const MONTH_AFTER: i128 = 120_000;

/// `day`, within the calendar, moved by `months`, within `MONTHS_MAX`; both in 32 bits.
pub(crate) fn add_months(emit: &mut Emit, day: Clif, months: Clif, end: MonthEnd) -> Clif {
    let (month, of_month) = month_and_day(emit, day);
    let reached = emit.b.ins().iadd(month, months);
    let reached = emit.clamp(reached, MONTH_BEFORE, MONTH_AFTER);
    let first = first_day(emit, reached);
    let moved = emit.b.ins().iadd(first, of_month);
    let moved = match end {
        MonthEnd::Carry => moved,
        MonthEnd::Clip => {
            let next = emit.add_constant(reached, 1);
            let next = first_day(emit, next);
            let last = emit.add_constant(next, -1);
            emit.smaller(moved, last)
        }
    };
    emit.clamp(moved, DAY_MIN, DAY_MAX)
}

/// The whole months between two days within the calendar, in 32 bits.
pub(crate) fn whole_months(emit: &mut Emit, from: Clif, to: Clif) -> Clif {
    let (early, late) = (emit.smaller(from, to), emit.greater(from, to));
    let (early_month, early_day) = month_and_day(emit, early);
    let (late_month, late_day) = month_and_day(emit, late);
    let months = emit.b.ins().isub(late_month, early_month);
    let ty = emit.type_of(months);
    let zero = emit.int(ty, 0);
    let less = emit.add_constant(months, -1);
    let unfinished = emit.compare(IntCC::SignedLessThan, late_day, early_day);
    let whole = emit.choose(unfinished, less, months);
    let negated = emit.b.ins().isub(zero, whole);
    let backwards = emit.compare(IntCC::SignedLessThan, to, from);
    emit.choose(backwards, negated, whole)
}

/// The number of the month, and the day of the month from 0.
fn month_and_day(emit: &mut Emit, day: Clif) -> (Clif, Clif) {
    let shifted = emit.add_constant(day, EPOCH);
    let quarters = emit.multiply_constant(shifted, 4);
    let quarters = emit.add_constant(quarters, 3);
    let (century, of_century) = split(emit, quarters, 4 * (DAY_MAX + EPOCH) + 3, 146_097);
    let ty = emit.type_of(day);
    let last_bits = emit.int(ty, 3);
    let of_century = emit.b.ins().bor(of_century, last_bits);
    let (year, of_year) = split(emit, of_century, 146_099, 1461);
    let day_of_year = emit.shift_right(of_year, 2);
    let scaled = emit.multiply_constant(day_of_year, 5);
    let scaled = emit.add_constant(scaled, 461);
    let (month, of_month) = split(emit, scaled, 5 * 366 + 461, 153);
    let of_month = emit.quotient_32(of_month, 152, 5);
    let years = emit.multiply_constant(century, 100);
    let years = emit.b.ins().iadd(years, year);
    let months = emit.multiply_constant(years, 12);
    let month = emit.b.ins().iadd(months, month);
    (emit.add_constant(month, -1), of_month)
}

/// The day on which a month begins, by the month's number.
fn first_day(emit: &mut Emit, month: Clif) -> Clif {
    let from_march = emit.add_constant(month, -2);
    let (year, month) = split(emit, from_march, MONTH_AFTER, 12);
    let century = emit.quotient_32(year, 10_000, 100);
    let leaps = emit.shift_right(year, 2);
    let ages = emit.shift_right(century, 2);
    let scaled = emit.multiply_constant(month, 153);
    let scaled = emit.add_constant(scaled, 2);
    let of_year = emit.quotient_32(scaled, 153 * 11 + 2, 5);
    let days = emit.multiply_constant(year, 365);
    let days = emit.b.ins().iadd(days, leaps);
    let days = emit.b.ins().isub(days, century);
    let days = emit.b.ins().iadd(days, ages);
    let days = emit.b.ins().iadd(days, of_year);
    emit.add_constant(days, -EPOCH)
}

/// Quotient and remainder of `0 <= u <= u_max` by a constant.
fn split(emit: &mut Emit, u: Clif, u_max: i128, c: u32) -> (Clif, Clif) {
    let quotient = emit.quotient_32(u, u_max as u32, c);
    let product = emit.multiply_constant(quotient, c as i128);
    (quotient, emit.b.ins().isub(u, product))
}
