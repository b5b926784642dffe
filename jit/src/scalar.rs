//! How is one value divided, looked up or counted into a bucket? Inlined routines for the row kernel, and for column
//! kernels where lanes cannot do it.
//!
//! Cranelift divides 64 bits by instructions that trap, and does not divide 128 bits; here nothing traps.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, Type as ClifType, Value as Clif, types};
use opus_ir::{Interval, Rounding, Width};

use crate::division::{Floored, Multiplier};
use crate::emit::{Emit, memory, scalar_type, table_bytes};

/// Up to this many thresholds are compared one by one; more are searched.
const CUTS_COMPARED_MAX: usize = 8;

/// `a / c` rounded, in the type of `a` (64 or 128 bits); `a` is within `range` where it matters.
pub(crate) fn divide_by_constant(emit: &mut Emit, a: Clif, range: Interval, c: i128, mode: Rounding) -> Clif {
    let ty = emit.type_of(a);
    match Floored::new(range, c, mode) {
        _ if c == 0 => emit.int(ty, 0),
        Some(form) if ty == types::I64 && form.fits_64_bits() => divide_floored(emit, a, &form),
        _ => {
            let magnitude = magnitude(emit, a);
            let divisor = emit.int(ty, c.unsigned_abs() as i128);
            let quotient = unsigned_quotient_by_constant(emit, magnitude, range, c.unsigned_abs());
            let negative = is_negative(emit, a);
            let negative = if c < 0 { emit.b.ins().bxor_imm_u(negative, 1) } else { negative };
            round(emit, Magnitudes { dividend: magnitude, divisor, quotient, negative }, mode)
        }
    }
}

/// `a / b` rounded, in the type of both (32, 64 or 128 bits); 0 where `b` is 0.
pub(crate) fn divide(emit: &mut Emit, a: Clif, b: Clif, mode: Rounding) -> Clif {
    let ty = emit.type_of(a);
    let zero = emit.int(ty, 0);
    let by_zero = emit.compare(IntCC::Equal, b, zero);
    let one = emit.int(ty, 1);
    let guarded = emit.b.ins().select(by_zero, one, b);
    let (dividend, divisor) = (magnitude(emit, a), magnitude(emit, guarded));
    let quotient = unsigned_quotient(emit, dividend, divisor);
    let (a_negative, b_negative) = (is_negative(emit, a), is_negative(emit, guarded));
    let negative = emit.b.ins().bxor(a_negative, b_negative);
    let rounded = round(emit, Magnitudes { dividend, divisor, quotient, negative }, mode);
    let zero = emit.int(ty, 0);
    emit.b.ins().select(by_zero, zero, rounded)
}

/// The remainder of floor division; 0 where `b` is 0.
pub(crate) fn modulo(emit: &mut Emit, a: Clif, b: Clif) -> Clif {
    let floor = divide(emit, a, b, Rounding::Floor);
    let remainder = rest(emit, a, floor, b);
    let ty = emit.type_of(a);
    let zero = emit.int(ty, 0);
    let by_zero = emit.compare(IntCC::Equal, b, zero);
    emit.b.ins().select(by_zero, zero, remainder)
}

/// The remainder of floor division by a constant.
pub(crate) fn modulo_by_constant(emit: &mut Emit, a: Clif, range: Interval, c: i128) -> Clif {
    let ty = emit.type_of(a);
    if c == 0 {
        return emit.int(ty, 0);
    }
    let floor = divide_by_constant(emit, a, range, c, Rounding::Floor);
    let c = emit.int(ty, c);
    rest(emit, a, floor, c)
}

fn rest(emit: &mut Emit, a: Clif, quotient: Clif, b: Clif) -> Clif {
    let product = emit.b.ins().imul(quotient, b);
    emit.b.ins().isub(a, product)
}

fn divide_floored(emit: &mut Emit, a: Clif, form: &Floored) -> Clif {
    let signed = if form.negate { emit.b.ins().ineg(a) } else { a };
    let sum = if form.offset == form.offset_negative {
        emit.add_constant(signed, form.offset)
    } else {
        let negative = is_negative(emit, signed);
        let (above, below) = (emit.int(types::I64, form.offset), emit.int(types::I64, form.offset_negative));
        let offset = emit.b.ins().select(negative, below, above);
        emit.b.ins().iadd(signed, offset)
    };
    let mut quotient = emit.quotient_64(sum, form.u_max as u64, form.divisor as u64);
    if form.ties_to_even {
        let product = emit.multiply_constant(quotient, form.divisor as i128);
        let tie = emit.compare(IntCC::Equal, sum, product);
        let tie = emit.b.ins().uextend(types::I64, tie);
        let odd_tie = emit.b.ins().band(quotient, tie);
        quotient = emit.b.ins().isub(quotient, odd_tie);
    }
    emit.add_constant(quotient, -form.bias)
}

