//! Which instructions do both lowerings write? A few with short names, on single values and on 128-bit lanes.
//!
//! Lanes hold 16 rows in one vector of bytes, two of 16-bit, four of 32-bit or eight of 64-bit lanes. A mask is
//! a lane of all ones or all zeros.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    ConstantData, Endianness, InstBuilder, MemFlagsData, Type as ClifType, Value as Clif, types,
};
use cranelift_frontend::FunctionBuilder;
use opus_ir::Width;

use crate::division::Reciprocal;
use crate::isa::Level;

/// The number of rows in a vector step.
pub(crate) const ROWS_PER_STEP: usize = 16;

/// A function that is being written.
pub(crate) struct Emit<'a> {
    /// Cranelift's builder.
    pub b: FunctionBuilder<'a>,
    /// The address of the constants.
    pub constants: Clif,
    /// The bytes of the constants, which all pieces of a kernel share.
    pub data: &'a mut Data,
    /// The target machine.
    pub level: Level,
}

/// The constants that code reads by address: tables, in order of first use.
#[derive(Default)]
pub(crate) struct Data {
    /// The bytes.
    pub bytes: Vec<u8>,
    known: std::collections::BTreeMap<Vec<u8>, u32>,
}

impl Data {
    /// The offset of `bytes`, aligned to 16.
    pub fn place(&mut self, bytes: Vec<u8>) -> u32 {
        if let Some(offset) = self.known.get(&bytes) {
            return *offset;
        }
        let offset = self.bytes.len().next_multiple_of(16);
        self.bytes.resize(offset, 0);
        self.bytes.extend_from_slice(&bytes);
        self.known.insert(bytes, offset as u32);
        offset as u32
    }
}

/// The low `width` bytes of every entry, one after the other.
pub(crate) fn table_bytes(entries: &[i128], width: Width) -> Vec<u8> {
    entries.iter().flat_map(|entry| entry.to_le_bytes().into_iter().take(width.bytes())).collect()
}

/// The type of a single value of a width.
pub(crate) fn scalar_type(width: Width) -> ClifType {
    match width {
        Width::W8 => types::I8,
        Width::W16 => types::I16,
        Width::W32 => types::I32,
        Width::W64 => types::I64,
        Width::W128 => types::I128,
    }
}

/// The type of a part: a vector of lanes, or a single value of 128 bits.
pub(crate) fn part_type(width: Width) -> ClifType {
    match width {
        Width::W8 => types::I8X16,
        Width::W16 => types::I16X8,
        Width::W32 => types::I32X4,
        Width::W64 => types::I64X2,
        Width::W128 => types::I128,
    }
}

/// Memory that may be read and written at any address that the caller has checked.
pub(crate) fn memory() -> MemFlagsData {
    MemFlagsData::trusted()
}

/// Memory that may be unaligned.
pub(crate) fn unaligned() -> MemFlagsData {
    let mut flags = MemFlagsData::new();
    flags.set_notrap();
    flags
}

