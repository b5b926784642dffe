//! Which random bytes belong to a seed? The same in every run and on every machine.

use opus_ir::testing::{Seed, Source};

/// The first `count` bytes of a seed.
///
/// ```
/// assert_eq!(opus_fuzz::seeds::bytes(7, 20), opus_fuzz::seeds::bytes(7, 20));
/// ```
pub fn bytes(seed: u64, count: usize) -> Vec<u8> {
    // spreads neighbouring seeds, so that their streams do not overlap
    let mut source = Seed(seed.wrapping_mul(0xd134_2543_de82_ef95));
    let words = std::iter::repeat_with(|| source.next().to_le_bytes());
    words.flatten().take(count).collect()
}
