//! Which random numbers? The same on every machine, for each row by its seed and number.

/// A stream of random numbers that is the same everywhere: SplitMix64 (Steele, Lea, Flood 2014).
pub struct Random(u64);

impl Random {
    /// The stream of a row and an attempt to draw it.
    pub fn new(seed: u64, number: u64, attempt: u32) -> Random {
        let mut random = Random(seed ^ 0x4f70_7573);
        random.0 = random.next() ^ number;
        random.0 = random.next() ^ attempt as u64;
        random
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0. For bounds of 64 bits the bias is below one in 2^64.
    pub fn below(&mut self, bound: u128) -> u128 {
        match u64::try_from(bound) {
            Ok(bound) => (self.next() as u128 * bound as u128) >> 64,
            Err(_) => ((self.next() as u128) << 64 | self.next() as u128) % bound,
        }
    }

    /// True once in this many times.
    pub fn one_in(&mut self, count: u64) -> bool {
        self.below(count as u128) == 0
    }

    /// A number up to `limit`: first its order of magnitude to the base of two, then the number.
    pub fn log_uniform(&mut self, limit: u128) -> u128 {
        let bits = 128 - limit.leading_zeros();
        let magnitude = self.below(bits as u128 + 1) as u32;
        if magnitude == 0 {
            return 0;
        }
        let (low, high) = (1u128 << (magnitude - 1), (u128::MAX >> (128 - magnitude)).min(limit));
        low + self.below(high - low + 1)
    }

    /// A number up to `limit`, spread as a bell over it: the mean of three, whose deviation is a sixth of the span.
    pub fn normal(&mut self, limit: u128) -> u128 {
        let parts = [(); 3].map(|()| self.below(limit.saturating_add(1)));
        // divided before they are added, as their sum may be beyond 128 bits
        parts.iter().map(|part| part / 3).sum::<u128>() + parts.iter().map(|part| part % 3).sum::<u128>() / 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_spread_over_their_orders_of_magnitude() {
        let mut random = Random::new(1, 0, 0);
        let mut by_digits = [0u32; 10];
        for _ in 0..10_000 {
            let digits = random.log_uniform(1_000_000_000).checked_ilog10().unwrap_or(0);
            by_digits[digits as usize] += 1;
        }
        assert!(by_digits[..9].iter().all(|count| *count > 500), "{by_digits:?}");
    }

    #[test]
    fn bounds_of_any_width_are_kept() {
        let mut random = Random::new(2, 0, 0);
        for bound in [1, 2, 3, 1 << 40, u64::MAX as u128 + 1, u128::MAX] {
            assert!((0..100).all(|_| random.below(bound) < bound));
            assert!((0..100).all(|_| random.log_uniform(bound - 1) < bound));
        }
    }

    #[test]
    fn a_bell_is_highest_in_the_middle_and_keeps_its_mean() {
        let mut random = Random::new(3, 0, 0);
        let drawn: Vec<u128> = (0..30_000).map(|_| random.normal(600)).collect();
        let mean = drawn.iter().sum::<u128>() as f64 / drawn.len() as f64;
        let square = drawn.iter().map(|x| (*x as f64 - mean).powi(2)).sum::<f64>() / drawn.len() as f64;
        assert!((mean - 300.0).abs() < 3.0, "{mean}");
        assert!((square.sqrt() - 100.0).abs() < 3.0, "{}", square.sqrt());
        assert!((0..100).all(|_| random.normal(u128::MAX) > 0));
    }
}