impl Emit<'_> {
    /// A constant of an integer type, or of all lanes of a vector.
    pub fn int(&mut self, ty: ClifType, x: i128) -> Clif {
        if ty.is_vector() {
            return self.splat(ty, x);
        }
        if ty == types::I128 {
            let low = self.b.ins().iconst(types::I64, x as i64);
            let high = self.b.ins().iconst(types::I64, (x >> 64) as i64);
            return self.b.ins().iconcat(low, high);
        }
        // an immediate holds no bits above its type
        let unused = 64 - ty.bits();
        self.b.ins().iconst(ty, ((x as u64) << unused >> unused) as i64)
    }

    /// A constant in every lane.
    pub fn splat(&mut self, ty: ClifType, x: i128) -> Clif {
        let lane_bytes = ty.lane_type().bytes() as usize;
        let bytes: Vec<u8> = x.to_le_bytes()[..lane_bytes].iter().copied().cycle().take(16).collect();
        self.vector(ty, &bytes)
    }

    /// A constant vector.
    pub fn vector(&mut self, ty: ClifType, bytes: &[u8]) -> Clif {
        let constant = self.b.func.dfg.constants.insert(ConstantData::from(bytes));
        self.b.ins().vconst(ty, constant)
    }

    /// The same bits as a vector of another shape.
    pub fn cast(&mut self, ty: ClifType, x: Clif) -> Clif {
        if self.type_of(x) == ty {
            return x;
        }
        let mut flags = MemFlagsData::new();
        flags.set_endianness(Endianness::Little);
        self.b.ins().bitcast(ty, flags, x)
    }

    /// The type of a value.
    pub fn type_of(&self, x: Clif) -> ClifType {
        self.b.func.dfg.value_type(x)
    }

    /// Bytes of the two vectors, by number: those of `b` begin at 16.
    pub fn shuffle(&mut self, ty: ClifType, a: Clif, b: Clif, bytes: [u8; 16]) -> Clif {
        let (a, b) = (self.cast(types::I8X16, a), self.cast(types::I8X16, b));
        let mask = self.b.func.dfg.immediates.push(ConstantData::from(bytes.as_slice()));
        let shuffled = self.b.ins().shuffle(a, b, mask);
        self.cast(ty, shuffled)
    }

    /// The lower (or upper) halves of both vectors, lane by lane in turn.
    pub fn interleave(&mut self, lane: Width, a: Clif, b: Clif, upper: bool) -> Clif {
        let size = lane.bytes();
        let bytes = std::array::from_fn(|i| {
            let (pair, within) = (i / (2 * size), i % (2 * size));
            let from_second = within >= size;
            (pair * size + within % size + if from_second { 16 } else { 0 } + if upper { 8 } else { 0 }) as u8
        });
        self.shuffle(types::I8X16, a, b, bytes)
    }

    /// The lower 32 bits of the 64-bit lanes of both vectors.
    pub fn low_words(&mut self, a: Clif, b: Clif) -> Clif {
        self.shuffle(types::I32X4, a, b, [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27])
    }

    /// The upper 32 bits of the 64-bit lanes of both vectors.
    pub fn high_words(&mut self, a: Clif, b: Clif) -> Clif {
        self.shuffle(types::I32X4, a, b, [4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31])
    }

    /// One half of a vector's lanes, sign-extended to twice their width.
    pub fn widen(&mut self, x: Clif, upper: bool) -> Clif {
        if upper { self.b.ins().swiden_high(x) } else { self.b.ins().swiden_low(x) }
    }

    /// The lanes of two vectors at half their width, for values that fit: others may become anything.
    pub fn narrow(&mut self, a: Clif, b: Clif) -> Clif {
        match self.type_of(a) {
            types::I64X2 => self.low_words(a, b),
            _ => self.b.ins().snarrow(a, b),
        }
    }

    /// The lower halves of the lanes of two vectors.
    pub fn truncate(&mut self, a: Clif, b: Clif) -> Clif {
        let ty = self.type_of(a);
        if ty == types::I64X2 {
            return self.low_words(a, b);
        }
        let mask = if ty == types::I32X4 { 0xFFFF } else { 0xFF };
        let mask = self.splat(ty, mask);
        let (a, b) = (self.b.ins().band(a, mask), self.b.ins().band(b, mask));
        self.b.ins().unarrow(a, b)
    }

    /// A comparison of lanes or single values: a mask, or 0 and 1.
    pub fn compare(&mut self, code: IntCC, a: Clif, b: Clif) -> Clif {
        self.b.ins().icmp(code, a, b)
    }

    /// `a` where the condition (of this type's shape) holds, `b` elsewhere.
    pub fn choose(&mut self, condition: Clif, a: Clif, b: Clif) -> Clif {
        let ty = self.type_of(a);
        if !ty.is_vector() {
            return self.b.ins().select(condition, a, b);
        }
        let bytes = [condition, a, b].map(|x| self.cast(types::I8X16, x));
        let chosen = self.b.ins().blendv(bytes[0], bytes[1], bytes[2]);
        self.cast(ty, chosen)
    }

    /// The smaller of two, signed; 128 bits as well.
    pub fn smaller(&mut self, a: Clif, b: Clif) -> Clif {
        if self.type_of(a) == types::I128 {
            let less = self.compare(IntCC::SignedLessThan, a, b);
            return self.b.ins().select(less, a, b);
        }
        self.b.ins().smin(a, b)
    }

    /// The greater of two, signed; 128 bits as well.
    pub fn greater(&mut self, a: Clif, b: Clif) -> Clif {
        if self.type_of(a) == types::I128 {
            let less = self.compare(IntCC::SignedLessThan, a, b);
            return self.b.ins().select(less, b, a);
        }
        self.b.ins().smax(a, b)
    }

    /// A value clamped to two constants.
    pub fn clamp(&mut self, x: Clif, low: i128, high: i128) -> Clif {
        let ty = self.type_of(x);
        let low = self.int(ty, low);
        let raised = self.greater(x, low);
        let high = self.int(ty, high);
        self.smaller(raised, high)
    }

    /// `x + c`.
    pub fn add_constant(&mut self, x: Clif, c: i128) -> Clif {
        if c == 0 {
            return x;
        }
        let ty = self.type_of(x);
        let c = self.int(ty, c);
        self.b.ins().iadd(x, c)
    }

    /// `x * c`.
    pub fn multiply_constant(&mut self, x: Clif, c: i128) -> Clif {
        let ty = self.type_of(x);
        let c = self.int(ty, c);
        self.b.ins().imul(x, c)
    }

    /// `floor(u / c)` in 32 bits, for an unsigned `u <= u_max` in 32-bit lanes or a single 32-bit value.
    pub fn quotient_32(&mut self, u: Clif, u_max: u32, c: u32) -> Clif {
        match Reciprocal::new(u_max as u128, c as u128) {
            Some(Reciprocal::Narrow { multiplier, shift }) => {
                let product = self.multiply_constant(u, multiplier as i128);
                self.shift_right(product, shift)
            }
            Some(Reciprocal::Wide { multiplier, shift }) => {
                let upper = self.upper_product(u, multiplier);
                self.shift_right(upper, shift)
            }
            _ => self.quotient_64_then_narrow(u, u_max, c),
        }
    }

    /// For the few divisors whose multiplier takes more than 32 bits: one lane at a time.
    fn quotient_64_then_narrow(&mut self, u: Clif, u_max: u32, c: u32) -> Clif {
        let single = |emit: &mut Self, x: Clif| {
            let wide = emit.b.ins().uextend(types::I64, x);
            let quotient = emit.quotient_64(wide, u_max as u64, c as u64);
            emit.b.ins().ireduce(types::I32, quotient)
        };
        if !self.type_of(u).is_vector() {
            return single(self, u);
        }
        let lanes: [Clif; 4] = std::array::from_fn(|lane| {
            let x = self.b.ins().extractlane(u, lane as u8);
            single(self, x)
        });
        self.gather(types::I32X4, &lanes)
    }

    /// `floor(u / c)` for a single unsigned 64-bit `u <= u_max`.
    pub fn quotient_64(&mut self, u: Clif, u_max: u64, c: u64) -> Clif {
        use crate::division::Multiplier;
        let found = Multiplier::new(u_max as u128, c as u128).filter(|_| c > 1);
        let Some(Multiplier { multiplier, shift }) = found else {
            let divisor = self.int(types::I64, c as i128);
            return if c == 1 { u } else { self.b.ins().udiv(u, divisor) };
        };
        let product_max = multiplier.checked_mul(u_max as u128);
        if product_max.is_some_and(|product| product >> 64 == 0) && shift < 64 {
            let product = self.multiply_constant(u, multiplier as i128);
            return self.shift_right(product, shift);
        }
        let raised = 64u32.saturating_sub(shift);
        match multiplier.checked_shl(raised).filter(|m| m >> 64 == 0 && shift + raised < 128) {
            Some(multiplier) => {
                let multiplier = self.int(types::I64, multiplier as i128);
                let upper = self.b.ins().umulhi(u, multiplier);
                self.shift_right(upper, shift + raised - 64)
            }
            None => {
                let divisor = self.int(types::I64, c as i128);
                self.b.ins().udiv(u, divisor)
            }
        }
    }

    /// The upper 32 bits of the unsigned product of 32-bit lanes, or of a single 32-bit value, with a constant.
    pub fn upper_product(&mut self, u: Clif, multiplier: u32) -> Clif {
        let ty = self.type_of(u);
        if !ty.is_vector() {
            let wide = self.b.ins().uextend(types::I64, u);
            let product = self.multiply_constant(wide, multiplier as i128);
            let upper = self.shift_right(product, 32);
            return self.b.ins().ireduce(types::I32, upper);
        }
        let multipliers = self.splat(types::I32X4, multiplier as i128);
        let (a, b) = (self.b.ins().uwiden_low(u), self.b.ins().uwiden_low(multipliers));
        let low = self.b.ins().imul(a, b);
        let (a, b) = (self.b.ins().uwiden_high(u), self.b.ins().uwiden_high(multipliers));
        let high = self.b.ins().imul(a, b);
        self.high_words(low, high)
    }

    /// Shifts in zeros from above.
    pub fn shift_right(&mut self, x: Clif, bits: u32) -> Clif {
        if bits == 0 {
            return x;
        }
        let bits = self.b.ins().iconst(types::I32, bits as i64);
        self.b.ins().ushr(x, bits)
    }

    /// A vector of single values.
    pub fn gather(&mut self, ty: ClifType, lanes: &[Clif]) -> Clif {
        let first = if ty.lane_type().bits() < 32 {
            let wide = self.b.ins().uextend(types::I32, lanes[0]);
            let vector = self.b.ins().scalar_to_vector(types::I32X4, wide);
            self.cast(ty, vector)
        } else {
            self.b.ins().scalar_to_vector(ty, lanes[0])
        };
        let insert = |vector, (lane, x): (usize, &Clif)| self.b.ins().insertlane(vector, *x, lane as u8);
        lanes.iter().enumerate().skip(1).fold(first, insert)
    }

    /// A single value in another integer width: truncated, or sign-extended.
    pub fn resize(&mut self, x: Clif, ty: ClifType) -> Clif {
        let from = self.type_of(x).bits();
        match ty.bits().cmp(&from) {
            std::cmp::Ordering::Less => self.b.ins().ireduce(ty, x),
            std::cmp::Ordering::Equal => x,
            std::cmp::Ordering::Greater => self.b.ins().sextend(ty, x),
        }
    }
}