/// A division without signs.
struct Magnitudes {
    dividend: Clif,
    divisor: Clif,
    /// The quotient rounded down.
    quotient: Clif,
    /// Whether the true quotient is below zero: 0 or 1.
    negative: Clif,
}

/// Rounds a quotient of magnitudes by the remainder, and applies the sign.
fn round(emit: &mut Emit, m: Magnitudes, mode: Rounding) -> Clif {
    let ty = emit.type_of(m.dividend);
    let remainder = rest(emit, m.dividend, m.quotient, m.divisor);
    let missing = emit.b.ins().isub(m.divisor, remainder);
    let inexact = |emit: &mut Emit| {
        let zero = emit.int(ty, 0);
        emit.compare(IntCC::NotEqual, remainder, zero)
    };
    let away = match mode {
        Rounding::Down => None,
        Rounding::Up => Some(inexact(emit)),
        Rounding::HalfUp => Some(emit.compare(IntCC::UnsignedGreaterThanOrEqual, remainder, missing)),
        Rounding::HalfDown => Some(emit.compare(IntCC::UnsignedGreaterThan, remainder, missing)),
        Rounding::HalfEven => {
            let above = emit.compare(IntCC::UnsignedGreaterThan, remainder, missing);
            let tie = emit.compare(IntCC::Equal, remainder, missing);
            let last = emit.resize(m.quotient, types::I8);
            let odd_tie = emit.b.ins().band(tie, last);
            Some(emit.b.ins().bor(above, odd_tie))
        }
        Rounding::Floor | Rounding::Ceiling => {
            let inexact = inexact(emit);
            let flipped = (mode == Rounding::Ceiling) as i64;
            let outward = emit.b.ins().bxor_imm_u(m.negative, flipped);
            Some(emit.b.ins().band(inexact, outward))
        }
    };
    let rounded = match away {
        None => m.quotient,
        Some(away) => {
            let step = emit.b.ins().uextend(ty, away);
            emit.b.ins().iadd(m.quotient, step)
        }
    };
    let negated = negate(emit, rounded);
    emit.b.ins().select(m.negative, negated, rounded)
}

fn negate(emit: &mut Emit, x: Clif) -> Clif {
    let ty = emit.type_of(x);
    let zero = emit.int(ty, 0);
    emit.b.ins().isub(zero, x)
}

fn is_negative(emit: &mut Emit, x: Clif) -> Clif {
    let ty = emit.type_of(x);
    let zero = emit.int(ty, 0);
    emit.compare(IntCC::SignedLessThan, x, zero)
}

/// The absolute value; that of the least is its own bits, unsigned.
fn magnitude(emit: &mut Emit, x: Clif) -> Clif {
    let negative = is_negative(emit, x);
    let negated = negate(emit, x);
    emit.b.ins().select(negative, negated, x)
}

fn unsigned_quotient(emit: &mut Emit, dividend: Clif, divisor: Clif) -> Clif {
    if emit.type_of(dividend) == types::I128 {
        return unsigned_quotient_128(emit, dividend, divisor);
    }
    emit.b.ins().udiv(dividend, divisor)
}

fn unsigned_quotient_by_constant(emit: &mut Emit, dividend: Clif, range: Interval, c: u128) -> Clif {
    let u_max = range.lo.unsigned_abs().max(range.hi.unsigned_abs());
    if emit.type_of(dividend) == types::I64 {
        return match u64::try_from(c) {
            Ok(c) => emit.quotient_64(dividend, u_max.min(1 << 63) as u64, c),
            Err(_) => emit.int(types::I64, 0),
        };
    }
    let raised = Multiplier::new(u_max, c).filter(|_| c > 1).and_then(|least| {
        let raised = 128u32.saturating_sub(least.shift);
        let fits = least.multiplier.leading_zeros() >= raised;
        fits.then(|| (least.multiplier << raised, least.shift + raised - 128))
    });
    match raised {
        _ if c == 1 => dividend,
        Some((multiplier, shift)) => {
            let upper = upper_product_128(emit, dividend, multiplier);
            shift_right_128(emit, upper, shift)
        }
        None => {
            let divisor = emit.int(types::I128, c as i128);
            unsigned_quotient_128(emit, dividend, divisor)
        }
    }
}

