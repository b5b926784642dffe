//! How do lanes count thresholds and look up entries? By comparisons and byte shuffles, without touching memory.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value as Clif, types};
use opus_ir::{Value, Width};

use super::{Lowering, double, parts};
use crate::emit::part_type;

impl Lowering<'_, '_, '_> {
    /// How many of the thresholds `cuts` are at most the part's values, in lanes of its width.
    pub(super) fn counted(&mut self, x: Clif, cuts: &[i128]) -> Clif {
        let ty = self.emit.type_of(x);
        let zero = self.emit.int(ty, 0);
        cuts.iter().fold(zero, |count, cut| {
            let last_below = self.emit.int(ty, cut - 1);
            let above = self.emit.compare(IntCC::SignedGreaterThan, x, last_below);
            self.emit.b.ins().isub(count, above)
        })
    }

    /// A table lookup in registers: one byte plane of the entries after the other, sixteen entries at a time.
    pub(super) fn shuffled(&mut self, table: &[i128], index: Value, width: Width) -> Vec<Clif> {
        let last = table.len() as i128 - 1;
        let index = self.clamped_bytes(index, last);
        let mut planes: Vec<Clif> = (0..width.bytes()).map(|plane| self.plane(table, plane, index)).collect();
        let mut lane = Width::W8;
        while lane < width {
            // planes of neighbouring bytes meet in lanes twice as wide, which takes twice as many vectors
            let groups = width.bytes() / lane.bytes();
            let vectors = parts(lane);
            let mut joined = Vec::with_capacity(planes.len());
            for group in 0..groups / 2 {
                for vector in 0..vectors {
                    let low = planes[2 * group * vectors + vector];
                    let high = planes[(2 * group + 1) * vectors + vector];
                    joined.extend([false, true].map(|upper| self.emit.interleave(lane, low, high, upper)));
                }
            }
            planes = joined;
            lane = double(lane);
        }
        planes.into_iter().map(|x| self.emit.cast(part_type(width), x)).collect()
    }

    /// An index between 0 and `last`, in bytes without sign.
    fn clamped_bytes(&mut self, index: Value, last: i128) -> Clif {
        if last <= i8::MAX as i128 {
            return self.clamped(index, 0, last, Width::W8)[0];
        }
        let halves = self.clamped(index, 0, last, Width::W16);
        self.emit.b.ins().unarrow(halves[0], halves[1])
    }

    /// One byte of the entries at 16 indices.
    fn plane(&mut self, table: &[i128], plane: usize, index: Clif) -> Clif {
        let bytes: Vec<u8> = table.iter().map(|entry| entry.to_le_bytes()[plane]).collect();
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return self.emit.splat(types::I8X16, bytes[0] as i128);
        }
        let chunks: Vec<&[u8]> = bytes.chunks(16).collect();
        let mut found = None;
        for (number, chunk) in chunks.iter().enumerate() {
            let mut padded = [0; 16];
            padded[..chunk.len()].copy_from_slice(chunk);
            let entries = self.emit.vector(types::I8X16, &padded);
            let shuffled = if chunks.len() == 1 {
                self.emit.b.ins().x86_pshufb(entries, index)
            } else {
                // indices of other chunks are above 15, and give zeros
                let within = self.emit.add_constant(index, -16 * number as i128);
                self.emit.b.ins().swizzle(entries, within)
            };
            found = Some(match found {
                None => shuffled,
                Some(before) => self.emit.b.ins().bor(before, shuffled),
            });
        }
        found.expect("a table that is looked up has entries")
    }
}
