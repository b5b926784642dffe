//! How do lanes divide by a constant? Four rows at a time, in 32-bit lanes, by the multiplications of
//! [`crate::division`].

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value as Clif, types};
use opus_ir::{Op, Rounding, Straight, Value, Width};

use super::{Lowering, native};
use crate::division::{Floored, Reciprocal};
use crate::emit::part_type;
use crate::isa::Level;
use crate::plan;

/// The form and the multiplication by which lanes divide by a constant, if they can.
pub(super) fn lanes_divide(line: &Straight, value: Value) -> Option<(Floored, Reciprocal)> {
    let step = &line.values[value];
    let [a, b] = step.inst.operands();
    let mode = match step.inst.op {
        Op::Divide => Rounding::from_number(step.inst.imm)?,
        _ => Rounding::Floor,
    };
    let divisor = plan::constant(line, b)?;
    let form = Floored::new(line.values[a].range, divisor, mode).filter(Floored::fits_64_bits)?;
    let way = Reciprocal::new(form.u_max, form.divisor)?;
    let narrow = native(line, value) <= Width::W32 && form.divisor < 1 << 31;
    narrow.then_some((form, way))
}

impl Lowering<'_, '_, '_> {
    /// One part of a division: `floor((±a + offset) / c)` in 32-bit lanes, corrected for ties and bias.
    pub(super) fn divided(&mut self, a: Value, form: &Floored, way: Reciprocal, part: usize) -> Clif {
        let c = form.divisor as i128;
        let (quotient, sums) = match way {
            Reciprocal::Narrow { multiplier, shift } => {
                let sums = self.sums_in_words(a, form, part);
                let product = self.emit.multiply_constant(sums, multiplier as i128);
                (self.emit.shift_right(product, shift), sums)
            }
            Reciprocal::Wide { multiplier, shift } => {
                let sums = self.sums_in_words(a, form, part);
                let upper = self.emit.upper_product(sums, multiplier);
                (self.emit.shift_right(upper, shift), sums)
            }
            Reciprocal::Corrected { pre_shift, multiplier, corrections } => {
                let wide = [0, 1].map(|half| self.sums(a, form, Width::W64, 2 * part + half));
                let sums = self.emit.low_words(wide[0], wide[1]);
                let shifted = wide.map(|x| self.emit.shift_right(x, pre_shift));
                let estimate = self.upper_product_of_lanes(shifted, multiplier);
                (self.corrected(estimate, sums, c, corrections), sums)
            }
        };
        let quotient = if form.ties_to_even { self.ties_to_even(quotient, sums, c) } else { quotient };
        self.emit.add_constant(quotient, -form.bias)
    }

    /// The upper 32 bits of the products of 64-bit lanes that fit 32 bits.
    fn upper_product_of_lanes(&mut self, lanes: [Clif; 2], multiplier: u32) -> Clif {
        if self.emit.level < Level::Avx512Vl {
            let words = self.emit.low_words(lanes[0], lanes[1]);
            return self.emit.upper_product(words, multiplier);
        }
        // here a product of 64-bit lanes is one instruction
        let products = lanes.map(|x| self.emit.multiply_constant(x, multiplier as i128));
        self.emit.high_words(products[0], products[1])
    }

    fn corrected(&mut self, estimate: Clif, sums: Clif, c: i128, corrections: u32) -> Clif {
        let ty = types::I32X4;
        let product = self.emit.multiply_constant(estimate, c);
        let mut remainder = self.emit.b.ins().isub(sums, product);
        let mut quotient = estimate;
        for correction in 1..=corrections {
            let last = self.emit.int(ty, c - 1);
            let more = self.emit.compare(IntCC::SignedGreaterThan, remainder, last);
            quotient = self.emit.b.ins().isub(quotient, more);
            if correction < corrections {
                let divisor = self.emit.int(ty, c);
                let less = self.emit.b.ins().band(more, divisor);
                remainder = self.emit.b.ins().isub(remainder, less);
            }
        }
        quotient
    }

    /// Subtracts one from odd quotients without a remainder.
    fn ties_to_even(&mut self, quotient: Clif, sums: Clif, c: i128) -> Clif {
        let product = self.emit.multiply_constant(quotient, c);
        let tie = self.emit.compare(IntCC::Equal, sums, product);
        let one = self.emit.int(types::I32X4, 1);
        let odd = self.emit.b.ins().band(quotient, one);
        let odd_tie = self.emit.b.ins().band(odd, tie);
        self.emit.b.ins().isub(quotient, odd_tie)
    }

    /// The dividends with their offsets, if they fit 32 bits.
    fn sums_in_words(&mut self, a: Value, form: &Floored, part: usize) -> Clif {
        let range = self.range(a);
        let signs_show = range.magnitude() < 1 << 31;
        if form.offset == form.offset_negative || signs_show {
            return self.sums(a, form, Width::W32, part);
        }
        let wide = [0, 1].map(|half| self.sums(a, form, Width::W64, 2 * part + half));
        self.emit.low_words(wide[0], wide[1])
    }

    /// `±a + offset`, in lanes that hold the sign of `a` unless the offset does not depend on it.
    fn sums(&mut self, a: Value, form: &Floored, width: Width, part: usize) -> Clif {
        let ty = part_type(width);
        let a = self.part(a, width, part);
        let signed = if form.negate { self.emit.b.ins().ineg(a) } else { a };
        let sum = self.emit.add_constant(signed, form.offset);
        if form.offset == form.offset_negative {
            return sum;
        }
        let zero = self.emit.int(ty, 0);
        let negative = self.emit.compare(IntCC::SignedLessThan, signed, zero);
        let difference = self.emit.int(ty, form.offset_negative - form.offset);
        let difference = self.emit.b.ins().band(negative, difference);
        self.emit.b.ins().iadd(sum, difference)
    }
}