/// The upper half of the 256-bit product with a constant, from four 64-bit products.
fn upper_product_128(emit: &mut Emit, u: Clif, multiplier: u128) -> Clif {
    let (u0, u1) = emit.b.ins().isplit(u);
    let [m0, m1] = [multiplier, multiplier >> 64].map(|half| emit.int(types::I64, half as u64 as i128));
    let carried = emit.b.ins().umulhi(u0, m0);
    let carried = emit.b.ins().uextend(types::I128, carried);
    let first = wide_product(emit, u0, m1);
    let middle = emit.b.ins().iadd(carried, first);
    let (middle_low, middle_high) = emit.b.ins().isplit(middle);
    let middle_low = emit.b.ins().uextend(types::I128, middle_low);
    let second = wide_product(emit, u1, m0);
    let second = emit.b.ins().iadd(second, middle_low);
    let (_, second_high) = emit.b.ins().isplit(second);
    let upper = wide_product(emit, u1, m1);
    let carries = [middle_high, second_high].map(|carry| emit.b.ins().uextend(types::I128, carry));
    let upper = emit.b.ins().iadd(upper, carries[0]);
    emit.b.ins().iadd(upper, carries[1])
}

fn wide_product(emit: &mut Emit, a: Clif, b: Clif) -> Clif {
    let (a, b) = (emit.b.ins().uextend(types::I128, a), emit.b.ins().uextend(types::I128, b));
    emit.b.ins().imul(a, b)
}

fn shift_right_128(emit: &mut Emit, x: Clif, bits: u32) -> Clif {
    if bits == 0 {
        return x;
    }
    let (low, high) = emit.b.ins().isplit(x);
    let (low, high) = if bits >= 64 {
        (emit.shift_right(high, bits - 64), emit.int(types::I64, 0))
    } else {
        let fallen = emit.b.ins().ishl_imm_u(high, 64 - bits as i64);
        let low = emit.shift_right(low, bits);
        (emit.b.ins().bor(low, fallen), emit.shift_right(high, bits))
    };
    emit.b.ins().iconcat(low, high)
}

/// 128 bits by 128 bits, unsigned: by one instruction where both fit 64 bits, else bit by bit.
fn unsigned_quotient_128(emit: &mut Emit, dividend: Clif, divisor: Clif) -> Clif {
    let (short, long, done) = (emit.b.create_block(), emit.b.create_block(), emit.b.create_block());
    let result = emit.b.append_block_param(done, types::I128);
    let (dividend_low, dividend_high) = emit.b.ins().isplit(dividend);
    let (divisor_low, divisor_high) = emit.b.ins().isplit(divisor);
    let upper = emit.b.ins().bor(dividend_high, divisor_high);
    emit.b.ins().brif(upper, long, &[], short, &[]);

    emit.b.switch_to_block(short);
    // a divisor of zero is not expected here, but the instruction would trap on it
    let one = emit.int(types::I64, 1);
    let guarded = emit.b.ins().umax(divisor_low, one);
    let quotient = emit.b.ins().udiv(dividend_low, guarded);
    let quotient = emit.b.ins().uextend(types::I128, quotient);
    emit.b.ins().jump(done, &[BlockArg::Value(quotient)]);

    emit.b.switch_to_block(long);
    let quotient = quotient_bit_by_bit(emit, dividend, divisor);
    emit.b.ins().jump(done, &[BlockArg::Value(quotient)]);
    emit.b.switch_to_block(done);
    result
}

