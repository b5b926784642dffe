//! What do tests and fuzzers need? Any valid function from a seed or from bytes, rows for it, damage to it, and the
//! properties that all functions must have.
//!
//! Only with the feature `testing`. Nothing here is random by itself: the same source gives the same functions.

mod damage;
mod generate;
mod properties;

pub use damage::{damage, damage_proofs};
use generate::with_lie;
pub use generate::{func, row};
pub use properties::{
    Became, broken_claim, damaged_functions_are_refused_or_right, damaged_proofs, merged_versions_agree,
    text_reads_back, witnesses_agree,
};

use std::cell::Cell;

use crate::interval::Interval;

thread_local! {
    static VERIFICATIONS: Cell<u64> = const { Cell::new(0) };
}

/// How many programs this thread has verified.
pub fn verifications() -> u64 {
    VERIFICATIONS.get()
}

pub(crate) fn count_verification() {
    VERIFICATIONS.set(VERIFICATIONS.get() + 1);
}

/// Where choices come from.
pub trait Source {
    /// The next 64 bits.
    fn next(&mut self) -> u64;

    /// A number below `count`, which is not 0.
    fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    /// Whether one of `of` equally likely cases comes up.
    fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    /// One of several, `None` if there is none.
    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let count = from.len();
        (count > 0).then(|| &from[self.below(count)])
    }

    /// A value of an interval; its ends, and the numbers around 0, more often than others.
    fn within(&mut self, range: Interval) -> i128 {
        let wide = (self.next() as u128) << 64 | self.next() as u128;
        let span = range.hi.wrapping_sub(range.lo) as u128;
        match self.below(8) {
            0 => range.lo,
            1 => range.hi,
            2 => ((wide % 5) as i128 - 2).clamp(range.lo, range.hi),
            _ => range.lo.wrapping_add(span.checked_add(1).map_or(wide, |count| wide % count) as i128),
        }
    }
}

/// Choices from a seed (the generator is splitmix64).
#[derive(Clone, Debug)]
pub struct Seed(pub u64);

impl Source for Seed {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Choices from the bytes that a fuzzer found; when they are used up every choice is the first.
#[derive(Clone, Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl Source for Bytes<'_> {
    fn next(&mut self) -> u64 {
        let count = self.0.len().min(2);
        let (now, later) = self.0.split_at(count);
        self.0 = later;
        let bits = now.iter().fold(0, |bits, byte| bits << 8 | *byte as u64);
        // two bytes are a choice: the multiplication spreads them over wide values, and the shift brings what it made of
        // them into the low bits, which small choices look at
        let spread = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        spread ^ spread >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_make_every_small_choice() {
        let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_be_bytes).collect();
        for count in 1..=64 {
            let mut source = Bytes(&bytes);
            let mut found = vec![0_usize; count];
            (0..=u16::MAX).for_each(|_| found[source.below(count)] += 1);
            let fair = (1 << 16) / count;
            assert!(found.iter().all(|times| (fair / 2..=fair * 2).contains(times)), "{count}: {found:?}");
        }
    }
}