/// Shifts the dividend into the remainder from above, and the quotient into the dividend from below, 128 times.
fn quotient_bit_by_bit(emit: &mut Emit, dividend: Clif, divisor: Clif) -> Clif {
    let (step, end) = (emit.b.create_block(), emit.b.create_block());
    let [shifted, remainder] = [types::I128; 2].map(|ty| emit.b.append_block_param(step, ty));
    let left = emit.b.append_block_param(step, types::I64);
    let result = emit.b.append_block_param(end, types::I128);
    let (zero, count) = (emit.int(types::I128, 0), emit.int(types::I64, 128));
    emit.b.ins().jump(step, &[dividend, zero, count].map(BlockArg::Value));

    emit.b.switch_to_block(step);
    let (_, high) = emit.b.ins().isplit(shifted);
    let top = emit.shift_right(high, 63);
    let top = emit.b.ins().uextend(types::I128, top);
    let doubled = emit.b.ins().iadd(remainder, remainder);
    let remainder = emit.b.ins().iadd(doubled, top);
    let fits = emit.compare(IntCC::UnsignedGreaterThanOrEqual, remainder, divisor);
    let reduced = emit.b.ins().isub(remainder, divisor);
    let remainder = emit.b.ins().select(fits, reduced, remainder);
    let doubled = emit.b.ins().iadd(shifted, shifted);
    let bit = emit.b.ins().uextend(types::I128, fits);
    let shifted = emit.b.ins().iadd(doubled, bit);
    let left = emit.add_constant(left, -1);
    let again = [shifted, remainder, left].map(BlockArg::Value);
    emit.b.ins().brif(left, step, &again, end, &[BlockArg::Value(shifted)]);
    emit.b.switch_to_block(end);
    result
}

/// The entry of a table at an index of 64 bits, which is clamped to the table unless it `is_valid` on every row;
/// in the width's type.
pub(crate) fn lookup(emit: &mut Emit, index: Clif, is_valid: bool, table: &[i128], width: Width) -> Clif {
    let ty = scalar_type(width);
    if table.is_empty() {
        return emit.int(ty, 0);
    }
    let index = if is_valid { index } else { emit.clamp(index, 0, table.len() as i128 - 1) };
    let offset = emit.data.place(table_bytes(table, width));
    load_entry(emit, index, offset, width)
}

fn load_entry(emit: &mut Emit, index: Clif, offset: u32, width: Width) -> Clif {
    let shift = width.bytes().ilog2() as i64;
    let distance = if shift == 0 { index } else { emit.b.ins().ishl_imm_u(index, shift) };
    let address = emit.b.ins().iadd(emit.constants, distance);
    emit.b.ins().load(scalar_type(width), memory(), address, offset as i32)
}

/// How many of the ascending thresholds `cuts` are at most `x`; 32 bits. The cuts fit the type of `x`.
pub(crate) fn bucket(emit: &mut Emit, x: Clif, cuts: &[i128], width: Width) -> Clif {
    if cuts.len() > CUTS_COMPARED_MAX {
        return search(emit, x, cuts, width);
    }
    let ty = emit.type_of(x);
    let zero = emit.int(types::I32, 0);
    cuts.iter().fold(zero, |count, cut| {
        let cut = emit.int(ty, *cut);
        let above = emit.compare(IntCC::SignedGreaterThanOrEqual, x, cut);
        let above = emit.b.ins().uextend(types::I32, above);
        emit.b.ins().iadd(count, above)
    })
}

/// Binary search without branches: whatever `x` is, no entry outside the table is read.
fn search(emit: &mut Emit, x: Clif, cuts: &[i128], width: Width) -> Clif {
    let offset = emit.data.place(table_bytes(cuts, width));
    let x = emit.resize(x, scalar_type(width));
    let mut base = emit.int(types::I64, 0);
    let mut left = cuts.len();
    while left > 1 {
        let half = left / 2;
        let middle = emit.add_constant(base, half as i128);
        let cut = load_entry(emit, middle, offset, width);
        let above = emit.compare(IntCC::SignedGreaterThanOrEqual, x, cut);
        base = emit.b.ins().select(above, middle, base);
        left -= half;
    }
    let cut = load_entry(emit, base, offset, width);
    let above = emit.compare(IntCC::SignedGreaterThanOrEqual, x, cut);
    let above = emit.b.ins().uextend(types::I64, above);
    let count = emit.b.ins().iadd(base, above);
    emit.b.ins().ireduce(types::I32, count)
}

/// The type in which a value of this width is computed by itself.
pub(crate) fn computed_in(width: Width) -> ClifType {
    match width {
        Width::W8 | Width::W16 | Width::W32 => types::I32,
        Width::W64 => types::I64,
        Width::W128 => types::I128,
    }
}
